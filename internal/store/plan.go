package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

// Plan is a redaction plan with what its newest version came to.
type Plan struct {
	ID        string
	Title     string
	Head      int // newest version
	CreatedAt time.Time
	CreatedBy string
	ChangedAt time.Time

	// Of the newest version; read only.
	Author     string
	ApprovedBy string
	RejectedBy string
	Looks      int
	Check      string // state of the gap check: "", "asked", "done", "failed"
	Open       int    // blockers that are neither warnings nor dismissed
	Render     string // state of the rendering: "", "asked", "done", "failed", "destroyed"
	Erased     bool
}

// PlanVersion is what a plan says at a time.
type PlanVersion struct {
	Plan      string
	Version   int // from 1
	Body      []byte
	SHA256    []byte // of the body
	Note      string
	Author    string
	CreatedAt time.Time
	ErasedAt  time.Time // an item of it was erased: there is no body any more
	Items     []string  // in the order of the plan
}

// PlanLook is that somebody stepped through a version.
type PlanLook struct {
	Plan    string
	Version int
	Agent   string
	At      time.Time
	Seconds int64
	Steps   int64
}

// PlanStop is a moment of a version that somebody was shown with its masks.
type PlanStop struct {
	Plan    string
	Version int
	Agent   string
	Source  int   // index of the source
	AtUS    int64 // from the beginning of the source
	SHA256  []byte
	SeenAt  time.Time
}

// Decisions about versions.
const (
	PlanApproved = "approved"
	PlanRejected = "rejected"
)

// PlanDecision is that a version was approved or sent back.
type PlanDecision struct {
	Plan     string
	Version  int
	Decision string
	Agent    string
	Why      string
	At       time.Time
}

// Kinds and states of runs; renderings have the same states and PlanDestroyed.
const (
	PlanDetect    = "detect"
	PlanGapCheck  = "gap check"
	PlanAsked     = "asked"
	PlanDone      = "done"
	PlanFailed    = "failed"
	PlanDestroyed = "destroyed"
)

// PlanRun is what machines were asked about a version.
type PlanRun struct {
	ID      string
	Plan    string
	Version int
	Kind    string
	State   string
	AskedBy string
	AskedAt time.Time
	DoneAt  time.Time
	Frames  int64
	Recipe  string // detectors with their versions
	Reason  string // code of why it failed
	Report  []byte // JSON: what was not judged
	SHA256  []byte // of the version that was worked on
}

// PlanBlocker is what a gap check found.
type PlanBlocker struct {
	Run                string
	Ordinal            int
	Kind               string
	Warning            bool
	Cut, Source        int
	FromUS, ToUS, AtUS int64
	Box                [4]int
	Thing, Track       string
	Frames             int64
	Score              int // thousandths
	Why                string
	DismissedAt        time.Time
	DismissedBy        string
	Reason             string // of who dismissed it
}

// PlanProposal is a track that a machine proposes.
type PlanProposal struct {
	ID        string
	Run       string
	Plan      string
	Ordinal   int
	Body      []byte // canonical bytes of the track
	Score     int    // thousandths
	State     archive.SuggestionState
	DecidedAt time.Time
	DecidedBy string
	Why       string
}

// PlanRender is the rendering of a version.
type PlanRender struct {
	Plan          string
	Version       int
	State         string
	AskedBy       string
	AskedAt       time.Time
	DoneAt        time.Time
	Reason        string // code of why it failed
	Clip          string
	Milliseconds  int64
	Recipe        string
	RecipeVersion int
	Tool          string
	ToolVersion   string
	Read          []byte // JSON: for each cut the ranges of bytes that the decoder was given
}

// PlanRendition is a file of a rendering.
type PlanRendition struct {
	Plan          string
	Version       int
	Name          string
	Ordinal       int
	Object        archive.ObjectRef
	Size          int64
	SHA256        []byte
	MediaType     string
	Width, Height int
}

