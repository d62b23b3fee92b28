//go:build ignore

// Command generate makes world.geo out of the 1:10m countries of the npm package world-atlas 2.0.2 (Natural Earth 4.1.0, public domain).
//
//	npm pack world-atlas@2.0.2 && tar xzf world-atlas-2.0.2.tgz
//	go run generate.go package/countries-10m.json world.geo
//
// The input is refused unless it has the known SHA-256, so that nobody changes a border by changing a download. Lines are simplified
// (Douglas and Peucker) arc by arc, which keeps neighbours together. The policy on borders is applied here: see carve.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"log"
	"math"
	"os"
	"slices"
	"strings"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

const (
	wanted    = "3bc6f1d367a9bcec479841bae0e76092f512838411d0cef124e92eec4db45f79"
	tolerance = 0.008  // degrees of latitude, just under a kilometre
	smallest  = 0.0004 // square degrees; smaller islands are left out, unless a country has nothing else
	unit      = 2e-3   // degrees: about 200 m
)

type topology struct {
	Arcs      [][][2]float64
	Transform struct{ Scale, Translate [2]float64 }
	Objects   struct {
		Countries struct {
			Geometries []struct {
				Type       string
				ID         string
				Properties struct{ Name string }
				Arcs       json.RawMessage
			}
		}
	}
}

type point [2]float64 // longitude, latitude

type country struct {
	code, name string
	disputed   string // key of geo.Disputes
	polygons   [][][]int
}

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: go run generate.go countries-10m.json world.geo")
	}
	raw, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != wanted {
		log.Fatalf("not the file of world-atlas 2.0.2: %x", sum)
	}
	var t topology
	if err := json.Unmarshal(raw, &t); err != nil {
		log.Fatal(err)
	}
	arcs := make([][]point, len(t.Arcs))
	for i, a := range t.Arcs {
		var x, y float64
		for _, d := range a {
			x, y = x+d[0], y+d[1]
			arcs[i] = append(arcs[i], point{x*t.Transform.Scale[0] + t.Transform.Translate[0], y*t.Transform.Scale[1] + t.Transform.Translate[1]})
		}
	}
	var all []country
	for _, g := range t.Objects.Countries.Geometries {
		c := country{code: g.ID, name: g.Properties.Name}
		switch g.Type {
		case "Polygon":
			var p [][]int
			must(json.Unmarshal(g.Arcs, &p))
			c.polygons = [][][]int{p}
		case "MultiPolygon":
			must(json.Unmarshal(g.Arcs, &c.polygons))
		default:
			log.Fatalf("a geometry of type %q", g.Type)
		}
		all = append(all, c)
	}
	all = carve(all, arcs)
	all = shrink(all, arcs)
	out := encode(all, arcs)
	must(os.WriteFile(os.Args[2], out, 0o644))
	log.Printf("%d countries, %d bytes", len(all), len(out))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func ring(ids []int, arcs [][]point) []point {
	var out []point
	for _, id := range ids {
		a := arcs[max(id, ^id)]
		if id < 0 {
			a = slices.Clone(a)
			slices.Reverse(a)
		}
		if len(out) > 0 {
			a = a[1:]
		}
		out = append(out, a...)
	}
	return out
}

func bounds(ps []point) (w, s, e, n float64) {
	w, s, e, n = 180, 90, -180, -90
	for _, p := range ps {
		w, s, e, n = min(w, p[0]), min(s, p[1]), max(e, p[0]), max(n, p[1])
	}
	return
}

func area(ps []point) float64 {
	var sum float64
	for i := range ps {
		j := (i + 1) % len(ps)
		sum += ps[i][0]*ps[j][1] - ps[j][0]*ps[i][1]
	}
	return math.Abs(sum) / 2
}

