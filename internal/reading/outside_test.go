package reading_test

import (
	"context"
	"testing"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/reading"
	"zapis/internal/reading/readingtest"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// acts gives the whole chain of an item by index.
func acts(t *testing.T, w *readingtest.World, s *reading.Service, item string) map[int64]reading.Entry {
	t.Helper()
	out := map[int64]reading.Entry{}
	for before := int64(-1); ; {
		_, entries, older, err := s.Custody(t.Context(), w.Reader(archive.RoleAdmin, true), item, before, 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out[e.Index] = e
		}
		if older == 0 {
			return out
		}
		before = entries[0].Index
	}
}

// look opens the page of an item in a visit of its own and gives the index of that act.
func look(t *testing.T, w *readingtest.World, item string) int64 {
	t.Helper()
	w.Advance(2 * reading.VisitLength)
	if _, err := w.Reading.Item(t.Context(), w.Reader(archive.RoleAdmin, true), item); err != nil {
		t.Fatal(err)
	}
	return w.Size() - 1
}

func TestHowFarAnActHasGot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := readingtest.New(t, db)
		item := w.Items["ready"].ID
		first := look(t, w, item)
		if o := acts(t, w, w.Reading, item)[first].Outside; o.In || len(o.Checkpoints) > 0 {
			t.Fatalf("without a log an act is outside: %+v", o)
		}
		l := w.Log("one.example", "two.example")
		l.Begin()
		if o := acts(t, w, w.Reading, item)[first].Outside; o.In {
			t.Fatal("before the first tick an act is in the log")
		}
		l.Day()
		second := look(t, w, item)
		all := acts(t, w, w.Reading, item)
		o := all[first].Outside
		if !o.In || o.Broken || o.Position != 0 || o.Due.IsZero() || len(o.Checkpoints) != 1 || len(o.Checkpoints[0].Cosignatures) != 2 || !o.Checkpoints[0].Confirmed() {
			t.Fatalf("after the first tick: %+v", o)
		}
		if all[second].Outside.In {
			t.Fatal("an act after the tick is in it")
		}

		// A day on which a witness is silent and the authority gives nothing: no more than that is claimed, until a later day is whole.
		l.Silence("two.example", true)
		l.Stamp(anchor.StampFailed)
		l.Day()
		o = acts(t, w, w.Reading, item)[second].Outside
		if !o.In || o.Position != 1 || len(o.Checkpoints) != 1 || len(o.Checkpoints[0].Cosignatures) != 1 || o.Checkpoints[0].Confirmed() || o.Checkpoints[0].Stamps[0].State != anchor.StampFailed {
			t.Fatalf("on a bad day: %+v", o)
		}
		l.Stamp(anchor.StampPending)
		l.Day()
		if o = acts(t, w, w.Reading, item)[second].Outside; len(o.Checkpoints) != 2 || o.Checkpoints[1].Confirmed() || !o.Checkpoints[1].Stamps[0].At.IsZero() {
			t.Fatalf("a stamp that waits counts: %+v", o)
		}
		l.Silence("two.example", false)
		l.Stamp(anchor.StampConfirmed)
		l.Day()
		all = acts(t, w, w.Reading, item)
		if o = all[second].Outside; len(o.Checkpoints) != 3 || !o.Checkpoints[2].Confirmed() || len(o.Checkpoints[2].Cosignatures) != 2 {
			t.Fatalf("after a good day: %+v", o)
		}
		if o = all[first].Outside; o.Checkpoints[0].Size != 1 || !o.Checkpoints[0].Confirmed() || len(o.Checkpoints[0].Cosignatures) != 2 {
			t.Fatalf("the earliest confirmed head is not the first: %+v", o)
		}
	})
}

// Which tick took an act in first is remembered; what is remembered must be what the catalogue says, however it was asked.
func TestTheFirstTickIsTheOneShown(t *testing.T) {
	t.Parallel()
	w := world(t)
	item := w.Items["ready"].ID
	l := w.Log()
	l.Begin()
	for range 6 {
		look(t, w, item)
		look(t, w, item)
		l.Day()
		l.Day() // a day without anything
	}
	look(t, w, item)
	check := func(s *reading.Service, before int64, limit int) {
		t.Helper()
		_, entries, _, err := s.Custody(t.Context(), w.Reader(archive.RoleAdmin, true), item, before, limit)
		if err != nil {
			t.Fatal(err)
		}
		storetest.Read(t, w.DB, func(tx *store.Tx) error {
			for _, e := range entries {
				o, ok, err := tx.LogOpeningFor(context.Background(), e.Index)
				if err != nil {
					return err
				}
				if ok != e.Outside.In || ok && o.Position != e.Outside.Position {
					t.Errorf("act %d is shown in tick %d (%v), the first is %d (%v)", e.Index, e.Outside.Position, e.Outside.In, o.Position, ok)
				}
			}
			return nil
		})
	}
	size := w.Size()
	for _, order := range [][]int64{{-1, size / 2, 3}, {3, size / 2, -1}, {size / 2, 3, -1, size - 2}} {
		s, err := reading.New(w.ReadingOptions())
		if err != nil {
			t.Fatal(err)
		}
		for _, before := range order {
			for _, limit := range []int{1, 2, 5, 100} {
				check(s, before, limit)
				check(s, before, limit)
			}
		}
	}
	// What is appended later is found although the end was asked about before.
	l.Day()
	check(w.Reading, -1, 100)
}

