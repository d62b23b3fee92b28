package knowledge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/vocabulary"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// maxPassage is how long a passage may be, in bytes.
const maxPassage = 20000

// PassageDraft is a passage that is about to be written down.
type PassageDraft struct {
	Heading  string // code of the vocabulary "interview"
	Text     string
	Lang     string
	Item     string // recording or scan, by identifier or reference; empty: words only
	From, To time.Duration
	Page     int
}

// testimonyFor finds a testimony by identifier or code and asks policy about it.
func (s *Service) testimonyFor(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, id string) (archive.Entity, error) {
	if !policy.Could(who, a) {
		return archive.Entity{}, archive.ErrNotFound
	}
	e, err := tx.Entity(ctx, policy.ScopeOf(who), id)
	if err == nil {
		err = policy.Decide(who, a, policy.CatalogueObject(e.Compartment)).Err()
	}
	if err == nil && e.Kind != catalogue.Testimony {
		err = archive.ErrNotFound
	}
	if err != nil {
		return archive.Entity{}, err
	}
	return e, nil
}

// itemOf finds an item by identifier or reference within the scope.
func itemOf(ctx context.Context, tx *store.Tx, who policy.Subject, id string) (archive.Item, error) {
	var it archive.Item
	err := archive.CheckID(archive.PrefixItem, id)
	if err == nil {
		it, err = tx.Item(ctx, policy.ScopeOf(who), id)
	} else {
		it, err = tx.ItemByReference(ctx, policy.ScopeOf(who), id)
	}
	if err == nil {
		err = policy.Decide(who, policy.ViewItem, policy.ItemObject(it)).Err()
	}
	return it, err
}

// knownTerm refuses a code that is not offered by a vocabulary; what the archive added or retired comes first.
func (s *Service) knownTerm(ctx context.Context, tx *store.Tx, name, code string) error {
	own, err := tx.Terms(ctx, name)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(own, func(t archive.Term) bool { return t.Code == code }); i >= 0 && !own[i].Retired {
		return nil
	} else if i < 0 && code != "" && slices.ContainsFunc(vocabulary.Terms(name), func(t archive.Term) bool { return t.Code == code && !t.Retired }) {
		return nil
	}
	return archive.Explain(fmt.Errorf("%w: no such term in the vocabulary %s", archive.ErrInvalid, name), "This is not a word of the vocabulary "+name+".",
		"zapis catalogue term lists them.")
}

func (s *Service) passageOf(ctx context.Context, tx *store.Tx, who policy.Subject, testimony string, ordinal int, d PassageDraft) (archive.Passage, error) {
	p := archive.Passage{ID: s.o.NewID(archive.PrefixPassage), Testimony: testimony, Ordinal: ordinal, Heading: d.Heading, Lang: d.Lang, From: d.From.Truncate(time.Microsecond),
		To: d.To.Truncate(time.Microsecond), Page: d.Page, CreatedAt: s.now(), CreatedBy: who.Agent}
	if err := s.knownTerm(ctx, tx, "interview", d.Heading); err != nil {
		return p, err
	}
	p.Text = norm.NFC.String(strings.TrimSpace(strings.ReplaceAll(d.Text, "\r\n", "\n")))
	if p.Text == "" || len(p.Text) > maxPassage || !utf8.ValidString(p.Text) || strings.ContainsRune(p.Text, 0) {
		return p, archive.Explain(fmt.Errorf("%w: words of a passage", archive.ErrInvalid), fmt.Sprintf("A passage needs words, at most %d bytes of them.", maxPassage),
			"Cut it into several.")
	}
	if p.Lang != "" {
		lang, err := catalogue.Canonical(catalogue.Property{Name: "language", Type: catalogue.TypeLang}, p.Lang, "")
		if err != nil {
			return p, err
		}
		p.Lang = lang
	}
	if d.Item == "" {
		if p.From != 0 || p.To != 0 || p.Page != 0 {
			return p, archive.Explain(fmt.Errorf("%w: a place in no item", archive.ErrInvalid), "A time or page needs the recording or scan that it is in.", "")
		}
		return p, nil
	}
	it, err := itemOf(ctx, tx, who, d.Item)
	if err != nil {
		return p, archive.Explain(fmt.Errorf("%w: item of a passage", archive.ErrInvalid), "There is no such item.", "Give its reference, as in Z3-000412.")
	}
	p.Item = it.ID
	if p.From < 0 || p.To < p.From || p.Page < 0 || it.Duration > 0 && p.To > it.Duration+time.Second {
		return p, archive.Explain(fmt.Errorf("%w: a span outside the item", archive.ErrInvalid), "The span does not lie in the recording.", "")
	}
	return p, nil
}

