package language

import (
	"strings"
	"unicode/utf8"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/english"
	"github.com/blevesearch/snowballstem/russian"
)

// English gives the reduced form of an English word in lower case: the Snowball stemmer ("Porter 2").
func English(word string) string {
	e := snowballstem.NewEnv(word)
	english.Stem(e)
	return e.Current()
}

// Russian gives the reduced form of a Russian word in lower case with ё written as е: the Snowball stemmer, and what it leaves apart put
// together (пытка, пыток; отец, отца; письмо, писем).
func Russian(word string) string {
	if s, ok := russianIrregular[word]; ok {
		return s
	}
	if s, ok := strings.CutSuffix(word, "пись"); ok {
		return s + "пис" // запись is no reflexive verb
	}
	if s, ok := slavic(word); ok {
		return s
	}
	e := snowballstem.NewEnv(word)
	russian.Stem(e)
	return settle(e.Current())
}

// slavic gives the reduced form of names such as Ярослав, which end like a verb and are none, so that their forms and transliterations meet.
func slavic(word string) (string, bool) {
	for _, ending := range []string{"", "а", "у", "е", "і", "ы", "и", "ом", "ою", "ой", "ові"} {
		if s, ok := strings.CutSuffix(word, ending); ok && strings.HasSuffix(s, "слав") && utf8.RuneCountInString(s) >= 7 {
			return s, true
		}
	}
	return "", false
}

// settle makes one of stems that differ in a vowel that comes and goes before the last consonant, or in a soft sign. Both kinds of
// difference are evened out everywhere, so that all forms of a word keep meeting.
func settle(stem string) string {
	if strings.Contains(stem, "ь") {
		stem = strings.ReplaceAll(stem, "ь", "")
	}
	last, n := utf8.DecodeLastRuneInString(stem)
	rest := stem[:len(stem)-n]
	vowel, m := utf8.DecodeLastRuneInString(rest)
	before := rest[:len(rest)-m]
	if vowel != 'о' && vowel != 'е' || utf8.RuneCountInString(before) < 2 || !strings.ContainsFunc(before, isVowel) {
		return stem
	}
	if c, _ := utf8.DecodeLastRuneInString(before); isVowel(c) || c == 'й' {
		if last != 'ц' {
			return stem
		}
		if c != 'й' { // боец, бойца
			return before + "й" + "ц"
		}
	}
	switch last {
	case 'к', 'ц', 'н', 'р', 'л', 'м':
		return before + string(last)
	}
	return stem
}

func isVowel(r rune) bool {
	switch r {
	case 'а', 'е', 'и', 'о', 'у', 'ы', 'э', 'ю', 'я', 'і', 'ї', 'є':
		return true
	}
	return false
}

// forms reads lines of the form "stem: form form form" into a table by form.
func forms(lines string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(lines) {
		stem, rest, _ := strings.Cut(line, ":")
		for f := range strings.FieldsSeq(rest) {
			out[f] = strings.TrimSpace(stem)
		}
	}
	return out
}
