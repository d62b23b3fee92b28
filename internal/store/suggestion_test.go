package store_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// suggested counts suggestions, so that their identifiers are in the order of their making even within one millisecond.
var suggested atomic.Int64

func newSuggestion(item, kind, recipe, value string) archive.Suggestion {
	id := archive.NewIDFrom(archive.PrefixSuggestion, noon.Add(time.Duration(suggested.Add(1))*time.Millisecond), rand.Reader)
	return archive.Suggestion{ID: id, Item: item, Kind: kind, Score: 900, Recipe: recipe, RecipeVersion: 1, Tool: "t 1", Value: []byte(value), CreatedAt: noon}
}

func approve(t testing.TB, tx *store.Tx, item string) {
	t.Helper()
	r := request(item)
	must(t, tx.AddErasure(ctx, r))
	must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
}

func TestSuggestions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a, b := addAccession(t, tx), addAccession(t, tx)
			one, two := addItem(t, tx, a.ID, nil), addItem(t, tx, b.ID, nil)
			first, other := newSuggestion(one.ID, "clock", "clock", "first"), newSuggestion(one.ID, "clock", "other recipe", "other")
			must(t, tx.AddSuggestions(ctx, first, other, newSuggestion(two.ID, "clock", "clock", "two")))
			second := newSuggestion(one.ID, "clock", "clock", "second")
			must(t, tx.AddSuggestions(ctx, second)) // the first gives way, the other recipe stays
			list, err := tx.Suggestions(ctx, all, store.SuggestionQuery{Item: one.ID})
			must(t, err)
			if len(list) != 2 || list[0].ID != second.ID || list[1].ID != other.ID || !bytes.Equal(list[0].Value, []byte("second")) || list[0].State != archive.Suggested || !list[0].CreatedAt.Equal(noon) {
				t.Fatalf("%+v", list)
			}
			// What was decided is never replaced, and can be undone.
			must(t, tx.DecideSuggestion(ctx, second.ID, archive.Confirmed, "ag_1", "seen", noon))
			is(t, "decided twice", tx.DecideSuggestion(ctx, second.ID, archive.Dismissed, "ag_1", "", noon), archive.ErrConflict)
			must(t, tx.AddSuggestions(ctx, newSuggestion(one.ID, "clock", "clock", "third")))
			got, err := tx.Suggestion(ctx, all, second.ID)
			if err != nil || got.State != archive.Confirmed || got.DecidedBy != "ag_1" || got.Why != "seen" || !got.DecidedAt.Equal(noon) {
				t.Errorf("%+v, %v", got, err)
			}
			values, err := tx.ConfirmedValues(ctx, all, "clock", []string{one.ID, two.ID})
			if err != nil || len(values) != 1 || string(values[one.ID]) != "second" {
				t.Errorf("%q, %v", values, err)
			}
			must(t, tx.DecideSuggestion(ctx, second.ID, archive.Suggested, "", "", time.Time{}))
			is(t, "undone twice", tx.DecideSuggestion(ctx, second.ID, archive.Suggested, "", "", time.Time{}), archive.ErrConflict)
			if got, _ := tx.Suggestion(ctx, all, second.ID); got.State != archive.Suggested || !got.DecidedAt.IsZero() || got.Why != "" {
				t.Errorf("undone: %+v", got)
			}
			must(t, tx.DropSuggestions(ctx, one.ID, "clock", "clock"))
			if list, _ := tx.Suggestions(ctx, all, store.SuggestionQuery{Item: one.ID}); len(list) != 1 {
				t.Errorf("dropped: %+v", list)
			}
			// Only what the reader may see.
			narrow := archive.Scope{Accessions: []string{b.ID}, MaxDifficulty: -1}
			if list, err := tx.Suggestions(ctx, narrow, store.SuggestionQuery{}); err != nil || len(list) != 1 || list[0].Item != two.ID {
				t.Errorf("%+v, %v", list, err)
			}
			_, err = tx.Suggestion(ctx, narrow, other.ID)
			is(t, "out of scope", err, archive.ErrNotFound)
			if values, err := tx.SuggestionValues(ctx, a.ID, "clock", 9); err != nil || len(values) != 1 {
				t.Errorf("%q, %v", values, err)
			}
			approve(t, tx, one.ID)
			_, err = tx.Suggestion(ctx, all, other.ID)
			is(t, "on the way to be erased", err, archive.ErrNotFound)
			is(t, "no such one", tx.DecideSuggestion(ctx, newID(archive.PrefixSuggestion), archive.Confirmed, "ag_1", "", noon), archive.ErrNotFound)
			is(t, "nobody decides", tx.DecideSuggestion(ctx, other.ID, archive.Confirmed, "", "", noon), archive.ErrInvalid)
		})
	})
}

