package verify_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/custodytest"
	"zapis/internal/custody/verify"
	"zapis/internal/tlog"
)

func options(t testing.TB, vkey string, outside ...[]byte) verify.Options {
	t.Helper()
	key, err := verify.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return verify.Options{Key: key, Outside: outside}
}

func run(t testing.TB, m *custodytest.Memory, o verify.Options) verify.Report {
	t.Helper()
	r, err := verify.VerifyDB(context.Background(), m.Source(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

type memory = custodytest.Memory

// rebuild makes leaves, hashes and head follow from the openings again, as an intruder would who holds the database and
// knows the format, but not the key.
func rebuild(m *memory) {
	m.Leaves, m.Hashes = nil, nil
	var leaves []tlog.Hash
	for i := range m.Openings {
		o := &m.Openings[i]
		o.Index = int64(i)
		c := custody.Commitment([32]byte(o.Salt), o.Event)
		m.Leaves = append(m.Leaves, verify.Leaf{Index: int64(i), Commitment: c[:]})
		leaves = append(leaves, tlog.LeafHash(c[:]))
	}
	_, hashes, err := tlog.Append(0, leaves, m.HashReader())
	if err != nil {
		panic(err)
	}
	for i, h := range hashes {
		m.Hashes = append(m.Hashes, verify.StoredHash{Position: int64(i), Hash: bytes.Clone(h[:])})
	}
	m.HeadSize = int64(len(m.Leaves))
}

// cut drops everything after n leaves, with the checkpoints that speak of it.
func cut(m *memory, n int) {
	m.Openings = m.Openings[:n]
	rebuild(m)
	m.Checkpoints = slices.DeleteFunc(m.Checkpoints, func(c verify.Checkpoint) bool { return c.Size > int64(n) })
}

func thing(m *memory, kind, id string) *verify.Thing {
	for i := range m.Things[kind] {
		if m.Things[kind][i].ID == id {
			return &m.Things[kind][i]
		}
	}
	panic(id)
}

func index(level int, n int64) int64 { return tlog.StoredIndex(level, n) }

// Every manipulation, each with what the report must name. A failure is written "code subject".
var manipulations = []struct {
	name  string
	alter func(*memory)
	want  []string // all of these
	only  bool     // and nothing else
}{
	{"event byte flipped", func(m *memory) { m.Openings[3].Event[100] ^= 1 }, []string{"opening-altered opening 3"}, false},
	{"event byte flipped, still an event", func(m *memory) { flipDetail(m, 3) }, []string{"opening-altered opening 3", "differs item " + custodytest.ID("it", 2)}, false},
	{"event cut", func(m *memory) { m.Openings[3].Event = m.Openings[3].Event[:50] }, []string{"opening-altered opening 3", "event-form opening 3"}, false},
	{"event empty", func(m *memory) { m.Openings[3].Event = nil }, []string{"opening-altered opening 3"}, false},
	{"salt byte flipped", func(m *memory) { m.Openings[3].Salt[31] ^= 1 }, []string{"opening-altered opening 3"}, true},
	{"salt cut", func(m *memory) { m.Openings[3].Salt = m.Openings[3].Salt[:16] }, []string{"opening-altered opening 3"}, true},
	{"commitment byte flipped", func(m *memory) { m.Leaves[3].Commitment[7] ^= 4 }, []string{"commitment-altered leaf 3"}, true},
	{"commitment cut", func(m *memory) { m.Leaves[3].Commitment = m.Leaves[3].Commitment[:8] }, []string{"commitment-altered leaf 3"}, true},
	{"leaf hash flipped", func(m *memory) { m.Hashes[index(0, 3)].Hash[0] ^= 1 }, []string{fmt.Sprintf("hash-altered hash %d", index(0, 3))}, true},
	{"node hash flipped", func(m *memory) { m.Hashes[index(1, 2)].Hash[0] ^= 1 }, []string{fmt.Sprintf("hash-altered hash %d", index(1, 2))}, true},
	{"last hash flipped", func(m *memory) { m.Hashes[len(m.Hashes)-1].Hash[31] ^= 1 }, []string{"hash-altered hash 24"}, true},
	{"hash cut", func(m *memory) { m.Hashes[5].Hash = nil }, []string{"hash-altered hash 5"}, true},
	{"hash removed", func(m *memory) { m.Hashes = slices.Delete(m.Hashes, 5, 6) }, []string{"hash-missing hash 5"}, true},
	{"hash added", func(m *memory) {
		m.Hashes = append(m.Hashes, verify.StoredHash{Position: 99, Hash: make([]byte, 32)})
	}, []string{"hash-extra hash 99"}, true},
	{"hash before the first", func(m *memory) {
		m.Hashes = append(m.Hashes, verify.StoredHash{Position: -1, Hash: make([]byte, 32)})
	}, []string{"hash-extra hash -1"}, true},
	{"hashes swapped", func(m *memory) { m.Hashes[1].Hash, m.Hashes[4].Hash = m.Hashes[4].Hash, m.Hashes[1].Hash }, []string{"hash-altered hash 1", "hash-altered hash 4"}, true},
	{"head lowered", func(m *memory) { m.HeadSize = 13 }, []string{"head-altered head"}, true},
	{"head raised", func(m *memory) { m.HeadSize = 15 }, []string{"head-altered head"}, true},
	{"note text flipped", func(m *memory) { m.Checkpoints[2].Note[3] ^= 1 }, []string{"checkpoint-altered checkpoint 7"}, true},
	{"note signature flipped", func(m *memory) { n := m.Checkpoints[2].Note; n[len(n)-5] ^= 1 }, []string{"checkpoint-altered checkpoint 7"}, true},
	{"note empty", func(m *memory) { m.Checkpoints[2].Note = nil }, []string{"checkpoint-altered checkpoint 7"}, true},
	{"note of another checkpoint", func(m *memory) { m.Checkpoints[2].Note = m.Checkpoints[1].Note }, []string{"checkpoint-altered checkpoint 7"}, true},
	{"root of checkpoint flipped", func(m *memory) { m.Checkpoints[2].Root[0] ^= 1 }, []string{"checkpoint-altered checkpoint 7"}, true},
	{"size of checkpoint altered", func(m *memory) { m.Checkpoints[2].Size = 8 }, []string{"checkpoint-altered checkpoint 8"}, true},
	{"checkpoint by another key", func(m *memory) { m.Checkpoints[2] = foreignCheckpoint(7, m.Checkpoints[2].Root) }, []string{"checkpoint-altered checkpoint 7"}, true},
	{"checkpoint invented", func(m *memory) { m.Checkpoints = append(m.Checkpoints, foreignCheckpoint(14, make([]byte, 32))) }, []string{"checkpoint-altered checkpoint 14", "checkpoint-root checkpoint 14"}, true},
	{"leaf removed", func(m *memory) { m.Leaves = slices.Delete(m.Leaves, 5, 6) }, []string{"leaf-missing leaf 5"}, true},
	{"opening removed", func(m *memory) { m.Openings = slices.Delete(m.Openings, 5, 6) }, []string{"opening-missing opening 5"}, false},
	{"leaf and opening removed", func(m *memory) {
		m.Leaves, m.Openings = slices.Delete(m.Leaves, 5, 6), slices.Delete(m.Openings, 5, 6)
	}, []string{"leaf-missing leaf 5", "checkpoint-unchecked checkpoint 7", "checkpoint-unchecked checkpoint 13"}, false},
	{"leaf before the first", func(m *memory) {
		m.Leaves = append(m.Leaves, verify.Leaf{Index: -4, Commitment: make([]byte, 32)})
	}, []string{"order leaf -4"}, true},
	{"leaf far behind", func(m *memory) {
		m.Leaves = append(m.Leaves, verify.Leaf{Index: 1 << 40, Commitment: make([]byte, 32)})
	}, []string{"leaf-missing leaf 14 to 1099511627775", "head-altered head"}, false},
	{"last possible leaf", func(m *memory) {
		m.Leaves = append(m.Leaves, verify.Leaf{Index: 1<<63 - 1, Commitment: make([]byte, 32)})
	}, []string{"head-altered head"}, false},
	{"opening doubled", func(m *memory) { m.Openings = slices.Insert(m.Openings, 6, m.Openings[5]) }, []string{"order opening 5"}, true},
	{"openings swapped", func(m *memory) {
		m.Openings[3].Index, m.Openings[4].Index = 4, 3
	}, []string{"opening-altered opening 3", "opening-altered opening 4"}, true},
	{"leaves swapped", func(m *memory) { m.Leaves[3].Index, m.Leaves[4].Index = 4, 3 }, []string{"commitment-altered leaf 3", "commitment-altered leaf 4"}, true},
	{"leaves and openings swapped", func(m *memory) {
		m.Leaves[3].Index, m.Leaves[4].Index = 4, 3
		m.Openings[3].Index, m.Openings[4].Index = 4, 3
	}, []string{fmt.Sprintf("hash-altered hash %d", index(0, 3)), fmt.Sprintf("hash-altered hash %d", index(0, 4)), "checkpoint-root checkpoint 7"}, false},
	{"events swapped and everything recomputed", func(m *memory) {
		m.Openings[3], m.Openings[4] = m.Openings[4], m.Openings[3]
		rebuild(m)
	}, []string{"checkpoint-root checkpoint 7", "checkpoint-root checkpoint 13"}, true},
	{"event altered and everything recomputed", func(m *memory) { flipDetail(m, 11); rebuild(m) }, []string{"checkpoint-root checkpoint 13"}, true},
	{"event inserted and everything recomputed", func(m *memory) {
		m.Openings = slices.Insert(m.Openings, 8, m.Openings[8])
		rebuild(m)
	}, []string{"checkpoint-root checkpoint 13"}, true},
	{"event removed and everything recomputed", func(m *memory) {
		m.Openings = slices.Delete(m.Openings, 11, 12)
		rebuild(m)
	}, []string{"checkpoint-root checkpoint 13"}, true},
	{"end cut off", func(m *memory) {
		m.Leaves, m.Openings = m.Leaves[:11], m.Openings[:11]
	}, []string{"head-altered head", "record-cut checkpoint 13", "unrecorded closing " + custodytest.ID("ac", 1)}, false},
	{"end cut off and everything recomputed", func(m *memory) { m.Openings = m.Openings[:12]; rebuild(m) }, []string{"record-cut checkpoint 13"}, false},
	{"all cut off", func(m *memory) { m.Openings = nil; rebuild(m) }, []string{"record-cut checkpoint 1", "record-cut checkpoint 13", "unrecorded item " + custodytest.ID("it", 1)}, false},
	{"row inserted at the end", func(m *memory) {
		o := m.Openings[4]
		o.Index = 14
		m.Openings = append(m.Openings, o)
		m.Leaves = append(m.Leaves, verify.Leaf{Index: 14, Commitment: m.Leaves[4].Commitment})
	}, []string{"head-altered head", "hash-missing hash 25"}, true},
	{"identifier beside the event altered", func(m *memory) { m.Openings[3].EventID = custodytest.ID("ev", 1) }, []string{"columns-altered opening 3"}, true},
	{"type beside the event altered", func(m *memory) { m.Openings[3].Type = "deletion" }, []string{"columns-altered opening 3"}, false},
	{"time beside the event altered", func(m *memory) { m.Openings[3].Time++ }, []string{"columns-altered opening 3"}, true},
	{"agent beside the event altered", func(m *memory) { m.Openings[3].Agent = "ag_x" }, []string{"columns-altered opening 3"}, true},
	{"subject removed", func(m *memory) { m.Openings[3].Subjects = m.Openings[3].Subjects[1:] }, []string{"subjects-altered opening 3"}, false},
	{"subject added", func(m *memory) {
		m.Openings[3].Subjects = append(m.Openings[3].Subjects, verify.Subject{Role: "about", Kind: "item", ID: "it_x"})
	}, []string{"subjects-altered opening 3"}, true},
	{"subject's role altered", func(m *memory) { m.Openings[9].Subjects[0].Role = "about" }, []string{"subjects-altered opening 9"}, true},
	{"item digest altered", func(m *memory) {
		thing(m, "item", custodytest.ID("it", 2)).SHA256 = hex.EncodeToString(custodytest.Digest(3))
	}, []string{"differs item " + custodytest.ID("it", 2)}, true},
	{"item size altered", func(m *memory) { thing(m, "item", custodytest.ID("it", 2)).Size++ }, []string{"differs item " + custodytest.ID("it", 2)}, true},
	{"item given another object", func(m *memory) { thing(m, "item", custodytest.ID("it", 2)).Object = custodytest.ID("ob", 3) }, []string{"differs item " + custodytest.ID("it", 2)}, true},
	{"item removed", func(m *memory) { m.Things["item"] = m.Things["item"][1:] }, []string{"not-held item " + custodytest.ID("it", 1)}, true},
	{"item added", func(m *memory) {
		m.Things["item"] = append(m.Things["item"], verify.Thing{ID: custodytest.ID("it", 50), SHA256: "x", Size: 1})
	}, []string{"unrecorded item " + custodytest.ID("it", 50)}, true},
	{"derivative digest altered", func(m *memory) { thing(m, "derivative", custodytest.ID("de", 2)).SHA256 = "00" }, []string{"differs derivative " + custodytest.ID("de", 2)}, true},
	{"derivative added", func(m *memory) {
		m.Things["derivative"] = append(m.Things["derivative"], verify.Thing{ID: custodytest.ID("de", 50)})
	}, []string{"unrecorded derivative " + custodytest.ID("de", 50)}, true},
	{"derivative removed", func(m *memory) { m.Things["derivative"] = m.Things["derivative"][:1] }, []string{"not-held derivative " + custodytest.ID("de", 2)}, true},
	{"object digest altered", func(m *memory) { thing(m, "object", custodytest.ID("ob", 4)).SHA256 = "00" }, []string{"differs object " + custodytest.ID("ob", 4)}, true},
	{"object size altered", func(m *memory) { thing(m, "object", custodytest.ID("ob", 4)).Size-- }, []string{"differs object " + custodytest.ID("ob", 4)}, true},
	{"object added", func(m *memory) {
		m.Things["object"] = append(m.Things["object"], verify.Thing{ID: custodytest.ID("ob", 50)})
	}, []string{"unrecorded object " + custodytest.ID("ob", 50)}, true},
	{"manifest digest altered", func(m *memory) {
		thing(m, "accession", custodytest.ID("ac", 1)).SHA256 = hex.EncodeToString(custodytest.Digest(1))
	}, []string{"differs accession " + custodytest.ID("ac", 1)}, true},
	{"accession added", func(m *memory) {
		m.Things["accession"] = append(m.Things["accession"], verify.Thing{ID: custodytest.ID("ac", 2), Size: -1})
	}, []string{"unrecorded accession " + custodytest.ID("ac", 2)}, true},
	{"accession closed without an event", func(m *memory) {
		m.Things["accession"] = append(m.Things["accession"], verify.Thing{ID: custodytest.ID("ac", 2), Size: -1, SHA256: "x"})
	}, []string{"unrecorded closing " + custodytest.ID("ac", 2)}, false},
	{"accession removed", func(m *memory) { m.Things["accession"] = nil }, []string{"not-held accession " + custodytest.ID("ac", 1)}, false},
}

// flipDetail alters a digit of a digest in an event, so that it stays an event in canonical form.
func flipDetail(m *memory, i int) {
	e := m.Openings[i].Event
	if at := bytes.Index(e, []byte(`"sha256":"`)); at >= 0 {
		at += len(`"sha256":"`)
		e[at] = map[bool]byte{true: '0', false: '1'}[e[at] != '0']
		return
	}
	at := bytes.Index(e, []byte(`"what":"`)) + len(`"what":"`)
	e[at] ^= 1
}

func foreignCheckpoint(size int64, root []byte) verify.Checkpoint {
	skey, _, err := tlog.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{9}, 64)), custody.Origin(custodytest.VaultID))
	if err != nil {
		panic(err)
	}
	s, err := tlog.NewSigner(skey)
	if err != nil {
		panic(err)
	}
	note, err := tlog.Sign(tlog.Checkpoint{Origin: s.Name(), Size: size, Root: tlog.Hash(root)}, s)
	if err != nil {
		panic(err)
	}
	return verify.Checkpoint{Size: size, Root: root, Note: note}
}