const (
	planColumns = `plan.id, plan.title, plan.head, plan.created_at, plan.created_by, plan.changed_at, v.author,
		COALESCE((SELECT d.agent FROM plan_decision d WHERE d.plan_id = plan.id AND d.version = plan.head AND d.decision = 'approved'), ''),
		COALESCE((SELECT d.agent FROM plan_decision d WHERE d.plan_id = plan.id AND d.version = plan.head AND d.decision = 'rejected'), ''),
		(SELECT COUNT(*) FROM plan_look l WHERE l.plan_id = plan.id AND l.version = plan.head),
		COALESCE((SELECT c.state FROM plan_run c WHERE c.plan_id = plan.id AND c.version = plan.head AND c.kind = 'gap check'), ''),
		(SELECT COUNT(*) FROM plan_blocker b JOIN plan_run c ON c.id = b.run_id WHERE c.plan_id = plan.id AND c.version = plan.head
			AND c.kind = 'gap check' AND b.warning = 0 AND b.dismissed_at IS NULL),
		COALESCE((SELECT r.state FROM plan_render r WHERE r.plan_id = plan.id AND r.version = plan.head), ''),
		CASE WHEN v.erased_at IS NULL THEN 0 ELSE 1 END`
	planFrom            = ` FROM plan JOIN plan_version v ON v.plan_id = plan.id AND v.version = plan.head`
	planVersionColumns  = `plan_id, version, body, sha256, note, author, created_at, erased_at`
	planRunColumns      = `id, plan_id, version, kind, state, asked_by, asked_at, done_at, frames, recipe, reason, report, sha256`
	planBlockerColumns  = `run_id, ordinal, kind, warning, cut, source, from_us, to_us, at_us, box_x, box_y, box_w, box_h, thing, track, frames, score, why, dismissed_at, dismissed_by, reason`
	planProposalColumns = `id, run_id, plan_id, ordinal, body, score, state, decided_at, decided_by, why`
	planRenderColumns   = `plan_id, version, state, asked_by, asked_at, done_at, reason, clip_id, milliseconds, recipe, recipe_version, tool, tool_version, read`
	renditionColumns    = `plan_id, version, name, ordinal, object_id, envelope_id, size, sha256, media_type, width, height`
)

func scanPlan(s scanner) (p Plan, err error) {
	var erased int64
	err = s.Scan(&p.ID, &p.Title, &p.Head, at{&p.CreatedAt}, &p.CreatedBy, at{&p.ChangedAt}, &p.Author, &p.ApprovedBy, &p.RejectedBy, &p.Looks, &p.Check,
		&p.Open, &p.Render, &erased)
	p.Erased = erased == 1
	return p, err
}

func scanPlanVersion(s scanner) (v PlanVersion, err error) {
	err = s.Scan(&v.Plan, &v.Version, &v.Body, &v.SHA256, &v.Note, &v.Author, at{&v.CreatedAt}, at{&v.ErasedAt})
	return v, err
}

func scanPlanRun(s scanner) (r PlanRun, err error) {
	err = s.Scan(&r.ID, &r.Plan, &r.Version, &r.Kind, &r.State, &r.AskedBy, at{&r.AskedAt}, at{&r.DoneAt}, &r.Frames, &r.Recipe, &r.Reason, &r.Report, &r.SHA256)
	return r, err
}

func scanPlanBlocker(s scanner) (b PlanBlocker, err error) {
	var warning int64
	err = s.Scan(&b.Run, &b.Ordinal, &b.Kind, &warning, &b.Cut, &b.Source, &b.FromUS, &b.ToUS, &b.AtUS, &b.Box[0], &b.Box[1], &b.Box[2], &b.Box[3], &b.Thing,
		&b.Track, &b.Frames, &b.Score, &b.Why, at{&b.DismissedAt}, str{&b.DismissedBy}, &b.Reason)
	b.Warning = warning == 1
	return b, err
}

func scanPlanProposal(s scanner) (p PlanProposal, err error) {
	var state string
	err = s.Scan(&p.ID, &p.Run, &p.Plan, &p.Ordinal, &p.Body, &p.Score, &state, at{&p.DecidedAt}, str{&p.DecidedBy}, &p.Why)
	p.State = archive.SuggestionState(state)
	return p, err
}

