package knowledge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/edtf"
	"zapis/internal/custody"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// MaxSources is how many sources a claim may have.
const MaxSources = 64

// Limits of one act.
const (
	maxDrafts  = 5_000 // entities of one Apply
	maxClaims  = 500   // claims about one entity at once
	maxSources = MaxSources
)

func invalid(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{archive.ErrInvalid}, a...)...)
}

// Errors of one draft among many say which one.
type draftError struct {
	draft, claim int
	err          error
}

func (e *draftError) Error() string {
	if e.claim < 0 {
		return fmt.Sprintf("draft %d: %v", e.draft, e.err)
	}
	return fmt.Sprintf("draft %d, claim %d: %v", e.draft, e.claim, e.err)
}

func (e *draftError) Unwrap() error { return e.err }

// FaultOf says which draft and which claim of it (-1: the entity itself) an error of Apply is about.
func FaultOf(err error) (draft, claim int, ok bool) {
	if e, ok := errors.AsType[*draftError](err); ok {
		return e.draft, e.claim, true
	}
	return 0, 0, false
}

// writer is one act: a transaction, who acts and what was looked up for it.
type writer struct {
	*Service
	tx    *store.Tx
	who   policy.Subject
	scope archive.Scope
	now   time.Time

	byID   map[string]archive.Entity
	byCode map[string]archive.Entity
	items  map[string]archive.Item
	terms  *terms
	drafts []archive.Entity // of an Apply, for "@n"
}

// act runs f in one transaction.
func (s *Service) act(ctx context.Context, who policy.Subject, f func(w *writer) error) error {
	if err := policy.Decide(who, policy.EditCatalogue, policy.Object{Difficulty: -1}).Err(); err != nil {
		return err
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error { return f(s.writer(tx, who)) })
}

func (s *Service) writer(tx *store.Tx, who policy.Subject) *writer {
	return &writer{Service: s, tx: tx, who: who, scope: policy.ScopeOf(who), now: s.now(),
		byID: map[string]archive.Entity{}, byCode: map[string]archive.Entity{}, items: map[string]archive.Item{}}
}

// sees asks policy whether something may be filed in a compartment, and makes sure that it is there.
func (w *writer) sees(ctx context.Context, compartment string) error {
	if err := policy.Decide(w.who, policy.EditCatalogue, policy.CatalogueObject(compartment)).Err(); err != nil {
		return err
	}
	if _, err := w.tx.CompartmentTag(ctx, compartment); err != nil {
		return fmt.Errorf("compartment: %w", err)
	}
	return nil
}

// entity finds an entity by identifier or code; with follow the one that stands for it.
func (w *writer) entity(ctx context.Context, id string, follow bool) (archive.Entity, error) {
	e, err := w.look(ctx, id)
	if err != nil || !follow || e.Canonical == "" {
		return e, err
	}
	canon, met, err := w.tx.Canonical(ctx, w.scope, e.ID)
	if err != nil {
		return e, err
	}
	return met[canon[e.ID]], nil
}

func (w *writer) look(ctx context.Context, id string) (archive.Entity, error) {
	id = strings.TrimSpace(id)
	if e, ok := w.byID[id]; ok {
		return e, nil
	}
	if e, ok := w.byCode[strings.ToUpper(id)]; ok {
		return e, nil
	}
	if id == "" || len(id) > 100 {
		return archive.Entity{}, archive.ErrNotFound
	}
	e, err := w.tx.Entity(ctx, w.scope, id)
	if err != nil {
		return archive.Entity{}, fmt.Errorf("find entity: %w", err)
	}
	w.byID[e.ID] = e
	w.byCode[e.Code] = e
	return e, nil
}

// item finds an item of the scope by identifier or reference. One that two people agreed to erase is not found.
func (w *writer) item(ctx context.Context, id string) (archive.Item, error) {
	id = strings.TrimSpace(id)
	if it, ok := w.items[id]; ok {
		return it, nil
	}
	var it archive.Item
	var err error
	if archive.CheckID(archive.PrefixItem, id) == nil {
		it, err = w.tx.Item(ctx, w.scope, id)
	} else {
		it, err = w.tx.ItemByReference(ctx, w.scope, id)
	}
	if err != nil {
		return it, fmt.Errorf("find item: %w", err)
	}
	if err := policy.Decide(w.who, policy.ViewItem, policy.ItemObject(it)).Err(); err != nil {
		return archive.Item{}, err
	}
	w.items[id] = it
	w.items[it.ID] = it
	return it, nil
}

