package web

import (
	"fmt"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/geo"
	"zapis/internal/knowledge"
	"zapis/internal/web/template"
)

// cataloguing is a site with a catalogue, an investigator who sees everything in common, and a compartment that they are not in.
func cataloguing(t *testing.T) (s *site, room *knowledge.Service, investigator *browser, closed archive.Compartment) {
	t.Helper()
	room = &knowledge.Service{}
	s = newSite(t, func(o *Options) { o.Catalogue = room })
	made, err := knowledge.New(knowledge.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	*room = *made
	s.first(t)
	if closed, err = room.AddCompartment(t.Context(), s.root.Subject(), "Closed"); err != nil {
		t.Fatal(err)
	}
	investigator, _ = s.enter(t, "Solomiia", archive.RoleInvestigator, true)
	return s, room, investigator, closed
}

// makes posts the form for a new entity and gives its identifier.
func makes(t *testing.T, b *browser, kind string, said url.Values) string {
	t.Helper()
	in := url.Values{"kind": {kind}}
	for k, v := range said {
		switch ofSource := k == "from" || k == "to"; {
		case ofSource && said.Has("item"), k == "item", k == "words" && kind != "order", k == "protected":
			in[k] = v
		default:
			in["v."+k] = v[:1]
			in["c."+k] = []string{"established"}
			if len(v) > 1 {
				in["c."+k] = v[1:]
			}
		}
	}
	r := b.post("/catalogue/new", in)
	if r.StatusCode != http.StatusSeeOther {
		body := text(r)
		t.Fatalf("%s: %d %.300s", kind, r.StatusCode, body[max(0, strings.Index(body, "role=\"alert\"")):])
	}
	u, err := url.Parse(r.Header.Get("Location"))
	if err != nil || u.Query().Get("done") != "entity-made" {
		t.Fatalf("%s leads to %s", kind, r.Header.Get("Location"))
	}
	return path.Base(u.Path)
}

// codeOf reads the code of an entity off its page.
func codeOf(t *testing.T, b *browser, id string) string {
	t.Helper()
	m := regexp.MustCompile(`<h1><bdi class="ref">([^<]+)</bdi>`).FindStringSubmatch(text(b.get("/catalogue/" + id)))
	if m == nil {
		t.Fatalf("%s has no page", id)
	}
	return m[1]
}

func holds(t *testing.T, what, body string, pieces ...string) {
	t.Helper()
	for _, p := range pieces {
		if !strings.Contains(body, p) {
			t.Errorf("%s lacks %q", what, p)
		}
	}
}

func lacks(t *testing.T, what, body string, pieces ...string) {
	t.Helper()
	for _, p := range pieces {
		if strings.Contains(body, p) {
			t.Errorf("%s shows %q", what, p)
		}
	}
}

// From a span of footage to an incident with everything around it, with forms and without a script.
func TestIncidentByForms(t *testing.T) {
	t.Parallel()
	s, _, b, _ := cataloguing(t)
	item := s.w.Items["ready"]
	if body := text(b.get("/incidents")); !strings.Contains(body, "Nothing here yet") {
		t.Error("nothing is said where there is nothing")
	}
	body := text(b.get("/catalogue/new?item=" + item.ID + "&from=2.5&to=4&region=1,2,300000,400000"))
	holds(t, "the question what to say", body, item.Reference(), `name="item" value="`+item.ID+`"`, `value="1,2,300000,400000"`, `name="kind" value="incident"`)
	body = text(b.get("/catalogue/new?kind=incident&item=" + item.ID + "&from=2.5&to=4"))
	holds(t, "the form", body, `name="item" value="`+item.Reference()+`"`, `name="from" value="2.5"`, `name="v.title"`, `name="c.date"`, "cannot be determined")

	span := func(more url.Values) url.Values {
		more.Set("item", item.Reference())
		more.Set("from", "0:02.5")
		more.Set("to", "4")
		return more
	}
	location := makes(t, b, "location", url.Values{"geo": {" 44.95, 34.10 "}, "precision": {"precision:settlement"}, "name": {"Simferopol"}})
	facility := makes(t, b, "facility", url.Values{"name": {"Remand centre 1"}, "location": {codeOf(t, b, location)}})
	room := makes(t, b, "room", url.Values{"name": {"Corridor B"}, "facility": {codeOf(t, b, facility)}})
	makes(t, b, "camera", url.Values{"label": {"CAM 3"}, "facility": {codeOf(t, b, facility)}})
	victim := makes(t, b, "person", url.Values{"protected": {"yes"}})
	head := makes(t, b, "person", url.Values{"name": {"Ivan Primerov"}})
	guard := makes(t, b, "person", url.Values{"name": {"Guard"}})
	makes(t, b, "posting", url.Values{"person": {codeOf(t, b, head)}, "facility": {codeOf(t, b, facility)}, "position": {"Head of the centre"}, "from": {"2016-02"}, "to": {"2021~"}})
	incident := makes(t, b, "incident", span(url.Values{"title": {"A night in corridor B"}, "date": {"2020-07-27", "probable"}, "place": {codeOf(t, b, location), "probable"}, "facility": {codeOf(t, b, facility)}}))
	code := codeOf(t, b, incident)
	act := makes(t, b, "act", span(url.Values{"incident": {code}, "type": {"act:010101"}, "date": {"2020-07-27"}, "place": {codeOf(t, b, room)}, "description": {"Two men strike a third."}}))
	a := codeOf(t, b, act)
	makes(t, b, "involvement", span(url.Values{"act": {a}, "person": {codeOf(t, b, victim)}, "role": {"role:victim"}}))
	makes(t, b, "involvement", span(url.Values{"act": {a}, "person": {codeOf(t, b, guard)}, "role": {"role:perpetrator", "disputed"}}))
	makes(t, b, "order", url.Values{"act": {a}, "giver": {codeOf(t, b, head)}, "receiver": {codeOf(t, b, guard), "probable"}, "words": {"two former colleagues"}})
	makes(t, b, "outcome", url.Values{"act": {a}, "person": {codeOf(t, b, victim)}, "type": {"outcome:died"}, "date": {"2020-07-29"}})

	chip := `href="/items/` + item.ID + `#t=2.5"`
	desk := "/incidents/" + incident
	body = text(b.get(desk))
	holds(t, "the desk", body, "A night in corridor B", chip, "Two men strike a third.", "Corridor B", "Ivan Primerov", "2 days later", "Died", "Victim", "Perpetrator", "Chain of command", "took part", "Simferopol", "CAM 3", "no source",
		`<span class="tag c">`, `class="map inset"`, "Set the clocks")
	lacks(t, "the desk", body, "autoplay", "<video", "precision:settlement")

	// A rival date stands beside the first; a finding names the current one; dissent stands beside the finding.
	say := "/catalogue/" + incident + "/say"
	if r := b.post(say, url.Values{"property": {"date"}, "v.date": {"2020-07-28"}, "c.date": {"disputed"}, "words": {"hospital journal"}, "back": {desk}}); r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), desk+"?done=claim-made") {
		t.Fatalf("rival date: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	body = text(b.get(desk))
	holds(t, "the desk with two dates", body, "27\u00a0July 2020", "28\u00a0July 2020", "hospital journal", "No finding yet", "rival claims and no finding")
	body = text(b.get("/catalogue/" + incident + "/finding?property=date&back=" + desk))
	claims := regexp.MustCompile(`name="claim" value="(cm_[a-z0-9]+)"`).FindAllStringSubmatch(body, -1)
	if len(claims) != 2 {
		t.Fatalf("%d claims to choose from", len(claims))
	}
	find := "/catalogue/" + incident + "/finding"
	if r := b.post(find, url.Values{"property": {"date"}, "claim": {claims[0][1]}, "back": {desk}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a finding without a reason: %d", r.StatusCode)
	}
	if r := b.post(find, url.Values{"property": {"place"}, "claim": {claims[0][1]}, "reason": {"x"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a finding on another property: %d", r.StatusCode)
	}
	if r := b.post(find, url.Values{"property": {"date"}, "claim": {claims[1][1]}, "reason": {"the journal was kept daily"}, "back": {desk}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("finding: %d", r.StatusCode)
	}
	if r := b.post(find, url.Values{"property": {"date"}, "claim": {"none"}, "reason": {"both could be wrong"}, "dissent": {"yes"}, "back": {desk}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("dissent: %d", r.StatusCode)
	}
	body = text(b.get(desk))
	holds(t, "the desk with a finding", body, "the journal was kept daily", "both could be wrong", "Dissent:")
	lacks(t, "the desk with a finding", body, "rival claims and no finding")

	// Take back and put back.
	retract := "/catalogue/" + incident + "/claims/" + claims[1][1]
	if r := b.post(retract+"/retract", url.Values{"reason": {"misread"}, "back": {desk}}); r.StatusCode != http.StatusSeeOther || !strings.Contains(r.Header.Get("Location"), "undo="+claims[1][1]) {
		t.Fatalf("retract: %d %s", r.StatusCode, r.Header.Get("Location"))
	} else {
		holds(t, "the desk after it", text(b.get(r.Header.Get("Location"))), "taken back", `action="`+retract+`/restore"`)
	}
	if r := b.post("/catalogue/"+act+"/claims/"+claims[1][1]+"/restore", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("a claim of another entity: %d", r.StatusCode)
	}
	if r := b.post(retract+"/restore", nil); r.StatusCode != http.StatusSeeOther {
		t.Errorf("restore: %d", r.StatusCode)
	}
	body = text(b.get(say + "?replace=" + claims[0][1] + "&back=" + desk))
	holds(t, "the form that replaces", body, `value="2020-07-27"`, `name="replace" value="`+claims[0][1]+`"`, item.Reference())

	// The other pages, by what only they show.
	holds(t, "the facility", text(b.get("/places/"+facility)), "Head of the centre", "A night in corridor B", `class="heat l1"`, "CAM 3", "Corridor B")
	holds(t, "the person", text(b.get("/persons/"+guard)), "Orders received", "Perpetrator", "Disputed", `class="graph"`)
	body = text(b.get("/persons/" + victim))
	holds(t, "a protected person", body, "known by the code alone", "Died")
	holds(t, "the graph", text(b.get("/graph/"+incident+"?depth=2")), "Guard", "The same as a table")
	holds(t, "the timeline", text(b.get("/timeline")), "A night in corridor B", `class="when`)
	holds(t, "the map", text(b.get("/map?focus="+facility)), "Remand centre 1", "44.95, 34.1", "Crimea and Sevastopol (Ukraine), occupied", "68/262", `class="dispute"`)
	holds(t, "everything", text(b.get("/catalogue?kind=act")), a)
	holds(t, "the list", text(b.get("/incidents")), code, "28\u00a0July 2020")
	for _, lang := range []string{"ru", "uk"} {
		if r := b.post("/me", url.Values{"act": {"look"}, "lang": {lang}}); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("choose %s: %d", lang, r.StatusCode)
		}
		for _, p := range []string{"/incidents", desk, "/places/" + facility, "/persons/" + guard, "/map", "/timeline", "/graph/" + incident, "/catalogue/" + act, "/catalogue/new?kind=incident"} {
			if r := b.get(p); r.StatusCode != http.StatusOK || !strings.Contains(text(r), `<html lang="`+lang+`"`) {
				t.Errorf("%s in %s: %d", p, lang, r.StatusCode)
			}
		}
	}
}

func TestFormsSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	s, _, b, _ := cataloguing(t)
	item := s.w.Items["ready"]
	for name, c := range map[string]struct {
		in   url.Values
		says string
	}{
		"nothing":        {url.Values{"kind": {"incident"}}, "Nothing is said yet"},
		"date":           {url.Values{"v.date": {"yesterday"}, "c.date": {"probable"}}, "This is not as it must be"},
		"certainty":      {url.Values{"v.title": {"x"}, "c.title": {"sure"}}, "This is not as it must be"},
		"reference":      {url.Values{"v.place": {"L-9999"}, "c.place": {"probable"}}, "is not there"},
		"item":           {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "item": {"Z9-000001"}}, "No item has this reference"},
		"span alone":     {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "from": {"3"}}, "No item has this reference"},
		"span backwards": {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "item": {item.ID}, "from": {"4"}, "to": {"2"}}, "the end comes after"},
		"beyond":         {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "item": {item.ID}, "from": {"4"}, "to": {"2000"}}, "shorter than that"},
		"region":         {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "item": {item.ID}, "region": {"0,0,1000001,1"}}, "millionths"},
		"page":           {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "item": {item.ID}, "page": {"0"}}, "whole number"},
		"document":       {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "document": {"I-1"}}, "No document"},
		"passage":        {url.Values{"v.title": {"x"}, "c.title": {"probable"}, "passage": {"x"}}, "passage is not there"},
	} {
		c.in.Set("kind", "incident")
		r := b.post("/catalogue/new", c.in)
		if body := text(r); r.StatusCode != http.StatusBadRequest || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d without %q", name, r.StatusCode, c.says)
		} else if v := c.in.Get("v.title"); v != "" && !strings.Contains(body, `name="v.title" value="`+v+`"`) {
			t.Errorf("%s: what was typed is gone", name)
		}
	}
	if r := b.post("/catalogue/new", url.Values{"kind": {"person"}, "protected": {"yes"}, "v.name": {"Canary"}, "c.name": {"probable"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a protected person with a name: %d", r.StatusCode)
	}
	if r := b.post("/catalogue/new", url.Values{"kind": {"spell"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a kind that there is not: %d", r.StatusCode)
	}
	if r := b.post("/catalogue/new", url.Values{"kind": {"room"}, "v.name": {"x"}, "c.name": {"probable"}, "back": {"//elsewhere.example/"}}); strings.Contains(r.Header.Get("Location"), "elsewhere") {
		t.Error("a form leads to another site")
	}
}

// Two persons become one and two again, by menu, and what would happen is shown first.
func TestMergeByMenu(t *testing.T) {
	t.Parallel()
	_, _, b, _ := cataloguing(t)
	one := makes(t, b, "person", url.Values{"name": {"Ivan Primerov"}, "birth-date": {"1970"}})
	two := makes(t, b, "person", url.Values{"name": {"Иван Примеров"}, "birth-date": {"1971"}})
	place := makes(t, b, "facility", url.Values{"name": {"Colony 8"}})
	holds(t, "the question", text(b.get("/catalogue/"+one+"/merge")), `<option value="`+two+`"`)
	holds(t, "the comparison", text(b.get("/catalogue/"+one+"/merge?with="+two)), "Иван Примеров", "they become rivals", "Nothing is moved or lost")
	for with, says := range map[string]string{one: "the same one", place: "of one kind", "P-9999": "is not there"} {
		if r := b.get("/catalogue/" + one + "/merge?with=" + with); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), says) {
			t.Errorf("with %s: %d", with, r.StatusCode)
		}
	}
	if r := b.post("/catalogue/"+one+"/merge", url.Values{"with": {two}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("without a reason: %d", r.StatusCode)
	}
	if r := b.post("/catalogue/"+one+"/merge", url.Values{"with": {two}, "reason": {"same photograph"}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("merge: %d", r.StatusCode)
	}
	body := text(b.get("/catalogue/" + one))
	holds(t, "the merged person", body, "Иван Примеров", "same photograph", "Split again", "1971")
	undo := regexp.MustCompile(`action="(/catalogue/[a-z0-9_]+/merges/mg_[a-z0-9]+/undo)"`).FindStringSubmatch(body)
	if undo == nil {
		t.Fatal("no way to split")
	}
	if r := b.post(strings.Replace(undo[1], one, place, 1), nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("a merge of another entity: %d", r.StatusCode)
	}
	if r := b.post(undo[1], nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("split: %d", r.StatusCode)
	}
	lacks(t, "the split person", text(b.get("/catalogue/"+one)), "Иван Примеров")
}

// What is filed in a compartment cannot be opened, found, counted, chosen or seen on a map, and a reviewer can change nothing.
func TestCataloguePagesKeepCompartments(t *testing.T) {
	t.Parallel()
	s, room, b, closed := cataloguing(t)
	root, err := room.Create(t.Context(), s.root.Subject(), knowledge.Draft{Kind: catalogue.Location, Compartment: closed.ID, Claims: []knowledge.ClaimDraft{{Property: "geo", Value: "55.75,37.61", Certainty: archive.Established}, {Property: "name", Value: "Canary square", Certainty: archive.Established}}})
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := room.Create(t.Context(), s.root.Subject(), knowledge.Draft{Kind: catalogue.Incident, Compartment: closed.ID, Claims: []knowledge.ClaimDraft{
		{Property: "title", Value: "Canary incident", Certainty: archive.Established}, {Property: "date", Value: "2019", Certainty: archive.Established}, {Property: "place", Value: root.ID, Certainty: archive.Established}}})
	if err != nil {
		t.Fatal(err)
	}
	open := makes(t, b, "incident", url.Values{"title": {"Open incident"}, "date": {"2020"}})
	for _, p := range []string{"/incidents", "/catalogue", "/map", "/timeline", "/catalogue/new?kind=act", "/catalogue/" + open + "/merge", "/catalogue/new"} {
		lacks(t, p, text(b.get(p)), "Canary", hidden.ID, hidden.Code+`"`, "Closed", "55.75")
	}
	holds(t, "the count", text(b.get("/incidents")), "1 entry")
	lacks(t, "a search", text(b.post("/incidents", url.Values{"q": {"Canary"}})), hidden.ID, hidden.Code)
	absent := archive.NewID(archive.PrefixEntity)
	for _, p := range []string{"/incidents/%s", "/catalogue/%s", "/graph/%s", "/catalogue/%s/say", "/catalogue/%s/finding?property=date", "/catalogue/%s/merge", "/places/%s", "/persons/%s"} {
		here, there := b.get(fmt.Sprintf(p, hidden.ID)), b.get(fmt.Sprintf(p, absent))
		if a, c := text(here), text(there); here.StatusCode != http.StatusNotFound || a != c {
			t.Errorf(p+": %d, or not the same answer as for what is not there", hidden.ID, here.StatusCode)
		}
	}
	for _, p := range []string{"/catalogue/%s/say", "/catalogue/%s/finding", "/catalogue/%s/merge", "/catalogue/%s/file", "/incidents/%s/offset"} {
		if r := b.post(fmt.Sprintf(p, hidden.ID), url.Values{"property": {"date"}, "v.date": {"2020"}, "c.date": {"probable"}, "sure": {"yes"}, "claim": {"none"}, "reason": {"x"}, "with": {open}}); r.StatusCode != http.StatusNotFound {
			t.Errorf(p+": %d", hidden.ID, r.StatusCode)
		}
	}
	if r := b.post("/catalogue/"+open+"/file", url.Values{"sure": {"yes"}, "compartment": {closed.ID}}); r.StatusCode != http.StatusNotFound {
		t.Errorf("filed into a compartment that the asker is not in: %d", r.StatusCode)
	}

	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, true)
	body := text(reviewer.get("/catalogue/" + open))
	holds(t, "a reviewer", body, "Open incident")
	lacks(t, "a reviewer", body, "/say", "/retract", "/merge\"", "/file")
	lacks(t, "a reviewer", text(reviewer.get("/incidents/"+open)), "/say", "/retract", "/catalogue/new")
	lacks(t, "a reviewer", text(reviewer.get("/incidents")), "/catalogue/new")
	if r := reviewer.get("/catalogue/new?kind=incident"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a reviewer gets the form: %d", r.StatusCode)
	}
	// Somebody who was granted one accession only is not in the common compartment either.
	narrow, _ := s.enter(t, "Narrow", archive.RoleReviewer, false)
	lacks(t, "somebody outside the common part", text(narrow.get("/incidents")), "Open incident")
	if r := narrow.get("/incidents/" + open); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody outside the common part: %d", r.StatusCode)
	}
}

// Words that somebody looks for may be names: no address and no line for the operator carries them.
func TestWordsStayOutOfAddresses(t *testing.T) {
	t.Parallel()
	s, _, b, _ := cataloguing(t)
	for i := range listSize + 3 {
		makes(t, b, "person", url.Values{"name": {fmt.Sprintf("Canaryname %d", i)}})
	}
	r := b.post("/persons", url.Values{"q": {"Canaryname"}})
	body := text(r)
	holds(t, "the search", body, "63 entries", `name="after"`, "Canaryname")
	for _, m := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
		if strings.Contains(m[1], "Canaryname") {
			t.Errorf("an address carries the words: %s", m[1])
		}
	}
	after := regexp.MustCompile(`name="after" value="([^"]+)"`).FindStringSubmatch(body)[1]
	next := text(b.post("/persons", url.Values{"q": {"Canaryname"}, "after": {after}}))
	if n := strings.Count(next, `<tr><td><a href="/persons/`); n != 3 {
		t.Errorf("the second page has %d rows", n)
	}
	if strings.Contains(s.log.String(), "Canaryname") {
		t.Error("the operator learns a name")
	}
	holds(t, "a search in vain", text(b.post("/persons", url.Values{"q": {"zzz"}})), "Nothing found")
}

