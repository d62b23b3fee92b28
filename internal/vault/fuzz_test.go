package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"

	"filippo.io/age"

	"zapis/internal/archive"
)

func testHeader() Header {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		panic(err)
	}
	return Header{
		Format: 1, Vault: archive.NewID(archive.PrefixVault), Created: "2026-11-21T22:12:46Z", SegmentSize: 256 << 10,
		Recipient: id.Recipient().String(),
	}
}

func testEnvelope(h Header) *envelope {
	e := &envelope{id: archive.NewID(archive.PrefixEnvelope)}
	e.blobs = []Blob{{Name: archive.NewID(archive.PrefixBlob), Size: 1 << 20, SHA256: [32]byte{1}}}
	e.entries = []entry{{Object{
		ID: archive.NewID(archive.PrefixObject), Envelope: e.id, Size: h.SegmentSize + 3, SHA256: [32]byte{2},
		Segments: []Segment{
			{0, e.blobs[0].Name, 0, h.SegmentSize + 2000, h.SegmentSize, [32]byte{3}},
			{1, e.blobs[0].Name, h.SegmentSize + 2000, 2000, 3, [32]byte{2}},
		},
	}, "AGE-SECRET-KEY-PQ-1TEST"}}
	e.erased = []string{archive.NewID(archive.PrefixObject)}
	return e
}

func TestHeaderIsStrict(t *testing.T) {
	t.Parallel()
	h := testHeader()
	good := string(h.encode())
	if got, err := parseHeader([]byte(good)); err != nil || got != h {
		t.Fatalf("%+v, %v", got, err)
	}
	for what, bad := range map[string]string{
		"unknown field":    strings.Replace(good, `{`, `{"more":1,`, 1),
		"unknown format":   strings.Replace(good, `"format":1`, `"format":2`, 1),
		"space":            strings.Replace(good, `:1,`, `: 1,`, 1),
		"two documents":    good + good,
		"no newline":       strings.TrimSpace(good),
		"other identifier": strings.Replace(good, "va_", "en_", 1),
		"local time":       strings.Replace(good, "46Z", "46+02:00", 1),
		"segment size":     strings.Replace(good, "262144", "262145", 1),
		"huge segments":    strings.Replace(good, "262144", "67174400", 1),
		"no segments":      strings.Replace(good, "262144", "0", 1),
		"recipient":        strings.Replace(good, "age1pq1", "age1pq2", 1),
		"empty":            "",
	} {
		if _, err := parseHeader([]byte(bad)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestEnvelopeIsStrict(t *testing.T) {
	t.Parallel()
	h := testHeader()
	good := testEnvelope(h)
	got, err := parseEnvelope(good.encode(h.Vault), h, good.id)
	if err != nil || !bytes.Equal(got.encode(h.Vault), good.encode(h.Vault)) {
		t.Fatal(err)
	}
	for what, harm := range map[string]func(e *envelope){
		"last digest":             func(e *envelope) { e.entries[0].Segments[1].PlainSHA256 = [32]byte{4} },
		"blob twice":              func(e *envelope) { e.blobs = append(e.blobs, e.blobs[0]) },
		"object twice":            func(e *envelope) { e.entries = append(e.entries, e.entries[0]) },
		"erased and there":        func(e *envelope) { e.erased = append(e.erased, e.entries[0].ID) },
		"erased twice":            func(e *envelope) { e.erased = append(e.erased, e.erased[0]) },
		"path for a blob":         func(e *envelope) { e.blobs[0].Name = "../../x" },
		"no segments":             func(e *envelope) { e.entries[0].Segments = nil },
		"unknown blob":            func(e *envelope) { e.entries[0].Segments[0].Blob = archive.NewID("bl") },
		"negative offset":         func(e *envelope) { e.entries[0].Segments[0].Offset = -1 },
		"negative length":         func(e *envelope) { e.entries[0].Segments[0].Length = -1 },
		"beyond the blob":         func(e *envelope) { e.entries[0].Segments[1].Offset = 1 << 20 },
		"offset overflows":        func(e *envelope) { e.entries[0].Segments[1].Offset = 1<<63 - 1 },
		"length overflows":        func(e *envelope) { e.entries[0].Segments[1].Length = 1<<63 - 1 },
		"short inner segment":     func(e *envelope) { e.entries[0].Segments[0].PlainLength--; e.entries[0].Size-- },
		"longer than its segment": func(e *envelope) { e.entries[0].Segments[1].PlainLength = h.SegmentSize + 1 },
		"empty last segment":      func(e *envelope) { e.entries[0].Segments[1].PlainLength = 0; e.entries[0].Size -= 3 },
		"size is not the sum":     func(e *envelope) { e.entries[0].Size++ },
		"negative blob":           func(e *envelope) { e.blobs[0].Size = -1 },
		"object identifier":       func(e *envelope) { e.entries[0].ID = "ob_x" },
	} {
		e := testEnvelope(h)
		e.id = good.id
		harm(e)
		if _, err := parseEnvelope(e.encode(h.Vault), h, good.id); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := parseEnvelope(good.encode(archive.NewID("va")), h, good.id); !errors.Is(err, ErrForeign) {
		t.Errorf("another vault: %v", err)
	}
	if _, err := parseEnvelope(good.encode(h.Vault), h, archive.NewID("en")); !errors.Is(err, ErrForeign) {
		t.Errorf("another envelope: %v", err)
	}
}

func TestSumsNeverLeadOutside(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "/etc/passwd", "../x", "blob/../../x", "blob//x", "blob/./x", "blob/.x", "blob/x\ny", "Blob/x", `blob\x`, strings.Repeat("a", 201)} {
		if _, err := parseSums(encodeSums([]sumLine{{name, [32]byte{}}})); err == nil {
			t.Errorf("%q was accepted", name)
		}
	}
}

func TestKeysNeverPrint(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	k := Key{[]*age.HybridIdentity{id}, []string{id.String()}}
	e := entry{Object{ID: "ob_x"}, id.String()}
	for _, v := range []any{k, &k, Passphrase([]byte("AGE-SECRET")), KeyFile([]byte(id.String())), e, &e} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "SECRET") || strings.Contains(text, "65, 71, 69") {
				t.Errorf("%T with %s prints its key", v, verb)
			}
		}
	}
	if _, err := k.MarshalText(); err == nil {
		t.Error("a key can be written as text")
	}
}

