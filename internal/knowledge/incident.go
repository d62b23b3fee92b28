package knowledge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/edtf"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// referring gives the entities of a kind that refer to one of these by a property, by the entity that they refer to, oldest first; loaded whole.
type referring map[string]map[archive.EntityKind][]string

// refersTo finds and loads whole what refers to these entities.
func (r *reader) refersTo(ctx context.Context, roots []string, kinds ...archive.EntityKind) (referring, error) {
	out := referring{}
	if len(roots) == 0 {
		return out, nil
	}
	var ids []string
	for _, root := range roots {
		for _, m := range r.about[root].members {
			ids = append(ids, m.ID)
		}
	}
	claims, err := r.tx.Claims(ctx, r.scope, store.ClaimQuery{Refs: ids, Standing: true})
	if err != nil {
		return nil, err
	}
	claims = slices.DeleteFunc(claims, func(c store.Claim) bool { return !slices.Contains(kinds, c.Kind) })
	var from []string
	for _, c := range claims {
		from = append(from, c.Entity)
	}
	if err := r.roots(ctx, from...); err != nil {
		return nil, err
	}
	if err := r.loadWith(ctx, true, r.rootsOf(claims)...); err != nil {
		return nil, err
	}
	for _, c := range claims {
		on, root := r.root[c.Ref], r.root[c.Entity]
		if on == "" || root == "" || r.about[root] == nil {
			continue
		}
		if out[on] == nil {
			out[on] = map[archive.EntityKind][]string{}
		}
		if !slices.Contains(out[on][c.Kind], root) {
			out[on][c.Kind] = append(out[on][c.Kind], root)
		}
	}
	for _, byKind := range out {
		for _, list := range byKind {
			slices.SortFunc(list, func(a, b string) int { return r.about[a].CreatedAt.Compare(r.about[b].CreatedAt) })
		}
	}
	return out, nil
}

// refs gives the entities that the current claims of a property name.
func (r *reader) refs(root, property string) (out []string) {
	for _, c := range r.about[root].current(property) {
		if to := r.root[c.Ref]; to != "" && r.about[to] != nil && !slices.Contains(out, to) {
			out = append(out, to)
		}
	}
	return out
}

func (r *reader) ref(root, property string) string {
	if list := r.refs(root, property); len(list) > 0 {
		return list[0]
	}
	return ""
}

func (r *reader) summaries(roots []string) (out []Summary) {
	for _, id := range roots {
		out = append(out, r.summary(id))
	}
	return out
}

// Incident gives the desk of an incident.
func (s *Service) Incident(ctx context.Context, who policy.Subject, id string, lang ...string) (in Incident, err error) {
	err = s.look(ctx, who, lang, func(r *reader) error {
		root, err := r.find(ctx, id, catalogue.Incident)
		if err != nil {
			return err
		}
		in, err = r.incident(ctx, root)
		return err
	})
	if err != nil {
		return Incident{}, fmt.Errorf("read incident: %w", err)
	}
	return in, nil
}

