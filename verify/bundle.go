package verify

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
)

// Hash is a SHA-256 digest, or 32 bytes that take the place of one (a salt, a root).
type Hash = [32]byte

// Kinds of bundles.
const (
	KindClip  = "clip"
	KindItem  = "item"
	KindScope = "scope"
)

// Limits of a bundle, as the page fixes them.
const (
	maxCheckpoints = 16
	maxKeys        = 32
	maxStamps      = 16
	maxWitnesses   = 256
	maxTicks       = 16
	maxCuts        = 256
	maxSources     = 64
	maxSegments    = 4096
	maxFiles       = 64

	custodyDepth   = 40
	statementDepth = 16
	segmentDepth   = 24

	// SegmentSize is the length in bytes of a proof segment; the last one of an item may be shorter.
	SegmentSize = 1 << 20
)

// unlimited is the bound of arrays that only the size of the bundle bounds.
const unlimited = maxBundle

// Bundle is the signed part of a proof bundle, version 1. Exactly one of Scope, Clip and Item is set, by Kind.
type Bundle struct {
	Checkpoints []Checkpoint // 1 to 16, by ascending size
	Kind        string       // KindClip, KindItem or KindScope
	Log         PublicLog
	Clip        *ClipOpening
	Item        *ItemOpening
	Scope       *ScopeOpening
	Statements  []Statement // clip: scope statement, clip statement; scope: scope statement; item: none
	Ticks       []Tick      // 1 to 16, by ascending index, each named by a statement or the opening
}

// PublicLog says whose log it is and who may sign for it.
type PublicLog struct {
	Keys      []Key // 1 to 32, the first one first
	Origin    string
	Witnesses []string // at most 256 verifier keys of witnesses (algorithm 0x04), sorted by their bytes
}

// Key is one key of the log. Endorsement is empty for the first one, for each other one a signed note by the key before.
type Key struct {
	Endorsement, VerifierKey string
}

// Checkpoint is a signed state of the log. Note is the signed note, the line of the log first, then cosignatures in the
// order of PublicLog.Witnesses. Consistency proves that the checkpoint before in the list is part of it; empty for the first.
type Checkpoint struct {
	Consistency []Hash
	Note        string
	Stamps      []StampToken // at most 16
}

// StampToken is a time stamp over the text of a checkpoint's note: the DER of a TimeStampToken (KindRFC3161) or a
// detached proof (KindOpenTimestamps).
type StampToken struct {
	Kind  string
	Token []byte
}

// Tick opens one entry of the log.
type Tick struct {
	Checkpoint int // place in Bundle.Checkpoints
	Custody    Hash
	Index      int64 // in the log
	Proof      []Hash
	Salt       Hash
	Statements Hash
}

// Statement is one statement with its place in a tick. Exactly one of Scope and Clip is set.
type Statement struct {
	Place int64
	Proof []Hash // veiled, depth 16
	Salt  Hash
	Scope *ScopeStatement
	Clip  *ClipStatement
	Tick  int // place in Bundle.Ticks
}

// ScopeStatement says what the archive held, sealed, on a day. Its sums are those over Accessions.
type ScopeStatement struct {
	Accessions   []ScopeAccession // at least one, by ascending Root
	Bytes        int64
	Files        int64
	Milliseconds int64
	Origin       string
	SealedOn     string // 2026-11-22
	Unmeasured   int64
}

// ScopeAccession is one sealed accession of a scope.
type ScopeAccession struct {
	Bytes, Files, Milliseconds int64
	Root                       Hash
	Unmeasured                 int64
}

// ClipStatement says what a published clip was cut from.
type ClipStatement struct {
	Bytes, Milliseconds int64 // of the published file
	SHA256              Hash  // of the published file
	Cuts                []Cut // 1 to 256, in order of play
	// Files are the others that were made with it in one rendering: smaller sizes and stills. With any the statement is of version 2.
	Files      []NamedFile // at most 64, by ascending SHA256
	Masks      []Hash
	Number     int64 // among the clips of the scope, from 1
	Origin     string
	Previous   *Hash // digest of the clip statement before; nil for number 1
	ReleasedMS int64
	Scope      Hash // digest of the scope statement
	Sources    []ClipSource
	StatedOn   string
}

