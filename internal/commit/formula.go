package commit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Hash is a SHA-256 digest.
type Hash = [32]byte

// SegmentSize is the length of a proof segment in bytes; the last one of an item may be shorter.
const SegmentSize = 1 << 20

// Depths of the veiled trees.
const (
	CustodyDepth   = 40
	StatementDepth = 16
	SegmentDepth   = 24
)

// Tags of the formulas. The page docs/design/proof-bundle.md fixes them.
const (
	tagSegment   = "zapis.segment.v1"
	tagWhole     = "zapis.whole.v1"
	tagMeasure   = "zapis.measure.v1"
	tagItem      = "zapis.item.v1"
	tagTotal     = "zapis.total.v1"
	tagStatement = "zapis.statement.v1"
	tagTick      = "zapis.tick.v1"
	tagVeil      = "zapis.veil.v1"
)

// Labels of what is derived from the salt of an item.
const (
	LabelSegment = "segment" // n: the index of the segment
	LabelWhole   = "whole"   // n: 0
	LabelMeasure = "measure" // n: 0
	LabelVeil    = "veil"    // n: 0; the veil key of the tree of segments
)

// message is what a formula hashes: a tag, a zero byte, then fields of fixed length.
type message []byte

func tagged(tag string) message { return append(append(make(message, 0, 160), tag...), 0) }

func (m message) number(n int64) message { return binary.BigEndian.AppendUint64(m, uint64(n)) }
func (m message) bytes(b ...[32]byte) message {
	for _, b := range b {
		m = append(m, b[:]...)
	}
	return m
}
func (m message) sum() Hash { return sha256.Sum256(m) }

// Derive gives HMAC-SHA-256(salt, label || 0x00 || n as eight bytes): the salt of one part of an item, or the key of a
// veil. Who is given one derived salt learns nothing about the others.
func Derive(salt [32]byte, label string, n uint64) Hash {
	mac := hmac.New(sha256.New, salt[:])
	mac.Write(binary.BigEndian.AppendUint64(tagged(label), n))
	return Hash(mac.Sum(nil))
}

// Segment gives the leaf data of a proof segment from its index, its length in bytes and its SHA-256. salt is that of
// the item.
func Segment(salt [32]byte, index uint64, length int64, sha [32]byte) Hash {
	return SegmentWith(Derive(salt, LabelSegment, index), length, sha)
}

// SegmentWith is Segment with the derived salt given.
func SegmentWith(derived [32]byte, length int64, sha [32]byte) Hash {
	return tagged(tagSegment).bytes(derived).number(length).bytes(sha).sum()
}

// Whole gives the commitment to a whole item of size bytes with this SHA-256. salt is that of the item.
func Whole(salt [32]byte, size int64, sha [32]byte) Hash {
	return tagged(tagWhole).bytes(Derive(salt, LabelWhole, 0)).number(size).bytes(sha).sum()
}

// Measured says where an item stands in its sealed accession and how much it adds to the totals.
type Measured struct {
	Place              int64 // from 0
	BytesBefore        int64 // sum over all places in front
	Bytes              int64
	MillisecondsBefore int64
	Milliseconds       int64 // 0 if there is no duration
}

// Measure gives the commitment to the place and the size of an item in its accession. salt is that of the item.
func Measure(salt [32]byte, m Measured) Hash {
	return tagged(tagMeasure).bytes(Derive(salt, LabelMeasure, 0)).number(m.Place).
		number(m.BytesBefore).number(m.Bytes).number(m.MillisecondsBefore).number(m.Milliseconds).sum()
}

// ItemLeaf gives the leaf data of an item in the tree of its accession.
func ItemLeaf(whole, segmentRoot, measure Hash) Hash {
	return tagged(tagItem).bytes(whole, segmentRoot, measure).sum()
}

// Total gives the last leaf data of the tree of an accession. It has no salt: it is opened with every statement.
func Total(files, bytes, milliseconds int64) Hash {
	return tagged(tagTotal).number(files).number(bytes).number(milliseconds).sum()
}

// Statement gives the leaf data of a statement in canonical JSON under its own salt of 32 random bytes.
func Statement(salt [32]byte, canonical []byte) Hash {
	return append(tagged(tagStatement).bytes(salt), canonical...).sum()
}

// Tick gives the entry of the public log that commits to the veiled roots of the custody record and of the statements
// made since the tick before.
func Tick(salt [32]byte, custodyRoot, statementsRoot Hash) Hash {
	return tagged(tagTick).bytes(salt, custodyRoot, statementsRoot).sum()
}
