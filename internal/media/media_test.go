package media

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"image/jpeg"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"zapis/internal/archive"
	"zapis/internal/demo/footage"
	"zapis/internal/sandbox"
)

var found = sync.OnceValues(func() (*Tools, error) { return Find(Options{}) })

// need gives the programs, or skips where they are not installed: CI must have them.
func need(t testing.TB) *Tools {
	t.Helper()
	tools, err := found()
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("find programs: %v", err)
		}
		t.Skipf("find programs: %v", err)
	}
	return tools
}

// odd is the folder of odd files, made once.
var odd = sync.OnceValues(func() (map[string][]byte, error) {
	dir, err := os.MkdirTemp("", "zapis-odd-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	list, err := footage.MakeOdd(context.Background(), dir, footage.Options{})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range list {
		b, err := os.ReadFile(filepath.Join(dir, f.Name))
		if err != nil {
			return nil, err
		}
		files[f.Name] = b
		oddList = list
	}
	return files, nil
})

var oddList []footage.Odd

func oddFile(t testing.TB, name string) *bytes.Reader {
	t.Helper()
	need(t)
	files, err := odd()
	if err != nil {
		t.Fatal(err)
	}
	b, ok := files[name]
	if !ok {
		t.Fatalf("no odd file %s", name)
	}
	return bytes.NewReader(b)
}

func probe(t testing.TB, tools *Tools, src Source) Probe {
	t.Helper()
	p, err := tools.Probe(context.Background(), src)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	return p
}

