package account

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/webauthn"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault/record"
)

// Conditions of this room. Compare with errors.Is.
var (
	// ErrSignIn: name, password or code are wrong, or the account is switched off. It never says which.
	ErrSignIn = errors.New("sign-in refused")
	// ErrWait: too many failures; errors.As to *WaitError says how long.
	ErrWait = errors.New("sign-in must wait")
	// ErrName: the name is empty, too long, taken, or has characters that do not show.
	ErrName = fmt.Errorf("%w: the name cannot be used", archive.ErrInvalid)
	// ErrPasswordShort, ErrPasswordLong, ErrPasswordKnown: the password is not good enough, the last because it is among
	// those that attackers try first.
	ErrPasswordShort = fmt.Errorf("%w: the password is shorter than %d characters", archive.ErrInvalid, MinPassword)
	ErrPasswordLong  = fmt.Errorf("%w: the password is longer than %d characters", archive.ErrInvalid, MaxPassword)
	ErrPasswordKnown = fmt.Errorf("%w: the password is one that is tried first", archive.ErrInvalid)
	// ErrCode: the one-time code that confirms an authenticator does not fit.
	ErrCode = fmt.Errorf("%w: the code does not fit", archive.ErrInvalid)
	// ErrPasskey: the browser's answer was refused.
	ErrPasskey = fmt.Errorf("%w: the passkey was refused", archive.ErrInvalid)
	// ErrLastWay: the act would leave a person without a way to come back.
	ErrLastWay = fmt.Errorf("%w: the last way in cannot be removed", archive.ErrConflict)
	// ErrDisabled: the account is switched off.
	ErrDisabled = fmt.Errorf("%w: the account is switched off", archive.ErrConflict)
	// ErrLastAdministrator: the act would leave nobody who can manage accounts.
	ErrLastAdministrator = fmt.Errorf("%w: the last administrator cannot be removed", archive.ErrConflict)
	// ErrOwnIdentities: an administrator wants to let themselves see who stands behind codes.
	ErrOwnIdentities = fmt.Errorf("%w: identities are granted by somebody else", archive.ErrForbidden)
	// ErrNoPasskeys: this server runs under an address for which browsers refuse passkeys.
	ErrNoPasskeys = fmt.Errorf("%w: passkeys need a host name", archive.ErrConflict)
)

// WaitError says how long the next try has to wait.
type WaitError struct{ For time.Duration }

func (e *WaitError) Error() string { return ErrWait.Error() }

// Is makes a WaitError an ErrWait.
func (e *WaitError) Is(target error) bool { return target == ErrWait }

// Recorder writes custody events in a transaction; *custody.Recorder is one.
type Recorder interface {
	Record(ctx context.Context, tx custody.Tx, events ...archive.Event) ([]int64, error)
}

// Options of New. DB, Custody, Sealer and Agent are needed.
type Options struct {
	DB      *store.DB
	Custody Recorder
	Sealer  *record.Sealer // seals second factors and sessions
	Agent   archive.Agent  // the program, which acts when nobody is signed in
	Origins []string       // under which the workspace is reached, such as https://archive.example; the first is the main one

	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
	Random io.Reader        // nil: the operating system's
	Argon  Argon            // zero: DefaultArgon
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o        Options
	passkeys *webauthn.WebAuthn // nil when the address does not allow them
	rpID     string
	origins  []string // of passkeys

	ceremonies ceremonies
	hashing    chan struct{} // bounds the memory that password hashing takes
	throttle   sync.Mutex    // so that guesses sent at once are counted one after the other
	dummy      string        // what an unknown name's password is compared with
	touching   sync.Map      // sessions whose last use is being written
	background sync.WaitGroup
}

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Custody == nil || o.Sealer == nil || o.Agent.ID == "" {
		return nil, fmt.Errorf("account: %w: database, custody, sealer and agent are needed", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = defaultRandom
	}
	o.Argon = cmp.Or(o.Argon, DefaultArgon)
	s := &Service{o: o, hashing: make(chan struct{}, 2)}
	var err error
	if s.passkeys, s.rpID, s.origins, err = relyingParty(o.Origins); err != nil {
		return nil, err
	}
	if s.dummy, err = hashPassword("nobody has this password", o.Argon, o.Random); err != nil {
		return nil, err
	}
	return s, nil
}

