package store_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"zapis/internal/archive"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestAccessions(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			first, second := addAccession(t, tx), addAccession(t, tx)
			if first.Number != 1 || second.Number != 2 || first.State != archive.AccessionOpen || !first.CreatedAt.Equal(noon) {
				t.Errorf("%+v %+v", first, second)
			}
			must(t, tx.AddTally(ctx, first.ID, archive.Tally{Found: 3, Received: 2, Failed: 1, Bytes: 10}))
			must(t, tx.AddTally(ctx, first.ID, archive.Tally{Found: 2, Duplicates: 1, Skipped: 1, Bytes: 5}))
			c := store.Closing{
				At: noon.Add(time.Hour), Manifest: archive.ObjectRef{Object: newID(archive.PrefixObject), Envelope: newID(archive.PrefixEnvelope)},
				ManifestSHA256: digest("manifest"),
			}
			is(t, "close without a manifest", tx.CloseAccession(ctx, first.ID, store.Closing{At: noon}), archive.ErrInvalid)
			is(t, "receipt while open", tx.SetReceipt(ctx, first.ID, []byte("{}")), archive.ErrConflict)
			must(t, tx.CloseAccession(ctx, first.ID, c))
			must(t, tx.SetReceipt(ctx, first.ID, []byte("{}")))
			must(t, tx.SetReceipt(ctx, first.ID, []byte("{}")))
			is(t, "another receipt", tx.SetReceipt(ctx, first.ID, []byte("{ }")), archive.ErrConflict)
			got, err := tx.Accession(ctx, first.ID)
			must(t, err)
			want := first
			want.State, want.ClosedAt, want.Manifest, want.ManifestSHA256, want.Receipt = archive.AccessionClosed, c.At, c.Manifest, c.ManifestSHA256, []byte("{}")
			want.Tally = archive.Tally{Found: 5, Received: 2, Duplicates: 1, Skipped: 1, Failed: 1, Bytes: 15}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			is(t, "close twice", tx.CloseAccession(ctx, first.ID, c), archive.ErrConflict)
			is(t, "tally of a closed one", tx.AddTally(ctx, first.ID, archive.Tally{Found: 1}), archive.ErrConflict)
			is(t, "tally of none", tx.AddTally(ctx, newID(archive.PrefixAccession), archive.Tally{Found: 1}), archive.ErrNotFound)
			is(t, "item for a closed one", tx.AddItem(ctx, &archive.Item{ID: newID(archive.PrefixItem), Accession: first.ID, SHA256: digest("x")}), archive.ErrConflict)
			is(t, "line for a closed one", tx.AddProvenance(ctx, archive.Provenance{ID: "pr_1", Accession: first.ID, Seq: 1, Outcome: archive.OutcomeFailed}), archive.ErrConflict)
			_, err = tx.AddAccession(ctx, archive.Accession{ID: newID(archive.PrefixAccession), Title: " "})
			is(t, "no title", err, archive.ErrInvalid)
			for name, c := range map[string]struct {
				s    archive.Scope
				want []string
			}{
				"all":     {all, []string{second.ID, first.ID}},
				"one":     {archive.Scope{Accessions: []string{first.ID}}, []string{first.ID}},
				"nothing": {archive.Scope{}, nil},
			} {
				list, err := tx.Accessions(ctx, c.s)
				must(t, err)
				var ids []string
				for _, a := range list {
					ids = append(ids, a.ID)
				}
				if !slices.Equal(ids, c.want) {
					t.Errorf("%s: %v, want %v", name, ids, c.want)
				}
			}
		})
	})
}

// full is an item with every field set.
func full(i *archive.Item) {
	i.Kind, i.State, i.Reason = archive.KindVideo, archive.ItemBrowsable, "why"
	i.RecordedAt, i.RecordedSource = time.Date(1969, 12, 31, 23, 59, 59, 1000, time.UTC), "recorder"
	i.Duration, i.Width, i.Height, i.FrameRate = 90*time.Second+time.Microsecond, 1920, 1080, 29.97
	i.Format, i.Codec, i.Camera, i.Micro, i.Anomalies, i.Difficulty, i.Copies = "mov", "h264", "Камера 7", bytes.Repeat([]byte{9}, 144), 2, 3, 4
}

