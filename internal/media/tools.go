package media

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"zapis/internal/sandbox"
)

// Tools are the programs, found once. Safe for use by several goroutines; the memory budget is shared by all of
// them.
type Tools struct {
	ffmpeg, ffprobe, pdftoppm, pdfinfo string
	tesseract                          string // optional: without it no writing is read
	languages                          []string
	versions                           map[string]string // by program name
	box                                *sandbox.Sandbox
	budget                             int64
	memory                             *semaphore.Weighted
	threads                            int
	logger                             *slog.Logger

	// open turns the choice of the demuxer and the lists of what may be opened off: for tests of the other walls.
	open bool
}

// Find looks for the programs, asks each for its version inside the sandbox and gives ErrNoTool if ffmpeg or
// ffprobe is missing, or sandbox.ErrNoIsolation. Poppler's two are optional: without them papers get no stills.
func Find(o Options) (*Tools, error) {
	t := &Tools{
		versions: map[string]string{}, box: o.Sandbox, budget: o.MemoryBudget, threads: o.Threads, logger: o.Logger,
	}
	if t.logger == nil {
		t.logger = slog.New(slog.DiscardHandler)
	}
	if t.budget <= 0 {
		t.budget = DefaultMemoryBudget
	}
	if t.threads <= 0 {
		t.threads = min(runtime.NumCPU(), 8)
	}
	t.memory = semaphore.NewWeighted(t.budget)
	if t.box == nil {
		box, err := sandbox.New(sandbox.Options{AllowUnisolated: o.AllowUnisolated, Logger: o.Logger})
		if err != nil {
			return nil, err
		}
		t.box = box
	}
	for _, p := range []struct {
		name, given, flag string
		to                *string
		must              bool
	}{
		{"ffmpeg", o.FFmpeg, "-version", &t.ffmpeg, true},
		{"ffprobe", o.FFprobe, "-version", &t.ffprobe, true},
		{"pdftoppm", o.PDFToPPM, "-v", &t.pdftoppm, false},
		{"pdfinfo", o.PDFInfo, "-v", &t.pdfinfo, false},
		{"tesseract", o.Tesseract, "--version", &t.tesseract, false},
	} {
		path := p.given
		if path == "" {
			path = lookUp(p.name)
		}
		if path == "" {
			if p.must {
				return nil, fmt.Errorf("%w: %s", ErrNoTool, p.name)
			}
			continue
		}
		version, err := t.version(path, p.flag)
		if err != nil {
			return nil, fmt.Errorf("ask %s for its version: %w", p.name, err)
		}
		*p.to, t.versions[p.name] = path, version
	}
	if t.tesseract != "" {
		var err error
		if t.languages, err = t.listLanguages(); err != nil {
			return nil, fmt.Errorf("ask tesseract for its languages: %w", err)
		}
	}
	return t, nil
}

// lookUp finds a program in the folders of the system. The search path of the environment is not asked: who can
// set it could put another program before ours.
func lookUp(name string) string {
	for _, dir := range []string{"/usr/bin/", "/usr/local/bin/", "/bin/"} {
		if info, err := os.Stat(dir + name); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return dir + name
		}
	}
	return ""
}

var versionWord = regexp.MustCompile(`(?:version|tesseract) v?([0-9A-Za-z.+~:-]{1,64})`)

func (t *Tools) version(path, flag string) (string, error) {
	var out strings.Builder
	r, err := t.box.Run(context.Background(), sandbox.Command{
		Path: path, Args: []string{flag},
		Stdout: func(r io.Reader) error { _, err := io.Copy(&out, io.LimitReader(r, 4096)); return err },
		Limits: sandbox.Limits{Wall: time.Minute},
	})
	if err != nil {
		return "", err
	}
	m := versionWord.FindStringSubmatch(out.String() + string(r.Stderr))
	if m == nil {
		return "", errors.New("no version in its answer")
	}
	return m[1], nil
}

// Isolation tells which layers of the sandbox are active, for the health page.
func (t *Tools) Isolation() []sandbox.Layer { return t.box.Report() }

