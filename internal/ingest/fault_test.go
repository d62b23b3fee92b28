package ingest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/faultfs"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/localdisk"
	"zapis/internal/vault/vaulttest"
)

// commitFault stands between a service and its database and spoils the n-th write.
type commitFault struct {
	db   *store.DB
	at   int
	n    int
	err  error
	kept bool // the transaction is committed all the same
}

func (f *commitFault) write(ctx context.Context, do func(*store.Tx) error) error {
	f.n++
	if f.n != f.at {
		return f.db.Write(ctx, do)
	}
	if f.kept {
		if err := f.db.Write(ctx, do); err != nil {
			return err
		}
		return f.err
	}
	err := f.db.Write(ctx, func(tx *store.Tx) error {
		if err := do(tx); err != nil {
			return err
		}
		return errRolledBack
	})
	if errors.Is(err, errRolledBack) {
		return f.err
	}
	return err
}

// Every commit of the catalogue, of an ingest and of a closing, is lost or persisted although an error comes back. What
// is acknowledged is there, nothing is there twice, and the next run completes it.
func TestFaultsOfTheDatabaseCommit(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{false, true} {
		for name, cause := range map[string]error{"unknown outcome": store.ErrUnknownOutcome, "input/output error": syscall.EIO} {
			t.Run(fmt.Sprintf("%s, kept %v", name, kept), func(t *testing.T) {
				t.Parallel()
				h := build(t, store.SQLite, nil)
				src := t.TempDir()
				for i := range 300 { // three groups
					put(t, src, fmt.Sprint(i), vaulttest.Noise(uint64(i%290), 300+i%290))
				}
				for at := 1; ; at++ {
					f := &commitFault{db: h.db, at: at, err: cause, kept: kept}
					h.svc.write = f.write
					r, err := h.ingest(src)
					if err == nil && r.Tally.Found+r.Passed != 300 {
						t.Fatalf("fault %d: acknowledged %+v", at, r)
					}
					if kept && err != nil {
						t.Errorf("fault %d: the commit happened, and the run did not find out: %v", at, err)
					}
					h.clean()
					if n := f.n; n < at { // nothing was left to write: the fault did not come up
						break
					}
				}
				h.svc.write = h.db.Write
				h.must(src)
				if n := len(h.lines()); n != 300 {
					t.Errorf("%d lines of 300 files", n)
				}
				h.complete(src)
				f := &commitFault{db: h.db, at: 1, err: cause, kept: kept}
				h.svc.write = f.write
				rec, _, err := h.svc.Close(t.Context(), agent, h.acc.ID)
				if kept != (err == nil) {
					t.Errorf("closing: %v", err)
				}
				if !kept {
					h.svc.write = h.db.Write
					if rec, _, err = h.svc.Close(t.Context(), agent, h.acc.ID); err != nil {
						t.Fatal(err)
					}
				}
				if rec.Files.Count != 300 {
					t.Errorf("receipt over %d files", rec.Files.Count)
				}
				h.clean()
			})
		}
	}
}

// cutTree is small enough to be taken in hundreds of times.
func cutTree(t *testing.T) (src string, files int) {
	t.Helper()
	src = t.TempDir()
	for i := range 12 {
		put(t, src, fmt.Sprintf("%d/%d", i%3, i), vaulttest.Noise(uint64(i%11), 200+i))
	}
	put(t, src, "large", vaulttest.Noise(99, int(vaulttest.Segment)+5000))
	return src, 13
}

// step is how many operations are skipped between two faults: none in a full run.
func step(n int) int {
	if os.Getenv("ZAPIS_FAULT") == "full" {
		return 1
	}
	return n
}

