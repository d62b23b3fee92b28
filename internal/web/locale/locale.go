// Package locale holds the words of the workspace in every language that it speaks, and writes numbers, sizes, lengths
// and dates the way each language does.
//
// It guarantees that every catalogue has the same keys with the same placeholders and all plural forms of its language:
// Load refuses a catalogue that differs, so a page never falls back to another language half way through. Pages and
// scripts read the same files; Messages gives a script the few keys it needs.
//
// It does not choose a language for a person (Match only reads what a browser asks for) and does not translate what
// people have written themselves.
package locale

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed *.json
var files embed.FS

// Language is one language that the workspace speaks.
type Language struct {
	Code string // as in the lang attribute: "en", "ru", "uk"
	Name string // in the language itself
	Dir  string // "ltr" or "rtl"
}

// Languages lists them in the order in which they are offered; the first is the fallback.
var Languages = []Language{
	{"en", "English", "ltr"},
	{"ru", "Русский", "ltr"},
	{"uk", "Українська", "ltr"},
}

// ErrCatalogue: a catalogue lacks a key, has one too many, or a message that does not parse.
var ErrCatalogue = errors.New("catalogue is not complete")

// Catalogue is the words of one language. It is safe for use by several goroutines.
type Catalogue struct {
	Language
	text   map[string]string
	parsed map[string][]node
}

// Set is all catalogues.
type Set map[string]*Catalogue

// Load reads the embedded catalogues and checks them against each other. It gives ErrCatalogue with the key.
func Load() (Set, error) {
	set := Set{}
	for _, l := range Languages {
		raw, err := readFiles(l.Code)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrCatalogue, l.Code, err)
		}
		c, err := parseCatalogue(l, raw)
		if err != nil {
			return nil, err
		}
		set[l.Code] = c
	}
	if err := set.compare(); err != nil {
		return nil, err
	}
	return set, nil
}

// readFiles reads the words of a language: en.json and, a file for each part of the workspace, en.search.json. No key stands twice.
func readFiles(code string) (map[string]string, error) {
	names, err := fs.Glob(files, code+"*.json")
	if err != nil || !slices.Contains(names, code+".json") {
		return nil, fmt.Errorf("%s.json is not there", code)
	}
	all := map[string]string{}
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		var text map[string]string
		if err := json.Unmarshal(raw, &text); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for key := range text {
			if _, twice := all[key]; twice {
				return nil, fmt.Errorf("%s: %s stands in another file, too", name, key)
			}
		}
		maps.Copy(all, text)
	}
	return all, nil
}

func parseCatalogue(l Language, text map[string]string) (*Catalogue, error) {
	c := &Catalogue{Language: l, text: text, parsed: map[string][]node{}}
	for key, text := range c.text {
		nodes, rest, err := parse(text, false)
		if err == nil && rest != "" {
			err = errors.New("a closing brace too many")
		}
		if err == nil {
			err = checkForms(nodes, l.Code)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %s: %w", ErrCatalogue, l.Code, key, err)
		}
		c.parsed[key] = nodes
	}
	return c, nil
}

// compare refuses catalogues that differ in their keys or in the placeholders of a key.
func (s Set) compare() error {
	base := s[Languages[0].Code]
	for _, l := range Languages[1:] {
		c := s[l.Code]
		for key := range base.text {
			if _, ok := c.text[key]; !ok {
				return fmt.Errorf("%w: %s lacks %s", ErrCatalogue, l.Code, key)
			}
			if a, b := names(base.parsed[key]), names(c.parsed[key]); !slices.Equal(a, b) {
				return fmt.Errorf("%w: %s: %s has the placeholders %v, not %v", ErrCatalogue, l.Code, key, b, a)
			}
		}
		for key := range c.text {
			if _, ok := base.text[key]; !ok {
				return fmt.Errorf("%w: %s has %s, which no other language has", ErrCatalogue, l.Code, key)
			}
		}
	}
	return nil
}

// For gives the catalogue of a language, or the first language's when there is none of that code.
func (s Set) For(code string) *Catalogue {
	if c, ok := s[code]; ok {
		return c
	}
	return s[Languages[0].Code]
}

// Match chooses a language from an Accept-Language header (RFC 9110, section 12.5.4): the highest weight that the
// workspace speaks, the first language if none. Weights that do not parse count as 0.
func Match(header string) string {
	best, weight := Languages[0].Code, 0.0
	for part := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(v, 64); err != nil || q < 0 || q > 1 {
				q = 0
			}
		}
		code, _, _ := strings.Cut(strings.ToLower(tag), "-")
		known := slices.ContainsFunc(Languages, func(l Language) bool { return l.Code == code })
		if known && q > weight {
			best, weight = code, q
		}
	}
	return best
}

