package store

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// The conditions that opening and writing report. Compare with errors.Is.
var (
	// ErrNotInitialised: there is no database at that place, or an empty one.
	ErrNotInitialised = errors.New("database is not initialised")
	// ErrForeign: the database belongs to another program or another vault.
	ErrForeign = errors.New("database belongs to something else")
	// ErrMigration: the schema is older or newer than the program, or a migration was altered.
	ErrMigration = errors.New("database schema does not fit this program")
	// ErrKey: the SQLite file does not open with this key, or its first page is damaged.
	ErrKey = errors.New("database does not open with this key")
	// ErrUnknownOutcome: the connection was lost while committing, so that the transaction may be there or not.
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
	URL      string           // sqlite:///absolute/path or postgres://…
	Key      []byte           // 32 bytes; SQLite only
	ReadOnly bool             // Write is refused
	Logger   *slog.Logger     // nil: silent
	Now      func() time.Time // nil: time.Now
}

// DB is an open database. It is safe for concurrent use.
type DB struct{}

// Tx is a transaction, given to the function passed to [DB.Write] or [DB.Read]; it is not safe for concurrent use and
// must not be kept.
type Tx struct{}

var errLater = errors.New("store: being built")

// Open opens an existing database whose schema is exactly the one of this program: ErrNotInitialised, ErrForeign,
// ErrMigration, ErrKey.
func Open(ctx context.Context, o Options) (*DB, error) { return nil, errLater }

// Create makes the schema in an empty place and notes whose vault it serves; archive.ErrExists if there is one.
func Create(ctx context.Context, o Options, vaultID string) (*DB, error) { return nil, errLater }

// Migrate brings an existing database to the schema of this program.
func Migrate(ctx context.Context, o Options) error { return errLater }

// Close closes the database.
func (db *DB) Close() error { return nil }

// VaultID is the identifier of the vault this database belongs to.
func (db *DB) VaultID() string { return "" }

// Engine is SQLite or PostgreSQL.
func (db *DB) Engine() string { return SQLite }

// SQL is the writing pool of SQLite (one connection), nil on PostgreSQL. For the job queue only.
func (db *DB) SQL() *sql.DB { return nil }

// Pool is the pool of PostgreSQL, nil on SQLite. For the job queue only.
func (db *DB) Pool() *pgxpool.Pool { return nil }

// Write runs f in one transaction and commits it.
func (db *DB) Write(ctx context.Context, f func(*Tx) error) error { return errLater }

// Read runs f on one snapshot.
func (db *DB) Read(ctx context.Context, f func(*Tx) error) error { return errLater }

// Native is the driver's transaction: *sql.Tx on SQLite, pgx.Tx on PostgreSQL. For the job queue only.
func (tx *Tx) Native() any { return nil }
