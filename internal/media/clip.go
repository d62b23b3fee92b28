package media

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// RecipeClip makes what is published: see Tools.Clip.
var RecipeClip = Recipe{"clip", 1}

// MaxCuts is how many cuts one clip may have: each is an input of its own.
const MaxCuts = 32

// Cut is a stretch of an original that goes into a clip.
type Cut struct {
	Source Source
	Probe  Probe
	// From and To are counted as the working copy counts, from its beginning.
	From, To time.Duration
}

// Range is a stretch of bytes of a source, [From, To).
type Range struct{ From, To int64 }

// ClipOptions shape a clip.
type ClipOptions struct {
	// Out gets the MP4 as it is made, in order. What it got is void when Clip gives an error: throw it away.
	Out io.Writer
	// MaxHeight bounds the shorter side; default 720.
	MaxHeight int
	// Whole gives the decoder all of an original, where otherwise it would get only what its index says belongs to
	// the cut. It is what is left to do after ErrNarrow.
	Whole bool
	// Beat is called with the media time reached, in seconds.
	Beat func(mediaSeconds float64)
}

// Clip is what was made.
type Clip struct {
	Proxy
	// Read holds for each cut the bytes of its source that were given to the decoder, ascending and apart. It could use
	// no others.
	Read   [][]Range
	Report Report
}

// ErrNarrow: with only the bytes that the index names the decoder complained. The original may be odd or damaged; with
// ClipOptions.Whole it is decoded as a player would.
var ErrNarrow = errors.New("decoder complained of the part it was given")

// clipThreads is fixed, because the encoder's output depends on it: the same cut gives the same bytes on every machine.
const clipThreads = 4

// Clip renders stretches of originals, one after the other, into one MP4 that is meant for the public: H.264 main
// profile, 8-bit 4:2:0, constant frame rate, even size, AAC mono, index at the end. It is encoded anew and carries none
// of the original's metadata, nothing of the machine and no mark of the encoder. Rate and size are those of the first cut.
func (t *Tools) Clip(ctx context.Context, cuts []Cut, o ClipOptions) (Clip, error) {
	if len(cuts) == 0 || len(cuts) > MaxCuts || o.Out == nil {
		return Clip{}, fmt.Errorf("%w: a clip has 1 to %d cuts", archive.ErrInvalid, MaxCuts)
	}
	if o.MaxHeight <= 0 {
		o.MaxHeight = 720
	}
	r := clipRun{t: t, o: o}
	defer r.close()
	for i, c := range cuts {
		if err := r.add(ctx, c); err != nil {
			return Clip{}, fmt.Errorf("cut %d: %w", i, err)
		}
	}
	return r.render(ctx)
}

// clipRun collects the inputs of one render.
type clipRun struct {
	t      *Tools
	o      ClipOptions
	cuts   []clipCut
	sound  bool // of any cut
	length float64
	narrow bool
}

type clipCut struct {
	Cut
	read   *recording
	feed   *feed
	demux  string
	seek   bool // the feed is a part: ffmpeg jumps to the cut
	video  Stream
	audio  Stream
	sounds bool
}

func (r *clipRun) close() {
	for _, c := range r.cuts {
		c.feed.close()
	}
}

func (r *clipRun) add(ctx context.Context, c Cut) error {
	cut, err := r.t.openCut(ctx, c, r.o.Whole)
	if err != nil {
		return err
	}
	r.sound = r.sound || cut.sounds
	r.narrow = r.narrow || cut.seek
	// Descriptors follow the order of the cuts.
	n := strconv.Itoa(3 + len(r.cuts))
	cut.feed.url = strings.TrimSuffix(cut.feed.url, "3") + n
	r.cuts = append(r.cuts, cut)
	r.length += (c.To - c.From).Seconds()
	return nil
}

