package redact

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
)

// Run is what machines were asked about a version.
type Run struct {
	ID       string
	Version  int
	State    string // "asked", "done", "failed"
	AskedBy  string
	AskedAt  time.Time
	DoneAt   time.Time
	Progress float64 // from 0 to 1, while it is under way
	Frames   int64   // walked
	Recipe   string  // detectors with their versions
	Reason   string  // code of why it failed; ReasonInterrupted while it begins, or waits to begin, once more
	Unjudged []Unjudged
}

// Unjudged is a stretch about which a detector says nothing.
type Unjudged struct {
	Source   int    `json:"source"`
	FromUS   int64  `json:"from_us"`
	ToUS     int64  `json:"to_us"`
	Detector string `json:"detector"`
	Kind     string `json:"kind"`
	Why      string `json:"why"`
}

// Check is a gap check with what it found.
type Check struct {
	Run
	Blockers []Blocker
	Open     int // blockers that are neither warnings nor dismissed
}

// Blocker is something that a gap check found.
type Blocker struct {
	Number             int // within the check
	Kind               string
	Warning            bool // it stops nothing
	Cut, Source        int  // -1: the plan as a whole
	FromUS, ToUS, AtUS int64
	Box                [4]int
	Thing, Track       string
	Frames             int64
	Score              int // thousandths
	Why                string
	DismissedAt        time.Time // zero: it is open
	DismissedBy        string
	Reason             string
}

// Proposal is a track that a machine proposes.
type Proposal struct {
	ID       string
	Track    plan.Track
	Score    int    // thousandths
	Detector string // name and version
}

// Proposals is what machines propose for a plan and nobody has decided about.
type Proposals struct {
	Run  *Run // the newest; nil: nobody has asked
	List []Proposal
}

// ask notes that machines are asked about the newest version, and puts the job in.
func (s *Service) ask(ctx context.Context, who policy.Subject, id, kind string, job func(version int) job.Args) (out Run, err error) {
	if s.o.Jobs == nil {
		return out, refuse(CodeNoJobs, archive.ErrConflict, "nobody works on jobs here")
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.EditPlan, id, 0)
		if err != nil {
			return err
		}
		r, _, err := tx.AskPlanRun(ctx, store.PlanRun{
			ID: s.o.NewID(archive.PrefixCheck), Plan: id, Version: h.row.Version, Kind: kind, AskedBy: who.Agent, AskedAt: s.now(),
		})
		if err != nil {
			return err
		}
		if out, err = run(r); err != nil || r.State != store.PlanAsked {
			return err
		}
		// Also if it was asked for before: its job may have been given up.
		return s.enqueue(ctx, tx, job(h.row.Version))
	})
	return out, err
}

func (s *Service) enqueue(ctx context.Context, tx *store.Tx, a job.Args) error {
	return s.o.Jobs.EnqueueTx(ctx, tx, a, job.Opts{Unique: true})
}

func run(r store.PlanRun) (Run, error) {
	out := Run{
		ID: r.ID, Version: r.Version, State: r.State, AskedBy: r.AskedBy, AskedAt: r.AskedAt, DoneAt: r.DoneAt, Frames: r.Frames, Recipe: r.Recipe, Reason: r.Reason,
	}
	if len(r.Report) > 0 {
		if err := json.Unmarshal(r.Report, &out.Unjudged); err != nil {
			return out, fmt.Errorf("report of %s: %w", r.ID, archive.ErrIntegrity)
		}
	}
	return out, nil
}

// progress says how far the job of a run has come, how many attempts at it came to nothing, and ReasonInterrupted if there were any.
func (s *Service) progress(ctx context.Context, id, kind string) (part float64, broken int, reason string) {
	if s.o.Jobs == nil {
		return 0, 0, ""
	}
	list, err := s.o.Jobs.List(ctx, job.Filter{Plan: id, Kinds: []string{kind}, States: []job.State{job.Running, job.Available, job.Scheduled, job.Retryable}, Limit: 1})
	if err != nil || len(list) == 0 {
		return 0, 0, "" // only figures on a page
	}
	j := list[0]
	broken = j.Errors
	if j.State != job.Running && !j.StartedAt.IsZero() {
		broken = max(broken, 1) // put down in order, when the program ended: no error is noted
	}
	if broken > 0 {
		reason = ReasonInterrupted
	}
	if j.State == job.Running && j.Progress.Total > 0 {
		part = min(float64(j.Progress.Done)/float64(j.Progress.Total), 1)
	}
	return part, broken, reason
}

// Propose asks machines for proposals for the newest version. Asked before, it is not asked again, unless it failed.
func (s *Service) Propose(ctx context.Context, who policy.Subject, id string) (Run, error) {
	r, err := s.ask(ctx, who, id, store.PlanDetect, func(n int) job.Args { return job.Detect{Plan: id, Version: n} })
	if err != nil {
		return Run{}, fmt.Errorf("propose for plan: %w", err)
	}
	return r, nil
}

// Check asks machines to walk every frame of the newest version. A version is checked once; a check that failed is asked for again.
func (s *Service) Check(ctx context.Context, who policy.Subject, id string) (Run, error) {
	r, err := s.ask(ctx, who, id, store.PlanGapCheck, func(n int) job.Args { return job.GapCheck{Plan: id, Version: n} })
	if err != nil {
		return Run{}, fmt.Errorf("check plan: %w", err)
	}
	return r, nil
}

