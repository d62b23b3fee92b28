package detect

import (
	"cmp"
	_ "embed"
	"fmt"
	"math"
	"slices"
	"time"
)

// cascade is cascade/facefinder of github.com/esimov/pigo v1.4.6 (MIT, see cascade/LICENSE), byte for byte. It is a copy
// because a file of another module cannot be embedded; a test compares it with the module.
//
//go:embed cascade/facefinder
var cascade []byte

// Width is how wide pictures should be: wider ones cost time and find smaller faces, narrower ones the other way round.
const Width = 640

// Scores of faces add up over overlapping windows, so that large and clear faces have hundreds; foliage, bricks and
// windows stay below, except now and then where the trees are turned, which is tried on many more windows.
const (
	scoreUpright = 6
	scoreTilted  = 20
	scoreNear    = 4 // where a face was a moment ago
)

// Pictures can be made of which every part looks like a face: what they cost is bounded, and said.
const (
	mostHits  = 20_000 // windows in one search; of ordinary pictures there are some hundreds
	mostFaces = 200    // in a frame
)

// leastFace is the least window in pixels: the trees tell nothing of smaller ones.
const leastFace = 20

// Faces finds frontal faces with pixel comparisons organised in decision trees (Markuš et al., 2013), as trained by the
// author and shipped with pigo. Five times a second it searches the whole picture for upright faces, once a second for faces tilted by 22
// degrees, and around faces seen in the last two seconds also for ones that have turned, tilted by up to 34 degrees.
type Faces struct {
	trees  *trees
	recent []Detection // seen in the last two seconds, a place each
	tilted int64       // when the whole picture was last searched for tilted faces
	hits   []hit
	full   bool // a search of this frame was broken off
	not    unjudged

	change   change
	searched bool
	last     int64       // when the frame that was last searched is shown
	before   []Detection // of that frame
	between  []picture   // frames since, of which those up to waiting count
	waiting  int
}

// NewFaces gives a finder of faces.
func NewFaces() (*Faces, error) {
	t, err := readTrees(cascade)
	if err != nil {
		return nil, fmt.Errorf("read face cascade: %w", err)
	}
	return &Faces{trees: t, tilted: math.MinInt64 / 2}, nil
}

// Name is face.
func (f *Faces) Name() string { return "face" }

// Version is that of cascade and parameters together.
func (f *Faces) Version() int { return 1 }

// Every says that it wants every frame, and chooses itself which of them it searches.
func (f *Faces) Every() time.Duration { return 0 }

// mostBetween bounds how many frames wait between two searches.
const mostBetween = 16

// Detect searches a frame every LookEvery, and the first one after a sudden change. Where a face is that was not there at the last
// search, or is not there any more, the frames between are looked at, too, at its place: it is known to the frame when it came and went.
func (f *Faces) Detect(g Gray, us int64, out []Detection) []Detection {
	sudden := f.change.sudden(g)
	if f.searched && !sudden && us-f.last < LookEvery.Microseconds() && f.waiting < mostBetween && g.judgeable() {
		if f.waiting == len(f.between) {
			f.between = append(f.between, picture{})
		}
		f.between[f.waiting] = keep(f.between[f.waiting], us, g)
		f.waiting++
		return out
	}
	return f.step(g, us, sudden, out)
}

// step searches a frame and looks for what came or went since the last one.
func (f *Faces) step(g Gray, us int64, sudden bool, out []Detection) []Detection {
	first := len(out)
	out = f.whole(g, us, out)
	now := slices.Clone(out[first:])
	missing := func(from, in []Detection) (gone []Detection) {
		for _, d := range from {
			if !slices.ContainsFunc(in, func(o Detection) bool { return same(o, d) }) {
				gone = append(gone, d)
			}
		}
		return gone
	}
	ask := missing(f.before, now)
	if !sudden { // what a cut brings was not there before it
		ask = append(ask, missing(now, f.before)...)
	}
	for _, p := range f.between[:f.waiting] {
		var found []hit
		for _, d := range ask {
			if h, ok := f.near(p.g, d); ok {
				found = add(found, h)
			}
		}
		for _, h := range found {
			out = append(out, h.detection(p.us, p.g))
		}
	}
	f.before, f.waiting, f.last, f.searched = now, 0, us, true
	return out
}

// near looks for a face at a place where one was a moment ago, or will be, also turned.
func (f *Faces) near(g Gray, d Detection) (hit, bool) {
	w := d.Box[2] * g.W / One
	x, y := d.Box[0]*g.W/One+w/2, (d.Box[1]+d.Box[3]/2)*g.H/One
	size := w * 100 / 116 // of the window, see detection
	var near []hit
	for _, turn := range []int{0, 1, -1, 2, -2, 3, -3} {
		near = f.search(g, x-w/2, y-w/2, x+w/2, y+w/2, rung(size*8/10), min(mostFace(g), size*12/10), turn, scoreNear, near)
	}
	if len(near) == 0 {
		return hit{}, false
	}
	return slices.MaxFunc(near, func(a, b hit) int { return cmp.Compare(a.score, b.score) }), true
}

