package gap

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/detect/detectbench"
	"zapis/internal/media/detect/scan"
	"zapis/internal/redact/plan"
	"zapis/internal/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main() // the test binary is also the launcher of the media programs
	os.Exit(m.Run())
}

// need skips the test where a tool is missing, and fails it where every tool is asked for.
func need(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("%s: %v", what, err)
}

// portrait is the picture of a face that comes with the module of the cascade.
func portrait(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/esimov/pigo").Output()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "testdata", "sample.jpg")
}

// From footage to list: a face glides over a square with walkers. Whoever takes all proposals has nothing to mend, whoever
// leaves the face bare for half a second is told where.
func TestFilmWithAFace(t *testing.T) {
	t.Parallel()
	tools, err := media.Find(media.Options{})
	need(t, "media tools", err)
	const street = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"
	_, err = os.Stat(street)
	need(t, "footage of opencv-doc", err)
	name := filepath.Join(t.TempDir(), "film.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-nostdin", "-y", "-t", "6", "-i", street, "-i", portrait(t), "-filter_complex",
		"[0:v]crop=768:432:0:100,scale=640:360,fps=12.5[b];[1:v]scale=80:100[f];[b][f]overlay=x='50+40*t':y='125+30*sin(t)':enable='between(t,1,4.5)',format=yuv420p",
		"-an", "-c:v", "libx264", "-preset", "ultrafast", "-crf", "24", "-g", "50", name).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	src, err := detectbench.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { src.Close() })
	probe, err := tools.Probe(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	r, err := scan.Cut(t.Context(), tools, media.Cut{Source: src, Probe: probe, From: 500 * time.Millisecond, To: 5500 * time.Millisecond}, scan.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Times) < 62 || len(r.Times) > 64 || len(r.Unjudged) != 0 {
		t.Fatalf("%d frames, not judged %v", len(r.Times), r.Unjudged)
	}
	n := 0
	tracks := Proposals(0, r.Tracks(6_000_000), func() string { n++; return fmt.Sprintf("tr_%d", n) })
	p := film(tracks...)
	p.Cuts = []plan.Cut{{FromUS: 500_000, ToUS: 5_500_000}}
	cut := Cut{Times: r.Times, Detections: r.Detections, Unjudged: r.Unjudged}
	for _, b := range walked(t, p, cut) {
		if b.Thing != "" && !b.Warning {
			t.Errorf("with every proposal: %+v", b)
		}
	}
	faces := slices.DeleteFunc(slices.Clone(tracks), func(t plan.Track) bool { return t.Reason != "face" })
	if len(faces) != 1 {
		t.Fatalf("%d proposals for one face", len(faces))
	}

	// The whole face, from its first frame to its last.
	var list []Blocker
	for _, b := range walked(t, remade(p, faceless(tracks, faces[0])), cut) {
		if b.Thing == detect.KindFace {
			list = append(list, b)
		}
	}
	if len(list) != 1 || list[0].FromUS > 1_250_000 || list[0].ToUS < 4_250_000 {
		t.Errorf("without the face: %+v", list)
	}

	// Half a second of it.
	bare := faces[0]
	const from, to = 2_500_000, 3_000_000
	box := bare.Keys[0].Box
	var keys []plan.Key
	for _, k := range bare.Keys {
		if k.AtUS < from {
			keys = append(keys, k)
		}
	}
	keys = append(keys, off(from, box), key(to, [4]int{0, 0, detect.One, detect.One}))
	for _, k := range bare.Keys {
		if k.AtUS > to {
			keys = append(keys, k)
		}
	}
	bare.Keys = keys
	list = nil
	for _, b := range walked(t, remade(p, []plan.Track{bare}), cut) {
		if b.Thing == detect.KindFace && b.FromUS < to && b.ToUS > from {
			list = append(list, b)
		}
	}
	if len(list) != 1 || list[0].Kind != Hole || list[0].FromUS > from+80_000 || list[0].ToUS < to-80_000 || list[0].Track != bare.ID {
		t.Errorf("half a second: %+v", list)
	}
}

func remade(p plan.Plan, tracks []plan.Track) plan.Plan { p.Tracks = tracks; return p }

// faceless gives the masks that have nothing to do with a face: those of what moves would cover it, too.
func faceless(tracks []plan.Track, face plan.Track) []plan.Track {
	return slices.DeleteFunc(slices.Clone(tracks), func(t plan.Track) bool {
		if t.ID == face.ID {
			return true
		}
		for _, k := range t.Keys {
			for _, f := range face.Keys {
				if _, over := inside(k.Box, f.Box); over > 0 {
					return true
				}
			}
		}
		return false
	})
}