// boxes hold what Natural Earth files under Russia and what is not drawn as Russia: west, south, east, north. A polygon is taken out when it
// lies wholly inside.
var boxes = []struct {
	key        string
	w, s, e, n float64
}{
	{"crimea", 32.2, 44.2, 36.66, 46.35},      // the peninsula up to the strait of Kerch, with Sevastopol and the islands around it
	{"south-kuril", 145.2, 43.2, 149.0, 45.6}, // Kunashir, Iturup, Shikotan, the Habomai islands
}

// contested are the areas that the data has as shapes of their own: name in the data → key of geo.Disputes.
var contested = map[string]string{
	"Kosovo": "kosovo", "N. Cyprus": "north-cyprus", "Cyprus U.N. Buffer Zone": "cyprus-buffer", "Somaliland": "somaliland", "W. Sahara": "west-sahara", "Taiwan": "taiwan",
	"Palestine": "palestine", "Siachen Glacier": "siachen", "Falkland Is.": "falklands", "Spratly Is.": "spratly", "Scarborough Reef": "scarborough",
	"Gibraltar": "gibraltar", "USNB Guantanamo Bay": "guantanamo", "Bajo Nuevo Bank": "bajo-nuevo", "Serranilla Bank": "bajo-nuevo",
}

// joined are shapes that belong to a country without dispute and are apart in the data only because of who uses them.
var joined = map[string]string{"Baikonur": "398"} // leased to Russia, part of Kazakhstan

// carve applies the policy on borders (docs/design/borders.md).
func carve(all []country, arcs [][]point) []country {
	found := map[string]int{}
	var out []country
	for _, c := range all {
		c.disputed = contested[c.name]
		if c.disputed != "" {
			found[c.disputed]++
		}
		if c.code != "643" {
			out = append(out, c)
			continue
		}
		kept := c
		kept.polygons = nil
		cut := map[string][][][]int{}
	polygons:
		for _, p := range c.polygons {
			w, s, e, n := bounds(ring(p[0], arcs))
			for _, b := range boxes {
				if w >= b.w && s >= b.s && e <= b.e && n <= b.n {
					cut[b.key] = append(cut[b.key], p)
					found[b.key]++
					continue polygons
				}
			}
			kept.polygons = append(kept.polygons, p)
		}
		out = append(out, kept)
		for _, b := range boxes {
			out = append(out, country{name: b.key, disputed: b.key, polygons: cut[b.key]})
		}
	}
	for name, code := range joined {
		from := slices.IndexFunc(out, func(c country) bool { return c.name == name })
		to := slices.IndexFunc(out, func(c country) bool { return c.code == code })
		if from < 0 || to < 0 {
			log.Fatalf("%s is not where it was", name)
		}
		// Its outline is a hole in the country around it: both go.
		holes := 0
		for i, p := range out[to].polygons {
			out[to].polygons[i] = slices.DeleteFunc(p, func(r []int) bool {
				same := slices.ContainsFunc(r, func(id int) bool { return slices.Contains(out[from].polygons[0][0], ^id) })
				if same {
					holes++
				}
				return same
			})
		}
		if holes != 1 || len(out[from].polygons) != 1 {
			log.Fatalf("%s is not one hole: %d", name, holes)
		}
		out = slices.Delete(out, from, from+1)
	}
	if len(found) != len(contested)-1+len(boxes) {
		log.Fatalf("some contested areas are not in the data: %v", found)
	}
	return out
}

// shrink leaves out islands too small to see.
func shrink(all []country, arcs [][]point) []country {
	for i, c := range all {
		slices.SortStableFunc(c.polygons, func(a, b [][]int) int {
			return int(math.Copysign(1, area(ring(b[0], arcs))-area(ring(a[0], arcs))))
		})
		for k, p := range c.polygons {
			if k > 0 && c.disputed == "" && area(ring(p[0], arcs)) < smallest {
				c.polygons = c.polygons[:k]
				break
			}
		}
		all[i] = c
	}
	return all
}

