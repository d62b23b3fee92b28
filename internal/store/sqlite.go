package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/ncruces/go-sqlite3/vfs/adiantum"

	"zapis/internal/archive"
	"zapis/internal/store/writeahead"
)

// fileSystem names what SQLite reads and writes through: the files encrypted, the write-ahead file in whole blocks.
const fileSystem = "zapis"

var register = sync.OnceFunc(func() { vfs.Register(fileSystem, writeahead.Wrap(adiantum.Wrap(vfs.Find(""), nil))) })

const (
	readers     = 3
	writerCache = 28 << 10 // KiB; with the readers 64 MiB, which is what the program allows itself
	readerCache = 12 << 10 // KiB each
	walPages    = 8192     // 32 MiB: a page that many transactions change goes into the database once, not with each of them
	busyFor     = 10 * time.Second
	pageSize    = 4096
)

// sqliteEngine is one encrypted file: one connection that writes, a few that read.
type sqliteEngine struct {
	path string
	w, r *sql.DB
}

func sqlitePath(address string) (string, error) {
	path, ok := strings.CutPrefix(address, "sqlite://")
	if !ok || !filepath.IsAbs(path) {
		return "", fmt.Errorf("%w: a database address is sqlite:///absolute/path or postgres://…", archive.ErrInvalid)
	}
	return filepath.Clean(path), nil
}

func openSQLite(o Options, create bool) (*sqliteEngine, error) {
	path, err := sqlitePath(o.URL)
	if err != nil {
		return nil, err
	}
	register()
	if len(o.Key) != 32 {
		return nil, fmt.Errorf("%w: a database key has 32 bytes", archive.ErrInvalid)
	}
	if create {
		// Created here and not by SQLite, for the mode; modeof below carries it on to the files beside.
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
		if err != nil {
			return nil, fmt.Errorf("create database: %w", bare(err))
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("create database: %w", bare(err))
		}
	} else if err := lookAt(path); err != nil {
		return nil, err
	}
	e := &sqliteEngine{path: path}
	// rw and not rwc: whatever happens to the path, opening never makes an empty database.
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?vfs=" + fileSystem + "&mode=rw&modeof=" + url.QueryEscape(path)
	if e.w, err = openPool(dsn+"&_txlock=immediate", connect(o.Key, writerCache, create, false)); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	e.w.SetMaxOpenConns(1)
	if e.r, err = openPool(dsn, connect(o.Key, readerCache, false, true)); err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	e.r.SetMaxOpenConns(readers)
	e.r.SetMaxIdleConns(readers)
	return e, nil
}

// lookAt refuses what cannot be one of our files before SQLite touches it.
func lookAt(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotInitialised
	}
	if err != nil {
		return fmt.Errorf("open database: %w", bare(err))
	}
	defer f.Close()
	head := make([]byte, 16)
	switch _, err := io.ReadFull(f, head); {
	case errors.Is(err, io.EOF):
		return ErrNotInitialised
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: the file is cut off", archive.ErrIntegrity)
	case err != nil:
		return fmt.Errorf("open database: %w", bare(err))
	case string(head[:15]) == "SQLite format 3":
		return fmt.Errorf("%w: it is not encrypted", ErrForeign)
	}
	return nil
}

// bare takes the path out of an error.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// connect sets up a new connection. The key goes in as a PRAGMA, so that it is in no address and no error text.
func connect(key []byte, cache int, create, readOnly bool) func(*sqlite3.Conn) error {
	return func(c *sqlite3.Conn) error {
		if err := c.Exec(`PRAGMA hexkey='` + hex.EncodeToString(key) + `'`); err != nil {
			return ErrKey // flattened: the cause quotes the statement
		}
		// Page checksums are switched on by the header of the file as it passes by. SQLite has read the header before
		// the key was set, and may from now on find it in the write-ahead file only: then this connection would
		// neither check pages nor write checksums. So the header is shown once, here.
		file, err := mainFile(c)
		if err != nil {
			return err
		}
		var head [100]byte
		if n, err := file.ReadAt(head[:], 0); n != len(head) && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read database header: %w", err)
		}
		if err := c.BusyTimeout(busyFor); err != nil {
			return err
		}
		if create {
			if err := c.EnableChecksums("main"); err != nil {
				return fmt.Errorf("enable page checksums: %w", err) // on an existing file: the key is wrong
			}
			if err := c.Exec(`PRAGMA journal_mode=wal`); err != nil {
				return err
			}
		}
		text := fmt.Sprintf(`PRAGMA synchronous=full; PRAGMA temp_store=memory; PRAGMA cache_size=-%d;
			PRAGMA foreign_keys=on; PRAGMA recursive_triggers=on; PRAGMA cell_size_check=on; PRAGMA trusted_schema=off;
			PRAGMA secure_delete=on; PRAGMA wal_autocheckpoint=%d`, cache, walPages) // what was erased is overwritten in the pages it leaves
		if readOnly {
			text += `; PRAGMA query_only=on`
		}
		if err := c.Exec(text); err != nil {
			return err
		}
		return registerSearch(c)
	}
}

