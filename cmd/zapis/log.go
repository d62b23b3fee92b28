package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/app"
	"zapis/internal/archive"
	"zapis/verify"
)

type logCmd struct {
	Init      logInitCmd    `cmd:"" help:"Make the transparency log of this archive."`
	Tick      logTickCmd    `cmd:"" help:"Add the ticks that are due, and ask witnesses and authorities."`
	Stamp     logStampCmd   `cmd:"" help:"Ask witnesses and time authorities again."`
	Status    logStatusCmd  `cmd:"" help:"Tell how the log stands, what is missing and what to do."`
	Publish   logPublishCmd `cmd:"" help:"Write the log to a folder or an S3 bucket, for any web server or a stick."`
	RotateKey logRotateCmd  `cmd:"" help:"Make another key for the log, endorsed by the present one."`
	Verify    logVerifyCmd  `cmd:"" help:"Check a whole log; with --dir a published one, which needs no archive."`
}

type logInitCmd struct {
	Origin string `help:"Public name of the log, such as archive.example/log. It is in every checkpoint and is never changed; by default a name that says nothing." placeholder:"NAME"`
}

func (c *logInitCmd) Run(k *call) error {
	origin := c.Origin
	if origin == "" {
		var b [8]byte
		if _, err := rand.Read(b[:]); err != nil {
			return fmt.Errorf("name the log: %w", err)
		}
		origin = "zapis.example/" + hex.EncodeToString(b[:])
	}
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		id, err := a.Anchor.Init(k.ctx, a.Agent, origin)
		if err != nil {
			if errors.Is(err, archive.ErrExists) {
				return archive.Explain(err, "This archive has a transparency log already.", "zapis log status tells how it stands.")
			}
			return err
		}
		st, err := a.Anchor.Status(k.ctx, anchor.StatusOptions{})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"type": "log", "origin": id.Origin, "vkey": id.VerifierKey, "fingerprint": verify.Fingerprint(id.VerifierKey), "every_seconds": st.Every.Seconds(), "next": stamp(st.Next)})
			return nil
		}
		k.say("Transparency log %s", id.Origin)
		k.say("Key          %s", id.VerifierKey)
		k.say("Fingerprint  %s", verify.Fingerprint(id.VerifierKey))
		k.say("Ticks        every %s, next %s UTC", st.Every, when(st.Next))
		k.say("\nPublish the key in more than one place: on your site, in print, with friends. Give it to your witnesses.")
		return nil
	})
}

type logTickCmd struct {
	Now     bool `help:"Wait for the next tick and make it; only for a log that ticks at least once a minute."`
	CatchUp bool `help:"Fill in missed ticks however many they are. Look at the date of this machine first." name:"catch-up"`
}

// mostWait is the longest cadence that --now waits for.
const mostWait = time.Minute

func (c *logTickCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		if c.Now {
			if err := waitForTick(k.ctx, a); err != nil {
				return err
			}
		}
		var t anchor.Ticked
		var err error
		if c.CatchUp {
			if t, err = a.Anchor.Tick(k.ctx, a.Agent, true); err != nil {
				return err
			}
		}
		s, err := a.Anchor.Step(k.ctx, a.Agent)
		if !c.CatchUp || s.Added > 0 {
			t = s
		}
		if err != nil {
			return err
		}
		st, err := a.Anchor.Status(k.ctx, anchor.StatusOptions{Checkpoints: 1})
		if err != nil {
			return err
		}
		if !st.Made {
			return archive.Explain(anchor.ErrNoLog, "This archive has no transparency log yet.", "Make it with: zapis log init --origin NAME")
		}
		if k.JSON {
			k.json(map[string]any{"type": "tick", "added": t.Added, "blank": t.Blank, "size": t.Size, "statements": t.Statements, "next": stamp(t.Next), "checkpoint": string(t.Checkpoint)})
			return nil
		}
		if t.Added == 0 {
			k.say("No tick is due; the next one is at %s UTC.", when(t.Next))
			return nil
		}
		k.say("%s added, %d of them missed; %d statements stated. The log has %d; the next one is due at %s UTC.", ticks(t.Added), t.Blank, t.Statements, t.Size, when(t.Next))
		k.checkpoints(st)
		return nil
	})
}

