package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

const (
	ann = "ag_0000000000000000000000000a"
	bob = "ag_0000000000000000000000000b"
	eve = "ag_0000000000000000000000000e"
)

func planVersion(plan, body, author string, items ...string) store.PlanVersion {
	return store.PlanVersion{Plan: plan, Body: []byte(body), SHA256: digest(body), Note: "for " + body, Author: author, CreatedAt: noon, Items: items}
}

// addPlan adds a plan of items with its first version by ann.
func addPlan(t testing.TB, tx *store.Tx, items ...string) store.Plan {
	t.Helper()
	p := store.Plan{ID: newID(archive.PrefixPlan), Title: "yard", CreatedAt: noon, CreatedBy: ann}
	must(t, tx.AddPlan(ctx, p, planVersion(p.ID, "one", ann, items...)))
	got, err := tx.Plan(ctx, all, p.ID)
	must(t, err)
	return got
}

// checked has the gap check of the newest version done, with blockers.
func checked(t testing.TB, tx *store.Tx, plan string, blockers ...store.PlanBlocker) store.PlanRun {
	t.Helper()
	head, err := tx.LockPlan(ctx, plan)
	must(t, err)
	r, asked, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID(archive.PrefixCheck), Plan: plan, Version: head, Kind: store.PlanGapCheck, AskedBy: ann, AskedAt: noon})
	if err != nil || !asked || r.State != store.PlanAsked {
		t.Fatalf("%+v, %v, %v", r, asked, err)
	}
	v, err := tx.PlanVersion(ctx, all, plan, head)
	must(t, err)
	r.State, r.DoneAt, r.Frames, r.Recipe, r.SHA256, r.Report = store.PlanDone, noon, 250, "face/1", v.SHA256, []byte(`[]`)
	must(t, tx.EndPlanRun(ctx, r, blockers, nil))
	return r
}

// looks shows somebody twelve moments of a version, and notes that they looked at them.
func looks(t testing.TB, tx *store.Tx, plan string, version int, agent string) {
	t.Helper()
	v, err := tx.PlanVersion(ctx, all, plan, version)
	must(t, err)
	for i := range int64(12) {
		must(t, tx.AddPlanStop(ctx, store.PlanStop{Plan: plan, Version: version, Agent: agent, AtUS: i * 1_000_000, SHA256: v.SHA256, SeenAt: noon}))
	}
	must(t, tx.AddPlanLook(ctx, store.PlanLook{Plan: plan, Version: version, Agent: agent, At: noon, Seconds: 90, Steps: 12}))
}

func approves(tx *store.Tx, plan string, version int, agent string) error {
	return tx.AddPlanDecision(ctx, store.PlanDecision{Plan: plan, Version: version, Decision: store.PlanApproved, Agent: agent, Why: "", At: noon})
}

// attempt runs f in a transaction of its own, which is given up, and gives what f gave.
func attempt(t testing.TB, db *store.DB, f func(tx *store.Tx) error) (got error) {
	t.Helper()
	inTx(t, db, func(tx *store.Tx) { got = f(tx) })
	return got
}

