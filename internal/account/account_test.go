package account

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault/record"
)

// cheap keeps tests quick; the costs of the product are checked in TestDefaultCosts.
var cheap = Argon{Memory: 64, Time: 1, Threads: 1}

// env is a room with a clock of its own.
type env struct {
	*Service
	db  *store.DB
	now atomic.Int64
}

func (e *env) advance(d time.Duration) { e.now.Add(int64(d)) }

func newEnv(t *testing.T, db *store.DB, change ...func(*Options)) *env {
	t.Helper()
	sealer, err := record.New(bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	e := &env{db: db}
	e.now.Store(time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC).UnixNano())
	now := func() time.Time { return time.Unix(0, e.now.Load()).UTC() }
	o := Options{
		DB: db, Custody: custody.New(custody.Options{Tool: "zapis test", Now: now}), Sealer: sealer,
		Agent:   archive.Agent{ID: archive.NewID(archive.PrefixAgent), Kind: "software", Name: "zapis", CreatedAt: now()},
		Origins: []string{"http://127.0.0.1:8420"}, Now: now, Argon: cheap,
	}
	for _, f := range change {
		f(&o)
	}
	if e.Service, err = New(o); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// admin lets the first administrator in.
func (e *env) admin(t *testing.T) Account {
	t.Helper()
	link, made, err := e.Bootstrap(t.Context())
	if err != nil || !made {
		t.Fatalf("bootstrap: %v %v", made, err)
	}
	a, err := e.UseLink(t.Context(), link.Token)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// invite makes another account.
func (e *env) invite(t *testing.T, by Account, name string, role archive.Role) Account {
	t.Helper()
	a, _, err := e.Invite(t.Context(), by.Subject(), name, role, archive.Scope{All: true, MaxDifficulty: -1})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const goodPassword = "correct horse battery staple"

// code gives the code that the authenticator of an enrolment shows.
func (e *env) code(t *testing.T, secret string) string {
	t.Helper()
	c, err := totp.GenerateCode(strings.ReplaceAll(secret, " ", ""), e.Service.now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// secure sets a password and second factor, and gives the secret and the recovery codes.
func (e *env) secure(t *testing.T, a Account) (secret string, recovery []string) {
	t.Helper()
	enrol, err := e.Enrol(t.Context(), a.Subject(), "se_1")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.SetPassword(t.Context(), a.Subject(), "se_1", "", goodPassword, e.code(t, enrol.Secret)); err != nil {
		t.Fatal(err)
	}
	if recovery, err = e.NewRecovery(t.Context(), a.Subject()); err != nil {
		t.Fatal(err)
	}
	e.advance(31 * time.Second) // the code that confirmed it is used up
	return enrol.Secret, recovery
}

// events gives all events of the record.
func (e *env) events(t *testing.T) []archive.Event {
	t.Helper()
	var out []archive.Event
	storetest.Read(t, e.db, func(tx *store.Tx) error {
		all, err := tx.Openings(t.Context(), 0, 1000)
		if err != nil {
			return err
		}
		out = nil
		for _, o := range all {
			ev, err := archive.ParseEvent(o.Event)
			if err != nil {
				return err
			}
			out = append(out, ev)
		}
		return nil
	})
	return out
}

func acts(events []archive.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Detail["act"])
	}
	return out
}

func TestLinkWorksOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		link, _, err := e.Bootstrap(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 { // what a preview of the address does
			if _, err := e.CheckLink(t.Context(), link.Token); err != nil {
				t.Fatalf("a look at the link used it up: %v", err)
			}
		}
		var in atomic.Int32
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if _, err := e.UseLink(context.Background(), link.Token); err == nil {
					in.Add(1)
				} else if !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("second use: %v", err)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Fatalf("the link worked %d times", in.Load())
		}
		if _, err := e.CheckLink(t.Context(), link.Token); !errors.Is(err, archive.ErrNotFound) {
			t.Fatalf("a used link looks good: %v", err)
		}
	})
}

func TestLinkExpires(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	link, _, err := e.Bootstrap(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.advance(LinkLife)
	if _, err := e.UseLink(t.Context(), link.Token); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("a link of half an hour ago: %v", err)
	}
	for _, token := range []string{"", "x", link.Token + "x", strings.ToUpper(link.Token)} {
		if _, err := e.UseLink(t.Context(), token); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("link %q: %v", token, err)
		}
	}
}

