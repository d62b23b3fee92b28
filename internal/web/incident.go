package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/edtf"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// incidentPage serves GET /incidents/{entity}. moment=RFC 3339 chooses a moment on the common clock; camera=ID with offset=SECONDS tries out how
// far a camera's clock is off, without saving it.
func (s *Server) incidentPage(w http.ResponseWriter, r *request) error {
	return s.drawIncident(w, r, http.StatusOK)
}

func (s *Server) drawIncident(w http.ResponseWriter, r *request, status int) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	in, err := c.Incident(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	d := s.describe(r, c)
	v := template.IncidentDesk{EntityHead: d.head(in.View), Summary: d.propertyOf(in.View, "summary"), Date: d.propertyOf(in.View, "date"), Places: d.places(in.Locations)}
	v.Status = d.text(in.View, "status")
	for _, f := range in.Facilities {
		v.Facilities = append(v.Facilities, summaryLink(f))
	}
	for _, a := range in.Acts {
		v.Acts = append(v.Acts, d.act(a, v.Href))
	}
	for _, x := range in.Documents {
		v.Documents = append(v.Documents, summaryLink(x))
	}
	for _, x := range in.Testimonies {
		v.Testimonies = append(v.Testimonies, summaryLink(x))
	}
	v.Questions = d.questions(in.Questions, in.MayEdit, v.Href)
	v.Contradictions = d.contradictions(in.Contradictions, in.MayEdit, v.Href)
	if in.MayEdit {
		v.AddAbout = additions(in.Kind, in.Code, in.ID)
	}
	if v.Strips, err = s.strips(r, c, in); err != nil {
		return err
	}
	if v.Map, err = s.placesMap(r, in.Locations); err != nil {
		return err
	}
	s.draw(w, r, status, "incident", "incidents", v)
	return nil
}

func (d *describer) contradictions(in []knowledge.Contradiction, may bool, back string) (out []template.ContradictionLine) {
	for _, x := range in {
		line := template.ContradictionLine{Entity: summaryLink(x.Entity), Property: x.Property, Reason: x.Reason}
		for _, o := range x.Others {
			line.Others = append(line.Others, summaryLink(o))
		}
		line.Href = "/catalogue/" + x.Entity.ID + "#p-" + x.Property
		if may && x.Reason == knowledge.ContradictionRivals {
			line.Href = "/catalogue/" + x.Entity.ID + "/finding?" + url.Values{"property": {x.Property}, "back": {back}}.Encode()
		}
		out = append(out, line)
	}
	return out
}

// text gives the current text of a property.
func (d *describer) text(e knowledge.View, name string) string {
	p := d.propertyOf(e, name)
	if c := p.Current(); c != nil {
		return c.Text
	}
	return ""
}

func (d *describer) places(in []knowledge.PlaceView) (out []template.PlaceLine) {
	for _, p := range in {
		line := template.PlaceLine{Place: summaryLinkOrNil(p.Summary), Precision: d.term(p.Precision), Undetermined: p.Undetermined, HasGeo: p.HasGeo}
		line.Claim = d.claim(p.Claim, catalogue.Property{Name: p.Claim.Property, Type: catalogue.TypeRef})
		out = append(out, line)
	}
	return out
}

// evidence gathers what a relation rests on: the sources of all its standing claims, each once, and the certainty of the weakest of the
// claims that make it what it is.
func (d *describer) evidence(e knowledge.View, essential ...string) (sources []template.SourceChip, certainty string, withdrawn bool) {
	rank := map[archive.Certainty]int{archive.Established: 1, archive.Probable: 2, archive.Disputed: 3, archive.NotKnown: 4}
	var weakest archive.Certainty
	seen := map[string]bool{}
	for _, p := range e.Properties {
		for _, c := range p.Claims {
			if !c.Stands() {
				continue
			}
			withdrawn = withdrawn || c.Withdrawn
			if c.Current && slices.Contains(essential, p.Property.Name) && rank[c.Certainty] > rank[weakest] {
				weakest = c.Certainty
			}
			for _, src := range c.Sources {
				chip := d.source(src)
				key := chip.Kind + chip.Href + chip.Text + chip.Note
				if !seen[key] {
					seen[key] = true
					sources = append(sources, chip)
				}
			}
		}
	}
	return sources, string(cmp.Or(weakest, archive.NotKnown)), withdrawn
}

