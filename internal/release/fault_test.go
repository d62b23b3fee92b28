package release

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"zapis/internal/faultfs"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

var errDisk = errors.New("the disk does not want to")

func contentsOf(t testing.TB, disk *faultfs.FS) (visible, hidden map[string]string) {
	r := rig{t: t}
	visible, hidden = map[string]string{}, map[string]string{}
	for name, sum := range r.contents(disk) {
		if strings.Contains(name, "/.") {
			hidden[name] = sum
		} else {
			visible[name] = sum
		}
	}
	return visible, hidden
}

// Every operation on the disk fails in every way, or the power goes at it. The folder then holds what it held or what it should, never half of
// it; where a tombstone takes the place of a bundle, it may hold neither. Called once more, it holds what it should, and nothing is left over.
func TestPlaceOutlivesFaults(t *testing.T) {
	t.Parallel()
	full := withSums([]file{literal(bundle.FileRelease, []byte("one")), literal("clip-720.mp4", bytes.Repeat([]byte("clip"), 9000)), literal(bundle.FilePoster, []byte("poster"))})
	tomb := withSums([]file{literal(bundle.FileRelease, []byte("tombstone"))})
	for what, x := range map[string]struct{ before, after []file }{
		"publish": {nil, full}, "withdraw": {full, tomb}, "again": {full, full},
	} {
		for way, broken := range map[string]func(d *faultfs.FS, k int){
			"fails":                     func(d *faultfs.FS, k int) { d.FailAt(k, errDisk, false) },
			"fails after all":           func(d *faultfs.FS, k int) { d.FailAt(k, errDisk, true) },
			"is full":                   func(d *faultfs.FS, k int) { d.FailAt(k, syscall.ENOSPC, false) },
			"writes too little":         func(d *faultfs.FS, k int) { d.ShortWriteAt(k, errDisk) },
			"power goes":                func(d *faultfs.FS, k int) { d.CutAt(k) },
			"power goes, some survives": func(d *faultfs.FS, k int) { d.KeepSome(true); d.CutAt(k) },
		} {
			t.Run(what+" "+way, func(t *testing.T) {
				t.Parallel()
				to := (*Folder).placing
				if what == "withdraw" {
					to = (*Folder).burying
				}
				state := func(files []file) map[string]string {
					d := faultfs.New(1)
					if files != nil {
						if err := (&Folder{disk: simulated{d}}).place(ctx, "yard", 1, day, files); err != nil {
							t.Fatal(err)
						}
					}
					seen, _ := contentsOf(t, d)
					return seen
				}
				before, after := state(x.before), state(x.after)
				for k := 1; ; k++ {
					disk := faultfs.New(uint64(k))
					if x.before != nil {
						if err := (&Folder{disk: simulated{disk}}).place(ctx, "yard", 1, day, x.before); err != nil {
							t.Fatal(err)
						}
					}
					from := disk.Ops()
					broken(disk, from+k)
					err := to(&Folder{disk: simulated{disk}})(ctx, "yard", 1, day, x.after)
					touched := disk.Ops() >= from+k
					disk = disk.Reboot()
					got, _ := contentsOf(t, disk)
					neither := what == "withdraw" && len(got) == 0
					if !maps.Equal(got, before) && !maps.Equal(got, after) && !neither {
						t.Fatalf("operation %d (%v): half of it: %v", k, err, got)
					}
					if err == nil && !maps.Equal(got, after) {
						t.Fatalf("operation %d: it said that all is well, and it is not: %v", k, got)
					}
					if err := to(&Folder{disk: simulated{disk}})(ctx, "yard", 1, day, x.after); err != nil {
						t.Fatalf("operation %d: once more: %v", k, err)
					}
					disk = disk.Reboot()
					got, left := contentsOf(t, disk)
					if !maps.Equal(got, after) || len(left) > 0 {
						t.Fatalf("operation %d: once more, and it holds %v, and left over %v", k, got, left)
					}
					if !touched {
						if k < 10 {
							t.Errorf("only %d operations were tried", k)
						}
						return
					}
				}
			})
		}
	}
}

var day = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

type placer = func(ctx context.Context, slug string, n int, at time.Time, files []file) error

func (d *Folder) placing() placer { return d.place }
func (d *Folder) burying() placer { return d.bury }

// On a disk that is full what is to go goes all the same.
func TestWithdrawalNeedsNoRoom(t *testing.T) {
	t.Parallel()
	full := withSums([]file{literal(bundle.FileRelease, []byte("one")), literal("clip-720.mp4", bytes.Repeat([]byte("clip"), 9000))})
	tomb := withSums([]file{literal(bundle.FileRelease, []byte("tombstone"))})
	disk := faultfs.New(1)
	if err := (&Folder{disk: simulated{disk}}).place(ctx, "yard", 1, day, full); err != nil {
		t.Fatal(err)
	}
	f := &Folder{disk: crammed{simulated{disk}}}
	if err := f.bury(ctx, "yard", 1, day, tomb); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("buried: %v", err)
	}
	if seen, hidden := contentsOf(t, disk.Reboot()); len(seen) > 0 || len(hidden) > 0 {
		t.Errorf("still there: %v %v", seen, hidden)
	}
}

