package speech

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const verbose = `{"task":"transcribe","language":"russian","duration":2.0,"text":" Кто там?","segments":[
 {"id":0,"start":0.25,"end":1.5,"text":" Кто там? ","avg_logprob":-0.1,"no_speech_prob":0.0},
 {"id":1,"start":1.5,"end":99,"text":"Открывай\u0000!","avg_logprob":-3},{"id":2,"start":-4,"end":-9,"text":"назад"},{"id":3,"start":1,"end":2,"text":"  "}]}`

// engine is a stub that notes the form it gets.
type engine struct {
	*httptest.Server
	fields map[string]string
	file   []byte
	path   string
	calls  atomic.Int32
}

func newEngine(t *testing.T, status int, answer string) *engine {
	t.Helper()
	e := &engine{}
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.calls.Add(1)
		e.fields, e.path = map[string]string{}, r.URL.Path
		kind, p, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "multipart/form-data" || r.Method != http.MethodPost {
			t.Errorf("%s %s, %v", r.Method, kind, err)
		}
		for m := multipart.NewReader(r.Body, p["boundary"]); ; {
			part, err := m.NextPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				break
			}
			b, err := io.ReadAll(part)
			if err != nil {
				t.Error(err)
			}
			if part.FormName() == "file" {
				e.file = b
				if part.FileName() != "piece.wav" {
					t.Errorf("the file is called %q", part.FileName())
				}
				continue
			}
			e.fields[part.FormName()] = string(b)
		}
		if status >= 300 && status < 400 {
			w.Header().Set("Location", answer)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(e.Close)
	return e
}

func tone(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(i%200 - 100)
	}
	return out
}

func client(t *testing.T, o Options) *Client {
	t.Helper()
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		path, model, lang string
		whisper           string
		fields            map[string]string
		at                string
	}{
		"openai":             {"", "large-v3", "ru", "", map[string]string{"model": "large-v3", "language": "ru", "response_format": "verbose_json", "timestamp_granularities[]": "segment", "temperature": "0"}, "/v1/audio/transcriptions"},
		"openai, no options": {"/v1", "", "", "", map[string]string{"model": "whisper-1", "response_format": "verbose_json", "timestamp_granularities[]": "segment", "temperature": "0"}, "/v1/audio/transcriptions"},
		"whisper.cpp":        {"/inference", "", "uk", "", map[string]string{"language": "uk", "response_format": "verbose_json", "temperature": "0", "temperature_inc": "0.2"}, "/inference"},
		"whisper.cpp, moved": {"/speech", "", "", "whisper+", map[string]string{"language": "auto", "response_format": "verbose_json", "temperature": "0", "temperature_inc": "0.2"}, "/speech"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEngine(t, 200, verbose)
			cl := client(t, Options{Address: c.whisper + e.URL + c.path, Model: c.model, Language: c.lang})
			samples := tone(2 * Rate)
			got, err := cl.Transcribe(t.Context(), samples)
			if err != nil {
				t.Fatal(err)
			}
			if e.path != c.at || len(e.fields) != len(c.fields) {
				t.Errorf("%s with %v", e.path, e.fields)
			}
			for k, v := range c.fields {
				if e.fields[k] != v {
					t.Errorf("%s is %q, %q wanted", k, e.fields[k], v)
				}
			}
			le := binary.LittleEndian
			if len(e.file) != 44+4*Rate || string(e.file[:4]) != "RIFF" || le.Uint32(e.file[24:]) != Rate || le.Uint16(e.file[22:]) != 1 || int16(le.Uint16(e.file[44+2*7:])) != samples[7] {
				t.Errorf("the sound has %d bytes and begins with %x", len(e.file), e.file[:min(len(e.file), 44)])
			}
			want := []Heard{{250 * time.Millisecond, 1500 * time.Millisecond, "Кто там?", 905}, {1500 * time.Millisecond, 2 * time.Second, "Открывай !", 50}, {1500 * time.Millisecond, 1500 * time.Millisecond, "назад", -1}}
			if got.Language != "ru" || len(got.Heard) != 3 || got.Heard[0] != want[0] || got.Heard[1] != want[1] || got.Heard[2] != want[2] {
				t.Errorf("%+v", got)
			}
		})
	}
}

// An address that names a public place is refused when it is connected to, even if whoever answers there is this machine: what counts is what the
// name points to, not who answers.
func TestDialChecksWhatTheNamePointsTo(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 200, verbose)
	port := e.URL[strings.LastIndexByte(e.URL, ':'):]
	for name, c := range map[string]struct {
		points []string
		ok     bool
	}{
		"loopback":         {[]string{"127.0.0.1"}, true},
		"private":          {[]string{"192.168.7.7"}, true},
		"private, six":     {[]string{"fd00::7"}, true},
		"public":           {[]string{"203.0.113.7"}, false},
		"public, six":      {[]string{"2001:db8::7"}, false},
		"mapped":           {[]string{"::ffff:203.0.113.7"}, false},
		"link-local":       {[]string{"169.254.169.254"}, false},
		"unspecified":      {[]string{"0.0.0.0"}, false},
		"carrier":          {[]string{"100.64.0.1"}, false},
		"one of them":      {[]string{"127.0.0.1", "203.0.113.7"}, false},
		"one of them last": {[]string{"203.0.113.7", "127.0.0.1"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var dialled atomic.Int32
			o := Options{Address: "http://engine.example" + port,
				resolve: func(context.Context, string) (out []netip.Addr, _ error) {
					for _, p := range c.points {
						out = append(out, netip.MustParseAddr(p))
					}
					return out, nil
				},
				dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					dialled.Add(1)
					return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1"+port)
				}}
			cl := client(t, o)
			_, err := cl.Transcribe(t.Context(), tone(100))
			reach := cl.Reach(t.Context())
			if c.ok {
				if err != nil || reach != nil {
					t.Errorf("%v, %v", err, reach)
				}
				return
			}
			if !errors.Is(err, ErrOutside) || !errors.Is(reach, ErrOutside) || dialled.Load() != 0 {
				t.Errorf("%v, %v, connected %d times", err, reach, dialled.Load())
			}
		})
	}
}

