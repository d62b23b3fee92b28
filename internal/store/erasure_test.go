package store_test

import (
	"errors"
	"slices"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// What those who erase ask, and what they may replace.
func TestErasingAsksAndReplaces(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			refs, err := tx.ObjectsOfItem(ctx, e.item.ID)
			must(t, err)
			if !slices.Contains(refs, e.item.Object) || !slices.Contains(refs, e.derivative.Object) {
				t.Errorf("objects %v", refs)
			}
			list, err := tx.AccessionsOfItem(ctx, e.item.ID)
			must(t, err)
			if len(list) == 0 || !slices.ContainsFunc(list, func(a archive.Accession) bool { return a.ID == e.item.Accession }) {
				t.Errorf("accessions %v", list)
			}
			must(t, tx.LockItem(ctx, e.item.ID))
			if err := tx.LockItem(ctx, "it_x"); !errors.Is(err, archive.ErrNotFound) {
				t.Errorf("lock of nothing: %v", err)
			}
			for _, at := range e.events {
				o, err := tx.Opening(ctx, at)
				must(t, err)
				for _, s := range o.Subjects {
					if s.ID != e.item.ID {
						continue
					}
					found, err := tx.EventsOfType(ctx, s.Kind, s.ID, o.Type)
					if err != nil || !slices.ContainsFunc(found, func(x store.Opening) bool { return x.Index == at && x.EventID == o.EventID }) {
						t.Errorf("event %d is not found: %v", at, err)
					}
				}
			}
			if found, err := tx.EventsOfType(ctx, "item", e.item.ID, "no such type"); err != nil || len(found) > 0 {
				t.Errorf("%v, %v", found, err)
			}
			// Nobody agreed yet: nothing may be replaced, and the item is shown.
			manifest := archive.ObjectRef{Object: e.neighbour.Object.Object, Envelope: e.neighbour.Object.Envelope}
			if err := tx.ReplaceManifest(ctx, e.item.Accession, manifest, digest("new"), []byte("{}")); !errors.Is(err, archive.ErrConflict) {
				t.Errorf("replaced before anybody agreed: %v", err)
			}
			i, err := tx.ErasableItem(ctx, e.item.ID)
			if err != nil || i.Erasing {
				t.Errorf("%+v, %v", i, err)
			}
			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			if i, err = tx.ErasableItem(ctx, e.item.ID); err != nil || !i.Erasing {
				t.Errorf("agreed and not marked: %+v, %v", i, err)
			}
			if err := tx.ReplaceManifest(ctx, "ac_x", manifest, digest("new"), nil); !errors.Is(err, archive.ErrNotFound) {
				t.Errorf("of nothing: %v", err)
			}
			must(t, tx.EraseItemRows(ctx, e.item.ID))
			if i, err = tx.ErasableItem(ctx, e.item.ID); err != nil || i.State != archive.ItemErased || i.Erasing {
				t.Errorf("erased: %+v, %v", i, err)
			}
		})
	})
}
