package redact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image/jpeg"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

// refused checks an error against a sentinel and the code that pages show.
func refused(t testing.TB, what string, err, want error, code string) {
	t.Helper()
	p, ok := errors.AsType[*archive.Public](err)
	if !errors.Is(err, want) || code != "" && (!ok || p.Text != code) {
		t.Errorf("%s: %v (%+v), want %v with %q", what, err, p, want, code)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// From a span to files that are stated: each step once, in the right order, by the right people.
func TestFromASpanToARendering(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		ctx := t.Context()
		a, b := r.item("first"), r.item("second")
		p := r.planned(a, b)
		r.face = [2]int64{2_000_000, 4_000_000}
		if p.State != StateDraft || p.Head != 1 || p.Author != ann.Agent {
			t.Errorf("%+v", p)
		}

		// The face that nobody covers blocks.
		run, err := r.room().Check(ctx, ann, p.ID)
		must(t, err)
		if run.State != "asked" || r.setting("enqueued.gap-check") != fmt.Sprint(job.GapCheck{Plan: p.ID, Version: 1}) {
			t.Errorf("%+v, job %q", run, r.setting("enqueued.gap-check"))
		}
		if c, err := r.room().Checks(ctx, ann, p.ID, 0); err != nil || c.Progress != 0.25 || c.State != "asked" {
			t.Errorf("%+v, %v", c, err)
		}
		must(t, r.gapCheck(p.ID, 1, 1))
		c, err := r.room().Checks(ctx, ann, p.ID, 1)
		must(t, err)
		if c.State != "done" || c.Open == 0 || c.Frames != 500 || c.Recipe != "fake/7" || len(c.Unjudged) != 2 || r.setting("completed.1") != "yes" {
			t.Errorf("%+v", c)
		}
		uncovered := slices.IndexFunc(c.Blockers, func(b Blocker) bool { return b.Kind == "uncovered" && !b.Warning })
		if uncovered < 0 || c.Blockers[uncovered].Thing != "face" || c.Blockers[uncovered].FromUS != 2_000_000 {
			t.Fatalf("%+v", c.Blockers)
		}
		r.shown(bob, p.ID, 1)
		must(t, r.room().LookedAt(ctx, bob, p.ID, 1))
		refused(t, "with a blocker", r.room().Approve(ctx, bob, p.ID, 1, ""), archive.ErrConflict, CodeOpen)

		// Covered, looked at, approved.
		r.save(ann, p.ID, cover(0, 0, 20, whole), cover(1, 0, 20, whole))
		refused(t, "a version that is not checked", r.room().Approve(ctx, bob, p.ID, 2, ""), archive.ErrConflict, CodeNotChecked)
		if _, err = r.room().Check(ctx, ann, p.ID); err != nil {
			t.Fatal(err)
		}
		refused(t, "while the check is under way", r.room().Approve(ctx, bob, p.ID, 2, ""), archive.ErrConflict, CodeNotChecked)
		must(t, r.gapCheck(p.ID, 2, 1))
		if c, err := r.room().Checks(ctx, ann, p.ID, 2); err != nil || c.Open != 0 {
			t.Fatalf("%+v, %v", c, err)
		}
		refused(t, "who looked at another version", r.room().Approve(ctx, bob, p.ID, 2, ""), archive.ErrConflict, CodeNotLooked)
		refused(t, "its author looks", r.room().LookedAt(ctx, ann, p.ID, 2), archive.ErrForbidden, CodeOwn)
		refused(t, "a look at nothing", r.room().LookedAt(ctx, bob, p.ID, 2), archive.ErrConflict, CodeNotLooked)
		r.shown(bob, p.ID, 2)
		refused(t, "shown, and not said so", r.room().Approve(ctx, bob, p.ID, 2, ""), archive.ErrConflict, CodeNotLooked)
		must(t, r.room().LookedAt(ctx, bob, p.ID, 2))
		refused(t, "its author", r.room().Approve(ctx, ann, p.ID, 2, ""), archive.ErrForbidden, CodeOwn)
		refused(t, "the version before", r.room().Approve(ctx, bob, p.ID, 1, ""), archive.ErrConflict, CodeNotNewest)
		_, err = r.room().Render(ctx, bob, p.ID, 2)
		refused(t, "rendered before it is approved", err, archive.ErrConflict, CodeNotApproved)
		must(t, r.room().Approve(ctx, bob, p.ID, 2, "all covered"))
		refused(t, "approved twice", r.room().Approve(ctx, eve, p.ID, 2, ""), archive.ErrConflict, CodeDecided)
		v, err := r.room().Plan(ctx, eve, p.ID)
		must(t, err)
		if v.State != StateApproved || v.ApprovedBy != bob.Agent || !v.MayRender || v.Why != CodeDecided || len(v.Versions) != 2 || v.Version.Approved.Why != "all covered" || len(v.Items) != 2 {
			t.Errorf("%+v", v)
		}

		// Rendered, once.
		if _, err := r.room().Render(ctx, bob, p.ID, 0); err != nil {
			t.Fatal(err)
		}
		must(t, r.render(p.ID, 2, 1))
		must(t, r.render(p.ID, 2, 1)) // the job came back
		if len(r.media.asked) != 1 || len(r.clips.got) != 1 {
			t.Errorf("rendered %d times, stated %d times", len(r.media.asked), len(r.clips.got))
		}
		r.sound(p.ID, 2)
		got, err := r.room().Rendered(ctx, ann, p.ID, 0)
		must(t, err)
		var names []string
		for _, f := range got.Files {
			names = append(names, f.Name)
		}
		if want := []string{"clip-720.mp4", "clip-360.mp4", "poster.jpg", "still-1.jpg", "still-2.jpg", "drawing.png"}; !slices.Equal(names, want) {
			t.Errorf("files %v", names)
		}
		if got.State != "done" || got.Milliseconds != 20_000 || len(got.Read) != 2 || got.Read[0][0] != (Bytes{0, a.Size}) || got.Tool != "ffmpeg 0-test" {
			t.Errorf("%+v", got)
		}
		stated := r.clips.got[0]
		if r.clips.who.Agent != bob.Agent || len(stated.Masks) != 2 || stated.Masks[0] == stated.Masks[1] || stated.Object.ID != got.Files[0].Object.Object || stated.Milliseconds != 20_000 ||
			stated.Cuts[1] != (StatedCut{b.ID, time.Second, 11 * time.Second}) {
			t.Errorf("stated %+v by %+v", stated, r.clips.who)
		}
		rd, f, err := r.room().Open(ctx, ann, p.ID, 2, "poster.jpg")
		must(t, err)
		if raw, err := io.ReadAll(rd); err != nil || int64(len(raw)) != f.Bytes || rd.Close() != nil {
			t.Error(len(raw), err)
		}
		_, _, err = r.room().Open(ctx, ann, p.ID, 2, "../clip-720.mp4")
		refused(t, "a file that is not there", err, archive.ErrNotFound, "")
		if list, err := r.room().List(ctx, ann, Query{Item: a.ID}); err != nil || len(list) != 1 || list[0].State != StateDone {
			t.Errorf("%+v, %v", list, err)
		}
		facts := r.facts(p.ID, 0)
		if facts.Version.Number != 2 || !facts.Version.Stands() || !facts.Checked || facts.Open != 0 || facts.Rendering == nil || !slices.Equal(facts.Authors, []string{ann.Agent}) || facts.Title != "the gate" {
			t.Errorf("%+v", facts)
		}

		// Everything was recorded, with identifiers and digests only.
		var what []string
		for _, e := range r.events(archive.EventDescription) {
			what = append(what, e.Detail["what"])
			if e.Detail["plan"] != p.ID || len(e.Detail["plan_sha256"]) != 64 {
				t.Errorf("%+v", e.Detail)
			}
			for k, x := range e.Detail {
				if strings.Contains(x, "gate") || strings.Contains(x, "covered") {
					t.Errorf("%s says %q", k, x)
				}
			}
		}
		want := []string{whatSaved, whatLooked, whatSaved, whatLooked, whatApproved, whatRendered}
		if !slices.Equal(what, want) {
			t.Errorf("recorded %q", what)
		}
		if n := len(r.events(archive.EventAnalysis)); n != 2 {
			t.Errorf("%d checks are recorded", n)
		}

		// Sent back afterwards, it is approved no more, for good.
		refused(t, "sent back without a reason", r.room().Reject(ctx, eve, p.ID, 2, " "), archive.ErrInvalid, CodeNoReason)
		must(t, r.room().Reject(ctx, eve, p.ID, 2, "a badge at the door"))
		if f := r.facts(p.ID, 0); f.Version.Stands() {
			t.Error("what was sent back stands")
		}
		_, err = r.room().Render(ctx, bob, p.ID, 2)
		refused(t, "rendered after it was sent back", err, archive.ErrConflict, CodeNotApproved)
	})
}

