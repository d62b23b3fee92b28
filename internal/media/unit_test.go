package media

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"zapis/internal/demo/footage"
)

var oddTime = time.Date(2020, 8, 14, 11, 0, 0, 0, time.UTC)

// grey makes frames of one brightness each, with a moving square if move is set.
func greyFrames(n int, level func(i int) byte, move bool) []byte {
	var b []byte
	for i := range n {
		f := bytes.Repeat([]byte{level(i)}, greyWidth*greyHeight)
		if move {
			for y := 20; y < 60; y++ {
				for x := 0; x < 20; x++ {
					f[y*greyWidth+(x+i*3)%greyWidth] = 200
				}
			}
		}
		b = append(b, f...)
	}
	return b
}

func TestPictureLanes(t *testing.T) {
	t.Parallel()
	run := func(b []byte) Lanes {
		g := newGreys(greyRate)
		if err := g.read(bytes.NewReader(b), nil); err != nil {
			t.Fatal(err)
		}
		var l Lanes
		g.lanes(&l)
		return l
	}
	level := func(v byte) func(int) byte { return func(int) byte { return v } }
	still := run(greyFrames(50, level(100), false))
	if len(still.Motion) != 10 || slices.Max(still.Motion) != 0 || len(still.Freeze) != 1 || still.Freeze[0].To < 9 {
		t.Errorf("still picture: %+v", still)
	}
	moving := run(greyFrames(50, level(100), true))
	if slices.Min(moving.Motion[1:]) < 10 || len(moving.Freeze) > 0 || len(moving.Scenes) > 0 || len(moving.Black) > 0 {
		t.Errorf("moving picture: %+v", moving)
	}
	cut := run(append(greyFrames(25, level(60), true), greyFrames(25, level(150), true)...))
	if !slices.Equal(cut.Scenes, []float64{5}) {
		t.Errorf("cut: %v", cut.Scenes)
	}
	black := run(append(append(greyFrames(10, level(90), true), greyFrames(10, level(2), false)...), greyFrames(10, level(90), true)...))
	if len(black.Black) != 1 || black.Black[0] != (Span{2, 4}) {
		t.Errorf("black: %v", black.Black)
	}
	flicker := run(greyFrames(50, func(i int) byte {
		if i >= 20 && i < 40 && i%2 == 0 {
			return 220
		}
		return 80
	}, false))
	if len(flicker.Strobe) != 1 || flicker.Strobe[0].From < 3.9 || flicker.Strobe[0].To > 9.5 {
		t.Errorf("flicker: %v", flicker.Strobe)
	}
	if len(cut.Strobe) > 0 {
		t.Errorf("a cut is no flicker: %v", cut.Strobe)
	}
	long := newGreys(0.001) // each frame stands for a thousand seconds
	if err := long.read(bytes.NewReader(greyFrames(300, level(9), false)), nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than three days: %v", err)
	}
	g := newGreys(greyRate)
	if err := g.read(bytes.NewReader(make([]byte, greyWidth*greyHeight+7)), nil); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("part of a frame: %v", err)
	}
}

func TestSoundLanes(t *testing.T) {
	t.Parallel()
	tone := func(seconds int, amplitude float64) []byte {
		b := make([]byte, 0, 2*seconds*soundRate)
		for i := range seconds * soundRate {
			v := int16(amplitude * 32767 * math.Sin(2*math.Pi*997*float64(i)/soundRate))
			b = binary.LittleEndian.AppendUint16(b, uint16(v))
		}
		return b
	}
	var s sounds
	in := slices.Concat(tone(5, 1), make([]byte, 2*soundRate*4), tone(5, 1))
	if err := s.read(bytes.NewReader(in), nil); err != nil {
		t.Fatal(err)
	}
	var l Lanes
	s.lanes(&l)
	// the recommendation: a 997 Hz sine of full scale in one channel measures −3.01
	if math.Abs(l.Integrated+3.01) > 0.15 {
		t.Errorf("integrated %v, want about -3.01", l.Integrated)
	}
	if len(l.Peaks) != 2*14*peaksPerSecond || l.Peaks[0] > -120 || l.Peaks[1] < 120 {
		t.Errorf("%d peaks, %v", len(l.Peaks), l.Peaks[:2])
	}
	if !slices.Equal(l.Silence, []Span{{5, 9}}) {
		t.Errorf("silence %v", l.Silence)
	}
	if l.Seconds != 14 || len(l.Loudness) != 14 || math.Abs(l.Loudness[0]+3.01) > 0.1 || l.Loudness[6] != -90 {
		t.Errorf("loudness %v", l.Loudness)
	}
	var odd sounds
	if err := odd.read(bytes.NewReader(make([]byte, 641)), nil); err == nil {
		t.Error("half a sample went through")
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	got, n := scrub([]byte("Warning: using insecure memory!\n[h264 @ 0x55d0c8a7e540] error at /home/ivan/leak/x.avi\nfile:/proc/self/fd/3: bad\ntitle 'Ivan \"P\"'\n\x1b[31mred\n"), 800)
	for _, bad := range []string{"ivan", "Ivan", "home", "55d0", "\x1b", "insecure"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q is still there: %q", bad, got)
		}
	}
	if !strings.Contains(got, "[h264 @ 0x-] error at -") || n != 4+10 {
		t.Errorf("%d lines: %q", n, got)
	}
}

