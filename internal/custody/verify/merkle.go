package verify

import "crypto/sha256"

type hash = [sha256.Size]byte

const leafDomain = "zapis.custody.leaf.v1\x00"

// commitment is the data of a leaf.
func commitment(salt, event []byte) hash {
	b := make([]byte, 0, len(leafDomain)+len(salt)+len(event))
	b = append(b, leafDomain...)
	b = append(b, salt...)
	b = append(b, event...)
	return sha256.Sum256(b)
}

// leafHash and nodeHash are those of RFC 6962 section 2.1.
func leafHash(data []byte) hash {
	return sha256.Sum256(append([]byte{0}, data...))
}

func nodeHash(left, right hash) hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}

// tree grows leaf by leaf and keeps only its right edge: the complete subtrees from left to right, each larger than the
// next.
type tree struct {
	size int64
	edge []hash
}

// add appends a leaf and passes on, in the order in which they are stored, the leaf hash and the hash of every subtree
// that it completes.
func (t *tree) add(leaf hash, made func(hash)) {
	made(leaf)
	t.edge = append(t.edge, leaf)
	t.size++
	// A subtree of 2^k leaves is complete whenever the size is a multiple of 2^k.
	for n := t.size; n%2 == 0; n /= 2 {
		last := len(t.edge) - 1
		t.edge[last-1] = nodeHash(t.edge[last-1], t.edge[last])
		t.edge = t.edge[:last]
		made(t.edge[last-1])
	}
}

// root is the root over all leaves so far.
func (t *tree) root() hash {
	if len(t.edge) == 0 {
		return sha256.Sum256(nil)
	}
	h := t.edge[len(t.edge)-1]
	for i := len(t.edge) - 2; i >= 0; i-- {
		h = nodeHash(t.edge[i], h)
	}
	return h
}
