package store

import (
	"context"
	"time"
)

// Kinds of objects.
const (
	ObjectOriginal   = "original"
	ObjectDerivative = "derivative"
	ObjectManifest   = "manifest"
)

// States of objects.
const (
	ObjectHeld        = "held"
	ObjectQuarantined = "quarantined"
	ObjectErased      = "erased"
)

// Envelope is a file of the vault that holds the keys of the objects committed together.
type Envelope struct {
	ID     string
	SHA256 []byte
	Size   int64
	At     time.Time
}

// Blob is a file of the vault that holds sealed segments.
type Blob struct {
	Name      string
	Envelope  string
	Size      int64
	SHA256    []byte // of the ciphertext
	CheckedAt time.Time
	Result    string // of the latest check: "", "ok" or a code
}

// Segment is a piece of an object.
type Segment struct {
	Index       int
	Blob        string
	Offset      int64
	Length      int64 // sealed
	PlainLength int64
	PlainSHA256 []byte
}

// Object is a sealed object of the vault.
type Object struct {
	ID       string
	Envelope string
	Kind     string
	State    string
	Size     int64
	SHA256   []byte
	Segments []Segment
}

// Object gives one object with its segments; archive.ErrNotFound.
func (tx *Tx) Object(ctx context.Context, id string) (Object, error) { return Object{}, errLater }

// ObjectsOfBlob gives the objects with a segment in a blob.
func (tx *Tx) ObjectsOfBlob(ctx context.Context, blob string) ([]Object, error) { return nil, errLater }

// Blob gives one blob; archive.ErrNotFound.
func (tx *Tx) Blob(ctx context.Context, name string) (Blob, error) { return Blob{}, errLater }

// Blobs gives up to limit blobs after a name, in order of name.
func (tx *Tx) Blobs(ctx context.Context, after string, limit int) ([]Blob, error) {
	return nil, errLater
}

// MarkBlob notes the result of a check.
func (tx *Tx) MarkBlob(ctx context.Context, name, result string, at time.Time) error { return errLater }

// SetObjectState moves an object; archive.ErrNotFound, archive.ErrConflict if it is erased.
func (tx *Tx) SetObjectState(ctx context.Context, id, state string) error { return errLater }
