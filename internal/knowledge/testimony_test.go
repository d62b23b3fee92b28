package knowledge_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/custody"
	"zapis/internal/knowledge"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// testimony begins a testimony with passages.
func (r *rig) testimony(who policy.Subject, compartment string, texts ...string) (archive.Entity, []archive.Passage) {
	r.t.Helper()
	e := r.make(who, catalogue.Testimony, compartment)
	var drafts []knowledge.PassageDraft
	for _, text := range texts {
		drafts = append(drafts, knowledge.PassageDraft{Heading: "arrest", Text: text, Lang: "en"})
	}
	if len(drafts) == 0 {
		return e, nil
	}
	p, err := r.s.AddPassages(ctx, who, e.ID, drafts...)
	r.must(err)
	return e, p
}

func (r *rig) consent(who policy.Subject, testimony, purpose, audience string) archive.Consent {
	r.t.Helper()
	c, err := r.s.AddConsent(ctx, who, testimony, knowledge.ConsentDraft{Purpose: purpose, Audience: audience, How: "oral"})
	r.must(err)
	return c
}

func (r *rig) mayUse(testimony, purpose, audience string) bool {
	r.t.Helper()
	ok, err := r.s.MayUse(ctx, testimony, purpose, audience, r.clock.Add(time.Second))
	r.must(err)
	return ok
}

func cites(p archive.Passage) archive.Source {
	return archive.Source{Kind: archive.SourcePassage, Passage: p.ID, Entity: p.Testimony}
}

// events counts the events about an entity and gives them as text.
func (r *rig) events(kind, entity string) string {
	r.t.Helper()
	var b strings.Builder
	r.must(r.db.Read(ctx, func(tx *store.Tx) error {
		b.Reset()
		found, err := tx.EventsOfType(ctx, custody.KindEntity, entity, kind)
		for _, o := range found {
			b.Write(o.Event)
			b.WriteByte('\n')
		}
		return err
	}))
	return b.String()
}

func TestPassagesAreWrittenReplacedAndCited(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		it := r.item(0, nil)
		e, p := r.testimony(r.lead, "", "They came at four.", "  Canary: they took the papers.\r\nAll of them. ")
		if p[1].Text != "Canary: they took the papers.\nAll of them." || p[1].Ordinal != 2 || p[0].ID == p[1].ID {
			t.Errorf("%+v", p)
		}
		for name, d := range map[string]knowledge.PassageDraft{
			"no words":            {Heading: "arrest", Text: " \n "},
			"no such heading":     {Heading: "gossip", Text: "x"},
			"no heading":          {Text: "x"},
			"too long":            {Heading: "arrest", Text: strings.Repeat("x", 20001)},
			"not text":            {Heading: "arrest", Text: "a\xffb"},
			"a time in no item":   {Heading: "arrest", Text: "x", From: time.Second},
			"no such item":        {Heading: "arrest", Text: "x", Item: archive.NewID(archive.PrefixItem)},
			"backwards":           {Heading: "arrest", Text: "x", Item: it.ID, From: 2 * time.Second, To: time.Second},
			"behind the end":      {Heading: "arrest", Text: "x", Item: it.ID, To: 2 * time.Hour},
			"no such language":    {Heading: "arrest", Text: "x", Lang: "no language at all"},
			"a negative page":     {Heading: "arrest", Text: "x", Item: it.ID, Page: -1},
			"an item by its name": {Heading: "arrest", Text: "x", Item: "../../etc/passwd"},
		} {
			_, err := r.s.AddPassages(ctx, r.lead, e.ID, d)
			r.is(name, err, archive.ErrInvalid)
		}
		spoken, err := r.s.AddPassages(ctx, r.lead, e.Code, knowledge.PassageDraft{Heading: "orders", Text: "He said so.", Item: it.Reference(), From: time.Minute, To: 2 * time.Minute})
		r.must(err)
		if spoken[0].Item != it.ID || spoken[0].Ordinal != 3 {
			t.Errorf("%+v", spoken)
		}
		if _, err := r.s.AddPassages(ctx, r.reviewer, e.ID, knowledge.PassageDraft{Heading: "arrest", Text: "x"}); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("a reviewer writes: %v", err)
		}
		act := r.make(r.lead, catalogue.Incident, "")
		claims := r.say(r.lead, act.ID, claim("title", "The arrest", cites(p[0])))
		better, err := r.s.ReplacePassage(ctx, r.lead, p[0].ID, knowledge.PassageDraft{Text: "They came at four in the morning."})
		r.must(err)
		if better.Ordinal != 1 || better.Heading != "arrest" {
			t.Errorf("%+v", better)
		}
		_, err = r.s.ReplacePassage(ctx, r.lead, p[0].ID, knowledge.PassageDraft{Text: "again"})
		r.is("replaced twice", err, archive.ErrConflict)
		r.must(r.s.RemovePassage(ctx, r.lead, p[1].ID))
		v, err := r.s.Testimony(ctx, r.lead, e.Code)
		r.must(err)
		if len(v.Headings) != 2 || v.Headings[0].Code != "arrest" || v.Headings[0].Passages[0].ID != better.ID || v.Headings[1].Passages[0].Reference != it.Reference() {
			t.Errorf("headings %+v", v.Headings)
		}
		if len(v.Past) != 2 || v.Past[0].Replaced != better.ID || v.Past[0].Cited != 1 || v.Past[0].Text != "They came at four." {
			t.Errorf("past %+v", v.Past)
		}
		if len(v.Originals) != 1 || v.Originals[0].ID != it.ID {
			t.Errorf("originals %+v", v.Originals)
		}
		if got := v.Headings[0].Passages[0].Cite; got != e.Code+" ¶1" {
			t.Errorf("cited as %q", got)
		}
		// Who follows the citation of the former words reads the former words.
		old, err := r.s.Passage(ctx, r.reviewer, claims[0].Sources[0].Passage)
		if err != nil || old.Text != "They came at four." || old.Replaced != better.ID || old.HeadingAs == "" || old.Cited != 1 {
			t.Errorf("%+v, %v", old, err)
		}
		if all := r.events(archive.EventDescription, e.ID); strings.Contains(all, "Canary") || !strings.Contains(all, "passage replaced") || !strings.Contains(all, better.ID) || !strings.Contains(all, "passage set aside") {
			t.Errorf("events: %s", all)
		}
	})
}

