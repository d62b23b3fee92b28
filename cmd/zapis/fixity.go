package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"zapis/internal/app"
	"zapis/internal/fixity"
)

type fixityCmd struct {
	Check    fixityCheckCmd    `cmd:"" help:"Check now."`
	Schedule fixityScheduleCmd `cmd:"" help:"Show or set how often workers check by themselves."`
}

type fixityCheckCmd struct {
	All     bool          `xor:"scope" help:"Everything."`
	Since   time.Duration `xor:"scope" help:"What was not checked for so long, such as 720h." placeholder:"TIME"`
	Sample  string        `xor:"scope" help:"A share drawn at random, such as 5%." placeholder:"SHARE"`
	Sealed  bool          `help:"Compare sealed bytes only, without opening them: at the speed of reading."`
	Locked  bool          `help:"Without key and without database, from the sums that lie beside the vault."`
	Replica string        `help:"With --locked: another copy of the vault, a folder or s3://…" placeholder:"PLACE"`
}

func (c *fixityCheckCmd) scope() (s fixity.Scope, err error) {
	s.Keyless = c.Sealed
	switch {
	case c.All:
		s.All = true
	case c.Since > 0:
		s.Since = c.Since
	case c.Sample != "":
		s.Sample, err = fixity.ParseShare(c.Sample)
	default:
		err = fmt.Errorf("%w: one of --all, --since and --sample is needed", app.ErrUsage)
	}
	return s, err
}

func (c *fixityCheckCmd) Run(k *call) error {
	scope, err := c.scope()
	if err != nil {
		return err
	}
	if c.Locked {
		if !c.All {
			return fmt.Errorf("%w: a check without database knows no --since and no --sample", app.ErrUsage)
		}
		return c.locked(k)
	}
	if c.Replica != "" {
		return fmt.Errorf("%w: --replica goes with --locked", app.ErrUsage)
	}
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		rep, err := a.Fixity.Check(k.ctx, a.Agent, scope, k.fixityProgress())
		for _, f := range rep.Failures {
			k.mismatch(f)
		}
		if err != nil {
			return err
		}
		if _, _, err := a.Checkpoint(k.ctx); err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{
				"type": "result", "ok": rep.OK(), "run": rep.Run, "scope": rep.Scope, "sealed_only": rep.Keyless, "blobs": rep.Blobs, "objects": rep.Objects,
				"bytes": rep.Bytes, "failures": len(rep.Failures), "restored": rep.Restored, "seconds": rep.Elapsed.Seconds(),
			})
		} else {
			k.say("%d blobs, %d objects, %s read in %s; %d do not agree, %d agree again", rep.Blobs, rep.Objects, size(rep.Bytes), rep.Elapsed.Round(time.Second/10), len(rep.Failures), rep.Restored)
		}
		if !rep.OK() {
			return fmt.Errorf("%w: %d things do not agree", app.ErrNotVerified, len(rep.Failures))
		}
		return nil
	})
}

func (k *call) mismatch(f fixity.Failure) {
	if k.JSON {
		k.json(map[string]any{"type": "mismatch", "blob": f.Blob, "envelope": f.Envelope, "object": f.Object, "item": f.Item, "code": f.Code, "healed": f.Healed})
		return
	}
	what := "NOT AS RECORDED"
	if f.Healed {
		what = "was damaged, healed from the replica"
	}
	k.say("%s  %s%s  %s %s  (%s)", what, f.Blob, f.Envelope, f.Object, f.Item, f.Code)
}

// fixityProgress tells at most once a second, and only where somebody looks.
func (k *call) fixityProgress() func(fixity.Progress) {
	var mu sync.Mutex
	last := time.Now()
	return func(p fixity.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(last) < time.Second {
			return
		}
		last = time.Now()
		switch {
		case k.JSON:
			k.json(map[string]any{"type": "progress", "blobs": p.Blobs, "of_blobs": p.TotalBlobs, "bytes": p.Bytes, "of_bytes": p.TotalBytes, "failures": p.Failures})
		case isTerminal(k.err):
			of := ""
			if p.TotalBytes > 0 {
				of = " of " + size(p.TotalBytes)
			}
			fmt.Fprintf(k.err, "\r%s%s checked, %d do not agree   ", size(p.Bytes), of, p.Failures)
		}
	}
}

func (c *fixityCheckCmd) locked(k *call) error {
	h, err := k.home()
	if err != nil {
		return err
	}
	if c.Replica != "" {
		h.Config.Vault = c.Replica
	}
	b, err := h.Storage(k.ctx)
	if err != nil {
		return err
	}
	rep, err := fixity.CheckLocked(k.ctx, b, k.fixityProgress())
	if err != nil {
		return err
	}
	slices.SortFunc(rep.Failures, func(a, b fixity.LockedFailure) int { return compare(a.Name, b.Name) })
	for _, f := range rep.Failures {
		if k.JSON {
			k.json(map[string]any{"type": "mismatch", "name": f.Name, "code": f.Code})
		} else {
			k.say("NOT AS SUMMED  %s  (%s)", f.Name, f.Code)
		}
	}
	for _, name := range rep.Unlisted {
		if k.JSON {
			k.json(map[string]any{"type": "unlisted", "name": name})
		} else {
			k.say("not listed    %s", name)
		}
	}
	if len(rep.Unlisted) > 0 {
		k.warn("files that no sums file lists were not checked: an interrupted run left them, or their sums are lost; zapis fsck tells which")
	}
	if k.JSON {
		k.json(map[string]any{
			"type": "result", "ok": rep.OK(), "vault": rep.Vault, "files": rep.Files, "bytes": rep.Bytes, "failures": len(rep.Failures),
			"unlisted": len(rep.Unlisted), "seconds": rep.Elapsed.Seconds(),
		})
	} else {
		k.say("%d files, %s read in %s; %d do not agree; %d listed nowhere", rep.Files, size(rep.Bytes), rep.Elapsed.Round(time.Second/10), len(rep.Failures), len(rep.Unlisted))
	}
	if !rep.OK() {
		return fmt.Errorf("%w: %d files do not agree", app.ErrNotVerified, len(rep.Failures))
	}
	return nil
}

type fixityScheduleCmd struct {
	Every *time.Duration `help:"How often, such as 24h; 0s: never." placeholder:"TIME"`
	Scope string         `help:"Of what: all, sample 5%, since 720h." default:"sample 5%"`
}

func (c *fixityScheduleCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		if c.Every != nil {
			scope, err := fixity.ParseScope(c.Scope)
			if err != nil {
				return err
			}
			if err := a.Fixity.SetSchedule(k.ctx, *c.Every, scope); err != nil {
				return err
			}
		}
		every, scope := a.Fixity.Schedule(k.ctx)
		if k.JSON {
			k.json(map[string]any{"every_seconds": every.Seconds(), "scope": scope})
			return nil
		}
		if every == 0 {
			k.say("never by itself")
			return nil
		}
		k.say("every %s: %s", every, scope)
		return nil
	})
}
