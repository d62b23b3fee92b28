package accept

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"zapis/internal/timestamp/authority"
	"zapis/internal/tlog/witness"
	"zapis/verify"
)

// released is what an archive gave out: a clip of a recording, its proof, that of the scope, that of one item, and the log.
type released struct {
	h                               *home
	clip, bundle, scope, item, file string // names of files
	public, key, roots              string
	witnesses                       []string
}

// Words that stand in names of files, titles and reasons, and nowhere in what is given out.
const canary = "canary-of-a-source"

func release(t *testing.T) released {
	t.Helper()
	require(t, "ffmpeg", "openssl")
	disk, out := t.TempDir(), t.TempDir()
	r := released{
		file: filepath.Join(disk, canary, "corridor.mp4"), clip: filepath.Join(out, "clip.mp4"), bundle: filepath.Join(out, "clip.proof.json"),
		scope: filepath.Join(out, "scope.proof.json"), item: filepath.Join(out, "item.proof.json"), public: filepath.Join(out, "log"),
	}
	ffmpeg(t, r.file, "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=30", "-f", "lavfi", "-i", "sine=duration=30",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "8M", "-minrate", "8M", "-maxrate", "8M", "-bufsize", "8M", "-x264-params", "nal-hrd=cbr", "-g", "50", "-c:a", "aac", "-metadata", "title="+canary)
	ffmpeg(t, filepath.Join(disk, "yard.avi"), "-f", "lavfi", "-i", "testsrc=size=320x240:rate=25:duration=10", "-c:v", "mpeg4", "-q:v", "5")
	write(t, filepath.Join(disk, canary+".txt"), "only words\n")
	h := initialised(t)
	r.h = h
	acc := h.accession(canary)
	h.ok("ingest", "--accession", acc, disk)
	h.ok("worker", "--drain")
	h.ok("accession", "close", acc)

	h.env = []string{"ZAPIS_LOG_EVERY=1s"}
	var made struct{ VKey string }
	h.ok("log", "init", "--origin", "accept.example/log").last(t, &made)
	r.key = made.VKey
	var asked []string
	for _, name := range []string{"one", "two"} {
		dir := filepath.Join(t.TempDir(), "w")
		vkey, err := witness.Create(dir, name+".example/witness", witness.Options{})
		if err != nil {
			t.Fatal(err)
		}
		w, err := witness.Open(dir, witness.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close() })
		if err := w.Add(witness.Log{Keys: []string{r.key}, Every: -1}); err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(w.Handler(slog.New(slog.DiscardHandler)))
		t.Cleanup(s.Close)
		r.witnesses, asked = append(r.witnesses, vkey), append(asked, vkey+"@"+s.URL)
	}
	a, err := authority.New(t.TempDir(), authority.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(a)
	t.Cleanup(s.Close)
	r.roots = a.RootsFile()
	h.env = append(h.env, "ZAPIS_WITNESSES="+strings.Join(asked, " "), "ZAPIS_TIME_AUTHORITIES=local="+s.URL, "ZAPIS_TIME_ROOTS="+r.roots)

	var video item
	for _, it := range h.items() {
		if it.Kind == "video" && it.Bytes > video.Bytes {
			video = it
		}
	}
	h.ok("scope", "publish")
	h.ok("log", "tick", "--now")
	h.ok("clip", "make", video.Ref, "--from", "8", "--to", "0:22.5", "--reason", canary, "-o", r.clip)
	var clip struct{ ID string }
	h.ok("clip", "list").last(t, &clip)
	if res := h.run("proof", "clip", clip.ID, "-o", r.bundle); res.code == 0 {
		t.Error("a proof was written before the tick")
	}
	h.ok("log", "tick", "--now")
	h.ok("proof", "clip", clip.ID, "-o", r.bundle)
	h.ok("proof", "scope", "-o", r.scope)
	h.ok("proof", "item", video.ID, "--segment", "0", "--segment", "7", "--reason", canary, "-o", r.item)
	h.ok("log", "publish", r.public)
	return r
}

// elsewhere are the options of a checker who has keys and roots from elsewhere.
func (r released) elsewhere(args ...string) []string {
	args = append(args, "--key", r.key, "--roots", r.roots)
	for _, w := range r.witnesses {
		args = append(args, "--witness", w)
	}
	return args
}

