package tlog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/note"
)

// algCosignature is the signature type of timestamped Ed25519 cosignatures in C2SP signed-note.
const algCosignature = 0x04

// Lengths of a signature as it stands in a line, without the four bytes of key number.
const cosignatureSize = 8 + ed25519.SignatureSize

// secretPrefix begins the text of a signer key, as in golang.org/x/mod/sumdb/note.
const secretPrefix = "PRIVATE+KEY+"

// ErrCosignature: a line or a key is not one of C2SP tlog-cosignature (Ed25519), or does not hold.
var ErrCosignature = errors.New("not a valid cosignature")

// GenerateCosignerKey makes the Ed25519 key pair of a witness: the signer key text is secret, the verifier key text
// (a vkey of C2SP signed-note with signature type 0x04) is to be published. The name should look like a URL without a
// scheme; it has no white space and no plus sign. Random gives 32 bytes.
func GenerateCosignerKey(random io.Reader, name string) (signerKey, verifierKey string, err error) {
	if !keyName(name) {
		return "", "", fmt.Errorf("generate cosigner key: %w: name", ErrCosignature)
	}
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", "", errors.New("generate cosigner key: no randomness")
	}
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	number := fmt.Sprintf("+%08x+", keyNumber(name, algCosignature, public))
	signerKey = secretPrefix + name + number + base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, seed...))
	return signerKey, name + number + base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, public...)), nil
}

// keyName says whether C2SP signed-note lets a key have this name.
func keyName(name string) bool {
	return name != "" && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r == '+' || r < 0x20 || unicode.IsSpace(r)
	})
}

func keyNumber(name string, alg byte, public []byte) uint32 {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write([]byte{'\n', alg})
	h.Write(public)
	return binary.BigEndian.Uint32(h.Sum(nil))
}

// cutKey takes name+number+base64 apart. Base 64 may hold plus signs, a name may not.
func cutKey(text string, size int) (name string, number uint32, raw []byte, err error) {
	parts := strings.SplitN(text, "+", 3)
	if len(parts) != 3 || !keyName(parts[0]) || len(parts[1]) != 8 || strings.ToLower(parts[1]) != parts[1] {
		return "", 0, nil, ErrCosignature
	}
	n, err := strconv.ParseUint(parts[1], 16, 32)
	if err != nil {
		return "", 0, nil, ErrCosignature
	}
	raw, err = base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(raw) != 1+size || raw[0] != algCosignature || strings.ContainsAny(parts[2], "\r\n") {
		return "", 0, nil, ErrCosignature
	}
	return parts[0], uint32(n), raw[1:], nil
}

// Cosigner makes cosignatures with one key. It is a Signer, so that a note may also be signed with note.Sign. It keeps no
// state: that nothing contradictory is signed is the witness's part.
type Cosigner struct {
	v   *CosignVerifier
	key ed25519.PrivateKey
	now func() time.Time
}

var (
	_ Signer   = (*Cosigner)(nil)
	_ Verifier = (*CosignVerifier)(nil)
)

// NewCosigner reads a signer key text; now is the clock that dates the cosignatures. The error never carries any of
// the key.
func NewCosigner(signerKey string, now func() time.Time) (*Cosigner, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(signerKey), secretPrefix)
	if !ok {
		return nil, fmt.Errorf("read cosigner key: %w", ErrCosignature)
	}
	name, number, seed, err := cutKey(rest, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("read cosigner key: %w", ErrCosignature)
	}
	key := ed25519.NewKeyFromSeed(seed)
	public := key.Public().(ed25519.PublicKey)
	if keyNumber(name, algCosignature, public) != number {
		return nil, fmt.Errorf("read cosigner key: %w", ErrCosignature)
	}
	return &Cosigner{v: &CosignVerifier{name: name, number: number, public: public}, key: key, now: now}, nil
}

// Name is the name of the key.
func (c *Cosigner) Name() string { return c.v.name }

