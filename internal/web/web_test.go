package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/pquerna/otp/totp"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/reading/readingtest"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/web/locale"
)

const origin = "http://127.0.0.1:8420"

// distribution stands in for the built web part.
func distribution() fs.FS {
	manifest := map[string]string{}
	out := fstest.MapFS{}
	for _, name := range needed {
		file := strings.Replace(name, ".", "-abc123.", 1)
		manifest[name] = file
		out["dist/"+file] = &fstest.MapFile{Data: bytes.Repeat([]byte("/* "+name+" */\n"), 50)}
	}
	manifest["zapis.js"] = "zapis-never-written.js"
	b, _ := json.Marshal(manifest)
	out["dist/manifest.json"] = &fstest.MapFile{Data: b}
	return out
}

// logged collects what the operator's logger gets.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// site is a whole server over a small archive.
type site struct {
	*Server
	w        *readingtest.World
	accounts *account.Service
	root     account.Account
	log      *logged
}

func newSite(t *testing.T, change ...func(*Options)) *site {
	t.Helper()
	return newSiteOver(t, readingtest.New(t, storetest.Open(t, store.SQLite)), change...)
}

func newSiteOver(t *testing.T, w *readingtest.World, change ...func(*Options)) *site {
	t.Helper()
	s := &site{w: w, log: &logged{}}
	var err error
	s.accounts, err = account.New(account.Options{
		DB: s.w.DB, Custody: s.w.Custody, Sealer: s.w.Sealer, Agent: s.w.Program, Origins: []string{origin}, Now: s.w.Now, Argon: account.Argon{Memory: 64, Time: 1, Threads: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.accounts.Close)
	o := Options{
		Account: s.accounts, Reading: s.w.Reading, Origin: origin, Version: "test", Now: s.w.Now, Assets: distribution(), Poll: 20 * time.Millisecond,
		Logger: slog.New(slog.NewJSONHandler(s.log, nil)),
	}
	for _, f := range change {
		f(&o)
	}
	if s.Server, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Server.Close)
	return s
}

// browser is somebody's browser: it keeps cookies and follows nothing by itself.
type browser struct {
	s   *site
	jar http.CookieJar
	// header is sent with every request.
	header http.Header
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	return &browser{s: s, jar: jar, header: http.Header{}}
}

func (b *browser) do(method, path string, body io.Reader, header ...string) *http.Response {
	r := httptest.NewRequest(method, origin+path, body)
	r.Host = strings.TrimPrefix(origin, "http://")
	for k, v := range b.header {
		r.Header[k] = v
	}
	if method == http.MethodPost {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if r.Header.Get("Content-Type") == "" {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	u, _ := url.Parse(origin)
	for _, c := range b.jar.Cookies(u) {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler {
				panic(v)
			}
		}()
		b.s.Handler().ServeHTTP(w, r)
	}()
	resp := w.Result()
	b.jar.SetCookies(u, resp.Cookies())
	return resp
}

func (b *browser) get(path string, header ...string) *http.Response {
	return b.do(http.MethodGet, path, nil, header...)
}

func (b *browser) post(path string, values url.Values, header ...string) *http.Response {
	return b.do(http.MethodPost, path, strings.NewReader(values.Encode()), header...)
}

func text(r *http.Response) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// first lets the first administrator in by the link.
func (s *site) first(t *testing.T) *browser {
	t.Helper()
	link, made, err := s.accounts.Bootstrap(t.Context())
	if err != nil || !made {
		t.Fatal(made, err)
	}
	b := s.browser()
	if r := b.post("/sign-in/link/"+link.Token, nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("link: %d", r.StatusCode)
	}
	a, err := s.accounts.UseLink(t.Context(), link.Token)
	if err == nil {
		t.Fatal("the link was not used up")
	}
	all, err := s.accounts.OperatorList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a = range all {
		if a.Role == archive.RoleAdmin {
			s.root = a
		}
	}
	return b
}

// enter invites somebody and lets them in. Without all they were granted the world's own accession only.
func (s *site) enter(t *testing.T, name string, role archive.Role, all bool) (*browser, account.Account) {
	t.Helper()
	if s.root.ID == "" {
		s.first(t)
	}
	scope := archive.Scope{All: all, MaxDifficulty: 2}
	if !all {
		scope.Accessions = []string{s.w.Mine.ID}
	}
	a, link, err := s.accounts.Invite(t.Context(), s.root.Subject(), name, role, scope)
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	if r := b.post("/sign-in/link/"+link.Token, nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("link: %d", r.StatusCode)
	}
	return b, a
}

func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var b strings.Builder
	b.WriteString("# Routes\n\nMade from `internal/web/routes.go` by `make docs`; do not edit. Every address of the workspace, what package `policy` is asked before it\n" +
		"answers, and the least role that may. About the thing itself the activity asks again; what is refused answers like what does not exist.\n\n" +
		"| Method | Path | Action | From | Answers with | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range s.routes {
		least := "anybody"
		for _, role := range []archive.Role{archive.RoleAdmin, archive.RoleArchivist, archive.RolePublisher, archive.RoleInvestigator, archive.RoleReviewer} {
			if policy.Could(policy.Subject{Agent: "ag", Role: role}, r.Action) && !policy.Could(policy.Subject{}, r.Action) {
				least = string(role)
			}
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n", r.Method, strings.TrimSuffix(r.Path, "{$}"), r.Action, least, r.Kind, r.About)
	}
	at := filepath.Join("..", "..", "docs", "reference", "routes.md")
	if os.Getenv("ZAPIS_UPDATE") != "" {
		if err := os.WriteFile(at, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(at)
	if err != nil || string(have) != b.String() {
		t.Errorf("docs/reference/routes.md has drifted from routes.go: run make docs (%v)\n%s", err, cmp.Diff(string(have), b.String()))
	}
}

func TestSurfaceIsWhole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	// What the API library answers is what the routes declare for it, both ways.
	var described map[string]any
	if err := json.Unmarshal(s.openapi, &described); err != nil || described["openapi"] != "3.1.0" {
		t.Fatalf("%v %v", described["openapi"], err)
	}
	var operations, declared []string
	for path, methods := range described["paths"].(map[string]any) {
		for m := range methods.(map[string]any) {
			operations = append(operations, strings.ToUpper(m)+" "+path)
		}
	}
	for _, r := range s.routes {
		if reflect.ValueOf(r.handle).Pointer() == reflect.ValueOf(s.viaAPI).Pointer() {
			declared = append(declared, r.pattern())
		}
	}
	slices.Sort(operations)
	slices.Sort(declared)
	if d := cmp.Diff(declared, operations); d != "" {
		t.Errorf("routes and API differ:\n%s", d)
	}
	for _, bad := range [][]route{
		{{"GET", "/x", "unheard of", kindPage, "x", s.home}},
		{{"GET", "/x", policy.Enter, kindPage, "x", nil}},
		{{"PUT", "/x", policy.Enter, kindPage, "x", s.home}},
		{{"GET", "/x", policy.Enter, kindPage, "x", s.home}, {"GET", "/x", policy.Enter, kindPage, "x", s.home}},
	} {
		if checkRoutes(bad) == nil {
			t.Errorf("a bad surface was taken: %s", bad[0].pattern())
		}
	}
	// What is not declared is not there, for nobody and for the administrator.
	for _, b := range []*browser{s.browser(), s.first(t)} {
		want := b.get("/nothing")
		body := text(want)
		for _, path := range []string{"/debug/pprof/", "/metrics", "/archive/", "/items", "/items/", "/docs", "/openapi.json", "/jobs/1", "/.git/config", "/index.html"} {
			r := b.get(path)
			if r.StatusCode != http.StatusNotFound || text(r) != body || !cmp.Equal(r.Header, want.Header) {
				t.Errorf("%s: %d", path, r.StatusCode)
			}
		}
		for _, path := range []string{"/api", "/api/schemas", "/api/docs", "/api/x", "/d", "/d/", "/i/x", "/asset", "/asset/"} {
			if r := b.get(path); r.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", path, r.StatusCode)
			}
		}
		for _, m := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
			if r := b.do(m, "/archive", nil, "Sec-Fetch-Site", "same-origin"); r.StatusCode != http.StatusNotFound {
				t.Errorf("%s /archive: %d", m, r.StatusCode)
			}
		}
	}
}

// object is what a route is asked about, and what policy is told about it.
type object struct {
	name                        string
	item, derivative, accession string
	absent, hasBytes            bool
	about, accessionAbout       policy.Object
}

func (s *site) objects() []object {
	var out []object
	for name, it := range s.w.Items {
		acc := s.w.Mine
		if name == "foreign" {
			acc = s.w.Theirs
		}
		o := object{name: name, item: it.ID, accession: acc.ID, about: policy.ItemObject(it), accessionAbout: policy.AccessionObject(acc), hasBytes: name != "sealed"}
		if name == "erased" {
			o.about.ItemState = archive.ItemErased
		}
		if d, ok := s.w.Derivatives[name][archive.DerivativeProxy]; ok {
			o.derivative = d.ID
		} else {
			o.derivative = archive.NewID(archive.PrefixDerivative)
		}
		out = append(out, o)
	}
	out = append(out,
		object{name: "absent", absent: true, item: archive.NewID(archive.PrefixItem), derivative: archive.NewID(archive.PrefixDerivative), accession: archive.NewID(archive.PrefixAccession)},
		object{name: "malformed", absent: true, item: "it_x", derivative: "..", accession: "ac_';--"},
	)
	return out
}

// expected is the oracle of the matrix: policy about the thing itself, and whether there is something to give.
func expected(subject policy.Subject, r route, o object) bool {
	if !policy.Could(subject, r.Action) {
		return false
	}
	if strange(r.Path) {
		return false // filled with what is not there; what is there has tests of its own
	}
	about, specific := o.about, true
	switch {
	case strings.Contains(r.Path, "{item}"), strings.Contains(r.Path, "{derivative}"):
	case strings.Contains(r.Path, "{accession}"):
		about = o.accessionAbout
	default:
		specific = false
	}
	if !specific {
		return true
	}
	if o.absent || !policy.Decide(subject, r.Action, about).Allow {
		return false
	}
	if strings.HasSuffix(r.Path, "/frames") {
		return false // of no item of the world were the frames listed
	}
	if r.Action == policy.Look {
		return o.hasBytes
	}
	return !strings.HasSuffix(r.Path, "/receipt") // no accession of the world is closed
}

var parameter = regexp.MustCompile(`\{[a-z.$]+\}`)

// strange says whether a path names something that the matrix has no objects of.
func strange(path string) bool {
	return slices.ContainsFunc(parameter.FindAllString(path, -1), func(name string) bool {
		return !slices.Contains([]string{"{item}", "{derivative}", "{accession}", "{$}"}, name)
	})
}

func TestMatrix(t *testing.T) {
	t.Parallel()
	s, _, _ := furnished(t)
	root := s.again(t)
	archivist, archivistAccount := s.enter(t, "Archivist", archive.RoleArchivist, false)
	reviewer, reviewerAccount := s.enter(t, "Reviewer", archive.RoleReviewer, false)
	investigator, investigatorAccount := s.enter(t, "Investigator", archive.RoleInvestigator, false)
	publisher, publisherAccount := s.enter(t, "Publisher", archive.RolePublisher, false)
	people := []struct {
		name    string
		b       *browser
		subject policy.Subject
	}{
		{"nobody", s.browser(), policy.Subject{}}, {"reviewer", reviewer, reviewerAccount.Subject()}, {"investigator", investigator, investigatorAccount.Subject()}, {"publisher", publisher, publisherAccount.Subject()}, {"archivist", archivist, archivistAccount.Subject()}, {"admin", root, s.root.Subject()},
	}
	probes := 0
	for _, p := range people {
		for _, r := range s.routes {
			if r.Method != http.MethodGet || r.Path == "/api/events" || r.Kind == kindAsset || strings.Contains(r.Path, "{token}") {
				continue // POST below; streams, assets and links have tests of their own
			}
			var refusal *http.Response
			var refusalBody string
			for _, o := range s.objects() {
				unknown := archive.NewID(archive.PrefixEntity)
				if o.name == "malformed" {
					unknown = "kn_" + strings.Repeat("u", 26) // the alphabet of identifiers has no u
				}
				path := parameter.ReplaceAllStringFunc(r.Path, func(name string) string {
					if strange(name) {
						return unknown
					}
					return url.PathEscape(map[string]string{"{item}": o.item, "{derivative}": o.derivative, "{accession}": o.accession, "{$}": ""}[name])
				})
				if strings.Contains(path, "/../") || strings.HasSuffix(path, "/..") {
					continue // the mux cleans such a path before anybody decides
				}
				got := p.b.get(path)
				body := strings.ReplaceAll(text(got), unknown, "") // a page may know its own address
				probes++
				switch want := expected(p.subject, r, o); {
				case want && got.StatusCode >= 400:
					t.Errorf("%s, %s, %s: %d although it is allowed", p.name, r.pattern(), o.name, got.StatusCode)
				case !want && !p.subject.SignedIn():
					ok := got.StatusCode == http.StatusUnauthorized
					if r.Kind == kindPage {
						ok = got.StatusCode == http.StatusSeeOther && strings.HasPrefix(got.Header.Get("Location"), "/sign-in")
					}
					if !ok {
						t.Errorf("%s, %s, %s: %d", p.name, r.pattern(), o.name, got.StatusCode)
					}
				case !want:
					if got.StatusCode != http.StatusNotFound {
						t.Errorf("%s, %s, %s: %d although it is refused", p.name, r.pattern(), o.name, got.StatusCode)
					}
					// Forbidden and absent are one answer, to the byte.
					if refusal == nil {
						refusal, refusalBody = got, body
					} else if body != refusalBody || !cmp.Equal(got.Header, refusal.Header) {
						t.Errorf("%s, %s, %s: can be told from another refusal:\n%s", p.name, r.pattern(), o.name, cmp.Diff(refusal.Header, got.Header))
					}
				}
			}
		}
	}
	if probes < 500 {
		t.Fatalf("only %d probes", probes)
	}
}

// What changes something, by those who may not.
func TestPostsAreRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.w.Enqueue(s.w.Items["ready"].ID)
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, true)
	archivist, archivistOf := s.enter(t, "Archivist", archive.RoleArchivist, false)
	from := s.w.Size()
	for _, r := range s.routes {
		if r.Method != http.MethodPost || r.Action == policy.Enter {
			continue
		}
		path := parameter.ReplaceAllString(r.Path, "1")
		if got := s.browser().post(path, url.Values{"act": {"invite"}, "name": {"X"}, "role": {"admin"}}); r.Kind == kindPage && got.StatusCode != http.StatusSeeOther || r.Kind != kindPage && got.StatusCode != http.StatusUnauthorized {
			t.Errorf("nobody, %s: %d", path, got.StatusCode)
		}
		for who, b := range map[string]*browser{"reviewer": reviewer, "archivist": archivist} {
			if r.Action == policy.ManageSelf || who == "archivist" && policy.Could(archivistOf.Subject(), r.Action) && r.Action != policy.RequestErasure && r.Action != policy.ApproveErasure {
				continue
			}
			for _, values := range []url.Values{{"act": {"invite"}, "name": {"X"}, "role": {"admin"}}, {"act": {"role"}, "account": {s.root.ID}, "role": {"reviewer"}}, nil} {
				if got := b.post(path, values); got.StatusCode != http.StatusNotFound {
					t.Errorf("%s, %s: %d", who, path, got.StatusCode)
				}
			}
		}
	}
	if s.w.Size() != from {
		t.Error("a refused request left an event")
	}
	// The archivist may, with what they may see.
	if got := archivist.post("/jobs/1/cancel", nil); got.StatusCode != http.StatusSeeOther {
		t.Errorf("archivist cancels: %d", got.StatusCode)
	}
	if got := archivist.post("/jobs/99/cancel", nil); got.StatusCode != http.StatusNotFound {
		t.Errorf("no such job: %d", got.StatusCode)
	}
}