func TestKeyTextIsBound(t *testing.T) {
	t.Parallel()
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	h := testHeader()
	h.Recipient = id.Recipient().String()
	k := Key{[]*age.HybridIdentity{id}, []string{id.String()}}
	if _, err := parseKeyText(k.text(h), h); err != nil {
		t.Fatal(err)
	}
	other := h
	other.Recipient = testHeader().Recipient
	if _, err := parseKeyText(k.text(h), other); !errors.Is(err, ErrForeign) {
		t.Errorf("header with another recipient: %v", err)
	}
	other = h
	other.SegmentSize *= 2
	if _, err := parseKeyText(k.text(h), other); !errors.Is(err, ErrForeign) {
		t.Errorf("header with another segment size: %v", err)
	}
	if _, err := parseKeyText([]byte(id.String()+"\n"), h); !errors.Is(err, ErrFormat) {
		t.Errorf("key without binding: %v", err)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add(testHeader().encode())
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parseHeader(data)
		if err == nil && !bytes.Equal(h.encode(), data) {
			t.Fatal("accepted in another form")
		}
	})
}

func FuzzEnvelope(f *testing.F) {
	h := testHeader()
	e := testEnvelope(h)
	f.Add(e.encode(h.Vault))
	f.Add([]byte(`{"format":1,"blobs":[],"objects":[],"erased":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseEnvelope(data, h, e.id)
		if err != nil {
			return
		}
		if !bytes.Equal(got.encode(h.Vault), data) {
			t.Fatal("accepted in another form")
		}
		for _, en := range got.entries {
			for _, s := range en.Segments {
				if s.Offset < 0 || s.Offset+s.Length < s.Offset {
					t.Fatal("impossible segment accepted")
				}
			}
		}
	})
}

func FuzzSums(f *testing.F) {
	f.Add(encodeSums([]sumLine{{"blob/00/bl_x", [32]byte{1}}, {"vault.json", [32]byte{2}}}))
	f.Add([]byte(sumsSelf))
	f.Fuzz(func(t *testing.T, data []byte) {
		lines, err := parseSums(data)
		if err != nil {
			return
		}
		if !bytes.Equal(encodeSums(lines), data) {
			t.Fatal("accepted in another form")
		}
		for _, l := range lines {
			if strings.Contains(l.name, "..") && strings.HasPrefix(l.name, ".") {
				t.Fatal("a name that leads outside")
			}
		}
	})
}

// oneBlob is a storage with a single blob, for damaged bytes.
type oneBlob struct {
	Backend
	data []byte
}

func (o oneBlob) Properties() Properties { return Properties{Kind: "fuzz"} }
func (o oneBlob) Open(context.Context, string) (BlobReader, error) {
	return oneReader{bytes.NewReader(o.data)}, nil
}
func (o oneBlob) List(context.Context, string) iter.Seq2[Info, error] { return nil }

type oneReader struct{ *bytes.Reader }

func (oneReader) Close() error { return nil }

// FuzzReader changes, cuts and extends sealed bytes: a reader gives a prefix of the truth and an integrity error, or the
// truth. It never panics and never gives anything else.
func FuzzReader(f *testing.F) {
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		f.Fatal(err)
	}
	plain := bytes.Repeat([]byte("evidence "), 20_000) // three chunks
	sealed, err := seal(plain, id.Recipient())
	if err != nil {
		f.Fatal(err)
	}
	blob := archive.NewID(archive.PrefixBlob)
	obj := Object{ID: archive.NewID(archive.PrefixObject), Size: int64(len(plain)), Segments: []Segment{{0, blob, 0, int64(len(sealed)), int64(len(plain)), [32]byte{}}}}
	for _, at := range []uint32{0, 30, 1600, 1700, 70_000, uint32(len(sealed) - 1)} {
		f.Add(at, byte(1), uint32(len(sealed)), uint16(0))
	}
	f.Add(uint32(0), byte(0), uint32(len(sealed)), uint16(0))
	f.Add(uint32(0), byte(0), uint32(1700), uint16(0))
	f.Add(uint32(0), byte(0), uint32(len(sealed)), uint16(100))
	f.Fuzz(func(t *testing.T, at uint32, flip byte, cut uint32, more uint16) {
		data := bytes.Clone(sealed)
		data[int(at)%len(data)] ^= flip
		data = append(data[:min(int(cut), len(data))], make([]byte, more)...)
		r := &Reader{ctx: context.Background(), b: oneBlob{data: data}, obj: obj, id: id, seg: 1 << 20}
		defer r.Close()
		got, err := io.ReadAll(r)
		if err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("%v", err)
		}
		if !bytes.Equal(got, plain[:len(got)]) || (err == nil && len(got) != len(plain)) {
			t.Fatalf("other bytes, %v", err)
		}
		if flip != 0 && int(at)%len(sealed) < min(int(cut), len(sealed)) && err == nil {
			t.Fatal("a flip was not noticed")
		}
	})
}
