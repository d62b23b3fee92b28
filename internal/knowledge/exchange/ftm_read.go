package exchange

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/vocabulary"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// FtMOptions of ImportFtM.
type FtMOptions struct {
	// Compartment in which entities are filed that name none.
	Compartment string
	// Into files everything in Compartment, also what names another one.
	Into bool
	// Compartments makes those that are not here, under the names that the file gives; needs who may.
	Compartments bool
	// Source names whose identifiers these are, for files that Zapis did not write.
	Source    string
	Certainty archive.Certainty // of what such files say; probable by default
	SHA256    [32]byte
	DryRun    bool
	Report    Reporter
	Progress  func(Counts)
}

// passes of a file: entities first, since what is said of one may refer to any other.
const (
	passEntities = int64(0)
	passSaid     = int64(1) << 40
)

type ftmIntake struct {
	s    *Service
	who  policy.Subject
	o    FtMOptions
	run  store.Import
	out  Imported
	made map[string]bool               // compartments that are there
	file map[string]archive.EntityKind // of a dry run: the entities of the file, which are not here while others are looked at
}

// ImportFtM takes a FollowTheMoney file in. What Zapis wrote comes back whole: identifiers, codes, claims with their certainty, authors, times
// and sources, findings, merges, passages and consents are kept as they were, as far as their identifiers are free here. Authors that have no
// account in this archive stay who they are; nobody can put words into the mouth of somebody who has one: such claims become the importer's
// own. Sources that are not held here are kept in words. Of other files the values become claims with one certainty.
//
// The file is read twice: entities first, then what is said of them. A dry run first reads what entities there are, and then does everything
// batch by batch in transactions that are given up.
func (s *Service) ImportFtM(ctx context.Context, who policy.Subject, f io.ReadSeeker, o FtMOptions) (Imported, error) {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return Imported{}, err
	}
	if err := policy.Decide(who, policy.EditCatalogue, policy.CatalogueObject(o.Compartment)).Err(); err != nil {
		return Imported{}, err
	}
	if o.Certainty == "" {
		o.Certainty = archive.Probable
	}
	if !slices.Contains(certainties, o.Certainty) || len(o.Source) > 200 {
		return Imported{}, fmt.Errorf("take in: %w: certainty or source", archive.ErrInvalid)
	}
	in := &ftmIntake{s: s, who: who, o: o, out: Imported{DryRun: o.DryRun, About: About{Format: "ftm", Encoding: "utf-8"}}, made: map[string]bool{}, file: map[string]archive.EntityKind{}}
	if err := in.begin(ctx); err != nil {
		return Imported{}, err
	}
	for _, pass := range []int64{passEntities, passSaid} {
		if in.run.NextRow >= passSaid && pass == passEntities {
			continue
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return in.out, fmt.Errorf("read file: %w", err)
		}
		do := in.pass
		if o.DryRun && pass == passEntities {
			do = in.look
		}
		if err := do(ctx, f, pass); err != nil {
			return in.out, err
		}
	}
	return in.out, nil
}

// begin finds the run that broke off, or begins one. What it was told stands in the place of a mapping, so that it goes on as it began.
func (in *ftmIntake) begin(ctx context.Context) error {
	o := in.o
	told, err := json.Marshal(map[string]any{"into": o.Into, "compartments": o.Compartments, "source": o.Source, "certainty": o.Certainty})
	if err != nil {
		return fmt.Errorf("keep options: %w", err)
	}
	in.run, in.out, err = in.s.begin(ctx, in.who, store.Import{Format: "ftm", SHA256: o.SHA256, Mapping: told, Compartment: o.Compartment}, in.out)
	return err
}

// look reads which entities a file holds, as far as a dry run remembers them.
func (in *ftmIntake) look(ctx context.Context, f io.Reader, _ int64) error {
	r := newFtMReader(f)
	for len(in.file) < maxKeys {
		e, _, err := r.next()
		var fault *RowError
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &fault):
			continue
		case err != nil:
			return nil // it is told when the lines before it were looked at
		}
		if k, ok := kindOfFtM(e); ok {
			in.file[e.ID] = k.Kind
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}

type ftmLine struct {
	row    int64
	e      ftmEntity
	kind   catalogue.Kind
	fault  *RowError
	entity archive.Entity
	fresh  bool // made by this batch
	known  bool // something of the line was said here before
}

func (in *ftmIntake) pass(ctx context.Context, f io.Reader, pass int64) error {
	r := newFtMReader(f)
	var batch []*ftmLine
	held := 0 // bytes of the batch
	inBatch := map[string]bool{}
	flush := func(next int64, ended bool) error {
		err := in.settle(ctx, batch, pass, next, ended)
		batch, held = nil, 0
		clear(inBatch)
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		e, row, err := r.next()
		var fault *RowError
		switch {
		case errors.Is(err, io.EOF):
			return flush(row, true)
		case errors.As(err, &fault):
		case err != nil:
			return errors.Join(flush(row, false), err)
		}
		if pass+row < in.run.NextRow {
			continue
		}
		l := &ftmLine{row: row, e: e, fault: fault}
		if fault == nil {
			var ok bool
			if l.kind, ok = kindOfFtM(e); !ok {
				l.fault = &RowError{Row: row, Code: ReasonValue, Text: "entities of this schema have no place in the catalogue"}
			}
		}
		if inBatch[e.ID] && e.ID != "" || len(batch) >= in.s.o.Batch || held > in.s.o.BatchBytes {
			if err := flush(row, false); err != nil {
				return err
			}
		}
		held += r.size
		inBatch[e.ID] = true
		batch = append(batch, l)
	}
}

// schemas of FollowTheMoney that we do not write ourselves, and what they are here.
var schemas = map[string]archive.EntityKind{
	"Person": catalogue.Person, "PublicBody": catalogue.Agency, "Organization": catalogue.Agency, "Company": catalogue.Agency, "LegalEntity": catalogue.Agency,
	"Event": catalogue.Incident, "Address": catalogue.Location, "Article": catalogue.Article, "Document": catalogue.Document, "HyperText": catalogue.Document,
	"PlainText": catalogue.Document, "Pages": catalogue.Document, "Image": catalogue.Document, "Video": catalogue.Document, "Audio": catalogue.Document,
	"Employment": catalogue.Posting, "Occupancy": catalogue.Posting, "UnknownLink": catalogue.Relation, "Associate": catalogue.Relation, "Family": catalogue.Relation,
}

