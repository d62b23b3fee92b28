package fingerprint

import (
	"cmp"
	"context"
	"math"
	"slices"
)

// Kind says how two recordings stand to each other.
type Kind string

// The kinds. None of them is ever a stronger word than what was measured.
const (
	// Same footage: what moves in the one moves alike in the other.
	Same Kind = "same"
	// Similar event: what moves resembles each other, or repeats itself so that no place can be told.
	Similar Kind = "similar"
	// Camera: they look alike and nothing that moves agrees: the same camera or place at most.
	Camera Kind = "camera"
	// Untold: they look alike and too little moves to say more.
	Untold Kind = "untold"
)

// The rule of what is said, in thousandths of correlation.
const (
	SameFrom    = 900
	SimilarFrom = 600
)

// Span is a stretch of footage that both recordings hold. Seconds.
type Span struct {
	A, B    float64 // where it begins in the first and in the second recording
	Seconds float64
}

// Relation is what Compare found.
type Relation struct {
	Kind  Kind
	Score int // correlation of what moves, in thousandths; 0 for Untold
	// Offset is what has to be added to a time in the first recording to get the time in the second one, in seconds. It is within a
	// tenth of a second. Set for Same and Similar.
	Offset   float64
	Spans    []Span // of Same only, by time in the first recording
	Mirrored bool
	// CropA and CropB are how much more of the picture is cut off at each side in the other recording: a CropA of 100 says that the
	// second recording shows what is left of the first one when a tenth is cut off at each side. In thousandths.
	CropA, CropB Region
	// Overlay is the share of the picture in which the two differ all the time, such as by a logo, in thousandths.
	Overlay int
	// CoverA and CoverB are the shares of each recording that the spans cover, in thousandths.
	CoverA, CoverB int
}

// What is compared: pictures of gridW by gridH cells.
const (
	gridW = 32
	gridH = 18
	grid  = gridW * gridH
)

const (
	windowLong  = 20 * Rate
	windowShort = 3 * Rate
	// windowLeast is the shortest recording that is compared. Below windowShort it has to agree better: 92 in 100, without its strongest
	// pattern 80.
	windowLeast = 2 * Rate
	// Cells with the most energy are left out of the score: a clock in the picture ticks in a few cells and ticks alike at any time.
	leftOut = grid / 48
	// leastMotion is how much what is left must move, as the root of the mean square in grey levels; noise of coding is below.
	leastMotion = 0.7
	// leastCore is the same for what is left when the strongest single pattern is taken away, too: a lamp that is switched on is one
	// pattern, and looks the same on any day.
	leastCore = 0.45
	// quietCell is the mean square below which what a cell does is noise, and leastCells how many others there must be.
	quietCell  = 0.5
	leastCells = 16
	// coreFrom is how well that must agree for Same, in parts of one.
	coreFrom = 0.75
	// softCore is the same for soft cells: people who do the same walk one after another come up to 0.69 in them.
	softCore = 0.78
	// repeats is how well a stretch may agree with itself at another time before no place can be told by it.
	repeats = 0.85
	// selfTold is how long a stretch has to be to show by itself whether it repeats itself. Of a shorter one it shows in the other recording,
	// which has to be longer by as much.
	selfTold = 8 * Rate
)

// view is how a recording is looked at: what is cut off, whether in a mirror, and whether blurred over neighbouring cells. Cells of a
// picture that was cropped do not lie on those of the other one; what is finer than two of them, such as leaves, is then sampled
// differently, and is better left out.
type view struct {
	margin Region
	mirror bool
	soft   bool
}

// viewer resamples thumbnails to the grid.
type viewer struct {
	x [gridW][]tap
	y [gridH][]tap
}

func newViewer(v view) *viewer {
	w := &viewer{}
	f := float64(v.margin) / 1000
	fill := func(out [][]tap, n int) {
		lo, hi := f*float64(n), float64(n)-f*float64(n)
		step := (hi - lo) / float64(len(out))
		for i := range out {
			a, b := lo+float64(i)*step, lo+float64(i+1)*step
			if v.soft {
				out[i] = bell((a+b)/2, softness*step, n)
				continue
			}
			for p := int(a); p < n && float64(p) < b-1e-9; p++ {
				share := min(b, float64(p+1)) - max(a, float64(p))
				out[i] = append(out[i], tap{p, float32(share / step)})
			}
		}
	}
	fill(w.x[:], thumbW)
	fill(w.y[:], thumbH)
	if v.mirror {
		slices.Reverse(w.x[:])
	}
	return w
}

