package derive

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
)

var original = bytes.Repeat([]byte("what the camera saw "), 30_000) // three segments

func TestQuickThenFullOnBothEngines(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		it := r.item(original, `{"extension":"avi","modified_at":1595000000000000}`)
		if err := r.quick(it.ID, 1); err != nil {
			t.Fatal(err)
		}
		s := r.sound(it.ID)
		if s.item.State != archive.ItemBrowsable || s.item.Reason != "" {
			t.Errorf("state %s %q", s.item.State, s.item.Reason)
		}
		if s.count(archive.DerivativeStill) != 2 || s.count(archive.DerivativeStoryboard) != 1 || s.count(archive.DerivativeTechnical) != 1 || len(s.derivatives) != 4 {
			t.Errorf("derivatives %+v", s.derivatives)
		}
		if got := s.item.RecordedAt.Format(time.RFC3339); got != "2020-07-27T23:41:06Z" || s.item.RecordedSource != "recorder" {
			t.Errorf("recorded at %s by %s", got, s.item.RecordedSource)
		}
		if s.item.Kind != archive.KindVideo || s.item.Width != 704 || s.item.FrameRate != 12.5 || s.item.Codec != "mpeg4" || s.item.Duration != 12500*time.Millisecond || len(s.item.Micro) != 144 || s.item.Anomalies != 2 {
			t.Errorf("facts %+v", s.item)
		}
		if s.completed["enqueued"] != "full" || s.completed["completed.1"] != "yes" {
			t.Errorf("queue %v", s.completed)
		}
		if err := r.full(it.ID, 1); err != nil {
			t.Fatal(err)
		}
		s = r.sound(it.ID)
		if s.item.State != archive.ItemReady || s.count(archive.DerivativeProxy) != 1 || s.count(archive.DerivativeLanes) != 1 || s.count(archive.DerivativeTechnical) != 2 {
			t.Errorf("state %s, %d derivatives", s.item.State, len(s.derivatives))
		}
		for _, d := range s.derivatives {
			if d.Kind != archive.DerivativeProxy {
				continue
			}
			if b, err := r.open(d); err != nil || !bytes.Equal(b, r.media.proxy) || !strings.HasPrefix(d.MediaType, "video/mp4") {
				t.Errorf("proxy: %v", err)
			}
			var m proxyMeta
			if err := json.Unmarshal(d.Meta, &m); err != nil || m.RateNum != 25 || m.Frames != 150 || m.SourceFrames != 3 {
				t.Errorf("meta %s: %v", d.Meta, err)
			}
		}
		if n := r.envelopes(); n != 3 {
			t.Errorf("%d commits in the vault, want 3", n)
		}
		if n := r.leftovers(); n != 0 {
			t.Errorf("%d leftovers", n)
		}
		for _, p := range r.queue.progress {
			if p < 0 || p > 1000 {
				t.Errorf("progress %d of 1000", p)
			}
		}
	})
}

