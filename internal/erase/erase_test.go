package erase_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/erase"
	"zapis/internal/ingest"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/reading"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/vaulttest"
)

// Before an erasure its bytes, digest and name are found; afterwards nowhere, and everything else still holds.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	pixels := vaulttest.Noise(77, 500)
	small := bytes.Repeat([]byte{0xa7, 0x13, 0x5c}, 48)
	r.derive("still", vaulttest.Noise(76, 400)) // superseded by the next one
	d := r.derive("still", pixels)
	check(t, r.DB.Write(ctx, func(tx *store.Tx) error {
		f := store.FactsOf(r.item)
		f.Kind, f.Micro, f.Camera, f.Duration = archive.KindVideo, small, "Marfa's phone", time.Minute
		return tx.SetItemFacts(ctx, r.item.ID, f)
	}))
	sum := sha256.Sum256(r.secret)
	var seal store.ItemSeal
	var manifests, receipts [][]byte
	r.read(func(tx *store.Tx) (err error) {
		list, err := tx.AccessionsOfItem(ctx, r.item.ID)
		for _, a := range list {
			manifests, receipts = append(manifests, a.ManifestSHA256), append(receipts, a.Receipt)
		}
		if err == nil {
			seal, err = tx.ItemSeal(ctx, r.item.ID)
		}
		return err
	})
	if len(manifests) != 2 {
		t.Fatalf("found in %d accessions", len(manifests))
	}
	rec, err := ingest.VerifyReceipt(receipts[0], r.Verifier)
	check(t, err)
	canaries := [][]byte{r.secret[:96], sum[:], []byte("Marfa-Kuzmenko"), pixels[:96], d.SHA256, small[:96], []byte("Marfa's phone"),
		seal.Salt[:], seal.Whole[:], rec.Files.List[:], rec.Files.Root[:], manifests[0], manifests[1], rec.Salt, []byte(`{"secret"`)}
	r.checkpointed()
	before := strings.Join(r.hits(canaries...), "\n")
	for i := range canaries {
		if !strings.Contains(before, fmt.Sprintf("canary %d in", i)) {
			t.Errorf("canary %d is nowhere before the erasure: the search finds nothing", i)
		}
	}
	r.clean()

	id := r.agreed()
	rep, err := r.Erase.Run(ctx, agrees.Agent, id, erase.RunOptions{})
	check(t, err)
	if rep.Objects != 3 || rep.Openings < 6 || !rep.Purged || rep.Replica {
		t.Errorf("%+v", rep)
	}
	for _, h := range r.hits(canaries...) {
		t.Error(h)
	}
	if info, err := os.Stat(filepath.Join(r.Dir, "zapis.db-wal")); err == nil && info.Size() != 0 {
		// What was written since the purge is not about the item.
		t.Logf("write-ahead file of %d bytes", info.Size())
	}
	r.clean()

	// The event says what happened, once for each accession, and what others recorded of looking stays.
	n := 0
	r.read(func(tx *store.Tx) error {
		list, err := tx.EventsOfType(ctx, "item", r.item.ID, archive.EventErasure)
		n = len(list)
		return err
	})
	if n != 2 {
		t.Errorf("%d deletion events for two accessions", n)
	}
	// Other items are proved as before, this one no more.
	_, err = r.Anchor.Tick(ctx, r.Agent, true)
	check(t, err)
	if _, err := r.Proof.ItemBundle(ctx, admin, proof.ItemProof{Item: r.other.ID, Reason: "court"}); err != nil {
		t.Errorf("proof of another item: %v", err)
	}
	if _, err := r.Proof.ItemBundle(ctx, admin, proof.ItemProof{Item: r.item.ID, Reason: "court"}); !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrConflict) {
		t.Errorf("proof of the erased item: %v", err)
	}
	if _, err := r.Proof.ScopeBundle(ctx, admin, ""); err != nil {
		t.Errorf("bundle of the scope: %v", err)
	}
	var out bytes.Buffer
	check(t, r.Ingest.WriteManifest(ctx, &out, r.first.ID))
	if !strings.Contains(out.String(), `"outcome":"erased"`) || strings.Contains(out.String(), "Marfa") {
		t.Errorf("manifest as it stands:\n%s", out.String())
	}
	if _, _, err := r.Ingest.Receipt(ctx, r.first.ID); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("receipt: %v", err)
	}
	// What was handed out before is still valid.
	if _, err := ingest.VerifyReceipt(receipts[0], r.Verifier); err != nil {
		t.Errorf("receipt that was handed out: %v", err)
	}
	// Running it again changes nothing; the same bytes may come again.
	_, err = r.Erase.Run(ctx, agrees.Agent, id, erase.RunOptions{})
	check(t, err)
	r.taken("third", map[string][]byte{"again": r.secret})
	if again := r.find(r.secret); again.ID == r.item.ID {
		t.Error("the same bytes became the erased item")
	}
	r.clean()

	// A second item of the same accession, whose manifest was written again already.
	r.item = r.other
	_, err = r.Erase.Run(ctx, agrees.Agent, r.agreed(), erase.RunOptions{})
	check(t, err)
	r.clean()
	for _, h := range r.hits([]byte("Marfa-Kuzmenko")) {
		t.Error(h)
	}
}

