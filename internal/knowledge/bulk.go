package knowledge

import (
	"context"
	"errors"
	"fmt"
	"maps"
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

// Limits of Apply: how many drafts it takes at once, and how many claims of each.
const (
	MaxDrafts = maxDrafts
	MaxClaims = maxClaims
)

// Bulk is one act over many rows of a file: a transaction with one event, in which rows that cannot be taken are passed over and told apart.
type Bulk struct {
	w        *writer
	entities []string
	claims   []string
	detail   map[string]string
	imported string // the import that makes entities
}

// Bulk runs f in one transaction and then writes one event of the act. If f changed nothing in the catalogue there is no event. Who acts must be
// allowed to edit the catalogue and to import.
func (s *Service) Bulk(ctx context.Context, who policy.Subject, act string, f func(b *Bulk) error) error {
	if err := policy.Decide(who, policy.Import, policy.Object{}).Err(); err != nil {
		return err
	}
	return s.act(ctx, who, func(w *writer) error {
		b := &Bulk{w: w, detail: map[string]string{}}
		if err := f(b); err != nil {
			return err
		}
		if len(b.entities)+len(b.claims) == 0 {
			return nil
		}
		return w.record(ctx, act, b.entities, b.claims, b.detail)
	})
}

// Tx is the transaction.
func (b *Bulk) Tx() *store.Tx { return b.w.tx }

// Scope is what the one who acts may see.
func (b *Bulk) Scope() archive.Scope { return b.w.scope }

// Detail adds to the detail of the event: counts and digests, never values.
func (b *Bulk) Detail(key, value string) { b.detail[key] = value }

// Touched notes entities and claims for the event that were changed through Tx.
func (b *Bulk) Touched(entities, claims []string) {
	b.entities, b.claims = append(b.entities, entities...), append(b.claims, claims...)
}

// Made is what became of one draft.
type Made struct {
	Entity archive.Entity
	Claims []archive.Claim
	Fresh  bool
	Err    error // nothing of it was written
}

// Apply writes drafts. One that cannot be taken leaves the others alone. helpers (by index) are drafts that are only there to be referred to:
// they are written if a draft that is taken refers to them. Entities that are there are followed to the one that stands for them.
func (b *Bulk) Apply(ctx context.Context, drafts []Draft, helpers map[int]bool) ([]Made, error) {
	w := b.w
	if len(drafts) > maxDrafts {
		return nil, invalid("at most %d at once", maxDrafts)
	}
	out := make([]Made, len(drafts))
	if err := w.prefetch(ctx, drafts); err != nil {
		return nil, err
	}
	// First with entities that stand in for those to come, so that no number is given to a row that is refused.
	w.drafts = make([]archive.Entity, len(drafts))
	refuse := func(i int, err error) error {
		if e, ok := errors.AsType[*draftError](err); ok {
			err = e.err
		}
		if !refusal(err) {
			return err
		}
		out[i] = Made{Err: err}
		return nil
	}
	for i, d := range drafts {
		if d.Entity == "" {
			w.drafts[i] = archive.Entity{ID: w.o.NewID(archive.PrefixEntity), Kind: d.Kind, Compartment: d.Compartment, Protected: d.Protected}
			continue
		}
		e, err := w.entity(ctx, d.Entity, true)
		if err != nil {
			if err := refuse(i, err); err != nil {
				return nil, err
			}
			continue
		}
		w.drafts[i] = e
	}
	claims := make([][]store.Claim, len(drafts))
	refers := make([][]int, len(drafts))
	for i, d := range drafts {
		if out[i].Err != nil {
			continue
		}
		if len(d.Claims) > maxClaims {
			out[i].Err = invalid("at most %d claims at once", maxClaims)
			continue
		}
		for n, c := range d.Claims {
			if place, ok := strings.CutPrefix(c.Value, "@"); ok {
				if at, err := strconv.Atoi(place); err == nil && at >= 0 && at < len(drafts) {
					refers[i] = append(refers[i], at)
				}
			}
			made, err := w.claim(ctx, w.drafts[i], c)
			if err != nil {
				if !refusal(err) {
					return nil, err
				}
				out[i] = Made{Err: &draftError{i, n, err}}
				break
			}
			claims[i] = append(claims[i], made)
		}
	}
	standIn := slices.Clone(w.drafts)
	for {
		wanted := map[int]bool{}
		for changed := true; changed; { // a row that refers to a refused one is refused, and so on
			changed = false
			for i := range drafts {
				if out[i].Err != nil {
					continue
				}
				for _, at := range refers[i] {
					if out[at].Err != nil {
						out[i], changed = Made{Err: fmt.Errorf("%w: what it refers to was refused", archive.ErrInvalid)}, true
						break
					}
				}
			}
		}
		var keep []int
		for i := range drafts {
			if out[i].Err == nil && !helpers[i] {
				keep = append(keep, i)
				for _, at := range refers[i] {
					wanted[at] = true
				}
			}
		}
		for _, at := range slices.Sorted(maps.Keys(wanted)) {
			if helpers[at] {
				keep = append(keep, at)
			}
		}
		slices.Sort(keep)
		if len(keep) == 0 {
			return out, nil
		}
		kept := make([]Draft, len(keep))
		for n, i := range keep {
			kept[n] = drafts[i]
			kept[n].Claims = nil
		}
		fresh, err := w.entities(ctx, kept)
		if err != nil {
			at, _, ok := FaultOf(err)
			if !ok || !refusal(err) {
				return nil, err
			}
			if err := refuse(keep[at], err); err != nil {
				return nil, err
			}
			continue
		}
		real := map[string]string{}
		for n, i := range keep {
			real[standIn[i].ID] = w.drafts[n].ID
			out[i].Entity, out[i].Fresh = w.drafts[n], drafts[i].Entity == ""
		}
		var said []store.Claim
		var ids []string
		for _, i := range keep {
			for _, c := range claims[i] {
				ids = append(ids, c.ID)
			}
		}
		slices.Sort(ids) // see newIDs
		for _, i := range keep {
			for _, c := range claims[i] {
				c.ID, ids = ids[0], ids[1:]
				c.Entity, c.EntityCode = out[i].Entity.ID, out[i].Entity.Code
				if id, ok := real[c.Ref]; ok && c.Ref != "" {
					c.Ref, c.Value = id, id
				}
				for n, src := range c.Sources {
					if id, ok := real[src.Entity]; ok && src.Entity != "" {
						c.Sources[n].Entity = id
					}
				}
				out[i].Claims = append(out[i].Claims, c.Claim)
				said = append(said, c)
			}
		}
		if err := b.AddEntities(ctx, fresh...); err != nil {
			return nil, err
		}
		for n, i := range keep {
			if drafts[i].Entity != "" && len(claims[i]) > 0 {
				b.entities = append(b.entities, w.drafts[n].ID)
			}
		}
		return out, b.Say(ctx, said...)
	}
}

// refusal says whether an error is about what was asked and not about the machine.
func refusal(err error) bool {
	return errors.Is(err, archive.ErrInvalid) || errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrConflict) || errors.Is(err, archive.ErrExists) ||
		errors.Is(err, archive.ErrForbidden)
}

