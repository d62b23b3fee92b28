package accept

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"zapis/internal/demo/footage"
)

// A court expert with the age command, the key file and docs/design/vault-format.md gets the bytes back, without Zapis.
func TestASegmentOpensWithTheAgeCommandAlone(t *testing.T) {
	t.Parallel()
	require(t, "tail", "head", "sha256sum")
	age := must(t, built.age)
	disk := t.TempDir()
	source := filepath.Join(disk, "evidence.bin")
	write(t, source, strings.Repeat("what was seen and heard\n", 9000))
	write(t, filepath.Join(disk, "other.bin"), "another file in the same blob")
	h := initialised(t)

	// Making a key file is the custodian's part; age-keygen is the other program of the age package.
	keygen := must(t, built.keygen)
	keyFile := filepath.Join(t.TempDir(), "key.txt")
	pipe(t, "", keygen, "-pq", "-o", keyFile)
	recipient := strings.TrimSpace(string(pipe(t, "", keygen, "-y", keyFile)))
	h.ok("vault", "keyfile", "add", recipient)

	acc := h.accession("For the expert")
	h.ok("ingest", "--accession", acc, disk)
	sum := digest(read(t, source))

	// From here on: files of the vault, age, tail, head, sha256sum.
	vault := filepath.Join(h.dir, "vault")
	slots, err := filepath.Glob(filepath.Join(vault, "key", "file-*.age"))
	if err != nil || len(slots) != 1 {
		t.Fatalf("key files in the vault: %v %v", slots, err)
	}
	identity := filepath.Join(t.TempDir(), "vault-identity.txt")
	write(t, identity, string(pipe(t, "", age, "-d", "-i", keyFile, slots[0])))

	var object struct {
		ID       string
		Identity string `json:"identity"`
		SHA256   string `json:"sha256"`
		Segments []struct {
			Blob           string
			Offset, Length json.Number
		}
	}
	found := false
	err = filepath.WalkDir(filepath.Join(vault, "envelope"), func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || found {
			return err
		}
		var envelope struct{ Objects []json.RawMessage }
		if err := json.Unmarshal(pipe(t, "", age, "-d", "-i", identity, at), &envelope); err != nil {
			return err
		}
		for _, raw := range envelope.Objects {
			if bytes.Contains(raw, []byte(sum)) {
				found = true
				return json.Unmarshal(raw, &object)
			}
		}
		return nil
	})
	if err != nil || !found || len(object.Segments) != 1 {
		t.Fatalf("no envelope names the digest: %v, %d segments", err, len(object.Segments))
	}
	objectKey := filepath.Join(t.TempDir(), "object-identity.txt")
	write(t, objectKey, object.Identity+"\n")
	seg := object.Segments[0]
	blobs, err := filepath.Glob(filepath.Join(vault, "blob", "*", seg.Blob))
	if err != nil || len(blobs) != 1 {
		t.Fatalf("blob %s: %v %v", seg.Blob, blobs, err)
	}
	offset, _ := seg.Offset.Int64()
	got := pipe(t, fmt.Sprintf(`tail -c +%d %s | head -c %s | %s -d -i %s | sha256sum`, offset+1, blobs[0], seg.Length, age, objectKey), "sh")
	if fields := strings.Fields(string(got)); len(fields) == 0 || fields[0] != sum {
		t.Errorf("the opened segment has %q, the source file %s", got, sum)
	}
	// A wrong key must not do.
	other := filepath.Join(t.TempDir(), "other.txt")
	pipe(t, "", keygen, "-pq", "-o", other)
	if out, err := exec.Command(age, "-d", "-i", other, slots[0]).Output(); err == nil || len(out) > 0 {
		t.Error("another key opened the vault")
	}
}

// pipe runs a program, or a line of shell, and gives what it prints.
func pipe(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	if script != "" {
		args = append(args, "-euc", script)
	}
	cmd := exec.Command(args[0], args[1:]...)
	var problems bytes.Buffer
	cmd.Stderr = &problems
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(args[0]), err, problems.String())
	}
	return out
}

