package store

import (
	"context"
	"encoding/json"
	"fmt"
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

const (
	agentColumns   = `id, kind, name, created_at`
	accountColumns = `account.id, account.login, agent.name, account.role, account.scope, account.disabled, account.user_handle,
		account.password, account.factor, account.factor_step, account.preferences, account.created_at, account.created_by, account.seen_at`
	accountFrom       = ` FROM account JOIN agent ON agent.id = account.id `
	credentialColumns = `id, account_id, data, label, uses, created_at, used_at`
	sessionColumns    = `token_hash, account_id, data, created_at, seen_at, expires_at`
	linkColumns       = `hash, account_id, role, purpose, created_by, created_at, expires_at, used_at`
)

func scanAgent(s scanner) (a archive.Agent, err error) {
	err = s.Scan(&a.ID, &a.Kind, &a.Name, at{&a.CreatedAt})
	return a, err
}

func scanAccount(s scanner) (a Account, err error) {
	var scope string
	var disabled int64
	err = s.Scan(&a.ID, &a.Login, &a.Name, &a.Role, &scope, &disabled, &a.UserHandle, &a.Password, &a.Factor, &a.FactorStep,
		&a.Preferences, at{&a.CreatedAt}, &a.CreatedBy, at{&a.SeenAt})
	if err != nil {
		return a, err
	}
	a.Disabled = disabled != 0
	if err := json.Unmarshal([]byte(scope), &a.Scope); err != nil {
		return a, fmt.Errorf("scope of account %s: %w", a.ID, archive.ErrIntegrity)
	}
	return a, nil
}

func scanCredential(s scanner) (c Credential, err error) {
	err = s.Scan(&c.ID, &c.Account, &c.Data, &c.Label, &c.Uses, at{&c.CreatedAt}, at{&c.UsedAt})
	return c, err
}

func scanSession(s scanner) (x Session, err error) {
	err = s.Scan(&x.TokenHash, str{&x.Account}, &x.Data, at{&x.CreatedAt}, at{&x.SeenAt}, at{&x.ExpiresAt})
	return x, err
}

func scanLink(s scanner) (l Link, err error) {
	err = s.Scan(&l.Hash, str{&l.Account}, &l.Role, &l.Purpose, &l.CreatedBy, at{&l.CreatedAt}, at{&l.ExpiresAt}, at{&l.UsedAt})
	return l, err
}

// some is never nil, for columns that hold bytes and not NULL.
func some(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// AddAgent adds a person or a program; one that is there already is passed over.
func (tx *Tx) AddAgent(ctx context.Context, a archive.Agent) error {
	_, err := tx.exec(ctx, `INSERT INTO agent (id, kind, name, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id) DO NOTHING`,
		a.ID, a.Kind, a.Name, a.CreatedAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("add agent %s: %w", a.ID, err)
	}
	return nil
}

// Agent gives one agent; archive.ErrNotFound.
func (tx *Tx) Agent(ctx context.Context, id string) (archive.Agent, error) {
	return one(ctx, tx, scanAgent, `SELECT `+agentColumns+` FROM agent WHERE id = $1`, id)
}

// Agents gives all agents.
func (tx *Tx) Agents(ctx context.Context) ([]archive.Agent, error) {
	return all(ctx, tx, scanAgent, `SELECT `+agentColumns+` FROM agent ORDER BY id`)
}

// AddAccount adds an account and, if it is not there yet, its agent; archive.ErrExists if the login is taken.
func (tx *Tx) AddAccount(ctx context.Context, a Account) error {
	if err := tx.freeLogin(ctx, a); err != nil {
		return fmt.Errorf("add account %s: %w", a.ID, err)
	}
	if err := tx.AddAgent(ctx, archive.Agent{ID: a.ID, Kind: "person", Name: a.Name, CreatedAt: a.CreatedAt}); err != nil {
		return err
	}
	scope, err := json.Marshal(a.Scope)
	if err != nil {
		return fmt.Errorf("add account %s: %w", a.ID, err)
	}
	_, err = tx.exec(ctx, `INSERT INTO account (id, login, role, scope, disabled, user_handle, password, factor, factor_step, preferences,
		created_at, created_by, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		a.ID, a.Login, string(a.Role), string(scope), flag(a.Disabled), some(a.UserHandle), a.Password, blob(a.Factor), a.FactorStep,
		blob(a.Preferences), a.CreatedAt.UnixMicro(), a.CreatedBy, us(a.SeenAt))
	if err != nil {
		return fmt.Errorf("add account %s: %w", a.ID, err)
	}
	return nil
}

func (tx *Tx) freeLogin(ctx context.Context, a Account) error {
	n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM account WHERE login = $1 AND id <> $2`, a.Login, a.ID)
	if err == nil && n > 0 {
		err = archive.ErrExists
	}
	return err
}

// SetAccount replaces everything but ID, UserHandle, FactorStep, CreatedAt and CreatedBy; archive.ErrNotFound,
// archive.ErrExists if the login is taken.
func (tx *Tx) SetAccount(ctx context.Context, a Account) error {
	if err := tx.freeLogin(ctx, a); err != nil {
		return fmt.Errorf("set account %s: %w", a.ID, err)
	}
	scope, err := json.Marshal(a.Scope)
	if err != nil {
		return fmt.Errorf("set account %s: %w", a.ID, err)
	}
	n, err := tx.exec(ctx, `UPDATE account SET login = $1, role = $2, scope = $3, disabled = $4, password = $5, factor = $6,
		preferences = $7, seen_at = $8 WHERE id = $9`, a.Login, string(a.Role), string(scope), flag(a.Disabled), a.Password,
		blob(a.Factor), blob(a.Preferences), us(a.SeenAt), a.ID)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE agent SET name = $1 WHERE id = $2`, a.Name, a.ID)
	}
	if err != nil {
		return fmt.Errorf("set account %s: %w", a.ID, err)
	}
	return nil
}

// Account gives one account; archive.ErrNotFound.
func (tx *Tx) Account(ctx context.Context, id string) (Account, error) {
	return one(ctx, tx, scanAccount, `SELECT `+accountColumns+accountFrom+`WHERE account.id = $1`, id)
}

// AccountByLogin gives the account of a folded login; archive.ErrNotFound.
func (tx *Tx) AccountByLogin(ctx context.Context, login string) (Account, error) {
	return one(ctx, tx, scanAccount, `SELECT `+accountColumns+accountFrom+`WHERE account.login = $1`, login)
}

// AccountByHandle gives the account of a passkey user handle; archive.ErrNotFound.
func (tx *Tx) AccountByHandle(ctx context.Context, handle []byte) (Account, error) {
	return one(ctx, tx, scanAccount, `SELECT `+accountColumns+accountFrom+`WHERE account.user_handle = $1`, handle)
}

// Accounts gives all accounts by login.
func (tx *Tx) Accounts(ctx context.Context) ([]Account, error) {
	return all(ctx, tx, scanAccount, `SELECT `+accountColumns+accountFrom+`ORDER BY account.login`)
}

// TakeFactorStep notes that the code of a time step was used; false if it or a later one was used before.
func (tx *Tx) TakeFactorStep(ctx context.Context, account string, step int64) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE account SET factor_step = $1 WHERE id = $2 AND factor_step < $3`, step, account, step)
	if err != nil {
		return false, fmt.Errorf("use second factor of account %s: %w", account, err)
	}
	return n > 0, nil
}

// AddCredential adds a passkey; archive.ErrExists.
func (tx *Tx) AddCredential(ctx context.Context, c Credential) error {
	_, err := tx.exec(ctx, `INSERT INTO credential (id, account_id, data, label, uses, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		some(c.ID), c.Account, some(c.Data), c.Label, c.Uses, c.CreatedAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("add passkey of account %s: %w", c.Account, err)
	}
	return nil
}

// Credentials gives the passkeys of an account, oldest first.
func (tx *Tx) Credentials(ctx context.Context, account string) ([]Credential, error) {
	return all(ctx, tx, scanCredential, `SELECT `+credentialColumns+` FROM credential WHERE account_id = $1 ORDER BY created_at, id`, account)
}

// UseCredential notes a use: new data, counter, time; archive.ErrNotFound.
func (tx *Tx) UseCredential(ctx context.Context, id, data []byte, uses int64, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE credential SET data = $1, uses = $2, used_at = $3 WHERE id = $4`, some(data), uses, us(when), some(id))
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("use passkey: %w", err)
	}
	return nil
}

