package store_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// eraseSoon makes two people agree to erase an item.
func eraseSoon(t testing.TB, tx *store.Tx, item string) {
	t.Helper()
	id := newID(archive.PrefixErasure)
	must(t, tx.AddErasure(ctx, store.Erasure{ID: id, Item: item, Reason: "r", RequestedBy: "ag_1", RequestedAt: noon}))
	must(t, tx.ApproveErasure(ctx, id, "ag_2", noon))
}

// Each of these is hidden by one clause of the rule alone: leaving the clause out makes its line red.
func TestEachClauseHides(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			open, shut := "", "cp_shut"
			mine, theirs := addAccession(t, tx), addAccession(t, tx)
			fine := addItem(t, tx, mine.ID, nil)
			scope := archive.Scope{All: true, MaxDifficulty: 1}
			items := map[string]archive.Item{
				"too hard":    addItem(t, tx, mine.ID, func(i *archive.Item) { i.Difficulty = 3 }),
				"quarantined": addItem(t, tx, mine.ID, func(i *archive.Item) { i.State = archive.ItemQuarantined }),
				"erased":      addItem(t, tx, mine.ID, func(i *archive.Item) { i.State = archive.ItemErased }),
				"erasing":     addItem(t, tx, mine.ID, nil),
				"of another":  addItem(t, tx, theirs.ID, nil),
			}
			eraseSoon(t, tx, items["erasing"].ID)
			person, hidden := addEntity(t, tx, "person", open), addEntity(t, tx, "person", shut)
			testimony := addEntity(t, tx, "testimony", shut)
			type example struct {
				what  string
				scope archive.Scope
				claim store.Claim
			}
			var examples []example
			add := func(what string, s archive.Scope, e archive.Entity, change func(*store.Claim)) {
				examples = append(examples, example{what, s, addClaim(t, tx, e, change)})
			}
			add("entity in a compartment", scope, hidden, nil)
			add("claim in a compartment", scope, person, func(c *store.Claim) { c.Own, c.Compartment = true, shut })
			add("refers to what is hidden", scope, person, func(c *store.Claim) { c.Ref = hidden.ID })
			add("rests on hidden testimony", scope, person, func(c *store.Claim) {
				c.Sources = []archive.Source{{Kind: archive.SourcePassage, Passage: "ps_1", Entity: testimony.ID}}
			})
			add("one source of several is hidden", scope, person, func(c *store.Claim) {
				c.Sources = []archive.Source{{Kind: archive.SourceItem, Item: fine.ID}, {Kind: archive.SourceDocument, Entity: hidden.ID}}
			})
			limited := archive.Scope{Accessions: []string{mine.ID}, MaxDifficulty: 1, Compartments: []string{archive.CommonGrant}}
			for what, it := range items {
				s := scope
				if what == "of another" {
					s = limited
				}
				add("rests on an item: "+what, s, person, func(c *store.Claim) {
					c.Sources = []archive.Source{{Kind: archive.SourceItem, Item: fine.ID}, {Kind: archive.SourceItem, Item: it.ID}}
				})
				add("names an item: "+what, s, person, func(c *store.Claim) { c.Names = it.ID })
			}
			add("common compartment not granted", archive.Scope{Accessions: []string{mine.ID}, MaxDifficulty: 1, Compartments: []string{"cp_other"}}, person, nil)
			seen := addClaim(t, tx, person, func(c *store.Claim) { c.Sources = []archive.Source{{Kind: archive.SourceItem, Item: fine.ID}} })
			for _, x := range examples {
				if _, err := tx.Claim(ctx, x.scope, x.claim.ID); err == nil {
					t.Errorf("%s: it was shown", x.what)
				}
				list, err := tx.Claims(ctx, x.scope, store.ClaimQuery{Entities: []string{x.claim.Entity}})
				must(t, err)
				if slices.ContainsFunc(list, func(c store.Claim) bool { return c.ID == x.claim.ID }) {
					t.Errorf("%s: it was listed", x.what)
				}
			}
			for _, s := range []archive.Scope{scope, limited, {All: true, AllCompartments: true, MaxDifficulty: -1}} {
				if _, err := tx.Claim(ctx, s, seen.ID); err != nil {
					t.Errorf("what all may see: %v", err)
				}
			}
			// Nobody sees what rests on an item that is erased or will be.
			every := archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1, Quarantined: true}
			for _, x := range examples {
				_, err := tx.Claim(ctx, every, x.claim.ID)
				gone := x.what == "rests on an item: erased" || x.what == "names an item: erased" || x.what == "rests on an item: erasing" || x.what == "names an item: erasing"
				if (err != nil) != gone {
					t.Errorf("%s, by who sees everything: %v", x.what, err)
				}
			}
			if list, err := tx.Claims(ctx, archive.Scope{}, store.ClaimQuery{}); err != nil || len(list) != 0 {
				t.Errorf("the empty scope sees %d claims, %v", len(list), err)
			}
		})
	})
}

