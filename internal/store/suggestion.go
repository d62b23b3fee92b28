package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
)

const suggestionColumns = `suggestion.id, suggestion.item_id, suggestion.kind, suggestion.score, suggestion.recipe, suggestion.recipe_version,
	suggestion.tool, suggestion.value, suggestion.state, suggestion.created_at, suggestion.decided_at, suggestion.decided_by, suggestion.why`

func scanSuggestion(s scanner) (g archive.Suggestion, err error) {
	err = s.Scan(&g.ID, &g.Item, &g.Kind, &g.Score, &g.Recipe, &g.RecipeVersion, &g.Tool, &g.Value, &g.State, at{&g.CreatedAt},
		at{&g.DecidedAt}, str{&g.DecidedBy}, &g.Why)
	return g, err
}

// SuggestionQuery narrows a list of suggestions. Empty fields do not narrow.
type SuggestionQuery struct {
	Item  string
	Kind  string
	State archive.SuggestionState
	Limit int    // 0: 100
	After string // identifier of the last suggestion of the page before
}

// AddSuggestions adds what a machine found, not decided whatever the State says. What it found before in the same item with the
// same kind and recipe gives way, unless somebody has decided on it. archive.ErrConflict if an item is erased.
func (tx *Tx) AddSuggestions(ctx context.Context, suggestions ...archive.Suggestion) error {
	type of struct{ item, kind, recipe string }
	cleared := map[of]bool{}
	rows := make([][]any, 0, len(suggestions))
	for _, g := range suggestions {
		fail := func(err error) error { return fmt.Errorf("add suggestion %s: %w", g.ID, err) }
		if err := archive.CheckID(archive.PrefixSuggestion, g.ID); err != nil {
			return err
		}
		i, err := tx.lockItem(ctx, g.Item)
		if err == nil && i.State == archive.ItemErased {
			err = archive.ErrConflict
		}
		if err != nil {
			return fail(err)
		}
		if k := (of{g.Item, g.Kind, g.Recipe}); !cleared[k] {
			cleared[k] = true
			if err := tx.DropSuggestions(ctx, g.Item, g.Kind, g.Recipe); err != nil {
				return fail(err)
			}
		}
		if g.Value == nil {
			g.Value = []byte{}
		}
		rows = append(rows, []any{g.ID, g.Item, g.Kind, g.Score, g.Recipe, g.RecipeVersion, g.Tool, g.Value, string(archive.Suggested), g.CreatedAt.UnixMicro()})
	}
	if err := tx.insert(ctx, "suggestion", `id, item_id, kind, score, recipe, recipe_version, tool, value, state, created_at`, rows); err != nil {
		return fmt.Errorf("add suggestions: %w", err)
	}
	return nil
}

// DropSuggestions takes away what nobody has decided on: of an item, a kind and a recipe, when a newer look found nothing.
func (tx *Tx) DropSuggestions(ctx context.Context, item, kind, recipe string) error {
	if _, err := tx.exec(ctx, `DELETE FROM suggestion WHERE item_id = $1 AND kind = $2 AND recipe = $3 AND state = 'suggested'`, item, kind, recipe); err != nil {
		return fmt.Errorf("drop suggestions of item %s: %w", item, err)
	}
	return nil
}

// inSight narrows a query over items joined as "item" to those that may be shown: within the scope, and not on the way to be
// erased.
func inSight(p *part, s archive.Scope) {
	within(p, s, func(c string) string { return "item." + c })
	p.add(` AND NOT EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = item.id AND erasure.state = 'approved')`)
}

// Suggestions gives suggestions about items of the scope, newest first.
func (tx *Tx) Suggestions(ctx context.Context, s archive.Scope, q SuggestionQuery) ([]archive.Suggestion, error) {
	var p part
	p.add(`SELECT ` + suggestionColumns + ` FROM suggestion JOIN item ON item.id = suggestion.item_id WHERE 1 = 1`)
	p.addIf(q.Item != "", ` AND suggestion.item_id = ?`, q.Item)
	p.addIf(q.Kind != "", ` AND suggestion.kind = ?`, q.Kind)
	p.addIf(q.State != "", ` AND suggestion.state = ?`, string(q.State))
	p.addIf(q.After != "", ` AND suggestion.id < ?`, q.After)
	inSight(&p, s)
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	p.add(` ORDER BY suggestion.id DESC LIMIT ?`, limit)
	return all(ctx, tx, scanSuggestion, p.text.String(), p.args...)
}

