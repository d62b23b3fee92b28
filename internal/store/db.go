package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"zapis/internal/archive"
	"zapis/internal/store/migrate"
)

// The conditions that opening and writing report. Compare with errors.Is. Beside them: archive.ErrNotFound, ErrExists,
// ErrConflict, ErrInvalid, ErrIntegrity (a damaged page), ErrBusy, and syscall.ENOSPC when the disk is full.
var (
	// ErrNotInitialised: there is no database at that place, or an empty one.
	ErrNotInitialised = errors.New("database is not initialised")
	// ErrForeign: the database belongs to another program.
	ErrForeign = errors.New("database belongs to something else")
	// ErrMigration: the schema is older or newer than the program, or a migration was altered.
	ErrMigration = errors.New("database schema does not fit this program")
	// ErrKey: the SQLite file does not open with this key, or its first page is damaged.
	ErrKey = errors.New("database does not open with this key")
	// ErrReadOnly: Write on a database opened for reading.
	ErrReadOnly = errors.New("database was opened for reading")
	// ErrInsertOnly: the database refused to change or remove a row of the custody record.
	ErrInsertOnly = errors.New("custody record is insert-only")
	// ErrUnknownOutcome: an error came back while committing, and the transaction may be there or not.
	// Ask for what was written, by its identifiers, before writing again.
	ErrUnknownOutcome = errors.New("outcome of the commit is not known")
)

// Engines.
const (
	SQLite     = "sqlite"
	PostgreSQL = "postgresql"
)

// Options says where the database is.
type Options struct {
	URL      string       // sqlite:///absolute/path or postgres://…
	Key      []byte       // 32 bytes; SQLite only
	ReadOnly bool         // Write is refused
	Logger   *slog.Logger // nil: silent
	Now      func() time.Time

	// Fault, for tests, is asked at "commit" before a transaction is committed and at "committed" after it. An error
	// from the first loses the transaction, from the second it comes back although the transaction is there; Write
	// reports ErrUnknownOutcome for both.
	Fault func(point string) error
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	eng     engine
	o       Options
	vault   string
	sqlite  *sqliteEngine   // nil on PostgreSQL
	postgre *postgresEngine // nil on SQLite
	terms   termCache
}

// Tx is a transaction, given to the function passed to [DB.Write] or [DB.Read]; it is not safe for concurrent use and
// must not be kept. Once a statement has failed in it every other one fails with the same error and it cannot be
// committed; archive.ErrNotFound and ErrConflict do not count as such unless their text says so.
type Tx struct {
	db     *DB
	s      session
	broken error
	counts map[cell]totals // changes of the roll-up, written before the commit or before it is read
	terms  map[string]bool // words that this transaction added to those that are searched
}

// connectTo opens the engine of an address.
func connectTo(ctx context.Context, o Options, create bool) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	db := &DB{o: o}
	if strings.HasPrefix(o.URL, "postgres://") || strings.HasPrefix(o.URL, "postgresql://") {
		e, err := openPostgres(ctx, o)
		if err != nil {
			return nil, err
		}
		db.eng, db.postgre = e, e
		return db, nil
	}
	e, err := openSQLite(o, create)
	if err != nil {
		return nil, err
	}
	db.eng, db.sqlite = e, e
	return db, nil
}

// plain is a database/sql view for migrations.
func (db *DB) plain() (pool *sql.DB, done func()) {
	if db.sqlite != nil {
		return db.sqlite.w, func() {}
	}
	p := stdlib.OpenDBFromPool(db.postgre.pool)
	return p, func() { _ = p.Close() }
}

// Open opens an existing database whose schema is exactly the one of this program: ErrNotInitialised, ErrForeign,
// ErrMigration, ErrKey.
func Open(ctx context.Context, o Options) (*DB, error) {
	db, err := connectTo(ctx, o, false)
	if err != nil {
		return nil, err
	}
	if err := db.open(ctx); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("open database: %w", err)
	}
	return db, nil
}

func (db *DB) open(ctx context.Context) error {
	if err := db.identify(ctx); err != nil {
		return err
	}
	set, err := migrate.For(db.Engine())
	if err != nil {
		return err
	}
	pool, done := db.plain()
	defer done()
	if err := set.Check(ctx, pool); err != nil {
		return db.migration(err)
	}
	if err := db.checkQueue(ctx); err != nil {
		return db.migration(err)
	}
	return nil
}

func (db *DB) migration(err error) error {
	for _, kind := range []error{migrate.ErrNone, migrate.ErrPending, migrate.ErrNewer, migrate.ErrAltered} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", ErrMigration, err)
		}
	}
	return db.eng.translate(err)
}

