package account

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// TokenPrefix begins every token, so that one that leaked is known for what it is.
const TokenPrefix = "zpt_"

// MaxTokenLife is how long a token may live at most. A program that is forgotten must lose its way in by itself.
const MaxTokenLife = 366 * 24 * time.Hour

// maxTokens is how many standing tokens one account may have.
const maxTokens = 20

// What a token may be good for.
const (
	TokenRead   = "read"   // look at the catalogue, notes and items by name, and search
	TokenWrite  = "write"  // say things, decide about suggestions, make notes, take files in
	TokenExport = "export" // take the catalogue out
)

// tokenActions are what each of them opens. What stands under none is never done with a token: original bytes, working copies, where a file
// came from, identities, consent, accounts, the machine room.
var tokenActions = map[string][]policy.Action{
	TokenRead:   {policy.Browse, policy.ViewItem, policy.ListAccessions, policy.ViewAccession, policy.ViewCatalogue, policy.Search},
	TokenWrite:  {policy.EditCatalogue, policy.Annotate, policy.Grade, policy.DecideSuggestion, policy.Import},
	TokenExport: {policy.Export},
}

// TokenActions lists what a token may be good for, in the order in which it is offered.
func TokenActions() []string { return []string{TokenRead, TokenWrite, TokenExport} }

// Token is what its owner sees of a token.
type Token struct {
	ID           string
	Account      string
	Label        string
	Actions      []string
	Compartments []string // nil: those of the account
	CreatedAt    time.Time
	ExpiresAt    time.Time
	RevokedAt    time.Time
	UsedOn       time.Time // the day
	Secret       string    // only in the answer of NewToken
}

// Stands says whether a token works at a moment.
func (t Token) Stands(at time.Time) bool { return t.RevokedAt.IsZero() && at.Before(t.ExpiresAt) }

// TokenDraft is a token that is about to be made.
type TokenDraft struct {
	Label        string
	Actions      []string // at least one
	Compartments []string // nil: those that the account sees; archive.CommonGrant names the common one
	Life         time.Duration
}

// Bearer is who asks with a token.
type Bearer struct {
	Token   string // its identifier
	Account Account
	Subject policy.Subject // narrower than the account's
	allowed []policy.Action
}

// May says whether the token is good for an action at all.
func (b Bearer) May(a policy.Action) bool {
	return slices.Contains(b.allowed, a) && policy.Could(b.Subject, a)
}

func tokenOf(t store.Token) Token {
	return Token{
		ID: t.ID, Account: t.Account, Label: t.Label, Actions: t.Actions, Compartments: t.Compartments, CreatedAt: t.CreatedAt, ExpiresAt: t.ExpiresAt,
		RevokedAt: t.RevokedAt, UsedOn: t.UsedOn,
	}
}

// hashAPIToken is what the database keeps of a token. It carries 256 random bits, so that a plain hash cannot be guessed.
func hashAPIToken(token string) []byte {
	sum := sha256.Sum256([]byte("zapis api token v1\x00" + token))
	return sum[:]
}

// NewToken makes a token for one's own account. Its secret is in the answer and nowhere else.
func (s *Service) NewToken(ctx context.Context, by policy.Subject, d TokenDraft) (Token, error) {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return Token{}, err
	}
	label, err := CheckName(d.Label)
	if err != nil {
		return Token{}, err
	}
	var actions []string
	for _, a := range TokenActions() {
		if slices.Contains(d.Actions, a) {
			actions = append(actions, a)
		}
	}
	if len(actions) == 0 || len(actions) != len(slices.Compact(slices.Sorted(slices.Values(d.Actions)))) {
		return Token{}, fmt.Errorf("%w: a token is good for read, write or export", archive.ErrInvalid)
	}
	if d.Life < time.Hour || d.Life > MaxTokenLife {
		return Token{}, fmt.Errorf("%w: a token lives an hour at least and a year at most", archive.ErrInvalid)
	}
	if len(d.Compartments) > 200 {
		return Token{}, fmt.Errorf("%w: too many compartments", archive.ErrInvalid)
	}
	sc := policy.ScopeOf(by)
	for _, id := range d.Compartments {
		// One that the account does not see is refused like one that is not there.
		if !seesGrant(sc, id) {
			return Token{}, archive.ErrNotFound
		}
	}
	random, err := newToken(s.o.Random)
	if err != nil {
		return Token{}, err
	}
	secret := TokenPrefix + random
	row := store.Token{
		ID: archive.NewIDFrom(archive.PrefixToken, s.now(), s.o.Random), Account: by.Agent, Hash: hashAPIToken(secret), Label: label, Actions: actions,
		Compartments: d.Compartments, CreatedAt: s.now().Truncate(time.Microsecond), ExpiresAt: s.now().Add(d.Life).Truncate(time.Microsecond),
	}
	err = s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		held, err := tx.Tokens(ctx, by.Agent)
		if err != nil {
			return nil, fmt.Errorf("list tokens: %w", err)
		}
		standing := 0
		for _, t := range held {
			if tokenOf(t).Stands(s.now()) {
				standing++
			}
		}
		if standing >= maxTokens {
			return nil, fmt.Errorf("%w: %d tokens stand already", archive.ErrConflict, standing)
		}
		if err := tx.AddToken(ctx, row); err != nil {
			return nil, err
		}
		return []archive.Event{s.event(by.Agent, "token made", by.Agent, "token", row.ID, "actions", strings.Join(actions, " "), "until", row.ExpiresAt.Format(time.DateOnly))}, nil
	})
	if err != nil {
		return Token{}, err
	}
	t := tokenOf(row)
	t.Secret = secret
	return t, nil
}