func TestLinkOfDisabledAccount(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a, link, err := e.Invite(t.Context(), root.Subject(), "Olha", archive.RoleReviewer, archive.Scope{All: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Disable(t.Context(), root.Subject(), a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.UseLink(t.Context(), link.Token); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("link of a closed account: %v", err)
	}
	if _, err := e.NewLink(t.Context(), root.Subject(), a.ID); !errors.Is(err, ErrDisabled) {
		t.Fatalf("new link for a closed account: %v", err)
	}
}

func TestBootstrapUntilSomebodyCanComeBack(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	a := e.admin(t)
	again := e.admin(t) // nobody could come back yet: another link, the same account
	if a.ID != again.ID {
		t.Fatalf("two first administrators: %s %s", a.ID, again.ID)
	}
	e.secure(t, a)
	if _, made, err := e.Bootstrap(t.Context()); err != nil || made {
		t.Fatalf("a link was made though the administrator can sign in: %v %v", made, err)
	}
}

func TestNothingTellsWhatWasWrong(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a := e.invite(t, root, "Olha", archive.RoleReviewer)
	secret, _ := e.secure(t, a)
	closed := e.invite(t, root, "Taras", archive.RoleReviewer)
	closedSecret, _ := e.secure(t, closed)
	if err := e.Disable(t.Context(), root.Subject(), closed.ID); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ what, name, password, code string }{
		{"unknown name", "nobody", goodPassword, e.code(t, secret)},
		{"wrong password", "Olha", goodPassword + "!", e.code(t, secret)},
		{"wrong code", "Olha", goodPassword, "000000"},
		{"no code", "Olha", goodPassword, ""},
		{"closed account", "Taras", goodPassword, e.code(t, closedSecret)},
		{"account without password", "Administrator", goodPassword, e.code(t, secret)},
		{"book as password", "Olha", strings.Repeat("x", 1<<14), e.code(t, secret)},
	} {
		_, err := e.SignIn(t.Context(), c.name, c.password, c.code)
		if !errors.Is(err, ErrSignIn) || err.Error() != ErrSignIn.Error() {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	got, err := e.SignIn(t.Context(), "  oLHA ", goodPassword, e.code(t, secret))
	if err != nil || got.ID != a.ID {
		t.Fatalf("sign-in with everything right: %v", err)
	}
}

func TestCodeWorksOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		a := e.admin(t)
		secret, _ := e.secure(t, a)
		code := e.code(t, secret)
		var in atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := e.SignIn(context.Background(), "Administrator", goodPassword, code); err == nil {
					in.Add(1)
				}
			})
		}
		wg.Wait()
		if in.Load() != 1 {
			t.Fatalf("one code let in %d times", in.Load())
		}
		e.advance(30 * time.Second)
		if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, code); err == nil {
			t.Fatal("a used code worked again within its skew")
		}
		e.advance(time.Hour)
		if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, e.code(t, secret)); err != nil {
			t.Fatalf("the next code: %v", err)
		}
	})
}

func TestRecoveryCodesWorkOnce(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	a := e.admin(t)
	_, codes := e.secure(t, a)
	if len(codes) != recoveryCodes {
		t.Fatalf("%d recovery codes", len(codes))
	}
	typed := strings.ToUpper(strings.ReplaceAll(codes[3], "-", " "))
	if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, typed); err != nil {
		t.Fatalf("recovery code as typed: %v", err)
	}
	if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, codes[3]); !errors.Is(err, ErrSignIn) {
		t.Fatalf("recovery code again: %v", err)
	}
	got, err := e.Service.Account(t.Context(), a.ID)
	if err != nil || got.RecoveryLeft != recoveryCodes-1 {
		t.Fatalf("%d left, %v", got.RecoveryLeft, err)
	}
	fresh, err := e.NewRecovery(t.Context(), a.Subject())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, codes[4]); !errors.Is(err, ErrSignIn) {
		t.Fatalf("code of the old sheet: %v", err)
	}
	if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, fresh[0]); err != nil {
		t.Fatalf("code of the new sheet: %v", err)
	}
}

