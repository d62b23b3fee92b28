package media

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/media/mask"
	"zapis/internal/sandbox"
)

// RecipeRedact makes what is published of an approved plan: see Tools.Redact.
var RecipeRedact = Recipe{"redact", 2}

// MaxRedactOuts is how many sizes are made in one pass.
const MaxRedactOuts = 4

// RedactOut is one size of the clip.
type RedactOut struct {
	// Height bounds the shorter side, in pixels; 720 if zero.
	Height int
	// Out gets the MP4 as it is made, in order. What it got is void when Redact gives an error: throw it away.
	Out io.Writer
}

// RedactOptions shape a redacted clip.
type RedactOptions struct {
	// Outs are the sizes, 1 to 4, made in one pass; masks are painted once, at the largest.
	Outs []RedactOut
	// Boxes appends to into what is covered at any moment of a cut's source from from-slack up to and with to+slack, in microseconds as of Cut, each
	// box as large as to hold what it covers wherever that is meanwhile, and what is revealed at every moment from from to to. It is called in one
	// goroutine. Nil: nothing.
	Boxes func(cut int, from, to, slack int64, into []mask.Box) []mask.Box
	// Hide covers the whole picture but for the boxes that reveal.
	Hide bool
	// Seed is where the noise comes from: the same seed gives the same bytes.
	Seed [32]byte
	// Sound says what is heard of each cut; nil: nothing. If nothing is heard of any cut there is no sound track.
	Sound []SoundCut
	// Beat is called with the part done, from 0 to 1.
	Beat func(part float64)
	// Whole is as in ClipOptions.
	Whole bool

	paint func(m *mask.Painter, p *mask.Picture, frame int, boxes []mask.Box, hide bool) // for tests: what paints
}

// Redacted is what was made.
type Redacted struct {
	// Outs describe the files, in the order of RedactOptions.Outs.
	Outs []Proxy
	// Read holds for each cut the bytes of its source that were given to the decoder, ascending and apart.
	Read [][]Range
	// Poster and Stills are JPEG pictures of redacted frames; Drawing is a PNG, the outlines of the poster.
	Poster  []byte
	Stills  [][]byte
	Drawing []byte
	// Duration of the clip.
	Duration time.Duration
	// Report is that of the encoder, with the errors that decoding gave.
	Report Report
}

// Redact renders stretches of originals, one after the other, with masks painted over them: an MP4 for the public in each size asked for, H.264
// main profile, 8-bit 4:2:0, constant frame rate, AAC mono or no sound, index at the end, and pictures of it. Rate and proportions are those of the
// first cut.
//
// It guarantees: the encoder gets painted frames and nothing else of the picture, so that what is under a solid mask has no part in a single byte of
// the outcome; a mask covers a frame wherever its box is from the moment the frame begins to the moment the frame after it begins, and half a frame
// before and after that; a cut begins with the frame shown at its beginning and shows none that begins at its end or later; the same cuts, boxes, seed and versions of the programs
// give the same bytes; no metadata, no mark of the encoder, one track of pictures and at most one of sound. It does not judge whether a mask covers what
// it should.
func (t *Tools) Redact(ctx context.Context, cuts []Cut, o RedactOptions) (Redacted, error) {
	for i, out := range o.Outs {
		if out.Out == nil {
			return Redacted{}, fmt.Errorf("%w: size %d goes nowhere", archive.ErrInvalid, i)
		}
	}
	r, err := newRedactRun(cuts, o, -1)
	if err != nil {
		return Redacted{}, err
	}
	r.t = t
	if err := r.hear(ctx); err != nil {
		return Redacted{}, err
	}
	return r.render(ctx)
}

// RedactArgs gives the encoder's part of the recipe for a size. Benchmarks compare with it.
func RedactArgs(v Stream, height int) []string {
	num, den := proxyRate(v)
	key := strconv.Itoa(int(max(1, math.Round(2*float64(num)/float64(den)))))
	most, buffer := "4M", "8M"
	switch {
	case height <= 400:
		most, buffer = "1M", "2M"
	case height <= 560:
		most, buffer = "2M", "4M"
	case height > 800:
		most, buffer = "8M", "16M"
	}
	return []string{
		"-c:v", "libx264", "-preset", "medium", "-crf", "22", "-maxrate", most, "-bufsize", buffer, "-g", key, "-keyint_min", key, "-sc_threshold", "0",
		"-pix_fmt", "yuv420p", "-profile:v", "main", "-threads", strconv.Itoa(clipThreads),
		"-bsf:v", "filter_units=remove_types=6", // the encoder writes its name and settings into a message of this type
	}
}

