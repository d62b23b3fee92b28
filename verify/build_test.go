package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"zapis/internal/commit"
	"zapis/internal/tlog"
)

// The builder makes bundles the way an archive does, from its own packages (commit, tlog), of which the verifier imports
// none. Everything follows from labels, so that the vectors are the same on every machine.

const testOrigin = "log.example/evidence"

func h(label string, n ...any) Hash { return sha256.Sum256(fmt.Append([]byte(label+" "), n...)) }

func logKey(n int) ed25519.PrivateKey {
	seed := h("log key", n)
	return ed25519.NewKeyFromSeed(seed[:])
}

func witnessKey(n int) ed25519.PrivateKey {
	seed := h("witness", n)
	return ed25519.NewKeyFromSeed(seed[:])
}

func witnessName(n int) string { return fmt.Sprintf("witness-%c.example", 'a'+n) }

func logVKey(n int) string {
	return VerifierKey(testOrigin, logKey(n).Public().(ed25519.PublicKey), false)
}

func witnessVKey(n int) string {
	return VerifierKey(witnessName(n), witnessKey(n).Public().(ed25519.PublicKey), true)
}

// signatureOf gives a signature line; number comes from the verifier key.
func signatureOf(vkey string, signature []byte) string {
	parts := strings.SplitN(vkey, "+", 3)
	number, err := hex.DecodeString(parts[1])
	if err != nil {
		panic(err)
	}
	return "— " + parts[0] + " " + base64.StdEncoding.EncodeToString(append(number, signature...)) + "\n"
}

func signNote(text, vkey string, key ed25519.PrivateKey) string {
	return text + "\n" + signatureOf(vkey, ed25519.Sign(key, []byte(text)))
}

func cosignLine(text string, n int, at uint64) string {
	message := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	signature := ed25519.Sign(witnessKey(n), []byte(message))
	return signatureOf(witnessVKey(n), append(binary.BigEndian.AppendUint64(nil, at), signature...))
}

// An entry is one item of the test archive.
type entry struct {
	salt     Hash
	size     int64
	ms       int64
	sha      Hash
	digests  []byte
	whole    Hash
	segments Hash
}

func newEntry(label string, size, ms int64) entry {
	e := entry{salt: h(label+" salt", 0), size: size, ms: ms, sha: h(label+" sha", 0)}
	for i := range commit.SegmentCount(size) {
		d := h(label+" segment", i)
		e.digests = append(e.digests, d[:]...)
	}
	return e.seal()
}

func newEntryOf(label string, p []byte) entry {
	var s commit.Segments
	_, _ = s.Write(p)
	return entry{salt: h(label+" salt", 0), size: int64(len(p)), sha: sha256.Sum256(p), digests: s.Digests()}.seal()
}

func (e entry) seal() entry {
	e.whole = commit.Whole(e.salt, e.size, e.sha)
	var err error
	if e.segments, err = commit.SegmentRoot(e.salt, e.size, e.digests); err != nil {
		panic(err)
	}
	return e
}

// An accession is a sealed one.
type accession struct {
	entries []entry
	leaves  []Hash // with the total last
	scope   ScopeAccession
}

func newAccession(entries ...entry) accession {
	a := accession{entries: entries}
	var bytes, ms int64
	for i, e := range entries {
		m := commit.Measure(e.salt, commit.Measured{Place: int64(i), BytesBefore: bytes, Bytes: e.size, MillisecondsBefore: ms, Milliseconds: e.ms})
		a.leaves = append(a.leaves, commit.ItemLeaf(e.whole, e.segments, m))
		bytes, ms = bytes+e.size, ms+e.ms
		if e.ms == 0 {
			a.scope.Unmeasured++
		}
	}
	a.scope.Files, a.scope.Bytes, a.scope.Milliseconds = int64(len(entries)), bytes, ms
	a.leaves = append(a.leaves, commit.Total(a.scope.Files, bytes, ms))
	a.scope.Root = rootOf(a.leaves)
	return a
}

