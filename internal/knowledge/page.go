package knowledge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/policy"
)

// posting dresses a posting that was loaded whole.
func (r *reader) posting(ctx context.Context, id string) (v PostingView, err error) {
	a := r.about[id]
	v.View, err = r.view(ctx, id)
	v.Person, v.Facility, v.Agency = r.summary(r.ref(id, "person")), r.summary(r.ref(id, "facility")), r.summary(r.ref(id, "agency"))
	v.Position, v.Rank, v.From, v.To = a.value("position"), a.value("rank"), a.value("from"), a.value("to")
	if c, ok := a.one("from"); ok && c.Earliest != nil {
		v.Start = time.UnixMicro(*c.Earliest).UTC()
	}
	if c, ok := a.one("to"); ok && c.Latest != nil {
		v.End = time.UnixMicro(*c.Latest).UTC()
	}
	return v, err
}

func (r *reader) postings(ctx context.Context, ids []string) (out []PostingView, err error) {
	for _, id := range ids {
		v, err := r.posting(ctx, id)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	slices.SortStableFunc(out, func(a, b PostingView) int {
		return cmp.Or(cmp.Compare(bit(a.Start.IsZero()), bit(b.Start.IsZero())), a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// Facility gives the page of a facility.
func (s *Service) Facility(ctx context.Context, who policy.Subject, id string, lang ...string) (v FacilityView, err error) {
	err = s.look(ctx, who, lang, func(r *reader) error {
		root, err := r.find(ctx, id, catalogue.Facility)
		if err != nil {
			return err
		}
		if err := r.loadWith(ctx, true, root); err != nil {
			return err
		}
		on, err := r.refersTo(ctx, []string{root}, catalogue.Room, catalogue.Camera, catalogue.Posting, catalogue.Incident, catalogue.Act)
		if err != nil {
			return err
		}
		mine := on[root]
		if v.View, err = r.view(ctx, root); err != nil {
			return err
		}
		v.Rooms = r.summaries(mine[catalogue.Room])
		for _, id := range mine[catalogue.Camera] {
			c := CameraView{Summary: r.summary(id), Room: r.summary(r.ref(id, "room"))}
			for _, label := range r.about[id].current("label") {
				if !slices.Contains(c.Labels, label.Value) {
					c.Labels = append(c.Labels, label.Value)
				}
			}
			c.ClockOffset, _ = catalogue.Seconds(r.about[id].value("clock-offset"))
			v.Cameras = append(v.Cameras, c)
		}
		if v.Postings, err = r.postings(ctx, mine[catalogue.Posting]); err != nil {
			return err
		}
		incidents := slices.Clone(mine[catalogue.Incident])
		for _, act := range mine[catalogue.Act] {
			if in := r.ref(act, "incident"); in != "" && !slices.Contains(incidents, in) {
				incidents = append(incidents, in)
			}
		}
		slices.SortStableFunc(incidents, func(a, b string) int { return cmp.Compare(r.begins(a, "date"), r.begins(b, "date")) })
		v.Incidents = r.summaries(incidents)
		v.Locations = r.places(root, "location")
		v.Agency = r.summary(r.ref(root, "agency"))
		v.Questions = r.questions(append([]string{root}, mine[catalogue.Camera]...))
		v.Contradictions = r.contradictions(append([]string{root}, mine[catalogue.Posting]...))
		return nil
	})
	if err != nil {
		return FacilityView{}, fmt.Errorf("read facility: %w", err)
	}
	return v, nil
}

// Person gives the page of a person.
func (s *Service) Person(ctx context.Context, who policy.Subject, id string, lang ...string) (v PersonView, err error) {
	err = s.look(ctx, who, lang, func(r *reader) error {
		root, err := r.find(ctx, id, catalogue.Person)
		if err != nil {
			return err
		}
		if err := r.loadWith(ctx, true, root); err != nil {
			return err
		}
		on, err := r.refersTo(ctx, []string{root}, catalogue.Involvement, catalogue.Posting, catalogue.Order, catalogue.Outcome, catalogue.Relation)
		if err != nil {
			return err
		}
		v, err = r.person(ctx, root, on[root])
		return err
	})
	if err != nil {
		return PersonView{}, fmt.Errorf("read person: %w", err)
	}
	return v, nil
}

func (r *reader) person(ctx context.Context, root string, mine map[archive.EntityKind][]string) (v PersonView, err error) {
	var acts []string
	for _, id := range slices.Concat(mine[catalogue.Involvement], mine[catalogue.Order], mine[catalogue.Outcome]) {
		acts = append(acts, r.refs(id, "act")...)
	}
	if err := r.loadWith(ctx, true, acts...); err != nil {
		return v, err
	}
	if v.View, err = r.view(ctx, root); err != nil {
		return v, err
	}
	for _, p := range v.Properties {
		if isName(p.Property.Name) {
			for _, c := range p.Claims {
				if c.Stands() && c.Value != "" {
					v.Names = append(v.Names, c)
				}
			}
		}
	}
	for _, id := range mine[catalogue.Involvement] {
		p := PersonInvolvement{}
		if p.InvolvementView, err = r.involvement(ctx, id); err != nil {
			return v, err
		}
		if act := r.ref(id, "act"); act != "" {
			p.Act, p.Date = r.summary(act), r.about[act].value("date")
			p.Incident = r.summary(r.ref(act, "incident"))
		}
		v.Involved = append(v.Involved, p)
	}
	slices.SortStableFunc(v.Involved, func(a, b PersonInvolvement) int {
		return cmp.Compare(r.begins(a.Act.ID, "date"), r.begins(b.Act.ID, "date"))
	})
	if v.Postings, err = r.postings(ctx, mine[catalogue.Posting]); err != nil {
		return v, err
	}
	for _, id := range mine[catalogue.Order] {
		p := PersonOrder{Act: r.summary(r.ref(id, "act"))}
		if p.OrderView, err = r.order(ctx, id); err != nil {
			return v, err
		}
		if slices.Contains(r.refs(id, "giver"), root) {
			v.Given = append(v.Given, p)
		}
		if slices.Contains(r.refs(id, "receiver"), root) {
			v.Received = append(v.Received, p)
		}
	}
	for _, id := range mine[catalogue.Outcome] {
		p, err := r.outcome(ctx, id)
		if err != nil {
			return v, err
		}
		v.Outcomes = append(v.Outcomes, p)
	}
	for _, id := range mine[catalogue.Relation] {
		a := r.about[id]
		p := RelationView{From: r.summary(r.ref(id, "from")), To: r.summary(r.ref(id, "to")), Type: a.value("type"), Since: a.value("from-date"), Until: a.value("to-date")}
		if p.View, err = r.view(ctx, id); err != nil {
			return v, err
		}
		v.Relations = append(v.Relations, p)
	}
	_, testimonies, err := r.papers(ctx, []string{root})
	if err != nil {
		return v, err
	}
	v.Testimonies = r.summaries(testimonies)
	v.Questions = r.questions([]string{root})
	v.Contradictions = r.contradictions(append([]string{root}, mine[catalogue.Posting]...))
	more, err := r.elsewhere(ctx, []string{root}, func(string, string, string) bool { return true })
	v.Contradictions = append(v.Contradictions, more...)
	return v, err
}
