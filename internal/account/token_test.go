package account

import (
	"errors"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	e := newEnv(t, db)
	w := e.Service
	ctx := t.Context()
	root := e.admin(t)
	blue, red := archive.NewID(archive.PrefixCompartment), archive.NewID(archive.PrefixCompartment)
	person := func(name string, role archive.Role, sc archive.Scope) Account {
		a, _, err := w.Invite(ctx, root.Subject(), name, role, sc)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	lead := person("Lead", archive.RoleInvestigator, archive.Scope{All: true, MaxDifficulty: 2, Compartments: []string{blue}, Identities: true})
	for name, d := range map[string]TokenDraft{
		"no label": {Actions: []string{TokenRead}, Life: time.Hour}, "nothing": {Label: "x", Life: time.Hour}, "unknown": {Label: "x", Actions: []string{"read", "rule"}, Life: time.Hour},
		"too long": {Label: "x", Actions: []string{TokenRead}, Life: 400 * 24 * time.Hour}, "too short": {Label: "x", Actions: []string{TokenRead}},
		"beyond": {Label: "x", Actions: []string{TokenRead}, Life: time.Hour, Compartments: []string{red}},
	} {
		if _, err := w.NewToken(ctx, lead.Subject(), d); err == nil {
			t.Errorf("%s: was made", name)
		}
	}
	made, err := w.NewToken(ctx, lead.Subject(), TokenDraft{Label: "Report", Actions: []string{TokenRead, TokenExport}, Life: 24 * time.Hour, Compartments: []string{blue}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Secret, TokenPrefix) || len(made.Secret) < 40 {
		t.Errorf("secret %q", made.Secret)
	}
	listed, err := w.Tokens(ctx, lead.Subject())
	if err != nil || len(listed) != 1 || listed[0].Secret != "" {
		t.Fatal(listed, err)
	}
	b, err := w.Bear(ctx, made.Secret)
	if err != nil {
		t.Fatal(err)
	}
	for a, want := range map[policy.Action]bool{policy.ViewCatalogue: true, policy.Search: true, policy.Export: true, policy.EditCatalogue: false, policy.Import: false, policy.ViewIdentity: false,
		policy.ManageSelf: false, policy.Look: false, policy.Extract: false, policy.ManagePeople: false, policy.ManageConsent: false, policy.Enter: false} {
		if b.May(a) != want {
			t.Errorf("%s: %v", a, !want)
		}
	}
	sc := policy.ScopeOf(b.Subject)
	if !sc.Sees(blue) || sc.Sees(archive.Common) || sc.Identities || sc.All || sc.AllCompartments {
		t.Errorf("scope %+v", sc)
	}
	// Whatever the account is, a token is no more than an investigator, and follows what the account may at the moment.
	all, err := w.NewToken(ctx, root.Subject(), TokenDraft{Label: "All", Actions: TokenActions(), Life: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	high, err := w.Bear(ctx, all.Secret)
	if err != nil || high.Subject.Role != archive.RoleInvestigator || high.May(policy.ManagePeople) || high.May(policy.ManageCompartment) || !high.May(policy.Import) || !policy.ScopeOf(high.Subject).AllCompartments {
		t.Errorf("%+v %v", high, err)
	}
	if err := w.SetRole(ctx, root.Subject(), lead.ID, archive.RoleReviewer); err != nil {
		t.Fatal(err)
	}
	if b, err = w.Bear(ctx, made.Secret); err != nil || b.May(policy.Export) || !b.May(policy.ViewCatalogue) {
		t.Errorf("after a lower role: %+v %v", b, err)
	}
	if err := w.SetScope(ctx, root.Subject(), lead.ID, archive.Scope{All: true, MaxDifficulty: -1}); err != nil {
		t.Fatal(err)
	}
	if b, err = w.Bear(ctx, made.Secret); err != nil || policy.ScopeOf(b.Subject).Sees(blue) || policy.ScopeOf(b.Subject).Sees(archive.Common) {
		t.Errorf("after a narrower scope: %+v %v", b, err)
	}
	for _, bad := range []string{"", "zpt_", made.Secret + "x", made.Secret[:len(made.Secret)-1], strings.TrimPrefix(made.Secret, TokenPrefix), "zpt_" + strings.Repeat("a", 10_000)} {
		if _, err := w.Bear(ctx, bad); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
	// Nobody else's.
	other := person("Other", archive.RoleReviewer, archive.Scope{})
	if err := w.RevokeToken(ctx, other.Subject(), made.ID); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("somebody else ends it: %v", err)
	}
	if err := w.Disable(ctx, root.Subject(), lead.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Bear(ctx, made.Secret); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("of an account that is switched off: %v", err)
	}
	if err := w.Enable(ctx, root.Subject(), lead.ID); err != nil {
		t.Fatal(err)
	}
	if err := w.RevokeToken(ctx, root.Subject(), made.ID); err != nil {
		t.Errorf("the administrator ends it: %v", err)
	}
	if _, err := w.Bear(ctx, made.Secret); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("revoked: %v", err)
	}
	e.advance(2 * time.Hour)
	if _, err := w.Bear(ctx, all.Secret); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("expired: %v", err)
	}
	// The token is nowhere in the database.
	err = db.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Tokens(ctx, "")
		for _, r := range rows {
			if strings.Contains(string(r.Hash)+r.Label, made.Secret) || len(r.Hash) != 32 {
				t.Error("the token is kept")
			}
			if r.ID == made.ID && !r.UsedOn.Equal(r.UsedOn.Truncate(24*time.Hour)) {
				t.Error("more than the day of its use is kept")
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