// AddEntities adds entities as they are given, with what search finds them by.
func (b *Bulk) AddEntities(ctx context.Context, fresh ...store.NewEntity) error {
	for i := range fresh {
		fresh[i].Import = b.imported
	}
	if err := b.w.tx.AddEntities(ctx, fresh...); err != nil {
		return err
	}
	about := make([]store.Doc, len(fresh))
	for i, e := range fresh {
		about[i] = store.DocOfEntity(e.Entity)
		b.entities = append(b.entities, e.ID)
	}
	return b.w.tx.IndexDocs(ctx, about...)
}

// Say adds claims as they are given, with what search finds them by.
func (b *Bulk) Say(ctx context.Context, claims ...store.Claim) error {
	if len(claims) == 0 {
		return nil
	}
	b.claims = append(b.claims, claimIDs(claims)...)
	return b.w.say(ctx, claims...)
}

// Imports says which import makes the entities that are added from here on.
func (b *Bulk) Imports(id string) { b.imported = id }

// Retract takes claims back in the name of the one who acts. replaced is the claim that takes their place, or empty.
func (b *Bulk) Retract(ctx context.Context, why, replaced string, claims ...string) error {
	return b.retract(ctx, why, replaced, b.w.tx.DropDocs, claims)
}

// RetractMany is Retract for a great many claims: none is found any more, and their words leave the index of words when it is tidied. See
// store.Tx.DropDocsSoon for what is then to be done.
func (b *Bulk) RetractMany(ctx context.Context, why string, claims ...string) error {
	return b.retract(ctx, why, "", b.w.tx.DropDocsSoon, claims)
}

