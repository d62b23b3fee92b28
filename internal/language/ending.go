package language

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// ukrainianEndings are taken off a word, the longest one that fits.
var ukrainianEndings = longestFirst(`
	ами ями ові еві єві ою ею єю ах ях ам ям ів їв ом ем єм ей єй ої
	а я у ю і ї и е є о й ь
	ого ього ому ьому ими ими їми іми их іх їх ій им ім їм ою ею ої ьої ая яя ую юю еє ії ої
	істю ості остей остями остях остям ість
	ати яти ити іти їти ути ти тиме тимуть тиму тимеш тимемо тимете
	ав ала ало али яв яла яло яли ив ила ило или ів іла іло іли їв їла їло їли ув ула уло ули
	ає ають аєш аємо аєте аю яє яють яєш яємо яєте яю ить ать ять иш имо ите іть уть ють еш емо ете єш ємо єте
	ував увала увало ували увати ує ують уєш уємо уєте ую юють юється
	авши ивши увавши ячи ачи учи ючи
	ний на не ні ного ному ним ною них ними
	ння нню нням ннях нь ань ень інь
`)

func longestFirst(words string) []string {
	out := strings.Fields(words)
	slices.SortFunc(out, func(a, b string) int {
		if d := utf8.RuneCountInString(b) - utf8.RuneCountInString(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(out)
}

// alternate evens out what changes between the forms of a Ukrainian word.
func alternate(stem string) string {
	stem = strings.ReplaceAll(stem, "ь", "")
	return stem
}

// Forms of frequent words whose stems the rules do not bring together.
var (
	russianIrregular   = forms(``)
	ukrainianIrregular = forms(``)
)