func TestPlans(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			acc := addAccession(t, tx)
			one, two := addItem(t, tx, acc.ID, nil), addItem(t, tx, acc.ID, func(i *archive.Item) { i.Difficulty = 3 })
			p := addPlan(t, tx, one.ID)
			if p.Head != 1 || p.Title != "yard" || p.Author != ann || p.Check != "" || p.Render != "" || !p.CreatedAt.Equal(noon) {
				t.Errorf("%+v", p)
			}
			second := planVersion(p.ID, "two", bob, two.ID, one.ID)
			n, err := tx.AddPlanVersion(ctx, 1, second)
			if err != nil || n != 2 {
				t.Fatal(n, err)
			}
			v, err := tx.PlanVersion(ctx, all, p.ID, 2)
			must(t, err)
			second.Version = 2
			if d := cmp.Diff(second, v); d != "" {
				t.Error(d)
			}
			list, err := tx.PlanVersions(ctx, all, p.ID)
			must(t, err)
			if len(list) != 2 || list[0].Version != 1 || list[1].Author != bob || list[1].Body != nil {
				t.Errorf("versions %+v", list)
			}
			if authors, err := tx.PlanAuthors(ctx, p.ID, 2); err != nil || !slices.Equal(authors, []string{ann, bob}) {
				t.Errorf("authors %v, %v", authors, err)
			}
			if changed, err := tx.RenamePlan(ctx, p.ID, "gate", noon); err != nil || !changed {
				t.Error(changed, err)
			}
			if changed, err := tx.RenamePlan(ctx, p.ID, "gate", noon); err != nil || changed {
				t.Error("renamed to what it is called", err)
			}
			// A plan is seen only by who sees everything that it shows.
			soft := archive.Scope{All: true, MaxDifficulty: 2}
			for name, s := range map[string]archive.Scope{"nobody": {}, "who may see one of two": soft, "another accession": {Accessions: []string{newID("ac")}, MaxDifficulty: -1}} {
				_, err := tx.Plan(ctx, s, p.ID)
				is(t, name, err, archive.ErrNotFound)
				_, err = tx.PlanVersion(ctx, s, p.ID, 2)
				is(t, name, err, archive.ErrNotFound)
				if list, err := tx.Plans(ctx, s, store.PlanQuery{}); err != nil || len(list) > 0 {
					t.Errorf("%s lists %v, %v", name, list, err)
				}
			}
			if list, err := tx.PlanVersions(ctx, soft, p.ID); err != nil || len(list) != 1 || list[0].Version != 1 {
				t.Errorf("versions for who may see one of two: %v, %v", list, err)
			}
			other := addPlan(t, tx, one.ID)
			for name, c := range map[string]struct {
				q    store.PlanQuery
				want []string
			}{
				"all": {store.PlanQuery{}, []string{other.ID, p.ID}}, "a page": {store.PlanQuery{Limit: 1}, []string{other.ID}},
				"the next": {store.PlanQuery{Before: other.ID}, []string{p.ID}}, "of an item": {store.PlanQuery{Item: two.ID}, []string{p.ID}},
			} {
				list, err := tx.Plans(ctx, all, c.q)
				must(t, err)
				var got []string
				for _, x := range list {
					got = append(got, x.ID)
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("%s: %v, want %v", name, got, c.want)
				}
			}
		})
		for name, c := range map[string]struct {
			f    func(tx *store.Tx, p store.Plan, item string) error
			want error
		}{
			"a base that is not the newest": {func(tx *store.Tx, p store.Plan, item string) error {
				_, err := tx.AddPlanVersion(ctx, 2, planVersion(p.ID, "x", ann, item))
				return err
			}, archive.ErrConflict},
			"a plan that is not there": {func(tx *store.Tx, _ store.Plan, item string) error {
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(newID("pl"), "x", ann, item))
				return err
			}, archive.ErrNotFound},
			"no items": {func(tx *store.Tx, p store.Plan, _ string) error {
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "x", ann))
				return err
			}, archive.ErrInvalid},
			"a plan twice": {func(tx *store.Tx, p store.Plan, item string) error {
				return tx.AddPlan(ctx, p, planVersion(p.ID, "x", ann, item))
			}, nil},
		} {
			err := attempt(t, db, func(tx *store.Tx) error {
				item := addItem(t, tx, addAccession(t, tx).ID, nil).ID
				return c.f(tx, addPlan(t, tx, item), item)
			})
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Nobody approves alone: each case leaves out one thing that an approval needs.
func TestPlansNeedFourEyes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		open := store.PlanBlocker{Kind: "uncovered", FromUS: 1, ToUS: 2, Thing: "face", Frames: 1}
		warning := open
		warning.Warning = true
		for _, c := range []struct {
			name string
			f    func(tx *store.Tx, p store.Plan, item string) error
			ok   bool
		}{
			{"a second person", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID, warning)
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, true},
			{"its author", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, ann)
			}, false},
			{"its author looks", func(tx *store.Tx, p store.Plan, _ string) error {
				return tx.AddPlanLook(ctx, store.PlanLook{Plan: p.ID, Version: 1, Agent: ann, At: noon, Steps: 1})
			}, false},
			{"its author is shown a moment", func(tx *store.Tx, p store.Plan, _ string) error {
				return tx.AddPlanStop(ctx, store.PlanStop{Plan: p.ID, Version: 1, Agent: ann, SHA256: digest("one"), SeenAt: noon})
			}, false},
			{"a moment of something else", func(tx *store.Tx, p store.Plan, _ string) error {
				return tx.AddPlanStop(ctx, store.PlanStop{Plan: p.ID, Version: 1, Agent: bob, SHA256: digest("two"), SeenAt: noon})
			}, false},
			{"a look at more than was shown", func(tx *store.Tx, p store.Plan, _ string) error {
				must(t, tx.AddPlanStop(ctx, store.PlanStop{Plan: p.ID, Version: 1, Agent: bob, SHA256: digest("one"), SeenAt: noon}))
				return tx.AddPlanLook(ctx, store.PlanLook{Plan: p.ID, Version: 1, Agent: bob, At: noon, Steps: 2})
			}, false},
			{"a look at what somebody else was shown", func(tx *store.Tx, p store.Plan, _ string) error {
				looks(t, tx, p.ID, 1, eve)
				return tx.AddPlanLook(ctx, store.PlanLook{Plan: p.ID, Version: 1, Agent: bob, At: noon, Steps: 1})
			}, false},
			{"a look at nothing", func(tx *store.Tx, p store.Plan, _ string) error {
				return tx.AddPlanLook(ctx, store.PlanLook{Plan: p.ID, Version: 1, Agent: bob, At: noon, Steps: 0})
			}, false},
			{"who wrote the version before", func(tx *store.Tx, p store.Plan, item string) error {
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "two", bob, item))
				must(t, err)
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 2, ann)
				return approves(tx, p.ID, 2, ann)
			}, false},
			{"a third person of two authors", func(tx *store.Tx, p store.Plan, item string) error {
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "two", bob, item))
				must(t, err)
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 2, eve)
				return approves(tx, p.ID, 2, eve)
			}, true},
			{"who wrote what was approved since", func(tx *store.Tx, p store.Plan, item string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, bob)
				must(t, approves(tx, p.ID, 1, bob))
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "two", bob, item))
				must(t, err)
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 2, ann)
				return approves(tx, p.ID, 2, ann)
			}, true},
			{"who wrote what was approved and sent back", func(tx *store.Tx, p store.Plan, item string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, bob)
				must(t, approves(tx, p.ID, 1, bob))
				must(t, tx.AddPlanDecision(ctx, store.PlanDecision{Plan: p.ID, Version: 1, Decision: store.PlanRejected, Agent: bob, Why: "no", At: noon}))
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "two", bob, item))
				must(t, err)
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 2, ann)
				return approves(tx, p.ID, 2, ann)
			}, false},
			{"no check", func(tx *store.Tx, p store.Plan, _ string) error {
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"a check under way", func(tx *store.Tx, p store.Plan, _ string) error {
				_, _, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: p.ID, Version: 1, Kind: store.PlanGapCheck, AskedBy: ann, AskedAt: noon})
				must(t, err)
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"proposals are no check", func(tx *store.Tx, p store.Plan, _ string) error {
				r, _, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: p.ID, Version: 1, Kind: store.PlanDetect, AskedBy: ann, AskedAt: noon})
				must(t, err)
				r.State, r.DoneAt, r.SHA256 = store.PlanDone, noon, digest("one")
				must(t, tx.EndPlanRun(ctx, r, nil, nil))
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"a check of something else", func(tx *store.Tx, p store.Plan, _ string) error {
				r, _, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: p.ID, Version: 1, Kind: store.PlanGapCheck, AskedBy: ann, AskedAt: noon})
				must(t, err)
				r.State, r.DoneAt, r.SHA256 = store.PlanDone, noon, digest("other")
				must(t, tx.EndPlanRun(ctx, r, nil, nil))
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"an open blocker", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID, warning, open)
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"a dismissed blocker", func(tx *store.Tx, p store.Plan, _ string) error {
				r := checked(t, tx, p.ID, warning, open)
				must(t, tx.DismissPlanBlocker(ctx, r.ID, 1, ann, "a poster on a wall", noon))
				looks(t, tx, p.ID, 1, bob)
				return approves(tx, p.ID, 1, bob)
			}, true},
			{"nobody looked", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"somebody else looked", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, eve)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"a version that is not the newest", func(tx *store.Tx, p store.Plan, item string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, bob)
				_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "two", ann, item))
				must(t, err)
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"what was sent back", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, bob)
				must(t, tx.AddPlanDecision(ctx, store.PlanDecision{Plan: p.ID, Version: 1, Decision: store.PlanRejected, Agent: bob, Why: "no", At: noon}))
				return approves(tx, p.ID, 1, bob)
			}, false},
			{"rendered without approval", func(tx *store.Tx, p store.Plan, _ string) error {
				_, _, err := tx.AskPlanRender(ctx, store.PlanRender{Plan: p.ID, Version: 1, AskedBy: bob, AskedAt: noon})
				return err
			}, false},
			{"rendered although sent back", func(tx *store.Tx, p store.Plan, _ string) error {
				checked(t, tx, p.ID)
				looks(t, tx, p.ID, 1, bob)
				must(t, approves(tx, p.ID, 1, bob))
				must(t, tx.AddPlanDecision(ctx, store.PlanDecision{Plan: p.ID, Version: 1, Decision: store.PlanRejected, Agent: bob, Why: "no", At: noon}))
				_, _, err := tx.AskPlanRender(ctx, store.PlanRender{Plan: p.ID, Version: 1, AskedBy: bob, AskedAt: noon})
				return err
			}, false},
		} {
			err := attempt(t, db, func(tx *store.Tx) error {
				item := addItem(t, tx, addAccession(t, tx).ID, nil).ID
				return c.f(tx, addPlan(t, tx, item), item)
			})
			if (err == nil) != c.ok || !c.ok && !errors.Is(err, store.ErrInsertOnly) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	})
}

