package vocabulary_test

import (
	"testing"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/vocabulary"
)

func TestTermsHoldTogether(t *testing.T) {
	t.Parallel()
	for _, name := range vocabulary.Names() {
		if !catalogue.TermCode(name) {
			t.Errorf("%s is no name of a vocabulary", name)
		}
		seen := map[string]bool{"": true}
		for _, term := range vocabulary.Terms(name) {
			if seen[term.Code] || !catalogue.TermCode(term.Code) || term.Vocabulary != name {
				t.Errorf("%s:%s: twice, or no code", name, term.Code)
			}
			if !seen[term.Parent] {
				t.Errorf("%s:%s: its parent %q does not come before it", name, term.Code, term.Parent)
			}
			seen[term.Code] = true
			for _, lang := range []string{"en", "ru", "uk"} {
				if text, err := catalogue.Name(term.Labels[lang]); err != nil || text != term.Labels[lang] {
					t.Errorf("%s:%s has no label in %s: %v", name, term.Code, lang, err)
				}
			}
		}
	}
	for _, k := range catalogue.Kinds() {
		for _, p := range k.Properties {
			if p.Vocabulary != "" && len(vocabulary.Terms(p.Vocabulary)) == 0 {
				t.Errorf("%s.%s: there is no vocabulary %s", k.Kind, p.Name, p.Vocabulary)
			}
		}
	}
}

func TestCertaintiesHaveWords(t *testing.T) {
	t.Parallel()
	for certainty, code := range map[archive.Certainty]string{archive.Established: "established", archive.Probable: "probable", archive.Disputed: "disputed", archive.NotKnown: "not-known"} {
		if _, ok := vocabulary.Find("certainty:" + code); !ok {
			t.Errorf("no words for %s", certainty)
		}
	}
	if _, ok := vocabulary.Find("location:cannot-be-determined"); !ok {
		t.Error("no words for a place that cannot be determined")
	}
}

func TestTermsAreCopies(t *testing.T) {
	t.Parallel()
	vocabulary.Terms("sex")[0].Labels["en"] = "changed"
	if term, _ := vocabulary.Find("sex:female"); term.Labels["en"] != "Female" {
		t.Errorf("a caller changed the vocabulary: %+v", term)
	}
}
