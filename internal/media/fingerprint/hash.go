package fingerprint

import (
	"math"
	"math/bits"
	"slices"
)

// Hash is a perceptual hash of one picture: the signs of its 256 lowest frequencies against their median, as PDQ does it (but not
// bit for bit what PDQ gives). The first word holds the lowest ones, which stand most.
type Hash [4]uint64

// Distance is how many of the 256 bits differ.
func (h Hash) Distance(g Hash) int {
	return bits.OnesCount64(h[0]^g[0]) + bits.OnesCount64(h[1]^g[1]) + bits.OnesCount64(h[2]^g[2]) + bits.OnesCount64(h[3]^g[3])
}

// mirror is about the hash of the picture seen in a mirror: every second column of frequencies changes its sign.
func (h Hash) mirror() Hash {
	const odd = 0x5555555555555555
	return Hash{h[0] ^ odd, h[1] ^ odd, h[2] ^ odd, h[3] ^ odd}
}

// waves are the cosines of the 16 lowest frequencies (without the mean) over 64 points.
var waves = func() (w [16][64]float32) {
	for i := range 16 {
		for j := range 64 {
			w[i][j] = float32(math.Sqrt(2.0/64) * math.Cos(math.Pi/128*float64(i+1)*float64(2*j+1)))
		}
	}
	return w
}()

// tap is the share of one point in one of 64.
type tap struct {
	at     int
	weight float32
}

// taps resamples the stretch from lo to hi of n points to 64 by area.
func taps(lo, hi float64, n int) (out [64][]tap) {
	step := (hi - lo) / 64
	for i := range out {
		a, b := lo+float64(i)*step, lo+float64(i+1)*step
		for p := int(a); p < n && float64(p) < b; p++ {
			w := math.Min(b, float64(p+1)) - math.Max(a, float64(p))
			out[i] = append(out[i], tap{p, float32(w / step)})
		}
	}
	return out
}

// hasher makes the hashes of one region.
type hasher struct{ x, y [64][]tap }

// newHasher is for a margin within a rectangle of the picture.
func newHasher(r rect, m Region) *hasher {
	w, h := float64(r.x1-r.x0), float64(r.y1-r.y0)
	f := float64(m) / 1000
	return &hasher{
		x: taps(float64(r.x0)+f*w, float64(r.x1)-f*w, Width),
		y: taps(float64(r.y0)+f*h, float64(r.y1)-f*h, Height),
	}
}

// hash gives the hash of a picture and how much there is to see in it, 0 to 100.
func (g *hasher) hash(p []byte) (Hash, int) {
	var rows [Height][64]float32
	first, last := g.y[0][0].at, g.y[63][len(g.y[63])-1].at
	for y := first; y <= last; y++ {
		line := p[y*Width : (y+1)*Width]
		for i := range 64 {
			var s float32
			for _, t := range g.x[i] {
				s += t.weight * float32(line[t.at])
			}
			rows[y][i] = s
		}
	}
	var a [64][64]float32
	for i := range 64 {
		for _, t := range g.y[i] {
			src := &rows[t.at]
			for c := range 64 {
				a[i][c] += t.weight * src[c]
			}
		}
	}
	quality := quality(&a)
	var half [16][64]float32
	for i := range 16 {
		for r := range 64 {
			w := waves[i][r]
			for c := range 64 {
				half[i][c] += w * a[r][c]
			}
		}
	}
	var f [256]float32
	for i := range 16 {
		for j := range 16 {
			var s float32
			for c := range 64 {
				s += half[i][c] * waves[j][c]
			}
			f[i*16+j] = s
		}
	}
	sorted := f
	slices.Sort(sorted[:])
	median := (sorted[127] + sorted[128]) / 2
	var h Hash
	for i := range 16 {
		for j := range 16 {
			if f[i*16+j] > median {
				h[i/8*2+j/8] |= 1 << (i%8*8 + j%8)
			}
		}
	}
	return h, quality
}

// quality sums up the steps between neighbouring points, as PDQ does: a flat picture has none, and its hash is noise.
func quality(a *[64][64]float32) int {
	var sum int
	for r := range 63 {
		for c := range 63 {
			sum += abs(int((a[r][c]-a[r+1][c])*100/255)) + abs(int((a[r][c]-a[r][c+1])*100/255))
		}
	}
	return min(sum/90, 100)
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// rect is a part of the picture in points, x1 and y1 not included.
type rect struct{ x0, y0, x1, y1 int }

var whole = rect{0, 0, Width, Height}

// framed finds black bars that were put round footage: the same on both sides, dark and even in all of the pictures given.
func framed(pictures [][]byte) rect {
	if len(pictures) == 0 {
		return whole
	}
	const dark, even = 26, 6.0
	bar := func(line func(p []byte, i int) byte, n int) bool {
		var sum, square float64
		count := float64(n * len(pictures))
		for _, p := range pictures {
			for i := range n {
				v := float64(line(p, i))
				sum += v
				square += v * v
			}
		}
		mean := sum / count
		return mean <= dark && square/count-mean*mean <= even*even
	}
	row := func(y int) bool { return bar(func(p []byte, i int) byte { return p[y*Width+i] }, Width) }
	column := func(x int) bool { return bar(func(p []byte, i int) byte { return p[i*Width+x] }, Height) }
	run := func(at func(int) bool, n int) int {
		k := 0
		for k < n/3 && at(k) {
			k++
		}
		return k
	}
	top, bottom := run(row, Height), run(func(y int) bool { return row(Height - 1 - y) }, Height)
	left, right := run(column, Width), run(func(x int) bool { return column(Width - 1 - x) }, Width)
	r := whole
	// Dark ceilings and floors are not bars: bars come in pairs. The line beside a bar is partly of the footage and goes with it.
	if top >= 2 && bottom >= 2 && abs(top-bottom) <= 2 && top < Height/3 && bottom < Height/3 {
		r.y0, r.y1 = top+1, Height-bottom-1
	}
	if left >= 2 && right >= 2 && abs(left-right) <= 2 && left < Width/3 && right < Width/3 {
		r.x0, r.x1 = left+1, Width-right-1
	}
	return r
}