// RemoveCredential removes a passkey of an account; archive.ErrNotFound.
func (tx *Tx) RemoveCredential(ctx context.Context, account string, id []byte) error {
	n, err := tx.exec(ctx, `DELETE FROM credential WHERE account_id = $1 AND id = $2`, account, some(id))
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("remove passkey of account %s: %w", account, err)
	}
	return nil
}

// SetRecovery replaces the recovery codes of an account by their hashes.
func (tx *Tx) SetRecovery(ctx context.Context, account string, hashes [][]byte) error {
	if _, err := tx.exec(ctx, `DELETE FROM recovery WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("set recovery codes of account %s: %w", account, err)
	}
	rows := make([][]any, len(hashes))
	for i, h := range hashes {
		rows[i] = []any{account, h}
	}
	if err := tx.insert(ctx, "recovery", "account_id, hash", rows); err != nil {
		return fmt.Errorf("set recovery codes of account %s: %w", account, err)
	}
	return nil
}

// UseRecovery uses up a recovery code; false if there is no unused one of that hash.
func (tx *Tx) UseRecovery(ctx context.Context, account string, hash []byte, when time.Time) (bool, error) {
	n, err := tx.exec(ctx, `UPDATE recovery SET used_at = $1 WHERE account_id = $2 AND hash = $3 AND used_at IS NULL`, us(when), account, some(hash))
	if err != nil {
		return false, fmt.Errorf("use recovery code of account %s: %w", account, err)
	}
	return n > 0, nil
}

// RecoveryLeft counts the unused recovery codes.
func (tx *Tx) RecoveryLeft(ctx context.Context, account string) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COUNT(*) FROM recovery WHERE account_id = $1 AND used_at IS NULL`, account)
}