// ask runs ffprobe on something that came out, outside of everything tested here.
func ask(t testing.TB, b []byte, args ...string) map[string]any {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/ffprobe", append(append([]string{"-v", "error", "-of", "json"}, args...), path)...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var m map[string]any
	if err := json.Unmarshal(out, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func checkQuick(t *testing.T, q Quick) {
	t.Helper()
	if len(q.Micro) != MicroWidth*MicroHeight {
		t.Errorf("micro has %d bytes", len(q.Micro))
	}
	if len(q.Stills) == 0 {
		t.Error("no stills")
	}
	for i, s := range q.Stills {
		c, err := jpeg.DecodeConfig(bytes.NewReader(s.JPEG))
		if err != nil || c.Width != s.Width || c.Height != s.Height {
			t.Errorf("still %d: %v, %d × %d", i, err, c.Width, c.Height)
		}
	}
	b := q.Storyboard
	c, err := jpeg.DecodeConfig(bytes.NewReader(b.JPEG))
	if err != nil || c.Width != b.Columns*b.TileWidth || c.Height != b.Rows*b.TileHeight {
		t.Errorf("storyboard: %v, %d × %d", err, c.Width, c.Height)
	}
	if len(b.Times) == 0 || len(b.Times) > b.Columns*b.Rows {
		t.Errorf("%d times for %d × %d tiles", len(b.Times), b.Columns, b.Rows)
	}
	for i := 1; i < len(b.Times); i++ {
		if b.Times[i] <= b.Times[i-1] && !b.Approximate {
			t.Errorf("times do not rise: %v", b.Times)
			break
		}
	}
	if q.Report.ExitCode != 0 || q.Report.Tool.Version == "" || q.Report.Frames == 0 {
		t.Errorf("report: %+v", q.Report)
	}
}

// checkProxyFile asks ffprobe whether a working copy is what the recipe promises, and whether it decodes clean.
func checkProxyFile(t *testing.T, b []byte, p Proxy) {
	t.Helper()
	m := ask(t, b, "-show_format", "-show_streams", "-show_entries", "packet=pts_time,flags,stream_index")
	format := m["format"].(map[string]any)
	if tags, ok := format["tags"].(map[string]any); ok {
		for k := range tags {
			if k != "major_brand" && k != "minor_version" && k != "compatible_brands" {
				t.Errorf("working copy carries the tag %q", k)
			}
		}
	}
	if format["start_time"] != "0.000000" {
		t.Errorf("begins at %v", format["start_time"])
	}
	for _, s := range m["streams"].([]any) {
		s := s.(map[string]any)
		if s["codec_type"] != "video" {
			continue
		}
		want := strconv.FormatInt(p.RateNum, 10) + "/" + strconv.FormatInt(p.RateDen, 10)
		if s["codec_name"] != "h264" || s["profile"] != "Main" || s["pix_fmt"] != "yuv420p" {
			t.Errorf("stream: %v %v %v", s["codec_name"], s["profile"], s["pix_fmt"])
		}
		if p.Frames > 2 && s["r_frame_rate"] != want && s["avg_frame_rate"] != want {
			t.Errorf("rate %v / %v, want %s", s["r_frame_rate"], s["avg_frame_rate"], want)
		}
		if s["nb_frames"] != strconv.FormatInt(p.Frames, 10) {
			t.Errorf("%v frames, want %d", s["nb_frames"], p.Frames)
		}
		if h := s["height"].(float64); h > 720 || int(h) != p.Height {
			t.Errorf("height %v", h)
		}
	}
	last := -10.0
	for _, k := range m["packets"].([]any) {
		k := k.(map[string]any)
		if k["stream_index"] != 0.0 || !strings.HasPrefix(k["flags"].(string), "K") || p.Width == 0 {
			continue
		}
		at, _ := strconv.ParseFloat(k["pts_time"].(string), 64)
		if last > -10 && at-last > 2.1 {
			t.Errorf("key frames at %.2f and %.2f", last, at)
		}
		last = at
	}
	path := filepath.Join(t.TempDir(), "x.mp4")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-i", path, "-f", "null", "-").CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("decode working copy: %v %s", err, out)
	}
	// a player that seeks must get the frame it asked for
	if p.Duration > 2 && p.Width > 0 {
		out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-ss", "1.5", "-i", path, "-frames:v", "1", "-f", "framecrc", "-").Output()
		if err != nil || !bytes.Contains(out, []byte("\n0,")) {
			t.Errorf("seek: %v %s", err, out)
		}
	}
}

// TestOddFiles takes odd files through everything: each is browsable, or explained with a reason.
func TestOddFiles(t *testing.T) {
	t.Parallel()
	tools := need(t)
	if _, err := odd(); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	for _, f := range oddList {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			src := oddFile(t, f.Name)
			p := probe(t, tools, src)
			if (p.Reason == "") != f.Browsable {
				t.Fatalf("reason %q, kind %s, anomalies %v", p.Reason, p.Kind, p.Anomalies)
			}
			if p.Reason != "" {
				// no later pass may do what the probe refused
				if _, err := tools.Quick(ctx, src, p, QuickOptions{}); err == nil {
					t.Error("quick pass over what was refused")
				}
				if _, err := tools.Full(ctx, src, p, FullOptions{Proxy: io.Discard}); err == nil {
					t.Error("full pass over what was refused")
				}
				return
			}
			switch p.Kind {
			case archive.KindVideo:
				q, err := tools.Quick(ctx, src, p, QuickOptions{})
				if err != nil {
					t.Fatalf("quick: %v", err)
				}
				checkQuick(t, q)
				var out bytes.Buffer
				full, err := tools.Full(ctx, src, p, FullOptions{Proxy: &out})
				if err != nil {
					t.Fatalf("full: %v", err)
				}
				checkProxyFile(t, out.Bytes(), full.Proxy)
				if full.Proxy.Size != int64(out.Len()) {
					t.Errorf("size %d, wrote %d", full.Proxy.Size, out.Len())
				}
				if n := len(full.Lanes.Motion); n == 0 || n != full.Lanes.Seconds && full.Lanes.Seconds == 0 {
					t.Errorf("lanes: %+v", full.Lanes)
				}
				if full.Timing.Frames == 0 {
					t.Error("no frames counted")
				}
				if strings.HasPrefix(f.Name, "whole.") {
					if len(full.Anomalies) > 0 {
						t.Errorf("anomalies of a sound file: %v", full.Anomalies)
					}
					if d := full.Proxy.Duration; d < 3.8 || d > 4.2 {
						t.Errorf("lasts %.2f s", d)
					}
				}
				if strings.HasPrefix(f.Name, "cut.") || strings.HasPrefix(f.Name, "hole.") {
					if len(full.Anomalies)+len(p.Anomalies) == 0 && f.Name != "cut.ts" { // packets end where they were cut
						t.Error("damage without an anomaly")
					}
				}
			case archive.KindImage:
				i, err := tools.Image(ctx, src, p)
				if err != nil {
					t.Fatalf("image: %v", err)
				}
				if len(i.Micro) != 144 || len(i.Still.JPEG) == 0 {
					t.Errorf("%d, %d bytes", len(i.Micro), len(i.Still.JPEG))
				}
				if bytes.Contains(i.Still.JPEG, []byte("Exif")) || bytes.Contains(i.Still.JPEG, []byte("ZAPIS-DEMO")) || bytes.Contains(i.Still.JPEG, []byte("Lavc")) {
					t.Error("still carries metadata")
				}
			case archive.KindAudio:
				var out bytes.Buffer
				a, err := tools.Audio(ctx, src, p, AudioOptions{Proxy: &out})
				if err != nil {
					t.Fatalf("audio: %v", err)
				}
				checkProxyFile(t, out.Bytes(), a.Proxy)
				if len(a.Lanes.Peaks) != 2*3*peaksPerSecond {
					t.Errorf("%d peaks", len(a.Lanes.Peaks))
				}
			case archive.KindDocument:
				d, err := tools.PDF(ctx, src, p)
				if err != nil {
					t.Fatalf("paper: %v", err)
				}
				if d.Pages != 2 || len(d.Stills) != 2 || len(d.Micro) != 144 {
					t.Errorf("%d pages, %d stills", d.Pages, len(d.Stills))
				}
			default:
				t.Errorf("browsable, and of kind %s", p.Kind)
			}
		})
	}
}

