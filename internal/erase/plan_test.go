package erase_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/erase"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/mask"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/redact"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
)

// A redaction plan tells where the faces were: it goes with the item, and so do the files that were rendered of it, whether clips are to go
// or not. What was stated stays stated, and plans of other items stay as they are.
func TestPlans(t *testing.T) {
	t.Parallel()
	film := func(r *rig) {
		for _, it := range []archive.Item{r.item, r.other} {
			check(t, r.DB.Write(t.Context(), func(tx *store.Tx) error {
				f := store.FactsOf(it)
				f.Kind, f.Duration, f.Width, f.Height = archive.KindVideo, time.Minute, 1280, 720
				if err := tx.SetItemFacts(t.Context(), it.ID, f); err != nil {
					return err
				}
				return tx.MoveItem(t.Context(), it.ID, archive.ItemReady, "")
			}))
		}
	}
	for _, too := range []bool{false, true} {
		t.Run(fmt.Sprint(too), func(t *testing.T) {
			t.Parallel()
			r := newRigOn(t, app.Overrides{}, film)
			ctx := t.Context()
			fake := &renderer{}
			room, err := redact.New(redact.Options{
				DB: r.DB, Vault: r.Vault, Custody: r.Custody, Jobs: quietQueue{}, Agent: r.Program, Clips: realClips{r.Proof}, Media: func() (redact.Media, error) { return fake, nil },
				Subject:   func(_ context.Context, agent string) (policy.Subject, error) { return agrees, nil },
				Detectors: func() []detect.Detector { return nil },
			})
			check(t, err)
			mine, files := rendered(r, room, fake, "Ulyana at the gate", r.item)
			spared, others := rendered(r, room, fake, "Kapitolina", r.other)
			both, shared := rendered(r, room, fake, "Agrippina", r.other, r.item)
			r.clean()
			var canaries [][]byte
			canaries = append(canaries, []byte("Ulyana at the gate"), []byte("Agrippina"), fmt.Append(nil, width("Ulyana at the gate")), fmt.Append(nil, width("Agrippina")))
			for _, f := range append(files, shared...) {
				raw, err := vaulttest.ReadAll(ctx, r.Vault, vault.Ref(f.Object))
				check(t, err)
				if canaries = append(canaries, raw[:64]); !strings.HasPrefix(f.Name, "clip-720") { // that one is stated
					canaries = append(canaries, f.SHA256[:])
				}
			}
			r.checkpointed()
			before := strings.Join(r.hits(canaries...), "\n")
			for i := range canaries {
				if !strings.Contains(before, fmt.Sprintf("canary %d in", i)) {
					t.Errorf("canary %d is nowhere before the erasure: the search finds nothing", i)
				}
			}

			rep, err := r.Erase.Run(ctx, r.Agent, r.agreed(), erase.RunOptions{Clips: too})
			check(t, err)
			if rep.Objects != 1+len(files)+len(shared) || rep.Clips != 0 {
				t.Errorf("%+v", rep)
			}
			r.checkpointed()
			for _, h := range r.hits(canaries...) {
				t.Error(h)
			}
			for _, id := range []string{mine, both} {
				if _, err := room.Plan(ctx, admin, id); err == nil {
					t.Error("a plan of the erased item is shown")
				}
				if _, err := room.Rendered(ctx, admin, id, 0); err == nil {
					t.Error("a rendering of the erased item is shown")
				}
			}
			for _, f := range append(files, shared...) {
				if rd, err := r.Vault.Reader(ctx, vault.Ref(f.Object)); err == nil {
					t.Errorf("%s still opens", f.Name)
					_ = rd.Close()
				}
			}
			if v, err := room.Plan(ctx, admin, spared); err != nil || v.Title != "Kapitolina" || v.State != redact.StateDone {
				t.Errorf("%+v, %v", v, err)
			}
			for _, f := range others {
				if _, err := vaulttest.ReadAll(ctx, r.Vault, vault.Ref(f.Object)); err != nil {
					t.Errorf("%s of another plan: %v", f.Name, err)
				}
			}
			list, err := r.Proof.Clips(ctx, admin, "")
			if err != nil || len(list) != 3 {
				t.Errorf("%d clips are stated, %v", len(list), err)
			}
			r.clean()
		})
	}
}

// width of what a plan covers, by which its words are found.
func width(title string) int { return 654_321 + 1_111*len(title) }

