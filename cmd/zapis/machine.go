package main

import (
	"fmt"
	"io"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/machine"
)

type findingCmd struct {
	List    findingListCmd    `cmd:"" help:"List what machines found."`
	Confirm findingConfirmCmd `cmd:"" help:"Confirm what a machine found. A clock then says when the recording of its item began."`
	Dismiss findingDismissCmd `cmd:"" help:"Say that what a machine found is wrong or of no use."`
	Undo    findingUndoCmd    `cmd:"" help:"Take a decision back."`
	Clocks  findingClocksCmd  `cmd:"" help:"Have the clock in the picture read of all footage in which none was found yet; workers do it as they come to it."`
}

type findingJSON struct {
	ID      string `json:"id"`
	Item    string `json:"item"`
	Ref     string `json:"ref"`
	Kind    string `json:"kind"`
	State   string `json:"state"`
	Score   int    `json:"score"`
	Recipe  string `json:"recipe"`
	Version int    `json:"recipe_version"`
	Tool    string `json:"tool"`
	Began   string `json:"began,omitempty"`
	Time    string `json:"time,omitempty"`
	Order   string `json:"order_by,omitempty"`
	Jumps   int    `json:"jumps"`
}

type findingListCmd struct {
	State string `help:"Only in this state: suggested, confirmed, dismissed." default:"suggested" enum:"suggested,confirmed,dismissed,"`
	Kind  string `help:"Only of this kind, as clock."`
}

func (c *findingListCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		after := ""
		for {
			list, next, err := a.Machine.List(k.ctx, operator(a), machine.Query{Kind: c.Kind, State: archive.SuggestionState(c.State), Limit: 500, After: after})
			if err != nil {
				return err
			}
			err = k.table(func(w io.Writer) {
				for _, g := range list {
					f := findingJSON{ID: g.ID, Item: g.Item, Ref: g.Reference, Kind: g.Kind, State: string(g.State), Score: g.Score, Recipe: g.Recipe, Version: g.RecipeVersion, Tool: g.Tool}
					if v := g.Clock; v != nil {
						f.Time, f.Order, f.Jumps = time.UnixMilli(v.Start).UTC().Format("15:04:05"), v.OrderBy, len(v.Jumps)
						if at, err := v.Began(v.Day); err == nil {
							f.Began = at.Format(time.DateOnly)
						}
					}
					if k.JSON {
						k.json(f)
						continue
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s %s\t%s\t%d jumps\n", f.Ref, f.ID, f.Kind, f.State, f.Score, f.Began, f.Time, f.Order, f.Jumps)
				}
			})
			if err != nil || next == "" {
				return err
			}
			after = next
		}
	})
}

type findingConfirmCmd struct {
	ID  string `arg:"" help:"Identifier of the suggestion."`
	Day string `help:"Day of the first picture, where the clock does not say it or its order is open." placeholder:"2020-07-27"`
	Why string `help:"A remark."`
}

func (c *findingConfirmCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		return a.Machine.Confirm(k.ctx, operator(a), c.ID, machine.Decision{Why: c.Why, Day: c.Day})
	})
}

type findingDismissCmd struct {
	ID  string `arg:"" help:"Identifier of the suggestion."`
	Why string `help:"A remark."`
}

func (c *findingDismissCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Machine.Dismiss(k.ctx, operator(a), c.ID, c.Why) })
}

type findingUndoCmd struct {
	ID string `arg:"" help:"Identifier of the suggestion."`
}

func (c *findingUndoCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error { return a.Machine.Undo(k.ctx, operator(a), c.ID) })
}

type findingClocksCmd struct{}

func (c *findingClocksCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		n, err := a.Machine.ReadClocks(k.ctx, operator(a))
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]int{"jobs": n})
			return nil
		}
		return k.table(func(w io.Writer) { fmt.Fprintf(w, "%d clocks will be read\n", n) })
	})
}

type coverageCmd struct {
	Day       string        `arg:"" optional:"" help:"Day, as 2020-07-27; by default that of the latest recording."`
	Accession string        `help:"Only of this accession." placeholder:"ID"`
	Gap       time.Duration `help:"Least length of a gap." default:"5s"`
}

type gapJSON struct {
	Camera string `json:"camera"`
	From   string `json:"from"`
	To     string `json:"to"`
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
}

func (c *coverageCmd) Run(k *call) error {
	q := machine.CoverageQuery{LeastGap: c.Gap}
	if c.Day != "" {
		day, err := time.Parse(time.DateOnly, c.Day)
		if err != nil {
			return fmt.Errorf("%w: a day such as 2020-07-27 was expected", archive.ErrInvalid)
		}
		q.Day = day
	}
	if c.Accession != "" {
		if err := archive.CheckID(archive.PrefixAccession, c.Accession); err != nil {
			return err
		}
		q.Accessions = []string{c.Accession}
	}
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		v, err := a.Machine.Coverage(k.ctx, operator(a), q)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, cam := range v.Cameras {
				if !k.JSON {
					fmt.Fprintf(w, "%s\t%s\t%d recordings, %s covered\n", v.Day.Format(time.DateOnly), camera(cam.Name), len(cam.Strips), cam.Covered.Round(time.Second))
				}
				for _, g := range cam.Gaps {
					if k.JSON {
						k.json(gapJSON{Camera: cam.Name, From: g.From.Format("2006-01-02T15:04:05"), To: g.To.Format("2006-01-02T15:04:05"), Before: g.Before, After: g.After})
						continue
					}
					fmt.Fprintf(w, "\t%s\tnothing between %s and %s\n", camera(cam.Name), g.From.Format("15:04:05"), g.To.Format("15:04:05"))
				}
			}
		})
	})
}

func camera(name string) string {
	if name == "" {
		return "(no camera)"
	}
	return name
}