// What audiences cover, written down a second time as a table.
func TestWhatConsentsAllow(t *testing.T) {
	t.Parallel()
	covers := map[string][]string{"team": {"team"}, "partners": {"team", "partners"}, "court": {"team", "court"}, "public": {"team", "partners", "court", "public"}}
	each(t, func(r *rig) {
		for given, covered := range covers {
			e, _ := r.testimony(r.lead, "")
			if r.mayUse(e.ID, "court", "team") {
				t.Error("without any consent something is allowed")
			}
			c := r.consent(r.lead, e.ID, "court", given)
			for audience := range covers {
				if got := r.mayUse(e.ID, "court", audience); got != slices.Contains(covered, audience) {
					t.Errorf("a consent for %s is one for %s: %v", given, audience, got)
				}
				if r.mayUse(e.ID, "publication", audience) {
					t.Errorf("a consent for court is one for publication")
				}
			}
			if r.mayUse(e.ID, "", given) || r.mayUse(e.ID, "court", "") || r.mayUse(archive.NewID(archive.PrefixEntity), "court", given) || r.mayUse("nonsense", "court", given) {
				t.Error("nothing at all is allowed for something")
			}
			_, err := r.s.Withdraw(ctx, r.lead, e.ID, c.ID, "asked for")
			r.must(err)
			for audience := range covers {
				if r.mayUse(e.ID, "court", audience) {
					t.Errorf("%s taken back, still for %s", given, audience)
				}
			}
		}
		// A consent that runs out, and one that is not there yet.
		e, _ := r.testimony(r.lead, "")
		until := r.clock.Add(time.Hour)
		_, err := r.s.AddConsent(ctx, r.lead, e.ID, knowledge.ConsentDraft{Purpose: "research", Audience: "partners", How: "written", Until: until})
		r.must(err)
		for at, want := range map[time.Time]bool{r.clock.AddDate(-1, 0, 0): false, until.Add(-time.Microsecond): true, until: false, until.AddDate(1, 0, 0): false} {
			if got, err := r.s.MayUse(ctx, e.ID, "research", "partners", at); err != nil || got != want {
				t.Errorf("at %s: %v, %v", at, got, err)
			}
		}
	})
}

