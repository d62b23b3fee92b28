package release

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"zapis/internal/language"
	"zapis/internal/store"
)

// Person is somebody of the catalogue who must be recognised in a text.
type Person struct {
	Entity    string
	Protected bool
	Code      string   // as "P-17"
	Names     []string // names, aliases, code names; none of a protected one, unless they were written down before
}

// People gives the persons of the catalogue.
type People interface {
	// Persons gives those with a code or a name, whoever may see them.
	Persons(ctx context.Context, tx *store.Tx) ([]Person, error)
	// Sealed gives every sealed name of somebody behind a code to match, and the entities for which it said yes. Names go nowhere else.
	Sealed(ctx context.Context, tx *store.Tx, match func(name string) bool) ([]string, error)
}

// Named is somebody whom a text names.
type Named struct {
	Entity    string
	Protected bool
	Text      int // index of the text
}

// word is one word of a text or a name: the keys under which it is found in any script, spelling and inflection.
type word struct {
	keys []string
	pos  int
	long int // letters
	text string
}

// words reads a text. Words that are written with hyphens are there as a whole and in their parts.
func words(text string) []word {
	var out []word
	for _, t := range language.Tokens(text) {
		as := strings.ToLower(text[t.Start:t.End])
		keys := append(language.StemKeys(t.Stem), language.NameKeys(as)...)
		if len(keys) > 0 {
			out = append(out, word{keys: keys, pos: t.Pos, long: utf8.RuneCountInString(as), text: as})
		}
	}
	return out
}

func (w word) is(o word) bool {
	return slices.ContainsFunc(w.keys, func(k string) bool { return slices.Contains(o.keys, k) })
}

// apart is how many words may lie between two words of one name.
const apart = 4

// names says whether a text gives a name: two of its words near each other in any order, its only word, or its surname alone.
func names(name, text []word) bool {
	var once []word // a word that a name has twice is no pair
	for _, w := range name {
		if w.long >= 3 && !slices.ContainsFunc(once, w.is) {
			once = append(once, w)
		}
	}
	name = once
	if len(name) == 1 {
		return slices.ContainsFunc(text, name[0].is)
	}
	for i, a := range name {
		for _, at := range text {
			if !a.is(at) {
				continue
			}
			if surname(a.text) {
				return true
			}
			for j, b := range name {
				if i == j || a.pos == b.pos {
					continue
				}
				for _, to := range text {
					if to.pos != at.pos && to.pos-at.pos <= apart && at.pos-to.pos <= apart && b.is(to) {
						return true
					}
				}
			}
		}
	}
	return false
}

// surnames end like this in Russian, Ukrainian and their neighbours, in both alphabets; patronymics and some given names end so, too.
var (
	surnameEnd = regexp.MustCompile(`(ов|ова|ев|ева|ёв|ёва|єв|єва|ин|ина|ін|іна|їн|їна|ын|ына|енко|ський|ська|ский|ская|цкий|цкая|цький|цька|ук|юк|чук|чак|няк|ян|янц|дзе|швили|швілі|ич|іч|ко|ых|их|` +
		`ov|ova|ev|eva|yov|in|ina|enko|sky|skyi|skiy|skaya|ska|tsky|uk|yuk|chuk|chak|niak|nyak|yan|ian|dze|shvili|ich|ych)$`)
	notSurname = regexp.MustCompile(`(ович|евич|евна|овна|івна|йович|ivna|ovna|evna|ovych|ovich|evich)$|^(константин|костянтин|валентин|валентина|мартин|марина|ирина|ірина|алина|аліна|полина|поліна|арина|кристина|христина|` +
		`екатерина|катерина|нина|ніна|дина|галина|регина|ангелина|августин|рустам|севастьян|кристиан|маркиян|мар'ян|демьян|лукьян|сева|ева|єва|` +
		`konstantin|valentin|valentina|martin|marina|irina|iryna|alina|polina|arina|kristina|khrystyna|ekaterina|kateryna|nina|dina|galina|halyna|regina|angelina|eva)$`)
)

func surname(s string) bool {
	return utf8.RuneCountInString(s) >= 5 && surnameEnd.MatchString(s) && !notSurname.MatchString(s)
}

// codeForm is how codes of the catalogue look in a text.
var codeForm = regexp.MustCompile(`[\p{L}\p{N}]+(?:[-–‑][\p{L}\p{N}]+)+|\p{L}{1,4}\p{N}+`)

// letters that look alike in codes.
var alike = strings.NewReplacer("А", "A", "В", "B", "С", "C", "Е", "E", "Н", "H", "К", "K", "М", "M", "О", "O", "Р", "P", "Т", "T", "Х", "X", "І", "I", "–", "-", "‑", "-")

func codes(text string) []string {
	var out []string
	for _, c := range codeForm.FindAllString(text, -1) {
		out = append(out, alike.Replace(strings.ToUpper(c)))
	}
	return out
}

// named finds persons in texts.
func named(texts []string, persons []Person) []Named {
	read := make([][]word, len(texts))
	said := make([][]string, len(texts))
	for i, t := range texts {
		read[i], said[i] = words(t), codes(t)
	}
	var out []Named
	for _, p := range persons {
		code := alike.Replace(strings.ToUpper(p.Code))
		var of [][]word
		for _, n := range p.Names {
			of = append(of, words(n))
		}
		for i := range texts {
			if code != "" && slices.Contains(said[i], code) || slices.ContainsFunc(of, func(n []word) bool { return len(n) > 0 && names(n, read[i]) }) {
				out = append(out, Named{Entity: p.Entity, Protected: p.Protected, Text: i})
			}
		}
	}
	return out
}

// people finds who is named. What is sealed is asked only when somebody decides, never to show a list: whoever writes a text must not find out
// by trying names who is behind a code.
func (s *Service) people(ctx context.Context, tx *store.Tx, texts []string, sealed bool) ([]Named, error) {
	persons, err := s.o.People.Persons(ctx, tx)
	if err != nil {
		return nil, err
	}
	out := named(texts, persons)
	if !sealed {
		return out, nil
	}
	read := make([][]word, len(texts))
	for i, t := range texts {
		read[i] = words(t)
	}
	found, err := s.o.People.Sealed(ctx, tx, func(name string) bool {
		n := words(name)
		return len(n) > 0 && slices.ContainsFunc(read, func(t []word) bool { return names(n, t) })
	})
	if err != nil {
		return nil, err
	}
	for _, id := range found {
		out = append(out, Named{Entity: id, Protected: true, Text: -1})
	}
	return out, nil
}