func (r *rig) facts(id string, n int) (out Facts) {
	r.t.Helper()
	r.read(func(tx *store.Tx) (err error) { out, err = r.room().Facts(r.t.Context(), tx, id, n); return err })
	return out
}

// sound checks that the files of a rendering are in the vault as the catalogue says, each with one event, and that nothing else is there.
func (r *rig) sound(id string, version int) {
	r.t.Helper()
	var files []store.PlanRendition
	var render store.PlanRender
	var clips []store.Clip
	r.read(func(tx *store.Tx) (err error) {
		if render, err = tx.PlanRender(r.t.Context(), id, version); err != nil {
			return err
		}
		if files, err = tx.PlanRenditions(r.t.Context(), id, version); err != nil {
			return err
		}
		clips, err = tx.Clips(r.t.Context(), "")
		return err
	})
	if (render.State == store.PlanDone) != (len(files) == 6) || len(clips) != len(files)/6 || (r.setting("completed.3") == "yes") != (len(files) == 6) {
		r.t.Errorf("state %s with %d files and %d clips, job %q", render.State, len(files), len(clips), r.setting("completed.3"))
	}
	events := r.events(archive.EventDerivation)
	for i, f := range files {
		rd, err := r.vault.Reader(r.t.Context(), vault.Ref(f.Object))
		if err != nil {
			r.t.Errorf("%s does not open: %v", f.Name, err)
			continue
		}
		h := newDigest()
		n, err := io.Copy(h, rd)
		if err != nil || n != f.Size || !bytes.Equal(h.Sum(nil), f.SHA256) || rd.Close() != nil {
			r.t.Errorf("%s has other bytes than the catalogue says: %v", f.Name, err)
		}
		named := 0
		for _, e := range events {
			if last := e.Subjects[len(e.Subjects)-1]; last.ID == f.Object.Object && e.Detail["sha256"] == fmt.Sprintf("%x", f.SHA256) {
				named++
			}
		}
		if want := min(i, 1); named != want { // the first is in the event of the statement
			r.t.Errorf("%s has %d events", f.Name, named)
		}
	}
}