func TestConsentsAreChecked(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		e, _ := r.testimony(r.lead, "", "x")
		good := knowledge.ConsentDraft{Purpose: "court", Audience: "court", How: "written"}
		for name, change := range map[string]func(*knowledge.ConsentDraft){
			"no purpose":      func(d *knowledge.ConsentDraft) { d.Purpose = "" },
			"another purpose": func(d *knowledge.ConsentDraft) { d.Purpose = "sale" },
			"no audience":     func(d *knowledge.ConsentDraft) { d.Audience = "" },
			"another way":     func(d *knowledge.ConsentDraft) { d.How = "guessed" },
			"in the future":   func(d *knowledge.ConsentDraft) { d.GivenAt = r.clock.AddDate(0, 0, 1) },
			"ends before":     func(d *knowledge.ConsentDraft) { d.GivenAt, d.Until = noon.AddDate(-1, 0, 0), noon.AddDate(-2, 0, 0) },
			"no such paper":   func(d *knowledge.ConsentDraft) { d.Item = "Z9-000999" },
			"long":            func(d *knowledge.ConsentDraft) { d.Note = strings.Repeat("x", 2001) },
		} {
			d := good
			change(&d)
			_, err := r.s.AddConsent(ctx, r.lead, e.ID, d)
			r.is(name, err, archive.ErrInvalid)
		}
		_, err := r.s.AddConsent(ctx, r.reviewer, e.ID, good)
		r.is("by a reviewer", err, archive.ErrNotFound)
		c := r.consent(r.lead, e.ID, "court", "court")
		_, err = r.s.Withdraw(ctx, r.reviewer, e.ID, c.ID, "x")
		r.is("taken back by a reviewer", err, archive.ErrNotFound)
		_, err = r.s.Withdraw(ctx, r.lead, e.ID, c.ID, "  ")
		r.is("without a reason", err, archive.ErrInvalid)
		_, err = r.s.Withdraw(ctx, r.lead, e.ID, archive.NewID(archive.PrefixConsent), "x")
		r.is("another one", err, archive.ErrNotFound)
		other, _ := r.testimony(r.lead, "")
		_, err = r.s.Withdraw(ctx, r.lead, other.ID, c.ID, "x")
		r.is("through another testimony", err, archive.ErrNotFound)
		_, err = r.s.Withdraw(ctx, r.lead, e.ID, c.ID, "Canary: her own words")
		r.must(err)
		_, err = r.s.Withdraw(ctx, r.lead, e.ID, c.ID, "x")
		r.is("twice", err, archive.ErrConflict)
		_, err = r.s.Withdraw(ctx, r.lead, e.ID, "", "x")
		r.is("everything of nothing", err, archive.ErrConflict)
		// What was taken back is not given again by writing an earlier day on the paper.
		d := good
		d.GivenAt = noon.AddDate(0, -1, 0)
		_, err = r.s.AddConsent(ctx, r.lead, e.ID, d)
		r.is("of before", err, archive.ErrConflict)
		if r.mayUse(e.ID, "court", "court") {
			t.Error("it stands")
		}
		r.consent(r.lead, e.ID, "court", "court")
		if !r.mayUse(e.ID, "court", "court") {
			t.Error("given again, and it does not stand")
		}
		all := r.events(archive.EventConsent, e.ID)
		if strings.Contains(all, "Canary") || strings.Count(all, "consent given") != 2 || strings.Count(all, "consent withdrawn") != 1 || !strings.Contains(all, c.ID) {
			t.Errorf("events: %s", all)
		}
	})
}

// Whoever takes a purpose back for some people takes it back for everybody who includes them, and for nobody else.
func TestTakingBackTakesWhatCovers(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		e, _ := r.testimony(r.lead, "")
		partners := r.consent(r.lead, e.ID, "research", "partners")
		public := r.consent(r.lead, e.ID, "research", "public")
		court := r.consent(r.lead, e.ID, "research", "court")
		other := r.consent(r.lead, e.ID, "court", "public")
		goes, stay, err := r.s.WouldWithdraw(ctx, r.lead, e.ID, partners.ID)
		r.must(err)
		if len(goes) != 2 || len(stay) != 2 {
			t.Errorf("would go %+v, stay %+v", goes, stay)
		}
		w, err := r.s.Withdraw(ctx, r.lead, e.ID, partners.ID, "asked for")
		r.must(err)
		var ids []string
		for _, c := range w.Consents {
			ids = append(ids, c.ID)
		}
		want := []string{partners.ID, public.ID}
		slices.Sort(ids)
		slices.Sort(want)
		if d := cmp.Diff(want, ids); d != "" {
			t.Error(d)
		}
		_, _ = court, other
		for use, want := range map[[2]string]bool{{"research", "partners"}: false, {"research", "public"}: false, {"research", "court"}: true, {"research", "team"}: true, {"court", "public"}: true} {
			if got := r.mayUse(e.ID, use[0], use[1]); got != want {
				t.Errorf("%v: %v", use, got)
			}
		}
		v, err := r.s.Testimony(ctx, r.lead, e.ID)
		r.must(err)
		if v.State != knowledge.ConsentPartly {
			t.Errorf("state %s", v.State)
		}
	})
}