// SuggestionValues gives the values of the latest suggestions of a kind about items of an accession, dismissed ones left out. It is for
// programs that compare, not for readers.
func (tx *Tx) SuggestionValues(ctx context.Context, accession, kind string, limit int) ([][]byte, error) {
	return all(ctx, tx, value[[]byte], `SELECT suggestion.value FROM suggestion JOIN item ON item.id = suggestion.item_id
		WHERE item.accession_id = $1 AND item.state <> 'erased' AND suggestion.kind = $2 AND suggestion.state <> 'dismissed'
		ORDER BY suggestion.id DESC LIMIT $3`, accession, kind, limit)
}

// ConfirmedValues gives the values of confirmed suggestions of a kind by item, for items of the scope.
func (tx *Tx) ConfirmedValues(ctx context.Context, s archive.Scope, kind string, items []string) (map[string][]byte, error) {
	type row struct {
		item  string
		value []byte
	}
	out := map[string][]byte{}
	for chunk := range slices.Chunk(items, 250) {
		var p part
		p.add(`SELECT suggestion.item_id, suggestion.value FROM suggestion JOIN item ON item.id = suggestion.item_id
			WHERE suggestion.state = 'confirmed' AND suggestion.kind = ?`, kind)
		in(&p, "suggestion.item_id", chunk)
		inSight(&p, s)
		p.add(` ORDER BY suggestion.id`)
		found, err := all(ctx, tx, func(s scanner) (r row, err error) { err = s.Scan(&r.item, &r.value); return r, err }, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			out[r.item] = r.value
		}
	}
	return out, nil
}

