package derive

import (
	"bytes"
	"context"
	"encoding/json"
	"image/jpeg"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/sandbox"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

func TestMain(m *testing.M) {
	sandbox.Main() // the test binary is also the launcher of the outside programs
	os.Exit(m.Run())
}

func tools(t *testing.T) *media.Tools {
	t.Helper()
	found, err := media.Find(media.Options{})
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("media programs: %v (make setup-test)", err)
		}
		t.Skipf("media programs: %v (make setup-test)", err)
	}
	return found
}

// produce runs ffmpeg to make a file of known material.
func produce(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("ffmpeg", append(append([]string{"-v", "error", "-nostdin", "-y"}, args...), out)...)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make %s: %v: %s", name, err, text)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// From sealed originals through the real programs and the real queue to sealed working copies, on both engines.
func TestRealProgramsAndQueue(t *testing.T) {
	t.Parallel()
	programs := tools(t)
	clip := produce(t, "clip.mkv", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=12:duration=3", "-f", "lavfi", "-i", "sine=frequency=300:duration=3",
		"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
	material := map[string][]byte{
		"clip": clip, "cut": clip[:len(clip)*6/10],
		"sound":   produce(t, "tone.wav", "-f", "lavfi", "-i", "sine=frequency=440:duration=2"),
		"picture": produce(t, "yard.jpg", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=1:duration=1", "-frames:v", "1"),
		"text":    []byte("a text that is called a film\n"),
		"list":    []byte("ffconcat version 1.0\nfile '/etc/passwd'\n"),
		"empty":   nil,
	}
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		r := newRig(t, engine)
		ids := map[string]string{}
		for name, b := range material {
			ids[name] = r.item(b, "").ID
		}
		jobs, err := job.New(r.db, job.Options{Workers: true, WorkerID: archive.NewID(archive.PrefixWorker), Parallel: 2, Poll: 20 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		s := r.service()
		s.o.Media, s.o.Jobs = programs, jobs
		s.Register(jobs)
		job.Register(jobs, func(context.Context, job.Job[job.Match]) error { return nil }) // another room's
		r.write(func(tx *store.Tx) error {
			for _, id := range ids {
				if err := jobs.EnqueueTx(t.Context(), tx, job.Quick{Item: id}, job.Opts{}); err != nil {
					return err
				}
			}
			return nil
		})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := jobs.Drain(ctx, nil); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			name   string
			state  archive.ItemState
			reason string
			kinds  []string
		}{
			{"clip", archive.ItemReady, "", []string{"still", "storyboard", "proxy", "lanes", "technical", "frames", DerivativeFingerprint}},
			{"cut", archive.ItemReady, "", []string{"still", "storyboard", "proxy", "lanes", "technical", "frames", DerivativeFingerprint}},
			{"sound", archive.ItemReady, "", []string{"proxy", "lanes", "technical"}},
			{"picture", archive.ItemReady, "", []string{"still", "technical"}},
			{"text", archive.ItemExplained, ReasonNotMedia, []string{"technical"}},
			{"list", archive.ItemExplained, ReasonRefused, []string{"technical"}},
			{"empty", archive.ItemExplained, ReasonNotMedia, []string{"technical"}},
		} {
			st := r.sound(ids[c.name])
			if st.item.State != c.state || st.item.Reason != c.reason {
				t.Errorf("%s is %s %q, want %s %q", c.name, st.item.State, st.item.Reason, c.state, c.reason)
			}
			for _, kind := range c.kinds {
				if st.count(kind) == 0 {
					t.Errorf("%s has no %s", c.name, kind)
				}
			}
			for _, d := range st.derivatives {
				b, err := r.open(d)
				if err != nil {
					t.Fatal(err)
				}
				switch d.MediaType {
				case "image/jpeg":
					if _, err := jpeg.Decode(bytes.NewReader(b)); err != nil {
						t.Errorf("%s: %s is no picture: %v", c.name, d.Kind, err)
					}
				case "application/json":
					if !json.Valid(b) || bytes.Contains(b, []byte("/tmp/")) {
						t.Errorf("%s: %s is no JSON or names a path: %.300s", c.name, d.Kind, b)
					}
				}
				if d.ToolVersion == "" || d.RecipeVersion == 0 || len(d.Meta) == 0 || bytes.Contains(b, []byte("root:x:")) {
					t.Errorf("%s: %+v", c.name, d)
				}
			}
		}
		counts, err := jobs.Counts(t.Context())
		// Three full passes, the frames, clocks, fingerprints and matches of two films, and the writing in a picture.
		if err != nil || counts[job.Completed] != int64(len(material))+3+8+1 || counts[job.Discarded]+counts[job.Cancelled]+counts[job.Retryable] != 0 {
			t.Errorf("jobs %v: %v", counts, err)
		}
	})
}