func (d *describer) involved(in knowledge.InvolvementView) template.InvolvedLine {
	line := template.InvolvedLine{ID: in.ID, Href: "/catalogue/" + in.ID, Person: summaryLinkOrNil(in.Person), Role: in.Role, Degree: in.Degree}
	line.Role, line.Degree = cmp.Or(d.text(in.View, "role"), in.Role), cmp.Or(d.text(in.View, "degree"), in.Degree)
	line.Sources, line.Certainty, line.Withdrawn = d.evidence(in.View, "act", "person", "role")
	return line
}

func (d *describer) order(in knowledge.OrderView) template.OrderLine {
	line := template.OrderLine{ID: in.ID, Href: "/catalogue/" + in.ID, Giver: summaryLinkOrNil(in.Giver), Words: in.Words, Date: in.Date, Type: d.text(in.View, "type")}
	for _, to := range in.Receivers {
		line.Receivers = append(line.Receivers, summaryLink(to))
	}
	line.Sources, line.Certainty, line.Withdrawn = d.evidence(in.View, "act", "giver", "receiver")
	return line
}

func (d *describer) outcome(in knowledge.OutcomeView, act string) template.OutcomeLine {
	line := template.OutcomeLine{
		ID: in.ID, Href: "/catalogue/" + in.ID, Person: summaryLinkOrNil(in.Person), Type: cmp.Or(d.text(in.View, "type"), in.Type), Date: in.Date, DaysLater: daysBetween(act, in.Date),
		Description: d.text(in.View, "description"),
	}
	line.Sources, line.Certainty, line.Withdrawn = d.evidence(in.View, "act", "person", "type")
	return line
}

// daysBetween counts the days from one date to another when both are known to the day; -1 otherwise.
func daysBetween(from, to string) int {
	day := func(text string) (time.Time, bool) {
		e, err := edtf.Parse(text)
		if err != nil {
			return time.Time{}, false
		}
		a, ok1 := e.Earliest()
		b, ok2 := e.Latest()
		a = a.UTC().Truncate(24 * time.Hour)
		return a, ok1 && ok2 && b.UTC().Truncate(24*time.Hour).Equal(a)
	}
	a, ok1 := day(from)
	b, ok2 := day(to)
	if !ok1 || !ok2 || b.Before(a) {
		return -1
	}
	return int(b.Sub(a).Hours() / 24)
}

func (d *describer) act(a knowledge.ActView, back string) template.ActDesk {
	v := template.ActDesk{EntityHead: d.head(a.View), Description: d.propertyOf(a.View, "description"), Date: d.propertyOf(a.View, "date"), Places: d.places(a.Places)}
	v.Undo = ""
	v.Type = d.text(a.View, "type")
	for _, c := range d.propertyOf(a.View, "method").Claims {
		v.Method = append(v.Method, c.Text)
	}
	date := ""
	if c := v.Date.Current(); c != nil {
		date = c.Text
	}
	for _, x := range a.Involved {
		v.Involved = append(v.Involved, d.involved(x))
	}
	for _, x := range a.Orders {
		v.Orders = append(v.Orders, d.order(x))
	}
	for _, x := range a.Outcomes {
		v.Outcomes = append(v.Outcomes, d.outcome(x, date))
	}
	v.Chain = commandChain(v.Orders, v.Involved)
	if a.MayEdit {
		for _, add := range additions(a.Kind, a.Code, a.ID) {
			// Back to the desk and not to the act's own page.
			u, err := url.Parse(add.Href)
			if err != nil {
				continue
			}
			q := u.Query()
			q.Set("back", back)
			v.AddAbout = append(v.AddAbout, template.Add{Kind: add.Kind, Href: u.Path + "?" + q.Encode()})
		}
	}
	return v
}

