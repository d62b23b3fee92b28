package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"zapis/internal/archive"
)

// MirrorReport counts what Mirror did.
type MirrorReport struct {
	Copied  int      // files written to the mirror
	Bytes   int64    // bytes of these
	Present int      // files that the mirror had already
	Removed int      // files under key/ that the vault has no more
	Damaged []string // storage names that do not agree with their sums, or with Known; not copied
}

// MirrorOptions of Mirror.
type MirrorOptions struct {
	// Reread checks the blobs that the mirror has already, and copies anew what does not agree; otherwise their
	// size is believed.
	Reread bool
	// Known, if given, is asked before an envelope of the mirror is replaced by another one, with the digest of
	// the new one: the catalogue knows whether an object was erased or the key rotated. False: the mirror
	// keeps what it has, and the name is in Damaged.
	Known    func(envelope string, sum [32]byte) bool
	Progress func(n int64) // bytes of blobs read from the vault
}

// Mirror makes another storage a copy of a vault, without keys: the replica for Heal, and a backup. It begins again
// where it was interrupted. Every blob is compared with its line in the sums while it is copied; one that does
// not agree is not copied but named in Damaged, and the mirror's own copy of it stays. The mirror is empty or a
// copy of the same vault: ErrForeign otherwise.
//
// Rewritten envelopes, sums, keys and secrets follow the vault, so that an erased object is gone from the mirror, too, and
// a passphrase that opens the vault no more does not open the mirror. Nothing else is ever taken away from the
// mirror: an envelope or a blob that is missing in the vault is a loss, not a wish.
func Mirror(ctx context.Context, from, to Backend, o MirrorOptions) (MirrorReport, error) {
	var rep MirrorReport
	h, err := Inspect(ctx, from)
	if err != nil {
		return rep, fmt.Errorf("mirror: %w", err)
	}
	switch there, err := Inspect(ctx, to); {
	case errors.Is(err, ErrNotVault):
		for info, err := range to.List(ctx, "") {
			if err != nil {
				return rep, fmt.Errorf("mirror: %w", err)
			}
			// What an interrupted first run left has the vault's own names.
			if !isVaultName(info.Name) {
				return rep, fmt.Errorf("mirror: the place is not empty: %w", ErrExists)
			}
		}
	case err != nil:
		return rep, fmt.Errorf("mirror: %w", err)
	case there.Vault != h.Vault:
		return rep, fmt.Errorf("mirror: the place holds vault %s: %w", there.Vault, ErrForeign)
	}

	// The header goes last in a first run, and always after the keys that belong to it.
	for info, err := range from.List(ctx, sumsPrefix) {
		if err != nil {
			return rep, fmt.Errorf("mirror: %w", err)
		}
		if err := rep.commit(ctx, from, to, info.Name, o); err != nil {
			return rep, fmt.Errorf("mirror %s: %w", info.Name, err)
		}
	}
	if err := rep.removeGoneKeys(ctx, from, to); err != nil {
		return rep, fmt.Errorf("mirror: %w", err)
	}
	return rep, nil
}

func isVaultName(name string) bool {
	for _, prefix := range []string{keyPrefix, secretPrefix, blobPrefix, envPrefix, sumsPrefix} {
		if len(name) > len(prefix) && name[:len(prefix)] == prefix {
			return true
		}
	}
	return false
}

