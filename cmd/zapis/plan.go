package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/redact"
	"zapis/internal/redact/plan"
)

type planCmd struct {
	List    planListCmd    `cmd:"" help:"List redaction plans and what each waits for."`
	Show    planShowCmd    `cmd:"" help:"Show a plan: versions, what the gap check found, who looked and decided, what was rendered."`
	Import  planImportCmd  `cmd:"" help:"Make a plan, or a version of one, of a file."`
	Export  planExportCmd  `cmd:"" help:"Write a version of a plan as the canonical bytes that its digest covers."`
	Diff    planDiffCmd    `cmd:"" help:"Say how two versions of a plan differ."`
	Check   planCheckCmd   `cmd:"" help:"Have every frame of the newest version walked for what is not covered, and list what was found."`
	Approve planApproveCmd `cmd:"" help:"Approve the newest version, after having stepped through it in the workspace; or send a version back."`
	Render  planRenderCmd  `cmd:"" help:"Render an approved version and state its clip, or write its files once more."`
}

// planWords are the words for the codes of refusals, and what to do about them.
var planWords = map[string][2]string{
	redact.CodeOwn:         {"You wrote a part of this plan: another person has to look at it and approve it.", ""},
	redact.CodeNotNewest:   {"There is a newer version.", ""},
	redact.CodeDecided:     {"This version was approved or sent back already.", ""},
	redact.CodeNotChecked:  {"The gap check of this version is not done.", "zapis plan check ID"},
	redact.CodeOpen:        {"The gap check found things that are neither covered nor dismissed.", "zapis plan show ID"},
	redact.CodeNotLooked:   {"You have not stepped through this version.", "Do so in the workspace: /plans/ID/look"},
	redact.CodeNotApproved: {"Only an approved version is rendered.", ""},
	redact.CodeConflict:    {"Somebody saved another version in the meantime.", "Look at it: zapis plan diff ID A B"},
	redact.CodeErased:      {"An item of this plan was erased, and the plan with it.", ""},
	redact.CodeNoReason:    {"A reason is asked for.", "--why"},
	redact.CodeNoTitle:     {"A title of one line is asked for.", "--title"},
	redact.CodeTooLong:     {"A text is too long.", ""},
	redact.CodeInvalid:     {"A text has characters in it that cannot be printed.", ""},
	redact.CodeNoVideo:     {"Only footage can be redacted.", ""},
	redact.CodeNoJobs:      {"Nobody works on jobs here.", "zapis worker"},
}

// explainPlan gives words to the codes of refusals.
func (k *call) explainPlan(err error) error {
	if err == nil {
		return nil
	}
	if bad, ok := errors.AsType[*plan.Invalid](err); ok {
		var b strings.Builder
		for _, p := range bad.Problems {
			b.WriteString("\n       " + p.String())
		}
		return archive.Explain(err, "The plan is not valid:"+b.String(), "")
	}
	if p, ok := errors.AsType[*archive.Public](err); ok {
		if w, ok := planWords[p.Text]; ok {
			return archive.Explain(err, w[0], w[1])
		}
	}
	return err
}

type planListCmd struct {
	Item  string `help:"Only plans that show this item." placeholder:"ID"`
	Limit int    `help:"Most lines." default:"100"`
}

func (c *planListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		q := redact.Query{Limit: c.Limit}
		if c.Item != "" {
			it, err := k.findItem(a, c.Item)
			if err != nil {
				return err
			}
			q.Item = it.ID
		}
		list, err := a.Redact.List(k.ctx, operator(a), q)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, p := range list {
				if k.JSON {
					k.json(planOf(p))
					continue
				}
				fmt.Fprintf(w, "%s\t%s\tversion %d\t%d blockers\t%s\t%q\n", p.ID, p.State, p.Head, p.Open, p.ChangedAt.Format(time.DateOnly), p.Title)
			}
		})
	})
}

type planJSON struct {
	ID         string `json:"id"`
	Title      string `json:"title"`
	State      string `json:"state"`
	Head       int    `json:"head"`
	Open       int    `json:"open"`
	Looks      int    `json:"looks"`
	Author     string `json:"author"`
	ApprovedBy string `json:"approved_by"`
	ChangedAt  string `json:"changed_at"`
}

func planOf(p redact.Summary) planJSON {
	return planJSON{ID: p.ID, Title: p.Title, State: string(p.State), Head: p.Head, Open: p.Open, Looks: p.Looks, Author: p.Author, ApprovedBy: p.ApprovedBy,
		ChangedAt: archive.FormatTime(p.ChangedAt)}
}

