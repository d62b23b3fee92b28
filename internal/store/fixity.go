package store

import (
	"context"
	"time"
)

// Run is one fixity check.
type Run struct {
	ID         string
	Scope      string // "all", "since …", "sample …"
	Agent      string
	Keyless    bool // ciphertext only
	StartedAt  time.Time
	FinishedAt time.Time // zero while running or if broken off
	Blobs      int64
	Objects    int64
	Bytes      int64
	Failures   int64
	Outcome    string // archive.EventOutcome; empty while running
}

// Finding is something a fixity check found wrong.
type Finding struct {
	ID         string
	Run        string
	Blob       string
	Object     string
	Item       string
	Code       string // "missing", "altered", "size"…
	FoundAt    time.Time
	ResolvedAt time.Time // zero while open
	Resolution string    // "healed", "restored"…
}

// StartRun adds a run.
func (tx *Tx) StartRun(ctx context.Context, r Run) error { return errLater }

// FinishRun sets the end, counts and outcome of a run.
func (tx *Tx) FinishRun(ctx context.Context, r Run) error { return errLater }

// Runs gives the latest runs, newest first.
func (tx *Tx) Runs(ctx context.Context, limit int) ([]Run, error) { return nil, errLater }

// LastRun gives the latest finished run.
func (tx *Tx) LastRun(ctx context.Context) (Run, bool, error) { return Run{}, false, errLater }

// AddFinding adds findings.
func (tx *Tx) AddFinding(ctx context.Context, f ...Finding) error { return errLater }

// OpenFindings gives the findings that are not resolved, oldest first.
func (tx *Tx) OpenFindings(ctx context.Context) ([]Finding, error) { return nil, errLater }

// ResolveFinding marks a finding as resolved; archive.ErrConflict if it is already.
func (tx *Tx) ResolveFinding(ctx context.Context, id, resolution string, at time.Time) error {
	return errLater
}
