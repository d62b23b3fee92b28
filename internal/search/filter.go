package search

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/edtf"
	"zapis/internal/language"
	"zapis/internal/store"
)

// How far a field reaches before it is refused as too wide.
const (
	mostNamed  = 200
	mostAbout  = 2000
	mostItems  = 5000
	mostClaims = 10_000
)

func bad(field string) error { return &Refusal{Code: "value", What: field} }

// filter turns a field into a condition. A name that is not known within the scope finds nothing and leaves a note: that it is known to
// others must not be told from its not being known at all.
func (c *compiler) filter(n Node) (store.Condition, error) {
	c.fields = append(c.fields, n.Field)
	switch n.Field {
	case "in":
		return c.in(n)
	case "kind":
		return c.kind(n)
	case "certainty":
		return c.certainty(n)
	case "difficulty":
		return c.difficulty(n)
	case "has":
		return c.has(n)
	case "recorded", "before", "after":
		return c.time(n)
	case "accession":
		return c.accession(n)
	case "camera":
		return c.camera(n)
	case "by":
		return c.by(n)
	case "facility":
		return c.about(n, catalogue.Facility)
	case "incident":
		return c.about(n, catalogue.Incident)
	case "person":
		return c.about(n, catalogue.Person, catalogue.Agency)
	}
	return store.Condition{}, bad(n.Field)
}

// choose looks values up in a table; the key "" of out is not used.
func choose(n Node, table map[string]string) ([]string, error) {
	var out []string
	for _, v := range n.Values {
		x, ok := table[strings.ToLower(v)]
		if !ok {
			return nil, bad(n.Field)
		}
		out = append(out, x)
	}
	return out, nil
}

func (c *compiler) in(n Node) (store.Condition, error) {
	values, err := choose(n, map[string]string{
		"transcript": store.DocTranscript, "расшифровка": store.DocTranscript, "розшифровка": store.DocTranscript,
		"note": store.DocNote, "notes": store.DocNote, "заметка": store.DocNote, "нотатка": store.DocNote,
		"claim": store.DocClaim, "claims": store.DocClaim, "утверждение": store.DocClaim, "твердження": store.DocClaim,
		"testimony": store.DocPassage, "passage": store.DocPassage, "показания": store.DocPassage, "свідчення": store.DocPassage,
		"ocr": store.DocOCR, "item": store.DocItem, "запись": store.DocItem, "запис": store.DocItem,
		"name": "name", "имя": "name", "ім'я": "name", "entity": store.DocEntity,
	})
	if err != nil {
		return store.Condition{}, err
	}
	if !slices.Contains(values, "name") {
		return store.Condition{Op: store.HasDocKind, Values: values}, nil
	}
	out := store.Condition{Op: store.AnyOf, Kids: []store.Condition{{Op: store.HasName}}}
	if rest := slices.DeleteFunc(values, func(v string) bool { return v == "name" }); len(rest) > 0 {
		out.Kids = append(out.Kids, store.Condition{Op: store.HasDocKind, Values: rest})
	}
	return out, nil
}

func (c *compiler) kind(n Node) (store.Condition, error) {
	table := map[string]string{"видео": "video", "відео": "video", "аудио": "audio", "аудіо": "audio", "фото": "image", "зображення": "image"}
	for _, k := range []archive.Kind{archive.KindVideo, archive.KindAudio, archive.KindImage, archive.KindDocument, archive.KindUnknown} {
		table[string(k)] = string(k)
	}
	for _, k := range catalogue.Kinds() {
		table[string(k.Kind)] = string(k.Kind)
	}
	values, err := choose(n, table)
	if err != nil {
		return store.Condition{}, err
	}
	return store.Condition{Op: store.AnyOf, Kids: []store.Condition{{Op: store.HasItemKind, Values: values}, {Op: store.HasEntityKind, Values: values}}}, nil
}

