package redact

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

var errDisk = errors.New("input/output error")

// stride says which of the numbered faults are tried: all of them in long runs, a share of them otherwise.
func stride(total, share int) int {
	if os.Getenv("ZAPIS_FAULT") == "full" {
		return 1
	}
	return max(1, total/share)
}

// waiting makes an archive with a plan whose rendering is asked for.
func waiting(t testing.TB, engine string) (*rig, string, int) {
	t.Helper()
	r := newRig(t, engine)
	p := r.planned(r.item("first"), r.item("second"))
	return r, p.ID, r.approved(p.ID)
}

// finish works the rendering to its end, as the queue does after a failure, and checks that it is there once.
func (r *rig) finish(id string, version int) {
	r.t.Helper()
	for n := range 3 {
		if err := r.render(id, version, n+1); err == nil {
			break
		} else if n == 2 {
			r.t.Errorf("the rendering did not get through after the fault was gone: %v", err)
		}
	}
	r.sound(id, version)
	if got, err := r.room().Rendered(r.t.Context(), ann, id, version); err != nil || got.State != store.PlanDone || len(got.Files) != 6 {
		r.t.Errorf("%+v, %v", got, err)
	}
	n := 0
	for _, e := range r.events(archive.EventDescription) {
		if e.Detail["what"] == whatRendered {
			n++
		}
	}
	if n != 1 {
		r.t.Errorf("recorded %d times", n)
	}
}

// span counts the operations of the vault's disk that a rendering takes when nothing fails.
func span(t *testing.T) int {
	t.Helper()
	r, id, n := waiting(t, store.SQLite)
	begun := r.disk.Ops()
	must(t, r.render(id, n, 1))
	return r.disk.Ops() - begun
}

// The power goes at every k-th operation of the vault's disk during a rendering, with unsynced data dropped and with a random share of it
// kept. What the catalogue then names is whole, and the work is finished afterwards.
func TestFaultPowerCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	total := span(t)
	for k := 1; k <= total; k += stride(total, 5) {
		for _, some := range []bool{false, true} {
			t.Run(fmt.Sprintf("operation %d keep %v", k, some), func(t *testing.T) {
				t.Parallel()
				r, id, n := waiting(t, store.SQLite)
				r.disk.KeepSome(some)
				r.disk.CutAt(r.disk.Ops() + k)
				err := r.render(id, n, 1)
				if err == nil && r.disk.Cut() && r.setting("completed.3") != "yes" {
					t.Error("done without power")
				}
				r.reboot()
				r.sound(id, n)
				r.finish(id, n)
			})
		}
	}
}

// One operation fails, with or without having had its effect.
func TestFaultDiskErrorAtEveryOperation(t *testing.T) {
	t.Parallel()
	total := span(t)
	for k := 1; k <= total; k += stride(total, 5) {
		for _, persisted := range []bool{false, true} {
			t.Run(fmt.Sprintf("operation %d persisted %v", k, persisted), func(t *testing.T) {
				t.Parallel()
				r, id, n := waiting(t, store.SQLite)
				r.disk.FailAt(r.disk.Ops()+k, errDisk, persisted)
				_ = r.render(id, n, 1)
				// A storage that lost a write is opened anew before anything is believed.
				r.reboot()
				r.sound(id, n)
				r.finish(id, n)
			})
		}
	}
}

// unsure is a database whose n-th commit ends without an answer.
type unsure struct {
	*store.DB
	at        *int
	persisted bool
	err       error
}

func (u unsure) Write(ctx context.Context, f func(*store.Tx) error) error {
	*u.at--
	if *u.at != 0 {
		return u.DB.Write(ctx, f)
	}
	if u.persisted {
		if err := u.DB.Write(ctx, f); err != nil {
			return err
		}
		return u.err
	}
	lost := errors.New("rolled back")
	err := u.DB.Write(ctx, func(tx *store.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return lost
	})
	if errors.Is(err, lost) {
		return u.err
	}
	return err
}

// The commit is lost, or done although an error came back, with and without being told that the outcome is unknown.
func TestFaultCommitLostOrPersistedWithAnError(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		for _, c := range []struct {
			persisted bool
			err       error
		}{{false, store.ErrUnknownOutcome}, {true, store.ErrUnknownOutcome}, {false, errDisk}, {true, errDisk}} {
			t.Run(fmt.Sprintf("persisted %v %v", c.persisted, c.err), func(t *testing.T) {
				r, id, n := waiting(t, engine)
				at := 1
				r.cat = unsure{r.db, &at, c.persisted, fmt.Errorf("commit: %w", c.err)}
				if err := r.render(id, n, 1); (err == nil) != c.persisted {
					t.Errorf("told %v of a commit that was persisted: %v", err, c.persisted)
				}
				r.cat = r.db
				r.sound(id, n)
				r.finish(id, n)
			})
		}
	})
}