// Close waits for what is written in the background.
func (s *Service) Close() { s.background.Wait() }

func (s *Service) now() time.Time { return s.o.Now().UTC() }

// Account is what the rest of the program sees of an account.
type Account struct {
	ID        string // of the agent
	Login     string // what the person types
	Name      string // what colleagues see
	Role      archive.Role
	Scope     archive.Scope
	Disabled  bool
	CreatedAt time.Time
	SeenAt    time.Time // last sign-in; zero if never

	Password     bool // has a password with a second factor
	Passkeys     []Passkey
	RecoveryLeft int

	Preferences Preferences
}

// Secured says whether the person can come back without a link.
func (a Account) Secured() bool { return a.Password || len(a.Passkeys) > 0 }

// Subject gives the account to policy.
func (a Account) Subject() policy.Subject {
	if a.Disabled {
		return policy.Subject{}
	}
	return policy.Subject{Agent: a.ID, Role: a.Role, Scope: a.Scope}
}

// Passkey is what its owner sees of a passkey.
type Passkey struct {
	ID        string // base64url
	Label     string
	CreatedAt time.Time
	UsedAt    time.Time
}

// Preferences are how a person likes the workspace.
type Preferences struct {
	Language string `json:"language,omitempty"` // empty: from the browser
	Scheme   string `json:"scheme,omitempty"`   // "dark", "light", "system"; empty: dark
	KeysOff  bool   `json:"keys_off,omitempty"` // single keys do nothing
}

// Check refuses preferences of unknown values. Languages are checked by who knows them.
func (p Preferences) Check() error {
	if !slices.Contains([]string{"", "dark", "light", "system"}, p.Scheme) || len(p.Language) > 16 {
		return fmt.Errorf("%w: preferences", archive.ErrInvalid)
	}
	return nil
}

// load gives an account with what belongs to it.
func (s *Service) load(ctx context.Context, tx *store.Tx, row store.Account) (Account, error) {
	a := Account{
		ID: row.ID, Login: row.Login, Name: row.Name, Role: row.Role, Scope: row.Scope, Disabled: row.Disabled,
		CreatedAt: row.CreatedAt, SeenAt: row.SeenAt, Password: row.Password != "" && len(row.Factor) > 0,
	}
	if len(row.Preferences) > 0 {
		// Preferences that this build cannot read are preferences not set.
		_ = json.Unmarshal(row.Preferences, &a.Preferences)
	}
	keys, err := tx.Credentials(ctx, row.ID)
	if err != nil {
		return Account{}, fmt.Errorf("read passkeys of %s: %w", row.ID, err)
	}
	for _, k := range keys {
		a.Passkeys = append(a.Passkeys, Passkey{ID: encodeKeyID(k.ID), Label: k.Label, CreatedAt: k.CreatedAt, UsedAt: k.UsedAt})
	}
	left, err := tx.RecoveryLeft(ctx, row.ID)
	if err != nil {
		return Account{}, fmt.Errorf("count recovery codes of %s: %w", row.ID, err)
	}
	a.RecoveryLeft = int(left)
	return a, nil
}

// Account gives one account; archive.ErrNotFound.
func (s *Service) Account(ctx context.Context, id string) (Account, error) {
	if err := archive.CheckID(archive.PrefixAgent, id); err != nil {
		return Account{}, archive.ErrNotFound
	}
	var a Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Account(ctx, id)
		if err != nil {
			return fmt.Errorf("read account %s: %w", id, err)
		}
		a, err = s.load(ctx, tx, row)
		return err
	})
	return a, err
}

// People lists all accounts, for who may manage them.
func (s *Service) People(ctx context.Context, by policy.Subject) ([]Account, error) {
	if err := policy.Decide(by, policy.ManagePeople, policy.Object{}).Err(); err != nil {
		return nil, err
	}
	var all []Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Accounts(ctx)
		if err != nil {
			return fmt.Errorf("list accounts: %w", err)
		}
		for _, row := range rows {
			a, err := s.load(ctx, tx, row)
			if err != nil {
				return err
			}
			all = append(all, a)
		}
		return nil
	})
	return all, err
}

