package readingtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"zapis/internal/anchor"
	"zapis/internal/tlog"
)

// Log is a transparency log over the world, with witnesses and a time authority in this process.
type Log struct {
	*anchor.Service
	w *World

	mu     sync.Mutex
	keys   map[string]*tlog.Cosigner
	silent map[string]bool
	stamp  anchor.StampResult
}

// Log makes a log with a tick a day and witnesses of these names, all of whom are wanted; without names there is neither a witness
// nor a time authority.
func (w *World) Log(witnesses ...string) *Log {
	w.T.Helper()
	l := &Log{w: w, keys: map[string]*tlog.Cosigner{}, silent: map[string]bool{}}
	o := anchor.Options{DB: w.DB, Secrets: w.Vault, Custody: w.Custody, Agent: w.Program.ID, Cosigner: (*cosigners)(l), Now: w.Now, At: 23 * time.Hour}
	seed := rand.NewChaCha8([32]byte{7})
	for _, name := range witnesses {
		private, public, err := tlog.GenerateCosignerKey(seed, name)
		w.must(err)
		l.keys[name], err = tlog.NewCosigner(private, w.Now)
		w.must(err)
		o.Witnesses = append(o.Witnesses, anchor.Witness{Name: name, VerifierKey: public})
	}
	if len(witnesses) > 0 {
		o.Authorities = []anchor.Authority{(*authority)(l)}
	}
	l.Stamp(anchor.StampConfirmed)
	var err error
	l.Service, err = anchor.New(o)
	w.must(err)
	return l
}

// Begin makes the log itself.
func (l *Log) Begin() {
	l.w.T.Helper()
	_, err := l.Init(context.Background(), l.w.Program.ID, "archive.example/log")
	l.w.must(err)
}

// Day lets a day pass, makes the tick that is then due, and asks everybody about it.
func (l *Log) Day() {
	l.w.T.Helper()
	l.w.Advance(24 * time.Hour)
	_, err := l.Tick(context.Background(), l.w.Program.ID, false)
	l.w.must(err)
	l.Ask()
}

// Ask asks witnesses and the authority about the latest checkpoint.
func (l *Log) Ask() {
	l.w.T.Helper()
	_, err := l.Gather(context.Background())
	l.w.must(err)
}

// Silence lets a witness not answer from now on, or answer again.
func (l *Log) Silence(name string, silent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.silent[name] = silent
}

// Stamp says what the authority gives from now on, by a state of anchor; a confirmed stamp is of the world's present.
func (l *Log) Stamp(state string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stamp = anchor.StampResult{State: state}
	if state != anchor.StampFailed {
		l.stamp.Token = []byte("token")
	}
}

type cosigners Log

// Cosign implements anchor.Cosigner.
func (c *cosigners) Cosign(_ context.Context, w anchor.Witness, checkpoint []byte, _ int64, _ func(int64) ([]tlog.Hash, error)) (string, time.Time, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.silent[w.Name] {
		return "", time.Time{}, anchor.ErrUnreachable
	}
	text, _, err := tlog.SplitNote(checkpoint)
	if err != nil {
		return "", time.Time{}, err
	}
	line, err := c.keys[w.Name].Cosign(text)
	return line, c.w.Now(), err
}

type authority Log

// Name implements anchor.Authority.
func (a *authority) Name() string { return "first" }

// Kind implements anchor.Authority.
func (a *authority) Kind() string { return anchor.StampRFC3161 }

// Stamp implements anchor.Authority.
func (a *authority) Stamp(context.Context, [32]byte, []byte) (anchor.StampResult, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r := a.stamp
	switch r.State {
	case anchor.StampConfirmed:
		r.At = a.w.Now()
	case anchor.StampFailed:
		r.Reason = "no root"
	case "":
		return r, errors.New("no answer")
	}
	return r, nil
}
