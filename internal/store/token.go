package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"zapis/internal/archive"
)

// Token is by what a program acts for an account. The token itself is never stored.
type Token struct {
	ID      string
	Account string
	Hash    []byte
	Label   string
	Actions []string // read, write, export
	// Compartments that the token reaches at most; nil: those that the account sees.
	Compartments []string
	CreatedAt    time.Time
	ExpiresAt    time.Time
	RevokedAt    time.Time
	UsedOn       time.Time // the day, at its beginning in UTC; zero if never
}

const tokenColumns = `id, account_id, hash, label, actions, compartments, created_at, expires_at, revoked_at, used_on`

// dayNumber is the number of the day since 1970 that t lies in.
func dayNumber(t time.Time) int64 { return t.UTC().Unix() / (24 * 60 * 60) }

func scanToken(s scanner) (t Token, err error) {
	var actions, compartments string
	var used *int64
	if err = s.Scan(&t.ID, &t.Account, &t.Hash, &t.Label, &actions, &compartments, at{&t.CreatedAt}, at{&t.ExpiresAt}, at{&t.RevokedAt}, &used); err != nil {
		return t, err
	}
	t.Actions = strings.Split(actions, ",")
	if err := json.Unmarshal([]byte(compartments), &t.Compartments); err != nil {
		return t, fmt.Errorf("compartments of token %s: %w", t.ID, archive.ErrIntegrity)
	}
	if used != nil {
		t.UsedOn = time.Unix(*used*24*60*60, 0).UTC()
	}
	return t, nil
}

// AddToken adds a token.
func (tx *Tx) AddToken(ctx context.Context, t Token) error {
	if err := archive.CheckID(archive.PrefixToken, t.ID); err != nil {
		return err
	}
	compartments, err := json.Marshal(t.Compartments)
	if err != nil {
		return fmt.Errorf("add token %s: %w", t.ID, err)
	}
	_, err = tx.exec(ctx, `INSERT INTO api_token (id, account_id, hash, label, actions, compartments, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		t.ID, t.Account, some(t.Hash), t.Label, strings.Join(t.Actions, ","), string(compartments), t.CreatedAt.UnixMicro(), t.ExpiresAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("add token %s: %w", t.ID, err)
	}
	return nil
}

// Token gives the token of a hash that is neither revoked nor expired at now; archive.ErrNotFound.
func (tx *Tx) Token(ctx context.Context, hash []byte, now time.Time) (Token, error) {
	return one(ctx, tx, scanToken, `SELECT `+tokenColumns+` FROM api_token WHERE hash = $1 AND revoked_at IS NULL AND expires_at > $2`, some(hash), now.UnixMicro())
}

// Tokens gives the tokens of an account, the newest first, those that do not work any more among them; of everybody if account is empty.
func (tx *Tx) Tokens(ctx context.Context, account string) ([]Token, error) {
	var p part
	p.add(`SELECT `+tokenColumns+` FROM api_token WHERE 1 = 1`).addIf(account != "", ` AND account_id = ?`, account).add(` ORDER BY created_at DESC, id DESC`)
	return all(ctx, tx, scanToken, p.text.String(), p.args...)
}

// RevokeToken ends a token of an account for good; archive.ErrNotFound if it has none of that identifier that still stands.
func (tx *Tx) RevokeToken(ctx context.Context, account, id string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE api_token SET revoked_at = $1 WHERE id = $2 AND account_id = $3 AND revoked_at IS NULL`, when.UnixMicro(), id, account)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("revoke token %s: %w", id, err)
	}
	return nil
}

// UseToken notes the day on which a token was used.
func (tx *Tx) UseToken(ctx context.Context, id string, when time.Time) error {
	if _, err := tx.exec(ctx, `UPDATE api_token SET used_on = $1 WHERE id = $2 AND (used_on IS NULL OR used_on < $3)`, dayNumber(when), id, dayNumber(when)); err != nil {
		return fmt.Errorf("note use of token %s: %w", id, err)
	}
	return nil
}
