package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

// Fingerprint is what the catalogue holds of the fingerprint of an item: the runs for the index, sealed. The rest is a derivative.
type Fingerprint struct {
	Item       string
	Number     int64 // given by AddFingerprint; rises
	Derivative string
	Version    int
	Runs       []byte // sealed
}

func scanFingerprint(s scanner) (f Fingerprint, err error) {
	err = s.Scan(&f.Item, &f.Number, &f.Derivative, &f.Version, &f.Runs)
	return f, err
}

// AddFingerprint keeps the fingerprint of an item in the place of an earlier one, with the next number. Call it after the custody record
// was written to in the same transaction, which makes transactions wait for each other: numbers then become visible in their order.
// archive.ErrConflict if the item is erased.
func (tx *Tx) AddFingerprint(ctx context.Context, f Fingerprint) error {
	fail := func(err error) error { return fmt.Errorf("add fingerprint of item %s: %w", f.Item, err) }
	i, err := tx.lockItem(ctx, f.Item)
	if err == nil && i.State == archive.ItemErased {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	last, err := one(ctx, tx, value[int64], `SELECT COALESCE(MAX(number), 0) FROM fingerprint`)
	if err != nil {
		return fail(err)
	}
	if _, err := tx.exec(ctx, `DELETE FROM fingerprint WHERE item_id = $1`, f.Item); err != nil {
		return fail(err)
	}
	if err := tx.insert(ctx, "fingerprint", "item_id, number, derivative_id, recipe_version, runs",
		[][]any{{f.Item, last + 1, f.Derivative, f.Version, f.Runs}}); err != nil {
		return fail(err)
	}
	return nil
}

// Fingerprints gives fingerprints with a number above after, by number, at most limit of them, whatever the scope: they are for the
// index, and what it finds must be held against the scope.
func (tx *Tx) Fingerprints(ctx context.Context, after int64, limit int) ([]Fingerprint, error) {
	return all(ctx, tx, scanFingerprint, `SELECT item_id, number, derivative_id, recipe_version, runs FROM fingerprint WHERE number > $1 ORDER BY number LIMIT $2`, after, limit)
}

// FingerprintCount gives how many fingerprints there are and the highest number.
func (tx *Tx) FingerprintCount(ctx context.Context) (count, highest int64, err error) {
	type both struct{ n, high int64 }
	b, err := one(ctx, tx, func(s scanner) (b both, err error) { err = s.Scan(&b.n, &b.high); return b, err },
		`SELECT COUNT(*), COALESCE(MAX(number), 0) FROM fingerprint`)
	return b.n, b.high, err
}

// FingerprintedItems gives the items that have a fingerprint, in no order.
func (tx *Tx) FingerprintedItems(ctx context.Context) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT item_id FROM fingerprint`)
}

// VisibleFingerprints gives which of some items are within the scope and have a fingerprint, each with the derivative that holds it
// and without its runs.
func (tx *Tx) VisibleFingerprints(ctx context.Context, s archive.Scope, items []string) (map[string]Fingerprint, error) {
	out := map[string]Fingerprint{}
	if seesNothing(s) {
		return out, nil
	}
	for len(items) > 0 {
		n := min(len(items), 500)
		var p part
		p.add(`SELECT fingerprint.item_id, fingerprint.number, fingerprint.derivative_id, fingerprint.recipe_version FROM fingerprint JOIN item ON item.id = fingerprint.item_id WHERE 1 = 1`)
		in(&p, "fingerprint.item_id", items[:n])
		inSight(&p, s)
		found, err := all(ctx, tx, func(s scanner) (f Fingerprint, err error) {
			err = s.Scan(&f.Item, &f.Number, &f.Derivative, &f.Version)
			return f, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("find fingerprints: %w", err)
		}
		for _, f := range found {
			out[f.Item] = f
		}
		items = items[n:]
	}
	return out, nil
}

// ItemsWithoutFingerprint gives ready recordings that have none of the given version, in the order of their identifiers after one, at
// most limit.
func (tx *Tx) ItemsWithoutFingerprint(ctx context.Context, version int, after string, limit int) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT item.id FROM item LEFT JOIN fingerprint ON fingerprint.item_id = item.id
		WHERE item.kind = 'video' AND item.state = 'ready' AND item.id > $1 AND (fingerprint.item_id IS NULL OR fingerprint.recipe_version <> $2)
		ORDER BY item.id LIMIT $3`, after, version, limit)
}

// CopyLink says that two recordings hold the same footage, or a similar event.
type CopyLink struct {
	ID             string
	A, B           string // items; A is the lesser identifier
	Kind           string // "same" or "similar"
	Score          int
	Offset         time.Duration // to be added to a time in A to get the time in B
	CoverA, CoverB int           // shares of each that are the same, in thousandths
	Detail         []byte        // canonical JSON: spans, crops, mirror, overlay
	Recipe         string
	RecipeVersion  int
	Tool           string
	State          archive.SuggestionState
	CreatedAt      time.Time
	DecidedAt      time.Time
	DecidedBy      string
	Why            string
}