// seesGrant says whether a scope holds a compartment as it is written in grants.
func seesGrant(sc archive.Scope, id string) bool {
	if id == archive.CommonGrant {
		return sc.Sees(archive.Common)
	}
	return archive.CheckID(archive.PrefixCompartment, id) == nil && sc.Sees(id)
}

// Tokens gives one's own tokens, the newest first.
func (s *Service) Tokens(ctx context.Context, by policy.Subject) ([]Token, error) {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return nil, err
	}
	var out []Token
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Tokens(ctx, by.Agent)
		for _, t := range rows {
			out = append(out, tokenOf(t))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return out, nil
}

// AllTokens gives everybody's tokens, for who manages people, without the labels, which are their owners' own.
func (s *Service) AllTokens(ctx context.Context, by policy.Subject) ([]Token, error) {
	if err := policy.Decide(by, policy.ManagePeople, policy.Object{}).Err(); err != nil {
		return nil, err
	}
	var out []Token
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		rows, err := tx.Tokens(ctx, "")
		for _, t := range rows {
			t.Label = ""
			out = append(out, tokenOf(t))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return out, nil
}

// RevokeToken ends a token of one's own, or of anybody's for who manages people; archive.ErrNotFound.
func (s *Service) RevokeToken(ctx context.Context, by policy.Subject, id string) error {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return err
	}
	if archive.CheckID(archive.PrefixToken, id) != nil {
		return archive.ErrNotFound
	}
	return s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		owner := by.Agent
		if policy.Decide(by, policy.ManagePeople, policy.Object{}).Allow {
			rows, err := tx.Tokens(ctx, "")
			if err != nil {
				return nil, fmt.Errorf("list tokens: %w", err)
			}
			for _, t := range rows {
				if t.ID == id {
					owner = t.Account
				}
			}
		}
		if err := tx.RevokeToken(ctx, owner, id, s.now()); err != nil {
			return nil, err
		}
		return []archive.Event{s.event(by.Agent, "token revoked", owner, "token", id)}, nil
	})
}

// Bear gives who asks with a token: its account as it is granted now, never more than an investigator, never identities, and of the
// compartments only those that both the account and the token reach. archive.ErrNotFound if the token is unknown, revoked or expired, or the
// account is switched off; it never says which.
func (s *Service) Bear(ctx context.Context, token string) (Bearer, error) {
	if !strings.HasPrefix(token, TokenPrefix) || len(token) > 128 {
		return Bearer{}, archive.ErrNotFound
	}
	var row store.Token
	var a Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		var err error
		if row, err = tx.Token(ctx, hashAPIToken(token), s.now()); err != nil {
			return fmt.Errorf("find token: %w", err)
		}
		held, err := tx.Account(ctx, row.Account)
		if err != nil {
			return fmt.Errorf("read account %s: %w", row.Account, err)
		}
		a, err = s.load(ctx, tx, held)
		return err
	})
	if err != nil {
		return Bearer{}, err
	}
	if a.Disabled {
		return Bearer{}, archive.ErrNotFound
	}
	b := Bearer{Token: row.ID, Account: a, Subject: narrow(a.Subject(), row.Compartments)}
	for _, name := range row.Actions {
		b.allowed = append(b.allowed, tokenActions[name]...)
	}
	if today := s.now().Truncate(24 * time.Hour); !row.UsedOn.Equal(today) {
		// Once a day. That it could not be noted must not stop the program's work.
		if err := s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.UseToken(ctx, row.ID, today) }); err != nil {
			s.o.Logger.WarnContext(ctx, "use of a token not noted", "token", row.ID, "error", err)
		}
	}
	return b, nil
}

// narrow gives what a token may be of what its account is.
func narrow(s policy.Subject, compartments []string) policy.Subject {
	sc := policy.ScopeOf(s)
	sc.Identities, sc.Quarantined = false, false
	if compartments != nil {
		var both []string
		for _, id := range compartments {
			if seesGrant(sc, id) {
				both = append(both, id)
			}
		}
		sc.AllCompartments, sc.Compartments = false, both
		if !slices.Contains(both, archive.CommonGrant) {
			// Whoever sees the whole archive sees the common compartment, so a token without it is held by accessions: none. It
			// reaches what is filed, and no item.
			sc.All, sc.Accessions = false, nil
		}
	}
	role := s.Role
	if policy.AtLeast(role, archive.RoleInvestigator) {
		role = archive.RoleInvestigator
	}
	return policy.Subject{Agent: s.Agent, Role: role, Scope: sc}
}
