package store_test

import (
	"errors"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestMigration0006(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, statement := range []string{
			`INSERT INTO fingerprint (item_id, number, derivative_id, recipe_version, runs) VALUES ('it_missing', 1, 'de_1', 1, '')`,
			`INSERT INTO copy_link (id, item_a, item_b, kind, score, offset_us, cover_a, cover_b, detail, recipe, recipe_version, tool, created_at)
				VALUES ('cy_1', 'it_2', 'it_1', 'same', 1, 0, 0, 0, '', 'r', 1, 't', 1)`,
		} {
			if err := try(db, statement); err == nil {
				t.Errorf("went through: %s", statement)
			}
		}
	})
}

// Numbers of fingerprints rise, a newer one takes the place of an older, and links are kept for who sees both ends.
func TestFingerprintsAndLinks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			second := addAccession(t, tx)
			other := addItem(t, tx, second.ID, nil)
			a, b := e.item.ID, other.ID
			put := func(item string) {
				must(t, tx.AddFingerprint(ctx, store.Fingerprint{Item: item, Derivative: e.derivative.ID, Version: 1, Runs: []byte("canary runs")}))
			}
			put(a)
			put(b)
			put(a)
			found, err := tx.Fingerprints(ctx, 0, 10)
			must(t, err)
			if len(found) != 2 || found[0].Item != b || found[1].Item != a || found[1].Number <= found[0].Number {
				t.Errorf("%+v", found)
			}
			if n, high, err := tx.FingerprintCount(ctx); err != nil || n != 2 || high != found[1].Number {
				t.Errorf("%d, %d, %v", n, high, err)
			}
			first := archive.Scope{Accessions: []string{e.item.Accession}, MaxDifficulty: -1}
			all := archive.Scope{All: true, MaxDifficulty: -1}
			if v, err := tx.VisibleFingerprints(ctx, first, []string{a, b}); err != nil || len(v) != 1 || v[a].Derivative != e.derivative.ID {
				t.Errorf("%+v, %v", v, err)
			}
			if v, err := tx.VisibleFingerprints(ctx, archive.Scope{}, []string{a, b}); err != nil || len(v) != 0 {
				t.Errorf("somebody who sees nothing: %+v, %v", v, err)
			}
			lo, hi := min(a, b), max(a, b)
			link := func() store.CopyLink {
				return store.CopyLink{ID: newID(archive.PrefixCopy), A: lo, B: hi, Kind: "same", Score: 970, Offset: -3 * time.Second, CoverA: 1000, CoverB: 950, Detail: []byte(`{"canary":1}`),
					Recipe: "fingerprint", RecipeVersion: 1, Tool: "zapis", CreatedAt: noon}
			}
			one := link()
			if ok, err := tx.PutCopyLink(ctx, one); err != nil || !ok {
				t.Fatal(ok, err)
			}
			two := link()
			if ok, err := tx.PutCopyLink(ctx, two); err != nil || !ok {
				t.Fatal(ok, err)
			}
			list, err := tx.CopyLinks(ctx, all, store.CopyLinkQuery{Item: a})
			must(t, err)
			if len(list) != 1 || list[0].ID != two.ID || list[0].Offset != -3*time.Second || list[0].State != archive.Suggested {
				t.Errorf("%+v", list)
			}
			for name, s := range map[string]archive.Scope{"one end": first, "nothing": {}, "the other end": {Accessions: []string{second.ID}, MaxDifficulty: -1}, "too easy": {All: true, MaxDifficulty: 0}} {
				if l, err := tx.CopyLinks(ctx, s, store.CopyLinkQuery{}); err != nil || len(l) != 0 {
					t.Errorf("who sees %s sees %d links, %v", name, len(l), err)
				}
				if _, err := tx.CopyLink(ctx, s, two.ID); !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("who sees %s: %v", name, err)
				}
				if n, err := tx.CopyLinkCounts(ctx, s); err != nil || len(n) != 0 {
					t.Errorf("who sees %s counts %v, %v", name, n, err)
				}
				if f, err := tx.FoldLinks(ctx, s, []string{a, b}); err != nil || len(f) != 0 {
					t.Errorf("who sees %s folds %v, %v", name, f, err)
				}
			}
			if f, err := tx.FoldLinks(ctx, all, []string{a}); err != nil || len(f) != 1 {
				t.Errorf("folds %v, %v", f, err)
			}
			must(t, tx.DecideCopyLink(ctx, two.ID, archive.Dismissed, "ag_1", "no", noon))
			if ok, err := tx.PutCopyLink(ctx, link()); err != nil || ok {
				t.Errorf("a decision was overwritten: %v, %v", ok, err)
			}
			if f, err := tx.FoldLinks(ctx, all, []string{a}); err != nil || len(f) != 0 {
				t.Errorf("folds what was dismissed: %v, %v", f, err)
			}
			if found, err := tx.Matching(ctx, all, store.Query{Accessions: []string{second.ID}}, []string{a, b}); err != nil || len(found) != 1 || found[0].ID != b {
				t.Errorf("%v, %v", found, err)
			}
			r := request(a)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			if l, err := tx.CopyLinks(ctx, all, store.CopyLinkQuery{}); err != nil || len(l) != 0 {
				t.Errorf("a link to what is to be erased: %v, %v", l, err)
			}
			must(t, tx.EraseItemRows(ctx, a))
			if n, _, err := tx.FingerprintCount(ctx); err != nil || n != 1 {
				t.Errorf("%d fingerprints are left, %v", n, err)
			}
			if err := tx.AddFingerprint(ctx, store.Fingerprint{Item: a, Derivative: e.derivative.ID, Version: 1, Runs: []byte("x")}); !errors.Is(err, archive.ErrConflict) {
				t.Errorf("a fingerprint of what is erased: %v", err)
			}
		})
	})
}
