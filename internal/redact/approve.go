package redact

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// LookedAt notes that a second person stepped through a version: every stop of it was shown to them, by what ShowStop kept. Nobody who wrote a part of it is a
// second person. Asks for policy.ApprovePlan on every item.
func (s *Service) LookedAt(ctx context.Context, who policy.Subject, id string, version int) error {
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.ApprovePlan, id, version)
		if err != nil {
			return err
		}
		if err := s.second(ctx, tx, who, h); err != nil {
			return err
		}
		st, err := s.stepping(ctx, tx, who, h)
		if err != nil {
			return err
		}
		if !st.Checked {
			return refuse(CodeNotChecked, archive.ErrConflict, "the gap check of version %d is not done, so nobody knows where to look", h.row.Version)
		}
		if st.Left > 0 || len(st.Stops) == 0 {
			return refuse(CodeNotLooked, archive.ErrConflict, "%d of %d stops were not shown", st.Left, len(st.Stops))
		}
		if err := tx.AddPlanLook(ctx, store.PlanLook{Plan: id, Version: h.row.Version, Agent: who.Agent, At: s.now(), Seconds: st.Seconds, Steps: int64(len(st.Stops))}); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event(archive.EventDescription, who.Agent, whatLooked, h.row, map[string]string{
			"seconds": fmt.Sprint(st.Seconds), "steps": fmt.Sprint(len(st.Stops)),
		}))
		return err
	})
	if err != nil {
		return fmt.Errorf("look at plan: %w", conflict(err))
	}
	return nil
}

// second refuses whoever wrote a part of a version since the last approved one.
func (s *Service) second(ctx context.Context, tx *store.Tx, who policy.Subject, h held) error {
	authors, err := tx.PlanAuthors(ctx, h.row.Plan, h.row.Version)
	if err != nil {
		return err
	}
	if len(authors) == 0 || who.Agent == "" {
		return fmt.Errorf("plan %s: %w: nobody wrote it", h.row.Plan, archive.ErrIntegrity)
	}
	if slices.Contains(authors, who.Agent) {
		return refuse(CodeOwn, archive.ErrForbidden, "who wrote a part of a plan is no second person")
	}
	return nil
}

// approvable says why somebody may not approve a version now; nil if they may. Whether their role lets them is not asked here.
func (s *Service) approvable(ctx context.Context, tx *store.Tx, who policy.Subject, h held) error {
	if h.row.Version != h.plan.Head {
		return refuse(CodeNotNewest, archive.ErrConflict, "version %d is the newest", h.plan.Head)
	}
	decisions, err := tx.PlanDecisions(ctx, h.row.Plan)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(decisions, func(d store.PlanDecision) bool { return d.Version == h.row.Version }) {
		return refuse(CodeDecided, archive.ErrConflict, "version %d was decided about", h.row.Version)
	}
	if err := s.second(ctx, tx, who, h); err != nil {
		return err
	}
	run, err := tx.PlanRun(ctx, h.row.Plan, h.row.Version, store.PlanGapCheck)
	if errors.Is(err, archive.ErrNotFound) || err == nil && (run.State != store.PlanDone || !slices.Equal(run.SHA256, h.row.SHA256)) {
		return refuse(CodeNotChecked, archive.ErrConflict, "the gap check of version %d is not done", h.row.Version)
	}
	if err != nil {
		return err
	}
	blockers, err := tx.PlanBlockers(ctx, run.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(blockers, func(b store.PlanBlocker) bool { return !b.Warning && b.DismissedAt.IsZero() }) {
		return refuse(CodeOpen, archive.ErrConflict, "the gap check found what is neither covered nor dismissed")
	}
	looks, err := tx.PlanLooks(ctx, h.row.Plan, h.row.Version)
	if err != nil {
		return err
	}
	st, err := s.stepping(ctx, tx, who, h)
	if err != nil {
		return err
	}
	if st.Left > 0 || !slices.ContainsFunc(looks, func(l store.PlanLook) bool { return l.Agent == who.Agent }) {
		return refuse(CodeNotLooked, archive.ErrConflict, "who approves version %d has not stepped through it", h.row.Version)
	}
	return nil
}

// Approve says that the newest version is fit to be rendered. Asks for policy.ApprovePlan on every item; refuses everybody who wrote a part of
// the plan since it was last approved, who was not shown every stop of this version, and while the gap check is not done or leaves a blocker open.
func (s *Service) Approve(ctx context.Context, who policy.Subject, id string, version int, why string) error {
	return s.decide(ctx, who, id, version, store.PlanApproved, why)
}

// Reject sends a version back, for good, with a reason: also one that was approved. What was rendered of it stays, and is not released any more.
func (s *Service) Reject(ctx context.Context, who policy.Subject, id string, version int, why string) error {
	return s.decide(ctx, who, id, version, store.PlanRejected, why)
}

func (s *Service) decide(ctx context.Context, who policy.Subject, id string, version int, decision, why string) error {
	fail := func(err error) error { return fmt.Errorf("decide on plan: %w", conflict(err)) }
	why, err := clean(why, MaxText)
	if err == nil && why == "" && decision == store.PlanRejected {
		err = refuse(CodeNoReason, archive.ErrInvalid, "a reason is asked for")
	}
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := archive.CheckID(archive.PrefixPlan, id); err != nil {
			return err
		}
		// Nobody saves, and nobody else decides, until this is done.
		if _, err := tx.LockPlan(ctx, id); err != nil {
			return err
		}
		h, err := s.version(ctx, tx, who, policy.ApprovePlan, id, version)
		if err != nil {
			return err
		}
		what := whatRejected
		if decision == store.PlanApproved {
			what = whatApproved
			if err := s.approvable(ctx, tx, who, h); err != nil {
				return err
			}
		}
		if err := tx.AddPlanDecision(ctx, store.PlanDecision{Plan: id, Version: h.row.Version, Decision: decision, Agent: who.Agent, Why: why, At: s.now()}); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event(archive.EventDescription, who.Agent, what, h.row, nil))
		return err
	})
	if err != nil {
		return fail(err)
	}
	return nil
}
