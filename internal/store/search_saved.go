package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
)

// SavedSearch is a search that an account keeps.
type SavedSearch struct {
	ID, Account, Name, Query string
	CreatedAt                time.Time
}

// AddSavedSearch keeps a search.
func (tx *Tx) AddSavedSearch(ctx context.Context, s SavedSearch) error {
	_, err := tx.exec(ctx, `INSERT INTO saved_search (id, account_id, name, query, created_at) VALUES ($1, $2, $3, $4, $5)`,
		s.ID, s.Account, s.Name, s.Query, us(s.CreatedAt))
	return err
}

// SavedSearches gives the searches of an account that are not deleted, newest first.
func (tx *Tx) SavedSearches(ctx context.Context, account string) ([]SavedSearch, error) {
	return all(ctx, tx, func(r scanner) (s SavedSearch, err error) {
		err = r.Scan(&s.ID, &s.Account, &s.Name, &s.Query, at{&s.CreatedAt})
		return s, err
	}, `SELECT id, account_id, name, query, created_at FROM saved_search WHERE account_id = $1 AND deleted_at IS NULL ORDER BY id DESC`, account)
}

// MarkSavedSearch deletes a search of an account, or brings it back with the zero time; archive.ErrNotFound.
func (tx *Tx) MarkSavedSearch(ctx context.Context, account, id string, deleted time.Time) error {
	n, err := tx.exec(ctx, `UPDATE saved_search SET deleted_at = $1 WHERE id = $2 AND account_id = $3`, us(deleted), id, account)
	if err == nil && n == 0 {
		return archive.ErrNotFound
	}
	return err
}

// ForgetSavedSearches removes what was deleted before a moment.
func (tx *Tx) ForgetSavedSearches(ctx context.Context, before time.Time) error {
	_, err := tx.exec(ctx, `DELETE FROM saved_search WHERE deleted_at < $1`, us(before))
	return err
}

// IndexItems makes the facts of items findable: reference, camera, format and the title of the accession, never names of files. Erased items
// are passed over.
func (tx *Tx) IndexItems(ctx context.Context, ids ...string) error {
	for chunk := range slices.Chunk(ids, 250) {
		p := &part{}
		p.add(`SELECT i.id, i.accession_no, i.number, i.camera, i.format, i.codec, i.sort_at, a.title FROM item i JOIN accession a ON a.id = i.accession_id
			WHERE i.state <> 'erased'`)
		in(p, "i.id", chunk)
		p.add(` ORDER BY i.id`)
		docs, err := all(ctx, tx, func(r scanner) (d Doc, err error) {
			var accession, number, sort int64
			var camera, format, codec, title string
			err = r.Scan(&d.Item, &accession, &number, &camera, &format, &codec, &sort, &title)
			d.Kind, d.Ref, d.At = DocItem, d.Item, time.UnixMicro(sort)
			d.Text = archive.Reference(accession, number)
			for _, s := range []string{camera, title, format, codec} {
				if s != "" {
					d.Text += " · " + s
				}
			}
			return d, err
		}, p.text.String(), p.args...)
		if err != nil {
			return fmt.Errorf("index items: %w", err)
		}
		if err := tx.IndexDocs(ctx, docs...); err != nil {
			return fmt.Errorf("index items: %w", err)
		}
	}
	return nil
}

// ItemsToIndex gives items, from an identifier on, whose facts cannot be found yet, and the identifier up to which all were looked at; empty
// when there are no more.
func (tx *Tx) ItemsToIndex(ctx context.Context, after string, limit int) (ids []string, next string, err error) {
	type row struct {
		id      string
		indexed int64
	}
	rows, err := all(ctx, tx, func(s scanner) (r row, err error) { err = s.Scan(&r.id, &r.indexed); return r, err },
		`SELECT i.id, CASE WHEN i.state = 'erased' OR EXISTS (SELECT 1 FROM search_doc d WHERE d.ref = i.id AND d.kind = 1) THEN 1 ELSE 0 END
			FROM item i WHERE i.id > $1 ORDER BY i.id LIMIT $2`, after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("find items to index: %w", err)
	}
	for _, r := range rows {
		if r.indexed == 0 {
			ids = append(ids, r.id)
		}
	}
	if len(rows) == limit {
		next = rows[limit-1].id
	}
	return ids, next, nil
}

// SearchTally says how much can be found.
type SearchTally struct {
	Docs, Old int64 // documents; those indexed by another version of the analyzer
}

// SearchTally counts documents.
func (tx *Tx) SearchTally(ctx context.Context, analyzer int) (SearchTally, error) {
	return one(ctx, tx, func(s scanner) (t SearchTally, err error) {
		err = s.Scan(&t.Docs, &t.Old)
		return t, err
	}, `SELECT COUNT(*), COALESCE(SUM(CASE WHEN analyzer <> $1 THEN 1 ELSE 0 END), 0) FROM search_doc`, analyzer)
}

// ReindexAll makes the words of all documents anew from their texts, in one transaction; report, if given, is told how many are done.
func (tx *Tx) ReindexAll(ctx context.Context, report func(done int64)) error {
	if err := tx.reindex(ctx, report); err != nil {
		return fmt.Errorf("make the index anew: %w", err)
	}
	return nil
}
