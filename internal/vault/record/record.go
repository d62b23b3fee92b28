// Package record seals small pieces of the catalogue that may name people (where a file came from, a second factor),
// so that whoever reads the database alone reads nothing.
//
// It guarantees that a sealed piece opens only under the key it was sealed with and only for the row it was sealed for
// (the row's identifier is authenticated with it), and that two sealings of one text differ. The construction is
// XChaCha20-Poly1305 with a random 24-byte nonce in front and the row identifier as associated data
// (draft-irtf-cfrg-xchacha). It does not hide the length of what it seals beyond rounding up to 64 bytes.
package record

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"zapis/internal/archive"
)

const pad = 64

// Sealer seals and opens pieces under one key. It is safe for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	mac  [32]byte
}

// New makes a sealer from a 32-byte key (the vault secret "record").
func New(key []byte) (*Sealer, error) {
	if len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("%w: a record key has %d bytes", archive.ErrInvalid, chacha20poly1305.KeySize)
	}
	derive := func(label string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte("zapis record v1 " + label))
		return m.Sum(nil)
	}
	aead, err := chacha20poly1305.NewX(derive("seal"))
	if err != nil {
		return nil, fmt.Errorf("record key: %w", err)
	}
	return &Sealer{aead: aead, mac: [32]byte(derive("fingerprint"))}, nil
}

// Seal seals text for the row named id.
func (s *Sealer) Seal(id string, text []byte) []byte {
	n := (4 + len(text) + pad - 1) / pad * pad
	plain := make([]byte, n)
	binary.BigEndian.PutUint32(plain, uint32(len(text)))
	copy(plain[4:], text)
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+n+s.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		panic(fmt.Sprintf("record: no randomness: %v", err))
	}
	return s.aead.Seal(nonce, nonce, plain, []byte(id))
}

// Open opens what Seal sealed for the same row; archive.ErrIntegrity if it was sealed for another row, under
// another key, or altered.
func (s *Sealer) Open(id string, sealed []byte) ([]byte, error) {
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, fmt.Errorf("open record of %s: %w", id, archive.ErrIntegrity)
	}
	plain, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(id))
	if err != nil || len(plain) < 4 || int(binary.BigEndian.Uint32(plain)) > len(plain)-4 {
		return nil, fmt.Errorf("open record of %s: %w", id, archive.ErrIntegrity) // the cause is flattened on purpose
	}
	return plain[4 : 4+binary.BigEndian.Uint32(plain)], nil
}

// Fingerprint is a keyed hash (HMAC-SHA-256) of parts, each with its length in front: equal for equal parts, and
// of no use to whoever lacks the key.
func (s *Sealer) Fingerprint(parts ...[]byte) []byte {
	m := hmac.New(sha256.New, s.mac[:])
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		m.Write(n[:])
		m.Write(p)
	}
	return m.Sum(nil)
}
