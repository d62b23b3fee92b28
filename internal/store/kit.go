package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
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

// padded is how many places a list of values gets. Long lists get one of few lengths, the last value standing for the rest, so that
// the same statements come again and stay prepared.
func padded(n int) int {
	for _, most := range []int{32, 64, 128, 256, 512} {
		if n > 8 && n <= most {
			return most
		}
	}
	return n
}

// in adds "AND column IN (…)"; nothing if there are no values.
func in[T any](p *part, column string, values []T) {
	if len(values) == 0 {
		return
	}
	p.text.WriteString(" AND " + column + " IN (")
	for i := range padded(len(values)) {
		if i > 0 {
			p.text.WriteString(", ")
		}
		p.args = append(p.args, any(values[min(i, len(values)-1)]))
		p.text.WriteString("$" + strconv.Itoa(len(p.args)))
	}
	p.text.WriteString(")")
}

// insertSizes are how many rows a statement holds, the largest first; PostgreSQL allows 65,535 values, SQLite 32,766. Only these, so
// that the same few statements come again whatever the number of rows, and stay prepared.
var insertSizes = []int{256, 64, 16, 4, 1}

// insert adds many rows with few statements. Each row holds the values of all columns, which are a comma-separated list.
func (tx *Tx) insert(ctx context.Context, table, columns string, values [][]any) error {
	return tx.insertOr(ctx, table, columns, "", values)
}

// insertOr is insert with what is to be done about rows that are there: the end of the statement.
func (tx *Tx) insertOr(ctx context.Context, table, columns, end string, values [][]any) error {
	for _, n := range insertSizes {
		for len(values) >= n {
			same := constant(values[:n])
			args := make([]any, 0, n*len(values[0]))
			for i, row := range values[:n] {
				for c, v := range row {
					if i == 0 || same>>c&1 == 0 {
						args = append(args, v)
					}
				}
			}
			if _, err := tx.exec(ctx, insertText(insertShape{table, columns, end, n, len(values[0]), same}), args...); err != nil {
				return err
			}
			values = values[n:]
		}
	}
	return nil
}

// sortRows brings rows into the order of their first value, a text: neighbours of a table that is ordered by it are written together.
func sortRows(rows [][]any) {
	slices.SortStableFunc(rows, func(a, b []any) int { return strings.Compare(a[0].(string), b[0].(string)) })
}

// constant says, bit by bit, which columns have one value in all of many rows; it is given to the database once. Of few rows none, so
// that there are not as many statements as there are patterns.
func constant(rows [][]any) (same uint64) {
	if len(rows) < 16 || len(rows[0]) > 64 {
		return 0
	}
	for c, first := range rows[0] {
		switch first.(type) {
		case nil, string, int, int64:
		default:
			continue
		}
		equal := true
		for _, row := range rows[1:] {
			if row[c] != first {
				equal = false
				break
			}
		}
		if equal {
			same |= 1 << c
		}
	}
	return same
}

// insertShape is what the text of an insertion depends on.
type insertShape struct {
	table, columns, end string
	rows, width         int
	same                uint64
}

// insertTexts are the statements that were written before.
var insertTexts = struct {
	sync.Mutex
	of map[insertShape]string
}{of: map[insertShape]string{}}

// insertText writes the statement. Places are numbered in the order in which they first appear.
func insertText(s insertShape) string {
	insertTexts.Lock()
	defer insertTexts.Unlock()
	if text, ok := insertTexts.of[s]; ok {
		return text
	}
	var b strings.Builder
	b.WriteString("INSERT INTO " + s.table + " (" + s.columns + ") VALUES ")
	last := 0
	first := make([]int, s.width) // the places of the first row
	for i := range s.rows {
		if i > 0 {
			b.WriteString(", ")
		}
		for c := range s.width {
			place := first[c]
			if i == 0 || s.same>>c&1 == 0 {
				last++
				place = last
			}
			if i == 0 {
				first[c] = place
			}
			b.WriteString([]string{"($", ", $"}[min(c, 1)] + strconv.Itoa(place))
		}
		b.WriteString(")")
	}
	b.WriteString(s.end)
	if len(insertTexts.of) >= 1000 { // some 10 MB
		clear(insertTexts.of)
	}
	insertTexts.of[s] = b.String()
	return b.String()
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
