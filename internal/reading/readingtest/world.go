// Package readingtest builds a small archive in memory for tests of the reading room and of what stands before it: two
// accessions, items in every state, sealed derivatives, jobs, findings.
//
// It guarantees that what it holds was sealed by a real vault and recorded by a real recorder, so that a test that reads a
// byte has gone the whole way.
//
// It is for tests only.
package readingtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
	"zapis/internal/vault/vaulttest"
)

// World is the archive.
type World struct {
	T        testing.TB
	DB       *store.DB
	Vault    *vault.Vault
	Storage  *vaulttest.Memory
	Custody  *custody.Recorder
	Sealer   *record.Sealer
	Jobs     *job.Jobs
	Reading  *reading.Service
	Program  archive.Agent
	VisitKey []byte

	Mine, Theirs archive.Accession
	// Items of Mine by what they are: "ready", "browsable", "sealed", "explained", "quarantined", "erased", "hard" (V3,
	// ready); and "foreign", ready, of Theirs.
	Items map[string]archive.Item
	// Derivatives of an item by kind.
	Derivatives map[string]map[string]archive.Derivative
	// Bytes of a derivative or an original by the identifier of its object.
	Bytes map[string][]byte

	clock atomic.Int64
}

// FileName stands in the sealed origin of every item. It must not come to who may not see it, nor into any record.
const FileName = "canary-surname-of-a-person.avi"

// Now is the world's clock.
func (w *World) Now() time.Time { return time.Unix(0, w.clock.Load()).UTC() }

// Advance moves it on.
func (w *World) Advance(d time.Duration) { w.clock.Add(int64(d)) }

// Subject gives somebody with a role who was granted Mine, or everything.
func (w *World) Subject(role archive.Role, all bool) policy.Subject {
	sc := archive.Scope{All: all, MaxDifficulty: -1}
	if !all {
		sc.Accessions = []string{w.Mine.ID}
	}
	return policy.Subject{Agent: archive.NewID(archive.PrefixAgent), Role: role, Scope: sc}
}

// Reader gives a reader in a session of their own.
func (w *World) Reader(role archive.Role, all bool) reading.Reader {
	return reading.Reader{Subject: w.Subject(role, all), Session: archive.NewID(archive.PrefixSession)}
}

// New builds the world on a database, without the items that are named: "hard", and so on. Without "foreign" there is no accession Theirs.
func New(t testing.TB, db *store.DB, without ...string) *World {
	t.Helper()
	ctx := context.Background()
	w := &World{T: t, DB: db, Storage: vaulttest.NewMemory(), Items: map[string]archive.Item{}, Derivatives: map[string]map[string]archive.Derivative{}, Bytes: map[string][]byte{}, VisitKey: bytes.Repeat([]byte{3}, 32)}
	w.clock.Store(time.Date(2026, 11, 21, 10, 5, 0, 0, time.UTC).UnixNano())
	var err error
	w.Vault, err = vault.Create(ctx, w.Storage, vault.CreateOptions{Passphrase: []byte("correct horse battery staple"), WorkFactor: 1})
	w.must(err)
	w.Sealer, err = record.New(bytes.Repeat([]byte{9}, 32))
	w.must(err)
	w.Custody = custody.New(custody.Options{Tool: "zapis test", Now: w.Now})
	w.Program = archive.Agent{ID: archive.NewID(archive.PrefixAgent), Kind: "software", Name: "zapis", CreatedAt: w.Now()}
	w.Jobs, err = job.New(db, job.Options{})
	w.must(err)
	w.write(func(tx *store.Tx) error { return tx.AddAgent(ctx, w.Program) })
	w.Mine = w.accession("Disk 1")
	foreign := !slices.Contains(without, "foreign")
	if foreign {
		w.Theirs = w.accession("Disk 2 of somebody else")
	}
	for i, what := range []string{"ready", "browsable", "sealed", "explained", "quarantined", "erased", "hard"} {
		if !slices.Contains(without, what) {
			w.item(what, w.Mine, i+1)
		}
	}
	if foreign {
		w.item("foreign", w.Theirs, 1)
	}
	w.Reading, err = reading.New(w.ReadingOptions())
	w.must(err)
	return w
}