func mainFile(c *sqlite3.Conn) (vfs.File, error) {
	p, err := c.FileControl("main", sqlite3.FCNTL_FILE_POINTER)
	if err != nil {
		return nil, fmt.Errorf("find database file: %w", err)
	}
	file, ok := p.(vfs.File)
	if !ok {
		return nil, fmt.Errorf("find database file: %w", archive.ErrIntegrity)
	}
	return file, nil
}

func (e *sqliteEngine) name() string { return SQLite }
func (e *sqliteEngine) lock() string { return "" } // the writer is alone anyway

func (e *sqliteEngine) begin(ctx context.Context, write bool) (session, error) {
	pool, o := e.r, &sql.TxOptions{}
	if write {
		pool = e.w
	}
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	// The context is kept from database/sql, which would roll back by itself at any moment; statements get it.
	t, err := c.BeginTx(context.WithoutCancel(ctx), o)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	return &sqliteSession{c: c, t: t, prepared: map[string]*sql.Stmt{}}, nil
}

func (e *sqliteEngine) close() error {
	// Closing the last connection moves the write-ahead file into the database and removes it.
	return errors.Join(e.r.Close(), e.w.Close())
}

func (e *sqliteEngine) translate(err error) error {
	if err == nil {
		return nil
	}
	wrap := func(kind error, text string) error { return &dbError{kind, text, err} }
	// The driver reports a bare code here and an error with a text there; errors.Is knows both.
	among := func(codes ...error) bool {
		return slices.ContainsFunc(codes, func(c error) bool { return errors.Is(err, c) })
	}
	switch {
	case among(sqlite3.CONSTRAINT_UNIQUE, sqlite3.CONSTRAINT_PRIMARYKEY, sqlite3.CONSTRAINT_ROWID):
		return wrap(archive.ErrExists, constraintOf(err))
	case among(sqlite3.CONSTRAINT_TRIGGER) && strings.HasSuffix(constraintOf(err), "already"):
		return wrap(archive.ErrExists, constraintOf(err)) // the guard spoke before the index could
	case among(sqlite3.CONSTRAINT_TRIGGER):
		return wrap(ErrInsertOnly, constraintOf(err))
	case among(sqlite3.CONSTRAINT):
		return wrap(archive.ErrInvalid, constraintOf(err))
	case among(sqlite3.IOERR_DATA, sqlite3.IOERR_CORRUPTFS, sqlite3.CORRUPT, sqlite3.NOTADB):
		return wrap(archive.ErrIntegrity, "a page of the database is damaged")
	case among(sqlite3.BUSY, sqlite3.LOCKED):
		return wrap(errAgain, "database is busy")
	case among(sqlite3.FULL):
		return wrap(syscall.ENOSPC, "database cannot grow")
	case among(sqlite3.INTERRUPT):
		return wrap(context.Canceled, "statement was interrupted")
	case among(sqlite3.IOERR):
		return wrap(errDisk, "the disk did not read or write")
	}
	return err
}

var errDisk = errors.New("input or output error")

func constraintOf(err error) string {
	// "sqlite3: constraint failed: UNIQUE constraint failed: item.sha256" names columns, never values.
	t := err.Error()
	if i := strings.LastIndex(t, ": "); i >= 0 {
		return t[i+2:]
	}
	return t
}

type sqliteSession struct {
	c        *sql.Conn
	t        *sql.Tx
	prepared map[string]*sql.Stmt // for this transaction; database/sql closes them with it
}

// statement prepares a text once per transaction: the same few statements run for each file of a batch. $n becomes ?n,
// which SQLite numbers by its digits and not by order of appearance.
func (s *sqliteSession) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if st, ok := s.prepared[text]; ok {
		return st, nil
	}
	st, err := s.t.PrepareContext(ctx, strings.ReplaceAll(text, "$", "?"))
	if err != nil {
		return nil, err
	}
	s.prepared[text] = st
	return st, nil
}

func (s *sqliteSession) exec(ctx context.Context, text string, args []any) (int64, error) {
	st, err := s.statement(ctx, text)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (s *sqliteSession) query(ctx context.Context, text string, args []any) (rows, error) {
	st, err := s.statement(ctx, text)
	if err != nil {
		return nil, err
	}
	r, err := st.QueryContext(ctx, args...)
	if err != nil {
		return nil, err
	}
	return sqliteRows{r}, nil
}

type sqliteRows struct{ *sql.Rows }

func (r sqliteRows) Close() { _ = r.Rows.Close() } // Err is asked before

func (s *sqliteSession) commit(context.Context) error {
	err := s.t.Commit()
	if cerr := s.c.Close(); err == nil {
		_ = cerr // the connection went back to the pool; the transaction is done
	}
	if errors.Is(err, sqlite3.IOERR) {
		// Frames may have reached the write-ahead file whole, and be found there after a crash.
		return &dbError{ErrUnknownOutcome, "the disk did not confirm", err}
	}
	return err
}

func (s *sqliteSession) rollback() {
	_ = s.t.Rollback()
	_ = s.c.Close()
}

func (s *sqliteSession) native() any { return s.t }