func (a accession) opening(place int, segments []int64) SourceOpening {
	var bytes, ms int64
	for _, e := range a.entries[:place] {
		bytes, ms = bytes+e.size, ms+e.ms
	}
	e := a.entries[place]
	leaves, err := commit.SegmentLeaves(e.salt, e.size, e.digests)
	if err != nil {
		panic(err)
	}
	return SourceOpening{
		Measure: commit.Measure(e.salt, commit.Measured{Place: int64(place), BytesBefore: bytes, Bytes: e.size, MillisecondsBefore: ms, Milliseconds: e.ms}),
		Place:   int64(place), Proof: inclusionOf(a.leaves, place), SegmentRoot: e.segments, Whole: e.whole,
		Segments: veiledProof(commit.SegmentDepth, leaves, commit.Derive(e.salt, "veil", 0), segments...),
	}
}

func reader6962(data []Hash) tlog.HashReader {
	r, err := commit.MemoryTree(data)
	if err != nil {
		panic(err)
	}
	return r
}

func rootOf(data []Hash) Hash {
	root, err := tlog.Root(int64(len(data)), reader6962(data))
	if err != nil {
		panic(err)
	}
	return Hash(root)
}

func inclusionOf(data []Hash, at int) []Hash {
	p, err := tlog.Inclusion(int64(len(data)), int64(at), reader6962(data))
	if err != nil {
		panic(err)
	}
	return plain(p)
}

func consistencyOf(data []Hash, first, second int64) []Hash {
	p, err := tlog.Consistency(first, second, reader6962(data))
	if err != nil {
		panic(err)
	}
	return plain(p)
}

func plain[T ~[32]byte](in []T) []Hash {
	out := make([]Hash, len(in))
	for i := range in {
		out[i] = Hash(in[i])
	}
	return out
}

func veiledRoot(depth int, data []Hash, veil Hash) Hash {
	root, err := commit.VeiledRoot(depth, int64(len(data)), veil, reader6962(data))
	if err != nil {
		panic(err)
	}
	return root
}

func veiledProof(depth int, data []Hash, veil Hash, places ...int64) []Hash {
	p, err := commit.VeiledProof(depth, int64(len(data)), veil, places, reader6962(data))
	if err != nil {
		panic(err)
	}
	return p
}

// A source of the clip: which item of which accession, and which segments were read.
type source struct {
	accession, place int
	segments         []int64
}

// A plan is what a bundle is built from. The functions change a thing before it is committed to or signed, so that all
// that follows from it is right again and one check alone is left to notice.
type plan struct {
	kind       string
	accessions []accession
	sources    []source
	scopeTick  int64
	clipTick   int64 // of the item's event as well
	sizes      []int64
	since      []int64 // of each key of the log
	signer     []int   // key by checkpoint; nil: the last whose since is not above the size
	witnesses  int
	cosigned   [][]int // witnesses by checkpoint
	times      func(checkpoint, witness int) uint64
	item       entry
	opened     []int64 // segments of the item
	event      func(string) string
	scope      func(*ScopeStatement)
	clip       func(*ClipStatement)
	opening    func(*Bundle)                // before the statements are committed to
	note       func(i int, s string) string // text of a checkpoint, before it is signed
	stamps     func(i int, text string) []StampToken
	bundle     func(*Bundle)       // before the bundle is signed
	text       func(string) string // canonical text of the bundle, before it is signed
	outer      func(string) string // text of the outer note, before it is signed
	file       func(string) string // the whole file, after all
}

const (
	custodySize  = 37
	custodyPlace = 11
)

func eventText(e entry) string {
	return fmt.Sprintf(`{"agent":"ag_00000000000000000000000001","detail":{"accession":"ac_00000000000000000000000001",`+
		`"envelope":"en_00000000000000000000000001","object":"ob_00000000000000000000000001","outcome":"received",`+
		`"provenance":"pr_00000000000000000000000001","segment_root":"%x","sha256":"%x","size":"%d","whole":"%x"},`+
		`"id":"ev_00000000000000000000000001","outcome":"success","subjects":[{"id":"it_00000000000000000000000001","kind":"item","role":"outcome"},`+
		`{"id":"ob_00000000000000000000000001","kind":"object","role":"outcome"},{"id":"ac_00000000000000000000000001","kind":"accession","role":"about"}],`+
		`"time":"2026-11-20T09:15:00.000001Z","tool":"zapis 0.1.0","type":"ingestion","version":"1"}`, e.segments, e.sha, e.size, e.whole)
}

