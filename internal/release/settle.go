package release

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/release/bundle"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Settle brings the folder to what the database says, after an interruption, and publishes what is due, in the name of who asked for it, if
// they may still do that and every gate is open. It is for a worker, often.
func (s *Service) Settle(ctx context.Context) error {
	err := s.settleFolder(ctx, "")
	if s.o.Subject == nil {
		return err
	}
	var due []store.Release
	err = errors.Join(err, s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		due, err = tx.DueReleases(ctx, s.now())
		return err
	}))
	for _, row := range due {
		who, werr := s.o.Subject(ctx, row.DueBy)
		if werr == nil {
			_, werr = s.letOut(ctx, who, row.ID, true)
		}
		if refused := (*Refused)(nil); errors.As(werr, &refused) {
			// It stays due: gates may open, and the desk shows what blocks, but for names that are sealed.
			s.o.Logger.WarnContext(ctx, "a release that is due is held up", slog.String("release", row.ID), slog.Any("error", refused))
			continue
		}
		if werr != nil {
			err = errors.Join(err, fmt.Errorf("release %s is due: %w", row.ID, werr))
		}
	}
	return err
}

// Run settles every minute until ctx ends.
func (s *Service) Run(ctx context.Context) {
	t := time.NewTicker(time.Minute)
	defer t.Stop()
	for {
		if err := s.Settle(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.WarnContext(ctx, "releases are not settled", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// settleFolder writes every publication that the folder does not hold as it should, of one release or of all.
func (s *Service) settleFolder(ctx context.Context, only string) error {
	// Nobody else may write between the reading of the list and the end of the writing: an older view would bring back what was taken away.
	s.placing.Lock()
	defer s.placing.Unlock()
	if s.o.Lock != nil {
		l, err := s.lock(ctx)
		if err != nil {
			return fmt.Errorf("settle releases: %w", err)
		}
		defer l.Close() // a lock, nothing written
	}
	var list []store.ReleasePublication
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { list, err = tx.UnplacedPublications(ctx); return err }); err != nil {
		return fmt.Errorf("settle releases: %w", err)
	}
	var all error
	changed := false
	// Tombstones first: taking away is more urgent than bringing out.
	for _, buried := range []bool{true, false} {
		for _, p := range list {
			if (p.Tombstone != nil) != buried || only != "" && p.Release != only {
				continue
			}
			changed = true
			if err := s.bring(ctx, p); err != nil {
				all = errors.Join(all, fmt.Errorf("publication %d of %s: %w", p.Number, p.Release, err))
			}
		}
	}
	if changed && s.o.Changed != nil {
		s.o.Changed()
	}
	return all
}

// lock waits a little for another process that settles.
func (s *Service) lock(ctx context.Context) (io.Closer, error) {
	for range 50 {
		l, err := s.o.Lock()
		if !errors.Is(err, archive.ErrBusy) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return s.o.Lock()
}

// bring writes one publication and notes that it is there.
func (s *Service) bring(ctx context.Context, p store.ReleasePublication) error {
	raw := p.Document
	if p.Tombstone != nil {
		raw = p.Tombstone
	}
	doc, err := bundle.Parse(raw)
	if err != nil {
		return fmt.Errorf("read release.json: %w", archive.ErrIntegrity)
	}
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		whole, err := tx.ReleasePublication(ctx, p.Release, p.Number)
		p.Proof, p.Scope = whole.Proof, whole.Scope
		return err
	}); err != nil {
		return err
	}
	var files []file
	if p.Tombstone != nil {
		files = []file{literal(bundle.FileRelease, raw), literal(bundle.FileProof, p.Proof), literal(bundle.FileScope, p.Scope)}
	} else {
		err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
			v, err := tx.ReleaseVersion(ctx, p.Release, p.Version)
			if err != nil {
				return err
			}
			d, err := readDraft(v.Body, v.SHA256)
			if err != nil {
				return err
			}
			plan, err := s.o.Plans.PlanFacts(ctx, tx, v.Plan, v.PlanVersion)
			if err != nil {
				return err
			}
			if plan.Rendered == nil || plan.Rendered.Clip != p.Clip {
				return fmt.Errorf("rendering of plan %s: %w", v.Plan, archive.ErrNotFound)
			}
			files, err = s.files(ctx, doc, d, plan.Rendered, p.Proof, p.Scope)
			return err
		})
		if err != nil {
			return err
		}
	}
	place := s.o.Folder.place
	at, err := time.Parse(time.RFC3339, doc.Published)
	if p.Tombstone != nil {
		place = s.o.Folder.bury
		at, err = time.Parse(time.DateOnly, doc.Withdrawn.Date)
	}
	if err != nil {
		return fmt.Errorf("read release.json: %w", archive.ErrIntegrity)
	}
	if err := place(ctx, doc.Slug, p.Number, at, withSums(files)); err != nil {
		return err
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		return tx.PlacedPublication(ctx, p.Release, p.Number, p.Tombstone != nil, s.now())
	})
	if errors.Is(err, archive.ErrConflict) {
		// It was withdrawn while it was written, or another process was first. The next round looks again.
		err = nil
		list := []store.ReleasePublication{}
		if rerr := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { list, err = tx.ReleasePublications(ctx, p.Release); return err }); rerr != nil {
			return rerr
		}
		for _, o := range list {
			if o.Number == p.Number && o.PlacedAt.IsZero() && o.Tombstone != nil && p.Tombstone == nil {
				return s.bring(ctx, o)
			}
		}
	}
	return err
}

// File opens one rendered file of the newest version by its name in the bundle (bundle.ClipName, FilePoster, FileDrawing, StillName);
// archive.ErrNotFound. Close it.
func (s *Service) File(ctx context.Context, who policy.Subject, id, name string) (io.ReadSeekCloser, int64, error) {
	var r Rendition
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		row, err := find(ctx, tx, who, policy.ViewRelease, id)
		if err != nil {
			return err
		}
		v, err := tx.ReleaseVersion(ctx, row.ID, row.Head)
		if err != nil {
			return err
		}
		p, err := s.o.Plans.PlanFacts(ctx, tx, v.Plan, v.PlanVersion)
		if err != nil {
			return err
		}
		found := false
		r, found = (&facts{plan: p}).rendition(name)
		if !found {
			return archive.ErrNotFound
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("file of release: %w", err)
	}
	in, err := s.o.Vault.Reader(ctx, vault.Ref(r.Object))
	if err != nil {
		return nil, 0, fmt.Errorf("file of release: %w", err)
	}
	return in, in.Size(), nil
}
