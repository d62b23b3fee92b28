package timestamp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/timestamp"
	"zapis/internal/timestamp/authority"
	"zapis/internal/timestamp/timestamptest"
)

// Tokens of a real authority are confirmed, and the stock tool accepts what we store.
func TestOpenSSLAcceptsWhatWeStore(t *testing.T) {
	t.Parallel()
	for _, o := range []authority.Options{
		{}, {RSA: true}, {Digest: "sha384"}, {RSA: true, Digest: "sha512", ESS: "sha1"}, {Chain: true, ESS: "sha512"}, {ESS: "sha1", Chain: true},
	} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			t.Parallel()
			a, url := timestamptest.Authority(t, o)
			text := []byte("example.org/log\n7\nc29tZSByb290\n")
			imprint := sha256.Sum256(text)
			began := time.Now().Truncate(time.Second)
			token, at, err := timestamp.RFC3161{URL: url, Roots: a.Pool()}.Stamp(t.Context(), imprint)
			if err != nil {
				t.Fatal(err)
			}
			if at.Before(began) || at.After(time.Now()) {
				t.Errorf("stamped at %v", at)
			}
			if s := timestamp.JudgeToken(token, imprint, a.Pool()); s.State != timestamp.Confirmed || !s.At.Equal(at) {
				t.Errorf("judged %+v", s)
			}
			dir := t.TempDir()
			data, file := filepath.Join(dir, "note"), filepath.Join(dir, "token")
			for name, body := range map[string][]byte{data: text, file: token} {
				if err := os.WriteFile(name, body, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			// The certificates of the authority are in the token itself.
			out, err := exec.Command("openssl", "ts", "-verify", "-data", data, "-in", file, "-token_in", "-CAfile", a.RootsFile()).CombinedOutput()
			if err != nil {
				t.Errorf("openssl ts -verify: %v: %s", err, out)
			}
			// Another root confirms nothing.
			b, _ := timestamptest.Authority(t, authority.Options{})
			if s := timestamp.JudgeToken(token, imprint, b.Pool()); s.State != timestamp.Failed {
				t.Errorf("judged %+v with the root of another authority", s)
			}
		})
	}
}

func TestWithoutRootsNothingIsConfirmed(t *testing.T) {
	t.Parallel()
	_, url := timestamptest.Authority(t, authority.Options{})
	token, _, err := timestamp.RFC3161{URL: url}.Stamp(t.Context(), [32]byte{1})
	if !errors.Is(err, timestamp.ErrNoRoots) || token == nil {
		t.Fatalf("%d bytes, %v", len(token), err)
	}
	if s := timestamp.JudgeToken(token, [32]byte{1}, nil); s.State != timestamp.Pending || !s.At.IsZero() {
		t.Errorf("judged %+v", s)
	}
}

// handler answers every question the same way.
func serve(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func answer(code int, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = w.Write(body)
	}
}

