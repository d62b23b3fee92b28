package store

import (
	"context"
	"time"

	"zapis/internal/archive"
)

// Account lets a person sign in. Its identifier is that of the agent.
type Account struct {
	ID          string // agent
	Login       string // what the person types, folded; unique
	Name        string // of the agent
	Role        archive.Role
	Scope       archive.Scope
	Disabled    bool
	UserHandle  []byte // for passkeys; random, unique
	Password    string // argon2id in PHC form; empty if there is none
	Factor      []byte // sealed second factor; nil if there is none
	FactorStep  int64  // last time step used, so that a code works once
	Preferences []byte // JSON: language, colours, keys
	CreatedAt   time.Time
	CreatedBy   string
	SeenAt      time.Time
}

// Credential is a passkey of an account.
type Credential struct {
	ID        []byte
	Account   string
	Data      []byte // as the passkey library writes it
	Label     string
	Uses      int64 // signature counter
	CreatedAt time.Time
	UsedAt    time.Time
}

// Session is one signed-in browser; the token itself is never stored.
type Session struct {
	TokenHash []byte
	Account   string // empty before sign-in
	Data      []byte
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// Link is a one-time link to sign in or to set up an account.
type Link struct {
	Hash      []byte
	Account   string       // whose; empty if the link makes a new account
	Role      archive.Role // of the account to be made
	Purpose   string       // "setup", "invite", "recover"
	CreatedBy string
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time
}

// AddAgent adds a person or a program; one that is there already is passed over.
func (tx *Tx) AddAgent(ctx context.Context, a archive.Agent) error { return errLater }

// Agent gives one agent; archive.ErrNotFound.
func (tx *Tx) Agent(ctx context.Context, id string) (archive.Agent, error) {
	return archive.Agent{}, errLater
}

// Agents gives all agents.
func (tx *Tx) Agents(ctx context.Context) ([]archive.Agent, error) { return nil, errLater }

// AddAccount adds an account and its agent; archive.ErrExists if the login is taken.
func (tx *Tx) AddAccount(ctx context.Context, a Account) error { return errLater }

// SetAccount replaces everything but ID, CreatedAt and CreatedBy; archive.ErrNotFound, archive.ErrExists.
func (tx *Tx) SetAccount(ctx context.Context, a Account) error { return errLater }

// Account gives one account; archive.ErrNotFound. AccountByLogin and AccountByHandle likewise.
func (tx *Tx) Account(ctx context.Context, id string) (Account, error) { return Account{}, errLater }

// AccountByLogin gives the account of a folded login; archive.ErrNotFound.
func (tx *Tx) AccountByLogin(ctx context.Context, login string) (Account, error) {
	return Account{}, errLater
}

// AccountByHandle gives the account of a passkey user handle; archive.ErrNotFound.
func (tx *Tx) AccountByHandle(ctx context.Context, handle []byte) (Account, error) {
	return Account{}, errLater
}

// Accounts gives all accounts by login.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) { return nil, errLater }

// TakeFactorStep notes that the code of a time step was used; false if it or a later one was used before.
func (tx *Tx) TakeFactorStep(ctx context.Context, account string, step int64) (bool, error) {
	return false, errLater
}

// AddCredential adds a passkey; archive.ErrExists.
func (tx *Tx) AddCredential(ctx context.Context, c Credential) error { return errLater }

// Credentials gives the passkeys of an account.
func (tx *Tx) Credentials(ctx context.Context, account string) ([]Credential, error) {
	return nil, errLater
}

// UseCredential notes a use: new data, counter, time; archive.ErrNotFound.
func (tx *Tx) UseCredential(ctx context.Context, id, data []byte, uses int64, at time.Time) error {
	return errLater
}

// RemoveCredential removes a passkey of an account; archive.ErrNotFound.
func (tx *Tx) RemoveCredential(ctx context.Context, account string, id []byte) error { return errLater }

// SetRecovery replaces the recovery codes of an account by their hashes.
func (tx *Tx) SetRecovery(ctx context.Context, account string, hashes [][]byte) error {
	return errLater
}

// UseRecovery uses up a recovery code; false if there is no unused one of that hash.
func (tx *Tx) UseRecovery(ctx context.Context, account string, hash []byte, at time.Time) (bool, error) {
	return false, errLater
}

// RecoveryLeft counts the unused recovery codes.
func (tx *Tx) RecoveryLeft(ctx context.Context, account string) (int64, error) { return 0, errLater }

// SetSession adds or replaces a session by its token hash.
func (tx *Tx) SetSession(ctx context.Context, s Session) error { return errLater }

// Session gives a session that has not expired at now; archive.ErrNotFound.
func (tx *Tx) Session(ctx context.Context, tokenHash []byte, now time.Time) (Session, error) {
	return Session{}, errLater
}

// Sessions gives the sessions of an account that have not expired at now.
func (tx *Tx) Sessions(ctx context.Context, account string, now time.Time) ([]Session, error) {
	return nil, errLater
}

// RemoveSession removes one session; no error if it is not there.
func (tx *Tx) RemoveSession(ctx context.Context, tokenHash []byte) error { return errLater }

// RemoveSessions removes all sessions of an account.
func (tx *Tx) RemoveSessions(ctx context.Context, account string) error { return errLater }

// ExpireSessions removes sessions and links that have expired and attempts older than a day.
func (tx *Tx) ExpireSessions(ctx context.Context, now time.Time) error { return errLater }

// AddLink adds a link.
func (tx *Tx) AddLink(ctx context.Context, l Link) error { return errLater }

// Link gives a link that is neither used nor expired; archive.ErrNotFound.
func (tx *Tx) Link(ctx context.Context, hash []byte, now time.Time) (Link, error) {
	return Link{}, errLater
}

// UseLink uses up a link, once only; archive.ErrNotFound if it is unknown, used or expired.
func (tx *Tx) UseLink(ctx context.Context, hash []byte, now time.Time) (Link, error) {
	return Link{}, errLater
}

// AddAttempt notes a sign-in that went wrong under a keyed hash of what was tried; no address is stored.
func (tx *Tx) AddAttempt(ctx context.Context, key []byte, at time.Time) error { return errLater }

// Attempts counts those since a time and gives the latest.
func (tx *Tx) Attempts(ctx context.Context, key []byte, since time.Time) (n int64, latest time.Time, err error) {
	return 0, time.Time{}, errLater
}

// ClearAttempts forgets them.
func (tx *Tx) ClearAttempts(ctx context.Context, key []byte) error { return errLater }
