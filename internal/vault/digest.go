package vault

import (
	"bytes"
	"hash"
	"io"
)

// hashPiece is how much is hashed between two calls of calm.
const hashPiece = 64 << 10

// digestInto hashes p piece by piece.
//
// Go 1.26 restores whole vector registers after it has preempted a goroutine, and a thread that is left in that state
// runs the processor's SHA instructions, which are coded for half of such a register, up to twenty times slower until
// something clears the upper halves. A goroutine that does nothing but hash never does: of five ingests of 4 GB two took
// 49 and 90 seconds instead of 12. Searching a few bytes clears them, because that routine ends with VZEROUPPER, and
// costs nothing beside the hash of a piece.
func digestInto(h hash.Hash, p []byte) {
	for len(p) > 0 {
		n := min(len(p), hashPiece)
		calm(p[:n])
		h.Write(p[:n]) // never gives an error
		p = p[n:]
	}
}

// calmed keeps the compiler from leaving the search out.
var calmed [64]byte

// calm clears the upper halves of the thread's vector registers where they exist.
func calm(p []byte) bool { return bytes.IndexByte(calmed[:], p[0]|1) >= 0 }

// Calmly gives a writer in front of w, which hashes: what is written passes on in pieces of at most 64 KiB, each after the
// thread's vector registers were cleared as for the vault's own digests. Whoever hashes much outside Add writes through it.
func Calmly(w io.Writer) io.Writer {
	return writerFunc(func(p []byte) (int, error) {
		if err := writeCalmly(w, p); err != nil {
			return 0, err
		}
		return len(p), nil
	})
}

func writeCalmly(w io.Writer, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), hashPiece)
		calm(p[:n])
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
