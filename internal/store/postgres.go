package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"zapis/internal/archive"
)

// postgresEngine is a PostgreSQL database.
type postgresEngine struct{ pool *pgxpool.Pool }

func openPostgres(ctx context.Context, o Options) (*postgresEngine, error) {
	c, err := pgxpool.ParseConfig(o.URL)
	if err != nil {
		return nil, fmt.Errorf("%w: the database address is not well formed", archive.ErrInvalid) // the cause may quote a password
	}
	// Acknowledged means written, whatever the server is set to.
	c.ConnConfig.RuntimeParams["synchronous_commit"] = "on"
	c.ConnConfig.RuntimeParams["application_name"] = "zapis"
	c.ConnConfig.RuntimeParams["timezone"] = "UTC"
	if !strings.Contains(o.URL, "pool_max_conns") {
		c.MaxConns = 12
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		var pg *pgconn.PgError
		if errors.As(err, &pg) && pg.Code == "3D000" {
			return nil, fmt.Errorf("%w: no database of that name", ErrNotInitialised)
		}
		return nil, fmt.Errorf("open database: %w", err)
	}
	return &postgresEngine{pool: pool}, nil
}

func (e *postgresEngine) name() string { return PostgreSQL }
func (e *postgresEngine) lock() string { return " FOR UPDATE" }
func (e *postgresEngine) close() error { e.pool.Close(); return nil }

func (e *postgresEngine) begin(ctx context.Context, write bool) (session, error) {
	// Reading committed rows and locking what is changed, rather than snapshots that collide: whoever writes takes the
	// head of the custody record last, so writers queue there.
	o := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	if !write {
		o = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	}
	t, err := e.pool.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &postgresSession{t}, nil
}

func (e *postgresEngine) translate(err error) error {
	var pg *pgconn.PgError
	if err == nil || !errors.As(err, &pg) {
		return err
	}
	wrap := func(kind error, text string) error { return &dbError{kind, text + " (" + pg.Code + ")", err} }
	switch {
	case pg.Code == "23505":
		return wrap(archive.ErrExists, pg.ConstraintName)
	case pg.Code == "ZA001":
		return wrap(ErrInsertOnly, pg.TableName)
	case strings.HasPrefix(pg.Code, "23"):
		return wrap(archive.ErrInvalid, pg.ConstraintName)
	case pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "55P03":
		return wrap(errAgain, "transaction collided")
	case pg.Code == "53100":
		return wrap(syscall.ENOSPC, "database cannot grow")
	case strings.HasPrefix(pg.Code, "XX") && pg.Code != "XX000":
		return wrap(archive.ErrIntegrity, "a page of the database is damaged")
	case pg.Code == "57014":
		return wrap(context.Canceled, "statement was interrupted")
	}
	return err
}

type postgresSession struct{ t pgx.Tx }

func (s *postgresSession) exec(ctx context.Context, text string, args []any) (int64, error) {
	tag, err := s.t.Exec(ctx, text, args...)
	return tag.RowsAffected(), err
}

func (s *postgresSession) query(ctx context.Context, text string, args []any) (rows, error) {
	return s.t.Query(ctx, text, args...)
}

func (s *postgresSession) commit(ctx context.Context) error {
	// A caller who gives up while the server commits would never learn the outcome, so the commit has its own time.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := s.t.Commit(ctx)
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback), errors.Is(err, pgx.ErrTxClosed):
		return err // the server said no, or nothing was sent
	case errors.As(err, &pg) && !strings.HasPrefix(pg.Code, "57P") && !strings.HasPrefix(pg.Code, "08"):
		return err
	}
	return &dbError{ErrUnknownOutcome, "the server did not answer", err}
}

func (s *postgresSession) rollback() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = s.t.Rollback(ctx) // the server rolls back by itself when the connection ends
}

func (s *postgresSession) native() any { return s.t }

// planEach lets PostgreSQL plan the statements of this transaction anew each time, by the values that they are given and the size the tables have.
// A plan for any value reads all documents, newest first, until enough are found: right for a word that stands everywhere, and hundreds of times too
// slow for a rare one. A plan from when a table was empty stays wrong while one transaction fills it.
func (tx *Tx) planEach(ctx context.Context) error {
	return tx.set(ctx, "plan_cache_mode", "force_custom_plan")
}

// planRows makes PostgreSQL look up what belongs to each document that the index of words gives, newest first, until there are enough. Where it
// thinks that it needs more of them than it does, it would rather join all documents there are, which grows with the archive and not with the answer.
func (tx *Tx) planRows(ctx context.Context) error {
	for _, join := range []string{"enable_hashjoin", "enable_mergejoin"} {
		if err := tx.set(ctx, join, "off"); err != nil {
			return err
		}
	}
	return tx.planEach(ctx)
}

// set changes a setting of PostgreSQL until the transaction ends.
func (tx *Tx) set(ctx context.Context, name, to string) error {
	if tx.db.postgre == nil {
		return nil
	}
	_, err := tx.exec(ctx, `SET LOCAL `+name+` = `+to)
	return err
}