const copyLinkColumns = `copy_link.id, copy_link.item_a, copy_link.item_b, copy_link.kind, copy_link.score, copy_link.offset_us, copy_link.cover_a,
	copy_link.cover_b, copy_link.detail, copy_link.recipe, copy_link.recipe_version, copy_link.tool, copy_link.state, copy_link.created_at,
	copy_link.decided_at, copy_link.decided_by, copy_link.why`

func scanCopyLink(s scanner) (c CopyLink, err error) {
	var offset int64
	err = s.Scan(&c.ID, &c.A, &c.B, &c.Kind, &c.Score, &offset, &c.CoverA, &c.CoverB, &c.Detail, &c.Recipe, &c.RecipeVersion, &c.Tool, &c.State,
		at{&c.CreatedAt}, at{&c.DecidedAt}, str{&c.DecidedBy}, &c.Why)
	c.Offset = time.Duration(offset) * time.Microsecond
	return c, err
}

// copyLinksInSight begins a query over links both ends of which are within the scope. A link of which one end is outside does not exist
// for the reader: that there is a copy in an accession that they may not see must not show.
func copyLinksInSight(s archive.Scope) *part {
	p := &part{}
	p.add(`SELECT ` + copyLinkColumns + ` FROM copy_link JOIN item ON item.id = copy_link.item_a JOIN item AS other ON other.id = copy_link.item_b WHERE 1 = 1`)
	inSight(p, s)
	within(p, s, func(c string) string { return "other." + c })
	p.add(` AND NOT EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = other.id AND erasure.state = 'approved')`)
	return p
}

