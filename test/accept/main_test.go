// Package accept runs the built binary as a person would and checks what was promised: nothing that lies on a disk is
// lost on the way to a browsable archive, every claim can be checked from outside, and every damage is named.
package accept

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// built holds what has to be built once: the binary under test and its helpers.
var built struct {
	dir    string
	zapis  func() (string, error)
	age    func() (string, error)
	keygen func() (string, error)
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "zapis-accept-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	built.dir = dir
	built.zapis = sync.OnceValues(func() (string, error) {
		if bin := os.Getenv("ZAPIS_TEST_BINARY"); bin != "" {
			return bin, nil
		}
		return build("../..", "zapis", "./cmd/zapis")
	})
	// The age commands need modules that the product does not: they are tools of the test server's module.
	built.age = sync.OnceValues(func() (string, error) { return build("../s3server", "age", "filippo.io/age/cmd/age") })
	built.keygen = sync.OnceValues(func() (string, error) { return build("../s3server", "age-keygen", "filippo.io/age/cmd/age-keygen") })
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func build(in, name, pkg string) (string, error) {
	out := filepath.Join(built.dir, name)
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Dir = in
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", name, err, text)
	}
	return out, nil
}

// require skips a test whose tool is missing, or fails it where everything must be there.
func require(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err == nil {
			continue
		}
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("%s is not installed (make setup-test)", tool)
		}
		t.Skipf("%s is not installed (make setup-test)", tool)
	}
}

// must gives what was built, or fails.
func must(t *testing.T, f func() (string, error)) string {
	t.Helper()
	s, err := f()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

const passphrase = "correct horse battery staple again"

// home is one archive under test.
type home struct {
	t      *testing.T
	bin    string
	dir    string
	pass   string
	global []string // further options in front of the command
	env    []string
}

// newHome makes the places but runs nothing.
func newHome(t *testing.T, global ...string) *home {
	t.Helper()
	base := t.TempDir()
	h := &home{t: t, bin: must(t, built.zapis), dir: filepath.Join(base, "home"), pass: filepath.Join(base, "passphrase"), global: global}
	write(t, h.pass, passphrase+"\n")
	return h
}

// initialised is newHome and `zapis init`, with a passphrase that is cheap to open, since every command opens it.
func initialised(t *testing.T, global ...string) *home {
	t.Helper()
	h := newHome(t, global...)
	h.ok("init", "--work-factor", "12")
	return h
}

// result is how one command ended.
type result struct {
	code           int
	stdout, stderr []byte
}

func (r result) all() string { return string(r.stdout) + string(r.stderr) }

func (h *home) command(ctx context.Context, args ...string) *exec.Cmd {
	all := append([]string{"--home", h.dir, "--passphrase-file", h.pass, "--json"}, h.global...)
	cmd := exec.CommandContext(ctx, h.bin, append(all, args...)...)
	cmd.Dir = filepath.Dir(h.dir)
	cmd.Env = append(clean(os.Environ()), h.env...)
	return cmd
}

func clean(env []string) (out []string) {
	for _, e := range env {
		if !strings.HasPrefix(e, "ZAPIS_") {
			out = append(out, e)
		}
	}
	return out
}

// run runs a command to its end.
func (h *home) run(args ...string) result {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := h.command(ctx, args...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		h.t.Fatalf("zapis %s: %v", strings.Join(args, " "), err)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: out.Bytes(), stderr: problems.Bytes()}
}

// want runs a command that must end with the given code.
func (h *home) want(code int, args ...string) result {
	h.t.Helper()
	r := h.run(args...)
	if r.code != code {
		h.t.Fatalf("zapis %s: exit code %d, want %d\n%s", strings.Join(args, " "), r.code, code, r.all())
	}
	return r
}

func (h *home) ok(args ...string) result { h.t.Helper(); return h.want(0, args...) }

// last reads the last JSON object that a command printed.
func (r result) last(t *testing.T, into any) {
	t.Helper()
	lines := bytes.Split(bytes.TrimSpace(r.stdout), []byte("\n"))
	for i := len(lines) - 1; i >= 0; i-- {
		if bytes.HasPrefix(bytes.TrimSpace(lines[i]), []byte("{")) {
			if err := json.Unmarshal(lines[i], into); err != nil {
				t.Fatalf("%s: %v", lines[i], err)
			}
			return
		}
	}
	t.Fatalf("no JSON object in %q", r.stdout)
}

func (h *home) accession(title string) string {
	h.t.Helper()
	var made struct{ ID string }
	h.ok("accession", "new", "--title", title).last(h.t, &made)
	if made.ID == "" {
		h.t.Fatal("accession new gave no id")
	}
	return made.ID
}

// item is a line of `zapis item list --json`.
type item struct {
	ID, Ref, Kind, State, Reason string
	SHA256                       string
	Bytes                        int64
}

func (h *home) items() []item {
	h.t.Helper()
	var all []item
	for line := range bytes.Lines(h.ok("item", "list").stdout) {
		var it item
		if err := json.Unmarshal(line, &it); err != nil {
			h.t.Fatalf("item list: %s: %v", line, err)
		}
		if it.ID != "" {
			all = append(all, it)
		}
	}
	return all
}

// line is one of the manifest.
type line struct {
	Item, Outcome, Reason, SHA256, Size, Seq string
	Origin                                   struct {
		Root, Path []byte
		Name       string
	}
	// of the last line
	End, Found, Received, Duplicates, Skipped, Failed, Bytes string
}

// manifest reads that of an accession: the lines of things found, and the last one.
func (h *home) manifest(accession string) (lines []line, end line) {
	h.t.Helper()
	r := h.ok("accession", "show", "--manifest", accession)
	for raw := range bytes.Lines(r.stdout) {
		var l line
		if err := json.Unmarshal(raw, &l); err != nil {
			h.t.Fatalf("manifest: %s: %v", raw, err)
		}
		switch {
		case l.End != "":
			end = l
		case l.Seq != "":
			lines = append(lines, l)
		}
	}
	if end.End == "" {
		h.t.Fatal("the manifest is cut off")
	}
	return lines, end
}

// sound runs every check that the archive has for itself.
func (h *home) sound() {
	h.t.Helper()
	h.ok("custody", "verify")
	h.ok("fixity", "check", "--all")
	h.ok("fsck")
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// ffmpeg makes a small recording.
func ffmpeg(t *testing.T, out string, args ...string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(out), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-nostdin", "-y"}, args...), out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v: %s", filepath.Base(out), err, text)
	}
}
