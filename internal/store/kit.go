package store

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
)

// session is a transaction of a driver.
type session interface {
	exec(ctx context.Context, text string, args []any) (int64, error)
	query(ctx context.Context, text string, args []any) (rows, error)
	commit(ctx context.Context) error
	rollback()
	native() any
}

// rows is what database/sql and pgx have in common.
type rows interface {
	scanner
	Next() bool
	Err() error
	Close()
}

type scanner interface{ Scan(dest ...any) error }

// exec runs a statement and says how many rows it changed.
func (tx *Tx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if tx.broken != nil {
		return 0, tx.broken
	}
	n, err := tx.s.exec(ctx, text, args)
	if err != nil {
		return 0, tx.fail(err)
	}
	return n, nil
}

// fail makes err the end of the transaction. PostgreSQL allows nothing after a statement that failed; so that callers
// behave alike on both engines, neither does SQLite.
func (tx *Tx) fail(err error) error {
	tx.broken = tx.db.eng.translate(err)
	return tx.broken
}

// all runs a query and scans every row.
func all[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), text string, args ...any) ([]T, error) {
	if tx.broken != nil {
		return nil, tx.broken
	}
	r, err := tx.s.query(ctx, text, args)
	if err != nil {
		return nil, tx.fail(err)
	}
	defer r.Close()
	var out []T
	for r.Next() {
		v, err := scan(r)
		if err != nil {
			return nil, tx.fail(err)
		}
		out = append(out, v)
	}
	if err := r.Err(); err != nil {
		return nil, tx.fail(err)
	}
	return out, nil
}

// one runs a query that gives at most one row; archive.ErrNotFound if it gives none.
func one[T any](ctx context.Context, tx *Tx, scan func(scanner) (T, error), text string, args ...any) (T, error) {
	var none T
	found, err := all(ctx, tx, scan, text, args...)
	switch {
	case err != nil:
		return none, err
	case len(found) == 0:
		return none, archive.ErrNotFound
	}
	return found[0], nil
}

// value scans a row of one column.
func value[T any](s scanner) (T, error) {
	var v T
	err := s.Scan(&v)
	return v, err
}

// part is SQL text with the values bound in it; every ? of the text stands for a value. Values never become text.
type part struct {
	text strings.Builder
	args []any
}

func (p *part) add(text string, args ...any) *part {
	for _, a := range args {
		before, after, ok := strings.Cut(text, "?")
		if !ok {
			panic("store: more values than places in " + text)
		}
		p.args = append(p.args, a)
		p.text.WriteString(before)
		p.text.WriteString("$" + strconv.Itoa(len(p.args)))
		text = after
	}
	if strings.Contains(text, "?") {
		panic("store: more places than values in " + text)
	}
	p.text.WriteString(text)
	return p
}

func (p *part) addIf(ok bool, text string, args ...any) *part {
	if ok {
		p.add(text, args...)
	}
	return p
}

// in adds "AND column IN (…)"; nothing if there are no values.
func in[T any](p *part, column string, values []T) {
	if len(values) == 0 {
		return
	}
	p.add(" AND " + column + " IN (")
	for i, v := range values {
		p.addIf(i > 0, ", ").add("?", any(v))
	}
	p.add(")")
}

// insert adds many rows with few statements. Each row holds the values of all columns, which are a comma-separated list.
func (tx *Tx) insert(ctx context.Context, table, columns string, values [][]any) error {
	const most = 256 // rows a statement; PostgreSQL allows 65,535 values, SQLite 32,766
	for len(values) > 0 {
		n := min(most, len(values))
		var p part
		p.add("INSERT INTO " + table + " (" + columns + ") VALUES ")
		for i, row := range values[:n] {
			p.addIf(i > 0, ", ").add("("+strings.Repeat("?, ", len(row)-1)+"?)", row...)
		}
		if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// us is a moment as integer microseconds since 1970, NULL for the zero time.
func us(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// at scans what us wrote.
type at struct{ t *time.Time }

func (a at) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*a.t = time.Time{}
	case int64:
		*a.t = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", src)
	}
	return nil
}

// blob is bytes, NULL if there are none.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// text is a string, NULL if empty.
func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// str scans what text wrote.
type str struct{ s *string }

func (n str) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*n.s = ""
	case string:
		*n.s = v
	case []byte:
		*n.s = string(v)
	default:
		return fmt.Errorf("a text is stored as %T", src)
	}
	return nil
}

// flag is a truth value as 0 or 1.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
