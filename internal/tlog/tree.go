package tlog

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// HashSize is the length of a Hash in bytes.
const HashSize = tlog.HashSize

// Hash is a SHA-256 hash of a leaf or of a node.
type Hash = tlog.Hash

// HashReader reads stored hashes by their numbers (see StoredIndex), in the order asked.
type HashReader = tlog.HashReader

// HashReaderFunc makes a HashReader of a function.
type HashReaderFunc = tlog.HashReaderFunc

// ErrProof: a proof does not lead from what it starts with to the root it was checked against.
var ErrProof = errors.New("proof does not hold")

// ErrRange: a size or an index is negative or beyond the tree.
var ErrRange = errors.New("outside the tree")

// LeafHash is SHA-256(0x00 || data), the hash of a leaf in RFC 6962.
func LeafHash(data []byte) Hash { return tlog.RecordHash(data) }

// NodeHash is SHA-256(0x01 || left || right), the hash of an inner node in RFC 6962.
func NodeHash(left, right Hash) Hash { return tlog.NodeHash(left, right) }

// StoredIndex is the number under which the hash of the n-th complete subtree of 2^level leaves is stored; level 0
// is the leaves.
func StoredIndex(level int, n int64) int64 { return tlog.StoredHashIndex(level, n) }

// StoredCount is how many hashes are stored for a tree of size leaves.
func StoredCount(size int64) int64 { return tlog.StoredHashCount(size) }

// Append gives the hashes to be stored when leaves (leaf hashes) are added to a tree of size leaves, and the number
// of the first of them; the others follow without a gap. It calls r at most once, for the right edge of the tree.
func Append(size int64, leaves []Hash, r HashReader) (first int64, hashes []Hash, err error) {
	if size < 0 {
		return 0, nil, fmt.Errorf("append to tree of %d: %w", size, ErrRange)
	}
	first = StoredCount(size)
	if len(leaves) == 0 {
		return first, nil, nil
	}
	known := map[int64]Hash{}
	if edge := rightEdge(size); len(edge) > 0 {
		old, err := read(r, edge)
		if err != nil {
			return 0, nil, fmt.Errorf("read right edge of tree of %d: %w", size, err)
		}
		for i, at := range edge {
			known[at] = old[i]
		}
	}
	overlay := HashReaderFunc(func(indexes []int64) ([]Hash, error) {
		out := make([]Hash, len(indexes))
		for i, at := range indexes {
			if at >= first {
				out[i] = hashes[at-first]
				continue
			}
			h, ok := known[at]
			if !ok {
				return nil, fmt.Errorf("hash %d is not on the right edge: %w", at, ErrRange)
			}
			out[i] = h
		}
		return out, nil
	})
	hashes = make([]Hash, 0, 2*len(leaves)+8)
	for i, leaf := range leaves {
		more, err := tlog.StoredHashesForRecordHash(size+int64(i), leaf, overlay)
		if err != nil {
			return 0, nil, fmt.Errorf("append leaf %d: %w", size+int64(i), err)
		}
		hashes = append(hashes, more...)
	}
	return first, hashes, nil
}

// rightEdge lists the numbers of the complete subtrees that a tree of size leaves falls into, largest first.
func rightEdge(size int64) []int64 {
	var out []int64
	for at, level := int64(0), 62; level >= 0; level-- {
		if size&(1<<level) != 0 {
			out = append(out, StoredIndex(level, at>>level))
			at += 1 << level
		}
	}
	return out
}

// Root is the root of the tree over the first size leaves. The root of an empty tree is the SHA-256 of nothing.
func Root(size int64, r HashReader) (Hash, error) {
	if size < 0 {
		return Hash{}, fmt.Errorf("root at %d: %w", size, ErrRange)
	}
	h, err := tlog.TreeHash(size, checked{r})
	if err != nil {
		return Hash{}, fmt.Errorf("root at %d: %w", size, err)
	}
	return h, nil
}

// Inclusion proves that the leaf at index is in the tree of size leaves (RFC 6962 section 2.1.1).
func Inclusion(size, index int64, r HashReader) ([]Hash, error) {
	if size < 0 || index < 0 || index >= size {
		return nil, fmt.Errorf("prove leaf %d in tree of %d: %w", index, size, ErrRange)
	}
	p, err := tlog.ProveRecord(size, index, checked{r})
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d in tree of %d: %w", index, size, err)
	}
	return p, nil
}

// CheckInclusion checks such a proof for a leaf hash against a root; ErrProof if it does not hold.
func CheckInclusion(proof []Hash, size int64, root Hash, index int64, leaf Hash) error {
	if size < 0 || index < 0 || index >= size {
		return fmt.Errorf("check leaf %d in tree of %d: %w", index, size, ErrRange)
	}
	if err := tlog.CheckRecord(proof, size, root, index, leaf); err != nil {
		return fmt.Errorf("check leaf %d in tree of %d: %w", index, size, ErrProof)
	}
	return nil
}

// Consistency proves that the first from leaves of the tree of to leaves are the tree of from leaves (RFC 6962
// section 2.1.2); 0 < from <= to.
func Consistency(from, to int64, r HashReader) ([]Hash, error) {
	if from < 1 || from > to {
		return nil, fmt.Errorf("prove tree of %d within tree of %d: %w", from, to, ErrRange)
	}
	p, err := tlog.ProveTree(to, from, checked{r})
	if err != nil {
		return nil, fmt.Errorf("prove tree of %d within tree of %d: %w", from, to, err)
	}
	return p, nil
}

// CheckConsistency checks such a proof against both roots; ErrProof if it does not hold.
func CheckConsistency(proof []Hash, from int64, fromRoot Hash, to int64, toRoot Hash) error {
	if from < 1 || from > to {
		return fmt.Errorf("check tree of %d within tree of %d: %w", from, to, ErrRange)
	}
	if err := tlog.CheckTree(proof, to, toRoot, from, fromRoot); err != nil {
		return fmt.Errorf("check tree of %d within tree of %d: %w", from, to, ErrProof)
	}
	return nil
}

// checked holds a reader to its word: as many hashes as were asked for.
type checked struct{ r HashReader }

func (c checked) ReadHashes(indexes []int64) ([]Hash, error) { return read(c.r, indexes) }

func read(r HashReader, indexes []int64) ([]Hash, error) {
	if len(indexes) == 0 {
		return nil, nil
	}
	out, err := r.ReadHashes(indexes)
	if err != nil {
		return nil, err
	}
	if len(out) != len(indexes) {
		return nil, fmt.Errorf("%d stored hashes of %d found: %w", len(out), len(indexes), ErrRange)
	}
	return out, nil
}
