package fsck_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/custody"
	"zapis/internal/custody/custodytest"
	"zapis/internal/custody/verify"
	"zapis/internal/fsck"
	"zapis/internal/fsck/fscktest"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
	"zapis/internal/vault"
)

const logOrigin = "zapis.example/log"

// prover gives an archive a public log, seals of accessions and erasures, as the rooms that do so in earnest.
type prover struct {
	*opened
	t      testing.TB
	rec    *custody.Recorder
	signer tlog.Signer
}

func prove(t testing.TB, a *opened) *prover {
	t.Helper()
	signer, err := tlog.NewSigner(a.signer)
	if err != nil {
		t.Fatal(err)
	}
	p := &prover{opened: a, t: t, rec: custody.New(custody.Options{Tool: "zapis test", Signer: signer, Origin: custody.Origin(a.v.ID())})}
	skey, vkey, err := tlog.GenerateKey(custodytest.Random(), logOrigin)
	if err != nil {
		t.Fatal(err)
	}
	if p.signer, err = tlog.NewSigner(skey); err != nil {
		t.Fatal(err)
	}
	p.write(func(tx *store.Tx) error {
		if err := tx.AddPublicLog(t.Context(), store.PublicLog{Origin: logOrigin, StartedOn: time.Unix(0, 0), Cadence: 24 * time.Hour}); err != nil {
			return err
		}
		return tx.AddLogKey(t.Context(), store.LogKey{Number: 1, VerifierKey: vkey, At: time.Now()})
	})
	return p
}

func (p *prover) write(f func(tx *store.Tx) error) {
	p.t.Helper()
	if err := p.db.Write(p.t.Context(), f); err != nil {
		p.t.Fatal(err)
	}
}

func (p *prover) fatal(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// sealAccession seals a closed accession, and states something with it.
func (p *prover) sealAccession(id string) {
	p.t.Helper()
	ctx := p.t.Context()
	p.write(func(tx *store.Tx) error {
		s := store.AccessionSeal{Accession: id, SealedAt: time.Now(), Statement: archive.NewID(archive.PrefixStatement)}
		var places []store.AccessionPlace
		var leaves []commit.Hash
		for it, err := range tx.SealableItems(ctx, id) {
			p.fatal(err)
			m := commit.Measured{Place: s.Files, BytesBefore: s.Bytes, Bytes: it.Size, MillisecondsBefore: s.Milliseconds, Milliseconds: it.Duration.Milliseconds()}
			leaf := commit.ItemLeaf(it.Whole, it.SegmentRoot, commit.Measure(it.Salt, m))
			places = append(places, store.AccessionPlace{Accession: id, Place: m.Place, Item: it.Item, Leaf: leaf, BytesBefore: m.BytesBefore, Bytes: m.Bytes,
				MillisecondsBefore: m.MillisecondsBefore, Milliseconds: m.Milliseconds})
			leaves = append(leaves, leaf)
			s.Files, s.Bytes, s.Milliseconds = s.Files+1, s.Bytes+m.Bytes, s.Milliseconds+m.Milliseconds
		}
		leaves = append(leaves, commit.Total(s.Files, s.Bytes, s.Milliseconds))
		tree, err := commit.MemoryTree(leaves)
		p.fatal(err)
		root, err := tlog.Root(int64(len(leaves)), tree)
		p.fatal(err)
		s.Root = root
		body := []byte(`{"root":"` + hex.EncodeToString(root[:]) + `"}`)
		p.fatal(tx.AddStatement(ctx, store.Statement{ID: s.Statement, Kind: "scope", Body: body, Salt: sha256.Sum256([]byte(id)), SHA256: sha256.Sum256(body), CreatedAt: time.Now(), CreatedBy: "ag"}))
		p.fatal(tx.AddAccessionSeal(ctx, s, places))
		dec := func(n int64) string { return strconv.FormatInt(n, 10) }
		_, err = p.rec.Record(ctx, tx, archive.Event{Type: archive.EventSealing, Agent: custodytest.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: "about", Kind: "accession", ID: id}},
			Detail: map[string]string{"root": hex.EncodeToString(root[:]), "files": dec(s.Files), "bytes": dec(s.Bytes), "milliseconds": dec(s.Milliseconds),
				"unmeasured": dec(s.Unmeasured), "statement": "x"}})
		return err
	})
}

