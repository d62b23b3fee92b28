package verify

import (
	"crypto/sha256"
	"errors"
	"math/bits"
)

func leafHash(data []byte) Hash {
	return sha256.Sum256(append([]byte{0}, data...))
}

func nodeHash(l, r Hash) Hash {
	var b [65]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return sha256.Sum256(b[:])
}

// errProof flattens every cause on purpose: a proof holds or it does not.
var errProof = errors.New("proof does not hold")

// included checks an RFC 6962 section 2.1.1 proof: leaf is at index in the tree of size with this root. The proof has to
// be as long as index and size ask for (RFC 9162 section 2.1.3.2 is the algorithm).
func included(root Hash, size, index int64, leaf Hash, proof []Hash) error {
	if index < 0 || index >= size {
		return errProof
	}
	fn, sn, r := uint64(index), uint64(size-1), leaf
	for _, p := range proof {
		if sn == 0 {
			return errProof
		}
		if fn&1 == 1 || fn == sn {
			r = nodeHash(p, r)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			r = nodeHash(r, p)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || r != root {
		return errProof
	}
	return nil
}

// consistent checks an RFC 6962 section 2.1.2 proof between trees of first and second leaves, 0 < first < second
// (RFC 9162 section 2.1.4.2 is the algorithm).
func consistent(first, second int64, firstRoot, secondRoot Hash, proof []Hash) error {
	if first <= 0 || first >= second || len(proof) == 0 {
		return errProof
	}
	path := proof
	if bits.OnesCount64(uint64(first)) == 1 {
		path = append([]Hash{firstRoot}, proof...)
	}
	fn, sn := uint64(first-1), uint64(second-1)
	for fn&1 == 1 {
		fn, sn = fn>>1, sn>>1
	}
	fr, sr := path[0], path[0]
	for _, c := range path[1:] {
		if sn == 0 {
			return errProof
		}
		if fn&1 == 1 || fn == sn {
			fr, sr = nodeHash(c, fr), nodeHash(c, sr)
			for fn&1 == 0 && fn != 0 {
				fn, sn = fn>>1, sn>>1
			}
		} else {
			sr = nodeHash(sr, c)
		}
		fn, sn = fn>>1, sn>>1
	}
	if sn != 0 || fr != firstRoot || sr != secondRoot {
		return errProof
	}
	return nil
}

// A place is a filled place of a veiled tree with the data of its leaf.
type place struct {
	at   int64
	data Hash
}

// fold works up from a veiled proof. places ascend strictly and lie below 2^depth (else it does not hold). The walk is
// bounded by the number of places and hashes: at most depth hashes are used for each place.
func fold(depth int, root Hash, places []place, proof []Hash) error {
	for i, p := range places {
		if p.at < 0 || p.at >= 1<<depth || i > 0 && p.at <= places[i-1].at {
			return errProof
		}
	}
	if len(places) == 0 || len(proof) > len(places)*depth {
		return errProof
	}
	f := folder{proof: proof}
	if got := f.fold(depth, 0, places); f.short || len(f.proof) != 0 || got != root {
		return errProof
	}
	return nil
}

type folder struct {
	proof []Hash
	short bool
}

func (f *folder) fold(l int, s int64, places []place) Hash {
	if f.short {
		return Hash{}
	}
	if len(places) == 0 {
		if len(f.proof) == 0 {
			f.short = true
			return Hash{}
		}
		h := f.proof[0]
		f.proof = f.proof[1:]
		return h
	}
	if l == 0 {
		return leafHash(places[0].data[:])
	}
	middle := s + 1<<(l-1)
	cut := 0
	for cut < len(places) && places[cut].at < middle {
		cut++
	}
	left := f.fold(l-1, s, places[:cut])
	return nodeHash(left, f.fold(l-1, middle, places[cut:]))
}