func TestPictureIsTurnedUpright(t *testing.T) {
	t.Parallel()
	tools := need(t)
	for o, want := range map[int][2]int{1: {800, 600}, 3: {800, 600}, 6: {600, 800}, 8: {600, 800}} {
		src := bytes.NewReader(footage.Photo(1, oddTime, o))
		i, err := tools.Image(context.Background(), src, probe(t, tools, src))
		if err != nil {
			t.Fatal(err)
		}
		if got := [2]int{i.Still.Width, i.Still.Height}; got != want {
			t.Errorf("orientation %d: %v, want %v", o, got, want)
		}
	}
}

func TestProbeFacts(t *testing.T) {
	t.Parallel()
	tools := need(t)
	has := func(p Probe, code string) bool { return p.has(code) }
	for _, c := range []struct {
		name   string
		format string
		check  func(p Probe) bool
	}{
		{"whole.dav", "dav", func(p Probe) bool { return p.RecorderClock == float64(oddTime.Unix()) && p.Duration > 3.5 }},
		{"whole.avi", "avi", func(p Probe) bool { return p.RecorderClock == 0 && p.Duration == 4 }},
		{"whole.mp4", "mov", func(p Probe) bool { _, ok := p.Audio(); return ok && len(p.Streams) == 2 }},
		{"whole.3gp", "mov", func(p Probe) bool { v, _ := p.Video(); return v.Codec == "h263" && v.Aspect == "12:11" }},
		{"cut.avi", "avi", func(p Probe) bool { return has(p, AnomalyTruncated) && has(p, AnomalyNoIndex) }},
		{"cut.mkv", "matroska", func(p Probe) bool { return has(p, AnomalyTruncated) }},
		{"cut.m4v", "mov", func(p Probe) bool { return has(p, AnomalyTruncated) }},
		{"cut.mp4", "mov", func(p Probe) bool { return has(p, AnomalyNoIndex) && p.Reason == "damaged" }},
		{"junk.avi", "avi", func(p Probe) bool { return has(p, AnomalyJunkBefore) && p.Offset == 3000 }},
		{"junk.mp4", "mov", func(p Probe) bool { return has(p, AnomalyJunkBefore) && p.Offset == 3000 }},
		{"list.avi", "playlist", func(p Probe) bool { return has(p, AnomalyRefused) && p.Reason == "refused-container" }},
		{"text.mp4", "text", func(p Probe) bool { return p.Reason == "not-media" && p.Kind == archive.KindDocument }},
		{"photo.jpg", "jpeg", func(p Probe) bool { return p.CreatedAt == "2020-08-14T11:00:00" && p.Kind == archive.KindImage }},
		{"empty.mp4", "empty", func(p Probe) bool { return p.Reason == "not-media" }},
		{"paper.pdf", "pdf", func(p Probe) bool { return p.Pages == 2 }},
		{"noextension", "matroska", func(p Probe) bool { a, bad := p.ExtensionAnomaly(""); return bad && a.Code == AnomalyExtension }},
		{"really-avi.mp4", "avi", func(p Probe) bool { _, bad := p.ExtensionAnomaly(".MP4"); return bad }},
		{"whole.mkv", "matroska", func(p Probe) bool { _, bad := p.ExtensionAnomaly("mkv"); return !bad }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := probe(t, tools, oddFile(t, c.name))
			if p.Format != c.format || !c.check(p) {
				t.Errorf("%+v", p)
			}
		})
	}
}