// python asks tools/verify.py, one process for many bundles.
func python(t *testing.T) func(raw []byte, r released) (ok bool, failed string) {
	t.Helper()
	require(t, "python3")
	cmd := exec.Command("python3", "../../tools/verify.py", "--serve")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReaderSize(out, 1<<20)
	return func(raw []byte, r released) (bool, string) {
		t.Helper()
		q, err := json.Marshal(map[string]any{"bundle": base64.StdEncoding.EncodeToString(raw), "options": map[string]any{
			"keys": []string{r.key}, "witnesses": r.witnesses, "quorum": 0, "roots": string(read(t, r.roots)),
		}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Write(append(q, '\n')); err != nil {
			t.Fatal(err)
		}
		line, err := lines.ReadBytes('\n')
		var rep struct {
			OK     bool
			Failed string
		}
		if err != nil || json.Unmarshal(line, &rep) != nil {
			t.Fatalf("tools/verify.py: %v: %s", err, line)
		}
		return rep.OK, rep.Failed
	}
}

// What is released is accepted by verifiers that share no code, and refused by each after any byte is changed.
func TestAReleasedClipIsCheckedByAnybody(t *testing.T) {
	t.Parallel()
	r := release(t)
	second := python(t)
	t.Run("accepted", func(t *testing.T) {
		for bundle, file := range map[string]string{r.bundle: r.clip, r.item: r.file, r.scope: ""} {
			args := []string{"verify", bundle}
			if file != "" {
				args = append(args, "--file", file)
			}
			r.h.ok(r.elsewhere(args...)...)
			pipe(t, "", append([]string{"python3", "../../tools/verify.py", bundle}, r.elsewhere(args[2:]...)...)...)
			if ok, failed := second(read(t, bundle), r); !ok {
				t.Errorf("%s is refused at %s", filepath.Base(bundle), failed)
			}
		}
		rep := verify.Verify(read(t, r.bundle), verify.Options{Keys: []string{r.key}, Witnesses: r.witnesses})
		if !rep.OK || rep.Facts.Clip.Segments < 15 || rep.Facts.Clip.Segments > 25 || len(rep.Facts.Checkpoints) != 2 || len(rep.Facts.Existed) != 2 {
			t.Errorf("%+v", rep.Facts)
		}
		t.Logf("%d segments, 2 checkpoints with 2 cosignatures and a time stamp each: %d bytes", rep.Facts.Clip.Segments, len(read(t, r.bundle)))
		if n := len(read(t, r.bundle)); n > 50_000 {
			t.Errorf("the bundle of a clip of %d segments has %d bytes", rep.Facts.Clip.Segments, n)
		}
	})
	t.Run("refused", func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		for _, name := range []string{r.bundle, r.scope, r.item} {
			raw := read(t, name)
			for i := range 120 {
				at := i * len(raw) / 120
				changed := bytes.Clone(raw)
				for changed[at] == raw[at] {
					changed[at] ^= byte(random.IntN(256))
				}
				if rep := verify.Verify(changed, verify.Options{}); rep.OK {
					t.Errorf("%s with byte %d changed is accepted", filepath.Base(name), at)
				}
				if ok, _ := second(changed, r); ok {
					t.Errorf("%s with byte %d changed is accepted by tools/verify.py", filepath.Base(name), at)
				}
			}
		}
		bad := filepath.Join(t.TempDir(), "bad.json")
		for _, at := range []int{1, 600, 3000} {
			changed := read(t, r.bundle)
			changed[at] ^= 1
			write(t, bad, string(changed))
			r.h.want(20, "verify", bad)
		}
		clip := read(t, r.clip)
		clip[len(clip)/2] ^= 1
		write(t, bad, string(clip))
		if res := r.h.want(20, "verify", r.bundle, "--file", bad); !strings.Contains(res.all(), `"failed":"file"`) {
			t.Errorf("another file: %s", res.all())
		}
		other := "accept.example/log+9b2e1fd1+AYKBhmTfbjVP4/wM2KNmT4SEBv1iUqFb1ip5NKVkWQI6"
		if res := r.h.run("verify", r.bundle, "--key", other); res.code == 0 {
			t.Error("another key of the log is accepted")
		}
		r.h.want(20, "verify", r.bundle, "--witness", r.witnesses[0], "--witness", strangerKey(t))
	})
	t.Run("stock openssl", func(t *testing.T) {
		tokens, err := filepath.Glob(filepath.Join(r.public, "time", "*", "local.tsr"))
		if err != nil || len(tokens) < 2 {
			t.Fatalf("%d tokens are published: %v", len(tokens), err)
		}
		text, _, _ := strings.Cut(string(read(t, filepath.Join(r.public, "checkpoint"))), "\n\n")
		note := filepath.Join(t.TempDir(), "note")
		write(t, note, text+"\n")
		size := strings.Split(text, "\n")[1]
		pipe(t, "", "openssl", "ts", "-verify", "-data", note, "-in", filepath.Join(r.public, "time", size, "local.tsr"), "-token_in", "-CAfile", r.roots)
	})
	t.Run("check page", func(t *testing.T) {
		require(t, "node", "chromium")
		for _, name := range []string{"../../web/node_modules/playwright-core", "../../internal/web/asset/dist/check.html"} {
			if _, err := os.Stat(name); err != nil {
				if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
					t.Fatal(err)
				}
				t.Skip("the web part is not built")
			}
		}
		pipe(t, "", "node", "../browser/check.mjs", "--bundle", r.bundle, "--clip", r.clip, "--key", r.key)
	})
	t.Run("says nothing more", func(t *testing.T) {
		sum := digest(read(t, r.file))
		err := filepath.WalkDir(filepath.Dir(r.clip), func(at string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text := read(t, at)
			for _, secret := range []string{canary, "corridor", r.h.dir, "x264", "Lavc"} {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s holds %q", d.Name(), secret)
				}
			}
			if at != r.item && (bytes.Contains(text, []byte(sum)) || bytes.Contains(text, []byte(strconv.Itoa(len(read(t, r.file)))))) {
				t.Errorf("%s holds the digest or the size of the original", d.Name())
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	r.h.ok("log", "verify", "--dir", r.public)
	r.h.sound()
}

// strangerKey is that of a witness who was not asked.
func strangerKey(t *testing.T) string {
	t.Helper()
	vkey, err := witness.Create(filepath.Join(t.TempDir(), "w"), "stranger.example/witness", witness.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return vkey
}