// look gives n pictures from one on, of grid cells each.
func (p *Print) look(v view, from, n int) ([]float32, error) {
	w := newViewer(v)
	out := make([]float32, n*grid)
	var rows [thumbH][gridW]float32
	for i := range n {
		t, err := p.thumbnail(from + i)
		if err != nil {
			return nil, err
		}
		for y := range thumbH {
			line := t[y*thumbW : (y+1)*thumbW]
			for c := range w.x {
				var s float32
				for _, t := range w.x[c] {
					s += t.weight * float32(line[t.at])
				}
				rows[y][c] = s
			}
		}
		to := out[i*grid : (i+1)*grid]
		for y := range w.y {
			for _, t := range w.y[y] {
				for c := range gridW {
					to[y*gridW+c] += t.weight * rows[t.at][c]
				}
			}
		}
	}
	return out, nil
}

// softness is the width of a soft cell, as the deviation of its bell in cells. Both what moves and the noise of coding are fainter in
// such cells; loudness, across and down, brings them to where the thresholds of motion and noise are.
const (
	softness = 0.9
	loudness = 1.4
)

// bell weighs the points around one place.
func bell(center, deviation float64, n int) (out []tap) {
	var sum float64
	for p := max(0, int(center-3*deviation)); p < n && float64(p) < center+3*deviation; p++ {
		d := (float64(p) + 0.5 - center) / deviation
		out = append(out, tap{p, float32(math.Exp(-d * d / 2))})
		sum += math.Exp(-d * d / 2)
	}
	for i := range out {
		out[i].weight *= float32(loudness / sum)
	}
	return out
}

// between gives n pictures as they are a part of a picture after from.
func (p *Print) between(v view, from, n int, part float64) ([]float32, error) {
	if part < 0 {
		from, part = from-1, part+1
	}
	if part < 0.01 || from < 0 || from+n+1 > p.frames {
		from = min(max(from, 0), p.frames-n)
		return p.look(v, from, n)
	}
	a, err := p.look(v, from, n+1)
	if err != nil {
		return nil, err
	}
	f := float32(part)
	for i := range n * grid {
		a[i] += f * (a[i+grid] - a[i])
	}
	return a[:n*grid], nil
}

// agreement is how alike two stretches move.
type agreement struct {
	score    float64 // -1 to 1
	core     float64 // the same without the strongest pattern
	xy       float64 // sums over cells and pictures
	xx, yy   float64
	motion   bool // enough moves in both
	coreMove bool
}

// residual takes away what does not move: of each cell its mean over the stretch, of each picture its mean brightness.
func residual(a []float32) []float32 {
	n := len(a) / grid
	var mean [grid]float32
	for i := range n {
		for k, v := range a[i*grid : (i+1)*grid] {
			mean[k] += v
		}
	}
	for k := range mean {
		mean[k] /= float32(n)
	}
	out := make([]float32, len(a))
	for i := range n {
		from, to := a[i*grid:(i+1)*grid], out[i*grid:(i+1)*grid]
		var all float32
		for k, v := range from {
			to[k] = v - mean[k]
			all += to[k]
		}
		all /= grid
		for k := range to {
			to[k] -= all
		}
	}
	return out
}

// agree compares two residuals of the same length.
func agree(a, b []float32, core bool) agreement {
	n := len(a) / grid
	var xy, xx, yy [grid]float64
	for i := range n {
		p, q := a[i*grid:(i+1)*grid], b[i*grid:(i+1)*grid]
		for k := range grid {
			x, y := float64(p[k]), float64(q[k])
			xy[k] += x * y
			xx[k] += x * x
			yy[k] += y * y
		}
	}
	var allX, allY float64
	for k := range grid {
		allX += xx[k]
		allY += yy[k]
	}
	const tiny = 1e-9
	order := make([]int, grid)
	for k := range order {
		order[k] = k
	}
	energy := func(k int) float64 { return xx[k]/(allX+tiny) + yy[k]/(allY+tiny) }
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(energy(j), energy(i)) })
	var g agreement
	var sumX, sumY float64
	kept := make([]bool, grid)
	cells := 0
	for _, k := range order[leftOut:] {
		sumX += xx[k]
		sumY += yy[k]
		if (xx[k]+yy[k])/float64(2*n) < quietCell {
			continue // noise of coding, which agrees with nothing
		}
		kept[k] = true
		cells++
		g.xy += xy[k]
		g.xx += xx[k]
		g.yy += yy[k]
	}
	g.score = g.xy / math.Sqrt(g.xx*g.yy+tiny)
	count := float64(n * (grid - leftOut))
	g.motion = cells >= leastCells && math.Sqrt(sumX/count) >= leastMotion && math.Sqrt(sumY/count) >= leastMotion
	if !core || !g.motion {
		return g
	}
	u := strongest(a, b, kept)
	var cxy, cxx, cyy float64
	for i := range n {
		p, q := a[i*grid:(i+1)*grid], b[i*grid:(i+1)*grid]
		var pu, qu float64
		for k := range grid {
			pu += float64(p[k]) * u[k]
			qu += float64(q[k]) * u[k]
		}
		for k := range grid {
			if !kept[k] {
				continue
			}
			x, y := float64(p[k])-pu*u[k], float64(q[k])-qu*u[k]
			cxy += x * y
			cxx += x * x
			cyy += y * y
		}
	}
	g.core = cxy / math.Sqrt(cxx*cyy+tiny)
	g.coreMove = math.Sqrt(cxx/count) >= leastCore && math.Sqrt(cyy/count) >= leastCore
	return g
}

