package layout

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/doc"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

type pkg struct {
	ImportPath, Dir, Doc, Name string
	Imports                    []string
	GoFiles                    []string
}

const module = "zapis"

// packages lists every package of the module once.
var packages = sync.OnceValues(func() ([]pkg, error) {
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Doc,Name,Imports,GoFiles", "./...")
	cmd.Dir = root()
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var all []pkg
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
})

func root() string {
	dir, _ := os.Getwd()
	return filepath.Dir(filepath.Dir(dir))
}

func list(t *testing.T) []pkg {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rule says what a part of the tree may import of ours; foreign libraries are in homes below.
type rule struct {
	part  string   // below the module, with its subpackages
	may   []string // parts, with their subpackages; "=" in front: exactly that package
	never []string // what it may not reach even through the list above
}

var (
	nouns      = []string{"internal/archive", "internal/policy", "internal/commit", "internal/catalogue", "internal/language"}
	engines    = []string{"internal/vault", "internal/custody", "internal/tlog", "internal/store", "internal/job", "internal/media", "internal/speech"}
	backends   = []string{"internal/vault/localdisk", "internal/vault/s3"}
	activities = []string{"internal/account", "internal/ingest", "internal/fixity", "internal/fsck", "internal/derive", "internal/reading", "internal/erase", "internal/copies", "internal/grade", "internal/machine", "internal/match", "internal/note", "internal/knowledge", "internal/search", "internal/transcript", "internal/redact"}
)

// activity may import nouns, policy and engines, never another activity nor an adapter.
func activity(part string) rule {
	return rule{part: part, may: slices.Concat(nouns, engines, []string{part}), never: backends}
}

var rules = []rule{
	{part: "verify"},
	{part: "internal/archive"},
	{part: "internal/catalogue", may: []string{"internal/archive", "internal/catalogue"}},
	{part: "internal/language"},
	{part: "internal/redact/plan", may: []string{"=internal/archive"}},
	{part: "internal/policy", may: []string{"internal/archive"}},
	{part: "internal/custody/verify", may: []string{"=internal/archive"}},
	{part: "internal/commit", may: []string{"=internal/tlog"}},
	{part: "internal/tlog", may: []string{"internal/archive"}},
	{part: "internal/tlog/witness", may: []string{"internal/archive", "=internal/tlog"}},
	{part: "internal/vault", may: []string{"internal/archive", "internal/vault", "internal/faultfs"}},
	{part: "internal/sandbox", may: nil},
	{part: "internal/speech"},
	{part: "internal/media", may: []string{"internal/archive", "internal/media", "internal/sandbox"}},
	{part: "internal/store", may: []string{"internal/archive", "internal/language", "internal/vault", "internal/tlog", "internal/store"}, never: backends},
	{part: "internal/job", may: []string{"internal/archive", "internal/store", "internal/job"}},
	{part: "internal/custody", may: []string{"internal/archive", "internal/tlog", "internal/store", "internal/custody"}},
	{part: "internal/timestamp", may: []string{"verify", "internal/timestamp"}},
	{part: "internal/anchor", may: slices.Concat(nouns, engines, []string{"internal/anchor", "internal/timestamp", "verify"}), never: backends},
	{part: "internal/proof", may: slices.Concat(nouns, engines, []string{"internal/proof", "verify"}), never: backends},
	{part: "internal/release/bundle"},
	{part: "internal/release", may: slices.Concat(nouns, engines, []string{"internal/release", "=internal/redact/plan"}), never: backends},
	{part: "internal/match", may: slices.Concat(nouns, engines, []string{"internal/match", "=internal/release/bundle"}), never: backends},
	{part: "internal/geo"},
	{part: "internal/site", may: []string{"verify", "internal/site", "=internal/geo"}},
	{part: "internal/config", may: []string{"internal/archive"}},
	{part: "internal/web", may: slices.Concat(nouns, activities, []string{"internal/anchor", "internal/proof", "internal/release", "internal/geo", "internal/web"})},
}

func init() {
	for _, a := range activities {
		rules = append(rules, activity(a))
	}
}

func under(path, part string) bool { return path == part || strings.HasPrefix(path, part+"/") }

func allowed(list []string, path string) bool {
	return slices.ContainsFunc(list, func(part string) bool {
		if exact, ok := strings.CutPrefix(part, "="); ok {
			return path == exact
		}
		return under(path, part)
	})
}

// ruleFor gives the most specific rule for a package.
func ruleFor(path string) (rule, bool) {
	var best rule
	for _, r := range rules {
		if under(path, r.part) && len(r.part) > len(best.part) {
			best = r
		}
	}
	return best, best.part != ""
}

// testSupport packages exist for tests and may reach wherever their tests must.
func testSupport(path string) bool {
	return strings.HasSuffix(path, "test") || strings.HasPrefix(path, "test/") || path == "internal/faultfs"
}

func TestImportsPointOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		if testSupport(path) {
			continue
		}
		r, ok := ruleFor(path)
		for _, imp := range p.Imports {
			ours, isOurs := strings.CutPrefix(imp, module+"/")
			if !isOurs {
				continue
			}
			if testSupport(ours) && ours != "internal/faultfs" {
				t.Errorf("%s imports %s, which is for tests only", path, ours)
			}
			if !ok {
				continue // app, cmd and demo are where everything meets
			}
			if !allowed(r.may, ours) || allowed(r.never, ours) && !under(path, "internal/vault") {
				t.Errorf("%s may not import %s (rule of %s)", path, ours, r.part)
			}
		}
	}
}

