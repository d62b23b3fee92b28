package machine

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media/clock"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

var noon = time.Date(2020, 7, 27, 12, 0, 0, 0, time.UTC)

type rig struct {
	t    *testing.T
	db   *store.DB
	s    *Service
	jobs *queue
	a, b archive.Accession
	n    int
}

type queue struct{ items []string }

func (q *queue) EnqueueTx(_ context.Context, _ *store.Tx, a job.Args, _ job.Opts) error {
	q.items = append(q.items, a.(job.Clock).Item)
	return nil
}

func newRig(t *testing.T, engine string) *rig {
	t.Helper()
	r := &rig{t: t, db: storetest.Open(t, engine), jobs: &queue{}}
	s, err := New(Options{DB: r.db, Custody: custody.New(custody.Options{Tool: "zapis test"}), Jobs: r.jobs, Now: func() time.Time { return noon.AddDate(1, 0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	r.s = s
	r.write(func(tx *store.Tx) error {
		for _, a := range []*archive.Accession{&r.a, &r.b} {
			if *a, err = tx.AddAccession(t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "x", CreatedAt: noon, CreatedBy: "ag_1"}); err != nil {
				return err
			}
		}
		return nil
	})
	return r
}

func (r *rig) write(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Read(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) film(accession, camera string, from time.Time, length time.Duration) archive.Item {
	r.t.Helper()
	r.n++
	sum := sha256.Sum256(fmt.Append(nil, r.n))
	o := vault.Object{ID: archive.NewID(archive.PrefixObject), Envelope: archive.NewID(archive.PrefixEnvelope), Size: 9, SHA256: sum}
	it := archive.Item{ID: archive.NewID(archive.PrefixItem), Accession: accession, Size: 9, SHA256: sum[:], Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope},
		Kind: archive.KindVideo, State: archive.ItemReady, ReceivedAt: noon.AddDate(0, 1, 0), RecordedAt: from, RecordedSource: "recorder", Duration: length, Camera: camera, Difficulty: -1}
	r.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(r.t.Context(), vault.Commit{Envelope: o.Envelope, Objects: []vault.Object{o}}, store.ObjectOriginal); err != nil {
			return err
		}
		return tx.AddItem(r.t.Context(), &it)
	})
	return it
}

// value is a clock that began at start seconds of its first day, with cuts.
func value(start float64, d clock.Day, jumps ...clock.Jump) clock.Value {
	run := clock.Run{Rate: 1, Segments: []clock.Segment{{From: 0, To: 3600, Start: start, Rate: 1, N: 9}}, Jumps: jumps, Readings: []clock.Reading{{At: 0, Clock: int(start), OK: true}}}
	return clock.NewValue(run, d, [4]int{}, 0, 0.9)
}

func onDate(order clock.Order, by string, others ...clock.Choice) clock.Day {
	return clock.Day{Date: time.Date(2020, 7, 5, 0, 0, 0, 0, time.UTC), Order: order, By: by, Others: others}
}

func (r *rig) suggest(item string, v clock.Value) string {
	r.t.Helper()
	g := archive.Suggestion{ID: archive.NewID(archive.PrefixSuggestion), Item: item, Kind: clock.Kind, Score: 900, Recipe: "clock", RecipeVersion: 1, Tool: "t 1", Value: v.Encode(), CreatedAt: noon}
	r.write(func(tx *store.Tx) error { return tx.AddSuggestions(r.t.Context(), g) })
	return g.ID
}

func (r *rig) item(id string) (it archive.Item) {
	r.t.Helper()
	r.read(func(tx *store.Tx) (err error) {
		it, err = tx.Item(r.t.Context(), archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}, id)
		return err
	})
	return it
}

func (r *rig) events(item string) (acts []string) {
	r.t.Helper()
	r.read(func(tx *store.Tx) error {
		at, err := tx.EventsOf(r.t.Context(), "item", item)
		for _, i := range at {
			o, err := tx.Opening(r.t.Context(), i)
			if err != nil {
				return err
			}
			e, err := archive.ParseEvent(o.Event)
			if err != nil {
				return err
			}
			acts = append(acts, e.Type+": "+e.Detail["act"])
			if len(e.Subjects) != 2 || e.Subjects[1].Kind != custody.KindSuggestion {
				r.t.Errorf("subjects %+v", e.Subjects)
			}
		}
		return err
	})
	return acts
}

