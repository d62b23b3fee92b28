package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/policy"
)

// acting is in whose name something is done that is not for the operator alone.
type acting struct {
	As           string `help:"Name of the person in whose name to act; by default whoever holds the machine, who sees everything." placeholder:"NAME"`
	PasswordFile string `help:"File whose first line is that person's password." placeholder:"FILE"`
	Code         string `help:"Code of that person's authenticator." placeholder:"CODE"`
}

func (c acting) who(k *call, a *app.App) (policy.Subject, error) {
	if c.As == "" {
		return operator(a), nil
	}
	return identity{As: c.As, PasswordFile: c.PasswordFile, Code: c.Code}.who(k, a)
}

type importCmd struct {
	File importFileCmd `cmd:"" default:"withargs" help:"Take a table (CSV, XLSX) or a FollowTheMoney file into the catalogue."`
	Map  importMapCmd  `cmd:"" help:"Propose a mapping for a table, from the names of its columns."`
	List importListCmd `cmd:"" help:"List one's own imports."`
	Undo importUndoCmd `cmd:"" help:"Take back everything that an import said."`
}

type importFileCmd struct {
	File         string `arg:"" help:"The file." type:"existingfile"`
	Map          string `help:"JSON file that says what the columns mean; by default it is proposed, which needs --dry-run." placeholder:"FILE" type:"existingfile"`
	Kind         string `help:"Kind of entity of each row, for a proposed mapping." placeholder:"KIND"`
	DryRun       bool   `help:"Do everything and keep nothing."`
	Report       string `help:"Write what became of each row: .csv, or .jsonl for JSON." placeholder:"FILE"`
	Compartment  string `help:"Compartment in which new entities are filed; by default the common one." placeholder:"ID"`
	Encoding     string `help:"Encoding of a CSV file; by default it is found out." placeholder:"NAME"`
	Separator    string `help:"Separator of a CSV file; by default it is found out." placeholder:"CHAR"`
	Sheet        string `help:"Sheet of a workbook; by default the first." placeholder:"NAME"`
	Into         bool   `help:"FollowTheMoney: file everything in --compartment, whatever the file says."`
	Compartments bool   `help:"FollowTheMoney: make compartments that are not here."`
	Source       string `help:"FollowTheMoney: whose identifiers these are, for files that Zapis did not write." placeholder:"NAME"`
	Certainty    string `help:"FollowTheMoney: certainty of what such files say." default:"probable"`
	acting
}

type importedJSON struct {
	exchange.Imported
	Stopped string `json:"stopped,omitempty"`
}

func (c *importFileCmd) Run(k *call) error {
	f, err := os.Open(c.File)
	if err != nil {
		return withoutPath("open file", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return withoutPath("open file", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: a file was expected", app.ErrUsage)
	}
	head, err := bufio.NewReader(io.LimitReader(f, 512)).Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return withoutPath("read file", err)
	}
	sum, size, err := exchange.Digest(io.NewSectionReader(f, 0, info.Size()))
	if err != nil {
		return withoutPath("read file", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return withoutPath("read file", err)
	}
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		report, finish, err := c.reporter()
		if err != nil {
			return err
		}
		progress := func(n exchange.Counts) {
			if isTerminal(k.err) && !k.JSON {
				fmt.Fprintf(k.err, "\r%d rows", n.Rows())
			}
		}
		var out exchange.Imported
		if exchange.IsFtM(head) || strings.HasSuffix(strings.ToLower(c.File), ".jsonl") || strings.HasSuffix(strings.ToLower(c.File), ".ijson") {
			out, err = a.Exchange.ImportFtM(k.ctx, who, f, exchange.FtMOptions{
				Compartment: c.Compartment, Into: c.Into, Compartments: c.Compartments, Source: c.Source, Certainty: archive.Certainty(c.Certainty), SHA256: sum, DryRun: c.DryRun,
				Report: report, Progress: progress,
			})
		} else {
			out, err = c.table(k, a, who, f, size, exchange.ImportOptions{Compartment: c.Compartment, SHA256: sum, DryRun: c.DryRun, Report: report, Progress: progress})
		}
		err = errors.Join(err, finish())
		if isTerminal(k.err) && !k.JSON {
			fmt.Fprintln(k.err)
		}
		c.tell(k, out, err)
		if err == nil && out.Refused > 0 {
			return fmt.Errorf("%w: %d rows were refused", app.ErrSomeFailed, out.Refused)
		}
		return err
	})
}

func (c *importFileCmd) table(k *call, a *app.App, who policy.Subject, f io.Reader, size int64, o exchange.ImportOptions) (exchange.Imported, error) {
	t, err := exchange.OpenTable(f, size, exchange.TableOptions{Encoding: c.Encoding, Separator: c.Separator, Sheet: c.Sheet})
	if err != nil {
		return exchange.Imported{}, err
	}
	defer t.Close()
	if t.About().Guessed {
		k.warn("the file does not say how it is encoded; it is read as " + t.About().Encoding + " (--encoding says otherwise)")
	}
	if c.Map == "" {
		if !c.DryRun {
			return exchange.Imported{}, archive.Explain(fmt.Errorf("%w: no mapping", app.ErrUsage), "What the columns mean is not said.",
				"Try it with --dry-run, write the proposal down with zapis import map FILE, look it over, and give it with --map.")
		}
		o.Mapping = exchange.Propose(t.Header(), archive.EntityKind(c.Kind))
	} else if o.Mapping, err = readMapping(c.Map); err != nil {
		return exchange.Imported{}, err
	}
	return a.Exchange.ImportTable(k.ctx, who, t, o)
}

