package knowledge_test

import (
	"fmt"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Somebody outside a compartment can neither find, count, complete nor guess what it holds.
func TestNothingLeavesACompartment(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		s := r.story()
		secret := r.make(r.inside, catalogue.Person, r.closed, claim("name", "Zinaida Hidden"))
		open := r.make(r.lead, catalogue.Person, "", claim("name", "Seen"))
		inv := r.make(r.inside, catalogue.Involvement, "", claim("act", s.act.Code), claim("person", secret.Code), claim("role", "witness"))
		narrow := claim("summary", "Zinaida saw it")
		narrow.Compartment = r.closed
		r.say(r.inside, s.incident.ID, narrow)
		nick := claim("alias", "Zinaida")
		nick.Compartment = r.closed
		r.say(r.inside, open.ID, nick)
		_, err := r.s.Merge(ctx, r.inside, secret.ID, open.ID, "the same")
		r.must(err)
		for name, who := range map[string]policy.Subject{"reviewer": r.reviewer, "outside": r.outside} {
			for _, id := range []string{secret.ID, secret.Code} {
				_, err := r.s.Entity(ctx, who, id)
				r.is(name+" opens it", err, archive.ErrNotFound)
				_, err = r.s.Person(ctx, who, id)
				r.is(name+" opens the person", err, archive.ErrNotFound)
				_, err = r.s.Graph(ctx, who, id, 2)
				r.is(name+" draws it", err, archive.ErrNotFound)
			}
			for _, text := range []string{"Zinaida", "zin", "Зинаида", "hidden", secret.Code} {
				if list, _, total, err := r.s.List(ctx, who, knowledge.Query{Text: text}); err != nil || total != 0 || len(list) != 0 {
					r.t.Errorf("%s completes %q: %d, %v", name, text, total, err)
				}
			}
			if _, _, total, err := r.s.List(ctx, who, knowledge.Query{Refers: secret.ID}); err != nil || total != 0 {
				r.t.Errorf("%s counts what refers to it: %d, %v", name, total, err)
			}
			if _, _, total, err := r.s.List(ctx, who, knowledge.Query{Compartment: &r.closed}); err != nil || total != 0 {
				r.t.Errorf("%s counts the compartment: %d, %v", name, total, err)
			}
			in, err := r.s.Incident(ctx, who, s.incident.ID)
			r.must(err)
			if text := fmt.Sprintf("%+v", in); strings.Contains(text, "Zinaida") || strings.Contains(text, secret.ID) || strings.Contains(text, secret.Code) {
				r.t.Errorf("%s reads it on the desk", name)
			}
			g, err := r.s.Graph(ctx, who, s.incident.ID, 4)
			r.must(err)
			if text := fmt.Sprintf("%+v", g); strings.Contains(text, "Zinaida") || strings.Contains(text, secret.ID) {
				r.t.Errorf("%s sees it in the graph", name)
			}
			v := r.view(who, open.ID)
			if text := fmt.Sprintf("%+v", v); strings.Contains(text, "Zinaida") || strings.Contains(text, secret.ID) || len(v.Members) != 0 {
				r.t.Errorf("%s reads it on the one that it was merged into", name)
			}
			if w := r.view(who, inv.ID); strings.Contains(fmt.Sprintf("%+v", w), secret.ID) {
				r.t.Errorf("%s reads the reference", name)
			}
			if list, err := r.s.Compartments(ctx, who); err != nil || len(list) != 0 {
				r.t.Errorf("%s lists compartments: %v, %v", name, list, err)
			}
		}
		for what, act := range map[string]func() error{
			"make": func() error {
				_, err := r.s.Create(ctx, r.outside, knowledge.Draft{Kind: catalogue.Person, Compartment: r.closed})
				return err
			},
			"say":   func() error { _, err := r.s.Say(ctx, r.outside, secret.ID, claim("sex", "male")); return err },
			"refer": func() error { _, err := r.s.Say(ctx, r.outside, inv.ID, claim("person", secret.Code)); return err },
			"merge": func() error { _, err := r.s.Merge(ctx, r.outside, open.ID, secret.ID, "x"); return err },
			"file":  func() error { return r.s.File(ctx, r.outside, open.ID, r.closed) },
			"file out": func() error {
				return r.s.File(ctx, r.outside, secret.ID, "")
			},
			"find": func() error {
				return r.s.Find(ctx, r.outside, archive.Finding{Entity: secret.ID, Property: "name", Reason: "x"})
			},
			"narrow": func() error {
				c := claim("summary", "x")
				c.Compartment = r.closed
				_, err := r.s.Say(ctx, r.outside, s.incident.ID, c)
				return err
			},
			"protect": func() error { return r.s.Protect(ctx, r.outside, secret.ID, true) },
		} {
			r.is(what+" from outside", act(), archive.ErrNotFound)
		}
		// Who is let in sees all of it.
		v := r.view(r.inside, secret.ID)
		if v.ID != open.ID || len(v.Members) != 1 || len(property(v, "name").Claims) != 2 {
			r.t.Errorf("%+v", v)
		}
		if list, err := r.s.Compartments(ctx, r.inside); err != nil || len(list) != 1 || list[0].Name != "closed" {
			r.t.Errorf("%v, %v", list, err)
		}
	})
}