func person(role archive.Role, accessions ...string) policy.Subject {
	sc := archive.Scope{All: len(accessions) == 0, Accessions: accessions, MaxDifficulty: -1}
	return policy.Subject{Agent: "ag_" + string(role), Role: role, Scope: sc}
}

func is(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

func TestConfirmAndUndo(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		ctx := t.Context()
		it := r.film(r.a.ID, "C1", noon, time.Hour)
		id := r.suggest(it.ID, value(50553, onDate(clock.YMD, clock.BySpelling)))
		who := person(archive.RoleInvestigator)
		list, err := r.s.OfItem(ctx, who, it.ID)
		if err != nil || len(list) != 1 || !list[0].MayDecide || list[0].Clock == nil || list[0].Reference != it.Reference() {
			t.Fatalf("%+v, %v", list, err)
		}
		// A reviewer sees it and may not decide; somebody outside sees nothing.
		if list, err := r.s.OfItem(ctx, person(archive.RoleReviewer), it.ID); err != nil || len(list) != 1 || list[0].MayDecide {
			t.Errorf("%+v, %v", list, err)
		}
		outside := person(archive.RoleInvestigator, r.b.ID)
		if list, err := r.s.OfItem(ctx, outside, it.ID); err != nil || len(list) != 0 {
			t.Errorf("%+v, %v", list, err)
		}
		is(t, "reviewer", r.s.Confirm(ctx, person(archive.RoleReviewer), id, Decision{}), archive.ErrNotFound)
		is(t, "outside", r.s.Confirm(ctx, outside, id, Decision{}), archive.ErrNotFound)
		is(t, "nobody", r.s.Confirm(ctx, policy.Subject{}, id, Decision{}), archive.ErrNotFound)
		is(t, "no such", r.s.Confirm(ctx, who, "su_x", Decision{}), archive.ErrNotFound)
		is(t, "novel", r.s.Confirm(ctx, who, id, Decision{Why: string(bytes.Repeat([]byte("x"), 501))}), archive.ErrInvalid)
		is(t, "no date", r.s.Confirm(ctx, who, id, Decision{Day: "27.07.2020"}), archive.ErrInvalid)
		is(t, "after it was received", r.s.Confirm(ctx, who, id, Decision{Day: "2020-12-24"}), archive.ErrInvalid)
		if got := r.item(it.ID); got.RecordedSource != "recorder" || len(r.events(it.ID)) != 0 {
			t.Fatal("a refused decision left something behind")
		}
		if err := r.s.Confirm(ctx, who, id, Decision{Why: "seen"}); err != nil {
			t.Fatal(err)
		}
		want := time.Date(2020, 7, 5, 14, 2, 33, 0, time.UTC)
		if got := r.item(it.ID); !got.RecordedAt.Equal(want) || got.RecordedSource != archive.RecordedByClock {
			t.Errorf("%v by %q", got.RecordedAt, got.RecordedSource)
		}
		is(t, "twice", r.s.Confirm(ctx, who, id, Decision{}), archive.ErrConflict)
		is(t, "dismiss what is confirmed", r.s.Dismiss(ctx, who, id, ""), archive.ErrConflict)
		second := r.suggest(it.ID, value(1, onDate(clock.YMD, clock.BySpelling)))
		is(t, "a second clock", r.s.Confirm(ctx, who, second, Decision{}), archive.ErrConflict)
		if err := r.s.Undo(ctx, who, id); err != nil {
			t.Fatal(err)
		}
		if got := r.item(it.ID); !got.RecordedAt.Equal(noon) || got.RecordedSource != "recorder" {
			t.Errorf("put back: %v by %q", got.RecordedAt, got.RecordedSource)
		}
		is(t, "undone twice", r.s.Undo(ctx, who, id), archive.ErrConflict)
		if err := errors.Join(r.s.Dismiss(ctx, who, id, "no"), r.s.Undo(ctx, who, id)); err != nil {
			t.Error(err)
		}
		if got := fmt.Sprint(r.events(it.ID)); got != "[metadata modification: confirm suggestion metadata modification: undo decision metadata modification: dismiss suggestion metadata modification: undo decision]" {
			t.Errorf("events %s", got)
		}
		r.read(func(tx *store.Tx) error {
			faults, err := tx.RollupFaults(ctx)
			if len(faults) > 0 {
				t.Errorf("%+v", faults)
			}
			return err
		})
	})
}