// passageDoc is what search knows of a passage.
func passageDoc(e archive.Entity, p archive.Passage) store.Doc {
	return store.Doc{Kind: store.DocPassage, Ref: p.ID, Item: p.Item, Entity: p.Testimony, Compartment: e.Compartment, At: p.CreatedAt, From: p.From, To: p.To, Lang: p.Lang, Text: p.Text}
}

// recordPassages records an act on passages of a testimony.
func (s *Service) recordPassages(ctx context.Context, tx *store.Tx, who policy.Subject, act, testimony string, made, gone []string) error {
	e := archive.Event{
		Type: archive.EventDescription, Agent: who.Agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindEntity, ID: testimony}},
		Detail:   map[string]string{"act": act, "passages": strconv.Itoa(max(len(made), len(gone)))},
	}
	for _, id := range gone[:min(len(gone), 20)] {
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleSource, Kind: custody.KindPassage, ID: id})
	}
	for _, id := range made[:min(len(made), 40)] {
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleOutcome, Kind: custody.KindPassage, ID: id})
	}
	_, err := s.o.Custody.Record(ctx, tx, e)
	return err
}

// AddPassages writes passages of a testimony down, in their order. Errors: archive.ErrInvalid, archive.ErrNotFound.
func (s *Service) AddPassages(ctx context.Context, who policy.Subject, testimony string, drafts ...PassageDraft) ([]archive.Passage, error) {
	var out []archive.Passage
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		out = nil
		e, err := s.testimonyFor(ctx, tx, who, policy.EditCatalogue, testimony)
		if err != nil {
			return err
		}
		if len(drafts) == 0 || len(drafts) > 1000 {
			return fmt.Errorf("%w: between one and a thousand passages at a time", archive.ErrInvalid)
		}
		// The row of the testimony is held, so that two people do not take one ordinal.
		if err := tx.TouchEntities(ctx, s.now(), e.ID); err != nil {
			return err
		}
		next, err := tx.NextPassage(ctx, e.ID)
		if err != nil {
			return err
		}
		var docs []store.Doc
		var ids []string
		for i, d := range drafts {
			p, err := s.passageOf(ctx, tx, who, e.ID, next+i, d)
			if err != nil {
				return err
			}
			out, docs, ids = append(out, p), append(docs, passageDoc(e, p)), append(ids, p.ID)
		}
		if err := tx.AddPassages(ctx, out...); err != nil {
			return err
		}
		if err := tx.IndexDocs(ctx, docs...); err != nil {
			return err
		}
		return s.recordPassages(ctx, tx, who, "passages added", e.ID, ids, nil)
	})
	if err != nil {
		return nil, fmt.Errorf("add passages: %w", err)
	}
	return out, nil
}

// ReplacePassage puts other words in the place of a passage. The former ones stay for those who cite them, and say what took their place.
// archive.ErrConflict if somebody else did meanwhile.
func (s *Service) ReplacePassage(ctx context.Context, who policy.Subject, passage string, d PassageDraft) (archive.Passage, error) {
	var out archive.Passage
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		was, e, err := s.passage(ctx, tx, who, policy.EditCatalogue, passage)
		if err != nil {
			return err
		}
		if d.Heading == "" {
			d.Heading = was.Heading
		}
		if out, err = s.passageOf(ctx, tx, who, e.ID, was.Ordinal, d); err != nil {
			return err
		}
		if err := tx.RemovePassage(ctx, was.ID, out.ID, who.Agent, s.now()); err != nil {
			return err
		}
		if err := tx.AddPassages(ctx, out); err != nil {
			return err
		}
		if err := tx.DropDocs(ctx, store.DocPassage, was.ID); err != nil {
			return err
		}
		if err := tx.IndexDocs(ctx, passageDoc(e, out)); err != nil {
			return err
		}
		if err := tx.TouchEntities(ctx, s.now(), e.ID); err != nil {
			return err
		}
		return s.recordPassages(ctx, tx, who, "passage replaced", e.ID, []string{out.ID}, []string{was.ID})
	})
	if err != nil {
		return archive.Passage{}, fmt.Errorf("replace passage: %w", err)
	}
	return out, nil
}

