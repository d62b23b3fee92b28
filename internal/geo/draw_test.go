package geo

import (
	"math"
	"regexp"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

// rings reads path data back: absolute beginnings, relative lines, closed rings.
func rings(t *testing.T, d string) (out [][]vertex) {
	t.Helper()
	var at vertex
	for _, m := range regexp.MustCompile(`([Mlz])(-?[\d.]*)(?: ?(-?[\d.]+))?`).FindAllStringSubmatch(d, -1) {
		x, _ := strconv.ParseFloat(m[2], 64)
		y, _ := strconv.ParseFloat(m[3], 64)
		switch m[1] {
		case "M":
			at = vertex{x, y}
			out = append(out, []vertex{at})
		case "l":
			at = vertex{at.x + x, at.y + y}
			out[len(out)-1] = append(out[len(out)-1], at)
		}
	}
	return out
}

// covers says whether a path with the even-odd rule covers a point.
func covers(rs [][]vertex, p vertex) bool {
	in := false
	for _, r := range rs {
		for i, j := 0, len(r)-1; i < len(r); j, i = i, i+1 {
			a, b := r[i], r[j]
			if (a.y > p.y) != (b.y > p.y) && p.x < (b.x-a.x)*(p.y-a.y)/(b.y-a.y)+a.x {
				in = !in
			}
		}
	}
	return in
}

// On every map that is drawn, the peninsula is hatched and not land of any country, and Kyiv and Saratov are land.
func TestDrawnBorders(t *testing.T) {
	t.Parallel()
	a := world(t)
	for name, v := range map[string]View{
		"north": {Kind: ViewNorth}, "world": {Kind: ViewWorld}, "region": {Kind: ViewAround, Centre: Point{45, 34}, Radius: 500}, "near": {Kind: ViewAround, Centre: Point{44.9, 34.1}, Radius: 60},
		"from Moscow":   {Kind: ViewAround, Centre: Point{55.75, 37.6}, Radius: 1500},
		"coarse, north": {Kind: ViewNorth, Detail: 2}, "coarse, region": {Kind: ViewAround, Centre: Point{45, 34}, Radius: 500, Detail: 3}, "coarse, from Moscow": {Kind: ViewAround, Centre: Point{55.75, 37.6}, Radius: 1500, Detail: 3},
	} {
		d := a.Draw(v)
		land := rings(t, d.Land)
		hatched := map[string][][]vertex{}
		for _, area := range d.Areas {
			hatched[area.Key] = append(hatched[area.Key], rings(t, area.Path)...)
		}
		for city, p := range map[string]Point{"Simferopol": {44.952, 34.102}, "Sevastopol": {44.60, 33.55}, "Dzhankoi": {45.71, 34.39}} {
			x, y, in := v.Locate(p)
			if !in {
				continue
			}
			if covers(land, vertex{x, y}) {
				t.Errorf("%s: %s is drawn as land of a country", name, city)
			}
			if name != "world" && !covers(hatched["crimea"], vertex{x, y}) {
				t.Errorf("%s: %s is not hatched", name, city)
			}
		}
		for city, p := range map[string]Point{"Kyiv": {50.45, 30.52}, "Saratov": {51.53, 46.0}, "Donetsk": {48, 37.8}} {
			if x, y, in := v.Locate(p); in && !covers(land, vertex{x, y}) {
				t.Errorf("%s: %s is not land", name, city)
			}
		}
		if x, y, in := v.Locate(Point{43.3, 34}); in && covers(land, vertex{x, y}) {
			t.Errorf("%s: the Black Sea is land", name)
		}
		if n := len(d.Land) + len(d.Borders) + len(d.Net); n > 160_000 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
}

// The projection keeps areas: a circle on the globe has the same area on the map wherever it lies.
func TestAreasAreTrue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := View{Kind: ViewAround, Centre: Point{rapid.Float64Range(-80, 80).Draw(t, "lat"), rapid.Float64Range(-180, 180).Draw(t, "lon")}, Radius: rapid.Float64Range(100, 2000).Draw(t, "radius")}
		p := v.projection()
		at := destination(v.Centre, rapid.Float64Range(0, v.Radius).Draw(t, "away"), rapid.Float64Range(0, 2*math.Pi).Draw(t, "bearing"))
		r := v.Radius / 20
		var ring []vertex
		for i := range 720 {
			x, y := p.at(destination(at, r, float64(i)*math.Pi/360))
			ring = append(ring, vertex{x, y})
		}
		sum := 0.0
		for i, a := range ring {
			b := ring[(i+1)%len(ring)]
			sum += a.x*b.y - b.x*a.y
		}
		got := math.Abs(sum) / 2 / p.scale / p.scale
		want := 2 * math.Pi * earth * earth * (1 - math.Cos(r/earth))
		if math.Abs(got/want-1) > 2e-3 {
			t.Fatalf("%.1f km² instead of %.1f", got, want)
		}
	})
}

func TestLocate(t *testing.T) {
	t.Parallel()
	for _, v := range []View{{Kind: ViewAround, Centre: Point{51.5, 46}, Radius: 100}} {
		if x, y, in := v.Locate(v.Centre); !in || math.Abs(x-Width/2) > 1e-6 || math.Abs(y-Height/2) > 1e-6 {
			t.Errorf("the middle lies at %f %f", x, y)
		}
		if _, _, in := v.Locate(Point{-51.5, -134}); in {
			t.Error("the other side of the globe is in sight")
		}
		if _, y, in := v.Locate(destination(v.Centre, 99, 0)); !in || y < 0 || y > 10 {
			t.Errorf("99 km to the north lie at %f", y)
		}
	}
	// The cut of the world view runs through the Bering Sea: both sides of the date line lie next to each other.
	w := View{Kind: ViewWorld}
	x1, _, ok1 := w.Locate(Point{66, 179.5})
	x2, _, ok2 := w.Locate(Point{66, -179.5})
	if !ok1 || !ok2 || x2-x1 < 0 || x2-x1 > 5 {
		t.Errorf("Chukotka is torn: %f %f", x1, x2)
	}
	if d := Distance(Point{55.75, 37.62}, Point{59.94, 30.31}); math.Abs(d-634) > 5 {
		t.Errorf("Moscow and Saint Petersburg are %f km apart", d)
	}
}
