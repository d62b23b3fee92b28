package store

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"testing/fstest"

	"github.com/ncruces/go-sqlite3/driver"

	"zapis/internal/store/migrate"
)

// CreateAt makes a database as a program of long ago did, with only the migrations up to a number; Migrate brings it to
// today. statements fill it in between.
func CreateAt(ctx context.Context, o Options, vaultID, latest string, statements ...string) error {
	db, err := connectTo(ctx, o, true)
	if err != nil {
		return err
	}
	defer db.Close()
	dir := os.DirFS("migrate/sqlite")
	if db.sqlite == nil {
		dir = os.DirFS("migrate/postgres")
	}
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return err
	}
	old := fstest.MapFS{}
	for _, name := range names {
		if name[:4] > latest {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return err
		}
		old[name] = &fstest.MapFile{Data: text, Mode: 0o444}
	}
	set, err := migrate.NewSet(old)
	if err != nil {
		return err
	}
	pool, done := db.plain()
	defer done()
	if err := set.Up(ctx, pool); err != nil {
		return err
	}
	if _, err := pool.ExecContext(ctx, `INSERT INTO catalogue (id, application, vault_id, created_at) VALUES (1, 'zapis', $1, 1)`, vaultID); err != nil {
		return err
	}
	for _, s := range statements {
		if _, err := pool.ExecContext(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return db.Close()
}

// Plain gives the pages of an SQLite database as they are after decryption, freed ones too.
func (db *DB) Plain(ctx context.Context) (pages []byte, err error) {
	c, err := db.sqlite.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	err = c.Raw(func(raw any) error {
		file, err := mainFile(raw.(driver.Conn).Raw())
		if err != nil {
			return err
		}
		size, err := file.Size()
		if err != nil {
			return err
		}
		pages = make([]byte, size)
		for at := int64(0); at < size; at += pageSize {
			if _, err := file.ReadAt(pages[at:at+pageSize], at); err != nil {
				return err
			}
		}
		return nil
	})
	return pages, err
}

// CountTerms counts the words that the tables say are in documents.
func CountTerms(ctx context.Context, db *DB) (n int, err error) {
	pool, done := db.plain()
	defer done()
	err = pool.QueryRowContext(ctx, `SELECT COUNT(*) + (SELECT COUNT(*) FROM search_fold) FROM search_term`).Scan(&n)
	return n, err
}

// IndexHolds says whether the bytes of the index of words hold a word.
func IndexHolds(ctx context.Context, db *DB, word string) (found bool, err error) {
	pool, done := db.plain()
	defer done()
	text := `SELECT EXISTS (SELECT 1 FROM search_index_data WHERE instr(block, CAST($1 AS BLOB)) > 0)`
	if db.sqlite == nil {
		text = `SELECT EXISTS (SELECT 1 FROM search_index WHERE tokens::text LIKE '%' || $1 || '%')`
	}
	err = pool.QueryRowContext(ctx, text, word).Scan(&found)
	return found, err
}

// SettingOf tells a setting of PostgreSQL within a transaction.
func SettingOf(ctx context.Context, tx *Tx, name string) (string, error) {
	return one(ctx, tx, value[string], `SELECT current_setting($1)`, name)
}