func ticks(n int64) string {
	if n == 1 {
		return "1 tick"
	}
	return fmt.Sprintf("%d ticks", n)
}

func waitForTick(ctx context.Context, a *app.App) error {
	st, err := a.Anchor.Status(ctx, anchor.StatusOptions{Checkpoints: 1})
	if err != nil || !st.Made {
		return err
	}
	if st.Every > mostWait {
		return fmt.Errorf("%w: --now is for logs that tick at least once a minute; this one ticks every %s, by its calendar alone", app.ErrUsage, st.Every)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Until(st.Next)):
	}
	return nil
}

type logStampCmd struct{}

func (c *logStampCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		g, err := a.Anchor.Gather(k.ctx)
		if err != nil {
			return err
		}
		st, err := a.Anchor.Status(k.ctx, anchor.StatusOptions{Checkpoints: 1})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"type": "gathered", "size": g.Size, "cosigned": g.Cosigned, "witnesses": g.Witnesses, "quorum_met": g.QuorumMet,
				"confirmed": g.Confirmed, "pending": g.Pending, "failed": g.Failed, "forks": len(g.Forks)})
		} else {
			k.checkpoints(st)
		}
		if len(g.Forks) > 0 {
			return fmt.Errorf("%w: %w", app.ErrNotVerified, anchor.ErrFork)
		}
		return nil
	})
}

// checkpoints shows checkpoints with what others said to them.
func (k *call) checkpoints(st anchor.Status) {
	for _, c := range st.Checkpoints {
		k.say("Checkpoint %d, due %s UTC", c.Size, when(c.Due))
		for _, w := range c.Cosignatures {
			k.say("  witness    %s: %s", w.Witness, outcome(w.State, w.At, w.Reason))
		}
		for _, x := range c.Stamps {
			k.say("  time       %s: %s", x.Authority, outcome(x.State, x.At, x.Reason))
		}
	}
}

func outcome(state string, at time.Time, reason string) string {
	if !at.IsZero() {
		state += ", " + when(at) + " UTC"
	}
	if reason != "" {
		state += " (" + reason + ")"
	}
	return state
}

type logStatusCmd struct {
	Checkpoints int `help:"How many of the newest checkpoints to show." default:"3" placeholder:"N"`
}

func (c *logStatusCmd) Run(k *call) error {
	return k.with(app.Options{ReadOnly: true}, func(a *app.App) error {
		st, err := a.Anchor.Status(k.ctx, anchor.StatusOptions{Checkpoints: c.Checkpoints})
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(statusJSON(st))
		} else {
			k.status(st)
		}
		for _, p := range st.Problems {
			if p.Grave {
				return fmt.Errorf("%w: transparency log: %s", app.ErrNotVerified, p.Code)
			}
		}
		return nil
	})
}

func (k *call) status(st anchor.Status) {
	if st.Made {
		k.say("Transparency log %s", st.Origin)
		k.say("Key          %s", st.VerifierKey)
		k.say("Fingerprint  %s", verify.Fingerprint(st.VerifierKey))
		k.say("Ticks        %d, every %s; the next one %s UTC", st.Size, st.Every, when(st.Next))
		k.say("Statements   %d wait for the next tick", st.Open)
		if st.Published.At.IsZero() {
			k.say("Published    never")
		} else {
			k.say("Published    %s UTC, checkpoint %d (%s)", when(st.Published.At), st.Published.Size, st.Published.Kind)
		}
		k.checkpoints(st)
	}
	if len(st.Problems) == 0 {
		k.say("Nothing is missing.")
	}
	for _, p := range st.Problems {
		mark := "-"
		if p.Grave {
			mark = "!"
		}
		k.say("%s %s\n  %s", mark, p.Text, p.Advice)
	}
}

