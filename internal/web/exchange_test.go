package web

import (
	"bytes"
	"encoding/json"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/policy"
)

// withExchange is a site with a catalogue that can be taken in and out.
func withExchange(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	kn, err := knowledge.New(knowledge.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.Server.o.Catalogue, s.Server.o.Testimony, s.Server.o.Compartments = kn, kn, kn
	if s.Server.o.Exchange, err = exchange.New(exchange.Options{DB: s.w.DB, Custody: s.w.Custody, Knowledge: kn, Now: s.w.Now}); err != nil {
		t.Fatal(err)
	}
	return s
}

// program asks with a token and nothing else.
type program struct {
	s     *site
	token string
}

func (p program) do(method, path, body string, header ...string) *http.Response {
	r := httptest.NewRequest(method, origin+path, strings.NewReader(body))
	r.Host = strings.TrimPrefix(origin, "http://")
	if p.token != "" {
		r.Header.Set("Authorization", "Bearer "+p.token)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.s.Handler().ServeHTTP(w, r)
	return w.Result()
}

func (p program) ask(t *testing.T, method, path, body string, want int, out any) *http.Response {
	t.Helper()
	r := p.do(method, path, body)
	text := text(r)
	if r.StatusCode != want {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, r.StatusCode, want, text)
	}
	if want >= 400 && !strings.HasPrefix(r.Header.Get("Content-Type"), "application/problem+json") {
		t.Errorf("%s %s: %s", method, path, r.Header.Get("Content-Type"))
	}
	if out != nil {
		if err := json.Unmarshal([]byte(text), out); err != nil {
			t.Fatalf("%s: %v: %s", path, err, text)
		}
	}
	return r
}

func (s *site) program(t *testing.T, a account.Account, d account.TokenDraft) program {
	t.Helper()
	d.Label, d.Life = "Test", time.Hour
	made, err := s.accounts.NewToken(t.Context(), a.Subject(), d)
	if err != nil {
		t.Fatal(err)
	}
	return program{s, made.Secret}
}

func TestProgramsUseTokens(t *testing.T) {
	t.Parallel()
	s := withExchange(t)
	s.first(t)
	lead, err := s.accounts.Account(t.Context(), s.root.ID)
	if err != nil {
		t.Fatal(err)
	}
	all := s.program(t, lead, account.TokenDraft{Actions: account.TokenActions()})
	reads := s.program(t, lead, account.TokenDraft{Actions: []string{account.TokenRead}})
	var made entityJSON
	all.ask(t, "POST", "/api/v1/entities", `{"kind":"incident","claims":[{"property":"title","value":"Beating","certainty":"established"},{"property":"date","value":"2020-07-27","certainty":"probable"}]}`, 200, &made)
	if made.Code != "I-0001" {
		t.Errorf("%+v", made)
	}
	var said claimsJSON
	all.ask(t, "POST", "/api/v1/entities/I-0001/claims", `{"claims":[{"property":"date","value":"2020-07-28","certainty":"disputed"}]}`, 200, &said)
	all.ask(t, "POST", "/api/v1/entities/"+made.ID+"/findings", `{"property":"date","claim":"`+said.Claims[0].ID+`","reason":"the clock"}`, 200, nil)
	var view entityViewJSON
	r := reads.ask(t, "GET", "/api/v1/entities/I-0001", "", 200, &view)
	if len(view.Properties) < 2 || view.MayEdit {
		t.Errorf("%+v", view)
	}
	if again := reads.do("GET", "/api/v1/entities/I-0001", "", "If-None-Match", r.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged: %d", again.StatusCode)
	}
	var list entitiesJSON
	reads.ask(t, "GET", "/api/v1/entities?kind=incident", "", 200, &list)
	if list.Total != 1 || list.Entities[0].Label != "Beating" {
		t.Errorf("%+v", list)
	}
	// A token that reads does nothing else, and looks as if there were nothing else.
	for _, path := range []string{"/api/v1/entities", "/api/v1/entities/I-0001/claims", "/api/v1/claims/" + said.Claims[0].ID + "/retract", "/api/v1/imports", "/api/v1/exports"} {
		reads.ask(t, "POST", path, `{}`, 404, nil)
	}
	// Nor does any token do what is for people: the pages, the other scripts' addresses, one's own account.
	for _, path := range []string{"/archive", "/people", "/me", "/api/items", "/api/openapi.json", "/identities/" + made.ID, "/export"} {
		if r := all.do("GET", path, ""); r.StatusCode == http.StatusOK {
			t.Errorf("%s is open to tokens", path)
		}
	}
	for _, bad := range []program{{s, ""}, {s, "zpt_nothing"}, {s, all.token[:len(all.token)-1]}} {
		if r := bad.do("GET", "/api/v1/entities", ""); r.StatusCode != http.StatusUnauthorized || r.Header.Get("WWW-Authenticate") == "" && bad.token != "" {
			t.Errorf("%q: %d", bad.token, r.StatusCode)
		}
	}
	// With a token that does not work, a session beside it does not help.
	b, _ := s.enter(t, "Second", archive.RoleInvestigator, true)
	if r := b.get("/api/v1/entities", "Authorization", "Bearer zpt_no"); r.StatusCode != http.StatusUnauthorized {
		t.Errorf("bad token with a session: %d", r.StatusCode)
	}
	if r := b.get("/api/v1/entities"); r.StatusCode != http.StatusOK {
		t.Errorf("session: %d", r.StatusCode)
	}
	for _, bad := range []string{"", "{", `{"kind":"incident","more":1}`, `{"kind":"ghost"}`, `{"kind":"incident","claims":[{"property":"date","value":"yesterday","certainty":"probable"}]}`, `{} {}`} {
		all.ask(t, "POST", "/api/v1/entities", bad, 400, nil)
	}
	all.ask(t, "POST", "/api/v1/entities", `{"kind":"`+strings.Repeat("x", maxBody)+`"}`, 413, nil)
	all.ask(t, "GET", "/api/v1/entities?limit=0", "", 400, nil)
	all.ask(t, "GET", "/api/v1/entities/P-0009", "", 404, nil)
	// A file, tried and taken in.
	csv := "Title,Date\nA,2020\nB,soon\n"
	var trial importedJSON
	r = all.do("POST", "/api/v1/imports?kind=incident", csv, "Content-Type", "text/csv")
	if err := json.NewDecoder(r.Body).Decode(&trial); err != nil || !trial.DryRun || trial.Created != 1 || trial.Refused != 1 || trial.Mapping == nil || trial.Rows[0].Row != 3 {
		t.Fatalf("%+v %v", trial, err)
	}
	mapping, _ := json.Marshal(trial.Mapping)
	var done importedJSON
	r = all.do("POST", "/api/v1/imports?run=yes&mapping="+url.QueryEscape(string(mapping)), csv, "Content-Type", "text/csv")
	if err := json.NewDecoder(r.Body).Decode(&done); err != nil || done.Created != 1 || done.Import == "" {
		t.Fatalf("%+v %v", done, err)
	}
	all.ask(t, "POST", "/api/v1/imports/"+done.Import+"/undo", "", 200, nil)
	all.ask(t, "POST", "/api/v1/imports/"+done.Import+"/undo", "", 409, nil)
	// The catalogue, out.
	r = all.ask(t, "POST", "/api/v1/exports", `{"format":"ftm","purpose":"archive","audience":"team"}`, 200, nil)
	if r.Header.Get("Zapis-Left-Out") != "0" || r.Header.Get("Content-Type") != "application/x-ndjson" || !strings.Contains(r.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("%v", r.Header)
	}
	all.ask(t, "POST", "/api/v1/exports", `{"format":"ftm","purpose":"fun","audience":"team"}`, 400, nil)
	// Everything that is mounted is described, and the other way round.
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]any
	}
	all.ask(t, "GET", "/api/v1/openapi.json", "", 200, &doc)
	n := 0
	for _, rt := range s.routes {
		if strings.HasPrefix(rt.Path, "/api/v1/") && rt.Path != "/api/v1/openapi.json" {
			n++
			if doc.Paths[rt.Path][strings.ToLower(rt.Method)] == nil {
				t.Errorf("%s is not described", rt.pattern())
			}
		}
	}
	if described := len(s.operations()); doc.OpenAPI != "3.1.0" || n != described {
		t.Errorf("%s: %d routes, %d operations", doc.OpenAPI, n, described)
	}
	// Too many requests wait, of this token alone.
	limited := 0
	for range tokenBurst * 2 {
		if r := reads.do("GET", "/api/v1/compartments", ""); r.StatusCode == http.StatusTooManyRequests && r.Header.Get("Retry-After") != "" {
			limited++
		}
	}
	if limited == 0 {
		t.Error("no request had to wait")
	}
	all.ask(t, "GET", "/api/v1/compartments", "", 200, nil)
	for _, secret := range []string{all.token, reads.token} {
		if strings.Contains(s.log.String(), secret) {
			t.Error("a token is in the operator's logger")
		}
	}
}