func TestGuessingWaitsLonger(t *testing.T) {
	t.Parallel()
	last := time.Duration(0)
	for n := range 40 {
		d := delay(n)
		if d < last || d > maxDelay || n <= freeFailures && d != 0 || n > freeFailures && d == 0 {
			t.Fatalf("after %d failures the wait is %v, before it was %v", n, d, last)
		}
		last = d
	}
	if last != maxDelay {
		t.Fatalf("the wait ends at %v", last)
	}
	e := newEnv(t, storetest.Open(t, store.SQLite))
	a := e.admin(t)
	secret, _ := e.secure(t, a)
	for range freeFailures + 1 {
		if _, err := e.SignIn(t.Context(), "Administrator", "wrong wrong wrong", "000000"); !errors.Is(err, ErrSignIn) {
			t.Fatal(err)
		}
	}
	_, err := e.SignIn(t.Context(), "Administrator", goodPassword, e.code(t, secret))
	var wait *WaitError
	if !errors.As(err, &wait) || wait.For <= 0 {
		t.Fatalf("the right password during the wait: %v", err)
	}
	// A name that nobody has waits just the same, so that waiting tells nothing.
	for range freeFailures + 1 {
		_, _ = e.SignIn(t.Context(), "nobody", "wrong wrong wrong", "000000")
	}
	if _, err := e.SignIn(t.Context(), "NOBODY", "wrong wrong wrong", "000000"); !errors.Is(err, ErrWait) {
		t.Fatalf("an unknown name does not wait: %v", err)
	}
	e.advance(time.Minute)
	if _, err := e.SignIn(t.Context(), "Administrator", goodPassword, e.code(t, secret)); err != nil {
		t.Fatalf("after the wait: %v", err)
	}
	e.advance(time.Minute)
	for range freeFailures { // success began the count anew
		if _, err := e.SignIn(t.Context(), "Administrator", "wrong wrong wrong", "000000"); !errors.Is(err, ErrSignIn) {
			t.Fatal(err)
		}
	}
}

func TestGuessesAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		e.secure(t, e.admin(t))
		var looked atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if _, err := e.SignIn(context.Background(), "Administrator", "wrong wrong wrong", "000000"); errors.Is(err, ErrSignIn) {
					looked.Add(1)
				}
			})
		}
		wg.Wait()
		if n := looked.Load(); n > freeFailures+1 {
			t.Fatalf("%d guesses sent at once were all looked at", n)
		}
	})
}

func TestOnlyAdministratorsManagePeople(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	victim := e.invite(t, root, "Olha", archive.RoleReviewer)
	for _, by := range []policy.Subject{{}, e.invite(t, root, "Arch", archive.RoleArchivist).Subject(), e.invite(t, root, "Rev", archive.RoleReviewer).Subject()} {
		ctx := t.Context()
		_, _, inviteErr := e.Invite(ctx, by, "New", archive.RoleAdmin, archive.Scope{})
		_, linkErr := e.NewLink(ctx, by, victim.ID)
		_, listErr := e.People(ctx, by)
		for what, err := range map[string]error{
			"invite": inviteErr, "link": linkErr, "list": listErr, "role": e.SetRole(ctx, by, victim.ID, archive.RoleAdmin), "scope": e.SetScope(ctx, by, victim.ID, archive.Scope{}),
			"disable": e.Disable(ctx, by, victim.ID), "enable": e.Enable(ctx, by, victim.ID),
		} {
			if !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrForbidden) {
				t.Errorf("%s by %q: %v", what, by.Role, err)
			}
		}
	}
	// Somebody who was an administrator when the page was drawn and is none any more.
	second := e.invite(t, root, "Second", archive.RoleAdmin)
	if err := e.SetRole(t.Context(), root.Subject(), second.ID, archive.RoleReviewer); err != nil {
		t.Fatal(err)
	}
	if err := e.SetRole(t.Context(), second.Subject(), second.ID, archive.RoleAdmin); err == nil {
		t.Fatal("a right that was taken away still worked")
	}
}

