package copies

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/record"
)

const program = "ag_00000000000000000000000000"

var key = bytes.Repeat([]byte{7}, 32)

// rig is an archive with a vault on a simulated disk and two accessions.
type rig struct {
	t       *testing.T
	db      *store.DB
	vault   *vault.Vault
	sealer  *record.Sealer
	queue   *fakeQueue
	service *Service
	acc     [2]string
	n       int
}

type fakeQueue struct {
	mu   sync.Mutex
	put  []string
	done []int64
}

func (q *fakeQueue) EnqueueTx(_ context.Context, _ *store.Tx, a job.Args, _ job.Opts) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.put = append(q.put, a.Kind())
	return nil
}

func (q *fakeQueue) CompleteTx(_ context.Context, _ *store.Tx, j interface{ Ref() int64 }) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.done = append(q.done, j.Ref())
	return nil
}

func (q *fakeQueue) Progress(context.Context, interface{ Ref() int64 }, string, int64, int64) {}

func newRig(t *testing.T, engine string) *rig {
	t.Helper()
	r := &rig{t: t, db: storetest.Open(t, engine), queue: &fakeQueue{}}
	var err error
	r.vault, err = vault.Create(t.Context(), localdisk.New(faultfs.New(1)), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if r.sealer, err = record.New(key); err != nil {
		t.Fatal(err)
	}
	for i := range r.acc {
		r.acc[i] = archive.NewID(archive.PrefixAccession)
		r.write(func(tx *store.Tx) error {
			_, err := tx.AddAccession(t.Context(), archive.Accession{ID: r.acc[i], Title: "Test", State: archive.AccessionOpen, CreatedAt: time.Now(), CreatedBy: program})
			return err
		})
	}
	r.service = r.open()
	return r
}

func (r *rig) open() *Service {
	s, err := New(Options{DB: r.db, Vault: r.vault, Sealer: r.sealer, Custody: custody.New(custody.Options{Tool: "zapis test"}), Jobs: r.queue, Agent: program,
		Media: func() (Media, error) { return fakeMedia{}, nil }})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) write(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

// film draws people who walk before a fixed camera.
func film(camera, people, noise uint64, from, seconds float64) [][]byte {
	r := rand.New(rand.NewPCG(camera, 1))
	var back [fingerprint.Height][fingerprint.Width]float64
	for range 40 {
		x, y, w, h, v := r.IntN(fingerprint.Width), r.IntN(fingerprint.Height), 6+r.IntN(50), 6+r.IntN(30), 40+r.Float64()*150
		for j := y; j < min(y+h, fingerprint.Height); j++ {
			for i := x; i < min(x+w, fingerprint.Width); i++ {
				back[j][i] = v
			}
		}
	}
	type way struct{ x, y, f, g, p, v float64 }
	r = rand.New(rand.NewPCG(people, 2))
	var ways []way
	for range 4 {
		ways = append(ways, way{30 + r.Float64()*100, 25 + r.Float64()*40, 0.02 + r.Float64()*0.09, 0.03 + r.Float64()*0.12, r.Float64() * 7, 30 + r.Float64()*200})
	}
	r = rand.New(rand.NewPCG(noise, 3))
	var out [][]byte
	for i := range int(seconds * fingerprint.Rate) {
		t := from + float64(i)/fingerprint.Rate
		p := back
		for _, w := range ways {
			x := w.x + 30*math.Sin(2*math.Pi*w.f*t+w.p) + 14*math.Sin(2*math.Pi*w.f*math.Pi*t)
			y := w.y + 10*math.Sin(2*math.Pi*w.g*t+w.p)
			for j := max(0, int(y-14)); j < min(fingerprint.Height, int(y+14)); j++ {
				for i := max(0, int(x-6)); i < min(fingerprint.Width, int(x+6)); i++ {
					p[j][i] = w.v
				}
			}
		}
		b := make([]byte, 0, fingerprint.Width*fingerprint.Height)
		for _, row := range p {
			for _, v := range row {
				b = append(b, byte(min(max(v+r.NormFloat64()*1.5, 0), 255)))
			}
		}
		out = append(out, b)
	}
	return out
}

func printOf(t testing.TB, w io.Writer, film [][]byte) []fingerprint.Run {
	t.Helper()
	b := fingerprint.NewBuilder(w)
	for _, p := range film {
		if err := b.Frame(p); err != nil {
			t.Fatal(err)
		}
	}
	runs, _, err := b.Close()
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// item records a recording with its fingerprint as derive does; width says how large its picture is.
func (r *rig) item(acc int, width int, film [][]byte) archive.Item {
	r.t.Helper()
	ctx := r.t.Context()
	var b bytes.Buffer
	runs := printOf(r.t, &b, film)
	r.n++
	batch := r.vault.Begin(ctx)
	original, err := batch.Add(ctx, strings.NewReader(fmt.Sprint("film ", r.n)), vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	sealed, err := batch.Add(ctx, &b, vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	commit, err := batch.Commit(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	it := archive.Item{
		ID: archive.NewID(archive.PrefixItem), Accession: r.acc[acc], Kind: archive.KindVideo, State: archive.ItemReady, Size: original.Size, SHA256: original.SHA256[:],
		Object: archive.ObjectRef{Object: original.ID, Envelope: original.Envelope}, ReceivedAt: time.Now().Add(time.Duration(r.n) * time.Second), Difficulty: -1, Copies: 1,
		Width: width, Height: width * 9 / 16, Duration: time.Duration(len(film)) * time.Second / fingerprint.Rate,
	}
	d := archive.Derivative{
		ID: archive.NewID(archive.PrefixDerivative), Item: it.ID, Kind: "fingerprint", Recipe: fingerprint.Name, RecipeVersion: fingerprint.Version, Tool: "ffmpeg", ToolVersion: "5",
		Object: archive.ObjectRef{Object: sealed.ID, Envelope: sealed.Envelope}, Size: sealed.Size, SHA256: sealed.SHA256[:], MediaType: "application/octet-stream", Meta: []byte("{}"), CreatedAt: time.Now(),
	}
	r.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, commit, store.ObjectOriginal); err != nil {
			return err
		}
		if err := tx.AddItem(ctx, &it); err != nil {
			return err
		}
		if err := tx.AddDerivative(ctx, d); err != nil {
			return err
		}
		return tx.AddFingerprint(ctx, store.Fingerprint{Item: it.ID, Derivative: d.ID, Version: fingerprint.Version, Runs: r.sealer.Seal(d.ID, fingerprint.EncodeRuns(runs))})
	})
	return it
}

func (r *rig) match(id string) error {
	return r.service.Match(r.t.Context(), job.Job[job.Match]{ID: 5, Args: job.Match{Item: id}, Attempt: 1, MaxAttempts: 5})
}

func admin() policy.Subject { return policy.Subject{Agent: program, Role: archive.RoleAdmin} }

// reader sees one accession.
func (r *rig) reader(acc int, role archive.Role) policy.Subject {
	return policy.Subject{Agent: "ag_11111111111111111111111111", Role: role, Scope: archive.Scope{Accessions: []string{r.acc[acc]}, MaxDifficulty: -1}}
}

// fakeMedia makes the fingerprint of a film that the source names.
type fakeMedia struct{}

func (fakeMedia) Probe(context.Context, media.Source) (media.Probe, error) {
	return media.Probe{Kind: archive.KindVideo}, nil
}

func (fakeMedia) Fingerprint(_ context.Context, src media.Source, _ media.Probe, w io.Writer, _ func(float64)) ([]fingerprint.Run, media.Report, error) {
	b := fingerprint.NewBuilder(w)
	for _, p := range film(1, 1, 99, 12.4, 24) {
		if err := b.Frame(p); err != nil {
			return nil, media.Report{}, err
		}
	}
	runs, _, err := b.Close()
	return runs, media.Report{}, err
}

func TestCopiesAreFoundDecidedAndFolded(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		whole := r.item(0, 1920, film(1, 1, 1, 0, 40))
		small := r.item(0, 640, film(1, 1, 2, 0, 40))   // another encode of it
		clip := r.item(0, 640, film(1, 1, 3, 10.6, 22)) // a part of it
		later := r.item(0, 1920, film(1, 77, 4, 0, 40)) // the same camera another day
		hidden := r.item(1, 3840, film(1, 1, 5, 0, 40)) // a copy in an accession that not everybody sees
		_ = r.item(0, 1920, film(9, 1, 6, 0, 40))       // another camera
		for _, it := range []archive.Item{whole, small, clip, later, hidden} {
			must(r.match(it.ID))
		}
		if len(r.queue.done) != 5 {
			t.Errorf("%d jobs are done", len(r.queue.done))
		}
		links, err := r.service.Links(ctx, admin(), whole.ID)
		must(err)
		got := map[string]Link{}
		for _, l := range links {
			if l.A.ID != whole.ID {
				t.Error("a link is seen from the wrong side")
			}
			got[l.B.ID] = l
		}
		if l := got[small.ID]; !l.Whole() || l.State != archive.Suggested || !l.MayDecide {
			t.Errorf("the small one: %+v", l)
		}
		if l := got[clip.ID]; !l.Contains() || math.Abs(l.Offset.Seconds()+10.6) > 0.2 || len(l.Spans) != 1 || math.Abs(l.Spans[0].A.Seconds()-10.6) > 0.2 {
			t.Errorf("the clip: %+v", l)
		}
		if l, ok := got[later.ID]; ok {
			t.Errorf("another day of the same camera is linked: %+v", l)
		}
		if !got[hidden.ID].Whole() {
			t.Error("an administrator is not told of the third one")
		}
		if back, err := r.service.Links(ctx, admin(), clip.ID); err != nil || !slices.ContainsFunc(back, func(l Link) bool {
			return l.B.ID == whole.ID && l.Within() && math.Abs(l.Offset.Seconds()-10.6) < 0.2
		}) {
			t.Errorf("from the other side: %+v, %v", back, err)
		}

		// Somebody who sees one accession learns nothing of the other one, not by number and not by fold.
		narrow := r.reader(0, archive.RoleInvestigator)
		seen, err := r.service.Links(ctx, narrow, whole.ID)
		must(err)
		if slices.ContainsFunc(seen, func(l Link) bool { return l.B.ID == hidden.ID }) || len(seen) != len(links)-1 {
			t.Errorf("sees %d of %d links", len(seen), len(links))
		}
		if _, err := r.service.Links(ctx, narrow, hidden.ID); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("links of what is not to be seen: %v", err)
		}
		_, _, all, err := r.service.List(ctx, admin(), Query{})
		must(err)
		list, _, n, err := r.service.List(ctx, narrow, Query{})
		must(err)
		if n.Suggested >= all.Suggested || int(n.Suggested) != len(list) || slices.ContainsFunc(list, func(l Link) bool { return l.A.ID == hidden.ID || l.B.ID == hidden.ID }) {
			t.Errorf("counts %+v of %+v, %d listed", n, all, len(list))
		}
		found, err := r.service.FindItem(ctx, narrow, whole.ID)
		must(err)
		if len(found.Matches) != 2 || found.LooksAlike != 1 || found.Searched != 3 || found.Alike[0].Item.ID != later.ID || found.Alike[0].Kind != Camera {
			t.Errorf("found %+v", found)
		}
		for _, m := range found.Matches {
			if m.Item.ID == hidden.ID {
				t.Error("found what is not to be seen")
			}
		}
		if _, err := r.service.FindItem(ctx, narrow, hidden.ID); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("find what is not to be seen: %v", err)
		}
		if err := r.service.Confirm(ctx, narrow, got[hidden.ID].ID, ""); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("decide on what is not to be seen: %v", err)
		}
		if err := r.service.Confirm(ctx, r.reader(0, archive.RoleReviewer), got[small.ID].ID, ""); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("a reviewer decides: %v", err)
		}

		ids := []string{whole.ID, small.ID, clip.ID, later.ID}
		fold := func(who policy.Subject, q store.Query) map[string]Fold {
			t.Helper()
			f, err := r.service.Fold(ctx, who, q, append(slices.Clone(ids), hidden.ID))
			must(err)
			return f
		}
		f := fold(narrow, store.Query{})
		if len(f) != 2 || f[whole.ID] != (Fold{Leader: whole.ID, Recordings: 2, Files: 2}) || !f[small.ID].Hidden(small.ID) {
			t.Errorf("fold of one accession: %+v", f)
		}
		if f := fold(admin(), store.Query{}); f[whole.ID].Leader != hidden.ID || f[whole.ID].Recordings != 3 || f[hidden.ID].Hidden(hidden.ID) {
			t.Errorf("fold of all: %+v", f)
		}
		// A row is never hidden behind one that the question leaves out.
		if f := fold(admin(), store.Query{Accessions: []string{r.acc[0]}}); f[whole.ID].Leader != whole.ID || f[whole.ID].Recordings != 2 {
			t.Errorf("fold of a question: %+v", f)
		}

		// What people decided stays, whatever a machine says afterwards.
		id := got[small.ID].ID
		must(r.service.Dismiss(ctx, narrow, id, "a different cut"))
		if err := r.service.Confirm(ctx, narrow, id, ""); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("confirmed after it was dismissed: %v", err)
		}
		must(r.match(whole.ID))
		seen, err = r.service.Links(ctx, narrow, whole.ID)
		must(err)
		if !slices.ContainsFunc(seen, func(l Link) bool {
			return l.ID == id && l.State == archive.Dismissed && l.Why == "a different cut" && l.DecidedBy == narrow.Agent
		}) {
			t.Errorf("the decision is gone: %+v", seen)
		}
		if f := fold(narrow, store.Query{}); len(f) != 0 {
			t.Errorf("folds what was dismissed: %+v", f)
		}
		must(r.service.Undo(ctx, narrow, id))
		if f := fold(narrow, store.Query{}); len(f) != 2 {
			t.Errorf("does not fold what was taken back: %+v", f)
		}
		must(r.service.Confirm(ctx, narrow, id, ""))
		must(r.db.Read(ctx, func(tx *store.Tx) error {
			at, err := tx.EventsOf(ctx, custody.KindItem, small.ID)
			if err != nil {
				return err
			}
			acts := map[string]int{}
			for _, i := range at {
				o, err := tx.Opening(ctx, i)
				if err != nil {
					return err
				}
				e, err := archive.ParseEvent(o.Event)
				if err != nil {
					return err
				}
				acts[e.Detail["act"]]++
				if strings.Contains(string(o.Event), "different cut") {
					t.Error("somebody's words stand in the custody record")
				}
			}
			if acts["dismiss copy"] != 1 || acts["undo decision on copy"] != 1 || acts["confirm copy"] != 1 {
				t.Errorf("recorded: %v", acts)
			}
			return nil
		}))

		// A file that is not in the archive.
		file, err := r.service.FindFile(ctx, narrow, io.NewSectionReader(strings.NewReader("a clip from the web"), 0, 19), nil)
		must(err)
		if len(file.Matches) < 2 || file.Matches[0].Kind != Same || slices.ContainsFunc(file.Matches, func(m Match) bool { return m.Item.ID == hidden.ID }) {
			t.Errorf("a file: %+v", file.Matches)
		}
		for _, m := range file.Matches {
			if m.Item.ID == whole.ID && math.Abs(m.Offset.Seconds()-12.4) > 0.2 {
				t.Errorf("the file lies at %v", m.Offset)
			}
		}
		// The same bytes are said to be that, to who may know of them.
		same := io.NewSectionReader(strings.NewReader("film 5"), 0, 6)
		if file, err := r.service.FindFile(ctx, admin(), same, nil); err != nil || file.Matches[0].Kind != Identical || file.Matches[0].Item.ID != hidden.ID {
			t.Errorf("the same bytes: %+v, %v", file.Matches, err)
		}
		if file, err := r.service.FindFile(ctx, narrow, same, nil); err != nil || slices.ContainsFunc(file.Matches, func(m Match) bool { return m.Kind == Identical }) {
			t.Errorf("the same bytes elsewhere: %+v, %v", file.Matches, err)
		}
	})
}

