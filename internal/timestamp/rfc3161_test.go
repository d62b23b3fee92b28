package timestamp_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
