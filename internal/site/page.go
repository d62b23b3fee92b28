package site

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"path"
	"slices"
	"sort"
	"strings"
)

//go:embed template/*.html style.css mark.svg
var looks embed.FS

// perPage is how many releases a list shows at once.
const perPage = 30

// view is one page that is being made.
type view struct {
	s     *site
	t     *table
	Lang  string
	Path  string // of the page, below the site
	Twin  string // Path of the twin in the other form; empty if there is none
	Text  bool   // the text-only form
	Bare  bool   // without header and footer, for other sites
	Title string
	About string // for search engines and previews
	Nav   string // key of the section
	Name  string // of the page within its language, such as releases.html; empty if it is in one language only
	Data  any
}

// T gives words of the interface.
func (v *view) T(key string, pairs ...any) string { return v.t.text(key, pairs...) }

// N gives words that change with a number.
func (v *view) N(key string, n any) string { return v.t.count(key, whole(n)) }

// Num, Bytes, Length and Day write numbers, sizes, milliseconds and dates.
func (v *view) Num(n any) string       { return v.t.number(whole(n)) }
func (v *view) Bytes(n int64) string   { return v.t.bytes(n) }
func (v *view) Length(ms int64) string { return v.t.length(ms) }
func (v *view) Day(s string) string    { return v.t.day(s) }

