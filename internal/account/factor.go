package account

import (
	"context"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"rsc.io/qr"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Second factor: time-based one-time passwords (RFC 6238) with SHA-1, six digits and steps of 30 seconds, which is what
// every authenticator app understands. One step before and after is taken for clocks that differ.
const (
	factorPeriod = 30
	factorDigits = otp.DigitsSix
	factorSecret = 20 // bytes
)

// factor is what Account.Factor seals.
type factor struct {
	Secret string `json:"secret"` // base 32
}

// check gives the time step whose code was typed.
func (f factor) check(code string, now time.Time) (step int64, ok bool) {
	if len(code) != int(factorDigits) {
		return 0, false
	}
	opts := totp.ValidateOpts{Period: factorPeriod, Skew: 0, Digits: factorDigits, Algorithm: otp.AlgorithmSHA1}
	for _, d := range []int64{0, -1, 1} {
		at := now.Add(time.Duration(d*factorPeriod) * time.Second)
		if right, err := totp.ValidateCustom(code, f.Secret, at, opts); err == nil && right {
			return at.Unix() / factorPeriod, true
		}
	}
	return 0, false
}

// factorRow is the identifier a second factor is sealed for: moved to another account it does not open.
func factorRow(account string) string { return account + "/second factor" }

func (s *Service) openFactor(row store.Account) (factor, error) {
	text, err := s.o.Sealer.Open(factorRow(row.ID), row.Factor)
	if err != nil {
		return factor{}, fmt.Errorf("open second factor: %w", err)
	}
	var f factor
	if err := json.Unmarshal(text, &f); err != nil {
		return factor{}, fmt.Errorf("read second factor of %s: %w", row.ID, archive.ErrIntegrity)
	}
	return f, nil
}

// Enrolment is a second factor that waits to be confirmed by a code.
type Enrolment struct {
	Secret string // base 32 in groups of four, to be typed where a picture cannot be taken
	URL    string // otpauth://
}

// pending derives the secret that this session of this account would enrol next. It is derived rather than kept, so that
// looking at the page writes nothing, and depends on the factor in force, so that each enrolment has its own.
func (s *Service) pending(row store.Account, session string) string {
	sum := s.o.Sealer.Fingerprint([]byte("second factor to be enrolled"), []byte(row.ID), []byte(session), row.Factor)
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:factorSecret])
}

// Enrol gives the second factor that SetPassword will confirm for the same session.
func (s *Service) Enrol(ctx context.Context, by policy.Subject, session string) (Enrolment, error) {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return Enrolment{}, err
	}
	var row store.Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { row, err = tx.Account(ctx, by.Agent); return err })
	if err != nil {
		return Enrolment{}, fmt.Errorf("read account %s: %w", by.Agent, err)
	}
	secret := s.pending(row, session)
	v := url.Values{"secret": {secret}, "issuer": {"Zapis"}, "period": {"30"}, "digits": {"6"}, "algorithm": {"SHA1"}}
	e := Enrolment{URL: "otpauth://totp/" + url.PathEscape("Zapis:"+row.Name) + "?" + v.Encode()}
	for i := 0; i < len(secret); i += 4 {
		if i > 0 {
			e.Secret += " "
		}
		e.Secret += secret[i:min(i+4, len(secret))]
	}
	return e, nil
}

// Picture gives the enrolment as a QR code: modules on a side with the quiet zone, and which are dark.
func (e Enrolment) Picture() (size int, dark func(x, y int) bool, err error) {
	code, err := qr.Encode(e.URL, qr.M)
	if err != nil {
		return 0, nil, fmt.Errorf("draw second factor: %w", err)
	}
	const quiet = 4 // ISO/IEC 18004
	return code.Size + 2*quiet, func(x, y int) bool { return code.Black(x-quiet, y-quiet) }, nil
}

