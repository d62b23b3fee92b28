package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

const noteColumns = `note.id, note.item_id, note.author, note.version, note.frame_from, note.frame_to, note.from_us, note.to_us, note.region_x,
	note.region_y, note.region_w, note.region_h, note.page, note.body, note.tag, note.lang, note.created_at, note.changed_at, note.deleted_at`

func scanNote(s scanner) (n archive.Note, err error) {
	var from, to int64
	err = s.Scan(&n.ID, &n.Item, &n.Author, &n.Version, &n.FrameFrom, &n.FrameTo, &from, &to, &n.Region.X, &n.Region.Y, &n.Region.W, &n.Region.H,
		&n.Page, &n.Body, &n.Tag, &n.Lang, at{&n.CreatedAt}, at{&n.ChangedAt}, at{&n.DeletedAt})
	n.From, n.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
	return n, err
}

// NewNote is a note with the key under which its author's browser, or the file it was imported from, knows it.
type NewNote struct {
	archive.Note
	Key string
}

// AddNotes adds notes in their first version, whatever Version says; archive.ErrExists if the author has used a key before, on whatever item.
func (tx *Tx) AddNotes(ctx context.Context, notes ...NewNote) error {
	rows := make([][]any, 0, len(notes))
	first := make([]archive.Note, 0, len(notes))
	for _, n := range notes {
		if err := archive.CheckID(archive.PrefixNote, n.ID); err != nil {
			return err
		}
		n.Version = 1
		n.ChangedAt = n.CreatedAt
		rows = append(rows, []any{n.ID, n.Item, n.Author, n.Key, n.Version, n.FrameFrom, n.FrameTo, n.From.Microseconds(), n.To.Microseconds(),
			n.Region.X, n.Region.Y, n.Region.W, n.Region.H, n.Page, n.Body, n.Tag, n.Lang, n.CreatedAt.UnixMicro(), n.CreatedAt.UnixMicro()})
		first = append(first, n.Note)
	}
	err := tx.insert(ctx, "note", `id, item_id, author, author_key, version, frame_from, frame_to, from_us, to_us, region_x, region_y, region_w, region_h,
		page, body, tag, lang, created_at, changed_at`, rows)
	if err == nil {
		err = tx.addNoteVersions(ctx, first...)
	}
	if err != nil {
		return fmt.Errorf("add notes: %w", err)
	}
	return nil
}

const noteVersionColumns = `note_id, version, item_id, frame_from, frame_to, from_us, to_us, region_x, region_y, region_w, region_h, page, body, tag, lang, changed_at`

func (tx *Tx) addNoteVersions(ctx context.Context, notes ...archive.Note) error {
	rows := make([][]any, 0, len(notes))
	for _, n := range notes {
		rows = append(rows, []any{n.ID, n.Version, n.Item, n.FrameFrom, n.FrameTo, n.From.Microseconds(), n.To.Microseconds(),
			n.Region.X, n.Region.Y, n.Region.W, n.Region.H, n.Page, n.Body, n.Tag, n.Lang, n.ChangedAt.UnixMicro()})
	}
	return tx.insert(ctx, "note_version", noteVersionColumns, rows)
}

// Note gives a note whose item is in the scope, deleted or not; archive.ErrNotFound.
func (tx *Tx) Note(ctx context.Context, s archive.Scope, id string) (archive.Note, error) {
	var p part
	p.add(`SELECT `+noteColumns+` FROM note JOIN item ON item.id = note.item_id WHERE note.id = ?`, id)
	within(&p, s, func(c string) string { return "item." + c })
	return one(ctx, tx, scanNote, p.text.String(), p.args...)
}

// NoteByKey gives the note that an author sent before under a key, if its item is in the scope; archive.ErrNotFound.
func (tx *Tx) NoteByKey(ctx context.Context, s archive.Scope, author, key string) (archive.Note, error) {
	var p part
	p.add(`SELECT `+noteColumns+` FROM note JOIN item ON item.id = note.item_id WHERE note.author = ? AND note.author_key = ?`, author, key)
	within(&p, s, func(c string) string { return "item." + c })
	return one(ctx, tx, scanNote, p.text.String(), p.args...)
}

