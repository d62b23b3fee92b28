package fingerprint

import (
	"math"
	"testing"
)

// scenes of which every short piece fits somewhere on another day.
func fanOf(turn float64) actor {
	return func(p *[Height][Width]float64, t float64) {
		for blade := range 3 {
			a := 2 * math.Pi * (t/turn + float64(blade)/3)
			blob(p, 110+24*math.Cos(a), 40+20*math.Sin(a), 7, 7, 20)
		}
	}
}

func lampAt(at float64) actor {
	return func(p *[Height][Width]float64, t float64) {
		if t < at {
			return
		}
		for y := range Height {
			for x := range Width / 2 {
				p[y][x] += 50 * float64(Width/2-x) / Width
			}
		}
	}
}

// What repeats itself, or is one pattern, is told from no other day by a short piece either.
func TestShortPiecesOfAnotherDayAreNoCopies(t *testing.T) {
	t.Parallel()
	cam := newCamera(3)
	for name, c := range map[string]struct {
		held, asked func(from float64) actor
	}{
		"a slow fan":      {func(float64) actor { return fanOf(4) }, func(float64) actor { return fanOf(4) }},
		"a fan":           {func(float64) actor { return fanOf(2.3) }, func(float64) actor { return fanOf(2.3) }},
		"a very slow fan": {func(float64) actor { return fanOf(9) }, func(float64) actor { return fanOf(9) }},
		"a lamp":          {func(float64) actor { return lampAt(20) }, func(from float64) actor { return lampAt(from + 1) }},
		"other people":    {func(float64) actor { return walkers(10, 4) }, func(float64) actor { return walkers(77, 4) }},
		"people, later":   {func(float64) actor { return walkers(10, 4) }, func(float64) actor { return walkers(10, 4) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hour, short := build(t, cam.film(1, 0, 40, c.held(0))), build(t, cam.film(1, 3, 3, c.held(0)))
			for _, long := range []float64{2, 3, 7} {
				for from := 300.1; from < 306; from += 2.3 {
					q := build(t, cam.film(4, from, long, c.asked(from)))
					for _, r := range []*Print{hour, short} {
						if rel, ok := held(t, q, r); ok && rel.Kind == Same {
							t.Errorf("%.0f s at %.1f s against %.0f s: %+v", long, from, r.Seconds(), rel)
						}
					}
				}
			}
		})
	}
}

// Two seconds of people who walk are enough.
func TestShortPiecesAreFound(t *testing.T) {
	t.Parallel()
	cam, people := newCamera(1), walkers(1, 4)
	whole := build(t, cam.film(1, 0, 60, people))
	for name, alter := range map[string]func([][]byte) [][]byte{
		"as it is": func(f [][]byte) [][]byte { return f },
		"cropped":  func(f [][]byte) [][]byte { return cropped(f, 0.10) },
	} {
		found := 0
		for _, from := range []float64{3.4, 11.2, 23.6, 37, 50.2} {
			rel, ok := held(t, build(t, alter(cam.film(2, from, 2, people))), whole)
			if !ok || rel.Kind != Same {
				continue
			}
			found++
			if math.Abs(rel.Offset-from) > 0.3 || rel.CoverA < 950 {
				t.Errorf("%s at %.1f s: %+v", name, from, rel)
			}
		}
		if found < 4 {
			t.Errorf("%s: %d of 5", name, found)
		}
	}
	if rel, _ := held(t, build(t, cam.film(2, 23, 1.8, people)), whole); rel.Kind == Same {
		t.Errorf("less than two seconds: %+v", rel)
	}
}