func scanPlanRender(s scanner) (r PlanRender, err error) {
	err = s.Scan(&r.Plan, &r.Version, &r.State, &r.AskedBy, at{&r.AskedAt}, at{&r.DoneAt}, &r.Reason, str{&r.Clip}, &r.Milliseconds, &r.Recipe, &r.RecipeVersion,
		&r.Tool, &r.ToolVersion, &r.Read)
	return r, err
}

func scanRendition(s scanner) (r PlanRendition, err error) {
	err = s.Scan(&r.Plan, &r.Version, &r.Name, &r.Ordinal, &r.Object.Object, &r.Object.Envelope, &r.Size, &r.SHA256, &r.MediaType, &r.Width, &r.Height)
	return r, err
}

// withinPlan narrows to plans of which every item of a version is seen; version is the column that says which.
func withinPlan(p *part, s archive.Scope, plan, version string) {
	p.add(` AND NOT EXISTS (SELECT 1 FROM plan_source named WHERE named.plan_id = ` + plan + ` AND named.version = ` + version + ` AND NOT (1 = 1`)
	withinItem(p, s, "named.item_id")
	p.add(`))`)
}

// AddPlan adds a plan with its first version; archive.ErrExists.
func (tx *Tx) AddPlan(ctx context.Context, p Plan, first PlanVersion) error {
	if err := archive.CheckID(archive.PrefixPlan, p.ID); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `INSERT INTO plan (id, title, head, created_at, created_by, changed_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		p.ID, p.Title, 1, p.CreatedAt.UnixMicro(), p.CreatedBy, p.CreatedAt.UnixMicro()); err != nil {
		return fmt.Errorf("add plan %s: %w", p.ID, err)
	}
	first.Plan, first.Version = p.ID, 1
	return tx.addPlanVersion(ctx, first)
}

func (tx *Tx) addPlanVersion(ctx context.Context, v PlanVersion) error {
	if len(v.Items) == 0 {
		return fmt.Errorf("add version of plan %s: %w: it names no item", v.Plan, archive.ErrInvalid)
	}
	_, err := tx.exec(ctx, `INSERT INTO plan_version (plan_id, version, body, sha256, note, author, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		v.Plan, v.Version, v.Body, v.SHA256, v.Note, v.Author, v.CreatedAt.UnixMicro())
	if err == nil {
		rows := make([][]any, len(v.Items))
		for i, item := range v.Items {
			rows[i] = []any{v.Plan, v.Version, i, item}
		}
		err = tx.insert(ctx, "plan_source", "plan_id, version, ordinal, item_id", rows)
	}
	if err != nil {
		return fmt.Errorf("add version %d of plan %s: %w", v.Version, v.Plan, err)
	}
	return nil
}

// LockPlan keeps others from changing a plan until the transaction ends, and gives its newest version; archive.ErrNotFound.
func (tx *Tx) LockPlan(ctx context.Context, id string) (head int, err error) {
	n, err := one(ctx, tx, value[int64], `SELECT head FROM plan WHERE id = $1`+tx.db.eng.lock(), id)
	return int(n), err
}

// AddPlanVersion puts a version on top of version base, and gives its number. archive.ErrConflict if base is not the newest;
// archive.ErrNotFound.
func (tx *Tx) AddPlanVersion(ctx context.Context, base int, v PlanVersion) (int, error) {
	head, err := tx.LockPlan(ctx, v.Plan)
	if err == nil && head != base {
		err = fmt.Errorf("%w: version %d is the newest", archive.ErrConflict, head)
	}
	if err != nil {
		return 0, fmt.Errorf("change plan %s: %w", v.Plan, err)
	}
	v.Version = base + 1
	if err := tx.addPlanVersion(ctx, v); err != nil {
		return 0, err
	}
	if _, err := tx.exec(ctx, `UPDATE plan SET head = $1, changed_at = $2 WHERE id = $3`, v.Version, v.CreatedAt.UnixMicro(), v.Plan); err != nil {
		return 0, fmt.Errorf("change plan %s: %w", v.Plan, err)
	}
	return v.Version, nil
}

