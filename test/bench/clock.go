package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"zapis/internal/media"
	"zapis/internal/media/mediabench"
)

// clocks measures how burned-in clocks are read: real footage of a fixed camera with a clock drawn into it, whole and cut.
func (b *bench) clocks() (part, error) {
	tools, err := media.Find(media.Options{})
	if err != nil {
		return part{}, err
	}
	if !tools.CanRead() {
		return part{}, errors.New("tesseract is not there")
	}
	source := sampleVideo(b.scratch)
	if source == "" {
		return part{}, errors.New("vtest.avi of the package opencv-doc is not there")
	}
	p := part{Title: "Burned-in clocks", How: []string{
		"vtest.avi (79 s of a fixed camera over a busy square, 768×576, 10 pictures a second) with a clock drawn in by ffmpeg in five layouts, encoded with x264; each at full size and at 384×288 with stronger compression",
		"a reading counts as right if it is exactly the second that stands in that frame; what was not read counts as wrong",
		"cuts of 2, 3 and 7 s are taken out of other films of the same layouts; a cut counts as found within 3 s and by the right length to 1 s; jumps marked as perhaps one misread digit are counted apart",
		"synthetic letters of DejaVu fonts over one real scene: what real recorders' own letters give is not measured",
	}}
	begin := time.Date(2020, 7, 27, 14, 2, 33, 0, time.UTC)
	cuts := []mediabench.Span{{From: 0, To: 18}, {From: 20, To: 41.3}, {From: 48.3, To: 60}, {From: 63, To: 79}}
	for _, size := range []struct {
		name       string
		lines, crf int
		target     bool
	}{{"768×576", 0, 23, true}, {"384×288", 288, 28, false}} {
		var frames, right, found, of, wrong, unsure, days, read int
		for i, l := range mediabench.ClockLayouts {
			for kind, spans := range map[string][]mediabench.Span{"whole": nil, "cut": cuts} {
				film := mediabench.ClockFilm{Layout: l, Source: source, Begin: begin, Spans: spans, Lines: size.lines, CRF: size.crf}
				path := filepath.Join(b.scratch, fmt.Sprintf("clock-%d-%d-%s.mp4", size.lines, i, kind))
				if err := film.Make(b.ctx, "ffmpeg", path); err != nil {
					return part{}, err
				}
				r, err := film.Read(b.ctx, tools, path)
				if err != nil {
					return part{}, err
				}
				line := fmt.Sprintf("%s  %-32s %-5s found %t  %d of %d readings right  start off by %s  date right %t  %d of %d cuts  %d false  %d unsure  %s",
					size.name, l.Name, kind, r.Found, r.Right, r.Frames, r.StartOff, r.Day, r.CutsFound, r.Cuts, r.False, r.Unsure, seconds(r.Wall))
				p.Rounds = append(p.Rounds, line)
				b.say("   %s", line)
				if kind == "whole" {
					share := 0.0
					if r.Frames > 0 {
						share = float64(r.Right) / float64(r.Frames)
					}
					f := figure{What: fmt.Sprintf("readings right, %s, %s", l.Name, size.name), Value: fmt.Sprintf("%.1f %%", 100*share)}
					if !r.Found {
						f.Value, f.Note = "not found", "no clock is claimed"
					}
					p.Figures = append(p.Figures, f)
				}
				if r.Found {
					read++
				}
				if r.Day {
					days++
				}
				frames, right, found, of, wrong, unsure = frames+r.Frames, right+r.Right, found+r.CutsFound, of+r.Cuts, wrong+r.False, unsure+r.Unsure
			}
		}
		films := 2 * len(mediabench.ClockLayouts)
		readings := figure{What: "readings right where a clock was found, " + size.name, Value: fmt.Sprintf("%.1f %%", 100*float64(right)/float64(max(1, frames))), Note: fmt.Sprintf("%d of %d films read, %d dates right", read, films, days)}
		places := figure{What: "cuts of 2 s and more found, " + size.name, Value: fmt.Sprintf("%d of %d", found, of), Note: fmt.Sprintf("%d false jumps, %d unsure ones", wrong, unsure)}
		if size.target {
			readings.Target, places.Target = "≥ 95 % on four layouts", "100 %"
			readings.Verdict, places.Verdict = "met", "met"
			if right*100 < 95*frames || read < 8 {
				readings.Verdict = "missed"
			}
			if found < of {
				places.Verdict = fmt.Sprintf("missed: %d of %d", found, of)
			}
		}
		p.Figures = append(p.Figures, readings, places)
	}
	return p, nil
}
