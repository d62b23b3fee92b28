package search

import (
	"cmp"
	"context"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Orders of results.
const (
	ByRank   = ""
	ByNewest = "newest" // by when it was recorded or happened
	ByOldest = "oldest"
)

// Request is a question.
type Request struct {
	Query string
	Order string
	Page  int // from 1
}

// Results is the answer.
type Results struct {
	Query    string
	Order    string
	Empty    bool // nothing was asked
	Hits     int  // documents found
	Results  int  // items and entities that they belong to
	More     bool // there are more than MostHits documents; all numbers are of the newest of them
	Page     int
	Pages    int
	List     []Result
	Facets   []Facet
	Spelling []Correction
	Notes    []Note
}

// Result is an item or an entity with what was found in it.
type Result struct {
	Item       string
	Reference  string
	Accession  string
	ItemKind   archive.Kind
	Camera     string
	Difficulty int

	Entity     string
	EntityKind archive.EntityKind
	Code       string
	Label      string

	At       time.Time // zero: not known
	Hits     int
	Snippets []Snippet // the best, in the order of the recording or page
	score    float64
}

// Snippet is a piece of a text that was found.
type Snippet struct {
	Kind      string // of document
	Ref       string
	Property  string // of a claim
	Certainty archive.Certainty
	Lang      string
	Pieces    []Piece
	// Item and From lead to the place in a recording; HasPlace says that there is one.
	Item     string
	From, To time.Duration
	HasPlace bool
	score    float64
}

// Piece is a part of a snippet; Found says that it was looked for.
type Piece struct {
	Text  string
	Found bool
}

// Facet is one thing by which results can be narrowed.
type Facet struct {
	Field  string // as in the query language
	Values []FacetValue
}

// FacetValue is one value with the number of results that have it.
type FacetValue struct {
	Value string // as in the query language
	Label string // empty: Value, or words of the interface
	Count int
}

// Find answers a question. Errors about the question itself are of type *Refusal.
func (s *Service) Find(ctx context.Context, who policy.Subject, r Request) (Results, error) {
	out := Results{Query: strings.TrimSpace(r.Query), Order: r.Order, Page: max(1, r.Page)}
	if !slices.Contains([]string{ByRank, ByNewest, ByOldest}, r.Order) {
		return out, &Refusal{Code: "value", What: "order"}
	}
	tree, err := Parse(r.Query)
	if err != nil {
		return out, err
	}
	if tree.Op == And && len(tree.Kids) == 0 {
		out.Empty = true
		return out, policy.Decide(who, policy.Search, policy.Object{Difficulty: -1}).Err()
	}
	err = s.reading(ctx, who, func(ctx context.Context, tx *store.Tx, sc archive.Scope) error {
		c := &compiler{ctx: ctx, tx: tx, scope: sc, who: who}
		cond, err := c.compile(tree, true)
		if err != nil {
			return err
		}
		if !c.texts {
			cond = store.Condition{Op: store.AllOf, Kids: []store.Condition{cond, heads(c.fields)}}
		}
		hits, err := tx.Search(ctx, sc, cond, MostHits+1)
		if err != nil {
			return err
		}
		if len(hits) > MostHits {
			out.More, hits = true, hits[:MostHits]
		}
		out.Hits, out.Notes = len(hits), c.notes
		ranked := make([]ranking, len(hits))
		if len(c.leaves) > 0 {
			if err := c.rank(hits, ranked, worthRanking(hits)); err != nil {
				return err
			}
		}
		results := group(hits, ranked)
		out.Results = len(results)
		if out.Facets, err = c.facets(results, hits); err != nil {
			return err
		}
		arrange(results, r.Order)
		out.Pages = max(1, (len(results)+PageSize-1)/PageSize)
		out.Page = min(out.Page, out.Pages)
		begin := (out.Page - 1) * PageSize
		page := results[begin:min(len(results), begin+PageSize)]
		if err := c.snippets(hits, ranked, page); err != nil {
			return err
		}
		for _, g := range page {
			out.List = append(out.List, g.result(hits, ranked, c.leaves))
		}
		if err := c.label(out.List); err != nil {
			return err
		}
		if len(hits) == 0 {
			out.Spelling, err = c.spelling(tree, r.Query)
		}
		return err
	})
	return out, err
}

// heads narrows a query of fields alone to one document of each item and entity, or to those that the fields are about.
func heads(fields []string) store.Condition {
	kinds := []string{store.DocItem, store.DocEntity}
	for _, f := range fields {
		switch f {
		case "in":
			return store.Condition{}
		case "certainty", "person", "incident", "facility":
			kinds = append(kinds, store.DocClaim, store.DocPassage)
		case "by":
			kinds = append(kinds, store.DocClaim, store.DocNote)
		}
	}
	slices.Sort(kinds)
	return store.Condition{Op: store.HasDocKind, Values: slices.Compact(kinds)}
}

// ranking is what a hit is worth and where its words are.
type ranking struct {
	score float64
	spans []language.Span
	read  bool // its text is there
}

// weight of kinds: what names or describes a thing comes before what mentions it.
var weight = map[string]float64{
	store.DocItem: 1.1, store.DocEntity: 1.5, store.DocNote: 1.15, store.DocClaim: 1.25, store.DocPassage: 1.1, store.DocTranscript: 1, store.DocOCR: 0.9,
}

// MostRanked is how many hits are valued by their words. The others follow them, newest first.
const MostRanked = 1000

// worthRanking chooses the hits that are valued: what people said or named comes before what was merely heard and read off, and the newer
// before the older.
func worthRanking(hits []store.Hit) []int {
	out := make([]int, 0, min(len(hits), MostRanked))
	for _, bulk := range []bool{false, true} {
		for i, h := range hits {
			if len(out) == MostRanked {
				return out
			}
			if (h.Kind == store.DocTranscript || h.Kind == store.DocOCR) == bulk {
				out = append(out, i)
			}
		}
	}
	return out
}

// read loads the texts of chosen hits and gives where the words are, how often, and how long each text is.
func (c *compiler) read(hits []store.Hit, ranked []ranking, chosen []int) (counts [][]float64, lengths []float64, err error) {
	wanted := make([]*store.Hit, len(chosen))
	for k, i := range chosen {
		wanted[k] = &hits[i]
	}
	if err := c.tx.SearchTexts(c.ctx, wanted); err != nil {
		return nil, nil, err
	}
	counts, lengths = make([][]float64, len(chosen)), make([]float64, len(chosen))
	m := newMatcher(c.leaves)
	var wait sync.WaitGroup
	share := max(64, (len(chosen)+runtime.GOMAXPROCS(0)-1)/runtime.GOMAXPROCS(0))
	for from := 0; from < len(chosen); from += share {
		wait.Go(func() {
			for k := from; k < min(from+share, len(chosen)); k++ {
				r := &ranked[chosen[k]]
				var n int
				counts[k], r.spans, n = m.count(wanted[k].Text)
				lengths[k], r.read = float64(n), true
			}
		})
	}
	wait.Wait()
	return counts, lengths, nil
}

// rank values chosen hits as BM25 does, by these hits themselves: how rare a word is is counted among what the reader may see and found,
// and among nothing else. Words as they were written count more than other forms, and those more than what only sounds alike.
func (c *compiler) rank(hits []store.Hit, ranked []ranking, chosen []int) error {
	counts, lengths, err := c.read(hits, ranked, chosen)
	if err != nil {
		return err
	}
	df := make([]float64, len(c.leaves))
	var total float64
	for k := range chosen {
		total += lengths[k]
		for j, f := range counts[k] {
			if f > 0 {
				df[j]++
			}
		}
	}
	const k1, b = 1.2, 0.6
	all := float64(len(chosen))
	mean := max(1, total/max(1, all))
	for k, i := range chosen {
		var sum float64
		for j, f := range counts[k] {
			if f == 0 {
				continue
			}
			idf := math.Log(1 + (all-df[j]+0.5)/(df[j]+0.5))
			sum += (idf + 0.2) * f * (k1 + 1) / (f + k1*(1-b+b*lengths[k]/mean))
		}
		sum *= weight[hits[i].Kind]
		if hits[i].Name {
			sum *= 1.5
		}
		ranked[i].score = sum
	}
	return nil
}

// snippets sees to it that the texts which a page may show are there.
func (c *compiler) snippets(hits []store.Hit, ranked []ranking, page []*grouped) error {
	var missing []int
	for _, g := range page {
		for _, i := range g.best(ranked) {
			if !ranked[i].read {
				missing = append(missing, i)
			}
		}
	}
	_, _, err := c.read(hits, ranked, missing)
	return err
}

// matcher counts what was looked for in a text.
type matcher struct {
	leaves []leaf
	byStem map[string][]int // leaves that a stem belongs to
	prefix []int
	first  map[rune]bool // letters with which what is looked for may begin, as it may be written
}

func newMatcher(leaves []leaf) *matcher {
	m := &matcher{leaves: leaves, byStem: map[string][]int{}, first: map[rune]bool{}}
	begins := func(word string) {
		r, _ := utf8.DecodeRuneInString(word)
		m.first[r] = true
		switch r {
		case 'е':
			m.first['ё'] = true
		}
		// Letters of the two alphabets that are drawn alike.
		const cyrillic, latin = "авсенікмортху", "abcehikmoptxy" // н is drawn like h in capitals
		if i := slices.Index([]rune(cyrillic), r); i >= 0 {
			m.first[rune(latin[i])] = true
		}
	}
	for i, l := range leaves {
		for s := range l.stems {
			m.byStem[s] = append(m.byStem[s], i)
			begins(s)
		}
		begins(l.surface)
		if l.prefix != "" {
			m.prefix = append(m.prefix, i)
			begins(l.prefix)
		}
	}
	// Irregular words may be reduced to what begins otherwise (йти: йшов and йде agree; the human being and the people do not).
	for _, l := range leaves {
		for s := range l.stems {
			for _, r := range language.Begins(s) {
				m.first[r] = true
			}
		}
	}
	return m
}

// count gives how often each leaf is in a text, the places of the words, and the number of words of the text. Most words of a text begin
// with another letter than what is looked for and are only counted.
func (m *matcher) count(text string) (tf []float64, spans []language.Span, words int) {
	tf = make([]float64, len(m.leaves))
	for at := 0; at < len(text); {
		end := at
		for end < len(text) && text[end] > ' ' {
			end++
		}
		if end > at {
			if m.mayHold(text[at:end]) {
				spans, words = m.look(text[at:end], at, tf, spans, words)
			} else {
				words++
			}
		}
		at = end + 1
	}
	return tf, spans, words
}

// mayHold says whether a piece of text without spaces may hold what is looked for, by the first letters of its words. What it does not know
// for sure may.
func (m *matcher) mayHold(piece string) bool {
	begins := true
	for _, r := range piece {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= 0x0400 && r <= 0x04FF
		switch {
		case !letter && r >= 0x80 && !(r >= 0x2010 && r <= 0x2027) && r != '«' && r != '»' && r != '№':
			return true
		case letter && begins:
			if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				r |= 0x20
			} else if r >= 0x0400 {
				r = unicode.ToLower(r)
			}
			if m.first[r] {
				return true
			}
			begins = false
		case !letter:
			begins = true
		}
	}
	return false
}

