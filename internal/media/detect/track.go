package detect

import (
	"cmp"
	"slices"
	"time"
)

// TrackOptions shape tracks. The zero value is what proposals are made with.
type TrackOptions struct {
	Hold     time.Duration // a thing is held as long before it is first seen and after it was last seen; default 1 s
	Grow     int           // by how much a box is wider and higher than what was seen, in millionths of itself; default 40,000 (4 %)
	Error    int           // by how much an edge of a track may lie outside where it has to be, in millionths of the picture; default 20,000 (2 %)
	FromUS   int64         // no key before
	ToUS     int64         // where the item ends: no key after, and what reaches it stays until the end; 0: not known
	Times    []int64       // when each frame is shown, ascending, as far as it is known: a thing is held for as long as the last frame that shows it stands
	Detector string        // recipe that goes into Found
}

func (o TrackOptions) filled() TrackOptions {
	if o.Hold <= 0 {
		o.Hold = time.Second
	}
	if o.Grow <= 0 {
		o.Grow = 40_000
	}
	if o.Error <= 0 {
		o.Error = 20_000
	}
	return o
}

// MaxKeys is how many keys one found thing has at most; one that needs more is given in parts that overlap.
const MaxKeys = 1_000

// Bridge is how long a thing may be out of sight and still be the same one: half of it is held after it was seen, half
// before it is seen again.
const Bridge = 2 * time.Second

// bridged is the longest stretch between two sightings that is crossed in a straight line. Over longer ones a thing may
// have gone anywhere between, and the box that holds both ends is demanded.
const bridged = 300_000

// Path is one thing in the frames where it was seen.
type Path struct {
	Kind string
	At   []Detection // ascending in time, one a frame
}

// Follow tells which detections are of one thing. Every detection is in exactly one path.
func Follow(ds []Detection) []Path {
	ds = slices.Clone(ds)
	slices.SortStableFunc(ds, func(a, b Detection) int {
		return cmp.Or(cmp.Compare(a.US, b.US), cmp.Compare(a.Kind, b.Kind), compareBoxes(a.Box, b.Box))
	})
	var paths []Path
	var open []int // of paths that may go on
	for i := 0; i < len(ds); {
		j := i
		for j < len(ds) && ds[j].US == ds[i].US {
			j++
		}
		now := ds[i:j]
		open = slices.DeleteFunc(open, func(p int) bool {
			return now[0].US-paths[p].At[len(paths[p].At)-1].US > Bridge.Microseconds()
		})
		type pair struct {
			path, det int
			fit       float64
			since     int64
		}
		var pairs []pair
		for _, p := range open {
			last := paths[p].At[len(paths[p].At)-1]
			for k, d := range now {
				if d.Kind == last.Kind {
					if fit := likeness(last.Box, d.Box); fit > 0 {
						pairs = append(pairs, pair{p, k, fit, d.US - last.US})
					}
				}
			}
		}
		// The best fit first; among equal ones that which was seen last.
		slices.SortStableFunc(pairs, func(a, b pair) int { return cmp.Or(cmp.Compare(b.fit, a.fit), cmp.Compare(a.since, b.since)) })
		takenPath, takenDet := map[int]bool{}, make([]bool, len(now))
		for _, q := range pairs {
			if takenPath[q.path] || takenDet[q.det] {
				continue
			}
			takenPath[q.path], takenDet[q.det] = true, true
			paths[q.path].At = append(paths[q.path].At, now[q.det])
		}
		for k, d := range now {
			if !takenDet[k] {
				open = append(open, len(paths))
				paths = append(paths, Path{Kind: d.Kind, At: []Detection{d}})
			}
		}
		i = j
	}
	return paths
}

