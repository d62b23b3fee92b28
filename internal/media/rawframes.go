package media

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"zapis/internal/media/mask"
	"zapis/internal/sandbox"
)

// RawOptions shape what RawFrames gives.
type RawOptions struct {
	// MaxHeight bounds the shorter side, as in a working copy; default 720.
	MaxHeight int
	// Width and Height, if set, are the size of the frames, whatever their proportions, and MaxHeight says nothing.
	Width, Height int
	// Gray leaves the colours out.
	Gray bool
	// Rate is how many frames a second are given at most; 0: every frame.
	Rate float64
	// Whole gives the decoder all of the original: see ClipOptions.Whole.
	Whole bool
}

// RawFrames decodes a stretch of an original and calls each with every frame that is shown in it, upright, with square pixels, in order: the
// frame shown at cut.From, which may have begun before, and all that begin up to cut.To. n counts from 0. us is when the frame begins, in
// microseconds from the beginning of the item, and is what Frames.Time gives for it: frames are neither doubled nor left out, whatever their
// distances. The picture is used again for the next frame. An error of each ends the run and is given back.
//
// What each was given is void when RawFrames gives an error. With ErrNarrow, ask again with Whole. The ranges are the bytes of the source that
// the decoder was given.
func (t *Tools) RawFrames(ctx context.Context, cut Cut, o RawOptions, each func(n int, us int64, p *mask.Picture) error) (Report, []Range, error) {
	c, err := t.openCut(ctx, cut, o.Whole)
	if err != nil {
		return Report{}, nil, err
	}
	defer func() { c.feed.close() }() // the one that is there then: a second run has its own
	if o.MaxHeight <= 0 {
		o.MaxHeight = 720
	}
	w, h := proxySize(c.video, o.MaxHeight)
	if o.Width > 0 && o.Height > 0 {
		w, h = o.Width, o.Height
	}
	rep, err := t.rawFrames(ctx, &c, w, h, o, each)
	return rep, c.read.ranges(), err
}

const (
	// rawBefore is how far before a cut the frame that is shown at its beginning is looked for, at first.
	rawBefore = 10 * time.Second
	// rawSeek is how far before a cut decoding begins: from the key frame before that.
	rawSeek = time.Second
	// rawStall is longer than elsewhere: whoever takes the frames may be slow.
	rawStall = 15 * time.Minute
)

// exactly makes the scaler give the same bytes on every machine.
const exactly = "flags=bicubic+accurate_rnd+bitexact"

func (t *Tools) rawFrames(ctx context.Context, c *clipCut, w, h int, o RawOptions, each func(n int, us int64, p *mask.Picture) error) (Report, error) {
	after := max(c.From-rawBefore, 0)
	rep, err := t.rawPass(ctx, c, w, h, after, o, each)
	if errors.Is(err, errStarted) {
		// A picture that stood for longer than that.
		if c.feed, err = t.feedAgain(ctx, c); err != nil {
			return rep, err
		}
		rep, err = t.rawPass(ctx, c, w, h, 0, o, each)
	}
	return rep, err
}

// errStarted: nothing that came begins before the cut, and something before it was left out.
var errStarted = errors.New("frame at the beginning was left out")

// feedAgain gives a cut's original anew, for a second run.
func (t *Tools) feedAgain(ctx context.Context, c *clipCut) (*feed, error) {
	c.feed.close()
	again, err := t.openCut(ctx, Cut{Source: c.read, Probe: c.Probe, From: c.From, To: c.To}, !c.seek)
	if err != nil {
		c.feed = &feed{}
		return c.feed, err
	}
	return again.feed, nil
}

