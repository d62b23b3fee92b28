package proof

import (
	"errors"
	"fmt"
	"io"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/tlog"
)

// Sealable is an item as it goes into the seal of its accession.
type Sealable struct {
	Item               string
	Bytes              int64
	Milliseconds       int64 // 0 for what has no length
	Unmeasured         bool  // its length is not known; counted as 0
	Salt               [32]byte
	Whole, SegmentRoot [32]byte
}

// Placed is an item at its place on the ruler of its accession.
type Placed struct {
	Sealable
	Measured commit.Measured
	Leaf     [32]byte
}

// Sealed is an accession under its root.
type Sealed struct {
	Root                                   [32]byte
	Files, Bytes, Milliseconds, Unmeasured int64
	Places                                 []Placed
}

// maxTotal is where a sum would no longer be the same number in every program (2^53, as in docs/design/proof-bundle.md).
const maxTotal = 1<<53 - 1

// Seal gives items their places, in a random order, and the root over them and their totals. The order hides in which order
// things were found and taken in. archive.ErrInvalid if there is nothing to seal, an item stands twice, or a sum is too large.
func Seal(random io.Reader, items []Sealable) (Sealed, error) {
	if len(items) == 0 {
		return Sealed{}, fmt.Errorf("seal accession: %w: it holds no items", archive.ErrInvalid)
	}
	seen := make(map[string]bool, len(items))
	for _, it := range items {
		if seen[it.Item] {
			return Sealed{}, fmt.Errorf("seal accession: %w: item %s stands twice", archive.ErrInvalid, it.Item)
		}
		seen[it.Item] = true
		if it.Bytes < 0 || it.Milliseconds < 0 {
			return Sealed{}, fmt.Errorf("seal accession: %w: a negative measure of item %s", archive.ErrInvalid, it.Item)
		}
	}
	order := append([]Sealable(nil), items...)
	if err := shuffle(random, order); err != nil {
		return Sealed{}, fmt.Errorf("seal accession: %w", err)
	}
	s := Sealed{Files: int64(len(order)), Places: make([]Placed, len(order))}
	for i, it := range order {
		p := Placed{Sealable: it, Measured: commit.Measured{
			Place: int64(i), BytesBefore: s.Bytes, Bytes: it.Bytes, MillisecondsBefore: s.Milliseconds, Milliseconds: it.Milliseconds,
		}}
		p.Leaf = leafOf(p)
		s.Places[i] = p
		if it.Bytes > maxTotal-s.Bytes || it.Milliseconds > maxTotal-s.Milliseconds {
			return Sealed{}, fmt.Errorf("seal accession: %w: the sum is too large", archive.ErrInvalid)
		}
		s.Bytes += it.Bytes
		s.Milliseconds += it.Milliseconds
		if it.Unmeasured {
			s.Unmeasured++
		}
	}
	leaves := make([][32]byte, len(s.Places))
	for i, p := range s.Places {
		leaves[i] = p.Leaf
	}
	t, err := accessionTree(leaves, s.Files, s.Bytes, s.Milliseconds)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal accession: %w", err)
	}
	s.Root, err = t.root()
	return s, err
}

// leafOf gives the leaf data of an item from what is opened of it.
func leafOf(p Placed) [32]byte {
	return commit.ItemLeaf(p.Whole, p.SegmentRoot, commit.Measure(p.Salt, p.Measured))
}

// tree is that of an accession: its item leaves by place, then the total.
type tree struct {
	n      int64 // leaves, the total included
	hashes tlog.HashReader
}

func accessionTree(leaves [][32]byte, files, bytes, milliseconds int64) (tree, error) {
	if int64(len(leaves)) != files {
		return tree{}, fmt.Errorf("%w: %d leaves of %d files", archive.ErrIntegrity, len(leaves), files)
	}
	data := make([]commit.Hash, 0, len(leaves)+1)
	data = append(append(data, leaves...), commit.Total(files, bytes, milliseconds))
	hashes, err := commit.MemoryTree(data)
	return tree{int64(len(data)), hashes}, err
}

func (t tree) root() ([32]byte, error) {
	h, err := tlog.Root(t.n, t.hashes)
	return [32]byte(h), err
}

// inclusion proves the leaf at a place; place n-1 is the total.
func (t tree) inclusion(place int64) ([][32]byte, error) {
	p, err := tlog.Inclusion(t.n, place, t.hashes)
	return list(p), err
}

func (t tree) total() ([][32]byte, error) { return t.inclusion(t.n - 1) }

// ErrAudit: an accession opened in full is not what was stated.
var ErrAudit = errors.New("audit")

// audit checks an accession of which every item was opened, against what was stated: that the places run from 0 without a
// gap, that the ruler of bytes and of milliseconds begins at 0, has neither gap nor overlap and ends at the totals, and that
// all of it gives the root. ErrAudit names the first place that is wrong. The leaves of closed places are taken as they stand. What each item
// is has to be checked elsewhere: that its bytes give whole and segment root, and that it lasts as long as it says.
func audit(places []Placed, closed map[int]bool, root [32]byte, files, bytes, milliseconds int64) error {
	bad := func(place int, what string) error { return fmt.Errorf("%w: place %d: %s", ErrAudit, place, what) }
	if int64(len(places)) != files {
		return fmt.Errorf("%w: %d items opened, %d stated", ErrAudit, len(places), files)
	}
	var b, ms int64
	leaves := make([][32]byte, len(places))
	for i, p := range places {
		m := p.Measured
		switch {
		case m.Place != int64(i):
			return bad(i, "another place is measured")
		case m.BytesBefore != b || m.MillisecondsBefore != ms:
			return bad(i, "the ruler has a gap or an overlap")
		case m.Bytes < 0 || m.Milliseconds < 0 || m.Bytes > maxTotal-b || m.Milliseconds > maxTotal-ms:
			return bad(i, "a measure is negative or too large")
		case m.Bytes != p.Bytes || m.Milliseconds != p.Milliseconds:
			return bad(i, "the measure is not that of the item")
		}
		leaves[i] = p.Leaf
		if !closed[i] && leaves[i] != leafOf(p) {
			return bad(i, "the leaf is not made of what was opened")
		}
		b, ms = b+m.Bytes, ms+m.Milliseconds
	}
	if b != bytes || ms != milliseconds {
		return fmt.Errorf("%w: the ruler ends at %d bytes and %d ms, stated were %d and %d", ErrAudit, b, ms, bytes, milliseconds)
	}
	t, err := accessionTree(leaves, files, bytes, milliseconds)
	if err != nil {
		return err
	}
	if got, err := t.root(); err != nil || got != root {
		return errors.Join(fmt.Errorf("%w: the leaves do not give the root", ErrAudit), err)
	}
	return nil
}

// shuffle puts a slice in a random order (Fisher and Yates), each order as likely as the others.
func shuffle[T any](random io.Reader, list []T) error {
	for i := len(list) - 1; i > 0; i-- {
		j, err := below(random, uint32(i+1))
		if err != nil {
			return err
		}
		list[i], list[j] = list[j], list[i]
	}
	return nil
}

func below(random io.Reader, n uint32) (uint32, error) {
	// Values from the last incomplete round would make some remainders more likely, so they are drawn again.
	limit := uint64(1)<<32 - uint64(1)<<32%uint64(n)
	for {
		var b [4]byte
		if _, err := io.ReadFull(random, b[:]); err != nil {
			return 0, fmt.Errorf("read randomness: %w", err)
		}
		if v := uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3]); v < limit {
			return uint32(v % uint64(n)), nil
		}
	}
}
