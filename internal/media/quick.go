package media

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

const (
	tileWidth   = 160
	tileHeight  = 160 // at most
	tileColumns = 10
	// fewTiles is below how many key frames a short file is decoded frame by frame.
	fewTiles = 8
	// sparsePixels is how much may be decoded then.
	sparsePixels = 1_000_000_000
	// quickMemory is up to which size a file without a usable index is copied to memory for the quick pass; larger
	// ones give their beginning and windows.
	quickMemory = 64 << 20
)

// frame is a picture that came out, with its time.
type frame struct {
	at  float64
	img *image.YCbCr
	raw []byte
}

// quickPlan is how the pictures of a file are got.
type quickPlan struct {
	feed        func() (*feed, error)
	all         bool                      // decode every frame, not only key frames
	step        float64                   // least distance of frames taken, seconds
	every       int64                     // or one of so many frames
	when        func(pts float64) float64 // from the time that ffmpeg gives
	approximate bool
}

// Quick makes what a file needs to be found and recognised: micro-thumbnail, stills and storyboard. It decodes key
// frames only, of MP4 and AVI files it reads only those, and of other large files the beginning and pieces. Short
// files with few key frames are decoded whole.
func (t *Tools) Quick(ctx context.Context, src Source, p Probe, o QuickOptions) (Quick, error) {
	if err := refusal(p); err != nil {
		return Quick{}, err
	}
	v, ok := p.Video()
	if p.Kind != archive.KindVideo || !ok {
		return Quick{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	s, err := t.again(src, p)
	if err != nil {
		return Quick{}, err
	}
	o.Tiles = bound(o.Tiles, 60, 100)
	o.Stills = bound(o.Stills, 3, 12)
	o.Width = bound(o.Width, 480, 1280)
	plans, err := t.quickPlans(ctx, from(src, s), s, p, v, o)
	if err != nil {
		return Quick{}, err
	}
	var best []frame
	var report Report
	var how quickPlan
	var lastErr error
	for _, plan := range plans {
		frames, rep, err := t.frames(ctx, s, v, plan, o)
		if err != nil {
			if ctx.Err() != nil || Reason(err) == "" && !errors.Is(err, ErrNoReport) {
				return Quick{}, err
			}
			lastErr = err
			continue
		}
		if len(frames) > len(best) {
			best, report, how = frames, rep, plan
		}
		if len(best) >= fewTiles {
			break
		}
	}
	if len(best) == 0 {
		if lastErr == nil {
			lastErr = fmt.Errorf("%w: no picture came out", ErrDamaged)
		}
		return Quick{}, lastErr
	}
	q, err := compose(best, o)
	if err != nil {
		return Quick{}, err
	}
	q.Storyboard.Approximate = how.approximate
	q.Report = report
	q.Report.Frames = int64(len(best))
	if report.ErrorLines > 0 && how.all {
		q.Anomalies = append(q.Anomalies, Anomaly{AnomalyDecodeErrors, strconv.Itoa(report.ErrorLines) + " lines"})
	}
	return q, nil
}

func bound(v, def, most int) int {
	if v <= 0 {
		v = def
	}
	return min(v, most)
}

// quickPlans lists the ways to get pictures, the cheapest first.
func (t *Tools) quickPlans(ctx context.Context, body Source, s sniffed, p Probe, v Stream, o QuickOptions) ([]quickPlan, error) {
	start := p.StartTime
	duration := p.Duration
	step := duration / float64(o.Tiles)
	var plans []quickPlan
	switch s.demuxer {
	case "mov":
		m, err := walkMovie(body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSource, err)
		}
		if m.moov.size == 0 || m.fragmented {
			break
		}
		track, err := parseVideoTrack(m.moovBody, body.Size())
		if err != nil {
			break
		}
		if keys := track.keyFrames(o.Tiles, body.Size()); len(keys) > 0 {
			begin := float64(keys[0].decode-track.start) / float64(track.scale)
			plans = append(plans, quickPlan{
				feed: func() (*feed, error) {
					r, _ := track.extract(body, keys)
					return piped(r, "key frames"), nil
				},
				when: func(pts float64) float64 { return begin + pts },
			})
		}
	case "avi":
		a, err := walkAVI(body)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSource, err)
		}
		rate := v.Rate()
		frames, _ := a.keyFrames(body)
		if len(frames) == 0 || a.header == nil || rate <= 0 {
			break
		}
		// The index of a file beyond 1 GB is often of its first part only.
		if last := frames[len(frames)-1]; duration > 0 && float64(last.number)/rate < duration*0.8 && body.Size() > 1<<30 {
			break
		}
		frames = thin(frames, o.Tiles, func(f aviFrame) float64 { return float64(f.number) })
		plans = append(plans, quickPlan{
			feed: func() (*feed, error) { return piped(a.extract(body, frames), "key frames"), nil },
			when: func(pts float64) float64 {
				i := int(math.Round(pts * rate)) // the n-th frame of the small file
				return float64(frames[min(max(i, 0), len(frames)-1)].number) / rate
			},
		})
	}
	when := func(pts float64) float64 { return pts - start }
	if body.Size() <= min(quickMemory, t.budget) || body.Size() <= t.budget && !streamed[s.demuxer] {
		memory := func() (*feed, error) { return t.inMemory(ctx, body, "memory") }
		if len(plans) == 0 || p.has(AnomalyTruncated) || p.has(AnomalyDecodeErrors) {
			plans = append(plans, quickPlan{feed: memory, step: step, when: when})
		}
		if body.Size() > quickMemory {
			return plans, nil
		}
		// Count the frames where the header does not, or may lie: that costs no decoding.
		n := v.Frames
		if n == 0 || p.has(AnomalyTruncated) || p.has(AnomalyDecodeErrors) {
			var err error
			if n, err = t.count(ctx, memory, s, v); err != nil {
				return nil, err
			}
		}
		if n > 0 && float64(n)*float64(v.Width)*float64(v.Height) < sparsePixels {
			plans = append(plans, quickPlan{feed: memory, every: (n + int64(o.Tiles) - 1) / int64(o.Tiles), when: when, all: true})
		}
		return plans, nil
	}
	if s.demuxer == "mov" {
		if len(plans) == 0 {
			plans = append(plans, quickPlan{step: step, when: when, feed: func() (*feed, error) {
				r, how, err := reorder(body)
				if err != nil {
					return nil, err
				}
				return piped(r, how), nil
			}})
		}
		return plans, nil
	}
	if len(plans) > 0 {
		return plans, nil
	}
	parts, err := windows(body, s.demuxer, min(o.Tiles, 40))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSource, err)
	}
	var readers []io.Reader
	for _, e := range parts {
		readers = append(readers, io.NewSectionReader(body, e.at, e.size))
	}
	timed := s.demuxer == "mpegts" || s.demuxer == "mpeg" || s.demuxer == "matroska" || s.demuxer == "asf" || s.demuxer == "flv" || s.demuxer == "dhav"
	return append(plans, quickPlan{
		feed: func() (*feed, error) { return piped(io.MultiReader(readers...), "windows"), nil },
		step: map[bool]float64{true: step * 0.9}[timed], when: when, approximate: !timed,
	}), nil
}

