// Package language turns text into the tokens that search compares: one analyzer for Russian, Ukrainian and English, used alike for what is
// indexed and for what is asked, on every engine.
//
// It guarantees that a token's place is given in bytes of the text as it came, whatever its normal form; that the same text always gives the
// same tokens; that a token holds letters, digits and the separators of numbers only, in lower case; and that hostile text (broken UTF-8,
// endless words, stacked accents) costs time and memory in proportion to its length and nothing else.
//
// It does not recognise languages (each word is treated by its letters alone), knows no synonyms, and reduces words by their endings: forms
// that are built from another root (человек, люди) do not meet.
package language

import (
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Version changes whenever the same text may give other tokens. What was indexed under another version must be indexed again.
const Version = 2

// Token is one word of a text in one reduced form. A word that reads as Russian and as Ukrainian gives two tokens at one position, if the
// reduced forms differ; so does a word written with a hyphen, whose parts stand at positions of their own.
type Token struct {
	Text       string // as written, apart from the case and accents that were folded
	Stem       string // what is compared
	Start, End int    // bytes of the text
	Pos        int    // counted from 0; a word stands at the position after the one before it
	Whole      bool   // a word written with hyphens or the like, as one; its parts follow as tokens of their own, from the same position
}

// Span is a part of a text, in bytes.
type Span struct{ Start, End int }

const (
	maxWord     = 64 // letters of a word that count; the rest is passed over
	maxCompound = 12 // parts of a word written with hyphens
)

// Tokens gives the tokens of a text in order.
func Tokens(text string) []Token {
	a := pool.Get().(*analyzer)
	defer pool.Put(a)
	return a.tokens(text, nil)
}

// Stems gives the reduced forms of a text, each once, in order.
func Stems(text string) []string {
	var out []string
	seen := map[string]bool{}
	for _, t := range Tokens(text) {
		if !seen[t.Stem] {
			seen[t.Stem] = true
			out = append(out, t.Stem)
		}
	}
	return out
}

// Highlight gives the words of a text whose reduced form is one of those given, in order and without overlaps.
func Highlight(text string, stems []string) []Span {
	want := make(map[string]bool, len(stems))
	for _, s := range stems {
		want[s] = true
	}
	return HighlightFunc(text, func(stem string) bool { return want[stem] })
}

// HighlightFunc is Highlight with the choice made by a function.
func HighlightFunc(text string, want func(stem string) bool) []Span {
	var out []Span
	for _, t := range Tokens(text) {
		if !want(t.Stem) {
			continue
		}
		if n := len(out); n > 0 && t.Start < out[n-1].End {
			out[n-1].End = max(out[n-1].End, t.End)
			continue
		}
		out = append(out, Span{t.Start, t.End})
	}
	return out
}

// analyzer remembers the reduced forms of the words it has met. The pool lets it go when memory is collected, so that words of texts that
// are gone do not stay.
type analyzer struct {
	known map[word][]string
	word  []rune
	parts []piece
	out   []Token
}

var pool = sync.Pool{New: func() any { return &analyzer{known: map[word][]string{}} }}

const mostKnown = 1 << 15

// piece is one run of letters and digits.
type piece struct {
	text       string
	start, end int
	sep        rune // what stands between this piece and the one before it; 0 at the first one
	traits     traits
}

// traits are what the letters of a word say about it.
type traits struct {
	cyrillic, latin, digit, other bool
	russian, ukrainian            bool // letters that only one of the two has
	marks                         bool
}

// word is a folded word with the language that its letters gave away: the apostrophe and ё are gone from the text.
type word struct {
	text string
	lang byte
}

func (a *analyzer) tokens(text string, out []Token) []Token {
	pos := 0
	for at := 0; at < len(text); {
		p, next, ok := a.piece(text, at)
		if !ok {
			at = next
			continue
		}
		a.parts = append(a.parts[:0], p)
		at = next
		for len(a.parts) < maxCompound {
			sep, size := utf8.DecodeRuneInString(text[at:])
			joint := joins(sep)
			if joint == 0 {
				break
			}
			q, after, ok := a.piece(text, at+size)
			if !ok || q.start != at+size {
				break
			}
			last := a.parts[len(a.parts)-1]
			if joint != '-' && !(endsInDigit(last.text) && startsWithDigit(q.text)) {
				break
			}
			q.sep = joint
			a.parts = append(a.parts, q)
			at = after
		}
		out, pos = a.emit(out, pos)
	}
	return out
}

// joins says whether a character holds the parts of one word together, and as what. Everything that looks like a hyphen is one; the others
// do so between digits only.
func joins(r rune) rune {
	switch r {
	case '-', '_', '\u2010', '\u2011', '\u2012', '\u2212':
		return '-'
	case '.', ':', '/':
		return r
	}
	return 0
}

func startsWithDigit(s string) bool { r, _ := utf8.DecodeRuneInString(s); return unicode.IsDigit(r) }
func endsInDigit(s string) bool     { r, _ := utf8.DecodeLastRuneInString(s); return unicode.IsDigit(r) }

// emit gives the tokens of the parts of one written word.
func (a *analyzer) emit(out []Token, pos int) ([]Token, int) {
	parts := a.parts
	if len(parts) > 1 {
		// The whole, as one: codes (P-203), references (Z3-000412), dates and times, and what others write in one word.
		var b strings.Builder
		var tr traits
		for i, p := range parts {
			if i > 0 && endsInDigit(parts[i-1].text) && startsWithDigit(p.text) {
				b.WriteRune(p.sep)
				tr.other = true // never reduced
			}
			b.WriteString(p.text)
			tr = tr.with(p.traits)
		}
		whole := b.String()
		if utf8.RuneCountInString(whole) <= maxWord {
			for _, s := range a.stems(whole, tr) {
				out = append(out, Token{Text: whole, Stem: s, Start: parts[0].start, End: parts[len(parts)-1].end, Pos: pos, Whole: true})
			}
		}
	}
	for _, p := range parts {
		for _, s := range a.stems(p.text, p.traits) {
			out = append(out, Token{Text: p.text, Stem: s, Start: p.start, End: p.end, Pos: pos})
		}
		pos++
	}
	return out, pos
}

func (t traits) with(o traits) traits {
	t.cyrillic, t.latin, t.digit, t.other = t.cyrillic || o.cyrillic, t.latin || o.latin, t.digit || o.digit, t.other || o.other
	t.russian, t.ukrainian, t.marks = t.russian || o.russian, t.ukrainian || o.ukrainian, t.marks || o.marks
	return t
}

// piece reads one run of letters and digits that begins at or after at. If there is none at this place it says where to go on.
func (a *analyzer) piece(text string, at int) (p piece, next int, ok bool) {
	r, size := utf8.DecodeRuneInString(text[at:])
	if !isWord(r) {
		return p, at + max(size, 1), false
	}
	p.start = at
	if single(r) {
		return piece{text: string(r), start: at, end: at + size, traits: traits{other: true}}, at + size, true
	}
	a.word = a.word[:0]
	tr := traits{}
	end := at
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		switch {
		case single(r):
			goto done
		case isWord(r):
			if len(a.word) < maxWord {
				a.word = append(a.word, tr.note(unicode.ToLower(r)))
			}
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			if len(a.word) < 2*maxWord {
				a.word = append(a.word, r)
			}
			tr.marks = true
		case silent(r): // soft hyphen, joiners: nothing that is read
		case apostrophe(r):
			// Within a word only.
			after, _ := utf8.DecodeRuneInString(text[at+size:])
			if !unicode.IsLetter(after) || single(after) || len(a.word) == 0 || !unicode.IsLetter(a.word[len(a.word)-1]) {
				goto done
			}
			if tr.cyrillic {
				tr.ukrainian = true
			} else if len(a.word) < maxWord {
				a.word = append(a.word, '\'')
			}
			at += size
			continue
		default:
			goto done
		}
		at += size
		end = at
	}
done:
	p.end = end
	p.text, p.traits = fold(a.word, tr)
	return p, max(at, end), p.text != ""
}

