package exchange

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// maxKeys is how many keys of one file are remembered to tell twice the same key in a dry run, and how many names are.
const maxKeys = 1_000_000

// claimBytes is what a claim counts for beside the cells of its row: see Options.BatchBytes.
const claimBytes = 500

// errDry ends the transaction of a dry run: everything was done as it would be, and nothing stays.
var errDry = errors.New("dry run")

// errMany: the rows of a batch refer to so many new entities, or twice to the same one, that it takes two transactions.
var errMany = errors.New("too many at once")

// ImportOptions of ImportTable.
type ImportOptions struct {
	Mapping     Mapping
	Compartment string   // in which new entities are filed
	SHA256      [32]byte // of the file: see Digest
	DryRun      bool     // do everything and keep nothing
	Report      Reporter // nil: none
	// Progress is called after each batch; nil: not.
	Progress func(Counts)
}

// Imported is what became of an import.
type Imported struct {
	ID string `json:"import,omitempty"` // empty after a dry run
	Counts
	Others  int64 `json:"others"`            // entities that were made because rows refer to them by name
	From    int64 `json:"from,omitempty"`    // the row at which a run that had broken off went on
	LastRow int64 `json:"lastRow,omitempty"` // the last row that was settled
	DryRun  bool  `json:"dryRun,omitempty"`
	About   About `json:"about"`
}

// Digest gives the digest by which a file is known, and its size.
func Digest(r io.Reader) (sum [32]byte, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	if err != nil {
		return sum, size, fmt.Errorf("read file: %w", err)
	}
	return [32]byte(h.Sum(nil)), size, nil
}

// line is a row on its way into the catalogue.
type line struct {
	row     int64
	key     string
	draft   knowledge.Draft
	fault   *RowError
	entity  string // found by the key
	claims  []said
	current []store.Claim
}

// said is a claim of a row with what it takes the place of.
type said struct {
	draft    knowledge.ClaimDraft
	column   string
	property catalogue.Property
	refer    *Refer
	replaces []string
}

// intake is one run.
type intake struct {
	s       *Service
	who     policy.Subject
	o       ImportOptions
	t       Table
	kind    catalogue.Kind
	keyAt   int
	columns []int
	terms   map[string]map[string]string // vocabulary → folded word → value; "" if the word is ambiguous
	words   []map[string]string          // by column of the mapping: folded word of the file → folded term
	told    []map[string]string          // by column: cell → term, for cells that came before
	names   map[string]string            // kind and folded name → entity
	seen    map[string]struct{}          // keys of a dry run
	run     store.Import
	out     Imported
}

// ImportTable takes a table in. It works in batches, each of which is one transaction with one event, so that a run that breaks off can be
// called again with the same file and mapping and goes on. An error that names a row (see RowError) means that nothing from that row on was
// taken. archive.ErrConflict: the same file is under way with another mapping.
func (s *Service) ImportTable(ctx context.Context, who policy.Subject, t Table, o ImportOptions) (Imported, error) {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return Imported{}, err
	}
	if err := policy.Decide(who, policy.EditCatalogue, policy.CatalogueObject(o.Compartment)).Err(); err != nil {
		return Imported{}, err
	}
	if err := o.Mapping.check(); err != nil {
		return Imported{}, err
	}
	in := &intake{s: s, who: who, o: o, t: t, names: map[string]string{}, seen: map[string]struct{}{}, out: Imported{DryRun: o.DryRun, About: t.About()}}
	in.kind, _ = catalogue.KindOf(o.Mapping.Kind)
	var err error
	if in.keyAt, in.columns, err = o.Mapping.fit(t.Header()); err != nil {
		return Imported{}, err
	}
	if err := in.vocabulary(ctx); err != nil {
		return Imported{}, err
	}
	if err := in.begin(ctx); err != nil {
		return Imported{}, err
	}
	err = in.all(ctx)
	return in.out, err
}

// vocabulary reads the words of the terms that the mapping needs.
func (in *intake) vocabulary(ctx context.Context) error {
	in.terms = map[string]map[string]string{}
	for _, c := range in.o.Mapping.Columns {
		own := make(map[string]string, len(c.Terms))
		for word, term := range c.Terms {
			own[fold(word)] = fold(term)
		}
		in.words, in.told = append(in.words, own), append(in.told, map[string]string{})
		p, _ := in.kind.Property(c.Property)
		if p.Type != catalogue.TypeTerm || in.terms[p.Vocabulary] != nil {
			continue
		}
		list, err := in.s.o.Knowledge.Vocabulary(ctx, p.Vocabulary)
		if err != nil {
			return err
		}
		words := map[string]string{}
		for _, t := range list {
			if t.Retired {
				continue
			}
			value := p.Vocabulary + ":" + t.Code
			for _, l := range t.Labels {
				if was, there := words[fold(l)]; there && was != value {
					words[fold(l)] = ""
				} else {
					words[fold(l)] = value
				}
			}
		}
		for _, t := range list { // a code is never mistaken for a word
			if !t.Retired {
				words[fold(t.Code)], words[fold(p.Vocabulary+":"+t.Code)] = p.Vocabulary+":"+t.Code, p.Vocabulary+":"+t.Code
			}
		}
		in.terms[p.Vocabulary] = words
	}
	return nil
}