func TestItemsKeepEveryField(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			one := addItem(t, tx, a.ID, nil)
			two := addItem(t, tx, a.ID, full)
			if one.Number != 1 || two.Number != 2 || two.AccessionNo != a.Number || one.State != archive.ItemSealed || one.Kind != archive.KindUnknown || one.Copies != 1 {
				t.Errorf("%+v", one)
			}
			for _, want := range []archive.Item{one, two} {
				got, err := tx.Item(ctx, all, want.ID)
				must(t, err)
				if d := cmp.Diff(want, got); d != "" {
					t.Error(d)
				}
				for name, find := range map[string]func() (archive.Item, error){
					"digest":    func() (archive.Item, error) { i, _, err := tx.ItemByDigest(ctx, want.SHA256); return i, err },
					"object":    func() (archive.Item, error) { i, _, err := tx.ItemOfObject(ctx, want.Object.Object); return i, err },
					"reference": func() (archive.Item, error) { return tx.ItemByReference(ctx, all, want.Reference()) },
				} {
					if got, err := find(); err != nil || got.ID != want.ID {
						t.Errorf("by %s: %v %v", name, got.ID, err)
					}
				}
			}
			f := store.FactsOf(two)
			f.Kind, f.RecordedAt, f.Duration, f.Camera, f.Micro = archive.KindAudio, time.Time{}, time.Minute, "", nil
			must(t, tx.SetItemFacts(ctx, two.ID, f))
			got, err := tx.Item(ctx, all, two.ID)
			must(t, err)
			if d := cmp.Diff(f, store.FactsOf(got)); d != "" {
				t.Error(d)
			}
			if got.Difficulty != 3 {
				t.Errorf("a pass took back what a person said: %d", got.Difficulty)
			}
			must(t, tx.AddCopy(ctx, two.ID, 2))
			if got, err := tx.Item(ctx, all, two.ID); err != nil || got.Copies != 6 {
				t.Errorf("%d copies, %v", got.Copies, err)
			}
			is(t, "copy of none", tx.AddCopy(ctx, newID(archive.PrefixItem), 1), archive.ErrNotFound)
			is(t, "facts of none", tx.SetItemFacts(ctx, newID(archive.PrefixItem), f), archive.ErrNotFound)
			f.Micro = []byte{1}
			is(t, "small picture", tx.SetItemFacts(ctx, two.ID, f), archive.ErrInvalid)
			_, found, err := tx.ItemByDigest(ctx, digest("not held"))
			if found || err != nil {
				t.Errorf("found what is not held: %v", err)
			}
			for _, ref := range []string{"", "Z1", "Z1-", "Z1-00000x", "1-000001", "Z0-000001", "Z1-0001", "Z01-000001", "Z+1-000001"} {
				_, err := tx.ItemByReference(ctx, all, ref)
				is(t, ref, err, archive.ErrInvalid)
			}
			_, err = tx.ItemByReference(ctx, all, "z1-000099")
			is(t, "no such number", err, archive.ErrNotFound)
			noRollupFaults(t, tx)
		})
	})
}

func TestBytesAreHeldOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			first := addItem(t, tx, a.ID, nil)
			again := archive.Item{ID: newID(archive.PrefixItem), Accession: a.ID, Size: 1, SHA256: first.SHA256, Object: first.Object, ReceivedAt: noon}
			is(t, "same bytes", tx.AddItem(ctx, &again), archive.ErrExists)
			next := addItem(t, tx, a.ID, nil) // the transaction goes on, and no number was lost
			if next.Number != 2 {
				t.Errorf("number %d", next.Number)
			}
			must(t, tx.MoveItem(ctx, first.ID, archive.ItemErased, "court order"))
			must(t, tx.AddItem(ctx, &again))
		})
		// Not only by asking first: the database refuses too.
		err := db.Write(ctx, func(tx *store.Tx) error {
			a := addAccession(t, tx)
			i := addItem(t, tx, a.ID, nil)
			i.ID = newID(archive.PrefixItem)
			return tx.AddSynthetic(ctx, []archive.Item{i})
		})
		is(t, "same bytes behind the back", err, archive.ErrExists)
	})
}

func TestItemsMoveOnlyAsAllowed(t *testing.T) {
	t.Parallel()
	states := []archive.ItemState{archive.ItemSealed, archive.ItemBrowsable, archive.ItemReady, archive.ItemExplained, archive.ItemQuarantined, archive.ItemErased}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			for _, from := range states {
				for _, to := range states {
					i := addItem(t, tx, a.ID, func(i *archive.Item) { i.State = from })
					err := tx.MoveItem(ctx, i.ID, to, "because")
					switch {
					case from.CanMove(to):
						must(t, err)
					default:
						is(t, fmt.Sprintf("%s to %s", from, to), err, archive.ErrConflict)
						continue
					}
					if to == archive.ItemErased {
						_, err := tx.Item(ctx, all, i.ID)
						is(t, "erased item", err, archive.ErrNotFound)
						is(t, "facts of an erased item", tx.SetItemFacts(ctx, i.ID, store.FactsOf(i)), archive.ErrConflict)
						continue
					}
					got, err := tx.Item(ctx, all, i.ID)
					must(t, err)
					if got.State != to || got.Reason != "because" {
						t.Errorf("%+v", got)
					}
				}
			}
			is(t, "move none", tx.MoveItem(ctx, newID(archive.PrefixItem), archive.ItemReady, ""), archive.ErrNotFound)
			noRollupFaults(t, tx)
		})
	})
}