func names(r verify.Report) []string {
	var out []string
	for _, f := range r.Failures {
		out = append(out, f.Code+" "+f.Subject)
	}
	return out
}

func TestEveryManipulationIsNamed(t *testing.T) {
	t.Parallel()
	for _, c := range manipulations {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, vkey := custodytest.Sample()
			c.alter(m)
			r := run(t, m, options(t, vkey))
			got := names(r)
			for _, want := range c.want {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not among %q", want, got)
				}
			}
			if c.only && len(got) != len(c.want) {
				t.Errorf("found %q, want only %q", got, c.want)
			}
		})
	}
}

// Notes that the right key signed and that are no checkpoints of this record.
func TestOddNotesAreRefused(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	skey, _, err := tlog.GenerateKey(custodytest.Random(), custody.Origin(custodytest.VaultID))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := tlog.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	body := strings.SplitAfter(string(m.Checkpoints[2].Note), "\n")
	origin, size, root := body[0], body[1], body[2]
	sign := func(text string) []byte {
		signed, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	if r := run(t, m, options(t, vkey, sign(origin+size+root))); !r.OK() || r.Outside != 1 {
		t.Fatalf("the same text signed again: %+v", r)
	}
	for name, text := range map[string]string{
		"another origin": "zapis.example/other\n" + size + root,
		"a receipt":      "zapis receipt v1\n" + size + root,
		"extension":      origin + size + root + "more\n",
		"two lines":      origin + size,
		"leading zero":   origin + "07\n" + root,
		"negative":       origin + "-7\n" + root,
		"short root":     origin + size + "AAAA\n",
	} {
		got := names(run(t, m, options(t, vkey, sign(text))))
		if !slices.Equal(got, []string{"checkpoint-altered checkpoint from outside 1"}) {
			t.Errorf("%s: found %q", name, got)
		}
	}
	// A witness beside the right key is passed over; alone it is nothing.
	other, _, err := tlog.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{5}, 64)), "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	witness, err := tlog.NewSigner(other)
	if err != nil {
		t.Fatal(err)
	}
	for signers, want := range map[bool]int{true: 1, false: 0} {
		with := []note.Signer{witness}
		if signers {
			with = append(with, signer)
		}
		signed, err := note.Sign(&note.Note{Text: origin + size + root}, with...)
		if err != nil {
			t.Fatal(err)
		}
		if r := run(t, m, options(t, vkey, signed)); r.Outside != want || r.OK() != signers {
			t.Errorf("witness, ours %v: %+v", signers, r)
		}
	}
}

