package geo

import (
	"math"
	"slices"
	"testing"
)

func world(t *testing.T) *Atlas {
	t.Helper()
	a, err := World()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Places by which the policy on borders is held. What is named here must never change by accident: a map that puts it elsewhere is a scandal.
func TestBorderPolicy(t *testing.T) {
	t.Parallel()
	a := world(t)
	for _, c := range []struct {
		name          string
		at            Point
		code, dispute string
	}{
		{"Simferopol", Point{44.952, 34.102}, "", "crimea"},
		{"Sevastopol", Point{44.605, 33.525}, "", "crimea"},
		{"Yalta", Point{44.50, 34.16}, "", "crimea"},
		{"Kerch", Point{45.35, 36.45}, "", "crimea"},
		{"Yevpatoria", Point{45.20, 33.38}, "", "crimea"},
		{"Armiansk", Point{46.10, 33.69}, "", "crimea"},
		{"Dzhankoi", Point{45.71, 34.39}, "", "crimea"},
		{"Feodosia", Point{45.04, 35.36}, "", "crimea"},
		{"Donetsk", Point{48.0, 37.8}, "804", ""},
		{"Luhansk", Point{48.57, 39.3}, "804", ""},
		{"Mariupol", Point{47.11, 37.55}, "804", ""},
		{"Melitopol", Point{46.85, 35.37}, "804", ""},
		{"Kherson", Point{46.64, 32.6}, "804", ""},
		{"Zaporizhzhia", Point{47.84, 35.14}, "804", ""},
		{"Kyiv", Point{50.45, 30.52}, "804", ""},
		{"Temriuk", Point{45.25, 37.38}, "643", ""},
		{"Saratov", Point{51.53, 46.03}, "643", ""},
		{"Vladivostok", Point{43.13, 131.9}, "643", ""},
		{"Kaliningrad", Point{54.71, 20.5}, "643", ""},
		{"Chukotka, west of the date line", Point{66.5, 177.5}, "643", ""},
		{"Wrangel, east of the date line", Point{71.2, -179.3}, "643", ""},
		{"Yuzhno-Sakhalinsk", Point{46.96, 142.73}, "643", ""},
		{"Kunashir", Point{44.1, 145.9}, "", "south-kuril"},
		{"Iturup", Point{45.0, 147.8}, "", "south-kuril"},
		{"Shikotan", Point{43.8, 146.75}, "", "south-kuril"},
		{"Urup", Point{45.9, 150.0}, "643", ""},
		{"Sukhumi", Point{43.0, 41.02}, "268", ""},
		{"Tskhinvali", Point{42.23, 43.97}, "268", ""},
		{"Tiraspol", Point{46.84, 29.63}, "498", ""},
		{"Baikonur", Point{45.62, 63.3}, "398", ""},
		{"Pristina", Point{42.66, 21.16}, "", "kosovo"},
		{"north of Nicosia", Point{35.3, 33.4}, "", "north-cyprus"},
		{"Ramallah", Point{31.9, 35.2}, "275", "palestine"},
		{"Taipei", Point{25.0, 121.5}, "158", "taiwan"},
	} {
		got, ok := a.At(c.at)
		if !ok || got.Dispute != c.dispute || c.code != "" && got.Code != c.code {
			t.Errorf("%s lies in %q (%q), want %q (%q)", c.name, got.Code, got.Dispute, c.code, c.dispute)
		}
	}
	if got, ok := a.At(Point{43.5, 34}); ok {
		t.Errorf("the Black Sea lies in %v", got.Names)
	}
}

// Not one point of the peninsula may lie inside Russia, whatever the simplification does to its outline.
func TestNothingOfCrimeaIsRussia(t *testing.T) {
	t.Parallel()
	a := world(t)
	var russia, crimea Country
	for _, c := range a.Countries {
		switch {
		case c.Code == "643":
			russia = c
		case c.Dispute == "crimea":
			crimea = c
		}
	}
	in := 0
	for lat := 44.3; lat < 46.3; lat += 0.04 {
		for lon := 32.4; lon < 36.5; lon += 0.04 {
			p := Point{lat, lon}
			if a.holds(russia, p) {
				t.Fatalf("%.2f %.2f lies inside Russia", lat, lon)
			}
			if a.holds(crimea, p) {
				in++
			}
		}
	}
	// 27,000 km² in cells of 4.4 × 3.15 km.
	if in < 1600 || in > 2200 {
		t.Errorf("the peninsula has %d cells", in)
	}
}

// Every disputed area has a shape, its middle lies in or near it, and every disputed shape is listed.
func TestDisputesHaveShapes(t *testing.T) {
	t.Parallel()
	a := world(t)
	listed := map[string]bool{}
	for _, d := range Disputes {
		listed[d.Key] = true
		near := math.Inf(1)
		for _, c := range a.Countries {
			if c.Dispute == d.Key {
				for _, k := range c.caps {
					near = min(near, Distance(k.at, d.At)-k.radius)
				}
			}
		}
		if near > 40 {
			t.Errorf("%s has no shape, or one that is %.0f km away", d.Key, near)
		}
	}
	for _, c := range a.Countries {
		if c.Dispute != "" && !listed[c.Dispute] {
			t.Errorf("disputed area %s is not listed", c.Dispute)
		}
		if c.Dispute == "" && c.Code != "" && (c.Names["en"] == "" || c.Names["ru"] == "" || c.Names["uk"] == "") {
			t.Errorf("%s has no name", c.Code)
		}
	}
	if len(shapes) > 600_000 {
		t.Errorf("the shapes take %d bytes", len(shapes))
	}
}

func TestBrokenShapesAreRefused(t *testing.T) {
	t.Parallel()
	for _, b := range [][]byte{nil, {2}, {0x7e, 1}, {0, 2, 0, 0, 0, 0, 0, 2, 0}, {0, 0, 9}} {
		if _, err := parse(b); err == nil {
			t.Errorf("%v was taken", b)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) { _, _ = parse(b) })
}

// What has no shape of its own is said in words wherever it is in sight.
func TestUnmarkedAreasAreSaidWhereTheyAreInSight(t *testing.T) {
	t.Parallel()
	if got := UnmarkedIn(View{Kind: ViewWorld}); !slices.Equal(got, Unmarked) {
		t.Errorf("the world shows %v", got)
	}
	if got := UnmarkedIn(View{Kind: ViewAround, Centre: Point{48, 37}, Radius: 400}); !slices.Contains(got, "ukraine-east") || slices.Contains(got, "senkaku") {
		t.Errorf("around Donetsk: %v", got)
	}
	if len(unmarkedAt) != len(Unmarked) {
		t.Errorf("%d points of %d areas", len(unmarkedAt), len(Unmarked))
	}
}

func TestCountriesHaveNamesInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, c := range world(t).Countries {
		for _, lang := range languages {
			if (c.Names[lang] == "") != (c.Names["en"] == "") {
				t.Errorf("%s has no name in %s", c.Code, lang)
			}
		}
	}
}
