package web

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/geo"
	"zapis/internal/knowledge"
	"zapis/internal/web/template"
)

// precisions are how far from its coordinates a place may lie, in kilometres, by the code of the vocabulary "precision". A code that is not
// here is drawn as a point and named in words.
var precisions = map[string]float64{
	"exact": 0, "building": 0.05, "site": 0.5, "settlement": 8, "district": 40, "region": 200, "country": 700,
}

// spot is a place that a map can show.
type spot struct {
	link      template.EntityLink
	place     *template.EntityLink
	at        geo.Point
	has       bool
	precision string // code
	words     string
	none      bool // it cannot be determined
}

// placed reads where locations lie, by identifier of the location.
func (s *Server) placed(r *request, c Catalogue, lang string, ids []string) (map[string]spot, error) {
	out := map[string]spot{}
	for _, id := range ids {
		if _, ok := out[id]; ok {
			continue
		}
		e, err := c.Entity(r.Context(), r.reader.Subject, id, lang)
		if err != nil {
			continue // gone, or filed elsewhere between two questions
		}
		out[id] = spotOf(e)
	}
	return out, nil
}

func spotOf(e knowledge.View) spot {
	l := entityLink(e.Entity, e.Label)
	x := spot{place: &l}
	for _, p := range e.Properties {
		for _, claim := range p.Claims {
			if !claim.Stands() || !claim.Current {
				continue
			}
			switch p.Property.Name {
			case "geo":
				x.at, x.has = pointOf(claim.Value)
			case "precision":
				_, x.precision, _ = strings.Cut(claim.Value, ":")
				x.words = claim.Text
			}
		}
	}
	return x
}

// pointOf reads "latitude,longitude".
func pointOf(text string) (geo.Point, bool) {
	lat, lon, ok := strings.Cut(text, ",")
	a, err1 := strconv.ParseFloat(lat, 64)
	b, err2 := strconv.ParseFloat(lon, 64)
	p := geo.Point{Lat: a, Lon: b}
	return p, ok && err1 == nil && err2 == nil && p.Valid()
}

// mapLimit is how many entities a map shows at most: each is read on its own, about two milliseconds.
const mapLimit = 500

// mapPage serves GET /map?view=world|north|around&at=LATITUDE,LONGITUDE&km=…&focus=ENTITY.
func (s *Server) mapPage(w http.ResponseWriter, r *request) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	view := geo.View{Kind: geo.ViewNorth}
	switch q.Get("view") {
	case geo.ViewWorld:
		view.Kind = geo.ViewWorld
	case geo.ViewAround:
		at, ok := pointOf(q.Get("at"))
		km, err := strconv.ParseFloat(q.Get("km"), 64)
		if ok && err == nil && km >= 10 && km <= 3000 {
			view = geo.View{Kind: geo.ViewAround, Centre: at, Radius: km}
		}
	}
	var v template.MapPage
	var sites []spot
	after := ""
	for len(sites) < mapLimit {
		list, next, total, err := c.List(r.Context(), who, knowledge.Query{Kinds: []archive.EntityKind{catalogue.Facility, catalogue.Incident}, Limit: 500, After: after, Lang: lang})
		if err != nil {
			return err
		}
		for _, e := range list {
			more, err := s.sitesOf(r, c, e, lang)
			if err != nil {
				return err
			}
			sites = append(sites, more...)
		}
		if v.More = total - len(sites); next == "" {
			v.More = 0
			break
		}
		after = next
	}
	focus := q.Get("focus")
	for _, x := range sites {
		if x.link.ID == focus && x.has {
			link := x.link
			v.Focus = &link
			if q.Get("view") == "" {
				view = geo.View{Kind: geo.ViewAround, Centre: x.at, Radius: 500}
			}
		}
	}
	if v.Picture, err = s.picture(view, sites, focus, lang); err != nil {
		return err
	}
	for _, x := range sites {
		row := template.MapRow{EntityLink: x.link, Place: x.place, Precision: cmp.Or(x.words, x.precision), Kilometres: precisions[x.precision], Undetermined: x.none}
		if !x.has {
			v.Nowhere = append(v.Nowhere, row)
			continue
		}
		_, _, in := view.Locate(x.at)
		row.Lat, row.Lon, row.OutOfSight = trimZeros(x.at.Lat), trimZeros(x.at.Lon), !in
		row.Around = aroundHref(x.at, 60)
		v.Rows = append(v.Rows, row)
	}
	v.Views = []template.Choice{
		{Value: "/map?view=world", Label: "world", Chosen: view.Kind == geo.ViewWorld},
		{Value: "/map", Label: "north", Chosen: view.Kind == geo.ViewNorth},
	}
	if view.Kind == geo.ViewAround {
		for _, z := range []struct {
			label string
			km    float64
		}{{"region", 500}, {"neighbourhood", 60}} {
			v.Views = append(v.Views, template.Choice{Value: aroundHref(view.Centre, z.km), Label: z.label, Chosen: view.Radius == z.km})
		}
	}
	for _, dispute := range geo.Disputes {
		if _, _, in := view.Locate(dispute.At); in {
			v.Disputes = append(v.Disputes, dispute.Key)
		} else {
			v.Others = append(v.Others, dispute.Key)
		}
	}
	v.Unmarked = geo.Unmarked
	return s.page(w, r, "map", "places", v)
}

