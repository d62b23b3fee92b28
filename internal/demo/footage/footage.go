// Package footage makes synthetic footage for the demonstration and for tests: fixed cameras in a corridor, a yard
// and a stairwell, with moving figures, a camera label and a burned-in clock, in containers as recorders write
// them, with the oddities that leaked archives have.
//
// It guarantees that the same options give the same pictures, names, clocks and times of files; that every source
// is finite; and that nothing in the footage shows or names a person or a place that exists. It does not promise
// the same bytes with another version of ffmpeg, and it is not a model of any recorder's own format except .dav.
//
// Everything made here may be used under the licence of the project.
package footage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// Options say how much to make; zero values are the defaults.
type Options struct {
	Seconds  int    // of one recording; default 10
	Cameras  int    // 1 to 4; default 4
	Days     int    // 1 to 7; default 3
	FFmpeg   string // absolute path; default: looked for in the system's folders
	Progress func(done, total int)
}

func (o Options) orDefault() (Options, error) {
	set := func(v *int, def, most int) {
		if *v <= 0 {
			*v = def
		}
		*v = min(*v, most)
	}
	set(&o.Seconds, 10, 3600)
	set(&o.Cameras, 4, 4)
	set(&o.Days, 3, 7)
	for _, p := range []string{"/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg", "/bin/ffmpeg"} {
		if _, err := os.Stat(p); o.FFmpeg == "" && err == nil {
			o.FFmpeg = p
		}
	}
	if o.FFmpeg == "" {
		return o, ErrNoFFmpeg
	}
	return o, nil
}

// ErrNoFFmpeg: ffmpeg is not installed.
var ErrNoFFmpeg = errors.New("ffmpeg not installed")

// Clip is one recording to be made.
type Clip struct {
	Name     string    // below the folder, with slashes
	Camera   int       // 1 to 4: corridor, yard, stairwell, gate
	Start    time.Time // what the burned-in clock shows first
	Seconds  int
	Rate     int // frames a second
	Width    int
	Height   int
	Sound    bool
	Gap      int // seconds missing after the middle: picture and clock jump
	Jump     int // seconds that the clock alone jumps after the middle
	Night    bool
	Encoding Encoding
}

// Encoding is a container with a codec, by the extension that such files have.
type Encoding string

// The encodings.
const (
	AVI      Encoding = "avi"  // MPEG-4 part 2, as DVRs of the 2000s write
	Matroska Encoding = "mkv"  // H.264
	TS       Encoding = "ts"   // H.264 in an MPEG transport stream
	ThreeGP  Encoding = "3gp"  // H.263
	ASF      Encoding = "asf"  // MS-MPEG-4 v3
	DAV      Encoding = "dav"  // H.264 in a recorder's own container, with its clock
	H264     Encoding = "h264" // without a container
	MP4Last  Encoding = "mp4"  // H.264, index at the end
	MP4First Encoding = "m4v"  // H.264, index at the front
)