// NamedFile is a published file by its size and digest.
type NamedFile struct {
	Bytes  int64
	SHA256 Hash
}

// version is the version of the statement: 2 if it names other files.
func (s ClipStatement) version() string {
	if len(s.Files) > 0 {
		return "2"
	}
	return "1"
}

// Cut is one stretch of a source, in milliseconds from its beginning.
type Cut struct {
	FromMS int64
	Source int // place in ClipStatement.Sources
	ToMS   int64
}

// ClipSource names an item by its leaf in a sealed accession, and the segments that were read from it.
type ClipSource struct {
	Accession Hash // root
	Item      Hash // item leaf
	Segments  []NamedSegment
}

// NamedSegment is a segment by its commitment.
type NamedSegment struct {
	Commitment Hash
	Index      int64
}

// ScopeOpening proves the totals: for each accession of the scope statement the inclusion proof of its last leaf.
type ScopeOpening struct {
	Totals [][]Hash
}

// ClipOpening proves the sources of a clip statement, in its order, and the totals as ScopeOpening does.
type ClipOpening struct {
	Sources []SourceOpening
	Totals  [][]Hash
}

// SourceOpening shows what an item leaf is made of and that it is in the tree of its accession.
type SourceOpening struct {
	Measure     Hash
	Place       int64
	Proof       []Hash
	SegmentRoot Hash
	Segments    []Hash // veiled proof, depth 24, for all segments the statement names
	Whole       Hash
}

// ItemOpening opens the ingestion event of one item and, if wanted, some of its segments.
type ItemOpening struct {
	Event         []byte // canonical bytes of the event
	Place         int64  // index in the custody record
	Proof         []Hash // veiled, depth 40
	Salt          Hash
	SegmentRoot   Hash
	Segments      []OpenSegment
	SegmentsProof []Hash // veiled, depth 24; empty if there are no segments
	SHA256        Hash
	Size          int64
	Tick          int // place in Bundle.Ticks
	WholeSalt     Hash
}

// OpenSegment is a segment with the salt of its commitment.
type OpenSegment struct {
	Index, Length int64
	Salt, SHA256  Hash
}

// Canonical gives the bytes of the scope statement that are hashed. ErrFormat if a value does not fit its form.
func (s ScopeStatement) Canonical() ([]byte, error) {
	return canonical(s.write, func(r *reader) { readScope(r) })
}

// Canonical gives the bytes of the clip statement that are hashed. ErrFormat if a value does not fit its form.
func (s ClipStatement) Canonical() ([]byte, error) {
	return canonical(s.write, func(r *reader) { readClip(r) })
}

// Canonical gives the bytes of the bundle, whose digest its note signs. ErrFormat if a value does not fit its form; no
// proof and no signature is checked.
func (b Bundle) Canonical() ([]byte, error) {
	return canonical(b.write, func(r *reader) { readBundle(r) })
}

// canonical writes a value and reads it back, so that what is written can always be read.
func canonical(write func(*writer), read func(*reader)) ([]byte, error) {
	w := &writer{}
	write(w)
	if w.err != nil {
		return nil, w.err
	}
	if len(w.out) > maxBundle {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrFormat, maxBundle)
	}
	r := &reader{raw: w.out}
	read(r)
	r.end()
	return w.out, r.err
}

// NoteText is the text that the last key of the log signs for a bundle, given its canonical bytes.
func NoteText(origin string, canonical []byte) string {
	return fmt.Sprintf("zapis proof v1\n%s\n%x\n", origin, sha256.Sum256(canonical))
}