// redactRun is one render under way.
type redactRun struct {
	t        *Tools
	o        RedactOptions
	cuts     []Cut
	first    Stream
	w, h     int // of the frames that are painted: the largest size
	sizes    [][2]int
	num, den int64
	places   []int64 // frames of each cut
	total    int64
	read     [][]Range
	pcm      []int16 // what is heard, all of it; nil: nothing
	narrow   bool

	// of decoding
	errors     strings.Builder
	errorLines int
	failed     error
	done       int64 // frames painted
	shown      []*mask.Picture
}

// newRedactRun finds out what a clip of some cuts is like. With only, of 0 or more, no more is asked of the originals than what that cut of the clip needs.
func newRedactRun(cuts []Cut, o RedactOptions, only int) (*redactRun, error) {
	bad := func(format string, a ...any) (*redactRun, error) {
		return nil, fmt.Errorf("%w: %s", archive.ErrInvalid, fmt.Sprintf(format, a...))
	}
	if len(cuts) == 0 || len(cuts) > MaxCuts {
		return bad("a clip has 1 to %d cuts", MaxCuts)
	}
	if len(o.Outs) == 0 || len(o.Outs) > MaxRedactOuts {
		return bad("a clip is made in 1 to %d sizes", MaxRedactOuts)
	}
	if o.Sound != nil && len(o.Sound) != len(cuts) {
		return bad("sound of %d cuts for %d", len(o.Sound), len(cuts))
	}
	for _, s := range o.Sound {
		if err := s.check(); err != nil {
			return nil, err
		}
	}
	r := &redactRun{o: o, cuts: cuts, read: make([][]Range, len(cuts))}
	r.o.Outs = slices.Clone(o.Outs)
	if r.o.paint == nil {
		r.o.paint = (*mask.Painter).Paint
	}
	for i, c := range cuts {
		if c.From < 0 || c.To <= c.From || c.To > maxSeconds*time.Second {
			return bad("cut %d: it ends before it begins, or when it begins", i)
		}
		if only < 0 || i == 0 || i == only {
			if err := refusal(c.Probe); err != nil {
				return nil, fmt.Errorf("cut %d: %w", i, err)
			}
			v, ok := c.Probe.Video()
			if c.Probe.Kind != archive.KindVideo || !ok || v.Width <= 0 || v.Height <= 0 {
				return nil, fmt.Errorf("cut %d: %w: kind %s", i, ErrNotMedia, c.Probe.Kind)
			}
			if d := c.Probe.Duration; d > 0 && c.To.Seconds() > d+1 {
				return bad("cut %d: it ends after its source does", i)
			}
			if i == 0 {
				r.first = v
				r.num, r.den = proxyRate(v)
			}
		}
		n := max(scale((c.To-c.From).Microseconds(), r.num, r.den*1_000_000), 1)
		r.places = append(r.places, n)
		r.total += n
	}
	for i, out := range o.Outs {
		if out.Height < 0 || out.Height == 1 || out.Height > 2160 {
			return bad("size %d", i)
		}
		if out.Height == 0 {
			r.o.Outs[i].Height = 720
		}
		w, h := proxySize(r.first, r.o.Outs[i].Height)
		r.sizes = append(r.sizes, [2]int{w, h})
		if w*h > r.w*r.h {
			r.w, r.h = w, h
		}
	}
	return r, nil
}

