package custody_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"zapis/internal/custody"
	"zapis/internal/custody/custodytest"
	"zapis/internal/tlog"
)

// vectors is testdata/vectors.json: what another implementation needs to find out whether it agrees.
type vectors struct {
	Comment     string        `json:"comment"`
	Verifier    string        `json:"verifier"`
	Leaves      []leafVector  `json:"leaves"`
	Hashes      []string      `json:"hashes"` // stored hashes by number
	Roots       []string      `json:"roots"`  // by size, from 0
	Checkpoints []noteVector  `json:"checkpoints"`
	Proofs      []proofVector `json:"proofs"`
}

type leafVector struct {
	Event      string `json:"event"` // canonical bytes, as text
	Salt       string `json:"salt"`
	Commitment string `json:"commitment"`
	LeafHash   string `json:"leaf_hash"`
}

type noteVector struct {
	Size int64  `json:"size"`
	Root string `json:"root"`
	Note string `json:"note"`
}

type proofVector struct {
	Leaf int64    `json:"leaf"`
	Size int64    `json:"size"`
	Path []string `json:"path"`
}

func hashes(in []tlog.Hash) []string {
	out := []string{}
	for _, h := range in {
		out = append(out, hex.EncodeToString(h[:]))
	}
	return out
}

// golden compares with a file of testdata, or writes it when ZAPIS_UPDATE is set. The format is final: a change of these
// files is a change of every record in existence.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	at := filepath.Join("testdata", name)
	if os.Getenv("ZAPIS_UPDATE") != "" {
		if err := os.WriteFile(at, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs: the format of the record has changed", at)
	}
}

func TestFormatIsFinal(t *testing.T) {
	t.Parallel()
	m, vkey := custodytest.Sample()
	v := vectors{Comment: "Test vectors of docs/design/custody-record.md; testdata/check.py recomputes them.", Verifier: vkey}
	for i, o := range m.Openings {
		leaf := tlog.LeafHash(m.Leaves[i].Commitment)
		v.Leaves = append(v.Leaves, leafVector{string(o.Event), hex.EncodeToString(o.Salt), hex.EncodeToString(m.Leaves[i].Commitment), hex.EncodeToString(leaf[:])})
	}
	for _, h := range m.Hashes {
		v.Hashes = append(v.Hashes, hex.EncodeToString(h.Hash))
	}
	for size := range m.HeadSize + 1 {
		root, err := tlog.Root(size, m.HashReader())
		if err != nil {
			t.Fatal(err)
		}
		v.Roots = append(v.Roots, hex.EncodeToString(root[:]))
	}
	for _, c := range m.Checkpoints {
		v.Checkpoints = append(v.Checkpoints, noteVector{c.Size, hex.EncodeToString(c.Root), string(c.Note)})
	}
	for _, p := range [][2]int64{{0, 1}, {2, 7}, {6, 7}, {5, 13}, {12, 13}, {13, 14}} {
		path, err := tlog.Inclusion(p[1], p[0], m.HashReader())
		if err != nil {
			t.Fatal(err)
		}
		v.Proofs = append(v.Proofs, proofVector{p[0], p[1], hashes(path)})
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	golden(t, "vectors.json", out.Bytes())

	out.Reset()
	if err := custody.ExportFrom(context.Background(), m.Tx(), &out); err != nil {
		t.Fatal(err)
	}
	golden(t, "export.jsonl", out.Bytes())
}

// A second implementation, in another language and with nothing but its standard library, agrees with the vectors and
// refuses altered ones.
func TestPythonAgrees(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatal("python3 is not installed")
		}
		t.Skip("python3 is not installed")
	}
	if out, err := exec.Command(python, "testdata/check.py", "testdata/vectors.json", "testdata/export.jsonl").CombinedOutput(); err != nil {
		t.Fatalf("check.py: %v\n%s", err, out)
	}
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile("testdata/export.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	good, goodExport := filepath.Join(dir, "vectors.json"), filepath.Join(dir, "export.jsonl")
	for name, alter := range map[string][2]string{
		"event":  {`still`, `stull`},
		"root":   {`"roots": [`, `"roots": ["00",`},
		"note":   {"\\n13\\n", "\\n12\\n"},
		"export": {"", ""},
	} {
		v, e := raw, lines
		if name == "export" {
			at := bytes.Index(lines, []byte(`"salt":"`)) + 8
			e = bytes.Clone(lines)
			e[at] = map[bool]byte{true: '1', false: '0'}[e[at] == '0']
		} else {
			v = bytes.ReplaceAll(raw, []byte(alter[0]), []byte(alter[1]))
			if bytes.Equal(v, raw) {
				t.Fatalf("%s: nothing to alter", name)
			}
		}
		if err := os.WriteFile(good, v, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(goodExport, e, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(python, "testdata/check.py", good, goodExport).CombinedOutput(); err == nil {
			t.Errorf("check.py accepts an altered %s:\n%s", name, out)
		}
	}
}