// strongest gives the single pattern, of length one over the cells kept, that holds most of the energy of both stretches.
func strongest(a, b []float32, kept []bool) []float64 {
	u := make([]float64, grid)
	// Begin with the picture that has most in it.
	var best float64
	for _, s := range [][]float32{a, b} {
		for i := 0; i < len(s); i += grid {
			var e float64
			for k, v := range s[i : i+grid] {
				if kept[k] {
					e += float64(v) * float64(v)
				}
			}
			if e > best {
				best = e
				for k, v := range s[i : i+grid] {
					u[k] = float64(v)
				}
			}
		}
	}
	normal := func() {
		var e float64
		for k := range u {
			if !kept[k] {
				u[k] = 0
			}
			e += u[k] * u[k]
		}
		if e == 0 {
			return
		}
		e = 1 / math.Sqrt(e)
		for k := range u {
			u[k] *= e
		}
	}
	normal()
	for range 6 {
		next := make([]float64, grid)
		for _, s := range [][]float32{a, b} {
			for i := 0; i < len(s); i += grid {
				var d float64
				for k, v := range s[i : i+grid] {
					d += float64(v) * u[k]
				}
				for k, v := range s[i : i+grid] {
					next[k] += d * float64(v)
				}
			}
		}
		copy(u, next)
		normal()
	}
	return u
}

// moving is the block signal of a recording, with the change of brightness of the whole picture taken away.
func (p *Print) moving() []float32 {
	out := make([]float32, len(p.blocks))
	for i := 0; i < len(p.blocks); i += blocks {
		var sum float32
		for _, v := range p.blocks[i : i+blocks] {
			sum += float32(v)
		}
		for k, v := range p.blocks[i : i+blocks] {
			out[i+k] = float32(v) - sum/blocks
		}
	}
	return out
}

// energyOf gives how much moves between two pictures of a block signal.
func energyOf(m []float32, from, n int) float64 {
	var sum, square [blocks]float64
	for i := from; i < from+n; i++ {
		for k, v := range m[i*blocks : (i+1)*blocks] {
			sum[k] += float64(v)
			square[k] += float64(v) * float64(v)
		}
	}
	var e float64
	for k := range sum {
		e += square[k] - sum[k]*sum[k]/float64(n)
	}
	return e / float64(n)
}

// places gives where in the signal r a stretch of q fits best, best first, at most limit of them.
func places(q []float32, from, n int, r []float32, mirror bool, limit int) []int {
	count := len(r)/blocks - n + 1
	if count <= 0 {
		return nil
	}
	var mean [blocks]float32
	for i := range n {
		for k := range blocks {
			mean[k] += q[(from+i)*blocks+k] / float32(n)
		}
	}
	w := make([]float32, n*blocks)
	for i := range n {
		for k := range blocks {
			to := k
			if mirror {
				to = k/blocksX*blocksX + blocksX - 1 - k%blocksX
			}
			w[i*blocks+to] = q[(from+i)*blocks+k] - mean[k]
		}
	}
	// Running sums of the stretch of r give its energy without its mean.
	var sum [blocks]float64
	var square float64
	for i := range n {
		for k, v := range r[i*blocks : (i+1)*blocks] {
			sum[k] += float64(v)
			square += float64(v) * float64(v)
		}
	}
	score := make([]float64, count)
	for o := range count {
		var d float32
		for i, v := range r[o*blocks : (o+n)*blocks] {
			d += v * w[i]
		}
		e := square
		for _, s := range sum {
			e -= s * s / float64(n)
		}
		score[o] = float64(d) / math.Sqrt(max(e, float64(n)))
		if o+1 < count {
			for k := range blocks {
				out, in := float64(r[o*blocks+k]), float64(r[(o+n)*blocks+k])
				sum[k] += in - out
				square += in*in - out*out
			}
		}
	}
	var peaks []int
	for o, v := range score {
		if v <= 0 || o > 0 && score[o-1] > v || o+1 < count && score[o+1] >= v {
			continue
		}
		peaks = append(peaks, o)
	}
	slices.SortFunc(peaks, func(i, j int) int { return cmp.Compare(score[j], score[i]) })
	return peaks[:min(limit, len(peaks))]
}

