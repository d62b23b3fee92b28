package erase_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/erase"
	"zapis/internal/ingest"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/reading"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
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
	check(t, r.DB.Write(ctx, func(tx *store.Tx) error {
		n := archive.Note{ID: archive.NewID(archive.PrefixNote), Item: r.item.ID, FrameFrom: -1, FrameTo: -1, Body: "first wording: Zinaida stands there", Author: "ag_1", CreatedAt: r.item.ReceivedAt}
		if err := tx.AddNotes(ctx, store.NewNote{Note: n, Key: "k"}); err != nil {
			return err
		}
		n.Version, n.Body, n.ChangedAt = 1, "second wording: Pelageya stands there", n.CreatedAt
		_, err := tx.ChangeNote(ctx, n)
		return err
	}))
	check(t, r.DB.Write(ctx, func(tx *store.Tx) error {
		e := archive.Entity{ID: archive.NewID(archive.PrefixEntity), Kind: "incident", Code: "I-0001", CreatedAt: r.item.ReceivedAt, CreatedBy: "ag_1"}
		c := archive.Claim{ID: archive.NewID(archive.PrefixClaim), Entity: e.ID, Property: "title", Value: "Evdokia is led away", Certainty: archive.Probable, Note: "Fevronia says so", Author: "ag_1", Origin: "person",
			CreatedAt: e.CreatedAt, Sources: []archive.Source{{Kind: archive.SourceItem, Item: r.item.ID, To: time.Second, Note: "Glafira in the mirror"}}}
		if err := tx.AddEntities(ctx, store.NewEntity{Entity: e, Number: 1}); err != nil {
			return err
		}
		if err := tx.AddClaims(ctx, store.Claim{Claim: c, Keys: []string{"keyofevdokia"}}); err != nil {
			return err
		}
		if err := tx.IndexDocs(ctx, store.Doc{Kind: store.DocClaim, Ref: c.ID, Entity: e.ID, Claim: c.ID, At: c.CreatedAt, Text: c.Value}); err != nil {
			return err
		}
		if err := tx.AddClaimFinding(ctx, archive.Finding{ID: archive.NewID(archive.PrefixFinding), Entity: e.ID, Property: c.Property, Claim: c.ID, Reason: "Anfisa agrees", Author: "ag_1", At: e.CreatedAt}); err != nil {
			return err
		}
		return tx.RetractClaims(ctx, e.CreatedAt, "ag_1", "Matrona doubts it", "", c.ID)
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
		seal.Salt[:], seal.Whole[:], rec.Files.List[:], rec.Files.Root[:], manifests[0], manifests[1], rec.Salt, []byte(`{"secret"`), []byte("Zinaida"), []byte("Pelageya"),
		[]byte("Evdokia"), []byte("keyofevdokia"), []byte("Fevronia"), []byte("Glafira"), []byte("Anfisa"), []byte("Matrona")}
	r.checkpointed()
	before := strings.Join(r.hits(canaries...), "\n")
	for i := range canaries {
		if !strings.Contains(before, fmt.Sprintf("canary %d in", i)) {
			t.Errorf("canary %d is nowhere before the erasure: the search finds nothing", i)
		}
	}
	// Extracting states the digest and goes; who saw it stays, unless it states one as well.
	_, err = r.Reading.Extract(ctx, reading.Reader{Subject: admin, Session: "se_1"}, r.item.ID, "court", &bytes.Buffer{})
	check(t, err)
	odd := custody.Displaying(r.Agent, r.item.ID, d.ID, archive.NewID(archive.PrefixVisit), "still")
	odd.Detail["sha256"] = fmt.Sprintf("%x", sum)
	check(t, r.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := r.Custody.Record(ctx, tx, custody.Displaying(r.Agent, r.item.ID, d.ID, archive.NewID(archive.PrefixVisit), "still"), odd)
		return err
	}))
	r.clean()

	id := r.agreed()
	rep, err := r.Erase.Run(ctx, agrees.Agent, id, erase.RunOptions{})
	check(t, err)
	if rep.Objects != 3 || rep.Openings < 6 || !rep.Purged || rep.Replica {
		t.Errorf("%+v", rep)
	}
	if info, err := os.Stat(filepath.Join(r.Dir, "zapis.db-wal")); err != nil || info.Size() != 0 {
		t.Errorf("the write-ahead file still holds pages as they were: %v, %v", info, err)
	}
	// Also the transparency log as it is published from now on; the search looks into the home folder.
	target, done, err := r.PublishTarget(ctx, filepath.Join(r.Dir, "public"))
	check(t, err)
	_, err = r.Anchor.Publish(ctx, r.Agent, target)
	check(t, err)
	check(t, done())
	r.checkpointed()
	for _, h := range r.hits(canaries...) {
		t.Error(h)
	}
	r.clean()

	// The event says what happened, once for each accession, and what others recorded of looking stays.
	for kind, want := range map[string]int{archive.EventErasure: 2, archive.EventDisplaying: 1, archive.EventAdministration: 2, archive.EventExtraction: 0, archive.EventIngestion: 0, archive.EventDerivation: 0} {
		r.read(func(tx *store.Tx) error {
			list, err := tx.EventsOfType(ctx, "item", r.item.ID, kind)
			if len(list) != want {
				t.Errorf("%d events of type %s, want %d", len(list), kind, want)
			}
			return err
		})
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
	if a, err := r.Proof.Audit(ctx, admin, r.first.ID); err != nil || a.Erased != 1 {
		t.Errorf("audit of the sealed accession: %+v, %v", a, err)
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
	// Found once more after the approval: nothing is destroyed before that accession is closed, too.
	late := r.begun("late", map[string][]byte{"and again": r.secret})
	if _, err := r.Erase.Run(ctx, r.Agent, e.ID, erase.RunOptions{}); !errors.Is(err, erase.ErrOpen) {
		t.Errorf("%v", err)
	}
	if _, err := vaulttest.ReadAll(ctx, r.Vault, vault.Ref(r.item.Object)); err != nil {
		t.Errorf("its key is gone: %v", err)
	}
	_, _, err = r.Ingest.Close(ctx, r.Agent, late.ID)
	check(t, err)
	_, err = r.Erase.Run(ctx, r.Agent, e.ID, erase.RunOptions{})
	check(t, err)
	r.clean()
}

// fakeMedia cuts without looking.
type fakeMedia struct{ made int }

func (*fakeMedia) Probe(context.Context, media.Source) (media.Probe, error) {
	return media.Probe{Kind: archive.KindVideo, Format: "avi"}, nil
}

func (m *fakeMedia) Clip(_ context.Context, cuts []media.Cut, o media.ClipOptions) (media.Clip, error) {
	m.made++
	out := media.Clip{Report: media.Report{Tool: media.Tool{Name: "ffmpeg", Version: "0-test"}}}
	for _, c := range cuts {
		out.Duration += (c.To - c.From).Seconds()
		if _, err := io.Copy(io.Discard, io.NewSectionReader(c.Source, 0, c.Source.Size())); err != nil {
			return out, err
		}
		out.Read = append(out.Read, []media.Range{{From: 0, To: c.Source.Size()}})
	}
	n, err := o.Out.Write(vaulttest.Noise(uint64(100+m.made), 5000))
	out.Size = int64(n)
	return out, err
}

// Clips stay stated; the archive's own copies go only if asked, and those of other items never. What is published about others
// still proves.
func TestClips(t *testing.T) {
	t.Parallel()
	film := func(r *rig) {
		for _, it := range []archive.Item{r.item, r.other} {
			check(t, r.DB.Write(t.Context(), func(tx *store.Tx) error {
				f := store.FactsOf(it)
				f.Kind, f.Duration = archive.KindVideo, time.Minute
				if err := tx.SetItemFacts(t.Context(), it.ID, f); err != nil {
					return err
				}
				return tx.MoveItem(t.Context(), it.ID, archive.ItemReady, "")
			}))
		}
	}
	for _, too := range []bool{false, true} {
		t.Run(fmt.Sprint(too), func(t *testing.T) {
			t.Parallel()
			r := newRigOn(t, app.Overrides{}, film)
			ctx := t.Context()
			fake := &fakeMedia{}
			cutter, err := proof.New(proof.Options{DB: r.DB, Vault: r.Vault, Custody: r.Custody, Media: func() (proof.Media, error) { return fake, nil }})
			check(t, err)
			mine, err := cutter.MakeClip(ctx, admin, proof.MakeClip{Cuts: []proof.CutOf{{Item: r.item.ID, From: 0, To: time.Second}}, Reason: "x"})
			check(t, err)
			others, err := cutter.MakeClip(ctx, admin, proof.MakeClip{Cuts: []proof.CutOf{{Item: r.other.ID, From: 0, To: time.Second}}, Reason: "x"})
			check(t, err)
			tomorrow, err := anchor.New(anchor.Options{DB: r.DB, Secrets: r.Vault, Custody: r.Custody, Agent: r.Agent, Now: func() time.Time { return time.Now().Add(25 * time.Hour) }})
			check(t, err)
			_, err = tomorrow.Tick(ctx, r.Agent, true)
			check(t, err)
			if _, err := cutter.ClipBundle(ctx, admin, mine.ID); err != nil {
				t.Errorf("bundle of the clip before the erasure: %v", err)
			}
			rep, err := r.Erase.Run(ctx, r.Agent, r.agreed(), erase.RunOptions{Clips: too})
			check(t, err)
			if want := map[bool]int{false: 0, true: 1}[too]; rep.Clips != want {
				t.Errorf("%+v", rep)
			}
			if err := cutter.WriteClip(ctx, admin, mine.ID, &bytes.Buffer{}); (err == nil) == too {
				t.Errorf("the clip of the item: %v", err)
			}
			check(t, cutter.WriteClip(ctx, admin, others.ID, &bytes.Buffer{}))
			if _, err := cutter.ClipBundle(ctx, admin, others.ID); err != nil {
				t.Errorf("bundle of another clip: %v", err)
			}
			if _, err := cutter.ClipBundle(ctx, admin, mine.ID); err == nil {
				t.Error("a clip of the erased item is proved anew")
			}
			r.clean()
		})
	}
}

// The replica loses the key with the vault.
func TestReplicaFollows(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	place := filepath.Join(t.TempDir(), "replica")
	_, err := r.Replicate(ctx, place, false, nil)
	check(t, err)
	check(t, holds(r, place, false))
	rep, err := r.Erase.Run(ctx, r.Agent, r.agreed(), erase.RunOptions{})
	check(t, err)
	if !rep.Replica || !rep.Replicated {
		t.Errorf("%+v", rep)
	}
	check(t, holds(r, place, true))
	// A replica that is away is said; the erasure is done all the same, and running it again brings the replica up to date.
	r.item = r.other
	id := r.agreed()
	check(t, os.Rename(place, place+"-away"))
	check(t, os.WriteFile(place, nil, 0o600))
	if rep, err = r.Erase.Run(ctx, r.Agent, id, erase.RunOptions{}); !errors.Is(err, erase.ErrFollow) || rep.Replicated || !rep.Purged {
		t.Errorf("%+v, %v", rep, err)
	}
	check(t, os.Remove(place))
	check(t, os.Rename(place+"-away", place))
	check(t, holds(r, place, false))
	rep, err = r.Erase.Run(ctx, r.Agent, id, erase.RunOptions{})
	check(t, err)
	check(t, holds(r, place, true))
	r.clean()
}

// holds says whether the replica opens the item, and complains if that is not what is wanted.
func holds(r *rig, place string, erased bool) error {
	b, err := app.OpenStorage(r.t.Context(), place)
	if err != nil {
		return err
	}
	v, err := vault.Open(r.t.Context(), b, vault.Passphrase([]byte(passphrase)))
	if err != nil {
		return err
	}
	if _, err = vaulttest.ReadAll(r.t.Context(), v, vault.Ref(r.item.Object)); errors.Is(err, vault.ErrErased) != erased {
		return fmt.Errorf("erased %v was wanted: %w", erased, err)
	}
	return nil
}

func TestOnPostgreSQL(t *testing.T) {
	t.Parallel()
	r := newRigOn(t, app.Overrides{Database: storetest.Postgres(t)})
	r.derive("still", vaulttest.Noise(77, 500))
	id := r.agreed()
	rep, err := r.Erase.Run(t.Context(), r.Agent, id, erase.RunOptions{})
	check(t, err)
	if rep.Objects != 2 || !rep.Purged {
		t.Errorf("%+v", rep)
	}
	_, err = r.Erase.Run(t.Context(), r.Agent, id, erase.RunOptions{})
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

// meddler puts an envelope back as it was, as healing from a replica that has not heard of the erasure would, after the n-th write.
type meddler struct {
	*store.DB
	n, at int
	do    func()
}

func (m *meddler) Write(ctx context.Context, f func(*store.Tx) error) error {
	err := m.DB.Write(ctx, f)
	if m.n++; m.n == m.at {
		m.do()
	}
	return err
}

// A key that comes back while an erasure runs is seen before anything is called erased.
func TestAKeyThatComesBackIsSeen(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ctx := t.Context()
	name := vault.EnvelopeName(r.item.Object.Envelope)
	b, err := r.Storage.Open(ctx, name)
	check(t, err)
	old := make([]byte, b.Size())
	_, err = b.ReadAt(old, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	check(t, b.Close())
	id := r.agreed()
	m := &meddler{DB: r.DB, at: 1, do: func() { check(t, r.Storage.Replace(ctx, name, old)) }}
	if _, err := r.service(m, r.Vault).Run(ctx, r.Agent, id, erase.RunOptions{}); !errors.Is(err, archive.ErrConflict) {
		t.Errorf("the key is back, and nobody was told: %v", err)
	}
	e, err := r.Erase.Erasure(ctx, admin, id)
	if err != nil || e.State != erase.Approved {
		t.Errorf("%+v, %v", e, err)
	}
	_, err = r.Erase.Run(ctx, r.Agent, id, erase.RunOptions{})
	check(t, err)
	r.clean()
}
