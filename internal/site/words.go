package site

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed words/*.json
var wordFiles embed.FS

// Interface languages, in the order in which they are offered.
var interfaceLanguages = []string{"en", "ru", "uk", "ar"}

// Languages lists the languages that the words of the pages are there in.
func Languages() []string { return slices.Clone(interfaceLanguages) }

var rightToLeft = []string{"ar", "fa", "he", "ur", "ps", "ug", "dv", "yi"}

func direction(lang string) string {
	base, _, _ := strings.Cut(lang, "-")
	if slices.Contains(rightToLeft, base) {
		return "rtl"
	}
	return "ltr"
}

// table holds the words of one language. It is not changed once it is loaded.
type table struct {
	lang   string
	plain  map[string]string
	plural map[string]map[string]string
	months []string
}

var tables = func() map[string]*table {
	out := map[string]*table{}
	for _, lang := range interfaceLanguages {
		raw, err := wordFiles.ReadFile("words/" + lang + ".json")
		if err != nil {
			panic(err) // embedded
		}
		t, err := readTable(lang, raw)
		if err != nil {
			panic(err) // embedded, and read by a test
		}
		out[lang] = t
	}
	return out
}()

func readTable(lang string, raw []byte) (*table, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("words %s: %w", lang, err)
	}
	t := &table{lang: lang, plain: map[string]string{}, plural: map[string]map[string]string{}}
	for key, v := range all {
		var s string
		if json.Unmarshal(v, &s) == nil {
			t.plain[key] = s
			continue
		}
		var forms map[string]string
		if err := json.Unmarshal(v, &forms); err != nil {
			return nil, fmt.Errorf("words %s: %s: %w", lang, key, err)
		}
		t.plural[key] = forms
	}
	t.months = strings.Fields(t.plain["date.months"])
	if len(t.months) != 12 {
		return nil, fmt.Errorf("words %s: a year has twelve months", lang)
	}
	return t, nil
}

// form is the plural category of a whole number as CLDR gives it.
func form(lang string, n int64) string {
	ten, hundred := n%10, n%100
	switch lang {
	case "ru", "uk":
		switch {
		case ten == 1 && hundred != 11:
			return "one"
		case ten >= 2 && ten <= 4 && (hundred < 12 || hundred > 14):
			return "few"
		}
		return "many"
	case "ar":
		switch {
		case n == 0:
			return "zero"
		case n == 1:
			return "one"
		case n == 2:
			return "two"
		case hundred >= 3 && hundred <= 10:
			return "few"
		case hundred >= 11:
			return "many"
		}
		return "other"
	}
	if n == 1 {
		return "one"
	}
	return "other"
}

// forms lists the categories that a language needs.
func forms(lang string) []string {
	switch lang {
	case "ru", "uk":
		return []string{"one", "few", "many", "other"}
	case "ar":
		return []string{"zero", "one", "two", "few", "many", "other"}
	}
	return []string{"one", "other"}
}

// text gives the words of a key with its places filled: pairs of name and value. A missing key is a fault of this program,
// found by a test; its name stands in its place.
func (t *table) text(key string, pairs ...any) string {
	s, ok := t.plain[key]
	if !ok {
		return key
	}
	return fill(s, pairs)
}

func (t *table) count(key string, n int64) string {
	s, ok := t.plural[key][form(t.lang, n)]
	if !ok {
		return key
	}
	return fill(s, []any{"n", t.number(n)})
}

func fill(s string, pairs []any) string {
	if len(pairs) == 0 || !strings.Contains(s, "{") {
		return s
	}
	list := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, "{"+fmt.Sprint(pairs[i])+"}", fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(list...).Replace(s)
}

func (t *table) number(n int64) string {
	s := strconv.FormatInt(n, 10)
	if n < 10000 && t.lang != "en" { // a year-like number reads better whole
		return s
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + t.plain["sep.thousands"] + s[i:]
	}
	return s
}

func (t *table) decimal(f float64) string {
	return strings.Replace(strconv.FormatFloat(f, 'f', 1, 64), ".", t.plain["sep.decimal"], 1)
}

// bytes writes a size in decimal units.
func (t *table) bytes(n int64) string {
	units := []string{"B", "KB", "MB", "GB", "TB"}
	f, u := float64(n), 0
	for f >= 999.5 && u < len(units)-1 {
		f, u = f/1000, u+1
	}
	s := strconv.FormatFloat(f, 'f', 0, 64)
	if u > 0 && f < 99.95 {
		s = t.decimal(f)
	}
	return t.text("unit."+units[u], "n", s)
}

// length writes a length of time: seconds below two minutes, minutes below two hours, hours above.
func (t *table) length(ms int64) string {
	s := (ms + 500) / 1000
	switch {
	case ms > 0 && s == 0:
		s = 1
		fallthrough
	case s < 120:
		return t.text("unit.s", "n", s)
	case s < 7200:
		out := t.text("unit.min", "n", s/60)
		if s%60 > 0 {
			out += " " + t.text("unit.s", "n", s%60)
		}
		return out
	}
	out := t.text("unit.h", "n", t.number(s/3600))
	if m := s % 3600 / 60; m > 0 && s < 360000 {
		out += " " + t.text("unit.min", "n", m)
	}
	return out
}

// day writes a date or the date of a moment; what is neither is given back.
func (t *table) day(s string) string {
	if len(s) > 10 {
		s = s[:10]
	}
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return t.text("date.full", "d", d.Day(), "m", strings.ReplaceAll(t.months[d.Month()-1], "_", " "), "y", d.Year())
}
