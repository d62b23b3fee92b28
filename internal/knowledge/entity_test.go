package knowledge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
)

func TestCreateAndRead(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		it := r.item(0, nil)
		place := r.make(r.lead, catalogue.Location, "", claim("name", "Saratov"), claim("geo", "51.53,46.03"))
		e := r.make(r.lead, catalogue.Incident, "", claim("title", "Beating in ward 3", span(it.Reference(), time.Second, 2*time.Second)), claim("date", "2020-07~"), claim("place", place.Code))
		if e.Code != "I-0001" || place.Code != "L-0001" {
			t := r.t
			t.Errorf("codes %s, %s", e.Code, place.Code)
		}
		v := r.view(r.reviewer, "i-0001")
		if v.ID != e.ID || v.Label != "Beating in ward 3" || v.MayEdit || len(v.Properties) != 3 {
			r.t.Errorf("%+v", v)
		}
		title := property(v, "title").Claims[0]
		if title.Sources[0].Item != it.ID || title.Sources[0].To != 2*time.Second || !title.Current || title.Rival || title.AuthorName != "lead" || title.Origin != "person" {
			r.t.Errorf("%+v", title)
		}
		where := property(v, "place").Claims[0]
		if where.Value != place.ID || where.RefLabel != "Saratov" || where.RefCode != place.Code || where.Text != "Saratov" {
			r.t.Errorf("%+v", where)
		}
		date := property(v, "date").Claims[0]
		if date.Earliest.Format("2006-01-02") != "2020-07-01" || date.Latest.Format("2006-01-02") != "2020-07-31" {
			r.t.Errorf("%+v", date)
		}
		if back := r.view(r.lead, place.ID); len(back.Incoming) != 1 || back.Incoming[0].Entity.Label != "Beating in ward 3" || back.Incoming[0].Property != "place" || !back.MayEdit {
			r.t.Errorf("%+v", back.Incoming)
		}
		on, err := r.s.ItemClaims(ctx, r.reviewer, it.ID)
		r.must(err)
		if len(on) != 1 || on[0].Property != "title" || on[0].EntityCode != "I-0001" {
			r.t.Errorf("%+v", on)
		}
	})
}

func TestDraftsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		it := r.item(0, nil)
		person := r.make(r.lead, catalogue.Person, "")
		for what, d := range map[string]knowledge.Draft{
			"kind":               {Kind: "thing"},
			"property":           {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("colour", "red")}},
			"certainty":          {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "x"}}},
			"empty":              {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "")}},
			"date":               {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("date", "yesterday")}},
			"kind of reference":  {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("place", person.Code)}},
			"term":               {Kind: catalogue.Act, Claims: []knowledge.ClaimDraft{claim("type", "act:777")}},
			"vocabulary":         {Kind: catalogue.Act, Claims: []knowledge.ClaimDraft{claim("type", "role:victim")}},
			"source kind":        {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", archive.Source{Kind: "rumour"})}},
			"backwards span":     {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", span(it.ID, 5, 3))}},
			"region":             {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", archive.Source{Kind: archive.SourceItem, Item: it.ID, Region: archive.Region{X: 900_000, W: 200_000, H: 1}})}},
			"words":              {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", archive.Source{Kind: archive.SourceOther})}},
			"document that isnt": {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", archive.Source{Kind: archive.SourceDocument, Entity: person.ID})}},
			"code":               {Kind: catalogue.Incident, Code: "no code!"},
			"protected incident": {Kind: catalogue.Incident, Protected: true},
			"origin":             {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "x", Certainty: archive.Probable, Origin: "somewhere"}}},
		} {
			_, err := r.s.Create(ctx, r.lead, d)
			if !errors.Is(err, archive.ErrInvalid) {
				r.t.Errorf("%s: %v", what, err)
			}
		}
		for what, d := range map[string]knowledge.Draft{
			"no such entity":      {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("place", "L-0099")}},
			"no such item":        {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", span("Z9-000001", 0, 0))}},
			"no such passage":     {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "x", archive.Source{Kind: archive.SourcePassage, Passage: archive.NewID(archive.PrefixPassage)})}},
			"no such compartment": {Kind: catalogue.Incident, Compartment: archive.NewID(archive.PrefixCompartment)},
		} {
			_, err := r.s.Create(ctx, r.lead, d)
			r.is(what, err, archive.ErrNotFound)
		}
		if _, _, total, err := r.s.List(ctx, r.lead, knowledge.Query{}); err != nil || total != 1 {
			r.t.Errorf("something was written: %d, %v", total, err)
		}
		_, err := r.s.Create(ctx, r.reviewer, knowledge.Draft{Kind: catalogue.Incident})
		r.is("a reviewer", err, archive.ErrNotFound)
		_, err = r.s.Create(ctx, policy.Subject{}, knowledge.Draft{Kind: catalogue.Incident})
		r.is("nobody", err, archive.ErrForbidden)
	})
}