// WithoutSuggestion gives items with a picture that no program has looked at for a kind of suggestion, or found nothing in, by
// identifier after the given one. It is for programs that catch up, not for readers.
func (tx *Tx) WithoutSuggestion(ctx context.Context, kind, after string, limit int) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT id FROM item WHERE kind = 'video' AND state IN ('browsable', 'ready') AND id > $1
		AND NOT EXISTS (SELECT 1 FROM suggestion WHERE suggestion.item_id = item.id AND suggestion.kind = $2) ORDER BY id LIMIT $3`, after, kind, limit)
}

// Suggestion gives one suggestion about an item of the scope; archive.ErrNotFound.
func (tx *Tx) Suggestion(ctx context.Context, s archive.Scope, id string) (archive.Suggestion, error) {
	var p part
	p.add(`SELECT `+suggestionColumns+` FROM suggestion JOIN item ON item.id = suggestion.item_id WHERE suggestion.id = ?`, id)
	inSight(&p, s)
	return one(ctx, tx, scanSuggestion, p.text.String(), p.args...)
}

// DecideSuggestion notes what somebody decided: archive.Confirmed or archive.Dismissed of one that is not decided, or
// archive.Suggested of one that is, which undoes the decision. archive.ErrConflict if it stands otherwise, archive.ErrNotFound.
func (tx *Tx) DecideSuggestion(ctx context.Context, id string, state archive.SuggestionState, who, why string, when time.Time) error {
	if err := tx.decide(ctx, "suggestion", id, state, who, why, when); err != nil {
		return fmt.Errorf("decide suggestion %s: %w", id, err)
	}
	return nil
}

// decide notes a decision in a row of a table whose rows are suggested, confirmed or dismissed.
func (tx *Tx) decide(ctx context.Context, table, id string, state archive.SuggestionState, who, why string, when time.Time) error {
	var n int64
	var err error
	switch {
	case state == archive.Suggested:
		n, err = tx.exec(ctx, `UPDATE `+table+` SET state = 'suggested', decided_at = NULL, decided_by = NULL, why = '' WHERE id = $1 AND state <> 'suggested'`, id)
	case (state == archive.Confirmed || state == archive.Dismissed) && who != "" && !when.IsZero():
		n, err = tx.exec(ctx, `UPDATE `+table+` SET state = $1, decided_at = $2, decided_by = $3, why = $4 WHERE id = $5 AND state = 'suggested'`,
			string(state), us(when), who, why, id)
	default:
		return fmt.Errorf("%w: a decision has a state, an agent and a time", archive.ErrInvalid)
	}
	if err == nil && n == 0 {
		if _, err = one(ctx, tx, value[string], `SELECT id FROM `+table+` WHERE id = $1`, id); err == nil {
			err = archive.ErrConflict
		}
	}
	return err
}

// SetRecording sets when the recording of an item began on the strength of a suggestion, and keeps what was known before.
// archive.ErrConflict if another suggestion stands for it already, or the item is erased.
func (tx *Tx) SetRecording(ctx context.Context, item, suggestion string, began time.Time, source string) error {
	fail := func(err error) error { return fmt.Errorf("set recording time of item %s: %w", item, err) }
	if began.IsZero() || source == "" {
		return fail(fmt.Errorf("%w: a time and where it is from are needed", archive.ErrInvalid))
	}
	i, err := tx.lockItem(ctx, item)
	if err != nil {
		return fail(err)
	}
	if _, set, err := tx.RecordingBefore(ctx, item); err != nil || set {
		if err == nil {
			err = archive.ErrConflict
		}
		return fail(err)
	}
	f := FactsOf(i)
	f.RecordedAt, f.RecordedSource = began, source
	if err := tx.SetItemFacts(ctx, item, f); err != nil {
		return err
	}
	if err := tx.insert(ctx, "recording_before", `item_id, suggestion_id, recorded_at, recorded_source`,
		[][]any{{item, suggestion, us(i.RecordedAt), i.RecordedSource}}); err != nil {
		return fail(err)
	}
	return nil
}

// Recording is what was known of the beginning of a recording before a suggestion was confirmed.
type Recording struct {
	Suggestion string // the one that was confirmed
	At         time.Time
	Source     string
}

// RecordingBefore gives what was known before; false if no confirmed suggestion stands for the recording time of the item.
func (tx *Tx) RecordingBefore(ctx context.Context, item string) (Recording, bool, error) {
	return maybe(one(ctx, tx, func(s scanner) (r Recording, err error) {
		err = s.Scan(&r.Suggestion, at{&r.At}, &r.Source)
		return r, err
	}, `SELECT suggestion_id, recorded_at, recorded_source FROM recording_before WHERE item_id = $1`, item))
}

// UndoRecording puts back what was known before the suggestion was confirmed; archive.ErrConflict if that suggestion does not
// stand for the recording time of the item.
func (tx *Tx) UndoRecording(ctx context.Context, item, suggestion string) error {
	fail := func(err error) error { return fmt.Errorf("put back recording time of item %s: %w", item, err) }
	i, err := tx.lockItem(ctx, item)
	if err != nil {
		return fail(err)
	}
	before, set, err := tx.RecordingBefore(ctx, item)
	if err == nil && (!set || before.Suggestion != suggestion) {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	f := FactsOf(i)
	f.RecordedAt, f.RecordedSource = before.At, before.Source
	if err := tx.SetItemFacts(ctx, item, f); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `DELETE FROM recording_before WHERE item_id = $1`, item); err != nil {
		return fail(err)
	}
	return nil
}

// NoteRecordingBefore changes what will be put back when a confirmed suggestion is undone, because a pass found out better; it
// says whether a suggestion stands, in which case the pass must leave the recording time of the item alone.
func (tx *Tx) NoteRecordingBefore(ctx context.Context, item string, began time.Time, source string) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE recording_before SET recorded_at = $1, recorded_source = $2 WHERE item_id = $3`, us(began), source, item)
	if err != nil {
		return false, fmt.Errorf("note recording time of item %s: %w", item, err)
	}
	return n > 0, nil
}

// eraseSuggestions takes away everything that machines read out of an item or its names.
func (tx *Tx) eraseSuggestions(ctx context.Context, item string) error {
	var errs error
	for _, table := range []string{"recording_before", "file_number", "suggestion"} {
		_, err := tx.exec(ctx, `DELETE FROM `+table+` WHERE item_id = $1`, item)
		errs = errors.Join(errs, err)
	}
	return errs
}