func TestSaving(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	it := r.item("first")
	p := r.planned(it)
	v := r.save(ann, p.ID, cover(0, 2, 5, [4]int{0, 0, 1000, 1000}))
	if v.Number != 2 || len(v.Body.Tracks) != 1 {
		t.Fatalf("%+v", v)
	}
	events := len(r.events(archive.EventDescription))
	same, err := r.room().Save(ctx, bob, p.ID, 2, v.Body, "nothing new")
	if err != nil || same.Number != 2 || same.Author != ann.Agent || len(r.events(archive.EventDescription)) != events {
		t.Errorf("the same again: %+v, %v", same, err)
	}
	// The salt is the plan's whatever is sent: it is not for people.
	salted := v.Body
	salted.Salt = strings.Repeat("f", 32)
	if again, err := r.room().Save(ctx, ann, p.ID, 2, salted, ""); err != nil || again.Number != 2 {
		t.Errorf("another salt: %+v, %v", again, err)
	}
	other := v.Body
	other.Sound.Mode = plan.Keep
	_, err = r.room().Save(ctx, bob, p.ID, 1, other, "")
	refused(t, "on an old version", err, archive.ErrConflict, CodeConflict)
	for name, change := range map[string]func(*plan.Plan){
		"beyond the end": func(p *plan.Plan) { p.Cuts[0].ToUS = 40_000_000 }, "nothing to show": func(p *plan.Plan) { p.Cuts = nil },
		"no area":       func(p *plan.Plan) { p.Tracks[0].Keys[0].Box[2] = 0 },
		"10,000 tracks": func(p *plan.Plan) { p.Tracks = slices.Repeat(p.Tracks, 10_000) },
	} {
		bad := v.Body
		bad.Cuts, bad.Tracks = slices.Clone(bad.Cuts), []plan.Track{cover(0, 2, 5, [4]int{0, 0, 1000, 1000})}
		change(&bad)
		_, err := r.room().Save(ctx, ann, p.ID, 2, bad, "")
		refused(t, name, err, archive.ErrInvalid, CodeInvalid)
		if list, ok := errors.AsType[*plan.Invalid](err); !ok || len(list.Problems) == 0 {
			t.Errorf("%s: %v says nothing", name, err)
		}
	}
	stranger := v.Body
	stranger.Sources = []string{archive.NewID(archive.PrefixItem)}
	_, err = r.room().Save(ctx, ann, p.ID, 2, stranger, "")
	refused(t, "an item that is not there", err, archive.ErrNotFound, "")
	_, err = r.room().Save(ctx, ann, p.ID, 2, v.Body, strings.Repeat("x", MaxText+1))
	refused(t, "a long note", err, archive.ErrInvalid, CodeTooLong)
	_, err = r.room().Create(ctx, ann, " \t", []string{it.ID}, []plan.Cut{{Source: 0, FromUS: 0, ToUS: 1_000_000}})
	refused(t, "no title", err, archive.ErrInvalid, CodeNoTitle)
	must(t, r.room().Rename(ctx, ann, p.ID, "двор"))
	if v, err := r.room().Plan(ctx, ann, p.ID); err != nil || v.Title != "двор" || v.Head != 2 {
		t.Errorf("%+v, %v", v, err)
	}
	changes, err := r.room().Diff(ctx, ann, p.ID, 1, 2)
	if err != nil || len(changes) != 1 || changes[0].What != plan.TrackAdded {
		t.Errorf("%+v, %v", changes, err)
	}
	if a, b := r.planned(it), r.planned(it); r.facts(a.ID, 0).Plan.Salt == r.facts(b.ID, 0).Plan.Salt {
		t.Error("two plans have one salt")
	}
}

