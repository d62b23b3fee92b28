package site_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"zapis/internal/site"
	"zapis/internal/site/sitetest"
)

var today = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

type rig struct {
	t             *testing.T
	v             sitetest.Vectors
	releases, out string
	o             site.Options
}

func newRig(t *testing.T, n int) *rig {
	t.Helper()
	v, err := sitetest.Load("../../verify/testdata")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, v: v, releases: t.TempDir(), out: filepath.Join(t.TempDir(), "site")}
	if err := v.Fill(r.releases, n); err != nil {
		t.Fatal(err)
	}
	r.o = site.Options{Releases: r.releases, Out: r.out, Now: today, Version: "test", NoSync: true, CheckPage: []byte(`<!doctype html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'sha256-x'"><title>check</title>`),
		Config: site.Config{Name: "Night Shift Archive", Languages: []string{"en", "ru", "uk"}}}
	return r
}

func (r *rig) bundle(n int) sitetest.Bundle {
	r.t.Helper()
	b, err := r.v.Make(n)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) build() site.Built {
	r.t.Helper()
	b, err := site.Build(context.Background(), r.o)
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

func (r *rig) write(b sitetest.Bundle) {
	r.t.Helper()
	if err := b.Write(r.releases); err != nil {
		r.t.Fatal(err)
	}
}

// read gives a file of the site as readers find it.
func (r *rig) read(name string) string {
	r.t.Helper()
	b, err := os.ReadFile(filepath.Join(r.out, "current", name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

func (r *rig) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.out, "current", name))
	return err == nil
}

func TestBuild(t *testing.T) {
	t.Parallel()
	r := newRig(t, 5)
	b := r.build()
	if len(b.Refused) > 0 || b.Releases != 5 {
		t.Fatalf("built: %+v", b)
	}
}

func walk(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		rel, _ := filepath.Rel(dir, name)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameBundlesGiveTheSameBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, 9)
	r.o.Config.URL = "https://night.example/"
	one := r.build()
	before := walk(t, filepath.Join(r.out, "current")+"/")
	r.o.Out = filepath.Join(t.TempDir(), "again")
	two := r.build()
	after := walk(t, filepath.Join(r.o.Out, "current")+"/")
	if one.Digest != two.Digest || !maps.Equal(before, after) {
		for name := range before {
			if before[name] != after[name] {
				t.Errorf("%s differs", name)
			}
		}
	}
}

// What a build took over must be what a build from nothing makes, whatever changed in between.
func TestStepsLeadWhereOneBuildLeads(t *testing.T) {
	t.Parallel()
	r := newRig(t, 6)
	r.o.Config.Languages = []string{"en", "ru"}
	r.build()
	steps := []func(){
		func() { r.write(r.bundle(12)) }, // one more
		func() {
			b := r.bundle(3)
			b.Release.Release = 2
			b.Release.Corrections = []site.Correction{{Date: "2026-11-01", Release: 2, Text: site.Words{"en": "Another month.", "ru": "Другой месяц.", "uk": "Інший місяць."}}}
			r.write(b)
		},
		func() {
			b := r.bundle(4)
			b.Release.Release = 2
			r.write(b.Withdraw("2026-11-20", "Asked for."))
		},
		func() { r.o.Now = today.AddDate(0, 0, 1) },
		func() { r.follow(sitetest.Outcomes()) },
		func() {
			o := sitetest.Outcomes()
			o.Cases[0].Releases = []string{"corridor-0001"}
			r.follow(o)
		},
		func() { _ = os.RemoveAll(filepath.Join(r.releases, "corridor-0005")) },
		func() { r.o.Config.Name = "Another name" },
		func() { r.o.Config.Languages = []string{"ru", "uk"} },
	}
	for i, change := range steps {
		change()
		r.build()
		fresh := r.o
		fresh.Out = filepath.Join(t.TempDir(), "fresh")
		if _, err := site.Build(context.Background(), fresh); err != nil {
			t.Fatal(err)
		}
		have, want := walk(t, filepath.Join(r.out, "current")+"/"), walk(t, filepath.Join(fresh.Out, "current")+"/")
		for name := range want {
			if have[name] != want[name] {
				t.Errorf("step %d: %s is not what a build from nothing makes", i, name)
			}
		}
		for name := range have {
			if _, ok := want[name]; !ok {
				t.Errorf("step %d: %s is left over", i, name)
			}
		}
	}
}