// world is a small random catalogue.
type world struct {
	entities []archive.Entity
	claims   []store.Claim
	items    map[string]archive.Item
	erasing  map[string]bool
	findings []archive.Finding
}

// The oracle: the rule told a second time, with no code of the store.
func (w *world) sees(s archive.Scope, compartment string) bool {
	if s.AllCompartments {
		return true
	}
	if compartment == "" {
		return s.All || slices.Contains(s.Compartments, "common")
	}
	return slices.Contains(s.Compartments, compartment)
}

func (w *world) entity(id string) archive.Entity {
	for _, e := range w.entities {
		if e.ID == id {
			return e
		}
	}
	panic("no such entity")
}

func (w *world) item(s archive.Scope, id string) bool {
	it := w.items[id]
	switch {
	case w.erasing[id], it.State == archive.ItemErased, it.State == archive.ItemQuarantined && !s.Quarantined:
		return false
	case s.MaxDifficulty >= 0 && s.MaxDifficulty < 3 && (it.Difficulty < 0 || it.Difficulty > s.MaxDifficulty):
		return false
	}
	return s.All || slices.Contains(s.Accessions, it.Accession)
}

func (w *world) claim(s archive.Scope, c store.Claim) bool {
	e := w.entity(c.Entity)
	if !w.sees(s, e.Compartment) || c.Own && !w.sees(s, c.Compartment) || c.Ref != "" && !w.sees(s, w.entity(c.Ref).Compartment) || c.Names != "" && !w.item(s, c.Names) {
		return false
	}
	for _, src := range c.Sources {
		if src.Item != "" && !w.item(s, src.Item) || src.Entity != "" && !w.sees(s, w.entity(src.Entity).Compartment) {
			return false
		}
	}
	return true
}

// up gives the entity that stands for another one, for this reader.
func (w *world) up(s archive.Scope, id string) string {
	for {
		e := w.entity(id)
		if e.Canonical == "" || !w.sees(s, w.entity(e.Canonical).Compartment) {
			return id
		}
		id = e.Canonical
	}
}

func (w *world) finding(s archive.Scope, f archive.Finding) bool {
	if !w.sees(s, w.entity(f.Entity).Compartment) {
		return false
	}
	below := func(id string) bool { // merged into it, seen or not
		for id != "" {
			if id == f.Entity {
				return true
			}
			id = w.entity(id).Canonical
		}
		return false
	}
	for _, c := range w.claims {
		if (c.ID == f.Claim || below(c.Entity) && c.Property == f.Property && !c.CreatedAt.After(f.At)) && !w.claim(s, c) {
			return false
		}
	}
	return true
}

var compartments = []string{"", "", "cp_a", "cp_b"}

