package media

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"zapis/internal/archive"
	"zapis/internal/sandbox"
)

// Full makes the working copy and the lanes in one decode.
//
// The working copy is an MP4: H.264 main profile, 8-bit 4:2:0, constant frame rate, at most 720 lines, a key frame
// every two seconds, AAC mono, index at the end, no metadata. It goes to o.Proxy as it is made.
func (t *Tools) Full(ctx context.Context, src Source, p Probe, o FullOptions) (Full, error) {
	if err := refusal(p); err != nil {
		return Full{}, err
	}
	v, ok := p.Video()
	if p.Kind != archive.KindVideo || !ok || v.Width <= 0 || v.Height <= 0 {
		return Full{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	if o.MaxHeight <= 0 {
		o.MaxHeight = 720
	}
	s, err := t.again(src, p)
	if err != nil {
		return Full{}, err
	}
	a, sound := p.Audio()
	if a.Codec == "" || a.Codec == "unknown" || a.Codec == "none" || a.SampleRate <= 0 || a.Channels <= 0 {
		sound = false
	}
	sink := &sink{w: o.Proxy}
	full, err := t.full(ctx, src, s, p, v, a, sound, sink, o)
	if err != nil && sound && errors.Is(err, ErrDamaged) && sink.n == 0 && ctx.Err() == nil {
		// Sound that cannot be decoded must not cost the picture. Nothing was handed out yet.
		full, err = t.full(ctx, src, s, p, v, a, false, sink, o)
		if err == nil {
			full.Anomalies = append(full.Anomalies, Anomaly{AnomalyUnreadable, "sound left out: it could not be decoded"})
		}
	}
	return full, err
}

// sink counts what the proxy's writer took.
type sink struct {
	w   io.Writer
	n   int64
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.w == nil {
		s.n += int64(len(p))
		return len(p), nil
	}
	n, err := s.w.Write(p)
	s.n += int64(n)
	if err != nil {
		s.err = err
	}
	return n, err
}

// proxyRate chooses the constant frame rate: the average of the original, as a plain fraction, 1 to 60.
func proxyRate(v Stream) (num, den int64) {
	r := v.Rate()
	if r <= 0 || math.IsNaN(r) {
		return 25, 1
	}
	r = min(max(r, 1), 60)
	if n := math.Round(r); math.Abs(r-n) < 0.01*n && math.Abs(r-n*1000/1001) > math.Abs(r-n) {
		return int64(n), 1
	}
	if n := math.Round(r * 1001 / 1000); math.Abs(r-n*1000/1001) < 0.005*n {
		return int64(n) * 1000, 1001
	}
	return int64(math.Round(r * 100)), 100
}

// ProxyArgs gives the encoder's part of the recipe: what a bare encode of the same working copy would use.
// Benchmarks compare the full pass with it.
func ProxyArgs(v Stream, maxHeight, threads int) []string {
	num, den := proxyRate(v)
	key := strconv.Itoa(int(max(1, math.Round(2*float64(num)/float64(den)))))
	return []string{
		"-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-maxrate", "2M", "-bufsize", "4M",
		"-g", key, "-keyint_min", key, "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-profile:v", "main",
		"-threads", strconv.Itoa(threads),
	}
}

// ProxyFilter gives the filter of the working copy: size, rate, square pixels.
func ProxyFilter(v Stream, maxHeight int) string {
	w, h := proxySize(v, maxHeight)
	num, den := proxyRate(v)
	return fmt.Sprintf("fps=%d/%d:start_time=0,scale=%d:%d,setsar=1", num, den, w, h)
}

// proxySize bounds the shorter side by maxHeight and the longer by 16/9 of it.
func proxySize(v Stream, maxHeight int) (w, h int) {
	long := (maxHeight*16/9 + 1) &^ 1
	tall := v.Height > v.Width
	if v.Rotation%180 == 90 {
		tall = !tall
	}
	if tall {
		return fit(v, maxHeight, long)
	}
	return fit(v, long, maxHeight)
}

func (t *Tools) full(ctx context.Context, src Source, s sniffed, p Probe, v, a Stream, sound bool, out *sink, o FullOptions) (Full, error) {
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return Full{}, err
	}
	defer f.close()
	num, den := proxyRate(v)
	rate := float64(num) / float64(den)
	grey := min(greyRate, rate)
	greyText := strconv.FormatFloat(grey, 'f', 4, 64)

	graph := fmt.Sprintf("[0:%d]", v.Index)
	shifted := math.Abs(v.Start-p.StartTime) > 30 || v.Start < p.StartTime
	if shifted {
		graph += "setpts=PTS-STARTPTS," // minutes of a still picture, or a broken clock: begin with the picture
	}
	graph += ProxyFilter(v, o.MaxHeight)
	if out.w != nil {
		graph += "[m];[m]split=2[p][q];[q]"
	} else {
		graph += ","
	}
	graph += fmt.Sprintf("fps=%s,scale=%d:%d:flags=area,format=gray[gr]", greyText, greyWidth, greyHeight)
	if sound {
		// Holes in the sound are filled, so that it stays with the picture.
		graph += fmt.Sprintf(";[0:%d]aresample=async=1000:first_pts=0", a.Index)
		if out.w != nil {
			graph += ",asplit=2[pa][la]"
		} else {
			graph += "[la]"
		}
	}
	args := append(append(t.ffmpegArgs("pipe:6"), t.inputArgs(f, s.demuxer)...), "-filter_complex", graph)
	if out.w != nil {
		args = append(args, "-map", "[p]")
		if sound {
			args = append(args, "-map", "[pa]", "-c:a", "aac", "-b:a", "64k", "-ac", "1", "-ar", proxySound(a.SampleRate))
		}
		args = append(append(args, ProxyArgs(v, o.MaxHeight, t.threads)...), muxArgs...)
		args = append(args, "pipe:7")
	}
	args = append(args, "-map", "[gr]", "-f", "rawvideo", "pipe:4")
	args = append(args, "-map", fmt.Sprintf("0:%d", v.Index), "-c:v", "copy", "-copyinkf", "-f", "framecrc", "pipe:5")
	if sound {
		args = append(args, "-map", "[la]", "-ac", "1", "-ar", strconv.Itoa(soundRate), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:8")
	}

	g := newGreys(grey)
	var packets packetList
	var progress progress
	var beaten atomic.Int64
	beat := func(at float64) {
		if o.Beat != nil && int64(at*10) > beaten.Load() {
			beaten.Store(int64(at * 10))
			o.Beat(at)
		}
	}
	var proxy *defragmenter
	var loud sounds
	c := call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			func(r io.Reader) error { return g.read(r, beat) },
			func(r io.Reader) error { return packets.read(r, nil) },
			progress.read,
			func(r io.Reader) error {
				if out.w == nil {
					return nil
				}
				var err error
				proxy, err = defragment(r, out, "isom")
				return err
			},
		},
		limits: sandbox.Limits{CPU: 200 * time.Hour, Wall: wall(p.Duration), Stall: 2 * time.Minute},
	}
	if sound {
		c.out = append(c.out, func(r io.Reader) error { return loud.read(r, nil) })
	}
	rep, err := t.run(ctx, c)
	if out.err != nil && ctx.Err() == nil {
		return Full{}, fmt.Errorf("write working copy: %w", out.err)
	}
	if err != nil {
		err = decodeError(err)
		if errors.Is(err, errProxy) && !errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %w", ErrNoReport, err)
		}
		return Full{}, fmt.Errorf("full pass: %w", err)
	}
	if !progress.ended {
		return Full{}, fmt.Errorf("full pass: %w: it did not say that it ended", ErrNoReport)
	}
	if g.frames == 0 {
		return Full{}, fmt.Errorf("full pass: %w: no picture came out", ErrDamaged)
	}
	result := Full{Report: rep}
	g.lanes(&result.Lanes)
	if sound {
		loud.lanes(&result.Lanes)
	} else {
		result.Lanes.PeaksPerSecond, result.Lanes.Integrated = peaksPerSecond, -70
		result.Lanes.Loudness, result.Lanes.Silence = []float64{}, []Span{}
	}
	greySeconds := float64(g.frames) / grey
	result.Report.Seconds = greySeconds
	result.Report.Frames = packets.total
	if out.w != nil {
		w, h := proxySize(v, o.MaxHeight)
		if result.Proxy, err = checkProxy(proxy, w, h, num, den, sound, greySeconds); err != nil {
			return Full{}, fmt.Errorf("full pass: %w", err)
		}
		result.Report.Seconds = result.Proxy.Duration
	}
	result.Timing = timing(&packets, p, v, num, den, shifted)
	if rep.ErrorLines > 0 {
		result.Anomalies = append(result.Anomalies, Anomaly{AnomalyDecodeErrors, strconv.Itoa(rep.ErrorLines) + " lines"})
	}
	if d := p.Duration; d > 0 && math.Abs(d-greySeconds) > max(2, d/50) {
		result.Anomalies = append(result.Anomalies, Anomaly{AnomalyLength, fmt.Sprintf("stated %.1f s, decoded %.1f s", d, greySeconds)})
	}
	return result, nil
}

