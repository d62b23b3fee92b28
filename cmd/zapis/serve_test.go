package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
)

// spoken collects what a command says while it runs.
type spoken struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// newArchive makes an archive in a temporary folder and gives the global options that open it.
func newArchive(t *testing.T) *cli {
	t.Helper()
	dir := t.TempDir()
	pass := filepath.Join(dir, "passphrase")
	if err := os.WriteFile(pass, []byte("seven words that nobody will ever guess\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cli{Home: filepath.Join(dir, "home"), PassphraseFile: pass, JSON: true}
	var out spoken
	if code := run([]string{"--home", c.Home, "--passphrase-file", pass, "--json", "init"}, streams{in: strings.NewReader(""), out: &out, err: &out}); code != 0 {
		t.Fatalf("init: %d %s", code, out.String())
	}
	return c
}

func newCall(ctx context.Context, c *cli, out io.Writer) *call {
	level := &slog.LevelVar{}
	return &call{streams: streams{in: strings.NewReader(""), out: out, err: out}, cli: c, ctx: ctx, logger: slog.New(slog.DiscardHandler), level: level}
}

// serveOnce starts a server and gives what it announced; stop ends it and gives its error.
func serveOnce(t *testing.T, c *cli, cmd serveCmd) (said map[string]any, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := &spoken{}, make(chan error, 1)
	go func() { ended <- cmd.Run(newCall(ctx, c, out)) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	for range 600 {
		line, _, ok := strings.Cut(out.String(), "\n")
		if ok && json.Unmarshal([]byte(line), &said) == nil {
			return said, stop
		}
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, out.String())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Fatalf("the server did not announce itself: %s", out.String())
	return nil, nil
}

func TestServe(t *testing.T) {
	t.Parallel()
	c := newArchive(t)
	said, stop := serveOnce(t, c, serveCmd{Listen: "127.0.0.1:0", NoWorker: true})
	origin, link := said["origin"].(string), said["link"].(string)
	if said["type"] != "serving" || !strings.HasPrefix(origin, "http://127.0.0.1:") || !strings.HasPrefix(link, origin+"/sign-in/link/") {
		t.Fatalf("%v", said)
	}
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar, Timeout: 30 * time.Second}
	r, err := client.Post(link, "application/x-www-form-urlencoded", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK || r.Request.URL.Path != "/setup" {
		t.Fatalf("%d at %s", r.StatusCode, r.Request.URL.Path)
	}
	if r, err = client.Get(origin + "/health"); err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusOK {
		t.Fatalf("health: %d", r.StatusCode)
	}
	// A stream that is open does not keep the server from stopping.
	if r, err = client.Get(origin + "/api/events"); err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Errorf("the stream was cut off when time ran out, not ended: %v", err)
	}
	if _, err := net.DialTimeout("tcp", strings.TrimPrefix(origin, "http://"), time.Second); err == nil {
		t.Error("the server still listens")
	}

	// Nobody can come back yet: a new link. What the operator makes by name works as well.
	said, stop = serveOnce(t, c, serveCmd{Listen: "127.0.0.1:0", NoWorker: true})
	if said["link"] == nil || said["link"] == link {
		t.Errorf("second start: %v", said)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	var out spoken
	if err := (&accountLinkCmd{Name: "ADMINISTRATOR", Origin: "https://archive.example"}).Run(newCall(t.Context(), c, &out)); err != nil || !strings.Contains(out.String(), "https://archive.example/sign-in/link/") {
		t.Errorf("account link: %v %s", err, out.String())
	}
	if err := (&accountLinkCmd{Name: "nobody"}).Run(newCall(t.Context(), c, &out)); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("account link of nobody: %v", err)
	}
	var list spoken
	if err := (&accountListCmd{}).Run(newCall(t.Context(), c, &list)); err != nil || !strings.Contains(list.String(), `"role":"admin"`) {
		t.Errorf("account list: %v %s", err, list.String())
	}
}

func TestServeRefuses(t *testing.T) {
	t.Parallel()
	c := newArchive(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, x := range []struct {
		what string
		cmd  serveCmd
		code int
	}{
		{"all addresses without https", serveCmd{Listen: "0.0.0.0:0"}, app.ExitUsage},
		{"http under a name", serveCmd{Listen: "127.0.0.1:0", Origin: "http://archive.example"}, app.ExitUsage},
		{"insecure without a name", serveCmd{Listen: "0.0.0.0:0", InsecureHTTP: true}, app.ExitUsage},
		{"malformed address", serveCmd{Listen: "nonsense"}, app.ExitUsage},
		{"address in use", serveCmd{Listen: taken.Addr().String(), NoWorker: true}, app.ExitBusy},
	} {
		err := x.cmd.Run(newCall(t.Context(), c, io.Discard))
		if app.ExitCode(err) != x.code {
			t.Errorf("%s: exit %d, %v", x.what, app.ExitCode(err), err)
		}
	}
	none := &cli{Home: filepath.Join(t.TempDir(), "none"), PassphraseFile: c.PassphraseFile}
	if err := (&serveCmd{Listen: "127.0.0.1:0", NoWorker: true}).Run(newCall(t.Context(), none, io.Discard)); app.ExitCode(err) != app.ExitNotInitialised {
		t.Errorf("no archive: exit %d, %v", app.ExitCode(err), err)
	}
}