// Consents of testimonies that are one count together, and one that took its consent back ends it for both.
func TestConsentsFollowMerges(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		a, pa := r.testimony(r.lead, "", "first telling")
		b, _ := r.testimony(r.lead, "", "second telling")
		r.consent(r.lead, a.ID, "court", "court")
		c := r.consent(r.lead, b.ID, "court", "court")
		in := r.make(r.lead, catalogue.Incident, "")
		r.say(r.lead, in.ID, claim("title", "x", cites(pa[0])))
		m, err := r.s.Merge(ctx, r.lead, a.ID, b.ID, "the same person")
		r.must(err)
		d, err := r.s.Dependents(ctx, r.lead, b.ID)
		r.must(err)
		if len(d.Claims) != 1 {
			t.Errorf("through the merge: %+v", d)
		}
		// The consent of b is taken back by somebody who did not look at a's: a's goes with it.
		r.must(r.db.Write(ctx, func(tx *store.Tx) error {
			return tx.WithdrawConsents(ctx, []string{c.ID}, r.lead.Agent, "asked for", r.clock.Add(time.Minute))
		}))
		r.clock = r.clock.Add(2 * time.Minute)
		for _, id := range []string{a.ID, b.ID} {
			if r.mayUse(id, "court", "court") {
				t.Error("half of it may still be used")
			}
		}
		if !property(r.view(r.lead, in.ID), "title").Claims[0].Withdrawn {
			t.Error("nothing lights up through the merge")
		}
		r.must(r.s.Unmerge(ctx, r.lead, m.ID))
		if !r.mayUse(a.ID, "court", "court") || r.mayUse(b.ID, "court", "court") {
			t.Error("taking the merge back does not give back what was")
		}
	})
}

// Everything that rests on a testimony is found, and lights up where it is read.
func TestWithdrawalLightsUpWhatDepends(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		tape := r.item(0, nil)
		e, p := r.testimony(r.lead, "", "They came at four.")
		spoken, err := r.s.AddPassages(ctx, r.lead, e.ID, knowledge.PassageDraft{Heading: "arrest", Text: "On tape.", Item: tape.ID, To: time.Minute})
		r.must(err)
		c := r.consent(r.lead, e.ID, "publication", "public")
		in := r.make(r.lead, catalogue.Incident, "")
		cited := r.say(r.lead, in.ID, claim("title", "The arrest", cites(p[0])))[0]
		onTape := r.say(r.lead, in.ID, claim("summary", "Told on tape", span(tape.ID, 0, time.Second)))[0]
		free := r.say(r.lead, in.ID, claim("date", "2020-01-01", archive.Source{Kind: archive.SourceOther, Note: "a newspaper"}))[0]
		rival := r.say(r.lead, in.ID, claim("title", "The visit"))[0]
		r.must(r.s.Find(ctx, r.lead, archive.Finding{Entity: in.ID, Property: "title", Claim: cited.ID, Reason: "it fits"}))
		document := r.make(r.lead, catalogue.Document, "", claim("item", tape.ID))
		var export string
		r.must(r.db.Write(ctx, func(tx *store.Tx) error {
			export = archive.NewID(archive.PrefixExport)
			r.must(r.s.AddExport(ctx, tx, store.Export{ID: export, Kind: "ftm", Purpose: "publication", Audience: "public", At: r.clock, By: r.lead.Agent,
				Entries: []store.ExportEntry{{Kind: store.EntryClaim, ID: cited.ID}, {Kind: store.EntryClaim, ID: free.ID}}}))
			return tx.AddNotes(ctx, store.NewNote{Note: archive.Note{ID: archive.NewID(archive.PrefixNote), Item: tape.ID, FrameFrom: -1, FrameTo: -1, Body: "x", Author: r.lead.Agent, CreatedAt: noon}, Key: "k"})
		}))
		clip := r.clip(tape.ID)
		d, err := r.s.Dependents(ctx, r.lead, e.Code)
		r.must(err)
		if len(d.Claims) != 2 || len(d.Findings) != 1 || len(d.Exports) != 1 || d.Exports[0].ID != export || len(d.Exports[0].Entries) != 1 || len(d.Clips) != 1 || d.Clips[0].ID != clip ||
			len(d.Documents) != 1 || d.Documents[0].ID != document.ID || len(d.Notes) != 1 || d.Count() != 7 {
			t.Errorf("before: %+v", d)
		}
		for _, x := range d.Claims {
			if x.Withdrawn {
				t.Error("lit up before anything was taken back")
			}
		}
		usable := func() (out []string) {
			r.must(r.db.Read(ctx, func(tx *store.Tx) error {
				out = nil
				may, err := knowledge.Usable(ctx, tx, "publication", "public", r.clock, cited, onTape, free, rival)
				for _, c := range []archive.Claim{cited, onTape, free, rival} {
					if may[c.ID] {
						out = append(out, c.ID)
					}
				}
				return err
			}))
			return out
		}
		if got := usable(); len(got) != 4 {
			t.Errorf("usable before: %v", got)
		}
		w, err := r.s.Withdraw(ctx, r.lead, e.ID, c.ID, "asked for")
		r.must(err)
		if w.Dependents.Count() != 7 || !w.Dependents.Claims[0].Withdrawn || !w.Dependents.Claims[1].Withdrawn {
			t.Errorf("what came of it: %+v", w.Dependents)
		}
		if d := cmp.Diff([]string{free.ID, rival.ID}, usable()); d != "" {
			t.Error(d)
		}
		view := r.view(r.reviewer, in.ID)
		lit := map[string]bool{}
		for _, p := range view.Properties {
			for _, c := range p.Claims {
				lit[c.ID] = c.Withdrawn
			}
		}
		if d := cmp.Diff(map[string]bool{cited.ID: true, onTape.ID: true, free.ID: false, rival.ID: false}, lit); d != "" {
			t.Error(d)
		}
		claims, err := r.s.ItemClaims(ctx, r.lead, tape.ID)
		r.must(err)
		for _, c := range claims {
			if c.ID == onTape.ID && !c.Withdrawn {
				t.Error("on the page of the item nothing lights up")
			}
		}
		v, err := r.s.Testimony(ctx, r.reviewer, e.ID)
		r.must(err)
		if v.State != knowledge.ConsentWithdrawn || !v.Headings[0].Passages[0].Withdrawn || v.MayConsent || v.MayIdentity {
			t.Errorf("%+v", v)
		}
		if got := r.events(archive.EventConsent, e.ID); !strings.Contains(got, `"claims":"2"`) || !strings.Contains(got, `"clips":"1"`) || !strings.Contains(got, `"exports":"1"`) {
			t.Errorf("the event does not count what depends: %s", got)
		}
		// Given again, it goes out again.
		r.consent(r.lead, e.ID, "publication", "public")
		if got := usable(); len(got) != 4 {
			t.Errorf("usable again: %v", got)
		}
		if property(r.view(r.reviewer, in.ID), "title").Claims[0].Withdrawn {
			t.Error("lit up although it was given again")
		}
		_ = spoken
	})
}

