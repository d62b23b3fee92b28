package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"
)

// check reads every page from the file, past all caches, then lets SQLite look at structure and references. Writers
// wait meanwhile: pages must not change under the reading.
func (e *sqliteEngine) check(ctx context.Context) ([]Fault, error) {
	c, err := e.w.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	// What lies in the write-ahead file is moved into the database first. If somebody reads an old snapshot just now
	// some stays behind; those frames carry checksums of their own.
	if _, err := c.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`); err != nil && !errors.Is(err, sqlite3.BUSY) {
		if f, ok := e.damage(err); ok {
			return []Fault{f}, nil
		}
		return nil, err
	}
	if _, err := c.ExecContext(ctx, `BEGIN IMMEDIATE`); err != nil {
		if f, ok := e.damage(err); ok {
			return []Fault{f}, nil
		}
		return nil, err
	}
	defer func() { _, _ = c.ExecContext(context.WithoutCancel(ctx), `ROLLBACK`) }()
	faults, err := e.pages(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context, *sql.Conn) ([]Fault, error){e.structure, e.references, e.triggers} {
		found, err := step(ctx, c)
		if f, ok := e.damage(err); ok {
			if len(faults) == 0 {
				faults = append(faults, f)
			}
			continue // named by its page already
		}
		if err != nil {
			return faults, err
		}
		faults = append(faults, found...)
	}
	return faults, nil
}

// damage says whether an error tells of damage.
func (e *sqliteEngine) damage(err error) (Fault, bool) {
	if err == nil {
		return Fault{}, false
	}
	if errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.NOTADB) || errors.Is(err, sqlite3.IOERR_DATA) {
		return Fault{Code: "page", At: "unknown page", Text: "a page does not match its checksum or is not well formed"}, true
	}
	return Fault{}, false
}

// pages compares every page in use with its checksum.
func (e *sqliteEngine) pages(ctx context.Context, c *sql.Conn) (faults []Fault, err error) {
	var count int64
	if err := c.QueryRowContext(ctx, `PRAGMA page_count`).Scan(&count); err != nil {
		return nil, err
	}
	err = c.Raw(func(raw any) error {
		file, err := mainFile(raw.(driver.Conn).Raw())
		if err != nil {
			return err
		}
		var bad []int64
		buf := make([]byte, pageSize)
		size, err := file.Size()
		if err != nil {
			return fmt.Errorf("read database: %w", errDisk)
		}
		for n := int64(1); n <= count; n++ {
			if n%1024 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			if n*pageSize > size {
				continue // in the write-ahead file only
			}
			if _, err := file.ReadAt(buf, (n-1)*pageSize); err != nil {
				bad = append(bad, n)
			}
		}
		if len(bad) == 0 {
			return nil
		}
		free := freePages(file)
		owners := e.owners(ctx, file)
		for _, n := range bad {
			if free[n] {
				continue // holds nothing, and may never have been written
			}
			owner := owners[n]
			if owner == "" {
				owner = "a long value or an unreachable page"
			}
			faults = append(faults, Fault{Code: "page", At: fmt.Sprintf("page %d (%s)", n, owner), Text: "does not match its checksum"})
		}
		return nil
	})
	return faults, err
}

// freePages follows the list of free pages; it ends early where the list is damaged.
func freePages(file vfs.File) map[int64]bool {
	free := map[int64]bool{}
	page := make([]byte, pageSize)
	if _, err := file.ReadAt(page, 0); err != nil {
		return free
	}
	seen := map[uint32]bool{}
	for trunk := binary.BigEndian.Uint32(page[32:]); trunk != 0 && !seen[trunk]; {
		seen[trunk] = true
		if _, err := file.ReadAt(page, (int64(trunk)-1)*pageSize); err != nil {
			return free
		}
		for i := range min(binary.BigEndian.Uint32(page[4:]), pageSize/4-2) {
			free[int64(binary.BigEndian.Uint32(page[8+4*i:]))] = true
		}
		trunk = binary.BigEndian.Uint32(page)
	}
	return free
}

// owners says to which table or index the pages of the trees belong, as far as they can be followed.
func (e *sqliteEngine) owners(ctx context.Context, file vfs.File) map[int64]string {
	owners := map[int64]string{1: "list of tables"}
	// By another connection: this one holds the file.
	rows, err := e.r.QueryContext(ctx, `SELECT name, rootpage FROM sqlite_schema WHERE rootpage > 0`)
	if err != nil {
		return owners // the list of tables itself is damaged
	}
	defer rows.Close()
	page := make([]byte, pageSize)
	for rows.Next() {
		var name string
		var root int64
		if rows.Scan(&name, &root) != nil {
			return owners
		}
		for next := []int64{root}; len(next) > 0; {
			n := next[len(next)-1]
			next = next[:len(next)-1]
			if owners[n] != "" {
				continue
			}
			owners[n] = name
			if _, err := file.ReadAt(page, (n-1)*pageSize); err != nil {
				continue
			}
			if page[0] != 2 && page[0] != 5 { // not an inner page
				continue
			}
			next = append(next, int64(binary.BigEndian.Uint32(page[8:])))
			for i := range int(binary.BigEndian.Uint16(page[3:])) {
				if 14+2*i > pageSize {
					break
				}
				if at := int(binary.BigEndian.Uint16(page[12+2*i:])); at+4 <= pageSize {
					next = append(next, int64(binary.BigEndian.Uint32(page[at:])))
				}
			}
		}
	}
	if rows.Err() != nil {
		return owners
	}
	return owners
}

func (e *sqliteEngine) structure(ctx context.Context, c *sql.Conn) ([]Fault, error) {
	rows, err := c.QueryContext(ctx, `PRAGMA integrity_check(200)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var faults []Fault
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		if text != "ok" {
			faults = append(faults, Fault{Code: "structure", At: "database", Text: text})
		}
	}
	return faults, rows.Err()
}

func (e *sqliteEngine) references(ctx context.Context, c *sql.Conn) ([]Fault, error) {
	rows, err := c.QueryContext(ctx, `PRAGMA foreign_key_check`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var faults []Fault
	for rows.Next() {
		var table, parent string
		var row, key sql.NullInt64
		if err := rows.Scan(&table, &row, &parent, &key); err != nil {
			return nil, err
		}
		faults = append(faults, Fault{Code: "reference", At: fmt.Sprintf("%s row %d", table, row.Int64), Text: "names a row of " + parent + " that is not there"})
	}
	return faults, rows.Err()
}

// triggers makes sure that the guarded tables still are.
func (e *sqliteEngine) triggers(ctx context.Context, c *sql.Conn) ([]Fault, error) {
	rows, err := c.QueryContext(ctx, `SELECT name, tbl_name, sql FROM sqlite_schema WHERE type = 'trigger'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var there []string
	for rows.Next() {
		var name, table, text string
		if err := rows.Scan(&name, &table, &text); err != nil {
			return nil, err
		}
		if strings.HasPrefix(name, table+"_no_") && strings.Contains(text, "RAISE(ABORT, '"+table) {
			there = append(there, name)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var faults []Fault
	for _, g := range guards {
		for what := range strings.FieldsSeq(g.sqlite) {
			if !slices.Contains(there, g.table+"_no_"+what) {
				faults = append(faults, Fault{Code: "trigger", At: g.table, Text: "is not guarded against " + what})
			}
		}
	}
	return faults, nil
}