func TestClaimsAreTakenBackAndReplaced(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		e := r.make(r.lead, catalogue.Incident, "", claim("title", "First"))
		id := property(r.view(r.lead, e.ID), "title").Claims[0].ID
		r.is("without a reason", r.s.Retract(ctx, r.lead, id, " "), archive.ErrInvalid)
		r.must(r.s.Retract(ctx, r.lead, id, "wrong room"))
		r.is("twice", r.s.Retract(ctx, r.lead, id, "wrong room"), archive.ErrConflict)
		v := r.view(r.lead, e.ID)
		if v.Label != e.Code || len(property(v, "title").Claims) != 1 || property(v, "title").Claims[0].Stands() || property(v, "title").Claims[0].Current {
			r.t.Errorf("%+v", v)
		}
		r.must(r.s.Restore(ctx, r.lead, id))
		r.is("restored twice", r.s.Restore(ctx, r.lead, id), archive.ErrConflict)
		c, err := r.s.Replace(ctx, r.lead, id, claim("", "Second"))
		r.must(err)
		v = r.view(r.lead, e.ID)
		claims := property(v, "title").Claims
		if v.Label != "Second" || len(claims) != 2 || claims[0].ID != c.ID || claims[1].Replaced != c.ID {
			r.t.Errorf("%+v", v)
		}
		_, err = r.s.Replace(ctx, r.lead, c.ID, claim("date", "2020"))
		r.is("another property", err, archive.ErrInvalid)
		r.is("by a reviewer", r.s.Retract(ctx, r.reviewer, c.ID, "x"), archive.ErrNotFound)
	})
}

