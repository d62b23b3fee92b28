package custody_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/custodytest"
	"zapis/internal/custody/verify"
	"zapis/internal/tlog"
)

func check(t testing.TB, m *custodytest.Memory, vkey string, outside ...[]byte) verify.Report {
	t.Helper()
	key, err := verify.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verify.VerifyDB(context.Background(), m.Source(), verify.Options{Key: key, Outside: outside})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSampleVerifies(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	r := check(t, m, vkey)
	if !r.OK() || r.Size != 14 || r.Covered != 13 || r.Uncovered != 1 || r.Checkpoints != 4 {
		t.Errorf("report: %+v", r)
	}
}

// Splitting the same events into other transactions gives the same tree.
func TestRecordInBatches(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		batches := rapid.SliceOfN(rapid.IntRange(0, 40), 1, 8).Draw(t, "batches")
		ctx := context.Background()
		one, many := &custodytest.Memory{}, &custodytest.Memory{}
		r1, _ := custodytest.Recorder()
		n := 0
		for _, size := range batches {
			events := make([]archive.Event, size)
			for i := range events {
				events[i] = custody.Ingestion(custodytest.Agent, custodytest.Item(n+i), custodytest.ID("pr", n+i))
			}
			indexes, err := r1.Record(ctx, one.Tx(), events...)
			if err != nil {
				t.Fatal(err)
			}
			for i, index := range indexes {
				if index != int64(n+i) {
					t.Fatalf("event %d has index %d", n+i, index)
				}
				if events[i].ID == "" || events[i].Time.IsZero() || events[i].Tool == "" {
					t.Fatalf("event %d was not filled in: %+v", n+i, events[i])
				}
			}
			n += size
		}
		var leaves []tlog.Hash
		for _, l := range one.Leaves {
			leaves = append(leaves, tlog.LeafHash(l.Commitment))
		}
		_, hashes, err := tlog.Append(0, leaves, many.HashReader())
		if err != nil {
			t.Fatal(err)
		}
		if len(hashes) != len(one.Hashes) || one.HeadSize != int64(n) {
			t.Fatalf("%d hashes for %d leaves, want %d; head %d", len(one.Hashes), n, len(hashes), one.HeadSize)
		}
		for i, h := range hashes {
			if !bytes.Equal(h[:], one.Hashes[i].Hash) || one.Hashes[i].Position != int64(i) {
				t.Fatalf("hash %d differs", i)
			}
		}
	})
}

// The head is locked before anything is written, and everything is written in one call for all events.
func TestRecordLocksFirst(t *testing.T) {
	t.Parallel()
	m, _ := custodytest.Sample()
	r, _ := custodytest.Recorder()
	events := make([]archive.Event, 64)
	for i := range events {
		events[i] = custody.Displaying(custodytest.Agent, custodytest.ID("it", 1), "", custodytest.ID("vi", i), "item page")
	}
	if _, err := r.Record(context.Background(), m.Tx(), events...); err != nil {
		t.Fatal(err)
	}
	if want := []string{"Head+lock", "AppendLeaves", "AddOpenings", "Hashes", "AddHashes", "SetHead"}; !slices.Equal(m.Calls, want) {
		t.Errorf("calls %v, want %v", m.Calls, want)
	}
	m.Calls = nil
	if got, err := r.Record(context.Background(), m.Tx()); err != nil || got != nil || len(m.Calls) != 0 {
		t.Errorf("recording nothing: %v, %v, calls %v", got, err, m.Calls)
	}
}

func TestRecordPassesFailuresOn(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"Head+lock", "AppendLeaves", "AddOpenings", "Hashes", "AddHashes", "SetHead"} {
		m, _ := custodytest.Sample()
		r, _ := custodytest.Recorder()
		m.Fail = step
		_, err := r.Record(context.Background(), m.Tx(), custody.AccessionOpened(custodytest.Agent, custodytest.ID("ac", 2)))
		if err == nil || m.Calls[len(m.Calls)-1] != step {
			t.Errorf("%s fails: error %v after %v", step, err, m.Calls)
		}
	}
	// No randomness: no salt, no event, nothing written.
	m, _ := custodytest.Sample()
	r := custody.New(custody.Options{Tool: "zapis 0.1.0", Rand: io.LimitReader(custodytest.Random(), 20)})
	e := custody.AccessionOpened(custodytest.Agent, custodytest.ID("ac", 2))
	if _, err := r.Record(context.Background(), m.Tx(), e); err == nil || len(m.Calls) != 0 {
		t.Errorf("no randomness: error %v, calls %v", err, m.Calls)
	}
}

