package exchange

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
)

// geoJSON writes the locations that have coordinates as in RFC 7946, each with its precision, which a map that draws points would hide, and
// with the codes of what happened there. Rival coordinates are features of their own.
type geoJSON struct {
	w        io.Writer
	err      error
	features []feature
	happened map[string][]string // codes of incidents, acts and facilities, by location
	names    map[string]string
}

type feature struct {
	Type     string `json:"type"`
	ID       string `json:"id"`
	Geometry struct {
		Type        string     `json:"type"`
		Coordinates [2]float64 `json:"coordinates"`
	} `json:"geometry"`
	Properties struct {
		Code      string            `json:"code"`
		Name      string            `json:"name,omitempty"`
		Precision string            `json:"precision,omitempty"`
		Certainty archive.Certainty `json:"certainty"`
		Rivals    bool              `json:"rivals,omitempty"`
		Kind      string            `json:"kind,omitempty"`
		Country   string            `json:"country,omitempty"`
		Region    string            `json:"region,omitempty"`
		Happened  []string          `json:"happened,omitempty"`
	} `json:"properties"`
	location string
}

func newGeoJSON(w io.Writer) *geoJSON { return &geoJSON{w: w, happened: map[string][]string{}} }

func (j *geoJSON) entity(g gathered) error {
	for _, p := range g.kind.References() {
		for _, c := range g.current(p.Name) {
			if c.Ref != "" {
				j.happened[c.Ref] = append(j.happened[c.Ref], g.Code)
			}
		}
	}
	if g.Kind != catalogue.Location {
		return nil
	}
	value := func(property string) string {
		if c := g.current(property); len(c) > 0 {
			_, code, ok := strings.Cut(c[0].Value, ":")
			if p, _ := g.kind.Property(property); ok && p.Type == catalogue.TypeTerm {
				return code
			}
			return c[0].Value
		}
		return ""
	}
	points := g.current("geo")
	for _, c := range points {
		lat, lon, ok := strings.Cut(c.Value, ",")
		y, err1 := strconv.ParseFloat(lat, 64)
		x, err2 := strconv.ParseFloat(lon, 64)
		if !ok || err1 != nil || err2 != nil {
			continue
		}
		f := feature{Type: "Feature", ID: c.ID, location: g.ID}
		f.Geometry.Type, f.Geometry.Coordinates = "Point", [2]float64{x, y}
		f.Properties.Code, f.Properties.Precision, f.Properties.Certainty = g.Code, value("precision"), c.Certainty
		f.Properties.Kind, f.Properties.Country, f.Properties.Region, f.Properties.Name = value("kind"), value("country"), value("region"), value("name")
		f.Properties.Rivals = len(points) > 1
		j.features = append(j.features, f)
	}
	return nil
}

func (j *geoJSON) end(e Export) error {
	out := struct {
		Type     string           `json:"type"`
		Features []feature        `json:"features"`
		LeftOut  map[string]int64 `json:"zapis:leftOut"`
	}{"FeatureCollection", j.features, e.LeftOut}
	if out.Features == nil {
		out.Features = []feature{}
	}
	for i, f := range out.Features {
		out.Features[i].Properties.Happened = j.happened[f.location]
	}
	enc := json.NewEncoder(j.w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("write places: %w", err)
	}
	return nil
}