func (r *reader) incident(ctx context.Context, root string) (in Incident, err error) {
	if err := r.loadWith(ctx, true, root); err != nil {
		return in, err
	}
	on, err := r.refersTo(ctx, []string{root}, catalogue.Act)
	if err != nil {
		return in, err
	}
	acts := on[root][catalogue.Act]
	// In the order of time, as far as it is known.
	slices.SortStableFunc(acts, func(a, b string) int { return cmp.Compare(r.begins(a, "date"), r.begins(b, "date")) })
	parts, err := r.refersTo(ctx, acts, catalogue.Involvement, catalogue.Order, catalogue.Outcome)
	if err != nil {
		return in, err
	}
	if in.View, err = r.view(ctx, root); err != nil {
		return in, err
	}
	desk := []string{root}
	for _, act := range acts {
		v := ActView{Places: r.places(act, "place")}
		if v.View, err = r.view(ctx, act); err != nil {
			return in, err
		}
		for _, id := range parts[act][catalogue.Involvement] {
			p, err := r.involvement(ctx, id)
			if err != nil {
				return in, err
			}
			v.Involved = append(v.Involved, p)
		}
		for _, id := range parts[act][catalogue.Order] {
			p, err := r.order(ctx, id)
			if err != nil {
				return in, err
			}
			v.Orders = append(v.Orders, p)
		}
		for _, id := range parts[act][catalogue.Outcome] {
			p, err := r.outcome(ctx, id)
			if err != nil {
				return in, err
			}
			v.Outcomes = append(v.Outcomes, p)
		}
		in.Acts = append(in.Acts, v)
		desk = append(desk, act)
		for _, list := range [][]string{parts[act][catalogue.Involvement], parts[act][catalogue.Order], parts[act][catalogue.Outcome]} {
			for _, id := range list {
				if !slices.Contains(desk, id) {
					desk = append(desk, id)
				}
			}
		}
	}
	in.Locations = r.places(root, "place")
	in.Facilities = r.summaries(r.refs(root, "facility"))
	if in.Footage, err = r.footage(ctx, desk); err != nil {
		return in, err
	}
	documents, testimonies, err := r.papers(ctx, desk)
	if err != nil {
		return in, err
	}
	in.Documents, in.Testimonies = r.summaries(documents), r.summaries(testimonies)
	in.Questions = r.questions(desk)
	in.Contradictions = r.contradictions(desk)
	more, err := r.whereabouts(ctx, root, acts, parts)
	in.Contradictions = append(in.Contradictions, more...)
	return in, err
}

func (r *reader) involvement(ctx context.Context, id string) (v InvolvementView, err error) {
	v.View, err = r.view(ctx, id)
	v.Person, v.Role, v.Degree = r.summary(r.ref(id, "person")), r.about[id].value("role"), r.about[id].value("degree")
	return v, err
}

func (r *reader) order(ctx context.Context, id string) (v OrderView, err error) {
	v.View, err = r.view(ctx, id)
	v.Giver, v.Receivers = r.summary(r.ref(id, "giver")), r.summaries(r.refs(id, "receiver"))
	v.Words, v.Date = r.about[id].value("words"), r.about[id].value("date")
	return v, err
}

func (r *reader) outcome(ctx context.Context, id string) (v OutcomeView, err error) {
	v.View, err = r.view(ctx, id)
	v.Person, v.Type, v.Date = r.summary(r.ref(id, "person")), r.about[id].value("type"), r.about[id].value("date")
	return v, err
}

// places gives where something happened, with the place on the map: of a facility that of its location.
func (r *reader) places(root, property string) (out []PlaceView) {
	claims, current, rival, _, _ := r.about[root].of(property)
	for _, c := range claims {
		if !current[c.ID] || c.Value == "" {
			continue
		}
		v := PlaceView{Claim: r.said(c, true, rival), Undetermined: c.Value == catalogue.Undetermined}
		if to := r.about[r.root[c.Ref]]; to != nil {
			v.Summary = r.summary(to.ID)
			point := to
			if to.Kind == catalogue.Facility {
				point = r.about[r.ref(to.ID, "location")]
			}
			if point != nil {
				v.Precision = point.value("precision")
				if lat, lon, err := catalogue.ParseGeo(point.value("geo")); err == nil {
					v.Latitude, v.Longitude, v.HasGeo = lat, lon, true
				}
			}
		}
		out = append(out, v)
	}
	return out
}

