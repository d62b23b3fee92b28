package rows

import (
	"context"
	"fmt"

	"zapis/internal/custody/verify"
)

var _ verify.Proofs = (*Source)(nil)

// list runs a SELECT on a table and names the table in an error.
func list[T any](ctx context.Context, s *Source, table, sql string, args []any, scan func(scanner, *T) error) ([]T, error) {
	out, err := all(ctx, s.q, sql, args, scan)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", table, err)
	}
	return out, nil
}

// Erased lists the table of erased openings.
func (s *Source) Erased(ctx context.Context, from int64, limit int) ([]verify.ErasedOpening, error) {
	return list(ctx, s, "custody_erased", `SELECT position, erasure_id FROM custody_erased WHERE position >= $1 ORDER BY position LIMIT $2`,
		[]any{from, limit}, func(r scanner, e *verify.ErasedOpening) error { return r.Scan(&e.Index, &e.Erasure) })
}

// Erasures gives the table of erasures.
func (s *Source) Erasures(ctx context.Context) ([]verify.Erasure, error) {
	return list(ctx, s, "erasure", `SELECT id, item_id, state, requested_by, COALESCE(approved_by, '') FROM erasure ORDER BY id`, nil,
		func(r scanner, e *verify.Erasure) error {
			return r.Scan(&e.ID, &e.Item, &e.State, &e.RequestedBy, &e.ApprovedBy)
		})
}

// Seals gives those of the items that have a seal.
func (s *Source) Seals(ctx context.Context, items []string) ([]verify.Seal, error) {
	if len(items) == 0 {
		return nil, nil
	}
	args := make([]any, len(items))
	for i, id := range items {
		args[i] = id
	}
	return list(ctx, s, "item_seal", `SELECT item_id, salt, segment_size, digests, whole, segment_root FROM item_seal WHERE item_id IN (`+places(1, len(items))+`)`,
		args, func(r scanner, v *verify.Seal) error {
			return r.Scan(&v.Item, &v.Salt, &v.SegmentSize, &v.Digests, &v.Whole, &v.SegmentRoot)
		})
}

// SealCount counts the table of seals.
func (s *Source) SealCount(ctx context.Context) (int64, error) {
	n, err := list(ctx, s, "item_seal", `SELECT COUNT(*) FROM item_seal`, nil, func(r scanner, n *int64) error { return r.Scan(n) })
	if err != nil {
		return 0, err
	}
	return n[0], nil
}

// AccessionSeals gives the table of seals of accessions.
func (s *Source) AccessionSeals(ctx context.Context) ([]verify.AccessionSeal, error) {
	return list(ctx, s, "accession_seal", `SELECT accession_id, root, files, bytes, milliseconds, unmeasured FROM accession_seal ORDER BY accession_id`, nil,
		func(r scanner, a *verify.AccessionSeal) error {
			return r.Scan(&a.Accession, &a.Root, &a.Files, &a.Bytes, &a.Milliseconds, &a.Unmeasured)
		})
}

// AccessionPlaces lists the places of one accession.
func (s *Source) AccessionPlaces(ctx context.Context, accession string, from int64, limit int) ([]verify.AccessionPlace, error) {
	return list(ctx, s, "accession_place", `SELECT place, item_id, leaf, bytes_before, bytes, ms_before, ms FROM accession_place
		WHERE accession_id = $1 AND place >= $2 ORDER BY place LIMIT $3`, []any{accession, from, limit}, func(r scanner, p *verify.AccessionPlace) error {
		return r.Scan(&p.Place, &p.Item, &p.Leaf, &p.BytesBefore, &p.Bytes, &p.MillisecondsBefore, &p.Milliseconds)
	})
}

// LogOrigin gives the origin of the public log.
func (s *Source) LogOrigin(ctx context.Context) (string, error) {
	out, err := list(ctx, s, "public_log", `SELECT origin FROM public_log WHERE id = 1`, nil, func(r scanner, o *string) error { return r.Scan(o) })
	if err != nil || len(out) == 0 {
		return "", err
	}
	return out[0], nil
}

// LogKeys gives the table of keys of the public log.
func (s *Source) LogKeys(ctx context.Context) ([]verify.LogKey, error) {
	return list(ctx, s, "log_key", `SELECT number, vkey, endorsement, since FROM log_key ORDER BY number`, nil,
		func(r scanner, k *verify.LogKey) error {
			return r.Scan(&k.Number, &k.VerifierKey, &k.Endorsement, &k.Since)
		})
}

// Ticks lists the entries of the public log.
func (s *Source) Ticks(ctx context.Context, from int64, limit int) ([]verify.Tick, error) {
	return list(ctx, s, "log_tick", `SELECT position, commitment, blank FROM log_tick WHERE position >= $1 ORDER BY position LIMIT $2`,
		[]any{from, limit}, func(r scanner, t *verify.Tick) error {
			var blank int64
			err := r.Scan(&t.Position, &t.Commitment, &blank)
			t.Blank = blank != 0
			return err
		})
}

// TickOpenings lists the openings of the public log.
func (s *Source) TickOpenings(ctx context.Context, from int64, limit int) ([]verify.TickOpening, error) {
	return list(ctx, s, "log_opening", `SELECT position, salt, custody_size, custody_root, custody_veil, statements_root, statements, statements_veil
		FROM log_opening WHERE position >= $1 ORDER BY position LIMIT $2`, []any{from, limit}, func(r scanner, o *verify.TickOpening) error {
		return r.Scan(&o.Position, &o.Salt, &o.CustodySize, &o.CustodyRoot, &o.CustodyVeil, &o.StatementsRoot, &o.Statements, &o.StatementsVeil)
	})
}

// LogHashes lists the stored hashes of the public log.
func (s *Source) LogHashes(ctx context.Context, from int64, limit int) ([]verify.StoredHash, error) {
	return list(ctx, s, "log_hash", `SELECT position, hash FROM log_hash WHERE position >= $1 ORDER BY position LIMIT $2`,
		[]any{from, limit}, func(r scanner, h *verify.StoredHash) error { return r.Scan(&h.Position, &h.Hash) })
}

// LogCheckpoints gives the table of checkpoints of the public log.
func (s *Source) LogCheckpoints(ctx context.Context) ([]verify.Checkpoint, error) {
	return list(ctx, s, "log_checkpoint", `SELECT size, root, text FROM log_checkpoint ORDER BY size`, nil,
		func(r scanner, c *verify.Checkpoint) error { return r.Scan(&c.Size, &c.Root, &c.Note) })
}

// Statements gives the statements of a tick.
func (s *Source) Statements(ctx context.Context, tick int64) ([]verify.Statement, error) {
	return list(ctx, s, "statement", `SELECT id, place, body, salt, sha256 FROM statement WHERE position = $1 ORDER BY place`, []any{tick},
		func(r scanner, t *verify.Statement) error {
			return r.Scan(&t.ID, &t.Place, &t.Body, &t.Salt, &t.SHA256)
		})
}
