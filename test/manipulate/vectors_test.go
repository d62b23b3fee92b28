package manipulate

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"zapis/verify"
)

// vector is an entry of verify/testdata/index.json.
type vector struct {
	File    string
	Options struct {
		Keys, Witnesses []string
		Quorum          int
		Roots, File     string
	}
	OK     bool
	Failed string
	States [][2]string
	Why    string
}

const vectorDir = "../../verify/testdata"

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(vectorDir, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var all []vector
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVectors: the independent verifier gives every test vector the state of every step that the index has.
func TestVectors(t *testing.T) {
	t.Parallel()
	other := serve(t, "verify.py")
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(vectorDir, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	all, accepted := vectors(t), 0
	for _, v := range all {
		o := options{Keys: v.Options.Keys, Witnesses: v.Options.Witnesses, Quorum: v.Options.Quorum}
		if v.Options.Roots != "" {
			o.Roots = string(read(v.Options.Roots))
		}
		if v.Options.File != "" {
			file := read(v.Options.File)
			o.File = &file
		}
		got, err := other.verify(read(v.File), o)
		if err != nil {
			t.Fatal(err)
		}
		want := report{OK: v.OK, Failed: v.Failed}
		for _, s := range v.States {
			want.Steps = append(want.Steps, verify.Step{Name: s[0], State: s[1]})
		}
		if got.OK != v.OK || got.Failed != v.Failed || got.states() != want.states() {
			t.Errorf("%s (%s): ok %v, failed %q (%s), want %v %q\n%swant\n%s", v.File, v.Why, got.OK, got.Failed, got.reason(), v.OK, v.Failed, got.states(), want.states())
		}
		if v.OK {
			accepted++
		}
	}
	if accepted < 5 || len(all) < 100 {
		t.Errorf("%d vectors, %d of them accepted: too few to say anything", len(all), accepted)
	}
}

// TestCommand: exit codes and the report of the program as an expert calls it.
func TestCommand(t *testing.T) {
	t.Parallel()
	interpreter := python(t)
	run := func(args ...string) (int, []byte, string) {
		cmd := exec.Command(interpreter, append([]string{filepath.Join(tools(t), "verify.py")}, args...)...)
		cmd.Dir, cmd.Env = t.TempDir(), append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
		var problems bytes.Buffer
		cmd.Stderr = &problems
		out, err := cmd.Output()
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
			return exit.ExitCode(), out, problems.String()
		} else if err != nil {
			t.Fatal(err)
		}
		return 0, out, problems.String()
	}
	dir, err := filepath.Abs(vectorDir)
	if err != nil {
		t.Fatal(err)
	}
	clip := filepath.Join(dir, "clip.json")
	for _, c := range []struct {
		want int
		args []string
	}{
		{0, []string{clip}},
		{0, []string{clip, "--file", filepath.Join(dir, "clip.bin"), "--json"}},
		{20, []string{clip, "--file", filepath.Join(dir, "clip-other.bin")}},
		{20, []string{filepath.Join(dir, "clip.bin"), "--json"}},
		{1, []string{filepath.Join(dir, "nothing-there")}},
		{1, []string{clip, "--file", filepath.Join(dir, "nothing-there")}},
		{1, []string{clip, "--roots", filepath.Join(dir, "nothing-there")}},
		{1, []string{clip, "--roots", filepath.Join(dir, "clip.bin")}},
		{2, nil},
		{2, []string{clip, "--unknown"}},
		{2, []string{clip, "--quorum", "-1"}},
		{2, []string{clip, "--quorum", "1"}},
		{2, []string{clip, "--key", "not a key"}},
		{2, []string{clip, "--witness", "not a key"}},
	} {
		code, out, problems := run(c.args...)
		if code != c.want {
			t.Errorf("%v: exit code %d, want %d\n%s%s", c.args, code, c.want, out, problems)
		}
		if bytes.Contains([]byte(problems), []byte("Traceback")) {
			t.Errorf("%v: %s", c.args, problems)
		}
		if len(c.args) > 0 && c.args[len(c.args)-1] == "--json" {
			var r report
			if err := json.Unmarshal(out, &r); err != nil || r.OK != (c.want == 0) || len(r.Steps) == 0 {
				t.Errorf("%v: report %s: %v", c.args, out, err)
			}
		}
	}
}