// On a site of one release many folders hold a single file, which every correction makes anew.
func TestASmallSiteIsCorrectedAgainAndAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.build()
	b := r.bundle(0)
	for n := 2; n < 7; n++ {
		b.Release.Release = n
		b.Release.Corrections = append(b.Release.Corrections, site.Correction{Date: "2026-11-01", Release: n, Text: site.Words{"en": "Another month.", "ru": "Другой месяц.", "uk": "Інший місяць."}})
		r.write(b)
		r.build()
	}
	b.Release.Release = 7
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	if built := r.build(); built.Gone != 1 {
		t.Errorf("built: %+v", built)
	}
}

func TestOneChangeMakesFewFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t, 31)
	all := r.build()
	if same := r.build(); same.Written > 1 || same.Digest != all.Digest {
		t.Errorf("nothing changed, and %d files were made", same.Written)
	}
	r.write(r.bundle(31))
	if one := r.build(); one.Written < 10 || one.Written > 150 {
		t.Errorf("one release more: %d of %d files were made", one.Written, one.Files)
	}
}

// A withdrawn clip must be gone from the disk, not only from the pages: from both trees.
func TestWithdrawalTakesTheMediaAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, 6)
	r.build()
	r.write(r.bundle(6))
	r.build() // now both trees hold it
	secret := "corridor-0004"
	b := r.bundle(4)
	b.Release.Release = 2
	title := b.Release.Text["en"].Title
	r.write(b.Withdraw("2026-11-20", "A person asked for it."))
	if built := r.build(); built.Gone != 1 {
		t.Fatalf("built: %+v", built)
	}
	for name, text := range walk(t, r.out) {
		if strings.Contains(name, "/"+secret+"/v") && !strings.HasSuffix(name, ".json") {
			t.Errorf("%s is still there", name)
		}
		if strings.Contains(name, secret) && strings.HasSuffix(name, ".zip") {
			t.Errorf("%s is still there", name)
		}
		// In neither tree: what was taken back for a name in it must not lie on the server's disk.
		if strings.Contains(text, title) {
			t.Errorf("%s still has its title", name)
		}
	}
	for _, name := range []string{"en/r/", "ru/r/", "text/en/r/", "embed/"} {
		page := name + secret + ".html"
		if name == "embed/" {
			page = "embed/" + secret + "/index.html"
		}
		if text := r.read(page); !strings.Contains(text, "A person asked for it.") || strings.Contains(text, "<video") || strings.Contains(text, ".mp4") {
			t.Errorf("%s is no tombstone", page)
		}
	}
	if !strings.Contains(r.read("en/withdrawn.html"), secret) || !strings.Contains(r.read("en/feed.atom"), "This release was withdrawn") {
		t.Error("the withdrawal is not announced")
	}
	if !r.has("media/"+secret+"/v2/proof.json") || strings.Contains(r.read("en/accountability.csv"), title) {
		t.Error("the proof is gone, or the title is not")
	}
}

func (r *rig) tree() string {
	to, err := os.Readlink(filepath.Join(r.out, "current"))
	if err != nil {
		r.t.Fatal(err)
	}
	return to
}

