package store_test

import (
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// The data test of migration 0009: accounts and agents that were there stay, and the new tables refuse what makes no sense.
func TestMigration0009(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		bytes, other := `X'ab'`, `X'`
		if engine == store.PostgreSQL {
			bytes, other = `'\xab'::bytea`, `'\x`
		}
		b32 := func(two string) string {
			s := other
			for range 32 {
				s += two
			}
			s += `'`
			if engine == store.PostgreSQL {
				s += `::bytea`
			}
			return s
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0008",
			`INSERT INTO agent (id, kind, name, created_at) VALUES ('ag_1', 'person', 'One', 1)`,
			`INSERT INTO account (id, login, role, scope, user_handle, created_at, created_by) VALUES ('ag_1', 'one', 'investigator', '{}', `+bytes+`, 1, 'ag_1')`))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			a, err := tx.Account(ctx, "ag_1")
			if err != nil || a.Role != archive.RoleInvestigator {
				t.Errorf("%+v %v", a, err)
			}
			return nil
		}))
		token := `INSERT INTO api_token (id, account_id, hash, label, actions, compartments, created_at, expires_at) VALUES `
		run := `INSERT INTO import (id, format, sha256, mapping, state, next_row, created_at, created_by) VALUES `
		for _, x := range []struct {
			statement string
			goes      bool
		}{
			{token + `('tk_1', 'ag_1', ` + b32("ab") + `, 'x', 'read', 'null', 1, 2)`, true},
			{token + `('tk_2', 'ag_1', ` + b32("ab") + `, 'x', 'read', 'null', 1, 2)`, false},
			{token + `('tk_3', 'ag_none', ` + b32("cd") + `, 'x', 'read', 'null', 1, 2)`, false},
			{token + `('tk_4', 'ag_1', ` + bytes + `, 'x', 'read', 'null', 1, 2)`, false},
			{token + `('tk_5', 'ag_1', ` + b32("ef") + `, 'x', '', 'null', 1, 2)`, false},
			{run + `('im_1', 'table', ` + b32("ab") + `, ` + bytes + `, 'running', 2, 1, 'ag_1')`, true},
			{run + `('im_2', 'table', ` + b32("ab") + `, ` + bytes + `, 'running', 2, 1, 'ag_1')`, false},
			{run + `('im_3', 'table', ` + b32("ab") + `, ` + bytes + `, 'done', 2, 1, 'ag_1')`, true},
			{run + `('im_4', 'cards', ` + b32("ab") + `, ` + bytes + `, 'done', 2, 1, 'ag_1')`, false},
			{run + `('im_5', 'ftm', ` + b32("ab") + `, ` + bytes + `, 'done', 2, 1, 'ag_none')`, false},
			{`INSERT INTO external_key (source, key, entity_id) VALUES ('s', 'k', 'kn_none')`, false},
			{`INSERT INTO foreign_agent (agent_id, import_id) VALUES ('ag_none', 'im_1')`, false},
			{`INSERT INTO foreign_place (subject_id, item, from_us, to_us) VALUES ('ps_1', 'it_1', 2, 1)`, false},
		} {
			if err := try(db, x.statement); (err == nil) != x.goes {
				t.Errorf("%s: %v", x.statement, err)
			}
		}
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}

func TestTokensAndImports(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			who := newID(archive.PrefixAgent)
			must(t, tx.AddAccount(ctx, store.Account{ID: who, Login: "one", Role: archive.RoleReviewer, UserHandle: []byte("h"), CreatedAt: noon, CreatedBy: who}))
			token := store.Token{ID: newID(archive.PrefixToken), Account: who, Hash: digest("one"), Label: "x", Actions: []string{"read", "export"}, Compartments: []string{"common"}, CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
			must(t, tx.AddToken(ctx, token))
			got, err := tx.Token(ctx, digest("one"), noon)
			must(t, err)
			if got.ID != token.ID || len(got.Actions) != 2 || got.Compartments[0] != "common" || !got.UsedOn.IsZero() {
				t.Errorf("%+v", got)
			}
			must(t, tx.UseToken(ctx, token.ID, noon))
			must(t, tx.UseToken(ctx, token.ID, noon.Add(-48*time.Hour)))
			if got, _ = tx.Token(ctx, digest("one"), noon); !got.UsedOn.Equal(noon.Truncate(24 * time.Hour)) {
				t.Errorf("used on %v", got.UsedOn)
			}
			_, err = tx.Token(ctx, digest("one"), noon.Add(time.Hour))
			is(t, "expired token", err, archive.ErrNotFound)
			_, err = tx.Token(ctx, digest("two"), noon)
			is(t, "unknown token", err, archive.ErrNotFound)
			is(t, "somebody else's token", tx.RevokeToken(ctx, newID(archive.PrefixAgent), token.ID, noon), archive.ErrNotFound)
			must(t, tx.RevokeToken(ctx, who, token.ID, noon))
			_, err = tx.Token(ctx, digest("one"), noon)
			is(t, "revoked token", err, archive.ErrNotFound)
			is(t, "revoked twice", tx.RevokeToken(ctx, who, token.ID, noon), archive.ErrNotFound)

			run := store.Import{ID: newID(archive.PrefixImport), Format: "table", SHA256: [32]byte(digest("file")), Mapping: []byte("{}"), NextRow: 2, CreatedAt: noon, CreatedBy: who}
			must(t, tx.AddImport(ctx, run))
			run.State, run.NextRow, run.Created, run.EndedAt = store.ImportDone, 9, 7, noon.Add(time.Minute)
			must(t, tx.SetImport(ctx, run))
			is(t, "going on after the end", tx.SetImport(ctx, run), archive.ErrConflict)
			_, err = tx.RunningImport(ctx, who, run.SHA256)
			is(t, "nothing runs", err, archive.ErrNotFound)
			_, err = tx.Import(ctx, newID(archive.PrefixAgent), run.ID)
			is(t, "somebody else's import", err, archive.ErrNotFound)
			must(t, tx.UndoImport(ctx, run.ID, who, noon))
			is(t, "undone twice", tx.UndoImport(ctx, run.ID, who, noon), archive.ErrConflict)
			list, err := tx.Imports(ctx, who, 9)
			must(t, err)
			if len(list) != 1 || list[0].State != store.ImportUndone || list[0].Created != 7 || list[0].UndoneBy != who {
				t.Errorf("%+v", list)
			}
			for _, text := range []string{"{1}", "{2}", ""} {
				must(t, tx.SetMapping(ctx, store.Mapping{Agent: who, Name: "one", Mapping: []byte(text), ChangedAt: noon}))
				got, err := tx.Mappings(ctx, who)
				must(t, err)
				if text == "" != (len(got) == 0) || text != "" && string(got[0].Mapping) != text {
					t.Errorf("mapping %q: %+v", text, got)
				}
			}
		})
	})
}
