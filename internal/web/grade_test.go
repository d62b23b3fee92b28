package web

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/grade"
	"zapis/internal/store"
)

// grading is a site where items are judged.
func grading(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.first(t)
	room, err := grade.New(grade.Options{DB: s.w.DB, Custody: s.w.Custody})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Grade = room
	return s
}

func (s *site) difficulty(t *testing.T, item string) int {
	t.Helper()
	var it archive.Item
	if err := s.w.DB.Read(t.Context(), func(tx *store.Tx) (err error) {
		it, err = tx.Item(t.Context(), archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}, item)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return it.Difficulty
}

// By forms alone: one item on its page, several from a list; what was typed is there again when it is refused; what somebody else said in the
// meantime is never overwritten.
func TestGrading(t *testing.T) {
	t.Parallel()
	s := grading(t)
	who, of := s.enter(t, "Halyna", archive.RoleInvestigator, true)
	reviewer, _ := s.enter(t, "Vera", archive.RoleReviewer, true)
	s.let(t, of, archive.Scope{All: true, MaxDifficulty: 2})
	ready, browsable, hard, foreign := s.w.Items["ready"].ID, s.w.Items["browsable"].ID, s.w.Items["hard"].ID, s.w.Items["foreign"].ID
	page := saying(t)
	leads := func(what string, r *http.Response, to string) {
		t.Helper()
		if got := r.Header.Get("Location"); r.StatusCode != http.StatusSeeOther || got != to {
			t.Fatalf("%s: %d %s", what, r.StatusCode, got)
		}
	}
	at := "/items/" + ready + "/difficulty"
	page("item", who.get("/items/"+ready), http.StatusOK, `action="`+at+`"`, `value="0" required checked`)
	if strings.Contains(text(reviewer.get("/items/"+ready)), at) {
		t.Error("a reviewer is offered to judge")
	}
	form := func(kv ...string) url.Values {
		f := url.Values{"level": {"1"}, "from": {"0"}, "reason": {"a shout"}}
		for i := 0; i < len(kv); i += 2 {
			f.Set(kv[i], kv[i+1])
		}
		return f
	}
	for _, p := range []string{at, "/items/" + foreign + "/difficulty", "/difficulty"} {
		page("a reviewer", reviewer.post(p, form("item", ready, "from."+ready, "0")), http.StatusNotFound)
	}
	page("what is harder than granted", who.post("/items/"+hard+"/difficulty", form("from", "3")), http.StatusNotFound)
	page("no level", who.post(at, form("level", "")), http.StatusBadRequest, `role="alert"`, "a shout")
	page("a long reason", who.post(at, form("reason", strings.Repeat("x", 501))), http.StatusBadRequest, `role="alert"`, strings.Repeat("x", 501), `value="1" checked`)
	if s.difficulty(t, ready) != 0 {
		t.Fatal("a refused judgement was kept")
	}
	before := s.w.Size()
	leads("judged", who.post(at, form()), "/items/"+ready+"?done=graded")
	e := s.w.Events(before)
	if s.difficulty(t, ready) != 1 || len(e) != 1 || e[0].Agent != of.ID || e[0].Detail["from"] != "V0" || e[0].Detail["to"] != "V1" || e[0].Detail["reason"] != "a shout" {
		t.Errorf("%d %+v", s.difficulty(t, ready), e)
	}
	page("an old page", who.post(at, form("level", "0")), http.StatusConflict, "something else in the meantime", "a shout")
	if s.difficulty(t, ready) != 1 {
		t.Fatal("what was said meanwhile is overwritten")
	}

	// Several at once: all of them or none.
	list := page("list", who.get("/difficulty?kind=video"), http.StatusOK, `name="item" value="`+ready+`"`, `name="from.`+ready+`" value="1"`, `value="`+foreign+`"`, `action="/difficulty?kind=video"`)
	if strings.Contains(list, hard) || regexp.MustCompile(`<(img|canvas)`).MatchString(list[strings.Index(list, "<main"):]) {
		t.Error("the list shows what is too hard, or pictures")
	}
	page("by level", who.get("/difficulty?difficulty=1"), http.StatusOK, ready)
	page("not well formed", who.get("/difficulty?difficulty=x"), http.StatusBadRequest)
	several := func(items ...string) url.Values {
		f := url.Values{"level": {"2"}, "reason": {"corridor"}, "item": items}
		for _, id := range items {
			f.Set("from."+id, "0")
		}
		return f
	}
	page("none chosen", who.post("/difficulty", several()), http.StatusBadRequest, "at least one", `value="2" checked`, "corridor")
	page("one was judged meanwhile", who.post("/difficulty?kind=video", several(ready, browsable)), http.StatusConflict, "something else in the meantime", `id="c-`+browsable+`" checked`)
	page("one is not seen", who.post("/difficulty", several(hard, browsable)), http.StatusConflict, "something else in the meantime")
	page("one is not there", who.post("/difficulty", several(archive.NewID(archive.PrefixItem), browsable)), http.StatusConflict, "something else in the meantime")
	if s.difficulty(t, browsable) != 0 {
		t.Fatal("one of several was judged")
	}
	f := several(ready, browsable)
	f.Set("from."+ready, "1")
	before = s.w.Size()
	leads("several", who.post("/difficulty?kind=video&cursor="+ready, f), "/difficulty?kind=video&done=graded")
	if s.difficulty(t, ready) != 2 || s.difficulty(t, browsable) != 2 || len(s.w.Events(before)) != 2 {
		t.Error("several were not judged")
	}

	// For scripts; and what one is not shown any more is gone at once.
	api := "/api" + at
	if r := sendPlan(who, api, map[string]any{"level": 1, "from": 0}); r.StatusCode != http.StatusConflict {
		t.Errorf("an old page: %d", r.StatusCode)
	}
	for name, body := range map[string]map[string]any{"too hard": {"level": 4}, "unknown": {"level": 1, "more": 1}, "before it": {"level": 1, "from": -2}} {
		if r := sendPlan(who, api, body); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
	}
	if r := sendPlan(who, "/api/items/"+hard+"/difficulty", map[string]any{"more": 1}); r.StatusCode != http.StatusNotFound {
		t.Errorf("what is not seen: %d", r.StatusCode)
	}
	if r := sendPlan(who, api, map[string]any{"level": 0, "from": 2}); r.StatusCode != http.StatusOK || s.difficulty(t, ready) != 0 {
		t.Errorf("%d", r.StatusCode)
	}
	leads("harder than granted from now on", who.post(at, form("level", "3")), "/archive?done=graded-away")
	page("gone", who.get("/items/"+ready), http.StatusNotFound)
	leads("not judged from now on", who.post("/items/"+browsable+"/difficulty", form("from", "2", "level", "-1")), "/archive?done=graded-away")
	page("gone too", who.get("/items/"+browsable), http.StatusNotFound)
	if strings.Contains(s.log.String(), "shout") || strings.Contains(s.log.String(), "corridor") {
		t.Error("reasons stand in the operator's lines")
	}
}