// build makes the file of a plan.
func (p plan) build() []byte {
	b := Bundle{Kind: p.kind}
	size := p.sizes[len(p.sizes)-1]

	// The keys of the log, each endorsed by the one before.
	if p.since == nil {
		p.since = []int64{0}
	}
	for i, since := range p.since {
		k := Key{VerifierKey: logVKey(i)}
		if i > 0 {
			k.Endorsement = signNote(EndorsementText(testOrigin, k.VerifierKey, since), logVKey(i-1), logKey(i-1))
		}
		b.Log.Keys = append(b.Log.Keys, k)
	}
	b.Log.Origin = testOrigin
	for i := range p.witnesses {
		b.Log.Witnesses = append(b.Log.Witnesses, witnessVKey(i))
	}

	// The statements, or the event.
	type at struct {
		tick   int64
		leaves []Hash // of the statements of the tick
	}
	ticks := map[int64]*at{}
	put := func(tick int64, place int, leaf Hash) {
		t := ticks[tick]
		if t == nil {
			t = &at{tick: tick}
			for i := range 4 {
				t.leaves = append(t.leaves, h("other statement", tick, i))
			}
			ticks[tick] = t
		}
		t.leaves[place] = leaf
	}
	custody := make([]Hash, custodySize)
	for i := range custody {
		custody[i] = h("custody", i)
	}
	if p.kind == KindItem {
		event := eventText(p.item)
		if p.event != nil {
			event = p.event(event)
		}
		o := &ItemOpening{Event: []byte(event), Place: custodyPlace, Salt: h("event salt"), SegmentRoot: p.item.segments,
			SHA256: p.item.sha, Size: p.item.size, WholeSalt: commit.Derive(p.item.salt, "whole", 0)}
		custody[custodyPlace] = sha256.Sum256(slices.Concat([]byte("zapis.custody.leaf.v1\x00"), o.Salt[:], o.Event))
		o.Proof = veiledProof(commit.CustodyDepth, custody, h("custody veil"), custodyPlace)
		if len(p.opened) > 0 {
			leaves, err := commit.SegmentLeaves(p.item.salt, p.item.size, p.item.digests)
			if err != nil {
				panic(err)
			}
			for _, i := range p.opened {
				o.Segments = append(o.Segments, OpenSegment{Index: i, Length: commit.SegmentLength(p.item.size, i),
					Salt: commit.Derive(p.item.salt, "segment", uint64(i)), SHA256: Hash(p.item.digests[32*i:])})
			}
			o.SegmentsProof = veiledProof(commit.SegmentDepth, leaves, commit.Derive(p.item.salt, "veil", 0), p.opened...)
		}
		b.Item = o
		ticks[p.clipTick] = &at{tick: p.clipTick, leaves: []Hash{h("other statement")}}
	} else {
		p.state(&b)
		if p.opening != nil {
			p.opening(&b)
		}
		const scopePlace, clipPlace = 2, 1
		for i := range b.Statements {
			s := &b.Statements[i]
			s.Salt, s.Place = h("statement salt", i), int64(scopePlace)
			tick := p.scopeTick
			if s.Clip != nil {
				s.Place, tick = clipPlace, p.clipTick
				if s.Clip.Scope == (Hash{}) {
					s.Clip.Scope = sha256.Sum256(stateOf(b.Statements[0]))
				}
			}
			put(tick, int(s.Place), commit.Statement(s.Salt, stateOf(*s)))
		}
	}

	// The log: at the named ticks what was built above, elsewhere blanks.
	entries := make([]Hash, size)
	for i := range entries {
		entries[i] = h("blank", i)
	}
	var indexes []int64
	for i := range ticks {
		indexes = append(indexes, i)
	}
	slices.Sort(indexes)
	for i, index := range indexes {
		leaves := ticks[index].leaves
		veil := h("statements veil", index)
		t := Tick{Custody: veiledRoot(commit.CustodyDepth, custody, h("custody veil")), Index: index, Salt: h("tick salt", index),
			Statements: veiledRoot(commit.StatementDepth, leaves, veil)}
		entries[index] = commit.Tick(t.Salt, t.Custody, t.Statements)
		b.Ticks = append(b.Ticks, t)
		for j := range b.Statements {
			s := &b.Statements[j]
			if tick := []int64{p.scopeTick, p.clipTick}[j]; tick == index {
				s.Tick = i
				s.Proof = veiledProof(commit.StatementDepth, leaves, veil, s.Place)
			}
		}
	}
	if b.Item != nil {
		b.Item.Tick = 0
	}
	for i, n := range p.sizes {
		text := tlog.Checkpoint{Origin: testOrigin, Size: n, Root: tlog.Hash(rootOf(entries[:n]))}.Text()
		if p.note != nil {
			text = p.note(i, text)
		}
		signer := 0
		for j, since := range p.since {
			if since <= n {
				signer = j
			}
		}
		if p.signer != nil {
			signer = p.signer[i]
		}
		c := Checkpoint{Note: signNote(text, logVKey(signer), logKey(signer))}
		if i > 0 {
			c.Consistency = consistencyOf(entries[:n], p.sizes[i-1], n)
		}
		if i < len(p.cosigned) {
			for _, w := range p.cosigned[i] {
				c.Note += cosignLine(text, w, p.cosignTime(i, w))
			}
		}
		if p.stamps != nil {
			c.Stamps = p.stamps(i, text)
		}
		b.Checkpoints = append(b.Checkpoints, c)
	}
	for i := range b.Ticks {
		t := &b.Ticks[i]
		t.Checkpoint = slices.IndexFunc(p.sizes, func(n int64) bool { return n > t.Index })
		t.Proof = inclusionOf(entries[:p.sizes[t.Checkpoint]], int(t.Index))
	}
	if p.bundle != nil {
		p.bundle(&b)
	}
	w := &writer{}
	b.write(w)
	if w.err != nil {
		panic(w.err)
	}
	text := string(w.out)
	if p.text != nil {
		text = p.text(text)
	}
	outer := NoteText(b.Log.Origin, []byte(text))
	if p.outer != nil {
		outer = p.outer(outer)
	}
	last := len(p.since) - 1
	w = &writer{}
	w.key("bundle", true)
	w.raw(text)
	w.key("note", false)
	w.string(signNote(outer, logVKey(last), logKey(last)))
	w.close()
	raw := string(w.out)
	if p.file != nil {
		raw = p.file(raw)
	}
	return []byte(raw)
}

