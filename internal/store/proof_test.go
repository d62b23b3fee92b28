package store_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
	"zapis/internal/tlog"
)

func sum32(text string) [32]byte { return sha256.Sum256([]byte(text)) }

func sealOf(item string) store.ItemSeal {
	return store.ItemSeal{Item: item, Salt: sum32("salt" + item), SegmentSize: 1 << 20, Digests: bytes.Repeat(digest("segment"+item), 2),
		Whole: sum32("whole" + item), SegmentRoot: sum32("root" + item)}
}

func statement(id string) store.Statement {
	body := []byte(`{"id":"` + id + `"}`)
	return store.Statement{ID: id, Kind: "scope", Body: body, Salt: sum32(id), SHA256: sha256.Sum256(body), CreatedAt: noon, CreatedBy: "ag_1", Tick: -1, Place: -1}
}

// closeAccession closes an accession as ingest does.
func closeAccession(t testing.TB, tx *store.Tx, id string) {
	t.Helper()
	must(t, tx.CloseAccession(ctx, id, store.Closing{At: noon, ManifestSHA256: digest("manifest")}))
}

func collect[T any](t testing.TB, seq func(func(T, error) bool)) (out []T) {
	t.Helper()
	for v, err := range seq {
		must(t, err)
		out = append(out, v)
	}
	return out
}

func TestItemSeals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			one, two := addItem(t, tx, a.ID, nil), addItem(t, tx, a.ID, nil)
			must(t, tx.AddItemSeal(ctx, sealOf(one.ID)))
			got, err := tx.ItemSeal(ctx, one.ID)
			must(t, err)
			if fmt.Sprint(got) != fmt.Sprint(sealOf(one.ID)) {
				t.Errorf("%+v", got)
			}
			_, err = tx.ItemSeal(ctx, two.ID)
			is(t, "no seal", err, archive.ErrNotFound)
			missing, err := tx.UnsealedItems(ctx, "", 9)
			must(t, err)
			if len(missing) != 1 || missing[0].ID != two.ID {
				t.Errorf("without a seal: %v", missing)
			}
			if after, err := tx.UnsealedItems(ctx, two.ID, 9); err != nil || len(after) != 0 {
				t.Errorf("after the last: %v, %v", after, err)
			}
			if seals := collect(t, tx.AllItemSeals(ctx)); len(seals) != 1 || seals[0].Item != one.ID {
				t.Errorf("all: %v", seals)
			}
			is(t, "a second seal", tx.AddItemSeal(ctx, sealOf(one.ID)), archive.ErrExists)
		})
		for name, spoil := range map[string]func(*store.ItemSeal){
			"no digests":  func(s *store.ItemSeal) { s.Digests = []byte{} },
			"odd digests": func(s *store.ItemSeal) { s.Digests = make([]byte, 33) },
			"no size":     func(s *store.ItemSeal) { s.SegmentSize = 0 },
		} {
			inTx(t, db, func(tx *store.Tx) {
				s := sealOf(addItem(t, tx, addAccession(t, tx).ID, nil).ID)
				spoil(&s)
				is(t, name, tx.AddItemSeal(ctx, s), archive.ErrInvalid)
			})
		}
	})
}

// sealed makes a closed accession of n items with its places; the seal itself is not added yet.
func sealed(t testing.TB, tx *store.Tx, n int) (store.AccessionSeal, []store.AccessionPlace) {
	t.Helper()
	a := addAccession(t, tx)
	s := store.AccessionSeal{Accession: a.ID, Root: sum32(a.ID), Files: int64(n), Unmeasured: 1, SealedAt: noon, Statement: newID(archive.PrefixStatement)}
	var places []store.AccessionPlace
	for i := range n {
		it := addItem(t, tx, a.ID, func(it *archive.Item) {
			it.Duration = time.Duration(i) * time.Second
			if i == 0 {
				it.Kind = archive.KindImage
			}
		})
		must(t, tx.AddItemSeal(ctx, sealOf(it.ID)))
		places = append(places, store.AccessionPlace{Accession: a.ID, Place: int64(i), Item: it.ID, Leaf: sum32("leaf" + it.ID), BytesBefore: s.Bytes, Bytes: it.Size,
			MillisecondsBefore: s.Milliseconds, Milliseconds: it.Duration.Milliseconds()})
		s.Bytes += it.Size
		s.Milliseconds += it.Duration.Milliseconds()
	}
	must(t, tx.AddStatement(ctx, statement(s.Statement)))
	closeAccession(t, tx, a.ID)
	return s, places
}