func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	good := custody.Ingestion(custodytest.Agent, custodytest.Item(9), custodytest.ID("pr", 9))
	for name, alter := range map[string]func(*archive.Event){
		"no type":            func(e *archive.Event) { e.Type = "" },
		"no agent":           func(e *archive.Event) { e.Agent = "" },
		"a name as agent":    func(e *archive.Event) { e.Agent = "Anna K." },
		"no outcome":         func(e *archive.Event) { e.Outcome = "" },
		"other outcome":      func(e *archive.Event) { e.Outcome = "maybe" },
		"other identifier":   func(e *archive.Event) { e.ID = "ev_1" },
		"other role":         func(e *archive.Event) { e.Subjects[0].Role = "by" },
		"other kind":         func(e *archive.Event) { e.Subjects[0].Kind = "file" },
		"a path as subject":  func(e *archive.Event) { e.Subjects[0].ID = "/media/usb/IMG_0001.MOV" },
		"a name as subject":  func(e *archive.Event) { e.Subjects[0].ID = "it_anna" },
		"key with capitals":  func(e *archive.Event) { e.Detail["SHA"] = "x" },
		"empty key":          func(e *archive.Event) { e.Detail[""] = "x" },
		"short digest":       func(e *archive.Event) { e.Detail["sha256"] = "ab" },
		"digest in capitals": func(e *archive.Event) { e.Detail["sha256"] = strings.ToUpper(e.Detail["sha256"]) },
		"long value":         func(e *archive.Event) { e.Detail["reason"] = strings.Repeat("x", 1001) },
		"line break":         func(e *archive.Event) { e.Detail["reason"] = "a\nb" },
		"not UTF-8":          func(e *archive.Event) { e.Detail["reason"] = "\xff" },
		"before 1970":        func(e *archive.Event) { e.Time = time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC) },
		"year 10000":         func(e *archive.Event) { e.Time = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		m, _ := custodytest.Sample()
		r, _ := custodytest.Recorder()
		e := good
		e.Subjects = slices.Clone(good.Subjects)
		e.Detail = map[string]string{}
		for k, v := range good.Detail {
			e.Detail[k] = v
		}
		alter(&e)
		_, err := r.Record(context.Background(), m.Tx(), e)
		if !errors.Is(err, archive.ErrInvalid) || len(m.Calls) != 0 {
			t.Errorf("%s: error %v, calls %v", name, err, m.Calls)
		}
		if err != nil && (strings.Contains(err.Error(), "nna") || strings.Contains(err.Error(), "/media")) {
			t.Errorf("%s: the error carries what was refused: %v", name, err)
		}
	}
}

// Whoever has the event but not the salt cannot confirm a leaf, and salts never repeat.
func TestCommitmentIsSalted(t *testing.T) {
	t.Parallel()
	m, _ := custodytest.Sample()
	seen := map[string]bool{}
	for i, o := range m.Openings {
		if seen[string(o.Salt)] {
			t.Errorf("salt of %d is used twice", i)
		}
		seen[string(o.Salt)] = true
		for _, guess := range [][]byte{nil, make([]byte, 32)} {
			sum := sha256.Sum256(slices.Concat([]byte("zapis.custody.leaf.v1\x00"), guess, o.Event))
			if bytes.Equal(sum[:], m.Leaves[i].Commitment) {
				t.Errorf("leaf %d opens without its salt", i)
			}
		}
	}
}

func TestCheckpointIsRepeatedUntilTheRecordGrows(t *testing.T) {
	t.Parallel()
	m := &custodytest.Memory{}
	r, vkey := custodytest.Recorder()
	ctx := context.Background()
	event := custody.AccessionOpened(custodytest.Agent, custodytest.ID("ac", 1))
	if _, err := r.Record(ctx, m.Tx(), event); err != nil {
		t.Fatal(err)
	}
	first, size, err := r.CheckpointIn(ctx, m.Tx())
	if err != nil || size != 1 {
		t.Fatalf("size %d: %v", size, err)
	}
	again, _, err := r.CheckpointIn(ctx, m.Tx())
	if err != nil || !bytes.Equal(first, again) || len(m.Checkpoints) != 1 {
		t.Fatalf("second checkpoint of the same size: %v, %d rows", err, len(m.Checkpoints))
	}
	v, err := tlog.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := tlog.Open(first, v); err != nil || c.Size != 1 || c.Origin != custody.Origin(custodytest.VaultID) {
		t.Fatalf("opened %+v: %v", c, err)
	}
	if _, err := r.Record(ctx, m.Tx(), custody.AccessionOpened(custodytest.Agent, custodytest.ID("ac", 2))); err != nil {
		t.Fatal(err)
	}
	if _, size, err = r.CheckpointIn(ctx, m.Tx()); err != nil || size != 2 || len(m.Checkpoints) != 2 {
		t.Fatalf("size %d, %d rows: %v", size, len(m.Checkpoints), err)
	}
	if _, _, err := custody.New(custody.Options{Tool: "x"}).CheckpointIn(ctx, m.Tx()); !errors.Is(err, custody.ErrNoSigner) {
		t.Errorf("without a key: %v", err)
	}
}

