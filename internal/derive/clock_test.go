package derive

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/clock"
	"zapis/internal/store"
)

func (r *rig) clock(id string) error {
	return r.service().Clock(r.t.Context(), job.Job[job.Clock]{ID: 2, Args: job.Clock{Item: id}, Attempt: 1, MaxAttempts: 5})
}

func (r *rig) suggestions(id string) (out []archive.Suggestion) {
	r.t.Helper()
	r.read(func(tx *store.Tx) (err error) {
		out, err = tx.Suggestions(r.t.Context(), everything, store.SuggestionQuery{Item: id})
		return err
	})
	return out
}

func goodClock(order clock.Order, by string) media.Clock {
	var samples []clock.Sample
	for i := range 40 {
		at := 0.9 * float64(i)
		samples = append(samples, clock.Sample{At: at, Options: []int{50400 + int(at)}})
	}
	run, ok := clock.Fit(samples, false)
	if !ok {
		panic("no line through a perfect clock")
	}
	d := clock.Day{Date: time.Date(2020, 7, 27, 0, 0, 0, 0, time.UTC), Order: order, By: by, Votes: 5, Lines: 5}
	return media.Clock{Found: true, Run: run, Day: d, Value: clock.NewValue(run, d, [4]int{}, 0, 0.9),
		Report: media.Report{Tool: tool}, Reader: media.Tool{Name: "tesseract", Version: "5.3.0"}}
}

// What is read becomes one suggestion, however often the job is done, with its event; the item itself stays as it is.
func TestClockIsSuggestedOnce(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{store.SQLite, store.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, engine)
			it := r.item([]byte("film"), `{"extension":"avi","path":"`+"Y2gwMS8wMDQyLmF2aQ=="+`"}`)
			if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
				t.Fatal(err)
			}
			r.read(func(tx *store.Tx) error {
				if v, _, err := tx.Setting(t.Context(), "clock."+it.ID); err != nil || v != "clock" {
					t.Errorf("the full pass asked for %q, %v", v, err)
				}
				n, err := tx.FileNumbers(t.Context(), everything, "", nil, 9)
				if err != nil || len(n) != 1 || n[0].Number != 42 || n[0].Item != it.ID {
					t.Errorf("numbers %+v, %v", n, err)
				}
				return nil
			})
			before := r.state(it.ID)
			r.media.clock = goodClock(clock.DMY, clock.ByValues)
			if err := errors.Join(r.clock(it.ID), r.clock(it.ID)); err != nil {
				t.Fatal(err)
			}
			list := r.suggestions(it.ID)
			if len(list) != 1 || list[0].Kind != clock.Kind || list[0].Score != 1000 || list[0].State != archive.Suggested || !strings.Contains(list[0].Tool, "tesseract 5.3.0") {
				t.Fatalf("%+v", list)
			}
			after := r.sound(it.ID)
			if !after.item.RecordedAt.Equal(before.item.RecordedAt) || after.item.RecordedSource != before.item.RecordedSource || after.item.State != before.item.State {
				t.Error("a suggestion changed the item")
			}
			if after.eventsOf(archive.EventAnalysis, archive.Success) != 2 || after.completed["completed.2"] != "yes" {
				t.Error("events or the end of the job are missing")
			}
			if r.leftovers() != 0 {
				t.Error("something was sealed")
			}
			// A later look that finds nothing takes back what nobody has decided on.
			r.media.clock = media.Clock{}
			if err := r.clock(it.ID); err != nil || len(r.suggestions(it.ID)) != 0 {
				t.Errorf("%v, %v", err, r.suggestions(it.ID))
			}
		})
	}
}

