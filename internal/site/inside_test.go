package site

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"zapis/verify"
)

// A press kit holds what was checked: a file that changed since then stops the build.
func TestAPressKitHoldsWhatWasChecked(t *testing.T) {
	t.Parallel()
	h := &held{Sizes: map[string]int64{}, Sums: map[string]string{}, Release: Release{Slug: "gate", Release: 1, Published: "2026-11-20T10:00:00Z", Languages: []string{"en"}, Text: map[string]Text{"en": {Title: "A gate"}},
		Clip: &Clip{Files: []File{{Name: "clip-720.mp4", Height: 720}}, Poster: "poster.jpg", Drawing: "drawing.png"}, Proof: Proof{File: "proof.json", Scope: "scope.json"}}}
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "gate", "v1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range h.kitFiles() {
		if err := os.WriteFile(filepath.Join(dir, "gate", "v1", name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
		h.Sizes[name], h.Sums[name] = int64(len(name)), hexSum([]byte(name))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() // only read
	s := &site{o: Options{Config: Config{Name: "Archive", Languages: []string{"en"}}}}
	if err := s.writeKit(io.Discard, root, h); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "gate", "v1", "poster.jpg"), []byte("poster.gif"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.writeKit(io.Discard, root, h); !errors.Is(err, ErrBundle) {
		t.Errorf("another picture got into a press kit: %v", err)
	}
}

// A build may turn to the other tree, and clear the first one, between two looks of a server.
func TestAServerLooksOnceMoreAfterABuild(t *testing.T) {
	t.Parallel()
	before, after := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(after, "how.html"), []byte("how"), 0o600); err != nil {
		t.Fatal(err)
	}
	trees := []string{before, after}
	looks := 0
	h := &handler{current: func(string) (*os.Root, string, error) {
		tree := trees[min(looks, 1)]
		looks++
		root, err := os.OpenRoot(tree)
		return root, tree, err
	}}
	for name, code := range map[string]int{"/how.html": http.StatusOK, "/nothing.html": http.StatusNotFound} {
		looks = 0
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, name, nil))
		if w.Code != code || looks > 3 {
			t.Errorf("%s: %d after %d looks", name, w.Code, looks)
		}
	}
}

// A proof that names the files of a rendering has to name each of them, by digest and size.
func TestAProofNamesEveryFileOrTheClipAlone(t *testing.T) {
	t.Parallel()
	of := func() (*held, *verify.ClipFact) {
		h := &held{Sizes: map[string]int64{}, Sums: map[string]string{}, Release: Release{Clip: &Clip{Files: []File{{Name: "clip-720.mp4"}, {Name: "clip-360.mp4"}}, Poster: "poster.jpg", Drawing: "drawing.png", Stills: []string{"still-1.jpg"}}}}
		f := &verify.ClipFact{SHA256: hexSum([]byte("clip-720.mp4")), Bytes: 12}
		for _, name := range []string{"clip-720.mp4", "clip-360.mp4", "poster.jpg", "drawing.png", "still-1.jpg"} {
			h.Sizes[name], h.Sums[name] = int64(len(name)), hexSum([]byte(name))
			if name != "clip-720.mp4" {
				f.Files = append(f.Files, verify.FileFact{SHA256: h.Sums[name], Bytes: h.Sizes[name]})
			}
		}
		return h, f
	}
	h, f := of()
	if whole, err := h.checkNamed(f); err != nil || !whole {
		t.Errorf("all are named: %t, %v", whole, err)
	}
	for i := range f.Files {
		h, f := of()
		f.Files[i].SHA256 = hexSum(nil)
		if _, err := h.checkNamed(f); !errors.Is(err, ErrBundle) {
			t.Errorf("file %d is another one: %v", i, err)
		}
		h, f = of()
		f.Files[i].Bytes++
		if _, err := h.checkNamed(f); !errors.Is(err, ErrBundle) {
			t.Errorf("file %d has another size: %v", i, err)
		}
	}
	f.Files = nil
	if whole, err := h.checkNamed(f); err != nil || whole {
		t.Errorf("the clip alone is named: %t, %v", whole, err)
	}
	h.Release.Clip = nil // withdrawn
	_, f = of()
	if whole, err := h.checkNamed(f); err != nil || !whole {
		t.Errorf("withdrawn: %t, %v", whole, err)
	}
}
