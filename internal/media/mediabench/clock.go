package mediabench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/clock"
)

// ClockLayout is a way in which recorders write the time into the picture.
type ClockLayout struct {
	Name string
	text string // of ffmpeg's drawtext, with what strftime knows
	font string
	more string
	// Order of the date, for checking.
	Order clock.Order
}

// ClockLayouts are the layouts that are measured.
var ClockLayouts = []ClockLayout{
	{"DD-MM-YYYY, outlined", "%d-%m-%Y %H:%M:%S", "DejaVuSansMono-Bold.ttf", "x=20:y=16:fontsize=h/22:fontcolor=white:borderw=2", clock.DMY},
	{"camera name, YYYY-MM-DD, boxed", "CAM 03 %Y-%m-%d %H:%M:%S", "DejaVuSans.ttf", "x=w-tw-14:y=h-th-18:fontsize=h/24:fontcolor=white:box=1:boxcolor=black@0.8", clock.YMD},
	{"MM/DD/YYYY, 12 hours", "%m/%d/%Y %I:%M:%S %p", "DejaVuSansMono.ttf", "x=20:y=h-th-20:fontsize=h/22:fontcolor=white:borderw=2", clock.MDY},
	{"Cyrillic name, DD.MM.YYYY", "КАМЕРА 7  %d.%m.%Y %H:%M:%S", "DejaVuSansMono.ttf", "x=14:y=12:fontsize=h/24:fontcolor=white:borderw=2", clock.DMY},
	{"body camera line", "%Y-%m-%d T%H:%M:%SZ AXON BODY 2 X81234", "DejaVuSans-Bold.ttf", "x=w-tw-14:y=14:fontsize=h/30:fontcolor=white:box=1:boxcolor=black@0.5", clock.YMD},
}

const fontFolder = "/usr/share/fonts/truetype/dejavu/"

// Span is a stretch of the source that is kept; with Freeze, its last picture then stands for so many seconds.
type Span struct{ From, To, Freeze float64 }

// ClockFilm is what is made for a measurement.
type ClockFilm struct {
	Layout ClockLayout
	Source string    // path of real footage
	Begin  time.Time // what the clock says at the beginning of the source, as if UTC
	Spans  []Span    // none: all of it
	Lines  int       // height of the picture; 0: as the source
	CRF    int       // of the encoder; 0: 23
}

// Make writes the film to path.
func (c ClockFilm) Make(ctx context.Context, ffmpeg, path string) error {
	var chain []string
	if c.Lines > 0 {
		chain = append(chain, fmt.Sprintf("scale=-2:%d", c.Lines))
	}
	// Colons are separators twice over in drawtext.
	text := strings.ReplaceAll(c.Layout.text, ":", `\\\:`)
	if text != "" { // no layout: no clock
		chain = append(chain, fmt.Sprintf(`drawtext=fontfile=%s:text='%%{pts\:gmtime\:%d\:%s}':%s`, filepath.Join(fontFolder, c.Layout.font), c.Begin.Unix(), text, c.Layout.more))
	}
	if len(chain) == 0 {
		chain = append(chain, "null")
	}
	graph := "[0:v]" + strings.Join(chain, ",")
	if len(c.Spans) > 0 {
		graph += fmt.Sprintf(",split=%d", len(c.Spans))
		for i := range c.Spans {
			graph += fmt.Sprintf("[i%d]", i)
		}
		var ends string
		for i, s := range c.Spans {
			graph += fmt.Sprintf(";[i%d]trim=%g:%g,setpts=PTS-STARTPTS", i, s.From, s.To)
			if s.Freeze > 0 {
				graph += fmt.Sprintf(",tpad=stop_mode=clone:stop_duration=%g", s.Freeze)
			}
			graph += fmt.Sprintf("[o%d]", i)
			ends += fmt.Sprintf("[o%d]", i)
		}
		graph += fmt.Sprintf(";%sconcat=n=%d:v=1:a=0", ends, len(c.Spans))
	}
	crf := c.CRF
	if crf == 0 {
		crf = 23
	}
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", "-y", "-i", c.Source, "-an", "-filter_complex", graph+"[v]", "-map", "[v]",
		"-c:v", "libx264", "-preset", "veryfast", "-crf", fmt.Sprint(crf), "-pix_fmt", "yuv420p", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("make film: %w: %.300s", err, stderr.String())
	}
	return nil
}