// RenamePlan gives a plan another title; false if it has it already. archive.ErrNotFound.
func (tx *Tx) RenamePlan(ctx context.Context, id, title string, when time.Time) (bool, error) {
	if _, err := tx.LockPlan(ctx, id); err != nil {
		return false, fmt.Errorf("rename plan %s: %w", id, err)
	}
	n, err := tx.exec(ctx, `UPDATE plan SET title = $1, changed_at = $2 WHERE id = $3 AND title <> $4`, title, when.UnixMicro(), id, title)
	if err != nil {
		return false, fmt.Errorf("rename plan %s: %w", id, err)
	}
	return n > 0, nil
}

// Plan gives a plan of which every item of the newest version is in the scope; archive.ErrNotFound. Once one of them is erased nobody is given it.
func (tx *Tx) Plan(ctx context.Context, s archive.Scope, id string) (Plan, error) {
	var p part
	p.add(`SELECT `+planColumns+planFrom+` WHERE plan.id = ?`, id)
	withinPlan(&p, s, "plan.id", "plan.head")
	return one(ctx, tx, scanPlan, p.text.String(), p.args...)
}

// PlanQuery narrows a list of plans.
type PlanQuery struct {
	Item   string // that the newest version names
	Before string // identifier of the last one of the page before
	Limit  int    // 0: 100, at most 500
}

// Plans gives plans in the scope, newest first.
func (tx *Tx) Plans(ctx context.Context, s archive.Scope, q PlanQuery) ([]Plan, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	var p part
	p.add(`SELECT ` + planColumns + planFrom + ` WHERE 1 = 1`)
	p.addIf(q.Item != "", ` AND EXISTS (SELECT 1 FROM plan_source s WHERE s.plan_id = plan.id AND s.version = plan.head AND s.item_id = ?)`, q.Item)
	p.addIf(q.Before != "", ` AND plan.id < ?`, q.Before)
	withinPlan(&p, s, "plan.id", "plan.head")
	p.add(` ORDER BY plan.id DESC LIMIT ?`, min(q.Limit, 500))
	return all(ctx, tx, scanPlan, p.text.String(), p.args...)
}

// PlanVersion gives one version, of which every item is in the scope; archive.ErrNotFound.
func (tx *Tx) PlanVersion(ctx context.Context, s archive.Scope, id string, version int) (PlanVersion, error) {
	var p part
	p.add(`SELECT `+planVersionColumns+` FROM plan_version WHERE plan_id = ? AND version = ?`, id, version)
	withinPlan(&p, s, "plan_version.plan_id", "plan_version.version")
	v, err := one(ctx, tx, scanPlanVersion, p.text.String(), p.args...)
	if err != nil {
		return v, err
	}
	v.Items, err = all(ctx, tx, value[string], `SELECT item_id FROM plan_source WHERE plan_id = $1 AND version = $2 ORDER BY ordinal`, id, version)
	return v, err
}

// PlanVersions gives the versions of a plan that are in the scope, first one first, without what they say.
func (tx *Tx) PlanVersions(ctx context.Context, s archive.Scope, id string) ([]PlanVersion, error) {
	var p part
	p.add(`SELECT plan_id, version, NULL, sha256, note, author, created_at, erased_at FROM plan_version WHERE plan_id = ?`, id)
	withinPlan(&p, s, "plan_version.plan_id", "plan_version.version")
	p.add(` ORDER BY version`)
	return all(ctx, tx, scanPlanVersion, p.text.String(), p.args...)
}

