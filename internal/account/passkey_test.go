package account

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// key is an authenticator in software: one ES256 key, attestation "none" (Web Authentication level 3, sections 6.5 and 7).
type key struct {
	id      []byte
	private *ecdsa.PrivateKey
	user    []byte
	uses    uint32

	// What a dishonest or careless browser or key would do.
	origin  string
	rpID    string
	noUV    bool
	replace string // of the challenge
}

func newKey(t *testing.T) *key {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := make([]byte, 32)
	_, _ = rand.Read(id)
	return &key{id: id, private: private, origin: "http://localhost:8420", rpID: "localhost"}
}

var b64 = base64.RawURLEncoding

func (k *key) clientData(kind, challenge string) []byte {
	if k.replace != "" {
		challenge = k.replace
	}
	b, _ := json.Marshal(map[string]any{"type": kind, "challenge": challenge, "origin": k.origin, "crossOrigin": false})
	return b
}

func (k *key) authData(attested bool) []byte {
	rp := sha256.Sum256([]byte(k.rpID))
	flags := byte(0x01 | 0x04) // user present, user verified
	if k.noUV {
		flags = 0x01
	}
	if attested {
		flags |= 0x40
	}
	out := append(rp[:], flags)
	out = binary.BigEndian.AppendUint32(out, k.uses)
	if attested {
		out = append(out, make([]byte, 16)...) // no AAGUID
		out = binary.BigEndian.AppendUint16(out, uint16(len(k.id)))
		out = append(out, k.id...)
		raw, _ := k.private.PublicKey.Bytes() // 4, x, y
		out = append(out, 0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20)
		out = append(out, raw[1:33]...)
		out = append(out, 0x22, 0x58, 0x20)
		out = append(out, raw[33:]...)
	}
	return out
}

