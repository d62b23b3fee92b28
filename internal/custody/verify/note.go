package verify

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
)

// ErrKey: the text is not a verifier key.
var ErrKey = errors.New("not a verifier key")

// Key is a public key that signs checkpoints, with its name. The zero Key accepts nothing.
type Key struct {
	name   string
	number uint32
	public ed25519.PublicKey
}

// Name is the name of the key, which is also the origin of the checkpoints it signs.
func (k Key) Name() string { return k.name }

// Text is the key as ParseKey reads it.
func (k Key) Text() string {
	if k.public == nil {
		return ""
	}
	raw := append([]byte{1}, k.public...)
	return k.name + "+" + hex.EncodeToString(binary.BigEndian.AppendUint32(nil, k.number)) + "+" + base64.StdEncoding.EncodeToString(raw)
}

// ParseKey reads a verifier key: name, plus sign, key number in eight hex digits, plus sign, base 64 of one byte of
// algorithm (1, Ed25519) and the 32-byte public key, as C2SP signed-note has it.
func ParseKey(text string) (Key, error) {
	parts := strings.SplitN(strings.TrimSpace(text), "+", 3) // base 64 has plus signs too
	if len(parts) != 3 || parts[0] == "" || len(parts[1]) != 8 || strings.ContainsAny(parts[0], " \t\r\n") {
		return Key{}, ErrKey
	}
	number, err := hex.DecodeString(parts[1])
	if err != nil {
		return Key{}, ErrKey
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) != 1+ed25519.PublicKeySize || raw[0] != 1 {
		return Key{}, ErrKey
	}
	k := Key{name: parts[0], number: binary.BigEndian.Uint32(number), public: raw[1:]}
	want := sha256.Sum256(append([]byte(k.name+"\n"), raw...))
	if !bytes.Equal(want[:4], number) {
		return Key{}, ErrKey
	}
	return k, nil
}

// statement is what a checkpoint says.
type statement struct {
	origin string
	size   int64
	root   hash
}

// Signed checks the signature of k on a signed note and gives the text that was signed, line feed included. The problem is
// a sentence, empty if all is well. Signatures by other keys (of witnesses) are passed over.
func (k Key) Signed(note []byte) (body []byte, problem string) {
	// Body, empty line, signature lines that each begin with a dash.
	cut := bytes.LastIndex(note, []byte("\n\n"))
	if cut < 0 || len(note) > 1<<20 {
		return nil, "the note has no signature"
	}
	body, lines := note[:cut+1], string(note[cut+2:])
	signed := false
	for line := range strings.Lines(lines) {
		rest, ok := strings.CutPrefix(line, "— ")
		name, encoded, ok2 := strings.Cut(strings.TrimSuffix(rest, "\n"), " ")
		if !ok || !ok2 || !strings.HasSuffix(line, "\n") {
			return nil, "a signature line is not well formed"
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(raw) < 5 {
			return nil, "a signature is not well formed"
		}
		if k.public == nil || name != k.name || binary.BigEndian.Uint32(raw) != k.number {
			continue
		}
		if !ed25519.Verify(k.public, body, raw[4:]) {
			return nil, "the signature does not hold"
		}
		signed = true
	}
	if !signed {
		return nil, "it is not signed by this key"
	}
	return body, ""
}

// open reads the checkpoint in a note that is signed by k.
func (k Key) open(note []byte) (s statement, problem string) {
	body, problem := k.Signed(note)
	if problem != "" {
		return s, problem
	}
	parts := strings.Split(string(body), "\n")
	if len(parts) != 4 || parts[3] != "" {
		return s, "it does not have three lines"
	}
	size, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != parts[1] {
		return s, "its size is not a number"
	}
	root, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(root) != sha256.Size {
		return s, "its root is not a hash"
	}
	if parts[0] != k.name {
		return s, "it is of another origin"
	}
	return statement{origin: parts[0], size: size, root: hash(root)}, ""
}
