package store

import (
	"context"
	"database/sql"
	sqldriver "database/sql/driver"
	"errors"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
)

// keptStatements is how many prepared statements one connection keeps when nobody uses them.
const keptStatements = 128

// openPool opens connections that keep their prepared statements. The queue, which brings its own SQL, prepares one for each job
// that it is given: a quarter of the time of taking in a small file went into parsing the same text again and again.
func openPool(dsn string, init func(*sqlite3.Conn) error) (*sql.DB, error) {
	c, err := (&driver.SQLite{}).OpenConnector(dsn)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector{c, init}), nil
}

type connector struct {
	sqldriver.Connector
	init func(*sqlite3.Conn) error
}

// Connect implements driver.Connector.
func (c connector) Connect(ctx context.Context) (sqldriver.Conn, error) {
	raw, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	under := raw.(connUnder)
	if err := c.init(under.Raw()); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return &conn{connUnder: under, idle: map[string]stmtUnder{}}, nil
}

// connUnder and stmtUnder are what the driver's connections and statements can do and database/sql makes use of.
type (
	connUnder interface {
		driver.Conn
		sqldriver.ExecerContext
		sqldriver.NamedValueChecker
	}
	stmtUnder interface {
		sqldriver.Stmt
		sqldriver.StmtExecContext
		sqldriver.StmtQueryContext
		sqldriver.NamedValueChecker
	}
)

// conn is one connection; like all of database/sql's it is used by one goroutine at a time.
type conn struct {
	connUnder
	idle map[string]stmtUnder
}

// Prepare implements driver.Conn.
func (c *conn) Prepare(text string) (sqldriver.Stmt, error) {
	return c.PrepareContext(context.Background(), text)
}

// PrepareContext implements driver.ConnPrepareContext. A statement that is in use is not shared: a second one is made.
func (c *conn) PrepareContext(ctx context.Context, text string) (sqldriver.Stmt, error) {
	if s, ok := c.idle[text]; ok {
		delete(c.idle, text)
		return &stmt{stmtUnder: s, c: c, text: text}, nil
	}
	s, err := c.connUnder.PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	under, ok := s.(stmtUnder)
	if !ok {
		return s, nil
	}
	return &stmt{stmtUnder: under, c: c, text: text}, nil
}

// Close implements driver.Conn. SQLite does not close a connection that has statements.
func (c *conn) Close() (err error) {
	for _, s := range c.idle {
		err = errors.Join(err, s.Close())
	}
	c.idle = nil
	return errors.Join(err, c.connUnder.Close())
}

// stmt goes back to its connection when it is closed, unless it met an error.
type stmt struct {
	stmtUnder
	c      *conn
	text   string
	failed bool
}

// ExecContext implements driver.StmtExecContext.
func (s *stmt) ExecContext(ctx context.Context, args []sqldriver.NamedValue) (sqldriver.Result, error) {
	r, err := s.stmtUnder.ExecContext(ctx, args)
	s.failed = s.failed || err != nil
	return r, err
}

// QueryContext implements driver.StmtQueryContext.
func (s *stmt) QueryContext(ctx context.Context, args []sqldriver.NamedValue) (sqldriver.Rows, error) {
	r, err := s.stmtUnder.QueryContext(ctx, args)
	s.failed = s.failed || err != nil
	return r, err
}

// Close implements driver.Stmt. Rows reset and clear the statement when they are closed, which database/sql sees to first.
func (s *stmt) Close() error {
	under := s.stmtUnder
	if under == nil {
		return nil // closed before
	}
	s.stmtUnder = nil
	if _, taken := s.c.idle[s.text]; taken || s.failed || s.c.idle == nil || len(s.c.idle) >= keptStatements {
		return under.Close()
	}
	s.c.idle[s.text] = under
	return nil
}
