package store_test

import (
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func newNote(item, body string) store.NewNote {
	return store.NewNote{Key: newID("key"), Note: archive.Note{
		ID: newID(archive.PrefixNote), Item: item, FrameFrom: 10, FrameTo: 20, From: 400 * time.Millisecond, To: 800001 * time.Microsecond,
		Region: archive.Region{X: 1, Y: 2, W: 999_999, H: 999_998}, Body: body, Tag: "tag:door", Lang: "ru", Author: "ag_1", CreatedAt: noon,
	}}
}

// count asks past this package.
func count(t testing.TB, db *store.DB, query string) (n int64) {
	t.Helper()
	if db.SQL() != nil {
		must(t, db.SQL().QueryRow(query).Scan(&n))
	} else {
		must(t, db.Pool().QueryRow(ctx, query).Scan(&n))
	}
	return n
}

func TestNotes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			acc := addAccession(t, tx)
			item := addItem(t, tx, acc.ID, nil)
			n := newNote(item.ID, "дверь")
			must(t, tx.AddNotes(ctx, n))
			got, err := tx.Note(ctx, all, n.ID)
			must(t, err)
			want := n.Note
			want.Version, want.ChangedAt = 1, noon
			if got != want {
				t.Errorf("came back as\n%+v, put in as\n%+v", got, want)
			}
			if again, err := tx.NoteByKey(ctx, all, "ag_1", n.Key); err != nil || again != got {
				t.Errorf("by key: %+v, %v", again, err)
			}
			_, err = tx.NoteByKey(ctx, all, "ag_2", n.Key)
			is(t, "another author's key", err, archive.ErrNotFound)

			// What is outside the scope is not there, whichever way it is asked for.
			for name, s := range map[string]archive.Scope{
				"nothing":           {},
				"another accession": {Accessions: []string{newID(archive.PrefixAccession)}, MaxDifficulty: -1},
			} {
				_, err = tx.Note(ctx, s, n.ID)
				is(t, name, err, archive.ErrNotFound)
				_, err = tx.NoteByKey(ctx, s, "ag_1", n.Key)
				is(t, name+" by key", err, archive.ErrNotFound)
				if list, err := tx.Notes(ctx, s, item.ID); err != nil || len(list) > 0 {
					t.Errorf("%s lists %v, %v", name, list, err)
				}
				if list, err := tx.NoteVersions(ctx, s, n.ID); err != nil || len(list) > 0 {
					t.Errorf("%s lists versions %v, %v", name, list, err)
				}
			}

			change := got
			change.Body, change.FrameTo, change.ChangedAt, change.Author, change.Item = "door", 25, noon.Add(time.Hour), "ag_other", "it_other"
			second, err := tx.ChangeNote(ctx, change)
			must(t, err)
			if second.Version != 2 || second.Author != "ag_1" || second.Item != item.ID || second.Body != "door" {
				t.Errorf("changed to %+v", second)
			}
			if now, err := tx.Note(ctx, all, n.ID); err != nil || now != second {
				t.Errorf("%+v, %v", now, err)
			}
			versions, err := tx.NoteVersions(ctx, all, n.ID)
			must(t, err)
			if len(versions) != 2 || versions[0] != want || versions[1] != second {
				t.Errorf("versions %+v", versions)
			}

			first, err := tx.DeleteNote(ctx, n.ID, noon)
			must(t, err)
			twice, err := tx.DeleteNote(ctx, n.ID, noon)
			must(t, err)
			if !first || twice {
				t.Errorf("deleted %v, again %v", first, twice)
			}
			if list, err := tx.Notes(ctx, all, item.ID); err != nil || len(list) != 1 || !list[0].DeletedAt.Equal(noon) || list[0].Body != "door" {
				t.Errorf("after deleting: %+v, %v", list, err)
			}
			back, err := tx.DeleteNote(ctx, n.ID, time.Time{})
			must(t, err)
			if !back {
				t.Error("was not brought back")
			}

			_, err = tx.Reaction(ctx, "ag_1")
			is(t, "no setting", err, archive.ErrNotFound)
			must(t, tx.SetReaction(ctx, "ag_1", 250*time.Millisecond, noon))
			must(t, tx.SetReaction(ctx, "ag_1", 0, noon))
			if d, err := tx.Reaction(ctx, "ag_1"); err != nil || d != 0 {
				t.Errorf("%v, %v", d, err)
			}
		})
		// An error ends a transaction, so each of these has its own.
		inTx(t, db, func(tx *store.Tx) {
			item := addItem(t, tx, addAccession(t, tx).ID, nil)
			n := newNote(item.ID, "a")
			must(t, tx.AddNotes(ctx, n))
			stale := n.Note
			stale.Version = 7
			_, err := tx.ChangeNote(ctx, stale)
			is(t, "stale version", err, archive.ErrConflict)
			n.ID = newID(archive.PrefixNote)
			is(t, "same key", tx.AddNotes(ctx, n), archive.ErrExists)
		})
	})
}