// tick adds an entry to the public log, with a blank one in front if asked, and a checkpoint.
func (p *prover) tick(blank bool) {
	p.t.Helper()
	ctx := p.t.Context()
	p.write(func(tx *store.Tx) error {
		position, err := tx.LogSize(ctx, true)
		p.fatal(err)
		size, err := tx.Head(ctx, true)
		p.fatal(err)
		secret := func(label string) [32]byte { return sha256.Sum256(fmt.Append(nil, label, position)) }
		var ticks []store.LogTick
		due := func() time.Time { return time.Unix(86400*(position+1), 0) }
		if blank {
			ticks = append(ticks, store.LogTick{Position: position, DueAt: due(), Commitment: secret("blank"), Blank: true})
			position++
		}
		o := store.LogOpening{Position: position, At: time.Now(), Salt: secret("salt"), CustodyVeil: secret("veil"), StatementsVeil: secret("other veil"), CustodySize: size}
		o.CustodyRoot, err = commit.VeiledRoot(commit.CustodyDepth, size, o.CustodyVeil, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.Hashes(ctx, at) }))
		p.fatal(err)
		open, err := tx.OpenStatements(ctx)
		p.fatal(err)
		var ids []string
		var leaves []commit.Hash
		for _, s := range open {
			ids = append(ids, s.ID)
			leaves = append(leaves, commit.Statement(s.Salt, s.Body))
		}
		tree, err := commit.MemoryTree(leaves)
		p.fatal(err)
		o.Statements = int64(len(ids))
		o.StatementsRoot, err = commit.VeiledRoot(commit.StatementDepth, o.Statements, o.StatementsVeil, tree)
		p.fatal(err)
		p.fatal(tx.PlaceStatements(ctx, position, ids))
		ticks = append(ticks, store.LogTick{Position: position, DueAt: due(), Commitment: commit.Tick(o.Salt, o.CustodyRoot, o.StatementsRoot)})
		var hashes []tlog.Hash
		for _, k := range ticks {
			hashes = append(hashes, tlog.LeafHash(k.Commitment[:]))
		}
		reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.LogHashes(ctx, at) })
		_, added, err := tlog.Append(ticks[0].Position, hashes, reader)
		p.fatal(err)
		p.fatal(tx.AddLogTicks(ctx, ticks, &o, added))
		root, err := tlog.Root(position+1, reader)
		p.fatal(err)
		note, err := tlog.Sign(tlog.Checkpoint{Origin: logOrigin, Size: position + 1, Root: root}, p.signer)
		p.fatal(err)
		p.fatal(tx.AddLogCheckpoint(ctx, store.LogCheckpoint{Size: position + 1, Root: root, Text: note, At: time.Now()}))
		_, err = p.rec.Record(ctx, tx, archive.Event{Type: archive.EventSignature, Agent: custodytest.Agent, Outcome: archive.Success,
			Detail: map[string]string{"act": "tick", "position": strconv.FormatInt(position, 10), "custody_root": hex.EncodeToString(o.CustodyRoot[:]),
				"tick": hex.EncodeToString(ticks[len(ticks)-1].Commitment[:])}})
		return err
	})
}

// erase erases an item with all that belongs to it.
func (p *prover) erase(item string) (erasure string) {
	p.t.Helper()
	ctx := p.t.Context()
	erasure = archive.NewID(archive.PrefixErasure)
	var refs []archive.ObjectRef
	p.write(func(tx *store.Tx) error {
		p.fatal(tx.AddErasure(ctx, store.Erasure{ID: erasure, Item: item, Reason: "asked", RequestedBy: "ag_1", RequestedAt: time.Now()}))
		p.fatal(tx.ApproveErasure(ctx, erasure, "ag_2", time.Now()))
		it, err := tx.Item(ctx, archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}, item)
		p.fatal(err)
		refs = append(refs, it.Object)
		made, err := tx.Derivatives(ctx, item)
		p.fatal(err)
		for _, d := range made {
			refs = append(refs, d.Object)
		}
		return nil
	})
	for _, r := range refs {
		p.fatal(p.v.Erase(ctx, vault.Ref{Object: r.Object, Envelope: r.Envelope}))
	}
	p.write(func(tx *store.Tx) error {
		for _, r := range refs {
			c, err := p.v.DescribeCommit(ctx, r.Envelope)
			p.fatal(err)
			p.fatal(tx.SetEnvelope(ctx, r.Envelope, c.EnvelopeSHA256[:], c.EnvelopeSize))
		}
		positions, err := tx.ErasablePositions(ctx, item)
		p.fatal(err)
		p.fatal(tx.EraseItemRows(ctx, item))
		p.fatal(tx.EraseOpenings(ctx, erasure, positions))
		list := sha256.New()
		for _, n := range positions {
			fmt.Fprintf(list, "%d\n", n)
		}
		_, err = p.rec.Record(ctx, tx, archive.Event{Type: archive.EventErasure, Agent: "ag_1", Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: "source", Kind: "item", ID: item}},
			Detail:   map[string]string{"erasure": erasure, "openings": strconv.Itoa(len(positions)), "openings_sha256": hex.EncodeToString(list.Sum(nil))}})
		p.fatal(err)
		return tx.FinishErasure(ctx, erasure, time.Now())
	})
	return erasure
}

