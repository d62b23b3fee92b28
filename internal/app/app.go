package app

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"runtime/debug"
	"strconv"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/archive"
	"zapis/internal/copies"
	"zapis/internal/custody"
	"zapis/internal/derive"
	"zapis/internal/erase"
	"zapis/internal/fixity"
	"zapis/internal/grade"
	"zapis/internal/ingest"
	"zapis/internal/job"
	"zapis/internal/knowledge"
	"zapis/internal/knowledge/exchange"
	"zapis/internal/machine"
	"zapis/internal/match"
	"zapis/internal/media"
	"zapis/internal/note"
	"zapis/internal/proof"
	"zapis/internal/reading"
	"zapis/internal/redact"
	"zapis/internal/release"
	"zapis/internal/search"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/transcript"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Keys of settings that this package keeps.
const (
	settingProgram    = "agent.program"    // the software agent
	settingOperator   = "agent.operator."  // and a keyed hash of who runs the commands: their agent
	settingRecipients = "vault.recipients" // of key files, separated by spaces: Rekey needs them all
	settingReplica    = "replica"          // a folder or s3://…
	settingReplicated = "replica.seen"     // RFC 3339
	settingVerified   = "custody.verified" // RFC 3339
)

// Options of Open.
type Options struct {
	Ask     Prompt // for the passphrase; nil: nobody is there
	Version string
	Agent   string // identifier of the agent who acts; empty: the person who runs the command
	Logger  *slog.Logger
	// Workers lets this process work on jobs; it needs the outside media programs.
	Workers bool
	// ReadOnly opens the database for reading only.
	ReadOnly bool
	// NoDatabase stops after the vault and its secrets.
	NoDatabase bool
	// Writes says that the process seals into the vault. Such processes may run side by side, but not beside one
	// that has the vault Alone, as changing its key or taking leftovers away must: archive.ErrBusy.
	Writes, Alone bool
}

// App is an opened archive. Close it.
type App struct {
	*Home
	Version    string
	Tool       string // as it stands in custody events
	Logger     *slog.Logger
	Storage    vault.Backend
	Vault      *vault.Vault
	Sealer     *record.Sealer
	Signer     tlog.Signer
	Verifier   string // verifier key text
	Session    []byte // 32 bytes, the secret of the workspace
	DB         *store.DB
	Custody    *custody.Recorder
	Jobs       *job.Jobs
	Ingest     *ingest.Service
	Fixity     *fixity.Service
	Media      *media.Tools    // with Workers
	Derive     *derive.Service // with Workers
	Reading    *reading.Service
	Anchor     *anchor.Service // the transparency log
	Proof      *proof.Service
	Erase      *erase.Service
	Copies     *copies.Service
	Exchange   *exchange.Service     // import and export
	Knowledge  *knowledge.Service    // the catalogue
	Identities *knowledge.Identities // who stands behind its codes
	Note       *note.Service
	Grade      *grade.Service
	Redact     *redact.Service  // redaction plans
	Release    *release.Service // what leaves
	Search     *search.Service
	Transcript *transcript.Service
	Machine    *machine.Service
	Match      *match.Service
	Program    string // identifier of the software agent
	Agent      string // identifier of who acts

	alone   bool
	siteDue chan struct{} // holds something when the folder of releases was changed and the site was not made since
	closers []io.Closer
}

// Tool is the name and version of the program in custody events.
func Tool(version string) string { return "zapis " + version }

// Open opens an archive. What was opened is closed again when it fails.
func (h *Home) Open(ctx context.Context, o Options) (a *App, err error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	a = &App{Home: h, Version: o.Version, Tool: Tool(o.Version), Logger: o.Logger}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
			a = nil
		}
	}()
	if _, err := os.Stat(h.Dir); errors.Is(err, os.ErrNotExist) {
		return a, notInitialised(errors.New("home folder is not there"))
	}
	if a.Storage, err = h.Storage(ctx); err != nil {
		return a, err
	}
	if o.Writes || o.Workers || o.Alone {
		l, err := h.lock("vault", !o.Alone)
		if err != nil {
			return a, err
		}
		a.closers = append(a.closers, l)
		a.alone = o.Alone
	}
	if _, err = vault.Inspect(ctx, a.Storage); errors.Is(err, vault.ErrNotVault) {
		return a, notInitialised(err)
	} else if err != nil {
		return a, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	unlock, err := h.unlock(o.Ask)
	if err != nil {
		return a, err
	}
	if a.Vault, err = vault.Open(ctx, a.Storage, unlock); err != nil {
		return a, archive.Explain(fmt.Errorf("%w: %w", ErrLocked, err), "The vault does not open.", "Check the passphrase or the key file.")
	}
	// Turning a passphrase into a key takes 128 MiB on purpose; what follows needs a fraction of that.
	debug.FreeOSMemory()
	key, err := a.secrets(ctx)
	if err != nil {
		return a, fmt.Errorf("%w: %w", ErrLocked, err)
	}
	if o.NoDatabase {
		return a, nil
	}
	so := store.Options{URL: h.DatabaseURL(), ReadOnly: o.ReadOnly, Logger: o.Logger}
	if h.sqlite() {
		so.Key = key
	}
	if a.DB, err = store.Open(ctx, so); err != nil {
		if errors.Is(err, store.ErrNotInitialised) {
			// The vault is there. To make an empty catalogue beside it would hide what it holds.
			return a, archive.Explain(fmt.Errorf("%w: database: %w", ErrNotInitialised, err), "The vault is there but its database is not.",
				"Put the database back from a copy. Without one, docs/design/vault-format.md says how to open the vault by hand.")
		}
		return a, fmt.Errorf("open database: %w", err)
	}
	a.closers = append(a.closers, a.DB)
	if a.DB.VaultID() != a.Vault.ID() {
		return a, fmt.Errorf("open database: %w: it belongs to vault %s, this one is %s", store.ErrForeign, a.DB.VaultID(), a.Vault.ID())
	}
	if err = a.activities(ctx, o); err != nil {
		return a, err
	}
	return a, nil
}