// count gives the number of frames by taking the container apart, 0 if that fails.
func (t *Tools) count(ctx context.Context, open func() (*feed, error), s sniffed, v Stream) (int64, error) {
	f, err := open()
	if err != nil {
		return 0, err
	}
	defer f.close()
	var list packetList
	args := append(t.ffmpegArgs("pipe:5"), t.inputArgs(f, s.demuxer)...)
	args = append(args, "-map", "0:"+strconv.Itoa(v.Index), "-c:v", "copy", "-copyinkf", "-f", "framecrc", "pipe:4")
	var progress progress
	_, err = t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out:    []func(io.Reader) error{func(r io.Reader) error { return list.read(r, nil) }, progress.read},
		limits: sandbox.Limits{CPU: 5 * time.Minute, Wall: 5 * time.Minute, Channels: 1 << 30},
	})
	if err != nil && (ctx.Err() != nil || errors.Is(err, sandbox.ErrSetup)) {
		return 0, err
	}
	return list.total, nil
}

// frames runs a plan: pictures of at most o.Width, with their times.
func (t *Tools) frames(ctx context.Context, s sniffed, v Stream, plan quickPlan, o QuickOptions) ([]frame, Report, error) {
	f, err := plan.feed()
	if err != nil {
		return nil, Report{}, err
	}
	defer f.close()
	w, h := fit(v, o.Width, o.Width*2)
	vf := fmt.Sprintf("scale=%d:%d:flags=area,setsar=1,format=yuvj420p", w, h)
	if plan.every > 1 {
		vf = fmt.Sprintf("select='not(mod(n,%d))',", plan.every) + vf
	} else if plan.step > 0 {
		vf = fmt.Sprintf("select='isnan(prev_selected_t)+gte(t-prev_selected_t,%.3f)+lt(t,prev_selected_t)',", plan.step*0.98) + vf
	}
	args := t.ffmpegArgs("pipe:6")
	args = append(args, "-copyts")
	if !plan.all {
		args = append(args, "-skip_frame", "nokey")
	}
	most := o.Tiles + 40
	args = append(append(args, t.inputArgs(f, s.demuxer)...),
		"-map", "0:"+strconv.Itoa(v.Index), "-an", "-sn", "-dn", "-vf", vf, "-fps_mode", "passthrough", "-frames:v", strconv.Itoa(most),
		"-map_metadata", "-1", "-c:v", "mjpeg", "-q:v", "4", "-threads", "1",
		"-f", "tee", "[f=image2pipe]pipe:4|[f=framecrc]pipe:5")
	var pictures bytes.Buffer
	var list packetList
	var progress progress
	const mostBytes = 96 << 20
	rep, err := t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			func(r io.Reader) error {
				buf := make([]byte, 64<<10)
				for {
					n, err := r.Read(buf)
					pictures.Write(buf[:n])
					if pictures.Len() > mostBytes {
						return fmt.Errorf("%w: pictures", ErrTooLarge)
					}
					if err == io.EOF {
						return nil
					}
					if err != nil {
						return err
					}
				}
			},
			func(r io.Reader) error {
				return list.read(r, func(n int64) {
					if o.Beat != nil {
						o.Beat(min(1, float64(n)/float64(o.Tiles)))
					}
				})
			},
			progress.read,
		},
		limits: sandbox.Limits{CPU: 20 * time.Minute, Wall: 30 * time.Minute, Stall: 2 * time.Minute, Channels: mostBytes + 1<<20},
	})
	if err != nil {
		return nil, rep, decodeError(err)
	}
	if !progress.ended {
		return nil, rep, fmt.Errorf("quick pass: %w", ErrNoReport)
	}
	frames, err := cut(pictures.Bytes(), &list, w, h)
	if err != nil {
		return nil, rep, err
	}
	for i := range frames {
		at := plan.when(frames[i].at)
		if plan.approximate || math.IsNaN(at) {
			at = 0
		}
		frames[i].at = max(0, math.Round(at*1000)/1000)
	}
	if !plan.approximate {
		slices.SortStableFunc(frames, func(a, b frame) int { return int(math.Copysign(1, a.at-b.at)) })
	}
	return frames, rep, nil
}