func TestProvenance(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a, other := addAccession(t, tx), addAccession(t, tx)
			i := addItem(t, tx, a.ID, nil)
			line := func(accession string, seq int64, o archive.Outcome, print string) archive.Provenance {
				p := archive.Provenance{
					ID: newID(archive.PrefixProvenance), Accession: accession, Seq: seq, Outcome: o, Reason: "code", Size: seq * 10,
					Fingerprint: digest(print), Sealed: []byte("sealed " + print), FoundAt: noon.Add(time.Duration(seq) * time.Second),
				}
				if o == archive.OutcomeReceived || o == archive.OutcomeDuplicate {
					p.Item = i.ID
				}
				return p
			}
			if n, err := tx.NextSeq(ctx, a.ID); n != 1 || err != nil {
				t.Errorf("first is %d, %v", n, err)
			}
			var want []archive.Provenance
			for seq, o := range []archive.Outcome{archive.OutcomeFailed, archive.OutcomeReceived, archive.OutcomeSkipped, archive.OutcomeDuplicate} {
				print := "p" + string(o)
				if o == archive.OutcomeFailed {
					print = "preceived" // failed first, received at the second try
				}
				want = append(want, line(a.ID, int64(seq+1), o, print))
			}
			want = append(want, line(a.ID, 5, archive.OutcomeFailed, "never"))
			must(t, tx.AddProvenance(ctx, want...))
			elsewhere := line(other.ID, 1, archive.OutcomeDuplicate, "preceived")
			must(t, tx.AddProvenance(ctx, elsewhere))
			var got []archive.Provenance
			for p, err := range tx.Manifest(ctx, a.ID) {
				must(t, err)
				got = append(got, p)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if n, err := tx.NextSeq(ctx, a.ID); n != 6 || err != nil {
				t.Errorf("next is %d, %v", n, err)
			}
			p, ok, err := tx.Finished(ctx, a.ID, digest("preceived"))
			if !ok || err != nil || p.Outcome != archive.OutcomeReceived {
				t.Errorf("%+v %v %v", p, ok, err)
			}
			if p, ok, err := tx.Finished(ctx, a.ID, digest("never")); !ok || err != nil || p.Outcome != archive.OutcomeFailed {
				t.Errorf("%+v %v %v", p, ok, err)
			}
			if _, ok, err := tx.Finished(ctx, a.ID, digest("not seen")); ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
			var prints [][]byte
			for f, err := range tx.FinishedSet(ctx, a.ID) {
				must(t, err)
				prints = append(prints, f)
			}
			if d := cmp.Diff([][]byte{digest("preceived"), digest("pskipped"), digest("pduplicate")}, prints); d != "" {
				t.Error(d)
			}
			of, err := tx.ProvenanceOf(ctx, i.ID)
			must(t, err)
			if len(of) != 3 || of[0].ID != elsewhere.ID || of[1].ID != want[1].ID || of[2].ID != want[3].ID {
				t.Errorf("%+v", of)
			}
			bad := line(a.ID, 7, archive.OutcomeReceived, "x")
			bad.Item = ""
			is(t, "received as no item", tx.AddProvenance(ctx, bad), archive.ErrInvalid)
			bad = line(a.ID, 7, archive.OutcomeFailed, "x")
			bad.Item = i.ID
			is(t, "failed as an item", tx.AddProvenance(ctx, bad), archive.ErrInvalid)
			is(t, "sequence number taken", tx.AddProvenance(ctx, line(a.ID, 5, archive.OutcomeFailed, "x")), archive.ErrExists)
		})
	})
}

// Walks fetch page by page and may be left at any time, with other questions between.
func TestManifestOfManyPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			const n = 2500
			var lines []archive.Provenance
			for seq := range int64(n) {
				lines = append(lines, archive.Provenance{ID: newID(archive.PrefixProvenance), Accession: a.ID, Seq: seq + 1, Outcome: archive.OutcomeSkipped, FoundAt: noon})
			}
			must(t, tx.AddProvenance(ctx, lines...))
			var seen int64
			for p, err := range tx.Manifest(ctx, a.ID) {
				must(t, err)
				if seen++; p.Seq != seen {
					t.Fatalf("line %d at %d", p.Seq, seen)
				}
				if seen == 1500 {
					_, err := tx.Accession(ctx, a.ID)
					must(t, err)
				}
			}
			if seen != n {
				t.Errorf("%d lines", seen)
			}
			for range tx.Manifest(ctx, a.ID) {
				break
			}
		})
	})
}