// secrets reads what the vault keeps for the archive, and gives the key of the database.
func (a *App) secrets(ctx context.Context) (database []byte, err error) {
	if database, err = a.Vault.Secret(ctx, secretDatabase); err != nil {
		return nil, err
	}
	rec, err := a.Vault.Secret(ctx, secretRecord)
	if err != nil {
		return nil, err
	}
	if a.Sealer, err = record.New(rec); err != nil {
		return nil, err
	}
	if a.Session, err = a.Vault.Secret(ctx, secretSession); err != nil {
		return nil, err
	}
	text, err := a.Vault.Secret(ctx, secretCheckpoint)
	if err != nil {
		return nil, err
	}
	if a.Signer, err = tlog.NewSigner(string(text)); err != nil {
		return nil, err
	}
	if a.Signer.Name() != custody.Origin(a.Vault.ID()) {
		return nil, fmt.Errorf("checkpoint key: %w", vault.ErrForeign)
	}
	a.Verifier, err = tlog.VerifierKey(string(text))
	return database, err
}

func (a *App) activities(ctx context.Context, o Options) (err error) {
	a.Custody = custody.New(custody.Options{Tool: a.Tool, Signer: a.Signer, Origin: custody.Origin(a.Vault.ID())})
	if err := a.agents(ctx, o); err != nil {
		return err
	}
	jo := job.Options{Workers: o.Workers, Logger: a.Logger, Parallel: a.Config.Workers}
	if o.Workers {
		jo.WorkerID = archive.NewID(archive.PrefixWorker)
		jo.Schedule = func(ctx context.Context) (time.Duration, string) { return a.Fixity.Schedule(ctx) } // made below
	}
	if a.Jobs, err = job.New(a.DB, jo); err != nil {
		return fmt.Errorf("open queue: %w", err)
	}
	a.Ingest, err = ingest.New(ingest.Options{
		DB: a.DB, Vault: a.Vault, Record: a.Sealer, Custody: a.Custody, Jobs: a.Jobs, Signer: a.Signer, Verifier: a.Verifier, Tool: a.Tool,
		LockDir: a.LockDir(), Own: a.Own(), Reserve: uint64(a.Config.Reserve), Logger: a.Logger,
	})
	if err != nil {
		return err
	}
	a.Fixity, err = fixity.New(fixity.Options{
		DB: a.DB, Vault: a.Vault, Custody: a.Custody, Jobs: a.Jobs, Replica: a.Replica, Logger: a.Logger,
		Every: a.Config.FixityEvery, EveryScope: a.Config.FixityScope,
	})
	if err != nil {
		return err
	}
	if a.Reading, err = reading.New(reading.Options{
		DB: a.DB, Vault: a.Vault, Custody: a.Custody, Sealer: a.Sealer, Jobs: a.Jobs, VisitKey: a.Session, Machine: a.machine(), Logger: a.Logger,
	}); err != nil {
		return err
	}
	if a.Proof, err = a.openProof(); err != nil {
		return err
	}
	if a.Anchor, err = a.openAnchor(); err != nil {
		return err
	}
	if a.Erase, err = a.openErase(); err != nil {
		return err
	}
	if a.Copies, err = a.openCopies(); err != nil {
		return err
	}
	if err = a.openMachine(); err != nil {
		return err
	}
	if err = a.openKnowledge(); err != nil {
		return err
	}
	if err = a.openExchange(); err != nil {
		return err
	}
	if err = a.openNote(); err != nil {
		return err
	}
	if err = a.openGrade(); err != nil {
		return err
	}
	if err = a.openRedact(); err != nil {
		return err
	}
	if err = a.openRelease(); err != nil {
		return err
	}
	if err = a.openTranscript(); err != nil {
		return err
	}
	if err = a.openIdentities(); err != nil {
		return err
	}
	if err = a.openSearch(o.Workers); err != nil {
		return err
	}
	if err = a.openMatch(); err != nil {
		return err
	}
	if !o.Workers {
		return nil
	}
	if a.Media, err = media.Find(media.Options{AllowUnisolated: a.Config.Unisolated, Logger: a.Logger}); err != nil {
		return fmt.Errorf("outside media programs: %w", err)
	}
	do := derive.Options{
		DB: a.DB, Vault: a.Vault, Record: a.Sealer, Custody: a.Custody, Jobs: a.Jobs, Media: a.Media, Agent: a.Program, Logger: a.Logger,
	}
	if engine, err := a.speech(); err != nil {
		return err
	} else if engine != nil { // a nil client in the interface would look like one
		do.Speech = engine
	}
	a.Derive, err = derive.New(do)
	if err != nil {
		return err
	}
	a.Derive.Register(a.Jobs)
	a.Copies.Register(a.Jobs)
	a.Fixity.Register(a.Jobs, a.Program)
	a.Redact.Register(a.Jobs)
	return nil
}