type planShowCmd struct {
	Plan string `arg:"" help:"Identifier of the plan."`
}

func (c *planShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		v, err := a.Redact.Plan(k.ctx, operator(a), c.Plan)
		if err != nil {
			return k.explainPlan(err)
		}
		check, err := a.Redact.Checks(k.ctx, operator(a), c.Plan, 0)
		if err != nil && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		checked := err == nil
		made, err := a.Redact.Rendered(k.ctx, operator(a), c.Plan, 0)
		if err != nil && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
		rendered := err == nil
		if k.JSON {
			k.json(map[string]any{"plan": planOf(v.Summary), "sha256": hex.EncodeToString(v.Version.SHA256[:]), "blockers": blockersJSON(check), "files": filesJSON(made),
				"rendering": map[string]any{"state": made.State, "reason": made.Reason, "broken_off": made.BrokenOff}})
			return nil
		}
		k.say("%s %q: %s, version %d, %s", v.ID, v.Title, v.State, v.Head, hex.EncodeToString(v.Version.SHA256[:]))
		for i, it := range v.Items {
			k.say("  source %d: %s %s", i, it.Reference(), it.ID)
		}
		p := v.Version.Body
		k.say("  %d cuts, %s, %d tracks, sound: %s", len(p.Cuts), length(p.Milliseconds()), len(p.Tracks), p.Sound.Mode)
		for _, x := range v.Problems {
			k.say("  %s", x)
		}
		for _, x := range v.Versions {
			state := ""
			if x.Approved != nil {
				state += ", approved by " + x.Approved.Agent
			}
			if x.Rejected != nil {
				state += ", sent back by " + x.Rejected.Agent
			}
			k.say("  version %d by %s on %s%s", x.Number, x.Author, x.CreatedAt.Format(time.DateOnly), state)
		}
		for _, l := range v.Looks {
			k.say("  %s stepped through %d places of version %d in %d s", l.Agent, l.Steps, v.Head, l.Seconds)
		}
		if checked {
			k.blockers(check)
		}
		if rendered {
			k.say("  rendering: %s", rendering(made))
			for _, f := range made.Files {
				k.say("    %s %s %s", f.Name, size(f.Bytes), hex.EncodeToString(f.SHA256[:]))
			}
		}
		return nil
	})
}

// rendering says how it stands with one.
func rendering(r redact.Rendering) string {
	switch {
	case r.Reason == redact.ReasonInterrupted:
		return fmt.Sprintf("%s; it broke off %d times, of which nothing is left, and begins again", r.State, r.BrokenOff)
	case r.Reason != "":
		return r.State + ": " + r.Reason
	}
	return r.State
}

func blockersJSON(c redact.Check) []map[string]any {
	out := []map[string]any{}
	for _, b := range c.Blockers {
		out = append(out, map[string]any{"check": c.ID, "number": b.Number, "kind": b.Kind, "warning": b.Warning, "cut": b.Cut, "source": b.Source, "from_us": b.FromUS, "to_us": b.ToUS,
			"box": b.Box, "thing": b.Thing, "track": b.Track, "dismissed": !b.DismissedAt.IsZero()})
	}
	return out
}

func filesJSON(r redact.Rendering) []map[string]any {
	out := []map[string]any{}
	for _, f := range r.Files {
		out = append(out, map[string]any{"name": f.Name, "bytes": f.Bytes, "sha256": hex.EncodeToString(f.SHA256[:]), "width": f.Width, "height": f.Height})
	}
	return out
}

// blockers lists what a gap check found.
func (k *call) blockers(c redact.Check) {
	k.say("  gap check %s: %s %s, %d frames by %s, %d open", c.ID, c.State, c.Reason, c.Frames, c.Recipe, c.Open)
	at := func(us int64) string { return (time.Duration(us) * time.Microsecond).Round(time.Millisecond).String() }
	for _, b := range c.Blockers {
		state := "open"
		switch {
		case !b.DismissedAt.IsZero():
			state = "dismissed by " + b.DismissedBy
		case b.Warning:
			state = "warning"
		}
		k.say("    %d %s %s, source %d from %s to %s: %s", b.Number, b.Kind, b.Thing, b.Source, at(b.FromUS), at(b.ToUS), state)
	}
	for _, u := range c.Unjudged {
		k.say("    not judged: %s by %s, source %d from %s to %s: %s", u.Kind, u.Detector, u.Source, at(u.FromUS), at(u.ToUS), u.Why)
	}
}

