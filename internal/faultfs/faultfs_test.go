package faultfs_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"zapis/internal/faultfs"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/vaulttest"
)

func write(t *testing.T, f *faultfs.FS, name, text string, sync bool) {
	t.Helper()
	w, err := f.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte(text), 0); err != nil {
		t.Fatal(err)
	}
	if sync {
		if err := w.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func read(f *faultfs.FS, name string) string {
	r, err := f.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return "absent"
	}
	p := make([]byte, 100)
	n, err := r.ReadAt(p, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	return string(p[:n])
}

// The disk must forget what was not synced, or the tests that stand on it prove nothing.
func TestCutKeepsOnlyWhatWasSynced(t *testing.T) {
	t.Parallel()
	f := faultfs.New(1)
	for _, d := range []string{"kept", "lost"} {
		if err := f.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
		if d == "kept" {
			if err := f.SyncDir("."); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, f, "kept/both", "text", true)
	write(t, f, "kept/bytes-not-synced", "text", false)
	write(t, f, "kept/old", "old", true)
	if err := f.SyncDir("kept"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "kept/name-not-synced", "text", true)
	write(t, f, "lost/all", "text", true)
	if err := f.SyncDir("lost"); err != nil {
		t.Fatal(err)
	}
	write(t, f, "kept/new", "new", true)
	if err := f.Rename("kept/new", "kept/old"); err != nil {
		t.Fatal(err)
	}
	if got := read(f, "kept/old"); got != "new" {
		t.Fatal(got)
	}
	after := f.Reboot()
	for name, want := range map[string]string{
		"kept/both": "text", "kept/bytes-not-synced": "", "kept/name-not-synced": "absent", "lost/all": "absent", "kept/old": "old", "kept/new": "absent",
	} {
		if got := read(after, name); got != want {
			t.Errorf("%s: %q instead of %q", name, got, want)
		}
	}
	if _, err := f.Lstat("."); !errors.Is(err, faultfs.ErrCut) {
		t.Errorf("the disk answers after the cut: %v", err)
	}
}

func TestFailedSyncLosesThePages(t *testing.T) {
	t.Parallel()
	f := faultfs.New(1)
	w, err := f.OpenFile("x", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WriteAt([]byte("text"), 0); err != nil {
		t.Fatal(err)
	}
	f.FailAt(f.Ops()+1, syscall.EIO, false)
	if err := w.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal("the second sync must claim success, as the kernel does")
	}
	if err := f.SyncDir("."); err != nil {
		t.Fatal(err)
	}
	if got := read(f.Reboot(), "x"); got != "" {
		t.Errorf("%q survived", got)
	}
}

var pieces = [][]byte{vaulttest.Noise(1, 3), vaulttest.Noise(2, 200_000), vaulttest.Noise(3, 66_000)}

const pass = "correct horse"

// life is one run of a vault's user: two commits, an erasure, a change of keys. It keeps what was acknowledged.
type life struct {
	commits []vault.Commit
	erased  bool // the first object of the first commit
	erasing bool
	rekeyed bool
	err     error
}

func live(ctx context.Context, disk *localdisk.Disk) (l life) {
	v, err := vault.Open(ctx, disk, vault.Passphrase([]byte(pass)))
	if err != nil {
		return life{err: err}
	}
	for range 2 {
		b := v.Begin(ctx)
		for _, p := range pieces {
			if _, l.err = b.Add(ctx, bytes.NewReader(p), vault.AddOptions{}); l.err != nil {
				break
			}
		}
		var c vault.Commit
		if l.err == nil {
			c, l.err = b.Commit(ctx)
		}
		if l.err != nil {
			_ = b.Abort(ctx)
			return l
		}
		l.commits = append(l.commits, c)
	}
	l.erasing = true
	if l.err = v.Erase(ctx, vaulttest.Ref(l.commits[0], 0)); l.err != nil {
		return l
	}
	l.erased = true
	if l.err = v.Rekey(ctx, vault.RekeyOptions{Passphrase: []byte(pass), WorkFactor: 2, Rotate: true}); l.err != nil {
		return l
	}
	l.rekeyed = true
	return l
}

// check: everything acknowledged is there, bit by bit; nothing that is there is half-written.
func (l life) check(disk *localdisk.Disk) error {
	ctx := context.Background()
	v, err := vault.Open(ctx, disk, vault.Passphrase([]byte(pass)))
	if err != nil {
		return err
	}
	for n, c := range l.commits {
		for i, want := range pieces {
			got, err := vaulttest.ReadAll(ctx, v, vaulttest.Ref(c, i))
			if n == 0 && i == 0 && l.erasing {
				if errors.Is(err, vault.ErrErased) {
					continue
				}
				if l.erased {
					return fmt.Errorf("erased object can be read (%v)", err)
				}
			}
			if err != nil {
				return fmt.Errorf("commit %d object %d: %w", n, i, err)
			}
			if !bytes.Equal(got, want) {
				return fmt.Errorf("commit %d object %d: other bytes", n, i)
			}
		}
	}
	for id, err := range v.Envelopes(ctx) {
		if err != nil {
			return err
		}
		objects, err := v.Describe(ctx, id)
		if err != nil {
			return err
		}
		for _, o := range objects {
			if err := v.CheckObject(ctx, vault.Ref{Object: o.ID, Envelope: id}, nil); err != nil {
				return err
			}
		}
	}
	// Repeating the interrupted act finishes it, and then nothing is in disorder.
	if l.erasing {
		if err := v.Erase(ctx, vaulttest.Ref(l.commits[0], 0)); err != nil {
			return fmt.Errorf("erase again: %w", err)
		}
		if err := v.Rekey(ctx, vault.RekeyOptions{Passphrase: []byte(pass), WorkFactor: 2, Rotate: true}); err != nil {
			return fmt.Errorf("rekey again: %w", err)
		}
	}
	var damage error
	err = vault.CheckSums(ctx, disk, func(name string, err error) {
		if err != nil && !errors.Is(err, vault.ErrUnlisted) {
			damage = fmt.Errorf("%s: %w", name, err)
		}
	}, nil)
	return errors.Join(err, damage)
}

func fresh(t *testing.T, seed uint64) *faultfs.FS {
	t.Helper()
	f := faultfs.New(seed)
	_, err := vault.Create(t.Context(), localdisk.New(f), vault.CreateOptions{Passphrase: []byte(pass), WorkFactor: 2, SegmentSize: 128 << 10})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// every gives 1 in a thorough run (ZAPIS_TEST_THOROUGH=1), and otherwise the step that keeps the tests quick.
func every(step int) int {
	if os.Getenv("ZAPIS_TEST_THOROUGH") == "1" {
		return 1
	}
	return step
}

// TestPowerCuts cuts the power at every k-th operation, with nothing, then with a random share of what was unsynced
// surviving.
func TestPowerCuts(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep=%v", keep), func(t *testing.T) {
			t.Parallel()
			cuts, acknowledged := 0, 0
			for k := 1; ; k += every(7) {
				f := fresh(t, uint64(k))
				f.KeepSome(keep)
				f.CutAt(f.Ops() + k)
				l := live(t.Context(), localdisk.New(f))
				cut := f.Cut()
				if l.err != nil && !cut {
					t.Fatalf("cut %d: %v", k, l.err)
				}
				cuts++
				acknowledged += len(l.commits)
				if err := l.check(localdisk.New(f.Reboot())); err != nil {
					t.Fatalf("cut at operation %d (keep %v, %d commits acknowledged, erased %v, rekeyed %v): %v", k, keep, len(l.commits), l.erased, l.rekeyed, err)
				}
				if !cut {
					if !l.rekeyed {
						t.Fatal("the run without a cut did not reach its end")
					}
					break
				}
			}
			t.Logf("%d cuts, %d acknowledged commits, none lost", cuts, acknowledged)
		})
	}
}