// EndorsementText is the text that a key of the log signs for the key after it, which signs from size since.
func EndorsementText(origin, verifierKey string, since int64) string {
	return fmt.Sprintf("zapis log key v1\n%s\n%s\n%d\n", origin, verifierKey, since)
}

// Encode gives the file: the bundle and the signed note over NoteText. ErrFormat if a value does not fit its form.
func Encode(b Bundle, note string) ([]byte, error) {
	body, err := b.Canonical()
	if err != nil {
		return nil, err
	}
	w := &writer{out: make([]byte, 0, len(body)+len(note)+64)}
	w.key("bundle", true)
	w.raw(string(body))
	w.key("note", false)
	w.string(note)
	w.close()
	if w.err == nil && len(w.out) > maxBundle {
		w.err = fmt.Errorf("%w: more than %d bytes", ErrFormat, maxBundle)
	}
	return w.out, w.err
}

// Parse reads a file strictly: Encode of what it gives is raw again. ErrFormat if the spelling, a key, a value's form, a
// limit or an order is not as the page has it. No proof and no signature is checked.
func Parse(raw []byte) (b Bundle, note string, err error) {
	p, err := parse(raw)
	return p.bundle, p.note, err
}

// parsed is a bundle with the bytes that its parts are hashed over.
type parsed struct {
	bundle Bundle
	note   string
	body   []byte   // canonical bytes of the bundle
	states [][]byte // canonical bytes of each statement
}

func parse(raw []byte) (parsed, error) {
	if len(raw) > maxBundle {
		return parsed{}, fmt.Errorf("%w: more than %d bytes", ErrFormat, maxBundle)
	}
	var p parsed
	r := &reader{raw: raw}
	r.key("bundle", true)
	start := r.at
	p.bundle, p.states = readBundle(r)
	end := r.at
	r.key("note", false)
	p.note = r.string()
	r.close()
	r.end()
	if r.err != nil {
		return parsed{}, r.err
	}
	p.body = raw[start:end]
	// The reader allows one spelling only. Should it ever err on the lenient side, this still refuses.
	if again, err := Encode(p.bundle, p.note); err != nil || !bytes.Equal(again, raw) {
		return parsed{}, fmt.Errorf("%w: another spelling", ErrFormat)
	}
	return p, nil
}

func readBundle(r *reader) (b Bundle, states [][]byte) {
	r.key("checkpoints", true)
	r.array(1, maxCheckpoints, func(i int) {
		b.Checkpoints = append(b.Checkpoints, readCheckpoint(r))
		if r.err == nil && i == 0 && len(b.Checkpoints[0].Consistency) != 0 {
			r.fail("the first checkpoint has a consistency proof")
		}
	})
	r.key("format", false)
	r.constant("zapis proof")
	r.key("kind", false)
	at := r.at
	b.Kind = r.string()
	if r.err == nil && b.Kind != KindClip && b.Kind != KindItem && b.Kind != KindScope {
		r.at = at
		r.fail("an unknown kind")
	}
	r.key("log", false)
	b.Log = readLog(r)
	r.key("opening", false)
	switch b.Kind {
	case KindClip:
		b.Clip = readClipOpening(r)
	case KindItem:
		b.Item = readItemOpening(r)
	case KindScope:
		b.Scope = &ScopeOpening{}
		r.key("totals", true)
		b.Scope.Totals = readTotals(r)
		r.close()
	}
	r.key("statements", false)
	count := map[string]int{KindClip: 2, KindItem: 0, KindScope: 1}[b.Kind]
	r.array(count, count, func(i int) {
		s, state := readStatement(r, i == 1)
		b.Statements, states = append(b.Statements, s), append(states, state)
	})
	r.key("ticks", false)
	r.array(1, maxTicks, func(i int) {
		t := readTick(r)
		b.Ticks = append(b.Ticks, t)
		if i > 0 && t.Index <= b.Ticks[i-1].Index {
			r.fail("ticks out of order")
		}
	})
	r.key("version", false)
	r.constant("1")
	r.close()
	if r.err == nil {
		b.places(r)
	}
	return b, states
}