// proven is an archive with everything that can be proven, one item of it erased.
func proven(t testing.TB) (*prover, string) {
	t.Helper()
	p := prove(t, copied(t))
	p.tick(true)
	p.sealAccession(p.closed)
	p.tick(false)
	e := p.erase(p.item)
	p.tick(false)
	return p, e
}

func TestProvenArchiveIsClean(t *testing.T) {
	t.Parallel()
	p, _ := proven(t)
	r := fscktest.MustBeClean(t, p.deps)
	if r.Record.Ticks != 4 || r.Record.Seals != 4 || r.Record.Erased == 0 || r.Warnings != 0 {
		t.Errorf("report: %+v", r)
	}
}

func TestUnsealedItemsAreNamed(t *testing.T) {
	t.Parallel()
	a := copied(t)
	// As an older program left them: neither seal nor word of it. The events cannot be made so, hence the finding of the record.
	a.execute(t, append(free("item_seal"), `DELETE FROM item_seal`)...)
	r := check(t, a.deps, fsck.Options{})
	got := found(r)
	if !slices.Contains(got, "item-unsealed item "+a.item) || !slices.Contains(got, "record-seal-missing item "+a.item) {
		t.Errorf("%q", got)
	}
}

// Every disagreement about proofs, past triggers and constraints, each with what the report must name.
func TestEveryDisagreementAboutProofsIsNamed(t *testing.T) {
	t.Parallel()
	const other = "SELECT item_id FROM item_seal ORDER BY item_id LIMIT 1"
	zero := func(table, column, where string) func(*testing.T, *opened, []string) {
		return set(append(free(table), "UPDATE "+table+" SET "+column+" = zeroblob(32) "+where)...)
	}
	plain := func(table string, statements ...string) func(*testing.T, *opened, []string) {
		return set(append(free(table), statements...)...)
	}
	for _, c := range []struct {
		name  string
		names []string
		do    func(t *testing.T, a *opened, n []string)
		want  []string
	}{
		{"salt of a seal", []string{other}, zero("item_seal", "salt", "WHERE item_id = '{0}'"), []string{"record-seal-altered item {0}", "record-accession-altered accession"}},
		{"digests of a seal", []string{other}, zero("item_seal", "digests", "WHERE item_id = '{0}'"), []string{"record-seal-altered item {0}"}},
		{"whole of a seal", []string{other}, zero("item_seal", "whole", "WHERE item_id = '{0}'"), []string{"record-seal-altered item {0}"}},
		{"segment root of a seal", []string{other}, zero("item_seal", "segment_root", "WHERE item_id = '{0}'"), []string{"record-seal-altered item {0}"}},
		{"seal removed", []string{other}, plain("item_seal", "DELETE FROM item_seal WHERE item_id = '{0}'"), []string{"record-seal-missing item {0}"}},
		{"seal invented", nil, plain("item_seal", "INSERT INTO item_seal SELECT 'it_x', salt, segment_size, digests, whole, segment_root FROM item_seal LIMIT 1"), []string{"record-seal-unrecorded seals of items"}},
		{"root of an accession", []string{"SELECT accession_id FROM accession_seal"}, zero("accession_seal", "root", ""), []string{"record-accession-altered accession {0}"}},
		{"files of an accession", []string{"SELECT accession_id FROM accession_seal"}, plain("accession_seal", "UPDATE accession_seal SET files = files + 1"), []string{"record-accession-altered accession {0}"}},
		{"unmeasured of an accession", []string{"SELECT accession_id FROM accession_seal"}, plain("accession_seal", "UPDATE accession_seal SET unmeasured = 1"), []string{"record-accession-altered accession {0}"}},
		{"seal of an accession removed", []string{"SELECT accession_id FROM accession_seal"}, plain("accession_seal", "DELETE FROM accession_seal"), []string{"record-accession-altered accession {0}"}},
		{"place altered", []string{"SELECT accession_id FROM accession_seal"}, plain("accession_place", "UPDATE accession_place SET bytes = bytes + 1 WHERE place = 1"), []string{"record-accession-altered accession {0}"}},
		{"leaf altered", []string{"SELECT accession_id FROM accession_seal"}, zero("accession_place", "leaf", "WHERE place = 2"), []string{"record-accession-altered accession {0}"}},
		{"place removed", []string{"SELECT accession_id FROM accession_seal"}, plain("accession_place", "DELETE FROM accession_place WHERE place = 0"), []string{"record-accession-altered accession {0}"}},
		{"tick altered", nil, zero("log_tick", "commitment", "WHERE position = 1"), []string{"record-tick-altered tick 1", "record-log-checkpoint log checkpoint 2", "record-log-hash-altered log hash 1"}},
		{"blank tick altered", nil, zero("log_tick", "commitment", "WHERE position = 0"), []string{"record-log-checkpoint log checkpoint 2", "record-log-hash-altered log hash 0"}},
		{"tick removed", nil, plain("log_tick", "DELETE FROM log_tick WHERE position = 1"), []string{"record-tick-altered tick 2", "record-log-checkpoint log checkpoint 2"}},
		{"last tick removed", nil, plain("log_tick", "DELETE FROM log_tick WHERE position = 3"), []string{"record-tick-altered tick 3", "record-log-checkpoint log checkpoint 4"}},
		{"tick called blank", nil, plain("log_tick", "UPDATE log_tick SET blank = 1 WHERE position = 2"), []string{"record-tick-altered tick 2"}},
		{"salt of a tick", nil, zero("log_opening", "salt", "WHERE position = 2"), []string{"record-tick-altered tick 2"}},
		{"custody root of a tick", nil, zero("log_opening", "custody_root", "WHERE position = 2"), []string{"record-tick-root tick 2", "record-tick-altered tick 2"}},
		{"custody veil of a tick", nil, zero("log_opening", "custody_veil", "WHERE position = 2"), []string{"record-tick-root tick 2"}},
		{"custody size of a tick", nil, plain("log_opening", "UPDATE log_opening SET custody_size = custody_size - 1 WHERE position = 2"), []string{"record-tick-root tick 2"}},
		{"custody size beyond the record", nil, plain("log_opening", "UPDATE log_opening SET custody_size = 1000 WHERE position = 2"), []string{"record-tick-cut tick 2"}},
		{"statements veil of a tick", nil, zero("log_opening", "statements_veil", "WHERE position = 2"), []string{"record-statement-altered tick 2"}},
		{"opening of a tick removed", nil, plain("log_opening", "DELETE FROM log_opening WHERE position = 2"), []string{"record-tick-altered tick 2"}},
		{"statement removed", nil, plain("statement", "DELETE FROM statement"), []string{"record-statement-altered tick 2"}},
		{"statement altered", []string{"SELECT id FROM statement"}, plain("statement", "UPDATE statement SET body = x'7b7d'"), []string{"record-statement-altered statement {0}", "record-statement-altered tick 2"}},
		{"salt of a statement", nil, zero("statement", "salt", ""), []string{"record-statement-altered tick 2"}},
		{"log hash altered", nil, zero("log_hash", "hash", "WHERE position = 2"), []string{"record-log-hash-altered log hash 2"}},
		{"log hash removed", nil, plain("log_hash", "DELETE FROM log_hash WHERE position = 2"), []string{"record-log-hash-altered log hash 2"}},
		{"log hash added", nil, plain("log_hash", "INSERT INTO log_hash VALUES (50, zeroblob(32))"), []string{"record-log-hash-altered log hash 50"}},
		{"log checkpoint altered", nil, zero("log_checkpoint", "root", "WHERE size = 2"), []string{"record-log-checkpoint log checkpoint 2"}},
		{"note of a log checkpoint", nil, plain("log_checkpoint", "UPDATE log_checkpoint SET text = (SELECT text FROM log_checkpoint WHERE size = 3) WHERE size = 2"), []string{"record-log-checkpoint log checkpoint 2"}},
		{"key of the log", nil, plain("log_key", "UPDATE log_key SET vkey = 'x+00000000+x'"), []string{"record-log-key log key 1", "record-log-checkpoint log checkpoint 2"}},
		{"key that begins later", nil, plain("log_key", "UPDATE log_key SET since = 3"), []string{"record-log-checkpoint log checkpoint 2"}},
		{"key without endorsement", nil, plain("log_key", "INSERT INTO log_key SELECT 2, vkey || ' ', '', 3, at FROM log_key"), []string{"record-log-key log key 2"}},
		{"origin of the log", nil, plain("public_log", "UPDATE public_log SET origin = 'zapis.example/other'"), []string{"record-log-key log key 1"}},
		{"opening removed as if erased", []string{"SELECT id FROM erasure"}, set(append(append(free("custody_opening"), free("custody_subject")...), "DROP TRIGGER custody_erased_no_stranger",
			"INSERT INTO custody_erased VALUES (1, '{0}')", "DELETE FROM custody_opening WHERE position = 1", "DELETE FROM custody_subject WHERE position = 1")...), []string{"record-erasure-unrecorded erasure {0}"}},
		{"listed as erased and there", []string{"SELECT id FROM erasure"}, plain("custody_erased", "DROP TRIGGER custody_erased_no_stranger", "INSERT INTO custody_erased VALUES (1, '{0}')"),
			[]string{"record-erased-altered opening 1", "record-erasure-unrecorded erasure {0}"}},
		{"erased beyond the record", []string{"SELECT id FROM erasure"}, plain("custody_erased", "DROP TRIGGER custody_erased_no_stranger", "INSERT INTO custody_erased VALUES (1000, '{0}')"), []string{"record-erased-altered opening 1000"}},
		{"list of erased openings gone", []string{"SELECT MIN(position) FROM custody_erased", "SELECT id FROM erasure"}, plain("custody_erased", "DELETE FROM custody_erased"),
			[]string{"record-opening-missing opening {0}", "record-erasure-unrecorded erasure {1}"}},
		{"erasure gone", []string{"SELECT id FROM erasure", "SELECT item_id FROM erasure"}, plain("erasure", "DELETE FROM erasure"), []string{"record-erasure-unrecorded erasure {0}", "item-erased item {1}"}},
		{"erasure not approved", []string{"SELECT id FROM erasure"}, plain("erasure", "UPDATE erasure SET state = 'requested'"), []string{"record-erasure-unrecorded erasure {0}"}},
		{"erasure by one person", []string{"SELECT id FROM erasure"}, plain("erasure", "UPDATE erasure SET approved_by = requested_by"), []string{"record-erasure-unrecorded erasure {0}"}},
		{"erasure of another item", []string{"SELECT id FROM erasure", "SELECT item_id FROM erasure"}, plain("erasure", "UPDATE erasure SET item_id = ("+other+")"), []string{"record-erasure-unrecorded erasure {0}", "item-erased item {1}", "erasure-undone erasure {0}"}},
		{"erasure not finished", []string{"SELECT id FROM erasure"}, plain("erasure", "UPDATE erasure SET state = 'approved'"), []string{"erasure-unfinished erasure {0}"}},
		{"item called erased", []string{other}, plain("item", "UPDATE item SET state = 'erased' WHERE id = '{0}'"), []string{"item-erased item {0}", "item-state item {0}"}},
		{"item called erased, digest gone", []string{other}, plain("item", "UPDATE item SET state = 'erased', sha256 = zeroblob(32) WHERE id = '{0}'"), []string{"record-differs item {0}", "item-erased item {0}"}},
		{"rendered file of a plan", nil, plain("plan_rendition", "DROP TRIGGER plan_rendition_approved", "INSERT INTO plan_rendition (plan_id, version, name, ordinal, object_id, envelope_id, size, sha256, media_type, width, height) VALUES ('pl_x', 1, 'clip-720.mp4', 0, 'ob_none', 'en_none', 1, zeroblob(32), 'video/mp4', 1, 1)"),
			[]string{"rendition-object plan pl_x"}},
		{"trigger removed", nil, set("DROP TRIGGER log_tick_no_update"), []string{"database-trigger log_tick"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p, _ := proven(t)
			var names []string
			for _, q := range c.names {
				names = append(names, p.one(t, q))
			}
			c.do(t, p.opened, names)
			got := found(check(t, p.deps, fsck.Options{}))
			for _, w := range c.want {
				w = fill(w, names)
				if !slices.ContainsFunc(got, func(g string) bool { return g == w || strings.HasPrefix(g, w+" ") }) {
					t.Errorf("%q is not among %q", w, got)
				}
			}
		})
	}
}

