package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Codes of failures.
const (
	CodeUnreadable          = "unreadable"           // rows cannot be read
	CodeOrder               = "order"                // a row that has no place: its number came before, or is negative
	CodeLeafMissing         = "leaf-missing"         // an index without a commitment
	CodeOpeningMissing      = "opening-missing"      // an index without salt and event
	CodeCommitment          = "commitment-altered"   // the stored leaf hash agrees with the opening, not with the commitment
	CodeOpening             = "opening-altered"      // the commitment does not follow from salt and event
	CodeEventForm           = "event-form"           // the bytes are not an event in canonical form
	CodeEventColumns        = "columns-altered"      // the columns beside the event do not say what it says
	CodeSubjects            = "subjects-altered"     // the table of subjects does not say what the event says
	CodeHashMissing         = "hash-missing"         // a stored hash is not there
	CodeHash                = "hash-altered"         // a stored hash is not the one that follows from the leaves
	CodeHashExtra           = "hash-extra"           // a stored hash beyond the record
	CodeHead                = "head-altered"         // the head and the leaves do not agree
	CodeCheckpoint          = "checkpoint-altered"   // signature, form or columns of a checkpoint
	CodeCheckpointRoot      = "checkpoint-root"      // the tree had another root at that size
	CodeCheckpointCut       = "record-cut"           // the record ends before a checkpoint
	CodeCheckpointUnchecked = "checkpoint-unchecked" // the tree cannot be built up to that size
	CodeUnrecorded          = "unrecorded"           // held, but no event says how it came
	CodeNotHeld             = "not-held"             // an event names it, the catalogue does not have it
	CodeDiffers             = "differs"              // catalogue and event disagree on digest, size or object
	CodeExport              = "export-form"          // an export is not in the form of the format
	CodeExportCut           = "export-cut"           // an export has no end line, or lines are missing
)

// Failure is one thing that does not agree.
type Failure struct {
	Code    string `json:"code"`
	Subject string `json:"subject"` // what it belongs to: "leaf 12", "hash 40", "checkpoint 64", "item it_…"
	Text    string `json:"text"`    // one sentence
}

func (f Failure) String() string { return f.Subject + ": " + f.Text + " (" + f.Code + ")" }

// Report is the outcome of a verification.
type Report struct {
	Size        int64     `json:"size"` // leaves found
	Root        string    `json:"root"` // hex; empty if the tree cannot be built
	Checkpoints int       `json:"checkpoints"`
	Covered     int64     `json:"covered"`   // leaves under the largest checkpoint that holds
	Uncovered   int64     `json:"uncovered"` // leaves after it: nothing signed speaks for them yet
	Outside     int       `json:"outside"`   // checkpoints from outside that hold
	Compared    int64     `json:"compared"`  // statements of events held against the catalogue
	Failures    []Failure `json:"failures"`
	Omitted     int64     `json:"omitted"` // failures beyond the first 1,000
	Erased      int64     `json:"erased"`  // openings that were erased with two people's consent
	Seals       int64     `json:"seals"`   // seals of items that follow from salt and digests and are in an event
	Ticks       int64     `json:"ticks"`   // entries of the public log
}

// OK says that nothing disagreed.
func (r Report) OK() bool { return len(r.Failures) == 0 }

const maxFailures = 1000

func (r *Report) fail(code, subject, format string, a ...any) {
	if len(r.Failures) >= maxFailures {
		r.Omitted++
		return
	}
	r.Failures = append(r.Failures, Failure{code, subject, fmt.Sprintf(format, a...)})
}

// Options of a verification.
type Options struct {
	Key      Key                     // signs the checkpoints; required
	Outside  [][]byte                // signed checkpoints that were kept elsewhere
	Progress func(done, total int64) // leaves; may be nil
}

// VerifyDB checks a record in a database, and, if src is also a Catalogue, holds it against the catalogue. The error
// says that the check could not be done or was given up; what it found is in the report.
func VerifyDB(ctx context.Context, src Source, o Options) (Report, error) {
	c := checker{o: o, src: src}
	c.catalogue, _ = src.(Catalogue)
	if p, ok := src.(Proofs); ok {
		if err := c.beginProofs(ctx, p); err != nil {
			return c.r, err
		}
	}
	return c.run(ctx)
}