// create answers navigator.credentials.create.
func (k *key) create(t *testing.T, options []byte) []byte {
	t.Helper()
	var o struct {
		PublicKey struct {
			Challenge string `json:"challenge"`
			RP        struct {
				ID string `json:"id"`
			} `json:"rp"`
			User struct {
				ID string `json:"id"`
			} `json:"user"`
			AuthenticatorSelection struct {
				ResidentKey      string `json:"residentKey"`
				UserVerification string `json:"userVerification"`
			} `json:"authenticatorSelection"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	if o.PublicKey.AuthenticatorSelection.ResidentKey != "required" || o.PublicKey.AuthenticatorSelection.UserVerification != "required" || o.PublicKey.RP.ID != "localhost" {
		t.Fatalf("options ask for too little: %s", options)
	}
	var err error
	if k.user, err = b64.DecodeString(o.PublicKey.User.ID); err != nil {
		t.Fatal(err)
	}
	auth := k.authData(true)
	// {"fmt": "none", "attStmt": {}, "authData": auth}
	obj := append([]byte{0xa3, 0x63, 'f', 'm', 't', 0x64, 'n', 'o', 'n', 'e', 0x67, 'a', 't', 't', 'S', 't', 'm', 't', 0xa0, 0x68}, "authData"...)
	obj = append(obj, 0x59)
	obj = binary.BigEndian.AppendUint16(obj, uint16(len(auth)))
	obj = append(obj, auth...)
	b, _ := json.Marshal(map[string]any{
		"id": b64.EncodeToString(k.id), "rawId": b64.EncodeToString(k.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64.EncodeToString(k.clientData("webauthn.create", o.PublicKey.Challenge)), "attestationObject": b64.EncodeToString(obj), "transports": []string{"internal"},
		},
	})
	return b
}

// get answers navigator.credentials.get.
func (k *key) get(t *testing.T, options []byte) []byte {
	t.Helper()
	var o struct {
		PublicKey struct {
			Challenge        string            `json:"challenge"`
			AllowCredentials []json.RawMessage `json:"allowCredentials"`
		} `json:"publicKey"`
	}
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	if len(o.PublicKey.AllowCredentials) > 0 {
		t.Fatal("the options to sign in name passkeys")
	}
	k.uses++
	client := k.clientData("webauthn.get", o.PublicKey.Challenge)
	auth := k.authData(false)
	hash := sha256.Sum256(client)
	digest := sha256.Sum256(slices.Concat(auth, hash[:]))
	sig, err := ecdsa.SignASN1(rand.Reader, k.private, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(map[string]any{
		"id": b64.EncodeToString(k.id), "rawId": b64.EncodeToString(k.id), "type": "public-key", "clientExtensionResults": map[string]any{},
		"response": map[string]any{
			"clientDataJSON": b64.EncodeToString(client), "authenticatorData": b64.EncodeToString(auth), "signature": b64.EncodeToString(sig), "userHandle": b64.EncodeToString(k.user),
		},
	})
	return b
}

func (e *env) register(t *testing.T, a Account, k *key) error {
	t.Helper()
	options, err := e.BeginPasskey(t.Context(), a.Subject())
	if err != nil {
		t.Fatal(err)
	}
	return e.FinishPasskey(t.Context(), a.Subject(), "desk", k.create(t, options))
}

func (e *env) signInBy(t *testing.T, k *key) (Account, error) {
	t.Helper()
	options, err := e.BeginSignIn()
	if err != nil {
		t.Fatal(err)
	}
	return e.FinishSignIn(t.Context(), k.get(t, options))
}

func TestPasskeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		e := newEnv(t, db)
		a := e.admin(t)
		k := newKey(t)
		if err := e.register(t, a, k); err != nil {
			t.Fatal(err)
		}
		got, err := e.signInBy(t, k)
		if err != nil || got.ID != a.ID || len(got.Passkeys) != 1 {
			t.Fatalf("sign-in: %+v %v", got, err)
		}
		if _, err := e.signInBy(t, k); err != nil {
			t.Fatalf("sign-in again: %v", err)
		}

		for what, change := range map[string]func(*key){
			"another site":           func(k *key) { k.origin = "https://evil.example" },
			"another relying party":  func(k *key) { k.rpID = "evil.example" },
			"holder not verified":    func(k *key) { k.noUV = true },
			"another key":            func(k *key) { k.private = newKey(t).private },
			"unknown user":           func(k *key) { k.user = []byte("nobody") },
			"challenge of their own": func(k *key) { k.replace = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" },
			"counter that went back": func(k *key) { k.uses = 0 },
		} {
			bad := *k
			change(&bad)
			if _, err := e.signInBy(t, &bad); !errors.Is(err, ErrSignIn) {
				t.Errorf("%s: %v", what, err)
			}
			if what == "unknown user" || what == "another key" || what == "counter that went back" {
				continue
			}
			fresh := newKey(t)
			change(fresh)
			if err := e.register(t, a, fresh); !errors.Is(err, ErrPasskey) {
				t.Errorf("registration, %s: %v", what, err)
			}
		}

		options, err := e.BeginSignIn()
		if err != nil {
			t.Fatal(err)
		}
		answer := k.get(t, options)
		if _, err := e.FinishSignIn(t.Context(), answer); err != nil {
			t.Fatal(err)
		}
		if _, err := e.FinishSignIn(t.Context(), answer); !errors.Is(err, ErrSignIn) {
			t.Fatalf("the same answer again: %v", err)
		}
		options, _ = e.BeginSignIn()
		answer = k.get(t, options)
		e.advance(ceremonyLife)
		if _, err := e.FinishSignIn(t.Context(), answer); !errors.Is(err, ErrSignIn) {
			t.Fatalf("an answer too late: %v", err)
		}
	})
}

func TestPasskeyOfAnotherPersonsCeremony(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a := e.invite(t, root, "Olha", archive.RoleReviewer)
	options, err := e.BeginPasskey(t.Context(), root.Subject())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.FinishPasskey(t.Context(), a.Subject(), "", newKey(t).create(t, options)); !errors.Is(err, ErrPasskey) {
		t.Fatalf("a ceremony begun by another: %v", err)
	}
}

func TestLastWayInStays(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	a := e.admin(t)
	one, two := newKey(t), newKey(t)
	for _, k := range []*key{one, two} {
		if err := e.register(t, a, k); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.RemovePasskey(t.Context(), a.Subject(), encodeKeyID(one.id)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.signInBy(t, one); !errors.Is(err, ErrSignIn) {
		t.Fatalf("a removed passkey: %v", err)
	}
	if err := e.RemovePasskey(t.Context(), a.Subject(), encodeKeyID(two.id)); !errors.Is(err, ErrLastWay) {
		t.Fatalf("the last way in: %v", err)
	}
	other := e.invite(t, a, "Olha", archive.RoleReviewer)
	if err := e.RemovePasskey(t.Context(), other.Subject(), encodeKeyID(two.id)); !errors.Is(err, archive.ErrNotFound) {
		t.Fatalf("somebody else's passkey: %v", err)
	}
}

func TestDisabledAccountHasNoPasskey(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	root := e.admin(t)
	a := e.invite(t, root, "Olha", archive.RoleReviewer)
	k := newKey(t)
	if err := e.register(t, a, k); err != nil {
		t.Fatal(err)
	}
	if err := e.Disable(t.Context(), root.Subject(), a.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := e.signInBy(t, k); !errors.Is(err, ErrSignIn) {
		t.Fatalf("passkey of a closed account: %v", err)
	}
}

func TestRelyingParty(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		origins []string
		id      string
		allowed []string
	}{
		{[]string{"https://archive.example"}, "archive.example", []string{"https://archive.example"}},
		{[]string{"https://archive.example:8443"}, "archive.example", []string{"https://archive.example:8443"}},
		{[]string{"http://127.0.0.1:8420"}, "localhost", []string{"http://localhost:8420"}},
		{[]string{"http://[::1]:8420"}, "localhost", []string{"http://localhost:8420"}},
		{[]string{"http://localhost:8420"}, "localhost", []string{"http://localhost:8420"}},
		{[]string{"http://archive.example"}, "", nil},   // not a secure context
		{[]string{"https://192.0.2.7"}, "", nil},        // an address is no name of a relying party
		{[]string{"http://localhost.example"}, "", nil}, // not the loopback
	} {
		_, id, allowed, err := relyingParty(c.origins)
		if err != nil || id != c.id || !slices.Equal(allowed, c.allowed) {
			t.Errorf("%v: %q %v %v", c.origins, id, allowed, err)
		}
	}
	if _, _, _, err := relyingParty([]string{"ftp://x"}); !errors.Is(err, archive.ErrInvalid) {
		t.Error("an origin of another scheme was taken")
	}
	e := newEnv(t, storetest.Open(t, store.SQLite), func(o *Options) { o.Origins = []string{"http://archive.example"} })
	if _, err := e.BeginSignIn(); !errors.Is(err, ErrNoPasskeys) {
		t.Errorf("passkeys without a secure context: %v", err)
	}
}

func TestCeremoniesAreBounded(t *testing.T) {
	t.Parallel()
	e := newEnv(t, storetest.Open(t, store.SQLite))
	for range maxCeremonies + 50 {
		if _, err := e.BeginSignIn(); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(e.ceremonies.open); n > maxCeremonies {
		t.Fatalf("%d half-done ceremonies are kept", n)
	}
}
