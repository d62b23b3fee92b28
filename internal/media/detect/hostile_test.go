package detect

import (
	"errors"
	"slices"
	"testing"
	"time"
)

// Nothing that a detector could not look at may come out as a stretch in which nothing is.
func TestWhatIsTooSmallIsNotJudged(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{640, 20}, {20, 640}, {31, 31}, {0, 0}, {20_000, 40}} {
		faces, err := NewFaces()
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range []Detector{faces, NewMotion(), NewText()} {
			if size[0] == 20_000 && d.Name() != "motion" {
				continue // these are high enough for the others
			}
			r := find(t, 30, 100_000, d, func(int) Gray { return flat(size[0], size[1], 9) })
			if len(r.Detections) != 0 || len(r.Unjudged) != 1 || r.Unjudged[0].Why != WhySmall || r.Unjudged[0].FromUS != 0 || r.Unjudged[0].ToUS != 2_900_000 || r.Unjudged[0].Kind == "" || r.Unjudged[0].Detector != Recipe(d) {
				t.Errorf("%s of %v: %+v", d.Name(), size, r.Unjudged)
			}
		}
	}
}

// A picture that changes its size begins anew, and does not stop the detector.
func TestMotionOfPicturesThatChangeTheirSize(t *testing.T) {
	t.Parallel()
	d := NewMotion()
	var out []Detection
	for i := range 28 {
		g := flat(64, 48, 50)
		if i >= 25 {
			g = flat(80, 48, 50)
		}
		out = d.Detect(g, int64(i)*100_000, out)
	}
	out, not := d.Flush(out)
	if len(out) != 0 || len(not) != 1 || not[0].Why != WhyShort || not[0].FromUS != 2_500_000 {
		t.Errorf("%v, %+v", out, not)
	}
}

// More things than can be told apart are said to be, and not listed.
func TestMotionOfTooMuch(t *testing.T) {
	t.Parallel()
	back := flat(320, 320, 40)
	r := find(t, 40, 100_000, NewMotion(), func(i int) Gray {
		g := back.with(flat(1, 1, 40), 0, 0)
		if i < 30 {
			return g
		}
		for y := 0; y+20 < 320; y += 26 {
			for x := 0; x+20 < 320; x += 26 {
				g = Gray{g.W, g.H, g.Stride, g.Pix}
				for dy := range 6 {
					for dx := range 6 {
						g.Pix[(y+dy+i%2)*320+x+dx] = 200
					}
				}
			}
		}
		return g
	})
	if len(r.Detections) != 0 || len(r.Unjudged) != 1 || r.Unjudged[0].Why != WhyMany || r.Unjudged[0].FromUS != 3_000_000 || r.Unjudged[0].ToUS != 3_900_000 {
		t.Errorf("%d detections, %+v", len(r.Detections), r.Unjudged)
	}
}

// A detector that has said more than is kept is not shown more, and what it was not shown is not judged.
func TestFinderKeepsNoMoreThanItMay(t *testing.T) {
	t.Parallel()
	f, err := NewFinder(FinderOptions{Detectors: []Detector{&namedLooker{looker{}}}, most: 3})
	if err != nil {
		t.Fatal(err)
	}
	g := flat(40, 40, 0)
	for i := range 10 {
		f.Frame(int64(i)*500_000, g)
	}
	r := f.Finish()
	if len(r.Detections) != 3 || len(r.Unjudged) != 1 || r.Unjudged[0] != (Unjudged{1_500_000, 4_500_000, "face/1", KindFace, WhyMany}) || f.Err() != nil {
		t.Errorf("%d detections, %+v, %v", len(r.Detections), r.Unjudged, f.Err())
	}
}

// namedLooker passes for the finder of faces.
type namedLooker struct{ looker }

func (*namedLooker) Name() string { return "face" }

// breaker breaks off, as a detector must not.
type breaker struct{ looker }

func (*breaker) Detect(Gray, int64, []Detection) []Detection { panic("with something of the picture") }