func TestHeadersOnEveryAnswer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.first(t)
	d := s.w.Derivatives["ready"][archive.DerivativeStill].ID
	for _, path := range []string{"/archive", "/sign-in", "/nothing", "/api/items", "/api/nothing", "/d/" + d, "/i/" + s.w.Items["ready"].ID + "/look", "/asset/zapis-abc123.css", "/asset/x", "/items/" + s.w.Items["ready"].ID, "/away"} {
		r := b.get(path)
		h := r.Header
		csp := h.Get("Content-Security-Policy")
		for name, want := range map[string]string{
			"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "X-Frame-Options": "DENY",
		} {
			if h.Get(name) != want {
				t.Errorf("%s: %s is %q", path, name, h.Get(name))
			}
		}
		if h.Get("Permissions-Policy") == "" {
			t.Errorf("%s: no permissions policy", path)
		}
		if strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			if csp != pagePolicy {
				t.Errorf("%s: policy %q", path, csp)
			}
		} else if !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "sandbox") {
			t.Errorf("%s: policy of data %q", path, csp)
		}
		immutable := strings.Contains(h.Get("Cache-Control"), "immutable")
		if immutable != (path == "/asset/zapis-abc123.css") || !immutable && !strings.HasPrefix(h.Get("Cache-Control"), "no-store") {
			t.Errorf("%s: Cache-Control %q", path, h.Get("Cache-Control"))
		}
	}
	if strings.Contains(pagePolicy, "unsafe") || !strings.Contains(pagePolicy, "require-trusted-types-for 'script'") || strings.Contains(pagePolicy, "http") || strings.Contains(pagePolicy, "data:") {
		t.Error("the page policy allows too much")
	}
}

