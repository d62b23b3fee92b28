package footage

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"time"
)

// at gives what the burned-in clock shows at frame n.
func (c Clip) at(n int) time.Time {
	at := c.Start.Add(time.Duration(n) * time.Second / time.Duration(c.Rate))
	if n >= c.Seconds*c.Rate/2 {
		at = at.Add(time.Duration(c.Gap+c.Jump) * time.Second)
	}
	return at
}

// scene draws the frames of a clip, planar 4:2:0.
type scene struct {
	clip   Clip
	ground []byte
	buf    []byte
	noise  []int8
	people []person
	rng    *rand.Rand
}

// person walks along a line of the scene, from the far end to the near one or back.
type person struct {
	enter, leave float64 // seconds on the scene's own clock
	side         float64 // -1 to 1
	back         bool
	shade        byte
	tint         byte
}

func newScene(c Clip) *scene {
	h := fnv.New64a()
	_, _ = h.Write([]byte(c.Name)) // a hash does not fail
	s := &scene{clip: c, rng: rand.New(rand.NewPCG(h.Sum64(), uint64(c.Camera)))}
	w, ht := c.Width, c.Height
	s.ground = make([]byte, w*ht*3/2)
	s.buf = make([]byte, len(s.ground))
	light := 1.0
	if c.Night {
		light = 0.55
	}
	// What a fixed camera sees must be the same in each of its recordings.
	texture := rand.New(rand.NewPCG(uint64(c.Camera), 99))
	grain := make([]float64, 64*64)
	for i := range grain {
		grain[i] = texture.Float64()*6 - 3
	}
	for y := range ht {
		for x := range w {
			v := s.backdrop(float64(x)/float64(w), float64(y)/float64(ht)) + grain[y/3%64*64+x/3%64]
			s.ground[y*w+x] = level(16 + v*light)
		}
	}
	for i := range w * ht / 4 {
		cb, cr := byte(126), byte(130)
		if c.Camera == 2 {
			cb, cr = 132, 125
		}
		if c.Night {
			cb, cr = 128, 128 // infrared
		}
		s.ground[w*ht+i], s.ground[w*ht*5/4+i] = cb, cr
	}
	s.noise = make([]int8, 8192)
	for i := range s.noise {
		s.noise[i] = int8(s.rng.IntN(7) - 3)
	}
	total := float64(c.Seconds + c.Gap)
	for at := s.rng.Float64() * 2; at < total; at += 1.5 + s.rng.Float64()*4 {
		s.people = append(s.people, person{
			enter: at, leave: at + 4 + s.rng.Float64()*4, side: s.rng.Float64()*1.4 - 0.7, back: s.rng.IntN(2) == 0,
			shade: byte(30 + s.rng.IntN(90)), tint: byte(118 + s.rng.IntN(20)),
		})
	}
	return s
}

func level(v float64) byte { return byte(min(max(v, 16), 235)) }

// backdrop gives the brightness of the empty scene, 0 to 219, at a place of the picture (0 to 1).
func (s *scene) backdrop(x, y float64) float64 {
	switch s.clip.Camera {
	case 2: // a yard: sky, wall with wire, ground
		switch {
		case y < 0.28:
			return 175 - 60*y
		case y < 0.33:
			if math.Mod(x*60+y*90, 1) < 0.12 {
				return 60
			}
			return 150
		case y < 0.55:
			v := 95 + 10*math.Sin(x*7)
			if math.Mod(x*18, 1) < 0.03 || math.Mod(y*26, 1) < 0.05 {
				v -= 22
			}
			return v
		}
		return 118 - 40*(y-0.55) + 6*math.Sin(x*31+y*17)
	case 3: // a stairwell: steps, landing, railing
		step := math.Mod(y*14-x*3, 1)
		v := 80 + 70*step
		if x > 0.72 {
			v = 60 + 20*math.Sin(y*9)
		}
		if math.Abs(y-0.2-0.5*x) < 0.012 || math.Mod(x*20, 1) < 0.05 && y > 0.2+0.5*x-0.18 && y < 0.2+0.5*x {
			v = 30
		}
		return v
	case 4: // a gate: road, two posts, bars
		switch {
		case y < 0.4:
			v := 120 - 30*y
			if x > 0.3 && x < 0.7 && y > 0.12 {
				v = 70
				if math.Mod(x*30, 1) < 0.25 {
					v = 40
				}
			}
			return v
		case math.Abs(x-0.29) < 0.02 || math.Abs(x-0.71) < 0.02:
			if y < 0.6 {
				return 50
			}
		}
		return 100 + 30*y - 40*math.Abs(x-0.5)
	}
	// a corridor in perspective: depth is how far from the vanishing point, walls with doors, lamps above
	const vx, vy = 0.5, 0.38
	dx, dy := (x-vx)/0.5, (y-vy)/0.62
	if y < vy {
		dy = (y - vy) / 0.38
	}
	d := math.Max(math.Abs(dx), math.Abs(dy))
	if d < 0.12 {
		return 55 // the far end, with a door
	}
	depth := 1 / d
	switch {
	case math.Abs(dx) >= math.Abs(dy): // walls
		v := 70 + 80*d
		if p := math.Mod(depth*1.1, 1); p < 0.45 && dy/d > -0.45 && dy < 0.95*d {
			v *= 0.55 // doors
			if math.Abs(dy/d+0.1) < 0.06 && p > 0.15 && p < 0.3 {
				v *= 0.5 // hatches
			}
		}
		return v
	case dy > 0: // floor
		v := 60 + 90*d
		if math.Mod(depth*3, 1) < 0.06 || math.Abs(math.Mod(dx/d*3+3, 1)-0.5) < 0.03 {
			v -= 15
		}
		return v
	}
	if math.Abs(dx/d) < 0.15 && math.Mod(depth*1.6, 1) < 0.5 {
		return 215 // lamps
	}
	return 90 + 60*d
}