// agents finds the software agent and the one who acts. A person at the command line who was not seen before becomes an
// agent, so that the record never says "somebody".
func (a *App) agents(ctx context.Context, o Options) error {
	who := a.operatorKey()
	err := a.DB.Read(ctx, func(tx *store.Tx) (err error) {
		var ok bool
		if a.Program, ok, err = tx.Setting(ctx, settingProgram); err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("find software agent: %w", archive.ErrIntegrity)
		}
		if o.Agent != "" {
			ag, err := tx.Agent(ctx, o.Agent)
			a.Agent = ag.ID
			return err
		}
		a.Agent, _, err = tx.Setting(ctx, settingOperator+who)
		return err
	})
	if err != nil {
		return fmt.Errorf("find agent: %w", err)
	}
	if a.Agent != "" || o.ReadOnly {
		return nil
	}
	return a.DB.Write(ctx, func(tx *store.Tx) error {
		id, ok, err := tx.Setting(ctx, settingOperator+who)
		if err != nil || ok {
			a.Agent = id
			return err
		}
		ag := archive.Agent{
			ID: archive.NewID(archive.PrefixAgent), Kind: "person", Name: "operator at the command line (" + who[:8] + ")",
			CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
		}
		if err := tx.AddAgent(ctx, ag); err != nil {
			return err
		}
		if err := tx.SetSetting(ctx, settingOperator+who, ag.ID); err != nil {
			return err
		}
		a.Agent = ag.ID
		_, err = a.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventAccount, Agent: a.Program, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleOutcome, Kind: custody.KindAccount, ID: ag.ID}},
			Detail:   map[string]string{"act": "operator seen for the first time"},
		})
		return err
	})
}

// operatorKey is a keyed hash of the user who runs the command and of the machine: the database holds no user names.
func (a *App) operatorKey() string {
	name := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Uid + "/" + u.Username
	}
	host, _ := os.Hostname()
	return hex.EncodeToString(a.Sealer.Fingerprint([]byte("operator"), []byte(host), []byte(name))[:16])
}

// Replica opens the copy of the vault from which damage is healed; nil if there is none.
func (a *App) Replica(ctx context.Context) (vault.Backend, error) {
	place := a.Config.Replica
	if place == "" {
		err := a.DB.Read(ctx, func(tx *store.Tx) (err error) {
			place, _, err = tx.Setting(ctx, settingReplica)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if place == "" {
		return nil, nil
	}
	b, err := OpenStorage(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("open replica: %w", err)
	}
	h, err := vault.Inspect(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("open replica: %w", err)
	}
	if h.Vault != a.Vault.ID() {
		return nil, fmt.Errorf("open replica: %w", vault.ErrForeign)
	}
	return b, nil
}

// Checkpoint signs the record as it stands and keeps the checkpoint in the home folder, too.
func (a *App) Checkpoint(ctx context.Context) (note []byte, size int64, err error) {
	note, size, err = a.Custody.Checkpoint(ctx, a.DB)
	if err != nil {
		return nil, 0, err
	}
	return note, size, a.keepCheckpoint(note, size, a.Verifier)
}

// KeepCheckpoint keeps a checkpoint that was signed elsewhere in the program, as in a receipt.
func (a *App) KeepCheckpoint(note []byte) error {
	v, err := tlog.NewVerifier(a.Verifier)
	if err != nil {
		return err
	}
	c, err := tlog.Open(note, v)
	if err != nil {
		return err
	}
	return a.keepCheckpoint(note, c.Size, a.Verifier)
}

// Close closes what was opened, last first.
func (a *App) Close() error {
	var err error
	for i := len(a.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closers[i].Close())
	}
	a.closers = nil
	return err
}