func whole(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// Clock writes a place in the clip.
func (v *view) Clock(ms int64) string { return fmt.Sprintf("%d:%02d", ms/60000, ms/1000%60) }

// Dir is the direction of the language of the page.
func (v *view) Dir() string { return direction(v.Lang) }

// Config gives the configuration of the site.
func (v *view) Config() Config { return v.s.o.Config }

// Href gives the relative address of a file of the site.
func (v *view) Href(to string) string { return relative(v.Path, to) }

// L gives the relative address of a page in the language and the form of this one.
func (v *view) L(name string) string { return v.Href(v.base() + name) }

func (v *view) base() string {
	if v.Text {
		return "text/" + v.Lang + "/"
	}
	return v.Lang + "/"
}

func relative(from, to string) string {
	a, b := strings.Split(path.Dir(from), "/"), strings.Split(to, "/")
	if path.Dir(from) == "." {
		a = nil
	}
	for len(a) > 0 && len(b) > 1 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return strings.Repeat("../", len(a)) + strings.Join(b, "/")
}

// other is the same page in another language.
type other struct {
	Lang, Name, Href string
	Here             bool
}

// Others lists the languages of this page.
func (v *view) Others() []other {
	if v.Name == "" {
		return nil
	}
	var out []other
	for _, l := range v.s.o.Config.Languages {
		prefix := l + "/"
		if v.Text {
			prefix = "text/" + prefix
		}
		out = append(out, other{Lang: l, Name: tables[l].text("lang.name"), Href: v.Href(prefix + v.Name), Here: l == v.Lang})
	}
	return out
}

// Style is the address of the style sheet.
func (v *view) Style() string { return v.Href(v.s.style) }

// Policy is what the page may load and do, for the meta element; what only a header can say is added by servers.
func (v *view) Policy() string {
	if v.Text {
		return "default-src 'none'; style-src " + plainDigest + "; base-uri 'none'; form-action 'none'"
	}
	return policy
}

// policy is the one of every page; the digest is that of the style of text-only pages, for servers that say one policy for all.
var policy = "default-src 'none'; style-src 'self' " + plainDigest + "; img-src 'self'; media-src 'self'; base-uri 'none'; form-action 'none'"

// W chooses a text by language: the one of the page, or the first there is, marked with its language.
func (v *view) W(w Words) template.HTML { return v.words(w, func(s string) string { return s }) }

// Short is W of a shorter text.
func (v *view) Short(w Words) template.HTML { return v.words(w, shorten) }

func (v *view) words(w Words, change func(string) string) template.HTML {
	s, lang := choose(w, v.Lang)
	s = template.HTMLEscapeString(change(s))
	if lang != v.Lang && s != "" {
		s = fmt.Sprintf(`<span lang="%s" dir="%s">%s</span>`, lang, direction(lang), s)
	}
	return template.HTML(s) // #nosec: escaped above; codes of languages are checked when read
}

func choose(w Words, lang string) (text, used string) {
	if s, ok := w[lang]; ok {
		return s, lang
	}
	for _, l := range interfaceLanguages {
		if s, ok := w[l]; ok {
			return s, l
		}
	}
	for _, l := range slices.Sorted(mapKeys(w)) {
		return w[l], l
	}
	return "", lang
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// shorten cuts a text at a word, at 200 characters at most.
func shorten(s string) string {
	r := []rune(s)
	if len(r) <= 200 {
		return s
	}
	cut := string(r[:200])
	if i := strings.LastIndexByte(cut, ' '); i > 100 {
		cut = cut[:i]
	}
	return strings.TrimRight(cut, " ,;:.–") + " …"
}

// Paragraphs splits a text at empty lines.
func (v *view) Paragraphs(s string) []string {
	return slices.DeleteFunc(strings.Split(s, "\n\n"), func(p string) bool { return strings.TrimSpace(p) == "" })
}

// card is a release in a list.
type card struct {
	Held    *held
	Release Release
	Title   string
	Summary string
	Lang    string // of the two
}

// Gone says whether the release was withdrawn.
func (c card) Gone() bool { return c.Held.Gone() }

// Card prepares a release for a list.
func (v *view) Card(h *held) card {
	t, lang := h.text(v.Lang)
	return card{Held: h, Release: h.Release, Title: t.Title, Summary: shorten(t.Summary), Lang: lang}
}

// text gives the texts of a release in a language, or in the first that it offers.
func (h *held) text(lang string) (Text, string) {
	if t, ok := h.Release.Text[lang]; ok {
		return t, lang
	}
	first := h.Release.Languages[0]
	return h.Release.Text[first], first
}

// Gone says whether a release was withdrawn.
func (h *held) Gone() bool { return h.Release.State == Withdrawn }

// Foreign says whether the texts of a card are in another language than its page.
func (v *view) Foreign(lang string) bool { return lang != v.Lang }

// DirOf gives the direction of a language, LangName its own name or its code.
func (v *view) DirOf(lang string) string { return direction(lang) }
func (v *view) LangName(lang string) string {
	if t, ok := tables[lang]; ok {
		return t.text("lang.name")
	}
	return lang
}

// Media gives the address of a file of a release.
func (v *view) Media(h *held, name string) string { return v.Href(mediaPath(h, name)) }

func mediaPath(h *held, name string) string { return "media/" + h.folder() + "/" + name }

// Where names the place of a release in the words of the page: the facility, else the place, else the region.
func (v *view) Where(h *held) template.HTML { return v.W(h.where()) }

func (h *held) where() Words {
	r := h.Release
	if r.Facility != nil && len(r.Facility.Name) > 0 {
		return r.Facility.Name
	}
	if r.Place != nil && len(r.Place.Name) > 0 {
		return r.Place.Name
	}
	if r.Place != nil {
		return r.Place.Region
	}
	return nil
}

// placeKey names a place in addresses, without saying anything; empty if a release states none.
func (h *held) placeKey() string {
	r := h.Release
	if r.Facility != nil && r.Facility.Code != "" {
		return digestOf("facility", r.Facility.Code)[:10]
	}
	if w := h.where(); len(w) > 0 {
		raw, _ := json.Marshal(w) // a map of texts
		return digestOf("words", string(raw))[:10]
	}
	return ""
}

// year is when a release was first published.
func (h *held) year() string { return h.Release.FirstPublished[:4] }

// changed is when something about a release last changed.
func (h *held) changed() string {
	if w := h.Release.Withdrawn; w != nil && w.Date+"T00:00:00Z" > h.Release.Published {
		return w.Date + "T00:00:00Z"
	}
	return h.Release.Published
}

// answers are the kinds of what followed that are more than a report.
var answers = []string{"dismissal", "case", "law", "answer"}

// Answered says whether anything but reports followed.
func (h *held) Answered() bool {
	return slices.ContainsFunc(h.Release.Followed, func(f Followed) bool { return slices.Contains(answers, f.Kind) })
}

// newest orders releases by when they were first published, the newest first.
func newest(all []*held) []*held {
	out := slices.Clone(all)
	sort.SliceStable(out, func(i, j int) bool { return out[i].Release.FirstPublished > out[j].Release.FirstPublished })
	return out
}

// templates are parsed once; each page names the block that fills the frame.
var templates = func() map[string]*template.Template {
	names, err := looks.ReadDir("template")
	if err != nil {
		panic(err) // embedded
	}
	out := map[string]*template.Template{}
	for _, n := range names {
		name := strings.TrimSuffix(n.Name(), ".html")
		if name == "frame" || name == "part" {
			continue
		}
		out[name] = template.Must(template.New("frame.html").Funcs(functions).ParseFS(looks, "template/frame.html", "template/part.html", "template/"+n.Name()))
	}
	return out
}()

var functions = template.FuncMap{
	// with hands a part the page and its own data.
	"with": func(v *view, data any) *view {
		c := *v
		c.Data = data
		return &c
	},
	"inc": func(n int) int { return n + 1 },
}

// render makes a page from a template.
func (v *view) render(name string) ([]byte, error) {
	var b bytes.Buffer
	if err := templates[name].Execute(&b, v); err != nil {
		return nil, fmt.Errorf("page %s: %w", name, err)
	}
	return squeeze(b.Bytes()), nil
}

// squeeze takes away the blanks at the beginning of lines and empty lines, outside of pre.
func squeeze(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b))
	pre := false
	for line := range bytes.Lines(b) {
		if !pre {
			line = bytes.TrimLeft(line, " \t")
			if len(bytes.TrimSpace(line)) == 0 {
				continue
			}
		}
		if i, j := bytes.LastIndex(line, []byte("<pre")), bytes.LastIndex(line, []byte("</pre>")); i > j {
			pre = true
		} else if j > i {
			pre = false
		}
		out.Write(line)
	}
	return out.Bytes()
}