func TestPlanRuns(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			p := addPlan(t, tx, addItem(t, tx, addAccession(t, tx).ID, nil).ID)
			_, err := tx.PlanRun(ctx, p.ID, 1, store.PlanGapCheck)
			is(t, "no run", err, archive.ErrNotFound)
			blocker := store.PlanBlocker{
				Kind: "uncovered", Cut: 1, Source: 2, FromUS: 3, ToUS: 4, AtUS: 3, Box: [4]int{5, 6, 7, 8}, Thing: "face", Track: "tr_1", Frames: 9, Score: 10, Why: "why",
			}
			r := checked(t, tx, p.ID, blocker)
			got, err := tx.PlanRunByID(ctx, r.ID)
			must(t, err)
			if d := cmp.Diff(r, got); d != "" {
				t.Error(d)
			}
			if again, asked, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: p.ID, Version: 1, Kind: store.PlanGapCheck, AskedBy: bob, AskedAt: noon}); err != nil || asked || again.ID != r.ID || again.AskedBy != ann {
				t.Errorf("a check that is done is asked for again: %+v, %v, %v", again, asked, err)
			}
			is(t, "ended twice", tx.EndPlanRun(ctx, r, nil, nil), archive.ErrConflict)
			list, err := tx.PlanBlockers(ctx, r.ID)
			must(t, err)
			blocker.Run = r.ID
			if d := cmp.Diff([]store.PlanBlocker{blocker}, list); d != "" {
				t.Error(d)
			}
			if now, err := tx.Plan(ctx, all, p.ID); err != nil || now.Check != store.PlanDone || now.Open != 1 {
				t.Errorf("%+v, %v", now, err)
			}
			must(t, tx.DismissPlanBlocker(ctx, r.ID, 0, bob, "a poster", noon.Add(time.Second)))
			is(t, "dismissed twice", tx.DismissPlanBlocker(ctx, r.ID, 0, bob, "a poster", noon), archive.ErrConflict)
			is(t, "dismissed nothing", tx.DismissPlanBlocker(ctx, r.ID, 1, bob, "a poster", noon), archive.ErrNotFound)
			list, err = tx.PlanBlockers(ctx, r.ID)
			if err != nil || list[0].DismissedBy != bob || list[0].Reason != "a poster" || !list[0].DismissedAt.Equal(noon.Add(time.Second)) {
				t.Errorf("%+v, %v", list, err)
			}
			if now, err := tx.Plan(ctx, all, p.ID); err != nil || now.Open != 0 {
				t.Errorf("%+v, %v", now, err)
			}

			// Proposals; and a run that failed is asked for anew.
			d, _, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: p.ID, Version: 1, Kind: store.PlanDetect, AskedBy: ann, AskedAt: noon})
			must(t, err)
			failed := d
			failed.State, failed.Reason, failed.DoneAt = store.PlanFailed, "damaged", noon
			must(t, tx.EndPlanRun(ctx, failed, nil, nil))
			d, asked, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: p.ID, Version: 1, Kind: store.PlanDetect, AskedBy: bob, AskedAt: noon})
			if err != nil || !asked || d.ID != failed.ID || d.AskedBy != bob || d.Reason != "" || !d.DoneAt.IsZero() {
				t.Errorf("%+v, %v, %v", d, asked, err)
			}
			d.State, d.DoneAt, d.SHA256 = store.PlanDone, noon, digest("one")
			ids := []string{newID("su"), newID("su"), newID("su")}
			must(t, tx.EndPlanRun(ctx, d, nil, []store.PlanProposal{{ID: ids[0], Body: []byte("a"), Score: 5}, {ID: ids[1], Body: []byte("b")}, {ID: ids[2], Body: []byte("c")}}))
			if n, err := tx.DecidePlanProposal(ctx, p.ID, ids[:1], archive.Confirmed, ann, "", noon); err != nil || n != 1 {
				t.Error(n, err)
			}
			if n, err := tx.DecidePlanProposal(ctx, p.ID, ids[:2], archive.Dismissed, bob, "a poster", noon); err != nil || n != 1 {
				t.Error("what was decided is decided again, or nothing was:", n, err)
			}
			if n, err := tx.DecidePlanProposal(ctx, newID("pl"), ids, archive.Dismissed, bob, "", noon); err != nil || n != 0 {
				t.Error("proposals of another plan:", n, err)
			}
			if n, err := tx.DecidePlanProposal(ctx, p.ID, nil, archive.Dismissed, bob, "", noon); err != nil || n != 0 {
				t.Error("none:", n, err)
			}
			every, err := tx.PlanProposals(ctx, p.ID, "")
			must(t, err)
			want := []store.PlanProposal{
				{ID: ids[0], Run: d.ID, Plan: p.ID, Ordinal: 0, Body: []byte("a"), Score: 5, State: archive.Confirmed, DecidedAt: noon, DecidedBy: ann},
				{ID: ids[1], Run: d.ID, Plan: p.ID, Ordinal: 1, Body: []byte("b"), State: archive.Dismissed, DecidedAt: noon, DecidedBy: bob, Why: "a poster"},
				{ID: ids[2], Run: d.ID, Plan: p.ID, Ordinal: 2, Body: []byte("c"), State: archive.Suggested},
			}
			if diff := cmp.Diff(want, every); diff != "" {
				t.Error(diff)
			}
			if left, err := tx.PlanProposals(ctx, p.ID, archive.Suggested); err != nil || len(left) != 1 || left[0].ID != ids[2] {
				t.Errorf("%v, %v", left, err)
			}
		})
	})
}

