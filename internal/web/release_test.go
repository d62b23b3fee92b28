package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/match"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/release"
	"zapis/internal/release/bundle"
	"zapis/internal/web/locale"
)

// desk is a room with one release, which keeps what it is told and refuses what it is told to refuse.
type desk struct {
	view    release.View
	gates   []release.Gate
	refuse  error
	acts    []string
	created release.Draft
	why     release.Words
}

var _ ReleaseRoom = (*release.Service)(nil)

func (d *desk) Create(_ context.Context, _ policy.Subject, x release.Draft) (release.View, error) {
	d.created = x
	return d.view, d.refuse
}

func (d *desk) Save(_ context.Context, who policy.Subject, id string, base int, x release.Draft, note string) (release.Version, error) {
	if d.refuse != nil {
		return release.Version{}, d.refuse
	}
	if base != d.view.Version.Number {
		return release.Version{}, archive.ErrConflict
	}
	raw, err := json.Marshal(x) // as the room keeps it, apart from what is in memory
	if err != nil {
		return release.Version{}, err
	}
	var kept release.Draft
	if err := json.Unmarshal(raw, &kept); err != nil {
		return release.Version{}, err
	}
	d.view.Version = release.Version{Number: base + 1, Draft: kept, Author: who.Agent, Note: note, Current: true}
	d.view.Head = base + 1
	return d.view.Version, nil
}

func (d *desk) Release(_ context.Context, _ policy.Subject, id string) (release.View, error) {
	if id != d.view.ID {
		return release.View{}, archive.ErrNotFound
	}
	v := d.view
	raw, err := json.Marshal(v.Version.Draft)
	if err != nil {
		return v, err
	}
	v.Version.Draft = release.Draft{}
	return v, json.Unmarshal(raw, &v.Version.Draft)
}

func (d *desk) List(context.Context, policy.Subject) ([]release.Release, error) {
	return []release.Release{d.view.Release}, nil
}

func (d *desk) Checklist(context.Context, policy.Subject, string) ([]release.Gate, error) {
	return d.gates, nil
}

func (d *desk) Preview(context.Context, policy.Subject, string) (bundle.Release, error) {
	if d.refuse != nil {
		return bundle.Release{}, d.refuse
	}
	return bundle.Release{Slug: d.view.Slug, Languages: []string{"en"}, Text: map[string]bundle.Text{"en": {Title: "Exactly <b>this</b>"}}}, nil
}

func (d *desk) act(name string, a ...any) error {
	if d.refuse == nil {
		d.acts = append(d.acts, strings.TrimSpace(name+" "+fmt.Sprint(a...)))
	}
	return d.refuse
}

func (d *desk) SignHavingRead(_ context.Context, _ policy.Subject, _ string, version, _ int) error {
	return d.act("sign", version)
}

func (d *desk) Keep(context.Context, policy.Subject, string, string) error { return d.act("keep") }

func (d *desk) Publish(context.Context, policy.Subject, string) (release.Publication, error) {
	return release.Publication{Number: 1}, d.act("publish")
}

func (d *desk) Correct(_ context.Context, _ policy.Subject, _ string, why release.Words) (release.Version, error) {
	d.why = why
	return release.Version{}, d.act("correct")
}

func (d *desk) Withdraw(_ context.Context, _ policy.Subject, _ string, why release.Words) error {
	d.why = why
	return d.act("withdraw")
}

const releaseID = "re_01jd0000000000000000000000"

func bilingual(en, ru string) release.Words { return release.Words{"en": en, "ru": ru} }

func newDesk() *desk {
	lat, lon := bundle.Degrees(515300), bundle.Degrees(460300)
	draft := release.Draft{
		Slug: "colony-yard", Plan: "pl_01jd0000000000000000000000", PlanVersion: 2, Languages: []string{"en", "ru"}, Title: bilingual("The yard", "Двор"), Summary: bilingual("Short.", "Коротко."),
		Shows: bilingual("First.\n\nSecond.", "Первое.\n\nВторое."), Credit: bilingual("Archive", "Архив"),
		Sentences: []release.Sentence{{Text: bilingual("Three men.", "Трое."), Certainty: archive.Established, Claims: []string{"cm_01jd0000000000000000000000"}}, {Text: bilingual("One shouts.", "Один кричит."), Certainty: archive.Probable}},
		Warnings:  []release.Warning{{FromMS: 2_500, ToMS: 61_000, Text: bilingual("Blows", "Удары")}}, Captions: bilingual("WEBVTT\n\n00:00.000 --> 00:01.000\nA\n", "WEBVTT\n\n00:00.000 --> 00:01.000\nБ\n"),
		Facility: release.Facility{Code: "C-10", Name: bilingual("Colony 10", "Колония 10")}, Place: release.Place{Name: bilingual("Town", "Город"), Region: bilingual("North", "Север"), Country: "RU", Lat: &lat, Lon: &lon, Precision: "city"},
		Recorded: release.Recorded{EDTF: "2020-08", Text: bilingual("August 2020", "Август 2020")}, Embargo: time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC), Related: []string{"another", "third"},
		Followed: []release.Followed{{Date: "2026-11-01", Kind: "case", Text: bilingual("A case", "Дело"), URL: "https://example.org/a"}},
	}
	d := &desk{view: release.View{Release: release.Release{ID: releaseID, Slug: draft.Slug, State: release.StateDraft, Title: draft.Title, Head: 3, Plan: draft.Plan, PlanVersion: 2}, Version: release.Version{Number: 3, Draft: draft, Current: true}}}
	for _, code := range release.Gates() {
		d.gates = append(d.gates, release.Gate{Code: code, State: release.OK})
	}
	return d
}

