package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"zapis/internal/commit"
)

// golden compares a value with a file of testdata, or writes it when ZAPIS_UPDATE is set.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	at := filepath.Join("testdata", name)
	if os.Getenv("ZAPIS_UPDATE") != "" {
		if err := os.WriteFile(at, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old, err := os.ReadFile(at); err != nil || !bytes.Equal(old, b.Bytes()) {
		t.Errorf("%s has drifted (ZAPIS_UPDATE=1 writes it): %v", name, err)
	}
}

// canonicalOK says whether p is one value of canonical JSON.
func canonicalOK(p []byte) bool {
	r := &reader{raw: p}
	r.skip(0)
	r.end()
	return r.err == nil
}

func TestCanonicalSpellings(t *testing.T) {
	t.Parallel()
	type spelling struct {
		Base64 string `json:"base64"`
		OK     bool   `json:"ok"`
		Why    string `json:"why"`
	}
	var list []spelling
	add := func(ok bool, why string, p ...string) {
		for _, s := range p {
			list = append(list, spelling{base64.StdEncoding.EncodeToString([]byte(s)), ok, why})
			if canonicalOK([]byte(s)) != ok {
				t.Errorf("%q (%s): want %v", s, why, ok)
			}
		}
	}
	add(true, "objects, arrays, strings", `{}`, `[]`, `""`, `{"a":"","b":[]}`, `[["x"],{},"y"]`)
	add(true, "the short escapes", `"\"\\\b\f\n\r\t"`)
	add(true, "the long escapes", `"\u0000\u0001\u0007\u000b\u000e\u0010\u001f"`)
	add(true, "every other character as itself", "\"/'<>&\x7f\u0080é—\u2028\u2029\ufeff\U0001f4f7\ufffd\"")
	add(true, "keys by their bytes", `{"":"","A":"","B":"","a":"","aa":"","b":""}`)
	add(false, "nothing, or only white space", ``, ` `)
	add(false, "white space", ` {}`, `{} `, "{}\n", `{ }`, `[ ]`, `{"a" :""}`, `{"a": ""}`, `{"a":"","b":"" }`, "[\t]", "\ufeff{}")
	add(false, "not closed, or closed wrongly", `{`, `[`, `"`, `{"a"`, `{"a":`, `{"a":""`, `[""`, `{]`, `[}`, `}`, `]`, `"a`, `"\"`)
	add(false, "commas", `{,}`, `[,]`, `["",]`, `[,""]`, `{"a":"",}`, `["" ""]`, `[""""]`, `{"a":"""b":""}`)
	add(false, "more than one value", `{}{}`, `[][]`, `"" ""`, `{},`, "{}\x00")
	add(false, "keys out of order or twice", `{"b":"","a":""}`, `{"a":"","a":""}`, `{"a":"","A":""}`, `{"aa":"","a":""}`)
	add(false, "numbers and words", `1`, `-1`, `1.0`, `true`, `false`, `null`, `[1]`, `{"a":null}`, `NaN`)
	add(false, "escapes that are not canonical", `"\/"`, `"\u0061"`, `"\u000A"`, `"\u000a"`, `"\u0008"`, `"\u0009"`, `"\u000c"`, `"\u000d"`, `"\u001F"`, `"\u0022"`, `"\u005c"`, `"\u007f"`,
		`"\u0080"`, `"\u00e9"`, `"\ud83d\udcf7"`, `"\ud800"`, `"\a"`, `"\v"`, `"\'"`, `"\x41"`, `"\u00"`, `"\u"`, `"\U0001f4f7"`, `"\u0020"`)
	add(false, "control characters as themselves", "\"\x00\"", "\"\n\"", "\"\t\"", "\"\x1f\"")
	add(false, "not UTF-8", "\"\xff\"", "\"\xc0\xaf\"", "\"\xe2\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\x80\"", "{\"\xff\":\"\"}")
	add(false, "other quotes", `'a'`, `{a:""}`, `{'a':''}`)
	golden(t, "canonical.json", list)
}

func TestNotes(t *testing.T) {
	t.Parallel()
	type noteVector struct {
		Key  string `json:"vkey"`
		Note string `json:"note"`
		OK   bool   `json:"ok"` // the first signature line is by the key and holds; the note is spelled as it has to be
		Time uint64 `json:"time"`
		Why  string `json:"why"`
	}
	type keyVector struct {
		Key     string `json:"vkey"`
		Witness bool   `json:"witness"` // algorithm 0x04 is asked for, else 0x01
		OK      bool   `json:"ok"`
		Why     string `json:"why"`
	}
	var vectors struct {
		Keys  []keyVector  `json:"keys"`
		Notes []noteVector `json:"notes"`
	}
	key := func(ok, witness bool, vkey, why string) {
		vectors.Keys = append(vectors.Keys, keyVector{vkey, witness, ok, why})
		if err := CheckVerifierKey(vkey, witness); (err == nil) != ok {
			t.Errorf("%s: %q: %v", why, vkey, err)
		}
	}
	made := func(name string, raw ...byte) string {
		sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
		return fmt.Sprintf("%s+%x+%s", name, sum[:4], base64.StdEncoding.EncodeToString(raw))
	}
	key(true, false, logVKey(0), "a key of a log")
	key(true, true, witnessVKey(0), "a key of a witness")
	key(false, true, logVKey(0), "a key of a log as that of a witness")
	key(false, false, witnessVKey(0), "a key of a witness as that of a log")
	key(false, false, "", "nothing")
	key(false, false, logVKey(0)+"\n", "a line feed behind it")
	key(false, false, " "+logVKey(0), "a space in front")
	key(false, false, replaced("+", "+0")(logVKey(0)), "nine digits")
	key(false, false, strings.Replace(logVKey(0), "77fdb556", "77FDB556", 1), "capitals in the number")
	key(false, false, strings.Replace(logVKey(0), "77fdb556", "77fdb557", 1), "another number")
	key(false, false, strings.Replace(logVKey(0), "example", "exemple", 1), "another name")
	key(false, false, strings.TrimPrefix(logVKey(0), testOrigin), "no name")
	pub := logKey(0).Public().(ed25519.PublicKey)
	key(false, false, made("a b", append([]byte{1}, pub...)...), "a space in the name")
	key(false, false, made("a\u00a0b", append([]byte{1}, pub...)...), "a no-break space in the name")
	key(false, false, made("a+b", append([]byte{1}, pub...)...), "a plus sign in the name")
	key(true, false, made("Архив", append([]byte{1}, pub...)...), "a name in Cyrillic")
	key(false, false, made("x", append([]byte{2}, pub...)...), "another algorithm")
	key(false, false, made("x", append([]byte{1}, pub[:31]...)...), "31 bytes")
	key(false, false, made("x", append([]byte{1, 0}, pub...)...), "33 bytes")
	for i, y := range smallOrder {
		for _, sign := range []byte{0, 0x80} {
			p := y
			p[31] |= sign
			key(false, false, made("x", append([]byte{1}, p[:]...)...), fmt.Sprintf("small order %d, sign %d", i, sign>>7))
		}
	}
	for _, first := range []byte{0xed, 0xee, 0xff} {
		p := append(append([]byte{first}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)
		key(false, false, made("x", append([]byte{1}, p...)...), "y not below 2^255-19")
	}

	text := "log.example/evidence\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	good := signNote(text, logVKey(0), logKey(0))
	cosigned := text + "\n" + cosignLine(text, 0, 1795306200)
	try := func(ok bool, at uint64, vkey, n, why string) {
		vectors.Notes = append(vectors.Notes, noteVector{vkey, n, ok, at, why})
		algorithm := byte(algorithmEd25519)
		if vkey != logVKey(0) {
			algorithm = algorithmCosignature
		}
		k, err := parseVerifierKey(vkey, algorithm)
		if err != nil {
			t.Fatal(err)
		}
		got := false
		if parsed, err := parseNote(n); err == nil {
			if algorithm == algorithmEd25519 {
				got = k.verify(parsed.text, parsed.lines[0])
			} else {
				when, holds := k.cosigned(parsed.text, parsed.lines[0])
				if got = holds; got && uint64(when.Unix()) != at {
					t.Errorf("%s: time %v", why, when)
				}
			}
		}
		if got != ok {
			t.Errorf("%s: %v", why, got)
		}
	}
	try(true, 0, logVKey(0), good, "a signed note")
	try(true, 0, logVKey(0), good+strings.SplitAfter(cosigned, "\n\n")[1], "and a cosignature behind it")
	try(true, 1795306200, witnessVKey(0), cosigned, "a cosignature")
	try(true, 1, witnessVKey(0), text+"\n"+cosignLine(text, 0, 1), "the earliest time")
	try(true, maxTime, witnessVKey(0), text+"\n"+cosignLine(text, 0, maxTime), "the latest time")
	try(false, 0, witnessVKey(0), text+"\n"+cosignLine(text, 0, 0), "time 0")
	try(false, 0, witnessVKey(0), text+"\n"+cosignLine(text, 0, maxTime+1), "after the year 9999")
	try(false, 0, witnessVKey(1), cosigned, "another witness")
	try(false, 0, witnessVKey(0), strings.Replace(cosigned, "\n3\n", "\n4\n", 1), "another text")
	try(false, 0, logVKey(0), strings.Replace(good, "\n3\n", "\n4\n", 1), "another text")
	try(false, 0, logVKey(0), strings.TrimSuffix(good, "\n"), "no line feed at the end")
	try(false, 0, logVKey(0), good+"\n", "an empty line at the end")
	try(false, 0, logVKey(0), strings.Replace(good, "\n\n", "\n", 1), "no empty line")
	try(false, 0, logVKey(0), strings.Replace(good, "\n3", "\r\n3", 1), "a carriage return")
	try(false, 0, logVKey(0), strings.Replace(good, "— ", "—", 1), "no space behind the dash")
	try(false, 0, logVKey(0), strings.Replace(good, "— ", "- ", 1), "a hyphen")
	try(false, 0, logVKey(0), "", "nothing")
	try(false, 0, logVKey(0), "\n\n", "nothing, and an empty line")
	try(false, 0, logVKey(0), text, "no signatures")
	try(false, 0, logVKey(0), text+"\n", "no signatures behind the empty line")
	_, l := noteLines(good)
	try(false, 0, logVKey(0), joinNote(text, editSignature(l[0], plusOrder)), "S plus the order of the group")
	try(false, 0, logVKey(0), joinNote(text, editSignature(l[0], func([]byte) []byte { return make([]byte, 64) })), "a signature of zeros")
	try(false, 0, logVKey(0), joinNote(text, editSignature(l[0], func([]byte) []byte { return append([]byte{1}, make([]byte, 63)...) })), "R the neutral point, S zero")
	try(false, 0, logVKey(0), joinNote(text, loose(strings.TrimSpace(l[0]))), "loose bits")
	golden(t, "notes.json", vectors)
}

func TestVeiledProofs(t *testing.T) {
	t.Parallel()
	type veiledVector struct {
		Depth  int      `json:"depth"`
		Root   string   `json:"root"`   // hexadecimal
		Places []int64  `json:"places"` // ascending
		Data   []string `json:"data"`   // of these places, hexadecimal
		Proof  string   `json:"proof"`  // base64
		OK     bool     `json:"ok"`
		Why    string   `json:"why"`
	}
	var vectors []veiledVector
	check := func(ok bool, depth int, root Hash, places []place, proof []Hash, why string) {
		v := veiledVector{Depth: depth, Root: hex.EncodeToString(root[:]), OK: ok, Why: why}
		var p []byte
		for i := range proof {
			p = append(p, proof[i][:]...)
		}
		v.Proof = base64.StdEncoding.EncodeToString(p)
		for _, pl := range places {
			v.Places, v.Data = append(v.Places, pl.at), append(v.Data, hex.EncodeToString(pl.data[:]))
		}
		vectors = append(vectors, v)
		if err := fold(depth, root, places, proof); (err == nil) != ok {
			t.Errorf("%s: %v", why, err)
		}
	}
	data := make([]Hash, 37)
	for i := range data {
		data[i] = h("veiled", i)
	}
	veil := h("veil")
	at := func(places ...int64) (out []place) {
		for _, p := range places {
			out = append(out, place{p, data[p]})
		}
		return out
	}
	for _, depth := range []int{commit.StatementDepth, commit.SegmentDepth, commit.CustodyDepth} {
		root := veiledRoot(depth, data, veil)
		for _, places := range [][]int64{{0}, {36}, {0, 1}, {0, 36}, {3, 4, 5, 20}, {0, 1, 2, 3, 4, 5, 6, 7}} {
			check(true, depth, root, at(places...), veiledProof(depth, data, veil, places...), "holds")
		}
	}
	const depth = commit.StatementDepth
	root, proof := veiledRoot(depth, data, veil), veiledProof(depth, data, veil, 3, 20)
	check(true, depth, veiledRoot(depth, data[:1], veil), []place{{0, data[0]}}, veiledProof(depth, data[:1], veil, 0), "one place filled")
	check(false, depth, flipped(root), at(3, 20), proof, "another root")
	check(false, depth, root, at(3), proof, "a place left out")
	check(false, depth, root, at(3, 21), proof, "another place")
	check(false, depth, root, []place{{3, data[20]}, {20, data[3]}}, proof, "the data of two places swapped")
	check(false, depth, root, at(20, 3), proof, "places out of order")
	check(false, depth, root, at(3, 3, 20), proof, "a place twice")
	check(false, depth, root, at(3, 20), proof[1:], "a hash missing in front")
	check(false, depth, root, at(3, 20), proof[:len(proof)-1], "a hash missing at the end")
	check(false, depth, root, at(3, 20), append(bytesOf(proof), h("more")), "a hash too many")
	check(false, depth, root, nil, []Hash{root}, "no places: the root proves nothing")
	check(false, depth, root, []place{{1 << depth, data[0]}}, veiledProof(depth, data, veil, 0), "a place outside the tree")
	check(false, depth+1, root, at(3, 20), proof, "another depth")
	// A tree in which the last hash of the proof is zero: leaving it out is not the same.
	zero := append(bytesOf(proof[:len(proof)-1]), Hash{})
	f := folder{proof: zero}
	zeroRoot := f.fold(depth, 0, at(3, 20))
	check(true, depth, zeroRoot, at(3, 20), zero, "the last hash is zero")
	check(false, depth, zeroRoot, at(3, 20), zero[:len(zero)-1], "the last hash is zero and left out")
	golden(t, "veiled.json", vectors)
}

func bytesOf(p []Hash) []Hash { return append([]Hash{}, p...) }

// Proofs of every size up to 70 hold, and with one bit changed, one hash more or less, or another place they do not.
func TestTreeProofs(t *testing.T) {
	t.Parallel()
	data := make([]Hash, 70)
	for i := range data {
		data[i] = h("tree", i)
	}
	for n := 1; n <= len(data); n++ {
		root := rootOf(data[:n])
		for i := range n {
			proof, leaf := inclusionOf(data[:n], i), leafHash(data[i][:])
			if err := included(root, int64(n), int64(i), leaf, proof); err != nil {
				t.Fatalf("leaf %d of %d: %v", i, n, err)
			}
			for j := range proof {
				bad := bytesOf(proof)
				bad[j] = flipped(bad[j])
				if included(root, int64(n), int64(i), leaf, bad) == nil {
					t.Fatalf("leaf %d of %d with hash %d changed", i, n, j)
				}
			}
			if included(root, int64(n), int64(i), leaf, append(bytesOf(proof), h("more"))) == nil ||
				len(proof) > 0 && included(root, int64(n), int64(i), leaf, proof[:len(proof)-1]) == nil ||
				included(root, int64(n), int64(i+1)%int64(n), leaf, proof) == nil && n > 1 ||
				included(root, int64(n), int64(n), leaf, proof) == nil || included(root, int64(n), -1, leaf, proof) == nil {
				t.Fatalf("leaf %d of %d with another proof or place", i, n)
			}
		}
		for first := 1; first < n; first++ {
			before, proof := rootOf(data[:first]), consistencyOf(data[:n], int64(first), int64(n))
			if err := consistent(int64(first), int64(n), before, root, proof); err != nil {
				t.Fatalf("%d within %d: %v", first, n, err)
			}
			for j := range proof {
				bad := bytesOf(proof)
				bad[j] = flipped(bad[j])
				if consistent(int64(first), int64(n), before, root, bad) == nil {
					t.Fatalf("%d within %d with hash %d changed", first, n, j)
				}
			}
			if consistent(int64(first), int64(n), flipped(before), root, proof) == nil || consistent(int64(first), int64(n), before, flipped(root), proof) == nil ||
				consistent(int64(first), int64(n), before, root, proof[:len(proof)-1]) == nil || consistent(int64(first), int64(n), before, root, append(bytesOf(proof), h("more"))) == nil {
				t.Fatalf("%d within %d with another root or proof", first, n)
			}
		}
	}
	if consistent(0, 5, h("any"), rootOf(data[:5]), nil) == nil || consistent(5, 5, rootOf(data[:5]), rootOf(data[:5]), nil) == nil ||
		consistent(6, 5, rootOf(data[:6]), rootOf(data[:5]), nil) == nil {
		t.Error("sizes that do not grow")
	}
}

// Whatever a writer puts into strings, it is read back, and there is one spelling of it.
func TestStringsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOf(rapid.OneOf(rapid.Rune(), rapid.RuneFrom([]rune("\"\\\b\f\n\r\t\x00\x1f\x7f/\u2028é")))).Draw(t, "s")
		w := &writer{}
		w.string(s)
		r := &reader{raw: w.out}
		if got := r.string(); r.err != nil || r.at != len(w.out) || got != s {
			t.Fatalf("%q came back as %q: %v", s, got, r.err)
		}
	})
}

