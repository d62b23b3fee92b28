package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
)

const textTrackColumns = `text_track.id, text_track.item_id, text_track.kind, text_track.origin, text_track.state, text_track.reason, text_track.lang,
	text_track.title, text_track.author, text_track.recipe, text_track.recipe_version, text_track.tool, text_track.settings, text_track.sha256,
	text_track.spans, text_track.pieces, text_track.done_us, text_track.created_at, text_track.finished_at, text_track.superseded_at,
	text_track.chosen_at, text_track.chosen_by`

func scanTextTrack(s scanner) (t archive.TextTrack, err error) {
	var done int64
	err = s.Scan(&t.ID, &t.Item, &t.Kind, &t.Origin, &t.State, &t.Reason, &t.Lang, &t.Title, &t.Author, &t.Recipe, &t.RecipeVersion, &t.Tool,
		&t.Settings, &t.SHA256, &t.Spans, &t.Pieces, &done, at{&t.CreatedAt}, at{&t.FinishedAt}, at{&t.SupersededAt}, at{&t.ChosenAt}, str{&t.ChosenBy})
	t.Done = time.Duration(done) * time.Microsecond
	if len(t.SHA256) == 0 {
		t.SHA256 = nil
	}
	return t, err
}

const textSpanColumns = `text_span.id, text_span.item_id, text_track.kind, text_span.track_id, text_span.ordinal, text_span.from_us, text_span.to_us,
	text_span.page, text_span.region_x, text_span.region_y, text_span.region_w, text_span.region_h, text_span.lang, text_span.text, text_span.score,
	text_track.recipe, text_track.recipe_version, text_track.tool, text_span.version, text_span.author, text_span.changed_at`

func scanTextSpan(s scanner) (l archive.TextLine, err error) {
	var from, to int64
	err = s.Scan(&l.ID, &l.Item, &l.Kind, &l.Track, &l.Ordinal, &from, &to, &l.Page, &l.Region.X, &l.Region.Y, &l.Region.W, &l.Region.H, &l.Lang,
		&l.Text, &l.Score, &l.Recipe, &l.RecipeVersion, &l.Tool, &l.Version, &l.Author, at{&l.ChangedAt})
	l.From, l.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
	return l, err
}