func isWord(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	}
	// An apostrophe may be a letter by its class; the Arabic stretch is one that nobody reads.
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) && r != '\u0640' && r != '\u02BC'
}

// single says whether a letter is a word of its own: scripts that put no space between words.
func single(r rune) bool {
	return r >= 0x0E00 && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

func silent(r rune) bool {
	return r == '\u00AD' || r >= '\u200B' && r <= '\u200F' || r == '\u2060' || r == '\uFEFF' || r == '\u0640' || r >= '\uFE00' && r <= '\uFE0F'
}

func apostrophe(r rune) bool {
	switch r {
	case '\'', '\u2019', '\u02BC', '\u2032', '`', '\u2018', '\uFF07':
		return true
	}
	return false
}

// note takes down what a lower-case letter says about its word.
func (t *traits) note(r rune) rune {
	switch {
	case r < utf8.RuneSelf:
		if r >= '0' && r <= '9' {
			t.digit = true
		} else {
			t.latin = true
		}
	case r >= 0x0400 && r <= 0x052F:
		t.cyrillic = true
		switch r {
		case 'ы', 'э', 'ъ', 'ё':
			t.russian = true
		case 'і', 'ї', 'є', 'ґ', 'ў':
			t.ukrainian = true
		}
	case unicode.Is(unicode.Latin, r):
		t.latin, t.marks = true, true
	case unicode.IsDigit(r):
		t.digit, t.marks = true, true
	default:
		t.other, t.marks = true, true
	}
	return r
}

// fold gives the compared spelling of a word in lower case: composed, without accents, ё as е, one alphabet if letters only look alike.
func fold(word []rune, tr traits) (string, traits) {
	if tr.marks {
		word, tr = unmark(word)
	}
	if tr.cyrillic && tr.latin {
		word, tr = oneAlphabet(word, tr)
	}
	for i, r := range word {
		if r == 'ё' {
			word[i] = 'е'
		}
	}
	if tr.latin && !tr.cyrillic && slices.Contains(word, '\'') {
		s := strings.TrimSuffix(string(word), "'s")
		return strings.ReplaceAll(s, "'", ""), tr
	}
	if slices.Contains(word, '\'') {
		return strings.ReplaceAll(string(word), "'", ""), tr
	}
	return string(word), tr
}

// unmark takes accents away, but not those that make another letter in Cyrillic (й, ї).
func unmark(word []rune) ([]rune, traits) {
	var tr traits
	out := make([]rune, 0, len(word))
	for _, r := range norm.NFKC.String(string(word)) {
		r = unicode.ToLower(r)
		switch {
		case unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r):
			continue
		case r >= 0x0400 && r <= 0x052F:
		case r >= utf8.RuneSelf && unicode.Is(unicode.Latin, r):
			if s, ok := plainLatin[r]; ok {
				for _, c := range s {
					out = append(out, tr.note(c))
				}
				continue
			}
			for _, c := range norm.NFKD.String(string(r)) {
				if !unicode.Is(unicode.Mn, c) {
					out = append(out, tr.note(unicode.ToLower(c)))
				}
			}
			continue
		case r >= utf8.RuneSelf && unicode.IsDigit(r):
			if d := digitOf(r); d >= 0 {
				r = rune('0' + d)
			}
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' {
			continue // what a compatible form brought with it
		}
		out = append(out, tr.note(r))
	}
	if len(out) > maxWord {
		out = out[:maxWord]
	}
	tr.marks = true
	return out, tr
}

