package demo

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"zapis/internal/demo/footage"
)

// build makes footage and takes it in, by the commands that a person would type.
func (d *demo) build(ctx context.Context) (*Summary, error) {
	begun := d.Now()
	d.steps = map[string]int64{}
	d.say("A demonstration archive is built in %s; nothing in it is real.", d.Dir)
	if err := d.passphrase(); err != nil {
		return nil, fmt.Errorf("write the demonstration passphrase: %w", err)
	}
	recorder, odd := filepath.Join(d.Dir, sourceName, "recorder"), filepath.Join(d.Dir, sourceName, "disk")
	if err := d.step("footage", func() error { return d.footage(ctx, recorder, odd) }); err != nil {
		return nil, err
	}
	if _, err := d.zapis(ctx, "init"); err != nil {
		return nil, err
	}
	sum := &Summary{Home: d.home(), PassphraseFile: d.passfile(), States: map[string]int{}, Kinds: map[string]int{}, Reasons: map[string]int{}, Checks: map[string]bool{}, Steps: d.steps}
	for _, a := range []struct{ title, from string }{
		{"Demonstration: recorder of a corridor", recorder},
		{"Demonstration: an old disk", odd},
	} {
		out, err := d.zapis(ctx, "accession", "new", "--title", a.title)
		if err != nil {
			return nil, err
		}
		var made struct{ ID string }
		if err := lastObject(out, &made); err != nil || made.ID == "" {
			return nil, fmt.Errorf("accession new: no identifier: %w", err)
		}
		sum.Accessions = append(sum.Accessions, made.ID)
		// Some of the odd files cannot be taken in whole; that is what they are there for.
		if _, err := d.zapis(ctx, "ingest", "--accession", made.ID, a.from); err != nil && !errors.Is(err, errSomeFailed) {
			return nil, err
		}
	}
	if _, err := d.zapis(ctx, "worker", "--drain", "--passes"); err != nil {
		return nil, err
	}
	receipt := filepath.Join(d.Dir, receiptName)
	if err := os.MkdirAll(receipt, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the receipt: %w", err)
	}
	if _, err := d.zapisIn(ctx, receipt, "accession", "close", sum.Accessions[0]); err != nil {
		return nil, err
	}
	out, err := d.zapis(ctx, "item", "list")
	if err != nil {
		return nil, err
	}
	if err := sum.count(out); err != nil {
		return nil, err
	}
	if sum.Catalogue, err = d.catalogue(ctx, sum.Accessions[0], out); err != nil {
		return nil, err
	}
	if sum.Proof, sum.Released, err = d.prove(ctx, sum.Accessions[0], out, sum.Catalogue.claim); err != nil {
		return nil, err
	}
	for _, check := range [][]string{{"custody", "verify"}, {"fixity", "check", "--all"}, {"fsck"}} {
		if _, err := d.zapis(ctx, check...); err != nil {
			return nil, err
		}
		sum.Checks[strings.Join(check, " ")] = true
	}
	sum.Seconds = d.Now().Sub(begun).Seconds()
	return sum, nil
}

// item is a line of `zapis item list --json`.
type item struct {
	ID, State, Reason, Kind string
	MS                      int64
	Bytes                   int64
}

func (s *Summary) count(lines []byte) error {
	var length time.Duration
	for raw := range bytes.Lines(lines) {
		var it item
		if err := json.Unmarshal(raw, &it); err != nil {
			return fmt.Errorf("item list: %w", err)
		}
		if it.ID == "" {
			continue
		}
		s.Items++
		s.States[it.State]++
		s.Kinds[it.Kind]++
		if it.Reason != "" {
			s.Reasons[it.Reason]++
		}
		s.Bytes += it.Bytes
		length += time.Duration(it.MS) * time.Millisecond
	}
	s.Recorded = length.Round(time.Second).String()
	for _, state := range []string{"sealed", "quarantined"} {
		if n := s.States[state]; n > 0 {
			return fmt.Errorf("%d items are %s after everything was worked", n, state)
		}
	}
	if s.Items == 0 {
		return errors.New("no items were taken in")
	}
	return nil
}

