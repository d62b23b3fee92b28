package fsck_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/custodytest"
	"zapis/internal/custody/verify"
	"zapis/internal/fsck"
	"zapis/internal/fsck/fscktest"
	"zapis/internal/ingest"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/record"
)

// material is an archive on disk with everything that fsck looks at: an accession that is closed, with small and large
// files, a duplicate, a link and a pipe, a derivative; one that is open; kept checkpoints.
type material struct {
	dir      string // vault/ and zapis.db
	key      []byte // of the database
	verifier string
	signer   string
	record   []byte
	kept     map[string][]byte
	closed   string // accessions
	open     string
	item     string // an item of several segments in the closed accession, with a derivative
	later    []byte // a checkpoint that a test may keep
}

const passphrase = "seven words that nobody would ever guess"

// make builds an archive in dir, with the database at url.
func build(t testing.TB, dir string, o store.Options) (m material, err error) {
	ctx := context.Background()
	must := func(e error) {
		if err == nil {
			err = e
		}
	}
	m = material{dir: dir, key: o.Key, kept: map[string][]byte{}, record: bytes.Repeat([]byte{7}, 32)}
	disk, err := localdisk.Create(filepath.Join(dir, "vault"))
	if err != nil {
		return m, err
	}
	v, err := vault.Create(ctx, disk, vault.CreateOptions{Passphrase: []byte(passphrase), WorkFactor: 2, SegmentSize: 64 << 10})
	if err != nil {
		return m, err
	}
	m.signer, m.verifier, err = tlog.GenerateKey(custodytest.Random(), custody.Origin(v.ID()))
	if err != nil {
		return m, err
	}
	signer, err := tlog.NewSigner(m.signer)
	if err != nil {
		return m, err
	}
	db, err := store.Create(ctx, o, v.ID())
	if err != nil {
		return m, err
	}
	defer func() { must(db.Close()) }()
	sealer, err := record.New(m.record)
	if err != nil {
		return m, err
	}
	rec := custody.New(custody.Options{Tool: "zapis test", Signer: signer, Origin: custody.Origin(v.ID())})
	jobs, err := job.New(db, job.Options{})
	if err != nil {
		return m, err
	}
	keep := func() {
		note, size, err := rec.Checkpoint(ctx, db)
		must(err)
		m.kept[fmt.Sprintf("%016d.txt", size)] = note
		m.later = note
	}
	agent := custodytest.Agent
	must(db.Write(ctx, func(tx *store.Tx) error {
		_, err := rec.Record(ctx, tx, custody.VaultCreated(agent, v.ID()))
		return err
	}))
	keep()
	in, err := ingest.New(ingest.Options{DB: db, Vault: v, Record: sealer, Custody: rec, Jobs: jobs, Signer: signer, Verifier: m.verifier,
		Tool: "zapis test", LockDir: filepath.Join(dir, "lock"), Own: []string{filepath.Join(dir, "vault")}, Reserve: 1})
	if err != nil {
		return m, err
	}
	source := filepath.Join(dir, "source")
	must(os.MkdirAll(filepath.Join(source, "a", "empty"), 0o700))
	must(os.MkdirAll(filepath.Join(dir, "lock"), 0o700))
	large := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // five segments
	for name, data := range map[string][]byte{"one.txt": []byte("one"), "two.txt": []byte("two"), "empty.bin": nil, "large.bin": large, "a/copy.bin": large} {
		must(os.WriteFile(filepath.Join(source, name), data, 0o600))
	}
	must(os.Symlink("one.txt", filepath.Join(source, "link")))
	must(syscall.Mkfifo(filepath.Join(source, "pipe"), 0o600))
	take := func(title string) string {
		a, e := in.NewAccession(ctx, agent, title)
		must(e)
		_, e = in.Ingest(ctx, agent, a.ID, []string{source}, nil)
		must(e)
		return a.ID
	}
	m.closed = take("First")
	if err != nil {
		return m, err
	}
	// A derivative, as a worker makes one.
	must(db.Read(ctx, func(tx *store.Tx) error {
		for it, err := range tx.AllItems(ctx) {
			if err != nil {
				return err
			}
			if it.Size == int64(len(large)) {
				m.item = it.ID
			}
		}
		return nil
	}))
	b := v.Begin(ctx)
	made, e := b.Add(ctx, strings.NewReader("a still"), vault.AddOptions{ExpectSize: -1})
	must(e)
	c, e := b.Commit(ctx)
	must(e)
	must(db.Write(ctx, func(tx *store.Tx) error {
		d := archive.Derivative{ID: archive.NewID("de"), Item: m.item, Kind: archive.DerivativeStill, Recipe: "quick", RecipeVersion: 1, Tool: "none",
			ToolVersion: "1", Object: archive.ObjectRef{Object: made.ID, Envelope: c.Envelope}, Size: made.Size, SHA256: made.SHA256[:],
			MediaType: "image/jpeg", CreatedAt: time.Now().UTC()}
		if err := tx.AddCommit(ctx, c, store.ObjectDerivative); err != nil {
			return err
		}
		if err := tx.AddDerivative(ctx, d); err != nil {
			return err
		}
		_, err := rec.Record(ctx, tx, custody.Derivation(agent, d))
		return err
	}))
	_, _, e = in.Close(ctx, agent, m.closed)
	must(e)
	must(os.WriteFile(filepath.Join(source, "new.txt"), []byte("new"), 0o600))
	m.open = take("Second")
	keep()
	must(os.RemoveAll(source))
	return m, err
}

