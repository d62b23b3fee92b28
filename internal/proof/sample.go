package proof

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Rulers of an accession, along which an auditor's points are drawn.
const (
	RulerBytes        = "bytes"
	RulerMilliseconds = "milliseconds"
)

// MaxPoints is how many points may be drawn at once.
const MaxPoints = 10_000

// Points gives the points of an audit: numbers below total, as docs/design/proofs.md has it. draw is the auditor's, made after
// the root was known.
func Points(root [32]byte, draw [32]byte, total int64, n int) []int64 {
	seed := sha256.Sum256(slices.Concat([]byte("zapis audit v1\x00"), root[:], draw[:]))
	out := make([]int64, n)
	for i := range out {
		mac := hmac.New(sha256.New, seed[:])
		mac.Write(binary.BigEndian.AppendUint64(nil, uint64(i)))
		// Totals are below 2^53, so no number is more likely than another by more than one in 2^11.
		out[i] = int64(binary.BigEndian.Uint64(mac.Sum(nil)) % uint64(total))
	}
	return out
}

// Sampled is an item that lies over a point.
type Sampled struct {
	Point  int64
	Place  int64
	Item   string
	Erased bool // nothing of it can be opened any more
}

// Sample finds the items that an auditor's points fall on. archive.ErrNotFound if the accession is not sealed,
// archive.ErrInvalid if the ruler has no length, archive.ErrIntegrity if no item is over a point.
func (s *Service) Sample(ctx context.Context, who policy.Subject, accession, ruler string, draw [32]byte, n int) (out []Sampled, err error) {
	fail := func(err error) ([]Sampled, error) { return nil, fmt.Errorf("sample accession: %w", err) }
	if err := publisher(who); err != nil {
		return fail(err)
	}
	if err := archive.CheckID(archive.PrefixAccession, accession); err != nil {
		return fail(err)
	}
	if n < 1 || n > MaxPoints || ruler != RulerBytes && ruler != RulerMilliseconds {
		return fail(fmt.Errorf("%w: 1 to %d points of bytes or milliseconds", archive.ErrInvalid, MaxPoints))
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		a, err := tx.Accession(ctx, accession)
		if err == nil {
			err = policy.Decide(who, policy.ViewAccession, policy.AccessionObject(a)).Err()
		}
		if err != nil {
			return err
		}
		seal, there, err := tx.AccessionSeal(ctx, accession)
		if err == nil && !there {
			err = fmt.Errorf("accession %s is not sealed: %w", accession, archive.ErrNotFound)
		}
		if err != nil {
			return err
		}
		total := seal.Bytes
		if ruler == RulerMilliseconds {
			total = seal.Milliseconds
		}
		if total == 0 {
			return fmt.Errorf("accession %s: %w: there is nothing to draw from", accession, archive.ErrInvalid)
		}
		points := Points(seal.Root, draw, total, n)
		order := make([]int, n) // of the points along the ruler
		for i := range order {
			order[i] = i
		}
		slices.SortFunc(order, func(i, j int) int { return int(min(max(points[i]-points[j], -1), 1)) })
		out = make([]Sampled, n)
		next := 0
		for p, err := range tx.AccessionPlaces(ctx, accession) {
			if err != nil {
				return err
			}
			before, length := p.BytesBefore, p.Bytes
			if ruler == RulerMilliseconds {
				before, length = p.MillisecondsBefore, p.Milliseconds
			}
			for next < n && points[order[next]] >= before && points[order[next]] < before+length {
				it, err := tx.Item(ctx, everything, p.Item)
				out[order[next]] = Sampled{Point: points[order[next]], Place: p.Place, Item: p.Item, Erased: err != nil || it.State == archive.ItemErased}
				next++
			}
		}
		if next < n {
			return fmt.Errorf("accession %s: %w: nothing lies over a point", accession, archive.ErrIntegrity)
		}
		return nil
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}