// RemovePassage sets a passage aside: it is read by those who cite it and found by nobody.
func (s *Service) RemovePassage(ctx context.Context, who policy.Subject, passage string) error {
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		was, e, err := s.passage(ctx, tx, who, policy.EditCatalogue, passage)
		if err != nil {
			return err
		}
		if err := tx.RemovePassage(ctx, was.ID, "", who.Agent, s.now()); err != nil {
			return err
		}
		if err := tx.DropDocs(ctx, store.DocPassage, was.ID); err != nil {
			return err
		}
		if err := tx.TouchEntities(ctx, s.now(), e.ID); err != nil {
			return err
		}
		return s.recordPassages(ctx, tx, who, "passage set aside", e.ID, nil, []string{was.ID})
	})
	if err != nil {
		return fmt.Errorf("set passage aside: %w", err)
	}
	return nil
}

// passage finds a passage and its testimony, and asks policy.
func (s *Service) passage(ctx context.Context, tx *store.Tx, who policy.Subject, a policy.Action, id string) (archive.Passage, archive.Entity, error) {
	if !policy.Could(who, a) || archive.CheckID(archive.PrefixPassage, id) != nil {
		return archive.Passage{}, archive.Entity{}, archive.ErrNotFound
	}
	p, err := tx.Passage(ctx, policy.ScopeOf(who), id)
	if err != nil {
		return p, archive.Entity{}, err
	}
	e, err := s.testimonyFor(ctx, tx, who, a, p.Testimony)
	return p, e, err
}

// refile lets search know in which compartment the passages of a testimony lie now. Whoever moves an entity calls it in the transaction.
func (s *Service) refile(ctx context.Context, tx *store.Tx, e archive.Entity) error {
	if e.Kind != catalogue.Testimony {
		return nil
	}
	passages, err := tx.Passages(ctx, archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1, Quarantined: true}, false, e.ID)
	if err != nil || len(passages) == 0 {
		return err
	}
	docs := make([]store.Doc, len(passages))
	for i, p := range passages {
		docs[i] = passageDoc(e, p)
	}
	return tx.IndexDocs(ctx, docs...)
}

// PassageView is a passage as it is shown.
type PassageView struct {
	archive.Passage
	Testimony Summary
	Cite      string // how it is cited aloud: S-0004 ¶3
	HeadingAs string // the heading in words
	Reference string // of the item, as in Z3-000412; empty: words only
	ItemKind  archive.Kind
	Withdrawn bool // see Said.Withdrawn
	Cited     int  // claims that rest on it and that the reader sees
}

// ConsentView is a consent as it is shown.
type ConsentView struct {
	archive.Consent
	PurposeAs, AudienceAs  string // in words
	AuthorName             string
	WithdrawnByName        string
	Reference              string // of the paper or recording
	Stands, Expired, Ended bool   // Ended: by another one that was taken back
}

// Heading is one heading of an interview with its passages.
type Heading struct {
	Code, Label, Note string
	Passages          []PassageView
}

// Testimony is a testimony as a reader sees it.
type Testimony struct {
	View
	State      ConsentState
	Headings   []Heading // in the order of the vocabulary, those with passages
	Past       []PassageView
	Consents   []ConsentView // newest first
	Dependents Dependents
	Originals  []Original
	// What the reader may do.
	MayConsent, MayIdentity bool
}

// Original is an item that passages were spoken or written in.
type Original struct {
	ID, Reference string
	Kind          archive.Kind
	Duration      time.Duration
}

// TestimonySummary is a testimony in a list.
type TestimonySummary struct {
	Summary
	State     ConsentState
	Passages  int
	Withdrawn []ConsentView // that were taken back and not given again
}

