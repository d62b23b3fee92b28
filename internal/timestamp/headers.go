package timestamp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

const (
	headerSize = 80
	period     = 2016 // blocks between two changes of difficulty
	fortnight  = 14 * 24 * 60 * 60
	burial     = 6 // blocks, itself included, before a block counts as settled
)

// Trust is the header that a chain of headers is trusted to begin with.
type Trust struct {
	Height int64    // a multiple of 2,016, so that the difficulty of all that follows can be computed
	Hash   [32]byte // double SHA-256 of the header, bytes as they come (Bitcoin programs print them in reverse)
	Limit  uint32   // the easiest target, in the compact form of a header; 0 for Bitcoin's, 0x1d00ffff
}

// Genesis is the first block of Bitcoin.
var Genesis = Trust{Hash: [32]byte{
	0x6f, 0xe2, 0x8c, 0x0a, 0xb6, 0xf1, 0xb3, 0x72, 0xc1, 0xa6, 0xa2, 0x46, 0xae, 0x63, 0xf7, 0x4f,
	0x93, 0x1e, 0x83, 0x65, 0xe1, 0x5a, 0x08, 0x9c, 0x68, 0xd6, 0x19, 0x00, 0x00, 0x00, 0x00, 0x00,
}}

// HeaderFile is a chain of Bitcoin block headers in a file: 80 bytes each, from the trusted one on, without gaps. It is checked as a whole when it is
// opened, and the part that is used again at each use, because the file may change in between. Safe for concurrent use.
type HeaderFile struct {
	file  io.ReaderAt
	from  int64
	count int64
	marks [][32]byte // hash of the last header of each period, and of the very last one
}

// OpenHeaders reads size bytes of headers and checks them: the first is the trusted one, each names the one before, has the difficulty
// that the rules ask for, and the work for it. ErrNotVerified says at which height it breaks.
func OpenHeaders(ctx context.Context, file io.ReaderAt, size int64, trust Trust) (*HeaderFile, error) {
	f := &HeaderFile{file: file, from: trust.Height, count: size / headerSize}
	if size%headerSize != 0 || f.count == 0 || trust.Height < 0 || trust.Height%period != 0 {
		return nil, fmt.Errorf("open block headers: %w: not a whole number of headers from a multiple of 2,016 on", ErrNotVerified)
	}
	if trust.Limit == 0 {
		trust.Limit = 0x1d00ffff
	}
	in := bufio.NewReaderSize(io.NewSectionReader(file, 0, size), 1<<18)
	var before [32]byte
	var bits, first, last uint32
	for i := range f.count {
		if i%period == 0 {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("open block headers: %w", err)
			}
		}
		var h [headerSize]byte
		if _, err := io.ReadFull(in, h[:]); err != nil {
			return nil, fmt.Errorf("open block headers: read: %w", err)
		}
		hash := double(h[:])
		have, at := binary.LittleEndian.Uint32(h[72:]), binary.LittleEndian.Uint32(h[68:])
		switch {
		case i == 0 && hash != trust.Hash:
			return nil, fmt.Errorf("open block headers: %w: the first one is not the trusted one", ErrNotVerified)
		case i == 0:
			bits = have
		case i%period == 0:
			bits = retarget(bits, int64(last)-int64(first), trust.Limit)
		}
		if i%period == 0 {
			first = at
		}
		if i > 0 && !bytes.Equal(h[4:36], before[:]) {
			return nil, fmt.Errorf("open block headers: %w: block %d does not follow the one before", ErrNotVerified, f.from+i)
		}
		if have != bits {
			return nil, fmt.Errorf("open block headers: %w: block %d has another difficulty than it must", ErrNotVerified, f.from+i)
		}
		if !worked(hash, bits) {
			return nil, fmt.Errorf("open block headers: %w: block %d has not the work it claims", ErrNotVerified, f.from+i)
		}
		before, last = hash, at
		if i%period == period-1 || i == f.count-1 {
			f.marks = append(f.marks, hash)
		}
	}
	return f, nil
}

// Last is the height of the highest block that counts as settled; below the trusted one if there is none.
func (f *HeaderFile) Last() int64 { return f.from + f.count - burial }

// MerkleRoot is that of Headers. A block that has fewer than five others on top is not at hand.
func (f *HeaderFile) MerkleRoot(ctx context.Context, height int64) (root [32]byte, at time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return root, at, err
	}
	if height < f.from || height > f.Last() {
		return root, at, fmt.Errorf("read block header %d: %w", height, ErrNoHeader)
	}
	index := height - f.from
	begin := index / period * period
	part := make([]byte, headerSize*(min(begin+period, f.count)-begin))
	if _, err := f.file.ReadAt(part, begin*headerSize); err != nil && !errors.Is(err, io.EOF) {
		return root, at, fmt.Errorf("read block header %d: %w", height, err)
	}
	// Back from the mark: each header must have the hash that the one after it names.
	want := f.marks[index/period]
	for i := len(part) - headerSize; i >= 0; i -= headerSize {
		h := part[i : i+headerSize]
		if double(h) != want {
			return root, at, fmt.Errorf("read block header %d: %w: the file has changed since it was opened", height, ErrNotVerified)
		}
		if begin+int64(i/headerSize) == index {
			return [32]byte(h[36:68]), time.Unix(int64(binary.LittleEndian.Uint32(h[68:])), 0).UTC(), nil
		}
		want = [32]byte(h[4:36])
	}
	return root, at, fmt.Errorf("read block header %d: %w", height, ErrNoHeader)
}

func double(h []byte) [32]byte {
	first := sha256.Sum256(h)
	return sha256.Sum256(first[:])
}

// expand gives the target of its compact form; nil for one that is negative, zero or out of range.
func expand(bits uint32) *big.Int {
	mantissa := big.NewInt(int64(bits & 0x7fffff))
	shift := int(bits>>24) - 3
	if bits&0x800000 != 0 || shift > 29 {
		return nil
	}
	if shift < 0 {
		mantissa.Rsh(mantissa, uint(-8*shift))
	} else {
		mantissa.Lsh(mantissa, uint(8*shift))
	}
	if mantissa.Sign() == 0 {
		return nil
	}
	return mantissa
}

func compact(target *big.Int) uint32 {
	size := (target.BitLen() + 7) / 8
	mantissa := new(big.Int)
	if size <= 3 {
		mantissa.Lsh(target, uint(8*(3-size)))
	} else {
		mantissa.Rsh(target, uint(8*(size-3)))
	}
	m := uint32(mantissa.Uint64())
	if m&0x800000 != 0 { // the sign bit of the mantissa
		m >>= 8
		size++
	}
	return uint32(size)<<24 | m
}

// retarget is the rule by which the difficulty changes: by how long the last 2,016 blocks took, at most fourfold.
func retarget(bits uint32, took int64, limit uint32) uint32 {
	target, easiest := expand(bits), expand(limit)
	if target == nil || easiest == nil {
		return 0
	}
	took = max(min(took, fortnight*4), fortnight/4)
	target.Mul(target, big.NewInt(took))
	target.Quo(target, big.NewInt(fortnight))
	if target.Cmp(easiest) > 0 {
		return limit
	}
	return compact(target)
}

func worked(hash [32]byte, bits uint32) bool {
	target := expand(bits)
	if target == nil {
		return false
	}
	for i := range 16 { // the hash is a number with its least significant byte first
		hash[i], hash[31-i] = hash[31-i], hash[i]
	}
	return new(big.Int).SetBytes(hash[:]).Cmp(target) <= 0
}