// openCut readies an original for a program that is to show a stretch of it: with only the bytes that its index names, unless whole.
func (t *Tools) openCut(ctx context.Context, c Cut, whole bool) (clipCut, error) {
	if err := refusal(c.Probe); err != nil {
		return clipCut{}, err
	}
	if c.From < 0 || c.To <= c.From || c.To > maxSeconds*time.Second {
		return clipCut{}, fmt.Errorf("%w: a cut ends after it begins", archive.ErrInvalid)
	}
	v, ok := c.Probe.Video()
	if c.Probe.Kind != archive.KindVideo || !ok || v.Width <= 0 || v.Height <= 0 {
		return clipCut{}, fmt.Errorf("%w: kind %s", ErrNotMedia, c.Probe.Kind)
	}
	s, err := t.again(c.Source, c.Probe)
	if err != nil {
		return clipCut{}, err
	}
	cut := clipCut{Cut: c, read: &recording{src: c.Source}, demux: s.demuxer, video: v}
	if a, ok := c.Probe.Audio(); ok && a.Codec != "" && a.Codec != "unknown" && a.Codec != "none" && a.SampleRate > 0 && a.Channels > 0 {
		cut.audio, cut.sounds = a, true
	}
	if !whole && !shiftedStart(c.Probe, v) {
		if ranges, ok := window(c.Source, s, c.From, c.To); ok {
			if cut.feed, err = t.inParts(ctx, cut.read, ranges); err != nil {
				return clipCut{}, err
			}
			cut.seek = true
			return cut, nil
		}
	}
	body := from(cut.read, s)
	if streamed[s.demuxer] {
		// Through a pipe the program stops reading where the cut ends, whatever the size.
		cut.feed = piped(io.NewSectionReader(body, 0, body.Size()), "pipe")
	} else if cut.feed, err = t.whole(ctx, cut.read, s); err != nil {
		return clipCut{}, err
	}
	return cut, nil
}

// shiftedStart says whether the picture is to begin at zero whatever its own times say: see Tools.full.
func shiftedStart(p Probe, v Stream) bool {
	return math.Abs(v.Start-p.StartTime) > 30 || v.Start < p.StartTime
}

func (r *clipRun) render(ctx context.Context) (Clip, error) {
	first := r.cuts[0].video
	w, h := proxySize(first, r.o.MaxHeight)
	num, den := proxyRate(first)
	progressAt, outAt := 3+len(r.cuts), 4+len(r.cuts)
	args := r.t.ffmpegArgs("pipe:" + strconv.Itoa(progressAt))
	var graph, joined strings.Builder
	sec := func(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 6, 64) }
	for i, c := range r.cuts {
		begin, end := c.From, c.To
		if c.seek {
			args = append(args, "-ss", sec(c.From))
			begin, end = 0, c.To-c.From
		}
		args = append(args, r.t.inputArgs(c.feed, c.demux)...)
		fmt.Fprintf(&graph, "[%d:%d]", i, c.video.Index)
		if shiftedStart(c.Probe, c.video) {
			graph.WriteString("setpts=PTS-STARTPTS,")
		}
		cw, ch := fit(c.video, w, h)
		fmt.Fprintf(&graph, "fps=%d/%d:start_time=0,trim=start=%s:end=%s,setpts=PTS-STARTPTS,scale=%d:%d,pad=%d:%d:-1:-1,setsar=1,format=yuv420p[v%d];",
			num, den, sec(begin), sec(end), cw, ch, w, h, i)
		fmt.Fprintf(&joined, "[v%d]", i)
		if !r.sound {
			continue
		}
		length := sec(c.To - c.From)
		if c.sounds {
			fmt.Fprintf(&graph, "[%d:%d]aresample=async=1000:first_pts=0,atrim=start=%s:end=%s,asetpts=PTS-STARTPTS,aformat=sample_rates=48000:channel_layouts=mono,apad=whole_dur=%s,atrim=end=%s[a%d];",
				i, c.audio.Index, sec(begin), sec(end), length, length, i)
		} else {
			fmt.Fprintf(&graph, "anullsrc=r=48000:cl=mono,atrim=end=%s[a%d];", length, i)
		}
		fmt.Fprintf(&joined, "[a%d]", i)
	}
	tracks := 0
	outs := "[v]"
	if r.sound {
		tracks, outs = 1, "[v][a]"
	}
	fmt.Fprintf(&graph, "%sconcat=n=%d:v=1:a=%d%s", joined.String(), len(r.cuts), tracks, outs)
	key := strconv.Itoa(int(max(1, math.Round(2*float64(num)/float64(den)))))
	args = append(args, "-filter_complex", graph.String(), "-map", "[v]",
		"-c:v", "libx264", "-preset", "medium", "-crf", "22", "-maxrate", "4M", "-bufsize", "8M", "-g", key, "-keyint_min", key, "-sc_threshold", "0",
		"-pix_fmt", "yuv420p", "-profile:v", "main", "-threads", strconv.Itoa(clipThreads),
		"-bsf:v", "filter_units=remove_types=6") // the encoder writes its name and settings into a message of this type
	if r.sound {
		args = append(args, "-map", "[a]", "-c:a", "aac", "-b:a", "96k", "-ac", "1", "-ar", "48000")
	}
	args = append(append(args, muxArgs...), "pipe:"+strconv.Itoa(outAt))

	out := &sink{w: r.o.Out}
	var progress progress
	var made *defragmenter
	c := call{
		path: r.t.ffmpeg, name: "ffmpeg", args: args,
		out: []func(io.Reader) error{
			progress.read,
			func(rd io.Reader) error {
				var err error
				d := newDefragmenter(rd, out, "isom")
				d.nameless = true
				made, err = d.run()
				return err
			},
		},
		limits: sandbox.Limits{CPU: 200 * time.Hour, Wall: r.wall(), Stall: 5 * time.Minute},
	}
	for _, cut := range r.cuts {
		c.feeds = append(c.feeds, cut.feed)
	}
	rep, err := r.t.run(ctx, c)
	if out.err != nil && ctx.Err() == nil {
		return Clip{}, fmt.Errorf("write clip: %w", out.err)
	}
	fail := func(err error) (Clip, error) {
		if r.narrow && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", ErrNarrow, err)
		}
		return Clip{}, fmt.Errorf("render clip: %w", err)
	}
	if errors.Is(err, errNoSamples) && !r.narrow {
		return Clip{}, nothingThere()
	}
	if err != nil {
		err = decodeError(err)
		if errors.Is(err, errProxy) && !errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %w", ErrNoReport, err)
		}
		return fail(err)
	}
	if !progress.ended {
		return fail(fmt.Errorf("%w: it did not say that it ended", ErrNoReport))
	}
	if r.narrow && rep.ErrorLines > 0 {
		return fail(ErrDamaged)
	}
	result := Clip{Report: rep}
	if result.Proxy, err = checkProxy(made, w, h, num, den, r.sound, r.length); errors.Is(err, errNoPicture) && !r.narrow {
		return Clip{}, nothingThere()
	} else if err != nil {
		return fail(err)
	}
	result.Report.Frames, result.Report.Seconds = result.Frames, result.Duration
	for _, cut := range r.cuts {
		result.Read = append(result.Read, cut.read.ranges())
	}
	return result, nil
}