func (m *matcher) look(piece string, at int, tf []float64, spans []language.Span, words int) ([]language.Span, int) {
	last := -1
	for t := range language.Each(piece) {
		if t.Pos != last {
			words++
			last = t.Pos
		}
		found := m.byStem[t.Stem]
		for _, i := range found {
			l := &m.leaves[i]
			w := l.stems[t.Stem]
			if t.Text == l.surface {
				w *= 1.3
			}
			tf[i] += w
		}
		hit := len(found) > 0
		for _, i := range m.prefix {
			if strings.HasPrefix(t.Text, m.leaves[i].prefix) {
				tf[i]++
				hit = true
			}
		}
		if hit {
			start, end := t.Start+at, t.End+at
			if n := len(spans); n > 0 && start < spans[n-1].End {
				spans[n-1].End = max(spans[n-1].End, end)
			} else {
				spans = append(spans, language.Span{Start: start, End: end})
			}
		}
	}
	return spans, words
}

// grouped is the hits of one item or entity, by their index.
type grouped struct {
	hits  []int
	score float64
	at    time.Time
	n     int64
}

func group(hits []store.Hit, ranked []ranking) []*grouped {
	byKey := map[string]*grouped{}
	var out []*grouped
	for i, h := range hits {
		key := h.Entity
		if key == "" {
			key = h.Item
		}
		g, ok := byKey[key]
		if !ok {
			g = &grouped{n: h.N}
			byKey[key] = g
			out = append(out, g)
		}
		g.hits = append(g.hits, i)
		g.score = max(g.score, ranked[i].score)
		if g.at.IsZero() {
			g.at = h.At
		}
	}
	for _, g := range out {
		// More hits help, and less and less.
		g.score *= 1 + 0.1*math.Log1p(float64(len(g.hits)-1))
	}
	return out
}

