package release

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
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

// Named is somebody whom a text names, or may name.
type Named struct {
	Entity    string // empty for what may name somebody whose name is sealed
	Protected bool
	// Maybe: it stands there in a way that others bear, too: a given name alone, an ordinary word that is a surname, a surname with another
	// letter. Only of protected people.
	Maybe bool
	Text  int // index of the text; -1: not told
}

// word is one word of a text or a name: the keys under which it is found in any script, spelling and inflection.
type word struct {
	keys  []string
	pos   int
	long  int // letters
	text  string
	upper bool // begins with a capital letter
	first bool // of a sentence or a line, where every word does
	given int  // see given
	// Of a name alone: it ends like a surname, like a patronymic.
	sur, patronymic bool
}

// words reads a text. Words that are written with hyphens are there as a whole and in their parts.
func words(text string) []word {
	var out []word
	for _, t := range language.Tokens(text) {
		as := strings.ToLower(text[t.Start:t.End])
		keys := append(language.StemKeys(t.Stem), language.NameKeys(as)...)
		if len(keys) > 0 {
			r, _ := utf8.DecodeRuneInString(text[t.Start:])
			out = append(out, word{keys: keys, pos: t.Pos, long: utf8.RuneCountInString(as), text: as, upper: unicode.IsUpper(r), first: begins(text[:t.Start]), given: given(keys)})
		}
	}
	return out
}

// begins says whether a sentence or a line begins after what stands before it.
func begins(before string) bool {
	rest := strings.TrimRight(before, " \t\u00a0«»„“”\"'([—–-")
	return rest == "" || strings.ContainsRune(".!?…:\n", lastRune(rest))
}

func lastRune(s string) rune { r, _ := utf8.DecodeLastRuneInString(s); return r }

func (w word) is(o word) bool {
	return slices.ContainsFunc(w.keys, func(k string) bool { return slices.Contains(o.keys, k) })
}

// reading is a text in which names are looked for: many names, so that its words are found by their keys.
type reading struct {
	words  []word
	by     map[string][]int
	given  map[int][]int     // by given name
	proper map[byte][]string // keys of long words that begin with a capital letter within a sentence, by their first sound, each once
}

func read(text string) *reading {
	r := &reading{words: words(text), by: map[string][]int{}, given: map[int][]int{}, proper: map[byte][]string{}}
	for i, w := range r.words {
		if w.given >= 0 {
			r.given[w.given] = append(r.given[w.given], i)
		} else if w.upper && !w.first && w.long >= 6 {
			for _, k := range w.keys {
				if len(k) >= 6 && !slices.Contains(r.proper[k[0]], k) {
					r.proper[k[0]] = append(r.proper[k[0]], k)
				}
			}
		}
		for _, k := range w.keys {
			if at := r.by[k]; len(at) == 0 || at[len(at)-1] != i {
				r.by[k] = append(at, i)
			}
		}
	}
	return r
}