func TestObjects(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			c := newCommit(3)
			big := &c.Objects[2]
			second := c.Blobs[0]
			second.Name = newID(archive.PrefixBlob)
			c.Blobs = append(c.Blobs, second)
			big.Segments = append(big.Segments, big.Segments[0])
			big.Segments[1].Index, big.Segments[1].Blob, big.Segments[1].PlainLength = 1, second.Name, 17
			must(t, tx.AddCommit(ctx, c, store.ObjectManifest))

			got, err := tx.Object(ctx, big.ID)
			must(t, err)
			want := store.Object{ID: big.ID, Envelope: c.Envelope, Kind: store.ObjectManifest, State: store.ObjectHeld, Size: big.Size, SHA256: big.SHA256[:]}
			for _, s := range big.Segments {
				want.Segments = append(want.Segments, store.Segment{Index: s.Index, Blob: s.Blob, Offset: s.Offset, Length: s.Length, PlainLength: s.PlainLength, PlainSHA256: s.PlainSHA256[:]})
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			_, err = tx.Object(ctx, newID(archive.PrefixObject))
			is(t, "no object", err, archive.ErrNotFound)

			in, err := tx.ObjectsOfBlob(ctx, c.Blobs[0].Name)
			must(t, err)
			of, err := tx.ObjectsOfBlob(ctx, second.Name)
			must(t, err)
			if len(in) != 3 || len(of) != 1 || of[0].ID != big.ID || len(of[0].Segments) != 2 {
				t.Errorf("%v %v", in, of)
			}
			e, err := tx.Envelope(ctx, c.Envelope)
			must(t, err)
			if e.Size != c.EnvelopeSize || !bytes.Equal(e.SHA256, c.EnvelopeSHA256[:]) || e.At.IsZero() {
				t.Errorf("%+v", e)
			}
			must(t, tx.SetEnvelope(ctx, c.Envelope, digest("rewritten"), 7))
			if e, err := tx.Envelope(ctx, c.Envelope); err != nil || e.Size != 7 || !bytes.Equal(e.SHA256, digest("rewritten")) {
				t.Errorf("%+v %v", e, err)
			}
			is(t, "no envelope", tx.SetEnvelope(ctx, "en_none", digest(""), 1), archive.ErrNotFound)

			must(t, tx.AddCommit(ctx, newCommit(1), store.ObjectOriginal))
			var names []string
			for after := ""; ; {
				page, err := tx.Blobs(ctx, after, 2)
				must(t, err)
				for _, b := range page {
					names = append(names, b.Name)
					after = b.Name
				}
				if len(page) < 2 {
					break
				}
			}
			if n, bytes, err := tx.BlobCount(ctx); n != 3 || bytes != 3300*2+1100 || err != nil || len(names) != 3 || !slices.IsSorted(names) {
				t.Errorf("%d %d %v %v", n, bytes, err, names)
			}
			must(t, tx.MarkBlob(ctx, second.Name, "ok", noon))
			b, err := tx.Blob(ctx, second.Name)
			must(t, err)
			if d := cmp.Diff(store.Blob{Name: second.Name, Envelope: c.Envelope, Size: second.Size, SHA256: second.SHA256[:], CheckedAt: noon, Result: "ok"}, b); d != "" {
				t.Error(d)
			}
			is(t, "mark none", tx.MarkBlob(ctx, "bl_none", "ok", noon), archive.ErrNotFound)

			must(t, tx.SetObjectState(ctx, big.ID, store.ObjectQuarantined))
			must(t, tx.SetObjectState(ctx, big.ID, store.ObjectHeld))
			must(t, tx.SetObjectState(ctx, big.ID, store.ObjectErased))
			must(t, tx.SetObjectState(ctx, big.ID, store.ObjectErased))
			is(t, "back from erasure", tx.SetObjectState(ctx, big.ID, store.ObjectHeld), archive.ErrConflict)
			is(t, "state of none", tx.SetObjectState(ctx, "ob_none", store.ObjectHeld), archive.ErrNotFound)

			objects, envelopes := 0, 0
			for o, err := range tx.AllObjects(ctx) {
				must(t, err)
				objects += len(o.Segments)
			}
			for _, err := range tx.AllEnvelopes(ctx) {
				must(t, err)
				envelopes++
			}
			if objects != 5 || envelopes != 2 {
				t.Errorf("%d segments in %d envelopes", objects, envelopes)
			}
			is(t, "same commit twice", tx.AddCommit(ctx, c, store.ObjectOriginal), archive.ErrExists)
		})
		is(t, "state that is none", db.Write(ctx, func(tx *store.Tx) error {
			c := newCommit(1)
			must(t, tx.AddCommit(ctx, c, store.ObjectOriginal))
			return tx.SetObjectState(ctx, c.Objects[0].ID, "lost")
		}), archive.ErrInvalid)
	})
}

func TestDerivatives(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			a := addAccession(t, tx)
			i := addItem(t, tx, a.ID, func(i *archive.Item) { i.Difficulty = 3 })
			c := newCommit(4)
			must(t, tx.AddCommit(ctx, c, store.ObjectDerivative))
			make := func(n int, kind string, ordinal int) archive.Derivative {
				o := c.Objects[n]
				return archive.Derivative{
					ID: newID(archive.PrefixDerivative), Item: i.ID, Kind: kind, Ordinal: ordinal, Recipe: "quick", RecipeVersion: 2, Tool: "ffmpeg", ToolVersion: "6.1",
					Object: archive.ObjectRef{Object: o.ID, Envelope: o.Envelope}, Size: o.Size, SHA256: o.SHA256[:], MediaType: "image/jpeg", Meta: []byte(`{"w":1}`), CreatedAt: noon,
				}
			}
			second, first, tech := make(0, archive.DerivativeStill, 1), make(1, archive.DerivativeStill, 0), make(2, archive.DerivativeTechnical, 0)
			tech.Meta = nil
			must(t, tx.AddDerivative(ctx, second, first, tech))
			got, err := tx.Derivatives(ctx, i.ID)
			must(t, err)
			if d := cmp.Diff([]archive.Derivative{first, second, tech}, got); d != "" {
				t.Error(d)
			}
			for name, s := range map[string]archive.Scope{
				"other accession": {Accessions: []string{newID(archive.PrefixAccession)}, MaxDifficulty: -1},
				"nothing":         {MaxDifficulty: -1},
				"hard to watch":   {All: true, MaxDifficulty: 2},
			} {
				_, err := tx.Derivative(ctx, s, first.ID)
				is(t, name, err, archive.ErrNotFound)
			}
			if d, err := tx.Derivative(ctx, all, first.ID); err != nil || cmp.Diff(first, d) != "" {
				t.Errorf("%+v %v", d, err)
			}
			n, err := tx.ReplaceRecipe(ctx, i.ID, "quick", noon)
			if n != 3 || err != nil {
				t.Errorf("%d replaced, %v", n, err)
			}
			_, err = tx.Derivative(ctx, all, first.ID)
			is(t, "superseded", err, archive.ErrNotFound)
			fresh := make(3, archive.DerivativeStill, 0)
			must(t, tx.AddDerivative(ctx, fresh))
			if got, err := tx.Derivatives(ctx, i.ID); err != nil || len(got) != 1 || got[0].ID != fresh.ID {
				t.Errorf("%+v %v", got, err)
			}
			kept := 0
			for _, err := range tx.AllDerivatives(ctx) {
				must(t, err)
				kept++
			}
			if kept != 4 {
				t.Errorf("%d rows kept", kept)
			}
			fresh.ID = newID(archive.PrefixDerivative)
			is(t, "twice", tx.AddDerivative(ctx, fresh), archive.ErrExists)
		})
	})
}