// statusJSON is documented in docs/design/transparency-log.md.
func statusJSON(st anchor.Status) map[string]any {
	problems := []map[string]any{}
	for _, p := range st.Problems {
		problems = append(problems, map[string]any{"code": p.Code, "grave": p.Grave, "name": p.Name, "text": p.Text, "advice": p.Advice})
	}
	out := map[string]any{"type": "status", "made": st.Made, "problems": problems}
	if !st.Made {
		return out
	}
	keys := []map[string]any{}
	for _, x := range st.Keys {
		keys = append(keys, map[string]any{"number": x.Number, "vkey": x.VerifierKey, "fingerprint": x.Fingerprint, "since": x.Since, "current": x.Current})
	}
	checkpoints := []map[string]any{}
	for _, c := range st.Checkpoints {
		witnesses, stamps := []map[string]any{}, []map[string]any{}
		for _, w := range c.Cosignatures {
			witnesses = append(witnesses, map[string]any{"witness": w.Witness, "state": w.State, "at": stamp(w.At), "reason": w.Reason})
		}
		for _, x := range c.Stamps {
			stamps = append(stamps, map[string]any{"authority": x.Authority, "kind": x.Kind, "state": x.State, "at": stamp(x.At), "reason": x.Reason})
		}
		checkpoints = append(checkpoints, map[string]any{"size": c.Size, "root": c.Root, "due": stamp(c.Due), "cosigned": c.Signed, "quorum_met": c.QuorumMet,
			"witnesses": witnesses, "stamps": stamps, "published": c.Published, "note": c.Note})
	}
	out["origin"], out["vkey"], out["fingerprint"], out["keys"] = st.Origin, st.VerifierKey, verify.Fingerprint(st.VerifierKey), keys
	out["every_seconds"], out["size"], out["due"], out["next"] = st.Every.Seconds(), st.Size, st.Due, stamp(st.Next)
	out["open_statements"], out["quorum"], out["checkpoints"] = st.Open, st.Quorum, checkpoints
	out["published"] = map[string]any{"at": stamp(st.Published.At), "size": st.Published.Size, "kind": st.Published.Kind, "ok": st.Published.OK, "current": st.Published.Current}
	return out
}

type logPublishCmd struct {
	Place string `arg:"" optional:"" help:"Folder, or s3://bucket/prefix?endpoint=…; by default as configured (publish)."`
}

func (c *logPublishCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) (err error) {
		place := first(c.Place, a.Config.Publish)
		if place == "" {
			return fmt.Errorf("%w: a folder or s3://… is needed", app.ErrUsage)
		}
		if !strings.HasPrefix(place, "s3://") {
			if place, err = filepath.Abs(place); err != nil {
				return fmt.Errorf("find the folder: %w", err)
			}
		}
		t, release, err := a.PublishTarget(k.ctx, place)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		p, err := a.Anchor.Publish(k.ctx, a.Agent, t)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"type": "published", "size": p.Size, "kind": p.Kind, "written": p.Written, "files": p.Files})
			return nil
		}
		k.say("Checkpoint %d is published: %d files, %d of them written now.", p.Size, p.Files, p.Written)
		return nil
	})
}

type logRotateCmd struct{}

func (c *logRotateCmd) Run(k *call) error {
	return k.with(app.Options{Writes: true}, func(a *app.App) error {
		id, err := a.Anchor.RotateKey(k.ctx, a.Agent)
		if err != nil {
			return err
		}
		if k.JSON {
			k.json(map[string]any{"type": "log_key", "number": id.Number, "vkey": id.VerifierKey, "fingerprint": verify.Fingerprint(id.VerifierKey)})
			return nil
		}
		k.say("Key %d       %s", id.Number, id.VerifierKey)
		k.say("Fingerprint  %s", verify.Fingerprint(id.VerifierKey))
		k.say("It signs from the next tick on. Give it to your witnesses before that, and publish it where the former one stands.")
		return nil
	})
}