func TestABundleThatDoesNotHoldIsLeftOut(t *testing.T) {
	t.Parallel()
	file := func(name string) func(r *rig, at string) {
		return func(r *rig, at string) {
			f := filepath.Join(at, name)
			b, err := os.ReadFile(f)
			if err != nil {
				r.t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(f, b, 0o600); err != nil {
				r.t.Fatal(err)
			}
		}
	}
	again := func(change func(b *sitetest.Bundle)) func(r *rig, at string) {
		return func(r *rig, at string) {
			b := r.bundle(2)
			b.Release.Release = 2
			change(&b)
			_ = os.RemoveAll(at)
			r.write(b)
		}
	}
	for name, c := range map[string]struct {
		spoil func(r *rig, at string)
		want  string
	}{
		"a clip that was changed":    {file("clip-720.mp4"), "digest"},
		"a proof that was changed":   {file("proof.json"), "digest"},
		"a text that was changed":    {file("text.en.txt"), "digest"},
		"a picture that was changed": {file("drawing.png"), "digest"},
		"a file more":                {func(r *rig, at string) { _ = os.WriteFile(filepath.Join(at, "original.mp4"), []byte("x"), 0o600) }, "does not name"},
		"a file less":                {func(r *rig, at string) { _ = os.Remove(filepath.Join(at, "still-1.jpg")) }, "missing"},
		"a link out of the folder": {func(r *rig, at string) {
			_ = os.Remove(filepath.Join(at, "text.ru.txt"))
			_ = os.Symlink("/etc/hostname", filepath.Join(at, "text.ru.txt"))
		}, "not a file"},
		"another clip than the proof": {again(func(b *sitetest.Bundle) {
			b.Files["clip-720.mp4"] = append(bytes.Clone(b.Files["clip-720.mp4"]), 0)
			sum := sha256.Sum256(b.Files["clip-720.mp4"])
			b.Release.Clip.Files[0].SHA256, b.Release.Clip.Files[0].Bytes = hex.EncodeToString(sum[:]), int64(len(b.Files["clip-720.mp4"]))
		}), "another clip"},
		"no proof":               {again(func(b *sitetest.Bundle) { b.Files["proof.json"] = []byte(`{}`) }), "not a proof bundle"},
		"the proof of the whole": {again(func(b *sitetest.Bundle) { b.Files["proof.json"] = b.Files["scope.json"] }), "something else"},
		"a proof signed by nobody": {again(func(b *sitetest.Bundle) {
			b.Files["proof.json"] = bytes.Replace(b.Files["proof.json"], []byte(`"number":`), []byte(`"number":1`), 1)
		}), "proof"},
		"a picture that the proof does not name": {again(func(b *sitetest.Bundle) {
			raw, err := os.ReadFile("../../verify/testdata/clip-files.json")
			if err != nil {
				t.Fatal(err)
			}
			b.Files["proof.json"] = raw
		}), "does not name"},
		"no proof of the whole":       {again(func(b *sitetest.Bundle) { b.Files["scope.json"] = b.Files["proof.json"] }), "whole"},
		"the share of another whole":  {again(func(b *sitetest.Bundle) { b.Release.Proof.Share.OfFiles++ }), "another whole"},
		"another transparency log":    {again(func(b *sitetest.Bundle) { b.Release.Origin = "other.example/log" }), "another transparency log"},
		"a page that is no picture":   {again(func(b *sitetest.Bundle) { b.Files["drawing.png"] = []byte("<svg onload=alert(1)>") }), "does not begin"},
		"captions that are none":      {again(func(b *sitetest.Bundle) { b.Files["captions.en.vtt"] = []byte("<script>") }), "does not begin"},
		"the name of another release": {again(func(b *sitetest.Bundle) { b.Release.Slug = "corridor-0002" }), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, 3)
			r.o.Config.Languages = []string{"en"}
			at := filepath.Join(r.releases, "corridor-0002", "v2")
			b := r.bundle(2)
			b.Release.Release = 2
			r.write(b)
			r.build()
			c.spoil(r, at)
			built := r.build()
			if c.want == "" { // control: the same path without a fault
				if len(built.Refused) > 0 || !r.has("en/r/corridor-0002.html") {
					t.Fatalf("a good bundle was refused: %v", built.Refused)
				}
				return
			}
			if len(built.Refused) != 1 || !strings.Contains(built.Refused[0].Reason, c.want) {
				t.Fatalf("refused: %v", built.Refused)
			}
			if strings.Contains(built.Refused[0].Reason, r.releases) {
				t.Error("the reason names a folder")
			}
			// Version 1 holds, and must not come back in place of what was meant to replace it.
			if r.has("en/r/corridor-0002.html") || r.has("media/corridor-0002") || !r.has("en/r/corridor-0001.html") {
				t.Error("the site shows what does not hold, or too little")
			}
		})
	}
}