// simplify keeps the ends of an arc and every point further than the tolerance from the line between its neighbours that are kept.
func simplify(ps []point) []point {
	keep := make([]bool, len(ps))
	keep[0], keep[len(ps)-1] = true, true
	var walk func(a, b int)
	walk = func(a, b int) {
		far, at := -1.0, 0
		k := math.Cos(ps[a][1] * math.Pi / 180) // a degree of longitude is shorter in the north
		for i := a + 1; i < b; i++ {
			if d := distance(ps[i], ps[a], ps[b], k); d > far {
				far, at = d, i
			}
		}
		if at > 0 && far > tolerance || at > 0 && ps[a] == ps[b] {
			keep[at] = true
			walk(a, at)
			walk(at, b)
		}
	}
	walk(0, len(ps)-1)
	var out []point
	for i, k := range keep {
		if k {
			out = append(out, ps[i])
		}
	}
	return out
}

func distance(p, a, b point, k float64) float64 {
	px, py, bx, by := (p[0]-a[0])*k, p[1]-a[1], (b[0]-a[0])*k, b[1]-a[1]
	if l := bx*bx + by*by; l > 0 {
		t := max(0, min(1, (px*bx+py*by)/l))
		px, py = px-t*bx, py-t*by
	}
	return math.Hypot(px, py)
}

// encode writes the file; geo.parse reads it. Numbers are varints, texts have their length in front.
func encode(all []country, arcs [][]point) []byte {
	index := map[int]int{}
	var used []int
	var b []byte
	num := func(n int) { b = binary.AppendVarint(b, int64(n)) }
	text := func(s string) { num(len(s)); b = append(b, s...) }
	for _, c := range all {
		for _, p := range c.polygons {
			for _, r := range p {
				for _, id := range r {
					if _, ok := index[max(id, ^id)]; !ok {
						index[max(id, ^id)] = len(used)
						used = append(used, max(id, ^id))
					}
				}
			}
		}
	}
	num(len(used))
	points := 0
	for _, id := range used {
		ps := simplify(arcs[id])
		num(len(ps))
		points += len(ps)
		lx, ly := 0, 0
		for _, p := range ps {
			x, y := int(math.Round(p[0]/unit)), int(math.Round(p[1]/unit))
			num(x - lx)
			num(y - ly)
			lx, ly = x, y
		}
	}
	num(len(all))
	for _, c := range all {
		text(c.code)
		text(c.disputed)
		for _, tag := range tags {
			text(named(c, tag))
		}
		num(len(c.polygons))
		for _, p := range c.polygons {
			num(len(p))
			for _, r := range p {
				num(len(r))
				for _, id := range r {
					if id < 0 {
						num(^index[^id])
					} else {
						num(index[id])
					}
				}
			}
		}
	}
	log.Printf("%d arcs, %d points, %d bytes before compression", len(used), points, len(b))
	var z bytes.Buffer
	w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
	_, err := w.Write(b)
	must(err)
	must(w.Close())
	return z.Bytes()
}

// tags are the languages of names, in the order of the file; geo.languages says the same.
var tags = []language.Tag{language.English, language.Russian, language.Ukrainian, language.Arabic}

// renamed are names that have changed since the tables of names were made.
var renamed = map[string][4]string{
	"807": {"North Macedonia", "Северная Македония", "Північна Македонія", "مقدونيا الشمالية"},
	"748": {"Eswatini", "Эсватини", "Есватіні", "إسواتيني"},
	"792": {"Türkiye", "Турция", "Туреччина", "تركيا"},
	"112": {"Belarus", "Беларусь", "Білорусь", "بيلاروس"},
	"203": {"Czechia", "Чехия", "Чехія", "التشيك"},
}

// named gives a country's name; disputed areas are named by the workspace's own words.
func named(c country, tag language.Tag) string {
	if c.disputed != "" || c.code == "" {
		return ""
	}
	i := slices.Index(tags, tag)
	if n, ok := renamed[c.code]; ok {
		return n[i]
	}
	r, err := language.ParseRegion(c.code)
	if err != nil {
		log.Printf("no name for %s", c.name)
		return c.name
	}
	return strings.TrimSpace(display.Regions(tag).Name(r))
}
