package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/custody/verify"
	"zapis/internal/store"
)

type custodyCmd struct {
	Show       custodyShowCmd       `cmd:"" help:"Show what was done to an item, an accession or another thing."`
	Export     custodyExportCmd     `cmd:"" help:"Write the whole record as JSON lines."`
	Verify     custodyVerifyCmd     `cmd:"" help:"Re-derive the whole record and hold it against every checkpoint."`
	Checkpoint custodyCheckpointCmd `cmd:"" help:"Sign the record as it stands; send the checkpoint to people outside."`
}

type custodyShowCmd struct {
	ID string `arg:"" help:"Identifier of the thing, reference of an item or code of an entity."`
}

// kinds of things by the prefix of their identifiers.
var kinds = map[string]string{
	archive.PrefixAccession: custody.KindAccession, archive.PrefixItem: custody.KindItem, archive.PrefixDerivative: custody.KindDerivative,
	archive.PrefixObject: custody.KindObject, archive.PrefixBlob: custody.KindBlob, archive.PrefixAgent: custody.KindAccount, archive.PrefixVault: custody.KindVault,
	archive.PrefixEntity: custody.KindEntity, archive.PrefixClaim: custody.KindClaim, archive.PrefixNote: custody.KindNote, archive.PrefixPassage: custody.KindPassage,
	archive.PrefixConsent: custody.KindConsent, archive.PrefixSuggestion: custody.KindSuggestion, archive.PrefixCompartment: custody.KindCompartment,
	archive.PrefixExport: custody.KindExport, archive.PrefixImport: custody.KindImport,
}

// entityCode is how people name an entity aloud: I-0093, or I-7QF2-0004 in a compartment.
var entityCode = regexp.MustCompile(`^[A-Z]-[0-9A-Z-]+$`)

func (c *custodyShowCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		id := c.ID
		if strings.HasPrefix(id, "Z") {
			it, err := k.findItem(a, id)
			if err != nil {
				return err
			}
			id = it.ID
		} else if entityCode.MatchString(id) {
			e, err := a.Knowledge.Entity(k.ctx, operator(a), id)
			if err != nil {
				return err
			}
			id = e.ID
		}
		prefix, _, _ := strings.Cut(id, "_")
		kind, ok := kinds[prefix]
		if !ok || archive.CheckID(prefix, id) != nil {
			return fmt.Errorf("%w: an identifier or a reference was expected", app.ErrUsage)
		}
		var entries []custody.Entry
		err := a.DB.Read(k.ctx, func(tx *store.Tx) (err error) {
			entries, err = a.Custody.Show(k.ctx, tx, kind, id)
			return err
		})
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return fmt.Errorf("events of %s: %w", id, archive.ErrNotFound)
		}
		broken := 0
		for _, e := range entries {
			if e.Proof == custody.Broken {
				broken++
			}
			k.entry(e)
		}
		if broken > 0 {
			return fmt.Errorf("%w: %d events of %s do not agree", app.ErrNotVerified, broken, id)
		}
		return nil
	})
}

func (k *call) entry(e custody.Entry) {
	if k.JSON {
		k.json(struct {
			Index      int64             `json:"index"`
			ID         string            `json:"id"`
			Type       string            `json:"type"`
			Time       string            `json:"time"`
			Agent      string            `json:"agent"`
			Tool       string            `json:"tool"`
			Outcome    string            `json:"outcome"`
			Detail     map[string]string `json:"detail,omitempty"`
			Proof      string            `json:"proof"`
			Checkpoint int64             `json:"checkpoint,omitempty"`
			Problem    string            `json:"problem,omitempty"`
		}{e.Index, e.Event.ID, e.Event.Type, stamp(e.Event.Time), e.Event.Agent, e.Event.Tool, string(e.Event.Outcome), e.Event.Detail, string(e.Proof), e.Checkpoint, e.Problem})
		return
	}
	proof := string(e.Proof)
	switch e.Proof {
	case custody.Covered:
		proof = fmt.Sprintf("in checkpoint %d", e.Checkpoint)
	case custody.Broken:
		proof = "BROKEN: " + e.Problem
	}
	k.say("%6d  %s  %-18s %-8s by %s with %s  [%s]", e.Index, when(e.Event.Time), e.Event.Type, e.Event.Outcome, e.Event.Agent, e.Event.Tool, proof)
	for _, key := range sorted(e.Event.Detail) {
		k.say("%8s%s: %s", "", key, plain(e.Event.Detail[key]))
	}
}

type custodyExportCmd struct {
	Out string `short:"o" default:"-" help:"File to write, which must not be there; - for standard output." placeholder:"FILE"`
}

