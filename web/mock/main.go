// Command mock serves the pages of the workspace with made-up data, for work on the web part and for its browser tests: no
// vault, no database, no accounts.
//
// It sends the same security headers as the server. It keeps nothing, checks nothing and must never hold real material;
// it listens on 127.0.0.1 only.
//
//	go run ./web/mock -listen 127.0.0.1:8099 -items 1000000
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"zapis/internal/web/locale"
	"zapis/internal/web/template"
	"zapis/internal/web/template/fixture"
)

const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; connect-src 'self'; font-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html"

func main() {
	listen := flag.String("listen", "127.0.0.1:8099", "address, on this machine only")
	items := flag.Int("items", 1_000_000, "how many made-up items")
	dist := flag.String("dist", "internal/web/asset/dist", "the built web part")
	flag.Parse()
	if host, _, err := net.SplitHostPort(*listen); err != nil || (host != "127.0.0.1" && host != "localhost") {
		fail(errors.New("only 127.0.0.1"))
	}
	s, err := newServer(*items, *dist)
	if err != nil {
		fail(err)
	}
	defer os.RemoveAll(s.media)
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		fail(err)
	}
	fmt.Printf("http://%s/sign-in/link/mock\n", l.Addr())
	fail(http.Serve(l, s))
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "mock:", err)
	os.Exit(1)
}

type server struct {
	http.Handler
	pages *template.Set
	n     int
	media string
	began time.Time
}

func newServer(n int, dist string) (*server, error) {
	words, err := locale.Load()
	if err != nil {
		return nil, err
	}
	assets := map[string]string{}
	raw, err := os.ReadFile(filepath.Join(dist, "manifest.json"))
	if err != nil {
		return nil, fmt.Errorf("build the web part first: %w", err)
	}
	if err := json.Unmarshal(raw, &assets); err != nil {
		return nil, err
	}
	for name, file := range assets {
		assets[name] = "/asset/" + file
	}
	s := &server{n: n, began: time.Now()}
	if s.pages, err = template.Load(words, assets); err != nil {
		return nil, err
	}
	if s.media, err = os.MkdirTemp("", "zapis-mock-"); err != nil {
		return nil, err
	}
	for _, args := range [][]string{
		{"-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=20", "-f", "lavfi", "-i", "sine=f=330:d=20", "-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-movflags", "+faststart", "proxy.mp4"},
		{"-i", "proxy.mp4", "-vf", "fps=1,scale=160:90,tile=5x4", "-frames:v", "1", "board.jpg"},
		{"-ss", "2", "-i", "proxy.mp4", "-frames:v", "1", "-vf", "scale=320:-2", "still.jpg"},
	} {
		cmd := exec.Command("ffmpeg", append([]string{"-v", "error", "-y"}, args...)...)
		cmd.Dir = s.media
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("make the test film: %w: %s", err, out)
		}
	}
	m := http.NewServeMux()
	m.Handle("GET /asset/", http.StripPrefix("/asset/", http.FileServer(http.Dir(dist))))
	m.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/archive", http.StatusSeeOther) })
	for path, page := range map[string]string{"/archive": "archive/full", "/accessions": "accessions/full", "/accessions/{id}": "accession/open", "/jobs": "jobs/full",
		"/health": "health/good", "/people": "people/full", "/me": "me/full", "/sign-in": "sign_in/plain", "/sign-in/link/{token}": "sign_in_link/good", "/setup": "setup/first", "/items/{id}/custody": "custody/full"} {
		m.HandleFunc("GET "+path, s.page(page))
	}
	m.HandleFunc("GET /see/{page}/{name}", func(w http.ResponseWriter, r *http.Request) {
		s.page(r.PathValue("page")+"/"+r.PathValue("name"))(w, r)
	})
	m.HandleFunc("GET /away", func(w http.ResponseWriter, r *http.Request) {
		s.draw(w, r, "away/in", template.Away{Back: r.URL.Query().Get("back"), At: time.Now()})
	})
	m.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		i, ok := number(r.PathValue("id"))
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			s.page("error/404")(w, r)
			return
		}
		row := s.row(i)
		p := fixture.ItemPage(row["state"].(string))
		p.ID, p.Ref, p.Day = row["id"].(string), row["ref"].(string), row["day"].(string)
		s.draw(w, r, "item/ready", p)
	})
	m.HandleFunc("POST /{rest...}", s.post)
	m.HandleFunc("GET /d/{id}", func(w http.ResponseWriter, r *http.Request) {
		file := map[byte]string{'3': "still.jpg", '4': "still.jpg", '5': "board.jpg", '6': "proxy.mp4"}[r.PathValue("id")[3]]
		w.Header().Set("Cache-Control", "no-store")
		http.ServeFile(w, r, filepath.Join(s.media, file))
	})
	m.HandleFunc("GET /i/{id}/look", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, filepath.Join(s.media, "still.jpg"))
	})
	m.HandleFunc("GET /api/items", s.items)
	m.HandleFunc("GET /api/days", s.days)
	m.HandleFunc("GET /api/facets", s.facets)
	m.HandleFunc("GET /api/items/{id}", func(w http.ResponseWriter, r *http.Request) {
		i, _ := number(r.PathValue("id"))
		row := s.row(i)
		row["format"], row["codec"], row["fps"], row["recordedSource"], row["sha256"], row["visit"] = "avi", "mpeg4", 25.0, "recorder", strings.Repeat("9f2c", 16), "vi_"+strings.Repeat("2", 26)
		answer(w, row)
	})
	m.HandleFunc("GET /api/items/{id}/lanes", lanes)
	m.HandleFunc("GET /api/events", s.events)
	m.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		s.page("error/404")(w, r)
	})
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		m.ServeHTTP(w, r)
	})
	return s, nil
}