func TestADetectorThatBreaksOffEndsTheRunAndNotTheProgram(t *testing.T) {
	t.Parallel()
	f, err := NewFinder(FinderOptions{Detectors: []Detector{&breaker{}, &looker{}}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		f.Frame(int64(i)*200_000, flat(40, 40, 0))
	}
	f.Finish()
	if err := f.Err(); !errors.Is(err, ErrBroken) || err.Error() != ErrBroken.Error() {
		t.Errorf("%v", err)
	}
}

// A shot of one frame is looked at, wherever it lies between two looks; a picture that stays is not looked at more often.
func TestSuddenChangesAreLookedAt(t *testing.T) {
	t.Parallel()
	street := textured(640, 360, 1)
	for _, at := range []int{1, 3, 7, 48} {
		for name, c := range map[string]struct {
			flash Gray
			seen  bool
		}{
			"another picture":     {flat(640, 360, 200), true},
			"a quarter of it":     {street.with(flat(320, 180, 250), 100, 100), true},
			"a little brighter":   {street.with(flat(1, 1, 90), 0, 0), false},
			"two in a hundred up": {street.with(flat(64, 72, 250), 0, 0), false},
		} {
			l := &looker{}
			find(t, 50, 40_000, l, func(i int) Gray {
				if i == at {
					return c.flash
				}
				return street
			})
			if got := slices.Contains(l.shown, int64(at)*40_000); got != c.seen && !(at%5 == 0) {
				t.Errorf("%s in frame %d: looked at %v, want %v: %v", name, at, got, c.seen, l.shown)
			}
		}
	}
	steady := &steadyLooker{}
	r := find(t, 50, 40_000, steady, func(i int) Gray { return flat(40, 40, byte(i%2)*200) })
	if r.Looked[0] > 12 {
		t.Errorf("one that looks at even distances was shown %d frames", r.Looked[0])
	}
}

type steadyLooker struct{ looker }

func (*steadyLooker) Steady() bool { return true }

// Where the last frame that shows a thing stands for long, the proposal stays as long.
func TestATrackStaysWhileAFrameStands(t *testing.T) {
	t.Parallel()
	seen := []Detection{{US: 0, Kind: KindFace, Box: [4]int{100_000, 100_000, 50_000, 50_000}}, {US: 200_000, Kind: KindFace, Box: [4]int{100_000, 100_000, 50_000, 50_000}}}
	r := Result{Times: []int64{0, 200_000, 30_000_000, 30_200_000}, Detections: seen}
	tracks := r.Tracks(60_000_000)
	if len(tracks) != 1 {
		t.Fatalf("%+v", tracks)
	}
	for _, us := range []int64{0, 15_000_000, 29_999_999} {
		if b, ok := tracks[0].At(us); !ok || !holds(seen[0].Box, b) {
			t.Errorf("at %d µs: %v %v", us, b, ok)
		}
	}
}

// Frames that begin before the item does are covered from its beginning: a plan has no moment before.
func TestTracksBeginWithTheItem(t *testing.T) {
	t.Parallel()
	box := func(x int) [4]int { return [4]int{x, 100_000, 50_000, 50_000} }
	for name, at := range map[string][]int64{"across": {-80_000, -40_000, 40_000, 80_000}, "before": {-80_000, -40_000}, "one": {-80_000}, "at it": {0, 40_000}} {
		var ds []Detection
		for i, us := range at {
			ds = append(ds, Detection{US: us, Kind: KindFace, Box: box(100_000 + 20_000*i)})
		}
		for _, f := range Track(ds, 40*time.Millisecond, TrackOptions{ToUS: 10_000_000}) {
			last := int64(-1)
			for _, k := range f.Keys {
				if k.AtUS <= last || k.AtUS < 0 {
					t.Fatalf("%s: %+v", name, f.Keys)
				}
				last = k.AtUS
			}
			for i, d := range ds {
				b, ok := f.At(max(d.US, 0))
				if late := d.US >= 0 || i == len(ds)-1; late && (!ok || !holds(d.Box, b)) {
					t.Errorf("%s: %+v at %d is %v, %v", name, d, max(d.US, 0), b, ok)
				}
			}
		}
	}
}

// What is shown as a share of a hundred and sorted by is one, for each detector.
func TestScoresAreShares(t *testing.T) {
	t.Parallel()
	faces, err := NewFaces()
	if err != nil {
		t.Fatal(err)
	}
	back := textured(640, 360, 3)
	face := sampleFace(t).smaller(2)
	for _, d := range []Detector{faces, NewMotion(), NewText()} {
		r := find(t, 60, 100_000, d, func(i int) Gray {
			if d.Name() == "face" {
				return back.with(face, 200, 60)
			}
			g, _ := walker(back, i)
			g, _ = g.with(flat(140, 30, 250), 10, 10).write("AB1204EK", 20, 16, 2, 10)
			return g
		})
		if len(r.Detections) == 0 {
			t.Errorf("%s sees nothing", d.Name())
		}
		for _, x := range r.Detections {
			if x.Score <= 0.2 || x.Score > 1 {
				t.Fatalf("%s is sure to %v", d.Name(), x.Score)
			}
		}
	}
}

// A face that comes and goes between two searches of the whole picture is known to the frame, and is not looked for behind a cut.
func TestFacesAreKnownToTheFrame(t *testing.T) {
	t.Parallel()
	face := sampleFace(t).smaller(3)
	back, other := textured(640, 360, 3), flat(640, 360, 240)
	with, elsewhere := back.with(face, 200, 60), other.with(face, 200, 60)
	for name, c := range map[string]struct {
		picture  func(i int) Gray
		from, to int
	}{
		"comes and goes": {func(i int) Gray {
			if i >= 8 && i <= 21 {
				return with
			}
			return back
		}, 8, 21},
		"stays at the end": {func(i int) Gray {
			if i >= 28 {
				return with
			}
			return back
		}, 28, 29},
		"a cut brings it": {func(i int) Gray {
			if i >= 13 {
				return elsewhere
			}
			return back
		}, 13, 29},
		"a cut takes it": {func(i int) Gray {
			if i < 13 {
				return with
			}
			return other
		}, 0, 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := NewFaces()
			if err != nil {
				t.Fatal(err)
			}
			r := find(t, 30, 40_000, d, c.picture)
			if len(r.Detections) == 0 {
				t.Fatal("nothing was found")
			}
			first, last := r.Detections[0].US/40_000, r.Detections[len(r.Detections)-1].US/40_000
			if first != int64(c.from) || last != int64(c.to) {
				t.Errorf("seen from frame %d to %d, it is there from %d to %d", first, last, c.from, c.to)
			}
			if n := len(r.Detections); n > c.to-c.from+1 {
				t.Errorf("%d detections of one face in %d frames", n, c.to-c.from+1)
			}
		})
	}
}