// withDesk is a site with one release and somebody of a role in it.
func withDesk(t *testing.T, role archive.Role) (*site, *desk, *browser, string) {
	t.Helper()
	s, _, _ := testifying(t)
	d := newDesk()
	s.o.Release = d
	b, a := s.enter(t, "Anna", role, true)
	return s, d, b, a.ID
}

var (
	formTag  = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	fieldTag = regexp.MustCompile(`(?s)<input\b([^>]*)>|<textarea\b([^>]*)>(.*?)</textarea>|<select\b([^>]*)>(.*?)</select>`)
	optTag   = regexp.MustCompile(`<option\b([^>]*)>`)
	attrTag  = regexp.MustCompile(`([a-zA-Z-]+)(?:="([^"]*)")?`)
)

func attrsOf(text string) map[string]string {
	out := map[string]string{}
	for _, m := range attrTag.FindAllStringSubmatch(text, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}

// filledIn is what a browser would send of the form with an action, if nobody changed anything in it.
func filledIn(t *testing.T, page, action string) url.Values {
	t.Helper()
	for _, f := range formTag.FindAllStringSubmatch(page, -1) {
		if attrsOf(f[1])["action"] != action {
			continue
		}
		out := url.Values{}
		for _, m := range fieldTag.FindAllStringSubmatch(f[2], -1) {
			switch {
			case m[1] != "":
				a := attrsOf(m[1])
				_, checked := a["checked"]
				if a["name"] != "" && a["type"] != "file" && (a["type"] != "checkbox" || checked) {
					out.Add(a["name"], a["value"])
				}
			case m[2] != "":
				out.Add(attrsOf(m[2])["name"], strings.ReplaceAll(html.UnescapeString(m[3]), "\n", "\r\n")) // as browsers do
			default:
				value, found := "", false
				for _, o := range optTag.FindAllStringSubmatch(m[5], -1) {
					a := attrsOf(o[1])
					if _, chosen := a["selected"]; chosen || !found {
						value, found = a["value"], true
					}
				}
				out.Add(attrsOf(m[4])["name"], value)
			}
		}
		return out
	}
	t.Fatalf("no form %s", action)
	return nil
}

// opened gives the text of a page that must be there.
func opened(t *testing.T, b *browser, path string) string {
	t.Helper()
	r := b.get(path)
	body := text(r)
	if r.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d: %.400s", path, r.StatusCode, body)
	}
	return body
}

// A form that is sent as it was drawn changes nothing: neither what it shows nor what is written in other languages and other forms.
func TestReleaseFormsKeepWhatTheyDoNotShow(t *testing.T) {
	t.Parallel()
	_, d, b, _ := withDesk(t, archive.RolePublisher)
	want, err := json.Marshal(d.view.Version.Draft)
	if err != nil {
		t.Fatal(err)
	}
	here := "/releases/" + releaseID
	for _, x := range []struct{ page, action string }{{here + "/text?in=en", here + "/text"}, {here + "/text?in=ru", here + "/text"}, {here, here + "/about"}, {here + "/text?in=ru", here + "/captions"}} {
		values := filledIn(t, opened(t, b, x.page), x.action)
		before := d.view.Version.Number
		if r := b.post(x.action, values); r.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %d: %.500s", x.page, r.StatusCode, text(r))
		}
		if d.view.Version.Number != before+1 {
			t.Errorf("%s was not saved", x.page)
		}
		if got, _ := json.Marshal(d.view.Version.Draft); string(got) != string(want) {
			t.Errorf("%s, sent as it was, changed the draft:\n%s\n%s", x.page, want, got)
		}
	}
}