func TestAccessionSeals(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			s, places := sealed(t, tx, 3)
			unsealed := addItem(t, tx, addAccession(t, tx).ID, nil)
			items := collect(t, tx.SealableItems(ctx, s.Accession))
			slices.SortFunc(items, func(a, b store.SealableItem) int { return int(a.Duration - b.Duration) })
			if len(items) != 3 || !items[0].Known || !items[1].Known || !items[0].Sealed || items[1].Duration != time.Second ||
				items[2].Whole != sum32("whole"+items[2].Item) || items[2].SegmentRoot != sum32("root"+items[2].Item) || items[2].Salt != sum32("salt"+items[2].Item) {
				t.Errorf("sealable: %+v", items)
			}
			if other := collect(t, tx.SealableItems(ctx, unsealed.Accession)); len(other) != 1 || other[0].Sealed || other[0].Known || other[0].State != archive.ItemSealed {
				t.Errorf("sealable without a seal: %+v", other)
			}
			_, found, err := tx.AccessionSeal(ctx, s.Accession)
			must(t, err)
			if found {
				t.Error("sealed before it was")
			}
			must(t, tx.AddAccessionSeal(ctx, s, places))
			got, found, err := tx.AccessionSeal(ctx, s.Accession)
			must(t, err)
			all, err := tx.AccessionSeals(ctx)
			must(t, err)
			if !found || got != s || len(all) != 1 || all[0] != s {
				t.Errorf("%+v %+v", got, all)
			}
			leaves, err := tx.AccessionLeaves(ctx, s.Accession)
			must(t, err)
			if len(leaves) != 3 || leaves[2] != places[2].Leaf {
				t.Errorf("leaves %x", leaves)
			}
			if p := collect(t, tx.AccessionPlaces(ctx, s.Accession)); !slices.Equal(p, places) {
				t.Errorf("places %+v", p)
			}
			p, found, err := tx.PlaceOf(ctx, places[1].Item)
			must(t, err)
			_, none, err := tx.PlaceOf(ctx, unsealed.ID)
			must(t, err)
			if !found || p != places[1] || none {
				t.Errorf("%v %+v, %v", found, p, none)
			}
			is(t, "twice", tx.AddAccessionSeal(ctx, s, places), archive.ErrExists)
		})
		for name, c := range map[string]struct {
			spoil func(tx *store.Tx, s *store.AccessionSeal, p []store.AccessionPlace)
			want  error
		}{
			"sum of bytes":  {func(_ *store.Tx, s *store.AccessionSeal, _ []store.AccessionPlace) { s.Bytes++ }, archive.ErrInvalid},
			"sum of times":  {func(_ *store.Tx, s *store.AccessionSeal, _ []store.AccessionPlace) { s.Milliseconds++ }, archive.ErrInvalid},
			"files":         {func(_ *store.Tx, s *store.AccessionSeal, _ []store.AccessionPlace) { s.Files++ }, archive.ErrInvalid},
			"before":        {func(_ *store.Tx, _ *store.AccessionSeal, p []store.AccessionPlace) { p[2].BytesBefore++ }, archive.ErrInvalid},
			"order":         {func(_ *store.Tx, _ *store.AccessionSeal, p []store.AccessionPlace) { p[1].Place = 2 }, archive.ErrInvalid},
			"twice an item": {func(_ *store.Tx, _ *store.AccessionSeal, p []store.AccessionPlace) { p[1].Item = p[0].Item }, archive.ErrExists},
			"open": {func(tx *store.Tx, s *store.AccessionSeal, p []store.AccessionPlace) {
				s.Accession = addAccession(t, tx).ID
			}, archive.ErrConflict},
			"nowhere": {func(_ *store.Tx, s *store.AccessionSeal, _ []store.AccessionPlace) {
				s.Accession = newID(archive.PrefixAccession)
			}, archive.ErrNotFound},
		} {
			inTx(t, db, func(tx *store.Tx) {
				s, places := sealed(t, tx, 3)
				c.spoil(tx, &s, places)
				is(t, name, tx.AddAccessionSeal(ctx, s, places), c.want)
			})
		}
	})
}

// ticks makes n ticks from a position on and the hashes that go with them; the last is opened if opened is set.
func ticks(t testing.TB, tx *store.Tx, from int64, n int, opened bool) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
	t.Helper()
	var out []store.LogTick
	var leaves []tlog.Hash
	for i := range int64(n) {
		k := store.LogTick{Position: from + i, DueAt: noon.AddDate(0, 0, int(from+i)), Commitment: sum32(fmt.Sprint("tick", from+i)), Blank: !opened || i < int64(n)-1}
		out = append(out, k)
		leaves = append(leaves, tlog.LeafHash(k.Commitment[:]))
	}
	_, hashes, err := tlog.Append(from, leaves, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.LogHashes(ctx, at) }))
	must(t, err)
	if !opened {
		return out, nil, hashes
	}
	o := store.LogOpening{Position: from + int64(n) - 1, At: noon, Salt: sum32("s"), CustodyRoot: sum32("c"), CustodyVeil: sum32("v"), StatementsRoot: sum32("r"),
		StatementsVeil: sum32("w"), CustodySize: 10 * (from + int64(n)), Statements: 2}
	return out, &o, hashes
}

var publicLog = store.PublicLog{Origin: "zapis.example/log", StartedOn: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Cadence: 24 * time.Hour, Offset: 10 * time.Minute}