// shots gives the stretches of a recording between which the picture changes at once: cuts of whoever put it together.
func (p *Print) shots() [][2]int {
	const cut = 108 // bits between two seconds; what moves in front of a camera changes far fewer
	out := [][2]int{{0, p.frames}}
	for i := 1; i < len(p.seconds); i++ {
		a, b := p.seconds[i-1], p.seconds[i]
		if a.shows() == b.shows() && (!a.shows() || a.hash[0].Distance(b.hash[0]) <= cut) {
			continue
		}
		// Somewhere between the middles of two seconds: the second in between belongs to neither.
		end, next := (i-1)*Rate+Rate/2+1, i*Rate+Rate/2
		out[len(out)-1][1] = end
		out = append(out, [2]int{next, p.frames})
	}
	return out
}

// windows chooses the stretches of a recording in which most moves, by falling motion. None goes across a cut, unless there is nothing
// else.
func windows(m []float32, shots [][2]int, frames, most int, free func(from, n int) bool) [][2]int {
	var all [][2]int
	cover := func(from, to int) {
		n := min(windowLong, to-from)
		for at := from; at+n <= to; at += max(n/2, 1) {
			all = append(all, [2]int{at, n})
		}
		if last := to - n; len(all) > 0 && all[len(all)-1][0] < last {
			all = append(all, [2]int{last, n})
		}
	}
	for _, s := range shots {
		if s[1]-s[0] >= 2*windowShort {
			cover(s[0], s[1])
		}
	}
	if len(all) == 0 {
		cover(0, frames)
	}
	all = slices.DeleteFunc(all, func(w [2]int) bool { return !free(w[0], w[1]) })
	energy := map[int]float64{}
	for _, w := range all {
		energy[w[0]] = energyOf(m, w[0], w[1])
	}
	slices.SortStableFunc(all, func(a, b [2]int) int { return cmp.Compare(energy[b[0]], energy[a[0]]) })
	var out [][2]int
	if len(shots) > 1 && frames <= windowLong && free(0, frames) {
		out = append(out, [2]int{0, frames}) // somebody who comes close looks like a cut
	}
	for _, w := range all {
		if slices.ContainsFunc(out, func(o [2]int) bool { return o[1] == w[1] && abs(o[0]-w[0]) < w[1] }) {
			continue
		}
		if out = append(out, w); len(out) == most {
			break
		}
	}
	return out
}

// matcher compares one recording with another.
type matcher struct {
	ctx    context.Context
	q, r   *Print
	qm, rm []float32
	mirror bool
	cut    map[string][]float32 // block signals of cropped recordings
	within [2]int               // the pictures of r in which places are looked for
}

// longCrop is the longest recording, in pictures, whose thumbnails are all read to look for a cropped copy.
const longCrop = 7200 * Rate

// signal gives the block signal of a recording of which a margin is cut off.
func (m *matcher) signal(p *Print, name string, margin Region) ([]float32, error) {
	key := name + string(rune('0'+int(margin)))
	if s, ok := m.cut[key]; ok {
		return s, nil
	}
	var out []float32
	for from := 0; from < p.frames; from += pieceLong {
		n := min(pieceLong, p.frames-from)
		if err := m.ctx.Err(); err != nil {
			return nil, err
		}
		g, err := p.look(view{margin: margin}, from, n)
		if err != nil {
			return nil, err
		}
		for i := range n {
			out = append(out, blocksOfGrid(g[i*grid:(i+1)*grid])...)
		}
	}
	if m.cut == nil {
		m.cut = map[string][]float32{}
	}
	m.cut[key] = out
	return out, nil
}

// blocksOfGrid gives the mean of each block, without the mean of all.
func blocksOfGrid(g []float32) []float32 {
	out, count := make([]float32, blocks), make([]float32, blocks)
	for i, v := range g {
		k := i/gridW*blocksY/gridH*blocksX + i%gridW*blocksX/gridW
		out[k] += v
		count[k]++
	}
	var all float32
	for k := range out {
		out[k] /= count[k]
		all += out[k] / blocks
	}
	for k := range out {
		out[k] -= all
	}
	return out
}

// fit is a stretch of q that was found in r.
type fit struct {
	from, n, at  int     // at: where it lies in r
	shift        float64 // part of a picture to be added to at
	g            agreement
	qv, rv       view
	ambiguous    bool
	moved, cored bool
}

// Compare says how two recordings stand to each other that look alike by c, a candidate that Scan gave for a. An error is one of
// reading, or of the context.
func Compare(ctx context.Context, a, b *Print, c Candidate) (Relation, error) {
	swapped := a.frames > b.frames
	m := &matcher{ctx: ctx, q: a, r: b, mirror: c.Mirrored}
	crop := [2]Region{c.query, c.layer}
	if swapped {
		m.q, m.r = b, a
		crop[0], crop[1] = crop[1], crop[0]
	}
	m.qm, m.rm = m.q.moving(), m.r.moving()
	m.within = [2]int{0, m.r.frames}
	rel, err := m.compare(crop)
	if err != nil {
		return Relation{}, err
	}
	if swapped {
		rel.CropA, rel.CropB = rel.CropB, rel.CropA
		rel.Offset = -rel.Offset
		rel.CoverA, rel.CoverB = rel.CoverB, rel.CoverA
		for i, s := range rel.Spans {
			rel.Spans[i].A, rel.Spans[i].B = s.B, s.A
		}
		slices.SortFunc(rel.Spans, func(x, y Span) int { return cmp.Compare(x.A, y.A) })
	}
	return rel, nil
}

