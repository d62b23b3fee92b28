package store

import (
	"context"
	"iter"

	"zapis/internal/archive"
)

// Fault is something wrong in the database.
type Fault struct {
	Code string // "page", "index", "foreign key", "constraint", "trigger", "roll-up"…
	At   string // table, page number or identifier
	Text string // what, without values
}

// IntegrityCheck reads the whole database and names what is damaged; an error means that the check could not be done.
func (db *DB) IntegrityCheck(ctx context.Context) ([]Fault, error) { return nil, errLater }

// RollupFaults compares the roll-up with the items.
func (tx *Tx) RollupFaults(ctx context.Context) ([]Fault, error) { return nil, errLater }

// AllItems gives every item in order of identifier, erased ones too. For checks only: it knows no scope.
func (tx *Tx) AllItems(ctx context.Context) iter.Seq2[archive.Item, error] {
	return func(func(archive.Item, error) bool) {}
}

// AllDerivatives gives every derivative, superseded ones too. For checks only.
func (tx *Tx) AllDerivatives(ctx context.Context) iter.Seq2[archive.Derivative, error] {
	return func(func(archive.Derivative, error) bool) {}
}

// AllObjects gives every object with its segments. For checks only.
func (tx *Tx) AllObjects(ctx context.Context) iter.Seq2[Object, error] {
	return func(func(Object, error) bool) {}
}

// AllEnvelopes gives every envelope. For checks only.
func (tx *Tx) AllEnvelopes(ctx context.Context) iter.Seq2[Envelope, error] {
	return func(func(Envelope, error) bool) {}
}
