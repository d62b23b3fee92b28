package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"zapis/internal/archive"
)

// Opening is what opens a commitment of the custody record: the canonical event and its salt.
type Opening struct {
	Index      int64
	EventID    string
	Type       string
	Time       time.Time
	Agent      string
	Salt       []byte // 32 bytes
	Event      []byte // canonical bytes
	Subjects   []archive.Subject
	Commitment []byte // of the leaf with this index; filled when read, ignored when added
}

// Checkpoint is a signed statement about the tree of the custody record at a size.
type Checkpoint struct {
	Size int64
	Root []byte // 32 bytes
	Note []byte // C2SP signed note
	At   time.Time
}

const (
	openingColumns    = `custody_opening.position, event_id, type, at, agent, salt, event, commitment`
	subjectColumns    = `position, role, kind, subject_id`
	checkpointColumns = `size, root, note, at`
)

func scanOpening(s scanner) (o Opening, err error) {
	err = s.Scan(&o.Index, &o.EventID, &o.Type, at{&o.Time}, &o.Agent, &o.Salt, &o.Event, &o.Commitment)
	return o, err
}

type ownedSubject struct {
	index int64
	archive.Subject
}

func scanSubject(s scanner) (o ownedSubject, err error) {
	err = s.Scan(&o.index, &o.Role, &o.Kind, &o.ID)
	return o, err
}

func scanCheckpoint(s scanner) (c Checkpoint, err error) {
	err = s.Scan(&c.Size, &c.Root, &c.Note, at{&c.At})
	return c, err
}

// AppendLeaves adds commitments (32 bytes each) from index first on; archive.ErrExists if an index is taken.
func (tx *Tx) AppendLeaves(ctx context.Context, first int64, commitments ...[]byte) error {
	rows := make([][]any, len(commitments))
	for i, c := range commitments {
		rows[i] = []any{first + int64(i), c}
	}
	if err := tx.insert(ctx, "custody_leaf", "position, commitment", rows); err != nil {
		return fmt.Errorf("append leaf %d: %w", first, err)
	}
	return nil
}

// Leaves gives up to limit commitments from an index on; archive.ErrIntegrity if one is missing in between.
func (tx *Tx) Leaves(ctx context.Context, from int64, limit int) ([][]byte, error) {
	type leaf struct {
		index      int64
		commitment []byte
	}
	found, err := all(ctx, tx, func(s scanner) (l leaf, err error) { err = s.Scan(&l.index, &l.commitment); return l, err },
		`SELECT position, commitment FROM custody_leaf WHERE position >= $1 ORDER BY position LIMIT $2`, from, limit)
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(found))
	for i, l := range found {
		if l.index != from+int64(i) {
			return nil, fmt.Errorf("leaf %d is missing: %w", from+int64(i), archive.ErrIntegrity)
		}
		out[i] = l.commitment
	}
	return out, nil
}

// AddOpenings adds openings with their subjects; archive.ErrExists if an index or event is there.
func (tx *Tx) AddOpenings(ctx context.Context, o ...Opening) error {
	if len(o) == 0 {
		return nil
	}
	var openings, subjects [][]any
	for _, o := range o {
		openings = append(openings, []any{o.Index, o.EventID, o.Type, o.Time.UnixMicro(), o.Agent, o.Salt, o.Event})
		for n, s := range o.Subjects {
			subjects = append(subjects, []any{o.Index, n, s.Role, s.Kind, s.ID})
		}
	}
	if err := tx.insert(ctx, "custody_opening", "position, event_id, type, at, agent, salt, event", openings); err != nil {
		return fmt.Errorf("add opening %d: %w", o[0].Index, err)
	}
	if err := tx.insert(ctx, "custody_subject", "position, ordinal, role, kind, subject_id", subjects); err != nil {
		return fmt.Errorf("add subjects of opening %d: %w", o[0].Index, err)
	}
	return nil
}

// Openings gives up to limit openings from an index on, in order, with subjects and commitment. An opening without a
// leaf has no commitment.
func (tx *Tx) Openings(ctx context.Context, from int64, limit int) ([]Opening, error) {
	openings, err := all(ctx, tx, scanOpening, `SELECT `+openingColumns+` FROM custody_opening
		LEFT JOIN custody_leaf ON custody_leaf.position = custody_opening.position
		WHERE custody_opening.position >= $1 ORDER BY custody_opening.position LIMIT $2`, from, limit)
	if err != nil || len(openings) == 0 {
		return nil, err
	}
	last := openings[len(openings)-1].Index
	subjects, err := all(ctx, tx, scanSubject, `SELECT `+subjectColumns+` FROM custody_subject
		WHERE position BETWEEN $1 AND $2 ORDER BY position, ordinal`, from, last)
	if err != nil {
		return nil, err
	}
	place := make(map[int64]int, len(openings))
	for i, o := range openings {
		place[o.Index] = i
	}
	for _, s := range subjects {
		if i, ok := place[s.index]; ok {
			openings[i].Subjects = append(openings[i].Subjects, s.Subject)
		}
	}
	return openings, nil
}