// cut takes the stream of pictures apart by the list of their sizes. The two come out of the program on two
// ways and must agree to the byte.
func cut(b []byte, list *packetList, w, h int) ([]frame, error) {
	var out []frame
	for i, size := range list.sizes {
		if size <= 0 || size > int64(len(b)) {
			return nil, fmt.Errorf("%w: picture %d: sizes do not agree", ErrNoReport, i)
		}
		m, err := decodeJPEG(b[:size], w, h)
		if err != nil {
			return nil, fmt.Errorf("picture %d: %w", i, err)
		}
		if m.Rect.Dx() != w || m.Rect.Dy() != h {
			return nil, fmt.Errorf("%w: picture %d of another size", ErrNoReport, i)
		}
		out = append(out, frame{at: list.seconds(i), img: m, raw: b[:size]})
		b = b[size:]
	}
	if len(b) > 0 {
		return nil, fmt.Errorf("%w: %d bytes of pictures too many", ErrNoReport, len(b))
	}
	return out, nil
}

// fit gives even dimensions for a stream as it is shown (square pixels, upright) within bounds.
func fit(v Stream, maxWidth, maxHeight int) (w, h int) {
	width, height := float64(v.Width), float64(v.Height)
	if n, d, ok := strings.Cut(v.Aspect, ":"); ok {
		a, b := float64(integer(n)), float64(integer(d))
		if a > 0 && b > 0 && a/b < 8 && b/a < 8 {
			width *= a / b
		}
	}
	if v.Rotation%180 == 90 {
		width, height = height, width
	}
	if width < 1 || height < 1 {
		return 2, 2
	}
	k := min(1, float64(maxWidth)/width, float64(maxHeight)/height)
	even := func(x float64) int { return max(2, int(math.Round(x*k/2))*2) }
	return min(even(width), max(2, maxWidth&^1)), min(even(height), max(2, maxHeight&^1))
}

