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
	w := word
	// Reflexive verbs.
	for _, s := range []string{"ся", "сь"} {
		if r, ok := strings.CutSuffix(w, s); ok && n >= 6 {
			w, n = r, n-2
			break
		}
	}
	if r, ok := strings.CutSuffix(w, "ень"); ok && n >= 6 {
		// звинувачень, рішень: of звинувачення, рішення
		if last, _ := utf8.DecodeLastRuneInString(r); strings.ContainsRune("чшжщнлр", last) {
			return alternate(r)
		}
	}
	for _, s := range ukrainianEndings {
		if n-utf8.RuneCountInString(s) < 3 {
			continue
		}
		if r, ok := strings.CutSuffix(w, s); ok && strings.ContainsFunc(r, isVowel) {
			w = r
			break
		}
	}
	return alternate(w)
}