// ReadingOptions are those that the world's own room was made with.
func (w *World) ReadingOptions() reading.Options {
	return reading.Options{
		DB: w.DB, Vault: w.Vault, Custody: w.Custody, Sealer: w.Sealer, Jobs: w.Jobs, VisitKey: w.VisitKey, Now: w.Now, Logger: slog.New(slog.DiscardHandler),
		Machine: reading.Machine{
			Version: "test",
			Disks: func(context.Context) []reading.Disk {
				return []reading.Disk{{What: "vault", Free: 50 << 30, Total: 100 << 30}}
			},
			Layers: func() []reading.Layer { return []reading.Layer{{Name: "seccomp", Active: true}} },
		},
	}
}

func (w *World) must(err error) {
	w.T.Helper()
	if err != nil {
		w.T.Fatal(err)
	}
}

func (w *World) write(f func(*store.Tx) error) {
	w.T.Helper()
	w.must(w.DB.Write(context.Background(), f))
}

func (w *World) accession(title string) archive.Accession {
	w.T.Helper()
	a := archive.Accession{ID: archive.NewID(archive.PrefixAccession), Title: title, State: archive.AccessionOpen, CreatedAt: w.Now(), CreatedBy: w.Program.ID}
	w.write(func(tx *store.Tx) (err error) {
		if a, err = tx.AddAccession(context.Background(), a); err != nil {
			return err
		}
		_, err = w.Custody.Record(context.Background(), tx, custody.AccessionOpened(w.Program.ID, a.ID))
		return err
	})
	return a
}

// noise gives bytes that look like nothing, the same for the same seed.
func noise(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	b := make([]byte, n)
	_, _ = r.Read(b)
	return b
}

// Add adds one more item to Mine, ready, under a name of its own.
func (w *World) Add(what string) { w.item(what, w.Mine, len(w.Items)+1) }

