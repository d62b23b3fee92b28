package detect

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Parameters of Text. Pixels are those of a level: the picture itself, half of it, a quarter of it.
const (
	textEvery    = 240_000 // µs from one frame that is looked at to the next, at least: four frames a second
	textLevels   = 3
	letterLow    = 6   // pixels of the lowest letter
	letterHigh   = 28  // pixels of the highest one; higher ones are found on the next level
	textReach    = 11  // pixels to each side whose mean and deviation tell what is ink
	inkLevels    = 10  // levels of grey by which ink differs from that mean, at least
	inkPercent   = 50  // percent of the deviation by which it does, too
	leastLetters = 3   // that make writing
	sureLetters  = 6   // where this many stand in a row, one look is enough
	mostLines    = 300 // in a frame, before they are joined; where more are found nothing can be told
)

// Text finds writing: letters and figures of one kind and height beside each other, dark on light or light on dark, in lines that
// lie no more than 30 degrees off the level. It looks for ink that stands out from its surroundings, takes connected pieces of it
// for letters, and rows of such pieces for writing. What stands close below each other is one box, so that a sheet of paper is.
//
// It reads nothing and does not know what the writing says. It finds number plates, badges, papers, screens, shop signs and clocks
// burned into the picture alike, if the letters are about seven of 640 pixels high or more.
type Text struct {
	levels [textLevels]level
	before []Detection // of the look before, those that wait to be seen again
	sure   []Detection // of the look before, all
	not    unjudged
}

// NewText gives a finder of writing.
func NewText() *Text { return &Text{} }

// Name is text.
func (t *Text) Name() string { return "text" }

// Version is that of the method and its parameters.
func (t *Text) Version() int { return 1 }

// Every is how often it looks.
func (t *Text) Every() time.Duration { return textEvery * time.Microsecond }

// Detect adds the writing of the frame before that this one confirms, and of this one what needs no confirming.
func (t *Text) Detect(g Gray, us int64, out []Detection) []Detection {
	if !g.judgeable() {
		t.not.add(us, us, WhySmall)
		return out
	}
	lines, ok := t.lines(g)
	if !ok {
		t.not.add(us, us, WhyMany)
		t.before, t.sure = nil, nil
		return out
	}
	var now, wait []Detection
	for _, l := range lines {
		d := Detection{US: us, Kind: KindText, Score: sure(float32(l.letters), 4), Box: boxOf(l.x0, l.y0, l.x1, l.y1, g.W, g.H)}
		now = append(now, d)
		if l.letters >= sureLetters || meets(d, t.sure) {
			out = append(out, d)
		} else {
			wait = append(wait, d)
		}
	}
	// What was there a moment ago and is still there.
	for _, d := range t.before {
		if meets(d, now) {
			out = append(out, d)
		}
	}
	t.before, t.sure = wait, now
	return out
}

// Flush gives what was seen in the last look alone: nothing can confirm it, and nothing speaks against it.
func (t *Text) Flush(out []Detection) ([]Detection, []Unjudged) {
	out = append(out, t.before...)
	t.before, t.sure = nil, nil
	return out, t.not.by(t, KindText)
}

// line is writing, in pixels of the picture.
type line struct {
	x0, y0, x1, y1 float64
	height         float64 // of its letters
	letters        int
}

// lines gives the writing in a picture; false if it has more than can be told apart.
func (t *Text) lines(g Gray) ([]line, bool) {
	var all []line
	for n := range t.levels {
		l := &t.levels[n]
		if n == 0 {
			l.take(g)
		} else {
			l.half(&t.levels[n-1])
		}
		if l.w < 2*letterLow || l.h < letterLow {
			break
		}
		l.sums()
		l.mark()
		scale := float64(int(1) << n)
		for i := range l.ink {
			for _, f := range lines(l.ink[i].letters()) {
				f.x0, f.y0, f.x1, f.y1, f.height = f.x0*scale, f.y0*scale, f.x1*scale, f.y1*scale, f.height*scale
				all = append(all, f)
			}
			if len(all) > mostLines {
				return nil, false
			}
		}
	}
	return join(all, float64(g.W), float64(g.H)), true
}

