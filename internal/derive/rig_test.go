package derive

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/record"
)

// rig is an archive with a vault on a simulated disk, a real database, and media programs that do as they are told.
type rig struct {
	t     *testing.T
	disk  *faultfs.FS
	vault *vault.Vault
	db    *store.DB
	cat   Catalogue // db, or db with faults
	media *fakeMedia
	queue *fakeQueue
	heard Speech // nil: none is configured
	acc   archive.Accession
	n     int
}

var key = bytes.Repeat([]byte{7}, 32)

const softwareAgent = "ag_00000000000000000000000000"

func newRig(t *testing.T, engine string) *rig {
	t.Helper()
	r := &rig{t: t, disk: faultfs.New(1), db: storetest.Open(t, engine), media: video(), queue: &fakeQueue{}}
	v, err := vault.Create(t.Context(), localdisk.New(r.disk), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	r.vault, r.cat = v, r.db
	r.write(func(tx *store.Tx) (err error) {
		r.acc, err = tx.AddAccession(t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "Test", State: archive.AccessionOpen, CreatedAt: time.Now(), CreatedBy: softwareAgent})
		return err
	})
	return r
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

func (r *rig) sealer() *record.Sealer {
	s, err := record.New(key)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// item seals bytes and records them as ingest does.
func (r *rig) item(content []byte, origin string) archive.Item {
	r.t.Helper()
	ctx := r.t.Context()
	batch := r.vault.Begin(ctx)
	o, err := batch.Add(ctx, bytes.NewReader(content), vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	commit, err := batch.Commit(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	r.n++
	it := archive.Item{
		ID: archive.NewID(archive.PrefixItem), Accession: r.acc.ID, Kind: archive.KindUnknown, State: archive.ItemSealed, Size: o.Size, SHA256: o.SHA256[:],
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: time.Now(), Difficulty: -1, Copies: 1,
	}
	p := archive.Provenance{ID: archive.NewID(archive.PrefixProvenance), Accession: r.acc.ID, Seq: int64(r.n), Item: it.ID, Outcome: archive.OutcomeReceived, Size: o.Size,
		Fingerprint: fmt.Appendf(nil, "%032d", r.n), FoundAt: time.Now()}
	if origin == "" {
		origin = `{"extension":"avi"}`
	}
	p.Sealed = r.sealer().Seal(p.ID, []byte(origin))
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
		_, err := r.custody().Record(ctx, tx, custody.Ingestion(softwareAgent, it, p.ID))
		return err
	})
	return it
}

func (r *rig) custody() *custody.Recorder { return custody.New(custody.Options{Tool: "zapis test"}) }

func (r *rig) service() *Service {
	r.t.Helper()
	s, err := New(Options{DB: r.cat, Vault: r.vault, Record: r.sealer(), Custody: r.custody(), Jobs: r.queue, Media: r.media, Speech: r.heard, Agent: softwareAgent})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) quick(id string, attempt int) error {
	return r.service().Quick(r.t.Context(), job.Job[job.Quick]{ID: 1, Args: job.Quick{Item: id}, Attempt: attempt, MaxAttempts: 5})
}

func (r *rig) full(id string, attempt int) error {
	return r.service().Full(r.t.Context(), job.Job[job.Full]{ID: 2, Args: job.Full{Item: id}, Attempt: attempt, MaxAttempts: 5})
}

// state is what there is of an item.
type state struct {
	item        archive.Item
	derivatives []archive.Derivative
	events      []archive.Event
	completed   map[string]string // of the queue, by what happened to it
}

func (r *rig) state(id string) (s state) {
	r.t.Helper()
	r.read(func(tx *store.Tx) (err error) {
		s = state{completed: map[string]string{}}
		if s.item, err = tx.Item(r.t.Context(), everything, id); err != nil {
			return err
		}
		if s.derivatives, err = tx.Derivatives(r.t.Context(), id); err != nil {
			return err
		}
		at, err := tx.EventsOf(r.t.Context(), "item", id)
		if err != nil {
			return err
		}
		for _, i := range at {
			o, err := tx.Opening(r.t.Context(), i)
			if err != nil {
				return err
			}
			e, err := archive.ParseEvent(o.Event)
			if err != nil {
				return err
			}
			s.events = append(s.events, e)
		}
		for _, k := range []string{"completed.1", "completed.2", "enqueued." + id} {
			v, _, err := tx.Setting(r.t.Context(), k)
			if err != nil {
				return err
			}
			s.completed[strings.TrimSuffix(k, "."+id)] = v
		}
		return nil
	})
	return s
}

func (s state) count(kind string) (n int) {
	for _, d := range s.derivatives {
		if d.Kind == kind {
			n++
		}
	}
	return n
}

func (s state) eventsOf(kind string, outcome archive.EventOutcome) (n int) {
	for _, e := range s.events {
		if e.Type == kind && e.Outcome == outcome {
			n++
		}
	}
	return n
}

// sound checks what must hold at every moment: each derivative in the catalogue opens in the vault and has its digest and
// its event, and no set stands twice.
func (r *rig) sound(id string) state {
	r.t.Helper()
	s := r.state(id)
	seen := map[string]bool{}
	for _, d := range s.derivatives {
		k := fmt.Sprint(d.Kind, d.Ordinal)
		if seen[k] {
			r.t.Errorf("%s stands twice", k)
		}
		seen[k] = true
		got, err := r.open(d)
		if err != nil {
			r.t.Errorf("%s %s does not open: %v", d.Kind, d.ID, err)
			continue
		}
		if sum := sha256.Sum256(got); !bytes.Equal(sum[:], d.SHA256) || int64(len(got)) != d.Size {
			r.t.Errorf("%s %s has other bytes than the catalogue says", d.Kind, d.ID)
		}
		named := 0
		for _, e := range s.events {
			if e.Type == archive.EventDerivation && e.Outcome == archive.Success && len(e.Subjects) > 1 && e.Subjects[1].ID == d.ID && e.Detail["sha256"] == hexText(d.SHA256) && e.Detail["report_sha256"] != "" {
				named++
			}
		}
		if named != 1 {
			r.t.Errorf("%s %s has %d events", d.Kind, d.ID, named)
		}
	}
	return s
}

func (r *rig) open(d archive.Derivative) ([]byte, error) {
	rd, err := r.vault.Reader(r.t.Context(), vault.Ref{Object: d.Object.Object, Envelope: d.Object.Envelope})
	if err != nil {
		return nil, err
	}
	defer rd.Close()
	return io.ReadAll(rd)
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

// leftovers counts the blobs that nothing refers to.
func (r *rig) leftovers() int {
	r.t.Helper()
	l, err := r.vault.Leftovers(r.t.Context(), archive.NewID("bl")+"z")
	if err != nil {
		r.t.Fatal(err)
	}
	return len(l)
}

// fakeQueue notes what it is told in the transaction itself, so that a transaction that is lost takes it along.
type fakeQueue struct {
	mu       sync.Mutex
	progress []int64
	fail     error
}

func (q *fakeQueue) EnqueueTx(ctx context.Context, tx *store.Tx, a job.Args, _ job.Opts) error {
	switch v := a.(type) {
	case job.Full:
		return tx.SetSetting(ctx, "enqueued."+v.Item, "full")
	case job.Frames:
		return tx.SetSetting(ctx, "beside."+v.Item, "frames")
	case job.Clock:
		return tx.SetSetting(ctx, "clock."+v.Item, "clock")
	case job.Fingerprint:
		return tx.SetSetting(ctx, "fingerprint."+v.Item, "fingerprint")
	case job.Match:
		return tx.SetSetting(ctx, "match."+v.Item, "match")
	case job.Read:
		return tx.SetSetting(ctx, "read."+v.Item, "read")
	case job.Transcribe:
		return tx.SetSetting(ctx, "transcribe."+v.Item, "transcribe")
	}
	return errors.New("only passes over items are asked for")
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

// fakeMedia gives what it is told, after reading the source as the programs would.
type fakeMedia struct {
	clock      media.Clock
	clockErr   error
	page       media.Page // what is read on every page
	readErr    error
	languages  string
	sound      []int16
	sounded    []int64 // from which samples sound was asked for
	soundErr   error
	clockAsk   media.ClockOptions
	unread     bool // tesseract is not there
	framesErr  error
	printErr   error
	printed    []string // how each thing of which a fingerprint was made begins
	printShort bool
	probe      media.Probe
	probeErr   error
	quickErr   error
	fullErr    error
	imageErr   error
	proxy      []byte
	half       bool // the proxy ends in the middle, as when a decoder is killed
	lie        bool // the report speaks of more bytes than came
	hold       chan struct{}
	calls      int
	mu         sync.Mutex
}

var tool = media.Tool{Name: "ffmpeg", Version: "5.1"}

func video() *fakeMedia {
	return &fakeMedia{
		probe: media.Probe{Kind: archive.KindVideo, Format: "avi", Duration: 12.5, RecorderClock: 1595893266, Report: media.Report{Tool: tool},
			Streams: []media.Stream{{Type: "video", Codec: "mpeg4", Width: 704, Height: 576, RateNum: 25, RateDen: 2}}, Anomalies: []media.Anomaly{{Code: media.AnomalyNoIndex}}},
		proxy: bytes.Repeat([]byte("proxy "), 60_000),
	}
}

func (m *fakeMedia) CanRead() bool { return !m.unread }

func (m *fakeMedia) Languages() []string { return []string{"eng", "osd", "rus"} }

func (m *fakeMedia) ReadPicture(_ context.Context, src media.Source, _ media.Probe, languages string) (media.Page, media.Report, error) {
	m.consume(src)
	m.languages = languages
	return m.page, media.Report{Tool: media.Tool{Name: "tesseract", Version: "5.3.0"}}, m.readErr
}

func (m *fakeMedia) ReadPages(_ context.Context, src media.Source, _ media.Probe, _ string, each func(media.Page) error) (int, media.Report, error) {
	m.consume(src)
	for n := 1; n <= 2; n++ {
		p := m.page
		p.Number = n
		if err := each(p); err != nil {
			return 0, media.Report{}, err
		}
	}
	return 7, media.Report{Tool: media.Tool{Name: "tesseract", Version: "5.3.0"}}, m.readErr
}

func (m *fakeMedia) ReadStill(_ context.Context, still []byte, _ string) (media.Page, media.Report, error) {
	m.printed = append(m.printed, string(still))
	return m.page, media.Report{Tool: media.Tool{Name: "tesseract", Version: "5.3.0"}}, m.readErr
}

func (m *fakeMedia) Sound(_ context.Context, src media.Source, _ media.Probe, first, most int64, _ func(float64)) ([]int16, bool, media.Report, error) {
	m.consume(src)
	m.sounded = append(m.sounded, first)
	rest := m.sound[min(first, int64(len(m.sound))):]
	if int64(len(rest)) > most {
		return rest[:most:most], false, media.Report{Tool: tool}, m.soundErr
	}
	return rest, true, media.Report{Tool: tool}, m.soundErr
}

func (m *fakeMedia) Clock(_ context.Context, src media.Source, _ media.Probe, o media.ClockOptions) (media.Clock, error) {
	m.consume(src)
	m.clockAsk = o
	return m.clock, m.clockErr
}

func (m *fakeMedia) Frames(_ context.Context, src media.Source, _ media.Probe) (media.Frames, media.Report, error) {
	m.consume(src)
	if m.framesErr != nil {
		return media.Frames{}, media.Report{}, m.framesErr
	}
	return media.Frames{BaseNum: 1, BaseDen: 1000, Ticks: []int64{0, 40, 81}}, media.Report{Tool: media.Tool{Name: "ffprobe", Version: "5"}}, nil
}

func (m *fakeMedia) consume(src media.Source) {
	m.mu.Lock()
	m.calls++
	m.mu.Unlock()
	_, _ = io.Copy(io.Discard, io.NewSectionReader(src, 0, src.Size())) // an error of the source is not told: programs do not
}

func (m *fakeMedia) Probe(_ context.Context, src media.Source) (media.Probe, error) {
	_, _ = src.ReadAt(make([]byte, min(64, src.Size())), 0)
	return m.probe, m.probeErr
}

func (m *fakeMedia) Quick(ctx context.Context, src media.Source, _ media.Probe, o media.QuickOptions) (media.Quick, error) {
	m.consume(src)
	if m.hold != nil {
		<-ctx.Done()
		return media.Quick{}, ctx.Err()
	}
	if m.quickErr != nil {
		return media.Quick{}, m.quickErr
	}
	o.Beat(0.5)
	return media.Quick{
		Micro: make([]byte, media.MicroWidth*media.MicroHeight), Stills: []media.Still{{At: 1, JPEG: []byte("one")}, {At: 2, JPEG: []byte("two")}},
		Storyboard: media.Storyboard{JPEG: []byte("board"), Columns: 2, Rows: 1, Times: []float64{0, 6}}, Report: media.Report{Tool: tool, Frames: 2},
		Anomalies: []media.Anomaly{{Code: media.AnomalyDecodeErrors}},
	}, nil
}

func (m *fakeMedia) Full(ctx context.Context, src media.Source, _ media.Probe, o media.FullOptions) (media.Full, error) {
	m.consume(src)
	n := len(m.proxy)
	if m.half {
		n /= 2
	}
	if _, err := o.Proxy.Write(m.proxy[:n]); err != nil {
		return media.Full{}, fmt.Errorf("%w: %w", media.ErrNoReport, err)
	}
	if m.hold != nil {
		<-ctx.Done()
		return media.Full{}, ctx.Err()
	}
	if m.fullErr != nil {
		return media.Full{}, m.fullErr
	}
	size := int64(n)
	if m.lie {
		size *= 2
	}
	o.Beat(6)
	return media.Full{
		Proxy: media.Proxy{Width: 704, Height: 576, RateNum: 25, RateDen: 2, Frames: 150, Duration: 12, Size: size, MediaType: `video/mp4; codecs="avc1.4d401f"`},
		Lanes: media.Lanes{Seconds: 12, PeaksPerSecond: 50, Peaks: []int8{-1, 1}}, Timing: media.Timing{Frames: 3, PTS: []int64{0, 1, 2}}, Report: media.Report{Tool: tool},
	}, nil
}

func (m *fakeMedia) Image(_ context.Context, src media.Source, _ media.Probe) (media.Image, error) {
	m.consume(src)
	return media.Image{Micro: make([]byte, 144), Still: media.Still{Width: 3, Height: 2, JPEG: []byte("picture")}, Report: media.Report{Tool: tool}}, m.imageErr
}

func (m *fakeMedia) Audio(_ context.Context, src media.Source, _ media.Probe, o media.AudioOptions) (media.Audio, error) {
	m.consume(src)
	if _, err := o.Proxy.Write(m.proxy); err != nil {
		return media.Audio{}, err
	}
	return media.Audio{Proxy: media.Proxy{Duration: 12, Size: int64(len(m.proxy)), MediaType: "audio/mp4"}, Lanes: media.Lanes{Seconds: 12}, Report: media.Report{Tool: tool}}, m.fullErr
}

func (m *fakeMedia) PDF(_ context.Context, src media.Source, _ media.Probe) (media.PDF, error) {
	m.consume(src)
	return media.PDF{Pages: 2, Micro: make([]byte, 144), Stills: []media.Still{{At: 1, JPEG: []byte("p1")}, {At: 2, JPEG: []byte("p2")}}, Report: media.Report{Tool: media.Tool{Name: "pdftoppm", Version: "22"}}}, m.imageErr
}
