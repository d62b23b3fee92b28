package search

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/language"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Completion is one way to go on with the last word of a query.
type Completion struct {
	Insert string // what takes the place of the word
	Label  string // what is shown; empty: Insert
	Kind   string // field, value, entity, word
	Entity archive.EntityKind
}

const mostCompletions = 10

// Complete gives ways to go on with the last word of a query: names of fields, their values, entities by code or name in any script, and
// words of documents. All of it is of what the reader may see.
func (s *Service) Complete(ctx context.Context, who policy.Subject, query string) (out []Completion, err error) {
	if err := allowed(who); err != nil {
		return nil, err
	}
	if len(query) > MostBytes || !utf8.ValidString(query) {
		return nil, nil
	}
	word := query[strings.LastIndexFunc(query, func(r rune) bool { return isSpace(r) || r == '(' })+1:]
	word = strings.TrimLeft(word, "-")
	if utf8.RuneCountInString(word) < 2 && !strings.HasSuffix(word, ":") || len(word) > 200 {
		return nil, nil
	}
	err = s.reading(ctx, who, func(ctx context.Context, tx *store.Tx, sc archive.Scope) error {
		c := &compiler{ctx: ctx, tx: tx, scope: sc, who: who}
		if name, value, ok := strings.Cut(word, ":"); ok {
			f, known := fields[strings.ToLower(name)]
			if !known {
				return nil
			}
			out, err = c.completeValue(name, f, strings.Trim(value, `"«»`))
			return err
		}
		for name := range fields {
			if strings.HasPrefix(name, strings.ToLower(word)) && cyrillic(name) == cyrillic(word) {
				out = append(out, Completion{Insert: name + ":", Kind: "field"})
			}
		}
		slices.SortFunc(out, func(a, b Completion) int { return cmp.Compare(a.Insert, b.Insert) })
		out = out[:min(len(out), 3)]
		entities, err := c.completeEntities(word)
		if err != nil {
			return err
		}
		for i := range entities {
			// As a field: what is said about it, and not only where its code is written.
			switch f := string(entities[i].Entity); f {
			case "incident", "person", "facility":
				entities[i].Insert = f + ":" + entities[i].Insert
			case "agency":
				entities[i].Insert = "person:" + entities[i].Insert
			}
		}
		out = append(out, entities...)
		words, err := c.completeWords(word)
		out = append(out, words...)
		return err
	})
	return out[:min(len(out), mostCompletions)], err
}

// quote writes a value so that it reads back as one.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return isSpace(r) || strings.ContainsRune(`()|"«»“”„`, r) }) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, "") + `"`
}

// Quote writes a value for a query so that it reads back as one word.
func Quote(s string) string { return quote(s) }

func (c *compiler) completeValue(name, field, begun string) (out []Completion, err error) {
	low := strings.ToLower(begun)
	add := func(value, label string) {
		if len(out) < mostCompletions && (strings.HasPrefix(strings.ToLower(value), low) || label != "" && strings.Contains(strings.ToLower(label), low)) {
			out = append(out, Completion{Insert: name + ":" + quote(value), Label: label, Kind: "value"})
		}
	}
	switch field {
	case "in":
		for _, v := range []string{"transcript", "note", "claim", "testimony", "ocr", "item", "name"} {
			add(v, "")
		}
	case "kind":
		for _, v := range []string{"video", "audio", "image", "document", "incident", "person", "facility", "testimony", "act", "agency", "camera"} {
			add(v, "")
		}
	case "certainty":
		for _, v := range []string{"established", "probable", "disputed", "not-known"} {
			add(v, "")
		}
	case "has":
		for _, v := range store.Things() {
			add(v, "")
		}
	case "difficulty":
		for _, v := range []string{"0", "1", "2", "3", "none"} {
			add(v, "")
		}
	case "camera":
		f, err := c.tx.Facets(c.ctx, c.scope, store.Query{})
		if err != nil {
			return nil, err
		}
		for _, l := range f.Cameras {
			if l.Value != "" {
				add(l.Value, "")
			}
		}
	case "accession":
		known, err := c.tx.Accessions(c.ctx, c.scope)
		if err != nil {
			return nil, err
		}
		for _, a := range known {
			number := "Z" + strconv.FormatInt(a.Number, 10)
			add(number, number+" "+a.Title)
		}
	case "by":
		add("me", "")
	case "facility", "incident", "person":
		if begun == "" {
			return nil, nil
		}
		found, err := c.completeEntities(begun)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if string(f.Entity) == field || field == "person" && f.Entity == "agency" {
				f.Insert = name + ":" + f.Insert
				out = append(out, f)
			}
		}
	}
	return out, nil
}

// completeEntities gives entities whose code or name begins so, named by their codes, so that what is asked stays the same when a name
// changes.
func (c *compiler) completeEntities(begun string) (out []Completion, err error) {
	var ids []string
	kinds := map[string]archive.EntityKind{}
	codes := map[string]string{}
	found, _, err := c.tx.ListEntities(c.ctx, c.scope, store.EntityQuery{Code: strings.ToUpper(begun), Limit: 5})
	if err != nil {
		return nil, err
	}
	for _, e := range found {
		ids, kinds[e.ID], codes[e.ID] = append(ids, e.ID), e.Kind, e.Code
	}
	hits, err := c.names(begun, 50)
	if err != nil {
		return nil, err
	}
	for _, h := range hits {
		if !slices.Contains(ids, h.Entity) && len(ids) < 8 {
			ids, kinds[h.Entity], codes[h.Entity] = append(ids, h.Entity), h.EntityKind, h.EntityCode
		}
	}
	labels, err := c.labels(ids)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		out = append(out, Completion{Insert: quote(codes[id]), Label: strings.TrimSpace(codes[id] + " " + labels[id]), Kind: "entity", Entity: kinds[id]})
	}
	return out, nil
}

// completeWords gives words that documents hold, as they are written there.
func (c *compiler) completeWords(begun string) (out []Completion, err error) {
	tokens := language.Tokens(begun)
	if len(tokens) == 0 || tokens[len(tokens)-1].Pos > 0 || utf8.RuneCountInString(tokens[0].Text) < 3 {
		return nil, nil
	}
	text := tokens[0].Text
	terms, err := c.tx.TermsFrom(c.ctx, text, mostTried)
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for _, t := range terms {
		hit, err := c.visible(store.Condition{Op: store.HasText, Phrases: []store.Phrase{{Words: [][]string{{t}}}}})
		if err != nil {
			return nil, err
		}
		if hit == nil {
			continue
		}
		for _, sp := range language.Highlight(hit.Text, []string{t}) {
			w := strings.ToLower(plain(hit.Text[sp.Start:sp.End]))
			if strings.HasPrefix(w, strings.ToLower(text)) && !seen[w] {
				seen[w] = true
				out = append(out, Completion{Insert: w, Kind: "word"})
			}
			break
		}
		if len(out) == 5 {
			break
		}
	}
	return out, nil
}
