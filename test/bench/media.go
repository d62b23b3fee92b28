package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"zapis/internal/media"
	"zapis/internal/vault"
)

// fileSource is a file as a media.Source; for material made here, never for originals.
type fileSource struct {
	*os.File
	n int64
}

func (f fileSource) Size() int64 { return f.n }

func openSource(name string) (fileSource, error) {
	f, err := os.Open(name)
	if err != nil {
		return fileSource{}, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fileSource{}, err
	}
	return fileSource{f, info.Size()}, nil
}

const vtest = "/usr/share/doc/opencv-doc/examples/data/vtest.avi"

// recording makes 1080p25 footage at 4 Mb/s with sound: a real scene of a fixed camera where the distribution's samples are
// installed, with the light noise of a sensor; otherwise a test picture.
func (b *bench) recording(seconds int) (name, about string, err error) {
	name = filepath.Join(b.scratch, fmt.Sprintf("recording%d.mp4", seconds))
	if _, err := os.Stat(name); err == nil {
		return name, "", nil
	}
	in := []string{"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=1920x1080:rate=25:duration=%d", seconds)}
	about = "a moving test picture"
	if at := sampleVideo(b.scratch); at != "" {
		in = []string{"-stream_loop", "-1", "-i", at}
		about = "the walkers of opencv-doc's vtest.avi"
	}
	args := append([]string{"ffmpeg", "-v", "error", "-nostdin", "-y"}, in...)
	args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("anoisesrc=color=pink:amplitude=0.1:duration=%d", seconds),
		"-map", "0:v:0", "-map", "1:a:0", "-t", fmt.Sprint(seconds), "-vf", "scale=1920:1080,fps=25,noise=alls=4:allf=t,format=yuv420p",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-maxrate", "5M", "-bufsize", "8M", "-g", "50", "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", name)
	b.say("   making %d s of 1080p25", seconds)
	_, err = do(b.ctx, command{args: args})
	return name, about, err
}

// sampleVideo finds vtest.avi, unpacking it if the package ships it compressed.
func sampleVideo(scratch string) string {
	if _, err := os.Stat(vtest); err == nil {
		return vtest
	}
	if _, err := os.Stat(vtest + ".gz"); err != nil {
		return ""
	}
	to := filepath.Join(scratch, "vtest.avi")
	out, err := os.Create(to)
	if err != nil {
		return ""
	}
	defer out.Close()
	if _, err := do(context.Background(), command{args: []string{"gzip", "-dc", vtest + ".gz"}, stdout: out}); err != nil {
		return ""
	}
	return to
}

// bare is the proxy encode alone, as media.md's recipe has it, with nothing around it: no sandbox, no lanes, no vault.
func bare(in, out string) command {
	return command{args: []string{"ffmpeg", "-v", "error", "-nostdin", "-nostats", "-y", "-i", in, "-map", "0:v:0", "-map", "0:a:0?",
		"-vf", "scale=-2:'min(720,ih)'", "-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-maxrate", "2M", "-bufsize", "4M", "-g", "50", "-keyint_min", "50", "-sc_threshold", "0",
		"-pix_fmt", "yuv420p", "-profile:v", "main", "-c:a", "aac", "-b:a", "64k", "-ac", "1", "-map_metadata", "-1", "-movflags", "+faststart", out}}
}

// fullPass compares the whole full pass (sealed original in, proxy and lanes out, sealed, synced and read back) with the
// bare encode of the same file.
func (b *bench) fullPass() (part, error) {
	tools, err := media.Find(media.Options{})
	if err != nil {
		return part{}, err
	}
	in, about, err := b.recording(b.sizes.videoSeconds)
	if err != nil {
		return part{}, err
	}
	at, err := b.fresh("full")
	if err != nil {
		return part{}, err
	}
	v, err := newVault(b.ctx, filepath.Join(at, "vault"))
	if err != nil {
		return part{}, err
	}
	ref, err := sealFile(b.ctx, v, in)
	if err != nil {
		return part{}, err
	}
	var ratios, alone spread
	p := part{Title: fmt.Sprintf("Full pass (%d s of 1080p25, %s)", b.sizes.videoSeconds, about), How: []string{
		"bare: one ffmpeg that makes the proxy with the same encoder settings from the plain file, threads as ffmpeg chooses",
		"full pass: probe, then one sandboxed decode of the sealed original that gives proxy and lanes; the proxy is sealed while it is made, synced and read back",
		"without the vault: the same from a plain file, the proxy thrown away",
	}}
	for round := range b.sizes.rounds {
		b.cool()
		base, err := do(b.ctx, bare(in, filepath.Join(at, "bare.mp4")))
		if err != nil {
			return part{}, err
		}
		b.cool()
		whole, err := timed(func() error { return fullOnce(b.ctx, tools, v, ref) })
		if err != nil {
			return part{}, err
		}
		b.cool()
		plain, err := timed(func() error {
			src, err := openSource(in)
			if err != nil {
				return err
			}
			defer src.Close()
			probe, err := tools.Probe(b.ctx, src)
			if err != nil {
				return err
			}
			_, err = tools.Full(b.ctx, src, probe, media.FullOptions{Proxy: io.Discard})
			return err
		})
		if err != nil {
			return part{}, err
		}
		ratios = append(ratios, whole.Wall.Seconds()/base.Wall.Seconds())
		alone = append(alone, plain.Wall.Seconds()/base.Wall.Seconds())
		line := fmt.Sprintf("round %d  bare %7s  full pass %7s  without the vault %7s", round+1, seconds(base.Wall), seconds(whole.Wall), seconds(plain.Wall))
		p.Rounds = append(p.Rounds, line)
		b.say("   %s", line)
	}
	p.Figures = []figure{
		atMost(figure{What: "full pass / bare ffmpeg proxy encode"}, ratios, "×", 1.15),
		atMost(figure{What: "full pass without the vault / bare ffmpeg proxy encode"}, alone, "×", 0),
	}
	return p, os.RemoveAll(at)
}

