// Package template draws the pages of the workspace: a layout, a page and its parts, in the language of the reader.
//
// It guarantees that every page is parsed at start and that one with an unknown message, asset or icon is an error and
// not a gap: nothing is written to the reader until the whole page has been drawn. Pages hold no inline script and no
// style attribute, so they work under a policy that forbids both. What a page is given is a type in view.go.
//
// It does not decide who may see what: it draws what it is handed. It reads no clock and no database.
package template

import (
	"bytes"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"zapis/internal/web/locale"
)

//go:embed layout/*.html page/*.html part/*.html
var files embed.FS

// Pages lists every page; each is page/NAME.html.
var Pages = []string{
	"accession", "accessions", "archive", "away", "copies", "coverage", "custody", "entities", "entity", "entity_edit", "erasures", "error", "export", "facility",
	"findings", "graph", "health", "identity", "import", "import_file", "incident", "incidents", "item", "jobs", "map", "match", "me", "people", "person", "persons", "places", "plan", "plan-look", "plans", "proof",
	"grades", "release", "release-claims", "release-preview", "release-text", "release-withdraw", "releases",
	"search", "setup", "sign_in", "sign_in_link", "testimonies", "testimony", "timeline", "withdraw", "words",
}

// ErrPage: no page of that name, or one that does not draw.
var ErrPage = errors.New("page")

// Set is all pages in all languages, ready to be drawn. It is safe for use by several goroutines.
type Set struct {
	pages map[string]map[string]*template.Template // language, name
	words locale.Set
}

// Load parses every page for every language. assets leads from plain names of built files ("archive.js", "zapis.css",
// "icons.svg") to their addresses; nil or empty means that the web part is not built, which every page then says.
func Load(words locale.Set, assets map[string]string) (*Set, error) {
	s := &Set{pages: map[string]map[string]*template.Template{}, words: words}
	found, err := files.ReadDir("page")
	if err != nil {
		return nil, err
	}
	for _, f := range found {
		if name := strings.TrimSuffix(f.Name(), ".html"); !slices.Contains(Pages, name) {
			return nil, fmt.Errorf("%w %s is not declared", ErrPage, name)
		}
	}
	for _, l := range locale.Languages {
		base, err := template.New("").Funcs(funcs(words.For(l.Code), assets)).Option("missingkey=error").
			ParseFS(files, "layout/*.html", "part/*.html")
		if err != nil {
			return nil, fmt.Errorf("%w: layout: %w", ErrPage, err)
		}
		s.pages[l.Code] = map[string]*template.Template{}
		for _, name := range Pages {
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(files, "page/"+name+".html")
			}
			if err != nil {
				return nil, fmt.Errorf("%w %s: %w", ErrPage, name, err)
			}
			s.pages[l.Code][name] = t
		}
	}
	return s, nil
}

