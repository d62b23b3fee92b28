package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/search"
	"zapis/internal/store"
)

// searching is a site with texts about one item of one's own and one of somebody else's.
func searching(t *testing.T) (s *site, mine, other archive.Item) {
	t.Helper()
	s = newSite(t)
	room, err := search.New(search.Options{DB: s.w.DB})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Search = room
	err = s.w.DB.Write(t.Context(), func(tx *store.Tx) error {
		all, _, err := tx.Items(t.Context(), archive.Scope{All: true, MaxDifficulty: -1}, store.Query{}, store.Cursor{}, 100)
		if err != nil {
			return err
		}
		for _, it := range all {
			if it.Difficulty > 2 {
				continue
			}
			if it.Accession == s.w.Mine.ID {
				mine = it
			} else {
				other = it
			}
		}
		return tx.IndexDocs(t.Context(),
			store.Doc{Kind: store.DocTranscript, Ref: "tx_1", Item: mine.ID, From: 12500 * time.Millisecond, Lang: "ru", Text: "Приказал Осечкин <b>в</b> камере"},
			store.Doc{Kind: store.DocTranscript, Ref: "tx_2", Item: other.ID, Text: "Тайнослов и Осечкин"})
	})
	if err != nil || mine.ID == "" || other.ID == "" {
		t.Fatal(mine.ID, other.ID, err)
	}
	return s, mine, other
}

var questionAddress = regexp.MustCompile(`^/search/ask_[0-9a-z]{26}$`)

func TestSearchingLeavesNoWordsInAddresses(t *testing.T) {
	t.Parallel()
	s, mine, other := searching(t)
	b, _ := s.enter(t, "Olha", archive.RoleReviewer, false)
	r := b.post("/search", url.Values{"q": {"Osechkin"}})
	to := r.Header.Get("Location")
	if r.StatusCode != http.StatusSeeOther || !questionAddress.MatchString(to) {
		t.Fatalf("%d to %s", r.StatusCode, to)
	}
	r = b.get(to)
	page := text(r)
	switch {
	case r.StatusCode != http.StatusOK:
		t.Fatalf("%d", r.StatusCode)
	case !strings.Contains(page, "<mark>Осечкин</mark>") || !strings.Contains(page, "&lt;b&gt;") || strings.Contains(page, "<b>в</b>"):
		t.Errorf("the snippet is not there, or is markup: %s", page)
	case !strings.Contains(page, `/items/`+mine.ID+`#t=12.5"`):
		t.Error("nothing leads to the second")
	case strings.Contains(page, other.ID) || strings.Contains(page, other.Reference()) || strings.Contains(page, "Тайнослов"):
		t.Error("the page shows somebody else's item")
	}
	for _, link := range regexp.MustCompile(`(?:href|action)="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if strings.Contains(strings.ToLower(link[1]), "osechkin") {
			t.Errorf("an address holds the question: %s", link[1])
		}
	}
	// A facet narrows, and is taken off again.
	r = b.post("/search", url.Values{"q": {"Osechkin"}, "add": {"in:transcript"}})
	if page = text(b.get(r.Header.Get("Location"))); !strings.Contains(page, `value="Osechkin in:transcript"`) || !strings.Contains(page, "<mark>") {
		t.Error("the question was not narrowed")
	}
	r = b.post("/search", url.Values{"q": {"Osechkin in:transcript"}, "drop": {"in:transcript"}})
	if page = text(b.get(r.Header.Get("Location"))); strings.Contains(page, `value="Osechkin in:transcript"`) {
		t.Error("the question was not widened")
	}
	// Somebody else with the address.
	c, _ := s.enter(t, "Petro", archive.RoleReviewer, true)
	if r := c.get(to); r.StatusCode != http.StatusNotFound || strings.Contains(text(r), `value="Osechkin"`) {
		t.Errorf("somebody else opens a question: %d", r.StatusCode)
	}
	if log := s.log.String(); strings.Contains(log, "Osechkin") || strings.Contains(log, "Осечкин") {
		t.Error("the logger was told what somebody looked for")
	}
	// Refused in words.
	for _, bad := range []string{`"open`, strings.Repeat("слово ", 100), "recorded:soon"} {
		r := b.post("/search", url.Values{"q": {bad}})
		if to := r.Header.Get("Location"); to != "" {
			r = b.get(to)
		}
		if r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), `role="alert"`) {
			t.Errorf("%.20s: %d", bad, r.StatusCode)
		}
	}
	if r := b.post("/search", url.Values{"q": {strings.Repeat("слово ", 10_000)}}); r.StatusCode != http.StatusBadRequest && r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("10,000 words: %d", r.StatusCode)
	}
}

