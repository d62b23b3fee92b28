package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A vector is one line of testdata/index.json, of which docs/design/proof-bundle.md says what it means.
type vector struct {
	File    string        `json:"file"`
	Options vectorOptions `json:"options"`
	OK      bool          `json:"ok"`
	Failed  string        `json:"failed"`
	States  [][2]string   `json:"states"`
	Why     string        `json:"why"`

	raw []byte
}

type vectorOptions struct {
	Keys      []string `json:"keys"`
	Witnesses []string `json:"witnesses"`
	Quorum    int      `json:"quorum"`
	Roots     string   `json:"roots"`
	File      string   `json:"file"`
}

func (o vectorOptions) options(t testing.TB) Options {
	t.Helper()
	out := Options{Keys: o.Keys, Witnesses: o.Witnesses, Quorum: o.Quorum}
	if o.Roots != "" {
		out.Roots = x509.NewCertPool()
		if !out.Roots.AppendCertsFromPEM(readTestdata(t, o.Roots)) {
			t.Fatalf("%s has no certificates", o.Roots)
		}
	}
	if o.File != "" {
		out.File = bytes.NewReader(readTestdata(t, o.File))
	}
	return out
}

func readTestdata(t testing.TB, name string) []byte {
	t.Helper()
	p, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// change edits a plan.
type change func(*plan)

// replaced gives an edit of a text in which old stands exactly once, or is cut to its first place with first.
func replaced(old, new string) func(string) string {
	return func(s string) string {
		if !strings.Contains(s, old) {
			panic("vector: nothing to replace: " + old)
		}
		return strings.Replace(s, old, new, 1)
	}
}

func text(old, new string) change            { return func(p *plan) { p.text = replaced(old, new) } }
func file(old, new string) change            { return func(p *plan) { p.file = replaced(old, new) } }
func onBundle(f func(*Bundle)) change        { return func(p *plan) { p.bundle = f } }
func onScope(f func(*ScopeStatement)) change { return func(p *plan) { p.scope = f } }
func onClip(f func(*ClipStatement)) change   { return func(p *plan) { p.clip = f } }
func onOpening(f func(*Bundle)) change       { return func(p *plan) { p.opening = f } }
func onEvent(old, new string) change         { return func(p *plan) { p.event = replaced(old, new) } }

// onNote edits the whole note of a checkpoint after it was signed.
func onNote(i int, f func(note string) string) change {
	return onBundle(func(b *Bundle) { b.Checkpoints[i].Note = f(b.Checkpoints[i].Note) })
}

// onCheckpoint edits the text of the last checkpoint before it is signed.
func onCheckpoint(f func(string) string) change {
	return func(p *plan) {
		p.note = func(i int, s string) string {
			if i == len(p.sizes)-1 {
				return f(s)
			}
			return s
		}
	}
}

func flipped(h Hash) Hash { h[7] ^= 0x10; return h }

// noteLines cuts a note into its text and its signature lines.
func noteLines(note string) (string, []string) {
	at := strings.LastIndex(note, "\n\n") + 1
	return note[:at], strings.SplitAfter(strings.TrimSuffix(note[at+1:], "\n"), "\n")
}

func joinNote(body string, lines ...string) string {
	out := body + "\n"
	for _, l := range lines {
		out += strings.TrimSuffix(l, "\n") + "\n"
	}
	return out
}

// editSignature changes the bytes behind the key number of a line.
func editSignature(line string, f func([]byte) []byte) string {
	at := strings.LastIndex(line, " ") + 1
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line[at:]))
	if err != nil {
		panic(err)
	}
	return line[:at] + base64.StdEncoding.EncodeToString(append(slices.Clone(raw[:4]), f(slices.Clone(raw[4:]))...)) + "\n"
}

// loose gives the same bytes in base64 with loose bits at the end; s ends in one padding sign.
func loose(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	pad := len(s) - len(strings.TrimRight(s, "="))
	if pad == 0 {
		panic("vector: no padding")
	}
	at := len(s) - pad - 1
	return s[:at] + string(alphabet[strings.IndexByte(alphabet, s[at])+1]) + s[at+1:]
}

// plusOrder adds the order of the group to S of an Ed25519 signature, which a careless verifier takes as the same.
func plusOrder(sig []byte) []byte {
	order := []byte{0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10}
	s, carry := sig[len(sig)-32:], 0
	for i := range s {
		sum := int(s[i]) + int(order[i]) + carry
		s[i], carry = byte(sum), sum>>8
	}
	return sig
}

func foreignKey() ed25519.PrivateKey { return logKey(99) }

// ots makes a detached OpenTimestamps proof over digest: a nonce, SHA-256, and one end.
func ots(digest Hash, end string) []byte {
	out := []byte("\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08")
	out = append(out, digest[:]...)
	nonce := h("nonce")
	out = append(append(out, 0xf0, 16), nonce[:16]...)
	return append(append(out, 0x08), end...)
}

const (
	otsPendingEnd = "\x00\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e\x16\x15https://cal.example/a"
	otsBitcoinEnd = "\x00\x05\x88\x96\x0d\x73\xd7\x19\x01\x03\xc0\xcf\x33" // height 845760
)

func otsStamps(end string) func(int, string) []StampToken {
	return func(_ int, text string) []StampToken {
		return []StampToken{{Kind: KindOpenTimestamps, Token: ots(sha256.Sum256([]byte(text)), end)}}
	}
}

func rotation() plan {
	p := smallScope()
	p.since, p.sizes, p.scopeTick = []int64{0, 3, 7}, []int64{2, 5, 9}, 1
	p.cosigned = [][]int{{0, 1}, {0, 1}, {1}}
	return p
}

func secondClip() plan {
	p := smallClip()
	p.clip = func(c *ClipStatement) {
		before := h("clip before")
		c.Number, c.Previous, c.ReleasedMS, c.Masks = 2, &before, 9000, []Hash{h("mask 1"), h("mask 0")}
	}
	return p
}

// stillBytes is another file of the rendering of a clip.
var stillBytes = []byte("not really a still, either\n")

// withFiles names other files of the rendering.
func withFiles() plan {
	p := smallClip()
	p.clip = func(c *ClipStatement) {
		c.Files = []NamedFile{{Bytes: int64(len(stillBytes)), SHA256: sha256.Sum256(stillBytes)}, {Bytes: 7, SHA256: h("smaller")}}
		slices.SortFunc(c.Files, func(a, b NamedFile) int { return bytes.Compare(a.SHA256[:], b.SHA256[:]) })
	}
	return p
}

// oneTick has scope and clip in the same tick, and one checkpoint without witnesses.
func oneTick() plan {
	p := smallClip()
	p.clipTick, p.sizes, p.witnesses, p.cosigned = 1, []int64{2}, 0, nil
	return p
}

// twoNames has one witness key under two names.
func twoNames() plan {
	p := smallScope()
	p.sizes, p.witnesses, p.cosigned = []int64{3}, 0, nil
	p.bundle = func(b *Bundle) {
		body, lines := noteLines(b.Checkpoints[0].Note)
		for _, name := range []string{"one.example", "two.example"} {
			vkey := VerifierKey(name, witnessKey(0).Public().(ed25519.PublicKey), true)
			b.Log.Witnesses = append(b.Log.Witnesses, vkey)
			at := strings.LastIndex(cosignLine(body, 0, 1795306200), " ") + 1
			raw, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(cosignLine(body, 0, 1795306200)[at:]))
			lines = append(lines, signatureOf(vkey, raw[4:]))
		}
		b.Checkpoints[0].Note = joinNote(body, lines...)
	}
	return p
}

func allKeys(n int) (out []string) {
	for i := range n {
		out = append(out, witnessVKey(i))
	}
	return out
}

