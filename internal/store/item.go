package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
)

const itemColumns = `item.id, item.accession_id, item.accession_no, item.number, item.kind, item.state, item.reason, item.size,
	item.sha256, item.object_id, item.envelope_id, item.received_at, item.recorded_at, item.recorded_source, item.duration,
	item.width, item.height, item.frame_rate, item.format, item.codec, item.camera, item.micro, item.anomalies,
	item.difficulty, item.copies,
	CASE WHEN item.state <> 'erased' AND EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = item.id AND erasure.state = 'approved') THEN 1 ELSE 0 END`

func scanItem(s scanner) (i archive.Item, err error) {
	var duration, erasing int64
	err = s.Scan(&i.ID, &i.Accession, &i.AccessionNo, &i.Number, &i.Kind, &i.State, &i.Reason, &i.Size,
		&i.SHA256, &i.Object.Object, &i.Object.Envelope, at{&i.ReceivedAt}, at{&i.RecordedAt}, &i.RecordedSource, &duration,
		&i.Width, &i.Height, &i.FrameRate, &i.Format, &i.Codec, &i.Camera, &i.Micro, &i.Anomalies,
		&i.Difficulty, &i.Copies, &erasing)
	i.Erasing = erasing != 0
	i.Duration = time.Duration(duration) * time.Microsecond
	return i, err
}

const itemInsertColumns = `id, accession_id, accession_no, number, kind, state, reason, size, sha256, object_id, envelope_id,
	received_at, recorded_at, recorded_source, duration, width, height, frame_rate, format, codec, camera, micro, anomalies,
	difficulty, copies, sort_at`

// itemRow is an item in the order of itemInsertColumns.
func itemRow(i archive.Item) []any {
	return []any{
		i.ID, i.Accession, i.AccessionNo, i.Number, string(i.Kind), string(i.State), i.Reason, i.Size, i.SHA256, i.Object.Object, i.Object.Envelope,
		i.ReceivedAt.UnixMicro(), us(i.RecordedAt), i.RecordedSource, i.Duration.Microseconds(), i.Width, i.Height, i.FrameRate, i.Format, i.Codec,
		i.Camera, blob(i.Micro), i.Anomalies, i.Difficulty, i.Copies, i.SortTime().UnixMicro(),
	}
}

// Facts is what the passes find out about an item. SetItemFacts replaces all of them. How hard it is to watch is none of them: people say that,
// and a pass that began before must not take it back.
type Facts struct {
	Kind           archive.Kind
	RecordedAt     time.Time // zero if not known
	RecordedSource string
	Duration       time.Duration // stored to the microsecond
	Width, Height  int
	FrameRate      float64
	Format, Codec  string
	Camera         string
	Micro          []byte // 144 bytes or none
	Anomalies      int
}

// FactsOf gives the facts of an item as it is, to change some and set them again.
func FactsOf(i archive.Item) Facts {
	return Facts{
		Kind: i.Kind, RecordedAt: i.RecordedAt, RecordedSource: i.RecordedSource, Duration: i.Duration,
		Width: i.Width, Height: i.Height, FrameRate: i.FrameRate, Format: i.Format, Codec: i.Codec, Camera: i.Camera,
		Micro: i.Micro, Anomalies: i.Anomalies,
	}
}

func (f Facts) check() error {
	if len(f.Micro) != 0 && len(f.Micro) != 144 {
		return fmt.Errorf("%w: a micro-thumbnail has 16 × 9 bytes", archive.ErrInvalid)
	}
	if f.Duration < 0 {
		return fmt.Errorf("%w: a negative duration", archive.ErrInvalid)
	}
	return nil
}

