package accept

import (
	"bytes"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"zapis/verify"
)

// invite lets somebody in with a role, all the way through the set-up, by the pages alone.
func (b *surfer) invite(name, role string) *surfer {
	b.t.Helper()
	p := b.send(b.get("/people"), "/people", "act", "invite", "name", name, "role", role, "which", "all", "compartments", "all")
	m := regexp.MustCompile(`(/sign-in/link/[A-Za-z0-9_-]+)`).FindStringSubmatch(p.text)
	if m == nil {
		b.t.Fatalf("no link for %s: %s", name, p.said())
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.t.Fatal(err)
	}
	other := &surfer{t: b.t, origin: b.origin, client: &http.Client{Jar: jar, Timeout: 2 * time.Minute}}
	p = other.send(other.get(m[1]), "/sign-in/link/")
	code, err := totp.GenerateCode(strings.ReplaceAll(p.hidden("secret"), " ", ""), time.Now())
	if err != nil {
		b.t.Fatal(err)
	}
	words := "a long walk by the sea, " + name
	if p = other.send(p, "/setup", "name", name, "password", words, "again", words, "code", code); p.at.Path != "/archive" {
		b.t.Fatalf("the set-up of %s ended at %s, %d", name, p.at.Path, p.status)
	}
	return other
}

