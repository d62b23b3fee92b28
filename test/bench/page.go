package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

// page measures the archive browser as a reviewer's machine sees it: over HTTP, signed in, from the real server, with as
// many items as a large archive has.
func (b *bench) page() (part, error) {
	at, err := b.fresh("page")
	if err != nil {
		return part{}, err
	}
	h, err := newHome(b.ctx, b.bin, at)
	if err != nil {
		return part{}, err
	}
	b.say("   making %d items", b.sizes.items)
	begun := time.Now()
	filled, err := fill(b.ctx, h, b.sizes.items)
	if err != nil {
		return part{}, err
	}
	p := part{Title: fmt.Sprintf("Archive page with %d items (SQLite)", b.sizes.items), How: []string{
		"synthetic items over four years, straight into the catalogue; `zapis serve` in a process of its own, requests one after another over one connection",
		fmt.Sprintf("%d requests of each kind at random places and with random filters; the time is from sending to the last byte", b.sizes.pageRequests),
	}}
	p.Rounds = append(p.Rounds, fmt.Sprintf("%d items made in %s", b.sizes.items, seconds(time.Since(begun))))
	w, err := serve(b.ctx, h)
	if err != nil {
		return part{}, err
	}
	defer w.stop()
	if err := w.signIn(b.ctx); err != nil {
		return part{}, err
	}
	values, err := w.facets(b.ctx)
	if err != nil {
		return part{}, err
	}
	r := rand.New(rand.NewPCG(8, 9))
	moment := func() string {
		return filled.From.Add(time.Duration(r.Int64N(int64(filled.To.Sub(filled.From))))).UTC().Format(time.RFC3339)
	}
	// A page that is mostly empty would be fast for no reason.
	var first struct{ Items []json.RawMessage }
	middle := filled.From.Add(filled.To.Sub(filled.From) / 2).UTC().Format(time.RFC3339)
	if _, err := w.get(b.ctx, "/api/items?limit=200&at="+middle, &first); err != nil {
		return part{}, err
	}
	if len(first.Items) != min(200, b.sizes.items) {
		return part{}, fmt.Errorf("a page in the middle has %d items", len(first.Items))
	}
	filter := func() string {
		q := url.Values{}
		for name, all := range values {
			if len(all) > 0 && r.IntN(2) == 0 {
				q.Set(name, all[r.IntN(len(all))])
			}
		}
		return q.Encode()
	}
	for _, k := range []struct {
		name  string
		limit float64
		path  func() string
	}{
		{"list page, 200 items with micro-thumbnails, at a random date", 100, func() string { return "/api/items?limit=200&at=" + moment() }},
		{"list page with filters", 100, func() string { return "/api/items?limit=200&at=" + moment() + "&" + filter() }},
		{"days of the date rail", 100, func() string { return "/api/days" }},
		{"days with filters", 100, func() string { return "/api/days?" + filter() }},
		{"facets", 100, func() string { return "/api/facets" }},
		{"facets with filters", 100, func() string { return "/api/facets?" + filter() }},
		{"the page itself (HTML)", 100, func() string { return "/archive" }},
	} {
		var all spread
		for range b.sizes.pageRequests {
			took, err := w.get(b.ctx, k.path(), nil)
			if err != nil {
				return part{}, err
			}
			all = append(all, float64(took.Microseconds())/1000)
		}
		f := figure{What: k.name, Value: "p99 " + text(all.at(0.99), "ms"), Spread: "p50 " + text(all.median(), "ms") + ", longest " + text(all.high(), "ms"), Target: fmt.Sprintf("p99 ≤ %.0f ms", k.limit)}
		f.Verdict = "met"
		if v := all.at(0.99); v > k.limit {
			f.Verdict = fmt.Sprintf("**missed** by %.0f %%", 100*(v/k.limit-1))
		}
		p.Figures = append(p.Figures, f)
		b.say("   %-60s %s (%s)", k.name, f.Value, f.Spread)
	}
	p.Figures = append(p.Figures, figure{What: "memory of the server", Value: text(float64(highWater(w.cmd.Process.Pid))/(1<<20), "MiB")})
	w.stop()
	return p, os.RemoveAll(at)
}