// compose makes the outputs of the quick pass from its frames.
func compose(frames []frame, o QuickOptions) (Quick, error) {
	var q Quick
	frames = thin(frames, o.Tiles, func(f frame) float64 { return f.at })
	if frames[len(frames)-1].at > 0 {
		frames = slices.CompactFunc(frames, func(a, b frame) bool { return a.at == b.at })
	}
	// stills: the richest picture of each part
	contrasts := make([]float64, len(frames))
	best := 0
	for i, f := range frames {
		contrasts[i] = contrast(f.img)
		if contrasts[i] > contrasts[best] {
			best = i
		}
	}
	n := min(o.Stills, len(frames))
	for k := range n {
		from, to := k*len(frames)/n, (k+1)*len(frames)/n
		pick := from
		for i := from; i < to; i++ {
			if contrasts[i] > contrasts[pick] {
				pick = i
			}
		}
		f := frames[pick]
		b, err := encodeJPEG(f.img, 82)
		if err != nil {
			return q, err
		}
		q.Stills = append(q.Stills, Still{At: f.at, Width: f.img.Rect.Dx(), Height: f.img.Rect.Dy(), JPEG: b})
	}
	q.Micro = micro(frames[best].img)
	var err error
	q.Storyboard, err = storyboard(frames)
	return q, err
}

// storyboard puts frames into one picture.
func storyboard(frames []frame) (Storyboard, error) {
	m := frames[0].img.Rect
	w, h := tileWidth, max(2, (tileWidth*m.Dy()/max(m.Dx(), 1))&^1)
	if h > tileHeight {
		w, h = max(2, (tileHeight*m.Dx()/m.Dy())&^1), tileHeight
	}
	s := Storyboard{Columns: min(tileColumns, len(frames)), TileWidth: w, TileHeight: h}
	s.Rows = (len(frames) + s.Columns - 1) / s.Columns
	sheet := image.NewYCbCr(image.Rect(0, 0, s.Columns*w, s.Rows*h), image.YCbCrSubsampleRatio420)
	for i := range sheet.Cb {
		sheet.Cb[i], sheet.Cr[i] = 128, 128
	}
	for i, f := range frames {
		x, y := i%s.Columns*w, i/s.Columns*h
		py, pb, pr := planes(f.img)
		shrink(plane{sheet.Y[y*sheet.YStride+x:], sheet.YStride, w, h}, py)
		c := y/2*sheet.CStride + x/2
		shrink(plane{sheet.Cb[c:], sheet.CStride, w / 2, h / 2}, pb)
		shrink(plane{sheet.Cr[c:], sheet.CStride, w / 2, h / 2}, pr)
		s.Times = append(s.Times, f.at)
	}
	var err error
	s.JPEG, err = encodeJPEG(sheet, 75)
	return s, err
}

// packetList is what ffmpeg's framecrc muxer writes: a line a packet.
type packetList struct {
	num, den int64 // time base
	pts, dts []int64
	sizes    []int64
	noPTS    int64
	noDTS    int64
	total    int64
}

const maxPackets = 16 << 20

func (l *packetList) read(r io.Reader, beat func(n int64)) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 4096), 64<<10)
	for sc.Scan() {
		line := sc.Text()
		if v, ok := strings.CutPrefix(line, "#tb 0: "); ok {
			l.num, l.den = ratio(v)
			continue
		}
		if strings.HasPrefix(line, "#") || line == "" {
			continue
		}
		f := strings.SplitN(line, ",", 6)
		if len(f) < 6 {
			return fmt.Errorf("%w: list of packets", ErrNoReport)
		}
		pts, err1 := strconv.ParseInt(strings.TrimSpace(f[2]), 10, 64)
		dts, err3 := strconv.ParseInt(strings.TrimSpace(f[1]), 10, 64)
		if err3 != nil || dts == math.MinInt64 {
			l.noDTS++
			dts = 0
		}
		size, err2 := strconv.ParseInt(strings.TrimSpace(f[4]), 10, 64)
		if err1 != nil && strings.TrimSpace(f[2]) != "NOPTS" || err2 != nil || size < 0 {
			return fmt.Errorf("%w: list of packets", ErrNoReport)
		}
		if err1 != nil || pts == math.MinInt64 {
			l.noPTS++
			pts = 0
		}
		if l.total++; l.total > maxPackets {
			return fmt.Errorf("%w: packets", ErrTooLarge)
		}
		l.pts, l.dts, l.sizes = append(l.pts, pts), append(l.dts, dts), append(l.sizes, size)
		if beat != nil {
			beat(l.total)
		}
	}
	return sc.Err()
}

// seconds gives the time of packet i, NaN if it has none.
func (l *packetList) seconds(i int) float64 {
	if l.den <= 0 || l.noPTS > 0 {
		return math.NaN()
	}
	return float64(l.pts[i]) * float64(l.num) / float64(l.den)
}