// force posts what no page offers, as somebody would who works around the pages.
func (b *surfer) force(path string, pairs ...string) *paper {
	b.t.Helper()
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.origin+path, strings.NewReader(v.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return b.do(r)
}

// until opens a page again and again, until it says so.
func (b *surfer) until(path, what string, ok func(p *paper) bool) *paper {
	b.t.Helper()
	var p *paper
	for range 240 {
		if p = b.get(path); ok(p) {
			return p
		}
		time.Sleep(250 * time.Millisecond)
	}
	b.t.Fatalf("%s never says %s: %.3000s", path, what, p.said())
	return nil
}

func (p *paper) offers(action string, fields ...string) bool {
	for _, f := range p.forms() {
		if !strings.HasPrefix(f.action, action) {
			continue
		}
		if _, missing := f.fill(nil); missing != "" {
			continue
		}
		all := true
		for _, name := range fields {
			name, value, _ := strings.Cut(name, "=")
			x := f.fields[name]
			if x == nil {
				all = false
				continue
			}
			found := value == ""
			for _, v := range append(x.values, x.choices...) {
				found = found || v == value
			}
			all = all && found
		}
		if all {
			return true
		}
	}
	return false
}

// gate gives what the desk says of one check: its state and the rest of the line.
func (p *paper) gate(code string) string {
	_, rest, found := strings.Cut(p.text, `<tr id="gate-`+code+`">`)
	if !found {
		return ""
	}
	line, _, _ := strings.Cut(rest, "</tr>")
	q := paper{text: line}
	return q.said()
}

func (b *surfer) gateIs(desk, code, state string, words ...string) {
	b.t.Helper()
	p := b.get(desk)
	line := p.gate(code)
	if !strings.Contains(line, " "+state) {
		b.t.Errorf("gate %s is %q, want %s", code, line, state)
	}
	for _, w := range words {
		if !strings.Contains(line, w) {
			b.t.Errorf("gate %s does not say %q: %q", code, w, line)
		}
	}
}

// From a span of a recording to a public page and back, by the pages of the workspace alone: who wrote cannot sign; a missing mask, a missing
// consent, a protected person and a name of a path block with a plain reason; what is let out says nothing of the original, and is checked by
// verifiers that share no code; then a correction, a consent that is taken back, and a withdrawal.
func TestFromASpanToAPublicPage(t *testing.T) {
	t.Parallel()
	require(t, "ffmpeg", "ffprobe", "python3")
	disk := t.TempDir()
	file := filepath.Join(disk, canary, "corridor-camera.mp4")
	ffmpeg(t, file, "-f", "lavfi", "-i", "smptebars=size=640x360:rate=10:duration=14", "-f", "lavfi", "-i", "color=c=0x202020:size=56x96:rate=10:duration=14", "-f", "lavfi", "-i", "sine=duration=14",
		"-filter_complex", "[0:v][1:v]overlay=x='60+22*t':y=190[v]", "-map", "[v]", "-map", "2:a", "-c:v", "libx264", "-preset", "ultrafast", "-g", "20", "-c:a", "aac", "-metadata", "title="+canary, "-metadata", "comment=serial-77")
	h := initialised(t)
	acc := h.accession("Desk")
	h.ok("ingest", "--accession", acc, disk)
	h.ok("worker", "--drain")
	h.ok("accession", "close", acc)
	h.env = []string{"ZAPIS_LOG_EVERY=1s"}
	var log struct{ VKey string }
	h.ok("log", "init", "--origin", "accept.example/desk").last(t, &log)
	h.ok("scope", "publish")
	h.ok("log", "tick", "--now")
	sum := digest(read(t, file))
	var it item
	for _, x := range h.items() {
		if x.SHA256 == sum {
			it = x
		}
	}

	root := h.serve()
	author, second := root.invite("Ovsanna", "publisher"), root.invite("Tymofiy", "publisher")
	outsider := root.invite("Bystander", "reviewer")

	// A testimony with a protected person, and a claim that rests on it.
	witness := root.make("person", "", "protected", "yes")
	p := root.send(root.get("/testimonies"), "/testimonies", "title", "First talk", "date", "2021-05~", "language", "en")
	told := p.at.Path
	p = root.send(p, told+"/passages", "act", "add", "heading", headings(p)[0], "text", "They were led along the corridor one by one.", "lang", "en")
	root.send(p, told+"/consents", "purpose", "archive", "audience", "team", "how", "recorded")
	incident := root.make("incident", "", "v.title", "Transfer along the corridor", "c.title", "probable", "v.date", "2021-03")
	passage := regexp.MustCompile(`href="(/catalogue/new\?passage=[^"]+)"`).FindStringSubmatch(root.get(told).text)
	if passage == nil {
		t.Fatal("the passage cannot be cited")
	}
	p = root.send(root.get(passage[1]), "/catalogue/choose", "q", incident.code)
	p = root.send(p, "/catalogue/"+incident.id+"/say")
	p = root.send(p, "/catalogue/"+incident.id+"/say", "property", "summary")
	root.send(p, "/catalogue/"+incident.id+"/say", "property", "summary", "v.summary", "They were led one by one.", "c.summary", "probable")

	// Somebody says how hard the recording is to watch: whoever is limited does not see it before, and a release of it needs a warning.
	watched := author.send(author.get("/items/"+it.ID), "/items/"+it.ID+"/difficulty", "level", "2", "reason", "somebody is led by force")
	holds(t, "the judged item", watched.said(), []string{"V2 hard to watch"}, nil)
	holds(t, "the list of judgements", author.get("/difficulty?difficulty=2").text, []string{it.ID}, nil)

	// The plan: a span, no mask. Nobody approves it, and nothing can be released of it.
	p = author.send(author.get("/plans"), "/plans", "title", "Corridor", "item", it.ID, "from", "2", "to", "8")
	plan := p.at.Path
	if !strings.HasPrefix(plan, "/plans/pl_") {
		t.Fatalf("the plan ended at %s: %s", p.at, p.said())
	}
	author.send(author.get(plan), plan+"/check")
	author.until(plan, "what the check found", func(p *paper) bool { return p.offers(plan+"/blockers", "reason") })
	if q := second.force(plan+"/look", "version", author.get(plan).hidden("base"), "act", "approve", "why", "looks fine"); q.status < 400 {
		t.Errorf("a plan with an open blocker is approved: %d", q.status)
	}
	p = author.send(author.get("/releases"), "/releases", "plan", strings.TrimPrefix(plan, "/plans/"), "slug", "too-early")
	early := p.at.Path
	author.gateIs(early, "plan", "blocks", "approved")
	author.gateIs(early, "gaps", "blocks", "no mask covers")
	if q := author.get(early); !strings.Contains(q.part("gate-gaps", "tr"), `href="`+plan+`"`) {
		t.Error("the gate does not lead to where it is mended")
	}
	if q := second.force(early+"/sign", "version", "1", "sure", "yes"); q.status != http.StatusConflict {
		t.Errorf("a release of an unchecked plan is signed: %d", q.status)
	}

	// With a mask over everything that moves; then the second person's look, frame by frame.
	author.send(author.get(plan), plan, "act", "mask-add", "from", "0", "x", "4", "y", "45", "w", "72", "h", "50", "reason", "person", "kind", "solid")
	author.send(author.get(plan), plan+"/check")
	author.until(plan, "that nothing is open", func(p *paper) bool {
		return strings.Contains(p.part("pl-check", "section"), "motion") && !p.offers(plan+"/blockers", "reason")
	})
	if q := author.get(plan + "/look"); q.offers(plan+"/look", "act=approve") || !strings.Contains(q.said(), "wrote") {
		t.Errorf("the author is offered to approve, or is not told why not: %s", q.said())
	}
	version := author.get(plan).hidden("base")
	if q := author.force(plan+"/look", "version", version, "act", "approve", "why", "my own"); q.status < 400 {
		t.Errorf("the author approves their own plan: %d", q.status)
	}
	stops := regexp.MustCompile(`href="(/plans/[^"]+/look\?stop=[^"#]+)#frame"`)
	frame := regexp.MustCompile(`<img src="(/plans/[^"]+/look/[^"]+)"`)
	seen := map[string]bool{}
	for _, m := range stops.FindAllStringSubmatch(second.get(plan+"/look").text, -1) {
		if src := frame.FindStringSubmatch(second.get(htmlText(m[1])).text); src != nil && !seen[src[1]] {
			seen[src[1]] = true
			if q := second.get(htmlText(src[1])); !strings.HasPrefix(q.header.Get("Content-Type"), "image/") {
				t.Fatalf("no frame at %s", src[1])
			}
		}
	}
	if len(seen) < 3 {
		t.Fatalf("%d frames to look at", len(seen))
	}
	second.send(second.get(plan+"/look"), plan+"/look", "act", "approve", "why", "stepped through")
	second.send(second.get(plan), plan+"/render")
	p = author.until(plan, "that it is rendered", func(p *paper) bool { return p.offers("/releases", "plan") })

	// The release, in two languages.
	p = author.send(p, "/releases")
	desk := p.at.Path
	if !strings.HasPrefix(desk, "/releases/re_") {
		t.Fatalf("the release ended at %s: %s", p.at, p.said())
	}
	author.gateIs(desk, "certainty", "blocks", "no finding")
	author.gateIs(desk, "languages", "blocks")
	author.gateIs(desk, "warnings", "blocks", "V2")
	author.send(author.get(desk), desk+"/about", "slug", "corridor-2021", "languages", "en, ru", "recorded", "2021-03", "precision", "region", "country", "UA",
		"recorded.en", "March 2021", "recorded.ru", "Март 2021", "place.en", "The river", "place.ru", "Река", "region.en", "East", "region.ru", "Восток")
	english := []string{"title", "Led along a corridor", "summary", "People are led one by one.", "shows", "A corridor.\n\nSomebody passes.", "credit", "The archive"}
	text := func(lang string, pairs ...string) {
		t.Helper()
		author.send(author.get(desk+"/text?in="+lang), desk+"/text", pairs...)
	}
	text("en", append(english, "s0.text", "People are led along a corridor.", "w0.from", "0:01", "w0.to", "0:03", "w0.text", "Somebody is led by force")...)
	author.gateIs(desk, "certainty", "blocks", "does not say how sure it is")
	author.gateIs(desk, "warnings", "clear")
	text("en", "s0.certainty", "probable")
	author.gateIs(desk, "certainty", "clear")
	author.gateIs(desk, "languages", "blocks", "missing")
	text("ru", "title", "По коридору", "summary", "Людей ведут по одному.", "shows", "Коридор.\n\nКто-то проходит.", "credit", "Архив", "s0.text", "Людей ведут по коридору.", "w0.text", "Кого-то ведут силой")
	author.gateIs(desk, "languages", "clear")

	// A name of a folder of the source, a protected person, and words that rest on a testimony without consent: each blocks, with a reason.
	text("en", "summary", "People are led one by one. "+canary)
	author.gateIs(desk, "traces", "blocks", "where the footage came from")
	text("en", "summary", "People are led one by one, "+witness.code+" among them.")
	author.gateIs(desk, "traces", "clear")
	author.gateIs(desk, "people", "blocks", "protected")
	if q := author.get(desk); strings.Contains(q.gate("people"), witness.code) {
		t.Error("the gate says who is protected")
	}
	text("en", "summary", "People are led one by one.")
	author.gateIs(desk, "people", "clear")
	p = author.send(author.get(desk+"/claims?sentence=0"), desk+"/claims", "act", "find", "q", incident.code)
	p = author.send(p, desk+"/claims", "act", "show", "entity", incident.id)
	claim := regexp.MustCompile(`(?s)name="claim" value="(cm_[^"]+)"[^>]*><span>.{0,400}?They were led one by one`).FindStringSubmatch(p.text)
	if claim == nil {
		t.Fatalf("the claim is not offered: %s", p.said())
	}
	author.send(p, desk+"/claims", "act", "add", "claim", claim[1])
	author.gateIs(desk, "consent", "blocks", "A consent for publication is missing")
	// It blocks not only on the page.
	number := func() string {
		t.Helper()
		return strings.TrimPrefix(headVersion.FindString(author.get(desk).text), "version ")
	}
	if q := second.get(desk); q.offers(desk+"/sign", "sure") {
		t.Error("a signature is offered while a consent is missing")
	}
	if q := second.force(desk+"/sign", "version", number(), "sure", "yes"); q.status != http.StatusConflict || !strings.Contains(q.said(), "blocks") {
		t.Errorf("signed without a consent: %d %s", q.status, q.said())
	}
	root.send(root.get(told), told+"/consents", "purpose", "publication", "audience", "public", "how", "recorded")
	author.gateIs(desk, "consent", "clear")

	// Four eyes: the author is told before it is refused, and is refused.
	q := author.get(desk)
	if !strings.Contains(q.said(), "You wrote this; another publisher must sign.") || q.offers(desk+"/sign", "sure") {
		t.Errorf("the author is not told, or is offered to sign: %s", q.said())
	}
	if q := author.force(desk+"/sign", "version", number(), "sure", "yes"); q.status != http.StatusConflict || !strings.Contains(q.said(), "You wrote this") {
		t.Errorf("the author signs: %d %s", q.status, q.said())
	}
	if q := author.force(desk+"/publish", "version", number(), "sure", "yes"); q.status != http.StatusConflict {
		t.Errorf("published without a signature: %d", q.status)
	}
	if q := outsider.force(desk+"/sign", "version", number(), "sure", "yes"); q.status != http.StatusNotFound {
		t.Errorf("a reviewer signs: %d", q.status)
	}
	preview := author.get(desk + "/preview")
	holds(t, "the preview", preview.said(), []string{"text.en.txt", "text.ru.txt", "Led along a corridor", "По коридору", "release.json"}, []string{canary, "corridor-camera", "Ovsanna", "Tymofiy"})
	second.until(desk, "that the proof is there", func(p *paper) bool { return strings.Contains(p.gate("proof"), "clear") })
	second.send(second.get(desk), desk+"/sign", "sure", "yes")
	author.send(author.get(desk), desk+"/publish", "sure", "yes")
	if !strings.Contains(author.get(desk).said(), "out") {
		t.Errorf("it is not out: %s", author.get(desk).said())
	}

	// What lies in the folder.
	folder := filepath.Join(h.dir, "public", "releases", "corridor-2021", "v1")
	clip := filepath.Join(folder, "clip-720.mp4")
	if _, err := os.Stat(clip); err != nil {
		list, _ := filepath.Glob(filepath.Join(folder, "*"))
		t.Fatalf("no clip in the folder, which holds %v", list)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(read(t, filepath.Join(folder, "SHA256SUMS")))), "\n") {
		want, name, _ := strings.Cut(line, "  ")
		if digest(read(t, filepath.Join(folder, name))) != want {
			t.Errorf("%s is not what SHA256SUMS says", name)
		}
	}
	silent(t, h, folder, file, sum, it)
	proof := filepath.Join(folder, "proof.json")
	if rep := verify.Verify(read(t, proof), verify.Options{Keys: []string{log.VKey}}); !rep.OK {
		t.Errorf("the proof is refused: %+v", rep)
	}
	offline(t, append([]string{h.bin}, "--json", "verify", proof, "--file", clip, "--key", log.VKey)...)
	offline(t, "python3", "../../tools/verify.py", proof, "--file", clip, "--key", log.VKey)
	offline(t, "python3", "../../tools/verify.py", filepath.Join(folder, "scope.json"), "--key", log.VKey)
	changed := filepath.Join(t.TempDir(), "changed.mp4")
	raw := read(t, clip)
	raw[len(raw)/2] ^= 1
	write(t, changed, string(raw))
	h.want(20, "verify", proof, "--file", changed)

	// The site, built of the folder alone.
	site := filepath.Join(t.TempDir(), "site")
	built := func() string {
		t.Helper()
		h.ok("site", "build", "--out", site, "--name", "The archive", "--url", "https://archive.example/")
		var all strings.Builder
		dir, err := filepath.EvalSymlinks(filepath.Join(site, "current"))
		if err != nil {
			t.Fatal(err)
		}
		err = filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(at, ".html") && !strings.Contains(at, "check") {
				all.Write(read(t, at))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all.String()
	}
	holds(t, "the site", built(), []string{"Led along a corridor", "По коридору", "corridor-2021", "clip-720.mp4"}, []string{"<script src", canary, "corridor-camera", "Ovsanna", "Tymofiy", sum, it.ID, it.Ref})

	// A file is known again.
	q = author.upload(author.get("/match"), "/match", "somebody-sent-this.mp4", read(t, clip))
	holds(t, "the match", q.said(), []string{"The same file, byte for byte.", "Led along a corridor"}, nil)
	q = author.upload(author.get("/match"), "/match", "other.mp4", []byte("no film at all"))
	holds(t, "no match", q.said(), []string{"No release was found"}, []string{"Led along a corridor"})

	// A correction is a version of its own, with its own signature, and is said in public.
	author.send(author.get(desk), desk+"/correct", "why.en", "The month was wrong.", "why.ru", "Месяц был неверен.")
	author.send(author.get(desk), desk+"/about", "recorded", "2021-04", "recorded.en", "April 2021", "recorded.ru", "Апрель 2021")
	if q := author.force(desk+"/publish", "version", number(), "sure", "yes"); q.status != http.StatusConflict {
		t.Errorf("a correction goes out without a signature: %d", q.status)
	}
	second.send(second.get(desk), desk+"/sign", "sure", "yes")
	author.send(author.get(desk), desk+"/publish", "sure", "yes")
	holds(t, "the corrected site", built(), []string{"The month was wrong.", "Месяц был неверен.", "April 2021"}, nil)
	if _, err := os.Stat(filepath.Join(h.dir, "public", "releases", "corridor-2021", "v2", "release.json")); err != nil {
		t.Errorf("the second publication: %v", err)
	}

	// A consent that is taken back lights up what is out.
	p = root.get(told)
	row := regexp.MustCompile(`<tr id="([^"]+)"><td>[^<]*[Pp]ublication`).FindStringSubmatch(p.text)
	if row == nil {
		t.Fatalf("the consent is not on the page: %s", p.said())
	}
	p = root.get(told + "/withdraw?consent=" + row[1])
	root.send(p, told+"/withdraw", "consent", row[1], "reason", "asked by letter")
	author.until(desk, "that it would be blocked today", func(p *paper) bool { return strings.Contains(p.said(), "would be blocked today") })
	author.gateIs(desk, "consent", "blocks")

	// A withdrawal leaves the date and the reason.
	p = second.get(desk + "/withdraw")
	if q := second.try(p, desk+"/withdraw", "sure", "yes", "reason.en", "Withdrawn at the wish of a witness.", "reason.ru", ""); q.status != http.StatusBadRequest {
		t.Errorf("withdrawn with a reason in one language: %d", q.status)
	}
	second.send(p, desk+"/withdraw", "sure", "yes", "reason.en", "Withdrawn at the wish of a witness.", "reason.ru", "Отозвано по желанию свидетеля.")
	films, err := filepath.Glob(filepath.Join(h.dir, "public", "releases", "corridor-2021", "*", "*.mp4"))
	if err != nil || len(films) != 0 {
		t.Errorf("after the withdrawal the folder holds %d films: %v", len(films), err)
	}
	gone := built()
	holds(t, "the site after the withdrawal", gone, []string{"Withdrawn at the wish of a witness.", "Отозвано по желанию свидетеля."}, []string{"People are led along a corridor.", "clip-720.mp4"})
	holds(t, "the list", author.get("/releases").said(), []string{"Withdrawn on"}, nil)
	h.sound()
}

var headVersion = regexp.MustCompile(`version [0-9]+`)

func htmlText(s string) string { return strings.ReplaceAll(s, "&amp;", "&") }

// silent fails if anything in a folder that is let out tells of the original, who recorded it, this machine or who worked on it.
func silent(t *testing.T, h *home, folder, file, sum string, it item) {
	t.Helper()
	secrets := []string{canary, "corridor-camera", "serial-77", h.dir, sum, it.ID, it.Ref, "Ovsanna", "Tymofiy", "Bystander", "walker", "Lavc", "Lavf", "x264", "ag_", "it_", "ac_", "pl_"}
	if host, err := os.Hostname(); err == nil && len(host) > 3 {
		secrets = append(secrets, host)
	}
	if u, err := user.Current(); err == nil && len(u.Username) > 4 {
		secrets = append(secrets, u.Username)
	}
	list, err := os.ReadDir(folder)
	if err != nil || len(list) < 8 {
		t.Fatalf("%d files in the folder: %v", len(list), err)
	}
	original := read(t, file)
	for _, e := range list {
		at := filepath.Join(folder, e.Name())
		raw := read(t, at)
		heard := map[string][]byte{"bytes": raw}
		media := strings.HasSuffix(at, ".mp4") || strings.HasSuffix(at, ".jpg") || strings.HasSuffix(at, ".png")
		for _, tool := range [][]string{{"exiftool", "-a", "-u", "-G1", "-ee"}, {"ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", "-show_programs"}, {"mediainfo", "--Full"}, {"strings", "-n", "4"}} {
			if !media {
				continue
			}
			if _, err := exec.LookPath(tool[0]); err != nil {
				if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
					t.Fatalf("%s is not installed (make setup-test)", tool[0])
				}
				continue
			}
			// By its name in its folder, so that what a tool says of the path is not found.
			cmd := exec.Command(tool[0], append(tool[1:], e.Name())...)
			cmd.Dir = folder
			out, err := cmd.Output()
			if err != nil && tool[0] != "ffprobe" {
				t.Errorf("%s of %s: %v", tool[0], e.Name(), err)
			}
			// What a tool knows of codecs is not in the file: addresses about them, and names of its own fields.
			out = urlLine.ReplaceAll(out, nil)
			heard[tool[0]] = out
			if e.Name() == "clip-720.mp4" {
				spoken(t, tool[0], string(out))
			}
		}
		for tool, out := range heard {
			for _, s := range secrets {
				// Four letters are found in pressed pictures, and in names of fields, by chance.
				if media && strings.HasSuffix(s, "_") {
					continue
				}
				if bytes.Contains(out, []byte(s)) {
					t.Errorf("%s holds %q, by %s", e.Name(), s, tool)
				}
			}
		}
		for i := 0; i+64 <= len(original); i += 64 {
			if bytes.Contains(raw, original[i:i+64]) && !flat(original[i:i+64]) {
				t.Errorf("%s holds 64 bytes of the original", e.Name())
				break
			}
		}
	}
}