func TestFilesInTheWorkspace(t *testing.T) {
	t.Parallel()
	s := withExchange(t)
	b := s.first(t)
	send := func(name, content string) *http.Response {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		f, _ := m.CreateFormFile("file", name)
		_, _ = io.WriteString(f, content)
		_ = m.Close()
		return b.do("POST", "/import", &body, "Content-Type", m.FormDataContentType())
	}
	r := send("people-of-somebody.csv", "ID;ФИО;Дата рождения\n1;Иванов <b>;1980\n2;Петрова;31.02.1980\n")
	at := r.Header.Get("Location")
	if r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(at, "/import/up_") || strings.Contains(s.log.String(), "people-of-somebody") {
		t.Fatalf("%d %s", r.StatusCode, at)
	}
	if page := text(b.get(at)); !strings.Contains(page, "Иванов &lt;b&gt;") || !strings.Contains(page, `value="birth-date" selected`) {
		t.Errorf("%s", page)
	}
	other, _ := s.enter(t, "Other", archive.RoleInvestigator, true)
	if r := other.get(at); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else's file: %d", r.StatusCode)
	}
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, true)
	for _, path := range []string{"/import", "/export", at} {
		if r := reviewer.get(path); r.StatusCode != http.StatusNotFound {
			t.Errorf("a reviewer, %s: %d", path, r.StatusCode)
		}
	}
	form := url.Values{"kind": {"person"}, "means.1": {"name"}, "means.2": {"birth-date"}, "key": {"ID"}, "key_by": {"external"}, "key_source": {"list"}, "certainty": {"probable"}, "update": {"add"}}
	wait := func() string {
		for range 200 {
			page := text(b.get(at))
			if !strings.Contains(page, `http-equiv="refresh"`) {
				return page
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Fatal("the import does not end")
		return ""
	}
	for _, act := range []string{"dry", "run"} {
		form.Set("act", act)
		if r := b.post(at, form); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", act, r.StatusCode, text(r))
		}
		if page := wait(); !strings.Contains(page, "1 created") || !strings.Contains(page, "1 refused") {
			t.Errorf("%s: %s", act, page)
		}
	}
	if r := b.get(at + "/report"); !strings.Contains(text(r), "3,refused,,,Дата рождения,date") {
		t.Errorf("report %d", r.StatusCode)
	}
	form.Set("means.1", "height")
	if r := b.post(at, form); r.StatusCode != http.StatusBadRequest {
		t.Errorf("a property that there is not: %d", r.StatusCode)
	}
	for _, bad := range []string{"", "PK\x03\x04 no workbook", "\xd0\xcf\x11\xe0 old"} {
		if r := send("x.csv", bad); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%q: %d", bad, r.StatusCode)
		}
	}
	if page := text(b.get("/import")); strings.Count(page, "/undo") != 1 {
		t.Errorf("%s", page)
	}
	if r := b.get("/export"); r.StatusCode != http.StatusOK {
		t.Errorf("export: %d", r.StatusCode)
	}
	r = b.post("/export", url.Values{"format": {"ftm"}, "purpose": {"archive"}, "audience": {"team"}})
	if body := text(r); r.StatusCode != http.StatusOK || !strings.Contains(body, "Иванов") || !strings.Contains(r.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(r.Header.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("%d %v %s", r.StatusCode, r.Header, body)
	}
	if r := b.post("/export", url.Values{"format": {"ftm"}}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("no purpose: %d", r.StatusCode)
	}
	if r := b.post("/me/tokens", url.Values{"act": {"make"}, "label": {"Night"}, "allow": {"read"}, "days": {"7"}}); r.StatusCode != http.StatusOK || !strings.Contains(text(r), "zpt_") {
		t.Errorf("token: %d", r.StatusCode)
	}
	if page := text(b.get("/me")); strings.Contains(page, "zpt_") || !strings.Contains(page, "Night") {
		t.Error("the token is shown again, or not listed")
	}
}

// A file that breaks its reader breaks its own import and not the server, and what it did is not told.
func TestImportBreaksDownAlone(t *testing.T) {
	t.Parallel()
	s := &Server{importing: make(chan struct{}, 1)} // the room is missing: whatever is asked of it panics
	for range 2 {
		_, err := s.importNow(t.Context(), policy.Subject{Agent: "ag_1", Role: archive.RoleInvestigator, Scope: archive.Scope{All: true, AllCompartments: true, MaxDifficulty: -1}}, &upload{ftm: true, raw: []byte("{}")}, importAsk{})
		if err == nil || err.Error() != "the import broke down" {
			t.Errorf("%v", err)
		}
	}
	if len(s.importing) != 0 {
		t.Error("nobody else can import any more")
	}
}
