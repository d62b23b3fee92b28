package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/store"
	"zapis/internal/vault/vaulttest"
)

// seals gives the seals by the size of the item.
func (h *house) seals() map[int64]store.ItemSeal {
	h.t.Helper()
	out := map[int64]store.ItemSeal{}
	for _, it := range h.held(h.t.(*testing.T)) {
		err := h.db.Read(h.t.Context(), func(tx *store.Tx) error {
			s, err := tx.ItemSeal(h.t.Context(), it.ID)
			if errors.Is(err, archive.ErrNotFound) {
				return nil
			}
			out[it.Size] = s
			return err
		})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	return out
}

// details gives the details of the events of a type that name an item.
func (h *house) details(item, kind string) (out []map[string]string) {
	h.t.Helper()
	err := h.db.Read(h.t.Context(), func(tx *store.Tx) error {
		at, err := tx.EventsOf(h.t.Context(), "item", item)
		if err != nil {
			return err
		}
		for _, index := range at {
			o, err := tx.Opening(h.t.Context(), index)
			if err != nil {
				return err
			}
			e, err := archive.ParseEvent(o.Event)
			if err != nil {
				return err
			}
			if e.Type == kind {
				out = append(out, e.Detail)
			}
		}
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// wantSeal computes the seal of bytes from the page alone, with the salt given.
func wantSeal(t *testing.T, salt [32]byte, raw []byte) (whole, root [32]byte, digests []byte) {
	t.Helper()
	var leaves []commit.Hash
	for at := 0; at == 0 || at < len(raw); at += commit.SegmentSize {
		piece := raw[at:min(len(raw), at+commit.SegmentSize)]
		sum := sha256.Sum256(piece)
		digests = append(digests, sum[:]...)
		leaves = append(leaves, commit.Segment(salt, uint64(at/commit.SegmentSize), int64(len(piece)), sum))
	}
	tree, err := commit.MemoryTree(leaves)
	if err != nil {
		t.Fatal(err)
	}
	root, err = commit.VeiledRoot(commit.SegmentDepth, int64(len(leaves)), commit.Derive(salt, "veil", 0), tree)
	if err != nil {
		t.Fatal(err)
	}
	return commit.Whole(salt, int64(len(raw)), sha256.Sum256(raw)), root, digests
}

var sealSizes = []int{0, 1, 5000, commit.SegmentSize - 1, commit.SegmentSize, commit.SegmentSize + 1, 2*commit.SegmentSize + 70000}

// Every item is sealed as it is taken in, and its event says the same.
func TestItemsAreSealedWhenTakenIn(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	for _, size := range sealSizes {
		put(t, src, hex.EncodeToString([]byte{byte(size), byte(size >> 8), byte(size >> 16)}), vaulttest.Noise(uint64(size), size))
	}
	h.must(src)
	seals := h.seals()
	salts := map[[32]byte]bool{}
	for _, size := range sealSizes {
		s, ok := seals[int64(size)]
		if !ok {
			t.Errorf("%d bytes: no seal", size)
			continue
		}
		whole, root, digests := wantSeal(t, s.Salt, vaulttest.Noise(uint64(size), size))
		if s.Whole != whole || s.SegmentRoot != root || string(s.Digests) != string(digests) || s.SegmentSize != commit.SegmentSize {
			t.Errorf("%d bytes: the seal is not the one of the page", size)
		}
		if salts[s.Salt] || s.Salt == ([32]byte{}) {
			t.Errorf("%d bytes: the salt is not its own", size)
		}
		salts[s.Salt] = true
		d := h.details(s.Item, archive.EventIngestion)
		if len(d) != 1 || d[0]["whole"] != hex.EncodeToString(whole[:]) || d[0]["segment_root"] != hex.EncodeToString(root[:]) {
			t.Errorf("%d bytes: the event says %v", size, d)
		}
	}
	h.clean()
}

// dropSeal makes an item one that an older program took in: no seal, and nothing of it in the event. The guard has to be
// taken out for that.
func (h *house) dropSeals() {
	h.t.Helper()
	for _, s := range []string{
		`DROP TRIGGER item_seal_no_delete`, `DELETE FROM item_seal`,
		`CREATE TRIGGER item_seal_no_delete BEFORE DELETE ON item_seal
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'item_seal is insert-only');
END`,
	} {
		if _, err := h.db.SQL().Exec(s); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestMissingSealsAreMade(t *testing.T) {
	t.Parallel()
	h := build(t, store.SQLite, nil)
	src := t.TempDir()
	for _, size := range sealSizes {
		put(t, src, hex.EncodeToString([]byte{byte(size), byte(size >> 8), byte(size >> 16)}), vaulttest.Noise(uint64(size), size))
	}
	h.must(src)
	before := h.seals()
	h.dropSeals()
	// The third commit is lost; the run after it goes on.
	f := &commitFault{db: h.db, at: 3, err: store.ErrUnknownOutcome}
	h.svc.write = f.write
	first, err := h.svc.SealMissing(t.Context(), agent, nil)
	if err == nil || first.Sealed != 2 {
		t.Errorf("with a lost commit: %+v, %v", first, err)
	}
	// The next one is kept although an error comes back.
	f = &commitFault{db: h.db, at: 1, err: store.ErrUnknownOutcome, kept: true}
	h.svc.write = f.write
	calls := 0
	second, err := h.svc.SealMissing(t.Context(), agent, func(int) { calls++ })
	if err != nil || second.Sealed != len(sealSizes)-2 || calls != second.Sealed || len(second.Damaged) > 0 {
		t.Errorf("second run: %+v, %v after %d calls", second, err, calls)
	}
	h.svc.write = h.db.Write
	if third, err := h.svc.SealMissing(t.Context(), agent, nil); err != nil || third.Sealed != 0 {
		t.Errorf("third run: %+v, %v", third, err)
	}
	for size, s := range h.seals() {
		whole, root, _ := wantSeal(t, s.Salt, vaulttest.Noise(uint64(size), int(size)))
		d := h.details(s.Item, archive.EventDigest)
		if s.Whole != whole || s.SegmentRoot != root || len(d) != 1 || d[0]["whole"] != hex.EncodeToString(whole[:]) || d[0]["segment_root"] != hex.EncodeToString(root[:]) {
			t.Errorf("%d bytes: another seal, or %d events", size, len(d))
		}
		if s.Salt == before[size].Salt {
			t.Errorf("%d bytes: a salt came back", size)
		}
	}
}

// Damaged bytes are not sealed: a commitment to them would say that they are what was received.
func TestDamagedItemsGetNoSeal(t *testing.T) {
	t.Parallel()
	mem := vaulttest.NewMemory()
	h := build(t, store.SQLite, mem)
	src := t.TempDir()
	put(t, src, "one", vaulttest.Noise(1, 3000))
	h.must(src)
	h.dropSeals()
	if _, err := h.db.SQL().Exec(`UPDATE item SET sha256 = zeroblob(32)`); err != nil {
		t.Fatal(err)
	}
	r, err := h.svc.SealMissing(t.Context(), agent, nil)
	if err != nil || r.Sealed != 0 || len(r.Damaged) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if n := len(h.seals()); n != 0 {
		t.Errorf("%d seals", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.svc.SealMissing(ctx, agent, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
}
