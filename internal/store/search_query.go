package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/language"
)

// Condition is a node of a search: what a document must be like. The zero value holds for every document.
type Condition struct {
	Op   string // All, Any, Not, or what the leaf asks
	Kids []Condition

	Phrases  []Phrase // HasText: any of these
	Values   []string // of the other leaves: any of these
	Entities []string // HasAbout
	Cameras  []string // HasAbout
	From, To time.Time
}

// What a condition asks.
const (
	AllOf = "all"
	AnyOf = "any"
	NotOf = "not" // one kid

	HasText       = "text"
	HasDocKind    = "doc kind"
	HasItemKind   = "item kind"   // video, audio, image, document, unknown
	HasEntityKind = "entity kind" // incident, person…
	HasAccession  = "accession"   // identifiers
	HasCamera     = "camera"      // labels
	HasAbout      = "about"       // what is said of these entities, items (Values) and cameras
	HasCertainty  = "certainty"
	HasTime       = "time" // From included, To not; zero: open
	HasDifficulty = "difficulty"
	HasAuthor     = "author" // agents
	HasThing      = "thing"  // Values: clock, copies, notes, transcript, ocr, date
	HasName       = "name"   // the document is a name
	HasNothing    = "nothing"
)

// Phrase is words that follow each other; each may be any of several.
type Phrase struct {
	Words  [][]string
	Prefix bool // the last word is only begun
}

// Hit is a document that was found.
type Hit struct {
	N          int64
	Kind, Ref  string
	Item       string // identifier; empty if it belongs to none
	Reference  string // Z3-000412
	Accession  string
	ItemKind   archive.Kind
	Camera     string
	Difficulty int
	Entity     string
	EntityKind archive.EntityKind
	EntityCode string
	Claim      string
	Property   string // of the claim
	Certainty  archive.Certainty
	At         time.Time // when it was recorded, or what the text says of its time; zero: not known
	From, To   time.Duration
	Lang       string
	Name       bool
	Text       string // of the part that was found; only of those asked for by SearchTexts
}

// Search gives the newest documents within a scope that meet a condition, newest first by the order in which they were added, up to limit.
// marks narrows within the index to what the scope may hold at all; what it does hold is decided row by row.
func (tx *Tx) Search(ctx context.Context, s archive.Scope, c Condition, limit int) ([]Hit, error) {
	if limit < 1 || limit > 10_000 {
		return nil, fmt.Errorf("search: %w: limit", archive.ErrInvalid)
	}
	accessions, err := tx.accessionNumbers(ctx, s.Accessions)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	p, err := tx.searchQuery(ctx, s, c, accessions, func(p *part) {
		p.add(`SELECT d.n, d.kind, d.ref, COALESCE(i.id, ''), COALESCE(i.accession_id, ''), d.accession_no, d.item_no, COALESCE(i.kind, ''), COALESCE(i.camera, ''),
			COALESCE(i.difficulty, -1), d.entity_id, COALESCE(e.kind, ''), COALESCE(e.code, ''), d.claim_id, COALESCE(c.property, ''), COALESCE(c.certainty, ''),
			CASE WHEN i.id IS NOT NULL THEN COALESCE(i.recorded_at, 0) WHEN c.earliest IS NOT NULL THEN c.earliest ELSE d.at END, d.from_us, d.to_us, d.lang, d.name, ''`)
	})
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	p.add(` LIMIT ?`, limit)
	hits, err := all(ctx, tx, scanHit, p.text.String(), p.args...)
	if err != nil {
		return nil, fmt.Errorf("search: %w", err)
	}
	return hits, nil
}