// begin finds the run that broke off, or begins one.
func (in *intake) begin(ctx context.Context) error {
	mapping, err := json.Marshal(in.o.Mapping)
	if err != nil {
		return fmt.Errorf("keep mapping: %w", err)
	}
	run := store.Import{Format: "table", SHA256: in.o.SHA256, Mapping: mapping, Compartment: in.o.Compartment, NextRow: 2}
	in.run, in.out, err = in.s.begin(ctx, in.who, run, in.out)
	return err
}

// begin finds the run over a file that broke off, or begins one. In a dry run there is none; the one that is given back is not kept.
func (s *Service) begin(ctx context.Context, who policy.Subject, run store.Import, out Imported) (store.Import, Imported, error) {
	run.ID, run.State, run.CreatedAt, run.CreatedBy = s.o.NewID(archive.PrefixImport), store.ImportRunning, s.now(), who.Agent
	if out.DryRun {
		return run, out, nil
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		was, err := tx.RunningImport(ctx, who.Agent, run.SHA256)
		switch {
		case err == nil && (string(was.Mapping) != string(run.Mapping) || was.Compartment != run.Compartment || was.Format != run.Format):
			return archive.Explain(fmt.Errorf("%w: import %s is under way otherwise", archive.ErrConflict, was.ID),
				"An import of this file with another mapping or into another compartment broke off.", "Go on as before, or undo it: zapis import undo "+was.ID)
		case err == nil:
			run, out.From = was, was.NextRow%passSaid
			out.Counts = Counts{was.Created, was.Updated, was.Unchanged, was.Refused}
			return nil
		case !errors.Is(err, archive.ErrNotFound):
			return err
		}
		return tx.AddImport(ctx, run)
	})
	if err != nil {
		return run, out, fmt.Errorf("begin import: %w", err)
	}
	out.ID = run.ID
	return run, out, nil
}

// all reads the table to its end.
func (in *intake) all(ctx context.Context) error {
	var batch []line
	held := 0 // claims of the batch and bytes of its cells
	inBatch := map[string]bool{}
	flush := func(next int64, ended bool) error {
		err := in.settle(ctx, batch, next, ended)
		clear(batch) // lets go of what the rows held
		batch, held = batch[:0], 0
		clear(inBatch)
		return err
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		cells, row, err := in.t.Next()
		var fault *RowError
		switch {
		case errors.Is(err, io.EOF):
			return flush(row+1, true)
		case errors.As(err, &fault):
		case err != nil:
			return errors.Join(flush(row, false), err)
		}
		if row < in.run.NextRow {
			continue // settled by the run that broke off
		}
		l := line{row: row, fault: fault}
		if fault == nil {
			in.read(&l, cells)
		}
		if l.key != "" && inBatch[l.key] || len(batch) >= in.s.o.Batch || held > in.s.o.BatchBytes {
			if err := flush(row, false); err != nil {
				return err
			}
		}
		held += len(l.claims) * claimBytes
		for _, c := range cells {
			held += len(c)
		}
		if l.key != "" {
			inBatch[l.key] = true
		}
		batch = append(batch, l)
	}
}

