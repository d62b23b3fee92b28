package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strconv"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/vault"
)

// receiptAfterErasure is how what is left of a receipt after an erasure is told from a receipt (docs/design/receipt.md).
const receiptAfterErasure = `"format":"zapis receipt after erasure"`

// everything is the scope of the archive's own acts; erased items are not in it.
var everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

// Close closes an accession for good: the manifest is written and sealed, and one transaction records its object, the
// closing in the custody record, a checkpoint over that record, and the receipt. It gives the receipt as stored
// and read. An accession that is closed already gives its receipt again.
//
// Errors: archive.ErrBusy (a run on it is under way), archive.ErrNotFound, archive.ErrConflict (lines were added
// meanwhile), archive.ErrIntegrity (lines and tally disagree: nothing is closed).
func (s *Service) Close(ctx context.Context, agent, accession string) (Receipt, []byte, error) {
	if err := archive.CheckID(archive.PrefixAccession, accession); err != nil {
		return Receipt{}, nil, err
	}
	l, err := lock(s.o.LockDir, accession)
	if err != nil {
		return Receipt{}, nil, err
	}
	defer l.Close()
	a, err := s.Accession(ctx, accession)
	if err != nil {
		return Receipt{}, nil, fmt.Errorf("close %s: %w", accession, err)
	}
	if a.State != archive.AccessionClosed {
		if err := s.close(ctx, agent, a); err != nil {
			return Receipt{}, nil, fmt.Errorf("close %s: %w", accession, err)
		}
	}
	return s.Receipt(ctx, accession)
}

// Receipt gives the receipt of a closed accession, with its signature checked; archive.ErrConflict if it is open.
func (s *Service) Receipt(ctx context.Context, accession string) (Receipt, []byte, error) {
	a, err := s.Accession(ctx, accession)
	if err != nil {
		return Receipt{}, nil, err
	}
	if a.State != archive.AccessionClosed {
		return Receipt{}, nil, fmt.Errorf("receipt of %s: %w: the accession is open", accession, archive.ErrConflict)
	}
	if bytes.Contains(a.Receipt, []byte(receiptAfterErasure)) {
		return Receipt{}, nil, archive.Explain(fmt.Errorf("receipt of %s: %w: an item was erased", accession, archive.ErrConflict),
			"An item of this accession was erased, and what its receipt said of all files together with it.",
			"Receipts that were handed out before stay valid; the tally is still shown with the accession.")
	}
	r, err := VerifyReceipt(a.Receipt, s.o.Verifier)
	if err != nil {
		return Receipt{}, nil, fmt.Errorf("receipt of %s: %w", accession, err)
	}
	return r, a.Receipt, nil
}

func (s *Service) close(ctx context.Context, agent string, a archive.Accession) (err error) {
	b := s.o.Vault.Begin(ctx)
	defer func() {
		if aerr := b.Abort(context.WithoutCancel(ctx)); aerr != nil && err == nil {
			err = aerr
		}
	}()
	sum, err := s.sealManifest(ctx, b, a)
	if err != nil {
		return err
	}
	c, err := b.Commit(ctx)
	if err != nil {
		return fmt.Errorf("commit manifest to the vault: %w", err)
	}
	a.Manifest = archive.ObjectRef{Object: sum.object.ID, Envelope: sum.object.Envelope}
	a.ManifestSHA256 = sum.object.SHA256[:]
	err = s.write(ctx, func(tx *store.Tx) error { return s.closeIn(ctx, tx, agent, a, c, sum) })
	if err == nil {
		return nil
	}
	// The commit may have happened although it reported an error.
	now, rerr := s.Accession(context.WithoutCancel(ctx), a.ID)
	if rerr == nil && now.State == archive.AccessionClosed && now.Manifest == a.Manifest {
		return nil
	}
	return err
}

