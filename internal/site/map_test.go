package site_test

import (
	"regexp"
	"strings"
	"testing"

	"zapis/internal/site"
)

// The map shows what is stated, no more exactly than it is stated, and the list says the same.
func TestPlacesHaveAMap(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0)
	r.o.Config.Languages = []string{"en", "ar"}
	at := func(lat, lon float64, precision string) func(p *site.Place) {
		return func(p *site.Place) { p.Lat, p.Lon, p.Precision = &lat, &lon, precision }
	}
	for i, change := range []func(p *site.Place){
		at(45.0521, 34.1021, "facility"), at(51.5333, 46.0333, "city"), at(56.01234, 92.85678, "region"), at(52.0314, 113.4999, "country"), at(43.1155, 131.8855, "cannot be determined"),
		func(p *site.Place) { p.Lat, p.Lon, p.Precision = nil, nil, "city" },
	} {
		b := r.bundle(i)
		change(b.Release.Place)
		if i == 1 {
			b.Release.Facility.Name["en"] = `Colony "><script>alert(1)</script>`
		}
		r.write(b)
	}
	if built := r.build(); len(built.Refused) > 0 {
		t.Fatal(built.Refused)
	}
	page := r.read("en/places.html")
	if n := strings.Count(page, `class="mp"`); n != 2 {
		t.Errorf("%d points, of an institution and of a town", n)
	}
	if n := strings.Count(page, `class="mx"`); n != 2 {
		t.Errorf("%d places of which no point is known", n)
	}
	if n := strings.Count(page, `class="mw"`); n < 2 {
		t.Errorf("%d circles", n)
	}
	for _, want := range []string{`<a href="releases-place-`, "Colony 0 (to the institution)", "Colony 2 (to the region)", "Crimea and Sevastopol (Ukraine), occupied", "resolution 68/262", "Donetsk, Luhansk", "Natural Earth"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of places does not say %q", want)
		}
	}
	if strings.Contains(page, "Colony 4 (") || strings.Contains(page, "<script") || !strings.Contains(page, ">Colony 4</a>") || !strings.Contains(page, ">Colony 5</a>") {
		t.Error("a place that cannot be determined is on the map, or one is missing in the list")
	}
	if text := r.read("text/en/places.html"); strings.Contains(text, "<svg class=\"map") || !strings.Contains(text, "resolution 68/262") {
		t.Error("the text-only page has a picture, or does not say what it would show")
	}
	if !strings.Contains(r.read("ar/places.html"), "القرم وسيفاستوبول") {
		t.Error("no Arabic words for the map")
	}
	// Coordinates of a release have no more digits than its precision bears out.
	for slug, want := range map[string]string{"corridor-0000": "45.052, 34.102", "corridor-0001": "51.53, 46.03", "corridor-0002": "56, 93"} {
		if !strings.Contains(r.read("en/r/"+slug+".html"), `<bdi class="num">`+want+`</bdi>`) {
			t.Errorf("%s does not say %s", slug, want)
		}
	}
	for slug, exact := range map[string]string{"corridor-0002": "56.01", "corridor-0003": "52.0", "corridor-0004": "43.1"} {
		if strings.Contains(r.read("en/r/"+slug+".html"), exact) {
			t.Errorf("%s says more than it knows", slug)
		}
	}
	if strings.Contains(r.read("en/r/corridor-0004.html"), `class="map mini"`) || !strings.Contains(r.read("en/r/corridor-0000.html"), `class="map mini"`) {
		t.Error("a small map of a place that cannot be determined, or none of one that can")
	}
	// Only paths, numbers, and words: nothing that loads, runs or has a style of its own.
	for _, m := range regexp.MustCompile(`(?s)<svg class="map.*?</svg>`).FindAllString(page+r.read("ar/r/corridor-0000.html"), -1) {
		if regexp.MustCompile(`style=|url\(|<image|<use|<foreignObject|xlink`).MatchString(m) {
			t.Error("a map loads something")
		}
	}
}