// read turns the cells of a row into a draft.
func (in *intake) read(l *line, cells []string) {
	m := in.o.Mapping
	refuse := func(column, code, text string) {
		l.fault = &RowError{Row: l.row, Column: column, Code: code, Text: text}
	}
	if in.keyAt >= 0 {
		l.key = cells[in.keyAt]
		if l.key == "" || len(l.key) > 300 {
			refuse(m.Key.Column, ReasonKey, "the key is missing, or too long")
			return
		}
	}
	l.draft = knowledge.Draft{Kind: m.Kind, Compartment: in.o.Compartment, Protected: m.Hide}
	certain := m.Certain
	if certain == "" {
		certain = archive.Probable
	}
	ownCertain := false
	note, words, lat, lon := "", m.Source, "", ""
	var geo Column
	for n, c := range m.Columns {
		text := cells[in.columns[n]]
		if text == "" {
			continue
		}
		switch c.As {
		case AsCertainty:
			var ok bool
			if certain, ok = certaintyOf(text); !ok {
				refuse(c.Column, ReasonValue, "established, probable, disputed or not known was expected")
				return
			}
			ownCertain = true
		case AsNote:
			note = strings.TrimSpace(note + "\n" + text)
		case AsSource:
			words = strings.Trim(words+"; "+text, "; ")
		case AsLatitude:
			lat, geo = strings.ReplaceAll(text, ",", "."), c
		case AsLongitude:
			lon, geo = strings.ReplaceAll(text, ",", "."), c
		}
	}
	if words == "" {
		words = "row " + strconv.FormatInt(l.row, 10) + " of a table taken in as " + in.run.ID
	}
	if len(words) > catalogue.MaxNote {
		refuse("", ReasonLong, "what it says about its source is too long")
		return
	}
	source := []archive.Source{{Kind: archive.SourceOther, Note: words}}
	say := func(c Column, p catalogue.Property, value string) {
		d := knowledge.ClaimDraft{Property: p.Name, Value: value, Certainty: certain, Note: note, Origin: in.run.ID, Sources: source}
		if c.Certain != "" && !ownCertain {
			d.Certainty = c.Certain
		}
		if p.Type == catalogue.TypeText || p.Type == catalogue.TypeName {
			if d.Lang = c.Lang; d.Lang == "" {
				d.Lang = m.Lang
			}
		}
		l.claims = append(l.claims, said{draft: d, column: c.Column, property: p, refer: c.Refer})
	}
	if (lat == "") != (lon == "") {
		refuse(geo.Column, ReasonValue, "latitude and longitude go together")
		return
	}
	if lat != "" {
		p, _ := in.kind.Property("geo")
		say(geo, p, lat+","+lon)
	}
	for n, c := range m.Columns {
		text := cells[in.columns[n]]
		if text == "" || c.Property == "" {
			continue
		}
		p, _ := in.kind.Property(c.Property)
		parts := []string{text}
		if c.Split != "" {
			parts = strings.Split(text, c.Split)
		}
		for _, part := range parts {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			if len(l.claims) >= knowledge.MaxClaims {
				refuse(c.Column, ReasonLong, fmt.Sprintf("more than %d things said in one row", knowledge.MaxClaims))
				return
			}
			if p.Type == catalogue.TypeTerm {
				value := in.term(n, p.Vocabulary, part)
				if value == "" {
					refuse(c.Column, ReasonTerm, "a term of the vocabulary "+p.Vocabulary+" was expected, by code or by its word in English, Russian or Ukrainian; the mapping may translate others")
					return
				}
				say(c, p, value)
				continue
			}
			value, err := spelled(p, part, c.Dates, in.out.About)
			if err != nil {
				refuse(c.Column, ReasonDate, wordsOf(err))
				return
			}
			say(c, p, value)
		}
	}
	if len(l.claims) == 0 {
		refuse("", ReasonEmpty, "the row says nothing")
	}
}

// maxTold is how many cells of a column are remembered with their terms.
const maxTold = 1000

// term gives the term that a cell of a column means; empty if there is none.
func (in *intake) term(column int, vocabulary, cell string) string {
	if value, ok := in.told[column][cell]; ok {
		return value
	}
	word := fold(cell)
	if own, ok := in.words[column][word]; ok {
		word = own
	}
	value := in.terms[vocabulary][word]
	if len(in.told[column]) < maxTold && len(cell) <= 200 {
		in.told[column][cell] = value
	}
	return value
}

// wordsOf gives what an error says to people, without the sentinels in front of it.
func wordsOf(err error) string {
	if p, ok := errors.AsType[*archive.Public](err); ok {
		return p.Text
	}
	text := err.Error()
	for _, s := range []error{archive.ErrInvalid, archive.ErrConflict, archive.ErrExists, archive.ErrForbidden} {
		if at := strings.Index(text, s.Error()+": "); at >= 0 {
			return text[at+len(s.Error())+2:]
		}
	}
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrForbidden):
		return "it refers to something that is not there"
	}
	return text
}

