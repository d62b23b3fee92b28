package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"zapis/internal/archive"
)

// RekeyOptions says how the vault is locked from now on. The set is complete: what is not named here opens no more.
type RekeyOptions struct {
	Passphrase        []byte
	KeyFileRecipients []string
	WorkFactor        int // log2 N of scrypt; 0: DefaultWorkFactor
	// Rotate also replaces the vault's own identity, and seals every envelope and every secret to the new one.
	// Needed when somebody who could open the vault no longer may: a former passphrase with a former copy
	// of key/ opens whatever was sealed to the former identity.
	Rotate bool
	// Progress is told how many of the envelopes and secrets are done.
	Progress func(done int)
}

// Rekey changes who can open the vault. Without Rotate only the files under key/ change. With Rotate every envelope
// and secret is sealed anew; blobs never change. Both can be repeated with the same options after a crash at any
// step, whichever passphrase or key file then opens the vault, and every object stays readable in between.
//
// The order of a rotation: (1) the files under key/ hold the new and the former identity; (2) vault.json names the new
// recipient; (3) envelopes, then secrets, are replaced one by one; (4) the files under key/ hold the new identity only.
// The caller makes sure that no other process rotates or erases meanwhile. Processes that have the vault open go on
// reading what they know and must open it anew to commit (ErrForeign).
func (v *Vault) Rekey(ctx context.Context, o RekeyOptions) error {
	slots, err := makeSlots(o.Passphrase, o.KeyFileRecipients, o.WorkFactor)
	if err != nil {
		return fmt.Errorf("rekey: %w: %w", archive.ErrInvalid, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.checkRecipient(ctx); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	h, k := v.header(), v.key()
	if !o.Rotate {
		if err := v.writeSlots(ctx, h, k, slots); err != nil {
			return fmt.Errorf("rekey: %w", err)
		}
		return nil
	}
	if len(k.ids) == 1 {
		id, err := age.GenerateHybridIdentity()
		if err != nil {
			return fmt.Errorf("rekey: %w", err)
		}
		k.ids = append([]*age.HybridIdentity{id}, k.ids...)
		k.lines = append([]string{id.String()}, k.lines...)
	} // else an interrupted rotation goes on
	if err := v.writeSlots(ctx, h, k, slots); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	v.set(h, k)
	h.Recipient = k.ids[0].Recipient().String()
	if err := v.b.Replace(ctx, headerName, h.encode()); err != nil {
		return fmt.Errorf("rekey: replace vault.json: %w", err)
	}
	v.set(h, k)
	if err := v.writeVaultSums(ctx); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	if err := v.rewrapAll(ctx, o.Progress); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	k = Key{k.ids[:1:1], k.lines[:1:1]}
	if err := v.writeSlots(ctx, h, k, slots); err != nil {
		return fmt.Errorf("rekey: %w", err)
	}
	v.set(h, k)
	return nil
}

// Rotating says whether a rotation was interrupted and should be finished by Rekey.
func (v *Vault) Rotating() bool { return len(v.key().ids) > 1 }

// writeSlots makes the files under key/ exactly these. The new ones are durable before a former one goes.
func (v *Vault) writeSlots(ctx context.Context, h Header, k Key, slots []slot) error {
	keep := make(map[string]bool)
	for _, s := range slots {
		keep[s.name] = true
		sealed, err := seal(k.text(h), s.recipient)
		if err != nil {
			return err
		}
		if err := v.b.Replace(ctx, s.name, sealed); err != nil {
			return fmt.Errorf("replace %s: %w", s.name, err)
		}
		if err := readBackSmall(ctx, v.b, s.name, sealed); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	var gone []string
	for info, err := range v.b.List(ctx, keyPrefix) {
		if err != nil {
			return fmt.Errorf("list keys: %w", err)
		}
		if !keep[info.Name] {
			gone = append(gone, info.Name)
		}
	}
	for _, name := range gone {
		if err := v.b.Remove(ctx, name); err != nil {
			return fmt.Errorf("remove %s: %w", name, err)
		}
	}
	return v.writeVaultSums(ctx)
}

// rewrapAll seals everything to the newest identity, also what opens with it already: an interrupted rotation may have
// left a file that can be read and is not durable, and the former identity is about to be given up.
func (v *Vault) rewrapAll(ctx context.Context, progress func(int)) error {
	newest := v.key().ids[0]
	done := 0
	step := func() {
		done++
		if progress != nil {
			progress(done)
		}
	}
	// The list is taken first, since replacing changes the folders that are being listed.
	var ids []string
	for id, err := range v.Envelopes(ctx) {
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	for _, id := range ids {
		e, _, err := v.openEnvelope(ctx, id)
		if errors.Is(err, ErrNotFound) {
			continue // an aborted batch took it away
		}
		if err != nil {
			return err
		}
		if err := v.rewriteEnvelope(ctx, e); err != nil {
			return err
		}
		step()
	}
	var names []string
	for info, err := range v.b.List(ctx, secretPrefix) {
		if err != nil {
			return fmt.Errorf("list secrets: %w", err)
		}
		names = append(names, info.Name)
	}
	for _, name := range names {
		if err := v.rewrapSecret(ctx, name, newest); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		step()
	}
	return nil
}

func (v *Vault) rewrapSecret(ctx context.Context, name string, newest *age.HybridIdentity) error {
	sealed, err := readSmall(ctx, v.b, name, 1<<20)
	if err != nil {
		return err
	}
	plain, err := unseal(sealed, v.key().identities()...)
	if err != nil {
		return corrupt("secret does not open")
	}
	sealed, err = seal(plain, newest.Recipient())
	clear(plain)
	if err != nil {
		return err
	}
	if err := v.b.Replace(ctx, name, sealed); err != nil {
		return err
	}
	return readBackSmall(ctx, v.b, name, sealed)
}

// KeySlots lists what can open the vault: "passphrase", and "file-" with the Fingerprint of each key file.
func KeySlots(ctx context.Context, b Backend) ([]string, error) {
	var out []string
	for info, err := range b.List(ctx, keyPrefix) {
		if err != nil {
			return nil, fmt.Errorf("list keys: %w", err)
		}
		out = append(out, strings.TrimSuffix(strings.TrimPrefix(info.Name, keyPrefix), ageSuffix))
	}
	slices.Sort(out)
	return out, nil
}
