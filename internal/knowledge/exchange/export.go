package exchange

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/custody"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Formats of exports.
const (
	FormatFtM      = "ftm"      // FollowTheMoney, JSON lines; the one that can be taken in again without loss
	FormatHURIDOCS = "huridocs" // a zip of CSV tables after the HURIDOCS events formats
	FormatGeoJSON  = "geojson"  // places on the map
)

// Formats lists the formats.
func Formats() []string { return []string{FormatFtM, FormatHURIDOCS, FormatGeoJSON} }

// MediaType gives the media type of a format and how a file of it is named.
func MediaType(format string) (media, extension string) {
	switch format {
	case FormatFtM:
		return "application/x-ndjson", ".ftm.jsonl"
	case FormatHURIDOCS:
		return "application/zip", ".huridocs.zip"
	case FormatGeoJSON:
		return "application/geo+json", ".geojson"
	}
	return "application/octet-stream", ""
}

// Audiences of which an export is treated apart.
const (
	audienceTeam   = "team"
	audiencePublic = "public"
)

// Ask says what is to leave the archive.
type Ask struct {
	Format   string
	Purpose  string // code of the vocabulary "purpose"
	Audience string // code of the vocabulary "audience"
	// Kinds and Compartment narrow it; what other things say about those that are left out goes with them.
	Kinds       []archive.EntityKind
	Compartment *string
	// History: with claims that were taken back. nil: for the team only.
	History *bool
}

// Reasons why things are left out.
const (
	OutConsent   = "consent"   // no consent for this purpose and audience
	OutReference = "reference" // it speaks about something that is left out
)

// Export is what left the archive.
type Export struct {
	ID       string
	Format   string
	Entities int64
	Claims   int64
	Passages int64
	// LeftOut counts things that their maker may see and that are not in it, by reason: testimonies, passages, claims, findings.
	LeftOut map[string]int64
	SHA256  [32]byte
	Size    int64
}

// Left is how many were left out in all.
func (e Export) Left() (n int64) {
	for _, x := range e.LeftOut {
		n += x
	}
	return n
}

// gathered is an entity with what may leave of it.
type gathered struct {
	archive.Entity
	kind     catalogue.Kind
	claims   []store.Claim
	findings []archive.Finding
	merges   []archive.Merge
	passages []archive.Passage
	consents []archive.Consent
	places   map[string]store.ForeignPlace
	keys     []store.ExternalKey
	kinds    map[string]archive.EntityKind // of everything in the export
}

// current gives the claims about a property that others may take for what the archive says: established or probable ones, and where there is
// a finding the one it chose. Where it says that nothing can be determined there are none.
func (g gathered) current(property string) []store.Claim {
	var found *archive.Finding
	for i, f := range g.findings {
		if f.Property == property && !f.Dissent {
			found = &g.findings[i] // the newest counts
		}
	}
	var out []store.Claim
	for _, c := range g.claims {
		if c.Property != property || !c.Stands() || c.Value == "" {
			continue
		}
		if found != nil {
			if c.ID == found.Claim {
				out = append(out, c)
			}
		} else if c.Certainty == archive.Established || c.Certainty == archive.Probable {
			out = append(out, c)
		}
	}
	return out
}

// label is the name under which others know it, or its code.
func (g gathered) label() string {
	for _, p := range g.kind.Title {
		if t, _ := g.kind.Property(p); t.Type == catalogue.TypeTerm {
			continue
		}
		if c := g.current(p); len(c) > 0 {
			return c[0].Value
		}
	}
	return g.Code
}

// writer writes one format. entity is called in the order of identifiers; end says what was left out.
type writer interface {
	entity(g gathered) error
	end(e Export) error
}

// spool keeps what was written, packed, in memory: nothing may leave before it is recorded, and nothing of it may lie on disk.
type spool struct {
	packed bytes.Buffer
	gz     *gzip.Writer
	sum    hash.Hash
	size   int64
}

// maxSpool is how much an export may be, packed.
const maxSpool = 1 << 30

func newSpool() *spool {
	s := &spool{sum: sha256.New()}
	s.gz, _ = gzip.NewWriterLevel(&s.packed, gzip.BestSpeed) // the level is one
	return s
}

func (s *spool) Write(p []byte) (int, error) {
	if s.packed.Len() > maxSpool {
		return 0, archive.Explain(fmt.Errorf("export: %w: too large", archive.ErrInvalid), "The export is too large to be made in one piece.", "Narrow it to a compartment or to kinds.")
	}
	s.sum.Write(p)
	s.size += int64(len(p))
	return s.gz.Write(p)
}

