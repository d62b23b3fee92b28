package store

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/ext/fts5"

	"zapis/internal/archive"
	"zapis/internal/language"
)

// Kinds of documents.
const (
	DocItem       = "item" // facts of an item; Ref is its identifier
	DocNote       = "note"
	DocTranscript = "transcript" // one text span of a transcript
	DocOCR        = "ocr"        // one text span read from a picture or page
	DocClaim      = "claim"
	DocPassage    = "passage" // of testimony
	DocEntity     = "entity"  // codes and names of an entity
)

// docKinds are the kinds as the tables hold them, from 1.
var docKinds = []string{DocItem, DocNote, DocTranscript, DocOCR, DocClaim, DocPassage, DocEntity}

// DocKinds lists the kinds of documents.
func DocKinds() []string { return slices.Clone(docKinds) }

// Doc is one text that can be found.
type Doc struct {
	Kind string
	Ref  string // identifier of what the text is; with Kind, of the document
	// Item that the document belongs to, whose access rule it follows; with From and To the place in it.
	Item string
	// Entity that the document is about; Claim if it is one; Compartment in which it is filed.
	Entity, Claim, Compartment string
	At                         time.Time // its place in time, for "recorded" and the year; the item's if it has one
	From, To                   time.Duration
	Lang                       string
	Text                       string
	Name                       bool // the text is a name: found by its sound, in any script, and with a wrong letter
}

func (d Doc) check() (kind int, err error) {
	kind = slices.Index(docKinds, d.Kind) + 1
	switch {
	case kind == 0:
		return 0, fmt.Errorf("%w: kind of document", archive.ErrInvalid)
	case d.Ref == "":
		return 0, fmt.Errorf("%w: a document without a reference", archive.ErrInvalid)
	case d.Item == "" && d.Entity == "":
		return 0, fmt.Errorf("%w: a document belongs to an item or an entity", archive.ErrInvalid)
	}
	return kind, nil
}

const (
	partWords   = 4096 // words of a document that make one part; PostgreSQL counts positions to 16,383
	partOverlap = 64   // so that no phrase is cut
	mostSame    = 255  // places of one word in a part that are kept; PostgreSQL keeps no more
)

// docRow is a part of a document as the tables hold it.
type docRow struct {
	n                          int64
	kind, part                 int
	ref                        string
	accession, item            int64
	entity, claim, compartment string
	at, from, to               int64
	lang                       string
	name                       bool
	analyzer                   int
	text                       string
	placed                     *placed // where it was made beforehand: see analyse
}

const docColumns = `n, kind, ref, part, accession_no, item_no, entity_id, claim_id, compartment, at, from_us, to_us, lang, name, analyzer`

func (r docRow) row() []any {
	return []any{r.n, r.kind, r.ref, r.part, r.accession, r.item, r.entity, r.claim, r.compartment, r.at, r.from, r.to, r.lang, flag(r.name), r.analyzer}
}

func scanDocRow(s scanner) (r docRow, err error) {
	var name int64
	err = s.Scan(&r.n, &r.kind, &r.ref, &r.part, &r.accession, &r.item, &r.entity, &r.claim, &r.compartment, &r.at, &r.from, &r.to, &r.lang, &name,
		&r.analyzer, &r.text)
	r.name = name != 0
	return r, err
}

// same says whether nothing that is indexed differs.
func (r docRow) same(o docRow) bool {
	return r.kind == o.kind && r.part == o.part && r.ref == o.ref && r.accession == o.accession && r.item == o.item && r.entity == o.entity &&
		r.claim == o.claim && r.compartment == o.compartment && r.at == o.at && r.from == o.from && r.to == o.to && r.lang == o.lang &&
		r.name == o.name && r.analyzer == o.analyzer && r.text == o.text
}

// Marks stand among the words of a document and say where it belongs, so that a scope narrows within the index. No word can look like one.
const (
	markNoItem   = "=o"
	markNoEntity = "=n"
)

func markKind(kind int) string          { return "=k" + strconv.Itoa(kind) }
func markAccession(number int64) string { return "=a" + strconv.FormatInt(number, 10) }
func markCompartment(id string) string  { return "=c" + id }
func (r docRow) marks() (out []string) {
	out = append(out, markKind(r.kind))
	if r.accession > 0 {
		out = append(out, markAccession(r.accession))
	} else {
		out = append(out, markNoItem)
	}
	if r.entity != "" {
		return append(out, markCompartment(r.compartment))
	}
	return append(out, markNoEntity)
}