// SetSession adds or replaces a session by its token hash; CreatedAt stays what it was.
func (tx *Tx) SetSession(ctx context.Context, s Session) error {
	_, err := tx.exec(ctx, `INSERT INTO session (token_hash, account_id, data, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (token_hash) DO UPDATE SET account_id = excluded.account_id, data = excluded.data, seen_at = excluded.seen_at,
		expires_at = excluded.expires_at`,
		some(s.TokenHash), text(s.Account), some(s.Data), s.CreatedAt.UnixMicro(), s.SeenAt.UnixMicro(), s.ExpiresAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("set session: %w", err)
	}
	return nil
}

// Session gives a session that has not expired at now; archive.ErrNotFound.
func (tx *Tx) Session(ctx context.Context, tokenHash []byte, now time.Time) (Session, error) {
	return one(ctx, tx, scanSession, `SELECT `+sessionColumns+` FROM session WHERE token_hash = $1 AND expires_at > $2`, some(tokenHash), now.UnixMicro())
}

// Sessions gives the sessions of an account that have not expired at now, the latest seen first.
func (tx *Tx) Sessions(ctx context.Context, account string, now time.Time) ([]Session, error) {
	return all(ctx, tx, scanSession, `SELECT `+sessionColumns+` FROM session WHERE account_id = $1 AND expires_at > $2
		ORDER BY seen_at DESC, token_hash`, account, now.UnixMicro())
}

// AllSessions gives every session that has not expired at now.
func (tx *Tx) AllSessions(ctx context.Context, now time.Time) ([]Session, error) {
	return all(ctx, tx, scanSession, `SELECT `+sessionColumns+` FROM session WHERE expires_at > $1 ORDER BY seen_at DESC, token_hash`, now.UnixMicro())
}

