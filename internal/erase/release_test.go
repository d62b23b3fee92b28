package erase_test

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/erase"
	"zapis/internal/release"
	"zapis/internal/store"
)

// out puts a release into the catalogue that is out and shows the item.
func (r *rig) out(slug string) string {
	r.t.Helper()
	ctx := r.t.Context()
	now := time.Now().UTC().Truncate(time.Microsecond)
	id, plan := archive.NewID(archive.PrefixRelease), archive.NewID(archive.PrefixPlan)
	body, err := json.Marshal(release.Draft{Slug: slug, Plan: plan, PlanVersion: 1, Languages: []string{"en"}, Title: release.Words{"en": "A yard"}})
	check(r.t, err)
	sum := sha256.Sum256(body)
	check(r.t, r.DB.Write(ctx, func(tx *store.Tx) error {
		p := store.Plan{ID: plan, Title: "a plan", CreatedAt: now, CreatedBy: asks.Agent}
		v := store.PlanVersion{Plan: plan, Body: []byte("{}"), SHA256: sum[:], Note: "x", Author: asks.Agent, CreatedAt: now, Items: []string{r.item.ID}}
		return errors.Join(
			tx.AddPlan(ctx, p, v),
			tx.AddRelease(ctx, store.Release{ID: id, Slug: id, CreatedAt: now, CreatedBy: asks.Agent},
				store.ReleaseVersion{Release: id, Version: 1, Body: body, SHA256: sum, Plan: plan, PlanVersion: 1, Author: asks.Agent, At: now}, []string{r.item.ID}),
			tx.AddReleaseAct(ctx, store.ReleaseAct{ID: archive.NewID(archive.PrefixEvent), Release: id, Version: 1, Act: store.ReleaseSigned, Digest: sum[:], At: now, Agent: agrees.Agent}),
			tx.NameRelease(ctx, id, slug),
			tx.AddReleasePublication(ctx, store.ReleasePublication{Release: id, Number: 1, Version: 1, Clip: "cl_1", Document: body, Proof: []byte("p"), Scope: []byte("s"), SHA256: sum, At: now,
				Agent: asks.Agent, SignedBy: agrees.Agent}),
			tx.PlacedPublication(ctx, id, 1, false, now))
	}))
	return id
}

// Erasing an item does not reach what was published of it: it is named before anybody agrees, recorded with the agreement, and held up afterwards
// until somebody decides.
func TestReleasesThatShowTheItem(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	id := r.out("yard-2020")
	e, err := r.Erase.Request(ctx, asks, r.item.ID, "the witness asked")
	check(t, err)
	if len(e.Releases) != 1 || e.Releases[0].ID != id || e.Releases[0].Slug != "yard-2020" {
		t.Errorf("before it is agreed to: %+v", e.Releases)
	}
	check(t, r.Erase.Approve(ctx, agrees, e.ID))
	r.read(func(tx *store.Tx) error {
		list, err := tx.EventsOfType(ctx, custody.KindRelease, id, archive.EventAdministration)
		if err != nil || len(list) != 1 || !strings.Contains(string(list[0].Event), "erasure approved") || !strings.Contains(string(list[0].Event), `"releases":"1"`) {
			t.Errorf("the event of the agreement: %d, %v", len(list), err)
		}
		return err
	})
	blocked := func(when string) {
		t.Helper()
		v, err := r.App.Release.Release(ctx, admin, id)
		if err != nil || !slices.Contains(v.Concerns, release.ConcernErased) || !v.Concern {
			t.Errorf("%s: %v, %v", when, v.Concerns, err)
		}
		_, err = r.App.Release.Correct(ctx, admin, id, release.Words{"en": "Another day."})
		if !errors.Is(err, archive.ErrConflict) {
			t.Errorf("%s: corrected: %v", when, err)
		}
	}
	_, err = r.Erase.Run(ctx, r.Agent, e.ID, erase.RunOptions{})
	check(t, err)
	blocked("erased")
	if e, err = r.Erase.Erasure(ctx, admin, e.ID); err != nil || len(e.Releases) != 1 {
		t.Errorf("afterwards: %+v, %v", e.Releases, err)
	}
	for why, want := range map[string]error{"": archive.ErrInvalid, strings.Repeat("x", 501): archive.ErrInvalid} {
		if err := r.App.Release.Keep(ctx, admin, id, why); !errors.Is(err, want) {
			t.Errorf("kept for %q: %v", why, err)
		}
	}
	if err := r.App.Release.Keep(ctx, reviewer, id, "x"); !errors.Is(err, archive.ErrForbidden) {
		t.Errorf("kept by a reviewer: %v", err)
	}
	blocked("still")
	check(t, r.App.Release.Keep(ctx, admin, id, "The family wants it to stay."))
	v, err := r.App.Release.Release(ctx, admin, id)
	if err != nil || v.Concern {
		t.Errorf("decided: %v, %v", v.Concerns, err)
	}
	if n := len(v.Acts); n == 0 || v.Acts[n-1].Act != release.ActKept || v.Acts[n-1].Note != "The family wants it to stay." {
		t.Errorf("history %+v", v.Acts)
	}
	if err := r.App.Release.Keep(ctx, admin, id, "again"); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("decided twice: %v", err)
	}
	r.read(func(tx *store.Tx) error {
		list, err := tx.EventsOfType(ctx, custody.KindRelease, id, archive.EventAdministration)
		if err != nil || len(list) != 2 || strings.Contains(string(list[1].Event), "family") {
			t.Errorf("%d events, %v", len(list), err)
		}
		return err
	})
}
