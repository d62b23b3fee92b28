package redact

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
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
	"zapis/internal/media/detect"
	"zapis/internal/media/mask"
	"zapis/internal/policy"
	"zapis/internal/redact/plan"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

const program = "ag_00000000000000000000000000"

var seesAll = archive.Scope{All: true, MaxDifficulty: -1}

func somebody(letter string, role archive.Role) policy.Subject {
	return policy.Subject{Agent: "ag_0000000000000000000000000" + letter, Role: role, Scope: seesAll}
}

var (
	ann      = somebody("a", archive.RolePublisher)
	bob      = somebody("b", archive.RolePublisher)
	eve      = somebody("e", archive.RolePublisher)
	finder   = somebody("f", archive.RoleInvestigator) // may write plans, not approve
	reviewer = somebody("r", archive.RoleReviewer)
)

// rig is an archive with a vault on a simulated disk, a real database, and media programs that do as they are told.
type rig struct {
	t       testing.TB
	disk    *faultfs.FS
	vault   *vault.Vault
	db      *store.DB
	cat     Database // db, or db with faults
	custody *custody.Recorder
	media   *fakeMedia
	queue   *fakeQueue
	clips   *fakeClips
	subject func(agent string) (policy.Subject, error)
	face    [2]int64 // from and to when one is seen
	acc     archive.Accession
	n       int
	clock   time.Time
	repeat  int // of the content of an item; 0: 100 times
}