var urlLine = regexp.MustCompile(`(?m)^.*(?:[Uu][Rr][Ll]|https?://).*$`)

// spoken fails on what a tool says of a film beyond its shape.
func spoken(t *testing.T, tool, out string) {
	t.Helper()
	for _, word := range []string{"Encoded_Library", "Encoding settings", "Writing library", "encoder", "Writing application", "GPS", "creation_time", "Make  ", "Model  ", "Comment", "Title  "} {
		if strings.Contains(out, word) && tool != "strings" {
			t.Errorf("%s says something of %q", tool, word)
		}
	}
	year := regexp.MustCompile(`\b20[0-9][0-9][-:][01][0-9]`)
	if tool == "ffprobe" || tool == "mediainfo" {
		for _, line := range strings.Split(out, "\n") {
			if year.MatchString(line) && !strings.HasPrefix(line, "File") {
				t.Errorf("%s says a date: %q", tool, line)
			}
		}
	}
}

// flat says that bytes are padding or a table, which any film may hold.
func flat(b []byte) bool {
	seen := map[byte]bool{}
	for _, c := range b {
		seen[c] = true
	}
	return len(seen) < 12
}

// offline runs a command without any network, where the system lets it be taken away.
func offline(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("unshare"); err == nil && exec.Command("unshare", "-r", "-n", "true").Run() == nil {
		args = append([]string{"unshare", "-r", "-n"}, args...)
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Errorf("%s: %v: %s", strings.Join(args[:min(4, len(args))], " "), err, out)
	}
}
