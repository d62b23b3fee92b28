package commit

import (
	"fmt"

	"zapis/internal/tlog"
)

// ErrRange: a size, a place or a depth is negative or beyond the tree.
var ErrRange = tlog.ErrRange

// maxDepth keeps places within an int64.
const maxDepth = 48

// veiled makes roots and proofs of one tree. It runs twice over the same walk: the first notes which stored hashes are
// needed, so that they are read at once; the second has them.
type veiled struct {
	n      int64
	pads   [maxDepth + 1]Hash
	wanted []int64
	stored map[int64]tlog.Hash // nil in the first run
}

func newVeiled(depth int, n int64, veil [32]byte) (*veiled, error) {
	if depth < 0 || depth > maxDepth || n < 0 || n > 1<<depth {
		return nil, fmt.Errorf("veiled tree of depth %d over %d: %w", depth, n, ErrRange)
	}
	v := &veiled{n: n}
	for l := range depth + 1 {
		v.pads[l] = Derive(veil, tagVeil, uint64(l))
	}
	return v, nil
}

// hash is the hash of the subtree of height l over the places from s on.
func (v *veiled) hash(l int, s int64) Hash {
	switch {
	case s >= v.n:
		return v.pads[l]
	case s+1<<l <= v.n:
		at := tlog.StoredIndex(l, s>>l)
		if v.stored == nil {
			v.wanted = append(v.wanted, at)
			return Hash{}
		}
		return Hash(v.stored[at])
	}
	return Hash(tlog.NodeHash(tlog.Hash(v.hash(l-1, s)), tlog.Hash(v.hash(l-1, s+1<<(l-1)))))
}

// prove appends the hashes that fold needs for the places, which all lie below this subtree.
func (v *veiled) prove(out []Hash, l int, s int64, places []int64) []Hash {
	if len(places) == 0 {
		return append(out, v.hash(l, s))
	}
	if l == 0 {
		return out
	}
	middle := s + 1<<(l-1)
	cut := 0
	for cut < len(places) && places[cut] < middle {
		cut++
	}
	return v.prove(v.prove(out, l-1, s, places[:cut]), l-1, middle, places[cut:])
}

// read gets the hashes that the first run asked for.
func (v *veiled) read(r tlog.HashReader) error {
	v.stored = make(map[int64]tlog.Hash, len(v.wanted))
	if len(v.wanted) == 0 {
		return nil
	}
	found, err := r.ReadHashes(v.wanted)
	if err != nil {
		return err
	}
	if len(found) != len(v.wanted) {
		return fmt.Errorf("%d stored hashes of %d found: %w", len(found), len(v.wanted), ErrRange)
	}
	for i, at := range v.wanted {
		v.stored[at] = found[i]
	}
	return nil
}

// VeiledRoot gives the root of a veiled tree of the given depth, of whose places the first n are filled. hashes reads
// the stored hashes of the tree over those n leaves and is called at most once; veil is the veil key. ErrRange if the tree
// cannot hold n.
func VeiledRoot(depth int, n int64, veil [32]byte, hashes tlog.HashReader) (Hash, error) {
	v, err := newVeiled(depth, n, veil)
	if err != nil {
		return Hash{}, err
	}
	v.hash(depth, 0)
	if err := v.read(hashes); err != nil {
		return Hash{}, fmt.Errorf("read veiled tree of %d: %w", n, err)
	}
	return v.hash(depth, 0), nil
}

// VeiledProof gives the hashes of a veiled proof for places, which ascend, differ and are filled (else ErrRange). hashes
// is called at most once. Without places the proof is the root.
func VeiledProof(depth int, n int64, veil [32]byte, places []int64, hashes tlog.HashReader) ([]Hash, error) {
	v, err := newVeiled(depth, n, veil)
	if err != nil {
		return nil, err
	}
	for i, p := range places {
		if p < 0 || p >= n || i > 0 && p <= places[i-1] {
			return nil, fmt.Errorf("prove place %d of %d: %w", p, n, ErrRange)
		}
	}
	v.prove(nil, depth, 0, places)
	if err := v.read(hashes); err != nil {
		return nil, fmt.Errorf("read veiled tree of %d: %w", n, err)
	}
	return v.prove(nil, depth, 0, places), nil
}