func TestReason(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		ErrDamaged: "damaged", ErrNeedsSeek: "too-large", ErrTooLarge: "too-large", ErrTimedOut: "timed-out", ErrRefused: "refused-container",
		ErrNotMedia: "not-media", ErrNoDecoder: "no-decoder", ErrEncrypted: "encrypted", ErrNoTool: "", ErrNoReport: "", context.Canceled: "",
	} {
		if got := Reason(fmt.Errorf("x: %w", err)); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
		if want != "" && want != "too-large" && !errors.Is(refusal(Probe{Reason: want}), err) {
			t.Errorf("%q does not lead back", want)
		}
	}
}

func TestProxyRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ num, den, wantNum, wantDen int64 }{
		{25, 1, 25, 1}, {30000, 1001, 30000, 1001}, {2997, 125, 24000, 1001}, {10, 1, 10, 1}, {0, 0, 25, 1}, {90000, 1, 60, 1},
		{1, 10, 1, 1}, {125, 10, 1250, 100}, {15, 1, 15, 1}, {10000000, 400133, 25, 1}, {1000, 83, 12, 1},
	} {
		if n, d := proxyRate(Stream{RateNum: c.num, RateDen: c.den}); n != c.wantNum || d != c.wantDen {
			t.Errorf("%d/%d: %d/%d, want %d/%d", c.num, c.den, n, d, c.wantNum, c.wantDen)
		}
	}
}

func TestProxySize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		s    Stream
		w, h int
	}{
		{Stream{Width: 1920, Height: 1080}, 1280, 720},
		{Stream{Width: 1080, Height: 1920}, 720, 1280},
		{Stream{Width: 1920, Height: 1080, Rotation: 90}, 720, 1280},
		{Stream{Width: 352, Height: 288, Aspect: "12:11"}, 384, 288},
		{Stream{Width: 704, Height: 288, Aspect: "1:2"}, 352, 288},
		{Stream{Width: 10000, Height: 10}, 1280, 2},
		{Stream{Width: 1, Height: 1}, 2, 2},
	} {
		if w, h := proxySize(c.s, 720); w != c.w || h != c.h {
			t.Errorf("%+v: %d × %d, want %d × %d", c.s, w, h, c.w, c.h)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Stream{
			Width: rapid.IntRange(0, 20000).Draw(t, "w"), Height: rapid.IntRange(0, 20000).Draw(t, "h"),
			Rotation: rapid.SampledFrom([]int{0, 90, 180, 270}).Draw(t, "r"), Aspect: rapid.SampledFrom([]string{"", "12:11", "64:45", "1:100", "0:1", "x"}).Draw(t, "a"),
		}
		w, h := proxySize(s, 720)
		if w < 2 || h < 2 || w%2 == 1 || h%2 == 1 || min(w, h) > 720 || max(w, h) > 1280 {
			t.Fatalf("%d × %d", w, h)
		}
	})
}

// TestSourceFrame holds the way back to the original's frames against a plain count.
func TestSourceFrame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Int64Range(1, 400), 1, 200).Draw(t, "gaps")
		start := rapid.Int64Range(-1000, 1000).Draw(t, "start")
		tm := Timing{TimeBaseNum: 1, TimeBaseDen: 1000, RateNum: int64(rapid.IntRange(1, 60).Draw(t, "rate")), RateDen: 1, Start: start, Frames: int64(len(gaps))}
		at := start
		for _, g := range gaps {
			tm.PTS = append(tm.PTS, at)
			at += g
		}
		n := rapid.Int64Range(0, 300).Draw(t, "n")
		got, sec, ok := tm.SourceFrame(n)
		want := int64(0)
		for i, p := range tm.PTS {
			if int64(math.Round(float64(p-start)/1000*float64(tm.RateNum))) <= n {
				want = int64(i)
			}
		}
		if !ok || got != want || sec != float64(tm.PTS[got])/1000 {
			t.Fatalf("frame %d (%v), want %d", got, ok, want)
		}
	})
	if _, _, ok := (Timing{}).SourceFrame(3); ok {
		t.Error("a frame out of nothing")
	}
}