// Render draws page name for v and writes it to w whole, or gives ErrPage and writes nothing.
func (s *Set) Render(w io.Writer, name string, v View) error {
	lang := s.words.For(v.Lang)
	t, ok := s.pages[lang.Code][name]
	if !ok {
		return fmt.Errorf("%w %s: there is none", ErrPage, name)
	}
	if v.Scheme != "light" && v.Scheme != "system" {
		v.Scheme = "dark"
	}
	v.Lang = lang.Code
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", drawn{View: v, Dir: lang.Dir, Languages: locale.Languages}); err != nil {
		return fmt.Errorf("%w %s: %w", ErrPage, name, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// drawn is what the templates see: the view and what follows from it.
type drawn struct {
	View
	Dir       string
	Languages []locale.Language
}

// funcs are bound to one language; they are the whole vocabulary of the templates.
//
//	t KEY [NAME VALUE]…   the message; an unknown key stops the page
//	tm PREFIX CODE VALUES the message PREFIX.CODE with the values of a map, for messages whose placeholders depend on the code; or the code
//	tc PREFIX CODE        the message PREFIX.CODE, or the code itself: for codes that come from data
//	num, bytes, rate      figures
//	duration, clock       a time.Duration in words, as on a player
//	day, date, datetime   a time.Time in words; iso and micros for machines
//	dated                 a date in EDTF in words
//	languages             those of the workspace
//	short                 the ends of a digest or identifier
//	plain                 text from a file or its name, with invisible and turning characters written out
//	written               the same for text of several lines
//	asset, built          the address of a built file; whether there is one at all
//	icon NAME             a picture from the sprite
//	messages PREFIX…      messages for a script, as data
//	b64                   bytes for a script
//	set                   whether a time.Time is not zero
//	percent, circle, dict small arithmetic; named values for a part
func funcs(c *locale.Catalogue, assets map[string]string) template.FuncMap {
	asset := func(name string) (string, error) {
		if len(assets) == 0 {
			return "", nil
		}
		a, ok := assets[name]
		if !ok {
			return "", fmt.Errorf("no built file %q", name)
		}
		return a, nil
	}
	return template.FuncMap{
		"t": c.T,
		"tm": func(prefix, code string, values map[string]any) (string, error) {
			key := prefix + "." + code
			if !c.Has(key) {
				return code, nil
			}
			var kv []any
			for name, v := range values {
				kv = append(kv, name, v)
			}
			return c.T(key, kv...)
		},
		"tc": func(prefix, code string) (string, error) {
			if key := prefix + "." + code; c.Has(key) {
				return c.T(key)
			}
			return code, nil
		},
		"num":       c.Number,
		"bytes":     c.Bytes,
		"rate":      c.Rate,
		"duration":  c.Duration,
		"clock":     c.Clock,
		"day":       c.Day,
		"date":      c.Date,
		"datetime":  c.Datetime,
		"dated":     dated(c),
		"languages": func() []locale.Language { return locale.Languages },
		"iso":       func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"micros":    func(t time.Time) int64 { return t.UnixMicro() },
		"set":       func(t time.Time) bool { return !t.IsZero() },
		"short": func(s string) string {
			if len(s) <= 12 {
				return s
			}
			return s[:4] + "…" + s[len(s)-4:]
		},
		"asset": asset,
		"built": func() bool { return len(assets) > 0 },
		"icon": func(name string) (template.HTML, error) {
			if !slices.Contains(Icons, name) {
				return "", fmt.Errorf("no icon %q", name)
			}
			href, err := asset("icons.svg")
			if err != nil || href == "" {
				return "", err
			}
			return template.HTML(`<svg class="i" aria-hidden="true"><use href="` + template.HTMLEscapeString(href) + `#` + name + `"/></svg>`), nil
		},
		"circle":   func(i int) int { return 6 + 14*i }, // where the circles of a reach stand
		"plain":    plain,
		"written":  written,
		"messages": c.Messages,
		"b64":      base64.StdEncoding.EncodeToString,
		"percent": func(part, whole int64) int64 {
			if whole <= 0 {
				return 0
			}
			return min(100, part*100/whole)
		},
		"dict": func(kv ...any) (map[string]any, error) {
			if len(kv)%2 != 0 {
				return nil, errors.New("dict: a name without a value")
			}
			m := map[string]any{}
			for i := 0; i < len(kv); i += 2 {
				name, ok := kv[i].(string)
				if !ok {
					return nil, errors.New("dict: a name must be text")
				}
				m[name] = kv[i+1]
			}
			return m, nil
		},
	}
}

// plain writes out the characters of a name that cannot be seen or that turn the direction of others: with one of them
// "gpj.exe" looks like "exe.jpg".
func plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || r == utf8.RuneError {
			fmt.Fprintf(&b, "‹%04X›", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// written is plain for text of several lines, whose lines stay.
func written(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = plain(l)
	}
	return strings.Join(lines, "\n")
}

// Icons lists the pictures of the sprite. The build of the web part makes the sprite from this list
// (web/icons.json), and a test holds the two together.
var Icons = []string{
	"archive", "accessions", "jobs", "health", "people", "me", "away", "look", "cover", "grey", "blur", "sound", "mute",
	"play", "pause", "back", "on", "smaller", "larger", "grid", "list", "search", "check", "clock", "half", "flag",
	"lock", "warn", "key", "out", "film", "audio", "image", "document", "unknown", "down", "received", "sealed",
	"derive", "fixity", "chevron", "close", "aside", "plus", "info", "disk", "link", "copy", "prev", "next", "home", "proof", "dot", "incidents", "places", "persons", "map", "ties", "undo", "coverage", "testimonies", "import", "export", "releases", "plans", "mask",
}
