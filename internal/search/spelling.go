package search

import (
	"cmp"
	"slices"
	"strings"

	"zapis/internal/language"
	"zapis/internal/store"
)

// Correction is a spelling under which something is there.
type Correction struct {
	Word  string // as it was asked
	Means string // as it is written in something that the reader may see
	Query string // the whole query with it
}

const (
	mostCorrections = 3
	mostTried       = 12
)

// spelling looks for other spellings of words of a query that found nothing. Words are compared with those of the whole archive, but a
// spelling is only offered if a document that the reader may see has it, and is taken from that document.
func (c *compiler) spelling(n Node, query string) ([]Correction, error) {
	var out []Correction
	for _, w := range positiveWords(n, nil) {
		tokens := language.Tokens(w)
		if len(tokens) == 0 || strings.ContainsAny(w, "0123456789") || len([]rune(tokens[0].Text)) < 4 || tokens[len(tokens)-1].Pos > 0 {
			continue
		}
		there, err := c.visible(store.Condition{Op: store.HasText, Phrases: []store.Phrase{{Words: [][]string{stemsOf(tokens)}}}})
		if err != nil {
			return nil, err
		}
		if there != nil {
			continue // the word itself is there; only not with the others
		}
		found, err := c.nearest(tokens[0].Text, stemsOf(tokens))
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			out = append(out, Correction{Word: w, Means: m, Query: strings.Replace(query, w, m, 1)})
			if len(out) == mostCorrections {
				return out, nil
			}
		}
	}
	return out, nil
}

func positiveWords(n Node, out []string) []string {
	switch n.Op {
	case And, Or:
		for _, k := range n.Kids {
			out = positiveWords(k, out)
		}
	case Word, Prefix:
		out = append(out, n.Text)
	case Exact:
		for _, t := range language.Tokens(n.Text) {
			if !t.Whole {
				if w := n.Text[t.Start:t.End]; !slices.Contains(out, w) {
					out = append(out, w)
				}
			}
		}
	}
	return out
}

func stemsOf(tokens []language.Token) []string {
	var out []string
	for _, t := range tokens {
		if !slices.Contains(out, t.Stem) {
			out = append(out, t.Stem)
		}
	}
	return out
}

// visible gives the newest document that a reader may see and that meets a condition, with its text, nil if there is none.
func (c *compiler) visible(cond store.Condition) (*store.Hit, error) {
	hits, err := c.tx.Search(c.ctx, c.scope, cond, 1)
	if err != nil || len(hits) == 0 {
		return nil, err
	}
	return &hits[0], c.tx.SearchTexts(c.ctx, []*store.Hit{&hits[0]})
}

// nearest gives spellings within two wrong letters (one in short words), nearest first, as they stand in documents that the reader may see.
func (c *compiler) nearest(word string, stems []string) ([]string, error) {
	type candidate struct {
		term     string
		distance int
	}
	var candidates []candidate
	for _, stem := range stems {
		most := 1
		if len([]rune(stem)) > 5 {
			most = 2
		}
		terms, err := c.tx.TermsLike(c.ctx, stem, most)
		if err != nil {
			return nil, err
		}
		for _, t := range terms {
			if d := language.Distance(stem, t, most); d <= most && !slices.ContainsFunc(candidates, func(o candidate) bool { return o.term == t }) {
				candidates = append(candidates, candidate{t, d})
			}
		}
	}
	slices.SortFunc(candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.distance, b.distance), cmp.Compare(a.term, b.term))
	})
	var out []string
	for _, k := range candidates[:min(len(candidates), mostTried)] {
		hit, err := c.visible(store.Condition{Op: store.HasText, Phrases: []store.Phrase{{Words: [][]string{{k.term}}}}})
		if err != nil {
			return nil, err
		}
		if hit == nil {
			continue
		}
		spans := language.Highlight(hit.Text, []string{k.term})
		if len(spans) == 0 {
			continue
		}
		m := plain(hit.Text[spans[0].Start:spans[0].End])
		if !slices.Contains(out, m) {
			out = append(out, m)
		}
		if len(out) == mostCorrections {
			break
		}
	}
	return out, nil
}
