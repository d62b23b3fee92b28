package knowledge

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/store"
)

// Matching gives the persons and testimonies whose sealed name match says yes to. It is for a machine that decides what may leave the archive:
// the names go nowhere but into match, which must keep nothing, and the answer must not be shown to anybody as who it is. An archive without a
// key for identities has none. archive.ErrIntegrity if one does not open: then nothing is known about it, and nothing may leave.
func (s *Identities) Matching(ctx context.Context, tx *store.Tx, match func(name string) bool) ([]string, error) {
	n, err := tx.CountIdentities(ctx)
	if err != nil || n == 0 {
		return nil, err
	}
	seal, err := s.sealer(ctx)
	if err != nil { // there are identities, so a key that is missing is a key that was lost
		return nil, fmt.Errorf("match identities: %w", err)
	}
	rows, err := tx.Identities(ctx)
	if err != nil {
		return nil, fmt.Errorf("match identities: %w", err)
	}
	var out []string
	for _, row := range rows {
		i, err := unsealIdentity(seal, row)
		if errors.Is(err, archive.ErrIntegrity) {
			return nil, fmt.Errorf("match identities: %s: %w", row.Entity, archive.ErrIntegrity)
		}
		if err != nil {
			return nil, fmt.Errorf("match identities: %w", err)
		}
		if i.Name != "" && match(i.Name) {
			out = append(out, row.Entity)
		}
	}
	return out, nil
}