func TestKindsOfMaterial(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		probe   media.Probe
		state   archive.ItemState
		reason  string
		full    bool
		derived map[string]int
	}{
		{"picture", media.Probe{Kind: archive.KindImage, Format: "jpeg", CreatedAt: "2019-05-06T07:08:09"}, archive.ItemReady, "", false, map[string]int{"still": 1, "technical": 1}},
		{"paper", media.Probe{Kind: archive.KindDocument, Format: "pdf"}, archive.ItemReady, "", false, map[string]int{"page": 2, "technical": 1}},
		{"sound", media.Probe{Kind: archive.KindAudio, Format: "wav"}, archive.ItemBrowsable, "", true, map[string]int{"technical": 1}},
		{"text", media.Probe{Kind: archive.KindDocument, Format: "text"}, archive.ItemExplained, ReasonNotMedia, false, map[string]int{"technical": 1}},
		{"nothing known", media.Probe{}, archive.ItemExplained, ReasonNotMedia, false, map[string]int{"technical": 1}},
		{"a reason from the probe", media.Probe{Kind: archive.KindVideo, Format: "avi", Reason: "refused-container"}, archive.ItemExplained, ReasonRefused, false, map[string]int{"technical": 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			r.media = &fakeMedia{probe: c.probe, proxy: []byte("sound")}
			it := r.item(original, "")
			if err := r.quick(it.ID, 1); err != nil {
				t.Fatal(err)
			}
			s := r.sound(it.ID)
			if s.item.State != c.state || s.item.Reason != c.reason || (s.completed["enqueued"] == "full") != c.full {
				t.Errorf("%s %q, full %q", s.item.State, s.item.Reason, s.completed["enqueued"])
			}
			total := 0
			for kind, n := range c.derived {
				total += n
				if s.count(kind) != n {
					t.Errorf("%d of %s", s.count(kind), kind)
				}
			}
			if total != len(s.derivatives) {
				t.Errorf("%d derivatives, want %d", len(s.derivatives), total)
			}
			if failures := s.eventsOf(archive.EventDerivation, archive.Failure); (failures == 1) != (c.reason != "") {
				t.Errorf("%d failures recorded", failures)
			}
			if c.full {
				if err := r.full(it.ID, 1); err != nil {
					t.Fatal(err)
				}
				if s := r.sound(it.ID); s.item.State != archive.ItemReady || s.count("proxy") != 1 || s.count("lanes") != 1 {
					t.Errorf("after the full pass: %s %+v", s.item.State, s.derivatives)
				}
			}
		})
	}
}

// What the programs say about the material becomes a code, an event, and never a picture.
func TestFailuresAreExplained(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err     error
		reason  string
		full    bool // the whole decode is still tried
		attempt int
	}{
		{media.ErrNotMedia, ReasonNotMedia, false, 1}, {media.ErrNoDecoder, ReasonNoDecoder, false, 1}, {media.ErrEncrypted, ReasonEncrypted, false, 1},
		{media.ErrNeedsSeek, ReasonTooLarge, false, 1}, {media.ErrTooLarge, ReasonTooLarge, false, 1}, {media.ErrTimedOut, ReasonTimedOut, true, 1},
		{media.ErrRefused, ReasonRefused, false, 1}, {media.ErrDamaged, ReasonDamaged, true, 1},
	} {
		t.Run(c.reason+c.err.Error(), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			r.media.quickErr = c.err
			it := r.item(original, "")
			if err := r.quick(it.ID, c.attempt); err != nil {
				t.Fatal(err)
			}
			s := r.sound(it.ID)
			if s.item.State != archive.ItemExplained || s.item.Reason != c.reason || s.item.Kind != archive.KindVideo {
				t.Errorf("%s %q %s", s.item.State, s.item.Reason, s.item.Kind)
			}
			if len(s.derivatives) != 1 || s.count(archive.DerivativeTechnical) != 1 {
				t.Errorf("derivatives of what could not be decoded: %+v", s.derivatives)
			}
			if (s.completed["enqueued"] == "full") != c.full || s.completed["completed.1"] != "yes" {
				t.Errorf("queue %v", s.completed)
			}
			if s.eventsOf(archive.EventDerivation, archive.Failure) != 1 {
				t.Error("the failure is not in the record")
			}
			// The probe alone can fail, too: then not even the technical document stands.
			r2 := newRig(t, store.SQLite)
			r2.media.probeErr = c.err
			it2 := r2.item(original, "")
			if err := r2.quick(it2.ID, 1); err != nil {
				t.Fatal(err)
			}
			s2 := r2.sound(it2.ID)
			if s2.item.State != archive.ItemExplained || s2.item.Reason != c.reason || len(s2.derivatives) != 0 || s2.eventsOf(archive.EventDerivation, archive.Failure) != 1 {
				t.Errorf("after the probe failed: %s %q, %d derivatives", s2.item.State, s2.item.Reason, len(s2.derivatives))
			}
			if err := r2.quick(it2.ID, 2); err != nil {
				t.Fatal(err)
			}
			if n := r2.state(it2.ID).eventsOf(archive.EventDerivation, archive.Failure); n != 1 {
				t.Errorf("the same failure is recorded %d times", n)
			}
			if r.leftovers()+r2.leftovers() != 0 || r2.envelopes() != 1 {
				t.Error("sealed bytes of failed attempts stay in the vault")
			}
		})
	}
}