// commandChain lays orders out from the top: who gave one without having got one, whom they gave it to, and so on. Whoever comes a second time,
// in a circle or by two ways, is shown once.
func commandChain(orders []template.OrderLine, involved []template.InvolvedLine) (out []template.ChainLink) {
	if len(orders) == 0 {
		return nil
	}
	acted, received, seen := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, i := range involved {
		if i.Person != nil {
			acted[i.Person.ID] = true
		}
	}
	for _, o := range orders {
		for _, to := range o.Receivers {
			received[to.ID] = true
		}
	}
	var walk func(who template.EntityLink, certainty string, depth int)
	walk = func(who template.EntityLink, certainty string, depth int) {
		if seen[who.ID] {
			return
		}
		seen[who.ID] = true
		out = append(out, template.ChainLink{Depth: depth, EntityLink: who, Certainty: certainty, Acted: acted[who.ID]})
		for _, o := range orders {
			if o.Giver != nil && o.Giver.ID == who.ID {
				for _, to := range o.Receivers {
					walk(to, o.Certainty, depth+1)
				}
			}
		}
	}
	for _, first := range []bool{true, false} { // a circle has no top: then whoever comes first
		for _, o := range orders {
			if o.Giver != nil && (!first || !received[o.Giver.ID]) {
				walk(*o.Giver, "", 0)
			}
		}
	}
	return out
}

func (d *describer) questions(in []knowledge.Question, may bool, back string) (out []template.QuestionLine) {
	for _, q := range in {
		line := template.QuestionLine{Entity: summaryLink(q.Entity), Property: q.Property, Reason: q.Reason}
		if may {
			line.Href = "/catalogue/" + q.Entity.ID + "/say?" + url.Values{"property": {q.Property}, "back": {back}}.Encode()
		}
		out = append(out, line)
	}
	return out
}

// Measures of the strips, in units.
const (
	stripWidth = 1160.0
	stripName  = 150.0
	stripLane  = 34.0
	stripTop   = 30.0
	zoomed     = 2 * time.Minute      // to each side of a chosen moment
	maxOffset  = 400 * 24 * time.Hour // beyond which a clock is not off but wrong
)

