package fixity_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/fixity"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/vaulttest"
)

const agent = "ag_00000000000000000000000001"

type holding struct {
	item   archive.Item
	blobs  []string
	plain  []byte
	commit vault.Commit
}

// house is an archive with a few holdings: small ones that share a blob, one that fills several, and a blob with noise.
type house struct {
	t        *testing.T
	db       *store.DB
	vault    *vault.Vault
	folder   string
	custody  *custody.Recorder
	jobs     *job.Jobs
	svc      *fixity.Service
	replica  vault.Backend
	holdings []holding
}

func build(t *testing.T, engine string) *house {
	t.Helper()
	ctx := t.Context()
	h := &house{t: t, folder: filepath.Join(t.TempDir(), "vault")}
	disk, err := localdisk.Create(h.folder)
	if err != nil {
		t.Fatal(err)
	}
	h.vault, err = vault.Create(ctx, disk, vault.CreateOptions{Passphrase: []byte("a passphrase for tests"), SegmentSize: vaulttest.Segment, WorkFactor: 2})
	if err != nil {
		t.Fatal(err)
	}
	h.db, err = store.Create(ctx, storetest.Empty(t, engine), h.vault.ID())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.db.Close() })
	secret, _, err := tlog.GenerateKey(rand.Reader, custody.Origin(h.vault.ID()))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	h.custody = custody.New(custody.Options{Tool: "zapis test", Signer: signer, Origin: custody.Origin(h.vault.ID())})
	if h.jobs, err = job.New(h.db, job.Options{}); err != nil {
		t.Fatal(err)
	}
	h.svc, err = fixity.New(fixity.Options{
		DB: h.db, Vault: h.vault, Custody: h.custody, Jobs: h.jobs,
		Replica: func(context.Context) (vault.Backend, error) { return h.replica, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	var acc archive.Accession
	storetest.Write(t, h.db, func(tx *store.Tx) (err error) {
		if err := tx.AddAgent(ctx, archive.Agent{ID: agent, Kind: "person", Name: "tester", CreatedAt: time.Now()}); err != nil {
			return err
		}
		acc, err = tx.AddAccession(ctx, archive.Accession{ID: archive.NewID("ac"), Title: "A test", State: archive.AccessionOpen, CreatedAt: time.Now(), CreatedBy: agent})
		return err
	})
	h.hold(acc, false, vaulttest.Noise(1, 1000), vaulttest.Noise(2, 2000), nil)
	h.hold(acc, false, vaulttest.Noise(3, int(3*vaulttest.Segment)+100))
	h.hold(acc, true, vaulttest.Noise(4, 3000))
	return h
}

// hold seals pieces as one commit; with noise, beside bytes whose key is thrown away.
func (h *house) hold(acc archive.Accession, noise bool, pieces ...[]byte) {
	h.t.Helper()
	ctx := h.t.Context()
	b := h.vault.Begin(ctx)
	if noise {
		o, err := b.Add(ctx, bytes.NewReader(vaulttest.Noise(99, 50_000)), vault.AddOptions{})
		if err != nil {
			h.t.Fatal(err)
		}
		b.Drop(o.ID)
	}
	for _, p := range pieces {
		if _, err := b.Add(ctx, bytes.NewReader(p), vault.AddOptions{}); err != nil {
			h.t.Fatal(err)
		}
	}
	c, err := b.Commit(ctx)
	if err != nil {
		h.t.Fatal(err)
	}
	storetest.Write(h.t, h.db, func(tx *store.Tx) error {
		if err := tx.AddCommit(ctx, c, store.ObjectOriginal); err != nil {
			return err
		}
		for i, o := range c.Objects {
			it := archive.Item{
				ID: archive.NewID("it"), Accession: acc.ID, Kind: archive.KindUnknown, State: archive.ItemSealed, Size: o.Size, SHA256: o.SHA256[:],
				Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, ReceivedAt: time.Now(), Difficulty: -1, Copies: 1,
			}
			if err := tx.AddItem(ctx, &it); err != nil {
				return err
			}
			hd := holding{item: it, plain: pieces[i], commit: c}
			for _, s := range o.Segments {
				if !slices.Contains(hd.blobs, s.Blob) {
					hd.blobs = append(hd.blobs, s.Blob)
				}
			}
			h.holdings = append(h.holdings, hd)
		}
		return nil
	})
}

func (h *house) path(name string) string { return filepath.Join(h.folder, filepath.FromSlash(name)) }

func (h *house) flip(name string, at int64) {
	h.t.Helper()
	f, err := os.OpenFile(h.path(name), os.O_RDWR, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	defer f.Close()
	if at < 0 {
		info, err := f.Stat()
		if err != nil {
			h.t.Fatal(err)
		}
		at += info.Size()
	}
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		h.t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b, at); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) check(s fixity.Scope) fixity.Report {
	h.t.Helper()
	r, err := h.svc.Check(h.t.Context(), agent, s, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) state(i int) (item archive.ItemState, object string) {
	h.t.Helper()
	storetest.Read(h.t, h.db, func(tx *store.Tx) error {
		it, err := tx.Item(h.t.Context(), storetest.Everything, h.holdings[i].item.ID)
		if err != nil {
			return err
		}
		o, err := tx.Object(h.t.Context(), it.Object.Object)
		item, object = it.State, o.State
		return err
	})
	return item, object
}

func (h *house) open() (f []store.Finding) {
	h.t.Helper()
	storetest.Read(h.t, h.db, func(tx *store.Tx) (err error) {
		f, err = tx.OpenFindings(h.t.Context())
		return err
	})
	return f
}

// events counts the events of a type that name a thing.
func (h *house) events(kind, id, typ string) (n int) {
	h.t.Helper()
	storetest.Read(h.t, h.db, func(tx *store.Tx) error {
		entries, err := h.custody.Show(h.t.Context(), tx, kind, id)
		for _, e := range entries {
			if e.Event.Type == typ {
				n++
			}
			if e.Proof == custody.Broken {
				h.t.Errorf("event %d: %s", e.Index, e.Problem)
			}
		}
		return err
	})
	return n
}

var (
	all    = fixity.Scope{All: true}
	sealed = fixity.Scope{All: true, Keyless: true}
	sample = fixity.Scope{Sample: 1}
	since  = fixity.Scope{Since: time.Nanosecond}
)

func TestSoundHoldings(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		h := build(t, engine)
		total := int64(0)
		for _, hd := range h.holdings {
			total += int64(len(hd.plain))
		}
		for _, s := range []fixity.Scope{all, sealed, sample, since} {
			r := h.check(s)
			if !r.OK() || r.Blobs != 6 {
				t.Errorf("%s keyless %v: %+v", s, s.Keyless, r)
			}
			if !s.Keyless && s.All && r.Objects != int64(len(h.holdings)) {
				t.Errorf("%d objects were opened of %d", r.Objects, len(h.holdings))
			}
			if r.Bytes < total {
				t.Errorf("%s: %d bytes read of %d", s, r.Bytes, total)
			}
			storetest.Read(t, h.db, func(tx *store.Tx) error {
				blobs, err := tx.Blobs(t.Context(), "", 100)
				for _, b := range blobs {
					if b.Result != fixity.ResultGood || b.CheckedAt.IsZero() {
						t.Errorf("%s: blob %s is marked %q", s, b.Name, b.Result)
					}
				}
				return err
			})
		}
		// What was just checked needs no check.
		if r := h.check(fixity.Scope{Since: time.Hour}); r.Blobs != 0 {
			t.Errorf("%d blobs were checked again", r.Blobs)
		}
		if n := h.events(custody.KindVault, h.vault.ID(), archive.EventFixity); n != 5 {
			t.Errorf("%d checks are in the record", n)
		}
		if s, _ := h.state(0); s != archive.ItemSealed {
			t.Errorf("a sound item became %s", s)
		}
	})
}

// A flipped bit anywhere in any blob is found by every depth, quarantines what it touches and nothing else, and is
// recorded.
func TestEveryFlipIsFound(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]fixity.Scope{"with keys": all, "sealed bytes": sealed, "sample with keys": sample, "since with keys": since} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for i := range 4 {
				for _, at := range []int64{0, 70, 3000, -1} {
					h := build(t, store.SQLite)
					hd := h.holdings[max(0, i)]
					blob := hd.blobs[len(hd.blobs)-1]
					if i == 3 {
						blob = hd.blobs[1] // in the middle of the large one
					}
					info, err := os.Stat(h.path(vault.BlobName(blob)))
					if err != nil {
						t.Fatal(err)
					}
					if at >= info.Size() {
						continue
					}
					h.flip(vault.BlobName(blob), at)
					r := h.check(scope)
					if r.OK() || len(h.open()) == 0 {
						t.Fatalf("holding %d, byte %d of %d: not found: %+v", i, at, info.Size(), r)
					}
					for _, f := range r.Failures {
						if f.Blob != blob || f.Code != fixity.CodeAltered || f.Healed {
							t.Errorf("holding %d, byte %d: %+v", i, at, f)
						}
					}
					if h.events(custody.KindBlob, blob, archive.EventFixity) != 1 {
						t.Error("the mismatch is not in the record")
					}
					for j, other := range h.holdings {
						s, o := h.state(j)
						in := slices.Contains(other.blobs, blob)
						named := slices.ContainsFunc(r.Failures, func(f fixity.Failure) bool { return f.Item == other.item.ID })
						if (s == archive.ItemQuarantined) != named || (o == store.ObjectQuarantined) != named || named && !in {
							t.Errorf("holding %d (in the blob: %v) is %s, object %s, named %v", j, in, s, o, named)
						}
						if named && h.events(custody.KindItem, other.item.ID, archive.EventQuarantine) != 1 {
							t.Errorf("the quarantine of holding %d is not in the record", j)
						}
					}
					// Doing it again finds the same, and writes no second finding.
					before := len(h.open())
					if again := h.check(scope); again.OK() || len(h.open()) != before {
						t.Errorf("again: %+v, %d findings after %d", again, len(h.open()), before)
					}
				}
			}
		})
	}
}

