package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Algorithms of verifier keys (C2SP signed-note).
const (
	algorithmEd25519     = 0x01
	algorithmCosignature = 0x04
)

// A verifierKey is a public key under a name.
type verifierKey struct {
	text      string
	name      string
	number    [4]byte
	algorithm byte
	public    ed25519.PublicKey
}

// CheckVerifierKey says whether text is a verifier key of a log (witness false) or of a witness (true).
func CheckVerifierKey(text string, witness bool) error {
	algorithm := byte(algorithmEd25519)
	if witness {
		algorithm = algorithmCosignature
	}
	_, err := parseVerifierKey(text, algorithm)
	return err
}

// Fingerprint is what people compare instead of a verifier key: SHA-256 of its text, in hexadecimal.
func Fingerprint(verifierKey string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(verifierKey)))
}

func parseVerifierKey(text string, algorithm byte) (verifierKey, error) {
	k := verifierKey{text: text}
	// Plus signs also occur in base64, so the fields are cut from the front; a name has none.
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || !isName(parts[0]) {
		return k, errors.New("verifier key: name, number and key were expected")
	}
	k.name = parts[0]
	if len(parts[1]) != 8 {
		return k, errors.New("verifier key: key number of eight digits was expected")
	}
	for i := range k.number {
		high, low := hexDigit(parts[1][2*i]), hexDigit(parts[1][2*i+1])
		if high < 0 || low < 0 {
			return k, errors.New("verifier key: key number is not lower-case hexadecimal")
		}
		k.number[i] = byte(high<<4 | low)
	}
	raw, ok := unbase64(parts[2])
	if !ok || len(raw) != 1+ed25519.PublicKeySize {
		return k, errors.New("verifier key: one byte and a public key in base64 were expected")
	}
	if raw[0] != algorithm {
		return k, errors.New("verifier key: another algorithm")
	}
	if !usable(raw[1:]) {
		return k, errors.New("verifier key: not a public key that one may use")
	}
	sum := sha256.Sum256(append([]byte(k.name+"\n"), raw...))
	if !bytes.Equal(sum[:4], k.number[:]) {
		return k, errors.New("verifier key: key number does not follow from name and key")
	}
	k.algorithm, k.public = raw[0], raw[1:]
	return k, nil
}

// smallOrder are the y coordinates, in bytes as they are encoded with the sign bit cleared, of the points of small order.
// A signature under such a key can be made by anybody for any text, and verifiers differ in what they make of it.
var smallOrder = [][32]byte{
	{0},
	{1},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
}

// usable refuses encodings of y at or above 2^255-19, which RFC 8032 forbids and packages of the world pass, and points of
// small order. That the bytes are a point at all shows when a signature is checked.
func usable(public []byte) bool {
	y := [32]byte(public)
	y[31] &= 0x7f
	for _, s := range smallOrder {
		if y == s {
			return false
		}
	}
	if y[31] != 0x7f || y[0] < 0xed {
		return true
	}
	for _, b := range y[1:31] {
		if b != 0xff {
			return true
		}
	}
	return false
}

// maxName bounds what every signature is over: a name stands in each text that is signed.
const maxName = 255

func isName(s string) bool {
	return s != "" && len(s) <= maxName && utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r == '+' || r < 0x20 || unicode.IsSpace(r)
	})
}

// A signedNote is a text with its signature lines, of which nothing has been verified yet.
type signedNote struct {
	text  string // ends in a line feed
	lines []signatureLine
}

type signatureLine struct {
	name      string
	number    [4]byte
	signature []byte
}

// parseNote reads the spelling of a signed note with at least one signature line.
func parseNote(s string) (signedNote, error) {
	for i := range len(s) {
		if s[i] < 0x20 && s[i] != '\n' {
			return signedNote{}, errors.New("note: a control character")
		}
	}
	cut := strings.LastIndex(s, "\n\n")
	if cut < 0 {
		return signedNote{}, errors.New("note: no empty line before the signatures")
	}
	n := signedNote{text: s[:cut+1]}
	rest := s[cut+2:]
	if !strings.HasSuffix(rest, "\n") {
		return n, errors.New("note: signature lines that end were expected")
	}
	for line := range strings.SplitSeq(rest[:len(rest)-1], "\n") {
		body, ok := strings.CutPrefix(line, "— ")
		name, encoded, two := strings.Cut(body, " ")
		raw, base := unbase64(encoded)
		if !ok || !two || !base || !isName(name) || len(raw) < 5 {
			return n, errors.New("note: a signature line is misspelled")
		}
		n.lines = append(n.lines, signatureLine{name: name, number: [4]byte(raw), signature: raw[4:]})
	}
	return n, nil
}

func (l signatureLine) by(k verifierKey) bool { return l.name == k.name && l.number == k.number }

// verify checks a line under an Ed25519 key.
func (k verifierKey) verify(text string, l signatureLine) bool {
	return k.algorithm == algorithmEd25519 && l.by(k) &&
		len(l.signature) == ed25519.SignatureSize && ed25519.Verify(k.public, []byte(text), l.signature)
}

// cosigned checks a cosignature/v1 line and gives its time.
func (k verifierKey) cosigned(text string, l signatureLine) (time.Time, bool) {
	if k.algorithm != algorithmCosignature || !l.by(k) || len(l.signature) != 8+ed25519.SignatureSize {
		return time.Time{}, false
	}
	t := binary.BigEndian.Uint64(l.signature)
	// RFC 3339 ends with the year 9999, and so does what a report can show.
	if t == 0 || t > maxTime {
		return time.Time{}, false
	}
	message := fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s", t, text)
	if !ed25519.Verify(k.public, message, l.signature[8:]) {
		return time.Time{}, false
	}
	return time.Unix(int64(t), 0).UTC(), true
}

const maxTime = 253402300799 // 9999-12-31T23:59:59Z

// A checkpoint is what a checkpoint's note says.
type checkpoint struct {
	origin string
	size   int64
	root   Hash
}

// parseCheckpoint reads the three lines of a checkpoint, and refuses any other spelling.
func parseCheckpoint(text string) (checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return checkpoint{}, errors.New("three lines were expected")
	}
	c := checkpoint{origin: lines[0]}
	var ok bool
	if c.size, ok = decimal(lines[1]); !ok {
		return c, errors.New("size is not a number")
	}
	root, ok := unbase64(lines[2])
	if !ok || len(root) != 32 {
		return c, errors.New("root is not a hash")
	}
	c.root = Hash(root)
	return c, nil
}

// VerifierKey gives the text of a verifier key: name, algorithm (witness or not) and public key. It is here for whoever
// writes bundles without another implementation at hand.
func VerifierKey(name string, public ed25519.PublicKey, witness bool) string {
	raw := append([]byte{algorithmEd25519}, public...)
	if witness {
		raw[0] = algorithmCosignature
	}
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	return fmt.Sprintf("%s+%x+%s", name, sum[:4], base64.StdEncoding.EncodeToString(raw))
}
