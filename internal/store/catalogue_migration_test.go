package store_test

import (
	"strings"
	"testing"

	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// An account of each role, and rows that refer to accounts.
var before0003 = []string{
	`INSERT INTO agent (id, kind, name, created_at) VALUES ('ag_1', 'person', 'A', 1), ('ag_2', 'person', 'B', 1)`,
	`INSERT INTO account (id, login, role, scope, user_handle, created_at, created_by, seen_at) VALUES ('ag_1', 'a', 'archivist', '{}', X01, 1, 'ag_1', 7)`,
	`INSERT INTO credential (id, account_id, data, created_at) VALUES (X32, 'ag_1', X32, 1)`,
	`INSERT INTO session (token_hash, account_id, data, created_at, seen_at, expires_at) VALUES (X32, 'ag_1', X32, 1, 1, 2)`,
}

func TestMigration0003(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		sql := func(s string) string {
			s = strings.ReplaceAll(s, "X01", "X32")
			if engine == store.PostgreSQL {
				return strings.ReplaceAll(s, "X32", `'\x`+strings.Repeat("ab", 32)+`'::bytea`)
			}
			return strings.ReplaceAll(s, "X32", `X'`+strings.Repeat("ab", 32)+`'`)
		}
		var statements []string
		for _, s := range before0003 {
			statements = append(statements, sql(s))
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0002", statements...))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			a, err := tx.Account(ctx, "ag_1")
			must(t, err)
			if a.Login != "a" || a.Role != "archivist" || a.SeenAt.UnixMicro() != 7 || len(a.UserHandle) != 32 {
				t.Errorf("account became %+v", a)
			}
			return nil
		}))
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
		// In this order: references hold as before, the new role is there, and what was said cannot be changed.
		for _, c := range []struct {
			statement string
			goes      bool
		}{
			{`INSERT INTO account (id, login, role, scope, user_handle, created_at, created_by) VALUES ('ag_2', 'b', 'investigator', '{}', X'02', 1, 'ag_1')`, engine == store.SQLite},
			{`INSERT INTO account (id, login, role, scope, user_handle, created_at, created_by) VALUES ('ag_2', 'b', 'investigator', '{}', '\x02'::bytea, 1, 'ag_1')`, engine == store.PostgreSQL},
			{`UPDATE account SET role = 'root' WHERE id = 'ag_1'`, false},
			{`UPDATE account SET role = 'investigator' WHERE id = 'ag_1'`, true},
			{`DELETE FROM account WHERE id = 'ag_1'`, false},
			{`INSERT INTO entity (id, kind, code, number, compartment, created_at, created_by, changed_at) VALUES ('kn_1', 'person', 'P-1', 1, '', 1, 'ag_1', 1), ('kn_2', 'person', 'P-2', 2, '', 1, 'ag_1', 1)`, true},
			{`INSERT INTO entity (id, kind, code, number, compartment, created_at, created_by, changed_at) VALUES ('kn_3', 'person', 'P-1', 1, '', 1, 'ag_1', 1)`, false},
			{`UPDATE entity SET merged_into = id`, false},
			{`INSERT INTO claim (id, entity_id, property, value, certainty, author, origin, created_at) VALUES ('cm_1', 'kn_1', 'name', 'N', 'probable', 'ag_1', 'person', 1)`, true},
			{`INSERT INTO claim (id, entity_id, property, value, certainty, author, origin, created_at) VALUES ('cm_2', 'kn_1', 'name', 'N', 'sure', 'ag_1', 'person', 1)`, false},
			{`INSERT INTO claim (id, entity_id, property, value, certainty, author, origin, created_at) VALUES ('cm_2', 'kn_none', 'name', 'N', 'probable', 'ag_1', 'person', 1)`, false},
			{`UPDATE claim SET value = 'M'`, false},
			{`UPDATE claim SET value = '', note = '', retracted_at = 1`, false},
			{`UPDATE claim SET author = 'ag_2'`, false},
			{`DELETE FROM claim`, false},
			{`UPDATE claim SET retracted_at = 5, retracted_by = 'ag_1', reason = 'r'`, true},
			{`INSERT INTO claim_source (claim_id, ordinal, kind) VALUES ('cm_1', 0, 'item')`, false},
			{`INSERT INTO claim_source (claim_id, ordinal, kind, note) VALUES ('cm_1', 0, 'other', 'words')`, true},
			{`UPDATE claim_source SET note = 'x'`, false},
			{`DELETE FROM claim_source`, false},
			{`INSERT INTO finding (id, entity_id, property, claim_id, reason, author, at, dissent) VALUES ('fd_1', 'kn_1', 'name', 'cm_1', 'r', 'ag_1', 1, 0)`, true},
			{`UPDATE finding SET reason = 'x'`, false},
			{`DELETE FROM finding`, false},
			{`INSERT INTO merge (id, from_id, into_id, reason, author, at) VALUES ('mg_1', 'kn_1', 'kn_2', 'r', 'ag_1', 1)`, true},
			{`INSERT INTO merge (id, from_id, into_id, reason, author, at) VALUES ('mg_2', 'kn_1', 'kn_2', 'r', 'ag_1', 1)`, false},
			{`UPDATE merge SET reason = 'x'`, false},
			{`UPDATE merge SET undone_at = 2, undone_by = 'ag_1'`, true},
			{`UPDATE merge SET undone_at = NULL`, false},
			{`DELETE FROM merge`, false},
		} {
			if err := try(db, sql(c.statement)); (err == nil) != c.goes {
				t.Errorf("%s: %v", c.statement, err)
			}
		}
	})
}