// muxArgs are the container of a working copy on its way to the defragmenter. Nothing of the original's tags, and
// nothing of the machine.
var muxArgs = []string{
	"-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact",
	"-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-f", "mp4",
}

// proxySound chooses a sample rate that AAC and browsers know.
func proxySound(rate int) string {
	for _, r := range []int{8000, 16000, 22050, 24000, 32000, 44100, 48000} {
		if rate <= r {
			return strconv.Itoa(r)
		}
	}
	return "48000"
}

// wall bounds a full pass: twenty times the length, at least ten minutes, a day when the length is not known.
func wall(duration float64) time.Duration {
	if duration <= 0 {
		return 24 * time.Hour
	}
	return 10*time.Minute + time.Duration(min(duration, maxSeconds)*20)*time.Second
}

// checkProxy holds what came out against what the recipe promises.
func checkProxy(d *defragmenter, w, h int, num, den int64, sound bool, seconds float64) (Proxy, error) {
	bad := func(what string) (Proxy, error) {
		return Proxy{}, fmt.Errorf("%w: %w: %s", ErrNoReport, errProxy, what)
	}
	if d == nil {
		return bad("nothing came out")
	}
	v := d.track("vide")
	if v == nil {
		return Proxy{}, fmt.Errorf("%w: %w", ErrNoReport, errNoPicture)
	}
	codec, gotW, gotH, err := avcOf(v.stsd)
	if err != nil {
		return bad("sample description")
	}
	if gotW != w || gotH != h {
		return bad("size")
	}
	frames := int64(len(v.sizes))
	// Constant rate: one duration for all frames, the last may differ by rounding of the container.
	perFrame := float64(v.scale) * float64(den) / float64(num)
	for _, r := range v.durations {
		if math.Abs(float64(r.v)-perFrame) > 1.01 && !(r.n <= 2) {
			return bad("frame rate is not constant")
		}
	}
	duration := float64(v.total) / float64(v.scale)
	if math.Abs(duration-float64(frames)*float64(den)/float64(num)) > 2*float64(den)/float64(num)+0.1 {
		return bad("length")
	}
	if math.Abs(duration-seconds) > 1+2*float64(den)/float64(num) {
		return bad("length differs from that of the lanes")
	}
	if len(v.syncs) == 0 || v.syncs[0] != 1 {
		return bad("does not begin with a key frame")
	}
	most := uint32(math.Ceil(2*float64(num)/float64(den))) + 1
	for i, k := range v.syncs {
		next := uint32(frames) + 1
		if i+1 < len(v.syncs) {
			next = v.syncs[i+1]
		}
		if next-k > most {
			return bad("key frames too far apart")
		}
	}
	p := Proxy{
		Width: w, Height: h, RateNum: num, RateDen: den, Frames: frames, KeyFrames: int64(len(v.syncs)),
		Duration: duration, Size: d.written, MediaType: `video/mp4; codecs="` + codec + `"`,
	}
	if a := d.track("soun"); a != nil {
		if !sound {
			return bad("sound where there is none")
		}
		p.Audio = true
		p.MediaType = `video/mp4; codecs="` + codec + `, mp4a.40.2"`
	}
	return p, nil
}