// AddTextTrack adds a track without spans: waiting, of a machine, or done with what AddTextSpans then adds. archive.ErrExists if a machine's
// run with the same recipe and settings stands already, or the author brought the same file in before; archive.ErrConflict if the item
// is erased.
func (tx *Tx) AddTextTrack(ctx context.Context, t archive.TextTrack) error {
	fail := func(err error) error { return fmt.Errorf("add text track %s: %w", t.ID, err) }
	if err := archive.CheckID(archive.PrefixTextTrack, t.ID); err != nil {
		return err
	}
	i, err := tx.lockItem(ctx, t.Item)
	if err == nil && i.State == archive.ItemErased {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	var sum any
	if len(t.SHA256) > 0 {
		sum = t.SHA256
	}
	if err := tx.insert(ctx, "text_track", `id, item_id, kind, origin, state, reason, lang, title, author, recipe, recipe_version, tool, settings, sha256, created_at, finished_at`,
		[][]any{{t.ID, t.Item, t.Kind, t.Origin, t.State, t.Reason, t.Lang, t.Title, t.Author, t.Recipe, t.RecipeVersion, t.Tool, t.Settings, sum,
			t.CreatedAt.UnixMicro(), us(t.FinishedAt)}}); err != nil {
		return fail(err)
	}
	return nil
}

// TextTracks gives the tracks of an item in the scope, superseded ones left out: the chosen one of each kind first, then newest first.
func (tx *Tx) TextTracks(ctx context.Context, s archive.Scope, item string) ([]archive.TextTrack, error) {
	var p part
	p.add(`SELECT `+textTrackColumns+` FROM text_track JOIN item ON item.id = text_track.item_id WHERE text_track.item_id = ? AND text_track.superseded_at IS NULL`, item)
	inSight(&p, s)
	p.add(` ORDER BY text_track.kind DESC, CASE WHEN text_track.chosen_at IS NULL THEN 1 ELSE 0 END, text_track.id DESC`)
	return all(ctx, tx, scanTextTrack, p.text.String(), p.args...)
}

// TextTrack gives a track of an item in the scope; archive.ErrNotFound.
func (tx *Tx) TextTrack(ctx context.Context, s archive.Scope, id string) (archive.TextTrack, error) {
	var p part
	p.add(`SELECT `+textTrackColumns+` FROM text_track JOIN item ON item.id = text_track.item_id WHERE text_track.id = ?`, id)
	inSight(&p, s)
	return one(ctx, tx, scanTextTrack, p.text.String(), p.args...)
}

// MachineTrack gives the standing run of a recipe with these settings; archive.ErrNotFound. It is for programs, not for readers.
func (tx *Tx) MachineTrack(ctx context.Context, item, kind, recipe string, version int, settings string) (archive.TextTrack, error) {
	return one(ctx, tx, scanTextTrack, `SELECT `+textTrackColumns+` FROM text_track WHERE item_id = $1 AND kind = $2 AND recipe = $3 AND recipe_version = $4
		AND settings = $5 AND origin = 'machine' AND superseded_at IS NULL`, item, kind, recipe, version, settings)
}

// WaitTextTrack says why a run that is not done waits; an empty reason: it goes on.
func (tx *Tx) WaitTextTrack(ctx context.Context, id, reason string) error {
	_, err := tx.exec(ctx, `UPDATE text_track SET reason = $1 WHERE id = $2 AND state <> 'done'`, reason, id)
	if err != nil {
		return fmt.Errorf("wait with text track %s: %w", id, err)
	}
	return nil
}

// AddTextSpans adds spans at the end of a track, in their order; Ordinal is given here, Kind, Recipe and Tool are the track's. They can be found
// from then on. archive.ErrConflict if the track was superseded.
func (tx *Tx) AddTextSpans(ctx context.Context, track string, spans ...archive.TextSpan) error {
	fail := func(err error) error { return fmt.Errorf("add text to track %s: %w", track, err) }
	t, err := one(ctx, tx, scanTextTrack, `SELECT `+textTrackColumns+` FROM text_track WHERE id = $1`+tx.db.eng.lock(), track)
	if err != nil {
		return fail(err)
	}
	if !t.SupersededAt.IsZero() {
		return fail(archive.ErrConflict)
	}
	now := tx.Now().UnixMicro()
	rows := make([][]any, 0, len(spans))
	docs := make([]Doc, 0, len(spans))
	for i, g := range spans {
		if err := archive.CheckID(archive.PrefixTextSpan, g.ID); err != nil {
			return err
		}
		rows = append(rows, []any{g.ID, t.ID, t.Item, t.Spans + i + 1, g.From.Microseconds(), g.To.Microseconds(), g.Page, g.Region.X, g.Region.Y,
			g.Region.W, g.Region.H, g.Lang, g.Text, g.Score, 1, "", now})
		docs = append(docs, Doc{Kind: t.Kind, Ref: g.ID, Item: t.Item, From: g.From, To: g.To, Lang: g.Lang, Text: g.Text})
	}
	if err := tx.insert(ctx, "text_span", `id, track_id, item_id, ordinal, from_us, to_us, page, region_x, region_y, region_w, region_h, lang, text, score,
		version, author, changed_at`, rows); err != nil {
		return fail(err)
	}
	if _, err := tx.exec(ctx, `UPDATE text_track SET spans = spans + $1 WHERE id = $2`, len(spans), track); err != nil {
		return fail(err)
	}
	if err := tx.IndexDocs(ctx, docs...); err != nil {
		return fail(err)
	}
	return nil
}

// AddTextPiece notes that the words of a stretch of sound are there; archive.ErrExists if they were already.
func (tx *Tx) AddTextPiece(ctx context.Context, p archive.TextPiece) error {
	fail := func(err error) error { return fmt.Errorf("add piece %d of text track %s: %w", p.Ordinal, p.Track, err) }
	n, err := tx.exec(ctx, `INSERT INTO text_piece (track_id, ordinal, item_id, from_us, to_us, spans, made_at)
		SELECT id, $1, item_id, $2, $3, $4, $5 FROM text_track WHERE id = $6`, p.Ordinal, p.From.Microseconds(), p.To.Microseconds(), p.Spans, tx.Now().UnixMicro(), p.Track)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE text_track SET state = 'partial', reason = '', pieces = pieces + 1, done_us = $1 WHERE id = $2 AND state <> 'done'`, p.To.Microseconds(), p.Track)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// TextPieces gives the pieces of a track, in order.
func (tx *Tx) TextPieces(ctx context.Context, track string) ([]archive.TextPiece, error) {
	return all(ctx, tx, func(s scanner) (p archive.TextPiece, err error) {
		var from, to int64
		err = s.Scan(&p.Track, &p.Ordinal, &from, &to, &p.Spans)
		p.From, p.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
		return p, err
	}, `SELECT track_id, ordinal, from_us, to_us, spans FROM text_piece WHERE track_id = $1 ORDER BY ordinal`, track)
}

// FinishTextTrack says that a machine's run is done, in the language and with the program that turned out. Earlier runs of the same recipe give way:
// they are kept, and found no more. One in which a person corrected something stays beside it. If no track of the kind is chosen, or the one that gave way was, it becomes the current one.
func (tx *Tx) FinishTextTrack(ctx context.Context, id, lang, tool string) error {
	fail := func(err error) error { return fmt.Errorf("finish text track %s: %w", id, err) }
	t, err := one(ctx, tx, scanTextTrack, `SELECT `+textTrackColumns+` FROM text_track WHERE id = $1`+tx.db.eng.lock(), id)
	if err != nil {
		return fail(err)
	}
	now := tx.Now().UnixMicro()
	if _, err := tx.exec(ctx, `UPDATE text_track SET state = 'done', reason = '', lang = $1, tool = $2, finished_at = COALESCE(finished_at, $3) WHERE id = $4`, lang, tool, now, id); err != nil {
		return fail(err)
	}
	older, err := all(ctx, tx, value[string], `SELECT id FROM text_track WHERE item_id = $1 AND kind = $2 AND recipe = $3 AND origin = 'machine' AND superseded_at IS NULL AND id <> $4
		AND NOT EXISTS (SELECT 1 FROM text_span WHERE text_span.track_id = text_track.id AND text_span.version > 1)`,
		t.Item, t.Kind, t.Recipe, id)
	if err != nil {
		return fail(err)
	}
	for _, o := range older {
		if _, err := tx.exec(ctx, `UPDATE text_track SET superseded_at = $1, chosen_at = NULL, chosen_by = NULL WHERE id = $2`, now, o); err != nil {
			return fail(err)
		}
		refs, err := all(ctx, tx, value[string], `SELECT id FROM text_span WHERE track_id = $1`, o)
		if err == nil {
			err = tx.DropDocs(ctx, t.Kind, refs...)
		}
		if err != nil {
			return fail(err)
		}
	}
	if _, err := tx.exec(ctx, `UPDATE text_track SET chosen_at = $1, chosen_by = author WHERE id = $2 AND NOT EXISTS (SELECT 1 FROM text_track other
		WHERE other.item_id = text_track.item_id AND other.kind = text_track.kind AND other.chosen_at IS NOT NULL)`, now, id); err != nil {
		return fail(err)
	}
	return nil
}

// ChooseTextTrack makes a track the current one of its kind; archive.ErrConflict if it is not done, or superseded.
func (tx *Tx) ChooseTextTrack(ctx context.Context, id, who string, when time.Time) error {
	fail := func(err error) error { return fmt.Errorf("choose text track %s: %w", id, err) }
	t, err := one(ctx, tx, scanTextTrack, `SELECT `+textTrackColumns+` FROM text_track WHERE id = $1`, id)
	if err == nil && (t.State != archive.TextDone || !t.SupersededAt.IsZero()) {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	_, err = tx.exec(ctx, `UPDATE text_track SET chosen_at = NULL, chosen_by = NULL WHERE item_id = $1 AND kind = $2 AND chosen_at IS NOT NULL`, t.Item, t.Kind)
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE text_track SET chosen_at = $1, chosen_by = $2 WHERE id = $3`, when.UnixMicro(), who, id)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// TextSpanQuery narrows spans of a track.
type TextSpanQuery struct {
	Track string
	Page  int // 0: all
	After int // ordinal of the last span of the page before
	Limit int // 0: 500
}

// TextSpans gives spans of a track of an item in the scope, in order.
func (tx *Tx) TextSpans(ctx context.Context, s archive.Scope, q TextSpanQuery) ([]archive.TextLine, error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 500
	}
	var p part
	p.add(`SELECT `+textSpanColumns+` FROM text_span JOIN text_track ON text_track.id = text_span.track_id JOIN item ON item.id = text_span.item_id
		WHERE text_span.track_id = ? AND text_span.ordinal > ?`, q.Track, q.After)
	p.addIf(q.Page > 0, ` AND text_span.page = ?`, q.Page)
	inSight(&p, s)
	p.add(` ORDER BY text_span.ordinal LIMIT ?`, limit)
	return all(ctx, tx, scanTextSpan, p.text.String(), p.args...)
}

