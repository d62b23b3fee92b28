package store_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/mod/sumdb/tlog"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// record adds one event, hash and checkpoint.
func record(t testing.TB, tx *store.Tx) {
	t.Helper()
	must(t, tx.AppendLeaves(ctx, 0, digest("leaf")))
	must(t, tx.AddOpenings(ctx, store.Opening{EventID: "ev_1", Type: "x", Time: noon, Agent: "ag_1", Salt: digest("salt"), Event: []byte("{}"),
		Subjects: []archive.Subject{{Role: "about", Kind: "item", ID: "it_1"}}}))
	must(t, tx.AddHashes(ctx, 0, []tlog.Hash{{1}}))
	must(t, tx.SetHead(ctx, 1))
	must(t, tx.AddCheckpoint(ctx, store.Checkpoint{Size: 1, Root: digest("root"), Note: []byte("note"), At: noon}))
}

// Every way to change or remove a row of the custody record that SQL offers. The statements go past this package, as a
// program that is wrong or hostile would.
var tampering = []struct{ table, statement, engine string }{
	{"custody_leaf", `UPDATE custody_leaf SET commitment = commitment`, ""},
	{"custody_leaf", `UPDATE custody_leaf SET position = 5`, ""},
	{"custody_leaf", `DELETE FROM custody_leaf`, ""},
	{"custody_leaf", `DELETE FROM custody_leaf WHERE position = 0`, ""},
	{"custody_leaf", `INSERT OR REPLACE INTO custody_leaf SELECT 0, randomblob(32)`, store.SQLite},
	{"custody_leaf", `INSERT INTO custody_leaf SELECT * FROM custody_leaf WHERE true ON CONFLICT (position) DO UPDATE SET commitment = excluded.commitment`, ""},
	{"custody_leaf", `TRUNCATE custody_leaf`, store.PostgreSQL},
	{"custody_opening", `UPDATE custody_opening SET event = event`, ""},
	{"custody_opening", `UPDATE custody_opening SET salt = salt`, ""},
	{"custody_opening", `DELETE FROM custody_opening`, ""},
	{"custody_opening", `INSERT OR REPLACE INTO custody_opening SELECT 7, event_id, type, at, agent, salt, event FROM custody_opening`, store.SQLite},
	{"custody_opening", `TRUNCATE custody_opening`, store.PostgreSQL},
	{"custody_subject", `UPDATE custody_subject SET subject_id = 'it_2'`, ""},
	{"custody_subject", `DELETE FROM custody_subject`, ""},
	{"custody_subject", `INSERT OR REPLACE INTO custody_subject SELECT position, ordinal, role, kind, 'it_2' FROM custody_subject`, store.SQLite},
	{"custody_subject", `TRUNCATE custody_subject CASCADE`, store.PostgreSQL},
	{"custody_hash", `UPDATE custody_hash SET hash = hash`, ""},
	{"custody_hash", `DELETE FROM custody_hash`, ""},
	{"custody_hash", `INSERT OR REPLACE INTO custody_hash SELECT 0, randomblob(32)`, store.SQLite},
	{"custody_hash", `TRUNCATE custody_hash`, store.PostgreSQL},
	{"checkpoint", `UPDATE checkpoint SET root = root`, ""},
	{"checkpoint", `DELETE FROM checkpoint`, ""},
	{"checkpoint", `INSERT OR REPLACE INTO checkpoint SELECT size, note, randomblob(32), at FROM checkpoint`, store.SQLite},
	{"checkpoint", `TRUNCATE checkpoint`, store.PostgreSQL},
	{"custody_head", `UPDATE custody_head SET size = 0`, ""},
	{"custody_head", `DELETE FROM custody_head`, ""},
	{"custody_head", `INSERT OR REPLACE INTO custody_head VALUES (1, 0)`, store.SQLite},
	{"custody_head", `TRUNCATE custody_head`, store.PostgreSQL},
}

func TestCustodyRecordIsInsertOnly(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		must(t, db.Write(ctx, func(tx *store.Tx) error { record(t, tx); return nil }))
		for _, c := range tampering {
			if c.engine != "" && c.engine != engine {
				continue
			}
			err := try(db, c.statement)
			var pg *pgconn.PgError
			switch {
			case err == nil:
				t.Errorf("went through: %s", c.statement)
			case engine == store.SQLite && !strings.Contains(err.Error(), c.table):
				t.Errorf("%s: refused for another reason: %v", c.statement, err)
			case engine == store.PostgreSQL && (!errors.As(err, &pg) || pg.Code != "ZA001"):
				t.Errorf("%s: refused for another reason: %v", c.statement, err)
			}
		}
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			o, err := tx.Opening(ctx, 0)
			must(t, err)
			if o.EventID != "ev_1" || len(o.Subjects) != 1 || o.Subjects[0].ID != "it_1" || string(o.Commitment) != string(digest("leaf")) {
				t.Errorf("%+v", o)
			}
			return nil
		}))
	})
}

