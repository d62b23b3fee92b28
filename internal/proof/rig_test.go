package proof

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/custody"
	"zapis/internal/faultfs"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
)

const (
	origin = "archive.example/log"
	person = "ag_00000000000000000000000000"
)

var (
	admin    = policy.Subject{Agent: person, Role: archive.RoleAdmin}
	reviewer = policy.Subject{Agent: person, Role: archive.RoleReviewer, Scope: archive.Scope{All: true, MaxDifficulty: -1}}
)

// rig is an archive with a transparency log, a vault on a simulated disk, a real database, a clock that only moves when told,
// and media programs that do as they are told.
type rig struct {
	t       *testing.T
	disk    *faultfs.FS
	vault   *vault.Vault
	db      *store.DB
	fault   func(point string) error
	custody *custody.Recorder
	anchor  *anchor.Service
	proof   *Service
	media   *fakeMedia
	bare    bool // items get no seal, as from an older program
	between func()
	now     time.Time
	acc     archive.Accession
	n       int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, disk: faultfs.New(1), media: &fakeMedia{}, now: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)}
	r.db, _ = storetest.OpenWith(t, store.SQLite, func(o *store.Options) {
		o.Fault = func(point string) error {
			if r.fault == nil {
				return nil
			}
			return r.fault(point)
		}
	})
	v, err := vault.Create(t.Context(), localdisk.New(r.disk), vault.CreateOptions{Passphrase: []byte("for tests"), WorkFactor: 1, SegmentSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	r.vault = v
	clock := func() time.Time { return r.now }
	r.custody = custody.New(custody.Options{Tool: "zapis test", Now: clock})
	if r.anchor, err = anchor.New(anchor.Options{DB: r.db, Secrets: v, Custody: r.custody, Agent: person, Now: clock}); err != nil {
		t.Fatal(err)
	}
	r.proof = r.service(0)
	r.open()
	return r
}

func (r *rig) service(quorum int) *Service {
	r.t.Helper()
	s, err := New(Options{DB: meddled{r}, Vault: r.vault, Custody: r.custody, Media: func() (Media, error) { return r.media, nil }, Quorum: quorum, Now: func() time.Time { return r.now }})
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// meddled is the database; something may happen in it between what an act reads and what it writes.
type meddled struct{ r *rig }

func (m meddled) Read(ctx context.Context, f func(*store.Tx) error) error {
	return m.r.db.Read(ctx, f)
}

func (m meddled) Write(ctx context.Context, f func(*store.Tx) error) error {
	if act := m.r.between; act != nil {
		m.r.between = nil
		act()
	}
	return m.r.db.Write(ctx, f)
}

// quarantine sets an item apart.
func (r *rig) quarantine(it archive.Item) {
	r.write(func(tx *store.Tx) error {
		return tx.MoveItem(r.t.Context(), it.ID, archive.ItemQuarantined, "seal-broken")
	})
}

// logged makes the transparency log.
func (r *rig) logged() *rig {
	r.t.Helper()
	if _, err := r.anchor.Init(r.t.Context(), person, origin); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.anchor.Tick(r.t.Context(), person, false); err != nil { // that of the first day
		r.t.Fatal(err)
	}
	return r
}

// tick moves the clock to the next day and ticks.
func (r *rig) tick() {
	r.t.Helper()
	r.now = r.now.Add(24 * time.Hour)
	if _, err := r.anchor.Tick(r.t.Context(), person, false); err != nil {
		r.t.Fatal(err)
	}
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

// open begins another accession.
func (r *rig) open() string {
	r.write(func(tx *store.Tx) (err error) {
		r.acc, err = tx.AddAccession(r.t.Context(), archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: "Test", State: archive.AccessionOpen, CreatedAt: r.now, CreatedBy: person})
		return err
	})
	return r.acc.ID
}

func (r *rig) close() {
	r.write(func(tx *store.Tx) error {
		return tx.CloseAccession(r.t.Context(), r.acc.ID, store.Closing{At: r.now, ManifestSHA256: make([]byte, 32)})
	})
}

// item seals bytes and records them as ingest does. An item without a length has not been looked at.
func (r *rig) item(content []byte, length time.Duration) archive.Item {
	r.t.Helper()
	ctx := r.t.Context()
	batch := r.vault.Begin(ctx)
	o, err := batch.Add(ctx, bytes.NewReader(content), vault.AddOptions{})
	if err != nil {
		r.t.Fatal(err)
	}
	sealed, err := batch.Commit(ctx)
	if err != nil {
		r.t.Fatal(err)
	}
	r.n++
	it := archive.Item{
		ID: archive.NewID(archive.PrefixItem), Accession: r.acc.ID, Kind: archive.KindUnknown, State: archive.ItemSealed, Size: o.Size, SHA256: o.SHA256[:],
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: r.now, Difficulty: -1, Copies: 1,
	}
	if length > 0 {
		it.Kind, it.State, it.Duration = archive.KindVideo, archive.ItemReady, length
	}
	var seg commit.Segments
	_, _ = seg.Write(content)
	seal := store.ItemSeal{Item: it.ID, SegmentSize: commit.SegmentSize, Digests: seg.Digests()}
	_, _ = rand.Read(seal.Salt[:])
	seal.Whole = commit.Whole(seal.Salt, it.Size, o.SHA256)
	if seal.SegmentRoot, err = commit.SegmentRoot(seal.Salt, it.Size, seal.Digests); err != nil {
		r.t.Fatal(err)
	}
	p := archive.Provenance{ID: archive.NewID(archive.PrefixProvenance), Accession: r.acc.ID, Seq: int64(r.n), Item: it.ID, Outcome: archive.OutcomeReceived, Size: o.Size,
		Fingerprint: fmt.Appendf(nil, "%032d", r.n), FoundAt: r.now, Sealed: []byte("sealed")}
	r.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, sealed, store.ObjectOriginal); err != nil {
			return err
		}
		if err := tx.AddItem(ctx, &it); err != nil {
			return err
		}
		if err := tx.AddProvenance(ctx, p); err != nil {
			return err
		}
		if r.bare {
			_, err := r.custody.Record(ctx, tx, custody.Ingestion(person, it, p.ID))
			return err
		}
		if err := tx.AddItemSeal(ctx, seal); err != nil {
			return err
		}
		e := custody.Ingestion(person, it, p.ID)
		e.Detail["whole"], e.Detail["segment_root"] = hex.EncodeToString(seal.Whole[:]), hex.EncodeToString(seal.SegmentRoot[:])
		_, err := r.custody.Record(ctx, tx, e)
		return err
	})
	return it
}

