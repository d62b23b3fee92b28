package verify

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// goldenLog is a published log as the program writes it, in memory.
func goldenLog(t testing.TB) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	dir := os.DirFS(filepath.Join("testdata", "log"))
	err := fs.WalkDir(dir, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(dir, name)
		out[name] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil || len(out) < 20 {
		t.Fatalf("%d files: %v", len(out), err)
	}
	return out
}

func outside(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "logoutside", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func line(t testing.TB, name string) string { return strings.TrimSpace(string(outside(t, name))) }

func copyLog(m fstest.MapFS) fstest.MapFS { return maps.Clone(m) }

func setFile(m fstest.MapFS, name string, data []byte) { m[name] = &fstest.MapFile{Data: data} }

func trusted(t testing.TB) LogOptions {
	return LogOptions{Keys: []string{line(t, "key.txt")}, Witnesses: []string{line(t, "witness1.txt"), line(t, "witness2.txt")}}
}

func TestLogHolds(t *testing.T) {
	t.Parallel()
	o := trusted(t)
	o.Against = [][]byte{outside(t, "earlier.txt"), outside(t, "same.txt")}
	r := Log(goldenLog(t), o)
	if !r.OK || len(r.Failed) != 0 || r.Size != 300 || r.Statements != 3 || len(r.Cosigned) != 2 || len(r.Stamps) != 4 || len(r.Keys) != 2 || r.Keys[1].Since != 201 || r.Beyond {
		t.Fatalf("%+v", r)
	}
	want := map[string]string{LogStepKeys: StateOK, LogStepCheckpoint: StateOK, LogStepWitnesses: StateOK, LogStepEntries: StateOK, LogStepTiles: StateOK,
		LogStepTime: StateOpen, LogStepStatements: StateOK, LogStepAgainst: StateOK}
	for _, s := range r.Steps {
		if s.State != want[s.Name] || s.Text == "" {
			t.Errorf("%s is %s, want %s: %s", s.Name, s.State, want[s.Name], s.Text)
		}
		delete(want, s.Name)
	}
	if len(want) > 0 {
		t.Errorf("steps not taken: %v", want)
	}
	// Without anything from elsewhere nothing is wrong, and less is shown.
	r = Log(goldenLog(t), LogOptions{})
	for _, s := range r.Steps {
		if slices.Contains([]string{LogStepKeys, LogStepWitnesses, LogStepAgainst}, s.Name) && s.State != StateOpen {
			t.Errorf("%s is %s without anything to compare with", s.Name, s.State)
		}
	}
	if !r.OK {
		t.Errorf("%+v", r)
	}
}

// What is wrong with a log is named by its step.
func TestLogRefusals(t *testing.T) {
	t.Parallel()
	whole := goldenLog(t)
	for name, c := range map[string]struct {
		step  string
		state string // of the first checkpoint from elsewhere
		do    func(m fstest.MapFS, o *LogOptions)
	}{
		"no keys":              {LogStepKeys, "", func(m fstest.MapFS, _ *LogOptions) { delete(m, "keys") }},
		"a key from elsewhere": {LogStepKeys, "", func(_ fstest.MapFS, o *LogOptions) { o.Keys = []string{line(t, "witness1.txt")} }},
		"an endorsement less": {LogStepKeys, "", func(m fstest.MapFS, _ *LogOptions) {
			replace(t, m, "keys", `"endorsement":"zapis log key`, `"endorsement":"zapis log kex`)
		}},
		"another spelling of keys":     {LogStepKeys, "", func(m fstest.MapFS, _ *LogOptions) { setFile(m, "keys", append(bytes.Clone(m["keys"].Data), '\n')) }},
		"no checkpoint":                {LogStepCheckpoint, "", func(m fstest.MapFS, _ *LogOptions) { delete(m, "checkpoint") }},
		"a checkpoint without the log": {LogStepCheckpoint, "", func(m fstest.MapFS, _ *LogOptions) { setFile(m, "checkpoint", outside(t, "foreign.txt")) }},
		"a checkpoint of another size": {LogStepCheckpoint, "", func(m fstest.MapFS, _ *LogOptions) { replace(t, m, "checkpoint", "\n300\n", "\n299\n") }},
		"the former key signs":         {LogStepCheckpoint, "", func(m fstest.MapFS, _ *LogOptions) { setFile(m, "checkpoint", formerKey(t)) }},
		"a cosignature altered": {LogStepWitnesses, "", func(m fstest.MapFS, _ *LogOptions) {
			b := bytes.Clone(m["checkpoint"].Data)
			b[len(b)-9] ^= 1
			setFile(m, "checkpoint", b)
		}},
		"a witness has not signed": {LogStepWitnesses, "", func(m fstest.MapFS, _ *LogOptions) { dropLine(t, m) }},
		"the checkpoint of another tree": {LogStepEntries, "", func(m fstest.MapFS, o *LogOptions) {
			setFile(m, "checkpoint", outside(t, "forked.txt"))
			o.Witnesses = nil
		}},
		"entries missing":      {LogStepEntries, "", func(m fstest.MapFS, _ *LogOptions) { delete(m, "tile/entries/000") }},
		"last entries missing": {LogStepEntries, "", func(m fstest.MapFS, _ *LogOptions) { delete(m, "tile/entries/001.p/44") }},
		"an entry altered":     {LogStepEntries, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, "tile/entries/001.p/44", 700) }},
		"entries swapped": {LogStepEntries, "", func(m fstest.MapFS, _ *LogOptions) {
			b := bytes.Clone(m["tile/entries/000"].Data)
			x := bytes.Clone(b[:34])
			copy(b, b[34:68])
			copy(b[34:], x)
			setFile(m, "tile/entries/000", b)
		}},
		"an entry of another length": {LogStepEntries, "", func(m fstest.MapFS, _ *LogOptions) {
			b := bytes.Clone(m["tile/entries/000"].Data)
			b[1] = 31
			setFile(m, "tile/entries/000", b)
		}},
		"a tile altered":             {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, "tile/0/000", 99) }},
		"a tile of the second level": {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, "tile/1/000.p/1", 0) }},
		"a former tile altered":      {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, "tile/0/000.p/5", 0) }},
		"former entries altered":     {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, "tile/entries/000.p/5", 40) }},
		"a tile cut":                 {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { setFile(m, "tile/0/000", m["tile/0/000"].Data[:8000]) }},
		"a tile missing":             {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { delete(m, "tile/0/001.p/44") }},
		"no tile":                    {LogStepTiles, "", func(m fstest.MapFS, _ *LogOptions) { setFile(m, "tile/0/01", nil) }},
		"a stamp over something else": {LogStepTime, "", func(m fstest.MapFS, _ *LogOptions) {
			setFile(m, "time/300/calendar.ots", m["time/255/calendar.ots"].Data)
		}},
		"a stamp altered":         {LogStepTime, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, "time/300/calendar.ots", 40) }},
		"a file among the stamps": {LogStepTime, "", func(m fstest.MapFS, _ *LogOptions) { setFile(m, "time/300/x.txt", nil) }},
		"a statement altered":     {LogStepStatements, "", func(m fstest.MapFS, _ *LogOptions) { flipAt(m, aStatement(m), 20) }},
		"a statement under its digest": {LogStepStatements, "", func(m fstest.MapFS, _ *LogOptions) {
			setFile(m, "statement/e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.json", nil)
		}},
		"cut off":   {LogStepAgainst, AgainstCut, func(_ fstest.MapFS, o *LogOptions) { o.Against = [][]byte{outside(t, "cut.txt")} }},
		"forked":    {LogStepAgainst, AgainstForked, func(_ fstest.MapFS, o *LogOptions) { o.Against = [][]byte{outside(t, "forked.txt")} }},
		"rewritten": {LogStepAgainst, AgainstRewritten, func(_ fstest.MapFS, o *LogOptions) { o.Against = [][]byte{outside(t, "rewritten.txt")} }},
		"foreign":   {LogStepAgainst, AgainstForeign, func(_ fstest.MapFS, o *LogOptions) { o.Against = [][]byte{outside(t, "foreign.txt")} }},
		"no note":   {LogStepAgainst, AgainstForeign, func(_ fstest.MapFS, o *LogOptions) { o.Against = [][]byte{[]byte("hello")} }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, o := copyLog(whole), trusted(t)
			c.do(m, &o)
			r := Log(m, o)
			if r.OK || !slices.Contains(r.Failed, c.step) {
				t.Fatalf("failed %v, want %s", r.Failed, c.step)
			}
			if c.state != "" && (len(r.Against) != 1 || r.Against[0].State != c.state) {
				t.Errorf("against: %+v, want %s", r.Against, c.state)
			}
			// A step names what is wrong and no other one stumbles over it.
			if len(r.Failed) != 1 {
				t.Errorf("failed: %v", r.Failed)
			}
		})
	}
}