// A program that ends without a report says nothing about the material until it has done so several times.
func TestNoReportNoDerivative(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	r.media.quickErr = media.ErrNoReport
	it := r.item(original, "")
	for n := 1; n < 3; n++ {
		if err := r.quick(it.ID, n); !errors.Is(err, media.ErrNoReport) || errors.Is(err, job.ErrCancel) {
			t.Fatalf("attempt %d: %v", n, err)
		}
		if s := r.state(it.ID); s.item.State != archive.ItemSealed || len(s.derivatives) != 0 || s.completed["completed.1"] != "" {
			t.Fatalf("after attempt %d: %+v", n, s)
		}
	}
	if err := r.quick(it.ID, 3); err != nil {
		t.Fatal(err)
	}
	if s := r.sound(it.ID); s.item.State != archive.ItemExplained || s.item.Reason != ReasonDamaged || len(s.derivatives) != 0 {
		t.Errorf("%s %q", s.item.State, s.item.Reason)
	}
	// A missing program is the operator's matter, however often it is missing.
	r.media.quickErr = media.ErrNoTool
	other := r.item([]byte("another"), "")
	if err := r.quick(other.ID, 5); !errors.Is(err, media.ErrNoTool) {
		t.Errorf("a missing program: %v", err)
	}
	if s := r.state(other.ID); s.item.State != archive.ItemSealed {
		t.Errorf("a missing program made the item %s", s.item.State)
	}
}

// A proxy is accepted whole or not at all.
func TestAProxyThatWasNotFinishedDoesNotExist(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*fakeMedia){
		"killed in the middle":     func(m *fakeMedia) { m.half, m.fullErr = true, media.ErrNoReport },
		"report of other length":   func(m *fakeMedia) { m.lie = true },
		"error after the last one": func(m *fakeMedia) { m.fullErr = media.ErrNoReport },
		"nothing came":             func(m *fakeMedia) { m.proxy = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			it := r.item(original, "")
			if err := r.quick(it.ID, 1); err != nil {
				t.Fatal(err)
			}
			spoil(r.media)
			if err := r.full(it.ID, 1); !errors.Is(err, media.ErrNoReport) {
				t.Fatalf("%v", err)
			}
			s := r.sound(it.ID)
			if s.count(archive.DerivativeProxy) != 0 || s.item.State != archive.ItemBrowsable {
				t.Errorf("%s with %d proxies", s.item.State, s.count(archive.DerivativeProxy))
			}
			if r.envelopes() != 2 || r.leftovers() != 0 {
				t.Errorf("%d commits, %d leftovers", r.envelopes(), r.leftovers())
			}
			// At the end of patience the item says so and can still be browsed.
			if err := r.full(it.ID, patience); err != nil {
				t.Fatal(err)
			}
			if s := r.sound(it.ID); s.item.State != archive.ItemBrowsable || s.item.Reason != ReasonDamaged || s.count(archive.DerivativeStill) != 2 {
				t.Errorf("%s %q", s.item.State, s.item.Reason)
			}
		})
	}
}

func TestTheSameJobTwiceLeavesOneSet(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item(original, "")
	for range 2 {
		if err := r.quick(it.ID, 1); err != nil {
			t.Fatal(err)
		}
		if err := r.full(it.ID, 1); err != nil {
			t.Fatal(err)
		}
	}
	s := r.sound(it.ID)
	if len(s.derivatives) != 7 || s.item.State != archive.ItemReady || r.envelopes() != 3 || r.leftovers() != 0 {
		t.Errorf("%d derivatives, %s, %d commits, %d leftovers", len(s.derivatives), s.item.State, r.envelopes(), r.leftovers())
	}
	if s.eventsOf(archive.EventDerivation, archive.Success) != 7 {
		t.Errorf("%d events", s.eventsOf(archive.EventDerivation, archive.Success))
	}
	if r.media.calls != 2 {
		t.Errorf("decoded %d times", r.media.calls)
	}
}

