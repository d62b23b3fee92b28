package site

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strings"
)

// Outcomes is accountability.json, version 1, as docs/design/site.md fixes it: what an archive follows beside its releases. It is written by people,
// lies beside the pages that they write themselves, and says nothing that they would not say in public.
type Outcomes struct {
	Format   string    `json:"format"`
	Version  int       `json:"version"`
	Checked  string    `json:"checked"` // day on which every entry was last looked at; empty: not said
	Cases    []Case    `json:"cases"`
	Promises []Promise `json:"promises"`
}

// Case is a criminal case and the steps that it took.
type Case struct {
	Code     string   `json:"code"` // such as C-03; once in the file
	Name     Words    `json:"name"`
	Place    Words    `json:"place"`    // may be empty
	Releases []string `json:"releases"` // slugs
	Stages   []Stage  `json:"stages"`   // in order of time, at least one
}

// Stage is one step of a case.
type Stage struct {
	Date   string `json:"date"`
	Stage  string `json:"stage"`
	People int64  `json:"people"` // that the step is about; 0: not known
	Text   Words  `json:"text"`   // may be empty
	URL    string `json:"url"`    // source, may be empty
	Saved  string `json:"saved"`  // address of a saved copy of the source, may be empty
}

// Promise is what somebody in office said would be done, or had been done.
type Promise struct {
	Code     string   `json:"code"`
	Who      Words    `json:"who"`
	Office   Words    `json:"office"`
	Text     Words    `json:"text"`
	Date     string   `json:"date"`
	Due      string   `json:"due"` // by when, may be empty
	URL      string   `json:"url"`
	Saved    string   `json:"saved"`
	Releases []string `json:"releases"`
	States   []State  `json:"states"` // in order of time; none: open
}

// State is what came of a promise.
type State struct {
	Date  string `json:"date"`
	State string `json:"state"`
	Text  Words  `json:"text"`
	URL   string `json:"url"`
	Saved string `json:"saved"`
}

// stage describes a step of a case: how far it is on the way of five steps (opened, charged, tried, sentenced, final), and whether it is one behind which
// nothing is expected.
type stageKind struct {
	level int
	ends  bool
}

// stages is the vocabulary of a step.
var stages = map[string]stageKind{
	"opened": {level: 1}, "refused": {level: 0, ends: true}, "charged": {level: 2}, "paused": {level: -1}, "tried": {level: 3}, "sentenced": {level: 4}, "acquitted": {level: 4},
	"appealed": {level: -1}, "reversed": {level: 2}, "final": {level: 5, ends: true}, "closed": {level: -1, ends: true},
}

// promiseStates is the vocabulary of what came of a promise; false: it turned out to be untrue when it was said.
var promiseStates = []string{"open", "kept", "broken", "false"}

const (
	outcomesName    = "accountability.json"
	largestOutcomes = 4 << 20
)

var outcomeCode = regexp.MustCompile(`^[A-Za-z0-9]+([.-][A-Za-z0-9]+)*$`)

// Current gives the last step.
func (c Case) Current() Stage { return c.Stages[len(c.Stages)-1] }

// Open says whether something more is expected.
func (c Case) Open() bool { return !stages[c.Current().Stage].ends }

// Level says how many of the five steps are behind a case.
func (c Case) Level() int {
	level := 0
	for _, s := range c.Stages {
		if l := stages[s.Stage].level; l >= 0 {
			level = l
		}
	}
	return level
}

// State gives what came of a promise so far.
func (p Promise) State() string {
	if len(p.States) == 0 {
		return "open"
	}
	return p.States[len(p.States)-1].State
}