// Numbers that are missing among the codes of the common compartment would tell how much a closed one holds.
func TestCodesDoNotCountWhatIsHidden(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		first := r.make(r.lead, catalogue.Incident, "")
		for range 3 {
			r.make(r.inside, catalogue.Incident, r.closed)
		}
		hidden := r.make(r.inside, catalogue.Incident, r.closed)
		second := r.make(r.lead, catalogue.Incident, "")
		if first.Code != "I-0001" || second.Code != "I-0002" || !strings.HasSuffix(hidden.Code, "-0004") || len(strings.Split(hidden.Code, "-")) != 3 {
			r.t.Errorf("%s, %s, %s", first.Code, hidden.Code, second.Code)
		}
		// A code that is taken where the asker does not see is no refusal, which would answer a guess.
		r.must(createCode(r, r.outside, hidden.Code))
		_, err := r.s.Create(ctx, r.inside, knowledge.Draft{Kind: catalogue.Incident, Code: hidden.Code})
		r.is("taken where one sees it", err, archive.ErrExists)
	})
}

func createCode(r *rig, who policy.Subject, code string) error {
	_, err := r.s.Create(ctx, who, knowledge.Draft{Kind: catalogue.Incident, Code: code})
	return err
}

func TestFile(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		e := r.make(r.inside, catalogue.Person, r.closed, claim("name", "Moved"))
		_, err := r.s.Entity(ctx, r.reviewer, e.ID)
		r.is("before", err, archive.ErrNotFound)
		r.must(r.s.File(ctx, r.inside, e.ID, ""))
		if v := r.view(r.reviewer, e.ID); v.Label != "Moved" {
			r.t.Errorf("%+v", v)
		}
		r.must(r.s.File(ctx, r.inside, e.ID, r.closed))
		_, err = r.s.Entity(ctx, r.reviewer, e.ID)
		r.is("after", err, archive.ErrNotFound)
	})
}

// A finding speaks about all claims that there are; who does not see one of them does not read it.
func TestFindingsDoNotQuoteWhatIsHidden(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		e := r.make(r.lead, catalogue.Incident, "", claim("date", "2020"), claim("date", "2021"))
		hidden := claim("date", "2022")
		hidden.Compartment = r.closed
		r.say(r.inside, e.ID, hidden)
		r.must(r.s.Find(ctx, r.inside, archive.Finding{Entity: e.ID, Property: "date", Claim: property(r.view(r.inside, e.ID), "date").Claims[0].ID, Reason: "not 2022"}))
		if p := property(r.view(r.reviewer, e.ID), "date"); p.Finding != nil {
			r.t.Errorf("%+v", p.Finding)
		}
		if p := property(r.view(r.inside, e.ID), "date"); p.Finding == nil {
			r.t.Error("who sees all does not read it")
		}
	})
}

