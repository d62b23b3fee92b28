package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// LinkLife is how long a link can be used.
const LinkLife = 30 * time.Minute

// InviteLife is how long an invitation can be used: its owner may be asleep.
const InviteLife = 24 * time.Hour

// Purposes of links.
const (
	LinkSetup   = "setup"   // the first administrator
	LinkInvite  = "invite"  // a new account
	LinkRecover = "recover" // somebody who lost every other way in
)

// Link is a one-time link. Token is its secret and is nowhere stored.
type Link struct {
	Token     string
	Account   string
	Purpose   string
	ExpiresAt time.Time
}

// issue adds a link for an account.
func (s *Service) issue(ctx context.Context, tx *store.Tx, by string, row store.Account, purpose string, life time.Duration) (Link, error) {
	token, err := newToken(s.o.Random)
	if err != nil {
		return Link{}, err
	}
	l := Link{Token: token, Account: row.ID, Purpose: purpose, ExpiresAt: s.now().Add(life)}
	err = tx.AddLink(ctx, store.Link{
		Hash: hashToken(token), Account: row.ID, Role: row.Role, Purpose: purpose, CreatedBy: by, CreatedAt: s.now(), ExpiresAt: l.ExpiresAt,
	})
	if err != nil {
		return Link{}, fmt.Errorf("add link for %s: %w", row.ID, err)
	}
	return l, nil
}

// Bootstrap gives a link for the first administrator: it makes the account when there is none at all, and a new
// link as long as no administrator has a way to come back in. Otherwise it reports false.
func (s *Service) Bootstrap(ctx context.Context) (Link, bool, error) {
	var link Link
	made := false
	err := s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		made = false
		rows, err := tx.Accounts(ctx)
		if err != nil {
			return nil, fmt.Errorf("list accounts: %w", err)
		}
		var events []archive.Event
		var first store.Account
		for _, row := range rows {
			if row.Role != archive.RoleAdmin || row.Disabled {
				continue
			}
			a, err := s.load(ctx, tx, row)
			if err != nil {
				return nil, err
			}
			if a.Secured() {
				return nil, nil
			}
			if first.ID == "" || row.CreatedAt.Before(first.CreatedAt) {
				first = row
			}
		}
		if err := s.operator(ctx, tx); err != nil {
			return nil, err
		}
		if first.ID == "" {
			if len(rows) > 0 {
				// There are accounts and not one administrator among them: that cannot come about here, so
				// somebody has altered the database. Nobody is let in over that.
				return nil, fmt.Errorf("accounts: %w: there is no administrator", archive.ErrIntegrity)
			}
			first, err = s.newAccount(ctx, tx, s.o.Agent.ID, FirstName, archive.RoleAdmin, archive.Scope{All: true, MaxDifficulty: -1})
			if err != nil {
				return nil, err
			}
			events = append(events, s.event(s.o.Agent.ID, "account created", first.ID, "role", string(first.Role)))
		}
		if link, err = s.issue(ctx, tx, s.o.Agent.ID, first, LinkSetup, LinkLife); err != nil {
			return nil, err
		}
		made = true
		return append(events, s.event(s.o.Agent.ID, "link issued", first.ID, "purpose", LinkSetup)), nil
	})
	if err != nil {
		return Link{}, false, err
	}
	return link, made, nil
}

// Invite makes an account for somebody and a link by which they come in the first time.
func (s *Service) Invite(ctx context.Context, by policy.Subject, name string, role archive.Role, scope archive.Scope) (Account, Link, error) {
	if err := policy.Decide(by, policy.ManagePeople, policy.Object{}).Err(); err != nil {
		return Account{}, Link{}, err
	}
	var a Account
	var link Link
	err := s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		row, err := s.newAccount(ctx, tx, by.Agent, name, role, scope)
		if err != nil {
			return nil, err
		}
		if link, err = s.issue(ctx, tx, by.Agent, row, LinkInvite, InviteLife); err != nil {
			return nil, err
		}
		if a, err = s.load(ctx, tx, row); err != nil {
			return nil, err
		}
		created := s.scopeEvent(by.Agent, "account created", row.ID, row.Scope)
		created.Detail["role"] = string(role)
		return []archive.Event{created, s.event(by.Agent, "link issued", row.ID, "purpose", LinkInvite)}, nil
	})
	if err != nil {
		return Account{}, Link{}, err
	}
	return a, link, nil
}

