package store_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestMigration0015(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for _, statement := range []string{
			`INSERT INTO clip_fingerprint (sha256, number, clip_id, recipe_version, milliseconds, runs, print, created_at) VALUES ('', 1, NULL, 1, 1, '', '', 1)`,
			`INSERT INTO match_file (release_id, version, name, sha256, bytes) VALUES ('re_1', 1, 'x', '', 1)`,
			`INSERT INTO match_release (release_id, version, slug, footage, published_at) VALUES ('re_1', 0, 'x', '', 1)`,
		} {
			if err := try(db, statement); err == nil {
				t.Errorf("went through: %s", statement)
			}
		}
	})
}

// cutFrom records a clip of some items as package proof does.
func cutFrom(t testing.TB, tx *store.Tx, name string, items ...string) (store.Clip, string) {
	t.Helper()
	scope, s := statement(newID(archive.PrefixStatement)), statement(newID(archive.PrefixStatement))
	scope.SHA256, scope.Body = sum32("scope of "+name), []byte("scope of "+name)
	s.SHA256, s.Body = sum32("statement of "+name), []byte("statement of "+name)
	must(t, tx.AddStatement(ctx, scope))
	must(t, tx.AddStatement(ctx, s))
	c := newCommit(1)
	must(t, tx.AddCommit(ctx, c, store.ObjectClip))
	clip := store.Clip{ID: newID(archive.PrefixClip), Statement: s.ID, Scope: scope.ID, Number: 1, Bytes: 9, Milliseconds: 5000, SHA256: sum32(name),
		Object: archive.ObjectRef{Object: c.Objects[0].ID, Envelope: c.Envelope}, CreatedAt: noon}
	must(t, tx.AddClip(ctx, clip))
	at, err := tx.LeafCount(ctx)
	must(t, err)
	must(t, tx.AppendLeaves(ctx, at, digest(name)))
	o := store.Opening{Index: at, EventID: "ev_of_" + name, Type: archive.EventDissemination, Time: noon, Agent: "ag_1", Salt: digest("salt"), Event: []byte("{}"),
		Subjects: []archive.Subject{{Role: "outcome", Kind: "object", ID: clip.Object.Object}}}
	for _, id := range items {
		o.Subjects = append(o.Subjects, archive.Subject{Role: "source", Kind: "item", ID: id})
	}
	must(t, tx.AddOpenings(ctx, o))
	return clip, c.Objects[0].ID
}

// Fingerprints of clips are found by their file, made once, and go with the item that they show.
func TestClipFingerprints(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			mine, _ := cutFrom(t, tx, "mine", e.item.ID, e.neighbour.ID)
			others, object := cutFrom(t, tx, "others", e.neighbour.ID)
			without := func(version int) (ids []string) {
				list, err := tx.ClipsWithoutFingerprint(ctx, version, 10)
				must(t, err)
				for _, c := range list {
					ids = append(ids, c.ID)
				}
				slices.Sort(ids)
				return ids
			}
			both := []string{mine.ID, others.ID}
			slices.Sort(both)
			if got := without(1); !slices.Equal(got, both) {
				t.Errorf("without: %v", got)
			}
			if items, err := tx.ItemsOfClip(ctx, mine.ID); err != nil || len(items) != 2 || !slices.Contains(items, e.item.ID) {
				t.Errorf("%v, %v", items, err)
			}
			put := func(c store.Clip, runs string) {
				must(t, tx.AddClipFingerprint(ctx, store.ClipFingerprint{SHA256: c.SHA256, Clip: c.ID, Version: 1, Milliseconds: 5000, Runs: []byte(runs), Print: []byte("print " + runs), CreatedAt: noon}))
			}
			put(mine, "a")
			put(others, "b")
			put(mine, "c")
			// What is too short to be told again is noted, too.
			must(t, tx.AddClipFingerprint(ctx, store.ClipFingerprint{SHA256: sum32("a file"), Version: 1, CreatedAt: noon}))
			list, err := tx.ClipFingerprints(ctx)
			must(t, err)
			if len(list) != 3 || list[0].Clip != others.ID || list[1].SHA256 != mine.SHA256 || string(list[1].Runs) != "c" || list[1].Milliseconds != 5000 || list[2].Clip != "" || len(list[2].Runs) != 0 ||
				!(list[0].Number < list[1].Number && list[1].Number < list[2].Number) {
				t.Errorf("%+v", list)
			}
			if b, err := tx.ClipPrint(ctx, mine.SHA256); err != nil || !bytes.Equal(b, []byte("print c")) {
				t.Errorf("%q %v", b, err)
			}
			_, err = tx.ClipPrint(ctx, sum32("none"))
			is(t, "no print", err, archive.ErrNotFound)
			if got := without(1); len(got) != 0 {
				t.Errorf("without: %v", got)
			}
			if got := without(2); !slices.Equal(got, both) {
				t.Errorf("without one of the next version: %v", got)
			}
			// A clip whose file is gone is not fingerprinted again.
			must(t, tx.SetObjectState(ctx, object, store.ObjectErased))
			if got := without(2); !slices.Equal(got, []string{mine.ID}) {
				t.Errorf("without: %v", got)
			}
			is(t, "a file that is gone", tx.AddClipFingerprint(ctx, store.ClipFingerprint{SHA256: others.SHA256, Clip: others.ID, Version: 2, CreatedAt: noon}), archive.ErrConflict)

			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			must(t, tx.EraseItemRows(ctx, e.item.ID))
			if list, err := tx.ClipFingerprints(ctx); err != nil || len(list) != 2 || list[0].Clip != others.ID {
				t.Errorf("after erasing: %+v, %v", list, err)
			}
		})
	})
}