func TestLastAdministratorStays(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		root := e.admin(t)
		if err := e.Disable(t.Context(), root.Subject(), root.ID); !errors.Is(err, ErrLastAdministrator) {
			t.Fatalf("disable: %v", err)
		}
		if err := e.SetRole(t.Context(), root.Subject(), root.ID, archive.RoleReviewer); !errors.Is(err, ErrLastAdministrator) {
			t.Fatalf("lower: %v", err)
		}
		// Two who remove each other at the same time.
		other := e.invite(t, root, "Other", archive.RoleAdmin)
		var wg sync.WaitGroup
		wg.Go(func() { _ = e.Disable(context.Background(), root.Subject(), other.ID) })
		wg.Go(func() { _ = e.SetRole(context.Background(), other.Subject(), root.ID, archive.RoleArchivist) })
		wg.Wait()
		left := 0
		storetest.Read(t, db, func(tx *store.Tx) (err error) { left, err = administrators(t.Context(), tx, ""); return err })
		if left != 1 {
			t.Fatalf("%d administrators are left", left)
		}
	})
}

func TestEveryActIsAnEventWithoutNames(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	ctx := t.Context()
	root := e.admin(t)
	name := "Kateryna-Canary"
	a := e.invite(t, root, name, archive.RoleReviewer)
	acc := archive.NewID(archive.PrefixAccession)
	secret, _ := e.secure(t, a)
	e.advance(time.Minute)
	if _, err := e.SignIn(ctx, name, goodPassword, e.code(t, secret)); err != nil {
		t.Fatal(err)
	}
	for what, err := range map[string]error{
		"scope":   e.SetScope(ctx, root.Subject(), a.ID, archive.Scope{Accessions: []string{acc}, MaxDifficulty: 1}),
		"role":    e.SetRole(ctx, root.Subject(), a.ID, archive.RoleArchivist),
		"name":    e.SetName(ctx, a.Subject(), name+"-2"),
		"out":     e.SignedOut(ctx, a.Subject()),
		"all out": e.SignOutEverywhere(ctx, a.Subject(), ""),
		"prefs":   e.SetPreferences(ctx, a.Subject(), Preferences{Language: "uk", Scheme: "light"}),
	} {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	if _, err := e.NewRecovery(ctx, a.Subject()); err != nil {
		t.Fatal(err)
	}
	e.advance(time.Minute)
	if err := e.ChangePassword(ctx, a.Subject(), "", goodPassword, "another horse entirely", e.code(t, secret)); err != nil {
		t.Fatal(err)
	}
	if err := e.Disable(ctx, root.Subject(), a.ID); err != nil {
		t.Fatal(err)
	}
	if err := e.Enable(ctx, root.Subject(), a.ID); err != nil {
		t.Fatal(err)
	}
	all := e.events(t)
	have := map[string]bool{}
	for _, act := range acts(all) {
		have[act] = true
	}
	for _, act := range []string{
		"account created", "link issued", "signed in", "password and second factor set", "scope changed", "role changed", "name changed", "signed out",
		"signed out everywhere", "recovery codes replaced", "password changed", "account disabled", "account enabled",
	} {
		if !have[act] {
			t.Errorf("no event says %q", act)
		}
	}
	for _, ev := range all {
		text, err := ev.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		for _, canary := range []string{"Canary", "canary", "Administrator", goodPassword, secret, strings.ReplaceAll(secret, " ", "")} {
			if bytes.Contains(text, []byte(canary)) {
				t.Errorf("an event holds %q", canary)
			}
		}
	}
}

// broken refuses to record.
type broken struct{}

func (broken) Record(context.Context, custody.Tx, ...archive.Event) ([]int64, error) {
	return nil, errors.New("the record is full")
}

func TestNoActWithoutItsEvent(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	e := newEnv(t, db)
	root := e.admin(t)
	a := e.invite(t, root, "Olha", archive.RoleReviewer)
	link, err := e.NewLink(t.Context(), root.Subject(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	enrol, err := e.Enrol(t.Context(), a.Subject(), "se_1")
	if err != nil {
		t.Fatal(err)
	}
	mute := newEnv(t, db, func(o *Options) { o.Custody = broken{} })
	mute.now.Store(e.now.Load())
	ctx := t.Context()
	_, useErr := mute.UseLink(ctx, link.Token)
	pwErr := mute.SetPassword(ctx, a.Subject(), "se_1", "", goodPassword, e.code(t, enrol.Secret))
	for what, err := range map[string]error{
		"link": useErr, "password": pwErr, "role": mute.SetRole(ctx, root.Subject(), a.ID, archive.RoleAdmin),
		"disable": mute.Disable(ctx, root.Subject(), a.ID), "name": mute.SetName(ctx, a.Subject(), "Other"),
	} {
		if err == nil {
			t.Errorf("%s went through without an event", what)
		}
	}
	got, err := e.Service.Account(ctx, a.ID)
	if err != nil || got.Role != archive.RoleReviewer || got.Disabled || got.Name != "Olha" || got.Password || !got.SeenAt.IsZero() {
		t.Fatalf("something was changed without an event: %+v %v", got, err)
	}
	if _, err := e.UseLink(ctx, link.Token); err != nil {
		t.Fatalf("the link was used up without an event: %v", err)
	}
}

func TestPasswordsAndNames(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		password string
		want     error
	}{
		{"correct horse battery staple", nil},
		{"сім звичайних слів поспіль", nil},
		{"elevenchars", ErrPasswordShort},
		{"aaaaaaaaaaaaaaaa", ErrPasswordKnown},
		{"password1234", ErrPasswordKnown},
		{"Qwertyuiop123!", ErrPasswordKnown},
		{"123456789012345", ErrPasswordKnown},
		{"AdminPassword2024", ErrPasswordKnown},
		{"йцукенгшщзхъ12", ErrPasswordKnown},
		{strings.Repeat("long words ", 100), ErrPasswordLong},
	} {
		if err := CheckPassword(c.password); !errors.Is(err, c.want) {
			t.Errorf("%q: %v", c.password, err)
		}
	}
	for _, c := range []struct{ name, want string }{
		{"  Olha   K. ", "Olha K."}, {"", ""}, {"   ", ""}, {strings.Repeat("x", 61), ""}, {"abc\u202egpj", ""}, {"a\u200bb", ""}, {"a\x00b", ""}, {"\xff", ""}, {"Оля", "Оля"},
	} {
		got, err := CheckName(c.name)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%q: %q %v", c.name, got, err)
		}
	}
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	e.invite(t, root, "Olha", archive.RoleReviewer)
	if _, _, err := e.Invite(t.Context(), root.Subject(), "ＯＬＨＡ", archive.RoleReviewer, archive.Scope{}); !errors.Is(err, ErrName) {
		t.Fatalf("a name that looks the same: %v", err)
	}
}

func TestDefaultCosts(t *testing.T) {
	t.Parallel()
	// RFC 9106 section 4, second recommended option. A change must be argued.
	if DefaultArgon != (Argon{Memory: 64 << 10, Time: 3, Threads: 4}) {
		t.Fatalf("costs of Argon2id are %+v", DefaultArgon)
	}
	phc, err := hashPassword(goodPassword, cheap, defaultRandom)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := verifyPassword(goodPassword, phc); !ok || err != nil {
		t.Fatal("a password does not verify", err)
	}
	if ok, _ := verifyPassword(goodPassword+" ", phc); ok {
		t.Fatal("another password verifies")
	}
	if again, _ := hashPassword(goodPassword, cheap, defaultRandom); again == phc {
		t.Fatal("two hashes of one password are equal: no salt")
	}
}

func TestParsePHCNeverPanics(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`\$argon2id\$v=19\$m=\d{1,12},t=\d{1,12},p=\d{1,4}\$[A-Za-z0-9+/]{0,90}\$[A-Za-z0-9+/]{0,90}`)).Draw(t, "phc")
		cost, _, _, err := parsePHC(s)
		if err == nil && (cost.Memory > 1<<20 || cost.Time > 64 || cost.Threads == 0) {
			t.Fatalf("costs %+v were taken", cost)
		}
	})
}