// clips is the demonstration set.
func clips(o Options) []Clip {
	var list []Clip
	first := time.Date(2020, 8, 12, 0, 0, 0, 0, time.UTC)
	kinds := []struct {
		enc        Encoding
		rate, w, h int
	}{{AVI, 12, 704, 576}, {Matroska, 10, 640, 480}, {DAV, 12, 704, 576}, {TS, 15, 640, 360}}
	for cam := 1; cam <= o.Cameras; cam++ {
		k := kinds[cam-1]
		for day := range o.Days {
			for n, hour := range []int{6, 13, 22} {
				if cam == 2 && day == 1 && n == 1 {
					continue // a number that is missing from the sequence
				}
				at := first.AddDate(0, 0, day).Add(time.Duration(hour)*time.Hour + time.Duration(7*cam+n)*time.Minute + 11*time.Second)
				c := Clip{
					Name:   fmt.Sprintf("DVR-1/%s/ch%02d_%s_%04d.%s", at.Format("2006-01-02"), cam, at.Format("20060102_150405"), day*3+n+1, k.enc),
					Camera: cam, Start: at, Seconds: o.Seconds, Rate: k.rate, Width: k.w, Height: k.h, Night: hour == 22, Encoding: k.enc,
				}
				switch {
				case cam == 1 && day == 1 && n == 1:
					c.Gap = 47
				case cam == 3%(o.Cameras+1) && day == 1 && n == 0:
					c.Jump = 3600
				}
				list = append(list, c)
			}
		}
	}
	at := first.AddDate(0, 0, 1).Add(14*time.Hour + 3*time.Minute)
	return append(list,
		Clip{Name: "phone/VID_0001.mp4", Camera: 4, Start: at, Seconds: o.Seconds, Rate: 25, Width: 640, Height: 360, Sound: true, Encoding: MP4Last},
		Clip{Name: "phone/VID_0003.3gp", Camera: 2, Start: at.Add(9 * time.Minute), Seconds: o.Seconds, Rate: 12, Width: 352, Height: 288, Encoding: ThreeGP},
		Clip{Name: "export/cam3 export.asf", Camera: 3, Start: at.Add(time.Hour), Seconds: o.Seconds, Rate: 12, Width: 352, Height: 288, Encoding: ASF},
		Clip{Name: "export/stream0.h264", Camera: 1, Start: at.Add(2 * time.Hour), Seconds: o.Seconds, Rate: 25, Width: 352, Height: 288, Encoding: H264},
	)
}

// Generate makes the demonstration set below dir, which is created: recordings of several cameras and days with a
// number missing, one with a stretch missing, one with a jump of its clock, stills, a sound recording and a paper.
// Names and times of files are those that a recorder would have given.
func Generate(ctx context.Context, dir string, o Options) error {
	o, err := o.orDefault()
	if err != nil {
		return err
	}
	list := clips(o)
	type task struct {
		at   time.Time
		name string
		make func(path string) error
	}
	var tasks []task
	for _, c := range list {
		tasks = append(tasks, task{c.Start.Add(time.Duration(c.Seconds) * time.Second), c.Name, func(path string) error { return Make(ctx, path, c, o) }})
	}
	day := time.Date(2020, 8, 13, 9, 30, 0, 0, time.UTC)
	tasks = append(tasks,
		task{day, "photos/IMG_0412.jpg", func(p string) error { return os.WriteFile(p, Photo(2, day, 6), 0o600) }},
		task{day.Add(time.Minute), "photos/IMG_0413.jpg", func(p string) error { return os.WriteFile(p, Photo(4, day.Add(time.Minute), 1), 0o600) }},
		task{day.Add(2 * time.Minute), "photos/screen.png", func(p string) error { return os.WriteFile(p, Screenshot(3, day), 0o600) }},
		task{day, "sound/rec_007.wav", func(p string) error { return os.WriteFile(p, Wave(o.Seconds, 16000), 0o600) }},
		task{day, "papers/order.pdf", func(p string) error { return os.WriteFile(p, Paper(2), 0o600) }},
		task{day, "papers/readme.txt", func(p string) error {
			return os.WriteFile(p, []byte("Cameras 1 to 4, 12 to 14 August. Clock of camera 3 is wrong on the 13th.\n"), 0o600)
		}},
	)
	// Two at a time: one encoder thread each, since the number of threads shows in the bytes.
	var mu sync.Mutex
	var wg sync.WaitGroup
	var firstErr error
	done := 0
	gate := make(chan struct{}, max(1, min(runtime.NumCPU(), 4)))
	for _, t := range tasks {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			mu.Lock()
			failed := firstErr != nil
			mu.Unlock()
			if failed {
				return
			}
			path := filepath.Join(dir, filepath.FromSlash(t.name))
			err := os.MkdirAll(filepath.Dir(path), 0o700)
			if err == nil {
				err = t.make(path)
			}
			if err == nil {
				err = os.Chtimes(path, t.at, t.at)
			}
			mu.Lock()
			defer mu.Unlock()
			if done++; err != nil && firstErr == nil {
				firstErr = fmt.Errorf("make %s: %w", t.name, err)
			} else if o.Progress != nil {
				o.Progress(done, len(tasks))
			}
		})
	}
	wg.Wait()
	return firstErr
}

