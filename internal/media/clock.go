package media

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media/clock"
	"zapis/internal/sandbox"
)

// RecipeClock reads burned-in clocks; see docs/design/clock.md.
var RecipeClock = Recipe{"clock", 1}

// ClockOptions of Clock.
type ClockOptions struct {
	Known  clock.Order // order of dates in other recordings of the same source; empty: not known
	Latest time.Time   // no recording is later; zero: now is not asked, anything goes
	Beat   func(part float64)
	Step   float64 // seconds between readings; 0: by the length of the recording
}

// Clock is what was read from the clock in a picture.
type Clock struct {
	Found  bool // otherwise nothing else is set but Report
	Run    clock.Run
	Day    clock.Day
	Value  clock.Value
	Report Report // of the decoding
	Reader Tool   // what recognised the characters
}

// Figures of the reading.
const (
	digitLines  = 40 // height that digits are scaled to: larger ones are read worse
	batch       = 30 // strips in one run of tesseract
	tuneStrips  = 20
	dateStrips  = 16
	maxClock    = 30 * 3600 // seconds of a recording that are read
	tunedEnough = 0.9
)

const (
	clockCharacters = "0123456789-/:."
	lineCharacters  = "0123456789-/:.APM"
)

// step is how far readings are apart: never a whole second, so that they meet the second at every phase and the fraction of the
// beginning comes out.
func clockStep(duration float64) float64 {
	switch {
	case duration <= 600:
		return 0.9
	case duration <= 3600:
		return 1.9
	}
	return 4.9
}

