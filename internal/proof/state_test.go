package proof

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/verify"

	"pgregory.net/rapid"
)

var releases = policy.Subject{Agent: person, Role: archive.RolePublisher, Scope: archive.Scope{All: true, MaxDifficulty: -1}}

// rendered seals a file as the room of plans does, and gives what its transaction has to record.
func (r *rig) rendered(body string) (vault.Object, vault.Commit) {
	r.t.Helper()
	batch := r.vault.Begin(r.t.Context())
	o, err := batch.Add(r.t.Context(), strings.NewReader(body), vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	c, err := batch.Commit(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return o, c
}

func records(ctx context.Context, c vault.Commit) func(*store.Tx, Clip) error {
	return func(tx *store.Tx, _ Clip) error { return tx.AddCommit(ctx, c, store.ObjectClip) }
}

// A clip that was rendered elsewhere is stated with its masks, by a publisher, in one transaction with what the caller writes, and its
// bundle verifies.
func TestARenderedClipIsStated(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a, b := r.film(5, 100), r.film(3, 50)
	r.close()
	scope := r.published()
	o, c := r.rendered("a clip with masks")
	masks := [][32]byte{{2}, {1}}
	st := StateClip{
		Object: o, Milliseconds: 2940, Masks: masks, Reason: "release", Recipe: media.Recipe{Name: "redact", Version: 3}, Tool: media.Tool{Name: "ffmpeg", Version: "0-test"},
		Cuts: []CutOf{{b.ID, 0, time.Second}, {a.ID, 3 * time.Second, 4 * time.Second}, {b.ID, 0, time.Second}},
		Read: [][]media.Range{{{From: 5, To: 100}}, {{From: 1 << 20, To: 1<<20 + 9}}, {{From: 2 << 20, To: 2<<20 + 9}}},
	}
	var told Clip
	made, err := r.proof.StateClip(ctx, releases, st, func(tx *store.Tx, c2 Clip) error { told = c2; return records(ctx, c)(tx, c2) })
	if err != nil {
		t.Fatal(err)
	}
	s := made.Statement
	if told.ID != made.ID || told.SHA256 != made.SHA256 || s.Number != 1 || s.Scope != scope.SHA256 || s.Milliseconds != 2940 || s.ReleasedMS != 3000 || s.SHA256 != o.SHA256 || s.Bytes != o.Size ||
		!slices.Equal(s.Masks, []verify.Hash{{2}, {1}}) || len(s.Sources) != 2 || len(s.Sources[0].Segments) != 2 || s.Sources[0].Segments[1].Index != 2 || s.Sources[1].Segments[0].Index != 1 {
		t.Errorf("%+v", s)
	}
	e := r.events(archive.EventDissemination)
	last := e[len(e)-1]
	if last.Detail["clip"] != made.ID || last.Detail["masks"] != "2" || last.Detail["recipe"] != "redact" || last.Detail["recipe_version"] != "3" || last.Detail["derive_tool"] != "ffmpeg" ||
		len(last.Subjects) != 3 || last.Subjects[2].ID != o.ID {
		t.Errorf("%+v", last)
	}
	r.tick()
	bundle, err := r.proof.ClipBundle(ctx, releases, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	if rep := bundle.Report; rep.Facts.Clip == nil || rep.Facts.Clip.Masks != 2 || !rep.OK {
		t.Errorf("%+v", rep)
	}
	var out bytes.Buffer
	// Proofs are for everybody once they are out. The file may be a rendering without masks, and is the archivist's to write.
	if err := r.proof.WriteClip(ctx, releases, made.ID, &out); !errors.Is(err, archive.ErrForbidden) || out.Len() > 0 {
		t.Errorf("a publisher wrote %d bytes: %v", out.Len(), err)
	}
	archivist := releases
	archivist.Role = archive.RoleArchivist
	if err := r.proof.WriteClip(ctx, archivist, made.ID, &out); err != nil || out.String() != "a clip with masks" {
		t.Errorf("%q %v", out.String(), err)
	}
	if _, err := r.proof.ScopeBundle(ctx, releases, scope.ID); err != nil {
		t.Error(err)
	}
}

func TestStatingARenderedClipIsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a := r.film(3, 30)
	r.close()
	scope := r.published()
	hidden := policy.Subject{Agent: person, Role: archive.RolePublisher, Scope: archive.Scope{Accessions: []string{archive.NewID(archive.PrefixAccession)}, MaxDifficulty: -1}}
	investigator := policy.Subject{Agent: person, Role: archive.RoleInvestigator, Scope: archive.Scope{All: true, MaxDifficulty: -1}}
	loose := func() archive.Item { r.open(); return r.film(1, 10) }()
	no := errors.New("the caller says no")
	for name, c := range map[string]struct {
		who    policy.Subject
		change func(*StateClip)
		in     func(*store.Tx, Clip) error
		want   error
	}{
		"an investigator":      {who: investigator, want: archive.ErrForbidden},
		"nobody":               {want: archive.ErrForbidden},
		"outside the scope":    {who: hidden, want: archive.ErrNotFound},
		"no reason":            {who: releases, change: func(s *StateClip) { s.Reason = "" }, want: archive.ErrInvalid},
		"no cuts":              {who: releases, change: func(s *StateClip) { s.Cuts, s.Read = nil, nil }, want: archive.ErrInvalid},
		"reads of fewer":       {who: releases, change: func(s *StateClip) { s.Read = nil }, want: archive.ErrInvalid},
		"nothing was read":     {who: releases, change: func(s *StateClip) { s.Read = [][]media.Range{nil} }, want: archive.ErrInvalid},
		"beyond the bytes":     {who: releases, change: func(s *StateClip) { s.Read[0][0].To = 9 << 30 }, want: archive.ErrIntegrity},
		"beyond the end":       {who: releases, change: func(s *StateClip) { s.Cuts[0].To = time.Hour }, want: archive.ErrInvalid},
		"backwards":            {who: releases, change: func(s *StateClip) { s.Cuts[0].From = 2 * time.Second }, want: archive.ErrInvalid},
		"plays for no time":    {who: releases, change: func(s *StateClip) { s.Milliseconds = 0 }, want: archive.ErrInvalid},
		"no object":            {who: releases, change: func(s *StateClip) { s.Object = vault.Object{} }, want: archive.ErrInvalid},
		"an empty mask":        {who: releases, change: func(s *StateClip) { s.Masks = [][32]byte{{}} }, want: archive.ErrInvalid},
		"masks without number": {who: releases, change: func(s *StateClip) { s.Masks = slices.Repeat([][32]byte{{1}}, MaxMasks+1) }, want: archive.ErrInvalid},
		"not sealed":           {who: releases, change: func(s *StateClip) { s.Cuts[0].Item = loose.ID }, want: ErrUnsealed},
		"object not recorded":  {who: releases, in: func(*store.Tx, Clip) error { return nil }, want: archive.ErrInvalid},
		"other bytes":          {who: releases, change: func(s *StateClip) { s.Object.SHA256[0] ^= 1 }, want: archive.ErrIntegrity},
		"another size":         {who: releases, change: func(s *StateClip) { s.Object.Size++ }, want: archive.ErrIntegrity},
		"the caller":           {who: releases, in: func(*store.Tx, Clip) error { return no }, want: no},
	} {
		o, commit := r.rendered("clip: " + name)
		s := StateClip{Object: o, Milliseconds: 1000, Cuts: []CutOf{{a.ID, 0, time.Second}}, Read: [][]media.Range{{{From: 0, To: 9}}}, Reason: "test"}
		if c.change != nil {
			c.change(&s)
		}
		if c.in == nil {
			c.in = records(ctx, commit)
		}
		_, err := r.proof.StateClip(ctx, c.who, s, c.in)
		is(t, name, err, c.want)
	}
	if n := len(r.events(archive.EventDissemination)); n != 1 {
		t.Errorf("%d events, one of the scope was expected", n)
	}
	if list, err := r.proof.Clips(ctx, releases, scope.ID); err != nil || len(list) != 0 {
		t.Errorf("%d clips, %v", len(list), err)
	}
	// What was quarantined may not be shown.
	r.quarantine(a)
	o, commit := r.rendered("clip")
	_, err := r.proof.StateClip(ctx, admin, StateClip{Object: o, Milliseconds: 1000, Cuts: []CutOf{{a.ID, 0, time.Second}}, Read: [][]media.Range{{{From: 0, To: 9}}}, Reason: "test"}, records(ctx, commit))
	is(t, "quarantined", err, archive.ErrForbidden)
}

// The caller's rows and the statement are there together or not at all.
func TestStatingARenderedClipIsOneAct(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"commit", "committed"} {
		r := newRig(t).logged()
		a := r.film(1, 30)
		r.close()
		scope := r.published()
		o, commit := r.rendered("clip")
		r.fault = func(at string) error {
			if at == point {
				return errors.New("power cut")
			}
			return nil
		}
		_, err := r.proof.StateClip(t.Context(), releases, StateClip{Object: o, Milliseconds: 1000, Cuts: []CutOf{{a.ID, 0, time.Second}}, Read: [][]media.Range{{{From: 0, To: 9}}}, Reason: "test"},
			records(t.Context(), commit))
		r.fault = nil
		is(t, point, err, store.ErrUnknownOutcome)
		list, err := r.proof.Clips(t.Context(), admin, scope.ID)
		if err != nil {
			t.Fatal(err)
		}
		recorded := true
		if err := r.db.Read(t.Context(), func(tx *store.Tx) error { _, err := tx.Object(t.Context(), o.ID); return err }); errors.Is(err, archive.ErrNotFound) {
			recorded = false
		}
		if want := point == "committed"; len(list) == 1 != want || recorded != want || len(r.events(archive.EventDissemination)) == 2 != want {
			t.Errorf("%s: %d clips, object %v", point, len(list), recorded)
		}
	}
}

// What two clips both show counts once, whatever their order; what was shown of each original is found.
func TestTheShareCountsOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a, b := r.film(5, 100), r.film(3, 50)
	r.close()
	scope := r.published()
	share := func(id string, only ...string) Share {
		t.Helper()
		s, err := r.proof.Share(ctx, releases, id)
		if len(only) > 0 {
			s, err = r.proof.ShareOf(ctx, releases, id, only)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if s := share(""); s != (Share{Scope: scope.ID, OfFiles: 2, OfBytes: a.Size + b.Size, OfMS: 150_000}) {
		t.Errorf("nothing shown: %+v", s)
	}
	first := r.made(a, 10*time.Second, 20*time.Second, 1, 2)
	second := r.made(a, 15*time.Second, 25*time.Second, 2, 4)
	third := r.made(b, 0, time.Second, 0)
	// The last segment is shorter than the others.
	want := Share{Scope: scope.ID, Clips: 3, Files: 2, Bytes: 2<<20 + (1<<20 - 7) + 1<<20, MS: 16_000, OfFiles: 2, OfBytes: a.Size + b.Size, OfMS: 150_000}
	if s := share(scope.ID); s != want {
		t.Errorf("%+v, want %+v", s, want)
	}
	if third.Statement.ReleasedMS != 21_000 {
		t.Errorf("the sum that is stated is %d", third.Statement.ReleasedMS)
	}
	if s := share("", second.ID); s.MS != 10_000 || s.Files != 1 || s.Clips != 1 || s.Bytes != 1<<20+(1<<20-7) {
		t.Errorf("%+v", s)
	}
	if s, err := r.proof.ShareOf(ctx, releases, scope.ID, nil); err != nil || s.MS != 0 || s.Clips != 0 || s.OfFiles != 2 {
		t.Errorf("none of them: %+v, %v", s, err)
	}
	// A newer scope without clips is not the one that is counted, unless it is named.
	r.open()
	r.film(1, 10)
	r.close()
	r.now = r.now.Add(24 * time.Hour)
	wider := r.published()
	if s := share(""); s.Scope != scope.ID {
		t.Errorf("%+v", s)
	}
	if s := share(wider.ID); s.OfFiles != 3 || s.Clips != 0 {
		t.Errorf("%+v", s)
	}
	if s, err := r.proof.ShareOf(ctx, releases, wider.ID, []string{first.ID}); err != nil || s.Clips != 0 || s.MS != 0 || s.OfFiles != 3 {
		t.Errorf("a clip of another scope: %+v, %v", s, err)
	}
	_, err := r.proof.Share(ctx, releases, archive.NewID(archive.PrefixStatement))
	is(t, "no such scope", err, archive.ErrNotFound)
	if _, err := r.proof.ShareOf(ctx, policy.Subject{Agent: person, Role: archive.RoleInvestigator, Scope: releases.Scope}, scope.ID, []string{first.ID}); err != nil {
		t.Errorf("who may write releases: %v", err)
	}
	_, err = r.proof.Share(ctx, reviewer, "")
	is(t, "a reviewer", err, archive.ErrForbidden)
}

// The union of spans is the number of milliseconds that any of them holds.
func TestUnion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var spans [][2]int64
		var held [200]bool
		for range rapid.IntRange(0, 8).Draw(t, "n") {
			from := rapid.Int64Range(0, 190).Draw(t, "from")
			to := rapid.Int64Range(from+1, 200).Draw(t, "to")
			spans = append(spans, [2]int64{from, to})
			for i := from; i < to; i++ {
				held[i] = true
			}
		}
		n := int64(0)
		for _, x := range held {
			if x {
				n++
			}
		}
		if got := union(spans); got != n {
			t.Fatalf("%d of %v, want %d", got, spans, n)
		}
	})
}