// Recording times set by a suggestion, and put back, with the roll-up right at every step.
func TestRecordingBySuggestion(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			was := noon.AddDate(0, 0, -40)
			it := addItem(t, tx, a.ID, func(i *archive.Item) {
				i.Kind, i.RecordedAt, i.RecordedSource, i.Duration, i.Camera = archive.KindVideo, was, "file-time", time.Hour, "C1"
			})
			g, h := newSuggestion(it.ID, "clock", "clock", "x"), newSuggestion(it.ID, "clock", "second", "y")
			must(t, tx.AddSuggestions(ctx, g, h))
			began := noon.AddDate(0, 0, -3).Truncate(time.Millisecond)
			must(t, tx.SetRecording(ctx, it.ID, g.ID, began, archive.RecordedByClock))
			is(t, "two clocks", tx.SetRecording(ctx, it.ID, h.ID, began, archive.RecordedByClock), archive.ErrConflict)
			is(t, "undo of another", tx.UndoRecording(ctx, it.ID, h.ID), archive.ErrConflict)
			got, err := tx.Item(ctx, all, it.ID)
			must(t, err)
			if !got.RecordedAt.Equal(began) || got.RecordedSource != archive.RecordedByClock || got.Camera != "C1" || got.Duration != time.Hour {
				t.Errorf("%+v", got)
			}
			noRollupFaults(t, tx)
			if set, err := tx.NoteRecordingBefore(ctx, it.ID, was.Add(time.Hour), "recorder"); err != nil || !set {
				t.Errorf("%v, %v", set, err)
			}
			must(t, tx.UndoRecording(ctx, it.ID, g.ID))
			if got, _ = tx.Item(ctx, all, it.ID); !got.RecordedAt.Equal(was.Add(time.Hour)) || got.RecordedSource != "recorder" {
				t.Errorf("put back: %+v", got)
			}
			noRollupFaults(t, tx)
			if set, err := tx.NoteRecordingBefore(ctx, it.ID, was, ""); err != nil || set {
				t.Errorf("nothing stands: %v, %v", set, err)
			}
			is(t, "no time", tx.SetRecording(ctx, it.ID, g.ID, time.Time{}, "clock"), archive.ErrInvalid)
		})
	})
}

func TestCoverageAndNumbers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a, b := addAccession(t, tx), addAccession(t, tx)
			at := func(accession, camera string, from time.Time, length time.Duration) archive.Item {
				return addItem(t, tx, accession, func(i *archive.Item) {
					i.Kind, i.RecordedAt, i.RecordedSource, i.Duration, i.Camera = archive.KindVideo, from, "recorder", length, camera
				})
			}
			one := at(a.ID, "C1", noon, time.Hour)
			two := at(a.ID, "C2", noon.Add(-30*time.Minute), 40*time.Minute)
			hidden := at(b.ID, "C1", noon.Add(2*time.Hour), time.Hour)
			addItem(t, tx, a.ID, nil) // no recording time
			narrow := archive.Scope{Accessions: []string{a.ID}, MaxDifficulty: -1}
			q := store.CoverageQuery{From: noon, To: noon.Add(3 * time.Hour)}
			list, err := tx.Coverage(ctx, narrow, q, 9)
			must(t, err)
			if len(list) != 2 || list[0].Item != one.ID || list[1].Item != two.ID || !list[1].To().Equal(noon.Add(10*time.Minute)) {
				t.Errorf("%+v", list)
			}
			if list, err = tx.Coverage(ctx, all, q, 9); err != nil || len(list) != 3 || list[1].Item != hidden.ID {
				t.Errorf("%+v, %v", list, err)
			}
			q.From = noon.Add(11 * time.Minute) // the second has ended by then
			if list, err = tx.Coverage(ctx, narrow, q, 9); err != nil || len(list) != 1 {
				t.Errorf("%+v, %v", list, err)
			}
			cameras, err := tx.CoveredCameras(ctx, narrow, store.CoverageQuery{})
			if err != nil || len(cameras) != 2 || cameras[0].Camera != "C1" || !cameras[0].Last.Equal(noon.Add(time.Hour)) || cameras[0].Items != 1 {
				t.Errorf("%+v, %v", cameras, err)
			}
			first, last, err := tx.CoverageSpan(ctx, narrow, store.CoverageQuery{Cameras: []string{"C1"}})
			if err != nil || !first.Equal(noon) || !last.Equal(noon) {
				t.Errorf("%v %v %v", first, last, err)
			}
			series := bytes.Repeat([]byte{7}, 32)
			for i, it := range []archive.Item{one, two, hidden} {
				n := store.FileNumber{Item: it.ID, Series: series, Number: int64(40 + i)}
				must(t, tx.SetFileNumbers(ctx, it.ID, []store.FileNumber{n, n}))
				must(t, tx.SetFileNumbers(ctx, it.ID, []store.FileNumber{n}))
			}
			numbers, err := tx.FileNumbers(ctx, narrow, "", nil, 9)
			if err != nil || len(numbers) != 2 || numbers[0].Number != 40 || numbers[0].Item != one.ID || !bytes.Equal(numbers[0].Series, series) {
				t.Errorf("%+v, %v", numbers, err)
			}
			if rest, err := tx.FileNumbers(ctx, all, "", &numbers[1], 9); err != nil || len(rest) != 1 || rest[0].Number != 42 {
				t.Errorf("%+v, %v", rest, err)
			}
			if of, err := tx.FileNumbers(ctx, all, b.ID, nil, 9); err != nil || len(of) != 1 {
				t.Errorf("%+v, %v", of, err)
			}
			approve(t, tx, one.ID)
			if list, _ := tx.Coverage(ctx, all, store.CoverageQuery{}, 9); len(list) != 2 {
				t.Errorf("on the way to be erased: %+v", list)
			}
			if n, _ := tx.FileNumbers(ctx, all, "", nil, 9); len(n) != 2 {
				t.Errorf("on the way to be erased: %+v", n)
			}
			if ids, err := tx.WithoutSuggestion(ctx, "clock", "", 9); err != nil || len(ids) != 0 {
				t.Errorf("not looked at by anybody yet: %v, %v", ids, err) // sealed only
			}
		})
	})
}

