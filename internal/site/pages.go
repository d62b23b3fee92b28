package site

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// task is one file of the site. Of two tasks with the same key the files have the same bytes.
type task struct {
	path string
	key  string
	make func() ([]byte, error)
	// from is a file of a bundle, relative to the folder of releases, whose bytes are taken as they are.
	from string
	sum  string // of from
	size int64
	kit  *held // make a press kit, of these files
}

// planner collects tasks.
type planner struct {
	s   *site
	out []task
}

func (s *site) tasks() []task {
	p := &planner{s: s}
	p.add(s.style, "style", func() ([]byte, error) { return styleSheet(), nil })
	p.add("mark.svg", "mark", func() ([]byte, error) { return looks.ReadFile("mark.svg") })
	if len(s.o.CheckPage) > 0 {
		p.add("check.html", "check", func() ([]byte, error) { return s.o.CheckPage, nil })
	}
	everything := s.digest(s.all)
	for i, lang := range s.o.Config.Languages {
		for _, text := range []bool{false, true} {
			p.fixed(lang, text, everything)
			p.lists(lang, text)
			for _, h := range s.all {
				p.release(h, lang, text)
			}
		}
		p.feeds(lang)
		for _, h := range s.all {
			p.embed(h, lang, "embed/"+h.Release.Slug+"/"+lang+".html")
			if i == 0 {
				p.embed(h, lang, "embed/"+h.Release.Slug+"/index.html")
			}
		}
	}
	for _, h := range s.all {
		p.media(h)
	}
	p.root(everything)
	return p.out
}

func (p *planner) add(path, key string, make func() ([]byte, error)) {
	p.out = append(p.out, task{path: path, key: digestOf(p.s.constant, path, key), make: make})
}

// page adds a page made from a template. Data is computed when the page is made.
func (p *planner) page(v view, name, key string, data func(v *view) (any, error)) {
	v.s, v.t = p.s, tables[v.Lang]
	// The title may come from a release that is not on the page, such as the name of a place.
	p.add(v.Path, digestOf(v.Title, v.About, key), func() ([]byte, error) {
		var err error
		if v.Data, err = data(&v); err != nil {
			return nil, fmt.Errorf("page %s: %w", name, err)
		}
		return v.render(name)
	})
}

// both adds a page in one of its forms.
func (p *planner) both(lang string, text bool, file, nav, title, about, name, key string, data func(v *view) any) {
	p.try(lang, text, file, nav, title, about, name, key, func(v *view) (any, error) { return data(v), nil })
}

// try is both of a page whose data may not come about.
func (p *planner) try(lang string, text bool, file, nav, title, about, name, key string, data func(v *view) (any, error)) {
	v := view{Lang: lang, Text: text, Path: lang + "/" + file, Twin: "text/" + lang + "/" + file, Name: file, Nav: nav, Title: title, About: about}
	if text {
		v.Path, v.Twin = v.Twin, v.Path
	}
	p.page(v, name, key, data)
}

// digest is a key over releases.
func (s *site) digest(list []*held) string {
	parts := make([]string, len(list))
	for i, h := range list {
		parts[i] = h.Release.Slug + h.Digest
	}
	return digestOf(parts...)
}

// fixed adds the pages of which there is one in each language.
func (p *planner) fixed(lang string, text bool, everything string) {
	s, t := p.s, tables[lang]
	p.both(lang, text, "index.html", "", s.o.Config.Name, t.text("home.dek"), "home", everything+s.outcomesKey, s.homeData)
	p.both(lang, text, "accountability.html", "accountability", t.text("acc.title"), t.text("acc.dek"), "account", digestOf(everything, s.outcomesKey, s.day), s.accountData)
	for _, name := range []string{"how", "support"} {
		nav := ""
		if name == "how" {
			nav = name
		}
		raw, _ := json.Marshal(s.prose[lang+"/"+name]) // texts only
		p.both(lang, text, name+".html", nav, t.text(name+".title"), "", "prose", string(raw), func(*view) any {
			return map[string]any{"Blocks": s.prose[lang+"/"+name]}
		})
	}
	keys := s.keys()
	p.both(lang, text, "check.html", "check", t.text("check.title"), t.text("check.dek"), "check", strings.Join(keys, "\n"), func(*view) any {
		return map[string]any{"Page": len(s.o.CheckPage) > 0, "Keys": keys}
	})
	p.changes(lang, text)
	p.places(lang, text)
	p.outcomePages(lang, text)
}

