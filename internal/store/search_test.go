package store_test

import (
	"bytes"
	"fmt"
	"strings"
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

func TestMigration0004(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		doc := `INSERT INTO search_doc (n, kind, ref, part, accession_no, item_no, entity_id, claim_id, compartment, at, from_us, to_us, lang, name, analyzer) VALUES `
		for values, goes := range map[string]bool{
			`(1, 1, 'a', 0, 1, 1, '', '', '', 0, 0, 0, '', 0, 1)`:     true,
			`(2, 1, 'a', 0, 1, 1, '', '', '', 0, 0, 0, '', 0, 1)`:     false, // twice
			`(3, 9, 'b', 0, 1, 1, '', '', '', 0, 0, 0, '', 0, 1)`:     false, // no kind
			`(4, 1, '', 0, 1, 1, '', '', '', 0, 0, 0, '', 0, 1)`:      false, // of no reference
			`(5, 1, 'c', 0, 0, 0, '', '', '', 0, 0, 0, '', 0, 1)`:     false, // of nothing
			`(6, 1, 'd', 0, 1, 0, '', '', '', 0, 0, 0, '', 0, 1)`:     false, // of half an item
			`(7, 5, 'e', 0, 0, 0, 'kn_1', '', '', 0, 0, 0, '', 2, 1)`: false,
			`(8, 5, 'f', 0, 0, 0, 'kn_1', '', '', 0, 0, 0, '', 1, 1)`: true,
		} {
			if values[1] == '2' {
				continue // asked below, in order
			}
			if err := try(db, doc+values); (err == nil) != goes {
				t.Errorf("%s: %v", values, err)
			}
		}
		if err := try(db, doc+`(1, 1, 'a', 0, 1, 1, '', '', '', 0, 0, 0, '', 0, 1), (2, 1, 'a', 0, 1, 1, '', '', '', 0, 0, 0, '', 0, 1)`); err == nil {
			t.Error("one document twice")
		}
		if err := try(db, `INSERT INTO search_text (n, text) VALUES (99, 'of no document')`); err == nil {
			t.Error("a text of no document")
		}
	})
}

// Words that nothing has any more are known nowhere, and those that something else has stay.
func TestWordsGoWithTheLastText(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var first, second archive.Item
		storetest.Write(t, db, func(tx *store.Tx) error {
			a := addAccession(t, tx)
			first, second = addItem(t, tx, a.ID, nil), addItem(t, tx, a.ID, nil)
			return tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: "a", Item: first.ID, Text: "канарейка Осечкин", Name: true}, store.Doc{Kind: store.DocNote, Ref: "b", Item: second.ID, Text: "Осечкин пришёл"})
		})
		known := func(begun string) (n int) {
			storetest.Read(t, db, func(tx *store.Tx) error {
				terms, err := tx.TermsFrom(ctx, begun, 10)
				n = len(terms)
				return err
			})
			return n
		}
		sound := func(word string) (n int) {
			storetest.Read(t, db, func(tx *store.Tx) error {
				terms, err := tx.SoundAlike(ctx, word, 10)
				n = len(terms)
				return err
			})
			return n
		}
		if known("канар") != 1 || known("осеч") != 1 || sound("osechkin") != 1 || sound("kanareyk") != 1 {
			t.Fatal("words are not known", known("канар"), known("осеч"), sound("osechkin"), sound("kanareyk"))
		}
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.DropDocsOfItem(ctx, first.ID) })
		must(t, db.Purge(ctx))
		if known("канар") != 0 || known("осеч") != 1 || sound("osechkin") != 1 || sound("kanareyk") != 0 {
			t.Error("after dropping", known("канар"), known("осеч"), sound("osechkin"), sound("kanareyk"))
		}
		// A word that comes again is known again, although it was known before.
		storetest.Write(t, db, func(tx *store.Tx) error {
			return tx.IndexDocs(ctx, store.Doc{Kind: store.DocNote, Ref: "c", Item: second.ID, Text: "канарейка"})
		})
		if known("канар") != 1 {
			t.Error("a word that came again is not known")
		}
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.ReindexAll(ctx, nil) })
		if known("канар") != 1 || known("осеч") != 1 {
			t.Error("words are lost when the index is made anew")
		}
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}

// Long texts are found in every part, and a phrase across the places where they are cut.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var words []string
		for i := range 9000 {
			words = append(words, fmt.Sprintf("слово%d", i))
		}
		for range 400 {
			words = append(words, "часто")
		}
		text := strings.Join(words, " ")
		storetest.Write(t, db, func(tx *store.Tx) error {
			a := addAccession(t, tx)
			item := addItem(t, tx, a.ID, nil)
			return tx.IndexDocs(ctx, store.Doc{Kind: store.DocOCR, Ref: "a", Item: item.ID, Text: text})
		})
		storetest.Read(t, db, func(tx *store.Tx) error {
			for _, at := range []int{0, 4031, 4032, 4095, 4096, 8063, 8127, 8128, 8998} {
				hits, err := tx.Search(ctx, all, store.Condition{Op: store.HasText, Phrases: []store.Phrase{{Words: [][]string{{words[at]}, {words[at+1]}}}}}, 10)
				must(t, err)
				if len(hits) == 0 {
					t.Errorf("%s %s is not found", words[at], words[at+1])
				}
			}
			return nil
		})
		storetest.Write(t, db, func(tx *store.Tx) error { return tx.DropDocs(ctx, store.DocOCR, "a") })
		storetest.Read(t, db, func(tx *store.Tx) error {
			terms, err := tx.TermsFrom(ctx, "с", 10)
			if len(terms) > 0 {
				t.Errorf("left: %v", terms)
			}
			return err
		})
	})
}

// On PostgreSQL a question is planned by its words, and what is put in by the size that the tables have by then.
func TestSearchIsPlannedByItsWords(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.PostgreSQL)
	planned := func(tx *store.Tx) string {
		mode, err := store.SettingOf(ctx, tx, "plan_cache_mode")
		must(t, err)
		return mode
	}
	storetest.Write(t, db, func(tx *store.Tx) error {
		before := planned(tx)
		must(t, tx.IndexDocs(ctx))
		if during := planned(tx); before != "auto" || during != "force_custom_plan" {
			t.Errorf("documents are put in with plans of the kind %q, other things with %q", during, before)
		}
		return nil
	})
	storetest.Read(t, db, func(tx *store.Tx) error {
		_, err := tx.Search(ctx, archive.Scope{All: true, MaxDifficulty: -1}, store.Condition{}, 10)
		must(t, err)
		join, err := store.SettingOf(ctx, tx, "enable_hashjoin")
		must(t, err)
		if during := planned(tx); during != "force_custom_plan" || join != "off" {
			t.Errorf("a question is answered with plans of the kind %q, joining all documents: %s", during, join)
		}
		return nil
	})
}
