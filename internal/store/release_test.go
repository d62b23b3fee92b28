package store_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func newRelease(slug string) (store.Release, store.ReleaseVersion) {
	r := store.Release{ID: newID(archive.PrefixRelease), Slug: slug, Head: 1, CreatedAt: noon, CreatedBy: "ag_1", ChangedAt: noon}
	return r, releaseVersion(r.ID, 1, "ag_1")
}

func releaseVersion(id string, n int, author string) store.ReleaseVersion {
	body := []byte(fmt.Sprintf(`{"n":%d}`, n))
	return store.ReleaseVersion{Release: id, Version: n, Body: body, SHA256: sha256.Sum256(body), Plan: "pl_1", PlanVersion: 1, Author: author, At: noon.Add(time.Duration(n) * time.Minute), Note: "why"}
}

func signed(r store.Release, version int, by string) store.ReleaseAct {
	return store.ReleaseAct{ID: newID(archive.PrefixEvent), Release: r.ID, Version: version, Act: store.ReleaseSigned, Digest: digest("agreed"), At: noon.Add(time.Hour), Agent: by}
}

func publication(r store.Release, number, version int, by string) store.ReleasePublication {
	return store.ReleasePublication{Release: r.ID, Number: number, Version: version, Clip: "cl_1", Document: []byte("{}"), Proof: []byte("proof"), Scope: []byte("scope"),
		SHA256: sum32("document"), At: noon.Add(2 * time.Hour), Agent: "ag_1", SignedBy: by}
}