// Noise belongs to nobody: damage to it is found and quarantines nothing.
func TestDamagedNoise(t *testing.T) {
	t.Parallel()
	for _, scope := range []fixity.Scope{all, sample, sealed} {
		h := build(t, store.SQLite)
		hd := h.holdings[4]
		h.flip(vault.BlobName(hd.blobs[0]), 10_000) // the noise lies in front
		r := h.check(scope)
		if len(r.Failures) != 1 || r.Failures[0].Object != "" && !scope.Keyless {
			t.Errorf("%s: %+v", scope, r.Failures)
		}
		if s, _ := h.state(4); s == archive.ItemQuarantined {
			t.Error("a sound item is in quarantine")
		}
	}
}

func TestMissingAndCutBlobs(t *testing.T) {
	t.Parallel()
	for _, scope := range []fixity.Scope{all, sealed} {
		h := build(t, store.SQLite)
		small, large := h.holdings[0].blobs[0], h.holdings[3].blobs[2]
		if err := os.Remove(h.path(vault.BlobName(small))); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(h.path(vault.BlobName(large)), 1000); err != nil {
			t.Fatal(err)
		}
		r := h.check(scope)
		got := map[string]string{}
		for _, f := range r.Failures {
			got[f.Blob] = f.Code
		}
		if len(got) != 2 || got[large] != fixity.CodeAltered || got[small] == "" {
			t.Errorf("%+v", r.Failures)
		}
		for i, want := range []bool{true, true, true, true, false} {
			if s, _ := h.state(i); (s == archive.ItemQuarantined) != want {
				t.Errorf("holding %d is %s", i, s)
			}
		}
	}
}

