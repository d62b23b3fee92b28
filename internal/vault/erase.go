package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"zapis/internal/archive"
)

// Erase destroys the key of an object: the envelope is rewritten without it, durably, the former envelope's bytes are
// overwritten where the storage allows, and the sums follow. The other objects of the envelope stay as they are; the
// sealed bytes stay as noise. The object gives ErrErased from then on. Erasing again writes
// the same once more, which finishes what a crash interrupted. ErrNotFound if the envelope never held the object.
//
// The caller makes sure that no other process erases from the same vault or rotates its key at the same time, and
// erases from each mirror, too (Mirror does that).
func (v *Vault) Erase(ctx context.Context, ref Ref) error {
	if err := archive.CheckID(archive.PrefixObject, ref.Object); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	e, _, err := v.openEnvelope(ctx, ref.Envelope)
	if err != nil {
		return fmt.Errorf("erase object %s: %w", ref.Object, err)
	}
	at := slices.IndexFunc(e.entries, func(e entry) bool { return e.ID == ref.Object })
	switch {
	case at >= 0:
		e.entries = slices.Delete(e.entries, at, at+1)
		e.erased = append(e.erased, ref.Object)
	case slices.Contains(e.erased, ref.Object):
		// Written once more: what an interrupted erasure left is seen by us, but perhaps not on the device.
	default:
		return fmt.Errorf("erase object %s: %w", ref.Object, ErrNotFound)
	}
	if err := v.rewriteEnvelope(ctx, e); err != nil {
		return fmt.Errorf("erase object %s: %w", ref.Object, err)
	}
	return nil
}

// rewriteEnvelope seals an envelope anew, puts it in place of the former one, reads it back and lets the sums follow.
func (v *Vault) rewriteEnvelope(ctx context.Context, e *envelope) error {
	plain := e.encode(v.ID())
	sealed, err := seal(plain, v.recipient())
	clear(plain)
	if err != nil {
		return err
	}
	v.cache.drop(e.id)
	name := EnvelopeName(e.id)
	if err := v.b.Replace(ctx, name, sealed); err != nil {
		return fmt.Errorf("replace envelope %s: %w", e.id, err)
	}
	v.cache.drop(e.id)
	if err := readBackSmall(ctx, v.b, name, sealed); err != nil {
		return fmt.Errorf("envelope %s: %w", e.id, err)
	}
	if _, err := v.unsealEnvelope(e.id, sealed); err != nil {
		return fmt.Errorf("read back: %w", err)
	}
	return v.followSums(ctx, e, sealed)
}

// followSums makes the sums file of an envelope agree with it. It is the second half of every rewriting, and repeats
// safely. It writes even if the sums agree already, since what can be read need not be durable.
func (v *Vault) followSums(ctx context.Context, e *envelope, sealed []byte) error {
	want := envelopeSums(e.blobs, e.id, sha256.Sum256(sealed))
	if err := v.b.Replace(ctx, SumsName(e.id), want); err != nil {
		return fmt.Errorf("replace sums of %s: %w", e.id, err)
	}
	return nil
}

// RepairSums writes the sums file of an envelope anew from the envelope itself, after a crash between the two. It
// refuses an envelope that does not open.
func (v *Vault) RepairSums(ctx context.Context, envelope string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	e, sealed, err := v.openEnvelope(ctx, envelope)
	if err != nil {
		return fmt.Errorf("repair sums: %w", err)
	}
	return v.followSums(ctx, e, sealed)
}

// Heal replaces a damaged blob by the one that another storage holds. The replacement's size and digest are checked
// before it takes the place, and again on the device afterwards; if they do not agree nothing changes and Heal gives
// ErrCorrupt.
func (v *Vault) Heal(ctx context.Context, blob Blob, from Backend) error {
	if err := archive.CheckID(archive.PrefixBlob, blob.Name); err != nil {
		return err
	}
	name := BlobName(blob.Name)
	if err := copyChecked(ctx, from, v.b, name, &blob.SHA256, nil); err != nil {
		return fmt.Errorf("heal blob %s: %w", blob.Name, err)
	}
	if err := checkBlob(ctx, v.b, blob, true, nil); err != nil {
		return fmt.Errorf("heal blob %s: read back: %w", blob.Name, err)
	}
	return nil
}

// HealEnvelope replaces a damaged or missing envelope by the one that another storage holds, if it has the digest that
// the catalogue knows (want) and opens. An older envelope could bring an erased object back, therefore the digest is
// demanded.
func (v *Vault) HealEnvelope(ctx context.Context, id string, want [32]byte, from Backend) error {
	if err := archive.CheckID(archive.PrefixEnvelope, id); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	sealed, err := readSmall(ctx, from, EnvelopeName(id), maxEnvelope)
	if err != nil {
		return fmt.Errorf("heal envelope %s: %w", id, err)
	}
	if sha256.Sum256(sealed) != want {
		return corrupt("heal envelope %s: the replica is not the one that is known", id)
	}
	e, err := v.unsealEnvelope(id, sealed)
	if err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	v.cache.drop(id)
	if err := v.b.Replace(ctx, EnvelopeName(id), sealed); err != nil {
		return fmt.Errorf("heal envelope %s: %w", id, err)
	}
	v.cache.drop(id)
	if err := readBackSmall(ctx, v.b, EnvelopeName(id), sealed); err != nil {
		return fmt.Errorf("heal envelope %s: %w", id, err)
	}
	return v.followSums(ctx, e, sealed)
}

// copyChecked copies a file to another storage under the same name, replacing atomically; with want given, only if it
// has that digest.
func copyChecked(ctx context.Context, from, to Backend, name string, want *[32]byte, progress func(int64)) error {
	r, err := openCold(ctx, from, name)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := to.Overwrite(ctx, name)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := streamTo(ctx, r, func(p []byte) error {
		digestInto(h, p)
		if progress != nil {
			progress(int64(len(p)))
		}
		_, err := w.Write(p)
		return err
	})
	if err == nil && n != r.Size() {
		err = corrupt("read %d bytes of %d", n, r.Size())
	}
	if err == nil && want != nil && [32]byte(h.Sum(nil)) != *want {
		err = corrupt("the copy to be used has another digest")
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}
