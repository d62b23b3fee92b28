package redact

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
)

// Version is one version of a plan.
type Version struct {
	Plan      string
	Number    int // from 1
	SHA256    [32]byte
	Note      string
	Author    string // agent
	CreatedAt time.Time
	Erased    bool
	Body      plan.Plan // zero in lists

	Approved, Rejected *Decision
}

// Decision is that somebody approved a version or sent it back.
type Decision struct {
	Agent string
	Why   string
	At    time.Time
}

// Look is that somebody stepped through a version.
type Look struct {
	Agent   string
	At      time.Time
	Seconds int64
	Steps   int64 // places looked at
}

// State says what a plan waits for.
type State string

// States of a plan, by its newest version.
const (
	StateDraft     State = "draft"     // a gap check was not asked for
	StateChecking  State = "checking"  // the gap check is under way
	StateBlocked   State = "blocked"   // the gap check found something that is open, or failed
	StateWaiting   State = "waiting"   // for a second person
	StateApproved  State = "approved"  // and not rendered yet
	StateRejected  State = "rejected"  // sent back: a new version is needed
	StateRendering State = "rendering" // or the rendering failed
	StateDone      State = "rendered"
	StateGone      State = "destroyed" // its files went with an item that was erased
)

// Summary is a line of a list of plans.
type Summary struct {
	ID         string
	Title      string
	Head       int
	CreatedAt  time.Time
	ChangedAt  time.Time
	CreatedBy  string // agent
	Author     string // of the newest version
	ApprovedBy string
	RejectedBy string
	Looks      int
	Open       int // blockers
	State      State
}

func summary(p store.Plan) Summary {
	s := Summary{
		ID: p.ID, Title: p.Title, Head: p.Head, CreatedAt: p.CreatedAt, ChangedAt: p.ChangedAt, CreatedBy: p.CreatedBy, Author: p.Author,
		ApprovedBy: p.ApprovedBy, RejectedBy: p.RejectedBy, Looks: p.Looks, Open: p.Open,
	}
	switch {
	case p.RejectedBy != "":
		s.State = StateRejected
	case p.Render == store.PlanDestroyed:
		s.State = StateGone
	case p.Render == store.PlanDone:
		s.State = StateDone
	case p.Render != "":
		s.State = StateRendering
	case p.ApprovedBy != "":
		s.State = StateApproved
	case p.Check == "":
		s.State = StateDraft
	case p.Check == store.PlanAsked:
		s.State = StateChecking
	case p.Check == store.PlanFailed, p.Open > 0:
		s.State = StateBlocked
	default:
		s.State = StateWaiting
	}
	return s
}

// View is a plan with what a page shows of it.
type View struct {
	Summary
	Version  Version           // the newest
	Versions []Version         // all that may be seen, first one first
	Items    []archive.Item    // of the newest version, in the order of its sources
	Problems []plan.Problem    // of the newest version against its items; those that do not stop it, too
	Looks    []Look            // at the newest version
	Names    map[string]string // of the agents that are named here

	Authors    []string // of this version since the last approved one: none of them may approve it
	MayEdit    bool
	MayApprove bool   // by role and by not being an author; whether it can be now is in Why
	Why        string // code of why it cannot be approved now; empty if it can
	MayRender  bool
}

// Create makes a plan with a first version: the whole picture is shown, there is no sound, 720 and 360 lines. Asks for policy.EditPlan on every item. A cut names
// an item by its index. Errors: archive.ErrInvalid (with a *plan.Invalid where cuts are wrong), archive.ErrNotFound, archive.ErrForbidden.
func (s *Service) Create(ctx context.Context, who policy.Subject, title string, items []string, cuts []plan.Cut) (Summary, error) {
	p := plan.Plan{
		Sources: slices.Clone(items), Cuts: slices.Clone(cuts), Sound: plan.Sound{Mode: plan.Mute}, Heights: []int{720, 360},
	}
	return s.Import(ctx, who, title, "", p)
}