type checker struct {
	o         Options
	src       Source
	catalogue Catalogue
	noHashes  bool    // an export has no stored hashes
	p         *proofs // nil: only the record is checked

	r        Report
	tree     tree
	broken   bool // the tree cannot be built further
	position int64
	due      map[int64][]*claim // checkpoints by size
	claims   []*claim
	vouches  []vouch
}

// claim is a checkpoint to be held against the tree.
type claim struct {
	statement
	subject string
	outside bool
	good    bool // its signature holds
	met     bool // the tree reached its size
}

func (c *checker) run(ctx context.Context) (Report, error) {
	if c.o.Key.public == nil {
		return c.r, ErrKey
	}
	head, err := c.src.Head(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return c.r, ctx.Err()
		}
		c.r.fail(CodeUnreadable, "head", "the head of the record cannot be read: %v", err)
		head = -1
	}
	if err := c.readCheckpoints(ctx); err != nil {
		return c.r, err
	}
	leaves := newStream(c.src.Leaves, func(l Leaf) int64 { return l.Index })
	openings := newStream(c.src.Openings, func(o Opening) int64 { return o.Index })
	hashes := newStream(c.src.Hashes, func(h StoredHash) int64 { return h.Position })

	c.meet()
	var index int64
	for ; ; index++ {
		if err := ctx.Err(); err != nil {
			return c.r, err
		}
		leaf := c.nextLeaf(ctx, leaves, index)
		opening := c.nextOpening(ctx, openings, index)
		if leaf == nil && opening == nil {
			break
		}
		// A gap: go on where rows go on. Without the rows between, the tree ends here.
		next := index
		if (leaf == nil || leaf.Index > index) && (opening == nil || opening.Index > index) {
			next = min(at(leaf), at(opening))
			c.r.fail(CodeLeafMissing, span("leaf", index, next-1), "neither commitment nor opening is there")
			c.broken = true
			index = next
		}
		if leaf != nil && leaf.Index != index {
			leaf = nil
		}
		if opening != nil && opening.Index != index {
			opening = nil
		}
		erased, shown := c.erased(ctx, index), opening
		if opening != nil && opening.Erasure != "" {
			c.p.add(opening.Erasure, index)
			c.r.Erased++
			erased, shown = true, nil
		}
		if err := c.leaf(ctx, index, leaf, shown, erased, hashes); err != nil {
			return c.r, err
		}
		if leaf != nil {
			leaves.take()
		}
		if opening != nil {
			openings.take()
		}
		if c.o.Progress != nil && index%1024 == 0 {
			c.o.Progress(index, max(head, index))
		}
	}
	c.r.Size = index
	if err := c.flush(ctx); err != nil {
		return c.r, err
	}
	for _, l := range []struct {
		name string
		s    interface{ stopped() (string, error) }
	}{{"leaf", leaves}, {"opening", openings}, {"hash", hashes}} {
		if where, cause := l.s.stopped(); cause != nil {
			c.r.fail(CodeUnreadable, l.name, "rows cannot be read %s: %v", where, cause)
		}
	}
	if head >= 0 && head != index {
		c.r.fail(CodeHead, "head", "the head says %d, the leaves end at %d", head, index)
	}
	c.restOfHashes(ctx, hashes)
	if !c.broken {
		root := c.tree.root()
		c.r.Root = hex.EncodeToString(root[:])
	}
	c.judgeCheckpoints()
	if err := c.unrecorded(ctx); err != nil {
		return c.r, err
	}
	if err := c.endProofs(ctx); err != nil {
		return c.r, err
	}
	if c.o.Progress != nil {
		c.o.Progress(index, index)
	}
	return c.r, ctx.Err()
}

func at[T interface{ at() int64 }](row *T) int64 {
	if row == nil {
		return 1<<63 - 1
	}
	return (*row).at()
}

func (l Leaf) at() int64    { return l.Index }
func (o Opening) at() int64 { return o.Index }

func span(what string, from, to int64) string {
	if from == to {
		return fmt.Sprintf("%s %d", what, from)
	}
	return fmt.Sprintf("%s %d to %d", what, from, to)
}

func (c *checker) nextLeaf(ctx context.Context, s *stream[Leaf], index int64) *Leaf {
	for row := s.peek(ctx); row != nil; row = s.peek(ctx) {
		if row.Index >= index {
			return row
		}
		c.r.fail(CodeOrder, fmt.Sprintf("leaf %d", row.Index), "a leaf stands where none belongs")
		s.take()
	}
	return nil
}

