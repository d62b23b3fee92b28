package custody

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// Tx is what the recorder needs of a database transaction; *store.Tx has it. All of it takes part in the
// transaction of the act that is recorded.
type Tx interface {
	// Head gives the number of leaves. With lock it also keeps every other recorder waiting until the transaction ends,
	// which is what puts events in one order.
	Head(ctx context.Context, lock bool) (size int64, err error)
	SetHead(ctx context.Context, size int64) error
	AppendLeaves(ctx context.Context, first int64, commitments ...[]byte) error
	AddOpenings(ctx context.Context, openings ...store.Opening) error
	AddHashes(ctx context.Context, first int64, hashes []tlog.Hash) error
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
}

// Options of a Recorder. Tool is required.
type Options struct {
	Tool   string           // program and version, written into events that name none
	Now    func() time.Time // time.Now if nil
	Rand   io.Reader        // crypto/rand if nil; salts and identifiers of events
	Signer tlog.Signer      // signs checkpoints; without it Checkpoint refuses
	Origin string           // of checkpoints: see Origin
}

// Origin is the origin of the checkpoints of a vault, which is also the name of its key.
func Origin(vaultID string) string { return "zapis.example/" + vaultID }

// Recorder writes events and signs checkpoints. It is safe for concurrent use as far as its Rand is.
type Recorder struct {
	o Options
}

// New makes a recorder.
func New(o Options) *Recorder {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Recorder{o: o}
}

// Record appends events to the record within tx and gives their indexes. It fills ID, Time (now, to the microsecond)
// and Tool where they are empty, in the caller's slice too, so that the caller can name the events.
//
// Call it last in the transaction: it locks the head of the record, and the order of locks is item row first, then
// head. If it returns an error the transaction must not be committed.
func (r *Recorder) Record(ctx context.Context, tx Tx, events ...archive.Event) ([]int64, error) {
	if len(events) == 0 {
		return nil, nil
	}
	// Everything that can be refused is refused before the head is locked.
	salts := make([][SaltSize]byte, len(events))
	canonical := make([][]byte, len(events))
	for i := range events {
		e := &events[i]
		if e.Time.IsZero() {
			e.Time = r.o.Now()
		}
		e.Time = e.Time.UTC().Truncate(time.Microsecond)
		if e.ID == "" {
			e.ID = archive.NewIDFrom(archive.PrefixEvent, e.Time, r.o.Rand)
		}
		if e.Tool == "" {
			e.Tool = r.o.Tool
		}
		if err := Check(*e); err != nil {
			return nil, fmt.Errorf("record event %s: %w", e.ID, err)
		}
		raw, err := e.Canonical()
		if err != nil {
			return nil, fmt.Errorf("record event %s: %w", e.ID, err)
		}
		// A salt that could be guessed would open the leaf to guessing, so no randomness means no event.
		if _, err := io.ReadFull(r.o.Rand, salts[i][:]); err != nil {
			return nil, fmt.Errorf("record event %s: read salt: %w", e.ID, err)
		}
		canonical[i] = raw
	}

	size, err := tx.Head(ctx, true)
	if err != nil {
		return nil, fmt.Errorf("lock head of the record: %w", err)
	}
	leaves := make([]tlog.Hash, len(events))
	indexes := make([]int64, len(events))
	commitments := make([][]byte, len(events))
	openings := make([]store.Opening, len(events))
	for i, e := range events {
		commitment := Commitment(salts[i], canonical[i])
		commitments[i] = commitment[:]
		leaves[i] = tlog.LeafHash(commitment[:])
		indexes[i] = size + int64(i)
		openings[i] = store.Opening{
			Index: indexes[i], EventID: e.ID, Type: e.Type, Time: e.Time, Agent: e.Agent,
			Salt: salts[i][:], Event: canonical[i], Subjects: e.Subjects,
		}
	}
	if err := tx.AppendLeaves(ctx, size, commitments...); err != nil {
		return nil, fmt.Errorf("append leaves from %d: %w", size, err)
	}
	if err := tx.AddOpenings(ctx, openings...); err != nil {
		return nil, fmt.Errorf("add openings from %d: %w", size, err)
	}
	first, hashes, err := tlog.Append(size, leaves, hashReader(ctx, tx))
	if err != nil {
		return nil, fmt.Errorf("extend the record from %d: %w", size, err)
	}
	if err := tx.AddHashes(ctx, first, hashes); err != nil {
		return nil, fmt.Errorf("add hashes from %d: %w", first, err)
	}
	if err := tx.SetHead(ctx, size+int64(len(events))); err != nil {
		return nil, fmt.Errorf("set head of the record to %d: %w", size+int64(len(events)), err)
	}
	return indexes, nil
}

// hashSource is the one method of a transaction that proofs need.
type hashSource interface {
	Hashes(ctx context.Context, indexes []int64) ([]tlog.Hash, error)
}

func hashReader(ctx context.Context, tx hashSource) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out, err := tx.Hashes(ctx, indexes)
		if errors.Is(err, archive.ErrNotFound) {
			// Not a thing that may be absent: the record has a hole. The kind is changed on purpose.
			err = fmt.Errorf("%w: %v", archive.ErrIntegrity, err)
		}
		return out, err
	})
}