// How hard is tried.
const (
	mostWindows = 6 // stretches that are looked for before giving up
	mostPlaces  = 24
	mostSpans   = 12
)

func (m *matcher) compare(crop [2]Region) (Relation, error) {
	out := Relation{Kind: Untold, Mirrored: m.mirror}
	if m.q.frames < windowLeast {
		return out, nil
	}
	covered := make([]bool, m.q.frames)
	free := func(from, n int) bool {
		taken := 0
		for _, c := range covered[from : from+n] {
			if c {
				taken++
			}
		}
		return taken*4 < n
	}
	var best fit
	var xy, xx, yy float64
	told := false // something moved in both
	add := func(f fit, span [2]int, sum agreement) (err error) {
		xy, xx, yy = xy+sum.xy, xx+sum.xx, yy+sum.yy
		shift := float64(f.at-f.from) + f.shift
		out.Spans = append(out.Spans, Span{A: seconds(float64(span[0])), B: seconds(max(0, float64(span[0])+shift)), Seconds: float64(span[1]-span[0]) / Rate})
		if out.Kind == Same {
			return nil
		}
		out.Kind = Same
		out.Offset = seconds(shift)
		out.CropA, out.CropB = f.qv.margin, f.rv.margin
		out.Overlay, err = m.overlay(f)
		return err
	}
	shots := m.q.shots()
	for round := range mostSpans {
		tries := mostWindows
		if round > 0 {
			tries = 3
		}
		var f fit
		hit := false
		for _, w := range windows(m.qm, shots, m.q.frames, tries, free) {
			if err := m.ctx.Err(); err != nil {
				return out, err
			}
			g, err := m.place(w, crop)
			if err != nil {
				return out, err
			}
			told = told || g.moved
			if g.cored && (!f.cored || g.g.score > f.g.score) || f.n == 0 {
				f = g
			}
			if g.same() {
				hit = true
				break
			}
		}
		if f.n == 0 {
			break
		}
		if round == 0 {
			best = f
		}
		if !hit {
			break
		}
		span, sum, err := m.extend(f)
		if err != nil {
			return out, err
		}
		for i := span[0]; i < span[1]; i++ {
			covered[i] = true
		}
		pooled := sum.xy / math.Sqrt(sum.xx*sum.yy+1e-9)
		if pooled*1000 < SameFrom {
			if round == 0 {
				best.g.score = min(best.g.score, pooled)
			}
			continue
		}
		if err := add(f, span, sum); err != nil {
			return out, err
		}
	}
	for _, atEnd := range []bool{false, true} {
		f, span, sum, err := m.overlap(atEnd, crop, free)
		if err != nil {
			return out, err
		}
		if f.n == 0 {
			continue
		}
		if err := add(f, span, sum); err != nil {
			return out, err
		}
	}
	switch {
	case out.Kind == Same:
		out.Score = thousandths(xy / math.Sqrt(xx*yy+1e-9))
		var sum float64
		longest := 0.0
		for _, s := range out.Spans {
			sum += s.Seconds
			if s.Seconds > longest {
				longest, out.Offset = s.Seconds, math.Round((s.B-s.A)*100)/100
			}
		}
		out.CoverA = thousandths(sum / m.q.Seconds())
		out.CoverB = thousandths(sum / m.r.Seconds())
		slices.SortFunc(out.Spans, func(x, y Span) int { return cmp.Compare(x.A, y.A) })
	case !told || !best.cored:
		out.Kind = Untold
	default:
		out.Score = thousandths(best.g.score)
		if best.ambiguous || best.g.core < coreFrom {
			out.Score = min(out.Score, SameFrom-1)
		}
		out.Score = min(out.Score, SameFrom-1)
		if out.Kind = Camera; out.Score >= SimilarFrom {
			out.Kind = Similar
			out.Offset = seconds(float64(best.at-best.from) + best.shift)
		}
	}
	return out, nil
}

// Two recordings of which the one ends in what the other begins with, as recorders write them and people cut them.
const (
	overlapFrom  = 920        // for a stretch shorter than windowLong, which is less evidence, in thousandths
	overlapCore  = 0.80       // likewise
	overlapReach = 600 * Rate // how long the shared end may be for a stretch of windowLong
	overlapNear  = Rate       // how near to both ends the agreement has to come
	overlapLeast = 8 * Rate   // the shortest shared end that is looked for
)