// level is a picture with the sums that means and deviations are made of.
type level struct {
	w, h   int
	pix    []byte
	sum    []uint32 // (w+1) × (h+1)
	square []uint64
	ink    [2]ink // dark and light
}

// ink is what of a picture is darker, or lighter, than what is around.
type ink struct {
	runs []inkRun
	row  []int32 // first run of each row, and their number
}

func (l *level) size(w, h int) {
	l.w, l.h = w, h
	l.pix = slices.Grow(l.pix[:0], w*h)[:w*h]
	l.sum = slices.Grow(l.sum[:0], (w+1)*(h+1))[:(w+1)*(h+1)]
	l.square = slices.Grow(l.square[:0], (w+1)*(h+1))[:(w+1)*(h+1)]
}

func (l *level) take(g Gray) {
	l.size(g.W, g.H)
	for y := range g.H {
		copy(l.pix[y*g.W:(y+1)*g.W], g.Pix[y*g.Stride:])
	}
}

func (l *level) half(of *level) {
	l.size(of.w/2, of.h/2)
	for y := range l.h {
		a, b := of.pix[2*y*of.w:], of.pix[(2*y+1)*of.w:]
		for x := range l.w {
			l.pix[y*l.w+x] = byte((int(a[2*x]) + int(a[2*x+1]) + int(b[2*x]) + int(b[2*x+1]) + 2) / 4)
		}
	}
}

func (l *level) sums() {
	n := l.w + 1
	clear(l.sum[:n])
	clear(l.square[:n])
	for y := range l.h {
		var s uint32
		var q uint64
		l.sum[(y+1)*n], l.square[(y+1)*n] = 0, 0
		for x, p := range l.pix[y*l.w : (y+1)*l.w] {
			s += uint32(p)
			q += uint64(p) * uint64(p)
			at := (y+1)*n + x + 1
			l.sum[at], l.square[at] = l.sum[at-n]+s, l.square[at-n]+q
		}
	}
}

// inkRun is a stretch of ink in one row.
type inkRun struct {
	x0, x1, y int32
	of        int32 // another run of the same piece, or itself
	grey, by  int32 // sums over its pixels: levels of grey, and by how much they differ from the mean around
}

// letter is a connected piece of ink that may be one, or a few that touch.
type letter struct {
	x0, y0, x1, y1 int
	area, runs     int
	grey, by       int
	count          int // letters that it stands for
}

func (c letter) w() int { return c.x1 - c.x0 }
func (c letter) h() int { return c.y1 - c.y0 }

// crossings is how many strokes a row through it crosses.
func (c letter) crossings() float64 { return float64(c.runs) / float64(c.h()) }

// stroke is how long it stays in ink there.
func (c letter) stroke() float64 { return float64(c.area) / float64(c.runs) }

func (c letter) level() float64 { return float64(c.grey) / float64(c.area) }

// letters gives the pieces of ink that have the shape of a letter.
func (k *ink) letters() []letter {
	// Runs of neighbouring rows that touch are of one piece.
	root := func(i int32) int32 {
		for k.runs[i].of != i {
			k.runs[i].of = k.runs[k.runs[i].of].of
			i = k.runs[i].of
		}
		return i
	}
	for y := 1; y+1 < len(k.row); y++ {
		a, b := k.row[y-1], k.row[y]
		for a < k.row[y] && b < k.row[y+1] {
			up, down := &k.runs[a], &k.runs[b]
			if up.x0 <= down.x1 && down.x0 <= up.x1 {
				if p, q := root(a), root(b); p != q {
					k.runs[max(p, q)].of = min(p, q)
				}
			}
			if up.x1 < down.x1 {
				a++
			} else {
				b++
			}
		}
	}
	at := make([]int32, len(k.runs)) // 1 + the place of a piece among all
	var all []letter
	for i := range k.runs {
		r := &k.runs[i]
		p := root(int32(i))
		if at[p] == 0 {
			all = append(all, letter{x0: int(r.x0), y0: int(r.y), x1: int(r.x1), y1: int(r.y) + 1})
			at[p] = int32(len(all))
		}
		c := &all[at[p]-1]
		c.x0, c.x1, c.y1 = min(c.x0, int(r.x0)), max(c.x1, int(r.x1)), max(c.y1, int(r.y)+1)
		c.area += int(r.x1 - r.x0)
		c.runs++
		c.grey += int(r.grey)
		c.by += int(r.by)
	}
	shaped := all[:0]
	for _, c := range all {
		if c.count = c.stands(); c.count > 0 {
			shaped = append(shaped, c)
		}
	}
	return shaped
}

