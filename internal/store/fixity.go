package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
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

const (
	runColumns     = `id, scope, agent, keyless, started_at, finished_at, blobs, objects, bytes, failures, outcome`
	findingColumns = `id, run_id, blob, object, item, code, found_at, resolved_at, resolution`
)

func scanRun(s scanner) (r Run, err error) {
	var keyless int64
	err = s.Scan(&r.ID, &r.Scope, &r.Agent, &keyless, at{&r.StartedAt}, at{&r.FinishedAt}, &r.Blobs, &r.Objects, &r.Bytes, &r.Failures, &r.Outcome)
	r.Keyless = keyless != 0
	return r, err
}

func scanFinding(s scanner) (f Finding, err error) {
	err = s.Scan(&f.ID, &f.Run, &f.Blob, &f.Object, &f.Item, &f.Code, at{&f.FoundAt}, at{&f.ResolvedAt}, &f.Resolution)
	return f, err
}

// StartRun adds a run; its end and counts are set by FinishRun.
func (tx *Tx) StartRun(ctx context.Context, r Run) error {
	_, err := tx.exec(ctx, `INSERT INTO fixity_run (id, scope, agent, keyless, started_at) VALUES ($1, $2, $3, $4, $5)`,
		r.ID, r.Scope, r.Agent, flag(r.Keyless), r.StartedAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("start fixity run %s: %w", r.ID, err)
	}
	return nil
}

// FinishRun sets the end, counts and outcome of a run; archive.ErrConflict if it has ended already.
func (tx *Tx) FinishRun(ctx context.Context, r Run) error {
	n, err := tx.exec(ctx, `UPDATE fixity_run SET finished_at = $1, blobs = $2, objects = $3, bytes = $4, failures = $5, outcome = $6
		WHERE id = $7 AND finished_at IS NULL`, us(r.FinishedAt), r.Blobs, r.Objects, r.Bytes, r.Failures, r.Outcome, r.ID)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("finish fixity run %s: %w", r.ID, err)
	}
	return nil
}

// Runs gives the latest runs, newest first.
func (tx *Tx) Runs(ctx context.Context, limit int) ([]Run, error) {
	return all(ctx, tx, scanRun, `SELECT `+runColumns+` FROM fixity_run ORDER BY started_at DESC, id DESC LIMIT $1`, limit)
}

// LastRun gives the latest finished run.
func (tx *Tx) LastRun(ctx context.Context) (Run, bool, error) {
	return maybe(one(ctx, tx, scanRun, `SELECT `+runColumns+` FROM fixity_run WHERE finished_at IS NOT NULL ORDER BY started_at DESC, id DESC LIMIT 1`))
}

// AddFinding adds findings.
func (tx *Tx) AddFinding(ctx context.Context, f ...Finding) error {
	rows := make([][]any, len(f))
	for i, f := range f {
		rows[i] = []any{f.ID, f.Run, f.Blob, f.Object, f.Item, f.Code, f.FoundAt.UnixMicro()}
	}
	if err := tx.insert(ctx, "fixity_finding", "id, run_id, blob, object, item, code, found_at", rows); err != nil {
		return fmt.Errorf("add fixity findings: %w", err)
	}
	return nil
}

// OpenFindings gives the findings that are not resolved, oldest first.
func (tx *Tx) OpenFindings(ctx context.Context) ([]Finding, error) {
	return all(ctx, tx, scanFinding, `SELECT `+findingColumns+` FROM fixity_finding WHERE resolved_at IS NULL ORDER BY found_at, id`)
}

// FindingsOf gives all findings of a run, oldest first.
func (tx *Tx) FindingsOf(ctx context.Context, run string) ([]Finding, error) {
	return all(ctx, tx, scanFinding, `SELECT `+findingColumns+` FROM fixity_finding WHERE run_id = $1 ORDER BY found_at, id`, run)
}

// ResolveFinding marks a finding as resolved; archive.ErrConflict if it is not there or resolved already.
func (tx *Tx) ResolveFinding(ctx context.Context, id, resolution string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE fixity_finding SET resolved_at = $1, resolution = $2 WHERE id = $3 AND resolved_at IS NULL`, us(when), resolution, id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("resolve finding %s: %w", id, err)
	}
	return nil
}