// Versions of the programs found.
func (t *Tools) Versions() []Tool {
	var out []Tool
	for _, name := range []string{"ffmpeg", "ffprobe", "pdftoppm", "pdfinfo", "tesseract"} {
		if v, ok := t.versions[name]; ok {
			out = append(out, Tool{name, v})
		}
	}
	return out
}

// call is one run of a program over one input.
type call struct {
	path   string
	name   string
	args   []string
	feed   *feed   // channel 0, or nil
	feeds  []*feed // further ones, the channels after it
	out    []func(io.Reader) error
	stdout func(io.Reader) error
	limits sandbox.Limits
}

// run runs a program and gives its report. The error says what is known of the cause: the caller may know more.
func (t *Tools) run(ctx context.Context, c call) (Report, error) {
	cmd := sandbox.Command{Path: c.path, Args: c.args, Stdout: c.stdout, Limits: c.limits}
	if c.feed != nil {
		cmd.Channels = append(cmd.Channels, c.feed.channel)
	}
	for _, f := range c.feeds {
		cmd.Channels = append(cmd.Channels, f.channel)
	}
	for _, f := range c.out {
		cmd.Channels = append(cmd.Channels, sandbox.Channel{Out: f})
	}
	r, err := t.box.Run(ctx, cmd)
	text, lines := scrub(r.Stderr, r.StderrLost)
	rep := Report{
		Tool: Tool{c.name, t.versions[c.name]}, Args: c.args, ExitCode: r.ExitCode, Errors: text, ErrorLines: lines,
		BytesIn: r.BytesIn, BytesOut: r.BytesOut, WallMS: r.Wall.Milliseconds(), CPUMS: r.CPU.Milliseconds(),
	}
	if c.feed != nil {
		rep.Input = c.feed.how
		if c.feed.bytes > 0 {
			rep.BytesIn = c.feed.bytes
		}
	}
	for _, f := range c.feeds {
		rep.Input = f.how
		rep.BytesIn += f.bytes
	}
	switch {
	case err == nil:
		return rep, nil
	case errors.Is(err, sandbox.ErrStalled), errors.Is(err, sandbox.ErrTime):
		return rep, fmt.Errorf("run %s: %w: %w", c.name, ErrTimedOut, err)
	case errors.Is(err, sandbox.ErrOutput):
		return rep, fmt.Errorf("run %s: %w: %w", c.name, ErrTooLarge, err)
	case errors.Is(err, sandbox.ErrKilled):
		return rep, fmt.Errorf("run %s: %w: %w", c.name, ErrNoReport, err)
	}
	return rep, fmt.Errorf("run %s: %w", c.name, err)
}

// lines that say nothing about the material
var chatter = regexp.MustCompile(`(?m)^Warning: using insecure memory!\n?`)

// paths and addresses of memory
var (
	pathWord    = regexp.MustCompile(`(?:[a-z]+:)?/[^\s'":,;()]+`)
	pointerWord = regexp.MustCompile(`0x[0-9a-f]{6,}`)
	tagText     = regexp.MustCompile(`'[^'\n]*'|"[^"\n]*"`)
)

// scrub makes what a program wrote on standard error fit to be kept: no paths, no addresses of memory, no quoted
// text (which may be from the file), printable characters only.
func scrub(b []byte, lost int64) (string, int) {
	s := strings.ToValidUTF8(string(b), "?")
	s = chatter.ReplaceAllString(s, "")
	s = pathWord.ReplaceAllString(s, "-")
	s = pointerWord.ReplaceAllString(s, "0x-")
	s = tagText.ReplaceAllString(s, "'-'")
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r >= ' ' && r != 0x7f && strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
	s = strings.TrimSpace(s)
	if s == "" {
		return "", 0
	}
	lines := strings.Count(s, "\n") + 1
	if lost > 0 {
		lines += int(lost / 80) // about: a line of ffmpeg has so many bytes
	}
	return s, lines
}

// Threads is how many threads a decoder or encoder may use.
func (t *Tools) Threads() int { return t.threads }
