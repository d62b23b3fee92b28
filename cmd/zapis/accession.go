package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/ingest"
	"zapis/internal/store"
)

type accessionCmd struct {
	New   accessionNewCmd   `cmd:"" help:"Begin an accession."`
	List  accessionListCmd  `cmd:"" help:"List the accessions."`
	Show  accessionShowCmd  `cmd:"" help:"Show an accession, its manifest or its failures."`
	Close accessionCloseCmd `cmd:"" help:"Close an accession: seal its manifest and give its receipt."`
}

// everything is what whoever opens the vault may see.
var everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

type accessionJSON struct {
	ID        string    `json:"id"`
	Reference string    `json:"reference"`
	Number    int64     `json:"number"`
	Title     string    `json:"title"`
	State     string    `json:"state"`
	CreatedAt string    `json:"created_at"`
	ClosedAt  string    `json:"closed_at,omitempty"`
	Tally     tallyJSON `json:"tally"`
}

func accession(a archive.Accession) accessionJSON {
	return accessionJSON{a.ID, fmt.Sprintf("Z%d", a.Number), a.Number, a.Title, string(a.State), stamp(a.CreatedAt), stamp(a.ClosedAt), tally(a.Tally)}
}

type accessionNewCmd struct {
	Title string `required:"" help:"What it is, in a few words. Sealed away from nobody who works here; not in the receipt."`
}

func (c *accessionNewCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		acc, err := a.Ingest.NewAccession(k.ctx, a.Agent, c.Title)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(accession(acc))
			return nil
		}
		k.say("Accession Z%d is open: %s\n\n    zapis ingest --accession %s PATH…", acc.Number, acc.ID, acc.ID)
		return nil
	})
}

type accessionListCmd struct{}

func (c *accessionListCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		var all []archive.Accession
		err := a.DB.Read(k.ctx, func(tx *store.Tx) (err error) {
			all, err = tx.Accessions(k.ctx, everything)
			return err
		})
		if err != nil {
			return err
		}
		if k.JSON {
			for _, acc := range all {
				k.json(accession(acc))
			}
			return nil
		}
		return k.table(func(w io.Writer) {
			for _, acc := range all {
				fmt.Fprintf(w, "Z%d\t%s\t%s\t%s\t%d files\t%s\t%s\n", acc.Number, acc.ID, acc.State, when(acc.CreatedAt), acc.Tally.Received+acc.Tally.Duplicates, size(acc.Tally.Bytes), plain(acc.Title))
			}
		})
	})
}

// plain keeps a text that people typed from acting on a terminal.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, text)
}

type accessionShowCmd struct {
	ID       string `arg:"" help:"Identifier of the accession."`
	Manifest bool   `xor:"what" help:"Write the manifest as it stands. It names files and may name people."`
	Failures bool   `xor:"what" help:"Name every file that could not be taken in."`
	Receipt  bool   `xor:"what" help:"Write the receipt of a closed accession."`
}

func (c *accessionShowCmd) Run(k *call) error {
	if err := archive.CheckID(archive.PrefixAccession, c.ID); err != nil {
		return err
	}
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		switch {
		case c.Manifest:
			w := bufio.NewWriterSize(k.out, 1<<16)
			if err := a.Ingest.WriteManifest(k.ctx, w, c.ID); err != nil {
				return err
			}
			return w.Flush()
		case c.Failures:
			return a.Ingest.Failures(k.ctx, c.ID, func(f ingest.Failure) error {
				if k.JSON {
					k.json(failure(f))
				} else {
					k.say("%s  %-18s %s", f.Provenance, f.Reason, f.Name)
				}
				return nil
			})
		case c.Receipt:
			r, text, err := a.Ingest.Receipt(k.ctx, c.ID)
			if err != nil {
				return err
			}
			k.receipt(r, text)
			return nil
		}
		acc, err := a.Ingest.Accession(k.ctx, c.ID)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(accession(acc))
			return nil
		}
		t := acc.Tally
		k.say("Z%d  %s  %s", acc.Number, acc.ID, acc.State)
		k.say("%s", plain(acc.Title))
		k.say("opened %s%s", when(acc.CreatedAt), map[bool]string{true: ", closed " + when(acc.ClosedAt)}[!acc.ClosedAt.IsZero()])
		k.say("%d found: %d received, %d duplicates, %d without bytes, %d failed; %s", t.Found, t.Received, t.Duplicates, t.Skipped, t.Failed, size(t.Bytes))
		return nil
	})
}

func (k *call) receipt(r ingest.Receipt, text []byte) {
	if k.JSON {
		fmt.Fprintf(k.out, "%s\n", text)
		return
	}
	fmt.Fprint(k.out, r.Text())
}

type accessionCloseCmd struct {
	ID  string `arg:"" help:"Identifier of the accession."`
	Out string `short:"o" help:"Folder for the receipt, as text and as JSON." default:"." placeholder:"DIR"`
}

func (c *accessionCloseCmd) Run(k *call) error {
	if err := archive.CheckID(archive.PrefixAccession, c.ID); err != nil {
		return err
	}
	// An accession is closed for good: where its receipt goes must be there before.
	if info, err := os.Stat(c.Out); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: the folder for the receipt is not there", app.ErrUsage)
	}
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		r, text, err := a.Ingest.Close(k.ctx, a.Agent, c.ID)
		if err != nil {
			return err
		}
		if err := a.KeepCheckpoint(r.Checkpoint); err != nil {
			return err
		}
		name := "receipt-" + r.Reference + "-" + r.Accession
		if err := writeNew(c.Out, name+".json", append(text, '\n')); err != nil {
			return err
		}
		if err := writeNew(c.Out, name+".txt", []byte(r.Text())); err != nil {
			return err
		}
		k.receipt(r, text)
		return nil
	})
}

type failureJSON struct {
	Type       string `json:"type"`
	Provenance string `json:"provenance"`
	Reason     string `json:"reason"`
	Name       string `json:"name"`
}

func failure(f ingest.Failure) failureJSON {
	return failureJSON{"failed", f.Provenance, f.Reason, f.Name}
}