func draw(t *testing.T, rt *rapid.T, tx *store.Tx) *world {
	w := &world{items: map[string]archive.Item{}, erasing: map[string]bool{}}
	accessions := []archive.Accession{addAccession(t, tx), addAccession(t, tx)}
	var items []string
	for range 4 {
		it := addItem(t, tx, rapid.SampledFrom(accessions).Draw(rt, "accession").ID, func(i *archive.Item) {
			i.Difficulty = rapid.IntRange(-1, 3).Draw(rt, "difficulty")
			i.State = rapid.SampledFrom([]archive.ItemState{archive.ItemReady, archive.ItemReady, archive.ItemReady, archive.ItemQuarantined, archive.ItemErased}).Draw(rt, "state")
		})
		w.items[it.ID] = it
		items = append(items, it.ID)
		if it.State == archive.ItemReady && rapid.IntRange(0, 4).Draw(rt, "erasing") == 0 {
			eraseSoon(t, tx, it.ID)
			w.erasing[it.ID] = true
		}
	}
	for range rapid.IntRange(2, 6).Draw(rt, "entities") {
		w.entities = append(w.entities, addEntity(t, tx, "person", rapid.SampledFrom(compartments).Draw(rt, "compartment")))
	}
	ids := func() string { return rapid.SampledFrom(w.entities).Draw(rt, "entity").ID }
	for i := 1; i < len(w.entities); i++ {
		if rapid.IntRange(0, 2).Draw(rt, "merge") == 0 {
			into := rapid.IntRange(0, i-1).Draw(rt, "into")
			must(t, tx.AddMerge(ctx, archive.Merge{ID: newID(archive.PrefixMerge), From: w.entities[i].ID, Into: w.entities[into].ID, Reason: "r", Author: "ag_1", At: noon}))
			w.entities[i].Canonical = w.entities[into].ID
		}
	}
	for n := range rapid.IntRange(1, 8).Draw(rt, "claims") {
		w.claims = append(w.claims, addClaim(t, tx, w.entity(ids()), func(c *store.Claim) {
			c.Property = rapid.SampledFrom([]string{"name", "alias"}).Draw(rt, "property")
			c.Keys = []string{fmt.Sprintf("key%d", n%3)}
			c.Value = fmt.Sprintf("value %d", n%3)
			if rapid.IntRange(0, 3).Draw(rt, "own") == 0 {
				c.Own, c.Compartment = true, rapid.SampledFrom([]string{"cp_a", "cp_b"}).Draw(rt, "narrower")
			}
			if rapid.IntRange(0, 3).Draw(rt, "refers") == 0 {
				c.Ref = ids()
			}
			if rapid.IntRange(0, 5).Draw(rt, "names") == 0 {
				c.Names = rapid.SampledFrom(items).Draw(rt, "item named")
			}
			for range rapid.IntRange(0, 2).Draw(rt, "sources") {
				if rapid.Bool().Draw(rt, "footage") {
					c.Sources = append(c.Sources, archive.Source{Kind: archive.SourceItem, Item: rapid.SampledFrom(items).Draw(rt, "item")})
				} else {
					c.Sources = append(c.Sources, archive.Source{Kind: archive.SourceArticle, Entity: ids()})
				}
			}
		}))
	}
	for range rapid.IntRange(0, 3).Draw(rt, "findings") {
		f := archive.Finding{ID: newID(archive.PrefixFinding), Entity: ids(), Property: "name", Reason: "r", Author: "ag_1", At: noon}
		if rapid.Bool().Draw(rt, "decides") {
			f.Claim = rapid.SampledFrom(w.claims).Draw(rt, "claim").ID
		}
		must(t, tx.AddClaimFinding(ctx, f))
		w.findings = append(w.findings, f)
	}
	return w
}