// places checks what one part of a bundle says about another: places that must be there, and lengths that agree.
func (b *Bundle) places(r *reader) {
	named := make([]bool, len(b.Ticks))
	tick := func(i int) {
		if i >= len(named) {
			r.fail("a tick is named that is not there")
			return
		}
		named[i] = true
	}
	for i := range b.Statements {
		tick(b.Statements[i].Tick)
	}
	if b.Item != nil {
		tick(b.Item.Tick)
	}
	if slices.Contains(named, false) {
		r.fail("a tick that nothing names")
	}
	for i := range b.Ticks {
		if b.Ticks[i].Checkpoint >= len(b.Checkpoints) {
			r.fail("a checkpoint is named that is not there")
		}
	}
	if b.Scope != nil && len(b.Scope.Totals) != len(b.Statements[0].Scope.Accessions) {
		r.fail("as many totals as accessions were expected")
	}
	if b.Clip != nil {
		if len(b.Clip.Totals) != len(b.Statements[0].Scope.Accessions) {
			r.fail("as many totals as accessions were expected")
		}
		if len(b.Clip.Sources) != len(b.Statements[1].Clip.Sources) {
			r.fail("as many openings as sources were expected")
		}
	}
}

func (b Bundle) write(w *writer) {
	w.key("checkpoints", true)
	w.array(len(b.Checkpoints), func(i int) { b.Checkpoints[i].write(w) })
	w.key("format", false)
	w.string("zapis proof")
	w.key("kind", false)
	w.string(b.Kind)
	w.key("log", false)
	b.Log.write(w)
	w.key("opening", false)
	switch {
	case b.Kind == KindClip && b.Clip != nil:
		b.Clip.write(w)
	case b.Kind == KindItem && b.Item != nil:
		b.Item.write(w)
	case b.Kind == KindScope && b.Scope != nil:
		w.key("totals", true)
		writeTotals(w, b.Scope.Totals)
		w.close()
	default:
		w.raw("{}") // refused when it is read back
	}
	w.key("statements", false)
	w.array(len(b.Statements), func(i int) { b.Statements[i].write(w) })
	w.key("ticks", false)
	w.array(len(b.Ticks), func(i int) { b.Ticks[i].write(w) })
	w.key("version", false)
	w.string("1")
	w.close()
}

func readLog(r *reader) (l PublicLog) {
	r.key("keys", true)
	r.array(1, maxKeys, func(int) {
		var k Key
		r.key("endorsement", true)
		k.Endorsement = r.string()
		r.key("vkey", false)
		k.VerifierKey = r.string()
		r.close()
		l.Keys = append(l.Keys, k)
	})
	r.key("origin", false)
	l.Origin = r.string()
	r.key("witnesses", false)
	r.array(0, maxWitnesses, func(i int) {
		l.Witnesses = append(l.Witnesses, r.string())
		if i > 0 && l.Witnesses[i] <= l.Witnesses[i-1] {
			r.fail("witnesses out of order")
		}
	})
	r.close()
	return l
}

func (l PublicLog) write(w *writer) {
	w.key("keys", true)
	w.array(len(l.Keys), func(i int) {
		w.key("endorsement", true)
		w.string(l.Keys[i].Endorsement)
		w.key("vkey", false)
		w.string(l.Keys[i].VerifierKey)
		w.close()
	})
	w.key("origin", false)
	w.string(l.Origin)
	w.key("witnesses", false)
	w.array(len(l.Witnesses), func(i int) { w.string(l.Witnesses[i]) })
	w.close()
}

