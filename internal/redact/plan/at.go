package plan

import "sort"

// At gives the boxes of a moment of a source, in the order of the tracks. See Index.At.
func (p Plan) At(source int, us int64) []Box { return p.Index().At(source, us, nil) }

// Index makes a plan fit for being asked about many moments. It keeps what the plan said when it was made.
type Index struct{ sources [][]indexed }

type indexed struct {
	track    int
	from, to int64 // of the first and the last moment at which it covers anything; to is included
	Track
}

// Index gives the index of a plan.
func (p Plan) Index() *Index {
	x := &Index{sources: make([][]indexed, len(p.Sources))}
	for i, t := range p.Tracks {
		if t.Source < 0 || t.Source >= len(x.sources) || len(t.Keys) == 0 {
			continue // no plan that Parse took
		}
		end := t.Keys[len(t.Keys)-1].AtUS
		if t.UntilEnd {
			end = 1<<63 - 1
		}
		x.sources[t.Source] = append(x.sources[t.Source], indexed{track: i, from: t.Keys[0].AtUS, to: end, Track: t})
	}
	return x
}

// At appends the boxes that lie on a source at a moment, in the order of the tracks, and allocates nothing where into has room. Between two
// keys every edge of a box moves in a straight line; edges at the left and the top are rounded down, the others up. It is safe for concurrent use.
func (x *Index) At(source int, us int64, into []Box) []Box {
	if source < 0 || source >= len(x.sources) {
		return into
	}
	for i := range x.sources[source] {
		t := &x.sources[source][i]
		if us < t.from || us > t.to {
			continue
		}
		if b, ok := t.at(us); ok {
			into = append(into, Box{Track: t.track, Kind: t.Kind, Reveal: t.Reveal, X: b[0], Y: b[1], W: b[2], H: b[3]})
		}
	}
	return into
}

// at is where a track lies at a moment.
func (t *Track) at(us int64) ([4]int, bool) {
	i := sort.Search(len(t.Keys), func(i int) bool { return t.Keys[i].AtUS > us }) - 1
	if i < 0 || t.Keys[i].Off {
		return [4]int{}, false
	}
	k := &t.Keys[i]
	if i == len(t.Keys)-1 {
		return k.Box, t.UntilEnd || k.AtUS == us
	}
	e := t.edgesAt(i, us)
	return [4]int{e[0], e[1], e[2] - e[0], e[3] - e[1]}, true
}

// Over appends the boxes that lie on a source at any moment from from up to and with to, in the order of the tracks; each is the smallest that holds its
// track wherever it is meanwhile. What covers is asked for from slack before until slack after that, so that rounding of times uncovers nothing. What
// reveals is there only if it is at every moment, and is what it reveals at all of them. It is safe for concurrent use.
func (x *Index) Over(source int, from, to, slack int64, into []Box) []Box {
	if source < 0 || source >= len(x.sources) || to < from {
		return into
	}
	for i := range x.sources[source] {
		t := &x.sources[source][i]
		a, b, hold := from-slack, to+slack, (*Track).holds
		if t.Reveal {
			a, b, hold = from, to, (*Track).shares
		}
		if b < t.from || a > t.to {
			continue
		}
		if e, ok := hold(&t.Track, a, b); ok {
			into = append(into, Box{Track: t.track, Kind: t.Kind, Reveal: t.Reveal, X: e[0], Y: e[1], W: e[2] - e[0], H: e[3] - e[1]})
		}
	}
	return into
}

// edges are left, top, right and bottom.
func edges(box [4]int) [4]int { return [4]int{box[0], box[1], box[0] + box[2], box[1] + box[3]} }

// stretches calls f with where the edges of a track are at the beginning and at the end of each part of [a, b] in which they move in one straight line
// or stand, or with on false for a part in which nothing is covered. It ends when f says no.
func (t *Track) stretches(a, b int64, f func(begin, end [4]int, on bool) bool) {
	if a < t.Keys[0].AtUS && !f([4]int{}, [4]int{}, false) {
		return
	}
	first := max(sort.Search(len(t.Keys), func(i int) bool { return t.Keys[i].AtUS > a })-1, 0)
	for i := first; i < len(t.Keys) && t.Keys[i].AtUS <= b; i++ {
		k := &t.Keys[i]
		begin := edges(k.Box)
		switch {
		case k.Off:
			if !f(begin, begin, false) {
				return
			}
		case i == len(t.Keys)-1:
			if k.AtUS >= a || t.UntilEnd {
				if !f(begin, begin, true) {
					return
				}
			}
			if b > k.AtUS && !t.UntilEnd && !f(begin, begin, false) {
				return
			}
		default:
			// Up to the next key, also where that one is off: the box moves towards it until then.
			if !f(t.edgesAt(i, max(a, k.AtUS)), t.edgesAt(i, min(b, t.Keys[i+1].AtUS)), true) {
				return
			}
		}
	}
}

// holds is the smallest box, by its edges, that holds a track wherever it is at any moment of [a, b].
func (t *Track) holds(a, b int64) (out [4]int, ok bool) {
	t.stretches(a, b, func(begin, end [4]int, on bool) bool {
		if !on {
			return true
		}
		if !ok {
			out, ok = begin, true
		}
		for _, e := range [2][4]int{begin, end} {
			out = [4]int{min(out[0], e[0]), min(out[1], e[1]), max(out[2], e[2]), max(out[3], e[3])}
		}
		return true
	})
	return out, ok
}

// shares is what a track holds at every moment of [a, b].
func (t *Track) shares(a, b int64) (out [4]int, ok bool) {
	out, ok = [4]int{0, 0, Whole, Whole}, true
	t.stretches(a, b, func(begin, end [4]int, on bool) bool {
		for _, e := range [2][4]int{begin, end} {
			out = [4]int{max(out[0], e[0]), max(out[1], e[1]), min(out[2], e[2]), min(out[3], e[3])}
		}
		ok = on && out[0] < out[2] && out[1] < out[3]
		return ok
	})
	return out, ok
}

// edgesAt is where the edges are at a moment between key i and the one after it.
func (t *Track) edgesAt(i int, us int64) [4]int {
	k, n := edges(t.Keys[i].Box), edges(t.Keys[i+1].Box)
	span, gone := t.Keys[i+1].AtUS-t.Keys[i].AtUS, us-t.Keys[i].AtUS
	return [4]int{along(k[0], n[0], gone, span, false), along(k[1], n[1], gone, span, false), along(k[2], n[2], gone, span, true), along(k[3], n[3], gone, span, true)}
}

// along is the place on the way from a to b, rounded down or up. Boxes have at most a million, times less than three million million: the
// product fits.
func along(a, b int, gone, span int64, up bool) int {
	n := int64(b-a) * gone
	q, rest := n/span, n%span
	switch {
	case up && rest > 0:
		q++
	case !up && rest < 0:
		q--
	}
	return a + int(q)
}