// A record that was rewritten as a whole, with checkpoints signed anew by the one who holds the key, is seen against the public
// log.
func TestRewrittenRecordIsSeenAgainstThePublicLog(t *testing.T) {
	t.Parallel()
	p, _ := proven(t)
	ctx := t.Context()
	p.execute(t, append(append(append(free("custody_leaf"), free("custody_hash")...), free("checkpoint")...),
		`DELETE FROM checkpoint`, `DELETE FROM custody_hash`, `DROP TRIGGER custody_opening_no_update`,
		`UPDATE custody_leaf SET commitment = zeroblob(32) WHERE position IN (SELECT MIN(position) FROM custody_erased)`)...)
	p.write(func(tx *store.Tx) error {
		leaves, err := tx.Leaves(ctx, 0, 1000)
		p.fatal(err)
		var hashes []tlog.Hash
		for _, l := range leaves {
			hashes = append(hashes, tlog.LeafHash(l))
		}
		_, stored, err := tlog.Append(0, hashes, nil)
		p.fatal(err)
		return tx.AddHashes(ctx, 0, stored)
	})
	p.deps.Checkpoints = nil
	p.execute(t, `UPDATE accession SET receipt = NULL`)
	got := found(check(t, p.deps, fsck.Options{}))
	if !slices.Contains(got, "record-tick-root tick 2") || slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, "checkpoint-root") }) {
		t.Errorf("%q", got)
	}
}

