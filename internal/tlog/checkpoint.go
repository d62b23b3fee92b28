package tlog

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Signer signs checkpoints with one Ed25519 key under one name.
type Signer = note.Signer

// Verifier checks signatures of one key under one name.
type Verifier = note.Verifier

// ErrCheckpoint: the text is not a checkpoint, or not one of this origin signed by this key.
var ErrCheckpoint = errors.New("not a valid checkpoint")

// Checkpoint is what is signed: at this size the tree of this origin has this root.
type Checkpoint struct {
	Origin string // the key name as well; no spaces, no plus sign
	Size   int64
	Root   Hash
}

// Text is the body of a checkpoint as C2SP tlog-checkpoint has it: origin, size in decimal, root in base 64, each on a
// line of its own.
func (c Checkpoint) Text() string {
	return c.Origin + "\n" + strconv.FormatInt(c.Size, 10) + "\n" + base64.StdEncoding.EncodeToString(c.Root[:]) + "\n"
}

// ParseCheckpoint reads a body that Text wrote, and refuses any other spelling and extension lines: Zapis writes none,
// and a line that nobody reads is a place to hide something.
func ParseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] == "" || lines[3] != "" {
		return Checkpoint{}, fmt.Errorf("%w: three lines were expected", ErrCheckpoint)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 {
		return Checkpoint{}, fmt.Errorf("%w: size", ErrCheckpoint)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != HashSize {
		return Checkpoint{}, fmt.Errorf("%w: root", ErrCheckpoint)
	}
	c := Checkpoint{Origin: lines[0], Size: size, Root: Hash(root)}
	if c.Text() != text {
		return Checkpoint{}, fmt.Errorf("%w: spelling", ErrCheckpoint)
	}
	return c, nil
}

// Sign gives the signed note of a checkpoint. The name of the signer has to be the origin.
func Sign(c Checkpoint, s Signer) ([]byte, error) {
	if s.Name() != c.Origin {
		return nil, fmt.Errorf("sign checkpoint of %d: %w: the key belongs to another origin", c.Size, ErrCheckpoint)
	}
	if _, err := ParseCheckpoint(c.Text()); err != nil {
		return nil, fmt.Errorf("sign checkpoint of %d: %w", c.Size, err)
	}
	out, err := note.Sign(&note.Note{Text: c.Text()}, s)
	if err != nil {
		return nil, fmt.Errorf("sign checkpoint of %d: %w", c.Size, err)
	}
	return out, nil
}

// Open checks a signed note and gives the checkpoint in it; ErrCheckpoint if the signature of v is absent or does not
// hold, or if the origin is not the name of v. Signatures by others (witnesses) are passed over.
func Open(signed []byte, v Verifier) (Checkpoint, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		// The cause tells names and key numbers from a text that may come from outside.
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w: signature", ErrCheckpoint)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	if c.Origin != v.Name() {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w: another origin", ErrCheckpoint)
	}
	return c, nil
}

// GenerateKey makes an Ed25519 key pair for an origin: the signer key text is secret, the verifier key text is to be
// published. Both are in the encoding of golang.org/x/mod/sumdb/note, which C2SP signed-note calls a vkey.
func GenerateKey(random io.Reader, origin string) (signerKey, verifierKey string, err error) {
	signerKey, verifierKey, err = note.GenerateKey(random, origin)
	if err != nil {
		return "", "", errors.New("generate checkpoint key: no randomness")
	}
	if _, err := note.NewVerifier(verifierKey); err != nil {
		return "", "", fmt.Errorf("generate checkpoint key: %w: origin", ErrCheckpoint)
	}
	return signerKey, verifierKey, nil
}

// NewSigner reads a signer key text. The error never carries any of it.
func NewSigner(signerKey string) (Signer, error) {
	s, err := note.NewSigner(signerKey)
	if err != nil {
		return nil, fmt.Errorf("read signer key: %w", ErrCheckpoint)
	}
	return s, nil
}

// NewVerifier reads a verifier key text.
func NewVerifier(verifierKey string) (Verifier, error) {
	v, err := note.NewVerifier(strings.TrimSpace(verifierKey))
	if err != nil {
		return nil, fmt.Errorf("read verifier key: %w", ErrCheckpoint)
	}
	return v, nil
}

// VerifierKey gives the verifier key text that belongs to a signer key text, so that only the secret half has to be
// kept.
func VerifierKey(signerKey string) (string, error) {
	s, err := NewSigner(signerKey)
	if err != nil {
		return "", err
	}
	// NewSigner has accepted the text: PRIVATE+KEY+name+number+base 64 of one byte of algorithm and the 32-byte seed.
	// A plus sign may also be part of the base 64, so the fields are cut from the front.
	parts := strings.SplitN(signerKey, "+", 5)
	if len(parts) != 5 {
		return "", fmt.Errorf("read signer key: %w", ErrCheckpoint)
	}
	raw, err := base64.StdEncoding.DecodeString(parts[4])
	if err != nil || len(raw) != 1+ed25519.SeedSize {
		return "", fmt.Errorf("read signer key: %w", ErrCheckpoint)
	}
	public := ed25519.NewKeyFromSeed(raw[1:]).Public().(ed25519.PublicKey)
	vkey, err := note.NewEd25519VerifierKey(s.Name(), public)
	if err != nil {
		return "", fmt.Errorf("read signer key: %w", ErrCheckpoint)
	}
	return vkey, nil
}