func TestVocabulariesGrow(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		label := map[string]string{"en": "Sleep deprivation in a cell", "ru": "Лишение сна"}
		r.is("a reviewer", r.s.PutTerm(ctx, r.reviewer, archive.Term{Vocabulary: "act", Code: "0299", Labels: label}), archive.ErrNotFound)
		r.is("no label", r.s.PutTerm(ctx, r.lead, archive.Term{Vocabulary: "act", Code: "0299"}), archive.ErrInvalid)
		r.is("no parent", r.s.PutTerm(ctx, r.lead, archive.Term{Vocabulary: "act", Code: "0299", Parent: "8888", Labels: label}), archive.ErrInvalid)
		r.must(r.s.PutTerm(ctx, r.lead, archive.Term{Vocabulary: "act", Code: "0299", Parent: "02", Order: 5, Labels: label}))
		e := r.make(r.lead, catalogue.Act, "", claim("type", "0299"))
		v, err := r.s.Entity(ctx, r.reviewer, e.ID, "ru-RU")
		r.must(err)
		if v.Label != "Лишение сна" {
			r.t.Errorf("%q", v.Label)
		}
		r.is("below itself", r.s.PutTerm(ctx, r.lead, archive.Term{Vocabulary: "act", Code: "02", Parent: "0299", Labels: label}), archive.ErrConflict)
		// A term of the program is changed in the same way, and retired when it is offered no more.
		r.must(r.s.PutTerm(ctx, r.lead, archive.Term{Vocabulary: "act", Code: "0299", Parent: "02", Retired: true, Labels: label}))
		_, err = r.s.Create(ctx, r.lead, knowledge.Draft{Kind: catalogue.Act, Claims: []knowledge.ClaimDraft{claim("type", "0299")}})
		r.is("retired", err, archive.ErrInvalid)
		terms, err := r.s.Vocabulary(ctx, "act")
		r.must(err)
		seen := map[string]bool{"": true}
		for _, term := range terms {
			if !seen[term.Parent] || seen[term.Code] {
				r.t.Errorf("%s comes twice or before its parent", term.Code)
			}
			seen[term.Code] = true
		}
		if !seen["0299"] || !seen["02011111"] {
			r.t.Error("a term is missing")
		}
		_, err = r.s.Vocabulary(ctx, "nothing")
		r.is("no such vocabulary", err, archive.ErrNotFound)
	})
}

// What was said on the strength of an item alone goes with it.
func TestErasureTakesTheWords(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		it, kept := r.item(0, nil), r.item(0, nil)
		e := r.make(r.lead, catalogue.Incident, "", claim("title", "Pelageya in the corridor", span(it.ID, 1, 2)), claim("summary", "Seen twice", span(it.ID, 1, 2), span(kept.ID, 3, 4)))
		doc := r.make(r.lead, catalogue.Document, "", claim("title", "Scan"), claim("item", it.Reference()))
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: e.ID, Property: "title", Claim: property(r.view(r.lead, e.ID), "title").Claims[0].ID, Reason: "Pelageya it is"}))
		r.must(r.db.Write(ctx, func(tx *store.Tx) error {
			id := archive.NewID(archive.PrefixErasure)
			r.must(tx.AddErasure(ctx, store.Erasure{ID: id, Item: it.ID, Reason: "r", RequestedBy: "ag_1", RequestedAt: noon}))
			r.must(tx.ApproveErasure(ctx, id, "ag_2", noon))
			return nil
		}))
		if v := r.view(r.lead, e.ID); v.Label != e.Code || len(v.Properties) != 0 {
			r.t.Errorf("while it waits: %+v", v)
		}
		r.must(r.db.Write(ctx, func(tx *store.Tx) error { return tx.EraseItemRows(ctx, it.ID) }))
		v := r.view(r.lead, e.ID)
		title, summary := property(v, "title"), property(v, "summary")
		if len(title.Claims) != 1 || title.Claims[0].Value != "" || title.Claims[0].Stands() || title.Finding != nil || len(title.Claims[0].Sources) != 0 {
			r.t.Errorf("%+v", title)
		}
		if len(summary.Claims) != 1 || summary.Claims[0].Value != "Seen twice" || len(summary.Claims[0].Sources) != 1 || summary.Claims[0].Sources[0].Item != kept.ID {
			r.t.Errorf("%+v", summary)
		}
		if p := property(r.view(r.lead, doc.ID), "item"); len(p.Claims) != 1 || p.Claims[0].Value != "" {
			r.t.Errorf("%+v", p)
		}
		r.is("the words do not come back", r.s.Restore(ctx, r.lead, title.Claims[0].ID), archive.ErrConflict)
		if _, _, total, err := r.s.List(ctx, r.lead, knowledge.Query{Text: "Pelageya"}); err != nil || total != 0 {
			r.t.Errorf("still completed: %d, %v", total, err)
		}
	})
}