// footage gives the spans of items that the standing claims about these entities rest on, in the order in which they were recorded.
func (r *reader) footage(ctx context.Context, desk []string) (out []Span, err error) {
	items := map[string]*archive.Item{}
	type camera struct {
		entity string
		offset time.Duration
	}
	cameras := map[string]camera{}
	for _, root := range desk {
		for _, c := range r.about[root].claims {
			if !c.Stands() {
				continue
			}
			for _, src := range c.Sources {
				if src.Item == "" {
					continue
				}
				it, known := items[src.Item]
				if !known {
					found, err := r.tx.Item(ctx, r.scope, src.Item)
					switch {
					case err == nil:
						it = &found
					case !errors.Is(err, archive.ErrNotFound):
						return nil, err
					}
					items[src.Item] = it
				}
				if it == nil {
					continue // cannot be: the claim would not be seen
				}
				cam, known := cameras[it.Camera]
				if !known && it.Camera != "" {
					list, _, err := r.tx.ListEntities(ctx, r.scope, store.EntityQuery{Kinds: []archive.EntityKind{catalogue.Camera}, Property: "label", Value: it.Camera, Limit: 2})
					if err != nil {
						return nil, err
					}
					if len(list) == 1 {
						if err := r.load(ctx, true, list[0].ID); err != nil {
							return nil, err
						}
						offset, _ := catalogue.Seconds(r.about[list[0].ID].value("clock-offset"))
						cam = camera{list[0].ID, offset}
					}
					cameras[it.Camera] = cam
				}
				out = append(out, Span{Item: *it, From: src.From, To: src.To, Region: src.Region, Page: src.Page, Claim: c.ID, Entity: root, Property: c.Property,
					Camera: cam.entity, ClockOffset: cam.offset})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Span) int {
		return cmp.Or(a.Item.SortTime().Add(a.From+a.ClockOffset).Compare(b.Item.SortTime().Add(b.From+b.ClockOffset)), cmp.Compare(a.Item.ID, b.Item.ID), cmp.Compare(a.From, b.From), cmp.Compare(a.Claim, b.Claim))
	})
	return out, nil
}

// papers gives the documents, articles and testimonies that the standing claims about these entities rest on.
func (r *reader) papers(ctx context.Context, desk []string) (documents, testimonies []string, err error) {
	var ids []string
	for _, root := range desk {
		for _, c := range r.about[root].claims {
			for _, src := range c.Sources {
				if src.Entity != "" && c.Stands() {
					ids = append(ids, src.Entity)
				}
			}
		}
	}
	if err := r.roots(ctx, ids...); err != nil {
		return nil, nil, err
	}
	var roots []string
	for _, id := range ids {
		if root := r.root[id]; root != "" && !slices.Contains(roots, root) {
			roots = append(roots, root)
		}
	}
	if err := r.loadWith(ctx, false, roots...); err != nil {
		return nil, nil, err
	}
	for _, root := range roots {
		if a := r.about[root]; a == nil {
			continue
		} else if a.Kind == catalogue.Testimony {
			testimonies = append(testimonies, root)
		} else {
			documents = append(documents, root)
		}
	}
	return documents, testimonies, nil
}

// questions lists what is open about entities that were loaded whole.
func (r *reader) questions(roots []string) (out []Question) {
	for _, root := range roots {
		a := r.about[root]
		for _, p := range a.kind.Properties {
			claims, current, _, finding, _ := a.of(p.Name)
			said := false
			for _, c := range claims {
				if !c.Stands() || !current[c.ID] {
					continue
				}
				if said = true; c.Certainty == archive.NotKnown {
					out = append(out, Question{Entity: r.summary(root), Property: p.Name, Reason: QuestionNotKnown, Claim: c.ID})
				}
			}
			switch {
			case finding != nil && finding.Claim == "":
				out = append(out, Question{Entity: r.summary(root), Property: p.Name, Reason: QuestionUndetermined})
			case !said && slices.Contains(a.kind.Required, p.Name):
				out = append(out, Question{Entity: r.summary(root), Property: p.Name, Reason: QuestionMissing})
			}
		}
	}
	return out
}

// stretch is what a date may mean.
type stretch struct {
	from, to int64 // microseconds; the ends of time where it is open
	claim    string
	vague    bool // about, or doubted: nothing follows from it
	known    bool
}

const (
	always = int64(1) << 62
	day    = int64(24 * time.Hour / time.Microsecond)
)

// when gives the current date of a property.
func (r *reader) when(root, property string) stretch {
	a := r.about[root]
	if a == nil {
		return stretch{}
	}
	c, ok := a.one(property)
	if !ok || c.Certainty == archive.NotKnown {
		return stretch{}
	}
	s := stretch{from: -always, to: always, claim: c.ID, known: true}
	if c.Earliest != nil {
		s.from = *c.Earliest
	}
	if c.Latest != nil {
		s.to = *c.Latest
	}
	d, err := edtf.Parse(c.Value)
	s.vague = err != nil || d.Approximate() || d.Uncertain()
	return s
}

// begins gives where to put something in a list by time: what has no date comes last.
func (r *reader) begins(root, property string) int64 {
	if s := r.when(root, property); s.known {
		return s.from
	}
	return always
}

func before(a, b stretch) bool { return a.known && b.known && !a.vague && !b.vague && a.to < b.from }

// contradictions lists what cannot all be true, or cannot easily, about entities that were loaded whole: rivals without a finding, and dates that
// do not go together. A date that is "about" or doubted contradicts nothing.
func (r *reader) contradictions(roots []string) (out []Contradiction) {
	add := func(root, property, reason string, others []string, claims ...string) {
		out = append(out, Contradiction{Entity: r.summary(root), Property: property, Reason: reason, Claims: claims, Others: r.summaries(others)})
	}
	for _, root := range roots {
		a := r.about[root]
		for _, p := range a.kind.Properties {
			claims, _, rival, finding, _ := a.of(p.Name)
			if !rival || finding != nil {
				continue
			}
			var ids []string
			for _, c := range claims {
				if c.Stands() {
					ids = append(ids, c.ID)
				}
			}
			add(root, p.Name, ContradictionRivals, nil, ids...)
		}
		switch a.Kind {
		case catalogue.Act:
			if on := r.ref(root, "incident"); on != "" {
				if act, in := r.when(root, "date"), r.when(on, "date"); before(act, in) || before(in, act) {
					add(root, "date", ContradictionDates, []string{on}, act.claim, in.claim)
				}
			}
		case catalogue.Outcome:
			if on := r.ref(root, "act"); on != "" {
				if effect, act := r.when(root, "date"), r.when(on, "date"); before(effect, act) {
					add(root, "date", ContradictionOrder, []string{on}, effect.claim, act.claim)
				}
			}
		case catalogue.Order:
			if on := r.ref(root, "act"); on != "" {
				if order, act := r.when(root, "date"), r.when(on, "date"); before(act, order) {
					add(root, "date", ContradictionCommand, []string{on}, order.claim, act.claim)
				}
			}
		}
		for _, ends := range [][2]string{{"from", "to"}, {"opened", "closed"}, {"from-date", "to-date"}} {
			if p, ok := a.kind.Property(ends[0]); ok && p.Type == catalogue.TypeDate {
				if from, to := r.when(root, ends[0]), r.when(root, ends[1]); before(to, from) {
					add(root, ends[1], ContradictionEnd, nil, from.claim, to.claim)
				}
			}
		}
	}
	return out
}

// site is where an act was, as far as two sites can be compared.
type site struct{ facilities, locations []string }

func (s site) elsewhere(o site) bool {
	shares := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
	}
	if shares(s.facilities, o.facilities) || shares(s.locations, o.locations) {
		return false
	}
	return len(s.facilities) > 0 && len(o.facilities) > 0 || len(s.locations) > 0 && len(o.locations) > 0
}

