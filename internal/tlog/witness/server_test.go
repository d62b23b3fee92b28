package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"zapis/internal/tlog"
)

func serve(t testing.TB, w *Witness) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return s
}

func post(t testing.TB, url string, body []byte) (status int, kind, text string) {
	t.Helper()
	resp, err := http.Post(url, "", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Content-Type"), string(raw)
}

// The answers are those of C2SP tlog-witness.
func TestProtocol(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(9)
	evil := l.fork(1, "evil").grow(8)
	stranger := newTree(t, "other.example").grow(1)
	w, _ := newWitness(t, newClock(), l)
	s := serve(t, w)
	v, err := tlog.NewCosignVerifier(w.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	foreign := bytes.Replace(l.at(5), []byte("\n5\n"), []byte("\n4\n"), 1)
	good := request(5, l.proof(5, 9), l.at(9))
	for _, c := range []struct {
		name   string
		body   []byte
		status int
		kind   string
		text   string
	}{
		{"empty", nil, 400, "", ""},
		{"unknown log", request(0, nil, stranger.at(1)), 404, "", ""},
		{"altered", request(0, nil, foreign), 403, "", ""},
		{"first", request(0, nil, l.at(5)), 200, "", "— witness.example/w1 "},
		{"again", request(5, nil, l.at(5)), 200, "", "— witness.example/w1 "},
		{"old size is zero", request(0, nil, l.at(9)), 409, "text/x.tlog.size", "5\n"},
		{"another old size", request(4, l.proof(4, 9), l.at(9)), 409, "text/x.tlog.size", "5\n"},
		{"another root", request(5, nil, evil.at(5)), 409, "text/x.tlog.size", "5\n"},
		{"old size above", request(10, nil, l.at(9)), 400, "", ""},
		{"no proof", request(5, nil, l.at(9)), 422, "", ""},
		{"64 hashes", request(5, make([]tlog.Hash, 64), l.at(9)), 400, "", ""},
		{"63 hashes", request(5, make([]tlog.Hash, 63), l.at(9)), 422, "", ""},
		{"loose base 64", bytes.Replace(good, []byte("=\n"), []byte("\n"), 1), 400, "", ""},
		{"leading zero", bytes.Replace(good, []byte("old 5"), []byte("old 05"), 1), 400, "", ""},
		{"plus", bytes.Replace(good, []byte("old 5"), []byte("old +5"), 1), 400, "", ""},
		{"no old", good[4:], 400, "", ""},
		{"carriage returns", bytes.ReplaceAll(good, []byte("\n"), []byte("\r\n")), 400, "", ""},
		{"too long", append(bytes.Clone(good), make([]byte, maxBody)...), 400, "", ""},
		{"growth", good, 200, "", "— witness.example/w1 "},
	} {
		status, kind, text := post(t, s.URL+"/add-checkpoint", c.body)
		if status != c.status || c.kind != "" && kind != c.kind || !strings.HasPrefix(text, c.text) {
			t.Errorf("%s: status %d, %s, %q, want %d", c.name, status, kind, text, c.status)
		}
		if status == 200 {
			cp, _, err := tlog.SplitNote(c.body[bytes.Index(c.body, []byte("\n\n"))+2:])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := v.Check(cp, text); err != nil || strings.Count(text, "\n") != 1 {
				t.Errorf("%s: %q: %v", c.name, text, err)
			}
		}
	}
	resp, err := http.Get(s.URL + "/add-checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", resp.StatusCode)
	}
}

func TestPageForPeople(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(9)
	w, _ := newWitness(t, newClock(), l)
	if err := w.Add(Log{Keys: []string{l.vkey}, URL: "https://secret.example/"}); err != nil {
		t.Fatal(err)
	}
	mustCosign(t, w, l, 0, 5)
	_, _, _ = w.Cosign(5, nil, l.fork(1, "evil").grow(8).at(5))
	rec := httptest.NewRecorder()
	w.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	page := rec.Body.String()
	root := l.root(5)
	for _, want := range []string{w.VerifierKey(), testOrigin, "size  5", base64.StdEncoding.EncodeToString(root[:]), "FORKED at size 5"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "secret.example") {
		t.Error("the page tells where a log is published")
	}
}

// The logger hears of refusals, never who asked and never the name of a log.
func TestLoggerHearsNoPeers(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(9)
	w, _ := newWitness(t, newClock(), l)
	var heard bytes.Buffer
	h := w.Handler(slog.New(slog.NewJSONHandler(&heard, nil)))
	for _, body := range [][]byte{request(7, nil, l.at(9)), request(0, nil, newTree(t, "other.example").grow(1).at(1))} {
		r := httptest.NewRequest("POST", "/add-checkpoint", bytes.NewReader(body))
		r.RemoteAddr = "203.0.113.7:5555"
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	if heard.Len() == 0 || strings.Contains(heard.String(), "203.0.113") || strings.Contains(heard.String(), "example") {
		t.Errorf("heard %s", heard.String())
	}
}

func TestClient(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	l := newTree(t, testOrigin).grow(30)
	w, _ := newWitness(t, newClock(), l)
	s := serve(t, w)
	var c Client
	ask := func(l *tree, old, size int64) error {
		t.Helper()
		line, err := c.Cosign(ctx, s.URL+"/", w.VerifierKey(), old, l.prove, l.at(size))
		if err != nil {
			return err
		}
		v, err := tlog.NewCosignVerifier(w.VerifierKey())
		if err != nil {
			t.Fatal(err)
		}
		found, _, err := v.Find(append(l.at(size), line...))
		if err != nil || found != line {
			t.Errorf("line %q: %v", line, err)
		}
		return nil
	}
	for _, step := range [][2]int64{{0, 3}, {3, 3}, {3, 9}, {0, 12}, {5, 12}, {12, 20}} { // what the client remembers may be wrong
		if err := ask(l, step[0], step[1]); err != nil {
			t.Fatalf("size %d after %d: %v", step[1], step[0], err)
		}
	}
	evil := l.fork(5, "evil").grow(25)
	for name, e := range map[string]struct {
		l         *tree
		old, size int64
	}{
		"rolled back": {l, 0, 12}, "rolled back, remembers": {l, 20, 12}, "rolled back to a cosigned size": {l, 12, 12},
		"forked, same size": {evil, 20, 20}, "forked, same size, forgot": {evil, 0, 20}, "forked, larger": {evil, 20, 25}, "forked, forgot": {evil, 0, 25},
	} {
		if err := ask(e.l, e.old, e.size); !errors.Is(err, ErrFork) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ask(newTree(t, "other.example").grow(2), 0, 2); !errors.Is(err, ErrRefused) {
		t.Errorf("unknown log: %v", err)
	}
	if err := ask(l, 20, 30); err != nil {
		t.Error(err)
	}
}

// A witness may answer anything: only a line that verifies is believed, and errors carry no address.
func TestClientBelievesNoAnswer(t *testing.T) {
	t.Parallel()
	l := newTree(t, testOrigin).grow(9)
	w, _ := newWitness(t, newClock(), l)
	other, _ := newWitness(t, newClock(), l)
	line, theirs := mustCosign(t, w, l, 0, 5), mustCosign(t, other, l, 0, 5)
	wrong := mustCosign(t, w, l, 5, 9)
	conflict := func(kind, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", kind)
			rw.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(rw, body)
		}
	}
	answer := func(status int, body string) http.HandlerFunc {
		return func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, body)
		}
	}
	changing := 0
	for name, c := range map[string]struct {
		h    http.HandlerFunc
		want error
	}{
		"good":                   {answer(200, line), nil},
		"good among others":      {answer(200, "— x AAAAAAAAAAAAAAA=\n"+theirs+line), nil},
		"empty":                  {answer(200, ""), ErrRefused},
		"another key":            {answer(200, theirs), ErrRefused},
		"another checkpoint":     {answer(200, wrong), ErrRefused},
		"cut":                    {answer(200, line[:len(line)-9]), ErrRefused},
		"endless":                {answer(200, strings.Repeat("x", maxAnswer+1)), ErrUnreachable},
		"unknown":                {answer(404, ""), ErrRefused},
		"forbidden":              {answer(403, ""), ErrRefused},
		"bad":                    {answer(400, ""), ErrRefused},
		"busy":                   {answer(503, ""), ErrUnreachable},
		"elsewhere":              {func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/x", http.StatusFound) }, ErrUnreachable},
		"conflict, no size":      {conflict("text/plain", "5\n"), ErrUnreachable},
		"conflict, no line feed": {conflict(sizeType, "5"), ErrUnreachable},
		"conflict, leading zero": {conflict(sizeType, "05\n"), ErrUnreachable},
		"conflict, minus":        {conflict(sizeType, "-5\n"), ErrUnreachable},
		"conflict, larger":       {conflict(sizeType, "7\n"), ErrFork},
		"conflict, what we said": {conflict(sizeType, "0\n"), ErrFork},
		"conflict without end": {func(rw http.ResponseWriter, r *http.Request) {
			changing++
			conflict(sizeType, fmt.Sprintf("%d\n", changing))(rw, r)
		}, ErrUnreachable},
		"no proof":               {answer(422, ""), ErrFork},
		"hangs up in the middle": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, ErrUnreachable},
		"a page instead":         {answer(200, "<html>— witness.example/w1 x\n"), ErrRefused},
		"teapot":                 {answer(418, ""), ErrUnreachable},
		"size cut off by the net": {func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Length", "90")
			_, _ = io.WriteString(rw, line[:20])
		}, ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(c.h)
			defer s.Close()
			var client Client
			got, err := client.Cosign(context.Background(), s.URL, w.VerifierKey(), 0, l.prove, l.at(5))
			if !errors.Is(err, c.want) || c.want == nil && got != line || c.want != nil && got != "" {
				t.Errorf("%q, %v, want %v", got, err, c.want)
			}
			if err != nil && (strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "http:")) {
				t.Errorf("the error tells an address: %v", err)
			}
		})
	}
	var client Client
	gone := httptest.NewServer(nil)
	gone.Close()
	if _, err := client.Cosign(context.Background(), gone.URL, w.VerifierKey(), 0, l.prove, l.at(5)); !errors.Is(err, ErrUnreachable) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("nobody there: %v", err)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if _, err := client.Cosign(stopped, gone.URL, w.VerifierKey(), 0, l.prove, l.at(5)); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	// Some witnesses say nothing of a size when the root at this one is another.
	mute := httptest.NewServer(answer(409, ""))
	defer mute.Close()
	if _, err := client.Cosign(context.Background(), mute.URL, w.VerifierKey(), 5, l.prove, l.at(5)); !errors.Is(err, ErrFork) {
		t.Errorf("another root: %v", err)
	}
	for _, bad := range []string{"", "ftp://x", "witness.example", "https://x/?q=1", "http://", "://"} {
		if _, err := client.Cosign(context.Background(), bad, w.VerifierKey(), 0, l.prove, l.at(5)); !errors.Is(err, ErrRefused) {
			t.Errorf("address %q: %v", bad, err)
		}
	}
	if _, err := client.Cosign(context.Background(), gone.URL, l.vkey, 0, l.prove, l.at(5)); !errors.Is(err, tlog.ErrCosignature) {
		t.Errorf("the key of a log as that of a witness: %v", err)
	}
}

func FuzzParseRequest(f *testing.F) {
	l := newTree(f, testOrigin).grow(9)
	f.Add(request(5, l.proof(5, 9), l.at(9)))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		old, proof, note, err := parseRequest(raw)
		if err == nil && !bytes.Equal(request(old, proof, note), raw) {
			t.Fatalf("%q was read, and would be written %q", raw, request(old, proof, note))
		}
	})
}
