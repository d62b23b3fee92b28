package gap

import (
	"cmp"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/media/detect"
	"zapis/internal/redact/plan"
)

const (
	// visible is how much of a box may be seen: a tenth.
	visibleNum, visibleDen = 1, 10
	// joined is how long a thing may be covered between two stretches in which it is not, for these to be one blocker.
	joined = 200_000
	// standing is how long a frame may be shown before the masks are asked for again while it is.
	standing = 250_000
	// maxMoments bounds how often they are asked for.
	maxMoments = 10_000
	// shortPause is an interruption that nobody means.
	shortPause = 1_000_000
	// unwalkedAfter is by how much the last frame may begin before the end of its cut.
	unwalkedAfter = 2_000_000
	// soundJoined is how long a stretch of speech may be that nothing is done to, between spans to which something is.
	soundJoined = 100_000
)

// Walk holds a plan against what was seen in its cuts: cuts[i] belongs to p.Cuts[i]. An archive.ErrInvalid says that the
// input cannot be walked. The list is by cut, then time; one that is empty, or has warnings only, does not block.
func Walk(p plan.Plan, cuts []Cut) ([]Blocker, error) {
	if len(cuts) != len(p.Cuts) {
		return nil, fmt.Errorf("%w: %d cuts were read, the plan has %d", archive.ErrInvalid, len(cuts), len(p.Cuts))
	}
	w := walk{plan: p, index: p.Index()}
	for i, c := range cuts {
		if s := p.Cuts[i].Source; s < 0 || s >= len(p.Sources) {
			return nil, fmt.Errorf("%w: cut %d: no such source", archive.ErrInvalid, i)
		}
		if err := w.cut(i, c); err != nil {
			return nil, fmt.Errorf("cut %d: %w", i, err)
		}
	}
	for i, t := range p.Tracks {
		w.track(i, t)
	}
	slices.SortStableFunc(w.out, func(a, b Blocker) int {
		return cmp.Or(cmp.Compare(uint(a.Cut), uint(b.Cut)), cmp.Compare(a.FromUS, b.FromUS), cmp.Compare(a.ToUS, b.ToUS), cmp.Compare(a.Kind, b.Kind), slices.Compare(a.Box[:], b.Box[:]))
	})
	if len(w.out) > MaxBlockers {
		// The warnings go first: what blocks must not be pushed out of the list by them.
		slices.SortStableFunc(w.out, func(a, b Blocker) int { return order(a.Warning) - order(b.Warning) })
		w.out = append(w.out[:MaxBlockers-1], Blocker{Kind: TooMany, Cut: -1, Source: -1})
	}
	return w.out, nil
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Blocks says whether a plan may not be approved until everything in the list is mended or dismissed.
func Blocks(list []Blocker) bool {
	return slices.ContainsFunc(list, func(b Blocker) bool { return !b.Warning })
}

type walk struct {
	plan  plan.Plan
	index *plan.Index
	out   []Blocker

	moments [][]plan.Box // of the frame that is walked
}

// cut walks the frames of one cut.
func (w *walk) cut(n int, c Cut) error {
	k := w.plan.Cuts[n]
	for i, at := range c.Times {
		if i > 0 && at < c.Times[i-1] || at >= k.ToUS {
			return fmt.Errorf("%w: frame %d is out of order or beyond the cut", archive.ErrInvalid, i)
		}
	}
	for i, d := range c.Detections {
		if i > 0 && d.US < c.Detections[i-1].US || d.Box[2] <= 0 || d.Box[3] <= 0 || d.Box[0] < 0 || d.Box[1] < 0 || d.Box[0]+d.Box[2] > detect.One || d.Box[1]+d.Box[3] > detect.One {
			return fmt.Errorf("%w: detection %d is out of order or outside of the picture", archive.ErrInvalid, i)
		}
		if _, ok := slices.BinarySearch(c.Times, d.US); !ok {
			return fmt.Errorf("%w: detection %d belongs to no frame", archive.ErrInvalid, i)
		}
	}
	w.frames(n, c)
	w.things(n, c)
	for _, u := range c.Unjudged {
		from, to := max(u.FromUS, k.FromUS), min(u.ToUS, k.ToUS)
		if from <= to {
			w.out = append(w.out, Blocker{Kind: Unjudged, Warning: true, Cut: n, Source: k.Source, FromUS: from, ToUS: to, AtUS: from, Thing: u.Kind, Why: u.Why})
		}
	}
	if c.Sound && w.plan.Sound.Mode != plan.Mute {
		w.sound(n, c)
	}
	return nil
}

// frames reports what of a cut there were no frames of.
func (w *walk) frames(n int, c Cut) {
	k := w.plan.Cuts[n]
	miss := func(from, to int64) {
		w.out = append(w.out, Blocker{Kind: Unwalked, Cut: n, Source: k.Source, FromUS: from, ToUS: to, AtUS: from})
	}
	if len(c.Times) == 0 {
		miss(k.FromUS, k.ToUS)
		return
	}
	// The frame that is shown at the beginning may have begun before it.
	if first := c.Times[0]; first-k.FromUS > unwalkedAfter {
		miss(k.FromUS, first)
	}
	if last := c.Times[len(c.Times)-1]; k.ToUS-last > unwalkedAfter {
		miss(last, k.ToUS)
	}
}

// end is when frame i is no longer shown.
func (c Cut) end(i int, k plan.Cut) int64 {
	if i+1 < len(c.Times) {
		return min(c.Times[i+1], k.ToUS)
	}
	return k.ToUS
}

// thing is one thing on its way through the frames of a cut.
type thing struct {
	detect.Path
	open   *Blocker // a stretch in which it is not covered and that goes on
	worst  int64
	before int // the track that covered it in the frame before; -1: none did
}

func (t *thing) from() int64 { return t.At[0].US }
func (t *thing) to() int64   { return t.At[len(t.At)-1].US }

// things walks the frames of a cut with everything that was seen in it.
func (w *walk) things(n int, c Cut) {
	k := w.plan.Cuts[n]
	var waiting, here []*thing
	for _, path := range detect.Follow(c.Detections) {
		waiting = append(waiting, &thing{Path: path, before: -1})
	}
	slices.SortStableFunc(waiting, func(a, b *thing) int { return cmp.Compare(a.from(), b.from()) })
	for i, us := range c.Times {
		for len(waiting) > 0 && waiting[0].from() <= us {
			here, waiting = append(here, waiting[0]), waiting[1:]
		}
		here = slices.DeleteFunc(here, func(t *thing) bool {
			if t.to() >= us {
				return false
			}
			w.close(t)
			return true
		})
		if len(here) == 0 {
			continue
		}
		begin := max(us, k.FromUS)
		end := max(c.end(i, k), begin+1)
		w.look(k.Source, begin, end)
		for _, t := range here {
			w.frame(n, t, us, begin, end)
		}
	}
	for _, t := range here {
		w.close(t)
	}
}

// look asks the plan for its boxes while a frame is shown. What stands is shown again and again, while masks go on.
func (w *walk) look(source int, begin, end int64) {
	n := 0
	for at := begin; ; at = min(at+standing/2, end-1) {
		if n == len(w.moments) {
			w.moments = append(w.moments, nil)
		}
		w.moments[n] = w.index.At(source, at, w.moments[n][:0])
		n++
		if end-begin <= standing || at >= end-1 || n >= maxMoments {
			break
		}
	}
	w.moments = w.moments[:n]
}

func (w *walk) close(t *thing) {
	if t.open != nil {
		w.out = append(w.out, *t.open)
		t.open, t.worst = nil, 0
	}
}

// frame holds one thing in one frame against the masks.
func (w *walk) frame(n int, t *thing, us, begin, end int64) {
	box, ok := t.Between(us)
	if !ok {
		return
	}
	var seen int64
	by, revealed := -1, -1
	for i, boxes := range w.moments {
		if s, covers, reveals := w.seen(boxes, box); i == 0 || s > seen {
			seen, by, revealed = s, covers, reveals
		}
	}
	area := int64(box[2]) * int64(box[3])
	if seen*visibleDen <= area*visibleNum {
		t.before = by
		if t.open == nil {
			return
		}
		if t.open.Kind == Uncovered && by >= 0 {
			// A mask that begins when the thing has been there for a while.
			w.hole(t, by)
		}
		if begin-t.open.ToUS > joined {
			w.close(t)
		}
		return
	}
	if t.open == nil {
		t.open = &Blocker{Kind: Uncovered, Warning: t.Kind == detect.KindText, Cut: n, Source: w.plan.Cuts[n].Source, FromUS: begin, Thing: t.Kind}
		switch {
		case revealed >= 0:
			t.open.Kind, t.open.Track = Revealed, w.plan.Tracks[revealed].ID
		case t.before >= 0:
			w.hole(t, t.before)
		}
	}
	t.before = -1
	// The worst frame is shown; of equal ones the first.
	if share := seen * 1_000_000 / area; share > t.worst {
		t.worst, t.open.AtUS, t.open.Box = share, begin, box
	}
	t.open.ToUS, t.open.Frames = end, t.open.Frames+1
	if at, hit := slices.BinarySearchFunc(t.At, us, func(d detect.Detection, us int64) int { return cmp.Compare(d.US, us) }); hit {
		t.open.Score = max(t.open.Score, t.At[at].Score)
	}
}

// hole says that a mask covers a thing for a part of the time only. Writing is everywhere, and most of it harms nobody: it warns, unless it
// was meant to be covered.
func (w *walk) hole(t *thing, by int) {
	mask := w.plan.Tracks[by]
	if t.Kind == detect.KindText && !slices.Contains(writing, mask.Reason) {
		return // somebody who passes before a sign
	}
	t.open.Kind, t.open.Track, t.open.Warning = Hole, mask.ID, false
}

// writing are the reasons of masks that are meant for writing.
var writing = []string{"plate", "badge", "document", "screen", "clock", "name", "text"}

// seen gives how much of a box can be seen among masks, the track that covers most of it (-1: none) and the one that
// reveals most of it (-1: none).
func (w *walk) seen(boxes []plan.Box, box [4]int) (area int64, covers, reveals int) {
	var cover, reveal [][4]int
	var mostCovered, mostRevealed int64
	covers, reveals = -1, -1
	for _, b := range boxes {
		cut, size := inside([4]int{b.X, b.Y, b.W, b.H}, box)
		if size == 0 {
			continue
		}
		if b.Reveal {
			reveal = append(reveal, cut)
			if size > mostRevealed {
				mostRevealed, reveals = size, b.Track
			}
			continue
		}
		if !opaque(b.Kind) {
			continue
		}
		cover = append(cover, cut)
		if size > mostCovered {
			mostCovered, covers = size, b.Track
		}
	}
	whole := int64(box[2]) * int64(box[3])
	if mostCovered == whole {
		return 0, covers, reveals
	}
	if w.plan.Picture.Hide {
		// What is revealed and not covered again.
		return union(append(reveal, cover...)) - union(cover), covers, reveals
	}
	return whole - union(cover), covers, -1
}

// opaque kinds let nothing through. Others do not count, should there ever be some.
func opaque(k plan.Kind) bool { return k == plan.Solid || k == plan.Pixelate }

// inside gives the part of a box that lies in another, and its area.
func inside(b, of [4]int) (cut [4]int, area int64) {
	x, y := max(b[0], of[0]), max(b[1], of[1])
	w, h := min(b[0]+b[2], of[0]+of[2])-x, min(b[1]+b[3], of[1]+of[3])-y
	if w <= 0 || h <= 0 {
		return [4]int{}, 0
	}
	return [4]int{x, y, w, h}, int64(w) * int64(h)
}

// union gives the area that boxes cover together: in upright strips between their edges, the lines that are covered.
func union(boxes [][4]int) int64 {
	if len(boxes) == 0 {
		return 0
	}
	xs := make([]int, 0, 2*len(boxes))
	for _, b := range boxes {
		xs = append(xs, b[0], b[0]+b[2])
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	byTop := slices.Clone(boxes)
	slices.SortFunc(byTop, func(a, b [4]int) int { return cmp.Compare(a[1], b[1]) })
	var area int64
	for i := 1; i < len(xs); i++ {
		reached, lines := 0, 0
		for _, b := range byTop {
			if b[0] > xs[i-1] || b[0]+b[2] < xs[i] {
				continue
			}
			if from, to := max(b[1], reached), b[1]+b[3]; to > from {
				lines += to - from
				reached = to
			}
		}
		area += int64(lines) * int64(xs[i]-xs[i-1])
	}
	return area
}

// track reports what is odd about a mask by itself.
func (w *walk) track(n int, t plan.Track) {
	appears := false
	for i, c := range w.plan.Cuts {
		if c.Source != t.Source {
			continue
		}
		if appearsIn(t, c) {
			appears = true
		}
		w.leaps(i, c, t)
		for j := 1; j+1 < len(t.Keys); j++ {
			off, on := t.Keys[j], t.Keys[j+1]
			if off.Off && !on.Off && !t.Keys[j-1].Off && on.AtUS-off.AtUS < shortPause && off.AtUS < c.ToUS && on.AtUS > c.FromUS {
				w.out = append(w.out, Blocker{Kind: Pause, Warning: true, Cut: i, Source: c.Source, FromUS: max(off.AtUS, c.FromUS), ToUS: min(on.AtUS, c.ToUS),
					AtUS: max(off.AtUS, c.FromUS), Box: off.Box, Track: t.ID})
			}
		}
	}
	if !appears {
		b := Blocker{Kind: Never, Warning: true, Cut: -1, Source: t.Source, Track: t.ID}
		if len(t.Keys) > 0 {
			b.FromUS, b.AtUS, b.ToUS, b.Box = t.Keys[0].AtUS, t.Keys[0].AtUS, t.Keys[len(t.Keys)-1].AtUS, t.Keys[0].Box
		}
		w.out = append(w.out, b)
	}
}

// appearsIn says whether a mask covers anything at any moment of a cut.
func appearsIn(t plan.Track, c plan.Cut) bool {
	for i, k := range t.Keys {
		if k.Off {
			continue
		}
		to := k.AtUS + 1 // the moment of the last key is covered
		if i+1 < len(t.Keys) {
			to = t.Keys[i+1].AtUS
		} else if t.UntilEnd {
			to = 1<<63 - 1
		}
		if k.AtUS < c.ToUS && to > c.FromUS {
			return true
		}
	}
	return false
}

// Leaps: no person and no vehicle crosses the picture that fast, so that between these keys the mask is probably where
// nothing is. Boxes that still overlap are adjusted, not moved.
const (
	leapSpeed = 1_500_000 // millionths of the picture in a second
	leapLeast = 150_000   // and that far
)

func (w *walk) leaps(n int, c plan.Cut, t plan.Track) {
	for i := 1; i < len(t.Keys); i++ {
		a, b := t.Keys[i-1], t.Keys[i]
		if a.Off || b.AtUS <= c.FromUS || a.AtUS >= c.ToUS {
			continue
		}
		if _, over := inside(a.Box, b.Box); over > 0 {
			continue
		}
		dx := int64(2*(b.Box[0]-a.Box[0])+b.Box[2]-a.Box[2]) / 2
		dy := int64(2*(b.Box[1]-a.Box[1])+b.Box[3]-a.Box[3]) / 2
		far, span := max(dx, -dx, dy, -dy), b.AtUS-a.AtUS
		if far < leapLeast || far*1_000_000 < leapSpeed*span {
			continue
		}
		from := max(a.AtUS, c.FromUS)
		w.out = append(w.out, Blocker{Kind: Jump, Cut: n, Source: c.Source, FromUS: from, ToUS: min(b.AtUS, c.ToUS), AtUS: from, Box: a.Box, Track: t.ID})
	}
}

// sound warns of speech that is kept.
func (w *walk) sound(n int, c Cut) {
	k := w.plan.Cuts[n]
	warn := func(kind Kind, from, to int64) {
		w.out = append(w.out, Blocker{Kind: kind, Warning: true, Cut: n, Source: k.Source, FromUS: from, ToUS: to, AtUS: from})
	}
	if !c.SpeechKnown {
		warn(Unheard, k.FromUS, k.ToUS)
		return
	}
	var done []Span
	for _, s := range w.plan.Sound.Spans {
		if s.Source == k.Source && s.ToUS > s.FromUS {
			done = append(done, Span{s.FromUS, s.ToUS})
		}
	}
	slices.SortFunc(done, func(a, b Span) int { return cmp.Compare(a.FromUS, b.FromUS) })
	speech := slices.Clone(c.Speech)
	slices.SortFunc(speech, func(a, b Span) int { return cmp.Compare(a.FromUS, b.FromUS) })
	for _, s := range speech {
		from, to := max(s.FromUS, k.FromUS), min(s.ToUS, k.ToUS)
		for _, d := range done {
			if d.ToUS <= from || d.FromUS >= to {
				continue
			}
			if d.FromUS-from > soundJoined {
				warn(Speech, from, d.FromUS)
			}
			from = d.ToUS
		}
		if to-from > soundJoined {
			warn(Speech, from, to)
		}
	}
}
