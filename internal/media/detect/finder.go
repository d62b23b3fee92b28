package detect

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"
)

// LookEvery is the time, at least, from one frame that a detector is shown to the next: five frames a second, and always
// the first and the last one, and the first after a sudden change of the picture, so that a shot of a single frame is
// looked at. What is between two sightings of a thing is filled in by Path.Between; a thing that comes and goes within
// LookEvery in a picture that otherwise stays may be missed. A detector that looks at other distances has a method Every;
// one that wants no frames between has a method Steady.
const LookEvery = 190 * time.Millisecond

// Size gives the shorter side, in pixels, at which a recording of w by h pixels (upright) is to be decoded for the
// detectors: about Width pixels along its longer side.
func Size(w, h int) int {
	const least = Width * 9 / 16
	if w <= 0 || h <= 0 {
		return least
	}
	return max(least, Width*min(w, h)/max(w, h))
}

// Result is what all detectors say of one stretch.
type Result struct {
	Times      []int64     // when each frame of the stretch is shown, as it was handed in, µs
	Detections []Detection // ascending in time
	Unjudged   []Unjudged  // by time
	Recipes    []string    // detectors that looked
	Looked     []int       // how many frames each of them was shown
}

// Step gives the usual time from one frame to the next; 0 if there are less than two.
func (r Result) Step() time.Duration {
	if len(r.Times) < 2 {
		return 0
	}
	return time.Duration(r.Times[len(r.Times)-1]-r.Times[0]) * time.Microsecond / time.Duration(len(r.Times)-1)
}

// Tracks gives the proposals of a stretch, those of each detector by themselves. A proposal holds on for a second beyond
// the stretch, but not beyond durationUS (0: not known).
func (r Result) Tracks(durationUS int64) []Found {
	var all []Found
	for _, k := range kinds {
		var of []Detection
		for _, d := range r.Detections {
			if d.Kind == k.name {
				of = append(of, d)
			}
		}
		all = append(all, Track(of, r.Step(), TrackOptions{ToUS: durationUS, Detector: k.recipe, Times: r.Times})...)
	}
	return all
}

// kinds are what is proposed, with the recipe of the detector that sees it.
var kinds = []struct{ name, recipe string }{
	{KindFace, Recipe((*Faces)(nil))},
	{KindPerson, Recipe((*Motion)(nil))},
	{KindText, Recipe((*Text)(nil))},
}

// FinderOptions shape a Finder.
type FinderOptions struct {
	Detectors []Detector // default: Faces, Motion and Text
	most      int        // of detections of each detector, default mostDetections
}

// mostDetections is how much is kept of a stretch for each detector, about 150 MB: hours of a crowd. What follows is not judged.
const mostDetections = 2_000_000

// Finder shows the frames of one stretch to the detectors, each of which works beside the others. It has to be finished, also
// when the stretch was not read to its end.
type Finder struct {
	r     Result
	eyes  []*eye
	work  sync.WaitGroup
	rest  picture // the newest frame
	seen  change
	spare sync.Pool
	done  bool

	mu  sync.Mutex
	err error
}

// eye is a detector with what it is yet to see.
type eye struct {
	d      Detector
	every  int64 // µs
	steady bool  // wants no frames between
	in     chan shown
	out    []Detection
	not    []Unjudged
	over   unjudged // what it was not shown any more
	shown  int
	last   int64 // when the last frame that it was shown begins
	newest int   // and which of all frames that is, from 1
}

func (e *eye) wants(us int64, sudden bool) bool {
	return e.shown == 0 || e.every == 0 || us-e.last >= e.every || sudden && !e.steady
}

// picture is a copy of a frame.
type picture struct {
	g  Gray
	us int64
}

// shown is a picture that several detectors look at.
type shown struct {
	picture
	left *sync.WaitGroup
}

// NewFinder gives a finder for one stretch.
func NewFinder(o FinderOptions) (*Finder, error) {
	if o.Detectors == nil {
		faces, err := NewFaces()
		if err != nil {
			return nil, err
		}
		o.Detectors = []Detector{faces, NewMotion(), NewText()}
	}
	if o.most <= 0 {
		o.most = mostDetections
	}
	f := &Finder{}
	for _, d := range o.Detectors {
		e := &eye{d: d, every: LookEvery.Microseconds(), in: make(chan shown, 4)}
		if often, ok := d.(interface{ Every() time.Duration }); ok {
			e.every = often.Every().Microseconds()
		}
		if s, ok := d.(interface{ Steady() bool }); ok {
			e.steady = s.Steady()
		}
		f.eyes = append(f.eyes, e)
		f.r.Recipes = append(f.r.Recipes, Recipe(d))
		f.work.Go(func() {
			broken := false
			for s := range e.in {
				switch {
				case broken:
				case len(e.out) >= o.most:
					e.over.add(s.us, s.us, WhyMany)
				default:
					broken = !f.guard(func() { e.out = e.d.Detect(s.g, s.us, e.out) })
				}
				s.left.Done()
			}
			if !broken {
				f.guard(func() { e.out, e.not = e.d.Flush(e.out) })
			}
		})
	}
	return f, nil
}