// A commit that failed for certain withdraws its sealed bytes, so that a queue that tries for days does not fill the disk.
func TestFaultFailedCommitsDoNotFillTheVault(t *testing.T) {
	t.Parallel()
	r, id, n := waiting(t, store.SQLite)
	before := r.envelopes()
	for range 3 {
		at := 1
		r.cat = unsure{r.db, &at, false, errors.New("database is read-only")}
		if err := r.render(id, n, 1); err == nil {
			t.Fatal("told as done")
		}
	}
	leftovers, err := r.vault.Leftovers(t.Context(), archive.NewID("bl")+"z")
	if err != nil || r.envelopes() != before || len(leftovers) > 0 {
		t.Errorf("%d commits and %d leftovers after failed attempts, %v", r.envelopes()-before, len(leftovers), err)
	}
	r.cat = r.db
	r.finish(id, n)
}

// A rendering that breaks off, wherever it does and whoever ends it, leaves nothing in the vault, is told as asked for, and begins again from nothing.
func TestFaultWhatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(r *rig, stop func()){
		"a program was killed half-way":     func(r *rig, _ func()) { r.media.err = fmt.Errorf("run ffmpeg: %w", media.ErrNoReport) },
		"killed, asked for the whole":       func(r *rig, _ func()) { r.media.narrow, r.media.err = true, media.ErrNoReport },
		"a size came to nothing":            func(r *rig, _ func()) { r.media.dark = 2 },
		"the program ends while it renders": func(r *rig, stop func()) { r.media.during = stop },
		"the program ends while it states":  func(r *rig, stop func()) { r.clips.before = stop },
		"the clip cannot be stated now":     func(r *rig, _ func()) { r.clips.fail = errDisk },
		"the database is away": func(r *rig, _ func()) {
			at := 1
			r.cat = unsure{r.db, &at, false, errDisk}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, id, n := waiting(t, store.SQLite)
			before := r.envelopes()
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			spoil(r, stop)
			if err := r.room().RenderPlan(ctx, job.Job[job.RenderPlan]{ID: 3, Args: job.RenderPlan{Plan: id, Version: n}, Attempt: 1, MaxAttempts: 3}); err == nil || errors.Is(err, job.ErrCancel) {
				t.Errorf("told %v", err)
			}
			leftovers, err := r.vault.Leftovers(t.Context(), archive.NewID("bl")+"z")
			if err != nil || r.envelopes() != before || len(leftovers) > 0 {
				t.Errorf("%d commits and %d leftovers, %v", r.envelopes()-before, len(leftovers), err)
			}
			r.cat, r.media.err, r.media.narrow, r.media.dark, r.media.during, r.clips.fail, r.clips.before = r.db, nil, false, 0, nil, nil, nil
			r.sound(id, n)
			r.queue.info = &job.Info{State: job.Retryable, StartedAt: r.clock, Attempt: 1, Errors: 1}
			if got, err := r.room().Rendered(t.Context(), ann, id, n); err != nil || got.State != store.PlanAsked || got.Reason != ReasonInterrupted || len(got.Files) > 0 {
				t.Errorf("%+v, %v", got, err)
			}
			r.finish(id, n)
		})
	}
}

// What machines saw of an item is not noted beside the act that takes the item away: whoever came first is waited for.
func TestFaultAnItemIsTakenAwayWhileACheckIsNoted(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		it := r.item("first")
		p := r.planned(it)
		run, err := r.room().Check(t.Context(), ann, p.ID)
		must(t, err)
		ended := make(chan error, 1)
		r.cat = beside{r.db, func() {
			held := make(chan struct{})
			go func() {
				ended <- r.db.Write(t.Context(), func(tx *store.Tx) error {
					if err := tx.LockItem(t.Context(), it.ID); err != nil {
						return err
					}
					if err := tx.MoveItem(t.Context(), it.ID, archive.ItemQuarantined, "seal-broken"); err != nil {
						return err
					}
					close(held)
					time.Sleep(300 * time.Millisecond) // the check wants to note what it saw meanwhile
					return nil
				})
			}()
			<-held
		}}
		err = r.gapCheck(p.ID, run.Version, 1)
		must(t, <-ended)
		if !errors.Is(err, errRefused) {
			t.Errorf("noted: %v", err)
		}
		r.read(func(tx *store.Tx) error {
			got, err := tx.PlanRun(t.Context(), p.ID, run.Version, store.PlanGapCheck)
			if err == nil && got.State != store.PlanAsked {
				t.Errorf("the check is %s", got.State)
			}
			return err
		})
	})
}

// beside is a database in which something begins just before a write.
type beside struct {
	*store.DB
	begin func()
}

func (b beside) Write(ctx context.Context, f func(*store.Tx) error) error {
	b.begin()
	return b.DB.Write(ctx, f)
}

// A worker that was thought dead comes back beside the one that took its job over.
func TestFaultTwoWorkers(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r, id, n := waiting(t, engine)
		before := r.envelopes()
		r.media.during = func() {
			r.media.during = nil
			if err := r.render(id, n, 2); err != nil {
				t.Error(err)
			}
		}
		if err := r.render(id, n, 1); err != nil {
			t.Error(err)
		}
		if got := r.envelopes() - before; got != 3 {
			t.Errorf("%d commits for one rendering", got)
		}
		r.finish(id, n)
	})
}