// mark finds the runs of ink of either kind.
func (l *level) mark() {
	n := l.w + 1
	for i := range l.ink {
		l.ink[i].runs, l.ink[i].row = l.ink[i].runs[:0], l.ink[i].row[:0]
	}
	for y := range l.h {
		for i := range l.ink {
			l.ink[i].row = append(l.ink[i].row, int32(len(l.ink[i].runs)))
		}
		y0, y1 := max(0, y-textReach), min(l.h, y+textReach+1)
		in := -1 // which kind the pixel before is
		for x := range l.w {
			x0, x1 := max(0, x-textReach), min(l.w, x+textReach+1)
			count := (x1 - x0) * (y1 - y0)
			a, b, c, d := y0*n+x0, y0*n+x1, y1*n+x0, y1*n+x1
			sum := int(l.sum[d] - l.sum[b] - l.sum[c] + l.sum[a])
			p := int(l.pix[y*l.w+x])
			kind, by := 0, sum-p*count // by how much it is darker, times count
			if by < 0 {
				kind, by = 1, -by
			}
			if by <= inkLevels*count {
				in = -1
				continue
			}
			square := int(l.square[d] - l.square[b] - l.square[c] + l.square[a])
			// The variance, times count twice.
			if by*by*100*100 <= inkPercent*inkPercent*(square*count-sum*sum) {
				in = -1
				continue
			}
			k := &l.ink[kind]
			if in != kind {
				k.runs = append(k.runs, inkRun{x0: int32(x), y: int32(y), of: int32(len(k.runs))})
				in = kind
			}
			r := &k.runs[len(k.runs)-1]
			r.x1 = int32(x) + 1
			r.grey += int32(p)
			r.by += int32(by / count)
		}
	}
	for i := range l.ink {
		l.ink[i].row = append(l.ink[i].row, int32(len(l.ink[i].runs)))
	}
}

// stands says for how many letters a piece may stand: none if it has another shape.
func (c letter) stands() int {
	w, h := c.w(), c.h()
	if h < letterLow || h > letterHigh || w > 10*h || c.by < 14*c.area {
		return 0
	}
	fill, long := float64(c.area)/float64(w*h), c.stroke()/float64(h)
	one := func(is bool) int {
		if is {
			return 1
		}
		return 0
	}
	switch {
	case 5*w > 8*h: // wider than letters are: several that touch, with as many strokes
		if fill > 0.2 && fill < 0.8 && long < 0.5 && c.crossings() >= 0.9*float64(w)/float64(h) {
			return max(2, (10*w+4*h)/(8*h))
		}
		return 0
	case 5*w < 2*h: // a single stroke
		return one(12*w >= h)
	}
	return one(fill > 0.15 && fill < 0.92 && long < 0.85)
}

// lines gives the writing that letters of one kind make.
func lines(all []letter) []line {
	slices.SortFunc(all, func(a, b letter) int {
		return cmp.Or(cmp.Compare(a.x0, b.x0), cmp.Compare(a.y0, b.y0), cmp.Compare(a.x1, b.x1), cmp.Compare(a.y1, b.y1))
	})
	// Each letter knows the one that follows it best, and that one whom it follows best.
	next, fit := make([]int, len(all)), make([]float64, len(all))
	prev, back := make([]int, len(all)), make([]float64, len(all))
	for i := range all {
		next[i], prev[i], fit[i], back[i] = -1, -1, math.Inf(1), math.Inf(1)
	}
	for i, a := range all {
		for j := i + 1; j < len(all) && 10*(all[j].x0-a.x1) <= 12*letterHigh; j++ {
			d, ok := follows(a, all[j])
			if !ok {
				continue
			}
			if d < fit[i] {
				next[i], fit[i] = j, d
			}
			if d < back[j] {
				prev[j], back[j] = i, d
			}
		}
	}
	var out []line
	for i := range all {
		if p := prev[i]; p >= 0 && next[p] == i {
			continue // not the first
		}
		chain := []letter{all[i]}
		for k := i; next[k] >= 0 && prev[next[k]] == k; {
			k = next[k]
			chain = append(chain, all[k])
		}
		if f, ok := trimmed(chain); ok {
			out = append(out, f)
		}
	}
	return out
}