func readCheckpoint(r *reader) (c Checkpoint) {
	r.key("consistency", true)
	c.Consistency = r.hashes()
	r.key("note", false)
	c.Note = r.string()
	r.key("stamps", false)
	r.array(0, maxStamps, func(int) {
		var s StampToken
		r.key("kind", true)
		at := r.at
		s.Kind = r.string()
		if r.err == nil && s.Kind != KindRFC3161 && s.Kind != KindOpenTimestamps {
			r.at = at
			r.fail("an unknown kind of stamp")
		}
		r.key("token", false)
		s.Token = r.base64()
		r.close()
		c.Stamps = append(c.Stamps, s)
	})
	r.close()
	return c
}

func (c Checkpoint) write(w *writer) {
	w.key("consistency", true)
	w.hashes(c.Consistency)
	w.key("note", false)
	w.string(c.Note)
	w.key("stamps", false)
	w.array(len(c.Stamps), func(i int) {
		w.key("kind", true)
		w.string(c.Stamps[i].Kind)
		w.key("token", false)
		w.base64(c.Stamps[i].Token)
		w.close()
	})
	w.close()
}

func readTick(r *reader) (t Tick) {
	r.key("checkpoint", true)
	t.Checkpoint = int(r.number(0, maxCheckpoints-1))
	r.key("custody", false)
	t.Custody = r.hash()
	r.key("index", false)
	t.Index = r.count()
	r.key("proof", false)
	t.Proof = r.hashes()
	r.key("salt", false)
	t.Salt = r.hash()
	r.key("statements", false)
	t.Statements = r.hash()
	r.close()
	return t
}

func (t Tick) write(w *writer) {
	w.key("checkpoint", true)
	w.number(int64(t.Checkpoint))
	w.key("custody", false)
	w.hash(t.Custody)
	w.key("index", false)
	w.number(t.Index)
	w.key("proof", false)
	w.hashes(t.Proof)
	w.key("salt", false)
	w.hash(t.Salt)
	w.key("statements", false)
	w.hash(t.Statements)
	w.close()
}

func readStatement(r *reader, clip bool) (s Statement, raw []byte) {
	r.key("place", true)
	s.Place = r.number(0, 1<<statementDepth-1)
	r.key("proof", false)
	s.Proof = r.hashes()
	r.key("salt", false)
	s.Salt = r.hash()
	r.key("statement", false)
	start := r.at
	if clip {
		s.Clip = readClip(r)
	} else {
		s.Scope = readScope(r)
	}
	if r.err == nil {
		raw = r.raw[start:r.at]
	}
	r.key("tick", false)
	s.Tick = int(r.number(0, maxTicks-1))
	r.close()
	return s, raw
}

func (s Statement) write(w *writer) {
	w.key("place", true)
	w.number(s.Place)
	w.key("proof", false)
	w.hashes(s.Proof)
	w.key("salt", false)
	w.hash(s.Salt)
	w.key("statement", false)
	switch {
	case s.Scope != nil:
		s.Scope.write(w)
	case s.Clip != nil:
		s.Clip.write(w)
	default:
		w.raw("{}") // refused when it is read back
	}
	w.key("tick", false)
	w.number(int64(s.Tick))
	w.close()
}

func readScope(r *reader) *ScopeStatement {
	s := &ScopeStatement{}
	r.key("accessions", true)
	r.array(1, unlimited, func(i int) {
		var a ScopeAccession
		r.key("bytes", true)
		a.Bytes = r.count()
		r.key("files", false)
		a.Files = r.count()
		r.key("milliseconds", false)
		a.Milliseconds = r.count()
		r.key("root", false)
		a.Root = r.hash()
		r.key("unmeasured", false)
		a.Unmeasured = r.count()
		r.close()
		s.Accessions = append(s.Accessions, a)
		if i > 0 && bytes.Compare(a.Root[:], s.Accessions[i-1].Root[:]) <= 0 {
			r.fail("accessions out of order")
		}
	})
	r.key("bytes", false)
	s.Bytes = r.count()
	r.key("files", false)
	s.Files = r.count()
	r.key("format", false)
	r.constant("zapis scope")
	r.key("milliseconds", false)
	s.Milliseconds = r.count()
	r.key("origin", false)
	s.Origin = r.string()
	r.key("sealed_on", false)
	s.SealedOn = r.date()
	r.key("unmeasured", false)
	s.Unmeasured = r.count()
	r.key("version", false)
	r.constant("1")
	r.close()
	return s
}

