package search

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"zapis/internal/archive"
)

// Limits of a query.
const (
	MostBytes = 4096
	MostTerms = 64
	MostDepth = 16
)

// Op is what a node of a query does.
type Op int

// The operations.
const (
	And Op = iota
	Or
	Not    // one kid
	Word   // Text
	Exact  // words in this order: Text
	Prefix // Text is the beginning of a word
	Filter // Field and Values
)

// Node is a part of a query. An And without kids holds for everything.
type Node struct {
	Op     Op
	Kids   []Node
	Text   string
	Field  string
	Values []string
}

// fields are the names that may stand before a colon, in the languages of the interface.
var fields = map[string]string{
	"facility": "facility", "учреждение": "facility", "установа": "facility",
	"person": "person", "человек": "person", "особа": "person",
	"incident": "incident", "событие": "incident", "подія": "incident",
	"camera": "camera", "камера": "camera",
	"accession": "accession", "поступление": "accession", "надходження": "accession",
	"kind": "kind", "вид": "kind",
	"in": "in", "где": "in", "де": "in",
	"certainty": "certainty", "уверенность": "certainty", "певність": "certainty",
	"recorded": "recorded", "записано": "recorded",
	"before": "before", "до": "before",
	"after": "after", "после": "after", "після": "after",
	"difficulty": "difficulty", "тяжесть": "difficulty", "важкість": "difficulty",
	"has": "has", "есть": "has", "має": "has",
	"by": "by", "автор": "by",
}

