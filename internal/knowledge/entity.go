package knowledge

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Create makes an entity with its first claims.
func (s *Service) Create(ctx context.Context, who policy.Subject, d Draft) (archive.Entity, error) {
	if d.Entity != "" {
		return archive.Entity{}, fmt.Errorf("create entity: %w", archive.ErrInvalid)
	}
	made, err := s.apply(ctx, who, []Draft{d}, "create", nil)
	if err != nil {
		if e, ok := err.(*draftError); ok && e.claim < 0 {
			err = e.err
		}
		return archive.Entity{}, fmt.Errorf("create entity: %w", err)
	}
	return made[0], nil
}

// Apply makes up to 5,000 entities in one transaction with one event, whose detail begins with what is given. A reference between drafts is
// "@n", the index of a draft in the slice. Entities come back in the order of the drafts. FaultOf says which draft an error is about; nothing
// was written then.
func (s *Service) Apply(ctx context.Context, who policy.Subject, drafts []Draft, detail map[string]string) ([]archive.Entity, error) {
	out, err := s.apply(ctx, who, drafts, "apply", detail)
	if err != nil {
		return nil, fmt.Errorf("apply %d drafts: %w", len(drafts), err)
	}
	return out, nil
}

func (s *Service) apply(ctx context.Context, who policy.Subject, drafts []Draft, act string, detail map[string]string) (out []archive.Entity, err error) {
	if len(drafts) == 0 || len(drafts) > maxDrafts {
		return nil, invalid("between 1 and %d at once", maxDrafts)
	}
	err = s.act(ctx, who, func(w *writer) error {
		if err := w.prefetch(ctx, drafts); err != nil {
			return err
		}
		fresh, err := w.entities(ctx, drafts)
		if err != nil {
			return err
		}
		var claims []store.Claim
		for i, d := range drafts {
			if len(d.Claims) > maxClaims {
				return &draftError{i, -1, invalid("at most %d claims at once", maxClaims)}
			}
			for n, c := range d.Claims {
				made, err := w.claim(ctx, w.drafts[i], c)
				if err != nil {
					return &draftError{i, n, err}
				}
				claims = append(claims, made)
			}
		}
		if err := w.tx.AddEntities(ctx, fresh...); err != nil {
			return err
		}
		about := make([]store.Doc, len(fresh))
		for i, e := range fresh {
			about[i] = store.DocOfEntity(e.Entity)
		}
		if err := w.tx.IndexDocs(ctx, about...); err != nil {
			return err
		}
		if err := w.say(ctx, claims...); err != nil {
			return err
		}
		out = w.drafts
		ids := make([]string, 0, len(out))
		for _, e := range out {
			ids = append(ids, e.ID)
		}
		return w.record(ctx, act, ids, claimIDs(claims), detail)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// entities makes the entities of drafts, with their codes, and finds those that are there. w.drafts has both, in order.
func (w *writer) entities(ctx context.Context, drafts []Draft) (fresh []store.NewEntity, err error) {
	type shelf struct {
		kind        archive.EntityKind
		compartment string
	}
	want := map[shelf]int64{}
	tags := map[string]string{}
	given := map[string]bool{}
	codes := make([]string, len(drafts))
	for i, d := range drafts {
		if d.Entity != "" {
			continue
		}
		if _, ok := catalogue.KindOf(d.Kind); !ok {
			return nil, &draftError{i, -1, invalid("this kind of entity is not known")}
		}
		if d.Protected && d.Kind != catalogue.Person {
			return nil, &draftError{i, -1, invalid("only a person can be protected")}
		}
		if _, ok := tags[d.Compartment]; !ok {
			if err := w.sees(ctx, d.Compartment); err != nil {
				return nil, &draftError{i, -1, err}
			}
			if tags[d.Compartment], err = w.tx.CompartmentTag(ctx, d.Compartment); err != nil {
				return nil, &draftError{i, -1, err}
			}
		}
		if d.Code == "" {
			want[shelf{d.Kind, d.Compartment}]++
			continue
		}
		if codes[i], err = catalogue.EntityCode(d.Code); err != nil {
			return nil, &draftError{i, -1, err}
		}
		if given[codes[i]] {
			return nil, &draftError{i, -1, fmt.Errorf("%w: two drafts have the same code", archive.ErrExists)}
		}
		given[codes[i]] = true
	}
	// A code is taken if somebody who sees it would be misled. What the asker does not see must not answer.
	taken, err := w.tx.EntitiesByCode(ctx, w.scope, keysOf(given)...)
	if err != nil {
		return nil, err
	}
	shelves := make([]shelf, 0, len(want))
	for sh := range want {
		shelves = append(shelves, sh)
	}
	slices.SortFunc(shelves, func(a, b shelf) int {
		return strings.Compare(string(a.kind)+" "+a.compartment, string(b.kind)+" "+b.compartment)
	})
	// Codes that were given by hand are passed over first, so that no number is given out twice.
	for i, d := range drafts {
		if codes[i] == "" {
			continue
		}
		if _, ok := taken[codes[i]]; ok {
			return nil, &draftError{i, -1, archive.Explain(fmt.Errorf("%w: the code is taken", archive.ErrExists), "There is something with this code already.", "Leave the code empty to be given the next one.")}
		}
		if n := w.numberOf(d.Kind, tags[d.Compartment], codes[i]); n > 0 {
			if err := w.tx.PassNumber(ctx, d.Kind, d.Compartment, n); err != nil {
				return nil, err
			}
		}
	}
	next := map[shelf]int64{}
	for _, sh := range shelves {
		if next[sh], err = w.tx.NextNumber(ctx, sh.kind, sh.compartment, want[sh]); err != nil {
			return nil, err
		}
	}
	w.drafts = make([]archive.Entity, len(drafts))
	ids := w.newIDs(archive.PrefixEntity, len(drafts))
	for i, d := range drafts {
		if d.Entity != "" {
			if w.drafts[i], err = w.entity(ctx, d.Entity, true); err != nil {
				return nil, &draftError{i, -1, err}
			}
			continue
		}
		e := store.NewEntity{Entity: archive.Entity{ID: ids[i], Kind: d.Kind, Code: codes[i], Compartment: d.Compartment, Protected: d.Protected,
			CreatedAt: w.now, CreatedBy: w.who.Agent, Changed: w.now}}
		if e.Code == "" {
			sh := shelf{d.Kind, d.Compartment}
			e.Number = next[sh]
			next[sh]++
			e.Code = codeOf(d.Kind, tags[d.Compartment], e.Number)
		} else {
			e.Number = w.numberOf(d.Kind, tags[d.Compartment], e.Code)
		}
		e.Label = e.Code
		w.drafts[i] = e.Entity
		fresh = append(fresh, e)
	}
	return fresh, nil
}

func keysOf(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// codeOf writes a code: the letter of the kind, in a compartment its tag, and the number with at least four digits.
func codeOf(kind archive.EntityKind, tag string, n int64) string {
	k, _ := catalogue.KindOf(kind)
	if tag != "" {
		return fmt.Sprintf("%s-%s-%04d", k.Prefix, tag, n)
	}
	return fmt.Sprintf("%s-%04d", k.Prefix, n)
}

// numberOf gives the number in a code that looks as if it had been given out; 0 otherwise.
func (w *writer) numberOf(kind archive.EntityKind, tag, code string) int64 {
	at := strings.LastIndexByte(code, '-')
	n, err := strconv.ParseInt(code[at+1:], 10, 64)
	if err != nil || n < 1 || n > 1_000_000_000 || codeOf(kind, tag, n) != code {
		return 0
	}
	return n
}

// Say adds claims about an entity; about the one that stands for it, if it was merged.
func (s *Service) Say(ctx context.Context, who policy.Subject, entity string, drafts ...ClaimDraft) (out []archive.Claim, err error) {
	if len(drafts) == 0 || len(drafts) > maxClaims {
		return nil, fmt.Errorf("say: %w", invalid("between 1 and %d claims at once", maxClaims))
	}
	err = s.act(ctx, who, func(w *writer) error {
		e, err := w.entity(ctx, entity, true)
		if err != nil {
			return err
		}
		var claims []store.Claim
		for i, d := range drafts {
			c, err := w.claim(ctx, e, d)
			if err != nil {
				if len(drafts) > 1 {
					err = &draftError{0, i, err}
				}
				return err
			}
			claims = append(claims, c)
		}
		if err := w.say(ctx, claims...); err != nil {
			return err
		}
		out = plainClaims(claims)
		return w.record(ctx, "say", []string{e.ID}, claimIDs(claims), nil)
	})
	if err != nil {
		return nil, fmt.Errorf("say: %w", err)
	}
	return out, nil
}

// Retract takes a claim back; it stays in the record. archive.ErrConflict if it was taken back before.
func (s *Service) Retract(ctx context.Context, who policy.Subject, claim, why string) error {
	why, err := reason(why)
	if err == nil {
		err = s.act(ctx, who, func(w *writer) error {
			c, err := w.tx.Claim(ctx, w.scope, claim)
			if err != nil {
				return err
			}
			return w.retract(ctx, "retract", "", why, c)
		})
	}
	if err != nil {
		return fmt.Errorf("retract claim: %w", err)
	}
	return nil
}

// retract takes claims of one entity or several back within an act.
func (w *writer) retract(ctx context.Context, act, replaced, why string, claims ...store.Claim) error {
	ids := claimIDs(claims)
	var entities []string
	for _, c := range claims {
		if !slices.Contains(entities, c.Entity) {
			entities = append(entities, c.Entity)
		}
	}
	if err := w.tx.RetractClaims(ctx, w.now, w.who.Agent, why, replaced, ids...); err != nil {
		return err
	}
	if err := w.tx.DropDocs(ctx, store.DocClaim, ids...); err != nil {
		return err
	}
	if err := w.tx.TouchEntities(ctx, w.now, entities...); err != nil {
		return err
	}
	if replaced != "" {
		ids = append(ids, replaced)
	}
	return w.record(ctx, act, entities, ids, nil)
}

// Restore takes a retraction back. archive.ErrConflict if the claim stands, or if the person it would name has become a protected one.
func (s *Service) Restore(ctx context.Context, who policy.Subject, claim string) error {
	err := s.act(ctx, who, func(w *writer) error {
		c, err := w.tx.Claim(ctx, w.scope, claim)
		if err != nil {
			return err
		}
		e, err := w.entity(ctx, c.Entity, false)
		if err != nil {
			return err
		}
		if k, _ := catalogue.KindOf(e.Kind); e.Protected {
			if p, ok := k.Property(c.Property); !ok || p.Identifies && c.Value != "" {
				return fmt.Errorf("%w: it would name a protected person", archive.ErrConflict)
			}
		}
		if err := w.tx.RestoreClaim(ctx, c.ID); err != nil {
			return err
		}
		if c, err = w.tx.Claim(ctx, w.scope, claim); err != nil {
			return err
		}
		if err := w.tx.IndexDocs(ctx, docs(c)...); err != nil {
			return err
		}
		if err := w.tx.TouchEntities(ctx, w.now, c.Entity); err != nil {
			return err
		}
		return w.record(ctx, "restore", []string{c.Entity}, []string{c.ID}, nil)
	})
	if err != nil {
		return fmt.Errorf("restore claim: %w", err)
	}
	return nil
}

// Replace puts another claim in the place of one. Its property is that of the former one.
func (s *Service) Replace(ctx context.Context, who policy.Subject, claim string, d ClaimDraft) (out archive.Claim, err error) {
	err = s.act(ctx, who, func(w *writer) error {
		was, err := w.tx.Claim(ctx, w.scope, claim)
		if err != nil {
			return err
		}
		if d.Property != "" && d.Property != was.Property {
			return invalid("a claim is replaced by one of the same property")
		}
		d.Property = was.Property
		if d.Compartment == "" && was.Own {
			d.Compartment = was.Compartment // what was said behind a door stays there
		}
		e, err := w.entity(ctx, was.Entity, false)
		if err != nil {
			return err
		}
		c, err := w.claim(ctx, e, d)
		if err != nil {
			return err
		}
		if err := w.say(ctx, c); err != nil {
			return err
		}
		out = c.Claim
		return w.retract(ctx, "replace", c.ID, "", was)
	})
	if err != nil {
		return archive.Claim{}, fmt.Errorf("replace claim: %w", err)
	}
	return out, nil
}

// Find says which of rival claims is current, that none can be, or that the author dissents. ID, Author and At are filled in.
func (s *Service) Find(ctx context.Context, who policy.Subject, f archive.Finding) error {
	why, err := reason(f.Reason)
	if err == nil {
		err = s.act(ctx, who, func(w *writer) error {
			e, err := w.entity(ctx, f.Entity, true)
			if err != nil {
				return err
			}
			k, _ := catalogue.KindOf(e.Kind)
			if _, ok := k.Property(f.Property); !ok {
				return invalid("%s has no such property", e.Kind)
			}
			if f.Claim != "" {
				members, err := w.tx.Members(ctx, w.scope, e.ID)
				if err != nil {
					return err
				}
				c, err := w.tx.Claim(ctx, w.scope, f.Claim)
				if err != nil {
					return err
				}
				if !slices.ContainsFunc(members[e.ID], func(m archive.Entity) bool { return m.ID == c.Entity }) || c.Property != f.Property {
					return invalid("a claim about the same property of this entity was expected")
				}
				if !c.Stands() {
					return fmt.Errorf("%w: the claim was taken back", archive.ErrConflict)
				}
			}
			f.ID, f.Entity, f.Reason, f.Author, f.At = w.o.NewID(archive.PrefixFinding), e.ID, why, who.Agent, w.now
			if err := w.tx.AddClaimFinding(ctx, f); err != nil {
				return err
			}
			if err := w.tx.TouchEntities(ctx, w.now, e.ID); err != nil {
				return err
			}
			act, about := "finding", []string(nil)
			if f.Dissent {
				act = "dissent"
			}
			if f.Claim != "" {
				about = []string{f.Claim}
			}
			return w.record(ctx, act, []string{e.ID}, about, map[string]string{"finding": f.ID})
		})
	}
	if err != nil {
		return fmt.Errorf("find: %w", err)
	}
	return nil
}

// File moves an entity to another compartment; both must be within the scope. Claims in a narrower compartment stay there.
func (s *Service) File(ctx context.Context, who policy.Subject, entity, compartment string) error {
	err := s.act(ctx, who, func(w *writer) error {
		e, err := w.entity(ctx, entity, false)
		if err != nil {
			return err
		}
		if err := w.sees(ctx, compartment); err != nil {
			return err
		}
		if e.Compartment == compartment {
			return nil
		}
		if err := w.tx.FileEntity(ctx, e.ID, compartment, w.now); err != nil {
			return err
		}
		e.Compartment = compartment
		claims, err := w.tx.Claims(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true, AllCompartments: true}, store.ClaimQuery{Entities: []string{e.ID}, Standing: true})
		if err != nil {
			return err
		}
		// All of its documents, whoever may see them: one left behind would be found in the old compartment.
		if err := w.tx.IndexDocs(ctx, append(docs(claims...), store.DocOfEntity(e))...); err != nil {
			return err
		}
		if err := w.refile(ctx, w.tx, e); err != nil {
			return err
		}
		return w.record(ctx, "file", []string{e.ID}, nil, map[string]string{"compartment": first(compartment, "common")})
	})
	if err != nil {
		return fmt.Errorf("file entity: %w", err)
	}
	return nil
}

func first(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// Protect lets a person be known by the code alone, or ends it. archive.ErrConflict if a standing claim names them: it must be taken back first,
// and what it said given to whoever keeps identities.
func (s *Service) Protect(ctx context.Context, who policy.Subject, entity string, protected bool) error {
	err := s.act(ctx, who, func(w *writer) error {
		e, err := w.entity(ctx, entity, false)
		if err != nil {
			return err
		}
		if e.Kind != catalogue.Person {
			return invalid("only a person can be protected")
		}
		if e.Protected == protected {
			return nil
		}
		if protected {
			claims, err := w.tx.Claims(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true, AllCompartments: true}, store.ClaimQuery{Entities: []string{e.ID}, Standing: true})
			if err != nil {
				return err
			}
			k, _ := catalogue.KindOf(e.Kind)
			for _, c := range claims {
				if p, ok := k.Property(c.Property); ok && p.Identifies && c.Value != "" {
					return archive.Explain(fmt.Errorf("%w: claims name the person", archive.ErrConflict), "Something in the catalogue still names this person.",
						"Take back the names, aliases, birth date and nationality first; some may lie in a compartment that you do not see.")
				}
			}
		}
		if err := w.tx.ProtectEntity(ctx, e.ID, protected, w.now); err != nil {
			return err
		}
		return w.record(ctx, map[bool]string{true: "protect", false: "unprotect"}[protected], []string{e.ID}, nil, nil)
	})
	if err != nil {
		return fmt.Errorf("protect person: %w", err)
	}
	return nil
}