func (s *server) page(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.draw(w, r, name, nil) }
}

func (s *server) draw(w http.ResponseWriter, r *http.Request, name string, data any) {
	for _, c := range fixture.Cases() {
		if c.Page+"/"+c.Name != name {
			continue
		}
		v := c.View
		v.Path = r.URL.RequestURI()
		if data != nil {
			v.Page = data
		}
		if k, err := r.Cookie("lang"); err == nil {
			v.Lang = k.Value
		}
		if k, err := r.Cookie("scheme"); err == nil {
			v.Scheme = k.Value
		}
		if l := r.URL.Query().Get("lang"); l != "" {
			v.Lang = l
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		if err := s.pages.Render(w, c.Page, v); err != nil {
			fmt.Fprintln(os.Stderr, "mock:", err)
		}
		return
	}
	http.NotFound(w, r)
}

func (s *server) post(w http.ResponseWriter, r *http.Request) {
	to := r.URL.Path
	switch {
	case r.URL.Path == "/me":
		for _, name := range []string{"lang", "scheme"} {
			if v := r.FormValue(name); v != "" {
				http.SetCookie(w, &http.Cookie{Name: name, Value: v, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode})
			}
		}
	case r.URL.Path == "/sign-out":
		to = "/sign-in"
	case strings.HasPrefix(to, "/sign-in"), to == "/setup":
		to = "/archive"
	case strings.HasPrefix(to, "/jobs/"):
		to = "/jobs"
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	if err := json.NewEncoder(w).Encode(v); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "mock:", err)
	}
}

// ---- made-up items: number 0 is the oldest

var cameras = []string{"CAM 1", "CAM 2", "CAM 3", "CAM 4", ""}

func (s *server) at(i int) time.Time {
	const span = 6 * 365 * 24 * time.Hour
	return time.Date(2015, 11, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(float64(span)*float64(i)/float64(s.n)) + time.Duration(i%7)*time.Second)
}

func id(i int) string { return fmt.Sprintf("it_%026d", i) }

func number(id string) (int, bool) {
	i, err := strconv.Atoi(strings.TrimPrefix(id, "it_"))
	return i, err == nil && len(id) == 29
}

func traits(i int) (kind, state, camera, acc string, difficulty int) {
	kind, state = "video", "ready"
	switch {
	case i%23 == 0:
		kind, state = "unknown", "explained"
	case i%17 == 0:
		kind = "image"
	case i%13 == 0:
		kind = "audio"
	case i%5 == 0:
		state = "browsable"
	case i%311 == 0:
		state = "quarantined"
	}
	difficulty = -1
	if i%11 == 0 {
		difficulty = i % 4
	}
	return kind, state, cameras[i%len(cameras)], fmt.Sprintf("ac_%026d", i%3), difficulty
}

func (s *server) row(i int) map[string]any {
	kind, state, camera, acc, difficulty := traits(i)
	at := s.at(i)
	micro := ""
	if kind == "video" {
		b := make([]byte, 144)
		for p := range b {
			x, y := p%16, p/16
			b[p] = byte(50 + (i*37)%90 + 4*abs(x-(i%16)) + 6*abs(y-(i%9)))
		}
		micro = base64.StdEncoding.EncodeToString(b)
	}
	ms := 0
	if kind == "video" || kind == "audio" {
		ms = (17 + i%3200) * 1000
	}
	return map[string]any{"id": id(i), "ref": fmt.Sprintf("Z%d-%06d", i%3+1, i), "kind": kind, "state": state, "reason": map[bool]string{true: "not-media"}[state == "explained"],
		"at": at.Format(time.RFC3339), "known": i%29 != 0, "day": at.Format(time.DateOnly), "ms": ms, "bytes": 1000*ms + 77, "micro": micro, "acc": acc, "camera": camera,
		"w": 640, "h": 360, "copies": 1 + i%3, "difficulty": difficulty, "anomalies": i % 2}
}

func abs(n int) int { return max(n, -n) }