func TestReleases(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			acc := addAccession(t, tx)
			item, hard := addItem(t, tx, acc.ID, nil), addItem(t, tx, acc.ID, func(i *archive.Item) { i.Difficulty = 3 })
			r, v := newRelease("yard")
			must(t, tx.AddRelease(ctx, r, v, []string{item.ID, item.ID}))
			for _, name := range []string{r.ID, "yard"} {
				if got, err := tx.Release(ctx, all, name); err != nil || got != r {
					t.Errorf("came back as\n%+v, put in as\n%+v (%v)", got, r, err)
				}
			}
			if got, err := tx.ReleaseVersion(ctx, r.ID, 1); err != nil || fmt.Sprint(got) != fmt.Sprint(v) {
				t.Errorf("version %+v, %v", got, err)
			}
			second := releaseVersion(r.ID, 2, "ag_2")
			must(t, tx.SetReleaseDue(ctx, r.ID, noon, "ag_1", noon))
			if due, err := tx.DueReleases(ctx, noon); err != nil || len(due) != 1 || due[0].DueBy != "ag_1" {
				t.Errorf("due: %+v, %v", due, err)
			}
			if due, err := tx.DueReleases(ctx, noon.Add(-time.Microsecond)); err != nil || len(due) != 0 {
				t.Errorf("due before its time: %+v, %v", due, err)
			}
			must(t, tx.LockRelease(ctx, r.ID))
			must(t, tx.AddReleaseVersion(ctx, second, []string{hard.ID}))
			if due, err := tx.DueReleases(ctx, noon); err != nil || len(due) != 0 {
				t.Errorf("a newer version is due: %+v, %v", due, err)
			}
			if list, err := tx.ReleaseVersions(ctx, r.ID); err != nil || len(list) != 2 || list[1].Author != "ag_2" {
				t.Errorf("versions %+v, %v", list, err)
			}
			want := []string{item.ID, hard.ID}
			slices.Sort(want)
			if items, err := tx.ReleaseItems(ctx, r.ID); err != nil || !slices.Equal(items, want) {
				t.Errorf("items %v, %v", items, err)
			}
			if found, err := tx.ReleasesOfItems(ctx, hard.ID, item.ID); err != nil || !slices.Equal(found, []string{r.ID}) {
				t.Errorf("of items %v, %v", found, err)
			}
			// Whoever may not see one item sees no release of it.
			for name, s := range map[string]archive.Scope{
				"nothing":           {},
				"another accession": {Accessions: []string{newID(archive.PrefixAccession)}, MaxDifficulty: -1},
				"not the hard one":  {All: true, MaxDifficulty: 1},
			} {
				_, err := tx.Release(ctx, s, r.ID)
				is(t, name, err, archive.ErrNotFound)
				if list, err := tx.Releases(ctx, s); err != nil || len(list) > 0 {
					t.Errorf("%s lists %v, %v", name, list, err)
				}
			}
			if list, err := tx.Releases(ctx, archive.Scope{Accessions: []string{acc.ID}, MaxDifficulty: 3}); err != nil || len(list) != 1 || list[0].Slug != "yard" || list[0].Head != 2 {
				t.Errorf("list %+v, %v", list, err)
			}
			// One item that is held apart hides the release from who may not see that.
			must(t, tx.MoveItem(ctx, item.ID, archive.ItemQuarantined, "x"))
			_, err := tx.Release(ctx, archive.Scope{All: true, MaxDifficulty: -1}, r.ID)
			is(t, "quarantined", err, archive.ErrNotFound)

			must(t, tx.AddReleaseAct(ctx, signed(r, 2, "ag_3")))
			p := publication(r, 1, 2, "ag_3")
			must(t, tx.AddReleasePublication(ctx, p))
			if list, err := tx.ReleasePublications(ctx, r.ID); err != nil || len(list) != 1 || list[0].Proof != nil || list[0].Scope != nil || string(list[0].Document) != "{}" {
				t.Errorf("publications %+v, %v", list, err)
			}
			if got, err := tx.ReleasePublication(ctx, r.ID, 1); err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
				t.Errorf("publication\n%+v\n%+v, %v", got, p, err)
			}
			_, err = tx.ReleasePublication(ctx, r.ID, 2)
			is(t, "no such publication", err, archive.ErrNotFound)
			if clips, err := tx.OutClips(ctx, r.ID); err != nil || len(clips) > 0 {
				t.Errorf("its own clips %v, %v", clips, err)
			}
			if list, err := tx.UnplacedPublications(ctx); err != nil || len(list) != 1 {
				t.Errorf("unplaced %v, %v", list, err)
			}
			must(t, tx.PlacedPublication(ctx, r.ID, 1, false, noon))
			if clips, err := tx.OutClips(ctx, ""); err != nil || !slices.Equal(clips, []string{"cl_1"}) {
				t.Errorf("out: %v, %v", clips, err)
			}
			must(t, tx.WithdrawRelease(ctx, r.ID, noon))
			must(t, tx.BuryReleasePublication(ctx, r.ID, 1, []byte("tomb"), "ag_2", noon))
			list, err := tx.UnplacedPublications(ctx)
			if err != nil || len(list) != 1 || !bytes.Equal(list[0].Tombstone, []byte("tomb")) || list[0].WithdrawnBy != "ag_2" {
				t.Errorf("unplaced %+v, %v", list, err)
			}
			must(t, tx.PlacedPublication(ctx, r.ID, 1, true, noon))
			if clips, err := tx.OutClips(ctx, ""); err != nil || len(clips) != 0 {
				t.Errorf("out: %v, %v", clips, err)
			}
			acts, err := tx.ReleaseActs(ctx, r.ID)
			if err != nil || len(acts) != 1 || acts[0].Act != store.ReleaseSigned || len(acts[0].Digest) != 32 {
				t.Errorf("acts %+v, %v", acts, err)
			}
		})
		// An error ends a transaction, so each of these has its own.
		for name, f := range map[string]func(tx *store.Tx, r store.Release) error{
			"an author signs": func(tx *store.Tx, r store.Release) error { return tx.AddReleaseAct(ctx, signed(r, 1, "ag_1")) },
			"published without a signer": func(tx *store.Tx, r store.Release) error {
				return tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_3"))
			},
			"another signer": func(tx *store.Tx, r store.Release) error {
				must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
				return tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_3"))
			},
			"an earlier version was signed": func(tx *store.Tx, r store.Release) error {
				must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
				must(t, tx.AddReleaseVersion(ctx, releaseVersion(r.ID, 2, "ag_1"), nil))
				return tx.AddReleasePublication(ctx, publication(r, 1, 2, "ag_2"))
			},
		} {
			inTx(t, db, func(tx *store.Tx) {
				r, v := newRelease("s")
				must(t, tx.AddRelease(ctx, r, v, nil))
				is(t, name, f(tx, r), store.ErrInsertOnly)
			})
		}
		for name, x := range map[string]struct {
			f    func(tx *store.Tx, r store.Release) error
			want error
		}{
			"a slug twice": {func(tx *store.Tx, r store.Release) error {
				other, v := newRelease(r.Slug)
				return tx.AddRelease(ctx, other, v, nil)
			}, archive.ErrExists},
			"a stale version": {func(tx *store.Tx, r store.Release) error {
				return tx.AddReleaseVersion(ctx, releaseVersion(r.ID, 3, "ag_1"), nil)
			}, archive.ErrConflict},
			"withdrawn while nothing is out": {func(tx *store.Tx, r store.Release) error { return tx.WithdrawRelease(ctx, r.ID, noon) }, archive.ErrConflict},
			"no release to hold":             {func(tx *store.Tx, _ store.Release) error { return tx.LockRelease(ctx, "re_x") }, archive.ErrNotFound},
			"nothing to bury": {func(tx *store.Tx, r store.Release) error {
				return tx.BuryReleasePublication(ctx, r.ID, 1, []byte("x"), "ag_1", noon)
			}, archive.ErrNotFound},
			"a publication twice": {func(tx *store.Tx, r store.Release) error {
				must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
				must(t, tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2")))
				return tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2"))
			}, archive.ErrExists},
			"a publication with a hole": {func(tx *store.Tx, r store.Release) error {
				must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
				return tx.AddReleasePublication(ctx, publication(r, 2, 1, "ag_2"))
			}, archive.ErrConflict},
			"placed as a tombstone that is none": {func(tx *store.Tx, r store.Release) error {
				must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
				must(t, tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2")))
				return tx.PlacedPublication(ctx, r.ID, 1, true, noon)
			}, archive.ErrConflict},
			"a version of what was withdrawn": {func(tx *store.Tx, r store.Release) error {
				must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
				must(t, tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2")))
				must(t, tx.WithdrawRelease(ctx, r.ID, noon))
				return tx.AddReleaseVersion(ctx, releaseVersion(r.ID, 2, "ag_1"), nil)
			}, archive.ErrConflict},
		} {
			inTx(t, db, func(tx *store.Tx) {
				r, v := newRelease("s")
				must(t, tx.AddRelease(ctx, r, v, nil))
				is(t, name, x.f(tx, r), x.want)
			})
		}
		// Once a version is out, its author may sign what somebody else wrote after it.
		inTx(t, db, func(tx *store.Tx) {
			r, v := newRelease("s")
			must(t, tx.AddRelease(ctx, r, v, nil))
			must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
			must(t, tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2")))
			must(t, tx.AddReleaseVersion(ctx, releaseVersion(r.ID, 2, "ag_2"), nil))
			must(t, tx.AddReleaseAct(ctx, signed(r, 2, "ag_1")))
		})
	})
}

// What a program that is wrong or hostile could do to a release past this package.
func TestReleasesKeepWhatWasWritten(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			r, v := newRelease("s")
			must(t, tx.AddRelease(ctx, r, v, nil))
			must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
			item := addItem(t, tx, addAccession(t, tx).ID, nil)
			must(t, tx.AddReleaseKeep(ctx, store.ReleaseKeep{ID: newID(archive.PrefixEvent), Release: r.ID, Item: item.ID, Why: "why", At: noon, Agent: "ag_1"}))
			return tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2"))
		}))
		for _, statement := range []string{
			`DELETE FROM release_version`, `UPDATE release_version SET author = 'ag_2'`, `DELETE FROM release_act`, `UPDATE release_act SET agent = 'ag_9'`,
			`DELETE FROM release_publication`, `UPDATE release_publication SET document = sha256`, `UPDATE release_publication SET signed_by = 'ag_9'`,
			`DELETE FROM release_keep`, `UPDATE release_keep SET why = 'x'`,
		} {
			if err := try(db, statement); err == nil || !strings.Contains(err.Error(), "insert-only") {
				t.Errorf("%s: %v", statement, err)
			}
		}
		for _, statement := range []string{
			`UPDATE release SET head = 0`, `UPDATE release SET withdrawn = 2`, `UPDATE release SET due_at = 1`, `UPDATE release_publication SET tombstone = sha256`,
		} {
			if err := try(db, statement); err == nil {
				t.Errorf("went through: %s", statement)
			}
		}
	})
}