// rendered leads a plan over items from its making to its files.
func rendered(r *rig, room *redact.Service, fake *renderer, title string, items ...archive.Item) (string, []redact.File) {
	r.t.Helper()
	ctx := r.t.Context()
	var ids []string
	var cuts []plan.Cut
	for i, it := range items {
		ids, cuts = append(ids, it.ID), append(cuts, plan.Cut{Source: i, FromUS: 0, ToUS: 2_000_000})
	}
	author := account(7, archive.RolePublisher)
	s, err := room.Create(ctx, author, title, ids, cuts)
	check(r.t, err)
	v, err := room.Version(ctx, author, s.ID, 0)
	check(r.t, err)
	v.Body.Tracks = []plan.Track{{ID: archive.NewID(archive.PrefixTrack), Kind: plan.Solid, Reason: "face", UntilEnd: true, Keys: []plan.Key{{AtUS: 0, Box: [4]int{1, 2, width(title), 3_000}}}}}
	_, err = room.Save(ctx, author, s.ID, 1, v.Body, title+" stands behind")
	check(r.t, err)
	_, err = room.Check(ctx, author, s.ID)
	check(r.t, err)
	check(r.t, room.GapCheck(ctx, job.Job[job.GapCheck]{ID: 1, Args: job.GapCheck{Plan: s.ID, Version: 2}, Attempt: 1, MaxAttempts: 1}))
	st, err := room.Stops(ctx, agrees, s.ID, 2)
	check(r.t, err)
	saved, err := room.Version(ctx, agrees, s.ID, 2)
	check(r.t, err)
	check(r.t, r.DB.Write(ctx, func(tx *store.Tx) error {
		for _, x := range st.Stops {
			if err := tx.AddPlanStop(ctx, store.PlanStop{Plan: s.ID, Version: 2, Agent: agrees.Agent, Source: x.Source, AtUS: x.US, SHA256: saved.SHA256[:], SeenAt: r.now}); err != nil {
				return err
			}
		}
		return nil
	}))
	check(r.t, room.LookedAt(ctx, agrees, s.ID, 2))
	check(r.t, room.Approve(ctx, agrees, s.ID, 2, title+" stands behind"))
	_, err = room.Render(ctx, agrees, s.ID, 2)
	check(r.t, err)
	fake.body = vaulttest.Noise(uint64(len(title)), 9000)
	check(r.t, room.RenderPlan(ctx, job.Job[job.RenderPlan]{ID: 2, Args: job.RenderPlan{Plan: s.ID, Version: 2}, Attempt: 1, MaxAttempts: 1}))
	made, err := room.Rendered(ctx, agrees, s.ID, 2)
	check(r.t, err)
	if made.State != "done" || len(made.Files) != 4 {
		r.t.Fatalf("%+v", made)
	}
	return s.ID, made.Files
}

// realClips states in the archive's own log.
type realClips struct{ p *proof.Service }

func (c realClips) StateClip(ctx context.Context, who policy.Subject, s redact.StatedClip, in func(tx *store.Tx, clip string) error) error {
	x := proof.StateClip{Object: s.Object, Milliseconds: s.Milliseconds, Read: s.Read, Masks: s.Masks, Scope: s.Scope, Reason: s.Reason, Recipe: s.Recipe, Tool: s.Tool}
	for _, c := range s.Cuts {
		x.Cuts = append(x.Cuts, proof.CutOf{Item: c.Item, From: c.From, To: c.To})
	}
	_, err := c.p.StateClip(ctx, who, x, func(tx *store.Tx, clip proof.Clip) error { return in(tx, clip.ID) })
	return err
}

type quietQueue struct{}

func (quietQueue) EnqueueTx(context.Context, *store.Tx, job.Args, job.Opts) error           { return nil }
func (quietQueue) CompleteTx(context.Context, *store.Tx, interface{ Ref() int64 }) error    { return nil }
func (quietQueue) Progress(context.Context, interface{ Ref() int64 }, string, int64, int64) {}
func (quietQueue) List(context.Context, job.Filter) ([]job.Info, error)                     { return nil, nil }

// renderer renders whatever it is told.
type renderer struct{ body []byte }

func (*renderer) Probe(context.Context, media.Source) (media.Probe, error) {
	return media.Probe{Kind: archive.KindVideo, Streams: []media.Stream{{Type: "video", Width: 1280, Height: 720}}}, nil
}

func (*renderer) RawFrames(_ context.Context, cut media.Cut, o media.RawOptions, each func(int, int64, *mask.Picture) error) (media.Report, []media.Range, error) {
	for n, us := 0, cut.From.Microseconds(); us < cut.To.Microseconds(); n, us = n+1, us+200_000 {
		if err := each(n, us, mask.NewPicture(64, 36, o.Gray, nil)); err != nil {
			return media.Report{}, nil, err
		}
	}
	return media.Report{}, nil, nil
}

func (m *renderer) Redact(_ context.Context, cuts []media.Cut, o media.RedactOptions) (out media.Redacted, err error) {
	for i, x := range o.Outs {
		b := m.body[i*2000:]
		if _, err := io.Copy(x.Out, bytes.NewReader(b)); err != nil {
			return out, err
		}
		out.Outs = append(out.Outs, media.Proxy{Width: 1280, Height: 720, Size: int64(len(b))})
	}
	for _, c := range cuts {
		out.Read, out.Duration = append(out.Read, []media.Range{{From: 0, To: c.Source.Size()}}), out.Duration+c.To-c.From
	}
	out.Poster, out.Drawing = m.body[4000:4500], m.body[6000:6400]
	out.Report.Tool = media.Tool{Name: "ffmpeg", Version: "0-test"}
	return out, nil
}
