package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

const derivativeColumns = `derivative.id, derivative.item_id, derivative.kind, derivative.ordinal, derivative.recipe, derivative.recipe_version,
	derivative.tool, derivative.tool_version, derivative.object_id, derivative.envelope_id, derivative.size, derivative.sha256,
	derivative.media_type, derivative.meta, derivative.created_at`

func scanDerivative(s scanner) (d archive.Derivative, err error) {
	err = s.Scan(&d.ID, &d.Item, &d.Kind, &d.Ordinal, &d.Recipe, &d.RecipeVersion, &d.Tool, &d.ToolVersion,
		&d.Object.Object, &d.Object.Envelope, &d.Size, &d.SHA256, &d.MediaType, &d.Meta, at{&d.CreatedAt})
	return d, err
}

// AddDerivative adds derivatives; archive.ErrExists if one of the same item, recipe, kind and ordinal stands already.
func (tx *Tx) AddDerivative(ctx context.Context, d ...archive.Derivative) error {
	rows := make([][]any, 0, len(d))
	for _, d := range d {
		if err := archive.CheckID(archive.PrefixDerivative, d.ID); err != nil {
			return err
		}
		rows = append(rows, []any{d.ID, d.Item, d.Kind, d.Ordinal, d.Recipe, d.RecipeVersion, d.Tool, d.ToolVersion,
			d.Object.Object, d.Object.Envelope, d.Size, d.SHA256, d.MediaType, blob(d.Meta), d.CreatedAt.UnixMicro()})
	}
	err := tx.insert(ctx, "derivative", `id, item_id, kind, ordinal, recipe, recipe_version, tool, tool_version, object_id, envelope_id,
		size, sha256, media_type, meta, created_at`, rows)
	if err != nil {
		return fmt.Errorf("add derivatives: %w", err)
	}
	return nil
}

// Derivatives gives the standing derivatives of an item by kind and ordinal.
func (tx *Tx) Derivatives(ctx context.Context, item string) ([]archive.Derivative, error) {
	return all(ctx, tx, scanDerivative, `SELECT `+derivativeColumns+` FROM derivative WHERE item_id = $1 AND superseded_at IS NULL
		ORDER BY kind, ordinal, id`, item)
}

// Derivative gives one standing derivative whose item is in the scope; archive.ErrNotFound.
func (tx *Tx) Derivative(ctx context.Context, s archive.Scope, id string) (archive.Derivative, error) {
	var p part
	p.add(`SELECT `+derivativeColumns+` FROM derivative JOIN item ON item.id = derivative.item_id
		WHERE derivative.id = ? AND derivative.superseded_at IS NULL`, id)
	within(&p, s, func(c string) string { return "item." + c })
	return one(ctx, tx, scanDerivative, p.text.String(), p.args...)
}

// ReplaceRecipe marks the standing derivatives of an item and a recipe as superseded, so that new ones can be added;
// the old rows stay. It returns how many there were.
func (tx *Tx) ReplaceRecipe(ctx context.Context, item, recipe string, when time.Time) (int64, error) {
	n, err := tx.exec(ctx, `UPDATE derivative SET superseded_at = $1 WHERE item_id = $2 AND recipe = $3 AND superseded_at IS NULL`,
		us(when), item, recipe)
	if err != nil {
		return 0, fmt.Errorf("replace derivatives of item %s: %w", item, err)
	}
	return n, nil
}