// TestFailures lets every k-th operation fail, in five ways; then the power goes.
func TestFailures(t *testing.T) {
	t.Parallel()
	for name, inject := range map[string]func(f *faultfs.FS, k int){
		"EIO lost":         func(f *faultfs.FS, k int) { f.FailAt(k, syscall.EIO, false) },
		"EIO persisted":    func(f *faultfs.FS, k int) { f.FailAt(k, syscall.EIO, true) },
		"ENOSPC lost":      func(f *faultfs.FS, k int) { f.FailAt(k, syscall.ENOSPC, false) },
		"ENOSPC persisted": func(f *faultfs.FS, k int) { f.FailAt(k, syscall.ENOSPC, true) },
		"short write":      func(f *faultfs.FS, k int) { f.ShortWriteAt(k, syscall.ENOSPC) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for k := 1; ; k += every(13) {
				f := fresh(t, uint64(k))
				at := f.Ops() + k
				inject(f, at)
				l := live(t.Context(), localdisk.New(f))
				over := f.Ops() < at
				// The process goes on with a disk that works again, then the power goes as well.
				if err := l.check(localdisk.New(f)); err != nil && !over {
					t.Fatalf("operation %d: before the cut: %v (act: %v)", k, err, l.err)
				}
				if err := l.check(localdisk.New(f.Reboot())); err != nil {
					t.Fatalf("operation %d: after the cut: %v (act: %v)", k, err, l.err)
				}
				if over {
					if !l.rekeyed {
						t.Fatal(l.err)
					}
					break
				}
			}
		})
	}
}

