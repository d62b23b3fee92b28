package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zapis/internal/app"
	"zapis/internal/job"
	"zapis/internal/web/asset"
)

type workerCmd struct {
	Drain  bool `help:"Work until no job is left, then stop."`
	Passes bool `help:"With --drain: stop when stills, working copies and lists of frames are made. What is read out of footage (clocks, copies, words) waits for the next worker."`
	Jobs   int  `help:"Jobs worked at once; 0: as configured." placeholder:"N"`
}

func (c *workerCmd) Run(k *call) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	if c.Jobs > 0 {
		h.Config.Workers = c.Jobs
	}
	a, err := k.openHome(h, app.Options{Workers: true, Writes: true})
	if err != nil {
		return err
	}
	defer a.Close()
	if c.Passes && !c.Drain {
		return fmt.Errorf("%w: --passes says when --drain is done", app.ErrUsage)
	}
	if c.Drain {
		return c.drain(k, a)
	}
	if err := a.Jobs.Start(k.ctx); err != nil {
		return err
	}
	if !k.JSON {
		fmt.Fprintln(k.err, "Working. Ctrl-C stops.")
	}
	settling := make(chan struct{})
	go func() { defer close(settling); a.Release.Run(k.ctx) }() // publishes what is due, and ends what was interrupted
	building := make(chan struct{})
	go func() { defer close(building); a.RunSite(k.ctx, asset.CheckPage()) }()
	a.Anchor.Run(k.ctx, a.Program) // keeps the calendar of the transparency log until the person stops it
	<-settling
	<-building
	// A job that is under way gets a little time; after that it is worked again by whoever comes next.
	stop, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), 20*time.Second)
	defer cancel()
	return a.Jobs.Stop(stop)
}

func (c *workerCmd) drain(k *call, a *app.App) error {
	began := time.Now()
	var kinds []string
	if c.Passes {
		kinds = []string{job.Quick{}.Kind(), job.Full{}.Kind(), job.Frames{}.Kind()}
	}
	before, err := a.Jobs.Counts(k.ctx, kinds...)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	last := time.Now()
	err = a.Jobs.Drain(k.ctx, func(n map[job.State]int64) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < time.Second || !k.JSON && time.Since(last) < 10*time.Second {
			return
		}
		last = time.Now()
		waiting := n[job.Available] + n[job.Scheduled] + n[job.Retryable]
		if k.JSON {
			k.json(map[string]any{"type": "progress", "waiting": waiting, "running": n[job.Running], "done": n[job.Completed] - before[job.Completed]})
		} else {
			fmt.Fprintf(k.err, "%d waiting, %d running, %d done\n", waiting, n[job.Running], n[job.Completed]-before[job.Completed])
		}
	}, kinds...)
	if err != nil {
		return err
	}
	after, err := a.Jobs.Counts(k.ctx, kinds...)
	if err != nil {
		return err
	}
	if _, _, err := a.Checkpoint(k.ctx); err != nil {
		return err
	}
	done, given := after[job.Completed]-before[job.Completed], after[job.Discarded]-before[job.Discarded]
	off := after[job.Cancelled] - before[job.Cancelled]
	if k.JSON {
		k.json(map[string]any{"type": "result", "completed": done, "discarded": given, "cancelled": off, "seconds": time.Since(began).Seconds()})
	} else {
		k.say("%d jobs done, %d given up, %d called off, in %s", done, given, off, time.Since(began).Round(time.Second/10))
	}
	if given > 0 {
		return fmt.Errorf("%w: %d jobs were given up", app.ErrSomeFailed, given)
	}
	return nil
}
