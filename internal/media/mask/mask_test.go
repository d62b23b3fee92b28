package mask

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// scene is a picture of noise.
func scene(w, h int, seed uint64) *Picture {
	p := NewPicture(w, h, false, nil)
	r := rand.New(rand.NewPCG(seed, 7))
	for _, plane := range [][]byte{p.Y, p.U, p.V} {
		for i := range plane {
			plane[i] = byte(r.Uint32())
		}
	}
	return p
}

func copyOf(p *Picture) *Picture {
	return &Picture{W: p.W, H: p.H, Y: bytes.Clone(p.Y), U: bytes.Clone(p.U), V: bytes.Clone(p.V), StrideY: p.StrideY, StrideC: p.StrideC}
}

func same(a, b *Picture) bool {
	return bytes.Equal(a.Y, b.Y) && bytes.Equal(a.U, b.U) && bytes.Equal(a.V, b.V)
}

func anyBox(t *rapid.T) Box {
	side := rapid.IntRange(-200_000, 1_200_000)
	return Box{ID: rapid.IntRange(0, 3).Draw(t, "id"), X: side.Draw(t, "x"), Y: side.Draw(t, "y"), W: rapid.IntRange(0, 900_000).Draw(t, "w"), H: rapid.IntRange(0, 900_000).Draw(t, "h")}
}

func TestASolidMaskLeavesNothingAndTouchesNothingElse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(2, 131).Draw(t, "width"), rapid.IntRange(2, 97).Draw(t, "height")
		a := scene(w, h, 1)
		before := copyOf(a)
		b := anyBox(t)
		New([32]byte{}, w, h).Paint(a, 0, []Box{b}, false)
		margin := Margin(w, h, DefaultReach)
		inside := func(x, y, extra int) bool {
			left, top := float64(b.X)*float64(w)/1e6-float64(extra), float64(b.Y)*float64(h)/1e6-float64(extra)
			right, bottom := float64(b.X+b.W)*float64(w)/1e6+float64(extra), float64(b.Y+b.H)*float64(h)/1e6+float64(extra)
			// The pixel has something in common with the region.
			return float64(x+1) > left && float64(x) < right && float64(y+1) > top && float64(y) < bottom
		}
		for y := range h {
			for x := range w {
				got, c := a.Y[y*a.StrideY+x], y/2*a.StrideC+x/2
				if inside(x, y, 0) && (got != 16 || a.U[c] != 128 || a.V[c] != 128) {
					t.Fatalf("%d,%d is under the mask and seen: %d", x, y, got)
				}
				if !inside(x, y, margin+3) && got != before.Y[y*a.StrideY+x] {
					t.Fatalf("%d,%d lies outside and was painted", x, y)
				}
				// Chroma is painted with its luma, all four pixels of it.
				if got != before.Y[y*a.StrideY+x] && a.U[c] != 128 {
					t.Fatalf("%d,%d is painted without its colour", x, y)
				}
			}
		}
	})
}

func TestTwoPicturesThatDifferUnderTheMaskAloneBecomeOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(2, 64).Draw(t, "width"), rapid.IntRange(2, 64).Draw(t, "height")
		boxes := rapid.SliceOfN(rapid.Custom(anyBox), 1, 4).Draw(t, "boxes")
		a, other := scene(w, h, 1), scene(w, h, 2)
		b := copyOf(a)
		for _, x := range boxes {
			// Whatever is in the region comes from elsewhere.
			at := area{max(0, x.X*w/1e6), max(0, x.Y*h/1e6), min(w, (x.X+x.W)*w/1e6), min(h, (x.Y+x.H)*h/1e6)}
			if at.empty() {
				continue // beside the picture, or a point
			}
			at.x0, at.y0 = at.x0&^1, at.y0&^1
			for y := at.y0; y < at.y1; y++ {
				for i := at.x0; i < at.x1; i++ {
					b.Y[y*w+i] = other.Y[y*w+i]
					b.U[y/2*b.StrideC+i/2], b.V[y/2*b.StrideC+i/2] = other.U[y/2*b.StrideC+i/2], other.V[y/2*b.StrideC+i/2]
				}
			}
		}
		m := New([32]byte{}, w, h)
		m.Paint(a, 0, boxes, false)
		m.Paint(b, 0, boxes, false)
		if !same(a, b) {
			t.Fatalf("what was under the masks has a part in what came out")
		}
	})
}

func TestHidingShowsOnlyWhatIsRevealed(t *testing.T) {
	t.Parallel()
	const w, h = 101, 67
	a := scene(w, h, 3)
	before := copyOf(a)
	reveal := Box{Reveal: true, X: 200_000, Y: 200_000, W: 500_000, H: 500_000}
	New([32]byte{}, w, h).Paint(a, 0, []Box{reveal, {ID: 1, X: 300_000, Y: 300_000, W: 50_000, H: 50_000}}, true)
	seen := 0
	for y := range h {
		for x := range w {
			v := a.Y[y*w+x]
			// What scaling carries over the edge of what is hidden is hidden, too.
			within := float64(x) >= 0.2*w+DefaultReach && float64(x+1) <= 0.7*w-DefaultReach && float64(y) >= 0.2*h+DefaultReach && float64(y+1) <= 0.7*h-DefaultReach
			if !within && v != 16 {
				t.Fatalf("%d,%d is seen", x, y)
			}
			if v == before.Y[y*w+x] {
				seen++
			}
		}
	}
	if seen < w*h/12 || a.Y[22*w+32] != 16 {
		t.Errorf("%d pixels are seen; over the revealed region the mask has %d", seen, a.Y[22*w+32])
	}
	b := scene(w, h, 3)
	New([32]byte{}, w, h).Paint(b, 0, []Box{reveal}, false)
	if !same(b, before) {
		t.Error("revealing does something where nothing is hidden")
	}
	New([32]byte{}, w, h).Paint(b, 0, []Box{{Reveal: true, W: 1_000_000, H: 1_000_000}}, true)
	if !same(b, before) {
		t.Error("all revealed and not all seen")
	}
	New([32]byte{}, w, h).Paint(b, 0, nil, true)
	for _, plane := range [][]byte{b.Y, b.U, b.V} {
		for _, v := range plane {
			if v != plane[0] {
				t.Fatal("hidden, and something is seen")
			}
		}
	}
}