// A tail cut together with its checkpoints is seen only by a checkpoint that was kept elsewhere.
func TestOutsideCheckpointShowsACutTail(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	kept := m.Checkpoints[3].Note
	if r := run(t, m, options(t, vkey, kept)); !r.OK() || r.Outside != 1 {
		t.Fatalf("the whole record: %+v", r)
	}
	cut(m, 12)
	m.Things["accession"][0].SHA256, m.Things["accession"][0].Object = "", ""
	m.Things["object"] = m.Things["object"][:8]
	if r := run(t, m, options(t, vkey)); !r.OK() {
		t.Fatalf("the test wants a cut that cannot be seen from within: %v", r.Failures)
	}
	if got := names(run(t, m, options(t, vkey, kept))); !slices.Equal(got, []string{"record-cut checkpoint from outside 1"}) {
		t.Errorf("found %q", got)
	}
	// A fork: cut and grown again past the kept size.
	r, _ := custodytest.Recorder()
	for i := range 3 {
		if _, err := r.Record(context.Background(), m.Tx(), custody.Displaying(custodytest.Agent, custodytest.ID("it", 1), "", custodytest.ID("vi", i), "proxy")); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(run(t, m, options(t, vkey, kept))); !slices.Equal(got, []string{"checkpoint-root checkpoint from outside 1"}) {
		t.Errorf("found %q", got)
	}
	if got := names(run(t, m, options(t, vkey, []byte("nonsense")))); !slices.Equal(got, []string{"checkpoint-altered checkpoint from outside 1"}) {
		t.Errorf("found %q", got)
	}
}

// Any one bit of anything in the record.
func TestAnyFlippedBitIsFound(t *testing.T) {
	t.Parallel()
	whole, vkey := custodytest.Sample()
	rapid.Check(t, func(t *rapid.T) {
		m := whole.Clone()
		var places [][]byte
		for i := range m.Openings {
			places = append(places, m.Openings[i].Salt, m.Openings[i].Event)
		}
		for i := range m.Leaves {
			places = append(places, m.Leaves[i].Commitment)
		}
		for i := range m.Hashes {
			places = append(places, m.Hashes[i].Hash)
		}
		for i := range m.Checkpoints {
			places = append(places, m.Checkpoints[i].Root, m.Checkpoints[i].Note)
		}
		p := places[rapid.IntRange(0, len(places)-1).Draw(t, "place")]
		p[rapid.IntRange(0, len(p)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		key, err := verify.ParseKey(vkey)
		if err != nil {
			t.Fatal(err)
		}
		r, err := verify.VerifyDB(context.Background(), m.Source(), verify.Options{Key: key})
		if err != nil || r.OK() {
			t.Fatalf("not found: %v", err)
		}
	})
}

func export(t testing.TB, m *memory) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := custody.ExportFrom(context.Background(), m.Tx(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func runExport(t testing.TB, raw []byte, o verify.Options) verify.Report {
	t.Helper()
	r, err := verify.VerifyExport(context.Background(), bytes.NewReader(raw), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestExportVerifies(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	r := runExport(t, export(t, m), options(t, vkey, m.Checkpoints[2].Note))
	if !r.OK() || r.Size != 14 || r.Covered != 13 || r.Checkpoints != 4 || r.Outside != 1 {
		t.Errorf("report: %+v", r)
	}
	empty := &memory{}
	if r := runExport(t, export(t, empty), options(t, vkey)); !r.OK() || r.Size != 0 {
		t.Errorf("empty record: %+v", r)
	}
}

// A record longer than the pages it is read in.
func TestLongRecord(t *testing.T) {
	t.Parallel()
	m := &memory{Things: map[string][]verify.Thing{"item": {{ID: custodytest.ID("it", 1)}}}}
	r, vkey := custodytest.Recorder()
	ctx := context.Background()
	for i := range 20 {
		events := make([]archive.Event, 60)
		for j := range events {
			events[j] = custody.Displaying(custodytest.Agent, custodytest.ID("it", 1), "", custodytest.ID("vi", 60*i+j), "proxy")
		}
		if _, err := r.Record(ctx, m.Tx(), events...); err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.CheckpointIn(ctx, m.Tx()); err != nil {
			t.Fatal(err)
		}
	}
	m.Things["item"] = nil // held without its ingestion would be named; here only the reading of pages counts
	o := options(t, vkey)
	var steps []int64
	o.Progress = func(done, total int64) { steps = append(steps, done, total) }
	rep := run(t, m, o)
	for _, f := range rep.Failures {
		if f.Code != verify.CodeNotHeld {
			t.Fatal(f)
		}
	}
	if rep.Size != 1200 || rep.Covered != 1200 || rep.Compared != 1200 || rep.Omitted != 200 || len(steps) == 0 || steps[len(steps)-2] != 1200 {
		t.Errorf("size %d, covered %d, compared %d, omitted %d, steps %v", rep.Size, rep.Covered, rep.Compared, rep.Omitted, steps)
	}
	if rep := runExport(t, export(t, m), options(t, vkey)); !rep.OK() || rep.Size != 1200 {
		t.Errorf("export: %+v", rep)
	}
}

func TestExportManipulations(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	whole := strings.SplitAfter(strings.TrimSuffix(string(export(t, m)), "\n"), "\n")
	whole[len(whole)-1] += "\n"
	// Lines: record, four checkpoints, fourteen events, end.
	for _, c := range []struct {
		name  string
		alter func(l []string) []string
		want  string
	}{
		{"event removed", func(l []string) []string { return slices.Delete(l, 10, 11) }, "leaf-missing leaf 5"},
		{"events swapped", func(l []string) []string { l[10], l[11] = l[11], l[10]; return l }, "order leaf 5"},
		{"event doubled", func(l []string) []string { return slices.Insert(l, 10, l[10]) }, "order leaf 5"},
		{"checkpoint among events", func(l []string) []string { l[4], l[5] = l[5], l[4]; return l }, "export-form line 6"},
		{"checkpoint removed", func(l []string) []string { return slices.Delete(l, 4, 5) }, "export-cut export"},
		{"last event removed", func(l []string) []string { return slices.Delete(l, 18, 19) }, "export-cut export"},
		{"end removed", func(l []string) []string { return l[:19] }, "export-cut export"},
		{"cut in a line", func(l []string) []string { l = l[:10]; l[9] = l[9][:30]; return l }, "export-form line 10"},
		{"line after the end", func(l []string) []string { return append(l, l[10]) }, "export-form line 21"},
		{"no record line", func(l []string) []string { return l[1:] }, "export-form export"},
		{"nothing", func(l []string) []string { return nil }, "export-cut export"},
		{"empty line", func(l []string) []string { return slices.Insert(l, 10, "\n") }, "export-form line 11"},
		{"unknown field", func(l []string) []string { l[10] = strings.Replace(l[10], "{", `{"more":1,`, 1); return l }, "export-form line 11"},
		{"field of another type", func(l []string) []string { l[10] = strings.Replace(l[10], "{", `{"note":"",`, 1); return l }, "export-form line 11"},
		{"other version", func(l []string) []string {
			l[0] = strings.Replace(l[0], `"version":"1"`, `"version":"2"`, 1)
			return l
		}, "export-form export"},
		{"root in the end line", func(l []string) []string { l[19] = swapHex(l[19], `"root":"`); return l }, "export-form export"},
		{"salt", func(l []string) []string { l[10] = swapHex(l[10], `"salt":"`); return l }, "opening-altered opening 5"},
		{"commitment", func(l []string) []string { l[10] = swapHex(l[10], `"commitment":"`); return l }, "opening-altered opening 5"},
		{"checkpoint root", func(l []string) []string { l[3] = swapHex(l[3], `"root":"`); return l }, "checkpoint-altered checkpoint 7"},
	} {
		lines := c.alter(slices.Clone(whole))
		got := names(runExport(t, []byte(strings.Join(lines, "")), options(t, vkey)))
		if !slices.Contains(got, c.want) {
			t.Errorf("%s: %q is not among %q", c.name, c.want, got)
		}
	}
	// Cut anywhere but at the last line end, which carries nothing.
	raw := export(t, m)
	for i := len(raw) - 2; i >= 0; i -= 17 {
		if runExport(t, raw[:i], options(t, vkey)).OK() {
			t.Fatalf("cut to %d of %d bytes passes", i, len(raw))
		}
	}
	if _, err := verify.VerifyExport(context.Background(), strings.NewReader(strings.Repeat("x", 2<<20)), options(t, vkey)); err == nil {
		t.Error("an endless line is read")
	}
}

func swapHex(line, after string) string {
	at := strings.Index(line, after) + len(after)
	c := byte('0')
	if line[at] == '0' {
		c = '1'
	}
	return line[:at] + string(c) + line[at+1:]
}

// Export of a damaged record carries the damage on.
func TestExportOfADamagedRecord(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	m.Openings[5].Event[30] = 0xff // not UTF-8 any more
	if got := names(runExport(t, export(t, m), options(t, vkey))); !slices.Contains(got, "opening-altered opening 5") {
		t.Errorf("found %q", got)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	key, err := verify.ParseKey(" " + vkey + "\n")
	if err != nil || key.Text() != vkey || key.Name() != custody.Origin(custodytest.VaultID) {
		t.Fatalf("key %q, want %q: %v", key.Text(), vkey, err)
	}
	for _, bad := range []string{"", "a", "a+b", "a+00000000+AAAA", vkey[:len(vkey)-4], "x" + vkey, strings.Replace(vkey, "+", "+ ", 1), strings.ToUpper(vkey)} {
		if _, err := verify.ParseKey(bad); !errors.Is(err, verify.ErrKey) {
			t.Errorf("%q is read as a key: %v", bad, err)
		}
	}
	if _, err := verify.VerifyDB(context.Background(), m.Source(), verify.Options{}); !errors.Is(err, verify.ErrKey) {
		t.Errorf("without a key: %v", err)
	}
	if _, err := verify.VerifyExport(context.Background(), bytes.NewReader(export(t, m)), verify.Options{}); !errors.Is(err, verify.ErrKey) {
		t.Errorf("export without a key: %v", err)
	}
}

// unreadable is a source of which one table fails, or one row of the openings, as with a damaged page.
type unreadable struct {
	*custodytest.Source
	table string
	at    int64
}

var errPage = errors.New("page damaged")

func (u unreadable) fails(table string) error {
	if u.table == table {
		return errPage
	}
	return nil
}

func (u unreadable) Head(ctx context.Context) (int64, error) {
	n, _ := u.Source.Head(ctx)
	return n, u.fails("head")
}

func (u unreadable) Leaves(ctx context.Context, from int64, limit int) ([]verify.Leaf, error) {
	rows, _ := u.Source.Leaves(ctx, from, limit)
	return rows, u.fails("leaf")
}

func (u unreadable) Openings(ctx context.Context, from int64, limit int) ([]verify.Opening, error) {
	rows, _ := u.Source.Openings(ctx, from, limit)
	for _, r := range rows {
		if err := u.fails("opening"); err != nil && r.Index == u.at {
			return nil, err
		}
	}
	return rows, nil
}

func (u unreadable) Hashes(ctx context.Context, from int64, limit int) ([]verify.StoredHash, error) {
	rows, _ := u.Source.Hashes(ctx, from, limit)
	return rows, u.fails("hash")
}

func (u unreadable) Checkpoints(ctx context.Context) ([]verify.Checkpoint, error) {
	rows, _ := u.Source.Checkpoints(ctx)
	return rows, u.fails("checkpoint")
}

func (u unreadable) Things(ctx context.Context, kind string, ids []string) ([]verify.Thing, error) {
	rows, _ := u.Source.Things(ctx, kind, ids)
	return rows, u.fails(kind)
}

func (u unreadable) Unrecorded(ctx context.Context, kind string, types []string, after string, limit int) ([]string, error) {
	rows, _ := u.Source.Unrecorded(ctx, kind, types, after, limit)
	return rows, u.fails("unrecorded " + kind)
}

func TestUnreadableRowsAreNamed(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	for table, want := range map[string]string{
		"head": "head", "leaf": "leaf", "opening": "opening", "hash": "hash", "checkpoint": "checkpoint", "item": "item", "unrecorded closing": "closing",
	} {
		r, err := verify.VerifyDB(context.Background(), unreadable{m.Source(), table, 6}, options(t, vkey))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(r.Failures, func(f verify.Failure) bool {
			return f.Code == verify.CodeUnreadable && f.Subject == want && strings.Contains(f.Text, "page damaged") &&
				(table != "opening" || strings.Contains(f.Text, "from 6 on"))
		}) {
			t.Errorf("%s: found %v", table, r.Failures)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := verify.VerifyDB(ctx, unreadable{m.Source(), table, 6}, options(t, vkey)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, given up: %v", table, err)
		}
	}
}

// Events that were recorded properly and say too little, or two things at once.
func TestEventsThatSayTooLittle(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		event func() archive.Event
		want  string
	}{
		"ingestion without a digest": {func() archive.Event {
			return without(custody.Ingestion(custodytest.Agent, custodytest.Item(1), "pr_x"), "sha256")
		}, "event-form opening 14"},
		"ingestion without a size": {func() archive.Event {
			return without(custody.Ingestion(custodytest.Agent, custodytest.Item(1), "pr_x"), "size")
		}, "event-form opening 14"},
		"ingestion with an odd size": {func() archive.Event {
			return with(custody.Ingestion(custodytest.Agent, custodytest.Item(1), "pr_x"), "size", "01000")
		}, "event-form opening 14"},
		"ingestion of two objects": {func() archive.Event {
			return with(custody.Ingestion(custodytest.Agent, custodytest.Item(1), "pr_x"), "object", custodytest.ID("ob", 2))
		}, "event-form opening 14"},
		"ingestion with another digest": {func() archive.Event {
			return with(custody.Ingestion(custodytest.Agent, custodytest.Item(1), "pr_x"), "sha256", hex.EncodeToString(custodytest.Digest(2)))
		}, "differs item " + custodytest.ID("it", 1)},
		"viewing of nothing": {func() archive.Event {
			return custody.Displaying(custodytest.Agent, custodytest.ID("it", 99), "", custodytest.ID("vi", 1), "proxy")
		}, "not-held item " + custodytest.ID("it", 99)},
	} {
		m, vkey := custodytest.Sample()
		r, _ := custodytest.Recorder()
		if _, err := r.Record(context.Background(), m.Tx(), c.event()); err != nil {
			t.Fatal(err)
		}
		if got := names(run(t, m, options(t, vkey))); !slices.Contains(got, c.want) {
			t.Errorf("%s: %q is not among %q", name, c.want, got)
		}
	}
}

func without(e archive.Event, key string) archive.Event {
	delete(e.Detail, key)
	return e
}

func with(e archive.Event, key, value string) archive.Event {
	e.Detail[key] = value
	return e
}

func FuzzExport(f *testing.F) {
	m, vkey := custodytest.Sample()
	whole := export(f, m)
	f.Add(whole)
	f.Add([]byte(`{"type":"record","version":"1","origin":"","size":0}` + "\n"))
	o := options(f, vkey)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := verify.VerifyExport(context.Background(), bytes.NewReader(raw), o)
		if err != nil || !r.OK() || r.Covered < 13 {
			return
		}
		// Whatever changed in spelling, only what the key signed can pass as covered.
		for line := range bytes.Lines(raw) {
			var l struct {
				Type  string
				Index int
				Event []byte
			}
			if json.Unmarshal(line, &l) == nil && l.Type == "event" && l.Index < 13 && !bytes.Equal(l.Event, m.Openings[l.Index].Event) {
				t.Fatalf("event %d is another one and passes", l.Index)
			}
		}
	})
}