// What a program that is wrong or hostile could do to a note past this package.
func TestNotesKeepWhatWasWritten(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			return tx.AddNotes(ctx, newNote(addItem(t, tx, addAccession(t, tx).ID, nil).ID, "a"))
		}))
		for _, statement := range []string{
			`DELETE FROM note_version`, `UPDATE note_version SET body = 'b'`, `UPDATE note SET author = 'ag_2'`, `UPDATE note SET created_at = 1`,
			`UPDATE note SET version = version + 2`, `UPDATE note SET version = 0`,
		} {
			if err := try(db, statement); err == nil || !strings.Contains(err.Error(), "insert-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		for _, statement := range []string{
			`DELETE FROM note`, `UPDATE note SET frame_to = frame_from - 1`, `UPDATE note SET to_us = from_us - 1`, `UPDATE note SET region_w = 1000000`,
		} {
			if err := try(db, statement); err == nil {
				t.Errorf("went through: %s", statement)
			}
		}
	})
}

func TestErasingTakesNotesAlong(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			acc := addAccession(t, tx)
			gone, stays := addItem(t, tx, acc.ID, nil), addItem(t, tx, acc.ID, nil)
			a, b := newNote(gone.ID, "canary"), newNote(stays.ID, "other")
			must(t, tx.AddNotes(ctx, a, b))
			change := a.Note
			change.Version, change.Body, change.ChangedAt = 1, "second canary", noon
			_, err := tx.ChangeNote(ctx, change)
			must(t, err)
			r := request(gone.ID)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			must(t, tx.EraseItemRows(ctx, gone.ID))
			if list, err := tx.Notes(ctx, all, stays.ID); err != nil || len(list) != 1 {
				t.Errorf("neighbour: %v, %v", list, err)
			}
			return nil
		}))
		for _, table := range []string{"note", "note_version"} {
			if n := count(t, db, `SELECT COUNT(*) FROM `+table+` WHERE body LIKE '%canary%'`); n != 0 {
				t.Errorf("%d rows left in %s", n, table)
			}
			if n := count(t, db, `SELECT COUNT(*) FROM `+table); n != 1 {
				t.Errorf("%d rows of the neighbour in %s", n, table)
			}
		}
	})
}

func TestMigration0007(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		bytes := `X'` + strings.Repeat("ab", 32) + `'`
		if engine == store.PostgreSQL {
			bytes = `'\x` + strings.Repeat("ab", 32) + `'::bytea`
		}
		var statements []string
		for _, s := range before0002[:6] {
			statements = append(statements, strings.ReplaceAll(s, "X32", bytes))
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0006", statements...))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		const columns = `INSERT INTO note (id, item_id, author, author_key, version, frame_from, frame_to, from_us, to_us, region_x, region_y, region_w, region_h, page, body, tag, lang, created_at, changed_at) VALUES `
		for statement, goes := range map[string]bool{
			columns + `('no_1', 'it_1', 'ag_1', 'k1', 1, -1, -1, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, 1)`:           true,
			columns + `('no_2', 'it_none', 'ag_1', 'k2', 1, -1, -1, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, 1)`:        false,
			columns + `('no_3', 'it_1', '', 'k3', 1, -1, -1, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, 1)`:               false,
			columns + `('no_4', 'it_1', 'ag_1', 'k4', 0, -1, -1, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, 1)`:           false,
			columns + `('no_5', 'it_1', 'ag_1', 'k5', 1, 3, 2, 0, 0, 0, 0, 0, 0, 0, '', '', '', 1, 1)`:             false,
			columns + `('no_6', 'it_1', 'ag_1', 'k6', 1, -1, -1, 0, 0, 600000, 0, 600000, 0, 0, '', '', '', 1, 1)`: false,
			`INSERT INTO note_person (agent_id, reaction, changed_at) VALUES ('ag_1', 3000000, 1)`:                 false,
			`INSERT INTO note_person (agent_id, reaction, changed_at) VALUES ('ag_1', 300000, 1)`:                  true,
		} {
			if err := try(db, statement); (err == nil) != goes {
				t.Errorf("%s: %v", statement, err)
			}
		}
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}
