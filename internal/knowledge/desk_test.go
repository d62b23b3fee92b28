package knowledge_test

import (
	"slices"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
)

// story is an incident with all that belongs to it.
type story struct {
	incident, act, victim, boss, guard, hospital, colony, place archive.Entity
	item                                                        archive.Item
	article                                                     archive.Entity
}

func (r *rig) story() (s story) {
	s.item = r.item(0, func(i *archive.Item) {
		i.Camera, i.RecordedAt = "CAM 04", time.Date(2020, 7, 27, 14, 0, 0, 0, time.UTC)
	})
	s.place = r.make(r.lead, catalogue.Location, "", claim("geo", "51.53,46.03"), claim("precision", "building"))
	s.hospital = r.make(r.lead, catalogue.Facility, "", claim("name", "OTB-1"), claim("location", s.place.Code))
	s.colony = r.make(r.lead, catalogue.Facility, "", claim("name", "IK-6"))
	r.make(r.lead, catalogue.Camera, "", claim("facility", s.hospital.Code), claim("label", "CAM 04"), claim("clock-offset", "-90"))
	s.article = r.make(r.lead, catalogue.Article, "", claim("title", "What the footage shows"))
	s.incident = r.make(r.lead, catalogue.Incident, "", claim("title", "Beating"), claim("date", "2020-07-27"), claim("facility", s.hospital.Code))
	s.act = r.make(r.lead, catalogue.Act, "", claim("incident", s.incident.Code, span(s.item.ID, time.Minute, 2*time.Minute)), claim("type", "02011111"),
		claim("date", "2020-07-27T14:01:00/2020-07-27T14:02:00"), claim("place", s.hospital.Code))
	s.victim = r.make(r.lead, catalogue.Person, "", claim("name", "Victim"))
	s.boss = r.make(r.lead, catalogue.Person, "", claim("name", "Boss"))
	s.guard = r.make(r.lead, catalogue.Person, "", claim("name", "Guard"))
	r.make(r.lead, catalogue.Involvement, "", claim("act", s.act.Code), claim("person", s.victim.Code), claim("role", "victim"))
	r.make(r.lead, catalogue.Involvement, "", claim("act", s.act.Code), claim("person", s.guard.Code, archive.Source{Kind: archive.SourceArticle, Entity: s.article.Code}), claim("role", "perpetrator"), claim("degree", "0101"))
	r.make(r.lead, catalogue.Order, "", claim("act", s.act.Code), claim("giver", s.boss.Code), claim("receiver", s.guard.Code), claim("words", "Do it"))
	r.make(r.lead, catalogue.Outcome, "", claim("act", s.act.Code), claim("person", s.victim.Code), claim("type", "died"), claim("date", "2020-07-29"))
	return s
}

func reasons(list []knowledge.Contradiction) (out []string) {
	for _, c := range list {
		out = append(out, c.Reason+" "+c.Property)
	}
	slices.Sort(out)
	return out
}

func TestIncidentDesk(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		s := r.story()
		in, err := r.s.Incident(ctx, r.reviewer, s.incident.Code, "ru")
		r.must(err)
		if len(in.Acts) != 1 || len(in.Acts[0].Involved) != 2 || len(in.Acts[0].Orders) != 1 || len(in.Acts[0].Outcomes) != 1 || in.Acts[0].Label != "Пытка" {
			r.t.Fatalf("%+v", in.Acts)
		}
		a := in.Acts[0]
		if a.Involved[0].Person.Label != "Victim" || a.Involved[0].Role != "role:victim" || a.Involved[1].Degree != "degree:0101" {
			r.t.Errorf("%+v", a.Involved)
		}
		if o := a.Orders[0]; o.Giver.Label != "Boss" || len(o.Receivers) != 1 || o.Receivers[0].Label != "Guard" || o.Words != "Do it" {
			r.t.Errorf("%+v", o)
		}
		if o := a.Outcomes[0]; o.Person.Label != "Victim" || o.Type != "outcome:died" || o.Date != "2020-07-29" {
			r.t.Errorf("%+v", o)
		}
		if len(a.Places) != 1 || !a.Places[0].HasGeo || a.Places[0].Latitude != 51.53 || a.Places[0].Precision != "precision:building" {
			r.t.Errorf("%+v", a.Places)
		}
		if len(in.Footage) != 1 || in.Footage[0].From != time.Minute || in.Footage[0].Camera == "" || in.Footage[0].ClockOffset != -90*time.Second || in.Footage[0].Entity != s.act.ID {
			r.t.Errorf("%+v", in.Footage)
		}
		if len(in.Documents) != 1 || in.Documents[0].ID != s.article.ID || len(in.Facilities) != 1 || in.Facilities[0].Label != "OTB-1" {
			r.t.Errorf("%+v %+v", in.Documents, in.Facilities)
		}
		// Nobody said where the incident was: its facility is known, its place is not.
		if len(in.Questions) != 1 || in.Questions[0].Property != "place" || in.Questions[0].Reason != knowledge.QuestionMissing || len(in.Contradictions) != 0 {
			r.t.Errorf("%+v %+v", in.Questions, in.Contradictions)
		}
		if _, err := r.s.Incident(ctx, r.reviewer, s.act.Code); err == nil {
			r.t.Error("an act has no desk")
		}
	})
}