func (s ScopeStatement) write(w *writer) {
	w.key("accessions", true)
	w.array(len(s.Accessions), func(i int) {
		a := s.Accessions[i]
		w.key("bytes", true)
		w.number(a.Bytes)
		w.key("files", false)
		w.number(a.Files)
		w.key("milliseconds", false)
		w.number(a.Milliseconds)
		w.key("root", false)
		w.hash(a.Root)
		w.key("unmeasured", false)
		w.number(a.Unmeasured)
		w.close()
	})
	w.key("bytes", false)
	w.number(s.Bytes)
	w.key("files", false)
	w.number(s.Files)
	w.key("format", false)
	w.string("zapis scope")
	w.key("milliseconds", false)
	w.number(s.Milliseconds)
	w.key("origin", false)
	w.string(s.Origin)
	w.key("sealed_on", false)
	w.string(s.SealedOn)
	w.key("unmeasured", false)
	w.number(s.Unmeasured)
	w.key("version", false)
	w.string("1")
	w.close()
}

func readClip(r *reader) *ClipStatement {
	s := &ClipStatement{}
	r.key("clip", true)
	r.key("bytes", true)
	s.Bytes = r.count()
	r.key("milliseconds", false)
	s.Milliseconds = r.count()
	r.key("sha256", false)
	s.SHA256 = r.hash()
	r.close()
	r.key("cuts", false)
	r.array(1, maxCuts, func(int) {
		var c Cut
		r.key("from_ms", true)
		c.FromMS = r.count()
		r.key("source", false)
		c.Source = int(r.number(0, maxSources-1))
		r.key("to_ms", false)
		c.ToMS = r.count()
		r.close()
		if r.err == nil && c.FromMS >= c.ToMS {
			r.fail("a cut that ends before it begins")
		}
		s.Cuts = append(s.Cuts, c)
	})
	if r.nextKey("files") {
		r.key("files", false)
		r.array(1, maxFiles, func(i int) {
			var f NamedFile
			r.key("bytes", true)
			f.Bytes = r.count()
			r.key("sha256", false)
			f.SHA256 = r.hash()
			r.close()
			if r.err == nil && (f.SHA256 == s.SHA256 || i > 0 && bytes.Compare(f.SHA256[:], s.Files[i-1].SHA256[:]) <= 0) {
				r.fail("files out of order, or the clip among them")
			}
			s.Files = append(s.Files, f)
		})
	}
	r.key("format", false)
	r.constant("zapis clip")
	r.key("masks", false)
	r.array(0, unlimited, func(int) { s.Masks = append(s.Masks, r.hash()) })
	r.key("number", false)
	s.Number = r.number(1, maxNumber)
	r.key("origin", false)
	s.Origin = r.string()
	r.key("previous", false)
	at := r.at
	previous := r.string()
	if r.err == nil && previous != "" {
		h, ok := unhex(previous)
		if !ok {
			r.at = at
			r.fail("64 hexadecimal digits were expected")
		}
		s.Previous = &h
	}
	if r.err == nil && (s.Previous == nil) != (s.Number == 1) {
		r.fail("the first clip has none before it, each other one has")
	}
	r.key("released_ms", false)
	s.ReleasedMS = r.count()
	r.key("scope", false)
	s.Scope = r.hash()
	r.key("sources", false)
	r.array(1, maxSources, func(int) { s.Sources = append(s.Sources, readSource(r)) })
	r.key("stated_on", false)
	s.StatedOn = r.date()
	r.key("version", false)
	r.constant(s.version())
	r.close()
	if r.err != nil {
		return s
	}
	used := make([]bool, len(s.Sources))
	for _, c := range s.Cuts {
		if c.Source >= len(used) {
			r.fail("a cut from a source that is not there")
			return s
		}
		used[c.Source] = true
	}
	if slices.Contains(used, false) {
		r.fail("a source that no cut uses")
	}
	return s
}