func TestOtherSitesAndHosts(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.first(t)
	from := s.w.Size()
	for _, h := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, {"Sec-Fetch-Site", "", "Origin", "null"}, {"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:9999"},
	} {
		for _, path := range []string{"/me", "/people", "/sign-out", "/api/passkey/register/begin"} {
			if r := b.post(path, url.Values{"act": {"look"}, "scheme": {"light"}}, h...); r.StatusCode != http.StatusForbidden {
				t.Errorf("%v %s: %d", h, path, r.StatusCode)
			}
		}
	}
	if s.w.Size() != from {
		t.Error("a request from elsewhere changed something")
	}
	for _, host := range []string{"evil.example", "127.0.0.1:9999", "archive.example:8420", ""} {
		r := httptest.NewRequest(http.MethodGet, "http://x/sign-in", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusMisdirectedRequest {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
	for _, host := range []string{"localhost:8420", "[::1]:8420", "LOCALHOST:8420"} {
		r := httptest.NewRequest(http.MethodGet, "http://x/sign-in", nil)
		r.Host = host
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Errorf("host %q: %d", host, w.Code)
		}
	}
	if r := b.do(http.MethodPost, "/me", strings.NewReader("act=look&x="+strings.Repeat("x", maxBody))); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a book as form: %d", r.StatusCode)
	}
}

