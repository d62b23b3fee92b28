package ingest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/custody"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// newSeal commits to an item of size bytes: whole by its SHA-256, and in proof segments by theirs.
func newSeal(item string, size int64, sha [32]byte, digests []byte) (store.ItemSeal, error) {
	s := store.ItemSeal{Item: item, SegmentSize: commit.SegmentSize, Digests: digests}
	if _, err := rand.Read(s.Salt[:]); err != nil {
		return s, fmt.Errorf("seal item %s: no randomness", item)
	}
	s.Whole = commit.Whole(s.Salt, size, sha)
	root, err := commit.SegmentRoot(s.Salt, size, digests)
	if err != nil {
		return s, fmt.Errorf("seal item %s: %w", item, err)
	}
	s.SegmentRoot = root
	return s, nil
}

// sealedIn adds to an event what was committed about its item.
func sealedIn(e archive.Event, s store.ItemSeal) archive.Event {
	e.Detail["whole"] = hex.EncodeToString(s.Whole[:])
	e.Detail["segment_root"] = hex.EncodeToString(s.SegmentRoot[:])
	return e
}

// MissingSeals says what SealMissing did.
type MissingSeals struct {
	Sealed int // items that got their seal
	// Damaged names the items whose bytes in the vault cannot be read or are not those that were taken in. They stay
	// without a seal: committing to other bytes than those received would be a lie.
	Damaged []string
}

// SealMissing gives their seals to items that were taken in by a program that made none: it reads their bytes from the
// vault, compares them with the digest of the ingestion and records an event of type "message digest calculation" with
// whole and segment_root. It may be interrupted and run again. progress, which may be nil, is told how many items were
// looked at.
//
// A seal made later proves that the item was there when the seal was made, not when it was taken in; and a proof of a
// single item, which opens the ingestion event, cannot be made for it.
func (s *Service) SealMissing(ctx context.Context, agent string, progress func(done int)) (MissingSeals, error) {
	var out MissingSeals
	done, after := 0, ""
	for {
		var items []archive.Item
		err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
			items, err = tx.UnsealedItems(ctx, after, 100)
			return err
		})
		if err != nil {
			return out, fmt.Errorf("seal missing: %w", err)
		}
		if len(items) == 0 {
			return out, nil
		}
		for _, it := range items {
			after = it.ID
			switch err := s.sealMissing(ctx, agent, it); {
			case ctx.Err() != nil:
				return out, fmt.Errorf("seal missing: %w", ctx.Err())
			case errors.Is(err, vault.ErrCorrupt) || errors.Is(err, vault.ErrNotFound):
				out.Damaged = append(out.Damaged, it.ID)
				s.o.Logger.WarnContext(ctx, "an item stays without a seal", "item", it.ID, "error", err)
			case errors.Is(err, archive.ErrExists) || errors.Is(err, archive.ErrConflict):
				// Sealed or erased by another run meanwhile.
			case err != nil:
				return out, fmt.Errorf("seal missing: %w", err)
			default:
				out.Sealed++
			}
			done++
			if progress != nil {
				progress(done)
			}
		}
	}
}

func (s *Service) sealMissing(ctx context.Context, agent string, it archive.Item) error {
	r, err := s.o.Vault.Reader(ctx, vault.Ref{Object: it.Object.Object, Envelope: it.Object.Envelope})
	if err != nil {
		return fmt.Errorf("item %s: %w", it.ID, err)
	}
	var segments commit.Segments
	whole := sha256.New()
	_, err = io.Copy(vault.Calmly(io.MultiWriter(whole, &segments)), reading{ctx, r})
	if cerr := r.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("item %s: %w", it.ID, err)
	}
	sha := [32]byte(whole.Sum(nil))
	if segments.Size() != it.Size || string(sha[:]) != string(it.SHA256) {
		return fmt.Errorf("item %s: its bytes are not those that were taken in: %w", it.ID, vault.ErrCorrupt)
	}
	seal, err := newSeal(it.ID, it.Size, sha, segments.Digests())
	if err != nil {
		return err
	}
	event := sealedIn(archive.Event{
		Type: archive.EventDigest, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: it.ID}},
		Detail:   map[string]string{},
	}, seal)
	err = s.write(ctx, func(tx *store.Tx) error {
		// Erased meanwhile: what is gone gets no digest any more.
		now, err := tx.Item(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}, it.ID)
		if errors.Is(err, archive.ErrNotFound) || err == nil && now.State == archive.ItemErased {
			return fmt.Errorf("seal item %s: %w", it.ID, archive.ErrConflict)
		}
		if err != nil {
			return err
		}
		if _, err := tx.ItemSeal(ctx, it.ID); err == nil {
			return fmt.Errorf("seal item %s: %w", it.ID, archive.ErrExists)
		} else if !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		if err := tx.AddItemSeal(ctx, seal); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event)
		return err
	})
	if errors.Is(err, store.ErrUnknownOutcome) {
		// The salt is ours alone: if this very seal is there, the commit happened.
		rerr := s.o.DB.Read(ctx, func(tx *store.Tx) error {
			there, err := tx.ItemSeal(ctx, it.ID)
			if err == nil && there.Salt != seal.Salt {
				err = archive.ErrExists
			}
			return err
		})
		if rerr == nil {
			err = nil
		}
	}
	return err
}

// reading is a source that ends when the context does.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
