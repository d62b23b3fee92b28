package detect

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// LookEvery is the time, at least, from one frame that a detector is shown to the next: five frames a second, and always
// the first and the last one. What is between two sightings of a thing is filled in by Path.Between; a thing that is
// there for less than LookEvery may be missed. A detector that is quick enough to look more often has a method Every.
const LookEvery = 190 * time.Millisecond

// Size gives the shorter side, in pixels, at which a recording of w by h pixels (upright) is to be decoded for the
// detectors: about Width pixels across, or high if it is upright.
func Size(w, h int) int {
	const least = Width * 9 / 16
	if w <= 0 || h <= 0 || w <= h {
		return least
	}
	return max(least, Width*h/w)
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
	recipes := map[string]string{KindFace: recipeFace, KindPerson: recipeMotion}
	for _, kind := range []string{KindFace, KindPerson} {
		var of []Detection
		for _, d := range r.Detections {
			if d.Kind == kind {
				of = append(of, d)
			}
		}
		all = append(all, Track(of, r.Step(), TrackOptions{ToUS: durationUS, Detector: recipes[kind]})...)
	}
	return all
}

var (
	recipeFace   = Recipe((*Faces)(nil))
	recipeMotion = Recipe((*Motion)(nil))
)

// FinderOptions shape a Finder.
type FinderOptions struct {
	Detectors []Detector // default: Faces and Motion
}

// Finder shows the frames of one stretch to the detectors, each of which works beside the others. It has to be finished, also
// when the stretch was not read to its end.
type Finder struct {
	r     Result
	eyes  []*eye
	work  sync.WaitGroup
	rest  picture // the newest frame
	spare sync.Pool
	done  bool
}

// eye is a detector with what it is yet to see.
type eye struct {
	d     Detector
	every int64 // µs
	in    chan shown
	out   []Detection
	not   []Unjudged
	shown int
	last  int64 // when the last frame that it was shown begins
}

func (e *eye) wants(us int64) bool { return e.shown == 0 || us-e.last >= e.every }

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
		o.Detectors = []Detector{faces, NewMotion()}
	}
	f := &Finder{}
	for _, d := range o.Detectors {
		e := &eye{d: d, every: LookEvery.Microseconds(), in: make(chan shown, 4)}
		if often, ok := d.(interface{ Every() time.Duration }); ok {
			e.every = often.Every().Microseconds()
		}
		f.eyes = append(f.eyes, e)
		f.r.Recipes = append(f.r.Recipes, Recipe(d))
		f.work.Go(func() {
			for s := range e.in {
				e.out = e.d.Detect(s.g, s.us, e.out)
				s.left.Done()
			}
			e.out, e.not = e.d.Flush(e.out)
		})
	}
	return f, nil
}

// Frame is called for every frame in order. The picture may be used again after the call.
func (f *Finder) Frame(us int64, g Gray) {
	if f.done {
		return
	}
	f.r.Times = append(f.r.Times, us)
	f.rest = keep(f.rest, us, g)
	f.show(func(e *eye) bool { return e.wants(us) })
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
		e.last = f.rest.us
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
		f.show(func(e *eye) bool { return e.last != f.rest.us || e.shown == 0 })
	}
	for _, e := range f.eyes {
		f.r.Looked = append(f.r.Looked, e.shown)
		close(e.in)
	}
	f.work.Wait()
	for _, e := range f.eyes {
		f.r.Detections = append(f.r.Detections, e.out...)
		f.r.Unjudged = append(f.r.Unjudged, e.not...)
	}
	slices.SortStableFunc(f.r.Detections, func(a, b Detection) int { return cmp.Compare(a.US, b.US) })
	slices.SortStableFunc(f.r.Unjudged, func(a, b Unjudged) int { return cmp.Compare(a.FromUS, b.FromUS) })
	return f.r
}