// likeness says how well two boxes may be of one thing: 1 to 2 by how much they overlap, up to 1 by how near they are, 0
// if they are further apart than their own size.
func likeness(a, b [4]int) float64 {
	w := min(a[0]+a[2], b[0]+b[2]) - max(a[0], b[0])
	h := min(a[1]+a[3], b[1]+b[3]) - max(a[1], b[1])
	if w > 0 && h > 0 {
		in := float64(w) * float64(h)
		return 1 + in/(float64(a[2])*float64(a[3])+float64(b[2])*float64(b[3])-in)
	}
	dx := float64(2*a[0]+a[2]-2*b[0]-b[2]) / float64(a[2]+b[2])
	dy := float64(2*a[1]+a[3]-2*b[1]-b[3]) / float64(a[3]+b[3])
	return max(0, 1-(dx*dx+dy*dy)/4)
}

// Between gives where the thing must be thought to be at a time: where it was seen, or between two sightings. False
// before the first and after the last.
func (p Path) Between(us int64) ([4]int, bool) {
	i, hit := slices.BinarySearchFunc(p.At, us, func(d Detection, us int64) int { return cmp.Compare(d.US, us) })
	if hit {
		return p.At[i].Box, true
	}
	if i == 0 || i == len(p.At) {
		return [4]int{}, false
	}
	a, b := p.At[i-1], p.At[i]
	if b.US-a.US > bridged {
		return smaller(a.Box, b.Box, us-a.US, b.US-us), true
	}
	return between(point{a.US, edgesOf(a.Box)}, point{b.US, edgesOf(b.Box)}, us).box(), true
}

// smaller gives that box which is nearer in time.
func smaller(a, b [4]int, sinceA, untilB int64) [4]int {
	if sinceA <= untilB {
		return a
	}
	return b
}

// edges are left, top, right, bottom.
type edges [4]int

func (e edges) box() [4]int { return [4]int{e[0], e[1], e[2] - e[0], e[3] - e[1]} }

func edgesOf(b [4]int) edges { return edges{b[0], b[1], b[0] + b[2], b[1] + b[3]} }

func (e edges) union(f edges) edges {
	return edges{min(e[0], f[0]), min(e[1], f[1]), max(e[2], f[2]), max(e[3], f[3])}
}

// out moves every edge outwards by a number of millionths of the picture, held within it.
func (e edges) out(x, y int) edges {
	return edges{max(0, e[0]-x), max(0, e[1]-y), min(One, e[2]+x), min(One, e[3]+y)}
}

// grow moves the edges outwards by millionths of the box itself, half of it on each side, rounded up.
func grow(b [4]int, by int) edges {
	return edgesOf(b).out((b[2]*by/One+1)/2+1, (b[3]*by/One+1)/2+1)
}

// point is where a track has to be at a time.
type point struct {
	us int64
	e  edges
}

// Track follows things through the detections of one stretch and gives a proposal for each, by time. frame is the time
// from one frame to the next.
//
// The box of a found thing, between its keys in straight lines, holds every detection that it is made of grown by
// Grow; no edge lies further outside than Error. Before the first and after the last detection the box stays for Hold,
// growing further as time passes.
func Track(ds []Detection, frame time.Duration, o TrackOptions) []Found {
	o = o.filled()
	var found []Found
	for _, p := range Follow(ds) {
		f := Found{Kind: p.Kind, Seen: len(p.At), Detector: o.Detector}
		for _, d := range p.At {
			f.Score = max(f.Score, d.Score)
		}
		keys := simplified(demand(p, frame, o), o.Error)
		for {
			part := f
			part.Keys = keys[:min(len(keys), MaxKeys)]
			part.UntilEnd = o.ToUS > 0 && part.Keys[len(part.Keys)-1].AtUS >= o.ToUS
			found = append(found, part)
			if len(keys) <= MaxKeys {
				break
			}
			keys = keys[MaxKeys-1:]
		}
	}
	slices.SortStableFunc(found, func(a, b Found) int { return cmp.Compare(a.Keys[0].AtUS, b.Keys[0].AtUS) })
	return found
}