func TestSignInByLinkAndPassword(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	link, _, err := s.accounts.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := s.browser()
	for range 2 {
		if r := b.get("/sign-in/link/" + link.Token); r.StatusCode != http.StatusOK || !strings.Contains(text(r), link.Token) {
			t.Fatal("the landing page does not show its button")
		}
	}
	r := b.post("/sign-in/link/"+link.Token, nil)
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/setup" {
		t.Fatalf("%d %s", r.StatusCode, r.Header.Get("Location"))
	}
	c := r.Cookies()[0]
	if c.Name != "zapis" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || !c.Expires.IsZero() || c.MaxAge != 0 {
		t.Errorf("cookie %+v", c)
	}
	if r := s.browser().post("/sign-in/link/"+link.Token, nil); r.StatusCode != http.StatusNotFound || len(r.Cookies()) > 0 {
		t.Errorf("the link again: %d", r.StatusCode)
	}
	page := text(b.get("/setup"))
	secret := regexp.MustCompile(`name="secret" value="([A-Z2-7 ]+)"`).FindStringSubmatch(page)
	if secret == nil || !strings.Contains(page, `<path d="M`) {
		t.Fatal("no secret or no picture on the set-up page")
	}
	if again := regexp.MustCompile(`name="secret" value="([A-Z2-7 ]+)"`).FindStringSubmatch(text(b.get("/setup"))); again[1] != secret[1] {
		t.Error("looking again changes the secret")
	}
	code := func() string {
		out, err := totp.GenerateCode(strings.ReplaceAll(secret[1], " ", ""), s.w.Now())
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	form := func(change ...string) url.Values {
		v := url.Values{"name": {"Olha"}, "password": {"a long way over the hills"}, "again": {"a long way over the hills"}, "code": {code()}}
		for i := 0; i+1 < len(change); i += 2 {
			v.Set(change[i], change[i+1])
		}
		return v
	}
	for what, v := range map[string]url.Values{
		"differs": form("again", "x"), "short": form("password", "short", "again", "short"), "known": form("password", "password123456", "again", "password123456"), "name": form("name", " "), "code": form("code", "000000"),
	} {
		r := b.post("/setup", v)
		if r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), `role="alert"`) {
			t.Errorf("set-up, %s: %d", what, r.StatusCode)
		}
	}
	if r := b.post("/setup", form()); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/archive" {
		t.Fatalf("set-up: %d %s", r.StatusCode, text(r))
	}
	if r := b.get("/setup"); r.Header.Get("Location") != "/me" {
		t.Errorf("set-up when it is done: %d", r.StatusCode)
	}
	if r := b.get("/archive"); r.StatusCode != http.StatusOK {
		t.Errorf("archive: %d", r.StatusCode)
	}

	recovery := b.post("/me", url.Values{"act": {"recovery"}})
	codes := strings.Fields(text(recovery))
	if recovery.StatusCode != http.StatusOK || len(codes) != 10 || !strings.HasPrefix(recovery.Header.Get("Content-Disposition"), "attachment") {
		t.Errorf("recovery codes: %d %v", recovery.StatusCode, codes)
	}

	// Out, and in again.
	u, _ := url.Parse(origin)
	before := b.jar.Cookies(u)[0].Value
	if r := b.post("/sign-out", nil); r.StatusCode != http.StatusSeeOther {
		t.Errorf("sign-out: %d", r.StatusCode)
	}
	if r := b.get("/archive"); r.StatusCode != http.StatusSeeOther {
		t.Errorf("archive after sign-out: %d", r.StatusCode)
	}
	stolen := s.browser()
	stolen.jar.SetCookies(u, []*http.Cookie{{Name: "zapis", Value: before, Path: "/"}})
	if r := stolen.get("/archive"); r.StatusCode != http.StatusSeeOther {
		t.Error("the token of a session that was left still opens")
	}
	s.w.Advance(time.Minute)
	for what, v := range map[string]url.Values{"name": {"name": {"Nobody"}}, "password": {"name": {"Olha"}, "password": {"x"}}, "code": {"name": {"Olha"}, "password": {"a long way over the hills"}, "code": {"000000"}}} {
		if r := b.post("/sign-in", v); r.StatusCode != http.StatusForbidden || !strings.Contains(text(r), `role="alert"`) {
			t.Errorf("wrong %s: %d", what, r.StatusCode)
		}
	}
	// A session of their own that somebody planted in the browser before is not the one that is signed in.
	all, err := s.accounts.OperatorList(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.root = all[0]
	attacker, _ := s.enter(t, "Attacker", archive.RoleReviewer, false)
	planted := attacker.jar.Cookies(u)[0].Value
	b.jar.SetCookies(u, []*http.Cookie{{Name: "zapis", Value: planted, Path: "/"}})
	r = b.post("/sign-in", url.Values{"name": {"olha"}, "password": {"a long way over the hills"}, "code": {code()}, "next": {"/jobs?state=running"}})
	if r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/jobs?state=running" {
		t.Fatalf("sign-in: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if v := b.jar.Cookies(u)[0].Value; v == planted || v == before {
		t.Error("the session kept a token from before the sign-in")
	}
	if body := text(attacker.get("/me")); strings.Contains(body, "Olha") {
		t.Error("who planted the token is signed in as its victim")
	}
	if r := s.browser().post("/sign-in", url.Values{"name": {"Olha"}, "password": {"a long way over the hills"}, "code": {codes[0]}}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("recovery code: %d", r.StatusCode)
	}
	for range 12 {
		b.post("/sign-in", url.Values{"name": {"Olha"}, "password": {"x"}})
	}
	if r := b.post("/sign-in", url.Values{"name": {"Olha"}, "password": {"x"}}); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("guessing on and on: %d", r.StatusCode)
	}
}

func TestCookieOverHTTPS(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Origin = "https://archive.example" })
	link, _, err := s.accounts.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "https://archive.example/sign-in/link/"+link.Token, nil)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	c := w.Result().Cookies()[0]
	if c.Name != "__Host-zapis" || !c.Secure || c.Path != "/" || c.Domain != "" || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("%+v", c)
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origin   string
		insecure bool
		want     error
	}{
		{"http://127.0.0.1:8420", false, nil}, {"http://localhost:8420", false, nil}, {"http://[::1]:1", false, nil}, {"https://archive.example", false, nil},
		{"http://archive.example", false, ErrInsecure}, {"http://192.0.2.1:80", false, ErrInsecure}, {"http://0.0.0.0:80", false, ErrInsecure}, {"http://archive.example", true, nil}, {"http://abcdefghij.onion", false, nil}, {"http://onion.example", false, ErrInsecure},
		{"archive.example", false, archive.ErrInvalid}, {"ftp://x", false, archive.ErrInvalid}, {"https://a.example/path", false, archive.ErrInvalid}, {"https://u@a.example", false, archive.ErrInvalid}, {"", false, archive.ErrInvalid},
	} {
		if _, err := CheckOrigin(c.origin, c.insecure); !errors.Is(err, c.want) {
			t.Errorf("origin %q: %v", c.origin, err)
		}
	}
	for _, c := range []struct {
		listen, origin string
		insecure       bool
		want           error
	}{
		{"127.0.0.1:8420", "", false, nil}, {"localhost:8420", "", false, nil}, {"[::1]:8420", "", false, nil}, {"0.0.0.0:8420", "", false, ErrInsecure}, {":8420", "", false, ErrInsecure},
		{"0.0.0.0:8420", "https://archive.example", false, nil}, {"0.0.0.0:8420", "http://archive.example", false, ErrInsecure}, {"0.0.0.0:8420", "http://127.0.0.1:8420", false, ErrInsecure},
		{"192.0.2.1:80", "", true, archive.ErrInvalid}, {"192.0.2.1:80", "http://192.0.2.1", true, nil}, {"nonsense", "", false, archive.ErrInvalid},
	} {
		if err := CheckListen(c.listen, c.origin, c.insecure); !errors.Is(err, c.want) {
			t.Errorf("listen %q, origin %q: %v", c.listen, c.origin, err)
		}
	}
	for _, c := range []struct{ next, want string }{
		{"/jobs", "/jobs"}, {"/archive?at=2020-07-27&kind=video", "/archive?at=2020-07-27&kind=video"}, {"//evil.example", "x"}, {"https://evil.example", "x"}, {`/\evil.example`, "x"}, {"/%5Cevil.example/..", "x"},
		{"javascript:alert(1)", "x"}, {"", "x"}, {"/sign-out", "x"}, {"/sign-in/link/abc", "x"}, {"/away?back=/away", "x"}, {"/a\r\nSet-Cookie: x", "x"}, {"/d/de_1", "x"}, {"/" + strings.Repeat("x", 3000), "x"}, {"archive", "x"},
	} {
		if got := localPath(c.next, "x"); got != c.want {
			t.Errorf("next %q: %q", c.next, got)
		}
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/a", "//b", `/\c`, "/%2f%2fd", "/a?b=//c#d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next, "/archive")
		base, _ := url.Parse("http://127.0.0.1:8420/sign-in")
		u, err := base.Parse(got)
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme || strings.ContainsAny(got, "\\\r\n") || strings.HasPrefix(got, "//") {
			t.Fatalf("%q leads to %q", next, got)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add("2020-07-27T23:41:06.12Z~it_01m805nevky7cpn9pryvcdp0s8")
	f.Add("it_01m805nevky7cpn9pryvcdp0s8")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			if !errors.Is(err, archive.ErrInvalid) {
				t.Fatal(err)
			}
			return
		}
		if !c.At.IsZero() && c.At.Year() > 0 && c.At.Year() < 9999 {
			again, err := parseCursor(*cursorText(c))
			if err != nil || again.ID != c.ID || !again.At.Equal(c.At.Truncate(time.Microsecond)) {
				t.Fatalf("%q: %v %v %v", text, c, again, err)
			}
		}
	})
}

func TestEveryPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.w.Enqueue(s.w.Items["ready"].ID)
	b := s.first(t)
	pages := []string{
		"/archive", "/accessions", "/accessions/" + s.w.Mine.ID, "/jobs", "/jobs?state=available", "/health", "/proof", "/erasures", "/people", "/me", "/setup", "/away?back=/archive", "/sign-in?ended=1", "/nothing",
		"/items/" + s.w.Items["ready"].ID + "/custody",
	}
	for name, it := range s.w.Items {
		if name != "erased" {
			pages = append(pages, "/items/"+it.ID)
		}
	}
	for _, l := range locale.Languages {
		if r := b.post("/me", url.Values{"act": {"look"}, "lang": {l.Code}, "scheme": {"light"}}); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("language %s: %d", l.Code, r.StatusCode)
		}
		for _, path := range pages {
			r := b.get(path)
			body := text(r)
			if !strings.Contains(body, `<html lang="`+l.Code+`"`) || !strings.Contains(body, "</html>") {
				t.Errorf("%s in %s: %d\n%.300s", path, l.Code, r.StatusCode, body)
			}
			if r.StatusCode != http.StatusOK && path != "/nothing" {
				t.Errorf("%s in %s: %d", path, l.Code, r.StatusCode)
			}
			if strings.Contains(body, "data-scheme") && !strings.Contains(body, `data-scheme="light"`) {
				t.Errorf("%s: the colours that were chosen are not used", path)
			}
		}
	}
	other := s.browser()
	if body := text(other.get("/sign-in", "Accept-Language", "uk,en;q=0.5")); !strings.Contains(body, `<html lang="uk"`) {
		t.Error("the language of the browser is not used")
	}
	other.get("/sign-in?lang=ru", "Accept-Language", "uk")
	if body := text(other.get("/sign-in", "Accept-Language", "uk")); !strings.Contains(body, `<html lang="ru"`) {
		t.Error("the language that was chosen before signing in is not kept")
	}
	if body := text(b.get("/jobs?done=%3Cscript%3E")); strings.Contains(body, "<script>") {
		t.Error("a notice comes from the address")
	}
}

func TestUnbuiltServerSaysSo(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(o *Options) { o.Assets = fstest.MapFS{"placeholder.txt": &fstest.MapFile{Data: []byte("x")}} })
	if s.Built() {
		t.Fatal("built")
	}
	b := s.first(t)
	for _, path := range []string{"/archive", "/sign-in?ended=1", "/health"} {
		if r := b.get(path); r.StatusCode != http.StatusOK || !strings.Contains(text(r), "<code>make</code>") {
			t.Errorf("%s does not say that the web part is not built", path)
		}
	}
	half := distribution().(fstest.MapFS)
	delete(half, "dist/item-abc123.js")
	if _, err := loadAssets(half); err == nil {
		t.Error("half a build was taken")
	}
}

func TestAssets(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.browser()
	r := b.get("/asset/zapis-abc123.css", "Accept-Encoding", "br, gzip")
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "text/css; charset=utf-8" || len(r.Cookies()) > 0 {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if r := b.get("/asset/zapis-abc123.css", "Accept-Encoding", "gzip;q=0"); r.Header.Get("Content-Encoding") != "" || !strings.Contains(text(r), "zapis.css") {
		t.Error("plain bytes are not given to whom asks for them")
	}
	for _, name := range []string{"manifest.json", "placeholder.txt", "../doc.go", "%2e%2e/doc.go", ""} {
		if r := b.get("/asset/" + name); r.StatusCode == http.StatusOK {
			t.Errorf("asset %q is served", name)
		}
	}
}

func TestRangesOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, a := s.enter(t, "Reviewer", archive.RoleReviewer, false)
	d := s.w.Derivatives["ready"][archive.DerivativeProxy]
	want := s.w.Bytes[d.Object.Object]
	r := b.get("/api/items/" + s.w.Items["ready"].ID)
	var peek struct{ Visit string }
	if err := json.NewDecoder(r.Body).Decode(&peek); err != nil || peek.Visit == "" {
		t.Fatal(err)
	}
	from := s.w.Size()
	path := "/d/" + d.ID + "?v=" + peek.Visit
	r = b.get(path, "Range", "bytes=70000-70999")
	if r.StatusCode != http.StatusPartialContent || text(r) != string(want[70000:71000]) || r.Header.Get("Content-Type") != "video/mp4" || r.Header.Get("Zapis-Visit") != peek.Visit {
		t.Errorf("%d %v", r.StatusCode, r.Header)
	}
	if tag := r.Header.Get("ETag"); strings.Contains(tag, fmt.Sprintf("%x", d.SHA256)[:16]) || tag == "" {
		t.Errorf("entity tag %s", tag)
	}
	if r := b.get(path); r.StatusCode != http.StatusOK || text(r) != string(want) {
		t.Error("the whole is not the whole")
	}
	if r := b.get(path, "Range", "bytes=-5"); text(r) != string(want[len(want)-5:]) {
		t.Error("the end is not the end")
	}
	if r := b.get(path, "Range", "bytes=900000-"); r.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("beyond the end: %d", r.StatusCode)
	}
	if r := b.do(http.MethodHead, path, nil); r.StatusCode != http.StatusOK || len(text(r)) != 0 {
		t.Error("HEAD has a body")
	}
	seen := 0
	for _, e := range s.w.Events(from) {
		if e.Type == archive.EventDisplaying && e.Agent == a.ID && e.Detail["visit"] == peek.Visit {
			seen++
		}
	}
	if seen != 1 {
		t.Errorf("the record says %d times that it was seen", seen)
	}
	still := s.w.Derivatives["ready"][archive.DerivativeStill]
	if r := b.get("/i/" + s.w.Items["ready"].ID + "/look?v=" + peek.Visit); text(r) != string(s.w.Bytes[still.Object.Object]) || r.Header.Get("Content-Type") != "image/jpeg" {
		t.Error("a look does not give the still")
	}
}

func get[T any](t *testing.T, b *browser, path string) T {
	t.Helper()
	r := b.get(path)
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, r.StatusCode, err)
	}
	return v
}

type itemsPage struct {
	Items []map[string]any
	Next  *string
}

func ids(p itemsPage) (out []string) {
	for _, it := range p.Items {
		out = append(out, it["id"].(string))
	}
	return out
}

