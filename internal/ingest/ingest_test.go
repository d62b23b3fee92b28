package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
)

// oddTree lays out what disks hold, and gives the expected outcome and reason of each path.
func oddTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	want := map[string]string{}
	file := func(name string, text []byte) {
		put(t, dir, name, text)
		want[name] = "received"
	}
	file("plain.txt", []byte("plain"))
	file("zero", nil)
	file("not utf-8 \xff\xfe\x80", []byte("a name that is not UTF-8"))
	file("line\nbreak\ttab\x1b[31mred", []byte("a name with control characters"))
	file("\u202egnp.exe", []byte("a name that turns the reading direction"))
	file(strings.Repeat("n", 255), []byte("a name of 255 bytes"))
	file(strings.Repeat("d/", 100)+"deep", []byte("a hundred folders down"))
	file("папка/видео.avi", []byte("видео"))
	file(" leading and trailing ", []byte("blanks"))
	file("-rf", []byte("looks like an option"))
	file("big.bin", vaulttest.Noise(1, int(3*vaulttest.Segment)+17))
	file("a/first", []byte("the same bytes"))
	put(t, dir, "b/second", []byte("the same bytes"))
	want["b/second"] = "duplicate"
	put(t, dir, "c/empty too", nil)
	want["c/empty too"] = "received" // zero bytes come again as "zero": whichever is found first is the item
	want["zero"] = "duplicate"
	if err := os.Link(filepath.Join(dir, "plain.txt"), filepath.Join(dir, "plain2.txt")); err != nil {
		t.Fatal(err)
	}
	want["plain2.txt"] = "duplicate hardlink"
	for name, target := range map[string]string{"link to file": "plain.txt", "link to folder": "a", "link out": "/etc/passwd", "link nowhere": "not there"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		want[name] = "skipped symlink"
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	want["pipe"] = "skipped fifo"
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketPath(t, dir)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	want["socket"] = "skipped socket"
	if err := os.Mkdir(filepath.Join(dir, "nothing here"), 0o700); err != nil {
		t.Fatal(err)
	}
	want["nothing here"] = "skipped empty-folder"
	f, err := os.Create(filepath.Join(dir, "sparse"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("after the hole"), 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	want["sparse"] = "received"
	return want
}

// socketPath goes round the limit on the length of socket addresses.
func socketPath(t *testing.T, dir string) string {
	t.Helper()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return fmt.Sprintf("/proc/self/fd/%d/socket", d.Fd())
}

func TestEverythingFoundIsALine(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		h := build(t, engine, nil)
		src := t.TempDir()
		want := oddTree(t, src)
		r := h.must(src)
		got := h.byPath()
		for path, w := range want {
			l, ok := got[path]
			if !ok {
				t.Errorf("%q is not in the manifest", path)
				continue
			}
			if have := strings.TrimSpace(l.Outcome + " " + l.Reason); have != w {
				t.Errorf("%q: %s, want %s", path, have, w)
			}
			if l.Origin.Name != cleanName(path) || strings.ContainsAny(l.Origin.Name, "\n\x1b\u202e") {
				t.Errorf("%q is shown as %q", path, l.Origin.Name)
			}
		}
		if len(got) != len(want) || r.Tally.Found != int64(len(want)) || r.Failed() != 0 {
			t.Errorf("%d lines of %d things, result %+v", len(got), len(want), r)
		}
		if !got["sparse"].Origin.Sparse || got["plain.txt"].Origin.Sparse {
			t.Error("holes are not noted right")
		}
		if string(got["link out"].Origin.Target) != "/etc/passwd" || got["link out"].Item != "" {
			t.Errorf("the link: %+v", got["link out"])
		}
		if got["plain2.txt"].Item != got["plain.txt"].Item || got["plain.txt"].Origin.Links != 2 {
			t.Error("the hard link is not the same item")
		}
		h.complete(src)
		h.clean()
		again := h.must(src)
		if again.Tally.Found != 0 || again.Passed != int64(len(want)) {
			t.Errorf("the second run did work: %+v", again)
		}
		rec, text, err := h.svc.Close(t.Context(), agent, h.acc.ID)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Tally != r.Tally || rec.Files.Count != r.Tally.Received+r.Tally.Duplicates {
			t.Errorf("receipt %+v, result %+v", rec, r)
		}
		if _, err := VerifyReceipt(text, h.verifier); err != nil {
			t.Error(err)
		}
		h.clean()
		if _, err := h.ingest(src); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("a closed accession took material in: %v", err)
		}
		if _, again, err := h.svc.Close(t.Context(), agent, h.acc.ID); err != nil || string(again) != string(text) {
			t.Errorf("closing again gives another receipt: %v", err)
		}
	})
}