// overlap looks whether the one end of q is the other end of r. What is found has to agree up to the end of both. The fit is empty if it
// does not.
func (m *matcher) overlap(atEnd bool, crop [2]Region, free func(from, n int) bool) (fit, [2]int, agreement, error) {
	none := func(err error) (fit, [2]int, agreement, error) { return fit{}, [2]int{}, agreement{}, err }
	defer func() { m.within = [2]int{0, m.r.frames} }()
	for _, n := range []int{windowLong, 12 * Rate, overlapLeast} {
		if n >= m.q.frames {
			continue
		}
		reach := 2 * windowLong
		if n == windowLong {
			reach = overlapReach
		}
		reach = min(reach, m.r.frames)
		w := [2]int{0, n}
		m.within = [2]int{m.r.frames - reach, m.r.frames}
		if atEnd {
			w[0], m.within = m.q.frames-n, [2]int{0, reach}
		}
		if !free(w[0], n) {
			return none(nil)
		}
		f, err := m.place(w, crop)
		if err != nil {
			return none(err)
		}
		if !f.same() || n < windowLong && (f.g.score*1000 < overlapFrom || f.g.core < overlapCore) {
			continue
		}
		span, sum, err := m.extend(f)
		if err != nil {
			return none(err)
		}
		shift := f.at - f.from
		reaches := span[0] <= overlapNear && span[1]+shift >= m.r.frames-overlapNear
		if atEnd {
			reaches = span[1] >= m.q.frames-overlapNear && span[0]+shift <= overlapNear
		}
		if reaches && sum.xy/math.Sqrt(sum.xx*sum.yy+1e-9)*1000 >= SameFrom {
			return f, span, sum, nil
		}
	}
	return none(nil)
}

func seconds(pictures float64) float64 { return math.Round(pictures/Rate*100) / 100 }

func thousandths(f float64) int { return int(math.Round(1000 * min(max(f, 0), 1))) }

// same says whether a stretch by itself is enough to be called the same footage.
func (f fit) same() bool {
	score, core := float64(SameFrom), coreFrom
	if f.qv.soft {
		core = softCore
	}
	if f.n < windowShort {
		score, core = overlapFrom, overlapCore
	}
	return f.cored && !f.ambiguous && f.g.score*1000 >= score && f.g.core >= core
}

// place looks for the best place of a stretch of q in r.
func (m *matcher) place(w [2]int, crop [2]Region) (fit, error) {
	from, n := w[0], w[1]
	views := [][2]Region{{0, 0}}
	if crop != views[0] {
		views = append(views, crop)
	}
	best := fit{from: from, n: n}
	best.g.score = -1
	soft := false
	lo, hi := m.within[0], m.within[1]
	at := places(m.qm, from, n, m.rm[lo*blocks:hi*blocks], m.mirror, mostPlaces)
	try := func(o int, v [2]Region) (agreement, error) {
		a, err := m.q.look(view{v[0], m.mirror, soft}, from, n)
		if err != nil {
			return agreement{}, err
		}
		b, err := m.r.look(view{v[1], false, soft}, o, n)
		if err != nil {
			return agreement{}, err
		}
		return agree(residual(a), residual(b), false), nil
	}
	take := func(o int, v [2]Region) error {
		g, err := try(o, v)
		if err != nil {
			return err
		}
		best.moved = best.moved || g.motion
		if g.motion && g.score > best.g.score {
			best.g, best.at = g, o
			best.qv, best.rv = view{v[0], m.mirror, soft}, view{v[1], false, soft}
		}
		return nil
	}
	for _, o := range at {
		for _, v := range views {
			if err := take(lo+o, v); err != nil {
				return best, err
			}
		}
	}
	// What is cropped has other blocks: places are looked for once more, with the same cut off the other recording.
	if best.g.score*1000 < SameFrom && m.r.frames <= longCrop {
		tries := [][2]Region{{0, 50}, {0, 100}, {50, 0}, {100, 0}}
		if crop != ([2]Region{}) && !slices.Contains(tries, crop) {
			tries = append([][2]Region{crop}, tries...)
		}
		for _, v := range tries {
			qs, err := m.signal(m.q, "q", v[0])
			if err != nil {
				return best, err
			}
			rs, err := m.signal(m.r, "r", v[1])
			if err != nil {
				return best, err
			}
			for _, o := range places(qs, from, n, rs[lo*blocks:hi*blocks], m.mirror, mostPlaces/2) {
				if err := take(lo+o, v); err != nil {
					return best, err
				}
			}
		}
	}
	if best.g.score < 0.3 {
		return m.judge(best)
	}
	// The place of the blocks is good to a picture or two, the crop to a few hundredths, and each is better seen when the other is right.
	for range 3 {
		was, views := best.at, [2]Region{best.qv.margin, best.rv.margin}
		for _, o := range []int{was - 1, was + 1} {
			if o >= 0 && o+n <= m.r.frames {
				if err := take(o, views); err != nil {
					return best, err
				}
			}
		}
		if best.g.score < 0.975 {
			for c := Region(0); c <= 200; c += 25 {
				for _, v := range [][2]Region{{c, 0}, {0, c}} {
					if err := take(best.at, v); err != nil {
						return best, err
					}
				}
			}
		}
		if best.at == was && views == [2]Region{best.qv.margin, best.rv.margin} {
			break
		}
	}
	// Fine things that are sampled differently, such as leaves, are left out.
	if hard := best; hard.g.score*1000 < SameFrom && hard.g.score*1000 >= SimilarFrom && hard.qv.margin+hard.rv.margin > 0 {
		soft, best.g.score = true, -1
		for _, o := range []int{hard.at, hard.at - 1, hard.at + 1} {
			if o < 0 || o+n > m.r.frames {
				continue
			}
			for _, c := range []Region{0, -6, 6, -12, 12} {
				v := [2]Region{hard.qv.margin, hard.rv.margin}
				if v[1] > 0 {
					v[1] += c
				} else {
					v[0] += c
				}
				if err := take(o, v); err != nil {
					return best, err
				}
			}
		}
		softer, err := m.meet(best)
		if err == nil {
			softer, err = m.judge(softer)
		}
		if err != nil || softer.same() {
			return softer, err
		}
		best = hard
	}
	best, err := m.meet(best)
	if err != nil {
		return best, err
	}
	return m.judge(best)
}

