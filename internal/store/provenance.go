package store

import (
	"context"
	"fmt"
	"iter"

	"zapis/internal/archive"
)

const provenanceColumns = `id, accession_id, seq, item_id, outcome, reason, size, fingerprint, sealed, found_at`

func scanProvenance(s scanner) (p archive.Provenance, err error) {
	err = s.Scan(&p.ID, &p.Accession, &p.Seq, str{&p.Item}, &p.Outcome, &p.Reason, &p.Size, &p.Fingerprint, &p.Sealed, at{&p.FoundAt})
	return p, err
}

// AddProvenance adds lines of the manifest; archive.ErrConflict if their accession is closed, archive.ErrExists if an
// identifier or a sequence number is taken.
func (tx *Tx) AddProvenance(ctx context.Context, p ...archive.Provenance) error {
	asked := map[string]bool{}
	rows := make([][]any, 0, len(p))
	for _, p := range p {
		if !asked[p.Accession] {
			a, err := tx.Accession(ctx, p.Accession)
			if err == nil && a.State != archive.AccessionOpen {
				err = archive.ErrConflict
			}
			if err != nil {
				return fmt.Errorf("add provenance to accession %s: %w", p.Accession, err)
			}
			asked[p.Accession] = true
		}
		held := p.Outcome == archive.OutcomeReceived || p.Outcome == archive.OutcomeDuplicate
		if held != (p.Item != "") {
			return fmt.Errorf("add provenance %s: %w: outcome %q and an item do not go together", p.ID, archive.ErrInvalid, p.Outcome)
		}
		if p.Fingerprint == nil {
			p.Fingerprint = []byte{}
		}
		if p.Sealed == nil {
			p.Sealed = []byte{}
		}
		rows = append(rows, []any{p.ID, p.Accession, p.Seq, text(p.Item), string(p.Outcome), p.Reason, p.Size, p.Fingerprint, p.Sealed, p.FoundAt.UnixMicro()})
	}
	if err := tx.insert(ctx, "provenance", provenanceColumns, rows); err != nil {
		return fmt.Errorf("add provenance: %w", err)
	}
	return nil
}

// Finished gives the line of an accession with this fingerprint; a line that was held comes before one that failed.
func (tx *Tx) Finished(ctx context.Context, accession string, fingerprint []byte) (archive.Provenance, bool, error) {
	return maybe(one(ctx, tx, scanProvenance, `SELECT `+provenanceColumns+` FROM provenance WHERE accession_id = $1 AND fingerprint = $2
		ORDER BY CASE outcome WHEN 'received' THEN 0 WHEN 'duplicate' THEN 1 WHEN 'skipped' THEN 2 ELSE 3 END, seq LIMIT 1`,
		accession, fingerprint))
}

const page = 1000 // rows a walk fetches at once; no cursor stays open between them

// walk gives rows page by page: next asks for the page after the last row seen (nil at the start).
func walk[T any](next func(last *T) ([]T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var last *T
		for {
			rows, err := next(last)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) < page {
				return
			}
			last = &rows[len(rows)-1]
		}
	}
}

// FinishedSet gives the fingerprints of an accession whose outcome is not "failed".
func (tx *Tx) FinishedSet(ctx context.Context, accession string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for p, err := range tx.Manifest(ctx, accession) {
			if err == nil && p.Outcome == archive.OutcomeFailed {
				continue
			}
			if !yield(p.Fingerprint, err) {
				return
			}
		}
	}
}

// ProvenanceOf gives every line that led to an item, oldest first.
func (tx *Tx) ProvenanceOf(ctx context.Context, item string) ([]archive.Provenance, error) {
	return all(ctx, tx, scanProvenance, `SELECT `+provenanceColumns+` FROM provenance WHERE item_id = $1 ORDER BY found_at, id`, item)
}

// Manifest gives all lines of an accession in the order of Seq.
func (tx *Tx) Manifest(ctx context.Context, accession string) iter.Seq2[archive.Provenance, error] {
	return walk(func(last *archive.Provenance) ([]archive.Provenance, error) {
		var after int64
		if last != nil {
			after = last.Seq
		}
		return all(ctx, tx, scanProvenance, `SELECT `+provenanceColumns+` FROM provenance WHERE accession_id = $1 AND seq > $2
			ORDER BY seq LIMIT $3`, accession, after, page)
	})
}

// NextSeq is one more than the highest sequence number of an accession.
func (tx *Tx) NextSeq(ctx context.Context, accession string) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COALESCE(MAX(seq), 0) + 1 FROM provenance WHERE accession_id = $1`, accession)
}