// Every act asks policy, with every item of the plan.
func TestEveryActAsksPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	a := r.item("first")
	hard := r.item("second")
	p := r.planned(a, hard)
	n := r.approved(p.ID)
	must(t, r.render(p.ID, n, 1))
	if _, err := r.db.SQL().Exec(`INSERT INTO plan_blocker (run_id, ordinal, kind, warning, cut, source, from_us, to_us, at_us, box_x, box_y, box_w, box_h, thing, track, frames, score, why)
		SELECT id, 500, 'uncovered', 1, 0, 0, 1, 2, 1, 0, 0, 1, 1, '', '', 1, 0, '' FROM plan_run`); err != nil {
		t.Fatal(err)
	}
	r.write(func(tx *store.Tx) error {
		if _, err := tx.GradeItem(t.Context(), a.ID, 0); err != nil {
			return err
		}
		_, err := tx.GradeItem(t.Context(), hard.ID, archive.Hardest)
		return err
	})
	soft := ann
	soft.Scope = archive.Scope{All: true, MaxDifficulty: 1}
	other := bob
	other.Scope = archive.Scope{Accessions: []string{archive.NewID(archive.PrefixAccession)}, MaxDifficulty: -1}
	s, ctx := r.room(), t.Context()
	check, err := s.Checks(ctx, bob, p.ID, 0)
	must(t, err)
	acts := map[string]struct {
		f      func(who policy.Subject) error
		action policy.Action
	}{
		"show":     {func(w policy.Subject) error { _, err := s.Plan(ctx, w, p.ID); return err }, policy.ViewPlan},
		"version":  {func(w policy.Subject) error { _, err := s.Version(ctx, w, p.ID, 1); return err }, policy.ViewPlan},
		"diff":     {func(w policy.Subject) error { _, err := s.Diff(ctx, w, p.ID, 1, 1); return err }, policy.ViewPlan},
		"checks":   {func(w policy.Subject) error { _, err := s.Checks(ctx, w, p.ID, 0); return err }, policy.ViewPlan},
		"proposal": {func(w policy.Subject) error { _, err := s.Proposals(ctx, w, p.ID); return err }, policy.ViewPlan},
		"rendered": {func(w policy.Subject) error { _, err := s.Rendered(ctx, w, p.ID, n); return err }, policy.ViewPlan},
		"open": {func(w policy.Subject) error {
			rd, _, err := s.Open(ctx, w, p.ID, n, Poster)
			if err == nil {
				return rd.Close()
			}
			return err
		}, policy.ViewPlan},
		"preview":         {func(w policy.Subject) error { _, err := s.Preview(ctx, w, p.ID, n, 0, 0); return err }, policy.ViewPlan},
		"save":            {func(w policy.Subject) error { _, err := s.Save(ctx, w, p.ID, n, r.facts(p.ID, n).Plan, ""); return err }, policy.EditPlan},
		"rename":          {func(w policy.Subject) error { return s.Rename(ctx, w, p.ID, "x") }, policy.EditPlan},
		"propose":         {func(w policy.Subject) error { _, err := s.Propose(ctx, w, p.ID); return err }, policy.EditPlan},
		"check":           {func(w policy.Subject) error { _, err := s.Check(ctx, w, p.ID); return err }, policy.EditPlan},
		"dismiss":         {func(w policy.Subject) error { _, err := s.DismissProposal(ctx, w, p.ID); return err }, policy.EditPlan},
		"dismiss blocker": {func(w policy.Subject) error { return s.DismissBlocker(ctx, w, check.ID, 500, "x") }, policy.EditPlan},
		"look":            {func(w policy.Subject) error { return s.LookedAt(ctx, w, p.ID, n) }, policy.ApprovePlan},
		"stops":           {func(w policy.Subject) error { _, err := s.Stops(ctx, w, p.ID, n); return err }, policy.ApprovePlan},
		"show stop":       {func(w policy.Subject) error { _, err := s.ShowStop(ctx, w, p.ID, n, 0, 1_000_000); return err }, policy.ApprovePlan},
		"approve":         {func(w policy.Subject) error { return s.Approve(ctx, w, p.ID, n, "") }, policy.ApprovePlan},
		"reject":          {func(w policy.Subject) error { return s.Reject(ctx, w, p.ID, n, "x") }, policy.ApprovePlan},
		"render":          {func(w policy.Subject) error { _, err := s.Render(ctx, w, p.ID, n); return err }, policy.ApprovePlan},
	}
	denied := func(err error) bool {
		return errors.Is(err, archive.ErrForbidden) || errors.Is(err, archive.ErrNotFound)
	}
	for name, act := range acts {
		for who, subject := range map[string]policy.Subject{"nobody": {}, "a reviewer": reviewer, "who may see one of two items": soft, "who may see another accession": other} {
			if err := act.f(subject); !denied(err) {
				t.Errorf("%s by %s: %v", name, who, err)
			}
		}
		err := act.f(finder)
		if _, own := errors.AsType[*archive.Public](err); (denied(err) && !own) != (act.action == policy.ApprovePlan) && name != "preview" {
			t.Errorf("%s by an investigator: %v", name, err)
		}
	}
	for who, subject := range map[string]policy.Subject{"nobody": {}, "a reviewer": reviewer} {
		if _, err := s.List(ctx, subject, Query{}); !denied(err) {
			t.Errorf("listed to %s: %v", who, err)
		}
	}
	for who, subject := range map[string]policy.Subject{"who may see one of two items": soft, "who may see another accession": other} {
		if list, err := s.List(ctx, subject, Query{}); err != nil || len(list) > 0 {
			t.Errorf("listed to %s: %v, %v", who, list, err)
		}
		if _, err := s.Create(ctx, subject, "x", []string{a.ID, hard.ID}, []plan.Cut{{Source: 0, ToUS: 1_000_000}}); !denied(err) {
			t.Errorf("made by %s: %v", who, err)
		}
	}
}

func TestDismissingABlocker(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	p := r.planned(r.item("first"))
	r.face = [2]int64{2_000_000, 4_000_000}
	n := r.ready(p.ID)
	c, err := r.room().Checks(ctx, ann, p.ID, n)
	must(t, err)
	for _, b := range c.Blockers {
		if b.Warning {
			continue
		}
		refused(t, "without a reason", r.room().DismissBlocker(ctx, ann, c.ID, b.Number, " "), archive.ErrInvalid, CodeNoReason)
		must(t, r.room().DismissBlocker(ctx, ann, c.ID, b.Number, "a poster on the wall"))
		refused(t, "twice", r.room().DismissBlocker(ctx, ann, c.ID, b.Number, "x"), archive.ErrConflict, "")
	}
	refused(t, "one that is not there", r.room().DismissBlocker(ctx, ann, c.ID, 99, "x"), archive.ErrNotFound, "")
	refused(t, "of another check", r.room().DismissBlocker(ctx, ann, archive.NewID("ck"), 0, "x"), archive.ErrNotFound, "")
	must(t, r.room().Approve(ctx, bob, p.ID, n, ""))
	found := false
	for _, e := range r.events(archive.EventDescription) {
		found = found || e.Detail["what"] == whatDismissed && e.Agent == ann.Agent
	}
	if !found {
		t.Error("the dismissal is not recorded")
	}
	// Another version is checked anew: what was dismissed is open again.
	r.save(ann, p.ID, cover(0, 0, 1, [4]int{0, 0, 1000, 1000}))
	n = r.ready(p.ID)
	refused(t, "the next version", r.room().Approve(ctx, bob, p.ID, n, ""), archive.ErrConflict, CodeOpen)
}