func TestPublicLog(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			k, _, h := ticks(t, tx, 0, 1, false)
			is(t, "no log to add to", tx.AddLogTicks(ctx, k, nil, h), archive.ErrNotFound)
			_, err := tx.LogSize(ctx, true)
			is(t, "no log to lock", err, archive.ErrNotFound)
			is(t, "fraction", tx.AddPublicLog(ctx, store.PublicLog{Origin: "x", Cadence: time.Second / 2}), archive.ErrInvalid)
			_, found, err := tx.PublicLog(ctx)
			must(t, err)
			if found {
				t.Error("a log before it was begun")
			}
			must(t, tx.AddPublicLog(ctx, publicLog))
			got, found, err := tx.PublicLog(ctx)
			must(t, err)
			if !found || got != publicLog {
				t.Errorf("%+v", got)
			}

			k, o, h := ticks(t, tx, 0, 3, true)
			must(t, tx.AddLogTicks(ctx, k, o, h))
			k2, o2, h2 := ticks(t, tx, 3, 1, true)
			must(t, tx.AddLogTicks(ctx, k2, o2, h2))
			size, err := tx.LogSize(ctx, true)
			must(t, err)
			n, err := tx.LogHashCount(ctx)
			must(t, err)
			if size != 4 || n != tlog.StoredCount(4) {
				t.Errorf("size %d, %d hashes", size, n)
			}
			list, err := tx.LogTicks(ctx, 1, 2)
			must(t, err)
			if len(list) != 2 || list[0] != k[1] || list[1] != k[2] {
				t.Errorf("%+v", list)
			}
			_, err = tx.LogOpening(ctx, 0)
			is(t, "a blank tick", err, archive.ErrNotFound)
			opening, err := tx.LogOpening(ctx, 2)
			must(t, err)
			if opening != *o {
				t.Errorf("%+v", opening)
			}
			if all := collect(t, tx.LogOpenings(ctx)); len(all) != 2 || all[1] != *o2 {
				t.Errorf("%+v", all)
			}
			for index, want := range map[int64]int64{0: 2, 29: 2, 30: 3, 39: 3, 40: -1} {
				o, found, err := tx.LogOpeningFor(ctx, index)
				must(t, err)
				if found != (want >= 0) || found && o.Position != want {
					t.Errorf("event %d is under tick %d, %v; want %d", index, o.Position, found, want)
				}
			}
			root, err := tlog.Root(4, tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) { return tx.LogHashes(ctx, at) }))
			must(t, err)
			if root == (tlog.Hash{}) {
				t.Error("no root")
			}
			_, err = tx.LogHashes(ctx, []int64{99})
			is(t, "no such hash", err, archive.ErrNotFound)

			c := store.LogCheckpoint{Size: 3, Root: sum32("root3"), Text: []byte("note"), At: noon}
			must(t, tx.AddLogCheckpoint(ctx, c))
			must(t, tx.AddLogCheckpoint(ctx, c)) // again
			must(t, tx.AddLogCheckpoint(ctx, store.LogCheckpoint{Size: 4, Root: sum32("root4"), Text: []byte("note"), At: noon}))
			fork := c
			fork.Root = sum32("fork")
			is(t, "another checkpoint of one size", tx.AddLogCheckpoint(ctx, fork), archive.ErrConflict)
			fork.Size = 5
			is(t, "a checkpoint beyond the log", tx.AddLogCheckpoint(ctx, fork), archive.ErrConflict)
			list3, err := tx.LogCheckpoints(ctx, 1)
			must(t, err)
			list4, err := tx.LogCheckpoints(ctx, 0)
			must(t, err)
			at, found, err := tx.LogCheckpointAt(ctx, 2)
			must(t, err)
			_, beyond, err := tx.LogCheckpointAt(ctx, 5)
			must(t, err)
			if len(list3) != 1 || list3[0].Size != 4 || len(list4) != 2 || !found || at.Size != 3 || string(at.Text) != "note" || beyond {
				t.Errorf("%+v %+v %+v %v", list3, list4, at, beyond)
			}
			for _, w := range []string{"b+1", "a+1", "b+1"} {
				must(t, tx.AddLogCosignature(ctx, store.LogCosignature{Size: 3, Witness: w[:1], VerifierKey: w, Line: "— " + w, At: noon}))
			}
			lines, err := tx.LogCosignatures(ctx, 3)
			must(t, err)
			if len(lines) != 2 || lines[0].VerifierKey != "a+1" || lines[1].Line != "— b+1" {
				t.Errorf("%+v", lines)
			}

			must(t, tx.AddLogKey(ctx, store.LogKey{Number: 1, VerifierKey: "k1", Since: 0, At: noon}))
			must(t, tx.AddLogKey(ctx, store.LogKey{Number: 2, VerifierKey: "k2", Endorsement: "note", Since: 3, At: noon}))
			is(t, "a key that does not follow", tx.AddLogKey(ctx, store.LogKey{Number: 4, VerifierKey: "k4", Since: 3, At: noon}), archive.ErrConflict)
			is(t, "a key from before", tx.AddLogKey(ctx, store.LogKey{Number: 3, VerifierKey: "k3", Since: 2, At: noon}), archive.ErrConflict)
			keys, err := tx.LogKeys(ctx)
			must(t, err)
			if len(keys) != 2 || keys[1] != (store.LogKey{Number: 2, VerifierKey: "k2", Endorsement: "note", Since: 3, At: noon}) {
				t.Errorf("%+v", keys)
			}
		})
		for name, c := range map[string]struct {
			spoil func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash)
			want  error
		}{
			"gap": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				k[0].Position++
				return k, o, h
			}, archive.ErrConflict},
			"gap inside": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				k[1].Position++
				return k, o, h
			}, archive.ErrInvalid},
			"time goes back": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				k[1].DueAt = k[0].DueAt
				return k, o, h
			}, archive.ErrConflict},
			"blank and opened": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				k[2].Blank = true
				return k, o, h
			}, archive.ErrInvalid},
			"neither": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				return k, nil, h
			}, archive.ErrInvalid},
			"opening of another": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				o.Position--
				return k, o, h
			}, archive.ErrInvalid},
			"hash missing": {func(k []store.LogTick, o *store.LogOpening, h []tlog.Hash) ([]store.LogTick, *store.LogOpening, []tlog.Hash) {
				return k, o, h[1:]
			}, archive.ErrInvalid},
		} {
			inTx(t, db, func(tx *store.Tx) {
				must(t, tx.AddPublicLog(ctx, publicLog))
				k, o, h := ticks(t, tx, 0, 3, true)
				k, o, h = c.spoil(k, o, h)
				is(t, name, tx.AddLogTicks(ctx, k, o, h), c.want)
			})
		}
	})
}