func kindOfFtM(e ftmEntity) (catalogue.Kind, bool) {
	if e.Zapis != nil {
		return catalogue.KindOf(e.Zapis.Kind)
	}
	kind, ok := schemas[e.Schema]
	if !ok {
		return catalogue.Kind{}, false
	}
	return catalogue.KindOf(kind)
}

func (in *ftmIntake) settle(ctx context.Context, batch []*ftmLine, pass, next int64, ended bool) error {
	counts := in.out.Counts
	var reports []RowReport
	err := in.s.o.Knowledge.Bulk(ctx, in.who, "import", func(b *knowledge.Bulk) error {
		counts, reports = in.out.Counts, nil
		for _, l := range batch { // this may run again
			l.entity, l.fresh, l.known = archive.Entity{}, false, false
		}
		b.Imports(in.run.ID)
		write := in.entities
		if pass == passSaid {
			write = in.all
		}
		rows, err := write(ctx, b, batch)
		if err != nil {
			return err
		}
		if pass == passSaid {
			reports = rows
			for _, r := range rows {
				counts.add(r.Outcome)
			}
		}
		if in.o.DryRun {
			return errDry
		}
		run := in.run
		run.NextRow, run.Created, run.Updated, run.Unchanged, run.Refused = pass+next, counts.Created, counts.Updated, counts.Unchanged, counts.Refused
		if ended && pass == passEntities {
			run.NextRow = passSaid
		} else if ended {
			run.State, run.EndedAt = store.ImportDone, in.s.now()
		}
		if err := b.Tx().SetImport(ctx, run); err != nil {
			return err
		}
		in.run.NextRow = run.NextRow
		b.Detail("import", in.run.ID)
		b.Detail("rows", strconv.Itoa(len(batch)))
		b.Detail("file_sha256", hex.EncodeToString(in.run.SHA256[:]))
		return nil
	})
	if err != nil && !errors.Is(err, errDry) {
		return fmt.Errorf("take in lines before line %d: %w", next, err)
	}
	in.out.Counts, in.out.LastRow = counts, next
	if in.o.Report != nil {
		for _, r := range reports {
			if err := in.o.Report.Report(r); err != nil {
				return err
			}
		}
	}
	if in.o.Progress != nil {
		in.o.Progress(in.out.Counts)
	}
	return nil
}

// keySource is under which name the identifiers of a file are kept that could not be kept as they were.
func (in *ftmIntake) keySource(l *ftmLine) string {
	if l.e.Zapis != nil {
		return "zapis:" + in.run.ID
	}
	if in.o.Source != "" {
		return in.o.Source
	}
	return "ftm"
}

// resolve finds entities of the file that are here already: by identifier, or by the key under which this or an earlier run filed them.
func (in *ftmIntake) resolve(ctx context.Context, b *knowledge.Bulk, source string, ids []string) (map[string]archive.Entity, error) {
	out := map[string]archive.Entity{}
	var own []string
	for _, id := range ids {
		if archive.CheckID(archive.PrefixEntity, id) == nil {
			own = append(own, id)
		}
	}
	found, err := b.Tx().KeyedEntities(ctx, b.Scope(), source, ids)
	if err != nil {
		return nil, err
	}
	for key, e := range found {
		out[key] = e
	}
	here, err := b.Tx().Entities(ctx, b.Scope(), own...)
	if err != nil {
		return nil, err
	}
	for id, e := range here {
		if _, ok := out[id]; !ok {
			out[id] = e
		}
	}
	return out, nil
}

// compartment decides where an entity is filed. What was closed elsewhere is never filed in the open for want of a place.
func (in *ftmIntake) compartment(ctx context.Context, b *knowledge.Bulk, id, name string) (string, error) {
	if in.o.Into || id == "" {
		return in.o.Compartment, nil
	}
	if in.made[id] {
		return id, nil
	}
	if archive.CheckID(archive.PrefixCompartment, id) != nil {
		return "", fmt.Errorf("%w: a compartment by identifier was expected", archive.ErrInvalid)
	}
	closed := fmt.Errorf("%w: it belongs to a compartment that is not here or not yours; say where to file it", archive.ErrInvalid)
	if b.Scope().Sees(id) {
		if _, err := b.Tx().CompartmentTag(ctx, id); err == nil {
			in.made[id] = !in.o.DryRun
			return id, nil
		} else if !errors.Is(err, archive.ErrNotFound) {
			return "", err
		}
		if in.o.Compartments && policy.Decide(in.who, policy.ManageCompartment, policy.Object{}).Allow {
			if name == "" {
				name = id
			}
			if err := b.AddCompartment(ctx, archive.Compartment{ID: id, Name: name, CreatedAt: in.s.now(), CreatedBy: in.who.Agent}); err != nil {
				return "", err
			}
			in.made[id] = !in.o.DryRun
			return id, nil
		}
	}
	return "", closed
}

// author gives in whose name something is said here: somebody of another archive stays who they are, under a name that says so; whoever has
// an account here speaks only for themselves.
func (in *ftmIntake) author(ctx context.Context, b *knowledge.Bulk, id string, known map[string]string) (string, error) {
	if id == "" || id == in.who.Agent {
		return in.who.Agent, nil
	}
	if a, ok := known[id]; ok {
		return a, nil
	}
	if archive.CheckID(archive.PrefixAgent, id) != nil {
		return in.who.Agent, nil
	}
	_, err := b.Tx().Agent(ctx, id)
	switch {
	case errors.Is(err, archive.ErrNotFound):
		if in.o.DryRun {
			return id, nil // the run that it would be tied to is not there
		}
		known[id] = id
		return id, b.Tx().AddForeignAgent(ctx, archive.Agent{ID: id, Kind: "person", Name: "another archive (" + id[len(id)-6:] + ")", CreatedAt: in.s.now()}, in.run.ID)
	case err != nil:
		return "", err
	}
	foreign, err := b.Tx().ForeignAgent(ctx, id)
	if err != nil {
		return "", err
	}
	known[id] = in.who.Agent
	if foreign {
		known[id] = id
	}
	return known[id], nil
}

