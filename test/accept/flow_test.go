package accept

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// The main promise: whatever lies on a disk is in the manifest, and every item can be browsed or says why not.
func TestEverythingOnADiskIsBrowsableOrExplained(t *testing.T) {
	t.Parallel()
	disk := filepath.Join(t.TempDir(), "disk")
	things, browsable := oddDisk(t, disk)
	flow(t, initialised(t), disk, things, browsable)
}

// flow takes a disk in, works it, closes the accession and checks everything that can be checked.
func flow(t *testing.T, h *home, disk string, things int, browsable map[string]bool) {
	t.Helper()
	acc := h.accession("An odd disk")
	h.ok("ingest", "--accession", acc, disk)
	h.ok("worker", "--drain")

	items := h.items()
	byDigest := map[string]item{}
	for _, it := range items {
		switch it.State {
		case "browsable", "ready":
			// A reason beside one of these says that only a part could be made.
		case "explained":
			if it.Reason == "" {
				t.Errorf("%s is explained without a reason", it.ID)
			}
		default:
			t.Errorf("%s is %s after everything was worked", it.ID, it.State)
		}
		if _, twice := byDigest[it.SHA256]; twice || it.SHA256 == "" {
			t.Errorf("%s: digest %q is held twice or missing", it.ID, it.SHA256)
		}
		byDigest[it.SHA256] = it
	}
	for path, sum := range digests(t, disk) {
		it, held := byDigest[sum]
		if !held {
			t.Errorf("%q is not held", path)
			continue
		}
		if want, known := browsable[path]; known && want != (it.State == "browsable" || it.State == "ready") {
			t.Errorf("%q (%s) is %s %q, browsable should be %v", path, it.ID, it.State, it.Reason, want)
		}
	}

	h.ok("accession", "close", acc)
	lines, end := h.manifest(acc)
	if len(lines) != things || end.Found != strconv.Itoa(things) {
		t.Errorf("the manifest has %d lines and says %s, on the disk are %d things", len(lines), end.Found, things)
	}
	outcomes := map[string]int{}
	sums := digests(t, disk)
	for _, l := range lines {
		outcomes[l.Outcome]++
		if sum, regular := sums[string(l.Origin.Path)]; regular && sum != l.SHA256 {
			t.Errorf("line %s: digest %s, the file has %s", l.Seq, l.SHA256, sum)
		}
		delete(sums, string(l.Origin.Path))
	}
	if len(sums) > 0 {
		t.Errorf("not in the manifest: %d files", len(sums))
	}
	if outcomes["failed"] != 0 || outcomes["duplicate"] < 2 || outcomes["skipped"] < 3 || outcomes["received"] != len(items) {
		t.Errorf("outcomes %v with %d items", outcomes, len(items))
	}
	h.sound()

	// A second run finds everything done and reads nothing again; a closed accession takes nothing.
	if r := h.run("ingest", "--accession", acc, disk); r.code == 0 {
		t.Errorf("a closed accession took material in")
	}

	// An original comes out as it went in.
	note := byDigest[digest(read(t, filepath.Join(disk, "odd/whole.mkv")))]
	out := filepath.Join(t.TempDir(), "out.mkv")
	h.ok("item", "extract", note.ID, "-o", out, "--reason", "acceptance test")
	if digest(read(t, out)) != note.SHA256 {
		t.Error("the extracted original differs")
	}
	if r := h.ok("custody", "show", note.ID); !bytes.Contains(r.stdout, []byte("decryption")) {
		t.Errorf("the extraction is not in the custody record: %s", r.stdout)
	}
	h.ok("custody", "verify")
}

// The exit codes are a contract with scripts.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	empty := newHome(t)
	empty.want(10, "accession", "new", "--title", "x")
	empty.want(10, "fsck")
	h := initialised(t)
	if r := h.run("init"); r.code == 0 {
		t.Error("init over an existing archive succeeded")
	}
	h.want(2, "ingest")
	h.want(2, "no-such-command")
	wrong := *h
	wrong.pass = filepath.Join(t.TempDir(), "wrong")
	write(t, wrong.pass, "not the passphrase at all\n")
	wrong.want(12, "item", "list")
	// A vault of another archive under this database must be refused, and nothing written.
	foreign := initialised(t)
	if err := os.Rename(filepath.Join(h.dir, "vault"), filepath.Join(h.dir, "own")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(foreign.dir, "vault"), filepath.Join(h.dir, "vault")); err != nil {
		t.Fatal(err)
	}
	if r := h.run("item", "list"); r.code == 0 {
		t.Error("a foreign vault was accepted")
	}
}

// A file that changes while it is read is a line of the manifest and makes exit code 3.
func TestAFileThatGrowsIsNamedAsFailed(t *testing.T) {
	t.Parallel()
	disk := t.TempDir()
	grown := filepath.Join(disk, "growing.bin")
	write(t, grown, "begin")
	if err := os.Truncate(grown, 48<<20); err != nil { // long enough to be caught reading
		t.Fatal(err)
	}
	write(t, filepath.Join(disk, "still.txt"), "still")
	h := initialised(t)
	acc := h.accession("Growing")
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		f, err := os.OpenFile(grown, os.O_WRONLY|os.O_APPEND, 0)
		for err == nil {
			select {
			case <-stop:
				stopped <- f.Close()
				return
			default:
				_, err = f.Write([]byte("more"))
				time.Sleep(200 * time.Microsecond)
			}
		}
		stopped <- err
	}()
	r := h.run("ingest", "--accession", acc, disk)
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if r.code != 3 {
		t.Fatalf("exit code %d, want 3\n%s", r.code, r.all())
	}
	h.ok("accession", "close", acc)
	lines, _ := h.manifest(acc)
	found := false
	for _, l := range lines {
		found = found || l.Outcome == "failed" && l.Reason == "changed" && string(l.Origin.Path) == "growing.bin"
	}
	if !found {
		t.Errorf("the growing file is not named: %+v", lines)
	}
	h.sound()
}