// settle takes a batch in, or, in a dry run, does as if. next is the row that comes after it.
func (in *intake) settle(ctx context.Context, batch []line, next int64, ended bool) error {
	counts := in.out.Counts
	var reports []RowReport
	var helped int64
	names := map[string]string{}
	err := in.s.o.Knowledge.Bulk(ctx, in.who, "import", func(b *knowledge.Bulk) error {
		// The database may run this again.
		counts, reports, helped = in.out.Counts, reports[:0], 0
		clear(names)
		b.Imports(in.run.ID)
		rows, n, err := in.write(ctx, b, batch, names)
		if err != nil {
			return err
		}
		helped = n
		reports = rows
		var here Counts
		for _, r := range rows {
			counts.add(r.Outcome)
			here.add(r.Outcome)
		}
		if in.o.DryRun {
			return errDry
		}
		run := in.run
		run.NextRow, run.Created, run.Updated, run.Unchanged, run.Refused = next, counts.Created, counts.Updated, counts.Unchanged, counts.Refused
		if ended {
			run.State, run.EndedAt = store.ImportDone, in.s.now()
		}
		if err := b.Tx().SetImport(ctx, run); err != nil {
			return err
		}
		b.Detail("import", in.run.ID)
		b.Detail("rows", strconv.FormatInt(here.Rows(), 10))
		b.Detail("refused", strconv.FormatInt(here.Refused, 10))
		b.Detail("file_sha256", hex.EncodeToString(in.run.SHA256[:]))
		return nil
	})
	if errors.Is(err, errMany) {
		half := len(batch) / 2
		if err := in.settle(ctx, batch[:half], batch[half].row, false); err != nil {
			return err
		}
		return in.settle(ctx, batch[half:], next, ended)
	}
	if err != nil && !errors.Is(err, errDry) {
		return fmt.Errorf("take in rows before row %d: %w", next, err)
	}
	in.out.Counts, in.out.LastRow = counts, next-1
	in.out.Others += helped
	in.run.NextRow = next
	if !in.o.DryRun {
		for name, id := range names {
			if len(in.names) < maxKeys {
				in.names[name] = id
			}
		}
	}
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

// write takes the rows of a batch in and says what became of each. names gets the entities that were made because of their names.
func (in *intake) write(ctx context.Context, b *knowledge.Bulk, batch []line, names map[string]string) ([]RowReport, int64, error) {
	lines := make([]line, len(batch))
	for i, l := range batch {
		lines[i] = l
		lines[i].claims = slices.Clone(l.claims) // the batch may be written again
	}
	if err := in.find(ctx, b, lines); err != nil {
		return nil, 0, err
	}
	// Two keys may have come to mean one entity. What the first row says must be there before the second one is held against it.
	met := map[string]bool{}
	for _, l := range lines {
		if l.entity != "" && met[l.entity] {
			return nil, 0, errMany
		}
		met[l.entity] = true
	}
	var drafts []knowledge.Draft
	helpers := map[int]bool{}
	helperNames := map[int]string{}
	pending := map[string]int{}
	at := make([]int, len(lines)) // the draft of a line, -1
	for i := range lines {
		l := &lines[i]
		at[i] = -1
		if l.fault != nil {
			continue
		}
		if err := in.refer(ctx, b, l, &drafts, helpers, helperNames, pending); err != nil {
			return nil, 0, err
		}
		if l.fault != nil {
			continue
		}
		if l.entity != "" {
			if err := in.compare(ctx, b, l); err != nil {
				return nil, 0, err
			}
			if l.fault != nil || len(l.claims) == 0 {
				continue
			}
			l.draft.Entity = l.entity
		}
		l.draft.Claims = make([]knowledge.ClaimDraft, len(l.claims)) // the batch may be written again
		for n, c := range l.claims {
			l.draft.Claims[n] = c.draft
		}
		at[i] = len(drafts)
		drafts = append(drafts, l.draft)
	}
	if len(drafts) > knowledge.MaxDrafts && len(batch) > 1 {
		return nil, 0, errMany
	}
	made, err := b.Apply(ctx, drafts, helpers)
	if err != nil {
		return nil, 0, err
	}
	var keys []store.ExternalKey
	replaced := map[string]bool{}
	out := make([]RowReport, 0, len(lines))
	for i := range lines {
		l := &lines[i]
		r := RowReport{Row: l.row, Entity: l.entity}
		switch {
		case l.fault != nil:
			r.Outcome, r.Entity, r.Column, r.Reason, r.Text = Refused, "", l.fault.Column, l.fault.Code, l.fault.Text
		case at[i] < 0:
			r.Outcome = Unchanged
		case made[at[i]].Err != nil:
			err := made[at[i]].Err
			r.Outcome, r.Reason, r.Text, r.Entity = Refused, ReasonRefused, wordsOf(err), ""
			if _, n, ok := knowledge.FaultOf(err); ok && n >= 0 && n < len(l.claims) {
				r.Column, r.Reason = l.claims[n].column, ReasonValue
				if l.claims[n].property.Type == catalogue.TypeRef {
					r.Reason = ReasonReference
				}
			}
		default:
			m := made[at[i]]
			r.Entity, r.Code, r.Outcome = m.Entity.ID, m.Entity.Code, Updated
			if m.Fresh {
				r.Outcome = Created
				_, again := in.seen[l.key]
				if in.o.DryRun && l.key != "" && again {
					r.Outcome = Updated
				}
				if in.o.DryRun {
					r.Entity, r.Code = "", "" // there is none
				}
				if in.keyAt >= 0 && in.o.Mapping.Key.By != byCode {
					keys = append(keys, store.ExternalKey{Source: in.o.Mapping.Key.Source, Key: l.key, Entity: m.Entity.ID})
				}
			}
			for n, c := range l.claims {
				// Two values in one row may both take the place of the same claim.
				c.replaces = slices.DeleteFunc(c.replaces, func(id string) bool { return replaced[id] })
				for _, id := range c.replaces {
					replaced[id] = true
				}
				if err := b.Retract(ctx, "replaced by a later import", m.Claims[n].ID, c.replaces...); err != nil {
					return nil, 0, err
				}
			}
		}
		if in.o.DryRun && l.key != "" && l.fault == nil && len(in.seen) < maxKeys {
			in.seen[l.key] = struct{}{}
		}
		out = append(out, r)
	}
	helped := int64(0)
	for n := range helpers {
		if made[n].Err == nil && made[n].Fresh {
			helped++
			names[helperNames[n]] = made[n].Entity.ID
		}
	}
	return out, helped, b.Tx().AddExternalKeys(ctx, keys)
}

// find looks up by their keys the entities that are there, with what is said of them.
func (in *intake) find(ctx context.Context, b *knowledge.Bulk, lines []line) error {
	if in.keyAt < 0 {
		return nil
	}
	key := in.o.Mapping.Key
	var keys []string
	for _, l := range lines {
		if l.fault == nil && l.key != "" {
			keys = append(keys, l.key)
		}
	}
	found := map[string][]string{}
	if key.By == byCode {
		codes := make([]string, len(keys))
		for i, k := range keys {
			codes[i] = strings.ToUpper(k)
		}
		list, err := b.Tx().EntitiesByCode(ctx, b.Scope(), codes...)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if e, ok := list[strings.ToUpper(k)]; ok {
				found[k] = []string{e.ID}
			}
		}
	} else {
		list, err := b.Tx().ExternalKeys(ctx, in.o.Compartment, key.Source, keys)
		if err != nil {
			return err
		}
		for _, k := range list {
			found[k.Key] = append(found[k.Key], k.Entity)
		}
	}
	var ids []string
	for _, list := range found {
		ids = append(ids, list...)
	}
	canon, met, err := b.Tx().Canonical(ctx, b.Scope(), ids...)
	if err != nil {
		return err
	}
	empty := map[string]bool{}
	if in.o.Mapping.Update == UpdateRefuse { // what an undone import left empty is as good as not there
		if empty, err = b.Tx().Emptied(ctx, slices.Collect(maps.Values(canon))); err != nil {
			return err
		}
	}
	var roots []string
	for i := range lines {
		l := &lines[i]
		if l.fault != nil || l.key == "" {
			continue
		}
		var one []string
		for _, id := range found[l.key] {
			if c := canon[id]; c != "" && !slices.Contains(one, c) {
				one = append(one, c)
			}
		}
		switch {
		case len(one) > 1:
			l.fault = &RowError{Row: l.row, Column: key.Column, Code: ReasonKey, Text: "the key belongs to several entities; merge them first"}
		case len(one) == 1 && met[one[0]].Kind != in.kind.Kind:
			l.fault = &RowError{Row: l.row, Column: key.Column, Code: ReasonKey, Text: "the key belongs to an entity of another kind"}
		case len(one) == 1 && in.o.Mapping.Update == UpdateRefuse && !empty[one[0]]:
			l.fault = &RowError{Row: l.row, Column: key.Column, Code: ReasonKey, Text: "it is there already, and the mapping refuses updates"}
		case len(one) == 1:
			l.entity = one[0]
			roots = append(roots, one[0])
		case key.By == byCode:
			l.draft.Code = l.key
		}
	}
	if len(roots) == 0 {
		return nil
	}
	members, err := b.Tx().Members(ctx, b.Scope(), roots...)
	if err != nil {
		return err
	}
	belongs := map[string]string{}
	var all []string
	for root, list := range members {
		for _, e := range list {
			belongs[e.ID] = root
			all = append(all, e.ID)
		}
	}
	claims, err := b.Tx().Claims(ctx, b.Scope(), store.ClaimQuery{Entities: all, Standing: true})
	if err != nil {
		return err
	}
	of := map[string][]store.Claim{}
	for _, c := range claims {
		of[belongs[c.Entity]] = append(of[belongs[c.Entity]], c)
	}
	for i := range lines {
		lines[i].current = of[lines[i].entity]
	}
	return nil
}