func TestAnOlderVersionDoesNotCount(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	b := r.bundle(1)
	b.Release.Release = 10
	text := b.Release.Text["en"]
	text.Title = "The tenth version"
	b.Release.Text["en"] = text
	r.write(b)
	b.Release.Release = 9
	r.write(b)
	r.build()
	if !strings.Contains(r.read("en/r/corridor-0001.html"), "The tenth version") || r.has("media/corridor-0001/v1") || r.has("media/corridor-0001/v9") || !r.has("media/corridor-0001/v10") {
		t.Error("not the newest version, or more than it")
	}
}

func TestABuildThatFailsChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, 4)
	r.o.NoSync = false
	r.build()
	before := walk(t, filepath.Join(r.out, "current")+"/")
	r.write(r.bundle(9))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := site.Build(ctx, r.o); err == nil {
		t.Fatal("built although it was stopped")
	}
	bad := r.o
	bad.Config.URL = "javascript:alert(1)"
	if _, err := site.Build(context.Background(), bad); !errors.Is(err, site.ErrConfig) {
		t.Fatalf("taken: %v", err)
	}
	if !maps.Equal(before, walk(t, filepath.Join(r.out, "current")+"/")) {
		t.Error("readers see something else")
	}
	// What a power cut leaves in the other tree does no harm: its list is gone, so nothing in it is believed.
	other := "tree-b"
	if r.tree() == other {
		other = "tree-a"
	}
	if err := os.MkdirAll(filepath.Join(r.out, other, "en", "r"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"en/r/corridor-0009.html", "en/index.html", "left.html"} {
		if err := os.WriteFile(filepath.Join(r.out, other, name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Remove(filepath.Join(r.out, other+".json"))
	r.build()
	for name, text := range walk(t, filepath.Join(r.out, "current")+"/") {
		if text == "half" {
			t.Errorf("%s is left from a build that was cut short", name)
		}
	}
}

func TestAFolderOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.o.Out = t.TempDir()
	if err := os.WriteFile(filepath.Join(r.o.Out, "thesis.txt"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Build(context.Background(), r.o); !errors.Is(err, site.ErrNotOurs) {
		t.Fatalf("taken: %v", err)
	}
	if len(walk(t, r.o.Out)) != 1 {
		t.Error("something was written")
	}
}

func TestAnEmptyArchiveHasASite(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0)
	r.build()
	if !strings.Contains(r.read("en/index.html"), "Nothing has been released yet") || !r.has("en/accountability.html") {
		t.Error("the first page does not say that nothing is released")
	}
}

// What web servers say about the time of a file is the day of the build, and later for what replaced it.
func TestTimesOfFilesSayNoMoreThanTheDay(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	r.build()
	times := func() map[string]time.Time {
		out := map[string]time.Time{}
		for name := range walk(t, filepath.Join(r.out, "current")+"/") {
			info, err := os.Stat(filepath.Join(r.out, "current", name))
			if err != nil {
				t.Fatal(err)
			}
			out[name] = info.ModTime()
		}
		return out
	}
	before := times()
	midnight := today.Truncate(24 * time.Hour)
	for name, at := range before {
		if !at.Equal(midnight) {
			t.Errorf("%s is of %s", name, at)
		}
	}
	b := r.bundle(2)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	r.build()
	after := times()
	for _, name := range []string{"en/r/corridor-0002.html", "en/r/corridor-0002.html.gz", "en/index.html", "site-manifest.json"} {
		if at := after[name]; !at.Equal(midnight.Add(time.Second)) {
			t.Errorf("%s was replaced and is of %s", name, at)
		}
	}
	if at := after["en/how.html"]; !at.Equal(midnight) {
		t.Errorf("a page that stayed is of %s", at)
	}
}

// A web server can read a site that somebody built whose new files are for nobody else.
func TestASiteIsForEverybody(t *testing.T) { // not parallel: the mask is one for the whole process
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	r := newRig(t, 2)
	r.o.Config.Languages = []string{"en"}
	r.build()
	err := filepath.WalkDir(filepath.Join(r.out, r.tree()), func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if want := fs.FileMode(0o644); err == nil && info.Mode().Perm() != want && !(d.IsDir() && info.Mode().Perm() == 0o755) {
			t.Errorf("%s has the mode %o", d.Name(), info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What somebody changed in the folder of the site is made anew, in whichever tree it was.
func TestWhatSomebodyChangedIsMadeAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, 2)
	r.o.Config.Languages = []string{"en"}
	r.build()
	want := walk(t, filepath.Join(r.out, "current")+"/")
	secret := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for round := range 3 {
		at := filepath.Join(r.out, "current", "en")
		_ = os.Remove(filepath.Join(at, "how.html"))
		_ = os.Symlink(secret, filepath.Join(at, "how.html"))
		_ = os.WriteFile(filepath.Join(at, "support.html.gz"), []byte("hacked"), 0o644)
		_ = os.Remove(filepath.Join(at, "index.html"))
		r.build()
		have := walk(t, filepath.Join(r.out, "current")+"/")
		for name := range want {
			if have[name] != want[name] {
				t.Errorf("round %d: %s is not what it was", round, name)
			}
		}
	}
}

// What an older version of the program let pass is checked again.
func TestANewProgramChecksAnew(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.build()
	kept := filepath.Join(r.out, "held.json")
	b, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, bytes.ReplaceAll(b, []byte("corridor 0."), []byte("corridor X.")), 0o600); err != nil {
		t.Fatal(err)
	}
	r.o.Version = "test 2"
	r.build()
	if strings.Contains(r.read("en/index.html"), "corridor X.") {
		t.Error("what another program had checked was believed")
	}
}

// A name of a place may come from a release on another page of the same list.
func TestTitlesFollowWhatTheyAreTakenFrom(t *testing.T) {
	t.Parallel()
	r := newRig(t, 0)
	r.o.Config.Languages = []string{"en"}
	for i := range 32 {
		b := r.bundle(i * 37) // one place
		b.Release.Followed = []site.Followed{}
		r.write(b)
	}
	list := func() string { // the newest of them gives the name
		return r.read("en/" + regexp.MustCompile(`releases-place-[0-9a-f]+`).FindString(r.read("en/places.html")) + "-1.html")
	}
	r.build()
	if !strings.Contains(list(), "Colony 0") {
		t.Fatal("no second page")
	}
	newest := r.bundle(0)
	for i := range 32 {
		if b := r.bundle(i * 37); b.Release.Published > newest.Release.Published {
			newest = b
		}
	}
	newest.Release.Followed = []site.Followed{}
	newest.Release.Release = 2
	newest.Release.Facility.Name = site.Words{"en": "Colony Nought", "ru": "x", "uk": "x"}
	r.write(newest) // it is on the first page of the list; the one looked at is the second
	r.build()
	if text := list(); strings.Contains(text, "Releases: Colony 0") || !strings.Contains(text, "Releases: Colony Nought") {
		t.Error("a page has a name that nobody gives any more")
	}
}

// Pages name nothing of the machine and nothing that is only for the archive.
func TestPagesSayNothingOfTheMachine(t *testing.T) {
	t.Parallel()
	r := newRig(t, 6)
	r.build()
	host, _ := os.Hostname()
	for name, text := range walk(t, filepath.Join(r.out, "current")+"/") {
		for what, s := range map[string]string{"the folder of releases": r.releases, "the folder of the site": r.out, "an identifier": "re_0000000000"} {
			if strings.Contains(text, s) && !(s == "re_0000000000" && (strings.Contains(name, "feed.") || strings.HasSuffix(name, "release.json"))) {
				t.Errorf("%s names %s", name, what)
			}
		}
		if len(host) > 5 && strings.Contains(text, host) {
			t.Errorf("%s names the machine", name)
		}
	}
}

var script = regexp.MustCompile(`(?i)<script(?: type="([^"]*)")?|\son[a-z]+\s*=\s*"|javascript:|<(?:iframe|object|embed|base|form)\b`)

// No page has a script but the data of schema.org, loads anything from elsewhere, or has a policy that would allow that.
func TestPagesNeedNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, 8)
	r.build()
	pages := 0
	for name, text := range walk(t, filepath.Join(r.out, "current")+"/") {
		if !strings.HasSuffix(name, ".html") || name == "check.html" {
			continue
		}
		pages++
		for _, m := range script.FindAllStringSubmatch(text, -1) {
			if m[1] != "application/ld+json" {
				t.Errorf("%s has %q", name, m[0])
			}
		}
		for _, m := range regexp.MustCompile(`(?:src|poster|srcset|data)="([^"]*)"|<link[^>]*href="([^"]*)"`).FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1]+m[2], ":") || strings.HasPrefix(m[1]+m[2], "/") {
				t.Errorf("%s loads %s%s", name, m[1], m[2])
			}
		}
		if !strings.Contains(text, `Content-Security-Policy" content="default-src &#39;none&#39;;`) && name != "404.html" {
			t.Errorf("%s has no policy", name)
		}
		if strings.Contains(text, "script-src") || strings.Contains(text, "unsafe") {
			t.Errorf("the policy of %s allows scripts", name)
		}
	}
	if pages < 100 {
		t.Errorf("only %d pages", pages)
	}
}