func TestSavedSearches(t *testing.T) {
	t.Parallel()
	s, _, _ := searching(t)
	b, _ := s.enter(t, "Olha", archive.RoleReviewer, false)
	r := b.post("/search/saved", url.Values{"q": {"Осечкин"}, "name": {"  Name <one> "}})
	to, _, _ := strings.Cut(r.Header.Get("Location"), "?")
	if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(to, "/search/saved/ss_") {
		t.Fatalf("%d to %s", r.StatusCode, to)
	}
	if page := text(b.get(to)); !strings.Contains(page, "<mark>Осечкин</mark>") || !strings.Contains(page, "Name &lt;one&gt;") {
		t.Error("the saved search is not answered")
	}
	c, _ := s.enter(t, "Petro", archive.RoleReviewer, true)
	if r := c.get(to); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else opens it: %d", r.StatusCode)
	}
	if r := c.post(to+"/delete", nil); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else deletes it: %d", r.StatusCode)
	}
	if r = b.post(to+"/delete", nil); r.StatusCode != http.StatusSeeOther || !strings.Contains(text(b.get(r.Header.Get("Location"))), "/restore") {
		t.Error("deleting offers no way back")
	}
	if r := b.get(to); r.StatusCode != http.StatusNotFound {
		t.Errorf("deleted, and still there: %d", r.StatusCode)
	}
	if r := b.post(to+"/restore", nil); r.StatusCode != http.StatusSeeOther || b.get(to).StatusCode != http.StatusOK {
		t.Error("it does not come back")
	}
	if r := b.post("/search/saved", url.Values{"q": {"x"}, "name": {" "}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("no name: %d", r.StatusCode)
	}
}

func TestSearchAPI(t *testing.T) {
	t.Parallel()
	s, mine, _ := searching(t)
	b, _ := s.enter(t, "Olha", archive.RoleReviewer, false)
	ask := func(path, body string) (int, map[string]any) {
		r := b.do(http.MethodPost, path, strings.NewReader(body), "Content-Type", "application/json", "X-Zapis", "1")
		var out map[string]any
		_ = json.Unmarshal([]byte(text(r)), &out)
		return r.StatusCode, out
	}
	status, out := ask("/api/search", `{"query":"Осечкина"}`)
	list, _ := out["list"].([]any)
	if status != http.StatusOK || out["hits"] != 1.0 || len(list) != 1 || list[0].(map[string]any)["item"] != mine.ID {
		t.Fatalf("%d %v", status, out)
	}
	if sn := list[0].(map[string]any)["snippets"].([]any)[0].(map[string]any); sn["from"] != 12500000.0 || sn["href"] != "/items/"+mine.ID+"#t=12.5" {
		t.Errorf("%v", sn)
	}
	if status, out := ask("/api/search/complete", `{"query":"осеч"}`); status != http.StatusOK || len(out["list"].([]any)) != 1 {
		t.Errorf("%d %v", status, out)
	}
	if status, out := ask("/api/search/complete", `{"query":"тайно"}`); status != http.StatusOK || len(out["list"].([]any)) != 0 {
		t.Errorf("a word of somebody else's item is offered: %d %v", status, out)
	}
	for _, bad := range []string{`{`, `{"query":"\"x"}`, `{"query":"x","order":"sideways"}`} {
		if status, _ := ask("/api/search", bad); status != http.StatusBadRequest {
			t.Errorf("%s: %d", bad, status)
		}
	}
	if r := s.browser().do(http.MethodPost, "/api/search", strings.NewReader(`{"query":"x"}`), "Content-Type", "application/json", "X-Zapis", "1"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("without sign-in: %d", r.StatusCode)
	}
}