// clip states a clip that was cut from an item.
func (r *rig) clip(item string) string {
	r.t.Helper()
	id := archive.NewID(archive.PrefixClip)
	r.must(r.db.Write(ctx, func(tx *store.Tx) error {
		it, err := tx.ErasableItem(ctx, item)
		r.must(err)
		var sum [32]byte
		scope := store.Statement{ID: archive.NewID(archive.PrefixStatement), Kind: "scope", Body: []byte("{}"), SHA256: [32]byte{1}, CreatedAt: noon, CreatedBy: "ag_1"}
		st := store.Statement{ID: archive.NewID(archive.PrefixStatement), Kind: "clip", Body: []byte("{ }"), SHA256: [32]byte{2}, CreatedAt: noon, CreatedBy: "ag_1"}
		r.must(tx.AddStatement(ctx, scope))
		r.must(tx.AddStatement(ctx, st))
		// Any object serves: what ties a clip to an item is the event.
		c := store.Clip{ID: id, Statement: st.ID, Scope: scope.ID, Number: 1, SHA256: sum, Object: it.Object, CreatedAt: noon}
		r.must(tx.AddClip(ctx, c))
		_, err = custody.New(custody.Options{Tool: "test"}).Record(ctx, tx, archive.Event{Type: archive.EventDissemination, Agent: r.lead.Agent, Outcome: archive.Success, Subjects: []archive.Subject{
			{Role: custody.RoleSource, Kind: custody.KindItem, ID: item}, {Role: custody.RoleOutcome, Kind: custody.KindObject, ID: it.Object.Object}}})
		return err
	}))
	return id
}