type logVerifyCmd struct {
	Dir     string   `help:"Folder with a published log; by default this archive's own." placeholder:"DIR"`
	Against []string `help:"File with a checkpoint of this log that you have from elsewhere or from an earlier day; may be repeated." placeholder:"FILE" sep:"none"`
	Key     []string `help:"Verifier key of the log that you have from elsewhere." placeholder:"VKEY" sep:"none"`
	Witness []string `help:"Verifier key of a witness that you trust; may be repeated." placeholder:"VKEY" sep:"none"`
	Quorum  int      `help:"How many of them must have cosigned; 0: all." placeholder:"K"`
	Roots   string   `help:"File with root certificates (PEM) of time authorities." placeholder:"FILE"`
}

func (c *logVerifyCmd) options() (verify.LogOptions, error) {
	o := verify.LogOptions{Keys: c.Key, Witnesses: c.Witness, Quorum: c.Quorum}
	for _, name := range c.Against {
		raw, err := readLimited(name, 1<<20)
		if err != nil {
			return o, err
		}
		o.Against = append(o.Against, raw)
	}
	if c.Roots != "" {
		raw, err := readLimited(c.Roots, 4<<20)
		if err != nil {
			return o, err
		}
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(raw) {
			return o, fmt.Errorf("%w: the file of roots has no certificate", app.ErrUsage)
		}
	}
	if c.Quorum < 0 || c.Quorum > len(c.Witness) {
		return o, fmt.Errorf("%w: --quorum is at most the number of witnesses", app.ErrUsage)
	}
	return o, nil
}

func readLimited(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutPath("read file", err)
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, withoutPath("read file", err)
	}
	if int64(len(raw)) > limit {
		return nil, fmt.Errorf("read file: %w: it is too large", archive.ErrInvalid)
	}
	return raw, nil
}

func (c *logVerifyCmd) Run(k *call) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	var r verify.LogReport
	if c.Dir != "" {
		root, err := os.OpenRoot(c.Dir)
		if err != nil {
			return withoutPath("open folder", err)
		}
		defer root.Close()
		r = verify.Log(root.FS(), o)
	} else {
		err := k.with(app.Options{ReadOnly: true}, func(a *app.App) (err error) {
			r, err = a.Anchor.Verify(k.ctx, o)
			return err
		})
		if err != nil {
			return err
		}
	}
	if k.JSON {
		k.json(r)
	} else {
		k.logReport(r)
	}
	if !r.OK {
		return fmt.Errorf("%w: %s", app.ErrNotVerified, strings.Join(r.Failed, ", "))
	}
	return nil
}

func (k *call) logReport(r verify.LogReport) {
	if r.OK {
		k.say("The log holds: %d ticks of %s.", r.Size, r.Origin)
	} else {
		k.say("THE LOG DOES NOT HOLD.")
	}
	for _, s := range r.Steps {
		mark := map[string]string{verify.StateOK: "ok    ", verify.StateOpen: "open  ", verify.StateFailed: "FAILED"}[s.State]
		k.say("  %s  %-10s  %s", mark, s.Name, s.Text)
	}
	for _, key := range r.Keys {
		k.say("Key from %d on: %s", key.Since, key.Fingerprint)
	}
	for _, c := range r.Cosigned {
		k.say("Witness %s: %s UTC", r.Witnesses[c.Witness].Name, when(c.Time))
	}
	for _, s := range r.Stamps {
		if s.Checked {
			k.say("Time: checkpoint %d existed by %s UTC, says %s", s.Size, when(s.Time), s.Authority)
		}
	}
}
