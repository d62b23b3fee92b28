package derive

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/vault"
)

var (
	// errDone: the derivatives of this pass stand already, made by the current recipes.
	errDone = errors.New("derivatives stand already")
	// errRefused: the item is in a state in which nobody may open it.
	errRefused = errors.New("item is quarantined or erased")
)

// source is an original as the programs get it.
type source struct{ *vault.Original }

// problem is what went wrong in the vault, and not in the material; being told to stop is neither.
func (s *source) problem() error {
	if s == nil {
		return nil
	}
	if err := s.Problem(); !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// task is one item being worked on.
type task struct {
	item   archive.Item
	source *source
	reader *vault.Reader
	batch  *vault.Batch
	origin []archive.Origin // where files with these bytes were found
	// numbers that recorders gave these files
	numbers []store.FileNumber
	camera  string // by the names of these files; empty if they do not say
}

// check refuses items that may not be opened, and finds out whether there is anything to do.
func (s *Service) check(ctx context.Context, tx *store.Tx, p pass, id string) (archive.Item, error) {
	item, err := tx.Item(ctx, everything, id)
	if err != nil {
		return item, err
	}
	if item.State == archive.ItemQuarantined || item.State == archive.ItemErased || item.Erasing {
		return item, errRefused
	}
	standing, err := tx.Derivatives(ctx, id)
	if err != nil {
		return item, err
	}
	if p.complete(standing) {
		return item, errDone
	}
	return item, nil
}

// open finds the item and opens it in the vault. The task it gives with archive.ErrIntegrity has the item only.
func (s *Service) open(ctx context.Context, p pass, id string) (*task, error) {
	t := &task{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if t.item, err = s.check(ctx, tx, p, id); err != nil {
			return err
		}
		lines, err := tx.ProvenanceOf(ctx, id)
		if err != nil {
			return err
		}
		t.origin, t.numbers = t.origin[:0], t.numbers[:0]
		var own []archive.Origin
		for _, line := range lines {
			if o, ok := s.originOf(line); ok {
				t.origin = append(t.origin, o)
				if line.Accession == t.item.Accession {
					own = append(own, o)
				}
				if n, ok := s.number(id, line.Accession, o); ok {
					t.numbers = append(t.numbers, n)
				}
			}
		}
		t.camera = camera(t.item.AccessionNo, own)
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("find item: %w", err)
	}
	t.reader, err = s.o.Vault.Reader(ctx, vault.Ref{Object: t.item.Object.Object, Envelope: t.item.Object.Envelope})
	if err != nil {
		if errors.Is(err, vault.ErrErased) {
			err = fmt.Errorf("%w: %w", errRefused, err)
		}
		return t, fmt.Errorf("open object %s: %w", t.item.Object.Object, err)
	}
	t.source = &source{vault.NewOriginal(t.reader)}
	if t.source.Size() != t.item.Size {
		t.close(ctx)
		return t, fmt.Errorf("open object %s: %d bytes where the catalogue says %d: %w", t.item.Object.Object, t.source.Size(), t.item.Size, archive.ErrIntegrity)
	}
	t.batch = s.o.Vault.Begin(ctx)
	return t, nil
}

// close gives the reader back. It is safe to call twice.
func (t *task) close(context.Context) {
	if t.reader != nil {
		_ = t.reader.Close() // nothing was written through it
		t.reader = nil
	}
}

// abandon takes away what was sealed for an attempt that came to nothing. What cannot be taken away is noise without a
// key, which fsck finds.
func (t *task) abandon(ctx context.Context) {
	if t.batch != nil {
		_ = t.batch.Abort(context.WithoutCancel(ctx))
		t.batch = nil
	}
}
