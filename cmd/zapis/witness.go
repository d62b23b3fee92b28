package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/internal/tlog"
	"zapis/internal/tlog/witness"
)

// witnessCmd needs no archive: a witness may live on another machine than any.
type witnessCmd struct {
	Init     witnessInitCmd     `cmd:"" help:"Make a witness with a key of its own in an empty folder."`
	Add      witnessAddCmd      `cmd:"" help:"Make the transparency log of a partner known, or add a new key or address of one that is."`
	Serve    witnessServeCmd    `cmd:"" help:"Cosign what the logs send, and look at what they publish."`
	Status   witnessStatusCmd   `cmd:"" help:"Tell what is known about each log; exit code 20 if one was forked, put back or is silent."`
	Watch    witnessWatchCmd    `cmd:"" help:"Look once at what the logs publish; not while the witness is served."`
	Evidence witnessEvidenceCmd `cmd:"" help:"Check the evidence of an incident; needs no witness."`
}

// witnessFailed gives errors of a witness their exit codes and says what to do.
func witnessFailed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, witness.ErrNone):
		return archive.Explain(fmt.Errorf("%w: %w", app.ErrNotInitialised, err), "There is no witness in this folder.", "Make one: zapis witness init --name NAME DIR")
	case errors.Is(err, witness.ErrDamaged):
		return archive.Explain(err, "What this witness remembers is damaged, so it signs nothing.",
			"Do not restore an older copy: a witness that has forgotten what it signed may contradict itself. Make a new witness with a new key and give the key to your partners; keep this folder, it may hold evidence.")
	case errors.Is(err, witness.ErrExposed):
		return archive.Explain(err, "Others than its owner may read the key of the witness.", "Was it read? Then make a new witness. Otherwise: chmod 600 key")
	case errors.Is(err, archive.ErrBusy):
		return archive.Explain(err, "Another process serves this witness.", "Stop it first; what it knows is told by zapis witness status.")
	}
	return err
}

type witnessInitCmd struct {
	Name string `required:"" help:"Name of the witness, in the form of an address without https://, such as witness.example.org/group. It is public." placeholder:"NAME"`
	Dir  string `arg:"" help:"Folder to make."`
}

func (c *witnessInitCmd) Run(k *call) error {
	vkey, err := witness.Create(c.Dir, c.Name, witness.Options{})
	if errors.Is(err, archive.ErrExists) {
		return archive.Explain(err, "The folder is not empty.", "Name a new one. A witness is never made anew over an old one.")
	}
	if errors.Is(err, tlog.ErrCosignature) {
		return fmt.Errorf("%w: a name has no white space and no plus sign", app.ErrUsage)
	}
	if err != nil {
		return err
	}
	if k.JSON {
		k.json(map[string]any{"type": "witness", "name": c.Name, "verifier_key": vkey})
		return nil
	}
	k.say("The witness is made. Its verifier key, to be given to partners:\n\n  %s\n", vkey)
	k.say("Make the log of a partner known:  zapis witness add DIR --log KEY-OF-THEIR-LOG")
	k.say("Serve it:                         zapis witness serve DIR --listen ADDRESS")
	return nil
}

type witnessAddCmd struct {
	Dir   string         `arg:"" help:"Folder of the witness."`
	Log   []string       `required:"" help:"Verifier key of the log, or a file with it, got from the partner in person or over a channel you trust; more than once for a log that has changed its key." placeholder:"VKEY" sep:"none"`
	URL   string         `help:"Where the log is published: https://…, http://… or a folder. It is looked at from time to time." placeholder:"URL"`
	Every *time.Duration `help:"How often the log is expected to grow; it is called silent after twice as long. 24h if nothing is said; 0: never silent." placeholder:"DURATION"`
}