// KeyHash is the key number.
func (c *Cosigner) KeyHash() uint32 { return c.v.number }

// VerifierKey is the text to be published.
func (c *Cosigner) VerifierKey() string { return c.v.String() }

// Verifier checks what this key signs.
func (c *Cosigner) Verifier() *CosignVerifier { return c.v }

// Sign gives time and signature over the text of a checkpoint: 72 bytes.
func (c *Cosigner) Sign(text []byte) ([]byte, error) {
	t := c.now().Unix()
	if t < 0 {
		return nil, fmt.Errorf("cosign: %w: time", ErrCosignature)
	}
	out := binary.BigEndian.AppendUint64(make([]byte, 0, cosignatureSize), uint64(t))
	return append(out, ed25519.Sign(c.key, cosigned(uint64(t), text))...), nil
}

// Cosign gives the signature line over the text of a checkpoint, with its line feed.
func (c *Cosigner) Cosign(text string) (string, error) {
	sig, err := c.Sign([]byte(text))
	if err != nil {
		return "", err
	}
	return signatureLine(c.v.name, c.v.number, sig), nil
}

func signatureLine(name string, number uint32, sig []byte) string {
	raw := append(binary.BigEndian.AppendUint32(nil, number), sig...)
	return "— " + name + " " + base64.StdEncoding.EncodeToString(raw) + "\n"
}

// cosigned is the message of C2SP tlog-cosignature, section "Ed25519 signed message".
func cosigned(t uint64, text []byte) []byte {
	return append([]byte("cosignature/v1\ntime "+strconv.FormatUint(t, 10)+"\n"), text...)
}

// CosignVerifier checks the cosignatures of one witness. It is a Verifier.
type CosignVerifier struct {
	name   string
	number uint32
	public ed25519.PublicKey
}

// NewCosignVerifier reads the verifier key text of a witness: signature type 0x04 and no other, the key number as it
// follows from the rest.
func NewCosignVerifier(verifierKey string) (*CosignVerifier, error) {
	name, number, public, err := cutKey(strings.TrimSpace(verifierKey), ed25519.PublicKeySize)
	if err != nil || keyNumber(name, algCosignature, public) != number {
		return nil, fmt.Errorf("read verifier key of a witness: %w", ErrCosignature)
	}
	return &CosignVerifier{name: name, number: number, public: public}, nil
}

// Name is the name of the witness.
func (v *CosignVerifier) Name() string { return v.name }

// KeyHash is the key number.
func (v *CosignVerifier) KeyHash() uint32 { return v.number }

// String is the verifier key text.
func (v *CosignVerifier) String() string {
	return fmt.Sprintf("%s+%08x+%s", v.name, v.number, base64.StdEncoding.EncodeToString(append([]byte{algCosignature}, v.public...)))
}

// Verify says whether sig (time and signature) is this key's over the text of a checkpoint.
func (v *CosignVerifier) Verify(text, sig []byte) bool {
	if len(sig) != cosignatureSize {
		return false
	}
	t := binary.BigEndian.Uint64(sig)
	return t <= math.MaxInt64 && ed25519.Verify(v.public, cosigned(t, text), sig[8:])
}

// Check checks one signature line, with or without its line feed, over the text of a checkpoint, and gives its time.
// ErrCosignature if it is another's or does not hold.
func (v *CosignVerifier) Check(text, line string) (time.Time, error) {
	l, err := ParseSignatureLine(line)
	if err != nil || l.Name != v.name || l.Number != v.number || !v.Verify([]byte(text), l.Signature) {
		return time.Time{}, fmt.Errorf("check cosignature: %w", ErrCosignature)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(l.Signature)), 0).UTC(), nil
}

