package account

import (
	"context"
	"fmt"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
)

// attempt looks whether a try may be made under this name and counts it. It is counted before it is looked at, so that
// many tries sent at once are still many.
func (s *Service) attempt(ctx context.Context, key []byte) error {
	s.throttle.Lock()
	defer s.throttle.Unlock()
	now := s.now()
	var wait time.Duration
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		wait = 0
		n, latest, err := tx.Attempts(ctx, key, now.Add(-forgetAfter))
		if err != nil {
			return fmt.Errorf("count attempts: %w", err)
		}
		if wait = latest.Add(delay(int(n))).Sub(now); n > 0 && wait > 0 {
			return nil
		}
		wait = 0
		if err := tx.AddAttempt(ctx, key, now); err != nil {
			return fmt.Errorf("note attempt: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if wait > 0 {
		return &WaitError{For: wait}
	}
	return nil
}

// hash runs f with a bound on how many passwords are hashed at once: each takes tens of megabytes.
func (s *Service) hash(ctx context.Context, f func() error) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return f()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SignIn checks name, password and code, where code is the six digits of the second factor or a recovery code. Every
// refusal is ErrSignIn, whatever was wrong, or a *WaitError after too many.
func (s *Service) SignIn(ctx context.Context, name, password, code string) (Account, error) {
	login := nameKey(name)
	if len(login) > 1024 || len(password) > 4*MaxPassword || len(code) > 64 {
		return Account{}, ErrSignIn
	}
	key := s.o.Sealer.Fingerprint([]byte("sign-in attempt"), login)
	if err := s.attempt(ctx, key); err != nil {
		return Account{}, err
	}
	var row store.Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		var err error
		row, err = tx.AccountByLogin(ctx, string(login))
		return err
	})
	if err != nil && !notFound(err) {
		return Account{}, fmt.Errorf("find account: %w", err)
	}
	known := err == nil && !row.Disabled && row.Password != "" && len(row.Factor) > 0
	phc := s.dummy // an unknown name costs the same time as a known one
	if known {
		phc = row.Password
	}
	right := false
	if err := s.hash(ctx, func() (err error) { right, err = verifyPassword(password, phc); return err }); err != nil {
		return Account{}, fmt.Errorf("check password: %w", err)
	}
	if !known || !right {
		return Account{}, ErrSignIn
	}
	var a Account
	err = s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		// What was checked above may have changed meanwhile.
		now, err := tx.Account(ctx, row.ID)
		if err != nil || now.Disabled || now.Password != row.Password {
			return nil, ErrSignIn
		}
		method, err := s.secondFactor(ctx, tx, now, code)
		if err != nil {
			return nil, err
		}
		if err := tx.ClearAttempts(ctx, key); err != nil {
			return nil, fmt.Errorf("forget attempts: %w", err)
		}
		// TakeFactorStep changed the row: read it again so that enter does not set it back.
		if now, err = tx.Account(ctx, row.ID); err != nil {
			return nil, fmt.Errorf("read account %s: %w", row.ID, err)
		}
		return s.enter(ctx, tx, now, method, &a)
	})
	if err != nil {
		return Account{}, err
	}
	return a, nil
}

// secondFactor takes a code of the authenticator or a recovery code, each once only.
func (s *Service) secondFactor(ctx context.Context, tx *store.Tx, row store.Account, code string) (method string, err error) {
	f, err := s.openFactor(row)
	if err != nil {
		return "", err
	}
	if step, ok := f.check(strings.ReplaceAll(code, " ", ""), s.now()); ok {
		fresh, err := tx.TakeFactorStep(ctx, row.ID, step)
		if err != nil {
			return "", fmt.Errorf("take code of %s: %w", row.ID, err)
		}
		if !fresh {
			return "", ErrSignIn
		}
		return "password", nil
	}
	used, err := tx.UseRecovery(ctx, row.ID, hashRecovery(row.ID, code), s.now())
	if err != nil {
		return "", fmt.Errorf("use recovery code of %s: %w", row.ID, err)
	}
	if !used {
		return "", ErrSignIn
	}
	return "recovery code", nil
}
