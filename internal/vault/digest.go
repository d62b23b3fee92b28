package vault

import (
	"bytes"
	"hash"
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
