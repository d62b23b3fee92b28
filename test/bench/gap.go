package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"zapis/internal/media"
	"zapis/internal/media/detect"
	"zapis/internal/media/detect/detectbench"
	"zapis/internal/media/detect/scan"
	"zapis/internal/redact/gap"
	"zapis/internal/redact/plan"
)

// gaps measures how fast a plan is walked, and what the detectors behind it find.
func (b *bench) gaps() (part, error) {
	tools, err := media.Find(media.Options{})
	if err != nil {
		return part{}, err
	}
	source := sampleVideo(b.scratch)
	if source == "" {
		return part{}, errors.New("vtest.avi of the package opencv-doc is not there")
	}
	const length = 60
	p := part{Title: "Gap check", How: []string{
		fmt.Sprintf("%d s of 1280×720 at 25 frames a second, H.264 (x264, 3 Mb/s), made from vtest.avi: walkers before a fixed camera, which is dear for all detectors", length),
		"measured as one: sandboxed decoding of every frame at about 640 pixels across, faces, motion and writing on those frames that they look at, proposals, and the walk of a plan that has all proposals but one over every frame",
		"what is found is measured on footage in which boxes were marked by hand: see docs/design/detection.md",
	}}
	film := filepath.Join(b.scratch, "gap720.mp4")
	if _, err := os.Stat(film); err != nil {
		_, err := do(b.ctx, command{args: []string{"ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-i", source, "-t", fmt.Sprint(length),
			"-vf", "crop=768:432,scale=1280:720,fps=25,format=yuv420p", "-an", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "3M", "-g", "50", film}})
		if err != nil {
			return part{}, err
		}
	}
	var speed, dear spread
	missed := false
	for round := range b.sizes.rounds {
		b.cool()
		before := processor()
		var list []gap.Blocker
		var r detect.Result
		wall, err := timed(func() error {
			r, list, err = gapOnce(b, tools, film, length*time.Second)
			return err
		})
		if err != nil {
			return part{}, err
		}
		speed = append(speed, length/wall.Wall.Seconds())
		dear = append(dear, (processor()-before).Seconds()/length)
		missed = missed || !gap.Blocks(list)
		line := fmt.Sprintf("round %d: %.1f s, %d frames, detectors looked at %v, %d detections, %d in the list", round+1, wall.Wall.Seconds(), len(r.Times), r.Looked, len(r.Detections), len(list))
		p.Rounds = append(p.Rounds, line)
		b.say("   %s", line)
	}
	f := figure{What: "gap check of 720p25, times real time", Value: fmt.Sprintf("%.1f×", speed.median()), Target: "≥ 3×", Verdict: "met"}
	if speed.median() < 3 {
		f.Verdict = "missed"
	}
	work := figure{What: "processor time of the gap check, all processes", Value: fmt.Sprintf("%.2f s for a second of film", dear.median()), Note: "what does not depend on what else the machine does"}
	found := figure{What: "a proposal left out is found", Value: "yes", Target: "yes", Verdict: "met"}
	if missed {
		found.Value, found.Verdict = "no", "missed"
	}
	p.Figures = append(p.Figures, f, work, found)

	films, err := detectbench.Films()
	if err != nil {
		return part{}, err
	}
	for _, film := range films {
		s, err := film.Measure(b.ctx, tools, 0)
		what := fmt.Sprintf("%s (%s)", film.Kind, film.About)
		if errors.Is(err, detectbench.ErrMissing) {
			p.Figures = append(p.Figures, figure{What: what, Value: "not measured", Note: "the footage is not on this machine"})
			continue
		}
		if err != nil {
			return part{}, fmt.Errorf("%s: %w", film.Name, err)
		}
		value := fmt.Sprintf("%d of %d seen", s.Seen, s.Marked)
		note := fmt.Sprintf("%d of %d covered by proposals; %d false boxes in %d frames; %d proposals with %d keys", s.Covered, s.Marked, s.False, s.Frames, s.Tracks, s.Keys)
		if film.Empty {
			value = fmt.Sprintf("%d false in %d frames", s.False, s.Frames)
			note = fmt.Sprintf("%d proposals", s.Tracks)
		}
		p.Figures = append(p.Figures, figure{What: what, Value: value, Note: note})
		b.say("   %s: %+v", what, s)
	}
	for _, height := range detectbench.Heights {
		d, err := detectbench.Draw(b.ctx, b.scratch, height)
		what := fmt.Sprintf("text (four lines in three kinds of ink, capitals of %d of 640 × 480 pixels, drawn into a street)", height)
		if errors.Is(err, detectbench.ErrMissing) {
			p.Figures = append(p.Figures, figure{What: what, Value: "not measured", Note: "the footage or the letters are not on this machine"})
			continue
		}
		if err != nil {
			return part{}, err
		}
		p.Figures = append(p.Figures, figure{What: what, Value: fmt.Sprintf("%d of %d seen", d.Seen, d.Marked), Note: fmt.Sprintf("%d of them in a box more than four times as large", d.SeenAndLarger)})
		b.say("   %s: %+v", what, d)
	}
	return p, nil
}

// processor gives the processor time of this process and of those that it waited for.
func processor() (d time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if unix.Getrusage(who, &r) == nil {
			d += time.Duration(r.Utime.Nano() + r.Stime.Nano())
		}
	}
	return d
}

// gapOnce checks a plan that leaves out one of what the detectors propose.
func gapOnce(b *bench, tools *media.Tools, film string, length time.Duration) (detect.Result, []gap.Blocker, error) {
	src, err := detectbench.Open(film)
	if err != nil {
		return detect.Result{}, nil, err
	}
	defer src.Close()
	probe, err := tools.Probe(b.ctx, src)
	if err != nil {
		return detect.Result{}, nil, err
	}
	r, err := scan.Cut(b.ctx, tools, media.Cut{Source: src, Probe: probe, To: length}, scan.Options{})
	if err != nil {
		return r, nil, err
	}
	p := plan.Plan{Sources: []string{"it"}, Cuts: []plan.Cut{{ToUS: length.Microseconds()}}, Sound: plan.Sound{Mode: plan.Mute}}
	n := 0
	p.Tracks = gap.Proposals(0, r.Tracks(length.Microseconds()), func() string { n++; return fmt.Sprintf("tr_%d", n) })
	if len(p.Tracks) > 0 {
		p.Tracks = p.Tracks[1:]
	}
	list, err := gap.Walk(p, []gap.Cut{{Times: r.Times, Detections: r.Detections, Unjudged: r.Unjudged}})
	return r, list, err
}