func arrange(results []*grouped, order string) {
	slices.SortStableFunc(results, func(a, b *grouped) int {
		switch order {
		case ByNewest, ByOldest:
			if a.at.IsZero() != b.at.IsZero() {
				if a.at.IsZero() { // what has no time comes last either way
					return 1
				}
				return -1
			}
			d := a.at.Compare(b.at)
			if order == ByNewest {
				d = -d
			}
			if d != 0 {
				return d
			}
		default:
			if d := cmp.Compare(b.score, a.score); d != 0 {
				return d
			}
		}
		return cmp.Compare(b.n, a.n)
	})
}

const mostSnippets = 4

// best gives the hits whose texts are shown.
func (g *grouped) best(ranked []ranking) []int {
	best := slices.Clone(g.hits)
	slices.SortStableFunc(best, func(a, b int) int { return cmp.Compare(ranked[b].score, ranked[a].score) })
	return best[:min(len(best), mostSnippets)]
}

func (g *grouped) result(hits []store.Hit, ranked []ranking, leaves []leaf) Result {
	h := hits[g.hits[0]]
	r := Result{At: g.at, Hits: len(g.hits), score: g.score}
	if h.Entity != "" {
		r.Entity, r.EntityKind, r.Code = h.Entity, h.EntityKind, h.EntityCode
	} else {
		r.Item, r.Reference, r.Accession, r.ItemKind, r.Camera, r.Difficulty = h.Item, h.Reference, h.Accession, h.ItemKind, h.Camera, h.Difficulty
	}
	seen := map[string]bool{}
	for _, i := range g.best(ranked) {
		h := hits[i]
		if key := h.Kind + " " + h.Ref; seen[key] { // parts of one document
			continue
		} else {
			seen[key] = true
		}
		sn := Snippet{Kind: h.Kind, Ref: h.Ref, Property: h.Property, Certainty: h.Certainty, Lang: h.Lang, Pieces: pieces(h.Text, ranked[i].spans), score: ranked[i].score}
		if h.Item != "" && h.Kind != store.DocItem {
			sn.Item, sn.From, sn.To, sn.HasPlace = h.Item, h.From, h.To, true
		}
		r.Snippets = append(r.Snippets, sn)
	}
	slices.SortStableFunc(r.Snippets, func(a, b Snippet) int { return cmp.Compare(a.From, b.From) })
	return r
}

