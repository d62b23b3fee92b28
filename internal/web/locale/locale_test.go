package locale

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	if _, err := Load(); err != nil {
		t.Fatal(err)
	}
}

func TestPluralForms(t *testing.T) {
	t.Parallel()
	const en = `{"k":"{n, plural, one{# thing} other{# things}} in {where}"}`
	const ru = `{"k":"{n, plural, one{# вещь} few{# вещи} many{# вещей} other{# вещи}} в {where}"}`
	for _, c := range []struct {
		lang, text string
		n          int64
		want       string
	}{
		{"en", en, 1, "1 thing in X"}, {"en", en, 0, "0 things in X"}, {"en", en, 12480, "12,480 things in X"},
		{"ru", ru, 1, "1 вещь в X"}, {"ru", ru, 2, "2 вещи в X"}, {"ru", ru, 5, "5 вещей в X"}, {"ru", ru, 11, "11 вещей в X"},
		{"ru", ru, 12, "12 вещей в X"}, {"ru", ru, 21, "21 вещь в X"}, {"ru", ru, 22, "22 вещи в X"}, {"ru", ru, 111, "111 вещей в X"},
		{"ru", ru, 1000, "1\u00a0000 вещей в X"},
	} {
		cat, err := parseText(c.lang, c.text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := cat.T("k", "n", c.n, "where", "X")
		if err != nil || got != c.want {
			t.Errorf("%s %d: %q, %v; want %q", c.lang, c.n, got, err, c.want)
		}
	}
}

func TestCatalogueRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"form missing": `{"k":"{n, plural, one{a} many{b} other{c}}"}`,
		"open brace":   `{"k":"{n"}`,
		"closing":      `{"k":"a}"}`,
		"no name":      `{"k":"{}"}`,
		"select":       `{"k":"{n, select, a{b}}"}`,
		"form open":    `{"k":"{n, plural, one{a}"}`,
	} {
		if _, err := parseText("ru", text); !errors.Is(err, ErrCatalogue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	mk := func(code, text string) *Catalogue {
		c, err := parseText(code, text)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, ru := range map[string]string{"lacks a key": `{}`, "one too many": `{"a":"{x}","b":""}`, "other placeholder": `{"a":"{y}"}`} {
		s := Set{"en": mk("en", `{"a":"{x}"}`), "ru": mk("ru", ru), "uk": mk("uk", `{"a":"{x}"}`)}
		if err := s.compare(); !errors.Is(err, ErrCatalogue) {
			t.Errorf("%s: %v", name, err)
		}
	}
	en := mk("en", `{"a":"{x}"}`)
	for name, f := range map[string]func() (string, error){
		"no key":    func() (string, error) { return en.T("nosuch") },
		"no value":  func() (string, error) { return en.T("a") },
		"odd":       func() (string, error) { return en.T("a", "x") },
		"name type": func() (string, error) { return en.T("a", 1, 2) },
	} {
		if _, err := f(); !errors.Is(err, ErrCatalogue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFigures(t *testing.T) {
	t.Parallel()
	s, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2020, 7, 27, 23, 41, 6, 0, time.UTC)
	for _, c := range []struct{ got, want string }{
		{s.For("en").Bytes(812), "812 B"}, {s.For("en").Bytes(4_234_000_000), "4.2 GB"}, {s.For("ru").Bytes(4_234_000_000), "4,2 ГБ"},
		{s.For("en").Bytes(999_999), "1000 kB"},
		{s.For("en").Duration(46*time.Minute + 10*time.Second), "46 min 10 s"}, {s.For("uk").Duration(151*time.Hour + 20*time.Minute), "151 год"},
		{s.For("en").Duration(3*time.Hour + 5*time.Minute), "3 h 5 min"}, {s.For("en").Duration(1500 * time.Millisecond), "1.5 s"}, {s.For("en").Duration(0), "0 s"},
		{s.For("en").Clock(46*time.Minute + 10*time.Second), "46:10"}, {s.For("en").Clock(3723 * time.Second), "1:02:03"},
		{s.For("en").Day(at), "Monday, 27 July 2020"}, {s.For("ru").Day(at), "понедельник, 27 июля 2020 г."}, {s.For("uk").Day(at), "понеділок, 27 липня 2020 р."},
		{s.For("en").Datetime(at), "27 July 2020, 23:41:06 UTC"}, {s.For("en").Number(-1234567), "−1,234,567"}, {s.For("ru").Rate(29.97), "29,97"},
		{s.For("xx").Code, "en"},
	} {
		if got := strings.ReplaceAll(c.got, "\u00a0", " "); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "en", "de": "en", "uk": "uk", "ru-RU,ru;q=0.9,en;q=0.8": "ru", "de,uk;q=0.5,ru;q=0.7": "ru", "en;q=0, uk;q=0.1": "uk", "ru;q=x": "en", "UK-ua": "uk",
	} {
		if got := Match(header); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("{n, plural, one{# a {x}} few{b} many{c} other{d}} # {y}")
	f.Fuzz(func(t *testing.T, text string) {
		nodes, _, err := parse(text, false)
		if err == nil {
			names(nodes)
			_ = checkForms(nodes, "ru")
		}
	})
}

// parseText reads a catalogue written out in a test.
func parseText(code, text string) (*Catalogue, error) {
	var words map[string]string
	if err := json.Unmarshal([]byte(text), &words); err != nil {
		return nil, err
	}
	return parseCatalogue(Language{Code: code}, words)
}
