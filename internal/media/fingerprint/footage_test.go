package fingerprint

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const street = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// needFootage skips the test without ffmpeg or the packaged footage, and fails it where every tool is asked for.
func needFootage(t *testing.T) {
	t.Helper()
	_, err := exec.LookPath("ffmpeg")
	if err == nil {
		_, err = os.Stat(street)
	}
	if err == nil {
		return
	}
	if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
		t.Fatalf("ffmpeg and the footage of opencv-doc are needed: %v", err)
	}
	t.Skipf("ffmpeg or the footage of opencv-doc is not there: %v", err)
}

func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffmpeg", append([]string{"-v", "error", "-nostdin", "-y"}, args...)...).Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	return out
}

// decode makes a fingerprint with ffmpeg, as package media does in its sandbox.
func decode(t *testing.T, args ...string) *Print {
	t.Helper()
	raw := ffmpeg(t, append(args, "-vf", fmt.Sprintf("fps=%d:start_time=0,scale=%d:%d:flags=area,format=gray", Rate, Width, Height), "-f", "rawvideo", "-")...)
	var out bytes.Buffer
	b := NewBuilder(&out)
	for ; len(raw) >= Width*Height; raw = raw[Width*Height:] {
		if err := b.Frame(raw[:Width*Height]); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := b.Close(); err != nil {
		t.Fatal(err)
	}
	p, err := Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A street with many walkers, filmed by a fixed camera: half a minute of it is held; what comes from that half minute is found at its
// place, and what comes from later is not. The whole measurement is in test/bench.
func TestRealFootage(t *testing.T) {
	needFootage(t)
	t.Parallel()
	library := decode(t, "-t", "32", "-i", street)
	dir := t.TempDir()
	const enc = "libx264"
	for _, c := range []struct {
		name, from, filter string
		same               bool
	}{
		{"480p", "7.33", "scale=-2:480", true},
		{"crop", "12.1", "crop=iw*0.8:ih*0.8", true},
		{"overlay", "15.5", "drawbox=x=iw*0.7:y=ih*0.05:w=iw*0.25:h=ih*0.15:color=white:t=fill", true},
		{"letterbox", "9.9", "pad=iw:ih*1.3:0:(oh-ih)/2", true},
		{"later", "34", "scale=-2:480", false},
		{"much later", "60", "scale=-2:480", false},
	} {
		name := filepath.Join(dir, c.from+".mp4")
		ffmpeg(t, "-ss", c.from, "-t", "12", "-i", street, "-vf", c.filter, "-an", "-c:v", enc, "-preset", "ultrafast", "-crf", "30", name)
		var want float64
		fmt.Sscan(c.from, &want)
		r, alike := held(t, decode(t, "-i", name), library)
		switch {
		case !alike:
			t.Errorf("%s: does not even look alike", c.name)
		case c.same && (r.Kind != Same || math.Abs(r.Offset-want) > 0.3 || r.CoverA < 900):
			t.Errorf("%s: %+v, want the same footage at %s s", c.name, r, c.from)
		case !c.same && r.Kind != Camera:
			t.Errorf("%s: %+v, want the same camera and no more", c.name, r)
		}
	}
}

// Leaves in the wind, filmed by hand and cropped: finer than the pictures that are kept, and still told from another moment.
func TestLeavesInTheWind(t *testing.T) {
	needFootage(t)
	t.Parallel()
	tree := filepath.Join(filepath.Dir(street), "tree.avi")
	dir := t.TempDir()
	library := decode(t, "-t", "15", "-i", tree)
	for from, same := range map[string]bool{"4.47": true, "17": false} {
		name := filepath.Join(dir, from+".mp4")
		ffmpeg(t, "-ss", from, "-t", "10", "-i", tree, "-vf", "crop=iw*0.9:ih*0.9", "-an", "-c:v", "libx264", "-preset", "veryfast", "-crf", "22", "-pix_fmt", "yuv420p", name)
		r, alike := held(t, decode(t, "-i", name), library)
		if !alike || same && (r.Kind != Same || math.Abs(r.Offset-4.47) > 0.3) || !same && r.Kind != Camera {
			t.Errorf("from %s s: %v, %+v", from, alike, r)
		}
	}
}