// The clock of a camera is tried out by links that save nothing, and saved as a claim that rests on the recordings.
func TestClockOffset(t *testing.T) {
	t.Parallel()
	s, room, b, _ := cataloguing(t)
	item := s.w.Items["ready"]
	facility := makes(t, b, "facility", url.Values{"name": {"Colony 8"}})
	camera := makes(t, b, "camera", url.Values{"label": {"CAM 3"}, "facility": {codeOf(t, b, facility)}})
	incident := makes(t, b, "incident", url.Values{"title": {"x"}, "item": {item.ID}, "from": {"2"}, "to": {"4"}})
	desk := "/incidents/" + incident
	at := item.RecordedAt.Truncate(time.Second).UTC()
	holds(t, "the desk", text(b.get(desk)), "offset=-1#cameras", at.Add(2*time.Second).Format("15:04:05"))
	tried := text(b.get(desk + "?camera=" + camera + "&offset=-30"))
	holds(t, "trying", tried, at.Add(-28*time.Second).Format("15:04:05"), "tried out", "Save -30 s as a claim", "offset=-31", "offset=-29.9")
	if strings.Contains(text(b.get(desk)), "tried out") {
		t.Error("trying out was saved")
	}
	if r := b.post(desk+"/offset", url.Values{"camera": {facility}, "offset": {"-30"}, "certainty": {"probable"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("an offset of what is no camera here: %d", r.StatusCode)
	}
	for _, bad := range []string{"", "x", "NaN", "1e99"} {
		if r := b.post(desk+"/offset", url.Values{"camera": {camera}, "offset": {bad}, "certainty": {"probable"}}); r.StatusCode != http.StatusBadRequest {
			t.Errorf("offset %q: %d", bad, r.StatusCode)
		}
	}
	for _, offset := range []string{"-30", "-31.5"} {
		if r := b.post(desk+"/offset", url.Values{"camera": {camera}, "offset": {offset}, "certainty": {"probable"}}); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("save: %d", r.StatusCode)
		}
	}
	in, err := room.Incident(t.Context(), s.root.Subject(), incident)
	if err != nil || len(in.Footage) == 0 || in.Footage[0].ClockOffset != -31500*time.Millisecond {
		t.Fatalf("saved: %v %v", in.Footage, err)
	}
	e, err := room.Entity(t.Context(), s.root.Subject(), camera)
	if err != nil {
		t.Fatal(err)
	}
	standing := 0
	for _, p := range e.Properties {
		for _, c := range p.Claims {
			if p.Property.Name == "clock-offset" && c.Stands() {
				standing++
				if len(c.Sources) != 1 || c.Sources[0].Item != item.ID {
					t.Errorf("it rests on %v", c.Sources)
				}
			}
		}
	}
	if standing != 1 {
		t.Errorf("%d offsets stand: one's own earlier one must give way", standing)
	}
	moment := at.Add(-28 * time.Second).Format(time.RFC3339)
	holds(t, "a moment", text(b.get(desk+"?moment="+url.QueryEscape(moment))), `class="moment"`, item.ID+"#t=")
}

func TestTimesAndRegions(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{"": 0, "12.5": 12500 * time.Millisecond, "3:20": 200 * time.Second, "1:02:03.25": 3723250 * time.Millisecond, "0.04": 40 * time.Millisecond, "90": 90 * time.Second} {
		if got, err := playerTime(in); err != nil || got != want {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
	for _, in := range []string{"x", "1:60", "1:2:3:4", "-1", "NaN", "1.5:00", "1e9", "Inf", ":"} {
		if got, err := playerTime(in); err == nil {
			t.Errorf("%q was read as %v", in, got)
		}
	}
	for in, want := range map[string]archive.Region{"": {}, "1,2,3,4": {X: 1, Y: 2, W: 3, H: 4}, "0, 0, 1000000, 1000000": {W: 1_000_000, H: 1_000_000}} {
		if got, err := region(in); err != nil || got != want {
			t.Errorf("%q: %v %v", in, got, err)
		}
	}
	for _, in := range []string{"1", "1,2,0,4", "999999,0,2,1", "-1,0,1,1", "a,b,c,d"} {
		if _, err := region(in); err == nil {
			t.Errorf("%q was taken", in)
		}
	}
	for in, want := range map[[2]string]int{{"2020-07-27", "2020-07-29"}: 2, {"2020-07-27", "2020-07-27"}: 0, {"2020-07", "2020-07-29"}: -1, {"2020-07-27", "2020-07-26"}: -1, {"2020-12-31", "2021-01-01"}: 1, {"", ""}: -1} {
		if got := daysBetween(in[0], in[1]); got != want {
			t.Errorf("%v: %d", in, got)
		}
	}
}

func TestCommandChain(t *testing.T) {
	t.Parallel()
	who := func(id string) *template.EntityLink { return &template.EntityLink{ID: id} }
	order := func(from string, to ...string) template.OrderLine {
		o := template.OrderLine{Giver: who(from), Certainty: "probable"}
		for _, x := range to {
			o.Receivers = append(o.Receivers, *who(x))
		}
		return o
	}
	flat := func(chain []template.ChainLink) (out string) {
		for _, c := range chain {
			out += fmt.Sprintf("%d%s ", c.Depth, c.ID)
		}
		return strings.TrimSpace(out)
	}
	for _, c := range []struct {
		orders []template.OrderLine
		want   string
	}{
		{[]template.OrderLine{order("b", "c"), order("a", "b", "d")}, "0a 1b 2c 1d"},
		{[]template.OrderLine{order("a", "b"), order("b", "a")}, "0a 1b"}, // a circle
		{[]template.OrderLine{order("a", "c"), order("b", "c")}, "0a 1c 0b"},
		{[]template.OrderLine{{Receivers: []template.EntityLink{{ID: "x"}}}}, ""}, // nobody knows who gave it
		{nil, ""},
	} {
		if got := flat(commandChain(c.orders, nil)); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// A graph of any size is drawn with at most the limit of boxes; every tie stays in its table; no box covers another one.
func TestGraphLayout(t *testing.T) {
	t.Parallel()
	var g knowledge.Graph
	add := func(id string, depth int) {
		g.Nodes = append(g.Nodes, knowledge.Node{Summary: knowledge.Summary{Entity: archive.Entity{ID: id, Code: id, Kind: catalogue.Person}, Label: "Somebody with a very long name indeed " + id}, Depth: depth})
	}
	add("root", 0)
	for i := range 300 {
		id, parent, depth := fmt.Sprint("n", i), "root", 1
		if i >= 30 {
			parent, depth = fmt.Sprint("n", i%30), 2
		}
		add(id, depth)
		g.Edges = append(g.Edges, knowledge.Edge{From: parent, To: id, Label: "knows", Certainty: archive.Probable})
	}
	v := layGraph(g, graphLimit)
	if len(v.Nodes) != graphLimit+1 || v.Folded != 101 || len(v.Edges) != 300 {
		t.Fatalf("%d nodes, %d folded, %d ties", len(v.Nodes), v.Folded, len(v.Edges))
	}
	drawn := 0
	for _, e := range v.Edges {
		if e.Path != "" {
			drawn++
		}
		if e.From.ID == "" || e.To.ID == "" {
			t.Error("a tie in the table has no end")
		}
	}
	if drawn != graphLimit-1 {
		t.Errorf("%d ties are drawn", drawn)
	}
	for i, a := range v.Nodes {
		if a.Y < 20 || a.Y > v.Height-20 || a.X < 0 || a.X+a.W > v.Width {
			t.Fatalf("node %d lies outside", i)
		}
		for _, b := range v.Nodes[i+1:] {
			if a.X == b.X && a.Y-b.Y < 44 && b.Y-a.Y < 44 {
				t.Fatalf("%s and %s cover each other", a.ID, b.ID)
			}
		}
		if len(a.Lines) > 2 {
			t.Errorf("a label of %d lines", len(a.Lines))
		}
	}
	if !slices.ContainsFunc(v.Nodes, func(n template.GraphNode) bool { return n.Fold == 101 }) {
		t.Error("nothing stands for those that are folded")
	}
	if got := layGraph(knowledge.Graph{}, graphLimit); len(got.Nodes) != 0 {
		t.Error("an empty graph has nodes")
	}
}

// What the catalogue calls precision is what the map has circles for.
func TestPrecisionsAreKnown(t *testing.T) {
	t.Parallel()
	_, room, _, _ := cataloguing(t)
	terms, err := room.Vocabulary(t.Context(), "precision")
	if err != nil || len(terms) < 5 {
		t.Fatal(len(terms), err)
	}
	for _, term := range terms {
		if _, ok := precisions[term.Code]; !ok {
			t.Errorf("no circle for %s", term.Code)
		}
	}
	for _, d := range geo.Disputes {
		if !(geo.Point{Lat: d.At.Lat, Lon: d.At.Lon}).Valid() {
			t.Errorf("%s lies nowhere", d.Key)
		}
	}
}