// SearchTexts adds the texts of hits of the same transaction, which are the reader's to see.
func (tx *Tx) SearchTexts(ctx context.Context, hits []*Hit) error {
	type row struct {
		n    int64
		text string
	}
	for chunk := range slices.Chunk(hits, 250) {
		byNumber := make(map[int64]*Hit, len(chunk))
		numbers := make([]int64, 0, len(chunk))
		for _, h := range chunk {
			byNumber[h.N] = h
			numbers = append(numbers, h.N)
		}
		p := &part{}
		p.add(`SELECT n, text FROM search_text WHERE 1 = 1`)
		in(p, "n", numbers)
		found, err := all(ctx, tx, func(s scanner) (r row, err error) {
			err = s.Scan(&r.n, &r.text)
			return r, err
		}, p.text.String(), p.args...)
		if err != nil {
			return fmt.Errorf("texts of hits: %w", err)
		}
		for _, r := range found {
			byNumber[r.n].Text = r.text
		}
	}
	return nil
}

func scanHit(s scanner) (h Hit, err error) {
	var kind int
	var accession, number, at, from, to, name int64
	err = s.Scan(&h.N, &kind, &h.Ref, &h.Item, &h.Accession, &accession, &number, (*string)(&h.ItemKind), &h.Camera, &h.Difficulty, &h.Entity,
		(*string)(&h.EntityKind), &h.EntityCode, &h.Claim, &h.Property, (*string)(&h.Certainty), &at, &from, &to, &h.Lang, &name, &h.Text)
	if err != nil {
		return h, err
	}
	if kind >= 1 && kind <= len(docKinds) {
		h.Kind = docKinds[kind-1]
	}
	if accession > 0 {
		h.Reference = archive.Item{AccessionNo: accession, Number: number}.Reference()
	}
	if at != 0 {
		h.At = time.UnixMicro(at).UTC()
	}
	h.From, h.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
	h.Name = name != 0
	return h, nil
}

