package vault

import (
	"context"
	"fmt"

	"zapis/internal/archive"
)

// Leftovers lists the blobs that interrupted batches left: no envelope and no sums file refers to them. Blobs whose
// identifier is not smaller than before (an identifier made when the process started, say, archive.NewID("bl")) are
// not listed. If any envelope or sums file cannot be read, nothing is called a leftover and that error is given.
func (v *Vault) Leftovers(ctx context.Context, before string) ([]Blob, error) {
	blobs, err := v.leftovers(ctx, before)
	if err != nil {
		return nil, fmt.Errorf("list leftovers: %w", err)
	}
	return blobs, nil
}

func (v *Vault) leftovers(ctx context.Context, before string) ([]Blob, error) {
	used := make(map[string]bool)
	for id, err := range v.Envelopes(ctx) {
		if err != nil {
			return nil, err
		}
		e, _, err := v.openEnvelope(ctx, id)
		if err != nil {
			return nil, err
		}
		for _, b := range e.blobs {
			used[b.Name] = true
		}
	}
	for info, err := range v.b.List(ctx, sumsPrefix) {
		if err != nil {
			return nil, fmt.Errorf("list sums: %w", err)
		}
		lines, err := readSums(ctx, v.b, info.Name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Name, err)
		}
		for _, l := range lines {
			if id, ok := idOf(l.name, archive.PrefixBlob, BlobName); ok {
				used[id] = true
			}
		}
	}
	var out []Blob
	for b, err := range v.Blobs(ctx) {
		if err != nil {
			return nil, err
		}
		if !used[b.Name] && b.Name < before {
			out = append(out, b)
		}
	}
	return out, nil
}

// RemoveLeftovers takes leftovers away and gives their number and bytes. known is asked before each: a blob that the
// catalogue knows is never removed, whatever the vault says. The caller makes sure that no batch that is older than
// before is still open in any process.
func (v *Vault) RemoveLeftovers(ctx context.Context, before string, known func(blob string) (bool, error)) (n int, bytes int64, err error) {
	blobs, err := v.Leftovers(ctx, before)
	if err != nil {
		return 0, 0, err
	}
	for _, b := range blobs {
		keep, err := known(b.Name)
		if err != nil {
			return n, bytes, fmt.Errorf("remove leftover %s: %w", b.Name, err)
		}
		if keep {
			continue
		}
		if err := v.b.Remove(ctx, BlobName(b.Name)); err != nil {
			return n, bytes, fmt.Errorf("remove leftover %s: %w", b.Name, err)
		}
		n++
		bytes += b.Size
	}
	return n, bytes, nil
}

// Discard removes what a commit put into the vault and no catalogue will ever name: the sums first, then the envelope with the keys, then the
// blobs, so that no file ever names one that is gone. The caller makes sure that nobody else knows of it. At the first error it stops; what is left
// are leftovers.
func (v *Vault) Discard(ctx context.Context, c Commit) error {
	names := []string{SumsName(c.Envelope), EnvelopeName(c.Envelope)}
	for _, b := range c.Blobs {
		names = append(names, BlobName(b.Name))
	}
	for _, name := range names {
		if err := v.b.Remove(ctx, name); err != nil {
			return fmt.Errorf("discard commit: %w", err)
		}
	}
	return nil
}
