package site_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
)

// follow gives the rig cases and promises.
func (r *rig) follow(o site.Outcomes) {
	r.t.Helper()
	if r.o.Config.Pages == "" {
		r.o.Config.Pages = r.t.TempDir()
	}
	if err := sitetest.WriteOutcomes(r.o.Config.Pages, o); err != nil {
		r.t.Fatal(err)
	}
}

func TestCasesAndPromises(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	r.o.Config.Languages = []string{"en", "ru"}
	r.o.Config.URL = "https://night.example/"
	r.follow(sitetest.Outcomes())
	b := r.bundle(2)
	b.Release.Release = 2
	title := b.Release.Text["en"].Title
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	if built := r.build(); len(built.Refused) > 0 {
		t.Fatal(built.Refused)
	}
	for page, want := range map[string][]string{
		"en/accountability.html":  {"Charged, 5 people", `cases.html#C-03`, "1,745 days", "Not kept so far", `promises.html#P-1`, "people sentenced", "Every entry was last looked at on 20 November 2026", `<b>7</b><span>criminal cases`, `class="e"`, `class="z"`, `class="y"`, `class="k2"`},
		"en/cases.html":           {`id="C-03"`, "No step for 1,745 days", "Refused to open", "Reversed, 1 person", `href="https://saved.example/1"`, `r/corridor-0001.html`},
		"ru/cases.html":           {"Приостановлено", "Колония № 8"},
		"en/promises.html":        {"N. N., deputy head", "Prison service", "Due 1 January 2023", "1,421 days over", "Shown to be false", "Broken"},
		"text/ru/promises.html":   {"Служба исполнения наказаний", "Пока не выполнено"},
		"en/r/corridor-0001.html": {`Criminal case <bdi>C-03</bdi>: Opened.`, `Promised, Prison service: Kept.`},
		"en/accountability.csv":   {"2022-02-11,case,C-03,opened,,corridor-0001,", "2022-12-01,promise,P-2,kept,", "C-01,sentenced,2,"},
		"sitemap.xml":             {"https://night.example/ru/cases.html", "promises.html"},
	} {
		text := r.read(page)
		for _, s := range want {
			if !strings.Contains(text, s) {
				t.Errorf("%s does not say %q", page, s)
			}
		}
	}
	// A withdrawn release is not told again by what followed it: neither its title nor a link.
	for _, page := range []string{"en/cases.html", "en/promises.html", "en/accountability.csv", "en/accountability.html"} {
		if text := r.read(page); strings.Contains(text, title) || strings.Contains(text, "corridor-0002") {
			t.Errorf("%s tells of a withdrawn release", page)
		}
	}
	if text := r.read("en/r/corridor-0001.html"); strings.Contains(text, "No answer, case, dismissal or law") {
		t.Error("a release with a case is said to have had no answer")
	}
	// Nothing is left of what nobody follows any more.
	r.follow(site.Outcomes{Format: "zapis accountability", Version: 1, Cases: []site.Case{}, Promises: []site.Promise{}})
	r.build()
	if r.has("en/cases.html") || r.has("ru/promises.html") || strings.Contains(r.read("en/r/corridor-0001.html"), "C-03") {
		t.Error("cases are left over")
	}
}

// Numbers of days move with the day, links with the page on which a case stands.
func TestManyCases(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.o.Config.Languages = []string{"en", "ar"}
	o := sitetest.Outcomes()
	for i := range 50 {
		c := o.Cases[2]
		c.Code = "X-" + strings.Repeat("1", i+1)[:1+i%20] + string(rune('A'+i/20))
		c.Releases = []string{"corridor-0000"}
		o.Cases = append(o.Cases, c)
	}
	r.follow(o)
	r.build()
	files := walk(t, filepath.Join(r.out, "current")+"/")
	page := files["en/r/corridor-0000.html"]
	for _, link := range strings.Split(page, `href="../cases`)[1:] {
		file, anchor, _ := strings.Cut("cases"+link[:strings.IndexByte(link, '"')], "#")
		if !strings.Contains(files["en/"+file], `id="`+anchor+`"`) {
			t.Errorf("%s is not in %s", anchor, file)
		}
	}
	if n := strings.Count(page, `href="../cases`); n != 51 {
		t.Errorf("%d links to cases", n)
	}
	r.o.Now = today.AddDate(0, 0, 1)
	r.build()
	if !strings.Contains(r.read("en/cases.html"), "1,746 days") && !strings.Contains(r.read("en/cases-1.html"), "1,746 days") {
		t.Error("the days do not count on")
	}
}