// An order that nothing decides, and a clock without a date, need a day from the person.
func TestConfirmNeedsADay(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	who := person(archive.RoleArchivist)
	other := clock.Choice{Order: clock.MDY, Date: time.Date(2020, 5, 7, 0, 0, 0, 0, time.UTC)}
	for name, v := range map[string]clock.Value{"open": value(60, onDate(clock.DMY, clock.ByNobody, other)), "no date": value(60, clock.Day{})} {
		it := r.film(r.a.ID, "C1", noon, time.Hour)
		id := r.suggest(it.ID, v)
		is(t, name, r.s.Confirm(t.Context(), who, id, Decision{}), archive.ErrInvalid)
		if err := r.s.Confirm(t.Context(), who, id, Decision{Day: "2020-05-07"}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := r.item(it.ID); !got.RecordedAt.Equal(time.Date(2020, 5, 7, 0, 1, 0, 0, time.UTC)) {
			t.Errorf("%s: %v", name, got.RecordedAt)
		}
	}
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	day := noon.Truncate(24 * time.Hour)
	r.film(r.a.ID, "C1", day.Add(-30*time.Minute), time.Hour) // from the evening before
	one := r.film(r.a.ID, "C1", day.Add(13*time.Hour), time.Hour+2*time.Minute)
	two := r.film(r.a.ID, "C1", day.Add(15*time.Hour+40*time.Minute), 30*time.Minute)
	r.film(r.a.ID, "C1", day.Add(15*time.Hour+50*time.Minute), 30*time.Minute) // overlaps
	r.film(r.a.ID, "C2", day.Add(-3*24*time.Hour), time.Hour)
	r.film(r.a.ID, "C2", day.Add(3*24*time.Hour), time.Hour)
	secret := r.film(r.b.ID, "C1", day.Add(14*time.Hour+30*time.Minute), 30*time.Minute)
	got, err := r.s.Coverage(ctx, person(archive.RoleReviewer, r.a.ID), CoverageQuery{Day: noon})
	if err != nil || len(got.Cameras) != 2 || !got.Narrow || !got.Day.Equal(day) {
		t.Fatalf("%+v, %v", got, err)
	}
	c := got.Cameras[0]
	if c.Name != "C1" || len(c.Strips) != 4 || c.Covered != 30*time.Minute+62*time.Minute+40*time.Minute {
		t.Errorf("%+v", c)
	}
	// Between 00:30 and 13:00, and between 14:02 and 15:40; after the last recording of all nothing is missing. What is hidden
	// looks like a gap and is not named.
	if len(c.Gaps) != 2 || c.Gaps[1].From.Format("15:04") != "14:02" || c.Gaps[1].To.Format("15:04") != "15:40" || c.Gaps[1].BeforeItem != one.ID || c.Gaps[1].AfterItem != two.ID {
		t.Errorf("%+v", c.Gaps)
	}
	if g := got.Cameras[1].Gaps; len(g) != 1 || g[0].To.Sub(g[0].From) != 24*time.Hour || g[0].Before != "" {
		t.Errorf("%+v", g)
	}
	if text := fmt.Sprintf("%+v", got); bytes.Contains([]byte(text), []byte(secret.ID)) {
		t.Error("an item outside the scope shows")
	}
	whole, err := r.s.Coverage(ctx, person(archive.RoleAdmin), CoverageQuery{Day: noon})
	if err != nil || whole.Narrow || len(whole.Cameras[0].Gaps) != 3 {
		t.Errorf("%+v, %v", whole, err)
	}
	if latest, err := r.s.Coverage(ctx, person(archive.RoleAdmin), CoverageQuery{}); err != nil || !latest.Day.Equal(day.AddDate(0, 0, 3)) || !latest.First.Equal(day.AddDate(0, 0, -3)) {
		t.Errorf("%+v, %v", latest, err)
	}
	if none, err := r.s.Coverage(ctx, person(archive.RoleReviewer, "ac_none"), CoverageQuery{Day: noon}); err != nil || len(none.Cameras) != 0 || !none.First.IsZero() {
		t.Errorf("%+v, %v", none, err)
	}
	_, err = r.s.Coverage(ctx, policy.Subject{}, CoverageQuery{})
	is(t, "nobody", err, archive.ErrNotFound)

	strips, err := r.s.Days(ctx, person(archive.RoleReviewer, r.a.ID), []string{"C1"}, day.AddDate(0, 0, -1), day.AddDate(0, 0, 2))
	if err != nil || len(strips) != 1 || fmt.Sprint(strips[0].Days) != "[30m0s 2h12m0s 0s]" {
		t.Errorf("%+v, %v", strips, err)
	}
	_, err = r.s.Days(ctx, person(archive.RoleAdmin), nil, day, day)
	is(t, "no days", err, archive.ErrInvalid)
}

// A recording whose confirmed clock leaps covers what its clock says. An unconfirmed leap changes nothing.
func TestCoverageByClock(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.film(r.a.ID, "C1", noon, time.Hour)
	v := value(10*3600, clock.Day{Date: time.Date(2020, 7, 26, 0, 0, 0, 0, time.UTC), Order: clock.YMD, By: clock.BySpelling},
		clock.Jump{From: 1200, To: 1200, By: 98 * 60, Kind: clock.JumpMissing, Confirmed: true}, clock.Jump{From: 1800, To: 1800, By: 600, Kind: clock.JumpMissing, Digit: true})
	if err := r.s.Confirm(t.Context(), person(archive.RoleAdmin), r.suggest(it.ID, v), Decision{}); err != nil {
		t.Fatal(err)
	}
	got, err := r.s.Coverage(t.Context(), person(archive.RoleAdmin), CoverageQuery{Day: time.Date(2020, 7, 26, 0, 0, 0, 0, time.UTC)})
	if err != nil || len(got.Cameras) != 1 {
		t.Fatalf("%+v, %v", got, err)
	}
	c := got.Cameras[0]
	if len(c.Strips) != 2 || c.Covered != time.Hour || len(c.Gaps) != 1 || c.Gaps[0].From.Format("15:04") != "10:20" || c.Gaps[0].To.Format("15:04") != "11:58" || c.Gaps[0].Before != c.Gaps[0].After {
		t.Errorf("%+v", c)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	number := func(accession, camera string, series byte, n int64) archive.Item {
		it := r.film(accession, camera, noon, time.Minute)
		r.write(func(tx *store.Tx) error {
			return tx.SetFileNumbers(ctx, it.ID, []store.FileNumber{{Item: it.ID, Series: bytes.Repeat([]byte{series}, 32), Number: n}})
		})
		return it
	}
	for _, n := range []int64{40, 41, 44, 45, 47} {
		number(r.a.ID, "C1", 1, n)
	}
	number(r.b.ID, "C1", 1, 42)
	for _, n := range []int64{7, 900_000, 1_000_000} { // these do not count up
		number(r.a.ID, "C2", 2, n)
	}
	number(r.a.ID, "C3", 3, 1)
	number(r.a.ID, "C3", 3, 5) // two files make no series
	got, err := r.s.Numbers(ctx, person(archive.RoleReviewer, r.a.ID), "")
	if err != nil || len(got.Series) != 1 || !got.Narrow {
		t.Fatalf("%+v, %v", got, err)
	}
	s := got.Series[0]
	if s.Camera != "C1" || s.Files != 5 || s.Missing != 3 || len(s.Gaps) != 2 || s.Gaps[0].From != 42 || s.Gaps[0].To != 43 || s.Gaps[1].From != 46 || s.Gaps[1].To != 46 {
		t.Errorf("%+v", s)
	}
	whole, err := r.s.Numbers(ctx, person(archive.RoleAdmin), "")
	if err != nil || len(whole.Series) != 1 || whole.Series[0].Missing != 2 {
		t.Errorf("%+v, %v", whole, err)
	}
	if of, err := r.s.Numbers(ctx, person(archive.RoleAdmin), r.b.ID); err != nil || len(of.Series) != 0 {
		t.Errorf("%+v, %v", of, err)
	}
}

func TestReadClocks(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	one, two := r.film(r.a.ID, "", noon, time.Hour), r.film(r.a.ID, "", noon, time.Hour)
	r.suggest(two.ID, value(1, clock.Day{}))
	n, err := r.s.ReadClocks(t.Context(), person(archive.RoleAdmin))
	if err != nil || n != 1 || fmt.Sprint(r.jobs.items) != fmt.Sprint([]string{one.ID}) {
		t.Errorf("%d %v, %v", n, r.jobs.items, err)
	}
	if _, err := r.s.ReadClocks(t.Context(), person(archive.RoleReviewer)); err == nil {
		t.Error("a reviewer may not put jobs in")
	}
}
