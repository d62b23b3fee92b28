package accept

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// made is an entity that a form made.
type made struct{ id, code, path string }

var headCode = regexp.MustCompile(`(?s)<h1>\s*<bdi class="ref">([^<]+)</bdi>`)

// make fills in the form for a new entity. The query is what another page would hand over: a source, where to go back to.
func (b *surfer) make(kind, query string, pairs ...string) made {
	b.t.Helper()
	p := b.get("/catalogue/new?kind=" + kind + query)
	p = b.send(p, "/catalogue/new", append([]string{"kind", kind}, pairs...)...)
	m := headCode.FindStringSubmatch(p.text)
	if m == nil || p.at.Query().Get("done") != "entity-made" {
		b.t.Fatalf("making a %s ended at %s: %s", kind, p.at, p.said())
	}
	at := strings.Split(p.at.Path, "/")
	return made{id: at[len(at)-1], code: m[1], path: p.at.Path}
}

// export takes the catalogue out by the form and gives the file and how many things were left out.
func (b *surfer) export(purpose, audience string) (file, left string) {
	b.t.Helper()
	p := b.send(b.get("/export"), "/export", "format", "ftm", "purpose", purpose, "audience", audience)
	if p.header.Get("Zapis-Export") == "" {
		b.t.Fatalf("no export came: %s", p.said())
	}
	return p.text, p.header.Get("Zapis-Left-Out")
}

func sorted(file string) []string {
	lines := strings.Split(strings.TrimSpace(file), "\n")
	slices.Sort(lines)
	return lines
}

// holds fails unless a text has everything of one list and nothing of another.
func holds(t *testing.T, what, text string, want, not []string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text, w) {
			t.Errorf("%s does not hold %q", what, w)
		}
	}
	for _, w := range not {
		if strings.Contains(text, w) {
			t.Errorf("%s holds %q", what, w)
		}
	}
	if t.Failed() {
		t.Logf("%s: %.6000s", what, text)
	}
}

const (
	lit      = "rests on testimony that was taken back"
	shouting = "Three guards hold a man against the railing and shout at him."
	onTape   = "It was on the twenty-eighth, after the evening count; they used a wet rope."
	wetRope  = "A wet rope was used."
)

