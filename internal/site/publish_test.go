package site_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/site"
)

// shelf is a store in memory that can fail at the n-th write.
type shelf struct {
	files map[string]string
	kinds map[string]string
	order []string
	fail  int
	// locked is a file that cannot be removed.
	locked string
}

var errShelf = errors.New("the shelf is broken")

func (s *shelf) step() error {
	if s.fail--; s.fail == 0 {
		return errShelf
	}
	return nil
}

func (s *shelf) Get(_ context.Context, name string) ([]byte, error) {
	if f, ok := s.files[name]; ok {
		return []byte(f), nil
	}
	return nil, site.ErrNotThere
}

func (s *shelf) Put(_ context.Context, name, kind, _ string, size int64, from io.Reader) error {
	if err := s.step(); err != nil {
		return err
	}
	b, err := io.ReadAll(from)
	if err == nil && int64(len(b)) != size {
		err = io.ErrUnexpectedEOF
	}
	s.files[name], s.kinds[name] = string(b), kind
	s.order = append(s.order, "+"+name)
	return err
}

func (s *shelf) Remove(_ context.Context, name string) error {
	if err := s.step(); err != nil {
		return err
	}
	if name == s.locked {
		return errShelf
	}
	delete(s.files, name)
	s.order = append(s.order, "-"+name)
	return nil
}

func (s *shelf) Empty(context.Context) (bool, error) { return len(s.files) == 0, nil }

func newShelf() *shelf { return &shelf{files: map[string]string{}, kinds: map[string]string{}} }

// onDisk is the site without what stands only for servers of files.
func (r *rig) onDisk() map[string]string {
	files := walk(r.t, filepath.Join(r.out, "current")+"/")
	for name := range files {
		if strings.HasSuffix(name, ".gz") {
			delete(files, name)
		}
	}
	return files
}

func TestPublish(t *testing.T) {
	t.Parallel()
	r := newRig(t, 4)
	r.build()
	s := newShelf()
	sent, err := site.Publish(context.Background(), r.out, s)
	if err != nil || sent.Written != sent.Files {
		t.Fatalf("%+v, %v", sent, err)
	}
	if !maps.Equal(s.files, r.onDisk()) {
		t.Error("the store does not hold the site")
	}
	if s.kinds["en/index.html"] != "text/html; charset=utf-8" || s.kinds["media/corridor-0001/v1/clip-720.mp4"] != "video/mp4" {
		t.Errorf("kinds: %v", s.kinds)
	}
	if sent, err := site.Publish(context.Background(), r.out, s); err != nil || sent.Written+sent.Removed != 0 {
		t.Errorf("nothing changed: %+v, %v", sent, err)
	}
	b := r.bundle(2)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	r.build()
	s.order = nil
	if _, err := site.Publish(context.Background(), r.out, s); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(s.files, r.onDisk()) {
		t.Error("the store does not hold the site")
	}
	media := 0
	for i, o := range s.order { // nothing may come before the withdrawn clip goes
		if strings.HasPrefix(o, "-media/corridor-0002/v1/") {
			if media++; i != media-1 {
				t.Errorf("step %d is %s", i, o)
			}
		}
	}
	if media < 5 {
		t.Errorf("order: %v", s.order)
	}
}

// Each step of a publication fails once; the next call finishes it, and a withdrawn clip does not survive.
func TestPublishIsFinishedByTheNextCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.o.Config.Languages = []string{"en"}
	r.build()
	first := newShelf()
	if _, err := site.Publish(context.Background(), r.out, first); err != nil {
		t.Fatal(err)
	}
	b := r.bundle(1)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	_ = os.RemoveAll(filepath.Join(r.releases, "corridor-0000"))
	r.write(r.bundle(3))
	r.build()
	want := r.onDisk()
	for _, from := range []*shelf{newShelf(), first} {
		for n := 1; ; n++ {
			s := &shelf{files: maps.Clone(from.files), kinds: map[string]string{}, fail: n}
			_, err := site.Publish(context.Background(), r.out, s)
			if err == nil {
				if n < 20 {
					t.Errorf("only %d steps", n)
				}
				break
			}
			if !errors.Is(err, errShelf) {
				t.Fatal(err)
			}
			s.fail = 0
			if _, err := site.Publish(context.Background(), r.out, s); err != nil {
				t.Fatalf("after step %d: %v", n, err)
			}
			if !maps.Equal(s.files, want) {
				t.Fatalf("after step %d the store does not hold the site", n)
			}
		}
	}
}

// One file that cannot be removed keeps no other file there, nor the pages that say what was withdrawn away, and is not forgotten.
func TestWhatCannotBeRemovedHoldsNothingUp(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.o.Config.Languages = []string{"en"}
	r.build()
	s := newShelf()
	if _, err := site.Publish(context.Background(), r.out, s); err != nil {
		t.Fatal(err)
	}
	b := r.bundle(1)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	r.build()
	s.locked = "media/corridor-0001/v1/captions.en.vtt" // the first one by name
	for range 2 {
		if _, err := site.Publish(context.Background(), r.out, s); !errors.Is(err, site.ErrNotRemoved) {
			t.Fatalf("it is still there: %v", err)
		}
		for name := range s.files {
			if strings.HasPrefix(name, "media/corridor-0001/v1/") && name != s.locked {
				t.Errorf("%s is still there", name)
			}
		}
		if !strings.Contains(s.files["en/r/corridor-0001.html"], "Asked for.") {
			t.Error("the page does not say that it was withdrawn")
		}
	}
	s.locked = ""
	if _, err := site.Publish(context.Background(), r.out, s); err != nil || !maps.Equal(s.files, r.onDisk()) {
		t.Errorf("the next call does not finish it: %v", err)
	}
}