// NewLink gives somebody who lost every way in a link, on behalf of an administrator.
func (s *Service) NewLink(ctx context.Context, by policy.Subject, id string) (Link, error) {
	var link Link
	if err := policy.Decide(by, policy.ManagePeople, policy.Object{}).Err(); err != nil {
		return Link{}, err
	}
	err := s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		row, err := tx.Account(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("read account: %w", err)
		}
		return s.recover(ctx, tx, by.Agent, row, &link)
	})
	return link, err
}

// OperatorLink does the same for whoever holds the machine and the vault's passphrase; name is what the person types to
// sign in. archive.ErrNotFound.
func (s *Service) OperatorLink(ctx context.Context, name string) (Link, error) {
	var link Link
	err := s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		if err := s.operator(ctx, tx); err != nil {
			return nil, err
		}
		row, err := tx.AccountByLogin(ctx, string(nameKey(name)))
		if err != nil {
			return nil, fmt.Errorf("find account: %w", err)
		}
		return s.recover(ctx, tx, s.o.Agent.ID, row, &link)
	})
	return link, err
}

func (s *Service) recover(ctx context.Context, tx *store.Tx, by string, row store.Account, link *Link) ([]archive.Event, error) {
	if row.Disabled {
		return nil, fmt.Errorf("link for %s: %w", row.ID, ErrDisabled)
	}
	var err error
	if *link, err = s.issue(ctx, tx, by, row, LinkRecover, LinkLife); err != nil {
		return nil, err
	}
	return []archive.Event{s.event(by, "link issued", row.ID, "purpose", LinkRecover)}, nil
}

// CheckLink says whether a link could be used now, without using it: what a preview of the address sees.
// archive.ErrNotFound.
func (s *Service) CheckLink(ctx context.Context, token string) (Link, error) {
	var l store.Link
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		var err error
		l, err = tx.Link(ctx, hashToken(token), s.now())
		return err
	})
	if err != nil {
		return Link{}, fmt.Errorf("check link: %w", err)
	}
	return Link{Account: l.Account, Purpose: l.Purpose, ExpiresAt: l.ExpiresAt}, nil
}

// UseLink uses a link up and gives the account that it opens. archive.ErrNotFound if the link is unknown, used or
// expired, or its account is switched off.
func (s *Service) UseLink(ctx context.Context, token string) (Account, error) {
	var a Account
	err := s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		l, err := tx.UseLink(ctx, hashToken(token), s.now())
		if err != nil {
			return nil, fmt.Errorf("use link: %w", err)
		}
		row, err := tx.Account(ctx, l.Account)
		if err != nil {
			return nil, fmt.Errorf("read account: %w", err)
		}
		if row.Disabled {
			return nil, archive.ErrNotFound
		}
		return s.enter(ctx, tx, row, "link", &a)
	})
	if err != nil {
		return Account{}, err
	}
	return a, nil
}

// enter notes a sign-in.
func (s *Service) enter(ctx context.Context, tx *store.Tx, row store.Account, method string, a *Account) ([]archive.Event, error) {
	row.SeenAt = s.now()
	if err := tx.SetAccount(ctx, row); err != nil {
		return nil, fmt.Errorf("note sign-in of %s: %w", row.ID, err)
	}
	var err error
	if *a, err = s.load(ctx, tx, row); err != nil {
		return nil, err
	}
	return []archive.Event{s.event(row.ID, "signed in", row.ID, "method", method)}, nil
}

// notFound says whether err means absence.
func notFound(err error) bool { return errors.Is(err, archive.ErrNotFound) }

// FirstName is the name of the first administrator until they choose one.
const FirstName = "Administrator"

// FirstAdministrator says whether a person is the administrator whom the program itself let in.
func (s *Service) FirstAdministrator(ctx context.Context, by policy.Subject) (bool, error) {
	var row store.Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { row, err = tx.Account(ctx, by.Agent); return err })
	if err != nil {
		return false, fmt.Errorf("read account %s: %w", by.Agent, err)
	}
	return row.CreatedBy == s.o.Agent.ID && row.Role == archive.RoleAdmin, nil
}