// opened is an archive in use.
type opened struct {
	material
	db   *store.DB
	v    *vault.Vault
	deps fsck.Deps
}

func open(t testing.TB, m material, o store.Options) *opened {
	t.Helper()
	ctx := context.Background()
	disk, err := localdisk.Open(filepath.Join(m.dir, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(ctx, disk, vault.Passphrase([]byte(passphrase)))
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	sealer, err := record.New(m.record)
	if err != nil {
		t.Fatal(err)
	}
	key, err := verify.ParseKey(m.verifier)
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{"verifier.txt": {Data: []byte(m.verifier + "\n")}}
	for name, note := range m.kept {
		folder[name] = &fstest.MapFile{Data: bytes.Clone(note)}
	}
	return &opened{m, db, v, fsck.Deps{DB: db, Vault: v, Sealer: sealer, Key: key, Checkpoints: folder}}
}

// The archive that the tests alter is built once and copied.
var template = sync.OnceValues(func() (material, error) {
	dir, err := os.MkdirTemp("", "zapis-fsck-")
	if err != nil {
		return material{}, err
	}
	templateDir = dir
	return build(nil, dir, store.Options{URL: "sqlite://" + filepath.Join(dir, "zapis.db"), Key: bytes.Repeat([]byte{3}, 32)})
})

var templateDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if templateDir != "" {
		_ = os.RemoveAll(templateDir)
	}
	os.Exit(code)
}

// copied gives an archive of its own to a test.
func copied(t testing.TB) *opened {
	t.Helper()
	m, err := template()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(m.dir)); err != nil {
		t.Fatal(err)
	}
	m.dir = dir
	return open(t, m, store.Options{URL: "sqlite://" + filepath.Join(dir, "zapis.db"), Key: m.key})
}

func check(t testing.TB, d fsck.Deps, o fsck.Options) fsck.Report {
	t.Helper()
	r, err := fsck.Run(context.Background(), d, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func found(r fsck.Report) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, f.Code+" "+f.Subject)
	}
	return out
}

func TestCleanArchive(t *testing.T) {
	t.Parallel()
	a := copied(t)
	r := fscktest.MustBeClean(t, a.deps)
	if r.Items != 5 || r.Warnings != 0 || r.Record.Uncovered != 0 || r.Objects != 7 || r.Blobs == 0 || !r.Deep {
		t.Errorf("report: %+v", r)
	}
}

func TestCleanArchiveOnPostgreSQL(t *testing.T) {
	t.Parallel()
	o := store.Options{URL: storetest.Postgres(t)}
	m, err := build(t, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	a := open(t, m, o)
	if r := fscktest.MustBeClean(t, a.deps); r.Items != 5 || r.Warnings != 0 {
		t.Errorf("report: %+v", r)
	}
	ctx := context.Background()
	for _, s := range []string{
		`UPDATE item SET sha256 = decode(repeat('00', 32), 'hex') WHERE id = '` + m.item + `'`,
		`INSERT INTO object SELECT 'ob_x', envelope_id, kind, state, size, sha256 FROM object LIMIT 1`,
		`UPDATE custody_opening SET salt = decode(repeat('00', 32), 'hex') WHERE position = 2`,
		`UPDATE accession SET bytes = bytes + 1 WHERE id = '` + m.open + `'`,
		`DELETE FROM provenance WHERE item_id IS NULL AND accession_id = '` + m.closed + `'`,
	} {
		c, err := a.db.Pool().Acquire(ctx)
		if err != nil {
			t.Fatal(err)
		}
		// No triggers, no references.
		if _, err := c.Exec(ctx, `SET session_replication_role = replica`); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(ctx, s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		if _, err := c.Exec(ctx, `SET session_replication_role = DEFAULT`); err != nil {
			t.Fatal(err)
		}
		c.Release()
	}
	got := found(check(t, a.deps, fsck.Options{}))
	for _, want := range []string{"record-differs item " + m.item, "item-object item " + m.item, "record-unrecorded object ob_x", "object-missing ob_x", "object-unused object ob_x",
		"record-opening-altered opening 2", "tally-differs " + m.open, "tally-differs " + m.closed, "manifest-differs " + m.closed, "line-missing " + m.closed, "receipt-differs " + m.closed} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is not among %q", want, got)
		}
	}
}