// AddItem adds an item and sets its Number and AccessionNo, and Kind, State and Copies where they are empty.
// archive.ErrExists if its bytes are held already (nothing was written, the transaction may go on; another transaction
// adding the same bytes at this moment makes this one fail with the same error), archive.ErrConflict if the accession
// is closed.
func (tx *Tx) AddItem(ctx context.Context, i *archive.Item) error {
	if err := archive.CheckID(archive.PrefixItem, i.ID); err != nil {
		return err
	}
	if err := FactsOf(*i).check(); err != nil {
		return fmt.Errorf("add item %s: %w", i.ID, err)
	}
	if _, held, err := tx.ItemByDigest(ctx, i.SHA256); err != nil || held {
		if err == nil {
			err = archive.ErrExists
		}
		return fmt.Errorf("add item %s: %w", i.ID, err)
	}
	type numbers struct{ accession, next int64 }
	n, err := one(ctx, tx, func(s scanner) (n numbers, err error) { err = s.Scan(&n.accession, &n.next); return n, err },
		`UPDATE accession SET next_item = next_item + 1 WHERE id = $1 AND state = 'open' RETURNING number, next_item`, i.Accession)
	if errors.Is(err, archive.ErrNotFound) {
		err = tx.changedOpen(ctx, 0, i.Accession)
	}
	if err != nil {
		return fmt.Errorf("add item %s: %w", i.ID, err)
	}
	i.AccessionNo, i.Number = n.accession, n.next-1
	if i.Kind == "" {
		i.Kind = archive.KindUnknown
	}
	if i.State == "" {
		i.State = archive.ItemSealed
	}
	i.Copies = max(i.Copies, 1)
	if err := tx.insert(ctx, "item", itemInsertColumns, [][]any{itemRow(*i)}); err != nil {
		return fmt.Errorf("add item %s: %w", i.ID, err)
	}
	tx.count(*i, 1)
	return nil
}

// Item gives one item of a scope; archive.ErrNotFound.
func (tx *Tx) Item(ctx context.Context, s archive.Scope, id string) (archive.Item, error) {
	var p part
	p.add(`SELECT `+itemColumns+` FROM item WHERE id = ?`, id)
	within(&p, s, plain)
	return one(ctx, tx, scanItem, p.text.String(), p.args...)
}

// ItemByDigest says whether bytes of this SHA-256 are held, in whatever state, erased ones excepted.
func (tx *Tx) ItemByDigest(ctx context.Context, sha256 []byte) (archive.Item, bool, error) {
	return maybe(one(ctx, tx, scanItem, `SELECT `+itemColumns+` FROM item WHERE sha256 = $1 AND state <> 'erased'`, sha256))
}

// maybe turns ErrNotFound into false.
func maybe[T any](v T, err error) (T, bool, error) {
	if errors.Is(err, archive.ErrNotFound) {
		return v, false, nil
	}
	return v, err == nil, err
}

// ItemByReference gives the item of a scope that is named so, as in Z3-000412; archive.ErrNotFound, archive.ErrInvalid.
func (tx *Tx) ItemByReference(ctx context.Context, s archive.Scope, ref string) (archive.Item, error) {
	span, err := parseReference(ref)
	if err != nil || span.from != span.to {
		return archive.Item{}, fmt.Errorf("%w: a reference such as Z3-000412 was expected", archive.ErrInvalid)
	}
	var p part
	p.add(`SELECT `+itemColumns+` FROM item WHERE accession_no = ? AND number = ?`, span.accession, span.from)
	within(&p, s, plain)
	return one(ctx, tx, scanItem, p.text.String(), p.args...)
}

// ItemOfObject gives the item sealed as the given object.
func (tx *Tx) ItemOfObject(ctx context.Context, object string) (archive.Item, bool, error) {
	return maybe(one(ctx, tx, scanItem, `SELECT `+itemColumns+` FROM item WHERE object_id = $1 ORDER BY id LIMIT 1`, object))
}

// lockItem gives an item whatever its scope and holds it until the end of the transaction.
func (tx *Tx) lockItem(ctx context.Context, id string) (archive.Item, error) {
	return one(ctx, tx, scanItem, `SELECT `+itemColumns+` FROM item WHERE id = $1`+tx.db.eng.lock(), id)
}

// SetItemFacts replaces the facts of an item and moves its counts in the roll-up; archive.ErrConflict if it is erased.
func (tx *Tx) SetItemFacts(ctx context.Context, id string, f Facts) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("facts of item %s: %w", id, err)
	}
	i, err := tx.lockItem(ctx, id)
	if err != nil {
		return fmt.Errorf("facts of item %s: %w", id, err)
	}
	if i.State == archive.ItemErased {
		return fmt.Errorf("facts of item %s: it is erased: %w", id, archive.ErrConflict)
	}
	was := i
	i.Kind, i.RecordedAt, i.RecordedSource, i.Duration = f.Kind, f.RecordedAt, f.RecordedSource, f.Duration.Truncate(time.Microsecond)
	i.Width, i.Height, i.FrameRate, i.Format, i.Codec = f.Width, f.Height, f.FrameRate, f.Format, f.Codec
	i.Camera, i.Micro, i.Anomalies = f.Camera, f.Micro, f.Anomalies
	if i.Kind == "" {
		i.Kind = archive.KindUnknown
	}
	_, err = tx.exec(ctx, `UPDATE item SET kind = $1, recorded_at = $2, recorded_source = $3, duration = $4, width = $5, height = $6,
		frame_rate = $7, format = $8, codec = $9, camera = $10, micro = $11, anomalies = $12, sort_at = $13
		WHERE id = $14`,
		string(i.Kind), us(i.RecordedAt), i.RecordedSource, i.Duration.Microseconds(), i.Width, i.Height, i.FrameRate, i.Format, i.Codec,
		i.Camera, blob(i.Micro), i.Anomalies, i.SortTime().UnixMicro(), id)
	if err != nil {
		return fmt.Errorf("facts of item %s: %w", id, err)
	}
	tx.count(was, -1)
	tx.count(i, 1)
	return nil
}

