package geo

import "math"

// World views.
const (
	ViewWorld  = "world"  // Equal Earth (Šavrič, Patterson and Jenny 2018)
	ViewNorth  = "north"  // Europe and North Asia, Lambert's azimuthal equal-area projection
	ViewAround = "around" // a circle around a point, the same projection
)

// View is what part of the globe a map shows. Maps are Width × Height units.
type View struct {
	Kind   string
	Centre Point   // of ViewAround
	Radius float64 // kilometres, of ViewAround: what is at least in sight to each side
	Detail float64 // units to which outlines are right; 0: as fine as the data and a desk allow. From 1 on everything lies on whole units
}

// Size of a map in units. A unit is about a pixel on a desk.
const (
	Width  = 1160.0
	Height = 620.0
)

// margin is how far beyond the edge shapes are followed, so that their outlines do not run along it.
const margin = 12.0

// north is centred so that Lisbon and Chukotka, the Arctic islands and Central Asia are all in sight.
var north = Point{Lat: 61, Lon: 84}

const northRadius = 2900.0

// projection puts points of the globe on a map.
type projection struct {
	world       bool
	lat, lon    float64 // of the centre, radians
	sin, cos    float64
	scale       float64 // units for each kilometre
	originX, oY float64
	reach       float64 // kilometres from the centre beyond which nothing is in sight
	centre      Point
	meridian    float64 // of ViewWorld: the longitude in the middle
}

func (v View) projection() projection {
	p := projection{originX: Width / 2, oY: Height / 2}
	switch v.Kind {
	case ViewWorld:
		p.world, p.meridian = true, 11
		p.scale = Width / (2 * 2.7066 * earth) // the equator is 2 × 2.7066 radii long
		p.oY = Height/2 + 35
		p.reach = math.Inf(1)
		return p
	case ViewNorth:
		p.centre, p.scale = north, Height/2/northRadius
	default:
		p.centre, p.scale = v.Centre, Height/2/v.Radius
	}
	p.lat, p.lon = p.centre.Lat*math.Pi/180, p.centre.Lon*math.Pi/180
	p.sin, p.cos = math.Sincos(p.lat)
	// The corner of the map; the chord is shorter than the arc, by a quarter at most.
	p.reach = math.Hypot(Width, Height) / 2 / p.scale * 1.25
	return p
}

// at gives a point in units.
func (p *projection) at(g Point) (x, y float64) {
	if p.world {
		return p.equalEarth(g)
	}
	lat, lon := g.Lat*math.Pi/180, g.Lon*math.Pi/180-p.lon
	sin, cos := math.Sincos(lat)
	sinL, cosL := math.Sincos(lon)
	// At the antipode the projection has no value: whatever lies there is far out of sight.
	k := math.Sqrt(2/max(1e-9, 1+p.sin*sin+p.cos*cos*cosL)) * earth * p.scale
	return p.originX + k*cos*sinL, p.oY - k*(p.cos*sin-p.sin*cos*cosL)
}

func (p *projection) equalEarth(g Point) (x, y float64) {
	const a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
	lon := (g.Lon - p.meridian) * math.Pi / 180
	t := math.Asin(math.Sqrt(3) / 2 * math.Sin(g.Lat*math.Pi/180))
	t2 := t * t
	t6 := t2 * t2 * t2
	x = 2 * math.Sqrt(3) * lon * math.Cos(t) / (3 * (9*a4*t6*t2 + 7*a3*t6 + 3*a2*t2 + a1))
	y = t * (a4*t6*t2 + a3*t6 + a2*t2 + a1)
	return p.originX + x*earth*p.scale, p.oY - y*earth*p.scale
}

// Locate gives where a point lies on a map, and whether that is in sight.
func (v View) Locate(g Point) (x, y float64, ok bool) {
	p := v.projection()
	if p.world {
		// The cut runs through the Bering Sea.
		for g.Lon-p.meridian > 180 {
			g.Lon -= 360
		}
		for g.Lon-p.meridian < -180 {
			g.Lon += 360
		}
	} else if Distance(p.centre, g) > p.reach {
		return 0, 0, false
	}
	x, y = p.at(g)
	return x, y, x >= 0 && x <= Width && y >= 0 && y <= Height
}

// destination is the point at a distance (kilometres) and bearing (radians from north) from another.
func destination(g Point, distance, bearing float64) Point {
	lat, d := g.Lat*math.Pi/180, distance/earth
	sin := math.Sin(lat)*math.Cos(d) + math.Cos(lat)*math.Sin(d)*math.Cos(bearing)
	lon := g.Lon*math.Pi/180 + math.Atan2(math.Sin(bearing)*math.Sin(d)*math.Cos(lat), math.Cos(d)-math.Sin(lat)*sin)
	return Point{Lat: math.Asin(max(-1, min(1, sin))) * 180 / math.Pi, Lon: lon * 180 / math.Pi}
}