// TestLargeFiles makes every file a large one by a tiny budget: pipes, reordered pipes, key frames and windows must
// give what memory gives.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	need(t)
	ctx := context.Background()
	small, err := Find(Options{MemoryBudget: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, how, quick string
	}{
		{"whole.avi", "pipe", "key frames"},
		{"whole.mkv", "pipe", "windows"},
		{"whole.ts", "pipe", "windows"},
		{"whole.dav", "pipe", "windows"},
		{"whole.asf", "pipe", "windows"},
		{"whole.h264", "pipe", "windows"},
		{"whole.mp4", "reordered pipe", "key frames"},
		{"whole.m4v", "pipe", "key frames"},
		{"whole.3gp", "reordered pipe", "key frames"},
		{"junk.avi", "pipe", "key frames"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := oddFile(t, c.name)
			p := probe(t, small, src)
			if p.Kind != archive.KindVideo || p.Reason != "" {
				t.Fatalf("%+v", p)
			}
			q, err := small.Quick(ctx, src, p, QuickOptions{})
			if err != nil {
				t.Fatalf("quick: %v", err)
			}
			checkQuick(t, q)
			if q.Report.Input != c.quick {
				t.Errorf("quick pass by %s, want %s", q.Report.Input, c.quick)
			}
			var out bytes.Buffer
			full, err := small.Full(ctx, src, p, FullOptions{Proxy: &out})
			if err != nil {
				t.Fatalf("full: %v", err)
			}
			if full.Report.Input != c.how {
				t.Errorf("full pass by %s, want %s", full.Report.Input, c.how)
			}
			if d := full.Proxy.Duration; d < 3.8 || d > 4.2 {
				t.Errorf("lasts %.2f s", d)
			}
			checkProxyFile(t, out.Bytes(), full.Proxy)
		})
	}
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		src := oddFile(t, "screen.png")
		if _, err := small.Image(ctx, src, probe(t, need(t), src)); !errors.Is(err, ErrNeedsSeek) || Reason(err) != "too-large" {
			t.Errorf("error %v, want %v", err, ErrNeedsSeek)
		}
	})
}