func TestStampsAndPublications(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.AddPublicLog(ctx, publicLog))
			k, o, h := ticks(t, tx, 0, 1, true)
			must(t, tx.AddLogTicks(ctx, k, o, h))
			must(t, tx.AddLogCheckpoint(ctx, store.LogCheckpoint{Size: 1, Root: sum32("x"), Text: []byte("note"), At: noon}))
			s := store.LogStamp{ID: newID(archive.PrefixStamp), Size: 1, Kind: "rfc3161", Authority: "one", State: store.StampPending, AskedAt: noon, UpdatedAt: noon}
			must(t, tx.SetLogStamp(ctx, s))
			pending, err := tx.PendingStamps(ctx)
			must(t, err)
			if len(pending) != 1 || fmt.Sprint(pending[0]) != fmt.Sprint(s) {
				t.Errorf("%+v", pending)
			}
			s.State, s.Token, s.StampedAt, s.UpdatedAt = store.StampConfirmed, []byte("token"), noon, noon.Add(time.Second)
			must(t, tx.SetLogStamp(ctx, s))
			stamps, err := tx.LogStamps(ctx, 1)
			must(t, err)
			pending, err = tx.PendingStamps(ctx)
			must(t, err)
			if len(stamps) != 1 || fmt.Sprint(stamps[0]) != fmt.Sprint(s) || len(pending) != 0 {
				t.Errorf("%+v, pending %+v", stamps, pending)
			}
			back := s
			back.State = store.StampFailed
			is(t, "confirmed is confirmed", tx.SetLogStamp(ctx, back), archive.ErrConflict)
			other := s
			other.Authority = "two"
			is(t, "one stamp, two authorities", tx.SetLogStamp(ctx, other), archive.ErrConflict)
			_, found, err := tx.LatestPublication(ctx)
			must(t, err)
			if found {
				t.Error("a publication before there was one")
			}
			for i := range 2 {
				must(t, tx.AddPublication(ctx, store.Publication{ID: newID(archive.PrefixPublication), At: noon.Add(time.Duration(i) * time.Second), Kind: "directory", Size: int64(i), Outcome: "success"}))
			}
			p, found, err := tx.LatestPublication(ctx)
			must(t, err)
			if !found || p.Size != 1 || p.Kind != "directory" || p.Outcome != "success" {
				t.Errorf("%+v", p)
			}
		})
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.AddPublicLog(ctx, publicLog))
			k, o, h := ticks(t, tx, 0, 1, true)
			must(t, tx.AddLogTicks(ctx, k, o, h))
			must(t, tx.AddLogCheckpoint(ctx, store.LogCheckpoint{Size: 1, Root: sum32("x"), Text: []byte("note"), At: noon}))
			is(t, "confirmed without a token", tx.SetLogStamp(ctx, store.LogStamp{ID: newID(archive.PrefixStamp), Size: 1, Kind: "rfc3161", Authority: "one", State: store.StampConfirmed,
				AskedAt: noon, UpdatedAt: noon}), archive.ErrInvalid)
		})
	})
}

func TestStatementsAndClips(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			var ids []string
			for i := range 3 {
				s := statement(newID(archive.PrefixStatement))
				s.CreatedAt = noon.Add(time.Duration(i) * time.Second)
				if i == 2 {
					s.Kind = "clip"
				}
				must(t, tx.AddStatement(ctx, s))
				ids = append(ids, s.ID)
			}
			slices.Sort(ids)
			open, err := tx.OpenStatements(ctx)
			must(t, err)
			if len(open) != 3 || open[0].ID != ids[0] || open[0].Tick != -1 || open[0].Place != -1 {
				t.Errorf("%+v", open)
			}
			must(t, tx.PlaceStatements(ctx, 5, []string{ids[1], ids[0]}))
			placed, err := tx.StatementsOf(ctx, 5)
			must(t, err)
			if len(placed) != 2 || placed[0].ID != ids[1] || placed[1].Place != 1 || placed[1].Tick != 5 {
				t.Errorf("%+v", placed)
			}
			one, err := tx.Statement(ctx, ids[1])
			must(t, err)
			want := statement(ids[1])
			if string(one.Body) != string(want.Body) || one.Salt != want.Salt || one.SHA256 != want.SHA256 || one.Tick != 5 || one.Place != 0 {
				t.Errorf("%+v", one)
			}
			scopes, err := tx.Statements(ctx, "scope")
			must(t, err)
			every, err := tx.Statements(ctx, "")
			must(t, err)
			if len(scopes) != 2 || len(every) != 3 {
				t.Errorf("%d and %d", len(scopes), len(every))
			}
			is(t, "placed twice", tx.PlaceStatements(ctx, 6, []string{ids[0]}), archive.ErrConflict)
			_, err = tx.Statement(ctx, newID(archive.PrefixStatement))
			is(t, "no such statement", err, archive.ErrNotFound)

			commit := newCommit(2)
			must(t, tx.AddCommit(ctx, commit, store.ObjectClip))
			c := store.Clip{ID: newID(archive.PrefixClip), Statement: ids[2], Scope: ids[0], Number: 1, ReleasedMS: 5000, Bytes: 9, Milliseconds: 5000, SHA256: sum32("clip"),
				Object: archive.ObjectRef{Object: commit.Objects[0].ID, Envelope: commit.Envelope}, CreatedAt: noon}
			must(t, tx.AddClip(ctx, c))
			got, err := tx.Clip(ctx, c.ID)
			must(t, err)
			list, err := tx.Clips(ctx, ids[0])
			must(t, err)
			all, err := tx.Clips(ctx, "")
			must(t, err)
			if got != c || len(list) != 1 || list[0] != c || len(all) != 1 {
				t.Errorf("%+v %+v %+v", got, list, all)
			}
			// A scope counts each number once: a second clip 1 would hide how much was released.
			c.ID, c.Statement = newID(archive.PrefixClip), ids[1]
			is(t, "number taken", tx.AddClip(ctx, c), archive.ErrExists)
		})
		inTx(t, db, func(tx *store.Tx) {
			s := statement(newID(archive.PrefixStatement))
			must(t, tx.AddStatement(ctx, s))
			s.ID = newID(archive.PrefixStatement)
			is(t, "the same body twice", tx.AddStatement(ctx, s), archive.ErrExists)
		})
	})
}

// erasable is an item with everything that erasing has to reach: a derivative, a second line of the manifest, events about
// it, its object, its derivative; beside it a neighbour with the same.
type erasable struct {
	item, neighbour archive.Item
	derivative      archive.Derivative
	events          []int64 // of the item
	foreign         []int64 // of the neighbour
}