// However many frames a second there are, few wait.
func TestFewFramesWait(t *testing.T) {
	t.Parallel()
	d, err := NewFaces()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		d.Detect(flat(64, 48, 9), int64(i), nil)
	}
	if len(d.between) > mostBetween {
		t.Errorf("%d frames are held", len(d.between))
	}
}

// A clock that runs backwards keeps no frame from one that wants all of them.
func TestEveryFrameIsEveryFrame(t *testing.T) {
	t.Parallel()
	l := &everyLooker{}
	f, err := NewFinder(FinderOptions{Detectors: []Detector{l}})
	if err != nil {
		t.Fatal(err)
	}
	for _, us := range []int64{0, 40_000, 10_000_000, 80_000, 120_000} {
		f.Frame(us, flat(40, 40, 1))
	}
	if r := f.Finish(); r.Looked[0] != 5 {
		t.Errorf("shown %v", l.shown)
	}
}

type everyLooker struct{ looker }

func (*everyLooker) Every() time.Duration { return 0 }

// Faces of all sizes that come and go are looked for in windows of few sizes.
func TestFewWindowsAreHeld(t *testing.T) {
	t.Parallel()
	d, err := NewFaces()
	if err != nil {
		t.Fatal(err)
	}
	g := flat(640, 480, 9)
	for w := 20; w < 400; w += 3 {
		d.near(g, Detection{Box: [4]int{100_000, 100_000, w * One / 640, w * One / 480}})
	}
	if n := len(d.trees.cache); n > 24*7 {
		t.Errorf("the places of %d windows are held", n)
	}
	for _, c := range [][2]int{{1, 20}, {20, 20}, {22, 20}, {23, 23}, {300, 0}} {
		if got := rung(c[0]); c[1] > 0 && got != c[1] || got > max(c[0], leastFace) || larger(got) <= c[0] {
			t.Errorf("%d: %d", c[0], got)
		}
	}
}