func TestAPI(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.first(t)
	all := get[itemsPage](t, b, "/api/items")
	if len(all.Items) != 7 || all.Next != nil { // eight, one of them erased
		t.Fatalf("%d items, next %v", len(all.Items), all.Next)
	}
	for _, it := range all.Items {
		for _, key := range []string{"id", "ref", "kind", "state", "reason", "at", "known", "day", "ms", "bytes", "micro", "acc", "camera", "w", "h", "copies", "difficulty", "anomalies"} {
			if _, ok := it[key]; !ok {
				t.Errorf("a row lacks %s", key)
			}
		}
	}
	// On by next, and on from any row by its identifier, in both directions: every item once.
	for _, order := range []string{"newest", "oldest"} {
		whole := ids(get[itemsPage](t, b, "/api/items?order="+order))
		for _, how := range []string{"next", "row"} {
			var got []string
			cursor := ""
			for {
				p := get[itemsPage](t, b, "/api/items?limit=2&order="+order+cursor)
				got = append(got, ids(p)...)
				if p.Next == nil || len(got) > 20 {
					break
				}
				cursor = "&cursor=" + url.QueryEscape(*p.Next)
				if how == "row" {
					cursor = "&cursor=" + got[len(got)-1]
				}
			}
			if d := cmp.Diff(whole, got); d != "" {
				t.Errorf("%s by %s:\n%s", order, how, d)
			}
		}
		if order == "oldest" {
			if forth := ids(get[itemsPage](t, b, "/api/items")); !slices.Equal(forth[:6], reversed(whole)[:6]) {
				t.Error("turned round it is not the same list")
			}
		}
	}
	// A filter narrows lists, days and facets alike.
	for filter, want := range map[string]int{
		"?kind=video": 7, "?kind=audio": 0, "?kind=video&kind=unknown": 7, "?accession=" + s.w.Theirs.ID: 1, "?state=ready": 3, "?state=ready&state=sealed": 4, "?difficulty=3": 1, "?camera=CAM+3": 6, "?camera=": 1,
		"?from=2020-07-21&to=2020-07-22": 3, "?q=Z2-": 1, "?q=z1-000001": 1, "?from=2030-01-01": 0,
	} {
		items := get[itemsPage](t, b, "/api/items"+filter)
		days := get[struct {
			Days  [][]any
			Total int
		}](t, b, "/api/days"+filter)
		if len(items.Items) != want || days.Total != want {
			t.Errorf("%s: %d items, days %d, want %d", filter, len(items.Items), days.Total, want)
		}
	}
	at := get[itemsPage](t, b, "/api/items?at=2020-07-22")
	if len(at.Items) == 0 || at.Items[0]["day"] != "2020-07-22" {
		t.Errorf("beginning at a day: %v", at.Items)
	}
	if at = get[itemsPage](t, b, "/api/items?at=2020-07-22&order=oldest"); len(at.Items) == 0 || at.Items[0]["day"] != "2020-07-22" {
		t.Errorf("beginning at a day, oldest first: %v", at.Items)
	}
	facets := get[map[string][][]any](t, b, "/api/facets")
	for _, key := range []string{"kind", "state", "accession", "camera", "difficulty"} {
		if len(facets[key]) == 0 {
			t.Errorf("no facet %s", key)
		}
	}
	if a := facets["accession"][0]; len(a) != 3 || !strings.HasPrefix(a[2].(string), "Z1 ") {
		t.Errorf("accession facet %v", a)
	}
	for _, bad := range []string{
		"/api/items?limit=0", "/api/items?limit=201", "/api/items?limit=x", "/api/items?cursor=x", "/api/items?at=x", "/api/items?order=x", "/api/items?accession=x", "/api/items?difficulty=9", "/api/days?from=x", "/api/facets?to=x",
		"/api/items?" + strings.Repeat("kind=x&", 201),
	} {
		r := b.get(bad)
		if body := text(r); r.StatusCode != http.StatusBadRequest || body != `{"code":"invalid","status":400,"title":"Bad Request"}`+"\n" {
			t.Errorf("%.60s: %d %s", bad, r.StatusCode, body)
		}
	}
	lanes := get[map[string]any](t, b, "/api/items/"+s.w.Items["ready"].ID+"/lanes")
	if lanes["seconds"] != 20.0 {
		t.Errorf("lanes %v", lanes)
	}
	tally := get[map[string]any](t, b, "/api/accessions/"+s.w.Mine.ID)
	if tally["found"] != 14.0 || tally["ready"] != 2.0 || tally["waiting"] != 1.0 {
		t.Errorf("tally %v", tally)
	}
	item := get[map[string]any](t, b, "/api/items/"+s.w.Items["ready"].ID)
	if len(item["derivatives"].([]any)) != 5 || item["accTitle"] != "Disk 1" {
		t.Errorf("item %v", item)
	}
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, false)
	if n := len(get[itemsPage](t, reviewer, "/api/items").Items); n != 4 { // of Mine, without quarantined, erased and V3
		t.Errorf("a reviewer sees %d items", n)
	}
	if item = get[map[string]any](t, reviewer, "/api/items/"+s.w.Items["ready"].ID); len(item["derivatives"].([]any)) != 4 {
		t.Error("a reviewer is told of the technical derivative")
	}
	begin := get2(t, reviewer.do(http.MethodPost, "/api/passkey/register/begin", strings.NewReader(`{"name":"Rev"}`), "Content-Type", "application/json", "X-Zapis", "1"))
	if begin["publicKey"] == nil {
		t.Errorf("%v", begin)
	}
	if r := s.browser().do(http.MethodPost, "/api/passkey/sign-in/finish", strings.NewReader(`{"id":"x"}`)); r.StatusCode != http.StatusForbidden {
		t.Errorf("a passkey of nobody: %d", r.StatusCode)
	}
}

func get2(t *testing.T, r *http.Response) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d %v", r.StatusCode, err)
	}
	return v
}

func reversed(s []string) []string {
	s = slices.Clone(s)
	slices.Reverse(s)
	return s
}