func makeErasable(t testing.TB, tx *store.Tx) (e erasable) {
	t.Helper()
	a := addAccession(t, tx)
	position := int64(0)
	event := func(kind, id string) int64 {
		must(t, tx.AppendLeaves(ctx, position, digest(fmt.Sprint(position))))
		must(t, tx.AddOpenings(ctx, store.Opening{Index: position, EventID: fmt.Sprintf("ev_%d", position), Type: "x", Time: noon, Agent: "ag_1", Salt: digest("salt"), Event: []byte("{}"),
			Subjects: []archive.Subject{{Role: "about", Kind: kind, ID: id}, {Role: "about", Kind: "accession", ID: a.ID}}}))
		position++
		return position - 1
	}
	event("accession", a.ID)
	add := func(seq int64) (it archive.Item, d archive.Derivative, events []int64) {
		it = addItem(t, tx, a.ID, func(i *archive.Item) {
			i.Kind, i.RecordedAt, i.RecordedSource, i.Duration, i.Width, i.Height, i.FrameRate = archive.KindVideo, noon.AddDate(-1, 0, 0), "container", time.Minute, 640, 480, 25
			i.Format, i.Codec, i.Camera, i.Micro, i.Anomalies, i.Difficulty = "mp4", "h264", "C1", bytes.Repeat([]byte{7}, 144), 2, 1
		})
		must(t, tx.AddItemSeal(ctx, sealOf(it.ID)))
		c := newCommit(1)
		must(t, tx.AddCommit(ctx, c, store.ObjectDerivative))
		d = archive.Derivative{ID: newID(archive.PrefixDerivative), Item: it.ID, Kind: archive.DerivativeStill, Recipe: "quick", RecipeVersion: 1, Tool: "t", ToolVersion: "1",
			Object: archive.ObjectRef{Object: c.Objects[0].ID, Envelope: c.Envelope}, Size: 1000, SHA256: c.Objects[0].SHA256[:], MediaType: "image/jpeg", Meta: []byte(`{"w":"1"}`), CreatedAt: noon}
		must(t, tx.AddDerivative(ctx, d))
		for i := range int64(2) {
			outcome := archive.OutcomeReceived
			if i > 0 {
				outcome = archive.OutcomeDuplicate
			}
			must(t, tx.AddProvenance(ctx, archive.Provenance{ID: newID(archive.PrefixProvenance), Accession: a.ID, Seq: seq + i, Item: it.ID, Outcome: outcome, Size: it.Size,
				Fingerprint: digest(fmt.Sprint("where", seq+i)), Sealed: digest(fmt.Sprint("sealed", seq+i)), FoundAt: noon}))
		}
		events = []int64{event("item", it.ID), event("object", it.Object.Object), event("derivative", d.ID), event("object", d.Object.Object)}
		return it, d, events
	}
	e.item, e.derivative, e.events = add(1)
	e.neighbour, _, e.foreign = add(3)
	return e
}

func request(item string) store.Erasure {
	return store.Erasure{ID: newID(archive.PrefixErasure), Item: item, Reason: "asked by the person shown", RequestedBy: "ag_1", RequestedAt: noon}
}

func TestErasureNeedsTwoPeople(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			is(t, "by the same person", tx.ApproveErasure(ctx, r.ID, "ag_1", noon), archive.ErrForbidden)
			is(t, "by nobody", tx.ApproveErasure(ctx, r.ID, "", noon), archive.ErrForbidden)
			is(t, "rows before approval", tx.EraseItemRows(ctx, e.item.ID), archive.ErrConflict)
			is(t, "finish before approval", tx.FinishErasure(ctx, r.ID, noon), archive.ErrConflict)
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon.Add(time.Hour)))
			is(t, "twice", tx.ApproveErasure(ctx, r.ID, "ag_3", noon), archive.ErrConflict)
			is(t, "finish before it is done", tx.FinishErasure(ctx, r.ID, noon), archive.ErrConflict)
			got, err := tx.Erasure(ctx, r.ID)
			must(t, err)
			want := r
			want.State, want.ApprovedBy, want.ApprovedAt = store.ErasureApproved, "ag_2", noon.Add(time.Hour)
			if got != want {
				t.Errorf("%+v", got)
			}
			open, err := tx.Erasures(ctx, true)
			must(t, err)
			if len(open) != 1 || open[0] != want {
				t.Errorf("%+v", open)
			}
			must(t, tx.WithdrawErasure(ctx, r.ID, noon))
			is(t, "approve what was withdrawn", tx.ApproveErasure(ctx, r.ID, "ag_2", noon), archive.ErrConflict)
			is(t, "withdraw what was withdrawn", tx.WithdrawErasure(ctx, r.ID, noon), archive.ErrConflict)
			is(t, "rows after withdrawal", tx.EraseItemRows(ctx, e.item.ID), archive.ErrConflict)
			must(t, tx.AddErasure(ctx, request(e.item.ID))) // a new request is possible
			open, err = tx.Erasures(ctx, true)
			must(t, err)
			all, err := tx.Erasures(ctx, false)
			must(t, err)
			if len(open) != 1 || len(all) != 2 {
				t.Errorf("%d open of %d", len(open), len(all))
			}
			is(t, "no such erasure", tx.ApproveErasure(ctx, newID(archive.PrefixErasure), "ag_2", noon), archive.ErrNotFound)
			is(t, "without a reason", tx.AddErasure(ctx, store.Erasure{ID: newID(archive.PrefixErasure), Item: e.item.ID, RequestedBy: "ag_1", RequestedAt: noon}), archive.ErrInvalid)
			is(t, "two at once", tx.AddErasure(ctx, request(e.item.ID)), archive.ErrExists)
		})
	})
}

