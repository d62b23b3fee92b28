package main

import (
	"fmt"
	"os"
	"time"

	"zapis/internal/app"
	"zapis/internal/fsck"
)

type fsckCmd struct {
	Deep       bool     `help:"Also read every blob against its digest."`
	Clean      bool     `help:"Take away what interrupted runs left, if nothing is wrong. Nothing else may run."`
	Checkpoint []string `help:"File with a checkpoint that was kept elsewhere. May be given several times." placeholder:"FILE"`
}

func (c *fsckCmd) Run(k *call) error {
	var outside [][]byte
	for _, name := range c.Checkpoint {
		text, err := os.ReadFile(name)
		if err != nil {
			return withoutPath("read checkpoint", err)
		}
		outside = append(outside, text)
	}
	began := time.Now()
	return k.with(app.Options{Alone: c.Clean}, func(a *app.App) error {
		rep, err := a.Fsck(k.ctx, outside, fsck.Options{Deep: c.Deep, Clean: c.Clean})
		for _, f := range rep.Findings {
			if k.JSON {
				k.json(struct {
					Type string `json:"type"`
					fsck.Finding
				}{"finding", f})
			} else {
				k.say("%s", f)
			}
		}
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{
				"type": "result", "ok": rep.OK(), "errors": rep.Errors, "warnings": rep.Warnings, "items": rep.Items, "objects": rep.Objects,
				"envelopes": rep.Envelopes, "blobs": rep.Blobs, "bytes": rep.Bytes, "events": rep.Record.Size, "orphans": rep.Orphans,
				"orphan_bytes": rep.OrphanBytes, "cleaned": rep.Cleaned, "cleaned_bytes": rep.CleanedBytes, "seconds": time.Since(began).Seconds(),
			})
		} else {
			k.say("%d items, %d objects, %d blobs (%s), %d events; %d errors, %d warnings", rep.Items, rep.Objects, rep.Blobs, size(rep.Bytes), rep.Record.Size, rep.Errors, rep.Warnings)
			if rep.Cleaned > 0 {
				k.say("%d leftovers taken away (%s)", rep.Cleaned, size(rep.CleanedBytes))
			}
		}
		if !rep.OK() {
			return fmt.Errorf("%w: %d errors", app.ErrNotVerified, rep.Errors)
		}
		return nil
	})
}