// refer puts in the place of names and foreign keys the entities that they mean.
func (in *intake) refer(ctx context.Context, b *knowledge.Bulk, l *line, drafts *[]knowledge.Draft, helpers map[int]bool, helperNames map[int]string, pending map[string]int) error {
	for n := range l.claims {
		c := &l.claims[n]
		if c.property.Type != catalogue.TypeRef || c.refer == nil || c.draft.Value == catalogue.Undetermined {
			continue
		}
		text := c.draft.Value
		refuse := func(why string) {
			l.fault = &RowError{Row: l.row, Column: c.column, Code: ReasonReference, Text: why}
		}
		switch c.refer.By {
		case byExternal:
			var ids []string
			places := []string{in.o.Compartment}
			if in.o.Compartment != archive.Common && b.Scope().Sees(archive.Common) {
				places = append(places, archive.Common)
			}
			for _, place := range places {
				found, err := b.Tx().ExternalKeys(ctx, place, c.refer.Source, []string{text})
				if err != nil {
					return err
				}
				for _, k := range found {
					ids = append(ids, k.Entity)
				}
			}
			if len(ids) != 1 {
				refuse(fmt.Sprintf("%d entities have this key", len(ids)))
				return nil
			}
			c.draft.Value = ids[0]
		case byName:
			kind := c.refer.Kind
			if kind == "" && len(c.property.Refers) > 0 {
				kind = c.property.Refers[0]
			}
			k, ok := catalogue.KindOf(kind)
			if !ok {
				refuse("it is not said which kind of entity this is the name of")
				return nil
			}
			name := string(kind) + "\x00" + fold(text)
			if id, ok := in.names[name]; ok {
				c.draft.Value = id
				continue
			}
			if i, ok := pending[name]; ok {
				c.draft.Value = "@" + strconv.Itoa(i)
				continue
			}
			ids, err := in.named(ctx, b, k, text)
			if err != nil {
				return err
			}
			switch {
			case len(ids) == 1:
				if len(in.names) < maxKeys {
					in.names[name] = ids[0]
				}
				c.draft.Value = ids[0]
			case len(ids) > 1:
				refuse("several entities have this name; refer to it by its code")
				return nil
			case !c.refer.Create:
				refuse("nothing has this name")
				return nil
			default:
				title := titleOf(k)
				if title == "" {
					refuse("this kind of entity has no name")
					return nil
				}
				i := len(*drafts)
				*drafts = append(*drafts, knowledge.Draft{Kind: kind, Compartment: in.o.Compartment, Claims: []knowledge.ClaimDraft{{
					Property: title, Value: text, Certainty: archive.Probable, Origin: in.run.ID, Sources: c.draft.Sources,
				}}})
				helpers[i], helperNames[i], pending[name] = true, name, i
				c.draft.Value = "@" + strconv.Itoa(i)
			}
		}
	}
	return nil
}

