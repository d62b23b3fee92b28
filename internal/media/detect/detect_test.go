package detect

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// textured makes a picture of w by h pixels with a grain that stays the same.
func textured(w, h int, seed uint64) Gray {
	g := Gray{W: w, H: h, Stride: w, Pix: make([]byte, w*h)}
	r := rand.New(rand.NewPCG(seed, 1))
	const cell = 5
	for y := 0; y < h; y += cell {
		for x := 0; x < w; x += cell {
			v := byte(60 + r.IntN(120))
			for dy := range min(cell, h-y) {
				for dx := range min(cell, w-x) {
					g.Pix[(y+dy)*w+x+dx] = v
				}
			}
		}
	}
	return g
}

// with gives a copy of a picture with another laid over it.
func (g Gray) with(o Gray, x0, y0 int) Gray {
	g.Pix = slices.Clone(g.Pix)
	for y := range o.H {
		for x := range o.W {
			if px, py := x0+x, y0+y; px >= 0 && py >= 0 && px < g.W && py < g.H {
				g.Pix[py*g.Stride+px] = o.Pix[y*o.Stride+x]
			}
		}
	}
	return g
}

func flat(w, h int, v byte) Gray {
	return Gray{W: w, H: h, Stride: w, Pix: slices.Repeat([]byte{v}, w*h)}
}

// smaller gives every k-th pixel.
func (g Gray) smaller(k int) Gray {
	s := Gray{W: g.W / k, H: g.H / k, Stride: g.W / k, Pix: make([]byte, g.W/k*(g.H/k))}
	shrink(s.Pix, g, s.W, s.H, k)
	return s
}

func holds(b, in [4]int) bool {
	return in[0] <= b[0] && in[1] <= b[1] && in[0]+in[2] >= b[0]+b[2] && in[1]+in[3] >= b[1]+b[3]
}

