// Package mediabench measures the passes of package media against ffmpeg alone.
//
// It guarantees that both sides of a ratio are measured in the same run, in turns, on the same file and with the same
// number of threads, and that each figure is a median. It does not keep the machine quiet: the noise is reported.
package mediabench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"time"

	"zapis/internal/media"
)

// Ratio is a time against another.
type Ratio struct {
	Full, Bare time.Duration // medians
	Ratio      float64       // median of the ratios of the pairs
	Lowest     float64
	Highest    float64
	Media      float64 // seconds of media
}

// file is an original on a disk, for measuring only.
type file struct {
	*os.File
	size int64
}

func (f file) Size() int64 { return f.size }

func open(path string) (file, error) {
	f, err := os.Open(path)
	if err != nil {
		return file{}, err
	}
	info, err := f.Stat()
	if err != nil {
		return file{}, errors.Join(err, f.Close())
	}
	return file{f, info.Size()}, nil
}

// FullAgainstBare measures the full pass (sandbox, sealed memory or pipe, lanes, working copy taken apart and checked)
// against ffmpeg making the same working copy from the plain file, rounds times in turns.
func FullAgainstBare(ctx context.Context, t *media.Tools, ffmpeg, path string, rounds int) (Ratio, error) {
	src, err := open(path)
	if err != nil {
		return Ratio{}, err
	}
	defer src.Close()
	p, err := t.Probe(ctx, src)
	if err != nil {
		return Ratio{}, fmt.Errorf("probe: %w", err)
	}
	v, ok := p.Video()
	if !ok {
		return Ratio{}, errors.New("no picture in the file")
	}
	var full, bare []time.Duration
	var ratios []float64
	var seconds float64
	one := func() error {
		start := time.Now()
		r, err := t.Full(ctx, src, p, media.FullOptions{Proxy: io.Discard})
		if err != nil {
			return fmt.Errorf("full pass: %w", err)
		}
		full = append(full, time.Since(start))
		seconds = r.Proxy.Duration
		return nil
	}
	other := func() error {
		args := []string{"-v", "error", "-nostdin", "-threads", strconv.Itoa(t.Threads()), "-i", path, "-map", fmt.Sprintf("0:%d", v.Index), "-vf", media.ProxyFilter(v, 720)}
		args = append(args, media.ProxyArgs(v, 720, t.Threads())...)
		if a, ok := p.Audio(); ok {
			args = append(args, "-map", fmt.Sprintf("0:%d", a.Index), "-c:a", "aac", "-b:a", "64k", "-ac", "1")
		}
		args = append(args, "-movflags", "+frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1")
		cmd := exec.CommandContext(ctx, ffmpeg, args...)
		var stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = io.Discard, &stderr
		start := time.Now()
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("bare encode: %w: %.200s", err, stderr.String())
		}
		bare = append(bare, time.Since(start))
		return nil
	}
	for i := range rounds {
		first, second := one, other
		if i%2 == 1 {
			first, second = other, one
		}
		if err := errors.Join(first(), second()); err != nil {
			return Ratio{}, err
		}
		ratios = append(ratios, full[i].Seconds()/bare[i].Seconds())
	}
	slices.Sort(ratios)
	slices.Sort(full)
	slices.Sort(bare)
	return Ratio{
		Full: full[rounds/2], Bare: bare[rounds/2], Ratio: ratios[rounds/2], Lowest: ratios[0], Highest: ratios[rounds-1], Media: seconds,
	}, nil
}

// QuickRate gives how many hours of media probe and quick pass handle in a minute, the median of rounds, over all
// paths.
func QuickRate(ctx context.Context, t *media.Tools, paths []string, rounds int) (hoursPerMinute float64, err error) {
	var rates []float64
	for range rounds {
		var seconds float64
		start := time.Now()
		for _, path := range paths {
			src, err := open(path)
			if err != nil {
				return 0, err
			}
			p, err := t.Probe(ctx, src)
			if err == nil {
				_, err = t.Quick(ctx, src, p, media.QuickOptions{})
			}
			if err = errors.Join(err, src.Close()); err != nil {
				return 0, fmt.Errorf("quick pass: %w", err)
			}
			seconds += p.Duration
		}
		rates = append(rates, seconds/3600/time.Since(start).Minutes())
	}
	slices.Sort(rates)
	return rates[rounds/2], nil
}

// Sample makes a clip of 1080p25 H.264 with sound, of real movement where packaged footage is installed, for measuring.
func Sample(ctx context.Context, ffmpeg, from, to string, seconds int) error {
	cmd := exec.CommandContext(ctx, ffmpeg, "-v", "error", "-nostdin", "-y", "-stream_loop", "-1", "-t", strconv.Itoa(seconds), "-i", from,
		"-f", "lavfi", "-t", strconv.Itoa(seconds), "-i", "anoisesrc=a=0.1:d="+strconv.Itoa(seconds), "-vf", "fps=25,scale=1920:1080:flags=bilinear,noise=alls=4:allf=t",
		"-t", strconv.Itoa(seconds), "-c:v", "libx264", "-preset", "veryfast", "-b:v", "4M", "-g", "50", "-c:a", "aac", "-b:a", "96k", "-f", "mp4", to)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make sample: %w: %.200s", err, out)
	}
	return nil
}