func (c *checker) nextOpening(ctx context.Context, s *stream[Opening], index int64) *Opening {
	for row := s.peek(ctx); row != nil; row = s.peek(ctx) {
		if row.Index >= index {
			return row
		}
		c.r.fail(CodeOrder, fmt.Sprintf("opening %d", row.Index), "an opening stands where none belongs")
		s.take()
	}
	return nil
}

// leaf checks one index. Where commitment, opening and stored hash do not agree, the two that do outvote the third, so
// that one altered row is named alone; the checkpoints then judge the vote.
//
// An erased opening leaves its commitment behind; whether it was erased as it should is judged at the end.
func (c *checker) leaf(ctx context.Context, index int64, leaf *Leaf, o *Opening, erased bool, hashes *stream[StoredHash]) error {
	subject := fmt.Sprintf("leaf %d", index)
	var fromLeaf, fromOpening, stored *hash
	if leaf == nil {
		c.r.fail(CodeLeafMissing, subject, "the commitment is not there")
	} else if len(leaf.Commitment) != sha256.Size {
		c.r.fail(CodeCommitment, subject, "the commitment is not 32 bytes long")
	} else {
		h := leafHash(leaf.Commitment)
		fromLeaf = &h
	}
	if o != nil && erased {
		c.r.fail(CodeErased, fmt.Sprintf("opening %d", index), "it is listed as erased, and salt, event or subjects are there")
	}
	if o == nil && erased {
		// Known to be gone.
	} else if o == nil {
		c.r.fail(CodeOpeningMissing, fmt.Sprintf("opening %d", index), "salt and event are not there")
	} else if len(o.Salt) != 32 {
		c.r.fail(CodeOpening, fmt.Sprintf("opening %d", index), "the salt is not 32 bytes long")
	} else {
		v := commitment(o.Salt, o.Event)
		h := leafHash(v[:])
		fromOpening = &h
	}
	if !c.noHashes {
		if row := c.hashAt(ctx, hashes, c.position); row != nil && len(row.Hash) == sha256.Size {
			h := hash(row.Hash)
			stored = &h
		}
	}
	pick := fromLeaf
	switch {
	case fromLeaf != nil && fromOpening != nil && *fromLeaf != *fromOpening:
		if stored != nil && *stored == *fromOpening {
			c.r.fail(CodeCommitment, subject, "the commitment was altered: salt and event give the stored leaf hash, the commitment does not")
			pick = fromOpening
		} else {
			c.r.fail(CodeOpening, fmt.Sprintf("opening %d", index), "the commitment does not follow from salt and event")
		}
	case fromLeaf == nil:
		pick = fromOpening
	}
	if pick == nil {
		pick = stored
	}
	if o != nil {
		c.opening(index, o)
		if len(c.vouches) >= page || c.p != nil && len(c.p.seals) >= page {
			if err := c.flush(ctx); err != nil {
				return err
			}
		}
	}
	if pick == nil {
		c.broken = true
	}
	if c.broken {
		return nil
	}
	c.tree.add(*pick, func(h hash) {
		if c.noHashes {
			return
		}
		row := c.hashAt(ctx, hashes, c.position)
		switch {
		case row == nil:
			c.r.fail(CodeHashMissing, fmt.Sprintf("hash %d", c.position), "the stored hash is not there")
		case !bytes.Equal(row.Hash, h[:]):
			c.r.fail(CodeHash, fmt.Sprintf("hash %d", c.position), "the stored hash does not follow from the leaves up to %d", index)
			hashes.take()
		default:
			hashes.take()
		}
		c.position++
	})
	c.meet()
	return nil
}

// hashAt gives the stored hash at a position, or nil.
func (c *checker) hashAt(ctx context.Context, s *stream[StoredHash], position int64) *StoredHash {
	for row := s.peek(ctx); row != nil; row = s.peek(ctx) {
		switch {
		case row.Position == position:
			return row
		case row.Position > position:
			return nil
		}
		c.r.fail(CodeHashExtra, fmt.Sprintf("hash %d", row.Position), "a stored hash stands where none belongs")
		s.take()
	}
	return nil
}

func (c *checker) restOfHashes(ctx context.Context, s *stream[StoredHash]) {
	if c.noHashes || c.broken {
		return
	}
	for row := s.peek(ctx); row != nil && ctx.Err() == nil; row = s.peek(ctx) {
		c.r.fail(CodeHashExtra, fmt.Sprintf("hash %d", row.Position), "a stored hash beyond the end of the record")
		s.take()
	}
}