func (s *Service) closeIn(ctx context.Context, tx *store.Tx, agent string, a archive.Accession, c vault.Commit, sum manifestSum) error {
	now := s.now()
	current, err := tx.Accession(ctx, a.ID)
	if err != nil {
		return err
	}
	if current.State != archive.AccessionOpen || current.Tally != a.Tally {
		return fmt.Errorf("%w: the accession has changed since its manifest was written", archive.ErrConflict)
	}
	// The row of the accession is locked before the head of the record, as everywhere.
	if err := tx.AddTally(ctx, a.ID, archive.Tally{}); err != nil {
		return err
	}
	if err := tx.AddCommit(ctx, c, store.ObjectManifest); err != nil {
		return err
	}
	r := Receipt{
		Vault: s.o.Vault.ID(), Accession: a.ID, Reference: "Z" + strconv.FormatInt(a.Number, 10), Tool: s.o.Tool,
		OpenedAt: a.CreatedAt.UTC(), ClosedAt: now, Tally: a.Tally, Files: sum.files,
		ManifestObject: sum.object.ID, ManifestSHA256: sum.object.SHA256, ManifestSize: sum.object.Size,
		Verifier: s.o.Verifier,
	}
	e := custody.AccessionClosed(agent, a, sum.object.Size)
	e.Time, e.Tool = now, s.o.Tool
	for k, v := range closingDetail(r) {
		e.Detail[k] = v
	}
	index, err := s.o.Custody.Record(ctx, tx, e)
	if err != nil {
		return err
	}
	var size int64
	if r.Checkpoint, size, err = s.o.Custody.CheckpointIn(ctx, tx); err != nil {
		return err
	}
	o, err := tx.Opening(ctx, index[0])
	if err != nil {
		return err
	}
	r.Index, r.Event, r.Salt = o.Index, o.Event, o.Salt
	r.Proof, err = tlog.Inclusion(size, o.Index, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.Hashes(ctx, at) }))
	if err != nil {
		return err
	}
	text, err := r.Seal(s.o.Signer)
	if err != nil {
		return err
	}
	// What leaves the house is checked as its reader will check it, before it is recorded.
	if _, err := VerifyReceipt(text, s.o.Verifier); err != nil {
		return err
	}
	return tx.CloseAccession(ctx, a.ID, store.Closing{At: now, Manifest: a.Manifest, ManifestSHA256: a.ManifestSHA256, Receipt: text})
}

// manifestSum is what the receipt says of a manifest.
type manifestSum struct {
	object vault.Object
	files  FileSet
}

// sealManifest writes the manifest straight into the vault.
func (s *Service) sealManifest(ctx context.Context, b *vault.Batch, a archive.Accession) (manifestSum, error) {
	var sum manifestSum
	pr, pw := io.Pipe()
	written := make(chan error, 1)
	h := sha256.New()
	go func() {
		files, err := s.writeManifest(ctx, io.MultiWriter(pw, h), a)
		sum.files = files
		_ = pw.CloseWithError(err)
		written <- err
	}()
	o, err := b.Add(ctx, pr, vault.AddOptions{})
	_ = pr.CloseWithError(errStopped)
	if werr := <-written; werr != nil && !errors.Is(werr, errStopped) {
		return sum, fmt.Errorf("write manifest: %w", werr)
	}
	if err != nil {
		return sum, fmt.Errorf("seal manifest: %w", err)
	}
	if [sha256.Size]byte(h.Sum(nil)) != o.SHA256 {
		return sum, fmt.Errorf("seal manifest: %w: its digest changed on the way", archive.ErrIntegrity)
	}
	sum.object = o
	return sum, nil
}

// WriteManifest writes the manifest of an accession as it stands (docs/design/manifest.md). It names files and may name
// people.
func (s *Service) WriteManifest(ctx context.Context, w io.Writer, accession string) error {
	a, err := s.Accession(ctx, accession)
	if err != nil {
		return err
	}
	_, err = s.writeManifest(ctx, w, a)
	return err
}

func (s *Service) writeManifest(ctx context.Context, w io.Writer, a archive.Accession) (files FileSet, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		m, err := newManifestWriter(w, s.o.Vault.ID(), a)
		if err != nil {
			return err
		}
		for p, err := range tx.Manifest(ctx, a.ID) {
			if err != nil {
				return err
			}
			if p.Item != "" && len(p.Sealed) == 0 {
				// Its item was erased: nothing is left of where it came from.
				if err := m.erased(p); err != nil {
					return err
				}
				continue
			}
			origin, err := s.o.Record.Open(p.ID, p.Sealed)
			if err != nil {
				return err
			}
			var digest []byte
			if p.Item != "" {
				it, err := tx.Item(ctx, everything, p.Item)
				if err != nil {
					return fmt.Errorf("item %s: %w", p.Item, err)
				}
				if it.Size != p.Size {
					return fmt.Errorf("item %s: %w: size differs from that in %s", p.Item, archive.ErrIntegrity, p.ID)
				}
				digest = it.SHA256
			}
			if err := m.add(p, origin, digest); err != nil {
				return err
			}
		}
		tally, set, err := m.end()
		if err != nil {
			return err
		}
		if tally != a.Tally {
			return fmt.Errorf("%w: the lines of the manifest do not add up to the tally", archive.ErrIntegrity)
		}
		files = set
		return nil
	})
	return files, err
}