// demand gives where the track of a path has to be.
func demand(p Path, frame time.Duration, o TrackOptions) []point {
	pts := make([]point, 0, len(p.At)+8)
	for _, d := range p.At {
		pts = append(pts, point{d.US, grow(d.Box, o.Grow)})
	}
	// Out of sight: both ends hold the box of both.
	for i := 1; i < len(p.At); i++ {
		if p.At[i].US-p.At[i-1].US > bridged {
			u := grow(p.At[i-1].Box, o.Grow).union(grow(p.At[i].Box, o.Grow))
			pts[i-1].e, pts[i].e = pts[i-1].e.union(u), pts[i].e.union(u)
		}
	}
	hold := max(o.Hold, frame)
	first, last := p.At[0], p.At[len(p.At)-1]
	// A thing that comes or goes moves: the box that waits for it grows by Grow for each quarter of a second.
	waiting := o.Grow * (1 + int(min(hold, 2*time.Second)/(250*time.Millisecond)))
	if at := max(first.US-hold.Microseconds(), o.FromUS); at < first.US {
		pts = slices.Insert(pts, 0, point{at, grow(first.Box, waiting).union(pts[0].e)})
	}
	at := last.US + hold.Microseconds()
	if i, _ := slices.BinarySearch(o.Times, last.US+1); i < len(o.Times) {
		at = max(at, o.Times[i])
	}
	if o.ToUS > 0 {
		at = min(at, o.ToUS)
	}
	if at > last.US {
		pts = append(pts, point{at, grow(last.Box, waiting).union(pts[len(pts)-1].e)})
	}
	pts = since(pts, o.FromUS)
	if o.ToUS > 0 {
		pts = until(pts, o.ToUS)
	}
	if len(pts) == 1 && o.ToUS == 0 {
		pts = append(pts, point{pts[0].us + max(1, frame.Microseconds()), pts[0].e})
	}
	return pts
}

// until takes what lies beyond the end of the item back to it: frames beyond the length that an item says it has are shown,
// too, under the last box.
func until(pts []point, end int64) []point {
	for n := len(pts) - 1; n >= 0 && pts[n].us > end; n-- {
		if n > 0 && pts[n-1].us < end {
			pts[n] = point{end, pts[n].e.union(between(pts[n-1], pts[n], end).out(1, 1))}
			break
		}
		if n == 0 {
			pts[0].us = end
			break
		}
		pts[n-1].e = pts[n-1].e.union(pts[n].e)
		pts = pts[:n]
	}
	return pts
}

// since takes what lies before the beginning of the item to it: a plan has no keys there.
func since(pts []point, begin int64) []point {
	for len(pts) > 1 && pts[1].us <= begin {
		pts[1].e = pts[1].e.union(pts[0].e)
		pts = pts[1:]
	}
	if pts[0].us < begin {
		if len(pts) > 1 {
			pts[0].e = pts[0].e.union(between(pts[0], pts[1], begin).out(1, 1))
		}
		pts[0].us = begin
	}
	return pts
}

// simplePart is how many points are simplified together: what that costs may grow with the square of their number.
const simplePart = 2_000

// simplified is simplify for any number of points. Where two parts meet, the key holds what either needs.
func simplified(pts []point, bound int) []Key {
	var keys []Key
	for {
		part := simplify(pts[:min(len(pts), simplePart)], bound)
		if n := len(keys); n > 0 {
			keys[n-1].Box = edgesOf(keys[n-1].Box).union(edgesOf(part[0].Box)).box()
			part = part[1:]
		}
		keys = append(keys, part...)
		if len(pts) <= simplePart {
			return keys
		}
		pts = pts[simplePart-1:]
	}
}

// simplify gives few keys whose straight lines hold every point, no edge further outside than bound: lines within half of
// the bound (Douglas and Peucker, on the four edges at once), then moved outwards by what they lack, which is at most
// the other half.
func simplify(pts []point, bound int) []Key {
	keep := make([]bool, len(pts))
	keep[0], keep[len(pts)-1] = true, true
	type span struct{ from, to int }
	for todo := []span{{0, len(pts) - 1}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		worst, at := bound/2-2, -1 // two for rounding
		for i := s.from + 1; i < s.to; i++ {
			line := between(pts[s.from], pts[s.to], pts[i].us)
			for k := range line {
				if d := abs(line[k] - pts[i].e[k]); d > worst {
					worst, at = d, i
				}
			}
		}
		if at >= 0 {
			keep[at] = true
			todo = append(todo, span{s.from, at}, span{at, s.to})
		}
	}
	for {
		keys, bare := moved(pts, keep)
		if bare < 0 {
			return keys
		}
		// An edge at the border of the picture cannot be moved further out: there has to be a key.
		keep[bare] = true
	}
}