// Two workers with the same job, as when one was thought dead: one set, and the other's bytes are withdrawn.
func TestTwoWorkersWithOneJob(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		it := r.item(original, "")
		errs := make(chan error, 3)
		for range 3 {
			s := r.service()
			go func() {
				errs <- s.Quick(context.Background(), job.Job[job.Quick]{ID: 1, Args: job.Quick{Item: it.ID}, Attempt: 1, MaxAttempts: 5})
			}()
		}
		for range 3 {
			if err := <-errs; err != nil && !errors.Is(err, archive.ErrExists) && !errors.Is(err, archive.ErrConflict) {
				t.Error(err)
			}
		}
		s := r.sound(it.ID)
		if len(s.derivatives) != 4 || s.eventsOf(archive.EventDerivation, archive.Success) != 4 || r.envelopes() != 2 || r.leftovers() != 0 {
			t.Errorf("%d derivatives, %d events, %d commits, %d leftovers", len(s.derivatives), s.eventsOf(archive.EventDerivation, archive.Success), r.envelopes(), r.leftovers())
		}
	})
}

// An item whose job was taken away meanwhile keeps nothing of it.
func TestAJobThatIsNoLongerOursLeavesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	r.queue.fail = archive.ErrConflict
	it := r.item(original, "")
	if err := r.quick(it.ID, 1); !errors.Is(err, archive.ErrConflict) {
		t.Fatal(err)
	}
	if s := r.sound(it.ID); len(s.derivatives) != 0 || s.item.State != archive.ItemSealed || len(s.events) != 1 || r.envelopes() != 1 || r.leftovers() != 0 {
		t.Errorf("%s, %d derivatives, %d commits", s.item.State, len(s.derivatives), r.envelopes())
	}
}

func TestAnOlderRecipeIsSupersededAndKept(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item(original, "")
	if err := errors.Join(r.quick(it.ID, 1), r.full(it.ID, 1)); err != nil {
		t.Fatal(err)
	}
	before := r.state(it.ID)
	// The same as after an upgrade: what stands was made by an older version.
	r.write(func(tx *store.Tx) error {
		for _, p := range quickPass.recipes {
			if _, err := tx.ReplaceRecipe(t.Context(), it.ID, p.Name, time.Now()); err != nil {
				return err
			}
		}
		for _, d := range before.derivatives {
			if !quickPass.owns(d) {
				continue
			}
			d.ID, d.RecipeVersion = archive.NewID(archive.PrefixDerivative), d.RecipeVersion-1
			if err := tx.AddDerivative(t.Context(), d); err != nil {
				return err
			}
		}
		return nil
	})
	if err := r.quick(it.ID, 1); err != nil {
		t.Fatal(err)
	}
	s := r.sound(it.ID)
	if s.item.State != archive.ItemReady {
		t.Errorf("a quick pass made anew took a finished item back to %s", s.item.State)
	}
	for _, d := range s.derivatives {
		if d.Recipe == media.RecipeStill.Name && d.RecipeVersion != media.RecipeStill.Version {
			t.Errorf("%s of version %d stands", d.Kind, d.RecipeVersion)
		}
	}
	// The older rows and their sealed bytes are still there.
	r.read(func(tx *store.Tx) error {
		for _, d := range before.derivatives {
			if _, err := tx.Object(t.Context(), d.Object.Object); err != nil {
				t.Errorf("object of %s is gone: %v", d.Kind, err)
			}
			if _, err := r.open(d); err != nil {
				t.Errorf("%s does not open any more: %v", d.Kind, err)
			}
		}
		return nil
	})
}

