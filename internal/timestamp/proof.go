package timestamp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapis/verify"
)

// The serialisation of OpenTimestamps, version 1; docs/design/proof-bundle.md describes it. Reading here is apart from
// package verify on purpose: that one only evaluates, this one builds, and whatever is built goes through that one.
const (
	magic     = "\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94\x01\x08"
	opSHA256  = 0x08
	opAppend  = 0xf0
	opPrepend = 0xf1
	forkMark  = 0xff
	endMark   = 0x00
	maxDepth  = 256
	maxNodes  = 4096
	maxText   = 4096
	maxBody   = 8192
)

var (
	pendingKind = [8]byte{0x83, 0xdf, 0xe3, 0x0d, 0x2e, 0xf9, 0x0c, 0x8e}
	bitcoinKind = [8]byte{0x05, 0x88, 0x96, 0x0d, 0x73, 0xd7, 0x19, 0x01}
)

// node is a message of a proof with all that is claimed about it.
type node struct {
	message []byte
	ends    []end
	steps   []step
}

type end struct {
	kind [8]byte
	body []byte
}

type step struct {
	op   byte
	text []byte
	next *node
}

func (s step) apply(message []byte) []byte {
	switch s.op {
	case opAppend:
		return slices.Concat(message, s.text)
	case opPrepend:
		return slices.Concat(s.text, message)
	}
	sum := sha256.Sum256(message)
	return sum[:]
}

// reader reads a serialised proof.
type reader struct {
	rest  []byte
	nodes int
}

var errForm = errors.New("not well formed")

// readDetached reads a whole proof and gives the digest that it is over.
func readDetached(proof []byte) (*node, [32]byte, error) {
	var digest [32]byte
	body, ok := bytes.CutPrefix(proof, []byte(magic))
	if !ok || len(body) < 32 {
		return nil, digest, errForm
	}
	copy(digest[:], body)
	root, err := readStamp(body[32:], digest[:])
	return root, digest, err
}

// readStamp reads what a calendar answers about message: a stamp without the header of a file.
func readStamp(raw, message []byte) (*node, error) {
	if len(raw) > maxAnswer {
		return nil, errForm
	}
	r := reader{rest: raw}
	root := &node{message: message}
	if err := r.stamp(root, 0); err != nil {
		return nil, err
	}
	if len(r.rest) != 0 {
		return nil, errForm
	}
	return root, nil
}

func (r *reader) stamp(n *node, depth int) error {
	if r.nodes++; depth > maxDepth || r.nodes > maxNodes {
		return errForm
	}
	for more := true; more; {
		tag, err := r.take(1)
		if more = err == nil && tag[0] == forkMark; more {
			tag, err = r.take(1)
		}
		if err != nil {
			return err
		}
		if tag[0] == endMark {
			e := end{}
			kind, err := r.take(8)
			if err != nil {
				return err
			}
			copy(e.kind[:], kind)
			if e.body, err = r.text(maxBody); err != nil {
				return err
			}
			n.ends = append(n.ends, e)
			continue
		}
		s := step{op: tag[0]}
		switch s.op {
		case opSHA256:
		case opAppend, opPrepend:
			if s.text, err = r.text(maxText); err != nil {
				return err
			}
			if len(s.text) == 0 || len(s.text)+len(n.message) > maxText {
				return errForm
			}
		default:
			return fmt.Errorf("operation 0x%02x is not known", s.op)
		}
		s.next = &node{message: s.apply(n.message)}
		if err := r.stamp(s.next, depth+1); err != nil {
			return err
		}
		n.steps = append(n.steps, s)
	}
	return nil
}

func (r *reader) take(n int) ([]byte, error) {
	if n > len(r.rest) {
		return nil, errForm
	}
	p := r.rest[:n:n]
	r.rest = r.rest[n:]
	return p, nil
}

func (r *reader) number() (int64, error) {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 || n >= 1<<31 || size > 1 && r.rest[size-1] == 0 {
		return 0, errForm
	}
	r.rest = r.rest[size:]
	return int64(n), nil
}

func (r *reader) text(limit int64) ([]byte, error) {
	n, err := r.number()
	if err != nil || n > limit {
		return nil, errForm
	}
	return r.take(int(n))
}

// merge adds what other claims about the same message.
func (n *node) merge(other *node) {
	n.ends = append(n.ends, other.ends...)
	for _, s := range other.steps {
		i := slices.IndexFunc(n.steps, func(t step) bool { return t.op == s.op && bytes.Equal(t.text, s.text) })
		if i < 0 {
			n.steps = append(n.steps, s)
		} else {
			n.steps[i].next.merge(s.next)
		}
	}
}

// write serialises in the order of the reference library, each claim once. A node without any claim must not reach it: prune sees to that.
func (n *node) write(b []byte) []byte {
	slices.SortFunc(n.ends, func(x, y end) int { return cmp.Or(bytes.Compare(x.kind[:], y.kind[:]), bytes.Compare(x.body, y.body)) })
	n.ends = slices.CompactFunc(n.ends, func(x, y end) bool { return x.kind == y.kind && bytes.Equal(x.body, y.body) })
	slices.SortFunc(n.steps, func(x, y step) int { return cmp.Or(cmp.Compare(x.op, y.op), bytes.Compare(x.text, y.text)) })
	left := len(n.ends) + len(n.steps)
	mark := func() {
		if left--; left > 0 {
			b = append(b, forkMark)
		}
	}
	for _, e := range n.ends {
		mark()
		b = append(append(b, endMark), e.kind[:]...)
		b = append(binary.AppendUvarint(b, uint64(len(e.body))), e.body...)
	}
	for _, s := range n.steps {
		mark()
		b = append(b, s.op)
		if s.op != opSHA256 {
			b = append(binary.AppendUvarint(b, uint64(len(s.text))), s.text...)
		}
		b = s.next.write(b)
	}
	return b
}