// accepted are the bundles that hold.
func accepted() []vector {
	log0 := []string{logVKey(0)}
	v := func(name, why string, p plan, o vectorOptions) vector {
		return vector{File: name + ".json", Why: why, Options: o, OK: true, raw: p.build()}
	}
	with := func(p plan, c change) plan { c(&p); return p }
	return []vector{
		v("scope", "a scope over three accessions, two checkpoints", with(fullClip(), func(p *plan) { p.kind = KindScope }), vectorOptions{Keys: log0}),
		v("scope-small", "one accession, nothing given from elsewhere", smallScope(), vectorOptions{}),
		v("clip", "3 sources, 20 segments, 2 ticks, 2 checkpoints, 3 witnesses; 2 of those 3 are wanted, and the file is there", fullClip(),
			vectorOptions{Keys: log0, Witnesses: []string{witnessVKey(2), witnessVKey(0)}, Quorum: 2, File: "clip.bin"}),
		v("clip-alone", "the same kind, nothing given from elsewhere, no file", smallClip(), vectorOptions{}),
		v("clip-second", "the second clip of a scope, with masks", secondClip(), vectorOptions{Keys: log0, Witnesses: allKeys(2), File: "clip.bin"}),
		v("clip-files", "a clip that names two other files of its rendering; the file is the smaller one", withFiles(), vectorOptions{Keys: log0, File: "still.bin"}),
		v("clip-files-clip", "the same; the file is the clip itself", withFiles(), vectorOptions{Keys: log0, File: "clip.bin"}),
		v("clip-one-tick", "scope and clip in one tick, no witnesses", oneTick(), vectorOptions{File: "clip.bin"}),
		v("clip-slack", "the clip is 2,000 ms longer than its cut", with(smallClip(), onClip(func(c *ClipStatement) { c.Milliseconds = 6000 })), vectorOptions{}),
		v("clip-slack-short", "the clip is 2,000 ms shorter than its cut", with(smallClip(), onClip(func(c *ClipStatement) { c.Milliseconds = 2000 })), vectorOptions{}),
		v("item", "one item, no segments, with the file", smallItem(), vectorOptions{Keys: log0, Witnesses: allKeys(2), Quorum: 1, File: "item.bin"}),
		v("item-segments", "four segments, the last one shorter", segmentedItem(), vectorOptions{}),
		v("item-empty", "an item of no bytes has one segment of length 0", with(smallItem(), func(p *plan) {
			p.item, p.opened = newEntryOf("empty", nil), []int64{0}
		}), vectorOptions{File: "empty.bin"}),
		v("rotation", "three keys; a key of the middle is given", rotation(), vectorOptions{Keys: []string{logVKey(1)}, Witnesses: []string{witnessVKey(1)}}),
		v("rotation-two-keys", "three keys; first and last are given", rotation(), vectorOptions{Keys: []string{logVKey(0), logVKey(2)}}),
		v("two-names", "one witness under two names counts once, and once is enough", twoNames(), vectorOptions{Witnesses: []string{twoNamesKey("one.example")}}),
		v("ots-pending", "OpenTimestamps: a calendar's word", with(smallScope(), func(p *plan) { p.stamps = otsStamps(otsPendingEnd) }), vectorOptions{}),
		v("ots-bitcoin", "OpenTimestamps: a block, without headers", with(smallScope(), func(p *plan) { p.stamps = otsStamps(otsBitcoinEnd) }), vectorOptions{}),
		v("stamped", "tokens by two authorities, one root given for both", with(smallScope(), func(p *plan) { p.stamps = tokens }), vectorOptions{Roots: "stamps/root.pem"}),
		v("stamped-open", "the same, no root given", with(smallScope(), func(p *plan) { p.stamps = tokens }), vectorOptions{}),
	}
}

func twoNamesKey(name string) string {
	return VerifierKey(name, witnessKey(0).Public().(ed25519.PublicKey), true)
}