// render runs decoder and encoder side by side.
func (r *redactRun) render(ctx context.Context) (Redacted, error) {
	sound := r.pcm != nil
	args := append(r.t.ffmpegArgs(""), "-protocol_whitelist", "pipe", "-format_whitelist", "rawvideo,s16le",
		"-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", fmt.Sprintf("%dx%d", r.w, r.h), "-framerate", fmt.Sprintf("%d/%d", r.num, r.den), "-i", "pipe:3")
	c := call{
		path: r.t.ffmpeg, name: "ffmpeg",
		feeds:  []*feed{{channel: sandbox.Channel{In: func(w io.Writer) error { return r.paintAll(ctx, w) }}, how: "frames"}},
		limits: sandbox.Limits{CPU: 200 * time.Hour, Wall: 24 * time.Hour, Stall: 2 * rawStall, Channels: math.MaxInt64},
	}
	next := 4
	if sound {
		args = append(args, "-protocol_whitelist", "pipe", "-format_whitelist", "rawvideo,s16le", "-f", "s16le", "-ar", strconv.Itoa(heardRate), "-ac", "1", "-i", "pipe:4")
		c.feeds = append(c.feeds, &feed{channel: sandbox.Channel{In: r.writeSound}, how: "frames"})
		next++
	}
	var progress progress
	for i, a := range args {
		if a == "-progress" {
			args[i+1] = "pipe:" + strconv.Itoa(next)
		}
	}
	c.out = append(c.out, progress.read)
	next++
	// All sizes are made of the painted frames.
	var graph strings.Builder
	fmt.Fprintf(&graph, "[0:v]split=%d", len(r.sizes))
	for i := range r.sizes {
		fmt.Fprintf(&graph, "[s%d]", i)
	}
	for i, s := range r.sizes {
		if s == [2]int{r.w, r.h} {
			fmt.Fprintf(&graph, ";[s%d]setsar=1[v%d]", i, i)
		} else {
			fmt.Fprintf(&graph, ";[s%d]scale=%d:%d:%s,setsar=1[v%d]", i, s[0], s[1], exactly, i)
		}
	}
	args = append(args, "-filter_complex", graph.String())
	sinks, made := make([]*sink, len(r.sizes)), make([]*defragmenter, len(r.sizes))
	for i := range r.sizes {
		args = append(append(args, "-map", fmt.Sprintf("[v%d]", i)), RedactArgs(r.first, r.o.Outs[i].Height)...)
		if sound {
			args = append(args, "-map", "1:a", "-c:a", "aac", "-b:a", "96k", "-ac", "1", "-ar", strconv.Itoa(heardRate))
		}
		args = append(append(args, muxArgs...), "pipe:"+strconv.Itoa(next))
		next++
		sinks[i] = &sink{w: r.o.Outs[i].Out}
		c.out = append(c.out, func(rd io.Reader) error {
			d := newDefragmenter(rd, sinks[i], "isom")
			d.nameless = true
			var err error
			made[i], err = d.run()
			return err
		})
	}
	c.args = args

	rep, err := r.t.run(ctx, c)
	for _, s := range sinks {
		if s.err != nil && ctx.Err() == nil {
			return Redacted{}, fmt.Errorf("write redacted clip: %w", s.err)
		}
	}
	if r.failed != nil {
		return Redacted{}, r.failed
	}
	fail := func(err error) (Redacted, error) { return Redacted{}, fmt.Errorf("render redacted clip: %w", err) }
	switch {
	case err != nil && ctx.Err() != nil:
		return fail(ctx.Err())
	case err != nil:
		// What is encoded was made here: whatever is wrong with it is not the original's.
		return fail(fmt.Errorf("%w: %w", ErrNoReport, err))
	case !progress.ended:
		return fail(fmt.Errorf("%w: it did not say that it ended", ErrNoReport))
	case rep.ErrorLines > 0:
		return fail(fmt.Errorf("%w: the encoder complained", ErrNoReport))
	case r.done != r.total:
		return fail(fmt.Errorf("%w: %d of %d frames", ErrNoReport, r.done, r.total))
	}
	result := Redacted{Read: r.read, Report: rep}
	for i, s := range r.sizes {
		p, err := checkProxy(made[i], s[0], s[1], r.num, r.den, sound, float64(r.total)*float64(r.den)/float64(r.num))
		if err != nil {
			return fail(err)
		}
		if p.Frames != r.total || p.Audio != sound {
			return fail(fmt.Errorf("%w: %w: %d frames, want %d", ErrNoReport, errProxy, p.Frames, r.total))
		}
		result.Outs = append(result.Outs, p)
	}
	result.Duration = time.Duration(scale(r.total, r.den*1_000_000, r.num)) * time.Microsecond
	result.Report.Errors, result.Report.ErrorLines = r.errors.String(), r.errorLines
	result.Report.Frames, result.Report.Seconds = r.total, result.Duration.Seconds()
	if err := result.pictures(r.shown); err != nil {
		return fail(err)
	}
	return result, nil
}

