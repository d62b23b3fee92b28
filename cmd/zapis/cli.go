package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/lmittmann/tint"

	"zapis/internal/app"
	"zapis/internal/archive"
)

// cli is the whole command line.
type cli struct {
	Home           string `help:"Folder of the archive." env:"ZAPIS_HOME" placeholder:"DIR"`
	PassphraseFile string `help:"File whose first line is the passphrase of the vault." env:"ZAPIS_PASSPHRASE_FILE" placeholder:"FILE"`
	KeyFile        string `help:"File with an age identity that opens the vault, instead of the passphrase." env:"ZAPIS_KEY_FILE" placeholder:"FILE"`
	Database       string `help:"postgres://… for PostgreSQL; by default the encrypted SQLite file in the home folder." env:"ZAPIS_DATABASE" placeholder:"URL"`
	Vault          string `help:"Folder or s3://bucket/prefix?endpoint=… of the vault; by default the folder vault in the home folder." env:"ZAPIS_VAULT" name:"vault" placeholder:"PLACE"`
	Agent          string `help:"Identifier of the agent in whose name to act; by default the person who runs the command." env:"ZAPIS_AGENT" placeholder:"ID"`
	JSON           bool   `help:"JSON on standard output: one object, or one to a line." name:"json"`

	Init       initCmd       `cmd:"" help:"Make an archive in an empty folder."`
	Accession  accessionCmd  `cmd:"" help:"Begin, list, show and close accessions."`
	Ingest     ingestCmd     `cmd:"" help:"Take folders, disks and files into an accession."`
	Worker     workerCmd     `cmd:"" help:"Make stills and working copies, and check fixity, as jobs come."`
	Serve      serveCmd      `cmd:"" help:"Serve the workspace."`
	Account    accountCmd    `cmd:"" help:"List accounts and make sign-in links."`
	Search     searchCmd     `cmd:"" help:"Find what the archive holds; see docs/design/search.md for the query language."`
	Item       itemCmd       `cmd:"" help:"List, show and extract items."`
	Catalogue  catalogueCmd  `cmd:"" help:"Build and read the catalogue: incidents, acts, persons, facilities and what is said about them."`
	Copies     copiesCmd     `cmd:"" help:"Find recordings that hold the same footage, and decide on what was found."`
	Match      matchCmd      `cmd:"" help:"Say which release a file is from, even encoded anew, cropped or cut."`
	Import     importCmd     `cmd:"" help:"Take tables and FollowTheMoney files into the catalogue, and undo that."`
	Export     exportCmd     `cmd:"" help:"Take the catalogue out, for a purpose and an audience."`
	Token      tokenCmd      `cmd:"" help:"Tokens by which programs use the JSON API."`
	Note       noteCmd       `cmd:"" help:"List, export and import notes on items."`
	Transcript transcriptCmd `cmd:"" help:"Words of items: what is said and written in them, by machines and by people."`
	Custody    custodyCmd    `cmd:"" help:"Show, export and verify the custody record."`
	Log        logCmd        `cmd:"" help:"Keep, publish and check the transparency log."`
	Scope      scopeCmd      `cmd:"" help:"Seal accessions and state how much the archive holds, so that anybody can check it."`
	Clip       clipCmd       `cmd:"" help:"Cut clips for publication and state where they come from."`
	Proof      proofCmd      `cmd:"" help:"Write bundles by which anybody can check a scope, a clip or an item, without an archive."`
	Testimony  testimonyCmd  `cmd:"" help:"Testimony, what may be done with it, and who it is from."`
	Plan       planCmd       `cmd:"" help:"Redaction plans: what to cover in footage before it is shown, checked by a machine and a second person."`
	Release    releaseCmd    `cmd:"" help:"Check, sign, publish and withdraw releases."`
	Site       siteCmd       `cmd:"" help:"Make, serve and send the public site."`
	Erase      eraseCmd      `cmd:"" help:"Erase an item for good, when two people agree."`
	Finding    findingCmd    `cmd:"" help:"Decide on what machines found: clocks in the picture."`
	Coverage   coverageCmd   `cmd:"" help:"Say what recordings cover on a day, and where there is nothing."`
	Fixity     fixityCmd     `cmd:"" help:"Check that the bytes held are the bytes received."`
	Fsck       fsckCmd       `cmd:"" help:"Cross-check database, vault and custody record."`
	VaultCmd   vaultCmd      `cmd:"" name:"vault" help:"Keys, replica and check of the vault."`
	Receipt    receiptCmd    `cmd:"" help:"Check a receipt; needs no archive."`
	Witness    witnessCmd    `cmd:"" help:"Be a witness of the transparency logs of others; needs no archive."`
	Verify     verifyCmd     `cmd:"" help:"Check a proof bundle, offline and without an archive."`
	Config     configCmd     `cmd:"" help:"Explain and check the configuration."`
	Migrate    migrateCmd    `cmd:"" help:"Bring the database to the schema of this program."`
	Demo       demoCmd       `cmd:"" help:"Build a demonstration archive and serve it."`
	Completion completionCmd `cmd:"" help:"Print a completion script for a shell."`
	Version    versionCmd    `cmd:"" help:"Print the version."`
}

