// Package migrate holds the schema of the catalogue as numbered migrations, one folder per engine with equal numbers.
//
// It guarantees that migrations only go forward, each in a transaction of its own together with the note that it was
// applied; that the note holds the digest of the migration, so that an altered, missing or unknown one is found; and
// that a database made by a newer program is refused.
//
// It does not make backups; whoever migrates takes one first.
package migrate

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// The conditions that Check reports.
var (
	// ErrNone: no migration was ever applied.
	ErrNone = errors.New("no migrations applied")
	// ErrPending: the program has migrations that the database lacks.
	ErrPending = errors.New("migrations are pending")
	// ErrNewer: the database has migrations that the program lacks.
	ErrNewer = errors.New("database was made by a newer program")
	// ErrAltered: a migration was applied with other text.
	ErrAltered = errors.New("an applied migration was altered")
)

// Set is the migrations of one engine.
type Set struct {
	fsys    fs.FS
	digests map[int64]string
	latest  int64
}

// For gives the migrations of an engine ("sqlite" or "postgresql").
func For(engine string) (Set, error) {
	dir := "sqlite"
	if engine != "sqlite" {
		dir = "postgres"
	}
	sub, err := fs.Sub(files, dir)
	if err != nil {
		return Set{}, fmt.Errorf("read migrations: %w", err)
	}
	return NewSet(sub)
}

// NewSet gives the migrations of a folder of files named NNNN_verb_noun.sql.
func NewSet(fsys fs.FS) (Set, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return Set{}, fmt.Errorf("read migrations: %w", err)
	}
	s := Set{fsys: fsys, digests: map[int64]string{}}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return Set{}, fmt.Errorf("read migrations: %w", err)
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		v, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return Set{}, fmt.Errorf("migration %s has no number", name)
		}
		sum := sha256.Sum256(text)
		s.digests[v] = hex.EncodeToString(sum[:])
		s.latest = max(s.latest, v)
	}
	return s, nil
}

// Up applies what is missing, after making sure that what was applied is what this program knows.
func (s Set) Up(ctx context.Context, db *sql.DB) error {
	if err := s.Check(ctx, db); err != nil && !errors.Is(err, ErrNone) && !errors.Is(err, ErrPending) {
		return err
	}
	p, err := goose.NewProvider(goose.DialectCustom, db, s.fsys,
		goose.WithStore(notes{s}), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("apply migrations: %w", err)
	}
	return s.Check(ctx, db)
}

// Check says whether exactly the migrations of this program were applied, with the same text: ErrNone, ErrPending,
// ErrNewer, ErrAltered, or the error of the database.
func (s Set) Check(ctx context.Context, db *sql.DB) error {
	var n int64
	// Works on both engines and, unlike asking a catalogue of tables, needs no dialect.
	if err := db.QueryRowContext(ctx, `SELECT COUNT(*) FROM migration WHERE version > 0`).Scan(&n); err != nil {
		if missingTable(err) {
			return ErrNone
		}
		return fmt.Errorf("read applied migrations: %w", err)
	}
	rows, err := db.QueryContext(ctx, `SELECT version, sha256 FROM migration WHERE version > 0 ORDER BY version`)
	if err != nil {
		return fmt.Errorf("read applied migrations: %w", err)
	}
	defer rows.Close()
	seen := map[int64]bool{}
	for rows.Next() {
		var v int64
		var sum string
		if err := rows.Scan(&v, &sum); err != nil {
			return fmt.Errorf("read applied migrations: %w", err)
		}
		want, known := s.digests[v]
		switch {
		case !known && v > s.latest:
			return fmt.Errorf("%w: migration %d is not known here", ErrNewer, v)
		case !known:
			return fmt.Errorf("%w: migration %d is not known here", ErrAltered, v)
		case sum != want:
			return fmt.Errorf("%w: migration %d", ErrAltered, v)
		}
		seen[v] = true
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read applied migrations: %w", err)
	}
	switch {
	case len(seen) == 0:
		return ErrNone
	case len(seen) < len(s.digests):
		return fmt.Errorf("%w: %d of %d applied", ErrPending, len(seen), len(s.digests))
	}
	return nil
}

// missingTable knows the words of both engines; there is no common code.
func missingTable(err error) bool {
	t := err.Error()
	return strings.Contains(t, "no such table: migration") || strings.Contains(t, "42P01")
}

// notes is where goose notes what it applied: a table of ours that holds the digest too, written in the transaction
// of the migration.
type notes struct{ set Set }

func (notes) Tablename() string { return "migration" }

func (notes) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE migration (version BIGINT NOT NULL PRIMARY KEY, sha256 TEXT NOT NULL, applied_at BIGINT NOT NULL)`)
	return err
}

func (n notes) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	_, err := db.ExecContext(ctx, `INSERT INTO migration (version, sha256, applied_at) VALUES ($1, $2, $3)`,
		r.Version, n.set.digests[r.Version], time.Now().UnixMicro())
	return err
}

func (notes) Delete(context.Context, database.DBTxConn, int64) error {
	return errors.New("migrations only go forward")
}

func (notes) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	var at int64
	err := db.QueryRowContext(ctx, `SELECT applied_at FROM migration WHERE version = $1`, version).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, database.ErrVersionNotFound
	}
	if err != nil {
		return nil, err
	}
	return &database.GetMigrationResult{Timestamp: time.UnixMicro(at), IsApplied: true}, nil
}

func (notes) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	var v sql.NullInt64
	if err := db.QueryRowContext(ctx, `SELECT MAX(version) FROM migration`).Scan(&v); err != nil {
		return 0, err
	}
	if !v.Valid {
		return 0, database.ErrVersionNotFound
	}
	return v.Int64, nil
}

func (notes) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	rows, err := db.QueryContext(ctx, `SELECT version FROM migration ORDER BY version DESC`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*database.ListMigrationsResult
	for rows.Next() {
		r := database.ListMigrationsResult{IsApplied: true}
		if err := rows.Scan(&r.Version); err != nil {
			return nil, err
		}
		out = append(out, &r)
	}
	return out, rows.Err()
}