// TestHostileLists: a list that names another file must not be followed. Each wall is tried without the others.
func TestHostileLists(t *testing.T) {
	t.Parallel()
	tools := need(t)
	ctx := context.Background()
	dir, err := os.MkdirTemp("/tmp", "zapis-hostile-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	other := filepath.Join(dir, "other.avi")
	files, err := odd()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.WriteFile(other, files["whole.avi"], 0o644), os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, "other.ts"), files["whole.ts"], 0o644)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "img001.jpg"), files["photo.jpg"], 0o644); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"concat":   "ffconcat version 1.0\nfile '" + other + "'\n",
		"playlist": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nfile:" + filepath.Join(dir, "other.ts") + "\n#EXT-X-ENDLIST\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			src := bytes.NewReader([]byte(text))
			// the first wall: such a text never gets to ffmpeg
			p := probe(t, tools, src)
			if p.Reason != "refused-container" || !errors.Is(refusal(p), ErrRefused) {
				t.Fatalf("%+v", p)
			}
			path := filepath.Join(dir, name+".avi")
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			// what ffprobe finds on its own, in no sandbox, with the options before -i
			bare := func(options ...string) bool {
				out, _ := exec.Command(tools.ffprobe, append(options, "-show_entries", "stream=width", "-of", "csv")...).Output()
				return bytes.Contains(out, []byte("352"))
			}
			options := func(demuxer string, open bool) []string {
				x := *tools
				x.open = open
				return append([]string{"-v", "error"}, x.inputArgs(&feed{url: "file:" + path, proto: "file"}, demuxer)...)
			}
			if !bare(append([]string{"-safe", "0"}, options("", true)...)...) && !bare(options("", true)...) && !bare(append([]string{"-allowed_extensions", "ALL"}, options("", true)...)...) {
				t.Fatal("without any wall ffprobe should follow the list, or this test shows nothing")
			}
			// the second wall alone: the lists of what may be opened
			for _, demuxer := range []string{"", "avi", "mov", "mpegts"} {
				if bare(options(demuxer, false)...) {
					t.Errorf("followed with the demuxer %q", demuxer)
				}
			}
			// the third wall alone: the sandbox, with the lists off
			x := *tools
			x.open = true
			f, err := x.inMemory(ctx, src, "memory")
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			var out bytes.Buffer
			pre := []string{"-v", "error", "-show_entries", "stream=width", "-of", "csv"}
			if name == "concat" {
				pre = append(pre, "-safe", "0")
			}
			rep, err := x.run(ctx, call{
				path: x.ffprobe, name: "ffprobe", args: append(pre, x.inputArgs(f, "")...), feed: f,
				stdout: func(r io.Reader) error { _, err := io.Copy(&out, r); return err },
			})
			if bytes.Contains(out.Bytes(), []byte("352")) {
				t.Errorf("followed inside the sandbox: %v %s", err, rep.Errors)
			}
			if strings.Contains(rep.Errors, dir) {
				t.Errorf("report names a path: %s", rep.Errors)
			}
		})
	}
}

// TestWhatMustNotReachFFmpeg: texts, subtitles and papers are decided upon in Go.
func TestWhatMustNotReachFFmpeg(t *testing.T) {
	t.Parallel()
	// a Tools without programs: anything that got through would fail to start
	tools := &Tools{ffmpeg: "/nonexistent", ffprobe: "/nonexistent"}
	for name, text := range map[string]string{
		"srt":       "1\n00:00:01,000 --> 00:00:02,000\nhello\n",
		"ass":       "[Script Info]\nTitle: x\n",
		"m3u":       "#EXTM3U\nhttp://192.0.2.1/x\n",
		"pls":       "[playlist]\nFile1=/etc/passwd\n",
		"sdp":       "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
		"asx":       "<asx version=\"3.0\"><entry><ref href=\"/etc/passwd\"/></entry></asx>",
		"dash":      "<?xml version=\"1.0\"?>\n<MPD></MPD>",
		"spaces":    "\n\n  ffconcat version 1.0\nfile /etc/passwd\n",
		"marked":    "\xef\xbb\xbf#EXTM3U\n/etc/passwd\n",
		"svg":       "<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"/etc/passwd\"/></svg>",
		"metadata":  ";FFMETADATA1\ntitle=x\n",
		"script":    "#!/bin/sh\nid\n",
		"utf-16":    "\xff\xfeh\x00i\x00",
		"old code":  "\xcf\xf0\xe8\xe2\xe5\xf2\n\xcf\xf0\xe8\xe2\xe5\xf2",
		"zip":       "PK\x03\x04aaaaaaaaaaaa",
		"program":   "\x7fELFaaaaaaaaaaaaaaa",
		"tiny":      "x",
		"heif":      "\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
		"encrypted": "age-encryption.org/v1\n-> X25519 aaa\n",
	} {
		p, err := tools.Probe(context.Background(), bytes.NewReader([]byte(text)))
		if err != nil || p.Reason == "" {
			t.Errorf("%s: %v, %+v", name, err, p)
		}
		if p.Report.Tool.Name != "" {
			t.Errorf("%s: a program was asked", name)
		}
	}
}