const exitHelp = `Exit codes: 0 done, 1 error, 2 usage, 3 finished and some files failed, 10 not initialised, 11 in use by another
process, 12 vault cannot be opened, 20 verification failed.`

// streams are where a run reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// call is one run of the program, handed to its command.
type call struct {
	streams
	*cli
	ctx    context.Context
	logger *slog.Logger
	level  *slog.LevelVar
	model  *kong.Application
}

// exitError ends kong's own help and version output.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit %d", int(e)) }

// run runs one command line and gives its exit code.
func run(args []string, s streams) (code int) {
	var c cli
	parser, err := kong.New(&c,
		kong.Name("zapis"), kong.Description("Keeps evidence, and proves what it holds, since when, and who touched it.\n\n"+exitHelp),
		kong.Writers(s.out, s.err), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.UsageOnError(),
		kong.Exit(func(code int) { panic(exitError(code)) }),
	)
	if err != nil {
		fmt.Fprintln(s.err, "zapis:", err)
		return app.ExitError
	}
	defer func() {
		if e := recover(); e != nil {
			exit, ok := e.(exitError)
			if !ok {
				panic(e)
			}
			code = int(exit)
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	cmd, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(s.err, "zapis: %v\n", err)
		fmt.Fprintln(s.err, "Run zapis --help, or zapis COMMAND --help.")
		return app.ExitUsage
	}
	ctx, stop := interruptible(s.err)
	defer stop()
	level := &slog.LevelVar{}
	level.Set(slog.LevelWarn)
	k := &call{streams: s, cli: &c, ctx: ctx, level: level, model: parser.Model}
	if c.JSON {
		k.logger = slog.New(slog.NewJSONHandler(s.err, &slog.HandlerOptions{Level: level}))
	} else {
		k.logger = slog.New(tint.NewHandler(s.err, &tint.Options{Level: level, NoColor: !isTerminal(s.err)}))
	}
	err = cmd.Run(k)
	if err != nil {
		k.fail(err)
	}
	return app.ExitCode(err)
}

// interruptible gives a context that ends with the first Ctrl-C or SIGTERM; the second one ends the process at once.
func interruptible(w io.Writer) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	var first atomic.Bool
	go func() {
		for {
			select {
			case <-done:
				return
			case <-signals:
				if first.Swap(true) {
					os.Exit(app.ExitError)
				}
				fmt.Fprintln(w, "zapis: stopping; what is sealed is still recorded. Once more stops at once.")
				cancel()
			}
		}
	}()
	return ctx, func() { signal.Stop(signals); close(done); cancel() }
}

// fail shows an error: what went wrong, and what to do about it where that is known.
func (k *call) fail(err error) {
	text, hint := err.Error(), ""
	if p, ok := errors.AsType[*archive.Public](err); ok && strings.Contains(p.Text, " ") {
		text, hint = p.Text+" ("+err.Error()+")", p.Hint
	}
	if k.JSON {
		writeJSON(k.err, map[string]any{"type": "error", "code": app.ExitCode(err), "error": text, "hint": hint})
		return
	}
	fmt.Fprintln(k.err, "zapis:", text)
	if hint != "" {
		fmt.Fprintln(k.err, "      ", hint)
	}
}

// home finds the home folder and its configuration.
func (k *call) home() (*app.Home, error) {
	h, err := app.FindHome(k.cli.Home, os.Getenv, app.Overrides{
		Database: k.Database, Vault: k.cli.Vault, PassphraseFile: k.PassphraseFile, KeyFile: k.KeyFile,
	})
	if err != nil {
		return nil, err
	}
	var l slog.Level
	if l.UnmarshalText([]byte(h.Config.Log)) == nil {
		k.level.Set(l)
	}
	for _, name := range []string{h.Config.PassphraseFile, h.Config.KeyFile} {
		if name != "" && app.OpenToOthers(name) {
			k.warn("others than its owner may read the file with the passphrase or key (chmod 600 it)")
		}
	}
	return h, nil
}

// warn tells the person at the terminal something that does not stop the command.
func (k *call) warn(text string) {
	if k.JSON {
		writeJSON(k.err, map[string]any{"type": "warning", "text": text})
		return
	}
	fmt.Fprintln(k.err, "zapis: warning:", text)
}

// open opens the archive.
func (k *call) open(o app.Options) (*app.App, error) {
	h, err := k.home()
	if err != nil {
		return nil, err
	}
	return k.openHome(h, o)
}

func (k *call) openHome(h *app.Home, o app.Options) (*app.App, error) {
	o.Version, o.Logger, o.Agent = version, k.logger, k.Agent
	if o.Ask == nil {
		o.Ask = k.prompt()
	}
	return h.Open(k.ctx, o)
}

// with opens the archive, does something and closes it.
func (k *call) with(o app.Options, f func(*app.App) error) (err error) {
	a, err := k.open(o)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := a.Close(); err == nil && cerr != nil {
			err = fmt.Errorf("close archive: %w", cerr)
		}
	}()
	return f(a)
}