func (h *house) replicate() vault.Backend {
	h.t.Helper()
	to, err := localdisk.Create(filepath.Join(h.t.TempDir(), "replica"))
	if err != nil {
		h.t.Fatal(err)
	}
	rep, err := vault.Mirror(h.t.Context(), h.vault.Backend(), to, vault.MirrorOptions{})
	if err != nil || len(rep.Damaged) > 0 {
		h.t.Fatalf("%+v, %v", rep, err)
	}
	return to
}

// With a replica the damage is healed in the same check, recorded, reported all the same, and the items come back.
func TestHealing(t *testing.T) {
	t.Parallel()
	for name, scope := range map[string]fixity.Scope{"with keys": all, "sealed bytes": sealed, "sample": sample} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := build(t, store.SQLite)
			h.replica = h.replicate()
			small, large := h.holdings[0].blobs[0], h.holdings[3].blobs
			h.flip(vault.BlobName(small), 300)
			h.flip(vault.BlobName(large[0]), 300)
			h.flip(vault.BlobName(large[2]), -5)
			r := h.check(scope)
			if r.OK() {
				t.Fatal("healing hid the damage")
			}
			for _, f := range r.Failures {
				if !f.Healed {
					t.Errorf("not healed: %+v", f)
				}
			}
			if n := len(h.open()); n != 0 {
				t.Errorf("%d findings are open", n)
			}
			if h.events(custody.KindBlob, small, archive.EventHealing) != 1 {
				t.Error("the healing is not in the record")
			}
			for i := range h.holdings {
				s, o := h.state(i)
				if s == archive.ItemQuarantined || o != store.ObjectHeld {
					t.Errorf("holding %d is %s, object %s", i, s, o)
				}
				got, err := vaulttest.ReadAll(t.Context(), h.vault, vault.Ref(h.holdings[i].item.Object))
				if err != nil || !bytes.Equal(got, h.holdings[i].plain) {
					t.Errorf("holding %d: %v", i, err)
				}
			}
			// Items that no pass has looked at yet are put in line again.
			jobs, err := h.jobs.List(t.Context(), job.Filter{})
			if err != nil || len(jobs) == 0 {
				t.Errorf("%d jobs, %v", len(jobs), err)
			}
			if r := h.check(all); !r.OK() {
				t.Errorf("after healing: %+v", r)
			}
		})
	}
}