// entities adds the entities of a batch that are not here.
func (in *ftmIntake) entities(ctx context.Context, b *knowledge.Bulk, batch []*ftmLine) ([]RowReport, error) {
	bySource := map[string][]string{}
	for _, l := range batch {
		if l.fault == nil {
			bySource[in.keySource(l)] = append(bySource[in.keySource(l)], l.e.ID)
		}
	}
	here := map[string]map[string]archive.Entity{}
	for source, ids := range bySource {
		var err error
		if here[source], err = in.resolve(ctx, b, source, ids); err != nil {
			return nil, err
		}
	}
	var own []string
	for _, l := range batch {
		if l.fault == nil && archive.CheckID(archive.PrefixEntity, l.e.ID) == nil {
			own = append(own, l.e.ID)
		}
	}
	everything := archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1}
	taken, err := b.Tx().Entities(ctx, everything, own...)
	if err != nil {
		return nil, err
	}
	authors := map[string]string{}
	var keys []store.ExternalKey
	for _, l := range batch {
		if l.fault != nil {
			continue
		}
		refuse := func(err error) {
			l.fault = &RowError{Row: l.row, Code: ReasonRefused, Text: wordsOf(err)}
		}
		source := in.keySource(l)
		if e, ok := here[source][l.e.ID]; ok {
			if e.Kind != l.kind.Kind {
				refuse(fmt.Errorf("%w: it is an entity of another kind here", archive.ErrConflict))
				continue
			}
			l.entity = e
			continue
		}
		e := archive.Entity{ID: l.e.ID, Kind: l.kind.Kind, Compartment: in.o.Compartment, CreatedAt: in.s.now(), CreatedBy: in.who.Agent}
		if z := l.e.Zapis; z != nil {
			place, err := in.compartment(ctx, b, z.Compartment, z.CompartmentName)
			if err != nil {
				if !knowledge.Refusal(err) {
					return nil, err
				}
				refuse(err)
				continue
			}
			if z.Protected && l.kind.Kind != catalogue.Person {
				refuse(fmt.Errorf("%w: only persons are protected", archive.ErrInvalid))
				continue
			}
			e.Compartment, e.Protected, e.Code = place, z.Protected, z.Code
			if e.CreatedAt, err = stampTime(z.At); err != nil || e.CreatedAt.IsZero() {
				refuse(fmt.Errorf("%w: it does not say when it was made", archive.ErrInvalid))
				continue
			}
			if e.CreatedBy, err = in.author(ctx, b, z.By, authors); err != nil {
				return nil, err
			}
		}
		if _, used := taken[l.e.ID]; used || archive.CheckID(archive.PrefixEntity, l.e.ID) != nil {
			e.ID = in.s.o.NewID(archive.PrefixEntity)
			keys = append(keys, store.ExternalKey{Source: source, Key: l.e.ID, Entity: e.ID})
		}
		made, err := b.Fresh(ctx, e)
		if err != nil {
			if !knowledge.Refusal(err) {
				return nil, err
			}
			refuse(err)
			continue
		}
		l.entity, l.fresh = made.Entity, true
		if z := l.e.Zapis; z != nil {
			for _, k := range z.Keys {
				if k.Source != "" && k.Key != "" && len(k.Source) <= 200 && len(k.Key) <= 300 {
					keys = append(keys, store.ExternalKey{Source: k.Source, Key: k.Key, Entity: e.ID})
				}
			}
		}
		// The next line of the batch must see the code as taken.
		if err := b.AddEntities(ctx, made); err != nil {
			return nil, err
		}
	}
	return nil, b.Tx().AddExternalKeys(ctx, keys)
}

// all adds what is said of the entities of a batch.
func (in *ftmIntake) all(ctx context.Context, b *knowledge.Bulk, batch []*ftmLine) ([]RowReport, error) {
	if _, err := in.entities(ctx, b, batch); err != nil { // they are there already, but in a dry run
		return nil, err
	}
	var ids []string
	for _, l := range batch {
		if z := l.e.Zapis; l.fault == nil && z != nil {
			for _, c := range z.Claims {
				ids = append(ids, c.ID)
			}
			for _, f := range z.Findings {
				ids = append(ids, f.ID)
			}
			for _, m := range z.Merges {
				ids = append(ids, m.ID)
			}
			for _, p := range z.Passages {
				ids = append(ids, p.ID)
			}
			for _, c := range z.Consents {
				ids = append(ids, c.ID)
			}
		}
	}
	taken, err := b.Tx().TakenIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	w := &ftmSaid{in: in, b: b, taken: taken, ids: map[string]string{}, authors: map[string]string{}, refs: map[string]archive.Entity{}, absent: map[string]bool{}}
	if err := w.lookUp(ctx, batch); err != nil {
		return nil, err
	}
	var out []RowReport
	for _, l := range batch {
		r := RowReport{Row: l.row}
		if l.fault == nil {
			n, err := w.line(ctx, l)
			var fault *RowError
			switch {
			case errors.As(err, &fault):
				l.fault = fault
			case err != nil:
				return nil, err
			default:
				r.Entity, r.Code = l.entity.ID, l.entity.Code
				switch {
				case n == 0 && !l.fresh && l.e.speaks():
					r.Outcome = Unchanged
				case !l.known && (l.fresh || !l.entity.Changed.After(l.entity.CreatedAt)):
					r.Outcome = Created
				case n > 0:
					r.Outcome = Updated
				default:
					r.Outcome = Unchanged
				}
			}
		}
		if l.fault != nil {
			r = RowReport{Row: l.row, Outcome: Refused, Column: l.fault.Column, Reason: l.fault.Code, Text: l.fault.Text}
		}
		out = append(out, r)
	}
	return out, nil
}

// speaks says whether a line says anything beyond that there is an entity.
func (e ftmEntity) speaks() bool {
	z := e.Zapis
	return z == nil && len(e.Properties) > 0 || z != nil && len(z.Claims)+len(z.Passages)+len(z.Consents)+len(z.Findings)+len(z.Merges) > 0
}

// ftmSaid writes what is said of the entities of a batch.
type ftmSaid struct {
	in      *ftmIntake
	b       *knowledge.Bulk
	taken   map[string]bool           // identifiers that are in use
	ids     map[string]string         // that had to be changed
	authors map[string]string         // see author
	refs    map[string]archive.Entity // entities of the file, by the identifier they have there
	items   map[string]bool
	absent  map[string]bool // entities that a dry run takes as there, by the identifier that stands in for theirs
}

