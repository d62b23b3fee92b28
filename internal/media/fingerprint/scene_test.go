package fingerprint

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"
)

// camera is a fixed camera: a background that never changes, and what happens in front of it.
type camera struct {
	back [Height][Width]float64
}

func newCamera(seed uint64) *camera {
	c := &camera{}
	r := rand.New(rand.NewPCG(seed, 1))
	for range 40 { // furniture
		x, y, w, h, v := r.IntN(Width), r.IntN(Height), 6+r.IntN(50), 6+r.IntN(30), 40+r.Float64()*150
		for j := y; j < min(y+h, Height); j++ {
			for i := x; i < min(x+w, Width); i++ {
				c.back[j][i] = v
			}
		}
	}
	return c
}

// actor adds to a picture at a time in seconds.
type actor func(p *[Height][Width]float64, t float64)

// blob paints a dark or bright body, the size of somebody who walks through a room.
func blob(p *[Height][Width]float64, x, y, w, h, v float64) {
	for j := max(0, int(y-h)); j < min(Height, int(y+h)); j++ {
		for i := max(0, int(x-w)); i < min(Width, int(x+w)); i++ {
			dx, dy := (float64(i)-x)/w, (float64(j)-y)/h
			if dx*dx+dy*dy < 1 {
				p[j][i] = v
			}
		}
	}
}

// walkers walk through the picture, each day on other ways.
func walkers(seed uint64, n int) actor {
	type way struct{ x, y, ax, ay, fx, fy, px, py, v float64 }
	r := rand.New(rand.NewPCG(seed, 2))
	var ways []way
	for range n {
		ways = append(ways, way{20 + r.Float64()*120, 25 + r.Float64()*40, 20 + r.Float64()*40, 5 + r.Float64()*15, 0.02 + r.Float64()*0.09, 0.03 + r.Float64()*0.12,
			r.Float64() * 7, r.Float64() * 7, 30 + r.Float64()*200})
	}
	return func(p *[Height][Width]float64, t float64) {
		for _, w := range ways {
			// Two frequencies that do not divide each other, so that nothing repeats within the time of a test.
			x := w.x + w.ax*math.Sin(2*math.Pi*w.fx*t+w.px) + 14*math.Sin(2*math.Pi*w.fx*math.Pi*t+w.py)
			y := w.y + w.ay*math.Sin(2*math.Pi*w.fy*t+w.py) + 5*math.Sin(2*math.Pi*w.fy*math.E*t+w.px)
			blob(p, x, y, 6, 14, w.v)
		}
	}
}

// film gives pictures from a time on, with the noise of a sensor.
func (c *camera) film(seed uint64, from, seconds float64, actors ...actor) [][]byte {
	r := rand.New(rand.NewPCG(seed, 3))
	var out [][]byte
	for i := range int(seconds * Rate) {
		p := c.back
		for _, a := range actors {
			a(&p, from+float64(i)/Rate)
		}
		b := make([]byte, Width*Height)
		for y := range Height {
			for x := range Width {
				b[y*Width+x] = byte(min(max(p[y][x]+r.NormFloat64()*1.5, 0), 255))
			}
		}
		out = append(out, b)
	}
	return out
}

func build(t testing.TB, film [][]byte) *Print {
	t.Helper()
	p, _ := open(t, film)
	return p
}

func open(t testing.TB, film [][]byte) (*Print, []byte) {
	t.Helper()
	var out bytes.Buffer
	b := NewBuilder(&out)
	for _, p := range film {
		if err := b.Frame(p); err != nil {
			t.Fatal(err)
		}
	}
	runs, _, err := b.Close()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(EncodeRuns(runs), EncodeRuns(p.Runs())) {
		t.Fatal("the runs of what was written and of what is read differ")
	}
	return p, out.Bytes()
}

// found holds one recording against another as the archive does: by the index, then by what moves.
func held(t testing.TB, q, r *Print) (Relation, bool) {
	t.Helper()
	x := NewIndex()
	x.Add("r", r.Runs())
	c := x.Scan(q, nil)
	if len(c) == 0 {
		return Relation{}, false
	}
	rel, err := Compare(t.Context(), q, r, c[0])
	if err != nil {
		t.Fatal(err)
	}
	return rel, true
}

// change makes a copy of a film with each picture changed.
func change(film [][]byte, f func(x, y int, at func(x, y float64) byte, i int) byte) [][]byte {
	var out [][]byte
	for i, p := range film {
		at := func(x, y float64) byte {
			ix, iy := min(max(int(x), 0), Width-1), min(max(int(y), 0), Height-1)
			return p[iy*Width+ix]
		}
		b := make([]byte, Width*Height)
		for y := range Height {
			for x := range Width {
				b[y*Width+x] = f(x, y, at, i)
			}
		}
		out = append(out, b)
	}
	return out
}

func cropped(film [][]byte, m float64) [][]byte {
	return change(film, func(x, y int, at func(x, y float64) byte, _ int) byte {
		return at(m*Width+(float64(x)+0.5)*(1-2*m), m*Height+(float64(y)+0.5)*(1-2*m))
	})
}
