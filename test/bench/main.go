package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"zapis/internal/sandbox"
)

// sizes say how much of everything is measured.
type sizes struct {
	name                string
	rounds              int
	big, small          int
	bigSize, singleSize int64
	peersOnSingle       bool
	videoSeconds        int // length of the recording for the full pass
	quickFiles          int // recordings for the quick pass
	items               int // rows behind the archive page
	pageRequests        int
	leaves              int // events of the record that proofs are made from
	documents           int // texts that are searched
	releases            int // of the public site
}

var known = map[string]sizes{
	"full":  {name: "full", rounds: 3, big: 8, bigSize: 400e6, small: 5000, singleSize: 10e9, peersOnSingle: true, videoSeconds: 120, quickFiles: 6, items: 1_000_000, pageRequests: 1000, leaves: 10_000_000, documents: 1_000_000, releases: 1000},
	"small": {name: "small (a quick look: no verdict on these sizes is final)", rounds: 3, big: 2, bigSize: 60e6, small: 400, singleSize: 300e6, videoSeconds: 20, quickFiles: 3, items: 20_000, pageRequests: 200, leaves: 200_000, documents: 100_000, releases: 100},
}

// bench carries what the parts share.
type bench struct {
	ctx     context.Context
	sizes   sizes
	scratch string
	bin     string
	cold    bool
	results results
	mixed   set
	single  set
	kept    home // a home that holds the mixed set, once a part has made it
}

func main() {
	sandbox.Main() // this program is also the launcher of the media programs
	sizeName := flag.String("sizes", "full", "full or small")
	only := flag.String("only", "", "comma-separated parts: "+strings.Join(order, ", "))
	dir := flag.String("dir", "", "folder on the disk to be measured; a fresh folder is made in it and removed at the end (default: the system's folder for temporary files)")
	out := flag.String("out", "docs/reference/benchmarks.md", "the report; its data go beside it as .json")
	bin := flag.String("zapis", "", "the binary to measure (default: built from this checkout)")
	rounds := flag.Int("rounds", 0, "rounds of each comparison (default: by size)")
	skipPeers := flag.Bool("no-peers", false, "leave out restic, borg, git-annex and rclone; the report says so")
	flag.Parse()
	s, ok := known[*sizeName]
	if !ok || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "bench: -sizes is full or small, and there are no other arguments")
		os.Exit(2)
	}
	if *rounds > 0 {
		s.rounds = *rounds
	}
	wanted := order
	if *only != "" {
		wanted = strings.Split(*only, ",")
		for _, w := range wanted {
			if !slices.Contains(order, w) {
				fmt.Fprintf(os.Stderr, "bench: no part is called %q\n", w)
				os.Exit(2)
			}
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	b := &bench{ctx: ctx, sizes: s, bin: *bin, results: load(strings.TrimSuffix(*out, ".md") + ".json")}
	if err := b.run(*dir, *out, wanted, *skipPeers); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) run(dir, out string, wanted []string, skipPeers bool) (err error) {
	if b.scratch, err = os.MkdirTemp(dir, "zapis-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.scratch)) }()
	if b.bin == "" {
		b.bin = filepath.Join(b.scratch, "zapis")
		cmd := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.bin, "./cmd/zapis")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build zapis: %w: %s", err, text)
		}
	}
	b.cold = dropCaches()
	b.results.Sizes, b.results.When, b.results.Machine = b.sizes.name, now(), thisMachine(b.scratch, b.cold)
	rivals := []contender{}
	if !skipPeers {
		rivals = peers()
	}
	parts := map[string]func() (part, error){
		"ingest": func() (part, error) { return b.ingestMixed(rivals) },
		"big":    func() (part, error) { return b.ingestSingle(rivals) },
		"fixity": b.fixity,
		"range":  b.ranges,
		"full":   b.fullPass,
		"quick":  b.quickPass,
		"page":   b.page,
		"proof":  b.proof,
		"search": b.search,
		"site":   b.site,
		"import": b.importing,
		"clock":  b.clocks,
		"ocr":    b.ocr,

		"fingerprint": b.fingerprint,
		"redact":      b.redact,
		"gap":         b.gaps,
	}
	for _, name := range order {
		if !slices.Contains(wanted, name) {
			continue
		}
		start := time.Now()
		b.say("== %s", name)
		p, err := parts[name]()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.Name, p.When, p.Sizes = name, now(), b.sizes.name
		b.results.Parts[name] = p
		for _, f := range p.Figures {
			b.say("   %-58s %12s  %-20s %s", f.What, f.Value, f.Target, f.Verdict)
		}
		b.say("   (%s)", seconds(time.Since(start)))
		// Written after each part, so that an interrupted run keeps what it has.
		if err := b.results.write(out); err != nil {
			return err
		}
	}
	b.say("written: %s", out)
	return nil
}

func (b *bench) say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// fresh gives an empty folder on the measured disk.
func (b *bench) fresh(name string) (string, error) {
	return os.MkdirTemp(b.scratch, name+"-")
}

func (b *bench) cool() {
	if b.cold {
		dropCaches()
	}
}

func (b *bench) mixedSet() (set, error) {
	if b.mixed.Files == 0 {
		b.say("   making %d × %s and %d small files", b.sizes.big, bytesText(b.sizes.bigSize), b.sizes.small)
		s, err := mixedSet(filepath.Join(b.scratch, "mixed"), b.sizes.big, b.sizes.bigSize, b.sizes.small)
		if err != nil {
			return s, err
		}
		b.mixed = s
	}
	return b.mixed, nil
}

func (b *bench) singleSet() (set, error) {
	if b.single.Files == 0 {
		b.say("   making one file of %s", bytesText(b.sizes.singleSize))
		s, err := oneFile(filepath.Join(b.scratch, "single"), b.sizes.singleSize)
		if err != nil {
			return s, err
		}
		b.single = s
	}
	return b.single, nil
}