func readMapping(name string) (exchange.Mapping, error) {
	f, err := os.Open(name)
	if err != nil {
		return exchange.Mapping{}, withoutPath("open mapping", err)
	}
	defer f.Close()
	return exchange.ParseMapping(f)
}

// reporter opens the file of the report.
func (c *importFileCmd) reporter() (exchange.Reporter, func() error, error) {
	if c.Report == "" {
		return nil, func() error { return nil }, nil
	}
	f, err := os.OpenFile(c.Report, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, nil, archive.Explain(fmt.Errorf("write report: %w", archive.ErrExists), "A file of the report's name is there already.", "Move it away or name another one.")
	}
	if err != nil {
		return nil, nil, withoutPath("write report", err)
	}
	w := bufio.NewWriter(f)
	r, flush := exchange.Reporter(exchange.JSONReport(w)), func() error { return nil }
	if strings.HasSuffix(strings.ToLower(c.Report), ".csv") {
		r, flush = exchange.CSVReport(w)
	}
	return r, func() error { return errors.Join(flush(), w.Flush(), f.Close()) }, nil
}

func (c *importFileCmd) tell(k *call, out exchange.Imported, err error) {
	if k.JSON {
		x := importedJSON{Imported: out}
		if err != nil {
			x.Stopped = err.Error()
		}
		k.json(x)
		return
	}
	if out.Rows() == 0 && err != nil {
		return
	}
	would := ""
	if out.DryRun {
		would = "Nothing was written. It would be: "
	}
	k.say("%s%d created, %d updated, %d unchanged, %d refused.", would, out.Created, out.Updated, out.Unchanged, out.Refused)
	if out.Others > 0 {
		k.say("%d more entities because rows refer to them by name.", out.Others)
	}
	if out.From > 2 {
		k.say("It went on at row %d, where an earlier run had broken off.", out.From)
	}
	if out.ID != "" {
		k.say("To take all of it back: zapis import undo %s", out.ID)
	}
}

type importMapCmd struct {
	File      string `arg:"" help:"The table." type:"existingfile"`
	Kind      string `help:"Kind of entity of each row; by default the one that fits best." placeholder:"KIND"`
	Encoding  string `help:"Encoding of a CSV file; by default it is found out." placeholder:"NAME"`
	Separator string `help:"Separator of a CSV file; by default it is found out." placeholder:"CHAR"`
	Sheet     string `help:"Sheet of a workbook; by default the first." placeholder:"NAME"`
}

func (c *importMapCmd) Run(k *call) error {
	f, err := os.Open(c.File)
	if err != nil {
		return withoutPath("open file", err)
	}
	defer f.Close()
	t, err := exchange.OpenTable(f, -1, exchange.TableOptions{Encoding: c.Encoding, Separator: c.Separator, Sheet: c.Sheet})
	if err != nil {
		return err
	}
	defer t.Close()
	k.json(exchange.Propose(t.Header(), archive.EntityKind(c.Kind)))
	return nil
}

type importListCmd struct{ acting }

func (c *importListCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		all, err := a.Exchange.Imports(k.ctx, who, 1000)
		if err != nil {
			return err
		}
		return k.table(func(w io.Writer) {
			for _, i := range all {
				if k.JSON {
					k.json(map[string]any{"import": i.ID, "format": i.Format, "state": i.State, "created": i.Created, "updated": i.Updated, "unchanged": i.Unchanged, "refused": i.Refused,
						"compartment": i.Compartment, "at": stamp(i.CreatedAt), "ended": stamp(i.EndedAt), "undone": stamp(i.UndoneAt)})
					continue
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d created\t%d updated\t%d refused\n", i.ID, when(i.CreatedAt), i.Format, i.State, i.Created, i.Updated, i.Refused)
			}
		})
	})
}

type importUndoCmd struct {
	ID string `arg:"" help:"Identifier of the import."`
	acting
}

func (c *importUndoCmd) Run(k *call) error {
	return k.with(app.Options{}, func(a *app.App) error {
		who, err := c.who(k, a)
		if err != nil {
			return err
		}
		begun := time.Now()
		out, err := a.Exchange.Undo(k.ctx, who, c.ID, func(u exchange.Undone) {
			if isTerminal(k.err) && !k.JSON {
				fmt.Fprintf(k.err, "\r%s", paceOf(u, time.Since(begun)))
			}
		})
		if isTerminal(k.err) && !k.JSON {
			fmt.Fprintln(k.err)
		}
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(out)
			return nil
		}
		k.say("%d claims taken back, %d that they had replaced stand again, %d entities are left empty and are not listed any more.", out.Retracted, out.Restored, out.Emptied)
		if out.Beyond > 0 {
			k.say("%d lie outside what you may see by now, and stay.", out.Beyond)
		}
		return nil
	})
}

// paceOf says how far undoing an import is, how fast it goes and how long it will take, in a line of the same width.
func paceOf(u exchange.Undone, since time.Duration) string {
	done := u.Retracted + u.Beyond
	text := fmt.Sprintf("%d of %d claims", done, u.Claims)
	if s := since.Seconds(); s > 1 && done > 0 {
		text += fmt.Sprintf(", %.0f a second", float64(done)/s)
		if left := u.Claims - done; left > 0 {
			text += ", " + time.Duration(float64(left)/float64(done)*float64(since)).Round(time.Second).String() + " left"
		}
	}
	return fmt.Sprintf("%-60s", text)
}