// titleOf gives the property under which entities of a kind are named.
func titleOf(k catalogue.Kind) string {
	for _, t := range k.Title {
		if p, _ := k.Property(t); p.Type == catalogue.TypeName {
			return t
		}
	}
	return ""
}

// named finds entities by exactly their name or alias.
func (in *intake) named(ctx context.Context, b *knowledge.Bulk, k catalogue.Kind, text string) ([]string, error) {
	var out []string
	for _, t := range k.Title {
		p, _ := k.Property(t)
		if p.Type != catalogue.TypeName {
			continue
		}
		value, err := catalogue.Canonical(p, text, "")
		if err != nil || len(value) > 200 {
			continue
		}
		found, _, err := b.Tx().ListEntities(ctx, b.Scope(), store.EntityQuery{Kinds: []archive.EntityKind{k.Kind}, Property: t, Value: value, Limit: 3})
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if !slices.Contains(out, e.ID) {
				out = append(out, e.ID)
			}
		}
	}
	return out, nil
}

// compare takes out of a row what is said already, and finds what the rest replaces.
func (in *intake) compare(ctx context.Context, b *knowledge.Bulk, l *line) error {
	var rest []said
	for _, c := range l.claims {
		value := c.draft.Value
		switch c.property.Type {
		case catalogue.TypeRef:
			if archive.CheckID(archive.PrefixEntity, value) != nil && value != catalogue.Undetermined && !strings.HasPrefix(value, "@") {
				e, err := b.Tx().Entity(ctx, b.Scope(), value)
				if err == nil {
					value = e.ID
				} else if !errors.Is(err, archive.ErrNotFound) {
					return err
				}
			}
		case catalogue.TypeItem:
			it, err := b.Tx().ItemByReference(ctx, b.Scope(), value)
			if err == nil {
				value = it.ID
			} else if !errors.Is(err, archive.ErrNotFound) {
				return err
			}
		default:
			if v, err := catalogue.Canonical(c.property, value, c.draft.Lang); err == nil {
				value = v
			}
		}
		if slices.ContainsFunc(l.current, func(x store.Claim) bool { return x.Property == c.property.Name && x.Value == value }) {
			continue
		}
		if in.o.Mapping.Update == UpdateReplace && !c.property.Many {
			for _, x := range l.current {
				// Only one's own word, and only what came from a file, gives way to a file.
				if x.Property == c.property.Name && x.Author == in.who.Agent && strings.HasPrefix(x.Origin, archive.PrefixImport+"_") {
					c.replaces = append(c.replaces, x.ID)
				}
			}
		}
		rest = append(rest, c)
	}
	l.claims = rest
	return nil
}

