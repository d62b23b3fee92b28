package media

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// askew draws rows of dark blots, as writing seen from afar, turned clockwise by an angle.
func askew(w, h int, degrees float64) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	sin, cos := math.Sincos(degrees * math.Pi / 180)
	out := make([]byte, w*h)
	blots := make([]bool, 400*200)
	for i := range blots {
		blots[i] = r.IntN(2) == 0
	}
	for y := range h {
		for x := range w {
			dx, dy := float64(x-w/2), float64(y-h/2)
			u, v := cos*dx+sin*dy+float64(w)/2, cos*dy-sin*dx+float64(h)/2
			out[y*w+x] = 225
			if line := int(v) / 24; u > 60 && u < float64(w)-60 && v > 60 && v < float64(h)-60 && int(v)%24 < 10 && blots[(line*400+int(u)/5)%len(blots)] {
				out[y*w+x] = 30
			}
		}
	}
	return out
}

func TestSkew(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{1240, 877}, {700, 900}} {
		for _, degrees := range []float64{0, 0.4, 1.5, 5, 9, -2, -7} {
			got := skew(askew(size[0], size[1], degrees), size[0], size[1]) * 180 / math.Pi
			want := degrees
			if math.Abs(degrees) < 0.7 {
				want = 0
			}
			if math.Abs(got-want) > 0.3 {
				t.Errorf("%v: turned by %v°, told %v°", size, degrees, got)
			}
		}
	}
	noise := make([]byte, 600*600)
	for i := range noise {
		noise[i] = byte(rand.IntN(256))
	}
	for name, p := range map[string]struct {
		grey []byte
		w, h int
	}{"noise": {noise, 600, 600}, "nothing": {make([]byte, 500*400), 500, 400}, "a line of pixels": {make([]byte, 4000), 4000, 1}, "one": {[]byte{7}, 1, 1}} {
		if got := skew(p.grey, p.w, p.h); got != 0 {
			t.Errorf("%s lies askew by %v", name, got)
		}
	}
}

// What is found in a turned page lies, in the page as it was, where it stands there.
func TestTurnedWordsLieWhereTheyStand(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(20, 200).Draw(t, "w"), rapid.IntRange(20, 200).Draw(t, "h")
		slope := rapid.Float64Range(-skewMost, skewMost).Draw(t, "slope")
		x, y := rapid.IntRange(4, w-5).Draw(t, "x"), rapid.IntRange(4, h-5).Draw(t, "y")
		grey := make([]byte, w*h)
		for dy := -1; dy <= 1; dy++ {
			for dx := -1; dx <= 1; dx++ {
				grey[(y+dy)*w+x+dx] = 255
			}
		}
		turned := turnBack(grey, w, h, slope)
		for i, v := range turned.grey {
			if v < 200 {
				continue
			}
			got := turned.word(Word{Text: "a", X: i % turned.w, Y: i / turned.w, W: 1, H: 1, Line: 3, Score: 9})
			if got.X > x+2 || got.X+got.W < x-1 || got.Y > y+2 || got.Y+got.H < y-1 || got.X < 0 || got.Y < 0 || got.X+got.W > w || got.Y+got.H > h || got.Line != 3 || got.Text != "a" {
				t.Fatalf("at %d, %d, found at %+v", x, y, got)
			}
			return
		}
		t.Fatal("it is gone")
	})
}
