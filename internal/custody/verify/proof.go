package verify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	gohash "hash"
	"maps"
	"slices"
	"strconv"
)

// Codes of failures of what makes the record provable to outsiders.
const (
	CodeErased       = "erased-altered"     // the list of erased openings does not fit the record
	CodeErasure      = "erasure-unrecorded" // an erasure without approval, without its event, or with another one
	CodeSeal         = "seal-altered"       // the seal of an item is not the one in its event, or does not follow from it
	CodeSealMissing  = "seal-missing"       // an event names a seal that is not there
	CodeSealExtra    = "seal-unrecorded"    // a seal that no event names
	CodeAccession    = "accession-altered"  // the seal of an accession does not follow from its items, or from its event
	CodeTick         = "tick-altered"       // an entry of the public log is not the one that its opening gives
	CodeTickRoot     = "tick-root"          // the record had another root when an entry was made: it was rewritten
	CodeTickCut      = "tick-cut"           // the record ends before an entry of the public log says
	CodeLogHash      = "log-hash-altered"   // a stored hash of the public log does not follow from its entries
	CodeLogCheck     = "log-checkpoint"     // a checkpoint of the public log does not follow from its entries or its keys
	CodeLogKey       = "log-key"            // a key of the public log was not endorsed by the one before
	CodeLogStatement = "statement-altered"  // statements do not give the root that a tick committed to
)

// Proofs gives what makes the record provable to outsiders. A Source that has it is also checked against it. Lists with a
// from come in order of their number as those of Source do; the others come whole.
type Proofs interface {
	Erased(ctx context.Context, from int64, limit int) ([]ErasedOpening, error)
	Erasures(ctx context.Context) ([]Erasure, error)
	// Seals gives those of the items that have a seal.
	Seals(ctx context.Context, items []string) ([]Seal, error)
	SealCount(ctx context.Context) (int64, error)
	AccessionSeals(ctx context.Context) ([]AccessionSeal, error)
	AccessionPlaces(ctx context.Context, accession string, from int64, limit int) ([]AccessionPlace, error)
	LogOrigin(ctx context.Context) (string, error) // empty: there is no public log
	LogKeys(ctx context.Context) ([]LogKey, error)
	Ticks(ctx context.Context, from int64, limit int) ([]Tick, error)
	TickOpenings(ctx context.Context, from int64, limit int) ([]TickOpening, error)
	LogHashes(ctx context.Context, from int64, limit int) ([]StoredHash, error)
	LogCheckpoints(ctx context.Context) ([]Checkpoint, error)
	// Statements gives the statements of a tick by place.
	Statements(ctx context.Context, tick int64) ([]Statement, error)
}

// ErasedOpening says under which erasure an opening was taken away.
type ErasedOpening struct {
	Index   int64
	Erasure string
}

// Erasure is a row of the table of erasures.
type Erasure struct{ ID, Item, State, RequestedBy, ApprovedBy string }

// Seal is a row of the table of seals of items.
type Seal struct {
	Item                              string
	SegmentSize                       int64
	Salt, Digests, Whole, SegmentRoot []byte
}

// AccessionSeal is a row of the table of seals of accessions.
type AccessionSeal struct {
	Accession                              string
	Root                                   []byte
	Files, Bytes, Milliseconds, Unmeasured int64
}

// AccessionPlace is where an item stands in its sealed accession.
type AccessionPlace struct {
	Place                                                int64
	Item                                                 string
	Leaf                                                 []byte
	BytesBefore, Bytes, MillisecondsBefore, Milliseconds int64
}

// LogKey is a row of the table of keys of the public log.
type LogKey struct {
	Number, Since            int64
	VerifierKey, Endorsement string
}

// Tick is an entry of the public log, TickOpening what opens it.
type Tick struct {
	Position   int64
	Commitment []byte
	Blank      bool
}

// TickOpening is a row of the table of openings of the public log.
type TickOpening struct {
	Position, CustodySize, Statements                              int64
	Salt, CustodyRoot, CustodyVeil, StatementsRoot, StatementsVeil []byte
}

// Statement is a statement of a tick.
type Statement struct {
	ID                 string
	Place              int64
	Body, Salt, SHA256 []byte
}

// The formulas of docs/design/proof-bundle.md, section "What is committed".

func tagged(tag string, parts ...[]byte) hash {
	b := append([]byte(tag), 0)
	for _, p := range parts {
		b = append(b, p...)
	}
	return sha256.Sum256(b)
}