// lookUp finds in few questions what a batch refers to.
func (w *ftmSaid) lookUp(ctx context.Context, batch []*ftmLine) error {
	bySource := map[string][]string{}
	var items []string
	for _, l := range batch {
		if l.fault != nil {
			continue
		}
		source := w.in.keySource(l)
		w.refs[source+"\x00"+l.e.ID] = l.entity
		add := func(id string) {
			if id != "" {
				bySource[source] = append(bySource[source], id)
			}
		}
		if z := l.e.Zapis; z != nil {
			for _, c := range z.Claims {
				if p, _ := l.kind.Property(c.Property); p.Type == catalogue.TypeRef {
					add(c.Value)
				}
				for _, s := range c.Sources {
					add(s.Entity)
					items = append(items, s.Item)
				}
				if p, _ := l.kind.Property(c.Property); p.Type == catalogue.TypeItem {
					items = append(items, c.Value)
				}
			}
			for _, m := range z.Merges {
				add(m.Into)
			}
			for _, p := range z.Passages {
				items = append(items, p.Item)
			}
			for _, c := range z.Consents {
				items = append(items, c.Item)
			}
			continue
		}
		for _, p := range l.kind.References() {
			for _, v := range l.e.Properties[p.FtM] {
				add(v)
			}
		}
	}
	for source, ids := range bySource {
		found, err := w.in.resolve(ctx, w.b, source, ids)
		if err != nil {
			return err
		}
		for id, e := range found {
			w.refs[source+"\x00"+id] = e
		}
		for _, id := range ids {
			kind, ok := w.in.file[id]
			if _, there := w.refs[source+"\x00"+id]; ok && !there {
				e := archive.Entity{ID: w.in.s.o.NewID(archive.PrefixEntity), Kind: kind, Compartment: w.in.o.Compartment}
				w.refs[source+"\x00"+id] = e
				w.absent[e.ID] = true
			}
		}
	}
	items = slices.DeleteFunc(items, func(id string) bool { return archive.CheckID(archive.PrefixItem, id) != nil })
	var err error
	w.items, err = w.b.Tx().HeldItems(ctx, w.b.Scope(), items)
	return err
}

// id gives the identifier that something keeps: its own if that is free.
func (w *ftmSaid) id(prefix, id string) string {
	if archive.CheckID(prefix, id) == nil && !w.taken[id] {
		w.taken[id] = true
		return id
	}
	fresh := w.in.s.o.NewID(prefix)
	w.ids[id] = fresh
	return fresh
}

func (w *ftmSaid) now(id string) string {
	if n, ok := w.ids[id]; ok {
		return n
	}
	return id
}

// line writes what one line says and tells how many things were new.
func (w *ftmSaid) line(ctx context.Context, l *ftmLine) (int, error) {
	refuse := func(column string, err error) error {
		if !knowledge.Refusal(err) {
			return err
		}
		return &RowError{Row: l.row, Column: column, Code: ReasonValue, Text: wordsOf(err)}
	}
	if l.e.Zapis == nil {
		return w.plain(ctx, l, refuse)
	}
	return w.whole(ctx, l, refuse)
}

// plain takes in the values of a file that Zapis did not write.
func (w *ftmSaid) plain(ctx context.Context, l *ftmLine, refuse func(string, error) error) (int, error) {
	standing, err := w.b.Tx().Claims(ctx, w.b.Scope(), store.ClaimQuery{Entities: []string{l.entity.ID}, Standing: true})
	if err != nil {
		return 0, err
	}
	source := "FollowTheMoney"
	if w.in.o.Source != "" {
		source = w.in.o.Source
	}
	l.known = len(standing) > 0
	var claims []store.Claim
	used := map[string]bool{}
	for _, p := range l.kind.Properties {
		if p.FtM == "" || used[p.FtM] {
			continue
		}
		used[p.FtM] = true // the first of ours that it stands for
		for _, v := range l.e.Properties[p.FtM] {
			v, code := cleanCell(v)
			if code != "" {
				return 0, &RowError{Row: l.row, Column: p.FtM, Code: code, Text: reasonText[code]}
			}
			if v == "" {
				continue
			}
			switch p.Type {
			case catalogue.TypeRef:
				e, ok := w.refs[w.in.keySource(l)+"\x00"+v]
				if !ok || w.absent[e.ID] {
					continue // not in this file, or only in a dry run's
				}
				v = e.ID
			case catalogue.TypeTerm:
				if _, ok := vocabulary.Find(p.Vocabulary + ":" + v); !ok {
					continue // words of another list
				}
			case catalogue.TypeLang:
				if t, err := language.ParseBase(v); err == nil {
					v = t.String()
				}
			}
			d := knowledge.ClaimDraft{Property: p.Name, Value: v, Certainty: w.in.o.Certainty, Origin: w.in.run.ID, Sources: []archive.Source{{Kind: archive.SourceOther, Note: source + ", " + l.e.ID}}}
			c, err := w.b.Claim(ctx, l.entity, d)
			if err != nil {
				return 0, refuse(p.FtM, err)
			}
			if slices.ContainsFunc(standing, func(x store.Claim) bool { return x.Property == c.Property && x.Value == c.Value }) ||
				slices.ContainsFunc(claims, func(x store.Claim) bool { return x.Property == c.Property && x.Value == c.Value }) {
				continue
			}
			claims = append(claims, c)
		}
	}
	return len(claims), w.b.Say(ctx, claims...)
}

