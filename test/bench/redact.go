package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/mask"
)

// sharpRecording makes 720p25 footage with the light noise of a sensor, of a real scene where the distribution's samples are installed.
func (b *bench) sharpRecording(dir string, seconds int) (name, about string, err error) {
	name = filepath.Join(dir, "recording720.mp4")
	in := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=1280x720:rate=25:duration=%d", seconds)}
	about = "a moving test picture"
	if at := sampleVideo(b.scratch); at != "" {
		in = []string{"-stream_loop", "-1", "-i", at}
		about = "the walkers of opencv-doc's vtest.avi"
	}
	args := append([]string{"ffmpeg", "-v", "error", "-nostdin", "-y"}, in...)
	args = append(args, "-map", "0:v:0", "-t", fmt.Sprint(seconds), "-vf", "scale=1280:720,fps=25,noise=alls=4:allf=t,format=yuv420p,setsar=1",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-maxrate", "5M", "-bufsize", "8M", "-g", "50", "-movflags", "+faststart", name)
	b.say("   making %d s of 720p25", seconds)
	_, err = do(b.ctx, command{args: args})
	return name, about, err
}

// fiveTracks are five masks that move across the picture, three solid and two pixelated.
func fiveTracks(_ int, us, _, _ int64, into []mask.Box) []mask.Box {
	for i := range 5 {
		at := (int(us/40) + i*170_000) % 1_600_000
		if at > 800_000 {
			at = 1_600_000 - at
		}
		into = append(into, mask.Box{ID: i, Kind: mask.Kind(i % 2), X: at, Y: 100_000 + 150_000*i, W: 90_000, H: 200_000})
	}
	return into
}

// redact compares rendering a plan with encoding the same stretch as it is, with the same settings of the encoder.
func (b *bench) redact() (part, error) {
	tools, err := media.Find(media.Options{})
	if err != nil {
		return part{}, err
	}
	at, err := b.fresh("redact")
	if err != nil {
		return part{}, err
	}
	seconds60 := min(b.sizes.videoSeconds, 60)
	name, about, err := b.sharpRecording(at, seconds60)
	if err != nil {
		return part{}, err
	}
	src, err := openSource(name)
	if err != nil {
		return part{}, err
	}
	defer src.Close()
	probe, err := tools.Probe(b.ctx, src)
	if err != nil {
		return part{}, err
	}
	v, _ := probe.Video()
	// plain encodes the stretch with the same settings, in one run of ffmpeg, without masks and without a sandbox.
	plain := func(heights ...int) command {
		args := []string{"ffmpeg", "-v", "error", "-nostdin", "-nostats", "-y", "-i", name}
		for _, h := range heights {
			args = append(args, "-map", "0:v:0", "-vf", fmt.Sprintf("scale=-2:%d", h))
			args = append(append(args, media.RedactArgs(v, h)...), "-map_metadata", "-1", filepath.Join(at, fmt.Sprintf("plain%d.mp4", h)))
		}
		return command{args: args}
	}
	render := func(heights ...int) (sample, error) {
		o := media.RedactOptions{Boxes: fiveTracks, Whole: true}
		bufs := make([]bytes.Buffer, len(heights))
		for i, h := range heights {
			o.Outs = append(o.Outs, media.RedactOut{Height: h, Out: &bufs[i]})
		}
		return timed(func() error {
			_, err := tools.Redact(b.ctx, []media.Cut{{Source: src, Probe: probe, From: 0, To: time.Duration(seconds60) * time.Second}}, o)
			return err
		})
	}
	p := part{Title: fmt.Sprintf("Rendering a plan (%d s of 720p25 with five tracks, %s)", seconds60, about), How: []string{
		"plain: one ffmpeg that encodes the same stretch with the same settings of the encoder, from the plain file, without masks and outside of the sandbox",
		"rendered: decoded in the sandbox to raw frames with their times, three solid and two pixelated masks painted on each, encoded in a second sandbox, taken apart and checked; poster, stills and drawing made",
	}}
	for _, set := range [][]int{{720}, {720, 360}} {
		var ratios spread
		for round := range b.sizes.rounds {
			base, err := do(b.ctx, plain(set...))
			if err != nil {
				return part{}, err
			}
			ours, err := render(set...)
			if err != nil {
				return part{}, err
			}
			ratios = append(ratios, ours.Wall.Seconds()/base.Wall.Seconds())
			line := fmt.Sprintf("round %d  %-8s plain %7s  rendered %7s", round+1, text720(set), seconds(base.Wall), seconds(ours.Wall))
			p.Rounds = append(p.Rounds, line)
			b.say("   %s", line)
		}
		p.Figures = append(p.Figures, atMost(figure{What: "render of a plan with 5 tracks / plain re-encode, " + text720(set)}, ratios, "×", 1.3))
	}
	// The decoder's half alone, as the gap check uses it.
	var alone spread
	for range b.sizes.rounds {
		s, err := timed(func() error {
			_, _, err := tools.RawFrames(b.ctx, media.Cut{Source: src, Probe: probe, From: 0, To: time.Duration(seconds60) * time.Second},
				media.RawOptions{MaxHeight: 360, Gray: true, Whole: true}, func(_ int, _ int64, p *mask.Picture) error {
					_, err := io.Discard.Write(p.Y)
					return err
				})
			return err
		})
		if err != nil {
			return part{}, err
		}
		alone = append(alone, float64(seconds60)/s.Wall.Seconds())
	}
	p.Figures = append(p.Figures, figure{What: "every frame in grey at 360 lines", Value: text(alone.median(), "× real time"), Spread: text(alone.low(), "") + " – " + text(alone.high(), "")})
	return p, os.RemoveAll(at)
}

func text720(set []int) string {
	var s []string
	for _, h := range set {
		s = append(s, fmt.Sprintf("%dp", h))
	}
	return strings.Join(s, " and ")
}