func TestOutcomesAreReadStrictly(t *testing.T) {
	t.Parallel()
	good, err := json.Marshal(sitetest.Outcomes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := site.ParseOutcomes(good, "2026-11-22"); err != nil {
		t.Fatal(err)
	}
	change := func(f func(o *site.Outcomes)) []byte {
		o := sitetest.Outcomes()
		f(&o)
		b, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for name, raw := range map[string][]byte{
		"nothing":                 nil,
		"a list":                  []byte(`[]`),
		"too long":                bytes.Repeat([]byte(" "), 5<<20),
		"a key more":              bytes.Replace(good, []byte(`"checked"`), []byte(`"x":1,"checked"`), 1),
		"a key twice":             bytes.Replace(good, []byte(`"checked"`), []byte(`"version":1,"checked"`), 1),
		"another version":         change(func(o *site.Outcomes) { o.Version = 2 }),
		"a code twice":            change(func(o *site.Outcomes) { o.Promises[0].Code = "C-01" }),
		"a hostile code":          change(func(o *site.Outcomes) { o.Cases[0].Code = `"><b` }),
		"no stage":                change(func(o *site.Outcomes) { o.Cases[0].Stages = []site.Stage{} }),
		"an unknown stage":        change(func(o *site.Outcomes) { o.Cases[0].Stages[0].Stage = "won" }),
		"stages out of order":     change(func(o *site.Outcomes) { o.Cases[0].Stages[0].Date = "2021-01-01" }),
		"a stage to come":         change(func(o *site.Outcomes) { o.Cases[2].Stages[0].Date = "2026-11-23" }),
		"no date":                 change(func(o *site.Outcomes) { o.Cases[0].Stages[0].Date = "2020-13-01" }),
		"a script for a link":     change(func(o *site.Outcomes) { o.Cases[0].Stages[0].URL = "javascript:alert(1)" }),
		"a script for a copy":     change(func(o *site.Outcomes) { o.Promises[1].States[0].Saved = "data:text/html,x" }),
		"a hidden character":      change(func(o *site.Outcomes) { o.Cases[0].Name["en"] = "a\u202eb" }),
		"nobody who promised":     change(func(o *site.Outcomes) { o.Promises[0].Who = site.Words{} }),
		"an unknown state":        change(func(o *site.Outcomes) { o.Promises[1].States[0].State = "perhaps" }),
		"kept before it was":      change(func(o *site.Outcomes) { o.Promises[1].States[0].Date = "2022-01-01" }),
		"a path for a release":    change(func(o *site.Outcomes) { o.Cases[0].Releases = []string{"../x"} }),
		"a language that is none": bytes.Replace(good, []byte(`"en":"Colony 8"`), []byte(`"x\"y":"Colony 8"`), 1),
	} {
		if _, err := site.ParseOutcomes(raw, "2026-11-22"); !errors.Is(err, site.ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file that does not hold changes nothing for readers.
	r := newRig(t, 1)
	r.follow(sitetest.Outcomes())
	r.build()
	before := r.read("site-manifest.json")
	if err := os.WriteFile(filepath.Join(r.o.Config.Pages, "accountability.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Build(context.Background(), r.o); !errors.Is(err, site.ErrConfig) || r.read("site-manifest.json") != before {
		t.Errorf("taken: %v", err)
	}
}

// What people copy from the guide is what is read.
func TestTheExampleOfTheGuideIsRead(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/guide/site.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```json\n")
	example, _, _ = strings.Cut(example, "```")
	if o, err := site.ParseOutcomes([]byte(example), "2026-11-22"); err != nil || len(o.Cases) != 1 || len(o.Promises) != 1 {
		t.Errorf("%v", err)
	}
}

func FuzzParseOutcomes(f *testing.F) {
	good, err := json.Marshal(sitetest.Outcomes())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"format":"zapis accountability","version":1,"checked":"","cases":[],"promises":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		o, err := site.ParseOutcomes(raw, "2026-11-22")
		if err != nil {
			return
		}
		again, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := site.ParseOutcomes(again, "2026-11-22"); err != nil && len(again) < 4<<20 {
			t.Fatalf("what was read is not read again: %v", err)
		}
		for _, c := range o.Cases {
			if l := c.Level(); l < 0 || l > 5 {
				t.Fatalf("level %d", l)
			}
		}
	})
}
