package custody

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// ReadTx is what showing needs of a transaction; *store.Tx has it.
type ReadTx interface {
	EventsOf(ctx context.Context, kind, id string) ([]int64, error)
	Opening(ctx context.Context, index int64) (store.Opening, error)
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
	Checkpoints(ctx context.Context) ([]store.Checkpoint, error)
}

// Entry is one event of the record with the state of its proof.
type Entry struct {
	Index int64
	Event archive.Event // zero if its bytes cannot be read
	Proof Proof
	// Checkpoint is the size of the earliest checkpoint that covers the event; 0 if none does yet.
	Checkpoint int64
	Problem    string // what is wrong, if Proof is Broken
}

// Proof says how far an event is proved.
type Proof string

// States of a proof: Covered, the opening gives the leaf and the leaf is in the tree of a checkpoint; Pending, the
// opening gives the leaf and no checkpoint covers it yet; Broken, something does not agree. The signatures of
// checkpoints are not checked here; that is what custody/verify is for.
const (
	Covered Proof = "covered"
	Pending Proof = "pending"
	Broken  Proof = "broken"
)

// Show gives the events that name a thing, in order, each with its proof checked. An event that does not agree is
// shown as Broken and never left out.
func (r *Recorder) Show(ctx context.Context, tx ReadTx, kind, id string) ([]Entry, error) {
	indexes, err := tx.EventsOf(ctx, kind, id)
	if err != nil {
		return nil, fmt.Errorf("find events of %s: %w", id, err)
	}
	checkpoints, err := tx.Checkpoints(ctx)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	hashes := hashReader(ctx, tx)
	out := make([]Entry, 0, len(indexes))
	for _, index := range indexes {
		e := Entry{Index: index, Proof: Pending}
		if e.Problem, err = show(ctx, tx, hashes, checkpoints, &e, archive.Subject{Kind: kind, ID: id}); err != nil {
			return nil, fmt.Errorf("show event %d: %w", index, err)
		}
		if e.Problem != "" {
			e.Proof = Broken
		}
		out = append(out, e)
	}
	return out, nil
}

func show(ctx context.Context, tx ReadTx, hashes tlog.HashReader, checkpoints []store.Checkpoint, e *Entry, about archive.Subject) (problem string, err error) {
	o, err := tx.Opening(ctx, e.Index)
	if errors.Is(err, archive.ErrNotFound) {
		return "the event is gone", nil
	}
	if err != nil {
		return "", err
	}
	if e.Event, err = archive.ParseEvent(o.Event); err != nil {
		e.Event = archive.Event{}
		return "the bytes of the event are damaged", nil
	}
	if len(o.Salt) != SaltSize {
		return "the salt is damaged", nil
	}
	commitment := Commitment([SaltSize]byte(o.Salt), o.Event)
	if string(commitment[:]) != string(o.Commitment) {
		return "event and salt do not give the commitment", nil
	}
	named := false
	for _, s := range e.Event.Subjects {
		named = named || s.Kind == about.Kind && s.ID == about.ID
	}
	if !named {
		return "the event does not name this " + about.Kind, nil
	}
	leaf := tlog.LeafHash(commitment[:])
	stored, err := hashes.ReadHashes([]int64{tlog.StoredIndex(0, e.Index)})
	if err != nil && !errors.Is(err, archive.ErrIntegrity) {
		return "", err
	}
	if len(stored) != 1 || stored[0] != leaf {
		return "the commitment does not give the stored leaf", nil
	}
	for _, c := range checkpoints {
		if c.Size <= e.Index {
			continue
		}
		if len(c.Root) != tlog.HashSize {
			return fmt.Sprintf("checkpoint %d is damaged", c.Size), nil
		}
		proof, err := tlog.Inclusion(c.Size, e.Index, hashes)
		if err != nil && !errors.Is(err, archive.ErrIntegrity) {
			return "", err
		}
		if err != nil || tlog.CheckInclusion(proof, c.Size, tlog.Hash(c.Root), e.Index, leaf) != nil {
			return fmt.Sprintf("the leaf is not in the tree of checkpoint %d", c.Size), nil
		}
		e.Proof, e.Checkpoint = Covered, c.Size
		break
	}
	return "", nil
}