// prefetch looks up in few questions what many drafts name.
func (w *writer) prefetch(ctx context.Context, drafts []Draft) error {
	var ids, codes []string
	want := func(s string) {
		switch {
		case s == "" || strings.HasPrefix(s, "@"):
		case archive.CheckID(archive.PrefixEntity, s) == nil:
			ids = append(ids, s)
		case len(s) <= 64:
			codes = append(codes, strings.ToUpper(strings.TrimSpace(s)))
		}
	}
	for _, d := range drafts {
		want(d.Entity)
		k, _ := catalogue.KindOf(d.Kind)
		for _, c := range d.Claims {
			if p, ok := k.Property(c.Property); !ok || p.Type == catalogue.TypeRef {
				want(c.Value)
			}
			for _, s := range c.Sources {
				want(s.Entity)
			}
		}
	}
	found, err := w.tx.Entities(ctx, w.scope, ids...)
	if err != nil {
		return err
	}
	named, err := w.tx.EntitiesByCode(ctx, w.scope, codes...)
	if err != nil {
		return err
	}
	for _, e := range found {
		w.byID[e.ID] = e
	}
	for code, e := range named {
		w.byID[e.ID], w.byCode[code] = e, e
	}
	return nil
}

var originForm = regexp.MustCompile(`^[a-z]{2}_[0-9a-z]{26}$`)

// claim makes a claim about an entity out of what was typed.
func (w *writer) claim(ctx context.Context, e archive.Entity, d ClaimDraft) (store.Claim, error) {
	none := store.Claim{}
	k, ok := catalogue.KindOf(e.Kind)
	if !ok {
		return none, invalid("this kind of entity is not known")
	}
	p, ok := k.Property(d.Property)
	if !ok {
		return none, invalid("%s has no such property", e.Kind)
	}
	c := store.Claim{Claim: archive.Claim{ID: w.o.NewID(archive.PrefixClaim), Entity: e.ID, Property: p.Name, Certainty: d.Certainty, Author: w.who.Agent, Origin: d.Origin,
		CreatedAt: w.now, Compartment: e.Compartment}, Kind: e.Kind, EntityCode: e.Code}
	switch d.Certainty {
	case archive.Established, archive.Probable, archive.Disputed, archive.NotKnown:
	default:
		return none, invalid("%s: a certainty was expected: established, probable, disputed or not known", p.Name)
	}
	if e.Protected && p.Identifies && d.Certainty != archive.NotKnown {
		return none, archive.Explain(fmt.Errorf("%w: %s of a protected person", archive.ErrConflict, p.Name), "This person is known by the code alone: what would name them is not taken.",
			"Whoever may open the identity keeps it there.")
	}
	switch {
	case c.Origin == "":
		c.Origin = "person"
	case c.Origin != "person" && !originForm.MatchString(c.Origin):
		return none, invalid("an origin is person or the identifier of an import or a suggestion")
	}
	var err error
	if c.Note, err = catalogue.Note(d.Note); err != nil {
		return none, fmt.Errorf("remark: %w", err)
	}
	if c.Lang, err = catalogue.Lang(d.Lang); err != nil {
		return none, err
	}
	if d.Compartment != "" && d.Compartment != e.Compartment {
		if err := w.sees(ctx, d.Compartment); err != nil {
			return none, err
		}
		c.Own, c.Compartment = true, d.Compartment
	}
	if err := w.value(ctx, p, d, &c); err != nil {
		return none, fmt.Errorf("%s: %w", p.Name, err)
	}
	if e.Protected && p.Identifies && c.Value != "" {
		return none, invalid("%s: a protected person is known by the code alone", p.Name)
	}
	if len(d.Sources) > maxSources {
		return none, invalid("a claim has at most %d sources", maxSources)
	}
	for _, s := range d.Sources {
		if s, err = w.source(ctx, s); err != nil {
			return none, fmt.Errorf("source: %w", err)
		}
		if !slices.Contains(c.Sources, s) {
			c.Sources = append(c.Sources, s)
		}
	}
	return c, nil
}