// Every link of every page leads to a file of the site.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, 33) // more than one page of a list
	r.o.Config.Languages = []string{"en", "ar"}
	r.follow(sitetest.Outcomes())
	b := r.bundle(5)
	b.Release.Release = 2
	r.write(b.Withdraw("2026-11-20", "Asked for."))
	r.build()
	files := walk(t, filepath.Join(r.out, "current")+"/")
	ref := regexp.MustCompile(`(?:href|src|poster)="([^"#]*)(#[^"]*)?"`)
	for name, text := range files {
		if !strings.HasSuffix(name, ".html") || name == "404.html" || name == "check.html" {
			continue
		}
		for _, m := range ref.FindAllStringSubmatch(text, -1) {
			to := html.UnescapeString(m[1])
			switch {
			case strings.Contains(to, ":"): // elsewhere: what followed
			case to == "":
				if !strings.Contains(text, `id="`+strings.TrimPrefix(m[2], "#")+`"`) {
					t.Errorf("%s: %s is not on the page", name, m[2])
				}
			default:
				if _, ok := files[path.Join(path.Dir(name), to)]; !ok {
					t.Fatalf("%s leads to %s, which is not there", name, to)
				}
			}
		}
	}
}

func TestSizesOfPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, 65)
	r.o.Config.Languages = []string{"ru", "ar"} // letters of two bytes
	r.follow(sitetest.Outcomes())
	r.build()
	for name, text := range walk(t, filepath.Join(r.out, "current")+"/") {
		switch {
		case strings.HasSuffix(name, ".html.gz") && len(text) > 15<<10 && name != "check.html.gz":
			t.Errorf("%s has %d bytes", name, len(text))
		case strings.HasSuffix(name, ".css.gz") && len(text) > 6<<10:
			t.Errorf("%s has %d bytes", name, len(text))
		}
	}
}