// mostFace is the largest window in a picture.
func mostFace(g Gray) int { return min(g.W, g.H) * 9 / 10 }

// whole adds the faces of a frame. A box holds the face from chin to brow and ears, which is more than the window of
// the trees.
func (f *Faces) whole(g Gray, us int64, out []Detection) []Detection {
	if !g.judgeable() {
		f.not.add(us, us, WhySmall)
		return out
	}
	most := mostFace(g)
	seen := f.search(g, 0, 0, g.W, g.H, leastFace, most, 0, scoreUpright, nil)
	if us-f.tilted >= 1_000_000 {
		f.tilted = us
		for _, turn := range []int{2, -2} {
			seen = f.search(g, 0, 0, g.W, g.H, leastFace*3/2, most, turn, scoreTilted, seen)
		}
	}
	// A face that was seen a moment ago and is not seen now has turned, as a rule.
	f.recent = slices.DeleteFunc(f.recent, func(d Detection) bool { return us-d.US > 2_000_000 })
	for _, d := range f.recent {
		if slices.ContainsFunc(seen, func(h hit) bool { return same(h.detection(us, g), d) }) {
			continue
		}
		if h, ok := f.near(g, d); ok {
			seen = add(seen, h)
		}
	}
	if f.full || len(seen) > mostFaces {
		f.full = false
		f.not.add(us, us, WhyMany)
		seen = seen[:min(len(seen), mostFaces)]
	}
	first := len(out)
	for _, h := range seen {
		out = append(out, h.detection(us, g))
	}
	slices.SortFunc(out[first:], func(a, b Detection) int { return compareBoxes(a.Box, b.Box) })
	for _, d := range out[first:] {
		f.recent = slices.DeleteFunc(f.recent, func(r Detection) bool { return same(r, d) })
		f.recent = append(f.recent, d)
	}
	f.recent = f.recent[max(0, len(f.recent)-mostFaces):]
	return out
}

// Flush searches the last frame. It says which looks came to nothing.
func (f *Faces) Flush(out []Detection) ([]Detection, []Unjudged) {
	if f.waiting > 0 {
		f.waiting--
		p := f.between[f.waiting]
		out = f.step(p.g, p.us, false, out)
	}
	return out, f.not.by(f, KindFace)
}

// search adds what is found in a part of the picture. Each turn is clustered by itself: windows of different turns must
// not add up to a face.
func (f *Faces) search(g Gray, x0, y0, x1, y1, least, most, turn int, score float32, to []hit) []hit {
	f.hits = f.trees.scan(g, x0, y0, x1, y1, least, most, turn, f.hits[:0])
	if len(f.hits) > mostHits {
		f.hits, f.full = f.hits[:mostHits], true
	}
	for _, h := range cluster(f.hits) {
		if h.score >= score {
			to = add(to, h)
		}
	}
	return to
}

// add takes up what is not yet there.
func add(to []hit, h hit) []hit {
	for _, t := range to {
		if half := (t.size + h.size) / 4; abs(t.x-h.x) < half && abs(t.y-h.y) < half {
			return to
		}
	}
	return append(to, h)
}

// detection makes the box of a face from the window of the trees, which lies within it.
func (h hit) detection(us int64, g Gray) Detection {
	half := float64(h.size) * 0.58
	x, y := float64(h.x), float64(h.y)
	return Detection{US: us, Kind: KindFace, Score: sure(h.score, 14), Box: boxOf(x-half, y-half*1.1, x+half, y+half*1.15, g.W, g.H)}
}

// same says whether two sightings are of one face.
func same(a, b Detection) bool { return likeness(a.Box, b.Box) > 1.15 }

// boxOf gives the box in millionths that holds x0..x1, y0..y1 in pixels, rounded outwards and held within the picture.
func boxOf(x0, y0, x1, y1 float64, w, h int) [4]int {
	low := func(v float64, n int) int { return min(One-1, max(0, int(math.Floor(v/float64(n)*One)))) }
	high := func(v float64, n int) int { return min(One, int(math.Ceil(v/float64(n)*One))) }
	x, y := low(x0, w), low(y0, h)
	return [4]int{x, y, max(1, high(x1, w)-x), max(1, high(y1, h)-y)}
}

func compareBoxes(a, b [4]int) int { return slices.Compare(a[:], b[:]) }