// What somebody changed on this machine does not go to others.
func TestAChangedSiteIsNotSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.o.Config.Languages = []string{"en"}
	r.build()
	page := filepath.Join(r.out, "current", "en", "how.html")
	good, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "www")
	for name, spoil := range map[string]func() error{
		"another page": func() error {
			return os.WriteFile(page, []byte(strings.Replace(string(good), "sealed", "broken", 1)), 0o644)
		},
		"a link":          func() error { return errors.Join(os.Remove(page), os.Symlink("/etc/hostname", page)) },
		"a packed copy":   func() error { return os.WriteFile(page+".gz", []byte("x"), 0o644) },
		"a file too many": func() error { return os.WriteFile(filepath.Join(filepath.Dir(page), "more.html"), []byte("x"), 0o644) },
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		s := newShelf()
		if _, err := site.Publish(context.Background(), r.out, s); err == nil && (name == "another page" || name == "a link") || s.files["en/how.html"] != "" && s.files["en/how.html"] != string(good) {
			t.Errorf("%s: sent to a store: %v", name, err)
		}
		if _, err := exec.LookPath("rsync"); err == nil {
			if _, err := site.Rsync(context.Background(), r.out, to); !errors.Is(err, site.ErrChanged) {
				t.Errorf("%s: sent by rsync: %v", name, err)
			}
		}
		_ = os.Remove(filepath.Join(filepath.Dir(page), "more.html"))
		r.o.All = true
		r.build()
		page = filepath.Join(r.out, "current", "en", "how.html")
	}
	if len(walk(t, filepath.Dir(to))) > 0 {
		t.Error("something was sent")
	}
}

func TestPublishLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.build()
	for name, text := range map[string]string{"thesis.txt": "x", "site-manifest.json": `{"format":"other"}`, "./site-manifest.json": ""} {
		s := newShelf()
		if name == "./site-manifest.json" {
			s.files["site-manifest.json"], s.files["x"] = `{"format":"zapis site 1","files":{"../x":{"sha256":"","bytes":0}}}`, "y"
		} else {
			s.files[name] = text
		}
		if _, err := site.Publish(context.Background(), r.out, s); !errors.Is(err, site.ErrNotOurs) {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.order) > 0 {
			t.Errorf("%s: %v", name, s.order)
		}
	}
}

func TestRsync(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("rsync"); err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal("rsync is not installed")
		}
		t.Skip("rsync is not installed")
	}
	r := newRig(t, 3)
	r.build()
	to := filepath.Join(t.TempDir(), "www")
	if sent, err := site.Rsync(context.Background(), r.out, to); err != nil || sent.Written < 50 || sent.Written != sent.Files-1 || sent.Files != len(walk(t, to)) {
		t.Fatalf("%+v, %v", sent, err)
	}
	b := r.bundle(2)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	r.build()
	sent, err := site.Rsync(context.Background(), r.out, to)
	if err != nil || sent.Removed < 5 {
		t.Fatalf("%+v, %v", sent, err)
	}
	if !maps.Equal(walk(t, to), walk(t, filepath.Join(r.out, "current")+"/")) {
		t.Error("the place does not hold the site")
	}
	// Cut short at its very beginning: the list alone is there.
	begun := t.TempDir()
	if err := os.WriteFile(filepath.Join(begun, "site-manifest.json"), []byte(r.read("site-manifest.json")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Rsync(context.Background(), r.out, begun); err != nil || !maps.Equal(walk(t, begun), walk(t, to)) {
		t.Errorf("a call that was cut short is not finished: %v", err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Rsync(context.Background(), r.out, other); !errors.Is(err, site.ErrNotOurs) || len(walk(t, other)) != 1 {
		t.Errorf("a folder of somebody else: %v", err)
	}
	for _, bad := range []string{"", "-e sh", "a\nb"} {
		if _, err := site.Rsync(context.Background(), r.out, bad); !errors.Is(err, site.ErrConfig) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A call that is cut short while it sends leaves a place that the next one knows, and finishes.
func TestRsyncIsFinishedByTheNextCall(t *testing.T) { // not parallel: another program takes the place of rsync
	tool, err := exec.LookPath("rsync")
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal("rsync is not installed")
		}
		t.Skip("rsync is not installed")
	}
	r := newRig(t, 2)
	r.o.Config.Languages = []string{"en"}
	r.build()
	bin, to := t.TempDir(), filepath.Join(t.TempDir(), "www")
	broken := "#!/bin/sh\ncase \"$*\" in *--delay-updates*) exit 12;; esac\nexec " + tool + " \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "rsync"), []byte(broken), 0o700); err != nil {
		t.Fatal(err)
	}
	path := os.Getenv("PATH")
	t.Setenv("PATH", bin+":"+path)
	if _, err := site.Rsync(context.Background(), r.out, to); err == nil || !strings.Contains(err.Error(), "exit status 12") {
		t.Fatalf("it was cut short: %v", err)
	}
	if files := walk(t, to); len(files) != 1 || files["site-manifest.json"] == "" {
		t.Errorf("the place holds %d files and not the list alone", len(files))
	}
	t.Setenv("PATH", path)
	if _, err := site.Rsync(context.Background(), r.out, to); err != nil || !maps.Equal(walk(t, to), walk(t, filepath.Join(r.out, "current")+"/")) {
		t.Errorf("the next call does not finish it: %v", err)
	}
	// A withdrawn clip goes even if nothing can be sent.
	b := r.bundle(1)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	r.build()
	t.Setenv("PATH", bin+":"+path)
	if _, err := site.Rsync(context.Background(), r.out, to); err == nil {
		t.Fatal("it was cut short")
	}
	for name := range walk(t, to) {
		if strings.HasPrefix(name, "media/corridor-0001/") {
			t.Errorf("%s is still there", name)
		}
	}
}