func replace(t *testing.T, m fstest.MapFS, name, old, with string) {
	t.Helper()
	if !bytes.Contains(m[name].Data, []byte(old)) {
		t.Fatalf("%s has no %q", name, old)
	}
	setFile(m, name, bytes.Replace(m[name].Data, []byte(old), []byte(with), 1))
}

func flipAt(m fstest.MapFS, name string, at int) {
	b := bytes.Clone(m[name].Data)
	b[at] ^= 1
	setFile(m, name, b)
}

func aStatement(m fstest.MapFS) string {
	var all []string
	for name := range m {
		if strings.HasPrefix(name, "statement/") {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all[0]
}

func dropLine(t *testing.T, m fstest.MapFS) {
	t.Helper()
	text := string(m["checkpoint"].Data)
	at := strings.LastIndex(text, "— ")
	setFile(m, "checkpoint", []byte(text[:at]))
}

// formerKey is a checkpoint of the right size by the key that another one has followed.
func formerKey(t *testing.T) []byte {
	t.Helper()
	// rewritten.txt is by the first key: its size is below the change. Only the size is made larger here, which breaks the
	// signature as well; that the key in force counts by itself is tested in TestTheKeyInForceSigns.
	return bytes.Replace(outside(t, "rewritten.txt"), []byte("\n5\n"), []byte("\n300\n"), 1)
}

func TestTheKeyInForceSigns(t *testing.T) {
	t.Parallel()
	l := &logVerifier{}
	l.v.since = []int64{0, 201, 250}
	for size, want := range map[int64]int{1: 0, 200: 0, 201: 1, 249: 1, 250: 2, 9999: 2} {
		if got := l.inForce(size); got != want {
			t.Errorf("size %d is signed by key %d, want %d", size, got, want)
		}
	}
}

// Every byte of every file that a checkpoint or a digest covers counts; the pages for people are not covered, and the time of a
// calendar's promise is not either, since nobody has signed it.
func TestEveryByteOfALogCounts(t *testing.T) {
	t.Parallel()
	whole, o := goldenLog(t), trusted(t)
	o.Against = [][]byte{outside(t, "same.txt")}
	stride := 37
	if os.Getenv("ZAPIS_TEST_THOROUGH") != "" {
		stride = 1
	}
	tried := 0
	for _, name := range slices.Sorted(maps.Keys(whole)) {
		data := whole[name].Data
		if name == "index.html" || strings.HasPrefix(name, "time/") {
			continue
		}
		step := stride
		if len(data) < 1000 {
			step = max(1, stride/12)
		}
		for at := 0; at < len(data); at += step {
			m := copyLog(whole)
			b := bytes.Clone(data)
			b[at] ^= 1 << (at % 8)
			setFile(m, name, b)
			tried++
			if r := Log(m, o); r.OK {
				t.Fatalf("%s: byte %d of %d altered, and nothing is wrong", name, at, len(data))
			}
		}
		if strings.HasPrefix(name, "tile/entries/000.p") || strings.HasPrefix(name, "tile/0/000.p") || strings.HasPrefix(name, "statement/") {
			continue // not needed by anybody at this size, or meant to be given away one by one
		}
		m := copyLog(whole)
		delete(m, name)
		if r := Log(m, o); r.OK {
			t.Errorf("%s taken out, and nothing is wrong", name)
		}
	}
	if tried < 300 {
		t.Errorf("only %d bytes were tried", tried)
	}
}

// A checkpoint that was put back is itself well signed: what lies beyond it shows it, and a checkpoint from elsewhere proves it.
func TestACheckpointThatWasPutBack(t *testing.T) {
	t.Parallel()
	m, o := goldenLog(t), trusted(t)
	setFile(m, "checkpoint", outside(t, "earlier.txt"))
	r := Log(m, o)
	if !r.OK || !r.Beyond || r.Size != 5 {
		t.Errorf("%+v", r)
	}
	for _, s := range r.Steps {
		if s.Name == LogStepTiles && s.State != StateOpen {
			t.Errorf("tiles: %+v", s)
		}
	}
	o.Against = [][]byte{outside(t, "same.txt")}
	if r := Log(m, o); r.OK || r.Against[0].State != AgainstCut {
		t.Errorf("%+v", r)
	}
	// And everything put back, as a copy of the first days would have it.
	for name := range m {
		if strings.Contains(name, "200") || strings.Contains(name, "25") || strings.Contains(name, "300") || strings.Contains(name, "44") || strings.HasPrefix(name, "tile/1/") || name == "tile/0/000" || name == "tile/entries/000" {
			delete(m, name)
		}
	}
	o.Against = nil
	if r := Log(m, o); !r.OK || r.Beyond {
		t.Errorf("%+v", r)
	}
}

func TestTilePaths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind     string
		n, width int64
		want     string
	}{
		{"0", 0, 256, "tile/0/000"}, {"0", 0, 7, "tile/0/000.p/7"}, {"1", 1234067, 256, "tile/1/x001/x234/067"},
		{"entries", 1000, 255, "tile/entries/x001/000.p/255"},
	} {
		got := tilePath(c.kind, c.n, c.width)
		kind, n, width, ok := parseTilePath(got)
		if got != c.want || !ok || kind != c.kind || n != c.n || width != c.width {
			t.Errorf("%q, read as %s %d %d %v; want %q", got, kind, n, width, ok, c.want)
		}
	}
	for _, bad := range []string{"", "tile", "tile/0", "tile/0/", "tile/0/00", "tile/0/0000", "tile/0/x000", "tile/0/x000/001", "tile/0/001.p/0", "tile/0/001.p/256",
		"tile/0/001.p/07", "tile/0/001.p/7/8", "tile/0/001.q", "tile/0/1", "tile/0/x001/001x"} {
		if kind, n, width, ok := parseTilePath(bad); ok {
			t.Errorf("%q is read as %s %d %d", bad, kind, n, width)
		}
	}
}