// find gives the words that are w in some form, in order.
func (r *reading) find(w word) []int {
	var out []int
	for _, k := range w.keys {
		out = append(out, r.by[k]...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// nameWords reads a name: each of its words once, and of short words only those of a name that has no others.
func nameWords(name string) []word {
	all := words(name)
	for _, least := range []int{3, 2} {
		var out []word
		for _, w := range all {
			if w.long >= least && !slices.ContainsFunc(out, w.is) { // a word that a name has twice is no pair
				out = append(out, w)
			}
		}
		for i := range out {
			out[i].sur, out[i].patronymic = surname(out[i].text), patronymic.MatchString(out[i].text)
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// strength is how surely a text gives a name.
type strength int

const (
	not strength = iota
	maybe
	surely
)

// apart is how many words may lie between two words of one name.
const apart = 4

// names says whether a text gives a name. Surely: two of its words near each other in any order, its only word, its surname alone – known by
// how it ends, or because it stands within a sentence with a capital letter and is no given name. Maybe: a given name alone, also in its short
// forms, unless somebody else's surname follows it; any other of its words; its surname with one other letter. A patronymic alone is nobody's.
func names(name []word, text *reading) strength {
	found := not
	for i, a := range name {
		own := a.given
		for _, at := range text.find(a) {
			w := text.words[at]
			switch {
			case len(name) == 1 && own < 0, a.sur:
				return surely
			case slices.ContainsFunc(name[:i], near(text, w)), slices.ContainsFunc(name[i+1:], near(text, w)):
				return surely
			case a.patronymic:
			case own >= 0:
				if !text.another(w, name) {
					found = maybe
				}
			case a.long < 3:
			case w.upper && !w.first:
				return surely
			case a.upper: // what somebody is called, as "the one by the wall", is made of ordinary words
				found = maybe
			}
		}
		switch {
		case found == maybe || len(name) == 1 && own < 0:
		case own >= 0:
			if slices.ContainsFunc(text.given[own], func(at int) bool { return !text.another(text.words[at], name) }) {
				found = maybe
			}
		case !a.patronymic && text.almost(a):
			found = maybe
		}
	}
	return found
}

// near says whether a word of a name stands near another word of the text.
func near(text *reading, w word) func(word) bool {
	return func(b word) bool {
		return slices.ContainsFunc(text.find(b), func(i int) bool {
			d := text.words[i].pos - w.pos
			return d != 0 && d <= apart && -d <= apart
		})
	}
}

// another says whether a given name in a text belongs to somebody else: a surname that is none of the name's stands beside it.
func (r *reading) another(w word, name []word) bool {
	return slices.ContainsFunc(r.words, func(o word) bool {
		d := o.pos - w.pos
		return (d == 1 || d == -1 || d == 2) && o.upper && surname(o.text) && !slices.ContainsFunc(name, o.is)
	})
}

// almost says whether a word with a capital letter differs in one letter.
func (r *reading) almost(a word) bool {
	if a.long < 6 || !a.upper {
		return false
	}
	return slices.ContainsFunc(a.keys, func(k string) bool {
		return len(k) >= 6 && slices.ContainsFunc(r.proper[k[0]], func(o string) bool { return language.Distance(k, o, 1) <= 1 })
	})
}

// surnames end like this in Russian, Ukrainian and their neighbours, in both alphabets; patronymics and some given names end so, too.
var (
	surnameEnd = regexp.MustCompile(`(ов|ова|ев|ева|ёв|ёва|єв|єва|ин|ина|ін|іна|їн|їна|ын|ына|енко|ський|ська|ский|ская|цкий|цкая|цький|цька|ук|юк|чук|чак|няк|ян|янц|дзе|швили|швілі|ич|іч|ко|ых|их|` +
		`ov|ova|ev|eva|yov|in|ina|enko|sky|skyi|skiy|skaya|ska|tsky|uk|yuk|chuk|chak|niak|nyak|yan|ian|dze|shvili|ich|ych)$`)
	patronymic = regexp.MustCompile(`(ович|евич|ьич|инич|евна|овна|ична|івна|ївна|йович|ivna|ovna|evna|ichna|ovych|ovich|evich|yich)$`)
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
	in := make([]*reading, len(texts))
	said := make([][]string, len(texts))
	for i, t := range texts {
		in[i], said[i] = read(t), codes(t)
	}
	var out []Named
	for _, p := range persons {
		code := alike.Replace(strings.ToUpper(p.Code))
		var of [][]word
		for _, n := range p.Names {
			of = append(of, nameWords(n))
		}
		for i := range texts {
			best := not
			if code != "" && slices.Contains(said[i], code) {
				best = surely
			}
			for _, n := range of {
				best = max(best, names(n, in[i]))
			}
			if best == surely || best == maybe && p.Protected {
				out = append(out, Named{Entity: p.Entity, Protected: p.Protected, Maybe: best == maybe, Text: i})
			}
		}
	}
	return out
}

// workers gives the texts that name somebody who works here in any inflection, by their index. Names of one word are looked for as they are
// written, among the traces.
func workers(texts, agents []string) map[int]bool {
	out := map[int]bool{}
	for i, t := range texts {
		in := read(t)
		for _, name := range agents {
			if n := nameWords(name); len(n) > 1 && names(n, in) == surely {
				out[i] = true
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
	in := make([]*reading, len(texts))
	for i, t := range texts {
		in[i] = read(t)
	}
	doubtful := map[int]bool{}
	found, err := s.o.People.Sealed(ctx, tx, func(name string) bool {
		n := nameWords(name)
		sure := false
		for i, t := range in {
			switch names(n, t) {
			case surely:
				sure = true
			case maybe:
				doubtful[i] = true
			}
		}
		return sure
	})
	if err != nil {
		return nil, err
	}
	for _, id := range found {
		out = append(out, Named{Entity: id, Protected: true, Text: -1})
	}
	for _, i := range slices.Sorted(maps.Keys(doubtful)) { // whom is not told, and where only since somebody has to look there
		out = append(out, Named{Protected: true, Maybe: true, Text: i})
	}
	return out, nil
}
