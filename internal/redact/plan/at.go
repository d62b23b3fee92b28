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
	n := &t.Keys[i+1]
	span, gone := n.AtUS-k.AtUS, us-k.AtUS
	left := along(k.Box[0], n.Box[0], gone, span, false)
	top := along(k.Box[1], n.Box[1], gone, span, false)
	right := along(k.Box[0]+k.Box[2], n.Box[0]+n.Box[2], gone, span, true)
	bottom := along(k.Box[1]+k.Box[3], n.Box[1]+n.Box[3], gone, span, true)
	return [4]int{left, top, right - left, bottom - top}, true
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