// value brings the value of a claim into its form and looks up what it names.
func (w *writer) value(ctx context.Context, p catalogue.Property, d ClaimDraft, c *store.Claim) error {
	v := d.Value
	if strings.TrimSpace(v) == "" {
		if d.Certainty == archive.NotKnown {
			return nil
		}
		return invalid("something was expected here")
	}
	switch p.Type {
	case catalogue.TypeRef:
		if v == catalogue.Undetermined {
			break
		}
		e, err := w.referred(ctx, v)
		if err != nil {
			return err
		}
		if len(p.Refers) > 0 && !slices.Contains(p.Refers, e.Kind) {
			return invalid("one of these was expected: %s", kindList(p.Refers))
		}
		if e.ID == c.Entity {
			return invalid("it cannot refer to itself")
		}
		v, c.Ref = e.ID, e.ID
	case catalogue.TypeItem:
		it, err := w.item(ctx, v)
		if err != nil {
			return err
		}
		v, c.Names = it.ID, it.ID
	}
	var err error
	if c.Value, err = catalogue.Canonical(p, v, c.Lang); err != nil {
		return err
	}
	switch p.Type {
	case catalogue.TypeDate:
		date, err := edtf.Parse(c.Value)
		if err != nil {
			return err
		}
		if us, ok := date.EarliestMicro(); ok {
			c.Earliest = &us
		}
		if us, ok := date.LatestMicro(); ok {
			c.Latest = &us
		}
	case catalogue.TypeTerm:
		t, err := w.vocabularies(ctx)
		if err != nil {
			return err
		}
		if known, ok := t.find(c.Value); !ok || known.Retired {
			return invalid("a term of the vocabulary %s was expected", p.Vocabulary)
		}
	case catalogue.TypeName:
		c.Keys = language.NameKeys(c.Value)
	}
	if p.Type != catalogue.TypeText && p.Type != catalogue.TypeName {
		c.Lang = ""
	}
	return nil
}