func (s *server) match(r *http.Request) func(i int) bool {
	q := r.URL.Query()
	in := func(name, v string) bool {
		if len(q[name]) == 0 {
			return true
		}
		for _, x := range q[name] {
			if x == v {
				return true
			}
		}
		return false
	}
	from, _ := time.Parse(time.DateOnly, q.Get("from"))
	to, _ := time.Parse(time.DateOnly, q.Get("to"))
	return func(i int) bool {
		kind, state, camera, acc, d := traits(i)
		at := s.at(i)
		return in("kind", kind) && in("state", state) && in("camera", camera) && in("accession", acc) && in("difficulty", strconv.Itoa(d)) &&
			(from.IsZero() || !at.Before(from)) && (to.IsZero() || at.Before(to.AddDate(0, 0, 1))) &&
			(q.Get("q") == "" || strings.HasPrefix(fmt.Sprintf("Z%d-%06d", i%3+1, i), strings.ToUpper(q.Get("q"))))
	}
}

func (s *server) items(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	way, i := -1, s.n-1
	if q.Get("order") == "oldest" {
		way, i = 1, 0
	}
	at, err := time.Parse(time.RFC3339Nano, q.Get("at"))
	if err != nil {
		if at, err = time.Parse(time.DateOnly, q.Get("at")); err == nil && way < 0 {
			at = at.AddDate(0, 0, 1)
		}
	}
	if err == nil {
		for i >= 0 && i < s.n && (way < 0 && !s.at(i).Before(at) || way > 0 && s.at(i).Before(at)) {
			i += way
		}
	}
	_, last, _ := strings.Cut(q.Get("cursor"), "~")
	if c, ok := number(last); ok {
		i = c + way
	}
	match := s.match(r)
	rows := []any{}
	var next any
	for ; i >= 0 && i < s.n; i += way {
		if !match(i) {
			continue
		}
		if len(rows) == 200 {
			last := rows[199].(map[string]any)
			next = fmt.Sprint(last["at"], "~", last["id"])
			break
		}
		rows = append(rows, s.row(i))
	}
	answer(w, map[string]any{"items": rows, "next": next})
}

func (s *server) days(w http.ResponseWriter, r *http.Request) {
	match := s.match(r)
	var out [][3]any
	total, sum, count, dayMS, day := 0, 0, 0, 0, ""
	flush := func() {
		if count > 0 {
			out = append(out, [3]any{day, count, dayMS})
		}
		count, dayMS = 0, 0
	}
	for i := range s.n {
		if !match(i) {
			continue
		}
		if d := s.at(i).Format(time.DateOnly); d != day {
			flush()
			day = d
		}
		ms := (17 + i%3200) * 1000
		count, dayMS, total, sum = count+1, dayMS+ms, total+1, sum+ms
	}
	flush()
	answer(w, map[string]any{"days": out, "total": total, "ms": sum, "bytes": sum * 1000})
}

func (s *server) facets(w http.ResponseWriter, r *http.Request) {
	match := s.match(r)
	count := map[string]map[string]int{"kind": {}, "state": {}, "camera": {}, "accession": {}, "difficulty": {}}
	for i := range s.n {
		if match(i) {
			kind, state, camera, acc, d := traits(i)
			count["kind"][kind]++
			count["state"][state]++
			count["camera"][camera]++
			count["accession"][acc]++
			count["difficulty"][strconv.Itoa(d)]++
		}
	}
	out := map[string][]any{}
	for facet, values := range count {
		for v, n := range values {
			out[facet] = append(out[facet], []any{v, n, "Disk " + v[max(0, len(v)-1):]})
		}
	}
	answer(w, out)
}

func lanes(w http.ResponseWriter, _ *http.Request) {
	peaks, motion := []byte{}, []int{}
	for i := range 20 * 50 {
		v := byte((i * 7) % 90)
		peaks = append(peaks, -v, v)
	}
	for i := range 20 {
		motion = append(motion, (i*53)%256)
	}
	answer(w, map[string]any{"seconds": 20, "scenes": []float64{3.2, 7.5, 12, 16.4}, "motion": motion, "peaks": base64.StdEncoding.EncodeToString(peaks), "peaksPerSecond": 50,
		"black": [][2]float64{{9, 10.5}}, "silence": [][2]float64{{14, 17}}})
}

func (s *server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for n := 12480; ; n += 37 {
		fmt.Fprintf(w, "event: accession\ndata: {\"id\":\"ac_%s\",\"found\":%d,\"received\":%d,\"duplicates\":300,\"skipped\":170,\"failed\":9,\"bytes\":%d,\"state\":\"open\"}\n\n", strings.Repeat("0", 26), n, n-479, n*3_000_000)
		fmt.Fprintf(w, "event: jobs\ndata: {\"counts\":{\"available\":%d,\"running\":2},\"running\":[{\"id\":1,\"kind\":\"full\",\"item\":\"\",\"progress\":%d}]}\n\n", max(0, 20000-n), n%100)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		select {
		case <-r.Context().Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
}