// Somebody outside the compartment finds, counts and opens nothing of a testimony, by whatever door, and what they may see looks as if it were
// not there.
func TestTestimonyIsNothingToOutsiders(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		hidden, p := r.testimony(r.inside, r.closed, "Canary words.")
		shown, q := r.testimony(r.lead, "", "Open words.")
		c := r.consent(r.inside, hidden.ID, "court", "court")
		in := r.make(r.lead, catalogue.Incident, "")
		secret := r.say(r.inside, in.ID, claim("title", "Secret title", cites(p[0])))[0]
		r.say(r.lead, in.ID, claim("title", "Open title", cites(q[0])))
		tape := r.item(0, nil)
		_, err := r.s.AddPassages(ctx, r.inside, hidden.ID, knowledge.PassageDraft{Heading: "arrest", Text: "On tape.", Item: tape.ID, To: time.Minute})
		r.must(err)
		r.say(r.lead, in.ID, claim("summary", "From the tape", span(tape.ID, 0, time.Second)))
		_, err = r.s.Withdraw(ctx, r.inside, hidden.ID, c.ID, "asked for")
		r.must(err)
		for name, who := range map[string]policy.Subject{"outside": r.outside, "reviewer": r.reviewer, "nobody": {}} {
			for what, err := range map[string]error{
				"testimony":  errOf(r.s.Testimony(ctx, who, hidden.ID)),
				"by code":    errOf(r.s.Testimony(ctx, who, hidden.Code)),
				"passage":    errOf(r.s.Passage(ctx, who, p[0].ID)),
				"dependents": errOf(r.s.Dependents(ctx, who, hidden.ID)),
				"add":        errOf(r.s.AddPassages(ctx, who, hidden.ID, knowledge.PassageDraft{Heading: "arrest", Text: "x"})),
				"replace":    errOf(r.s.ReplacePassage(ctx, who, p[0].ID, knowledge.PassageDraft{Heading: "arrest", Text: "x"})),
				"remove":     r.s.RemovePassage(ctx, who, p[0].ID),
				"consent":    errOf(r.s.AddConsent(ctx, who, hidden.ID, knowledge.ConsentDraft{Purpose: "court", Audience: "court", How: "oral"})),
				"withdraw":   errOf(r.s.Withdraw(ctx, who, hidden.ID, c.ID, "x")),
				"everything": errOf(r.s.Withdraw(ctx, who, hidden.ID, "", "x")),
			} {
				if !errors.Is(err, archive.ErrNotFound) && !(name == "nobody" && errors.Is(err, archive.ErrForbidden)) {
					t.Errorf("%s, %s: %v", name, what, err)
				}
			}
			if name == "nobody" {
				continue
			}
			list, _, total, err := r.s.Testimonies(ctx, who, knowledge.Query{})
			r.must(err)
			if total != 1 || len(list) != 1 || list[0].ID != shown.ID {
				t.Errorf("%s counts %d: %+v", name, total, list)
			}
			v := r.view(who, in.ID)
			for _, pv := range v.Properties {
				for _, said := range pv.Claims {
					if said.ID == secret.ID {
						t.Errorf("%s reads a claim that rests on it", name)
					}
					if said.Withdrawn {
						t.Errorf("%s is told by a light that there is a testimony", name)
					}
				}
			}
			d, err := r.s.Dependents(ctx, who, shown.ID)
			r.must(err)
			if len(d.Claims) != 1 {
				t.Errorf("%s: %+v", name, d)
			}
		}
		if !property(r.view(r.inside, in.ID), "summary").Claims[0].Withdrawn {
			t.Error("who may know of it is not told")
		}
		// Moved out, it is found by everybody; moved back, by nobody again. Search agrees.
		found := func(who policy.Subject) bool {
			var hit bool
			r.must(r.db.Read(ctx, func(tx *store.Tx) error {
				docs, err := r.docs(tx, who, "canary")
				hit = slices.Contains(docs, p[0].ID)
				return err
			}))
			return hit
		}
		if found(r.outside) || !found(r.inside) {
			t.Error("search and compartments disagree")
		}
		r.must(r.s.File(ctx, r.lead, hidden.ID, ""))
		if _, err := r.s.Passage(ctx, r.outside, p[0].ID); err != nil || !found(r.outside) {
			t.Errorf("moved out: %v, found %v", err, found(r.outside))
		}
		r.must(r.s.File(ctx, r.lead, hidden.ID, r.closed))
		if _, err := r.s.Passage(ctx, r.outside, p[0].ID); !errors.Is(err, archive.ErrNotFound) || found(r.outside) {
			t.Errorf("moved back: %v, found %v", err, found(r.outside))
		}
	})
}

func errOf[T any](_ T, err error) error { return err }

// Random catalogues of consents: what MayUse says agrees with the sentences of the rule, told a second time.
func TestMayUseAgreesWithTheRule(t *testing.T) {
	t.Parallel()
	includes := map[string]string{"team": "team", "partners": "partners team", "court": "court team", "public": "public court partners team"}
	r := newRig(t, storetest.Open(t, store.SQLite))
	audiences := []string{"team", "partners", "court", "public"}
	rapid.Check(t, func(rt *rapid.T) {
		e, _ := r.testimony(r.lead, "")
		type given struct {
			audience string
			id       string
			standing bool
		}
		var all []given
		for range rapid.IntRange(1, 8).Draw(rt, "acts") {
			if len(all) > 0 && rapid.Bool().Draw(rt, "take back") {
				g := rapid.SampledFrom(all).Draw(rt, "which")
				_, err := r.s.Withdraw(ctx, r.lead, e.ID, g.id, "asked for")
				was := slices.ContainsFunc(all, func(x given) bool { return x.id == g.id && x.standing })
				if (err == nil) != was {
					rt.Fatalf("take back %+v: %v", g, err)
				}
				if err != nil {
					continue
				}
				for i := range all {
					if slices.Contains(strings.Fields(includes[all[i].audience]), g.audience) {
						all[i].standing = false
					}
				}
				continue
			}
			a := rapid.SampledFrom(audiences).Draw(rt, "audience")
			all = append(all, given{a, r.consent(r.lead, e.ID, "court", a).ID, true})
		}
		for _, a := range audiences {
			want := slices.ContainsFunc(all, func(g given) bool { return g.standing && slices.Contains(strings.Fields(includes[g.audience]), a) })
			if got := r.mayUse(e.ID, "court", a); got != want {
				rt.Fatalf("%+v: for %s %v, by the rule %v", all, a, got, want)
			}
		}
	})
}

