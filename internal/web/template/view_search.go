package template

import "time"

// Search is page search. Its forms post to /search (q, and add or drop: a field), /search/saved (name, q) and /search/saved/ID/delete and
// …/restore.
type Search struct {
	Query   string
	Order   string // "", "newest", "oldest"
	Address string // of this answer, for its pages and orders

	Refused string // code of the reason why the question is not answered: search.refused.*; empty: it is
	What    string // the field that the reason is about

	Asked   bool
	Hits    int64 // documents
	Results int64
	More    bool
	Page    int
	Pages   int
	List    []SearchResult
	Facets  []SearchFacet
	Means   []SearchMeans
	Unknown []string

	Saved     []SavedSearch
	SavedID   string // this answer is to a saved search
	SavedName string
	Undo      string // a search that was just deleted
}

// Prev and Next are the pages beside this one; 0: none.
func (s Search) Prev() int { return max(0, s.Page-1) }

// Next is the page after this one; 0: none.
func (s Search) Next() int {
	if s.Page >= s.Pages {
		return 0
	}
	return s.Page + 1
}

// Link leads to a page of this answer in an order.
func (s Search) Link(page int, order string) string {
	to, sep := s.Address, "?"
	if order != "" {
		to, sep = to+sep+"order="+order, "&"
	}
	if page > 1 {
		to += sep + "page=" + itoa(page)
	}
	return to
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + string(rune('0'+n%10))
}

// SearchResult is an item or an entity with what was found in it.
type SearchResult struct {
	Entity     bool
	Ref, Kind  string // reference and kind of the item; code and kind of the entity
	Label      string
	Href       string
	Camera     string
	Difficulty int // -1: not judged
	At         time.Time
	Hits       int64
	Snippets   []SearchSnippet
}

// SearchSnippet is a piece of text that was found.
type SearchSnippet struct {
	Kind, Property, Certainty, Lang string
	Pieces                          []SearchPiece
	Href                            string // the place in the recording
	From                            time.Duration
	HasPlace                        bool
}

// SearchPiece is a part of a snippet.
type SearchPiece struct {
	Text  string
	Found bool
}

// SearchFacet is one field by which to narrow.
type SearchFacet struct {
	Field  string
	Values []SearchValue
}

// SearchValue is one value of a field; Token narrows the question by it.
type SearchValue struct {
	Value, Label, Token string
	Count               int64
	On                  bool
}

// SearchMeans is another spelling.
type SearchMeans struct{ Word, Query string }

// SavedSearch is a search that is kept.
type SavedSearch struct {
	ID, Name, Query string
	On              bool
}

// Orders lists the orders of an answer.
func (s Search) Orders() []string { return []string{"", "newest", "oldest"} }

// SearchExample is something that the query language can say; Name is in the keys search.example.*.
type SearchExample struct{ Name, Code string }

// Examples lists what the query language can say, in the order of its page.
func (s Search) Examples() []SearchExample {
	return []SearchExample{
		{"words", "камера пытки"}, {"phrase", `"дежурный помощник"`}, {"prefix", "осеч*"}, {"not", "колония -этап"}, {"or", "Osechkin OR Осечкін"},
		{"place", "facility:F-0001 camera:B-12"}, {"who", "person:P-0203 incident:I-0093"}, {"in", "in:transcript,testimony"},
		{"time", "recorded:2020-06..2020-11"}, {"has", "has:notes difficulty:0..1"}, {"certainty", "certainty:disputed by:me"},
	}
}
