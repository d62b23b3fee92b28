package redact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/vault"
)

const (
	// previewTime bounds how long a preview of an original may take, and how long one of its working copy may. An original without an index is decoded from its
	// beginning for each.
	previewTime = 30 * time.Second
	// slowMost is of how many items it is remembered that this takes too long.
	slowMost = 1000
	// previewsAtOnce bounds how many are made side by side: each is a decoder in a sandbox, with its frames in memory.
	previewsAtOnce = 2
)

// Preview gives one frame of a source as JPEG, from the original, painted as the rendering of a version paints it: decoded, scaled and masked by the same code in
// the same order, with the same noise. For a moment that a cut shows it is the frame that the clip shows there, as it is handed to the encoder; for any other
// moment it is what a cut of that moment alone would show. If the original takes too long, as one without an index may far from its beginning, the frame is that of the
// working copy, by the same way, and has a striped bar below it that says so. Asks for policy.ViewPlan and policy.Look on the item. Errors: archive.ErrNotFound; archive.ErrInvalid for
// a moment beyond the end; archive.ErrForbidden for an item that is being erased.
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
		if _, err = sourcesOf(ctx, tx, h.row); errors.Is(err, errRefused) {
			err = fmt.Errorf("%w: %w", archive.ErrForbidden, err)
		}
		if err != nil {
			return err
		}
		list, err := tx.Derivatives(ctx, it.ID)
		if n := slices.IndexFunc(list, func(d archive.Derivative) bool { return d.Kind == archive.DerivativeProxy }); n >= 0 {
			copyOf = list[n]
		}
		return err
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
	select {
	case s.previews <- struct{}{}:
		defer func() { <-s.previews }()
	case <-ctx.Done():
		return fail(ctx.Err())
	}
	p := h.says
	at := slices.IndexFunc(p.Cuts, func(c plan.Cut) bool { return c.Source == source && us >= c.FromUS && us < c.ToUS })
	if at < 0 {
		p.Cuts, at = []plan.Cut{{Source: source, FromUS: us, ToUS: us + 1}}, 0
	}
	item := h.items[source].ID
	if !s.isSlow(item, us) || copyOf.ID == "" {
		out, err := s.frame(ctx, tools, p, h.items, at, us, archive.Derivative{})
		if err == nil {
			return out, nil
		}
		if !errors.Is(err, errSlow) || copyOf.ID == "" {
			return fail(err)
		}
		s.noteSlow(item, us)
	}
	out, err := s.frame(ctx, tools, p, h.items, at, us, copyOf)
	if err == nil {
		out, err = striped(out)
	}
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// errSlow: a frame was not there in time.
var errSlow = errors.New("the frame took too long")

// isSlow says whether a moment of an item is known to lie too far from where decoding begins.
func (s *Service) isSlow(item string, us int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, known := s.slow[item]
	return known && us >= from
}

func (s *Service) noteSlow(item string, us int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from, known := s.slow[item]; known {
		us = min(us, from)
	} else if len(s.slow) >= slowMost {
		clear(s.slow)
	}
	s.slow[item] = us
}

// frame makes the frame that a cut of a plan shows at a moment, of the original or, if it is given, of the working copy of the cut's item.
func (s *Service) frame(ctx context.Context, tools Media, p plan.Plan, items []archive.Item, cut int, us int64, copyOf archive.Derivative) ([]byte, error) {
	limit := s.patience
	if copyOf.ID != "" {
		limit = previewTime
	}
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := s.frameIn(timed, tools, p, items, cut, us, copyOf)
	if err != nil && ctx.Err() == nil && timed.Err() != nil {
		err = fmt.Errorf("%w: %w", errSlow, err)
	}
	return out, err
}

func (s *Service) frameIn(ctx context.Context, tools Media, p plan.Plan, items []archive.Item, cut int, us int64, copyOf archive.Derivative) (out []byte, err error) {
	// The first cut says how large and how fast the clip is.
	need := []int{p.Cuts[0].Source, p.Cuts[cut].Source}
	if copyOf.ID != "" {
		need = need[:1]
	}
	o, err := s.openSources(ctx, tools, need, items)
	if err != nil {
		return nil, err
	}
	defer o.close()
	cuts := o.cuts(p)
	if copyOf.ID != "" {
		if cuts[cut].Source, cuts[cut].Probe, err = s.openCopy(ctx, tools, o, copyOf); err != nil {
			return nil, err
		}
	}
	ro := painting(p, nil)
	for _, height := range p.Heights {
		ro.Outs = append(ro.Outs, media.RedactOut{Height: height})
	}
	for _, whole := range []bool{false, true} {
		ro.Whole = whole
		out, err = media.RedactStill(ctx, tools, cuts, ro, cut, us)
		if err == nil || !errors.Is(err, media.ErrNarrow) {
			break
		}
	}
	if broken := o.problem(); broken != nil && ctx.Err() == nil {
		err = errors.Join(broken, err)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// openCopy opens a working copy among what was opened.
func (s *Service) openCopy(ctx context.Context, tools Media, among *opened, d archive.Derivative) (media.Source, media.Probe, error) {
	r, err := s.o.Vault.Reader(ctx, vault.Ref(d.Object))
	if err != nil {
		return nil, media.Probe{}, fmt.Errorf("open working copy %s: %w", d.ID, err)
	}
	o := &original{Original: vault.NewOriginal(r), item: archive.Item{ID: d.Item}}
	among.of, among.probes = append(among.of, o), append(among.probes, media.Probe{})
	probe, err := tools.Probe(ctx, o)
	if err != nil {
		return nil, media.Probe{}, errors.Join(among.problem(), fmt.Errorf("look at working copy %s: %w", d.ID, err))
	}
	return o, probe, nil
}

// striped puts a bar of stripes below a picture: it is not of the original.
func striped(raw []byte) ([]byte, error) {
	const high, wide = 12, 16
	m, err := jpeg.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("mark frame: %w", err)
	}
	b := m.Bounds()
	out := image.NewRGBA(image.Rect(0, 0, b.Dx(), b.Dy()+high))
	draw.Draw(out, b, m, b.Min, draw.Src)
	for y := range high {
		for x := range b.Dx() {
			v := uint8(255)
			if (x+y)/wide%2 == 0 {
				v = 0
			}
			out.SetRGBA(x, b.Dy()+y, color.RGBA{v, v, 0, 255})
		}
	}
	var w bytes.Buffer
	if err := jpeg.Encode(&w, out, &jpeg.Options{Quality: 90}); err != nil {
		return nil, fmt.Errorf("mark frame: %w", err)
	}
	return w.Bytes(), nil
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
