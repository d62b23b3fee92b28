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
	"zapis/internal/media/fingerprint"
	"zapis/internal/sandbox"
)

// RecipeFingerprint is the recipe of fingerprints of footage; its version is that of package fingerprint.
var RecipeFingerprint = Recipe{fingerprint.Name, fingerprint.Version}

// Grey decodes a recording once and hands out small grey pictures: fingerprint.Width by fingerprint.Height bytes, fingerprint.Rate of them a
// second from the first picture on, row by row. The slice that each gets is used again. An error of each ends the run. Nothing that
// was handed out counts when Grey gives an error.
func (t *Tools) Grey(ctx context.Context, src Source, p Probe, each func(picture []byte) error, beat func(seconds float64)) (Report, error) {
	if err := refusal(p); err != nil {
		return Report{}, err
	}
	v, ok := p.Video()
	if p.Kind != archive.KindVideo || !ok || v.Width <= 0 || v.Height <= 0 {
		return Report{}, fmt.Errorf("%w: kind %s", ErrNotMedia, p.Kind)
	}
	s, err := t.again(src, p)
	if err != nil {
		return Report{}, err
	}
	f, err := t.whole(ctx, src, s)
	if err != nil {
		return Report{}, err
	}
	defer f.close()
	graph := fmt.Sprintf("[0:%d]", v.Index)
	if math.Abs(v.Start-p.StartTime) > 30 || v.Start < p.StartTime {
		graph += "setpts=PTS-STARTPTS," // as the full pass does, so that the times are those of the working copy
	}
	graph += fmt.Sprintf("fps=%d:start_time=0,scale=%d:%d:flags=area,format=gray[gr]", fingerprint.Rate, fingerprint.Width, fingerprint.Height)
	args := append(append(t.ffmpegArgs("pipe:5"), t.inputArgs(f, s.demuxer)...), "-filter_complex", graph,
		"-map", "[gr]", "-f", "rawvideo", "pipe:4")
	var progress progress
	var refused error
	frames := int64(0)
	c := call{
		path: t.ffmpeg, name: "ffmpeg", args: args, feed: f,
		out: []func(io.Reader) error{
			func(r io.Reader) error {
				buf := make([]byte, fingerprint.Width*fingerprint.Height)
				br := bufio.NewReaderSize(r, 4*len(buf))
				for {
					switch _, err := io.ReadFull(br, buf); {
					case err == io.EOF:
						return nil
					case errors.Is(err, io.ErrUnexpectedEOF):
						return fmt.Errorf("grey picture %d: %w: %w", frames, ErrNoReport, err)
					case err != nil:
						return fmt.Errorf("grey picture %d: %w", frames, err)
					}
					frames++
					if frames > maxSeconds*fingerprint.Rate {
						return fmt.Errorf("%w: more than %d hours of media", ErrTooLarge, maxSeconds/3600)
					}
					if refused = each(buf); refused != nil {
						return refused
					}
					if beat != nil && frames%(10*fingerprint.Rate) == 0 {
						beat(float64(frames) / fingerprint.Rate)
					}
				}
			},
			progress.read,
		},
		limits: sandbox.Limits{CPU: 100 * time.Hour, Wall: wall(p.Duration), Stall: 2 * time.Minute},
	}
	rep, err := t.run(ctx, c)
	if refused != nil && ctx.Err() == nil {
		return Report{}, fmt.Errorf("hand out grey pictures: %w", refused)
	}
	if err != nil {
		return Report{}, fmt.Errorf("grey pictures: %w", decodeError(err))
	}
	if !progress.ended {
		return Report{}, fmt.Errorf("grey pictures: %w: it did not say that it ended", ErrNoReport)
	}
	if frames == 0 {
		return Report{}, fmt.Errorf("grey pictures: %w: no picture came out", ErrDamaged)
	}
	rep.Frames, rep.Seconds = frames, float64(frames)/fingerprint.Rate
	return rep, nil
}

// Fingerprint makes a fingerprint of a recording and writes it to w. What was written is void when it gives an error.
// fingerprint.ErrShort if there is too little to be told again.
func (t *Tools) Fingerprint(ctx context.Context, src Source, p Probe, w io.Writer, beat func(seconds float64)) ([]fingerprint.Run, Report, error) {
	b := fingerprint.NewBuilder(w)
	rep, err := t.Grey(ctx, src, p, b.Frame, beat)
	if err != nil {
		return nil, Report{}, err
	}
	runs, _, err := b.Close()
	if err != nil {
		return nil, Report{}, fmt.Errorf("fingerprint of %s s: %w", strconv.FormatFloat(rep.Seconds, 'f', 1, 64), err)
	}
	return runs, rep, nil
}