// everyText gives all bytes that a database holds, table by table, as hexadecimal text.
func everyText(t testing.TB, tx *store.Tx) string {
	t.Helper()
	var b strings.Builder
	for i, err := range tx.AllItems(ctx) {
		must(t, err)
		fmt.Fprintf(&b, "%+v %x\n", i, i.SHA256)
		p, err := tx.ProvenanceOf(ctx, i.ID)
		must(t, err)
		fmt.Fprintf(&b, "%x\n", p)
	}
	for o, err := range tx.AllObjects(ctx) {
		must(t, err)
		fmt.Fprintf(&b, "%s %x %x\n", o.ID, o.SHA256, o.Segments)
	}
	for d, err := range tx.AllDerivatives(ctx) {
		must(t, err)
		fmt.Fprintf(&b, "%s %x %x\n", d.ID, d.SHA256, d.Meta)
	}
	for s, err := range tx.AllItemSeals(ctx) {
		must(t, err)
		fmt.Fprintf(&b, "%+v %x %x\n", s.Item, s.Salt, s.Digests)
	}
	return b.String()
}

func TestErasingLeavesNothingToLink(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			positions, err := tx.ErasablePositions(ctx, e.item.ID)
			must(t, err)
			if !slices.Equal(positions, e.events) {
				t.Errorf("erasable are %v, want %v", positions, e.events)
			}
			secrets := []string{
				fmt.Sprintf("%x", e.item.SHA256), fmt.Sprintf("%x", e.derivative.SHA256), fmt.Sprintf("%x", sealOf(e.item.ID).Salt), fmt.Sprintf("%x", digest("segment"+e.item.ID)),
				fmt.Sprintf("%x", digest("where1")), fmt.Sprintf("%x", digest("sealed2")), fmt.Sprintf("%x", digest("where2")),
			}
			before := everyText(t, tx)
			for _, s := range secrets {
				if !strings.Contains(before, s) {
					t.Fatalf("%s is not there to begin with", s)
				}
			}
			for range 2 { // doing it again changes nothing
				must(t, tx.EraseItemRows(ctx, e.item.ID))
				must(t, tx.EraseOpenings(ctx, r.ID, positions))
			}
			after := everyText(t, tx)
			for _, s := range secrets {
				if strings.Contains(after, s) {
					t.Errorf("%s is still there", s)
				}
			}
			for _, s := range []string{fmt.Sprintf("%x", e.neighbour.SHA256), fmt.Sprintf("%x", sealOf(e.neighbour.ID).Salt), fmt.Sprintf("%x", digest("sealed3"))} {
				if !strings.Contains(after, s) {
					t.Errorf("%s of the neighbour is gone", s)
				}
			}
			for i, err := range tx.AllItems(ctx) {
				must(t, err)
				if i.ID != e.item.ID {
					continue
				}
				want := archive.Item{ID: i.ID, Accession: i.Accession, AccessionNo: i.AccessionNo, Number: i.Number, Kind: archive.KindUnknown, State: archive.ItemErased,
					Size: e.item.Size, SHA256: make([]byte, 32), Object: e.item.Object, ReceivedAt: noon, Difficulty: -1, Copies: e.item.Copies}
				if fmt.Sprintf("%+v", i) != fmt.Sprintf("%+v", want) {
					t.Errorf("became %+v", i)
				}
			}
			if d, err := tx.Derivatives(ctx, e.item.ID); err != nil || len(d) != 0 {
				t.Errorf("standing derivatives %v, %v", d, err)
			}
			o, err := tx.Object(ctx, e.derivative.Object.Object)
			must(t, err)
			if o.State != store.ObjectErased {
				t.Errorf("object is %s", o.State)
			}
			gone, err := tx.ErasedOpenings(ctx)
			must(t, err)
			if len(gone) != len(positions) {
				t.Errorf("%v", gone)
			}
			for _, p := range positions {
				_, err := tx.Opening(ctx, p)
				if gone[p] != r.ID || !errors.Is(err, archive.ErrNotFound) {
					t.Errorf("opening %d: %v", p, err)
				}
				if leaves, err := tx.Leaves(ctx, p, 1); err != nil || len(leaves) != 1 {
					t.Errorf("leaf %d: %v", p, err)
				}
			}
			for _, p := range e.foreign {
				if o, err := tx.Opening(ctx, p); err != nil || len(o.Subjects) != 2 {
					t.Errorf("opening %d of the neighbour: %v", p, err)
				}
			}
			is(t, "withdraw what has begun", tx.WithdrawErasure(ctx, r.ID, noon), archive.ErrConflict)
			must(t, tx.FinishErasure(ctx, r.ID, noon))
			is(t, "again", tx.FinishErasure(ctx, r.ID, noon), archive.ErrConflict)
			is(t, "an erased item", tx.AddErasure(ctx, request(e.item.ID)), archive.ErrConflict)
			noRollupFaults(t, tx)
			again := addItem(t, tx, addAccession(t, tx).ID, func(i *archive.Item) { i.SHA256 = e.item.SHA256 })
			if again.ID == e.item.ID {
				t.Error("the same bytes came back as the erased item")
			}
		})
		// The openings of somebody else's item are not covered by an erasure, whatever a program asks for.
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
			is(t, "a stranger's opening", tx.EraseOpenings(ctx, r.ID, []int64{e.events[0], e.foreign[0]}), store.ErrInsertOnly)
		})
		inTx(t, db, func(tx *store.Tx) {
			e := makeErasable(t, tx)
			r := request(e.item.ID)
			must(t, tx.AddErasure(ctx, r))
			is(t, "openings before approval", tx.EraseOpenings(ctx, r.ID, e.events), store.ErrInsertOnly)
		})
	})
}

