package ingest

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault/vaulttest"
)

// list walks a place and gives what it finds as "path outcome reason".
func list(t *testing.T, portion int, paths ...string) (out []string) {
	t.Helper()
	roots, err := openRoots(paths)
	if err != nil {
		t.Fatal(err)
	}
	w := walker{hooks: &Hooks{}, portion: portion, emit: func(f *found) error {
		out = append(out, strings.TrimSpace(f.path+" "+string(f.result)+" "+f.reason))
		return nil
	}}
	for _, r := range roots {
		if err := w.walk(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := r.close(); err != nil {
			t.Error(err)
		}
	}
	return out
}

func TestWalkGoesInTheOrderOfBytes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"b/2", "b/10", "a", "b.x", "é", "B/1", "\xff"} {
		put(t, dir, name, nil)
	}
	want := []string{"B/1", "a", "b/10", "b/2", "b.x", "é", "\xff"}
	if got := list(t, 0, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A folder too large to be sorted at once loses nothing.
func TestLargeFoldersComeInPortions(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 100 {
		put(t, dir, fmt.Sprintf("d%d/%d", i%3, i), nil)
	}
	for _, portion := range []int{1, 2, 7, 33, 34, 100} {
		got := list(t, portion, dir)
		slices.Sort(got)
		if len(slices.Compact(got)) != 100 {
			t.Errorf("portions of %d: %d names", portion, len(got))
		}
	}
}

func TestDepthHasALimit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	deep := strings.Repeat("d/", MaxDepth+2)
	put(t, dir, deep+"never reached", nil)
	put(t, dir, strings.Repeat("d/", MaxDepth-1)+"reached", nil)
	got := list(t, 0, dir)
	want := []string{strings.Repeat("d/", MaxDepth-1) + "d failed too-deep", strings.Repeat("d/", MaxDepth-1) + "reached"}
	if !slices.Equal(got, want) {
		t.Errorf("got %d things, the last %q", len(got), got[len(got)-1])
	}
}

// Files that the kernel makes up are never read: some of them never end.
func TestPseudoFileSystemsAreNotWalked(t *testing.T) {
	t.Parallel()
	if got := list(t, 0, "/proc"); !slices.Equal(got, []string{"skipped pseudo-filesystem"}) {
		t.Errorf("got %d things", len(got))
	}
	got := list(t, 0, "/sys")
	if !slices.Equal(got, []string{"skipped pseudo-filesystem"}) {
		t.Errorf("got %d things", len(got))
	}
}

// A link that is named by itself is recorded, unless a slash at its end says that the folder behind it is meant.
func TestNamedLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "real/file", nil)
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if got := list(t, 0, filepath.Join(dir, "link")); !slices.Equal(got, []string{"link skipped symlink"}) {
		t.Errorf("the link itself: %q", got)
	}
	if got := list(t, 0, filepath.Join(dir, "link")+"/"); !slices.Equal(got, []string{"file"}) {
		t.Errorf("the folder behind it: %q", got)
	}
	h := build(t, store.SQLite, nil)
	r := h.must(filepath.Join(dir, "real"), filepath.Join(dir, "link"))
	if len(r.Odd) != 1 || r.Odd[2] != ReasonSymlink {
		t.Errorf("%v", r.Odd)
	}
}

// A slow source is recorded in parts: nothing waits for the end of its group.
func TestSlowGroupsAreRecordedInParts(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	for i := range 40 {
		put(t, src, fmt.Sprintf("%02d", i), vaulttest.Noise(uint64(i%30), 500+i%30))
	}
	if err := os.Link(filepath.Join(src, "03"), filepath.Join(src, "39b")); err != nil {
		t.Fatal(err)
	}
	parts := 0
	h.serve(func(o *Options) { o.FS = &Hooks{Stored: func(int64) { parts++ }}; o.InFlight = 1 })
	h.svc.groupTime = time.Nanosecond
	h.must(src)
	if parts != 41 {
		t.Errorf("%d parts", parts)
	}
	h.complete(src)
	h.clean()
}

// No name gets out of the vault: not into the logger, the custody record, the lock folder, nor any file of the archive.
func TestNoNameGetsOut(t *testing.T) {
	t.Parallel()
	var logged bytes.Buffer
	h := build(t, store.SQLite, nil)
	src := filepath.Join(t.TempDir(), "canary-root")
	put(t, src, "canary-folder/canary-file.avi", []byte("bytes"))
	put(t, src, "canary-folder/canary-gone.avi", []byte("bytes too"))
	if err := os.Symlink("canary-target", filepath.Join(src, "canary-link")); err != nil {
		t.Fatal(err)
	}
	h.serve(func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		o.FS = &Hooks{Open: func(p string) {
			if strings.HasSuffix(p, "gone.avi") {
				_ = os.Remove(filepath.Join(src, p))
			}
		}}
	})
	h.must(src)
	if _, _, err := h.svc.Close(context.Background(), agent, h.acc.ID); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(logged.Bytes(), []byte("canary")) {
		t.Errorf("the logger: %s", logged.Bytes())
	}
	storetest.Read(t, h.db, func(tx *store.Tx) error {
		openings, err := tx.Openings(t.Context(), 0, 1000)
		for _, o := range openings {
			if bytes.Contains(o.Event, []byte("canary")) {
				t.Errorf("event %d: %s", o.Index, o.Event)
			}
		}
		if len(openings) < 4 {
			t.Errorf("%d events", len(openings))
		}
		for p, err := range tx.Manifest(t.Context(), h.acc.ID) {
			if err != nil {
				return err
			}
			if bytes.Contains(p.Sealed, []byte("canary")) || bytes.Contains(p.Fingerprint, []byte("canary")) || strings.Contains(p.Reason, "canary") {
				t.Errorf("provenance %s", p.ID)
			}
			if p.Outcome != archive.OutcomeReceived && p.Outcome != archive.OutcomeFailed && p.Outcome != archive.OutcomeSkipped {
				t.Errorf("outcome %s", p.Outcome)
			}
		}
		return err
	})
	for _, dir := range []string{h.home, filepath.Dir(strings.TrimPrefix(h.options.URL, "sqlite://"))} {
		err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := os.ReadFile(at)
			if bytes.Contains(text, []byte("canary")) || strings.Contains(d.Name(), "canary") {
				t.Errorf("%s carries a name", d.Name())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	// And whoever may see them does.
	if l := h.byPath()["canary-folder/canary-file.avi"]; l.Outcome != "received" || l.Origin.Extension != "avi" {
		t.Errorf("line %+v", l)
	}
}
