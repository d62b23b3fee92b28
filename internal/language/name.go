package language

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// NameKeys gives the keys under which the words of a name are found in any script and spelling: «Осечкин», Osechkin and Osietschkin share
// one. A word whose Latin letters may be read in several ways has several keys. Keys are compared whole, by their beginning, or allowing a
// wrong letter; words of one letter have none. Each key once, in order.
func NameKeys(text string) []string {
	var out []string
	seen := map[string]bool{}
	a := pool.Get().(*analyzer)
	defer pool.Put(a)
	for at := 0; at < len(text); {
		p, next, ok := a.piece(text, at)
		at = next
		if !ok || p.traits.other {
			continue
		}
		for _, k := range WordKeys(p.text) {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	return out
}

const mostKeys = 8

// WordKeys gives the keys of one word as the analyzer folds it.
func WordKeys(word string) []string {
	if utf8.RuneCountInString(word) < 2 {
		return nil
	}
	latin := word[0] < utf8.RuneSelf
	keys := []string{""}
	for len(word) > 0 {
		n, reads := spell(word)
		word = word[n:]
		if len(reads) == 1 || len(keys)*len(reads) > mostKeys {
			for i := range keys {
				keys[i] += reads[0]
			}
			continue
		}
		var more []string
		for _, k := range keys {
			for _, r := range reads {
				more = append(more, k+r)
			}
		}
		keys = more
	}
	var out []string
	for _, k := range keys {
		if k = settleKey(k); k != "" && !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	if latin && len(out) > 0 {
		if s, ok := strings.CutSuffix(out[0], "ine"); ok && len(s) > 2 { // Osetchkine
			out = append(out, s+"in")
		}
	}
	return out
}

// StemKeys gives the keys of a word or stem without the vowels that it ends with, so that a name and its inflected forms meet.
func StemKeys(stem string) []string {
	var out []string
	for _, k := range WordKeys(stem) {
		if t := strings.TrimRight(k, "aeiou"); len(t) >= 2 {
			k = t
		}
		if !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// settleKey evens out what transliterations write in different ways.
func settleKey(k string) string {
	var b strings.Builder
	var last byte
	for i := range len(k) {
		if c := k[i]; c != last { // doubled letters
			b.WriteByte(c)
			last = c
		}
	}
	k = b.String()
	for _, r := range []string{"io", "ie", "ee"} {
		k = strings.ReplaceAll(k, r, "e")
	}
	return k
}

// spell reads the first letters of a word: how many bytes, and what they may stand for. The sounds: C ч, S ш щ, Z ж, h г х, v в ф.
func spell(word string) (n int, reads []string) {
	for _, s := range spellings {
		if strings.HasPrefix(word, s.written) {
			return len(s.written), s.reads
		}
	}
	r, size := utf8.DecodeRuneInString(word)
	if s, ok := letters[r]; ok {
		return size, []string{s}
	}
	return size, []string{word[:size]}
}

var letters = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "h", 'ґ': "h", 'д': "d", 'е': "e", 'ё': "e", 'є': "e", 'ж': "Z", 'з': "z", 'и': "i", 'і': "i", 'ї': "i",
	'й': "i", 'к': "k", 'л': "l", 'м': "m", 'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ў': "v", 'ф': "v", 'х': "h",
	'ц': "ts", 'ч': "C", 'ш': "S", 'щ': "S", 'ъ': "", 'ы': "i", 'ь': "", 'э': "e", 'ю': "iu", 'я': "ia",
	'g': "h", 'f': "v", 'w': "v", 'y': "i", 'q': "k", 'x': "ks", '\'': "",
}

type spelling struct {
	written string
	reads   []string
}

// spellings of more than one letter or more than one meaning, longest first.
var spellings = func() []spelling {
	out := []spelling{
		{"schtsch", []string{"S"}}, {"chtch", []string{"S"}}, {"shch", []string{"S"}}, {"szcz", []string{"S"}}, {"stch", []string{"S"}},
		{"tsch", []string{"C"}}, {"tch", []string{"C"}}, {"cz", []string{"C"}}, {"ch", []string{"C", "h", "S"}},
		{"sch", []string{"S", "Z"}}, {"sh", []string{"S"}}, {"sz", []string{"S"}}, {"zh", []string{"Z"}}, {"rz", []string{"Z", "rz"}},
		{"kh", []string{"h"}}, {"gh", []string{"h"}}, {"ph", []string{"v"}}, {"th", []string{"t"}}, {"ck", []string{"k"}},
		{"ts", []string{"ts"}}, {"tz", []string{"ts"}}, {"ou", []string{"u", "ou"}}, {"j", []string{"i", "Z"}}, {"z", []string{"z", "ts"}}, {"c", []string{"k", "ts"}},
		{"iou", []string{"iu"}}, {"тс", []string{"ts"}},
	}
	slices.SortStableFunc(out, func(a, b spelling) int { return len(b.written) - len(a.written) })
	return out
}()