// meet looks between the pictures: those of two encodes are not taken at the same moments.
func (m *matcher) meet(best fit) (fit, error) {
	n := best.n
	a, err := m.q.look(best.qv, best.from, n)
	if err != nil {
		return best, err
	}
	ra := residual(a)
	at0 := best.g.score
	for _, part := range []float64{-0.5, 0.5, -0.25, 0.25, -0.375, 0.375, -0.125, 0.125} {
		if o := best.at; part < 0 && o == 0 || part > 0 && o+n >= m.r.frames {
			continue
		}
		b, err := m.r.between(best.rv, best.at, n, part)
		if err != nil {
			return best, err
		}
		if g := agree(ra, residual(b), false); g.motion && g.score > best.g.score {
			best.g, best.shift = g, part
		}
	}
	// Mixing two pictures blurs away noise, which is no sign of a place between them.
	if best.g.score < at0+0.002 {
		best.shift = 0
	}
	return best, nil
}

// judge asks of a place whether more than one pattern agrees there, and whether the stretch repeats itself.
func (m *matcher) judge(f fit) (fit, error) {
	if !f.moved || f.g.score <= 0 {
		f.g.score = max(f.g.score, 0)
		f.cored = f.moved // what moves does not agree at all
		return f, nil
	}
	a, err := m.q.look(f.qv, f.from, f.n)
	if err != nil {
		return f, err
	}
	b, err := m.r.between(f.rv, f.at, f.n, f.shift)
	if err != nil {
		return f, err
	}
	f.g = agree(residual(a), residual(b), true)
	f.cored = f.g.coreMove
	if f.g.score*1000 < SimilarFrom {
		f.cored = true // they move, and not alike: that can be told
		return f, nil
	}
	// A fan, a flag, a clock with nothing else: it fits wherever its phase fits.
	if f.n < selfTold {
		f.ambiguous, err = m.elsewhere(f, residual(a))
		return f, err
	}
	half := f.n / 2
	first := residual(a[:half*grid])
	for lag := Rate * 3 / 2; lag+half <= f.n; lag++ {
		g := agree(first, residual(a[lag*grid:(lag+half)*grid]), false)
		if g.motion && g.score >= repeats {
			f.ambiguous = true
			break
		}
	}
	return f, nil
}

// elsewhere says whether a stretch that is too short to show by itself that it repeats itself fits the other recording at another place as
// well, or may do so for all that can be seen of it.
func (m *matcher) elsewhere(f fit, a []float32) (bool, error) {
	if m.r.frames < f.n+selfTold {
		return true, nil
	}
	for _, o := range places(m.qm, f.from, f.n, m.rm, m.mirror, mostPlaces) {
		if abs(o-f.at) < Rate*3/2 {
			continue
		}
		b, err := m.r.look(f.rv, o, f.n)
		if err != nil {
			return true, err
		}
		if g := agree(a, residual(b), false); g.motion && g.score >= repeats {
			return true, nil
		}
	}
	return false, nil
}