// ErrBroken: a detector ended in the middle of its work, which no picture should bring it to.
var ErrBroken = errors.New("detector broke off")

// guard runs a part of a detector. What it breaks off with, which may hold anything, is not passed on: a picture that somebody made may
// end a run, but not the program.
func (f *Finder) guard(work func()) (ok bool) {
	defer func() {
		if !ok {
			_ = recover()
			f.mu.Lock()
			f.err = ErrBroken
			f.mu.Unlock()
		}
	}()
	work()
	return true
}

// Err is ErrBroken if what Finish gave is not all that it should be, and void.
func (f *Finder) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Frame is called for every frame in order. The picture may be used again after the call.
func (f *Finder) Frame(us int64, g Gray) {
	if f.done {
		return
	}
	f.r.Times = append(f.r.Times, us)
	f.rest = keep(f.rest, us, g)
	sudden := f.seen.sudden(f.rest.g)
	f.show(func(e *eye) bool { return e.wants(us, sudden) })
}

// A sudden change: so many of the cells of a picture differ by so much from those of the one before.
const (
	suddenCells = 32 // along each side
	suddenBy    = 30 // levels of grey
	suddenShare = 16 // a sixteenth of the cells
	suddenRows  = 4  // rows of a cell that are read, about
)

// change holds frames against those before them.
type change struct {
	cells [2][]int32 // means of the newest frame and of the one before
}

// sudden says whether a frame differs from the one before as no movement makes it: a cut, a flash, something large that was not there. The
// first frame does not.
func (f *change) sudden(g Gray) bool {
	f.cells[0], f.cells[1] = f.cells[1], f.cells[0][:0]
	if !g.judgeable() {
		return false
	}
	for cy := range suddenCells {
		y0, y1 := cy*g.H/suddenCells, (cy+1)*g.H/suddenCells
		for cx := range suddenCells {
			x0, x1 := cx*g.W/suddenCells, (cx+1)*g.W/suddenCells
			sum, n := 0, 0
			for y := y0; y < y1; y += 1 + (y1-y0)/suddenRows { // some rows of a cell do for its mean
				for _, p := range g.Pix[y*g.Stride+x0 : y*g.Stride+x1] {
					sum += int(p)
				}
				n += x1 - x0
			}
			f.cells[1] = append(f.cells[1], int32(sum/n))
		}
	}
	if len(f.cells[0]) != len(f.cells[1]) {
		return false
	}
	apart := 0
	for i, v := range f.cells[1] {
		if d := v - f.cells[0][i]; d > suddenBy || d < -suddenBy {
			apart++
		}
	}
	return apart*suddenShare >= suddenCells*suddenCells
}

// show gives the newest frame to the detectors that are to have it.
func (f *Finder) show(to func(*eye) bool) {
	var eyes []*eye
	for _, e := range f.eyes {
		if to(e) {
			eyes = append(eyes, e)
		}
	}
	if len(eyes) == 0 {
		return
	}
	buf, _ := f.spare.Get().(*picture)
	if buf == nil {
		buf = &picture{}
	}
	*buf = keep(*buf, f.rest.us, f.rest.g)
	left := &sync.WaitGroup{}
	left.Add(len(eyes))
	for _, e := range eyes {
		e.last, e.newest = f.rest.us, len(f.r.Times)
		e.shown++
		e.in <- shown{*buf, left}
	}
	go func() { // the copy is free when all have seen it
		left.Wait()
		f.spare.Put(buf)
	}()
}

// keep copies a picture, into the bytes of an older one if they suffice.
func keep(old picture, us int64, g Gray) picture {
	if !g.valid() {
		return picture{us: us}
	}
	n := g.W * g.H
	pix := old.g.Pix
	if cap(pix) < n {
		pix = make([]byte, n)
	}
	pix = pix[:n]
	for y := range g.H {
		copy(pix[y*g.W:(y+1)*g.W], g.Pix[y*g.Stride:])
	}
	return picture{Gray{W: g.W, H: g.H, Stride: g.W, Pix: pix}, us}
}

// Finish waits for the detectors and gives what they found.
func (f *Finder) Finish() Result {
	if f.done {
		return f.r
	}
	f.done = true
	if len(f.r.Times) > 0 {
		f.show(func(e *eye) bool { return e.newest != len(f.r.Times) })
	}
	for _, e := range f.eyes {
		f.r.Looked = append(f.r.Looked, e.shown)
		close(e.in)
	}
	f.work.Wait()
	for _, e := range f.eyes {
		f.r.Detections = append(f.r.Detections, e.out...)
		f.r.Unjudged = append(f.r.Unjudged, e.not...)
		for _, k := range kinds {
			if k.recipe == Recipe(e.d) {
				f.r.Unjudged = append(f.r.Unjudged, e.over.by(e.d, k.name)...)
			}
		}
	}
	slices.SortStableFunc(f.r.Detections, func(a, b Detection) int { return cmp.Compare(a.US, b.US) })
	slices.SortStableFunc(f.r.Unjudged, func(a, b Unjudged) int { return cmp.Compare(a.FromUS, b.FromUS) })
	return f.r
}