// ParseOutcomes reads accountability.json strictly, as ParseRelease reads a release; nothing in it may lie after a day. raw is treated as hostile.
func ParseOutcomes(raw []byte, today string) (Outcomes, error) {
	var o Outcomes
	bad := func(err error) (Outcomes, error) {
		return Outcomes{}, fmt.Errorf("%w: %s: %w", ErrConfig, outcomesName, err)
	}
	if len(raw) > largestOutcomes {
		return bad(fmt.Errorf("longer than %d bytes", largestOutcomes))
	}
	tree, err := parseTree(raw)
	if err != nil {
		return bad(err)
	}
	if err := bind(tree, reflect.ValueOf(&o).Elem(), ""); err != nil {
		return bad(err)
	}
	c := &checker{}
	c.that(o.Format == "zapis accountability" && o.Version == 1, "format: zapis accountability, version 1, was expected")
	past := func(s, at string) {
		c.date(s, at)
		c.that(s <= today, "%s: a day that is still to come", at)
	}
	source := func(url, saved, at string) {
		c.that(url == "" || webAddress(url), "%s.url: an address with http or https was expected", at)
		c.that(saved == "" || webAddress(saved), "%s.saved: an address with http or https was expected", at)
	}
	seen := map[string]bool{}
	code := func(s, at string, releases []string) {
		c.that(outcomeCode.MatchString(s) && len(s) <= 24 && !seen[s], "%s.code: letters, digits, hyphens and points were expected, and no code twice", at)
		seen[s] = true
		for i, slug := range releases {
			c.that(isSlug(slug) && !slices.Contains(releases[:i], slug), "%s.releases: names of releases were expected, each once", at)
		}
	}
	if o.Checked != "" {
		past(o.Checked, "checked")
	}
	for i, k := range o.Cases {
		at := fmt.Sprintf("cases[%d]", i)
		code(k.Code, at, k.Releases)
		c.words(k.Name, at+".name", true)
		c.words(k.Place, at+".place", false)
		c.that(len(k.Stages) > 0 && len(k.Stages) <= 60, "%s.stages: 1 to 60 were expected", at)
		last := ""
		for n, s := range k.Stages {
			at := fmt.Sprintf("%s.stages[%d]", at, n)
			past(s.Date, at+".date")
			c.that(s.Date >= last, "%s.date: before the step above it", at)
			last = s.Date
			_, known := stages[s.Stage]
			c.that(known, "%s.stage: one of %s was expected", at, strings.Join(slices.Sorted(mapKeys(stages)), ", "))
			c.that(s.People <= 100_000, "%s.people: a smaller number was expected", at)
			c.words(s.Text, at+".text", false)
			source(s.URL, s.Saved, at)
		}
	}
	for i, p := range o.Promises {
		at := fmt.Sprintf("promises[%d]", i)
		code(p.Code, at, p.Releases)
		c.words(p.Who, at+".who", true)
		c.words(p.Office, at+".office", true)
		c.words(p.Text, at+".text", true)
		past(p.Date, at+".date")
		if p.Due != "" {
			c.date(p.Due, at+".due")
		}
		source(p.URL, p.Saved, at)
		c.that(len(p.States) <= 60, "%s.states: at most 60 were expected", at)
		last := p.Date
		for n, s := range p.States {
			at := fmt.Sprintf("%s.states[%d]", at, n)
			past(s.Date, at+".date")
			c.that(s.Date >= last, "%s.date: before what is above it", at)
			last = s.Date
			c.that(slices.Contains(promiseStates, s.State), "%s.state: one of %s was expected", at, strings.Join(promiseStates, ", "))
			c.words(s.Text, at+".text", false)
			source(s.URL, s.Saved, at)
		}
	}
	if c.err != nil {
		return bad(c.err)
	}
	return o, nil
}