// fill puts synthetic items into the database of a home, as no command can.
func fill(ctx context.Context, h home, n int) (storetest.Filled, error) {
	var none storetest.Filled
	disk, err := localdisk.Open(filepath.Join(h.dir, "vault"))
	if err != nil {
		return none, err
	}
	v, err := vault.Open(ctx, disk, vault.Passphrase([]byte(secret)))
	if err != nil {
		return none, err
	}
	key, err := v.Secret(ctx, "database")
	if err != nil {
		return none, err
	}
	db, err := store.Open(ctx, store.Options{URL: "sqlite://" + filepath.Join(h.dir, "zapis.db"), Key: key})
	if err != nil {
		return none, err
	}
	filled, err := storetest.Fill(ctx, db, n, 1)
	return filled, errors.Join(err, db.Close())
}

// workspace is a running server and somebody signed in to it.
type workspace struct {
	cmd    *exec.Cmd
	base   string
	link   string
	client *http.Client
}

var linkPattern = regexp.MustCompile(`https?://[^\s"]+/sign-in/link/[^\s"]+`)

func serve(ctx context.Context, h home) (*workspace, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		return nil, err
	}
	c := h.command("serve", "--listen", address, "--no-worker")
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	w := &workspace{cmd: exec.CommandContext(ctx, c.args[0], c.args[1:]...), base: "http://" + address, client: &http.Client{Jar: jar, Timeout: time.Minute}}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	w.cmd.Stdout, w.cmd.Stderr = in, in
	if err := w.cmd.Start(); err != nil {
		return nil, err
	}
	in.Close()
	found := make(chan string, 1)
	go func() {
		var said strings.Builder
		sc := bufio.NewScanner(out)
		for sc.Scan() {
			said.WriteString(sc.Text() + "\n")
			if m := linkPattern.FindString(sc.Text()); m != "" {
				found <- m
				break
			}
		}
		close(found)
		_, _ = io.Copy(io.Discard, out) // the server must never wait for us
	}()
	select {
	case w.link = <-found:
	case <-time.After(time.Minute):
	}
	if w.link == "" {
		w.stop()
		return nil, errors.New("the server gave no sign-in link")
	}
	return w, nil
}

func (w *workspace) stop() {
	if w.cmd.ProcessState != nil {
		return
	}
	_ = w.cmd.Process.Signal(os.Interrupt)
	timer := time.AfterFunc(20*time.Second, func() { _ = w.cmd.Process.Kill() })
	_ = w.cmd.Wait()
	timer.Stop()
}

// signIn uses the one-time link, as the button of its page does.
func (w *workspace) signIn(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.link, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Origin", w.base)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := w.client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("sign in: %s", resp.Status)
	}
	return nil
}

// get times a request to the last byte.
func (w *workspace) get(ctx context.Context, path string, into any) (time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.base+path, nil)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	resp, err := w.client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	route, _, _ := strings.Cut(path, "?")
	if resp.StatusCode != http.StatusOK || resp.Request.URL.Path != route {
		return 0, fmt.Errorf("%s: %s at %s", route, resp.Status, resp.Request.URL.Path)
	}
	if into != nil {
		return took, json.Unmarshal(body, into)
	}
	return took, nil
}

// facets gives the values of each filter.
func (w *workspace) facets(ctx context.Context) (map[string][]string, error) {
	var raw map[string][][]any
	if _, err := w.get(ctx, "/api/facets", &raw); err != nil {
		return nil, err
	}
	out := map[string][]string{}
	for _, name := range []string{"kind", "state", "accession", "camera"} {
		for _, v := range raw[name] {
			if s, ok := v[0].(string); ok && s != "" {
				out[name] = append(out[name], s)
			}
		}
	}
	return out, nil
}
