package main

import (
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/proof"
)

type scopeCmd struct {
	Publish scopePublishCmd `cmd:"" help:"Seal closed accessions and state how much the archive holds."`
	Show    scopeShowCmd    `cmd:"" help:"Show the scopes that were stated."`
	Audit   scopeAuditCmd   `cmd:"" help:"Compute the seal of an accession again from what the archive holds."`
	Sample  scopeSampleCmd  `cmd:"" help:"Find the items that an auditor's random points fall on."`
	Prepare scopePrepareCmd `cmd:"" help:"Commit to items that were taken in before items got commitments of their own; reads them once."`
}

// operator is the person at the command line, who has the vault and so may do everything.
func operator(a *app.App) policy.Subject {
	return policy.Subject{Agent: a.Agent, Role: archive.RoleAdmin, Scope: everything}
}

type scopeJSON struct {
	ID           string   `json:"id"`
	SHA256       string   `json:"sha256"`
	SealedOn     string   `json:"sealed_on"`
	Files        int64    `json:"files"`
	Bytes        int64    `json:"bytes"`
	Milliseconds int64    `json:"milliseconds"`
	Unmeasured   int64    `json:"unmeasured"`
	Accessions   []string `json:"accessions"`
	InLog        bool     `json:"in_log"`
	Position     *int64   `json:"position,omitempty"`
}

func scopeOf(s proof.Scope) scopeJSON {
	j := scopeJSON{
		ID: s.ID, SHA256: hex.EncodeToString(s.SHA256[:]), SealedOn: s.Statement.SealedOn, Files: s.Statement.Files, Bytes: s.Statement.Bytes,
		Milliseconds: s.Statement.Milliseconds, Unmeasured: s.Statement.Unmeasured, Accessions: s.Accessions, InLog: s.Tick >= 0,
	}
	if s.Tick >= 0 {
		j.Position = &s.Tick
	}
	return j
}

type scopePublishCmd struct {
	Accession  []string `arg:"" optional:"" help:"Only these accessions; by default all closed ones."`
	Unmeasured bool     `help:"Let items count as 0 that have not been looked at yet. The statement says how many, and a seal is never made anew."`
}

func (c *scopePublishCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		p, err := a.Proof.PublishScope(k.ctx, operator(a), proof.PublishScope{Accessions: c.Accession, Unmeasured: c.Unmeasured})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(struct {
				scopeJSON
				Sealed []string `json:"sealed"`
				Open   []string `json:"left_open"`
				Empty  []string `json:"left_empty"`
				Again  bool     `json:"again"`
			}{scopeOf(p.Scope), some(p.Sealed), some(p.Open), some(p.Empty), p.Again})
			return nil
		}
		st := p.Statement
		k.say("%d files, %s, %s of recordings, sealed on %s.", st.Files, size(st.Bytes), length(st.Milliseconds), st.SealedOn)
		if st.Unmeasured > 0 {
			k.say("Of %d files the length is not known; they count as 0.", st.Unmeasured)
		}
		if len(p.Open) > 0 {
			k.say("%d accessions are still open and were left out.", len(p.Open))
		}
		switch {
		case p.Again && p.Tick >= 0:
			k.say("The same is in the transparency log already: %s", p.ID)
		case p.Again:
			k.say("The same was stated already and waits for the next tick of the transparency log: %s", p.ID)
		default:
			k.say("Stated as %s; it goes into the transparency log with the next tick.", p.ID)
		}
		return nil
	})
}

// some makes an empty list of none.
func some(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// length writes milliseconds for people.
func length(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%.0f hours", d.Hours())
	case d >= time.Minute:
		return d.Round(time.Second).String()
	}
	return d.String()
}

type scopeShowCmd struct {
	Scope string `arg:"" optional:"" help:"Identifier of a scope; by default all."`
}

func (c *scopeShowCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Proof.Scopes(k.ctx, operator(a))
		if err != nil {
			return err
		}
		found := false
		err = k.table(func(w io.Writer) {
			for _, s := range list {
				if c.Scope != "" && s.ID != c.Scope {
					continue
				}
				found = true
				if k.JSON {
					k.json(scopeOf(s))
					continue
				}
				state := "waits for the next tick"
				if s.Tick >= 0 {
					state = fmt.Sprintf("in the log at %d", s.Tick)
				}
				fmt.Fprintf(w, "%s\t%s\t%d files\t%s\t%s\t%s\n", s.ID, s.Statement.SealedOn, s.Statement.Files, size(s.Statement.Bytes), length(s.Statement.Milliseconds), state)
			}
		})
		if err == nil && c.Scope != "" && !found {
			err = fmt.Errorf("show scope: %w", archive.ErrNotFound)
		}
		return err
	})
}

type scopeAuditCmd struct {
	Accession string `arg:"" help:"Identifier of the accession."`
}

func (c *scopeAuditCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		r, err := a.Proof.Audit(k.ctx, operator(a), c.Accession)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"accession": c.Accession, "root": hex.EncodeToString(r.Root[:]), "files": r.Files, "bytes": r.Bytes, "milliseconds": r.Milliseconds, "erased": r.Erased})
			return nil
		}
		k.say("%d items give the root that was stated, %d bytes and %d ms; the ruler has no gap and no overlap.", r.Files, r.Bytes, r.Milliseconds)
		if r.Erased > 0 {
			k.say("%d of them have been erased since: their place on the ruler is there, what they were can no longer be opened.", r.Erased)
		}
		return nil
	})
}

type scopeSampleCmd struct {
	Accession string `arg:"" help:"Identifier of the accession."`
	Draw      string `required:"" help:"What the auditor drew after seeing the scope: 64 hexadecimal digits." placeholder:"HEX"`
	Points    int    `help:"How many points." default:"20"`
	Ruler     string `help:"Draw along bytes or milliseconds." enum:"bytes,milliseconds" default:"bytes"`
}

func (c *scopeSampleCmd) Run(k *call) error {
	raw, err := hex.DecodeString(c.Draw)
	if err != nil || len(raw) != 32 {
		return fmt.Errorf("%w: a draw is 64 hexadecimal digits", app.ErrUsage)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		list, err := a.Proof.Sample(k.ctx, operator(a), c.Accession, c.Ruler, [32]byte(raw), c.Points)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for i, x := range list {
				if k.JSON {
					k.json(map[string]any{"number": i, "point": x.Point, "place": x.Place, "item": x.Item, "erased": x.Erased})
					continue
				}
				state := ""
				if x.Erased {
					state = "erased"
				}
				fmt.Fprintf(w, "%d\tpoint %d\tplace %d\t%s\t%s\n", i, x.Point, x.Place, x.Item, state)
			}
		})
	})
}

type scopePrepareCmd struct{}

func (c *scopePrepareCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		r, err := a.Ingest.SealMissing(k.ctx, a.Agent, nil)
		if err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
		if k.JSON {
			k.json(map[string]any{"items": r.Sealed, "damaged": some(r.Damaged)})
		} else {
			k.say("%d items got commitments of their own.", r.Sealed)
			for _, id := range r.Damaged {
				k.say("%s does not open as it was taken in, and got none.", id)
			}
		}
		if len(r.Damaged) > 0 {
			return fmt.Errorf("prepare: %d items: %w", len(r.Damaged), archive.ErrIntegrity)
		}
		return nil
	})
}