func TestCustodyTables(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			item := newID(archive.PrefixItem)
			opening := func(i int64) store.Opening {
				return store.Opening{
					Index: i, EventID: newID(archive.PrefixEvent), Type: archive.EventIngestion, Time: noon, Agent: "ag_1", Salt: digest("salt"), Event: []byte(`{"a":1}`),
					Subjects: []archive.Subject{{Role: "outcome", Kind: "item", ID: item}, {Role: "about", Kind: "accession", ID: "ac_1"}, {Role: "source", Kind: "item", ID: item}},
				}
			}
			var want []store.Opening
			var leaves [][]byte
			var hashes []tlog.Hash
			for i := range int64(600) {
				o := opening(i)
				o.Commitment = digest(fmt.Sprint(i))
				want, leaves, hashes = append(want, o), append(leaves, o.Commitment), append(hashes, tlog.Hash(o.Commitment))
			}
			must(t, tx.AppendLeaves(ctx, 0, leaves[:1]...))
			must(t, tx.AppendLeaves(ctx, 1, leaves[1:]...))
			must(t, tx.AddOpenings(ctx, want...))
			must(t, tx.AddOpenings(ctx))
			must(t, tx.AddHashes(ctx, 0, hashes))
			size, err := tx.Head(ctx, true)
			if size != 0 || err != nil {
				t.Errorf("%d %v", size, err)
			}
			must(t, tx.SetHead(ctx, 600))
			is(t, "shrinking", tx.SetHead(ctx, 599), archive.ErrConflict)

			got, err := tx.Openings(ctx, 590, 100)
			must(t, err)
			if d := cmp.Diff(want[590:], got); d != "" {
				t.Error(d)
			}
			if o, err := tx.Opening(ctx, 7); err != nil || cmp.Diff(want[7], o) != "" {
				t.Errorf("%+v %v", o, err)
			}
			_, err = tx.Opening(ctx, 600)
			is(t, "no opening", err, archive.ErrNotFound)
			if l, err := tx.Leaves(ctx, 598, 10); err != nil || cmp.Diff(leaves[598:], l) != "" {
				t.Errorf("%v %v", l, err)
			}
			if n, err := tx.LeafCount(ctx); n != 600 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			if n, err := tx.HashCount(ctx); n != 600 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			h, err := tx.Hashes(ctx, []int64{5, 0, 599, 5})
			must(t, err)
			if d := cmp.Diff([]tlog.Hash{hashes[5], hashes[0], hashes[599], hashes[5]}, h); d != "" {
				t.Error(d)
			}
			_, err = tx.Hashes(ctx, []int64{1, 600})
			is(t, "no hash", err, archive.ErrNotFound)
			events, err := tx.EventsOf(ctx, "item", item)
			if len(events) != 600 || events[0] != 0 || !slices.IsSorted(events) || err != nil {
				t.Errorf("%d events, %v", len(events), err)
			}
			if events, err := tx.EventsOf(ctx, "derivative", item); len(events) != 0 || err != nil {
				t.Errorf("%v %v", events, err)
			}
			if _, ok, err := tx.LatestCheckpoint(ctx); ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
			c := store.Checkpoint{Size: 600, Root: digest("root"), Note: []byte("note"), At: noon}
			must(t, tx.AddCheckpoint(ctx, c))
			must(t, tx.AddCheckpoint(ctx, c))
			old := c
			old.Size = 10
			must(t, tx.AddCheckpoint(ctx, old))
			if list, err := tx.Checkpoints(ctx); err != nil || cmp.Diff([]store.Checkpoint{old, c}, list) != "" {
				t.Errorf("%+v %v", list, err)
			}
			if l, ok, err := tx.LatestCheckpoint(ctx); !ok || err != nil || l.Size != 600 {
				t.Errorf("%+v %v", l, err)
			}
			is(t, "index taken", tx.AppendLeaves(ctx, 599, digest("x")), archive.ErrExists)
		})
		must(t, db.Write(ctx, func(tx *store.Tx) error { return tx.AppendLeaves(ctx, 0, digest("a")) }))
		must(t, db.Write(ctx, func(tx *store.Tx) error { return tx.AppendLeaves(ctx, 2, digest("c")) }))
		must(t, db.Read(ctx, func(tx *store.Tx) error {
			_, err := tx.Leaves(ctx, 0, 10)
			is(t, "a gap", err, archive.ErrIntegrity)
			return nil
		}))
	})
}