const snippetLength = 220 // bytes that are aimed at, twice that in Cyrillic

// pieces cuts the part of a text with most of what was looked for, at words.
func pieces(text string, spans []language.Span) []Piece {
	limit := snippetLength
	if cyrillic(text[:min(len(text), 200)]) {
		limit *= 2
	}
	from, to := 0, len(text)
	if len(text) > limit {
		bestAt, most := 0, -1
		for i, s := range spans {
			n := 0
			for _, o := range spans[i:] {
				if o.End > s.Start+limit*3/4 {
					break
				}
				n++
			}
			if n > most {
				bestAt, most = s.Start, n
			}
		}
		from = max(0, bestAt-limit/5)
		to = min(len(text), from+limit)
		from, to = wordEdge(text, from, true), wordEdge(text, to, false)
	}
	var out []Piece
	put := func(a, b int, found bool) {
		if a < b {
			out = append(out, Piece{Text: plain(text[a:b]), Found: found})
		}
	}
	if from > 0 {
		out = append(out, Piece{Text: "… "})
	}
	at := from
	for _, s := range spans {
		if s.Start < at || s.End > to {
			continue
		}
		put(at, s.Start, false)
		put(s.Start, s.End, true)
		at = s.End
	}
	put(at, to, false)
	if to < len(text) {
		out = append(out, Piece{Text: " …"})
	}
	return out
}