// What must never be opened is not: a pipe would block for ever, a device could act.
func TestPipesAreNeverOpened(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	pipe := filepath.Join(src, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	h.must(src)
	// Nobody reads from the pipe, and nobody did: opening it for writing without waiting must fail.
	if fd, err := unix.Open(pipe, unix.O_WRONLY|unix.O_NONBLOCK, 0); err == nil {
		_ = unix.Close(fd)
		t.Error("somebody has the pipe open")
	}
}

// race runs an ingest of one file while the hook plays the other party.
func race(t *testing.T, hooks func(src string, once func() bool) *Hooks) (*house, manifestLine, Result) {
	t.Helper()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "x", vaulttest.Noise(7, 200_000))
	put(t, src, "z", []byte("a neighbour that must be taken in all the same"))
	var n atomic.Int32
	h.serve(func(o *Options) { o.FS = hooks(src, func() bool { return n.Add(1) == 1 }) })
	r, err := h.ingest(src)
	if err != nil {
		t.Fatal(err)
	}
	if h.byPath()["z"].Outcome != "received" {
		t.Error("the neighbour was not taken in")
	}
	h.clean()
	return h, h.byPath()["x"], r
}

func TestFilesThatDoNotHoldStill(t *testing.T) {
	t.Parallel()
	elsewhere := t.TempDir()
	put(t, elsewhere, "secret", []byte("must never be read"))
	is := func(p string) bool { return p == "x" }
	for name, c := range map[string]struct {
		want  string
		hooks func(src string, once func() bool) *Hooks
	}{
		"gone before it is opened": {"failed vanished", func(src string, once func() bool) *Hooks {
			return &Hooks{Open: func(p string) {
				if is(p) && once() {
					_ = os.Remove(filepath.Join(src, "x"))
				}
			}}
		}},
		"gone while the folder is listed": {"failed vanished", func(src string, once func() bool) *Hooks {
			return &Hooks{Listed: func(p string) {
				if is(p) && once() {
					_ = os.Remove(filepath.Join(src, "x"))
				}
			}}
		}},
		"grows once": {"received", func(src string, once func() bool) *Hooks {
			return &Hooks{Read: func(p string, _ int64) {
				if is(p) && once() {
					appendTo(src)
				}
			}}
		}},
		"grows always": {"failed changed", func(src string, _ func() bool) *Hooks {
			return &Hooks{Read: func(p string, _ int64) {
				if is(p) {
					appendTo(src)
				}
			}}
		}},
		"shrinks always": {"failed changed", func(src string, _ func() bool) *Hooks {
			size := int64(200_000)
			return &Hooks{Read: func(p string, _ int64) {
				if is(p) {
					size -= 1000
					_ = os.Truncate(filepath.Join(src, "x"), size)
				}
			}}
		}},
		"is overwritten in place, size kept and time set back": {"failed changed", func(src string, _ func() bool) *Hooks {
			return &Hooks{Read: func(p string, _ int64) {
				if is(p) {
					at := filepath.Join(src, "x")
					info, _ := os.Stat(at)
					f, _ := os.OpenFile(at, os.O_WRONLY, 0)
					_, _ = f.WriteAt([]byte("forged"), 100)
					_ = f.Close()
					_ = os.Chtimes(at, info.ModTime(), info.ModTime())
				}
			}}
		}},
		"is replaced by another file once": {"received", func(src string, once func() bool) *Hooks {
			return &Hooks{Open: func(p string) {
				if is(p) && once() {
					put(t, src, "new", []byte("another"))
					_ = os.Rename(filepath.Join(src, "new"), filepath.Join(src, "x"))
				}
			}}
		}},
		"is replaced by a link that leads out": {"failed swapped", func(src string, _ func() bool) *Hooks {
			return &Hooks{Open: func(p string) {
				if is(p) {
					_ = os.Remove(filepath.Join(src, "x"))
					_ = os.Symlink(filepath.Join(elsewhere, "secret"), filepath.Join(src, "x"))
				}
			}}
		}},
		"is replaced by a pipe": {"failed swapped", func(src string, _ func() bool) *Hooks {
			return &Hooks{Open: func(p string) {
				if is(p) {
					_ = os.Remove(filepath.Join(src, "x"))
					_ = syscall.Mkfifo(filepath.Join(src, "x"), 0o600)
				}
			}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, l, r := race(t, c.hooks)
			if got := strings.TrimSpace(l.Outcome + " " + l.Reason); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if failed := strings.HasPrefix(c.want, "failed"); failed != (r.Failed() == 1) {
				t.Errorf("result %+v", r)
			}
			if l.SHA256 == hexSum([]byte("must never be read")) {
				t.Error("a link was followed")
			}
			_ = h
		})
	}
}

func appendTo(src string) {
	f, err := os.OpenFile(filepath.Join(src, "x"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	_, _ = f.WriteString("more")
	_ = f.Close()
}

// A folder that is swapped for a link after it was listed cannot lead the run out of the place that was named.
func TestASwappedFolderDoesNotLeadOut(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src, out := t.TempDir(), t.TempDir()
	put(t, src, "d/file", []byte("inside"))
	put(t, out, "file", []byte("outside"))
	var done atomic.Bool
	h.serve(func(o *Options) {
		o.FS = &Hooks{Open: func(p string) {
			if p == "d/file" && !done.Swap(true) {
				_ = os.Rename(filepath.Join(src, "d"), filepath.Join(src, "e"))
				_ = os.Symlink(out, filepath.Join(src, "d"))
			}
		}}
	})
	if _, err := h.ingest(src); err != nil {
		t.Fatal(err)
	}
	l := h.byPath()["d/file"]
	if l.Outcome != "failed" || l.Reason != ReasonSwapped {
		t.Errorf("line %+v", l)
	}
}

// A failed file gets a second chance in the next run, and one line for each different end.
func TestFailedFilesAreTriedAgain(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "x", vaulttest.Noise(7, 200_000))
	h.serve(func(o *Options) {
		o.FS = &Hooks{Open: func(string) { _ = os.Rename(filepath.Join(src, "x"), filepath.Join(src, ".x")) }}
	})
	// The second name is found in the same listing or not; only "x" matters here.
	if _, err := h.ingest(filepath.Join(src, "x")); err != nil {
		t.Fatal(err)
	}
	if l := h.byPath()["x"]; l.Outcome != "failed" || l.Reason != ReasonVanished {
		t.Fatalf("line %+v", l)
	}
	if err := os.Rename(filepath.Join(src, ".x"), filepath.Join(src, "x")); err != nil {
		t.Fatal(err)
	}
	h.serve(nil)
	r := h.must(src)
	if r.Tally.Received != 1 || len(h.lines()) != 2 {
		t.Errorf("result %+v, %d lines", r, len(h.lines()))
	}
	h.clean()
}

func TestUnreadableFilesAndFoldersAreLines(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything; the script failures.txt of cmd/zapis does the same without root's rights")
	}
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "locked", []byte("x"))
	put(t, src, "folder/inside", []byte("y"))
	_ = os.Chmod(filepath.Join(src, "locked"), 0)
	_ = os.Chmod(filepath.Join(src, "folder"), 0)
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(src, "folder"), 0o700) })
	r := h.must(src)
	if l := h.byPath()["locked"]; l.Outcome != "failed" || l.Reason != ReasonUnreadable {
		t.Errorf("locked: %+v", l)
	}
	if l := h.byPath()["folder"]; l.Outcome != "failed" || l.Reason != ReasonNoFolder {
		t.Errorf("folder: %+v", l)
	}
	if r.Failed() != 2 {
		t.Errorf("%+v", r)
	}
	again := h.must(src)
	if again.Failed() != 2 || again.Again != 2 || len(h.lines()) != 2 {
		t.Errorf("the second run doubled the failures: %+v, %d lines", again, len(h.lines()))
	}
}