func (b *Bulk) retract(ctx context.Context, why, replaced string, drop func(context.Context, string, ...string) error, claims []string) error {
	if len(claims) == 0 {
		return nil
	}
	if err := b.w.tx.RetractClaims(ctx, b.w.now, b.w.who.Agent, why, replaced, claims...); err != nil {
		return err
	}
	b.claims = append(b.claims, claims...)
	return drop(ctx, store.DocClaim, claims...)
}

// EmptyEntities takes a page of the entities of an import that was undone out of every list, if nothing is left of them: see
// store.Tx.EmptyEntities. many as in RetractMany.
func (b *Bulk) EmptyEntities(ctx context.Context, imported, after string, limit int, many bool) (empty int, last string, err error) {
	ids, last, err := b.w.tx.EmptyEntities(ctx, imported, after, limit, b.w.now)
	if err != nil {
		return 0, "", err
	}
	b.entities = append(b.entities, ids...)
	drop := b.w.tx.DropDocs
	if many {
		drop = b.w.tx.DropDocsSoon
	}
	return len(ids), last, drop(ctx, store.DocEntity, ids...)
}

// Restore takes retractions back and tells how many; claims that cannot be restored, because their words are gone or would name somebody who
// has become a protected person, stay as they are.
func (b *Bulk) Restore(ctx context.Context, ids ...string) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	claims, err := b.w.tx.Claims(ctx, b.w.scope, store.ClaimQuery{IDs: ids})
	if err != nil {
		return 0, err
	}
	about := make([]string, len(claims))
	for i, c := range claims {
		about[i] = c.Entity
	}
	entities, err := b.w.tx.Entities(ctx, b.w.scope, about...)
	if err != nil {
		return 0, err
	}
	may := map[string]store.Claim{}
	var want []string
	for _, c := range claims {
		e, ok := entities[c.Entity]
		if !ok {
			continue
		}
		if k, _ := catalogue.KindOf(e.Kind); e.Protected {
			if p, ok := k.Property(c.Property); !ok || p.Identifies && c.Value != "" {
				continue
			}
		}
		may[c.ID] = c
		want = append(want, c.ID)
	}
	did, err := b.w.tx.RestoreClaims(ctx, want)
	if err != nil {
		return 0, err
	}
	restored := make([]store.Claim, len(did))
	about = about[:0]
	for i, id := range did {
		c := may[id]
		c.RetractedAt, c.RetractedBy, c.Replaced, c.Reason = time.Time{}, "", "", ""
		restored[i], about = c, append(about, c.Entity)
	}
	if err := b.w.tx.IndexDocs(ctx, docs(restored...)...); err != nil {
		return 0, err
	}
	b.claims = append(b.claims, did...)
	return len(did), b.w.tx.TouchEntities(ctx, b.w.now, about...)
}

// Claim checks a claim about an entity and gives it as it would be written; nothing is.
func (b *Bulk) Claim(ctx context.Context, e archive.Entity, d ClaimDraft) (store.Claim, error) {
	return b.w.claim(ctx, e, d)
}

// Refusal says whether an error of Claim is about what was given and not about the machine.
func Refusal(err error) bool { return refusal(err) }

