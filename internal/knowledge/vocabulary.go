package knowledge

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"golang.org/x/text/language"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/catalogue/vocabulary"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// terms is every term by "vocabulary:code": those of the program, and before them those of this archive.
type terms struct{ own map[string]archive.Term }

func readTerms(ctx context.Context, tx *store.Tx) (*terms, error) {
	list, err := tx.Terms(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("read terms: %w", err)
	}
	t := &terms{own: make(map[string]archive.Term, len(list))}
	for _, term := range list {
		t.own[term.Vocabulary+":"+term.Code] = term
	}
	return t, nil
}

func (w *writer) vocabularies(ctx context.Context) (*terms, error) {
	if w.terms != nil {
		return w.terms, nil
	}
	var err error
	w.terms, err = readTerms(ctx, w.tx)
	return w.terms, err
}

func (t *terms) find(value string) (archive.Term, bool) {
	if term, ok := t.own[value]; ok {
		return term, true
	}
	return vocabulary.Find(value)
}

// label gives a term in a language, in English if there is none, or the term as it is.
func (t *terms) label(value, lang string) string {
	term, ok := t.find(value)
	if !ok {
		return value
	}
	for _, l := range []string{lang, baseLang(lang), "en"} {
		if s := term.Labels[l]; s != "" {
			return s
		}
	}
	return value
}

func baseLang(lang string) string {
	tag, err := language.Parse(lang)
	if err != nil {
		return ""
	}
	base, _ := tag.Base()
	return base.String()
}

// all gives the terms of a vocabulary in their order, parents before their children.
func (t *terms) all(name string) []archive.Term {
	found := map[string]archive.Term{}
	for _, term := range vocabulary.Terms(name) {
		found[term.Code] = term
	}
	for _, term := range t.own {
		if term.Vocabulary == name {
			found[term.Code] = term
		}
	}
	children := map[string][]archive.Term{}
	for _, term := range found {
		parent := term.Parent
		if _, ok := found[parent]; !ok {
			parent = ""
		}
		children[parent] = append(children[parent], term)
	}
	var out []archive.Term
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		list := children[parent]
		slices.SortFunc(list, func(a, b archive.Term) int { return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Code, b.Code)) })
		for _, term := range list {
			out = append(out, term)
			if depth < maxDepth {
				walk(term.Code, depth+1)
			}
		}
	}
	walk("", 0)
	return out
}

const maxDepth = 8 // of a vocabulary

// Vocabulary gives the terms of a vocabulary in their order, each parent before its children, retired ones too. archive.ErrNotFound if there is
// none of that name.
func (s *Service) Vocabulary(ctx context.Context, name string) (out []archive.Term, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		t, err := readTerms(ctx, tx)
		if err == nil {
			out = t.all(name)
		}
		return err
	})
	if err == nil && len(out) == 0 && !slices.Contains(vocabulary.Names(), name) {
		err = archive.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	return out, nil
}

// Vocabularies gives the names of all vocabularies.
func (s *Service) Vocabularies(ctx context.Context) (out []string, err error) {
	out = vocabulary.Names()
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		own, err := tx.Terms(ctx, "")
		for _, t := range own {
			if !slices.Contains(out, t.Vocabulary) {
				out = append(out, t.Vocabulary)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("vocabularies: %w", err)
	}
	return out, nil
}

// PutTerm adds a term or changes one. Its parent must be there and must not be below it; a label in one language is needed. A term is never
// taken away, since claims use it: it is retired.
func (s *Service) PutTerm(ctx context.Context, who policy.Subject, t archive.Term) error {
	if err := policy.Decide(who, policy.ManageVocabulary, policy.Object{Difficulty: -1}).Err(); err != nil {
		return fmt.Errorf("put term: %w", err)
	}
	if !catalogue.TermCode(t.Vocabulary) || !catalogue.TermCode(t.Code) {
		return fmt.Errorf("put term: %w", invalid("the names of vocabularies and the codes of terms are letters, digits and hyphens"))
	}
	labels, notes := map[string]string{}, map[string]string{}
	for from, to := range map[*map[string]string]map[string]string{&t.Labels: labels, &t.Notes: notes} {
		for lang, text := range *from {
			lang, err := catalogue.Lang(lang)
			if err == nil {
				text, err = catalogue.Note(text)
			}
			if err != nil {
				return fmt.Errorf("put term: %w", err)
			}
			if text != "" && lang != "" {
				to[lang] = text
			}
		}
	}
	if len(labels) == 0 {
		return fmt.Errorf("put term: %w", invalid("a label was expected"))
	}
	for _, text := range labels {
		if _, err := catalogue.Name(text); err != nil {
			return fmt.Errorf("put term: %w", err)
		}
	}
	t.Labels, t.Notes = labels, notes
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		w := s.writer(tx, who)
		known, err := w.vocabularies(ctx)
		if err != nil {
			return err
		}
		depth := 0
		for up := t.Parent; up != ""; depth++ {
			p, ok := known.find(t.Vocabulary + ":" + up)
			if !ok {
				return invalid("there is no such parent")
			}
			if up == t.Code || depth >= maxDepth-1 {
				return fmt.Errorf("%w: a term cannot lie below itself, nor deeper than %d", archive.ErrConflict, maxDepth)
			}
			up = p.Parent
		}
		if err := tx.PutTerm(ctx, t, who.Agent, w.now); err != nil {
			return err
		}
		return w.record(ctx, "term", nil, nil, map[string]string{"vocabulary": t.Vocabulary, "term": t.Code})
	})
	if err != nil {
		return fmt.Errorf("put term: %w", err)
	}
	return nil
}
