package geo

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the shapes
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
)

// The shapes: Natural Earth 4.1.0, 1:10m countries, public domain, as in world-atlas 2.0.2; simplified and carved by generate.go.
//
//go:embed world.geo
var shapes []byte

// ErrShapes: the embedded shapes do not parse.
var ErrShapes = errors.New("shapes of the map")

// Point is a place on the globe in degrees (WGS 84).
type Point struct{ Lat, Lon float64 }

// Valid says whether a point is on the globe.
func (p Point) Valid() bool {
	return p.Lat >= -90 && p.Lat <= 90 && p.Lon >= -180 && p.Lon <= 180 // false for NaN, too
}

// Country is one area of the map: a country, or an area whose status is disputed.
type Country struct {
	Code    string            // ISO 3166-1 numeric; empty for areas that have none
	Dispute string            // key of Disputes; empty for what nobody disputes
	Names   map[string]string // by language: en, ru, uk, ar; empty for disputed areas, for which the workspace has words

	polygons [][][]int // polygon, ring (the first is the outline), arcs; ^n is arc n backwards
	caps     []disc    // one for each polygon
}

// disc is a circle on the globe that holds a shape.
type disc struct {
	at     Point
	radius float64 // kilometres
}

// Atlas is the whole geography. It is safe for use by several goroutines.
type Atlas struct {
	Countries []Country
	arcs      [][]Point
	caps      []disc
	uses      [][]int // which countries an arc bounds

	base sync.Map // View → *Drawing, of the views that never change
}

// World parses the embedded shapes, once.
var World = sync.OnceValues(func() (*Atlas, error) {
	z, err := gzip.NewReader(bytes.NewReader(shapes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShapes, err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrShapes, err)
	}
	return parse(raw)
})

const unit = 2e-3 // degrees; generate.go has the same

// languages of the names of countries, in the order of the file.
var languages = []string{"en", "ru", "uk", "ar"}

// parse reads what generate.go wrote.
func parse(b []byte) (*Atlas, error) {
	bad := false
	num := func() int {
		n, size := binary.Varint(b)
		if size <= 0 {
			bad = true
			return 0
		}
		b = b[size:]
		return int(n)
	}
	count := func() int { // of things of at least a byte each
		n := num()
		if n < 0 || n > len(b) {
			bad = true
			return 0
		}
		return n
	}
	text := func() string {
		n := count()
		s := string(b[:n])
		b = b[n:]
		return s
	}
	a := &Atlas{}
	for range count() {
		x, y := 0, 0
		arc := make([]Point, count())
		for i := range arc {
			x, y = x+num(), y+num()
			arc[i] = Point{Lat: float64(y) * unit, Lon: float64(x) * unit}
		}
		a.arcs = append(a.arcs, arc)
		a.caps = append(a.caps, discOf(arc))
	}
	a.uses = make([][]int, len(a.arcs))
	for i := range count() {
		c := Country{Code: text(), Dispute: text(), Names: map[string]string{}}
		for _, lang := range languages {
			c.Names[lang] = text()
		}
		for range count() {
			var polygon [][]int
			for range count() {
				ring := make([]int, count())
				for k := range ring {
					id := num()
					if max(id, ^id) >= len(a.arcs) {
						bad = true
						id = 0
					}
					ring[k] = id
					if n := max(id, ^id); !bad && !slices.Contains(a.uses[n], i) {
						a.uses[n] = append(a.uses[n], i)
					}
				}
				polygon = append(polygon, ring)
			}
			if bad || len(polygon) == 0 {
				return nil, fmt.Errorf("%w: a polygon without an outline", ErrShapes)
			}
			c.polygons = append(c.polygons, polygon)
			c.caps = append(c.caps, discOf(a.ring(polygon[0])))
		}
		a.Countries = append(a.Countries, c)
	}
	if bad || len(b) != 0 {
		return nil, fmt.Errorf("%w: not whole", ErrShapes)
	}
	return a, nil
}

// ring joins the arcs of a ring. Longitudes run on across the date line, beyond ±180, so that a ring has no leap.
func (a *Atlas) ring(ids []int) []Point {
	var out []Point
	for _, id := range ids {
		arc := a.arcs[max(id, ^id)]
		if id < 0 {
			arc = slices.Clone(arc)
			slices.Reverse(arc)
		}
		if len(out) > 0 && len(arc) > 0 {
			arc = arc[1:]
		}
		out = append(out, arc...)
	}
	for i := 1; i < len(out); i++ {
		for out[i].Lon-out[i-1].Lon > 180 {
			out[i].Lon -= 360
		}
		for out[i].Lon-out[i-1].Lon < -180 {
			out[i].Lon += 360
		}
	}
	return out
}

const earth = 6371.0088 // mean radius in kilometres

// Distance is the length of the great circle between two points, in kilometres.
func Distance(a, b Point) float64 {
	p, q := a.Lat*math.Pi/180, b.Lat*math.Pi/180
	h := sq(math.Sin((q-p)/2)) + math.Cos(p)*math.Cos(q)*sq(math.Sin((b.Lon-a.Lon)*math.Pi/360))
	return 2 * earth * math.Asin(math.Sqrt(min(1, h)))
}

func sq(f float64) float64 { return f * f }

