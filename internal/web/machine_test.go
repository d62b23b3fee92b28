package web

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/machine"
	"zapis/internal/media/clock"
	"zapis/internal/store"
)

// room is a site with the real room of findings.
func room(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	m, err := machine.New(machine.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Machine = m
	return s
}

func (s *site) clock(t *testing.T, item string, by string, others ...clock.Choice) string {
	t.Helper()
	run := clock.Run{Rate: 1, Segments: []clock.Segment{{To: 60, Start: 50553, Rate: 1, N: 2}},
		Readings: []clock.Reading{{At: 0, Clock: 50553, OK: true}, {At: 60, Clock: 50613, OK: true}, {At: 61, Clock: 50559}},
		Jumps:    []clock.Jump{{From: 20, To: 21, By: 600, Kind: clock.JumpMissing, Digit: true, Before: 50573, After: 51174}}}
	v := clock.NewValue(run, clock.Day{Date: time.Date(2020, 6, 5, 0, 0, 0, 0, time.UTC), Order: clock.DMY, By: by, Others: others}, [4]int{}, 0, 0.9)
	g := archive.Suggestion{ID: archive.NewID(archive.PrefixSuggestion), Item: item, Kind: clock.Kind, Score: 900, Recipe: "clock", RecipeVersion: 1, Tool: "t 1", Value: v.Encode(), CreatedAt: s.w.Now()}
	if err := s.w.DB.Write(t.Context(), func(tx *store.Tx) error { return tx.AddSuggestions(t.Context(), g) }); err != nil {
		t.Fatal(err)
	}
	return g.ID
}

// A clock is shown with its plot, decided on by who may, and seen by nobody outside the scope.
func TestClockIsDecidedOn(t *testing.T) {
	t.Parallel()
	s := room(t)
	s.first(t)
	who, _ := s.enter(t, "Halyna", archive.RoleInvestigator, false)
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, false)
	ready, foreign := s.w.Items["ready"].ID, s.w.Items["foreign"].ID
	id := s.clock(t, ready, clock.ByNobody, clock.Choice{Order: clock.MDY, Date: time.Date(2020, 5, 6, 0, 0, 0, 0, time.UTC)})
	hidden := s.clock(t, foreign, clock.BySpelling)
	body := text(who.get("/items/" + ready))
	for _, want := range []string{"Clock in the picture", "<svg class=\"ck-plot\"", "14:02:33", "one misread digit would explain it", "value=\"2020-05-06\"", "/suggestions/" + id + "/confirm"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of the item lacks %q", want)
		}
	}
	if body := text(reviewer.get("/items/" + ready)); !strings.Contains(body, "14:02:33") || strings.Contains(body, "/suggestions/") {
		t.Error("a reviewer does not see the clock, or is offered to decide")
	}
	at := "/suggestions/" + id
	post := func(b *browser, path string, day string) *http.Response {
		return b.post(path, url.Values{"item": {ready}, "day": {day}, "why": {"seen"}})
	}
	for name, r := range map[string]*http.Response{
		"reviewer": post(reviewer, at+"/confirm", "2020-06-05"), "foreign": post(who, "/suggestions/"+hidden+"/confirm", "2020-06-05"),
		"nobody": post(s.browser(), at+"/confirm", "2020-06-05"), "no item": who.post(at+"/confirm", url.Values{"day": {"2020-06-05"}}),
	} {
		if r.StatusCode == http.StatusOK || strings.Contains(r.Header.Get("Location"), "clock-confirmed") {
			t.Errorf("%s confirmed: %d %s", name, r.StatusCode, r.Header.Get("Location"))
		}
	}
	if r := post(who, at+"/confirm", ""); !strings.HasSuffix(r.Header.Get("Location"), "done=clock-day") {
		t.Errorf("without a day: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if r := post(who, at+"/confirm", "2020-06-05"); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/items/"+ready+"?done=clock-confirmed" {
		t.Fatalf("confirm: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if body := text(who.get("/items/" + ready)); !strings.Contains(body, "from the clock in the picture, confirmed by a person") || !strings.Contains(body, at+"/undo") {
		t.Error("the page does not say so")
	}
	if r := post(who, at+"/dismiss", ""); !strings.HasSuffix(r.Header.Get("Location"), "done=clock-late") {
		t.Errorf("dismissed after that: %s", r.Header.Get("Location"))
	}
	if body := text(who.get("/findings?state=confirmed")); !strings.Contains(body, s.w.Items["ready"].Reference()) || strings.Contains(body, foreign) {
		t.Error("list of findings")
	}
	if body := text(who.get("/coverage?day=2020-06-05")); !strings.Contains(body, "/items/"+ready) || strings.Contains(body, foreign) || !strings.Contains(body, "computed from that part alone") {
		t.Error("coverage does not show the confirmed recording, or more")
	}
	if r := post(who, at+"/undo", ""); !strings.HasSuffix(r.Header.Get("Location"), "done=clock-undone") {
		t.Errorf("undo: %s", r.Header.Get("Location"))
	}
}

func TestCoveragePage(t *testing.T) {
	t.Parallel()
	s := room(t)
	who := s.first(t)
	if r := who.get("/coverage"); r.StatusCode != http.StatusOK {
		t.Errorf("%d", r.StatusCode)
	}
	if r := who.get("/coverage?day=yesterday"); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "That is no date") {
		t.Errorf("%d", r.StatusCode)
	}
	for _, path := range []string{"/coverage?accession=x", "/findings?before=x"} {
		if r := who.get(path); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := s.browser().get("/coverage"); r.StatusCode == http.StatusOK {
		t.Error("somebody who has not signed in sees it")
	}
}