// at is the moment of the source that the film shows at t, and whether its clock stands.
func (c ClockFilm) at(t float64) (source float64, frozen bool) {
	for _, s := range c.Spans {
		length := s.To - s.From
		if t < length {
			return s.From + t, false
		}
		if t < length+s.Freeze {
			return s.To - 0.001, true
		}
		t -= length + s.Freeze
	}
	if len(c.Spans) > 0 {
		last := c.Spans[len(c.Spans)-1]
		return last.To - 0.001, false
	}
	return t, false
}

// cuts are the places of the film at which its clock leaps, with by how much.
func (c ClockFilm) cuts() (at, by []float64) {
	t := 0.0
	for i, s := range c.Spans {
		t += s.To - s.From + s.Freeze
		if i+1 < len(c.Spans) {
			at, by = append(at, t), append(by, c.Spans[i+1].From-s.To-s.Freeze)
		}
	}
	return at, by
}

// ClockResult is what came of reading a film.
type ClockResult struct {
	Found     bool
	Frames    int // that were read
	Right     int // read exactly as written in the picture
	StartOff  time.Duration
	Day       bool // the right day, in the right order
	OrderOpen bool // the order was left open, and the right one is among those offered
	Cuts      int
	CutsFound int // within three seconds, and by the right length to a second
	False     int // jumps where there is none, that count as confirmed
	Unsure    int // jumps where there is none, marked as perhaps a misread digit
	Length    time.Duration
	Wall      time.Duration
}

// Read reads the clock of the film at path and holds it against what was written into it.
func (c ClockFilm) Read(ctx context.Context, t *media.Tools, path string) (ClockResult, error) {
	src, err := open(path)
	if err != nil {
		return ClockResult{}, err
	}
	defer src.Close()
	p, err := t.Probe(ctx, src)
	if err != nil {
		return ClockResult{}, fmt.Errorf("probe: %w", err)
	}
	v, ok := p.Video()
	if !ok || v.Rate() <= 0 {
		return ClockResult{}, errors.New("no picture in the film")
	}
	begin := time.Now()
	got, err := t.Clock(ctx, src, p, media.ClockOptions{Latest: c.Begin.AddDate(1, 0, 0)})
	if err != nil {
		return ClockResult{}, fmt.Errorf("read clock: %w", err)
	}
	cutsAt, cutsBy := c.cuts()
	out := ClockResult{Found: got.Found, Cuts: len(cutsAt), Wall: time.Since(begin), Length: time.Duration(p.Duration * float64(time.Second))}
	if !got.Found {
		return out, nil
	}
	midnight := c.Begin.Truncate(24 * time.Hour)
	base := c.Begin.Sub(midnight).Seconds()
	for _, r := range got.Run.Readings {
		// The frame that is shown: the last one that began by then.
		shown := math.Floor(r.At*v.Rate()+1e-6) / v.Rate()
		if shown >= p.Duration {
			continue
		}
		source, _ := c.at(shown)
		out.Frames++
		if r.Clock >= 0 && r.Clock == int(math.Floor(base+source+1e-6)) {
			out.Right++
		}
	}
	first, _ := c.at(0)
	out.StartOff = time.Duration((got.Run.Segments[0].Start - base - first) * float64(time.Second)).Round(10 * time.Millisecond)
	out.Day = got.Day.By != clock.ByNobody && got.Day.Date.Equal(midnight)
	if got.Day.By == clock.ByNobody {
		out.OrderOpen = got.Day.Date.Equal(midnight)
		for _, o := range got.Day.Others {
			out.OrderOpen = out.OrderOpen || o.Date.Equal(midnight)
		}
	}
	taken := make([]bool, len(got.Run.Jumps))
	for k, at := range cutsAt {
		for i, j := range got.Run.Jumps {
			if !taken[i] && at > j.From-3 && at < j.To+3 && math.Abs(j.By-cutsBy[k]) <= 1 {
				taken[i] = true
				out.CutsFound++
				break
			}
		}
	}
	for i, j := range got.Run.Jumps {
		switch {
		case taken[i]:
		case j.Confirmed:
			out.False++
		default:
			out.Unsure++
		}
	}
	return out, nil
}