func TestQuestionsAndContradictions(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		s := r.story()
		// Two dates for the incident; one who doubts and has no value.
		rival := r.say(r.outside, s.incident.ID, claim("date", "2020-08-01"))[0]
		r.say(r.lead, s.incident.ID, knowledge.ClaimDraft{Property: "place", Certainty: archive.NotKnown})
		in, err := r.s.Incident(ctx, r.lead, s.incident.ID)
		r.must(err)
		if len(in.Questions) != 1 || in.Questions[0].Reason != knowledge.QuestionNotKnown || in.Questions[0].Claim == "" {
			r.t.Errorf("%+v", in.Questions)
		}
		// The newer date of two that are equally sure is shown, and the act lies before it.
		if got := reasons(in.Contradictions); !slices.Equal(got, []string{"dates date", "rivals date"}) {
			r.t.Errorf("%v", got)
		}
		// A finding settles both; that it cannot be determined is a question.
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: s.incident.ID, Property: "date", Reason: "two clocks"}))
		in, err = r.s.Incident(ctx, r.lead, s.incident.ID)
		r.must(err)
		if got := reasons(in.Contradictions); len(got) != 0 || len(in.Questions) != 2 || in.Questions[0].Reason != knowledge.QuestionUndetermined {
			r.t.Errorf("%v %+v", got, in.Questions)
		}
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: s.incident.ID, Property: "date", Claim: rival.ID, Reason: "for the test"}))
		// An outcome before the act, an order after it, a guard elsewhere on the same day and posted elsewhere.
		r.make(r.lead, catalogue.Outcome, "", claim("act", s.act.Code), claim("type", "injured"), claim("date", "2020-07-01"))
		r.make(r.lead, catalogue.Order, "", claim("act", s.act.Code), claim("giver", s.boss.Code), claim("date", "2020-07-30"))
		other := r.make(r.lead, catalogue.Act, "", claim("type", "020101"), claim("date", "2020-07-27"), claim("place", s.colony.Code))
		r.make(r.lead, catalogue.Involvement, "", claim("act", other.Code), claim("person", s.guard.Code), claim("role", "perpetrator"))
		r.make(r.lead, catalogue.Posting, "", claim("person", s.guard.Code), claim("facility", s.colony.Code), claim("from", "2019"), claim("to", "2021"))
		in, err = r.s.Incident(ctx, r.lead, s.incident.ID)
		r.must(err)
		if got := reasons(in.Contradictions); !slices.Equal(got, []string{"dates date", "effect first date", "order too late date", "posting facility", "two places place"}) {
			r.t.Errorf("%v", got)
		}
		p, err := r.s.Person(ctx, r.lead, s.guard.Code)
		r.must(err)
		if got := reasons(p.Contradictions); !slices.Equal(got, []string{"posting facility", "two places place"}) {
			r.t.Errorf("%v", got)
		}
		// A date that is "about" contradicts nothing.
		old := property(r.view(r.lead, other.ID), "date").Claims[0]
		_, err = r.s.Replace(ctx, r.lead, old.ID, claim("date", "2020-07-27~"))
		r.must(err)
		p, err = r.s.Person(ctx, r.lead, s.guard.Code)
		r.must(err)
		if got := reasons(p.Contradictions); !slices.Equal(got, []string{"posting facility"}) {
			r.t.Errorf("%v", got)
		}
	})
}