// The reader of the form of a language keeps every other language, whatever is in it.
func TestTextOfOneLanguageLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.StringMatching(`[A-Za-zа-я .]{0,12}`)
		w := func(name string) release.Words {
			out := release.Words{}
			for _, l := range []string{"en", "ru", "uk"} {
				put(&out, l, some.Draw(t, name+l))
			}
			return out
		}
		d := release.Draft{Languages: []string{"en", "ru", "uk"}, Title: w("title"), Shows: w("shows")}
		for i := range rapid.IntRange(0, 4).Draw(t, "sentences") {
			x := release.Sentence{Text: w(fmt.Sprint("s", i)), Certainty: archive.Probable}
			if len(x.Text) > 0 {
				d.Sentences = append(d.Sentences, x)
			}
		}
		in := url.Values{"title": {some.Draw(t, "new title")}, "summary": {""}, "shows": {some.Draw(t, "new shows")}, "credit": {""}}
		out := map[int]bool{}
		for i, s := range d.Sentences {
			at := fmt.Sprintf("s%d.", i)
			in.Set(at+"text", cmpOr(some.Draw(t, "words"), s.Text["ru"], "x"))
			in.Set(at+"certainty", "disputed")
			if rapid.Bool().Draw(t, "out") {
				in.Set(at+"out", "yes")
				out[i] = true
			}
		}
		raw, _ := json.Marshal(d)
		var before release.Draft
		if err := json.Unmarshal(raw, &before); err != nil {
			t.Fatal(err)
		}
		got, bad := textDraft(d, "ru", in)
		if bad {
			t.Fatal("refused")
		}
		others := func(w release.Words) release.Words {
			c := maps.Clone(w)
			delete(c, "ru")
			return c
		}
		if !maps.Equal(others(got.Title), others(before.Title)) || !maps.Equal(others(got.Shows), others(before.Shows)) {
			t.Fatalf("another language changed: %v, %v", got.Title, before.Title)
		}
		var stay []release.Words
		for i, s := range before.Sentences {
			if !out[i] {
				stay = append(stay, others(s.Text))
			}
		}
		if len(got.Sentences) != len(stay) {
			t.Fatalf("%d sentences, want %d", len(got.Sentences), len(stay))
		}
		for i, s := range got.Sentences {
			if !maps.Equal(others(s.Text), stay[i]) || s.Certainty != archive.Disputed {
				t.Fatalf("sentence %d is %v, %s", i, s.Text, s.Certainty)
			}
		}
	})
}

func cmpOr(list ...string) string {
	for _, x := range list {
		if strings.TrimSpace(x) != "" {
			return x
		}
	}
	return ""
}

