// Package demo builds a demonstration archive by doing what a person would do: it makes footage, then runs the commands of
// zapis one after another and shows each of them.
//
// It guarantees that it never touches a real archive: it works only in a folder that it made itself, which carries a
// marker, and refuses every other one that is not empty. An interrupted build is thrown away and begun again; a finished
// one is served again as it is.
//
// It keeps nothing safe: the passphrase lies beside the archive, in a file whose name says so, and the footage is
// synthetic or comes from packages of the distribution. It does not install anything.
package demo

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
)

// Options say where and how much.
type Options struct {
	// Program is the path of the zapis binary.
	Program string
	// Dir is the demonstration's folder: source/ (footage), archive/ (the home), release/ (a clip with its proof), public/ (the
	// transparency log, and site/ in it), partners/ (other organisations), catalogue.ftm.jsonl, demo.json (the marker) and the passphrase.
	// Empty: DefaultDir.
	Dir   string
	Once  bool // build and check, serve nothing
	Quick bool // less footage, for tests
	Fresh bool // throw an earlier demonstration away
	JSON  bool // Out gets one object at the end and nothing else
	// Listen is the address to serve on; empty: 127.0.0.1:8712.
	Listen string
	// Version of the program, for the custody record.
	Version string
	// Out gets what a person or a script reads; Err, with JSON, what a person would read, and with Terminal a line of progress
	// that is written over.
	Out, Err io.Writer
	Terminal bool
	// Serve takes over when the archive is built, with the arguments of zapis; it does not return while serving.
	Serve func(ctx context.Context, args []string) error
	// Now is time.Now unless set.
	Now func() time.Time
}

// Names in the demonstration's folder.
const (
	MarkerName     = "demo.json"
	PassphraseName = "DEMO-ONLY-passphrase.txt"
	archiveName    = "archive"
	sourceName     = "source"
	receiptName    = "receipt"
)

const markerKind = "zapis demonstration"

type marker struct {
	Kind  string    `json:"kind"`
	State string    `json:"state"` // "building" or "complete"
	Begun time.Time `json:"begun"`
	Quick bool      `json:"quick"`
	// Summary of a complete one.
	Summary *Summary `json:"summary,omitempty"`
}

// Summary says what was built.
type Summary struct {
	Home           string           `json:"home"`
	PassphraseFile string           `json:"passphrase_file"`
	Accessions     []string         `json:"accessions"`
	Items          int              `json:"items"`
	States         map[string]int   `json:"states"`
	Kinds          map[string]int   `json:"kinds"`
	Reasons        map[string]int   `json:"reasons"`
	Bytes          int64            `json:"bytes"`
	Recorded       string           `json:"recorded"` // length of all recordings
	Seconds        float64          `json:"seconds"`
	Checks         map[string]bool  `json:"checks"`
	Steps          map[string]int64 `json:"steps_ms"`
	Proof          *Proof           `json:"proof,omitempty"`
	Catalogue      *Catalogue       `json:"catalogue,omitempty"`
	Released       *Released        `json:"released,omitempty"`
}

// ErrNotDemo: the folder holds something that this package did not make.
var ErrNotDemo = errors.New("folder is not empty and not a demonstration")

// DefaultDir is zapis-demo in the user's cache folder.
func DefaultDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache folder: %w", err)
	}
	return filepath.Join(cache, "zapis-demo"), nil
}

// Run builds the demonstration archive, or finds it, and serves it unless o.Once.
func Run(ctx context.Context, o Options) error {
	if o.Dir == "" {
		dir, err := DefaultDir()
		if err != nil {
			return err
		}
		o.Dir = dir
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("demonstration folder: %w", err)
	}
	o.Dir = dir
	if o.Listen == "" {
		o.Listen = "127.0.0.1:8712"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Err == nil {
		o.Err = io.Discard
	}
	d := &demo{Options: o}
	m, err := d.claim()
	if err != nil {
		return err
	}
	if m.State != "complete" {
		sum, err := d.build(ctx)
		if err != nil {
			return err
		}
		m.State, m.Summary = "complete", sum
		if err := d.mark(m); err != nil {
			return err
		}
	} else {
		d.say("The demonstration archive is there already (--fresh builds it anew).")
	}
	if err := d.report(m.Summary); err != nil {
		return err
	}
	if o.Once {
		return nil
	}
	if o.Serve == nil {
		return errors.New("serve the demonstration: nobody to serve it")
	}
	d.say("")
	d.say("$ zapis serve --listen %s        (Ctrl-C ends it)", o.Listen)
	return o.Serve(ctx, append(d.global(), "serve", "--listen", o.Listen))
}

type demo struct {
	Options
	steps map[string]int64
	env   []string // of the commands, beside what Environment leaves
}

// claim makes the folder ours or finds that it is.
func (d *demo) claim() (marker, error) {
	fresh := marker{Kind: markerKind, State: "building", Begun: d.Now().UTC(), Quick: d.Quick}
	entries, err := os.ReadDir(d.Dir)
	switch {
	case errors.Is(err, os.ErrNotExist), err == nil && len(entries) == 0:
		if err := os.MkdirAll(d.Dir, 0o700); err != nil {
			return fresh, fmt.Errorf("make the demonstration folder: %w", err)
		}
		return fresh, d.mark(fresh)
	case err != nil:
		return fresh, fmt.Errorf("read the demonstration folder: %w", err)
	}
	m, err := readMarker(filepath.Join(d.Dir, MarkerName))
	if err != nil || !onlyOurs(entries) {
		return fresh, archive.Explain(ErrNotDemo, "This folder holds something that is not a demonstration; nothing was touched.", "Name an empty or new folder with --home.")
	}
	if m.State == "complete" && !d.Fresh && m.Summary != nil && m.Quick == d.Quick {
		return m, nil
	}
	// The marker goes last, so that an interrupted removal is still known as ours.
	for _, e := range entries {
		if e.Name() == MarkerName {
			continue
		}
		if err := os.RemoveAll(filepath.Join(d.Dir, e.Name())); err != nil {
			return fresh, fmt.Errorf("throw the earlier demonstration away: %w", err)
		}
	}
	return fresh, d.mark(fresh)
}

// onlyOurs says whether a folder holds nothing but what a demonstration has; a marker copied into a real archive must not
// open it to removal.
func onlyOurs(entries []os.DirEntry) bool {
	for _, e := range entries {
		if !slices.Contains([]string{MarkerName, MarkerName + ".new", PassphraseName, archiveName, sourceName, receiptName, partnersName, publicName, releaseName, catalogueName}, e.Name()) {
			return false
		}
	}
	return true
}

func readMarker(name string) (marker, error) {
	var m marker
	b, err := os.ReadFile(name)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, err
	}
	if m.Kind != markerKind {
		return m, ErrNotDemo
	}
	return m, nil
}

