package store

import (
	"context"
	"fmt"
	"iter"

	"zapis/internal/archive"
)

// Fault is something wrong in the database.
type Fault struct {
	Code string // "page", "structure", "reference", "trigger", "roll-up"…
	At   string // table, page number or identifier
	Text string // what, without values
}

// IntegrityCheck reads the whole database and names what is damaged; an error means that the check could not be done.
// SQLite: the checksum of every page in use, the structure of every table and index, references between rows, the
// triggers of the custody record. PostgreSQL: every page through sequential and index scans (with data checksums on,
// initdb -k, the server verifies each page), amcheck where it is installed, references, triggers.
func (db *DB) IntegrityCheck(ctx context.Context) ([]Fault, error) {
	faults, err := db.eng.check(ctx)
	if err != nil {
		return faults, fmt.Errorf("check database: %w", db.eng.translate(err))
	}
	return faults, nil
}

// guards are the tables that the database itself guards, and against what: by the last word of the names of their triggers.
// Most take new rows only; of a statement the place may be set once, an erasure moves on step by step, and openings, subjects
// and seals may go under an approved erasure.
var guards = []struct{ table, sqlite, postgres string }{
	{"custody_leaf", "update delete replace", "change truncate"},
	{"custody_opening", "update delete replace", "change truncate"},
	{"custody_subject", "update delete replace", "change truncate"},
	{"custody_hash", "update delete replace", "change truncate"},
	{"checkpoint", "update delete replace", "change truncate"},
	{"custody_head", "shrink delete replace", "shrink delete truncate"},
	{"item_seal", "update delete replace", "change truncate"},
	{"statement", "update delete replace", "change delete truncate"},
	{"accession_seal", "update delete replace", "change truncate"},
	{"accession_place", "update delete replace", "change truncate"},
	{"public_log", "update delete replace", "change truncate"},
	{"log_key", "update delete replace", "change truncate"},
	{"log_tick", "update delete replace", "change truncate"},
	{"log_opening", "update delete replace", "change truncate"},
	{"log_hash", "update delete replace", "change truncate"},
	{"log_checkpoint", "update delete replace", "change truncate"},
	{"log_cosignature", "update delete replace", "change truncate"},
	{"clip", "update delete replace", "change truncate"},
	{"log_publication", "update delete replace", "change truncate"},
	{"erasure", "update delete replace shortcut", "change delete truncate shortcut"},
	{"custody_erased", "update delete replace stranger", "change truncate stranger"},
	{"passage", "update delete replace", "change delete truncate"},
	{"consent", "update delete replace", "change delete truncate"},
	{"identity_act", "update delete replace", "change delete truncate"},
	{"export", "update delete replace", "change truncate"},
	{"export_entry", "update delete replace", "change truncate"},
}

// AllItems gives every item in order of identifier, erased ones too. For checks only: it knows no scope.
func (tx *Tx) AllItems(ctx context.Context) iter.Seq2[archive.Item, error] {
	return walk(func(last *archive.Item) ([]archive.Item, error) {
		after := ""
		if last != nil {
			after = last.ID
		}
		return all(ctx, tx, scanItem, `SELECT `+itemColumns+` FROM item WHERE id > $1 ORDER BY id LIMIT $2`, after, page)
	})
}

// AllDerivatives gives every derivative in order of identifier, superseded ones too. For checks only.
func (tx *Tx) AllDerivatives(ctx context.Context) iter.Seq2[archive.Derivative, error] {
	return walk(func(last *archive.Derivative) ([]archive.Derivative, error) {
		after := ""
		if last != nil {
			after = last.ID
		}
		return all(ctx, tx, scanDerivative, `SELECT `+derivativeColumns+` FROM derivative WHERE id > $1 ORDER BY id LIMIT $2`, after, page)
	})
}

// AllObjects gives every object with its segments in order of identifier. For checks only.
func (tx *Tx) AllObjects(ctx context.Context) iter.Seq2[Object, error] {
	return walk(func(last *Object) ([]Object, error) {
		after := ""
		if last != nil {
			after = last.ID
		}
		objects, err := all(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM object WHERE id > $1 ORDER BY id LIMIT $2`, after, page)
		if err != nil {
			return nil, err
		}
		return tx.withSegments(ctx, objects)
	})
}

// AllEnvelopes gives every envelope in order of identifier. For checks only.
func (tx *Tx) AllEnvelopes(ctx context.Context) iter.Seq2[Envelope, error] {
	return walk(func(last *Envelope) ([]Envelope, error) {
		after := ""
		if last != nil {
			after = last.ID
		}
		return all(ctx, tx, scanEnvelope, `SELECT `+envelopeColumns+` FROM envelope WHERE id > $1 ORDER BY id LIMIT $2`, after, page)
	})
}