func (s *spool) pour(w io.Writer) error {
	r, err := gzip.NewReader(&s.packed)
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}

// Ready is an export that is made and not yet recorded. Nothing has left.
type Ready struct {
	Export
	s       *Service
	who     policy.Subject
	ask     Ask
	spool   *spool
	entries []store.ExportEntry
	allowed []string // testimonies whose consent it rests on
	kinds   map[string]archive.EntityKind
}

// Prepare makes an export, within what its maker may see and what consents allow now. archive.ErrInvalid for a format, purpose or audience
// that there is not.
func (s *Service) Prepare(ctx context.Context, who policy.Subject, a Ask) (*Ready, error) {
	if err := policy.Decide(who, policy.Export, policy.Object{}).Err(); err != nil {
		return nil, err
	}
	if a.Compartment != nil && !policy.ScopeOf(who).Sees(*a.Compartment) {
		return nil, archive.ErrNotFound
	}
	if !slices.Contains(Formats(), a.Format) {
		return nil, archive.Explain(fmt.Errorf("export: %w: format", archive.ErrInvalid), "There is no such format.", "It is ftm, huridocs or geojson.")
	}
	for _, v := range [][2]string{{"purpose", a.Purpose}, {"audience", a.Audience}} {
		if err := s.knownTerm(ctx, v[0], v[1]); err != nil {
			return nil, err
		}
	}
	for _, k := range a.Kinds {
		if _, ok := catalogue.KindOf(k); !ok {
			return nil, fmt.Errorf("export: %w: there is no such kind of entity", archive.ErrInvalid)
		}
	}
	r := &Ready{Export: Export{ID: s.o.NewID(archive.PrefixExport), Format: a.Format, LeftOut: map[string]int64{}}, kinds: map[string]archive.EntityKind{}, s: s, who: who, ask: a, spool: newSpool()}
	out, err := s.writer(ctx, who, a, r.spool)
	if err != nil {
		return nil, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error { return r.gather(ctx, tx, out) })
	if err != nil {
		return nil, fmt.Errorf("make export: %w", err)
	}
	if err := out.end(r.Export); err != nil {
		return nil, fmt.Errorf("make export: %w", err)
	}
	if err := r.spool.gz.Close(); err != nil {
		return nil, fmt.Errorf("make export: %w", err)
	}
	r.SHA256, r.Size = [32]byte(r.spool.sum.Sum(nil)), r.spool.size
	return r, nil
}

func (s *Service) knownTerm(ctx context.Context, vocabulary, code string) error {
	terms, err := s.o.Knowledge.Vocabulary(ctx, vocabulary)
	if err != nil {
		return err
	}
	var codes []string
	for _, t := range terms {
		if t.Code == code && !t.Retired {
			return nil
		}
		codes = append(codes, t.Code)
	}
	return archive.Explain(fmt.Errorf("export: %w: %s", archive.ErrInvalid, vocabulary), "There is no such "+vocabulary+".", fmt.Sprintf("It is one of %v.", codes))
}

func (s *Service) writer(ctx context.Context, who policy.Subject, a Ask, w io.Writer) (writer, error) {
	switch a.Format {
	case FormatFtM:
		return s.newFtM(ctx, who, w, a.Audience)
	case FormatHURIDOCS:
		return s.newHURIDOCS(ctx, w)
	}
	return newGeoJSON(w), nil
}

