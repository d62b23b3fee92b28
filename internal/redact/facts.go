package redact

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
)

// Facts is everything that is known of one version, for what builds on it. It is told without asking who wants to know: the caller asks policy.
type Facts struct {
	Plan      plan.Plan
	Version   Version
	Title     string
	Head      int
	Items     []string
	Authors   []string // whoever wrote any part of it since a version was last approved
	Checked   bool     // the gap check walked this very version to its end
	Open      int      // blockers that nobody dismissed
	LookedBy  []string
	Rendering *Rendering // done; nil: there is none
}

// Facts gives a version in the caller's transaction; 0 is the newest that stands approved, or the newest if none does. archive.ErrNotFound.
func (s *Service) Facts(ctx context.Context, tx *store.Tx, id string, version int) (out Facts, err error) {
	fail := func(err error) (Facts, error) { return Facts{}, fmt.Errorf("plan %s: %w", id, err) }
	if err := archive.CheckID(archive.PrefixPlan, id); err != nil {
		return Facts{}, err
	}
	p, err := tx.Plan(ctx, everything, id)
	if err != nil {
		return fail(err)
	}
	out.Title, out.Head = p.Title, p.Head
	decisions, err := tx.PlanDecisions(ctx, id)
	if err != nil {
		return fail(err)
	}
	if version == 0 {
		version = p.Head
		for n := p.Head; n > 0; n-- {
			v := Version{Number: n}
			if v.decide(decisions); v.Stands() {
				version = n
				break
			}
		}
	}
	row, err := tx.PlanVersion(ctx, everything, id, version)
	if err != nil {
		return fail(err)
	}
	out.Items = row.Items
	if out.Version, err = s.tell(ctx, tx, row, true); err != nil {
		return fail(err)
	}
	out.Plan = out.Version.Body
	if out.Authors, err = tx.PlanAuthors(ctx, id, version); err != nil {
		return fail(err)
	}
	switch c, err := s.check(ctx, tx, row); {
	case errors.Is(err, archive.ErrNotFound):
	case err != nil:
		return fail(err)
	default:
		r, err := tx.PlanRun(ctx, id, version, store.PlanGapCheck)
		if err != nil {
			return fail(err)
		}
		out.Checked, out.Open = c.State == store.PlanDone && string(r.SHA256) == string(row.SHA256), c.Open
	}
	looks, err := tx.PlanLooks(ctx, id, version)
	if err != nil {
		return fail(err)
	}
	for _, l := range looks {
		out.LookedBy = append(out.LookedBy, l.Agent)
	}
	switch r, err := tx.PlanRender(ctx, id, version); {
	case errors.Is(err, archive.ErrNotFound):
	case err != nil:
		return fail(err)
	case r.State == store.PlanDone:
		one, err := s.rendering(ctx, tx, r)
		if err != nil {
			return fail(err)
		}
		out.Rendering = &one
	}
	return out, nil
}