func TestSessions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		a := e.admin(t)
		st := e.Sessions()
		body, err := SessionCodec{}.Encode(e.Service.now().Add(SessionAbsolute), map[string]any{SessionAccount: a.ID, SessionID: "se_canary"})
		if err != nil {
			t.Fatal(err)
		}
		commit := func(token string) {
			if err := st.Commit(token, body, e.Service.now().Add(SessionAbsolute)); err != nil {
				t.Fatal(err)
			}
		}
		alive := func(token string) bool {
			got, ok, err := st.Find(token)
			if err != nil {
				t.Fatal(err)
			}
			if ok && !bytes.Equal(got, body) {
				t.Fatal("a session came back altered")
			}
			e.Close() // so that what is written in the background is there
			return ok
		}
		commit("one")
		commit("two")
		commit("three")
		storetest.Read(t, db, func(tx *store.Tx) error {
			rows, err := tx.Sessions(t.Context(), a.ID, e.Service.now())
			for _, r := range rows {
				if bytes.Contains(r.Data, []byte("canary")) || bytes.Contains(r.Data, []byte(a.ID)) || bytes.Contains(r.TokenHash, []byte("one")) {
					t.Error("a session is readable in the database")
				}
			}
			if len(rows) != 3 {
				t.Errorf("%d sessions", len(rows))
			}
			return err
		})
		if !alive("one") || alive("four") || alive("") {
			t.Fatal("the wrong sessions are alive")
		}
		if err := e.SignOutEverywhere(t.Context(), a.Subject(), "one"); err != nil {
			t.Fatal(err)
		}
		if !alive("one") || alive("two") || alive("three") {
			t.Fatal("ending the others ended the wrong ones")
		}
		// In use it lives on, up to its absolute end.
		for range 7 {
			e.advance(SessionIdle - time.Minute)
			if e.Service.now().Sub(a.SeenAt) < SessionAbsolute && !alive("one") {
				t.Fatal("a session in use ended early")
			}
		}
		if alive("one") {
			t.Fatal("a session outlived its absolute end")
		}
		commit("five")
		e.advance(SessionIdle + time.Minute)
		if alive("five") {
			t.Fatal("a session outlived its idle end")
		}
		commit("six")
		if err := e.SignOutEverywhere(t.Context(), a.Subject(), ""); err != nil {
			t.Fatal(err)
		}
		if alive("six") {
			t.Fatal("signing out everywhere left a session")
		}
	})
}

