package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Pieces of OpenTimestamps proofs, written by hand.
func otsFile(parts ...[]byte) []byte {
	return slices.Concat([]byte(otsMagic), []byte{1, otsSHA256}, stampedImprint[:], slices.Concat(parts...))
}

func otsText(p string) []byte { return append(binary.AppendUvarint(nil, uint64(len(p))), p...) }

func otsClaim(kind, body string) []byte {
	return slices.Concat([]byte{otsEnd}, []byte(kind), otsText(body))
}

func otsBlock(height uint64) []byte {
	return otsClaim(otsBitcoin, string(binary.AppendUvarint(nil, height)))
}

func otsPromise(uri string) []byte { return otsClaim(otsPending, string(otsText(uri))) }

func otsWith(op byte, text string) []byte { return append([]byte{op}, otsText(text)...) }

type otsFixture struct {
	timeFixture
	body []byte // nil: a proof from elsewhere, which lies there
}

const calendar = "https://calendar.example"

func otsFixtures() []otsFixture {
	sha, fork := []byte{otsSHA256}, []byte{otsFork}
	var list []otsFixture
	add := func(name, why string, body []byte) {
		list = append(list, otsFixture{timeFixture{File: name + ".ots", Kind: KindOpenTimestamps, Imprint: hex.EncodeToString(stampedImprint[:]), OK: why == "", Why: why}, body})
	}
	add("pending", "", otsFile(otsWith(otsAppend, "nonce"), sha, otsPromise(calendar)))
	add("pending-direct", "", otsFile(otsPromise("")))
	add("block", "", otsFile(otsWith(otsBefore, "left"), sha, otsWith(otsAppend, "right"), sha, sha, otsBlock(358391)))
	add("block-direct", "", otsFile(otsBlock(0)))
	add("two-blocks", "", otsFile(fork, sha, otsBlock(900001), fork, otsPromise(calendar), otsWith(otsAppend, "x"), sha, otsBlock(900000)))
	add("unknown-beside", "", otsFile(fork, otsClaim("\x06\x86\x9a\x0d\x73\xd7\x1b\x45", "\x01"), sha, otsBlock(7)))
	add("deep", "", otsFile(slices.Repeat(sha, 256), otsBlock(1)))
	add("message-4096", "", otsFile(otsWith(otsAppend, strings.Repeat("a", 4064)), sha, otsBlock(1)))

	add("unknown-alone", "no end that is known", otsFile(otsClaim("12345678", "")))
	add("other-digest", "something else", func() []byte { p := otsFile(otsBlock(1)); p[len(otsMagic)+2] ^= 1; return p }())
	add("magic", "not an OpenTimestamps proof", func() []byte { p := otsFile(otsBlock(1)); p[30] ^= 1; return p }())
	add("version-2", "version 1", func() []byte { p := otsFile(otsBlock(1)); p[31] = 2; return p }())
	add("over-sha1", "not over a SHA-256", func() []byte { p := otsFile(otsBlock(1)); p[32] = 2; return p }())
	add("trailing", "followed by something", otsFile(otsBlock(1), []byte{0}))
	add("empty-stamp", "cut off", otsFile())
	add("cut", "cut off", otsFile(sha, otsBlock(1)[:10]))
	add("fork-alone", "cut off", otsFile(fork, otsBlock(1)))
	add("operation-sha1", "0x02 is not known", otsFile([]byte{2}, sha, otsBlock(1)))
	add("operation-ripemd160", "0x03 is not known", otsFile([]byte{3}, sha, otsBlock(1)))
	add("operation-reverse", "0xf2 is not known", otsFile([]byte{0xf2}, otsBlock(1)))
	add("too-deep", "256 operations", otsFile(slices.Repeat(sha, 257), otsBlock(1)))
	add("message-4097", "no bytes or too many", otsFile(otsWith(otsAppend, strings.Repeat("a", 4065)), sha, otsBlock(1)))
	add("operation-empty", "no bytes or too many", otsFile(otsWith(otsAppend, ""), sha, otsBlock(1)))
	add("block-of-33-bytes", "32 bytes", otsFile(otsWith(otsAppend, "a"), otsBlock(1)))
	add("block-with-more", "followed by something", otsFile(otsClaim(otsBitcoin, "\x01\x00")))
	add("block-number-long", "out of bounds", otsFile(otsClaim(otsBitcoin, "\x81\x00")))
	add("block-number-large", "out of bounds", otsFile(otsClaim(otsBitcoin, "\x80\x80\x80\x80\x08")))
	add("block-number-cut", "out of bounds", otsFile(otsClaim(otsBitcoin, "\x80")))
	add("calendar-query", "other characters", otsFile(otsPromise("https://a.example/?q")))
	add("calendar-long", "too long", otsFile(otsPromise(strings.Repeat("a", 1001))))
	add("calendar-with-more", "followed by something", otsFile(otsClaim(otsPending, "\x01aa")))
	add("attestation-long", "too long", otsFile(otsClaim("12345678", strings.Repeat("a", 8193)), otsBlock(1)))
	add("many-ends", "64 ends", otsFile(slices.Repeat(append(slices.Clone(fork), otsBlock(1)...), 64), otsBlock(1)))

	for name, why := range map[string]string{"public-block-912095": "", "public-two-calendars": "", "public-unknown": "no end that is known", "public-ripemd160": "0x03 is not known"} {
		raw, err := os.ReadFile(filepath.Join(timeFolder, name+".ots"))
		if err != nil {
			panic(err)
		}
		list = append(list, otsFixture{timeFixture{File: name + ".ots", Kind: KindOpenTimestamps, Imprint: hex.EncodeToString(raw[33:65]), OK: why == "", Why: why}, nil})
	}
	slices.SortStableFunc(list, func(a, b otsFixture) int { return strings.Compare(a.File, b.File) })
	return list
}