// moved gives the keys of the points that are kept, moved outwards so that their lines hold the others, and the first
// point that is not held (-1: none).
func moved(pts []point, keep []bool) (keys []Key, bare int) {
	var at []int
	for i, k := range keep {
		if k {
			at = append(at, i)
		}
	}
	lack := make([]edges, len(at))
	for n := 1; n < len(at); n++ {
		var most edges
		for i := at[n-1] + 1; i < at[n]; i++ {
			line := between(pts[at[n-1]], pts[at[n]], pts[i].us)
			for k, d := range pts[i].e.beyond(line) {
				if d > 0 {
					most[k] = max(most[k], d+1) // one for rounding
				}
			}
		}
		for k := range most {
			lack[n-1][k], lack[n][k] = max(lack[n-1][k], most[k]), max(lack[n][k], most[k])
		}
	}
	out := make([]point, len(at))
	for n, i := range at {
		e := pts[i].e
		e = edges{max(0, e[0]-lack[n][0]), max(0, e[1]-lack[n][1]), min(One, e[2]+lack[n][2]), min(One, e[3]+lack[n][3])}
		out[n] = point{pts[i].us, widen(e)}
		keys = append(keys, Key{AtUS: pts[i].us, Box: out[n].e.box()})
	}
	for n := 1; n < len(at); n++ {
		for i := at[n-1] + 1; i < at[n]; i++ {
			for _, d := range pts[i].e.beyond(between(out[n-1], out[n], pts[i].us)) {
				if d > 0 {
					return keys, i
				}
			}
		}
	}
	return keys, -1
}

// beyond gives by how much each edge lies outside of that of other edges; less than zero: within.
func (e edges) beyond(f edges) edges {
	return edges{f[0] - e[0], f[1] - e[1], e[2] - f[2], e[3] - f[3]}
}

// leastSide is the least side of a box in a plan.
const leastSide = 1_000

// widen gives a box that is not too small to be in a plan.
func widen(e edges) edges {
	for k := range 2 {
		if e[k+2]-e[k] < leastSide {
			e[k] = min(e[k], One-leastSide)
			e[k+2] = e[k] + leastSide
		}
	}
	return e
}

func between(a, b point, us int64) edges {
	var e edges
	for k := range e {
		e[k] = a.e[k] + int(int64(b.e[k]-a.e[k])*(us-a.us)/(b.us-a.us))
	}
	return e
}

func abs(v int) int { return max(v, -v) }

// At gives the box of a found thing at a time; false before the first key and, unless it stays, after the last.
func (f Found) At(us int64) ([4]int, bool) {
	i, hit := slices.BinarySearchFunc(f.Keys, us, func(k Key, us int64) int { return cmp.Compare(k.AtUS, us) })
	switch {
	case hit:
		return f.Keys[i].Box, true
	case i == len(f.Keys) && i > 0 && f.UntilEnd:
		return f.Keys[i-1].Box, true
	case i == 0 || i == len(f.Keys):
		return [4]int{}, false
	}
	// Rounded outwards, as a plan does.
	a, b := f.Keys[i-1], f.Keys[i]
	from, to := edgesOf(a.Box), edgesOf(b.Box)
	var e edges
	for k := range e {
		d := int64(to[k]-from[k]) * (us - a.AtUS)
		span := b.AtUS - a.AtUS
		step := d / span
		switch rest := d % span; {
		case k < 2 && rest < 0:
			step--
		case k >= 2 && rest > 0:
			step++
		}
		e[k] = from[k] + int(step)
	}
	return e.box(), true
}