// OperatorList lists all accounts for whoever holds the machine and the vault's passphrase.
func (s *Service) OperatorList(ctx context.Context) ([]Account, error) {
	return s.People(ctx, policy.Subject{Agent: s.o.Agent.ID, Role: archive.RoleAdmin})
}

// event makes a custody event about an account.
func (s *Service) event(agent, act, account string, detail ...string) archive.Event {
	d := map[string]string{"act": act}
	for i := 0; i+1 < len(detail); i += 2 {
		d[detail[i]] = detail[i+1]
	}
	return archive.Event{
		Type: archive.EventAccount, Agent: agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: "about", Kind: "account", ID: account}}, Detail: d,
	}
}

// change runs f in a transaction that holds the head of the custody record from the start, so that changes to
// accounts happen one after the other: two administrators must not remove each other at once. The events that f
// returns are recorded last.
func (s *Service) change(ctx context.Context, f func(*store.Tx) ([]archive.Event, error)) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.Head(ctx, true); err != nil {
			return fmt.Errorf("lock the custody record: %w", err)
		}
		events, err := f(tx)
		if err != nil || len(events) == 0 {
			return err
		}
		if _, err := s.o.Custody.Record(ctx, tx, events...); err != nil {
			return fmt.Errorf("record account change: %w", err)
		}
		return nil
	})
}

// operator makes sure that the program's own agent exists.
func (s *Service) operator(ctx context.Context, tx *store.Tx) error {
	if err := tx.AddAgent(ctx, s.o.Agent); err != nil && !errors.Is(err, archive.ErrExists) {
		return fmt.Errorf("add agent %s: %w", s.o.Agent.ID, err)
	}
	return nil
}

// newAccount adds an account row.
func (s *Service) newAccount(ctx context.Context, tx *store.Tx, by, name string, role archive.Role, scope archive.Scope) (store.Account, error) {
	name, err := CheckName(name)
	if err != nil {
		return store.Account{}, err
	}
	if !policy.AtLeast(role, archive.RoleReviewer) {
		return store.Account{}, fmt.Errorf("%w: role", archive.ErrInvalid)
	}
	if err := checkScope(scope); err != nil {
		return store.Account{}, err
	}
	handle := make([]byte, 32)
	if _, err := io.ReadFull(s.o.Random, handle); err != nil {
		return store.Account{}, fmt.Errorf("read randomness: %w", err)
	}
	row := store.Account{
		ID: archive.NewIDFrom(archive.PrefixAgent, s.now(), s.o.Random), Login: string(nameKey(name)), Name: name,
		Role: role, Scope: scope, UserHandle: handle, CreatedAt: s.now(), CreatedBy: by,
	}
	if err := tx.AddAccount(ctx, row); err != nil {
		if errors.Is(err, archive.ErrExists) {
			return row, fmt.Errorf("add account: %w", ErrName)
		}
		return row, fmt.Errorf("add account %s: %w", row.ID, err)
	}
	return row, nil
}

// checkScope refuses a scope with malformed accessions, compartments or levels. An empty scope is allowed and shows nothing.
func checkScope(sc archive.Scope) error {
	for _, id := range sc.Accessions {
		if err := archive.CheckID(archive.PrefixAccession, id); err != nil {
			return err
		}
	}
	for _, id := range sc.Compartments {
		if id == archive.CommonGrant {
			continue
		}
		if err := archive.CheckID(archive.PrefixCompartment, id); err != nil {
			return err
		}
	}
	if sc.MaxDifficulty < -1 || sc.MaxDifficulty > 3 {
		return fmt.Errorf("%w: level of difficulty", archive.ErrInvalid)
	}
	return nil
}

// administrators counts the accounts that may manage people, without one.
func administrators(ctx context.Context, tx *store.Tx, without string) (int, error) {
	rows, err := tx.Accounts(ctx)
	if err != nil {
		return 0, fmt.Errorf("list accounts: %w", err)
	}
	n := 0
	for _, row := range rows {
		if row.ID != without && !row.Disabled && row.Role == archive.RoleAdmin {
			n++
		}
	}
	return n, nil
}

