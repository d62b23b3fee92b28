package media

import "math"

// Pages are photographed and laid on scanners askew, and beyond about two degrees the program takes words of neighbouring lines for one line. So
// a page is turned level before it is read, and the places of its words are turned back.
const (
	skewSide  = 800                 // pixels of the longer side at which the slope of lines is looked for
	skewMost  = 10 * math.Pi / 180  // to either side
	skewLeast = 0.7 * math.Pi / 180 // less does no harm
	skewGain  = 1.3                 // by how much lines must stand out better than without turning
	skewReach = 8                   // pixels to each side whose mean tells what is ink
	skewInk   = 16                  // levels of grey by which ink is darker
)

// skew gives the angle, clockwise, by which the lines of writing in a grey picture lie off the level; 0 if there are none or they lie level.
func skew(grey []byte, w, h int) float64 {
	k := (max(w, h) + skewSide - 1) / skewSide
	w0 := w
	w, h = w/k, h/k
	if w < 4*skewReach || h < 4*skewReach {
		return 0
	}
	small := make([]byte, w*h)
	sums := make([]int, (w+1)*(h+1))
	for y := range h {
		row := 0
		for x := range w {
			sum := 0
			for dy := range k {
				for _, p := range grey[(y*k+dy)*w0+x*k : (y*k+dy)*w0+x*k+k] {
					sum += int(p)
				}
			}
			v := sum / (k * k)
			small[y*w+x] = byte(v)
			row += v
			sums[(y+1)*(w+1)+x+1] = sums[y*(w+1)+x+1] + row
		}
	}
	// Ink of an even light would do with one threshold; a shadow over the page does not.
	type point struct{ x, y float64 }
	var ink []point
	for y := range h {
		y0, y1 := max(0, y-skewReach), min(h, y+skewReach+1)
		for x := range w {
			x0, x1 := max(0, x-skewReach), min(w, x+skewReach+1)
			n := (x1 - x0) * (y1 - y0)
			if sums[y1*(w+1)+x1]-sums[y0*(w+1)+x1]-sums[y1*(w+1)+x0]+sums[y0*(w+1)+x0]-int(small[y*w+x])*n > skewInk*n {
				ink = append(ink, point{float64(x - w/2), float64(y - h/2)})
			}
		}
	}
	if len(ink) < w*h/500 || len(ink) > w*h/3 {
		return 0
	}
	// Lines of writing seen along their slope are dense rows with empty ones between.
	reach := w + h
	rows := make([]int, 2*reach+1)
	stands := func(angle float64) (sum float64) {
		clear(rows)
		sin, cos := math.Sincos(angle)
		for _, p := range ink {
			rows[int(math.Round(p.y*cos-p.x*sin))+reach]++
		}
		for i := 1; i < len(rows); i++ {
			d := float64(rows[i] - rows[i-1])
			sum += d * d
		}
		return sum
	}
	best, level := 0.0, stands(0)
	most := level
	try := func(angle float64) {
		if s := stands(angle); s > most && math.Abs(angle) <= skewMost {
			best, most = angle, s
		}
	}
	const coarse = 0.5 * math.Pi / 180
	for a := -skewMost; a <= skewMost; a += coarse {
		try(a)
	}
	around := best
	for i := -4; i <= 4; i++ {
		try(around + float64(i)*coarse/5)
	}
	if math.Abs(best) < skewLeast || most < skewGain*level {
		return 0
	}
	return best
}

// turned is a picture turned about its middle.
type turned struct {
	grey     []byte
	w, h     int
	sin, cos float64
	of       [2]int // width and height before
}

// turnBack turns a picture against a slope, onto a canvas that holds all of it. What was not there is as light as the lightest corner.
func turnBack(grey []byte, w, h int, slope float64) turned {
	t := turned{of: [2]int{w, h}}
	t.sin, t.cos = math.Sincos(slope)
	t.w = int(math.Ceil(float64(w)*t.cos + float64(h)*math.Abs(t.sin)))
	t.h = int(math.Ceil(float64(h)*t.cos + float64(w)*math.Abs(t.sin)))
	t.grey = make([]byte, t.w*t.h)
	paper := max(grey[0], grey[w-1], grey[(h-1)*w], grey[h*w-1])
	for y := range t.h {
		for x := range t.w {
			sx, sy := t.back(float64(x)+0.5, float64(y)+0.5)
			sx, sy = sx-0.5, sy-0.5
			x0, y0 := int(math.Floor(sx)), int(math.Floor(sy))
			if x0 < 0 || y0 < 0 || x0+1 >= w || y0+1 >= h {
				t.grey[y*t.w+x] = paper
				continue
			}
			fx, fy := sx-float64(x0), sy-float64(y0)
			p := grey[y0*w+x0:]
			q := grey[(y0+1)*w+x0:]
			v := (float64(p[0])*(1-fx)+float64(p[1])*fx)*(1-fy) + (float64(q[0])*(1-fx)+float64(q[1])*fx)*fy
			t.grey[y*t.w+x] = byte(v + 0.5)
		}
	}
	return t
}

// back gives the place in the picture as it was of a place in the turned one.
func (t turned) back(x, y float64) (float64, float64) {
	dx, dy := x-float64(t.w)/2, y-float64(t.h)/2
	return t.cos*dx - t.sin*dy + float64(t.of[0])/2, t.sin*dx + t.cos*dy + float64(t.of[1])/2
}

// word gives the place of a word in the picture as it was: the least upright box that holds it, within the picture.
func (t turned) word(w Word) Word {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, c := range [][2]int{{w.X, w.Y}, {w.X + w.W, w.Y}, {w.X, w.Y + w.H}, {w.X + w.W, w.Y + w.H}} {
		x, y := t.back(float64(c[0]), float64(c[1]))
		x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x), max(y1, y)
	}
	w.X, w.Y = min(max(0, int(math.Floor(x0))), t.of[0]-1), min(max(0, int(math.Floor(y0))), t.of[1]-1)
	w.W, w.H = max(1, min(t.of[0], int(math.Ceil(x1)))-w.X), max(1, min(t.of[1], int(math.Ceil(y1)))-w.Y)
	return w
}