// A fault at the commit leaves either everything or nothing erased, and the next try finishes.
func TestErasureAtFaults(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		for _, point := range []string{"commit", "committed"} {
			t.Run(point, func(t *testing.T) {
				t.Parallel()
				armed := false
				db, _ := storetest.OpenWith(t, engine, func(o *store.Options) {
					o.Fault = func(p string) error {
						if armed && p == point {
							armed = false
							return errors.New("power cut")
						}
						return nil
					}
				})
				var e erasable
				var r store.Erasure
				must(t, db.Write(ctx, func(tx *store.Tx) error {
					e = makeErasable(t, tx)
					r = request(e.item.ID)
					must(t, tx.AddErasure(ctx, r))
					return tx.ApproveErasure(ctx, r.ID, "ag_2", noon)
				}))
				erase := func() error {
					return db.Write(ctx, func(tx *store.Tx) error {
						if err := tx.EraseItemRows(ctx, e.item.ID); err != nil {
							return err
						}
						return tx.EraseOpenings(ctx, r.ID, e.events)
					})
				}
				armed = true
				is(t, "fault", erase(), store.ErrUnknownOutcome)
				must(t, db.Read(ctx, func(tx *store.Tx) error {
					gone, err := tx.ErasedOpenings(ctx)
					must(t, err)
					_, serr := tx.ItemSeal(ctx, e.item.ID)
					there := serr == nil
					if there != (len(gone) == 0) || there != (point == "commit") {
						t.Errorf("half erased: seal %v, %d openings gone", serr, len(gone))
					}
					return nil
				}))
				must(t, erase())
				must(t, db.Write(ctx, func(tx *store.Tx) error { return tx.FinishErasure(ctx, r.ID, noon) }))
			})
		}
	})
}

// fullOfProofs puts a row into every table of proofs.
func fullOfProofs(t testing.TB, db *store.DB) (e erasable, r store.Erasure) {
	t.Helper()
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		e = makeErasable(t, tx)
		s, places := sealed(t, tx, 2)
		must(t, tx.AddAccessionSeal(ctx, s, places))
		must(t, tx.AddPublicLog(ctx, publicLog))
		must(t, tx.AddLogKey(ctx, store.LogKey{Number: 1, VerifierKey: "k1", At: noon}))
		k, o, h := ticks(t, tx, 0, 1, true)
		must(t, tx.AddLogTicks(ctx, k, o, h))
		must(t, tx.AddLogCheckpoint(ctx, store.LogCheckpoint{Size: 1, Root: sum32("x"), Text: []byte("note"), At: noon}))
		must(t, tx.AddLogCosignature(ctx, store.LogCosignature{Size: 1, Witness: "w", VerifierKey: "w", Line: "l", At: noon}))
		clip := statement(newID(archive.PrefixStatement))
		must(t, tx.AddStatement(ctx, clip))
		must(t, tx.PlaceStatements(ctx, 0, []string{clip.ID}))
		c := newCommit(1)
		must(t, tx.AddCommit(ctx, c, store.ObjectClip))
		must(t, tx.AddClip(ctx, store.Clip{ID: newID(archive.PrefixClip), Statement: clip.ID, Scope: s.Statement, Number: 1, SHA256: sum32("clip"),
			Object: archive.ObjectRef{Object: c.Objects[0].ID, Envelope: c.Envelope}, CreatedAt: noon}))
		must(t, tx.AddPublication(ctx, store.Publication{ID: newID(archive.PrefixPublication), At: noon, Kind: "s3", Outcome: "success"}))
		r = request(e.item.ID)
		must(t, tx.AddErasure(ctx, r))
		must(t, tx.ApproveErasure(ctx, r.ID, "ag_2", noon))
		return tx.EraseOpenings(ctx, r.ID, e.events[:1])
	}))
	return e, r
}