// placed are the words of a part as an engine takes them.
type placed struct {
	text   string // without marks
	stems  []string
	length int // positions
}

// marked adds marks two positions on, out of reach of every phrase.
func (p *placed) marked(r docRow, sqlite bool) string {
	if sqlite {
		return p.text + "= " + strings.Join(r.marks(), "|")
	}
	var b strings.Builder
	b.WriteString(p.text)
	for _, m := range r.marks() {
		b.WriteString(" " + quoteLexeme(m) + ":" + strconv.Itoa(p.length+2))
	}
	return b.String()
}

// place reduces the words of a part, if that was not done beforehand.
func (r docRow) place(sqlite bool) *placed {
	if r.placed != nil {
		return r.placed
	}
	return place(r.text, sqlite)
}

func place(text string, sqlite bool) *placed {
	words := make([]string, 0, len(text)/10) // stems of one position are joined by |; empty: none that is kept
	at := map[string][]int{}
	var order []string
	for t := range language.Each(text) {
		for t.Pos >= len(words) {
			words = append(words, "")
		}
		places := at[t.Stem]
		if places == nil {
			order = append(order, t.Stem)
		}
		if n := len(places); n >= mostSame || n > 0 && places[n-1] == t.Pos+1 {
			continue
		}
		at[t.Stem] = append(places, t.Pos+1)
		if w := words[t.Pos]; w == "" {
			words[t.Pos] = t.Stem
		} else {
			words[t.Pos] = w + "|" + t.Stem
		}
	}
	p := &placed{stems: order, length: len(words)}
	var b strings.Builder
	if sqlite {
		// For our tokenizer: a space between positions, | between the words of one.
		b.Grow(len(text) + 16)
		for _, w := range words {
			if w == "" {
				w = "="
			}
			b.WriteString(w)
			b.WriteByte(' ')
		}
	} else {
		// A tsvector.
		for _, s := range order {
			b.WriteString(" " + quoteLexeme(s) + ":")
			for i, pos := range at[s] {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(strconv.Itoa(pos))
			}
		}
	}
	p.text = b.String()
	return p
}

// placeAll reduces the words of many parts on every core.
func placeAll(rows []docRow, sqlite bool) {
	spread(len(rows), func(i int) { rows[i].placed = rows[i].place(sqlite) }).Wait()
}

