package media

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"zapis/internal/media/mask"
)

// counted makes a recording in which frame i is one even grey: shade(i).
func counted(t *testing.T, name string, args ...string) *bytes.Reader {
	t.Helper()
	need(t)
	at := filepath.Join(t.TempDir(), name)
	all := append([]string{"-v", "error", "-f", "lavfi", "-i", "color=c=black:size=160x120:rate=25:duration=24,format=yuv420p,geq=lum='20+mod(N*4\\,200)':cb=128:cr=128"}, args...)
	if out, err := exec.Command("/usr/bin/ffmpeg", append(all, at)...).CombinedOutput(); err != nil {
		t.Fatalf("make a recording: %v: %s", err, out)
	}
	b, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

func shade(i int64) int { return 20 + int(i*4%200) }

// uneven holds every fifth frame for longer and lets one stand for two seconds; the picture keeps its number.
const uneven = "setpts='(N+floor(N/5)*0.5+if(gte(N,300),50,0))/25/TB'"

func TestRawFramesAreTheFramesOfTheListAtTheirTimes(t *testing.T) {
	t.Parallel()
	tools := need(t)
	long := 13 * time.Second // beyond how far back is looked at first
	for _, c := range []struct {
		name   string
		args   []string
		narrow bool
	}{
		{"a.mp4", []string{"-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "3"}, true},
		{"late.mp4", []string{"-output_ts_offset", "5.017", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25"}, true},
		{"vfr.mp4", []string{"-vf", uneven, "-vsync", "vfr", "-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "2"}, true},
		{"vfr.mkv", []string{"-vf", uneven, "-vsync", "vfr", "-c:v", "mpeg4", "-q:v", "2"}, false},
		{"opengop.mp4", []string{"-c:v", "libx264", "-preset", "fast", "-g", "30", "-bf", "4", "-x264-params", "open-gop=1:b-adapt=0:scenecut=0"}, true},
		{"opengop.ts", []string{"-c:v", "libx264", "-preset", "fast", "-g", "30", "-bf", "4", "-x264-params", "open-gop=1:b-adapt=0:scenecut=0"}, false},
		{"a.avi", []string{"-c:v", "mpeg4", "-q:v", "2", "-g", "25"}, true},
		{"ntsc.mp4", []string{"-r", "30000/1001", "-vf", "setpts=N*1001/30000/TB", "-c:v", "libx264", "-preset", "ultrafast", "-g", "30"}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := counted(t, c.name, c.args...)
			p := probe(t, tools, src)
			list, _, err := tools.Frames(t.Context(), src, p)
			if err != nil {
				t.Fatal(err)
			}
			if len(list.Ticks) < 500 {
				t.Fatalf("%d frames", len(list.Ticks))
			}
			all := int64(len(list.Ticks))
			for _, span := range []struct{ from, to time.Duration }{
				{list.Time(100), list.Time(110)},                            // from frame to frame
				{list.Time(301) - 1, list.Time(305) + 1},                    // a microsecond before
				{list.Time(200) + 7*time.Millisecond, list.Time(203) - 1},   // in the middle
				{0, list.Time(3)},                                           // the beginning
				{list.Time(all - 4), list.Time(all-1) + 5*time.Millisecond}, // the end
				{long, long + 200*time.Millisecond},
			} {
				first, last := list.At(span.from), list.At(span.to-time.Microsecond)
				next := first
				each := func(n int, us int64, pic *mask.Picture) error {
					if int64(n) != next-first {
						t.Errorf("frame %d is called %d", next, n)
					}
					if want := list.Time(next).Microseconds(); us != want {
						t.Errorf("%v: frame %d is at %d µs, want %d", span, next, us, want)
					}
					if got := int(pic.Y[60*pic.StrideY+80]); got < shade(next)-1 || got > shade(next)+1 {
						t.Errorf("%v: frame %d has shade %d, want %d", span, next, got, shade(next))
					}
					next++
					return nil
				}
				cut := Cut{Source: src, Probe: p, From: span.from, To: span.to}
				rep, read, err := tools.RawFrames(t.Context(), cut, RawOptions{}, each)
				narrow := c.narrow
				if errors.Is(err, ErrNarrow) && c.name == "opengop.mp4" {
					// The decoder misses what the first pictures after an open key frame refer to, and says so.
					next, narrow = first, false
					rep, read, err = tools.RawFrames(t.Context(), cut, RawOptions{Whole: true}, each)
				}
				if err != nil {
					t.Fatalf("%v: %v: %s", span, err, rep.Errors)
				}
				if next != last+1 {
					t.Errorf("%v: frames %d to %d, want up to %d", span, first, next-1, last)
				}
				var n int64
				for _, r := range read {
					n += r.To - r.From
				}
				if narrow && n > src.Size()*9/10 {
					t.Errorf("%v: %d of %d bytes were read", span, n, src.Size())
				}
			}
		})
	}
}

func TestRawFramesFindTheFrameThatStandsForLong(t *testing.T) {
	t.Parallel()
	tools := need(t)
	// Two pictures half a minute apart in a stream without an index.
	src := counted(t, "still.mkv", "-vf", "select='lt(n,3)',setpts='N*30/TB'", "-vsync", "vfr", "-c:v", "mpeg4", "-q:v", "2")
	p := probe(t, tools, src)
	var got []int64
	_, _, err := tools.RawFrames(t.Context(), Cut{Source: src, Probe: p, From: 55 * time.Second, To: 61 * time.Second}, RawOptions{Gray: true, MaxHeight: 60}, func(n int, us int64, pic *mask.Picture) error {
		if pic.W != 80 || pic.H != 60 || len(pic.U) != 0 {
			t.Errorf("%d × %d, %d", pic.W, pic.H, len(pic.U))
		}
		got = append(got, us)
		return nil
	})
	if err != nil || len(got) != 2 || got[0] != 30e6 || got[1] != 60e6 {
		t.Errorf("%v %v", got, err)
	}
}

func TestRawFramesStopAndRefuse(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := counted(t, "a.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	p := probe(t, tools, src)
	mine := errors.New("enough")
	calls := 0
	_, _, err := tools.RawFrames(t.Context(), Cut{Source: src, Probe: p, From: time.Second, To: 20 * time.Second}, RawOptions{}, func(int, int64, *mask.Picture) error {
		calls++
		return mine
	})
	if !errors.Is(err, mine) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
	var times []int64
	_, _, err = tools.RawFrames(t.Context(), Cut{Source: src, Probe: p, From: time.Second, To: 3 * time.Second}, RawOptions{Rate: 5}, func(n int, us int64, _ *mask.Picture) error {
		times = append(times, us)
		return nil
	})
	if err != nil || len(times) != 10 || times[1]-times[0] != 200_000 {
		t.Errorf("%v %v", times, err)
	}
	_, _, err = tools.RawFrames(t.Context(), Cut{Source: src, Probe: p, From: time.Hour, To: time.Hour + time.Second}, RawOptions{}, func(n int, us int64, _ *mask.Picture) error { return nil })
	t.Logf("beyond the end: %v", err)
	// Damage within what is read is found out, and the caller told to ask for all.
	b := make([]byte, src.Size())
	_, _ = src.ReadAt(b, 0)
	m, _ := walkMovie(bytes.NewReader(b))
	track, err := parseVideoTrack(m.moovBody, src.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range track.samples[300:312] {
		for i := s.at + 6; i < s.at+int64(s.size); i++ {
			b[i] ^= 0x5a
		}
	}
	_, _, err = tools.RawFrames(t.Context(), Cut{Source: bytes.NewReader(b), Probe: p, From: 12 * time.Second, To: 13 * time.Second}, RawOptions{}, func(n int, us int64, _ *mask.Picture) error { return nil })
	if !errors.Is(err, ErrNarrow) {
		t.Errorf("damaged: %v", err)
	}
}

func FuzzFrameTimes(f *testing.F) {
	f.Add("#tb 0: 1/25\n0,          0,          0,        1,      256, 0xb357ba75\n0, 1, 1, 1, 256, 0x1\n")
	f.Add("#tb 0: 0/0\n0,0,0,1,1,0\n")
	f.Add("#tb 0: 1/90000\n0, NOPTS, NOPTS, 1, 256, 0x1\n0, 1, -9223372036854775808, 1, 256, 0x1\n")
	f.Fuzz(func(t *testing.T, text string) {
		times := newFrameTimes(&clipCut{}, time.Second, false)
		if err := times.read(strings.NewReader(text)); err != nil {
			return
		}
		for i := range times.count() {
			if us, ok := times.at(int(i)); !ok || us < -maxMicros || us > maxMicros {
				t.Fatalf("frame %d is at %d µs, %v", i, us, ok)
			}
		}
		if _, ok := times.at(int(times.count())); ok {
			t.Fatal("a frame beyond the last")
		}
	})
}

// fuse is a source of which the beginning can be read so many times.
type fuse struct {
	*bytes.Reader
	left int
}

func (f *fuse) ReadAt(p []byte, at int64) (int, error) {
	if at == 0 {
		if f.left--; f.left < 0 {
			return 0, errBrokenDisk
		}
	}
	return f.Reader.ReadAt(p, at)
}

// A picture that stands for long is decoded a second time. Whatever becomes of that, the memory of either run is given back once.
func TestRawFramesGiveTheirMemoryBack(t *testing.T) {
	t.Parallel()
	need(t)
	tools, err := Find(Options{}) // with memory of its own
	if err != nil {
		t.Fatal(err)
	}
	src := made(t, "still.mov", "-f", "lavfi", "-i", "color=c=white:size=160x120:rate=1:duration=30,format=yuv420p", "-vf", "select='eq(n,0)+eq(n,29)'", "-vsync", "vfr", "-c:v", "mpeg4")
	p := probe(t, tools, src)
	frames := func(left int) (int, error) {
		f := &fuse{src, left}
		_, _, err := tools.RawFrames(t.Context(), Cut{f, p, 20 * time.Second, 21 * time.Second}, RawOptions{}, func(_ int, us int64, _ *mask.Picture) error {
			if us != 0 {
				t.Errorf("frame of %d", us)
			}
			return nil
		})
		return left - f.left, err
	}
	reads, err := frames(1000)
	if err != nil || reads < 2 {
		t.Fatalf("read %d times, %v", reads, err)
	}
	for left := range reads {
		if _, err := frames(left); err == nil {
			t.Errorf("no error although the source broke at the %d. reading", left+1)
		}
	}
	if !tools.memory.TryAcquire(tools.budget) {
		t.Fatal("memory was not given back")
	}
	tools.memory.Release(tools.budget)
}