// It takes two people. Every way by which one could do it alone is shut.
func TestTwoPeople(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	for _, who := range []policy.Subject{{}, reviewer, {Agent: asks.Agent, Role: "root"}, {Agent: asks.Agent, Role: archive.RoleArchivist}} {
		if _, err := r.Erase.Request(ctx, who, r.item.ID, "x"); !errors.Is(err, archive.ErrForbidden) && !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("request by %+v: %v", who, err)
		}
	}
	if _, err := r.Erase.Request(ctx, asks, r.item.ID, "  "); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("without a reason: %v", err)
	}
	e, err := r.Erase.Request(ctx, asks, r.item.Reference(), "the witness asked")
	check(t, err)
	if _, err := r.Erase.Request(ctx, agrees, r.item.ID, "again"); !errors.Is(err, archive.ErrExists) {
		t.Errorf("asked for twice: %v", err)
	}
	if _, err := r.Erase.Run(ctx, admin.Agent, e.ID, erase.RunOptions{}); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("run before anybody agreed: %v", err)
	}
	for _, who := range []policy.Subject{{}, reviewer, asks, {Agent: asks.Agent, Role: archive.RoleAdmin}, {Agent: agrees.Agent, Role: archive.RoleArchivist}} {
		if err := r.Erase.Approve(ctx, who, e.ID); !errors.Is(err, archive.ErrForbidden) && !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("approved by %+v: %v", who, err)
		}
	}
	// The database says the same, to whatever program.
	for _, sql := range []string{
		`UPDATE erasure SET state = 'approved', approved_by = requested_by, approved_at = 1`,
		`UPDATE erasure SET state = 'approved'`,
		`UPDATE erasure SET state = 'approved', approved_by = '', approved_at = 1`,
		`UPDATE erasure SET state = 'done', approved_by = 'ag_x', approved_at = 1, finished_at = 1`,
		`UPDATE erasure SET requested_by = 'ag_x'`,
		`INSERT INTO custody_erased SELECT 0, id FROM erasure`,
		`DELETE FROM item_seal`,
		`DELETE FROM custody_opening`,
	} {
		if _, err := r.DB.SQL().ExecContext(ctx, sql); err == nil {
			t.Errorf("the database allowed %s", sql)
		}
	}
	var warned bool
	r.read(func(tx *store.Tx) error {
		list, err := tx.EventsOfType(ctx, "item", r.item.ID, archive.EventAdministration)
		for _, o := range list {
			warned = warned || bytes.Contains(o.Event, []byte(`"outcome":"warning"`)) && o.Agent == asks.Agent
		}
		return err
	})
	if !warned {
		t.Error("nobody will know that one person tried to be two")
	}
	if b, err := vaulttest.ReadAll(ctx, r.Vault, vault.Ref(r.item.Object)); err != nil || !bytes.Equal(b, r.secret) {
		t.Errorf("the item was touched: %v", err)
	}
	r.clean()
}

// From the moment two people agreed nobody is shown the item, and it cannot be called off any more.
func TestHiddenAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	who := reading.Reader{Subject: admin, Session: "se_1"}
	see := func() error {
		_, err := r.Reading.Extract(ctx, who, r.item.ID, "court", &bytes.Buffer{})
		return err
	}
	e, err := r.Erase.Request(ctx, asks, r.item.ID, "x")
	check(t, err)
	check(t, see())
	check(t, r.Erase.Withdraw(ctx, agrees, e.ID))
	check(t, see())
	id := r.agreed()
	if err := see(); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("extracted: %v", err)
	}
	if _, err := r.Proof.ItemBundle(ctx, admin, proof.ItemProof{Item: r.item.ID, Reason: "x"}); !errors.Is(err, archive.ErrNotFound) {
		t.Errorf("proved: %v", err)
	}
	if err := r.Erase.Withdraw(ctx, agrees, id); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("called off: %v", err)
	}
	if err := r.Erase.Approve(ctx, admin, id); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("agreed to twice: %v", err)
	}
	list, err := r.Erase.List(ctx, asks, true)
	if err != nil || len(list) != 1 || list[0].State != erase.Approved {
		t.Errorf("%+v, %v", list, err)
	}
	if _, err := r.Erase.List(ctx, reviewer, false); !errors.Is(err, archive.ErrForbidden) {
		t.Errorf("a reviewer lists erasures: %v", err)
	}
	elsewhere := policy.Subject{Agent: asks.Agent, Role: archive.RoleArchivist, Scope: archive.Scope{Accessions: []string{r.second.ID}, MaxDifficulty: -1}}
	if list, err := r.Erase.List(ctx, elsewhere, false); err != nil || len(list) != 0 {
		t.Errorf("outside the scope: %+v, %v", list, err)
	}
}

