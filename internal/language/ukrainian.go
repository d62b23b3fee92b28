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
	if s, ok := slavic(word); ok {
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
	// The longest ending that leaves three letters with a vowel among them.
	at := len(w)
	cuts := make([]int, 0, longestEnding)
	for range min(longestEnding, n-3) {
		_, size := utf8.DecodeLastRuneInString(w[:at])
		at -= size
		cuts = append(cuts, at)
	}
	for i := len(cuts) - 1; i >= 0; i-- {
		if ukrainianEndings[w[cuts[i]:]] && strings.ContainsFunc(w[:cuts[i]], isVowel) {
			w = w[:cuts[i]]
			break
		}
	}
	return alternate(w)
}
