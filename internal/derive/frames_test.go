package derive

import (
	"errors"
	"slices"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/store"
)

func (r *rig) frames(id string, attempt int) error {
	return r.service().Frames(r.t.Context(), job.Job[job.Frames]{ID: 2, Args: job.Frames{Item: id}, Attempt: attempt, MaxAttempts: 5})
}

// The full pass asks for the frames; they become a derivative beside the others, once, and the item stays as it is.
func TestFramesAreListedBeside(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film"), "")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.quick(it.ID, 1))
	must(r.full(it.ID, 1))
	r.read(func(tx *store.Tx) error {
		if v, _, err := tx.Setting(t.Context(), "beside."+it.ID); err != nil || v != "frames" {
			t.Errorf("the full pass asked for %q, %v", v, err)
		}
		return nil
	})
	before := r.state(it.ID)
	must(r.frames(it.ID, 1))
	must(r.frames(it.ID, 2)) // as when the first was thought dead
	after := r.sound(it.ID)
	if after.count(archive.DerivativeFrames) != 1 || after.item.State != archive.ItemReady || len(after.derivatives) != len(before.derivatives)+1 {
		t.Errorf("%s with %d derivatives, before %d", after.item.State, len(after.derivatives), len(before.derivatives))
	}
	if after.item.Duration != before.item.Duration || after.item.Anomalies != before.item.Anomalies || !slices.Equal(after.item.Micro, before.item.Micro) {
		t.Error("facts changed")
	}
	for _, d := range after.derivatives {
		if d.Kind != archive.DerivativeFrames {
			continue
		}
		b, err := r.open(d)
		must(err)
		f, err := media.ParseFrames(b)
		if err != nil || len(f.Ticks) != 3 || string(d.Meta) != `{"frames":3}` {
			t.Errorf("%+v, %v, %s", f, err, d.Meta)
		}
	}
}

// Frames that cannot be listed cost the item nothing: it is as ready as before, and the record says that it was tried.
func TestFramesThatFailLeaveTheItemAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item([]byte("film"), "")
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
		t.Fatal(err)
	}
	before := r.state(it.ID)
	r.media.framesErr = media.ErrDamaged
	if err := r.frames(it.ID, 1); err != nil {
		t.Fatal(err)
	}
	after := r.sound(it.ID)
	if after.item.State != archive.ItemReady || after.item.Reason != "" || len(after.derivatives) != len(before.derivatives) {
		t.Errorf("%s %q", after.item.State, after.item.Reason)
	}
	if got := after.eventsOf(archive.EventDerivation, archive.Failure); got != 1 {
		t.Errorf("%d failures are recorded", got)
	}
	if after.completed["completed.2"] != "yes" {
		t.Error("the job goes on for ever")
	}
	if r.leftovers() != 0 {
		t.Error("sealed bytes are left over")
	}
	r.media.framesErr = media.ErrNoTool
	if err := r.frames(it.ID, 1); err == nil {
		t.Error("a missing program is no matter of the material, and done")
	}
}