// opening checks the event of an index and notes what it vouches for.
func (c *checker) opening(index int64, o *Opening) {
	subject := fmt.Sprintf("opening %d", index)
	e, err := parseEvent(o.Event)
	if err != nil {
		c.r.fail(CodeEventForm, subject, "the event is %v", err)
		return
	}
	if !o.Bare {
		at, _ := time.Parse(timeFormat, e.Time)
		if e.ID != o.EventID || e.Type != o.Type || e.Agent != o.Agent || at.UnixMicro() != o.Time {
			c.r.fail(CodeEventColumns, subject, "identifier, type, time or agent beside event %s is not the event's", e.ID)
		}
		want := make([]Subject, len(e.Subjects))
		for i, s := range e.Subjects {
			want[i] = Subject{s.Role, s.Kind, s.ID}
		}
		have := slices.Clone(o.Subjects)
		slices.SortFunc(want, compareSubjects)
		slices.SortFunc(have, compareSubjects)
		// One thing may be named twice in one role; a table with a key keeps it once.
		if !slices.Equal(slices.Compact(want), slices.Compact(have)) {
			c.r.fail(CodeSubjects, subject, "the table of subjects does not list the subjects of event %s", e.ID)
		}
	}
	c.note(index, e)
	if c.catalogue != nil {
		c.vouch(index, e)
	}
}

func compareSubjects(a, b Subject) int {
	for _, d := range []int{cmp(a.Kind, b.Kind), cmp(a.ID, b.ID), cmp(a.Role, b.Role)} {
		if d != 0 {
			return d
		}
	}
	return 0
}

func cmp(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

// readCheckpoints opens every checkpoint and files it under the size it speaks of.
func (c *checker) readCheckpoints(ctx context.Context) error {
	c.due = map[int64][]*claim{}
	rows, err := c.src.Checkpoints(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.r.fail(CodeUnreadable, "checkpoint", "the checkpoints cannot be read: %v", err)
	}
	c.r.Checkpoints = len(rows)
	add := func(subject string, note []byte, outside bool) (*claim, bool) {
		s, problem := c.o.Key.open(note)
		if problem != "" {
			c.r.fail(CodeCheckpoint, subject, "%s", problem)
			return nil, false
		}
		cl := &claim{statement: s, subject: subject, outside: outside, good: true}
		c.claims = append(c.claims, cl)
		c.due[s.size] = append(c.due[s.size], cl)
		return cl, true
	}
	for _, row := range rows {
		subject := fmt.Sprintf("checkpoint %d", row.Size)
		cl, ok := add(subject, row.Note, false)
		if ok && (cl.size != row.Size || !bytes.Equal(cl.root[:], row.Root)) {
			c.r.fail(CodeCheckpoint, subject, "size or root beside the note is not the note's")
		}
		if !ok && len(row.Root) == sha256.Size {
			// What the row claims is still held against the tree, though it vouches for nothing.
			cl := &claim{statement: statement{size: row.Size, root: hash(row.Root)}, subject: subject}
			c.claims = append(c.claims, cl)
			c.due[row.Size] = append(c.due[row.Size], cl)
		}
	}
	for i, note := range c.o.Outside {
		add("checkpoint from outside "+strconv.Itoa(i+1), note, true)
	}
	return nil
}

// meet holds the tree as it stands against the checkpoints of its size.
func (c *checker) meet() {
	if c.broken {
		return
	}
	c.meetTicks()
	claims := c.due[c.tree.size]
	if len(claims) == 0 {
		return
	}
	root := c.tree.root()
	for _, cl := range claims {
		cl.met = true
		if cl.root != root {
			c.r.fail(CodeCheckpointRoot, cl.subject, "at size %d the record has another root: something before was altered", cl.size)
			continue
		}
		if cl.good {
			c.r.Covered = max(c.r.Covered, cl.size)
			if cl.outside {
				c.r.Outside++
			}
		}
	}
}

func (c *checker) judgeCheckpoints() {
	for _, cl := range c.claims {
		switch {
		case cl.met:
		case c.broken && cl.size <= c.r.Size:
			c.r.fail(CodeCheckpointUnchecked, cl.subject, "the tree cannot be built up to size %d", cl.size)
		default:
			c.r.fail(CodeCheckpointCut, cl.subject, "the record ends at %d, before size %d: its end was cut off", c.r.Size, cl.size)
		}
	}
	c.r.Uncovered = max(0, c.r.Size-c.r.Covered)
}
