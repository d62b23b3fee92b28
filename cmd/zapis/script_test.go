package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"zapis/internal/config"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"zapis": main})
}

// The scripts run the program as a person would. Besides the commands of testscript they have:
//
//	code N COMMAND…    run a command that must end with exit code N
//	field NAME KEY     set the variable NAME to the value of KEY in the last JSON object on standard output
//	flip FILE          change one bit in the middle of a file
//	fifo FILE          make a named pipe
//	open FILE          let others read a file
//	private DIR            nothing below a folder may be read by others
//	lines N            standard output has N lines, each a JSON object
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			for _, v := range os.Environ() {
				if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "ZAPIS_") && name != "ZAPIS_TEST_REQUIRE" {
					e.Setenv(name, "")
				}
			}
			e.Setenv("ZAPIS_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("ZAPIS_PASSPHRASE_FILE", filepath.Join(e.WorkDir, "pass"))
			id, err := age.GenerateHybridIdentity()
			if err != nil {
				return err
			}
			e.Setenv("RECIPIENT", id.Recipient().String())
			if err := os.WriteFile(filepath.Join(e.WorkDir, "identity"), []byte(id.String()+"\n"), 0o600); err != nil {
				return err
			}
			vectors, err := filepath.Abs("../../verify/testdata")
			if err != nil {
				return err
			}
			e.Setenv("VECTORS", vectors)
			return os.WriteFile(filepath.Join(e.WorkDir, "pass"), []byte("seven words drawn at random by dice\n"), 0o600)
		},
		Condition: func(cond string) (bool, error) {
			if cond == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code, "field": field, "flip": flip, "fifo": fifo, "lines": jsonLines, "private": private,
			"open": func(ts *testscript.TestScript, _ bool, args []string) { ts.Check(os.Chmod(ts.MkAbs(args[0]), 0o644)) },
		},
	})
}

func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	got := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

func field(ts *testscript.TestScript, _ bool, args []string) {
	out := strings.TrimSpace(ts.ReadFile("stdout"))
	last := out[strings.LastIndexByte(out, '\n')+1:]
	var v map[string]any
	ts.Check(json.Unmarshal([]byte(last), &v))
	s, ok := v[args[1]].(string)
	if !ok {
		ts.Fatalf("no text under %q in %s", args[1], last)
	}
	ts.Setenv(args[0], s)
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	at := ts.MkAbs(args[0])
	if found, _ := filepath.Glob(at); len(found) > 0 {
		at = found[0]
	}
	b, err := os.ReadFile(at)
	ts.Check(err)
	b[len(b)/2] ^= 0x10
	ts.Check(os.WriteFile(at, b, 0o600))
}

func private(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(at string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			ts.Fatalf("%s may be read by others: %v", d.Name(), info.Mode())
		}
		return err
	}))
}

func fifo(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o600))
}

func jsonLines(ts *testscript.TestScript, _ bool, args []string) {
	n := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			ts.Fatalf("not a JSON object: %s", line)
		}
		n++
	}
	if len(args) > 0 && args[0] != "some" {
		var want int
		ts.Check(json.Unmarshal([]byte(args[0]), &want))
		if n != want {
			ts.Fatalf("%d lines, want %d", n, want)
		}
	} else if n == 0 {
		ts.Fatalf("no lines")
	}
}

// The reference pages are made from the program itself.
func TestReferencePages(t *testing.T) {
	t.Parallel()
	golden(t, "commands.md", commandsPage(t))
	golden(t, "configuration.md", configurationPage())
}

func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	at := filepath.Join("..", "..", "docs", "reference", name)
	if os.Getenv("ZAPIS_UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(at); err != nil || !bytes.Equal(have, want) {
		t.Errorf("docs/reference/%s has drifted from the program: run make docs (%v)", name, err)
	}
}

func commandsPage(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("# Commands\n\nMade by `make docs` from the program; do not edit.\n\n")
	help := func(args ...string) string {
		var out bytes.Buffer
		if code := run(append(args, "--help"), streams{in: strings.NewReader(""), out: &out, err: &out}); code != 0 {
			t.Fatalf("zapis %v --help: exit code %d", args, code)
		}
		return out.String()
	}
	top := help()
	b.WriteString("```\n" + top + "```\n\nThe flags above go with every command.\n")
	_, global, _ := strings.Cut(top, "command help.\n")
	if global == "" {
		_, global, _ = strings.Cut(top, "context-sensitive help.\n")
	}
	global, _, _ = strings.Cut(global, "\nCommands:")
	name := regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)*)(?: [<\[-].*)?$`)
	var walk func(prefix []string, text string)
	seen := map[string]bool{}
	walk = func(prefix []string, text string) {
		_, list, ok := strings.Cut(text, "\nCommands:\n")
		if !ok {
			return
		}
		for line := range strings.Lines(list) {
			m := name.FindStringSubmatch(strings.TrimRight(strings.SplitN(strings.TrimRight(line, "\n"), "   ", 2)[0], " "))
			if m == nil {
				continue
			}
			words := strings.Fields(m[1])
			key := strings.Join(words, " ")
			if seen[key] {
				continue
			}
			seen[key] = true
			sub := help(words...)
			b.WriteString("\n## zapis " + key + "\n\n```\n" + strings.Replace(sub, global, "", 1) + "```\n")
			walk(words, sub)
		}
	}
	walk(nil, top)
	return b.Bytes()
}

func configurationPage() []byte {
	var b bytes.Buffer
	b.WriteString("# Configuration\n\nMade by `make docs` from the program; do not edit.\n\n")
	b.WriteString("One file, `" + config.Name + "` in the home folder: lines `key = \"text\"` or `key = 12`, comments with `#`. Every key can also be given\nin the environment. Unknown keys are errors. `zapis config check` says what holds and where it comes from.\n\n")
	b.WriteString("| Key | Environment | Default | Meaning |\n| --- | --- | --- | --- |\n")
	for _, f := range config.Fields() {
		b.WriteString("| `" + f.Key + "` | `" + f.Environment() + "` | `" + f.Default + "` | " + f.Doc + " |\n")
	}
	return bytes.ReplaceAll(b.Bytes(), []byte("| `` |"), []byte("| |"))
}