func drawScope(rt *rapid.T, w *world) archive.Scope {
	s := archive.Scope{All: rapid.Bool().Draw(rt, "all"), MaxDifficulty: rapid.IntRange(-1, 3).Draw(rt, "hardest"), Quarantined: rapid.Bool().Draw(rt, "quarantined"),
		AllCompartments: rapid.IntRange(0, 5).Draw(rt, "every compartment") == 0}
	for _, c := range []string{"common", "cp_a", "cp_b"} {
		if rapid.Bool().Draw(rt, c) {
			s.Compartments = append(s.Compartments, c)
		}
	}
	if !s.All {
		for _, it := range w.items {
			if rapid.Bool().Draw(rt, "granted") && !slices.Contains(s.Accessions, it.Accession) {
				s.Accessions = append(s.Accessions, it.Accession)
			}
		}
	}
	return s
}

func same(rt *rapid.T, what string, got, want []string) {
	slices.Sort(got)
	slices.Sort(want)
	if want = slices.Compact(want); !slices.Equal(got, want) {
		rt.Fatalf("%s: %d shown, %d may be: %v, %v", what, len(got), len(want), got, want)
	}
}

// Whatever the catalogue and whatever the grant: what a reader gets, counts and completes is what the rule says.
func TestReadersSeeWhatTheRuleSays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		rapid.Check(t, func(rt *rapid.T) {
			inTx(t, db, func(tx *store.Tx) {
				w := draw(t, rt, tx)
				s := drawScope(rt, w)
				var all, entities, claims, listed, findings, got []string
				for _, e := range w.entities {
					all = append(all, e.ID)
					if w.sees(s, e.Compartment) {
						entities = append(entities, e.ID)
						if w.up(s, e.ID) == e.ID {
							listed = append(listed, e.ID)
						}
					}
				}
				for _, c := range w.claims {
					if w.claim(s, c) {
						claims = append(claims, c.ID)
					}
				}
				for _, f := range w.findings {
					if w.finding(s, f) {
						findings = append(findings, f.ID)
					}
				}
				found, err := tx.Entities(ctx, s, all...)
				must(t, err)
				for id := range found {
					got = append(got, id)
				}
				same(rt, "entities", got, entities)
				got = nil
				said, err := tx.Claims(ctx, s, store.ClaimQuery{Entities: all})
				must(t, err)
				for _, c := range said {
					got = append(got, c.ID)
				}
				same(rt, "claims", got, claims)
				got = nil
				decided, err := tx.Findings(ctx, s, all...)
				must(t, err)
				for _, f := range decided {
					got = append(got, f.ID)
				}
				same(rt, "findings", got, findings)
				list := func(what string, q store.EntityQuery, want []string) {
					q.Limit = 100
					page, total, err := tx.ListEntities(ctx, s, q)
					must(t, err)
					var got []string
					for _, e := range page {
						got = append(got, e.ID)
					}
					same(rt, what, got, want)
					if total != len(got) {
						rt.Fatalf("%s: counted %d, shown %d", what, total, len(got))
					}
				}
				list("list", store.EntityQuery{}, listed)
				by := func(match func(store.Claim) bool) (out []string) {
					for _, c := range w.claims {
						if w.claim(s, c) && match(c) {
							out = append(out, w.up(s, c.Entity))
						}
					}
					return out
				}
				list("completion", store.EntityQuery{Words: [][]string{{"key1"}}}, by(func(c store.Claim) bool { return c.Keys[0] == "key1" }))
				list("by value", store.EntityQuery{Property: "name", Value: "value 2"}, by(func(c store.Claim) bool { return c.Property == "name" && c.Value == "value 2" }))
				list("by reference", store.EntityQuery{Refers: []string{all[0]}}, by(func(c store.Claim) bool { return c.Ref == all[0] }))
				canon, _, err := tx.Canonical(ctx, s, all...)
				must(t, err)
				for _, id := range all {
					if want := w.up(s, id); canon[id] != want && slices.Contains(entities, id) || canon[id] != "" && !slices.Contains(entities, id) {
						rt.Fatalf("%s stands for %s, not for %s", canon[id], id, want)
					}
				}
			})
		})
	})
}