// rawPass is one run of the decoder. Frames that begin before after are left out by the decoder itself.
func (t *Tools) rawPass(ctx context.Context, c *clipCut, w, h int, after time.Duration, o RawOptions, each func(n int, us int64, p *mask.Picture) error) (Report, error) {
	sec := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
	var sought time.Duration
	// -progress, the list of times, the frames.
	args := t.ffmpegArgs("pipe:4")
	if c.seek {
		// Not accurate: the frame that is shown at the beginning may have begun before.
		if sought = max(c.From-rawSeek, 0); sought > 0 {
			args = append(args, "-noaccurate_seek", "-ss", sec(sought))
		}
	}
	args = append(args, t.inputArgs(c.feed, c.demux)...)
	shifted := shiftedStart(c.Probe, c.video)
	head := ""
	if shifted {
		head = "setpts=PTS-STARTPTS,"
	}
	// A little more than is asked for: what is beyond the end is left out here, where the times are exact.
	head += "trim=end=" + sec(c.To-sought+50*time.Millisecond)
	if after > sought {
		head += ":start=" + sec(after-sought)
	}
	pixels := "yuv420p"
	if o.Gray {
		pixels = "gray"
	}
	stream := "0:" + strconv.Itoa(c.video.Index)
	// The times come first, so that those of a frame are known before the frame is. -enc_time_base -1: in the container's own units.
	args = append(args, "-map", stream, "-vf", head+",scale=16:16:flags=neighbor,format=gray", "-fps_mode", "passthrough", "-enc_time_base", "-1",
		"-c:v", "rawvideo", "-flush_packets", "1", "-f", "framecrc", "pipe:5")
	args = append(args, "-map", stream, "-vf", fmt.Sprintf("%s,scale=%d:%d:%s,format=%s", head, w, h, exactly, pixels), "-fps_mode", "passthrough",
		"-c:v", "rawvideo", "-f", "rawvideo", "pipe:6")

	r := &rawReader{
		c: c, w: w, h: h, o: o, each: each, after: after,
		times: newFrameTimes(c, sought, shifted),
	}
	var progress progress
	rep, err := t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: c.feed,
		out:    []func(io.Reader) error{progress.read, r.times.read, r.read},
		limits: sandbox.Limits{CPU: 200 * time.Hour, Wall: max(wall(c.To.Seconds()), 24*time.Hour), Stall: rawStall, Channels: math.MaxInt64},
	})
	rep.Frames = r.decoded
	rep.Seconds = (c.To - c.From).Seconds()
	if r.failed != nil {
		return rep, r.failed
	}
	fail := func(err error) (Report, error) {
		if c.seek && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrNarrow, err)
		}
		return rep, fmt.Errorf("decode frames: %w", err)
	}
	switch {
	case err != nil:
		return fail(decodeError(err))
	case !progress.ended:
		return fail(fmt.Errorf("%w: it did not say that it ended", ErrNoReport))
	case c.seek && rep.ErrorLines > 0:
		return fail(ErrDamaged)
	case r.decoded != r.times.count():
		return fail(fmt.Errorf("%w: %d frames and %d times", ErrNoReport, r.decoded, r.times.count()))
	}
	if err := r.flush(); err != nil {
		return rep, err
	}
	if r.given == 0 {
		if c.seek {
			return fail(ErrDamaged)
		}
		return rep, nothingThere()
	}
	return rep, nil
}

// rawReader takes frames from the decoder and hands on those of the cut.
type rawReader struct {
	c       *clipCut
	w, h    int
	o       RawOptions
	each    func(n int, us int64, p *mask.Picture) error
	after   time.Duration
	times   *frameTimes
	decoded int64
	given   int
	last    int64 // time of the frame given last
	failed  error
	ended   bool

	// waiting is the last frame that began at the cut's beginning or before: it is shown there if the next one begins later.
	waiting    *mask.Picture
	waitingUS  int64
	hasWaiting bool
}

func (r *rawReader) read(rd io.Reader) error {
	n := mask.FrameSize(r.w, r.h, r.o.Gray)
	buf, spare := make([]byte, n), make([]byte, n)
	from, to := r.c.From.Microseconds(), r.c.To.Microseconds()
	for {
		_, err := io.ReadFull(rd, buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: a frame was cut off", ErrNoReport)
		}
		us, ok := r.times.at(int(r.decoded))
		if !ok {
			return fmt.Errorf("%w: a frame without a time", ErrNoReport)
		}
		r.decoded++
		switch {
		case r.ended || us >= to:
			r.ended = true // and whatever comes after it
		case us <= from && r.given == 0:
			r.waiting, r.waitingUS, r.hasWaiting = mask.NewPicture(r.w, r.h, r.o.Gray, buf), us, true
			buf, spare = spare, buf
		default:
			if err := r.flush(); err != nil {
				return err
			}
			if err := r.give(us, mask.NewPicture(r.w, r.h, r.o.Gray, buf)); err != nil {
				return err
			}
		}
	}
}