// rendered renders a plan with some objects, and gives them.
func rendered(t testing.TB, db *store.DB, item archive.Item) (store.Plan, store.PlanRender, []store.PlanRendition) {
	t.Helper()
	var p store.Plan
	var r store.PlanRender
	var files []store.PlanRendition
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		p = addPlan(t, tx, item.ID)
		checked(t, tx, p.ID, store.PlanBlocker{Kind: "uncovered", Warning: true})
		looks(t, tx, p.ID, 1, bob)
		must(t, approves(tx, p.ID, 1, bob))
		var asked bool
		var err error
		r, asked, err = tx.AskPlanRender(ctx, store.PlanRender{Plan: p.ID, Version: 1, AskedBy: bob, AskedAt: noon})
		if err != nil || !asked {
			t.Fatal(asked, err)
		}
		c := newCommit(2)
		must(t, tx.AddCommit(ctx, c, store.ObjectClip))
		for i, o := range c.Objects {
			files = append(files, store.PlanRendition{
				Plan: p.ID, Version: 1, Name: fmt.Sprintf("clip-%d.mp4", 720/(i+1)), Ordinal: i, Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Size: o.Size,
				SHA256: o.SHA256[:], MediaType: "video/mp4", Width: 1280, Height: 720,
			})
		}
		return nil
	}))
	return p, r, files
}