// commit copies one sums file after everything that it lists.
func (rep *MirrorReport) commit(ctx context.Context, from, to Backend, sums string, o MirrorOptions) error {
	if _, ok := idOf(sums, archive.PrefixEnvelope, SumsName); !ok && sums != vaultSums {
		return nil
	}
	lines, err := readSums(ctx, from, sums)
	if errors.Is(err, ErrCorrupt) || errors.Is(err, ErrFormat) {
		rep.Damaged = append(rep.Damaged, sums)
		return nil
	}
	if err != nil {
		return err
	}
	whole := true
	for _, line := range lines {
		if sums == vaultSums && line.name == headerName {
			continue
		}
		ok, err := rep.file(ctx, from, to, line, o)
		if err != nil {
			return fmt.Errorf("%s: %w", line.name, err)
		}
		whole = whole && ok
	}
	if !whole {
		return nil // the mirror keeps its former sums, which agree with what it has
	}
	if sums == vaultSums {
		for _, line := range lines {
			if line.name == headerName {
				if _, err := rep.file(ctx, from, to, line, o); err != nil {
					return err
				}
			}
		}
	}
	data, err := readSmall(ctx, from, sums, maxEnvelope)
	if err != nil {
		return err
	}
	return rep.small(ctx, to, sums, data)
}

// file copies one listed file; false if the vault's own copy is damaged.
func (rep *MirrorReport) file(ctx context.Context, from, to Backend, line sumLine, o MirrorOptions) (bool, error) {
	if _, isBlob := idOf(line.name, archive.PrefixBlob, BlobName); !isBlob {
		data, err := readSmall(ctx, from, line.name, maxEnvelope)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return false, err
		}
		if err != nil || sha256.Sum256(data) != line.sum {
			rep.Damaged = append(rep.Damaged, line.name)
			return false, nil
		}
		if id, ok := idOf(line.name, archive.PrefixEnvelope, EnvelopeName); ok && o.Known != nil {
			have, err := readSmall(ctx, to, line.name, maxEnvelope)
			if err == nil && !bytes.Equal(have, data) && !o.Known(id, line.sum) {
				rep.Damaged = append(rep.Damaged, line.name)
				return false, nil
			}
		}
		return true, rep.small(ctx, to, line.name, data)
	}
	src, err := from.Stat(ctx, line.name)
	if errors.Is(err, ErrNotFound) {
		rep.Damaged = append(rep.Damaged, line.name)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	there, err := to.Stat(ctx, line.name)
	if err == nil && there.Size == src.Size {
		if !o.Reread {
			rep.Present++
			return true, nil
		}
		err := checkFile(ctx, to, line, nil)
		if err == nil {
			rep.Present++
			return true, nil
		}
		if !errors.Is(err, ErrCorrupt) {
			return false, err
		}
	} else if err != nil && !errors.Is(err, ErrNotFound) {
		return false, err
	}
	err = copyChecked(ctx, from, to, line.name, &line.sum, o.Progress)
	if errors.Is(err, ErrCorrupt) {
		rep.Damaged = append(rep.Damaged, line.name)
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err := checkFile(ctx, to, line, nil); err != nil {
		return false, fmt.Errorf("read back: %w", err)
	}
	rep.Copied++
	rep.Bytes += src.Size
	return true, nil
}

func (rep *MirrorReport) small(ctx context.Context, to Backend, name string, data []byte) error {
	have, err := readSmall(ctx, to, name, maxEnvelope)
	if err == nil && bytes.Equal(have, data) {
		rep.Present++
		return nil
	}
	if err := to.Replace(ctx, name, data); err != nil {
		return err
	}
	if err := readBackSmall(ctx, to, name, data); err != nil {
		return err
	}
	rep.Copied++
	rep.Bytes += int64(len(data))
	return nil
}

// removeGoneKeys takes away the files under key/ that the vault has no more, unless the vault has none at all.
func (rep *MirrorReport) removeGoneKeys(ctx context.Context, from, to Backend) error {
	keys := make(map[string]bool)
	for info, err := range from.List(ctx, keyPrefix) {
		if err != nil {
			return err
		}
		keys[info.Name] = true
	}
	if len(keys) == 0 {
		return nil
	}
	var gone []string
	for info, err := range to.List(ctx, keyPrefix) {
		if err != nil {
			return err
		}
		if !keys[info.Name] {
			gone = append(gone, info.Name)
		}
	}
	for _, name := range gone {
		if err := to.Remove(ctx, name); err != nil {
			return err
		}
		rep.Removed++
	}
	return nil
}
