package web

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/erase"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// eraser is the real room, but for the destroying itself.
type eraser struct {
	*erase.Service
	ran  []string
	fail error
}

func (e *eraser) Run(_ context.Context, agent, id string, _ erase.RunOptions) (erase.Report, error) {
	e.ran = append(e.ran, agent+" "+id)
	return erase.Report{}, e.fail
}

// erasing is a site with closed accessions where items can be erased.
func erasing(t *testing.T) (*site, *eraser) {
	t.Helper()
	e := &eraser{}
	s := newSite(t, func(o *Options) { o.Erase = e })
	key, vkey, err := tlog.GenerateKey(rand.Reader, custody.Origin(s.w.Vault.ID()))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	e.Service, err = erase.New(erase.Options{DB: s.w.DB, Vault: s.w.Vault, Custody: s.w.Custody, Signer: signer, Verifier: vkey, Tool: "zapis test", Now: s.w.Now,
		Lock: func() (io.Closer, error) { return nil, errors.New("not here") }})
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

func (s *site) closeMine(t *testing.T) {
	t.Helper()
	err := s.w.DB.Write(t.Context(), func(tx *store.Tx) error {
		return tx.CloseAccession(t.Context(), s.w.Mine.ID, store.Closing{At: s.w.Now(), ManifestSHA256: make([]byte, 32)})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// One person asks, another one agrees, both freshly signed in; nobody can do it alone, and nobody does it by accident.
func TestErasingTakesTwoPeople(t *testing.T) {
	t.Parallel()
	s, e := erasing(t)
	root := s.first(t)
	first, _ := s.enter(t, "Halyna", archive.RoleArchivist, false)
	second, secondAccount := s.enter(t, "Stepan", archive.RoleArchivist, false)
	reviewer, _ := s.enter(t, "Reviewer", archive.RoleReviewer, true)
	item := "/items/" + s.w.Items["ready"].ID
	if body := text(first.get("/erasures")); !strings.Contains(body, "No erasure waits") {
		t.Error("nothing is said where there is nothing")
	}
	if body := text(reviewer.get(item)); strings.Contains(body, "/erasure") {
		t.Error("a reviewer is offered to erase")
	}
	if body := text(first.get(item)); !strings.Contains(body, `action="`+item+`/erasure"`) || !strings.Contains(body, "cannot be undone") {
		t.Error("an archivist is not offered to erase")
	}
	for name, b := range map[string]*browser{"reviewer": reviewer, "nobody": s.browser()} {
		if r := b.post(item+"/erasure", url.Values{"reason": {"x"}}); r.StatusCode == http.StatusOK || strings.Contains(r.Header.Get("Location"), "erasures") {
			t.Errorf("%s asked: %d", name, r.StatusCode)
		}
	}
	if r := first.post("/items/"+s.w.Items["foreign"].ID+"/erasure", url.Values{"reason": {"x"}}); r.StatusCode != http.StatusNotFound {
		t.Errorf("outside the scope: %d", r.StatusCode)
	}
	if r := first.post(item+"/erasure", url.Values{"reason": {"  "}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "A reason is needed") {
		t.Errorf("without a reason: %d", r.StatusCode)
	}
	if r := first.post(item+"/erasure", url.Values{"reason": {"Canary-Reason: she asked"}}); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/erasures?done=erasure-asked" {
		t.Fatalf("asked: %d %s", r.StatusCode, r.Header.Get("Location"))
	}
	if r := second.post(item+"/erasure", url.Values{"reason": {"again"}}); r.StatusCode != http.StatusConflict {
		t.Errorf("asked twice: %d", r.StatusCode)
	}
	list, err := e.List(t.Context(), s.root.Subject(), true)
	if err != nil || len(list) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	at := "/erasures/" + list[0].ID
	if body := text(first.get("/erasures")); strings.Contains(body, at+"/approve") || !strings.Contains(body, "Somebody else has to agree") || !strings.Contains(body, "Canary-Reason") {
		t.Error("the one who asked is offered to agree")
	}
	if body := text(second.get("/erasures")); !strings.Contains(body, at+"/approve") {
		t.Error("the other one is not offered to agree")
	}
	if body := text(second.get(item)); !strings.Contains(body, "was asked for") {
		t.Error("the page of the item does not say that its erasure was asked for")
	}
	yes := url.Values{"sure": {"yes"}}
	if r := first.post(at+"/approve", yes); r.StatusCode != http.StatusConflict { // the accession is open
		t.Errorf("open accession: %d", r.StatusCode)
	}
	s.closeMine(t)
	if r := first.post(at+"/approve", yes); r.StatusCode != http.StatusForbidden || !strings.Contains(text(r), "Somebody else has to agree") {
		t.Errorf("by the one who asked: %d", r.StatusCode)
	}
	if r := second.post(at+"/approve", nil); r.StatusCode != http.StatusBadRequest {
		t.Errorf("without being sure: %d", r.StatusCode)
	}
	for _, path := range []string{"/erasures/er_x/approve", "/erasures/" + archive.NewID(archive.PrefixErasure) + "/approve", "/erasures/" + archive.NewID(archive.PrefixErasure) + "/run"} {
		if r := second.post(path, yes); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	if r := reviewer.post(at+"/approve", yes); r.StatusCode != http.StatusNotFound {
		t.Errorf("by a reviewer: %d", r.StatusCode)
	}
	if len(e.ran) > 0 {
		t.Fatalf("something was destroyed: %q", e.ran)
	}
	// It breaks off: nobody sees the item, and whoever may can finish it.
	e.fail = archive.ErrBusy
	if r := second.post(at+"/approve", yes); r.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text(r), at+"/run") {
		t.Errorf("broken off: %d", r.StatusCode)
	}
	for name, b := range map[string]*browser{"first": first, "second": second, "root": root, "reviewer": reviewer} {
		if r := b.get(item); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s sees the item: %d", name, r.StatusCode)
		}
		if r := b.get("/i/" + s.w.Items["ready"].ID + "/look"); r.StatusCode != http.StatusNotFound {
			t.Errorf("%s sees a still: %d", name, r.StatusCode)
		}
	}
	if body := text(root.get("/api/items")); strings.Contains(body, s.w.Items["ready"].ID) {
		t.Error("the list still shows the item")
	}
	if r := first.post(at+"/withdraw", nil); r.StatusCode != http.StatusConflict {
		t.Errorf("called off afterwards: %d", r.StatusCode)
	}
	e.fail = nil
	if r := first.post(at+"/run", nil); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/erasures?done=erasure-done" {
		t.Errorf("finished: %d", r.StatusCode)
	}
	if len(e.ran) != 2 || e.ran[0] != secondAccount.ID+" "+list[0].ID {
		t.Errorf("ran %q", e.ran)
	}
	if strings.Contains(s.log.String(), "Canary-Reason") {
		t.Error("the reason stands in the operator's lines")
	}
}

// An old sign-in neither asks nor agrees; what was asked for can be called off.
func TestErasingNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	s, e := erasing(t)
	s.first(t)
	first, _ := s.enter(t, "Halyna", archive.RoleArchivist, false)
	second, _ := s.enter(t, "Stepan", archive.RoleArchivist, false)
	s.closeMine(t)
	item := "/items/" + s.w.Items["ready"].ID
	if r := first.post(item+"/erasure", url.Values{"reason": {"x"}}); r.StatusCode != http.StatusSeeOther {
		t.Fatalf("asked: %d", r.StatusCode)
	}
	list, _ := e.List(t.Context(), s.root.Subject(), true)
	at := "/erasures/" + list[0].ID
	s.w.Advance(freshFor + time.Minute)
	for _, path := range []string{at + "/approve", at + "/withdraw", at + "/run", "/items/" + s.w.Items["browsable"].ID + "/erasure"} {
		if r := second.post(path, url.Values{"sure": {"yes"}, "reason": {"x"}}); r.StatusCode != http.StatusSeeOther || !strings.HasPrefix(r.Header.Get("Location"), "/sign-in") {
			t.Errorf("%s with an old sign-in: %d", path, r.StatusCode)
		}
	}
	if list, _ = e.List(t.Context(), s.root.Subject(), false); len(list) != 1 || list[0].State != erase.Requested || len(e.ran) > 0 {
		t.Errorf("an old sign-in changed something: %+v", list)
	}
	third, _ := s.enter(t, "Iryna", archive.RoleArchivist, false)
	if r := third.post(at+"/withdraw", nil); r.StatusCode != http.StatusSeeOther || r.Header.Get("Location") != "/erasures?done=erasure-withdrawn" {
		t.Errorf("called off: %d", r.StatusCode)
	}
	if body := text(third.get("/erasures?done=erasure-withdrawn")); !strings.Contains(body, "The item stays") || !strings.Contains(body, "called off") {
		t.Error("the page does not say that it was called off")
	}
}
