package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// secretIdentity is the name of the secret under which identities are sealed: apart from all others, so that whoever holds those reads no
// identity, and so that it can one day be kept elsewhere.
const secretIdentity = "identity"

// openIdentities makes the part of the catalogue that knows who stands behind codes. The key is read from the vault anew for each act.
func (a *App) openIdentities() (err error) {
	a.Identities, err = knowledge.NewIdentities(knowledge.IdentityOptions{
		DB: a.DB, Custody: a.Custody, Purge: a.DB.Purge, Logger: a.Logger,
		Key: func(ctx context.Context) ([]byte, error) {
			key, err := a.Vault.Secret(ctx, secretIdentity)
			if errors.Is(err, vault.ErrNotFound) {
				return nil, knowledge.ErrNoIdentityKey
			}
			return key, err
		},
	})
	return err
}

// MakeIdentityKey makes the key under which identities are sealed, for an archive that was made before there was one. It is an act of its own
// and is recorded. archive.ErrExists if there is one; archive.ErrIntegrity if there is none although identities are sealed already: then the
// vault has lost it, and another one would hide that.
func (a *App) MakeIdentityKey(ctx context.Context) error {
	if !a.alone {
		return fmt.Errorf("make key of identities: %w: the vault must be had alone", archive.ErrInvalid)
	}
	switch _, err := a.Vault.Secret(ctx, secretIdentity); {
	case err == nil:
		return archive.Explain(fmt.Errorf("make key of identities: %w", archive.ErrExists), "This archive has a key for identities already.", "")
	case !errors.Is(err, vault.ErrNotFound):
		return fmt.Errorf("make key of identities: %w", err)
	}
	var sealed int64
	if err := a.DB.Read(ctx, func(tx *store.Tx) (err error) { sealed, err = tx.CountIdentities(ctx); return err }); err != nil {
		return fmt.Errorf("make key of identities: %w", err)
	}
	if sealed > 0 {
		return archive.Explain(fmt.Errorf("make key of identities: %w: identities are sealed and their key is not in the vault", archive.ErrIntegrity),
			"Identities are sealed, but their key is not in the vault.", "Put the vault back from a copy; a new key would not open them.")
	}
	if err := putIdentityKey(ctx, a.Vault); err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := a.Custody.Record(ctx, tx, a.vaultEvent(archive.EventKeyChange, archive.Success, map[string]string{"act": "key of identities made"}))
		return err
	})
}

// putIdentityKey draws the key and puts it into the vault.
func putIdentityKey(ctx context.Context, v *vault.Vault) error {
	key := make([]byte, 32)
	defer clear(key)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("make secret %s: %w", secretIdentity, err)
	}
	return v.PutSecret(ctx, secretIdentity, key)
}