func TestQuarantinedAndErasedItemsAreRefused(t *testing.T) {
	t.Parallel()
	for _, to := range []archive.ItemState{archive.ItemQuarantined, archive.ItemErased} {
		r := newRig(t, store.SQLite)
		it := r.item(original, "")
		r.write(func(tx *store.Tx) error { return tx.MoveItem(t.Context(), it.ID, to, "test") })
		for _, err := range []error{r.quick(it.ID, 1), r.full(it.ID, 1)} {
			// An erased item is not even found.
			if !errors.Is(err, job.ErrCancel) || !errors.Is(err, errRefused) && (to != archive.ItemErased || !errors.Is(err, archive.ErrNotFound)) {
				t.Errorf("%s: %v", to, err)
			}
		}
		if r.media.calls != 0 {
			t.Errorf("a %s item was opened", to)
		}
		if to == archive.ItemErased {
			continue
		}
		if s := r.state(it.ID); s.item.State != to || len(s.derivatives) != 0 {
			t.Errorf("%s became %s", to, s.item.State)
		}
	}
	r := newRig(t, store.SQLite)
	for _, id := range []string{archive.NewID(archive.PrefixItem), "", "it_../../etc/passwd", "ac_00000000000000000000000000"} {
		if err := r.quick(id, 1); !errors.Is(err, job.ErrCancel) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// Set apart while its stills were being made: nothing of them is kept.
func TestAnItemQuarantinedMeanwhileKeepsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item(original, "")
	s := r.service()
	s.o.DB = meanwhile{r.db, func() {
		r.write(func(tx *store.Tx) error { return tx.MoveItem(t.Context(), it.ID, archive.ItemQuarantined, "test") })
	}}
	err := s.Quick(t.Context(), job.Job[job.Quick]{ID: 1, Args: job.Quick{Item: it.ID}, Attempt: 1, MaxAttempts: 5})
	if !errors.Is(err, job.ErrCancel) {
		t.Fatal(err)
	}
	if st := r.state(it.ID); st.item.State != archive.ItemQuarantined || len(st.derivatives) != 0 || r.envelopes() != 1 || r.leftovers() != 0 {
		t.Errorf("%s, %d derivatives, %d commits", st.item.State, len(st.derivatives), r.envelopes())
	}
}

// meanwhile does something just before each write.
type meanwhile struct {
	*store.DB
	do func()
}

func (m meanwhile) Write(ctx context.Context, f func(*store.Tx) error) error {
	m.do()
	return m.DB.Write(ctx, f)
}

// Damage of the seal is never taken for damage of the material, whatever the programs make of it.
func TestSealedBytesThatAreDamagedQuarantineTheItem(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]error{"the programs are content": nil, "the programs complain": media.ErrDamaged, "no report": media.ErrNoReport} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, store.SQLite)
			it := r.item(original, "")
			r.media.quickErr = told
			r.flip(it)
			err := r.quick(it.ID, 1)
			if !errors.Is(err, job.ErrCancel) || !errors.Is(err, archive.ErrIntegrity) {
				t.Fatalf("%v", err)
			}
			s := r.state(it.ID)
			if s.item.State != archive.ItemQuarantined || s.item.Reason != ReasonSealBroken || len(s.derivatives) != 0 || s.eventsOf(archive.EventQuarantine, archive.Failure) != 1 {
				t.Errorf("%s %q with %d derivatives", s.item.State, s.item.Reason, len(s.derivatives))
			}
			r.read(func(tx *store.Tx) error {
				o, err := tx.Object(t.Context(), it.Object.Object)
				if err == nil && o.State != store.ObjectQuarantined {
					t.Errorf("the object is %s", o.State)
				}
				return err
			})
			if r.leftovers() != 0 || r.envelopes() != 1 {
				t.Error("something was sealed")
			}
		})
	}
}

// flip damages the middle of the original's first segment.
func (r *rig) flip(it archive.Item) {
	r.t.Helper()
	r.read(func(tx *store.Tx) error {
		o, err := tx.Object(r.t.Context(), it.Object.Object)
		if err != nil {
			return err
		}
		r.disk.Flip(vault.BlobName(o.Segments[0].Blob), 8*(o.Segments[0].Offset+o.Segments[0].Length/2))
		return nil
	})
}