// identities is the room of identities with a key of its own.
func (r *rig) identities(key []byte) *knowledge.Identities {
	r.t.Helper()
	now := func() time.Time { r.clock = r.clock.Add(time.Second); return r.clock }
	i, err := knowledge.NewIdentities(knowledge.IdentityOptions{DB: r.db, Custody: custody.New(custody.Options{Tool: "test", Now: now}), Now: now, Purge: r.db.Purge,
		Key: func(context.Context) ([]byte, error) {
			if key == nil {
				return nil, knowledge.ErrNoIdentityKey
			}
			return bytes.Clone(key), nil
		}})
	r.must(err)
	return i
}

func with(who policy.Subject) policy.Subject {
	who.Scope.Identities = true
	return who
}

func TestIdentitiesOpenForAReason(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		key := bytes.Repeat([]byte{7}, 32)
		s := r.identities(key)
		e, _ := r.testimony(r.lead, "", "x")
		may := with(r.outside)
		who := knowledge.Identity{Name: "Canary Name", Born: "1980", Contact: "Canary letterbox", Kin: "Canary sister"}
		if text := fmt.Sprint(who) + fmt.Sprintf("%v %+v %#v", who, who, who); strings.Contains(text, "Canary") {
			t.Errorf("it prints itself: %s", text)
		}
		// Nobody has it by role.
		for name, subject := range map[string]policy.Subject{"admin": r.lead, "investigator": r.outside, "reviewer with the grant": with(r.reviewer), "nobody": {}} {
			for what, err := range map[string]error{
				"has": errOf(s.Has(ctx, subject, e.ID)), "open": errOf(s.Open(ctx, subject, e.ID, "x")), "put": s.Put(ctx, subject, e.ID, who, "x"),
				"erase": s.Erase(ctx, subject, e.ID, "x"), "acts": errOf(s.Acts(ctx, subject, e.ID)), "about": errOf(s.About(ctx, subject, e.ID)),
			} {
				r.is(name+" "+what, err, archive.ErrNotFound)
			}
		}
		r.must(s.Put(ctx, may, e.Code, who, "Canary why: first interview"))
		if has, err := s.Has(ctx, may, e.ID); err != nil || !has {
			t.Errorf("%v, %v", has, err)
		}
		_, err := s.Open(ctx, may, e.ID, " \n")
		r.is("without a reason", err, archive.ErrInvalid)
		_, err = s.Open(ctx, may, e.ID, strings.Repeat("x", 501))
		r.is("with a long reason", err, archive.ErrInvalid)
		if events := r.events(archive.EventDisplaying, e.ID); events != "" {
			t.Errorf("recorded although nothing was shown: %s", events)
		}
		got, err := s.Open(ctx, may, e.ID, "Canary why: to ask again")
		r.must(err)
		if d := cmp.Diff(fields(who), fields(got)); d != "" {
			t.Error(d)
		}
		events := r.events(archive.EventDisplaying, e.ID)
		if strings.Count(events, "identity opened") != 1 || !strings.Contains(events, may.Agent) || strings.Contains(events, "Canary") {
			t.Errorf("events: %s", events)
		}
		acts, err := s.Acts(ctx, may, e.ID)
		if err != nil || len(acts) != 2 || acts[0].Act != "written" || acts[1].Reason != "Canary why: to ask again" || acts[1].Agent != "outside" {
			t.Errorf("%+v, %v", acts, err)
		}
		r.is("nothing at all", s.Put(ctx, may, e.ID, knowledge.Identity{Name: "  "}, "x"), archive.ErrInvalid)
		who.Name = "Canary Other"
		r.must(s.Put(ctx, may, e.ID, who, "misspelt"))
		if got, err = s.Open(ctx, may, e.ID, "x"); err != nil || got.Name != "Canary Other" {
			t.Errorf("%q, %v", got.Name, err)
		}
		// Another key opens nothing, and none is made on the way.
		other := r.identities(bytes.Repeat([]byte{8}, 32))
		_, err = other.Open(ctx, may, e.ID, "x")
		r.is("under another key", err, archive.ErrIntegrity)
		none := r.identities(nil)
		_, err = none.Open(ctx, may, e.ID, "x")
		r.is("without a key", err, knowledge.ErrNoIdentityKey)
		r.is("written without a key", none.Put(ctx, may, e.ID, who, "x"), knowledge.ErrNoIdentityKey)
		// It is in no list, no view and no search, and in no row in the clear.
		v, err := r.s.Testimony(ctx, may, e.ID)
		r.must(err)
		if text := fmt.Sprintf("%+v", v); strings.Contains(text, "Canary") {
			t.Error("the testimony shows who it is from")
		}
		r.must(r.db.Read(ctx, func(tx *store.Tx) error {
			docs, err := r.docs(tx, r.lead, "canary")
			if len(docs) > 0 {
				t.Errorf("search finds %v", docs)
			}
			return err
		}))
		r.noCanary(e.ID, "Canary")
		r.must(s.Erase(ctx, may, e.ID, "she asked"))
		_, err = s.Open(ctx, may, e.ID, "x")
		r.is("destroyed", err, archive.ErrNotFound)
		acts, err = s.Acts(ctx, may, e.ID)
		if err != nil || len(acts) != 5 || acts[4].Act != "erased" || acts[4].Reason != "she asked" || acts[1].Reason != "" || acts[1].Agent != "outside" {
			t.Errorf("%+v, %v", acts, err)
		}
		if got := r.events(archive.EventAdministration, e.ID); !strings.Contains(got, "identity erased") {
			t.Errorf("events: %s", got)
		}
	})
}

