package archive

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"time"
)

// Prefixes of the identifiers that Zapis gives. An identifier is the prefix, an underscore and 26
// characters of Crockford base 32 (lower case): 48 bits of Unix milliseconds, then 80 random bits.
// It is never derived from what it names, because a digest in an address confirms that its holder
// possesses a known file.
const (
	PrefixAccession   = "ac"
	PrefixAgent       = "ag"
	PrefixBlob        = "bl"
	PrefixCheck       = "ck"
	PrefixClaim       = "cm"
	PrefixClip        = "cl"
	PrefixCompartment = "cp"
	PrefixConsent     = "cn"
	PrefixCopy        = "cy"
	PrefixDerivative  = "de"
	PrefixEntity      = "kn"
	PrefixEnvelope    = "en"
	PrefixErasure     = "er"
	PrefixEvent       = "ev"
	PrefixExport      = "ex"
	PrefixFinding     = "fd"
	PrefixImport      = "im"
	PrefixItem        = "it"
	PrefixMerge       = "mg"
	PrefixNote        = "no"
	PrefixObject      = "ob"
	PrefixPassage     = "ps"
	PrefixPlan        = "pl"
	PrefixProvenance  = "pr"
	PrefixPublication = "pb"
	PrefixRelease     = "re"
	PrefixSavedSearch = "ss"
	PrefixSession     = "se"
	PrefixStamp       = "sp"
	PrefixStatement   = "sm"
	PrefixSuggestion  = "su"
	PrefixTextSpan    = "tx"
	PrefixTextTrack   = "tt"
	PrefixToken       = "tk"
	PrefixTrack       = "tr"
	PrefixVault       = "va"
	PrefixVisit       = "vi"
	PrefixWorker      = "wo"
)

const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID gives a fresh identifier with the given prefix, from the current time and the operating
// system's random source.
func NewID(prefix string) string { return NewIDFrom(prefix, time.Now(), rand.Reader) }

// NewIDFrom is NewID with the clock and the randomness given, for tests. It panics if random cannot
// be read, since no identifier is better than a guessable one.
func NewIDFrom(prefix string, now time.Time, random io.Reader) string {
	var raw [16]byte
	ms := uint64(now.UnixMilli())
	for i := range 6 {
		raw[i] = byte(ms >> (40 - 8*i))
	}
	if _, err := io.ReadFull(random, raw[6:]); err != nil {
		panic(fmt.Sprintf("archive: no randomness for an identifier: %v", err))
	}
	return prefix + "_" + encode(raw)
}

// encode writes 128 bits as 26 base-32 characters, most significant first.
func encode(raw [16]byte) string {
	var out [26]byte
	// 26*5 = 130 bits: the first character carries only the three highest bits.
	var acc uint32
	bits := 2
	at := 0
	for _, b := range raw {
		acc = acc<<8 | uint32(b)
		bits += 8
		for bits >= 5 {
			bits -= 5
			out[at] = crockford[acc>>bits&31]
			at++
		}
	}
	return string(out[:])
}

// CheckID says whether id is well formed and carries the given prefix. An identifier that comes from
// outside must pass this before it is used to build a name, a path or a query.
func CheckID(prefix, id string) error {
	rest, ok := strings.CutPrefix(id, prefix+"_")
	if !ok || len(rest) != 26 {
		return fmt.Errorf("%w: an identifier of the form %s_… was expected", ErrInvalid, prefix)
	}
	for i := range len(rest) {
		if strings.IndexByte(crockford, rest[i]) < 0 {
			return fmt.Errorf("%w: an identifier of the form %s_… was expected", ErrInvalid, prefix)
		}
	}
	return nil
}

// Shard gives the two hex characters under which an identifier is filed, so that no folder grows past a
// few thousand names. It is the first byte of the SHA-256 of the identifier.
func Shard(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:1])
}