func FuzzParseTilePath(f *testing.F) {
	f.Add("tile/0/x001/000.p/255")
	f.Add("tile/entries/000")
	f.Fuzz(func(t *testing.T, name string) {
		if kind, n, width, ok := parseTilePath(name); ok && tilePath(kind, n, width) != name {
			t.Fatalf("%q is read as %s %d %d", name, kind, n, width)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	raw, err := os.ReadFile(filepath.Join("testdata", "log", "keys"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := ParseKeys(raw)
		if err != nil {
			return
		}
		again, err := EncodeKeys(l)
		if err != nil || !bytes.Equal(again, raw) {
			t.Fatalf("read, and would be written otherwise: %v", err)
		}
	})
}

func FuzzLog(f *testing.F) {
	whole := goldenLog(f)
	names := slices.Sorted(maps.Keys(whole))
	f.Add(uint8(0), []byte("x"))
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		m := copyLog(whole)
		name := names[int(which)%len(names)]
		same := bytes.Equal(m[name].Data, data)
		setFile(m, name, data)
		r := Log(m, LogOptions{})
		if r.OK && !same && name != "index.html" && !strings.HasPrefix(name, "time/") {
			t.Fatalf("%s was replaced, and nothing is wrong", name)
		}
	})
}

// The roots of all sizes from complete subtrees are those of the definition.
func TestTreeRoot(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 1))
	var leaves []Hash
	var define func(l []Hash) Hash
	define = func(l []Hash) Hash {
		if len(l) == 1 {
			return l[0]
		}
		k := 1
		for 2*k < len(l) {
			k *= 2
		}
		return nodeHash(define(l[:k]), define(l[k:]))
	}
	for n := 1; n <= 130; n++ {
		leaves = append(leaves, leafHash(fmt.Appendf(nil, "%d", rnd.Int())))
		tree := buildTree(leaves)
		for size := 1; size <= n; size += 1 + n/7 {
			if got := treeRoot(tree, int64(size)); got != define(leaves[:size]) {
				t.Fatalf("root at %d of %d", size, n)
			}
		}
	}
	if treeRoot(nil, 0) != Hash([]byte{0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55}) {
		t.Error("root of nothing")
	}
}