// avcOf reads codec name and dimensions from an H.264 sample description.
func avcOf(stsd []byte) (codec string, w, h int, err error) {
	if len(stsd) < 8 {
		return "", 0, 0, errBoxes
	}
	entry, _, ok := child(stsd[8:], "avc1")
	if !ok || len(entry) < 78 {
		return "", 0, 0, errBoxes
	}
	w, h = int(entry[24])<<8|int(entry[25]), int(entry[26])<<8|int(entry[27])
	avcc, _, ok := child(entry[78:], "avcC")
	if !ok || len(avcc) < 4 {
		return "", 0, 0, errBoxes
	}
	return "avc1." + hex.EncodeToString(avcc[1:4]), w, h, nil
}

// timing makes the way back to the frames of the original.
func timing(l *packetList, p Probe, v Stream, num, den int64, shifted bool) Timing {
	t := Timing{TimeBaseNum: l.num, TimeBaseDen: l.den, Frames: l.total, RateNum: num, RateDen: den}
	times := l.pts
	if l.noPTS > 0 {
		// Some containers (AVI) hold decoding times only. In order they are the presentation times, apart from a
		// constant delay of a frame or two.
		times, t.FromDecoding = l.dts, true
	}
	if l.num <= 0 || l.den <= 0 || t.FromDecoding && l.noDTS > 0 || l.total == 0 {
		return t
	}
	// ffmpeg counts from the beginning of the file; the original's own times are those of its container.
	t.Start = int64(math.Round(p.StartTime * float64(l.den) / float64(l.num)))
	pts := slices.Clone(times)
	slices.Sort(pts)
	zero := int64(0)
	if shifted {
		zero = pts[0]
	}
	for i := range pts {
		pts[i] += t.Start
	}
	t.Start += zero
	t.PTS = pts
	return t
}