// PlanAuthors gives who wrote any version of a plan from the one after the last approved one up to a version: none of them may approve it. A
// version that was approved and then sent back does not count as approved.
func (tx *Tx) PlanAuthors(ctx context.Context, id string, version int) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT DISTINCT v.author FROM plan_version v WHERE v.plan_id = $1 AND v.version <= $2
		AND v.version > COALESCE((SELECT MAX(d.version) FROM plan_decision d WHERE d.plan_id = $3 AND d.version < $4 AND d.decision = 'approved'
			AND NOT EXISTS (SELECT 1 FROM plan_decision r WHERE r.plan_id = d.plan_id AND r.version = d.version AND r.decision = 'rejected')), 0)
		ORDER BY 1`, id, version, id, version)
}

// AddPlanStop notes that somebody was shown a moment of a version, whose digest they were shown; a moment that is noted stays as it is. ErrInsertOnly
// if they wrote the version, or if its digest is another one.
func (tx *Tx) AddPlanStop(ctx context.Context, x PlanStop) error {
	fail := func(err error) error { return fmt.Errorf("note moment of plan %s: %w", x.Plan, err) }
	n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM plan_stop WHERE plan_id = $1 AND version = $2 AND agent = $3 AND source = $4 AND at_us = $5`,
		x.Plan, x.Version, x.Agent, x.Source, x.AtUS)
	if err != nil {
		return fail(err)
	}
	if n > 0 {
		return nil
	}
	if _, err := tx.exec(ctx, `INSERT INTO plan_stop (plan_id, version, agent, source, at_us, sha256, seen_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		x.Plan, x.Version, x.Agent, x.Source, x.AtUS, x.SHA256, x.SeenAt.UnixMicro()); err != nil {
		return fail(err)
	}
	return nil
}

// PlanStops gives the moments of a version that somebody was shown, by source and time.
func (tx *Tx) PlanStops(ctx context.Context, id string, version int, agent string) ([]PlanStop, error) {
	return all(ctx, tx, func(s scanner) (x PlanStop, err error) {
		err = s.Scan(&x.Plan, &x.Version, &x.Agent, &x.Source, &x.AtUS, &x.SHA256, at{&x.SeenAt})
		return x, err
	}, `SELECT plan_id, version, agent, source, at_us, sha256, seen_at FROM plan_stop WHERE plan_id = $1 AND version = $2 AND agent = $3 ORDER BY source, at_us`, id, version, agent)
}

// AddPlanLook notes that somebody stepped through a version; ErrInsertOnly if they wrote it, or if they were shown fewer moments than l.Steps.
func (tx *Tx) AddPlanLook(ctx context.Context, l PlanLook) error {
	_, err := tx.exec(ctx, `INSERT INTO plan_look (plan_id, version, agent, at, seconds, steps) VALUES ($1, $2, $3, $4, $5, $6)`,
		l.Plan, l.Version, l.Agent, l.At.UnixMicro(), l.Seconds, l.Steps)
	if err != nil {
		return fmt.Errorf("note look at plan %s: %w", l.Plan, err)
	}
	return nil
}

// PlanLooks gives the looks at a version, first one first.
func (tx *Tx) PlanLooks(ctx context.Context, id string, version int) ([]PlanLook, error) {
	return all(ctx, tx, func(s scanner) (l PlanLook, err error) {
		err = s.Scan(&l.Plan, &l.Version, &l.Agent, at{&l.At}, &l.Seconds, &l.Steps)
		return l, err
	}, `SELECT plan_id, version, agent, at, seconds, steps FROM plan_look WHERE plan_id = $1 AND version = $2 ORDER BY at, agent`, id, version)
}

// AddPlanDecision notes a decision about a version. The database refuses (ErrInsertOnly) an approval by an author of any version since the last
// approved one, by somebody who has not looked at as many moments as their look says, of a version that is not the newest or has been decided about, and without a gap check of
// that very version in which nothing is open.
func (tx *Tx) AddPlanDecision(ctx context.Context, d PlanDecision) error {
	_, err := tx.exec(ctx, `INSERT INTO plan_decision (plan_id, version, decision, agent, why, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		d.Plan, d.Version, d.Decision, d.Agent, d.Why, d.At.UnixMicro())
	if err != nil {
		return fmt.Errorf("decide on plan %s: %w", d.Plan, err)
	}
	return nil
}

// PlanDecisions gives the decisions about all versions of a plan, by version and time.
func (tx *Tx) PlanDecisions(ctx context.Context, id string) ([]PlanDecision, error) {
	return all(ctx, tx, func(s scanner) (d PlanDecision, err error) {
		err = s.Scan(&d.Plan, &d.Version, &d.Decision, &d.Agent, &d.Why, at{&d.At})
		return d, err
	}, `SELECT plan_id, version, decision, agent, why, at FROM plan_decision WHERE plan_id = $1 ORDER BY version, at, decision`, id)
}