// Without a guard the statement goes through (so that the test above proves something), and the check says so.
func TestMissingGuardIsFound(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		for _, table := range []string{"custody_leaf", "custody_opening", "custody_subject", "custody_hash", "checkpoint", "custody_head"} {
			t.Run(table, func(t *testing.T) {
				t.Parallel()
				db := storetest.Open(t, engine)
				must(t, db.Write(ctx, func(tx *store.Tx) error { record(t, tx); return nil }))
				if engine == store.SQLite {
					run(t, db, `DROP TRIGGER `+table+`_no_delete`)
				} else {
					run(t, db, `ALTER TABLE `+table+` DISABLE TRIGGER ALL`)
				}
				run(t, db, `DELETE FROM `+table)
				faults, err := db.IntegrityCheck(ctx)
				must(t, err)
				found := slices.ContainsFunc(faults, func(f store.Fault) bool { return f.Code == "trigger" && f.At == table })
				if !found {
					t.Errorf("not found: %+v", faults)
				}
			})
		}
	})
}

// filled makes a database with rows in every large table.
func filled(t testing.TB, db *store.DB) {
	t.Helper()
	_, err := storetest.Fill(ctx, db, 700, 7)
	must(t, err)
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		record(t, tx)
		a := addAccession(t, tx)
		for n := range 60 {
			i := addItem(t, tx, a.ID, full)
			must(t, tx.AddProvenance(ctx, archive.Provenance{ID: newID(archive.PrefixProvenance), Accession: a.ID, Seq: int64(n + 1), Item: i.ID,
				Outcome: archive.OutcomeReceived, Fingerprint: digest(i.ID), Sealed: make([]byte, 9000), FoundAt: noon}))
		}
		return nil
	}))
}

func TestWholeDatabaseHasNoFaults(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		filled(t, db)
		// Free pages, which hold nothing, must not be taken for damage.
		run(t, db, `DELETE FROM provenance`)
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
		must(t, db.Read(ctx, func(tx *store.Tx) error { noRollupFaults(t, tx); return nil }))
	})
}

// One flipped bit anywhere in a page that is in use is found: by opening the file, or by the check, which names the page.
func TestEveryFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	db, o := storetest.OpenWith(t, store.SQLite, nil)
	filled(t, db)
	must(t, db.Close())
	path := strings.TrimPrefix(o.URL, "sqlite://")
	whole, err := os.ReadFile(path)
	must(t, err)
	flips := 200
	if testing.Short() {
		flips = 40
	}
	named, opened := 0, 0
	r := rand.New(rand.NewPCG(1, 2))
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer file.Close()
	var running *store.DB
	for n := range flips {
		// Some find the database closed, the others find it at work with its pages in memory.
		if n%10 == 0 && running != nil {
			must(t, running.Close())
			running = nil
		}
		if n%10 == 5 {
			running, err = store.Open(ctx, o)
			must(t, err)
		}
		at := int64(r.IntN(len(whole)))
		_, err := file.WriteAt([]byte{whole[at] ^ 1<<r.IntN(8)}, at)
		must(t, err)
		var faults []store.Fault
		if running != nil {
			faults, err = running.IntegrityCheck(ctx)
		} else {
			faults, err = lookFor(o)
		}
		page := fmt.Sprintf("page %d ", at/4096+1)
		switch {
		case err != nil:
			opened++ // refused to open, or could not be read
		case len(faults) == 0:
			t.Errorf("a flip at byte %d (%s) of %d was not found", at, page, len(whole))
		case slices.ContainsFunc(faults, func(f store.Fault) bool { return strings.HasPrefix(f.At, page) }):
			named++
		default:
			t.Errorf("a flip in %s was found but not named: %+v", page, faults)
		}
		_, err = file.WriteAt(whole[at:at+1], at)
		must(t, err)
	}
	if running != nil {
		must(t, running.Close())
	}
	t.Logf("%d flips in %d pages: %d named by page, %d refused at opening", flips, len(whole)/4096, named, opened)
	if named == 0 {
		t.Error("no flip was named by its page")
	}
}

func lookFor(o store.Options) ([]store.Fault, error) {
	db, err := store.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return db.IntegrityCheck(ctx)
}

// A row that breaks a reference, behind the back of the database, is found.
func TestBrokenReferenceIsFound(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		var id string
		must(t, db.Write(ctx, func(tx *store.Tx) error { id = addItem(t, tx, addAccession(t, tx).ID, nil).Object.Object; return nil }))
		if engine == store.SQLite {
			run(t, db, `PRAGMA foreign_keys=off`)
			run(t, db, `DELETE FROM segment`)
			run(t, db, `DELETE FROM object`)
		} else {
			run(t, db, `ALTER TABLE segment DISABLE TRIGGER ALL`)
			run(t, db, `ALTER TABLE object DISABLE TRIGGER ALL`)
			run(t, db, `DELETE FROM segment`)
			run(t, db, `DELETE FROM object`)
			run(t, db, `ALTER TABLE segment ENABLE TRIGGER ALL`)
			run(t, db, `ALTER TABLE object ENABLE TRIGGER ALL`)
		}
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) != 1 || faults[0].Code != "reference" || !strings.HasPrefix(faults[0].At, "item") {
			t.Errorf("%s: %+v", id, faults)
		}
	})
}