// frame gives frame n. The buffer is used again by the next call.
func (s *scene) frame(n int) []byte {
	c := s.clip
	copy(s.buf, s.ground)
	t := float64(n) / float64(c.Rate)
	if n >= c.Seconds*c.Rate/2 {
		t += float64(c.Gap)
	}
	for _, p := range s.people {
		if t >= p.enter && t < p.leave {
			s.person(p, (t-p.enter)/(p.leave-p.enter), t)
		}
	}
	// sensor noise: a run of the same table from another place each frame
	off := s.rng.IntN(len(s.noise))
	luma := s.buf[:c.Width*c.Height]
	for i := range luma {
		if off++; off == len(s.noise) {
			off = 0
		}
		luma[i] = byte(min(max(int(luma[i])+int(s.noise[off]), 16), 235))
	}
	size := max(2, c.Height/200)
	label := "CAM " + strconv.Itoa(c.Camera)
	s.text(8*size/2, 8*size/2, size, label)
	clock := c.at(n).Format("02-01-2006 15:04:05")
	s.text(c.Width-(len(clock)*6+4)*size, c.Height-12*size, size, clock)
	return s.buf
}

// person draws a figure: legs, body, head, and a shadow on the ground.
func (s *scene) person(p person, way, t float64) {
	w, h := float64(s.clip.Width), float64(s.clip.Height)
	if p.back {
		way = 1 - way
	}
	near := way * way
	size := h * (0.12 + 0.5*near)
	x := w * (0.5 + p.side*(0.1+0.4*near))
	foot := h * (0.45 + 0.5*near)
	if s.clip.Camera == 2 || s.clip.Camera == 4 { // across the picture
		size = h * 0.3
		x = w * (way*1.2 - 0.1)
		foot = h * (0.78 + 0.15*p.side)
	}
	shade := p.shade
	if s.clip.Night {
		shade = shade/2 + 20
	}
	stride := math.Sin(t*7) * size * 0.09
	s.blob(x, foot, size*0.22, size*0.03, 40, 128)
	s.blob(x-stride, foot-size*0.2, size*0.05, size*0.22, shade-12, 128)
	s.blob(x+stride, foot-size*0.2, size*0.05, size*0.22, shade-8, 128)
	s.blob(x, foot-size*0.58, size*0.13, size*0.25, shade, p.tint)
	s.blob(x+stride*0.6, foot-size*0.55, size*0.035, size*0.2, shade+8, p.tint)
	s.blob(x, foot-size*0.9, size*0.07, size*0.09, shade+40, 122)
}

// blob fills an ellipse.
func (s *scene) blob(cx, cy, rx, ry float64, shade, tint byte) {
	w, h := s.clip.Width, s.clip.Height
	if s.clip.Night {
		tint = 128 // infrared has no colour
	}
	y0, y1 := max(0, int(cy-ry)), min(h-1, int(cy+ry))
	for y := y0; y <= y1; y++ {
		dy := (float64(y) - cy) / math.Max(ry, 0.5)
		half := rx * math.Sqrt(math.Max(0, 1-dy*dy))
		for x := max(0, int(cx-half)); x <= min(w-1, int(cx+half)); x++ {
			s.buf[y*w+x] = max(shade, 16)
			s.buf[w*h+y/2*(w/2)+x/2] = tint
		}
	}
}

// text writes white letters with a black outline, as recorders do.
func (s *scene) text(x, y, size int, text string) {
	for _, pass := range []struct {
		grow  int
		shade byte
	}{{max(1, size/2), 16}, {0, 235}} {
		at := x
		for _, r := range text {
			columns := glyphs[r]
			for i, bits := range columns {
				for j := range 7 {
					if bits>>j&1 == 0 {
						continue
					}
					for yy := y + j*size - pass.grow; yy < y+(j+1)*size+pass.grow; yy++ {
						for xx := at + i*size - pass.grow; xx < at+(i+1)*size+pass.grow; xx++ {
							if xx >= 0 && yy >= 0 && xx < s.clip.Width && yy < s.clip.Height {
								s.buf[yy*s.clip.Width+xx] = pass.shade
							}
						}
					}
				}
			}
			at += 6 * size
		}
	}
}

// glyphs are letters of five columns and seven rows, the lowest bit on top.
var glyphs = map[rune][5]byte{
	'-': {0x08, 0x08, 0x08, 0x08, 0x08}, ':': {0x00, 0x36, 0x36, 0x00, 0x00},
	'0': {0x3e, 0x51, 0x49, 0x45, 0x3e}, '1': {0x00, 0x42, 0x7f, 0x40, 0x00}, '2': {0x42, 0x61, 0x51, 0x49, 0x46},
	'3': {0x21, 0x41, 0x45, 0x4b, 0x31}, '4': {0x18, 0x14, 0x12, 0x7f, 0x10}, '5': {0x27, 0x45, 0x45, 0x45, 0x39},
	'6': {0x3c, 0x4a, 0x49, 0x49, 0x30}, '7': {0x01, 0x71, 0x09, 0x05, 0x03}, '8': {0x36, 0x49, 0x49, 0x49, 0x36},
	'9': {0x06, 0x49, 0x49, 0x29, 0x1e}, 'A': {0x7e, 0x11, 0x11, 0x11, 0x7e}, 'C': {0x3e, 0x41, 0x41, 0x41, 0x22},
	'M': {0x7f, 0x02, 0x0c, 0x02, 0x7f},
}