// With an item everything goes that was read out of it or its names.
func TestErasureTakesSuggestions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			a := addAccession(t, tx)
			gone, stays := addItem(t, tx, a.ID, nil), addItem(t, tx, a.ID, nil)
			for _, it := range []archive.Item{gone, stays} {
				g := newSuggestion(it.ID, "clock", "clock", `{"canary":1}`)
				must(t, tx.AddSuggestions(ctx, g))
				must(t, tx.DecideSuggestion(ctx, g.ID, archive.Confirmed, "ag_1", "canary", noon))
				must(t, tx.SetRecording(ctx, it.ID, g.ID, noon, archive.RecordedByClock))
				must(t, tx.SetFileNumbers(ctx, it.ID, []store.FileNumber{{Item: it.ID, Series: bytes.Repeat([]byte{9}, 32), Number: 4711}}))
			}
			approve(t, tx, gone.ID)
			must(t, tx.EraseItemRows(ctx, gone.ID))
			if values, _ := tx.ConfirmedValues(ctx, all, "clock", []string{stays.ID}); len(values) != 1 {
				t.Error("the neighbour lost its own")
			}
			noRollupFaults(t, tx)
			is(t, "suggestion about an erased item", tx.AddSuggestions(ctx, newSuggestion(gone.ID, "clock", "clock", "x")), archive.ErrConflict)
			is(t, "number of an erased item", tx.SetFileNumbers(ctx, gone.ID, nil), archive.ErrConflict)
			return nil
		}))
		for _, table := range []string{"suggestion", "recording_before", "file_number"} {
			if n := count(t, db, `SELECT COUNT(*) FROM `+table); n != 1 {
				t.Errorf("%d rows in %s", n, table)
			}
		}
	})
}

func TestMigration0005(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		bytes := `X'` + strings.Repeat("ab", 32) + `'`
		if engine == store.PostgreSQL {
			bytes = `'\x` + strings.Repeat("ab", 32) + `'::bytea`
		}
		sql := func(s string) string { return strings.ReplaceAll(s, "X32", bytes) }
		var statements []string
		for _, s := range before0002 {
			statements = append(statements, sql(s))
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0001", statements...))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		const row = `INSERT INTO suggestion (id, item_id, kind, score, recipe, recipe_version, tool, value, state, created_at, decided_at, decided_by) VALUES `
		for statement, goes := range map[string]bool{
			row + `('su_1', 'it_1', 'clock', 900, 'clock', 1, 't', X32, 'suggested', 1, NULL, NULL)`:                true,
			row + `('su_2', 'it_1', 'clock', 900, 'clock', 1, 't', X32, 'confirmed', 1, 2, 'ag_1')`:                 true,
			row + `('su_3', 'it_1', 'clock', 900, 'clock', 1, 't', X32, 'confirmed', 1, NULL, NULL)`:                false,
			row + `('su_4', 'it_1', 'clock', 900, 'clock', 1, 't', X32, 'suggested', 1, 2, 'ag_1')`:                 false,
			row + `('su_5', 'it_1', 'clock', 1001, 'clock', 1, 't', X32, 'suggested', 1, NULL, NULL)`:               false,
			row + `('su_6', 'it_none', 'clock', 900, 'clock', 1, 't', X32, 'suggested', 1, NULL, NULL)`:             false,
			`INSERT INTO file_number (item_id, series, number) VALUES ('it_1', X32, 42)`:                            true,
			`INSERT INTO file_number (item_id, series, number) VALUES ('it_1', X32, -1)`:                            false,
			`INSERT INTO file_number (item_id, series, number) VALUES ('it_none', X32, 42)`:                         false,
			`INSERT INTO recording_before (item_id, suggestion_id, recorded_source) VALUES ('it_1', 'su_none', '')`: false,
		} {
			if err := try(db, sql(statement)); (err == nil) != goes {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}
