package media

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media/mask"
	"zapis/internal/media/mp4check"
)

// made runs ffmpeg and gives the file.
func made(t *testing.T, name string, args ...string) *bytes.Reader {
	t.Helper()
	need(t)
	at := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("/usr/bin/ffmpeg", append(append([]string{"-v", "error"}, args...), at)...).CombinedOutput(); err != nil {
		t.Fatalf("make a recording: %v: %s", err, out)
	}
	b, err := os.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b)
}

// decoded gives the frames of a file in grey.
func decoded(t *testing.T, file []byte, w, h int) [][]byte {
	t.Helper()
	at := filepath.Join(t.TempDir(), "x.mp4")
	if err := os.WriteFile(at, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-i", at, "-f", "rawvideo", "-pix_fmt", "yuv420p", "-fps_mode", "passthrough", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := w * h * 3 / 2
	if len(out) == 0 || len(out)%n != 0 {
		t.Fatalf("%d bytes of frames of %d", len(out), n)
	}
	var frames [][]byte
	for at := 0; at < len(out); at += n {
		frames = append(frames, out[at:at+n])
	}
	return frames
}

// redact renders into memory and holds the files against the format.
func redact(t *testing.T, tools *Tools, cuts []Cut, o RedactOptions, heights ...int) (Redacted, [][]byte) {
	t.Helper()
	bufs := make([]bytes.Buffer, len(heights))
	o.Outs = nil
	for i, h := range heights {
		o.Outs = append(o.Outs, RedactOut{Height: h, Out: &bufs[i]})
	}
	r, err := tools.Redact(t.Context(), cuts, o)
	if err != nil {
		t.Fatalf("redact: %v", err)
	}
	var files [][]byte
	for i := range bufs {
		b := bufs[i].Bytes()
		problems, err := mp4check.Check(bytes.NewReader(b), int64(len(b)))
		if err != nil || len(problems) > 0 {
			t.Errorf("file %d: %v %v", i, problems, err)
		}
		files = append(files, b)
	}
	return r, files
}

func TestRedactMakesExactlyTheFramesAskedFor(t *testing.T) {
	t.Parallel()
	tools := need(t)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"a.mp4", []string{"-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "3"}},
		{"vfr.mp4", []string{"-vf", uneven, "-vsync", "vfr", "-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "2"}},
		{"opengop.ts", []string{"-c:v", "libx264", "-preset", "fast", "-g", "30", "-bf", "4", "-x264-params", "open-gop=1:b-adapt=0:scenecut=0"}},
		{"ntsc.mkv", []string{"-r", "30000/1001", "-vf", "setpts=N*1001/30000/TB", "-c:v", "mpeg4", "-q:v", "2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			src := counted(t, c.name, c.args...)
			p := probe(t, tools, src)
			list, _, err := tools.Frames(t.Context(), src, p)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := p.Video()
			num, den := proxyRate(v)
			cuts := []Cut{
				{src, p, list.Time(101), list.Time(131)},
				{src, p, list.Time(307) + 3*time.Millisecond, list.Time(320)},
				{src, p, 0, list.Time(2)},
			}
			r, files := redact(t, tools, cuts, RedactOptions{}, 120)
			frames := decoded(t, files[0], r.Outs[0].Width, r.Outs[0].Height)
			at := 0
			for i, cut := range cuts {
				n := int(math.Round((cut.To - cut.From).Seconds() * float64(num) / float64(den)))
				if at+n > len(frames) {
					t.Fatalf("%d frames, want %d more", len(frames), n)
				}
				first, last := list.At(cut.From), list.At(cut.To-time.Microsecond)
				near := func(frame []byte, i int64) bool {
					d := int(frame[len(frame)/3]) - shade(i)
					return d >= -2 && d <= 2
				}
				if !near(frames[at], first) {
					t.Errorf("cut %d begins with shade %d, want %d", i, frames[at][60], shade(first))
				}
				exact := c.name != "vfr.mp4"
				for k := range n {
					// Every frame is one of the cut, in order; of a steady clock each once.
					j := first + int64(k)
					if !exact {
						begin := cut.From.Seconds()
						if d := begin - list.Time(first).Seconds(); d < float64(den)/float64(num) {
							begin = list.Time(first).Seconds()
						}
						j = min(list.At(time.Duration((begin+(float64(k)+0.5)*float64(den)/float64(num))*1e9)-2*time.Microsecond), last)
						if k == 0 {
							j = first
						}
					}
					if !near(frames[at+k], j) {
						t.Errorf("cut %d, place %d has shade %d, want %d (frame %d)", i, k, frames[at+k][60], shade(j), j)
					}
				}
				at += n
			}
			if at != len(frames) || r.Outs[0].Frames != int64(at) {
				t.Errorf("%d frames, told %d, want %d", len(frames), r.Outs[0].Frames, at)
			}
			if want := time.Duration(float64(at) * float64(den) / float64(num) * 1e9); r.Duration-want > time.Microsecond || want-r.Duration > time.Microsecond {
				t.Errorf("%v, want %v", r.Duration, want)
			}
		})
	}
}

// twins gives two recordings that are alike but for a region, losslessly, so that every pixel outside of it is the same after decoding.
func twins(t *testing.T) (a, b *bytes.Reader) {
	lossless := []string{"-c:v", "ffv1", "-an"}
	scene := "testsrc2=size=640x360:rate=25:duration=2"
	one := made(t, "a.mkv", append([]string{"-f", "lavfi", "-i", scene, "-vf", "format=yuv420p"}, lossless...)...)
	two := made(t, "b.mkv", append([]string{"-f", "lavfi", "-i", scene, "-f", "lavfi", "-i", "mandelbrot=size=200x160:rate=25", "-filter_complex", "[0:v]format=yuv420p[a];[1:v]format=yuv420p[b];[a][b]overlay=x=200:y=100:shortest=1:format=yuv420"}, lossless...)...)
	return one, two
}

func covers(_ int, _, _, _ int64, into []mask.Box) []mask.Box {
	// 200,100 to 400,260 of 640 × 360
	return append(into, mask.Box{ID: 1, X: 312_500, Y: 277_777, W: 312_500, H: 444_446})
}

func TestUnderASolidMaskNothingIsLeftOfTheOriginal(t *testing.T) {
	t.Parallel()
	tools := need(t)
	a, b := twins(t)
	pa, pb := probe(t, tools, a), probe(t, tools, b)
	render := func(src *bytes.Reader, p Probe, o RedactOptions) (Redacted, [][]byte) {
		return redact(t, tools, []Cut{{src, p, 200 * time.Millisecond, 1200 * time.Millisecond}}, o, 240, 120)
	}
	// 240 of 360 lines: scaling smears over the edge of the region, too.
	ra, fa := render(a, pa, RedactOptions{Boxes: covers})
	rb, fb := render(b, pb, RedactOptions{Boxes: covers})
	for i := range fa {
		if !bytes.Equal(fa[i], fb[i]) {
			t.Errorf("size %d: two originals that differ under the mask alone gave different files", i)
		}
	}
	if !bytes.Equal(ra.Poster, rb.Poster) || !bytes.Equal(ra.Drawing, rb.Drawing) || len(ra.Stills) != 3 || !bytes.Equal(ra.Stills[2], rb.Stills[2]) {
		t.Error("pictures differ")
	}
	// The test can fail: without painting they do differ.
	unpainted := RedactOptions{Boxes: covers, paint: func(*mask.Painter, *mask.Picture, int, []mask.Box, bool) {}}
	_, ga := render(a, pa, unpainted)
	_, gb := render(b, pb, unpainted)
	if bytes.Equal(ga[0], gb[0]) {
		t.Error("the originals do not differ in the region: the test proves nothing")
	}
	// With pixelation they differ as well: it leaves colours.
	_, ha := render(a, pa, RedactOptions{Boxes: func(c int, from, to, slack int64, into []mask.Box) []mask.Box {
		into = covers(c, from, to, slack, into)
		into[len(into)-1].Kind = mask.Pixelate
		return into
	}})
	if bytes.Equal(ha[0], fa[0]) {
		t.Error("pixelated as solid")
	}
}

// The smallest size that a plan may ask for has the narrowest margin, in samples of colour most of all; and where the whole picture is hidden what lies beside
// a revealed region must have no part in it.
func TestScalingCarriesNothingOverTheEdgeOfAMask(t *testing.T) {
	t.Parallel()
	tools := need(t)
	// Two colours whose planes lie far apart, in a region of 200,100 to 400,260 of 640 × 360.
	film := func(name, inside, outside, pixel string) *bytes.Reader {
		return made(t, name, "-f", "lavfi", "-i", "color="+outside+":size=640x360:rate=25:duration=0.4", "-f", "lavfi", "-i", "color="+inside+":size=200x160:rate=25:duration=0.4",
			"-filter_complex", "[0:v]format=yuv444p[a];[1:v]format=yuv444p[b];[a][b]overlay=x=200:y=100:format=yuv444,format=yuv420p"+pixel, "-c:v", "ffv1")
	}
	// The samples as they go to the encoder, before which small differences could drown.
	render := func(src *bytes.Reader, o RedactOptions, height int) []byte {
		o.Outs = []RedactOut{{Height: height}}
		p, err := still(t.Context(), tools, []Cut{{src, probe(t, tools, src), 0, 200 * time.Millisecond}}, o, 0, 100_000)
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat(p.Y, p.U, p.V)
	}
	reveals := func(c int, from, to, slack int64, into []mask.Box) []mask.Box {
		into = covers(c, from, to, slack, into)
		into[len(into)-1].Reveal = true
		return into
	}
	for _, c := range []struct {
		name, pixel string
		height      int
	}{{"small", "", 144}, {"larger", "", 234}, {"pixels that are not square", ",setsar=5/2", 1080}} {
		a, b := film("a.mkv", "red", "gray", c.pixel), film("b.mkv", "cyan", "gray", c.pixel)
		if !bytes.Equal(render(a, RedactOptions{Boxes: covers}, c.height), render(b, RedactOptions{Boxes: covers}, c.height)) {
			t.Errorf("%s: what is under the mask has a part in what is beside it", c.name)
		}
		a, b = film("c.mkv", "gray", "red", c.pixel), film("d.mkv", "gray", "cyan", c.pixel)
		if !bytes.Equal(render(a, RedactOptions{Hide: true, Boxes: reveals}, c.height), render(b, RedactOptions{Hide: true, Boxes: reveals}, c.height)) {
			t.Errorf("%s: what is hidden has a part in what is revealed", c.name)
		}
	}
}

// Sound that differs in a muted stretch, or in one with a tone, has no part in what is published. The recordings are the same but for one word; with nothing
// done to it, or with less than all of it, the files differ.
func TestWhatIsMutedOrReplacedByAToneIsGone(t *testing.T) {
	t.Parallel()
	tools := need(t)
	for _, rate := range []string{"44100", "8000"} {
		film := func(name, hz string) *bytes.Reader {
			return made(t, name, "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=4", "-f", "lavfi",
				"-i", "aevalsrc='0.3*sin(2*PI*200*t)+if(between(t\\,1.5\\,2.25)\\,0.5*sin(2*PI*"+hz+"*t)\\,0)':s="+rate+":d=4", "-c:v", "ffv1", "-c:a", "pcm_s16le")
		}
		a, b := film("a.mkv", "1200"), film("b.mkv", "1777")
		pa, pb := probe(t, tools, a), probe(t, tools, b)
		render := func(src *bytes.Reader, p Probe, spans ...SoundSpan) []byte {
			_, files := redact(t, tools, []Cut{{src, p, 700 * time.Millisecond, 3300 * time.Millisecond}}, RedactOptions{Sound: []SoundCut{{Mode: SoundKeep, Spans: spans}}}, 120)
			if !bytes.Contains(files[0], []byte("mp4a")) {
				t.Fatal("no sound")
			}
			return files[0]
		}
		for _, do := range []string{SoundMute, SoundTone} {
			word := SoundSpan{1_500_000, 2_250_000, do}
			if !bytes.Equal(render(a, pa, word), render(b, pb, word)) {
				t.Errorf("%s Hz, %s: what was said has a part in the file", rate, do)
			}
		}
		if bytes.Equal(render(a, pa), render(b, pb)) {
			t.Errorf("%s Hz: the recordings do not differ: the test proves nothing", rate)
		}
		early := SoundSpan{1_500_000, 2_100_000, SoundMute}
		if bytes.Equal(render(a, pa, early), render(b, pb, early)) {
			t.Errorf("%s Hz: a stretch that ends too early leaves nothing: the test proves nothing", rate)
		}
	}
}

// The places of a cut may last longer than the cut: what is said after its end is not in the clip.
func TestNothingIsHeardAfterTheEndOfACut(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := made(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=2:duration=4", "-f", "lavfi", "-i", "aevalsrc='if(gt(t\\,1.31)\\,0.5*sin(2*PI*900*t)\\,0)':s=48000:d=4",
		"-c:v", "ffv1", "-c:a", "pcm_s16le")
	p := probe(t, tools, src)
	// 2.6 places are 3, which last for 1.5 s.
	cuts := []Cut{{src, p, 0, 1300 * time.Millisecond}}
	r, files := redact(t, tools, cuts, RedactOptions{Sound: []SoundCut{{Mode: SoundKeep}}}, 120)
	if r.Outs[0].Audio || bytes.Contains(files[0], []byte("mp4a")) {
		t.Error("what comes after the cut is heard")
	}
	cuts[0].To = 1400 * time.Millisecond
	if r, _ = redact(t, tools, cuts, RedactOptions{Sound: []SoundCut{{Mode: SoundKeep}}}, 120); !r.Outs[0].Audio {
		t.Error("what comes before its end is not: the test proves nothing")
	}
}

// What is looked at before an approval is what is handed to the encoder.
func TestAStillIsWhatTheEncoderGets(t *testing.T) {
	t.Parallel()
	tools := need(t)
	steady := counted(t, "a.mp4", "-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "3")
	uneven := counted(t, "vfr.mp4", "-vf", uneven, "-vsync", "vfr", "-c:v", "libx264", "-preset", "fast", "-g", "50", "-bf", "2")
	open := counted(t, "b.ts", "-c:v", "libx264", "-preset", "fast", "-g", "30", "-bf", "4", "-x264-params", "open-gop=1:b-adapt=0:scenecut=0")
	tall := made(t, "tall.mkv", "-f", "lavfi", "-i", "testsrc2=size=90x160:rate=10:duration=3", "-c:v", "ffv1")
	cuts := []Cut{
		{steady, probe(t, tools, steady), 3100 * time.Millisecond, 4700 * time.Millisecond},
		{uneven, probe(t, tools, uneven), 2510 * time.Millisecond, 4130 * time.Millisecond},
		{tall, probe(t, tools, tall), 300 * time.Millisecond, 1900 * time.Millisecond},
		{open, probe(t, tools, open), 5200 * time.Millisecond, 6100 * time.Millisecond},
	}
	type shown struct {
		cut      int
		from, to int64
		picture  *mask.Picture
	}
	var all []shown
	o := RedactOptions{
		Seed: [32]byte{4}, Outs: []RedactOut{{Height: 120, Out: io.Discard}},
		Boxes: func(_ int, from, to, slack int64, into []mask.Box) []mask.Box {
			return append(into, mask.Box{ID: 1, X: int(from/10) % 500_000, Y: int(to/10) % 500_000, W: 200_000, H: 150_000},
				mask.Box{ID: 2, Kind: mask.Pixelate, X: 500_000, Y: int(from/7) % 400_000, W: 300_000, H: 400_000})
		},
	}
	var cut int
	var from, to int64
	plain := o.Boxes
	o.Boxes = func(c int, a, b, slack int64, into []mask.Box) []mask.Box {
		cut, from, to = c, a, b
		return plain(c, a, b, slack, into)
	}
	o.paint = func(m *mask.Painter, p *mask.Picture, frame int, boxes []mask.Box, hide bool) {
		m.Paint(p, frame, boxes, hide)
		if frame != len(all) {
			t.Errorf("frame %d is painted after %d others", frame, len(all))
		}
		kept := mask.NewPicture(p.W, p.H, false, nil)
		for y := range p.H {
			copy(kept.Y[y*p.W:], p.Y[y*p.StrideY:y*p.StrideY+p.W])
		}
		for y := range (p.H + 1) / 2 {
			copy(kept.U[y*kept.StrideC:], p.U[y*p.StrideC:y*p.StrideC+kept.StrideC])
			copy(kept.V[y*kept.StrideC:], p.V[y*p.StrideC:y*p.StrideC+kept.StrideC])
		}
		all = append(all, shown{cut, from, to, kept})
	}
	if _, err := tools.Redact(t.Context(), cuts, o); err != nil {
		t.Fatal(err)
	}
	o.Boxes, o.paint = plain, nil
	before, k := 0, 0
	for i := range cuts {
		n := 0
		for before+n < len(all) && all[before+n].cut == i {
			n++
		}
		v, _ := cuts[0].Probe.Video()
		num, den := proxyRate(v)
		for _, place := range []int{0, 13, n - 1} {
			want := all[before+place]
			// A moment in the place: the places of a cut begin with it, or with its first frame.
			us := cuts[i].From.Microseconds() + scale(int64(place), den*1_000_000, num)
			if all[before].from < cuts[i].From.Microseconds() && cuts[i].From.Microseconds()-all[before].from < scale(1, den*1_000_000, num) {
				us = all[before].from + scale(int64(place), den*1_000_000, num)
			}
			got, err := still(t.Context(), tools, cuts, o, i, us+5_000)
			if errors.Is(err, ErrNarrow) {
				o.Whole = true
				got, err = still(t.Context(), tools, cuts, o, i, us+5_000)
				o.Whole = false
			}
			if err != nil {
				t.Fatalf("cut %d, place %d: %v", i, place, err)
			}
			if got.W != want.picture.W || got.H != want.picture.H || !bytes.Equal(got.Y, want.picture.Y) || !bytes.Equal(got.U, want.picture.U) || !bytes.Equal(got.V, want.picture.V) {
				t.Errorf("cut %d, place %d of %d: another picture than the clip's", i, place, n)
			}
			k++
		}
		before += n
	}
	if k != 12 || before != len(all) {
		t.Errorf("%d stills, %d frames of %d", k, before, len(all))
	}
	raw, err := RedactStill(t.Context(), tools, cuts, o, 2, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := jpeg.DecodeConfig(bytes.NewReader(raw)); err != nil || m.Height != 120 || m.Width != 68 {
		t.Errorf("%+v %v", m, err)
	}
	for name, at := range map[string]int{"below": -1, "beyond": 4} {
		if _, err := RedactStill(t.Context(), tools, cuts, o, at, 0); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheMaskedRegionOfDifferentOriginalsDecodesToTheSameBytes(t *testing.T) {
	t.Parallel()
	tools := need(t)
	// Nothing is alike here, neither inside nor outside of the region.
	a := made(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=2", "-c:v", "libx264", "-preset", "ultrafast")
	b := made(t, "b.avi", "-f", "lavfi", "-i", "mandelbrot=size=640x360:rate=25", "-t", "2", "-c:v", "mpeg4", "-q:v", "3")
	region := func(src *bytes.Reader, o RedactOptions) [][]byte {
		_, files := redact(t, tools, []Cut{{src, probe(t, tools, src), 0, time.Second}}, o, 360)
		var out [][]byte
		for _, f := range decoded(t, files[0], 640, 360) {
			var part []byte
			// Two blocks of the encoder inside of the edge, where what lies around the mask has no part.
			for y := 100 + 32; y < 260-32; y++ {
				part = append(part, f[y*640+200+32:y*640+400-32]...)
			}
			for y := (100 + 32) / 2; y < (260-32)/2; y++ {
				for _, at := range []int{640 * 360, 640 * 360 * 5 / 4} {
					part = append(part, f[at+y*320+116:at+y*320+184]...)
				}
			}
			out = append(out, part)
		}
		return out
	}
	ra, rb := region(a, RedactOptions{Boxes: covers}), region(b, RedactOptions{Boxes: covers})
	if len(ra) != 25 || len(rb) != 25 {
		t.Fatalf("%d and %d frames", len(ra), len(rb))
	}
	for i := range ra {
		if !bytes.Equal(ra[i], rb[i]) {
			t.Fatalf("frame %d: the masked region differs", i)
		}
	}
	without := RedactOptions{Boxes: covers, paint: func(*mask.Painter, *mask.Picture, int, []mask.Box, bool) {}}
	if bytes.Equal(region(a, without)[3], ra[3]) {
		t.Error("without painting the region is the same: the test proves nothing")
	}
}

func TestRedactIsDeterministicAndSilentAboutItsOrigin(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := made(t, "secret-origin.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=6", "-f", "lavfi", "-i", "sine=frequency=440:duration=6",
		"-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest", "-metadata", "title=secret-origin", "-metadata", "comment=camera 7", "-metadata:s:v", "handler_name=Recorder X")
	p := probe(t, tools, src)
	o := RedactOptions{
		Seed: [32]byte{1, 2, 3}, Sound: []SoundCut{{Mode: SoundKeep, Spans: []SoundSpan{{2_000_000, 2_500_000, SoundVoice}}}, {}},
		Boxes: func(_ int, us, _, _ int64, into []mask.Box) []mask.Box {
			return append(into, mask.Box{ID: 4, Kind: mask.Pixelate, X: int(us / 10), Y: 200_000, W: 300_000, H: 300_000})
		},
	}
	cuts := []Cut{{src, p, time.Second, 3 * time.Second}, {src, p, 4 * time.Second, 4500 * time.Millisecond}}
	r, files := redact(t, tools, cuts, o, 240, 120)
	again, same := redact(t, tools, cuts, o, 240, 120)
	if !bytes.Equal(files[0], same[0]) || !bytes.Equal(files[1], same[1]) || !bytes.Equal(r.Poster, again.Poster) || !bytes.Equal(r.Drawing, again.Drawing) {
		t.Error("the same plan gave other bytes")
	}
	o.Seed[0]++
	if _, other := redact(t, tools, cuts, o, 240); bytes.Equal(other[0], files[0]) {
		t.Error("the seed has no part in the noise")
	}
	if !r.Outs[0].Audio || r.Outs[0].Frames != 63 || r.Outs[1].Height != 120 || len(r.Read) != 2 || len(r.Read[1]) == 0 {
		t.Errorf("%+v", r.Outs)
	}
	for name, b := range map[string][]byte{"large": files[0], "small": files[1], "poster": r.Poster, "still": r.Stills[0], "drawing": r.Drawing} {
		silent(t, name, b)
	}
	if m, err := jpeg.DecodeConfig(bytes.NewReader(r.Poster)); err != nil || m.Width != 320 || m.Height != 240 {
		t.Errorf("poster: %v %+v", err, m)
	}
	if m, err := png.DecodeConfig(bytes.NewReader(r.Drawing)); err != nil || m.Width != 320 {
		t.Errorf("drawing: %v %+v", err, m)
	}
}

// silent looks at a file with everything that people look at files with.
func silent(t *testing.T, name string, b []byte) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(at, b, 0o600); err != nil {
		t.Fatal(err)
	}
	host, _ := os.Hostname()
	words := []string{"secret-origin", "camera 7", "Recorder X", "x264", "Lavf", "Lavc", "/tmp/", "/home/", "VideoHandler", "SoundHandler", "testsrc"}
	if len(host) > 5 {
		words = append(words, host)
	}
	for _, tool := range [][]string{
		{"exiftool", "-a", "-u", "-U", "-G1", "-ee3", "--System:all", "--ExifTool:all"},
		{"mediainfo", "--Full"},
		{"ffprobe", "-v", "error", "-show_format", "-show_streams", "-show_chapters", "-show_entries", "frame_tags:packet_tags:format_tags:stream_tags"},
		{"strings", "-n", "5"},
	} {
		path, err := exec.LookPath(tool[0])
		if err != nil {
			if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" && tool[0] != "strings" {
				t.Errorf("%s is not installed", tool[0])
			}
			continue
		}
		cmd := exec.Command(path, append(tool[1:], "x")...)
		cmd.Dir = filepath.Dir(at)
		out, err := cmd.CombinedOutput()
		if err != nil && tool[0] != "ffprobe" {
			t.Errorf("%s of %s: %v", tool[0], name, err)
		}
		out = dropLines(out, "Format/Url") // mediainfo's own knowledge of the codec
		for _, w := range words {
			if bytes.Contains(out, []byte(w)) {
				t.Errorf("%s: %s shows %q:\n%s", name, tool[0], w, out)
			}
		}
		// A date in a file would say when somebody worked on it.
		for _, w := range []string{strconv.Itoa(time.Now().Year()) + ":", strconv.Itoa(time.Now().Year()) + "-", "Encoded date ", "Tagged date ", "Writing application", "Writing library", "Encoding settings", "Comment  "} {
			if tool[0] == "mediainfo" && bytes.Contains(out, []byte("File last modification")) {
				out = dropLines(out, "File last modification", "File creation")
			}
			if bytes.Contains(out, []byte(w)) {
				t.Errorf("%s: %s shows %q:\n%s", name, tool[0], w, out)
			}
		}
	}
}

func dropLines(b []byte, with ...string) []byte {
	var out []byte
	for line := range bytes.Lines(b) {
		keep := true
		for _, w := range with {
			keep = keep && !bytes.Contains(line, []byte(w))
		}
		if keep {
			out = append(out, line...)
		}
	}
	return out
}

// A mask that begins with the cut covers the frame shown there, although that one began before; one that ends while a frame stands covers it to its end; and
// one of a single moment covers the frame that a working copy showed at it.
func TestAMaskCoversAFrameForAsLongAsItIsShown(t *testing.T) {
	t.Parallel()
	tools := need(t)
	// Two white frames a second.
	src := made(t, "a.mkv", "-f", "lavfi", "-i", "color=c=white:size=160x120:rate=2:duration=5,format=yuv420p", "-c:v", "ffv1")
	p := probe(t, tools, src)
	for _, c := range []struct {
		from, to int64
		places   string // of the clip, as they are seen
	}{
		{1_200_000, 1_200_001, "-oo"}, // a single moment, while the frame stands
		{1_200_000, 1_260_000, "--o"}, // and up to half a frame before the next
		{1_000_000, 1_000_001, "-oo"}, // at the frame
		{750_000, 750_001, "-oo"},     // half a frame before
		{700_000, 749_999, "ooo"},
		{1_490_000, 1_500_000, "--o"},
		{1_500_000, 1_500_001, "--o"}, // half a frame after the first, at the second
		{1_749_999, 1_750_000, "--o"},
		{1_750_000, 1_750_001, "o--"}, // the third begins at 2
		{1_250_000, 4_000_000, "---"},
		{2_500_000, 4_000_000, "oo-"},
		{2_750_000, 4_000_000, "ooo"},
	} {
		_, files := redact(t, tools, []Cut{{src, p, 1200 * time.Millisecond, 2700 * time.Millisecond}}, RedactOptions{Boxes: func(_ int, from, to, slack int64, into []mask.Box) []mask.Box {
			if to+slack >= c.from && from-slack < c.to {
				into = append(into, mask.Box{W: 1_000_000, H: 1_000_000})
			}
			return into
		}}, 120)
		got := ""
		for _, f := range decoded(t, files[0], 160, 120) {
			got += map[bool]string{true: "o", false: "-"}[f[60*160+80] > 100]
		}
		if got != c.places {
			t.Errorf("mask of %d to %d: %s, want %s", c.from, c.to, got, c.places)
		}
	}
}

func TestRedactHidesTheWholePicture(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := made(t, "a.mkv", "-f", "lavfi", "-i", "color=c=white:size=320x240:rate=25:duration=1,format=yuv420p", "-c:v", "ffv1")
	p := probe(t, tools, src)
	shown := func(o RedactOptions) []byte {
		o.Hide = true
		_, files := redact(t, tools, []Cut{{src, p, 0, 400 * time.Millisecond}}, o, 240)
		return decoded(t, files[0], 320, 240)[5]
	}
	f := shown(RedactOptions{})
	for i, v := range f[:320*240] {
		if v > 20 {
			t.Fatalf("pixel %d is seen", i)
		}
	}
	f = shown(RedactOptions{Boxes: func(_ int, _, _, _ int64, into []mask.Box) []mask.Box {
		return append(into, mask.Box{ID: 1, Reveal: true, X: 250_000, Y: 250_000, W: 500_000, H: 500_000}, mask.Box{ID: 2, X: 450_000, Y: 450_000, W: 100_000, H: 100_000})
	}})
	for _, c := range []struct {
		x, y int
		seen bool
	}{{100, 80, true}, {20, 20, false}, {300, 120, false}, {160, 120, false}, {200, 170, true}} {
		if seen := f[c.y*320+c.x] > 200; seen != c.seen {
			t.Errorf("%d,%d is seen: %v", c.x, c.y, seen)
		}
	}
}

// A phone held upright stores its pictures lying: masks are counted in the picture as people see it.
func TestMasksAreCountedInTheUprightPicture(t *testing.T) {
	t.Parallel()
	tools := need(t)
	flat := made(t, "flat.mp4", "-f", "lavfi", "-i", "color=c=white:size=160x120:rate=25:duration=1", "-c:v", "libx264", "-preset", "ultrafast")
	at := filepath.Join(t.TempDir(), "flat.mp4")
	b := make([]byte, flat.Size())
	_, _ = flat.ReadAt(b, 0)
	if err := os.WriteFile(at, b, 0o600); err != nil {
		t.Fatal(err)
	}
	src := made(t, "turned.mp4", "-i", at, "-c", "copy", "-metadata:s:v", "rotate=90")
	p := probe(t, tools, src)
	if v, _ := p.Video(); v.Rotation == 0 {
		t.Fatalf("not turned: %+v", v)
	}
	r, files := redact(t, tools, []Cut{{src, p, 0, 400 * time.Millisecond}}, RedactOptions{Boxes: func(_ int, _, _, _ int64, into []mask.Box) []mask.Box {
		return append(into, mask.Box{W: 500_000, H: 200_000}) // upper left
	}}, 120)
	if r.Outs[0].Width != 120 || r.Outs[0].Height != 160 {
		t.Fatalf("%+v", r.Outs[0])
	}
	f := decoded(t, files[0], 120, 160)[4]
	for _, c := range []struct {
		x, y int
		seen bool
	}{{20, 15, false}, {20, 60, true}, {100, 15, true}, {100, 150, true}} {
		if seen := f[c.y*120+c.x] > 150; seen != c.seen {
			t.Errorf("%d,%d is seen: %v", c.x, c.y, seen)
		}
	}
}

// Damage in the part that the decoder is given does not pass for a picture: the caller is told, and may ask for the whole.
func TestADamagedPartIsNotPublishedInSilence(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := counted(t, "a.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	p := probe(t, tools, src)
	b := make([]byte, src.Size())
	_, _ = src.ReadAt(b, 0)
	m, _ := walkMovie(src)
	track, err := parseVideoTrack(m.moovBody, src.Size())
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range track.samples[300:312] {
		for i := s.at + 6; i < s.at+int64(s.size); i++ {
			b[i] ^= 0x5a
		}
	}
	cut := []Cut{{bytes.NewReader(b), p, 12 * time.Second, 13 * time.Second}}
	o := RedactOptions{Outs: []RedactOut{{120, &bytes.Buffer{}}}}
	if _, err := tools.Redact(t.Context(), cut, o); !errors.Is(err, ErrNarrow) {
		t.Errorf("%v", err)
	}
	o.Whole = true
	if r, err := tools.Redact(t.Context(), cut, o); err != nil || r.Report.ErrorLines == 0 {
		t.Errorf("whole: %v, %d lines", err, r.Report.ErrorLines)
	}
}

func TestRedactOfCutsWithOtherProportions(t *testing.T) {
	t.Parallel()
	tools := need(t)
	wide := made(t, "a.mkv", "-f", "lavfi", "-i", "color=c=white:size=320x180:rate=25:duration=1,format=yuv420p", "-c:v", "ffv1")
	tall := made(t, "b.mkv", "-f", "lavfi", "-i", "color=c=white:size=180x320:rate=10:duration=1,format=yuv420p", "-c:v", "ffv1")
	cuts := []Cut{{wide, probe(t, tools, wide), 0, 400 * time.Millisecond}, {tall, probe(t, tools, tall), 0, 400 * time.Millisecond}}
	_, files := redact(t, tools, cuts, RedactOptions{Boxes: func(_ int, _, _, _ int64, into []mask.Box) []mask.Box {
		return append(into, mask.Box{ID: 1, X: 0, Y: 0, W: 500_000, H: 500_000}) // the upper left quarter of either
	}}, 180)
	frames := decoded(t, files[0], 320, 180)
	if len(frames) != 20 {
		t.Fatalf("%d frames", len(frames))
	}
	for _, c := range []struct {
		frame, x, y int
		white       bool
	}{{3, 40, 40, false}, {3, 300, 150, true}, {15, 130, 40, false}, {15, 190, 40, true}, {15, 130, 150, true}, {15, 20, 150, false}, {15, 300, 40, false}} {
		if white := frames[c.frame][c.y*320+c.x] > 200; white != c.white {
			t.Errorf("frame %d at %d,%d: white is %v", c.frame, c.x, c.y, white)
		}
	}
}

func TestSoundOfARedactedClip(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := made(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=6", "-f", "lavfi", "-i", "sine=frequency=300:duration=6:sample_rate=44100", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "pcm_s16le", "-f", "mov")
	p := probe(t, tools, src)
	cuts := []Cut{{src, p, time.Second, 5 * time.Second}}
	samples := func(file []byte) []float64 {
		at := filepath.Join(t.TempDir(), "x.mp4")
		if err := os.WriteFile(at, file, 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("/usr/bin/ffmpeg", "-v", "error", "-i", at, "-af", "aresample=async=1:first_pts=0", "-f", "s16le", "-").Output()
		if err != nil {
			t.Fatal(err)
		}
		var x []float64
		for i := 0; i+1 < len(out); i += 2 {
			x = append(x, float64(int16(uint16(out[i])|uint16(out[i+1])<<8)))
		}
		return x
	}
	// power of a tone within a stretch of the clip
	power := func(x []float64, hz, from, to float64) float64 {
		var re, im float64
		a, b := int(from*heardRate), min(int(to*heardRate), len(x))
		for i := a; i < b; i++ {
			s, c := math.Sincos(2 * math.Pi * hz * float64(i) / heardRate)
			re, im = re+x[i]*c, im+x[i]*s
		}
		return math.Hypot(re, im) / float64(max(b-a, 1))
	}
	loud := func(x []float64, from, to float64) float64 {
		sum, n := 0.0, 0
		for i := int(from * heardRate); i < min(int(to*heardRate), len(x)); i++ {
			sum += x[i] * x[i]
			n++
		}
		return math.Sqrt(sum / float64(max(n, 1)))
	}
	for _, muted := range [][]SoundCut{nil, {{}}, {{Mode: SoundMute}}, {{Mode: SoundKeep, Spans: []SoundSpan{{0, 9_000_000, SoundMute}}}}} {
		r, files := redact(t, tools, cuts, RedactOptions{Sound: muted}, 120)
		if r.Outs[0].Audio || bytes.Contains(files[0], []byte("mp4a")) {
			t.Errorf("%v: there is a sound track", muted)
		}
	}
	r, files := redact(t, tools, cuts, RedactOptions{Sound: []SoundCut{{Mode: SoundKeep, Spans: []SoundSpan{
		{2_000_000, 2_500_000, SoundMute}, {3_000_000, 3_500_000, SoundTone}, {4_000_000, 4_500_000, SoundVoice}, {4_250_000, 4_500_000, SoundMute},
	}}}}, 120)
	if !r.Outs[0].Audio {
		t.Fatal("no sound")
	}
	x := samples(files[0])
	plain := power(x, 300, 0.2, 0.8)
	if d := float64(len(x))/heardRate - 4; d < -0.05 || d > 0.05 {
		t.Errorf("sound is %.3f s longer than the clip", d)
	}
	if plain < 500 {
		t.Fatalf("the tone of the original has %.0f", plain)
	}
	if v := loud(x, 1.03, 1.47); v > 2 {
		t.Errorf("in the muted stretch it is as loud as %.1f", v)
	}
	if v := power(x, 300, 2.05, 2.45); v > plain/200 || power(x, 1000, 2.05, 2.45) < 500 {
		t.Errorf("in the tone the original has %.2f of %.0f", v, plain)
	}
	if v := power(x, 300, 3.03, 3.22); v > plain/4 || loud(x, 3.03, 3.2) < 100 {
		t.Errorf("in the whisper the original has %.1f of %.0f, loud %.0f", v, plain, loud(x, 3.03, 3.2))
	}
	if v := loud(x, 3.28, 3.47); v > 2 {
		t.Errorf("muted over a whisper: %.1f", v)
	}
	if v := power(x, 300, 3.6, 3.9); v < plain*0.8 {
		t.Errorf("after the last stretch the original has %.0f of %.0f", v, plain)
	}
}

func TestVeryShortClipsAreWholeFiles(t *testing.T) {
	t.Parallel()
	tools := need(t)
	for name, rate := range map[string]string{"a.mov": "30000/1001", "b.mov": "7"} {
		src := made(t, name, "-f", "lavfi", "-i", "testsrc2=size=160x120:rate="+rate+":duration=3", "-f", "lavfi", "-i", "sine=duration=3", "-c:v", "mpeg4", "-c:a", "pcm_s16le")
		p := probe(t, tools, src)
		for us, sound := range map[int64][]SoundCut{1: nil, 1_000: {{Mode: SoundKeep}}, 150_000: {{Mode: SoundKeep}}, 1_234_567: {{Mode: SoundKeep}}} {
			r, _ := redact(t, tools, []Cut{{src, p, time.Second, time.Second + time.Duration(us)*time.Microsecond}}, RedactOptions{Sound: sound}, 120)
			if len(r.Stills) == 0 || len(r.Poster) == 0 || len(r.Drawing) == 0 || r.Outs[0].Frames < 1 || r.Outs[0].Audio != (sound != nil) {
				t.Errorf("%s, %d µs: %d stills, %+v", name, us, len(r.Stills), r.Outs[0])
			}
		}
	}
}

func TestRedactRefuses(t *testing.T) {
	t.Parallel()
	tools := need(t)
	src := counted(t, "a.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25")
	p := probe(t, tools, src)
	one := []Cut{{src, p, 0, time.Second}}
	var out bytes.Buffer
	outs := []RedactOut{{240, &out}}
	text := bytes.NewReader([]byte("only words"))
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx  context.Context
		cuts []Cut
		o    RedactOptions
		want error
	}{
		"no cuts":   {t.Context(), nil, RedactOptions{Outs: outs}, archive.ErrInvalid},
		"no outs":   {t.Context(), one, RedactOptions{}, archive.ErrInvalid},
		"nil out":   {t.Context(), one, RedactOptions{Outs: []RedactOut{{Height: 240}}}, archive.ErrInvalid},
		"backwards": {t.Context(), []Cut{{src, p, time.Second, time.Second}}, RedactOptions{Outs: outs}, archive.ErrInvalid},
		"beyond":    {t.Context(), []Cut{{src, p, 20 * time.Second, 40 * time.Second}}, RedactOptions{Outs: outs}, archive.ErrInvalid},
		"sound":     {t.Context(), one, RedactOptions{Outs: outs, Sound: []SoundCut{{}, {}}}, archive.ErrInvalid},
		"span":      {t.Context(), one, RedactOptions{Outs: outs, Sound: []SoundCut{{Spans: []SoundSpan{{2, 1, SoundMute}}}}}, archive.ErrInvalid},
		"act":       {t.Context(), one, RedactOptions{Outs: outs, Sound: []SoundCut{{Spans: []SoundSpan{{1, 2, "blur"}}}}}, archive.ErrInvalid},
		"not media": {t.Context(), []Cut{{text, probe(t, tools, text), 0, time.Second}}, RedactOptions{Outs: outs}, ErrNotMedia},
		"cancelled": {cancelled, one, RedactOptions{Outs: outs}, context.Canceled},
		"broken":    {t.Context(), []Cut{{brokenSource{src}, p, 11 * time.Second, 13 * time.Second}}, RedactOptions{Outs: outs}, errBrokenDisk},
		"full":      {t.Context(), one, RedactOptions{Outs: []RedactOut{{240, fullDisk{}}}}, errBrokenDisk},
	} {
		if _, err := tools.Redact(c.ctx, c.cuts, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errBrokenDisk }