// stateOf writes a statement without judging it, so that one with a fault can be committed to.
func stateOf(s Statement) []byte {
	w := &writer{}
	if s.Scope != nil {
		s.Scope.write(w)
	} else {
		s.Clip.write(w)
	}
	return w.out
}

// 22 November 2026, 00:10 UTC, for the first checkpoint; a day later for each next one; a minute later for each witness.
func (p plan) cosignTime(checkpoint, witness int) uint64 {
	if p.times != nil {
		return p.times(checkpoint, witness)
	}
	return 1795306200 + uint64(86400*checkpoint+60*witness)
}

// clipBytes is the published file of the clip vectors.
var clipBytes = bytes.Repeat([]byte("not really a clip, but bytes\n"), 40)

// itemBytes is the file of the item vectors.
var itemBytes = bytes.Repeat([]byte("as received\n"), 50)

// state makes scope and clip statement with their openings.
func (p plan) state(b *Bundle) {
	s := &ScopeStatement{Origin: testOrigin, SealedOn: "2026-11-21"}
	order := slices.Clone(p.accessions)
	slices.SortFunc(order, func(x, y accession) int { return bytes.Compare(x.scope.Root[:], y.scope.Root[:]) })
	var totals [][]Hash
	for _, a := range order {
		s.Accessions = append(s.Accessions, a.scope)
		s.Files, s.Bytes, s.Milliseconds, s.Unmeasured = s.Files+a.scope.Files, s.Bytes+a.scope.Bytes, s.Milliseconds+a.scope.Milliseconds, s.Unmeasured+a.scope.Unmeasured
		totals = append(totals, inclusionOf(a.leaves, len(a.leaves)-1))
	}
	if p.scope != nil {
		p.scope(s)
	}
	b.Statements = []Statement{{Scope: s}}
	if p.kind == KindScope {
		b.Scope = &ScopeOpening{Totals: totals}
		return
	}
	c := &ClipStatement{Bytes: int64(len(clipBytes)), SHA256: sha256.Sum256(clipBytes), Number: 1, Origin: testOrigin, StatedOn: "2026-11-22"}
	b.Clip = &ClipOpening{Totals: totals}
	for i, src := range p.sources {
		a := p.accessions[src.accession]
		e := a.entries[src.place]
		leaves, err := commit.SegmentLeaves(e.salt, e.size, e.digests)
		if err != nil {
			panic(err)
		}
		named := ClipSource{Accession: a.scope.Root, Item: a.leaves[src.place]}
		for _, n := range src.segments {
			named.Segments = append(named.Segments, NamedSegment{Commitment: leaves[n], Index: n})
		}
		c.Sources = append(c.Sources, named)
		b.Clip.Sources = append(b.Clip.Sources, a.opening(src.place, src.segments))
		c.Cuts = append(c.Cuts, Cut{FromMS: int64(1000 * (i + 1)), Source: i, ToMS: int64(1000*(i+1) + 4000)})
		c.ReleasedMS += 4000
	}
	c.Milliseconds = c.ReleasedMS + 40
	if p.clip != nil {
		p.clip(c)
	}
	b.Statements = append(b.Statements, Statement{Clip: c})
}