func TestReleaseFormsAreRead(t *testing.T) {
	t.Parallel()
	_, d, b, _ := withDesk(t, archive.RoleInvestigator)
	here := "/releases/" + releaseID
	send := func(page, action string, change func(url.Values), want int) string {
		t.Helper()
		values := filledIn(t, opened(t, b, page), action)
		change(values)
		r := b.post(action, values)
		body := text(r)
		if r.StatusCode != want {
			t.Fatalf("%s: %d, want %d: %.600s", action, r.StatusCode, want, body)
		}
		return body
	}
	send(here+"/text?in=ru", here+"/text", func(v url.Values) {
		v.Set("s2.text", "Новый вывод.\r\n")
		v.Set("s2.certainty", "disputed")
		v.Set("s0.out", "yes")
		v.Set("w1.from", "1:02,5")
		v.Set("w1.to", "1:10")
		v.Set("w1.text", "Крик")
		v.Set("note", "a third finding")
	}, http.StatusSeeOther)
	got := d.view.Version.Draft
	if len(got.Sentences) != 2 || got.Sentences[1].Text["ru"] != "Новый вывод." || got.Sentences[1].Certainty != archive.Disputed || got.Sentences[0].Text["en"] != "One shouts." || d.view.Version.Note != "a third finding" {
		t.Errorf("%+v", got.Sentences)
	}
	if len(got.Warnings) != 2 || got.Warnings[1].FromMS != 62_500 || got.Warnings[1].ToMS != 70_000 {
		t.Errorf("%+v", got.Warnings)
	}
	// What cannot be read is not saved, and nothing that was typed is lost.
	kept := d.view.Version.Number
	for what, x := range map[string]struct {
		page, action, name, value string
		back                      string
	}{
		"a time":      {here + "/text?in=ru", here + "/text", "w0.from", "soon", "Двор"},
		"an end":      {here + "/text?in=ru", here + "/text", "w0.to", "0:01", "Двор"},
		"an angle":    {here, here + "/about", "lat", "north", "Город"},
		"an embargo":  {here, here + "/about", "embargo", "tomorrow", "Город"},
		"no language": {here, here + "/about", "languages", " , ", "colony-yard"},
	} {
		body := send(x.page, x.action, func(v url.Values) { v.Set(x.name, x.value); v.Set("slug", "colony-yard") }, http.StatusBadRequest)
		if !strings.Contains(body, x.back) || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%s: the page does not show what was typed", what)
		}
	}
	if d.view.Version.Number != kept {
		t.Error("something that cannot be read was saved")
	}
	// Somebody else was faster.
	body := send(here+"/text?in=ru", here+"/text", func(v url.Values) {
		v.Set("title", "Мой заголовок")
		d.view.Version.Number++
		d.view.Head++
	}, http.StatusConflict)
	if !strings.Contains(body, "Мой заголовок") || !strings.Contains(body, "meanwhile") {
		t.Error("after a conflict the words are gone, or it is not said")
	}
	if d.view.Version.Draft.Title["ru"] == "Мой заголовок" {
		t.Error("another person's version was written over")
	}
	// What followed.
	send(here, here+"/follow", func(v url.Values) { v.Set("act", "remove"); v.Set("n", "0") }, http.StatusSeeOther)
	if len(d.view.Version.Draft.Followed) != 0 {
		t.Error("what followed was not taken out")
	}
	add := func(v url.Values) {
		v.Set("act", "add")
		v.Set("date", "2026-11-02")
		v.Set("kind", "law")
		v.Set("text.en", "A law")
		v.Set("url", "https://example.org/law")
	}
	refused := send(here, here+"/follow", add, http.StatusBadRequest) // one language is missing
	for _, kept := range []string{`name="date" value="2026-11-02"`, `value="law" selected`, `name="text.en" value="A law"`, `name="url" value="https://example.org/law"`} {
		if !strings.Contains(refused, kept) {
			t.Errorf("what was typed is gone: %s", kept)
		}
	}
	send(here, here+"/follow", func(v url.Values) { add(v); v.Set("text.ru", "Закон"); v.Set("url", "javascript:alert(1)") }, http.StatusBadRequest)
	send(here, here+"/follow", func(v url.Values) { add(v); v.Set("text.ru", "Закон") }, http.StatusSeeOther)
	if f := d.view.Version.Draft.Followed; len(f) != 1 || f[0].Text["ru"] != "Закон" || f[0].Kind != "law" {
		t.Errorf("%+v", f)
	}
	// Captions as a file.
	var form strings.Builder
	m := multipart.NewWriter(&form)
	for k, v := range map[string]string{"in": "ru", "base": fmt.Sprint(d.view.Version.Number), "captions": ""} {
		_ = m.WriteField(k, v)
	}
	w, _ := m.CreateFormFile("file", "x.vtt")
	_, _ = w.Write([]byte("\ufeffWEBVTT\r\n\r\n00:01.000 --> 00:02.000\r\nСлова\r\n"))
	_ = m.Close()
	if r := b.do(http.MethodPost, here+"/captions", strings.NewReader(form.String()), "Content-Type", m.FormDataContentType()); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("captions: %d %s", r.StatusCode, text(r))
	}
	if got := d.view.Version.Draft.Captions["ru"]; got != "WEBVTT\n\n00:01.000 --> 00:02.000\nСлова\n" || d.view.Version.Draft.Captions["en"] == "" {
		t.Errorf("captions are %q", got)
	}
	// A begun release: a name that says nothing, if none was chosen.
	if r := b.post("/releases", url.Values{"plan": {"pl_01jd0000000000000000000000"}}); r.StatusCode != http.StatusSeeOther || !bundle.IsSlug(d.created.Slug) || d.created.Plan != "pl_01jd0000000000000000000000" || len(d.created.Languages) == 0 {
		t.Errorf("%d, %+v", r.StatusCode, d.created)
	}
	if r := b.post("/releases", url.Values{"plan": {"../x"}, "slug": {"the-yard"}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), `name="slug" value="the-yard"`) {
		t.Errorf("a plan with a strange name: %d", r.StatusCode)
	}
}