func (c *witnessAddCmd) Run(k *call) (err error) {
	told := witness.Log{URL: c.URL}
	if c.Every != nil {
		told.Every = *c.Every
		if told.Every <= 0 {
			told.Every = -1
		}
	}
	if c.URL != "" && !isAddress(c.URL) {
		if told.URL, err = filepath.Abs(c.URL); err != nil {
			return withoutPath("find folder of the log", err)
		}
	}
	for _, arg := range c.Log {
		key, err := keyText(arg)
		if err != nil {
			return err
		}
		told.Keys = append(told.Keys, key)
	}
	w, err := witness.Open(c.Dir, witness.Options{})
	if err != nil {
		return witnessFailed(err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if err := w.Add(told); err != nil {
		return witnessFailed(err)
	}
	v, err := tlog.NewVerifier(told.Keys[0])
	if err != nil {
		return err
	}
	if k.JSON {
		k.json(map[string]any{"type": "log", "origin": v.Name(), "witness": w.VerifierKey()})
		return nil
	}
	k.say("The log %s is known.", v.Name())
	k.say("For the partner's configuration, with the address under which they reach this witness:\n\n  %s@https://…\n", w.VerifierKey())
	return nil
}

func isAddress(s string) bool {
	for _, p := range []string{"http://", "https://", "file://"} {
		if len(s) > len(p) && s[:len(p)] == p {
			return true
		}
	}
	return false
}

type witnessServeCmd struct {
	Dir        string        `arg:"" help:"Folder of the witness."`
	Listen     string        `help:"Address and port to listen on." default:"127.0.0.1:8421" placeholder:"ADDR"`
	WatchEvery time.Duration `help:"How often to look at what the logs publish; 0: never." default:"6h" placeholder:"DURATION"`
}

func (c *witnessServeCmd) Run(k *call) (err error) {
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("listen: %w", archive.ErrBusy)
		}
		return errors.New("listen: the address cannot be used")
	}
	defer l.Close() // again, if the server did
	w, err := witness.Open(c.Dir, witness.Options{})
	if err != nil {
		return witnessFailed(err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	srv := witness.NewServer(w.Handler(k.logger))
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	looking, stopLooking := context.WithCancel(k.ctx)
	looked := make(chan struct{})
	go func() { defer close(looked); c.watch(looking, k, w) }()
	c.announce(k, w, l)
	select {
	case <-k.ctx.Done():
	case err = <-ended:
	}
	stopLooking()
	<-looked
	stop, cancel := context.WithTimeout(context.WithoutCancel(k.ctx), stopTime)
	defer cancel()
	if serr := srv.Shutdown(stop); serr != nil {
		_ = srv.Close() // they had their time
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if k.JSON {
		k.json(map[string]any{"type": "stopped"})
	}
	return err
}

// announce tells the person at the terminal what a partner needs.
func (c *witnessServeCmd) announce(k *call, w *witness.Witness, l net.Listener) {
	at := "http://" + l.Addr().String()
	if k.JSON {
		k.json(map[string]any{"type": "serving", "origin": at, "name": w.Name(), "verifier_key": w.VerifierKey()})
		return
	}
	k.say("The witness %s is at %s", w.Name(), at)
	k.say("\nA partner puts this into the configuration of their archive (witnesses), with the address under which they reach it:\n\n  %s@%s\n", w.VerifierKey(), at)
	for _, n := range w.Status().Named() {
		k.warn(n)
	}
	k.say("Ctrl-C stops it.")
}

// watch looks at what is published as long as the witness is served.
func (c *witnessServeCmd) watch(ctx context.Context, k *call, w *witness.Witness) {
	if c.WatchEvery <= 0 {
		return
	}
	tick := time.NewTicker(c.WatchEvery)
	defer tick.Stop()
	for {
		for _, one := range w.Watch(ctx, nil) {
			if one.Err != nil && ctx.Err() == nil {
				k.logger.WarnContext(ctx, "published log", "log", one.Origin, "error", one.Err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

type witnessStatusCmd struct {
	Dir string `arg:"" help:"Folder of the witness."`
}

type incidentJSON struct {
	witness.Incident
	Evidence string `json:"evidence"`
	Sentence string `json:"sentence"`
	Open     bool   `json:"open"`
}

type witnessedJSON struct {
	Origin    string         `json:"origin"`
	State     string         `json:"state"`
	Size      int64          `json:"size"`
	Root      tlog.Hash      `json:"root"`
	At        string         `json:"at"`
	Silent    bool           `json:"silent"`
	EverySecs int64          `json:"every_s"`
	Keys      []string       `json:"keys"`
	Note      string         `json:"note"`
	Named     []string       `json:"named"`
	Incidents []incidentJSON `json:"incidents"`
}

func (c *witnessStatusCmd) Run(k *call) error {
	s, err := witness.ReadStatus(c.Dir, witness.Options{})
	if err != nil {
		return witnessFailed(err)
	}
	return k.witnessed(s)
}

// witnessed shows what a witness knows; app.ErrNotVerified if something is wrong with a log.
func (k *call) witnessed(s witness.Status) error {
	named := s.Named()
	if k.JSON {
		logs := make([]witnessedJSON, 0, len(s.Logs))
		for _, l := range s.Logs {
			one := witnessedJSON{
				Origin: l.Origin, State: l.State, Size: l.Size, Root: l.Root, At: stamp(l.At), Silent: l.Silent, EverySecs: int64(l.Every.Seconds()),
				Keys: l.Keys, Note: l.Note, Named: append([]string{}, l.Named()...), Incidents: []incidentJSON{},
			}
			for _, i := range l.Incidents {
				one.Incidents = append(one.Incidents, incidentJSON{i, i.File, i.Sentence(), i.Open()})
			}
			logs = append(logs, one)
		}
		k.json(map[string]any{"type": "status", "ok": len(named) == 0, "name": s.Name, "verifier_key": s.VerifierKey, "logs": logs})
	} else {
		k.say("witness %s\nverifier key %s", s.Name, s.VerifierKey)
		for _, l := range s.Logs {
			if l.State == witness.StateNew {
				k.say("log %s: nothing cosigned yet", l.Origin)
			} else {
				k.say("log %s: size %d since %s", l.Origin, l.Size, when(l.At))
			}
			for _, n := range l.Named() {
				k.say("%s", n)
			}
			for _, i := range l.Incidents {
				if !i.Open() {
					k.say("%s", i.Sentence())
				}
			}
		}
	}
	if len(named) > 0 {
		return archive.Explain(fmt.Errorf("%w: %d", app.ErrNotVerified, len(named)), "Something is wrong with a log.",
			"Talk to the partner in person before you trust what they publish from here on. A fork is proven by its evidence file: zapis witness evidence FILE --key KEY checks it.")
	}
	return nil
}

type witnessWatchCmd struct {
	Dir string `arg:"" help:"Folder of the witness."`
}

func (c *witnessWatchCmd) Run(k *call) (err error) {
	w, err := witness.Open(c.Dir, witness.Options{})
	if err != nil {
		return witnessFailed(err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	bad, unread := 0, 0
	for _, one := range w.Watch(k.ctx, nil) {
		text := ""
		if one.Err != nil {
			text = one.Err.Error()
			switch {
			case errors.Is(one.Err, witness.ErrUnreachable), errors.Is(one.Err, witness.ErrBroken), k.ctx.Err() != nil:
				unread++
			default:
				bad++
			}
		}
		if k.JSON {
			k.json(map[string]any{"type": "watched", "origin": one.Origin, "size": one.Size, "error": text})
		} else if text != "" {
			k.say("log %s: %s", one.Origin, text)
		}
	}
	if k.ctx.Err() != nil {
		return k.ctx.Err()
	}
	if err := k.witnessed(w.Status()); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%w: what %d logs publish is not right", app.ErrNotVerified, bad)
	}
	if unread > 0 {
		return fmt.Errorf("%w: %d logs could not be read", app.ErrSomeFailed, unread)
	}
	return nil
}

type witnessEvidenceCmd struct {
	File string   `arg:"" help:"The evidence, a file of the folder incident of a witness."`
	Key  []string `required:"" help:"Verifier key of the log, or a file with it, got from elsewhere than the evidence." placeholder:"VKEY" sep:"none"`
}

func (c *witnessEvidenceCmd) Run(k *call) error {
	raw, err := os.ReadFile(c.File)
	if err != nil {
		return withoutPath("read evidence", err)
	}
	i, err := witness.ReadIncident(raw)
	if err != nil {
		return fmt.Errorf("%w: %w", app.ErrNotVerified, err)
	}
	var keys []tlog.Verifier
	for _, arg := range c.Key {
		text, err := keyText(arg)
		if err != nil {
			return err
		}
		v, err := tlog.NewVerifier(text)
		if err != nil {
			return fmt.Errorf("%w: %w", app.ErrUsage, err)
		}
		keys = append(keys, v)
	}
	proves, err := witness.CheckEvidence(i, keys...)
	if err != nil {
		return fmt.Errorf("%w: %w", app.ErrNotVerified, err)
	}
	if k.JSON {
		k.json(map[string]any{"ok": true, "kind": i.Kind, "origin": i.Origin, "size": i.Size, "proves": proves})
		return nil
	}
	if proves {
		k.say("It is proven: whoever has the key of log %s signed two trees that contradict each other at size %d.", i.Origin, i.Size)
		return nil
	}
	k.say("Both checkpoints are genuine. That alone does not prove that log %s did wrong.", i.Origin)
	return nil
}