// A replica that is damaged itself heals nothing and spoils nothing; the failed attempt is recorded.
func TestADamagedReplicaHealsNothing(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	blob := vault.BlobName(h.holdings[0].blobs[0])
	at := h.path(blob)
	h.flip(blob, 300)
	damaged, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	replica := filepath.Join(t.TempDir(), "replica")
	if err := os.CopyFS(replica, os.DirFS(h.folder)); err != nil {
		t.Fatal(err)
	}
	if h.replica, err = localdisk.Open(replica); err != nil {
		t.Fatal(err)
	}
	r := h.check(all)
	if r.OK() || r.Failures[0].Healed || len(h.open()) == 0 {
		t.Errorf("%+v", r)
	}
	if got, _ := os.ReadFile(at); !bytes.Equal(got, damaged) {
		t.Error("the damaged blob was replaced by another damaged one")
	}
	if h.events(custody.KindBlob, h.holdings[0].blobs[0], archive.EventHealing) != 1 {
		t.Error("the attempt is not in the record")
	}
}

// What was put back by hand comes out of quarantine at the next check, and only then; of a large object only when the
// last of its damaged blobs is back.
func TestRestoredByHand(t *testing.T) {
	t.Parallel()
	for _, scope := range []fixity.Scope{all, sealed, sample} {
		h := build(t, store.SQLite)
		small, large := vault.BlobName(h.holdings[0].blobs[0]), h.holdings[3].blobs
		for range 1 {
			h.flip(small, 300)
			h.flip(vault.BlobName(large[0]), 300)
			h.flip(vault.BlobName(large[2]), 300)
		}
		if r := h.check(scope); r.OK() {
			t.Fatal("not found")
		}
		h.flip(small, 300)
		h.flip(vault.BlobName(large[0]), 300)
		r := h.check(scope)
		if r.OK() || r.Restored == 0 {
			t.Errorf("%s: %+v", scope, r)
		}
		if s, _ := h.state(3); s != archive.ItemQuarantined {
			t.Errorf("%s: half restored, the large one is %s", scope, s)
		}
		if s, _ := h.state(0); s == archive.ItemQuarantined && !scope.Keyless {
			t.Errorf("%s: the small one is still %s", scope, s)
		}
		h.flip(vault.BlobName(large[2]), 300)
		if r := h.check(scope); !r.OK() {
			t.Errorf("%s: %+v", scope, r)
		}
		for i := range h.holdings {
			if s, o := h.state(i); s == archive.ItemQuarantined || o != store.ObjectHeld {
				t.Errorf("%s: holding %d is %s, object %s", scope, i, s, o)
			}
		}
		if n := len(h.open()); n != 0 {
			t.Errorf("%s: %d findings are open", scope, n)
		}
	}
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	for _, heal := range []bool{false, true} {
		h := build(t, store.SQLite)
		if heal {
			h.replica = h.replicate()
		}
		env := h.holdings[0].commit.Envelope
		h.flip(vault.EnvelopeName(env), 400)
		r := h.check(sealed)
		if len(r.Failures) != 1 || r.Failures[0].Envelope != env || r.Failures[0].Healed != heal {
			t.Errorf("%+v", r.Failures)
		}
		if heal != (len(h.open()) == 0) {
			t.Errorf("healed %v, %d findings open", heal, len(h.open()))
		}
		if heal {
			if r := h.check(all); !r.OK() {
				t.Errorf("after healing: %+v", r)
			}
			continue
		}
		h.flip(vault.EnvelopeName(env), 400)
		if r := h.check(all); !r.OK() || r.Restored == 0 || len(h.open()) != 0 {
			t.Errorf("put back: %+v, %d open", r, len(h.open()))
		}
	}
}