func fullOnce(ctx context.Context, tools *media.Tools, v *vault.Vault, ref vault.Ref) error {
	src, err := v.Reader(ctx, ref)
	if err != nil {
		return err
	}
	defer src.Close()
	probe, err := tools.Probe(ctx, src)
	if err != nil {
		return err
	}
	batch := v.Begin(ctx)
	r, w := io.Pipe()
	sealed := make(chan error, 1)
	go func() {
		_, err := batch.Add(ctx, r, vault.AddOptions{})
		_ = r.CloseWithError(err)
		sealed <- err
	}()
	_, err = tools.Full(ctx, src, probe, media.FullOptions{Proxy: w})
	_ = w.CloseWithError(err)
	if serr := <-sealed; err == nil {
		err = serr
	}
	if err != nil {
		_ = batch.Abort(ctx)
		return err
	}
	_, err = batch.Commit(ctx)
	return err
}

// quickPass says how much footage becomes browsable in a minute.
func (b *bench) quickPass() (part, error) {
	tools, err := media.Find(media.Options{})
	if err != nil {
		return part{}, err
	}
	short, about, err := b.recording(b.sizes.videoSeconds)
	if err != nil {
		return part{}, err
	}
	p := part{Title: "Quick pass", How: []string{
		fmt.Sprintf("probe, micro-thumbnail, stills and storyboard of %d recordings at once on %d cores, from plain files; hours of footage in a minute of wall time", b.sizes.quickFiles, runtime.NumCPU()),
		"1080p25 at 4 Mb/s, repeated to ten times its length: " + about,
	}}
	kinds := []struct{ name, in, ext string }{{"1080p25, 4 Mb/s, MP4", short, ".mp4"}, {"1080p25, 4 Mb/s, Matroska", short, ".mkv"}}
	if cctv := sampleVideo(b.scratch); cctv != "" {
		kinds = append(kinds, struct{ name, in, ext string }{"768×576 at 10 pictures a second, AVI (vtest.avi)", cctv, ".avi"})
	}
	for i, k := range kinds {
		long := filepath.Join(b.scratch, fmt.Sprintf("long%d%s", i, k.ext))
		if _, err := do(b.ctx, command{args: []string{"ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "9", "-i", k.in, "-c", "copy", "-map", "0", long}}); err != nil {
			return part{}, err
		}
		var rates spread
		for round := range b.sizes.rounds {
			b.cool()
			var mu sync.Mutex
			var length float64
			var failed error
			work := make(chan struct{}, b.sizes.quickFiles)
			for range b.sizes.quickFiles {
				work <- struct{}{}
			}
			close(work)
			start := time.Now()
			var all sync.WaitGroup
			for range runtime.NumCPU() {
				all.Go(func() {
					for range work {
						d, err := quickOnce(b.ctx, tools, long)
						mu.Lock()
						length += d
						if err != nil {
							failed = err
						}
						mu.Unlock()
					}
				})
			}
			all.Wait()
			if failed != nil {
				return part{}, failed
			}
			wall := time.Since(start)
			rates = append(rates, length/3600/wall.Minutes())
			line := fmt.Sprintf("round %d  %-52s %.2f h of footage in %s", round+1, k.name, length/3600, seconds(wall))
			p.Rounds = append(p.Rounds, line)
			b.say("   %s", line)
		}
		p.Figures = append(p.Figures, figure{What: "quick pass, " + k.name, Value: text(rates.median(), "h of footage a minute"), Spread: text(rates.low(), "") + " – " + text(rates.high(), "")})
		if err := os.Remove(long); err != nil {
			return part{}, err
		}
	}
	return p, nil
}

func quickOnce(ctx context.Context, tools *media.Tools, name string) (float64, error) {
	src, err := openSource(name)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	p, err := tools.Probe(ctx, src)
	if err != nil {
		return 0, err
	}
	_, err = tools.Quick(ctx, src, p, media.QuickOptions{})
	return p.Duration, err
}