func TestRivalsAndFindings(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		e := r.make(r.lead, catalogue.Incident, "", claim("date", "2020-07-27"))
		r.say(r.lead, e.ID, claim("date", "2020-07-27"))
		if p := property(r.view(r.lead, e.ID), "date"); p.Claims[0].Rival {
			r.t.Error("two who say the same are no rivals")
		}
		other := r.say(r.outside, e.ID, knowledge.ClaimDraft{Property: "date", Value: "2020-07-28", Certainty: archive.Disputed})[0]
		p := property(r.view(r.lead, e.ID), "date")
		if !p.Claims[0].Rival || !p.Claims[0].Current || p.Claims[0].Value != "2020-07-27" || p.Finding != nil {
			r.t.Errorf("%+v", p)
		}
		r.is("no reason", r.s.Find(ctx, r.lead, archive.Finding{Entity: e.ID, Property: "date", Claim: other.ID}), archive.ErrInvalid)
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: e.Code, Property: "date", Claim: other.ID, Reason: "clock drift"}))
		r.must(r.s.Find(ctx, r.outside, archive.Finding{Entity: e.ID, Property: "date", Claim: p.Claims[0].ID, Reason: "no", Dissent: true}))
		p = property(r.view(r.lead, e.ID), "date")
		if p.Finding == nil || p.Finding.Claim != other.ID || len(p.Dissent) != 1 || p.Claims[0].ID != other.ID || !p.Claims[0].Current || p.Claims[1].Current {
			r.t.Errorf("%+v", p)
		}
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: e.ID, Property: "date", Reason: "cannot be told"}))
		p = property(r.view(r.lead, e.ID), "date")
		if p.Finding == nil || p.Finding.Claim != "" || p.Claims[0].Current || len(p.Dissent) != 0 {
			r.t.Errorf("%+v", p)
		}
		// A finding for a claim that was taken back afterwards counts no more.
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: e.ID, Property: "date", Claim: other.ID, Reason: "after all"}))
		r.must(r.s.Retract(ctx, r.lead, other.ID, "wrong"))
		if p = property(r.view(r.lead, e.ID), "date"); p.Finding == nil || p.Finding.Claim != "" {
			r.t.Errorf("%+v", p.Finding)
		}
		r.is("a claim that was taken back", r.s.Find(ctx, r.lead, archive.Finding{Entity: e.ID, Property: "date", Claim: other.ID, Reason: "x"}), archive.ErrConflict)
		strange := r.make(r.lead, catalogue.Incident, "", claim("date", "2019"))
		r.is("a claim about something else", r.s.Find(ctx, r.lead, archive.Finding{Entity: e.ID, Property: "date", Claim: property(r.view(r.lead, strange.ID), "date").Claims[0].ID, Reason: "x"}), archive.ErrInvalid)
	})
}

func TestMergeAndUndo(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		a := r.make(r.lead, catalogue.Person, "", claim("name", "Иван Осечкин"))
		b := r.make(r.lead, catalogue.Person, "", claim("name", "Ivan Petrov"))
		c := r.make(r.lead, catalogue.Person, "", claim("alias", "Vanya"))
		act := r.make(r.lead, catalogue.Act, "", claim("type", "02011111"))
		inv := r.make(r.lead, catalogue.Involvement, "", claim("act", act.Code), claim("person", a.Code), claim("role", "perpetrator"))
		before := r.view(r.lead, a.ID)
		m1, err := r.s.Merge(ctx, r.lead, a.ID, b.ID, "same passport")
		r.must(err)
		m2, err := r.s.Merge(ctx, r.lead, b.ID, c.ID, "same face")
		r.must(err)
		_, err = r.s.Merge(ctx, r.lead, c.ID, a.ID, "circle")
		r.is("circle", err, archive.ErrConflict)
		_, err = r.s.Merge(ctx, r.lead, a.ID, c.ID, "again")
		r.is("again", err, archive.ErrConflict)
		_, err = r.s.Merge(ctx, r.lead, act.ID, c.ID, "kinds")
		r.is("kinds", err, archive.ErrInvalid)
		v := r.view(r.lead, a.Code)
		if v.ID != c.ID || len(v.Members) != 2 || len(v.Merged) != 2 || len(property(v, "name").Claims) != 2 || len(v.Incoming) != 1 {
			r.t.Errorf("%+v", v)
		}
		if p := property(r.view(r.lead, inv.ID), "person").Claims[0]; p.RefID != c.ID || p.Value != a.ID {
			r.t.Errorf("reference %+v", p)
		}
		for text, want := range map[string]int{"osechk": 1, "ВАНЯ": 1, "петров": 1, "P-0001": 1, "P-": 1, "nobody": 0, "ivan osech": 1} {
			list, _, total, err := r.s.List(ctx, r.lead, knowledge.Query{Kinds: []archive.EntityKind{catalogue.Person}, Text: text})
			r.must(err)
			if total != want || len(list) != want || want == 1 && list[0].ID != c.ID {
				r.t.Errorf("%q: %d %+v", text, total, list)
			}
		}
		if _, _, total, err := r.s.List(ctx, r.lead, knowledge.Query{Refers: c.ID}); err != nil || total != 1 {
			r.t.Errorf("who refers: %d, %v", total, err)
		}
		r.must(r.s.Unmerge(ctx, r.lead, m2.ID))
		if v := r.view(r.lead, a.ID); v.ID != b.ID {
			r.t.Errorf("after undoing one: %s", v.Code)
		}
		r.must(r.s.Unmerge(ctx, r.lead, m1.ID))
		r.is("undone twice", r.s.Unmerge(ctx, r.lead, m1.ID), archive.ErrConflict)
		after := r.view(r.lead, a.ID)
		if after.ID != a.ID || len(after.Members) != 0 || len(after.Properties) != len(before.Properties) || len(after.Incoming) != len(before.Incoming) ||
			property(after, "name").Claims[0].ID != property(before, "name").Claims[0].ID {
			r.t.Errorf("undoing did not give back what was: %+v", after)
		}
	})
}