// strips lays the recordings that an incident rests on on one clock, a lane for each camera.
func (s *Server) strips(r *request, c Catalogue, in knowledge.Incident) (*template.Strips, error) {
	if len(in.Footage) == 0 {
		return nil, nil
	}
	q := r.URL.Query()
	tried, offset, trying := q.Get("camera"), time.Duration(0), false
	if text := q.Get("offset"); archive.CheckID(archive.PrefixEntity, tried) == nil && text != "" {
		if d, err := signedSeconds(text); err == nil {
			offset, trying = d, true
		}
	}
	v := &template.Strips{Width: stripWidth}
	if t, err := time.Parse(time.RFC3339, q.Get("moment")); err == nil {
		v.Moment = t.UTC()
	}
	type lane struct {
		template.StripLane
		camera  string
		footage []knowledge.Span
	}
	var lanes []*lane
	for _, f := range in.Footage {
		if f.Item.RecordedAt.IsZero() {
			ref := f.Item.Reference()
			if !slices.ContainsFunc(v.Untimed, func(b template.StripBar) bool { return b.Ref == ref }) {
				v.Untimed = append(v.Untimed, template.StripBar{Ref: ref, Href: "/items/" + f.Item.ID + "#t=" + seconds(f.From), From: f.From, To: f.To})
			}
			continue
		}
		key := cmp.Or(f.Camera, f.Item.Camera)
		i := slices.IndexFunc(lanes, func(l *lane) bool { return l.camera == key })
		if i < 0 {
			l := &lane{camera: key}
			l.Name, l.Offset = f.Item.Camera, f.ClockOffset
			if f.Camera != "" {
				e, err := c.Entity(r.Context(), r.reader.Subject, f.Camera)
				switch {
				case err == nil:
					link := entityLink(e.Entity, e.Label)
					l.Camera = &link
					v.Offsets = append(v.Offsets, s.offsetForm(r, in.ID, e, f.ClockOffset, trying && e.ID == tried, offset))
				case !errors.Is(err, archive.ErrNotFound):
					return nil, err
				}
				if trying && f.Camera == tried {
					l.Offset, l.Tried = offset, true
				}
			}
			lanes = append(lanes, l)
			i = len(lanes) - 1
		}
		lanes[i].footage = append(lanes[i].footage, f)
	}
	if len(lanes) == 0 {
		return v, nil
	}
	// What is in sight: all that claims rest on, with the recordings around it as far as they are not much longer.
	for _, l := range lanes {
		for _, f := range l.footage {
			from := f.Item.RecordedAt.Add(l.Offset)
			a, b := from.Add(f.From), from.Add(f.To)
			if f.From == 0 && f.To == 0 {
				b = from.Add(f.Item.Duration)
			}
			if v.From.IsZero() || a.Before(v.From) {
				v.From = a
			}
			if b.After(v.To) {
				v.To = b
			}
		}
	}
	if m := v.Moment; !m.IsZero() && !m.Before(v.From.Add(-zoomed)) && !m.After(v.To.Add(zoomed)) && v.To.Sub(v.From) > 3*zoomed {
		// A moment out of a long stretch is looked at closely.
		v.From, v.To, v.Zoomed = m.Add(-zoomed), m.Add(zoomed), true
	}
	v.From, v.To = padded(v.From, v.To, 20*time.Second)
	v.From, v.To = v.From.UTC(), v.To.UTC()
	x := axis{v.From, v.To, stripName, stripWidth - stripName - 10}
	v.Ticks = x.clock()
	if !v.Moment.IsZero() {
		if v.Moment.Before(v.From) || v.Moment.After(v.To) {
			v.Moment = time.Time{}
		} else {
			v.MomentX = x.x(v.Moment)
		}
	}
	for i, l := range lanes {
		l.Y = stripTop + float64(i)*stripLane
		drawn := map[string]bool{}
		for _, f := range l.footage {
			from := f.Item.RecordedAt.Add(l.Offset)
			end := from.Add(f.Item.Duration)
			href := "/items/" + f.Item.ID
			if !drawn[f.Item.ID] && end.After(v.From) && from.Before(v.To) {
				drawn[f.Item.ID] = true
				bar := template.StripBar{Href: href, Ref: f.Item.Reference(), At: from, To: f.Item.Duration}
				bar.X, bar.W = x.bar(from, end)
				l.Items = append(l.Items, bar)
				if !v.Moment.IsZero() && !v.Moment.Before(from) && v.Moment.Before(end) {
					l.HereRef, l.HereAt = bar.Ref, v.Moment.Sub(from)
					l.Here = href + "#t=" + seconds(l.HereAt)
				}
			}
			if f.From == 0 && f.To == 0 {
				continue // the whole recording
			}
			bar := template.StripBar{Href: href + "#t=" + seconds(f.From), Ref: f.Item.Reference(), At: from.Add(f.From), From: f.From, To: f.To, Property: f.Property}
			bar.Moment = "/incidents/" + in.ID + "?" + url.Values{"moment": {bar.At.UTC().Format(time.RFC3339)}}.Encode() + "#cameras"
			if bar.At.After(v.To) || from.Add(f.To).Before(v.From) || slices.ContainsFunc(l.Spans, func(b template.StripBar) bool { return b.Href == bar.Href && b.To == bar.To }) {
				continue // out of sight, or another claim on the same stretch
			}
			bar.X, bar.W = x.bar(bar.At, from.Add(f.To))
			l.Spans = append(l.Spans, bar)
		}
		v.Lanes = append(v.Lanes, l.StripLane)
	}
	v.Height = stripTop + float64(len(lanes))*stripLane + 6
	return v, nil
}

