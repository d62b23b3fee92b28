package fault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// program builds the binary under test.
func program(t *testing.T) string {
	t.Helper()
	if bin := os.Getenv("ZAPIS_TEST_BINARY"); bin != "" {
		return bin
	}
	bin := filepath.Join(t.TempDir(), "zapis")
	cmd := exec.Command("go", "build", "-o", bin, "zapis/cmd/zapis")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return bin
}

type archive struct {
	t              *testing.T
	bin, home, acc string
	pass           string
}

func (a *archive) command(args ...string) *exec.Cmd {
	cmd := exec.Command(a.bin, append([]string{"--home", a.home, "--passphrase-file", a.pass, "--json"}, args...)...)
	cmd.Dir = filepath.Dir(a.home)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ZAPIS_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

func (a *archive) ok(args ...string) []byte {
	a.t.Helper()
	cmd := a.command(args...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		a.t.Fatalf("zapis %s: %v\n%s%s", strings.Join(args, " "), err, out, problems.Bytes())
	}
	return out
}

func newArchive(t *testing.T, bin string) *archive {
	t.Helper()
	dir := t.TempDir()
	a := &archive{t: t, bin: bin, home: filepath.Join(dir, "home"), pass: filepath.Join(dir, "pass")}
	if err := os.WriteFile(a.pass, []byte("seven words drawn at random by dice\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a.ok("init", "--work-factor", "10")
	var made struct{ ID string }
	if err := json.Unmarshal(a.ok("accession", "new", "--title", "To be killed"), &made); err != nil {
		t.Fatal(err)
	}
	a.acc = made.ID
	return a
}

// items gives what is acknowledged: digests by identifier.
func (a *archive) items() map[string]string {
	a.t.Helper()
	out := map[string]string{}
	for line := range bytes.Lines(a.ok("item", "list")) {
		var it struct{ ID, SHA256 string }
		if err := json.Unmarshal(line, &it); err != nil {
			a.t.Fatal(err)
		}
		out[it.ID] = it.SHA256
	}
	return out
}

// tree lays out files of which some are equal, and gives their digests by path.
func tree(t *testing.T, r *rand.Rand) (dir string, digests map[string]string) {
	t.Helper()
	dir, digests = t.TempDir(), map[string]string{}
	for i := range 500 {
		size := r.IntN(60_000)
		if i%125 == 60 {
			size = 18 << 20 // has a group of its own
		}
		text := make([]byte, size)
		seed := uint64(i)
		if i%50 == 49 {
			seed, text = uint64(i-1), make([]byte, 777) // the same as its neighbour
		}
		if i%50 == 48 {
			text = make([]byte, 777)
		}
		src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
		_, _ = src.Read(text)
		name := fmt.Sprintf("%02d/%03d.bin", i%17, i)
		at := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, text, 0o600); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		digests[name] = hex.EncodeToString(sum[:])
	}
	return dir, digests
}

func kills() int {
	if n, err := strconv.Atoi(os.Getenv("ZAPIS_FAULT_KILLS")); err == nil {
		return n
	}
	if os.Getenv("ZAPIS_FAULT") == "full" {
		return 1000
	}
	return 20
}

// TestKillIngest kills an ingest at random times until it is finished, and begins another archive until there were
// enough kills.
func TestKillIngest(t *testing.T) {
	t.Parallel()
	bin := program(t)
	seed := uint64(time.Now().UnixNano())
	if s, err := strconv.ParseUint(os.Getenv("ZAPIS_FAULT_SEED"), 10, 64); err == nil {
		seed = s
	}
	t.Logf("ZAPIS_FAULT_SEED=%d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	src, digests := tree(t, r)
	want, done, archives, inWork := kills(), 0, 0, 0
	reach := 400.0 // milliseconds; follows the pace of this machine
	for done < want {
		a := newArchive(t, bin)
		archives++
		n, hit := a.kill(r, src, want-done, &reach)
		done, inWork = done+n, inWork+hit
		a.whole(src, digests)
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills in %d archives, %d of them between the first record and the last", done, archives, inWork)
	if inWork == 0 && want >= 10 {
		t.Error("no kill fell into the work")
	}
}

// kill runs and kills ingests; it returns when one came to its end, or after so many kills, when one is let finish.
func (a *archive) kill(r *rand.Rand, src string, most int, reach *float64) (kills, inWork int) {
	a.t.Helper()
	held := map[string]string{}
	for kills < most {
		cmd := a.command("ingest", "--accession", a.acc, src)
		var problems bytes.Buffer
		cmd.Stderr = &problems
		if err := cmd.Start(); err != nil {
			a.t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(5+r.Float64()*2**reach)*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			*reach *= 0.7
			return kills, inWork
		}
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			a.t.Fatalf("it ended by itself: %v\n%s", err, problems.Bytes())
		}
		kills++
		now := a.items()
		for id, sum := range held {
			if now[id] != sum {
				a.t.Fatalf("after kill %d: %s was acknowledged and is gone", kills, id)
			}
		}
		if len(now) > len(held) {
			inWork++
		} else {
			*reach *= 1.15
		}
		held = now
		if kills%5 == 0 {
			a.ok("fsck", "--deep") // what is there is sound at any moment
		}
	}
	a.ok("ingest", "--accession", a.acc, src)
	return kills, inWork
}

// whole checks a finished archive against the source.
func (a *archive) whole(src string, digests map[string]string) {
	t := a.t
	t.Helper()
	again := a.ok("ingest", "--accession", a.acc, src)
	var res struct{ Found, Passed int }
	last := bytes.TrimSpace(again)
	if err := json.Unmarshal(last[bytes.LastIndexByte(last, '\n')+1:], &res); err != nil || res.Found != 0 || res.Passed != len(digests) {
		t.Errorf("a last run found work: %s %v", last, err)
	}
	a.ok("accession", "close", a.acc)
	lines := map[string]int{}
	items := map[string]string{}
	for raw := range bytes.Lines(a.ok("accession", "show", "--manifest", a.acc)) {
		var l struct {
			Seq, Item, SHA256, Outcome string
			Origin                     struct{ Path []byte }
		}
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		if l.Seq == "" {
			continue
		}
		path := string(l.Origin.Path)
		lines[path]++
		if digests[path] != l.SHA256 {
			t.Errorf("line %s: another digest than the file's", l.Seq)
		}
		if was, ok := items[l.SHA256]; ok && was != l.Item {
			t.Errorf("line %s: the same bytes are held twice", l.Seq)
		}
		items[l.SHA256] = l.Item
	}
	for path := range digests {
		if lines[path] != 1 {
			t.Errorf("%s has %d lines", path, lines[path])
		}
	}
	held := a.items()
	if len(held) != len(items) {
		t.Errorf("%d items of %d different files", len(held), len(items))
	}
	receipts, err := fs.Glob(os.DirFS(filepath.Dir(a.home)), "receipt-*.json")
	if err != nil || len(receipts) != 1 {
		t.Fatalf("receipts: %v %v", receipts, err)
	}
	a.ok("receipt", "verify", receipts[0], "--key", filepath.Join(a.home, "checkpoint", "verifier.txt"), "--folder", src)
	a.ok("custody", "verify")
	a.ok("fixity", "check", "--all")
	a.ok("fsck", "--deep", "--clean")
	a.ok("fixity", "check", "--all", "--locked")
}
