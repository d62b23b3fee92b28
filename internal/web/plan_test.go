package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/media"
	"zapis/internal/media/mask"
	"zapis/internal/redact"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/web/locale"
)

// whiteMedia shows a white picture at every moment.
type whiteMedia struct{}

func (whiteMedia) Probe(context.Context, media.Source) (media.Probe, error) {
	return media.Probe{Kind: archive.KindVideo, Streams: []media.Stream{{Type: "video", Width: 640, Height: 360}}}, nil
}

func (whiteMedia) RawFrames(_ context.Context, cut media.Cut, o media.RawOptions, each func(n int, us int64, p *mask.Picture) error) (media.Report, []media.Range, error) {
	p := mask.NewPicture(64, 36, o.Gray, nil)
	for i := range p.Y {
		p.Y[i] = 235
	}
	for i := range p.U {
		p.U[i], p.V[i] = 128, 128
	}
	return media.Report{}, nil, each(0, cut.From.Microseconds(), p)
}

func (whiteMedia) Redact(context.Context, []media.Cut, media.RedactOptions) (media.Redacted, error) {
	return media.Redacted{}, media.ErrDamaged
}

// redacting is a site with the real room of redaction plans.
func redacting(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.first(t)
	room, err := redact.New(redact.Options{DB: s.w.DB, Vault: s.w.Vault, Custody: s.w.Custody, Jobs: s.w.Jobs, Agent: s.w.Program.ID, Now: s.w.Now,
		Media: func() (redact.Media, error) { return whiteMedia{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Plan = room
	return s
}

// checked is what the machine does: it walks the newest version and finds something.
func (s *site) checked(t *testing.T, id string, version int, blockers ...store.PlanBlocker) string {
	t.Helper()
	var run store.PlanRun
	err := s.w.DB.Write(t.Context(), func(tx *store.Tx) (err error) {
		if run, err = tx.PlanRun(t.Context(), id, version, store.PlanGapCheck); err != nil {
			return err
		}
		v, err := tx.PlanVersion(t.Context(), archive.Scope{All: true, MaxDifficulty: -1}, id, version)
		if err != nil {
			return err
		}
		run.State, run.DoneAt, run.Frames, run.Recipe, run.SHA256 = store.PlanDone, s.w.Now(), 500, "fake 1", v.SHA256
		for i := range blockers {
			blockers[i].Run, blockers[i].Ordinal = run.ID, i
		}
		return tx.EndPlanRun(t.Context(), run, blockers, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return run.ID
}

func sendPlan(b *browser, path string, body any) *http.Response {
	raw, _ := json.Marshal(body)
	return b.do(http.MethodPost, path, bytes.NewReader(raw), "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
}

var planAddress = regexp.MustCompile(`^/plans/(pl_[0-9a-z]{26})`)

// From a span of a recording to an approved plan, by forms alone: nobody alone, nothing unchecked, nothing unseen.
func TestPlanByForms(t *testing.T) {
	t.Parallel()
	s := redacting(t)
	author, _ := s.enter(t, "Halyna", archive.RolePublisher, true)
	second, _ := s.enter(t, "Pavlo", archive.RolePublisher, true)
	reviewer, _ := s.enter(t, "Vera", archive.RoleReviewer, true)
	narrow, _ := s.enter(t, "Anna", archive.RolePublisher, false) // her accession alone
	ready, foreign := s.w.Items["ready"].ID, s.w.Items["foreign"].ID
	see := saying(t)
	done := func(what string, r *http.Response, notice string) string {
		t.Helper()
		to := r.Header.Get("Location")
		if r.StatusCode != http.StatusSeeOther || !strings.HasSuffix(to, "done="+notice) {
			t.Fatalf("%s: %d %s", what, r.StatusCode, to)
		}
		return to
	}

	// The page of the recording offers it to those who may, and the form is filled in.
	see("item", author.get("/items/"+ready), http.StatusOK, `href="/plans?item=`+ready+`#new"`)
	if strings.Contains(text(reviewer.get("/items/"+ready)), "/plans?item=") {
		t.Error("a reviewer is offered to redact")
	}
	see("form", author.get("/plans?item="+ready+"&from=1.5&to=4"), http.StatusOK, `value="1.5"`, `value="4"`, ready)
	see("form about what is not seen", narrow.get("/plans?item="+foreign), http.StatusNotFound)
	for name, f := range map[string]url.Values{
		"no title": {"item": {ready}}, "no item": {"title": {"x"}, "item": {"it_1"}}, "backwards": {"title": {"x"}, "item": {ready}, "from": {"4"}, "to": {"2"}},
		"beyond the end": {"title": {"x"}, "item": {ready}, "from": {"1"}, "to": {"1:00:00"}}, "no time": {"title": {"x"}, "item": {ready}, "from": {"soon"}},
	} {
		see(name, author.post("/plans", f), http.StatusBadRequest, `role="alert"`)
	}
	see("of what is not seen", narrow.post("/plans", url.Values{"title": {"x"}, "item": {foreign}}), http.StatusNotFound)
	to := done("make", author.post("/plans", url.Values{"title": {"The yard"}, "item": {origin + "/items/" + ready + "?x#t=1"}, "from": {"0:01.5"}, "to": {"9,5"}}), "plan-made")
	id := planAddress.FindStringSubmatch(to)[1]
	at := "/plans/" + id
	see("page", author.get(at), http.StatusOK, "The yard", "00:01.500", "00:09.500", "<zapis-mask>", "must start the check")
	for what, b := range map[string]*browser{"reviewer": reviewer} {
		see(what, b.get(at), http.StatusNotFound)
	}

	// A mask that is forgotten, and one by figures.
	mask := url.Values{"act": {"mask-add"}, "base": {"1"}, "source": {"1"}, "from": {"1.5"}, "to": {"6"}, "x": {"10"}, "y": {"12.5"}, "w": {"20"}, "h": {"25,0001"}, "reason": {"face"}, "kind": {"solid"}}
	with := func(kv ...string) url.Values {
		f := url.Values{}
		for k, v := range mask {
			f[k] = v
		}
		for i := 0; i < len(kv); i += 2 {
			f.Set(kv[i], kv[i+1])
		}
		return f
	}
	see("blur", author.post(at, with("kind", "blur")), http.StatusBadRequest, "a blur can be undone")
	see("out of the picture", author.post(at, with("x", "90")), http.StatusBadRequest, "not within the picture")
	see("no figure", author.post(at, with("w", "NaN", "reason", "badge", "kind", "pixelate")), http.StatusBadRequest, "no figure", `name="w" value="NaN"`, `name="from" value="1.5"`, `value="badge" selected`, `value="pixelate" selected`)
	see("no area", author.post(at, with("w", "0")), http.StatusBadRequest, "narrower")
	see("nobody of that code", author.post(at, with("code", "P-999")), http.StatusBadRequest, "this code")
	see("no act", author.post(at, url.Values{"base": {"1"}, "act": {"publish"}}), http.StatusBadRequest)
	done("mask", author.post(at, mask), "plan-saved")
	see("an old base", author.post(at, mask), http.StatusConflict, "meanwhile", `name="h" value="25,0001"`)
	see("a line of an old page", author.post(at, url.Values{"base": {"1"}, "act": {"mask-remove"}, "track": {"tr_none"}}), http.StatusConflict, "meanwhile")
	see("page with a mask", author.get(at), http.StatusOK, "Face", `"box":[100000,125000,200000,250001]`)

	// Nobody approves what was not checked; and not what they wrote.
	look := at + "/look"
	see("own look", author.get(look), http.StatusOK, "You wrote a part of this version")
	if b := text(author.get(look)); strings.Contains(b, "zapis-look") || strings.Contains(b, `value="approve"`) {
		t.Error("the author is offered the second look")
	}
	see("approve own", author.post(look, url.Values{"act": {"approve"}, "version": {"2"}}), http.StatusForbidden, "You wrote a part")
	see("approve unchecked", second.post(look, url.Values{"act": {"approve"}, "version": {"2"}}), http.StatusConflict, "not checked for gaps")
	done("check", author.post(at+"/check", nil), "plan-checking")
	see("being checked", author.get(at), http.StatusOK, "Every frame is being walked")
	check := s.checked(t, id, 2, store.PlanBlocker{Kind: "uncovered", Cut: 0, Source: 0, FromUS: 2_000_000, ToUS: 3_000_000, AtUS: 2_400_000, Box: [4]int{500_000, 100_000, 100_000, 200_000}, Thing: "face", Frames: 25},
		store.PlanBlocker{Kind: "never", Warning: true, Cut: -1, Source: -1})
	see("blockers", author.get(at), http.StatusOK, "seen and is not covered", "00:02–00:03", "mend or dismiss")

	// The second person steps through every stop: key frames, blockers, edges, and what lies between.
	page := see("look", second.get(look), http.StatusOK, "/look?stop=0-1500000", "/look?stop=0-2400000", "/look?stop=0-6000000", "something the check named", "halfway between")
	keys := stops(page)
	if len(keys) != 5 { // the edges, the key at the end of the mask, halfway to it, the blocker
		t.Fatalf("%d stops", len(keys))
	}
	approve := url.Values{"act": {"approve"}, "version": {"2"}, "why": {"all faces"}}
	see("unseen", second.post(look, approve), http.StatusConflict, "not seen every stop")
	for _, bad := range []string{"/1/" + keys[0], "/9/" + keys[0], "/2/0-123", "/2/9-0", "/x/" + keys[0]} {
		see("no such stop "+bad, second.get(look+bad), http.StatusNotFound)
	}
	see("the author's frame", author.get(look+"/2/"+keys[0]), http.StatusNotFound)
	see("a reviewer's frame", reviewer.get(look+"/2/"+keys[0]), http.StatusNotFound)
	before := s.w.Size()
	if r := second.do(http.MethodHead, look+"/2/"+keys[0], nil); r.StatusCode != http.StatusNotFound || s.w.Size() != before {
		t.Errorf("headers alone: %d", r.StatusCode)
	}
	for i, k := range keys {
		r := second.get(look + "/2/" + k)
		b := text(r)
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != "image/jpeg" || r.Header.Get("Cache-Control") != "no-store" {
			t.Fatalf("frame %s: %d %s", k, r.StatusCode, r.Header.Get("Content-Type"))
		}
		if i > 0 {
			continue
		}
		img, err := jpeg.Decode(strings.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		x := img.Bounds().Dx()
		in, _, _, _ := img.At(x*20/100, img.Bounds().Dy()*25/100).RGBA()
		out, _, _, _ := img.At(x*80/100, img.Bounds().Dy()*80/100).RGBA()
		if in > 0x4000 || out < 0xc000 {
			t.Errorf("the mask is not painted: %x under it, %x beside it", in, out)
		}
	}
	if s.w.Size() == before {
		t.Error("that frames were seen is in no record")
	}
	see("look, all seen", second.get(look), http.StatusOK, "Every stop has been seen")
	see("open blocker", second.post(look, approve), http.StatusConflict, "Blockers are open")
	see("dismiss without a reason", author.post(at+"/blockers", url.Values{"check": {check}, "n": {"0"}, "reason": {" "}}), http.StatusBadRequest, "Say why")
	see("another check's", author.post(at+"/blockers", url.Values{"check": {archive.NewID(archive.PrefixCheck)}, "n": {"0"}, "reason": {"x"}}), http.StatusConflict)
	done("dismiss", author.post(at+"/blockers", url.Values{"check": {check}, "n": {"0"}, "reason": {"a statue"}}), "plan-dismissed")
	see("render unapproved", second.post(at+"/render", url.Values{"version": {"2"}}), http.StatusConflict, "Only an approved version")

	// Sent back, mended, looked at anew: what was seen of version 2 counts for nothing in version 3.
	see("the reason stays", second.post(look, url.Values{"act": {"approve"}, "version": {"1"}, "why": {"<half written>"}}), http.StatusConflict, "&lt;half written&gt;")
	see("send back without a reason", second.post(look, url.Values{"act": {"reject"}, "version": {"2"}}), http.StatusBadRequest, "Say why")
	done("send back", second.post(look, url.Values{"act": {"reject"}, "version": {"2"}, "why": {"the badge"}}), "plan-rejected")
	see("approve what was sent back", second.post(look, approve), http.StatusConflict, "already decided")
	see("list", author.get("/plans"), http.StatusOK, "The yard", "sent back", "Halyna must change")
	done("mend", author.post(at, url.Values{"act": {"whole"}, "base": {"2"}, "sound": {"keep"}, "hide": {"yes"}}), "plan-saved")
	done("check again", author.post(at+"/check", nil), "plan-checking")
	s.checked(t, id, 3)
	approve.Set("version", "3")
	see("nothing seen of version 3", second.post(look, approve), http.StatusConflict, "not seen every stop")
	see("an old version", second.post(look, url.Values{"act": {"approve"}, "version": {"2"}}), http.StatusConflict, "newer version")
	for _, k := range stops(text(second.get(look))) {
		see("frame", second.get(look+"/3/"+k), http.StatusOK)
	}
	see("another reader has seen nothing", narrow.post(look, approve), http.StatusConflict, "not seen every stop")
	done("approve", second.post(look, approve), "plan-approved")
	see("approved", author.get(at), http.StatusOK, "all faces", "approved")
	done("render", second.post(at+"/render", url.Values{"version": {"3"}}), "plan-rendering")

	// What differs, in words and in another language.
	see("difference", author.get(at+"?a=1&b=3"), http.StatusOK, "Mask added: Face, from 00:01.500", "The whole frame is hidden now", "Sound is kept now")
	var diff struct{ Changes []string }
	if err := json.Unmarshal([]byte(see("difference for scripts", author.get("/api/plans/"+id+"/diff/2/3"), http.StatusOK)), &diff); err != nil || len(diff.Changes) != 2 {
		t.Errorf("%v %v", diff, err)
	}
	see("no such version", author.get("/api/plans/"+id+"/diff/2/9"), http.StatusNotFound)
	if l := s.log.String(); strings.Contains(l, "statue") || strings.Contains(l, "The yard") || strings.Contains(l, "all faces") {
		t.Error("words of people stand in the operator's lines")
	}
}

func stops(page string) (out []string) {
	for _, m := range regexp.MustCompile(`/look\?stop=([0-9]+-[0-9]+)#frame`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

// What the editor sends and gets.
func TestPlanForScripts(t *testing.T) {
	t.Parallel()
	s := redacting(t)
	room, err := knowledge.New(knowledge.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Catalogue = room
	root := s.root.Subject()
	c, err := room.AddCompartment(t.Context(), root, "Sources")
	if err != nil {
		t.Fatal(err)
	}
	people, err := room.Apply(t.Context(), root, []knowledge.Draft{{Kind: "person", Compartment: c.ID, Claims: []knowledge.ClaimDraft{{Property: "name", Value: "Ivan", Certainty: archive.Established}}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	author, authorOf := s.enter(t, "Halyna", archive.RolePublisher, true)
	other, _ := s.enter(t, "Pavlo", archive.RolePublisher, true)
	reviewer, _ := s.enter(t, "Vera", archive.RoleReviewer, true)
	s.let(t, authorOf, archive.Scope{All: true, MaxDifficulty: 2, Compartments: []string{archive.CommonGrant, c.ID}})
	ready := s.w.Items["ready"].ID
	r := author.post("/plans", url.Values{"title": {"The yard"}, "item": {ready}, "from": {"1"}, "to": {"9"}})
	id := planAddress.FindStringSubmatch(r.Header.Get("Location"))[1]
	api := "/api/plans/" + id
	v, err := s.o.Plan.Plan(t.Context(), root, id)
	if err != nil {
		t.Fatal(err)
	}
	// The salt never reaches a browser, and what a browser sends in its place changes nothing.
	page := text(author.get("/plans/" + id))
	if strings.Contains(page, v.Version.Body.Salt) {
		t.Error("the salt of the plan is on the page")
	}
	p := unsalted(v.Version.Body)
	var whom struct{ ID, Code string }
	raw := text(sendPlan(author, "/api/plans/protects", map[string]any{"code": people[0].Code}))
	if err := json.Unmarshal([]byte(raw), &whom); err != nil || whom.ID != people[0].ID || whom.Code != people[0].Code {
		t.Fatalf("whom a code names: %s %v", raw, err)
	}
	if r := sendPlan(author, "/api/plans/protects", map[string]any{"code": "P-999"}); r.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown code: %d", r.StatusCode)
	}
	p.Tracks = []plan.Track{{ID: archive.NewID(archive.PrefixTrack), Kind: plan.Pixelate, Reason: "badge", Protects: whom.ID, Keys: []plan.Key{{AtUS: 1_000_000, Box: [4]int{1, 2, 30_000, 40_000}}}, UntilEnd: true}}
	save := func(b *browser, base int, p any) (int, map[string]any) {
		t.Helper()
		r := sendPlan(b, api, map[string]any{"base": base, "note": "the badge", "plan": p})
		var out map[string]any
		_ = json.Unmarshal([]byte(text(r)), &out)
		return r.StatusCode, out
	}
	if status, out := save(author, 1, p); status != http.StatusOK || out["version"] != 2.0 || len(out["versions"].([]any)) != 2 {
		t.Fatalf("save: %d %v", status, out)
	}
	if v, err = s.o.Plan.Plan(t.Context(), root, id); err != nil || v.Version.Body.Salt == p.Salt || len(v.Version.Body.Salt) != 32 || v.Version.Note != "the badge" {
		t.Errorf("saved with salt %q, note %q, %v", v.Version.Body.Salt, v.Version.Note, err)
	}
	if b := text(author.get("/plans/" + id)); !strings.Contains(b, people[0].Code) {
		t.Error("whom the mask protects is not named by code")
	}
	// Whoever may not see that person gets no code, and the identifier says nothing.
	if b := text(other.get("/plans/" + id)); strings.Contains(b, people[0].Code) {
		t.Error("somebody outside the compartment reads the code")
	}
	// Somebody else was faster: it says who, and nothing is overwritten.
	p.Picture.Hide = true
	if status, out := save(other, 1, p); status != http.StatusConflict || out["by"] != "Halyna" || out["head"] != 2.0 || out["code"] != "conflict" {
		t.Errorf("conflict: %d %v", status, out)
	}
	if status, _ := save(reviewer, 2, p); status != http.StatusNotFound {
		t.Errorf("a reviewer saves: %d", status)
	}
	// What cannot be a plan is refused with the place and the rule.
	bad := func(from, to string) json.RawMessage {
		return json.RawMessage(strings.Replace(string(p.Canonical()), from, to, 1))
	}
	for name, raw := range map[string]json.RawMessage{
		"blur": bad(`"kind":"pixelate"`, `"kind":"blur"`), "no area": bad(`[1,2,30000,40000]`, `[1,2,0,40000]`), "beyond": bad(`[1,2,30000,40000]`, `[999999,2,30000,40000]`), "fraction": bad(`"at_us":1000000`, `"at_us":1.5`),
		"unknown": bad(`"heights"`, `"secret":1,"heights"`), "no plan": json.RawMessage(`{}`), "list": json.RawMessage(`[]`),
	} {
		status, out := save(author, 2, raw)
		list, _ := out["problems"].([]any)
		if status != http.StatusBadRequest || len(list) == 0 {
			t.Errorf("%s: %d %v", name, status, out)
		}
		if status, _ := save(reviewer, 2, raw); status != http.StatusNotFound {
			t.Errorf("a reviewer hears about %s: %d", name, status)
		}
	}
	tracks := make([]plan.Track, 10_000)
	for i := range tracks {
		tracks[i] = p.Tracks[0]
		tracks[i].ID = fmt.Sprintf("tr_%026d", i)
	}
	many := p
	many.Tracks = tracks
	if status, out := save(author, 2, many); status != http.StatusBadRequest || !strings.Contains(fmt.Sprint(out["problems"]), "more than 2000") {
		t.Errorf("10,000 tracks: %d %.200v", status, out)
	}
	if r := sendPlan(author, api, map[string]any{"base": 2, "note": strings.Repeat("x", maxPlanBody), "plan": p}); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body beyond all bounds: %d", r.StatusCode)
	}
	// The state, while nothing was asked, while it goes on, and done.
	state := func() (out struct {
		Check *struct {
			ID, State string
			Blockers  []struct {
				N         int
				At        int64 `json:"at_us"`
				Kind      string
				Grave     bool
				Box       *[4]int
				Dismissed string
				By        string
			}
		}
		Proposals *struct{ State string }
	}) {
		t.Helper()
		if err := json.Unmarshal([]byte(text(author.get(api+"/state"))), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	if got := state(); got.Check != nil || got.Proposals != nil {
		t.Errorf("before anybody asked: %+v", got)
	}
	for _, act := range []string{"/check", "/propose"} {
		if r := sendPlan(reviewer, api+act, nil); r.StatusCode != http.StatusNotFound {
			t.Errorf("a reviewer asks for %s: %d", act, r.StatusCode)
		}
		if r := sendPlan(author, api+act, nil); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", act, r.StatusCode)
		}
	}
	if got := state(); got.Check == nil || got.Check.State != "asked" || got.Proposals == nil || got.Proposals.State != "asked" {
		t.Errorf("while it goes on: %+v", got)
	}
	check := s.checked(t, id, 2, store.PlanBlocker{Kind: "too many", FromUS: 1, ToUS: 2, AtUS: 1, Box: [4]int{1, 2, 3, 4}}, store.PlanBlocker{Kind: "speech", Warning: true, FromUS: 1, ToUS: 2})
	got := state()
	if b := got.Check.Blockers; len(b) != 2 || b[0].Kind != "too_many" || !b[0].Grave || b[0].Box == nil || b[1].Grave || b[1].Box != nil {
		t.Fatalf("blockers: %+v", b)
	}
	if r := sendPlan(author, api+"/blockers", map[string]any{"check": check, "n": 0, "reason": "a statue"}); r.StatusCode != http.StatusOK {
		t.Errorf("dismiss: %d", r.StatusCode)
	}
	if b := state().Check.Blockers; b[0].Dismissed != "a statue" || b[0].By != "Halyna" {
		t.Errorf("dismissed: %+v", b)
	}
	// Nothing named must not mean every proposal.
	if r := sendPlan(author, api+"/proposals", map[string]any{"id": ""}); r.StatusCode != http.StatusBadRequest {
		t.Errorf("no proposal named: %d", r.StatusCode)
	}
	for _, path := range []string{"/state", "/diff/1/2", "/words/0"} {
		if r := author.get(api + path); r.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
		if r := reviewer.get(api + path); r.StatusCode != http.StatusNotFound {
			t.Errorf("a reviewer, %s: %d", path, r.StatusCode)
		}
		if r := s.browser().get(api + path); r.StatusCode != http.StatusUnauthorized {
			t.Errorf("nobody, %s: %d", path, r.StatusCode)
		}
	}
	if r := author.get(api + "/words/7"); r.StatusCode != http.StatusNotFound {
		t.Errorf("words of no recording: %d", r.StatusCode)
	}
}

// What is read from fields, and nothing else.
func TestPlanFields(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]int64{"12.5": 12_500_000, " 1:02,5 ": 62_500_000, "1:02:03": 3_723_000_000, "0": 0, "0.000001": 1} {
		if got, ok := microsIn(in); !ok || got != want {
			t.Errorf("%q: %d %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "-1", "1e9", "NaN", "Inf", "1:2:3:4", "5 s", "1.", "0.0000001", "99999999999999999999", "+1", "0x10", "1_0", "9999999999"} {
		if got, ok := microsIn(bad); ok {
			t.Errorf("%q was read as %d", bad, got)
		}
	}
	for in, want := range map[string]int{"0": 0, "100": 1_000_000, "12.5": 125_000, "0,0001": 1, "7": 70_000} {
		if got, ok := millionthsIn(in); !ok || got != want {
			t.Errorf("%q: %d %v", in, got, ok)
		}
	}
	for _, bad := range []string{"", "-1", "100.0001", "101", "NaN", "1e2", "0.00001", "+5", "."} {
		if got, ok := millionthsIn(bad); ok {
			t.Errorf("%q was read as %d", bad, got)
		}
	}
	for us, want := range map[int64]string{0: "00:00", 62_500_000: "01:02.500", 3_723_000_999: "1:02:03"} {
		if got := stamp(us); got != want {
			t.Errorf("%d: %s", us, got)
		}
	}
	id := archive.NewID(archive.PrefixItem)
	for in, want := range map[string]string{id: id, " " + origin + "/items/" + id + "?a=b#t=1 ": id, "/items/" + id + "/words": id, "": "", "it_1": "", "/items/": "", archive.NewID(archive.PrefixPlan): ""} {
		if got := typedItem(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// Every difference that there can be between two plans has its words, in every language.
func TestChangesHaveWords(t *testing.T) {
	t.Parallel()
	words, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range locale.Languages {
		for _, what := range []string{plan.SourcesChanged, plan.CutAdded, plan.CutRemoved, plan.CutChanged, plan.HideChanged, plan.TrackAdded, plan.TrackRemoved, plan.TrackMoved, plan.TrackChanged, plan.TracksReordered,
			plan.SoundMode, plan.SpanAdded, plan.SpanRemoved, plan.HeightsChanged, plan.SaltChanged} {
			for _, now := range []string{"true", "false", plan.Keep, plan.Mute} {
				text, err := changeText(words.For(l.Code), plan.Change{What: what, Field: "protects", Reason: "name", Now: now, Was: "1"})
				if err != nil || text == "" || text == what || strings.Contains(text, "{") {
					t.Errorf("%s, %s: %q %v", l.Code, what, text, err)
				}
			}
		}
	}
}
