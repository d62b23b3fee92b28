package store

import (
	"context"
	"fmt"
)

// Setting gives the value of a key.
func (tx *Tx) Setting(ctx context.Context, key string) (string, bool, error) {
	return maybe(one(ctx, tx, value[string], `SELECT value FROM setting WHERE name = $1`, key))
}

// SetSetting sets the value of a key; an empty value removes it.
func (tx *Tx) SetSetting(ctx context.Context, key, value string) error {
	text, args := `INSERT INTO setting (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, []any{key, value}
	if value == "" {
		text, args = `DELETE FROM setting WHERE name = $1`, []any{key}
	}
	if _, err := tx.exec(ctx, text, args...); err != nil {
		return fmt.Errorf("set %s: %w", key, err)
	}
	return nil
}
