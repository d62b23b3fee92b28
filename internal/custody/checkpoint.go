package custody

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// ErrNoSigner: this recorder was made without a checkpoint key.
var ErrNoSigner = errors.New("no checkpoint key")

// CheckpointTx is what signing a checkpoint needs of a transaction; *store.Tx has it.
type CheckpointTx interface {
	Head(ctx context.Context, lock bool) (size int64, err error)
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	Checkpoints(ctx context.Context) ([]store.Checkpoint, error)
	AddCheckpoint(ctx context.Context, c store.Checkpoint) error
}

// Checkpoint signs the record as it stands, stores the checkpoint and gives its note and size. If the record has not
// grown since the latest checkpoint, that one is given again. It refuses (archive.ErrIntegrity) if the record
// is shorter than the latest checkpoint or no longer contains its tree: to sign then would vouch for a record that
// was rewritten.
func (r *Recorder) Checkpoint(ctx context.Context, db *store.DB) (note []byte, size int64, err error) {
	err = db.Write(ctx, func(tx *store.Tx) error {
		note, size, err = r.CheckpointIn(ctx, tx)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return note, size, nil
}

// CheckpointIn is Checkpoint within a transaction, after Record, for a receipt that is committed together with the
// closing of its accession.
func (r *Recorder) CheckpointIn(ctx context.Context, tx CheckpointTx) (note []byte, size int64, err error) {
	if r.o.Signer == nil {
		return nil, 0, ErrNoSigner
	}
	if size, err = tx.Head(ctx, true); err != nil {
		return nil, 0, fmt.Errorf("lock head of the record: %w", err)
	}
	hashes := hashReader(ctx, tx)
	root, err := tlog.Root(size, hashes)
	if err != nil {
		return nil, 0, fmt.Errorf("checkpoint %d: %w", size, err)
	}
	all, err := tx.Checkpoints(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("read checkpoints: %w", err)
	}
	if n := len(all); n > 0 {
		last := all[n-1]
		if last.Size > size {
			return nil, 0, fmt.Errorf("checkpoint %d: %w: the record ends before checkpoint %d", size, archive.ErrIntegrity, last.Size)
		}
		then, err := tlog.Root(last.Size, hashes)
		if err != nil {
			return nil, 0, fmt.Errorf("checkpoint %d: root at %d: %w", size, last.Size, err)
		}
		if string(then[:]) != string(last.Root) {
			return nil, 0, fmt.Errorf("checkpoint %d: %w: the record no longer agrees with checkpoint %d", size, archive.ErrIntegrity, last.Size)
		}
		if err := consistent(last.Size, then, size, root, hashes); err != nil {
			return nil, 0, fmt.Errorf("checkpoint %d: %w", size, err)
		}
	}
	c := tlog.Checkpoint{Origin: r.o.Origin, Size: size, Root: root}
	if note, err = tlog.Sign(c, r.o.Signer); err != nil {
		return nil, 0, err
	}
	if n := len(all); n > 0 && all[n-1].Size == size {
		// Ed25519 signs the same text with the same bytes, so the stored note is either this one or not ours.
		if string(all[n-1].Note) != string(note) {
			return nil, 0, fmt.Errorf("checkpoint %d: %w: the stored note is not signed by this key", size, archive.ErrIntegrity)
		}
		return note, size, nil
	}
	if err := tx.AddCheckpoint(ctx, store.Checkpoint{Size: size, Root: root[:], Note: note, At: r.o.Now().UTC()}); err != nil {
		return nil, 0, fmt.Errorf("add checkpoint %d: %w", size, err)
	}
	return note, size, nil
}

// consistent proves from the stored hashes that the earlier tree is a part of the later one. The root of the earlier tree
// alone would not show a stored hash of an inner node that was altered and serves only the later root.
func consistent(from int64, fromRoot tlog.Hash, to int64, toRoot tlog.Hash, r tlog.HashReader) error {
	if from == 0 {
		return nil
	}
	proof, err := tlog.Consistency(from, to, r)
	if err != nil {
		return err
	}
	if err := tlog.CheckConsistency(proof, from, fromRoot, to, toRoot); err != nil {
		return fmt.Errorf("%w: the record no longer contains checkpoint %d", archive.ErrIntegrity, from)
	}
	return nil
}