// Opening gives the opening of one index; archive.ErrNotFound.
func (tx *Tx) Opening(ctx context.Context, index int64) (Opening, error) {
	found, err := tx.Openings(ctx, index, 1)
	if err == nil && (len(found) == 0 || found[0].Index != index) {
		err = archive.ErrNotFound
	}
	if err != nil {
		return Opening{}, err
	}
	return found[0], nil
}

// EventsOf gives the indexes of the events that name a subject, in order.
func (tx *Tx) EventsOf(ctx context.Context, kind, id string) ([]int64, error) {
	return all(ctx, tx, value[int64], `SELECT DISTINCT position FROM custody_subject WHERE subject_id = $1 AND kind = $2 ORDER BY position`, id, kind)
}

// AddHashes adds stored tree hashes from position first on; archive.ErrExists if a position is taken.
func (tx *Tx) AddHashes(ctx context.Context, first int64, h []tlog.Hash) error {
	rows := make([][]any, len(h))
	for i := range h {
		rows[i] = []any{first + int64(i), h[i][:]}
	}
	if err := tx.insert(ctx, "custody_hash", "position, hash", rows); err != nil {
		return fmt.Errorf("add tree hash %d: %w", first, err)
	}
	return nil
}

// Hashes gives the stored tree hashes at the given positions, in the order asked; archive.ErrNotFound if one is missing.
func (tx *Tx) Hashes(ctx context.Context, positions []int64) ([]tlog.Hash, error) {
	type stored struct {
		position int64
		hash     []byte
	}
	found := make(map[int64]tlog.Hash, len(positions))
	for chunk := range slices.Chunk(positions, 500) {
		var p part
		p.add(`SELECT position, hash FROM custody_hash WHERE 1 = 1`)
		in(&p, "position", chunk)
		rows, err := all(ctx, tx, func(s scanner) (r stored, err error) { err = s.Scan(&r.position, &r.hash); return r, err }, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			if len(r.hash) != tlog.HashSize {
				return nil, fmt.Errorf("tree hash %d: %w", r.position, archive.ErrIntegrity)
			}
			found[r.position] = tlog.Hash(r.hash)
		}
	}
	out := make([]tlog.Hash, len(positions))
	for i, p := range positions {
		h, ok := found[p]
		if !ok {
			return nil, fmt.Errorf("tree hash %d: %w", p, archive.ErrNotFound)
		}
		out[i] = h
	}
	return out, nil
}

// HashCount is the number of stored tree hashes.
func (tx *Tx) HashCount(ctx context.Context) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COUNT(*) FROM custody_hash`)
}

// LeafCount is the number of commitments.
func (tx *Tx) LeafCount(ctx context.Context) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COUNT(*) FROM custody_leaf`)
}

// Head gives the size of the tree; with lock no other transaction can append until this one ends.
func (tx *Tx) Head(ctx context.Context, lock bool) (int64, error) {
	text := `SELECT size FROM custody_head WHERE id = 1`
	if lock {
		text += tx.db.eng.lock()
	}
	return one(ctx, tx, value[int64], text)
}

// SetHead sets the size of the tree, which never shrinks; archive.ErrConflict.
func (tx *Tx) SetHead(ctx context.Context, size int64) error {
	n, err := tx.exec(ctx, `UPDATE custody_head SET size = $1 WHERE id = 1 AND size <= $2`, size, size)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("set the size of the custody record to %d: %w", size, err)
	}
	return nil
}

// AddCheckpoint adds a checkpoint; one of the same size and note is passed over.
func (tx *Tx) AddCheckpoint(ctx context.Context, c Checkpoint) error {
	n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM checkpoint WHERE size = $1 AND note = $2`, c.Size, c.Note)
	if err != nil || n > 0 {
		return err
	}
	if _, err := tx.exec(ctx, `INSERT INTO checkpoint (size, root, note, at) VALUES ($1, $2, $3, $4)`, c.Size, c.Root, c.Note, c.At.UnixMicro()); err != nil {
		return fmt.Errorf("add checkpoint %d: %w", c.Size, err)
	}
	return nil
}

// Checkpoints gives all checkpoints by size.
func (tx *Tx) Checkpoints(ctx context.Context) ([]Checkpoint, error) {
	return all(ctx, tx, scanCheckpoint, `SELECT `+checkpointColumns+` FROM checkpoint ORDER BY size, at, note`)
}

// LatestCheckpoint gives the checkpoint of the greatest size.
func (tx *Tx) LatestCheckpoint(ctx context.Context) (Checkpoint, bool, error) {
	return maybe(one(ctx, tx, scanCheckpoint, `SELECT `+checkpointColumns+` FROM checkpoint ORDER BY size DESC, at DESC, note LIMIT 1`))
}