// An export of a record from which openings were erased still verifies, by both verifiers, and not without its event.
func TestExportAfterErasure(t *testing.T) {
	t.Parallel()
	p, erasure := proven(t)
	var out bytes.Buffer
	p.fatal(custody.Export(t.Context(), p.db, &out))
	verifyIt := func(text string) []string {
		r, err := verify.VerifyExport(t.Context(), strings.NewReader(text), verify.Options{Key: p.deps.Key})
		p.fatal(err)
		var got []string
		for _, f := range r.Failures {
			got = append(got, f.Code+" "+f.Subject)
		}
		if text == out.String() && r.Erased == 0 {
			t.Error("nothing is erased in it")
		}
		return got
	}
	if got := verifyIt(out.String()); len(got) > 0 {
		t.Errorf("%q", got)
	}
	file := filepath.Join(t.TempDir(), "export.jsonl")
	p.fatal(os.WriteFile(file, out.Bytes(), 0o600))
	python := func() string {
		text, _ := exec.CommandContext(t.Context(), "python3", "../custody/testdata/check.py", "--export", file, "--key", p.verifier).CombinedOutput()
		return string(text)
	}
	if _, err := exec.LookPath("python3"); err == nil {
		if got := python(); !strings.HasPrefix(got, "agrees") {
			t.Errorf("check.py: %s", got)
		}
	} else if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
		t.Error("python3 is not installed")
	}
	// Another event said to be erased as well; the same under another erasure.
	lines := strings.SplitAfter(out.String(), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, `"event","index":1,`) })
	commitment := lines[at][strings.Index(lines[at], `"commitment":"`)+14:][:64]
	lines[at] = `{"type":"erased","index":1,"commitment":"` + commitment + `","erasure":"` + erasure + `"}` + "\n"
	bad := strings.Join(lines, "")
	if got := verifyIt(bad); !slices.Contains(got, "erasure-unrecorded erasure "+erasure) {
		t.Errorf("%q", got)
	}
	p.fatal(os.WriteFile(file, []byte(bad), 0o600))
	if _, err := exec.LookPath("python3"); err == nil {
		if got := python(); !strings.Contains(got, "erasure "+erasure) {
			t.Errorf("check.py accepts it: %s", got)
		}
	}
}

func TestProvenArchiveIsCleanOnPostgreSQL(t *testing.T) {
	t.Parallel()
	o := store.Options{URL: storetest.Postgres(t)}
	m, err := build(t, t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	p := prove(t, open(t, m, o))
	p.tick(true)
	p.sealAccession(p.closed)
	p.tick(false)
	p.erase(p.item)
	p.tick(false)
	if r := fscktest.MustBeClean(t, p.deps); r.Record.Ticks != 4 || r.Record.Seals != 4 || r.Record.Erased == 0 || r.Warnings != 0 {
		t.Errorf("report: %+v", r)
	}
}