// GradeItem says how hard an item is to watch, from 0 to archive.Hardest or archive.Unjudged, moves its counts in the roll-up, and gives what was said
// before. archive.ErrNotFound; archive.ErrInvalid; archive.ErrConflict if it is erased.
func (tx *Tx) GradeItem(ctx context.Context, id string, difficulty int) (was int, err error) {
	fail := func(err error) (int, error) { return 0, fmt.Errorf("grade item %s: %w", id, err) }
	if difficulty < archive.Unjudged || difficulty > archive.Hardest {
		return fail(archive.ErrInvalid)
	}
	i, err := tx.lockItem(ctx, id)
	if err != nil {
		return fail(err)
	}
	if i.State == archive.ItemErased {
		return fail(fmt.Errorf("it is erased: %w", archive.ErrConflict))
	}
	if _, err := tx.exec(ctx, `UPDATE item SET difficulty = $1 WHERE id = $2`, difficulty, id); err != nil {
		return fail(err)
	}
	was = i.Difficulty
	tx.count(i, -1)
	i.Difficulty = difficulty
	tx.count(i, 1)
	return was, nil
}

// MoveItem moves an item to another state for a reason code; archive.ErrConflict if the way is not allowed,
// archive.ErrNotFound.
func (tx *Tx) MoveItem(ctx context.Context, id string, to archive.ItemState, reason string) error {
	i, err := tx.lockItem(ctx, id)
	if err != nil {
		return fmt.Errorf("move item %s: %w", id, err)
	}
	if !i.State.CanMove(to) {
		return fmt.Errorf("move item %s from %s to %s: %w", id, i.State, to, archive.ErrConflict)
	}
	if _, err := tx.exec(ctx, `UPDATE item SET state = $1, reason = $2 WHERE id = $3`, string(to), reason, id); err != nil {
		return fmt.Errorf("move item %s: %w", id, err)
	}
	tx.count(i, -1)
	i.State = to
	tx.count(i, 1)
	return nil
}

// AddCopy adds n to the number of files found with the bytes of an item; archive.ErrNotFound.
func (tx *Tx) AddCopy(ctx context.Context, id string, n int) error {
	changed, err := tx.exec(ctx, `UPDATE item SET copies = copies + $1 WHERE id = $2`, n, id)
	if err == nil && changed == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("count copies of item %s: %w", id, err)
	}
	return nil
}

// AddSynthetic adds items in bulk for measurements: without looking for their digests first, and without lines in the
// manifest. Everything else, the roll-up included, is as with AddItem.
func (tx *Tx) AddSynthetic(ctx context.Context, items []archive.Item) error {
	numbers, next := map[string]int64{}, map[string]int64{}
	rows := make([][]any, 0, len(items))
	for _, i := range items {
		if _, ok := numbers[i.Accession]; !ok {
			type both struct{ number, next int64 }
			b, err := one(ctx, tx, func(s scanner) (b both, err error) { err = s.Scan(&b.number, &b.next); return b, err },
				`SELECT number, next_item FROM accession WHERE id = $1`+tx.db.eng.lock(), i.Accession)
			if err != nil {
				return fmt.Errorf("add synthetic items: %w", err)
			}
			numbers[i.Accession], next[i.Accession] = b.number, b.next
		}
		i.AccessionNo, i.Number = numbers[i.Accession], next[i.Accession]
		next[i.Accession]++
		rows = append(rows, itemRow(i))
		tx.count(i, 1)
	}
	if err := tx.insert(ctx, "item", itemInsertColumns, rows); err != nil {
		return fmt.Errorf("add synthetic items: %w", err)
	}
	for id, n := range next {
		if _, err := tx.exec(ctx, `UPDATE accession SET next_item = $1 WHERE id = $2`, n, id); err != nil {
			return fmt.Errorf("add synthetic items: %w", err)
		}
	}
	return nil
}