// Make makes one recording at path.
func Make(ctx context.Context, path string, c Clip, o Options) error {
	o, err := o.orDefault()
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.Encoding == DAV {
		stream, err := encode(ctx, c, o, []string{"-c:v", "libx264", "-preset", "veryfast", "-crf", "27", "-g", strconv.Itoa(4 * c.Rate), "-x264-params", "aud=1:scenecut=0:bframes=0", "-f", "h264", "pipe:1"})
		if err != nil {
			return err
		}
		return os.WriteFile(path, wrapDAV(stream, c), 0o600)
	}
	key := strconv.Itoa(4 * c.Rate)
	x264 := []string{"-c:v", "libx264", "-preset", "veryfast", "-crf", "27", "-g", key}
	args := map[Encoding][]string{
		AVI:      {"-c:v", "mpeg4", "-vtag", "DX50", "-q:v", "6", "-g", key, "-f", "avi"},
		Matroska: append(x264, "-f", "matroska"),
		TS:       append(x264, "-f", "mpegts"),
		ThreeGP:  {"-c:v", "h263", "-q:v", "6", "-g", key, "-f", "3gp"},
		ASF:      {"-c:v", "msmpeg4", "-q:v", "6", "-g", key, "-f", "asf"},
		H264:     append(x264, "-f", "h264"),
		MP4Last:  append(x264, "-f", "mp4"),
		MP4First: append(x264, "-movflags", "+faststart", "-f", "mp4"),
	}[c.Encoding]
	if args == nil {
		return fmt.Errorf("no such encoding: %s", c.Encoding)
	}
	if c.Sound {
		args = append([]string{"-c:a", "aac", "-b:a", "48k"}, args...)
	}
	_, err = encode(ctx, c, o, append(append([]string{}, args...), "-y", "file:"+path))
	return err
}

// encode draws the frames and gives them to ffmpeg, whose standard output comes back.
func encode(ctx context.Context, c Clip, o Options, out []string) ([]byte, error) {
	args := []string{
		"-v", "error", "-nostdin", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", fmt.Sprintf("%dx%d", c.Width, c.Height),
		"-r", strconv.Itoa(c.Rate), "-i", "pipe:0",
	}
	if c.Sound {
		args = append(args, "-f", "wav", "-i", "pipe:3", "-map", "0:v", "-map", "1:a")
	}
	args = append(args, "-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact")
	cmd := exec.CommandContext(ctx, o.FFmpeg, append(args, out...)...)
	cmd.Env = []string{"PATH=/usr/bin", "LC_ALL=C.UTF-8"}
	cmd.WaitDelay = 3 * time.Second
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	frames, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	var wg sync.WaitGroup
	var soundIn *os.File
	if c.Sound {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		soundIn = r
		cmd.ExtraFiles = []*os.File{r}
		wg.Go(func() {
			_, _ = w.Write(Wave(c.Seconds, 16000)) // if ffmpeg stops reading, its own error says why
			_ = w.Close()
		})
	}
	err = cmd.Start()
	if soundIn != nil {
		_ = soundIn.Close()
	}
	if err != nil {
		_ = frames.Close()
		wg.Wait()
		return nil, err
	}
	drawErr := draw(ctx, frames, c)
	closeErr := frames.Close()
	err = cmd.Wait()
	wg.Wait()
	if err != nil {
		return nil, fmt.Errorf("ffmpeg: %w: %.400s", err, stderr.String())
	}
	return stdout.Bytes(), errors.Join(drawErr, closeErr)
}

func draw(ctx context.Context, w io.Writer, c Clip) error {
	s := newScene(c)
	for n := range c.Seconds * c.Rate {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, err := w.Write(s.frame(n)); err != nil {
			return fmt.Errorf("frame %d: %w", n, err)
		}
	}
	return nil
}