func (c *compiler) certainty(n Node) (store.Condition, error) {
	values, err := choose(n, map[string]string{
		"established": string(archive.Established), "probable": string(archive.Probable), "disputed": string(archive.Disputed),
		"not known": string(archive.NotKnown), "not-known": string(archive.NotKnown), "unknown": string(archive.NotKnown),
		"установлено": string(archive.Established), "вероятно": string(archive.Probable), "спорно": string(archive.Disputed), "неизвестно": string(archive.NotKnown),
		"встановлено": string(archive.Established), "ймовірно": string(archive.Probable), "спірно": string(archive.Disputed), "невідомо": string(archive.NotKnown),
	})
	return store.Condition{Op: store.HasCertainty, Values: values}, err
}

func (c *compiler) difficulty(n Node) (store.Condition, error) {
	out := store.Condition{Op: store.HasDifficulty}
	for _, v := range n.Values {
		if strings.EqualFold(v, "none") || v == "-1" {
			out.Values = append(out.Values, "-1")
			continue
		}
		from, to, ranged := strings.Cut(v, "..")
		low, lerr := strconv.Atoi(from)
		high := low
		var herr error
		if ranged {
			if from == "" {
				low, lerr = 0, nil
			}
			if high, herr = strconv.Atoi(to); to == "" {
				high, herr = 3, nil
			}
		}
		if lerr != nil || herr != nil || low < 0 || high > 3 || low > high {
			return out, bad(n.Field)
		}
		for d := low; d <= high; d++ {
			out.Values = append(out.Values, strconv.Itoa(d))
		}
	}
	return out, nil
}

func (c *compiler) has(n Node) (store.Condition, error) {
	table := map[string]string{"copy": "copies", "note": "notes", "text": "ocr", "часы": "clock", "копии": "copies", "заметки": "notes", "годинник": "clock", "копії": "copies", "нотатки": "notes"}
	for _, t := range store.Things() {
		table[t] = t
	}
	values, err := choose(n, table)
	return store.Condition{Op: store.HasThing, Values: values}, err
}

// time reads 2020, 2020-06, 2020-06-12, two of them with .. or / between, open where one is missing, and other dates of EDTF.
func (c *compiler) time(n Node) (store.Condition, error) {
	out := store.Condition{Op: store.AnyOf}
	for _, v := range n.Values {
		from, to, ranged := strings.Cut(v, "..")
		if !ranged {
			from, to, ranged = strings.Cut(v, "/")
		}
		if !ranged {
			to = from
		}
		var x store.Condition
		x.Op = store.HasTime
		if from != "" {
			d, err := edtf.Parse(from)
			if err != nil {
				return out, bad(n.Field)
			}
			t, ok := d.Earliest()
			if ok {
				x.From = t
			}
		}
		if to != "" {
			d, err := edtf.Parse(to)
			if err != nil {
				return out, bad(n.Field)
			}
			// The last moment that it may mean; what follows is not included.
			if t, ok := d.Latest(); ok {
				x.To = t.Truncate(time.Microsecond).Add(time.Microsecond)
			}
		}
		switch n.Field {
		case "before":
			x.From, x.To = time.Time{}, x.From
		case "after":
			x.From, x.To = x.To, time.Time{}
		}
		if ranged && n.Field != "recorded" || x.From.IsZero() && x.To.IsZero() || !x.From.IsZero() && !x.To.IsZero() && !x.From.Before(x.To) {
			return out, bad(n.Field)
		}
		out.Kids = append(out.Kids, x)
	}
	return out, nil
}

func (c *compiler) accession(n Node) (store.Condition, error) {
	out := store.Condition{Op: store.HasAccession}
	known, err := c.tx.Accessions(c.ctx, c.scope)
	if err != nil {
		return out, err
	}
	for _, v := range n.Values {
		found := false
		want := language.Stems(v)
		for _, a := range known {
			if a.ID == v || strings.EqualFold("Z"+strconv.FormatInt(a.Number, 10), v) || strconv.FormatInt(a.Number, 10) == v || within(want, language.Stems(a.Title)) {
				out.Values, found = append(out.Values, a.ID), true
			}
		}
		if !found {
			c.notes = append(c.notes, Note{Code: "unknown-name", What: v})
		}
	}
	return out, nil
}