// Each step needs a tick, the version that was looked at and a fresh sign-in, and is taken by who may alone.
func TestReleaseSteps(t *testing.T) {
	t.Parallel()
	s, d, b, me := withDesk(t, archive.RolePublisher)
	other, _ := s.enter(t, "Boris", archive.RoleInvestigator, true)
	here := "/releases/" + releaseID
	did := func(what string, r *http.Response, want int) string {
		t.Helper()
		body := text(r)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d: %.300s", what, r.StatusCode, want, body)
		}
		return body
	}
	good := url.Values{"sure": {"yes"}, "version": {"3"}}
	for _, step := range []string{"/sign", "/publish"} {
		did("somebody who may not", other.post(here+step, good), http.StatusNotFound)
		did("without a tick", b.post(here+step, url.Values{"version": {"3"}}), http.StatusBadRequest)
		did("of another version", b.post(here+step, url.Values{"sure": {"yes"}, "version": {"2"}}), http.StatusConflict)
		did("of no version", b.post(here+step, url.Values{"sure": {"yes"}}), http.StatusBadRequest)
	}
	if len(d.acts) != 0 {
		t.Fatalf("steps were taken: %v", d.acts)
	}
	// Four eyes are shown before they refuse: who wrote is offered no button.
	d.view.Authors = []string{me}
	body := opened(t, b, here)
	if !strings.Contains(body, "You wrote this; another publisher must sign.") || strings.Contains(body, `action="`+here+`/sign"`) {
		t.Error("who wrote it is not told, or is offered to sign")
	}
	d.refuse = &release.Refused{Gates: []release.Gate{{Code: release.GateFourEyes, State: release.Blocked, Reason: "own-text"}}}
	if body := did("refused", b.post(here+"/sign", good), http.StatusConflict); !strings.Contains(body, "You wrote this; another publisher must sign.") {
		t.Error("the refusal is not said")
	}
	d.refuse = &release.Refused{Gates: []release.Gate{{Code: release.GateConsent, State: release.Blocked, Reason: "claim", Args: []any{"n", 1}}}}
	if body := did("blocked", b.post(here+"/publish", good), http.StatusConflict); !strings.Contains(body, "Something in the checklist blocks it.") {
		t.Error("that it is blocked is not said")
	}
	d.refuse = nil
	// A gate that blocks takes the buttons away.
	d.view.Authors = []string{"ag_01jd0000000000000000000000"}
	i := slices.IndexFunc(d.gates, func(g release.Gate) bool { return g.Code == release.GateGaps })
	d.gates[i] = release.Gate{Code: release.GateGaps, State: release.Blocked, Reason: "open", Args: []any{"n", 2}}
	body = opened(t, b, here)
	if strings.Contains(body, `action="`+here+`/sign"`) || !strings.Contains(body, "At 2 places somebody can be seen whom no mask covers") || !strings.Contains(body, `href="/plans/`+d.view.Version.Draft.Plan+`"`) {
		t.Error("a blocking gate does not take the signature away, or does not say why and where")
	}
	d.gates[i] = release.Gate{Code: release.GateGaps, State: release.OK}
	if body = opened(t, b, here); !strings.Contains(body, `action="`+here+`/sign"`) {
		t.Error("a clear release cannot be signed")
	}
	did("signed", b.post(here+"/sign", good), http.StatusSeeOther)
	did("published", b.post(here+"/publish", good), http.StatusSeeOther)
	// Withdrawal and correction ask for words in every language.
	d.view.Out, d.view.State, d.view.Publications = 1, release.StatePublished, []release.Publication{{Number: 1}}
	opened(t, b, here+"/withdraw")
	did("not by everybody", other.get(here+"/withdraw"), http.StatusNotFound)
	for what, v := range map[string]url.Values{"a language is missing": {"reason.en": {"x"}, "sure": {"yes"}}, "no tick": {"reason.en": {"x"}, "reason.ru": {"ы"}}} {
		if body := did(what, b.post(here+"/withdraw", v), http.StatusBadRequest); !strings.Contains(body, ">x</textarea>") {
			t.Errorf("%s: what was typed is gone", what)
		}
	}
	if body := did("why in one language", b.post(here+"/correct", url.Values{"why.en": {"half a reason"}}), http.StatusBadRequest); !strings.Contains(body, `name="why.en" value="half a reason"`) {
		t.Error("what was typed about a correction is gone")
	}
	d.view.State = release.StateRevising
	did("while somebody else's correction is written", b.post(here+"/correct", url.Values{"why.en": {"x"}, "why.ru": {"ы"}}), http.StatusConflict)
	d.view.State = release.StatePublished
	did("corrected", b.post(here+"/correct", url.Values{"why.en": {"x"}, "why.ru": {"ы"}}), http.StatusSeeOther)
	did("withdrawn", b.post(here+"/withdraw", url.Values{"reason.en": {"asked for"}, "reason.ru": {"просьба"}, "sure": {"yes"}}), http.StatusSeeOther)
	if want := []string{"sign 3", "publish", "correct", "withdraw"}; !slices.Equal(d.acts, want) || d.why["ru"] != "просьба" {
		t.Errorf("%v, %v", d.acts, d.why)
	}
	// An old sign-in is not enough for what cannot be called back.
	s.w.Advance(freshFor + time.Minute)
	for _, step := range []string{"/sign", "/publish", "/withdraw"} {
		if r := b.post(here+step, url.Values{"sure": {"yes"}, "version": {"3"}, "reason.en": {"x"}, "reason.ru": {"ы"}}); !strings.HasPrefix(r.Header.Get("Location"), "/sign-in") {
			t.Errorf("%s with an old sign-in: %d", step, r.StatusCode)
		}
	}
	if len(d.acts) != 4 {
		t.Errorf("%v", d.acts)
	}
	// Nothing of it stands in an address or in the operator's logger.
	for _, secret := range []string{"The yard", "Двор", "colony-yard", "asked for"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the operator's logger holds %q", secret)
		}
	}
}