// tokens gives the stored tokens over a checkpoint of smallScope; testdata/stamps/make.sh made them.
func tokens(i int, text string) (out []StampToken) {
	n := []int{3, 5}[i]
	name := fmt.Sprintf("testdata/stamps/%d.txt", n)
	if old, err := os.ReadFile(name); err != nil || string(old) != text {
		if os.Getenv("ZAPIS_UPDATE") == "" {
			panic("the text of a stamped checkpoint has changed: " + name)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
	for _, a := range []string{"rsa", "ec"} {
		token, err := os.ReadFile(fmt.Sprintf("testdata/stamps/%d-%s.der", n, a))
		if err != nil && os.Getenv("ZAPIS_UPDATE") == "" {
			panic(err)
		}
		out = append(out, StampToken{Kind: KindRFC3161, Token: token})
	}
	return out
}

func encode(p []byte) string { return base64.StdEncoding.EncodeToString(p) }

// refused are bundles that fail in one step; unless the step is about the note around the bundle, that note is right.
func refused() []vector {
	var out []vector
	counts := map[string]int{}
	add := func(step, why string, p plan, o vectorOptions, changes ...change) {
		for _, c := range changes {
			c(&p)
		}
		counts[step]++
		out = append(out, vector{File: fmt.Sprintf("refuse-%s-%02d.json", step, counts[step]), Options: o, Failed: step, Why: why, raw: p.build()})
	}
	none := vectorOptions{}

	// format: canonical JSON.
	f := func(why string, p plan, c ...change) { add(StepFormat, why, p, none, c...) }
	f("white space after the bundle's first brace", smallScope(), text(`{"checkpoints"`, `{ "checkpoints"`))
	f("white space after a colon", smallScope(), text(`"version":`, `"version": `))
	f("a line feed after the end", smallScope(), func(p *plan) { p.file = func(s string) string { return s + "\n" } })
	f("another object after the end", smallScope(), func(p *plan) { p.file = func(s string) string { return s + "{}" } })
	f("cut short by one byte", smallScope(), func(p *plan) { p.file = func(s string) string { return s[:len(s)-1] } })
	f("a byte order mark", smallScope(), func(p *plan) { p.file = func(s string) string { return "\ufeff" + s } })
	f("empty", smallScope(), func(p *plan) { p.file = func(string) string { return "" } })
	f("an array instead of an object", smallScope(), func(p *plan) { p.file = func(s string) string { return "[" + s + "]" } })
	f("keys out of order", smallScope(), text(`"format":"zapis proof","kind":"scope"`, `"kind":"scope","format":"zapis proof"`))
	f("a key twice", smallScope(), text(`"kind":"scope"`, `"kind":"scope","kind":"scope"`))
	f("an unknown key in the bundle", smallScope(), text(`"ticks":`, `"thing":"x","ticks":`))
	f("an unknown key in a tick", smallScope(), text(`"index":`, `"extra":"","index":`))
	f("an unknown key beside the bundle", smallScope(), file(`,"note":"zapis`, `,"nota":"","note":"zapis`))
	f("a missing key", smallScope(), text(`,"version":"1"}`, `}`))
	f("a letter escaped that stands for itself", smallScope(), text(`"zapis proof"`, `"zapis \u0070roof"`))
	f("a slash escaped", smallScope(), text(`"origin":"log.example/evidence"`, `"origin":"log.example\/evidence"`))
	f("a line feed as \\u000a", smallScope(), text(`\n`, `\u000a`))
	f("a character above U+007F escaped", smallScope(), text(`\n— log`, `\n\u2014 log`))
	f("a raw line feed in a string", smallScope(), text(`\n`, "\n"))
	f("bytes that are not UTF-8", smallScope(), text(`\n— log`, "\\n\xff\x94 log"))
	f("a surrogate in UTF-8", smallScope(), text(`\n— log`, "\\n\xed\xa0\x80 log"))
	f("a number instead of a string", smallScope(), text(`"index":"1"`, `"index":1`))
	f("null instead of a string", smallScope(), text(`"version":"1"`, `"version":null`))
	// format: forms of values.
	f("version 2", smallScope(), text(`"version":"1"}`, `"version":"2"}`))
	f("another format", smallScope(), text(`"zapis proof"`, `"zapis prove"`))
	f("an unknown kind", smallScope(), text(`"kind":"scope"`, `"kind":"thing"`))
	f("the opening of another kind", smallScope(), text(`"kind":"scope"`, `"kind":"item"`))
	f("a leading zero", smallScope(), text(`"index":"1"`, `"index":"01"`))
	f("a sign", smallScope(), text(`"index":"1"`, `"index":"+1"`))
	f("an empty number", smallScope(), text(`"index":"1"`, `"index":""`))
	f("2^53", smallScope(), text(`"index":"1"`, `"index":"9007199254740992"`))
	f("upper-case hexadecimal", smallScope(), func(p *plan) {
		p.text = func(s string) string {
			at := strings.Index(s, `"custody":"`) + len(`"custody":"`)
			return s[:at] + strings.ToUpper(s[at:at+64]) + s[at+64:]
		}
	})
	f("hexadecimal of 31 bytes", smallScope(), func(p *plan) {
		p.text = func(s string) string {
			at := strings.Index(s, `"custody":"`) + len(`"custody":"`)
			return s[:at] + s[at+2:]
		}
	})
	f("base64 with loose bits", smallScope(), func(p *plan) {
		p.text = func(s string) string {
			at := strings.Index(s, `"proof":"`) + len(`"proof":"`)
			end := at + strings.IndexByte(s[at:], '"')
			return s[:at] + loose(s[at:end]) + s[end:]
		}
	})
	f("base64 without padding", smallScope(), func(p *plan) {
		p.text = func(s string) string {
			at := strings.Index(s, `"proof":"`) + len(`"proof":"`)
			end := at + strings.IndexByte(s[at:], '"')
			return s[:at] + strings.TrimRight(s[at:end], "=") + s[end:]
		}
	})
	f("base64 with a line feed inside", smallScope(), text(`"proof":"`, `"proof":"\n`))
	f("a proof of 33 bytes", smallScope(), text(`"consistency":"`, `"consistency":"AAAA`))
	f("a day that is not in the calendar", smallScope(), onScope(func(s *ScopeStatement) { s.SealedOn = "2026-02-29" }))
	f("a date in another form", smallScope(), onScope(func(s *ScopeStatement) { s.SealedOn = "2026-2-9" }))
	// format: limits, orders, places.
	f("no checkpoints", smallScope(), onBundle(func(b *Bundle) { b.Checkpoints = nil }))
	f("17 checkpoints", smallScope(), func(p *plan) {
		p.sizes, p.cosigned = nil, nil
		for i := range int64(17) {
			p.sizes = append(p.sizes, i+2)
		}
	})
	f("no ticks", smallScope(), onBundle(func(b *Bundle) { b.Ticks = nil }))
	f("a tick that nothing names", smallScope(), onBundle(func(b *Bundle) { b.Ticks = append(b.Ticks, b.Ticks[0]); b.Ticks[1].Index = 2 }))
	f("ticks out of order", smallClip(), onBundle(func(b *Bundle) {
		b.Ticks[0], b.Ticks[1] = b.Ticks[1], b.Ticks[0]
		b.Statements[0].Tick, b.Statements[1].Tick = 1, 0
	}))
	f("the same tick twice", oneTick(), onBundle(func(b *Bundle) { b.Ticks = append(b.Ticks, b.Ticks[0]); b.Statements[1].Tick = 1 }))
	f("a statement in a tick that is not there", smallScope(), onBundle(func(b *Bundle) { b.Statements[0].Tick = 1 }))
	f("a tick in a checkpoint that is not there", smallScope(), onBundle(func(b *Bundle) { b.Ticks[0].Checkpoint = 2 }))
	f("a consistency proof at the first checkpoint", smallScope(), onBundle(func(b *Bundle) { b.Checkpoints[0].Consistency = []Hash{{}} }))
	f("no statement in a scope", smallScope(), onBundle(func(b *Bundle) { b.Statements = nil }))
	f("one statement in a clip", smallClip(), onBundle(func(b *Bundle) { b.Statements = b.Statements[:1] }))
	f("the statements of a clip the wrong way round", smallClip(), onBundle(func(b *Bundle) { slices.Reverse(b.Statements) }))
	f("a statement in an item", smallItem(), text(`"statements":[]`, `"statements":["x"]`))
	f("a place beyond the tree of statements", smallScope(), onBundle(func(b *Bundle) { b.Statements[0].Place = 1 << 16 }))
	f("a place beyond the custody record", smallItem(), onBundle(func(b *Bundle) { b.Item.Place = 1 << 40 }))
	f("a segment beyond the tree", smallClip(), onClip(func(c *ClipStatement) { c.Sources[0].Segments[1].Index = 1 << 24 }))
	f("more totals than accessions", smallScope(), onBundle(func(b *Bundle) { b.Scope.Totals = append(b.Scope.Totals, nil) }))
	f("more totals than accessions, of a clip", smallClip(), onBundle(func(b *Bundle) { b.Clip.Totals = append(b.Clip.Totals, nil) }))
	f("more openings than sources", smallClip(), onBundle(func(b *Bundle) { b.Clip.Sources = append(b.Clip.Sources, b.Clip.Sources[0]) }))
	f("an accession twice", smallScope(), onScope(func(s *ScopeStatement) {
		s.Accessions = append(s.Accessions, s.Accessions[0])
		s.Files, s.Bytes, s.Milliseconds, s.Unmeasured = 2*s.Files, 2*s.Bytes, 2*s.Milliseconds, 2*s.Unmeasured
	}), onOpening(func(b *Bundle) { b.Scope.Totals = append(b.Scope.Totals, b.Scope.Totals[0]) }))
	f("accessions out of order", func() plan { p := fullClip(); p.kind = KindScope; return p }(), onScope(func(s *ScopeStatement) { slices.Reverse(s.Accessions) }),
		onOpening(func(b *Bundle) { slices.Reverse(b.Scope.Totals) }))
	f("no accessions", smallScope(), onScope(func(s *ScopeStatement) { *s = ScopeStatement{Origin: s.Origin, SealedOn: s.SealedOn} }),
		onOpening(func(b *Bundle) { b.Scope.Totals = nil }))
	f("a cut that ends where it begins", smallClip(), onClip(func(c *ClipStatement) { c.Cuts[0].ToMS = c.Cuts[0].FromMS }))
	f("a cut from a source that is not there", smallClip(), onClip(func(c *ClipStatement) { c.Cuts[0].Source = 1 }))
	f("a source that no cut uses", smallClip(), func(p *plan) { p.sources = append(p.sources, source{0, 2, []int64{1}}) },
		onClip(func(c *ClipStatement) { c.Cuts = c.Cuts[:1]; c.ReleasedMS, c.Milliseconds = 4000, 4040 }))
	f("no cuts", smallClip(), onClip(func(c *ClipStatement) { c.Cuts = nil }))
	f("257 cuts", smallClip(), onClip(func(c *ClipStatement) {
		c.Cuts, c.ReleasedMS, c.Milliseconds = nil, 257, 257
		for range 257 {
			c.Cuts = append(c.Cuts, Cut{0, 0, 1})
		}
	}))
	f("no segments of a source", smallClip(), onClip(func(c *ClipStatement) { c.Sources[0].Segments = nil }))
	f("a segment twice", smallClip(), onClip(func(c *ClipStatement) {
		c.Sources[0].Segments = append(c.Sources[0].Segments, c.Sources[0].Segments[1])
	}))
	f("segments out of order", smallClip(), onClip(func(c *ClipStatement) { slices.Reverse(c.Sources[0].Segments) }))
	f("opened segments out of order", segmentedItem(), onBundle(func(b *Bundle) { slices.Reverse(b.Item.Segments) }))
	f("number 0", smallClip(), onClip(func(c *ClipStatement) { c.Number = 0 }))
	f("a first clip with one before it", smallClip(), onClip(func(c *ClipStatement) { x := h("x"); c.Previous = &x }))
	f("a second clip with none before it", smallClip(), onClip(func(c *ClipStatement) { c.Number = 2 }))
	f("a proof of no segments", smallItem(), onBundle(func(b *Bundle) { b.Item.SegmentsProof = []Hash{{}} }))
	f("a segment longer than segments are", segmentedItem(), onBundle(func(b *Bundle) { b.Item.Segments[0].Length = SegmentSize + 1 }))
	f("an unknown kind of stamp", smallScope(), func(p *plan) {
		p.stamps = func(int, string) []StampToken { return []StampToken{{Kind: "sundial", Token: []byte("noon")}} }
	})
	f("witnesses out of order", smallScope(), onBundle(func(b *Bundle) { slices.Reverse(b.Log.Witnesses) }))
	f("a witness twice", smallScope(), onBundle(func(b *Bundle) { b.Log.Witnesses = append(b.Log.Witnesses, b.Log.Witnesses[1]) }))
	f("257 witnesses", smallScope(), onBundle(func(b *Bundle) {
		for i := range 255 {
			b.Log.Witnesses = append(b.Log.Witnesses, fmt.Sprintf("x%03d", i))
		}
	}))
	f("17 stamps", smallScope(), func(p *plan) {
		p.stamps = func(i int, text string) (out []StampToken) {
			for range 17 {
				out = append(out, otsStamps(otsPendingEnd)(i, text)...)
			}
			return out
		}
	})
	f("no keys", smallScope(), onBundle(func(b *Bundle) { b.Log.Keys = nil }))
	f("33 keys", smallScope(), func(p *plan) { p.since = make([]int64, 33) })
	named := withFiles()
	more := func(edit func(*ClipStatement)) change {
		return onClip(func(c *ClipStatement) { named.clip(c); edit(c) })
	}
	f("files of a rendering out of order", named, more(func(c *ClipStatement) { slices.Reverse(c.Files) }))
	f("a file of a rendering twice", named, more(func(c *ClipStatement) { c.Files[1].SHA256 = c.Files[0].SHA256 }))
	f("the clip among the other files", named, more(func(c *ClipStatement) {
		c.Files = []NamedFile{{Bytes: c.Bytes, SHA256: c.SHA256}}
	}))
	f("65 files of a rendering", named, more(func(c *ClipStatement) {
		c.Files = nil
		for i := range 65 {
			c.Files = append(c.Files, NamedFile{Bytes: 1, SHA256: Hash{byte(i)}})
		}
	}))
	f("version 2 without files", smallClip(), text(`"stated_on":"2026-11-22","version":"1"`, `"stated_on":"2026-11-22","version":"2"`))
	f("files in version 1", named, text(`"version":"2"`, `"version":"1"`))
	f("no files in version 2", named, text(`"files":[{`, `"files":[],"x":[{`))

	// keys
	k := func(why string, p plan, c ...change) { add(StepKeys, why, p, none, c...) }
	vkey := func(i int, f func(string) string) change {
		return onBundle(func(b *Bundle) { b.Log.Keys[i].VerifierKey = f(b.Log.Keys[i].VerifierKey) })
	}
	endorse := func(i int, f func(text string) string, signer int) change {
		return onBundle(func(b *Bundle) {
			body, _ := noteLines(b.Log.Keys[i].Endorsement)
			b.Log.Keys[i].Endorsement = signNote(f(body), logVKey(signer), logKey(signer))
		})
	}
	same := func(s string) string { return s }
	madeKey := func(name string, algorithm byte, public []byte) string {
		raw := append([]byte{algorithm}, public...)
		sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
		return fmt.Sprintf("%s+%x+%s", name, sum[:4], encode(raw))
	}
	public := func(i int) []byte { return logKey(i).Public().(ed25519.PublicKey) }
	k("another key number", smallScope(), vkey(0, func(s string) string { return replaced("+"+strings.Split(s, "+")[1]+"+", "+00000001+")(s) }))
	k("a key number in capitals", smallScope(), vkey(0, func(s string) string {
		n := strings.Split(s, "+")[1]
		return replaced(n, strings.ToUpper(n))(s)
	}))
	k("the key of a witness as key of the log", smallScope(), vkey(0, func(string) string { return madeKey(testOrigin, 4, public(0)) }))
	k("a key under another name", smallScope(), vkey(0, func(string) string { return madeKey("log.example/other", 1, public(0)) }))
	k("a key of 31 bytes", smallScope(), vkey(0, func(string) string { return madeKey(testOrigin, 1, public(0)[:31]) }))
	k("no key at all", smallScope(), vkey(0, func(string) string { return "" }))
	k("a key that is a point of small order", smallScope(), vkey(0, func(string) string { return madeKey(testOrigin, 1, append([]byte{1}, make([]byte, 31)...)) }))
	k("a key whose y is 2^255-16, not below 2^255-19", smallScope(), vkey(0, func(string) string {
		return madeKey(testOrigin, 1, slices.Concat([]byte{0xf0}, bytes.Repeat([]byte{0xff}, 30), []byte{0x7f}))
	}))
	k("an origin with a space, as the name of the key", smallScope(), onBundle(func(b *Bundle) {
		b.Log.Origin = "log.example evidence"
		b.Log.Keys[0].VerifierKey = madeKey(b.Log.Origin, 1, public(0))
	}))
	k("an origin of 256 bytes, as the name of the key", smallScope(), onBundle(func(b *Bundle) {
		b.Log.Origin = strings.Repeat("x", 256)
		b.Log.Keys[0].VerifierKey = madeKey(b.Log.Origin, 1, public(0))
	}))
	k("the first key has an endorsement", smallScope(), onBundle(func(b *Bundle) {
		b.Log.Keys[0].Endorsement = signNote(EndorsementText(testOrigin, logVKey(0), 0), logVKey(0), logKey(0))
	}))
	k("the second key has none", rotation(), onBundle(func(b *Bundle) { b.Log.Keys[1].Endorsement = "" }))
	k("endorsed by itself", rotation(), endorse(1, same, 1))
	k("endorsed by the key before the one before", rotation(), endorse(2, same, 0))
	k("endorsed for another origin", rotation(), endorse(1, replaced(testOrigin+"\n", "log.example/other\n"), 0))
	k("endorsed for another key", rotation(), endorse(1, func(string) string { return EndorsementText(testOrigin, logVKey(2), 3) }, 0))
	k("endorsed from a size with a leading zero", rotation(), endorse(1, replaced("\n3\n", "\n03\n"), 0))
	k("an endorsement of another version", rotation(), endorse(1, replaced("key v1", "key v2"), 0))
	k("an endorsement of five lines", rotation(), endorse(1, func(s string) string { return s + "more\n" }, 0))
	k("an endorsement with a second signature", rotation(), onBundle(func(b *Bundle) {
		body, lines := noteLines(b.Log.Keys[1].Endorsement)
		b.Log.Keys[1].Endorsement = joinNote(body, append(lines, lines[0])...)
	}))
	k("an endorsement whose signature has one bit changed", rotation(), onBundle(func(b *Bundle) {
		body, lines := noteLines(b.Log.Keys[1].Endorsement)
		b.Log.Keys[1].Endorsement = joinNote(body, editSignature(lines[0], func(s []byte) []byte { s[9] ^= 1; return s }))
	}))
	k("the third key signs from before the second", rotation(), func(p *plan) { p.since = []int64{0, 5, 3} })
	k("a key twice", rotation(), onBundle(func(b *Bundle) {
		b.Log.Keys[2] = Key{VerifierKey: logVKey(1), Endorsement: signNote(EndorsementText(testOrigin, logVKey(1), 7), logVKey(1), logKey(1))}
	}))
	k("a key left out of the chain", rotation(), onBundle(func(b *Bundle) { b.Log.Keys = slices.Delete(b.Log.Keys, 1, 2) }))
	k("a witness with the algorithm of a log", smallScope(), onBundle(func(b *Bundle) {
		b.Log.Witnesses = SortWitnesses([]string{witnessVKey(0), madeKey(witnessName(1), 1, witnessKey(1).Public().(ed25519.PublicKey))})
	}))
	k("another key number of a witness", smallScope(), onBundle(func(b *Bundle) {
		n := strings.Split(b.Log.Witnesses[1], "+")[1]
		b.Log.Witnesses[1] = replaced(n, "ffffffff")(b.Log.Witnesses[1])
	}))
	k("an endorsement of two lines", rotation(), endorse(1, func(string) string { return "zapis log key v1\n" + testOrigin + "\n" }, 0))
	k("an endorsement with a second line that is none", rotation(), onBundle(func(b *Bundle) { b.Log.Keys[1].Endorsement += "more\n" }))
	add(StepKeys, "another key was given", smallScope(), vectorOptions{Keys: []string{logVKey(1)}})
	add(StepKeys, "two keys were given, one of them another's", rotation(), vectorOptions{Keys: []string{logVKey(1), logVKey(5)}})

	// signature
	s := func(why string, p plan, c ...change) { add(StepSignature, why, p, none, c...) }
	outerNote := func(f func(body string, lines []string) string) change {
		return func(p *plan) {
			p.file = func(raw string) string {
				b, note, err := Parse([]byte(raw))
				if err != nil {
					panic(err)
				}
				body, lines := noteLines(note)
				out, err := Encode(b, f(body, lines))
				if err != nil {
					panic(err)
				}
				return string(out)
			}
		}
	}
	bySigner := func(vkey string, key ed25519.PrivateKey) change {
		return outerNote(func(body string, _ []string) string { return signNote(body, vkey, key) })
	}
	s("signed by a foreign key of the same name and number", smallScope(), bySigner(logVKey(0), foreignKey()))
	s("signed by a foreign key of the same name", smallScope(), bySigner(logVKey(99), foreignKey()))
	s("signed by the first of three keys", rotation(), bySigner(logVKey(0), logKey(0)))
	s("signed by the second of three keys", rotation(), bySigner(logVKey(1), logKey(1)))
	s("one digit of the digest changed, and signed", smallScope(), func(p *plan) {
		p.outer = func(s string) string { at := len(s) - 3; return s[:at] + string("01"[b2i(s[at] == '0')]) + s[at+1:] }
	})
	s("the digest in capitals, and signed", smallScope(), func(p *plan) {
		p.outer = func(s string) string {
			at := strings.Index(s, "\n") + len(testOrigin) + 2
			return s[:at] + strings.ToUpper(s[at:])
		}
	})
	s("another origin, and signed", smallScope(), func(p *plan) { p.outer = replaced("evidence", "evidences") })
	s("version 2, and signed", smallScope(), func(p *plan) { p.outer = replaced("v1", "v2") })
	s("a fourth line, and signed", smallScope(), func(p *plan) { p.outer = func(s string) string { return s + "more\n" } })
	s("one bit of the signature changed", smallScope(), outerNote(func(body string, l []string) string {
		return joinNote(body, editSignature(l[0], func(s []byte) []byte { s[40] ^= 4; return s }))
	}))
	s("S plus the order of the group", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, editSignature(l[0], plusOrder)) }))
	s("a signature of 63 bytes", smallScope(), outerNote(func(body string, l []string) string {
		return joinNote(body, editSignature(l[0], func(s []byte) []byte { return s[:63] }))
	}))
	s("the signature twice", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, l[0], l[0]) }))
	s("a second signature, by a witness", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, l[0], cosignLine(body, 0, 1795306200)) }))
	s("no signature", smallScope(), outerNote(func(body string, _ []string) string { return body + "\n" }))
	s("no empty line", smallScope(), outerNote(func(body string, l []string) string { return body + l[0] + "\n" }))
	s("no line feed at the end", smallScope(), outerNote(func(body string, l []string) string { return strings.TrimSuffix(joinNote(body, l[0]), "\n") }))
	s("an empty line after the signature", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, l[0]) + "\n" }))
	s("a hyphen instead of the dash", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, replaced("—", "-")(l[0])) }))
	s("two spaces before the signature", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, replaced("evidence ", "evidence  ")(l[0])) }))
	s("loose bits in the base64 of the signature", smallScope(), outerNote(func(body string, l []string) string {
		return joinNote(body, loose(strings.TrimSpace(l[0])))
	}))
	s("a carriage return", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, strings.TrimSpace(l[0])+"\r") }))
	s("an empty note", smallScope(), outerNote(func(string, []string) string { return "" }))
	s("the note of another bundle", smallScope(), func(p *plan) {
		p.file = func(raw string) string {
			_, note, _ := Parse(rotation().build())
			b, _, _ := Parse([]byte(raw))
			out, _ := Encode(b, note)
			return string(out)
		}
	})
	s("a line behind the signature that is none", smallScope(), outerNote(func(body string, l []string) string { return joinNote(body, l[0], "more") }))

	// checkpoints
	c := func(why string, p plan, ch ...change) { add(StepCheckpoints, why, p, none, ch...) }
	proof := func(f func([]Hash) []Hash) change {
		return onBundle(func(b *Bundle) { b.Checkpoints[1].Consistency = f(b.Checkpoints[1].Consistency) })
	}
	c("signed by a foreign key of the same name and number", smallScope(), onNote(1, func(n string) string {
		body, lines := noteLines(n)
		lines[0] = signatureOf(logVKey(0), ed25519.Sign(foreignKey(), []byte(body)))
		return joinNote(body, lines...)
	}))
	c("signed by a foreign key of the same name", smallScope(), onNote(0, func(n string) string {
		body, lines := noteLines(n)
		lines[0] = signatureOf(logVKey(99), ed25519.Sign(foreignKey(), []byte(body)))
		return joinNote(body, lines...)
	}))
	c("signed by a key that signs only later ones", rotation(), func(p *plan) { p.signer = []int{0, 2, 2} })
	c("one bit of the signature changed", smallScope(), onNote(1, func(n string) string {
		body, lines := noteLines(n)
		lines[0] = editSignature(lines[0], func(s []byte) []byte { s[0] ^= 0x80; return s })
		return joinNote(body, lines...)
	}))
	c("S plus the order of the group", smallScope(), onNote(1, func(n string) string {
		body, lines := noteLines(n)
		lines[0] = editSignature(lines[0], plusOrder)
		return joinNote(body, lines...)
	}))
	c("the witness in front of the log", smallScope(), onNote(0, func(n string) string {
		body, lines := noteLines(n)
		lines[0], lines[1] = lines[1], lines[0]
		return joinNote(body, lines...)
	}))
	c("the line of the log left out", smallScope(), onNote(0, func(n string) string {
		body, lines := noteLines(n)
		return joinNote(body, lines[1:]...)
	}))
	c("no signature lines", smallScope(), onNote(0, func(n string) string { body, _ := noteLines(n); return body + "\n" }))
	c("not a note", smallScope(), onNote(0, func(string) string { return "checkpoint" }))
	c("a cosignature without base64", smallScope(), onNote(0, func(n string) string { return n + "— x.example ???\n" }))
	c("another origin, and signed", smallScope(), onCheckpoint(replaced("evidence", "evidences")))
	c("an extension line, and signed", smallScope(), onCheckpoint(func(s string) string { return s + "extension\n" }))
	c("a size with a leading zero, and signed", smallScope(), onCheckpoint(replaced("\n5\n", "\n05\n")))
	c("a root of 31 bytes, and signed", smallScope(), onCheckpoint(func(s string) string {
		lines := strings.Split(s, "\n")
		raw, _ := base64.StdEncoding.DecodeString(lines[2])
		return lines[0] + "\n" + lines[1] + "\n" + encode(raw[:31]) + "\n"
	}))
	c("loose bits in the base64 of the root, and signed", smallScope(), onCheckpoint(func(s string) string { return loose(strings.TrimSpace(s)) + "\n" }))
	c("an empty log, and signed", smallItem(), onCheckpoint(replaced("\n3\n", "\n0\n")))
	c("two checkpoints of one size", smallScope(), onCheckpoint(replaced("\n5\n", "\n3\n")))
	c("the second checkpoint is smaller", smallScope(), onCheckpoint(replaced("\n5\n", "\n2\n")))
	c("a fork: another tree under the second checkpoint, and signed", smallScope(), onCheckpoint(func(s string) string {
		lines := strings.Split(s, "\n")
		other := h("fork")
		return lines[0] + "\n" + lines[1] + "\n" + encode(other[:]) + "\n"
	}))
	c("one bit of the consistency proof changed", smallScope(), proof(func(p []Hash) []Hash { p[0] = flipped(p[0]); return p }))
	c("the last hash of the consistency proof changed", smallScope(), proof(func(p []Hash) []Hash { p[len(p)-1] = flipped(p[len(p)-1]); return p }))
	c("a hash of the consistency proof left out", smallScope(), proof(func(p []Hash) []Hash { return p[1:] }))
	c("no consistency proof", smallScope(), proof(func([]Hash) []Hash { return nil }))
	c("a hash behind the consistency proof", smallScope(), proof(func(p []Hash) []Hash { return append(p, h("more")) }))
	c("two hashes of the consistency proof swapped", smallScope(), proof(func(p []Hash) []Hash { p[0], p[1] = p[1], p[0]; return p }))
	c("the consistency proof from another size", smallScope(), onCheckpoint(replaced("\n5\n", "\n9\n")))
	c("a power of two: the tree before is one subtree, and another root", smallScope(), func(p *plan) { p.sizes, p.scopeTick = []int64{4, 8}, 1 },
		func(p *plan) {
			p.note = func(i int, s string) string {
				if i == 0 {
					other := h("fork")
					return testOrigin + "\n4\n" + encode(other[:]) + "\n"
				}
				return s
			}
		})
	c("loose bits in the base64 of the root of the only checkpoint, and signed", smallItem(), onCheckpoint(func(s string) string { return loose(strings.TrimSpace(s)) + "\n" }))
	c("a size beyond 2^53, and signed", smallScope(), onCheckpoint(replaced("\n5\n", "\n9007199254740993\n")))

	// witnesses
	w := func(why string, p plan, o vectorOptions, ch ...change) { add(StepWitnesses, why, p, o, ch...) }
	lines := func(i int, f func(body string, l []string) []string) change {
		return onNote(i, func(n string) string { body, l := noteLines(n); return joinNote(body, f(body, l)...) })
	}
	w("a witness that is not named", smallScope(), none, lines(1, func(body string, l []string) []string { return append(l, cosignLine(body, 2, 1795306200)) }))
	w("cosignatures out of order", smallScope(), none, lines(1, func(_ string, l []string) []string { l[1], l[2] = l[2], l[1]; return l }))
	w("a cosignature twice", smallScope(), none, lines(0, func(_ string, l []string) []string { return append(l, l[2]) }))
	w("a second line of the log", smallScope(), none, lines(0, func(_ string, l []string) []string { return append(l, l[0]) }))
	w("one bit of a cosignature changed", smallScope(), none, lines(1, func(_ string, l []string) []string {
		l[2] = editSignature(l[2], func(s []byte) []byte { s[30] ^= 2; return s })
		return l
	}))
	w("the time of a cosignature changed", smallScope(), none, lines(0, func(_ string, l []string) []string {
		l[1] = editSignature(l[1], func(s []byte) []byte { s[6]--; return s })
		return l
	}))
	w("S of a cosignature plus the order of the group", smallScope(), none, lines(1, func(_ string, l []string) []string { l[2] = editSignature(l[2], plusOrder); return l }))
	w("a cosignature of the other checkpoint", smallScope(), none, onBundle(func(b *Bundle) {
		body, l := noteLines(b.Checkpoints[1].Note)
		_, before := noteLines(b.Checkpoints[0].Note)
		l[1] = before[1]
		b.Checkpoints[1].Note = joinNote(body, l...)
	}))
	w("a plain signature instead of a cosignature", smallScope(), none, lines(0, func(body string, l []string) []string {
		l[1] = signatureOf(witnessVKey(0), ed25519.Sign(witnessKey(0), []byte(body)))
		return l
	}))
	w("a cosignature of time 0", smallScope(), none, func(p *plan) { p.times = func(int, int) uint64 { return 0 } })
	w("a cosignature after the year 9999", smallScope(), none, func(p *plan) { p.times = func(int, int) uint64 { return 253402300800 } })
	w("a cosignature of time 2^63", smallScope(), none, func(p *plan) { p.times = func(int, int) uint64 { return 1 << 63 } })
	w("one of two wanted", smallScope(), vectorOptions{Witnesses: allKeys(2), Quorum: 2}, func(p *plan) { p.cosigned = [][]int{{0, 1}, {1}} })
	w("no number given: all are wanted", smallScope(), vectorOptions{Witnesses: allKeys(2)}, func(p *plan) { p.cosigned = [][]int{{0}, {0, 1}} })
	w("none at the first checkpoint", smallScope(), vectorOptions{Witnesses: allKeys(2), Quorum: 1}, func(p *plan) { p.cosigned = [][]int{{}, {0, 1}} })
	w("the witness that was given is another", smallScope(), vectorOptions{Witnesses: []string{witnessVKey(2)}})
	w("one key under two names, and two are wanted", twoNames(), vectorOptions{Witnesses: []string{twoNamesKey("one.example"), twoNamesKey("two.example")}, Quorum: 2})
	w("the same witness given twice, and two are wanted", smallScope(), vectorOptions{Witnesses: []string{witnessVKey(0), witnessVKey(0)}, Quorum: 2})
	w("a key of the witness under another name was given", smallScope(), vectorOptions{Witnesses: []string{twoNamesKey("one.example")}})
	w("a cosignature of one byte", smallScope(), none, lines(0, func(_ string, l []string) []string {
		l[1] = editSignature(l[1], func(s []byte) []byte { return s[:1] })
		return l
	}))

	// time
	tm := func(why string, o vectorOptions, f func(i int, text string) []StampToken) {
		add(StepTime, why, smallScope(), o, func(p *plan) { p.stamps = f })
	}
	edited := func(at int, f func([]byte) []byte) func(int, string) []StampToken {
		return func(i int, text string) []StampToken {
			out := tokens(i, text)
			out[at].Token = f(slices.Clone(out[at].Token))
			return out
		}
	}
	rooted := vectorOptions{Roots: "stamps/root.pem"}
	tm("an OpenTimestamps proof of another digest", none, func(int, string) []StampToken {
		return []StampToken{{Kind: KindOpenTimestamps, Token: ots(h("other"), otsBitcoinEnd)}}
	})
	tm("an OpenTimestamps proof cut short", none, func(_ int, text string) []StampToken {
		o := ots(sha256.Sum256([]byte(text)), otsBitcoinEnd)
		return []StampToken{{Kind: KindOpenTimestamps, Token: o[:len(o)-1]}}
	})
	tm("an empty OpenTimestamps proof", none, func(int, string) []StampToken { return []StampToken{{Kind: KindOpenTimestamps}} })
	tm("a byte behind an OpenTimestamps proof", none, func(_ int, text string) []StampToken {
		return []StampToken{{Kind: KindOpenTimestamps, Token: append(ots(sha256.Sum256([]byte(text)), otsPendingEnd), 0)}}
	})
	tm("an empty token", none, func(int, string) []StampToken { return []StampToken{{Kind: KindRFC3161}} })
	tm("a token under the kind of an OpenTimestamps proof", none, func(i int, text string) []StampToken {
		out := tokens(i, text)
		out[0].Kind = KindOpenTimestamps
		return out
	})
	tm("the tokens of the other checkpoint", none, func(i int, _ string) []StampToken {
		text, err := os.ReadFile(fmt.Sprintf("testdata/stamps/%d.txt", []int{5, 3}[i]))
		if err != nil {
			panic(err)
		}
		return tokens(1-i, string(text))
	})
	tm("the last byte of an RSA signature changed", none, edited(0, func(p []byte) []byte { p[len(p)-1] ^= 1; return p }))
	tm("the last byte of an ECDSA signature changed", none, edited(1, func(p []byte) []byte { p[len(p)-1] ^= 1; return p }))
	tm("the imprint inside a token changed", rooted, func(i int, text string) []StampToken {
		digest := sha256.Sum256([]byte(text))
		return edited(1, func(p []byte) []byte { p[bytes.Index(p, digest[:])+3] ^= 1; return p })(i, text)
	})
	tm("a byte behind a token", none, edited(0, func(p []byte) []byte { return append(p, 0) }))
	tm("the root of another authority was given", vectorOptions{Roots: "stamps/other.pem"}, tokens)

	// log
	l := func(why string, p plan, ch ...change) { add(StepLog, why, p, none, ch...) }
	tick := func(f func(*Tick)) change { return onBundle(func(b *Bundle) { f(&b.Ticks[0]) }) }
	l("another salt of a tick", smallScope(), tick(func(t *Tick) { t.Salt = flipped(t.Salt) }))
	l("another custody root", smallScope(), tick(func(t *Tick) { t.Custody = flipped(t.Custody) }))
	l("another root of statements", smallScope(), tick(func(t *Tick) { t.Statements = flipped(t.Statements) }))
	l("the two roots swapped", smallScope(), tick(func(t *Tick) { t.Custody, t.Statements = t.Statements, t.Custody }))
	l("the tick before", smallScope(), tick(func(t *Tick) { t.Index-- }))
	l("a tick beyond the checkpoint", smallScope(), tick(func(t *Tick) { t.Index = 3 }))
	l("one bit of the inclusion proof changed", smallScope(), tick(func(t *Tick) { t.Proof[1] = flipped(t.Proof[1]) }))
	l("a hash of the inclusion proof left out", smallScope(), tick(func(t *Tick) { t.Proof = t.Proof[:1] }))
	l("a hash behind the inclusion proof", smallScope(), tick(func(t *Tick) { t.Proof = append(t.Proof, h("more")) }))
	l("the other checkpoint named", smallScope(), tick(func(t *Tick) { t.Checkpoint = 1 }))
	l("the proofs of two ticks swapped", smallClip(), onBundle(func(b *Bundle) { b.Ticks[0].Proof, b.Ticks[1].Proof = b.Ticks[1].Proof, b.Ticks[0].Proof }))
	l("the salts of two ticks swapped", smallClip(), onBundle(func(b *Bundle) { b.Ticks[0].Salt, b.Ticks[1].Salt = b.Ticks[1].Salt, b.Ticks[0].Salt }))

	// statements
	st := func(why string, p plan, ch ...change) { add(StepStatements, why, p, none, ch...) }
	stated := func(i int, f func(*Statement)) change { return onBundle(func(b *Bundle) { f(&b.Statements[i]) }) }
	st("another salt", smallScope(), stated(0, func(s *Statement) { s.Salt = flipped(s.Salt) }))
	st("another place", smallScope(), stated(0, func(s *Statement) { s.Place++ }))
	st("one bit of the proof changed", smallScope(), stated(0, func(s *Statement) { s.Proof[3] = flipped(s.Proof[3]) }))
	st("a hash of the proof left out", smallScope(), stated(0, func(s *Statement) { s.Proof = s.Proof[1:] }))
	st("a hash behind the proof", smallScope(), stated(0, func(s *Statement) { s.Proof = append(s.Proof, h("more")) }))
	st("a proof of 17 levels", smallScope(), stated(0, func(s *Statement) { s.Proof = append([]Hash{h("more")}, s.Proof...) }))
	st("a date changed after it was stated", smallScope(), stated(0, func(s *Statement) { s.Scope.SealedOn = "2026-11-20" }))
	st("files changed after it was stated", smallScope(), stated(0, func(s *Statement) { s.Scope.Files++ }))
	st("the clip changed after it was stated", smallClip(), stated(1, func(s *Statement) { s.Clip.SHA256 = flipped(s.Clip.SHA256) }))
	st("another clip number after it was stated", secondClip(), stated(1, func(s *Statement) { s.Clip.Number = 3 }))
	st("the ticks of scope and clip swapped", smallClip(), onBundle(func(b *Bundle) { b.Statements[0].Tick, b.Statements[1].Tick = 1, 0 }))
	st("the salts of scope and clip swapped", smallClip(), onBundle(func(b *Bundle) {
		b.Statements[0].Salt, b.Statements[1].Salt = b.Statements[1].Salt, b.Statements[0].Salt
	}))
	st("a scope of another log, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Origin = "log.example/other" }))
	st("a clip of another log, stated", smallClip(), onClip(func(c *ClipStatement) { c.Origin = "log.example/other" }))
	st("a clip of another scope, stated", smallClip(), onClip(func(c *ClipStatement) { c.Scope = h("other scope") }))
	st("a clip stated before its scope", smallClip(), func(p *plan) { p.scopeTick, p.clipTick = 2, 1 })

	// totals
	tt := func(why string, p plan, ch ...change) { add(StepTotals, why, p, none, ch...) }
	tt("one file more in the sum, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Files++ }))
	tt("a byte less in the sum, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Bytes-- }))
	tt("a millisecond more in the sum, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Milliseconds++ }))
	tt("one unmeasured more in the sum, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Unmeasured++ }))
	tt("one file more than was sealed, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Files++; s.Accessions[0].Files++ }))
	tt("one file less than was sealed, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Files--; s.Accessions[0].Files-- }))
	tt("more bytes than were sealed, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Bytes += 1000; s.Accessions[0].Bytes += 1000 }))
	tt("more milliseconds than were sealed, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Milliseconds += 1000; s.Accessions[0].Milliseconds += 1000 }))
	tt("more unmeasured than files, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Unmeasured, s.Accessions[0].Unmeasured = 4, 4 }))
	tt("another root, stated", smallScope(), onScope(func(s *ScopeStatement) { s.Accessions[0].Root = h("other root") }))
	tt("one bit of the proof of a total changed", smallScope(), onBundle(func(b *Bundle) { b.Scope.Totals[0][0] = flipped(b.Scope.Totals[0][0]) }))
	tt("the proof of a total left out", smallScope(), onBundle(func(b *Bundle) { b.Scope.Totals[0] = nil }))
	tt("a hash behind the proof of a total", smallClip(), onBundle(func(b *Bundle) { b.Clip.Totals[0] = append(b.Clip.Totals[0], h("more")) }))
	tt("sums beyond 2^53, stated", smallScope(), onScope(func(s *ScopeStatement) {
		more := s.Accessions[0]
		more.Root, more.Bytes = Hash{31: 1}, maxNumber
		s.Accessions = append([]ScopeAccession{more}, s.Accessions...)
		s.Files, s.Milliseconds, s.Unmeasured, s.Bytes = 2*s.Files, 2*s.Milliseconds, 2*s.Unmeasured, maxNumber
	}), onOpening(func(b *Bundle) { b.Scope.Totals = append(b.Scope.Totals, nil) }))
	tt("a clip whose scope sums up wrong, stated", smallClip(), onScope(func(s *ScopeStatement) { s.Milliseconds += 60_000 }))

	// lineage
	li := func(why string, p plan, ch ...change) { add(StepLineage, why, p, none, ch...) }
	src := func(f func(*SourceOpening)) change { return onBundle(func(b *Bundle) { f(&b.Clip.Sources[0]) }) }
	li("an accession that is not in the scope, stated", smallClip(), onClip(func(c *ClipStatement) { c.Sources[0].Accession = h("other accession") }))
	li("another item of the accession, stated", smallClip(), onClip(func(c *ClipStatement) { c.Sources[0].Item = smallArchive()[0].leaves[1] }))
	li("the total of the accession as an item, stated", smallClip(), onClip(func(c *ClipStatement) { c.Sources[0].Item = smallArchive()[0].leaves[3] }),
		src(func(s *SourceOpening) { s.Place = 3 }))
	li("another whole", smallClip(), src(func(s *SourceOpening) { s.Whole = flipped(s.Whole) }))
	li("another measure", smallClip(), src(func(s *SourceOpening) { s.Measure = flipped(s.Measure) }))
	li("another segment root", smallClip(), src(func(s *SourceOpening) { s.SegmentRoot = flipped(s.SegmentRoot) }))
	li("whole and measure swapped", smallClip(), src(func(s *SourceOpening) { s.Whole, s.Measure = s.Measure, s.Whole }))
	li("another place", smallClip(), src(func(s *SourceOpening) { s.Place++ }))
	li("the place of the total", smallClip(), src(func(s *SourceOpening) { s.Place = 3 }))
	li("a place beyond the accession", smallClip(), src(func(s *SourceOpening) { s.Place = maxNumber }))
	li("one bit of the inclusion proof changed", smallClip(), src(func(s *SourceOpening) { s.Proof[0] = flipped(s.Proof[0]) }))
	li("a hash behind the inclusion proof", smallClip(), src(func(s *SourceOpening) { s.Proof = append(s.Proof, h("more")) }))
	li("an item that was never in the archive, stated", smallClip(), onClip(func(c *ClipStatement) {
		c.Sources[0].Item = newAccession(newEntry("invented", 2_500_000, 61_000)).leaves[0]
	}), src(func(s *SourceOpening) {
		*s = newAccession(newEntry("invented", 2_500_000, 61_000)).opening(0, []int64{0, 2})
	}))
	li("the segments of another item, stated", smallClip(), onClip(func(c *ClipStatement) {
		c.Sources[0].Segments[0].Commitment = h("segment of something else")
	}))
	li("the commitments of two segments swapped, stated", smallClip(), onClip(func(c *ClipStatement) {
		n := c.Sources[0].Segments
		n[0].Commitment, n[1].Commitment = n[1].Commitment, n[0].Commitment
	}))
	li("another index of a segment, stated", smallClip(), onClip(func(c *ClipStatement) { c.Sources[0].Segments[1].Index = 1 }))
	li("one bit of the segments' proof changed", smallClip(), src(func(s *SourceOpening) { s.Segments[2] = flipped(s.Segments[2]) }))
	li("a hash of the segments' proof left out", smallClip(), src(func(s *SourceOpening) { s.Segments = s.Segments[:len(s.Segments)-1] }))
	li("a hash behind the segments' proof", smallClip(), src(func(s *SourceOpening) { s.Segments = append(s.Segments, h("more")) }))
	li("the openings of two sources swapped", fullClip(), onBundle(func(b *Bundle) { b.Clip.Sources[0], b.Clip.Sources[2] = b.Clip.Sources[2], b.Clip.Sources[0] }))
	li("less released than this clip is long, stated", secondClip(), func(p *plan) {
		before := p.clip
		p.clip = func(c *ClipStatement) { before(c); c.ReleasedMS = 3999 }
	})
	li("the first clip with more released than itself, stated", smallClip(), onClip(func(c *ClipStatement) { c.ReleasedMS++ }))
	li("more released than the archive holds, stated", secondClip(), func(p *plan) {
		before := p.clip
		p.clip = func(c *ClipStatement) { before(c); c.ReleasedMS = 66_001 }
	})
	li("the clip is 2,001 ms longer than its cut, stated", smallClip(), onClip(func(c *ClipStatement) { c.Milliseconds = 6001 }))
	li("the clip is 2,001 ms shorter than its cut, stated", smallClip(), onClip(func(c *ClipStatement) { c.Milliseconds = 1999 }))
	li("cuts whose sum is beyond 2^53, stated", smallClip(), onClip(func(c *ClipStatement) {
		c.Cuts = append(c.Cuts, Cut{0, 0, maxNumber})
	}))

	// event
	e := func(why string, p plan, ch ...change) { add(StepEvent, why, p, none, ch...) }
	item := func(f func(*ItemOpening)) change { return onBundle(func(b *Bundle) { f(b.Item) }) }
	e("an event of another type, recorded", smallItem(), onEvent(`"type":"ingestion"`, `"type":"decryption"`))
	e("a duplicate, recorded", smallItem(), onEvent(`"outcome":"received"`, `"outcome":"duplicate"`))
	e("an event with white space, recorded", smallItem(), onEvent(`,"id"`, `, "id"`))
	e("an event with an unknown key, recorded", smallItem(), onEvent(`,"id"`, `,"else":"","id"`))
	e("an event with a detail twice, recorded", smallItem(), onEvent(`"outcome":"received"`, `"outcome":"received","outcome":"received"`))
	e("an event with details out of order, recorded", smallItem(), onEvent(`"envelope":"en_00000000000000000000000001","object":"ob_00000000000000000000000001"`,
		`"object":"ob_00000000000000000000000001","envelope":"en_00000000000000000000000001"`))
	e("an event of version 2, recorded", smallItem(), onEvent(`"version":"1"`, `"version":"2"`))
	e("a line feed behind the event, recorded", smallItem(), func(p *plan) { p.event = func(s string) string { return s + "\n" } })
	e("subjects nested too deep, recorded", smallItem(), onEvent(`"subjects":[`, `"subjects":[`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`,`))
	e("subjects that are no array, recorded", smallItem(), func(p *plan) {
		p.event = func(s string) string {
			at, end := strings.Index(s, `"subjects":`)+len(`"subjects":`), strings.Index(s, `,"time"`)
			return s[:at] + `"none"` + s[end:]
		}
	})
	e("without whole, recorded", smallItem(), func(p *plan) {
		p.event = func(s string) string {
			at := strings.Index(s, `,"whole"`)
			return s[:at] + s[at+len(`,"whole":""`)+64:]
		}
	})
	e("another size, recorded", smallItem(), onEvent(`"size":"600"`, `"size":"601"`))
	e("another digest, opened", smallItem(), item(func(o *ItemOpening) { o.SHA256 = flipped(o.SHA256) }))
	e("another size, opened", smallItem(), item(func(o *ItemOpening) { o.Size++ }))
	e("another salt of whole", smallItem(), item(func(o *ItemOpening) { o.WholeSalt = flipped(o.WholeSalt) }))
	e("another segment root", smallItem(), item(func(o *ItemOpening) { o.SegmentRoot = flipped(o.SegmentRoot) }))
	e("another salt of the event", smallItem(), item(func(o *ItemOpening) { o.Salt = flipped(o.Salt) }))
	e("another place", smallItem(), item(func(o *ItemOpening) { o.Place++ }))
	e("one bit of the proof changed", smallItem(), item(func(o *ItemOpening) { o.Proof[39] = flipped(o.Proof[39]) }))
	e("a hash of the proof left out", smallItem(), item(func(o *ItemOpening) { o.Proof = o.Proof[:39] }))
	e("a hash behind the proof", smallItem(), item(func(o *ItemOpening) { o.Proof = append(o.Proof, h("more")) }))
	e("an event never recorded", smallItem(), onBundle(func(b *Bundle) {
		b.Item.Event = bytes.Replace(b.Item.Event, []byte("2026-11-20"), []byte("2025-11-20"), 1)
	}))
	e("another digest of a segment", segmentedItem(), item(func(o *ItemOpening) { o.Segments[1].SHA256 = flipped(o.Segments[1].SHA256) }))
	e("another salt of a segment", segmentedItem(), item(func(o *ItemOpening) { o.Segments[0].Salt = flipped(o.Segments[0].Salt) }))
	e("another index of a segment", segmentedItem(), item(func(o *ItemOpening) { o.Segments[1].Index-- }))
	e("another length of a segment", segmentedItem(), item(func(o *ItemOpening) { o.Segments[3].Length++ }))
	e("a segment beyond the item", segmentedItem(), item(func(o *ItemOpening) { o.Segments[3].Index = 10 }))
	e("a segment left out", segmentedItem(), item(func(o *ItemOpening) { o.Segments = o.Segments[:3] }))
	e("a hash behind the segments' proof", segmentedItem(), item(func(o *ItemOpening) { o.SegmentsProof = append(o.SegmentsProof, h("more")) }))
	e("no proof of the segments", segmentedItem(), item(func(o *ItemOpening) { o.SegmentsProof = nil }))
	e("a length that the tree was built with, but the item does not have", segmentedItem(), func(p *plan) {
		// The archive lies about the length of the last segment in its own tree.
		p.item = newEntry("segmented", 9*SegmentSize+77, 0)
		leaves := segmentsWithLength(p.item, 9, 78)
		p.item.segments = veiledRoot(segmentDepth, leaves, veilOf(p.item))
		p.bundle = func(b *Bundle) {
			b.Item.Segments[3].Length = 78
			b.Item.SegmentsProof = veiledProof(segmentDepth, leaves, veilOf(p.item), p.opened...)
		}
	})

	// file
	add(StepFile, "one byte of the clip changed", smallClip(), vectorOptions{File: "clip-other.bin"})
	add(StepFile, "the clip is one byte longer", smallClip(), vectorOptions{File: "clip-long.bin"})
	add(StepFile, "the clip is one byte shorter", smallClip(), vectorOptions{File: "clip-short.bin"})
	add(StepFile, "an empty file", smallClip(), vectorOptions{File: "empty.bin"})
	add(StepFile, "the file of something else", smallItem(), vectorOptions{File: "clip.bin"})
	add(StepFile, "a scope has no file", smallScope(), vectorOptions{File: "clip.bin"})
	add(StepFile, "the right digest and another size, stated", smallClip(), vectorOptions{File: "clip.bin"}, onClip(func(c *ClipStatement) { c.Bytes-- }))
	add(StepFile, "a file that was not stated with the clip", withFiles(), vectorOptions{File: "clip-other.bin"})
	add(StepFile, "another file of the rendering, of which the statement does not speak", smallClip(), vectorOptions{File: "still.bin"})
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// vectorFiles are what the options name.
func vectorFiles() map[string][]byte {
	other := slices.Clone(clipBytes)
	other[500] ^= 1
	return map[string][]byte{
		"clip.bin": clipBytes, "still.bin": stillBytes, "clip-other.bin": other, "clip-long.bin": append(slices.Clone(clipBytes), 'x'), "clip-short.bin": clipBytes[:len(clipBytes)-1],
		"item.bin": itemBytes, "empty.bin": {},
	}
}

func states(r Report) (out [][2]string) {
	for _, s := range r.Steps {
		out = append(out, [2]string{s.Name, s.State})
	}
	return out
}

// TestVectors holds the verifier against testdata/index.json, and the builder against the files. ZAPIS_UPDATE=1 writes both.
func TestVectors(t *testing.T) {
	t.Parallel()
	update := os.Getenv("ZAPIS_UPDATE") != ""
	want := slices.Concat(accepted(), refused())
	put := func(name string, p []byte) {
		t.Helper()
		at := filepath.Join("testdata", name)
		if update {
			if err := os.WriteFile(at, p, 0o644); err != nil {
				t.Fatal(err)
			}
		} else if old, err := os.ReadFile(at); err != nil || !bytes.Equal(old, p) {
			t.Errorf("%s is not what the builder makes (ZAPIS_UPDATE=1 writes it): %v", name, err)
		}
	}
	if update {
		old, _ := filepath.Glob("testdata/refuse-*.json")
		for _, name := range old {
			_ = os.Remove(name)
		}
	}
	for name, p := range vectorFiles() {
		put(name, p)
	}
	steps := map[string]int{}
	for i := range want {
		v := &want[i]
		if v.Options.Keys == nil {
			v.Options.Keys = []string{}
		}
		if v.Options.Witnesses == nil {
			v.Options.Witnesses = []string{}
		}
		put(v.File, v.raw)
		r := Verify(v.raw, v.Options.options(t))
		if r.OK != v.OK || r.Failed != v.Failed {
			t.Errorf("%s (%s): ok %v, failed %q, want %v, %q: %+v", v.File, v.Why, r.OK, r.Failed, v.OK, v.Failed, r.Steps)
		}
		if r.OK != (r.Facts != nil) {
			t.Errorf("%s: facts of a bundle that is not accepted, or none of one that is", v.File)
		}
		v.States = states(r)
		steps[v.Failed]++
	}
	for _, s := range []string{StepFormat, StepKeys, StepSignature, StepCheckpoints, StepWitnesses, StepTime, StepLog, StepStatements, StepTotals, StepLineage, StepEvent, StepFile} {
		if steps[s] < 3 {
			t.Errorf("step %s has %d refusals", s, steps[s])
		}
	}
	var b bytes.Buffer
	b.WriteString("[")
	for i, v := range want {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n")
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(v); err != nil {
			t.Fatal(err)
		}
		b.Truncate(b.Len() - 1)
	}
	b.WriteString("\n]\n")
	put("index.json", b.Bytes())
	t.Logf("%d accepted, %d refused: %v", len(accepted()), len(want)-len(accepted()), steps)
}
