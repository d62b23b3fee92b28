package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// An entity that an undone import left empty is in no list and comes back, with what search finds it by, when something is said of it, whether
// about it or by a reference to it. What somebody worked on is never emptied.
func TestEmptyEntities(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		imported := newID(archive.PrefixImport)
		agent := newID(archive.PrefixAgent)
		person := func(n int, from string) store.NewEntity {
			return store.NewEntity{Entity: archive.Entity{ID: newID(archive.PrefixEntity), Kind: catalogue.Person, Code: fmt.Sprintf("P-%04d", n), CreatedAt: noon, CreatedBy: agent}, Number: int64(n), Import: from}
		}
		claim := func(e, ref string) store.Claim {
			return store.Claim{Claim: archive.Claim{ID: newID(archive.PrefixClaim), Entity: e, Property: "note", Value: "x" + ref, Certainty: archive.Probable, Author: agent, Origin: imported, CreatedAt: noon.Add(time.Hour)}, Ref: ref}
		}
		bare, said, meant, merged, mine := person(1, imported), person(2, imported), person(3, imported), person(4, imported), person(5, "")
		all5 := []store.NewEntity{bare, said, meant, merged, mine}
		list := func(tx *store.Tx) (codes []string) {
			t.Helper()
			found, n, err := tx.ListEntities(ctx, all, store.EntityQuery{Limit: 10})
			must(t, err)
			after, err := tx.EntitiesAfter(ctx, all, nil, nil, "", 10)
			must(t, err)
			if n != len(found) || len(after) != len(found)+1 { // the merged one is only in an export
				t.Errorf("%d counted, %d listed, %d after one another", n, len(found), len(after))
			}
			for _, e := range found {
				codes = append(codes, e.Code)
			}
			return codes
		}
		is := func(tx *store.Tx, want string) {
			t.Helper()
			if got := strings.Join(list(tx), " "); got != want {
				t.Errorf("listed are %s, want %s", got, want)
			}
		}
		about := claim(mine.ID, meant.ID)
		first := claim(said.ID, "")
		storetest.Write(t, db, func(tx *store.Tx) error {
			must(t, tx.AddAgent(ctx, archive.Agent{ID: agent, Kind: "person", Name: "A", CreatedAt: noon}))
			must(t, tx.AddImport(ctx, store.Import{ID: imported, Format: "table", Mapping: []byte("{}"), CreatedAt: noon, CreatedBy: agent}))
			must(t, tx.AddEntities(ctx, all5...))
			for _, e := range all5 {
				must(t, tx.IndexDocs(ctx, store.DocOfEntity(e.Entity)))
			}
			must(t, tx.AddClaims(ctx, first, about))
			must(t, tx.AddMerge(ctx, archive.Merge{ID: newID(archive.PrefixMerge), From: merged.ID, Into: mine.ID, Reason: "r", Author: agent, At: noon}))
			n, err := tx.CountImported(ctx, imported)
			must(t, err)
			if n != 2 {
				t.Errorf("%d claims of the import", n)
			}
			return nil
		})
		empty := func(want ...string) {
			t.Helper()
			storetest.Write(t, db, func(tx *store.Tx) error {
				var got []string
				for after := ""; ; {
					ids, last, err := tx.EmptyEntities(ctx, imported, after, 2, noon.Add(2*time.Hour))
					must(t, err)
					got = append(got, ids...)
					must(t, tx.DropDocs(ctx, store.DocEntity, ids...))
					if after = last; last == "" {
						break
					}
				}
				slices.Sort(want)
				slices.Sort(got)
				if !slices.Equal(got, want) {
					t.Errorf("emptied %v, want %v", got, want)
				}
				return nil
			})
		}
		empty(bare.ID)
		storetest.Write(t, db, func(tx *store.Tx) error {
			is(tx, "P-0002 P-0003 P-0005")
			must(t, tx.RetractClaims(ctx, noon.Add(time.Hour), agent, "undone", "", first.ID, about.ID))
			return nil
		})
		empty(said.ID, meant.ID)
		storetest.Write(t, db, func(tx *store.Tx) error {
			is(tx, "P-0005")
			gone, err := tx.Emptied(ctx, []string{bare.ID, said.ID, mine.ID, ""})
			must(t, err)
			if len(gone) != 2 || gone[mine.ID] {
				t.Errorf("%v are empty", gone)
			}
			did, err := tx.RestoreClaims(ctx, []string{first.ID, first.ID, newID(archive.PrefixClaim)})
			must(t, err)
			if !slices.Equal(did, []string{first.ID}) {
				t.Errorf("restored %v", did)
			}
			must(t, tx.TouchEntities(ctx, noon, said.ID)) // the clock stands still
			must(t, tx.AddClaims(ctx, claim(mine.ID, meant.ID)))
			is(tx, "P-0002 P-0003 P-0005")
			if again, err := tx.RestoreClaims(ctx, []string{first.ID}); err != nil || len(again) > 0 {
				t.Errorf("%v, %v", again, err)
			}
			return nil
		})
		// Search finds them again by their codes.
		storetest.Write(t, db, func(tx *store.Tx) error {
			must(t, tx.BeginUndo(ctx, imported, noon.Add(3*time.Hour)))
			must(t, tx.BeginUndo(ctx, imported, noon.Add(4*time.Hour)))
			run, err := tx.Import(ctx, agent, imported)
			must(t, err)
			if run.State != store.ImportDone || !run.UndoAt.Equal(noon.Add(3*time.Hour)) || !run.EndedAt.Equal(run.UndoAt) || !run.UndoneAt.IsZero() {
				t.Errorf("%+v", run)
			}
			if err := tx.SetImport(ctx, run); err == nil {
				t.Error("an import goes on that is being undone")
			}
			return nil
		})
	})
}

