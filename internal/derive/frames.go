package derive

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/store"
)

// framesPass lists when each frame of the original is shown, so that notes can name frames. It comes after the full pass and changes
// nothing about the item: one without the list is as good as before, only that notes on it have times and no frames.
var framesPass = pass{
	name:    "frames",
	recipes: []media.Recipe{media.RecipeFrames},
	proof:   media.RecipeFrames,
	kind:    archive.DerivativeFrames,
	beside:  true,
	make:    (*Service).makeFrames,
}

// framesMeta is what stands in the catalogue of a list of frames.
type framesMeta struct {
	Frames  int64 `json:"frames"`
	Hidden  int64 `json:"hidden,omitempty"`
	Decoded bool  `json:"decoded,omitempty"`
}

// Frames works a frames job. Results are as of Quick.
func (s *Service) Frames(ctx context.Context, j job.Job[job.Frames]) error {
	return s.work(ctx, framesPass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "frames"})
}

func (s *Service) makeFrames(ctx context.Context, a *attempt, t *task) (*made, error) {
	v, err := s.look(ctx, t)
	if err != nil {
		return nil, err
	}
	if v.probe.Reason != "" {
		return nil, reasonError(v.probe.Reason)
	}
	f, rep, err := s.o.Media.Frames(ctx, t.source, v.probe)
	if err != nil {
		return nil, err
	}
	if t.source.problem() != nil {
		return nil, errUnread
	}
	m := &made{}
	d := archive.Derivative{Kind: archive.DerivativeFrames, MediaType: FramesMediaType, Meta: meta(framesMeta{Frames: int64(len(f.Ticks)), Hidden: f.Hidden, Decoded: f.Decoded})}
	if err := s.seal(ctx, t, m, d, media.RecipeFrames, rep.Tool, bytes.NewReader(f.Encode())); err != nil {
		return nil, err
	}
	m.report = m.derivatives[0].SHA256
	s.progress(ctx, a, 1)
	return m, nil
}

// FramesMediaType is the media type of a list of frames.
const FramesMediaType = "application/vnd.zapis.frames"

// passOver ends a job beside the others of which nothing came, for a reason that lies in the material. The item stays as it is.
func (s *Service) passOver(ctx context.Context, a *attempt, p pass, t *task, reason string) error {
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, t.item.ID); err != nil {
			return err
		}
		if _, err := s.check(ctx, tx, p, t.item.ID); err != nil {
			return err
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
			return err
		}
		_, err := s.o.Custody.Record(ctx, tx, s.failure(p, t.item.ID, reason, a))
		return err
	})
	switch {
	case errors.Is(err, errDone):
		return s.finish(ctx, a, p, t.item.ID)
	case errors.Is(err, errRefused), errors.Is(err, archive.ErrNotFound):
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, t.item.ID, job.ErrCancel, err)
	case err != nil:
		return fmt.Errorf("pass over %s: %w", t.item.ID, err)
	}
	return nil
}
