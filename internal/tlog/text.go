package tlog

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
)

// ErrNote: the text is not a note signed by this key.
var ErrNote = errors.New("not a note signed by this key")

// SignText gives the signed note of a text that is not a checkpoint, such as the endorsement of a key. The text ends in a
// line feed. What it says must not be readable as a checkpoint; a first line that no origin has sees to that.
func SignText(text string, s Signer) ([]byte, error) {
	if _, err := ParseCheckpoint(text); err == nil {
		return nil, fmt.Errorf("sign text: %w: it reads as a checkpoint", ErrNote)
	}
	out, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		return nil, fmt.Errorf("sign text: %w", ErrNote)
	}
	return out, nil
}

// OpenText gives the text of a signed note; ErrNote if the signature of v is absent or does not hold.
func OpenText(signed []byte, v Verifier) (string, error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return "", fmt.Errorf("open text: %w", ErrNote)
	}
	return n.Text, nil
}