// A sentence can rest only on claims that whoever names them sees.
func TestReleaseClaims(t *testing.T) {
	t.Parallel()
	s, room, c := testifying(t)
	d := newDesk()
	s.o.Release = d
	b, _ := s.enter(t, "Anna", archive.RolePublisher, true)
	who := s.root.Subject()
	open, err := room.Create(t.Context(), who, knowledge.Draft{Kind: "incident", Claims: []knowledge.ClaimDraft{{Property: "title", Value: "Open yard", Certainty: archive.Established}}})
	if err != nil {
		t.Fatal(err)
	}
	closed, err := room.Create(t.Context(), who, knowledge.Draft{Kind: "incident", Compartment: c.ID, Claims: []knowledge.ClaimDraft{{Property: "title", Value: "Closed yard", Certainty: archive.Established}}})
	if err != nil {
		t.Fatal(err)
	}
	claim := func(entity string) string {
		t.Helper()
		v, err := room.Entity(t.Context(), who, entity)
		if err != nil {
			t.Fatal(err)
		}
		return v.Properties[0].Claims[0].ID
	}
	here := "/releases/" + releaseID + "/claims"
	send := func(want int, pairs ...string) string {
		t.Helper()
		v := url.Values{"sentence": {"1"}, "base": {fmt.Sprint(d.view.Version.Number)}}
		for i := 0; i+1 < len(pairs); i += 2 {
			v.Add(pairs[i], pairs[i+1])
		}
		r := b.post(here, v)
		body := text(r)
		if r.StatusCode != want {
			t.Fatalf("%v: %d, want %d: %.300s", pairs, r.StatusCode, want, body)
		}
		return body
	}
	if body := send(http.StatusOK, "act", "find", "q", "yard"); !strings.Contains(body, "Open yard") || strings.Contains(body, "Closed yard") {
		t.Error("the search finds the wrong things")
	}
	if body := send(http.StatusOK, "act", "show", "entity", open.ID); !strings.Contains(body, claim(open.ID)) {
		t.Error("the claims are not offered")
	}
	send(http.StatusNotFound, "act", "show", "entity", closed.ID)
	send(http.StatusNotFound, "act", "add", "claim", claim(closed.ID))
	send(http.StatusNotFound, "act", "add", "claim", "cm_01jd0000000000000000000009")
	send(http.StatusSeeOther, "act", "add", "claim", claim(open.ID))
	if got := d.view.Version.Draft.Sentences[1].Claims; !slices.Equal(got, []string{claim(open.ID)}) {
		t.Errorf("%v", got)
	}
	// One that the reader does not see is a line without words, and stays when the form is sent.
	d.view.Version.Draft.Sentences[1].Claims = append(d.view.Version.Draft.Sentences[1].Claims, claim(closed.ID))
	if body := opened(t, b, here+"?sentence=1"); strings.Contains(body, "Closed yard") || !strings.Contains(body, "a claim that you may not see") {
		t.Error("a claim that is closed shows, or does not")
	}
	send(http.StatusSeeOther, "act", "remove", "claim", claim(open.ID))
	if got := d.view.Version.Draft.Sentences[1].Claims; !slices.Equal(got, []string{claim(closed.ID)}) {
		t.Errorf("%v", got)
	}
	if r := b.get(here + "?sentence=9"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a sentence that is not there: %d", r.StatusCode)
	}
}

