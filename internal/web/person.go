package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"zapis/internal/catalogue/edtf"
	"zapis/internal/knowledge"
	"zapis/internal/web/template"
)

// personPage serves GET /persons/{entity}.
func (s *Server) personPage(w http.ResponseWriter, r *request) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	p, err := c.Person(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	d := s.describe(r, c)
	v := template.PersonDesk{EntityHead: d.head(p.View)}
	naming := []string{"name", "alias", "code-name"}
	for _, x := range p.Properties {
		shown := d.property(p.View, x)
		switch {
		case slices.Contains(naming, x.Property.Name):
			v.Names = append(v.Names, shown.Claims...)
		case len(shown.Claims)+len(shown.Gone) > 0 || shown.Finding != nil:
			v.Properties = append(v.Properties, shown)
		}
	}
	for _, x := range p.Involved {
		line := d.involved(x.InvolvementView)
		line.Act, line.Incident, line.Date = summaryLinkOrNil(x.Act), summaryLinkOrNil(x.Incident), x.Date
		v.Involved = append(v.Involved, line)
	}
	orders := func(in []knowledge.PersonOrder) (out []template.OrderLine) {
		for _, x := range in {
			line := d.order(x.OrderView)
			line.Act = summaryLinkOrNil(x.Act)
			out = append(out, line)
		}
		return out
	}
	v.Given, v.Received = orders(p.Given), orders(p.Received)
	for _, x := range p.Outcomes {
		v.Outcomes = append(v.Outcomes, d.outcome(x, ""))
	}
	for _, x := range p.Relations {
		other := x.To
		if other.ID == p.ID {
			other = x.From
		}
		line := template.RelationLine{ID: x.ID, Href: "/catalogue/" + x.ID, Other: summaryLinkOrNil(other), Type: cmp.Or(d.text(x.View, "type"), x.Type), Since: x.Since, Until: x.Until}
		line.Sources, _, _ = d.evidence(x.View)
		v.Relations = append(v.Relations, line)
	}
	for _, x := range p.Testimonies {
		v.Testimonies = append(v.Testimonies, summaryLink(x))
	}
	v.Postings = s.postings(d, p.Postings, lang)
	v.Questions = d.questions(p.Questions, p.MayEdit, v.Href)
	v.Contradictions = d.contradictions(p.Contradictions, p.MayEdit, v.Href)
	if p.MayEdit {
		v.AddAbout = additions(p.Kind, p.Code, p.ID)
	}
	g, err := c.Graph(r.Context(), who, p.ID, 2, lang)
	if err != nil {
		return err
	}
	if picture := layGraph(g, egoLimit); len(picture.Nodes) > 1 {
		v.Graph = &picture
	}
	return s.page(w, r, "person", "persons", v)
}

// Measures of postings, in units.
const (
	postWidth = 1160.0
	postName  = 300.0
	postLine  = 26.0
	postTop   = 26.0
)

// postings draws who was where over time. Ends that nobody knows run to the edge.
func (s *Server) postings(d *describer, in []knowledge.PostingView, lang string) template.PostingPicture {
	v := template.PostingPicture{Width: postWidth}
	if len(in) == 0 {
		return v
	}
	type span struct {
		from, to           time.Time
		openFrom, openTo   bool
		earliest, latestTo time.Time
	}
	var from, to time.Time
	spans := make([]span, len(in))
	for i, p := range in {
		sp := &spans[i]
		sp.from, sp.openFrom = bound(p.From, false)
		sp.to, sp.openTo = bound(p.To, true)
		for _, t := range []time.Time{sp.from, sp.to} {
			if !t.IsZero() && (from.IsZero() || t.Before(from)) {
				from = t
			}
			if t.After(to) {
				to = t
			}
		}
	}
	if from.IsZero() {
		from, to = s.o.Now().AddDate(-1, 0, 0), s.o.Now()
	}
	from, to = padded(from, to, 90*24*time.Hour)
	x := axis{from.UTC(), to.UTC(), postName, postWidth - postName - 12}
	v.Ticks = x.years(s.words.For(lang))
	for i, p := range in {
		sp := spans[i]
		a, b := sp.from, sp.to
		if sp.openFrom {
			a = from
		}
		if sp.openTo {
			b = to
		}
		line := template.PostingLine{
			ID: p.ID, Href: "/catalogue/" + p.ID, Person: summaryLinkOrNil(p.Person), Facility: summaryLinkOrNil(p.Facility), Agency: summaryLinkOrNil(p.Agency), Position: p.Position, Rank: p.Rank,
			From: p.From, To: p.To, OpenFrom: sp.openFrom, OpenTo: sp.openTo, Y: postTop + float64(i)*postLine,
		}
		line.X, line.W = x.bar(a, b)
		line.Short = shorten(p.Position, 34)
		line.Sources, line.Certainty, _ = d.evidence(p.View, "person", "facility", "agency", "position")
		v.Lines = append(v.Lines, line)
	}
	v.Height = postTop + float64(len(in))*postLine + 6
	return v
}

// bound gives the moment at one end of a date; open says that there is none.
func bound(text string, end bool) (t time.Time, open bool) {
	e, err := edtf.Parse(text)
	if text == "" || err != nil {
		return time.Time{}, true
	}
	var ok bool
	if end {
		t, ok = e.Latest()
	} else {
		t, ok = e.Earliest()
	}
	if !ok || t.IsZero() {
		return time.Time{}, true
	}
	return t, false
}