func TestPressKit(t *testing.T) {
	t.Parallel()
	r := newRig(t, 3)
	r.build()
	raw := r.read("media/corridor-0001/v1/press-kit.zip")
	z, err := zip.NewReader(strings.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	want := r.bundle(1)
	seen := map[string]bool{}
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in) // compares the checksum
		if err != nil {
			t.Fatal(err)
		}
		seen[f.Name] = true
		if data, ok := want.Files[f.Name]; ok && !bytes.Equal(b, data) {
			t.Errorf("%s is not the file of the bundle", f.Name)
		}
		if !f.Modified.Equal(time.Date(2019, 3, 14, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("%s is of %s", f.Name, f.Modified)
		}
	}
	for _, name := range []string{"clip-720.mp4", "still-1.jpg", "text.en.txt", "text.uk.txt", "captions.ru.vtt", "proof.json", "scope.json", "CREDIT.txt"} {
		if !seen[name] {
			t.Errorf("%s is not in the press kit", name)
		}
	}
	var list struct {
		Files map[string]struct{ Bytes int }
	}
	if err := json.Unmarshal([]byte(r.read("site-manifest.json")), &list); err != nil || list.Files["media/corridor-0001/v1/press-kit.zip"].Bytes != len(raw) {
		t.Errorf("the length of the press kit is foretold as %d, it has %d (%v)", list.Files["media/corridor-0001/v1/press-kit.zip"].Bytes, len(raw), err)
	}
}