// AskPlanRun notes that machines were asked about a version, if they were not, or if it failed: asked says whether they are to do it now. It gives the run.
func (tx *Tx) AskPlanRun(ctx context.Context, r PlanRun) (run PlanRun, asked bool, err error) {
	fail := func(err error) (PlanRun, bool, error) {
		return run, false, fmt.Errorf("ask for %s of plan %s: %w", r.Kind, r.Plan, err)
	}
	if _, err := tx.LockPlan(ctx, r.Plan); err != nil {
		return fail(err)
	}
	n, err := tx.exec(ctx, `INSERT INTO plan_run (id, plan_id, version, kind, state, asked_by, asked_at) VALUES ($1, $2, $3, $4, 'asked', $5, $6)
		ON CONFLICT (plan_id, version, kind) DO UPDATE SET state = 'asked', asked_by = excluded.asked_by, asked_at = excluded.asked_at, done_at = NULL, reason = ''
		WHERE plan_run.state = 'failed'`, r.ID, r.Plan, r.Version, r.Kind, r.AskedBy, r.AskedAt.UnixMicro())
	if err != nil {
		return fail(err)
	}
	run, err = tx.PlanRun(ctx, r.Plan, r.Version, r.Kind)
	if err != nil {
		return fail(err)
	}
	return run, n > 0, nil
}

// PlanRun gives the run of a kind about a version; archive.ErrNotFound.
func (tx *Tx) PlanRun(ctx context.Context, id string, version int, kind string) (PlanRun, error) {
	return one(ctx, tx, scanPlanRun, `SELECT `+planRunColumns+` FROM plan_run WHERE plan_id = $1 AND version = $2 AND kind = $3`, id, version, kind)
}

// PlanRunByID gives a run; archive.ErrNotFound.
func (tx *Tx) PlanRunByID(ctx context.Context, id string) (PlanRun, error) {
	return one(ctx, tx, scanPlanRun, `SELECT `+planRunColumns+` FROM plan_run WHERE id = $1`, id)
}

// EndPlanRun notes what came of a run that was asked for, with what it found; archive.ErrConflict if it has ended.
func (tx *Tx) EndPlanRun(ctx context.Context, r PlanRun, blockers []PlanBlocker, proposals []PlanProposal) error {
	fail := func(err error) error { return fmt.Errorf("end %s %s: %w", r.Kind, r.ID, err) }
	n, err := tx.exec(ctx, `UPDATE plan_run SET state = $1, done_at = $2, frames = $3, recipe = $4, reason = $5, report = $6, sha256 = $7 WHERE id = $8 AND state = 'asked'`,
		r.State, r.DoneAt.UnixMicro(), r.Frames, r.Recipe, r.Reason, blob(r.Report), blob(r.SHA256), r.ID)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	rows := make([][]any, len(blockers))
	for i, b := range blockers {
		rows[i] = []any{r.ID, i, b.Kind, flag(b.Warning), b.Cut, b.Source, b.FromUS, b.ToUS, b.AtUS, b.Box[0], b.Box[1], b.Box[2], b.Box[3], b.Thing, b.Track, b.Frames, b.Score, b.Why}
	}
	if err := tx.insert(ctx, "plan_blocker", `run_id, ordinal, kind, warning, cut, source, from_us, to_us, at_us, box_x, box_y, box_w, box_h, thing, track, frames, score, why`, rows); err != nil {
		return fail(err)
	}
	rows = make([][]any, len(proposals))
	for i, p := range proposals {
		rows[i] = []any{p.ID, r.ID, r.Plan, i, p.Body, p.Score, string(archive.Suggested)}
	}
	if err := tx.insert(ctx, "plan_proposal", `id, run_id, plan_id, ordinal, body, score, state`, rows); err != nil {
		return fail(err)
	}
	return nil
}

// PlanBlockers gives what a gap check found, in its order.
func (tx *Tx) PlanBlockers(ctx context.Context, run string) ([]PlanBlocker, error) {
	return all(ctx, tx, scanPlanBlocker, `SELECT `+planBlockerColumns+` FROM plan_blocker WHERE run_id = $1 ORDER BY ordinal`, run)
}

