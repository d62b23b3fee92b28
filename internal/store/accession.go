package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

const accessionColumns = `id, number, title, state, created_at, created_by, closed_at, found, received, duplicates,
	skipped, failed, bytes, manifest_object, manifest_envelope, manifest_sha256, receipt`

func scanAccession(s scanner) (a archive.Accession, err error) {
	err = s.Scan(&a.ID, &a.Number, &a.Title, &a.State, at{&a.CreatedAt}, &a.CreatedBy, at{&a.ClosedAt},
		&a.Tally.Found, &a.Tally.Received, &a.Tally.Duplicates, &a.Tally.Skipped, &a.Tally.Failed, &a.Tally.Bytes,
		&a.Manifest.Object, &a.Manifest.Envelope, &a.ManifestSHA256, &a.Receipt)
	return a, err
}

// AddAccession adds an open, empty accession and gives it the next number; it returns it as stored.
func (tx *Tx) AddAccession(ctx context.Context, a archive.Accession) (archive.Accession, error) {
	if err := archive.CheckID(archive.PrefixAccession, a.ID); err != nil {
		return a, err
	}
	if err := archive.CheckTitle(a.Title); err != nil {
		return a, err
	}
	next, err := one(ctx, tx, value[int64],
		`UPDATE catalogue SET next_accession = next_accession + 1 WHERE id = 1 RETURNING next_accession`)
	if err != nil {
		return a, fmt.Errorf("number accession %s: %w", a.ID, err)
	}
	_, err = tx.exec(ctx, `INSERT INTO accession (id, number, title, state, created_at, created_by) VALUES ($1, $2, $3, $4, $5, $6)`,
		a.ID, next-1, a.Title, string(archive.AccessionOpen), a.CreatedAt.UnixMicro(), a.CreatedBy)
	if err != nil {
		return a, fmt.Errorf("add accession %s: %w", a.ID, err)
	}
	return tx.Accession(ctx, a.ID)
}

// Accession gives one accession; archive.ErrNotFound.
func (tx *Tx) Accession(ctx context.Context, id string) (archive.Accession, error) {
	return one(ctx, tx, scanAccession, `SELECT `+accessionColumns+` FROM accession WHERE id = $1`, id)
}

// Accessions lists the accessions of a scope, newest first.
func (tx *Tx) Accessions(ctx context.Context, s archive.Scope) ([]archive.Accession, error) {
	if seesNothing(s) {
		return nil, nil
	}
	var p part
	p.add(`SELECT ` + accessionColumns + ` FROM accession WHERE 1 = 1`)
	if !s.All {
		in(&p, "id", s.Accessions)
	}
	p.add(` ORDER BY number DESC`)
	return all(ctx, tx, scanAccession, p.text.String(), p.args...)
}

// AddTally adds delta to the tally of an open accession; archive.ErrConflict if it is closed, archive.ErrNotFound.
func (tx *Tx) AddTally(ctx context.Context, id string, d archive.Tally) error {
	n, err := tx.exec(ctx, `UPDATE accession SET found = found + $1, received = received + $2, duplicates = duplicates + $3,
		skipped = skipped + $4, failed = failed + $5, bytes = bytes + $6 WHERE id = $7 AND state = 'open'`,
		d.Found, d.Received, d.Duplicates, d.Skipped, d.Failed, d.Bytes, id)
	if err != nil {
		return fmt.Errorf("count in accession %s: %w", id, err)
	}
	return tx.changedOpen(ctx, n, id)
}

// changedOpen says why a change of an open accession changed nothing.
func (tx *Tx) changedOpen(ctx context.Context, n int64, id string) error {
	if n > 0 {
		return nil
	}
	if _, err := tx.Accession(ctx, id); err != nil {
		return fmt.Errorf("accession %s: %w", id, err)
	}
	return fmt.Errorf("accession %s is closed: %w", id, archive.ErrConflict)
}

// Closing is what is set when an accession is closed.
type Closing struct {
	At             time.Time
	Manifest       archive.ObjectRef
	ManifestSHA256 []byte
	Receipt        []byte // may follow by SetReceipt
}

// CloseAccession closes an open accession for good; archive.ErrConflict if it is closed already.
func (tx *Tx) CloseAccession(ctx context.Context, id string, c Closing) error {
	if c.At.IsZero() || len(c.ManifestSHA256) != 32 {
		return fmt.Errorf("close accession %s: %w: time and manifest are needed", id, archive.ErrInvalid)
	}
	n, err := tx.exec(ctx, `UPDATE accession SET state = 'closed', closed_at = $1, manifest_object = $2,
		manifest_envelope = $3, manifest_sha256 = $4, receipt = $5 WHERE id = $6 AND state = 'open'`,
		us(c.At), c.Manifest.Object, c.Manifest.Envelope, c.ManifestSHA256, blob(c.Receipt), id)
	if err != nil {
		return fmt.Errorf("close accession %s: %w", id, err)
	}
	return tx.changedOpen(ctx, n, id)
}

// SetReceipt gives a closed accession its receipt, once: the receipt names the checkpoint that covers the closing, so
// it is known only after that. archive.ErrConflict if the accession is open or has another receipt already.
func (tx *Tx) SetReceipt(ctx context.Context, id string, receipt []byte) error {
	n, err := tx.exec(ctx, `UPDATE accession SET receipt = $1 WHERE id = $2 AND state = 'closed' AND (receipt IS NULL OR receipt = $3)`,
		receipt, id, receipt)
	if err != nil {
		return fmt.Errorf("receipt of accession %s: %w", id, err)
	}
	if n == 0 {
		return fmt.Errorf("receipt of accession %s: %w", id, archive.ErrConflict)
	}
	return nil
}
