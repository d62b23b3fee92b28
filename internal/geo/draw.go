package geo

import (
	"math"
	"slices"
	"strconv"
)

// Drawing is a map as path data in units of View; whoever draws it gives colours and words.
type Drawing struct {
	View       View
	Land       string  // everything but disputed areas; its outline is the coast
	Borders    string  // lines between countries
	Uncertain  string  // lines around disputed areas where they meet land: not borders
	Net        string  // meridians and parallels
	Areas      []Area  // disputed areas in sight
	Labels     []Label // of countries with room for it
	Kilometres float64 // that the scale bar stands for
	ScaleBar   float64 // its length in units; zero: there is none, since the scale is not the same everywhere
}

// Area is a disputed area in sight.
type Area struct {
	Key, Path string
	X, Y      float64 // of a point inside
	Small     bool    // too small for its hatching to be seen
}

// Label is the name of a country by language, and the code, at the middle of its widest part.
type Label struct {
	X, Y, Width float64
	Names       map[string]string
}

// vertex is a point on a map.
type vertex struct{ x, y float64 }

// Draw draws a view. Drawings of the fixed views are made once.
func (a *Atlas) Draw(v View) *Drawing {
	if v.Kind != ViewWorld && v.Kind != ViewNorth {
		v.Kind = ViewAround
		v.Radius = max(10, min(3000, v.Radius))
		return a.draw(v)
	}
	v = View{Kind: v.Kind, Detail: v.Detail}
	if d, ok := a.base.Load(v); ok {
		return d.(*Drawing)
	}
	d, _ := a.base.LoadOrStore(v, a.draw(v))
	return d.(*Drawing)
}

func (a *Atlas) draw(v View) *Drawing {
	p := v.projection()
	d := &Drawing{View: v, Net: net(p)}
	// A map of half the globe need not show every skerry.
	tolerance, smallest := 0.35, 1.2
	if v.Kind != ViewAround || v.Radius > 1000 {
		tolerance, smallest = 0.55, 2.5
	}
	if v.Detail > 0 {
		tolerance, smallest = v.Detail, 5*v.Detail
	}
	whole := v.Detail >= 1
	lines := map[int][]vertex{} // of arcs, projected and thinned
	arc := func(i int) []vertex {
		if l, ok := lines[i]; ok {
			return l
		}
		l := thin(p.line(a.ring([]int{i})), tolerance)
		lines[i] = l
		return l
	}
	land, borders, uncertain := path{whole: whole}, path{whole: whole}, path{whole: whole}
	for _, c := range a.Countries {
		own := path{whole: whole}
		var widest Label
		var room float64
		for k, polygon := range c.polygons {
			if !p.sees(c.caps[k]) || p.world && c.Code == "010" { // Antarctica, which the world view has no room for
				continue
			}
			var rings [][]vertex
			for _, ids := range polygon {
				var ring []vertex
				if p.world {
					// Each ring is moved as one piece, so that none is torn at the edge.
					ring = thin(p.line(p.turn(a.ring(ids))), tolerance)
				} else {
					for _, id := range ids {
						l := arc(max(id, ^id))
						if id < 0 {
							l = slices.Clone(l)
							slices.Reverse(l)
						}
						ring = append(ring, l...)
					}
				}
				ring = clip(ring)
				if len(ring) >= 3 && (extent(ring) >= smallest || c.Dispute != "") {
					rings = append(rings, ring)
				}
			}
			if len(rings) == 0 {
				continue
			}
			for _, r := range rings {
				if c.Dispute != "" {
					own.ring(r)
				} else {
					land.ring(r)
				}
			}
			if x, y, w := middle(rings); w > room || room == 0 {
				room, widest = w, Label{X: x, Y: y, Width: w, Names: c.Names}
			}
		}
		switch {
		case c.Dispute != "" && !own.empty():
			d.Areas = append(d.Areas, Area{Key: c.Dispute, Path: own.String(), X: round(widest.X), Y: round(widest.Y), Small: room < 9})
		case c.Dispute == "" && room > 60 && c.Names["en"] != "":
			widest.X, widest.Y = round(widest.X), round(widest.Y)
			d.Labels = append(d.Labels, widest)
		}
	}
	if !p.world {
		for i, uses := range a.uses {
			if len(uses) < 2 || !p.sees(a.caps[i]) {
				continue
			}
			to := &borders
			for _, u := range uses {
				if a.Countries[u].Dispute != "" {
					to = &uncertain
				}
			}
			to.line(arc(i))
		}
	}
	d.Land, d.Borders, d.Uncertain = land.String(), borders.String(), uncertain.String()
	if !p.world {
		d.Kilometres = nice(180 / p.scale)
		d.ScaleBar = round(d.Kilometres * p.scale)
	}
	return d
}

// sees says whether something in a circle may be in sight.
func (p *projection) sees(c disc) bool { return Distance(p.centre, c.at) <= p.reach+c.radius }