// extend follows a place to both sides as far as the recordings agree. It gives the stretch of q and the sums over it.
func (m *matcher) extend(f fit) ([2]int, agreement, error) {
	const long, step = 6 * Rate, 3 * Rate
	shift := f.at - f.from
	lo, hi := max(0, -shift), min(m.q.frames, m.r.frames-shift)
	sum := agreement{xy: f.g.xy, xx: f.g.xx, yy: f.g.yy}
	if hi-lo <= f.n+step/2 { // nothing to follow
		return [2]int{lo, hi}, sum, nil
	}
	const (
		bad = iota
		quiet
		good
	)
	ask := func(from, n int) (int, agreement, error) {
		a, err := m.q.look(f.qv, from, n)
		if err != nil {
			return bad, agreement{}, err
		}
		b, err := m.r.between(f.rv, from+shift, n, f.shift)
		if err != nil {
			return bad, agreement{}, err
		}
		g := agree(residual(a), residual(b), false)
		switch {
		case g.motion && g.score >= 0.75:
			return good, g, nil
		case g.motion && g.score < 0.5:
			return bad, g, nil
		}
		// One of them moves, or too little does: they must at least look alike.
		if !m.alike(from+n/2, shift, f) {
			return bad, g, nil
		}
		return quiet, g, nil
	}
	span := [2]int{f.from, f.from + f.n}
	walk := func(next func(at int) (from, n int, ok bool), reach func(from, n int)) error {
		misses := 0
		var held [][2]int
		for at := 0; ; at++ {
			if err := m.ctx.Err(); err != nil {
				return err
			}
			from, n, ok := next(at)
			if !ok {
				break
			}
			verdict, g, err := ask(from, n)
			if err != nil {
				return err
			}
			if verdict == bad {
				if misses++; misses == 2 {
					return nil
				}
				continue
			}
			if verdict == quiet && misses > 0 {
				held = append(held, [2]int{from, n}) // only if something moves alike again behind it
				continue
			}
			misses, held = 0, nil
			if verdict == good {
				sum.xy, sum.xx, sum.yy = sum.xy+g.xy, sum.xx+g.xx, sum.yy+g.yy
			}
			reach(from, n)
		}
		return nil
	}
	end := f.from + f.n
	err := walk(func(at int) (int, int, bool) {
		from := end - long/2 + at*step
		n := min(long, hi-from)
		return from, n, n >= windowShort && from >= lo && end+at*step-step < hi
	}, func(from, n int) { span[1] = max(span[1], from+n) })
	if err != nil {
		return span, sum, err
	}
	err = walk(func(at int) (int, int, bool) {
		to := f.from + long/2 - at*step
		from := max(lo, to-long)
		return from, to - from, to-from >= windowShort && to <= hi && f.from-at*step+step > lo
	}, func(from, n int) { span[0] = min(span[0], from) })
	return span, sum, err
}

// alike says whether the seconds at a picture of q and its counterpart look alike.
func (m *matcher) alike(at, shift int, f fit) bool {
	i, j := at/Rate, (at+shift)/Rate
	if i < 0 || j < 0 || i >= len(m.q.seconds) || j >= len(m.r.seconds) {
		return false
	}
	a, b := m.q.seconds[i], m.r.seconds[j]
	if !a.shows() || !b.shows() {
		return a.shows() == b.shows()
	}
	x, y := a.hash[nearest(f.qv.margin)], b.hash[nearest(f.rv.margin)]
	if m.mirror {
		x = x.mirror()
	}
	return x.Distance(y) <= found+16
}

func nearest(m Region) int {
	best := 0
	for i, r := range margins {
		if abs(int(r-m)) < abs(int(margins[best]-m)) {
			best = i
		}
	}
	return best
}

// overlay gives the share of cells in which two stretches differ all the time, after brightness and contrast are made alike.
func (m *matcher) overlay(f fit) (int, error) {
	f.qv.soft, f.rv.soft = false, false
	a, err := m.q.look(f.qv, f.from, f.n)
	if err != nil {
		return 0, err
	}
	b, err := m.r.look(f.rv, f.at, f.n)
	if err != nil {
		return 0, err
	}
	var x, y [grid]float64
	for i := range f.n {
		for k := range grid {
			x[k] += float64(a[i*grid+k]) / float64(f.n)
			y[k] += float64(b[i*grid+k]) / float64(f.n)
		}
	}
	kept := make([]bool, grid)
	for k := range kept {
		kept[k] = true
	}
	var gain, base float64
	for range 3 { // a line through what agrees
		var n, sx, sy, sxx, sxy float64
		for k := range grid {
			if kept[k] {
				n, sx, sy, sxx, sxy = n+1, sx+x[k], sy+y[k], sxx+x[k]*x[k], sxy+x[k]*y[k]
			}
		}
		if d := n*sxx - sx*sx; n > grid/2 && d > 1e-6 {
			gain = (n*sxy - sx*sy) / d
			base = (sy - gain*sx) / n
		}
		for k := range grid {
			kept[k] = math.Abs(gain*x[k]+base-y[k]) < 20
		}
	}
	apart := 0
	for _, k := range kept {
		if !k {
			apart++
		}
	}
	return apart * 1000 / grid, nil
}