// Import makes a plan whose first version is p, with a salt of its own.
func (s *Service) Import(ctx context.Context, who policy.Subject, title, note string, p plan.Plan) (Summary, error) {
	fail := func(err error) (Summary, error) { return Summary{}, fmt.Errorf("create plan: %w", err) }
	title, err := clean(title, MaxTitle)
	if err == nil && (title == "" || strings.Contains(title, "\n")) {
		err = refuse(CodeNoTitle, archive.ErrInvalid, "a title of one line is asked for")
	}
	if err != nil {
		return fail(err)
	}
	if note, err = clean(note, MaxText); err != nil {
		return fail(err)
	}
	var salt [16]byte
	if _, err := io.ReadFull(s.o.Rand, salt[:]); err != nil {
		return fail(fmt.Errorf("read randomness: %w", err))
	}
	p.Salt = hex.EncodeToString(salt[:])
	id := s.o.NewID(archive.PrefixPlan)
	var out store.Plan
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		row, err := s.fit(ctx, tx, who, p, note)
		if err != nil {
			return err
		}
		row.Plan, row.Version = id, 1
		if err := tx.AddPlan(ctx, store.Plan{ID: id, Title: title, CreatedAt: row.CreatedAt, CreatedBy: who.Agent}, row); err != nil {
			return err
		}
		if _, err := s.o.Custody.Record(ctx, tx, event(archive.EventDescription, who.Agent, whatSaved, row, nil)); err != nil {
			return err
		}
		out, err = tx.Plan(ctx, policy.ScopeOf(who), id)
		return err
	})
	if err != nil {
		return fail(err)
	}
	return summary(out), nil
}

// fit makes a row of what somebody wants a plan to say, if it is valid and they may say it.
func (s *Service) fit(ctx context.Context, tx *store.Tx, who policy.Subject, p plan.Plan, note string) (store.PlanVersion, error) {
	invalid := func(list []plan.Problem) error {
		return archive.Explain(&plan.Invalid{Problems: list}, CodeInvalid, "")
	}
	if list := p.Problems(); len(list) > 0 {
		return store.PlanVersion{}, invalid(list)
	}
	items, err := may(ctx, tx, who, policy.EditPlan, p.Sources)
	if err != nil {
		return store.PlanVersion{}, err
	}
	for i, it := range items {
		if it.Kind != archive.KindVideo && it.Kind != archive.KindUnknown {
			return store.PlanVersion{}, refuse(CodeNoVideo, archive.ErrInvalid, "source %d is no video", i)
		}
	}
	list := p.Check(factsOf(items))
	list = slices.DeleteFunc(list, func(x plan.Problem) bool { return !x.Stops() })
	if len(list) > 0 {
		return store.PlanVersion{}, invalid(list)
	}
	body := p.Canonical()
	if len(body) > plan.MaxBytes {
		return store.PlanVersion{}, invalid([]plan.Problem{{Code: "too-large", Text: "larger than 8 MiB"}})
	}
	digest := p.Digest()
	return store.PlanVersion{Body: body, SHA256: digest[:], Note: note, Author: who.Agent, CreatedAt: s.now(), Items: p.Sources}, nil
}

