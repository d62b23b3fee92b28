package site_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// guide gives the configuration that docs/guide/site.md shows, so that what people copy is what is tested.
func guide(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/guide/site.md")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)```nginx\n(.*?)```").FindSubmatch(text)
	if m == nil {
		t.Fatal("the guide shows no configuration of nginx")
	}
	return string(m[1])
}

// A stock nginx serves the site as the guide says: with the policy of each kind of page, packed files, ranges, no addresses written down.
func TestStockNginx(t *testing.T) {
	t.Parallel()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		if nginx = "/usr/sbin/nginx"; !isFile(nginx) {
			if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
				t.Fatal("nginx is not installed")
			}
			t.Skip("nginx is not installed")
		}
	}
	r := newRig(t, 3)
	r.o.Config.Languages = []string{"en"}
	r.build()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	// nginx gives up its rights when root starts it; the folders of a test are closed to others.
	for dir := r.out; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	conf := guide(t)
	conf = strings.ReplaceAll(strings.ReplaceAll(conf, "listen 443 ssl;", "listen "+addr+";"), "/srv/zapis/site/current", filepath.Join(r.out, "current"))
	conf = regexp.MustCompile(`(?m)^\s*(ssl_certificate|ssl_certificate_key|http2|server_name) .*\n`).ReplaceAllString(conf, "")
	at := t.TempDir()
	user := ""
	if os.Geteuid() == 0 {
		user = "user www-data;\n"
	}
	whole := fmt.Sprintf("%sdaemon off;\nworker_processes 1;\npid %s/pid;\nerror_log %s/error crit;\nevents {}\nhttp {\ninclude /etc/nginx/mime.types;\nclient_body_temp_path %s/1;\nproxy_temp_path %s/2;\nfastcgi_temp_path %s/3;\nuwsgi_temp_path %s/4;\nscgi_temp_path %s/5;\n%s\n}\n", user, at, at, at, at, at, at, at, conf)
	name := filepath.Join(at, "nginx.conf")
	if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginx, "-e", filepath.Join(at, "error"), "-c", name)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it was told to stop
	}()
	get := func(path string, head ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(head); i += 2 {
			req.Header.Set(head[i], head[i+1])
		}
		var res *http.Response
		for try := 0; ; try++ {
			res, err = (&http.Transport{DisableCompression: true}).RoundTrip(req)
			if err == nil {
				break
			}
			if try > 100 {
				t.Fatalf("%v: %s", err, said.String())
			}
			time.Sleep(50 * time.Millisecond)
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
		kind string
	}{
		{"/", 200, "Night Shift Archive", "text/html"},
		{"/en/r/corridor-0001.html", 200, "<video", "text/html"},
		{"/embed/corridor-0001/", 200, "<video", "text/html"},
		{"/media/corridor-0001/v1/captions.en.vtt", 200, "WEBVTT", "text/vtt"},
		{"/en/feed.atom", 200, "<feed", "application/atom+xml"},
		{"/check.html", 200, "check", "text/html"},
		{"/media/", 404, "There is no such page", "text/html"},
		{"/nothing.html", 404, "There is no such page", "text/html"},
	} {
		res, body := get(c.path)
		if res.StatusCode != c.code || !strings.Contains(body, c.has) || !strings.HasPrefix(res.Header.Get("Content-Type"), c.kind) {
			t.Errorf("%s: %d %s %.80s", c.path, res.StatusCode, res.Header.Get("Content-Type"), body)
		}
		csp := strings.Join(res.Header.Values("Content-Security-Policy"), " AND ")
		if strings.Contains(csp, "AND") || strings.Contains(csp, "frame-ancestors *") != strings.HasPrefix(c.path, "/embed/") || !strings.Contains(csp, "frame-ancestors") {
			t.Errorf("%s: policy %q", c.path, csp)
		}
		if res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Referrer-Policy") != "no-referrer" || strings.Contains(res.Header.Get("Server"), "/") {
			t.Errorf("%s: headers %v", c.path, res.Header)
		}
		if c.path != "/check.html" && !strings.Contains(csp, ourPolicy(r)) {
			t.Errorf("%s: the guide says %q, the pages say %q", c.path, csp, ourPolicy(r))
		}
	}
	if res, body := get("/media/corridor-0001/v1/clip-720.mp4", "Range", "bytes=10-19"); res.StatusCode != 206 || len(body) != 10 {
		t.Errorf("range: %d", res.StatusCode)
	}
	if res, body := get("/en/index.html", "Accept-Encoding", "gzip"); res.Header.Get("Content-Encoding") != "gzip" || body != r.read("en/index.html.gz") {
		t.Errorf("packed: %v", res.Header)
	}
	if b, err := os.ReadFile(filepath.Join(at, "error")); err == nil && strings.Contains(string(b), "127.0.0.1") {
		t.Error("an address was written down")
	}
}

func isFile(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.Mode().IsRegular()
}

// ourPolicy is the policy in _headers that is for all pages, up to who may frame them.
func ourPolicy(r *rig) string {
	m := regexp.MustCompile(`Content-Security-Policy: (.*); frame-ancestors 'none'`).FindStringSubmatch(r.read("_headers"))
	if m == nil {
		return "no policy in _headers"
	}
	return m[1]
}