func number(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func derived(salt []byte, label string, n int64) []byte {
	m := hmac.New(sha256.New, salt)
	m.Write([]byte(label))
	m.Write([]byte{0})
	m.Write(number(n))
	return m.Sum(nil)
}

// veiled is the root of a veiled tree over the leaves that t holds: from the right edge upwards, each level either joins a
// complete subtree on the left or an empty one on the right.
func (t *tree) veiled(depth int, veil []byte) hash {
	pad := func(l int) hash { return hash(derived(veil, "zapis.veil.v1", int64(l))) }
	next := len(t.edge) // the edge is read from its right end
	var partial *hash
	for l := range depth {
		full := t.size>>l&1 == 1
		var h hash
		switch {
		case full && partial == nil:
			next--
			h = nodeHash(t.edge[next], pad(l))
		case full:
			next--
			h = nodeHash(t.edge[next], *partial)
		case partial != nil:
			h = nodeHash(*partial, pad(l))
		default:
			continue
		}
		partial = &h
	}
	switch {
	case partial != nil:
		return *partial
	case t.size == 0:
		return pad(depth)
	}
	return t.edge[0] // full
}

func (t *tree) put(data []byte) { t.add(leafHash(data), func(hash) {}) }

// proofs is what the walk gathers for the checks of proofs. Of an export there is no src: what its erased openings are held
// against are its events alone.
type proofs struct {
	src      Proofs
	erasures map[string]Erasure
	gone     *stream[ErasedOpening]
	sets     map[string]*erasedSet // openings by erasure
	deleted  map[string][]deletion // events by erasure
	seals    []sealVouch
	sealed   int64 // seals that an event names
	due      map[int64][]TickOpening
	met      map[int64]bool // ticks whose root was compared
	ticks    map[int64]tickEvent
	packages map[string]map[string]string // events of sealing by accession
	pending  []disagreement
}

type erasedSet struct {
	n int64
	h gohash.Hash
}

// deletion is what an event says of an erasure.
type deletion struct {
	index                    int64
	item, openings, sha256   string
	manifest, manifestSHA256 string
	objects                  []string
}

// sealVouch is what an event says of the seal of an item.
type sealVouch struct {
	item, whole, root string
	index             int64
}

type tickEvent struct {
	index      int64
	root, tick string
}

// disagreement is a failure that an erasure may excuse; that is known only at the end.
type disagreement struct {
	kind          string
	thing         Thing
	code, subject string
	text          string
}

func newProofs() *proofs {
	return &proofs{erasures: map[string]Erasure{}, sets: map[string]*erasedSet{}, deleted: map[string][]deletion{}, due: map[int64][]TickOpening{},
		met: map[int64]bool{}, ticks: map[int64]tickEvent{}, packages: map[string]map[string]string{}}
}

// add notes that the opening of an index was erased. Indexes ascend.
func (p *proofs) add(erasure string, index int64) {
	set := p.sets[erasure]
	if set == nil {
		set = &erasedSet{h: sha256.New()}
		p.sets[erasure] = set
	}
	set.n++
	fmt.Fprintf(set.h, "%d\n", index)
}

func (c *checker) beginProofs(ctx context.Context, src Proofs) error {
	p := newProofs()
	p.src = src
	p.gone = newStream(src.Erased, func(e ErasedOpening) int64 { return e.Index })
	rows, err := src.Erasures(ctx)
	if err != nil {
		return c.unreadable(ctx, "erasures", err)
	}
	for _, e := range rows {
		p.erasures[e.ID] = e
	}
	openings := newStream(src.TickOpenings, func(o TickOpening) int64 { return o.Position })
	for o := openings.peek(ctx); o != nil; o = openings.peek(ctx) {
		p.due[o.CustodySize] = append(p.due[o.CustodySize], *o)
		openings.take()
	}
	c.p = p
	if _, cause := openings.stopped(); cause != nil {
		return c.unreadable(ctx, "openings of the public log", cause)
	}
	return ctx.Err()
}

// unreadable notes that a table cannot be read; the error is the context's, if that is why.
func (c *checker) unreadable(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	c.r.fail(CodeUnreadable, what, "rows cannot be read: %v", err)
	return nil
}

// erased says whether the opening of an index is listed as erased. It is asked once for each index, ascending.
func (c *checker) erased(ctx context.Context, index int64) bool {
	if c.p == nil || c.p.src == nil {
		return false
	}
	for row := c.p.gone.peek(ctx); row != nil && row.Index <= index; row = c.p.gone.peek(ctx) {
		r := *row
		c.p.gone.take()
		if r.Index < index {
			c.r.fail(CodeErased, fmt.Sprintf("opening %d", r.Index), "it is listed as erased, and the record has no such index")
			continue
		}
		c.p.add(r.Erasure, index)
		c.r.Erased++
		return true
	}
	return false
}

// note gathers what an event says of proofs.
func (c *checker) note(index int64, e event) {
	if c.p == nil || e.Outcome != "success" {
		return
	}
	d := e.Detail
	first := func(role, kind string) string {
		for _, s := range e.Subjects {
			if s.Role == role && s.Kind == kind {
				return s.ID
			}
		}
		return ""
	}
	switch e.Type {
	case "deletion":
		if d["erasure"] == "" {
			return
		}
		del := deletion{index: index, item: first("source", KindItem), openings: d["openings"], sha256: d["openings_sha256"],
			manifest: d["manifest_object"], manifestSHA256: d["manifest_sha256"]}
		for _, s := range e.Subjects {
			if s.Kind == KindObject {
				del.objects = append(del.objects, s.ID)
			}
		}
		c.p.deleted[d["erasure"]] = append(c.p.deleted[d["erasure"]], del)
	case "ingestion", "message digest calculation":
		if c.p.src == nil {
			return
		}
		item := first("outcome", KindItem)
		if e.Type != "ingestion" {
			item = first("source", KindItem)
		}
		if item != "" && (d["whole"] != "" || d["segment_root"] != "") {
			c.p.seals = append(c.p.seals, sealVouch{item, d["whole"], d["segment_root"], index})
		}
	case "information package creation":
		if a := first("about", KindAccession); a != "" {
			if _, twice := c.p.packages[a]; twice {
				c.r.fail(CodeAccession, "accession "+a, "two events say that it was sealed, the second at leaf %d", index)
			}
			c.p.packages[a] = d
		}
	case "digital signature generation":
		if d["act"] != "tick" {
			return
		}
		n, err := strconv.ParseInt(d["position"], 10, 64)
		if err != nil || n < 0 || strconv.FormatInt(n, 10) != d["position"] {
			c.r.fail(CodeEventForm, fmt.Sprintf("opening %d", index), "the position in event %s is not a number", e.ID)
			return
		}
		if _, twice := c.p.ticks[n]; twice {
			c.r.fail(CodeTick, fmt.Sprintf("tick %d", n), "two events say that it was made, the second at leaf %d", index)
		}
		c.p.ticks[n] = tickEvent{index, d["custody_root"], d["tick"]}
	}
}

// meetTicks holds the tree as it stands against the ticks that committed to it at this size.
func (c *checker) meetTicks() {
	if c.p == nil {
		return
	}
	for _, o := range c.p.due[c.tree.size] {
		c.p.met[o.Position] = true
		if root := c.tree.veiled(40, o.CustodyVeil); !bytes.Equal(root[:], o.CustodyRoot) {
			c.r.fail(CodeTickRoot, fmt.Sprintf("tick %d", o.Position), "at size %d the record has another root than the public log committed to: something before was altered", o.CustodySize)
		}
	}
}

// flushSeals holds the seals of items against what events said, and computes them again.
func (c *checker) flushSeals(ctx context.Context) error {
	if c.p == nil || c.p.src == nil || len(c.p.seals) == 0 {
		return nil
	}
	var ids []string
	for _, v := range c.p.seals {
		ids = append(ids, v.item)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	rows, err := c.p.src.Seals(ctx, ids)
	if err != nil {
		return c.unreadable(ctx, "seals of items", err)
	}
	things := map[string]Thing{}
	if c.catalogue != nil {
		list, err := c.catalogue.Things(ctx, KindItem, ids)
		if err != nil {
			return c.unreadable(ctx, KindItem, err)
		}
		for _, t := range list {
			things[t.ID] = t
		}
	}
	seals := map[string]Seal{}
	for _, s := range rows {
		seals[s.Item] = s
	}
	for _, v := range c.p.seals {
		subject := KindItem + " " + v.item
		s, ok := seals[v.item]
		t, held := things[v.item]
		switch {
		case !ok:
			d := disagreement{KindItem, t, CodeSealMissing, subject, fmt.Sprintf("the event at leaf %d names its seal, which is not there", v.index)}
			c.p.pending = append(c.p.pending, d)
		case hex.EncodeToString(s.Whole) != v.whole || hex.EncodeToString(s.SegmentRoot) != v.root:
			c.r.fail(CodeSeal, subject, "its seal is not the one in the event at leaf %d", v.index)
		case held && !sealHolds(s, t):
			c.r.fail(CodeSeal, subject, "its seal does not follow from its salt, its size and its digests")
		default:
			c.p.sealed++
			c.r.Seals++
		}
		if ok && (hex.EncodeToString(s.Whole) != v.whole || hex.EncodeToString(s.SegmentRoot) != v.root || held && !sealHolds(s, t)) {
			c.p.sealed++ // named, though wrong
		}
	}
	c.p.seals = c.p.seals[:0]
	return nil
}

// sealHolds computes the seal of an item again.
func sealHolds(s Seal, t Thing) bool {
	sum, err := hex.DecodeString(t.SHA256)
	const size = 1 << 20
	n := max(1, (t.Size+size-1)/size)
	if err != nil || s.SegmentSize != size || len(s.Salt) != 32 || int64(len(s.Digests)) != 32*n || n > 1<<24 {
		return false
	}
	if n == 1 && !bytes.Equal(s.Digests, sum) {
		return false
	}
	whole := tagged("zapis.whole.v1", derived(s.Salt, "whole", 0), number(t.Size), sum)
	var segments tree
	for i := range n {
		leaf := tagged("zapis.segment.v1", derived(s.Salt, "segment", i), number(max(0, min(size, t.Size-i*size))), s.Digests[32*i:32*i+32])
		segments.put(leaf[:])
	}
	root := segments.veiled(24, derived(s.Salt, "veil", 0))
	return bytes.Equal(whole[:], s.Whole) && bytes.Equal(root[:], s.SegmentRoot)
}

// endProofs judges what the walk has gathered.
func (c *checker) endProofs(ctx context.Context) error {
	if c.p == nil {
		return nil
	}
	if c.p.src == nil {
		c.judgeErasures()
		return nil
	}
	for row := c.p.gone.peek(ctx); row != nil && ctx.Err() == nil; row = c.p.gone.peek(ctx) {
		c.r.fail(CodeErased, fmt.Sprintf("opening %d", row.Index), "it is listed as erased, and the record has no such index")
		c.p.gone.take()
	}
	if where, cause := c.p.gone.stopped(); cause != nil {
		c.r.fail(CodeUnreadable, "erased openings", "rows cannot be read %s: %v", where, cause)
	}
	items := c.judgeErasures()
	c.judgePending(items)
	n, err := c.p.src.SealCount(ctx)
	if err != nil {
		if err := c.unreadable(ctx, "seals of items", err); err != nil {
			return err
		}
	} else if n != c.p.sealed {
		c.r.fail(CodeSealExtra, "seals of items", "there are %d, and events name %d of them", n, c.p.sealed)
	}
	if err := c.accessionSeals(ctx); err != nil {
		return err
	}
	return c.publicLog(ctx)
}

// judgeErasures holds erased openings, erasures and events against each other, and gives the items that were erased as they
// should.
func (c *checker) judgeErasures() map[string]bool {
	items := map[string]bool{}
	ids := map[string]bool{}
	for id := range c.p.sets {
		ids[id] = true
	}
	for id := range c.p.deleted {
		ids[id] = true
	}
	for id, e := range c.p.erasures {
		if e.State == "done" {
			ids[id] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		subject := "erasure " + id
		e, known := c.p.erasures[id]
		set := c.p.sets[id]
		if set == nil {
			set = &erasedSet{h: sha256.New()}
		}
		switch {
		case c.p.src == nil:
			// An export has the events alone. An event may tell of an erasure of which no opening was left to erase.
			if set.n == 0 {
				continue
			}
			e.Item = ""
		case !known:
			c.r.fail(CodeErasure, subject, "%d openings were erased under it or an event names it, and it is not there", set.n)
			continue
		case e.State != "approved" && e.State != "done":
			c.r.fail(CodeErasure, subject, "it was carried out and is not approved")
			continue
		case e.ApprovedBy == "" || e.ApprovedBy == e.RequestedBy:
			c.r.fail(CodeErasure, subject, "it was not approved by a second person")
			continue
		}
		sum := hex.EncodeToString(set.h.Sum(nil))
		if !slices.ContainsFunc(c.p.deleted[id], func(d deletion) bool {
			return (d.item == e.Item || e.Item == "") && d.openings == strconv.FormatInt(set.n, 10) && d.sha256 == sum
		}) {
			c.r.fail(CodeErasure, subject, "no event of type deletion names its item and the %d openings that were erased", set.n)
			continue
		}
		items[e.Item] = true
	}
	return items
}

// judgePending names the disagreements that no erasure excuses.
func (c *checker) judgePending(items map[string]bool) {
	objects, manifests := map[string]bool{}, map[string]string{}
	for id, list := range c.p.deleted {
		if e, ok := c.p.erasures[id]; !ok || !items[e.Item] {
			continue
		}
		for _, d := range list {
			for _, o := range d.objects {
				objects[o] = true
			}
			if d.manifest != "" {
				manifests[d.manifest] = d.manifestSHA256
			}
		}
	}
	for _, d := range c.p.pending {
		t := d.thing
		excused := t.Erased && (items[t.Item] || t.Item == "" && objects[t.ID])
		switch d.kind {
		case KindAccession:
			sum, ok := manifests[t.Object]
			excused = ok && sum == t.SHA256
		case KindObject:
			sum, ok := manifests[t.ID]
			// The event of a clip that several items went into goes with the first of them that is erased.
			excused = excused || ok && sum == t.SHA256 || t.Clip && len(items) > 0 && d.code == CodeUnrecorded
		}
		if !excused {
			c.r.fail(d.code, d.subject, "%s", d.text)
		}
	}
}

// accessionSeals computes the roots of sealed accessions again.
func (c *checker) accessionSeals(ctx context.Context) error {
	seals, err := c.p.src.AccessionSeals(ctx)
	if err != nil {
		return c.unreadable(ctx, "seals of accessions", err)
	}
	for _, s := range seals {
		subject := KindAccession + " " + s.Accession
		var t tree
		var ms, size, place int64
		wrong := ""
		places := newStream(func(ctx context.Context, from int64, limit int) ([]AccessionPlace, error) {
			return c.p.src.AccessionPlaces(ctx, s.Accession, max(from, -1), limit)
		}, func(p AccessionPlace) int64 { return p.Place })
		for p := places.peek(ctx); p != nil && ctx.Err() == nil; p = places.peek(ctx) {
			if p.Place != place || p.BytesBefore != size || p.MillisecondsBefore != ms || p.Bytes < 0 || p.Milliseconds < 0 {
				wrong = fmt.Sprintf("place %d does not follow the one in front", p.Place)
			}
			t.put(p.Leaf)
			size, ms, place = size+p.Bytes, ms+p.Milliseconds, place+1
			rows, err := c.p.src.Seals(ctx, []string{p.Item})
			if err != nil {
				return c.unreadable(ctx, "seals of items", err)
			}
			if len(rows) == 1 { // an erased item has none: its leaf stays and opens to nobody
				measure := tagged("zapis.measure.v1", derived(rows[0].Salt, "measure", 0), number(p.Place), number(p.BytesBefore), number(p.Bytes),
					number(p.MillisecondsBefore), number(p.Milliseconds))
				leaf := tagged("zapis.item.v1", rows[0].Whole, rows[0].SegmentRoot, measure[:])
				if !bytes.Equal(leaf[:], p.Leaf) {
					wrong = fmt.Sprintf("the leaf at place %d does not follow from its item", p.Place)
				}
			}
			places.take()
		}
		if _, cause := places.stopped(); cause != nil {
			if err := c.unreadable(ctx, subject, cause); err != nil {
				return err
			}
			continue
		}
		total := tagged("zapis.total.v1", number(s.Files), number(s.Bytes), number(s.Milliseconds))
		t.put(total[:])
		root := t.root()
		switch {
		case wrong != "":
		case place != s.Files || size != s.Bytes || ms != s.Milliseconds:
			wrong = "the places do not add up to the totals"
		case !bytes.Equal(root[:], s.Root):
			wrong = "the root does not follow from the leaves"
		}
		if wrong != "" {
			c.r.fail(CodeAccession, subject, "its seal: %s", wrong)
		}
		e, ok := c.p.packages[s.Accession]
		delete(c.p.packages, s.Accession)
		dec := func(n int64) string { return strconv.FormatInt(n, 10) }
		switch {
		case !ok:
			c.r.fail(CodeAccession, subject, "it is sealed, and no event says so")
		case e["root"] != hex.EncodeToString(s.Root) || e["files"] != dec(s.Files) || e["bytes"] != dec(s.Bytes) || e["milliseconds"] != dec(s.Milliseconds) ||
			e["unmeasured"] != dec(s.Unmeasured):
			c.r.fail(CodeAccession, subject, "its seal is not the one in its event")
		}
	}
	for _, a := range slices.Sorted(maps.Keys(c.p.packages)) {
		c.r.fail(CodeAccession, KindAccession+" "+a, "an event says that it was sealed, and there is no seal")
	}
	return ctx.Err()
}

// publicLog computes the entries, the tree and the checkpoints of the public log again.
func (c *checker) publicLog(ctx context.Context) error {
	origin, err := c.p.src.LogOrigin(ctx)
	if err != nil {
		return c.unreadable(ctx, "public log", err)
	}
	keys, err := c.logKeys(ctx, origin)
	if err != nil {
		return err
	}
	checkpoints, err := c.p.src.LogCheckpoints(ctx)
	if err != nil {
		return c.unreadable(ctx, "checkpoints of the public log", err)
	}
	bySize := map[int64][]Checkpoint{}
	for _, p := range checkpoints {
		bySize[p.Size] = append(bySize[p.Size], p)
	}
	opened := map[int64]TickOpening{}
	for _, list := range c.p.due {
		for _, o := range list {
			opened[o.Position] = o
		}
	}
	var t tree
	var position int64
	hashes := newStream(c.p.src.LogHashes, func(h StoredHash) int64 { return h.Position })
	ticks := newStream(c.p.src.Ticks, func(t Tick) int64 { return t.Position })
	for row := ticks.peek(ctx); row != nil && ctx.Err() == nil; row = ticks.peek(ctx) {
		k := *row
		ticks.take()
		subject := fmt.Sprintf("tick %d", k.Position)
		if k.Position != t.size {
			c.r.fail(CodeTick, subject, "the entry before it is missing")
			break // what follows cannot be checked
		}
		o, isOpen := opened[k.Position]
		delete(opened, k.Position)
		event, recorded := c.p.ticks[k.Position]
		delete(c.p.ticks, k.Position)
		switch {
		case isOpen == k.Blank:
			c.r.fail(CodeTick, subject, "it is blank and has an opening, or the other way round")
		case k.Blank && recorded:
			c.r.fail(CodeTick, subject, "it is blank, and the event at leaf %d says that it is not", event.index)
		case k.Blank:
		case !recorded:
			c.r.fail(CodeTick, subject, "no event says that it was made")
		case event.tick != hex.EncodeToString(k.Commitment) || event.root != hex.EncodeToString(o.CustodyRoot):
			c.r.fail(CodeTick, subject, "it is not the one in the event at leaf %d", event.index)
		}
		if isOpen {
			if err := c.tick(ctx, subject, k, o); err != nil {
				return err
			}
		}
		t.add(leafHash(k.Commitment), func(h hash) {
			row := hashes.peek(ctx)
			if row == nil || row.Position != position || !bytes.Equal(row.Hash, h[:]) {
				c.r.fail(CodeLogHash, fmt.Sprintf("log hash %d", position), "the stored hash is missing or does not follow from the entries")
			}
			if row != nil && row.Position <= position {
				hashes.take()
			}
			position++
		})
		c.r.Ticks++
		for _, p := range bySize[t.size] {
			c.logCheckpoint(p, t.root(), keys)
		}
		delete(bySize, t.size)
	}
	for what, s := range map[string]interface{ stopped() (string, error) }{"entries of the public log": ticks, "hashes of the public log": hashes} {
		if _, cause := s.stopped(); cause != nil {
			if err := c.unreadable(ctx, what, cause); err != nil {
				return err
			}
		}
	}
	for row := hashes.peek(ctx); row != nil && ctx.Err() == nil; row = hashes.peek(ctx) {
		c.r.fail(CodeLogHash, fmt.Sprintf("log hash %d", row.Position), "a stored hash beyond the end of the public log")
		hashes.take()
	}
	for _, size := range slices.Sorted(maps.Keys(bySize)) {
		c.r.fail(CodeLogCheck, fmt.Sprintf("log checkpoint %d", size), "the public log ends before it, at %d", t.size)
	}
	for _, p := range slices.Sorted(maps.Keys(opened)) {
		c.r.fail(CodeTick, fmt.Sprintf("tick %d", p), "it has an opening, and the public log ends before it")
	}
	for _, p := range slices.Sorted(maps.Keys(c.p.ticks)) {
		c.r.fail(CodeTick, fmt.Sprintf("tick %d", p), "the event at leaf %d says that it was made, and it is not there", c.p.ticks[p].index)
	}
	return ctx.Err()
}

// tick holds an entry of the public log against its opening.
func (c *checker) tick(ctx context.Context, subject string, k Tick, o TickOpening) error {
	if want := tagged("zapis.tick.v1", o.Salt, o.CustodyRoot, o.StatementsRoot); !bytes.Equal(want[:], k.Commitment) {
		c.r.fail(CodeTick, subject, "it does not follow from its opening")
	}
	switch {
	case c.p.met[k.Position]:
	case o.CustodySize > c.r.Size || o.CustodySize < 0:
		c.r.fail(CodeTickCut, subject, "the record ends at %d, before size %d that the public log committed to: its end was cut off", c.r.Size, o.CustodySize)
	default:
		c.r.fail(CodeCheckpointUnchecked, subject, "the tree cannot be built up to size %d", o.CustodySize)
	}
	list, err := c.p.src.Statements(ctx, k.Position)
	if err != nil {
		return c.unreadable(ctx, "statements", err)
	}
	var t tree
	for i, s := range list {
		if sum := sha256.Sum256(s.Body); s.Place != int64(i) || !bytes.Equal(sum[:], s.SHA256) {
			c.r.fail(CodeLogStatement, "statement "+s.ID, "its place or its digest is not that of its tick or its body")
		}
		leaf := tagged("zapis.statement.v1", s.Salt, s.Body)
		t.put(leaf[:])
	}
	if root := t.veiled(16, o.StatementsVeil); int64(len(list)) != o.Statements || !bytes.Equal(root[:], o.StatementsRoot) {
		c.r.fail(CodeLogStatement, subject, "the statements under it do not give the root that it committed to")
	}
	return nil
}

// logKey is a key of the public log that was endorsed as it should.
type logKey struct {
	Key
	since int64
}

// logKeys checks the chain of endorsements.
func (c *checker) logKeys(ctx context.Context, origin string) ([]logKey, error) {
	rows, err := c.p.src.LogKeys(ctx)
	if err != nil {
		return nil, c.unreadable(ctx, "keys of the public log", err)
	}
	var out []logKey
	for i, row := range rows {
		subject := fmt.Sprintf("log key %d", row.Number)
		key, err := ParseKey(row.VerifierKey)
		switch {
		case err != nil || key.Name() != origin || row.Number != int64(i)+1 || i > 0 && row.Since < rows[i-1].Since:
			c.r.fail(CodeLogKey, subject, "it is not the next key of the public log")
		case i == 0 && row.Endorsement != "":
			c.r.fail(CodeLogKey, subject, "the first key is endorsed by nobody")
		case i > 0:
			before, err := ParseKey(rows[i-1].VerifierKey)
			body, problem := before.Signed([]byte(row.Endorsement))
			if err != nil || problem != "" || string(body) != "zapis log key v1\n"+origin+"\n"+row.VerifierKey+"\n"+strconv.FormatInt(row.Since, 10)+"\n" {
				c.r.fail(CodeLogKey, subject, "it is not endorsed by the key before it")
				continue
			}
		}
		if err == nil {
			out = append(out, logKey{key, row.Since})
		}
	}
	return out, nil
}

// logCheckpoint holds a checkpoint of the public log against the root at its size.
func (c *checker) logCheckpoint(p Checkpoint, root hash, keys []logKey) {
	subject := fmt.Sprintf("log checkpoint %d", p.Size)
	if !bytes.Equal(p.Root, root[:]) {
		c.r.fail(CodeLogCheck, subject, "the public log has another root at that size")
	}
	for _, k := range keys {
		if k.since > p.Size {
			continue
		}
		if s, problem := k.open(p.Note); problem == "" {
			if s.size != p.Size || s.root != root {
				c.r.fail(CodeLogCheck, subject, "its note says another size or root")
			}
			return
		}
	}
	c.r.fail(CodeLogCheck, subject, "it is signed by no key of the public log that was in force")
}
