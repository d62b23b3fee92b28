package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestCreateAndOpen(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		_, err := store.Open(ctx, o)
		is(t, "open nothing", err, store.ErrNotInitialised)
		is(t, "migrate nothing", store.Migrate(ctx, o), store.ErrNotInitialised)
		_, err = store.Create(ctx, o, "not an identifier")
		is(t, "create for no vault", err, archive.ErrInvalid)
		db, err := store.Create(ctx, o, storetest.VaultID)
		must(t, err)
		if db.VaultID() != storetest.VaultID || db.Engine() != engine || (db.SQL() == nil) == (db.Pool() == nil) {
			t.Errorf("%q %q", db.VaultID(), db.Engine())
		}
		var id string
		must(t, db.Write(ctx, func(tx *store.Tx) error { id = addAccession(t, tx).ID; return nil }))
		must(t, db.Close())
		_, err = store.Create(ctx, o, storetest.VaultID)
		is(t, "create twice", err, archive.ErrExists)
		must(t, store.Migrate(ctx, o))

		o.ReadOnly = true
		db, err = store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		if db.VaultID() != storetest.VaultID {
			t.Errorf("vault %q", db.VaultID())
		}
		is(t, "write read-only", db.Write(ctx, func(*store.Tx) error { return nil }), store.ErrReadOnly)
		must(t, db.Read(ctx, func(tx *store.Tx) error { _, err := tx.Accession(ctx, id); return err }))
	})
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		for name, c := range map[string]struct {
			statement string
			want      error
		}{
			"altered":       {`UPDATE migration SET sha256 = 'other' WHERE version = 1`, store.ErrMigration},
			"newer":         {`INSERT INTO migration (version, sha256, applied_at) VALUES (9999, 'x', 1)`, store.ErrMigration},
			"pending":       {`DELETE FROM migration WHERE version > 0`, store.ErrMigration},
			"older queue":   {`DELETE FROM river_migration WHERE version = (SELECT MAX(version) FROM river_migration)`, store.ErrMigration},
			"newer queue":   {`INSERT INTO river_migration (line, version, created_at) VALUES ('main', 999, CURRENT_TIMESTAMP)`, store.ErrMigration},
			"unfinished":    {`DELETE FROM catalogue`, store.ErrNotInitialised},
			"other program": {`ALTER TABLE catalogue RENAME TO something`, store.ErrForeign},
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				db, o := storetest.OpenWith(t, engine, nil)
				run(t, db, c.statement)
				must(t, db.Close())
				_, err := store.Open(ctx, o)
				is(t, "open", err, c.want)
			})
		}
	})
}

// run executes a statement behind the back of the package.
func run(t testing.TB, db *store.DB, statement string) {
	t.Helper()
	must(t, try(db, statement))
}

func try(db *store.DB, statement string) error {
	var err error
	if db.SQL() != nil {
		_, err = db.SQL().Exec(statement)
	} else {
		_, err = db.Pool().Exec(ctx, statement)
	}
	return err
}

func TestSQLiteRefusesWhatIsNotItsFile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		prepare func(t *testing.T, path string, o *store.Options)
		want    error
	}{
		"empty file": {func(t *testing.T, path string, _ *store.Options) { must(t, os.WriteFile(path, nil, 0o600)) }, store.ErrNotInitialised},
		"few bytes":  {func(t *testing.T, path string, _ *store.Options) { must(t, os.WriteFile(path, []byte("x"), 0o600)) }, archive.ErrIntegrity},
		"noise": {func(t *testing.T, path string, _ *store.Options) {
			must(t, os.WriteFile(path, bytes.Repeat([]byte{7}, 8192), 0o600))
		}, store.ErrKey},
		"not encrypted": {func(t *testing.T, path string, _ *store.Options) { plainDatabase(t, path) }, store.ErrForeign},
		"link": {func(t *testing.T, path string, _ *store.Options) {
			must(t, os.WriteFile(path+".real", bytes.Repeat([]byte{7}, 8192), 0o600))
			must(t, os.Symlink(path+".real", path))
		}, os.ErrInvalid},
		"short key": {func(_ *testing.T, _ string, o *store.Options) { o.Key = o.Key[:31] }, archive.ErrInvalid},
		"address":   {func(_ *testing.T, _ string, o *store.Options) { o.URL = "mysql://x" }, archive.ErrInvalid},
		"relative":  {func(_ *testing.T, _ string, o *store.Options) { o.URL = "sqlite://x.db" }, archive.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := storetest.SQLite(t)
			path := strings.TrimPrefix(o.URL, "sqlite://")
			c.prepare(t, path, &o)
			_, err := store.Open(ctx, o)
			if err == nil || (c.want != os.ErrInvalid && !errors.Is(err, c.want)) {
				t.Errorf("open: %v, want %v", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), filepath.Dir(path)) {
				t.Errorf("a path is in the error: %v", err)
			}
			if _, err := store.Create(ctx, o, storetest.VaultID); err == nil && c.want != store.ErrNotInitialised {
				t.Error("created over it")
			}
		})
	}
}

