package detect

import (
	"cmp"
	"slices"
	"time"
)

// Parameters of Motion, for pictures of motionWidth.
const (
	motionEvery  = 95_000 // µs from one frame that is looked at to the next, at least: ten frames a second
	motionWidth  = 320    // pixels: wider pictures are made smaller
	motionBlock  = 300    // frames that are judged together: 23 MB of pictures
	motionSample = 8      // every eighth frame teaches the background
	motionLeast  = 20     // frames that a background can be learnt from
	motionDiff   = 22     // levels of grey that differ from the background
	motionArea   = 20     // pixels of the least thing
	motionCells  = 12     // cells across the picture by which a moving camera is told
	motionMost   = 100    // things in a frame; of more, nothing is told
	cellActive   = 6      // percent of a cell that differ where it counts as active
	cellsLeast   = 30     // percent of all cells that are active then
	cellsMoving  = 55     // percent of cells with texture that are active when the camera moves
)

// Motion finds what moves before a fixed camera: it learns what stays (the median of every eighth frame) and gives a box
// of each connected thing that differs from it, in frames a tenth of a second apart. Things that touch are one box.
// What stands still for most of half a minute belongs to the background, and what then leaves shows as a thing at the
// place that it left.
//
// Where more than half of the textured picture differs, the camera moves or the scene has changed: the stretch is given
// as not judged, and so is one with more things than can be told apart.
type Motion struct {
	w, h    int
	frames  []motionFrame
	samples [][]byte // for the background: of this block, and the second half of those of the block before
	seen    int
	not     unjudged
	free    [][]byte
}

type motionFrame struct {
	us  int64
	pix []byte
}

// NewMotion gives a finder of moving things.
func NewMotion() *Motion { return &Motion{} }

// Name is motion.
func (m *Motion) Name() string { return "motion" }

// Version is that of the method and its parameters.
func (m *Motion) Version() int { return 1 }

// Steady says that frames between, however sudden, are of no use to it: a thing that moves is seen in two looks.
func (m *Motion) Steady() bool { return true }

// Every is how often it looks.
func (m *Motion) Every() time.Duration { return motionEvery * time.Microsecond }

// Detect takes a frame, and at the end of a block of half a minute adds what moves in it.
func (m *Motion) Detect(g Gray, us int64, out []Detection) []Detection {
	k := max(1, (g.W+motionWidth/2)/motionWidth)
	if !g.judgeable() || g.H/k < 2 {
		m.not.add(us, us, WhySmall)
		return out
	}
	w, h := g.W/k, g.H/k
	if m.seen > 0 && (w != m.w || h != m.h) { // a picture of another size is another scene
		out = m.judge(out)
		m.samples, m.seen = nil, 0
	}
	m.w, m.h = w, h
	var pix []byte
	if n := len(m.free); n > 0 && len(m.free[n-1]) == w*h {
		pix, m.free = m.free[n-1], m.free[:n-1]
	} else {
		pix = make([]byte, w*h)
	}
	shrink(pix, g, w, h, k)
	if m.seen%motionSample == 0 {
		m.samples = append(m.samples, slices.Clone(pix))
	}
	m.seen++
	m.frames = append(m.frames, motionFrame{us, pix})
	if len(m.frames) >= motionBlock {
		out = m.judge(out)
	}
	return out
}

// shrink gives the means of squares of k by k pixels.
func shrink(to []byte, g Gray, w, h, k int) {
	for y := range h {
		row := to[y*w : (y+1)*w]
		for x := range row {
			sum := 0
			for dy := range k {
				at := (y*k+dy)*g.Stride + x*k
				for _, p := range g.Pix[at : at+k] {
					sum += int(p)
				}
			}
			row[x] = byte(sum / (k * k))
		}
	}
}

// Flush judges what is left.
func (m *Motion) Flush(out []Detection) ([]Detection, []Unjudged) {
	out = m.judge(out)
	return out, m.not.by(m, KindPerson)
}