// within says whether every word is among others.
func within(words, all []string) bool {
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !slices.Contains(all, w) })
}

func (c *compiler) camera(n Node) (store.Condition, error) {
	out := store.Condition{Op: store.HasCamera}
	f, err := c.tx.Facets(c.ctx, c.scope, store.Query{})
	if err != nil {
		return out, err
	}
	for _, v := range n.Values {
		found := false
		begun, prefix := strings.CutSuffix(strings.ToLower(v), "*")
		for _, l := range f.Cameras {
			low := strings.ToLower(l.Value)
			if low != "" && (low == begun || prefix && strings.HasPrefix(low, begun)) {
				out.Values, found = append(out.Values, l.Value), true
			}
		}
		if !found {
			c.notes = append(c.notes, Note{Code: "unknown-name", What: v})
		}
	}
	if len(out.Values) > mostItems {
		return out, &Refusal{Code: "wide", What: n.Field}
	}
	return out, nil
}

func (c *compiler) by(n Node) (store.Condition, error) {
	out := store.Condition{Op: store.HasAuthor}
	agents, err := c.tx.Agents(c.ctx)
	if err != nil {
		return out, err
	}
	for _, v := range n.Values {
		if strings.EqualFold(v, "me") || strings.EqualFold(v, "я") {
			out.Values = append(out.Values, c.who.Agent)
			continue
		}
		found := false
		for _, a := range agents {
			if a.ID == v || strings.EqualFold(a.Name, v) || within(language.NameKeys(v), language.NameKeys(a.Name)) {
				out.Values, found = append(out.Values, a.ID), true
			}
		}
		if !found {
			c.notes = append(c.notes, Note{Code: "unknown-name", What: v})
		}
	}
	return out, nil
}

// about finds the entities that names or codes mean, and what is tied to them.
func (c *compiler) about(n Node, kinds ...archive.EntityKind) (store.Condition, error) {
	out := store.Condition{Op: store.HasAbout}
	var named []string
	for _, v := range n.Values {
		found, err := c.named(kinds, v)
		if err != nil {
			return out, err
		}
		if len(found) == 0 {
			c.notes = append(c.notes, Note{Code: "unknown-name", What: v})
		}
		named = append(named, found...)
	}
	if len(named) == 0 {
		return store.Condition{Op: store.HasNothing}, nil
	}
	if len(named) > mostNamed {
		return out, &Refusal{Code: "wide", What: n.Field}
	}
	return c.tied(n.Field, named)
}