// Find gives the line of this witness in a signed note with its line feed, and its time; ErrCosignature if there is
// none, or one that does not hold. The log's own signature is not looked at: use Open.
func (v *CosignVerifier) Find(signed []byte) (line string, at time.Time, err error) {
	text, lines, err := SplitNote(signed)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("find cosignature: %w", ErrCosignature)
	}
	for _, raw := range lines {
		l, err := ParseSignatureLine(raw)
		if err != nil || l.Name != v.name || l.Number != v.number {
			continue
		}
		at, err := v.Check(text, raw)
		return raw, at, err
	}
	return "", time.Time{}, fmt.Errorf("find cosignature: %w: none by this key", ErrCosignature)
}

// SignatureLine is one line of a signed note, taken apart. Nothing of it is verified.
type SignatureLine struct {
	Name      string
	Number    uint32
	Signature []byte // without the key number; for a cosignature eight bytes of time and 64 of Ed25519
}

// ParseSignatureLine takes a signature line apart, with or without its line feed, and refuses any other spelling.
func ParseSignatureLine(line string) (SignatureLine, error) {
	rest, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— ")
	name, text, two := strings.Cut(rest, " ")
	if !ok || !two || !keyName(name) || strings.ContainsAny(text, "\r\n") {
		return SignatureLine{}, fmt.Errorf("read signature line: %w", ErrCosignature)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(raw) < 5 {
		return SignatureLine{}, fmt.Errorf("read signature line: %w", ErrCosignature)
	}
	return SignatureLine{Name: name, Number: binary.BigEndian.Uint32(raw), Signature: raw[4:]}, nil
}

// SplitNote cuts a signed note into its text (with the line feed at its end) and its signature lines (each with its
// own). Nothing is verified, and lines are not taken apart.
func SplitNote(signed []byte) (text string, lines []string, err error) {
	s := string(signed)
	at := strings.LastIndex(s, "\n\n")
	if at < 0 || !strings.HasSuffix(s, "\n") || !utf8.ValidString(s) {
		return "", nil, fmt.Errorf("split note: %w", ErrCheckpoint)
	}
	text = s[:at+1]
	for l := range strings.Lines(s[at+2:]) {
		if !strings.HasPrefix(l, "— ") {
			return "", nil, fmt.Errorf("split note: %w: signature line", ErrCheckpoint)
		}
		lines = append(lines, l)
	}
	if len(lines) == 0 {
		return "", nil, fmt.Errorf("split note: %w: no signature", ErrCheckpoint)
	}
	return text, lines, nil
}

// OpenAny is Open for the logs of others: the signature may be by any of the keys, all of them the log's (a log that has
// changed its key has several), and extension lines (C2SP tlog-checkpoint) may follow the three. They are in text, which
// is what a cosignature is made over, and say nothing that was checked.
func OpenAny(signed []byte, keys ...Verifier) (c Checkpoint, text string, err error) {
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return Checkpoint{}, "", fmt.Errorf("open checkpoint: %w: signature", ErrCheckpoint)
	}
	c, err = ParseAnyCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, "", fmt.Errorf("open checkpoint: %w", err)
	}
	for _, s := range n.Sigs {
		if s.Name != c.Origin {
			return Checkpoint{}, "", fmt.Errorf("open checkpoint: %w: another origin", ErrCheckpoint)
		}
	}
	return c, n.Text, nil
}

// ParseAnyCheckpoint is ParseCheckpoint for the logs of others: extension lines may follow, none of them empty.
func ParseAnyCheckpoint(text string) (Checkpoint, error) {
	lines := strings.SplitAfterN(text, "\n", 4)
	if len(lines) != 4 {
		return Checkpoint{}, fmt.Errorf("%w: three lines were expected", ErrCheckpoint)
	}
	if more := lines[3]; more != "" && (!strings.HasSuffix(more, "\n") || strings.HasPrefix(more, "\n") || strings.Contains(more, "\n\n")) {
		return Checkpoint{}, fmt.Errorf("%w: extension lines", ErrCheckpoint)
	}
	return ParseCheckpoint(strings.Join(lines[:3], ""))
}