// What an authority may answer wrongly, and what is said of it: the kind, words, and never an address.
func TestAuthorityAnswersWrongly(t *testing.T) {
	t.Parallel()
	a, good := timestamptest.Authority(t, authority.Options{})
	imprint := [32]byte{1, 2, 3}
	ask := func(t *testing.T, url string, imprint [32]byte) []byte {
		token, _, err := timestamp.RFC3161{URL: url, Roots: a.Pool()}.Stamp(t.Context(), imprint)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	old := ask(t, good, imprint)
	grant := func(token []byte) []byte {
		return tlv(0x30, tlv(0x30, tlv(0x02, []byte{0})), token)
	}
	refuse := func(text string, bits ...byte) []byte {
		parts := [][]byte{tlv(0x02, []byte{2}), tlv(0x30, tlv(0x0c, []byte(text)))}
		if bits != nil {
			parts = append(parts, tlv(0x03, bits))
		}
		return tlv(0x30, tlv(0x30, parts...))
	}
	elsewhere := false
	redirected := serve(t, func(http.ResponseWriter, *http.Request) { elsewhere = true })
	// The right token, altered on its way.
	forwarded := func(change func([]byte)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			query, _ := io.ReadAll(r.Body)
			reply, err := a.Reply(r.Context(), query)
			if err != nil {
				t.Error(err)
			}
			change(reply)
			_, _ = w.Write(reply)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		kind    error
		say     string
	}{
		"an old token again":  {answer(200, grant(old)), timestamp.ErrNotVerified, "answers another question"},
		"altered":             {forwarded(func(p []byte) { p[len(p)-1] ^= 1 }), timestamp.ErrNotVerified, "signature"},
		"no token":            {answer(200, tlv(0x30, tlv(0x30, tlv(0x02, []byte{0})))), timestamp.ErrRefused, "no token"},
		"not DER":             {answer(200, []byte("<html>hello</html>")), timestamp.ErrRefused, "not a time-stamp response"},
		"empty":               {answer(200, nil), timestamp.ErrRefused, "not a time-stamp response"},
		"trailing":            {answer(200, append(grant(old), 0)), timestamp.ErrRefused, "not a time-stamp response"},
		"token is rubbish":    {answer(200, grant(tlv(0x30, []byte{5, 0}))), timestamp.ErrNotVerified, "contentType"},
		"status 503":          {answer(503, nil), timestamp.ErrRefused, "HTTP status 503"},
		"refused with words":  {answer(200, refuse("limit for 192.0.2.7 user@example.org reached, see https://x.example/y")), timestamp.ErrRefused, "status 2; limit for … reached see …"},
		"refused with a bit":  {answer(200, refuse("no", 7, 0x80)), timestamp.ErrRefused, "it does not know the digest"},
		"status and no words": {answer(200, tlv(0x30, tlv(0x30, tlv(0x02, []byte{5})))), timestamp.ErrRefused, "status 5"},
		"too long":            {answer(200, make([]byte, 64<<10+1)), timestamp.ErrRefused, "64 KiB"},
		"sent elsewhere":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, redirected, 307) }, timestamp.ErrRefused, "HTTP status 307"},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		}, timestamp.ErrUnreachable, "connection broken"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		}, timestamp.ErrUnreachable, "connection broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, c.handler)
			token, _, err := timestamp.RFC3161{URL: url, Roots: a.Pool()}.Stamp(t.Context(), imprint)
			if token != nil || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.say) {
				t.Errorf("%d bytes, %v; want %v with %q", len(token), err, c.kind, c.say)
			}
			for _, leak := range []string{"127.0.0.1", "http", "192.0.2.7", "@", "x.example"} {
				if err != nil && strings.Contains(strings.ReplaceAll(err.Error(), "HTTP", ""), leak) {
					t.Errorf("%q is in %q", leak, err)
				}
			}
			if strings.HasPrefix(timestamp.Reason(err), "ask") {
				t.Errorf("reason %q", timestamp.Reason(err))
			}
		})
	}
	t.Cleanup(func() {
		if elsewhere {
			t.Error("an address was asked that nobody configured")
		}
	})
	// A token with the right nonce over something else.
	t.Run("other imprint", func(t *testing.T) {
		t.Parallel()
		url := serve(t, func(w http.ResponseWriter, r *http.Request) {
			query, _ := io.ReadAll(r.Body)
			reply, err := a.Reply(r.Context(), bytes.Replace(query, imprint[:], make([]byte, 32), 1))
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(reply)
		})
		if _, _, err := (timestamp.RFC3161{URL: url, Roots: a.Pool()}).Stamp(t.Context(), imprint); !errors.Is(err, timestamp.ErrNotVerified) || !strings.Contains(err.Error(), "something else") {
			t.Error(err)
		}
	})
	t.Run("another authority", func(t *testing.T) {
		t.Parallel()
		b, _ := timestamptest.Authority(t, authority.Options{})
		if _, _, err := (timestamp.RFC3161{URL: good, Roots: b.Pool()}).Stamp(t.Context(), imprint); !errors.Is(err, timestamp.ErrNotVerified) {
			t.Error(err)
		}
	})
	t.Run("clock apart", func(t *testing.T) {
		t.Parallel()
		for _, off := range []time.Duration{-25 * time.Hour, 25 * time.Hour} {
			now := func() time.Time { return time.Now().Add(off) }
			if _, _, err := (timestamp.RFC3161{URL: good, Roots: a.Pool(), Now: now}).Stamp(t.Context(), imprint); !errors.Is(err, timestamp.ErrNotVerified) || !strings.Contains(err.Error(), "clock") {
				t.Error(err)
			}
		}
	})
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		s := httptest.NewServer(answer(200, nil))
		s.Close()
		if _, _, err := (timestamp.RFC3161{URL: s.URL}).Stamp(t.Context(), imprint); !errors.Is(err, timestamp.ErrUnreachable) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Error(err)
		}
	})
	t.Run("addresses", func(t *testing.T) {
		t.Parallel()
		for _, url := range []string{"", "ftp://h/", "file:///etc/passwd", "http://", "h:1", "http://h/#f", "http://h:x/"} {
			if _, _, err := (timestamp.RFC3161{URL: url}).Stamp(t.Context(), imprint); !errors.Is(err, timestamp.ErrSetting) {
				t.Errorf("%q: %v", url, err)
			}
		}
	})
	t.Run("stopped", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		})
		if _, _, err := (timestamp.RFC3161{URL: url}).Stamp(ctx, imprint); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Error(err)
		}
	})
	t.Run("silent", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		url := serve(t, func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body); <-r.Context().Done() })
		if _, _, err := (timestamp.RFC3161{URL: url}).Stamp(ctx, imprint); !errors.Is(err, timestamp.ErrUnreachable) || !strings.Contains(err.Error(), "in time") {
			t.Error(err)
		}
	})
}