// wrapDAV puts the access units of an H.264 stream into a recorder's container: each in a chunk with the
// recorder's clock.
func wrapDAV(stream []byte, c Clip) []byte {
	var out bytes.Buffer
	for n, unit := range accessUnits(stream) {
		at := c.at(n)
		kind := byte(0xfc)
		if n%(4*c.Rate) == 0 {
			kind = 0xfd
		}
		DAVChunk(&out, kind, c.Camera, n, at, c.Width, c.Height, c.Rate, unit)
	}
	return out.Bytes()
}

// accessUnits cuts an H.264 stream at its access unit delimiters.
func accessUnits(b []byte) [][]byte {
	var out [][]byte
	mark := []byte{0, 0, 0, 1, 9}
	start := bytes.Index(b, mark)
	for start >= 0 && start < len(b) {
		next := bytes.Index(b[start+5:], mark)
		if next < 0 {
			return append(out, b[start:])
		}
		out = append(out, b[start:start+5+next])
		start += 5 + next
	}
	return out
}

// DAVChunk writes one chunk of a .dav file: kind 0xfd (key frame), 0xfc (other frame) or 0xf0 (sound); the clock is
// camera-local and without a zone.
func DAVChunk(out *bytes.Buffer, kind byte, channel, number int, at time.Time, width, height, rate int, payload []byte) {
	ext := []byte{0x80, 0, byte(width / 8), byte(height / 8), 0x81, 0, 2, byte(rate)}
	h := make([]byte, 24, 24+len(ext)+len(payload)+8)
	copy(h, "DHAV")
	h[4], h[6] = kind, byte(channel)
	length := uint32(24 + len(ext) + len(payload) + 8)
	binary.LittleEndian.PutUint32(h[8:], uint32(number))
	binary.LittleEndian.PutUint32(h[12:], length)
	packed := uint32(at.Year()-2000)<<26 | uint32(at.Month())<<22 | uint32(at.Day())<<17 | uint32(at.Hour())<<12 | uint32(at.Minute())<<6 | uint32(at.Second())
	binary.LittleEndian.PutUint32(h[16:], packed)
	binary.LittleEndian.PutUint16(h[20:], uint16(at.Nanosecond()/1e6))
	h[22] = byte(len(ext))
	for _, c := range h[:23] {
		h[23] += c
	}
	h = append(append(h, ext...), payload...)
	h = append(h, "dhav"...)
	out.Write(binary.LittleEndian.AppendUint32(h, length))
}

// Wave gives a WAV file of speech-like sound: syllables of a buzz through two moving resonances, with pauses.
func Wave(seconds, rate int) []byte {
	n := seconds * rate
	b := make([]byte, 44+2*n)
	copy(b, "RIFF")
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	copy(b[8:], "WAVEfmt ")
	binary.LittleEndian.PutUint32(b[16:], 16)
	binary.LittleEndian.PutUint16(b[20:], 1)
	binary.LittleEndian.PutUint16(b[22:], 1)
	binary.LittleEndian.PutUint32(b[24:], uint32(rate))
	binary.LittleEndian.PutUint32(b[28:], uint32(2*rate))
	binary.LittleEndian.PutUint16(b[32:], 2)
	binary.LittleEndian.PutUint16(b[34:], 16)
	copy(b[36:], "data")
	binary.LittleEndian.PutUint32(b[40:], uint32(2*n))
	phase := 0.0
	for i := range n {
		t := float64(i) / float64(rate)
		syllable := math.Mod(t*3.7, 1)
		loud := math.Max(0, math.Sin(math.Pi*syllable)) * 0.5
		if int(t)%6 >= 4 { // a pause of two seconds in six
			loud = 0
		}
		pitch := 118 + 22*math.Sin(t*1.3) + 9*math.Sin(t*7.1)
		phase += pitch / float64(rate)
		f1, f2 := 480+240*math.Sin(t*2.9), 1500+600*math.Sin(t*2.1+1)
		p := math.Mod(phase, 1) / pitch
		v := math.Exp(-p*420)*math.Sin(2*math.Pi*f1*p) + 0.5*math.Exp(-p*600)*math.Sin(2*math.Pi*f2*p)
		binary.LittleEndian.PutUint16(b[44+2*i:], uint16(int16(v*loud*16000)))
	}
	return b
}