// The archive never takes in itself, whatever is named.
func TestTheArchiveDoesNotEatItself(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	parent := filepath.Dir(h.home)
	if _, err := h.ingest(h.home); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("the home was taken in: %v", err)
	}
	if _, err := h.ingest(filepath.Join(h.home, "vault")); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("the vault was taken in: %v", err)
	}
	own, err := ownFolders([]string{h.home})
	if err != nil {
		t.Fatal(err)
	}
	roots, err := openRoots([]string{parent})
	if err != nil {
		t.Fatal(err)
	}
	defer roots[0].close()
	seen := false
	w := walker{own: own, hooks: &Hooks{}, emit: func(f *found) error {
		at := filepath.Join(parent, f.path)
		if at == h.home {
			seen = f.result == archive.OutcomeSkipped && f.reason == ReasonOwn
		} else if strings.HasPrefix(at, h.home+"/") {
			t.Errorf("inside the home: %q", f.path)
		}
		return nil
	}}
	if err := w.walk(t.Context(), roots[0]); err != nil {
		t.Fatal(err)
	}
	if !seen {
		t.Error("the home is not a line")
	}
}

func TestPlacesThatCannotBeNamed(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	dir := t.TempDir()
	put(t, dir, "file", []byte("x"))
	for name, paths := range map[string][]string{"none": nil, "empty": {""}, "missing": {filepath.Join(dir, "petrov")}, "second missing": {dir, filepath.Join(dir, "petrov")}} {
		_, err := h.ingest(paths...)
		if err == nil {
			t.Errorf("%s: taken", name)
		} else if strings.Contains(err.Error(), "petrov") || strings.Contains(err.Error(), dir) {
			t.Errorf("%s: the error names a path: %v", name, err)
		}
	}
	if n := len(h.lines()); n != 0 {
		t.Errorf("%d lines were written", n)
	}
	if _, err := h.svc.Ingest(t.Context(), agent, "../../etc", []string{dir}, nil); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("a strange identifier: %v", err)
	}
	if _, err := h.svc.Ingest(t.Context(), agent, archive.NewID("ac"), []string{dir}, nil); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("an accession that is not there: %v", err)
	}
}