// identify reads whose database it is.
func (db *DB) identify(ctx context.Context) error {
	pool, done := db.plain()
	defer done()
	err := pool.QueryRowContext(ctx, `SELECT vault_id FROM catalogue WHERE application = 'zapis'`).Scan(&db.vault)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotInitialised // begun by Create, never finished
	case strings.Contains(err.Error(), "no such table"), strings.Contains(err.Error(), "42P01"):
		n, cerr := db.tables(ctx, pool)
		switch {
		case cerr != nil:
			return db.keyed(cerr)
		case n == 0:
			return ErrNotInitialised
		}
		return ErrForeign
	}
	return db.keyed(err)
}

// keyed tells a wrong key (or a damaged first page, which looks the same) from other damage.
func (db *DB) keyed(err error) error {
	err = db.eng.translate(err)
	if db.sqlite != nil && errors.Is(err, archive.ErrIntegrity) {
		return fmt.Errorf("%w: %w", ErrKey, archive.ErrIntegrity)
	}
	return err
}

// tables counts the tables that are neither the engine's own nor our note of migrations.
func (db *DB) tables(ctx context.Context, pool *sql.DB) (n int64, err error) {
	text := `SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'migration'`
	if db.sqlite == nil {
		text = `SELECT COUNT(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename <> 'migration'`
	}
	err = pool.QueryRowContext(ctx, text).Scan(&n)
	return n, err
}

// Create makes the schema in an empty place and notes whose vault it serves; archive.ErrExists if there is a database
// already, ErrForeign if there is something else. What an earlier Create left unfinished is finished.
func Create(ctx context.Context, o Options, vaultID string) (*DB, error) {
	if err := archive.CheckID(archive.PrefixVault, vaultID); err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	if path, err := sqlitePath(o.URL); err == nil {
		if err := lookAt(path); err != nil && !errors.Is(err, ErrNotInitialised) {
			return nil, fmt.Errorf("create database: %w", err)
		}
	}
	db, err := connectTo(ctx, o, true)
	if err != nil {
		return nil, err
	}
	if err := db.create(ctx, vaultID); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("create database: %w", err)
	}
	return db, nil
}

func (db *DB) create(ctx context.Context, vaultID string) error {
	switch err := db.identify(ctx); {
	case err == nil:
		return fmt.Errorf("%w: there is a database", archive.ErrExists)
	case errors.Is(err, ErrKey):
		return fmt.Errorf("%w: there is a database under another key", archive.ErrExists)
	case !errors.Is(err, ErrNotInitialised):
		return err
	}
	if err := db.migrate(ctx); err != nil {
		return err
	}
	err := db.Write(ctx, func(tx *Tx) error {
		_, err := tx.exec(ctx, `INSERT INTO catalogue (id, application, vault_id, created_at) VALUES (1, 'zapis', $1, $2)`,
			vaultID, db.o.Now().UnixMicro())
		return err
	})
	if err != nil {
		return err
	}
	db.vault = vaultID
	return nil
}

