package store_test

import (
	"testing"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// The data test of each migration: rows before it, what must hold after it. The first one starts from nothing, so what
// must hold is what it puts there itself and what it refuses.
func TestMigration0001(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			size, err := tx.Head(ctx, false)
			must(t, err)
			if size != 0 {
				t.Errorf("the record begins at %d", size)
			}
			return nil
		}))
		for _, statement := range []string{
			`INSERT INTO catalogue (id, application, vault_id, created_at) VALUES (2, 'zapis', 'va_2', 1)`,
			`UPDATE catalogue SET application = 'other'`,
			`INSERT INTO custody_head (id, size) VALUES (2, 0)`,
			`INSERT INTO custody_leaf (position, commitment) VALUES (-1, NULL)`,
			`INSERT INTO object (id, envelope_id, kind, state, size, sha256) VALUES ('ob_1', 'en_missing', 'original', 'held', 1, NULL)`,
			`INSERT INTO accession (id, number, title, state, created_at, created_by) VALUES ('ac_1', 1, 'x', 'half open', 1, 'ag_1')`,
			`INSERT INTO credential (id, account_id, data, created_at) VALUES (NULL, 'ag_missing', NULL, 1)`,
		} {
			if err := try(db, statement); err == nil {
				t.Errorf("went through: %s", statement)
			}
		}
	})
}