// TextSpan gives a span of an item in the scope; archive.ErrNotFound.
func (tx *Tx) TextSpan(ctx context.Context, s archive.Scope, id string) (archive.TextLine, error) {
	var p part
	p.add(`SELECT `+textSpanColumns+` FROM text_span JOIN text_track ON text_track.id = text_span.track_id JOIN item ON item.id = text_span.item_id WHERE text_span.id = ?`, id)
	inSight(&p, s)
	return one(ctx, tx, scanTextSpan, p.text.String(), p.args...)
}

// CorrectTextSpan puts another text in place of version `version` of a span, and keeps what it was. The search finds it by its new words.
// archive.ErrConflict if version is not the newest, or the track was superseded.
func (tx *Tx) CorrectTextSpan(ctx context.Context, id string, version int, text, who string, when time.Time) (archive.TextLine, error) {
	fail := func(err error) (archive.TextLine, error) {
		return archive.TextLine{}, fmt.Errorf("correct text span %s: %w", id, err)
	}
	l, err := one(ctx, tx, scanTextSpan, `SELECT `+textSpanColumns+` FROM text_span JOIN text_track ON text_track.id = text_span.track_id
		WHERE text_span.id = $1 AND text_track.superseded_at IS NULL`, id)
	if errors.Is(err, archive.ErrNotFound) {
		err = archive.ErrConflict
	}
	if err == nil && (l.Version != version || who == "") {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	if version == 1 { // what it was in the beginning
		if err := tx.insert(ctx, "text_span_version", `span_id, version, item_id, text, author, changed_at`, [][]any{{id, 1, l.Item, l.Text, "", l.ChangedAt.UnixMicro()}}); err != nil {
			return fail(err)
		}
	}
	l.Version, l.Text, l.Author, l.ChangedAt = version+1, text, who, when
	n, err := tx.exec(ctx, `UPDATE text_span SET version = $1, text = $2, author = $3, changed_at = $4 WHERE id = $5 AND version = $6`, l.Version, text, who, when.UnixMicro(), id, version)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err == nil {
		err = tx.insert(ctx, "text_span_version", `span_id, version, item_id, text, author, changed_at`, [][]any{{id, l.Version, l.Item, text, who, when.UnixMicro()}})
	}
	if err != nil {
		return fail(err)
	}
	if text == "" { // nothing is said there: nothing to be found
		err = tx.DropDocs(ctx, l.Kind, id)
	} else {
		err = tx.IndexDocs(ctx, Doc{Kind: l.Kind, Ref: id, Item: l.Item, From: l.From, To: l.To, Lang: l.Lang, Text: text})
	}
	if err != nil {
		return fail(err)
	}
	return l, nil
}

// TextVersion is what a span was.
type TextVersion struct {
	Version   int
	Text      string
	Author    string // empty: as the machine or the file had it
	ChangedAt time.Time
}

// TextSpanVersions gives every form of a span that somebody corrected, first one first; none of one that nobody touched.
func (tx *Tx) TextSpanVersions(ctx context.Context, s archive.Scope, id string) ([]TextVersion, error) {
	var p part
	p.add(`SELECT v.version, v.text, v.author, v.changed_at FROM text_span_version v JOIN item ON item.id = v.item_id WHERE v.span_id = ?`, id)
	inSight(&p, s)
	p.add(` ORDER BY v.version`)
	return all(ctx, tx, func(s scanner) (v TextVersion, err error) {
		err = s.Scan(&v.Version, &v.Text, &v.Author, at{&v.ChangedAt})
		return v, err
	}, p.text.String(), p.args...)
}

// WithoutText gives items of kinds, in order of their identifiers after one, of which no machine has made a finished text of a kind. It is for
// programs that put in jobs.
func (tx *Tx) WithoutText(ctx context.Context, kinds []archive.Kind, kind, after string, limit int) ([]string, error) {
	var p part
	p.add(`SELECT item.id FROM item WHERE item.state IN ('browsable', 'ready') AND item.id > ?`, after)
	in(&p, "item.kind", kinds)
	p.add(` AND NOT EXISTS (SELECT 1 FROM text_track WHERE text_track.item_id = item.id AND text_track.kind = ? AND text_track.origin = 'machine'
		AND text_track.state = 'done' AND text_track.superseded_at IS NULL)`, kind)
	p.add(` ORDER BY item.id LIMIT ?`, limit)
	return all(ctx, tx, value[string], p.text.String(), p.args...)
}

// eraseTexts takes every word of an item away.
func (tx *Tx) eraseTexts(ctx context.Context, item string) error {
	for _, table := range []string{"text_span_version", "text_span", "text_piece", "text_track"} {
		if _, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE item_id = $1`, item); err != nil {
			return fmt.Errorf("erase texts of item %s: %w", item, err)
		}
	}
	return nil
}
