package store

import (
	"context"
	"errors"
	"fmt"
)

// engine is where SQLite and PostgreSQL differ.
type engine interface {
	name() string
	// begin opens a transaction that may write, or a snapshot that may not.
	begin(ctx context.Context, write bool) (session, error)
	// lock is what a SELECT ends with to hold its rows until the end of the transaction.
	lock() string
	// translate turns an error of the driver into one of ours.
	translate(err error) error
	// check reads the whole database.
	check(ctx context.Context) ([]Fault, error)
}

// errAgain marks an error after which the same transaction may succeed.
var errAgain = errors.New("transaction collided with another one")

// dbError is an error of the database under one of our sentinels. Its text holds codes and names of constraints, never
// values.
type dbError struct {
	kind  error
	text  string
	cause error
}

func (e *dbError) Error() string   { return fmt.Sprintf("%v: %s", e.kind, e.text) }
func (e *dbError) Unwrap() []error { return []error{e.kind, e.cause} }