// Photo gives a JPEG of a camera's scene with an Exif block that says how it is to be turned (1 to 8), a maker's
// name and a time.
func Photo(camera int, at time.Time, orientation int) []byte {
	m := picture(camera, at, 800, 600)
	var b bytes.Buffer
	_ = jpeg.Encode(&b, m, &jpeg.Options{Quality: 85}) // writing to memory does not fail
	body := b.Bytes()
	tiff := []byte("MM\x00*\x00\x00\x00\x08")
	entry := func(tag, kind uint16, count, value uint32) {
		tiff = binary.BigEndian.AppendUint16(tiff, tag)
		tiff = binary.BigEndian.AppendUint16(tiff, kind)
		tiff = binary.BigEndian.AppendUint32(tiff, count)
		tiff = binary.BigEndian.AppendUint32(tiff, value)
	}
	tiff = binary.BigEndian.AppendUint16(tiff, 3)
	entry(0x010f, 2, 12, 8+2+3*12+4) // maker
	entry(0x0112, 3, 1, uint32(orientation)<<16)
	entry(0x0132, 2, 20, 8+2+3*12+4+12) // time
	tiff = binary.BigEndian.AppendUint32(tiff, 0)
	tiff = append(tiff, "ZAPIS-DEMO1\x00"...)
	tiff = append(tiff, at.Format("2006:01:02 15:04:05")+"\x00"...)
	app1 := append([]byte("Exif\x00\x00"), tiff...)
	out := []byte{0xff, 0xd8, 0xff, 0xe1}
	out = binary.BigEndian.AppendUint16(out, uint16(len(app1)+2))
	return append(append(out, app1...), body[2:]...)
}

// Screenshot gives a PNG of a camera's scene.
func Screenshot(camera int, at time.Time) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, picture(camera, at, 640, 480)) // writing to memory does not fail
	return b.Bytes()
}

func picture(camera int, at time.Time, w, h int) *image.YCbCr {
	c := Clip{Name: "picture", Camera: camera, Start: at, Seconds: 60, Rate: 10, Width: w, Height: h}
	b := newScene(c).frame(200)
	m := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	copy(m.Y, b[:w*h])
	copy(m.Cb, b[w*h:w*h+w*h/4])
	copy(m.Cr, b[w*h+w*h/4:])
	return m
}

// Paper gives a PDF of so many pages, written by hand: lines of text in a standard font, and a stamp.
func Paper(pages int) []byte {
	var b bytes.Buffer
	var places []int
	object := func(text string) {
		places = append(places, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(places), text)
	}
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	object("<< /Type /Catalog /Pages 2 0 R >>")
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 4+2*i)
	}
	object(fmt.Sprintf("<< /Type /Pages /Count %d /Kids [ %s] >>", pages, kids))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i := range pages {
		object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R /Resources << /Font << /F1 3 0 R >> >> >>", 5+2*i))
		text := fmt.Sprintf("BT /F1 20 Tf 72 760 Td (DEMONSTRATION ORDER No. 17 / page %d) Tj ET\n0.6 0.1 0.1 RG 3 w 360 120 150 60 re S\n", i+1)
		for line := range 24 {
			text += fmt.Sprintf("0.25 g 72 %d %d 7 re f\n", 710-22*line, 300+(line*53+i*31)%150)
		}
		object(fmt.Sprintf("<< /Length %d >>\nstream\n%sendstream", len(text), text))
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(places)+1)
	for _, p := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(places)+1, start)
	return b.Bytes()
}