// What is found in an open accession waits until that is closed.
func TestOpenAccession(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	open := r.begun("open", map[string][]byte{"once more": r.secret})
	e, err := r.Erase.Request(ctx, asks, r.item.ID, "x")
	check(t, err)
	if err := r.Erase.Approve(ctx, agrees, e.ID); !errors.Is(err, erase.ErrOpen) {
		t.Errorf("%v", err)
	}
	_, _, err = r.Ingest.Close(ctx, r.Agent, open.ID)
	check(t, err)
	check(t, r.Erase.Approve(ctx, agrees, e.ID))
	_, err = r.Erase.Run(ctx, r.Agent, e.ID, erase.RunOptions{})
	check(t, err)
	r.clean()
}

// Every write of the database and every call of the vault fails once, lost or with effect: the item is never half readable, and
// the next run finishes.
func TestFaults(t *testing.T) {
	t.Parallel()
	finished := func(t *testing.T, r *rig, id string, what string) {
		t.Helper()
		if _, err := r.Reading.Extract(t.Context(), reading.Reader{Subject: admin, Session: "se_1"}, r.item.ID, "x", &bytes.Buffer{}); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("%s: extracted in between: %v", what, err)
		}
		_, err := r.Erase.Run(t.Context(), r.Agent, id, erase.RunOptions{})
		check(t, err)
		e, err := r.Erase.Erasure(t.Context(), admin, id)
		if err != nil || e.State != erase.Done {
			t.Errorf("%s: %+v, %v", what, e, err)
		}
		sum := sha256.Sum256(r.secret)
		if h := r.hits(r.secret[:96], sum[:], []byte("Marfa-Kuzmenko")); len(h) > 0 {
			t.Errorf("%s: %q", what, slices.Compact(h))
		}
		r.clean()
	}
	for _, kept := range []bool{false, true} {
		t.Run(fmt.Sprintf("database, kept %v", kept), func(t *testing.T) {
			t.Parallel()
			for at := 1; ; at++ {
				r := newRig(t)
				id := r.agreed()
				f := &faulty{DB: r.DB, at: at, kept: kept}
				_, err := r.service(f, r.Vault).Run(t.Context(), r.Agent, id, erase.RunOptions{})
				if f.n < at {
					check(t, err)
					if at < 4 {
						t.Errorf("only %d writes", f.n)
					}
					break
				}
				if err == nil {
					t.Errorf("write %d failed and nobody was told", at)
				}
				finished(t, r, id, fmt.Sprintf("write %d", at))
			}
		})
	}
	for _, c := range []struct {
		mode vaulttest.Mode
		dies bool // the process ends there
	}{{vaulttest.Lost, false}, {vaulttest.Persisted, false}, {vaulttest.Lost, true}, {vaulttest.Persisted, true}} {
		t.Run(fmt.Sprintf("vault, %v, dies %v", c.mode, c.dies), func(t *testing.T) {
			t.Parallel()
			for k, faults := 3, 0; ; k += 23 {
				r := newRig(t)
				id := r.agreed()
				f := &vaulttest.Faulty{Backend: r.Storage}
				v, err := vault.Open(t.Context(), f, vault.Passphrase([]byte(passphrase)))
				check(t, err)
				f.FailCall(k, c.mode, c.dies)
				_, err = r.service(r.DB, v).Run(t.Context(), r.Agent, id, erase.RunOptions{})
				if f.Hit() == "" {
					check(t, err)
					if faults < 3 {
						t.Errorf("only %d faults fell into the work", faults)
					}
					break
				}
				faults++
				finished(t, r, id, fmt.Sprintf("call %d (%s)", k, f.Hit()))
			}
		})
	}
}
