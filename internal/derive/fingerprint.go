package derive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// DerivativeFingerprint is the kind of derivative that holds a fingerprint. It shows, coarsely, what the footage shows, and is sealed
// like it.
const DerivativeFingerprint = "fingerprint"

// FingerprintMediaType is the media type of a fingerprint.
const FingerprintMediaType = "application/vnd.zapis.fingerprint"

// fingerprintPass makes the fingerprint by which footage is told again. It comes after the full pass and changes nothing about the item.
var fingerprintPass = pass{
	name:    "fingerprint",
	recipes: []media.Recipe{media.RecipeFingerprint},
	proof:   media.RecipeFingerprint,
	kind:    DerivativeFingerprint,
	beside:  true,
	make:    (*Service).makeFingerprint,
}

// fingerprintMeta is what stands in the catalogue of a fingerprint.
type fingerprintMeta struct {
	Seconds float64 `json:"seconds"`
	Runs    int     `json:"runs"`
	From    string  `json:"from"` // "proxy" or "original"
}

// Fingerprint works a fingerprint job. Results are as of Quick.
func (s *Service) Fingerprint(ctx context.Context, j job.Job[job.Fingerprint]) error {
	return s.work(ctx, fingerprintPass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "fingerprint"})
}

func (s *Service) makeFingerprint(ctx context.Context, a *attempt, t *task) (*made, error) {
	m, err := s.fingerprintOf(ctx, a, t, true)
	if err == nil || t.source.problem() != nil || ctx.Err() != nil || errors.Is(err, fingerprint.ErrShort) {
		if errors.Is(err, fingerprint.ErrShort) {
			err = fmt.Errorf("%w: %w", media.ErrNotMedia, err)
		}
		return m, err
	}
	// Without a working copy, or with one that cannot be read, the original says the same and takes longer.
	return s.fingerprintOf(ctx, a, t, false)
}

// errNoProxy: there is no working copy to be read.
var errNoProxy = errors.New("no working copy")

func (s *Service) fingerprintOf(ctx context.Context, a *attempt, t *task, proxy bool) (*made, error) {
	src, from := media.Source(t.source), "original"
	if proxy {
		r, err := s.openProxy(ctx, t.item.ID)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		src, from = &source{vault.NewOriginal(r)}, "proxy"
	}
	p, err := s.o.Media.Probe(ctx, src)
	if err != nil {
		return nil, fmt.Errorf("probe %s: %w", from, err)
	}
	if p.Reason != "" {
		return nil, reasonError(p.Reason)
	}
	var runs []fingerprint.Run
	var rep media.Report
	sealed, err := s.sealStream(ctx, t, func(w io.Writer) (err error) {
		runs, rep, err = s.o.Media.Fingerprint(ctx, src, p, w, func(at float64) {
			if p.Duration > 0 {
				s.progress(ctx, a, at/p.Duration)
			}
		})
		return err
	})
	if err == nil {
		if read, ok := src.(*source); ok && read.problem() != nil {
			t.batch.Drop(sealed.ID)
			err = errUnread
		}
	}
	if err != nil {
		return nil, err
	}
	m := &made{}
	d := archive.Derivative{Kind: DerivativeFingerprint, MediaType: FingerprintMediaType, Meta: meta(fingerprintMeta{Seconds: rep.Seconds, Runs: len(runs), From: from})}
	s.note(t, m, d, media.RecipeFingerprint, rep.Tool, sealed)
	m.report = m.derivatives[0].SHA256
	row := store.Fingerprint{
		Item: t.item.ID, Derivative: m.derivatives[0].ID, Version: media.RecipeFingerprint.Version,
		Runs: s.o.Record.Seal(m.derivatives[0].ID, fingerprint.EncodeRuns(runs)),
	}
	m.after = func(ctx context.Context, tx *store.Tx) error {
		if err := tx.AddFingerprint(ctx, row); err != nil {
			return err
		}
		return s.o.Jobs.EnqueueTx(ctx, tx, job.Match{Item: t.item.ID}, job.Opts{Unique: true})
	}
	s.progress(ctx, a, 1)
	return m, nil
}

// openProxy opens the working copy of an item.
func (s *Service) openProxy(ctx context.Context, item string) (*vault.Reader, error) {
	var found archive.Derivative
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		standing, err := tx.Derivatives(ctx, item)
		if err != nil {
			return err
		}
		for _, d := range standing {
			if d.Kind == archive.DerivativeProxy && bytes.HasPrefix([]byte(d.MediaType), []byte("video/")) {
				found = d
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find working copy: %w", err)
	}
	if found.ID == "" {
		return nil, errNoProxy
	}
	r, err := s.o.Vault.Reader(ctx, vault.Ref(found.Object))
	if err != nil {
		return nil, fmt.Errorf("open working copy %s: %w", found.ID, err)
	}
	return r, nil
}