// Save puts another version on top of version base. The salt stays the plan's. What is the same as the newest version is that version, and nothing is
// recorded. A proposal whose track is in p is confirmed with it. Errors: archive.ErrConflict with CodeConflict if base is not the newest; those of Create.
func (s *Service) Save(ctx context.Context, who policy.Subject, id string, base int, p plan.Plan, note string) (Version, error) {
	fail := func(err error) (Version, error) { return Version{}, fmt.Errorf("save plan %s: %w", id, conflict(err)) }
	note, err := clean(note, MaxText)
	if err != nil {
		return fail(err)
	}
	if err := archive.CheckID(archive.PrefixPlan, id); err != nil {
		return Version{}, fmt.Errorf("save plan: %w", err)
	}
	var out Version
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		out = Version{}
		if _, err := tx.LockPlan(ctx, id); err != nil {
			return err
		}
		was, err := s.version(ctx, tx, who, policy.EditPlan, id, 0)
		if err != nil {
			return err
		}
		if was.row.Version != base {
			return refuse(CodeConflict, archive.ErrConflict, "version %d is the newest, not %d", was.row.Version, base)
		}
		p.Salt = was.says.Salt
		row, err := s.fit(ctx, tx, who, p, note)
		if err != nil {
			return err
		}
		if slices.Equal(row.SHA256, was.row.SHA256) {
			out, err = s.tell(ctx, tx, was.row, true)
			return err
		}
		row.Plan = id
		if row.Version, err = tx.AddPlanVersion(ctx, base, row); err != nil {
			return err
		}
		proposed, err := tx.PlanProposals(ctx, id, archive.Suggested)
		if err != nil {
			return err
		}
		var taken []string
		for _, x := range proposed {
			t, err := plan.ParseTrack(x.Body, plan.MaxSources, true)
			if err != nil {
				return fmt.Errorf("proposal %s: %w: %w", x.ID, archive.ErrIntegrity, err)
			}
			if slices.ContainsFunc(p.Tracks, func(o plan.Track) bool { return o.ID == t.ID }) {
				taken = append(taken, x.ID)
			}
		}
		for part := range slices.Chunk(taken, 500) {
			if _, err := tx.DecidePlanProposal(ctx, id, part, archive.Confirmed, who.Agent, "", row.CreatedAt); err != nil {
				return err
			}
		}
		more := map[string]string{"base": fmt.Sprint(base), "tracks": fmt.Sprint(len(p.Tracks))}
		if len(taken) > 0 {
			more["proposals"] = fmt.Sprint(len(taken))
		}
		if _, err := s.o.Custody.Record(ctx, tx, event(archive.EventDescription, who.Agent, whatSaved, row, more)); err != nil {
			return err
		}
		out, err = s.tell(ctx, tx, row, true)
		return err
	})
	if err != nil {
		return fail(err)
	}
	return out, nil
}

// Rename gives a plan another title. Titles are not part of what is approved and never leave the archive.
func (s *Service) Rename(ctx context.Context, who policy.Subject, id, title string) error {
	fail := func(err error) error { return fmt.Errorf("rename plan: %w", err) }
	title, err := clean(title, MaxTitle)
	if err == nil && (title == "" || strings.Contains(title, "\n")) {
		err = refuse(CodeNoTitle, archive.ErrInvalid, "a title of one line is asked for")
	}
	if err != nil {
		return fail(err)
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := s.version(ctx, tx, who, policy.EditPlan, id, 0); err != nil {
			return err
		}
		_, err := tx.RenamePlan(ctx, id, title, s.now())
		return err
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// tell makes a Version of a row.
func (s *Service) tell(ctx context.Context, tx *store.Tx, row store.PlanVersion, body bool) (Version, error) {
	v := Version{
		Plan: row.Plan, Number: row.Version, SHA256: [32]byte(row.SHA256), Note: row.Note, Author: row.Author, CreatedAt: row.CreatedAt, Erased: !row.ErasedAt.IsZero(),
	}
	if body {
		var err error
		if v.Body, err = parse(row); err != nil {
			return v, err
		}
	}
	decisions, err := tx.PlanDecisions(ctx, row.Plan)
	if err != nil {
		return v, err
	}
	v.decide(decisions)
	return v, nil
}

func (v *Version) decide(list []store.PlanDecision) {
	for _, d := range list {
		if d.Version != v.Number {
			continue
		}
		x := &Decision{Agent: d.Agent, Why: d.Why, At: d.At}
		if d.Decision == store.PlanApproved {
			v.Approved = x
		} else {
			v.Rejected = x
		}
	}
}

// Stands says whether the version is approved.
func (v Version) Stands() bool { return v.Approved != nil && v.Rejected == nil }

// Plan gives a plan. Asks for policy.ViewPlan on every item. Errors: archive.ErrNotFound, archive.ErrForbidden.
func (s *Service) Plan(ctx context.Context, who policy.Subject, id string) (View, error) {
	var out View
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = View{Names: map[string]string{}}
		h, err := s.version(ctx, tx, who, policy.ViewPlan, id, 0)
		if err != nil {
			return err
		}
		out.Summary, out.Items, out.Problems = summary(h.plan), h.items, h.says.Check(factsOf(h.items))
		if out.Version, err = s.tell(ctx, tx, h.row, true); err != nil {
			return err
		}
		decisions, err := tx.PlanDecisions(ctx, id)
		if err != nil {
			return err
		}
		rows, err := tx.PlanVersions(ctx, policy.ScopeOf(who), id)
		if err != nil {
			return err
		}
		for _, r := range rows {
			v, err := s.tell(ctx, tx, r, false)
			if err != nil {
				return err
			}
			v.decide(decisions)
			out.Versions = append(out.Versions, v)
		}
		looks, err := tx.PlanLooks(ctx, id, h.row.Version)
		if err != nil {
			return err
		}
		for _, l := range looks {
			out.Looks = append(out.Looks, Look{Agent: l.Agent, At: l.At, Seconds: l.Seconds, Steps: l.Steps})
		}
		if out.Authors, err = tx.PlanAuthors(ctx, id, h.row.Version); err != nil {
			return err
		}
		_, no := may(ctx, tx, who, policy.EditPlan, h.row.Items)
		out.MayEdit = no == nil
		_, no = may(ctx, tx, who, policy.ApprovePlan, h.row.Items)
		out.MayApprove = no == nil && !slices.Contains(out.Authors, who.Agent)
		out.MayRender = no == nil && out.Version.Stands()
		why := s.approvable(ctx, tx, who, h)
		if p, ok := errors.AsType[*archive.Public](why); ok {
			out.Why = p.Text
		} else if why != nil && !errors.Is(why, archive.ErrForbidden) {
			return why
		}
		return out.name(ctx, tx)
	})
	if err != nil {
		return View{}, fmt.Errorf("show plan: %w", err)
	}
	return out, nil
}

