package store_test

import (
	"testing"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// TestMigration0012 makes an archive of the version before publishers, with a text that can be found, a session, a saved search and a token
// of an account, and sees that all of it is there afterwards, that a publisher may sign in, and that an unknown role may not.
func TestMigration0012(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		blob := map[string]string{store.SQLite: `X'abababababababababababababababababababababababababababababababab'`, store.PostgreSQL: `'\xabababababababababababababababababababababababababababababababab'::bytea`}[engine]
		statements := []string{
			`INSERT INTO agent (id, kind, name, created_at) VALUES ('ag_1', 'person', 'A', 1), ('ag_2', 'person', 'B', 1)`,
			`INSERT INTO account (id, login, role, scope, user_handle, created_at, created_by, seen_at) VALUES ('ag_1', 'a', 'investigator', '{}', ` + blob + `, 1, 'ag_1', 7)`,
			`INSERT INTO session (token_hash, account_id, data, created_at, seen_at, expires_at) VALUES (` + blob + `, 'ag_1', ` + blob + `, 1, 1, 2)`,
			`INSERT INTO saved_search (id, account_id, name, query, created_at) VALUES ('ss_1', 'ag_1', 'mine', 'камера', 1)`,
			`INSERT INTO entity (id, kind, code, number, compartment, created_at, created_by, changed_at) VALUES ('kn_1', 'person', 'P-1', 1, '', 1, 'ag_1', 1)`,
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0010", statements...))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			a, err := tx.Account(ctx, "ag_1")
			must(t, err)
			if a.Login != "a" || a.Role != "investigator" || a.SeenAt.UnixMicro() != 7 || len(a.UserHandle) != 32 {
				t.Errorf("account became %+v", a)
			}
			saved, err := tx.SavedSearches(ctx, "ag_1")
			must(t, err)
			if len(saved) != 1 || saved[0].Query != "камера" {
				t.Errorf("saved searches became %+v", saved)
			}
			return nil
		}))
		// The index of words takes what comes after as before.
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			return tx.IndexDocs(ctx, store.Doc{Kind: store.DocEntity, Ref: "kn_1", Entity: "kn_1", Text: "Осечкин", Name: true})
		}))
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
		for _, c := range []struct {
			statement string
			goes      bool
		}{
			{`UPDATE account SET role = 'root' WHERE id = 'ag_1'`, false},
			{`UPDATE account SET role = 'publisher' WHERE id = 'ag_1'`, true},
			{`DELETE FROM account WHERE id = 'ag_1'`, false},
			{`INSERT INTO saved_search (id, account_id, name, query, created_at) VALUES ('ss_2', 'ag_none', 'x', 'y', 1)`, false},
		} {
			if err := try(db, c.statement); (err == nil) != c.goes {
				t.Errorf("%s: %v", c.statement, err)
			}
		}
	})
}