func (tx *Tx) accessionNumbers(ctx context.Context, ids []string) ([]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var out []int64
	for chunk := range slices.Chunk(ids, 250) {
		p := &part{}
		p.add(`SELECT number FROM accession WHERE 1 = 1`)
		in(p, "id", chunk)
		p.add(` ORDER BY number`)
		found, err := all(ctx, tx, value[int64], p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// textOfDoc is asked for rows that are given and not for those that are passed over.
const textOfDoc = `(SELECT t.text FROM search_text t WHERE t.n = d.n)`

// searchQuery writes the question for documents within a scope that meet a condition, without a limit.
func (tx *Tx) searchQuery(ctx context.Context, s archive.Scope, c Condition, accessions []int64, columns func(*part)) (*part, error) {
	if err := tx.planRows(ctx); err != nil {
		return nil, err
	}
	words, rest := split(c)
	erasing, err := all(ctx, tx, value[string], `SELECT item_id FROM erasure WHERE state = 'approved' ORDER BY item_id LIMIT $1`, mostErasing+1)
	if err != nil {
		return nil, err
	}
	p := &part{}
	columns(p)
	tables := ` LEFT JOIN item i ON d.accession_no > 0 AND i.accession_no = d.accession_no AND i.number = d.item_no
		LEFT JOIN entity e ON d.entity_id <> '' AND e.id = d.entity_id LEFT JOIN claim c ON d.claim_id <> '' AND c.id = d.claim_id`
	marks := scopeMarks(s, accessions)
	w := writer{tx: tx}
	switch {
	case len(words) == 0:
		p.add(` FROM search_doc d` + tables + ` WHERE 1 = 1`)
	case tx.db.sqlite != nil:
		// CROSS JOIN keeps the planner from turning the order round: the index gives its documents newest first.
		p.add(` FROM search_index f CROSS JOIN search_doc d ON d.n = f.rowid`+tables+` WHERE f.search_index MATCH ?`, w.text(words, marks))
	default:
		p.add(` FROM search_index f JOIN search_doc d ON d.n = f.n`+tables+` WHERE f.tokens @@ ?::tsquery`, w.text(words, marks))
	}
	withinDocs(p, s, erasing)
	for _, k := range rest {
		p.add(` AND `)
		if err := w.condition(p, k, 0); err != nil {
			return nil, err
		}
	}
	switch {
	case len(words) == 0:
		p.add(` ORDER BY d.n DESC`)
	case tx.db.sqlite != nil:
		p.add(` ORDER BY f.rowid DESC`)
	default:
		p.add(` ORDER BY f.n DESC`)
	}
	return p, nil
}

// withinDocs narrows documents to those that a reader may see. d, i, e and c are the document and the item, entity and claim that it belongs
// to. What it belongs to must be there and be seen; belonging to nothing, it is seen by nobody.
//
// erasing are the items that two people agreed to erase, as this transaction sees them: asked once, and not with every row.
func withinDocs(p *part, s archive.Scope, erasing []string) {
	p.add(` AND (d.accession_no > 0 OR d.entity_id <> '')`)
	p.add(` AND (d.accession_no = 0 OR (i.id IS NOT NULL`)
	within(p, s, func(c string) string { return "i." + c })
	switch {
	case len(erasing) > mostErasing:
		p.add(` AND NOT EXISTS (SELECT 1 FROM erasure gone WHERE gone.item_id = i.id AND gone.state = 'approved')`)
	case len(erasing) > 0:
		p.add(` AND NOT (1 = 1`)
		in(p, "i.id", erasing)
		p.add(`)`)
	}
	p.add(`))`)
	p.add(` AND (d.entity_id = '' OR (e.id IS NOT NULL`)
	withinCatalogue(p, s, "e.compartment")
	withinCatalogue(p, s, "d.compartment")
	p.add(`))`)
	p.add(` AND (d.claim_id = '' OR (c.id IS NOT NULL AND c.retracted_at IS NULL`)
	withinClaims(p, s, "c")
	p.add(`))`)
}

// split parts a condition into what the index of words answers by itself and the rest.
func split(c Condition) (words, rest []Condition) {
	kids := []Condition{c}
	if c.Op == AllOf {
		kids = c.Kids
	}
	for _, k := range kids {
		switch {
		case k.Op == "" || k.Op == AllOf && len(k.Kids) == 0:
		case k.Op == AllOf:
			w, r := split(k)
			words, rest = append(words, w...), append(rest, r...)
		case wordsOnly(k):
			words = append(words, k)
		default:
			rest = append(rest, k)
		}
	}
	return words, rest
}

func wordsOnly(c Condition) bool {
	switch c.Op {
	case AllOf, AnyOf, NotOf:
		return len(c.Kids) > 0 && !slices.ContainsFunc(c.Kids, func(k Condition) bool { return !wordsOnly(k) })
	case HasText, HasDocKind:
		return true
	}
	return false
}

const mostErasing = 100 // items that are named in a question; above, each row is asked for

const mostMarks = 64

// scopeMarks gives, for each thing that a scope limits, the marks of which a document must have one.
func scopeMarks(s archive.Scope, accessions []int64) (out [][]string) {
	var compartments []string
	if s.Sees(archive.Common) {
		compartments = append(compartments, markCompartment(archive.Common))
	}
	for _, c := range s.Compartments {
		if c != archive.CommonGrant && c != archive.Common {
			compartments = append(compartments, markCompartment(c))
		}
	}
	// What belongs to no item belongs to an entity, and who sees none of those needs not look for it.
	entities := s.AllCompartments || len(compartments) > 0
	if !s.All && len(accessions) < mostMarks {
		var marks []string
		if entities {
			marks = append(marks, markNoItem)
		}
		for _, n := range accessions {
			marks = append(marks, markAccession(n))
		}
		if len(marks) > 0 {
			out = append(out, marks)
		}
	}
	if !s.AllCompartments && len(compartments) < mostMarks && (s.All || entities) {
		out = append(out, append([]string{markNoEntity}, compartments...))
	}
	return out
}

// writer writes conditions for an engine.
type writer struct{ tx *Tx }

// text writes conditions on words, all of which must hold, as one question to the index of words.
func (w writer) text(kids []Condition, marks [][]string) string {
	all := Condition{Op: AllOf, Kids: kids}
	for _, m := range marks {
		any := Condition{Op: HasText}
		for _, word := range m {
			any.Phrases = append(any.Phrases, Phrase{Words: [][]string{{word}}})
		}
		all.Kids = append(all.Kids, any)
	}
	if w.tx.db.sqlite != nil {
		return matchText(all)
	}
	return tsqueryText(all)
}

func everyKind() Condition { return Condition{Op: HasDocKind, Values: docKinds} }

// matchText writes for FTS5. NOT has two sides there.
func matchText(c Condition) string {
	var yes, no []string
	switch c.Op {
	case AllOf:
		for _, k := range c.Kids {
			if k.Op == NotOf {
				no = append(no, matchText(k.Kids[0]))
			} else {
				yes = append(yes, matchText(k))
			}
		}
		if len(yes) == 0 {
			yes = append(yes, matchText(everyKind()))
		}
		text := "(" + strings.Join(yes, " AND ") + ")"
		for _, n := range no {
			text = "(" + text + " NOT " + n + ")"
		}
		return text
	case AnyOf:
		for _, k := range c.Kids {
			yes = append(yes, matchText(k))
		}
		return "(" + strings.Join(yes, " OR ") + ")"
	case NotOf:
		return "(" + matchText(everyKind()) + " NOT " + matchText(c.Kids[0]) + ")"
	case HasDocKind:
		for _, v := range c.Values {
			yes = append(yes, quoteMatch(markKind(slices.Index(docKinds, v)+1)))
		}
		return "(" + strings.Join(yes, " OR ") + ")"
	}
	for _, ph := range c.Phrases {
		var words []string
		for _, alternatives := range ph.Words {
			words = append(words, strings.Join(alternatives, "|"))
		}
		text := quoteMatch(strings.Join(words, " "))
		if ph.Prefix {
			text += "*"
		}
		yes = append(yes, text)
	}
	return "(" + strings.Join(yes, " OR ") + ")"
}

// tsqueryText writes for PostgreSQL.
func tsqueryText(c Condition) string {
	var out []string
	switch c.Op {
	case AllOf, AnyOf:
		for _, k := range c.Kids {
			out = append(out, tsqueryText(k))
		}
		if c.Op == AnyOf {
			return "(" + strings.Join(out, " | ") + ")"
		}
		return "(" + strings.Join(out, " & ") + ")"
	case NotOf:
		// With something that holds beside, so that the index can answer.
		return "(" + tsqueryText(everyKind()) + " & !" + tsqueryText(c.Kids[0]) + ")"
	case HasDocKind:
		for _, v := range c.Values {
			out = append(out, quoteLexeme(markKind(slices.Index(docKinds, v)+1)))
		}
		return "(" + strings.Join(out, " | ") + ")"
	}
	for _, ph := range c.Phrases {
		var words []string
		for i, alternatives := range ph.Words {
			var any []string
			for _, a := range alternatives {
				text := quoteLexeme(a)
				if ph.Prefix && i == len(ph.Words)-1 {
					text += ":*"
				}
				any = append(any, text)
			}
			words = append(words, "("+strings.Join(any, " | ")+")")
		}
		out = append(out, "("+strings.Join(words, " <-> ")+")")
	}
	return "(" + strings.Join(out, " | ") + ")"
}

const deepest = 40 // levels of conditions

// condition writes what is asked of a row.
func (w writer) condition(p *part, c Condition, depth int) error {
	if depth > deepest {
		return fmt.Errorf("%w: conditions within conditions", archive.ErrInvalid)
	}
	list := func(column string, values []any) {
		if len(values) == 0 {
			p.add(`1 = 0`)
			return
		}
		p.add(`(1 = 1`)
		in(p, column, values)
		p.add(`)`)
	}
	switch c.Op {
	case "":
		p.add(`1 = 1`)
	case AllOf, AnyOf:
		glue := ` AND `
		if c.Op == AnyOf {
			glue = ` OR `
		}
		p.add(`(`)
		for i, k := range c.Kids {
			p.addIf(i > 0, glue)
			if err := w.condition(p, k, depth+1); err != nil {
				return err
			}
		}
		p.addIf(len(c.Kids) == 0, `1 = 1`)
		p.add(`)`)
	case NotOf:
		// COALESCE: what is not known of a document does not make it hidden on both sides.
		p.add(`NOT COALESCE(`)
		if err := w.condition(p, c.Kids[0], depth+1); err != nil {
			return err
		}
		p.add(`, 1 = 0)`)
	case HasText, HasDocKind:
		if w.tx.db.sqlite != nil {
			p.add(`d.n IN (SELECT rowid FROM search_index WHERE search_index MATCH ?)`, w.text([]Condition{c}, nil))
		} else {
			p.add(`EXISTS (SELECT 1 FROM search_index g WHERE g.n = d.n AND g.tokens @@ ?::tsquery)`, w.text([]Condition{c}, nil))
		}
	case HasItemKind:
		list("i.kind", anys(c.Values))
	case HasEntityKind:
		list("e.kind", anys(c.Values))
	case HasAccession:
		list("i.accession_id", anys(c.Values))
	case HasCamera:
		list("i.camera", anys(c.Values))
	case HasCertainty:
		list("c.certainty", anys(c.Values))
	case HasDifficulty:
		list("CAST(i.difficulty AS TEXT)", anys(c.Values))
	case HasAbout:
		p.add(`(`)
		list("d.entity_id", anys(c.Entities))
		p.add(` OR `)
		list("i.id", anys(c.Values))
		p.add(` OR `)
		list("i.camera", anys(c.Cameras))
		p.add(`)`)
	case HasTime:
		// A recording's own time; of a claim what its date may mean; of other documents their place in time.
		p.add(`(CASE WHEN i.id IS NOT NULL THEN i.recorded_at IS NOT NULL`)
		p.addIf(!c.From.IsZero(), ` AND i.recorded_at >= ?`, c.From.UnixMicro())
		p.addIf(!c.To.IsZero(), ` AND i.recorded_at < ?`, c.To.UnixMicro())
		p.add(` WHEN c.id IS NOT NULL AND (c.earliest IS NOT NULL OR c.latest IS NOT NULL) THEN 1 = 1`)
		p.addIf(!c.From.IsZero(), ` AND (c.latest IS NULL OR c.latest >= ?)`, c.From.UnixMicro())
		p.addIf(!c.To.IsZero(), ` AND (c.earliest IS NULL OR c.earliest < ?)`, c.To.UnixMicro())
		p.add(` ELSE d.at <> 0`)
		p.addIf(!c.From.IsZero(), ` AND d.at >= ?`, c.From.UnixMicro())
		p.addIf(!c.To.IsZero(), ` AND d.at < ?`, c.To.UnixMicro())
		p.add(` END)`)
	case HasAuthor:
		p.add(`(`)
		list("c.author", anys(c.Values))
		p.add(` OR d.kind = ? AND EXISTS (SELECT 1 FROM note written WHERE written.id = d.ref AND `, slices.Index(docKinds, DocNote)+1)
		list("written.author", anys(c.Values))
		p.add(`))`)
	case HasThing:
		p.add(`(1 = 0`)
		for _, v := range c.Values {
			text, ok := things[v]
			if !ok {
				return fmt.Errorf("%w: what a document has", archive.ErrInvalid)
			}
			p.add(` OR ` + text)
		}
		p.add(`)`)
	case HasName:
		p.add(`d.name = 1`)
	case HasNothing:
		p.add(`1 = 0`)
	default:
		return fmt.Errorf("%w: condition", archive.ErrInvalid)
	}
	return nil
}

// things are what an item may have, in SQL. All of it follows the item, which the reader sees.
var things = map[string]string{
	"clock":      `EXISTS (SELECT 1 FROM suggestion su WHERE su.item_id = i.id AND su.kind = 'clock' AND su.state <> 'dismissed')`,
	"copies":     `i.copies > 1`,
	"notes":      `EXISTS (SELECT 1 FROM note nt WHERE nt.item_id = i.id AND nt.deleted_at IS NULL)`,
	"transcript": `i.id IS NOT NULL AND EXISTS (SELECT 1 FROM search_doc sd WHERE sd.accession_no = i.accession_no AND sd.item_no = i.number AND sd.accession_no > 0 AND sd.kind = 3)`,
	"ocr":        `i.id IS NOT NULL AND EXISTS (SELECT 1 FROM search_doc sd WHERE sd.accession_no = i.accession_no AND sd.item_no = i.number AND sd.accession_no > 0 AND sd.kind = 4)`,
	"date":       `i.recorded_at IS NOT NULL`,
}

// Things lists what a search can ask whether an item has.
func Things() []string { return []string{"clock", "copies", "date", "notes", "ocr", "transcript"} }

// SoundAlike gives the indexed words that sound like a word, folded as package language does, in any script, in order, up to limit. They are words of the
// whole archive: only what is found with them may be shown.
func (tx *Tx) SoundAlike(ctx context.Context, word string, limit int) ([]string, error) {
	keys := language.StemKeys(word)
	if len(keys) == 0 {
		return nil, nil
	}
	p := &part{}
	p.add(`SELECT DISTINCT term FROM search_fold WHERE 1 = 1`)
	in(p, "fold", keys)
	p.add(` ORDER BY term LIMIT ?`, limit)
	out, err := all(ctx, tx, value[string], p.text.String(), p.args...)
	if err != nil {
		return nil, fmt.Errorf("find words by sound: %w", err)
	}
	return out, nil
}

// TermsFrom gives indexed words that begin so, in order, up to limit; of the whole archive, as with SoundAlike.
func (tx *Tx) TermsFrom(ctx context.Context, prefix string, limit int) ([]string, error) {
	out, err := all(ctx, tx, value[string], `SELECT term FROM search_term WHERE term >= $1 AND term < $2 ORDER BY term LIMIT $3`, prefix, beyond(prefix), limit)
	if err != nil {
		return nil, fmt.Errorf("find words: %w", err)
	}
	return out, nil
}

// NamesFrom gives the newest documents of names whose words begin with one of the keys, within a scope.
func (tx *Tx) NamesFrom(ctx context.Context, s archive.Scope, keys []string, limit int) ([]Hit, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	p, err := tx.searchQuery(ctx, s, Condition{}, nil, func(p *part) {
		p.add(`SELECT d.n, d.kind, d.ref, COALESCE(i.id, ''), COALESCE(i.accession_id, ''), d.accession_no, d.item_no, COALESCE(i.kind, ''), COALESCE(i.camera, ''),
			COALESCE(i.difficulty, -1), d.entity_id, COALESCE(e.kind, ''), COALESCE(e.code, ''), d.claim_id, COALESCE(c.property, ''), COALESCE(c.certainty, ''),
			d.at, d.from_us, d.to_us, d.lang, d.name, ` + textOfDoc)
	})
	if err != nil {
		return nil, fmt.Errorf("find names: %w", err)
	}
	text := p.text.String()
	order := strings.LastIndex(text, " ORDER BY")
	q := &part{args: p.args}
	q.text.WriteString(text[:order])
	q.add(` AND d.name = 1 AND d.n IN (`)
	for i, k := range keys {
		q.addIf(i > 0, ` UNION ALL `).add(`SELECT n FROM search_name WHERE name_key >= ? AND name_key < ?`, k, beyond(k))
	}
	q.add(`)`)
	q.text.WriteString(text[order:])
	q.add(` LIMIT ?`, limit)
	hits, err := all(ctx, tx, scanHit, q.text.String(), q.args...)
	if err != nil {
		return nil, fmt.Errorf("find names: %w", err)
	}
	return hits, nil
}

// SoundFrom gives the indexed words that begin as the beginning of a word sounds, in order, up to limit; of the whole archive, as with
// SoundAlike.
func (tx *Tx) SoundFrom(ctx context.Context, begun string, limit int) ([]string, error) {
	keys := language.WordKeys(begun)
	if len(keys) == 0 {
		return nil, nil
	}
	p := &part{}
	p.add(`SELECT DISTINCT term FROM (`)
	for i, k := range keys {
		p.addIf(i > 0, ` UNION ALL `).add(`SELECT term FROM search_fold WHERE fold >= ? AND fold < ?`, k, beyond(k))
	}
	p.add(`) AS near ORDER BY term LIMIT ?`, limit)
	out, err := all(ctx, tx, value[string], p.text.String(), p.args...)
	if err != nil {
		return nil, fmt.Errorf("find words by sound: %w", err)
	}
	return out, nil
}

// TermsLike gives the indexed words that may be within a distance of letters from a word, at most one of them among its first two letters, and
// are about as long. Of the whole archive, as with SoundAlike.
func (tx *Tx) TermsLike(ctx context.Context, word string, distance int) ([]string, error) {
	r := []rune(word)
	if len(r) < 3 {
		return nil, nil
	}
	// As it is; the first letter left out; the first two exchanged; the second left out; the second and third exchanged.
	begins := []string{string(r[:2]), string(r[1:3]), string([]rune{r[1], r[0]}), string([]rune{r[0], r[2]}), string([]rune{r[0], r[2], r[1]})}
	// The first or second replaced, or one put in before them.
	for _, alphabet := range []string{"абвгдежзийклмнопрстуфхцчшщыэюяіїєґ", "abcdefghijklmnopqrstuvwxyz"} {
		if !strings.ContainsRune(alphabet, r[0]) {
			continue
		}
		for _, l := range alphabet {
			begins = append(begins, string([]rune{l, r[1], r[2]}), string([]rune{l, r[0], r[1]}), string([]rune{r[0], l, r[2]}), string([]rune{r[0], l, r[1]}))
		}
	}
	// One question for each range: joined by OR they would be answered by reading every word.
	p := &part{}
	p.add(`SELECT DISTINCT term FROM (`)
	for i, b := range begins {
		p.addIf(i > 0, ` UNION ALL `)
		p.add(`SELECT term FROM search_term WHERE term >= ? AND term < ? AND length(term) BETWEEN ? AND ?`, b, beyond(b), len(r)-distance, len(r)+distance)
	}
	p.add(`) AS near ORDER BY term LIMIT 50000`)
	out, err := all(ctx, tx, value[string], p.text.String(), p.args...)
	if err != nil {
		return nil, fmt.Errorf("find words by spelling: %w", err)
	}
	return out, nil
}

// CameraPlace says that the catalogue has a camera of a label in a facility.
type CameraPlace struct{ Label, Facility, Code string }

// CameraPlaces gives the facilities of cameras by the labels of these, as far as claims within the scope say so.
func (tx *Tx) CameraPlaces(ctx context.Context, s archive.Scope, labels []string) (out []CameraPlace, err error) {
	for chunk := range slices.Chunk(labels, 250) {
		p := &part{}
		p.add(`SELECT DISTINCT l.value, f.id, f.code FROM claim l JOIN claim c ON c.entity_id = l.entity_id AND c.property = 'facility' AND c.retracted_at IS NULL
			JOIN entity f ON f.id = c.ref_id WHERE l.property = 'label' AND length(l.value) <= 200 AND l.retracted_at IS NULL`)
		in(p, "l.value", chunk)
		withinClaims(p, s, "l")
		withinClaims(p, s, "c")
		p.add(` ORDER BY 1, 2`)
		found, err := all(ctx, tx, func(r scanner) (c CameraPlace, err error) {
			err = r.Scan(&c.Label, &c.Facility, &c.Code)
			return c, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("find places of cameras: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}
