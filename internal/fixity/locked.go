package fixity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"runtime"
	"strings"
	"sync"
	"time"

	"crypto/sha256"

	"golang.org/x/sync/errgroup"

	"zapis/internal/archive"
	"zapis/internal/vault"
)

// LockedFailure is one file of a vault that does not agree with the sums beside it.
type LockedFailure struct {
	Name string // storage name, "blob/3f/bl_…"
	Code string // "missing", "altered", "unlisted", "unreadable"
}

// CodeUnlisted: a file of the vault itself that its sums do not name.
const CodeUnlisted = "unlisted"

// LockedReport is what a check without keys and catalogue found.
type LockedReport struct {
	Vault    string
	Files    int64
	Bytes    int64
	Failures []LockedFailure
	// Unlisted are blobs and envelopes that no sums file names. An interrupted commit leaves such, since the sums are
	// written last; so does the loss of a sums file, and then they went unchecked. Only fsck can tell the two apart.
	Unlisted []string
	Elapsed  time.Duration
}

// OK says whether everything agreed.
func (r LockedReport) OK() bool { return len(r.Failures) == 0 }

// CheckLocked checks a copy of a vault without any key and without the catalogue: every file that a sums file lists, several
// at once. What it cannot find is deceit by someone who can write the sums, too: a check with the catalogue does.
func CheckLocked(ctx context.Context, b vault.Backend, progress func(Progress)) (LockedReport, error) {
	began := time.Now()
	if progress == nil {
		progress = func(Progress) {}
	}
	var (
		mu  sync.Mutex
		p   Progress
		rep LockedReport
	)
	h, err := vault.Inspect(ctx, b)
	if errors.Is(err, vault.ErrNotVault) {
		return rep, err
	}
	rep.Vault = h.Vault
	read := func(n int64) {
		mu.Lock()
		defer mu.Unlock()
		p.Bytes += n
		rep.Bytes += n
		progress(p)
	}
	listed := map[string]bool{}
	report := func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		listed[name] = true
		rep.Files++
		p.Blobs++
		if err != nil {
			rep.Failures = append(rep.Failures, LockedFailure{Name: name, Code: codeOf(err)})
			p.Failures = int64(len(rep.Failures))
		}
		progress(p)
	}
	// The small files of the vault itself: header, sealed keys, secrets.
	if err := vault.CheckSums(ctx, onlyVaultFiles{b}, report, read); err != nil {
		return rep, fmt.Errorf("check without keys: %w", err)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(max(2, runtime.GOMAXPROCS(0)))
	for info, err := range b.List(ctx, "sums/") {
		if err != nil {
			_ = g.Wait()
			return rep, fmt.Errorf("check without keys: list sums: %w", err)
		}
		id := info.Name[strings.LastIndexByte(info.Name, '/')+1:]
		if archive.CheckID(archive.PrefixEnvelope, id) != nil || vault.SumsName(id) != info.Name {
			continue // not that of an envelope
		}
		blobs, envelope, err := vault.ReadSums(ctx, b, id)
		report(info.Name, err)
		if err != nil {
			continue
		}
		g.Go(func() error {
			name := vault.EnvelopeName(id)
			err := sumOf(gctx, b, name, envelope, read)
			if gctx.Err() == nil {
				report(name, err)
			}
			return gctx.Err()
		})
		for _, blob := range blobs {
			g.Go(func() error {
				info, err := b.Stat(gctx, vault.BlobName(blob.Name))
				if err == nil {
					blob.Size = info.Size // sums hold no sizes; the digest speaks for it
					err = vault.CheckBlob(gctx, b, blob, read)
				}
				if gctx.Err() == nil {
					report(vault.BlobName(blob.Name), err)
				}
				return gctx.Err()
			})
		}
	}
	if err := g.Wait(); err != nil {
		return rep, fmt.Errorf("check without keys: %w", err)
	}
	for _, prefix := range []string{"blob/", "envelope/"} {
		for info, err := range b.List(ctx, prefix) {
			if err != nil {
				return rep, fmt.Errorf("check without keys: list %s: %w", prefix, err)
			}
			if listed[info.Name] {
				continue
			}
			rep.Unlisted = append(rep.Unlisted, info.Name)
		}
	}
	rep.Elapsed = time.Since(began)
	return rep, nil
}

func codeOf(err error) string {
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return CodeMissing
	case errors.Is(err, vault.ErrUnlisted):
		return CodeUnlisted
	case errors.Is(err, vault.ErrCorrupt), errors.Is(err, vault.ErrFormat):
		return CodeAltered
	}
	return CodeUnreadable
}

// sumOf compares a small file with its digest.
func sumOf(ctx context.Context, b vault.Backend, name string, want [sha256.Size]byte, read func(int64)) error {
	r, err := b.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		return err
	}
	read(n)
	if [sha256.Size]byte(h.Sum(nil)) != want {
		return vault.ErrCorrupt
	}
	return nil
}

// onlyVaultFiles hides blobs, envelopes and their sums, so that CheckSums looks at the rest alone and the many large
// files can be read several at once.
type onlyVaultFiles struct{ vault.Backend }

func (o onlyVaultFiles) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		if prefix == "blob/" || prefix == "envelope/" {
			return
		}
		for info, err := range o.Backend.List(ctx, prefix) {
			if err == nil && strings.HasPrefix(info.Name, "sums/") {
				id := info.Name[strings.LastIndexByte(info.Name, '/')+1:]
				if archive.CheckID(archive.PrefixEnvelope, id) == nil && vault.SumsName(id) == info.Name {
					continue
				}
			}
			if !yield(info, err) {
				return
			}
		}
	}
}
