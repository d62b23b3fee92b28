package knowledge

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// reader is one look into the catalogue: a snapshot, who looks and what was looked up for them. Everything goes through the scope.
type reader struct {
	*Service
	tx    *store.Tx
	who   policy.Subject
	scope archive.Scope
	lang  string
	terms *terms

	about map[string]*about  // by root
	root  map[string]string  // of every entity met and seen, the one that stands for it
	items map[string]*string // references of items within the scope; nil: not seen
}

// about is an entity with all that is said of it and of what was merged into it.
type about struct {
	archive.Entity
	kind     catalogue.Kind
	members  []archive.Entity
	claims   []store.Claim
	findings []archive.Finding
	whole    bool // all claims were read, not only those that give the label and the brief
}

// look runs f on one snapshot.
func (s *Service) look(ctx context.Context, who policy.Subject, lang []string, f func(r *reader) error) error {
	if err := policy.Decide(who, policy.ViewCatalogue, policy.Object{Difficulty: -1}).Err(); err != nil {
		return err
	}
	return s.o.DB.Read(ctx, func(tx *store.Tx) error {
		language := ""
		if len(lang) > 0 {
			language = lang[0]
		}
		r, err := s.reader(ctx, tx, who, language)
		if err != nil {
			return err
		}
		return f(r)
	})
}

// reader begins a look within a transaction. Policy was asked before.
func (s *Service) reader(ctx context.Context, tx *store.Tx, who policy.Subject, lang string) (*reader, error) {
	r := &reader{Service: s, tx: tx, who: who, scope: policy.ScopeOf(who), lang: cmp.Or(lang, "en"), about: map[string]*about{}, root: map[string]string{}, items: map[string]*string{}}
	var err error
	r.terms, err = readTerms(ctx, tx)
	return r, err
}

// find gives the root of an entity named by identifier or code.
func (r *reader) find(ctx context.Context, id string, kinds ...archive.EntityKind) (string, error) {
	if id == "" || len(id) > 100 {
		return "", archive.ErrNotFound
	}
	e, err := r.tx.Entity(ctx, r.scope, id)
	if err != nil {
		return "", fmt.Errorf("find entity: %w", err)
	}
	if len(kinds) > 0 && !slices.Contains(kinds, e.Kind) {
		return "", archive.ErrNotFound
	}
	if err := r.roots(ctx, e.ID); err != nil {
		return "", err
	}
	return r.root[e.ID], nil
}

