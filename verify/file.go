package verify

import (
	"bytes"
	"crypto/sha256"
	"io"
)

// piece is how much of a file is read and hashed at once.
const piece = 64 << 10

// digestFile hashes at most limit bytes and one more, so that a longer file is told without being read to its end.
// Memory is one piece, whatever the size.
func digestFile(in io.Reader, limit int64) (size int64, sum Hash, err error) {
	h, buf := sha256.New(), make([]byte, piece)
	in = io.LimitReader(in, limit+1)
	for {
		n, err := io.ReadFull(in, buf)
		// A preempted goroutine may be left in a state in which the processor's SHA instructions run many times slower;
		// searching a few bytes ends it (docs/design/decisions/0012-calm-registers-before-hashing.md).
		_ = bytes.IndexByte(buf[:64], 1)
		h.Write(buf[:n])
		size += int64(n)
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return size, Hash(h.Sum(nil)), nil
		default:
			return size, Hash{}, err
		}
	}
}
