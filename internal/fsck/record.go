package fsck

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"zapis/internal/custody/rows"
	"zapis/internal/custody/verify"
	"zapis/internal/store"
)

// record verifies the custody record and holds it against every checkpoint that lies elsewhere than in its own table: in
// the home folder, in receipts, given from outside.
func (c *checker) record(ctx context.Context, _ *store.Tx) error {
	var notes [][]byte
	var names []string
	keep := func(name string, note []byte) {
		notes, names = append(notes, note), append(names, name)
	}
	kept, err := c.keptCheckpoints(ctx, keep)
	if err != nil {
		return err
	}
	for i, note := range c.d.Outside {
		keep(fmt.Sprintf("checkpoint from outside %d", i+1), note)
	}
	receipts, err := rows.Select(ctx, c.rows, `SELECT id, receipt FROM accession WHERE receipt IS NOT NULL ORDER BY id`, nil,
		func(r rows.Scanner, v *receiptRow) error { return r.Scan(&v.accession, &v.text) })
	if err != nil {
		return fmt.Errorf("read receipts: %w", err)
	}
	for _, r := range receipts {
		if p, problem := parseReceipt(r.text); problem == "" {
			keep("receipt of "+r.accession, []byte(p.Receipt.Checkpoint))
		} // else: named with its accession
	}
	c.r.Record, err = verify.VerifyDB(ctx, c.rows, verify.Options{Key: c.d.Key, Outside: notes, Progress: func(done, total int64) {
		c.o.Progress(Progress{Step: "record", Done: done, Total: total})
	}})
	if err != nil {
		return fmt.Errorf("verify the record: %w", err)
	}
	for _, f := range c.r.Record.Failures {
		var n int
		if _, err := fmt.Sscanf(f.Subject, "checkpoint from outside %d", &n); err == nil && n >= 1 && n <= len(names) {
			f.Subject = names[n-1]
			if n <= kept && f.Code == verify.CodeCheckpointCut {
				f.Text += "; the checkpoint was kept beside the database, which was put back to an older state"
			}
		}
		c.r.fail("record-"+f.Code, f.Subject, "%s", f.Text)
	}
	if n := c.r.Record.Omitted; n > 0 {
		c.r.Errors += n
		c.r.Omitted += n
	}
	return nil
}

// keptCheckpoints reads the folder of the home and says how many there were.
func (c *checker) keptCheckpoints(ctx context.Context, keep func(string, []byte)) (int, error) {
	if c.d.Checkpoints == nil {
		return 0, nil
	}
	entries, err := fs.ReadDir(c.d.Checkpoints, ".")
	if errors.Is(err, fs.ErrNotExist) {
		c.r.fail("checkpoints-missing", "checkpoint folder", "the folder of kept checkpoints is gone")
		return 0, nil
	}
	if err != nil {
		c.r.fail("checkpoints-unreadable", "checkpoint folder", "the folder of kept checkpoints cannot be read")
		return 0, nil
	}
	n, key := 0, false
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if strings.HasPrefix(e.Name(), ".") || path.Ext(e.Name()) != ".txt" || !e.Type().IsRegular() {
			continue
		}
		text, err := fs.ReadFile(c.d.Checkpoints, e.Name())
		switch {
		case err != nil:
			c.r.fail("checkpoints-unreadable", e.Name(), "a kept checkpoint cannot be read")
		case e.Name() == "verifier.txt":
			key = true
			if strings.TrimSpace(string(text)) != c.d.Key.Text() {
				c.r.fail("verifier-differs", e.Name(), "the published verifier key is not the one of this archive")
			}
		default:
			keep("kept checkpoint "+e.Name(), text)
			n++
		}
	}
	if !key {
		c.r.fail("verifier-missing", "verifier.txt", "the published verifier key is gone")
	}
	if n == 0 {
		c.r.fail("checkpoints-missing", "checkpoint folder", "no checkpoint is kept beside the database")
	}
	return n, nil
}

type receiptRow struct {
	accession string
	text      []byte
}

// rollup compares the counts that lists are made from with the items.
func (c *checker) rollup(ctx context.Context, tx *store.Tx) error {
	faults, err := tx.RollupFaults(ctx)
	if err != nil {
		return err
	}
	for _, f := range faults {
		c.r.fail(code(f.Code), f.At, "%s", f.Text)
	}
	return nil
}

// each names every row that a statement selects: one column, an identifier.
func (c *checker) each(ctx context.Context, finding, kind, text, sql string) error {
	ids, err := c.ids(ctx, finding, sql)
	if err != nil {
		return err
	}
	for _, id := range ids {
		c.r.fail(finding, kind+" "+id, "%s", text)
	}
	return nil
}

func (c *checker) ids(ctx context.Context, finding, sql string) ([]string, error) {
	ids, err := rows.Select(ctx, c.rows, sql, nil, func(r rows.Scanner, id *string) error { return r.Scan(id) })
	if err != nil {
		return nil, fmt.Errorf("%s: %w", finding, err)
	}
	return ids, nil
}
