package account

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

const (
	ceremonyLife  = 5 * time.Minute
	maxCeremonies = 4096
	maxPasskeys   = 20
	// MaxPasskeyBody bounds what a browser sends to finish a ceremony, in bytes.
	MaxPasskeyBody = 64 << 10
)

// relyingParty gives the WebAuthn relying party for the origins under which the workspace is reached, or nil where
// browsers would refuse: an IP address cannot be the name of a relying party, so on a loopback address passkeys
// work under http://localhost with the same port.
func relyingParty(origins []string) (*webauthn.WebAuthn, string, []string, error) {
	var id string
	var allowed []string
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			return nil, "", nil, fmt.Errorf("%w: an origin looks like https://archive.example", archive.ErrInvalid)
		}
		host := u.Hostname()
		if ip, err := netip.ParseAddr(host); err == nil {
			if !ip.IsLoopback() {
				continue
			}
			host = "localhost"
			u.Host = "localhost"
			if p := portOf(o); p != "" {
				u.Host += ":" + p
			}
		}
		if u.Scheme == "http" && host != "localhost" {
			continue // browsers offer passkeys in secure contexts only
		}
		if id == "" {
			id = host
		}
		if host == id {
			allowed = append(allowed, u.Scheme+"://"+u.Host)
		}
	}
	if id == "" {
		return nil, "", nil, nil
	}
	w, err := webauthn.New(&webauthn.Config{
		RPID: id, RPDisplayName: "Zapis", RPOrigins: allowed,
		AttestationPreference: protocol.PreferNoAttestation, // which maker's key somebody has is not our business
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			// A passkey stands for password and second factor, so the key must know its holder.
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{
			Login:        webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyLife, TimeoutUVD: ceremonyLife},
			Registration: webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyLife, TimeoutUVD: ceremonyLife},
		},
	})
	if err != nil {
		return nil, "", nil, fmt.Errorf("passkeys for %s: %w", id, err)
	}
	return w, id, allowed, nil
}

func portOf(origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	return u.Port()
}

// PasskeyOrigins lists the origins under which passkeys work; empty if under none.
func (s *Service) PasskeyOrigins() []string { return s.origins }

// ceremonies keeps challenges between the two halves of a ceremony, in memory only: a restart makes people press the
// button again, and a flood of half-done ceremonies cannot fill the database.
type ceremonies struct {
	mu    sync.Mutex
	open  map[string]ceremony
	order []string
}

type ceremony struct {
	data    webauthn.SessionData
	account string // whose registration; empty for a sign-in
	until   time.Time
}

func (c *ceremonies) put(now time.Time, data webauthn.SessionData, account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[string]ceremony{}
	}
	for len(c.order) > 0 {
		first, ok := c.open[c.order[0]]
		if ok && now.Before(first.until) && len(c.open) < maxCeremonies {
			break
		}
		delete(c.open, c.order[0])
		c.order = c.order[1:]
	}
	c.open[data.Challenge] = ceremony{data: data, account: account, until: now.Add(ceremonyLife)}
	c.order = append(c.order, data.Challenge)
}

// take gives a ceremony once.
func (c *ceremonies) take(now time.Time, challenge string) (ceremony, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.open[challenge]
	delete(c.open, challenge)
	return found, ok && now.Before(found.until)
}

// person is an account as the passkey library wants to see it.
type person struct {
	row  store.Account
	keys []webauthn.Credential
}

func (p person) WebAuthnID() []byte                         { return p.row.UserHandle }
func (p person) WebAuthnName() string                       { return p.row.Name }
func (p person) WebAuthnDisplayName() string                { return p.row.Name }
func (p person) WebAuthnCredentials() []webauthn.Credential { return p.keys }

func encodeKeyID(id []byte) string { return base64.RawURLEncoding.EncodeToString(id) }

func readPerson(ctx context.Context, tx *store.Tx, row store.Account) (person, error) {
	p := person{row: row}
	rows, err := tx.Credentials(ctx, row.ID)
	if err != nil {
		return p, fmt.Errorf("read passkeys of %s: %w", row.ID, err)
	}
	for _, r := range rows {
		var k webauthn.Credential
		if err := json.Unmarshal(r.Data, &k); err != nil || !bytes.Equal(k.ID, r.ID) {
			return p, fmt.Errorf("read passkey of %s: %w", row.ID, archive.ErrIntegrity)
		}
		p.keys = append(p.keys, k)
	}
	return p, nil
}

// BeginPasskey gives the options, as JSON for navigator.credentials.create, to add a passkey to one's own account.
func (s *Service) BeginPasskey(ctx context.Context, by policy.Subject) ([]byte, error) {
	if err := policy.Decide(by, policy.ManageSelf, policy.Object{Owner: by.Agent}).Err(); err != nil {
		return nil, err
	}
	if s.passkeys == nil {
		return nil, ErrNoPasskeys
	}
	var p person
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Account(ctx, by.Agent)
		if err != nil {
			return fmt.Errorf("read account %s: %w", by.Agent, err)
		}
		p, err = readPerson(ctx, tx, row)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(p.keys) >= maxPasskeys {
		return nil, fmt.Errorf("%w: too many passkeys", archive.ErrConflict)
	}
	options, data, err := s.passkeys.BeginRegistration(p, webauthn.WithExclusions(webauthn.Credentials(p.keys).CredentialDescriptors()))
	if err != nil {
		return nil, fmt.Errorf("begin passkey of %s: %w", by.Agent, err)
	}
	s.ceremonies.put(s.now(), *data, by.Agent)
	return json.Marshal(options)
}