// Documents that were dropped many at once are found no more at once, and their words are gone after the tidying, or before anything is erased.
func TestDropDocsSoon(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		e := archive.Entity{ID: newID(archive.PrefixEntity), Kind: catalogue.Person, Code: "P-0001", CreatedAt: noon, CreatedBy: newID(archive.PrefixAgent)}
		var refs []string
		fill := func(word string) {
			storetest.Write(t, db, func(tx *store.Tx) error {
				refs = nil
				var docs []store.Doc
				for i := range 40 {
					refs = append(refs, fmt.Sprint(word, i))
					docs = append(docs, store.Doc{Kind: store.DocNote, Ref: refs[i], Entity: e.ID, At: noon, Text: fmt.Sprintf("%s common %s%d", word, word, i)})
				}
				return tx.IndexDocs(ctx, docs...)
			})
		}
		words := func() (loose bool, n int) {
			t.Helper()
			storetest.Write(t, db, func(tx *store.Tx) (err error) { loose, err = tx.LooseSearch(ctx); return err })
			n, err := store.CountTerms(ctx, db)
			must(t, err)
			return loose, n
		}
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.AddEntities(ctx, store.NewEntity{Entity: e, Number: 1}) })
		fill("wkeptx")
		_, kept := words()
		fill("qqzzx")
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.DropDocsSoon(ctx, store.DocNote, refs...) })
		if loose, n := words(); !loose || n <= kept {
			t.Errorf("loose %v with %d words, %d were there before", loose, n, kept)
		}
		if found, err := store.IndexHolds(ctx, db, "qqzzx"); err != nil || found != (engine == store.SQLite) {
			t.Errorf("before the tidying the index holds the word: %v, %v", found, err)
		}
		for first, done, steps := true, false, 0; !done; first, steps = false, steps+1 {
			storetest.Write(t, db, func(tx *store.Tx) (err error) { done, err = tx.TidySearch(ctx, first); return err })
			if steps > 100 {
				t.Fatal("it does not end")
			}
		}
		for after, last := "", "x"; last != ""; after = last {
			storetest.Write(t, db, func(tx *store.Tx) (err error) { last, _, err = tx.TidyTerms(ctx, after, 7); return err })
		}
		if loose, n := words(); loose || n != kept {
			t.Errorf("loose %v with %d words, want %d", loose, n, kept)
		}
		// Whoever is cut off before the tidying: an erasure does it.
		fill("qqzzx")
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.DropDocsSoon(ctx, store.DocNote, refs...) })
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.DropDocsOfItem(ctx, newID(archive.PrefixItem)) })
		if loose, n := words(); loose || n != kept {
			t.Errorf("loose %v with %d words, want %d", loose, n, kept)
		}
		// The words are gone from the index itself and not only from the list of words.
		if found, err := store.IndexHolds(ctx, db, "qqzzx"); err != nil || found {
			t.Errorf("the index holds a word of a document that is gone: %v, %v", found, err)
		}
		if found, err := store.IndexHolds(ctx, db, "wkeptx"); err != nil || !found {
			t.Errorf("the index has lost a word: %v, %v", found, err)
		}
	})
}

func TestMigration0018(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		sum := `X'` + strings.Repeat("ab", 32) + `'`
		if engine == store.PostgreSQL {
			sum = `'\x` + strings.Repeat("ab", 32) + `'::bytea`
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0017",
			`INSERT INTO agent (id, kind, name, created_at) VALUES ('ag_1', 'person', 'A', 1)`,
			`INSERT INTO entity (id, kind, code, number, compartment, created_at, created_by, changed_at) VALUES ('en_1', 'person', 'P-0001', 1, '', 1, 'ag_1', 1)`,
			`INSERT INTO import (id, format, sha256, mapping, state, next_row, created_at, created_by) VALUES ('im_1', 'table', `+sum+`, `+sum+`, 'running', 2, 1, 'ag_1')`))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			found, n, err := tx.ListEntities(ctx, all, store.EntityQuery{Limit: 2})
			must(t, err)
			run, err := tx.Import(ctx, "ag_1", "im_1")
			must(t, err)
			if n != 1 || found[0].Code != "P-0001" || !run.UndoAt.IsZero() {
				t.Errorf("%v, %+v", found, run)
			}
			return nil
		}))
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}