// Whatever a visitor downloads of a rendering can be proved by the proof of its clip, and nothing else can.
func TestEveryFileOfARenderingCanBeProved(t *testing.T) {
	t.Parallel()
	r := newRig(t).logged()
	ctx := t.Context()
	a := r.film(3, 30)
	r.close()
	r.published()
	clip, c1 := r.rendered("the clip")
	small, c2 := r.rendered("the smaller one")
	still, c3 := r.rendered("a still")
	same, c4 := r.rendered("a still") // the picture stands still
	st := StateClip{
		Object: clip, Others: []vault.Object{still, small, same}, Milliseconds: 1000, Reason: "release", Cuts: []CutOf{{a.ID, 0, time.Second}}, Read: [][]media.Range{{{From: 0, To: 9}}},
	}
	in := func(commits ...vault.Commit) func(tx *store.Tx, c Clip) error {
		return func(tx *store.Tx, c Clip) error {
			for _, x := range commits {
				if err := records(ctx, x)(tx, c); err != nil {
					return err
				}
			}
			return nil
		}
	}
	if _, err := r.proof.StateClip(ctx, releases, st, in(c1, c2, c3)); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("a file that is in no catalogue was stated: %v", err)
	}
	wrong := st
	wrong.Others = []vault.Object{small}
	wrong.Others[0].SHA256[0] ^= 1
	if _, err := r.proof.StateClip(ctx, releases, wrong, in(c1, c2, c3, c4)); !errors.Is(err, archive.ErrIntegrity) {
		t.Errorf("another file was stated than the catalogue has: %v", err)
	}
	wrong.Others = make([]vault.Object, MaxOthers+1)
	if _, err := r.proof.StateClip(ctx, releases, wrong, in(c1)); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
	made, err := r.proof.StateClip(ctx, releases, st, in(c1, c2, c3, c4))
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Statement.Files) != 2 {
		t.Errorf("%+v", made.Statement.Files)
	}
	r.tick()
	b, err := r.proof.ClipBundle(ctx, releases, made.ID)
	if err != nil {
		t.Fatal(err)
	}
	for text, ok := range map[string]bool{"the clip": true, "the smaller one": true, "a still": true, "a stilL": false, "the smaller one ": false, "": false} {
		if rep := verify.Verify(b.Raw, verify.Options{File: strings.NewReader(text)}); rep.OK != ok || !ok && rep.Failed != verify.StepFile {
			t.Errorf("%q: %+v", text, rep.Steps[len(rep.Steps)-1])
		}
	}
}