// Undone is what became of undoing an import, or how far it is.
type Undone struct {
	Retracted int64 `json:"retracted"`
	Restored  int64 `json:"restored"`
	// Emptied counts entities that the import had made and of which nothing is said any more: they are in no list and no export.
	Emptied int64 `json:"emptied"`
	// Beyond counts claims that lie outside what the person may see by now; they stay, and so do their entities.
	Beyond int64 `json:"beyond"`
	// Claims is how many there were to take back when this run began.
	Claims int64 `json:"-"`
}

// manyUndone is from how many claims on their words leave the index of words in one sweep at the end and not one by one, which takes a hundred
// times as long, and the sweep as long as it takes to write the whole index once.
const manyUndone = 2000

// Undo takes every claim back that an import of one's own brought and that still stands, brings back what they had taken the place of, and
// takes the entities that it made out of the lists, if nothing else is said of them. It goes in batches, each of which is one transaction with
// one event; one that broke off is called again and goes on. progress is called after each batch; nil: not. archive.ErrNotFound;
// archive.ErrConflict if it was undone before.
func (s *Service) Undo(ctx context.Context, who policy.Subject, id string, progress func(Undone)) (Undone, error) {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return Undone{}, err
	}
	if archive.CheckID(archive.PrefixImport, id) != nil {
		return Undone{}, archive.ErrNotFound
	}
	u := &undo{s: s, who: who, id: id, progress: progress}
	for _, step := range []func(context.Context) error{u.begin, u.claims, u.entities, u.words, u.end} {
		if err := step(ctx); err != nil {
			return u.out, fmt.Errorf("undo import %s: %w", id, err)
		}
	}
	return u.out, nil
}

// undo is one run of Undo.
type undo struct {
	s        *Service
	who      policy.Subject
	id       string
	progress func(Undone)
	many     bool
	out      Undone
}

func (u *undo) tell() {
	if u.progress != nil {
		u.progress(u.out)
	}
}

// begin ends the import if it is still under way, so that nothing more comes from it.
func (u *undo) begin(ctx context.Context) error {
	err := u.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		run, err := tx.Import(ctx, u.who.Agent, u.id)
		if err != nil {
			return err
		}
		if run.State == store.ImportUndone {
			return archive.ErrConflict
		}
		if u.out.Claims, err = tx.CountImported(ctx, u.id); err != nil {
			return err
		}
		return tx.BeginUndo(ctx, u.id, u.s.now())
	})
	u.many = u.out.Claims >= manyUndone
	return err
}

// undoPage is how many identifiers of claims are read at once: some 2 MB. The database sorts what is left for each page.
const undoPage = 50_000

// claims takes the claims back, batch by batch.
func (u *undo) claims(ctx context.Context) error {
	for after := ""; ; {
		var ids []string
		err := u.s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { ids, err = tx.ImportedClaims(ctx, u.id, after, undoPage); return err })
		if err != nil || len(ids) == 0 {
			return err
		}
		after = ids[len(ids)-1]
		for batch := range slices.Chunk(ids, u.s.o.Batch) {
			if err := u.batch(ctx, batch); err != nil {
				return err
			}
			u.tell()
		}
	}
}