// TestBrokenStaysBroken: after a failed fsync nothing is acknowledged until the storage is opened anew.
func TestBrokenStaysBroken(t *testing.T) {
	t.Parallel()
	next := 0
	for k := 1; k < 12; k++ {
		f := fresh(t, 1)
		disk := localdisk.New(f)
		op := ""
		at := f.Ops() + k
		n := f.Ops()
		f.Trace(func(o, _ string) {
			if n++; n == at {
				op = o
			}
		})
		f.FailAt(at, syscall.EIO, false)
		err := disk.Replace(t.Context(), "key/x.age", []byte("x"))
		if op != "sync" && op != "syncdir" {
			continue
		}
		next++
		if !errors.Is(err, vault.ErrBroken) {
			t.Errorf("failed %s: %v", op, err)
		}
		if err := disk.Replace(t.Context(), "key/y.age", []byte("y")); !errors.Is(err, vault.ErrBroken) {
			t.Errorf("after a failed %s the storage goes on: %v", op, err)
		}
		if err := localdisk.New(f).Replace(t.Context(), "key/y.age", []byte("y")); err != nil {
			t.Errorf("opened anew: %v", err)
		}
	}
	if next < 2 {
		t.Error("no sync was made to fail")
	}
}

// TestRepeatedErasureIsDurable: an erasure whose folder could not be synced is visible, but not on the device. Repeating it
// after a restart must write again, or the erased key comes back with the next power cut.
func TestRepeatedErasureIsDurable(t *testing.T) {
	t.Parallel()
	hits := 0
	for k := 1; ; k++ {
		f := fresh(t, 1)
		disk := localdisk.New(f)
		v, err := vault.Open(t.Context(), disk, vault.Passphrase([]byte(pass)))
		if err != nil {
			t.Fatal(err)
		}
		c := vaulttest.Seal(t, v, pieces[0], pieces[2])
		at, n, op := f.Ops()+k, f.Ops(), ""
		f.Trace(func(o, _ string) {
			if n++; n == at {
				op = o
			}
		})
		f.FailAt(at, syscall.EIO, false)
		err = v.Erase(t.Context(), vaulttest.Ref(c, 0))
		if op == "" {
			break
		}
		if op != "syncdir" {
			continue
		}
		if err == nil {
			t.Fatal("an erasure that was not synced was acknowledged")
		}
		hits++
		if v, err = vault.Open(t.Context(), localdisk.New(f), vault.Passphrase([]byte(pass))); err != nil {
			t.Fatal(err)
		}
		if err := v.Erase(t.Context(), vaulttest.Ref(c, 0)); err != nil {
			t.Fatal(err)
		}
		if v, err = vault.Open(t.Context(), localdisk.New(f.Reboot()), vault.Passphrase([]byte(pass))); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Reader(t.Context(), vaulttest.Ref(c, 0)); !errors.Is(err, vault.ErrErased) {
			t.Errorf("failed folder sync %d: after the cut: %v", hits, err)
		}
	}
	if hits < 2 {
		t.Errorf("%d folder syncs were made to fail", hits)
	}
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	f := fresh(t, 1)
	f.Capacity(700_000)
	disk := localdisk.New(f)
	v, err := vault.Open(t.Context(), disk, vault.Passphrase([]byte(pass)))
	if err != nil {
		t.Fatal(err)
	}
	good := vaulttest.Seal(t, v, pieces...)
	b := v.Begin(t.Context())
	if _, err := b.Add(t.Context(), bytes.NewReader(pieces[0]), vault.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	// Foretold: the batch can still be committed.
	if _, err := b.Add(t.Context(), bytes.NewReader(nil), vault.AddOptions{ExpectSize: 5 << 20}); !errors.Is(err, vault.ErrFull) {
		t.Fatalf("foretold: %v", err)
	}
	second, err := b.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// Met on the way.
	b = v.Begin(t.Context())
	_, err = b.Add(t.Context(), bytes.NewReader(vaulttest.Noise(1, 3<<20)), vault.AddOptions{})
	if err == nil {
		_, err = b.Commit(t.Context())
	}
	if !errors.Is(err, vault.ErrFull) {
		t.Fatalf("full disk: %v", err)
	}
	if err := b.Abort(t.Context()); err != nil {
		t.Fatal(err)
	}
	if hit := vaulttest.Damages(t, disk); len(hit) > 0 {
		t.Errorf("left behind: %v", hit)
	}
	if err := (life{commits: []vault.Commit{good}}).check(localdisk.New(f.Reboot())); err != nil {
		t.Error(err)
	}
	_ = second
}