// Fresh gives an entity that keeps the code it brings, if that is well formed and nobody whom the one who acts sees has it, and otherwise the next one.
func (b *Bulk) Fresh(ctx context.Context, e archive.Entity) (store.NewEntity, error) {
	w := b.w
	if err := w.sees(ctx, e.Compartment); err != nil {
		return store.NewEntity{}, err
	}
	tag, err := w.tx.CompartmentTag(ctx, e.Compartment)
	if err != nil {
		return store.NewEntity{}, err
	}
	out := store.NewEntity{Entity: e}
	if code, err := catalogue.EntityCode(e.Code); err == nil {
		taken, err := w.tx.EntitiesByCode(ctx, w.scope, code)
		if err != nil {
			return out, err
		}
		if _, ok := taken[code]; !ok {
			out.Code, out.Number = code, w.numberOf(e.Kind, tag, code)
			if out.Number > 0 {
				err = w.tx.PassNumber(ctx, e.Kind, e.Compartment, out.Number)
			}
			return out, err
		}
	}
	if out.Number, err = w.tx.NextNumber(ctx, e.Kind, e.Compartment, 1); err != nil {
		return out, err
	}
	out.Code = codeOf(e.Kind, tag, out.Number)
	return out, nil
}

// Keys gives the words by which a name is found.
func Keys(p catalogue.Property, value string) []string {
	if p.Type != catalogue.TypeName {
		return nil
	}
	return language.NameKeys(value)
}

// IndexPassages makes passages findable.
func (b *Bulk) IndexPassages(ctx context.Context, e archive.Entity, passages ...archive.Passage) error {
	var found []store.Doc
	for _, p := range passages {
		if p.RemovedAt.IsZero() {
			found = append(found, passageDoc(e, p))
		}
	}
	return b.w.tx.IndexDocs(ctx, found...)
}

// RetractAs takes a claim back as it was taken back elsewhere: when, by whom and why.
func (b *Bulk) RetractAs(ctx context.Context, at time.Time, by, why, replaced, claim string) error {
	if err := b.w.tx.RetractClaims(ctx, at, by, why, replaced, claim); err != nil {
		return err
	}
	return b.w.tx.DropDocs(ctx, store.DocClaim, claim)
}

// AddCompartment makes a compartment that has an identifier already.
func (b *Bulk) AddCompartment(ctx context.Context, c archive.Compartment) error {
	if err := policy.Decide(b.w.who, policy.ManageCompartment, policy.Object{}).Err(); err != nil {
		return err
	}
	name, err := catalogue.Name(c.Name)
	if err != nil {
		return err
	}
	c.Name = name
	return b.w.tx.AddCompartment(ctx, c, strings.ToUpper(c.ID[len(c.ID)-4:])) // as Service.AddCompartment
}

// TermKnown says whether there is a term "vocabulary:code", retired or not.
func (b *Bulk) TermKnown(ctx context.Context, value string) (bool, error) {
	t, err := b.w.vocabularies(ctx)
	if err != nil {
		return false, err
	}
	_, ok := t.find(value)
	return ok, nil
}

// AddTerm adds a term that is not there, at the top of its vocabulary if its parent is not there either.
func (b *Bulk) AddTerm(ctx context.Context, t archive.Term) error {
	if err := policy.Decide(b.w.who, policy.ManageVocabulary, policy.Object{}).Err(); err != nil {
		return err
	}
	known, err := b.w.vocabularies(ctx)
	if err != nil {
		return err
	}
	if !catalogue.TermCode(t.Vocabulary) || !catalogue.TermCode(t.Code) || len(t.Labels) == 0 {
		return invalid("a term needs a vocabulary, a code and a label")
	}
	for lang, text := range t.Labels {
		if _, err := catalogue.Lang(lang); err != nil {
			return err
		}
		if t.Labels[lang], err = catalogue.Name(text); err != nil {
			return err
		}
	}
	if _, ok := known.find(t.Vocabulary + ":" + t.Parent); !ok {
		t.Parent = ""
	}
	if t.Notes == nil {
		t.Notes = map[string]string{}
	}
	if err := b.w.tx.PutTerm(ctx, t, b.w.who.Agent, b.w.now); err != nil {
		return err
	}
	known.own[t.Vocabulary+":"+t.Code] = t
	return nil
}