// tied gives what is said of entities: their own claims, those of what points to them, and the items that these rest on.
func (c *compiler) tied(field string, named []string) (store.Condition, error) {
	out := store.Condition{Op: store.HasAbout}
	members, err := c.tx.Members(c.ctx, c.scope, named...)
	if err != nil {
		return out, err
	}
	about := slices.Clone(named)
	add := func(ids ...string) {
		for _, id := range ids {
			if id != "" && !slices.Contains(about, id) {
				about = append(about, id)
			}
		}
	}
	for _, m := range members {
		for _, e := range m {
			add(e.ID)
		}
	}
	var relations []string
	frontier := slices.Clone(about)
	for level := 0; level < 2 && len(frontier) > 0; level++ {
		var next []string
		claims, err := c.claims(field, func(q *store.ClaimQuery, ids []string) { q.Refs = ids }, frontier)
		if err != nil {
			return out, err
		}
		for _, cl := range claims {
			if k, ok := catalogue.KindOf(cl.Kind); ok && k.Relation {
				relations = append(relations, cl.Entity)
			}
			if !slices.Contains(about, cl.Entity) {
				next = append(next, cl.Entity)
				add(cl.Entity)
			}
		}
		if len(about) > mostAbout {
			return out, &Refusal{Code: "wide", What: field}
		}
		if field != "incident" {
			break // an incident has acts, and these have involvements
		}
		frontier = next
	}
	if field == "person" {
		// What a person was involved in.
		claims, err := c.claims(field, func(q *store.ClaimQuery, ids []string) { q.Entities = ids }, relations)
		if err != nil {
			return out, err
		}
		for _, cl := range claims {
			if cl.Property == "act" {
				add(cl.Ref)
			}
		}
	}
	claims, err := c.claims(field, func(q *store.ClaimQuery, ids []string) { q.Entities = ids }, about)
	if err != nil {
		return out, err
	}
	items := map[string]bool{}
	for _, cl := range claims {
		if cl.Names != "" {
			items[cl.Names] = true
		}
		for _, s := range cl.Sources {
			if s.Item != "" {
				items[s.Item] = true
			}
		}
		if field == "facility" && cl.Kind == catalogue.Camera && cl.Property == "label" {
			out.Cameras = append(out.Cameras, cl.Value)
		}
	}
	for id := range items {
		out.Values = append(out.Values, id)
	}
	slices.Sort(out.Values)
	out.Entities = about
	if len(out.Values) > mostItems || len(about) > mostAbout || len(out.Cameras) > mostItems {
		return out, &Refusal{Code: "wide", What: field}
	}
	return out, nil
}

// claims reads standing claims by many identifiers, and refuses a field that reaches too many.
func (c *compiler) claims(field string, by func(*store.ClaimQuery, []string), ids []string) ([]store.Claim, error) {
	var out []store.Claim
	for chunk := range slices.Chunk(ids, 400) {
		q := store.ClaimQuery{Standing: true, Limit: mostClaims + 1}
		by(&q, chunk)
		found, err := c.tx.Claims(c.ctx, c.scope, q)
		if err != nil {
			return nil, err
		}
		if out = append(out, found...); len(out) > mostClaims {
			return nil, &Refusal{Code: "wide", What: field}
		}
	}
	return out, nil
}

// named gives the entities of some kinds that a code or the words of a name mean, within the scope.
func (c *compiler) named(kinds []archive.EntityKind, text string) ([]string, error) {
	var out []string
	fits := func(k archive.EntityKind) bool { return slices.Contains(kinds, k) }
	if archive.CheckID(archive.PrefixEntity, text) == nil {
		e, err := c.tx.Entity(c.ctx, c.scope, text)
		if errors.Is(err, archive.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("find entity: %w", err)
		}
		if !fits(e.Kind) {
			return nil, nil
		}
		return []string{e.ID}, nil
	}
	codes, err := c.tx.EntitiesByCode(c.ctx, c.scope, strings.ToUpper(text))
	if err != nil {
		return nil, err
	}
	for _, e := range codes {
		if fits(e.Kind) {
			out = append(out, e.ID)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	hits, err := c.names(text, MostHits)
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		if fits(h.EntityKind) && !slices.Contains(out, h.Entity) {
			out = append(out, h.Entity)
		}
	}
	slices.Sort(out)
	return out, nil
}

// names gives documents of names of entities in which every word of a text begins a word, in any script.
func (c *compiler) names(text string, limit int) ([]store.Hit, error) {
	var out []store.Hit
	first := true
	for _, t := range language.Tokens(text) {
		if t.Whole {
			continue
		}
		keys := language.WordKeys(t.Text)
		if len(keys) == 0 {
			continue
		}
		hits, err := c.tx.NamesFrom(c.ctx, c.scope, keys, limit)
		if err != nil {
			return nil, err
		}
		hits = slices.DeleteFunc(hits, func(h store.Hit) bool { return h.Entity == "" })
		if first {
			out, first = hits, false
			continue
		}
		out = slices.DeleteFunc(out, func(h store.Hit) bool {
			return !slices.ContainsFunc(hits, func(o store.Hit) bool { return o.Entity == h.Entity })
		})
	}
	return out, nil
}
