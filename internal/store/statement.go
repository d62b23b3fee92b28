package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

// Statement is something said to everybody: a canonical JSON object that a tick of the public log commits to.
type Statement struct {
	ID        string
	Kind      string
	Body      []byte // canonical JSON
	Salt      [32]byte
	SHA256    [32]byte // of Body
	CreatedAt time.Time
	CreatedBy string
	Tick      int64 // -1 while no tick has taken it in
	Place     int64 // among the statements of its tick; -1 while open
}

// Clip is a file that was cut from items and stated.
type Clip struct {
	ID           string
	Statement    string // identifier of its statement
	Scope        string // identifier of the scope statement it counts against
	Number       int64  // among the clips of the scope, from 1
	ReleasedMS   int64  // of all clips of the scope so far, this one included
	Bytes        int64
	Milliseconds int64
	SHA256       [32]byte
	Object       archive.ObjectRef
	CreatedAt    time.Time
}

const (
	statementColumns = `id, kind, body, salt, sha256, created_at, created_by, COALESCE(position, -1), COALESCE(place, -1)`
	clipColumns      = `id, statement_id, scope_statement_id, number, released_ms, sha256, bytes, milliseconds, object_id, envelope_id, created_at`
)

func scanStatement(s scanner) (t Statement, err error) {
	err = s.Scan(&t.ID, &t.Kind, &t.Body, b32{&t.Salt}, b32{&t.SHA256}, at{&t.CreatedAt}, &t.CreatedBy, &t.Tick, &t.Place)
	return t, err
}

func scanClip(s scanner) (c Clip, err error) {
	err = s.Scan(&c.ID, &c.Statement, &c.Scope, &c.Number, &c.ReleasedMS, b32{&c.SHA256}, &c.Bytes, &c.Milliseconds,
		&c.Object.Object, &c.Object.Envelope, at{&c.CreatedAt})
	return c, err
}

// AddStatement adds a statement that no tick has taken in yet, whatever its Tick and Place say; archive.ErrExists if its
// identifier or its body is there.
func (tx *Tx) AddStatement(ctx context.Context, s Statement) error {
	if err := archive.CheckID(archive.PrefixStatement, s.ID); err != nil {
		return err
	}
	err := tx.insert(ctx, "statement", `id, kind, body, salt, sha256, created_at, created_by`,
		[][]any{{s.ID, s.Kind, s.Body, s.Salt[:], s.SHA256[:], s.CreatedAt.UnixMicro(), s.CreatedBy}})
	if err != nil {
		return fmt.Errorf("add statement %s: %w", s.ID, err)
	}
	return nil
}

// OpenStatements gives the statements that no tick has taken in yet, by identifier.
func (tx *Tx) OpenStatements(ctx context.Context) ([]Statement, error) {
	return all(ctx, tx, scanStatement, `SELECT `+statementColumns+` FROM statement WHERE position IS NULL ORDER BY id`)
}

// StatementsOf gives the statements of a tick by place.
func (tx *Tx) StatementsOf(ctx context.Context, tick int64) ([]Statement, error) {
	return all(ctx, tx, scanStatement, `SELECT `+statementColumns+` FROM statement WHERE position = $1 ORDER BY place`, tick)
}

// PlaceStatements gives statements their places under a tick, in the order given from 0 on; archive.ErrConflict if one of
// them has a place already or is not there.
func (tx *Tx) PlaceStatements(ctx context.Context, tick int64, ids []string) error {
	for place, id := range ids {
		n, err := tx.exec(ctx, `UPDATE statement SET position = $1, place = $2 WHERE id = $3 AND position IS NULL`, tick, place, id)
		if err == nil && n == 0 {
			err = archive.ErrConflict
		}
		if err != nil {
			return fmt.Errorf("place statement %s: %w", id, err)
		}
	}
	return nil
}

// Statement gives one statement; archive.ErrNotFound.
func (tx *Tx) Statement(ctx context.Context, id string) (Statement, error) {
	return one(ctx, tx, scanStatement, `SELECT `+statementColumns+` FROM statement WHERE id = $1`, id)
}

// Statements gives the statements of a kind in the order in which they were made; all of them if kind is empty.
func (tx *Tx) Statements(ctx context.Context, kind string) ([]Statement, error) {
	var p part
	p.add(`SELECT `+statementColumns+` FROM statement WHERE 1 = 1`).addIf(kind != "", ` AND kind = ?`, kind).add(` ORDER BY created_at, id`)
	return all(ctx, tx, scanStatement, p.text.String(), p.args...)
}

// AddClip adds a clip; archive.ErrExists if the scope has one of that number already.
func (tx *Tx) AddClip(ctx context.Context, c Clip) error {
	if err := archive.CheckID(archive.PrefixClip, c.ID); err != nil {
		return err
	}
	err := tx.insert(ctx, "clip", clipColumns, [][]any{{c.ID, c.Statement, c.Scope, c.Number, c.ReleasedMS, c.SHA256[:], c.Bytes, c.Milliseconds,
		c.Object.Object, c.Object.Envelope, c.CreatedAt.UnixMicro()}})
	if err != nil {
		return fmt.Errorf("add clip %s: %w", c.ID, err)
	}
	return nil
}

// Clip gives one clip; archive.ErrNotFound.
func (tx *Tx) Clip(ctx context.Context, id string) (Clip, error) {
	return one(ctx, tx, scanClip, `SELECT `+clipColumns+` FROM clip WHERE id = $1`, id)
}

// Clips gives the clips that count against a scope statement by number; all clips, oldest first, if it is empty.
func (tx *Tx) Clips(ctx context.Context, scopeStatement string) ([]Clip, error) {
	if scopeStatement == "" {
		return all(ctx, tx, scanClip, `SELECT `+clipColumns+` FROM clip ORDER BY created_at, id`)
	}
	return all(ctx, tx, scanClip, `SELECT `+clipColumns+` FROM clip WHERE scope_statement_id = $1 ORDER BY number`, scopeStatement)
}