// signedSeconds reads an offset: -12.5.
func signedSeconds(text string) (time.Duration, error) {
	f, err := strconv.ParseFloat(strings.Replace(strings.TrimSpace(text), ",", ".", 1), 64)
	d := time.Duration(0)
	if err == nil && f == f && f > -maxOffset.Seconds() && f < maxOffset.Seconds() {
		return time.Duration(f*1e6) * time.Microsecond, nil
	}
	return d, archive.ErrInvalid
}

// offsetForm draws the tool that moves a camera's lane. Moving is a link and saves nothing.
func (s *Server) offsetForm(r *request, incident string, e knowledge.View, saved time.Duration, tried bool, offset time.Duration) template.OffsetForm {
	now := saved
	if tried {
		now = offset
	}
	f := template.OffsetForm{Camera: entityLink(e.Entity, e.Label), Saved: saved, Seconds: seconds(now), Tried: tried && offset != saved, MayEdit: e.MayEdit, Certainty: string(archive.Probable)}
	moment := r.URL.Query().Get("moment")
	for _, step := range []struct {
		label string
		d     time.Duration
	}{{"−10", -10 * time.Second}, {"−1", -time.Second}, {"−0.1", -100 * time.Millisecond}, {"+0.1", 100 * time.Millisecond}, {"+1", time.Second}, {"+10", 10 * time.Second}} {
		q := url.Values{"camera": {e.ID}, "offset": {seconds(now + step.d)}}
		if _, err := time.Parse(time.RFC3339, moment); err == nil {
			q.Set("moment", moment)
		}
		f.Nudges = append(f.Nudges, template.Nudge{Label: step.label, Href: "/incidents/" + incident + "?" + q.Encode() + "#cameras"})
	}
	return f
}

// offsetSave serves POST /incidents/{entity}/offset: what was tried out becomes a claim about the camera.
func (s *Server) offsetSave(w http.ResponseWriter, r *request) error {
	return s.onIncident(w, r, func(ctx context.Context, c Catalogue, who policy.Subject, in knowledge.Incident) error {
		camera := r.PostForm.Get("camera")
		offset, err := signedSeconds(r.PostForm.Get("offset"))
		if err != nil || !slices.ContainsFunc(in.Footage, func(f knowledge.Span) bool { return f.Camera == camera && camera != "" }) {
			return archive.ErrInvalid
		}
		e, err := c.Entity(ctx, who, camera)
		if err != nil {
			return err
		}
		d := knowledge.ClaimDraft{
			Property: "clock-offset", Value: seconds(offset), Certainty: archive.Certainty(r.PostForm.Get("certainty")), Note: strings.TrimSpace(r.PostForm.Get("note")),
		}
		// It rests on the recordings that were laid beside each other.
		for _, f := range in.Footage {
			src := archive.Source{Kind: archive.SourceItem, Item: f.Item.ID, From: f.From, To: f.To}
			if f.Camera == camera && len(d.Sources) < 5 && !slices.Contains(d.Sources, src) {
				d.Sources = append(d.Sources, src)
			}
		}
		for _, p := range e.Properties {
			if p.Property.Name != "clock-offset" {
				continue
			}
			for _, claim := range p.Claims {
				if claim.Stands() && claim.Current && claim.Author == who.Agent {
					// One's own earlier measurement gives way; somebody else's stays beside it.
					_, err := c.Replace(ctx, who, claim.ID, d)
					return err
				}
			}
		}
		_, err = c.Say(ctx, who, camera, d)
		return err
	})
}

func (s *Server) onIncident(w http.ResponseWriter, r *request, act func(context.Context, Catalogue, policy.Subject, knowledge.Incident) error) error {
	c, who, _, err := s.known(r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	in, err := c.Incident(r.Context(), who, r.PathValue("entity"))
	if err != nil {
		return err
	}
	if err := act(r.Context(), c, who, in); err != nil {
		return err
	}
	return redirect(w, r, "/incidents/"+in.ID, "claim-made")
}
