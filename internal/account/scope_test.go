package account

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// Compartments and the right to see who stands behind a code are granted, kept, taken away and recorded; nobody gives the latter to
// themselves.
func TestCompartmentsAndIdentitiesAreGranted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		ctx := t.Context()
		root := e.admin(t)
		second := e.invite(t, root, "Second", archive.RoleAdmin)
		a := e.invite(t, root, "Solomiia", archive.RoleArchivist)
		cp := archive.NewID(archive.PrefixCompartment)
		for name, sc := range map[string]archive.Scope{
			"a name":        {Compartments: []string{"sources"}},
			"another thing": {Compartments: []string{archive.NewID(archive.PrefixItem)}},
			"nothing":       {Compartments: []string{""}},
		} {
			if err := e.SetScope(ctx, root.Subject(), a.ID, sc); !errors.Is(err, archive.ErrInvalid) {
				t.Errorf("a compartment that is %s: %v", name, err)
			}
		}
		if got := policy.ScopeOf(a.Subject()); got.Identities || got.AllCompartments || got.Sees(cp) {
			t.Errorf("granted to begin with: %+v", got)
		}
		want := archive.Scope{All: true, MaxDifficulty: 2, Compartments: []string{archive.CommonGrant, cp}, Identities: true}
		if err := e.SetScope(ctx, root.Subject(), a.ID, want); err != nil {
			t.Fatal(err)
		}
		got, err := e.Account(ctx, a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Scope); d != "" {
			t.Error(d)
		}
		if sc := policy.ScopeOf(got.Subject()); !sc.Identities || !sc.Sees(cp) || !sc.Sees(archive.Common) || sc.Sees(archive.NewID(archive.PrefixCompartment)) {
			t.Errorf("may see: %+v", sc)
		}
		// Not by oneself, but by another administrator; and once granted it does not stand in the way of other changes.
		own := archive.Scope{All: true, MaxDifficulty: -1, Identities: true}
		if err := e.SetScope(ctx, root.Subject(), root.ID, own); !errors.Is(err, ErrOwnIdentities) || !errors.Is(err, archive.ErrForbidden) {
			t.Errorf("by oneself: %v", err)
		}
		if r, err := e.Account(ctx, root.ID); err != nil || r.Scope.Identities || policy.ScopeOf(r.Subject()).Identities {
			t.Errorf("granted although refused: %+v, %v", r.Scope, err)
		}
		if err := e.SetScope(ctx, second.Subject(), root.ID, own); err != nil {
			t.Errorf("by another administrator: %v", err)
		}
		if err := e.SetScope(ctx, root.Subject(), root.ID, own); err != nil {
			t.Errorf("kept by oneself: %v", err)
		}
		if err := e.SetScope(ctx, root.Subject(), a.ID, archive.Scope{All: true, MaxDifficulty: 2}); err != nil {
			t.Fatal(err)
		}
		if got, err = e.Account(ctx, a.ID); err != nil || got.Scope.Identities || policy.ScopeOf(got.Subject()).Sees(cp) {
			t.Errorf("taken away: %+v, %v", got.Scope, err)
		}
		var granted, taken bool
		err = db.Read(ctx, func(tx *store.Tx) error {
			events, err := tx.EventsOfType(ctx, "account", a.ID, archive.EventAccount)
			for _, o := range events {
				body := string(o.Event)
				if strings.Contains(body, "scope changed") {
					granted = granted || strings.Contains(body, `"identities":"granted"`) && strings.Contains(body, `"compartments":"2"`) && strings.Contains(body, cp)
					taken = taken || strings.Contains(body, `"identities":"no"`) && strings.Contains(body, `"compartments":"0"`)
				}
			}
			return err
		})
		if err != nil || !granted || !taken {
			t.Errorf("recorded: granted %v, taken %v, %v", granted, taken, err)
		}
	})
}

// An event of a scope with more accessions and compartments than it may name is still recorded.
func TestWideScopesAreRecorded(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a := e.invite(t, root, "Solomiia", archive.RoleArchivist)
	sc := archive.Scope{MaxDifficulty: -1}
	for range 70 {
		sc.Accessions = append(sc.Accessions, archive.NewID(archive.PrefixAccession))
		sc.Compartments = append(sc.Compartments, archive.NewID(archive.PrefixCompartment))
	}
	if err := e.SetScope(t.Context(), root.Subject(), a.ID, sc); err != nil {
		t.Fatal(err)
	}
}
