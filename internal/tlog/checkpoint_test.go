package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const testOrigin = "zapis.example/va_00000000000000000000000000"

func keys(t testing.TB, seed byte) (Signer, Verifier, string) {
	t.Helper()
	skey, vkey, err := GenerateKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 64)), testOrigin)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewVerifier(vkey + "\n")
	if err != nil {
		t.Fatal(err)
	}
	again, err := VerifierKey(skey)
	if err != nil || again != vkey {
		t.Fatalf("verifier key of signer key is %q, want %q: %v", again, vkey, err)
	}
	return s, v, skey
}

func TestCheckpointRoundTrip(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, 1)
	c := Checkpoint{Origin: testOrigin, Size: 20852163, Root: LeafHash([]byte("x"))}
	signed, err := Sign(c, s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Open(signed, v)
	if err != nil || got != c {
		t.Fatalf("opened %+v, want %+v: %v", got, c, err)
	}
	if !strings.HasPrefix(string(signed), testOrigin+"\n20852163\n") {
		t.Errorf("note begins %q", signed[:60])
	}
}

// Every byte of a signed checkpoint counts.
func TestAlteredCheckpointIsRefused(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, 1)
	signed, err := Sign(Checkpoint{Origin: testOrigin, Size: 7, Root: LeafHash(nil)}, s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range signed {
		for _, flip := range []byte{1, 0x20, 0x80} {
			bad := bytes.Clone(signed)
			bad[i] ^= flip
			if _, err := Open(bad, v); !errors.Is(err, ErrCheckpoint) {
				t.Fatalf("byte %d flipped by %#x is accepted: %v", i, flip, err)
			}
		}
		if _, err := Open(signed[:i], v); !errors.Is(err, ErrCheckpoint) {
			t.Fatalf("cut to %d bytes is accepted", i)
		}
	}
	_, other, _ := keys(t, 2)
	if _, err := Open(signed, other); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("another key of the same name accepts it: %v", err)
	}
}

// The right key under a text of another origin: a key may sign other things than checkpoints of its own tree.
func TestAnotherOriginIsRefused(t *testing.T) {
	t.Parallel()
	s, v, _ := keys(t, 1)
	text := Checkpoint{Origin: "zapis.example/other", Size: 7, Root: LeafHash(nil)}.Text()
	signed, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(signed, v); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("opened: %v", err)
	}
}

func TestParseCheckpointTakesOneSpelling(t *testing.T) {
	t.Parallel()
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for name, text := range map[string]string{
		"empty":          "",
		"no origin":      "\n1\n" + root + "\n",
		"leading zero":   "o\n01\n" + root + "\n",
		"plus":           "o\n+1\n" + root + "\n",
		"negative":       "o\n-1\n" + root + "\n",
		"too large":      "o\n9223372036854775808\n" + root + "\n",
		"short root":     "o\n1\nAAAA\n",
		"loose base 64":  "o\n1\n" + root[:42] + "B=\n",
		"url base 64":    "o\n1\n" + strings.Repeat("_", 43) + "=\n",
		"extension":      "o\n1\n" + root + "\nmore\n",
		"no end of line": "o\n1\n" + root,
		"carriage":       "o\r\n1\r\n" + root + "\r\n",
	} {
		if c, err := ParseCheckpoint(text); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: read as %+v, %v", name, c, err)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	s, _, skey := keys(t, 1)
	for name, c := range map[string]Checkpoint{
		"another origin": {Origin: "zapis.example/other", Size: 1},
		"negative size":  {Origin: testOrigin, Size: -1},
	} {
		if _, err := Sign(c, s); !errors.Is(err, ErrCheckpoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := NewSigner(skey[:len(skey)-3]); !errors.Is(err, ErrCheckpoint) || strings.Contains(err.Error(), skey[20:40]) {
		t.Errorf("cut signer key: %v", err)
	}
	for _, origin := range []string{"", "a b", "a+b", "a\nb"} {
		if _, _, err := GenerateKey(bytes.NewReader(make([]byte, 64)), origin); err == nil {
			t.Errorf("origin %q is accepted", origin)
		}
	}
	if _, _, err := GenerateKey(bytes.NewReader(nil), testOrigin); err == nil {
		t.Error("a key without randomness")
	}
}

func TestTilePaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		level int
		n     int64
		width int
		want  string
	}{
		{0, 0, 256, "tile/0/000"},
		{0, 0, 7, "tile/0/000.p/7"},
		{1, 1234067, 256, "tile/1/x001/x234/067"},
		{2, 1000, 255, "tile/2/x001/000.p/255"},
	} {
		if got, err := TilePath(c.level, c.n, c.width); err != nil || got != c.want {
			t.Errorf("tile %d/%d of %d is %q, want %q: %v", c.level, c.n, c.width, got, c.want, err)
		}
		// The checksum database writes the height in front; otherwise the names are the same.
		other := tlog.Tile{H: 8, L: c.level, N: c.n, W: c.width}.Path()
		if strings.Replace(other, "tile/8/", "tile/", 1) != c.want {
			t.Errorf("the checksum database says %q", other)
		}
	}
	if got, err := EntriesPath(5, 3); err != nil || got != "tile/entries/005.p/3" {
		t.Errorf("entries: %q, %v", got, err)
	}
	for _, bad := range [][3]int64{{-1, 0, 1}, {64, 0, 1}, {0, -1, 1}, {0, 0, 0}, {0, 0, 257}} {
		if got, err := TilePath(int(bad[0]), bad[1], int(bad[2])); !errors.Is(err, ErrRange) {
			t.Errorf("tile %v has the name %q", bad, got)
		}
	}
}

func FuzzOpen(f *testing.F) {
	s, v, _ := keys(f, 1)
	signed, err := Sign(Checkpoint{Origin: testOrigin, Size: 3, Root: LeafHash(nil)}, s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Add([]byte("o\n1\n\n— o AAAA\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := Open(raw, v)
		if err != nil {
			if !errors.Is(err, ErrCheckpoint) {
				t.Fatalf("kind of error: %v", err)
			}
			return
		}
		// Only what was signed opens; unknown signatures may stand beside ours.
		if c.Size != 3 || c.Origin != testOrigin {
			t.Fatalf("opened %+v", c)
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add(Checkpoint{Origin: testOrigin, Size: 3}.Text())
	f.Add("o\n0\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		if c, err := ParseCheckpoint(text); err == nil && c.Text() != text {
			t.Fatalf("%q was read, and would be written %q", text, c.Text())
		}
	})
}