// A name belongs to what was published: drafts do not stand in each other's way.
func TestReleaseNames(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			old, v := newRelease("yard") // as earlier versions of the program kept drafts
			must(t, tx.AddRelease(ctx, old, v, nil))
			r, v := newRelease("")
			r.Slug = r.ID
			must(t, tx.AddRelease(ctx, r, v, nil))
			if taken, err := tx.SlugTaken(ctx, r.ID, "yard"); err != nil || taken {
				t.Errorf("a draft has the name: %v, %v", taken, err)
			}
			must(t, tx.NameRelease(ctx, r.ID, "yard"))
			if got, err := tx.Release(ctx, all, "yard"); err != nil || got.ID != r.ID {
				t.Errorf("%+v, %v", got, err)
			}
			if got, err := tx.Release(ctx, all, old.ID); err != nil || got.Slug != old.ID {
				t.Errorf("%+v, %v", got, err)
			}
			must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
			must(t, tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2")))
			for id, want := range map[string]bool{old.ID: true, r.ID: false} {
				if taken, err := tx.SlugTaken(ctx, id, "yard"); err != nil || taken != want {
					t.Errorf("taken for %s: %v, %v", id, taken, err)
				}
			}
			is(t, "named once it is out", tx.NameRelease(ctx, r.ID, "other"), archive.ErrNotFound)
			is(t, "a name that is taken", tx.NameRelease(ctx, old.ID, "yard"), archive.ErrExists)
		})
	})
}