func (r *reader) site(act string) (s site) {
	places := r.refs(act, "place")
	if on := r.ref(act, "incident"); on != "" {
		s.facilities = append(s.facilities, r.refs(on, "facility")...)
		if len(places) == 0 {
			places = r.refs(on, "place")
		}
	}
	for _, p := range places {
		switch r.about[p].Kind {
		case catalogue.Facility:
			s.facilities = append(s.facilities, p)
		case catalogue.Room:
			s.facilities = append(s.facilities, r.refs(p, "facility")...)
		default:
			s.locations = append(s.locations, p)
		}
	}
	return s
}

// whereabouts lists persons who are said to be at two places within one day, and officials who are said to be at one place while posted to
// another one.
func (r *reader) whereabouts(ctx context.Context, incident string, acts []string, parts referring) (out []Contradiction, err error) {
	here := map[string][]string{} // acts of this incident by person
	var persons []string
	for _, act := range acts {
		for _, inv := range parts[act][catalogue.Involvement] {
			if p := r.ref(inv, "person"); p != "" && !slices.Contains(here[p], act) {
				if len(here[p]) == 0 {
					persons = append(persons, p)
				}
				here[p] = append(here[p], act)
			}
		}
	}
	return r.elsewhere(ctx, persons, func(person, a, b string) bool {
		return slices.Contains(here[person], a) || slices.Contains(here[person], b)
	})
}