// film is a recording of so many MiB and seconds.
func (r *rig) film(mib, seconds int) archive.Item {
	b := bytes.Repeat([]byte{byte(r.n + 1)}, mib<<20-7)
	for i := 0; i < len(b); i += 1 << 20 {
		b[i] = byte(i >> 20)
	}
	return r.item(b, time.Duration(seconds)*time.Second)
}

// published seals and states everything that is closed.
func (r *rig) published() Published {
	r.t.Helper()
	p, err := r.proof.PublishScope(r.t.Context(), admin, PublishScope{})
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// made cuts a clip of one item, of which the decoder reads the given segments.
func (r *rig) made(it archive.Item, from, to time.Duration, segments ...int64) Clip {
	r.t.Helper()
	c, err := r.cut(it, from, to, segments...)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) cut(it archive.Item, from, to time.Duration, segments ...int64) (Clip, error) {
	r.media.read = nil
	for _, i := range segments {
		r.media.read = append(r.media.read, media.Range{From: i<<20 + 5, To: min((i+1)<<20-5, it.Size)})
	}
	return r.proof.MakeClip(r.t.Context(), admin, MakeClip{Cuts: []CutOf{{it.ID, from, to}}, Reason: "test"})
}

// cosign signs the newest checkpoint with witnesses.
func (r *rig) cosign(witnesses ...*tlog.Cosigner) {
	r.t.Helper()
	r.write(func(tx *store.Tx) error {
		list, err := tx.LogCheckpoints(r.t.Context(), 1)
		if err != nil {
			return err
		}
		text, _, err := tlog.SplitNote(list[0].Text)
		if err != nil {
			return err
		}
		for _, w := range witnesses {
			line, err := w.Cosign(text)
			if err != nil {
				return err
			}
			if err := tx.AddLogCosignature(r.t.Context(), store.LogCosignature{Size: list[0].Size, Witness: w.Name(), VerifierKey: w.VerifierKey(), Line: strings.TrimSuffix(line, "\n"), At: r.now}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *rig) witness(name string) *tlog.Cosigner {
	r.t.Helper()
	key, _, err := tlog.GenerateCosignerKey(rand.Reader, name)
	if err != nil {
		r.t.Fatal(err)
	}
	w, err := tlog.NewCosigner(key, func() time.Time { return r.now })
	if err != nil {
		r.t.Fatal(err)
	}
	return w
}

// events gives those of a type, in order.
func (r *rig) events(kind string) (out []archive.Event) {
	r.t.Helper()
	r.read(func(tx *store.Tx) error {
		out = nil
		all, err := tx.Openings(r.t.Context(), 0, 10_000)
		if err != nil {
			return err
		}
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
		return nil
	})
	return out
}

// files counts what is in the vault.
func (r *rig) files() int {
	r.t.Helper()
	n := 0
	for _, err := range r.vault.Backend().List(r.t.Context(), "") {
		if err != nil {
			r.t.Fatal(err)
		}
		n++
	}
	return n
}

// fakeMedia gives a clip without looking at anything but what it is told to read.
type fakeMedia struct {
	body   []byte        // of the clip; nil: some
	read   []media.Range // of each cut
	narrow bool          // complain of anything but the whole
	cut    error         // instead of a clip, after half of it
	asked  []media.ClipOptions
	seen   [][]media.Cut
}

func (m *fakeMedia) Probe(_ context.Context, src media.Source) (media.Probe, error) {
	_, err := src.ReadAt(make([]byte, min(64, src.Size())), 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return media.Probe{}, err
	}
	return media.Probe{Kind: archive.KindVideo, Format: "avi"}, nil
}

func (m *fakeMedia) Clip(_ context.Context, cuts []media.Cut, o media.ClipOptions) (media.Clip, error) {
	m.asked, m.seen = append(m.asked, o), append(m.seen, cuts)
	body := m.body
	if body == nil {
		sum := sha256.Sum256(fmt.Append(nil, len(m.asked)))
		body = bytes.Repeat(sum[:], 2000)
	}
	if m.narrow && !o.Whole {
		_, _ = o.Out.Write([]byte("what a narrow render came to"))
		return media.Clip{}, fmt.Errorf("%w: for a test", media.ErrNarrow)
	}
	if m.cut != nil {
		_, _ = o.Out.Write(body[:len(body)/2])
		return media.Clip{}, m.cut
	}
	out := media.Clip{Report: media.Report{Tool: media.Tool{Name: "ffmpeg", Version: "0-test"}}}
	for _, c := range cuts {
		out.Duration += (c.To - c.From).Seconds()
		read := m.read
		if read == nil {
			read = []media.Range{{From: 0, To: c.Source.Size()}}
		}
		for _, x := range read {
			if _, err := io.Copy(io.Discard, io.NewSectionReader(c.Source, x.From, x.To-x.From)); err != nil {
				return media.Clip{}, media.ErrDamaged // what a program makes of bytes that do not come
			}
		}
		out.Read = append(out.Read, read)
	}
	n, err := o.Out.Write(body)
	out.Size = int64(n)
	return out, err
}