func fields(i knowledge.Identity) []string { return []string{i.Name, i.Born, i.Contact, i.Kin, i.Note} }

// Identities lie in their compartments, and belong to persons and testimony only.
func TestIdentitiesStayInTheirCompartment(t *testing.T) {
	t.Parallel()
	each(t, func(r *rig) {
		s := r.identities(bytes.Repeat([]byte{7}, 32))
		hidden := r.make(r.inside, catalogue.Person, r.closed)
		incident := r.make(r.lead, catalogue.Incident, "")
		r.must(s.Put(ctx, with(r.inside), hidden.ID, knowledge.Identity{Name: "x"}, "x"))
		for what, err := range map[string]error{"open": errOf(s.Open(ctx, with(r.outside), hidden.ID, "x")), "has": errOf(s.Has(ctx, with(r.outside), hidden.Code)),
			"write": s.Put(ctx, with(r.outside), hidden.ID, knowledge.Identity{Name: "y"}, "x"), "erase": s.Erase(ctx, with(r.outside), hidden.ID, "x"),
			"an incident": s.Put(ctx, with(r.lead), incident.ID, knowledge.Identity{Name: "y"}, "x"), "nothing": errOf(s.Has(ctx, with(r.lead), archive.NewID(archive.PrefixEntity)))} {
			r.is(what, err, archive.ErrNotFound)
		}
		if got, err := s.Open(ctx, with(r.inside), hidden.ID, "x"); err != nil || got.Name != "x" {
			t.Errorf("%v, %v", got.Name, err)
		}
		// A sealed record that was moved to another person does not open.
		other := r.make(r.inside, catalogue.Person, r.closed)
		r.must(r.db.Write(ctx, func(tx *store.Tx) error {
			row, err := tx.Identity(ctx, hidden.ID)
			r.must(err)
			row.Entity, row.Version = other.ID, 1
			return tx.PutIdentity(ctx, row)
		}))
		_, err := s.Open(ctx, with(r.inside), other.ID, "x")
		r.is("of another person", err, archive.ErrIntegrity)
	})
}

// docs gives the references of the documents in which search finds a word.
func (r *rig) docs(tx *store.Tx, who policy.Subject, word string) (out []string, err error) {
	hits, err := tx.Search(ctx, policy.ScopeOf(who), store.Condition{Op: store.HasText, Phrases: []store.Phrase{{Words: [][]string{language.Stems(word)}}}}, 100)
	for _, h := range hits {
		out = append(out, h.Ref)
	}
	return out, err
}

// noCanary looks for a word in what is kept of an identity.
func (r *rig) noCanary(entity, word string) {
	r.t.Helper()
	r.must(r.db.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Identity(ctx, entity)
		r.must(err)
		if bytes.Contains(row.Sealed, []byte(word)) {
			r.t.Error("an identity is kept in the clear")
		}
		acts, err := tx.IdentityActs(ctx, entity)
		for _, a := range acts {
			if bytes.Contains(a.Reason, []byte(word)) {
				r.t.Error("a reason is kept in the clear")
			}
		}
		return err
	}))
}