func TestOneRunAtATime(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "x", []byte("x"))
	l, err := lock(filepath.Join(h.home, "lock"), h.acc.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.ingest(src); !errors.Is(err, archive.ErrBusy) {
		t.Errorf("ingest beside another run: %v", err)
	}
	if _, _, err := h.svc.Close(t.Context(), agent, h.acc.ID); !errors.Is(err, archive.ErrBusy) {
		t.Errorf("close beside a run: %v", err)
	}
	_ = l.Close()
	h.must(src)
}

// Overlapping places, and the same one twice, give each file one line.
func TestOverlappingPlaces(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "a/1", []byte("one"))
	put(t, src, "a/2", []byte("two"))
	h.must(src, filepath.Join(src, "a"), src, filepath.Join(src, "a", "1"))
	if n := len(h.lines()); n != 2 {
		t.Errorf("%d lines", n)
	}
	h.must(filepath.Join(src, "a", "2"))
	if n := len(h.lines()); n != 2 {
		t.Errorf("%d lines after a file was named by itself", n)
	}
	h.clean()
}

// A file that was altered after the first run is taken in again, also when its time of modification was set back.
func TestAlteredFilesAreNotPassedOver(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "x", []byte("first"))
	h.must(src)
	info, err := os.Stat(filepath.Join(src, "x"))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond) // the clock of the file system is coarse
	put(t, src, "x", []byte("forge"))
	if err := os.Chtimes(filepath.Join(src, "x"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if r := h.must(src); r.Tally.Received != 1 {
		t.Errorf("%+v", r)
	}
}

// Bytes that are held in quarantine are not acknowledged a second time.
func TestDamagedHoldingsAreNotAcknowledged(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "1", []byte("bytes"))
	h.must(src)
	item := h.byPath()["1"].Item
	storetest.Write(t, h.db, func(tx *store.Tx) error {
		return tx.MoveItem(t.Context(), item, archive.ItemQuarantined, "seal-broken")
	})
	put(t, src, "2", []byte("bytes"))
	r := h.must(src)
	if l := h.byPath()["2"]; l.Outcome != "failed" || l.Reason != ReasonHeldDamaged || r.Failed() != 1 {
		t.Errorf("line %+v, %+v", l, r)
	}
}