func TestPeoplePage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.first(t)
	r := b.post("/people", url.Values{"act": {"invite"}, "name": {"Olha"}, "role": {"reviewer"}, "which": {"some"}, "accession": {s.w.Mine.ID}})
	body := text(r)
	link := regexp.MustCompile(origin + `/sign-in/link/([A-Za-z0-9_-]+)`).FindStringSubmatch(body)
	if r.StatusCode != http.StatusOK || link == nil {
		t.Fatalf("%d", r.StatusCode)
	}
	if strings.Contains(text(b.get("/people")), link[1]) {
		t.Error("the link is shown again")
	}
	olha := s.browser()
	if r := olha.post("/sign-in/link/"+link[1], nil); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", r.StatusCode)
	}
	if r := olha.get("/accessions/" + s.w.Theirs.ID); r.StatusCode != http.StatusNotFound {
		t.Errorf("foreign accession: %d", r.StatusCode)
	}
	all, _ := s.accounts.OperatorList(t.Context())
	id := all[slices.IndexFunc(all, func(a account.Account) bool { return a.Name == "Olha" })].ID
	for _, v := range []url.Values{{"act": {"role"}, "account": {id}, "role": {"archivist"}}, {"act": {"scope"}, "account": {id}, "which": {"all"}}, {"act": {"close"}, "account": {id}}} {
		if r := b.post("/people", v); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%v: %d", v, r.StatusCode)
		}
		if v.Get("act") == "scope" {
			if r := olha.get("/accessions/" + s.w.Theirs.ID); r.StatusCode != http.StatusOK {
				t.Errorf("a wider scope does not work at once: %d", r.StatusCode)
			}
		}
	}
	if r := olha.get("/archive"); r.StatusCode != http.StatusSeeOther {
		t.Errorf("a closed account is still in: %d", r.StatusCode)
	}
	for what, v := range map[string]url.Values{"last": {"act": {"close"}, "account": {s.root.ID}}, "name": {"act": {"invite"}, "name": {"olha"}, "role": {"reviewer"}, "which": {"all"}}} {
		if r := b.post("/people", v); r.StatusCode < 400 || r.StatusCode >= 500 || !strings.Contains(text(r), `role="alert"`) {
			t.Errorf("%s: %d", what, r.StatusCode)
		}
	}
	// A form that lost the field which says whether all or some opens nothing.
	for _, v := range []url.Values{{"act": {"scope"}, "account": {id}}, {"act": {"invite"}, "name": {"Nobody"}, "role": {"reviewer"}}} {
		if r := b.post("/people", v); r.StatusCode < 400 || r.StatusCode >= 500 {
			t.Errorf("%v: %d", v, r.StatusCode)
		}
	}
	// Nothing ticked is nothing, not everything; the page says so.
	if r := b.post("/people", url.Values{"act": {"scope"}, "account": {id}, "which": {"some"}, "difficulty": {"1"}}); r.StatusCode != http.StatusSeeOther {
		t.Errorf("nothing: %d", r.StatusCode)
	}
	all, _ = s.accounts.OperatorList(t.Context())
	if sc := all[slices.IndexFunc(all, func(a account.Account) bool { return a.ID == id })].Scope; sc.All || len(sc.Accessions) != 0 || sc.MaxDifficulty != 1 {
		t.Errorf("granted %+v", sc)
	}
	if page := text(b.get("/people")); !strings.Contains(page, "nothing, up to:") || !strings.Contains(page, `value="`+s.w.Mine.ID+`"`) {
		t.Error("the page does not say what may be seen")
	}
	// Some time after signing in, managing others asks who one is.
	s.w.Advance(freshFor + time.Minute)
	if r := b.post("/people", url.Values{"act": {"open"}, "account": {id}}); r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), "/sign-in") {
		t.Errorf("an old sign-in manages people: %d", r.StatusCode)
	}
}

func TestEventsStream(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.w.Enqueue(s.w.Items["ready"].ID)
	b := s.first(t)
	reviewer, who := s.enter(t, "Reviewer", archive.RoleReviewer, false)
	srv := httptest.NewUnstartedServer(s.Handler())
	srv.Start()
	defer srv.Close()
	u, _ := url.Parse(origin)
	stream := func(ctx context.Context, b *browser) (*http.Response, *bufio.Scanner) {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/api/events", nil)
		r.Host = strings.TrimPrefix(origin, "http://")
		for _, c := range b.jar.Cookies(u) {
			r.AddCookie(c)
		}
		resp, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp, bufio.NewScanner(resp.Body)
	}
	next := func(sc *bufio.Scanner, name string) string {
		for sc.Scan() {
			if sc.Text() == "event: "+name {
				sc.Scan()
				return strings.TrimPrefix(sc.Text(), "data: ")
			}
		}
		return ""
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	resp, sc := stream(ctx, b)
	if resp.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
		t.Fatalf("%d %v", resp.StatusCode, resp.Header)
	}
	if data := next(sc, "accession"); !strings.Contains(data, `"found":2`) && !strings.Contains(data, `"found":14`) {
		t.Fatalf("accession: %s", data)
	}
	if data := next(sc, "jobs"); !strings.Contains(data, `"available":1`) {
		t.Fatalf("jobs: %s", data)
	}
	// A change is told.
	storetest.Write(t, s.w.DB, func(tx *store.Tx) error { return tx.AddTally(ctx, s.w.Mine.ID, archive.Tally{Found: 5, Failed: 5}) })
	if data := next(sc, "accession"); !strings.Contains(data, `"failed":12`) {
		t.Fatalf("after a change: %s", data)
	}
	// A reviewer is told of their own accession and of no jobs.
	_, rsc := stream(ctx, reviewer)
	if data := next(rsc, "accession"); !strings.Contains(data, s.w.Mine.ID) {
		t.Fatalf("reviewer: %s", data)
	}
	ended := make(chan string, 1)
	go func() {
		var all strings.Builder
		for rsc.Scan() {
			all.WriteString(rsc.Text() + "\n")
		}
		ended <- all.String()
	}()
	// So many and no more.
	for range streamsPerPerson - 1 {
		stream(ctx, b)
	}
	if r, _ := stream(ctx, b); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one stream too many: %d", r.StatusCode)
	}
	_ = who
	s.Server.Close() // streams end when the server is told to stop
	select {
	case rest := <-ended:
		if strings.Contains(rest, s.w.Theirs.ID) || strings.Contains(rest, "event: jobs") {
			t.Errorf("a reviewer was told: %s", rest)
		}
	case <-ctx.Done():
		t.Fatal("a stream outlived the server")
	}
}

func TestStreamEndsWithTheRight(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b, a := s.enter(t, "Reviewer", archive.RoleReviewer, false)
	hr := httptest.NewRequest(http.MethodGet, origin+"/api/events", nil)
	u, _ := url.Parse(origin)
	for _, c := range b.jar.Cookies(u) {
		hr.AddCookie(c)
	}
	var alive []bool
	s.sessions.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, hr *http.Request) {
		r := &request{Request: hr, route: &route{}}
		if err := s.identify(r); err != nil || !r.signedIn() {
			t.Error("not signed in", err)
		}
		alive = append(alive, s.stillSignedIn(r))
		if err := s.accounts.Disable(t.Context(), s.root.Subject(), a.ID); err != nil {
			t.Error(err)
		}
		alive = append(alive, s.stillSignedIn(r))
	})).ServeHTTP(httptest.NewRecorder(), hr)
	if !slices.Equal(alive, []bool{true, false}) {
		t.Errorf("a stream goes on after the account is closed: %v", alive)
	}
}

func TestLoggerLearnsNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	b := s.first(t)
	b.header.Set("User-Agent", "canary-agent")
	b.header.Set("X-Forwarded-For", "203.0.113.77")
	b.header.Set("Referer", "http://canary-referrer/")
	link, err := s.accounts.NewLink(t.Context(), s.root.Subject(), s.root.ID)
	if err != nil {
		t.Fatal(err)
	}
	b.get("/sign-in/link/" + link.Token)
	b.get("/archive?q=canary-query")
	b.get("/canary-path")
	b.get("/items/" + s.w.Items["ready"].ID)
	b.get("/accessions/" + s.w.Mine.ID)
	b.post("/sign-in", url.Values{"name": {"canary-name"}, "password": {"canary-password"}, "code": {"123456"}})
	b.post("/people", url.Values{"act": {"invite"}, "name": {"Canary-Person"}, "role": {"reviewer"}, "which": {"all"}})
	b.post("/me", url.Values{"act": {"canary-act"}})
	b.do(http.MethodPost, "/api/passkey/sign-in/finish", strings.NewReader(`{"id":"canary-body"}`))
	b.get("/api/items?cursor=canary-cursor")
	out := s.log.String()
	if !strings.Contains(out, `"route":"GET /archive"`) || !strings.Contains(out, s.root.ID) {
		t.Fatalf("the logger got nothing: %.500s", out)
	}
	u, _ := url.Parse(origin)
	token := b.jar.Cookies(u)[0].Value
	for _, canary := range []string{"canary", "Canary", "203.0.113.77", "127.0.0.1", "192.0.2.1", link.Token, token, readingtest.FileName, "Administrator", s.w.Items["ready"].ID} {
		if strings.Contains(out, canary) {
			t.Errorf("the logger learned %q", canary)
		}
	}
}

