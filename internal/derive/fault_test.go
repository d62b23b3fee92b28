package derive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"zapis/internal/archive"
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

// span counts the operations of the vault's disk that both passes take when nothing fails, and where they begin.
func span(t *testing.T) (ops int) {
	t.Helper()
	r := newRig(t, store.SQLite)
	it := r.item(original, "")
	begun := r.disk.Ops()
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
		t.Fatal(err)
	}
	return r.disk.Ops() - begun
}

// recover works both passes to their end, as the queue does after a failure.
func (r *rig) recover(id string) {
	r.t.Helper()
	for n := range 3 {
		if err := errors.Join(r.quick(id, n+1), r.full(id, n+1)); err == nil {
			return
		}
	}
	r.t.Error("the passes did not get through after the fault was gone")
}

// finished checks that an item came out of whatever happened with one whole set.
func (r *rig) finished(id string) {
	r.t.Helper()
	s := r.sound(id)
	if s.item.State != archive.ItemReady || len(s.derivatives) != 7 {
		r.t.Errorf("%s %q with %d derivatives", s.item.State, s.item.Reason, len(s.derivatives))
	}
	if n := s.eventsOf(archive.EventDerivation, archive.Success); n != 7 {
		r.t.Errorf("%d derivations are recorded, 7 stand", n)
	}
	if n := s.eventsOf(archive.EventDerivation, archive.Failure) + s.eventsOf(archive.EventQuarantine, archive.Failure); n != 0 {
		r.t.Errorf("a fault of the disk was told as %d faults of the material", n)
	}
}

// The power goes at every k-th operation of the vault's disk during both passes, with unsynced data dropped and with a
// random share of it kept. What the catalogue then names is whole, and the work is finished afterwards.
func TestFaultPowerCutAtEveryOperation(t *testing.T) {
	t.Parallel()
	total := span(t)
	step := stride(total, 20)
	for k := 1; k <= total; k += step {
		for _, some := range []bool{false, true} {
			t.Run(fmt.Sprintf("operation %d keep %v", k, some), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, store.SQLite)
				it := r.item(original, "")
				r.disk.KeepSome(some)
				r.disk.CutAt(r.disk.Ops() + k)
				err := r.quick(it.ID, 1)
				if err == nil {
					err = r.full(it.ID, 1)
				}
				if err == nil && r.disk.Cut() {
					// Only the giving back of readers may still have come after the last transaction.
					if s := r.state(it.ID); s.item.State != archive.ItemReady {
						t.Error("done without power")
					}
				}
				r.reboot()
				r.sound(it.ID)
				r.recover(it.ID)
				r.finished(it.ID)
			})
		}
	}
}

// One operation fails, with or without having had its effect.
func TestFaultDiskErrorAtEveryOperation(t *testing.T) {
	t.Parallel()
	total := span(t)
	step := stride(total, 20)
	for k := 1; k <= total; k += step {
		for _, persisted := range []bool{false, true} {
			t.Run(fmt.Sprintf("operation %d persisted %v", k, persisted), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, store.SQLite)
				it := r.item(original, "")
				r.disk.FailAt(r.disk.Ops()+k, errDisk, persisted)
				if r.quick(it.ID, 1) == nil {
					_ = r.full(it.ID, 1)
				}
				// A storage that lost a write is opened anew before anything is believed.
				r.reboot()
				r.sound(it.ID)
				r.recover(it.ID)
				r.finished(it.ID)
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

// Each commit is lost, or done although an error came back, with and without being told that the outcome is unknown.
func TestFaultCommitLostOrPersistedWithAnError(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		for commit := 1; commit <= 2; commit++ {
			for _, c := range []struct {
				persisted bool
				err       error
			}{{false, store.ErrUnknownOutcome}, {true, store.ErrUnknownOutcome}, {false, errDisk}, {true, errDisk}} {
				persisted := c.persisted
				t.Run(fmt.Sprintf("commit %d persisted %v %v", commit, persisted, c.err), func(t *testing.T) {
					r := newRig(t, engine)
					it := r.item(original, "")
					at := commit
					r.cat = unsure{r.db, &at, persisted, fmt.Errorf("commit: %w", c.err)}
					err := r.quick(it.ID, 1)
					if err == nil {
						err = r.full(it.ID, 1)
					}
					if (err == nil) != persisted {
						t.Errorf("told %v of a commit that was persisted: %v", err, persisted)
					}
					r.sound(it.ID)
					r.recover(it.ID)
					r.finished(it.ID)
				})
			}
		}
	})
}

// A commit that failed for certain withdraws its sealed bytes, so that a queue that tries for days does not fill the disk.
func TestFaultFailedCommitsDoNotFillTheVault(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item(original, "")
	for range 3 {
		at := 1
		r.cat = unsure{r.db, &at, false, errors.New("database is read-only")}
		if err := r.quick(it.ID, 1); err == nil {
			t.Fatal("told as done")
		}
	}
	if r.envelopes() != 1 || r.leftovers() != 0 {
		t.Errorf("%d commits and %d leftovers after failed attempts", r.envelopes(), r.leftovers())
	}
	r.cat = r.db
	r.recover(it.ID)
	r.finished(it.ID)
}