// mostStrays is how many pieces at the ends of a row may be no letters of it.
const mostStrays = 3

// trimmed looks for writing in a row that may begin or end with something else.
func trimmed(chain []letter) (line, bool) {
	for strays := range min(mostStrays, max(0, len(chain)-leastLetters-1)) + 1 {
		for first := range strays + 1 {
			if f, ok := written(chain[first : len(chain)-strays+first]); ok {
				return f, true
			}
		}
	}
	return line{}, false
}

// follows says whether b may be the letter after a, and how far from it that would be.
func follows(a, b letter) (float64, bool) {
	high, low := float64(max(a.h(), b.h())), float64(min(a.h(), b.h()))
	gap := float64(b.x0 - a.x1)
	if gap > 1.2*high || gap < -0.3*high || b.x1 <= a.x1 || low < 0.45*high {
		return 0, false
	}
	middle := math.Abs(float64(a.y0+a.y1-b.y0-b.y1)) / 2
	foot := math.Abs(float64(a.y1 - b.y1))
	head := math.Abs(float64(a.y0 - b.y0))
	off := min(middle, foot, head)
	across := float64(b.x0+b.x1-a.x0-a.x1) / 2
	if off > 0.15*high+0.3*across || middle > 0.5*high+0.3*across {
		return 0, false
	}
	contrast := float64(a.by)/float64(a.area) + float64(b.by)/float64(b.area)
	if math.Abs(a.level()-b.level()) > 0.45*contrast+6 {
		return 0, false
	}
	if p, q := a.stroke(), b.stroke(); max(p, q) > 2.6*min(p, q)+1 {
		return 0, false
	}
	return max(gap, 0) + 2*off + (high - low), true
}

// What letters of one line have in common, as parts of their height or of each other. The less letters there are, the more alike they
// have to be: leaves, bricks and grass make rows of three anywhere. The limits are for a long line, and tightened for a short one.
const (
	heightsApart = 0.26 // deviation of the heights
	edgesApart   = 0.45 // how far heads and feet lie from those of the letter before, together
	strokesApart = 0.42 // deviation of the width of strokes
	greysApart   = 0.26 // deviation of the levels of ink, of the contrast
	gapsApart    = 0.50 // deviation of the gaps
	shortTo      = 0.65 // what is left of these for leastLetters; all of it from sureLetters on
	inkLeast     = 20   // levels of grey of contrast
)

