package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Limits of an OpenTimestamps proof beside its 64 KiB.
const (
	otsMaxMessage     = 4096 // of a message and of what is put before or behind it, as in the reference library
	otsMaxAttestation = 8192 // of the body of an attestation
	otsMaxURI         = 1000
	otsMaxDepth       = 256 // operations one after the other
	otsMaxEnds        = 64  // attestations
)

const (
	otsMagic  = "\x00OpenTimestamps\x00\x00Proof\x00\xbf\x89\xe2\xe8\x84\xe8\x92\x94"
	otsSHA256 = 0x08
	otsAppend = 0xf0
	otsBefore = 0xf1
	otsFork   = 0xff
	otsEnd    = 0x00
)

const (
	otsPending = "\x83\xdf\xe3\x0d\x2e\xf9\x0c\x8e"
	otsBitcoin = "\x05\x88\x96\x0d\x73\xd7\x19\x01"
)

// Attestation is one end of an OpenTimestamps proof: a claim about Message, which follows from the stamped digest.
type Attestation struct {
	Kind     string // "bitcoin", "pending", or "unknown" for a kind that is passed over
	Message  []byte // bitcoin: the Merkle root of the block, 32 bytes as they stand in its header
	Height   int64  // bitcoin: of the block
	Calendar string // pending: the address where to ask for the rest
}

// Attestations reads a detached OpenTimestamps proof (`.ots`, version 1) over digest, a SHA-256, and gives its ends in the order of the proof.
// Nothing here says that a block exists: whoever has block headers compares. Errors are ErrStamp.
// The operations known are SHA-256, append and prepend, which are all that calendars use; weaker digests are refused.
func Attestations(proof []byte, digest [32]byte) ([]Attestation, error) {
	w := otsWalk{rest: proof}
	if err := w.file(digest); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStamp, err)
	}
	return w.ends, nil
}

// OpenTimestamps checks a detached OpenTimestamps proof over digest as far as it can be without block headers. The stamp
// is never Checked: it is Pending, or names the lowest Bitcoin block and the Merkle root this block must have. Errors are ErrStamp.
func OpenTimestamps(proof []byte, digest [32]byte) (Stamp, error) {
	return checkOpenTimestamps(proof, digest)
}

func checkOpenTimestamps(proof []byte, digest [32]byte) (Stamp, error) {
	ends, err := Attestations(proof, digest)
	if err != nil {
		return Stamp{}, err
	}
	s := Stamp{Kind: KindOpenTimestamps, Pending: true}
	pending := false
	for _, e := range ends {
		switch {
		case e.Kind == "pending":
			pending = true
		case e.Kind == "bitcoin" && (s.Pending || e.Height < s.Block):
			s.Pending, s.Block, s.Root = false, e.Height, hex.EncodeToString(e.Message)
		}
	}
	switch {
	case !s.Pending:
		s.Note = fmt.Sprintf("the Bitcoin block %d must have the Merkle root %s", s.Block, s.Root)
	case pending:
		s.Note = "a calendar has promised to enter it in a Bitcoin block"
	default:
		return Stamp{}, fmt.Errorf("%w: the proof has no end that is known", ErrStamp)
	}
	return s, nil
}

// otsWalk evaluates a proof while it reads it.
type otsWalk struct {
	rest []byte
	ends []Attestation
}

func (w *otsWalk) file(digest [32]byte) error {
	if len(w.rest) > maxStamp {
		return errors.New("proof is longer than 64 KiB")
	}
	rest, ok := bytes.CutPrefix(w.rest, []byte(otsMagic))
	if !ok {
		return errors.New("not an OpenTimestamps proof")
	}
	w.rest = rest
	if version, err := w.number(); err != nil {
		return err
	} else if version != 1 {
		return errors.New("proof is not of version 1")
	}
	if kind, err := w.take(1); err != nil {
		return err
	} else if kind[0] != otsSHA256 {
		return errors.New("proof is not over a SHA-256")
	}
	have, err := w.take(32)
	if err != nil {
		return err
	}
	if !bytes.Equal(have, digest[:]) {
		return errors.New("proof is over something else")
	}
	if err := w.stamp(digest[:], 0); err != nil {
		return err
	}
	if len(w.rest) != 0 {
		return errors.New("proof is followed by something")
	}
	return nil
}

