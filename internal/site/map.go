package site

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"html/template"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"zapis/internal/geo"
)

// precisionKM is how far from its coordinates a place may lie, in kilometres, by how exactly it is given. A place that cannot be determined is on no
// map, whatever its coordinates say.
var precisionKM = map[string]float64{"facility": 0.5, "city": 8, "region": 200, "country": 700}

// placed is a place with coordinates, as it stands on a map.
type placed struct {
	At        geo.Point
	Precision string
	Name      Words
	File      string // page of its releases
	N         int    // releases
}

// placedOf gives where a release was recorded; false if it does not say so or says that it cannot be told.
func placedOf(h *held) (placed, bool) {
	p := h.Release.Place
	if p == nil || p.Lat == nil || p.Lon == nil || precisionKM[p.Precision] == 0 {
		return placed{}, false
	}
	return placed{At: geo.Point{Lat: *p.Lat, Lon: *p.Lon}, Precision: p.Precision, Name: h.where()}, true
}

// chart is a map that is drawn, in no language yet.
type chart struct {
	d        *geo.Drawing
	marks    []mark
	unmarked []string // disputed areas in sight without a shape of their own
}

// mark is one place on a map, or several that lie too near to each other to be drawn apart.
type mark struct {
	x, y   float64
	circle string // path: it lies somewhere within
	places []placed
}

// Limits of a map, so that pages stay light: outlines are drawn more coarsely, and marks joined over longer distances, until they hold.
const (
	mostMarks    = 60
	mostOutline  = 6656 // bytes, packed
	smallOutline = 2 << 10
	nearest      = 400.0 // kilometres that a map shows to each side at least: so that something can be recognised
)

// view chooses what part of the globe shows all places.
func viewOf(places []placed, atLeast float64) geo.View {
	var x, y, z, reach float64
	for _, p := range places {
		lat, lon := p.At.Lat*math.Pi/180, p.At.Lon*math.Pi/180
		x, y, z = x+math.Cos(lat)*math.Cos(lon), y+math.Cos(lat)*math.Sin(lon), z+math.Sin(lat)
	}
	// Whole degrees: two sites with nearly the same places have the same map, and a place more seldom moves it.
	centre := geo.Point{Lat: math.Round(math.Atan2(z, math.Hypot(x, y)) * 180 / math.Pi), Lon: math.Round(math.Atan2(y, x) * 180 / math.Pi)}
	for _, p := range places {
		reach = max(reach, geo.Distance(centre, p.At)+precisionKM[p.Precision])
	}
	reach = math.Ceil(max(atLeast, reach*1.1)/100) * 100
	if reach <= 3000 {
		return geo.View{Kind: geo.ViewAround, Centre: centre, Radius: reach}
	}
	north := geo.View{Kind: geo.ViewNorth}
	if !slices.ContainsFunc(places, func(p placed) bool { _, _, in := north.Locate(p.At); return !in }) {
		return north
	}
	return geo.View{Kind: geo.ViewWorld}
}

// draw makes a chart of places whose outlines take no more than so many bytes when packed; nil if there are none.
func draw(places []placed, atLeast float64, most int) (*chart, error) {
	if len(places) == 0 {
		return nil, nil
	}
	atlas, err := geo.World()
	if err != nil {
		return nil, fmt.Errorf("read the shapes of the map: %w", err)
	}
	v := viewOf(places, atLeast)
	c := &chart{unmarked: geo.UnmarkedIn(v)}
	for v.Detail = 1; ; v.Detail *= 1.4 {
		c.d = atlas.Draw(v)
		if v.Detail > 30 || packedLength(c.d.Land+c.d.Borders+c.d.Uncertain) <= most {
			break
		}
	}
	for apart := 14.0; ; apart *= 1.5 {
		if c.marks = marksOf(v, places, apart); len(c.marks) <= mostMarks {
			return c, nil
		}
	}
}

func packedLength(s string) int {
	var b bytes.Buffer
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	z.Reset(&b)
	_, _ = z.Write([]byte(s)) // into memory
	_ = z.Close()
	return b.Len()
}

// marksOf puts places on a map. Places nearer than so many units become one mark.
func marksOf(v geo.View, places []placed, apart float64) []mark {
	var out []mark
	for _, p := range places {
		x, y, in := v.Locate(p.At)
		if !in {
			continue
		}
		i := slices.IndexFunc(out, func(m mark) bool { return math.Hypot(m.x-x, m.y-y) < apart })
		if i < 0 {
			i = len(out)
			out = append(out, mark{x: math.Round(x), y: math.Round(y)})
		}
		m := &out[i]
		m.places = append(m.places, p)
		if km := precisionKM[p.Precision]; m.circle == "" && v.UnitsFor(km) > 9 {
			m.circle = v.Circle(p.At, km)
		}
	}
	return out
}