// discOf gives a circle that holds all points: around their mean direction, so that it is right at the date line, too.
func discOf(ps []Point) disc {
	var x, y, z float64
	for _, p := range ps {
		lat, lon := p.Lat*math.Pi/180, p.Lon*math.Pi/180
		x, y, z = x+math.Cos(lat)*math.Cos(lon), y+math.Cos(lat)*math.Sin(lon), z+math.Sin(lat)
	}
	d := disc{at: Point{Lat: math.Atan2(z, math.Hypot(x, y)) * 180 / math.Pi, Lon: math.Atan2(y, x) * 180 / math.Pi}}
	for _, p := range ps {
		d.radius = max(d.radius, Distance(d.at, p))
	}
	return d
}

// At gives the area in which a point lies; false for the sea and for islands too small for the map. Where a disputed area lies within the
// shape of a country, the disputed area is the answer.
func (a *Atlas) At(p Point) (Country, bool) {
	found := -1
	for i, c := range a.Countries {
		if (found < 0 || c.Dispute != "") && a.holds(c, p) {
			found = i
		}
	}
	if found < 0 {
		return Country{}, false
	}
	return a.Countries[found], true
}

// holds says whether a point lies in a country.
func (a *Atlas) holds(c Country, p Point) bool {
	for _, polygon := range c.polygons {
		in := false
		for _, ring := range polygon {
			if inside(a.ring(ring), p) {
				in = !in
			}
		}
		if in {
			return true
		}
	}
	return false
}

// inside counts crossings of a ray to the east, for the point and where it lies a turn around the globe further.
func inside(ring []Point, p Point) bool {
	return crosses(ring, p) || crosses(ring, Point{p.Lat, p.Lon + 360}) || crosses(ring, Point{p.Lat, p.Lon - 360})
}

func crosses(ring []Point, p Point) bool {
	in := false
	for i, j := 0, len(ring)-1; i < len(ring); j, i = i, i+1 {
		a, b := ring[i], ring[j]
		if (a.Lat > p.Lat) != (b.Lat > p.Lat) && p.Lon < (b.Lon-a.Lon)*(p.Lat-a.Lat)/(b.Lat-a.Lat)+a.Lon {
			in = !in
		}
	}
	return in
}

// Dispute is an area whose status is disputed and that has a shape of its own on the map.
type Dispute struct {
	Key string // the workspace has words under map.dispute.KEY and map.dispute.KEY_about
	// State is the ISO 3166-1 numeric code of the state to which the General Assembly of the United Nations counts the area; empty where the
	// policy names none.
	State string
	At    Point // about the middle
}

// Disputes lists them, those in the part of the world that the archive is about first.
var Disputes = []Dispute{
	{"crimea", "804", Point{45.2, 34.3}}, {"south-kuril", "", Point{44.6, 147.0}}, {"kosovo", "", Point{42.6, 20.9}},
	{"north-cyprus", "196", Point{35.3, 33.5}}, {"cyprus-buffer", "196", Point{35.07, 33.1}}, {"palestine", "275", Point{31.9, 35.2}}, {"siachen", "", Point{35.4, 77.1}},
	{"taiwan", "", Point{23.8, 121.0}}, {"spratly", "", Point{10.7, 115.8}}, {"scarborough", "", Point{15.2, 117.8}}, {"west-sahara", "", Point{24.5, -12.5}}, {"somaliland", "706", Point{9.6, 46.0}},
	{"gibraltar", "", Point{36.13, -5.35}}, {"falklands", "", Point{-51.7, -59.0}}, {"guantanamo", "192", Point{19.9, -75.1}}, {"bajo-nuevo", "", Point{15.86, -78.64}},
}

// UnmarkedIn gives those of Unmarked that are in sight.
func UnmarkedIn(v View) []string {
	var out []string
	for _, key := range Unmarked {
		if _, _, in := v.Locate(unmarkedAt[key]); in {
			out = append(out, key)
		}
	}
	return out
}

// unmarkedAt are points about the middle of them.
var unmarkedAt = map[string]Point{
	"ukraine-east": {48.0, 37.8}, "abkhazia": {43.0, 41.0}, "south-ossetia": {42.3, 44.0}, "transnistria": {47.0, 29.4}, "karabakh": {39.8, 46.7}, "golan": {33.0, 35.8},
	"jerusalem": {31.78, 35.25}, "kashmir": {34.0, 75.5}, "aksai-chin": {35.2, 79.3}, "arunachal": {28.2, 94.7}, "paracel": {16.5, 112.0}, "senkaku": {25.75, 123.5},
	"liancourt": {37.24, 131.87}, "west-sahara-west": {25.5, -13.5}, "abyei": {9.6, 28.4}, "halaib": {22.2, 35.6}, "ilemi": {4.9, 35.3}, "essequibo": {6.0, -59.5},
}

// Unmarked are areas that are disputed, or held against the will of the state to which they belong, and that have no shape of their own in the
// data: the map says so in words, under map.unmarked.KEY.
var Unmarked = []string{
	"ukraine-east", "abkhazia", "south-ossetia", "transnistria", "karabakh", "golan", "jerusalem", "kashmir", "aksai-chin", "arunachal", "paracel", "senkaku", "liancourt", "west-sahara-west", "abyei", "halaib", "ilemi", "essequibo",
}
