package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/copies"
	"zapis/internal/store"
)

// linked puts a suggestion that two items hold the same footage into the catalogue.
func (s *site) linked(t *testing.T, one, other string) string {
	t.Helper()
	ends := []string{one, other}
	slices.Sort(ends)
	id := archive.NewID(archive.PrefixCopy)
	err := s.w.DB.Write(t.Context(), func(tx *store.Tx) error {
		_, err := tx.PutCopyLink(t.Context(), store.CopyLink{
			ID: id, A: ends[0], B: ends[1], Kind: "same", Score: 970, Offset: 2 * time.Second, CoverA: 1000, CoverB: 1000, Detail: []byte(`{"spans":[[0,2000,12000]]}`),
			Recipe: "fingerprint", RecipeVersion: 1, Tool: "zapis", State: archive.Suggested, CreatedAt: time.Now(),
		})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// What people say about copies over the pages: with a role that decides, within the scope alone, once, and taken back.
func TestCopiesOverHTTP(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	room, err := copies.New(copies.Options{DB: s.w.DB, Vault: s.w.Vault, Sealer: s.w.Sealer, Custody: s.w.Custody, Jobs: s.w.Jobs, Agent: s.w.Program.ID, Now: s.w.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.o.Copies = room
	mine, other, theirs := s.w.Items["ready"], s.w.Items["browsable"], s.w.Items["foreign"]
	within, across := s.linked(t, mine.ID, other.ID), s.linked(t, mine.ID, theirs.ID)
	anna, _ := s.enter(t, "Anna", archive.RoleInvestigator, false) // her accession alone
	vera, _ := s.enter(t, "Vera", archive.RoleReviewer, true)
	lead, _ := s.enter(t, "Lea", archive.RoleInvestigator, true)
	state := func(id string) (out archive.SuggestionState) {
		t.Helper()
		err := s.w.DB.Read(t.Context(), func(tx *store.Tx) error {
			for _, st := range []archive.SuggestionState{archive.Suggested, archive.Confirmed, archive.Dismissed} {
				links, err := tx.CopyLinks(t.Context(), archive.Scope{All: true, MaxDifficulty: -1}, store.CopyLinkQuery{State: st})
				if err != nil {
					return err
				}
				if slices.ContainsFunc(links, func(c store.CopyLink) bool { return c.ID == id }) {
					out = st
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	status := func(what string, r *http.Response, want int) string {
		t.Helper()
		b := text(r)
		if r.StatusCode != want {
			t.Errorf("%s: %d, want %d", what, r.StatusCode, want)
		}
		return b
	}
	act := func(b *browser, id, what string, values url.Values, header ...string) *http.Response {
		return b.post("/copies/"+id+"/"+what, values, header...)
	}
	none := url.Values{}

	// Who may not, may not; and nothing has changed after it.
	for _, what := range []string{"confirm", "dismiss", "undo"} {
		status("nobody: "+what, act(s.browser(), within, what, none), http.StatusSeeOther) // to the door
		status("a reviewer: "+what, act(vera, within, what, none), http.StatusNotFound)
		status("an end outside the scope: "+what, act(anna, across, what, none), http.StatusNotFound)
		status("no such link: "+what, act(anna, archive.NewID(archive.PrefixCopy), what, none), http.StatusNotFound)
		status("another thing's identifier: "+what, act(anna, mine.ID, what, none), http.StatusNotFound)
		status("from another site: "+what, act(anna, within, what, none, "Sec-Fetch-Site", "cross-site"), http.StatusForbidden)
		status("back to what is no item: "+what, act(anna, within, what, url.Values{"item": {"//example.org"}}), http.StatusNotFound)
		status("by a link: "+what, anna.get("/copies/"+within+"/"+what), http.StatusNotFound)
	}
	if a, b := state(within), state(across); a != archive.Suggested || b != archive.Suggested {
		t.Fatalf("what was refused was done: %s, %s", a, b)
	}

	// The list and the page of an item show what lies within the scope, and count no more than that.
	if b := status("list", anna.get("/copies"), http.StatusOK); !strings.Contains(b, within) || strings.Contains(b, across) || strings.Contains(b, theirs.ID) || strings.Contains(b, theirs.Reference()) {
		t.Error("the list is not that of her scope")
	}
	if b := status("list of all", lead.get("/copies"), http.StatusOK); !strings.Contains(b, within) || !strings.Contains(b, across) {
		t.Error("the list of somebody who sees everything is short")
	}
	if b := status("page of the item", anna.get("/items/"+mine.ID), http.StatusOK); !strings.Contains(b, "/copies/"+within+"/confirm") || strings.Contains(b, across) || strings.Contains(b, theirs.ID) {
		t.Error("the page of the item does not show the copies of her scope")
	}
	if b := status("list of a reviewer", vera.get("/copies"), http.StatusOK); strings.Contains(b, "/confirm") {
		t.Error("a reviewer is offered what they may not do")
	}
	status("an odd place in the list", anna.get("/copies?before="+mine.ID), http.StatusNotFound)

	// Confirmed, too late, taken back, dismissed.
	r := act(anna, within, "confirm", url.Values{"item": {mine.ID}, "why": {"the same car"}})
	status("confirm", r, http.StatusSeeOther)
	if to := r.Header.Get("Location"); !strings.HasPrefix(to, "/items/"+mine.ID) {
		t.Errorf("back to %s", to)
	}
	if got := state(within); got != archive.Confirmed {
		t.Fatalf("confirmed is %s", got)
	}
	r = act(lead, within, "dismiss", none)
	status("too late", r, http.StatusSeeOther)
	if got := state(within); got != archive.Confirmed {
		t.Errorf("what was decided was decided again: %s", got)
	}
	if b := status("confirmed ones", anna.get("/copies?state=confirmed"), http.StatusOK); !strings.Contains(b, within) || !strings.Contains(b, "the same car") {
		t.Error("the decision is not shown")
	}
	status("undo", act(anna, within, "undo", none), http.StatusSeeOther)
	if got := state(within); got != archive.Suggested {
		t.Errorf("taken back is %s", got)
	}
	status("dismiss", act(lead, across, "dismiss", none), http.StatusSeeOther)
	if got := state(across); got != archive.Dismissed {
		t.Errorf("dismissed is %s", got)
	}
	if l := s.log.String(); strings.Contains(l, "same car") {
		t.Error("a reason stands in the operator's lines")
	}
}