// alter changes the account row of somebody on behalf of an administrator.
func (s *Service) alter(ctx context.Context, by policy.Subject, id string, f func(*store.Account) (archive.Event, error)) error {
	if err := policy.Decide(by, policy.ManagePeople, policy.Object{}).Err(); err != nil {
		return err
	}
	return s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		// The right is looked up again inside the transaction: it may have been taken away since.
		me, err := tx.Account(ctx, by.Agent)
		if err != nil || me.Disabled || me.Role != archive.RoleAdmin {
			return nil, archive.ErrNotFound
		}
		row, err := tx.Account(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read account: %w", err)
		}
		before := row
		e, err := f(&row)
		if err != nil {
			return nil, err
		}
		if before.Role == archive.RoleAdmin && !before.Disabled && (row.Role != archive.RoleAdmin || row.Disabled) {
			n, err := administrators(ctx, tx, id)
			if err != nil {
				return nil, err
			}
			if n == 0 {
				return nil, ErrLastAdministrator
			}
		}
		if err := tx.SetAccount(ctx, row); err != nil {
			return nil, fmt.Errorf("change account %s: %w", id, err)
		}
		if row.Disabled {
			if err := tx.RemoveSessions(ctx, id); err != nil {
				return nil, fmt.Errorf("end sessions of %s: %w", id, err)
			}
		}
		return []archive.Event{e}, nil
	})
}

// SetRole grants another role.
func (s *Service) SetRole(ctx context.Context, by policy.Subject, id string, role archive.Role) error {
	if !policy.AtLeast(role, archive.RoleReviewer) {
		return fmt.Errorf("%w: role", archive.ErrInvalid)
	}
	return s.alter(ctx, by, id, func(row *store.Account) (archive.Event, error) {
		e := s.event(by.Agent, "role changed", id, "from", string(row.Role), "to", string(role))
		row.Role = role
		return e, nil
	})
}

// SetScope grants another scope. The event does not name accessions and compartments in its detail but as subjects. Nobody grants
// themselves who stands behind a code: ErrOwnIdentities. That takes another administrator, on purpose.
func (s *Service) SetScope(ctx context.Context, by policy.Subject, id string, scope archive.Scope) error {
	if err := checkScope(scope); err != nil {
		return err
	}
	return s.alter(ctx, by, id, func(row *store.Account) (archive.Event, error) {
		if id == by.Agent && scope.Identities && !row.Scope.Identities {
			return archive.Event{}, ErrOwnIdentities
		}
		row.Scope = archive.Scope{
			All: scope.All, Accessions: scope.Accessions, MaxDifficulty: scope.MaxDifficulty,
			Compartments: scope.Compartments, AllCompartments: scope.AllCompartments, Identities: scope.Identities,
		}
		return s.scopeEvent(by.Agent, "scope changed", id, row.Scope), nil
	})
}

// maxScopeSubjects is how many accessions an event names, and half as many compartments; the detail always counts them all.
const maxScopeSubjects = 40

func (s *Service) scopeEvent(agent, act, id string, scope archive.Scope) archive.Event {
	what := "some accessions"
	if scope.All {
		what = "all accessions"
	}
	e := s.event(agent, act, id, "scope", what)
	e.Detail["accessions"] = strconv.Itoa(len(scope.Accessions))
	for _, a := range scope.Accessions[:min(len(scope.Accessions), maxScopeSubjects)] {
		e.Subjects = append(e.Subjects, archive.Subject{Role: "about", Kind: "accession", ID: a})
	}
	e.Detail["compartments"] = strconv.Itoa(len(scope.Compartments))
	if scope.AllCompartments {
		e.Detail["compartments"] = "all"
	}
	e.Detail["identities"] = "no"
	if scope.Identities {
		e.Detail["identities"] = "granted"
	}
	for _, c := range scope.Compartments[:min(len(scope.Compartments), maxScopeSubjects/2)] {
		if c != archive.CommonGrant {
			e.Subjects = append(e.Subjects, archive.Subject{Role: "about", Kind: "compartment", ID: c})
		}
	}
	return e
}