func TestFacilityAndPerson(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		s := r.story()
		room := r.make(r.lead, catalogue.Room, "", claim("facility", s.hospital.Code), claim("name", "Ward 3"))
		late := r.make(r.lead, catalogue.Posting, "", claim("person", s.boss.Code), claim("facility", s.hospital.Code), claim("position", "Head"), claim("from", "2020"), claim("to", "2018"))
		early := r.make(r.lead, catalogue.Posting, "", claim("person", s.guard.Code), claim("facility", s.hospital.Code), claim("from", "2015"))
		f, err := r.s.Facility(ctx, r.reviewer, s.hospital.Code)
		r.must(err)
		if len(f.Rooms) != 1 || f.Rooms[0].ID != room.ID || len(f.Cameras) != 1 || !slices.Equal(f.Cameras[0].Labels, []string{"CAM 04"}) || f.Cameras[0].ClockOffset != -90*time.Second ||
			len(f.Incidents) != 1 || f.Incidents[0].ID != s.incident.ID || len(f.Locations) != 1 || !f.Locations[0].HasGeo {
			r.t.Errorf("%+v", f)
		}
		if len(f.Postings) != 2 || f.Postings[0].ID != early.ID || f.Postings[1].ID != late.ID || f.Postings[1].Person.Label != "Boss" || f.Postings[1].Position != "Head" || f.Postings[0].Start.Year() != 2015 || !f.Postings[0].End.IsZero() {
			r.t.Errorf("%+v", f.Postings)
		}
		if got := reasons(f.Contradictions); !slices.Equal(got, []string{"end first to"}) {
			r.t.Errorf("%v", got)
		}
		r.make(r.lead, catalogue.Relation, "", claim("from", s.guard.Code), claim("to", s.boss.Code), claim("type", "subordinate"))
		p, err := r.s.Person(ctx, r.reviewer, s.guard.Code)
		r.must(err)
		if len(p.Involved) != 1 || p.Involved[0].Act.ID != s.act.ID || p.Involved[0].Incident.Label != "Beating" || len(p.Received) != 1 || len(p.Given) != 0 || p.Received[0].Act.ID != s.act.ID ||
			len(p.Postings) != 1 || len(p.Names) != 1 || len(p.Relations) != 1 || p.Relations[0].To.Label != "Boss" || p.Relations[0].Type != "relation:subordinate" {
			r.t.Errorf("%+v", p)
		}
		v, err := r.s.Person(ctx, r.reviewer, s.victim.ID)
		r.must(err)
		if len(v.Outcomes) != 1 || v.Outcomes[0].Type != "outcome:died" {
			r.t.Errorf("%+v", v.Outcomes)
		}
	})
}

func TestGraph(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		s := r.story()
		g, err := r.s.Graph(ctx, r.reviewer, s.incident.ID, 2)
		r.must(err)
		depth := map[string]int{}
		for _, n := range g.Nodes {
			depth[n.ID] = n.Depth
		}
		for id, want := range map[string]int{s.incident.ID: 0, s.act.ID: 1, s.hospital.ID: 1, s.victim.ID: 2, s.guard.ID: 2, s.boss.ID: 2} {
			if got, ok := depth[id]; !ok || got != want {
				r.t.Errorf("%s lies at %d (%v), want %d", id, got, ok, want)
			}
		}
		lines := map[string]bool{}
		for _, e := range g.Edges {
			lines[e.Property] = true
			if e.From == e.To || e.Certainty == "" || e.Claim == "" {
				r.t.Errorf("%+v", e)
			}
		}
		for _, want := range []string{"incident", "facility", "person-act", "giver-receiver", "giver-act"} {
			if !lines[want] {
				r.t.Errorf("no line %s in %v", want, lines)
			}
		}
		if g, err := r.s.Graph(ctx, r.reviewer, s.incident.ID, 1); err != nil || len(g.Nodes) != 3 || g.Cut {
			r.t.Errorf("%+v %v", g, err)
		}
		_, err = r.s.Graph(ctx, r.reviewer, s.incident.ID, 9)
		r.is("too deep", err, archive.ErrInvalid)
	})
}
