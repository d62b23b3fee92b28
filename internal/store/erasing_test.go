package store_test

import (
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// What two people agreed to erase is listed for nobody; so no sum may tell that it is still there. And when it is erased, what could be
// found of it goes with it.
func TestErasingIsNotCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			a := addAccession(t, tx)
			gone, stays := addItem(t, tx, a.ID, nil), addItem(t, tx, a.ID, nil)
			for _, it := range []archive.Item{gone, stays} {
				must(t, tx.IndexDocs(ctx, store.Doc{Kind: store.DocTranscript, Ref: it.ID, Item: it.ID, Text: "canary"}))
			}
			for _, q := range []store.Query{{}, {Text: gone.Reference()[:3]}, {From: gone.SortTime().AddDate(0, 0, -1)}, {To: gone.SortTime().AddDate(0, 0, 1)}} {
				before, err := tx.Count(ctx, all, q)
				must(t, err)
				if before.Count != 2 {
					t.Errorf("%+v: %d items before", q, before.Count)
				}
			}
			approve(t, tx, gone.ID)
			for _, q := range []store.Query{{}, {Text: gone.Reference()[:3]}, {From: gone.SortTime().AddDate(0, 0, -1)}, {To: gone.SortTime().AddDate(0, 0, 1)}} {
				sum, err := tx.Count(ctx, all, q)
				must(t, err)
				if sum.Count != 1 || sum.Bytes != stays.Size {
					t.Errorf("%+v: %+v", q, sum)
				}
				days, err := tx.Days(ctx, all, q)
				must(t, err)
				if len(days) != 1 || days[0].Count != 1 {
					t.Errorf("%+v: %+v", q, days)
				}
				f, err := tx.Facets(ctx, all, q)
				must(t, err)
				if len(f.Accessions) != 1 || f.Accessions[0].Count != 1 {
					t.Errorf("%+v: %+v", q, f)
				}
			}
			must(t, tx.EraseItemRows(ctx, gone.ID))
			sum, err := tx.Count(ctx, all, store.Query{})
			must(t, err)
			if sum.Count != 1 {
				t.Errorf("%d items afterwards", sum.Count)
			}
			noRollupFaults(t, tx)
			return nil
		}))
		if n := count(t, db, `SELECT COUNT(*) FROM search_doc`); n != 1 {
			t.Errorf("%d documents can be found, of one item", n)
		}
	})
}