func (c *custodyExportCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		// That the record was taken out is recorded first, and so is a part of what is taken out.
		err := a.DB.Write(k.ctx, func(tx *store.Tx) error {
			_, err := a.Custody.Record(k.ctx, tx, archive.Event{
				Type: archive.EventExport, Agent: a.Agent, Outcome: archive.Success, Detail: map[string]string{"what": "custody record"},
				Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindVault, ID: a.Vault.ID()}},
			})
			return err
		})
		if err != nil {
			return err
		}
		if _, _, err := a.Checkpoint(k.ctx); err != nil {
			return err
		}
		write := func(w io.Writer) error { return custody.Export(k.ctx, a.DB, w) }
		if c.Out == "-" {
			return write(k.out)
		}
		return createNew(c.Out, write)
	})
}

type custodyVerifyCmd struct {
	Checkpoint []string `help:"File with a checkpoint that was kept elsewhere. May be given several times." placeholder:"FILE"`
	Export     string   `help:"Verify an export instead of the archive; needs --key and neither archive nor passphrase." placeholder:"FILE"`
	Key        string   `help:"Verifier key text, or a file with it, for --export." placeholder:"KEY"`
}

func (c *custodyVerifyCmd) Run(k *call) error {
	var outside [][]byte
	for _, name := range c.Checkpoint {
		text, err := os.ReadFile(name)
		if err != nil {
			return withoutPath("read checkpoint", err)
		}
		outside = append(outside, text)
	}
	if c.Export != "" {
		return c.export(k, outside)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		rep, err := a.VerifyRecord(k.ctx, outside, nil)
		if err != nil {
			return err
		}
		return k.verified(rep)
	})
}

func (c *custodyVerifyCmd) export(k *call, outside [][]byte) error {
	text, err := keyText(c.Key)
	if err != nil {
		return err
	}
	key, err := verify.ParseKey(text)
	if err != nil {
		return fmt.Errorf("%w: the verifier key is not well formed", app.ErrUsage)
	}
	f, err := os.Open(c.Export)
	if err != nil {
		return withoutPath("open export", err)
	}
	defer f.Close()
	rep, err := verify.VerifyExport(k.ctx, bufio.NewReaderSize(f, 1<<20), verify.Options{Key: key, Outside: outside})
	if err != nil {
		return err
	}
	return k.verified(rep)
}

// keyText takes a verifier key as it is, or the name of a file with one.
func keyText(arg string) (string, error) {
	if arg == "" {
		return "", fmt.Errorf("%w: a verifier key is needed (--key)", app.ErrUsage)
	}
	if strings.Count(arg, "+") >= 2 && !strings.Contains(arg, "\n") {
		if _, err := os.Stat(arg); err != nil {
			return arg, nil
		}
	}
	text, err := os.ReadFile(arg)
	if err != nil {
		return "", withoutPath("read verifier key", err)
	}
	return strings.TrimSpace(string(text)), nil
}

func (k *call) verified(rep verify.Report) error {
	if k.JSON {
		k.json(struct {
			Type string `json:"type"`
			OK   bool   `json:"ok"`
			verify.Report
		}{"result", rep.OK(), rep})
	} else {
		for _, f := range rep.Failures {
			k.say("NOT AS RECORDED  %s", f)
		}
		if rep.Omitted > 0 {
			k.say("and %d more", rep.Omitted)
		}
		k.say("%d events, %d checkpoints, %d events under the latest, %d after it; %d checkpoints from elsewhere; %d statements held against the catalogue",
			rep.Size, rep.Checkpoints, rep.Covered, rep.Uncovered, rep.Outside, rep.Compared)
		if rep.OK() {
			k.say("Everything agrees.")
		}
	}
	if !rep.OK() {
		return fmt.Errorf("%w: %d things in the custody record do not agree", app.ErrNotVerified, int64(len(rep.Failures))+rep.Omitted)
	}
	return nil
}

type custodyCheckpointCmd struct {
	Out string `short:"o" help:"File to write as well, which must not be there." placeholder:"FILE"`
}

func (c *custodyCheckpointCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		note, n, err := a.Checkpoint(k.ctx)
		if err != nil {
			return err
		}
		if c.Out != "" {
			if err := createNew(c.Out, func(w io.Writer) error { _, err := w.Write(note); return err }); err != nil {
				return err
			}
		}
		if k.JSON {
			k.json(map[string]any{"size": n, "checkpoint": string(note), "verifier": a.Verifier})
			return nil
		}
		fmt.Fprintf(k.out, "%s", note)
		return nil
	})
}
