package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
)

// cell is one row of the roll-up.
type cell struct {
	day        int64 // since 1970, UTC
	accession  string
	kind       string
	state      string
	difficulty int
	camera     string
}

type totals struct{ n, duration, bytes int64 }

const dayLength = int64(24 * time.Hour / time.Microsecond)

// dayOf is the day of a moment in microseconds; it rounds down before 1970 too, where broken clocks live.
func dayOf(micros int64) int64 {
	d := micros / dayLength
	if micros%dayLength < 0 {
		d--
	}
	return d
}

// dayName writes a day as 2020-07-27.
func dayName(day int64) string { return time.UnixMicro(day * dayLength).UTC().Format("2006-01-02") }

// count notes that an item comes (1) or goes (-1) as it is. It is written with the transaction, once per cell: the items
// of a batch mostly share theirs.
func (tx *Tx) count(i archive.Item, sign int64) {
	if i.State == archive.ItemErased {
		return
	}
	if tx.counts == nil {
		tx.counts = map[cell]totals{}
	}
	c := cell{dayOf(i.SortTime().UnixMicro()), i.Accession, string(i.Kind), string(i.State), i.Difficulty, i.Camera}
	t := tx.counts[c]
	t.n += sign
	t.duration += sign * i.Duration.Microseconds()
	t.bytes += sign * i.Size
	tx.counts[c] = t
}

// blockLength is how many days a block has. A range of dates is counted from whole blocks, whole days at both ends, and
// items at the very ends. Blocks and not months, so that both engines can compute them with integers.
const blockLength = 32

// blockOf is the block of a day, rounding down.
func blockOf(day int64) int64 { return day >> 5 }

// The day and block of an item in SQL; integer division rounds to zero on both engines, hence the detour.
const (
	dayText   = `((sort_at - (((sort_at % 86400000000) + 86400000000) % 86400000000)) / 86400000000)`
	blockText = `((sort_at - (((sort_at % 2764800000000) + 2764800000000) % 2764800000000)) / 2764800000000)`
)

// computed replaces day and block in a list of columns by what computes them.
func computed(columns string, named bool) string {
	day, block := dayText, blockText
	if named {
		day, block = day+" AS day", block+" AS block"
	}
	return strings.NewReplacer("day", day, "block", block).Replace(columns)
}

// The tables of the roll-up: their key columns and the key of a cell in them.
var rollups = []struct {
	table, key string
	of         func(cell) cell
	values     func(cell) []any
}{
	{"item_rollup", "day, accession_id, kind, state, difficulty, camera",
		func(c cell) cell { return c },
		func(c cell) []any { return []any{c.day, c.accession, c.kind, c.state, c.difficulty, c.camera} }},
	{"item_rollup_day", "day, accession_id, kind, state, difficulty",
		func(c cell) cell { c.camera = ""; return c },
		func(c cell) []any { return []any{c.day, c.accession, c.kind, c.state, c.difficulty} }},
	{"item_rollup_block", "block, accession_id, kind, state, difficulty, camera",
		func(c cell) cell { c.day = blockOf(c.day); return c },
		func(c cell) []any { return []any{c.day, c.accession, c.kind, c.state, c.difficulty, c.camera} }},
	{"item_rollup_total", "accession_id, kind, state, difficulty, camera",
		func(c cell) cell { c.day = 0; return c },
		func(c cell) []any { return []any{c.accession, c.kind, c.state, c.difficulty, c.camera} }},
}

// flush writes the noted changes into the roll-up.
func (tx *Tx) flush(ctx context.Context) error {
	if tx.broken != nil {
		return tx.broken
	}
	noted := tx.counts
	tx.counts = nil
	for _, r := range rollups {
		sums := map[cell]totals{}
		for c, t := range noted {
			s := sums[r.of(c)]
			sums[r.of(c)] = totals{s.n + t.n, s.duration + t.duration, s.bytes + t.bytes}
		}
		cells := make([]cell, 0, len(sums))
		for c, t := range sums {
			if t != (totals{}) {
				cells = append(cells, c)
			}
		}
		slices.SortFunc(cells, compareCells) // in one order, so that two transactions do not wait for each other
		for chunk := range slices.Chunk(cells, 256) {
			var p part
			p.add("INSERT INTO " + r.table + " (" + r.key + ", n, duration, bytes) VALUES ")
			for n, c := range chunk {
				row := append(r.values(c), sums[c].n, sums[c].duration, sums[c].bytes)
				p.addIf(n > 0, ", ").add("("+strings.Repeat("?, ", len(row)-1)+"?)", row...)
			}
			p.add(" ON CONFLICT (" + r.key + ") DO UPDATE SET n = " + r.table + ".n + excluded.n, duration = " + r.table +
				".duration + excluded.duration, bytes = " + r.table + ".bytes + excluded.bytes")
			if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
				return fmt.Errorf("roll up: %w", err)
			}
			for _, c := range chunk {
				if sums[c].n >= 0 {
					continue
				}
				var p part
				p.add("DELETE FROM " + r.table + " WHERE n = 0")
				for i, column := range strings.Split(r.key, ", ") {
					p.add(" AND "+column+" = ?", r.values(c)[i])
				}
				if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
					return fmt.Errorf("roll up: %w", err)
				}
			}
		}
	}
	return nil
}

func compareCells(a, b cell) int {
	return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.accession, b.accession), cmp.Compare(a.kind, b.kind),
		cmp.Compare(a.state, b.state), cmp.Compare(a.difficulty, b.difficulty), cmp.Compare(a.camera, b.camera))
}

// RollupFaults compares the roll-up with the items, cell by cell.
func (tx *Tx) RollupFaults(ctx context.Context) ([]Fault, error) {
	if err := tx.flush(ctx); err != nil {
		return nil, err
	}
	var faults []Fault
	for _, r := range rollups {
		fresh := `SELECT ` + computed(r.key, true) + `, COUNT(*) AS n, CAST(SUM(duration) AS BIGINT) AS duration, CAST(SUM(size) AS BIGINT) AS bytes
			FROM item WHERE state <> 'erased' GROUP BY ` + computed(r.key, false)
		stored := `SELECT ` + r.key + `, n, duration, bytes FROM ` + r.table
		for _, d := range []struct{ code, text string }{
			{"missing or wrong", fresh + ` EXCEPT ` + stored},
			{"too much or wrong", stored + ` EXCEPT ` + fresh},
		} {
			n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM (`+d.text+`) AS difference`)
			if err != nil {
				return nil, fmt.Errorf("compare roll-up: %w", err)
			}
			if n > 0 {
				faults = append(faults, Fault{Code: "roll-up", At: r.table, Text: fmt.Sprintf("%d rows are %s", n, d.code)})
			}
		}
	}
	return faults, nil
}

// RebuildRollup counts all items anew. It holds up every writer while it runs.
func (tx *Tx) RebuildRollup(ctx context.Context) error {
	tx.counts = nil
	for _, r := range rollups {
		if _, err := tx.exec(ctx, `DELETE FROM `+r.table); err != nil {
			return fmt.Errorf("rebuild roll-up: %w", err)
		}
		group := computed(r.key, false)
		if _, err := tx.exec(ctx, `INSERT INTO `+r.table+` (`+r.key+`, n, duration, bytes) SELECT `+group+
			`, COUNT(*), CAST(SUM(duration) AS BIGINT), CAST(SUM(size) AS BIGINT) FROM item WHERE state <> 'erased' GROUP BY `+group); err != nil {
			return fmt.Errorf("rebuild roll-up: %w", err)
		}
	}
	return nil
}