// SetPassword sets a password together with the second factor of Enrol, confirmed by code. Recovery codes and passwords from
// before no longer work; other sessions than the one whose token is keep are ended.
func (s *Service) SetPassword(ctx context.Context, by policy.Subject, session, keep, password, code string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	var phc string
	err := s.hash(ctx, func() (err error) { phc, err = hashPassword(password, s.o.Argon, s.o.Random); return err })
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	// A stolen session must not become a way to try codes without end.
	key := s.o.Sealer.Fingerprint([]byte("enrolment attempt"), []byte(by.Agent))
	if err := s.attempt(ctx, key); err != nil {
		return err
	}
	return s.own(ctx, by, func(tx *store.Tx, row *store.Account) ([]archive.Event, error) {
		f := factor{Secret: s.pending(*row, session)}
		step, ok := f.check(code, s.now())
		if !ok {
			return nil, ErrCode
		}
		body, err := json.Marshal(f)
		if err != nil {
			return nil, fmt.Errorf("write second factor: %w", err)
		}
		row.Password, row.Factor, row.FactorStep = phc, s.o.Sealer.Seal(factorRow(row.ID), body), step
		if err := tx.SetRecovery(ctx, row.ID, nil); err != nil {
			return nil, fmt.Errorf("take recovery codes of %s back: %w", row.ID, err)
		}
		if err := tx.ClearAttempts(ctx, key); err != nil {
			return nil, fmt.Errorf("forget attempts: %w", err)
		}
		if err := s.endOthers(ctx, tx, row.ID, keep); err != nil {
			return nil, err
		}
		return []archive.Event{s.event(row.ID, "password and second factor set", row.ID)}, nil
	})
}

// ChangePassword sets another password, proved by the present one and a code. The second factor stays; other sessions are ended.
// Every refusal of the proof is ErrSignIn.
func (s *Service) ChangePassword(ctx context.Context, by policy.Subject, keep, current, password, code string) error {
	if err := CheckPassword(password); err != nil {
		return err
	}
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return err
	}
	key := s.o.Sealer.Fingerprint([]byte("password change attempt"), []byte(by.Agent))
	if err := s.attempt(ctx, key); err != nil {
		return err
	}
	var row store.Account
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { row, err = tx.Account(ctx, by.Agent); return err })
	if err != nil {
		return fmt.Errorf("read account %s: %w", by.Agent, err)
	}
	if row.Password == "" || len(row.Factor) == 0 {
		return fmt.Errorf("%w: there is no password to change", archive.ErrConflict)
	}
	var phc string
	err = s.hash(ctx, func() error {
		right, err := verifyPassword(current, row.Password)
		if err == nil && !right {
			err = ErrSignIn
		}
		if err == nil {
			phc, err = hashPassword(password, s.o.Argon, s.o.Random)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	return s.own(ctx, by, func(tx *store.Tx, now *store.Account) ([]archive.Event, error) {
		if now.Password != row.Password {
			return nil, archive.ErrConflict
		}
		if _, err := s.secondFactor(ctx, tx, *now, code); err != nil {
			return nil, err
		}
		fresh, err := tx.Account(ctx, now.ID) // secondFactor noted the code in the row
		if err != nil {
			return nil, fmt.Errorf("read account %s: %w", now.ID, err)
		}
		*now = fresh
		now.Password = phc
		if err := tx.ClearAttempts(ctx, key); err != nil {
			return nil, fmt.Errorf("forget attempts: %w", err)
		}
		if err := s.endOthers(ctx, tx, now.ID, keep); err != nil {
			return nil, err
		}
		return []archive.Event{s.event(now.ID, "password changed", now.ID)}, nil
	})
}

// NewRecovery gives fresh recovery codes, which are shown once; those from before no longer work. Each stands in for one code of
// the second factor, together with the password.
func (s *Service) NewRecovery(ctx context.Context, by policy.Subject) (codes []string, err error) {
	err = s.own(ctx, by, func(tx *store.Tx, row *store.Account) ([]archive.Event, error) {
		if row.Password == "" {
			return nil, fmt.Errorf("%w: recovery codes stand in for a second factor, and there is none", archive.ErrConflict)
		}
		if codes, err = s.replaceRecovery(ctx, tx, row.ID); err != nil {
			return nil, err
		}
		return []archive.Event{s.event(row.ID, "recovery codes replaced", row.ID)}, nil
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

func (s *Service) replaceRecovery(ctx context.Context, tx *store.Tx, account string) ([]string, error) {
	codes, err := newRecoveryCodes(s.o.Random)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(codes))
	for i, c := range codes {
		hashes[i] = hashRecovery(account, c)
	}
	if err := tx.SetRecovery(ctx, account, hashes); err != nil {
		return nil, fmt.Errorf("set recovery codes of %s: %w", account, err)
	}
	return codes, nil
}