// A forged envelope opens, since the vault's recipient is public, but it is not the one that the catalogue knows.
func TestAForgedEnvelopeIsFound(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	a, b := h.holdings[0].commit.Envelope, h.holdings[3].commit.Envelope
	text, err := os.ReadFile(h.path(vault.EnvelopeName(b)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path(vault.EnvelopeName(a)), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := h.check(sealed); r.OK() {
		t.Error("another envelope in its place was not noticed")
	}
}

func TestLocked(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	backend := h.vault.Backend()
	r, err := fixity.CheckLocked(t.Context(), backend, nil)
	if err != nil || !r.OK() || r.Files < 10 || r.Vault != h.vault.ID() {
		t.Fatalf("%+v, %v", r, err)
	}
	// Every file of the vault, damaged by one bit or gone, is named.
	err = filepath.WalkDir(h.folder, func(at string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(h.folder, at)
		keep, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		for what, spoil := range map[string]func(){
			"flipped": func() { h.flip(name, int64(len(keep)/2)) },
			"gone":    func() { _ = os.Remove(at) },
			"cut":     func() { _ = os.Truncate(at, int64(len(keep)-1)) },
		} {
			spoil()
			r, err := fixity.CheckLocked(t.Context(), backend, nil)
			found := errors.Is(err, vault.ErrNotVault) // without its header it is no vault
			for _, f := range r.Failures {
				found = found || f.Name == name || name == "vault.json"
			}
			if strings.HasPrefix(name, "sums/") && what == "gone" {
				found = found || len(r.Unlisted) > 1 // its envelope and its blobs went unchecked, and are told
			}
			if !found {
				t.Errorf("%s %s: %+v, %v", name, what, r.Failures, err)
			}
			if err := os.WriteFile(at, keep, 0o600); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = fixity.CheckLocked(t.Context(), backend, nil); err != nil || !r.OK() {
		t.Errorf("put back: %+v, %v", r, err)
	}
	// A leftover is told and is no failure.
	left := h.path(vault.BlobName(archive.NewID("bl")))
	if err := os.MkdirAll(filepath.Dir(left), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("left by an interrupted run"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err = fixity.CheckLocked(t.Context(), backend, nil); err != nil || !r.OK() || len(r.Unlisted) != 1 {
		t.Errorf("with a leftover: %+v, %v", r, err)
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]fixity.Scope{"all": {All: true}, "since 720h": {Since: 720 * time.Hour}, "sample 5%": {Sample: 0.05}, "sample 0.25": {Sample: 0.25}} {
		got, err := fixity.ParseScope(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
		if again, err := fixity.ParseScope(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q", text, got)
		}
	}
	for _, text := range []string{"", "everything", "since", "since -5h", "since 0s", "sample 0%", "sample 101%", "sample NaN", "sample -1", "sample Inf"} {
		if s, err := fixity.ParseScope(text); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%q: %+v, %v", text, s, err)
		}
	}
	h := build(t, store.SQLite)
	for _, s := range []fixity.Scope{{}, {All: true, Sample: 0.1}, {Sample: 2}} {
		if _, err := h.svc.Check(t.Context(), agent, s, nil); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	if every, _ := h.svc.Schedule(t.Context()); every != 0 {
		t.Errorf("every %s without a schedule", every)
	}
	if err := h.svc.SetSchedule(t.Context(), 6*time.Hour, fixity.Scope{Sample: 0.1}); err != nil {
		t.Fatal(err)
	}
	if every, scope := h.svc.Schedule(t.Context()); every != 6*time.Hour || scope != "sample 10%" {
		t.Errorf("every %s %s", every, scope)
	}
	if err := h.svc.SetSchedule(t.Context(), time.Second, all); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("every second: %v", err)
	}
}

// A check that is called off vouches for nothing.
func TestCalledOff(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := h.svc.Check(ctx, agent, all, func(p fixity.Progress) {
		if p.Bytes > 0 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v", err)
	}
	storetest.Read(t, h.db, func(tx *store.Tx) error {
		_, ok, err := tx.LastRun(t.Context())
		if ok {
			t.Error("a check that was called off counts as finished")
		}
		return err
	})
	if n := len(h.open()); n != 0 {
		t.Errorf("%d findings of a check that was called off", n)
	}
}

// A storage that does not answer is no damage.
func TestASilentStorageIsNoDamage(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	silent := fmt.Errorf("connection refused")
	v, err := vault.Open(t.Context(), deaf{h.vault.Backend(), silent}, vault.Passphrase([]byte("a passphrase for tests")))
	if err != nil {
		t.Fatal(err)
	}
	svc, err := fixity.New(fixity.Options{DB: h.db, Vault: v, Custody: h.custody})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []fixity.Scope{all, sealed} {
		if _, err := svc.Check(t.Context(), agent, s, nil); err == nil {
			t.Error("the check came to an end")
		}
	}
	if n := len(h.open()); n != 0 {
		t.Errorf("%d findings", n)
	}
}

// deaf does not give blobs and envelopes.
type deaf struct {
	vault.Backend
	err error
}

func (d deaf) Open(ctx context.Context, name string) (vault.BlobReader, error) {
	if strings.HasPrefix(name, "blob/") {
		return nil, d.err
	}
	return d.Backend.Open(ctx, name)
}

// A large object of which only a part could be healed stays in quarantine.
func TestHalfHealedStaysInQuarantine(t *testing.T) {
	t.Parallel()
	for _, scope := range []fixity.Scope{all, sealed, sample} {
		for _, pick := range [][2]int{{0, 2}, {2, 0}} {
			h := build(t, store.SQLite)
			h.replica = h.replicate()
			blobs := h.holdings[3].blobs
			lost, healed := vault.BlobName(blobs[pick[0]]), vault.BlobName(blobs[pick[1]])
			if err := h.replica.Remove(t.Context(), lost); err != nil {
				t.Fatal(err)
			}
			h.flip(lost, 300)
			h.flip(healed, 300)
			for range 2 { // the second time both findings are open from the start
				r := h.check(scope)
				if r.OK() {
					t.Fatal("not found")
				}
				if s, o := h.state(3); s != archive.ItemQuarantined || o != store.ObjectQuarantined {
					t.Errorf("%s, lost %d: the item is %s, object %s", scope, pick[0], s, o)
				}
				h.flip(healed, 300)
			}
		}
	}
}

// A partial check that finds one blob of a large object sound says nothing about the others: what a reader has set apart
// comes back only when it opens from the first byte to the last.
func TestOneSoundBlobReleasesNothing(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite)
	it, blobs := h.holdings[3].item, h.holdings[3].blobs
	h.flip(vault.BlobName(blobs[2]), 300)
	storetest.Write(t, h.db, func(tx *store.Tx) error {
		if err := tx.MoveItem(t.Context(), it.ID, archive.ItemQuarantined, fixity.ReasonSealBroken); err != nil {
			return err
		}
		if err := tx.SetObjectState(t.Context(), it.Object.Object, store.ObjectQuarantined); err != nil {
			return err
		}
		all, err := tx.Blobs(t.Context(), "", 100)
		for _, b := range all {
			if b.Name != blobs[0] {
				err = errors.Join(err, tx.MarkBlob(t.Context(), b.Name, fixity.ResultGood, time.Now()))
			}
		}
		return err
	})
	r := h.check(fixity.Scope{Since: time.Hour})
	if r.Blobs != 1 || r.Restored != 0 {
		t.Errorf("%+v", r)
	}
	if s, o := h.state(3); s != archive.ItemQuarantined || o != store.ObjectQuarantined {
		t.Errorf("the item is %s, object %s", s, o)
	}
}