func TestProtectedPersonHasNoName(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		for _, c := range []knowledge.ClaimDraft{claim("name", "x"), claim("alias", "x"), claim("birth-date", "1980"), claim("nationality", "x")} {
			_, err := r.s.Create(ctx, r.lead, knowledge.Draft{Kind: catalogue.Person, Protected: true, Claims: []knowledge.ClaimDraft{c}})
			r.is(c.Property, err, archive.ErrConflict)
			c.Certainty = archive.NotKnown
			if _, err := r.s.Create(ctx, r.lead, knowledge.Draft{Kind: catalogue.Person, Protected: true, Claims: []knowledge.ClaimDraft{c}}); err == nil {
				r.t.Errorf("%s: a value under \"not known\" went through", c.Property)
			}
		}
		p, err := r.s.Create(ctx, r.lead, knowledge.Draft{Kind: catalogue.Person, Protected: true, Claims: []knowledge.ClaimDraft{claim("code-name", "Witness 4"), claim("sex", "male")}})
		r.must(err)
		_, err = r.s.Say(ctx, r.lead, p.ID, claim("alias", "x"))
		r.is("say", err, archive.ErrConflict)
		open := r.make(r.lead, catalogue.Person, "", claim("name", "Named Person"))
		_, err = r.s.Merge(ctx, r.lead, p.ID, open.ID, "same")
		r.is("merge", err, archive.ErrConflict)
		_, err = r.s.Merge(ctx, r.lead, open.ID, p.ID, "same")
		r.is("merge the other way", err, archive.ErrConflict)
		r.is("protect one who is named", r.s.Protect(ctx, r.lead, open.ID, true), archive.ErrConflict)
		name := property(r.view(r.lead, open.ID), "name").Claims[0]
		r.must(r.s.Retract(ctx, r.lead, name.ID, "protect"))
		r.must(r.s.Protect(ctx, r.lead, open.ID, true))
		r.is("bring the name back", r.s.Restore(ctx, r.lead, name.ID), archive.ErrConflict)
		_, err = r.s.Replace(ctx, r.lead, property(r.view(r.lead, p.ID), "sex").Claims[0].ID, knowledge.ClaimDraft{Property: "name", Value: "x", Certainty: archive.Probable})
		r.is("replace", err, archive.ErrInvalid)
	})
}