// prune leaves the ends that keep says and the steps that lead to one; it says whether anything is left.
func (n *node) prune(keep func(*node, end) bool) bool {
	n.ends = slices.DeleteFunc(n.ends, func(e end) bool { return !keep(n, e) })
	n.steps = slices.DeleteFunc(n.steps, func(s step) bool { return !s.next.prune(keep) })
	return len(n.ends)+len(n.steps) > 0
}

// each calls f for every node, with those that f adds.
func (n *node) each(f func(*node) error) error {
	if err := f(n); err != nil {
		return err
	}
	for _, s := range n.steps {
		if err := s.next.each(f); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) has(kind [8]byte) bool {
	return slices.ContainsFunc(n.ends, func(e end) bool { return e.kind == kind }) ||
		slices.ContainsFunc(n.steps, func(s step) bool { return s.next.has(kind) })
}

// detached serialises a proof over digest and has it read by package verify before anybody sees it.
func detached(root *node, digest [32]byte) ([]byte, error) {
	proof := root.write(slices.Concat([]byte(magic), digest[:]))
	if _, err := verify.OpenTimestamps(proof, digest); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotVerified, Reason(err))
	}
	return proof, nil
}

// Merge joins proofs over the same digest, those of several calendars say, into one that forks. Errors are ErrNotVerified.
func Merge(digest [32]byte, proofs ...[]byte) ([]byte, error) {
	root := &node{message: digest[:]}
	for _, p := range proofs {
		// By verify first, whose limits are the ones that count.
		if _, err := verify.OpenTimestamps(p, digest); err != nil {
			return nil, fmt.Errorf("merge proofs: %w: %s", ErrNotVerified, Reason(err))
		}
		n, _, err := readDetached(p)
		if err != nil {
			return nil, fmt.Errorf("merge proofs: %w: %w", ErrNotVerified, err)
		}
		root.merge(n)
	}
	if len(root.ends)+len(root.steps) == 0 {
		return nil, fmt.Errorf("merge proofs: %w: there are none", ErrNotVerified)
	}
	return detached(root, digest)
}

// Headers gives what a Bitcoin block header says.
type Headers interface {
	// MerkleRoot gives the Merkle root (bytes as in the header) and the time of the block of that height; ErrNoHeader if it is not
	// at hand or not buried under enough others.
	MerkleRoot(ctx context.Context, height int64) (root [32]byte, at time.Time, err error)
}

// blockSlack is how much later than its header says a block may have been found: the rules of Bitcoin bind the time of a header only loosely.
const blockSlack = 2 * time.Hour

// Judge says how far a detached OpenTimestamps proof over digest has come, and gives it back without the blocks that headers contradict; once a block is
// confirmed only that one end is left, so that a bundle names nothing that was not checked. headers may be nil.
// Confirmed is the lowest block whose header holds the proof's Merkle root; At is two hours after the time in that header.
// The error is that of headers or of the context, never a verdict.
func Judge(ctx context.Context, proof []byte, digest [32]byte, headers Headers) ([]byte, Status, error) {
	ends, err := verify.Attestations(proof, digest)
	if err != nil {
		return proof, Status{State: Failed, Reason: Reason(err)}, nil
	}
	root, _, err := readDetached(proof)
	if err != nil {
		return proof, Status{State: Failed, Reason: err.Error()}, nil
	}
	type block struct {
		height int64
		root   [32]byte
	}
	var best, open int64 = -1, -1
	var at time.Time
	wrong := map[block]bool{}
	pending := false
	for _, e := range ends {
		pending = pending || e.Kind == "pending"
		if e.Kind != "bitcoin" {
			continue
		}
		if headers == nil {
			open = lowest(open, e.Height)
			continue
		}
		have, when, err := headers.MerkleRoot(ctx, e.Height)
		switch {
		case errors.Is(err, ErrNoHeader):
			open = lowest(open, e.Height)
		case err != nil:
			return proof, Status{}, fmt.Errorf("check proof: %w", err)
		case !bytes.Equal(have[:], e.Message):
			wrong[block{e.Height, [32]byte(e.Message)}] = true
		case best < 0 || e.Height < best:
			best, at = e.Height, when
		}
	}
	status := Status{State: Failed, Reason: "its block has another Merkle root"}
	switch {
	case best >= 0:
		status = Status{State: Confirmed, Block: best, At: at.Add(blockSlack)}
	case open >= 0:
		status = Status{State: Pending, Block: open, Reason: fmt.Sprintf("in block %d, headers not at hand", open)}
	case pending:
		status = Status{State: Pending, Reason: "promised by a calendar, in no block yet"}
	case len(wrong) == 0:
		status.Reason = "the proof has no end that is known"
	}
	if status.State == Failed {
		return proof, status, nil
	}
	root.prune(func(n *node, e end) bool {
		if e.kind != bitcoinKind {
			return best < 0
		}
		r := reader{rest: e.body}
		height, err := r.number()
		if err != nil || len(n.message) != 32 || wrong[block{height, [32]byte(n.message)}] {
			return false
		}
		return best < 0 || height == best
	})
	kept, err := detached(root, digest)
	if err != nil {
		return proof, Status{}, fmt.Errorf("check proof: %w", err)
	}
	return kept, status, nil
}

func lowest(a, b int64) int64 {
	if a < 0 {
		return b
	}
	return min(a, b)
}
