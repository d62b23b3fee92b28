package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"zapis/internal/app"
	"zapis/internal/archive"
)

// writeJSON writes one object and a line feed.
func writeJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // nobody is left to tell
}

func (k *call) json(v any) { writeJSON(k.out, v) }

func (k *call) say(format string, args ...any) { fmt.Fprintf(k.out, format+"\n", args...) }

// table writes aligned columns.
func (k *call) table(rows func(w io.Writer)) error {
	t := tabwriter.NewWriter(k.out, 0, 0, 2, ' ', 0)
	rows(t)
	return t.Flush()
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// prompt asks for a passphrase at the terminal; nil where there is none.
func (k *call) prompt() app.Prompt {
	f, ok := k.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return func(question string) ([]byte, error) {
		fmt.Fprint(k.err, question)
		p, err := term.ReadPassword(int(f.Fd()))
		fmt.Fprintln(k.err)
		if err != nil {
			return nil, fmt.Errorf("read passphrase: %w", err)
		}
		return p, nil
	}
}

// newPassphrase gets a passphrase to be: from the file, or typed twice.
func (k *call) newPassphrase(file string) ([]byte, error) {
	if file != "" {
		return app.ReadPassphrase(file)
	}
	ask := k.prompt()
	if ask == nil {
		return nil, archive.Explain(fmt.Errorf("%w: no passphrase", app.ErrUsage), "A passphrase is needed.", "Give --passphrase-file FILE, or run the command at a terminal.")
	}
	fmt.Fprintln(k.err, "Whoever has this passphrase and the vault can read everything; without it nobody can.")
	fmt.Fprintln(k.err, "Take seven or more words drawn at random, and write them down on paper, twice.")
	p, err := ask("New passphrase: ")
	if err != nil {
		return nil, err
	}
	if err := app.CheckPassphrase(p); err != nil {
		return nil, err
	}
	again, err := ask("The same once more: ")
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(p, again) {
		return nil, fmt.Errorf("%w: the two passphrases differ", archive.ErrInvalid)
	}
	return p, nil
}

// writeNew writes a file that must not be there yet, readable by its owner alone; the same bytes may be there.
func writeNew(dir, name string, text []byte) error {
	at := filepath.Join(dir, name)
	if old, err := os.ReadFile(at); err == nil && bytes.Equal(old, text) {
		return nil
	}
	return createNew(at, func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}

// createNew makes a file that must not be there yet, and takes it away again if it cannot be finished.
func createNew(name string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return archive.Explain(fmt.Errorf("write file: %w", archive.ErrExists), "A file of that name is there already.", "Move it away or name another one with -o.")
	}
	if err != nil {
		return withoutPath("write file", err)
	}
	defer func() {
		if cerr := f.Close(); err == nil && cerr != nil {
			err = withoutPath("write file", cerr)
		}
		if err != nil {
			_ = os.Remove(name)
		}
	}()
	if err := write(f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return withoutPath("write file", err)
	}
	return nil
}

// withoutPath drops the path that errors of package os carry.
func withoutPath(what string, err error) error {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	return fmt.Errorf("%s: %w", what, err)
}

// readFile reads a file, or standard input for "-", up to one byte beyond the most that its reader takes.
func (k *call) readFile(what, name string, most int64) ([]byte, error) {
	in := k.in
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, withoutPath(what, err)
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, most+1))
	if err != nil {
		return nil, withoutPath(what, err)
	}
	return b, nil
}

// size writes bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	f, e := float64(n)/unit, 0
	for f >= unit && e < 4 {
		f /= unit
		e++
	}
	return fmt.Sprintf("%.1f %ciB", f, "KMGTP"[e])
}

func when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}

// stamp is a time in JSON; empty where there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

type tallyJSON struct {
	Found      int64 `json:"found"`
	Received   int64 `json:"received"`
	Duplicates int64 `json:"duplicates"`
	Skipped    int64 `json:"skipped"`
	Failed     int64 `json:"failed"`
	Bytes      int64 `json:"bytes"`
}

func tally(t archive.Tally) tallyJSON {
	return tallyJSON{t.Found, t.Received, t.Duplicates, t.Skipped, t.Failed, t.Bytes}
}