// Two runs on two accessions meet over the same bytes: they are held once.
func TestTwoRunsMeet(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		h := build(t, engine, nil)
		src := t.TempDir()
		for i := range 20 {
			put(t, src, fmt.Sprint(i), vaulttest.Noise(uint64(i), 3000))
		}
		other, err := h.svc.NewAccession(t.Context(), agent, "Another")
		if err != nil {
			t.Fatal(err)
		}
		// The second run goes from beginning to end while the first has its files sealed and not recorded.
		var met atomic.Bool
		first := h.svc
		h.serve(nil)
		second := h.svc
		first.o.FS = &Hooks{Stored: func(int64) {
			if !met.Swap(true) {
				if _, err := second.Ingest(context.Background(), agent, other.ID, []string{src}, nil); err != nil {
					t.Error(err)
				}
			}
		}}
		r, err := first.Ingest(t.Context(), agent, h.acc.ID, []string{src}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if r.Tally.Duplicates != 20 || r.Tally.Received != 0 {
			t.Errorf("%+v", r)
		}
		h.complete(src)
		h.clean()
	})
}

// A full disk ends the run, keeps nothing half-written, and the next run goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	for i := range 5 {
		put(t, src, fmt.Sprint(i), vaulttest.Noise(uint64(i), 100_000))
	}
	h.serve(func(o *Options) { o.Reserve = 1 << 62 })
	_, err := h.ingest(src)
	var p *archive.Public
	if !errors.Is(err, vault.ErrFull) || !errors.As(err, &p) || p.Hint == "" {
		t.Errorf("error %v", err)
	}
	if n := len(h.lines()); n != 0 {
		t.Errorf("%d lines", n)
	}
	h.serve(nil)
	h.must(src)
	h.complete(src)
	h.clean()
}

// Ctrl-C: nothing half-written, what was sealed is recorded, and the next run reads only what is missing.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	for _, at := range []int32{1, 3, 40, 150, 290} {
		t.Run(fmt.Sprint(at), func(t *testing.T) {
			t.Parallel()
			h := build(t, store.SQLite, nil)
			src := t.TempDir()
			for i := range 300 {
				put(t, src, fmt.Sprintf("%d/%d", i%7, i), vaulttest.Noise(uint64(i), 500+i))
			}
			ctx, cancel := context.WithCancel(t.Context())
			var n atomic.Int32
			h.serve(func(o *Options) {
				o.FS = &Hooks{Open: func(string) {
					if n.Add(1) == at {
						cancel()
					}
				}}
			})
			if _, err := h.svc.Ingest(ctx, agent, h.acc.ID, []string{src}, nil); !errors.Is(err, context.Canceled) {
				t.Fatalf("error %v", err)
			}
			h.clean()
			before := len(h.lines())
			n.Store(0)
			h.serve(func(o *Options) { o.FS = &Hooks{Open: func(string) { n.Add(1) }} })
			r := h.must(src)
			if int(n.Load()) != 300-before || r.Passed != int64(before) {
				t.Errorf("%d files were opened, %d were finished of 300; %+v", n.Load(), before, r)
			}
			h.complete(src)
			h.clean()
		})
	}
}