// Clock looks for a burned-in clock in footage and reads it: where it ticks, what it says every few seconds, which straight
// lines that makes, and on which day. Nothing is written anywhere; strips of pictures go through memory.
//
// Not finding a clock is no error. ErrNoTool if tesseract is missing.
func (t *Tools) Clock(ctx context.Context, src Source, p Probe, o ClockOptions) (Clock, error) {
	if err := refusal(p); err != nil {
		return Clock{}, err
	}
	v, ok := p.Video()
	if p.Kind != archive.KindVideo || !ok || v.Width <= 0 || v.Height <= 0 {
		return Clock{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	if !t.CanRead() {
		return Clock{}, fmt.Errorf("%w: tesseract", ErrNoTool)
	}
	s, err := t.again(src, p)
	if err != nil {
		return Clock{}, err
	}
	if o.Latest.IsZero() {
		o.Latest = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	r := &clockReader{t: t, src: src, s: s, v: v, p: p, o: o, duration: min(p.Duration, maxClock)}
	r.shifted = math.Abs(v.Start-p.StartTime) > 30 || v.Start < p.StartTime
	defer r.close()
	return r.read(ctx)
}

// clockReader is one reading.
type clockReader struct {
	t        *Tools
	src      Source
	s        sniffed
	v        Stream
	p        Probe
	o        ClockOptions
	duration float64
	shifted  bool
	memory   *feed // where the original fits into memory: used again
	report   Report
	reader   Tool
}

func (r *clockReader) close() {
	if r.memory != nil {
		r.memory.close()
	}
}

func (r *clockReader) beat(part float64) {
	if r.o.Beat != nil {
		r.o.Beat(part)
	}
}

// feed opens the original for one run.
func (r *clockReader) feed(ctx context.Context) (*feed, func(), error) {
	if r.memory != nil {
		return r.memory, func() {}, nil
	}
	f, err := r.t.whole(ctx, r.src, r.s)
	if err != nil {
		return nil, nil, err
	}
	if f.how == "memory" {
		r.memory = f
		return f, func() {}, nil
	}
	return f, f.close, nil
}

// area is a part of the picture in fractions of it, scaled to w × h pixels.
type area struct {
	x0, y0, x1, y1 float64
	w, h           int
}

func (a area) filter() string {
	f := func(x float64) string { return strconv.FormatFloat(x, 'f', 7, 64) }
	return fmt.Sprintf("crop=w=max(2\\,iw*%s):h=max(2\\,ih*%s):x=iw*%s:y=ih*%s,scale=%d:%d:flags=lanczos", f(a.x1-a.x0), f(a.y1-a.y0), f(a.x0), f(a.y0), a.w, a.h)
}

// pictures is one stream of grey pictures.
type pictures struct {
	step float64 // seconds between them
	area area
	take func(i int, grey []byte) error // the slice is the taker's
}

var errEnough = errors.New("enough")

// decode gives grey pictures from a stretch of the recording; length 0: to the end. Picture i shows the last frame at or before
// from + i·step.
func (r *clockReader) decode(ctx context.Context, from, length float64, streams ...pictures) error {
	for _, s := range streams {
		if s.area.w < 1 || s.area.h < 1 || s.step <= 0 {
			return fmt.Errorf("read clock: %w: a picture without size", ErrNoReport)
		}
	}
	f, done, err := r.feed(ctx)
	if err != nil {
		return err
	}
	defer done()
	args := r.t.ffmpegArgs("pipe:4")
	if from > 0 {
		args = append(args, "-ss", strconv.FormatFloat(from, 'f', 3, 64))
	}
	if length > 0 {
		args = append(args, "-t", strconv.FormatFloat(length, 'f', 3, 64))
	}
	args = append(args, r.t.inputArgs(f, r.s.demuxer)...)
	graph := fmt.Sprintf("[0:%d]", r.v.Index)
	if r.shifted {
		graph += "setpts=PTS-STARTPTS,"
	}
	graph += "split=" + strconv.Itoa(len(streams))
	for i := range streams {
		graph += fmt.Sprintf("[i%d]", i)
	}
	var progress progress
	outs := []func(io.Reader) error{progress.read}
	var limit int64
	for i, s := range streams {
		graph += fmt.Sprintf(";[i%d]fps=%s:start_time=0:round=up,format=gray,%s,format=gray[o%d]", i, strconv.FormatFloat(1/s.step, 'f', 9, 64), s.area.filter(), i)
		args = append(args, "-map", fmt.Sprintf("[o%d]", i), "-f", "rawvideo", fmt.Sprintf("pipe:%d", 5+i))
		outs = append(outs, func(in io.Reader) error {
			br := bufio.NewReaderSize(in, 256<<10)
			for n := 0; ; n++ {
				grey := make([]byte, s.area.w*s.area.h)
				if _, err := io.ReadFull(br, grey); err == io.EOF {
					return nil
				} else if err != nil {
					return fmt.Errorf("%w: grey picture %d: %w", ErrNoReport, n, err)
				}
				if err := s.take(n, grey); errors.Is(err, errEnough) {
					_, err = io.Copy(io.Discard, br)
					return err
				} else if err != nil {
					return err
				}
			}
		})
		limit = max(limit, int64(s.area.w*s.area.h)*int64(max(length, r.duration, 60)/s.step+600)*2)
	}
	// The graph has to stand before the maps.
	at := len(args) - 5*len(streams)
	args = append(args[:at:at], append([]string{"-filter_complex", graph}, args[at:]...)...)
	rep, err := r.t.run(ctx, call{
		path: r.t.ffmpeg, name: "ffmpeg", args: args, feed: f, out: outs,
		limits: sandbox.Limits{CPU: 200 * time.Hour, Wall: wall(r.p.Duration), Stall: 5 * time.Minute, Channels: limit},
	})
	r.report.Tool = rep.Tool
	r.report.WallMS += rep.WallMS
	r.report.CPUMS += rep.CPUMS
	r.report.ErrorLines = max(r.report.ErrorLines, rep.ErrorLines)
	if err != nil {
		return fmt.Errorf("read clock: %w", decodeError(err))
	}
	if !progress.ended {
		return fmt.Errorf("read clock: %w: it did not say that it ended", ErrNoReport)
	}
	return nil
}

// place is where and how a clock is read.
type place struct {
	box    [4]float64 // of the digit that ticks: x0, y0, x1, y1 in fractions
	period float64
	tight  area // the time of day
	line   area // the whole line and what stands above and below it
	lineY  int  // rows of line above the line itself
	lineX  int  // columns of line up to the end of the digit that ticks
	mode   clock.Mode
	good   float64
}

func (r *clockReader) read(ctx context.Context) (Clock, error) {
	w, h := fit(r.v, 4096, clock.LocateLines)
	starts := []float64{0}
	if r.duration > 120 {
		starts = append(starts, math.Round(r.duration/2)) // the beginning may be black, or a title
	}
	var best place
	for _, from := range starts {
		var frames [][]byte
		err := r.decode(ctx, from, clock.LocateFor, pictures{1.0 / clock.LocateRate, area{0, 0, 1, 1, w, h}, func(_ int, grey []byte) error {
			frames = append(frames, grey)
			return nil
		}})
		if err != nil {
			return Clock{}, err
		}
		found := clock.Locate(frames, w, h)
		frames = nil
		r.beat(0.1)
		for i, b := range found[:min(len(found), 4)] {
			c, err := r.tune(ctx, b, w, h, from)
			if err != nil {
				return Clock{}, err
			}
			if c.good > best.good {
				best = c
			}
			if best.good >= tunedEnough || i > 1 && best.good > 0.6 {
				break
			}
		}
		if best.good > 0.5 {
			break
		}
	}
	r.beat(0.25)
	if best.good < 0.25 {
		return Clock{Report: r.report, Reader: r.reader}, nil
	}
	return r.readAll(ctx, best)
}

// recognise is recogniseStrips in the mode given.
func (r *clockReader) recognise(ctx context.Context, strips [][]byte, w, h int, m clock.Mode, only, langs string) ([]string, error) {
	var out []string
	for at := 0; at < len(strips); at += batch {
		var made [][]byte
		for _, s := range strips[at:min(at+batch, len(strips))] {
			made = append(made, clock.Prepare(s, w, m))
		}
		texts, rep, err := r.t.recogniseStrips(ctx, made, w, h, ReadOptions{Languages: langs, Only: only})
		if err != nil {
			return nil, fmt.Errorf("read clock: %w", err)
		}
		r.reader = rep.Tool
		out = append(out, texts...)
	}
	return out, nil
}

// tune finds out how the writing around a box is read best.
func (r *clockReader) tune(ctx context.Context, b clock.Box, w, h int, from float64) (place, error) {
	high := float64(b.Y1 - b.Y0)
	fw, fh := float64(w), float64(h)
	// Heights are in lines of the picture; a pixel is as wide as high after scaling by the aspect.
	scale := digitLines / high
	cut := func(left, right, up, down float64) area {
		a := area{
			x0: max(0, float64(b.X1)-high*left) / fw, x1: min(fw, float64(b.X1)+high*right) / fw,
			y0: max(0, float64(b.Y0)-high*up) / fh, y1: min(fh, float64(b.Y1)+high*down) / fh,
		}
		a.w = max(8, int(math.Round((a.x1-a.x0)*fw*scale)))
		a.h = max(8, int(math.Round((a.y1-a.y0)*fh*scale)))
		return a
	}
	base := place{
		box:    [4]float64{float64(b.X0) / fw, float64(b.Y0) / fh, float64(b.X1) / fw, float64(b.Y1) / fh},
		period: b.Period, line: cut(26, 16, 1.9, 1.9),
	}
	base.lineY = int(math.Round((float64(b.Y0)/fh - base.line.y0) * fh * scale))
	base.lineX = int(math.Round((float64(b.X1)/fw - base.line.x0) * fw * scale))
	step := min(1.9, max(0.45, (r.duration-from)/tuneStrips))
	var best place
	for _, right := range []float64{0.25 + 2/high, 3.4} {
		c := base
		c.tight = cut(7.2, right, 0.35+1/high, 0.35+1/high)
		var strips [][]byte
		err := r.decode(ctx, from, step*tuneStrips, pictures{step, c.tight, func(i int, grey []byte) error {
			strips = append(strips, grey)
			if i >= tuneStrips {
				return errEnough
			}
			return nil
		}})
		if err != nil {
			return place{}, err
		}
		told := 0
		for i, m := range clock.Modes() {
			if i == 3 && told*5 < len(strips) {
				break // three ways of reading, and hardly anything like a time
			}
			texts, err := r.recognise(ctx, strips, c.tight.w, c.tight.h, m, clockCharacters, "eng")
			if err != nil {
				return place{}, err
			}
			samples := make([]clock.Sample, len(texts))
			for i, text := range texts {
				samples[i] = clock.Sample{At: step * float64(i), Options: clock.Times(text)}
				if len(samples[i].Options) > 0 {
					told++
				}
			}
			run, ok := clock.Fit(samples, false)
			if !ok {
				continue
			}
			if c.mode, c.good = m, run.Share(); c.good > best.good {
				best = c
			}
			if best.good >= tunedEnough {
				return best, nil
			}
		}
		if best.good > 0.6 {
			break
		}
	}
	if best.good > 0.5 || b.Score < 0.95 {
		return best, nil
	}
	// Writing that is set from the right moves with every second, so that any letter of the line ticks. The time is looked for in
	// all of the line.
	base.tight = cut(26, 16, 0.35+1/high, 0.35+1/high)
	found, err := r.along(ctx, base, from, step)
	if found.good > best.good {
		best = found
	}
	return best, err
}

// along looks for the time in a whole line, which c.tight is, and gives the part of it that is read best.
func (r *clockReader) along(ctx context.Context, c place, from, step float64) (place, error) {
	line := c.tight
	var strips [][]byte
	err := r.decode(ctx, from, step*tuneStrips, pictures{step, line, func(i int, grey []byte) error {
		strips = append(strips, grey)
		if i >= tuneStrips {
			return errEnough
		}
		return nil
	}})
	if err != nil {
		return place{}, err
	}
	share := func(strips [][]byte, w int, m clock.Mode) (float64, error) {
		texts, err := r.recognise(ctx, strips, w, line.h, m, clockCharacters, "eng")
		if err != nil {
			return 0, err
		}
		samples := make([]clock.Sample, len(texts))
		for i, text := range texts {
			samples[i] = clock.Sample{At: step * float64(i), Options: clock.Times(text)}
		}
		run, ok := clock.Fit(samples, false)
		if !ok {
			return 0, nil
		}
		return run.Share(), nil
	}
	var best place
	for _, m := range clock.Modes()[:4] {
		whole, err := share(strips, line.w, m)
		if err != nil {
			return place{}, err
		}
		if whole < 0.4 {
			continue
		}
		const width = digitLines * 9
		for x := 0; x < max(1, line.w-width/2); x += digitLines * 3 / 2 {
			to := min(line.w, x+width)
			part := make([][]byte, len(strips))
			for i, s := range strips {
				for y := range line.h {
					part[i] = append(part[i], s[y*line.w+x:y*line.w+to]...)
				}
			}
			good, err := share(part, to-x, m)
			if err != nil {
				return place{}, err
			}
			if good <= best.good {
				continue
			}
			best = c
			best.mode, best.good = m, good
			per := (line.x1 - line.x0) / float64(line.w)
			best.tight = area{x0: line.x0 + per*float64(x), x1: line.x0 + per*float64(to), y0: line.y0, y1: line.y1, w: to - x, h: line.h}
			best.lineX = int(math.Round((best.tight.x1 - c.line.x0) / per))
		}
		if best.good > 0.6 {
			break
		}
	}
	return best, nil
}

// readAll reads the whole recording at a place.
func (r *clockReader) readAll(ctx context.Context, at place) (Clock, error) {
	step := r.o.Step
	if step <= 0 {
		step = clockStep(r.duration)
	}
	var strips, lines [][]byte
	apart := max(step, r.duration/dateStrips)
	most := int(maxClock/step) + 1
	err := r.decode(ctx, 0, maxClock,
		pictures{step, at.tight, func(i int, grey []byte) error {
			if strips = append(strips, grey); len(strips) > most {
				return errEnough
			}
			if i%20 == 0 && r.duration > 0 {
				r.beat(0.25 + 0.45*min(1, step*float64(i)/r.duration))
			}
			return nil
		}},
		pictures{apart, at.line, func(_ int, grey []byte) error {
			if lines = append(lines, grey); len(lines) > 2*dateStrips {
				return errEnough
			}
			return nil
		}})
	if err != nil {
		return Clock{}, err
	}
	texts, err := r.recognise(ctx, strips, at.tight.w, at.tight.h, at.mode, clockCharacters, "eng")
	if err != nil {
		return Clock{}, err
	}
	samples := make([]clock.Sample, len(strips))
	for i, text := range texts {
		samples[i] = clock.Sample{At: step * float64(i), Options: clock.Times(text)}
	}
	r.beat(0.85)
	written, err := r.lines(ctx, at, lines, apart)
	if err != nil {
		return Clock{}, err
	}
	halves := 0
	for _, l := range written {
		if clock.HalfOf(l.Text) != clock.NoHalf {
			halves++
		}
	}
	twelve := halves*4 > len(lines) && halves >= 2
	none := Clock{Report: r.report, Reader: r.reader}
	run, ok := clock.Fit(samples, twelve)
	if !ok {
		return none, nil
	}
	// What was not read, or not as the line says, is looked at in other ways. The line does not enter into what is read.
	modes := r.otherModes(at.mode)
	again := make([][]clock.Sample, len(modes))
	for k, m := range modes {
		var which []int
		for i := range run.Readings {
			if !run.Readings[i].OK {
				which = append(which, i)
			}
		}
		if len(which) == 0 {
			break
		}
		if again[k], err = r.reread(ctx, at, strips, which, step, m); err != nil {
			return Clock{}, err
		}
		for n, i := range which {
			samples[i].Options = append(samples[i].Options, again[k][n].Options...)
		}
		if better, ok := clock.Fit(samples, twelve); ok && better.Share() >= run.Share() {
			run = better
		}
		if k >= 2 {
			break
		}
	}
	r.beat(0.95)
	for k := range run.Jumps {
		if !run.Jumps[k].Digit {
			continue
		}
		var which []int
		for i, s := range samples {
			if s.At <= run.Jumps[k].From && s.At > run.Jumps[k].From-8*step || s.At >= run.Jumps[k].To && s.At < run.Jumps[k].To+8*step {
				which = append(which, i)
			}
		}
		var others [][]clock.Sample
		for _, m := range modes {
			o, err := r.reread(ctx, at, strips, which, step, m)
			if err != nil {
				return Clock{}, err
			}
			others = append(others, o)
		}
		run.Confirm(k, others)
	}
	if twelve && !run.Halves(written) {
		return none, nil
	}
	out := Clock{Found: true, Run: run, Report: r.report, Reader: r.reader, Day: run.Day(written, r.o.Known, r.o.Latest)}
	millionths := func(x float64) int { return int(math.Round(x * 1e6)) }
	box := [4]int{millionths(at.box[0]), millionths(at.box[1]), millionths(at.box[2] - at.box[0]), millionths(at.box[3] - at.box[1])}
	out.Value = clock.NewValue(run, out.Day, box, at.mode, step)
	r.beat(1)
	return out, nil
}

// otherModes are all but the one given.
func (r *clockReader) otherModes(m clock.Mode) []clock.Mode {
	var out []clock.Mode
	for _, o := range clock.Modes() {
		if o != m {
			out = append(out, o)
		}
	}
	return out
}

// reread reads some strips in another mode.
func (r *clockReader) reread(ctx context.Context, at place, strips [][]byte, which []int, step float64, m clock.Mode) ([]clock.Sample, error) {
	some := make([][]byte, len(which))
	for n, i := range which {
		some[n] = strips[i]
	}
	texts, err := r.recognise(ctx, some, at.tight.w, at.tight.h, m, clockCharacters, "eng")
	if err != nil {
		return nil, err
	}
	out := make([]clock.Sample, len(which))
	for n, i := range which {
		out[n] = clock.Sample{At: step * float64(i), Options: clock.Times(texts[n])}
	}
	return out, nil
}

// lines reads whole lines for the date and the half of the day: the line of the clock first, then what stands above and below it;
// digits first, then words.
func (r *clockReader) lines(ctx context.Context, at place, pictures [][]byte, apart float64) ([]clock.Line, error) {
	w, h := at.line.w, at.line.h
	top := max(0, at.lineY-digitLines*2/5)
	bottom := min(h, at.lineY+digitLines*7/5)
	middle := make([][]byte, len(pictures))
	for i, p := range pictures {
		middle[i] = p[top*w : bottom*w]
	}
	// What stands right before the time, without the rest of the line: less of the scene to be mistaken for writing.
	from, to := max(0, at.lineX-digitLines*17), min(w, at.lineX+digitLines/2)
	near := make([][]byte, len(pictures))
	for i, p := range middle {
		for y := range bottom - top {
			near[i] = append(near[i], p[y*w+from:y*w+to]...)
		}
	}
	var out []clock.Line
	dated := 0
	read := func(strips [][]byte, w, h int, m clock.Mode, only, langs string) error {
		texts, err := r.recognise(ctx, strips, w, h, m, only, langs)
		if err != nil {
			return err
		}
		for i, text := range texts {
			l := clock.Line{At: apart * float64(i), Text: text}
			if len(clock.Dates(text)) > 0 {
				dated++
			}
			out = append(out, l)
		}
		return nil
	}
	enough := func() bool { return dated*3 >= len(pictures) && dated >= min(3, len(pictures)) }
	modes := append([]clock.Mode{at.mode}, r.otherModes(at.mode)...)
	for _, m := range modes[:4] {
		if err := read(middle, w, bottom-top, m, lineCharacters, "eng"); err != nil || enough() {
			return out, err
		}
		if err := read(near, to-from, bottom-top, m, lineCharacters, "eng"); err != nil || enough() {
			return out, err
		}
	}
	for _, m := range modes[:2] {
		if err := read(middle, w, bottom-top, m, "", "eng+rus+ukr"); err != nil || enough() {
			return out, err
		}
	}
	for _, m := range modes[:3] {
		if err := read(pictures, w, h, m, "", "eng+rus+ukr"); err != nil || enough() {
			return out, err
		}
	}
	return out, nil
}