func kindList(kinds []archive.EntityKind) string {
	var out []string
	for _, k := range kinds {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

// referred finds what a reference names.
func (w *writer) referred(ctx context.Context, v string) (archive.Entity, error) {
	if place, ok := strings.CutPrefix(v, "@"); ok {
		n, err := strconv.Atoi(place)
		if err != nil || n < 0 || n >= len(w.drafts) {
			return archive.Entity{}, invalid("there is no draft of this number")
		}
		return w.drafts[n], nil
	}
	return w.entity(ctx, v, false)
}

// source makes sure that a source is whole and within the scope.
func (w *writer) source(ctx context.Context, s archive.Source) (archive.Source, error) {
	note, err := catalogue.Note(s.Note)
	if err != nil {
		return s, err
	}
	out := archive.Source{Kind: s.Kind, Note: note}
	switch s.Kind {
	case archive.SourceItem:
		it, err := w.item(ctx, s.Item)
		if err != nil {
			return s, err
		}
		const most = 1000 * time.Hour
		r := s.Region
		switch {
		case s.From < 0 || s.To < s.From || s.To > most:
			return s, invalid("a span of the item was expected")
		case r.X < 0 || r.Y < 0 || r.W < 0 || r.H < 0 || r.X+r.W > 1_000_000 || r.Y+r.H > 1_000_000 || !r.IsZero() && (r.W == 0 || r.H == 0):
			return s, invalid("a part of the picture was expected")
		case s.Page < 0 || s.Page > 1_000_000:
			return s, invalid("a page was expected")
		}
		out.Item, out.From, out.To, out.Region, out.Page = it.ID, s.From.Truncate(time.Microsecond), s.To.Truncate(time.Microsecond), r, s.Page
	case archive.SourcePassage:
		if archive.CheckID(archive.PrefixPassage, s.Passage) != nil {
			return s, archive.ErrNotFound
		}
		p, err := w.tx.Passage(ctx, w.scope, s.Passage)
		if err != nil {
			return s, fmt.Errorf("find passage: %w", err)
		}
		out.Passage, out.Entity = p.ID, p.Testimony
		if p.Item != "" {
			// A passage of a recording that the author may not see is not theirs to cite.
			if _, err := w.item(ctx, p.Item); err != nil {
				return s, err
			}
		}
	case archive.SourceDocument, archive.SourceArticle:
		e, err := w.referred(ctx, s.Entity)
		if err != nil {
			return s, err
		}
		if string(e.Kind) != s.Kind {
			return s, invalid("a %s was expected", s.Kind)
		}
		if s.Page < 0 || s.Page > 1_000_000 {
			return s, invalid("a page was expected")
		}
		out.Entity, out.Page = e.ID, s.Page
	case archive.SourceOther:
		if note == "" {
			return s, invalid("words that say what the source is were expected")
		}
	default:
		return s, invalid("this kind of source is not known")
	}
	return out, nil
}

// Kinds of properties that are names of something, found by their sound.
func isName(property string) bool {
	switch property {
	case "name", "alias", "code-name":
		return true
	}
	return false
}

// docs gives what search finds a claim by.
func docs(claims ...store.Claim) (out []store.Doc) {
	for _, c := range claims {
		k, _ := catalogue.KindOf(c.Kind)
		p, ok := k.Property(c.Property)
		if !ok || c.Value == "" && c.Note == "" || !c.Stands() {
			continue
		}
		d := store.Doc{Kind: store.DocClaim, Ref: c.ID, Entity: c.Entity, Claim: c.ID, Compartment: c.Compartment, At: c.CreatedAt, Lang: c.Lang, Name: isName(c.Property)}
		if p.Type == catalogue.TypeText || p.Type == catalogue.TypeName {
			d.Text = c.Value
		}
		if !d.Name && c.Note != "" {
			d.Text = strings.TrimSpace(d.Text + "\n" + c.Note)
		}
		if d.Text == "" {
			continue
		}
		// A document of an item goes when the item goes: only what rests on nothing else.
		if len(c.Sources) > 0 && c.Sources[0].Item != "" && !slices.ContainsFunc(c.Sources, func(s archive.Source) bool { return s.Item != c.Sources[0].Item }) {
			d.Item, d.From, d.To = c.Sources[0].Item, c.Sources[0].From, c.Sources[0].To
		}
		out = append(out, d)
	}
	return out
}

// say writes claims and what search finds them by.
func (w *writer) say(ctx context.Context, claims ...store.Claim) error {
	if err := w.tx.AddClaims(ctx, claims...); err != nil {
		return err
	}
	return w.tx.IndexDocs(ctx, docs(claims...)...)
}

// record writes the event of the act: identifiers, counts and a digest of all identifiers, never a value.
func (w *writer) record(ctx context.Context, act string, entities, claims []string, detail map[string]string) error {
	const most = 60 // subjects of an event
	e := archive.Event{Type: archive.EventDescription, Agent: w.who.Agent, Outcome: archive.Success, Detail: map[string]string{}}
	for k, v := range detail {
		e.Detail[k] = v
	}
	e.Detail["act"] = act
	e.Detail["entities"], e.Detail["claims"] = strconv.Itoa(len(entities)), strconv.Itoa(len(claims))
	sum := sha256.New()
	for i, list := range [][]string{entities, claims} {
		for _, id := range list {
			sum.Write([]byte(id + "\n"))
			if len(e.Subjects) < most {
				e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleAbout, Kind: []string{custody.KindEntity, custody.KindClaim}[i], ID: id})
			}
		}
	}
	if len(entities)+len(claims) > most {
		e.Detail["ids_sha256"] = hex.EncodeToString(sum.Sum(nil))
	}
	_, err := w.o.Custody.Record(ctx, w.tx, e)
	return err
}

// newIDs gives identifiers in their order. Within a millisecond they are random; in order, the indexes of the database grow at their ends, where
// pages are filled and not split.
func (w *writer) newIDs(prefix string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = w.o.NewID(prefix)
	}
	slices.Sort(out)
	return out
}

func claimIDs(claims []store.Claim) []string {
	out := make([]string, len(claims))
	for i, c := range claims {
		out[i] = c.ID
	}
	return out
}

func plainClaims(claims []store.Claim) []archive.Claim {
	out := make([]archive.Claim, len(claims))
	for i, c := range claims {
		out[i] = c.Claim
	}
	return out
}

// reason checks the words of somebody who says why.
func reason(s string) (string, error) {
	s, err := catalogue.Note(s)
	if err == nil && s == "" {
		err = invalid("a reason was expected")
	}
	return s, err
}
