package detect

import (
	_ "embed"
	"fmt"
	"math"
	"slices"

	pigo "github.com/esimov/pigo/core"
)

// cascade is cascade/facefinder of github.com/esimov/pigo v1.4.6 (MIT, see cascade/LICENSE), byte for byte. It is a copy
// because a file of another module cannot be embedded; a test compares it with the module.
//
//go:embed cascade/facefinder
var cascade []byte

// FaceWidth is how wide pictures should be for Faces: wider ones cost time, and the smallest face follows the width.
const FaceWidth = 384

// Faces finds frontal faces, upright or a little tilted, with the trees of pigo (Markuš et al., "Object detection with
// pixel intensity comparisons organized in decision trees", 2013).
type Faces struct {
	trees    *pigo.Pigo
	minScore float32
	angles   []float64
	packed   []byte
}

// FaceScore is the least score of a face. The scores of overlapping windows are added up, so that it rises with the
// size; below it in our footage windows and foliage begin.
const FaceScore = 6

// NewFaces gives a finder of faces.
func NewFaces() (*Faces, error) {
	trees, err := pigo.NewPigo().Unpack(cascade)
	if err != nil {
		return nil, fmt.Errorf("read face cascade: %w", err)
	}
	return &Faces{trees: trees, minScore: FaceScore, angles: []float64{0}}, nil
}

// Name is pigo-face.
func (f *Faces) Name() string { return "pigo-face" }

// Version is that of cascade, parameters and library together.
func (f *Faces) Version() int { return 1 }

// Detect adds the faces of a frame. A box holds the face from chin to brow and ears, which is more than the window of
// the trees.
func (f *Faces) Detect(g Gray, us int64, out []Detection) []Detection {
	if !g.valid() || min(g.W, g.H) < 32 {
		return out
	}
	pix := g.Pix
	least := max(20, g.W/24)
	params := pigo.CascadeParams{
		MinSize: least, MaxSize: min(g.W, g.H) * 9 / 10, ShiftFactor: 0.1, ScaleFactor: 1.1,
		ImageParams: pigo.ImageParams{Pixels: pix, Rows: g.H, Cols: g.W, Dim: g.Stride},
	}
	var raw []pigo.Detection
	for _, a := range f.angles {
		raw = append(raw, f.trees.RunCascade(params, a)...)
	}
	first := len(out)
	for _, d := range f.trees.ClusterDetections(raw, 0.2) {
		if d.Q < f.minScore {
			continue
		}
		// The window lies within the face: hair line, chin and ears stick out.
		half := float64(d.Scale) * 0.58
		out = append(out, Detection{US: us, Kind: KindFace, Score: d.Q, Box: boxOf(float64(d.Col)-half, float64(d.Row)-half, float64(d.Col)+half, float64(d.Row)+half*1.1, g.W, g.H)})
	}
	slices.SortFunc(out[first:], func(a, b Detection) int { return compareBoxes(a.Box, b.Box) })
	return out
}

// Flush holds nothing back.
func (f *Faces) Flush(out []Detection) ([]Detection, []Unjudged) { return out, nil }

// boxOf gives the box in millionths that holds x0..x1, y0..y1 in pixels, rounded outwards and held within the picture.
func boxOf(x0, y0, x1, y1 float64, w, h int) [4]int {
	low := func(v float64, n int) int { return max(0, int(math.Floor(v/float64(n)*One))) }
	high := func(v float64, n int) int { return min(One, int(math.Ceil(v/float64(n)*One))) }
	x, y := low(x0, w), low(y0, h)
	return [4]int{x, y, high(x1, w) - x, high(y1, h) - y}
}

func compareBoxes(a, b [4]int) int { return slices.Compare(a[:], b[:]) }
