package store

import (
	"context"
	"time"

	"zapis/internal/archive"
)

// AddDerivative adds derivatives; archive.ErrExists if one of the same item, recipe, kind and ordinal stands already.
func (tx *Tx) AddDerivative(ctx context.Context, d ...archive.Derivative) error { return errLater }

// Derivatives gives the standing derivatives of an item by kind and ordinal.
func (tx *Tx) Derivatives(ctx context.Context, item string) ([]archive.Derivative, error) {
	return nil, errLater
}

// Derivative gives one standing derivative whose item is in the scope; archive.ErrNotFound.
func (tx *Tx) Derivative(ctx context.Context, s archive.Scope, id string) (archive.Derivative, error) {
	return archive.Derivative{}, errLater
}

// ReplaceRecipe marks the standing derivatives of an item and a recipe as superseded, so that new ones can be added;
// the old rows stay. It returns how many there were.
func (tx *Tx) ReplaceRecipe(ctx context.Context, item, recipe string, at time.Time) (int64, error) {
	return 0, errLater
}
