package proof

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Audited is what an audit found.
type Audited struct {
	Root                       [32]byte
	Files, Bytes, Milliseconds int64
	Erased                     int64 // items whose commitments can no longer be opened
}

// Audit computes the seal of an accession again from what the archive holds: every item's commitments from its salt, its
// digest and its segments, every place and the ruler, the totals, the root. ErrAudit names the first thing that is wrong;
// archive.ErrNotFound if the accession is not sealed. It does not read the originals; fixity does that. Of an item that has been
// erased the leaf is taken as it stands, since nothing is left to make it from.
func (s *Service) Audit(ctx context.Context, who policy.Subject, accession string) (out Audited, err error) {
	fail := func(err error) (Audited, error) { return Audited{}, fmt.Errorf("audit accession: %w", err) }
	if err := publisher(who); err != nil {
		return fail(err)
	}
	if err := archive.CheckID(archive.PrefixAccession, accession); err != nil {
		return fail(err)
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		a, err := tx.Accession(ctx, accession)
		if err == nil {
			err = policy.Decide(who, policy.ViewAccession, policy.AccessionObject(a)).Err()
		}
		if err != nil {
			return err
		}
		seal, there, err := tx.AccessionSeal(ctx, accession)
		if err != nil {
			return err
		}
		if !there {
			return fmt.Errorf("accession %s is not sealed: %w", accession, archive.ErrNotFound)
		}
		out = Audited{Root: seal.Root, Files: seal.Files, Bytes: seal.Bytes, Milliseconds: seal.Milliseconds}
		var places []Placed
		erased := map[int]bool{}
		for p, err := range tx.AccessionPlaces(ctx, accession) {
			if err != nil {
				return err
			}
			placed := Placed{Leaf: p.Leaf, Measured: commit.Measured{Place: p.Place, BytesBefore: p.BytesBefore, Bytes: p.Bytes, MillisecondsBefore: p.MillisecondsBefore, Milliseconds: p.Milliseconds}}
			gone, err := opened(ctx, tx, p, &placed)
			if err != nil {
				return err
			}
			if gone {
				erased[len(places)] = true
				out.Erased++
			}
			places = append(places, placed)
		}
		return audit(places, erased, seal.Root, seal.Files, seal.Bytes, seal.Milliseconds)
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// opened fills in what a place says from the item's own row and seal; gone if the item was erased.
func opened(ctx context.Context, tx *store.Tx, p store.AccessionPlace, to *Placed) (gone bool, err error) {
	it, err := tx.Item(ctx, everything, p.Item)
	if errors.Is(err, archive.ErrNotFound) || err == nil && it.State == archive.ItemErased {
		to.Sealable = Sealable{Item: p.Item, Bytes: p.Bytes, Milliseconds: p.Milliseconds}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	seal, err := tx.ItemSeal(ctx, p.Item)
	if err != nil {
		return false, fmt.Errorf("item %s: %w", p.Item, err)
	}
	if len(it.SHA256) != 32 || commit.Whole(seal.Salt, it.Size, [32]byte(it.SHA256)) != seal.Whole {
		return false, fmt.Errorf("%w: item %s: its digest does not give what it was committed as", ErrAudit, p.Item)
	}
	root, err := commit.SegmentRoot(seal.Salt, it.Size, seal.Digests)
	if err != nil || root != seal.SegmentRoot {
		return false, errors.Join(fmt.Errorf("%w: item %s: its segments do not give their root", ErrAudit, p.Item), err)
	}
	// The length may have been found out more exactly since; what was sealed then is what was stated.
	to.Sealable = Sealable{Item: p.Item, Bytes: it.Size, Milliseconds: p.Milliseconds, Salt: seal.Salt, Whole: seal.Whole, SegmentRoot: seal.SegmentRoot}
	return false, nil
}