type planImportCmd struct {
	File  string `arg:"" help:"File of a plan as docs/design/redaction.md describes it; - reads standard input."`
	Title string `help:"Title of the plan, for those who work on it."`
	Plan  string `help:"Identifier of a plan: the file becomes its next version." placeholder:"ID"`
	Base  int    `help:"With --plan: the version that the file was made from."`
	Note  string `help:"What was changed, for those who work on it."`
}

func (c *planImportCmd) Run(k *call) error {
	if (c.Plan == "") == (c.Title == "") || (c.Plan == "") != (c.Base == 0) {
		return fmt.Errorf("%w: either --title, or --plan with --base", app.ErrUsage)
	}
	b, err := k.readFile("read plan", c.File, plan.MaxBytes)
	if err != nil {
		return err
	}
	p, err := plan.Parse(b)
	if err != nil {
		return k.explainPlan(err)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		if c.Plan != "" {
			v, err := a.Redact.Save(k.ctx, operator(a), c.Plan, c.Base, p, c.Note)
			if err != nil {
				return k.explainPlan(err)
			}
			return k.saved(c.Plan, v.Number, v.SHA256)
		}
		s, err := a.Redact.Import(k.ctx, operator(a), c.Title, c.Note, p)
		if err != nil {
			return k.explainPlan(err)
		}
		v, err := a.Redact.Version(k.ctx, operator(a), s.ID, 1)
		if err != nil {
			return err
		}
		return k.saved(s.ID, 1, v.SHA256)
	})
}

func (k *call) saved(id string, version int, sum [32]byte) error {
	if k.JSON {
		k.json(map[string]any{"id": id, "version": version, "sha256": hex.EncodeToString(sum[:])})
		return nil
	}
	k.say("%s version %d %s", id, version, hex.EncodeToString(sum[:]))
	return nil
}

type planExportCmd struct {
	Plan    string `arg:"" help:"Identifier of the plan."`
	Version int    `name:"plan-version" help:"Version; by default the newest."`
	Out     string `short:"o" help:"File to write, which must not be there; by default standard output." placeholder:"FILE" type:"path"`
}

func (c *planExportCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		v, err := a.Redact.Version(k.ctx, operator(a), c.Plan, c.Version)
		if err != nil {
			return k.explainPlan(err)
		}
		write := func(w io.Writer) error {
			_, err := w.Write(v.Body.Canonical())
			return err
		}
		if c.Out == "" {
			return write(k.out)
		}
		return createNew(c.Out, write)
	})
}

type planDiffCmd struct {
	Plan string `arg:"" help:"Identifier of the plan."`
	A    int    `arg:"" help:"Version."`
	B    int    `arg:"" help:"Another version."`
}

func (c *planDiffCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Redact.Diff(k.ctx, operator(a), c.Plan, c.A, c.B)
		if err != nil {
			return k.explainPlan(err)
		}
		for _, x := range list {
			if k.JSON {
				k.json(map[string]any{"what": x.What, "track": x.Track, "reason": x.Reason, "index": x.Index, "source": x.Source, "from_us": x.FromUS, "to_us": x.ToUS, "field": x.Field, "was": x.Was, "now": x.Now})
				continue
			}
			line := x.What
			for _, part := range []string{x.Track, x.Reason, x.Field} {
				if part != "" {
					line += " " + part
				}
			}
			if x.ToUS > 0 {
				line += fmt.Sprintf(" from %v to %v", time.Duration(x.FromUS)*time.Microsecond, time.Duration(x.ToUS)*time.Microsecond)
			}
			if x.Was != "" || x.Now != "" {
				line += fmt.Sprintf(": %s → %s", x.Was, x.Now)
			}
			k.say("%s", line)
		}
		return nil
	})
}

type planCheckCmd struct {
	Plan    string `arg:"" help:"Identifier of the plan."`
	Propose bool   `help:"Have machines propose what to cover, instead."`
	Work    bool   `help:"Do it in this process instead of leaving it to a worker."`
}