func find(t *testing.T, frames int, step int64, d Detector, picture func(i int) Gray) Result {
	t.Helper()
	f, err := NewFinder(FinderOptions{Detectors: []Detector{d}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range frames {
		f.Frame(int64(i)*step, picture(i))
	}
	return f.Finish()
}

func TestFacesWhereverTheyAre(t *testing.T) {
	t.Parallel()
	face := sampleFace(t)
	back := textured(Width, 360, 3)
	for name, c := range map[string]struct {
		shrink, x, y int
		none         bool
	}{
		"large":       {2, 300, 100, false},
		"at the left": {4, 0, 200, false},
		"small":       {9, 500, 60, false},
		"nobody":      {2, 1000, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := NewFaces()
			if err != nil {
				t.Fatal(err)
			}
			g := back.with(face.smaller(c.shrink), c.x, c.y)
			got := d.Detect(g, 7, nil)
			if c.none {
				if len(got) != 0 {
					t.Errorf("%+v where nobody is", got)
				}
				return
			}
			// Eyes, nose and mouth of the sample.
			px := func(x, n int) int { return x * One / n }
			core := [4]int{px(c.x+100/c.shrink, g.W), px(c.y+160/c.shrink, g.H), px(130/c.shrink, g.W), px(130/c.shrink, g.H)}
			if len(got) != 1 || got[0].Kind != KindFace || got[0].US != 7 || !holds(core, got[0].Box) {
				t.Errorf("%+v, want one that holds %v", got, core)
			}
		})
	}
}

// turned gives a square picture turned clockwise.
func turned(g Gray, degrees float64) Gray {
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	out := Gray{W: g.W, H: g.H, Stride: g.W, Pix: make([]byte, g.W*g.H)}
	for y := range g.H {
		for x := range g.W {
			dx, dy := float64(x-g.W/2), float64(y-g.H/2)
			sx, sy := int(cos*dx+sin*dy)+g.W/2, int(cos*dy-sin*dx)+g.H/2
			sx, sy = min(max(0, sx), g.W-1), min(max(0, sy), g.H-1)
			out.Pix[y*g.W+x] = g.Pix[sy*g.Stride+sx]
		}
	}
	return out
}

// A face that turns to the side is kept, also between the moments at which all of the picture is searched for tilted ones.
func TestFacesThatTurn(t *testing.T) {
	t.Parallel()
	face := sampleFace(t).smaller(2)
	for _, degrees := range []float64{12, 25, 32, -12, -25, -32} {
		d, err := NewFaces()
		if err != nil {
			t.Fatal(err)
		}
		back := textured(480, 360, 4)
		if got := d.Detect(back.with(face, 150, 80), 0, nil); len(got) != 1 {
			t.Fatalf("upright: %+v", got)
		}
		got := d.Detect(back.with(turned(face, degrees), 150, 80), 200_000, nil)
		middle := boxOf(210, 160, 250, 200, 480, 360)
		if len(got) != 1 || !holds(middle, got[0].Box) {
			t.Errorf("turned by %v degrees: %+v, want one around %v", degrees, got, middle)
		}
	}
}

// Nobody has to have looked up first.
func TestTiltedFaces(t *testing.T) {
	t.Parallel()
	face := sampleFace(t).smaller(2)
	for _, degrees := range []float64{30, -30} {
		d, err := NewFaces()
		if err != nil {
			t.Fatal(err)
		}
		g := textured(480, 360, 4).with(turned(face, degrees), 150, 80)
		for i, want := range []int{1, 1} { // at once, and then because it is known
			if got := d.Detect(g, int64(i)*200_000, nil); len(got) != want || !holds(boxOf(210, 160, 250, 200, 480, 360), got[0].Box) {
				t.Errorf("tilted by %v degrees, frame %d: %+v", degrees, i, got)
			}
		}
	}
}

func TestFacesOfOddPictures(t *testing.T) {
	t.Parallel()
	d, err := NewFaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []Gray{{}, flat(1, 1, 9), flat(31, 400, 0), {W: 100, H: 100, Stride: 90, Pix: make([]byte, 9000)}, {W: 100, H: 100, Stride: 100, Pix: make([]byte, 9999)}, flat(33, 1000, 200)} {
		if got := d.Detect(g, 0, nil); len(got) != 0 {
			t.Errorf("%d×%d: %+v", g.W, g.H, got)
		}
	}
}

// walker is a dark figure that crosses from left to right: 20 pixels a second in a picture of 320.
func walker(back Gray, i int) (Gray, [4]int) {
	x := 10 + 2*i
	g := back.with(flat(12, 30, 10), x, 80)
	return g, boxOf(float64(x), 80, float64(x+12), 110, g.W, g.H)
}

func TestMotionBeforeAFixedCamera(t *testing.T) {
	t.Parallel()
	back := textured(320, 180, 1)
	const frames = 140
	r := find(t, frames, 100_000, NewMotion(), func(i int) Gray { g, _ := walker(back, i); return g })
	if len(r.Unjudged) != 0 || len(r.Times) != frames || r.Looked[0] != frames {
		t.Fatalf("not judged %v, %d of %d frames", r.Unjudged, r.Looked[0], frames)
	}
	missed := 0
	for i := range frames {
		_, want := walker(back, i)
		n := 0
		for _, d := range r.Detections {
			if d.US != int64(i)*100_000 {
				continue
			}
			n++
			if d.Kind != KindPerson || !holds(want, d.Box) || d.Box[2] > 3*want[2] || d.Box[3] > 2*want[3] {
				t.Errorf("frame %d: %v, want one that holds %v", i, d.Box, want)
			}
		}
		if n != 1 {
			missed++
		}
	}
	if missed > 0 {
		t.Errorf("%d of %d frames without one box", missed, frames)
	}
	if tracks := r.Tracks(0); len(tracks) != 1 || tracks[0].Seen != frames || len(tracks[0].Keys) > 8 || tracks[0].Detector != "motion/1" {
		t.Errorf("%d tracks, the first %+v", len(tracks), tracks)
	}
}

// A camera that moves is recognised and said, for as long as it moves and not longer.
func TestMovingCamera(t *testing.T) {
	t.Parallel()
	wide := textured(900, 180, 2)
	view := func(x int) Gray {
		g := Gray{W: 320, H: 180, Stride: 320, Pix: make([]byte, 320*180)}
		for y := range g.H {
			copy(g.Pix[y*320:(y+1)*320], wide.Pix[y*900+x:])
		}
		return g
	}
	t.Run("throughout", func(t *testing.T) {
		t.Parallel()
		r := find(t, 100, 100_000, NewMotion(), func(i int) Gray { return view(5 * i) })
		if len(r.Detections) != 0 || len(r.Unjudged) != 1 {
			t.Fatalf("%d detections, not judged %v", len(r.Detections), r.Unjudged)
		}
		if u := r.Unjudged[0]; u.FromUS > 1_000_000 || u.ToUS < 9_000_000 || u.Why != WhyMoves || u.Kind != KindPerson || u.Detector != "motion/1" {
			t.Errorf("%+v", u)
		}
	})
	t.Run("for a while", func(t *testing.T) {
		t.Parallel()
		r := find(t, 200, 100_000, NewMotion(), func(i int) Gray {
			if i < 120 || i >= 160 {
				return view(0)
			}
			return view(5 * (i - 119))
		})
		if len(r.Unjudged) != 1 {
			t.Fatalf("not judged %v", r.Unjudged)
		}
		if u := r.Unjudged[0]; u.FromUS < 11_900_000 || u.FromUS > 12_200_000 || u.ToUS < 15_700_000 || u.ToUS > 16_000_000 {
			t.Errorf("%+v", u)
		}
	})
	t.Run("another scene", func(t *testing.T) {
		t.Parallel()
		r := find(t, 100, 100_000, NewMotion(), func(i int) Gray {
			if i < 70 {
				return view(0)
			}
			return view(400)
		})
		if len(r.Unjudged) != 1 || r.Unjudged[0].FromUS != 7_000_000 || r.Unjudged[0].ToUS != 9_900_000 || len(r.Detections) != 0 {
			t.Errorf("not judged %v, %d detections", r.Unjudged, len(r.Detections))
		}
	})
	t.Run("too short", func(t *testing.T) {
		t.Parallel()
		r := find(t, 15, 100_000, NewMotion(), func(i int) Gray { g, _ := walker(view(0), i); return g })
		if len(r.Detections) != 0 || len(r.Unjudged) != 1 || r.Unjudged[0].Why != WhyShort || r.Unjudged[0].ToUS != 1_400_000 {
			t.Errorf("%+v, %d detections", r.Unjudged, len(r.Detections))
		}
	})
	t.Run("nothing moves", func(t *testing.T) {
		t.Parallel()
		noise := rand.New(rand.NewPCG(5, 5))
		r := find(t, 60, 100_000, NewMotion(), func(int) Gray {
			g := view(0)
			for i := range g.Pix {
				g.Pix[i] += byte(noise.IntN(9))
			}
			return g
		})
		if len(r.Detections) != 0 || len(r.Unjudged) != 0 {
			t.Errorf("%d detections, not judged %v", len(r.Detections), r.Unjudged)
		}
	})
}

// looker notes which frames it was shown.
type looker struct{ shown []int64 }

func (l *looker) Name() string { return "looker" }
func (l *looker) Version() int { return 1 }
func (l *looker) Detect(g Gray, us int64, out []Detection) []Detection {
	l.shown = append(l.shown, us)
	return append(out, Detection{US: us, Kind: KindFace, Box: [4]int{int(g.Pix[0]), 0, 10, 10}})
}
func (l *looker) Flush(out []Detection) ([]Detection, []Unjudged) { return out, nil }

func TestFinderShowsEnough(t *testing.T) {
	t.Parallel()
	l := &looker{}
	buf := flat(40, 40, 0)
	r := find(t, 104, 40_000, l, func(i int) Gray { // the same picture is used again and again
		buf.Pix[0] = byte(i)
		return buf
	})
	if len(r.Times) != 104 || r.Step() != 40*time.Millisecond {
		t.Errorf("%d times, %s apart", len(r.Times), r.Step())
	}
	if l.shown[0] != 0 || l.shown[len(l.shown)-1] != 103*40_000 || len(l.shown) != 22 || r.Looked[0] != 22 {
		t.Errorf("shown %v", l.shown)
	}
	for i, us := range l.shown {
		if i > 0 && us-l.shown[i-1] > 200_000 {
			t.Errorf("%d µs not looked at", us-l.shown[i-1])
		}
		if r.Detections[i].Box[0] != int(us/40_000) {
			t.Errorf("frame at %d shows another picture", us)
		}
	}
	empty := find(t, 0, 1, &looker{}, nil)
	if len(empty.Times) != 0 || len(empty.Detections) != 0 || empty.Looked[0] != 0 || empty.Step() != 0 {
		t.Errorf("%+v", empty)
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ w, h, want int }{{1920, 1080, 360}, {1280, 720, 360}, {768, 576, 480}, {1080, 1920, 360}, {0, 0, 360}, {2560, 1080, 360}, {100, 100, 640}, {576, 768, 480}} {
		if got := Size(c.w, c.h); got != c.want {
			t.Errorf("%d×%d: %d, want %d", c.w, c.h, got, c.want)
		}
	}
}

func TestCascadesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{nil, cascade[:15], cascade[:len(cascade)-1], append(slices.Clone(cascade), 0), append(make([]byte, 8), 255, 255, 255, 255, 255, 255, 255, 255)} {
		if _, err := readTrees(b); err == nil {
			t.Errorf("%d bytes are taken for a cascade", len(b))
		}
	}
}