// spread begins to do something for each of many, on every core.
func spread(n int, do func(i int)) *sync.WaitGroup {
	var wait sync.WaitGroup
	share := max(32, (n+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for from := 0; from < n; from += share {
		wait.Go(func() {
			for i := from; i < min(from+share, n); i++ {
				do(i)
			}
		})
	}
	return &wait
}

// analysed are the parts of a document and their reduced words.
type analysed struct {
	parts []string
	words []*placed // nil: not made beforehand
}

// fewDocs are not worth beginning beforehand: one that has not changed would be reduced for nothing.
const fewDocs = 100

// analyse begins to reduce documents, beside what the database does meanwhile, and gives the way to wait for them.
func analyse(docs []Doc, sqlite bool) func() []analysed {
	out := make([]analysed, len(docs))
	wait := spread(len(docs), func(i int) {
		a := analysed{parts: parts(clean(docs[i].Text))}
		if len(docs) >= fewDocs {
			for _, t := range a.parts {
				a.words = append(a.words, place(t, sqlite))
			}
		} else {
			a.words = make([]*placed, len(a.parts))
		}
		out[i] = a
	})
	return func() []analysed { wait.Wait(); return out }
}

// parts cuts a long text where words end.
func parts(text string) []string {
	tokens := 0
	if len(text) > partWords { // a word has a byte at least
		tokens = partWords + 1
	}
	if tokens <= partWords {
		return []string{text}
	}
	var starts []int // where each position begins
	last := -1
	for _, t := range language.Tokens(text) {
		if t.Pos > last {
			last = t.Pos
			starts = append(starts, t.Start)
		}
	}
	var out []string
	for from := 0; ; from += partWords - partOverlap {
		begin := 0
		if from > 0 {
			begin = starts[from]
		}
		if from+partWords >= len(starts) {
			return append(out, text[begin:])
		}
		out = append(out, text[begin:starts[from+partWords]])
	}
}

// clean makes a text one that both engines hold.
func clean(text string) string {
	if !utf8.ValidString(text) {
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ReplaceAll(text, "\x00", " ")
}

// IndexDocs adds documents or puts them in the place of those with the same Kind and Ref. A document without words is kept too, so that it
// can be listed. archive.ErrNotFound if an item is not there, archive.ErrConflict if it is erased, archive.ErrInvalid.
func (tx *Tx) IndexDocs(ctx context.Context, docs ...Doc) error {
	if err := tx.planEach(ctx); err != nil {
		return fmt.Errorf("index documents: %w", err)
	}
	const chunk = 2000
	ready := analyse(docs[:min(chunk, len(docs))], tx.db.sqlite != nil)
	var words [][]any
	for from := 0; from < len(docs); from += chunk {
		to := min(from+chunk, len(docs))
		next := analyse(docs[to:min(to+chunk, len(docs))], tx.db.sqlite != nil)
		if err := tx.indexDocs(ctx, docs[from:to], ready, &words); err != nil {
			next() // nothing goes on behind the caller's back
			return fmt.Errorf("index documents: %w", err)
		}
		ready = next
	}
	if err := tx.addWords(ctx, words); err != nil {
		return fmt.Errorf("index documents: %w", err)
	}
	return nil
}

// indexDocs leaves the words that are still to be added behind, together with those that were left before.
func (tx *Tx) indexDocs(ctx context.Context, docs []Doc, ready func() []analysed, words *[][]any) error {
	type key struct {
		kind, part int
		ref        string
	}
	numbers, err := tx.numbersOf(ctx, docs)
	texts := ready()
	if err != nil {
		return err
	}
	var fresh []docRow
	byKey := map[key]int{}
	var refs []string
	kinds := map[string][]int{}
	for n, d := range docs {
		kind, err := d.check()
		if err != nil {
			return err
		}
		if !slices.Contains(kinds[d.Ref], kind) {
			kinds[d.Ref] = append(kinds[d.Ref], kind)
		}
		refs = append(refs, d.Ref)
		r := docRow{kind: kind, ref: d.Ref, entity: d.Entity, claim: d.Claim, compartment: d.Compartment, at: d.At.UnixMicro(),
			from: d.From.Microseconds(), to: d.To.Microseconds(), lang: d.Lang, name: d.Name, analyzer: language.Version}
		if d.At.IsZero() {
			r.at = 0
		}
		if d.Item != "" {
			r.accession, r.item = numbers[d.Item][0], numbers[d.Item][1]
		}
		for i, t := range texts[n].parts {
			r.part, r.text, r.placed = i, t, texts[n].words[i]
			k := key{kind, i, d.Ref}
			if at, twice := byKey[k]; twice {
				fresh[at] = r
				continue
			}
			byKey[k] = len(fresh)
			fresh = append(fresh, r)
		}
	}
	slices.Sort(refs)
	standing, err := tx.docRows(ctx, "ref", anys(slices.Compact(refs)))
	if err != nil {
		return err
	}
	var gone []docRow
	keep := make([]bool, len(fresh))
	for _, was := range standing {
		if !slices.Contains(kinds[was.ref], was.kind) {
			continue
		}
		at, ok := byKey[key{was.kind, was.part, was.ref}]
		switch {
		case !ok:
			gone = append(gone, was)
		case fresh[at].same(was):
			keep[at] = true
		default:
			fresh[at].n = was.n
			gone = append(gone, was)
		}
	}
	var added []docRow
	for i, r := range fresh {
		if !keep[i] {
			added = append(added, r)
		}
	}
	return tx.addDocRows(ctx, gone, added, words)
}

// numbersOf gives accession number and number of the items that documents belong to, and holds the items against being erased beside.
func (tx *Tx) numbersOf(ctx context.Context, docs []Doc) (map[string][2]int64, error) {
	var ids []string
	for _, d := range docs {
		if d.Item != "" {
			ids = append(ids, d.Item)
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	out := make(map[string][2]int64, len(ids))
	for chunk := range slices.Chunk(ids, 250) {
		type row struct {
			id, state         string
			accession, number int64
		}
		p := &part{}
		p.add(`SELECT id, state, accession_no, number FROM item WHERE 1 = 1`)
		in(p, "id", chunk)
		p.add(` ORDER BY id`)
		p.addIf(tx.db.postgre != nil, ` FOR SHARE`)
		found, err := all(ctx, tx, func(s scanner) (r row, err error) {
			err = s.Scan(&r.id, &r.state, &r.accession, &r.number)
			return r, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			if r.state == string(archive.ItemErased) {
				return nil, fmt.Errorf("item %s is erased: %w", r.id, archive.ErrConflict)
			}
			out[r.id] = [2]int64{r.accession, r.number}
		}
		for _, id := range chunk {
			if _, ok := out[id]; !ok {
				return nil, fmt.Errorf("item of a document: %w", archive.ErrNotFound)
			}
		}
	}
	return out, nil
}

// docRows gives the parts of documents whose column has one of the values, with their texts.
func (tx *Tx) docRows(ctx context.Context, column string, values []any) (out []docRow, err error) {
	for chunk := range slices.Chunk(values, 250) {
		p := &part{}
		p.add(`SELECT ` + docColumns + `, text FROM (SELECT search_doc.*, search_text.text AS text FROM search_doc
			JOIN search_text ON search_text.n = search_doc.n WHERE 1 = 1`)
		in(p, "search_doc."+column, chunk)
		p.add(`) AS found ORDER BY n`)
		found, err := all(ctx, tx, scanDocRow, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// addDocRows takes rows out and puts others in, all but their words, which it leaves behind. Rows that have a number keep it.
func (tx *Tx) addDocRows(ctx context.Context, gone, added []docRow, words *[][]any) error {
	kept := map[string]bool{} // words that the new rows have, which need not be looked for
	var missing int
	placeAll(added, tx.db.sqlite != nil)
	for _, r := range added {
		for _, s := range r.placed.stems {
			kept[s] = true
		}
		if r.n == 0 {
			missing++
		}
	}
	if len(gone) > 0 {
		// Which words no document has any more is asked of the index, so it must be whole.
		if err := tx.addWords(ctx, *words); err != nil {
			return err
		}
		*words = nil
		if err := tx.takeOut(ctx, gone, kept, false); err != nil {
			return err
		}
	}
	if len(added) == 0 {
		return nil
	}
	numbers, err := tx.nextDocs(ctx, missing)
	if err != nil {
		return err
	}
	var rows, texts, names [][]any
	for _, r := range added {
		if r.n == 0 {
			r.n, numbers = numbers[0], numbers[1:]
		}
		rows, texts = append(rows, r.row()), append(texts, []any{r.n, r.text})
		*words = append(*words, []any{r.n, r.placed.marked(r, tx.db.sqlite != nil)})
		if r.name {
			for _, k := range language.NameKeys(r.text) {
				names = append(names, []any{k, r.n})
			}
		}
	}
	if err := tx.insert(ctx, "search_doc", docColumns, rows); err != nil {
		return err
	}
	if err := tx.insert(ctx, "search_text", "n, text", texts); err != nil {
		return err
	}
	sortRows(names)
	if err := tx.insert(ctx, "search_name", "name_key, n", names); err != nil {
		return err
	}
	return tx.addTerms(ctx, kept)
}

// addWords puts rows of number and words into the index of words. On SQLite one by one and last: FTS5 collects words in memory, and a
// statement of many rows into whatever table makes it write them out.
func (tx *Tx) addWords(ctx context.Context, index [][]any) error {
	if tx.db.sqlite == nil {
		return tx.insert(ctx, "search_index", "n, tokens", index)
	}
	for _, row := range index {
		if _, err := tx.exec(ctx, `INSERT INTO search_index (rowid, tokens) VALUES ($1, $2)`, row...); err != nil {
			return err
		}
	}
	return nil
}

// nextDocs gives numbers that follow all numbers given before.
func (tx *Tx) nextDocs(ctx context.Context, count int) ([]int64, error) {
	if count == 0 {
		return nil, nil
	}
	if tx.db.postgre != nil {
		return all(ctx, tx, value[int64], `SELECT nextval('search_doc_n') FROM generate_series(1, $1)`, count)
	}
	last, err := one(ctx, tx, value[int64], `SELECT COALESCE(MAX(n), 0) FROM search_doc`)
	if err != nil {
		return nil, err
	}
	out := make([]int64, count)
	for i := range out {
		out[i] = last + 1 + int64(i)
	}
	return out, nil
}

// termCache remembers words that the tables hold, so that not every word is looked up with every document. Forgetting words moves the
// generation on, in whatever process, and a cache of an earlier one is thrown away.
type termCache struct {
	mu         sync.Mutex
	generation string
	seed       maphash.Seed
	known      map[uint64]struct{} // hashes: the words themselves are not kept in memory
}

const (
	mostTerms         = 1 << 19 // some 10 MB
	settingGeneration = "search.generation"
)

// unknown leaves the words that the cache does not hold.
func (c *termCache) unknown(generation string, terms map[string]bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation || c.known == nil || len(c.known) > mostTerms {
		c.generation, c.seed, c.known = generation, maphash.MakeSeed(), map[uint64]struct{}{}
	}
	out := make([]string, 0, len(terms))
	for t := range terms {
		if _, ok := c.known[maphash.String(c.seed, t)]; !ok {
			out = append(out, t)
		}
	}
	return out
}

func (c *termCache) learn(generation string, terms []string, except map[string]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.generation != generation {
		return
	}
	for _, t := range terms {
		if !except[t] {
			c.known[maphash.String(c.seed, t)] = struct{}{}
		}
	}
}

// addTerms notes words that documents have.
func (tx *Tx) addTerms(ctx context.Context, terms map[string]bool) error {
	generation, _, err := tx.Setting(ctx, settingGeneration)
	if err != nil {
		return err
	}
	sorted := tx.db.terms.unknown(generation, terms)
	slices.Sort(sorted) // on PostgreSQL, everybody locks in one order
	var fresh []string
	for chunk := range slices.Chunk(sorted, 500) {
		p := &part{}
		p.add(`INSERT INTO search_term (term) VALUES `)
		for i := range padded(len(chunk)) {
			p.addIf(i > 0, `, `).add(`(?)`, chunk[min(i, len(chunk)-1)])
		}
		p.add(` ON CONFLICT (term) DO NOTHING RETURNING term`)
		added, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return err
		}
		fresh = append(fresh, added...)
	}
	var folds [][]any
	slices.Sort(fresh)
	for _, t := range fresh {
		if tx.terms == nil {
			tx.terms = map[string]bool{}
		}
		tx.terms[t] = true
		if utf8.RuneCountInString(t) < leastFold {
			continue
		}
		for _, k := range language.StemKeys(t) {
			folds = append(folds, []any{k, t})
		}
	}
	// What this transaction added is not known before it is committed.
	tx.db.terms.learn(generation, sorted, tx.terms)
	return tx.insert(ctx, "search_fold", "fold, term", folds)
}

// forgotTerms tells every process that words went.
func (tx *Tx) forgotTerms(ctx context.Context) error {
	was, _, err := tx.Setting(ctx, settingGeneration)
	if err != nil {
		return err
	}
	n, _ := strconv.ParseInt(was, 10, 64)
	return tx.SetSetting(ctx, settingGeneration, strconv.FormatInt(n+1, 10))
}

const leastFold = 3 // letters of a reduced word from which on a word is looked for by its sound

// takeOut removes parts of documents and the words that no other document has. On SQLite the index is told the words of what it forgets;
// they are made again from the text, which is only right under the same analyzer. If it is another one, the index is emptied and made anew.
// With soon, words are only marked as gone on SQLite, and none is forgotten: see DropDocsSoon.
func (tx *Tx) takeOut(ctx context.Context, gone []docRow, kept map[string]bool, soon bool) error {
	if len(gone) == 0 {
		return nil
	}
	if soon && tx.db.sqlite != nil {
		if err := tx.overwriteWords(ctx, 0); err != nil {
			return err
		}
	}
	var numbers []int64
	terms := map[string]bool{}
	anew := false
	for _, r := range gone {
		numbers = append(numbers, r.n)
		if r.analyzer != language.Version {
			anew = true
			continue
		}
		spot := r.place(tx.db.sqlite != nil)
		for _, s := range spot.stems {
			if !kept[s] {
				terms[s] = true
			}
		}
		if tx.db.sqlite != nil {
			if _, err := tx.exec(ctx, `INSERT INTO search_index (search_index, rowid, tokens) VALUES ('delete', $1, $2)`, r.n, spot.marked(r, true)); err != nil {
				return err
			}
		}
	}
	if soon && tx.db.sqlite != nil {
		if err := tx.overwriteWords(ctx, 1); err != nil { // which first writes what was marked
			return err
		}
	}
	tables := []string{"search_name", "search_text", "search_doc"}
	if tx.db.postgre != nil {
		tables = append([]string{"search_index"}, tables...)
	}
	for _, table := range tables {
		for chunk := range slices.Chunk(numbers, 250) {
			p := &part{}
			p.add(`DELETE FROM ` + table + ` WHERE 1 = 1`)
			in(p, "n", chunk)
			if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
				return err
			}
		}
	}
	switch {
	case anew:
		return tx.reindex(ctx, nil)
	case soon:
		return nil
	}
	return tx.dropTerms(ctx, terms)
}

// overwriteWords says whether SQLite overwrites at once the words of what is taken out of the index (1), as it does but within DropDocsSoon.
func (tx *Tx) overwriteWords(ctx context.Context, at int) error {
	_, err := tx.exec(ctx, `INSERT INTO search_index (search_index, rank) VALUES ('secure-delete', $1)`, at)
	return err
}

// dropTerms forgets words that no document has any more.
func (tx *Tx) dropTerms(ctx context.Context, terms map[string]bool) error {
	sorted := make([]string, 0, len(terms))
	for t := range terms {
		sorted = append(sorted, t)
	}
	slices.Sort(sorted)
	if len(sorted) == 0 {
		return nil
	}
	if err := tx.forgotTerms(ctx); err != nil {
		return err
	}
	var unused []string
	for _, t := range sorted {
		var err error
		if tx.db.sqlite != nil {
			_, err = one(ctx, tx, value[int64], `SELECT rowid FROM search_index WHERE search_index MATCH $1 LIMIT 1`, quoteMatch(t))
		} else {
			_, err = one(ctx, tx, value[int64], `SELECT n FROM search_index WHERE tokens @@ $1::tsquery LIMIT 1`, quoteLexeme(t))
		}
		if err == nil {
			continue
		}
		if !errors.Is(err, archive.ErrNotFound) || tx.broken != nil {
			return err
		}
		unused = append(unused, t)
	}
	return tx.deleteTerms(ctx, unused)
}

// deleteTerms removes words and what they sound like. The table of sounds is ordered by sound, so that it is asked by both.
func (tx *Tx) deleteTerms(ctx context.Context, terms []string) error {
	var sounds [][2]string
	for _, t := range terms {
		for _, k := range language.StemKeys(t) {
			sounds = append(sounds, [2]string{k, t})
		}
	}
	for chunk := range slices.Chunk(sounds, 256) {
		var p part
		p.add(`DELETE FROM search_fold WHERE (fold, term) IN (VALUES `)
		for i := range padded(len(chunk)) {
			s := chunk[min(i, len(chunk)-1)]
			p.addIf(i > 0, `, `).add(`(?, ?)`, s[0], s[1])
		}
		p.add(`)`)
		if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(terms, 500) {
		var p part
		p.add(`DELETE FROM search_term WHERE 1 = 1`)
		in(&p, "term", chunk)
		if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
			return err
		}
	}
	return nil
}

// reindex makes the words of all documents anew from their texts.
func (tx *Tx) reindex(ctx context.Context, report func(done int64)) error {
	var done int64
	statements := []string{`DELETE FROM search_index`}
	if tx.db.sqlite != nil {
		statements[0] = `INSERT INTO search_index (search_index) VALUES ('delete-all')`
	}
	for _, s := range append(statements, `DELETE FROM search_name`, `DELETE FROM search_fold`, `DELETE FROM search_term`) {
		if _, err := tx.exec(ctx, s); err != nil {
			return err
		}
	}
	if err := tx.forgotTerms(ctx); err != nil {
		return err
	}
	for after := int64(0); ; {
		rows, err := all(ctx, tx, scanDocRow, `SELECT `+docColumns+`, text FROM (SELECT search_doc.*, search_text.text AS text FROM search_doc
			JOIN search_text ON search_text.n = search_doc.n WHERE search_doc.n > $1 ORDER BY search_doc.n LIMIT 500) AS found ORDER BY n`, after)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			if tx.db.sqlite != nil { // in one piece
				_, err = tx.exec(ctx, `INSERT INTO search_index (search_index) VALUES ('optimize')`)
			}
			return err
		}
		after = rows[len(rows)-1].n
		var index, names [][]any
		terms := map[string]bool{}
		placeAll(rows, tx.db.sqlite != nil)
		for _, r := range rows {
			for _, s := range r.placed.stems {
				terms[s] = true
			}
			index = append(index, []any{r.n, r.placed.marked(r, tx.db.sqlite != nil)})
			if r.name {
				for _, k := range language.NameKeys(r.text) {
					names = append(names, []any{k, r.n})
				}
			}
		}
		if err := tx.insert(ctx, "search_name", "name_key, n", names); err != nil {
			return err
		}
		if err := tx.addTerms(ctx, terms); err != nil {
			return err
		}
		if err := tx.addWords(ctx, index); err != nil {
			return err
		}
		if _, err := tx.exec(ctx, `UPDATE search_doc SET analyzer = $1 WHERE n BETWEEN $2 AND $3`, language.Version, rows[0].n, after); err != nil {
			return err
		}
		if done += int64(len(rows)); report != nil {
			report(done)
		}
	}
}

// DropDocs removes documents of a kind; those that are not there are passed over.
func (tx *Tx) DropDocs(ctx context.Context, kind string, refs ...string) error {
	number := slices.Index(docKinds, kind) + 1
	if number == 0 {
		return fmt.Errorf("drop documents: %w: kind of document", archive.ErrInvalid)
	}
	rows, err := tx.docRows(ctx, "ref", anys(refs))
	if err == nil {
		rows = slices.DeleteFunc(rows, func(r docRow) bool { return r.kind != number })
		err = tx.takeOut(ctx, rows, nil, false)
	}
	if err != nil {
		return fmt.Errorf("drop documents: %w", err)
	}
	return nil
}

// settingLoose is there while the index of words may still hold words of documents that were dropped many at once: see DropDocsSoon.
const settingLoose = "search.loose"

// DropDocsSoon is DropDocs for very many documents of which the words need not be gone at once, because they stay elsewhere in the database:
// none is found any more, but their words leave the index with TidySearch, which whoever called this calls until it is done. Until then,
// erasing an item does it.
func (tx *Tx) DropDocsSoon(ctx context.Context, kind string, refs ...string) error {
	number := slices.Index(docKinds, kind) + 1
	if number == 0 {
		return fmt.Errorf("drop documents: %w: kind of document", archive.ErrInvalid)
	}
	rows, err := tx.docRows(ctx, "ref", anys(refs))
	if err == nil {
		rows = slices.DeleteFunc(rows, func(r docRow) bool { return r.kind != number })
	}
	if err == nil && len(rows) > 0 {
		err = tx.SetSetting(ctx, settingLoose, "1")
	}
	if err == nil && len(rows) > 0 {
		err = tx.takeOut(ctx, rows, nil, true)
	}
	if err != nil {
		return fmt.Errorf("drop documents: %w", err)
	}
	return nil
}

// LooseSearch says whether TidySearch has something to do.
func (tx *Tx) LooseSearch(ctx context.Context) (bool, error) {
	text, _, err := tx.Setting(ctx, settingLoose)
	return text != "", err
}

// tidyPages is how many pages of the index of words one step of TidySearch writes: some 8 MB.
const tidyPages = 2000

// TidySearch takes one step on the way to an index of words without those of documents that DropDocsSoon dropped; first says that it is the
// first one. Each step is a transaction of its own, so that others can write between them. After the last one, TidyTerms is due.
func (tx *Tx) TidySearch(ctx context.Context, first bool) (done bool, err error) {
	if tx.db.sqlite == nil {
		return true, nil // the rows are gone, and the engine's own sweeping takes what is left of them
	}
	fail := func(err error) (bool, error) { return false, fmt.Errorf("tidy the index of words: %w", err) }
	pages := tidyPages
	if first {
		pages = -tidyPages // as the engine has it: begin to merge all pieces into one
	}
	before, err := one(ctx, tx, value[int64], `SELECT total_changes()`)
	if err != nil {
		return fail(err)
	}
	if _, err := tx.exec(ctx, `INSERT INTO search_index (search_index, rank) VALUES ('merge', $1)`, pages); err != nil {
		return fail(err)
	}
	after, err := one(ctx, tx, value[int64], `SELECT total_changes()`)
	if err != nil {
		return fail(err)
	}
	return !first && after-before < 2, nil // so the engine says that nothing was left to do
}

// TidyTerms looks through a page of the words that documents had, after one, and forgets those that none has any more. It gives the last word
// of the page and how many were forgotten; "" at the end, when what DropDocsSoon began is done.
func (tx *Tx) TidyTerms(ctx context.Context, after string, limit int) (last string, forgotten int, err error) {
	fail := func(err error) (string, int, error) { return "", 0, fmt.Errorf("tidy words: %w", err) }
	has := `SELECT 1 FROM search_index WHERE search_index MATCH '"' || replace(t.term, '"', '""') || '"'`
	if tx.db.sqlite == nil {
		has = `SELECT 1 FROM search_index WHERE tokens @@ ('''' || replace(replace(t.term, '\', '\\'), '''', '''''') || '''')::tsquery`
	}
	type row struct {
		term string
		has  bool
	}
	page, err := all(ctx, tx, func(s scanner) (r row, err error) { err = s.Scan(&r.term, &r.has); return r, err },
		`SELECT t.term, EXISTS (`+has+`) FROM search_term t WHERE t.term > $1 ORDER BY t.term LIMIT $2`, after, limit)
	if err != nil {
		return fail(err)
	}
	if len(page) == 0 {
		if err := tx.SetSetting(ctx, settingLoose, ""); err != nil {
			return fail(err)
		}
		return "", 0, nil
	}
	var gone []string
	for _, r := range page {
		if !r.has {
			gone = append(gone, r.term)
		}
	}
	if len(gone) > 0 {
		err = tx.forgotTerms(ctx)
	}
	if err == nil {
		err = tx.deleteTerms(ctx, gone)
	}
	if err != nil {
		return fail(err)
	}
	return page[len(page)-1].term, len(gone), nil
}

// tight makes sure that the index of words holds nothing of documents that are gone, before something is erased.
func (tx *Tx) tight(ctx context.Context) error {
	loose, err := tx.LooseSearch(ctx)
	if err != nil || !loose {
		return err
	}
	if tx.db.sqlite != nil {
		if _, err := tx.exec(ctx, `INSERT INTO search_index (search_index) VALUES ('optimize')`); err != nil {
			return err
		}
	}
	for after := ""; ; {
		if after, _, err = tx.TidyTerms(ctx, after, 1000); err != nil || after == "" {
			return err
		}
	}
}

// DropDocsOfItem removes every document that belongs to an item.
func (tx *Tx) DropDocsOfItem(ctx context.Context, item string) error {
	fail := func(err error) error { return fmt.Errorf("drop documents of item %s: %w", item, err) }
	if err := tx.tight(ctx); err != nil {
		return fail(err)
	}
	numbers, err := all(ctx, tx, value[int64], `SELECT d.n FROM item i JOIN search_doc d ON d.accession_no = i.accession_no AND d.item_no = i.number
		WHERE i.id = $1 AND d.accession_no > 0 ORDER BY d.n`, item)
	if err != nil {
		return fail(err)
	}
	// And what was claimed on the strength of it.
	claims, err := all(ctx, tx, value[int64], `SELECT d.n FROM search_doc d WHERE d.claim_id <> '' AND d.ref IN (
		SELECT claim_id FROM claim_source WHERE item_id = $1 UNION SELECT id FROM claim WHERE item_id = $2)`, item, item)
	if err != nil {
		return fail(err)
	}
	numbers = append(numbers, claims...)
	slices.Sort(numbers)
	rows, err := tx.docRows(ctx, "n", anys(slices.Compact(numbers)))
	if err != nil {
		return fail(err)
	}
	if err := tx.takeOut(ctx, rows, nil, false); err != nil {
		return fail(err)
	}
	return nil
}

// quoteMatch writes a word for the query language of FTS5.
func quoteMatch(word string) string { return `"` + strings.ReplaceAll(word, `"`, `""`) + `"` }

// quoteLexeme writes a word for tsquery.
func quoteLexeme(word string) string {
	return `'` + strings.ReplaceAll(strings.ReplaceAll(word, `\`, `\\`), `'`, `''`) + `'`
}

// registerSearch adds the full-text engine with the tokenizer that the index was made with.
func registerSearch(c *sqlite3.Conn) error {
	return fts5.RegisterCustom(c, func(a *fts5.API) error {
		return a.CreateTokenizer("zapis", func([]string) (fts5.Tokenizer, error) { return splitter{}, nil })
	})
}

// splitter takes words as package language has made them: a space goes to the next position, | stays.
type splitter struct{}

func (splitter) Tokenize(_ fts5.TokenizeFlag, text, _ string, token fts5.TokenCallback) error {
	var same fts5.TokenFlag
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && text[end] != ' ' && text[end] != '|' {
			end++
		}
		if end > at {
			if err := token(same, "", at, end); err != nil {
				return err
			}
		}
		same = 0
		if end < len(text) && text[end] == '|' {
			same = fts5.TOKEN_COLOCATED
		}
		at = end + 1
	}
	return nil
}

// purgeSearch makes the indexes over words anew on PostgreSQL, whose GIN indexes keep every word they ever held, and its planner's notes of
// frequent words with them.
func (db *DB) purgeSearch(ctx context.Context) error {
	for _, s := range []string{`REINDEX INDEX CONCURRENTLY search_index_tokens`, `REINDEX TABLE CONCURRENTLY search_term`, `REINDEX TABLE CONCURRENTLY search_fold`,
		`REINDEX TABLE CONCURRENTLY search_name`, `ANALYZE search_index`} {
		if _, err := db.postgre.pool.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