// The whole of a case by the workspace alone: an incident from a span of footage, who did it and who gave the order, rival dates with a finding
// and a dissent, a testimony with consent that is taken back, and the catalogue carried over into an empty archive and out of it again.
func TestACaseFromFootageToExport(t *testing.T) {
	t.Parallel()
	require(t, "ffmpeg", "ffprobe")
	disk := t.TempDir()
	ffmpeg(t, filepath.Join(disk, "yard.mp4"), "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=12", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	ffmpeg(t, filepath.Join(disk, "interview.mp4"), "-f", "lavfi", "-i", "smptebars=size=320x240:rate=25:duration=20", "-f", "lavfi", "-i", "sine=duration=20",
		"-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac")
	h := initialised(t)
	acc := h.accession("A case")
	h.ok("ingest", "--accession", acc, disk)
	h.ok("worker", "--drain")
	h.ok("accession", "close", acc)
	var yard, interview item
	sums := digests(t, disk)
	for _, it := range h.items() {
		switch it.SHA256 {
		case sums["yard.mp4"]:
			yard = it
		case sums["interview.mp4"]:
			interview = it
		}
	}
	// What is given to others of the interview is cut before anybody thinks of taking anything back.
	h.env = []string{"ZAPIS_LOG_EVERY=1s"}
	h.ok("log", "init", "--origin", "accept.example/case")
	h.ok("scope", "publish")
	h.ok("log", "tick", "--now")
	h.ok("clip", "make", interview.Ref, "--from", "4", "--to", "9", "--reason", "acceptance test", "-o", filepath.Join(t.TempDir(), "clip.mp4"))
	var clip struct{ ID string }
	h.ok("clip", "list").last(t, &clip)

	b := h.serve("--no-worker")

	// From a span of footage: the page asks what it shows, and keeps the span.
	p := b.get("/catalogue/new?item=" + yard.ID + "&from=2&to=5.5")
	p = b.send(p, "/catalogue/new", "kind", "incident")
	if p.hidden("item") == "" || !strings.Contains(p.text, yard.Ref) {
		t.Fatalf("the form does not keep the footage: %s", p.said())
	}
	b.send(b.get("/people"), "/people", "act", "compartment", "name", "Inner room")
	place := b.make("location", "", "v.name", "Lower settlement", "v.geo", "48.71, 44.51", "v.precision", "precision:settlement", "c.precision", "probable", "words", "a register of places")
	facility := b.make("facility", "", "v.name", "Colony on the river", "v.location", place.code, "words", "a register of places")
	officer := b.make("person", "", "v.name", "Шестопалов Г. Н.", "words", "a list of staff")
	victim := b.make("person", "", "protected", "yes")
	p = b.send(p, "/catalogue/new", "kind", "incident", "v.title", "Beating in the lower yard", "c.title", "established", "v.date", "2021-03-27", "c.date", "probable", "v.place", place.code,
		"c.place", "probable", "v.facility", facility.code, "c.facility", "established")
	m := headCode.FindStringSubmatch(p.text)
	if m == nil || !strings.HasPrefix(p.at.Path, "/incidents/") {
		t.Fatalf("the incident ended at %s: %s", p.at, p.said())
	}
	incident := made{id: strings.TrimPrefix(p.at.Path, "/incidents/"), code: m[1], path: p.at.Path}
	span := "&item=" + yard.ID + "&from=2&to=5.5"
	act := b.make("act", span, "v.incident", incident.code, "c.incident", "established", "v.description", shouting, "v.date", "2021-03-27", "v.place", place.code)
	back := "&back=" + incident.path
	for _, x := range [][]string{
		{"involvement", "v.act", act.code, "v.person", victim.code, "v.role", "role:victim"},
		{"order", "v.act", act.code, "v.giver", officer.code, "c.giver", "disputed"},
		{"outcome", "v.act", act.code, "v.person", victim.code, "v.type", "outcome:hospital", "v.date", "2021-03-29"},
	} {
		if got := b.make(x[0], back+span, x[1:]...); got.path != incident.path {
			t.Errorf("the %s led to %s", x[0], got.path)
		}
	}
	closed := b.make("incident", "", "v.title", "What nobody else may know", "v.date", "2021", "u.place", "yes", "compartment", compartment(b, "Inner room"))
	desk := b.get(incident.path)
	holds(t, "the desk", desk.said(), []string{"Beating in the lower yard", shouting, "Lower settlement", "Шестопалов", victim.code, "2 days later", yard.Ref}, []string{lit, "What nobody else may know"})
	holds(t, "sources on the desk", desk.text, []string{"/items/" + yard.ID + "#t=2"}, nil)

	// A testimony, passage by passage, with two consents.
	p = b.send(b.get("/testimonies"), "/testimonies", "title", "First talk", "date", "2021-05~", "interviewer", "K-7", "language", "ru")
	told := p.at.Path
	p = b.send(p, told+"/passages", "act", "add", "heading", headings(p)[0], "text", onTape, "lang", "en", "item", interview.Ref, "from", "0:04", "to", "0:09")
	for _, c := range [][2]string{{"archive", "team"}, {"court", "court"}} {
		p = b.send(p, told+"/consents", "purpose", c[0], "audience", c[1], "how", "recorded", "item", interview.Ref)
	}
	passage := regexp.MustCompile(`href="(/catalogue/new\?passage=[^"]+)"`).FindStringSubmatch(p.text)
	if passage == nil {
		t.Fatalf("a passage cannot be cited: %s", p.said())
	}
	// What follows from it: a rival date, and how it was done. First what, then about whom, then which property.
	cite := func(code, property string, pairs ...string) *paper {
		t.Helper()
		p := b.send(b.get(passage[1]), "/catalogue/choose", "q", code)
		entity := incident.id
		if code == act.code {
			entity = act.id
		}
		p = b.send(p, "/catalogue/"+entity+"/say")
		p = b.send(p, "/catalogue/"+entity+"/say", "property", property)
		return b.send(p, "/catalogue/"+entity+"/say", append([]string{"property", property}, pairs...)...)
	}
	cite(incident.code, "date", "v.date", "2021-03-28", "c.date", "disputed")
	cite(act.code, "note", "v.note", wetRope, "c.note", "probable")
	// A finding for the date of the testimony, and a dissent for the other one.
	form := b.get("/catalogue/" + incident.id + "/finding?property=date")
	dates := map[string]string{}
	for _, x := range regexp.MustCompile(`(?s)name="claim" value="(cm_[^"]+)"(.*?)</label>`).FindAllStringSubmatch(form.text, -1) {
		for _, d := range []string{"2021-03-27", "2021-03-28"} {
			if strings.Contains(spaces.ReplaceAllString(x[2], " "), strings.TrimPrefix(d, "2021-03-")+" March 2021") {
				dates[d] = x[1]
			}
		}
	}
	if len(dates) != 2 {
		t.Fatalf("no two dates to choose from: %s", form.said())
	}
	b.send(form, "/catalogue/"+incident.id+"/finding", "property", "date", "claim", dates["2021-03-28"], "reason", "the roll of the evening bears it out")
	form = b.get("/catalogue/" + incident.id + "/finding?property=date")
	b.send(form, "/catalogue/"+incident.id+"/finding", "property", "date", "claim", dates["2021-03-27"], "reason", "the clock of the camera was never checked", "dissent", "yes")
	desk = b.get(incident.path)
	holds(t, "the desk", desk.said(), []string{"the roll of the evening bears it out", "Dissent:", "the clock of the camera was never checked"}, []string{lit})

	// For a court, with the consent that stands.
	inCourt, left := b.export("court", "court")
	holds(t, "the export before", inCourt, []string{onTape, wetRope, dates["2021-03-28"], shouting}, nil)
	if left != "0" {
		t.Errorf("%s things were left out though everything is allowed", left)
	}
	// Taking it back: first what depends on it, then why.
	p = b.get(told)
	row := regexp.MustCompile(`<tr id="([^"]+)"><td>Proceedings before a court</td>`).FindStringSubmatch(p.text)
	if row == nil {
		t.Fatalf("the consent is not on the page: %s", p.said())
	}
	p = b.get(told + "/withdraw?consent=" + row[1])
	holds(t, "what depends", p.said(), []string{"2 claims", "1 finding that chose one of them", "1 export that contained it", "1 clip cut from its recordings", clip.ID, wetRope}, nil)
	if got := b.try(p, told+"/withdraw", "consent", row[1], "reason", ""); got.status != 400 {
		t.Errorf("taken back without a reason: %d", got.status)
	}
	p = b.send(p, told+"/withdraw", "consent", row[1], "reason", "they have been to see my mother")
	holds(t, "the testimony", p.said(), []string{"they have been to see my mother", clip.ID, wetRope}, nil)
	if n := strings.Count(p.part("depends", "section"), `class="lit"`); n != 2 {
		t.Errorf("%d claims light up on the testimony, of 2", n)
	}
	desk = b.get(incident.path)
	if !strings.Contains(desk.part(dates["2021-03-28"], "div"), lit) || strings.Contains(desk.part(dates["2021-03-27"], "div"), lit) {
		t.Errorf("on the desk the wrong date lights up, or none: %s", desk.said())
	}
	holds(t, "the act", b.get("/catalogue/"+act.id).said(), []string{lit, wetRope}, nil)
	after, left := b.export("court", "court")
	holds(t, "the export after", after, []string{shouting, dates["2021-03-27"]}, []string{onTape, wetRope, dates["2021-03-28"], "First talk", "they have been to see my mother"})
	if left == "0" {
		t.Error("nothing was left out, by its own account")
	}
	list := b.get("/export").said()
	if strings.Count(list, "Proceedings before a court") < 3 { // the choice and two exports
		t.Errorf("the exports are not listed: %s", list)
	}

	// Into an empty archive and out again.
	whole, left := b.export("archive", "team")
	if left != "0" {
		t.Errorf("%s things are missing in what is kept in the group", left)
	}
	holds(t, "the whole", whole, []string{onTape, wetRope, "they have been to see my mother", "What nobody else may know", "Inner room", closed.code, "Шестопалов"}, nil)
	empty := initialised(t)
	c := empty.serve("--no-worker")
	if file, _ := c.export("archive", "team"); file != "" {
		t.Fatalf("an empty archive holds %s", file)
	}
	p = c.upload(c.get("/import"), "/import", "case.jsonl", []byte(whole))
	p = c.settled(c.send(p, "/import/", "act", "dry"))
	if file, _ := c.export("archive", "team"); file != "" {
		t.Fatalf("a trial wrote %s", file)
	}
	p = c.settled(c.send(p, "/import/", "act", "run"))
	holds(t, "the import", p.said(), []string{"0 refused"}, nil)
	again, left := c.export("archive", "team")
	if left != "0" {
		t.Errorf("%s things were lost on the way", left)
	}
	want, got := sorted(whole), sorted(again)
	for i := range want {
		if i >= len(got) || want[i] != got[i] {
			t.Fatalf("line %d of %d differs after the way there and back (%d):\n%s\n%s", i, len(want), len(got), want[i], got[min(i, len(got)-1)])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d lines went in, %d came out", len(want), len(got))
	}
	holds(t, "the desk there", c.get("/incidents/"+incident.id).said(), []string{"Beating in the lower yard", shouting, "Dissent:", lit}, nil)

	// Undone, nothing of it is said any more.
	p = c.send(c.get("/import"), "/imports/")
	holds(t, "the list of imports", p.said(), []string{"undone"}, nil)
	holds(t, "the incidents", c.get("/incidents").said(), nil, []string{"Beating in the lower yard", "What nobody else may know"})
	undone, _ := c.export("archive", "team")
	for _, l := range strings.Split(strings.TrimSpace(undone), "\n") {
		var e struct {
			Properties map[string][]string
			Zapis      struct {
				Code   string
				Claims []struct {
					ID        string
					Retracted *struct{ At string }
				}
			}
		}
		if l == "" {
			continue
		}
		if err := json.Unmarshal([]byte(l), &e); err != nil {
			t.Fatal(err)
		}
		// The model of FollowTheMoney asks for a name, and its code is all that is left to say.
		if name := e.Properties["name"]; len(name) == 1 && name[0] == e.Zapis.Code {
			delete(e.Properties, "name")
		}
		if len(e.Properties) > 0 {
			t.Errorf("%s still says %v", e.Zapis.Code, e.Properties)
		}
		for _, x := range e.Zapis.Claims {
			if x.Retracted == nil {
				t.Errorf("claim %s of %s stands", x.ID, e.Zapis.Code)
			}
		}
	}
	h.ok("custody", "verify")
	empty.ok("custody", "verify")
}

// compartment gives the identifier of a compartment by its name.
func compartment(b *surfer, name string) string {
	b.t.Helper()
	p := b.get("/catalogue/new?kind=incident")
	m := regexp.MustCompile(`<option value="([^"]+)"[^>]*>` + regexp.QuoteMeta(name) + `</option>`).FindStringSubmatch(p.text)
	if m == nil {
		b.t.Fatalf("no compartment %q to choose: %s", name, p.said())
	}
	return m[1]
}

// headings gives the headings of an interview that a page offers.
func headings(p *paper) []string {
	for _, f := range p.forms() {
		if x := f.fields["heading"]; x != nil && len(x.choices) > 0 {
			return x.choices
		}
	}
	return []string{""}
}

// settled waits until an import has come to its end.
func (b *surfer) settled(p *paper) *paper {
	b.t.Helper()
	for range 300 {
		if !strings.Contains(p.text, `http-equiv="refresh"`) {
			return p
		}
		time.Sleep(200 * time.Millisecond)
		p = b.get(p.at.Path)
	}
	b.t.Fatalf("the import does not end: %s", p.said())
	return nil
}