func TestProposals(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	p := r.planned(r.item("first"))
	if got, err := r.room().Proposals(ctx, ann, p.ID); err != nil || got.Run != nil || len(got.List) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
	r.face = [2]int64{2_000_000, 4_000_000}
	run, err := r.room().Propose(ctx, ann, p.ID)
	must(t, err)
	must(t, r.detect(p.ID, run.Version))
	must(t, r.detect(p.ID, run.Version)) // the job came back
	got, err := r.room().Proposals(ctx, ann, p.ID)
	must(t, err)
	if got.Run == nil || got.Run.State != "done" || len(got.List) == 0 || len(got.Run.Unjudged) != 1 {
		t.Fatalf("%+v", got)
	}
	one := got.List[0]
	if one.Track.Reason != "face" || one.Track.Origin == "" || one.Track.Keys[0].AtUS > 2_000_000 {
		t.Errorf("%+v", one)
	}
	// A proposal covers nothing until a person takes it.
	if v, err := r.room().Version(ctx, ann, p.ID, 0); err != nil || len(v.Body.Tracks) > 0 || v.Number != 1 {
		t.Errorf("%+v, %v", v, err)
	}
	r.save(ann, p.ID, one.Track)
	left, err := r.room().Proposals(ctx, ann, p.ID)
	if err != nil || len(left.List) != len(got.List)-1 {
		t.Errorf("%d left of %d, %v", len(left.List), len(got.List), err)
	}
	r.read(func(tx *store.Tx) error {
		all, err := tx.PlanProposals(ctx, p.ID, archive.Confirmed)
		if len(all) != 1 || all[0].ID != one.ID || all[0].DecidedBy != ann.Agent {
			t.Errorf("%+v", all)
		}
		return err
	})
	// Asked again, it is not proposed again what is covered, and what was open before is replaced.
	one.Track.ID = archive.NewID(archive.PrefixTrack)
	for _, c := range []struct {
		tracks []plan.Track
		want   int
	}{{[]plan.Track{cover(0, 0, 1, whole)}, 0}, {nil, 1}} {
		v, err := r.room().Version(ctx, ann, p.ID, 0)
		must(t, err)
		next := v.Body
		if c.tracks == nil {
			next.Tracks = nil
		} else {
			next.Tracks = append(slices.Clone(next.Tracks), c.tracks...)
		}
		v, err = r.room().Save(ctx, ann, p.ID, v.Number, next, "")
		must(t, err)
		if _, err := r.room().Propose(ctx, ann, p.ID); err != nil {
			t.Fatal(err)
		}
		must(t, r.detect(p.ID, v.Number))
		if left, err = r.room().Proposals(ctx, ann, p.ID); err != nil || len(left.List) != c.want || left.Run.Version != v.Number {
			t.Errorf("%d proposals, want %d, %v", len(left.List), c.want, err)
		}
	}
	if n, err := r.room().DismissProposal(ctx, ann, p.ID); err != nil || int(n) != len(left.List) {
		t.Errorf("dismissed %d, %v", n, err)
	}
	if left, err = r.room().Proposals(ctx, ann, p.ID); err != nil || len(left.List) > 0 {
		t.Errorf("%+v, %v", left, err)
	}
	_, err = r.room().DismissProposal(ctx, ann, p.ID, "x")
	refused(t, "no identifier", err, archive.ErrInvalid, "")
}

// The same plan gives the same bytes, and other masks other ones.
func TestTheSamePlanGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item("first")
	track := cover(0, 0, 20, whole)
	p := r.facts(r.planned(it).ID, 0).Plan
	p.Tracks = []plan.Track{track}
	row := store.PlanVersion{Plan: archive.NewID(archive.PrefixPlan), Items: []string{it.ID}}
	renders := func(change func(*plan.Plan)) [32]byte {
		t.Helper()
		x := p
		x.Tracks = slices.Clone(p.Tracks)
		change(&x)
		d := x.Digest()
		row.SHA256 = d[:]
		m, err := r.room().make(t.Context(), &attempt{ref: job.Job[job.RenderPlan]{}}, r.media, x, row, []archive.Item{it})
		must(t, err)
		return m.files[0].object.SHA256
	}
	one := renders(func(*plan.Plan) {})
	if one != renders(func(*plan.Plan) {}) {
		t.Error("the same plan gives other bytes")
	}
	for name, change := range map[string]func(*plan.Plan){
		"another salt": func(p *plan.Plan) { p.Salt = strings.Repeat("0", 32) }, "hidden": func(p *plan.Plan) { p.Picture.Hide = true }, "no mask": func(p *plan.Plan) { p.Tracks = nil },
		"sound": func(p *plan.Plan) { p.Sound.Mode = plan.Keep },
	} {
		if one == renders(change) {
			t.Errorf("%s gives the same bytes", name)
		}
	}
	if s := r.media.asked[0].Sound[0]; s.Mode != media.SoundMute {
		t.Errorf("sound %+v", s)
	}
	got := r.media.asked[0].Boxes(0, 5_000_000, 5_000_000, 0, nil)
	if len(got) != 1 || got[0].W != plan.Whole || got[0].Reveal {
		t.Errorf("boxes %+v", got)
	}
	// Whoever sees the custody record knows the digest of a plan, and no more of the noise for that.
	bare := sha256.Sum256(append([]byte(seedDomain), func() []byte { d := p.Digest(); return d[:] }()...))
	salted := p
	salted.Salt = strings.Repeat("1", 32)
	if Seed(p) == p.Digest() || Seed(p) == bare || Seed(p) == Seed(salted) {
		t.Error("the seed follows from the digest alone")
	}
}