// stamp reads one timestamp: branches, all but the last after a fork mark.
func (w *otsWalk) stamp(message []byte, depth int) error {
	if depth > otsMaxDepth {
		return errors.New("proof has more than 256 operations in a row")
	}
	for {
		tag, err := w.take(1)
		if err != nil {
			return err
		}
		fork := tag[0] == otsFork
		if fork {
			if tag, err = w.take(1); err != nil {
				return err
			}
		}
		if err := w.branch(tag[0], message, depth); err != nil {
			return err
		}
		if !fork {
			return nil
		}
	}
}

func (w *otsWalk) branch(tag byte, message []byte, depth int) error {
	switch tag {
	case otsEnd:
		return w.attestation(message)
	case otsSHA256:
		sum := sha256.Sum256(message)
		return w.stamp(sum[:], depth+1)
	case otsAppend, otsBefore:
		more, err := w.bytes(otsMaxMessage)
		if err != nil {
			return err
		}
		if len(more) == 0 || len(message)+len(more) > otsMaxMessage {
			return errors.New("an operation has no bytes or too many")
		}
		if tag == otsAppend {
			message, more = more, message
		}
		// A new array: the branches of a fork share the message before it.
		next := make([]byte, 0, len(message)+len(more))
		return w.stamp(append(append(next, more...), message...), depth+1)
	}
	return fmt.Errorf("operation 0x%02x is not known", tag)
}

func (w *otsWalk) attestation(message []byte) error {
	if len(w.ends) == otsMaxEnds {
		return errors.New("proof has more than 64 ends")
	}
	kind, err := w.take(8)
	if err != nil {
		return err
	}
	body, err := w.bytes(otsMaxAttestation)
	if err != nil {
		return err
	}
	in := otsWalk{rest: body}
	end := Attestation{Kind: "unknown", Message: bytes.Clone(message)}
	switch string(kind) {
	case otsPending:
		uri, err := in.bytes(otsMaxURI)
		if err != nil {
			return err
		}
		if strings.Trim(string(uri), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._/:") != "" {
			return errors.New("the address of a calendar has other characters than it may")
		}
		end.Kind, end.Calendar = "pending", string(uri)
	case otsBitcoin:
		height, err := in.number()
		if err != nil {
			return err
		}
		if len(message) != 32 {
			return errors.New("the Merkle root of a block is not of 32 bytes")
		}
		end.Kind, end.Height = "bitcoin", height
	default:
		in.rest = nil
	}
	if len(in.rest) != 0 {
		return errors.New("an attestation is followed by something")
	}
	w.ends = append(w.ends, end)
	return nil
}

func (w *otsWalk) take(n int) ([]byte, error) {
	if n > len(w.rest) {
		return nil, errors.New("proof is cut off")
	}
	p := w.rest[:n]
	w.rest = w.rest[n:]
	return p, nil
}

// number reads a LEB128 number below 2^31, in its shortest spelling.
func (w *otsWalk) number() (int64, error) {
	n, size := binary.Uvarint(w.rest)
	if size <= 0 || size > 5 || n >= 1<<31 || size > 1 && w.rest[size-1] == 0 {
		return 0, errors.New("a number is out of bounds")
	}
	w.rest = w.rest[size:]
	return int64(n), nil
}

func (w *otsWalk) bytes(limit int) ([]byte, error) {
	n, err := w.number()
	if err != nil {
		return nil, err
	}
	if n > int64(limit) {
		return nil, errors.New("a string is too long")
	}
	return w.take(int(n))
}
