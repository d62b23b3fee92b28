package manipulate

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"zapis/verify"
)

// check is package verify with the options of both.
func check(raw []byte, o options) report {
	v := verify.Options{Keys: o.Keys, Witnesses: o.Witnesses, Quorum: o.Quorum}
	if o.Roots != "" {
		v.Roots = x509.NewCertPool()
		v.Roots.AppendCertsFromPEM([]byte(o.Roots))
	}
	if o.File != nil {
		v.File = bytes.NewReader(*o.File)
	}
	r := verify.Verify(raw, v)
	return report{OK: r.OK, Kind: r.Kind, Failed: r.Failed, Steps: r.Steps}
}

// written is a bundle by the writer in Python.
type written struct {
	File    string
	OK      bool
	Failed  string
	Seed    string
	Options options
	raw     []byte
}

// write runs the writer.
func write(t testing.TB, seeds ...int) []written {
	t.Helper()
	dir := t.TempDir()
	args := []string{filepath.Join(tools(t), "test_verify.py"), "--write", dir}
	for _, s := range seeds {
		args = append(args, strconv.Itoa(s))
	}
	cmd := exec.Command(python(t), args...)
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write bundles: %v\n%s", err, out)
	}
	index, err := os.ReadFile(filepath.Join(dir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []written
	if err := json.Unmarshal(index, &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		if all[i].raw, err = os.ReadFile(filepath.Join(dir, all[i].File)); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestPython runs the tests that the verifier and the writer in Python have of their own.
func TestPython(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(python(t), filepath.Join(tools(t), "test_verify.py"))
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestWritten: both verifiers accept what a writer made that knows nothing but the page, refuse what a lying archive signed,
// and name the same step.
func TestWritten(t *testing.T) {
	t.Parallel()
	all, other := write(t), serve(t, "verify.py")
	accepted := 0
	for _, w := range all {
		for _, o := range []options{w.Options, {}} {
			ours := check(w.raw, o)
			theirs, err := other.verify(w.raw, o)
			if err != nil {
				t.Fatal(err)
			}
			if ours.OK != w.OK || ours.Failed != w.Failed {
				t.Errorf("%s: package verify: ok %v, failed %q (%s), want %v %q", w.File, ours.OK, ours.Failed, ours.reason(), w.OK, w.Failed)
			}
			if theirs.OK != w.OK || theirs.Failed != w.Failed {
				t.Errorf("%s: verify.py: ok %v, failed %q (%s), want %v %q", w.File, theirs.OK, theirs.Failed, theirs.reason(), w.OK, w.Failed)
			}
			if ours.states() != theirs.states() {
				t.Errorf("%s: package verify says\n%sverify.py says\n%s", w.File, ours.states(), theirs.states())
			}
			if w.OK {
				accepted++
			}
		}
	}
	if accepted < 24 || len(all)-accepted/2 < 40 {
		t.Errorf("%d accepted of %d: the writer wrote less than it should", accepted, len(all))
	}
}