func aroundHref(at geo.Point, km float64) string {
	return "/map?" + url.Values{"view": {geo.ViewAround}, "at": {trimZeros(at.Lat) + "," + trimZeros(at.Lon)}, "km": {trimZeros(km)}}.Encode()
}

// sitesOf gives the places of a facility or incident; one without a place if nothing is known.
func (s *Server) sitesOf(r *request, c Catalogue, e knowledge.Summary, lang string) ([]spot, error) {
	property := map[archive.EntityKind]string{catalogue.Facility: "location", catalogue.Incident: "place"}[e.Kind]
	view, err := c.Entity(r.Context(), r.reader.Subject, e.ID, lang)
	if err != nil {
		return nil, nil //nolint:nilerr // gone, or filed elsewhere between two questions
	}
	var out []spot
	var facilities []string
	for _, p := range view.Properties {
		for _, claim := range p.Claims {
			if !claim.Stands() {
				continue
			}
			switch {
			case p.Property.Name == property && claim.Value == catalogue.Undetermined:
				out = append(out, spot{link: summaryLink(e), none: true})
			case p.Property.Name == property && claim.RefID != "":
				at, err := s.placed(r, c, lang, []string{claim.RefID})
				if err != nil {
					return nil, err
				}
				x := at[claim.RefID]
				x.link = summaryLink(e)
				out = append(out, x)
			case p.Property.Name == "facility" && claim.RefID != "":
				facilities = append(facilities, claim.RefID)
			}
		}
	}
	// An incident of which only the facility is known lies where the facility does.
	for _, f := range facilities {
		if len(out) > 0 {
			break
		}
		fv, err := c.Entity(r.Context(), r.reader.Subject, f, lang)
		if err != nil {
			continue
		}
		for _, p := range fv.Properties {
			for _, claim := range p.Claims {
				if p.Property.Name == "location" && claim.Stands() && claim.Current && claim.RefID != "" {
					at, err := s.placed(r, c, lang, []string{claim.RefID})
					if err != nil {
						return nil, err
					}
					x := at[claim.RefID]
					x.link = summaryLink(e)
					out = append(out, x)
				}
			}
		}
	}
	if len(out) == 0 {
		out = append(out, spot{link: summaryLink(e)})
	}
	return out, nil
}

// nearby is how far apart two marks must lie to be drawn as two, in units.
const nearby = 13.0