func TestPixelationLeavesFewColours(t *testing.T) {
	t.Parallel()
	const w, h = 160, 120
	box := []Box{{ID: 5, Kind: Pixelate, X: 200_000, Y: 200_000, W: 500_000, H: 600_000}}
	a := outwards(box[0], w, h, DefaultReach)
	paint := func(m *Painter, frame int, seed uint64) *Picture {
		p := scene(w, h, seed)
		m.Paint(p, frame, box, false)
		return p
	}
	seed := [32]byte{9}
	m := New(seed, w, h)
	first := paint(m, 0, 1)
	colours, last := map[byte]bool{}, 0
	for x := a.x0; x < a.x1; x++ {
		v := first.Y[60*w+x]
		colours[v] = true
		if v%16 != 0 || v < 16 || v > 224 {
			t.Errorf("colour %d", v)
		}
		if x > a.x0 && v != first.Y[60*w+x-1] {
			last++
		}
	}
	if last > Cells-1 {
		t.Errorf("%d cells across", last+1)
	}
	changes := 0
	for y := a.y0 + 1; y < a.y1; y++ {
		if first.Y[y*w+a.x0] != first.Y[(y-1)*w+a.x0] {
			changes++
		}
	}
	if changes > Cells-1 {
		t.Errorf("%d cells down", changes+1)
	}
	part := func(p *Picture) []byte {
		var out []byte
		eachRow(p, a, func(row []byte, _ bool) { out = append(out, row...) })
		return out
	}
	// Another picture within the same half second shows nothing new.
	if !bytes.Equal(part(paint(m, 11, 2)), part(first)) {
		t.Error("the cells are not held")
	}
	if bytes.Equal(part(paint(m, 12, 2)), part(first)) {
		t.Error("the cells are held for ever")
	}
	if !bytes.Equal(part(paint(New(seed, w, h), 0, 1)), part(first)) {
		t.Error("the same seed gives other noise")
	}
	if bytes.Equal(part(paint(New([32]byte{8}, w, h), 0, 1)), part(first)) {
		t.Error("another seed gives the same noise")
	}
	// Noise: a picture of one colour does not stay one.
	flat := NewPicture(w, h, false, nil)
	for i := range flat.Y {
		flat.Y[i] = 128
	}
	New(seed, w, h).Paint(flat, 0, box, false)
	colours = map[byte]bool{}
	for _, v := range part(flat) {
		colours[v] = true
	}
	if len(colours) < 2 {
		t.Error("no noise")
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	if k, err := ParseKind("solid"); k != Solid || err != nil {
		t.Error(k, err)
	}
	if k, err := ParseKind("pixelate"); k != Pixelate || err != nil {
		t.Error(k, err)
	}
	if _, err := ParseKind("blur"); !errors.Is(err, ErrBlur) || !errors.Is(err, ErrKind) {
		t.Error(err)
	}
	if _, err := ParseKind("Solid"); !errors.Is(err, ErrKind) {
		t.Error(err)
	}
	// A kind that nobody knows is painted as the safest.
	a, b := scene(40, 30, 1), scene(40, 30, 1)
	box := Box{X: 100_000, Y: 100_000, W: 500_000, H: 500_000}
	New([32]byte{}, 40, 30).Paint(a, 0, []Box{box}, false)
	box.Kind = 77
	New([32]byte{}, 40, 30).Paint(b, 0, []Box{box}, false)
	if !same(a, b) {
		t.Error("an unknown kind is not solid")
	}
}

func TestSolidIsPaintedOverPixelation(t *testing.T) {
	t.Parallel()
	box := Box{X: 100_000, Y: 100_000, W: 500_000, H: 500_000}
	coarse := box
	coarse.ID, coarse.Kind = 1, Pixelate
	a, b := scene(40, 30, 1), scene(40, 30, 1)
	New([32]byte{}, 40, 30).Paint(a, 0, []Box{box, coarse}, false)
	New([32]byte{}, 40, 30).Paint(b, 0, []Box{box}, false)
	if !same(a, b) {
		t.Error("pixelation was painted over a solid mask")
	}
}

func FuzzPaint(f *testing.F) {
	f.Add(64, 48, 0, 0, 1_000_000, 1_000_000, uint8(1), true)
	f.Add(3, 3, math.MinInt, math.MaxInt, math.MaxInt, math.MinInt, uint8(0), false)
	f.Add(17, 200, -5, 999_999, 1, 0, uint8(1), false)
	f.Fuzz(func(t *testing.T, w, h, x, y, bw, bh int, kind uint8, hide bool) {
		if w < 1 || h < 1 || w > 300 || h > 300 {
			return
		}
		p := scene(w, h, 1)
		m := New([32]byte{}, w, h)
		for frame := range 2 {
			m.Paint(p, frame*40, []Box{{ID: x, Kind: Kind(kind), X: x, Y: y, W: bw, H: bh}, {ID: y, Reveal: true, X: x, Y: y, W: bw, H: bh}}, hide)
		}
	})
}