// draw gives detections of some things that move, with gaps.
func draw(t *rapid.T) []Detection {
	var ds []Detection
	for range rapid.IntRange(1, 4).Draw(t, "things") {
		w, h := rapid.IntRange(1, 300_000).Draw(t, "w"), rapid.IntRange(1, 300_000).Draw(t, "h")
		x, y := rapid.IntRange(0, One-w).Draw(t, "x"), rapid.IntRange(0, One-h).Draw(t, "y")
		us := rapid.Int64Range(0, 3_000_000).Draw(t, "from")
		for range rapid.IntRange(1, 40).Draw(t, "n") {
			ds = append(ds, Detection{US: us, Kind: rapid.SampledFrom([]string{KindFace, KindPerson}).Draw(t, "kind"), Box: [4]int{x, y, w, h}, Score: 1})
			us += rapid.SampledFrom([]int64{40_000, 40_000, 200_000, 900_000, 1_900_000}).Draw(t, "step")
			x = min(max(0, x+rapid.IntRange(-40_000, 40_000).Draw(t, "dx")), One-w)
			y = min(max(0, y+rapid.IntRange(-40_000, 40_000).Draw(t, "dy")), One-h)
		}
	}
	return ds
}

// Every detection, and everything that must be thought to be between two, lies within a track of its kind; the keys are such as a
// plan takes; no edge lies further outside than it may.
func TestTracksHoldWhatWasSeen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ds := draw(t)
		to := rapid.SampledFrom([]int64{0, 0, 200_000_000, 5_000_000, 2_000_000, 100}).Draw(t, "to")
		o := TrackOptions{ToUS: to}
		found := Track(ds, 40*time.Millisecond, o)
		paths := Follow(ds)
		n := 0
		for _, p := range paths {
			n += len(p.At)
		}
		if n != len(ds) || len(found) < len(paths) {
			t.Fatalf("%d detections in %d paths and %d tracks, there are %d", n, len(paths), len(found), len(ds))
		}
		covered := func(kind string, us int64, b [4]int) bool {
			return slices.ContainsFunc(found, func(f Found) bool {
				at, ok := f.At(us)
				return ok && f.Kind == kind && holds(b, at)
			})
		}
		for _, d := range ds {
			if !covered(d.Kind, d.US, d.Box) {
				t.Fatalf("%+v is not held", d)
			}
		}
		for _, p := range paths {
			for us := p.At[0].US; us <= p.At[len(p.At)-1].US; us += 33_000 {
				if b, ok := p.Between(us); !ok || !covered(p.Kind, us, b) {
					t.Fatalf("%v at %d µs is not held", b, us)
				}
			}
			// Held for a second on both sides.
			first, last := p.At[0], p.At[len(p.At)-1]
			if at := max(first.US-990_000, 0); !covered(p.Kind, at, first.Box) {
				t.Fatalf("not held before %+v", first)
			}
			if !covered(p.Kind, last.US+990_000, last.Box) {
				t.Fatalf("not held after %+v", last)
			}
		}
		for _, f := range found {
			if len(f.Keys) < 2 && !f.UntilEnd || len(f.Keys) == 0 || len(f.Keys) > MaxKeys {
				t.Fatalf("%d keys", len(f.Keys))
			}
			for i, k := range f.Keys {
				if i > 0 && k.AtUS <= f.Keys[i-1].AtUS || k.AtUS < 0 || k.Box[0] < 0 || k.Box[1] < 0 || k.Box[2] < leastSide || k.Box[3] < leastSide || k.Box[0]+k.Box[2] > One || k.Box[1]+k.Box[3] > One || to > 0 && k.AtUS > to {
					t.Fatalf("key %d of %+v", i, f.Keys)
				}
			}
		}
	})
}