// The list says what each release waits for, and the preview shows what will be published, letter for letter.
func TestReleasesAreListed(t *testing.T) {
	t.Parallel()
	_, d, b, _ := withDesk(t, archive.RolePublisher)
	group := func() string {
		t.Helper()
		m := regexp.MustCompile(`(?s)<section class="rel-group" aria-labelledby="g-([a-z]+)"><h2[^>]*>[^<]*<span class="dim">1<`).FindStringSubmatch(opened(t, b, "/releases"))
		if m == nil {
			return ""
		}
		return m[1]
	}
	for _, x := range []struct {
		state  release.State
		signed string
		gate   release.Gate
		want   string
	}{
		{release.StateDraft, "", release.Gate{Code: release.GateConsent, State: release.Blocked, Reason: "claim", Args: []any{"n", 1}}, "draft"},
		{release.StateDraft, "", release.Gate{Code: release.GateFourEyes, State: release.Waiting, Reason: "nobody-signed"}, "waiting"},
		{release.StateSigned, "ag_01jd0000000000000000000000", release.Gate{Code: release.GateProof, State: release.Waiting, Reason: "next-tick"}, "ready"},
		{release.StateScheduled, "ag_01jd0000000000000000000000", release.Gate{Code: release.GateEmbargo, State: release.OK}, "embargoed"},
		{release.StateRevising, "", release.Gate{Code: release.GateShare, State: release.OK}, "waiting"},
		{release.StatePublished, "", release.Gate{Code: release.GateShare, State: release.OK}, "out"},
		{release.StateWithdrawn, "", release.Gate{Code: release.GateShare, State: release.OK}, "withdrawn"},
	} {
		d.view.State, d.view.SignedBy, d.gates = x.state, x.signed, []release.Gate{x.gate}
		if got := group(); got != x.want {
			t.Errorf("%s, %s: listed under %q, want %q", x.state, x.gate.Code, got, x.want)
		}
		opened(t, b, "/releases/"+releaseID)
	}
	if body := opened(t, b, "/releases/"+releaseID+"/preview"); !strings.Contains(body, "Exactly &lt;b&gt;this&lt;/b&gt;") {
		t.Error("the preview does not show the words")
	}
	d.refuse = &release.Refused{Gates: []release.Gate{{Code: release.GateLanguages, State: release.Blocked, Reason: "incomplete", Args: []any{"n", 1}, At: []string{"title.ru"}}}}
	if body := opened(t, b, "/releases/"+releaseID+"/preview"); !strings.Contains(body, "1 text is missing") || !strings.Contains(body, "/text?in=ru") {
		t.Error("the preview does not say what is missing")
	}
}

// Every gate, and every reason that it can give, has words in every language with the values that it is given.
func TestEveryGateHasWords(t *testing.T) {
	t.Parallel()
	set, err := locale.Load()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("../release/gate.go")
	if err != nil {
		t.Fatal(err)
	}
	scan, err := os.ReadFile("../release/gather.go")
	if err != nil {
		t.Fatal(err)
	}
	source := string(raw)
	codes := map[string]string{} // name of the function → code
	constants := map[string]string{}
	for _, m := range regexp.MustCompile(`(Gate[A-Za-z]+)\s+= "([a-z-]+)"`).FindAllStringSubmatch(source, -1) {
		constants[m[1]] = m[2]
	}
	for _, m := range regexp.MustCompile(`\{(Gate[A-Za-z]+), (gate[A-Za-z]+)\}`).FindAllStringSubmatch(source, -1) {
		codes[m[2]] = constants[m[1]]
	}
	if len(codes) != len(release.Gates()) {
		t.Fatalf("%d of %d gates are understood", len(codes), len(release.Gates()))
	}
	reasons := 0
	say := func(key string, args map[string]any) {
		t.Helper()
		for _, l := range locale.Languages {
			var kv []any
			for k, v := range args {
				kv = append(kv, k, v)
			}
			if _, err := set.For(l.Code).T(key, kv...); err != nil {
				t.Errorf("%s, %s: %v", l.Code, key, err)
			}
		}
		reasons++
	}
	given := regexp.MustCompile(`(?:blocked|warn)\("([a-z-]+)"((?:, [^\n]*?)?)\)(?:\.where|\n)|Reason: "([a-z-]+)"([^\n]*)`)
	named := regexp.MustCompile(`"([a-z]+)", `)
	for _, body := range strings.Split(source, "\nfunc ") {
		name, _, _ := strings.Cut(body, "(")
		code := codes[name]
		if code == "" {
			continue
		}
		say("gate."+code, nil)
		for _, m := range given.FindAllStringSubmatch(body, -1) {
			args := map[string]any{}
			for _, a := range named.FindAllStringSubmatch(m[2]+m[4], -1) {
				args[a[1]] = int64(2)
			}
			if code == release.GateProof && m[3] == "next-tick" {
				args["at"] = "then"
				say("gate.proof.next-tick-unknown", nil)
			}
			say("gate."+code+"."+m[1]+m[3], args)
		}
	}
	kinds := regexp.MustCompile(`needle[A-Z][a-z]+\s*=\s*"([a-z]+)"`).FindAllStringSubmatch(string(scan)+source, -1)
	for _, m := range kinds {
		if m[1] != "digest" {
			say("gate.traces."+m[1], map[string]any{"n": int64(1)})
		}
	}
	if reasons < 60 || len(kinds) < 4 {
		t.Errorf("only %d messages and %d kinds of traces were looked at", reasons, len(kinds))
	}
}

// asker answers what it is told to.
type asker struct {
	result match.Result
	err    error
	got    []byte
	hold   chan struct{}
}

func (a *asker) Match(_ context.Context, _ policy.Subject, src media.Source, _ func(float64)) (match.Result, error) {
	a.got = make([]byte, src.Size())
	_, _ = src.ReadAt(a.got, 0)
	if a.hold != nil {
		a.hold <- struct{}{}
		<-a.hold
	}
	return a.result, a.err
}

func TestMatchPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := &asker{}
	s.o.Match = a
	b, _ := s.enter(t, "Anna", archive.RoleInvestigator, true)
	reviewer, _ := s.enter(t, "Boris", archive.RoleReviewer, true)
	ask := func(b *browser, field, content string) (int, string) {
		t.Helper()
		var form strings.Builder
		m := multipart.NewWriter(&form)
		w, _ := m.CreateFormFile(field, "zimorodok.mp4")
		_, _ = w.Write([]byte(content))
		_ = m.Close()
		r := b.do(http.MethodPost, "/match", strings.NewReader(form.String()), "Content-Type", m.FormDataContentType())
		return r.StatusCode, text(r)
	}
	opened(t, b, "/match")
	if r := reviewer.get("/match"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a reviewer: %d", r.StatusCode)
	}
	if status, _ := ask(reviewer, "file", "x"); status != http.StatusNotFound || a.got != nil {
		t.Errorf("a reviewer's file: %d", status)
	}
	a.result = match.Result{Compared: match.Yes, Clips: 7, LooksAlike: 1, Hits: []match.Hit{{How: match.SameFootage, CoverFile: 900, CoverClip: 400, Spans: []match.Span{{File: time.Second, Clip: 9 * time.Second, Length: 4 * time.Second}},
		Releases: []match.Appearance{{Release: releaseID, Slug: "colony-yard", Version: 2, Title: map[string]string{"en": "The yard <b>"}, Withdrawn: true}}}}}
	status, body := ask(b, "file", "some film")
	if status != http.StatusOK || string(a.got) != "some film" {
		t.Fatalf("%d, %q", status, a.got)
	}
	for _, want := range []string{"The yard &lt;b&gt;", "/releases/" + releaseID, "withdrawn", "00:09–00:13", "00:01–00:05", "90 % of the file, 40 % of the clip", "Held against 7 clips", "is not kept"} {
		if !strings.Contains(body, want) {
			t.Errorf("the answer lacks %q", want)
		}
	}
	a.result = match.Result{Compared: match.Yes}
	if _, body := ask(b, "file", "another"); !strings.Contains(body, "It does not mean that the file is false") {
		t.Error("nothing found is not explained")
	}
	a.err = match.ErrEmpty
	if _, body := ask(b, "file", "another"); !strings.Contains(body, "nothing to compare with") {
		t.Error("an empty archive is not said")
	}
	a.err = media.ErrNoTool
	if status, _ := ask(b, "file", "x"); status != http.StatusServiceUnavailable {
		t.Errorf("without tools: %d", status)
	}
	a.err = errors.New("broken")
	if status, body := ask(b, "file", "x"); status != http.StatusInternalServerError || strings.Contains(body, "broken") {
		t.Errorf("an error of ours: %d", status)
	}
	for what, c := range map[string][2]string{"no file": {"file", ""}, "another field": {"other", "x"}} {
		if status, _ := ask(b, c[0], c[1]); status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, status)
		}
	}
	// One at a time.
	a.err, a.hold = nil, make(chan struct{})
	done := make(chan int)
	go func() {
		status, _ := ask(b, "file", "first")
		done <- status
	}()
	<-a.hold
	if status, _ := ask(b, "file", "second"); status != http.StatusServiceUnavailable {
		t.Errorf("a second file at the same time: %d", status)
	}
	a.hold <- struct{}{}
	if status := <-done; status != http.StatusOK {
		t.Errorf("the first file: %d", status)
	}
	a.hold = nil
	if status, _ := ask(b, "file", "third"); status != http.StatusOK {
		t.Errorf("after the first file: %d", status)
	}
	// The name of the file is written down nowhere.
	if strings.Contains(s.log.String(), "zimorodok") {
		t.Error("the operator's logger holds the name of a file")
	}
}

// The form of a release may be longer than others, and only that.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	_, d, b, _ := withDesk(t, archive.RolePublisher)
	here := "/releases/" + releaseID
	values := filledIn(t, opened(t, b, here+"/text?in=ru"), here+"/text")
	values.Set("shows", strings.Repeat("Длинный текст. ", 2000))
	if r := b.post(here+"/text", values); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", r.StatusCode)
	}
	if n := len(d.view.Version.Draft.Shows["ru"]); n < 40_000 {
		t.Errorf("%d bytes came through", n)
	}
	if r := b.post(here+"/about", url.Values{"slug": {strings.Repeat("x", maxBody+1)}}); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a long form of another kind: %d", r.StatusCode)
	}
	values.Set("shows", strings.Repeat("x", maxReleaseForm))
	if r := b.post(here+"/text", values); r.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a text without end: %d", r.StatusCode)
	}
	if !reflect.DeepEqual(d.view.Version.Draft.Languages, []string{"en", "ru"}) {
		t.Error("a refused form changed something")
	}
}