func TestFixity(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			if _, ok, err := tx.LastRun(ctx); ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
			first := store.Run{ID: newID("fx"), Scope: "all", Agent: "ag_1", Keyless: true, StartedAt: noon}
			second := store.Run{ID: newID("fx"), Scope: "sample 10 %", Agent: "ag_1", StartedAt: noon.Add(time.Hour)}
			must(t, tx.StartRun(ctx, first))
			must(t, tx.StartRun(ctx, second))
			first.FinishedAt, first.Blobs, first.Objects, first.Bytes, first.Failures, first.Outcome = noon.Add(time.Minute), 3, 4, 5, 1, "failure"
			must(t, tx.FinishRun(ctx, first))
			is(t, "finish twice", tx.FinishRun(ctx, first), archive.ErrConflict)
			runs, err := tx.Runs(ctx, 10)
			must(t, err)
			if d := cmp.Diff([]store.Run{second, first}, runs); d != "" {
				t.Error(d)
			}
			if r, ok, err := tx.LastRun(ctx); !ok || err != nil || r.ID != first.ID {
				t.Errorf("%+v %v", r, err)
			}
			a := store.Finding{ID: newID("ff"), Run: first.ID, Blob: "bl_1", Object: "ob_1", Item: "it_1", Code: "altered", FoundAt: noon}
			b := store.Finding{ID: newID("ff"), Run: first.ID, Blob: "bl_2", Code: "missing", FoundAt: noon.Add(time.Second)}
			must(t, tx.AddFinding(ctx, b, a))
			must(t, tx.ResolveFinding(ctx, a.ID, "healed", noon.Add(time.Hour)))
			is(t, "resolve twice", tx.ResolveFinding(ctx, a.ID, "healed", noon), archive.ErrConflict)
			if open, err := tx.OpenFindings(ctx); err != nil || cmp.Diff([]store.Finding{b}, open) != "" {
				t.Errorf("%+v %v", open, err)
			}
			a.ResolvedAt, a.Resolution = noon.Add(time.Hour), "healed"
			if of, err := tx.FindingsOf(ctx, first.ID); err != nil || cmp.Diff([]store.Finding{a, b}, of) != "" {
				t.Errorf("%+v %v", of, err)
			}
		})
	})
}

func TestAccounts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			program := archive.Agent{ID: newID(archive.PrefixAgent), Kind: "software", Name: "zapis", CreatedAt: noon}
			must(t, tx.AddAgent(ctx, program))
			must(t, tx.AddAgent(ctx, program))
			want := store.Account{
				ID: newID(archive.PrefixAgent), Login: "olena", Name: "Олена", Role: archive.RoleReviewer, UserHandle: []byte("handle"), Password: "$argon2id$…",
				Factor: []byte("sealed"), Preferences: []byte("{}"), CreatedAt: noon, CreatedBy: program.ID,
				Scope: archive.Scope{Accessions: []string{"ac_1"}, MaxDifficulty: 1},
			}
			must(t, tx.AddAccount(ctx, want))
			for name, get := range map[string]func() (store.Account, error){
				"id":     func() (store.Account, error) { return tx.Account(ctx, want.ID) },
				"login":  func() (store.Account, error) { return tx.AccountByLogin(ctx, "olena") },
				"handle": func() (store.Account, error) { return tx.AccountByHandle(ctx, []byte("handle")) },
			} {
				got, err := get()
				must(t, err)
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("by %s: %s", name, d)
				}
			}
			other := want
			other.ID, other.UserHandle = newID(archive.PrefixAgent), []byte("other")
			is(t, "login taken", tx.AddAccount(ctx, other), archive.ErrExists)
			other.Login, other.Name = "ivan", "Іван"
			must(t, tx.AddAccount(ctx, other))
			want.Name, want.Role, want.Disabled, want.Password, want.Factor, want.SeenAt = "О.", archive.RoleAdmin, true, "", nil, noon.Add(time.Hour)
			must(t, tx.SetAccount(ctx, want))
			if got, err := tx.Account(ctx, want.ID); err != nil || cmp.Diff(want, got) != "" {
				t.Errorf("%s %v", cmp.Diff(want, got), err)
			}
			clash := want
			clash.Login = "ivan"
			is(t, "rename to a taken login", tx.SetAccount(ctx, clash), archive.ErrExists)
			clash.ID, clash.Login = newID(archive.PrefixAgent), "nobody"
			is(t, "set none", tx.SetAccount(ctx, clash), archive.ErrNotFound)
			if list, err := tx.Accounts(ctx); err != nil || len(list) != 2 || list[0].Login != "ivan" {
				t.Errorf("%+v %v", list, err)
			}
			if agents, err := tx.Agents(ctx); err != nil || len(agents) != 3 {
				t.Errorf("%+v %v", agents, err)
			}
			if a, err := tx.Agent(ctx, want.ID); err != nil || a.Name != "О." || a.Kind != "person" {
				t.Errorf("%+v %v", a, err)
			}
			for _, step := range []struct {
				n    int64
				want bool
			}{{100, true}, {100, false}, {99, false}, {101, true}} {
				if ok, err := tx.TakeFactorStep(ctx, want.ID, step.n); ok != step.want || err != nil {
					t.Errorf("step %d: %v %v", step.n, ok, err)
				}
			}

			key := store.Credential{ID: []byte{1, 2}, Account: want.ID, Data: []byte("key"), Label: "Stick", CreatedAt: noon}
			must(t, tx.AddCredential(ctx, key))
			must(t, tx.UseCredential(ctx, key.ID, []byte("key2"), 9, noon.Add(time.Minute)))
			key.Data, key.Uses, key.UsedAt = []byte("key2"), 9, noon.Add(time.Minute)
			if keys, err := tx.Credentials(ctx, want.ID); err != nil || cmp.Diff([]store.Credential{key}, keys) != "" {
				t.Errorf("%+v %v", keys, err)
			}
			is(t, "use none", tx.UseCredential(ctx, []byte{9}, nil, 1, noon), archive.ErrNotFound)
			is(t, "remove another's", tx.RemoveCredential(ctx, other.ID, key.ID), archive.ErrNotFound)
			must(t, tx.RemoveCredential(ctx, want.ID, key.ID))

			must(t, tx.SetRecovery(ctx, want.ID, [][]byte{digest("1"), digest("2")}))
			for _, c := range []struct {
				code string
				want bool
			}{{"3", false}, {"1", true}, {"1", false}} {
				if ok, err := tx.UseRecovery(ctx, want.ID, digest(c.code), noon); ok != c.want || err != nil {
					t.Errorf("recovery %s: %v %v", c.code, ok, err)
				}
			}
			if n, err := tx.RecoveryLeft(ctx, want.ID); n != 1 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			must(t, tx.SetRecovery(ctx, want.ID, nil))
			if n, err := tx.RecoveryLeft(ctx, want.ID); n != 0 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			is(t, "passkey taken", errorOf(tx.AddCredential(ctx, key), tx.AddCredential(ctx, key)), archive.ErrExists)
		})
	})
}

func errorOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestSessionsAndLinks(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			owner := store.Account{ID: newID(archive.PrefixAgent), Login: "o", Role: archive.RoleAdmin, UserHandle: []byte("h"), CreatedAt: noon}
			must(t, tx.AddAccount(ctx, owner))
			s := store.Session{TokenHash: digest("token"), Data: []byte("data"), CreatedAt: noon, SeenAt: noon, ExpiresAt: noon.Add(time.Hour)}
			must(t, tx.SetSession(ctx, s))
			s.Account, s.SeenAt = owner.ID, noon.Add(time.Minute)
			must(t, tx.SetSession(ctx, s))
			if got, err := tx.Session(ctx, s.TokenHash, noon); err != nil || cmp.Diff(s, got) != "" {
				t.Errorf("%+v %v", got, err)
			}
			_, err := tx.Session(ctx, s.TokenHash, s.ExpiresAt)
			is(t, "expired", err, archive.ErrNotFound)
			late := store.Session{TokenHash: digest("late"), Account: owner.ID, CreatedAt: noon, SeenAt: noon, ExpiresAt: noon.Add(48 * time.Hour)}
			must(t, tx.SetSession(ctx, late))
			if list, err := tx.Sessions(ctx, owner.ID, noon); err != nil || len(list) != 2 || !bytes.Equal(list[0].TokenHash, s.TokenHash) {
				t.Errorf("%+v %v", list, err)
			}
			used := store.Link{Hash: digest("link"), Role: archive.RoleAdmin, Purpose: "setup", CreatedBy: "ag_1", CreatedAt: noon, ExpiresAt: noon.Add(time.Hour)}
			must(t, tx.AddLink(ctx, used))
			if l, err := tx.Link(ctx, used.Hash, noon); err != nil || cmp.Diff(used, l) != "" {
				t.Errorf("%+v %v", l, err)
			}
			_, err = tx.UseLink(ctx, used.Hash, noon.Add(time.Hour))
			is(t, "expired link", err, archive.ErrNotFound)
			if l, err := tx.UseLink(ctx, used.Hash, noon); err != nil || !l.UsedAt.Equal(noon) {
				t.Errorf("%+v %v", l, err)
			}
			_, err = tx.UseLink(ctx, used.Hash, noon)
			is(t, "link used twice", err, archive.ErrNotFound)
			_, err = tx.Link(ctx, used.Hash, noon)
			is(t, "used link", err, archive.ErrNotFound)

			name, other := digest("olena"), digest("ivan")
			for i := range 3 {
				must(t, tx.AddAttempt(ctx, name, noon.Add(time.Duration(i)*time.Minute)))
			}
			must(t, tx.AddAttempt(ctx, other, noon))
			if n, last, err := tx.Attempts(ctx, name, noon.Add(time.Second)); n != 2 || !last.Equal(noon.Add(2*time.Minute)) || err != nil {
				t.Errorf("%d %v %v", n, last, err)
			}
			must(t, tx.ClearAttempts(ctx, name))
			if n, last, err := tx.Attempts(ctx, name, noon); n != 0 || !last.IsZero() || err != nil {
				t.Errorf("%d %v %v", n, last, err)
			}
			must(t, tx.ExpireSessions(ctx, noon.Add(25*time.Hour)))
			if list, err := tx.AllSessions(ctx, noon); err != nil || len(list) != 1 || !bytes.Equal(list[0].TokenHash, late.TokenHash) {
				t.Errorf("%+v %v", list, err)
			}
			if n, _, err := tx.Attempts(ctx, other, noon.Add(-time.Hour)); n != 0 || err != nil {
				t.Errorf("%d %v", n, err)
			}
			must(t, tx.SetSession(ctx, s))
			must(t, tx.RemoveSession(ctx, s.TokenHash))
			must(t, tx.RemoveSession(ctx, s.TokenHash))
			must(t, tx.RemoveSessions(ctx, owner.ID))
			if list, err := tx.AllSessions(ctx, noon); err != nil || len(list) != 0 {
				t.Errorf("%+v %v", list, err)
			}
		})
	})
}