// What is simplified keeps every point and stays within the bound.
func TestFewKeysWithinTheBound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var pts []point
		e := edges{300_000, 300_000, 500_000, 500_000}
		us := int64(0)
		for range rapid.IntRange(2, 60).Draw(t, "n") {
			pts = append(pts, point{us, e})
			us += rapid.Int64Range(1, 400_000).Draw(t, "step")
			for k := range e {
				e[k] += rapid.IntRange(-30_000, 30_000).Draw(t, "move")
			}
			e[0], e[1] = min(max(0, e[0]), 700_000), min(max(0, e[1]), 700_000)
			e[2], e[3] = min(max(e[0]+2_000, e[2]), One), min(max(e[1]+2_000, e[3]), One)
		}
		const bound = 20_000
		keys := simplify(pts, bound)
		f := Found{Keys: keys}
		for _, p := range pts {
			b, ok := f.At(p.us)
			if !ok {
				t.Fatalf("nothing at %d", p.us)
			}
			got := edgesOf(b)
			for k, d := range p.e.beyond(got) {
				if d > 0 || -d > bound {
					t.Fatalf("edge %d at %d µs: %v for %v", k, p.us, got, p.e)
				}
			}
		}
	})
}

func TestAStraightWalkNeedsFewKeys(t *testing.T) {
	t.Parallel()
	var ds []Detection
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		ds = append(ds, Detection{US: int64(i) * 40_000, Kind: KindFace, Box: [4]int{100_000 + 2_000*i + r.IntN(6_000), 300_000 + r.IntN(6_000), 80_000, 120_000}})
	}
	found := Track(ds, 40*time.Millisecond, TrackOptions{})
	if len(found) != 1 || len(found[0].Keys) > 6 {
		t.Fatalf("%d tracks, the first of %d keys", len(found), len(found[0].Keys))
	}
}