// box is where something stands on a map, so that names do not cover each other.
type box struct{ x0, y0, x1, y1 float64 }

func (b box) meets(o box) bool { return b.x0 < o.x1 && o.x0 < b.x1 && b.y0 < o.y1 && o.y0 < b.y1 }

// Sizes of letters in units of a map: of one that fills the page, and of one beside a text.
const (
	wideLetters  = 19.0
	smallLetters = 42.0
)

// svg writes a chart in the words of a page. Everything in it stands in the page as text as well. A place of which only the region or the country
// is given has no point, only the circle within which it lies.
func (c *chart) svg(v *view, letters float64) template.HTML {
	var b strings.Builder
	num := func(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
	esc := template.HTMLEscapeString
	class := "map"
	if letters > wideLetters {
		class = "map mini"
	}
	fmt.Fprintf(&b, `<svg class="%s" viewBox="0 0 %g %g" role="group" aria-label="%s"><path class="ml" d="%s"/><path class="mb" d="%s"/>`, class, geo.Width, geo.Height, esc(v.T("map.label")), c.d.Land, c.d.Borders)
	for _, a := range c.d.Areas {
		fmt.Fprintf(&b, `<path class="mh" d="%s"><title>%s</title></path>`, a.Path, esc(v.T("map.dispute."+a.Key)))
	}
	if c.d.Uncertain != "" {
		fmt.Fprintf(&b, `<path class="mu" d="%s"/>`, c.d.Uncertain)
	}
	r := math.Round(letters / 2.7) // of a mark
	spot := func(m mark) box { return box{m.x - r - 5, m.y - r - 5, m.x + r + 5, m.y + r + 5} }
	var taken []box
	for _, m := range c.marks {
		taken = append(taken, spot(m))
	}
	free := func(o box) bool {
		return o.x0 >= 0 && o.x1 <= geo.Width && o.y0 >= 0 && o.y1 <= geo.Height && !slices.ContainsFunc(taken, o.meets)
	}
	width := func(s string) float64 { return float64(utf8.RuneCountInString(s)) * letters * 0.6 }
	for _, m := range c.marks {
		name, to := "", "places.html"
		if len(m.places) == 1 {
			name, _ = choose(m.places[0].Name, v.Lang)
			to = m.places[0].File
		}
		var titles []string
		exact := false
		for i, p := range m.places {
			exact = exact || p.Precision == "facility" || p.Precision == "city"
			if i == 6 {
				titles = append(titles, "…")
			}
			if i < 6 {
				n, _ := choose(p.Name, v.Lang)
				titles = append(titles, n+" ("+v.T("precision."+p.Precision)+")")
			}
		}
		label := name
		if len(m.places) > 1 {
			label = v.Num(len(m.places))
		}
		title := strings.Join(titles, "; ")
		shape := func() {
			if m.circle != "" {
				fmt.Fprintf(&b, `<path class="mw" d="%s"/>`, m.circle)
			}
			if exact {
				fmt.Fprintf(&b, `<circle class="mp" cx="%s" cy="%s" r="%s"/>`, num(m.x), num(m.y), num(r))
			} else {
				fmt.Fprintf(&b, `<path class="mx" d="M%s %sh%sm%s %sv%s"/>`, num(m.x-r), num(m.y), num(2*r), num(-r), num(-r), num(2*r))
			}
		}
		if to != "" {
			fmt.Fprintf(&b, `<a href="%s" aria-label="%s">`, esc(v.L(to)), esc(title))
		}
		fmt.Fprintf(&b, `<title>%s</title>`, esc(title))
		shape()
		// To the right, to the left, above, below: where there is room.
		w := width(label)
		for _, at := range []struct {
			dx, dy float64
			anchor string
		}{{r + 6, letters * 0.35, "start"}, {-r - 6, letters * 0.35, "end"}, {0, -r - 6, "middle"}, {0, letters + r + 2, "middle"}} {
			x, y := m.x+at.dx, m.y+at.dy
			o := box{x, y - letters, x + w, y + letters*0.25}
			switch at.anchor {
			case "end":
				o.x0, o.x1 = x-w, x
			case "middle":
				o.x0, o.x1 = x-w/2, x+w/2
			}
			own := spot(m)
			if label != "" && o.x0 >= 0 && o.x1 <= geo.Width && o.y0 >= 0 && o.y1 <= geo.Height && !slices.ContainsFunc(taken, func(t box) bool { return t != own && t.meets(o) }) {
				fmt.Fprintf(&b, `<text class="mn" x="%s" y="%s" text-anchor="%s">%s</text>`, num(math.Round(x)), num(math.Round(y)), at.anchor, esc(label))
				taken = append(taken, o)
				break
			}
		}
		if to != "" {
			b.WriteString("</a>")
		}
	}
	for _, l := range c.d.Labels {
		name := l.Names[v.Lang]
		if name == "" {
			name = l.Names["en"]
		}
		w := width(name)
		o := box{l.X - w/2, l.Y - letters, l.X + w/2, l.Y + letters*0.3}
		if w <= l.Width && free(o) {
			fmt.Fprintf(&b, `<text class="mc" x="%s" y="%s" text-anchor="middle">%s</text>`, num(math.Round(l.X)), num(math.Round(l.Y)), esc(name))
			taken = append(taken, o)
		}
	}
	if c.d.ScaleBar > 0 {
		fmt.Fprintf(&b, `<path class="ms" d="M20 %gv-8h%sv8"/><text class="mc" x="%s" y="%g">%s</text>`, geo.Height-16, num(math.Round(c.d.ScaleBar)), num(math.Round(c.d.ScaleBar)+30), geo.Height-14, esc(v.T("unit.km", "n", v.Num(int64(c.d.Kilometres)))))
	}
	b.WriteString("</svg>")
	return template.HTML(b.String()) // #nosec: numbers, paths, and words that are escaped
}

// disputes gives what has to be said in words about the areas in sight.
// They are said for the small maps of the places as well.
func (c *chart) disputes(v *view, places []placed) []string {
	var out []string
	say := func(key string, about bool) {
		s := v.T(key)
		if about {
			s += ". " + v.T(key+"_about")
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, a := range c.d.Areas {
		say("map.dispute."+a.Key, true)
	}
	for _, d := range geo.Disputes {
		if slices.ContainsFunc(places, func(p placed) bool { return geo.Distance(p.At, d.At) < 3*nearest }) {
			say("map.dispute."+d.Key, true)
		}
	}
	for _, key := range c.unmarked {
		say("map.unmarked."+key, false)
	}
	for _, p := range places {
		for _, key := range geo.UnmarkedIn(viewOf([]placed{p}, nearest)) {
			say("map.unmarked."+key, false)
		}
	}
	return out
}

// charts draws each map once; those of single places repeat from release to release.
type charts struct {
	made  sync.Map // description → func() (*chart, error)
	whole sync.Once
	c     *chart
	err   error
}

// all gives the map of all places.
func (c *charts) all(places []placed) (*chart, error) {
	c.whole.Do(func() { c.c, c.err = draw(places, nearest, mostOutline) })
	return c.c, c.err
}

// one gives the small map of a release; nil if it has no place on one.
func (c *charts) one(h *held) (*chart, error) {
	p, ok := placedOf(h)
	if !ok {
		return nil, nil
	}
	p.File = "releases-place-" + h.placeKey() + ".html"
	f, _ := c.made.LoadOrStore(fmt.Sprint(p.At, p.Precision), sync.OnceValues(func() (*chart, error) { return draw([]placed{p}, nearest, smallOutline) }))
	m, err := f.(func() (*chart, error))()
	if err != nil || len(m.marks) != 1 {
		return nil, err
	}
	own := *m
	own.marks = []mark{m.marks[0]}
	own.marks[0].places = []placed{p}
	return &own, nil
}

// Mini is the small map of a release; empty if it has no place on one.
func (v *view) Mini(h *held) (template.HTML, error) {
	c, err := v.s.maps.one(h)
	if err != nil || c == nil {
		return "", err
	}
	return c.svg(v, smallLetters), nil
}

// Coordinates writes where a place lies with no more digits than how exactly it is given; empty if that is less than to a degree.
func (v *view) Coordinates(p *Place) string {
	digits, ok := map[string]int{"facility": 3, "city": 2, "region": 0}[p.Precision]
	if !ok || p.Lat == nil || p.Lon == nil {
		return ""
	}
	return fmt.Sprintf("%.*f, %.*f", digits, *p.Lat, digits, *p.Lon)
}