// elsewhere compares all acts and postings of persons; concerns says of a person and two acts (or one, twice) whether they are to be told.
func (r *reader) elsewhere(ctx context.Context, persons []string, concerns func(person, a, b string) bool) (out []Contradiction, err error) {
	on, err := r.refersTo(ctx, persons, catalogue.Involvement, catalogue.Posting)
	if err != nil {
		return nil, err
	}
	var acts []string
	for _, p := range persons {
		for _, inv := range on[p][catalogue.Involvement] {
			acts = append(acts, r.ref(inv, "act"))
		}
	}
	// Acts with their incidents, rooms and facilities.
	if err := r.loadWith(ctx, true, slices.DeleteFunc(acts, func(s string) bool { return s == "" })...); err != nil {
		return nil, err
	}
	var around []string
	for _, act := range acts {
		if act != "" {
			around = append(append(around, r.refs(act, "incident")...), r.refs(act, "place")...)
		}
	}
	if err := r.loadWith(ctx, true, around...); err != nil {
		return nil, err
	}
	for _, person := range persons {
		var mine []string
		for _, inv := range on[person][catalogue.Involvement] {
			if act := r.ref(inv, "act"); act != "" && !slices.Contains(mine, act) {
				mine = append(mine, act)
			}
		}
		for i, a := range mine {
			when := r.when(a, "date")
			if !when.known || when.vague || when.to-when.from > day {
				continue
			}
			for _, b := range mine[i+1:] {
				other := r.when(b, "date")
				if !other.known || other.vague || other.to-other.from > day || before(when, other) || before(other, when) || !r.site(a).elsewhere(r.site(b)) || !concerns(person, a, b) {
					continue
				}
				out = append(out, Contradiction{Entity: r.summary(person), Property: "place", Reason: ContradictionPlaces, Claims: []string{when.claim, other.claim}, Others: r.summaries([]string{a, b})})
			}
			at := r.site(a).facilities
			if len(at) == 0 || !concerns(person, a, a) {
				continue
			}
			var posted, claims []string
			for _, p := range on[person][catalogue.Posting] {
				from, to := r.when(p, "from"), r.when(p, "to")
				f := r.ref(p, "facility")
				if f == "" || !from.known || from.vague || to.vague || from.to > when.from || to.known && to.from < when.to {
					continue
				}
				posted = append(posted, f)
				c, _ := r.about[p].one("facility")
				claims = append(claims, c.ID)
			}
			if len(posted) > 0 && !slices.ContainsFunc(posted, func(f string) bool { return slices.Contains(at, f) }) {
				out = append(out, Contradiction{Entity: r.summary(person), Property: "facility", Reason: ContradictionPosting, Claims: append(claims, when.claim), Others: r.summaries(append([]string{a}, posted...))})
			}
		}
	}
	return out, nil
}