// Disable switches an account off and ends its sessions.
func (s *Service) Disable(ctx context.Context, by policy.Subject, id string) error {
	return s.alter(ctx, by, id, func(row *store.Account) (archive.Event, error) {
		row.Disabled = true
		return s.event(by.Agent, "account disabled", id), nil
	})
}

// Enable switches an account on again.
func (s *Service) Enable(ctx context.Context, by policy.Subject, id string) error {
	return s.alter(ctx, by, id, func(row *store.Account) (archive.Event, error) {
		row.Disabled = false
		return s.event(by.Agent, "account enabled", id), nil
	})
}

// own changes the account of the person who acts.
func (s *Service) own(ctx context.Context, by policy.Subject, f func(*store.Tx, *store.Account) ([]archive.Event, error)) error {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return err
	}
	return s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		row, err := tx.Account(ctx, by.Agent)
		if err != nil {
			return nil, fmt.Errorf("read account %s: %w", by.Agent, err)
		}
		if row.Disabled {
			return nil, archive.ErrNotFound
		}
		before := row
		events, err := f(tx, &row)
		if err != nil {
			return nil, err
		}
		if !sameRow(before, row) {
			if err := tx.SetAccount(ctx, row); err != nil {
				if errors.Is(err, archive.ErrExists) {
					return nil, fmt.Errorf("change account %s: %w", row.ID, ErrName)
				}
				return nil, fmt.Errorf("change account %s: %w", row.ID, err)
			}
		}
		return events, nil
	})
}

func sameRow(a, b store.Account) bool {
	return a.Login == b.Login && a.Name == b.Name && a.Password == b.Password && a.FactorStep == b.FactorStep &&
		string(a.Factor) == string(b.Factor) && string(a.Preferences) == string(b.Preferences)
}

// SetName changes the name that colleagues see, which is also what the person types to sign in.
func (s *Service) SetName(ctx context.Context, by policy.Subject, name string) error {
	name, err := CheckName(name)
	if err != nil {
		return err
	}
	return s.own(ctx, by, func(_ *store.Tx, row *store.Account) ([]archive.Event, error) {
		if row.Name == name {
			return nil, nil
		}
		row.Name, row.Login = name, string(nameKey(name))
		return []archive.Event{s.event(by.Agent, "name changed", by.Agent)}, nil
	})
}

// SetPreferences keeps how the person likes the workspace. It is not an act on the material: no event.
func (s *Service) SetPreferences(ctx context.Context, by policy.Subject, p Preferences) error {
	if err := p.Check(); err != nil {
		return err
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write preferences: %w", err)
	}
	return s.own(ctx, by, func(_ *store.Tx, row *store.Account) ([]archive.Event, error) {
		row.Preferences = body
		return nil, nil
	})
}

// SignOutEverywhere ends every session of the person but the one whose token is keep; with an empty keep all of them.
func (s *Service) SignOutEverywhere(ctx context.Context, by policy.Subject, keep string) error {
	return s.own(ctx, by, func(tx *store.Tx, _ *store.Account) ([]archive.Event, error) {
		if err := s.endOthers(ctx, tx, by.Agent, keep); err != nil {
			return nil, err
		}
		return []archive.Event{s.event(by.Agent, "signed out everywhere", by.Agent)}, nil
	})
}

// SessionCount is how many sessions of the person have not ended.
func (s *Service) SessionCount(ctx context.Context, by policy.Subject) (n int, err error) {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return 0, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Sessions(ctx, by.Agent, s.now())
		if err != nil {
			return fmt.Errorf("list sessions of %s: %w", by.Agent, err)
		}
		n = 0
		for _, row := range rows {
			if now := s.now(); now.Sub(row.SeenAt) <= SessionIdle && now.Sub(row.CreatedAt) <= SessionAbsolute {
				n++
			}
		}
		return nil
	})
	return n, err
}

// SignedOut records that the person left.
func (s *Service) SignedOut(ctx context.Context, by policy.Subject) error {
	return s.own(ctx, by, func(*store.Tx, *store.Account) ([]archive.Event, error) {
		return []archive.Event{s.event(by.Agent, "signed out", by.Agent)}, nil
	})
}