// keys lists the keys that the proofs of the site name, most used first.
func (s *site) keys() []string {
	count := map[string]int{}
	for _, h := range s.all {
		count[h.Facts.Key]++
	}
	out := slices.Sorted(mapKeys(count))
	sort.SliceStable(out, func(i, j int) bool { return count[out[i]] > count[out[j]] })
	return out[:min(len(out), 20)]
}

func (s *site) homeData(v *view) any {
	var newest []*held
	for _, h := range s.newest {
		if !h.Gone() && len(newest) < 3 {
			newest = append(newest, h)
		}
	}
	return map[string]any{"Newest": newest, "Totals": s.totals()}
}

// paged is one page of a long list.
type paged struct {
	Page, Pages  int
	Newer, Older string
}

// split cuts a list into pages. Pages are filled and numbered from the end of the list, so that something new at its head changes the first page
// alone: file.html is the newest, file-1.html the oldest.
func split[T any](list []T, per int, file string, each func(part []T, name string, p paged)) {
	pages := max(1, (len(list)+per-1)/per)
	name := func(n int) string {
		if n == pages {
			return file + ".html"
		}
		return file + "-" + strconv.Itoa(n) + ".html"
	}
	for i := pages; i >= 1; i-- {
		p := paged{Page: pages - i + 1, Pages: pages}
		if i < pages {
			p.Newer = name(i + 1)
		}
		if i > 1 {
			p.Older = name(i - 1)
		}
		end := len(list) - (i-1)*per
		each(list[max(0, end-per):end], name(i), p)
	}
}

// With hands a part of a page its own data.
func (v *view) With(data any) *view {
	c := *v
	c.Data = data
	return &c
}

// filter is a way to choose releases.
type filter struct {
	Label   string
	Choices []choice
}

type choice struct {
	Name template.HTML
	File string
	N    int
	list []*held
}

// mostPlaces is how many places a filter shows; the page of places has them all.
const mostPlaces = 40

// filters groups releases. Withdrawn ones are in the list of all and of their year.
func (p *planner) filters(v *view) []filter {
	years, places, kinds := filter{Label: "list.year"}, filter{Label: "list.place"}, filter{Label: "list.kind"}
	at := map[string]int{}
	into := func(f *filter, key string, name func() template.HTML, h *held) {
		i, ok := at[f.Label+key]
		if !ok {
			i = len(f.Choices)
			at[f.Label+key] = i
			f.Choices = append(f.Choices, choice{Name: name(), File: "releases-" + key + ".html"})
		}
		f.Choices[i].N++
		f.Choices[i].list = append(f.Choices[i].list, h)
	}
	for _, h := range p.s.newest {
		into(&years, "year-"+h.year(), func() template.HTML { return template.HTML(h.year()) }, h) // digits
		if h.Gone() {
			continue
		}
		if key := h.placeKey(); key != "" {
			into(&places, "place-"+key, func() template.HTML { return v.Where(h) }, h)
		}
		var seen []string
		for _, f := range h.Release.Followed {
			if !slices.Contains(seen, f.Kind) {
				seen = append(seen, f.Kind)
			}
		}
		if !p.s.answered(h) {
			seen = append(seen, "none")
		}
		for _, k := range seen {
			into(&kinds, "kind-"+k, func() template.HTML { return template.HTML(template.HTMLEscapeString(v.T("kind." + k))) }, h)
		}
	}
	for _, f := range []*filter{&places, &kinds} {
		sort.SliceStable(f.Choices, func(i, j int) bool { return f.Choices[i].N > f.Choices[j].N })
	}
	return slices.DeleteFunc([]filter{years, places, kinds}, func(f filter) bool { return len(f.Choices) == 0 })
}

