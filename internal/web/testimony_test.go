package web

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
)

// testifying is a site with a catalogue, and a compartment in it.
func testifying(t *testing.T) (*site, *knowledge.Service, archive.Compartment) {
	t.Helper()
	room, people := &knowledge.Service{}, &knowledge.Identities{}
	s := newSite(t, func(o *Options) { o.Catalogue, o.Testimony, o.Identity, o.Compartments = room, room, people, room })
	made, err := knowledge.New(knowledge.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	*room = *made
	kept, err := knowledge.NewIdentities(knowledge.IdentityOptions{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now, Purge: s.w.DB.Purge,
		Key: func(context.Context) ([]byte, error) { return bytes.Repeat([]byte{7}, 32), nil }})
	if err != nil {
		t.Fatal(err)
	}
	*people = *kept
	s.first(t)
	c, err := room.AddCompartment(t.Context(), s.root.Subject(), "Blue")
	if err != nil {
		t.Fatal(err)
	}
	return s, room, c
}

// again lets the first administrator in once more.
func (s *site) again(t *testing.T) *browser {
	t.Helper()
	link, err := s.accounts.NewLink(t.Context(), s.root.Subject(), s.root.ID)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	if r := b.post("/sign-in/link/"+link.Token, nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("link: %d", r.StatusCode)
	}
	return b
}

// let grants somebody a scope, as the first administrator.
func (s *site) let(t *testing.T, a account.Account, scope archive.Scope) policy.Subject {
	t.Helper()
	if err := s.accounts.SetScope(t.Context(), s.root.Subject(), a.ID, scope); err != nil {
		t.Fatal(err)
	}
	got, err := s.accounts.Account(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	return got.Subject()
}

// From an interview to a consent that is taken back, with a browser and without a script.
func TestTestimonyPages(t *testing.T) {
	t.Parallel()
	s, _, _ := testifying(t)
	b, _ := s.enter(t, "Solomiia", archive.RoleInvestigator, true)
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, true)
	if body := text(b.get("/testimonies")); !strings.Contains(body, "No testimony yet") || !strings.Contains(body, `action="/testimonies"`) {
		t.Error("the empty list offers nothing")
	}
	if body := text(reviewer.get("/testimonies")); strings.Contains(body, `action="/testimonies"`) {
		t.Error("a reviewer is offered to begin one")
	}
	if r := b.post("/testimonies", url.Values{"title": {"x"}, "date": {"last winter"}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), `role="alert"`) {
		t.Errorf("a bad date: %d", r.StatusCode)
	}
	r := b.post("/testimonies", url.Values{"title": {"Transfer in winter"}, "date": {"2021-03~"}, "language": {"ru"}})
	at, _, _ := strings.Cut(r.Header.Get("Location"), "?")
	if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "/testimonies/kn_") {
		t.Fatalf("begun: %d %s", r.StatusCode, at)
	}
	if r := b.post(at+"/passages", url.Values{"act": {"add"}, "heading": {"arrest"}, "text": {"Canary-words"}, "from": {"9:99"}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "Canary-words") {
		t.Errorf("a bad time: %d, or what was typed is lost", r.StatusCode)
	}
	item := s.w.Items["ready"]
	r = b.post(at+"/passages", url.Values{"act": {"add"}, "heading": {"arrest"}, "text": {"They came at four."}, "lang": {"en"}, "item": {item.Reference()}, "from": {"0:00.5"}, "to": {"0:00.75"}})
	if r.StatusCode != http.StatusSeeOther || !strings.Contains(r.Header.Get("Location"), "#ps_") {
		t.Fatalf("written down: %d %s", r.StatusCode, text(r))
	}
	passage := r.Header.Get("Location")[strings.Index(r.Header.Get("Location"), "#")+1:]
	body := text(b.get(at))
	for _, want := range []string{"They came at four.", `id="` + passage + `"`, "/items/" + item.ID + "#t=0.500", "none given", "/catalogue/new?passage=" + passage} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	if r := b.get("/passages/" + passage); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != at+"#"+passage {
		t.Errorf("a citation leads to %s", r.Header.Get("Location"))
	}
	r = b.post(at+"/passages", url.Values{"act": {"replace"}, "passage": {passage}, "heading": {"arrest"}, "text": {"At four in the morning."}})
	if r.StatusCode != http.StatusSeeOther {
		t.Fatalf("replaced: %d", r.StatusCode)
	}
	if body := text(b.get(at)); !strings.Contains(body, "At four in the morning.") || !strings.Contains(body, "1 passage that was replaced") || !strings.Contains(body, "They came at four.") {
		t.Error("the former words are lost")
	}
	if r := b.post(at+"/passages", url.Values{"act": {"replace"}, "passage": {passage}, "heading": {"arrest"}, "text": {"again"}}); r.StatusCode != http.StatusConflict {
		t.Errorf("replaced again: %d", r.StatusCode)
	}
	// A passage of one testimony is not changed through the page of another.
	other, _, _ := strings.Cut(b.post("/testimonies", url.Values{}).Header.Get("Location"), "?")
	if r := b.post(other+"/passages", url.Values{"act": {"remove"}, "passage": {passage}}); r.StatusCode != http.StatusNotFound {
		t.Errorf("through another testimony: %d", r.StatusCode)
	}
	consent := url.Values{"purpose": {"publication"}, "audience": {"public"}, "how": {"written"}, "given": {s.w.Now().Format(time.DateOnly)}, "note": {"Canary-note"}}
	if r := reviewer.post(at+"/consents", consent); r.StatusCode != http.StatusNotFound {
		t.Errorf("by a reviewer: %d", r.StatusCode)
	}
	if r := b.post(at+"/consents", url.Values{"purpose": {"sale"}, "audience": {"public"}, "how": {"written"}, "note": {"Canary-typed"}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "Canary-typed") {
		t.Errorf("for what is no purpose: %d", r.StatusCode)
	}
	if r := b.post(at+"/consents", consent); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("consent: %d %s", r.StatusCode, text(r))
	}
	body = text(b.get(at))
	link := regexp.MustCompile(`/withdraw\?consent=(cn_[0-9a-z]+)`).FindStringSubmatch(body)
	if link == nil || !strings.Contains(body, "stands") {
		t.Fatal("a consent that stands is not offered to be taken back")
	}
	if body := text(reviewer.get(at)); strings.Contains(body, "/withdraw") || strings.Contains(body, "/passages\"") {
		t.Error("a reviewer is offered to change something")
	}
	if body := text(b.get(at + "/withdraw?consent=" + link[1])); !strings.Contains(body, "This will be taken back") || !strings.Contains(body, "What rests on it: 0") {
		t.Error("what depends is not shown first")
	}
	if r := b.post(at+"/withdraw", url.Values{"consent": {link[1]}, "reason": {" "}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "A reason is needed") {
		t.Errorf("without a reason: %d", r.StatusCode)
	}
	if r := b.post(at+"/withdraw", url.Values{"consent": {link[1]}, "reason": {"Canary-reason"}}); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != at+"?done=withdrawn#depends" {
		t.Fatalf("taken back: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if r := b.post(at+"/withdraw", url.Values{"consent": {link[1]}, "reason": {"again"}}); r.StatusCode != http.StatusConflict {
		t.Errorf("twice: %d", r.StatusCode)
	}
	if body := text(b.get("/testimonies")); !strings.Contains(body, "taken back") || !strings.Contains(body, "Publication, Everybody") {
		t.Error("the list does not say what was taken back")
	}
	if body := text(b.get(at)); !strings.Contains(body, "Canary-reason") || !strings.Contains(body, "consent taken back or run out") {
		t.Error("the page does not light up")
	}
	if strings.Contains(s.log.String(), "Canary") {
		t.Error("the operator's logger holds what people wrote")
	}
	for _, lang := range []string{"ru", "uk"} {
		b.post("/me", url.Values{"act": {"look"}, "lang": {lang}, "scheme": {"dark"}})
		for _, path := range []string{"/testimonies", at, at + "/withdraw"} {
			if r := b.get(path); r.StatusCode != http.StatusOK {
				t.Errorf("%s in %s: %d", path, lang, r.StatusCode)
			}
		}
	}
}

// Outside the compartment nothing of it is found by any address, and forbidden and absent are one answer, to the byte.
func TestTestimonyPagesStayInTheCompartment(t *testing.T) {
	t.Parallel()
	s, room, c := testifying(t)
	outside, outsideAccount := s.enter(t, "Outside", archive.RoleInvestigator, true)
	outsider := s.let(t, outsideAccount, archive.Scope{All: true, MaxDifficulty: -1, Identities: true})
	_ = outsider
	inside, insideAccount := s.enter(t, "Inside", archive.RoleInvestigator, true)
	who := s.let(t, insideAccount, archive.Scope{All: true, MaxDifficulty: -1, Compartments: []string{c.ID}, Identities: true})
	e, err := room.Create(t.Context(), who, knowledge.Draft{Kind: "testimony", Compartment: c.ID, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "Canary title", Certainty: archive.Established}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := room.AddPassages(t.Context(), who, e.ID, knowledge.PassageDraft{Heading: "arrest", Text: "Canary words"})
	if err != nil {
		t.Fatal(err)
	}
	consent, err := room.AddConsent(t.Context(), who, e.ID, knowledge.ConsentDraft{Purpose: "court", Audience: "court", How: "oral"})
	if err != nil {
		t.Fatal(err)
	}
	if body := text(inside.get("/testimonies")); !strings.Contains(body, "Canary title") || !strings.Contains(body, e.Code) {
		t.Error("who was let in does not see it")
	}
	if body := text(outside.get("/testimonies")); strings.Contains(body, "Canary") || strings.Contains(body, e.Code) || strings.Contains(body, "Blue") || !strings.Contains(body, "No testimony yet") {
		t.Error("the list tells of it")
	}
	none := archive.NewID(archive.PrefixEntity)
	for _, path := range []string{"/testimonies/%s", "/testimonies/%s/withdraw", "/testimonies/%s/withdraw?consent=" + consent.ID, "/identities/%s"} {
		if r := inside.get(strings.Replace(path, "%s", e.ID, 1)); r.StatusCode != http.StatusOK {
			t.Errorf("%s from inside: %d", path, r.StatusCode)
		}
		there, absent := outside.get(strings.Replace(path, "%s", e.ID, 1)), outside.get(strings.Replace(path, "%s", none, 1))
		if there.StatusCode != http.StatusNotFound || absent.StatusCode != http.StatusNotFound || text(there) != text(absent) {
			t.Errorf("%s: %d, absent %d, or the answers differ", path, there.StatusCode, absent.StatusCode)
		}
		if r := outside.get(strings.Replace(path, "%s", e.Code, 1)); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s by code: %d", path, r.StatusCode)
		}
	}
	if there, absent := outside.get("/passages/"+p[0].ID), outside.get("/passages/"+archive.NewID(archive.PrefixPassage)); there.StatusCode != http.StatusNotFound || text(there) != text(absent) {
		t.Errorf("a passage: %d", there.StatusCode)
	}
	from := s.w.Size()
	for path, values := range map[string]url.Values{
		"/testimonies/" + e.ID + "/passages": {"act": {"add"}, "heading": {"arrest"}, "text": {"x"}},
		"/testimonies/" + e.ID + "/consents": {"purpose": {"court"}, "audience": {"court"}, "how": {"oral"}},
		"/testimonies/" + e.ID + "/withdraw": {"reason": {"x"}},
		"/identities/" + e.ID:                {"act": {"open"}, "reason": {"x"}},
		"/testimonies":                       {"compartment": {c.ID}},
	} {
		if r := outside.post(path, values); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := outside.post("/testimonies/"+e.ID+"/passages", url.Values{"act": {"replace"}, "passage": {p[0].ID}, "text": {"x"}}); r.StatusCode != http.StatusNotFound {
		t.Errorf("replaced from outside: %d", r.StatusCode)
	}
	if s.w.Size() != from {
		t.Error("a refused request left an event")
	}
}

// An identity is opened by who was granted it, freshly signed in, with a reason; it stands in one answer that is not kept and goes by itself.
func TestIdentityPage(t *testing.T) {
	t.Parallel()
	s, room, _ := testifying(t)
	e, err := room.Create(t.Context(), s.root.Subject(), knowledge.Draft{Kind: "testimony"})
	if err != nil {
		t.Fatal(err)
	}
	at := "/identities/" + e.ID
	b, a := s.enter(t, "Solomiia", archive.RoleInvestigator, true)
	plain, _ := s.enter(t, "Plain", archive.RoleInvestigator, true)
	s.let(t, a, archive.Scope{All: true, MaxDifficulty: -1, Identities: true})
	absent := text(plain.get("/identities/" + archive.NewID(archive.PrefixEntity)))
	if r := plain.get(at); r.StatusCode != http.StatusNotFound || text(r) != absent {
		t.Errorf("without the grant: %d", r.StatusCode)
	}
	if body := text(plain.get("/testimonies/" + e.ID)); strings.Contains(body, "/identities/") {
		t.Error("without the grant it is offered")
	}
	if body := text(b.get("/testimonies/" + e.ID)); !strings.Contains(body, at) {
		t.Error("with the grant it is not offered")
	}
	write := url.Values{"act": {"write"}, "name": {"Canary-Name"}, "contact": {"Canary-letterbox"}, "reason": {"Canary-why: interview"}}
	if r := b.post(at, write); r.StatusCode != http.StatusSeeOther || strings.Contains(r.Header.Get("Location"), "Canary") {
		t.Fatalf("written: %d", r.StatusCode)
	}
	if r := b.post(at, url.Values{"act": {"write"}, "reason": {"x"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("nobody: %d", r.StatusCode)
	}
	if body := text(b.get(at)); strings.Contains(body, "Canary-Name") || !strings.Contains(body, "Canary-why") {
		t.Error("the page shows who it is without being asked, or not why")
	}
	from := s.w.Size()
	if r := b.post(at, url.Values{"act": {"open"}, "reason": {" "}}); r.StatusCode != http.StatusBadRequest || strings.Contains(text(r), "Canary-Name") {
		t.Errorf("without a reason: %d", r.StatusCode)
	}
	if s.w.Size() != from {
		t.Error("recorded although nothing was shown")
	}
	r := b.post(at, url.Values{"act": {"open"}, "reason": {"to ask about consent"}})
	body := text(r)
	if r.StatusCode != http.StatusOK || !strings.Contains(body, "Canary-Name") || !strings.Contains(body, "Canary-letterbox") {
		t.Fatalf("opened: %d", r.StatusCode)
	}
	if r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Refresh") != "60; url="+at {
		t.Errorf("it would stay: %q, %q", r.Header.Get("Cache-Control"), r.Header.Get("Refresh"))
	}
	if s.w.Size() != from+1 {
		t.Errorf("%d events", s.w.Size()-from)
	}
	for _, path := range []string{"/testimonies", "/testimonies/" + e.ID, at, "/archive", "/api/items"} {
		if strings.Contains(text(b.get(path)), "Canary-Name") {
			t.Errorf("%s shows who it is", path)
		}
	}
	if r := b.post(at, url.Values{"act": {"erase"}, "reason": {"x"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("erased without being sure: %d", r.StatusCode)
	}
	if r := plain.post(at, url.Values{"act": {"open"}, "reason": {"x"}}); r.StatusCode != http.StatusNotFound {
		t.Errorf("opened without the grant: %d", r.StatusCode)
	}
	s.w.Advance(freshFor + time.Minute)
	if r := b.post(at, url.Values{"act": {"open"}, "reason": {"x"}}); r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), "/sign-in") {
		t.Errorf("with an old sign-in: %d", r.StatusCode)
	}
	if strings.Contains(s.log.String(), "Canary") {
		t.Error("the operator's logger holds an identity")
	}
}

// Compartments and identities are ticked on the page of accounts; nobody ticks identities for themselves.
func TestCompartmentsAreGrantedOnThePageOfAccounts(t *testing.T) {
	t.Parallel()
	s, _, c := testifying(t)
	b := s.again(t)
	_, a := s.enter(t, "Solomiia", archive.RoleInvestigator, true)
	_, second := s.enter(t, "Second", archive.RoleAdmin, true)
	if body := text(b.get("/people")); !strings.Contains(body, `value="`+c.ID+`"`) || !strings.Contains(body, `value="investigator" selected`) {
		t.Error("neither compartment nor role is offered")
	}
	now := func(id string) archive.Scope {
		t.Helper()
		got, err := s.accounts.Account(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return got.Scope
	}
	scope := url.Values{"act": {"scope"}, "account": {a.ID}, "which": {"all"}, "compartment": {c.ID, "common"}, "identities": {"yes"}}
	if r := b.post("/people", scope); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("granted: %d", r.StatusCode)
	}
	if got := now(a.ID); len(got.Compartments) != 2 || !got.Identities || got.AllCompartments {
		t.Errorf("%+v", got)
	}
	scope = url.Values{"act": {"scope"}, "account": {a.ID}, "which": {"all"}}
	if r := b.post("/people", scope); r.StatusCode != http.StatusSeeOther || now(a.ID).Identities || len(now(a.ID).Compartments) > 0 {
		t.Errorf("taken away: %d, %+v", r.StatusCode, now(a.ID))
	}
	for _, bad := range []string{"cp_x", "Blue", "", archive.NewID(archive.PrefixItem)} {
		if r := b.post("/people", url.Values{"act": {"scope"}, "account": {a.ID}, "which": {"all"}, "compartment": {bad}}); r.StatusCode != http.StatusBadRequest {
			t.Errorf("compartment %q: %d", bad, r.StatusCode)
		}
	}
	if r := b.post("/people", url.Values{"act": {"scope"}, "account": {s.root.ID}, "which": {"keep"}, "identities": {"yes"}}); r.StatusCode != http.StatusForbidden || !strings.Contains(text(r), "Nobody can give themselves") || now(s.root.ID).Identities {
		t.Errorf("for oneself: %d", r.StatusCode)
	}
	before := now(second.ID)
	if r := b.post("/people", url.Values{"act": {"scope"}, "account": {second.ID}, "which": {"keep"}, "identities": {"yes"}}); r.StatusCode != http.StatusSeeOther || !now(second.ID).Identities {
		t.Errorf("for another administrator: %d", r.StatusCode)
	}
	if got := now(second.ID); got.MaxDifficulty != before.MaxDifficulty || got.All != before.All {
		t.Errorf("what stood there for when the role goes was written over: %+v", got)
	}
	if r := b.post("/people", url.Values{"act": {"compartment"}, "name": {"Green"}}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("a new one: %d", r.StatusCode)
	}
	if r := b.post("/people", url.Values{"act": {"compartment"}, "name": {"Green"}}); r.StatusCode != http.StatusConflict || !strings.Contains(text(r), "A compartment needs a name") {
		t.Errorf("the same again: %d", r.StatusCode)
	}
	if r := b.post("/people", url.Values{"act": {"role"}, "account": {a.ID}, "role": {"investigator"}}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("role: %d", r.StatusCode)
	}
}