// small is an archive with a few files, worked and sound.
func small(t *testing.T, global ...string) (h *home, disk string) {
	t.Helper()
	disk = t.TempDir()
	for i := range 5 {
		write(t, filepath.Join(disk, fmt.Sprintf("f%d.bin", i)), strings.Repeat(fmt.Sprintf("file %d ", i), 4000))
	}
	h = initialised(t, global...)
	acc := h.accession("Small")
	h.ok("ingest", "--accession", acc, disk)
	return h, disk
}

// flip changes one bit of a file.
func flip(t *testing.T, name string, at int64) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x10
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func TestAFlippedByteIsNamed(t *testing.T) {
	t.Parallel()
	t.Run("in a segment", func(t *testing.T) {
		t.Parallel()
		h, _ := small(t)
		h.sound()
		blobs, err := filepath.Glob(filepath.Join(h.dir, "vault", "blob", "*", "*"))
		if err != nil || len(blobs) == 0 {
			t.Fatalf("no blobs: %v", err)
		}
		info, err := os.Stat(blobs[0])
		if err != nil {
			t.Fatal(err)
		}
		flip(t, blobs[0], info.Size()/2)
		name := filepath.Base(blobs[0])
		locked := h.want(20, "fixity", "check", "--all", "--locked") // without any key
		if !strings.Contains(locked.all(), name) {
			t.Errorf("the check without keys does not name %s: %s", name, locked.all())
		}
		r := h.want(20, "fixity", "check", "--all")
		if !strings.Contains(r.all(), name) {
			t.Errorf("the check does not name %s: %s", name, r.all())
		}
		quarantined := 0
		for _, it := range h.items() {
			if it.State == "quarantined" {
				quarantined++
			}
		}
		if quarantined == 0 {
			t.Error("nothing was quarantined")
		}
	})
	t.Run("in the database", func(t *testing.T) {
		t.Parallel()
		h, _ := small(t)
		db := filepath.Join(h.dir, "zapis.db")
		info, err := os.Stat(db)
		if err != nil {
			t.Fatal(err)
		}
		// Some pages are free; try places until one is used. Nothing may pass as sound that was hit in a used page, so at
		// most a few tries can come back clean.
		clean := 0
		r := rand.New(rand.NewPCG(1, 2))
		for range 6 {
			keep := read(t, db)
			flip(t, db, 4096+r.Int64N(info.Size()-4096))
			res := h.run("fsck")
			if res.code == 0 {
				clean++
			} else if !strings.Contains(res.all(), "database") {
				t.Errorf("exit code %d without a word about the database: %s", res.code, res.all())
			}
			if err := os.WriteFile(db, keep, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if clean > 2 {
			t.Errorf("%d of 6 flips in the database were not noticed", clean)
		}
		h.ok("fsck")
	})
	t.Run("in the record", func(t *testing.T) {
		t.Parallel()
		h, _ := small(t)
		h.ok("custody", "verify")
		index := forge(t, h)
		r := h.want(20, "custody", "verify")
		if !strings.Contains(r.all(), fmt.Sprint(index)) {
			t.Errorf("the altered event %d is not named: %s", index, r.all())
		}
		h.want(20, "fsck")
	})
}

// An interrupted ingest goes on where it was, however it was interrupted.
func TestKilledIngestGoesOn(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	r := rand.New(rand.NewPCG(3, 4))
	files := 400
	for i := range files {
		b := make([]byte, 20_000+r.IntN(200_000))
		for j := 0; j+8 <= len(b); j += 8 {
			copy(b[j:], fmt.Sprintf("%08x", r.Uint32()))
		}
		write(t, filepath.Join(disk, fmt.Sprintf("%02d", i%20), fmt.Sprintf("f%03d.bin", i)), string(b))
	}
	h := initialised(t)
	acc := h.accession("Killed")
	kills := 0
	for range 12 {
		cmd := h.command(context.Background(), "ingest", "--accession", acc, disk)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// Opening the vault takes its time, and how long the work takes differs by machine: the kill follows the first
		// bytes that this run has sealed.
		done := make(chan struct{})
		go func(after time.Duration, before int) {
			for blobs(h) == before {
				select {
				case <-done:
					return
				case <-time.After(2 * time.Millisecond):
				}
			}
			time.Sleep(after)
			_ = cmd.Process.Kill()
		}(time.Duration(r.IntN(60))*time.Millisecond, blobs(h))
		err := cmd.Wait()
		close(done)
		if err == nil {
			break
		}
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
			t.Fatalf("ended by itself: %v", err)
		}
		kills++
	}
	h.ok("ingest", "--accession", acc, disk)
	h.ok("accession", "close", acc)
	lines, _ := h.manifest(acc)
	seen := map[string]bool{}
	for _, l := range lines {
		p := string(l.Origin.Path)
		if seen[p] || l.Outcome != "received" {
			t.Errorf("line %s: %s twice or %s", l.Seq, p, l.Outcome)
		}
		seen[p] = true
	}
	if len(seen) != files || len(h.items()) != files {
		t.Errorf("%d lines and %d items of %d files after %d kills", len(seen), len(h.items()), files, kills)
	}
	if kills == 0 {
		t.Error("no kill fell into the work")
	}
	h.sound()
}

// blobs counts the blobs in the vault of h.
func blobs(h *home) int {
	found, _ := filepath.Glob(filepath.Join(h.dir, "vault", "blob", "*", "*"))
	return len(found)
}

// Workers that are killed at any time lose no job and leave no half set.
func TestKilledWorkersLoseNoJob(t *testing.T) {
	t.Parallel()
	require(t, "ffmpeg", "ffprobe")
	disk := filepath.Join(t.TempDir(), "disk")
	odd, err := footage.MakeOdd(t.Context(), disk, footage.Options{})
	if err != nil {
		t.Fatal(err)
	}
	h := initialised(t)
	acc := h.accession("Killed workers")
	h.ok("ingest", "--accession", acc, disk)
	r := rand.New(rand.NewPCG(5, 6))
	kills := 0
	var orphans sync.Map // process: when it was started
	for range 4 {
		cmd := h.command(context.Background(), "worker", "--drain")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(1500+r.IntN(2500))*time.Millisecond, func() {
			for pid, start := range descendants(cmd.Process.Pid) {
				orphans.Store(pid, start)
			}
			_ = cmd.Process.Kill()
		})
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			break
		}
		kills++
	}
	if kills == 0 {
		t.Error("no kill fell into the work")
	}
	// No program that a killed worker had started may live on: the sandbox ends with its parent.
	orphans.Range(func(pid, start any) bool {
		// A machine that is busy with other tests gives a process of low priority little time to notice its end.
		for deadline := time.Now().Add(30 * time.Second); startOf(pid.(int)) == start.(string); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
				t.Errorf("process %d (%s) of a killed worker lives on", pid, strings.TrimSpace(string(name)))
				break
			}
		}
		return true
	})
	h.ok("worker", "--drain") // finds the jobs of the dead
	states := map[string]string{}
	for _, it := range h.items() {
		states[it.SHA256] = it.State
	}
	for _, o := range odd {
		state := states[digest(read(t, filepath.Join(disk, o.Name)))]
		if (state == "ready" || state == "browsable") != o.Browsable || state == "sealed" || state == "" {
			t.Errorf("%s is %q after %d kills, browsable should be %v", o.Name, state, kills, o.Browsable)
		}
	}
	h.sound()
}

// descendants gives the processes below one, with their start times, by which a number given anew is told apart.
func descendants(pid int) map[int]string {
	out := map[int]string{}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range tasks {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // it ended meanwhile
		}
		for _, f := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(f)
			if err != nil {
				continue
			}
			if start := startOf(child); start != gone { // it may have ended between the two looks
				out[child] = start
			}
			maps.Copy(out, descendants(child))
		}
	}
	return out
}

const gone = "-"

// startOf gives the start time of a process, gone when it has ended or only waits to be reaped.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return gone
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 20 || fields[0] == "Z" {
		return gone
	}
	return fields[19]
}