func newRig(t testing.TB, engine string) *rig {
	t.Helper()
	r := &rig{t: t, disk: faultfs.New(1), db: storetest.Open(t, engine), media: &fakeMedia{}, queue: &fakeQueue{}, clock: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	v, err := vault.Create(t.Context(), localdisk.New(r.disk), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	r.vault, r.cat = v, r.db
	r.clips = &fakeClips{r: r}
	r.custody = custody.New(custody.Options{Tool: "zapis test"})
	r.subject = func(agent string) (policy.Subject, error) {
		return policy.Subject{Agent: agent, Role: archive.RolePublisher, Scope: seesAll}, nil
	}
	r.write(func(tx *store.Tx) (err error) {
		r.acc, err = tx.AddAccession(t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "Test", State: archive.AccessionOpen, CreatedAt: r.clock, CreatedBy: program})
		return err
	})
	return r
}

// room is the service on what the rig has now.
func (r *rig) room() *Service {
	r.t.Helper()
	s, err := New(Options{
		DB: r.cat, Vault: r.vault, Custody: r.custody, Jobs: r.queue, Media: func() (Media, error) { return r.media, nil }, Clips: r.clips, Agent: program,
		Subject:   func(_ context.Context, agent string) (policy.Subject, error) { return r.subject(agent) },
		Now:       func() time.Time { r.clock = r.clock.Add(time.Millisecond); return r.clock },
		Detectors: func() []detect.Detector { return []detect.Detector{&fakeDetector{r.face}} },
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// reboot cuts the power, if it is not out yet, and opens the vault on what the disk kept.
func (r *rig) reboot() {
	r.t.Helper()
	r.disk = r.disk.Reboot()
	v, err := vault.Open(r.t.Context(), localdisk.New(r.disk), vault.Passphrase([]byte("for tests")))
	if err != nil {
		r.t.Fatalf("open the vault after the cut: %v", err)
	}
	r.vault = v
}

func (r *rig) write(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) read(f func(tx *store.Tx) error) {
	r.t.Helper()
	if err := r.db.Read(r.t.Context(), f); err != nil {
		r.t.Fatal(err)
	}
}

// item seals bytes and records them as a recording of 20 seconds that was looked at.
func (r *rig) item(content string) archive.Item {
	r.t.Helper()
	ctx := r.t.Context()
	batch := r.vault.Begin(ctx)
	o, err := batch.Add(ctx, strings.NewReader(strings.Repeat(content, cmp.Or(r.repeat, 100))), vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	commit, err := batch.Commit(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	r.n++
	it := archive.Item{
		ID: archive.NewID(archive.PrefixItem), Accession: r.acc.ID, Kind: archive.KindVideo, State: archive.ItemReady, Size: o.Size, SHA256: o.SHA256[:],
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: r.clock, Difficulty: -1, Copies: 1, Duration: 20 * time.Second, Width: 1280, Height: 720,
	}
	p := archive.Provenance{ID: archive.NewID(archive.PrefixProvenance), Accession: r.acc.ID, Seq: int64(r.n), Item: it.ID, Outcome: archive.OutcomeReceived, Size: o.Size,
		Fingerprint: fmt.Appendf(nil, "%032d", r.n), FoundAt: r.clock, Sealed: []byte("sealed")}
	r.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, commit, store.ObjectOriginal); err != nil {
			return err
		}
		if err := tx.AddItem(ctx, &it); err != nil {
			return err
		}
		if err := tx.AddProvenance(ctx, p); err != nil {
			return err
		}
		_, err := r.custody.Record(ctx, tx, custody.Ingestion(program, it, p.ID))
		return err
	})
	return it
}

// planned makes a plan of ann's: ten seconds of each item.
func (r *rig) planned(items ...archive.Item) Summary {
	r.t.Helper()
	var ids []string
	var cuts []plan.Cut
	for i, it := range items {
		ids = append(ids, it.ID)
		cuts = append(cuts, plan.Cut{Source: i, FromUS: 1_000_000, ToUS: 11_000_000})
	}
	p, err := r.room().Create(r.t.Context(), ann, "the gate", ids, cuts)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// cover is a track over a box, from and to in seconds.
func cover(source int, from, to int64, box [4]int) plan.Track {
	return plan.Track{ID: archive.NewID(archive.PrefixTrack), Source: source, Kind: plan.Solid, Reason: "face", Keys: []plan.Key{{AtUS: from * 1_000_000, Box: box}, {AtUS: to * 1_000_000, Box: box}}}
}

var whole = [4]int{0, 0, plan.Whole, plan.Whole}

// save puts a track more into a plan.
func (r *rig) save(who policy.Subject, id string, tracks ...plan.Track) Version {
	r.t.Helper()
	s := r.room()
	v, err := s.Version(r.t.Context(), who, id, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	p := v.Body
	p.Tracks = append(slices.Clone(p.Tracks), tracks...)
	out, err := s.Save(r.t.Context(), who, id, v.Number, p, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return out
}

func (r *rig) gapCheck(id string, version, attempt int) error {
	return r.room().GapCheck(r.t.Context(), job.Job[job.GapCheck]{ID: 1, Args: job.GapCheck{Plan: id, Version: version}, Attempt: attempt, MaxAttempts: 3})
}

func (r *rig) detect(id string, version int) error {
	return r.room().Detect(r.t.Context(), job.Job[job.Detect]{ID: 2, Args: job.Detect{Plan: id, Version: version}, Attempt: 1, MaxAttempts: 3})
}

func (r *rig) render(id string, version, attempt int) error {
	return r.room().RenderPlan(r.t.Context(), job.Job[job.RenderPlan]{ID: 3, Args: job.RenderPlan{Plan: id, Version: version}, Attempt: attempt, MaxAttempts: 3})
}

// shown notes that somebody was shown every stop of a version.
func (r *rig) shown(who policy.Subject, id string, version int) {
	r.t.Helper()
	st, err := r.room().Stops(r.t.Context(), who, id, version)
	if err != nil {
		r.t.Fatal(err)
	}
	v, err := r.room().Version(r.t.Context(), who, id, version)
	if err != nil {
		r.t.Fatal(err)
	}
	r.write(func(tx *store.Tx) error {
		for _, x := range st.Stops {
			if err := tx.AddPlanStop(r.t.Context(), store.PlanStop{Plan: id, Version: version, Agent: who.Agent, Source: x.Source, AtUS: x.US, SHA256: v.SHA256[:], SeenAt: r.clock}); err != nil {
				return err
			}
		}
		return nil
	})
}

// ready has the newest version checked and looked at by bob.
func (r *rig) ready(id string) int {
	r.t.Helper()
	s, ctx := r.room(), r.t.Context()
	run, err := s.Check(ctx, ann, id)
	if err == nil {
		err = r.gapCheck(id, run.Version, 1)
	}
	if err == nil {
		r.shown(bob, id, run.Version)
		err = s.LookedAt(ctx, bob, id, run.Version)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return run.Version
}

// approved has the newest version approved by bob, and its rendering asked for.
func (r *rig) approved(id string) int {
	r.t.Helper()
	n := r.ready(id)
	s := r.room()
	err := s.Approve(r.t.Context(), bob, id, n, "")
	if err == nil {
		_, err = s.Render(r.t.Context(), bob, id, n)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

// events gives those of a type, in order.
func (r *rig) events(kind string) (out []archive.Event) {
	r.t.Helper()
	r.read(func(tx *store.Tx) error {
		out = nil
		all, err := tx.Openings(r.t.Context(), 0, 10_000)
		for _, o := range all {
			if o.Type != kind {
				continue
			}
			e, err := archive.ParseEvent(o.Event)
			if err != nil {
				return err
			}
			out = append(out, e)
		}
		return err
	})
	return out
}

// envelopes counts the commits that the vault holds.
func (r *rig) envelopes() (n int) {
	r.t.Helper()
	for _, err := range r.vault.Envelopes(r.t.Context()) {
		if err != nil {
			r.t.Fatal(err)
		}
		n++
	}
	return n
}

// fakeQueue notes what it is told in the transaction itself, so that a transaction that is lost takes it along.
type fakeQueue struct {
	mu       sync.Mutex
	progress []int64
	fail     error
	info     *job.Info // what is told of a job; nil: it is under way
}

func (q *fakeQueue) EnqueueTx(ctx context.Context, tx *store.Tx, a job.Args, o job.Opts) error {
	if !o.Unique {
		return errors.New("the same job could be there twice")
	}
	return tx.SetSetting(ctx, "enqueued."+a.Kind(), fmt.Sprint(a))
}

func (q *fakeQueue) CompleteTx(ctx context.Context, tx *store.Tx, j interface{ Ref() int64 }) error {
	if q.fail != nil {
		return q.fail
	}
	return tx.SetSetting(ctx, fmt.Sprintf("completed.%d", j.Ref()), "yes")
}

func (q *fakeQueue) Progress(_ context.Context, _ interface{ Ref() int64 }, _ string, done, _ int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.progress = append(q.progress, done)
}

func (q *fakeQueue) List(context.Context, job.Filter) ([]job.Info, error) {
	if q.info != nil {
		return []job.Info{*q.info}, nil
	}
	return []job.Info{{State: job.Running, Attempt: 1, StartedAt: time.Unix(1, 0), Progress: store.Progress{Done: 1, Total: 4}}}, nil
}

// setting gives a setting that a fake wrote.
func (r *rig) setting(key string) (value string) {
	r.t.Helper()
	r.read(func(tx *store.Tx) (err error) { value, _, err = tx.Setting(r.t.Context(), key); return err })
	return value
}

// fakeClips states clips as the room of proofs does, without a log.
type fakeClips struct {
	r      *rig
	fail   error
	before func() // is called when a clip is to be stated
	got    []StatedClip
	who    policy.Subject
	n      int64
}

func (c *fakeClips) StateClip(ctx context.Context, who policy.Subject, s StatedClip, in func(tx *store.Tx, clip string) error) error {
	c.got, c.who = append(c.got, s), who
	if c.before != nil {
		c.before()
	}
	if c.fail != nil {
		return c.fail
	}
	return c.r.cat.Write(ctx, func(tx *store.Tx) error {
		c.n++
		statement := func(kind string) (store.Statement, error) {
			id := archive.NewID(archive.PrefixStatement)
			st := store.Statement{ID: id, Kind: kind, Body: []byte(id), Salt: sha256.Sum256([]byte(id)), SHA256: sha256.Sum256([]byte(id)), CreatedAt: c.r.clock, CreatedBy: program, Tick: -1, Place: -1}
			return st, tx.AddStatement(ctx, st)
		}
		scope, err := statement("scope")
		if err != nil {
			return err
		}
		st, err := statement("clip")
		if err != nil {
			return err
		}
		clip := store.Clip{ID: archive.NewID(archive.PrefixClip), Statement: st.ID, Scope: scope.ID, Number: c.n, ReleasedMS: s.Milliseconds, Bytes: s.Object.Size, Milliseconds: s.Milliseconds,
			SHA256: s.Object.SHA256, Object: archive.ObjectRef{Object: s.Object.ID, Envelope: s.Object.Envelope}, CreatedAt: c.r.clock}
		if err := tx.AddClip(ctx, clip); err != nil {
			return err
		}
		if err := in(tx, clip.ID); err != nil {
			return err
		}
		_, err = tx.Object(ctx, s.Object.ID)
		return err
	})
}

// fakeDetector sees a face in the middle from one time to another.
type fakeDetector struct{ seen [2]int64 }

func (*fakeDetector) Name() string { return "fake" }
func (*fakeDetector) Version() int { return 7 }
func (d *fakeDetector) Detect(_ detect.Gray, us int64, out []detect.Detection) []detect.Detection {
	if us >= d.seen[0] && us < d.seen[1] {
		out = append(out, detect.Detection{US: us, Kind: detect.KindFace, Box: [4]int{400_000, 400_000, 100_000, 100_000}, Score: 8})
	}
	return out
}
func (*fakeDetector) Flush(out []detect.Detection) ([]detect.Detection, []detect.Unjudged) {
	return out, []detect.Unjudged{{FromUS: 5, ToUS: 6, Detector: "fake/7", Kind: detect.KindPerson, Why: detect.WhyMoves}}
}

// fakeMedia gives what it is told, after reading the sources as the programs would. What it renders depends on the boxes, the seed and the sound.
type fakeMedia struct {
	err    error // instead of frames or a clip, after half of it
	narrow bool  // complain of anything but the whole
	asked  []media.RedactOptions
	during func()   // while it renders
	dark   int      // renditions that come to nothing
	begins []string // bytes and moments that frames were asked from
	hang   string   // how sources begin of which no frames come
	early  int64    // how long before a cut its first frame begins, µs
}

func (m *fakeMedia) Probe(_ context.Context, src media.Source) (media.Probe, error) {
	if _, err := src.ReadAt(make([]byte, min(64, src.Size())), 0); err != nil && !errors.Is(err, io.EOF) {
		return media.Probe{}, media.ErrDamaged // what a program makes of bytes that do not come
	}
	return media.Probe{Kind: archive.KindVideo, Format: "avi", Streams: []media.Stream{{Type: "video", Width: 1280, Height: 720}, {Type: "audio"}}}, nil
}

func (m *fakeMedia) RawFrames(ctx context.Context, cut media.Cut, o media.RawOptions, each func(n int, us int64, p *mask.Picture) error) (media.Report, []media.Range, error) {
	head := make([]byte, 6)
	_, _ = cut.Source.ReadAt(head, 0)
	m.begins = append(m.begins, fmt.Sprintf("%s %v", head, cut.From))
	if m.hang != "" && strings.HasPrefix(string(head), m.hang) {
		<-ctx.Done()
		return media.Report{}, nil, ctx.Err()
	}
	if m.narrow && !o.Whole {
		return media.Report{}, nil, media.ErrNarrow
	}
	if _, err := io.Copy(io.Discard, io.NewSectionReader(cut.Source, 0, cut.Source.Size())); err != nil {
		return media.Report{}, nil, media.ErrDamaged
	}
	w, h := 64, 36
	n := 0
	for us := cut.From.Microseconds(); us < cut.To.Microseconds(); us += 40_000 {
		p := mask.NewPicture(w, h, o.Gray, nil)
		for i := range p.Y {
			p.Y[i] = 200
		}
		for i := range p.U {
			p.U[i], p.V[i] = 128, 128
		}
		if err := each(n, us, p); err != nil {
			return media.Report{}, nil, err
		}
		if n++; m.err != nil && n > 3 {
			return media.Report{}, nil, m.err
		}
	}
	return media.Report{}, []media.Range{{From: 0, To: cut.Source.Size()}}, nil
}

func (m *fakeMedia) Redact(_ context.Context, cuts []media.Cut, o media.RedactOptions) (out media.Redacted, err error) {
	m.asked = append(m.asked, o)
	if m.during != nil {
		m.during()
	}
	h := sha256.New()
	fmt.Fprintf(h, "%x %v %+v", o.Seed, o.Hide, o.Sound)
	for i, c := range cuts {
		if _, err := io.Copy(io.Discard, io.NewSectionReader(c.Source, 0, c.Source.Size())); err != nil {
			return out, media.ErrDamaged
		}
		for us := c.From.Microseconds(); us < c.To.Microseconds(); us += 1_000_000 {
			fmt.Fprintf(h, "%v", o.Boxes(i, us-m.early, us, 0, nil))
		}
		out.Read = append(out.Read, []media.Range{{From: 0, To: c.Source.Size()}})
		out.Duration += c.To - c.From
	}
	body := bytes.Repeat(h.Sum(nil), 3000)
	for i, x := range o.Outs {
		b := append([]byte(fmt.Sprint(x.Height)), body[:len(body)/(i+1)]...)
		if m.err != nil || m.narrow && !o.Whole {
			b = b[:len(b)/2]
		}
		if i < m.dark {
			b = nil
		}
		if _, err := x.Out.Write(b); err != nil {
			return out, err
		}
		out.Outs = append(out.Outs, media.Proxy{Width: x.Height * 16 / 9, Height: x.Height, Size: int64(len(b))})
	}
	if m.narrow && !o.Whole {
		return media.Redacted{}, media.ErrNarrow
	}
	if m.err != nil {
		return media.Redacted{}, m.err
	}
	o.Beat(0.5)
	out.Poster, out.Stills, out.Drawing = body[:100], [][]byte{body[:200], body[:300]}, body[:50]
	out.Report.Tool = media.Tool{Name: "ffmpeg", Version: "0-test"}
	return out, nil
}

func newDigest() hash.Hash { return sha256.New() }

// flip changes a byte of the sealed bytes of an item.
func (r *rig) flip(it archive.Item) {
	r.t.Helper()
	var o store.Object
	r.read(func(tx *store.Tx) (err error) { o, err = tx.Object(r.t.Context(), it.Object.Object); return err })
	name := vault.BlobName(o.Segments[0].Blob)
	b := r.vault.Backend()
	rd, err := b.Open(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	raw, err := io.ReadAll(io.NewSectionReader(rd, 0, rd.Size()))
	if err != nil {
		r.t.Fatal(err)
	}
	_ = rd.Close()
	raw[o.Segments[0].Offset+o.Segments[0].Length-5] ^= 1
	if err := b.Remove(r.t.Context(), name); err != nil {
		r.t.Fatal(err)
	}
	w, err := b.Create(r.t.Context(), name)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := w.Write(raw); err != nil {
		r.t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		r.t.Fatal(err)
	}
}

// workingCopy seals one for an item.
func (r *rig) workingCopy(it archive.Item) {
	r.t.Helper()
	ctx := r.t.Context()
	batch := r.vault.Begin(ctx)
	o, err := batch.Add(ctx, strings.NewReader("a working copy"), vault.AddOptions{})
	must(r.t, err)
	c, err := batch.Commit(ctx)
	must(r.t, err)
	r.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, c, store.ObjectDerivative); err != nil {
			return err
		}
		return tx.AddDerivative(ctx, archive.Derivative{ID: archive.NewID(archive.PrefixDerivative), Item: it.ID, Kind: archive.DerivativeProxy, Recipe: "proxy", RecipeVersion: 1, Tool: "x", ToolVersion: "1",
			Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Size: o.Size, SHA256: o.SHA256[:], MediaType: "video/mp4", CreatedAt: r.clock})
	})
}