// Send records the export and then writes it: first the ledger and the custody event, in one transaction, then the bytes. If a consent was
// taken back since it was made, nothing leaves: archive.ErrConflict.
func (r *Ready) Send(ctx context.Context, w io.Writer) error {
	s := r.s
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		may, err := knowledge.MayUse(ctx, tx, r.ask.Purpose, r.ask.Audience, s.now(), r.allowed...)
		if err != nil {
			return err
		}
		for _, id := range r.allowed {
			if !may[id] {
				return archive.Explain(fmt.Errorf("%w: consent of %s", archive.ErrConflict, id), "A consent was taken back while the export was made.", "Make it again.")
			}
		}
		at := s.now()
		if err := s.o.Knowledge.AddExport(ctx, tx, store.Export{
			ID: r.ID, Kind: r.Format, Purpose: r.ask.Purpose, Audience: r.ask.Audience, At: at, By: r.who.Agent, LeftOut: r.Left(), Entries: r.entries,
		}); err != nil {
			return err
		}
		e := archive.Event{
			Type: archive.EventExport, Agent: r.who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleOutcome, Kind: "export", ID: r.ID}},
			Detail: map[string]string{
				"act": "catalogue exported", "format": r.Format, "purpose": r.ask.Purpose, "audience": r.ask.Audience, "entities": strconv.FormatInt(r.Entities, 10),
				"claims": strconv.FormatInt(r.Claims, 10), "left_out": strconv.FormatInt(r.Left(), 10), "export_sha256": hex.EncodeToString(r.SHA256[:]),
			},
		}
		_, err = s.o.Custody.Record(ctx, tx, e)
		return err
	})
	if err != nil {
		return fmt.Errorf("record export %s: %w", r.ID, err)
	}
	return r.spool.pour(w)
}

// Export makes, records and writes an export.
func (s *Service) Export(ctx context.Context, who policy.Subject, a Ask, w io.Writer) (Export, error) {
	r, err := s.Prepare(ctx, who, a)
	if err != nil {
		return Export{}, err
	}
	return r.Export, r.Send(ctx, w)
}

// Exports gives one's own exports, the newest first.
func (s *Service) Exports(ctx context.Context, who policy.Subject, limit int) (out []store.Export, err error) {
	if err := policy.Decide(who, policy.Export, policy.Object{}).Err(); err != nil {
		return nil, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { out, err = tx.Exports(ctx, who.Agent, limit); return err })
	return out, err
}

const pageOfEntities = 400

