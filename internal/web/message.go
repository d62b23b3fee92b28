package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"
)

// Catalogue holds every sentence of the workspace in every language. Go pages and script islands read the same
// files, template/../locale/<language>.json: one flat object from key to message.
//
// A message is text with {name} for an argument and {n, plural, one {…} few {…} other {…}} for a choice by number,
// as in ICU MessageFormat; "#" inside a choice stands for the number. =0, =1 … choose an exact number. There is no
// quoting: braces cannot be written.
type Catalogue struct {
	languages map[string]*Language
	order     []string
}

// Language is one language of the catalogue.
type Language struct {
	Code string // BCP 47, such as "uk"
	tag  language.Tag
	text map[string]message
	raw  map[string]string
}

// DefaultLanguage is what is shown when nothing better is known, and the language whose keys all others must have.
const DefaultLanguage = "en"

// LoadCatalogue reads every *.json below dir. A malformed message, a key that one language lacks, or an argument
// that a translation does not know is an error: half a translation must not be served.
func LoadCatalogue(files fs.FS, dir string) (*Catalogue, error) {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	c := &Catalogue{languages: map[string]*Language{}}
	for _, e := range entries {
		code, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || e.IsDir() {
			continue
		}
		body, err := fs.ReadFile(files, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", code, err)
		}
		l, err := parseLanguage(code, body)
		if err != nil {
			return nil, err
		}
		c.languages[code] = l
		c.order = append(c.order, code)
	}
	base := c.languages[DefaultLanguage]
	if base == nil {
		return nil, fmt.Errorf("catalogue has no language %q", DefaultLanguage)
	}
	slices.SortFunc(c.order, func(a, b string) int { // the default first, then by code
		if (a == DefaultLanguage) != (b == DefaultLanguage) {
			if a == DefaultLanguage {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, code := range c.order {
		if err := c.languages[code].complete(base); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func parseLanguage(code string, body []byte) (*Language, error) {
	tag, err := language.Parse(code)
	if err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", code, err)
	}
	l := &Language{Code: code, tag: tag, text: map[string]message{}, raw: map[string]string{}}
	if err := json.Unmarshal(body, &l.raw); err != nil {
		return nil, fmt.Errorf("catalogue %s: %w", code, err)
	}
	for key, text := range l.raw {
		m, err := parseMessage(text)
		if err != nil {
			return nil, fmt.Errorf("catalogue %s, key %s: %w", code, key, err)
		}
		l.text[key] = m
	}
	return l, nil
}

// complete holds a language to the default one: same keys, same arguments, all plural forms that it needs.
func (l *Language) complete(base *Language) error {
	var wrong []string
	for key, m := range base.text {
		have, ok := l.text[key]
		switch {
		case !ok || strings.TrimSpace(l.raw[key]) == "":
			wrong = append(wrong, key+" (missing)")
		case !maps.Equal(have.args(), m.args()):
			wrong = append(wrong, key+" (other arguments)")
		default:
			if form := have.lacks(l.forms()); form != "" {
				wrong = append(wrong, key+" (no form "+form+")")
			}
		}
	}
	for key := range l.text {
		if _, ok := base.text[key]; !ok {
			wrong = append(wrong, key+" (not in "+base.Code+")")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	sort.Strings(wrong)
	return fmt.Errorf("catalogue %s: %s", l.Code, strings.Join(wrong, ", "))
}

// forms lists the plural forms of whole numbers in this language.
func (l *Language) forms() []string {
	found := map[string]bool{}
	for n := range int64(201) {
		found[l.form(n)] = true
	}
	return slices.Sorted(maps.Keys(found))
}

var formNames = map[plural.Form]string{plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many", plural.Other: "other"}

// form gives the CLDR plural form of a whole number.
func (l *Language) form(n int64) string {
	if n < 0 {
		n = -n
	}
	digits := []byte(strconv.FormatInt(n, 10))
	for i := range digits {
		digits[i] -= '0'
	}
	return formNames[plural.Cardinal.MatchDigits(l.tag, digits, len(digits), 0)]
}

// Dir is the direction of the script: "ltr" or "rtl".
func (l *Language) Dir() string {
	script, _ := l.tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm":
		return "rtl"
	}
	return "ltr"
}

// T gives the message of a key. Arguments come as name, value, name, value. An unknown key shows as itself, so
// that a page is never lost over a word; the tests make sure that it does not happen.
func (l *Language) T(key string, args ...any) string {
	m, ok := l.text[key]
	if !ok {
		return key
	}
	values := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		name, _ := args[i].(string)
		values[name] = args[i+1]
	}
	// One bare argument is the number of a message that has only one.
	if len(args) == 1 {
		for name := range m.args() {
			values[name] = args[0]
		}
	}
	var b strings.Builder
	m.write(&b, l, values, "")
	return b.String()
}

// Has says whether the key exists.
func (l *Language) Has(key string) bool { _, ok := l.text[key]; return ok }

// Raw gives the unparsed messages whose key begins with one of the prefixes, for the islands.
func (l *Language) Raw(prefixes ...string) map[string]string {
	out := map[string]string{}
	for key, text := range l.raw {
		for _, p := range prefixes {
			if strings.HasPrefix(key, p) {
				out[key] = text
				break
			}
		}
	}
	return out
}

// Languages lists the codes, the default first.
func (c *Catalogue) Languages() []string { return c.order }

// Language gives a language, or the default one.
func (c *Catalogue) Language(code string) *Language {
	if l, ok := c.languages[code]; ok {
		return l
	}
	return c.languages[DefaultLanguage]
}

// Match chooses the language for an Accept-Language header.
func (c *Catalogue) Match(header string) *Language {
	want, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(want) == 0 {
		return c.languages[DefaultLanguage]
	}
	tags := make([]language.Tag, len(c.order))
	for i, code := range c.order {
		tags[i] = c.languages[code].tag
	}
	_, i, confidence := language.NewMatcher(tags).Match(want...)
	if confidence == language.No {
		return c.languages[DefaultLanguage]
	}
	return c.languages[c.order[i]]
}

// message is a parsed message.
type message []part

// part is literal text, an argument, or a choice.
type part struct {
	text   string
	arg    string
	number bool // "#"
	choice map[string]message
}

func parseMessage(s string) (message, error) {
	m, rest, err := parseParts(s, false)
	if err == nil && rest != "" {
		err = fmt.Errorf("a closing brace too many")
	}
	return m, err
}

// parseParts reads up to the end, or up to the closing brace of the choice it is in.
func parseParts(s string, inside bool) (message, string, error) {
	var m message
	for s != "" {
		stop := "{}"
		if inside {
			stop = "{}#"
		}
		i := strings.IndexAny(s, stop)
		if i < 0 {
			m = append(m, part{text: s})
			s = ""
			break
		}
		if i > 0 {
			m = append(m, part{text: s[:i]})
		}
		switch c := s[i]; c {
		case '}':
			return m, s[i:], nil
		case '#':
			m = append(m, part{number: true})
			s = s[i+1:]
		default:
			p, rest, err := parseArg(s[i+1:])
			if err != nil {
				return nil, "", err
			}
			m = append(m, p)
			s = rest
		}
	}
	return m, s, nil
}

// parseArg reads "name}" or "name, plural, form {…} …}".
func parseArg(s string) (part, string, error) {
	i := strings.IndexAny(s, ",}{")
	if i < 0 || s[i] == '{' {
		return part{}, "", fmt.Errorf("an argument is not closed")
	}
	name := strings.TrimSpace(s[:i])
	if name == "" || strings.ContainsAny(name, " \t\n") {
		return part{}, "", fmt.Errorf("an argument has no plain name")
	}
	if s[i] == '}' {
		return part{arg: name}, s[i+1:], nil
	}
	s = s[i+1:]
	kind, rest, ok := strings.Cut(s, ",")
	if !ok || strings.TrimSpace(kind) != "plural" {
		return part{}, "", fmt.Errorf("only plural choices are known")
	}
	p := part{arg: name, choice: map[string]message{}}
	for s = strings.TrimLeft(rest, " \t\n"); ; s = strings.TrimLeft(s, " \t\n") {
		if s == "" {
			return part{}, "", fmt.Errorf("a choice is not closed")
		}
		if s[0] == '}' {
			break
		}
		j := strings.IndexByte(s, '{')
		if j < 0 {
			return part{}, "", fmt.Errorf("a choice has no text")
		}
		form := strings.TrimSpace(s[:j])
		if !knownForm(form) || p.choice[form] != nil {
			return part{}, "", fmt.Errorf("form %q is not known or given twice", form)
		}
		inner, rest, err := parseParts(s[j+1:], true)
		if err != nil {
			return part{}, "", err
		}
		if rest == "" {
			return part{}, "", fmt.Errorf("a choice is not closed")
		}
		if inner == nil {
			inner = message{}
		}
		p.choice[form] = inner
		s = rest[1:]
	}
	if p.choice["other"] == nil {
		return part{}, "", fmt.Errorf("a choice has no form other")
	}
	return p, s[1:], nil
}

func knownForm(form string) bool {
	if n, ok := strings.CutPrefix(form, "="); ok {
		_, err := strconv.ParseUint(n, 10, 31)
		return err == nil
	}
	for _, name := range formNames {
		if name == form {
			return true
		}
	}
	return false
}

// args lists the arguments of a message; true for those that choose.
func (m message) args() map[string]bool {
	out := map[string]bool{}
	for _, p := range m {
		if p.arg != "" {
			out[p.arg] = out[p.arg] || p.choice != nil
		}
		for _, inner := range p.choice {
			for name, chooses := range inner.args() {
				out[name] = out[name] || chooses
			}
		}
	}
	return out
}

// lacks names a plural form that a choice of the message does not have.
func (m message) lacks(forms []string) string {
	for _, p := range m {
		if p.choice == nil {
			continue
		}
		for _, form := range forms {
			if p.choice[form] == nil {
				return form
			}
		}
		for _, inner := range p.choice {
			if form := inner.lacks(forms); form != "" {
				return form
			}
		}
	}
	return ""
}

func (m message) write(b *strings.Builder, l *Language, values map[string]any, number string) {
	for _, p := range m {
		switch {
		case p.number:
			b.WriteString(number)
		case p.choice != nil:
			n, shown := wholeNumber(values[p.arg]), l.Number(wholeNumber(values[p.arg]))
			inner, ok := p.choice["="+strconv.FormatInt(n, 10)]
			if !ok {
				inner, ok = p.choice[l.form(n)]
			}
			if !ok {
				inner = p.choice["other"]
			}
			inner.write(b, l, values, shown)
		case p.arg != "":
			v, ok := values[p.arg]
			if !ok {
				b.WriteString("{" + p.arg + "}")
				continue
			}
			switch v.(type) {
			case int, int32, int64, uint64, uint32, uint:
				b.WriteString(l.Number(wholeNumber(v)))
			default:
				fmt.Fprint(b, v)
			}
		default:
			b.WriteString(p.text)
		}
	}
}

func wholeNumber(v any) int64 {
	switch n := v.(type) {
	case int:
		return int64(n)
	case int32:
		return int64(n)
	case int64:
		return n
	case uint:
		return int64(n)
	case uint32:
		return int64(n)
	case uint64:
		return int64(n)
	case float64:
		return int64(n)
	}
	return 0
}

// groupSeparator between thousands: a comma in English, a no-break space in the Slavic languages. Intl in the
// browser does the same.
func (l *Language) groupSeparator() string {
	base, _ := l.tag.Base()
	switch base.String() {
	case "ru", "uk", "be", "bg", "fr", "pl":
		return " "
	}
	return ","
}

// Number writes a whole number with its thousands apart.
func (l *Language) Number(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + l.groupSeparator() + s[i:]
	}
	return sign + s
}
