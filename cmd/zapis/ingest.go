package main

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/ingest"
)

type ingestCmd struct {
	Accession string   `required:"" help:"Identifier of the open accession." placeholder:"ID"`
	Path      []string `arg:"" help:"Folders, mounted disks or files. Links are recorded, never followed."`
}

func (c *ingestCmd) Run(k *call) error {
	if err := archive.CheckID(archive.PrefixAccession, c.Accession); err != nil {
		return err
	}
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		// The garbage of a run over many small files is collected well before it amounts to anything.
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(160 << 20))
		show := k.ingestProgress()
		res, err := a.Ingest.Ingest(k.ctx, a.Agent, c.Accession, c.Path, show.told)
		show.end()
		for _, n := range sorted(res.Odd) {
			k.warn(fmt.Sprintf("place %d is a %s and holds no files; for a link name the folder behind it, for a disk mount it and name the folder", n, res.Odd[n]))
		}
		if err != nil && k.ctx.Err() != nil {
			err = archive.Explain(err, "Stopped. Everything recorded so far is kept.",
				"Run the same command again to go on: finished files are passed over without being read.")
		}
		if err != nil && !errors.Is(err, k.ctx.Err()) {
			return err
		}
		if err == nil {
			// The record leaves a signed trace beside the database, so that an older database would be noticed.
			if _, _, err := a.Checkpoint(k.ctx); err != nil {
				return err
			}
		}
		k.ingested(res)
		switch {
		case err != nil:
			return err
		case res.Failed() > 0:
			return fmt.Errorf("%w: %d could not be taken in (zapis accession show --failures %s)", app.ErrSomeFailed, res.Failed(), c.Accession)
		}
		return nil
	})
}

func (k *call) ingested(r ingest.Result) {
	if k.JSON {
		k.json(struct {
			Type      string `json:"type"`
			Accession string `json:"accession"`
			tallyJSON
			Passed  int64   `json:"passed"`
			Again   int64   `json:"failed_again"`
			Seconds float64 `json:"seconds"`
		}{"result", r.Accession, tally(r.Tally), r.Passed, r.Again, r.Elapsed.Seconds()})
		return
	}
	t := r.Tally
	k.say("%d received, %d duplicates, %d without bytes, %d failed, %d finished before; %s in %s", t.Received, t.Duplicates, t.Skipped, r.Failed(), r.Passed, size(t.Bytes), r.Elapsed.Round(time.Second/10))
}

// ingestView shows the progress of a run: a bar at a terminal, JSON lines with --json, else a line every ten seconds.
type ingestView struct {
	k    *call
	mu   sync.Mutex
	bars *mpb.Progress
	bar  *mpb.Bar
	last time.Time
	now  ingest.Progress
}

func (k *call) ingestProgress() *ingestView {
	v := &ingestView{k: k, last: time.Now()}
	if !k.JSON && isTerminal(k.err) {
		v.bars = mpb.New(mpb.WithOutput(k.err), mpb.WithWidth(40))
		// A total of 0 to begin with keeps the bar from finishing by itself while the total still grows.
		v.bar = v.bars.AddBar(0, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return v.before() })),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return v.after() })))
	}
	return v
}

func (v *ingestView) before() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Sprintf("%s  %d of %s files ", v.now.Step, v.now.Done, total(v.now))
}

func total(p ingest.Progress) string {
	if p.Counting {
		return fmt.Sprintf("%d (counting…)", p.TotalFiles)
	}
	return fmt.Sprint(p.TotalFiles)
}

func (v *ingestView) after() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.now
	text := fmt.Sprintf(" %s of %s  %s/s", size(p.ReadBytes), size(p.TotalBytes), size(int64(p.Rate)))
	if p.Left > 0 {
		text += "  " + p.Left.Round(time.Second).String() + " left"
	}
	if p.Tally.Failed > 0 {
		text += fmt.Sprintf("  %d failed", p.Tally.Failed)
	}
	return text
}

// told takes one report.
func (v *ingestView) told(p ingest.Progress) {
	if p.Failed != nil {
		v.failed(*p.Failed)
		return
	}
	v.mu.Lock()
	v.now = p
	due := time.Since(v.last) >= 10*time.Second || v.k.JSON && time.Since(v.last) >= time.Second || p.Step == ingest.StepDone
	if due {
		v.last = time.Now()
	}
	v.mu.Unlock()
	switch {
	case v.bar != nil:
		v.bar.SetTotal(max(p.TotalBytes, 1), false)
		v.bar.SetCurrent(p.ReadBytes)
	case !due:
	case v.k.JSON:
		v.k.json(struct {
			Type     string  `json:"type"`
			Step     string  `json:"step"`
			Counting bool    `json:"counting"`
			Files    int64   `json:"files"`
			OfFiles  int64   `json:"of_files"`
			Bytes    int64   `json:"bytes"`
			OfBytes  int64   `json:"of_bytes"`
			Passed   int64   `json:"passed"`
			Failed   int64   `json:"failed"`
			Rate     float64 `json:"bytes_per_second"`
			Left     float64 `json:"seconds_left"`
		}{"progress", p.Step, p.Counting, p.Done, p.TotalFiles, p.ReadBytes, p.TotalBytes, p.Passed, p.Tally.Failed, p.Rate, p.Left.Seconds()})
	case p.Step != ingest.StepDone:
		fmt.Fprintf(v.k.err, "%s%s\n", v.before(), v.after())
	}
}

// failed names a file to the person who started the run.
func (v *ingestView) failed(f ingest.Failure) {
	if v.k.JSON {
		v.k.json(failure(f))
		return
	}
	var w io.Writer = v.k.err
	if v.bars != nil {
		w = v.bars
	}
	fmt.Fprintf(w, "failed (%s): %s\n", f.Reason, f.Name)
}

func (v *ingestView) end() {
	if v.bar != nil {
		v.bar.Abort(true)
		v.bars.Wait()
	}
}