// wall bounds a render. A pipe is decoded from its beginning, so the end of the cut counts and not its length.
func (r *clipRun) wall() time.Duration {
	all := 0.0
	for _, c := range r.cuts {
		all += c.To.Seconds()
	}
	return wall(all)
}

// recording is a source that remembers what was read of it.
type recording struct {
	src  Source
	mu   sync.Mutex
	seen []Range // as they came, the last one growing
}

// Size is that of the source.
func (r *recording) Size() int64 { return r.src.Size() }

// ReadAt notes what the source gives.
func (r *recording) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.src.ReadAt(p, at)
	if n > 0 {
		r.mu.Lock()
		if k := len(r.seen) - 1; k >= 0 && at >= r.seen[k].From && at <= r.seen[k].To {
			r.seen[k].To = max(r.seen[k].To, at+int64(n))
		} else {
			r.seen = append(r.seen, Range{at, at + int64(n)})
		}
		r.mu.Unlock()
	}
	return n, err
}

func (r *recording) ranges() []Range {
	r.mu.Lock()
	defer r.mu.Unlock()
	return merge(r.seen)
}

// merge gives ranges ascending, apart from each other and not empty.
func merge(in []Range) []Range {
	list := slices.Clone(in)
	slices.SortFunc(list, func(a, b Range) int { return cmp64(a.From, b.From) })
	var out []Range
	for _, x := range list {
		if x.To <= x.From {
			continue
		}
		if k := len(out) - 1; k >= 0 && x.From <= out[k].To {
			out[k].To = max(out[k].To, x.To)
		} else {
			out = append(out, x)
		}
	}
	return out
}

