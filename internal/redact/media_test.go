package redact

import (
	"bytes"
	"context"
	"image/jpeg"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/mp4check"
	"zapis/internal/redact/plan"
	"zapis/internal/sandbox"
	"zapis/internal/store"
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
func produce(t *testing.T, name string, args ...string) string {
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
	return string(b)
}

// From a sealed original through the real programs, detectors and queue to files that are fit to be published.
func TestRealProgramsAndQueue(t *testing.T) {
	t.Parallel()
	programs := tools(t)
	film := produce(t, "clip.mkv", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10:duration=3", "-f", "lavfi", "-i", "sine=frequency=300:duration=3",
		"-metadata", "title=Zaretskaya", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac")
	r := newRig(t, store.SQLite)
	r.repeat = 1
	it := r.item(film)
	r.write(func(tx *store.Tx) error {
		f := store.FactsOf(it)
		f.Duration, f.Width, f.Height = 3*time.Second, 320, 240
		return tx.SetItemFacts(t.Context(), it.ID, f)
	})
	jobs, err := job.New(r.db, job.Options{Workers: true, WorkerID: archive.NewID(archive.PrefixWorker), Parallel: 2, Poll: 20 * time.Millisecond})
	must(t, err)
	s := r.room()
	s.o.Media, s.o.Jobs, s.o.Detectors = func() (Media, error) { return programs, nil }, jobs, nil
	s.Register(jobs)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	p, err := s.Create(ctx, ann, "the gate", []string{it.ID}, []plan.Cut{{Source: 0, FromUS: 500_000, ToUS: 2_500_000}})
	must(t, err)
	left := cover(0, 0, 1, [4]int{0, 0, 500_000, plan.Whole})
	left.UntilEnd = true
	v, err := s.Version(ctx, ann, p.ID, 0)
	must(t, err)
	v.Body.Tracks, v.Body.Heights, v.Body.Sound.Mode = []plan.Track{left, cover(0, 0, 3, [4]int{600_000, 100_000, 200_000, 200_000})}, []int{240, 144}, plan.Keep
	v.Body.Tracks[1].Kind = plan.Pixelate
	v.Body.Sound.Spans = []plan.SoundSpan{{FromUS: 1_000_000, ToUS: 1_500_000, Do: plan.Mute, Reason: "name"}}
	v, err = s.Save(ctx, ann, p.ID, 1, v.Body, "")
	must(t, err)
	frame, err := s.Preview(ctx, bob, p.ID, 2, 0, 1_250_000)
	must(t, err)
	seen, err := jpeg.Decode(bytes.NewReader(frame))
	must(t, err)
	covered, _, _, _ := seen.At(80, 120).RGBA()
	brightest := uint32(0)
	for x := 200; x < 310; x++ {
		_, green, _, _ := seen.At(x, 200).RGBA()
		brightest = max(brightest, green)
	}
	if seen.Bounds().Dx() != 320 || seen.Bounds().Dy() != 240 || covered > 0x1800 || brightest < 0x3000 {
		t.Errorf("preview of %v: %x under the mask, %x beside it", seen.Bounds(), covered, brightest)
	}
	_, err = s.Propose(ctx, ann, p.ID)
	must(t, err)
	_, err = s.Check(ctx, ann, p.ID)
	must(t, err)
	if list, err := jobs.List(ctx, job.Filter{Plan: p.ID}); err != nil || len(list) != 2 {
		t.Errorf("jobs of the plan: %+v, %v", list, err)
	}
	if list, err := jobs.List(ctx, job.Filter{Plan: archive.NewID(archive.PrefixPlan)}); err != nil || len(list) > 0 {
		t.Errorf("jobs of another plan: %+v, %v", list, err)
	}
	must(t, jobs.Drain(ctx, nil))
	c, err := s.Checks(ctx, ann, p.ID, 0)
	must(t, err)
	if c.State != "done" || c.Frames < 20 || c.Recipe == "" {
		t.Fatalf("%+v", c)
	}
	if got, err := s.Proposals(ctx, ann, p.ID); err != nil || got.Run.State != "done" {
		t.Errorf("%+v, %v", got.Run, err)
	}
	for _, b := range c.Blockers { // moving bars are taken for people
		if !b.Warning {
			must(t, s.DismissBlocker(ctx, ann, c.ID, b.Number, "a test picture"))
		}
	}
	r.shown(bob, p.ID, 2)
	must(t, s.LookedAt(ctx, bob, p.ID, 2))
	must(t, s.Approve(ctx, bob, p.ID, 2, ""))
	_, err = s.Render(ctx, bob, p.ID, 2)
	must(t, err)
	must(t, jobs.Drain(ctx, nil))
	made, err := s.Rendered(ctx, bob, p.ID, 2)
	must(t, err)
	if made.State != "done" || made.Milliseconds < 1_900 || made.Milliseconds > 2_100 || len(made.Files) < 4 {
		t.Fatalf("%+v", made)
	}
	for _, f := range made.Files {
		rd, _, err := s.Open(ctx, bob, p.ID, 2, f.Name)
		must(t, err)
		raw, err := io.ReadAll(rd)
		must(t, err)
		must(t, rd.Close())
		if bytes.Contains(raw, []byte("Zaretskaya")) || bytes.Contains(raw, []byte("Lavf")) || bytes.Contains(raw, []byte("x264 - core")) {
			t.Errorf("%s names its source or its maker", f.Name)
		}
		switch f.MediaType {
		case "video/mp4":
			if list, err := mp4check.Check(bytes.NewReader(raw), int64(len(raw))); err != nil || len(list) > 0 {
				t.Errorf("%s: %+v, %v", f.Name, list, err)
			}
		case "image/jpeg":
			m, err := jpeg.Decode(bytes.NewReader(raw))
			must(t, err)
			for y := 4; y < m.Bounds().Dy(); y += 16 {
				if red, green, blue, _ := m.At(m.Bounds().Dx()/4, y).RGBA(); max(red, green, blue) > 0x1800 {
					t.Errorf("%s shows what is covered: %x %x %x", f.Name, red, green, blue)
				}
			}
		case "image/png":
			if _, err := png.Decode(bytes.NewReader(raw)); err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
		}
	}
	// The same plan and the same programs give the same bytes.
	var row store.PlanVersion
	r.read(func(tx *store.Tx) (err error) { row, err = tx.PlanVersion(ctx, everything, p.ID, 2); return err })
	again, err := s.make(ctx, &attempt{ref: job.Job[job.RenderPlan]{}}, programs, v.Body, row, []archive.Item{it})
	must(t, err)
	for i, f := range made.Files {
		if again.files[i].object.SHA256 != f.SHA256 {
			t.Errorf("%s is another file the second time", f.Name)
		}
	}
}
