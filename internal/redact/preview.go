package redact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/media/mask"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// previewHeight bounds the shorter side of a preview.
const previewHeight = 540

// Preview gives one frame of a source with the masks of a version painted over it, as JPEG, from the working copy. Asks for policy.ViewPlan and policy.Look on
// the item. It shows where the masks lie at that moment; it is not the rendering. Errors: archive.ErrNotFound, also while there is no working copy;
// archive.ErrInvalid for a moment beyond the end.
func (s *Service) Preview(ctx context.Context, who policy.Subject, id string, version, source int, us int64) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("preview plan: %w", err) }
	var h held
	var copyOf archive.Derivative
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if h, err = s.version(ctx, tx, who, policy.ViewPlan, id, version); err != nil {
			return err
		}
		if source < 0 || source >= len(h.items) {
			return fmt.Errorf("%w: there is no such source", archive.ErrInvalid)
		}
		it := h.items[source]
		if us < 0 || it.Duration > 0 && us >= it.Duration.Microseconds() {
			return fmt.Errorf("%w: beyond the end of the item", archive.ErrInvalid)
		}
		if err := policy.Decide(who, policy.Look, policy.ItemObject(it)).Err(); err != nil {
			return fmt.Errorf("item %s: %w", it.ID, err)
		}
		list, err := tx.Derivatives(ctx, it.ID)
		if err != nil {
			return err
		}
		for _, d := range list {
			if d.Kind == archive.DerivativeProxy {
				copyOf = d
				return nil
			}
		}
		return fmt.Errorf("working copy of %s: %w", it.ID, archive.ErrNotFound)
	})
	if err != nil {
		return fail(err)
	}
	if err := s.display(ctx, who, h, source); err != nil {
		return fail(err)
	}
	tools, err := s.tools()
	if err != nil {
		return fail(err)
	}
	r, err := s.o.Vault.Reader(ctx, vault.Ref(copyOf.Object))
	if err != nil {
		return fail(err)
	}
	o := &original{Original: vault.NewOriginal(r), item: h.items[source]}
	defer r.Close()
	probe, err := tools.Probe(ctx, o)
	if err != nil {
		return fail(err)
	}
	digest := [32]byte(h.row.SHA256)
	var out []byte
	cut := media.Cut{Source: o, Probe: probe, From: time.Duration(us) * time.Microsecond, To: time.Duration(us+1) * time.Microsecond}
	for _, whole := range []bool{false, true} {
		out = nil
		_, _, err = tools.RawFrames(ctx, cut, media.RawOptions{MaxHeight: previewHeight, Whole: whole}, func(n int, _ int64, p *mask.Picture) error {
			if n > 0 {
				return nil
			}
			mask.New(Seed(digest), p.W, p.H).Paint(p, 0, boxes(h.says.At(source, us)), h.says.Picture.Hide)
			var b bytes.Buffer
			err := jpeg.Encode(&b, full(p), &jpeg.Options{Quality: 80})
			out = b.Bytes()
			return err
		})
		if err == nil || !errors.Is(err, media.ErrNarrow) {
			break
		}
	}
	if err == nil && out == nil {
		err = fmt.Errorf("%w: no frame", archive.ErrNotFound)
	}
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// visit is for how long somebody who is shown frames of one item and one version is noted once.
const visit = time.Hour

// display notes that somebody is shown frames of an item, before they are.
func (s *Service) display(ctx context.Context, who policy.Subject, h held, source int) error {
	item := h.items[source].ID
	key := fmt.Sprintf("%s %s %d %s", who.Agent, h.row.Plan, h.row.Version, item)
	now := s.now()
	s.mu.Lock()
	noted := now.Before(s.shown[key])
	for k, until := range s.shown {
		if !now.Before(until) {
			delete(s.shown, k)
		}
	}
	s.mu.Unlock()
	if noted {
		return nil
	}
	e := event(archive.EventDisplaying, who.Agent, "redaction plan frames", h.row, nil)
	delete(e.Detail, "plan_sha256") // so that who was shown what stays on record when the item is erased
	e.Subjects = []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: item}}
	if err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := s.o.Custody.Record(ctx, tx, e)
		return err
	}); err != nil {
		return fmt.Errorf("note what is shown: %w", err)
	}
	s.mu.Lock()
	s.shown[key] = now.Add(visit)
	s.mu.Unlock()
	return nil
}

// full makes a picture for JPEG, whose values go from 0 to 255, out of one whose go from 16 to 235.
func full(p *mask.Picture) *image.YCbCr {
	m := image.NewYCbCr(image.Rect(0, 0, p.W, p.H), image.YCbCrSubsampleRatio420)
	stretch := func(v, low, span int) byte { return byte(min(max((v-low)*255/span, 0), 255)) }
	for y := range p.H {
		for x := range p.W {
			m.Y[y*m.YStride+x] = stretch(int(p.Y[y*p.StrideY+x]), 16, 219)
		}
	}
	for y := range (p.H + 1) / 2 {
		for x := range (p.W + 1) / 2 {
			m.Cb[y*m.CStride+x] = byte(min(max((int(p.U[y*p.StrideC+x])-128)*255/224+128, 0), 255))
			m.Cr[y*m.CStride+x] = byte(min(max((int(p.V[y*p.StrideC+x])-128)*255/224+128, 0), 255))
		}
	}
	return m
}