// Every way around the guards of the proof tables that SQL offers, past this package.
func TestProofTablesAreGuarded(t *testing.T) {
	t.Parallel()
	tables := map[string]string{
		"item_seal": "salt", "accession_seal": "files", "accession_place": "bytes", "public_log": "origin", "log_key": "since", "log_tick": "blank", "log_opening": "custody_size",
		"log_hash": "hash", "log_checkpoint": "root", "log_cosignature": "line", "statement": "salt", "clip": "bytes", "log_publication": "size", "erasure": "reason",
		"custody_erased": "erasure_id",
	}
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		e, r := fullOfProofs(t, db)
		var statements []string
		for table, column := range tables {
			statements = append(statements, `UPDATE `+table+` SET `+column+` = `+column, `DELETE FROM `+table)
			if engine == store.SQLite {
				statements = append(statements, `INSERT OR REPLACE INTO `+table+` SELECT * FROM `+table)
			} else {
				statements = append(statements, `TRUNCATE `+table+` CASCADE`)
			}
		}
		statements = append(statements,
			`UPDATE statement SET position = 7, place = 0 WHERE position = 0`,
			`UPDATE statement SET position = NULL, place = NULL WHERE position = 0`,
			`UPDATE statement SET position = 7, place = 0, kind = 'other' WHERE position IS NULL`,
			`UPDATE erasure SET state = 'requested', approved_by = NULL, approved_at = NULL`,
			`UPDATE erasure SET state = 'withdrawn', finished_at = 1`, // it has begun
			`UPDATE erasure SET approved_by = 'ag_3'`,
			`UPDATE erasure SET state = 'done', finished_at = 1, approved_by = 'ag_3'`,
			`UPDATE erasure SET state = 'done', finished_at = 1, item_id = '`+e.neighbour.ID+`'`,
			`INSERT INTO erasure (id, item_id, reason, requested_by, requested_at, approved_by, approved_at, state) VALUES ('er_x', '`+e.neighbour.ID+`', 'x', 'ag_1', 1, 'ag_2', 1, 'approved')`,
			`INSERT INTO custody_erased (position, erasure_id) VALUES (`+fmt.Sprint(e.foreign[0])+`, '`+r.ID+`')`,
			`INSERT INTO custody_erased (position, erasure_id) VALUES (0, '`+r.ID+`')`,
			`INSERT INTO custody_erased (position, erasure_id) VALUES (`+fmt.Sprint(e.events[0])+`, '`+r.ID+`')`,
			`DELETE FROM custody_opening WHERE position = `+fmt.Sprint(e.events[1]), // not listed as erased
			`DELETE FROM custody_subject WHERE position = `+fmt.Sprint(e.events[1]),
			`DELETE FROM item_seal WHERE item_id = '`+e.neighbour.ID+`'`,
		)
		for _, s := range statements {
			err := try(db, s)
			var pg *pgconn.PgError
			switch {
			case err == nil:
				t.Errorf("went through: %s", s)
			case engine == store.SQLite && !strings.Contains(err.Error(), "insert-only") && !strings.Contains(err.Error(), "holds this row already") &&
				!strings.Contains(err.Error(), "erasure begins") && !strings.Contains(err.Error(), "custody_erased takes"):
				t.Errorf("%s: refused for another reason: %v", s, err)
			case engine == store.PostgreSQL && (!errors.As(err, &pg) || pg.Code != "ZA001"):
				t.Errorf("%s: refused for another reason: %v", s, err)
			}
		}
		// The same person twice is refused by the row itself.
		run(t, db, `INSERT INTO erasure (id, item_id, reason, requested_by, requested_at, state) VALUES ('er_y', '`+e.neighbour.ID+`', 'x', 'ag_1', 1, 'requested')`)
		if err := try(db, `UPDATE erasure SET state = 'approved', approved_by = 'ag_1', approved_at = 1 WHERE id = 'er_y'`); err == nil {
			t.Error("one person asked and approved")
		}
		// What is allowed goes through, so that the guards above are no mere walls.
		run(t, db, `UPDATE statement SET position = 9, place = 3 WHERE position IS NULL`)
		run(t, db, `DELETE FROM item_seal WHERE item_id = '`+e.item.ID+`'`)
		run(t, db, `UPDATE erasure SET state = 'done', finished_at = 1 WHERE id = '`+r.ID+`'`)
		faults, err := db.IntegrityCheck(ctx)
		must(t, err)
		if len(faults) > 0 {
			t.Errorf("%+v", faults)
		}
	})
}

func TestMissingGuardOfProofsIsFound(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db := storetest.Open(t, engine)
		for trigger, table := range map[string]string{"item_seal_no_delete": "item_seal", "erasure_no_shortcut": "erasure", "custody_erased_no_stranger": "custody_erased",
			"log_tick_no_update": "log_tick", "statement_no_delete": "statement", "clip_no_replace": "clip"} {
			if engine == store.SQLite {
				run(t, db, `DROP TRIGGER `+trigger)
			} else {
				run(t, db, `ALTER TABLE `+table+` DISABLE TRIGGER ALL`)
			}
			faults, err := db.IntegrityCheck(ctx)
			must(t, err)
			if !slices.ContainsFunc(faults, func(f store.Fault) bool { return f.Code == "trigger" && f.At == table }) {
				t.Errorf("%s: not found: %+v", trigger, faults)
			}
		}
	})
}

// What was erased is in no page of the file any more, not even in a free one, and not in the write-ahead file.
func TestErasedBytesLeaveTheFile(t *testing.T) {
	t.Parallel()
	db, o := storetest.OpenWith(t, store.SQLite, nil)
	var e erasable
	var r store.Erasure
	long := bytes.Repeat(digest("a long list of segments"), 2000) // spills into pages of its own
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		e = makeErasable(t, tx)
		r = request(e.item.ID)
		must(t, tx.AddErasure(ctx, r))
		other := addItem(t, tx, e.item.Accession, nil)
		s := sealOf(other.ID)
		s.Digests = long
		must(t, tx.AddItemSeal(ctx, s))
		r2 := request(other.ID)
		must(t, tx.AddErasure(ctx, r2))
		must(t, tx.ApproveErasure(ctx, r2.ID, "ag_2", noon))
		return tx.ApproveErasure(ctx, r.ID, "ag_2", noon)
	}))
	secrets := map[string][]byte{"digest": e.item.SHA256, "digest of derivative": e.derivative.SHA256, "segment": digest("segment" + e.item.ID), "origin": digest("sealed1"),
		"fingerprint": digest("where1"), "long list": digest("a long list of segments")}
	salt := sum32("salt" + e.item.ID)
	secrets["salt"] = salt[:]
	must(t, db.Purge(ctx))
	pages, err := db.Plain(ctx)
	must(t, err)
	for name, s := range secrets {
		if !bytes.Contains(pages, s) {
			t.Errorf("%s is not there to begin with", name)
		}
	}
	must(t, db.Write(ctx, func(tx *store.Tx) error {
		erasures, err := tx.Erasures(ctx, true)
		must(t, err)
		for _, r := range erasures {
			must(t, tx.EraseItemRows(ctx, r.Item))
		}
		return tx.EraseOpenings(ctx, r.ID, e.events)
	}))
	must(t, db.Purge(ctx))
	pages, err = db.Plain(ctx)
	must(t, err)
	for name, s := range secrets {
		if bytes.Contains(pages, s) {
			t.Errorf("%s is still in the file", name)
		}
	}
	if info, err := os.Stat(strings.TrimPrefix(o.URL, "sqlite://") + "-wal"); err != nil || info.Size() != 0 {
		t.Errorf("write-ahead file: %v, %v", info, err)
	}
	pg := storetest.Open(t, store.PostgreSQL)
	must(t, pg.Purge(ctx))
}