// A confirmed clock is never overwritten: neither by a later reading nor by a quick pass made anew.
func TestConfirmedClockStands(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film"), "")
	r.media.clock = goodClock(clock.DMY, clock.ByValues)
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1), r.clock(it.ID)); err != nil {
		t.Fatal(err)
	}
	g := r.suggestions(it.ID)[0]
	began := time.Date(2020, 7, 27, 14, 0, 0, 0, time.UTC)
	r.write(func(tx *store.Tx) error {
		if err := tx.DecideSuggestion(t.Context(), g.ID, archive.Confirmed, softwareAgent, "", time.Now()); err != nil {
			return err
		}
		return tx.SetRecording(t.Context(), it.ID, g.ID, began, archive.RecordedByClock)
	})
	if err := r.clock(it.ID); err != nil {
		t.Fatal(err)
	}
	list := r.suggestions(it.ID)
	if len(list) != 2 || list[1].ID != g.ID || list[1].State != archive.Confirmed {
		t.Errorf("%+v", list)
	}
	r.write(func(tx *store.Tx) error { // as after an update of the program
		for _, recipe := range quickPass.recipes {
			if _, err := tx.ReplaceRecipe(t.Context(), it.ID, recipe.Name, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	r.media.probe.RecorderClock = 1500000000
	if err := r.quick(it.ID, 1); err != nil {
		t.Fatal(err)
	}
	if s := r.state(it.ID); !s.item.RecordedAt.Equal(began) || s.item.RecordedSource != archive.RecordedByClock {
		t.Errorf("%v by %q", s.item.RecordedAt, s.item.RecordedSource)
	}
	// Undone, it is what the passes know by now.
	r.write(func(tx *store.Tx) error { return tx.UndoRecording(t.Context(), it.ID, g.ID) })
	if s := r.state(it.ID); s.item.RecordedAt.Unix() != 1500000000 || s.item.RecordedSource != fromRecorder {
		t.Errorf("%v by %q", s.item.RecordedAt, s.item.RecordedSource)
	}
}

// The order of dates in other recordings of the accession is handed on.
func TestClocksOfAnAccessionShareTheirOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	for i, c := range []media.Clock{goodClock(clock.MDY, clock.ByValues), goodClock(clock.MDY, clock.BySpelling), goodClock(clock.DMY, clock.ByNobody), goodClock(clock.DMY, clock.ByFolder)} {
		it := r.item([]byte{byte(i), 2, 3}, "")
		r.media.clock = c
		if err := errors.Join(r.quick(it.ID, 1), r.clock(it.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if r.media.clockAsk.Known != clock.MDY {
		t.Errorf("told %q", r.media.clockAsk.Known)
	}
	if d := time.Until(r.media.clockAsk.Latest); d < 20*time.Hour || d > 25*time.Hour {
		t.Errorf("latest in %v", d)
	}
}

func TestClockFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film"), "")
	r.media.unread = true
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
		t.Fatal(err)
	}
	r.read(func(tx *store.Tx) error {
		if v, _, _ := tx.Setting(t.Context(), "clock."+it.ID); v != "" {
			t.Error("asked for where nothing can read")
		}
		return nil
	})
	r.media.clockErr = media.ErrDamaged
	if err := r.clock(it.ID); err != nil {
		t.Fatal(err)
	}
	if s := r.state(it.ID); s.item.State != archive.ItemReady || s.item.Reason != "" || s.eventsOf(archive.EventDerivation, archive.Failure) != 1 {
		t.Errorf("%+v", s.item)
	}
	r.media.clockErr = media.ErrNoTool
	if err := r.clock(it.ID); err == nil {
		t.Error("a missing program is no matter of the material, and done")
	}
	if err := r.clock("it_x"); !errors.Is(err, job.ErrCancel) {
		t.Errorf("%v", err)
	}
}

func TestSequenceNumbers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		series string
		number int64
	}{
		"MOV_0042.MP4":                 {"MOV_#.mp4", 42},
		"MOV_0043.mp4":                 {"MOV_#.mp4", 43},
		"ch03_20200727140233_0099.dav": {"ch03_@_#.dav", 99},
		"ch03_20200728_140233_100.dav": {"ch03_@_@_#.dav", 100},
		"7.avi":                        {"#.avi", 7},
		"00000123.avi":                 {"#.avi", 123},
		"rec-001-000045.avi":           {"rec-001-#.avi", 45},
		"holiday.avi":                  {},
		"ch03_20200727140233.dav":      {},
		"20200727.avi":                 {},
		"1595858553123.avi":            {},
		"cam 2.avi":                    {},
		"":                             {},
	} {
		series, number, ok := sequence(name)
		if ok != (want.series != "") || ok && (series != want.series || number != want.number) {
			t.Errorf("%s: %q %d %v", name, series, number, ok)
		}
	}
}

// Nothing of a name leaves its seal but the number, and series of different folders, accessions and keys are kept apart.
func TestSeriesAreKeyedHashes(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	s := r.service()
	of := func(accession, root, p string) store.FileNumber {
		t.Helper()
		n, ok := s.number("it_1", accession, archive.Origin{Root: []byte(root), Path: []byte(p)})
		if !ok || len(n.Series) != 32 || bytes.Contains(n.Series, []byte("Ivanov")) {
			t.Fatalf("%+v %v", n, ok)
		}
		return n
	}
	a, b := of("ac_1", "/disk", "Ivanov/0041.avi"), of("ac_1", "/disk", "Ivanov/0042.avi")
	if !bytes.Equal(a.Series, b.Series) || a.Number != 41 || b.Number != 42 {
		t.Errorf("%+v %+v", a, b)
	}
	for _, other := range []store.FileNumber{of("ac_2", "/disk", "Ivanov/0041.avi"), of("ac_1", "/disk", "Petrov/0041.avi"), of("ac_1", "/", "Ivanov/0041.avi"), of("ac_1", "/disk", "Ivanov/x0041.avi")} {
		if bytes.Equal(a.Series, other.Series) {
			t.Error("two series are one")
		}
	}
}
