package store_test

import (
	"bytes"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// What was taken out of the index is nowhere in the pages of the database, freed ones included.
func TestDroppedDocsLeaveNothing(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	var item archive.Item
	storetest.Write(t, db, func(tx *store.Tx) error {
		a := addAccession(t, tx)
		item = addItem(t, tx, a.ID, nil)
		other := addItem(t, tx, a.ID, nil)
		for i := range 300 {
			must(t, tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: newID(archive.PrefixNote), Item: other.ID, Text: "Обычный текст о камере и палате номер " + string(rune('а'+i%30)) + " zwei"}))
		}
		return tx.IndexDocs(ctx,
			store.Doc{Kind: store.DocNote, Ref: "no_1", Item: item.ID, Text: "канарейка Zwqkxcanary поёт Цвиркунчиковский", Name: true},
			store.Doc{Kind: store.DocTranscript, Ref: "tx_1", Item: item.ID, Text: "снова Zwqkxcanary"})
	})
	there := func() bool {
		must(t, db.Purge(ctx))
		pages, err := db.Plain(ctx)
		must(t, err)
		return bytes.Contains(pages, []byte("qkxcanar")) || bytes.Contains(pages, []byte("виркунчик"))
	}
	if !there() {
		t.Fatal("the words cannot be seen in the pages: the test sees nothing")
	}
	storetest.Write(t, db, func(tx *store.Tx) error { return tx.DropDocsOfItem(ctx, item.ID) })
	if there() {
		t.Error("words of a dropped document are still in the pages")
	}
}

func TestIndexDocsRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		storetest.Write(t, db, func(tx *store.Tx) error {
			a := addAccession(t, tx)
			item := addItem(t, tx, a.ID, nil)
			is(t, "no kind", tx.IndexDocs(ctx, store.Doc{Kind: "x", Ref: "a", Item: item.ID}), archive.ErrInvalid)
			is(t, "no reference", tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Item: item.ID}), archive.ErrInvalid)
			is(t, "of nothing", tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: "a"}), archive.ErrInvalid)
			is(t, "no such item", tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: "a", Item: newID(archive.PrefixItem)}), archive.ErrNotFound)
			for range 2 {
				must(t, tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: "a", Item: item.ID, Text: "It's \x00 a 'quoted' \\ text \xff P-203 Z3-000412"}))
			}
			must(t, tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: "a", Item: item.ID, Text: "something else"}))
			must(t, tx.DropDocs(ctx, store.DocNote, "a", "b"))
			return nil
		})
	})
}