// roots finds which entities stand for these.
func (r *reader) roots(ctx context.Context, ids ...string) error {
	var fresh []string
	for _, id := range ids {
		if _, ok := r.root[id]; !ok && id != "" {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	canon, _, err := r.tx.Canonical(ctx, r.scope, fresh...)
	for id, root := range canon {
		r.root[id] = root
	}
	return err
}

// brief lists the properties that give labels and lines in lists, of all kinds.
var brief = func() []string {
	var out []string
	for _, k := range catalogue.Kinds() {
		out = append(append(out, k.Title...), k.Brief...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}()

// load reads entities, by root: their claims, all of them or those for labels and lists.
func (r *reader) load(ctx context.Context, whole bool, roots ...string) error {
	var fresh []string
	for _, id := range roots {
		if a, ok := r.about[id]; id != "" && (!ok || whole && !a.whole) && !slices.Contains(fresh, id) {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	members, err := r.tx.Members(ctx, r.scope, fresh...)
	if err != nil {
		return err
	}
	belongs := map[string]*about{}
	var ids []string
	for root, list := range members {
		a := &about{Entity: list[0], members: list, whole: whole}
		a.kind, _ = catalogue.KindOf(a.Kind)
		a.Canonical = "" // towards this reader it stands for itself: what it may be merged into they do not see
		a.Changed = a.CreatedAt
		r.about[root] = a
		for _, m := range list {
			belongs[m.ID] = a
			r.root[m.ID] = root
			ids = append(ids, m.ID)
		}
	}
	q := store.ClaimQuery{Entities: ids, Standing: !whole}
	if !whole {
		q.Properties = brief
	}
	if len(ids) == 0 {
		return nil
	}
	claims, err := r.tx.Claims(ctx, r.scope, q)
	if err != nil {
		return err
	}
	for _, c := range claims {
		a := belongs[c.Entity]
		a.claims = append(a.claims, c)
	}
	findings, err := r.tx.Findings(ctx, r.scope, ids...)
	if err != nil {
		return err
	}
	for _, f := range findings {
		a := belongs[f.Entity]
		a.findings = append(a.findings, f)
		if f.At.After(a.Changed) {
			a.Changed = f.At
		}
	}
	said, err := r.tx.LastSaid(ctx, r.scope, ids...)
	if err != nil {
		return err
	}
	for id, at := range said {
		if a := belongs[id]; at.After(a.Changed) {
			a.Changed = at
		}
	}
	return nil
}

// loadWith is load of entities and, for labels, of those that their claims refer to, and of those that the labels of those refer to.
func (r *reader) loadWith(ctx context.Context, whole bool, roots ...string) error {
	if err := r.load(ctx, whole, roots...); err != nil {
		return err
	}
	next := roots
	for range 2 {
		var refs []string
		for _, id := range next {
			if a := r.about[id]; a != nil {
				for _, c := range a.claims {
					if c.Ref != "" {
						refs = append(refs, c.Ref)
					}
				}
			}
		}
		if err := r.roots(ctx, refs...); err != nil {
			return err
		}
		next = nil
		for _, ref := range refs {
			if root := r.root[ref]; root != "" && r.about[root] == nil {
				next = append(next, root)
			}
		}
		if err := r.load(ctx, false, next...); err != nil {
			return err
		}
	}
	return nil
}

// of gives the claims of one property: standing ones first, the current ones before the others, then those taken back; and the finding that counts.
func (a *about) of(property string) (claims []store.Claim, current map[string]bool, rival bool, finding *archive.Finding, dissent []archive.Finding) {
	p, _ := a.kind.Property(property)
	values := map[string]bool{}
	standing := map[string]bool{}
	for _, c := range a.claims {
		if c.Property == property {
			claims = append(claims, c)
			if c.Stands() {
				values[c.Value] = true
				standing[c.ID] = true
			}
		}
	}
	for i, f := range a.findings { // oldest first
		if f.Property == property && !f.Dissent && (f.Claim == "" || standing[f.Claim]) {
			finding, dissent = &a.findings[i], nil
		} else if f.Property == property && f.Dissent {
			dissent = append(dissent, f)
		}
	}
	rival = !p.Many && len(values) > 1
	current = map[string]bool{}
	switch {
	case finding != nil && finding.Claim != "":
		current[finding.Claim] = true
	case finding != nil: // it cannot be determined
	case p.Many:
		current = standing
	default:
		// Without a finding the surest claim is shown first, of equals the newest; that is an order and no decision.
		var best *store.Claim
		for i := range claims {
			c := &claims[i]
			if c.Stands() && (best == nil || cmp.Or(cmp.Compare(rank(c.Certainty), rank(best.Certainty)), c.CreatedAt.Compare(best.CreatedAt), cmp.Compare(c.ID, best.ID)) > 0) {
				best = c
			}
		}
		if best != nil {
			current[best.ID] = true
		}
	}
	chosen := ""
	if finding != nil {
		chosen = finding.Claim
	}
	slices.SortStableFunc(claims, func(x, y store.Claim) int {
		return cmp.Or(
			-cmp.Compare(bit(x.Stands()), bit(y.Stands())),
			-cmp.Compare(bit(x.ID == chosen), bit(y.ID == chosen)),
			-cmp.Compare(bit(current[x.ID]), bit(current[y.ID])),
			-cmp.Compare(rank(x.Certainty), rank(y.Certainty)),
			x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
	})
	return claims, current, rival, finding, dissent
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func rank(c archive.Certainty) int {
	switch c {
	case archive.Established:
		return 4
	case archive.Probable:
		return 3
	case archive.Disputed:
		return 2
	}
	return 1
}

// current gives the current claims of a property that have a value.
func (a *about) current(property string) (out []store.Claim) {
	if a == nil {
		return nil
	}
	claims, current, _, _, _ := a.of(property)
	for _, c := range claims {
		if current[c.ID] && c.Value != "" {
			out = append(out, c)
		}
	}
	return out
}

// one gives the first current claim of a property; ok is false if there is none.
func (a *about) one(property string) (store.Claim, bool) {
	if list := a.current(property); len(list) > 0 {
		return list[0], true
	}
	return store.Claim{}, false
}

func (a *about) value(property string) string {
	c, _ := a.one(property)
	return c.Value
}

// label gives the name or title of an entity as this reader may know it, else its code.
func (r *reader) label(root string) string { return r.labelOf(root, 0) }

func (r *reader) labelOf(root string, depth int) string {
	a := r.about[root]
	if a == nil {
		return ""
	}
	for _, name := range a.kind.Title {
		list := a.current(name)
		if len(list) == 0 {
			continue
		}
		// Of several names the one in the reader's language comes first.
		best := list[0]
		for _, c := range list {
			if baseLang(c.Lang) == baseLang(r.lang) && baseLang(best.Lang) != baseLang(r.lang) && c.Lang != "" {
				best = c
			}
		}
		if text := r.text(a, best, depth); text != "" {
			return shorten(text)
		}
	}
	return a.Code
}

func shorten(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	if runes := []rune(s); len(runes) > 120 {
		return string(runes[:119]) + "…"
	}
	return s
}

// text gives the value of a claim for people.
func (r *reader) text(a *about, c store.Claim, depth int) string {
	p, _ := a.kind.Property(c.Property)
	switch {
	case c.Value == "":
		return ""
	case p.Type == catalogue.TypeTerm:
		return r.terms.label(c.Value, r.lang)
	case c.Value == catalogue.Undetermined:
		return r.terms.label("location:cannot-be-determined", r.lang)
	case p.Type == catalogue.TypeRef:
		if depth >= 2 {
			return ""
		}
		return r.labelOf(r.root[c.Ref], depth+1)
	case p.Type == catalogue.TypeItem:
		if ref := r.items[c.Names]; ref != nil {
			return *ref
		}
	}
	return c.Value
}

// said dresses a claim for showing.
func (r *reader) said(c store.Claim, current, rival bool) Said {
	a := r.about[r.root[c.Entity]]
	s := Said{Claim: c.Claim, Kind: c.Kind, EntityCode: c.EntityCode, AuthorName: c.AuthorName, Current: current, Rival: rival && c.Stands()}
	if a != nil {
		s.Text = r.text(a, c, 0)
	}
	if c.Ref != "" {
		if ref := r.about[r.root[c.Ref]]; ref != nil {
			s.RefLabel, s.RefCode, s.RefKind, s.RefID = r.label(ref.ID), ref.Code, ref.Kind, ref.ID
		}
	}
	if c.Earliest != nil {
		s.Earliest = time.UnixMicro(*c.Earliest).UTC()
	}
	if c.Latest != nil {
		s.Latest = time.UnixMicro(*c.Latest).UTC()
	}
	return s
}

// names looks up the references of items that claims name.
func (r *reader) names(ctx context.Context, claims []store.Claim) error {
	for _, c := range claims {
		if _, known := r.items[c.Names]; c.Names == "" || known {
			continue
		}
		it, err := r.tx.Item(ctx, r.scope, c.Names)
		switch {
		case err == nil:
			ref := it.Reference()
			r.items[c.Names] = &ref
		case errors.Is(err, archive.ErrNotFound):
			r.items[c.Names] = nil
		default:
			return err
		}
	}
	return nil
}

// summary gives an entity that was loaded as it stands in a list.
func (r *reader) summary(root string) Summary {
	a := r.about[root]
	if a == nil {
		return Summary{}
	}
	s := Summary{Entity: a.Entity, Label: r.label(root)}
	s.Entity.Label = s.Label
	for _, name := range a.kind.Brief {
		if slices.Contains(a.kind.Title, name) {
			continue
		}
		if c, ok := a.one(name); ok {
			if text := shorten(r.text(a, c, 0)); text != "" {
				s.Values = append(s.Values, Value{Property: name, Text: text, Certainty: c.Certainty})
			}
		}
	}
	return s
}

// view dresses an entity that was loaded whole.
func (r *reader) view(ctx context.Context, root string) (View, error) {
	a := r.about[root]
	v := View{Entity: a.Entity, Label: r.label(root), Members: a.members[1:]}
	v.Entity.Label = v.Label
	if err := r.names(ctx, a.claims); err != nil {
		return v, err
	}
	for _, p := range a.kind.Properties {
		claims, current, rival, finding, dissent := a.of(p.Name)
		if len(claims) == 0 && finding == nil && len(dissent) == 0 {
			continue
		}
		pv := PropertyView{Property: p, Finding: finding, Dissent: dissent}
		for _, c := range claims {
			pv.Claims = append(pv.Claims, r.said(c, current[c.ID], rival))
		}
		v.Properties = append(v.Properties, pv)
	}
	v.MayEdit = policy.Decide(r.who, policy.EditCatalogue, policy.CatalogueObject(a.Compartment)).Allow
	var ids []string
	for _, m := range a.members {
		ids = append(ids, m.ID)
	}
	if len(a.members) > 1 {
		merges, err := r.tx.MergesOf(ctx, r.scope, false, ids...)
		if err != nil {
			return v, err
		}
		v.Merged = merges
	}
	var all []*Said
	for i := range v.Properties {
		for k := range v.Properties[i].Claims {
			all = append(all, &v.Properties[i].Claims[k])
		}
	}
	return v, r.lightUp(ctx, r.tx, r.scope, all...)
}

const maxIncoming = 1000

// incoming gives the claims of others that refer to an entity.
func (r *reader) incoming(ctx context.Context, root string) ([]store.Claim, error) {
	var ids []string
	for _, m := range r.about[root].members {
		ids = append(ids, m.ID)
	}
	if len(ids) > 500 {
		ids = ids[:500]
	}
	claims, err := r.tx.Claims(ctx, r.scope, store.ClaimQuery{Refs: ids, Standing: true, Limit: maxIncoming})
	if err != nil {
		return nil, err
	}
	var from []string
	for _, c := range claims {
		from = append(from, c.Entity)
	}
	return claims, r.roots(ctx, from...)
}

// rootsOf gives the entities that stand for those that claims are about, each once, in order.
func (r *reader) rootsOf(claims []store.Claim) (out []string) {
	seen := map[string]bool{}
	for _, c := range claims {
		if root := r.root[c.Entity]; root != "" && !seen[root] {
			seen[root] = true
			out = append(out, root)
		}
	}
	return out
}

// Entity gives an entity by identifier or code, with all that is said about it and about those merged into it. lang is the language of terms
// ("" is English).
func (s *Service) Entity(ctx context.Context, who policy.Subject, id string, lang ...string) (v View, err error) {
	err = s.look(ctx, who, lang, func(r *reader) error {
		root, err := r.find(ctx, id)
		if err != nil {
			return err
		}
		if err := r.loadWith(ctx, true, root); err != nil {
			return err
		}
		if v, err = r.view(ctx, root); err != nil {
			return err
		}
		claims, err := r.incoming(ctx, root)
		if err != nil {
			return err
		}
		if err := r.loadWith(ctx, false, r.rootsOf(claims)...); err != nil {
			return err
		}
		for _, c := range claims {
			if from := r.root[c.Entity]; from != "" && from != root {
				v.Incoming = append(v.Incoming, Link{Entity: r.summary(from), Property: c.Property, Claim: r.said(c, true, false)})
			}
		}
		all := make([]*Said, len(v.Incoming))
		for i := range v.Incoming {
			all[i] = &v.Incoming[i].Claim
		}
		return r.lightUp(ctx, r.tx, r.scope, all...)
	})
	if err != nil {
		return View{}, fmt.Errorf("read entity: %w", err)
	}
	return v, nil
}

// place in a list of entities, for addresses.
func placeOf(l store.Listed) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(l.Number, 36) + "." + l.ID))
}

func parsePlace(s string) (number int64, id string, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	n, id, ok := strings.Cut(string(raw), ".")
	if err == nil && ok {
		number, err = strconv.ParseInt(n, 36, 64)
	}
	if err != nil || !ok || archive.CheckID(archive.PrefixEntity, id) != nil {
		return 0, "", invalid("place in a list")
	}
	return number, id, nil
}

const maxWords = 8 // of the text of a query

// List gives a page of entities in the order of their codes' numbers, where the next page begins ("" at the end) and how many there are in all,
// as far as the reader sees them.
func (s *Service) List(ctx context.Context, who policy.Subject, q Query) (entities []Summary, next string, total int, err error) {
	err = s.look(ctx, who, []string{q.Lang}, func(r *reader) error {
		sq, none, err := r.query(ctx, q)
		if err != nil || none {
			return err
		}
		limit := sq.Limit
		sq.Limit++
		found, n, err := r.tx.ListEntities(ctx, r.scope, sq)
		if err != nil {
			return err
		}
		total = n
		if len(found) > limit {
			found = found[:limit]
			next = placeOf(found[limit-1])
		}
		roots := make([]string, len(found))
		for i, l := range found {
			roots[i] = l.ID
		}
		if err := r.loadWith(ctx, false, roots...); err != nil {
			return err
		}
		for _, id := range roots {
			entities = append(entities, r.summary(id))
		}
		return nil
	})
	if err != nil {
		return nil, "", 0, fmt.Errorf("list entities: %w", err)
	}
	return entities, next, total, nil
}

// query brings a query into the form of the store; none says that it can have no answer.
func (r *reader) query(ctx context.Context, q Query) (sq store.EntityQuery, none bool, err error) {
	sq = store.EntityQuery{Kinds: q.Kinds, Property: q.Property, Value: q.Value, Compartment: q.Compartment, Limit: q.Limit}
	if sq.Limit == 0 {
		sq.Limit = 100
	}
	if sq.Limit < 1 || sq.Limit > 1000 || len(q.Kinds) > 50 || q.Value != "" && q.Property == "" {
		return sq, false, invalid("list of entities")
	}
	if q.After != "" {
		if sq.AfterNumber, sq.AfterID, err = parsePlace(q.After); err != nil {
			return sq, false, err
		}
	}
	if q.Refers != "" {
		root, err := r.find(ctx, q.Refers)
		if errors.Is(err, archive.ErrNotFound) {
			return sq, true, nil
		}
		if err != nil {
			return sq, false, err
		}
		members, err := r.tx.Members(ctx, r.scope, root)
		if err != nil {
			return sq, false, err
		}
		for _, m := range members[root] {
			sq.Refers = append(sq.Refers, m.ID)
		}
	}
	if text := strings.TrimSpace(q.Text); text != "" {
		words := strings.Fields(text)
		if len(text) > 500 || len(words) > maxWords {
			words = words[:min(len(words), maxWords)]
			if len(text) > 500 {
				return sq, true, nil
			}
		}
		if code, err := catalogue.EntityCode(text); err == nil {
			sq.Code = code
		}
		for _, w := range words {
			if keys := language.NameKeys(w); len(keys) > 0 {
				sq.Words = append(sq.Words, keys)
			}
		}
		if sq.Code == "" && len(sq.Words) == 0 {
			return sq, true, nil
		}
	}
	return sq, false, nil
}

// ItemClaims gives the standing claims that rest on an item, by their place in it.
func (s *Service) ItemClaims(ctx context.Context, who policy.Subject, item string, lang ...string) (out []Said, err error) {
	err = s.look(ctx, who, lang, func(r *reader) error {
		var it archive.Item
		var err error
		if archive.CheckID(archive.PrefixItem, item) == nil {
			it, err = r.tx.Item(ctx, r.scope, item)
		} else {
			it, err = r.tx.ItemByReference(ctx, r.scope, item)
		}
		if errors.Is(err, archive.ErrInvalid) {
			return archive.ErrNotFound // what no item can be called is as absent as the rest
		}
		if err != nil {
			return err
		}
		if err := policy.Decide(who, policy.ViewItem, policy.ItemObject(it)).Err(); err != nil {
			return err
		}
		claims, err := r.tx.Claims(ctx, r.scope, store.ClaimQuery{Item: it.ID, Standing: true})
		if err != nil {
			return err
		}
		out, err = r.dress(ctx, claims)
		place := func(s Said) (from time.Duration) {
			from = -1
			for _, source := range s.Sources {
				if source.Item == it.ID && (from < 0 || source.From < from) {
					from = source.From
				}
			}
			return from
		}
		slices.SortStableFunc(out, func(a, b Said) int {
			return cmp.Or(cmp.Compare(place(a), place(b)), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claims on an item: %w", err)
	}
	return out, nil
}

// Claims gives claims by identifier, as far as the reader sees them, taken back or not.
func (s *Service) Claims(ctx context.Context, who policy.Subject, ids []string, lang ...string) (out []Said, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.look(ctx, who, lang, func(r *reader) error {
		claims, err := r.tx.Claims(ctx, r.scope, store.ClaimQuery{IDs: ids})
		if err != nil {
			return err
		}
		out, err = r.dress(ctx, claims)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	return out, nil
}

// dress says of claims from anywhere whether they are current and what they refer to.
func (r *reader) dress(ctx context.Context, claims []store.Claim) ([]Said, error) {
	var about []string
	for _, c := range claims {
		about = append(about, c.Entity)
	}
	if err := r.roots(ctx, about...); err != nil {
		return nil, err
	}
	if err := r.loadWith(ctx, true, r.rootsOf(claims)...); err != nil {
		return nil, err
	}
	if err := r.names(ctx, claims); err != nil {
		return nil, err
	}
	var out []Said
	for _, c := range claims {
		a := r.about[r.root[c.Entity]]
		if a == nil {
			continue
		}
		_, current, rival, _, _ := a.of(c.Property)
		out = append(out, r.said(c, current[c.ID], rival))
	}
	all := make([]*Said, len(out))
	for i := range out {
		all[i] = &out[i]
	}
	return out, r.lightUp(ctx, r.tx, r.scope, all...)
}

// Summaries gives entities by identifier, as far as the reader sees them, by what was asked for.
func (s *Service) Summaries(ctx context.Context, who policy.Subject, ids []string, lang ...string) (out map[string]Summary, err error) {
	out = map[string]Summary{}
	err = s.look(ctx, who, lang, func(r *reader) error {
		if err := r.roots(ctx, ids...); err != nil {
			return err
		}
		var roots []string
		for _, id := range ids {
			roots = append(roots, r.root[id])
		}
		if err := r.loadWith(ctx, false, roots...); err != nil {
			return err
		}
		for _, id := range ids {
			if root := r.root[id]; root != "" {
				out[id] = r.summary(root)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read entities: %w", err)
	}
	return out, nil
}
