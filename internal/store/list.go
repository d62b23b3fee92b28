package store

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
)

// Order is the order of a list of items by their place in time.
type Order string

// Orders.
const (
	Newest Order = "newest" // the default
	Oldest Order = "oldest"
)

// Query narrows a list of items. Empty fields do not narrow; values of one field are alternatives.
type Query struct {
	Accessions   []string
	Kinds        []archive.Kind
	States       []archive.ItemState
	Cameras      []string  // "" names items without one
	Difficulties []int     // -1 names items not judged
	From, To     time.Time // of Item.SortTime; From included, To not
	Text         string    // the beginning of a reference: "Z3", "Z3-0004"
	Order        Order
}

// Cursor is a place in a list: the item after which the next page begins. With an empty ID it is a moment: the page
// begins with the items of that moment. The zero value is the beginning of the list, and as "next" its end.
type Cursor struct {
	At time.Time
	ID string
}

// IsZero says whether c is the beginning (or, as "next", the end) of the list.
func (c Cursor) IsZero() bool { return c.At.IsZero() && c.ID == "" }

// String writes a cursor for an address; "" for the zero value.
func (c Cursor) String() string {
	if c.IsZero() {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.At.UnixMicro(), 36) + "." + c.ID))
}

// ParseCursor reads what String wrote; archive.ErrInvalid.
func ParseCursor(s string) (Cursor, error) {
	if s == "" {
		return Cursor{}, nil
	}
	bad := fmt.Errorf("%w: place in a list", archive.ErrInvalid)
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return Cursor{}, bad
	}
	micros, id, ok := strings.Cut(string(raw), ".")
	n, err := strconv.ParseInt(micros, 36, 64)
	if !ok || err != nil || (id != "" && archive.CheckID(archive.PrefixItem, id) != nil) {
		return Cursor{}, bad
	}
	c := Cursor{At: time.UnixMicro(n).UTC(), ID: id}
	if c.String() != s {
		return Cursor{}, bad // one spelling only, so that addresses can be compared
	}
	return c, nil
}

// referenceSpan is what the beginning of a reference can mean: one accession, and within it one or more runs of
// numbers; from and to are the whole when there is one run.
type referenceSpan struct {
	accession int64
	whole     bool // the accession only
	from, to  int64
	runs      [][2]int64
}

// parseReference reads the beginning of a reference. Numbers are written with six digits, or more if they need them,
// so "Z3-0004" is 400 to 499 and nothing else, "Z3-12" is 120000 to 129999 and also 1200000 to 1299999 and so on.
func parseReference(text string) (referenceSpan, error) {
	bad := fmt.Errorf("%w: the beginning of a reference such as Z3-0004 was expected", archive.ErrInvalid)
	rest := strings.TrimSpace(text)
	if len(rest) < 2 || (rest[0] != 'Z' && rest[0] != 'z') {
		return referenceSpan{}, bad
	}
	a, digits, dashed := strings.Cut(rest[1:], "-")
	number, err := strconv.ParseInt(a, 10, 64)
	if err != nil || number < 1 || a[0] == '0' || a[0] == '+' {
		return referenceSpan{}, bad
	}
	s := referenceSpan{accession: number}
	if !dashed || digits == "" {
		s.whole = true
		s.to = 1 << 62
		return s, nil
	}
	if len(digits) > 12 || strings.Trim(digits, "0123456789") != "" {
		return referenceSpan{}, bad
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return referenceSpan{}, bad
	}
	longest := 9 // digits; a thousand million items in one accession
	if digits[0] == '0' {
		longest = 6 // only numbers of six digits begin with a zero
	}
	for length := max(6, len(digits)); length <= max(longest, len(digits)); length++ {
		lo, hi := n, n
		for range length - len(digits) {
			lo, hi = lo*10, hi*10+9
		}
		if len(digits) > 6 && digits[0] == '0' {
			return referenceSpan{}, bad
		}
		s.runs = append(s.runs, [2]int64{lo, hi})
		if len(digits) >= 6 {
			break // whole numbers as people say them
		}
	}
	s.from, s.to = s.runs[0][0], s.runs[len(s.runs)-1][1]
	return s, nil
}

func (s referenceSpan) narrow(p *part, prefix string) {
	p.add(" AND "+prefix+"accession_no = ?", s.accession)
	for i, r := range s.runs {
		p.addIf(i == 0, " AND (").addIf(i > 0, " OR ")
		p.add(prefix+"number BETWEEN ? AND ?", r[0], r[1])
	}
	p.addIf(len(s.runs) > 0, ")")
}