// lists adds the list of releases, and one for each choice of each filter.
func (p *planner) lists(lang string, text bool) {
	t := tables[lang]
	v := &view{s: p.s, t: t, Lang: lang, Text: text, Path: lang + "/releases.html"}
	filters := p.filters(v)
	shown := func() []filter {
		out := slices.Clone(filters)
		for i := range out {
			out[i].Choices = out[i].Choices[:min(len(out[i].Choices), mostPlaces)]
		}
		return out
	}
	var counts []string
	for _, f := range filters {
		for _, c := range f.Choices {
			counts = append(counts, fmt.Sprint(c.File, c.N, c.Name))
		}
	}
	key := digestOf(counts...)
	one := func(list []*held, file, title, dek string, filtered bool) {
		split(list, perPage, strings.TrimSuffix(file, ".html"), func(part []*held, name string, g paged) {
			// Only the first page has the filters with their numbers, so that a new release changes few pages.
			first := name == "releases.html"
			k := p.s.digest(part) + fmt.Sprint(g)
			if first {
				k += key
			}
			p.both(lang, text, name, "releases", title, dek, "list", k, func(*view) any {
				var offered []filter
				if first {
					offered = shown()
				}
				return map[string]any{"Dek": dek, "Filters": offered, "Filtered": filtered, "Releases": part,
					"Page": g.Page, "Pages": g.Pages, "Newer": g.Newer, "Older": g.Older}
			})
		})
	}
	one(p.s.newest, "releases.html", t.text("list.title"), t.text("list.dek"), false)
	for _, f := range filters {
		for _, c := range f.Choices {
			title := t.text("list.title") + ": " + plain(c.Name)
			if f.Label == "list.year" {
				title = t.text("list.year.of", "year", plain(c.Name))
			}
			one(c.list, c.File, title, "", true)
		}
	}
}

// plain gives the text of a name that W wrote.
func plain(h template.HTML) string {
	s := string(h)
	if i := strings.IndexByte(s, '>'); i >= 0 && strings.HasPrefix(s, "<span") {
		s = strings.TrimSuffix(s[i+1:], "</span>")
	}
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&").Replace(s)
}

// TextOf gives the texts of a release, in a list of one, so that a template can range over it.
func (v *view) TextOf(h *held) []struct {
	Text Text
	Lang string
} {
	t, lang := h.text(v.Lang)
	return []struct {
		Text Text
		Lang string
	}{{t, lang}}
}

// Related gives the releases that a release names and that are there.
func (v *view) Related(h *held) []*held {
	var out []*held
	for _, slug := range h.Release.Related {
		if r, ok := v.s.bySlug[slug]; ok && len(out) < 6 && r != h {
			out = append(out, r)
		}
	}
	return out
}

// MaskList says what is hidden and how often.
func (v *view) MaskList(h *held) string {
	var out []string
	for _, m := range h.Release.Masks {
		out = append(out, v.T("mask."+m.Reason)+" "+v.Num(m.Count))
	}
	return strings.Join(out, v.Comma())
}

// Comma separates the parts of an enumeration.
func (v *view) Comma() string {
	if v.Lang == "ar" {
		return "، "
	}
	return ", "
}

// SizeOf writes the length of a file of a bundle.
func (v *view) SizeOf(h *held, name string) string { return v.t.bytes(h.Sizes[name]) }

// KitName is the name of the press kit beside the media.
func (v *view) KitName() string { return kitName }

// KitSize writes the length of the press kit.
func (v *view) KitSize(h *held) string { return v.t.bytes(v.s.kitSize(h)) }

// Print groups a fingerprint.
func (v *view) Print(s string) string { return s }

// Absolute is where the page will stand, if that is known.
func (v *view) Absolute() string {
	if v.s.o.Config.URL == "" {
		return ""
	}
	return v.s.o.Config.URL + v.Path
}

// EmbedLine is what others put into their pages.
func (v *view) EmbedLine(h *held) string {
	base := v.s.o.Config.URL
	if base == "" {
		base = "https://…/"
	}
	return fmt.Sprintf(`<iframe src="%sembed/%s/%s.html" width="640" height="520" loading="lazy" referrerpolicy="no-referrer" title="%s"></iframe>`,
		base, h.Release.Slug, v.Lang, strings.NewReplacer(`&`, "&amp;", `"`, "&quot;", `<`, "&lt;").Replace(v.TextOf(h)[0].Text.Title))
}

// PlaceFile is the list of the releases from the same place; empty if none is stated.
func (v *view) PlaceFile(h *held) string {
	if k := h.placeKey(); k != "" {
		return "releases-place-" + k + ".html"
	}
	return ""
}