func TestWhatCannotBeRendered(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		spoil  func(r *rig, it archive.Item)
		reason string // in which it ends; empty: it is tried again
	}{
		{"damaged material", func(r *rig, _ archive.Item) { r.media.err = media.ErrDamaged }, "damaged"},
		{"a program that was killed", func(r *rig, _ archive.Item) { r.media.err = media.ErrNoReport }, ""},
		{"a size that comes to nothing", func(r *rig, _ archive.Item) { r.media.dark = 1 }, ""},
		{"no log", func(r *rig, _ archive.Item) {
			r.clips.fail = archive.Explain(archive.ErrConflict, "There is no transparency log.", "")
		}, ReasonNotStated},
		{"who asked may not any more", func(r *rig, _ archive.Item) {
			r.subject = func(string) (policy.Subject, error) { return policy.Subject{}, archive.ErrForbidden }
		}, ReasonRefused},
		{"who asked lost the right while it was rendered", func(r *rig, _ archive.Item) {
			r.media.during = func() { r.subject = func(string) (policy.Subject, error) { return reviewer, nil } }
		}, ReasonRefused},
		{"who asked is a reviewer now", func(r *rig, _ archive.Item) {
			r.subject = func(string) (policy.Subject, error) { return reviewer, nil }
		}, ReasonRefused},
		{"who asked sees other things now", func(r *rig, _ archive.Item) {
			r.subject = func(string) (policy.Subject, error) {
				return policy.Subject{Agent: bob.Agent, Role: archive.RolePublisher}, nil
			}
		}, ReasonRefused},
		{"a quarantined item", func(r *rig, it archive.Item) {
			r.write(func(tx *store.Tx) error {
				return tx.MoveItem(r.t.Context(), it.ID, archive.ItemQuarantined, "seal-broken")
			})
		}, ReasonRefused},
		{"an item that is quarantined while it is rendered", func(r *rig, it archive.Item) {
			r.media.during = func() {
				r.write(func(tx *store.Tx) error {
					return tx.MoveItem(r.t.Context(), it.ID, archive.ItemQuarantined, "seal-broken")
				})
			}
		}, ReasonRefused},
		{"sealed bytes that do not open", func(r *rig, it archive.Item) { r.flip(it) }, ReasonSealBroken},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			it := r.item("first")
			p := r.planned(it)
			n := r.approved(p.ID)
			before := r.envelopes()
			c.spoil(r, it)
			err := r.render(p.ID, n, 1)
			if err == nil || errors.Is(err, job.ErrCancel) != (c.reason != "") {
				t.Errorf("%v", err)
			}
			var got store.PlanRender
			r.read(func(tx *store.Tx) (err error) { got, err = tx.PlanRender(t.Context(), p.ID, n); return err })
			if got.Reason != c.reason || (got.State == store.PlanFailed) != (c.reason != "") {
				t.Errorf("%+v", got)
			}
			if r.envelopes() != before {
				t.Errorf("%d commits stay in the vault", r.envelopes()-before)
			}
			r.sound(p.ID, n)
		})
	}
}

// A version that is sent back while it is rendered gets no files.
func TestSentBackWhileRendered(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		p := r.planned(r.item("first"))
		n := r.approved(p.ID)
		before := r.envelopes()
		r.media.during = func() { must(t, r.room().Reject(t.Context(), eve, p.ID, n, "a badge")) }
		if err := r.render(p.ID, n, 1); !errors.Is(err, job.ErrCancel) {
			t.Errorf("%v", err)
		}
		r.sound(p.ID, n)
		if r.envelopes() != before {
			t.Error("files stay in the vault")
		}
	})
}

// A rendering that failed for good can be asked for again.
func TestRenderingAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	p := r.planned(r.item("first"))
	n := r.approved(p.ID)
	r.media.err = media.ErrNoReport
	for attempt := 1; attempt <= 3; attempt++ {
		if err := r.render(p.ID, n, attempt); errors.Is(err, job.ErrCancel) != (attempt == 3) {
			t.Errorf("attempt %d: %v", attempt, err)
		}
	}
	if got, err := r.room().Rendered(t.Context(), ann, p.ID, n); err != nil || got.Reason != ReasonFailed {
		t.Errorf("%+v, %v", got, err)
	}
	r.media.err, r.media.narrow = nil, true // now the decoder needs all of the original
	if _, err := r.room().Render(t.Context(), bob, p.ID, n); err != nil {
		t.Fatal(err)
	}
	must(t, r.render(p.ID, n, 1))
	r.sound(p.ID, n)
	if last := r.media.asked[len(r.media.asked)-1]; !last.Whole {
		t.Error("not rendered from the whole")
	}
}