// Has says whether there is a message under key.
func (c *Catalogue) Has(key string) bool { _, ok := c.parsed[key]; return ok }

// T writes the message under key. args are names and values in turn; integers are written with the language's digit
// groups. A missing key or an odd number of args is an error, so that a test that renders a page finds it.
func (c *Catalogue) T(key string, args ...any) (string, error) {
	nodes, ok := c.parsed[key]
	if !ok {
		return "", fmt.Errorf("%w: no message %q", ErrCatalogue, key)
	}
	if len(args)%2 != 0 {
		return "", fmt.Errorf("%w: message %q: a name without a value", ErrCatalogue, key)
	}
	values := make(map[string]any, len(args)/2)
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return "", fmt.Errorf("%w: message %q: a name must be text", ErrCatalogue, key)
		}
		values[name] = args[i+1]
	}
	var b strings.Builder
	if err := c.write(&b, nodes, values, 0); err != nil {
		return "", fmt.Errorf("message %q: %w", key, err)
	}
	return b.String(), nil
}

// Messages gives the raw messages whose keys begin with one of the prefixes and a full stop, for a script.
func (c *Catalogue) Messages(prefixes ...string) map[string]string {
	out := map[string]string{}
	for key, text := range c.text {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(key, p+".") }) {
			out[key] = text
		}
	}
	return out
}

// Keys lists all keys, sorted.
func (c *Catalogue) Keys() []string { return slices.Sorted(maps.Keys(c.text)) }

// A message is text with {name} and {name, plural, one{…} other{…}} in it; # stands for the number in a branch.
type node struct {
	text   string // literal, if name is empty
	name   string
	forms  map[string][]node // of a plural
	number bool              // a # inside a plural
}

func parse(s string, inPlural bool) ([]node, string, error) {
	var out []node
	for s != "" {
		i := strings.IndexAny(s, "{}#")
		if i < 0 {
			return append(out, node{text: s}), "", nil
		}
		if i > 0 {
			out = append(out, node{text: s[:i]})
		}
		c := s[i]
		s = s[i+1:]
		switch c {
		case '}':
			return out, "}" + s, nil
		case '#':
			if inPlural {
				out = append(out, node{number: true})
			} else {
				out = append(out, node{text: "#"})
			}
		case '{':
			end := strings.IndexAny(s, ",}")
			if end < 0 {
				return nil, "", errors.New("a brace is not closed")
			}
			name := strings.TrimSpace(s[:end])
			if name == "" {
				return nil, "", errors.New("a placeholder without a name")
			}
			if s[end] == '}' {
				out, s = append(out, node{name: name}), s[end+1:]
				continue
			}
			n, rest, err := parsePlural(name, s[end+1:])
			if err != nil {
				return nil, "", err
			}
			out, s = append(out, n), rest
		}
	}
	return out, "", nil
}

func parsePlural(name, s string) (node, string, error) {
	s, ok := strings.CutPrefix(strings.TrimSpace(s), "plural")
	s, comma := strings.CutPrefix(strings.TrimSpace(s), ",")
	if !ok || !comma {
		return node{}, "", errors.New("only plural is known")
	}
	n := node{name: name, forms: map[string][]node{}}
	for {
		s = strings.TrimSpace(s)
		if rest, ok := strings.CutPrefix(s, "}"); ok {
			return n, rest, nil
		}
		form, rest, ok := strings.Cut(s, "{")
		if !ok {
			return node{}, "", errors.New("a plural form without text")
		}
		nodes, rest, err := parse(rest, true)
		if err != nil {
			return node{}, "", err
		}
		if rest, ok = strings.CutPrefix(rest, "}"); !ok {
			return node{}, "", errors.New("a plural form is not closed")
		}
		n.forms[strings.TrimSpace(form)], s = nodes, rest
	}
}

// forms lists the plural forms for whole numbers of a language after CLDR 48, and other, which fractions take.
func forms(lang string) []string {
	switch lang {
	case "ru", "uk":
		return []string{"one", "few", "many", "other"}
	default:
		return []string{"one", "other"}
	}
}

// form is the plural form of a whole number (CLDR 48).
func form(lang string, n int64) string {
	if n < 0 {
		n = -n
	}
	switch lang {
	case "ru", "uk":
		switch d, h := n%10, n%100; {
		case d == 1 && h != 11:
			return "one"
		case d >= 2 && d <= 4 && (h < 12 || h > 14):
			return "few"
		default:
			return "many"
		}
	default:
		if n == 1 {
			return "one"
		}
		return "other"
	}
}