func cmp64(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// inParts gives a program a source of which only some ranges are there: unnamed memory of its full length in which
// everything else is zero and takes no room.
func (t *Tools) inParts(ctx context.Context, src Source, ranges []Range) (*feed, error) {
	var n int64
	for _, x := range ranges {
		n += x.To - x.From
	}
	if n > t.budget {
		return nil, fmt.Errorf("%w: %d bytes, the budget is %d", ErrNeedsSeek, n, t.budget)
	}
	if err := t.memory.Acquire(ctx, n); err != nil {
		return nil, err
	}
	file, err := sealedParts(ctx, src, ranges)
	if err != nil {
		t.memory.Release(n)
		return nil, fmt.Errorf("copy to memory: %w", err)
	}
	return &feed{
		channel: sandbox.Channel{File: file}, url: "file:/proc/self/fd/3", proto: "file", how: "parts", bytes: n,
		release: func() {
			_ = file.Close() // memory only: nothing to be lost
			t.memory.Release(n)
		},
	}, nil
}

// Margins around a cut, for what decoders read ahead and for sound that is not exactly beside its picture.
const (
	marginBefore = 2 * time.Second
	marginAfter  = 3 * time.Second
	marginStart  = time.Second // of the beginning, by which a program learns what it has before it
)

// window says which bytes of a source a decoder needs for a stretch of time, by the index of its container; not ok where
// there is no index that can be relied on.
func window(src Source, s sniffed, begin, end time.Duration) ([]Range, bool) {
	if s.offset != 0 {
		return nil, false
	}
	var list []Range
	switch s.demuxer {
	case "mov":
		list = movieWindow(src, begin, end)
	case "avi":
		list = aviWindow(src, begin, end)
	}
	if list = merge(list); len(list) == 0 {
		return nil, false
	}
	// Nothing is gained where most of it is wanted.
	var n int64
	for _, x := range list {
		n += x.To - x.From
	}
	return list, n < src.Size()*9/10
}

func movieWindow(src Source, begin, end time.Duration) []Range {
	m, err := walkMovie(src)
	if err != nil || m.moov.size == 0 || m.fragmented || m.truncated || !m.scanned || len(m.mdat) == 0 {
		return nil
	}
	// All boxes but the material, and the head of each box of material.
	var out []Range
	at := int64(0)
	for _, d := range m.mdat {
		out = append(out, Range{at, min(d.at+16, src.Size())})
		at = d.at + d.size
	}
	out = append(out, Range{at, src.Size()})
	good := true
	err = children(m.moovBody, func(kind string, trak []byte) error {
		if kind != "trak" {
			return nil
		}
		hdlr, ok := path(trak, "mdia", "hdlr")
		if !ok || len(hdlr) < 12 {
			return errBoxes
		}
		if h := string(hdlr[8:12]); h != "vide" && h != "soun" {
			good = false // subtitles, timed data: rare, and not worth being wrong about
			return nil
		}
		var t videoTrack
		if err := t.parse(trak, src.Size()); err != nil {
			return err
		}
		if t.hidden || t.edits > 1 {
			good = false
			return nil
		}
		out = append(out, t.window(begin.Seconds(), end.Seconds(), src.Size())...)
		return nil
	})
	if err != nil || !good {
		return nil
	}
	return out
}

// window lists the samples from the key frame before a stretch to its end, and those at the beginning.
func (t *videoTrack) window(begin, end float64, size int64) []Range {
	first, last := 0, len(t.samples)
	for i, s := range t.samples {
		if s.sync && t.seconds(s) <= begin-marginBefore.Seconds() {
			first = i
		}
		if t.seconds(s) > end+marginAfter.Seconds() && s.sync {
			last = i + 1
			break
		}
	}
	var out []Range
	for i, s := range t.samples {
		if i >= first && i < last || t.seconds(s) < marginStart.Seconds() || i < 2 {
			out = append(out, Range{s.at, min(s.at+int64(s.size), size)})
		}
	}
	return out
}

// aviWindow goes by the first stream of pictures; the sound lies between them.
func aviWindow(src Source, begin, end time.Duration) []Range {
	a, err := walkAVI(src)
	if err != nil || a.header == nil || a.movi == 0 || len(a.index) == 0 || a.usPer == 0 || a.truncated || a.riff < src.Size()-1 {
		return nil
	}
	frames, id := a.keyFrames(src)
	if id == "" || len(frames) == 0 {
		return nil
	}
	number := func(d time.Duration) int64 { return d.Microseconds() / int64(a.usPer) }
	from, to := frames[0].at, int64(-1)
	for _, f := range frames {
		if f.number <= number(begin-marginBefore) {
			from = f.at
		}
		if f.number > number(end+marginAfter) {
			to = f.at + 8 + int64(f.size)
			break
		}
	}
	last := a.lastChunk(src)
	if last <= 0 {
		return nil
	}
	if to < 0 {
		to = last
	}
	start := frames[0].at + 8 + int64(frames[0].size)
	for _, f := range frames {
		if f.number > number(marginStart) {
			start = f.at
			break
		}
	}
	return []Range{{0, min(start+1<<16, src.Size())}, {from, min(to, src.Size())}, {last, src.Size()}}
}

// lastChunk gives where the material ends and the index begins; 0 if that cannot be read.
func (a aviOutline) lastChunk(src Source) int64 {
	var length [4]byte
	if _, err := readFull(src, length[:], a.movi-4); err != nil {
		return 0
	}
	end := a.movi + int64(binary.LittleEndian.Uint32(length[:]))
	return min(end+end&1, src.Size())
}

// nothingThere: the programs ended well and made no picture.
func nothingThere() error {
	return archive.Explain(fmt.Errorf("render clip: %w: no picture between these times", ErrDamaged),
		"Nothing was recorded between these times.", "The recorder's clock may jump there, or the file be damaged: look at the item's page and choose another stretch.")
}