// Testimonies gives a page of the testimonies that a reader sees, as List does; kinds are not read from the query.
func (s *Service) Testimonies(ctx context.Context, who policy.Subject, q Query) (list []TestimonySummary, next string, total int, err error) {
	q.Kinds = []archive.EntityKind{catalogue.Testimony}
	entities, next, total, err := s.List(ctx, who, q)
	if err != nil {
		return nil, "", 0, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		list = nil
		sc := policy.ScopeOf(who)
		words, err := s.words(ctx, tx, q.Lang)
		if err != nil {
			return err
		}
		for _, e := range entities {
			together, err := tx.Together(ctx, sc, e.ID)
			if err != nil {
				return err
			}
			passages, err := tx.Passages(ctx, sc, false, together...)
			if err != nil {
				return err
			}
			consents, err := tx.Consents(ctx, sc, together...)
			if err != nil {
				return err
			}
			t := TestimonySummary{Summary: e, State: stateOf(consents, s.now()), Passages: len(passages)}
			for _, c := range consents {
				if !c.WithdrawnAt.IsZero() && !allowed(consents, c.Purpose, c.Audience, s.now()) {
					t.Withdrawn = append(t.Withdrawn, ConsentView{Consent: c, PurposeAs: words.of("purpose", c.Purpose), AudienceAs: words.of("audience", c.Audience)})
				}
			}
			list = append(list, t)
		}
		return nil
	})
	if err != nil {
		return nil, "", 0, fmt.Errorf("list testimonies: %w", err)
	}
	return list, next, total, nil
}

// words are the terms of the vocabularies of testimony in a language.
type words struct {
	terms map[string][]archive.Term // by vocabulary
	lang  string
}

func (s *Service) words(ctx context.Context, tx *store.Tx, lang string) (words, error) {
	w := words{terms: map[string][]archive.Term{}, lang: lang}
	for _, name := range []string{"interview", "purpose", "audience"} {
		own, err := tx.Terms(ctx, name)
		if err != nil {
			return w, err
		}
		list := slices.Clone(vocabulary.Terms(name))
		for _, t := range own {
			if i := slices.IndexFunc(list, func(o archive.Term) bool { return o.Code == t.Code }); i >= 0 {
				list[i] = t
			} else {
				list = append(list, t)
			}
		}
		slices.SortStableFunc(list, func(a, b archive.Term) int { return a.Order - b.Order })
		w.terms[name] = list
	}
	return w, nil
}

// of gives a code in words: in the language, else in English, else the code.
func (w words) of(name, code string) string {
	for _, t := range w.terms[name] {
		if t.Code == code {
			return w.say(t.Labels, code)
		}
	}
	return code
}

func (w words) say(by map[string]string, otherwise string) string {
	for _, lang := range []string{w.lang, "en"} {
		if text := by[lang]; text != "" {
			return text
		}
	}
	return otherwise
}