// A bundle that was read is written as the same bytes.
func TestBundlesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range accepted() {
		b, note, err := Parse(v.raw)
		if err != nil {
			t.Fatalf("%s: %v", v.File, err)
		}
		again, err := Encode(b, note)
		if err != nil || !bytes.Equal(again, v.raw) {
			t.Errorf("%s: other bytes: %v", v.File, err)
		}
	}
}

// A writer cannot make what a reader refuses.
func TestEncodeRefusesWhatParseRefuses(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*Bundle){
		"no keys":              func(b *Bundle) { b.Log.Keys = nil },
		"not UTF-8":            func(b *Bundle) { b.Log.Origin = "\xff" },
		"negative":             func(b *Bundle) { b.Ticks[0].Index = -1 },
		"2^53":                 func(b *Bundle) { b.Ticks[0].Index = maxNumber + 1 },
		"another kind":         func(b *Bundle) { b.Kind = KindItem },
		"an unknown kind":      func(b *Bundle) { b.Kind = "x" },
		"no opening":           func(b *Bundle) { b.Clip = nil },
		"an empty statement":   func(b *Bundle) { b.Statements[1].Clip = nil },
		"a date that is none":  func(b *Bundle) { b.Statements[0].Scope.SealedOn = "tomorrow" },
		"a tick out of bounds": func(b *Bundle) { b.Statements[1].Tick = 2 },
	} {
		b, note, err := Parse(smallClip().build())
		if err != nil {
			t.Fatal(err)
		}
		f(&b)
		if _, err := Encode(b, note); err == nil {
			t.Errorf("%s was written", name)
		}
	}
	b, _, err := Parse(smallClip().build())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Encode(b, strings.Repeat("x", maxBundle)); err == nil {
		t.Error("more than 16 MiB were written")
	}
	if _, _, err := Parse(make([]byte, maxBundle+1)); err == nil {
		t.Error("more than 16 MiB were read")
	}
}
