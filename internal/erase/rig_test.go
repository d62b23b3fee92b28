package erase_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/driver"
	"github.com/ncruces/go-sqlite3/vfs"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/verify"
	"zapis/internal/erase"
	"zapis/internal/fsck"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
)

const passphrase = "seven words drawn at random by dice"

func account(n int, role archive.Role) policy.Subject {
	return policy.Subject{Agent: fmt.Sprintf("ag_%026d", n), Role: role, Scope: archive.Scope{All: true, MaxDifficulty: -1}}
}

var (
	asks     = account(1, archive.RoleArchivist)
	agrees   = account(2, archive.RoleArchivist)
	admin    = account(3, archive.RoleAdmin)
	reviewer = account(4, archive.RoleReviewer)
)

// rig is an archive as it is used: two closed accessions, one file of the first found in the second again, a transparency log and
// a stated scope.
type rig struct {
	*app.App
	t      *testing.T
	first  archive.Accession
	second archive.Accession
	secret []byte // the bytes of the item to be erased, found in both
	item   archive.Item
	other  archive.Item
	now    time.Time
}

const secretName = "Marfa-Kuzmenko-statement.txt"

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t, app.Overrides{})
}

// newRigOn also takes where the database is, and what is done before anything is stated.
func newRigOn(t *testing.T, o app.Overrides, before ...func(*rig)) *rig {
	t.Helper()
	pass := filepath.Join(t.TempDir(), "pass")
	check(t, os.WriteFile(pass, []byte(passphrase+"\n"), 0o600))
	o.PassphraseFile = pass
	h, err := app.FindHome(filepath.Join(t.TempDir(), "home"), func(string) string { return "" }, o)
	check(t, err)
	_, _, err = app.Init(t.Context(), h, app.InitOptions{Passphrase: []byte(passphrase), WorkFactor: 2, Version: "test"})
	check(t, err)
	r := &rig{t: t, secret: vaulttest.Noise(7, 3000)}
	r.App, err = h.Open(t.Context(), app.Options{Version: "test"})
	check(t, err)
	t.Cleanup(func() { _ = r.Close() })
	ctx := t.Context()
	_, err = r.Anchor.Init(ctx, r.Agent, "archive.example/log")
	check(t, err)
	r.first = r.taken("first", map[string][]byte{secretName: r.secret, "other": vaulttest.Noise(8, 2000), "third": vaulttest.Noise(9, 10)})
	r.second = r.taken("second", map[string][]byte{"again-" + secretName: r.secret, "fourth": vaulttest.Noise(10, 20)})
	r.item, r.other = r.find(r.secret), r.find(vaulttest.Noise(8, 2000))
	for _, f := range before {
		f(r)
	}
	_, err = r.Proof.PublishScope(ctx, admin, proof.PublishScope{Unmeasured: true})
	check(t, err)
	_, err = r.Anchor.Tick(ctx, r.Agent, true)
	check(t, err)
	return r
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// taken takes files in and closes the accession.
func (r *rig) taken(title string, files map[string][]byte) archive.Accession {
	r.t.Helper()
	a := r.begun(title, files)
	_, _, err := r.Ingest.Close(r.t.Context(), r.Agent, a.ID)
	check(r.t, err)
	return a
}

func (r *rig) begun(title string, files map[string][]byte) archive.Accession {
	r.t.Helper()
	dir := r.t.TempDir()
	for name, b := range files {
		check(r.t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	a, err := r.Ingest.NewAccession(r.t.Context(), r.Agent, title)
	check(r.t, err)
	_, err = r.Ingest.Ingest(r.t.Context(), r.Agent, a.ID, []string{dir}, nil)
	check(r.t, err)
	return a
}

func (r *rig) find(b []byte) (it archive.Item) {
	r.t.Helper()
	sum := sha256.Sum256(b)
	r.read(func(tx *store.Tx) error {
		var there bool
		var err error
		if it, there, err = tx.ItemByDigest(r.t.Context(), sum[:]); err == nil && !there {
			err = archive.ErrNotFound
		}
		return err
	})
	return it
}

func (r *rig) read(f func(*store.Tx) error) {
	r.t.Helper()
	check(r.t, r.DB.Read(r.t.Context(), f))
}

// agreed is an erasure that waits to be carried out.
func (r *rig) agreed() string {
	r.t.Helper()
	e, err := r.Erase.Request(r.t.Context(), asks, r.item.ID, "the witness asked")
	check(r.t, err)
	check(r.t, r.Erase.Approve(r.t.Context(), agrees, e.ID))
	return e.ID
}

// derive makes a derivative of the item, as a pass does.
func (r *rig) derive(kind string, body []byte) archive.Derivative {
	r.t.Helper()
	ctx := r.t.Context()
	c := vaulttest.Seal(r.t, r.Vault, body)
	o := c.Objects[0]
	d := archive.Derivative{ID: archive.NewID(archive.PrefixDerivative), Item: r.item.ID, Kind: kind, Recipe: kind, RecipeVersion: 1, Tool: "t", ToolVersion: "1",
		Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Size: o.Size, SHA256: o.SHA256[:], MediaType: "image/jpeg", CreatedAt: time.Now(), Meta: []byte(`{"secret":"Marfa"}`)}
	check(r.t, r.DB.Write(ctx, func(tx *store.Tx) error {
		if _, err := tx.ReplaceRecipe(ctx, r.item.ID, kind, time.Now()); err != nil {
			return err
		}
		if err := tx.AddCommit(ctx, c, store.ObjectDerivative); err != nil {
			return err
		}
		if err := tx.AddDerivative(ctx, d); err != nil {
			return err
		}
		_, err := r.Custody.Record(ctx, tx, custody.Derivation(r.Program, d))
		return err
	}))
	return d
}

// clean says what fsck and the verifier of the record find.
func (r *rig) clean() {
	r.t.Helper()
	rep, err := r.Fsck(r.t.Context(), nil, fsck.Options{Deep: true})
	check(r.t, err)
	for _, f := range rep.Findings {
		if f.Severity != fsck.Warning {
			r.t.Errorf("fsck: %s %s: %s", f.Code, f.Subject, f.Text)
		}
	}
	ver, err := r.VerifyRecord(r.t.Context(), nil, nil)
	check(r.t, err)
	if !ver.OK() {
		r.t.Errorf("custody verify: %+v", ver.Failures)
	}
	// An export of it verifies as well, without the archive.
	var out bytes.Buffer
	check(r.t, custody.Export(r.t.Context(), r.DB, &out))
	key, err := verify.ParseKey(r.Verifier)
	check(r.t, err)
	exp, err := verify.VerifyExport(r.t.Context(), &out, verify.Options{Key: key})
	check(r.t, err)
	if !exp.OK() || exp.Erased != ver.Erased {
		r.t.Errorf("export: %+v", exp)
	}
}

// spellings of a value, as they could stand somewhere.
func spellings(b []byte) [][]byte {
	return [][]byte{b, []byte(hex.EncodeToString(b)), []byte(base64.StdEncoding.EncodeToString(b))[:len(b)/3*4], []byte(base64.RawURLEncoding.EncodeToString(b))[:len(b)/3*4]}
}

// everywhere calls f with everything that the archive holds, decrypted: pages of the database with the freed ones, its write-ahead
// file, every envelope and every object that opens, and the other files of the home.
func (r *rig) everywhere(f func(place string, b []byte)) {
	r.t.Helper()
	ctx := r.t.Context()
	c, err := r.DB.SQL().Conn(ctx)
	check(r.t, err)
	check(r.t, c.Raw(func(raw any) error {
		pointer, err := raw.(driver.Conn).Raw().FileControl("main", sqlite3.FCNTL_FILE_POINTER)
		if err != nil {
			return err
		}
		file := pointer.(vfs.File)
		size, err := file.Size()
		if err != nil {
			return err
		}
		pages := make([]byte, size)
		for at := int64(0); at < size; at += 4096 {
			if _, err := file.ReadAt(pages[at:at+4096], at); err != nil {
				return err
			}
		}
		f("database", pages)
		return nil
	}))
	check(r.t, c.Close())
	for id, err := range r.Vault.Envelopes(ctx) {
		check(r.t, err)
		commit, err := r.Vault.DescribeCommit(ctx, id)
		check(r.t, err)
		f("envelope", fmt.Appendf(nil, "%x", commit.EnvelopeSHA256))
		for _, o := range commit.Objects {
			f("envelope "+o.ID, fmt.Appendf(o.SHA256[:], "%x", o.SHA256))
			b, err := vaulttest.ReadAll(ctx, r.Vault, vault.Ref{Object: o.ID, Envelope: o.Envelope})
			check(r.t, err)
			f("object "+o.ID, b)
		}
	}
	check(r.t, filepath.WalkDir(r.Dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(name)
		f("file "+filepath.Base(name), b)
		return err
	}))
}

// hits counts where one of the canaries is found.
func (r *rig) hits(canaries ...[]byte) (out []string) {
	r.t.Helper()
	r.everywhere(func(place string, b []byte) {
		for i, c := range canaries {
			for _, s := range spellings(c) {
				if bytes.Contains(b, s) {
					out = append(out, fmt.Sprintf("canary %d in %s", i, place))
				}
			}
		}
	})
	return out
}

// checkpointed moves the write-ahead file into the database, so that a search sees it.
func (r *rig) checkpointed() {
	r.t.Helper()
	check(r.t, r.DB.Purge(context.WithoutCancel(r.t.Context())))
}

// service is another room over the same archive, with faults.
func (r *rig) service(db erase.Database, v *vault.Vault) *erase.Service {
	r.t.Helper()
	s, err := erase.New(erase.Options{DB: db, Vault: v, Custody: r.Custody, Signer: r.Signer, Verifier: r.Verifier, Tool: r.Tool, Jobs: r.Jobs, Purge: r.DB.Purge,
		Lock: func() (io.Closer, error) { return io.NopCloser(nil), nil }})
	check(r.t, err)
	return s
}

// faulty spoils the n-th write, before or after it took effect.
type faulty struct {
	*store.DB
	at, n int
	kept  bool
}

var errFault = errors.New("input/output error")

func (f *faulty) Write(ctx context.Context, do func(*store.Tx) error) error {
	f.n++
	if f.n != f.at {
		return f.DB.Write(ctx, do)
	}
	if f.kept {
		if err := f.DB.Write(ctx, do); err != nil {
			return err
		}
		return errFault
	}
	return f.DB.Write(ctx, func(tx *store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return errFault
	})
}