// RemoveSession removes one session; no error if it is not there.
func (tx *Tx) RemoveSession(ctx context.Context, tokenHash []byte) error {
	if _, err := tx.exec(ctx, `DELETE FROM session WHERE token_hash = $1`, some(tokenHash)); err != nil {
		return fmt.Errorf("remove session: %w", err)
	}
	return nil
}

// RemoveSessions removes all sessions of an account.
func (tx *Tx) RemoveSessions(ctx context.Context, account string) error {
	if _, err := tx.exec(ctx, `DELETE FROM session WHERE account_id = $1`, account); err != nil {
		return fmt.Errorf("remove sessions of account %s: %w", account, err)
	}
	return nil
}

// ExpireSessions removes sessions and links that have expired and attempts older than a day.
func (tx *Tx) ExpireSessions(ctx context.Context, now time.Time) error {
	for _, text := range []string{`DELETE FROM session WHERE expires_at <= $1`, `DELETE FROM sign_in_link WHERE expires_at <= $1`} {
		if _, err := tx.exec(ctx, text, now.UnixMicro()); err != nil {
			return fmt.Errorf("expire sessions: %w", err)
		}
	}
	if _, err := tx.exec(ctx, `DELETE FROM attempt WHERE at <= $1`, now.Add(-24*time.Hour).UnixMicro()); err != nil {
		return fmt.Errorf("expire attempts: %w", err)
	}
	return nil
}

// AddLink adds a link.
func (tx *Tx) AddLink(ctx context.Context, l Link) error {
	_, err := tx.exec(ctx, `INSERT INTO sign_in_link (hash, account_id, role, purpose, created_by, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, some(l.Hash), text(l.Account), string(l.Role), l.Purpose, l.CreatedBy,
		l.CreatedAt.UnixMicro(), l.ExpiresAt.UnixMicro())
	if err != nil {
		return fmt.Errorf("add sign-in link: %w", err)
	}
	return nil
}

// Link gives a link that is neither used nor expired; archive.ErrNotFound.
func (tx *Tx) Link(ctx context.Context, hash []byte, now time.Time) (Link, error) {
	return one(ctx, tx, scanLink, `SELECT `+linkColumns+` FROM sign_in_link WHERE hash = $1 AND used_at IS NULL AND expires_at > $2`,
		some(hash), now.UnixMicro())
}

// UseLink uses up a link, once only; archive.ErrNotFound if it is unknown, used or expired.
func (tx *Tx) UseLink(ctx context.Context, hash []byte, now time.Time) (Link, error) {
	return one(ctx, tx, scanLink, `UPDATE sign_in_link SET used_at = $1 WHERE hash = $2 AND used_at IS NULL AND expires_at > $3
		RETURNING `+linkColumns, now.UnixMicro(), some(hash), now.UnixMicro())
}

// AddAttempt notes a sign-in that went wrong under a keyed hash of what was tried; no address is stored.
func (tx *Tx) AddAttempt(ctx context.Context, key []byte, when time.Time) error {
	_, err := tx.exec(ctx, `INSERT INTO attempt (id, name, at) VALUES ($1, $2, $3)`, archive.NewID("at"), some(key), when.UnixMicro())
	if err != nil {
		return fmt.Errorf("note attempt: %w", err)
	}
	return nil
}

// Attempts counts those since a time and gives the latest.
func (tx *Tx) Attempts(ctx context.Context, key []byte, since time.Time) (n int64, latest time.Time, err error) {
	type sum struct {
		n      int64
		latest time.Time
	}
	s, err := one(ctx, tx, func(r scanner) (s sum, err error) { err = r.Scan(&s.n, at{&s.latest}); return s, err },
		`SELECT COUNT(*), MAX(at) FROM attempt WHERE name = $1 AND at >= $2`, some(key), since.UnixMicro())
	return s.n, s.latest, err
}

// ClearAttempts forgets them.
func (tx *Tx) ClearAttempts(ctx context.Context, key []byte) error {
	if _, err := tx.exec(ctx, `DELETE FROM attempt WHERE name = $1`, some(key)); err != nil {
		return fmt.Errorf("clear attempts: %w", err)
	}
	return nil
}