// footage makes the recorder's files and puts packaged samples and odd files on the disk.
func (d *demo) footage(ctx context.Context, recorder, odd string) error {
	o := footage.Options{}
	if d.Quick {
		o.Seconds, o.Cameras, o.Days = 4, 1, 1
	}
	bar := progress{show: d.bar()}
	o.Progress = func(done, total int) { bar.tell(fmt.Sprintf("%d of %d recordings made", done, total)) }
	for _, dir := range []string{recorder, odd} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the folder of the footage: %w", err)
		}
	}
	if err := footage.Generate(ctx, recorder, o); err != nil {
		return fmt.Errorf("make footage: %w", err)
	}
	bar.end()
	if !d.Quick {
		if _, err := footage.MakeOdd(ctx, filepath.Join(odd, "lost+found"), footage.Options{}); err != nil {
			return fmt.Errorf("make odd files: %w", err)
		}
	}
	return d.oddFiles(recorder, odd)
}

// oddFiles lays out what lies on an old disk: samples of the distribution, and what recorders and people do to files.
func (d *demo) oddFiles(recorder, odd string) error {
	for _, s := range footage.Packaged() {
		if d.Quick && !strings.HasSuffix(s.Path, "tree.avi") {
			continue
		}
		if err := copyFile(filepath.Join(odd, "samples", filepath.Base(s.Path)), s.Path, -1); err != nil {
			return err
		}
	}
	var clip string
	var clipSize int64
	err := filepath.WalkDir(recorder, func(at string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if ext := filepath.Ext(at); (ext == ".avi" || ext == ".mkv" || ext == ".mp4") && info.Size() > clipSize {
			clip, clipSize = at, info.Size()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("look through the footage: %w", err)
	}
	if clip == "" {
		return errors.New("look through the footage: no recording was made (is ffmpeg installed?)")
	}
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"copies/again" + filepath.Ext(clip), -1},                                // held once, recorded twice
		{"broken/stopped in the middle" + filepath.Ext(clip), clipSize * 6 / 10}, // as after a power cut
		{"broken/no ending", 900},
	} {
		if err := copyFile(filepath.Join(odd, c.name), clip, c.n); err != nil {
			return err
		}
	}
	return writeAll(odd, map[string]string{
		"broken/empty.avi":           "",
		"papers/list of cameras.txt": "CAM 1  corridor\nCAM 2  yard\nCAM 3  stairs\n",
		"papers/really a letter.mp4": "This is a letter and not a film, whatever its name says.\n",
		"papers/playlist.avi":        "ffconcat version 1.0\nfile '/etc/hostname'\n",
		"папка/журнал дежурств.txt":  "Дежурный: —\n",
		"papers/unknown.bin":         "\x00\x01\x02\x03 a format that nobody knows \xff\xfe",
	})
}

// writtenAt is when the texts of the old disk were last changed.
var writtenAt = time.Date(2020, 8, 15, 9, 12, 0, 0, time.UTC)

func writeAll(dir string, files map[string]string) error {
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			return fmt.Errorf("lay out odd files: %w", err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			return fmt.Errorf("lay out odd files: %w", err)
		}
		if err := os.Chtimes(at, time.Time{}, writtenAt); err != nil {
			return fmt.Errorf("lay out odd files: %w", err)
		}
	}
	return nil
}

// copyFile copies n bytes, or all for -1.
func copyFile(to, from string, n int64) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return fmt.Errorf("lay out odd files: %w", err)
	}
	src, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("lay out odd files: %w", err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("lay out odd files: %w", err)
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	var r io.Reader = src
	if n >= 0 {
		r = io.LimitReader(src, n)
	}
	if _, err := io.Copy(dst, r); err != nil {
		return fmt.Errorf("lay out odd files: %w", err)
	}
	info, err := src.Stat()
	if err != nil {
		return fmt.Errorf("lay out odd files: %w", err)
	}
	return os.Chtimes(to, time.Time{}, info.ModTime()) // a copied disk keeps its times
}

// errSomeFailed: exit code 3, finished and some files failed.
var errSomeFailed = errors.New("some files failed")

func (d *demo) step(name string, f func() error) error {
	start := d.Now()
	defer func() { d.steps[name] += d.Now().Sub(start).Milliseconds() }()
	return f()
}

func (d *demo) zapis(ctx context.Context, args ...string) ([]byte, error) {
	return d.zapisIn(ctx, d.Dir, args...)
}