func TestWorkersAndSettings(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		inTx(t, db, func(tx *store.Tx) {
			must(t, tx.Heartbeat(ctx, "wo_1", noon))
			must(t, tx.Heartbeat(ctx, "wo_2", noon))
			must(t, tx.Heartbeat(ctx, "wo_2", noon.Add(time.Minute)))
			if list, err := tx.Workers(ctx); err != nil || cmp.Diff([]store.Worker{{"wo_2", noon, noon.Add(time.Minute)}, {"wo_1", noon, noon}}, list) != "" {
				t.Errorf("%+v %v", list, err)
			}
			if list, err := tx.DeadWorkers(ctx, noon.Add(time.Second)); err != nil || len(list) != 1 || list[0].ID != "wo_1" {
				t.Errorf("%+v %v", list, err)
			}
			must(t, tx.RemoveWorker(ctx, "wo_1"))
			if list, err := tx.Workers(ctx); err != nil || len(list) != 1 {
				t.Errorf("%+v %v", list, err)
			}
			p := store.Progress{Job: 7, Step: "encode", Done: 1, Total: 2, At: noon}
			must(t, tx.SetProgress(ctx, p))
			p.Done = 2
			must(t, tx.SetProgress(ctx, p))
			if m, err := tx.ProgressOf(ctx, []int64{6, 7}); err != nil || cmp.Diff(map[int64]store.Progress{7: p}, m) != "" {
				t.Errorf("%+v %v", m, err)
			}
			must(t, tx.ClearProgress(ctx, 7))
			if m, err := tx.ProgressOf(ctx, []int64{7}); err != nil || len(m) != 0 {
				t.Errorf("%+v %v", m, err)
			}
			if m, err := tx.JobCounts(ctx); err != nil || len(m) != 0 {
				t.Errorf("%+v %v", m, err)
			}
			must(t, tx.SetSetting(ctx, "k", "v"))
			must(t, tx.SetSetting(ctx, "k", "w"))
			if v, ok, err := tx.Setting(ctx, "k"); v != "w" || !ok || err != nil {
				t.Errorf("%q %v %v", v, ok, err)
			}
			must(t, tx.SetSetting(ctx, "k", ""))
			if v, ok, err := tx.Setting(ctx, "k"); v != "" || ok || err != nil {
				t.Errorf("%q %v %v", v, ok, err)
			}
		})
	})
}

// The scope of an account goes through JSON; a field that is renamed would silently open or close what people see.
func TestScopeAsStored(t *testing.T) {
	t.Parallel()
	raw, err := json.Marshal(archive.Scope{All: true, Accessions: []string{"a"}, MaxDifficulty: 2, Quarantined: true})
	must(t, err)
	if string(raw) != `{"All":true,"Accessions":["a"],"MaxDifficulty":2,"Quarantined":true}` {
		t.Errorf("%s: stored scopes need a migration", raw)
	}
}

// How hard an item is to watch is set by people alone, counted at once, and read back; nothing else of the item changes.
func TestItemsAreGraded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		var id string
		must(t, db.Write(ctx, func(tx *store.Tx) error {
			id = addItem(t, tx, addAccession(t, tx).ID, full).ID
			return nil
		}))
		for _, step := range []struct{ level, was int }{{archive.Unjudged, 3}, {0, archive.Unjudged}, {archive.Hardest, 0}, {archive.Hardest, archive.Hardest}, {1, archive.Hardest}} {
			must(t, db.Write(ctx, func(tx *store.Tx) error {
				before, err := tx.Item(ctx, all, id)
				must(t, err)
				was, err := tx.GradeItem(ctx, id, step.level)
				if err != nil || was != step.was {
					t.Errorf("%d: was %d, %v", step.level, was, err)
				}
				got, err := tx.Item(ctx, all, id)
				must(t, err)
				before.Difficulty = step.level
				if d := cmp.Diff(before, got); d != "" {
					t.Error(d)
				}
				return nil
			}))
			must(t, db.Read(ctx, func(tx *store.Tx) error {
				faults, err := tx.RollupFaults(ctx)
				if err != nil || len(faults) > 0 {
					t.Errorf("%d: %+v, %v", step.level, faults, err)
				}
				return nil
			}))
		}
		for name, c := range map[string]struct {
			id    string
			level int
			want  error
		}{"none": {newID(archive.PrefixItem), 1, archive.ErrNotFound}, "too hard": {id, 4, archive.ErrInvalid}, "too easy": {id, -2, archive.ErrInvalid}} {
			is(t, name, attempt(t, db, func(tx *store.Tx) error { _, err := tx.GradeItem(ctx, c.id, c.level); return err }), c.want)
		}
		// What nobody has judged is shown to nobody who is limited.
		inTx(t, db, func(tx *store.Tx) {
			_, err := tx.GradeItem(ctx, id, archive.Unjudged)
			must(t, err)
			for limit, seen := range map[int]bool{-1: true, 0: false, 2: false, archive.Hardest: true} {
				if _, err := tx.Item(ctx, archive.Scope{All: true, MaxDifficulty: limit, Quarantined: true}, id); (err == nil) != seen {
					t.Errorf("limit %d: %v", limit, err)
				}
			}
		})
	})
}
