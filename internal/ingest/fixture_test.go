package ingest

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/verify"
	"zapis/internal/fsck"
	"zapis/internal/fsck/fscktest"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/record"
	"zapis/internal/vault/vaulttest"
)

const passphrase = "a passphrase for tests"

var testTime = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

const agent = "ag_00000000000000000000000001"

// house is an archive for tests.
type house struct {
	t        testing.TB
	db       *store.DB
	options  store.Options
	backend  vault.Backend
	vault    *vault.Vault
	sealer   *record.Sealer
	signer   tlog.Signer
	verifier string
	custody  *custody.Recorder
	jobs     *job.Jobs
	home     string
	svc      *Service
	acc      archive.Accession
}

// build makes an archive on an engine, its vault on a backend (nil: a folder).
func build(t *testing.T, engine string, b vault.Backend) *house {
	t.Helper()
	return buildWith(t, engine, b, vaulttest.Segment)
}

func buildWith(t testing.TB, engine string, b vault.Backend, segment int64) *house {
	t.Helper()
	h := &house{t: t, home: t.TempDir()}
	if b == nil {
		d, err := localdisk.Create(filepath.Join(h.home, "vault"))
		if err != nil {
			t.Fatal(err)
		}
		b = d
	}
	h.backend = b
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	var err error
	h.vault, err = vault.Create(t.Context(), b, vault.CreateOptions{Passphrase: []byte(passphrase), SegmentSize: segment, WorkFactor: 2})
	if err != nil {
		t.Fatal(err)
	}
	if h.sealer, err = record.New(key); err != nil {
		t.Fatal(err)
	}
	skey, vkey, err := tlog.GenerateKey(rand.Reader, custody.Origin(h.vault.ID()))
	if err != nil {
		t.Fatal(err)
	}
	h.verifier = vkey
	if h.signer, err = tlog.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	h.options = storetest.Empty(t, engine)
	if h.db, err = store.Create(t.Context(), h.options, h.vault.ID()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.db.Close() })
	h.custody = custody.New(custody.Options{Tool: "zapis test", Signer: h.signer, Origin: custody.Origin(h.vault.ID())})
	err = h.db.Write(t.Context(), func(tx *store.Tx) error {
		if err := tx.AddAgent(t.Context(), archive.Agent{ID: agent, Kind: "person", Name: "tester", CreatedAt: testTime}); err != nil {
			return err
		}
		_, err := h.custody.Record(t.Context(), tx, custody.VaultCreated(agent, h.vault.ID()))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	h.serve(nil)
	if h.acc, err = h.svc.NewAccession(t.Context(), agent, "A test"); err != nil {
		t.Fatal(err)
	}
	return h
}

// serve makes the service anew, with changes.
func (h *house) serve(change func(*Options)) {
	h.t.Helper()
	var err error
	if h.jobs, err = job.New(h.db, job.Options{}); err != nil {
		h.t.Fatal(err)
	}
	o := Options{
		DB: h.db, Vault: h.vault, Record: h.sealer, Custody: h.custody, Jobs: h.jobs, Signer: h.signer, Verifier: h.verifier, Tool: "zapis test",
		LockDir: filepath.Join(h.home, "lock"), Own: []string{h.home}, Reserve: 1,
	}
	if change != nil {
		change(&o)
	}
	if h.svc, err = New(o); err != nil {
		h.t.Fatal(err)
	}
}

// reboot opens database and vault again after a cut, the vault on what is left of it.
func (h *house) reboot(b vault.Backend) {
	h.t.Helper()
	if err := h.db.Close(); err != nil {
		h.t.Fatal(err)
	}
	var err error
	if h.db, err = store.Open(h.t.Context(), h.options); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = h.db.Close() })
	h.backend = b
	if h.vault, err = vault.Open(h.t.Context(), b, vault.Passphrase([]byte(passphrase))); err != nil {
		h.t.Fatal(err)
	}
	h.serve(nil)
}

func (h *house) ingest(paths ...string) (Result, error) {
	return h.svc.Ingest(context.Background(), agent, h.acc.ID, paths, nil)
}

func (h *house) must(paths ...string) Result {
	h.t.Helper()
	r, err := h.ingest(paths...)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

// manifestLine is a line as a reader of the format sees it.
type manifestLine struct {
	Seq, Outcome, Reason, Item, SHA256, Size, End, Format string
	Origin                                                *archive.Origin
}

// lines writes the manifest and reads it again; the first and the last line are checked and left out.
func (h *house) lines() []manifestLine {
	h.t.Helper()
	var b bytes.Buffer
	if err := h.svc.WriteManifest(h.t.Context(), &b, h.acc.ID); err != nil {
		h.t.Fatal(err)
	}
	var out []manifestLine
	for raw := range bytes.Lines(b.Bytes()) {
		var l manifestLine
		if err := json.Unmarshal(raw, &l); err != nil {
			h.t.Fatalf("manifest line %q: %v", raw, err)
		}
		out = append(out, l)
	}
	if out[0].Format != "zapis manifest" || out[len(out)-1].End != "zapis manifest" {
		h.t.Fatal("the manifest lacks its first or last line")
	}
	return out[1 : len(out)-1]
}

// byPath gives the lines by raw path.
func (h *house) byPath() map[string]manifestLine {
	out := map[string]manifestLine{}
	for _, l := range h.lines() {
		out[string(l.Origin.Path)] = l
	}
	return out
}

// clean runs the whole check.
func (h *house) clean() fsck.Report {
	h.t.Helper()
	key, err := verify.ParseKey(h.verifier)
	if err != nil {
		h.t.Fatal(err)
	}
	return fscktest.MustBeClean(h.t, fsck.Deps{DB: h.db, Vault: h.vault, Sealer: h.sealer, Key: key})
}

// complete holds the manifest against the source: every regular file is held with its digest, once as an item.
func (h *house) complete(src string) {
	h.t.Helper()
	lines := h.byPath()
	items := map[string]string{}
	err := filepath.WalkDir(src, func(at string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		path, _ := filepath.Rel(src, at)
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		sum := hexSum(text)
		l, ok := lines[path]
		if !ok || l.SHA256 != sum {
			h.t.Errorf("%q: line %+v, digest %s", path, l, sum)
			return nil
		}
		if was, ok := items[sum]; ok && was != l.Item {
			h.t.Errorf("%q: the same bytes are held as %s and as %s", path, was, l.Item)
		}
		items[sum] = l.Item
		var it archive.Item
		if err := h.db.Read(h.t.Context(), func(tx *store.Tx) (err error) {
			it, err = tx.Item(h.t.Context(), everything, l.Item)
			return err
		}); err != nil {
			return err
		}
		held, err := vaulttest.ReadAll(h.t.Context(), h.vault, vault.Ref(it.Object))
		if err != nil {
			return err
		}
		if !bytes.Equal(held, text) {
			h.t.Errorf("%q: what is held differs", path)
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

func hexSum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

func put(t testing.TB, dir, name string, text []byte) {
	t.Helper()
	at := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

var errRolledBack = errors.New("rolled back by the test")