// name finds the names of the agents of a view.
func (v *View) name(ctx context.Context, tx *store.Tx) error {
	agents := []string{v.CreatedBy}
	for _, x := range v.Versions {
		agents = append(agents, x.Author)
		for _, d := range []*Decision{x.Approved, x.Rejected} {
			if d != nil {
				agents = append(agents, d.Agent)
			}
		}
	}
	for _, l := range v.Looks {
		agents = append(agents, l.Agent)
	}
	for _, id := range agents {
		if _, known := v.Names[id]; known {
			continue
		}
		a, err := tx.Agent(ctx, id)
		if err != nil && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		v.Names[id] = a.Name
	}
	return nil
}

// Query narrows a list of plans.
type Query struct {
	Item   string // that the newest version names
	Before string // identifier of the last one of the page before
	Limit  int    // 0: 100, at most 500
}

// List gives the plans of which every item of the newest version may be seen, newest first.
func (s *Service) List(ctx context.Context, who policy.Subject, q Query) ([]Summary, error) {
	if !policy.Could(who, policy.ViewPlan) {
		return nil, fmt.Errorf("list plans: %w", archive.ErrForbidden)
	}
	var out []Summary
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		rows, err := tx.Plans(ctx, policy.ScopeOf(who), store.PlanQuery{Item: q.Item, Before: q.Before, Limit: q.Limit})
		for _, r := range rows {
			out = append(out, summary(r))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list plans: %w", err)
	}
	return out, nil
}

// Version gives one version; 0 is the newest.
func (s *Service) Version(ctx context.Context, who policy.Subject, id string, n int) (Version, error) {
	var out Version
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		h, err := s.version(ctx, tx, who, policy.ViewPlan, id, n)
		if err != nil {
			return err
		}
		out, err = s.tell(ctx, tx, h.row, true)
		return err
	})
	if err != nil {
		return Version{}, fmt.Errorf("show plan: %w", err)
	}
	return out, nil
}

// Diff says how version b differs from version a.
func (s *Service) Diff(ctx context.Context, who policy.Subject, id string, a, b int) ([]plan.Change, error) {
	x, err := s.Version(ctx, who, id, a)
	if err != nil {
		return nil, err
	}
	y, err := s.Version(ctx, who, id, b)
	if err != nil {
		return nil, err
	}
	return plan.Diff(x.Body, y.Body), nil
}