// Everything that is not a rule above must be one of these: a new room needs a place in the plan first.
var meetingPlaces = []string{"cmd/zapis", "internal/app", "internal/demo", "test", "internal/faultfs", "web/mock"}

func TestEveryRoomIsInThePlan(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		if _, ok := ruleFor(path); !ok && !allowed(meetingPlaces, path) {
			t.Errorf("%s is in no room of docs/design/architecture.md: give it a rule in test/layout", path)
		}
	}
}

// homes names the only parts that may import a foreign library. "" is the standard library only.
var homes = map[string][]string{
	"filippo.io/age":                      {"internal/vault"},
	"github.com/alecthomas/kong":          {"cmd/zapis"},
	"github.com/alexedwards/scs/v2":       {"internal/account", "internal/web"},
	"github.com/blevesearch/snowballstem": {"internal/language"},
	"github.com/danielgtaylor/huma/v2":    {"internal/web"},
	"github.com/elastic/go-seccomp-bpf":   {"internal/sandbox"},
	"github.com/go-webauthn/webauthn":     {"internal/account"},
	"github.com/jackc/pgx/v5":             {"internal/store", "internal/job", "internal/custody/rows"},
	"github.com/landlock-lsm/go-landlock": {"internal/sandbox"},
	"github.com/lmittmann/tint":           {"cmd/zapis", "internal/app"},
	"github.com/minio/minio-go/v7":        {"internal/vault/s3", "internal/vault/vaulttest", "internal/app"},
	"github.com/ncruces/go-sqlite3":       {"internal/store"},
	"github.com/pquerna/otp":              {"internal/account"},
	"github.com/pressly/goose/v3":         {"internal/store"},
	"github.com/riverqueue/river":         {"internal/job", "internal/store"},
	"github.com/vbauerster/mpb/v8":        {"cmd/zapis"},
	"github.com/xuri/excelize/v2":         {"internal/knowledge/exchange"},
	"golang.org/x/crypto":                 {"internal/account", "internal/vault"},
	"golang.org/x/mod":                    {"internal/tlog", "internal/custody", "internal/store"},
	"rsc.io/qr":                           {"internal/account", "internal/web"},
}

// shared foreign libraries need no single home.
var shared = []string{"golang.org/x/sys", "golang.org/x/sync", "golang.org/x/text", "golang.org/x/term"}

func TestOneHomePerForeignLibrary(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, module+"/")
		if testSupport(path) {
			continue
		}
		for _, imp := range p.Imports {
			first, _, _ := strings.Cut(imp, "/")
			if !strings.Contains(first, ".") || allowed(shared, imp) {
				continue
			}
			var home []string
			for lib, at := range homes {
				if under(imp, lib) {
					home = at
				}
			}
			if !allowed(home, path) {
				t.Errorf("%s imports %s, whose home is %v", path, imp, home)
			}
		}
	}
}

func TestEveryPackageSaysWhatItGuarantees(t *testing.T) {
	t.Parallel()
	for _, p := range list(t) {
		if len(p.GoFiles) == 0 {
			continue // only tests
		}
		if len(p.Doc) < 30 {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// golden compares a generated document with the file, or writes it when ZAPIS_UPDATE is set.
func golden(t *testing.T, name string, want []byte) {
	t.Helper()
	at := filepath.Join(root(), name)
	if os.Getenv("ZAPIS_UPDATE") != "" {
		if err := os.WriteFile(at, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(at)
	if err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s has drifted from the code: run make docs (%v)", name, err)
	}
}

func TestPackageMapIsCurrent(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	b.WriteString("# Packages\n\nMade by `make docs` from the package comments; do not edit.\n\n| Package | What it is |\n| --- | --- |\n")
	for _, p := range list(t) {
		if len(p.GoFiles) == 0 {
			continue
		}
		first := new(doc.Package).Synopsis(p.Doc)
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.TrimPrefix(p.ImportPath, module+"/"), strings.ReplaceAll(first, "|", `\|`))
	}
	golden(t, "docs/reference/packages.md", b.Bytes())
}

// Every direct requirement has its line of reasons, and no line is left of one that is gone.
func TestDependenciesAreArgued(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile(filepath.Join(root(), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root(), "docs/design/dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllSubmatch(mod, -1) {
		if !bytes.Contains(text, []byte("`"+string(m[1])+"`")) {
			t.Errorf("docs/design/dependencies.md has no line for %s", m[1])
		}
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+\\.[^`]+)`").FindAllSubmatch(text, -1) {
		if !bytes.Contains(mod, m[1]) {
			t.Errorf("docs/design/dependencies.md speaks of %s, which go.mod does not require", m[1])
		}
	}
}

// Links between documents must lead somewhere.
func TestDocumentLinksResolve(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#\s]+)(#[^)]*)?\)`)
	err := filepath.WalkDir(root(), func(at string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if filepath.Ext(at) != ".md" {
			return nil
		}
		text, err := os.ReadFile(at)
		if err != nil {
			return err
		}
		for _, m := range link.FindAllSubmatch(text, -1) {
			target := string(m[1])
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(at), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", strings.TrimPrefix(at, root()+"/"), target)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