func checkForms(nodes []node, lang string) error {
	for _, n := range nodes {
		if n.forms == nil {
			continue
		}
		for _, f := range forms(lang) {
			branch, ok := n.forms[f]
			if !ok {
				return fmt.Errorf("plural form %s is missing", f)
			}
			if err := checkForms(branch, lang); err != nil {
				return err
			}
		}
		if len(n.forms) != len(forms(lang)) {
			return errors.New("a plural form that the language does not have")
		}
	}
	return nil
}

func names(nodes []node) []string {
	seen := map[string]bool{}
	var walk func([]node)
	walk = func(nodes []node) {
		for _, n := range nodes {
			if n.name != "" {
				seen[n.name] = true
			}
			for _, f := range n.forms {
				walk(f)
			}
		}
	}
	walk(nodes)
	return slices.Sorted(maps.Keys(seen))
}

func (c *Catalogue) write(b *strings.Builder, nodes []node, values map[string]any, count int64) error {
	for _, n := range nodes {
		switch {
		case n.number:
			b.WriteString(c.Number(count))
		case n.name == "":
			b.WriteString(n.text)
		default:
			v, ok := values[n.name]
			if !ok {
				return fmt.Errorf("%w: no value for {%s}", ErrCatalogue, n.name)
			}
			whole, isWhole := integer(v)
			switch {
			case n.forms != nil && !isWhole:
				return fmt.Errorf("%w: {%s} is not a whole number", ErrCatalogue, n.name)
			case n.forms != nil:
				if err := c.write(b, n.forms[form(c.Code, whole)], values, whole); err != nil {
					return err
				}
			case isWhole:
				b.WriteString(c.Number(whole))
			default:
				fmt.Fprint(b, v)
			}
		}
	}
	return nil
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}

// Number writes a whole number with digit groups: 12,480 in English, 12 480 with a no-break space in Russian and
// Ukrainian.
func (c *Catalogue) Number(n int64) string {
	sep := "\u00a0"
	if c.Code == "en" {
		sep = ","
	}
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + sep + s[i:]
	}
	return sign + s
}

func (c *Catalogue) decimal(f float64, digits int) string {
	s := strconv.FormatFloat(f, 'f', digits, 64)
	if strings.ContainsRune(s, '.') {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if c.Code != "en" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s
}

// Rate writes a figure with up to three decimals, such as 29.97.
func (c *Catalogue) Rate(f float64) string { return c.decimal(f, 3) }

// Bytes writes a size in decimal units: 812 bytes, 4.2 GB.
func (c *Catalogue) Bytes(n int64) string {
	unit, f := "b", float64(n)
	for _, u := range []string{"kb", "mb", "gb", "tb"} {
		if f < 1000 {
			break
		}
		unit, f = u, f/1000
	}
	digits := 1
	if unit == "b" || f >= 100 {
		digits = 0
	}
	return c.decimal(f, digits) + "\u00a0" + c.text["unit."+unit]
}

// Duration writes a length in its two largest units: 46 min 10 s, 151 h 20 min.
func (c *Catalogue) Duration(d time.Duration) string {
	unit := func(n int64, u string) string { return c.Number(n) + "\u00a0" + c.text["unit."+u] }
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case d > 0 && d < 10*time.Second:
		return c.decimal(d.Seconds(), 1) + "\u00a0" + c.text["unit.s"]
	case s < 60:
		return unit(s, "s")
	case s < 3600 && s%60 == 0:
		return unit(s/60, "min")
	case s < 3600:
		return unit(s/60, "min") + " " + unit(s%60, "s")
	case s < 86400*4 && s/60%60 == 0:
		return unit(s/3600, "h")
	case s < 86400*4:
		return unit(s/3600, "h") + " " + unit(s/60%60, "min")
	default:
		return unit(s/3600, "h")
	}
}

// Clock writes a length as a player does: 46:10, 1:02:03.
func (c *Catalogue) Clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// Day writes a date in words with its weekday: Monday, 27 July 2020.
func (c *Catalogue) Day(t time.Time) string {
	t = t.UTC()
	return c.text["date.weekday."+strconv.Itoa(int(t.Weekday()))] + ", " + c.Date(t)
}

// Date writes a date in words: 27 July 2020.
func (c *Catalogue) Date(t time.Time) string {
	t = t.UTC()
	s := strconv.Itoa(t.Day()) + "\u00a0" + c.text["date.month."+strconv.Itoa(int(t.Month()))] + " " + strconv.Itoa(t.Year())
	return s + c.text["date.after_year"]
}

// Datetime writes a moment to the second, in coordinated universal time and saying so.
func (c *Catalogue) Datetime(t time.Time) string {
	return c.Date(t) + ", " + t.UTC().Format("15:04:05") + "\u00a0UTC"
}
