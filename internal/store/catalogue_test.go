package store_test

import (
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// addEntity adds an entity of a compartment.
func addEntity(t testing.TB, tx *store.Tx, kind archive.EntityKind, compartment string) archive.Entity {
	t.Helper()
	e := archive.Entity{ID: newID(archive.PrefixEntity), Kind: kind, Compartment: compartment, CreatedAt: noon, CreatedBy: "ag_1"}
	e.Code = "X-" + e.ID[20:]
	must(t, tx.AddEntities(ctx, store.NewEntity{Entity: e}))
	return e
}

// addClaim adds a claim about an entity.
func addClaim(t testing.TB, tx *store.Tx, e archive.Entity, change func(*store.Claim)) store.Claim {
	t.Helper()
	c := store.Claim{Claim: archive.Claim{ID: newID(archive.PrefixClaim), Entity: e.ID, Property: "name", Value: "Value", Certainty: archive.Probable, Author: "ag_1", Origin: "person", CreatedAt: noon}}
	if change != nil {
		change(&c)
	}
	must(t, tx.AddClaims(ctx, c))
	return c
}

func TestCatalogueRoundTrip(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			it := addItem(t, tx, a.ID, nil)
			e, o := addEntity(t, tx, "person", ""), addEntity(t, tx, "location", "")
			from, to := int64(-5), int64(7)
			c := addClaim(t, tx, e, func(c *store.Claim) {
				c.Ref, c.Names, c.Earliest, c.Latest, c.Lang, c.Note, c.Keys = o.ID, it.ID, &from, &to, "ru", "n", []string{"osechkin", "osechkin"}
				c.Sources = []archive.Source{
					{Kind: archive.SourceItem, Item: it.ID, From: time.Second, To: 2 * time.Second, Region: archive.Region{X: 1, Y: 2, W: 3, H: 4}},
					{Kind: archive.SourcePassage, Passage: "ps_1", Entity: o.ID, Page: 3},
					{Kind: archive.SourceOther, Note: "words"},
				}
			})
			got, err := tx.Claim(ctx, all, c.ID)
			must(t, err)
			if got.Value != "Value" || got.Ref != o.ID || got.Names != it.ID || *got.Earliest != -5 || *got.Latest != 7 || got.Lang != "ru" || len(got.Sources) != 3 ||
				got.Sources[0] != c.Sources[0] || got.Sources[1] != c.Sources[1] || got.Sources[2] != c.Sources[2] || got.Kind != "person" || got.EntityCode != e.Code {
				t.Errorf("%+v", got)
			}
			for what, q := range map[string]store.EntityQuery{
				"kind": {Kinds: []archive.EntityKind{"person"}}, "code": {Code: e.Code[:6]}, "word": {Words: [][]string{{"osech"}}}, "either": {Code: "OSECH", Words: [][]string{{"osech"}}},
				"property": {Property: "name"}, "value": {Property: "name", Value: "Value"}, "refers": {Refers: []string{o.ID}},
			} {
				q.Limit = 10
				list, total, err := tx.ListEntities(ctx, all, q)
				must(t, err)
				if what == "code" {
					continue // the beginnings of two identifiers may be equal
				}
				if total != 1 || len(list) != 1 || list[0].ID != e.ID {
					t.Errorf("%s: %d %+v", what, total, list)
				}
			}
			must(t, tx.AddClaimFinding(ctx, archive.Finding{ID: newID(archive.PrefixFinding), Entity: e.ID, Property: "name", Claim: c.ID, Reason: "r", Author: "ag_1", At: noon}))
			if f, err := tx.Findings(ctx, all, e.ID); err != nil || len(f) != 1 || f[0].Claim != c.ID {
				t.Errorf("%+v %v", f, err)
			}
			p := addEntity(t, tx, "person", "")
			m := archive.Merge{ID: newID(archive.PrefixMerge), From: e.ID, Into: p.ID, Reason: "same", Author: "ag_1", At: noon}
			must(t, tx.AddMerge(ctx, m))
			is(t, "circle", tx.AddMerge(ctx, archive.Merge{ID: newID(archive.PrefixMerge), From: p.ID, Into: e.ID, Author: "ag_1", At: noon}), archive.ErrConflict)
			if list, total, err := tx.ListEntities(ctx, all, store.EntityQuery{Words: [][]string{{"osech"}}, Limit: 10}); err != nil || total != 1 || list[0].ID != p.ID {
				t.Errorf("after the merge: %+v %v", list, err)
			}
			members, err := tx.Members(ctx, all, p.ID)
			must(t, err)
			if len(members[p.ID]) != 2 {
				t.Errorf("%+v", members)
			}
			canon, _, err := tx.Canonical(ctx, all, e.ID)
			must(t, err)
			if canon[e.ID] != p.ID {
				t.Errorf("%+v", canon)
			}
			must(t, tx.UndoMerge(ctx, m.ID, "ag_1", noon))
			if _, total, err := tx.ListEntities(ctx, all, store.EntityQuery{Kinds: []archive.EntityKind{"person"}, Limit: 10}); err != nil || total != 2 {
				t.Errorf("after undoing: %d %v", total, err)
			}
			n, err := tx.NextNumber(ctx, "person", "", 3)
			must(t, err)
			must(t, tx.PassNumber(ctx, "person", "", 9))
			k, err := tx.NextNumber(ctx, "person", "", 1)
			must(t, err)
			if n != 1 || k != 10 {
				t.Errorf("numbers %d and %d", n, k)
			}
			must(t, tx.AddCompartment(ctx, archive.Compartment{ID: newID(archive.PrefixCompartment), Name: "n", CreatedAt: noon, CreatedBy: "ag_1"}, "T1"))
			must(t, tx.PutTerm(ctx, archive.Term{Vocabulary: "act", Code: "01", Labels: map[string]string{"en": "x"}}, "ag_1", noon))
			must(t, tx.PutTerm(ctx, archive.Term{Vocabulary: "act", Code: "01", Labels: map[string]string{"en": "y"}}, "ag_1", noon))
			if terms, err := tx.Terms(ctx, "act"); err != nil || len(terms) != 1 || terms[0].Labels["en"] != "y" {
				t.Errorf("%+v %v", terms, err)
			}
		})
	})
}