// A check whose job is lost can be asked for again; one that is done is not done again.
func TestChecksAreAskedForOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	p := r.planned(r.item("first"))
	one, err := r.room().Check(ctx, ann, p.ID)
	must(t, err)
	two, err := r.room().Check(ctx, bob, p.ID)
	if err != nil || two.ID != one.ID || two.AskedBy != ann.Agent {
		t.Errorf("%+v, %v", two, err)
	}
	r.media.err = media.ErrDamaged
	if err := r.gapCheck(p.ID, 1, 1); !errors.Is(err, job.ErrCancel) {
		t.Error(err)
	}
	c, err := r.room().Checks(ctx, ann, p.ID, 1)
	if err != nil || c.State != "failed" || c.Reason != "damaged" {
		t.Errorf("%+v, %v", c, err)
	}
	refused(t, "a check that failed", r.room().Approve(ctx, bob, p.ID, 1, ""), archive.ErrConflict, CodeNotChecked)
	r.media.err = nil
	if again, err := r.room().Check(ctx, bob, p.ID); err != nil || again.State != "asked" || again.AskedBy != bob.Agent {
		t.Errorf("%+v, %v", again, err)
	}
	r.queue.fail = job.ErrLeaseLost
	if err := r.gapCheck(p.ID, 1, 1); !errors.Is(err, job.ErrLeaseLost) || errors.Is(err, job.ErrCancel) {
		t.Errorf("a worker that was thought dead: %v", err)
	}
	if c, err := r.room().Checks(ctx, ann, p.ID, 1); err != nil || c.State != "asked" {
		t.Errorf("%+v, %v", c, err)
	}
	r.queue.fail = nil
	must(t, r.gapCheck(p.ID, 1, 2))
	if err := r.gapCheck(archive.NewID("pl"), 1, 1); !errors.Is(err, job.ErrCancel) {
		t.Errorf("a plan that is not there: %v", err)
	}
}

// What was recorded is what is shown: other bytes in the database are not taken for the plan.
func TestAnotherBodyIsNotThePlan(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item("first")
	p := r.planned(it)
	other := r.facts(p.ID, 0).Plan
	other.Picture.Hide = true
	if _, err := r.db.SQL().Exec(`DROP TRIGGER plan_version_no_update`); err != nil {
		t.Fatal(err)
	}
	if _, err := r.db.SQL().Exec(`UPDATE plan_version SET body = ?`, other.Canonical()); err != nil {
		t.Fatal(err)
	}
	_, err := r.room().Plan(t.Context(), ann, p.ID)
	refused(t, "another body", err, archive.ErrIntegrity, "")
}

func TestPreview(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	it := r.item("first")
	p := r.planned(it)
	r.save(ann, p.ID, cover(0, 0, 10, [4]int{0, 0, plan.Whole / 2, plan.Whole}))
	raw, err := r.room().Preview(ctx, bob, p.ID, 0, 0, 2_000_000)
	must(t, err)
	m, err := jpeg.Decode(bytes.NewReader(raw))
	must(t, err)
	left, _, _, _ := m.At(4, 18).RGBA()
	right, _, _, _ := m.At(60, 18).RGBA()
	if left > 0x2000 || right < 0xa000 {
		t.Errorf("covered half %x, the other %x", left, right)
	}
	if raw, err = r.room().Preview(ctx, bob, p.ID, 1, 0, 2_000_000); err != nil {
		t.Fatal(err)
	}
	if m, err = jpeg.Decode(bytes.NewReader(raw)); err != nil {
		t.Fatal(err)
	}
	if left, _, _, _ = m.At(4, 18).RGBA(); left < 0xa000 {
		t.Errorf("a version without masks is covered: %x", left)
	}
	for name, at := range map[string][2]int64{"before the beginning": {0, -1}, "beyond the end": {0, 20_000_000}, "another source": {1, 0}, "a source below": {-1, 0}} {
		_, err := r.room().Preview(ctx, bob, p.ID, 0, int(at[0]), at[1])
		refused(t, name, err, archive.ErrInvalid, "")
	}
	n := 0
	for _, e := range r.events(archive.EventDisplaying) {
		if e.Agent == bob.Agent && e.Detail["plan"] == p.ID {
			n++
		}
	}
	if n != 2 { // once for each version
		t.Errorf("%d displays are recorded", n)
	}
}

// What is looked at comes out of the original, by the way that the rendering takes; an item that may not be opened is not shown.
func TestPreviewIsMadeOfTheOriginal(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	first, second := r.item("first"), r.item("second")
	p := r.planned(first, second)
	r.save(ann, p.ID, cover(1, 0, 10, whole))
	for us, want := range map[int64][]string{
		1_000_000:  {"second 1s", "second 1s"},         // in the cut
		10_999_999: {"second 1s", "second 10.779999s"}, // at its end: from half a second on whose noise it shares
		15_000_000: {"second 15s", "second 15s"},       // in no cut
	} {
		r.media.begins = nil
		_, err := r.room().Preview(ctx, bob, p.ID, 2, 1, us)
		must(t, err)
		if !slices.Equal(r.media.begins, want) {
			t.Errorf("at %d: %q, want %q", us, r.media.begins, want)
		}
	}
	r.flip(second)
	_, err := r.room().Preview(ctx, bob, p.ID, 2, 1, 2_000_000)
	refused(t, "damaged in the vault", err, archive.ErrIntegrity, "")
	r.write(func(tx *store.Tx) error { return tx.MoveItem(ctx, first.ID, archive.ItemQuarantined, "seal-broken") })
	admin := somebody("d", archive.RoleAdmin)
	admin.Scope.Quarantined = true // sees that it is there
	_, err = r.room().Preview(ctx, admin, p.ID, 2, 1, 2_000_000)
	refused(t, "with a quarantined item", err, archive.ErrForbidden, "")
	if !errors.Is(err, errRefused) {
		t.Errorf("with a quarantined item: %v", err)
	}
}