// flush gives the frame that waits. Without one, the first frame of the item is the first of the cut, unless frames were left out.
func (r *rawReader) flush() error {
	if r.hasWaiting {
		r.hasWaiting = false
		return r.give(r.waitingUS, r.waiting)
	}
	if r.given == 0 && r.after > 0 && r.failed == nil {
		r.failed = errStarted
		return r.failed
	}
	return nil
}

func (r *rawReader) give(us int64, p *mask.Picture) error {
	if r.o.Rate > 0 && r.given > 0 && float64(us-r.last) < 1e6/r.o.Rate-1 {
		return nil
	}
	if err := r.each(r.given, us, p); err != nil {
		r.failed = err
		return err
	}
	r.last = us
	r.given++
	return nil
}

// frameTimes reads when each frame begins, ahead of the frames.
type frameTimes struct {
	mu    sync.Mutex
	more  *sync.Cond
	us    []int64
	ended bool

	offset func(num, den int64) int64 // ticks to be added
	num    int64
	den    int64
	last   int64 // tick
	step   int64
}

func newFrameTimes(c *clipCut, sought time.Duration, shifted bool) *frameTimes {
	start := int64(math.Round(c.Probe.StartTime * 1e6))
	f := &frameTimes{}
	f.more = sync.NewCond(&f.mu)
	f.offset = func(num, den int64) int64 {
		if shifted || sought == 0 {
			return 0 // the program counts from where the item begins
		}
		// The program took away the beginning and what it jumped over, as one figure. The beginning alone is where the item counts from.
		return scale(start+sought.Microseconds(), den, num*1_000_000) - scale(start, den, num*1_000_000)
	}
	return f
}

// at gives the time of frame i and waits for it; not ok if there is none.
func (f *frameTimes) at(i int) (int64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.us) <= i && !f.ended {
		f.more.Wait()
	}
	if len(f.us) <= i {
		return 0, false
	}
	return f.us[i], true
}

func (f *frameTimes) count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.us))
}

func (f *frameTimes) read(r io.Reader) error {
	defer func() {
		f.mu.Lock()
		f.ended = true
		f.more.Broadcast()
		f.mu.Unlock()
	}()
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4096), 64<<10)
	var offset int64
	for sc.Scan() {
		line := sc.Text()
		if tb, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			f.num, f.den = ratio(tb)
			if f.num <= 0 || f.den <= 0 || f.num > maxBase || f.den > maxBase {
				return fmt.Errorf("%w: unit of time", ErrNoReport)
			}
			offset = f.offset(f.num, f.den)
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		field := strings.Split(line, ",")
		if len(field) < 6 || f.num == 0 {
			return fmt.Errorf("%w: list of frames", ErrNoReport)
		}
		tick, err := strconv.ParseInt(strings.TrimSpace(field[2]), 10, 64)
		if err != nil || tick == math.MinInt64 {
			// As in a list of frames: pictures held back to the end have no time.
			tick = f.last + max(f.step, 1)
		} else {
			tick += offset
		}
		if tick < -maxTick || tick > maxTick {
			return fmt.Errorf("%w: a time out of bounds", ErrDamaged)
		}
		f.mu.Lock()
		if len(f.us) > 0 {
			f.step = tick - f.last
		}
		f.last = tick
		f.us = append(f.us, Frames{BaseNum: f.num, BaseDen: f.den, Ticks: []int64{tick}}.Time(0).Microseconds())
		f.more.Broadcast()
		f.mu.Unlock()
	}
	return sc.Err()
}