// Migrate brings an existing database to the schema of this program. Make a copy first.
func Migrate(ctx context.Context, o Options) error {
	db, err := connectTo(ctx, o, false)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.identify(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	if err := db.migrate(ctx); err != nil {
		return fmt.Errorf("migrate database: %w", err)
	}
	return db.Close()
}

func (db *DB) migrate(ctx context.Context) error {
	set, err := migrate.For(db.Engine())
	if err != nil {
		return err
	}
	pool, done := db.plain()
	defer done()
	if err := set.Up(ctx, pool); err != nil {
		return db.migration(err)
	}
	if db.sqlite != nil {
		m, err := rivermigrate.New(riversqlite.New(db.sqlite.w), &rivermigrate.Config{Logger: db.o.Logger})
		if err != nil {
			return fmt.Errorf("read queue migrations: %w", err)
		}
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return db.eng.translate(err)
	}
	m, err := rivermigrate.New(riverpgxv5.New(db.postgre.pool), &rivermigrate.Config{Logger: db.o.Logger})
	if err != nil {
		return fmt.Errorf("read queue migrations: %w", err)
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return db.eng.translate(err)
}

// checkQueue makes sure that exactly the queue migrations of this program were applied.
func (db *DB) checkQueue(ctx context.Context) error {
	var want, have int
	count := func(all []rivermigrate.Migration, existing []rivermigrate.Migration, err error) error {
		want, have = len(all), len(existing)
		return err
	}
	var err error
	if db.sqlite != nil {
		m, merr := rivermigrate.New(riversqlite.New(db.sqlite.w), &rivermigrate.Config{Logger: db.o.Logger})
		if merr != nil {
			return fmt.Errorf("read queue migrations: %w", merr)
		}
		existing, eerr := m.ExistingVersions(ctx)
		err = count(m.AllVersions(), existing, eerr)
	} else {
		m, merr := rivermigrate.New(riverpgxv5.New(db.postgre.pool), &rivermigrate.Config{Logger: db.o.Logger})
		if merr != nil {
			return fmt.Errorf("read queue migrations: %w", merr)
		}
		existing, eerr := m.ExistingVersions(ctx)
		err = count(m.AllVersions(), existing, eerr)
	}
	switch {
	case err != nil && strings.Contains(err.Error(), "not found in migrator bundle"):
		return fmt.Errorf("%w: queue", migrate.ErrNewer)
	case err != nil:
		return fmt.Errorf("read queue migrations: %w", err)
	case have < want:
		return fmt.Errorf("%w: queue", migrate.ErrPending)
	}
	return nil
}

// Close closes the database; a second time does nothing.
func (db *DB) Close() error {
	if db.sqlite != nil {
		return db.sqlite.close()
	}
	return db.postgre.close()
}

// VaultID is the identifier of the vault this database belongs to. Whoever opens both compares.
func (db *DB) VaultID() string { return db.vault }

// Engine is SQLite or PostgreSQL.
func (db *DB) Engine() string { return db.eng.name() }

// SQL is the writing pool of SQLite (one connection), nil on PostgreSQL. For the job queue only, and never inside Write:
// there the one connection is taken.
func (db *DB) SQL() *sql.DB {
	if db.sqlite == nil {
		return nil
	}
	return db.sqlite.w
}

// Pool is the pool of PostgreSQL, nil on SQLite. For the job queue only.
func (db *DB) Pool() *pgxpool.Pool {
	if db.postgre == nil {
		return nil
	}
	return db.postgre.pool
}

// Write runs f in one transaction and commits it. If the transaction collides with another one before the commit it is
// rolled back and f runs again, so f must not do anything else that lasts. After the commit was sent nothing is tried
// again: ErrUnknownOutcome. If f returns an error nothing was written. There is one writer at a time on SQLite, and f
// must not call Write or the job queue itself.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error {
	if db.o.ReadOnly {
		return ErrReadOnly
	}
	const tries = 8
	for try := 1; ; try++ {
		err := db.write(ctx, f)
		if err == nil || !errors.Is(err, errAgain) || errors.Is(err, ErrUnknownOutcome) {
			return err
		}
		if try == tries {
			return fmt.Errorf("%w: %w", archive.ErrBusy, err)
		}
		wait := time.Duration(1<<try)*5*time.Millisecond + rand.N(10*time.Millisecond)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

func (db *DB) write(ctx context.Context, f func(*Tx) error) error {
	s, err := db.eng.begin(ctx, true)
	if err != nil {
		return db.eng.translate(err)
	}
	tx := &Tx{db: db, s: s}
	open := true
	defer func() {
		if open { // f panicked or was left
			s.rollback()
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	// Refuses a transaction in which a statement failed, even if f looked away.
	if err := tx.flush(ctx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if db.o.Fault != nil {
		if err := db.o.Fault("commit"); err != nil {
			return &dbError{ErrUnknownOutcome, "fault", err}
		}
	}
	open = false
	if err := s.commit(ctx); err != nil {
		return db.eng.translate(err)
	}
	if db.o.Fault != nil {
		if err := db.o.Fault("committed"); err != nil {
			return &dbError{ErrUnknownOutcome, "fault", err}
		}
	}
	return nil
}

// Read runs f on one snapshot: what others commit meanwhile is not seen.
func (db *DB) Read(ctx context.Context, f func(*Tx) error) error {
	s, err := db.eng.begin(ctx, false)
	if err != nil {
		return db.eng.translate(err)
	}
	defer s.rollback()
	return f(&Tx{db: db, s: s})
}

// Native is the driver's transaction: *sql.Tx on SQLite, pgx.Tx on PostgreSQL. For the job queue only.
func (tx *Tx) Native() any { return tx.s.native() }

// Now is the clock of the database options.
func (tx *Tx) Now() time.Time { return tx.db.o.Now().UTC() }

// Analyze lets the engine count how its values are spread, on which it chooses indexes. Worth it after much was added.
func (db *DB) Analyze(ctx context.Context) error {
	pool, done := db.plain()
	defer done()
	if _, err := pool.ExecContext(ctx, `ANALYZE`); err != nil {
		return fmt.Errorf("analyze database: %w", db.eng.translate(err))
	}
	return nil
}