// picture draws a view with marks on it. Marks that would cover each other become one, which leads to a closer view.
func (s *Server) picture(view geo.View, sites []spot, focus, lang string) (template.MapPicture, error) {
	atlas, err := geo.World()
	if err != nil {
		return template.MapPicture{}, err
	}
	d := atlas.Draw(view)
	v := template.MapPicture{Width: geo.Width, Height: geo.Height, Land: d.Land, Borders: d.Borders, Uncertain: d.Uncertain, Net: d.Net, Kilometres: d.Kilometres, ScaleBar: d.ScaleBar}
	for _, a := range d.Areas {
		v.Areas = append(v.Areas, template.MapArea(a))
	}
	for _, l := range d.Labels {
		name := cmp.Or(l.Names[lang], l.Names["en"])
		scale := l.X < 240 && l.Y > geo.Height-50                // where the scale stands
		if float64(len([]rune(name)))*6.6 <= l.Width && !scale { // room for letters of 11 units
			v.Labels = append(v.Labels, template.MapLabel{X: l.X, Y: l.Y, Text: name})
		}
	}
	type cluster struct {
		template.MapMark
		at   geo.Point
		n    float64
		some spot
	}
	var marks []*cluster
	for _, x := range sites {
		px, py, in := view.Locate(x.at)
		if !x.has || !in {
			continue
		}
		kind := x.link.Kind
		i := slices.IndexFunc(marks, func(m *cluster) bool { return math.Hypot(m.X-px, m.Y-py) < nearby })
		if i < 0 {
			m := &cluster{at: x.at, some: x}
			m.X, m.Y, m.Kind, m.Href = round1(px), round1(py), kind, x.link.Href
			marks = append(marks, m)
			i = len(marks) - 1
		}
		m := marks[i]
		if m.Kind != kind {
			m.Kind = "mixed"
		}
		m.n++
		m.Chosen = m.Chosen || x.link.ID == focus
		if !slices.ContainsFunc(m.Links, func(l template.EntityLink) bool { return l.ID == x.link.ID }) {
			m.Links = append(m.Links, x.link)
		}
		if km := precisions[x.precision]; m.Circle == "" && view.UnitsFor(km) > 7 {
			m.Circle = view.Circle(x.at, km)
		}
	}
	for _, m := range marks {
		if len(m.Links) > 1 {
			km := 500.0
			if view.Kind == geo.ViewAround {
				km = max(10, view.Radius/4)
			}
			m.Href = aroundHref(m.at, km)
		}
		v.Marks = append(v.Marks, m.MapMark)
	}
	return v, nil
}

// placesMap draws an inset with the places of something; nil if none has coordinates.
func (s *Server) placesMap(r *request, places []knowledge.PlaceView) (*template.MapPicture, error) {
	var sites []spot
	for _, p := range places {
		if !p.HasGeo {
			continue
		}
		x := spot{link: summaryLink(p.Summary), at: geo.Point{Lat: p.Latitude, Lon: p.Longitude}, words: p.Precision}
		x.has = x.at.Valid()
		_, x.precision, _ = strings.Cut(p.Precision, ":")
		x.precision = cmp.Or(x.precision, p.Precision)
		sites = append(sites, x)
	}
	return s.inset(r, sites)
}

// entityMap draws an inset for a location.
func (s *Server) entityMap(r *request, e knowledge.View) (*template.MapPicture, error) {
	if e.Kind != catalogue.Location {
		return nil, nil
	}
	x := spotOf(e)
	x.link = *x.place
	return s.inset(r, []spot{x})
}

func (s *Server) inset(r *request, sites []spot) (*template.MapPicture, error) {
	sites = slices.DeleteFunc(sites, func(x spot) bool { return !x.has })
	if len(sites) == 0 {
		return nil, nil
	}
	view := geo.View{Kind: geo.ViewAround, Centre: sites[0].at, Radius: 350}
	for _, x := range sites {
		view.Radius = min(3000, max(view.Radius, geo.Distance(sites[0].at, x.at)*1.2, 1.6*precisions[x.precision]))
	}
	p, err := s.picture(view, sites, "", s.language(r))
	p.Inset = true
	return &p, err
}
