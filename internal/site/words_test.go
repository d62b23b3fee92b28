package site

import (
	"regexp"
	"slices"
	"testing"

	"zapis/internal/geo"
)

var place = regexp.MustCompile(`\{\w+\}`)

func TestWordsAreTheSameInEveryLanguage(t *testing.T) {
	t.Parallel()
	en := tables["en"]
	for _, lang := range interfaceLanguages {
		w := tables[lang]
		if len(w.plain) != len(en.plain) || len(w.plural) != len(en.plural) {
			t.Errorf("%s: %d and %d keys, en has %d and %d", lang, len(w.plain), len(w.plural), len(en.plain), len(en.plural))
		}
		for key, text := range en.plain {
			other, ok := w.plain[key]
			if !ok || other == "" {
				t.Errorf("%s: %s is missing", lang, key)
			}
			a, b := place.FindAllString(text, -1), place.FindAllString(other, -1)
			slices.Sort(a)
			slices.Sort(b)
			if !slices.Equal(a, b) {
				t.Errorf("%s: %s has the places %v, en has %v", lang, key, b, a)
			}
		}
		for key := range en.plural {
			got := w.plural[key]
			if len(got) != len(forms(lang)) {
				t.Errorf("%s: %s has %d forms, %d are needed", lang, key, len(got), len(forms(lang)))
			}
			for _, f := range forms(lang) {
				if got[f] == "" {
					t.Errorf("%s: %s has no form %q", lang, key, f)
				}
			}
		}
	}
}

func TestNumbersDatesAndLengths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{tables["en"].day("2021-12-20"), "20 December 2021"},
		{tables["ru"].day("2021-12-20T10:00:00Z"), "20 декабря 2021"},
		{tables["uk"].day("2021-07-05"), "5 липня 2021"},
		{tables["ar"].day("2021-12-20"), "20 كانون الأول 2021"},
		{tables["en"].number(1234567), "1,234,567"},
		{tables["ru"].number(18402), "18\u00a0402"},
		{tables["ru"].number(1013), "1013"},
		{tables["en"].bytes(3_100_000), "3.1 MB"},
		{tables["ru"].bytes(3_100_000), "3,1 МБ"},
		{tables["en"].bytes(42), "42 B"},
		{tables["en"].length(48_000), "48 s"},
		{tables["en"].length(10), "1 s"},
		{tables["en"].length(125_000), "2 min 5 s"},
		{tables["en"].length(9000 * 3_600_000), "9,000 h"},
		{tables["ru"].count("n.days", 1), "1 день"},
		{tables["ru"].count("n.days", 11), "11 дней"},
		{tables["ru"].count("n.days", 22), "22 дня"},
		{tables["uk"].count("n.releases", 5), "5 публікацій"},
		{tables["ar"].count("n.days", 2), "يومان"},
		{tables["ar"].count("n.days", 103), "103 أيام"},
		{tables["ar"].count("n.days", 100), "100 يوم"},
	} {
		if c.got != c.want {
			t.Errorf("%q, %q was wanted", c.got, c.want)
		}
	}
}

// Every area that a map may show has words, and every code of the vocabularies has.
func TestEveryCodeHasWords(t *testing.T) {
	t.Parallel()
	var keys []string
	for _, d := range geo.Disputes {
		keys = append(keys, "map.dispute."+d.Key, "map.dispute."+d.Key+"_about")
	}
	for _, key := range geo.Unmarked {
		keys = append(keys, "map.unmarked."+key)
	}
	for prefix, list := range map[string][]string{"stage.": slices.Sorted(mapKeys(stages)), "promise.": promiseStates, "kind.": kinds, "mask.": reasons, "precision.": precisions, "sure.": certainties, "step.": steps} {
		for _, code := range list {
			keys = append(keys, prefix+code)
		}
	}
	for _, lang := range interfaceLanguages {
		for _, key := range keys {
			if tables[lang].plain[key] == "" {
				t.Errorf("%s: %s is missing", lang, key)
			}
		}
	}
}
