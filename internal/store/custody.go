package store

import (
	"context"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"zapis/internal/archive"
)

// Opening is what opens a commitment of the custody record: the canonical event and its salt.
type Opening struct {
	Index      int64
	EventID    string
	Type       string
	Time       time.Time
	Agent      string
	Salt       []byte // 32 bytes
	Event      []byte // canonical bytes
	Subjects   []archive.Subject
	Commitment []byte // of the leaf with this index; filled when read, ignored when added
}

// Checkpoint is a signed statement about the tree of the custody record at a size.
type Checkpoint struct {
	Size int64
	Root []byte // 32 bytes
	Note []byte // C2SP signed note
	At   time.Time
}

// AppendLeaves adds commitments (32 bytes each) from index first on.
func (tx *Tx) AppendLeaves(ctx context.Context, first int64, commitments ...[]byte) error {
	return errLater
}

// Leaves gives up to limit commitments from an index on.
func (tx *Tx) Leaves(ctx context.Context, from int64, limit int) ([][]byte, error) {
	return nil, errLater
}

// AddOpenings adds openings with their subjects.
func (tx *Tx) AddOpenings(ctx context.Context, o ...Opening) error { return errLater }

// Openings gives up to limit openings from an index on, with subjects and commitment.
func (tx *Tx) Openings(ctx context.Context, from int64, limit int) ([]Opening, error) {
	return nil, errLater
}

// Opening gives the opening of one index; archive.ErrNotFound.
func (tx *Tx) Opening(ctx context.Context, index int64) (Opening, error) { return Opening{}, errLater }

// EventsOf gives the indexes of the events that name a subject, in order.
func (tx *Tx) EventsOf(ctx context.Context, kind, id string) ([]int64, error) { return nil, errLater }

// AddHashes adds stored tree hashes from position first on.
func (tx *Tx) AddHashes(ctx context.Context, first int64, h []tlog.Hash) error { return errLater }

// Hashes gives the stored tree hashes at the given positions, in the order asked; archive.ErrNotFound if one is missing.
func (tx *Tx) Hashes(ctx context.Context, at []int64) ([]tlog.Hash, error) { return nil, errLater }

// HashCount is the number of stored tree hashes.
func (tx *Tx) HashCount(ctx context.Context) (int64, error) { return 0, errLater }

// Head gives the size of the tree; with lock no other transaction can append until this one ends.
func (tx *Tx) Head(ctx context.Context, lock bool) (int64, error) { return 0, errLater }

// SetHead sets the size of the tree, which never shrinks; archive.ErrConflict.
func (tx *Tx) SetHead(ctx context.Context, size int64) error { return errLater }

// AddCheckpoint adds a checkpoint; one of the same size and note is passed over.
func (tx *Tx) AddCheckpoint(ctx context.Context, c Checkpoint) error { return errLater }

// Checkpoints gives all checkpoints by size.
func (tx *Tx) Checkpoints(ctx context.Context) ([]Checkpoint, error) { return nil, errLater }
