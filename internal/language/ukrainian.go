package language

import (
	"strings"
	"unicode/utf8"
)

// Ukrainian gives the reduced form of a Ukrainian word in lower case and without apostrophes: endings are taken off, longest first, and what
// alternates in the last syllable is evened out (стіл, стола; ніч, ночі; в'язень, в'язня).
func Ukrainian(word string) string {
	if s, ok := ukrainianIrregular[word]; ok {
		return s
	}
	n := utf8.RuneCountInString(word)
	if n <= 3 {
		return word
	}
	w := word
	// Reflexive verbs.
	for _, s := range []string{"ся", "сь"} {
		if r, ok := strings.CutSuffix(w, s); ok && n-2 >= 3 {
			w, n = r, n-2
			break
		}
	}
	for _, s := range ukrainianEndings {
		size := utf8.RuneCountInString(s)
		if n-size < 3 {
			continue
		}
		if r, ok := strings.CutSuffix(w, s); ok {
			w = r
			break
		}
	}
	return alternate(w)
}