// Schema describes a release in the words of schema.org.
func (v *view) Schema(h *held) template.JS {
	r := h.Release
	t, lang := h.text(v.Lang)
	video := map[string]any{"@type": "VideoObject", "name": t.Title, "description": t.Summary, "uploadDate": r.Published,
		"duration": fmt.Sprintf("PT%d.%03dS", r.Clip.MS/1000, r.Clip.MS%1000), "width": r.Clip.Width, "height": r.Clip.Height, "encodingFormat": "video/mp4", "inLanguage": lang}
	out := map[string]any{"@context": "https://schema.org", "@type": "NewsArticle", "headline": t.Title, "description": t.Summary, "inLanguage": lang,
		"datePublished": r.FirstPublished, "dateModified": r.Published, "version": r.Release, "publisher": map[string]any{"@type": "Organization", "name": v.s.o.Config.Name}, "video": video}
	if base := v.s.o.Config.URL; base != "" {
		out["url"] = base + v.Path
		if c := h.Covered(); c != nil {
			video["contentUrl"] = base + mediaPath(h, c.Name)
		}
		video["thumbnailUrl"] = base + mediaPath(h, r.Clip.Drawing)
		video["embedUrl"] = base + "embed/" + r.Slug + "/" + v.Lang + ".html"
	}
	if w, _ := choose(h.where(), v.Lang); w != "" {
		out["contentLocation"] = map[string]any{"@type": "Place", "name": w}
	}
	var notes []map[string]any
	for _, c := range r.Corrections {
		text, _ := choose(c.Text, v.Lang)
		notes = append(notes, map[string]any{"@type": "CorrectionComment", "datePublished": c.Date, "text": text})
	}
	if len(notes) > 0 {
		out["correction"] = notes
	}
	b, err := json.Marshal(out) // escapes <, > and &, so that nothing ends the element
	if err != nil {
		return ""
	}
	return template.JS(b) // #nosec: written by encoding/json
}

func (p *planner) release(h *held, lang string, text bool) {
	name, title, about := "release", "", ""
	if h.Gone() {
		name, title = "gone", tables[lang].text("rel.withdrawn")
	} else {
		t, _ := h.text(lang)
		title, about = t.Title, shorten(t.Summary)
	}
	_, _, outcomes := p.s.about(h.Release.Slug)
	key := digestOf(h.Digest, outcomes)
	for _, slug := range h.Release.Related {
		if r, ok := p.s.bySlug[slug]; ok {
			key += r.Digest
		}
	}
	p.both(lang, text, "r/"+h.Release.Slug+".html", "releases", title, about, name, key, func(*view) any { return h })
}

func (p *planner) embed(h *held, lang, path string) {
	title := tables[lang].text("rel.withdrawn")
	if !h.Gone() {
		t, _ := h.text(lang)
		title = t.Title
	}
	p.page(view{Lang: lang, Path: path, Title: title, Bare: true}, "embed", h.Digest, func(*view) (any, error) { return h, nil })
}

// media adds the files of a bundle. Of a withdrawn release only the proofs are there.
func (p *planner) media(h *held) {
	for _, name := range h.Release.files() {
		p.out = append(p.out, task{path: mediaPath(h, name), key: digestOf("file", h.Sums[name]), from: h.folder() + "/" + name, sum: h.Sums[name], size: h.Sizes[name]})
	}
	if !h.Gone() {
		p.out = append(p.out, task{path: mediaPath(h, kitName), key: digestOf("kit 1", p.s.o.Config.Name, p.s.o.Config.URL, strings.Join(p.s.o.Config.Languages, " "), h.Digest), kit: h})
	}
}

// change is a line of the lists of corrections and withdrawals.
type change struct {
	Date    string
	Release *held
	Version int
	Text    Words
}

// changes adds the lists of corrections and of what was withdrawn.
func (p *planner) changes(lang string, text bool) {
	t := tables[lang]
	var fixed, gone []change
	for _, h := range p.s.all {
		for _, c := range h.Release.Corrections {
			if h.Gone() {
				break // what was taken back is not told again
			}
			fixed = append(fixed, change{c.Date, h, c.Release, c.Text})
		}
		if h.Gone() {
			gone = append(gone, change{h.Release.Withdrawn.Date, h, 0, h.Release.Withdrawn.Reason})
		}
	}
	for _, l := range []struct {
		file, title string
		list        []change
	}{{"corrections", "corr", fixed}, {"withdrawn", "gone", gone}} {
		sort.SliceStable(l.list, func(i, j int) bool { return l.list[i].Date > l.list[j].Date })
		split(l.list, perPage, l.file, func(part []change, name string, g paged) {
			var key []string
			for _, c := range part {
				key = append(key, c.Release.Digest)
			}
			p.both(lang, text, name, "", t.text(l.title+".title"), t.text(l.title+".dek"), "changes", digestOf(key...)+fmt.Sprint(g), func(v *view) any {
				return map[string]any{"Dek": v.T(l.title + ".dek"), "None": v.T(l.title + ".none"), "Rows": part, "Page": g.Page, "Pages": g.Pages, "Newer": g.Newer, "Older": g.Older}
			})
		})
	}
}