// The order of the manifest is that of the walk, whatever is sealed first.
func TestOrderOfLines(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	for i := range 400 {
		size := 10
		if i%97 == 5 {
			size = bigFile + i // has a group of its own, and takes longer
		}
		put(t, src, fmt.Sprintf("%03d", i), vaulttest.Noise(uint64(i), size))
	}
	h.must(src)
	for i, l := range h.lines() {
		if l.Seq != fmt.Sprint(i+1) || string(l.Origin.Path) != fmt.Sprintf("%03d", i) {
			t.Fatalf("line %d is %s: %q", i+1, l.Seq, l.Origin.Path)
		}
	}
	h.clean()
}

// Progress names failed files to the caller, ends with the totals, and the logger hears no name.
func TestProgress(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "gone-\x1b[2J", []byte("x"))
	put(t, src, "stays", []byte("0123456789"))
	h.serve(func(o *Options) {
		o.FS = &Hooks{Open: func(p string) {
			if strings.HasPrefix(p, "gone") {
				_ = os.Remove(filepath.Join(src, p))
			}
		}}
	})
	var last Progress
	var failed []Failure
	_, err := h.svc.Ingest(t.Context(), agent, h.acc.ID, []string{src}, func(p Progress) {
		if p.Failed != nil {
			failed = append(failed, *p.Failed)
			return
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	if last.Step != StepDone || last.Done != 2 || last.ReadBytes != 10 || last.Tally.Failed != 1 {
		t.Errorf("last %+v", last)
	}
	if len(failed) != 1 || failed[0].Name != `gone-\u{1b}[2J` || failed[0].Reason != ReasonVanished || archive.CheckID("pr", failed[0].Provenance) != nil {
		t.Errorf("failed %+v", failed)
	}
	n := 0
	err = h.svc.Failures(t.Context(), h.acc.ID, func(f Failure) error {
		n++
		if f != failed[0] {
			t.Errorf("%+v", f)
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d failures, %v", n, err)
	}
}

// Lines that another machine adds between the writing of the manifest and the closing are not shut out of it: nothing is
// closed.
func TestClosingMeetsAnotherMachine(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "x", []byte("x"))
	h.must(src)
	var met atomic.Bool
	h.svc.write = func(ctx context.Context, f func(*store.Tx) error) error {
		if !met.Swap(true) {
			storetest.Write(t, h.db, func(tx *store.Tx) error {
				return tx.AddTally(ctx, h.acc.ID, archive.Tally{Found: 1, Skipped: 1})
			})
		}
		return h.db.Write(ctx, f)
	}
	if _, _, err := h.svc.Close(t.Context(), agent, h.acc.ID); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("closed all the same: %v", err)
	}
	a, err := h.svc.Accession(t.Context(), h.acc.ID)
	if err != nil || a.State != archive.AccessionOpen || a.Receipt != nil {
		t.Errorf("%s, %v", a.State, err)
	}
	// Tally and lines disagree now, as after damage: that closes nothing either.
	if _, _, err := h.svc.Close(t.Context(), agent, h.acc.ID); !errors.Is(err, archive.ErrIntegrity) {
		t.Errorf("closed over lines that do not add up: %v", err)
	}
}

// Of equal files in groups that are sealed side by side the first one becomes the item, however long its group takes.
func TestEqualFilesInSeveralGroups(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		h := build(t, engine, nil)
		src := t.TempDir()
		for i := range 3 * groupFiles {
			put(t, src, fmt.Sprintf("%04d", i), vaulttest.Noise(uint64(i%groupFiles), 100+i%groupFiles))
		}
		h.serve(func(o *Options) {
			o.FS = &Hooks{Open: func(p string) {
				if p < "0010" {
					time.Sleep(20 * time.Millisecond)
				}
			}}
		})
		h.must(src)
		for i, l := range h.lines() {
			want := "duplicate"
			if i < groupFiles {
				want = "received"
			}
			if l.Outcome != want {
				t.Fatalf("line %d, %q: %s, want %s", i+1, l.Origin.Path, l.Outcome, want)
			}
		}
		h.complete(src)
		h.clean()
	})
}