// written says whether pieces in a row are writing.
func written(chain []letter) (line, bool) {
	f := line{x0: math.Inf(1), y0: math.Inf(1)}
	n := float64(len(chain))
	if len(chain) < leastLetters {
		return f, false
	}
	var heights, strokes, greys, gaps spread
	var crossings, rows, widths, thin, contrast float64
	var sx, sy, sxx, sxy float64
	for i, c := range chain {
		f.letters += c.count
		heights.add(float64(c.h()))
		strokes.add(c.stroke())
		greys.add(c.level())
		contrast += float64(c.by) / float64(c.area) / n
		crossings, rows = crossings+float64(c.runs), rows+float64(c.h())
		widths += float64(c.w())
		if 5*c.w() < 2*c.h() {
			thin++
		}
		f.x0, f.y0 = min(f.x0, float64(c.x0)), min(f.y0, float64(c.y0))
		f.x1, f.y1 = max(f.x1, float64(c.x1)), max(f.y1, float64(c.y1))
		x, y := float64(c.x0+c.x1)/2, float64(c.y0+c.y1)/2
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
		if i > 0 {
			gaps.add(float64(c.x0 - chain[i-1].x1))
		}
	}
	f.height = heights.mean()
	// Bars and panes are crossed once a row, letters more often than not twice.
	if f.x1-f.x0 < 1.6*f.height || contrast < inkLeast || crossings < 1.2*rows || thin > 0.7*n {
		return f, false
	}
	// Short rows are taken only if they look like letters beside each other: leaves and stones do not lie level.
	wide, tilt, full := 1.6, 0.6, 3.0
	if n < sureLetters {
		wide, tilt, full = 1.15, 0.35, 2.2
	}
	if widths > wide*rows || crossings > full*rows {
		return f, false
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx + 1e-9)
	if math.Abs(slope) > tilt {
		return f, false
	}
	var edges float64
	for i, c := range chain[1:] {
		b := chain[i]
		down := slope * float64(c.x0+c.x1-b.x0-b.x1) / 2
		edges += (math.Abs(float64(c.y0-b.y0)-down) + math.Abs(float64(c.y1-b.y1)-down)) / (n - 1)
	}
	part := shortTo + (1-shortTo)*min(1, (n-leastLetters)/(sureLetters-leastLetters))
	return f, heights.deviation() <= part*heightsApart*f.height && edges <= part*edgesApart*f.height &&
		strokes.deviation() <= part*strokesApart*strokes.mean() && greys.deviation() <= part*greysApart*contrast &&
		gaps.deviation() <= part*gapsApart*f.height
}

// spread gathers figures for their mean and deviation.
type spread struct{ n, sum, square float64 }

func (s *spread) add(v float64) { s.n, s.sum, s.square = s.n+1, s.sum+v, s.square+v*v }

func (s *spread) mean() float64 { return s.sum / s.n }

func (s *spread) deviation() float64 {
	return math.Sqrt(max(0, s.square/s.n-s.mean()*s.mean()))
}

// join makes one of lines that were found twice and of lines that stand close below each other, and gives each a margin.
func join(all []line, w, h float64) []line {
	for again := true; again; {
		again = false
		for i := 0; i < len(all); i++ {
			for j := i + 1; j < len(all); {
				if !together(all[i], all[j]) {
					j++
					continue
				}
				a, b := all[i], all[j]
				twice := a.over(b) > 0.5*min(a.area(), b.area())
				all[i] = line{min(a.x0, b.x0), min(a.y0, b.y0), max(a.x1, b.x1), max(a.y1, b.y1), max(a.height, b.height), a.letters + b.letters}
				if twice {
					all[i].letters, all[i].height = max(a.letters, b.letters), min(a.height, b.height)
				}
				all = slices.Delete(all, j, j+1)
				again = true
			}
		}
	}
	for i := range all {
		f := &all[i]
		m := 0.25 * f.height
		f.x0, f.y0, f.x1, f.y1 = max(0, f.x0-m), max(0, f.y0-m), min(w, f.x1+m), min(h, f.y1+m)
	}
	slices.SortFunc(all, func(a, b line) int {
		return cmp.Or(cmp.Compare(a.x0, b.x0), cmp.Compare(a.y0, b.y0), cmp.Compare(a.x1, b.x1), cmp.Compare(a.y1, b.y1))
	})
	return all
}

func (f line) area() float64 { return (f.x1 - f.x0) * (f.y1 - f.y0) }

func (f line) over(g line) float64 {
	return max(0, min(f.x1, g.x1)-max(f.x0, g.x0)) * max(0, min(f.y1, g.y1)-max(f.y0, g.y0))
}

// together says whether two lines are one, or of one block.
func together(a, b line) bool {
	if a.over(b) > 0.3*min(a.area(), b.area()) {
		return true
	}
	small, large := min(a.height, b.height), max(a.height, b.height)
	if large > 2*small {
		return false
	}
	beside := min(a.x1, b.x1) - max(a.x0, b.x0)
	below := max(a.y0, b.y0) - min(a.y1, b.y1)
	return beside > 0.3*min(a.x1-a.x0, b.x1-b.x0) && below < 0.9*small ||
		below < -0.5*small && -beside < 1.5*large // words of one line
}