// A name that points elsewhere the next time is refused the next time.
func TestNameThatMovesIsRefused(t *testing.T) {
	t.Parallel()
	e := newEngine(t, 200, verbose)
	port := e.URL[strings.LastIndexByte(e.URL, ':'):]
	at := "127.0.0.1"
	cl := client(t, Options{Address: "http://engine.example" + port,
		resolve: func(context.Context, string) ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr(at)}, nil },
		dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1"+port)
		}})
	if _, err := cl.Transcribe(t.Context(), tone(100)); err != nil {
		t.Fatal(err)
	}
	cl.http.CloseIdleConnections()
	at = "198.51.100.7"
	if _, err := cl.Transcribe(t.Context(), tone(100)); !errors.Is(err, ErrOutside) || e.calls.Load() != 1 {
		t.Errorf("%v, %d calls", err, e.calls.Load())
	}
}

func TestElsewhereNeedsWordsAndHTTPS(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		o    Options
		want error
	}{
		{Options{Address: "http://203.0.113.7"}, ErrOutside},
		{Options{Address: "https://203.0.113.7", Elsewhere: "yes"}, ErrOutside},
		{Options{Address: "https://203.0.113.7", Elsewhere: "true"}, ErrOutside},
		{Options{Address: "https://203.0.113.7", Elsewhere: Leaves}, nil},
		{Options{Address: "http://[::ffff:203.0.113.7]:8000"}, ErrOutside},
		{Options{Address: "http://10.1.2.3:8000"}, nil},
		{Options{Address: "ftp://127.0.0.1"}, ErrAddress},
		{Options{Address: "http://user:word@127.0.0.1"}, ErrAddress},
		{Options{Address: "http://127.0.0.1/?q=1"}, ErrAddress},
		{Options{Address: "http://127.0.0.1:0"}, ErrAddress},
		{Options{Address: ""}, ErrAddress},
		{Options{Address: "http://127.0.0.1", Language: "русский"}, ErrAddress},
		{Options{Address: "http://127.0.0.1", Model: "a\nb"}, ErrAddress},
	} {
		if err := CheckOptions(c.o); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.o, err)
		}
	}
	// In the clear nothing goes outside, whatever the words say.
	cl := client(t, Options{Address: "http://203.0.113.7", Elsewhere: Leaves, dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("connected")
		return nil, io.EOF
	}})
	if _, err := cl.Transcribe(t.Context(), tone(10)); !errors.Is(err, ErrOutside) {
		t.Error(err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	other := newEngine(t, 200, verbose)
	for _, status := range []int{301, 302, 307, 308} {
		e := newEngine(t, status, other.URL+"/v1/audio/transcriptions")
		_, err := client(t, Options{Address: e.URL}).Transcribe(t.Context(), tone(100))
		if !errors.Is(err, ErrAnswer) || other.calls.Load() != 0 {
			t.Errorf("status %d: %v, %d calls elsewhere", status, err, other.calls.Load())
		}
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		want   error
		heard  int
	}{
		"text alone":     {200, `{"text":" всё "}`, nil, 1},
		"nothing said":   {200, `{"text":"","segments":[]}`, nil, 0},
		"busy":           {503, "", ErrAway, 0},
		"too many":       {429, "", ErrAway, 0},
		"broken":         {500, "secret words", ErrAnswer, 0},
		"unknown model":  {400, `{"error":"model /home/anna"}`, ErrRefused, 0},
		"error, kindly":  {200, `{"error":"failed to read"}`, ErrAnswer, 0},
		"no JSON":        {200, `<html>`, ErrAnswer, 0},
		"something else": {200, `{"ok":true}`, ErrAnswer, 0},
	} {
		e := newEngine(t, c.status, c.answer)
		got, err := client(t, Options{Address: e.URL}).Transcribe(t.Context(), tone(100))
		if !errors.Is(err, c.want) || len(got.Heard) != c.heard {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), "127.0.0.1") || strings.Contains(err.Error(), "anna") || strings.Contains(err.Error(), "secret")) {
			t.Errorf("%s: the error quotes: %v", name, err)
		}
	}
	e := newEngine(t, 200, verbose)
	address := e.URL
	e.Close()
	cl := client(t, Options{Address: address})
	if _, err := cl.Transcribe(t.Context(), tone(100)); !errors.Is(err, ErrAway) || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("nobody there: %v", err)
	}
	if err := cl.Reach(t.Context()); !errors.Is(err, ErrAway) {
		t.Errorf("nobody there: %v", err)
	}
	if _, err := cl.Transcribe(t.Context(), nil); !errors.Is(err, ErrRefused) {
		t.Errorf("no sound: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(verbose))
	f.Add([]byte(`{"text":"x","segments":[{"start":1e308,"end":-1e308,"text":"y"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parse(b, 10*time.Second)
		if err != nil {
			return
		}
		last := time.Duration(0)
		for _, h := range a.Heard {
			if h.From < last || h.To < h.From || h.To > 10*time.Second || h.Text == "" || h.Score < -1 || h.Score > 1000 {
				t.Fatalf("%+v", h)
			}
			last = h.From
		}
	})
}