// zapisIn runs one command as a person would and shows it. What it prints as JSON is returned; what it shows of its
// progress goes to Err.
func (d *demo) zapisIn(ctx context.Context, dir string, args ...string) (out []byte, err error) {
	shown := make([]string, len(args))
	for i, a := range args {
		if strings.ContainsAny(a, " :") {
			a = "'" + a + "'"
		}
		shown[i] = strings.TrimPrefix(a, d.Dir+string(filepath.Separator))
	}
	d.say("$ zapis %s", strings.Join(shown, " "))
	err = d.step(args[0], func() error {
		cmd := exec.CommandContext(ctx, d.Program, append(append(d.global(), "--json"), args...)...)
		cmd.Dir = dir
		cmd.Env = append(Environment(os.Environ()), d.env...)
		stdout := progress{show: d.bar()}
		cmd.Stdout = &stdout
		var problems bytes.Buffer
		cmd.Stderr = &problems
		// Interrupt lets a command finish its batch; it is killed if that takes too long.
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 20 * time.Second
		err := cmd.Run()
		out = stdout.end()
		if err != nil {
			if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 3 {
				return errSomeFailed
			}
			return fmt.Errorf("zapis %s: %w: %s", strings.Join(args[:1], " "), err, lastLines(problems.String(), 3))
		}
		return nil
	})
	if (err == nil || errors.Is(err, errSomeFailed)) && args[0] != "item" {
		d.tell(args, out)
	}
	return out, err
}

// progress takes JSON lines from a command, shows those that tell how far it has come, and keeps the others.
type progress struct {
	show  io.Writer
	rest  []byte
	kept  bytes.Buffer
	shown bool
}

func (p *progress) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, ok := bytes.Cut(p.rest, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		p.line(line)
		p.rest = rest
	}
}

func (p *progress) line(line []byte) {
	var at struct {
		Type, Step                             string
		Files, OfFiles, Bytes, OfBytes         int64
		Waiting, Running, Done, Checked, Total int64
	}
	if json.Unmarshal(bytes.ReplaceAll(line, []byte(`"of_`), []byte(`"of`)), &at) != nil || at.Type != "progress" {
		p.kept.Write(line)
		p.kept.WriteByte('\n')
		return
	}
	text := at.Step
	if at.OfFiles > 0 {
		text = fmt.Sprintf("%d of %d files, %s of %s", at.Files, at.OfFiles, size(at.Bytes), size(at.OfBytes))
	} else if at.Waiting+at.Running+at.Done > 0 {
		text = fmt.Sprintf("%d jobs done, %d running, %d waiting", at.Done, at.Running, at.Waiting)
	}
	p.tell(text)
}

// tell writes over what was told before.
func (p *progress) tell(text string) {
	fmt.Fprintf(p.show, "\r  %-60s", text)
	p.shown = true
}

// end gives what was kept.
func (p *progress) end() []byte {
	p.kept.Write(p.rest)
	if p.shown {
		fmt.Fprintf(p.show, "\r%-62s\r", "")
	}
	return p.kept.Bytes()
}

// tell says in a line what a command came to.
func (d *demo) tell(args []string, out []byte) {
	var last map[string]any
	if lastObject(out, &last) != nil {
		return
	}
	var parts []string
	for _, k := range []string{"id", "found", "received", "duplicates", "skipped", "failed", "completed", "size", "checkpoints", "objects", "blobs", "events", "failures", "errors", "bytes", "seconds"} {
		v, ok := last[k]
		if !ok {
			continue
		}
		if f, isNumber := v.(float64); isNumber {
			v = strings.TrimSuffix(fmt.Sprintf("%.1f", f), ".0")
		} else if v == nil {
			v = "none"
		}
		parts = append(parts, fmt.Sprintf("%s %v", k, v))
	}
	if len(parts) > 0 {
		d.say("  %s", strings.Join(parts, ", "))
	}
}

// Environment takes away settings that could lead the demonstration into a real archive.
func Environment(env []string) []string {
	var out []string
	for _, e := range env {
		if !strings.HasPrefix(e, "ZAPIS_") {
			out = append(out, e)
		}
	}
	return out
}

// lastObject reads the last JSON object of lines.
func lastObject(lines []byte, into any) error {
	var last []byte
	sc := bufio.NewScanner(bytes.NewReader(lines))
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		if line := bytes.TrimSpace(sc.Bytes()); len(line) > 0 && line[0] == '{' {
			last = bytes.Clone(line)
		}
	}
	if last == nil {
		return errors.New("no JSON object")
	}
	return json.Unmarshal(last, into)
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], " / ")
}
