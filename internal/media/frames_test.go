package media

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/archive"
)

func TestFramesKeepTheirTimes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := Frames{
			BaseNum: rapid.Int64Range(1, 1001).Draw(t, "num"), BaseDen: rapid.Int64Range(1, 180_000).Draw(t, "den"),
			Start: rapid.Int64Range(-maxTick, maxTick).Draw(t, "start"), Hidden: rapid.Int64Range(0, 99).Draw(t, "hidden"), Decoded: rapid.Bool().Draw(t, "decoded"),
			Ticks: rapid.SliceOf(rapid.Int64Range(-1000, 1<<22)).Draw(t, "ticks"),
		}
		slices.Sort(f.Ticks)
		g, err := ParseFrames(f.Encode())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(f.Ticks, g.Ticks) || f.BaseNum != g.BaseNum || f.BaseDen != g.BaseDen || f.Start != g.Start || f.Hidden != g.Hidden || f.Decoded != g.Decoded {
			t.Fatalf("%+v became %+v", f, g)
		}
		for i := range f.Ticks {
			if at := f.At(f.Time(int64(i))); f.Time(at) != f.Time(int64(i)) {
				t.Fatalf("frame %d at %v is found as %d", i, f.Time(int64(i)), at)
			}
		}
	})
}

// A steady clock costs a byte a frame, and what was written once is read for ever.
func TestFramesFormat(t *testing.T) {
	t.Parallel()
	f := Frames{BaseNum: 1, BaseDen: 12800, Start: -3, Hidden: 2}
	for i := range int64(1000) {
		f.Ticks = append(f.Ticks, i*512)
	}
	b := f.Encode()
	if len(b) > 1030 {
		t.Errorf("%d bytes for 1,000 frames", len(b))
	}
	f.Ticks = []int64{0, 512, 1100, 1100}
	if got, want := f.Encode(), []byte("zapis frames 1\n\x00\x01\x80\x64\x05\x02\x04\x00\x80\x08\x98\x01\x97\x09"); !bytes.Equal(got, want) {
		t.Errorf("% x", got[15:])
	}
	for _, bad := range []string{"", "zapis frames 2\n", "zapis frames 1\n", "zapis frames 1\n\x00\x00\x01\x00\x00\x00", "zapis frames 1\n\x00\x01\x01\x00\x00\x02\x00\x01",
		"zapis frames 1\n\x00\x01\x01\x00\x00\x01\x00x", "zapis frames 1\n\x00\x01\x01\x00\x00\xff\xff\xff\xff\x7f"} {
		if _, err := ParseFrames([]byte(bad)); !errors.Is(err, ErrFrames) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func FuzzParseFrames(f *testing.F) {
	f.Add(Frames{BaseNum: 1, BaseDen: 25, Ticks: []int64{0, 1, 2, 4}}.Encode())
	f.Add([]byte(framesMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		g, err := ParseFrames(b)
		if err != nil {
			return
		}
		again, err := ParseFrames(g.Encode())
		if err != nil || !slices.Equal(again.Ticks, g.Ticks) || !slices.IsSorted(g.Ticks) {
			t.Fatalf("%v: %+v", err, g)
		}
		for _, n := range []int64{-1, 0, 1, 1 << 40} {
			if i := g.Source(n, 25, 1); i < 0 || len(g.Ticks) > 0 && i >= int64(len(g.Ticks)) {
				t.Fatalf("frame %d of %d", i, len(g.Ticks))
			}
			g.Working(n, 30000, 1001)
			g.Time(n)
			g.At(time.Duration(n))
		}
	})
}

// coded is footage in which every frame carries its number as twelve light or dark stripes.
const coded = "geq=lum='if(bitand(N,pow(2,floor(X/32))),235,16)':cb=128:cr=128"

// number reads the stripes of a grey picture of 384 × 32 pixels.
func number(picture []byte) (n int64) {
	for i := range 12 {
		if picture[16*384+i*32+16] > 125 {
			n |= 1 << i
		}
	}
	return n
}

// numbers decodes footage outside of everything tested here and reads what stands in each frame.
func numbers(t *testing.T, path string) []int64 {
	t.Helper()
	out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-i", path, "-vf", "scale=384:32", "-vsync", "passthrough", "-pix_fmt", "gray", "-f", "rawvideo", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []int64
	for p := range slices.Chunk(out, 384*32) {
		list = append(list, number(p))
	}
	return list
}

// The list of frames against what stands in the pictures: frame n of the list is the n-th that a player shows, and frame m of the working
// copy shows the one that Source says. Times are uneven, frames are stored in another order than shown, and parts are hidden.
func TestFramesLeadToThePicture(t *testing.T) {
	t.Parallel()
	tools := need(t)
	dir := t.TempDir()
	uneven := ",settb=1/12800,setpts='(N*40+mod(N*17\\,23))*12.8'"
	for name, c := range map[string]struct {
		filter string
		args   []string
		cut    []string // a second step that copies
		file   string
		hidden bool
	}{
		"steady":         {"", []string{"-c:v", "libx264", "-bf", "0"}, nil, "a.mp4", false},
		"reordered":      {"", []string{"-c:v", "libx264", "-bf", "3", "-g", "30"}, nil, "b.mp4", false},
		"uneven":         {uneven, []string{"-c:v", "libx264", "-bf", "2", "-g", "30", "-vsync", "passthrough", "-video_track_timescale", "12800"}, nil, "c.mp4", false},
		"uneven mkv":     {uneven, []string{"-c:v", "libx264", "-bf", "2", "-g", "30", "-vsync", "passthrough"}, nil, "d.mkv", false},
		"edit list":      {"", []string{"-c:v", "libx264", "-bf", "2", "-g", "50"}, []string{"-ss", "1.03", "-i", "IN", "-c", "copy"}, "e.mp4", true},
		"uneven, hidden": {uneven, []string{"-c:v", "libx264", "-bf", "2", "-g", "50", "-vsync", "passthrough", "-video_track_timescale", "12800"}, []string{"-ss", "1.5", "-i", "IN", "-c", "copy"}, "f.mp4", true},
		"transport":      {"", []string{"-c:v", "libx264", "-bf", "2", "-g", "30"}, nil, "g.ts", false},
		"no times":       {"", []string{"-c:v", "mpeg4", "-q:v", "2", "-bf", "2"}, nil, "h.avi", false},
		"faster than 60": {"", []string{"-c:v", "libx264", "-bf", "2", "-g", "30", "-r", "100"}, nil, "i.mp4", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(dir, c.file)
			rate := "25"
			if c.file == "i.mp4" {
				rate = "100"
			}
			args := append([]string{"-v", "error", "-f", "lavfi", "-i", "color=s=384x32:d=4:r=" + rate, "-vf", coded + c.filter, "-crf", "18"}, c.args...)
			if out, err := exec.Command("/usr/bin/ffmpeg", append(args, path)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if c.cut != nil {
				cut := filepath.Join(dir, "cut-"+c.file)
				list := append([]string{"-v", "error"}, append(strings.Split(strings.ReplaceAll(strings.Join(c.cut, " "), "IN", path), " "), cut)...)
				if out, err := exec.Command("/usr/bin/ffmpeg", list...).CombinedOutput(); err != nil {
					t.Fatalf("%v: %s", err, out)
				}
				path = cut
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			src := bytes.NewReader(b)
			p := probe(t, tools, src)
			f, rep, err := tools.Frames(context.Background(), src, p)
			if err != nil || rep.ExitCode != 0 {
				t.Fatalf("%v, %+v", err, rep)
			}
			shown := numbers(t, path)
			if len(shown) != len(f.Ticks) {
				t.Fatalf("%d frames are shown, %d listed, %d hidden", len(shown), len(f.Ticks), f.Hidden)
			}
			if c.hidden != (f.Hidden > 0) {
				t.Errorf("%d hidden", f.Hidden)
			}
			if strings.HasSuffix(path, ".avi") != f.Decoded {
				t.Errorf("decoded: %v", f.Decoded)
			}
			var proxy bytes.Buffer
			full, err := tools.Full(context.Background(), src, p, FullOptions{Proxy: &proxy})
			if err != nil {
				t.Fatal(err)
			}
			working := filepath.Join(dir, "working-"+c.file+".mp4")
			if err := os.WriteFile(working, proxy.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			num, den := full.Proxy.RateNum, full.Proxy.RateDen
			for n, got := range numbers(t, working) {
				if want := shown[f.Source(int64(n), num, den)]; got != want {
					t.Fatalf("frame %d of the working copy (%d/%d a second) shows %d, the list leads to %d", n, num, den, got, want)
				}
			}
			for i := range f.Ticks {
				n := f.Working(int64(i), num, den)
				if back := f.Source(n, num, den); back < int64(i) || back > int64(i) && f.place(f.Ticks[back], num, den) != f.place(f.Ticks[i], num, den) {
					t.Fatalf("frame %d lies at %d of the working copy, which shows %d", i, n, back)
				}
			}
		})
	}
}

// Real footage: as many frames as a decoder gives, at the times it gives.
func TestFramesOfRealFootage(t *testing.T) {
	t.Parallel()
	tools := need(t)
	const folder = "/usr/share/doc/opencv-doc/examples/data"
	names := []string{"vtest.avi", "tree.avi", "Megamind.avi", "Megamind_bugy.avi"}
	if testing.Short() {
		names = names[1:3]
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := os.ReadFile(filepath.Join(folder, name))
			if err != nil {
				if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
					t.Fatal(err)
				}
				t.Skipf("the footage of Debian's opencv-doc is not there: %v", err)
			}
			src := bytes.NewReader(b)
			p := probe(t, tools, src)
			f, _, err := tools.Frames(context.Background(), src, p)
			if err != nil {
				t.Fatal(err)
			}
			out, _ := exec.Command("/usr/bin/ffprobe", "-v", "quiet", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", filepath.Join(folder, name)).Output()
			var want []time.Duration
			for line := range strings.Lines(string(out)) {
				s, err := strconv.ParseFloat(strings.Trim(strings.TrimSpace(line), ","), 64)
				if n := len(want); err != nil && n > 1 { // held back until the end: see frameList
					s = (want[n-1] + want[n-1] - want[n-2]).Seconds()
				} else if err != nil {
					t.Fatal(err)
				}
				want = append(want, time.Duration(s*1e9).Round(time.Microsecond))
			}
			if len(want) < 50 || len(want) != len(f.Ticks) {
				t.Fatalf("%d frames decoded, %d listed", len(want), len(f.Ticks))
			}
			for i, w := range want {
				if d := f.Time(int64(i)) - w; d < -3*time.Microsecond || d > 3*time.Microsecond {
					t.Fatalf("frame %d at %v, decoded at %v", i, f.Time(int64(i)), w)
				}
			}
		})
	}
}

func TestFramesRefuses(t *testing.T) {
	t.Parallel()
	tools := need(t)
	if _, _, err := tools.Frames(context.Background(), bytes.NewReader([]byte("text")), Probe{Kind: archive.KindDocument}); !errors.Is(err, ErrNotMedia) {
		t.Errorf("of a paper: %v", err)
	}
	if _, _, err := tools.Frames(context.Background(), bytes.NewReader(nil), Probe{Kind: archive.KindVideo, Reason: "encrypted"}); err == nil {
		t.Error("of something refused")
	}
}