// dimension is one thing that items are narrowed by.
type dimension struct {
	column string
	values []any
	index  bool // an index begins with the column and holds these values
}

func (q Query) dimensions() []dimension {
	return []dimension{
		{"accession_id", anys(q.Accessions), true},
		{"kind", texts(q.Kinds), true},
		{"state", texts(q.States), true},
		{"camera", anys(q.Cameras), !slices.Contains(q.Cameras, "")},
		{"difficulty", anys(q.Difficulties), !slices.ContainsFunc(q.Difficulties, func(d int) bool { return d < 0 })},
	}
}

func anys[T any](values []T) (out []any) {
	for _, v := range values {
		out = append(out, v)
	}
	return out
}

func texts[T ~string](values []T) (out []any) {
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

// check refuses a query that is not well formed and reads its text.
func (q Query) check() (span *referenceSpan, err error) {
	if q.Order != "" && q.Order != Newest && q.Order != Oldest {
		return nil, fmt.Errorf("%w: order", archive.ErrInvalid)
	}
	for _, d := range q.dimensions() {
		if len(d.values) > 500 {
			return nil, fmt.Errorf("%w: more than 500 values of %s", archive.ErrInvalid, d.column)
		}
	}
	if strings.TrimSpace(q.Text) == "" {
		return nil, nil
	}
	s, err := parseReference(q.Text)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

// Items gives up to limit items (1 to 1,000) and where the next page begins.
//
// It walks the index of one dimension in order of time, the one that leaves the fewest items by the roll-up, one branch
// per value; the other dimensions are tested within that index, and rows are fetched for hits only.
func (tx *Tx) Items(ctx context.Context, s archive.Scope, q Query, place Cursor, limit int) ([]archive.Item, Cursor, error) {
	span, err := q.check()
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("list items: %w", err)
	}
	if limit < 1 || limit > 1000 {
		return nil, Cursor{}, fmt.Errorf("list items: %w: between 1 and 1,000 at a time", archive.ErrInvalid)
	}
	if seesNothing(s) {
		return nil, Cursor{}, nil
	}
	driving, total, err := tx.driving(ctx, s, q, span)
	if err != nil || total == 0 {
		return nil, Cursor{}, err
	}
	p := itemsQuery(s, q, span, place, limit+1, driving)
	items, err := all(ctx, tx, scanItem, p.text.String(), p.args...)
	if err != nil {
		return nil, Cursor{}, fmt.Errorf("list items: %w", err)
	}
	if len(items) <= limit {
		return items, Cursor{}, nil
	}
	items = items[:limit]
	last := items[limit-1]
	return items, Cursor{At: last.SortTime(), ID: last.ID}, nil
}

// Explain gives the plan that the engine makes for Items, a line each, for tests and for people who look for a slow list.
func (tx *Tx) Explain(ctx context.Context, s archive.Scope, q Query, place Cursor, limit int) ([]string, error) {
	span, err := q.check()
	if err != nil {
		return nil, err
	}
	driving, _, err := tx.driving(ctx, s, q, span)
	if err != nil {
		return nil, err
	}
	p := itemsQuery(s, q, span, place, limit+1, driving)
	if tx.db.sqlite != nil {
		return all(ctx, tx, func(r scanner) (line string, err error) {
			var id, parent, unused int64
			err = r.Scan(&id, &parent, &unused, &line)
			return line, err
		}, `EXPLAIN QUERY PLAN `+p.text.String(), p.args...)
	}
	return all(ctx, tx, value[string], `EXPLAIN `+p.text.String(), p.args...)
}

const mostBranches = 64

// driving chooses the dimension whose index is walked (-1: time alone) and says how many items the query leaves,
// dates and reference aside.
func (tx *Tx) driving(ctx context.Context, s archive.Scope, q Query, span *referenceSpan) (int, int64, error) {
	dims := q.dimensions()
	if !s.All && len(q.Accessions) == 0 {
		dims[0].values = anys(s.Accessions)
	}
	narrowed := false
	for _, d := range dims {
		narrowed = narrowed || len(d.values) > 0
	}
	if !narrowed {
		return -1, 1, nil
	}
	cells, err := tx.cells(ctx, s, Query{}, nil)
	if err != nil {
		return 0, 0, err
	}
	var total int64
	counts := make([]int64, len(dims))
	for _, c := range cells {
		every := true
		for i, d := range dims {
			has := len(d.values) == 0 || slices.Contains(d.values, c.values[i])
			every = every && has
			if has && len(d.values) > 0 {
				counts[i] += c.n
			}
		}
		if every {
			total += c.n
		}
	}
	best := -1
	for i, d := range dims {
		if len(d.values) == 0 || len(d.values) > mostBranches || !d.index {
			continue
		}
		if best < 0 || counts[i] < counts[best] {
			best = i
		}
	}
	_ = span // a reference narrows through its own unique index
	return best, total, nil
}

// itemsQuery writes the list: hits (place and identifier only) by branch, merged, then their rows.
func itemsQuery(s archive.Scope, q Query, span *referenceSpan, place Cursor, limit, driving int) *part {
	direction, beyond := "DESC", "<"
	if q.Order == Oldest {
		direction, beyond = "ASC", ">"
	}
	dims := q.dimensions()
	if !s.All && len(q.Accessions) == 0 {
		dims[0].values = anys(s.Accessions)
	}
	branches := []any{nil}
	if driving >= 0 {
		branches = dims[driving].values
	}
	p := &part{}
	// Merged and cut off before the rows are fetched, which cost far more than their places.
	p.add(`SELECT ` + itemColumns + ` FROM (SELECT sort_at, id FROM (`)
	for i, value := range branches {
		p.addIf(i > 0, ` UNION ALL `)
		p.add(`SELECT * FROM (SELECT sort_at, id FROM item WHERE 1 = 1`)
		for n, d := range dims {
			switch {
			case n == driving:
				p.add(` AND `+d.column+` = ?`, value)
				// Said again so that the index without these rows can be used.
				p.addIf(d.column == "camera", ` AND camera <> ''`)
				p.addIf(d.column == "difficulty", ` AND difficulty >= 0`)
			case len(d.values) > 0:
				in(p, hidden(d.column), d.values)
			}
		}
		within(p, s, hidden)
		if span != nil {
			span.narrow(p, "")
		}
		p.addIf(!q.From.IsZero(), ` AND sort_at >= ?`, q.From.UnixMicro())
		p.addIf(!q.To.IsZero(), ` AND sort_at < ?`, q.To.UnixMicro())
		switch {
		case place.ID != "":
			p.add(` AND (sort_at, id) `+beyond+` (?, ?)`, place.At.UnixMicro(), place.ID)
		case !place.At.IsZero():
			p.add(` AND sort_at `+beyond+`= ?`, place.At.UnixMicro())
		}
		p.add(` ORDER BY sort_at `+direction+`, id `+direction+` LIMIT ?) AS branch`, limit)
	}
	p.add(`) AS merged ORDER BY sort_at `+direction+`, id `+direction+` LIMIT ?) AS hit
		JOIN item ON item.id = hit.id ORDER BY hit.sort_at `+direction+`, hit.id `+direction, limit)
	return p
}

// hidden keeps the planner from choosing the index of a column that is only to be tested.
func hidden(column string) string {
	if column == "difficulty" {
		return "(difficulty + 0)"
	}
	return "(" + column + " || '')"
}

// Day is one day of recordings (UTC) and what it holds.
type Day struct {
	Day      string // 2020-07-27
	Count    int64
	Duration time.Duration
	Bytes    int64
}

// Totals sums up items.
type Totals struct {
	Count    int64
	Duration time.Duration
	Bytes    int64
}

// Facet is one value of a dimension and how many items have it.
type Facet struct {
	Value string
	Count int64
}

// Facets counts the items of each value of each dimension, most frequent first. Each dimension is counted under the
// filters of the other ones, so that a reader sees what else there is to choose.
type Facets struct {
	Kinds, States, Accessions, Cameras, Difficulties []Facet
}

// What sums are grouped by.
const (
	byNothing = ""
	byDay     = "day"
	byCell    = "accession_id, kind, state, camera, difficulty"
)

// sums writes a query for the number, duration and bytes of items by one of the above. It adds up pieces, each summed
// by itself: rows of the roll-up, and items for what a roll-up cannot know, which is a part of a day or a reference.
// Only the dimensions in dims narrow it.
func sums(s archive.Scope, q Query, span *referenceSpan, by string, dims []dimension) *part {
	p := &part{}
	columns, group := by, ""
	if by != byNothing {
		columns, group = by+", ", " GROUP BY "+by
	}
	p.add(`SELECT ` + columns + `CAST(COALESCE(SUM(n), 0) AS BIGINT), CAST(COALESCE(SUM(duration), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM (`)
	needDay, needCamera := by == byDay, by == byCell || len(q.Cameras) > 0
	addPieces(p, s, q, span, needDay, needCamera, func(table string, narrow func()) {
		n, bytes := "SUM(n)", "SUM(bytes)"
		if table == "item" {
			n, bytes = "COUNT(*)", "SUM(size)"
		}
		inner, innerGroup := columns, group
		if table == "item" && by == byDay {
			inner, innerGroup = dayText+" AS day, ", " GROUP BY "+dayText
		}
		p.add(`SELECT ` + inner + n + ` AS n, SUM(duration) AS duration, ` + bytes + ` AS bytes FROM ` + table + ` WHERE 1 = 1`)
		within(p, s, plain)
		for _, d := range dims {
			in(p, d.column, d.values)
		}
		narrow()
		p.add(innerGroup)
	})
	// What two people agreed to erase is listed for nobody, and so it is not counted either: the roll-up still has it.
	inner, innerGroup := columns, group
	if by == byDay {
		inner, innerGroup = dayText+" AS day, ", " GROUP BY "+dayText
	}
	p.add(` UNION ALL SELECT ` + inner + `-COUNT(*) AS n, -SUM(duration) AS duration, -SUM(size) AS bytes FROM item WHERE id IN (SELECT item_id FROM erasure WHERE state = 'approved')`)
	within(p, s, plain)
	for _, d := range dims {
		in(p, d.column, d.values)
	}
	p.addIf(!q.From.IsZero(), ` AND sort_at >= ?`, q.From.UnixMicro())
	p.addIf(!q.To.IsZero(), ` AND sort_at < ?`, q.To.UnixMicro())
	if span != nil && span.whole {
		p.add(` AND accession_id IN (SELECT id FROM accession WHERE number = ?)`, span.accession)
	} else if span != nil {
		span.narrow(p, "")
	}
	p.add(innerGroup)
	p.add(`) AS piece` + group)
	return p
}

// addPieces chooses the pieces of sums.
func addPieces(p *part, s archive.Scope, q Query, span *referenceSpan, needDay, needCamera bool, add func(table string, narrow func())) {
	pieces := 0
	piece := func(table string, narrow func()) {
		p.addIf(pieces > 0, ` UNION ALL `)
		pieces++
		add(table, func() {
			if span != nil && span.whole {
				p.add(` AND accession_id IN (SELECT id FROM accession WHERE number = ?)`, span.accession)
			}
			narrow()
		})
	}
	between := func(column string, from, to *int64) {
		if from != nil {
			p.add(` AND `+column+` >= ?`, *from)
		}
		if to != nil {
			p.add(` AND `+column+` < ?`, *to)
		}
	}
	// The range in microseconds, and in days that are wholly inside; nil where it is open.
	var from, to, first, last *int64
	if !q.From.IsZero() {
		from = new(q.From.UnixMicro())
		first = new(dayOf(*from + dayLength - 1))
	}
	if !q.To.IsZero() {
		to = new(q.To.UnixMicro())
		last = new(dayOf(*to))
	}
	itemsBetween := func(from, to *int64) {
		piece("item", func() {
			between("sort_at", from, to)
			if span != nil && !span.whole {
				span.narrow(p, "")
			}
		})
	}
	switch {
	case span != nil && !span.whole, first != nil && last != nil && *first > *last: // few, or all on one day
		itemsBetween(from, to)
		return
	case from == nil && to == nil && !needDay:
		piece("item_rollup_total", func() {})
		return
	}
	days := "item_rollup"
	if !needCamera {
		days = "item_rollup_day"
	}
	daysBetween := func(from, to *int64) { piece(days, func() { between("day", from, to) }) }
	var firstBlock, lastBlock *int64
	if first != nil {
		firstBlock = new(blockOf(*first + blockLength - 1))
	}
	if last != nil {
		lastBlock = new(blockOf(*last))
	}
	if needDay || !needCamera || (first != nil && last != nil && *firstBlock >= *lastBlock) {
		daysBetween(first, last)
	} else {
		piece("item_rollup_block", func() { between("block", firstBlock, lastBlock) })
		if first != nil {
			daysBetween(first, new(*firstBlock*blockLength))
		}
		if last != nil {
			daysBetween(new(*lastBlock*blockLength), last)
		}
	}
	if first != nil && *from != *first*dayLength {
		itemsBetween(from, new(*first*dayLength))
	}
	if last != nil && *to != *last*dayLength {
		itemsBetween(new(*last*dayLength), to)
	}
}

// Days gives the days that hold items, in the order of q.
func (tx *Tx) Days(ctx context.Context, s archive.Scope, q Query) ([]Day, error) {
	span, err := tx.prepareSums(ctx, q)
	if err != nil || seesNothing(s) {
		return nil, err
	}
	direction := "DESC"
	if q.Order == Oldest {
		direction = "ASC"
	}
	p := sums(s, q, span, byDay, q.dimensions()).add(` HAVING SUM(n) > 0 ORDER BY day ` + direction)
	days, err := all(ctx, tx, func(r scanner) (d Day, err error) {
		var day, duration int64
		err = r.Scan(&day, &d.Count, &duration, &d.Bytes)
		d.Day, d.Duration = dayName(day), time.Duration(duration)*time.Microsecond
		return d, err
	}, p.text.String(), p.args...)
	if err != nil {
		return nil, fmt.Errorf("list days: %w", err)
	}
	return days, nil
}

func (tx *Tx) prepareSums(ctx context.Context, q Query) (*referenceSpan, error) {
	span, err := q.check()
	if err != nil {
		return nil, err
	}
	return span, tx.flush(ctx)
}

// counted is the number of items of one combination of values, in the order of Query.dimensions.
type counted struct {
	values [5]any
	n      int64
}

// cells gives the combinations of values that there are under scope, dates and reference, whatever the other filters.
func (tx *Tx) cells(ctx context.Context, s archive.Scope, q Query, span *referenceSpan) ([]counted, error) {
	if err := tx.flush(ctx); err != nil {
		return nil, err
	}
	p := sums(s, q, span, byCell, nil)
	return all(ctx, tx, func(r scanner) (c counted, err error) {
		var accession, kind, state, camera string
		var difficulty int
		err = r.Scan(&accession, &kind, &state, &camera, &difficulty, &c.n, new(int64), new(int64))
		c.values = [5]any{accession, kind, state, camera, difficulty}
		return c, err
	}, p.text.String(), p.args...)
}

// Facets gives the counts per value.
func (tx *Tx) Facets(ctx context.Context, s archive.Scope, q Query) (Facets, error) {
	span, err := tx.prepareSums(ctx, q)
	if err != nil || seesNothing(s) {
		return Facets{}, err
	}
	cells, err := tx.cells(ctx, s, q, span)
	if err != nil {
		return Facets{}, fmt.Errorf("count facets: %w", err)
	}
	dims := q.dimensions()
	var sums [5]map[any]int64
	for i := range sums {
		sums[i] = map[any]int64{}
	}
	for _, c := range cells {
		misses, missed := 0, 0
		for i, d := range dims {
			if len(d.values) > 0 && !slices.Contains(d.values, c.values[i]) {
				misses, missed = misses+1, i
			}
		}
		for i := range dims {
			if misses == 0 || (misses == 1 && missed == i) {
				sums[i][c.values[i]] += c.n
			}
		}
	}
	return Facets{
		Accessions: ranked(sums[0]), Kinds: ranked(sums[1]), States: ranked(sums[2]),
		Cameras: ranked(sums[3]), Difficulties: ranked(sums[4]),
	}, nil
}

func ranked(sums map[any]int64) []Facet {
	out := make([]Facet, 0, len(sums))
	for v, n := range sums {
		if n > 0 {
			out = append(out, Facet{fmt.Sprint(v), n})
		}
	}
	slices.SortFunc(out, func(a, b Facet) int { return cmp.Or(-cmp.Compare(a.Count, b.Count), cmp.Compare(a.Value, b.Value)) })
	return out
}

// Count sums up all items of a query.
func (tx *Tx) Count(ctx context.Context, s archive.Scope, q Query) (Totals, error) {
	span, err := tx.prepareSums(ctx, q)
	if err != nil || seesNothing(s) {
		return Totals{}, err
	}
	p := sums(s, q, span, byNothing, q.dimensions())
	t, err := one(ctx, tx, func(r scanner) (t Totals, err error) {
		var duration int64
		err = r.Scan(&t.Count, &duration, &t.Bytes)
		t.Duration = time.Duration(duration) * time.Microsecond
		return t, err
	}, p.text.String(), p.args...)
	if err != nil {
		return Totals{}, fmt.Errorf("count items: %w", err)
	}
	return t, nil
}