// The question says what it must and nothing that tells this program from others.
func TestQuestion(t *testing.T) {
	t.Parallel()
	type seen struct {
		header http.Header
		body   []byte
	}
	var all []seen
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		all = append(all, seen{r.Header, body})
		w.WriteHeader(500)
	})
	imprint := sha256.Sum256([]byte("x"))
	for range 2 {
		_, _, _ = timestamp.RFC3161{URL: url}.Stamp(t.Context(), imprint)
	}
	if len(all) != 2 {
		t.Fatalf("%d questions", len(all))
	}
	if bytes.Equal(all[0].body, all[1].body) {
		t.Error("two questions have the same nonce")
	}
	if got := all[0].header.Get("Content-Type"); got != "application/timestamp-query" {
		t.Error(got)
	}
	for name := range all[0].header {
		if !slices.Contains([]string{"Content-Type", "Accept", "Content-Length", "Connection"}, name) {
			t.Errorf("header %s is sent", name)
		}
	}
	nonce := all[0].body[len(all[0].body)-13:]
	want := tlv(0x30, []byte{2, 1, 1}, tlv(0x30, tlv(0x30, []byte{6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1, 5, 0}), tlv(4, imprint[:])), nonce)
	if !bytes.Equal(all[0].body, want) || nonce[0] != 2 || nonce[1] != 8 || !bytes.Equal(nonce[10:], []byte{1, 1, 0xff}) {
		t.Errorf("% x", all[0].body)
	}
}

// A proxy of the environment is used. The variables are read once in a process, so another one looks.
func TestProxyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	const marker = "ZAPIS_TIMESTAMP_THROUGH_PROXY"
	if os.Getenv(marker) != "" {
		_, _, err := timestamp.RFC3161{URL: "http://time.invalid/tsa"}.Stamp(t.Context(), [32]byte{1})
		if !strings.Contains(fmt.Sprint(err), "HTTP status 418") {
			t.Fatal(err)
		}
		return
	}
	var host string
	proxy := serve(t, func(w http.ResponseWriter, r *http.Request) {
		host = r.URL.Host
		w.WriteHeader(http.StatusTeapot)
	})
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-test.run", "^TestProxyOfTheEnvironment$")
	cmd.Env = append(os.Environ(), marker+"=1", "HTTP_PROXY="+proxy, "http_proxy="+proxy, "NO_PROXY=", "no_proxy=")
	if out, err := cmd.CombinedOutput(); err != nil || host != "time.invalid" {
		t.Errorf("%v, host %q: %s", err, host, out)
	}
}

func tlv(tag byte, parts ...[]byte) []byte {
	body := slices.Concat(parts...)
	if len(body) < 0x80 {
		return append([]byte{tag, byte(len(body))}, body...)
	}
	return append([]byte{tag, 0x82, byte(len(body) >> 8), byte(len(body))}, body...)
}
