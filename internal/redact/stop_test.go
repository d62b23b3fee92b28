package redact

import (
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
)

// The second person is shown every key frame, whatever the check named, both ends of each cut, and no stretch is longer than a few seconds.
func TestStops(t *testing.T) {
	t.Parallel()
	items := []archive.Item{{ID: "a", Duration: 60 * time.Second, FrameRate: 25}, {ID: "b", Duration: 10 * time.Second}}
	box := [4]int{0, 0, 1000, 1000}
	p := plan.Plan{Cuts: []plan.Cut{{Source: 0, FromUS: 10_000_000, ToUS: 40_000_000}, {Source: 1, FromUS: 0, ToUS: 11_000_000}, {Source: 0, FromUS: 10_000_000, ToUS: 12_000_000}},
		Tracks: []plan.Track{{Source: 0, Keys: []plan.Key{{AtUS: 1_000_000, Box: box}, {AtUS: 13_000_000, Box: box}, {AtUS: 13_010_000, Box: box}, {AtUS: 33_000_000, Box: box, Off: true}, {AtUS: 50_000_000, Box: box}}}}}
	blockers := []store.PlanBlocker{{Kind: "uncovered", Cut: 0, Source: 0, AtUS: 13_330_000}, {Kind: "uncovered", Cut: 0, Source: 0, AtUS: 10_000_000, DismissedAt: time.Now()}, {Kind: "never", Cut: -1, Source: -1}, {Kind: "uncovered", Cut: 1, Source: 1, AtUS: 9_000_000}}
	got := stopsOf(p, items, blockers)
	find := func(source int, us int64) string {
		for _, x := range got {
			if x.Source == source && x.US == us {
				return x.Why
			}
		}
		return ""
	}
	for _, c := range []struct {
		source int
		us     int64
		why    string
	}{{0, 10_000_000, "cut"}, {0, 39_960_000, "end"}, {0, 13_000_000, "key"}, {0, 13_330_000, "blocker"}, {0, 33_000_000, "key"}, {0, 23_005_000, "middle"}, {1, 0, "cut"}, {1, 9_960_000, "end"}, {1, 9_000_000, "blocker"}} {
		if why := find(c.source, c.us); why != c.why {
			t.Errorf("at %d of source %d: %q, want %q", c.us, c.source, why, c.why)
		}
	}
	if find(0, 50_000_000) != "" || find(0, 1_000_000) != "" {
		t.Error("a stop lies outside every cut")
	}
	seen := map[place]bool{}
	for i, x := range got {
		if seen[place{x.Source, x.US}] {
			t.Errorf("%d of source %d twice", x.US, x.Source)
		}
		seen[place{x.Source, x.US}] = true
		if i > 0 && got[i-1].Cut == x.Cut && x.US-got[i-1].US > stopGap.Microseconds() {
			t.Errorf("nothing is shown from %d to %d", got[i-1].US, x.US)
		}
	}
	if len(stopsOf(plan.Plan{Cuts: []plan.Cut{{Source: 5, ToUS: 1}}}, items, nil)) != 0 {
		t.Error("a cut of nothing has stops")
	}
}

// What somebody was shown outlives the program, counts for them, for this version and for nothing else; and only what was handed out counts.
func TestStopsAreKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	it := r.item("first")
	r.workingCopy(it)
	p := r.planned(it)
	r.save(ann, p.ID, cover(0, 0, 20, whole))
	refused(t, "before the check", r.room().LookedAt(ctx, bob, p.ID, 2), archive.ErrConflict, CodeNotChecked)
	_, err := r.room().Check(ctx, ann, p.ID)
	must(t, err)
	must(t, r.gapCheck(p.ID, 2, 1))

	_, err = r.room().ShowStop(ctx, ann, p.ID, 2, 0, 1_000_000)
	refused(t, "to its author", err, archive.ErrForbidden, CodeOwn)
	_, err = r.room().ShowStop(ctx, bob, p.ID, 2, 0, 1_234_567)
	refused(t, "what is no stop", err, archive.ErrNotFound, "")
	_, err = r.room().ShowStop(ctx, bob, p.ID, 1, 0, 1_000_000)
	refused(t, "of the version before", err, archive.ErrConflict, CodeNotNewest)
	st, err := r.room().Stops(ctx, bob, p.ID, 2)
	must(t, err)
	if !st.Checked || st.Left != len(st.Stops) || st.Left < 3 {
		t.Fatalf("%+v", st)
	}
	for i, x := range st.Stops {
		refused(t, "not all of it was shown", r.room().LookedAt(ctx, bob, p.ID, 2), archive.ErrConflict, CodeNotLooked)
		r.clock = r.clock.Add(time.Second)
		picture, err := r.room().ShowStop(ctx, bob, p.ID, 2, x.Source, x.US)
		must(t, err)
		if len(picture) == 0 {
			t.Error("nothing is shown")
		}
		now, err := r.room().Stops(ctx, bob, p.ID, 2)
		must(t, err)
		if now.Left != len(st.Stops)-i-1 || !now.Stops[i].Seen {
			t.Errorf("after %d: %+v", i, now)
		}
	}
	if other, err := r.room().Stops(ctx, eve, p.ID, 2); err != nil || other.Left != len(other.Stops) {
		t.Errorf("somebody else: %+v, %v", other, err)
	}
	must(t, r.room().LookedAt(ctx, bob, p.ID, 2))
	v, err := r.room().Plan(ctx, bob, p.ID)
	must(t, err)
	if len(v.Looks) != 1 || v.Looks[0].Steps != int64(len(st.Stops)) || v.Looks[0].Seconds < int64(len(st.Stops)-1) {
		t.Errorf("%+v", v.Looks)
	}
	must(t, r.room().Approve(ctx, bob, p.ID, 2, ""))
	// Another version begins anew.
	r.save(eve, p.ID, cover(0, 1, 2, whole))
	if now, err := r.room().Stops(ctx, bob, p.ID, 3); err != nil || now.Checked || now.Left != len(now.Stops) {
		t.Errorf("%+v, %v", now, err)
	}
}