// A tick that does not open to what the catalogue says of it vouches for nothing, and what does not match here is vouched for by
// nothing outside.
func TestABrokenTickVouchesForNothing(t *testing.T) {
	t.Parallel()
	w := world(t)
	item := w.Items["ready"].ID
	at := look(t, w, item)
	l := w.Log("one.example")
	l.Begin()
	l.Day()
	exec := func(text string, args ...any) {
		t.Helper()
		if _, err := w.DB.SQL().Exec(text, args...); err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	rows, err := w.DB.SQL().Query(`SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN ('log_tick', 'custody_opening')`)
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var n string
		if err := rows.Scan(&n); err != nil {
			t.Fatal(err)
		}
		names = append(names, n)
	}
	_ = rows.Close()
	for _, n := range names {
		exec(`DROP TRIGGER ` + n)
	}
	if o := acts(t, w, w.Reading, item)[at].Outside; !o.In || o.Broken {
		t.Fatalf("%+v", o)
	}
	exec(`UPDATE log_tick SET commitment = ? WHERE position = 0`, make([]byte, 32))
	if o := acts(t, w, w.Reading, item)[at].Outside; !o.Broken || len(o.Checkpoints) > 0 || !o.Due.IsZero() {
		t.Errorf("a tick that opens to something else is believed: %+v", o)
	}
	exec(`UPDATE custody_opening SET salt = ? WHERE position = ?`, make([]byte, 32), at)
	if e := acts(t, w, w.Reading, item)[at]; e.Proved || e.Outside.In {
		t.Errorf("an act that does not match is vouched for from outside: %+v", e.Outside)
	}
}

func TestSealIsShown(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w := readingtest.New(t, db)
		who := w.Reader(archive.RoleArchivist, false)
		page := func(item string) *reading.Seal {
			t.Helper()
			p, err := w.Reading.Item(t.Context(), who, item)
			if err != nil {
				t.Fatal(err)
			}
			return p.Seal
		}
		inside, outside := w.Items["ready"], w.Items["browsable"]
		if page(inside.ID) != nil {
			t.Fatal("an item of an open accession is shown as sealed")
		}
		l := w.Log()
		l.Begin()
		storetest.Write(t, db, func(tx *store.Tx) error {
			body := []byte(`{"format":"zapis scope"}`)
			st := store.Statement{ID: archive.NewID(archive.PrefixStatement), Kind: "scope", Body: body, SHA256: [32]byte{1}, Salt: [32]byte{2}, CreatedAt: w.Now(), CreatedBy: w.Program.ID, Tick: -1, Place: -1}
			if err := tx.AddStatement(context.Background(), st); err != nil {
				return err
			}
			closing := store.Closing{At: w.Now(), Receipt: []byte("{}"), ManifestSHA256: make([]byte, 32)}
			if err := tx.CloseAccession(context.Background(), w.Mine.ID, closing); err != nil {
				return err
			}
			s := store.AccessionSeal{Accession: w.Mine.ID, Root: [32]byte{3}, Files: 1, Bytes: inside.Size, Milliseconds: 2500, SealedAt: w.Now(), Statement: st.ID}
			return tx.AddAccessionSeal(context.Background(), s, []store.AccessionPlace{{Accession: w.Mine.ID, Item: inside.ID, Leaf: [32]byte{4}, Bytes: inside.Size, Milliseconds: 2500}})
		})
		s := page(inside.ID)
		if s == nil || s.Root != [32]byte{3} || s.Files != 1 || s.Milliseconds != 2500 || s.Tick != -1 || !s.Due.IsZero() {
			t.Fatalf("%+v", s)
		}
		if page(outside.ID) != nil {
			t.Error("an item that has no place in the seal is shown as sealed")
		}
		l.Day()
		a, err := w.Reading.Accession(t.Context(), who, w.Mine.ID, false)
		if err != nil || a.Seal == nil || a.Seal.Tick != 0 || !a.Seal.Due.Equal(time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)) {
			t.Fatalf("%+v %v", a.Seal, err)
		}
	})
}