// batch takes some claims back, and brings back what they had replaced.
func (u *undo) batch(ctx context.Context, ids []string) error {
	var here Undone
	err := u.s.o.Knowledge.Bulk(ctx, u.who, "undo import", func(b *knowledge.Bulk) error {
		here = Undone{} // this may run again
		visible, err := b.Tx().Claims(ctx, b.Scope(), store.ClaimQuery{IDs: ids, Standing: true})
		if err != nil {
			return err
		}
		var mine, about []string
		for _, c := range visible {
			mine, about = append(mine, c.ID), append(about, c.Entity)
		}
		here.Beyond = int64(len(ids) - len(mine))
		if len(mine) == 0 {
			return nil
		}
		was, err := b.Tx().ReplacedByImport(ctx, u.id, mine)
		if err != nil {
			return err
		}
		why := "the import " + u.id + " was undone"
		if u.many {
			err = b.RetractMany(ctx, why, mine...)
		} else {
			err = b.Retract(ctx, why, "", mine...)
		}
		if err != nil {
			return err
		}
		if err := b.Tx().TouchEntities(ctx, u.s.now(), about...); err != nil {
			return err
		}
		restored, err := b.Restore(ctx, was...)
		if err != nil {
			return err
		}
		here.Retracted, here.Restored = int64(len(mine)), int64(restored)
		b.Detail("import", u.id)
		return nil
	})
	if err != nil {
		return err
	}
	u.out.Retracted, u.out.Restored, u.out.Beyond = u.out.Retracted+here.Retracted, u.out.Restored+here.Restored, u.out.Beyond+here.Beyond
	return nil
}

// entities takes what the import made and nothing is said of any more out of the lists.
func (u *undo) entities(ctx context.Context) error {
	for after, done := "", false; !done; {
		var empty int
		var last string
		err := u.s.o.Knowledge.Bulk(ctx, u.who, "undo import", func(b *knowledge.Bulk) (err error) {
			empty, last, err = b.EmptyEntities(ctx, u.id, after, u.s.o.Batch, u.many)
			b.Detail("import", u.id)
			return err
		})
		if err != nil {
			return err
		}
		u.out.Emptied += int64(empty)
		after, done = last, last == ""
		u.tell()
	}
	return nil
}

// words lets the index of words forget what many claims had, in steps between which others can write. It is also due if an earlier run left it.
func (u *undo) words(ctx context.Context) error {
	loose := false
	err := u.s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { loose, err = tx.LooseSearch(ctx); return err })
	if err != nil || !loose {
		return err
	}
	for first, done := true, false; !done; first = false {
		if err := u.s.o.DB.Write(ctx, func(tx *store.Tx) (err error) { done, err = tx.TidySearch(ctx, first); return err }); err != nil {
			return err
		}
	}
	for after, done := "", false; !done; {
		var last string
		err := u.s.o.DB.Write(ctx, func(tx *store.Tx) (err error) { last, _, err = tx.TidyTerms(ctx, after, u.s.o.Batch); return err })
		if err != nil {
			return err
		}
		after, done = last, last == ""
	}
	return nil
}

// end marks the import as undone.
func (u *undo) end(ctx context.Context) error {
	return u.s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.UndoImport(ctx, u.id, u.who.Agent, u.s.now()) })
}

// Imports gives one's own imports, the newest first.
func (s *Service) Imports(ctx context.Context, who policy.Subject, limit int) (out []store.Import, err error) {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return nil, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { out, err = tx.Imports(ctx, who.Agent, limit); return err })
	return out, err
}

// SavedMapping is a mapping that somebody kept.
type SavedMapping struct {
	Name    string  `json:"name"`
	Mapping Mapping `json:"mapping"`
}

// Mappings gives one's own mappings by name. Those that do not fit the schema of this program any more are passed over.
func (s *Service) Mappings(ctx context.Context, who policy.Subject) (out []SavedMapping, err error) {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return nil, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Mappings(ctx, who.Agent)
		for _, r := range rows {
			if m, err := ParseMapping(strings.NewReader(string(r.Mapping))); err == nil {
				out = append(out, SavedMapping{r.Name, m})
			}
		}
		return err
	})
	return out, err
}

// SaveMapping keeps a mapping under a name of one's own; one without columns removes it.
func (s *Service) SaveMapping(ctx context.Context, who policy.Subject, name string, m Mapping) error {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return err
	}
	name, err := catalogue.Name(name)
	if err != nil || name == "" || len(name) > 200 {
		return fmt.Errorf("save mapping: %w: a name was expected", archive.ErrInvalid)
	}
	var raw []byte
	if len(m.Columns) > 0 {
		if err := m.check(); err != nil {
			return err
		}
		if raw, err = json.Marshal(m); err != nil {
			return fmt.Errorf("save mapping: %w", err)
		}
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		return tx.SetMapping(ctx, store.Mapping{Agent: who.Agent, Name: name, Mapping: raw, ChangedAt: s.now()})
	})
}