// whole takes in what Zapis wrote.
func (w *ftmSaid) whole(ctx context.Context, l *ftmLine, refuse func(string, error) error) (int, error) {
	z := l.e.Zapis
	n := 0
	// Everything is checked before anything is written, so that a line is taken whole or not at all.
	if twice := z.twice(); twice != "" {
		return 0, refuse(twice, fmt.Errorf("%w: two things have the same identifier", archive.ErrInvalid))
	}
	claims, retracted, err := w.claims(ctx, l, refuse)
	if err != nil {
		return 0, err
	}
	passages, removed, places, err := w.passages(ctx, l)
	if err != nil {
		return 0, refuse("passages", err)
	}
	consents, withdrawn, more, err := w.consents(ctx, l)
	if err != nil {
		return 0, refuse("consents", err)
	}
	places = append(places, more...)
	findings, err := w.findings(ctx, l)
	if err != nil {
		return 0, refuse("findings", err)
	}
	merges, err := w.merges(ctx, l)
	if err != nil {
		return 0, refuse("merges", err)
	}
	said := len(claims)
	claims = slices.DeleteFunc(claims, func(c store.Claim) bool { // of a dry run: the database cannot refer to what is not there
		return w.absent[c.Ref] || slices.ContainsFunc(c.Sources, func(s archive.Source) bool { return w.absent[s.Entity] })
	})
	if w.in.o.DryRun { // nor look back at what it was not given
		retracted = slices.DeleteFunc(retracted, func(r store.Claim) bool {
			return !slices.ContainsFunc(claims, func(c store.Claim) bool { return c.ID == r.ID })
		})
		findings = slices.DeleteFunc(findings, func(f archive.Finding) bool {
			return f.Claim != "" && w.taken[f.Claim] && !slices.ContainsFunc(claims, func(c store.Claim) bool { return c.ID == f.Claim })
		})
	}
	for i, p := range passages {
		if err := w.b.Tx().AddPassages(ctx, p); err != nil {
			return 0, err
		}
		if !removed[i].IsZero() {
			if err := w.b.Tx().RemovePassage(ctx, p.ID, p.Replaced, w.in.who.Agent, removed[i]); err != nil {
				return 0, err
			}
		}
		n++
	}
	if err := w.b.IndexPassages(ctx, l.entity, passages...); err != nil {
		return 0, err
	}
	for i, c := range consents {
		if err := w.b.Tx().AddConsents(ctx, w.in.s.now(), c); err != nil {
			return 0, err
		}
		if x := withdrawn[i]; !x.WithdrawnAt.IsZero() {
			if err := w.b.Tx().WithdrawConsents(ctx, []string{c.ID}, x.WithdrawnBy, x.Reason, x.WithdrawnAt); err != nil {
				return 0, err
			}
		}
		n++
	}
	if err := w.b.Tx().AddForeignPlaces(ctx, places); err != nil {
		return 0, err
	}
	if err := w.b.Say(ctx, claims...); err != nil {
		return 0, err
	}
	var tied []string
	for _, c := range claims {
		tied = append(tied, c.ID)
	}
	if err := w.b.Tx().AddImportClaims(ctx, w.in.run.ID, tied); err != nil {
		return 0, err
	}
	for _, c := range retracted {
		if err := w.b.RetractAs(ctx, c.RetractedAt, c.RetractedBy, c.Reason, c.Replaced, c.ID); err != nil {
			return 0, err
		}
	}
	for _, f := range findings {
		if err := w.b.Tx().AddClaimFinding(ctx, f); err != nil {
			return 0, err
		}
	}
	n += said + len(findings)
	for _, m := range merges {
		if w.absent[m.Into] {
			n++
			continue
		}
		switch err := w.b.Tx().AddMerge(ctx, m.Merge); {
		case errors.Is(err, archive.ErrConflict):
			continue // something that the importer does not see stands against it
		case err != nil:
			return 0, err
		}
		n++
		if !m.undone.IsZero() {
			if err := w.b.Tx().UndoMerge(ctx, m.ID, m.undoer, m.undone); err != nil {
				return 0, err
			}
		}
	}
	return n, nil
}

// twice gives what two things of one line are that have the same identifier; empty if none do.
func (z *ftmZapis) twice() string {
	seen := map[string]bool{}
	again := func(id string) bool {
		was := seen[id]
		seen[id] = true
		return was
	}
	switch {
	case slices.ContainsFunc(z.Claims, func(x ftmClaim) bool { return again(x.ID) }):
		return "claims"
	case slices.ContainsFunc(z.Passages, func(x ftmPassage) bool { return again(x.ID) }):
		return "passages"
	case slices.ContainsFunc(z.Consents, func(x ftmConsent) bool { return again(x.ID) }):
		return "consents"
	case slices.ContainsFunc(z.Findings, func(x ftmFinding) bool { return again(x.ID) }):
		return "findings"
	case slices.ContainsFunc(z.Merges, func(x ftmMerge) bool { return again(x.ID) }):
		return "merges"
	}
	return ""
}