// encodedFragments gives a stream as the encoder makes it, with picture and sound.
func fragments(t testing.TB) []byte {
	t.Helper()
	tools := need(t)
	src := oddFile(t, "whole.mp4")
	f, err := tools.inMemory(context.Background(), src, "memory")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	var b bytes.Buffer
	args := append(append([]string{"-v", "error"}, tools.inputArgs(f, "mov")...), "-c:v", "libx264", "-preset", "veryfast", "-g", "10", "-c:a", "aac", "-ac", "1")
	_, err = tools.run(context.Background(), call{path: tools.ffmpeg, name: "ffmpeg", feed: f, args: append(append(args, muxArgs...), "pipe:4"), out: []func(io.Reader) error{
		func(r io.Reader) error { _, err := io.Copy(&b, r); return err },
	}})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDefragmentPrefixes: a working copy that was cut off anywhere is refused, so is one with anything changed in
// its structure that would be noticed by a player.
func TestDefragmentPrefixes(t *testing.T) {
	t.Parallel()
	b := fragments(t)
	d, err := defragment(bytes.NewReader(b), io.Discard, "isom")
	if err != nil {
		t.Fatal(err)
	}
	if v, a := d.track("vide"), d.track("soun"); v == nil || a == nil || len(v.sizes) != 40 || v.total != int64(v.scale)*4 {
		t.Fatalf("tracks: %+v", d.order)
	}
	for n := 0; n < len(b); n += 61 {
		if _, err := defragment(bytes.NewReader(b[:n]), io.Discard, "isom"); err == nil {
			t.Fatalf("the first %d of %d bytes were taken for a working copy", n, len(b))
		} else if !errors.Is(err, errProxy) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
	if _, err := defragment(bytes.NewReader(b), failing{}, "isom"); !errors.Is(err, errDisk) || errors.Is(err, errProxy) {
		t.Errorf("writer's error: %v", err)
	}
}

func TestCheckProxy(t *testing.T) {
	t.Parallel()
	b := fragments(t)
	fresh := func() *defragmenter {
		d, err := defragment(bytes.NewReader(b), io.Discard, "isom")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if _, err := checkProxy(fresh(), 352, 288, 10, 1, true, 4); err != nil {
		t.Fatalf("a good one: %v", err)
	}
	for name, f := range map[string]func(d *defragmenter) error{
		"nothing": func(d *defragmenter) error { _, err := checkProxy(nil, 352, 288, 10, 1, true, 4); return err },
		"size":    func(d *defragmenter) error { _, err := checkProxy(d, 354, 288, 10, 1, true, 4); return err },
		"rate":    func(d *defragmenter) error { _, err := checkProxy(d, 352, 288, 25, 1, true, 4); return err },
		"length":  func(d *defragmenter) error { _, err := checkProxy(d, 352, 288, 10, 1, true, 9); return err },
		"sound":   func(d *defragmenter) error { _, err := checkProxy(d, 352, 288, 10, 1, false, 4); return err },
		"key frames": func(d *defragmenter) error {
			v := d.track("vide")
			v.syncs = v.syncs[:1]
			_, err := checkProxy(d, 352, 288, 10, 1, true, 4)
			return err
		},
		"first frame": func(d *defragmenter) error {
			v := d.track("vide")
			v.syncs = v.syncs[1:]
			_, err := checkProxy(d, 352, 288, 10, 1, true, 4)
			return err
		},
	} {
		if err := f(fresh()); !errors.Is(err, ErrNoReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCut: pictures and the list of their sizes come on two ways and must agree.
func TestCut(t *testing.T) {
	t.Parallel()
	m := image.NewYCbCr(image.Rect(0, 0, 32, 16), image.YCbCrSubsampleRatio420)
	one, err := encodeJPEG(m, 80)
	if err != nil {
		t.Fatal(err)
	}
	list := func(sizes ...int64) *packetList {
		return &packetList{num: 1, den: 10, sizes: sizes, pts: make([]int64, len(sizes))}
	}
	n := int64(len(one))
	two := append(bytes.Clone(one), one...)
	if f, err := cut(two, list(n, n), 32, 16); err != nil || len(f) != 2 {
		t.Fatalf("%d, %v", len(f), err)
	}
	for name, c := range map[string]struct {
		b []byte
		l *packetList
		w int
	}{
		"too many bytes": {two, list(n), 32}, "too few": {one, list(n, n), 32}, "shifted": {two, list(n-1, n+1), 32},
		"another size": {two, list(n, n), 64}, "negative": {two, list(-1, n), 32}, "cut off": {two[:n+n/2], list(n, n/2), 32},
	} {
		if _, err := cut(c.b, c.l, c.w, 16); !errors.Is(err, ErrNoReport) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeJPEGRefusesBombs(t *testing.T) {
	t.Parallel()
	b, err := encodeJPEG(image.NewYCbCr(image.Rect(0, 0, 640, 480), image.YCbCrSubsampleRatio420), 50)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decodeJPEG(b, 639, 480); !errors.Is(err, ErrNoReport) {
		t.Errorf("wider than asked: %v", err)
	}
	// a header that promises 65500 × 65500
	i := bytes.Index(b, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(b[i+5:], 65500)
	binary.BigEndian.PutUint16(b[i+7:], 65500)
	if _, err := decodeJPEG(b, 1600, 1600); !errors.Is(err, ErrNoReport) {
		t.Errorf("bomb: %v", err)
	}
}

func TestThin(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 300).Draw(t, "list")
		slices.Sort(list)
		n := rapid.IntRange(1, 100).Draw(t, "n")
		out := thin(list, n, func(f float64) float64 { return f })
		if len(out) == 0 || len(out) > n || !slices.IsSorted(out) {
			t.Fatalf("%v", out)
		}
		if n > 1 && len(list) > n && list[0] < list[len(list)-1] && (out[0] != list[0] || out[len(out)-1] != list[len(list)-1]) {
			t.Fatalf("ends are lost: %v", out)
		}
	})
}

func TestSpanJSON(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal(Lanes{Black: []Span{{1, 2.5}}})
	if err != nil || !strings.Contains(string(b), `"black":[[1.00,2.50]]`) {
		t.Errorf("%s %v", b, err)
	}
}

// TestDAVClock reads back what the writer of .dav wrote.
func TestDAVClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(946684800, 2966371199).Draw(t, "at"), 0).UTC()
		var b bytes.Buffer
		footage.DAVChunk(&b, 0xfd, 1, 0, at, 704, 576, 25, []byte("x"))
		if got, ok := davClock(b.Bytes(), bytes.Index); !ok || !got.Equal(at) {
			t.Fatalf("%v, want %v", got, at)
		}
	})
}

// TestExif reads a block with a directory of its own and a zone, in both byte orders.
func TestExif(t *testing.T) {
	t.Parallel()
	for _, order := range []binary.AppendByteOrder{binary.BigEndian, binary.LittleEndian} {
		b := []byte("MM\x00*")
		if order == binary.AppendByteOrder(binary.LittleEndian) {
			b = []byte("II*\x00")
		}
		b = order.AppendUint32(b, 8)
		entry := func(tag, kind uint16, count, value uint32) {
			b = order.AppendUint32(order.AppendUint32(order.AppendUint16(order.AppendUint16(b, tag), kind), count), value)
		}
		b = order.AppendUint16(b, 1)
		entry(0x8769, 4, 1, 26)
		b = order.AppendUint32(b, 0)
		b = order.AppendUint16(b, 2) // at 26
		entry(0x9003, 2, 20, 56)
		entry(0x9011, 2, 7, 76)
		b = order.AppendUint32(b, 0)
		b = append(b, "2020:08:12 13:45:07\x00+03:00\x00"...)
		var p Probe
		if e := exifOf(b); e.orientation != 1 || !p.createdAt(e.taken) || p.CreatedAt != "2020-08-12T13:45:07+03:00" {
			t.Errorf("%+v %s", e, p.CreatedAt)
		}
		for n := range b {
			_ = exifOf(b[:n])
		}
	}
}

// TestIndexBomb: an index that claims millions of samples in a few bytes takes no memory for them.
func TestIndexBomb(t *testing.T) {
	t.Parallel()
	var w boxes
	w.box("trak", func() {
		w.box("mdia", func() {
			w.box("mdhd", func() { w.u32(0, 0, 0, 1000, 0, 0) })
			w.box("hdlr", func() { w.u32(0, 0); w.u8([]byte("vide")...); w.u32(0, 0, 0) })
			w.box("minf", func() {
				w.box("stbl", func() {
					w.box("stsd", func() { w.u32(0, 0) })
					w.box("stsz", func() { w.u32(0, 1, maxSamples) })
					w.box("stts", func() { w.u32(0, 1, maxSamples, 40) })
					w.box("stsc", func() { w.u32(0, 1, 1, maxSamples, 1) })
					w.box("stco", func() { w.u32(0, 1, 0) })
				})
			})
		})
	})
	track, err := parseVideoTrack(w.b, 1000)
	if err != nil || len(track.samples) > 1001 {
		t.Errorf("%d samples, %v", len(track.samples), err)
	}
}