// execute alters the database as somebody with its key could.
func (a *opened) execute(t testing.TB, statements ...string) {
	t.Helper()
	db := a.db.SQL()
	for _, s := range append([]string{`PRAGMA foreign_keys = OFF`, `PRAGMA ignore_check_constraints = ON`}, statements...) {
		if _, err := db.Exec(s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

// free takes the triggers of a table away.
func free(table string) []string {
	var out []string
	for _, what := range []string{"update", "delete", "replace"} {
		out = append(out, "DROP TRIGGER IF EXISTS "+table+"_no_"+what)
	}
	return append(out, "DROP TRIGGER IF EXISTS custody_head_no_shrink")
}

func (a *opened) one(t testing.TB, query string) string {
	t.Helper()
	var out sql.NullString
	if err := a.db.SQL().QueryRow(query).Scan(&out); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return out.String
}

// file gives the path of a file of the vault.
func (a *opened) file(name string) string {
	return filepath.Join(a.dir, "vault", filepath.FromSlash(name))
}

func (a *opened) flip(t testing.TB, name string, at int64) {
	t.Helper()
	data, err := os.ReadFile(a.file(name))
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += int64(len(data))
	}
	data[at] ^= 1
	if err := os.WriteFile(a.file(name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every kind of disagreement, each with what the report must name. In wants, {x} stands for what the query x gives.
func TestEveryDisagreementIsNamed(t *testing.T) {
	t.Parallel()
	const item, object = "SELECT id FROM item ORDER BY id LIMIT 1", "SELECT object_id FROM item ORDER BY id LIMIT 1"
	const blob, envelope = "SELECT name FROM blob ORDER BY name LIMIT 1", "SELECT id FROM envelope ORDER BY id LIMIT 1"
	const line = "SELECT p.id FROM provenance p JOIN accession a ON a.id = p.accession_id ORDER BY a.number, p.seq LIMIT 1"
	const closed, still = "SELECT id FROM accession ORDER BY number LIMIT 1", "SELECT id FROM derivative"
	for _, c := range []struct {
		name  string
		names []string // queries whose answers {0}, {1} stand in do and want
		do    func(t *testing.T, a *opened, n []string)
		deep  bool
		want  []string
	}{
		{"blob byte flipped", []string{blob}, func(t *testing.T, a *opened, n []string) { a.flip(t, vault.BlobName(n[0]), 100) }, true, []string{"blob-damaged {0}"}},
		{"blob cut", []string{blob}, func(t *testing.T, a *opened, n []string) {
			if err := os.Truncate(a.file(vault.BlobName(n[0])), 10); err != nil {
				t.Fatal(err)
			}
		}, false, []string{"blob-size {0}"}},
		{"blob removed", []string{blob}, func(t *testing.T, a *opened, n []string) { a.remove(t, vault.BlobName(n[0])) }, false, []string{"blob-missing {0}"}},
		{"envelope byte flipped", []string{envelope}, func(t *testing.T, a *opened, n []string) { a.flip(t, vault.EnvelopeName(n[0]), -5) }, false, []string{"envelope-damaged {0}"}},
		{"envelope removed", []string{envelope}, func(t *testing.T, a *opened, n []string) { a.remove(t, vault.EnvelopeName(n[0])) }, false, []string{"envelope-missing {0}"}},
		{"envelopes swapped", []string{envelope, "SELECT id FROM envelope ORDER BY id DESC LIMIT 1"}, func(t *testing.T, a *opened, n []string) {
			one, two := a.file(vault.EnvelopeName(n[0])), a.file(vault.EnvelopeName(n[1]))
			rename(t, one, one+".x")
			rename(t, two, one)
			rename(t, one+".x", two)
		}, false, []string{"envelope-damaged {0}", "envelope-damaged {1}"}},
		{"sums removed", []string{envelope}, func(t *testing.T, a *opened, n []string) { a.remove(t, vault.SumsName(n[0])) }, false, []string{"sums-differ {0}"}},
		{"sums byte flipped", []string{envelope}, func(t *testing.T, a *opened, n []string) { a.flip(t, vault.SumsName(n[0]), 3) }, false, []string{"sums-differ {0}"}},
		{"digest of envelope", []string{envelope}, set("UPDATE envelope SET sha256 = zeroblob(32) WHERE id = '{0}'"), false, []string{"envelope-differs {0}"}},
		{"size of blob", []string{blob}, set("UPDATE blob SET size = size + 1 WHERE name = '{0}'"), false, []string{"blob-size {0}"}},
		{"digest of blob", []string{blob}, set("UPDATE blob SET sha256 = zeroblob(32) WHERE name = '{0}'"), true, []string{"blob-damaged {0}"}},
		{"digest of blob cut", []string{blob}, set("UPDATE blob SET sha256 = x'00' WHERE name = '{0}'"), false, []string{"blob-differs {0}"}},
		{"envelope of blob", []string{blob}, set("UPDATE blob SET envelope_id = 'en_x' WHERE name = '{0}'"), false, []string{"blob-envelope blob {0}"}},
		{"envelope of object", []string{object, item}, set("UPDATE object SET envelope_id = 'en_x' WHERE id = '{0}'"), false, []string{"object-envelope object {0}", "item-object item {1}", "object-unlisted {0}"}},
		{"accession of line", []string{line, closed}, set("UPDATE provenance SET accession_id = 'ac_x' WHERE id = '{0}'"), false, []string{"provenance-accession provenance {0}", "line-missing {1}"}},
		{"row of blob removed", []string{blob, "SELECT object_id FROM segment ORDER BY blob_name LIMIT 1"}, set("DELETE FROM blob WHERE name = '{0}'"), false, []string{"segment-blob object {1}"}},
		{"digest of object", []string{object, item}, set("UPDATE object SET sha256 = zeroblob(32) WHERE id = '{0}'"), false,
			[]string{"object-differs {0}", "item-object item {1}", "record-differs object {0}"}},
		{"size of object", []string{object}, set("UPDATE object SET size = size + 1 WHERE id = '{0}'"), false, []string{"object-differs {0}", "object-segments object {0}"}},
		{"row of object removed", []string{object, item}, set("DELETE FROM object WHERE id = '{0}'"), false,
			[]string{"record-not-held object {0}", "item-object item {1}", "object-unlisted {0}", "segment-object object {0}"}},
		{"offset of segment", []string{"SELECT object_id FROM segment WHERE number = 3 LIMIT 1"}, set("UPDATE segment SET starts_at = starts_at - 1 WHERE object_id = '{0}' AND number = 3"), false, []string{"segment-differs {0} segment 3"}},
		{"digest of segment", []string{"SELECT object_id FROM segment WHERE number = 3 LIMIT 1"}, set("UPDATE segment SET plain_sha256 = zeroblob(32) WHERE object_id = '{0}' AND number = 3"), false, []string{"segment-differs {0} segment 3"}},
		{"segment removed", []string{"SELECT object_id FROM segment WHERE number = 3 LIMIT 1"}, set("DELETE FROM segment WHERE object_id = '{0}' AND number = 3"), false, []string{"segment-differs {0} segment 3", "object-segments object {0}"}},
		{"object called erased", []string{object, item}, set("UPDATE object SET state = 'erased' WHERE id = '{0}'"), false, []string{"object-not-erased {0}", "item-state item {1}"}},
		{"object set apart, item not", []string{object, item}, set("UPDATE object SET state = 'quarantined' WHERE id = '{0}'"), false, []string{"object-quarantined {0}", "item-state item {1}"}},
		{"digest of item", []string{item}, set("UPDATE item SET sha256 = zeroblob(32) WHERE id = '{0}'"), false, []string{"record-differs item {0}", "item-object item {0}"}},
		{"digest of item and object", []string{item, object}, set("UPDATE item SET sha256 = zeroblob(32) WHERE id = '{0}'", "UPDATE object SET sha256 = zeroblob(32) WHERE id = '{1}'"), false,
			[]string{"record-differs item {0}", "record-differs object {1}", "object-differs {1}"}},
		{"item removed", []string{item, "SELECT p.id FROM provenance p WHERE item_id = (" + item + ") LIMIT 1"}, set("DELETE FROM item WHERE id = '{0}'"), false, []string{"record-not-held item {0}", "provenance-item provenance {1}", "roll-up item_rollup"}},
		{"item invented", nil, set(`INSERT INTO item SELECT 'it_x', accession_id, accession_no, 9, kind, state, reason, size, x'` + strings.Repeat("ab", 32) + `', object_id, envelope_id,
			received_at, recorded_at, recorded_source, duration, width, height, frame_rate, format, codec, camera, micro, anomalies, difficulty, copies, sort_at FROM item LIMIT 1`), false,
			[]string{"record-unrecorded item it_x", "item-provenance item it_x"}},
		{"object invented", nil, set(`INSERT INTO object SELECT 'ob_x', envelope_id, kind, state, size, sha256 FROM object LIMIT 1`), false, []string{"record-unrecorded object ob_x", "object-unused object ob_x", "object-missing ob_x"}},
		{"derivative invented", nil, set(`INSERT INTO derivative SELECT 'de_x', item_id, 'proxy', ordinal, recipe, recipe_version, tool, tool_version, object_id, envelope_id, size, sha256, media_type, meta, created_at, NULL FROM derivative`), false, []string{"record-unrecorded derivative de_x"}},
		{"accession invented", nil, set(`INSERT INTO accession (id, number, title, state, created_at, created_by) VALUES ('ac_x', 77, '', 'closed', 0, '')`), false, []string{"record-unrecorded accession ac_x", "record-unrecorded closing ac_x", "receipt-missing ac_x"}},
		{"item counted wrong", []string{item}, set("UPDATE item_rollup_total SET n = n + 1"), false, []string{"roll-up item_rollup_total"}},
		{"copies of item", []string{item}, set("UPDATE item SET copies = copies + 1 WHERE id = '{0}'"), false, []string{"item-copies item {0}"}},
		{"number of item", []string{item}, set("UPDATE item SET number = 99 WHERE id = '{0}'"), false, []string{"item-accession item {0}"}},
		{"line removed", []string{line, closed, item}, set("DELETE FROM provenance WHERE id = '{0}'"), false, []string{"line-missing {1}", "tally-differs {1}", "manifest-differs {1}", "receipt-differs {1}"}},
		{"last line removed", []string{"SELECT p.id FROM provenance p JOIN accession a ON a.id = p.accession_id ORDER BY a.number, p.seq DESC LIMIT 1", closed}, set("DELETE FROM provenance WHERE id = '{0}'"), false, []string{"tally-differs {1}", "manifest-differs {1}"}},
		{"outcome of line", []string{"SELECT p.id FROM provenance p JOIN accession a ON a.id = p.accession_id WHERE outcome = 'skipped' ORDER BY a.number LIMIT 1", closed}, set("UPDATE provenance SET outcome = 'failed' WHERE id = '{0}'"), false, []string{"tally-differs {1}", "manifest-differs {1}"}},
		{"line of item made another's", []string{"SELECT item_id FROM provenance WHERE outcome = 'duplicate' LIMIT 1"}, set("UPDATE provenance SET outcome = 'received' WHERE outcome = 'duplicate'"), false, []string{"provenance-twice item {0}"}},
		{"sealed line altered", []string{line, closed}, set("UPDATE provenance SET sealed = zeroblob(120) WHERE id = '{0}'"), false, []string{"provenance-sealed provenance {0}", "manifest-differs {1}"}},
		{"sealed line of another", []string{line}, set("UPDATE provenance SET sealed = (SELECT sealed FROM provenance WHERE id <> '{0}' LIMIT 1) WHERE id = '{0}'"), false, []string{"provenance-sealed provenance {0}"}},
		{"line's moment altered", []string{line, closed}, set("UPDATE provenance SET found_at = found_at + 1 WHERE id = '{0}'"), false, []string{"manifest-differs {1}"}},
		{"tally altered", []string{closed}, set("UPDATE accession SET bytes = bytes + 1 WHERE id = '{0}'"), false, []string{"tally-differs {0}", "receipt-differs {0}"}},
		{"manifest digest altered", []string{closed}, set("UPDATE accession SET manifest_sha256 = zeroblob(32) WHERE id = '{0}'"), false, []string{"manifest-differs {0}", "manifest-object accession {0}", "record-differs accession {0}"}},
		{"receipt removed", []string{closed}, set("UPDATE accession SET receipt = NULL WHERE id = '{0}'"), false, []string{"receipt-missing {0}"}},
		{"receipt altered", []string{closed}, set(`UPDATE accession SET receipt = CAST(replace(CAST(receipt AS TEXT), '"found":"', '"found":"1') AS BLOB) WHERE id = '{0}'`), false, []string{"receipt-differs {0}"}},
		{"receipt's checkpoint altered", []string{closed}, set(`UPDATE accession SET receipt = CAST(replace(CAST(receipt AS TEXT), '"checkpoint":"zapis', '"checkpoint":"zapix') AS BLOB) WHERE id = '{0}'`), false, []string{"receipt-differs {0}", "record-checkpoint-altered receipt of {0}"}},
		{"receipt unreadable", []string{closed}, set("UPDATE accession SET receipt = x'7b' WHERE id = '{0}'"), false, []string{"receipt-differs {0}"}},
		{"accession opened again", []string{closed}, set("UPDATE accession SET state = 'open' WHERE id = '{0}'"), false, []string{"accession-open accession {0}"}},
		{"derivative's digest", []string{still}, set("UPDATE derivative SET sha256 = zeroblob(32)"), false, []string{"record-differs derivative {0}", "derivative-object derivative {0}"}},
		{"derivative removed", []string{still, "SELECT object_id FROM derivative"}, set("DELETE FROM derivative"), false, []string{"record-not-held derivative {0}", "object-unused object {1}"}},
		{"derivative of nothing", []string{still}, set("UPDATE derivative SET item_id = 'it_x'"), false, []string{"derivative-item derivative {0}"}},
		{"event altered", nil, set(append(free("custody_opening"), "UPDATE custody_opening SET agent = 'ag_x' WHERE position = 2")...), false, []string{"record-columns-altered opening 2"}},
		{"salt altered", nil, set(append(free("custody_opening"), "UPDATE custody_opening SET salt = zeroblob(32) WHERE position = 2")...), false, []string{"record-opening-altered opening 2"}},
		{"commitment altered", nil, set(append(free("custody_leaf"), "UPDATE custody_leaf SET commitment = zeroblob(32) WHERE position = 2")...), false, []string{"record-commitment-altered leaf 2"}},
		{"hash altered", nil, set(append(free("custody_hash"), "UPDATE custody_hash SET hash = zeroblob(32) WHERE position = 2")...), false, []string{"record-hash-altered hash 2"}},
		{"head lowered", nil, set(append(free("custody_head"), "UPDATE custody_head SET size = size - 1")...), false, []string{"record-head-altered head"}},
		{"subject without an event", nil, set("INSERT INTO custody_subject VALUES (99, 0, 'about', 'item', 'it_x')"), false, []string{"record-opening-altered opening 99"}},
		{"checkpoint altered", nil, set(append(free("checkpoint"), "UPDATE checkpoint SET note = x'00' WHERE size = 1")...), false, []string{"record-checkpoint-altered checkpoint 1"}},
		{"trigger removed", nil, set("DROP TRIGGER custody_leaf_no_update"), false, []string{"database-trigger custody_leaf"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := copied(t)
			var names []string
			for _, q := range c.names {
				names = append(names, a.one(t, q))
			}
			c.do(t, a, names)
			r := check(t, a.deps, fsck.Options{Deep: c.deep})
			got := found(r)
			for _, w := range c.want {
				w = fill(w, names)
				if !slices.ContainsFunc(got, func(g string) bool {
					return g == w || strings.HasPrefix(g, w+"_") || strings.HasPrefix(w, "database-") && strings.HasPrefix(g, w)
				}) {
					t.Errorf("%q is not among %q", w, got)
				}
			}
			if r.OK() && !strings.Contains(strings.Join(c.want, " "), "warning") {
				t.Errorf("no error among %q", got)
			}
			for _, f := range r.Findings {
				if strings.Contains(f.Text+f.Subject, ".txt") && !strings.Contains(f.Subject, "checkpoint") || strings.Contains(f.Text, a.dir) {
					t.Errorf("names a file: %v", f)
				}
			}
		})
	}
}

func set(statements ...string) func(*testing.T, *opened, []string) {
	return func(t *testing.T, a *opened, names []string) {
		var out []string
		for _, s := range statements {
			out = append(out, fill(s, names))
		}
		a.execute(t, out...)
	}
}

func fill(s string, names []string) string {
	for i, n := range names {
		s = strings.ReplaceAll(s, fmt.Sprintf("{%d}", i), n)
	}
	return s
}

func (a *opened) remove(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(a.file(name)); err != nil {
		t.Fatal(err)
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// A database put back to an older state, vault and folder of checkpoints as they are now.
func TestRollbackIsNamed(t *testing.T) {
	t.Parallel()
	m, err := template()
	if err != nil {
		t.Fatal(err)
	}
	a := copied(t)
	before := filepath.Join(t.TempDir(), "zapis.db")
	if err := a.db.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(m.dir, "zapis.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(before, data, 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewSigner(m.signer)
	if err != nil {
		t.Fatal(err)
	}
	// Life goes on and a checkpoint is kept; then the old file comes back.
	now := open(t, a.material, store.Options{URL: "sqlite://" + filepath.Join(a.dir, "zapis.db"), Key: m.key})
	rec := custody.New(custody.Options{Tool: "zapis test", Signer: signer, Origin: custody.Origin(now.v.ID())})
	storetest.Write(t, now.db, func(tx *store.Tx) error {
		_, err := rec.Record(context.Background(), tx, custody.Displaying(custodytest.Agent, m.item, "", archive.NewID("vi"), "proxy"))
		return err
	})
	note, size, err := rec.Checkpoint(context.Background(), now.db)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("%016d.txt", size)
	now.deps.Checkpoints.(fstest.MapFS)[name] = &fstest.MapFile{Data: note}
	fscktest.MustBeClean(t, now.deps)

	old := open(t, a.material, store.Options{URL: "sqlite://" + before, Key: m.key})
	old.deps.Checkpoints = now.deps.Checkpoints
	r := check(t, old.deps, fsck.Options{})
	if got := found(r); !slices.Equal(got, []string{"record-record-cut kept checkpoint " + name}) {
		t.Fatalf("found %q", got)
	}
	if !strings.Contains(r.Findings[0].Text, "put back to an older state") {
		t.Errorf("says %q", r.Findings[0].Text)
	}
}

func TestFolderOfCheckpoints(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		alter func(fstest.MapFS) fs.FS
		want  string
	}{
		"verifier differs": {func(f fstest.MapFS) fs.FS { f["verifier.txt"].Data[3] ^= 1; return f }, "verifier-differs verifier.txt"},
		"verifier gone":    {func(f fstest.MapFS) fs.FS { delete(f, "verifier.txt"); return f }, "verifier-missing verifier.txt"},
		"all gone":         {func(f fstest.MapFS) fs.FS { return fstest.MapFS{"verifier.txt": f["verifier.txt"]} }, "checkpoints-missing checkpoint folder"},
		"folder gone":      {func(f fstest.MapFS) fs.FS { return os.DirFS("/nonexistent") }, "checkpoints-missing checkpoint folder"},
		"altered":          {func(f fstest.MapFS) fs.FS { f["0000000000000001.txt"].Data[9] ^= 1; return f }, "record-checkpoint-altered kept checkpoint 0000000000000001.txt"},
	} {
		a := copied(t)
		a.deps.Checkpoints = c.alter(a.deps.Checkpoints.(fstest.MapFS))
		if got := found(check(t, a.deps, fsck.Options{})); !slices.Equal(got, []string{c.want}) {
			t.Errorf("%s: found %q, want %q", name, got, c.want)
		}
	}
}

func TestOrphans(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	a := copied(t)
	// A batch that was broken off, and one that was committed to the vault alone.
	add := func() *vault.Batch {
		b := a.v.Begin(ctx)
		if _, err := b.Add(ctx, strings.NewReader(hex.EncodeToString(custodytest.Digest(1))), vault.AddOptions{ExpectSize: -1}); err != nil {
			t.Fatal(err)
		}
		return b
	}
	c, err := add().Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	lost := archive.NewID(archive.PrefixBlob)
	path := a.file(vault.BlobName(lost))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("broken off"), 0o600); err != nil {
		t.Fatal(err)
	}
	// They are young: an act may be under way.
	if r := check(t, a.deps, fsck.Options{}); len(r.Findings) != 0 {
		t.Fatalf("young: %v", r.Findings)
	}
	a.deps.Now = func() time.Time { return time.Now().Add(2 * time.Hour) }
	r := check(t, a.deps, fsck.Options{})
	got := found(r)
	slices.Sort(got)
	want := []string{"blob-orphan " + c.Blobs[0].Name, "blob-orphan " + lost, "envelope-orphan " + c.Envelope}
	slices.Sort(want)
	if !slices.Equal(got, want) || !r.OK() || r.Orphans != 2 || r.OrphanBytes != c.Blobs[0].Size+10 {
		t.Fatalf("found %q, want %q; %d bytes", got, want, r.OrphanBytes)
	}

	// Nobody vouches that no batch is open: nothing is removed.
	if _, err := fsck.Run(ctx, a.deps, fsck.Options{Clean: true}); err == nil {
		t.Error("cleans without being sure that no batch is open")
	}
	released := false
	a.deps.NoOpenBatch = func(context.Context) (func(), error) { return nil, archive.ErrBusy }
	if r, err := fsck.Run(ctx, a.deps, fsck.Options{Clean: true}); err == nil || r.Cleaned != 0 {
		t.Errorf("cleans while a batch is open: %v", err)
	}
	a.deps.NoOpenBatch = func(context.Context) (func(), error) { return func() { released = true }, nil }
	// Anything wrong: nothing is removed.
	a.execute(t, "UPDATE accession SET bytes = bytes + 1")
	if r := check(t, a.deps, fsck.Options{Clean: true}); r.Cleaned != 0 || r.OK() {
		t.Errorf("cleans an archive with errors: %+v", r)
	}
	a.execute(t, "UPDATE accession SET bytes = bytes - 1")
	if r = check(t, a.deps, fsck.Options{Clean: true}); r.Cleaned != 1 || r.CleanedBytes != 10 || !released {
		t.Errorf("cleaned %d blobs of %d bytes", r.Cleaned, r.CleanedBytes)
	}
	// What has an envelope has a key and stays.
	if got := found(check(t, a.deps, fsck.Options{Deep: true})); len(got) != 2 || slices.Contains(got, "blob-orphan "+lost) {
		t.Errorf("afterwards: %q", got)
	}
}

// failing is a storage on which reading blobs, or listing them, fails.
type failing struct {
	vault.Backend
	read, list bool
}

var errDevice = errors.New("input/output error")

func (f failing) Open(ctx context.Context, name string) (vault.BlobReader, error) {
	if f.read && strings.HasPrefix(name, "blob/") {
		return nil, errDevice
	}
	return f.Backend.Open(ctx, name)
}

func (f failing) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	if f.list {
		return func(yield func(vault.Info, error) bool) { yield(vault.Info{}, errDevice) }
	}
	return f.Backend.List(ctx, prefix)
}

func TestStorageThatFails(t *testing.T) {
	t.Parallel()
	for code, f := range map[string]failing{"blob-unreadable": {read: true}, "vault-unreadable": {list: true}} {
		a := copied(t)
		f.Backend = a.v.Backend()
		v, err := vault.Open(context.Background(), f, vault.Passphrase([]byte(passphrase)))
		if err != nil {
			t.Fatal(err)
		}
		a.deps.Vault = v
		r := check(t, a.deps, fsck.Options{Deep: true})
		if r.OK() || !slices.ContainsFunc(r.Findings, func(f fsck.Finding) bool { return f.Code == code }) {
			t.Errorf("%s is not among %v", code, r.Findings)
		}
	}
}

// unreadableFS is a folder with one file that cannot be read.
type unreadableFS struct {
	fs.FS
	name string
}

func (u unreadableFS) Open(name string) (fs.File, error) {
	if name == u.name {
		return nil, errDevice
	}
	return u.FS.Open(name)
}

func TestKeptCheckpointThatCannotBeRead(t *testing.T) {
	t.Parallel()
	a := copied(t)
	for _, name := range []string{"0000000000000001.txt", "."} {
		d := a.deps
		d.Checkpoints = unreadableFS{a.deps.Checkpoints, name}
		if got := found(check(t, d, fsck.Options{})); len(got) != 1 || !strings.HasPrefix(got[0], "checkpoints-unreadable ") {
			t.Errorf("%s: found %q", name, got)
		}
	}
}

// A flipped bit in the file of the database: either it does not open any more, or it is named.
func TestFlippedBitsInTheDatabase(t *testing.T) {
	t.Parallel()
	m, err := template()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(m.dir, "zapis.db"))
	if err != nil {
		t.Fatal(err)
	}
	unreadable := 0
	for i := range 12 {
		name := filepath.Join(t.TempDir(), "zapis.db")
		data := bytes.Clone(whole)
		data[(2*i+1)*len(data)/24] ^= 1 << (i % 8)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		o := store.Options{URL: "sqlite://" + name, Key: m.key}
		db, err := store.Open(context.Background(), o)
		if err != nil {
			unreadable++
			continue
		}
		a := open(t, m, o)
		r := check(t, a.deps, fsck.Options{})
		if r.OK() {
			t.Errorf("flip %d is not found", i)
		}
		if err := db.Close(); err != nil {
			t.Log(err)
		}
	}
	if unreadable == 12 {
		t.Error("no flip reached the check")
	}
}

func TestForeignDatabase(t *testing.T) {
	t.Parallel()
	a := copied(t)
	a.deps.DB = storetest.Open(t, store.SQLite)
	if got := found(check(t, a.deps, fsck.Options{})); !slices.Contains(got, "foreign "+storetest.VaultID) {
		t.Errorf("found %q", got)
	}
}

func TestGivenUp(t *testing.T) {
	t.Parallel()
	a := copied(t)
	ctx, cancel := context.WithCancel(context.Background())
	_, err := fsck.Run(ctx, a.deps, fsck.Options{Deep: true, Progress: func(p fsck.Progress) {
		if p.Step == "vault" {
			cancel()
		}
	}})
	if err == nil || ctx.Err() == nil {
		t.Errorf("given up: %v", err)
	}
}