func TestFeeds(t *testing.T) {
	t.Parallel()
	r := newRig(t, 31)
	r.o.Config.URL = "https://night.example/a/"
	r.build()
	var feed struct {
		Updated string `xml:"updated"`
		Entries []struct {
			ID    string `xml:"id"`
			Title string `xml:"title"`
			Link  struct {
				Href string `xml:"href,attr"`
			} `xml:"link"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal([]byte(r.read("ru/feed.atom")), &feed); err != nil || len(feed.Entries) != 30 || !strings.HasPrefix(feed.Entries[0].Link.Href, "https://night.example/a/ru/r/corridor-") {
		t.Errorf("feed: %v %+v", err, feed)
	}
	var items struct {
		Items []struct{ URL, Title string }
	}
	if err := json.Unmarshal([]byte(r.read("uk/feed.json")), &items); err != nil || len(items.Items) != 30 {
		t.Errorf("feed: %v %+v", err, items)
	}
	if !strings.Contains(r.read("sitemap.xml"), "<loc>https://night.example/a/en/r/corridor-0003.html</loc>") || !strings.Contains(r.read("robots.txt"), "https://night.example/a/sitemap.xml") {
		t.Error("no map for search engines")
	}
	if !strings.Contains(r.read("404.html"), `href="/a/en/index.html"`) {
		t.Error("the page for what is not there leads astray")
	}
}

func TestOwnWords(t *testing.T) {
	t.Parallel()
	r := newRig(t, 1)
	r.o.Config.Pages = t.TempDir()
	if err := os.MkdirAll(filepath.Join(r.o.Config.Pages, "uk"), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(r.o.Config.Pages, "uk", "support.txt"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("# Куди звернутися\n\n- Лінія довіри <b>\n- Лікар\n\nМи поруч.")
	r.build()
	text := r.read("uk/support.html")
	if !strings.Contains(text, "<h2 class=\"h2\">Куди звернутися</h2>") || !strings.Contains(text, "<li>Лінія довіри &lt;b&gt;</li>") {
		t.Errorf("page: %s", text)
	}
	write("Ми \u202e поруч")
	if _, err := site.Build(context.Background(), r.o); !errors.Is(err, site.ErrConfig) {
		t.Errorf("taken: %v", err)
	}
}
