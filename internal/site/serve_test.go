package site_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"zapis/internal/site"
)

func TestServe(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	r.build()
	if err := os.WriteFile(filepath.Join(r.releases, "secret.html"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(r.releases, "secret.html"), filepath.Join(r.out, r.tree(), "leak.html")); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(site.Handler(r.out))
	defer srv.Close()
	get := func(path string, head ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequest(http.MethodGet, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Path = path
		for i := 0; i+1 < len(head); i += 2 {
			req.Header.Set(head[i], head[i+1])
		}
		res, err := (&http.Transport{DisableCompression: true}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(b)
	}
	for _, c := range []struct {
		path string
		code int
		has  string
	}{
		{"/", 200, "Night Shift Archive"},
		{"/en/", 200, "<h1"},
		{"/en", 301, ""},
		{"/en/r/corridor-0001.html", 200, "corridor 1"},
		{"/embed/corridor-0001/", 200, "<video"},
		{"/media/corridor-0001/v1/captions.en.vtt", 200, "WEBVTT"},
		{"/check.html", 200, "check"},
		{"/nothing.html", 404, "There is no such page"},
		{"/media/", 404, ""},
		{"/../held.json", 404, ""},
		{"/leak.html", 404, ""},
		{"/.zapis-site", 404, ""},
		{"/en/index.html.gz", 404, ""},
	} {
		res, body := get(c.path)
		if res.StatusCode != c.code || !strings.Contains(body, c.has) || strings.Contains(body, "secret") {
			t.Errorf("%s: %d %.80s", c.path, res.StatusCode, body)
		}
		csp := res.Header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "frame-ancestors") || !strings.HasPrefix(csp, "default-src 'none'") || res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", c.path, res.Header)
		}
		if strings.Contains(csp, "frame-ancestors *") != strings.HasPrefix(c.path, "/embed/") || strings.Contains(csp, "script-src") != (c.path == "/check.html") {
			t.Errorf("%s: policy %s", c.path, csp)
		}
		if res.Header.Get("Set-Cookie") != "" || res.Header.Get("Server") != "" {
			t.Errorf("%s: headers %v", c.path, res.Header)
		}
	}
	if res, body := get("/media/corridor-0001/v1/clip-720.mp4", "Range", "bytes=10-19"); res.StatusCode != 206 || len(body) != 10 || res.Header.Get("Content-Type") != "video/mp4" {
		t.Errorf("range: %d, %d bytes", res.StatusCode, len(body))
	}
	for _, c := range []struct {
		of   string
		code int
		size int
	}{{"bytes=-5", 206, 5}, {"bytes=0-", 206, len(r.v.Clip)}, {"bytes=99999999-", 416, -1}, {"bytes=5-2", 416, -1}} {
		if res, body := get("/media/corridor-0001/v1/clip-720.mp4", "Range", c.of); res.StatusCode != c.code || c.size >= 0 && len(body) != c.size {
			t.Errorf("range %s: %d, %d bytes", c.of, res.StatusCode, len(body))
		}
	}
	seen, _ := get("/en/index.html")
	since := seen.Header.Get("Last-Modified")
	if since != "Sun, 22 Nov 2026 00:00:00 GMT" {
		t.Errorf("the answer tells the time %q", since)
	}
	if res, body := get("/en/index.html", "If-Modified-Since", since); res.StatusCode != 304 || body != "" {
		t.Errorf("nothing changed: %d", res.StatusCode)
	}
	if res, body := get("/media/corridor-0001/v1/clip-720.mp4", "Range", "bytes=0-3", "If-Range", "Sat, 21 Nov 2026 00:00:00 GMT"); res.StatusCode != 200 || body != string(r.v.Clip) {
		t.Errorf("a part of a file that somebody holds in another version: %d, %d bytes", res.StatusCode, len(body))
	}
	plain, _ := get("/en/index.html", "Accept-Encoding", "br, gzip;q=0")
	packed, body := get("/en/index.html", "Accept-Encoding", "br, gzip")
	if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(body, "\x1f\x8b") || packed.Header.Get("Vary") == "" {
		t.Errorf("packed: %v, %v", plain.Header, packed.Header)
	}
	if res, err := http.Post(srv.URL+"/", "text/plain", strings.NewReader("x")); err != nil || res.StatusCode != 405 {
		t.Errorf("POST: %v %v", res, err)
	}
	// The next build is served at once.
	r.write(r.bundle(7))
	r.build()
	if res, _ := get("/en/r/corridor-0007.html"); res.StatusCode != 200 {
		t.Error("the new build is not served")
	}
	if res, _ := get("/en/index.html", "If-Modified-Since", since); res.StatusCode != 200 {
		t.Errorf("the page changed on the same day, and the answer is %d", res.StatusCode)
	}
}

// Whoever reads while the site is built finds every page, before and after.
func TestReadersDoNotNoticeABuild(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.o.Config.Languages = []string{"en"}
	r.build()
	h := site.Handler(r.out)
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/en/how.html", nil))
			if w.Code != http.StatusOK {
				t.Errorf("a reader got %d", w.Code)
				return
			}
		}
	})
	for i := range 8 {
		r.o.Config.Name = "Archive " + strings.Repeat("I", i+1) // every page changes
		r.build()
	}
	close(done)
	wait.Wait()
}
