package app

import (
	"context"
	"errors"

	"zapis/internal/archive"
	"zapis/internal/ingest"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Exit codes: a contract with scripts.
const (
	ExitDone           = 0
	ExitError          = 1
	ExitUsage          = 2
	ExitSomeFailed     = 3  // finished, and some files failed, each named
	ExitNotInitialised = 10 // no home, no vault or no database: run zapis init
	ExitBusy           = 11 // in use by another process
	ExitCannotOpen     = 12 // wrong passphrase or key file, foreign or damaged vault
	ExitNotVerified    = 20 // a check found something that does not agree
)

// The conditions of this package, for errors.Is.
var (
	// ErrUsage: the command line asks for something that cannot be.
	ErrUsage = errors.New("usage")
	// ErrNotInitialised: there is no archive at this place.
	ErrNotInitialised = errors.New("no archive here")
	// ErrSomeFailed: the work is finished and some files failed.
	ErrSomeFailed = errors.New("some files failed")
	// ErrNotVerified: a check found something that does not agree.
	ErrNotVerified = errors.New("verification failed")
	// ErrLocked: the vault does not open.
	ErrLocked = errors.New("vault cannot be opened")
)

// ExitCode gives the exit code of an error.
func ExitCode(err error) int {
	switch {
	case err == nil:
		return ExitDone
	case errors.Is(err, ErrUsage):
		return ExitUsage
	case errors.Is(err, ErrNotVerified):
		return ExitNotVerified
	case errors.Is(err, ErrSomeFailed):
		return ExitSomeFailed
	case errors.Is(err, context.Canceled):
		return ExitError
	case errors.Is(err, ErrLocked), errors.Is(err, vault.ErrCannotOpen), errors.Is(err, vault.ErrForeign), errors.Is(err, vault.ErrFormat),
		errors.Is(err, store.ErrKey), errors.Is(err, store.ErrForeign):
		return ExitCannotOpen
	case errors.Is(err, ErrNotInitialised), errors.Is(err, vault.ErrNotVault), errors.Is(err, store.ErrNotInitialised):
		return ExitNotInitialised
	case errors.Is(err, archive.ErrBusy):
		return ExitBusy
	case errors.Is(err, ingest.ErrReceipt), errors.Is(err, archive.ErrIntegrity):
		return ExitNotVerified
	case errors.Is(err, archive.ErrInvalid):
		return ExitUsage
	}
	return ExitError
}