// An original that takes too long is not waited for twice: its working copy is shown, and the picture says so.
func TestPreviewOfAnOriginalThatTakesTooLong(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	ctx := t.Context()
	it := r.item("first")
	p := r.planned(it)
	r.save(ann, p.ID, cover(0, 0, 11, [4]int{0, 0, plan.Whole / 2, plan.Whole}))
	s := r.room()
	s.patience = time.Millisecond
	r.media.hang = "first"
	_, err := s.Preview(ctx, bob, p.ID, 2, 0, 5_000_000)
	refused(t, "without a working copy", err, errSlow, "")
	r.workingCopy(it)
	for n, c := range []struct{ us, slow int64 }{{5_000_000, 5_000_000}, {6_000_000, 5_000_000}, {4_000_000, 4_000_000}, {4_500_000, 4_000_000}} {
		known := s.isSlow(it.ID, c.us)
		if known != (n%2 == 1) {
			t.Errorf("%d: known to be slow: %v", n, known)
		}
		r.media.begins = nil
		raw, err := s.Preview(ctx, bob, p.ID, 2, 0, c.us)
		must(t, err)
		if waited := slices.ContainsFunc(r.media.begins, func(b string) bool { return strings.HasPrefix(b, "first") }); waited && known {
			t.Errorf("%d: the original is waited for once more: %q", n, r.media.begins)
		}
		if s.slow[it.ID] != c.slow {
			t.Errorf("%d: slow from %d on", n, s.slow[it.ID])
		}
		m, err := jpeg.Decode(bytes.NewReader(raw))
		must(t, err)
		if left, _, _, _ := m.At(4, 18).RGBA(); m.Bounds().Dy() != 36+12 || left > 0x2000 {
			t.Errorf("%d: %v, covered half %x", n, m.Bounds(), left)
		}
	}
	// What is cancelled by who asked is no sign of a slow original.
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Preview(cancelled, bob, p.ID, 2, 0, 1_000_000); err == nil || s.isSlow(it.ID, 1_000_000) {
		t.Errorf("cancelled: %v", err)
	}
}

// A rendering that broke off is told as such, and as one that begins again.
func TestWhatBrokeOffIsTold(t *testing.T) {
	t.Parallel()
	r, id, n := waiting(t, store.SQLite)
	begun := time.Unix(1, 0)
	for name, c := range map[string]struct {
		info   job.Info
		broken int
		part   float64
	}{
		"not begun":            {job.Info{State: job.Available}, 0, 0},
		"under way":            {job.Info{State: job.Running, StartedAt: begun, Attempt: 1, Progress: store.Progress{Done: 1, Total: 2}}, 0, 0.5},
		"the worker died":      {job.Info{State: job.Available, StartedAt: begun, Errors: 1}, 1, 0},
		"the program ended":    {job.Info{State: job.Scheduled, StartedAt: begun, Progress: store.Progress{Done: 1, Total: 2}}, 1, 0},
		"it went wrong twice":  {job.Info{State: job.Retryable, StartedAt: begun, Attempt: 2, Errors: 2}, 2, 0},
		"the third time":       {job.Info{State: job.Running, StartedAt: begun, Attempt: 3, Errors: 2, Progress: store.Progress{Done: 1, Total: 4}}, 2, 0.25},
		"nothing known of how": {job.Info{State: job.Running, StartedAt: begun, Attempt: 1}, 0, 0},
	} {
		r.queue.info = &c.info
		got, err := r.room().Rendered(t.Context(), ann, id, n)
		must(t, err)
		want := ""
		if c.broken > 0 {
			want = ReasonInterrupted
		}
		if got.State != store.PlanAsked || got.BrokenOff != c.broken || got.Reason != want || got.Progress != c.part {
			t.Errorf("%s: %+v", name, got)
		}
	}
	r.queue.info = nil
	must(t, r.render(id, n, 1))
	if got, err := r.room().Rendered(t.Context(), ann, id, n); err != nil || got.State != store.PlanDone || got.Reason != "" || got.BrokenOff != 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

// A mask that ends just before a cut covers its first frame, which had begun before: the statement names it.
func TestWhatWasPaintedIsStated(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	p := r.planned(r.item("first"))
	near, far := cover(0, 0, 0, whole), cover(0, 15, 16, whole)
	near.Keys = []plan.Key{{AtUS: 990_000, Box: whole}}
	v := r.save(ann, p.ID, near, far)
	r.media.early = 20_000
	n := r.approved(p.ID)
	must(t, r.render(p.ID, n, 1))
	if got := r.clips.got[0].Masks; len(got) != 1 || got[0] != v.Body.Tracks[0].Digest(v.Body.Salt) {
		t.Errorf("%d masks are stated", len(got))
	}
}

func TestNewAsksForWhatItNeeds(t *testing.T) {
	t.Parallel()
	if _, err := New(Options{}); !errors.Is(err, archive.ErrInvalid) {
		t.Error(err)
	}
	r := newRig(t, store.SQLite)
	s, err := New(Options{DB: r.db, Vault: r.vault, Custody: r.custody})
	must(t, err)
	p := r.planned(r.item("first"))
	_, err = s.Check(context.Background(), ann, p.ID)
	refused(t, "without jobs", err, archive.ErrConflict, CodeNoJobs)
	seen := map[string]bool{}
	for _, c := range Codes() {
		if seen[c] || strings.Contains(c, " ") {
			t.Errorf("code %q", c)
		}
		seen[c] = true
	}
}