func readSource(r *reader) (s ClipSource) {
	r.key("accession", true)
	s.Accession = r.hash()
	r.key("item", false)
	s.Item = r.hash()
	r.key("segments", false)
	r.array(1, maxSegments, func(i int) {
		var n NamedSegment
		r.key("commitment", true)
		n.Commitment = r.hash()
		r.key("index", false)
		n.Index = r.number(0, 1<<segmentDepth-1)
		r.close()
		s.Segments = append(s.Segments, n)
		if i > 0 && n.Index <= s.Segments[i-1].Index {
			r.fail("segments out of order")
		}
	})
	r.close()
	return s
}

func (s ClipStatement) write(w *writer) {
	w.key("clip", true)
	w.key("bytes", true)
	w.number(s.Bytes)
	w.key("milliseconds", false)
	w.number(s.Milliseconds)
	w.key("sha256", false)
	w.hash(s.SHA256)
	w.close()
	w.key("cuts", false)
	w.array(len(s.Cuts), func(i int) {
		w.key("from_ms", true)
		w.number(s.Cuts[i].FromMS)
		w.key("source", false)
		w.number(int64(s.Cuts[i].Source))
		w.key("to_ms", false)
		w.number(s.Cuts[i].ToMS)
		w.close()
	})
	if len(s.Files) > 0 {
		w.key("files", false)
		w.array(len(s.Files), func(i int) {
			w.key("bytes", true)
			w.number(s.Files[i].Bytes)
			w.key("sha256", false)
			w.hash(s.Files[i].SHA256)
			w.close()
		})
	}
	w.key("format", false)
	w.string("zapis clip")
	w.key("masks", false)
	w.array(len(s.Masks), func(i int) { w.hash(s.Masks[i]) })
	w.key("number", false)
	w.number(s.Number)
	w.key("origin", false)
	w.string(s.Origin)
	w.key("previous", false)
	if s.Previous == nil {
		w.string("")
	} else {
		w.hash(*s.Previous)
	}
	w.key("released_ms", false)
	w.number(s.ReleasedMS)
	w.key("scope", false)
	w.hash(s.Scope)
	w.key("sources", false)
	w.array(len(s.Sources), func(i int) {
		w.key("accession", true)
		w.hash(s.Sources[i].Accession)
		w.key("item", false)
		w.hash(s.Sources[i].Item)
		w.key("segments", false)
		w.array(len(s.Sources[i].Segments), func(j int) {
			w.key("commitment", true)
			w.hash(s.Sources[i].Segments[j].Commitment)
			w.key("index", false)
			w.number(s.Sources[i].Segments[j].Index)
			w.close()
		})
		w.close()
	})
	w.key("stated_on", false)
	w.string(s.StatedOn)
	w.key("version", false)
	w.string(s.version())
	w.close()
}

func readTotals(r *reader) (totals [][]Hash) {
	r.array(1, unlimited, func(int) { totals = append(totals, r.hashes()) })
	return totals
}

func writeTotals(w *writer, totals [][]Hash) {
	w.array(len(totals), func(i int) { w.hashes(totals[i]) })
}

func readClipOpening(r *reader) *ClipOpening {
	o := &ClipOpening{}
	r.key("sources", true)
	r.array(1, maxSources, func(int) {
		var s SourceOpening
		r.key("measure", true)
		s.Measure = r.hash()
		r.key("place", false)
		s.Place = r.count()
		r.key("proof", false)
		s.Proof = r.hashes()
		r.key("segment_root", false)
		s.SegmentRoot = r.hash()
		r.key("segments", false)
		s.Segments = r.hashes()
		r.key("whole", false)
		s.Whole = r.hash()
		r.close()
		o.Sources = append(o.Sources, s)
	})
	r.key("totals", false)
	o.Totals = readTotals(r)
	r.close()
	return o
}

