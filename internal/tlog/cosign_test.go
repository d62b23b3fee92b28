package tlog

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

func cosignerKeys(t testing.TB, seed byte, name string) (*Cosigner, *CosignVerifier) {
	t.Helper()
	skey, vkey, err := GenerateCosignerKey(bytes.NewReader(bytes.Repeat([]byte{seed}, 32)), name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := NewCosigner(skey+"\n", func() time.Time { return time.Unix(1679315147, 0) })
	if err != nil {
		t.Fatal(err)
	}
	v, err := NewCosignVerifier(vkey + "\n")
	if err != nil {
		t.Fatal(err)
	}
	if c.VerifierKey() != vkey || v.String() != vkey || c.Name() != name || c.KeyHash() != v.KeyHash() {
		t.Fatalf("the key is %q, the signer says %q, the verifier %q", vkey, c.VerifierKey(), v)
	}
	return c, v
}

// The message is the one of C2SP tlog-cosignature, checked with plain Ed25519 and nothing of ours.
func TestCosignatureIsAMessageOfTheStandard(t *testing.T) {
	t.Parallel()
	c, v := cosignerKeys(t, 1, "witness.example.com/w1")
	text := Checkpoint{Origin: testOrigin, Size: 3, Root: LeafHash(nil)}.Text()
	line, err := c.Cosign(text)
	if err != nil {
		t.Fatal(err)
	}
	at, err := v.Check(text, line)
	if err != nil || at.Unix() != 1679315147 {
		t.Fatalf("time %v: %v", at, err)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(strings.TrimPrefix(line, "— witness.example.com/w1 "), "\n"))
	if err != nil || len(raw) != 4+8+64 || binary.BigEndian.Uint64(raw[4:]) != 1679315147 || binary.BigEndian.Uint32(raw) != v.KeyHash() {
		t.Fatalf("line %q: %v", line, err)
	}
	// Signed is header, time and text, by plain Ed25519 under the same key with another number.
	plain, err := note.NewEd25519VerifierKey("x", v.public)
	if err != nil {
		t.Fatal(err)
	}
	p, err := note.NewVerifier(plain)
	if err != nil || !p.Verify([]byte("cosignature/v1\ntime 1679315147\n"+text), raw[12:]) {
		t.Errorf("signed is another message: %v", err)
	}
}

func TestCosignedNote(t *testing.T) {
	t.Parallel()
	s, lv, _ := keys(t, 1)
	c, v := cosignerKeys(t, 2, "witness.example/w1")
	other, ov := cosignerKeys(t, 3, "witness.example/w2")
	cp := Checkpoint{Origin: testOrigin, Size: 7, Root: LeafHash(nil)}
	signed, err := Sign(cp, s)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*Cosigner{c, other} {
		line, err := one.Cosign(cp.Text())
		if err != nil {
			t.Fatal(err)
		}
		signed = append(signed, line...)
	}
	for _, one := range []*CosignVerifier{v, ov} {
		line, at, err := one.Find(signed)
		if err != nil || at.Unix() != 1679315147 || !strings.Contains(line, one.Name()) {
			t.Errorf("found %q at %v: %v", line, at, err)
		}
	}
	n, err := note.Open(signed, note.VerifierList(lv, v, ov))
	if err != nil || len(n.Sigs) != 3 {
		t.Fatalf("opened with %d signatures: %v", len(n.Sigs), err)
	}
	if got, text, err := OpenAny(signed, lv); err != nil || got != cp || text != cp.Text() {
		t.Errorf("opened %+v: %v", got, err)
	}
	if _, _, err := OpenAny(signed, v); !errors.Is(err, ErrCheckpoint) {
		t.Errorf("a witness passes for the log: %v", err)
	}
	_, stranger := cosignerKeys(t, 9, "witness.example/w1")
	if _, _, err := stranger.Find(signed); !errors.Is(err, ErrCosignature) {
		t.Errorf("another key of the same name: %v", err)
	}
}

// Every byte of a cosignature counts, and so does every byte of the text.
func TestAlteredCosignatureIsRefused(t *testing.T) {
	t.Parallel()
	c, v := cosignerKeys(t, 2, "witness.example/w1")
	text := Checkpoint{Origin: testOrigin, Size: 7, Root: LeafHash(nil)}.Text()
	line, err := c.Cosign(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range line {
		for _, flip := range []byte{1, 0x20, 0x80} {
			bad := []byte(line)
			bad[i] ^= flip
			if _, err := v.Check(text, string(bad)); !errors.Is(err, ErrCosignature) {
				t.Fatalf("byte %d of the line flipped by %#x is accepted: %v", i, flip, err)
			}
		}
	}
	for i := range text {
		bad := []byte(text)
		bad[i] ^= 1
		if _, err := v.Check(string(bad), line); !errors.Is(err, ErrCosignature) {
			t.Fatalf("byte %d of the text flipped is accepted: %v", i, err)
		}
	}
	sig, err := c.Sign([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	beyond := binary.BigEndian.AppendUint64(nil, math.MaxInt64+1)
	beyond = append(beyond, ed25519.Sign(c.key, cosigned(math.MaxInt64+1, []byte(text)))...)
	for name, bad := range map[string][]byte{
		"cut": sig[:71], "longer": append(bytes.Clone(sig), 0), "empty": nil,
		"time beyond": beyond,
	} {
		if v.Verify([]byte(text), bad) {
			t.Errorf("%s is accepted", name)
		}
	}
}

// A log's plain signature is no cosignature and the other way round, even under the same secret.
func TestKindsOfKeysAreApart(t *testing.T) {
	t.Parallel()
	_, _, logKey := keys(t, 1)
	skey, vkey, err := GenerateCosignerKey(bytes.NewReader(make([]byte, 32)), "w")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewCosigner(logKey, time.Now); !errors.Is(err, ErrCosignature) {
		t.Errorf("key of a log: %v", err)
	}
	if _, err := NewSigner(skey); err == nil {
		t.Error("a witness's key signs as a log")
	}
	if _, err := NewVerifier(vkey); err == nil {
		t.Error("a witness's key verifies as a log's")
	}
}

func TestCosignerKeysAreRefused(t *testing.T) {
	t.Parallel()
	skey, vkey, err := GenerateCosignerKey(bytes.NewReader(make([]byte, 32)), "w.example")
	if err != nil {
		t.Fatal(err)
	}
	for i := range skey {
		bad := skey[:i] + string(skey[i]^1) + skey[i+1:]
		if _, err := NewCosigner(bad, time.Now); !errors.Is(err, ErrCosignature) || strings.Contains(err.Error(), skey[len(skey)-20:]) {
			t.Fatalf("byte %d of the signer key changed: %v", i, err)
		}
	}
	for i := range vkey {
		bad := vkey[:i] + string(vkey[i]^1) + vkey[i+1:]
		if _, err := NewCosignVerifier(bad); !errors.Is(err, ErrCosignature) {
			t.Fatalf("byte %d of the verifier key changed: %v", i, err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\u00a0b", "a\x00", "\xff"} {
		if _, _, err := GenerateCosignerKey(bytes.NewReader(make([]byte, 32)), name); err == nil {
			t.Errorf("name %q is accepted", name)
		}
	}
	if _, _, err := GenerateCosignerKey(bytes.NewReader(make([]byte, 31)), "w"); err == nil {
		t.Error("a key without randomness")
	}
	old, err := NewCosigner(skey, func() time.Time { return time.Unix(-1, 0) })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.Cosign("x\n"); err == nil {
		t.Error("a time before 1970 is signed")
	}
}

func TestExtensionLines(t *testing.T) {
	t.Parallel()
	c := Checkpoint{Origin: "o", Size: 4, Root: LeafHash(nil)}
	for more, ok := range map[string]bool{"": true, "x\n": true, "x\ny z\n": true, "x": false, "\n": false, "x\n\ny\n": false, "\nx\n": false} {
		got, err := ParseAnyCheckpoint(c.Text() + more)
		if (err == nil) != ok || ok && got != c {
			t.Errorf("%q: %+v, %v", more, got, err)
		}
	}
}

func TestCosignProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z][a-z0-9./]{0,30}`).Draw(t, "name")
		skey, vkey, err := GenerateCosignerKey(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")), name)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "time"), 0)
		c, err := NewCosigner(skey, func() time.Time { return at })
		if err != nil {
			t.Fatal(err)
		}
		v, err := NewCosignVerifier(vkey)
		if err != nil {
			t.Fatal(err)
		}
		cp := Checkpoint{Origin: "o", Size: rapid.Int64Range(0, math.MaxInt64).Draw(t, "size"), Root: Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root"))}
		line, err := c.Cosign(cp.Text())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Check(cp.Text(), line); err != nil || !got.Equal(at) {
			t.Fatalf("time %v, want %v: %v", got, at, err)
		}
		cp.Root[0] ^= 1
		if _, err := v.Check(cp.Text(), line); err == nil {
			t.Fatal("another root is accepted")
		}
	})
}

func FuzzSignatureLine(f *testing.F) {
	c, v := cosignerKeys(f, 2, "witness.example/w1")
	text := Checkpoint{Origin: testOrigin, Size: 7, Root: LeafHash(nil)}.Text()
	line, err := c.Cosign(text)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(line)
	f.Add("— o AAAA\n")
	f.Fuzz(func(t *testing.T, raw string) {
		l, err := ParseSignatureLine(raw)
		if err != nil {
			return
		}
		if want := signatureLine(l.Name, l.Number, l.Signature); strings.TrimSuffix(raw, "\n") != strings.TrimSuffix(want, "\n") {
			t.Fatalf("%q was read, and would be written %q", raw, want)
		}
		if _, err := v.Check(text, raw); err == nil && strings.TrimSuffix(raw, "\n") != strings.TrimSuffix(line, "\n") {
			t.Fatalf("%q is accepted", raw)
		}
	})
}

func FuzzSplitNote(f *testing.F) {
	f.Add([]byte("a\n\n— b c\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		text, lines, err := SplitNote(raw)
		if err == nil && text+"\n"+strings.Join(lines, "") != string(raw) {
			t.Fatalf("%q fell into %q and %q", raw, text, lines)
		}
	})
}