// claims checks the claims of a line that are not here.
func (w *ftmSaid) claims(ctx context.Context, l *ftmLine, refuse func(string, error) error) (out, retracted []store.Claim, err error) {
	z := l.e.Zapis
	here, err := w.here(ctx, z.Claims)
	if err != nil {
		return nil, nil, err
	}
	for _, x := range z.Claims {
		if c, ok := here[x.ID]; ok && c.Entity == l.entity.ID {
			l.known = true
			continue
		}
		p, ok := l.kind.Property(x.Property)
		if !ok {
			return nil, nil, refuse(x.Property, fmt.Errorf("%w: %s has no such property", archive.ErrInvalid, l.kind.Kind))
		}
		at, err := stampTime(x.At)
		if err != nil || at.IsZero() {
			return nil, nil, refuse(x.Property, fmt.Errorf("%w: a claim does not say when it was made", archive.ErrInvalid))
		}
		d := knowledge.ClaimDraft{Property: x.Property, Value: x.Value, Lang: x.Lang, Certainty: x.Certainty, Note: x.Note, Origin: x.Origin}
		if x.Compartment != nil {
			if d.Compartment, err = w.in.compartment(ctx, w.b, *x.Compartment, ""); err != nil {
				return nil, nil, refuse(x.Property, err)
			}
		}
		// What has no form that could be checked against this archive is put in as it is afterwards.
		value := x.Value
		switch {
		case x.Value == "":
			d.Certainty = archive.NotKnown // nothing is said: it was taken out when an item was erased
		case p.Type == catalogue.TypeRef && x.Value != catalogue.Undetermined:
			e, ok := w.refs[w.in.keySource(l)+"\x00"+x.Value]
			if !ok {
				return nil, nil, refuse(x.Property, fmt.Errorf("%w: it refers to something that is neither in the file nor here", archive.ErrInvalid))
			}
			d.Value, value = e.ID, e.ID
			if w.absent[e.ID] {
				if len(p.Refers) > 0 && !slices.Contains(p.Refers, e.Kind) || e.ID == l.entity.ID {
					return nil, nil, refuse(x.Property, fmt.Errorf("%w: it refers to something of another kind", archive.ErrInvalid))
				}
				d.Value, d.Certainty = "", archive.NotKnown
			}
		case p.Type == catalogue.TypeTerm:
			// One that was retired since is no error: the claim was made before.
			known, err := w.b.TermKnown(ctx, x.Value)
			if err != nil {
				return nil, nil, err
			}
			if term, ok := z.Terms[x.Value]; !known && ok {
				vocab, code, _ := strings.Cut(x.Value, ":")
				err := w.b.AddTerm(ctx, archive.Term{Vocabulary: vocab, Code: code, Parent: term.Parent, Labels: maps.Clone(term.Labels), Retired: term.Retired})
				if err != nil {
					return nil, nil, refuse(x.Property, err)
				}
				known = true
			}
			if !known || !strings.HasPrefix(x.Value, p.Vocabulary+":") {
				return nil, nil, refuse(x.Property, fmt.Errorf("%w: a term of the vocabulary %s was expected", archive.ErrInvalid, p.Vocabulary))
			}
			if value, err = catalogue.Canonical(p, x.Value, ""); err != nil {
				return nil, nil, refuse(x.Property, err)
			}
			d.Value, d.Certainty = "", archive.NotKnown
		case p.Type == catalogue.TypeItem && !w.items[x.Value]:
			if archive.CheckID(archive.PrefixItem, x.Value) != nil {
				return nil, nil, refuse(x.Property, fmt.Errorf("%w: an item was expected", archive.ErrInvalid))
			}
			d.Value, d.Certainty = "", archive.NotKnown
		}
		for _, s := range x.Sources {
			src, err := w.source(s, l)
			if err != nil {
				return nil, nil, refuse(x.Property, err)
			}
			d.Sources = append(d.Sources, src)
		}
		// A passage of this very line is not there yet: what it rests on is checked without it.
		sources := d.Sources
		d.Sources = slices.DeleteFunc(slices.Clone(sources), func(s archive.Source) bool {
			return s.Kind == archive.SourcePassage || s.Kind == archive.SourceOther || w.absent[s.Entity]
		})
		if len(x.Sources) > knowledge.MaxSources {
			return nil, nil, refuse(x.Property, fmt.Errorf("%w: a claim has at most %d sources", archive.ErrInvalid, knowledge.MaxSources))
		}
		c, err := w.b.Claim(ctx, l.entity, d)
		if err != nil {
			return nil, nil, refuse(x.Property, err)
		}
		for i, s := range sources {
			if s.Kind == archive.SourceOther && !strings.HasPrefix(s.Note, foreignPrefix) {
				if sources[i].Note, err = catalogue.Note(s.Note); err != nil {
					return nil, nil, refuse(x.Property, err)
				}
			}
		}
		if x.Certainty == "" || !slices.Contains(certainties, x.Certainty) {
			return nil, nil, refuse(x.Property, fmt.Errorf("%w: a certainty was expected", archive.ErrInvalid))
		}
		c.Certainty, c.Sources, c.CreatedAt = x.Certainty, sources, at
		if c.Value == "" {
			c.Value = value // an item that is not held
		}
		if l.entity.Protected && p.Identifies && c.Value != "" {
			return nil, nil, refuse(x.Property, fmt.Errorf("%w: a protected person is known by the code alone", archive.ErrInvalid))
		}
		if c.Author, err = w.in.author(ctx, w.b, x.By, w.authors); err != nil {
			return nil, nil, err
		}
		if c.Author == w.in.who.Agent && x.By != c.Author {
			c.CreatedAt = w.in.s.now() // not on somebody else's word
		}
		c.ID = w.id(archive.PrefixClaim, x.ID)
		out = append(out, c)
	}
	for i, x := range z.Claims {
		if x.Retracted == nil {
			continue
		}
		if c, ok := here[x.ID]; ok && c.Entity == l.entity.ID {
			continue
		}
		at, err := stampTime(x.Retracted.At)
		if err != nil || at.IsZero() {
			return nil, nil, refuse(z.Claims[i].Property, fmt.Errorf("%w: it does not say when it was taken back", archive.ErrInvalid))
		}
		by := x.Retracted.By
		if by != "" {
			if by, err = w.in.author(ctx, w.b, by, w.authors); err != nil {
				return nil, nil, err
			}
		}
		why, err := catalogue.Note(x.Retracted.Reason)
		if err != nil {
			return nil, nil, refuse(x.Property, err)
		}
		replaced := ""
		if x.Retracted.Replaced != "" {
			if replaced = w.now(x.Retracted.Replaced); archive.CheckID(archive.PrefixClaim, replaced) != nil {
				return nil, nil, refuse(x.Property, fmt.Errorf("%w: a claim was expected in the place of another one", archive.ErrInvalid))
			}
		}
		c := store.Claim{Claim: archive.Claim{ID: w.now(x.ID), RetractedAt: at, RetractedBy: by, Replaced: replaced}, Reason: why}
		retracted = append(retracted, c)
	}
	return out, retracted, nil
}

// here finds which of the claims are here, as far as the one who acts sees them.
func (w *ftmSaid) here(ctx context.Context, claims []ftmClaim) (map[string]store.Claim, error) {
	out := map[string]store.Claim{}
	var ids []string
	for _, c := range claims {
		if w.taken[c.ID] {
			ids = append(ids, c.ID)
		}
	}
	if len(ids) == 0 {
		return out, nil
	}
	found, err := w.b.Tx().Claims(ctx, w.b.Scope(), store.ClaimQuery{IDs: ids})
	for _, c := range found {
		out[c.ID] = c
	}
	return out, err
}

// source gives a source as this archive can keep it: what is not held here is kept in words.
func (w *ftmSaid) source(s ftmSource, l *ftmLine) (archive.Source, error) {
	from, err := secondsOf(s.From)
	if err != nil {
		return archive.Source{}, err
	}
	to, err := secondsOf(s.To)
	if err != nil {
		return archive.Source{}, err
	}
	note, err := catalogue.Note(s.Note)
	if err != nil {
		return archive.Source{}, err
	}
	if s.Page < 0 || s.Page > 1_000_000 || to < from {
		return archive.Source{}, fmt.Errorf("%w: a span or a page was expected", archive.ErrInvalid)
	}
	// What is kept in words is shown: it must be what it says, and nothing else.
	for prefix, id := range map[string]string{archive.PrefixItem: s.Item, archive.PrefixPassage: s.Passage, archive.PrefixEntity: s.Entity} {
		if id != "" && archive.CheckID(prefix, id) != nil {
			return archive.Source{}, fmt.Errorf("%w: a source names something by its identifier", archive.ErrInvalid)
		}
	}
	out := archive.Source{Kind: s.Kind, From: from, To: to, Page: s.Page, Note: note}
	if s.Region != nil {
		out.Region = archive.Region{X: s.Region[0], Y: s.Region[1], W: s.Region[2], H: s.Region[3]}
	}
	switch s.Kind {
	case archive.SourceItem:
		if archive.CheckID(archive.PrefixItem, s.Item) != nil {
			return out, fmt.Errorf("%w: an item was expected", archive.ErrInvalid)
		}
		if !w.items[s.Item] {
			return foreign(s), nil
		}
		out.Item = s.Item
	case archive.SourcePassage:
		e, ok := w.refs[w.in.keySource(l)+"\x00"+s.Entity]
		if !ok || e.Kind != catalogue.Testimony || archive.CheckID(archive.PrefixPassage, s.Passage) != nil {
			return foreign(s), nil
		}
		out.Passage, out.Entity = w.now(s.Passage), e.ID
	case archive.SourceDocument, archive.SourceArticle:
		e, ok := w.refs[w.in.keySource(l)+"\x00"+s.Entity]
		if !ok || string(e.Kind) != s.Kind {
			return foreign(s), nil
		}
		out.Entity = e.ID
	case archive.SourceOther:
		if note == "" {
			return out, fmt.Errorf("%w: words that say what a source is were expected", archive.ErrInvalid)
		}
		out = archive.Source{Kind: s.Kind, Note: note}
	default:
		return out, fmt.Errorf("%w: this kind of source is not known", archive.ErrInvalid)
	}
	return out, nil
}