func (o ClipOpening) write(w *writer) {
	w.key("sources", true)
	w.array(len(o.Sources), func(i int) {
		s := o.Sources[i]
		w.key("measure", true)
		w.hash(s.Measure)
		w.key("place", false)
		w.number(s.Place)
		w.key("proof", false)
		w.hashes(s.Proof)
		w.key("segment_root", false)
		w.hash(s.SegmentRoot)
		w.key("segments", false)
		w.hashes(s.Segments)
		w.key("whole", false)
		w.hash(s.Whole)
		w.close()
	})
	w.key("totals", false)
	writeTotals(w, o.Totals)
	w.close()
}

func readItemOpening(r *reader) *ItemOpening {
	o := &ItemOpening{}
	r.key("event", true)
	o.Event = r.base64()
	r.key("place", false)
	o.Place = r.number(0, 1<<custodyDepth-1)
	r.key("proof", false)
	o.Proof = r.hashes()
	r.key("salt", false)
	o.Salt = r.hash()
	r.key("segment_root", false)
	o.SegmentRoot = r.hash()
	r.key("segments", false)
	r.array(0, unlimited, func(i int) {
		var s OpenSegment
		r.key("index", true)
		s.Index = r.number(0, 1<<segmentDepth-1)
		r.key("length", false)
		s.Length = r.number(0, SegmentSize)
		r.key("salt", false)
		s.Salt = r.hash()
		r.key("sha256", false)
		s.SHA256 = r.hash()
		r.close()
		o.Segments = append(o.Segments, s)
		if i > 0 && s.Index <= o.Segments[i-1].Index {
			r.fail("segments out of order")
		}
	})
	r.key("segments_proof", false)
	o.SegmentsProof = r.hashes()
	if r.err == nil && len(o.Segments) == 0 && len(o.SegmentsProof) != 0 {
		r.fail("a proof of no segments")
	}
	r.key("sha256", false)
	o.SHA256 = r.hash()
	r.key("size", false)
	o.Size = r.count()
	r.key("tick", false)
	o.Tick = int(r.number(0, maxTicks-1))
	r.key("whole_salt", false)
	o.WholeSalt = r.hash()
	r.close()
	return o
}

func (o ItemOpening) write(w *writer) {
	w.key("event", true)
	w.base64(o.Event)
	w.key("place", false)
	w.number(o.Place)
	w.key("proof", false)
	w.hashes(o.Proof)
	w.key("salt", false)
	w.hash(o.Salt)
	w.key("segment_root", false)
	w.hash(o.SegmentRoot)
	w.key("segments", false)
	w.array(len(o.Segments), func(i int) {
		w.key("index", true)
		w.number(o.Segments[i].Index)
		w.key("length", false)
		w.number(o.Segments[i].Length)
		w.key("salt", false)
		w.hash(o.Segments[i].Salt)
		w.key("sha256", false)
		w.hash(o.Segments[i].SHA256)
		w.close()
	})
	w.key("segments_proof", false)
	w.hashes(o.SegmentsProof)
	w.key("sha256", false)
	w.hash(o.SHA256)
	w.key("size", false)
	w.number(o.Size)
	w.key("tick", false)
	w.number(int64(o.Tick))
	w.key("whole_salt", false)
	w.hash(o.WholeSalt)
	w.close()
}

// SortWitnesses brings verifier keys of witnesses into the order a bundle wants and drops doubles.
func SortWitnesses(vkeys []string) []string {
	out := slices.Clone(vkeys)
	slices.SortFunc(out, strings.Compare)
	return slices.Compact(out)
}