// wordEdge moves a place to the next space, not far, and in any case between characters.
func wordEdge(text string, at int, forward bool) int {
	if at <= 0 || at >= len(text) {
		return max(0, min(at, len(text)))
	}
	for !utf8.RuneStart(text[at]) {
		at--
	}
	for i := range 60 {
		p := at + i
		if !forward {
			p = at - i
		}
		if p <= 0 || p >= len(text) {
			break
		}
		if text[p] == ' ' || text[p] == '\n' {
			if forward {
				return p + 1
			}
			return p
		}
	}
	return at
}

// plain takes out what moves the text around it: control characters and those that turn the direction of writing.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r), r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069', r == '\u200E', r == '\u200F', r == '\u2028', r == '\u2029':
			return -1
		}
		return r
	}, s)
}

// facets counts results by their values. Numbers are of what was found, at most MostHits documents.
func (c *compiler) facets(results []*grouped, hits []store.Hit) ([]Facet, error) {
	names := []string{"kind", "in", "facility", "camera", "accession", "certainty", "recorded"}
	counts := map[string]map[string]int{}
	for _, n := range names {
		counts[n] = map[string]int{}
	}
	cameras := map[string]bool{}
	for _, h := range hits {
		if h.Camera != "" {
			cameras[h.Camera] = true
		}
	}
	facilities, labels, err := c.facilitiesOf(cameras)
	if err != nil {
		return nil, err
	}
	for _, g := range results {
		seen := map[string]bool{}
		add := func(field, value string) {
			if value == "" || seen[field+"\x00"+value] {
				return
			}
			seen[field+"\x00"+value] = true
			counts[field][value]++
		}
		for _, i := range g.hits {
			h := &hits[i]
			add("in", h.Kind)
			if h.Entity != "" {
				add("kind", string(h.EntityKind))
			} else {
				add("kind", string(h.ItemKind))
			}
			add("camera", h.Camera)
			for _, f := range facilities[h.Camera] {
				add("facility", f)
			}
			if h.EntityKind == catalogue.Facility {
				add("facility", h.EntityCode)
			}
			add("accession", h.Accession)
			add("certainty", string(h.Certainty))
			if !h.At.IsZero() {
				add("recorded", strconv.Itoa(h.At.Year()))
			}
		}
	}
	titles := map[string]string{}
	if len(counts["accession"]) > 0 {
		known, err := c.tx.Accessions(c.ctx, c.scope)
		if err != nil {
			return nil, err
		}
		for _, a := range known {
			titles[a.ID] = "Z" + strconv.FormatInt(a.Number, 10) + " " + a.Title
		}
	}
	var out []Facet
	for _, n := range names {
		f := Facet{Field: n}
		for v, k := range counts[n] {
			x := FacetValue{Value: v, Count: k}
			switch n {
			case "accession":
				x.Label = titles[v]
				if number, _, ok := strings.Cut(x.Label, " "); ok {
					x.Value = number
				}
			case "facility":
				x.Label = labels[v]
			case "in":
				x.Value = fieldOfDoc[v]
			case "certainty":
				x.Value = strings.ReplaceAll(v, " ", "-")
			}
			f.Values = append(f.Values, x)
		}
		slices.SortFunc(f.Values, func(a, b FacetValue) int {
			if n == "recorded" {
				return cmp.Compare(b.Value, a.Value)
			}
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		f.Values = f.Values[:min(len(f.Values), mostFacetValues)]
		if len(f.Values) > 0 {
			out = append(out, f)
		}
	}
	return out, nil
}

const mostFacetValues = 12

// fieldOfDoc is what in: calls a kind of document.
var fieldOfDoc = map[string]string{
	store.DocItem: "item", store.DocNote: "note", store.DocTranscript: "transcript", store.DocOCR: "ocr", store.DocClaim: "claim", store.DocPassage: "testimony",
	store.DocEntity: "entity",
}

// facilitiesOf gives the codes of the facilities that cameras hang in, as far as the reader may see that, and the facilities' labels.
func (c *compiler) facilitiesOf(cameras map[string]bool) (byCamera map[string][]string, labels map[string]string, err error) {
	byCamera, labels = map[string][]string{}, map[string]string{}
	if len(cameras) == 0 {
		return byCamera, labels, nil
	}
	wanted := make([]string, 0, len(cameras))
	for l := range cameras {
		wanted = append(wanted, l)
	}
	slices.Sort(wanted)
	places, err := c.tx.CameraPlaces(c.ctx, c.scope, wanted)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range places {
		if !slices.Contains(byCamera[p.Label], p.Code) {
			byCamera[p.Label] = append(byCamera[p.Label], p.Code)
		}
		labels[p.Code] = p.Code
	}
	ids := map[string]string{}
	for _, p := range places {
		ids[p.Facility] = p.Code
	}
	names, err := c.labelsOf(ids)
	if err != nil {
		return nil, nil, err
	}
	for id, l := range names {
		labels[ids[id]] = l
	}
	return byCamera, labels, nil
}

// labelsOf gives the labels of entities by identifier.
func (c *compiler) labelsOf(ids map[string]string) (map[string]string, error) {
	list := make([]string, 0, len(ids))
	for id := range ids {
		list = append(list, id)
	}
	slices.Sort(list)
	return c.labels(list)
}

// labels gives entities their names by the claims that the reader sees; what has none has its code.
func (c *compiler) labels(ids []string) (map[string]string, error) {
	out := map[string]string{}
	if len(ids) == 0 {
		return out, nil
	}
	var properties []string
	for _, k := range catalogue.Kinds() {
		properties = append(properties, k.Title...)
	}
	slices.Sort(properties)
	best := map[string]int{}
	for chunk := range slices.Chunk(ids, 400) {
		claims, err := c.tx.Claims(c.ctx, c.scope, store.ClaimQuery{Entities: chunk, Properties: slices.Compact(properties), Standing: true})
		if err != nil {
			return nil, err
		}
		for _, cl := range claims {
			k, ok := catalogue.KindOf(cl.Kind)
			if !ok || cl.Value == "" {
				continue
			}
			p, ok := k.Property(cl.Property)
			at := slices.Index(k.Title, cl.Property)
			if !ok || at < 0 || p.Type == catalogue.TypeTerm || p.Type == catalogue.TypeGeo {
				continue
			}
			if was, ok := best[cl.Entity]; !ok || at < was {
				best[cl.Entity], out[cl.Entity] = at, shorten(plain(cl.Value), 90)
			}
		}
	}
	return out, nil
}

func shorten(s string, most int) string {
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	return strings.TrimRight(string(r[:most]), " ") + "…"
}

// label names the entities of a page and leads claims to the second that they rest on.
func (c *compiler) label(list []Result) error {
	var entities, claims []string
	for _, r := range list {
		if r.Entity == "" {
			continue
		}
		entities = append(entities, r.Entity)
		for _, s := range r.Snippets {
			if s.Kind == store.DocClaim {
				claims = append(claims, s.Ref)
			}
		}
	}
	names, err := c.labels(entities)
	if err != nil {
		return err
	}
	rest := map[string]archive.Source{}
	for chunk := range slices.Chunk(claims, 400) {
		found, err := c.tx.Claims(c.ctx, c.scope, store.ClaimQuery{IDs: chunk, Standing: true})
		if err != nil {
			return err
		}
		for _, cl := range found {
			for _, s := range cl.Sources {
				if _, ok := rest[cl.ID]; !ok && s.Item != "" {
					rest[cl.ID] = s
				}
			}
		}
	}
	for i := range list {
		r := &list[i]
		r.Label = names[r.Entity]
		for j := range r.Snippets {
			if s, ok := rest[r.Snippets[j].Ref]; ok && r.Snippets[j].Kind == store.DocClaim {
				r.Snippets[j].Item, r.Snippets[j].From, r.Snippets[j].To, r.Snippets[j].HasPlace = s.Item, s.From, s.To, true
			}
		}
	}
	return nil
}

func startsUpper(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsUpper(r)
}