// passages checks the passages of a line that are not here, in the order in which they were written.
func (w *ftmSaid) passages(ctx context.Context, l *ftmLine) (out []archive.Passage, removed []time.Time, places []store.ForeignPlace, err error) {
	z := l.e.Zapis
	if len(z.Passages) > 0 && l.kind.Kind != catalogue.Testimony {
		return nil, nil, nil, fmt.Errorf("%w: only testimony has passages", archive.ErrInvalid)
	}
	list := slices.Clone(z.Passages)
	slices.SortStableFunc(list, func(a, b ftmPassage) int { return strings.Compare(a.At+a.ID, b.At+b.ID) })
	ordinals := map[int]bool{}
	var standing []archive.Passage
	if len(list) > 0 {
		if standing, err = w.b.Tx().Passages(ctx, w.b.Scope(), false, l.entity.ID); err != nil {
			return nil, nil, nil, err
		}
	}
	for _, p := range standing {
		ordinals[p.Ordinal] = true
	}
	for _, x := range list {
		if w.taken[x.ID] {
			if found, err := w.b.Tx().PassagesByID(ctx, w.b.Scope(), x.ID); err != nil {
				return nil, nil, nil, err
			} else if len(found) == 1 && found[0].Testimony == l.entity.ID {
				continue
			}
		}
		at, err := stampTime(x.At)
		if err != nil || at.IsZero() {
			return nil, nil, nil, fmt.Errorf("%w: a passage does not say when it was written", archive.ErrInvalid)
		}
		gone, err := stampTime(x.Removed)
		if err != nil {
			return nil, nil, nil, err
		}
		text, code := cleanCell(x.Text)
		if code != "" || text == "" || x.Ordinal < 1 || x.Ordinal > 1_000_000 || x.Page < 0 {
			return nil, nil, nil, fmt.Errorf("%w: a passage needs words and a place", archive.ErrInvalid)
		}
		if ok, err := w.b.TermKnown(ctx, "interview:"+x.Heading); err != nil || !ok {
			return nil, nil, nil, errors.Join(err, fmt.Errorf("%w: a heading of the vocabulary interview was expected", archive.ErrInvalid))
		}
		lang, err := catalogue.Lang(x.Lang)
		if err != nil {
			return nil, nil, nil, err
		}
		p := archive.Passage{Testimony: l.entity.ID, Ordinal: x.Ordinal, Heading: x.Heading, Text: text, Lang: lang, CreatedAt: at}
		if p.CreatedBy, err = w.in.author(ctx, w.b, x.By, w.authors); err != nil {
			return nil, nil, nil, err
		}
		from, err := secondsOf(x.From)
		if err != nil {
			return nil, nil, nil, err
		}
		to, err := secondsOf(x.To)
		if err != nil || to < from {
			return nil, nil, nil, fmt.Errorf("%w: a span was expected", archive.ErrInvalid)
		}
		p.ID = w.id(archive.PrefixPassage, x.ID)
		switch {
		case x.Item == "":
		case archive.CheckID(archive.PrefixItem, x.Item) != nil:
			return nil, nil, nil, fmt.Errorf("%w: an item was expected", archive.ErrInvalid)
		case w.items[x.Item]:
			p.Item, p.From, p.To, p.Page = x.Item, from, to, x.Page
		default:
			places = append(places, store.ForeignPlace{Subject: p.ID, Item: x.Item, From: from, To: to, Page: x.Page})
		}
		if gone.IsZero() {
			if ordinals[p.Ordinal] {
				return nil, nil, nil, fmt.Errorf("%w: two passages have the same place", archive.ErrConflict)
			}
			ordinals[p.Ordinal] = true
		}
		p.Replaced = x.Replaced
		out, removed = append(out, p), append(removed, gone)
	}
	for i := range out {
		if out[i].Replaced == "" {
			continue
		}
		out[i].Replaced = w.now(out[i].Replaced)
		if !slices.ContainsFunc(out, func(p archive.Passage) bool { return p.ID == out[i].Replaced }) || removed[i].IsZero() {
			return nil, nil, nil, fmt.Errorf("%w: a passage says that another one took its place which is not there", archive.ErrInvalid)
		}
	}
	return out, removed, places, nil
}