func plainDatabase(t *testing.T, path string) {
	t.Helper()
	p, err := driver.Open("file:" + path)
	must(t, err)
	_, err = p.Exec(`CREATE TABLE other (x)`)
	must(t, err)
	must(t, p.Close())
}

func TestSQLiteFileIsSealed(t *testing.T) {
	t.Parallel()
	db, o := storetest.OpenWith(t, store.SQLite, nil)
	const secret = "a title that must not be on the disk"
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		_, err := tx.AddAccession(ctx, archive.Accession{ID: newID(archive.PrefixAccession), Title: secret, CreatedAt: noon})
		return err
	}))
	path := strings.TrimPrefix(o.URL, "sqlite://")
	look := func(when string) {
		files, err := filepath.Glob(path + "*")
		must(t, err)
		for _, f := range files {
			raw, err := os.ReadFile(f)
			must(t, err)
			for _, s := range []string{secret, "custody_leaf", "SQLite format", hex.EncodeToString(o.Key)} {
				if bytes.Contains(raw, []byte(s)) {
					t.Errorf("%s: %q is in the clear in %s", when, s, filepath.Ext(f))
				}
			}
			info, err := os.Stat(f)
			must(t, err)
			if info.Mode().Perm() != 0o600 && !strings.HasSuffix(f, "-shm") { // page numbers only
				t.Errorf("%s: mode of %s is %v", when, filepath.Base(f), info.Mode())
			}
		}
		if len(files) == 0 {
			t.Error("nothing looked at")
		}
	}
	look("open")
	must(t, db.Close())
	look("closed")
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("closing left a write-ahead file: %v", err)
	}
	o.Key = slices.Clone(o.Key)
	o.Key[31] ^= 1
	_, err := store.Open(ctx, o)
	is(t, "wrong key", err, store.ErrKey)
	if err != nil && strings.Contains(err.Error(), hex.EncodeToString(o.Key)[:16]) {
		t.Error("the key is in the error")
	}
	_, err = store.Create(ctx, o, storetest.VaultID)
	is(t, "create over it with another key", err, archive.ErrExists)
}

func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	for pragma, want := range map[string]string{
		"journal_mode": "wal", "synchronous": "2", "temp_store": "2", "foreign_keys": "1", "recursive_triggers": "1",
		"checksum_verification": "1", "trusted_schema": "0",
	} {
		var got string
		must(t, db.SQL().QueryRow(`PRAGMA `+pragma).Scan(&got))
		if got != want {
			t.Errorf("%s is %s, want %s", pragma, got, want)
		}
		// A connection that reads is another one; its settings are seen through a transaction.
	}
	must(t, db.Read(ctx, func(tx *store.Tx) error {
		var got string
		native := tx.Native().(*sql.Tx)
		must(t, native.QueryRow(`PRAGMA checksum_verification`).Scan(&got))
		if got != "1" {
			t.Error("a reading connection does not verify page checksums")
		}
		if _, err := native.Exec(`DELETE FROM setting`); !errors.Is(err, sqlite3.READONLY) {
			t.Errorf("a reading connection wrote: %v", err)
		}
		return nil
	}))
}

// A connection that finds the first page in the write-ahead file only must check and write page checksums all the same.
func TestSQLiteChecksumsWithFirstPageInWriteAheadFile(t *testing.T) {
	t.Parallel()
	db, o := storetest.OpenWith(t, store.SQLite, nil)
	_, err := db.SQL().Exec(`PRAGMA wal_autocheckpoint=0`)
	must(t, err)
	_, err = db.SQL().Exec(`CREATE TABLE changes_the_first_page (x)`)
	must(t, err)
	must(t, db.Write(ctx, func(tx *store.Tx) error { addAccession(t, tx); return nil }))
	second, err := store.Open(ctx, o)
	must(t, err)
	var on string
	must(t, second.SQL().QueryRow(`PRAGMA checksum_verification`).Scan(&on))
	if on != "1" {
		t.Error("page checksums are off on the second connection")
	}
	must(t, second.Write(ctx, func(tx *store.Tx) error { return tx.SetSetting(ctx, "x", strings.Repeat("y", 9000)) }))
	_, err = second.SQL().Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
	must(t, err)
	must(t, second.Close())
	faults, err := db.IntegrityCheck(ctx)
	must(t, err)
	if len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
}

func TestPostgresTransactionsAreTrueOnes(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.PostgreSQL)
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		native, ok := tx.Native().(pgx.Tx)
		if !ok {
			t.Fatalf("%T", tx.Native())
		}
		var commit string
		must(t, native.QueryRow(ctx, `SHOW synchronous_commit`).Scan(&commit))
		if commit != "on" {
			t.Errorf("synchronous_commit is %s", commit)
		}
		return nil
	}))
	c, err := pgxpool.ParseConfig("postgres://someone:secret@127.0.0.1:1/none?connect_timeout=1")
	must(t, err)
	_ = c
	_, err = store.Open(ctx, store.Options{URL: "postgres://someone:secret@127.0.0.1:1/none?connect_timeout=1"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("unreachable server: %v", err)
	}
	_, err = store.Open(ctx, store.Options{URL: "postgres://someone:secret@127.0.0.1:port"})
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("malformed address: %v", err)
	}
}

func TestWriteIsAllOrNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var a archive.Accession
		is(t, "given up", db.Write(ctx, func(tx *store.Tx) error {
			a = addAccession(t, tx)
			addItem(t, tx, a.ID, nil)
			return errLeave
		}), errLeave)
		func() {
			defer func() { _ = recover() }()
			_ = db.Write(ctx, func(tx *store.Tx) error { a = addAccession(t, tx); panic("in the middle") })
		}()
		stopped, cancel := context.WithCancel(ctx)
		is(t, "cancelled", db.Write(stopped, func(tx *store.Tx) error {
			a = addAccession(t, tx)
			cancel()
			return nil
		}), context.Canceled)
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			list, err := tx.Accessions(ctx, all)
			if len(list) != 0 {
				t.Errorf("%d accessions of transactions that were given up", len(list))
			}
			noRollupFaults(t, tx)
			return err
		}))
	})
}

// After a statement that failed nothing of the transaction stays, even if the caller looks away; the same on both engines.
func TestFailedStatementEndsTheTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		err := db.Write(ctx, func(tx *store.Tx) error {
			must(t, tx.SetSetting(ctx, "before", "1"))
			if err := tx.AppendLeaves(ctx, 0, digest("a"), digest("b")[:5]); err == nil {
				t.Error("a commitment of five bytes went in")
			}
			is(t, "statement after", tx.SetSetting(ctx, "after", "1"), archive.ErrInvalid)
			return nil
		})
		is(t, "commit after a failed statement", err, archive.ErrInvalid)
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			_, there, err := tx.Setting(ctx, "before")
			if there {
				t.Error("part of a failed transaction was committed")
			}
			return err
		}))
	})
}

func TestReadIsASnapshot(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			before, err := tx.Accessions(ctx, all)
			must(t, err)
			must(t, db.Write(ctx, func(tx *store.Tx) error { addAccession(t, tx); return nil }))
			after, err := tx.Accessions(ctx, all)
			must(t, err)
			if len(before) != 0 || len(after) != 0 {
				t.Errorf("%d, then %d accessions in one snapshot", len(before), len(after))
			}
			return nil
		}))
	})
}

// Lost, or persisted although an error came back: Write says in both cases that it does not know, and runs nothing twice.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		for point, there := range map[string]bool{"commit": false, "committed": true} {
			fault := false
			db, _ := storetest.OpenWith(t, engine, func(o *store.Options) {
				o.Fault = func(p string) error {
					if fault && p == point {
						return errors.New("the cable was pulled")
					}
					return nil
				}
			})
			fault = true
			runs := 0
			id := newID(archive.PrefixAccession)
			err := db.Write(ctx, func(tx *store.Tx) error {
				runs++
				_, err := tx.AddAccession(ctx, archive.Accession{ID: id, Title: "x", CreatedAt: noon})
				return err
			})
			fault = false
			is(t, point, err, store.ErrUnknownOutcome)
			if runs != 1 {
				t.Errorf("%s: ran %d times", point, runs)
			}
			err = db.Read(ctx, func(tx *store.Tx) error { _, err := tx.Accession(ctx, id); return err })
			if there != (err == nil) {
				t.Errorf("%s: asked afterwards: %v", point, err)
			}
		}
	})
}

// Colliding writers run again and all of them get through, each exactly once.
func TestWritersQueue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var a archive.Accession
		must(t, db.Write(ctx, func(tx *store.Tx) error { a = addAccession(t, tx); return nil }))
		const writers, rounds = 4, 8
		done := make(chan error, writers)
		for range writers {
			go func() {
				for range rounds {
					err := db.Write(ctx, func(tx *store.Tx) error {
						addItem(t, tx, a.ID, nil)
						if err := tx.AddTally(ctx, a.ID, archive.Tally{Found: 1}); err != nil {
							return err
						}
						size, err := tx.Head(ctx, true)
						if err != nil {
							return err
						}
						if err := tx.AppendLeaves(ctx, size, digest("leaf")); err != nil {
							return err
						}
						return tx.SetHead(ctx, size+1)
					})
					if err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for range writers {
			must(t, <-done)
		}
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			size, err := tx.Head(ctx, false)
			must(t, err)
			got, err := tx.Accession(ctx, a.ID)
			must(t, err)
			total, err := tx.Count(ctx, all, store.Query{})
			must(t, err)
			if size != writers*rounds || got.Tally.Found != writers*rounds || total.Count != writers*rounds {
				t.Errorf("head %d, found %d, items %d; want %d", size, got.Tally.Found, total.Count, writers*rounds)
			}
			noRollupFaults(t, tx)
			return nil
		}))
	})
}

func TestClockIsInjected(t *testing.T) {
	t.Parallel()
	db, _ := storetest.OpenWith(t, store.SQLite, func(o *store.Options) { o.Now = func() time.Time { return noon } })
	inTx(t, db, func(tx *store.Tx) {
		if !tx.Now().Equal(noon) {
			t.Error(tx.Now())
		}
	})
}