// One that needs more keys than a plan takes is given in parts that meet.
func TestLongTracksComeInParts(t *testing.T) {
	t.Parallel()
	var ds []Detection
	r := rand.New(rand.NewPCG(9, 9))
	for i := range 2_600 {
		ds = append(ds, Detection{US: int64(i) * 200_000, Kind: KindFace, Box: [4]int{300_000 + r.IntN(90_000), 300_000 + r.IntN(90_000), 200_000, 200_000}})
	}
	found := Track(ds, 40*time.Millisecond, TrackOptions{})
	if len(found) < 3 {
		t.Fatalf("%d parts", len(found))
	}
	for i, f := range found {
		if len(f.Keys) > MaxKeys || i > 0 && f.Keys[0] != found[i-1].Keys[len(found[i-1].Keys)-1] {
			t.Errorf("part %d has %d keys and begins with %+v", i, len(f.Keys), f.Keys[0])
		}
	}
}

// Two that cross keep a track each, and two that are far apart in time or place are two.
func TestFollow(t *testing.T) {
	t.Parallel()
	at := func(us int64, x int) Detection {
		return Detection{US: us, Kind: KindFace, Box: [4]int{x, 100_000, 50_000, 50_000}}
	}
	for name, c := range map[string]struct {
		ds   []Detection
		want int
	}{
		"one":             {[]Detection{at(0, 0), at(200_000, 10_000), at(400_000, 20_000)}, 1},
		"a second's gap":  {[]Detection{at(0, 0), at(1_500_000, 10_000)}, 1},
		"too long a gap":  {[]Detection{at(0, 0), at(2_500_000, 0)}, 2},
		"too far":         {[]Detection{at(0, 0), at(40_000, 300_000)}, 2},
		"two at once":     {[]Detection{at(0, 0), at(0, 20_000), at(40_000, 0), at(40_000, 20_000)}, 2},
		"nothing":         {nil, 0},
		"face and person": {[]Detection{at(0, 0), {US: 40_000, Kind: KindPerson, Box: [4]int{0, 100_000, 50_000, 50_000}}}, 2},
	} {
		if got := Follow(c.ds); len(got) != c.want {
			t.Errorf("%s: %d paths, want %d", name, len(got), c.want)
		}
	}
}

// Over a short gap a thing went straight, over a longer one nobody knows: it is thought where it was seen last, or next.
func TestBetweenSightings(t *testing.T) {
	t.Parallel()
	a, b := [4]int{100_000, 0, 50_000, 50_000}, [4]int{140_000, 20_000, 60_000, 50_000}
	for name, c := range map[string]struct {
		gap, at int64
		want    [4]int
		none    bool
	}{
		"before":          {200_000, -1, [4]int{}, true},
		"first":           {200_000, 0, a, false},
		"midway":          {200_000, 100_000, [4]int{120_000, 10_000, 55_000, 50_000}, false},
		"last":            {200_000, 200_000, b, false},
		"after":           {200_000, 200_001, [4]int{}, true},
		"long gap, early": {1_000_000, 400_000, a, false},
		"long gap, late":  {1_000_000, 600_000, b, false},
	} {
		p := Follow([]Detection{{US: 0, Kind: KindFace, Box: a}, {US: c.gap, Kind: KindFace, Box: b}})
		if len(p) != 1 {
			t.Fatalf("%s: %d paths", name, len(p))
		}
		if got, ok := p[0].Between(c.at); ok == c.none || got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
