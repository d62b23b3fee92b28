package template_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zapis/internal/web/locale"
	"zapis/internal/web/template"
	"zapis/internal/web/template/fixture"
)

var assets = map[string]string{
	"zapis.css": "/asset/zapis-1.css", "note.css": "/asset/note-1.css", "catalogue.css": "/asset/catalogue-1.css", "base.js": "/asset/base-1.js", "archive.js": "/asset/archive-1.js", "item.js": "/asset/item-1.js", "mask.js": "/asset/mask-1.js", "plan.css": "/asset/plan-1.css",
	"live.js": "/asset/live-1.js", "passkey.js": "/asset/passkey-1.js", "icons.svg": "/asset/icons-1.svg", "mark.svg": "/asset/mark-1.svg",
}

func load(t *testing.T, built map[string]string) *template.Set {
	t.Helper()
	words, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	set, err := template.Load(words, built)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// What a page must never hold, because the policy of the workspace forbids it or because it is a sign of a value
// that slipped through unescaped or unformatted.
var forbidden = []*regexp.Regexp{
	regexp.MustCompile(`(?i)\sstyle\s*=`),
	regexp.MustCompile(`(?i)<style`),
	regexp.MustCompile(`(?i)\son[a-z]+\s*=`),
	regexp.MustCompile(`(?i)<script(?: type="(?:module|application/json)"(?: (?:src|id)="[^"]+"))?>\s*[^<{\s]`),
	regexp.MustCompile(`javascript:`),
	regexp.MustCompile(`data:`),
	regexp.MustCompile(`(?i)(?:src|href|action)="(?:https?:)?//`),
	regexp.MustCompile(`%!|ZgotmplZ|<no value>|&lt;nil&gt;`),
	regexp.MustCompile(`<script>alert|<b>night`),
	regexp.MustCompile(`0001-01-01`),
	regexp.MustCompile("[\u202a-\u202e\u2066-\u2069\u200b-\u200f]"), // in names of files: they make one look like another
}

func TestEveryPageInEveryLanguage(t *testing.T) {
	t.Parallel()
	built, bare := load(t, assets), load(t, nil)
	seen := map[string]bool{}
	for _, c := range fixture.Cases() {
		seen[c.Page] = true
		for _, l := range locale.Languages {
			t.Run(c.Page+"/"+c.Name+"/"+l.Code, func(t *testing.T) {
				t.Parallel()
				for _, set := range []*template.Set{built, bare} {
					v := c.View
					v.Lang = l.Code
					var b bytes.Buffer
					if err := set.Render(&b, c.Page, v); err != nil {
						t.Fatal(err)
					}
					page := b.String()
					for _, re := range forbidden {
						if m := re.FindString(page); m != "" {
							t.Errorf("page holds %q (%s)", m, re)
						}
					}
					if !strings.Contains(page, `<html lang="`+l.Code+`" dir="ltr"`) {
						t.Error("language of the page is missing")
					}
					if strings.Count(page, "<h1") != 1 && !strings.Contains(page, "<noscript>") && !strings.Contains(page, "zapis-archive") {
						t.Errorf("%d first headings", strings.Count(page, "<h1"))
					}
					checkData(t, page)
				}
			})
		}
	}
	for _, name := range template.Pages {
		if !seen[name] {
			t.Errorf("page %s has no example", name)
		}
	}
}

var block = regexp.MustCompile(`(?s)<script type="application/json"[^>]*>(.*?)</script>`)

func checkData(t *testing.T, page string) {
	t.Helper()
	for _, m := range block.FindAllStringSubmatch(page, -1) {
		if !json.Valid([]byte(m[1])) {
			t.Errorf("data block is not JSON: %.200s", m[1])
		}
	}
}

// Forbidden and absent must not be told apart.
func TestNotAllowedLooksLikeNotFound(t *testing.T) {
	t.Parallel()
	set := load(t, assets)
	draw := func(status int) string {
		var b bytes.Buffer
		v := template.View{Lang: "en", Path: "/items/x", Page: template.Error{Status: status, Incident: "ev_1", Text: "secret", Hint: "secret"}}
		if err := set.Render(&b, "error", v); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	if draw(403) != draw(404) {
		t.Error("the page for 403 differs from the one for 404")
	}
	if strings.Contains(draw(404), "secret") || strings.Contains(draw(404), "ev_1") {
		t.Error("the page for 404 says more than that there is nothing")
	}
}

func TestRenderRefuses(t *testing.T) {
	t.Parallel()
	set := load(t, assets)
	var b bytes.Buffer
	if err := set.Render(&b, "nosuch", template.View{}); !errors.Is(err, template.ErrPage) {
		t.Errorf("unknown page: %v", err)
	}
	// A page that breaks half way must not leave half a page behind.
	if err := set.Render(&b, "item", template.View{Page: template.Item{Kind: "no such kind"}}); !errors.Is(err, template.ErrPage) {
		t.Errorf("unknown kind: %v", err)
	}
	if b.Len() != 0 {
		t.Errorf("%d bytes written in spite of the error", b.Len())
	}
}

func TestUnbuiltSaysSo(t *testing.T) {
	t.Parallel()
	set := load(t, nil)
	for _, page := range []string{"sign_in", "accessions"} {
		for _, c := range fixture.Cases() {
			if c.Page != page {
				continue
			}
			var b bytes.Buffer
			if err := set.Render(&b, page, c.View); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(b.String(), "is not built") {
				t.Errorf("%s does not say that the web part is not built", page)
			}
		}
	}
}

// Every message in use must exist (drawing checks that); every message must also be in use, or translators work for
// nothing.
func TestNoMessageIsIdle(t *testing.T) {
	t.Parallel()
	words, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, dir := range []string{".", "../../../web/src"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			if slices.Contains([]string{".html", ".svelte", ".ts"}, filepath.Ext(path)) {
				raw, err := os.ReadFile(path)
				all.Write(raw)
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	text := all.String()
	// Families that are put together from a prefix and a code.
	families := []string{"anomaly", "event", "kind", "state", "reason", "difficulty", "source", "outcome", "trouble", "derivative", "finding", "job",
		"unit", "date.month", "date.weekday", "date.after_year", "notice", "role", "level", "nav", "jobs.states", "health.line", "health.scopes", "health.disks",
		"account.error", "erase.error", "grade.error", "signin.error", "reach", "proof.problem", "proof.advice", "proof.reason", "proof.mark", "proof.witness", "proof.stamp", "proof.place",
		"search.certainty", "search.complete", "search.entity", "search.example", "search.field", "search.in", "search.order", "search.refused",
		"clock.by", "clock.jump", "clock.order", "copy.is",
		"consent.state", "consent.one", "consent.warn", "consent.how", "identity.act", "identity.error", "testimony.error", "withdraw.error",
		"entity", "entities", "prop", "certainty", "cat.error", "cat.question", "cat.contradiction", "cat.hint", "cat.desk", "cat.make", "cat.act", "cat.source", "cat.month", "cat.season", "cat.date",
		"map.dispute", "map.unmarked", "map.view", "gate", "match.compared", "match.error", "match.sure", "release.act", "release.at", "release.error", "release.follow", "release.gate", "release.group", "release.precise", "release.state",
		"plan.blocker", "plan.do", "plan.kind", "plan.look_trouble", "plan.mode", "plan.reason", "plan.sreason", "plan.stop", "plan.trouble", "plan.vstate", "plans.change", "plans.error", "plans.field", "plans.state", "plans.waits",
		"words.error", "words.fault", "words.kind", "words.reason", "export.format", "import.error", "import.format", "import.reason", "import.state", "token.allow", "token.error", "token.state",
		// archive.KIND of a facet, by its name
		"archive.accession", "archive.kind", "archive.state", "archive.difficulty"}
	for _, key := range words.For("en").Keys() {
		if slices.ContainsFunc(families, func(f string) bool { return key == f || strings.HasPrefix(key, f+".") }) {
			continue
		}
		if !strings.Contains(text, `"`+key+`"`) && !strings.Contains(text, `'`+key+`'`) {
			t.Errorf("message %s is used nowhere", key)
		}
	}
}

// The sprite is built from web/icons.json; the pages know their icons by template.Icons.
func TestIconsAgree(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../../../web/icons.json")
	if err != nil {
		t.Fatal(err)
	}
	var drawn map[string]string
	if err := json.Unmarshal(raw, &drawn); err != nil {
		t.Fatal(err)
	}
	for _, name := range template.Icons {
		if _, ok := drawn[name]; !ok {
			t.Errorf("icon %s is not in web/icons.json", name)
		}
	}
	if len(drawn) != len(template.Icons) {
		t.Errorf("web/icons.json has %d icons, template.Icons %d", len(drawn), len(template.Icons))
	}
}