// gather reads the catalogue in two goes: first which entities are in it, so that nothing speaks about one that is not; then what is said.
func (r *Ready) gather(ctx context.Context, tx *store.Tx, out writer) error {
	sc, at := policy.ScopeOf(r.who), r.s.now()
	inside := map[string]bool{}
	denied := map[string]bool{} // testimonies
	err := eachPage(ctx, tx, sc, r.ask, func(page []archive.Entity) error {
		var testimonies []string
		for _, e := range page {
			inside[e.ID], r.kinds[e.ID] = true, e.Kind
			if e.Kind == catalogue.Testimony {
				testimonies = append(testimonies, e.ID)
			}
		}
		if len(testimonies) == 0 {
			return nil
		}
		may, err := knowledge.MayUse(ctx, tx, r.ask.Purpose, r.ask.Audience, at, testimonies...)
		if err != nil {
			return err
		}
		for _, id := range testimonies {
			if may[id] {
				r.allowed = append(r.allowed, id)
				continue
			}
			delete(inside, id)
			denied[id] = true
			r.LeftOut[OutConsent]++
		}
		return nil
	})
	if err != nil {
		return err
	}
	// Testimonies that other compartments or kinds keep out of this export are asked about when a claim rests on them.
	asked := map[string]bool{}
	for _, id := range r.allowed {
		asked[id] = true
	}
	mayRest := func(ids []string) error {
		var unknown []string
		for _, id := range ids {
			if !asked[id] && !denied[id] {
				unknown = append(unknown, id)
			}
		}
		if len(unknown) == 0 {
			return nil
		}
		may, err := knowledge.MayUse(ctx, tx, r.ask.Purpose, r.ask.Audience, at, unknown...)
		if err != nil {
			return err
		}
		for _, id := range unknown {
			if may[id] {
				asked[id] = true
				r.allowed = append(r.allowed, id)
			} else {
				denied[id] = true
			}
		}
		return nil
	}
	history := r.ask.Audience == audienceTeam
	if r.ask.History != nil {
		history = *r.ask.History
	}
	items := map[string]bool{}
	err = eachPage(ctx, tx, sc, r.ask, func(page []archive.Entity) error {
		all, err := r.said(ctx, tx, sc, page, inside, denied, mayRest, history)
		if err != nil {
			return err
		}
		for _, g := range all {
			r.Entities++
			r.Claims += int64(len(g.claims))
			r.Passages += int64(len(g.passages))
			r.entries = append(r.entries, store.ExportEntry{Kind: store.EntryEntity, ID: g.ID})
			for _, c := range g.claims {
				r.entries = append(r.entries, store.ExportEntry{Kind: store.EntryClaim, ID: c.ID})
				for _, src := range c.Sources {
					if src.Item != "" {
						items[src.Item] = true
					}
				}
			}
			for _, p := range g.passages {
				r.entries = append(r.entries, store.ExportEntry{Kind: store.EntryPassage, ID: p.ID})
			}
			if err := out.entity(g); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(items)) {
		r.entries = append(r.entries, store.ExportEntry{Kind: store.EntryItem, ID: id})
	}
	return nil
}

func eachPage(ctx context.Context, tx *store.Tx, sc archive.Scope, a Ask, f func([]archive.Entity) error) error {
	after := ""
	for {
		page, err := tx.EntitiesAfter(ctx, sc, a.Kinds, a.Compartment, after, pageOfEntities)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].ID
		if err := f(page); err != nil {
			return err
		}
	}
}

// said gives what may leave about a page of entities.
func (r *Ready) said(ctx context.Context, tx *store.Tx, sc archive.Scope, page []archive.Entity, inside, denied map[string]bool, mayRest func([]string) error, history bool) ([]gathered, error) {
	var ids, testimonies []string
	place := map[string]int{}
	var all []gathered
	for _, e := range page {
		k, ok := catalogue.KindOf(e.Kind)
		if !inside[e.ID] || !ok {
			continue
		}
		place[e.ID] = len(all)
		all = append(all, gathered{Entity: e, kind: k, kinds: r.kinds})
		ids = append(ids, e.ID)
		if e.Kind == catalogue.Testimony {
			testimonies = append(testimonies, e.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	claims, err := tx.Claims(ctx, sc, store.ClaimQuery{Entities: ids, Standing: !history})
	if err != nil {
		return nil, err
	}
	var rests []string
	for _, c := range claims {
		for _, s := range c.Sources {
			if s.Kind == archive.SourcePassage {
				rests = append(rests, s.Entity)
			}
		}
	}
	if err := mayRest(rests); err != nil {
		return nil, err
	}
	type about struct{ entity, property string }
	silent := map[about]bool{} // of which something is left out, so that no finding is told
	for _, c := range claims {
		reason := ""
		if c.Ref != "" && !inside[c.Ref] {
			reason = OutReference
		}
		for _, s := range c.Sources {
			switch {
			case s.Kind == archive.SourcePassage && denied[s.Entity]:
				reason = OutConsent
			case s.Entity != "" && !inside[s.Entity] && reason == "" && s.Kind != archive.SourcePassage:
				reason = OutReference
			}
		}
		if c.Ref != "" && denied[c.Ref] {
			reason = OutConsent
		}
		if reason != "" {
			r.LeftOut[reason]++
			silent[about{c.Entity, c.Property}] = true
			continue
		}
		g := &all[place[c.Entity]]
		g.claims = append(g.claims, c)
	}
	findings, err := tx.Findings(ctx, sc, ids...)
	if err != nil {
		return nil, err
	}
	for _, f := range findings {
		g := &all[place[f.Entity]]
		if silent[about{f.Entity, f.Property}] || f.Claim != "" && !slices.ContainsFunc(g.claims, func(c store.Claim) bool { return c.ID == f.Claim }) {
			r.LeftOut[OutReference]++
			continue
		}
		g.findings = append(g.findings, f)
	}
	merges, err := tx.MergesOf(ctx, sc, true, ids...)
	if err != nil {
		return nil, err
	}
	for _, m := range merges {
		if i, ok := place[m.From]; ok && inside[m.Into] && (history || m.UndoneAt.IsZero()) {
			all[i].merges = append(all[i].merges, m)
		}
	}
	keys, err := tx.KeysOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		g := &all[place[k.Entity]]
		g.keys = append(g.keys, k)
	}
	if len(testimonies) == 0 {
		return all, nil
	}
	passages, err := tx.Passages(ctx, sc, history, testimonies...)
	if err != nil {
		return nil, err
	}
	consents, err := tx.Consents(ctx, sc, testimonies...)
	if err != nil {
		return nil, err
	}
	var subjects []string
	for _, p := range passages {
		g := &all[place[p.Testimony]]
		g.passages = append(g.passages, p)
		subjects = append(subjects, p.ID)
	}
	for _, c := range consents {
		g := &all[place[c.Testimony]]
		g.consents = append(g.consents, c)
		subjects = append(subjects, c.ID)
	}
	places, err := tx.ForeignPlaces(ctx, subjects)
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].places = places
	}
	return all, nil
}

// timeOf writes a moment for people's tables.
func timeOf(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
