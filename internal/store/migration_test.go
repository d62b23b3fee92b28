package store_test

import (
	"strings"
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

// A catalogue of the first schema with a row in each table that the migration touches or refers to.
var before0002 = []string{
	`INSERT INTO envelope (id, sha256, size, committed_at) VALUES ('en_1', X32, 9, 1)`,
	`INSERT INTO blob (name, envelope_id, size, sha256) VALUES ('bl_1', 'en_1', 9, X32)`,
	`INSERT INTO object (id, envelope_id, kind, state, size, sha256) VALUES ('ob_1', 'en_1', 'original', 'quarantined', 7, X32), ('ob_2', 'en_1', 'derivative', 'held', 8, X32)`,
	`INSERT INTO segment (object_id, number, blob_name, starts_at, sealed_size, plain_size, plain_sha256) VALUES ('ob_1', 0, 'bl_1', 0, 9, 7, X32)`,
	`INSERT INTO accession (id, number, title, state, created_at, created_by) VALUES ('ac_1', 1, 'x', 'closed', 1, 'ag_1')`,
	`INSERT INTO item (id, accession_id, accession_no, number, kind, state, size, sha256, object_id, envelope_id, received_at, sort_at)
		VALUES ('it_1', 'ac_1', 1, 1, 'video', 'ready', 7, X32, 'ob_1', 'en_1', 1, 1)`,
	`INSERT INTO derivative (id, item_id, kind, ordinal, recipe, recipe_version, tool, tool_version, object_id, envelope_id, size, sha256, media_type, created_at)
		VALUES ('de_1', 'it_1', 'still', 0, 'quick', 1, 't', '1', 'ob_2', 'en_1', 8, X32, 'image/jpeg', 1)`,
	`INSERT INTO custody_leaf (position, commitment) VALUES (0, X32)`,
	`INSERT INTO custody_opening (position, event_id, type, at, agent, salt, event) VALUES (0, 'ev_1', 'ingestion', 1, 'ag_1', X32, X32)`,
	`INSERT INTO custody_subject (position, ordinal, role, kind, subject_id) VALUES (0, 0, 'outcome', 'item', 'it_1')`,
}

func TestMigration0002(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		bytes := `X'` + strings.Repeat("ab", 32) + `'`
		if engine == store.PostgreSQL {
			bytes = `'\x` + strings.Repeat("ab", 32) + `'::bytea`
		}
		sql := func(s string) string { return strings.ReplaceAll(s, "X32", bytes) }
		var statements []string
		for _, s := range before0002 {
			statements = append(statements, sql(s))
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0001", statements...))
		_, err := store.Open(ctx, o)
		is(t, "open before migrating", err, store.ErrMigration)
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			ob, err := tx.Object(ctx, "ob_1")
			must(t, err)
			if ob.Kind != store.ObjectOriginal || ob.State != store.ObjectQuarantined || ob.Size != 7 || ob.SHA256[31] != 0xab || len(ob.Segments) != 1 {
				t.Errorf("object became %+v", ob)
			}
			if n, err := tx.Openings(ctx, 0, 9); err != nil || len(n) != 1 || len(n[0].Subjects) != 1 {
				t.Errorf("openings became %+v, %v", n, err)
			}
			unsealed, err := tx.UnsealedItems(ctx, "", 9)
			must(t, err)
			if len(unsealed) != 1 || unsealed[0].ID != "it_1" || unsealed[0].Object.Object != "ob_1" {
				t.Errorf("items without a seal: %+v", unsealed)
			}
			return nil
		}))
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
		// References hold as before, in both directions, and the new kind is there.
		for statement, goes := range map[string]bool{
			`INSERT INTO object (id, envelope_id, kind, size, sha256) VALUES ('ob_3', 'en_1', 'clip', 1, X32)`:    true,
			`INSERT INTO object (id, envelope_id, kind, size, sha256) VALUES ('ob_4', 'en_1', 'other', 1, X32)`:   false,
			`INSERT INTO object (id, envelope_id, kind, size, sha256) VALUES ('ob_5', 'en_none', 'clip', 1, X32)`: false,
			`DELETE FROM object WHERE id = 'ob_1'`:                                    false,
			`UPDATE item SET object_id = 'ob_none'`:                                   false,
			`DELETE FROM custody_opening`:                                             false,
			`INSERT INTO custody_erased (position, erasure_id) VALUES (0, 'er_none')`: false,
			`INSERT INTO item_seal (item_id, salt, segment_size, digests, whole, segment_root) VALUES ('it_1', X32, 1048576, X32, X32, X32)`:    true,
			`INSERT INTO item_seal (item_id, salt, segment_size, digests, whole, segment_root) VALUES ('it_none', X32, 1048576, X32, X32, X32)`: false,
		} {
			if err := try(db, sql(statement)); (err == nil) != goes {
				t.Errorf("%s: %v", statement, err)
			}
		}
	})
}