// judge gives what moves in the frames of the block.
func (m *Motion) judge(out []Detection) []Detection {
	if len(m.frames) == 0 {
		return out
	}
	defer func() {
		for _, f := range m.frames {
			m.free = append(m.free, f.pix)
		}
		m.frames = m.frames[:0]
		m.samples = slices.Clone(m.samples[len(m.samples)/2:])
	}()
	from, to := m.frames[0].us, m.frames[len(m.frames)-1].us
	if m.seen < motionLeast {
		m.not.add(from, to, WhyShort)
		return out
	}
	back := median(m.samples)
	cells := m.textured(back)
	s := newBlobs(m.w, m.h)
	found := make([][]Detection, len(m.frames))
	moving, many := make([]bool, len(m.frames)), make([]bool, len(m.frames))
	for i, f := range m.frames {
		s.differ(f.pix, back)
		if moving[i] = m.moves(s.mask, cells); moving[i] {
			continue
		}
		s.open()
		s.dilate()
		found[i] = s.boxes(f.us, f.pix, back)
		many[i] = len(found[i]) > motionMost // rain, snow, or a picture made so that it cannot be judged
	}
	m.unjudge(moving, WhyMoves)
	m.unjudge(many, WhyMany)
	for i := range found {
		if moving[i] || many[i] {
			continue
		}
		for _, d := range found[i] {
			// What is there in one frame alone is noise of the encoder.
			if i > 0 && meets(d, found[i-1]) || i+1 < len(found) && meets(d, found[i+1]) {
				out = append(out, d)
			}
		}
	}
	return out
}

// unjudge notes the runs of frames of which nothing is told, and takes short pauses between them with them.
func (m *Motion) unjudge(moving []bool, why string) {
	const pause = 10 // frames: a second
	last := -1
	for i := range moving {
		if !moving[i] {
			continue
		}
		if last >= 0 && i-last <= pause {
			for k := last; k < i; k++ {
				moving[k] = true
			}
		}
		last = i
	}
	for i := 0; i < len(moving); i++ {
		if !moving[i] {
			continue
		}
		j := i
		for j+1 < len(moving) && moving[j+1] {
			j++
		}
		m.not.add(m.frames[i].us, m.frames[j].us, why)
		i = j
	}
}

func meets(d Detection, others []Detection) bool {
	return slices.ContainsFunc(others, func(o Detection) bool { return likeness(d.Box, o.Box) > 1 })
}

// median gives for each pixel the middle one of its values.
func median(samples [][]byte) []byte {
	back := make([]byte, len(samples[0]))
	col := make([]byte, len(samples))
	for i := range back {
		for k, s := range samples {
			col[k] = s[i]
		}
		slices.Sort(col)
		back[i] = col[len(col)/2]
	}
	return back
}

// textured tells the cells in which something could be seen to move.
func (m *Motion) textured(back []byte) []bool {
	rows := m.cellRows()
	sum, n := make([]int, motionCells*rows), make([]int, motionCells*rows)
	for y := 1; y < m.h; y++ {
		for x := 1; x < m.w; x++ {
			i := y*m.w + x
			c := y*rows/m.h*motionCells + x*motionCells/m.w
			sum[c] += abs(int(back[i])-int(back[i-1])) + abs(int(back[i])-int(back[i-m.w]))
			n[c]++
		}
	}
	is := make([]bool, len(sum))
	for c := range sum {
		is[c] = sum[c] > 4*n[c]
	}
	return is
}

func (m *Motion) cellRows() int { return max(1, motionCells*m.h/m.w) }

// moves says whether the picture changed as a whole.
func (m *Motion) moves(mask []byte, textured []bool) bool {
	rows := m.cellRows()
	differ, n := make([]int, len(textured)), make([]int, len(textured))
	for y := range m.h {
		for x := range m.w {
			c := y*rows/m.h*motionCells + x*motionCells/m.w
			differ[c] += int(mask[y*m.w+x])
			n[c]++
		}
	}
	active, of, all := 0, 0, 0
	for c := range differ {
		a := differ[c]*100 > cellActive*n[c]
		if textured[c] {
			of++
			if a {
				active++
			}
		}
		all += differ[c]
	}
	if all*100 > 60*m.w*m.h {
		return true // a change of light, another scene
	}
	// Where most of the picture is flat, as a wall behind a person, what moves is that person.
	return active*100 > cellsMoving*of && active*100 > cellsLeast*len(textured)
}