// Testimony gives one testimony by identifier or code, with what depends on it.
func (s *Service) Testimony(ctx context.Context, who policy.Subject, id string, lang ...string) (Testimony, error) {
	var out Testimony
	fail := func(err error) (Testimony, error) { return Testimony{}, fmt.Errorf("testimony: %w", err) }
	view, err := s.Entity(ctx, who, id, lang...)
	if err == nil && view.Kind != catalogue.Testimony {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fail(err)
	}
	language := ""
	if len(lang) > 0 {
		language = lang[0]
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = Testimony{View: view}
		sc := policy.ScopeOf(who)
		object := policy.CatalogueObject(view.Compartment)
		out.MayConsent = policy.Decide(who, policy.ManageConsent, object).Allow
		out.MayIdentity = policy.Decide(who, policy.ViewIdentity, object).Allow
		together, err := tx.Together(ctx, sc, view.ID)
		if err != nil {
			return err
		}
		w, err := s.words(ctx, tx, language)
		if err != nil {
			return err
		}
		consents, err := tx.Consents(ctx, sc, together...)
		if err != nil {
			return err
		}
		now := s.now()
		out.State = stateOf(consents, now)
		passages, err := tx.Passages(ctx, sc, true, together...)
		if err != nil {
			return err
		}
		if out.Dependents, err = s.dependents(ctx, tx, who, together, language); err != nil {
			return err
		}
		cited := map[string]int{}
		for _, c := range out.Dependents.Claims {
			for _, src := range c.Sources {
				if src.Kind == archive.SourcePassage {
					cited[src.Passage]++
				}
			}
		}
		items := map[string]archive.Item{}
		itemFor := func(id string) (archive.Item, error) {
			it, ok := items[id]
			if !ok && id != "" {
				var err error
				if it, err = tx.Item(ctx, sc, id); err != nil && !errors.Is(err, archive.ErrNotFound) {
					return it, err
				}
				items[id] = it
			}
			return it, nil
		}
		codes, err := tx.Entities(ctx, sc, together...)
		if err != nil {
			return err
		}
		gone := lapsed(consents, now)
		by := map[string][]PassageView{}
		for _, p := range passages {
			it, err := itemFor(p.Item)
			if err != nil {
				return err
			}
			v := PassageView{Passage: p, Testimony: Summary{Entity: codes[p.Testimony], Label: codes[p.Testimony].Code}, Cite: cite(codes[p.Testimony], p), HeadingAs: w.of("interview", p.Heading), Withdrawn: gone, Cited: cited[p.ID]}
			if it.ID != "" {
				v.Reference, v.ItemKind = it.Reference(), it.Kind
				if !slices.ContainsFunc(out.Originals, func(o Original) bool { return o.ID == it.ID }) {
					out.Originals = append(out.Originals, Original{ID: it.ID, Reference: it.Reference(), Kind: it.Kind, Duration: it.Duration})
				}
			}
			if !p.RemovedAt.IsZero() {
				out.Past = append(out.Past, v)
				continue
			}
			by[p.Heading] = append(by[p.Heading], v)
		}
		for _, t := range w.terms["interview"] {
			if list := by[t.Code]; len(list) > 0 {
				out.Headings = append(out.Headings, Heading{Code: t.Code, Label: w.say(t.Labels, t.Code), Note: w.say(t.Notes, ""), Passages: list})
				delete(by, t.Code)
			}
		}
		for _, p := range passages { // of headings that no vocabulary knows any more
			if list := by[p.Heading]; len(list) > 0 {
				out.Headings = append(out.Headings, Heading{Code: p.Heading, Label: p.Heading, Passages: list})
				delete(by, p.Heading)
			}
		}
		names := map[string]string{}
		for i := len(consents) - 1; i >= 0; i-- {
			c := consents[i]
			v := ConsentView{Consent: c, PurposeAs: w.of("purpose", c.Purpose), AudienceAs: w.of("audience", c.Audience), Stands: effective(c, consents, now)}
			v.Expired = c.WithdrawnAt.IsZero() && !c.Until.IsZero() && !now.Before(c.Until)
			v.Ended = c.Holds(now) && !v.Stands
			if v.AuthorName, err = agentName(ctx, tx, names, c.Author); err != nil {
				return err
			}
			if v.WithdrawnByName, err = agentName(ctx, tx, names, c.WithdrawnBy); err != nil {
				return err
			}
			it, err := itemFor(c.Item)
			if err != nil {
				return err
			}
			if it.ID != "" {
				v.Reference = it.Reference()
			}
			out.Consents = append(out.Consents, v)
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// cite names a passage as people say it.
func cite(e archive.Entity, p archive.Passage) string {
	return e.Code + " ¶" + strconv.Itoa(p.Ordinal)
}

// agentName gives what colleagues call an agent, or the identifier.
func agentName(ctx context.Context, tx *store.Tx, known map[string]string, id string) (string, error) {
	if name, ok := known[id]; ok || id == "" {
		return name, nil
	}
	known[id] = id
	a, err := tx.Agent(ctx, id)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return "", err
	}
	if a.Name != "" {
		known[id] = a.Name
	}
	return known[id], nil
}

// Passage gives one passage, replaced or not, for whoever follows a citation; archive.ErrNotFound.
func (s *Service) Passage(ctx context.Context, who policy.Subject, id string, lang ...string) (PassageView, error) {
	var out PassageView
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		p, e, err := s.passage(ctx, tx, who, policy.ViewCatalogue, id)
		if err != nil {
			return err
		}
		language := ""
		if len(lang) > 0 {
			language = lang[0]
		}
		w, err := s.words(ctx, tx, language)
		if err != nil {
			return err
		}
		sc := policy.ScopeOf(who)
		together, err := tx.Together(ctx, sc, e.ID)
		if err != nil {
			return err
		}
		consents, err := tx.Consents(ctx, sc, together...)
		if err != nil {
			return err
		}
		out = PassageView{Passage: p, Testimony: Summary{Entity: e, Label: e.Code}, Cite: cite(e, p), HeadingAs: w.of("interview", p.Heading), Withdrawn: lapsed(consents, s.now())}
		if p.Item != "" {
			it, err := tx.Item(ctx, sc, p.Item)
			if err != nil && !errors.Is(err, archive.ErrNotFound) {
				return err
			}
			if err == nil {
				out.Reference, out.ItemKind = it.Reference(), it.Kind
			}
		}
		cited, err := tx.Claims(ctx, sc, store.ClaimQuery{Passages: []string{p.ID}, Standing: true})
		out.Cited = len(cited)
		return err
	})
	if err != nil {
		return PassageView{}, fmt.Errorf("passage: %w", err)
	}
	return out, nil
}

