package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/release"
)

// deciding is a desk on which two places may name somebody, and of which an item was erased.
type deciding struct {
	*desk
	places []string
}

func (d *deciding) SignHavingRead(_ context.Context, _ policy.Subject, _ string, version, places int) error {
	if places < len(d.places) {
		return &release.Refused{Gates: []release.Gate{{Code: release.GatePeople, State: release.Blocked, Reason: release.ReasonNotLookedAt, Args: []any{"n", len(d.places)}, At: d.places}}}
	}
	return d.act("sign", version, places)
}

func (d *deciding) Keep(_ context.Context, _ policy.Subject, _, why string) error {
	if why == "" {
		return archive.ErrInvalid
	}
	return d.act("keep", why)
}

// Whoever signs is led to the places that may name somebody, says that they were looked at, and only then signs.
func TestDoubtfulNamesOnTheDesk(t *testing.T) {
	t.Parallel()
	s, d, b, _ := withDesk(t, archive.RolePublisher)
	room := &deciding{desk: d, places: []string{"summary.ru", "sentence.2.en"}}
	s.o.Release = room
	here := "/releases/" + releaseID
	sign := filledIn(t, opened(t, b, here), here+"/sign")
	sign.Set("sure", "yes")
	r := b.post(here+"/sign", sign)
	body := text(r)
	if r.StatusCode != http.StatusConflict || !strings.Contains(body, "It is not signed yet") || !strings.Contains(body, here+"/text?in=ru") || !strings.Contains(body, `name="looked"`) {
		t.Fatalf("%d: %.300s", r.StatusCode, body)
	}
	sign = filledIn(t, body, here+"/sign")
	sign.Set("sure", "yes")
	if r := b.post(here+"/sign", sign); r.StatusCode != http.StatusConflict || len(d.acts) > 0 {
		t.Errorf("signed without a word about the places: %d, %v", r.StatusCode, d.acts)
	}
	sign.Set("looked", "yes")
	room.places = append(room.places, "credit.en") // meanwhile there is one more
	if r := b.post(here+"/sign", sign); r.StatusCode != http.StatusConflict || len(d.acts) > 0 {
		t.Errorf("signed although there is another place: %d, %v", r.StatusCode, d.acts)
	}
	sign.Set("read", "3")
	if r := b.post(here+"/sign", sign); r.StatusCode != http.StatusSeeOther || fmt.Sprint(d.acts) != "[sign 3 3]" {
		t.Errorf("%d, %v", r.StatusCode, d.acts)
	}
}

// What is out of an item that was erased is decided about with a reason.
func TestKeepingAReleaseOnTheDesk(t *testing.T) {
	t.Parallel()
	s, d, b, _ := withDesk(t, archive.RolePublisher)
	s.o.Release = &deciding{desk: d}
	d.view.State, d.view.Out, d.view.Concern, d.view.Concerns = release.StatePublished, 1, true, []string{release.ConcernErased}
	here := "/releases/" + releaseID
	if body := opened(t, b, here); !strings.Contains(body, "was erased, and the release is still out") || !strings.Contains(body, here+"/keep") {
		t.Error("the desk does not say that an item was erased")
	}
	if r := b.post(here+"/keep", url.Values{"why": {""}}); r.StatusCode != http.StatusBadRequest || !strings.Contains(text(r), "Say why it stays") {
		t.Errorf("without a reason: %d", r.StatusCode)
	}
	if r := b.post(here+"/keep", url.Values{"why": {"the family"}}); r.StatusCode != http.StatusSeeOther || fmt.Sprint(d.acts) != "[keep the family]" {
		t.Errorf("%d, %v", r.StatusCode, d.acts)
	}
	who, _ := s.enter(t, "Finder", archive.RoleInvestigator, true)
	if body := opened(t, who, here); strings.Contains(body, here+"/keep") {
		t.Error("an investigator is asked to decide")
	}
	if r := who.post(here+"/keep", url.Values{"why": {"x"}}); r.StatusCode == http.StatusSeeOther && len(d.acts) > 1 {
		t.Error("an investigator decided")
	}
}