func TestErrorsBecomeAnswers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct {
		err    error
		status int
	}{
		{archive.ErrNotFound, 404}, {archive.ErrForbidden, 404}, {fmt.Errorf("x: %w", archive.ErrForbidden), 404}, {archive.ErrInvalid, 400}, {archive.ErrConflict, 409}, {archive.ErrBusy, 503},
		{archive.ErrIntegrity, 500}, {errors.New("secret cause"), 500}, {account.ErrSignIn, 403}, {&account.WaitError{}, 429}, {errSignIn, 401}, {context.Canceled, 499},
	} {
		for _, k := range []kind{kindPage, kindAPI, kindData} {
			w := httptest.NewRecorder()
			hr := httptest.NewRequest(http.MethodGet, origin+"/x", nil)
			s.fail(w, &request{Request: hr, id: "incident0", route: &route{Kind: k, Method: "GET", Path: "/x"}}, c.err)
			want := c.status
			if want == 401 && k == kindPage {
				want = 303
			}
			if w.Code != want || strings.Contains(w.Body.String(), "secret") || strings.Contains(w.Body.String(), "incident0") != (c.status >= 500 || false) && c.status != 499 {
				t.Errorf("%v as %s: %d %s", c.err, k, w.Code, w.Body)
			}
		}
	}
	// A handler that panics answers, and the value stays out of sight.
	rt := &route{Method: "GET", Path: "/panic", Action: policy.Enter, Kind: kindPage, About: "x", handle: func(http.ResponseWriter, *request) error { panic("canary-value") }}
	w := httptest.NewRecorder()
	s.serve(rt).ServeHTTP(w, httptest.NewRequest(http.MethodGet, origin+"/panic", nil))
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String()+s.log.String(), "canary-value") {
		t.Errorf("panic: %d", w.Code)
	}
}

func TestHealthLevels(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	now := s.w.Now()
	good := reading.Health{
		At: now, Fixity: &store.Run{Scope: "all", FinishedAt: now.Add(-time.Hour)}, LastFull: now.Add(-time.Hour), Due: now.Add(time.Hour), Record: reading.Record{Size: 5, Checkpoint: 5, CheckpointAt: now, VerifiedAt: now},
		Layers: []reading.Layer{{Name: "x", Active: true}}, Workers: []reading.Worker{{Alive: true}}, Disks: []reading.Disk{{What: "vault", Free: 50, Total: 100}}, DaysLeft: -1,
	}
	level := func(h reading.Health, code string) string {
		for _, l := range s.healthView(h).Lines {
			if l.Code == code {
				return l.Level
			}
		}
		return "none"
	}
	for _, c := range []struct {
		what, code, want string
		change           func(*reading.Health)
	}{
		{"all is well", "fixity", "good", func(*reading.Health) {}},
		{"never checked", "fixity", "bad", func(h *reading.Health) { h.Fixity = nil }},
		{"checked long ago", "fixity", "old", func(h *reading.Health) { h.Due = now.Add(-time.Hour) }},
		{"only a sample, of new material", "fixity", "good", func(h *reading.Health) { h.LastFull = time.Time{} }},
		{"only samples for long", "fixity", "old", func(h *reading.Health) { h.LastFull, h.Due = time.Time{}, now.Add(-time.Hour) }},
		{"a mismatch", "fixity", "bad", func(h *reading.Health) { h.Fixity.Failures = 1 }},
		{"an open finding", "fixity", "bad", func(h *reading.Health) { h.Findings = []reading.Finding{{}} }},
		{"record cut", "record", "bad", func(h *reading.Health) { h.Record.Checkpoint = 9 }},
		{"record not verified", "record", "old", func(h *reading.Health) { h.Record.VerifiedAt = time.Time{} }},
		{"record well", "record", "good", func(*reading.Health) {}},
		{"disk nearly full", "disk", "bad", func(h *reading.Health) { h.Disks[0].Free = 1 }},
		{"disk full in a week", "disk", "bad", func(h *reading.Health) { h.DaysLeft = 7 }},
		{"no worker", "workers", "bad", func(h *reading.Health) { h.Workers = nil }},
		{"a worker fell silent", "workers", "old", func(h *reading.Health) { h.Workers = append(h.Workers, reading.Worker{}) }},
		{"a wall is missing", "sandbox", "old", func(h *reading.Health) { h.Layers = append(h.Layers, reading.Layer{Name: "y"}) }},
		{"no wall", "sandbox", "bad", func(h *reading.Health) { h.Layers = []reading.Layer{{Name: "x"}} }},
		{"no programs here", "sandbox", "info", func(h *reading.Health) { h.Layers = nil }},
	} {
		h := good
		run := *good.Fixity
		h.Fixity, h.Disks = &run, slices.Clone(good.Disks)
		c.change(&h)
		if got := level(h, c.code); got != c.want {
			t.Errorf("%s: %s is %s", c.what, c.code, got)
		}
	}
}

// slow is a film that takes its time.
type slow struct {
	*bytes.Reader
	ctx context.Context
	cut error
}

func (s *slow) Read(p []byte) (int, error) {
	time.Sleep(100 * time.Millisecond)
	if err := s.ctx.Err(); err != nil {
		s.cut = err
		return 0, err
	}
	return s.Reader.Read(p[:min(len(p), 1000)])
}

func (s *slow) Close() error { return nil }

// The time in which a request must be read is no limit for its answer.
func TestLongFilmsAreNotCut(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var film *slow
	rt := &route{Method: "GET", Path: "/film", Action: policy.Enter, Kind: kindData, About: "x", handle: func(w http.ResponseWriter, r *request) error {
		film = &slow{Reader: bytes.NewReader(make([]byte, 8000)), ctx: r.Context()}
		return s.bytes(w, r, &reading.Content{ReadSeekCloser: film, Derivative: archive.Derivative{ID: "de_1", MediaType: "video/mp4"}})
	}}
	srv := s.HTTPServer()
	srv.Handler = s.limits(s.serve(rt))
	srv.ReadTimeout = 200 * time.Millisecond
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = srv.Serve(l) }()
	defer srv.Close()
	r, err := http.Get("http://" + l.Addr().String() + "/film")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, err := io.ReadAll(r.Body); err != nil || len(b) != 8000 || film.cut != nil {
		t.Fatalf("%d of 8000 bytes, %v, %v", len(b), err, film.cut)
	}
}

// saying gives a check that an answer has a status and words in it, which gives its text.
func saying(t *testing.T) func(what string, r *http.Response, want int, words ...string) string {
	return func(what string, r *http.Response, want int, words ...string) string {
		t.Helper()
		b := text(r)
		if r.StatusCode != want {
			t.Fatalf("%s: %d, want %d", what, r.StatusCode, want)
		}
		for _, w := range words {
			if !strings.Contains(b, w) {
				t.Errorf("%s: it lacks %q", what, w)
			}
		}
		return b
	}
}