// FinishPasskey takes the browser's answer to BeginPasskey and adds the passkey.
func (s *Service) FinishPasskey(ctx context.Context, by policy.Subject, label string, answer []byte) error {
	if s.passkeys == nil {
		return ErrNoPasskeys
	}
	label = strings.Join(strings.Fields(label), " ")
	if !utf8.ValidString(label) || utf8.RuneCountInString(label) > 40 {
		return fmt.Errorf("%w: label", archive.ErrInvalid)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	if err != nil {
		return ErrPasskey // the cause may quote the answer
	}
	c, ok := s.ceremonies.take(s.now(), parsed.Response.CollectedClientData.Challenge)
	if !ok || c.account != by.Agent {
		return ErrPasskey
	}
	return s.own(ctx, by, func(tx *store.Tx, row *store.Account) ([]archive.Event, error) {
		p, err := readPerson(ctx, tx, *row)
		if err != nil {
			return nil, err
		}
		key, err := s.passkeys.CreateCredential(p, c.data, parsed)
		if err != nil || len(p.keys) >= maxPasskeys {
			return nil, ErrPasskey
		}
		body, err := json.Marshal(key)
		if err != nil {
			return nil, fmt.Errorf("write passkey: %w", err)
		}
		if err := tx.AddCredential(ctx, store.Credential{
			ID: key.ID, Account: row.ID, Data: body, Label: label, Uses: int64(key.Authenticator.SignCount), CreatedAt: s.now(),
		}); err != nil {
			return nil, fmt.Errorf("add passkey of %s: %w", row.ID, err)
		}
		return []archive.Event{s.event(row.ID, "passkey added", row.ID)}, nil
	})
}

// RemovePasskey removes one of the person's passkeys. The last way in cannot be removed.
func (s *Service) RemovePasskey(ctx context.Context, by policy.Subject, keyID string) error {
	id, err := base64.RawURLEncoding.DecodeString(keyID)
	if err != nil {
		return archive.ErrNotFound
	}
	return s.own(ctx, by, func(tx *store.Tx, row *store.Account) ([]archive.Event, error) {
		a, err := s.load(ctx, tx, *row)
		if err != nil {
			return nil, err
		}
		if len(a.Passkeys) == 1 && !a.Password && a.Passkeys[0].ID == keyID {
			return nil, ErrLastWay
		}
		if err := tx.RemoveCredential(ctx, row.ID, id); err != nil {
			return nil, fmt.Errorf("remove passkey of %s: %w", row.ID, err)
		}
		return []archive.Event{s.event(row.ID, "passkey removed", row.ID)}, nil
	})
}

// BeginSignIn gives the options, as JSON for navigator.credentials.get, to sign in with a passkey. They are the same for
// everybody and name no account.
func (s *Service) BeginSignIn() ([]byte, error) {
	if s.passkeys == nil {
		return nil, ErrNoPasskeys
	}
	options, data, err := s.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, fmt.Errorf("begin sign-in: %w", err)
	}
	s.ceremonies.put(s.now(), *data, "")
	return json.Marshal(options)
}

// FinishSignIn takes the browser's answer to BeginSignIn. Every refusal is ErrSignIn.
func (s *Service) FinishSignIn(ctx context.Context, answer []byte) (Account, error) {
	if s.passkeys == nil {
		return Account{}, ErrNoPasskeys
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return Account{}, ErrSignIn
	}
	c, ok := s.ceremonies.take(s.now(), parsed.Response.CollectedClientData.Challenge)
	if !ok || c.account != "" {
		return Account{}, ErrSignIn
	}
	var a Account
	err = s.change(ctx, func(tx *store.Tx) ([]archive.Event, error) {
		var p person
		find := func(_, handle []byte) (webauthn.User, error) {
			row, err := tx.AccountByHandle(ctx, handle)
			if err != nil {
				return nil, err
			}
			if row.Disabled {
				return nil, ErrSignIn
			}
			p, err = readPerson(ctx, tx, row)
			return p, err
		}
		_, key, err := s.passkeys.ValidatePasskeyLogin(find, c.data, parsed)
		if err != nil || key.Authenticator.CloneWarning {
			// A counter that went back means that the key exists twice.
			return nil, ErrSignIn
		}
		body, err := json.Marshal(key)
		if err != nil {
			return nil, fmt.Errorf("write passkey: %w", err)
		}
		if err := tx.UseCredential(ctx, key.ID, body, int64(key.Authenticator.SignCount), s.now()); err != nil {
			return nil, fmt.Errorf("note use of a passkey of %s: %w", p.row.ID, err)
		}
		return s.enter(ctx, tx, p.row, "passkey", &a)
	})
	if err != nil {
		return Account{}, err
	}
	return a, nil
}