// SourceFrame gives the frame of the original, counted from 0 in order of presentation, that is shown by frame n of
// the working copy, and its presentation time in seconds of the original's container.
func (t Timing) SourceFrame(n int64) (frame int64, seconds float64, ok bool) {
	if len(t.PTS) == 0 || t.RateNum <= 0 || t.RateDen <= 0 || t.TimeBaseDen <= 0 {
		return 0, 0, false
	}
	// A frame goes to the nearest place of the constant rate; the last that went to n or before is shown.
	at := func(pts int64) int64 {
		s := float64(pts-t.Start) * float64(t.TimeBaseNum) / float64(t.TimeBaseDen)
		return int64(math.Round(s * float64(t.RateNum) / float64(t.RateDen)))
	}
	i, _ := slices.BinarySearchFunc(t.PTS, n, func(pts, n int64) int {
		if at(pts) <= n {
			return -1
		}
		return 1
	})
	i = max(i-1, 0)
	return int64(i), float64(t.PTS[i]) * float64(t.TimeBaseNum) / float64(t.TimeBaseDen), true
}

// Audio makes the working copy (AAC in MP4, mono) and the lanes of a sound recording.
func (t *Tools) Audio(ctx context.Context, src Source, p Probe, o AudioOptions) (Audio, error) {
	if err := refusal(p); err != nil {
		return Audio{}, err
	}
	a, ok := p.Audio()
	if p.Kind != archive.KindAudio || !ok {
		return Audio{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	if a.Codec == "" || a.Codec == "unknown" || a.Codec == "none" || a.SampleRate <= 0 {
		return Audio{}, fmt.Errorf("%w: sound", ErrNoDecoder)
	}
	s, err := t.again(src, p)
	if err != nil {
		return Audio{}, err
	}
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return Audio{}, err
	}
	defer f.close()
	out := &sink{w: o.Proxy}
	graph := fmt.Sprintf("[0:%d]aresample=async=1000:first_pts=0,asplit=2[pa][la]", a.Index)
	args := append(append(t.ffmpegArgs("pipe:4"), t.inputArgs(f, s.demuxer)...), "-filter_complex", graph,
		"-map", "[pa]", "-c:a", "aac", "-b:a", "64k", "-ac", "1", "-ar", proxySound(a.SampleRate))
	args = append(append(args, muxArgs...), "-frag_duration", "2000000", "pipe:5",
		"-map", "[la]", "-ac", "1", "-ar", strconv.Itoa(soundRate), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:6")
	var progress progress
	var proxy *defragmenter
	var loud sounds
	rep, err := t.run(ctx, call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			progress.read,
			func(r io.Reader) error {
				var err error
				proxy, err = defragment(r, out, "M4A ")
				return err
			},
			func(r io.Reader) error { return loud.read(r, o.Beat) },
		},
		limits: sandbox.Limits{CPU: 24 * time.Hour, Wall: wall(p.Duration), Stall: 2 * time.Minute},
	})
	if out.err != nil && ctx.Err() == nil {
		return Audio{}, fmt.Errorf("write working copy: %w", out.err)
	}
	if err != nil {
		return Audio{}, fmt.Errorf("sound pass: %w", decodeError(err))
	}
	if !progress.ended {
		return Audio{}, fmt.Errorf("sound pass: %w: it did not say that it ended", ErrNoReport)
	}
	if loud.samples == 0 {
		return Audio{}, fmt.Errorf("sound pass: %w: no sound came out", ErrDamaged)
	}
	track := proxy.track("soun")
	if track == nil || track.handler != "soun" || proxy.track("vide") != nil {
		return Audio{}, fmt.Errorf("sound pass: %w: %w", ErrNoReport, errProxy)
	}
	heard := float64(loud.samples) / soundRate
	duration := float64(track.total) / float64(track.scale)
	if math.Abs(duration-heard) > 1 {
		// Both were made in one run that ended by itself: the times in the file contradict each other.
		return Audio{}, fmt.Errorf("sound pass: %w: length differs from that of the lanes", ErrDamaged)
	}
	result := Audio{Report: rep, Proxy: Proxy{
		Duration: heard, Audio: true, Size: proxy.written, MediaType: `audio/mp4; codecs="mp4a.40.2"`,
	}}
	loud.lanes(&result.Lanes)
	result.Lanes.Scenes, result.Lanes.Motion = []float64{}, []int{}
	result.Lanes.Black, result.Lanes.Freeze, result.Lanes.Strobe = []Span{}, []Span{}, []Span{}
	result.Report.Seconds = heard
	if rep.ErrorLines > 0 {
		result.Anomalies = append(result.Anomalies, Anomaly{AnomalyDecodeErrors, strconv.Itoa(rep.ErrorLines) + " lines"})
	}
	if d := p.Duration; d > 0 && math.Abs(d-heard) > max(2, d/50) {
		result.Anomalies = append(result.Anomalies, Anomaly{AnomalyLength, fmt.Sprintf("stated %.1f s, decoded %.1f s", d, heard)})
	}
	return result, nil
}
