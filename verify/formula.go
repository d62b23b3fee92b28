package verify

import (
	"crypto/sha256"
	"encoding/binary"
)

// A message is what a formula of "What is committed" hashes: a tag, a zero byte, fields of fixed length.
type message []byte

func tag(name string) message { return append([]byte(name), 0) }

func (m message) hash(h ...Hash) message {
	for i := range h {
		m = append(m, h[i][:]...)
	}
	return m
}

func (m message) number(n int64) message { return binary.BigEndian.AppendUint64(m, uint64(n)) }

func (m message) sum() Hash { return sha256.Sum256(m) }

func segmentCommitment(salt Hash, length int64, sha Hash) Hash {
	return tag("zapis.segment.v1").hash(salt).number(length).hash(sha).sum()
}

func wholeCommitment(salt Hash, size int64, sha Hash) Hash {
	return tag("zapis.whole.v1").hash(salt).number(size).hash(sha).sum()
}

func itemLeaf(whole, segmentRoot, measure Hash) Hash {
	return tag("zapis.item.v1").hash(whole, segmentRoot, measure).sum()
}

func totalLeaf(files, bytes, milliseconds int64) Hash {
	return tag("zapis.total.v1").number(files).number(bytes).number(milliseconds).sum()
}

func statementLeaf(salt Hash, statement []byte) Hash {
	return append(tag("zapis.statement.v1").hash(salt), statement...).sum()
}

func tickData(salt, custody, statements Hash) Hash {
	return tag("zapis.tick.v1").hash(salt, custody, statements).sum()
}

func eventLeaf(salt Hash, event []byte) Hash {
	return append(tag("zapis.custody.leaf.v1").hash(salt), event...).sum()
}