// blobs finds connected things in a mask of zeros and ones.
type blobs struct {
	w, h      int
	mask, tmp []byte
	stack     []int32
}

func newBlobs(w, h int) *blobs {
	return &blobs{w: w, h: h, mask: make([]byte, w*h), tmp: make([]byte, w*h)}
}

func (s *blobs) differ(pix, back []byte) {
	for i, p := range pix {
		d := int(p) - int(back[i])
		s.mask[i] = 0
		if d > motionDiff || d < -motionDiff {
			s.mask[i] = 1
		}
	}
}

// slide gives for every pixel the least (or greatest) of those up to r to both sides along a line.
func slide(dst, src []byte, n, lines, step, next, r int, least bool) {
	want := 2*r + 1
	for l := range lines {
		base := l * next
		count := 0
		for i := 0; i < min(r, n); i++ {
			count += int(src[base+i*step])
		}
		for i := range n {
			if j := i + r; j < n {
				count += int(src[base+j*step])
			}
			if j := i - r - 1; j >= 0 {
				count -= int(src[base+j*step])
			}
			v := byte(0)
			if least {
				inside := min(n-1, i+r) - max(0, i-r) + 1 // what lies outside of the picture does not count
				if count == min(want, inside) {
					v = 1
				}
			} else if count > 0 {
				v = 1
			}
			dst[base+i*step] = v
		}
	}
}

func (s *blobs) erodeBy(rx, ry int) {
	slide(s.tmp, s.mask, s.w, s.h, 1, s.w, rx, true)
	slide(s.mask, s.tmp, s.h, s.w, s.w, 1, ry, true)
}

func (s *blobs) dilateBy(rx, ry int) {
	slide(s.tmp, s.mask, s.w, s.h, 1, s.w, rx, false)
	slide(s.mask, s.tmp, s.h, s.w, s.w, 1, ry, false)
}

// open takes away specks and lines narrower than three pixels: noise of the sensor and the encoder.
func (s *blobs) open() {
	s.erodeBy(1, 1)
	s.dilateBy(1, 1)
}

// dilate joins head, body and legs of one person.
func (s *blobs) dilate() { s.dilateBy(2, 5) }

// boxes gives the connected things.
func (s *blobs) boxes(us int64, pix, back []byte) []Detection {
	var out []Detection
	for i, v := range s.mask {
		if v != 1 {
			continue
		}
		s.mask[i] = 2
		s.stack = append(s.stack[:0], int32(i))
		x0, y0, x1, y1 := s.w, s.h, 0, 0
		area, sum := 0, 0
		for len(s.stack) > 0 {
			p := int(s.stack[len(s.stack)-1])
			s.stack = s.stack[:len(s.stack)-1]
			x, y := p%s.w, p/s.w
			x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x+1), max(y1, y+1)
			if d := abs(int(pix[p]) - int(back[p])); d > motionDiff {
				area++
				sum += d
			}
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					if nx, ny := x+dx, y+dy; nx >= 0 && ny >= 0 && nx < s.w && ny < s.h && s.mask[ny*s.w+nx] == 1 {
						s.mask[ny*s.w+nx] = 2
						s.stack = append(s.stack, int32(ny*s.w+nx))
					}
				}
			}
		}
		if area < motionArea {
			continue
		}
		out = append(out, Detection{US: us, Kind: KindPerson, Score: sure(float32(sum)/float32(area), 40), Box: boxOf(float64(x0), float64(y0), float64(x1), float64(y1), s.w, s.h)})
	}
	slices.SortFunc(out, func(a, b Detection) int { return cmp.Compare(a.Box[0], b.Box[0]) })
	return out
}