// PutCopyLink keeps what was found about two items. What was found before gives way unless somebody has decided on it; then nothing
// changes. It says whether it was kept. archive.ErrConflict if one of them is erased, archive.ErrInvalid.
func (tx *Tx) PutCopyLink(ctx context.Context, c CopyLink) (bool, error) {
	fail := func(err error) (bool, error) { return false, fmt.Errorf("keep link %s: %w", c.ID, err) }
	if err := archive.CheckID(archive.PrefixCopy, c.ID); err != nil {
		return false, err
	}
	if c.A >= c.B {
		return fail(fmt.Errorf("%w: ends out of order", archive.ErrInvalid))
	}
	for _, id := range []string{c.A, c.B} {
		i, err := tx.lockItem(ctx, id)
		if err == nil && i.State == archive.ItemErased {
			err = archive.ErrConflict
		}
		if err != nil {
			return fail(err)
		}
	}
	if _, err := tx.exec(ctx, `DELETE FROM copy_link WHERE item_a = $1 AND item_b = $2 AND state = 'suggested'`, c.A, c.B); err != nil {
		return fail(err)
	}
	decided, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM copy_link WHERE item_a = $1 AND item_b = $2`, c.A, c.B)
	if err != nil {
		return fail(err)
	}
	if decided > 0 {
		return false, nil
	}
	if err := tx.insert(ctx, "copy_link", `id, item_a, item_b, kind, score, offset_us, cover_a, cover_b, detail, recipe, recipe_version, tool, state, created_at`,
		[][]any{{c.ID, c.A, c.B, c.Kind, c.Score, c.Offset.Microseconds(), c.CoverA, c.CoverB, c.Detail, c.Recipe, c.RecipeVersion, c.Tool,
			string(archive.Suggested), c.CreatedAt.UnixMicro()}}); err != nil {
		return fail(err)
	}
	return true, nil
}

// CopyLinkQuery narrows a list of links. Empty fields do not narrow.
type CopyLinkQuery struct {
	Item  string
	Kind  string
	State archive.SuggestionState
	After string // identifier of the last one of the page before
	Limit int    // 0: 100
}

// CopyLinks gives links both ends of which are within the scope, newest first.
func (tx *Tx) CopyLinks(ctx context.Context, s archive.Scope, q CopyLinkQuery) ([]CopyLink, error) {
	if seesNothing(s) {
		return nil, nil
	}
	p := copyLinksInSight(s)
	p.addIf(q.Item != "", ` AND (copy_link.item_a = ? OR copy_link.item_b = ?)`, twice(q.Item)...)
	p.addIf(q.Kind != "", ` AND copy_link.kind = ?`, q.Kind)
	p.addIf(q.State != "", ` AND copy_link.state = ?`, string(q.State))
	p.addIf(q.After != "", ` AND copy_link.id < ?`, q.After)
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	p.add(` ORDER BY copy_link.id DESC LIMIT ?`, limit)
	return all(ctx, tx, scanCopyLink, p.text.String(), p.args...)
}

func twice(v any) []any { return []any{v, v} }

// CopyLink gives one link both ends of which are within the scope; archive.ErrNotFound.
func (tx *Tx) CopyLink(ctx context.Context, s archive.Scope, id string) (CopyLink, error) {
	if seesNothing(s) {
		return CopyLink{}, archive.ErrNotFound
	}
	p := copyLinksInSight(s)
	p.add(` AND copy_link.id = ?`, id)
	return one(ctx, tx, scanCopyLink, p.text.String(), p.args...)
}

// CopyLinkCounts counts the links within the scope by state.
func (tx *Tx) CopyLinkCounts(ctx context.Context, s archive.Scope) (map[archive.SuggestionState]int64, error) {
	out := map[archive.SuggestionState]int64{}
	if seesNothing(s) {
		return out, nil
	}
	p := copyLinksInSight(s)
	type row struct {
		state archive.SuggestionState
		n     int64
	}
	rows, err := all(ctx, tx, func(s scanner) (r row, err error) { err = s.Scan(&r.state, &r.n); return r, err },
		`SELECT state, COUNT(*) FROM (`+p.text.String()+`) AS seen GROUP BY state`, p.args...)
	for _, r := range rows {
		out[r.state] = r.n
	}
	return out, err
}

// DecideCopyLink notes what somebody decided, as DecideSuggestion does.
func (tx *Tx) DecideCopyLink(ctx context.Context, id string, state archive.SuggestionState, who, why string, when time.Time) error {
	if err := tx.decide(ctx, "copy_link", id, state, who, why, when); err != nil {
		return fmt.Errorf("decide link %s: %w", id, err)
	}
	return nil
}

// What makes two recordings fold into one row: the same footage from end to end, either confirmed by a person or beyond doubt for the
// machine. Clips and compilations are not folded: a film of ten recordings would hide them behind each other.
const (
	foldCover = 900
	foldScore = 950
)

// FoldLinks gives the links that fold some items with others, both ends within the scope.
func (tx *Tx) FoldLinks(ctx context.Context, s archive.Scope, items []string) ([]CopyLink, error) {
	var out []CopyLink
	if seesNothing(s) {
		return nil, nil
	}
	for len(items) > 0 {
		n := min(len(items), 250)
		for _, end := range []string{"item_a", "item_b"} {
			p := copyLinksInSight(s)
			in(p, "copy_link."+end, items[:n])
			p.add(` AND copy_link.kind = 'same' AND copy_link.cover_a >= ? AND copy_link.cover_b >= ?
				AND (copy_link.state = 'confirmed' OR copy_link.state = 'suggested' AND copy_link.score >= ?)`, foldCover, foldCover, foldScore)
			found, err := all(ctx, tx, scanCopyLink, p.text.String(), p.args...)
			if err != nil {
				return nil, fmt.Errorf("find what folds: %w", err)
			}
			out = append(out, found...)
		}
		items = items[n:]
	}
	return out, nil
}

// Matching gives those of some items that are within the scope and answer a query, whatever its order.
func (tx *Tx) Matching(ctx context.Context, s archive.Scope, q Query, items []string) ([]archive.Item, error) {
	span, err := q.check()
	if err != nil {
		return nil, fmt.Errorf("match items: %w", err)
	}
	if seesNothing(s) {
		return nil, nil
	}
	var out []archive.Item
	for len(items) > 0 {
		n := min(len(items), 500)
		p := &part{}
		p.add(`SELECT ` + itemColumns + ` FROM item WHERE 1 = 1`)
		in(p, "item.id", items[:n])
		inSight(p, s)
		for _, d := range q.dimensions() {
			in(p, "item."+d.column, d.values)
		}
		if span != nil {
			span.narrow(p, "item.")
		}
		p.addIf(!q.From.IsZero(), ` AND item.sort_at >= ?`, micro(q.From))
		p.addIf(!q.To.IsZero(), ` AND item.sort_at < ?`, micro(q.To))
		found, err := all(ctx, tx, scanItem, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("match items: %w", err)
		}
		out = append(out, found...)
		items = items[n:]
	}
	return out, nil
}

func micro(t time.Time) int64 { return t.UnixMicro() }

// eraseCopies destroys what is known of an item by its footage: its fingerprint and every link to it.
func (tx *Tx) eraseCopies(ctx context.Context, item string) error {
	for _, text := range []string{
		`DELETE FROM fingerprint WHERE item_id = $1`,
		`DELETE FROM copy_link WHERE item_a = $1`,
		`DELETE FROM copy_link WHERE item_b = $1`,
	} {
		if _, err := tx.exec(ctx, text, item); err != nil {
			return err
		}
	}
	return nil
}