func TestPlanRenderings(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var item archive.Item
		must(t, db.Write(ctx, func(tx *store.Tx) error { item = addItem(t, tx, addAccession(t, tx).ID, nil); return nil }))
		p, r, files := rendered(t, db, item)
		inTx(t, db, func(tx *store.Tx) {
			_, err := tx.PlanRender(ctx, p.ID, 2)
			is(t, "no rendering", err, archive.ErrNotFound)
			// One that failed is asked for anew.
			failed := r
			failed.State, failed.Reason, failed.DoneAt = store.PlanFailed, "damaged", noon
			must(t, tx.EndPlanRender(ctx, failed, nil))
			if now, err := tx.Plan(ctx, all, p.ID); err != nil || now.Render != store.PlanFailed || now.ApprovedBy != bob || now.Looks != 1 {
				t.Errorf("%+v, %v", now, err)
			}
			again, asked, err := tx.AskPlanRender(ctx, store.PlanRender{Plan: p.ID, Version: 1, AskedBy: eve, AskedAt: noon})
			if err != nil || !asked || again.AskedBy != eve || again.Reason != "" {
				t.Errorf("%+v, %v, %v", again, asked, err)
			}
			clip := addStatedClip(t, tx, files[0].Object)
			done := again
			done.State, done.DoneAt, done.Clip, done.Milliseconds, done.Recipe, done.RecipeVersion, done.Tool, done.ToolVersion, done.Read =
				store.PlanDone, noon, clip, 12_000, "redact", 1, "ffmpeg", "5.1", []byte(`[[]]`)
			must(t, tx.EndPlanRender(ctx, done, files))
			got, err := tx.PlanRender(ctx, p.ID, 1)
			must(t, err)
			if d := cmp.Diff(done, got); d != "" {
				t.Error(d)
			}
			list, err := tx.PlanRenditions(ctx, p.ID, 1)
			must(t, err)
			if d := cmp.Diff(files, list); d != "" {
				t.Error(d)
			}
			if _, asked, err := tx.AskPlanRender(ctx, store.PlanRender{Plan: p.ID, Version: 1, AskedBy: eve, AskedAt: noon}); err != nil || asked {
				t.Error("rendered again", err)
			}
			is(t, "ended twice", tx.EndPlanRender(ctx, done, nil), archive.ErrConflict)
			refs, err := tx.ObjectsOfItem(ctx, item.ID)
			must(t, err)
			if !slices.Contains(refs, files[0].Object) || !slices.Contains(refs, files[1].Object) {
				t.Errorf("objects of the item: %v", refs)
			}
			list2, err := tx.PlanLooks(ctx, p.ID, 1)
			if err != nil || len(list2) != 1 || list2[0] != (store.PlanLook{Plan: p.ID, Version: 1, Agent: bob, At: noon, Seconds: 90, Steps: 12}) {
				t.Errorf("%+v, %v", list2, err)
			}
			decisions, err := tx.PlanDecisions(ctx, p.ID)
			if err != nil || len(decisions) != 1 || decisions[0] != (store.PlanDecision{Plan: p.ID, Version: 1, Decision: store.PlanApproved, Agent: bob, At: noon}) {
				t.Errorf("%+v, %v", decisions, err)
			}
		})
		// A plan that was sent back while it was rendered gets no files.
		err := attempt(t, db, func(tx *store.Tx) error {
			must(t, tx.AddPlanDecision(ctx, store.PlanDecision{Plan: p.ID, Version: 1, Decision: store.PlanRejected, Agent: eve, Why: "no", At: noon}))
			done := r
			done.State, done.DoneAt, done.Clip = store.PlanDone, noon, addStatedClip(t, tx, files[0].Object)
			return tx.EndPlanRender(ctx, done, files)
		})
		is(t, "files of what was sent back", err, store.ErrInsertOnly)
	})
}