// The archives of the vectors.
func bigArchive() []accession {
	var one, two []entry
	for i := range 11 {
		one = append(one, newEntry(fmt.Sprint("one ", i), int64(i)*7_000_000+123, int64(i)*61_000))
	}
	for i := range 6 {
		two = append(two, newEntry(fmt.Sprint("two ", i), int64(i+1)*30_000_001, 3_600_000))
	}
	return []accession{newAccession(one...), newAccession(two...), newAccession(newEntry("three", 5, 0))}
}

func smallArchive() []accession {
	return []accession{newAccession(newEntry("small 0", 2_500_000, 61_000), newEntry("small 1", 900, 0), newEntry("small 2", 4_000_000, 5_000))}
}

// fullClip is the clip of the format's own example: 3 sources, 20 segments, 2 ticks, 2 checkpoints, 3 witnesses.
func fullClip() plan {
	return plan{kind: KindClip, accessions: bigArchive(), scopeTick: 5, clipTick: 8, sizes: []int64{7, 12},
		sources: []source{
			{0, 8, []int64{0, 1, 2, 3, 30, 31, 53}},
			{1, 5, []int64{0, 100, 101, 102, 103, 104, 105, 171}},
			{1, 0, []int64{4, 5, 6, 7, 28}},
		},
		witnesses: 3, cosigned: [][]int{{0, 2}, {0, 1, 2}}}
}

// smallClip is what most refusals of clips are made from.
func smallClip() plan {
	return plan{kind: KindClip, accessions: smallArchive(), scopeTick: 1, clipTick: 2, sizes: []int64{3, 5},
		sources: []source{{0, 0, []int64{0, 2}}}, witnesses: 2, cosigned: [][]int{{0, 1}, {0, 1}}}
}

func smallScope() plan {
	return plan{kind: KindScope, accessions: smallArchive(), scopeTick: 1, sizes: []int64{3, 5}, witnesses: 2, cosigned: [][]int{{0, 1}, {0, 1}}}
}

func smallItem() plan {
	return plan{kind: KindItem, item: newEntryOf("item", itemBytes), clipTick: 1, sizes: []int64{3}, witnesses: 2, cosigned: [][]int{{0, 1}}}
}

func segmentedItem() plan {
	p := smallItem()
	p.item, p.opened = newEntry("segmented", 9*SegmentSize+77, 0), []int64{0, 3, 4, 9}
	return p
}

func TestBuilderMakesWhatVerifies(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]plan{"clip": fullClip(), "small clip": smallClip(), "scope": smallScope(), "item": smallItem(), "segments": segmentedItem()} {
		raw := p.build()
		if r := Verify(raw, Options{}); !r.OK {
			t.Errorf("%s: %+v", name, r)
		}
		t.Logf("%s: %d bytes", name, len(raw))
	}
}

func veilOf(e entry) Hash { return commit.Derive(e.salt, "veil", 0) }

// segmentsWithLength gives the leaves of the tree of segments of an archive that lies about the length of one.
func segmentsWithLength(e entry, index, length int64) []Hash {
	leaves, err := commit.SegmentLeaves(e.salt, e.size, e.digests)
	if err != nil {
		panic(err)
	}
	leaves[index] = commit.Segment(e.salt, uint64(index), length, Hash(e.digests[32*index:]))
	return leaves
}