// turn moves a ring around the globe so that its middle is near the middle of a world map.
func (p *projection) turn(ring []Point) []Point {
	var sum float64
	for _, g := range ring {
		sum += g.Lon
	}
	shift := -360 * math.Round((sum/float64(len(ring))-p.meridian)/360)
	out := slices.Clone(ring)
	for i := range out {
		out[i].Lon += shift
	}
	return out
}

// line projects points. Long straight stretches are bent by the projection, so points are put in between.
func (p *projection) line(ps []Point) []vertex {
	out := make([]vertex, 0, len(ps))
	for i, g := range ps {
		if i > 0 {
			l := ps[i-1]
			n := int(max(math.Abs(g.Lon-l.Lon), math.Abs(g.Lat-l.Lat)) / 2)
			for k := 1; k <= n && n < 400; k++ {
				t := float64(k) / float64(n+1)
				x, y := p.at(Point{l.Lat + t*(g.Lat-l.Lat), l.Lon + t*(g.Lon-l.Lon)})
				out = append(out, vertex{x, y})
			}
		}
		x, y := p.at(g)
		out = append(out, vertex{x, y})
	}
	return out
}

// thin leaves out points that lie nearer than a tolerance to the line between those that stay (Douglas and Peucker).
func thin(ps []vertex, tolerance float64) []vertex {
	if len(ps) < 3 {
		return ps
	}
	keep := make([]bool, len(ps))
	keep[0], keep[len(ps)-1] = true, true
	type span struct{ a, b int }
	for todo := []span{{0, len(ps) - 1}}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		far, at := tolerance, 0
		for i := s.a + 1; i < s.b; i++ {
			if d := away(ps[i], ps[s.a], ps[s.b]); d > far {
				far, at = d, i
			}
		}
		if at > 0 {
			keep[at] = true
			todo = append(todo, span{s.a, at}, span{at, s.b})
		}
	}
	var out []vertex
	for i, k := range keep {
		if k {
			out = append(out, ps[i])
		}
	}
	return out
}

// away is the distance of a point from a stretch of line.
func away(p, a, b vertex) float64 {
	px, py, bx, by := p.x-a.x, p.y-a.y, b.x-a.x, b.y-a.y
	if l := bx*bx + by*by; l > 0 {
		t := max(0, min(1, (px*bx+py*by)/l))
		px, py = px-t*bx, py-t*by
	}
	return math.Hypot(px, py)
}

// clip cuts a ring to the map and its margin (Sutherland and Hodgman).
func clip(ring []vertex) []vertex {
	for _, edge := range []func(vertex) float64{
		func(v vertex) float64 { return v.x + margin }, func(v vertex) float64 { return Width + margin - v.x },
		func(v vertex) float64 { return v.y + margin }, func(v vertex) float64 { return Height + margin - v.y },
	} {
		if len(ring) == 0 {
			return nil
		}
		var out []vertex
		last := ring[len(ring)-1]
		for _, v := range ring {
			a, b := edge(last), edge(v)
			if (a < 0) != (b < 0) {
				t := a / (a - b)
				out = append(out, vertex{last.x + t*(v.x-last.x), last.y + t*(v.y-last.y)})
			}
			if b >= 0 {
				out = append(out, v)
			}
			last = v
		}
		ring = out
	}
	return ring
}

// extent is the longer side of the box around a ring.
func extent(ring []vertex) float64 {
	lo, hi := ring[0], ring[0]
	for _, v := range ring {
		lo, hi = vertex{min(lo.x, v.x), min(lo.y, v.y)}, vertex{max(hi.x, v.x), max(hi.y, v.y)}
	}
	return max(hi.x-lo.x, hi.y-lo.y)
}

// middle gives the middle of the widest part of a polygon that is on the map, and how wide it is.
func middle(rings [][]vertex) (x, y, width float64) {
	lo, hi := Height, 0.0
	for _, v := range rings[0] {
		lo, hi = min(lo, max(0, v.y)), max(hi, min(Height, v.y))
	}
	for _, v := range rings[0] { // of a speck, which no line may meet
		x, y = x+v.x/float64(len(rings[0])), y+v.y/float64(len(rings[0]))
	}
	const lines = 15
	for i := range lines {
		at := lo + (hi-lo)*(float64(i)+0.5)/lines
		var cuts []float64
		for _, r := range rings {
			for k, l := 0, len(r)-1; k < len(r); l, k = k, k+1 {
				if (r[k].y > at) != (r[l].y > at) {
					cuts = append(cuts, r[k].x+(at-r[k].y)*(r[l].x-r[k].x)/(r[l].y-r[k].y))
				}
			}
		}
		slices.Sort(cuts)
		for k := 0; k+1 < len(cuts); k += 2 {
			a, b := max(0, cuts[k]), min(Width, cuts[k+1])
			// A line in the middle of the height is preferred to a little wider one at its edge.
			if w := (b - a) * (1 - 0.5*math.Abs(float64(i)/(lines-1)-0.5)); w > width {
				x, y, width = (a+b)/2, at, w
			}
		}
	}
	return x, y, width
}

