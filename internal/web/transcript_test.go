package web

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/transcript"
)

// A transcript is brought in, shown at its second, corrected and taken out by who may, and seen by nobody outside the scope.
func TestWordsOfAnItem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	room, err := transcript.New(transcript.Options{DB: s.w.DB, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Transcript = room
	s.first(t)
	who, _ := s.enter(t, "Halyna", archive.RoleInvestigator, false)
	ready, foreign := s.w.Items["ready"].ID, s.w.Items["foreign"].ID
	send := func(b *browser, item, file string) *http.Response {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		f, _ := m.CreateFormFile("file", "somebody-by-name.srt")
		_, _ = f.Write([]byte(file))
		_ = m.WriteField("lang", "ru")
		_ = m.Close()
		return b.do("POST", "/items/"+item+"/words", &body, "Content-Type", m.FormDataContentType())
	}
	const file = "1\n00:00:01,500 --> 00:00:02,750\nКто <b>дал</b> приказ &lt;x&gt;?\n\nbad words\n\n2\n00:00:xx,0 --> 00:00:05,0\nlost\n"
	r := send(who, ready, file)
	page := text(r)
	if r.StatusCode != http.StatusOK || !strings.Contains(page, "1 sentence was brought in.") || !strings.Contains(page, "The time cannot be read.") || strings.Contains(s.log.String()+page, "somebody-by-name") {
		t.Fatalf("%d %s", r.StatusCode, page)
	}
	if !strings.Contains(text(who.get("/items/"+ready)), `href="#t=1.5,2.75"`) || !strings.Contains(page, "Кто дал приказ &lt;x&gt;?") {
		t.Error("the sentence is not shown beside the player, or not as text")
	}
	if r := send(who, ready, "a;b;c"); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "neither SubRip nor WebVTT") {
		t.Errorf("a table: %d", r.StatusCode)
	}
	if r := send(who, foreign, file); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else's item: %d", r.StatusCode)
	}
	if r := who.get("/items/" + foreign + "/words"); r.StatusCode != http.StatusNotFound {
		t.Errorf("somebody else's item: %d", r.StatusCode)
	}
	sentence := regexp.MustCompile(`/sentences/(tx_[0-9a-z]{26})`).FindStringSubmatch(page)
	track := regexp.MustCompile(`/words/(tt_[0-9a-z]{26})/export/vtt`).FindStringSubmatch(page)
	if sentence == nil || track == nil {
		t.Fatal("no form to correct, or no way out")
	}
	correct := func(version string) string {
		return who.post(sentence[0], url.Values{"item": {ready}, "version": {version}, "text": {"Кто отдал приказ?"}}).Header.Get("Location")
	}
	if to := correct("1"); !strings.HasSuffix(to, "done=words-corrected") {
		t.Errorf("%s", to)
	}
	if to := correct("1"); !strings.HasSuffix(to, "done=words-late") {
		t.Errorf("corrected over another correction: %s", to)
	}
	if page := text(who.get("/items/" + ready + "/words?sentence=" + sentence[1])); !strings.Contains(page, "corrected by Halyna") || !strings.Contains(page, "Кто дал приказ") {
		t.Error("the page does not say who corrected it and what it was")
	}
	if out := text(who.get("/words/" + track[1] + "/export/vtt")); !strings.Contains(out, "00:00:01.500 --> 00:00:02.750\nКто отдал приказ?\n") {
		t.Errorf("%s", out)
	}
}