// acknowledged says what the catalogue holds: the oracle of what must be readable.
func (h *house) held(t *testing.T) (items []archive.Item) {
	t.Helper()
	err := h.db.Read(t.Context(), func(tx *store.Tx) error {
		for it, err := range tx.AllItems(t.Context()) {
			if err != nil {
				return err
			}
			items = append(items, it)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// The power goes at every k-th operation of the vault's disk during an ingest and the closing after it. Whatever the catalogue
// acknowledges is on the disk, and the next run completes the accession without reading finished files.
func TestPowerCutsWhileIngesting(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprintf("keep %v", keep), func(t *testing.T) {
			t.Parallel()
			src, files := cutTree(t)
			cuts := 0
			for k := 1; ; k += step(9) {
				disk := faultfs.New(uint64(k))
				h := build(t, store.SQLite, localdisk.New(disk))
				disk.KeepSome(keep)
				disk.CutAt(disk.Ops() + k)
				_, err := h.ingest(src)
				if err == nil {
					_, _, err = h.svc.Close(context.Background(), agent, h.acc.ID)
				}
				cut := disk.Cut()
				if err != nil && !cut {
					t.Fatalf("operation %d: %v", k, err)
				}
				h.reboot(localdisk.New(disk.Reboot()))
				for _, it := range h.held(t) {
					got, err := vaulttest.ReadAll(t.Context(), h.vault, vault.Ref(it.Object))
					if err != nil || hexSum(got) != fmt.Sprintf("%x", it.SHA256) {
						t.Fatalf("cut at operation %d: %s is acknowledged and cannot be read: %v", k, it.ID, err)
					}
				}
				if a, _ := h.svc.Accession(t.Context(), h.acc.ID); a.State == archive.AccessionClosed && cut && !closedWell(h) {
					t.Fatalf("cut at operation %d: there is a receipt for a manifest that is not there", k)
				} else if a.State == archive.AccessionOpen {
					before := len(h.lines())
					opened := 0
					h.serve(func(o *Options) { o.FS = &Hooks{Open: func(string) { opened++ }}; o.InFlight = 1 })
					h.must(src)
					if opened != files-before {
						t.Errorf("cut at operation %d: %d files opened again, %d of %d were finished", k, opened, before, files)
					}
					if _, _, err := h.svc.Close(t.Context(), agent, h.acc.ID); err != nil {
						t.Fatal(err)
					}
				}
				if n := len(h.lines()); n != files {
					t.Errorf("cut at operation %d: %d lines", k, n)
				}
				h.complete(src)
				h.clean()
				if t.Failed() {
					t.FailNow()
				}
				if !cut {
					break
				}
				cuts++
			}
			if cuts < 3 {
				t.Errorf("only %d cuts fell into the work", cuts)
			}
			t.Logf("%d cuts", cuts)
		})
	}
}

func closedWell(h *house) bool {
	a, err := h.svc.Accession(context.Background(), h.acc.ID)
	if err != nil {
		return false
	}
	text, err := vaulttest.ReadAll(context.Background(), h.vault, vault.Ref(a.Manifest))
	return err == nil && hexSum(text) == fmt.Sprintf("%x", a.ManifestSHA256)
}

// The k-th operation of the vault's disk fails, with or without having had its effect: the run ends with an error or
// gets round it; nothing is acknowledged that is not there, and a new start completes the work.
func TestFaultsOfTheVaultsDisk(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err       error
		persisted bool
	}{{syscall.EIO, false}, {syscall.EIO, true}, {syscall.ENOSPC, false}} {
		t.Run(fmt.Sprintf("%v persisted %v", c.err, c.persisted), func(t *testing.T) {
			t.Parallel()
			src, files := cutTree(t)
			failed := 0
			for k := 1; ; k += step(11) {
				disk := faultfs.New(uint64(k))
				h := build(t, store.SQLite, localdisk.New(disk))
				first := disk.Ops() + k
				disk.FailAt(first, c.err, c.persisted)
				r, err := h.ingest(src)
				if err == nil && r.Tally.Found != int64(files) {
					t.Fatalf("operation %d: acknowledged %+v", k, r)
				}
				if err != nil {
					failed++
				}
				over := disk.Ops() < first
				h.reboot(localdisk.New(disk.Reboot()))
				for _, it := range h.held(t) {
					if _, err := vaulttest.ReadAll(t.Context(), h.vault, vault.Ref(it.Object)); err != nil {
						t.Fatalf("operation %d: %s is acknowledged and cannot be read: %v", k, it.ID, err)
					}
				}
				h.must(src)
				if n := len(h.lines()); n != files {
					t.Errorf("operation %d: %d lines", k, n)
				}
				h.complete(src)
				h.clean()
				if t.Failed() {
					t.FailNow()
				}
				if over {
					break
				}
			}
			if failed == 0 {
				t.Error("no fault had an effect")
			}
		})
	}
}