// DismissPlanBlocker notes that a person takes a blocker for none; archive.ErrNotFound, archive.ErrConflict if somebody did before.
func (tx *Tx) DismissPlanBlocker(ctx context.Context, run string, ordinal int, agent, reason string, when time.Time) error {
	fail := func(err error) error { return fmt.Errorf("dismiss blocker %d of %s: %w", ordinal, run, err) }
	if _, err := one(ctx, tx, value[int64], `SELECT ordinal FROM plan_blocker WHERE run_id = $1 AND ordinal = $2`, run, ordinal); err != nil {
		return fail(err)
	}
	n, err := tx.exec(ctx, `UPDATE plan_blocker SET dismissed_at = $1, dismissed_by = $2, reason = $3 WHERE run_id = $4 AND ordinal = $5 AND dismissed_at IS NULL`,
		when.UnixMicro(), agent, reason, run, ordinal)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// PlanProposals gives what machines proposed for a plan, by run and order; of a state, or of all if that is empty.
func (tx *Tx) PlanProposals(ctx context.Context, id string, state archive.SuggestionState) ([]PlanProposal, error) {
	var p part
	p.add(`SELECT `+planProposalColumns+` FROM plan_proposal WHERE plan_id = ?`, id)
	p.addIf(state != "", ` AND state = ?`, string(state))
	p.add(` ORDER BY run_id, ordinal`)
	return all(ctx, tx, scanPlanProposal, p.text.String(), p.args...)
}

// DecidePlanProposal confirms or dismisses proposals of a plan that are still open, and says how many were.
func (tx *Tx) DecidePlanProposal(ctx context.Context, plan string, ids []string, state archive.SuggestionState, agent, why string, when time.Time) (int64, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	var p part
	p.add(`UPDATE plan_proposal SET state = ?, decided_at = ?, decided_by = ?, why = ? WHERE plan_id = ? AND state = 'suggested'`, string(state), when.UnixMicro(), agent, why, plan)
	in(&p, "id", ids)
	n, err := tx.exec(ctx, p.text.String(), p.args...)
	if err != nil {
		return 0, fmt.Errorf("decide on proposals of plan %s: %w", plan, err)
	}
	return n, nil
}

// AskPlanRender notes that an approved version is to be rendered, if it was not asked for, or if it failed: asked says whether it is to be done now.
// ErrInsertOnly if the version is not approved.
func (tx *Tx) AskPlanRender(ctx context.Context, r PlanRender) (render PlanRender, asked bool, err error) {
	fail := func(err error) (PlanRender, bool, error) {
		return render, false, fmt.Errorf("ask for rendering of plan %s: %w", r.Plan, err)
	}
	if _, err := tx.LockPlan(ctx, r.Plan); err != nil {
		return fail(err)
	}
	n, err := tx.exec(ctx, `INSERT INTO plan_render (plan_id, version, state, asked_by, asked_at) VALUES ($1, $2, 'asked', $3, $4)
		ON CONFLICT (plan_id, version) DO UPDATE SET state = 'asked', asked_by = excluded.asked_by, asked_at = excluded.asked_at, done_at = NULL, reason = ''
		WHERE plan_render.state = 'failed'`, r.Plan, r.Version, r.AskedBy, r.AskedAt.UnixMicro())
	if err != nil {
		return fail(err)
	}
	if render, err = tx.PlanRender(ctx, r.Plan, r.Version); err != nil {
		return fail(err)
	}
	return render, n > 0, nil
}

// PlanRender gives the rendering of a version; archive.ErrNotFound.
func (tx *Tx) PlanRender(ctx context.Context, id string, version int) (PlanRender, error) {
	return one(ctx, tx, scanPlanRender, `SELECT `+planRenderColumns+` FROM plan_render WHERE plan_id = $1 AND version = $2`, id, version)
}

// EndPlanRender notes what came of a rendering that was asked for, with its files; archive.ErrConflict if it has ended. ErrInsertOnly if the version
// is no longer approved.
func (tx *Tx) EndPlanRender(ctx context.Context, r PlanRender, files []PlanRendition) error {
	fail := func(err error) error { return fmt.Errorf("end rendering of plan %s: %w", r.Plan, err) }
	if _, err := tx.LockPlan(ctx, r.Plan); err != nil {
		return fail(err)
	}
	n, err := tx.exec(ctx, `UPDATE plan_render SET state = $1, done_at = $2, reason = $3, clip_id = $4, milliseconds = $5, recipe = $6, recipe_version = $7, tool = $8,
		tool_version = $9, read = $10 WHERE plan_id = $11 AND version = $12 AND state = 'asked'`,
		r.State, r.DoneAt.UnixMicro(), r.Reason, text(r.Clip), r.Milliseconds, r.Recipe, r.RecipeVersion, r.Tool, r.ToolVersion, blob(r.Read), r.Plan, r.Version)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	rows := make([][]any, len(files))
	for i, f := range files {
		rows[i] = []any{r.Plan, r.Version, f.Name, i, f.Object.Object, f.Object.Envelope, f.Size, f.SHA256, f.MediaType, f.Width, f.Height}
	}
	if err := tx.insert(ctx, "plan_rendition", renditionColumns, rows); err != nil {
		return fail(err)
	}
	return nil
}

// PlanRenditions gives the files of a rendering, in their order.
func (tx *Tx) PlanRenditions(ctx context.Context, id string, version int) ([]PlanRendition, error) {
	return all(ctx, tx, scanRendition, `SELECT `+renditionColumns+` FROM plan_rendition WHERE plan_id = $1 AND version = $2 ORDER BY ordinal`, id, version)
}

// renditionsOf are the objects of files that were rendered from an item; one place for the item.
const renditionsOf = `SELECT r.object_id FROM plan_rendition r JOIN plan_source s ON s.plan_id = r.plan_id AND s.version = r.version WHERE s.item_id = `

// erasePlans takes away what plans say that name an item: a plan tells what was to be seen, and where. Versions keep their numbers, authors and
// digests, which are salted; files rendered from the item lose theirs.
func (tx *Tx) erasePlans(ctx context.Context, item string) error {
	none := make([]byte, 32)
	named := `(SELECT 1 FROM plan_source s WHERE s.plan_id = plan_version.plan_id AND s.version = plan_version.version AND s.item_id = `
	runs := `(SELECT c.id FROM plan_run c JOIN plan_source s ON s.plan_id = c.plan_id AND s.version = c.version WHERE s.item_id = `
	for _, s := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM plan_blocker WHERE run_id IN ` + runs + `$1)`, []any{item}},
		{`DELETE FROM plan_proposal WHERE run_id IN ` + runs + `$1)`, []any{item}},
		{`DELETE FROM plan_stop WHERE EXISTS (SELECT 1 FROM plan_source s WHERE s.plan_id = plan_stop.plan_id AND s.version = plan_stop.version AND s.item_id = $1)`, []any{item}},
		{`UPDATE plan_run SET report = NULL, reason = '' WHERE id IN ` + runs + `$1)`, []any{item}},
		{`UPDATE plan_render SET state = 'destroyed', read = NULL WHERE state = 'done' AND EXISTS (SELECT 1 FROM plan_source s
			WHERE s.plan_id = plan_render.plan_id AND s.version = plan_render.version AND s.item_id = $1)`, []any{item}},
		{`UPDATE plan_rendition SET sha256 = $1 WHERE EXISTS (SELECT 1 FROM plan_source s
			WHERE s.plan_id = plan_rendition.plan_id AND s.version = plan_rendition.version AND s.item_id = $2)`, []any{none, item}},
		{`UPDATE plan_decision SET why = '' WHERE why <> '' AND EXISTS (SELECT 1 FROM plan_source s
			WHERE s.plan_id = plan_decision.plan_id AND s.version = plan_decision.version AND s.item_id = $1)`, []any{item}},
		{`UPDATE plan SET title = '' WHERE EXISTS (SELECT 1 FROM plan_source s WHERE s.plan_id = plan.id AND s.item_id = $1)`, []any{item}},
		{`UPDATE plan_version SET body = $1, note = '', erased_at = $2 WHERE erased_at IS NULL AND EXISTS ` + named + `$3)`, []any{[]byte{}, tx.Now().UnixMicro(), item}},
	} {
		if _, err := tx.exec(ctx, s.text, s.args...); err != nil {
			return fmt.Errorf("erase plans: %w", err)
		}
	}
	return nil
}