// paintAll decodes the cuts one after the other, paints the frames and writes them to the encoder.
func (r *redactRun) paintAll(ctx context.Context, w io.Writer) error {
	out := &canvas{r: r, w: w, picture: mask.NewPicture(r.w, r.h, false, nil), stills: stills}
	for i := range r.cuts {
		if err := r.paintCut(ctx, out, i); err != nil {
			if out.err == nil { // else the encoder closed its ear, and knows why
				r.failed = fmt.Errorf("cut %d: %w", i, err)
			}
			return err
		}
	}
	return nil
}

func (r *redactRun) paintCut(ctx context.Context, out *canvas, i int) error {
	c, err := r.t.openCut(ctx, r.cuts[i], r.o.Whole)
	if err != nil {
		return err
	}
	defer func() { c.feed.close() }()
	w, h := fit(c.video, r.w, r.h)
	p := newPlacer(out, i, r.places[i], w, h)
	rep, err := r.t.rawFrames(ctx, &c, w, h, RawOptions{Whole: r.o.Whole}, p.frame)
	r.read[i] = merge(append(r.read[i], c.read.ranges()...))
	r.errorLines += rep.ErrorLines
	if rep.Errors != "" && r.errors.Len() < 64<<10 {
		r.errors.WriteString(rep.Errors + "\n")
	}
	if err != nil {
		return err
	}
	return p.finish()
}

// canvas is the frame as it goes to the encoder.
type canvas struct {
	r       *redactRun
	w       io.Writer
	picture *mask.Picture
	stills  int64 // how many pictures are kept
	err     error // of writing
}

// place is one frame of a cut on the canvas: the middle of it, in even pixels, if it has other proportions.
func (c *canvas) place(w, h int) *mask.Picture {
	p := c.picture
	x, y := (p.W-w)/2&^1, (p.H-h)/2&^1
	at := y/2*p.StrideC + x/2
	return &mask.Picture{W: w, H: h, Y: p.Y[y*p.StrideY+x:], U: p.U[at:], V: p.V[at:], StrideY: p.StrideY, StrideC: p.StrideC}
}

func (c *canvas) blacken() {
	for i := range c.picture.Y {
		c.picture.Y[i] = 16
	}
	for i := range c.picture.U {
		c.picture.U[i], c.picture.V[i] = 128, 128
	}
}

// write hands the canvas to the encoder.
func (c *canvas) write() error {
	r := c.r
	for _, plane := range [][]byte{c.picture.Y, c.picture.U, c.picture.V} {
		if _, err := c.w.Write(plane); err != nil {
			c.err = err
			return fmt.Errorf("write frame: %w", err)
		}
	}
	if k := int64(len(r.shown)); k < c.stills && r.done >= r.total*(2*k+1)/(2*c.stills) {
		copied := mask.NewPicture(r.w, r.h, false, nil)
		copy(copied.Y, c.picture.Y)
		copy(copied.U, c.picture.U)
		copy(copied.V, c.picture.V)
		r.shown = append(r.shown, copied)
	}
	r.done++
	if r.o.Beat != nil && (r.done%10 == 0 || r.done == r.total) {
		r.o.Beat(float64(r.done) / float64(r.total))
	}
	return nil
}

// placer puts the frames of a cut into places of the constant rate.
type placer struct {
	out     *canvas
	cut     int
	places  int64
	w, h    int
	painter *mask.Painter
	target  *mask.Picture
	slack   int64 // half a frame of the source's working copy, in which a mask was drawn, µs

	next     int64 // place
	anchor   int64 // time of place 0, µs of the source
	anchored bool
	current  *mask.Picture
	at       int64 // time of current
	started  bool  // there is a current one
	boxes    []mask.Box
}