// What was let out is known by each of its files, also when it is withdrawn.
func TestReleasedVersions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		r := store.ReleasedVersion{Release: newID(archive.PrefixRelease), Version: 1, Slug: "corridor", Footage: sum32("large"), Published: noon,
			Files: []store.ReleasedFile{{Name: "clip-720.mp4", SHA256: sum32("large"), Bytes: 9}, {Name: "clip-360.mp4", SHA256: sum32("small"), Bytes: 4}}}
		second := r
		second.Version, second.Published, second.Files = 2, noon.AddDate(0, 0, 1), r.Files[:1]
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.AddReleasedVersion(ctx, second))
			must(t, tx.AddReleasedVersion(ctx, r))
			must(t, tx.AddReleasedVersion(ctx, store.ReleasedVersion{Release: "re_7zzzzzzzzzzzzzzzzzzzzzzzzz", Version: 1, Slug: "other", Footage: sum32("x"), Published: noon}))
			list, err := tx.ReleasedVersions(ctx)
			must(t, err)
			if len(list) != 3 || list[0].Version != 1 || list[1].Version != 2 || list[1].Footage != r.Footage || !list[1].Published.Equal(second.Published) || list[0].Withdrawn || list[0].Slug != "corridor" {
				t.Errorf("%+v", list)
			}
			must(t, tx.WithdrawReleased(ctx, r.Release, 1))
			if list, err := tx.ReleasedVersions(ctx); err != nil || !list[0].Withdrawn || list[1].Withdrawn {
				t.Errorf("the first version is withdrawn: %+v, %v", list, err)
			}
			must(t, tx.WithdrawReleased(ctx, r.Release, 2))
			found, err := tx.ReleasedFiles(ctx)
			must(t, err)
			if len(found) != 3 || !found[0].Withdrawn || found[0].Version != 1 || len(found[0].Files) != 1 || found[0].Files[0] != r.Files[1] || found[1].Files[0] != r.Files[0] || found[2].Version != 2 ||
				found[2].Footage != r.Footage {
				t.Errorf("%+v", found)
			}
			if list, err := tx.ReleasedVersions(ctx); err != nil || list[2].Withdrawn {
				t.Errorf("another release is withdrawn: %+v, %v", list, err)
			}
		})
		is(t, "the same twice", db.Write(ctx, func(tx *store.Tx) error {
			return errors.Join(tx.AddReleasedVersion(ctx, r), tx.AddReleasedVersion(ctx, r))
		}), archive.ErrExists)
		is(t, "not a release", db.Write(ctx, func(tx *store.Tx) error {
			return tx.AddReleasedVersion(ctx, store.ReleasedVersion{Release: "x", Version: 1, Slug: "x"})
		}), archive.ErrInvalid)
	})
}
