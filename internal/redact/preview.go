package redact

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
)

const (
	// previewTime bounds how long one preview may take. An original without an index is decoded from its beginning for each.
	previewTime = 3 * time.Minute
	// previewsAtOnce bounds how many are made side by side: each is a decoder in a sandbox, with its frames in memory.
	previewsAtOnce = 2
)

// Preview gives one frame of a source as JPEG, from the original, painted as the rendering of a version paints it: decoded, scaled and masked by the same code in
// the same order, with the same noise. For a moment that a cut shows it is the frame that the clip shows there, as it is handed to the encoder; for any other
// moment it is what a cut of that moment alone would show. Asks for policy.ViewPlan and policy.Look on the item. Errors: archive.ErrNotFound; archive.ErrInvalid for
// a moment beyond the end; archive.ErrForbidden for an item that is being erased.
func (s *Service) Preview(ctx context.Context, who policy.Subject, id string, version, source int, us int64) ([]byte, error) {
	fail := func(err error) ([]byte, error) { return nil, fmt.Errorf("preview plan: %w", err) }
	var h held
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
	ctx, cancel := context.WithTimeout(ctx, previewTime)
	defer cancel()
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
	// The first cut says how large and how fast the clip is.
	o, err := s.openSources(ctx, tools, []int{p.Cuts[0].Source, source}, h.items)
	if err != nil {
		return fail(err)
	}
	defer o.close()
	ro := painting(p, nil)
	for _, height := range p.Heights {
		ro.Outs = append(ro.Outs, media.RedactOut{Height: height})
	}
	var out []byte
	for _, whole := range []bool{false, true} {
		ro.Whole = whole
		out, err = media.RedactStill(ctx, tools, o.cuts(p), ro, at, us)
		if err == nil || !errors.Is(err, media.ErrNarrow) {
			break
		}
	}
	if broken := o.problem(); broken != nil && ctx.Err() == nil {
		err = errors.Join(broken, err)
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