// What is erased leaves tables, index and answers.
func TestErasedFootageLeavesTheIndex(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		ctx := t.Context()
		a, b := r.item(0, 640, film(1, 1, 1, 0, 30)), r.item(0, 640, film(1, 1, 2, 0, 30))
		if err := errors.Join(r.match(a.ID), r.match(b.ID)); err != nil {
			t.Fatal(err)
		}
		erasure := store.Erasure{ID: archive.NewID(archive.PrefixErasure), Item: b.ID, Reason: "asked", RequestedBy: "ag_1", RequestedAt: time.Now(), State: "requested"}
		r.write(func(tx *store.Tx) error { return tx.AddErasure(ctx, erasure) })
		r.write(func(tx *store.Tx) error { return tx.ApproveErasure(ctx, erasure.ID, "ag_2", time.Now()) })
		// From here on nobody is told of it.
		if l, err := r.service.Links(ctx, admin(), a.ID); err != nil || len(l) != 0 {
			t.Errorf("links to what is to be erased: %+v, %v", l, err)
		}
		if f, err := r.service.FindItem(ctx, admin(), a.ID); err != nil || f.Searched != 0 {
			t.Errorf("found what is to be erased: %+v, %v", f, err)
		}
		if err := r.match(b.ID); !errors.Is(err, job.ErrCancel) {
			t.Errorf("matched what is to be erased: %v", err)
		}
		r.write(func(tx *store.Tx) error { return tx.EraseItemRows(ctx, b.ID) })
		st, err := r.service.Status(ctx)
		if err != nil || st.Recordings != 1 || r.service.index.Holds(b.ID) {
			t.Errorf("%+v, %v", st, err)
		}
		if err := r.db.Read(ctx, func(tx *store.Tx) error {
			n, _, err := tx.FingerprintCount(ctx)
			links, lerr := tx.CopyLinks(ctx, everything, store.CopyLinkQuery{})
			if n != 1 || len(links) != 0 {
				t.Errorf("%d fingerprints and %d links are left", n, len(links))
			}
			return errors.Join(err, lerr)
		}); err != nil {
			t.Fatal(err)
		}
		// A process that starts now builds the same index.
		again := r.open()
		if st, err := again.Status(ctx); err != nil || st.Recordings != 1 || st.Broken != 0 {
			t.Errorf("%+v, %v", st, err)
		}
	})
}

func TestFingerprintsOfAnotherKeyAreLeftOut(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	r.item(0, 640, film(1, 1, 1, 0, 10))
	other, err := record.New(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	r.sealer = other
	if st, err := r.open().Status(t.Context()); err != nil || st.Broken != 1 || st.Runs != 0 {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestJobsForWhatIsNotThereEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, store.SQLite)
	for _, id := range []string{"nonsense", archive.NewID(archive.PrefixItem)} {
		if err := r.match(id); !errors.Is(err, job.ErrCancel) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if n, err := r.service.Fill(t.Context(), admin()); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := r.service.Fill(t.Context(), r.reader(0, archive.RoleReviewer)); err == nil {
		t.Error("a reviewer fills the queue")
	}
	if _, err := New(Options{}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("%v", err)
	}
}
