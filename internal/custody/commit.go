package custody

import "crypto/sha256"

// SaltSize is the length in bytes of the random salt of a leaf.
const SaltSize = 32

// leafDomain separates commitments of the custody record from every other use of SHA-256.
const leafDomain = "zapis.custody.leaf.v1\x00"

// Commitment is the data of a leaf: SHA-256 of the domain tag, the salt and the canonical bytes of the event.
//
// The salt has a fixed length, so the parts cannot run into each other. Without it a leaf could be confirmed by
// guessing: most of an event is public knowledge to whoever knows the file.
func Commitment(salt [SaltSize]byte, event []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte(leafDomain))
	h.Write(salt[:])
	h.Write(event)
	return [sha256.Size]byte(h.Sum(nil))
}