// addStatedClip states a clip of an object.
func addStatedClip(t testing.TB, tx *store.Tx, ref archive.ObjectRef) string {
	t.Helper()
	scope, clip := statement(newID(archive.PrefixStatement)), statement(newID(archive.PrefixStatement))
	clip.Kind = "clip"
	must(t, tx.AddStatement(ctx, scope))
	must(t, tx.AddStatement(ctx, clip))
	c := store.Clip{ID: newID(archive.PrefixClip), Statement: clip.ID, Scope: scope.ID, Number: 1, ReleasedMS: 1, Bytes: 1, Milliseconds: 1, SHA256: [32]byte{1}, Object: ref, CreatedAt: noon}
	must(t, tx.AddClip(ctx, c))
	return c.ID
}

// What was written about plans stays; the statement for each is refused by the database itself.
func TestPlansAreInsertOnly(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		var item archive.Item
		must(t, db.Write(ctx, func(tx *store.Tx) error { item = addItem(t, tx, addAccession(t, tx).ID, nil); return nil }))
		_, r, files := rendered(t, db, item)
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			r.State, r.DoneAt, r.Clip = store.PlanDone, noon, addStatedClip(t, tx, files[0].Object)
			return tx.EndPlanRender(ctx, r, files)
		}))
		empty := `x''`
		if engine == store.PostgreSQL {
			empty = `''::bytea`
		}
		statements := []string{
			`UPDATE plan SET head = head + 2`, `UPDATE plan SET head = head - 1`, `UPDATE plan SET created_by = 'ag_2'`,
			`UPDATE plan_version SET author = 'ag_2'`, `UPDATE plan_version SET note = ''`, `UPDATE plan_version SET body = ` + empty + `, note = '', erased_at = 5`,
			`UPDATE plan_source SET ordinal = 3`, `UPDATE plan_look SET steps = 100`, `UPDATE plan_look SET agent = 'ag_2'`, `UPDATE plan_decision SET agent = 'ag_2'`,
			`UPDATE plan_decision SET decision = 'rejected'`, `UPDATE plan_decision SET why = ''`, `UPDATE plan_blocker SET warning = 0`, `UPDATE plan_blocker SET frames = 3, dismissed_at = 1, dismissed_by = 'ag_1', reason = 'x'`,
			`UPDATE plan_render SET state = 'asked', done_at = NULL`, `UPDATE plan_render SET milliseconds = 7`, `UPDATE plan_rendition SET size = 7`, `UPDATE plan_rendition SET sha256 = sha256`,
			`DELETE FROM plan`, `DELETE FROM plan_version`, `DELETE FROM plan_source`, `DELETE FROM plan_look`, `DELETE FROM plan_decision`, `DELETE FROM plan_blocker`,
			`DELETE FROM plan_render`, `DELETE FROM plan_rendition`, `DELETE FROM plan_stop`, `UPDATE plan_stop SET agent = 'ag_2'`, `UPDATE plan_stop SET at_us = at_us + 1`,
			`INSERT INTO plan_decision (plan_id, version, decision, agent, why, at) SELECT plan_id, version, 'approved', author, '', 1 FROM plan_version`,
		}
		for _, table := range []string{"plan", "plan_version", "plan_source", "plan_look", "plan_stop", "plan_decision", "plan_blocker", "plan_rendition"} {
			if engine == store.SQLite {
				statements = append(statements, `INSERT OR REPLACE INTO `+table+` SELECT * FROM `+table)
			} else {
				statements = append(statements, `TRUNCATE `+table+` CASCADE`)
			}
		}
		for _, s := range statements {
			err := try(db, s)
			var pg *pgconn.PgError
			switch {
			case err == nil:
				t.Errorf("went through: %s", s)
			case engine == store.SQLite && !strings.Contains(err.Error(), "insert-only") && !strings.Contains(err.Error(), "holds this row already") && !strings.Contains(err.Error(), "refuses"):
				t.Errorf("%s: refused for another reason: %v", s, err)
			case engine == store.PostgreSQL && (!errors.As(err, &pg) || pg.Code != "ZA001"):
				t.Errorf("%s: refused for another reason: %v", s, err)
			}
		}
		// A blocker is dismissed once.
		run(t, db, `UPDATE plan_blocker SET dismissed_at = 1, dismissed_by = 'ag_1', reason = 'x'`)
		if err := try(db, `UPDATE plan_blocker SET dismissed_at = NULL, dismissed_by = NULL, reason = ''`); err == nil {
			t.Error("a dismissal was taken back")
		}
	})
}