// net gives meridians and parallels.
func net(p projection) string {
	step := 10.0
	if !p.world {
		// About 150 units apart at the centre.
		for _, s := range []float64{20, 10, 5, 2, 1, 0.5, 0.2, 0.1} {
			step = s
			if s*111.2*p.scale < 150 {
				break
			}
		}
	} else {
		step = 30
	}
	var out path
	span := p.reach / 111.2
	lat0, lat1 := max(-80, p.centre.Lat-span), min(85, p.centre.Lat+span)
	lons := 180.0
	if c := math.Cos(p.centre.Lat * math.Pi / 180); !p.world && span/max(c, 0.05) < 120 && p.centre.Lat+span < 85 {
		lons = span / max(math.Cos(min(85, math.Abs(p.centre.Lat)+span)*math.Pi/180), 0.05)
	}
	if p.world {
		lat0, lat1 = -60, 85
		p.centre.Lon = p.meridian
	}
	lons = min(180, lons)
	trace := func(f func(t float64) Point) {
		const n = 96
		var l []vertex
		for i := 0; i <= n; i++ {
			x, y := p.at(f(float64(i) / n))
			l = append(l, vertex{x, y})
		}
		out.line(thin(l, 0.3))
	}
	for lat := math.Ceil(lat0/step) * step; lat <= lat1; lat += step {
		trace(func(t float64) Point { return Point{lat, p.centre.Lon + lons*(2*t-1)} })
	}
	wide := step
	if !p.world && p.centre.Lat > 50 {
		wide = step * 2 // meridians are nearer to each other in the north
	}
	for lon := math.Ceil((p.centre.Lon-lons)/wide) * wide; lon < p.centre.Lon+lons; lon += wide {
		trace(func(t float64) Point { return Point{lat0 + (lat1-lat0)*t, lon} })
	}
	return out.String()
}

// nice is the largest of 1, 2, 5 × 10ⁿ not above a length.
func nice(km float64) float64 {
	e := math.Pow(10, math.Floor(math.Log10(km)))
	for _, f := range []float64{5, 2} {
		if f*e <= km {
			return f * e
		}
	}
	return e
}

// Circle gives the path of all points at a distance from another one.
func (v View) Circle(g Point, kilometres float64) string {
	p := v.projection()
	n := 48
	if v.Detail >= 1 {
		n = 24
	}
	var ring []vertex
	for i := range n {
		x, y := p.at(destination(g, kilometres, 2*math.Pi*float64(i)/float64(n)))
		ring = append(ring, vertex{x, y})
	}
	out := path{whole: v.Detail >= 1}
	if ring = clip(ring); len(ring) > 2 {
		out.ring(ring)
	}
	return out.String()
}

// UnitsFor gives how long a distance is on the map near its middle.
func (v View) UnitsFor(kilometres float64) float64 {
	p := v.projection()
	return kilometres * p.scale
}

// path writes SVG path data with one decimal or none, each point relative to the one before: shorter by half.
type path struct {
	b     []byte
	x, y  int // tenths
	whole bool
}

func (p *path) empty() bool    { return len(p.b) == 0 }
func (p *path) String() string { return string(p.b) }

func (p *path) to(verb byte, v vertex) bool {
	x, y := int(math.Round(v.x*10)), int(math.Round(v.y*10))
	if p.whole {
		x, y = int(math.Round(v.x))*10, int(math.Round(v.y))*10
	}
	if verb == 'l' && x == p.x && y == p.y {
		return false
	}
	p.b = append(p.b, verb)
	if verb == 'M' {
		p.tenths(x)
		p.b = append(p.b, ' ')
		p.tenths(y)
	} else {
		p.tenths(x - p.x)
		if y >= p.y {
			p.b = append(p.b, ' ')
		}
		p.tenths(y - p.y)
	}
	p.x, p.y = x, y
	return true
}

func (p *path) tenths(n int) {
	if n < 0 {
		p.b, n = append(p.b, '-'), -n
	}
	p.b = strconv.AppendInt(p.b, int64(n/10), 10)
	if n%10 != 0 {
		p.b = append(p.b, '.', byte('0'+n%10))
	}
}

func (p *path) ring(r []vertex) {
	for i, v := range r {
		if i == 0 {
			p.to('M', v)
		} else {
			p.to('l', v)
		}
	}
	p.b = append(p.b, 'z')
}

// line writes the parts of a line that are on the map or in its margin.
func (p *path) line(l []vertex) {
	on := false
	for i := 1; i < len(l); i++ {
		a, b := l[i-1], l[i]
		if max(a.x, b.x) < -margin || min(a.x, b.x) > Width+margin || max(a.y, b.y) < -margin || min(a.y, b.y) > Height+margin {
			on = false
			continue
		}
		if !on {
			p.to('M', a)
			on = true
		}
		p.to('l', b)
	}
}

func round(f float64) float64 { return math.Round(f*10) / 10 }