// consents checks the consents of a line that are not here.
func (w *ftmSaid) consents(ctx context.Context, l *ftmLine) (out, withdrawn []archive.Consent, places []store.ForeignPlace, err error) {
	z := l.e.Zapis
	if len(z.Consents) == 0 {
		return nil, nil, nil, nil
	}
	if l.kind.Kind != catalogue.Testimony {
		return nil, nil, nil, fmt.Errorf("%w: only testimony has consents", archive.ErrInvalid)
	}
	if err := policy.Decide(w.in.who, policy.ManageConsent, policy.CatalogueObject(l.entity.Compartment)).Err(); err != nil {
		return nil, nil, nil, err
	}
	here, err := w.b.Tx().Consents(ctx, w.b.Scope(), l.entity.ID)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, x := range z.Consents {
		if slices.ContainsFunc(here, func(c archive.Consent) bool { return c.ID == x.ID }) {
			continue
		}
		c := archive.Consent{Testimony: l.entity.ID, Purpose: x.Purpose, Audience: x.Audience, How: x.How}
		for _, t := range [][2]string{{"purpose", x.Purpose}, {"audience", x.Audience}} {
			if ok, err := w.b.TermKnown(ctx, t[0]+":"+t[1]); err != nil || !ok {
				return nil, nil, nil, errors.Join(err, fmt.Errorf("%w: a term of the vocabulary %s was expected", archive.ErrInvalid, t[0]))
			}
		}
		if !slices.Contains([]string{"written", "recorded", "oral"}, x.How) {
			return nil, nil, nil, fmt.Errorf("%w: consent is written, recorded or oral", archive.ErrInvalid)
		}
		var gone archive.Consent
		for _, t := range []struct {
			text string
			to   *time.Time
		}{{x.Until, &c.Until}, {x.Given, &c.GivenAt}, {x.Withdrawn, &gone.WithdrawnAt}} {
			if *t.to, err = stampTime(t.text); err != nil {
				return nil, nil, nil, err
			}
		}
		if c.GivenAt.IsZero() || c.GivenAt.After(w.in.s.now()) || !c.Until.IsZero() && !c.Until.After(c.GivenAt) {
			return nil, nil, nil, fmt.Errorf("%w: consent is given on a day that has been, and ends after it", archive.ErrInvalid)
		}
		if c.Note, err = catalogue.Note(x.Note); err != nil {
			return nil, nil, nil, err
		}
		if gone.Reason, err = catalogue.Note(x.Reason); err != nil {
			return nil, nil, nil, err
		}
		if c.Author, err = w.in.author(ctx, w.b, x.By, w.authors); err != nil {
			return nil, nil, nil, err
		}
		if gone.WithdrawnBy, err = w.in.author(ctx, w.b, x.Withdrew, w.authors); err != nil {
			return nil, nil, nil, err
		}
		c.ID = w.id(archive.PrefixConsent, x.ID)
		switch {
		case x.Item == "":
		case archive.CheckID(archive.PrefixItem, x.Item) != nil:
			return nil, nil, nil, fmt.Errorf("%w: an item was expected", archive.ErrInvalid)
		case w.items[x.Item]:
			c.Item = x.Item
		default:
			places = append(places, store.ForeignPlace{Subject: c.ID, Item: x.Item})
		}
		out, withdrawn = append(out, c), append(withdrawn, gone)
	}
	return out, withdrawn, places, nil
}

// findings checks the findings of a line that are not here.
func (w *ftmSaid) findings(ctx context.Context, l *ftmLine) (out []archive.Finding, err error) {
	var here []archive.Finding
	if len(l.e.Zapis.Findings) > 0 {
		if here, err = w.b.Tx().Findings(ctx, w.b.Scope(), l.entity.ID); err != nil {
			return nil, err
		}
	}
	for _, x := range l.e.Zapis.Findings {
		if slices.ContainsFunc(here, func(f archive.Finding) bool { return f.ID == x.ID }) {
			continue
		}
		if _, ok := l.kind.Property(x.Property); !ok {
			return nil, fmt.Errorf("%w: a finding is about a property that there is not", archive.ErrInvalid)
		}
		f := archive.Finding{Entity: l.entity.ID, Property: x.Property, Dissent: x.Dissent}
		if x.Claim != "" {
			if !slices.ContainsFunc(l.e.Zapis.Claims, func(c ftmClaim) bool { return c.ID == x.Claim && c.Property == x.Property }) {
				return nil, fmt.Errorf("%w: a finding chose a claim that is not there", archive.ErrInvalid)
			}
			f.Claim = w.now(x.Claim)
		}
		if f.Reason, err = catalogue.Note(x.Reason); err != nil {
			return nil, err
		}
		if f.At, err = stampTime(x.At); err != nil || f.At.IsZero() {
			return nil, fmt.Errorf("%w: a finding does not say when it was made", archive.ErrInvalid)
		}
		if f.Author, err = w.in.author(ctx, w.b, x.By, w.authors); err != nil {
			return nil, err
		}
		if f.Author == w.in.who.Agent && x.By != f.Author {
			f.At = w.in.s.now()
		}
		f.ID = w.id(archive.PrefixFinding, x.ID)
		out = append(out, f)
	}
	return out, nil
}

// ftmMerged is a merge that is to be made.
type ftmMerged struct {
	archive.Merge
	undone time.Time
	undoer string
}

// merges checks the merges of a line that are not here. One that cannot be made, because its entities were merged otherwise here, is left out.
func (w *ftmSaid) merges(ctx context.Context, l *ftmLine) (out []ftmMerged, err error) {
	list := l.e.Zapis.Merges
	if len(list) == 0 {
		return nil, nil
	}
	here, err := w.b.Tx().MergesOf(ctx, w.b.Scope(), true, l.entity.ID)
	if err != nil {
		return nil, err
	}
	members, err := w.b.Tx().Members(ctx, w.b.Scope(), l.entity.ID)
	if err != nil {
		return nil, err
	}
	bad := func(text string) error { return fmt.Errorf("%w: %s", archive.ErrInvalid, text) }
	stands := slices.ContainsFunc(here, func(m archive.Merge) bool { return m.From == l.entity.ID && m.UndoneAt.IsZero() })
	for _, x := range list {
		if stands || slices.ContainsFunc(here, func(m archive.Merge) bool { return m.ID == x.ID }) {
			continue
		}
		into, ok := w.refs[w.in.keySource(l)+"\x00"+x.Into]
		switch {
		case !ok || into.Kind != l.kind.Kind || into.ID == l.entity.ID:
			return nil, bad("it was merged into something that is neither in the file nor here")
		case slices.ContainsFunc(members[l.entity.ID], func(e archive.Entity) bool { return e.ID == into.ID }):
			return nil, bad("it was merged into something that is merged into it here")
		}
		m := ftmMerged{Merge: archive.Merge{From: l.entity.ID, Into: into.ID}}
		if m.Reason, err = catalogue.Note(x.Reason); err != nil {
			return nil, bad("a merge needs a moment and a reason")
		}
		if m.At, err = stampTime(x.At); err != nil || m.At.IsZero() {
			return nil, bad("a merge needs a moment and a reason")
		}
		if m.undone, err = stampTime(x.Undone); err != nil {
			return nil, bad("a merge needs a moment and a reason")
		}
		if m.Author, err = w.in.author(ctx, w.b, x.By, w.authors); err != nil {
			return nil, err
		}
		if m.undoer, err = w.in.author(ctx, w.b, x.Undoer, w.authors); err != nil {
			return nil, err
		}
		m.ID = w.id(archive.PrefixMerge, x.ID)
		stands = m.undone.IsZero() // only the last one can
		out = append(out, m)
	}
	return out, nil
}

// IsFtM says whether the beginning of a file looks like FollowTheMoney.
func IsFtM(head []byte) bool {
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(head) > 0 && head[0] == '{'
}