// A plan tells what was to be seen, and where: it goes with the item, and so do the files that were rendered of it.
func TestPlansGoWithTheirItem(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var item, other archive.Item
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			acc := addAccession(t, tx)
			item, other = addItem(t, tx, acc.ID, nil), addItem(t, tx, acc.ID, nil)
			return nil
		}))
		p, r, files := rendered(t, db, item)
		spared, sparedRender, sparedFiles := rendered(t, db, other)
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			for _, x := range []struct {
				r store.PlanRender
				f []store.PlanRendition
			}{{r, files}, {sparedRender, sparedFiles}} {
				x.r.State, x.r.DoneAt, x.r.Clip, x.r.Read = store.PlanDone, noon, addStatedClip(t, tx, x.f[0].Object), []byte(`[[{"from":0,"to":9}]]`)
				must(t, tx.EndPlanRender(ctx, x.r, x.f))
				d, _, err := tx.AskPlanRun(ctx, store.PlanRun{ID: newID("ck"), Plan: x.r.Plan, Version: 1, Kind: store.PlanDetect, AskedBy: ann, AskedAt: noon})
				must(t, err)
				d.State, d.DoneAt, d.SHA256, d.Report = store.PlanDone, noon, digest("one"), []byte(`[1]`)
				must(t, tx.EndPlanRun(ctx, d, nil, []store.PlanProposal{{ID: newID("su"), Body: []byte("where a face is")}}))
			}
			e := request(item.ID)
			must(t, tx.AddErasure(ctx, e))
			return tx.ApproveErasure(ctx, e.ID, "ag_2", noon)
		}))
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.EraseItemRows(ctx, item.ID))
			must(t, tx.EraseItemRows(ctx, item.ID)) // again changes nothing
			_, err := tx.Plan(ctx, all, p.ID)
			is(t, "the plan", err, archive.ErrNotFound)
			got, err := tx.PlanRender(ctx, p.ID, 1)
			if err != nil || got.State != store.PlanDestroyed || got.Read != nil || got.Clip == "" {
				t.Errorf("%+v, %v", got, err)
			}
			list, err := tx.PlanRenditions(ctx, p.ID, 1)
			must(t, err)
			for _, f := range list {
				o, err := tx.Object(ctx, f.Object.Object)
				if err != nil || o.State != store.ObjectErased || !bytes.Equal(o.SHA256, make([]byte, 32)) || !bytes.Equal(f.SHA256, make([]byte, 32)) || !bytes.Equal(o.Segments[0].PlainSHA256, make([]byte, 32)) {
					t.Errorf("%s: %+v, %v", f.Name, o, err)
				}
			}
			if len(list) != 2 {
				t.Errorf("%d files", len(list))
			}
			if left, err := tx.PlanProposals(ctx, p.ID, ""); err != nil || len(left) > 0 {
				t.Errorf("%v, %v", left, err)
			}
			run, err := tx.PlanRun(ctx, p.ID, 1, store.PlanGapCheck)
			must(t, err)
			if left, err := tx.PlanBlockers(ctx, run.ID); err != nil || len(left) > 0 || run.Report != nil {
				t.Errorf("%v, %v", left, err)
			}
			refs, err := tx.ObjectsOfItem(ctx, item.ID)
			if err != nil || !slices.Contains(refs, files[1].Object) {
				t.Errorf("objects of the erased item: %v, %v", refs, err)
			}
			// Neighbours stay as they are.
			if s, err := tx.Plan(ctx, all, spared.ID); err != nil || s.Title != "yard" || s.Render != store.PlanDone {
				t.Errorf("%+v, %v", s, err)
			}
			if v, err := tx.PlanVersion(ctx, all, spared.ID, 1); err != nil || string(v.Body) != "one" {
				t.Errorf("%+v, %v", v, err)
			}
			if left, err := tx.PlanProposals(ctx, spared.ID, ""); err != nil || len(left) != 1 {
				t.Errorf("%v, %v", left, err)
			}
			if left, err := tx.PlanStops(ctx, spared.ID, 1, bob); err != nil || len(left) != 12 {
				t.Errorf("%v, %v", left, err)
			}
			if o, err := tx.Object(ctx, sparedFiles[0].Object.Object); err != nil || o.State != store.ObjectHeld {
				t.Errorf("%+v, %v", o, err)
			}
		})
		must(t, db.Write(ctx, func(tx *store.Tx) error { return tx.EraseItemRows(ctx, item.ID) }))
		for _, q := range []string{
			`SELECT COUNT(*) FROM plan_version WHERE plan_id = '` + p.ID + `' AND (length(body) > 0 OR note <> '' OR erased_at IS NULL)`,
			`SELECT COUNT(*) FROM plan WHERE id = '` + p.ID + `' AND title <> ''`,
			`SELECT COUNT(*) FROM plan_stop WHERE plan_id = '` + p.ID + `'`,
		} {
			if n := count(t, db, q); n > 0 {
				t.Errorf("%d left: %s", n, q)
			}
		}
	})
}