func (w *World) item(what string, acc archive.Accession, n int) {
	w.T.Helper()
	ctx := context.Background()
	original := noise(uint64(n)+uint64(acc.Number)<<8, 5000+n)
	lanes := []byte(`{"seconds":20,"scenes":[3.5],"motion":[1,2,3],"peaks":"","peaksPerSecond":50,"black":[],"silence":[]}`)
	technical := []byte(`{"version":"1","anomalies":[{"code":"truncated","detail":"canary-tag"}]}`)
	type part struct {
		kind, mediaType string
		body            []byte
	}
	parts := []part{
		{archive.DerivativeStill, "image/jpeg", noise(uint64(n)+1000, 3000)}, {archive.DerivativeStoryboard, "image/jpeg", noise(uint64(n)+2000, 4000)},
		{archive.DerivativeProxy, "video/mp4", noise(uint64(n)+3000, 200_000)}, {archive.DerivativeLanes, "application/json", lanes},
		{archive.DerivativeTechnical, "application/json", technical},
	}
	b := w.Vault.Begin(ctx)
	o, err := b.Add(ctx, bytes.NewReader(original), vault.AddOptions{})
	w.must(err)
	oc, err := b.Commit(ctx)
	w.must(err)
	w.Bytes[o.ID] = original
	difficulty := 0 // somebody has looked
	if what == "hard" {
		difficulty = archive.Hardest
	}
	it := archive.Item{
		ID: archive.NewID(archive.PrefixItem), Accession: acc.ID, Kind: archive.KindVideo, State: archive.ItemSealed, Size: o.Size, SHA256: bytes.Clone(o.SHA256[:]),
		Object: archive.ObjectRef{Object: o.ID, Envelope: oc.Envelope}, ReceivedAt: w.Now(), Difficulty: difficulty, Copies: 1,
	}
	derived := map[string]archive.Derivative{}
	var dc vault.Commit
	if what != "sealed" {
		b = w.Vault.Begin(ctx)
		for _, p := range parts {
			do, err := b.Add(ctx, bytes.NewReader(p.body), vault.AddOptions{})
			w.must(err)
			w.Bytes[do.ID] = p.body
			derived[p.kind] = archive.Derivative{
				ID: archive.NewID(archive.PrefixDerivative), Item: it.ID, Kind: p.kind, Recipe: p.kind, RecipeVersion: 1, Tool: "ffmpeg", ToolVersion: "5.1.9",
				Object: archive.ObjectRef{Object: do.ID, Envelope: b.Envelope()}, Size: do.Size, SHA256: bytes.Clone(do.SHA256[:]), MediaType: p.mediaType, Meta: []byte(`{}`), CreatedAt: w.Now(),
			}
		}
		dc, err = b.Commit(ctx)
		w.must(err)
	}
	origin, err := json.Marshal(archive.Origin{Root: []byte("/media/disk"), Path: []byte("a/" + FileName), Name: "a/" + FileName, Owner: "1000"})
	w.must(err)
	w.write(func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, oc, store.ObjectOriginal); err != nil {
			return err
		}
		if err := tx.AddItem(ctx, &it); err != nil {
			return err
		}
		seq, err := tx.NextSeq(ctx, acc.ID)
		if err != nil {
			return err
		}
		pr := archive.Provenance{ID: archive.NewID(archive.PrefixProvenance), Accession: acc.ID, Seq: seq, Item: it.ID, Outcome: archive.OutcomeReceived, Size: it.Size, Fingerprint: it.SHA256, FoundAt: w.Now()}
		pr.Sealed = w.Sealer.Seal(pr.ID, origin)
		bad := archive.Provenance{ID: archive.NewID(archive.PrefixProvenance), Accession: acc.ID, Seq: seq + 1, Outcome: archive.OutcomeFailed, Reason: "unreadable", Fingerprint: noise(uint64(seq)+77, 32), FoundAt: w.Now()}
		bad.Sealed = w.Sealer.Seal(bad.ID, origin)
		if err := tx.AddProvenance(ctx, pr, bad); err != nil {
			return err
		}
		if err := tx.AddTally(ctx, acc.ID, archive.Tally{Found: 2, Received: 1, Failed: 1, Bytes: it.Size}); err != nil {
			return err
		}
		events := []archive.Event{custody.Ingestion(w.Program.ID, it, pr.ID)}
		if what != "sealed" {
			if err := tx.AddCommit(ctx, dc, store.ObjectDerivative); err != nil {
				return err
			}
			for _, p := range parts {
				d := derived[p.kind]
				if err := tx.AddDerivative(ctx, d); err != nil {
					return err
				}
				events = append(events, custody.Derivation(w.Program.ID, d))
			}
			f := store.Facts{
				Kind: archive.KindVideo, RecordedAt: time.Date(2020, 7, 20+n, 23, 41, 6, 120000, time.UTC), RecordedSource: "recorder", Duration: 20 * time.Second,
				Width: 640, Height: 360, FrameRate: 25, Format: "avi", Codec: "mpeg4", Camera: "CAM 3", Micro: noise(uint64(n), 144), Anomalies: 1,
			}
			state := archive.ItemReady
			switch what {
			case "browsable", "explained":
				state = archive.ItemState(what)
			}
			if err := tx.SetItemFacts(ctx, it.ID, f); err != nil {
				return err
			}
			if err := tx.MoveItem(ctx, it.ID, state, ""); err != nil {
				return err
			}
			if what == "quarantined" || what == "erased" {
				if err := tx.MoveItem(ctx, it.ID, archive.ItemState(what), "corrupt"); err != nil {
					return err
				}
			}
		}
		_, err = w.Custody.Record(ctx, tx, events...)
		return err
	})
	if what != "erased" {
		w.must(w.DB.Read(ctx, func(tx *store.Tx) (err error) {
			it, err = tx.Item(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}, it.ID)
			return err
		}))
	}
	w.Items[what], w.Derivatives[what] = it, derived
}

// Events gives the events of the record from an index on.
func (w *World) Events(from int64) []archive.Event {
	w.T.Helper()
	var out []archive.Event
	w.must(w.DB.Read(context.Background(), func(tx *store.Tx) error {
		out = out[:0]
		all, err := tx.Openings(context.Background(), from, 1000)
		if err != nil {
			return err
		}
		for _, o := range all {
			e, err := archive.ParseEvent(o.Event)
			if err != nil {
				return fmt.Errorf("event %d: %w", o.Index, err)
			}
			out = append(out, e)
		}
		return nil
	}))
	return out
}

// Size is the number of events.
func (w *World) Size() int64 {
	w.T.Helper()
	var n int64
	w.must(w.DB.Read(context.Background(), func(tx *store.Tx) (err error) { n, err = tx.Head(context.Background(), false); return err }))
	return n
}

// Digest is the SHA-256 of the bytes of an object.
func (w *World) Digest(object string) [32]byte { return sha256.Sum256(w.Bytes[object]) }

// Enqueue puts a quick job for an item in.
func (w *World) Enqueue(item string) {
	w.T.Helper()
	w.write(func(tx *store.Tx) error {
		return w.Jobs.EnqueueTx(context.Background(), tx, job.Quick{Item: item}, job.Opts{})
	})
}