// Proposals gives what machines propose for a plan and nobody has decided about. To accept one is to Save a version with its track in it.
func (s *Service) Proposals(ctx context.Context, who policy.Subject, id string) (Proposals, error) {
	var out Proposals
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = Proposals{}
		h, err := s.version(ctx, tx, who, policy.ViewPlan, id, 0)
		if err != nil {
			return err
		}
		for n := h.row.Version; n > 0 && out.Run == nil; n-- {
			r, err := tx.PlanRun(ctx, id, n, store.PlanDetect)
			if errors.Is(err, archive.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			one, err := run(r)
			if err != nil {
				return err
			}
			out.Run = &one
		}
		rows, err := tx.PlanProposals(ctx, id, archive.Suggested)
		if err != nil {
			return err
		}
		for _, r := range rows {
			of, err := tx.PlanRunByID(ctx, r.Run)
			if err != nil {
				return err
			}
			made, err := tx.PlanVersion(ctx, policy.ScopeOf(who), id, of.Version)
			if errors.Is(err, archive.ErrNotFound) {
				continue // of items that the asker may not see
			}
			if err != nil {
				return err
			}
			t, err := plan.ParseTrack(r.Body, plan.MaxSources, true)
			if err != nil {
				return fmt.Errorf("proposal %s: %w: %w", r.ID, archive.ErrIntegrity, err)
			}
			// The sources of the newest version may stand in another order.
			if t.Source = index(h.row.Items, made.Items, t.Source); t.Source < 0 {
				continue
			}
			out.List = append(out.List, Proposal{ID: r.ID, Track: t, Score: r.Score, Detector: t.Origin})
		}
		return nil
	})
	if err != nil {
		return Proposals{}, fmt.Errorf("list proposals: %w", err)
	}
	if out.Run != nil && out.Run.State == store.PlanAsked {
		out.Run.Progress, _, out.Run.Reason = s.progress(ctx, id, job.Detect{}.Kind())
	}
	return out, nil
}

// index is where the n-th of some items stands among others; -1 if it does not.
func index(among, of []string, n int) int {
	if n < 0 || n >= len(of) {
		return -1
	}
	for i, x := range among {
		if x == of[n] {
			return i
		}
	}
	return -1
}

// DismissProposal says that proposals are not wanted; empty means all that are open. It gives how many there were.
func (s *Service) DismissProposal(ctx context.Context, who policy.Subject, id string, proposals ...string) (n int64, err error) {
	for _, p := range proposals {
		if err := archive.CheckID(archive.PrefixSuggestion, p); err != nil {
			return 0, fmt.Errorf("dismiss proposal: %w", err)
		}
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		n = 0
		if _, err := s.version(ctx, tx, who, policy.EditPlan, id, 0); err != nil {
			return err
		}
		ids := proposals
		if len(ids) == 0 {
			rows, err := tx.PlanProposals(ctx, id, archive.Suggested)
			if err != nil {
				return err
			}
			for _, r := range rows {
				ids = append(ids, r.ID)
			}
		}
		for len(ids) > 0 {
			part := ids[:min(len(ids), 500)]
			ids = ids[len(part):]
			k, err := tx.DecidePlanProposal(ctx, id, part, archive.Dismissed, who.Agent, "", s.now())
			if err != nil {
				return err
			}
			n += k
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("dismiss proposal: %w", err)
	}
	return n, nil
}

// Checks gives the gap check of a version, 0 being the newest; archive.ErrNotFound if there is none.
func (s *Service) Checks(ctx context.Context, who policy.Subject, id string, version int) (Check, error) {
	var out Check
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.ViewPlan, id, version)
		if err != nil {
			return err
		}
		out, err = s.check(ctx, tx, h.row)
		return err
	})
	if err != nil {
		return Check{}, fmt.Errorf("show gap check: %w", err)
	}
	if out.State == store.PlanAsked {
		out.Progress, _, out.Reason = s.progress(ctx, id, job.GapCheck{}.Kind())
	}
	return out, nil
}

func (s *Service) check(ctx context.Context, tx *store.Tx, v store.PlanVersion) (out Check, err error) {
	r, err := tx.PlanRun(ctx, v.Plan, v.Version, store.PlanGapCheck)
	if err != nil {
		return out, err
	}
	if out.Run, err = run(r); err != nil {
		return out, err
	}
	rows, err := tx.PlanBlockers(ctx, r.ID)
	for _, b := range rows {
		if !b.Warning && b.DismissedAt.IsZero() {
			out.Open++
		}
		out.Blockers = append(out.Blockers, Blocker{
			Number: b.Ordinal, Kind: b.Kind, Warning: b.Warning, Cut: b.Cut, Source: b.Source, FromUS: b.FromUS, ToUS: b.ToUS, AtUS: b.AtUS, Box: b.Box,
			Thing: b.Thing, Track: b.Track, Frames: b.Frames, Score: b.Score, Why: b.Why, DismissedAt: b.DismissedAt, DismissedBy: b.DismissedBy, Reason: b.Reason,
		})
	}
	return out, err
}

// DismissBlocker says that a blocker of a check is none, with the reason, once and for all. The next version is checked anew.
func (s *Service) DismissBlocker(ctx context.Context, who policy.Subject, check string, n int, why string) error {
	fail := func(err error) error { return fmt.Errorf("dismiss blocker: %w", err) }
	why, err := reason(why)
	if err != nil {
		return fail(err)
	}
	if err := archive.CheckID(archive.PrefixCheck, check); err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		r, err := tx.PlanRunByID(ctx, check)
		if err != nil {
			return err
		}
		h, err := s.version(ctx, tx, who, policy.EditPlan, r.Plan, r.Version)
		if err != nil {
			return err
		}
		if err := tx.DismissPlanBlocker(ctx, check, n, who.Agent, why, s.now()); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event(archive.EventDescription, who.Agent, whatDismissed, h.row, map[string]string{"check": check, "blocker": fmt.Sprint(n)}))
		return err
	})
	if err != nil {
		return fail(err)
	}
	return nil
}