// A key that signs whatever it is given would launder a rewritten record.
func TestCheckpointRefusesARewrittenRecord(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]func(*custodytest.Memory){
		"cut":               func(m *custodytest.Memory) { m.HeadSize = 12 },
		"altered subtree":   func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(3, 0)].Hash[0] ^= 1 },
		"altered new node":  func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(1, 6)].Hash[0] ^= 1 },
		"altered root":      func(m *custodytest.Memory) { m.Checkpoints[3].Root[0] ^= 1 },
		"checkpoint ahead":  func(m *custodytest.Memory) { m.Checkpoints[3].Size = 99 },
		"missing hash":      func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(3, 0)].Position = -1 },
		"root of odd bytes": func(m *custodytest.Memory) { m.Checkpoints[3].Root = nil },
	} {
		m, _ := custodytest.Sample()
		r, _ := custodytest.Recorder()
		alter(m)
		_, _, err := r.CheckpointIn(context.Background(), m.Tx())
		if !errors.Is(err, archive.ErrIntegrity) || slices.Contains(m.Calls, "AddCheckpoint") {
			t.Errorf("%s: %v, calls %v", name, err, m.Calls)
		}
	}
	m, _ := custodytest.Sample()
	r, _ := custodytest.Recorder()
	m.HeadSize = 13
	m.Checkpoints[3].Note[len(m.Checkpoints[3].Note)-4] ^= 1
	if _, _, err := r.CheckpointIn(context.Background(), m.Tx()); !errors.Is(err, archive.ErrIntegrity) {
		t.Errorf("altered note is handed out: %v", err)
	}
}

func TestShow(t *testing.T) {
	t.Parallel()
	m, _ := custodytest.Sample()
	r, _ := custodytest.Recorder()
	show := func(kind, id string) []custody.Entry {
		t.Helper()
		out, err := r.Show(context.Background(), m.Tx(), kind, id)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	got := show(custody.KindItem, custodytest.ID("it", 3))
	var types []string
	for _, e := range got {
		types = append(types, e.Event.Type)
		if e.Proof != custody.Covered {
			t.Errorf("event %d is %s: %s", e.Index, e.Proof, e.Problem)
		}
	}
	if want := []string{"ingestion", "migration", "migration", "displaying"}; !slices.Equal(types, want) {
		t.Errorf("events %v, want %v", types, want)
	}
	if got[0].Checkpoint != 7 || got[1].Checkpoint != 13 {
		t.Errorf("covered by %d and %d, want 7 and 13", got[0].Checkpoint, got[1].Checkpoint)
	}
	last := show(custody.KindItem, custodytest.ID("it", 4))
	if n := len(last); n != 2 || last[1].Proof != custody.Pending || last[1].Checkpoint != 0 {
		t.Errorf("events of item 4: %+v", last)
	}
	if got := show(custody.KindItem, custodytest.ID("it", 77)); len(got) != 0 {
		t.Errorf("events of nothing: %+v", got)
	}

	m3 := m.Clone()
	for i := range m3.Openings {
		if m3.Openings[i].Index == 10 {
			m3.Openings[i].Index = 99 // the index of subjects still leads to it
			m3.Openings[i].Salt = nil
		}
	}
	if out, err := r.Show(context.Background(), m3.Tx(), custody.KindDerivative, custodytest.ID("de", 2)); err != nil || out[0].Proof != custody.Broken {
		t.Errorf("event gone: %+v, %v", out, err)
	}
	for name, alter := range map[string]func(m *custodytest.Memory){
		"event":        func(m *custodytest.Memory) { m.Openings[4].Event[20] ^= 1 },
		"salt":         func(m *custodytest.Memory) { m.Openings[4].Salt[0] ^= 1 },
		"short salt":   func(m *custodytest.Memory) { m.Openings[4].Salt = m.Openings[4].Salt[:31] },
		"commitment":   func(m *custodytest.Memory) { m.Leaves[4].Commitment[0] ^= 1 },
		"leaf hash":    func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(0, 4)].Hash[0] ^= 1 },
		"node":         func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(2, 0)].Hash[0] ^= 1 },
		"root":         func(m *custodytest.Memory) { m.Checkpoints[2].Root[0] ^= 1 },
		"no root":      func(m *custodytest.Memory) { m.Checkpoints[2].Root = nil },
		"no leaf hash": func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(0, 4)].Position = -1 },
		"no node":      func(m *custodytest.Memory) { m.Hashes[tlog.StoredIndex(2, 0)].Position = -1 },
		"borrowed": func(m *custodytest.Memory) { // an event of another item under this item's name
			m.Openings[4].Subjects = nil
			m.Openings[5].Subjects = []verify.Subject{{Role: "outcome", Kind: "item", ID: custodytest.ID("it", 3)}}
		},
	} {
		m2 := m.Clone()
		alter(m2)
		out, err := r.Show(context.Background(), m2.Tx(), custody.KindItem, custodytest.ID("it", 3))
		if err != nil || len(out) == 0 || out[0].Proof != custody.Broken || out[0].Problem == "" {
			t.Errorf("%s altered: %+v, %v", name, out, err)
		}
	}
}