// readOutcomes reads what an archive follows; nothing if it follows nothing.
func (s *site) readOutcomes() error {
	if s.o.Config.Pages == "" {
		return nil
	}
	f, err := os.Open(filepath.Join(s.o.Config.Pages, outcomesName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", outcomesName, bare(err))
	}
	defer f.Close() // only read
	raw, err := readMost(f, largestOutcomes)
	if err != nil {
		return fmt.Errorf("read %s: %w", outcomesName, bare(err))
	}
	if s.outcomes, err = ParseOutcomes(raw, s.day); err != nil {
		return err
	}
	s.outcomesKey = hexSum(raw)
	sort.SliceStable(s.outcomes.Cases, func(i, j int) bool { return s.outcomes.Cases[i].Current().Date > s.outcomes.Cases[j].Current().Date })
	sort.SliceStable(s.outcomes.Promises, func(i, j int) bool { return s.outcomes.Promises[i].Date > s.outcomes.Promises[j].Date })
	return nil
}

// about gives the cases and promises that name a release, and a key over them.
func (s *site) about(slug string) (cases []Case, promises []Promise, key string) {
	for _, c := range s.outcomes.Cases {
		if slices.Contains(c.Releases, slug) {
			cases = append(cases, c)
		}
	}
	for _, p := range s.outcomes.Promises {
		if slices.Contains(p.Releases, slug) {
			promises = append(promises, p)
		}
	}
	if len(cases)+len(promises) > 0 {
		key = s.outcomesKey
	}
	return cases, promises, key
}

// answered says whether anything but reports followed a release.
func (s *site) answered(h *held) bool {
	cases, promises, _ := s.about(h.Release.Slug)
	return h.Answered() || len(cases)+len(promises) > 0
}

// Answered says whether anything but reports followed a release.
func (v *view) Answered(h *held) bool { return v.s.answered(h) }

// outcomesOf is what a page of a release says of cases and promises.
type outcomesOf struct {
	Cases    []Case
	Promises []Promise
}

// Outcomes gives the cases and promises that name a release.
func (v *view) Outcomes(h *held) outcomesOf {
	cases, promises, _ := v.s.about(h.Release.Slug)
	return outcomesOf{cases, promises}
}

// Linked gives the releases of a list of slugs that are there and were not withdrawn.
func (v *view) Linked(slugs []string) []*held {
	var out []*held
	for _, slug := range slugs {
		if h, ok := v.s.bySlug[slug]; ok && !h.Gone() && len(out) < 12 {
			out = append(out, h)
		}
	}
	return out
}

// Days counts from a day to the day of the build.
func (v *view) Days(since string) int { return max(0, day(v.s.day)-day(since)) }

// Past says whether a day lies before the day of the build.
func (v *view) Past(d string) bool { return d != "" && d < v.s.day }

// Steps gives the five marks that show how far a case is: d behind it, s paused before it, x ended before it, empty still to come.
func (v *view) Steps(c Case) []string {
	out := make([]string, 5)
	for i := range c.Level() {
		out[i] = "d"
	}
	if at := c.Level(); at < len(out) {
		switch c.Current().Stage {
		case "paused":
			out[at] = "s"
		case "closed", "refused":
			out[at] = "x"
		}
	}
	return out
}

// outcomePages adds the lists of cases and of promises, if there are any.
func (p *planner) outcomePages(lang string, text bool) {
	s, t := p.s, tables[lang]
	split(s.outcomes.Cases, 20, "cases", func(part []Case, name string, g paged) {
		if len(part) > 0 {
			p.both(lang, text, name, "accountability", t.text("cases.title"), t.text("cases.dek"), "cases", s.outcomesPageKey(g), func(*view) any {
				return map[string]any{"Cases": part, "Page": g.Page, "Pages": g.Pages, "Newer": g.Newer, "Older": g.Older}
			})
		}
	})
	split(s.outcomes.Promises, 20, "promises", func(part []Promise, name string, g paged) {
		if len(part) > 0 {
			p.both(lang, text, name, "accountability", t.text("promises.title"), t.text("promises.dek"), "promises", s.outcomesPageKey(g), func(*view) any {
				return map[string]any{"Promises": part, "Page": g.Page, "Pages": g.Pages, "Newer": g.Newer, "Older": g.Older}
			})
		}
	})
}

// outcomesPageKey: these pages count days, and name releases by their titles.
func (s *site) outcomesPageKey(g paged) string {
	return digestOf(s.outcomesKey, s.day, s.digest(s.all), fmt.Sprint(g))
}

// pageOf gives the page on which an entry of a list of n stands, by its place in the list.
func pageOf(n, at, per int, file string) string {
	pages := (n + per - 1) / per
	if back := (n - 1 - at) / per; back < pages-1 {
		return fmt.Sprintf("%s-%d.html", file, back+1)
	}
	return file + ".html"
}

// CaseFile gives the page on which a case stands.
func (v *view) CaseFile(code string) string {
	list := v.s.outcomes.Cases
	return pageOf(len(list), slices.IndexFunc(list, func(c Case) bool { return c.Code == code }), 20, "cases") + "#" + code
}

// PromiseFile gives the page on which a promise stands.
func (v *view) PromiseFile(code string) string {
	list := v.s.outcomes.Promises
	return pageOf(len(list), slices.IndexFunc(list, func(p Promise) bool { return p.Code == code }), 20, "promises") + "#" + code
}