// digitOf gives the value of a decimal digit of any script: they stand in tens.
func digitOf(r rune) int {
	for d := 0; d < 10; d++ {
		if !unicode.IsDigit(r - rune(d) - 1) {
			return d
		}
	}
	// Several tens in a row, as among the mathematical digits, which NFKC has replaced before.
	return -1
}

var plainLatin = map[rune]string{'ß': "ss", 'ø': "o", 'ł': "l", 'đ': "d", 'ð': "d", 'þ': "th", 'æ': "ae", 'œ': "oe", 'ı': "i", 'ħ': "h", 'ŧ': "t", 'ŋ': "n"}

// lookalikes are Latin letters that are drawn like Cyrillic ones; readers of pictures mix them up, and so do people who hide.
var lookalikes = map[rune]rune{'a': 'а', 'b': 'в', 'c': 'с', 'e': 'е', 'h': 'н', 'i': 'і', 'k': 'к', 'm': 'м', 'o': 'о', 'p': 'р', 't': 'т', 'x': 'х', 'y': 'у'}

// oneAlphabet turns a word of mixed letters into a Cyrillic one if its Latin letters only look like Cyrillic ones and are the fewer.
func oneAlphabet(word []rune, tr traits) ([]rune, traits) {
	latin, cyrillic := 0, 0
	for _, r := range word {
		switch {
		case r >= 'a' && r <= 'z':
			if _, ok := lookalikes[r]; !ok {
				return word, tr
			}
			latin++
		case r >= 0x0400 && r <= 0x052F:
			cyrillic++
		}
	}
	if latin > cyrillic {
		return word, tr
	}
	for i, r := range word {
		if c, ok := lookalikes[r]; ok {
			word[i] = c
			if c == 'і' {
				tr.ukrainian = true
			}
		}
	}
	tr.latin = false
	return word, tr
}

// stems gives the reduced forms of a word: one, or two for a Cyrillic word that may be either language.
func (a *analyzer) stems(text string, tr traits) []string {
	key := word{text: text}
	switch {
	case tr.digit || tr.other || tr.cyrillic == tr.latin:
		key.lang = '='
	case tr.latin:
		key.lang = 'e'
	case tr.russian && !tr.ukrainian:
		key.lang = 'r'
	case tr.ukrainian && !tr.russian:
		key.lang = 'u'
	}
	if s, ok := a.known[key]; ok {
		return s
	}
	var out []string
	switch key.lang {
	case '=':
		out = []string{text}
	case 'e':
		out = []string{English(text)}
	case 'r':
		out = []string{Russian(text)}
	case 'u':
		out = []string{Ukrainian(text)}
	default:
		out = []string{Russian(text)}
		if u := Ukrainian(text); u != out[0] {
			out = append(out, u)
		}
	}
	for i, s := range out {
		if s == "" {
			out[i] = text // nothing but an ending
		}
	}
	if len(a.known) >= mostKnown {
		clear(a.known)
	}
	a.known[key] = out
	return out
}

// Each gives the tokens of a text one after the other.
func Each(text string) func(yield func(Token) bool) {
	return func(yield func(Token) bool) {
		a := pool.Get().(*analyzer)
		defer pool.Put(a)
		a.out = a.tokens(text, a.out[:0])
		for _, t := range a.out {
			if !yield(t) {
				return
			}
		}
	}
}
