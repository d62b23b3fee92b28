package media

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"zapis/internal/archive"
)

// recorded makes a recording of test pictures, in which the time can be seen, with a tone.
func recorded(t *testing.T, name string, args ...string) *bytes.Reader {
	t.Helper()
	need(t)
	at := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=40", "-f", "lavfi", "-i", "sine=frequency=440:duration=40"}, args...)
	if out, err := exec.Command("/usr/bin/ffmpeg", append(all, at)...).CombinedOutput(); err != nil {
		t.Fatalf("make a recording: %v: %s", err, out)
	}
	b, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

var clipSources = []struct {
	name   string
	args   []string
	narrow bool
}{
	{"a.mp4", []string{"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "3M", "-minrate", "3M", "-g", "25", "-bf", "2", "-c:a", "aac", "-metadata", "title=secret name"}, true},
	{"fast.mp4", []string{"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "3M", "-g", "50", "-c:a", "aac", "-movflags", "+faststart"}, true},
	{"a.avi", []string{"-c:v", "mpeg4", "-q:v", "2", "-g", "25", "-c:a", "mp2"}, true},
	{"a.mkv", []string{"-c:v", "mpeg4", "-q:v", "2", "-c:a", "mp2"}, false},
	{"silent.mp4", []string{"-an", "-c:v", "mpeg4", "-q:v", "2", "-g", "12"}, true},
}

func TestAClipIsTheStretchAskedForAndNothingMore(t *testing.T) {
	t.Parallel()
	tools := need(t)
	for _, c := range clipSources {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := recorded(t, c.name, c.args...)
			p := probe(t, tools, src)
			cut := Cut{Source: src, Probe: p, From: 20 * time.Second, To: 24 * time.Second}
			var out, whole bytes.Buffer
			made, err := tools.Clip(context.Background(), []Cut{cut}, ClipOptions{Out: &out})
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(made.Duration-4) > 0.1 || made.Width != 320 || made.Height != 240 || made.Audio == (c.name == "silent.mp4") {
				t.Errorf("clip is %+v", made.Proxy)
			}
			for _, word := range []string{"secret", "x264", "Lavc", "Lavf", "encoder"} {
				if bytes.Contains(out.Bytes(), []byte(word)) {
					t.Errorf("the clip carries %q", word)
				}
			}
			// The same stretch from a decoder that has everything: the pictures agree, so nothing was missing.
			if _, err := tools.Clip(context.Background(), []Cut{cut}, ClipOptions{Out: &whole, Whole: true}); err != nil {
				t.Fatal(err)
			}
			if psnr := likeness(t, out.Bytes(), whole.Bytes()); psnr < 30 {
				t.Errorf("the clip from a part of the file differs from that from all of it: %.1f dB", psnr)
			}
			var n int64
			for _, r := range made.Read[0] {
				n += r.To - r.From
			}
			switch {
			case n == 0:
				t.Error("nothing was read")
			case c.narrow && n > src.Size()/2:
				t.Errorf("%d of %d bytes were read for a tenth of the film", n, src.Size())
			case !c.narrow && made.Read[0][0].From != 0:
				t.Errorf("read %v", made.Read[0])
			}
		})
	}
}

// likeness is the peak signal-to-noise ratio of two films in dB, lowest frame.
func likeness(t *testing.T, a, b []byte) float64 {
	t.Helper()
	dir := t.TempDir()
	for name, body := range map[string][]byte{"a": a, "b": b} {
		if err := os.WriteFile(filepath.Join(dir, name), body, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	frames := func(name string) []byte {
		out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-i", filepath.Join(dir, name), "-f", "rawvideo", "-pix_fmt", "gray", "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	x, y := frames("a"), frames("b")
	if len(x) != len(y) || len(x) == 0 {
		t.Fatalf("%d and %d bytes of pictures", len(x), len(y))
	}
	const frame = 320 * 240
	worst := math.Inf(1)
	for at := 0; at+frame <= len(x); at += frame {
		sum := 0.0
		for i := at; i < at+frame; i++ {
			d := float64(x[i]) - float64(y[i])
			sum += d * d
		}
		worst = min(worst, 10*math.Log10(255*255/max(sum/frame, 1e-9)))
	}
	return worst
}

func TestAClipOfSeveralCuts(t *testing.T) {
	t.Parallel()
	tools := need(t)
	a, b := recorded(t, "a.mp4", clipSources[0].args...), recorded(t, "b.mkv", "-an", "-s", "300x400", "-c:v", "mpeg4", "-q:v", "5")
	pa, pb := probe(t, tools, a), probe(t, tools, b)
	cuts := []Cut{{a, pa, 10 * time.Second, 12 * time.Second}, {b, pb, 1 * time.Second, 2500 * time.Millisecond}, {a, pa, 2 * time.Second, 3 * time.Second}}
	var out, again bytes.Buffer
	made, err := tools.Clip(context.Background(), cuts, ClipOptions{Out: &out})
	if err != nil {
		t.Fatal(err)
	}
	if math.Abs(made.Duration-4.5) > 0.2 || !made.Audio || len(made.Read) != 3 {
		t.Errorf("%+v, %d lists", made.Proxy, len(made.Read))
	}
	if _, err := tools.Clip(context.Background(), cuts, ClipOptions{Out: &again}); err != nil || !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Errorf("the same cuts gave other bytes: %v", err)
	}
}

func TestClipRefuses(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := recorded(t, "a.mp4", clipSources[0].args...)
	p := probe(t, tools, src)
	text := bytes.NewReader([]byte("only words"))
	for name, c := range map[string]struct {
		cuts []Cut
		want error
	}{
		"none":       {nil, archive.ErrInvalid},
		"empty":      {[]Cut{{src, p, time.Second, time.Second}}, archive.ErrInvalid},
		"negative":   {[]Cut{{src, p, -time.Second, time.Second}}, archive.ErrInvalid},
		"beyond":     {[]Cut{{src, p, 39 * time.Second, 45 * time.Second}}, ErrNoReport},
		"not media":  {[]Cut{{text, probe(t, tools, text), 0, time.Second}}, ErrNotMedia},
		"cancelled?": {[]Cut{{brokenSource{src}, p, 20 * time.Second, 21 * time.Second}}, errBrokenDisk},
	} {
		var out bytes.Buffer
		if _, err := tools.Clip(context.Background(), c.cuts, ClipOptions{Out: &out}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

var errBrokenDisk = errors.New("disk")

// brokenSource fails in the middle of the material.
type brokenSource struct{ *bytes.Reader }

func (b brokenSource) ReadAt(p []byte, at int64) (int, error) {
	if at <= b.Size()/2 && at+int64(len(p)) > b.Size()/2 {
		return 0, errBrokenDisk
	}
	return b.Reader.ReadAt(p, at)
}

func TestMergedRanges(t *testing.T) {
	t.Parallel()
	got := merge([]Range{{5, 9}, {0, 2}, {2, 4}, {7, 7}, {8, 12}})
	want := []Range{{0, 4}, {5, 12}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v", got)
	}
}

// A recorder whose clock jumps makes a file that says it is an hour long and has nothing in the middle: the answer is about the
// stretch, not about the machine.
func TestAClipOfAStretchWithoutPictures(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := recorded(t, "jump.ts", "-vf", "setpts='if(lt(T,10),PTS,PTS+1000/TB)'", "-af", "asetpts='if(lt(T,10),PTS,PTS+1000/TB)'", "-vsync", "vfr", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "0", "-c:a", "mp2")
	p, err := tools.Probe(t.Context(), src)
	if err != nil || p.Duration < 900 {
		t.Fatalf("the recording does not jump: %v %v", p.Duration, err)
	}
	_, err = tools.Clip(t.Context(), []Cut{{Source: src, Probe: p, From: 400 * time.Second, To: 404 * time.Second}}, ClipOptions{Out: &bytes.Buffer{}})
	if Reason(err) != "damaged" {
		t.Errorf("%v", err)
	}
}