func (c *planCheckCmd) Run(k *call) error {
	return k.with(app.Options{Workers: c.Work}, func(a *app.App) error {
		who := operator(a)
		ask, kind := a.Redact.Check, job.GapCheck{}.Kind()
		if c.Propose {
			ask, kind = a.Redact.Propose, job.Detect{}.Kind()
		}
		r, err := ask(k.ctx, who, c.Plan)
		if err != nil {
			return k.explainPlan(err)
		}
		if c.Work && r.State == "asked" {
			if err := a.Jobs.Drain(k.ctx, nil, kind); err != nil {
				return err
			}
		}
		if c.Propose {
			got, err := a.Redact.Proposals(k.ctx, who, c.Plan)
			if err != nil {
				return err
			}
			for _, p := range got.List {
				if k.JSON {
					k.json(map[string]any{"id": p.ID, "score": p.Score, "detector": p.Detector, "track": p.Track})
					continue
				}
				k.say("%s %s by %s, source %d, %d keys", p.ID, p.Track.Reason, p.Detector, p.Track.Source, len(p.Track.Keys))
			}
			return nil
		}
		got, err := a.Redact.Checks(k.ctx, who, c.Plan, r.Version)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"check": got.ID, "version": got.Version, "state": got.State, "reason": got.Reason, "frames": got.Frames, "open": got.Open, "blockers": blockersJSON(got)})
		} else {
			k.blockers(got)
		}
		if got.State == "failed" {
			return fmt.Errorf("gap check of plan %s: %s: %w", c.Plan, got.Reason, archive.ErrConflict)
		}
		return nil
	})
}

type planApproveCmd struct {
	Plan    string `arg:"" help:"Identifier of the plan."`
	Version int    `name:"plan-version" required:"" help:"Version that is meant."`
	Why     string `help:"Why; needed to send a version back."`
	Reject  bool   `help:"Send the version back, for good, instead."`
}

func (c *planApproveCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		act, done := a.Redact.Approve, "approved"
		if c.Reject {
			act, done = a.Redact.Reject, "sent back"
		}
		if err := act(k.ctx, operator(a), c.Plan, c.Version, c.Why); err != nil {
			return k.explainPlan(err)
		}
		if k.JSON {
			k.json(map[string]any{"id": c.Plan, "version": c.Version, "decision": done})
			return nil
		}
		k.say("%s version %d is %s.", c.Plan, c.Version, done)
		return nil
	})
}

type planRenderCmd struct {
	Plan    string `arg:"" help:"Identifier of the plan."`
	Version int    `name:"plan-version" help:"Version; by default the newest."`
	Work    bool   `help:"Do it in this process instead of leaving it to a worker."`
	Dir     string `help:"Write the files into this folder when they are rendered." placeholder:"DIR" type:"path"`
}

func (c *planRenderCmd) Run(k *call) error {
	return k.with(app.Options{Workers: c.Work, Writes: c.Work}, func(a *app.App) error {
		who := operator(a)
		r, err := a.Redact.Render(k.ctx, who, c.Plan, c.Version)
		if err != nil {
			return k.explainPlan(err)
		}
		if c.Work && r.State == "asked" {
			if err := a.Jobs.Drain(k.ctx, nil, job.RenderPlan{}.Kind()); err != nil {
				return err
			}
		}
		if r, err = a.Redact.Rendered(k.ctx, who, c.Plan, r.Version); err != nil {
			return err
		}
		if r.State == "failed" {
			return fmt.Errorf("render plan %s: %s: %w", c.Plan, r.Reason, archive.ErrConflict)
		}
		if c.Dir != "" && r.State == "done" {
			for _, f := range r.Files {
				if err := k.writeRendered(a, r, f, c.Dir); err != nil {
					return err
				}
			}
		}
		if k.JSON {
			k.json(map[string]any{"id": c.Plan, "version": r.Version, "state": r.State, "reason": r.Reason, "broken_off": r.BrokenOff, "clip": r.Clip, "milliseconds": r.Milliseconds, "files": filesJSON(r)})
			return nil
		}
		k.say("%s version %d: %s %s", c.Plan, r.Version, rendering(r), r.Clip)
		for _, f := range r.Files {
			k.say("  %s %s %s", f.Name, size(f.Bytes), hex.EncodeToString(f.SHA256[:]))
		}
		return nil
	})
}

func (k *call) writeRendered(a *app.App, r redact.Rendering, f redact.File, dir string) error {
	rd, _, err := a.Redact.Open(k.ctx, operator(a), r.Plan, r.Version, f.Name)
	if err != nil {
		return err
	}
	defer rd.Close()
	return createNew(filepath.Join(dir, f.Name), func(w io.Writer) error {
		_, err := io.Copy(w, rd)
		return err
	})
}