// Notes gives the notes on an item in the scope, deleted ones too, by where they begin.
func (tx *Tx) Notes(ctx context.Context, s archive.Scope, item string) ([]archive.Note, error) {
	var p part
	p.add(`SELECT `+noteColumns+` FROM note JOIN item ON item.id = note.item_id WHERE note.item_id = ?`, item)
	within(&p, s, func(c string) string { return "item." + c })
	p.add(` ORDER BY note.from_us, note.to_us, note.id`)
	return all(ctx, tx, scanNote, p.text.String(), p.args...)
}

// NoteVersions gives every version of a note whose item is in the scope, first one first. Author and CreatedAt are the note's.
func (tx *Tx) NoteVersions(ctx context.Context, s archive.Scope, id string) ([]archive.Note, error) {
	var p part
	p.add(`SELECT note.id, note.item_id, note.author, v.version, v.frame_from, v.frame_to, v.from_us, v.to_us, v.region_x, v.region_y, v.region_w,
		v.region_h, v.page, v.body, v.tag, v.lang, note.created_at, v.changed_at, note.deleted_at
		FROM note_version v JOIN note ON note.id = v.note_id JOIN item ON item.id = note.item_id WHERE v.note_id = ?`, id)
	within(&p, s, func(c string) string { return "item." + c })
	p.add(` ORDER BY v.version`)
	return all(ctx, tx, scanNote, p.text.String(), p.args...)
}

// ChangeNote puts another version of a note in place of version n.Version and gives it the next number. Item, author and time of
// creation stay what they were. archive.ErrConflict if n.Version is not the newest, or the note is deleted; archive.ErrNotFound.
func (tx *Tx) ChangeNote(ctx context.Context, n archive.Note) (archive.Note, error) {
	fail := func(err error) (archive.Note, error) {
		return archive.Note{}, fmt.Errorf("change note %s: %w", n.ID, err)
	}
	was, err := one(ctx, tx, scanNote, `SELECT `+noteColumns+` FROM note WHERE id = $1`+tx.db.eng.lock(), n.ID)
	if err != nil {
		return fail(err)
	}
	if was.Version != n.Version || !was.DeletedAt.IsZero() {
		return fail(archive.ErrConflict)
	}
	n.Item, n.Author, n.CreatedAt, n.DeletedAt = was.Item, was.Author, was.CreatedAt, time.Time{}
	n.Version++
	if _, err := tx.exec(ctx, `UPDATE note SET version = $1, frame_from = $2, frame_to = $3, from_us = $4, to_us = $5, region_x = $6, region_y = $7,
		region_w = $8, region_h = $9, page = $10, body = $11, tag = $12, lang = $13, changed_at = $14 WHERE id = $15`,
		n.Version, n.FrameFrom, n.FrameTo, n.From.Microseconds(), n.To.Microseconds(), n.Region.X, n.Region.Y, n.Region.W, n.Region.H, n.Page, n.Body,
		n.Tag, n.Lang, n.ChangedAt.UnixMicro(), n.ID); err != nil {
		return fail(err)
	}
	if err := tx.addNoteVersions(ctx, n); err != nil {
		return fail(err)
	}
	return n, nil
}

// DeleteNote marks a note as deleted, or, with the zero time, takes that back; false if it was so already.
func (tx *Tx) DeleteNote(ctx context.Context, id string, when time.Time) (bool, error) {
	where := ` AND deleted_at IS NULL`
	if when.IsZero() {
		where = ` AND deleted_at IS NOT NULL`
	}
	n, err := tx.exec(ctx, `UPDATE note SET deleted_at = $1 WHERE id = $2`+where, us(when), id)
	if err != nil {
		return false, fmt.Errorf("delete note %s: %w", id, err)
	}
	return n > 0, nil
}

// Reaction gives how long after seeing something a person presses a key, by their own setting; archive.ErrNotFound if they set none.
func (tx *Tx) Reaction(ctx context.Context, agent string) (time.Duration, error) {
	n, err := one(ctx, tx, value[int64], `SELECT reaction FROM note_person WHERE agent_id = $1`, agent)
	return time.Duration(n) * time.Microsecond, err
}

// SetReaction sets it; at most two seconds.
func (tx *Tx) SetReaction(ctx context.Context, agent string, d time.Duration, when time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO note_person (agent_id, reaction, changed_at) VALUES ($1, $2, $3)
		ON CONFLICT (agent_id) DO UPDATE SET reaction = excluded.reaction, changed_at = excluded.changed_at`, agent, d.Microseconds(), when.UnixMicro())
	if err != nil {
		return fmt.Errorf("set reaction time: %w", err)
	}
	return nil
}