func TestOpenTimestampsFixturesAreCurrent(t *testing.T) {
	t.Parallel()
	for _, f := range otsFixtures() {
		if f.body != nil && string(readTime(t, f.File)) != string(f.body) {
			t.Errorf("%s is not what the builder makes: write the fixtures anew", f.File)
		}
	}
}

func TestOpenTimestamps(t *testing.T) {
	t.Parallel()
	left := sha256.Sum256(append([]byte("left"), stampedImprint[:]...))
	right := sha256.Sum256(append(left[:], "right"...))
	root := sha256.Sum256(right[:])
	s, err := OpenTimestamps(readTime(t, "block.ots"), stampedImprint)
	if err != nil || s.Pending || s.Checked || s.Block != 358391 || s.Root != hex.EncodeToString(root[:]) || !s.Time.IsZero() {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = OpenTimestamps(readTime(t, "two-blocks.ots"), stampedImprint); err != nil || s.Block != 900000 {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err = OpenTimestamps(readTime(t, "pending.ots"), stampedImprint); err != nil || !s.Pending || s.Block != 0 || s.Root != "" {
		t.Errorf("%+v, %v", s, err)
	}
	// The message of a branch is not changed by the branch beside it, although both begin with the same bytes.
	sha := []byte{otsSHA256}
	ends, err := Attestations(otsFile(otsWith(otsAppend, "common"), []byte{otsFork}, otsWith(otsAppend, "a"), sha, otsBlock(1), otsWith(otsAppend, "b"), sha, otsBlock(2)), stampedImprint)
	if err != nil || len(ends) != 2 {
		t.Fatal(ends, err)
	}
	for i, letter := range []string{"a", "b"} {
		want := sha256.Sum256(append(stampedImprint[:], "common"+letter...))
		if string(ends[i].Message) != string(want[:]) {
			t.Errorf("branch %s: %x", letter, ends[i].Message)
		}
	}
	if _, err := OpenTimestamps(append(otsFile(otsBlock(1)), make([]byte, maxStamp)...), stampedImprint); err == nil || !strings.Contains(err.Error(), "64 KiB") {
		t.Error(err)
	}
}

// A proof that the public network made in 2025: its block and Merkle root are what every node has.
func TestPublicProof(t *testing.T) {
	t.Parallel()
	raw := readTime(t, "public-block-912095.ots")
	s, err := OpenTimestamps(raw, [32]byte(raw[33:65]))
	if err != nil || s.Block != 912095 || s.Root != "ae390025e12b85acb0cf0472c8e42ad40f78a9c6c1d832198e98294199316193" {
		t.Errorf("%+v, %v", s, err)
	}
}

// Every change of one byte is refused or gives another root than the block has: a proof cannot be bent.
func TestEveryByteOfAProof(t *testing.T) {
	t.Parallel()
	good := readTime(t, "block.ots")
	want, err := OpenTimestamps(good, stampedImprint)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		for _, flip := range []byte{1, 0x10, 0x80} {
			p := slices.Clone(good)
			p[i] ^= flip
			if s, err := OpenTimestamps(p, stampedImprint); err == nil && s.Block == want.Block && s.Root == want.Root {
				t.Errorf("byte %d: the same block and root after a change", i)
			}
		}
	}
}

func FuzzOpenTimestamps(f *testing.F) {
	for _, x := range timeFixtures(f) {
		if x.Kind == KindOpenTimestamps {
			f.Add(readTime(f, x.File))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := OpenTimestamps(raw, stampedImprint)
		if err != nil {
			if !errors.Is(err, ErrStamp) {
				t.Fatal(err)
			}
			return
		}
		if s.Checked || !s.Time.IsZero() || s.Pending == (s.Root != "") {
			t.Fatalf("%+v", s)
		}
		ends, err := Attestations(raw, stampedImprint)
		if err != nil || len(ends) == 0 || len(ends) > otsMaxEnds {
			t.Fatal(ends, err)
		}
	})
}
