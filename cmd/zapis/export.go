package main

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/knowledge/exchange"
)

type exportCmd struct {
	Ftm      exportFtMCmd      `cmd:"" name:"ftm" help:"FollowTheMoney, JSON lines; can be taken in again without loss."`
	Huridocs exportHURIDOCSCmd `cmd:"" name:"huridocs" help:"A zip of CSV tables after the HURIDOCS events formats."`
	Geojson  exportGeoJSONCmd  `cmd:"" name:"geojson" help:"Places on the map."`
	List     exportListCmd     `cmd:"" help:"List what one has taken out."`
}

// exportArgs is what every export asks.
type exportArgs struct {
	Purpose     string   `required:"" help:"What it is for: archive, analysis, court, publication, research." placeholder:"PURPOSE"`
	Audience    string   `required:"" help:"Who will have it: team, partners, court, public." placeholder:"AUDIENCE"`
	Output      string   `short:"o" required:"" help:"File to write, or - for standard output." placeholder:"FILE"`
	Kind        []string `help:"Only entities of these kinds." placeholder:"KIND"`
	Compartment *string  `help:"Only what is filed in this compartment; empty names the common one." placeholder:"ID"`
	History     *bool    `negatable:"" help:"With claims that were taken back; by default for the team only."`
	acting
}

type (
	exportFtMCmd      struct{ exportArgs }
	exportHURIDOCSCmd struct{ exportArgs }
	exportGeoJSONCmd  struct{ exportArgs }
)

func (c *exportFtMCmd) Run(k *call) error      { return c.run(k, exchange.FormatFtM) }
func (c *exportHURIDOCSCmd) Run(k *call) error { return c.run(k, exchange.FormatHURIDOCS) }
func (c *exportGeoJSONCmd) Run(k *call) error  { return c.run(k, exchange.FormatGeoJSON) }

func (c *exportArgs) run(k *call, format string) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		ask := exchange.Ask{Format: format, Purpose: c.Purpose, Audience: c.Audience, Compartment: c.Compartment, History: c.History}
		for _, kind := range c.Kind {
			ask.Kinds = append(ask.Kinds, archive.EntityKind(kind))
		}
		ready, err := a.Exchange.Prepare(k.ctx, who, ask)
		if err != nil {
			return err
		}
		if c.Output == "-" {
			err = ready.Send(k.ctx, k.out)
		} else {
			err = createNew(c.Output, func(w io.Writer) error { return ready.Send(k.ctx, w) })
		}
		if err != nil {
			return err
		}
		e := ready.Export
		if k.JSON {
			to := k.out
			if c.Output == "-" {
				to = k.err
			}
			writeJSON(to, map[string]any{"export": e.ID, "format": e.Format, "entities": e.Entities, "claims": e.Claims, "passages": e.Passages, "left_out": e.LeftOut,
				"bytes": e.Size, "sha256": fmt.Sprintf("%x", e.SHA256)})
			return nil
		}
		fmt.Fprintf(k.err, "%s: %d entities, %d claims.\n", e.ID, e.Entities, e.Claims)
		for _, why := range slices.Sorted(maps.Keys(e.LeftOut)) {
			switch why {
			case exchange.OutConsent:
				fmt.Fprintf(k.err, "%d left out: no consent covers this purpose and audience.\n", e.LeftOut[why])
			case exchange.OutReference:
				fmt.Fprintf(k.err, "%d left out: they speak about something that is not in this export.\n", e.LeftOut[why])
			}
		}
		return nil
	})
}

type exportListCmd struct{ acting }

func (c *exportListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		all, err := a.Exchange.Exports(k.ctx, who, 1000)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, e := range all {
				if k.JSON {
					k.json(map[string]any{"export": e.ID, "format": e.Kind, "purpose": e.Purpose, "audience": e.Audience, "at": stamp(e.At), "left_out": e.LeftOut})
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d left out\n", e.ID, when(e.At), e.Kind, e.Purpose, e.Audience, e.LeftOut)
			}
		})
	})
}
