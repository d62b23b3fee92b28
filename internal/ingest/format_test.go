package ingest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// Canonical text means what JSON says it means, and has exactly one spelling.
func TestCanonicalStrings(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "s")
		text := canonical(object{"k": s, "a": object{}, "z": []string{s}})
		var v struct {
			K string
			Z []string
		}
		if err := json.Unmarshal(text, &v); err != nil || v.K != s || v.Z[0] != s {
			t.Fatalf("%q becomes %s becomes %q (%v)", s, text, v.K, err)
		}
		if _, err := parseCanonical(text); err != nil {
			t.Fatalf("%s is not read again: %v", text, err)
		}
	})
	got := string(canonical(object{"b": "\x01\n\"\\é\u2028<", "a": int64(-5), "c": uint64(1 << 63), "d": true, "e": raw(`{"x":1}`)}))
	want := `{"a":-5,"b":"\u0001\n\"\\é` + "\u2028" + `<","c":9223372036854775808,"d":true,"e":{"x":1}}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOtherSpellingsAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		``, `[]`, `null`, `{"a":1}`, `{"a":true}`, `{"a":null}`, `{"a":["x",1]}`, `{"a":"x" }`, ` {"a":"x"}`, `{"b":"x","a":"x"}`, `{"a":"x","a":"x"}`,
		`{"a":"\u0041"}`, `{"a":"\/"}`, "{\"a\":\"x\"}\n", `{"a":"\ud800"}`, "{\"a\":\"\xff\"}",
	} {
		if v, err := parseCanonical([]byte(text)); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v, %v", text, v, err)
		}
	}
}

// Whatever a name holds, what is shown is one line of visible text from which the name can be told.
func TestCleanName(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := string(rapid.SliceOf(rapid.Byte()).Draw(t, "a"))
		b := string(rapid.SliceOf(rapid.Byte()).Draw(t, "b"))
		clean := cleanName(a)
		if !utf8.ValidString(clean) {
			t.Fatalf("%q is shown as %q, which is not text", a, clean)
		}
		for _, r := range clean {
			if !unicode.IsGraphic(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == '\u00a0' {
				t.Fatalf("%q is shown as %q with %U", a, clean, r)
			}
		}
		if a != b && clean == cleanName(b) {
			t.Fatalf("%q and %q are both shown as %q", a, b, clean)
		}
	})
	for in, want := range map[string]string{
		"видео.avi": "видео.avi", "a b": "a b", "\x1b[2J": `\u{1b}[2J`, "\xff": `\xff`, "\u202etxt": `\u{202e}txt`, `\xff`: `\\xff`, "e\u0301": "e\u0301",
	} {
		if got := cleanName(in); got != want {
			t.Errorf("cleanName(%q) = %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"a/b.AVI": "avi", ".hidden": "", "x.": "", "none": "", "a.b/c": "", "x.tar.gz": "gz", "x." + strings.Repeat("e", 17): ""} {
		if got := extension(in); got != want {
			t.Errorf("extension(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOriginRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String()
		raw := rapid.SliceOf(rapid.Byte())
		o := archive.Origin{
			Root: raw.Draw(t, "root"), Path: raw.Draw(t, "path"), Name: text.Draw(t, "name"), Mode: rapid.Uint32().Draw(t, "mode"),
			UID: rapid.Int64().Draw(t, "uid"), GID: rapid.Int64().Draw(t, "gid"), Owner: text.Draw(t, "owner"), Device: text.Draw(t, "device"),
			Inode: rapid.Uint64().Draw(t, "inode"), Links: rapid.Uint64().Draw(t, "links"), ModifiedAt: rapid.Int64().Draw(t, "m"),
			ChangedAt: rapid.Int64().Draw(t, "c"), BornAt: rapid.Int64().Draw(t, "b"), Sparse: rapid.Bool().Draw(t, "s"), Extension: text.Draw(t, "e"),
		}
		if target := raw.Draw(t, "target"); len(target) > 0 {
			o.Target = target
		}
		got, err := decodeOrigin(encodeOrigin(o))
		if err != nil || !reflect.DeepEqual(got, o) {
			t.Fatalf("%+v becomes %+v (%v)", o, got, err)
		}
	})
}

// The root of the files is the Merkle tree hash of RFC 6962, computed here by the other implementation of the house.
func TestFileSetAgainstTheTree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "n")
		digests := make([][32]byte, n)
		for i := range digests {
			digests[i] = sha256.Sum256([]byte{byte(rapid.IntRange(0, 20).Draw(t, "v"))}) // equal ones, too
		}
		set := NewFileSet(digests)
		var stored, leaves []tlog.Hash
		for _, d := range digests { // sorted now
			leaves = append(leaves, tlog.LeafHash(d[:]))
		}
		reader := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
			for _, i := range at {
				out = append(out, stored[i])
			}
			return out, nil
		})
		if n > 0 {
			_, all, err := tlog.Append(0, leaves, reader)
			if err != nil {
				t.Fatal(err)
			}
			stored = all
			root, err := tlog.Root(int64(n), reader)
			if err != nil || root != tlog.Hash(set.Root) {
				t.Fatalf("root of %d: %x, the tree has %x (%v)", n, set.Root, root, err)
			}
		}
		for i := 1; i < n; i++ {
			if bytes.Compare(digests[i-1][:], digests[i][:]) > 0 {
				t.Fatal("not sorted")
			}
		}
	})
	if got := NewFileSet(nil); got.Root != sha256.Sum256(nil) || got.List != sha256.Sum256(nil) {
		t.Errorf("no files: %x", got)
	}
}

// The line of shell in receipt and document gives the digest of the list.
func TestTheShellGivesTheSameDigest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"a", "b c", "sub/ü", "line\nbreak", "back\\slash"} {
		put(t, dir, name, []byte("bytes of "+name))
	}
	put(t, dir, "twice", []byte("bytes of a"))
	h := build(t, store.SQLite, nil)
	h.must(dir)
	r, text, err := h.svc.Close(t.Context(), agent, h.acc.ID)
	if err != nil {
		t.Fatal(err)
	}
	script := ""
	for line := range strings.Lines(r.Text()) {
		if strings.Contains(line, "sha256sum") {
			script = strings.TrimSpace(line)
			break
		}
	}
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want, _, _ := strings.Cut(string(out), " ")
	if got := hex.EncodeToString(r.Files.List[:]); got != want {
		t.Errorf("the receipt says %s, the shell %s", got, want)
	}
	cmd = exec.Command("sh", "-euc", "find . -type f -print0 | xargs -0 sha256sum")
	cmd.Dir = dir
	if out, err = cmd.Output(); err != nil {
		t.Fatal(err)
	}
	digests, err := ReadDigests(bytes.NewReader(out))
	if err != nil || NewFileSet(digests) != r.Files {
		t.Errorf("from the list of sha256sum: %v", err)
	}
	// What goes to the source names neither file nor person nor title.
	for _, s := range []string{"A test", "twice", dir, "tester"} {
		if bytes.Contains(text, []byte(s)) || strings.Contains(r.Text(), s) {
			t.Errorf("the receipt carries %q", s)
		}
	}
}

// Every altered byte of a receipt is found, and so is every altered fact that is signed anew with another key.
func TestAlteredReceipts(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	put(t, src, "x", []byte("x"))
	h.must(src)
	r, text, err := h.svc.Close(t.Context(), agent, h.acc.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyReceipt(append(bytes.Clone(text), '\n'), h.verifier+"\n"); err != nil {
		t.Errorf("with line feeds at the end: %v", err)
	}
	for i := range text {
		for _, bit := range []byte{0x01, 0x20} {
			altered := bytes.Clone(text)
			altered[i] ^= bit
			if _, err := VerifyReceipt(altered, h.verifier); err == nil {
				t.Fatalf("byte %d %q altered to %q passes", i, text[i], altered[i])
			}
		}
	}
	for _, cut := range []int{0, 1, len(text) / 2, len(text) - 1} {
		if _, err := VerifyReceipt(text[:cut], h.verifier); err == nil {
			t.Errorf("cut to %d bytes it passes", cut)
		}
	}
	otherSecret, other, err := tlog.GenerateKey(rand.Reader, custody.Origin(h.vault.ID()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyReceipt(text, other); !errors.Is(err, ErrReceipt) {
		t.Errorf("under another key: %v", err)
	}
	signer, err := tlog.NewSigner(otherSecret)
	if err != nil {
		t.Fatal(err)
	}
	// Whoever has the key can sign, but not make the record say something else: each fact is held against the closing.
	for name, change := range map[string]func(*Receipt){
		"files":    func(r *Receipt) { r.Files.List[0] ^= 1 },
		"root":     func(r *Receipt) { r.Files.Root[0] ^= 1 },
		"manifest": func(r *Receipt) { r.ManifestSHA256[0] ^= 1 },
		"size":     func(r *Receipt) { r.ManifestSize++ },
		"bytes":    func(r *Receipt) { r.Tally.Bytes++ },
		"time":     func(r *Receipt) { r.ClosedAt = r.ClosedAt.Add(time.Second) },
		"salt":     func(r *Receipt) { r.Salt[0] ^= 1 },
		"index":    func(r *Receipt) { r.Index-- },
		"proof":    func(r *Receipt) { r.Proof = r.Proof[1:] },
		"tool":     func(r *Receipt) { r.Tool = "another" },
		"accession": func(r *Receipt) {
			r.Accession = archive.NewID(archive.PrefixAccession)
		},
		"count": func(r *Receipt) { r.Files.Count++; r.Tally.Received++; r.Tally.Found++ },
	} {
		fresh, _, err := ParseReceipt(text)
		if err != nil {
			t.Fatal(err)
		}
		change(&fresh)
		forged, err := fresh.Seal(h.signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyReceipt(forged, h.verifier); !errors.Is(err, ErrReceipt) {
			t.Errorf("%s altered and signed with the archive's own key: %v", name, err)
		}
		forged, err = fresh.Seal(signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := VerifyReceipt(forged, h.verifier); !errors.Is(err, ErrReceipt) {
			t.Errorf("%s altered and signed with another key: %v", name, err)
		}
	}
	same, err := r.Seal(h.signer)
	if err != nil || !bytes.Equal(same, text) {
		t.Error("sealing what was read gives other bytes")
	}
	// A checkpoint is no receipt, whatever stands around it.
	if _, err := VerifyReceipt(r.Checkpoint, h.verifier); err == nil {
		t.Error("a checkpoint passes as a receipt")
	}
}

// The text is golden: it is printed on paper and given to people.
func TestReceiptText(t *testing.T) {
	t.Parallel()
	r := Receipt{
		Vault: "va_00000000000000000000000001", Accession: "ac_00000000000000000000000001", Reference: "Z7", Tool: "zapis 1", OpenedAt: testTime, ClosedAt: testTime.Add(time.Hour),
		Tally: archive.Tally{Found: 6, Received: 2, Duplicates: 1, Skipped: 2, Failed: 1, Bytes: 1234}, Files: FileSet{Count: 3}, Index: 9,
		Checkpoint: []byte("zapis.example/x\n1\nAAAA\n\n— zapis.example/x BBBB\n"), Verifier: "zapis.example/x+00000000+AAAA",
	}
	text := r.Text()
	for _, want := range []string{
		"Accession              Z7  ac_00000000000000000000000001\n", "Closed                 2026-11-21 11:00:00 UTC\n", "Files held             3 (1 of them with bytes that were held already)\n",
		"Could not be read      1\n", "    — zapis.example/x BBBB\n", "zapis receipt verify FILE.json --key KEY",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the text lacks %q:\n%s", want, text)
		}
	}
}

func TestReadDigests(t *testing.T) {
	t.Parallel()
	d := strings.Repeat("ab", 32)
	for text, n := range map[string]int{"": 0, "\n\n": 0, d: 1, d + "\n" + strings.ToUpper(d) + "\n": 2, d + "  name\n" + d + " *name": 2, `\` + d + "  a\\nb\n": 1, d + "\r\n": 1} {
		got, err := ReadDigests(strings.NewReader(text))
		if err != nil || len(got) != n {
			t.Errorf("%q: %d digests, %v", text, len(got), err)
		}
	}
	for _, text := range []string{d[:63], d + "x", "name  " + d, strings.Repeat("g", 64)} {
		if _, err := ReadDigests(strings.NewReader(text)); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// A manifest that does not add up is not written: a gap, a line held without a digest, an unknown outcome.
func TestManifestWriterRefuses(t *testing.T) {
	t.Parallel()
	line := archive.Provenance{ID: "pr_x", Seq: 1, Outcome: archive.OutcomeReceived, Item: "it_x", Size: 3, FoundAt: testTime}
	digest := make([]byte, 32)
	for name, c := range map[string]struct {
		p      archive.Provenance
		digest []byte
	}{
		"gap":     {func() archive.Provenance { p := line; p.Seq = 2; return p }(), digest},
		"digest":  {line, nil},
		"item":    {func() archive.Provenance { p := line; p.Item = ""; return p }(), digest},
		"outcome": {func() archive.Provenance { p := line; p.Outcome = "lost"; return p }(), digest},
	} {
		m, err := newManifestWriter(&bytes.Buffer{}, "va_x", archive.Accession{ID: "ac_x", CreatedAt: testTime})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.add(c.p, []byte("{}"), c.digest); !errors.Is(err, archive.ErrIntegrity) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The form of the manifest is final.
func TestManifestBytes(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	m, err := newManifestWriter(&b, "va_v", archive.Accession{ID: "ac_a", Number: 3, CreatedAt: testTime})
	if err != nil {
		t.Fatal(err)
	}
	origin := encodeOrigin(archive.Origin{Root: []byte("/r"), Path: []byte("p\xff"), Name: `p\xff`, Mode: 0o100600, Inode: 1<<64 - 1, Links: 1, ModifiedAt: -1})
	sum := sha256.Sum256(nil)
	for _, p := range []archive.Provenance{
		{ID: "pr_1", Seq: 1, Outcome: archive.OutcomeReceived, Item: "it_1", FoundAt: testTime},
		{ID: "pr_2", Seq: 2, Outcome: archive.OutcomeFailed, Reason: ReasonChanged, FoundAt: testTime},
	} {
		var digest []byte
		if p.Item != "" {
			digest = sum[:]
		}
		if err := m.add(p, origin, digest); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := m.end(); err != nil {
		t.Fatal(err)
	}
	org := `{"changed_at":0,"device":"","gid":0,"inode":18446744073709551615,"links":1,"mode":33152,"modified_at":-1,"name":"p\\xff","owner":"","path":"cP8=","root":"L3I=","uid":0}`
	want := `{"accession":"ac_a","format":"zapis manifest","opened_at":"2026-11-21T10:00:00.000000Z","reference":"Z3","vault":"va_v","version":"1"}
{"found_at":"2026-11-21T10:00:00.000000Z","item":"it_1","origin":` + org + `,"outcome":"received","provenance":"pr_1","seq":"1","sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":"0"}
{"found_at":"2026-11-21T10:00:00.000000Z","origin":` + org + `,"outcome":"failed","provenance":"pr_2","reason":"changed","seq":"2"}
{"bytes":"0","duplicates":"0","end":"zapis manifest","failed":"1","found":"2","received":"1","skipped":"0"}
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte(`{"note":"","receipt":{}}`))
	f.Add([]byte(`{"note":"x","receipt":{"accession":"ac_00000000000000000000000001","closing":{"proof":["x"]}}}`))
	_, key, err := tlog.GenerateKey(rand.Reader, "zapis.example/fuzz")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := VerifyReceipt(text, key); err == nil {
			t.Fatal("a receipt that nobody signed passes")
		}
		r, _, err := ParseReceipt(text)
		if err == nil && r.Tally.Received+r.Tally.Duplicates != r.Files.Count {
			t.Fatal("counts that do not add up were read")
		}
	})
}