// What somebody was shown is kept apart for each person and version, in order, and noting it twice changes nothing.
func TestPlanStops(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			item := addItem(t, tx, addAccession(t, tx).ID, nil).ID
			p := addPlan(t, tx, item)
			_, err := tx.AddPlanVersion(ctx, 1, planVersion(p.ID, "two", ann, item))
			must(t, err)
			show := func(version, source int, us int64, body, agent string, at time.Time) {
				must(t, tx.AddPlanStop(ctx, store.PlanStop{Plan: p.ID, Version: version, Agent: agent, Source: source, AtUS: us, SHA256: digest(body), SeenAt: at}))
			}
			show(1, 0, 7, "one", bob, noon)
			show(1, 0, 0, "one", bob, noon)
			show(1, 0, 7, "one", bob, noon.Add(time.Hour))
			show(2, 0, 9, "two", bob, noon)
			show(1, 0, 5, "one", eve, noon)
			got, err := tx.PlanStops(ctx, p.ID, 1, bob)
			must(t, err)
			want := []store.PlanStop{{Plan: p.ID, Version: 1, Agent: bob, AtUS: 0, SHA256: digest("one"), SeenAt: noon}, {Plan: p.ID, Version: 1, Agent: bob, AtUS: 7, SHA256: digest("one"), SeenAt: noon}}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if got, err := tx.PlanStops(ctx, p.ID, 2, eve); err != nil || len(got) > 0 {
				t.Errorf("%v, %v", got, err)
			}
		})
	})
}

// An approval by a look that is older than the table of moments is refused: nobody knows what was shown.
func TestMigration0016(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		o := storetest.Empty(t, engine)
		sql := func(s string) string {
			if engine == store.PostgreSQL {
				return strings.ReplaceAll(s, "X32", `'\x`+strings.Repeat("ab", 32)+`'::bytea`)
			}
			return strings.ReplaceAll(s, "X32", `X'`+strings.Repeat("ab", 32)+`'`)
		}
		var statements []string
		for _, s := range []string{
			`INSERT INTO plan (id, title, head, created_at, created_by, changed_at) VALUES ('pl_1', 't', 1, 1, 'ag_1', 1)`,
			`INSERT INTO plan_version (plan_id, version, body, sha256, note, author, created_at) VALUES ('pl_1', 1, X32, X32, '', 'ag_1', 1)`,
			`INSERT INTO plan_look (plan_id, version, agent, at, seconds, steps) VALUES ('pl_1', 1, 'ag_2', 1, 9, 2)`,
			`INSERT INTO plan_run (id, plan_id, version, kind, state, asked_by, asked_at, done_at, sha256) VALUES ('ck_1', 'pl_1', 1, 'gap check', 'done', 'ag_1', 1, 1, X32)`,
		} {
			statements = append(statements, sql(s))
		}
		must(t, store.CreateAt(ctx, o, storetest.VaultID, "0015", statements...))
		must(t, store.Migrate(ctx, o))
		db, err := store.Open(ctx, o)
		must(t, err)
		defer db.Close()
		for _, c := range []struct {
			statement string
			goes      bool
		}{
			{`INSERT INTO plan_decision (plan_id, version, decision, agent, why, at) VALUES ('pl_1', 1, 'approved', 'ag_2', '', 1)`, false},
			{`INSERT INTO plan_stop (plan_id, version, agent, source, at_us, sha256, seen_at) VALUES ('pl_1', 1, 'ag_2', 0, 0, X32, 1)`, true},
			{`INSERT INTO plan_decision (plan_id, version, decision, agent, why, at) VALUES ('pl_1', 1, 'approved', 'ag_2', '', 1)`, false},
			{`INSERT INTO plan_stop (plan_id, version, agent, source, at_us, sha256, seen_at) VALUES ('pl_1', 1, 'ag_2', 0, 7, X32, 1)`, true},
			{`INSERT INTO plan_stop (plan_id, version, agent, source, at_us, sha256, seen_at) VALUES ('pl_1', 1, 'ag_2', -1, 7, X32, 1)`, false},
			{`INSERT INTO plan_decision (plan_id, version, decision, agent, why, at) VALUES ('pl_1', 1, 'approved', 'ag_2', '', 1)`, true},
		} {
			if err := try(db, sql(c.statement)); (err == nil) != c.goes {
				t.Errorf("%s: %v", c.statement, err)
			}
		}
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}