func TestApply(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		old := r.make(r.lead, catalogue.Facility, "", claim("name", "OTB-1"))
		made, err := r.s.Apply(ctx, r.lead, []knowledge.Draft{
			{Kind: catalogue.Incident, Code: "I-0050", Claims: []knowledge.ClaimDraft{claim("title", "One"), claim("facility", old.Code)}},
			{Kind: catalogue.Act, Claims: []knowledge.ClaimDraft{claim("incident", "@0"), claim("type", "02011111")}},
			{Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "Two")}},
			{Entity: old.ID, Claims: []knowledge.ClaimDraft{claim("region", "Saratov")}},
		}, map[string]string{"import": "im_1"})
		r.must(err)
		if made[0].Code != "I-0050" || made[2].Code != "I-0051" || made[3].ID != old.ID {
			r.t.Errorf("%+v", made)
		}
		if v := r.view(r.lead, made[1].ID); property(v, "incident").Claims[0].RefID != made[0].ID {
			r.t.Errorf("%+v", v)
		}
		if v := r.view(r.lead, old.ID); property(v, "region").Claims[0].Value != "Saratov" {
			r.t.Errorf("%+v", v)
		}
		_, err = r.s.Apply(ctx, r.lead, []knowledge.Draft{{Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "Three")}}, {Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("title", "Four"), claim("date", "?")}}}, nil)
		if d, c, ok := knowledge.FaultOf(err); !ok || d != 1 || c != 1 {
			r.t.Errorf("fault at %d, %d, %v: %v", d, c, ok, err)
		}
		_, err = r.s.Apply(ctx, r.lead, []knowledge.Draft{{Kind: catalogue.Incident, Code: "i-0050"}}, nil)
		r.is("code is taken", err, archive.ErrExists)
		_, err = r.s.Apply(ctx, r.lead, []knowledge.Draft{{Kind: catalogue.Incident, Claims: []knowledge.ClaimDraft{claim("place", "@7")}}}, nil)
		r.is("a draft that is not there", err, archive.ErrInvalid)
		// One event for one act, with counts and without values.
		r.must(r.db.Read(ctx, func(tx *store.Tx) error {
			at, err := tx.EventsOf(ctx, "entity", made[1].ID)
			r.must(err)
			if len(at) != 1 {
				r.t.Fatalf("%d events", len(at))
			}
			o, err := tx.Opening(ctx, at[0])
			r.must(err)
			e, err := archive.ParseEvent(o.Event)
			r.must(err)
			if e.Type != archive.EventDescription || e.Detail["entities"] != "4" || e.Detail["claims"] != "6" || e.Detail["import"] != "im_1" || e.Detail["act"] != "apply" || strings.Contains(string(o.Event), "Saratov") {
				r.t.Errorf("%s", o.Event)
			}
			return nil
		}))
	})
}

func TestListPages(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		var drafts []knowledge.Draft
		for range 25 {
			drafts = append(drafts, knowledge.Draft{Kind: catalogue.Article, Claims: []knowledge.ClaimDraft{claim("title", "Article"), claim("outlet", "Paper")}})
		}
		_, err := r.s.Apply(ctx, r.lead, drafts, nil)
		r.must(err)
		seen := map[string]bool{}
		after, pages := "", 0
		for {
			list, next, total, err := r.s.List(ctx, r.reviewer, knowledge.Query{Kinds: []archive.EntityKind{catalogue.Article}, Property: "outlet", Value: "Paper", Limit: 10, After: after})
			r.must(err)
			if total != 25 {
				r.t.Fatalf("total %d", total)
			}
			for _, e := range list {
				if seen[e.ID] || e.Label != "Article" {
					r.t.Errorf("%s twice, or label %q", e.Code, e.Label)
				}
				seen[e.ID] = true
			}
			pages++
			if after = next; next == "" {
				break
			}
		}
		if len(seen) != 25 || pages != 3 {
			r.t.Errorf("%d on %d pages", len(seen), pages)
		}
		_, _, _, err = r.s.List(ctx, r.reviewer, knowledge.Query{After: "nonsense"})
		r.is("place", err, archive.ErrInvalid)
		_, _, _, err = r.s.List(ctx, r.reviewer, knowledge.Query{Limit: 5000})
		r.is("limit", err, archive.ErrInvalid)
		for _, text := range []string{strings.Repeat("слово ", 200), strings.Repeat("x", 400), "%_'\"", "\x00", "a"} {
			if _, _, _, err := r.s.List(ctx, r.reviewer, knowledge.Query{Text: text}); err != nil {
				r.t.Errorf("%.20q: %v", text, err)
			}
		}
	})
}