func TestWrongRollupIsFoundAndRebuilt(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		_, err := storetest.Fill(ctx, db, 200, 3)
		must(t, err)
		for _, statement := range []string{
			`UPDATE item_rollup SET n = n + 1 WHERE day = (SELECT MIN(day) FROM item_rollup)`,
			`DELETE FROM item_rollup_day WHERE day = (SELECT MAX(day) FROM item_rollup_day)`,
			`UPDATE item_rollup_total SET bytes = bytes - 1`,
			`UPDATE item SET camera = 'moved' WHERE number = 1`,
			`UPDATE item SET sort_at = -1 WHERE number = 2`,
		} {
			run(t, db, statement)
			must(t, db.Read(ctx, func(tx *store.Tx) error {
				faults, err := tx.RollupFaults(ctx)
				if len(faults) == 0 {
					t.Errorf("not found: %s", statement)
				}
				return err
			}))
			must(t, db.Write(ctx, func(tx *store.Tx) error { return tx.RebuildRollup(ctx) }))
			must(t, db.Read(ctx, func(tx *store.Tx) error { noRollupFaults(t, tx); return nil }))
		}
	})
}

// Lists must walk an index in order: no sorting of more than the hits, no walk over the whole table.
func TestListsWalkAnIndex(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	f, err := storetest.Fill(ctx, db, 3000, 5)
	must(t, err)
	for name, c := range map[string]struct {
		q       store.Query
		indexes []string
	}{
		"everything": {store.Query{}, []string{"item_time"}},
		"accession":  {store.Query{Accessions: f.Accessions[:1]}, []string{"item_accession"}},
		"camera":     {store.Query{Cameras: f.Cameras[:2]}, []string{"item_camera", "item_camera"}},
		"kind":       {store.Query{Kinds: []archive.Kind{archive.KindDocument}}, []string{"item_kind"}},
		"state":      {store.Query{States: []archive.ItemState{archive.ItemExplained}, Kinds: []archive.Kind{archive.KindUnknown, archive.KindVideo}}, []string{"item_state"}},
		"difficulty": {store.Query{Difficulties: []int{3}}, []string{"item_difficulty"}},
		"dates":      {store.Query{From: f.From, To: f.To}, []string{"item_time"}},
	} {
		for _, order := range []store.Order{store.Newest, store.Oldest} {
			c.q.Order = order
			must(t, db.Read(ctx, func(tx *store.Tx) error {
				plan, err := tx.Explain(ctx, all, c.q, store.Cursor{At: noon, ID: "it_0"}, 200)
				must(t, err)
				text := strings.Join(plan, "\n")
				var used []string
				for _, m := range regexp.MustCompile(`item USING COVERING INDEX (\w+)`).FindAllStringSubmatch(text, -1) {
					used = append(used, m[1])
				}
				if !slices.Equal(used, c.indexes) || regexp.MustCompile(`(?m)SCAN item$`).MatchString(text) {
					t.Errorf("%s %s: walks %v, want %v:\n%s", name, order, used, c.indexes, text)
				}
				return nil
			}))
		}
	}
}

// Every exported method of a transaction is asked for in a test of this package, or by an activity whose tests run on both engines.
func TestEveryMethodIsTested(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	files, err := filepath.Glob("*_test.go")
	must(t, err)
	more, err := filepath.Glob("storetest/*.go")
	must(t, err)
	for _, f := range append(files, more...) {
		raw, err := os.ReadFile(f)
		must(t, err)
		source.Write(raw)
	}
	source.WriteString(askedOnBothEngines(t))
	for _, typ := range []reflect.Type{reflect.TypeFor[*store.Tx](), reflect.TypeFor[*store.DB]()} {
		for i := range typ.NumMethod() {
			name := typ.Method(i).Name
			if !strings.Contains(source.String(), "."+name+"(") {
				t.Errorf("%v.%s is in no test", typ, name)
			}
		}
	}
}

func TestFillIsRepeatable(t *testing.T) {
	t.Parallel()
	ids := func(engine string) []string {
		db := storetest.Open(t, engine)
		_, err := storetest.Fill(ctx, db, 300, 9)
		must(t, err)
		var out []string
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			for i, err := range tx.AllItems(ctx) {
				must(t, err)
				out = append(out, i.Reference()+i.ID+i.Camera+i.SortTime().String())
			}
			noRollupFaults(t, tx)
			return nil
		}))
		return out
	}
	if a, b := ids(store.SQLite), ids(store.PostgreSQL); len(a) != 300 || !slices.Equal(a, b) {
		t.Errorf("%d and %d items, equal: %v", len(a), len(b), slices.Equal(a, b))
	}
}