func (d *demo) mark(m marker) error {
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	tmp := filepath.Join(d.Dir, MarkerName+".new")
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("mark the demonstration folder: %w", err)
	}
	if err := os.Rename(tmp, filepath.Join(d.Dir, MarkerName)); err != nil {
		return fmt.Errorf("mark the demonstration folder: %w", err)
	}
	return nil
}

func (d *demo) home() string     { return filepath.Join(d.Dir, archiveName) }
func (d *demo) passfile() string { return filepath.Join(d.Dir, PassphraseName) }
func (d *demo) global() []string {
	return []string{"--home", d.home(), "--passphrase-file", d.passfile()}
}

// passphrase writes ten random words' worth of letters.
func (d *demo) passphrase() error {
	return os.WriteFile(d.passfile(), []byte(rand.Text()+rand.Text()+"\n"), 0o600)
}

// say writes a line for people.
func (d *demo) say(format string, args ...any) {
	w := d.Out
	if d.JSON {
		w = d.Err
	}
	fmt.Fprintf(w, format+"\n", args...)
}

// bar is where progress is shown.
func (d *demo) bar() io.Writer {
	if d.Terminal {
		return d.Err
	}
	return io.Discard
}

// report tells what there is.
func (d *demo) report(s *Summary) error {
	if d.JSON {
		b, err := json.Marshal(s)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(d.Out, "%s\n", b)
		return err
	}
	d.say("")
	d.say("%d items (%s, %s of recordings): %s", s.Items, size(s.Bytes), s.Recorded, counts(s.States))
	if len(s.Reasons) > 0 {
		d.say("explained: %s", counts(s.Reasons))
	}
	d.say("custody record verified, database, vault and record agree, every sealed byte checked")
	if c := s.Catalogue; c != nil {
		d.say("")
		d.say("A catalogue of %d things and %d claims, half of it public facts of 2021, half made up; each says which. Try:", c.Entities, c.Claims)
		for _, t := range c.Try {
			d.say("  zapis --home %s --passphrase-file %s %s", d.home(), d.passfile(), t)
		}
	}
	if p := s.Proof; p != nil {
		d.say("")
		d.say("Published, cosigned by %d witnesses and checked by somebody who has nothing else:", len(p.Witnesses))
		d.say("clip:       %s", filepath.Join(p.Release, p.Clip))
		d.say("its proof:  %s", filepath.Join(p.Release, p.Bundle))
		d.say("how much:   %s", filepath.Join(p.Release, p.Scope))
		d.say("log:        %s", p.Public)
		d.say("Try, and then again after changing any byte:")
		for _, t := range p.Try {
			d.say("  %s", t)
		}
		d.say("")
	}
	if r := s.Released; r != nil {
		d.say("Released to a public site, corrected once; another release was withdrawn. Files alone, no script, any web server carries it:")
		d.say("site:       %s", filepath.Join(r.Site, "current", "index.html"))
		d.say("bundles:    %s", r.Bundles)
		d.say("Try:")
		for _, t := range r.Try {
			d.say("  %s", t)
		}
		d.say("")
	}
	d.say("archive:    %s", s.Home)
	d.say("passphrase: %s (for the demonstration only)", s.PassphraseFile)
	return nil
}

func counts(m map[string]int) string {
	var parts []string
	for k, n := range m {
		parts = append(parts, fmt.Sprintf("%d %s", n, k))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func size(n int64) string {
	if n < 10e6 {
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f MB", float64(n)/1e6)
}