// A disk that does not answer is a matter of the job, not of the item.
func TestBytesThatDoNotArriveAreTriedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	it := r.item(original, "")
	r.media.quickErr = media.ErrDamaged
	lost := errors.New("the cable is out")
	s := r.service()
	task, err := s.open(t.Context(), quickPass, it.ID)
	if err != nil {
		t.Fatal(err)
	}
	defer task.close(t.Context())
	task.source.Original = vault.NewOriginal(failing{task.reader, lost})
	if _, err := s.makeQuick(t.Context(), &attempt{ref: job.Job[job.Quick]{ID: 1}, n: 1}, task); err == nil {
		t.Error("accepted")
	}
	if !errors.Is(task.source.problem(), lost) {
		t.Errorf("remembers %v", task.source.problem())
	}
	task.abandon(t.Context())

	// The same from end to end: the vault's disk fails from now on.
	start := r.disk.Ops()
	for k := start + 1; k < start+400; k++ {
		r.disk.FailAt(k, errors.New("input/output error"), false)
	}
	if err := r.quick(it.ID, 5); err == nil || errors.Is(err, job.ErrCancel) {
		t.Errorf("%v", err)
	}
	if st := r.state(it.ID); st.item.State != archive.ItemSealed || len(st.events) != 1 {
		t.Errorf("%s %q after a disk that failed", st.item.State, st.item.Reason)
	}
}

type failing struct {
	*vault.Reader
	err error
}

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

func TestCancelLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, full := range []bool{false, true} {
		r := newRig(t, store.SQLite)
		it := r.item(original, "")
		if full {
			if err := r.quick(it.ID, 1); err != nil {
				t.Fatal(err)
			}
		}
		before := r.envelopes()
		r.media.hold = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		var err error
		if full {
			err = r.service().Full(ctx, job.Job[job.Full]{ID: 2, Args: job.Full{Item: it.ID}, Attempt: 1, MaxAttempts: 5})
		} else {
			err = r.service().Quick(ctx, job.Job[job.Quick]{ID: 1, Args: job.Quick{Item: it.ID}, Attempt: 5, MaxAttempts: 5})
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		if s := r.sound(it.ID); s.item.State == archive.ItemExplained || s.count("proxy") != 0 || r.envelopes() != before || r.leftovers() != 0 {
			t.Errorf("%s, %d commits, %d leftovers", s.item.State, r.envelopes(), r.leftovers())
		}
	}
}

// The one that was thought dead commits between the other's last look and its own commit: still one set, and nothing of it
// is superseded by the same recipe.
func TestAWorkerThatComesBackInTheMiddle(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		it := r.item(original, "")
		work := job.Job[job.Quick]{ID: 1, Args: job.Quick{Item: it.ID}, Attempt: 1, MaxAttempts: 5}
		first, other := r.service(), make(chan error, 1)
		inside := false
		first.o.DB = meanwhile{r.db, func() { inside = true }}
		first.o.Now = func() time.Time { // asked for after the last look, within the transaction
			if inside {
				inside = false
				go func() { other <- r.service().Quick(context.WithoutCancel(t.Context()), work) }()
				select {
				case err := <-other:
					other <- err
				case <-time.After(400 * time.Millisecond): // it waits for us, as it should
				}
			}
			return time.Now()
		}
		for _, err := range []error{first.Quick(t.Context(), work), <-other} {
			if err != nil {
				t.Error(err)
			}
		}
		s := r.sound(it.ID)
		if len(s.derivatives) != 4 || s.eventsOf(archive.EventDerivation, archive.Success) != 4 || r.envelopes() != 2 || r.leftovers() != 0 {
			t.Errorf("%d derivatives, %d events, %d commits, %d leftovers", len(s.derivatives), s.eventsOf(archive.EventDerivation, archive.Success), r.envelopes(), r.leftovers())
		}
	})
}
