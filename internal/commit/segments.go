package commit

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"zapis/internal/tlog"
)

// Segments is an io.Writer that cuts what is written into proof segments and keeps the SHA-256 of each: 32 bytes a MiB.
// The zero value is ready. It is not safe for concurrent use.
type Segments struct {
	h       hash.Hash
	filled  int64 // bytes of the open segment
	size    int64
	digests []byte
}

// Write takes the next bytes of the item. It never fails.
func (s *Segments) Write(p []byte) (int, error) {
	if s.h == nil {
		s.h = sha256.New()
	}
	total := len(p)
	for len(p) > 0 {
		n := int(min(int64(len(p)), SegmentSize-s.filled))
		s.h.Write(p[:n])
		s.filled += int64(n)
		p = p[n:]
		if s.filled == SegmentSize {
			s.digests = s.h.Sum(s.digests)
			s.h.Reset()
			s.filled = 0
		}
	}
	s.size += int64(total)
	return total, nil
}

// Size is how many bytes were written.
func (s *Segments) Size() int64 { return s.size }

// Digests gives the SHA-256 of every segment, 32 bytes each, in order; of an empty item that of its one segment of length
// 0. More may be written after.
func (s *Segments) Digests() []byte {
	out := append(make([]byte, 0, len(s.digests)+32), s.digests...)
	switch {
	case s.filled > 0:
		out = s.h.Sum(out)
	case s.size == 0:
		empty := sha256.Sum256(nil)
		out = append(out, empty[:]...)
	}
	return out
}

// SegmentCount is how many proof segments an item of size bytes has; an empty one has one.
func SegmentCount(size int64) int64 { return max(1, (size+SegmentSize-1)/SegmentSize) }

// SegmentLength is the length in bytes of the segment at index of an item of size bytes; 0 beyond the end.
func SegmentLength(size, index int64) int64 {
	return max(0, min(SegmentSize, size-index*SegmentSize))
}

// SegmentLeaves gives the leaf data of all segments of an item, whose SHA-256 digests are given one after the other;
// ErrRange if there are not as many as size asks for, or more than the tree holds.
func SegmentLeaves(salt [32]byte, size int64, digests []byte) ([]Hash, error) {
	n := SegmentCount(size)
	if size < 0 || n > 1<<SegmentDepth || int64(len(digests)) != 32*n {
		return nil, fmt.Errorf("commit to %d bytes of digests of an item of %d: %w", len(digests), size, ErrRange)
	}
	out := make([]Hash, n)
	for i := range n {
		out[i] = Segment(salt, uint64(i), SegmentLength(size, i), Hash(digests[32*i:32*i+32]))
	}
	return out, nil
}

// SegmentRoot gives the root of the veiled tree over the segments of an item; ErrRange as SegmentLeaves.
func SegmentRoot(salt [32]byte, size int64, digests []byte) (Hash, error) {
	leaves, err := SegmentLeaves(salt, size, digests)
	if err != nil {
		return Hash{}, err
	}
	tree, err := MemoryTree(leaves)
	if err != nil {
		return Hash{}, err
	}
	return VeiledRoot(SegmentDepth, int64(len(leaves)), Derive(salt, LabelVeil, 0), tree)
}

// MemoryTree gives the stored hashes of the tree over leaf data that lies in memory.
func MemoryTree(data []Hash) (tlog.HashReader, error) {
	leaves := make([]tlog.Hash, len(data))
	for i := range data {
		leaves[i] = tlog.LeafHash(data[i][:])
	}
	_, hashes, err := tlog.Append(0, leaves, nil)
	if err != nil {
		return nil, fmt.Errorf("build tree of %d: %w", len(data), err)
	}
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, p := range at {
			if p < 0 || p >= int64(len(hashes)) {
				return nil, fmt.Errorf("stored hash %d of %d: %w", p, len(hashes), ErrRange)
			}
			out[i] = hashes[p]
		}
		return out, nil
	}), nil
}