// Fields gives the names of fields, in order.
func Fields() []string {
	var out []string
	for _, f := range fields {
		if !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	slices.Sort(out)
	return out
}

// Refusal is why a query is not answered. Code names the words of the interface.
type Refusal struct {
	Code string // too-long, too-many-terms, too-deep, open-quote, open-bracket, stray-bracket, empty-value, short-prefix, value, not-only, wide, slow
	What string // the field, if it is about one
}

func (r *Refusal) Error() string {
	text := map[string]string{
		"too-long":       fmt.Sprintf("the query has more than %d bytes", MostBytes),
		"too-many-terms": fmt.Sprintf("the query has more than %d words and fields", MostTerms),
		"too-deep":       fmt.Sprintf("more than %d brackets within brackets", MostDepth),
		"open-quote":     "a quotation mark is not closed",
		"open-bracket":   "a bracket is not closed",
		"stray-bracket":  "a bracket is closed that was not opened",
		"empty-value":    "a field has no value",
		"short-prefix":   "two letters at least are needed before *",
		"value":          "the value of a field is not understood",
		"stray-operator": "OR and NOT stand between and before words",
		"wide":           "a field means more than can be looked for at once; narrow it down",
		"slow":           "the search took too long; narrow it down",
	}[r.Code]
	if r.What != "" {
		text += " (" + r.What + ")"
	}
	return text
}

// Unwrap makes every refusal an archive.ErrInvalid.
func (r *Refusal) Unwrap() error { return archive.ErrInvalid }

func refuse(code string) error { return &Refusal{Code: code} }

// Parse reads a query. An empty one gives the node that holds for everything. Errors are of type *Refusal.
//
//	query  = either { ["AND"] either }           words beside each other must all be there
//	either = term { "OR" term }                  binds closer than standing beside each other
//	term   = "-" term | "NOT" term | "(" query ")" | field ":" value | '"' words '"' | word | word "*"
func Parse(text string) (Node, error) {
	if len(text) > MostBytes {
		return Node{}, refuse("too-long")
	}
	p := parser{text: strings.ToValidUTF8(text, " ")}
	if err := p.scan(); err != nil {
		return Node{}, err
	}
	n, err := p.all(0)
	if err != nil {
		return Node{}, err
	}
	if p.at < len(p.tokens) {
		return Node{}, refuse("stray-bracket")
	}
	return n, nil
}

type tokenKind int

const (
	tokWord tokenKind = iota
	tokQuote
	tokField
	tokOpen
	tokClose
	tokOr
	tokAnd
	tokNot
)

type token struct {
	kind   tokenKind
	text   string
	field  string
	values []string
}

type parser struct {
	text   string
	tokens []token
	at     int
	terms  int
}

func isSpace(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == ',' || r == ';' }

var closing = map[rune]string{'"': `"`, '«': "»", '“': "”", '„': "“”", '”': "”"}

// quoted reads what stands in quotation marks at the beginning of text.
func quoted(text string) (inside, rest string, found bool, err error) {
	open, size := utf8.DecodeRuneInString(text)
	ends, ok := closing[open]
	if !ok {
		return "", text, false, nil
	}
	i := strings.IndexAny(text[size:], ends)
	if i < 0 {
		return "", "", true, refuse("open-quote")
	}
	_, end := utf8.DecodeRuneInString(text[size+i:])
	return text[size : size+i], text[size+i+end:], true, nil
}

func (p *parser) scan() error {
	rest := p.text
	for rest != "" {
		r, size := utf8.DecodeRuneInString(rest)
		switch {
		case isSpace(r):
			rest = rest[size:]
			continue
		case r == '(':
			p.tokens, rest = append(p.tokens, token{kind: tokOpen}), rest[size:]
			continue
		case r == ')':
			p.tokens, rest = append(p.tokens, token{kind: tokClose}), rest[size:]
			continue
		case r == '|':
			p.tokens, rest = append(p.tokens, token{kind: tokOr}), rest[size:]
			continue
		case (r == '-' || r == '−' || r == '–') && len(rest) > size:
			next, _ := utf8.DecodeRuneInString(rest[size:])
			if !isSpace(next) && next != ')' {
				p.tokens = append(p.tokens, token{kind: tokNot})
			}
			rest = rest[size:]
			continue
		}
		inside, after, found, err := quoted(rest)
		if err != nil {
			return err
		}
		if found {
			p.tokens, rest = append(p.tokens, token{kind: tokQuote, text: inside}), after
			continue
		}
		end := strings.IndexFunc(rest, func(r rune) bool {
			return isSpace(r) || r == '(' || r == ')' || r == '|' || r == '"' || r == '«' || r == '“' || r == '„'
		})
		if end < 0 {
			end = len(rest)
		}
		word := rest[:end]
		if name, value, ok := strings.Cut(word, ":"); ok {
			if f, known := fields[strings.ToLower(name)]; known {
				rest = rest[len(name)+1:]
				values, after, err := fieldValues(rest, value)
				if err != nil {
					if r, ok := err.(*Refusal); ok && r.What == "" {
						return &Refusal{Code: r.Code, What: f}
					}
					return err
				}
				p.tokens, rest = append(p.tokens, token{kind: tokField, field: f, values: values}), after
				continue
			}
		}
		rest = rest[end:]
		switch word {
		case "OR", "ИЛИ", "АБО":
			p.tokens = append(p.tokens, token{kind: tokOr})
		case "AND", "&", "&&":
			p.tokens = append(p.tokens, token{kind: tokAnd})
		case "NOT":
			p.tokens = append(p.tokens, token{kind: tokNot})
		default:
			p.tokens = append(p.tokens, token{kind: tokWord, text: word})
		}
	}
	return nil
}

// fieldValues reads value{,value}; a value may stand in quotation marks.
func fieldValues(rest, first string) (values []string, after string, err error) {
	for {
		inside, then, found, err := quoted(rest)
		switch {
		case err != nil:
			return nil, "", err
		case found:
			values, rest = append(values, strings.TrimSpace(inside)), then
		default:
			end := strings.IndexFunc(rest, func(r rune) bool { return isSpace(r) || r == '(' || r == ')' || r == '|' })
			if end < 0 {
				end = len(rest)
			}
			values, rest = append(values, rest[:end]), rest[end:]
		}
		if values[len(values)-1] == "" {
			return nil, "", refuse("empty-value")
		}
		if len(values) > MostTerms {
			return nil, "", refuse("too-many-terms")
		}
		next, _ := utf8.DecodeRuneInString(strings.TrimPrefix(rest, ","))
		if !strings.HasPrefix(rest, ",") || isSpace(next) || next == utf8.RuneError {
			return values, rest, nil
		}
		rest = rest[1:]
	}
}

func (p *parser) peek() (token, bool) {
	if p.at < len(p.tokens) {
		return p.tokens[p.at], true
	}
	return token{}, false
}

// all reads terms that must all hold.
func (p *parser) all(depth int) (Node, error) {
	if depth > MostDepth {
		return Node{}, refuse("too-deep")
	}
	out := Node{Op: And}
	for {
		t, ok := p.peek()
		if !ok || t.kind == tokClose {
			if len(out.Kids) == 1 {
				return out.Kids[0], nil
			}
			return out, nil
		}
		if t.kind == tokAnd {
			p.at++
			continue
		}
		n, err := p.either(depth)
		if err != nil {
			return Node{}, err
		}
		if n.Op == And && len(n.Kids) == 0 {
			continue
		}
		out.Kids = append(out.Kids, n)
	}
}

// either reads terms of which one must hold.
func (p *parser) either(depth int) (Node, error) {
	first, err := p.term(depth)
	if err != nil {
		return Node{}, err
	}
	out := Node{Op: Or, Kids: []Node{first}}
	for {
		t, ok := p.peek()
		if !ok || t.kind != tokOr {
			break
		}
		p.at++
		if t, ok := p.peek(); !ok || t.kind == tokClose || t.kind == tokOr || t.kind == tokAnd {
			return Node{}, refuse("stray-operator")
		}
		n, err := p.term(depth)
		if err != nil {
			return Node{}, err
		}
		out.Kids = append(out.Kids, n)
	}
	if len(out.Kids) == 1 {
		return first, nil
	}
	if slices.ContainsFunc(out.Kids, func(k Node) bool { return k.Op == And && len(k.Kids) == 0 }) {
		return Node{}, refuse("stray-operator") // (something OR nothing) would be everything
	}
	return out, nil
}

func (p *parser) term(depth int) (Node, error) {
	t, ok := p.peek()
	if !ok || t.kind == tokOr || t.kind == tokAnd || t.kind == tokClose {
		return Node{}, refuse("stray-operator")
	}
	p.at++
	switch t.kind {
	case tokNot:
		// A minus before nothing is no word.
		if depth > MostDepth {
			return Node{}, refuse("too-deep")
		}
		n, err := p.term(depth + 1)
		if err != nil {
			return Node{}, err
		}
		if n.Op == And && len(n.Kids) == 0 {
			return n, nil
		}
		if n.Op == Not {
			return n.Kids[0], nil
		}
		return Node{Op: Not, Kids: []Node{n}}, nil
	case tokOpen:
		n, err := p.all(depth + 1)
		if err != nil {
			return Node{}, err
		}
		if t, ok := p.peek(); !ok || t.kind != tokClose {
			return Node{}, refuse("open-bracket")
		}
		p.at++
		return n, nil
	}
	p.terms += max(1, len(t.values))
	if p.terms > MostTerms {
		return Node{}, refuse("too-many-terms")
	}
	switch t.kind {
	case tokField:
		return Node{Op: Filter, Field: t.field, Values: t.values}, nil
	case tokQuote:
		return p.words(Exact, t.text)
	}
	if begun, ok := strings.CutSuffix(t.text, "*"); ok && begun != "" {
		return p.words(Prefix, strings.TrimRight(begun, "*"))
	}
	return p.words(Word, t.text)
}

// words makes a leaf, or the node that holds for everything if there is nothing in it that could be looked for.
func (p *parser) words(op Op, text string) (Node, error) {
	positions := countWords(text)
	switch {
	case positions == 0:
		return Node{Op: And}, nil
	case op == Prefix && utf8.RuneCountInString(text) < 2:
		return Node{}, refuse("short-prefix")
	}
	p.terms += positions - 1
	if p.terms > MostTerms {
		return Node{}, refuse("too-many-terms")
	}
	return Node{Op: op, Text: text}, nil
}