// crammed has no room for anything new.
type crammed struct{ simulated }

func (c crammed) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	if flag&os.O_CREATE != 0 {
		return nil, syscall.ENOSPC
	}
	return c.simulated.OpenFile(name, flag, perm)
}

// What was decided is brought to the folder later, if the folder does not take it now.
func TestSettleAfterFaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Open(t, store.SQLite))
	v := r.signed(nil)
	s := r.room()
	r.disk.FailAt(r.disk.Ops()+9, errDisk, false)
	p, err := s.Publish(ctx, ann, v.ID)
	r.must(err)
	if p.Number != 1 || p.Placed {
		t.Errorf("%+v", p)
	}
	r.must(r.room().Settle(ctx))
	if doc := r.verified("yard-2020/v1"); doc.State != bundle.Published {
		t.Error("not out")
	}
	// Whoever withdraws is told if the media are still there.
	r.disk.FailAt(r.disk.Ops()+9, errDisk, false)
	err = s.Withdraw(ctx, ann, v.ID, all("a", "b", "c"))
	is(t, "withdraw on a broken disk", err, errDisk)
	if x, err := s.Release(ctx, ann, v.ID); err != nil || x.State != StateWithdrawn || x.Publications[0].Placed {
		t.Errorf("%+v, %v", x.Publications, err)
	}
	r.must(r.room().Settle(ctx))
	if doc := r.verified("yard-2020/v1"); doc.State != bundle.Withdrawn {
		t.Error("not withdrawn")
	}
	// A bundle that is late must not come back over its tombstone.
	w := r.signed(func(d *Draft) { d.Slug = "two" })
	r.disk.FailAt(r.disk.Ops()+9, errDisk, false)
	_, err = s.Publish(ctx, ann, w.ID)
	r.must(err)
	var old []store.ReleasePublication
	r.must(r.db.Read(ctx, func(tx *store.Tx) (err error) { old, err = tx.UnplacedPublications(ctx); return err }))
	r.must(s.Withdraw(ctx, ann, w.ID, all("a", "b", "c")))
	if len(old) != 1 {
		t.Fatal("nothing is late")
	}
	r.must(s.Settle(ctx))
	if doc := r.verified("two/v1"); doc.State != bundle.Withdrawn {
		t.Error("the bundle came back")
	}
}

// The real disk: a link in the folder leads nowhere else, and nobody but the owner may write.
func TestRealFolder(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "public", "releases")
	f := FolderAt(dir)
	files := withSums([]file{literal(bundle.FileRelease, []byte("one")), literal("clip-720.mp4", []byte("clip"))})
	if err := f.place(ctx, "yard", 1, day, files); err != nil {
		t.Fatal(err)
	}
	if err := f.place(ctx, "yard", 1, day, files[:1]); err != nil {
		t.Fatal(err)
	}
	if list, err := os.ReadDir(filepath.Join(dir, "yard", "v1")); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	for _, name := range []string{".", "yard", "yard/v1", "yard/v1/" + bundle.FileRelease} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || !info.ModTime().Equal(day) {
			t.Errorf("%s tells when it was written: %v, %v", name, info.ModTime(), err)
		}
	}
	info, err := os.Stat(filepath.Join(dir, "yard", "v1", bundle.FileRelease))
	if err != nil || info.Mode().Perm()&0o022 != 0 {
		t.Errorf("%v, %v", info, err)
	}
	elsewhere := t.TempDir()
	if err := os.Symlink(elsewhere, filepath.Join(dir, "led")); err != nil {
		t.Fatal(err)
	}
	if err := f.place(ctx, "led", 1, day, files); err == nil {
		t.Error("a link led out of the folder")
	}
	if list, err := os.ReadDir(elsewhere); err != nil || len(list) > 0 {
		t.Errorf("written elsewhere: %v, %v", list, err)
	}
	for _, slug := range []string{"", "..", "a/b", ".x", "A"} {
		if err := f.place(ctx, slug, 1, day, files); err == nil {
			t.Errorf("placed at %q", slug)
		}
	}
	if err := f.place(ctx, "yard", 2, day, []file{literal("notes.txt", nil)}); err == nil {
		t.Error("a file that does not belong into a bundle")
	}
	lying := file{name: bundle.FileRelease, size: 3, sum: literal("x", []byte("two")).sum, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader([]byte("one"))), nil
	}}
	if err := f.place(ctx, "yard", 3, day, []file{lying}); err == nil || !strings.Contains(fmt.Sprint(err), "agreed") {
		t.Errorf("another file than was agreed to: %v", err)
	}
}
