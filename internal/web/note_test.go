package web

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/note"
)

// sendJSONTo posts JSON as the scripts do.
func (b *browser) sendJSONTo(path, body string) *http.Response {
	return b.do(http.MethodPost, path, strings.NewReader(body), "Content-Type", "application/json")
}

// What the panel of notes asks: made once, changed, deleted, brought back; by the author alone, within the scope alone, and by nobody who
// has not signed in.
func TestNotesOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	room, err := note.New(note.Options{DB: s.w.DB, Vault: s.w.Vault, Custody: s.w.Custody, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Note = room
	mine, theirs := s.w.Items["ready"], s.w.Items["foreign"]
	anna, _ := s.enter(t, "Anna", archive.RoleReviewer, false)
	bela, _ := s.enter(t, "Bela", archive.RoleInvestigator, true)
	status := func(what string, r *http.Response, want int) string {
		t.Helper()
		b := text(r)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d: %s", what, r.StatusCode, want, b)
		}
		return b
	}
	at := "/api/items/" + mine.ID + "/notes"
	draft := `{"key":"0123456789abcdef","from":1000000,"to":1500000,"region":[1,2,3,4],"page":0,"body":"a door","tag":"","lang":""}`
	status("nobody", s.browser().sendJSONTo(at, draft), http.StatusUnauthorized)
	var one, again noteJSON
	if err := json.Unmarshal([]byte(status("made", anna.sendJSONTo(at, draft), http.StatusOK)), &one); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(status("sent again", anna.sendJSONTo(at, draft), http.StatusOK)), &again); err != nil || one.ID != again.ID || one.Region == nil || !one.Mine || one.AuthorName != "Anna" {
		t.Errorf("%+v, %+v, %v", one, again, err)
	}
	for what, body := range map[string]string{
		"not JSON": `x`, "a field nobody knows": `{"key":"0123456789abcdeg","color":"red"}`, "two values": draft + draft, "a region of nothing": `{"key":"0123456789abcdeg","region":[0,0,0,0]}`,
		"a time of thousands of years": `{"key":"0123456789abcdeg","from":9007199254740991,"to":9007199254740991}`, "key": `{"key":"' or 1=1"}`,
	} {
		status(what, anna.sendJSONTo(at, body), http.StatusBadRequest)
	}
	status("outside the scope", anna.sendJSONTo("/api/items/"+theirs.ID+"/notes", strings.ReplaceAll(draft, "abcdef", "abcdeg")), http.StatusNotFound)
	status("outside the scope, list", anna.get("/api/items/"+theirs.ID+"/notes"), http.StatusNotFound)
	status("outside the scope, frames", anna.get("/api/items/"+theirs.ID+"/frames"), http.StatusNotFound)

	change := `{"version":1,"from":1000000,"to":1500000,"region":null,"page":0,"body":"a window","tag":"","lang":""}`
	if b := status("another person's", bela.sendJSONTo("/api/notes/"+one.ID, change), http.StatusNotFound); strings.Contains(b, "door") {
		t.Errorf("the refusal quotes: %s", b)
	}
	status("another person's, deleted", bela.sendJSONTo("/api/notes/"+one.ID+"/delete", `{}`), http.StatusNotFound)
	status("changed", anna.sendJSONTo("/api/notes/"+one.ID, change), http.StatusOK)
	status("stale", anna.sendJSONTo("/api/notes/"+one.ID, change), http.StatusConflict)
	if b := status("versions", bela.get("/api/notes/"+one.ID+"/versions"), http.StatusOK); !strings.Contains(b, "a door") || !strings.Contains(b, "a window") {
		t.Error(b)
	}
	status("deleted", anna.sendJSONTo("/api/notes/"+one.ID+"/delete", `{}`), http.StatusOK)
	if b := status("list", bela.get(at), http.StatusOK); strings.Contains(b, "window") {
		t.Error(b)
	}
	status("brought back", anna.sendJSONTo("/api/notes/"+one.ID+"/restore", `{}`), http.StatusOK)
	if b := status("list", bela.get(at), http.StatusOK); !strings.Contains(b, `"body":"a window"`) || !strings.Contains(b, `"mine":false`) || !strings.Contains(b, `"reaction":300`) {
		t.Error(b)
	}
	status("reaction", anna.sendJSONTo("/api/me/marking", `{"reaction":250}`), http.StatusOK)
	status("no reaction", anna.sendJSONTo("/api/me/marking", `{"reaction":-1}`), http.StatusBadRequest)
	status("a reviewer takes notes out", anna.get("/items/"+mine.ID+"/notes/vtt"), http.StatusNotFound)
	r := bela.get("/items/" + mine.ID + "/notes/vtt")
	if b := status("taken out", r, http.StatusOK); !strings.HasPrefix(b, "WEBVTT") || !strings.Contains(r.Header.Get("Content-Disposition"), "attachment") || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%v %s", r.Header, b)
	}
	status("as a table", bela.get("/items/"+mine.ID+"/notes/csv"), http.StatusNotFound)
	// What was written stands in no line of the operator's.
	if l := s.log.String(); strings.Contains(l, "window") || strings.Contains(l, "door") {
		t.Error("the text of a note stands in the operator's lines")
	}
}
