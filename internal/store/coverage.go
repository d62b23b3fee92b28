package store

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

// FileNumber is a number that a recorder gave a file. Series names the run of numbers it belongs to without telling its name.
type FileNumber struct {
	Item   string
	Series []byte // 32 bytes, a keyed hash
	Number int64
}

// SetFileNumbers replaces the numbers of an item; archive.ErrConflict if it is erased.
func (tx *Tx) SetFileNumbers(ctx context.Context, item string, numbers []FileNumber) error {
	fail := func(err error) error { return fmt.Errorf("number files of item %s: %w", item, err) }
	i, err := tx.lockItem(ctx, item)
	if err == nil && i.State == archive.ItemErased {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	if _, err := tx.exec(ctx, `DELETE FROM file_number WHERE item_id = $1`, item); err != nil {
		return fail(err)
	}
	var rows [][]any
	for k, n := range numbers {
		twice := false
		for _, m := range numbers[:k] {
			twice = twice || m.Number == n.Number && bytes.Equal(m.Series, n.Series)
		}
		if !twice {
			rows = append(rows, []any{item, n.Series, n.Number})
		}
	}
	if err := tx.insert(ctx, "file_number", `item_id, series, number`, rows); err != nil {
		return fail(err)
	}
	return nil
}

// SeriesNumber is a numbered file of an item that may be shown.
type SeriesNumber struct {
	Series      []byte
	Number      int64
	Item        string
	AccessionNo int64
	ItemNo      int64
	Camera      string
	Accession   string
	RecordedAt  time.Time // zero if not known
}

// FileNumbers gives the numbered files of items of the scope by series and number, those of one accession if it is not empty;
// after is the last one of the page before.
func (tx *Tx) FileNumbers(ctx context.Context, s archive.Scope, accession string, after *SeriesNumber, limit int) ([]SeriesNumber, error) {
	var p part
	p.add(`SELECT file_number.series, file_number.number, item.id, item.accession_no, item.number, item.camera, item.accession_id, item.recorded_at
		FROM file_number JOIN item ON item.id = file_number.item_id WHERE 1 = 1`)
	p.addIf(accession != "", ` AND item.accession_id = ?`, accession)
	if after != nil {
		p.add(` AND (file_number.series > ? OR file_number.series = ? AND (file_number.number > ? OR file_number.number = ? AND item.id > ?))`,
			after.Series, after.Series, after.Number, after.Number, after.Item)
	}
	inSight(&p, s)
	p.add(` ORDER BY file_number.series, file_number.number, item.id LIMIT ?`, limit)
	return all(ctx, tx, func(s scanner) (n SeriesNumber, err error) {
		err = s.Scan(&n.Series, &n.Number, &n.Item, &n.AccessionNo, &n.ItemNo, &n.Camera, &n.Accession, at{&n.RecordedAt})
		return n, err
	}, p.text.String(), p.args...)
}

// Covered is a stretch of time that an item covers by its best known recording time.
type Covered struct {
	Item        string
	AccessionNo int64
	ItemNo      int64
	Camera      string
	From        time.Time
	Duration    time.Duration
	Source      string // where the recording time is known from
}

// To is the end of the stretch.
func (c Covered) To() time.Time { return c.From.Add(c.Duration) }

// CoverageQuery narrows what is covered. Empty fields do not narrow.
type CoverageQuery struct {
	Cameras    []string // "" is the items without one
	Accessions []string
	From, To   time.Time // stretches that have a part in it: From included, To not
}

// longest is how long before a moment a recording may have begun that still runs; nothing that is longer was ever one file.
const longest = 8 * 24 * time.Hour

// Coverage gives what items of the scope with a known recording time and a duration cover, by camera and time; at most limit.
func (tx *Tx) Coverage(ctx context.Context, s archive.Scope, q CoverageQuery, limit int) ([]Covered, error) {
	var p part
	p.add(`SELECT item.id, item.accession_no, item.number, item.camera, item.recorded_at, item.duration, item.recorded_source FROM item
		WHERE item.recorded_at IS NOT NULL AND item.duration > 0`)
	if !q.From.IsZero() {
		p.add(` AND item.sort_at > ? AND item.sort_at + item.duration > ?`, q.From.Add(-longest).UnixMicro(), q.From.UnixMicro())
	}
	p.addIf(!q.To.IsZero(), ` AND item.sort_at < ?`, us(q.To))
	in(&p, "item.camera", q.Cameras)
	in(&p, "item.accession_id", q.Accessions)
	inSight(&p, s)
	p.add(` ORDER BY item.camera, item.sort_at, item.id LIMIT ?`, limit)
	return all(ctx, tx, func(s scanner) (c Covered, err error) {
		var micros int64
		err = s.Scan(&c.Item, &c.AccessionNo, &c.ItemNo, &c.Camera, at{&c.From}, &micros, &c.Source)
		c.Duration = time.Duration(micros) * time.Microsecond
		return c, err
	}, p.text.String(), p.args...)
}

// CoverageSpan gives the earliest and the latest recording time of items of the scope; zero times if there are none.
func (tx *Tx) CoverageSpan(ctx context.Context, s archive.Scope, q CoverageQuery) (first, last time.Time, err error) {
	var p part
	p.add(`SELECT MIN(item.recorded_at), MAX(item.recorded_at) FROM item WHERE item.recorded_at IS NOT NULL AND item.duration > 0`)
	p.addIf(!q.From.IsZero(), ` AND item.sort_at >= ?`, us(q.From))
	p.addIf(!q.To.IsZero(), ` AND item.sort_at < ?`, us(q.To))
	in(&p, "item.camera", q.Cameras)
	in(&p, "item.accession_id", q.Accessions)
	inSight(&p, s)
	type span struct{ first, last time.Time }
	found, err := one(ctx, tx, func(s scanner) (v span, err error) { err = s.Scan(at{&v.first}, at{&v.last}); return v, err }, p.text.String(), p.args...)
	return found.first, found.last, err
}

// CoveredCamera is when the recordings of a camera begin and end.
type CoveredCamera struct {
	Camera      string
	First, Last time.Time // beginning of the first, end of the one that ends last
	Items       int
}

// CoveredCameras gives the cameras of items of the scope that begin within the query's times, by name.
func (tx *Tx) CoveredCameras(ctx context.Context, s archive.Scope, q CoverageQuery) ([]CoveredCamera, error) {
	var p part
	p.add(`SELECT item.camera, MIN(item.recorded_at), MAX(item.recorded_at + item.duration), COUNT(*) FROM item
		WHERE item.recorded_at IS NOT NULL AND item.duration > 0`)
	p.addIf(!q.From.IsZero(), ` AND item.sort_at >= ?`, us(q.From))
	p.addIf(!q.To.IsZero(), ` AND item.sort_at < ?`, us(q.To))
	in(&p, "item.camera", q.Cameras)
	in(&p, "item.accession_id", q.Accessions)
	inSight(&p, s)
	p.add(` GROUP BY item.camera ORDER BY item.camera`)
	return all(ctx, tx, func(s scanner) (c CoveredCamera, err error) {
		err = s.Scan(&c.Camera, at{&c.First}, at{&c.Last}, &c.Items)
		return c, err
	}, p.text.String(), p.args...)
}