func TestCancelAndBeat(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := oddFile(t, "whole.mkv")
	p := probe(t, tools, src)
	ctx, cancel := context.WithCancel(context.Background())
	beats := 0
	_, err := tools.Full(ctx, src, p, FullOptions{Proxy: io.Discard, Beat: func(s float64) {
		if beats++; beats == 2 {
			cancel()
		}
		if s <= 0 || s > 5 {
			t.Errorf("beat at %v", s)
		}
	}})
	if err == nil && beats < 2 || err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after %d beats", err, beats)
	}
	if err != nil && Reason(err) != "" {
		t.Errorf("cancelled, and the material is blamed: %v", err)
	}
}

// failing is a source or writer whose disk is broken.
type failing struct{ size int64 }

func (f failing) Size() int64                     { return f.size }
func (failing) ReadAt([]byte, int64) (int, error) { return 0, errDisk }
func (failing) Write([]byte) (int, error)         { return 0, errDisk }

var errDisk = errors.New("disk is broken")

func TestBrokenSourceAndWriter(t *testing.T) {
	t.Parallel()
	tools := need(t)
	ctx := context.Background()
	if _, err := tools.Probe(ctx, failing{1000}); !errors.Is(err, errDisk) {
		t.Errorf("probe: %v", err)
	}
	src := oddFile(t, "whole.mkv")
	p := probe(t, tools, src)
	if _, err := tools.Full(ctx, failing{src.Size()}, p, FullOptions{Proxy: io.Discard}); !errors.Is(err, errDisk) || Reason(err) != "" {
		t.Errorf("full: %v", err)
	}
	if _, err := tools.Full(ctx, src, p, FullOptions{Proxy: failing{}}); !errors.Is(err, errDisk) || Reason(err) != "" {
		t.Errorf("write: %v", err)
	}
	// and one that breaks on the way, through a pipe
	small, err := Find(Options{MemoryBudget: 4 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := small.Full(ctx, breaks{src, src.Size() / 2}, p, FullOptions{Proxy: io.Discard}); !errors.Is(err, errDisk) {
		t.Errorf("pipe: %v", err)
	}
}

// breaks is a source that cannot be read from some place on.
type breaks struct {
	Source
	from int64
}

func (b breaks) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > b.from {
		return 0, errDisk
	}
	return b.Source.ReadAt(p, off)
}

// TestBudgetIsShared: runs at the same time wait for each other's memory instead of adding it up.
func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	need(t)
	src := oddFile(t, "whole.avi")
	tools, err := Find(Options{MemoryBudget: src.Size() + 10})
	if err != nil {
		t.Fatal(err)
	}
	a, err := tools.inMemory(context.Background(), src, "memory")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if b, err := tools.inMemory(ctx, src, "memory"); err == nil {
		b.close()
		t.Error("twice the budget was given out")
	}
	a.close()
	b, err := tools.inMemory(context.Background(), src, "memory")
	if err != nil {
		t.Fatal(err)
	}
	b.close()
}

// TestInputIsSealed: what a program is handed cannot be changed, not even by us.
func TestInputIsSealed(t *testing.T) {
	t.Parallel()
	tools := need(t)
	f, err := tools.inMemory(context.Background(), oddFile(t, "whole.avi"), "memory")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	if _, err := f.channel.File.WriteAt([]byte("x"), 0); err == nil {
		t.Error("written to")
	}
	if err := f.channel.File.Truncate(0); err == nil {
		t.Error("shortened")
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	tools := need(t)
	if _, err := Find(Options{Sandbox: tools.box, FFmpeg: "/usr/bin/false"}); err == nil {
		t.Error("a program without a version was taken")
	}
	if len(tools.Versions()) < 2 || len(tools.Isolation()) == 0 {
		t.Errorf("%v %v", tools.Versions(), tools.Isolation())
	}
	var _ []sandbox.Layer = tools.Isolation()
}