func newPlacer(out *canvas, cut int, places int64, w, h int) *placer {
	p := &placer{out: out, cut: cut, places: places, w: w, h: h, painter: mask.New(out.r.o.Seed, w, h), current: mask.NewPicture(w, h, false, nil)}
	v, _ := out.r.cuts[cut].Probe.Video()
	p.painter.Reach = reach(v, w, h)
	p.painter.Hold = out.r.hold()
	num, den := proxyRate(v)
	p.slack = scale(1, den*1_000_000, 2*num)
	p.target = out.place(w, h)
	out.blacken()
	return p
}

// hold is for how many frames of the clip pixelated cells keep their colour: half a second.
func (r *redactRun) hold() int { return int(max(scale(1, r.num, 2*r.den), 1)) }

// reach is how far the scaler carries a sample of a source into a picture of a size. Pictures are made larger only where pixels are not square.
func reach(v Stream, w, h int) int {
	width, height := v.Width, v.Height
	if v.Rotation%180 == 90 {
		width, height = height, width
	}
	k := max(1, float64(w)/float64(max(width, 1)), float64(h)/float64(max(height, 1)))
	return int(math.Ceil(mask.DefaultReach * k))
}

// oldest is for how long before a cut a picture may have stood that is shown in it.
const oldest = 30_000_000

// time of a place, twice as fine: place 2k is where k begins, 2k+1 its middle.
func (p *placer) time(half int64) int64 {
	return p.anchor + scale(half, p.out.r.den*1_000_000, 2*p.out.r.num)
}

// anchorAt says when place 0 begins, by when the first frame does. Places begin with the first frame, so that frames of a steady clock fall into the
// middle of theirs; where the first one stands for longer they begin with the cut.
func (p *placer) anchorAt(first int64) error {
	from := p.out.r.cuts[p.cut].From.Microseconds()
	if from-first > oldest {
		return nothingThere()
	}
	p.anchor, p.anchored = from, true
	if wait := from - first; wait >= 0 && wait < scale(1, p.out.r.den*1_000_000, p.out.r.num) {
		p.anchor = first
	}
	return nil
}

// frame takes the next frame of the source.
func (p *placer) frame(_ int, us int64, pic *mask.Picture) error {
	if !p.anchored {
		if err := p.anchorAt(us); err != nil {
			return err
		}
	}
	if p.started && (p.next == 0 || p.time(2*p.next+1) <= us) {
		// The first frame is shown whatever comes; a later one up to where the next is nearer.
		if err := p.fill(us); err != nil {
			return err
		}
	}
	copy(p.current.Y, pic.Y)
	copy(p.current.U, pic.U)
	copy(p.current.V, pic.V)
	p.at, p.started = us, true
	return nil
}

// fill shows the current frame up to the place that is nearest to a time, at which the next one begins.
func (p *placer) fill(us int64) error {
	for p.next < p.places && (p.next == 0 || p.time(2*p.next+1) <= us) {
		if err := p.show(us); err != nil {
			return err
		}
	}
	return nil
}

// finish shows the last frame to the end of the cut.
func (p *placer) finish() error {
	for p.next < p.places {
		if err := p.show(p.out.r.cuts[p.cut].To.Microseconds()); err != nil {
			return err
		}
	}
	return nil
}

// show paints the current frame, after which the next one begins at a time, and writes it into the next place.
func (p *placer) show(until int64) error {
	o := &p.out.r.o
	t := p.target
	for y := range p.h {
		copy(t.Y[y*t.StrideY:y*t.StrideY+p.w], p.current.Y[y*p.current.StrideY:])
	}
	cw := (p.w + 1) / 2
	for y := range (p.h + 1) / 2 {
		copy(t.U[y*t.StrideC:y*t.StrideC+cw], p.current.U[y*p.current.StrideC:])
		copy(t.V[y*t.StrideC:y*t.StrideC+cw], p.current.V[y*p.current.StrideC:])
	}
	p.boxes = p.boxes[:0]
	if o.Boxes != nil {
		// From the moment the frame begins to the moment the next one does, and while it is shown; and half a frame more on either side, where a working
		// copy may have shown it to whoever drew the mask.
		from, to := min(p.at, p.time(2*p.next)), max(p.at, until-1, p.time(2*p.next+2)-1)
		p.boxes = o.Boxes(p.cut, from, to, p.slack, p.boxes)
	}
	o.paint(p.painter, t, int(p.out.r.done), p.boxes, o.Hide)
	p.next++
	return p.out.write()
}