// spot is a line of the page of places.
type spot struct {
	Name, Region    Words
	Code, Precision string
	File, Last      string
	N               int
	At              *placed
}

// spots lists the places of the site, those with most releases first, and counts releases that state none. Where a place lies is what the newest
// release says that gives coordinates.
func (s *site) spots() (list []*spot, unknown int) {
	at := map[string]*spot{}
	for _, h := range s.newest {
		if h.Gone() {
			continue
		}
		key := h.placeKey()
		if key == "" {
			unknown++
			continue
		}
		one, ok := at[key]
		if !ok {
			one = &spot{Name: h.where(), File: "releases-place-" + key + ".html", Last: h.Release.FirstPublished[:10]}
			if f := h.Release.Facility; f != nil {
				one.Code = f.Code
			}
			if pl := h.Release.Place; pl != nil {
				one.Region, one.Precision = pl.Region, pl.Precision
			}
			at[key] = one
			list = append(list, one)
		}
		one.N++
		if p, ok := placedOf(h); ok && one.At == nil {
			p.Name, p.File = one.Name, one.File
			one.At, one.Precision = &p, p.Precision
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].N > list[j].N })
	return list, unknown
}

func (p *planner) places(lang string, text bool) {
	list, unknown := p.s.spots()
	t := tables[lang]
	var on []placed
	for _, x := range list {
		if x.At != nil {
			on = append(on, *x.At)
		}
	}
	whole, _ := json.Marshal(list) // texts and numbers
	split(list, 40, "places", func(part []*spot, name string, g paged) {
		raw, _ := json.Marshal(part) // texts and numbers
		first := name == "places.html"
		if first {
			raw = whole
		}
		p.try(lang, text, name, "places", t.text("places.title"), t.text("places.dek"), "places", string(raw)+fmt.Sprint(g, unknown), func(v *view) (any, error) {
			data := map[string]any{"Places": part, "Unknown": unknown, "Page": g.Page, "Pages": g.Pages, "Newer": g.Newer, "Older": g.Older, "Map": template.HTML(""), "Borders": []string(nil)}
			if !first || len(on) == 0 {
				return data, nil
			}
			c, err := p.s.maps.all(on)
			if err != nil {
				return nil, err
			}
			if !text {
				data["Map"] = c.svg(v, wideLetters)
			}
			data["Borders"] = c.disputes(v, on)
			return data, nil
		})
	})
}

// csv makes accountability.csv: everything that followed every release, every step of every case, and every promise.
func (s *site) csv(lang string) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	line := func(date, kind, code, state, people, releases, version string, text Words, source, saved string) error {
		t, _ := choose(text, lang)
		return w.Write([]string{date, kind, code, state, people, releases, version, harmless(t), source, saved})
	}
	there := func(slugs []string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(slugs), func(slug string) bool { h := s.bySlug[slug]; return h == nil || h.Gone() }), " ")
	}
	if err := w.Write([]string{"date", "kind", "code", "state", "people", "release", "version", "text", "source", "saved"}); err != nil {
		return nil, err
	}
	for _, h := range s.newest {
		if h.Gone() {
			continue
		}
		for _, f := range h.Release.Followed {
			if err := line(f.Date, f.Kind, "", "", "", h.Release.Slug, strconv.Itoa(h.Release.Release), f.Text, f.URL, ""); err != nil {
				return nil, err
			}
		}
	}
	for _, c := range s.outcomes.Cases {
		for _, x := range c.Stages {
			people := ""
			if x.People > 0 {
				people = strconv.FormatInt(x.People, 10)
			}
			text := x.Text
			if len(text) == 0 {
				text = c.Name
			}
			if err := line(x.Date, "case", c.Code, x.Stage, people, there(c.Releases), "", text, x.URL, x.Saved); err != nil {
				return nil, err
			}
		}
	}
	for _, x := range s.outcomes.Promises {
		if err := line(x.Date, "promise", x.Code, "open", "", there(x.Releases), "", x.Text, x.URL, x.Saved); err != nil {
			return nil, err
		}
		for _, y := range x.States {
			if err := line(y.Date, "promise", x.Code, y.State, "", there(x.Releases), "", y.Text, y.URL, y.Saved); err != nil {
				return nil, err
			}
		}
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// harmless keeps a program for tables from taking a text for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
