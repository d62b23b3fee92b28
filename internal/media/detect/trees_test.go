package detect

import (
	"cmp"
	"image"
	_ "image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	pigo "github.com/esimov/pigo/core"
)

// library is where the module lies whose cascade is used.
var library = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/esimov/pigo").Output()
	return strings.TrimSpace(string(out)), err
})

func libraryFile(t *testing.T, name string) string {
	t.Helper()
	dir, err := library()
	if err != nil || dir == "" {
		t.Fatalf("the module of pigo is not there: %v", err)
	}
	return filepath.Join(dir, name)
}

func sampleFace(t *testing.T) Gray {
	t.Helper()
	f, err := os.Open(libraryFile(t, "testdata/sample.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, _, err := image.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	b := m.Bounds()
	g := Gray{W: b.Dx(), H: b.Dy(), Stride: b.Dx(), Pix: make([]byte, b.Dx()*b.Dy())}
	for y := range g.H {
		for x := range g.W {
			r, gr, bl, _ := m.At(b.Min.X+x, b.Min.Y+y).RGBA()
			g.Pix[y*g.W+x] = byte((299*r + 587*gr + 114*bl) / 1000 >> 8)
		}
	}
	return g
}

func TestCascadeIsThatOfTheModule(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(libraryFile(t, "cascade/facefinder"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(want, cascade) {
		t.Error("cascade/facefinder differs from that of the module: copy it anew and raise the version of Faces")
	}
	licence, err := os.ReadFile(libraryFile(t, "LICENSE"))
	if err != nil {
		t.Fatal(err)
	}
	if ours, err := os.ReadFile("cascade/LICENSE"); err != nil || !slices.Equal(licence, ours) {
		t.Errorf("cascade/LICENSE is not that of the module: %v", err)
	}
}

// Our walk through the trees gives window for window what the library gives.
func TestTreesAsTheLibrary(t *testing.T) {
	t.Parallel()
	g := sampleFace(t)
	ref, err := pigo.NewPigo().Unpack(cascade)
	if err != nil {
		t.Fatal(err)
	}
	var want []hit
	for _, d := range ref.RunCascade(pigo.CascadeParams{MinSize: 20, MaxSize: 200, ShiftFactor: 0.1, ScaleFactor: growth,
		ImageParams: pigo.ImageParams{Pixels: g.Pix, Rows: g.H, Cols: g.W, Dim: g.Stride}}, 0) {
		want = append(want, hit{d.Col, d.Row, d.Scale, d.Q})
	}
	ours, err := readTrees(cascade)
	if err != nil {
		t.Fatal(err)
	}
	got := ours.scan(g, 0, 0, g.W, g.H, 20, 200, 0, nil)
	order := func(a, b hit) int {
		return cmp.Or(cmp.Compare(a.size, b.size), cmp.Compare(a.y, b.y), cmp.Compare(a.x, b.x))
	}
	slices.SortFunc(want, order)
	slices.SortFunc(got, order)
	if len(want) < 2 || !slices.Equal(want, got) {
		t.Fatalf("windows %v, of the library %v", got, want)
	}
}