// What is out of an item is found, and an erasure of the item with it, until it is withdrawn or somebody decided.
func TestReleasesThatRestOnAnItem(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			acc := addAccession(t, tx)
			shown, other := addItem(t, tx, acc.ID, nil), addItem(t, tx, acc.ID, nil)
			pl := addPlan(t, tx, shown.ID)
			r, v := newRelease("yard")
			v.Plan, v.PlanVersion = pl.ID, 1
			must(t, tx.AddRelease(ctx, r, v, []string{shown.ID, other.ID}))
			rests := func(what, item string, want ...string) {
				t.Helper()
				var got []string
				list, err := tx.ReleasesResting(ctx, item)
				for _, x := range list {
					got = append(got, x.ID)
				}
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v, %v", what, got, err)
				}
			}
			erased := func(what string, undecided bool, want ...string) {
				t.Helper()
				if got, err := tx.ReleaseErased(ctx, r.ID, undecided); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v, %v", what, got, err)
				}
			}
			rests("a draft", shown.ID)
			must(t, tx.AddReleaseAct(ctx, signed(r, 1, "ag_2")))
			must(t, tx.AddReleasePublication(ctx, publication(r, 1, 1, "ag_2")))
			rests("published", shown.ID, r.ID)
			rests("not shown by what is out", other.ID)
			erased("nothing is erased", false)
			e := store.Erasure{ID: newID(archive.PrefixErasure), Item: shown.ID, Reason: "asked", RequestedBy: "ag_1", RequestedAt: noon}
			must(t, tx.AddErasure(ctx, e))
			erased("asked for", false)
			must(t, tx.ApproveErasure(ctx, e.ID, "ag_2", noon))
			erased("agreed to", true, shown.ID)
			k := store.ReleaseKeep{ID: newID(archive.PrefixEvent), Release: r.ID, Item: shown.ID, Why: "they agreed", At: noon, Agent: "ag_1"}
			must(t, tx.AddReleaseKeep(ctx, k))
			if got, err := tx.ReleaseKeeps(ctx, r.ID); err != nil || len(got) != 1 || got[0] != k {
				t.Errorf("kept %+v, %v", got, err)
			}
			erased("decided", true)
			erased("decided or not", false, shown.ID)
			must(t, tx.BuryReleasePublication(ctx, r.ID, 1, []byte("tomb"), "ag_2", noon))
			erased("withdrawn", false)
			rests("withdrawn", shown.ID)
		})
	})
}