func TestDisablingEndsSessions(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a := e.invite(t, root, "Olha", archive.RoleReviewer)
	body, _ := SessionCodec{}.Encode(e.Service.now(), map[string]any{SessionAccount: a.ID})
	if err := e.Sessions().Commit("token", body, e.Service.now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := e.Disable(t.Context(), root.Subject(), a.ID); err != nil {
		t.Fatal(err)
	}
	if _, ok, _ := e.Sessions().Find("token"); ok {
		t.Fatal("the session of a closed account lives")
	}
}

func TestSecondFactorIsSealedForItsAccount(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a := e.invite(t, root, "Olha", archive.RoleReviewer)
	secret, _ := e.secure(t, root)
	e.secure(t, a)
	storetest.Write(t, e.db, func(tx *store.Tx) error {
		from, err := tx.Account(t.Context(), root.ID)
		if err != nil {
			return err
		}
		if bytes.Contains(from.Factor, []byte(strings.ReplaceAll(secret, " ", ""))) {
			t.Error("the second factor lies open in the database")
		}
		to, err := tx.Account(t.Context(), a.ID)
		if err != nil {
			return err
		}
		to.Factor = from.Factor // somebody who can write the database moves a factor that they know
		return tx.SetAccount(t.Context(), to)
	})
	e.advance(time.Minute)
	if _, err := e.SignIn(t.Context(), "Olha", goodPassword, e.code(t, secret)); err == nil {
		t.Fatal("a second factor worked for another account")
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	a := e.admin(t)
	secret, _ := e.secure(t, a)
	ctx := t.Context()
	if err := e.ChangePassword(ctx, a.Subject(), "", "wrong wrong wrong", "another horse entirely", e.code(t, secret)); !errors.Is(err, ErrSignIn) {
		t.Fatalf("wrong present password: %v", err)
	}
	if err := e.ChangePassword(ctx, a.Subject(), "", goodPassword, "another horse entirely", "000000"); !errors.Is(err, ErrSignIn) {
		t.Fatalf("wrong code: %v", err)
	}
	if err := e.ChangePassword(ctx, a.Subject(), "", goodPassword, "short", e.code(t, secret)); !errors.Is(err, ErrPasswordShort) {
		t.Fatalf("short: %v", err)
	}
	if err := e.ChangePassword(ctx, a.Subject(), "", goodPassword, "another horse entirely", e.code(t, secret)); err != nil {
		t.Fatal(err)
	}
	e.advance(time.Minute)
	if _, err := e.SignIn(ctx, "Administrator", goodPassword, e.code(t, secret)); !errors.Is(err, ErrSignIn) {
		t.Fatalf("the old password: %v", err)
	}
	if _, err := e.SignIn(ctx, "Administrator", "another horse entirely", e.code(t, secret)); err != nil {
		t.Fatalf("the new password: %v", err)
	}
}