// Dependents are everything that rests on a testimony, as far as a reader sees it.
type Dependents struct {
	Claims    []Said            // that rest on a passage, or on the recording that it was spoken in
	Findings  []archive.Finding // that chose one of these claims
	Clips     []Dependent       // that were cut from a recording of the testimony
	Exports   []store.Export    // that contained the testimony, a passage, one of the claims or clips
	Documents []Dependent       // entities of kind document that are made of an item of the testimony
	Notes     []Dependent       // on the recordings of the testimony
}

// Dependent is one thing that depends on testimony.
type Dependent struct {
	ID, Code string
	Item     string // which it is on or from
	At       time.Time
}

// Count is how many there are in all.
func (d Dependents) Count() int {
	return len(d.Claims) + len(d.Findings) + len(d.Clips) + len(d.Exports) + len(d.Documents) + len(d.Notes)
}

// Dependents gives what depends on a testimony: also through others that it is one with by merges.
func (s *Service) Dependents(ctx context.Context, who policy.Subject, testimony string) (Dependents, error) {
	var out Dependents
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		e, err := s.testimonyFor(ctx, tx, who, policy.ViewCatalogue, testimony)
		if err != nil {
			return err
		}
		together, err := tx.Together(ctx, policy.ScopeOf(who), e.ID)
		if err != nil {
			return err
		}
		out, err = s.dependents(ctx, tx, who, together, "")
		return err
	})
	if err != nil {
		return Dependents{}, fmt.Errorf("dependents: %w", err)
	}
	return out, nil
}

func (s *Service) dependents(ctx context.Context, tx *store.Tx, who policy.Subject, together []string, lang string) (Dependents, error) {
	var out Dependents
	sc := policy.ScopeOf(who)
	rows, err := tx.Claims(ctx, sc, store.ClaimQuery{Documents: together, Standing: true})
	if err != nil {
		return out, err
	}
	items, err := tx.ItemsOfTestimonies(ctx, sc, together...)
	if err != nil {
		return out, err
	}
	for _, item := range items {
		more, err := tx.Claims(ctx, sc, store.ClaimQuery{Item: item, Standing: true})
		if err != nil {
			return out, err
		}
		for _, c := range more {
			if c.Kind == catalogue.Document && c.Names == item {
				if !slices.ContainsFunc(out.Documents, func(d Dependent) bool { return d.ID == c.Entity }) {
					out.Documents = append(out.Documents, Dependent{ID: c.Entity, Code: c.EntityCode, Item: item, At: c.CreatedAt})
				}
				continue
			}
			if !slices.ContainsFunc(rows, func(o store.Claim) bool { return o.ID == c.ID }) {
				rows = append(rows, c)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b store.Claim) int {
		if c := a.CreatedAt.Compare(b.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	refs := slices.Clone(together)
	var entities []string
	for _, c := range rows {
		refs, entities = append(refs, c.ID), append(entities, c.Entity)
	}
	r, err := s.reader(ctx, tx, who, lang)
	if err != nil {
		return out, err
	}
	if out.Claims, err = r.dress(ctx, rows); err != nil {
		return out, err
	}
	findings, err := tx.Findings(ctx, sc, unique(entities)...)
	if err != nil {
		return out, err
	}
	for _, f := range findings {
		if slices.ContainsFunc(rows, func(c store.Claim) bool { return c.ID == f.Claim }) {
			out.Findings = append(out.Findings, f)
		}
	}
	passages, err := tx.Passages(ctx, sc, true, together...)
	if err != nil {
		return out, err
	}
	for _, p := range passages {
		refs = append(refs, p.ID)
	}
	clips, err := tx.ClipsOfItems(ctx, items...)
	if err != nil {
		return out, err
	}
	for _, c := range clips {
		out.Clips = append(out.Clips, Dependent{ID: c.ID, Item: c.Item, At: c.CreatedAt})
		refs = append(refs, c.ID)
	}
	for _, item := range items {
		notes, err := tx.Notes(ctx, sc, item)
		if err != nil {
			return out, err
		}
		for _, n := range notes {
			out.Notes = append(out.Notes, Dependent{ID: n.ID, Item: n.Item, At: n.CreatedAt})
			refs = append(refs, n.ID)
		}
	}
	out.Exports, err = tx.ExportsWith(ctx, unique(refs)...)
	return out, err
}
