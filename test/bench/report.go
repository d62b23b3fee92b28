package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// figure is one line of the report.
type figure struct {
	Part    string `json:"part"`
	What    string `json:"what"`
	Value   string `json:"value"`
	Spread  string `json:"spread,omitempty"` // noise: lowest to highest round
	Target  string `json:"target,omitempty"`
	Verdict string `json:"verdict,omitempty"` // "met", "missed: …", "not measured: …"
	Note    string `json:"note,omitempty"`
}

// part is one section: what was done, the figures, and raw rounds for whoever wants to check the arithmetic.
type part struct {
	Name    string   `json:"name"`
	Title   string   `json:"title"`
	When    string   `json:"when"`
	Sizes   string   `json:"sizes"`
	How     []string `json:"how"`
	Figures []figure `json:"figures"`
	Rounds  []string `json:"rounds"`
}

// machine says on what the figures were taken.
type machine struct {
	CPU, Kernel, OS, Memory, Disk, Go string
	Cores                             int
	Caches                            string
	Load                              string
}

func thisMachine(scratch string, dropped bool) machine {
	m := machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Caches: "the page cache could not be dropped (not root): readers find their bytes in memory"}
	if dropped {
		m.Caches = "the page cache was dropped before each act (`/proc/sys/vm/drop_caches`)"
	}
	m.CPU = field("/proc/cpuinfo", "model name", ":")
	m.Memory = field("/proc/meminfo", "MemTotal", ":")
	m.OS = strings.Trim(field("/etc/os-release", "PRETTY_NAME", "="), `"`)
	if out, err := exec.Command("uname", "-r").Output(); err == nil {
		m.Kernel = strings.TrimSpace(string(out))
	}
	if out, err := exec.Command("df", "--output=fstype,avail", "-BG", scratch).Output(); err == nil {
		if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); len(lines) > 1 {
			m.Disk = strings.Join(strings.Fields(lines[1]), ", ") + " free"
		}
	}
	if load, err := os.ReadFile("/proc/loadavg"); err == nil {
		m.Load = strings.Fields(string(load))[0]
	}
	return m
}

func field(file, key, sep string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return "?"
	}
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, sep); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return "?"
}

// results is everything measured; it is kept as JSON beside the report so that a run of some parts keeps the others.
type results struct {
	Sizes   string          `json:"sizes"`
	When    string          `json:"when"`
	Machine machine         `json:"machine"`
	Tools   []string        `json:"tools"`
	Parts   map[string]part `json:"parts"`
}

func load(name string) results {
	r := results{Parts: map[string]part{}}
	if b, err := os.ReadFile(name); err == nil {
		_ = json.Unmarshal(b, &r)
	}
	if r.Parts == nil {
		r.Parts = map[string]part{}
	}
	return r
}

var order = []string{"ingest", "big", "fixity", "range", "full", "quick", "page", "proof", "search", "import", "clock", "ocr", "fingerprint", "gap", "redact", "site"}

// write puts the report and its data side by side.
func (r results) write(md string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Benchmarks\n\nMade by `make bench`; do not edit. Last run: %s, sizes: %s.\n\n", r.When, r.Sizes)
	m := r.Machine
	fmt.Fprintf(&b, "Machine: %d cores of %s, memory %s, disk %s, %s, kernel %s, %s. Load when begun: %s. Caches: %s.\n\n", m.Cores, m.CPU, m.Memory, m.Disk, m.OS, m.Kernel, m.Go, m.Load, m.Caches)
	b.WriteString("Every ratio compares two acts of the same round on the same machine; the figure is the median over the rounds, and the spread gives the lowest and the highest round. A ratio below 1 means that Zapis is faster.\n\n")
	b.WriteString("## Targets\n\n| Figure | Measured | Spread | Target | Verdict |\n| --- | --- | --- | --- | --- |\n")
	for _, name := range order {
		for _, f := range r.Parts[name].Figures {
			if f.Target != "" {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", f.What, f.Value, f.Spread, f.Target, f.Verdict)
			}
		}
	}
	for _, name := range order {
		p, ok := r.Parts[name]
		if !ok {
			fmt.Fprintf(&b, "\n## %s\n\nNot measured yet.\n", name)
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\nMeasured %s, sizes: %s.\n\n", p.Title, p.When, p.Sizes)
		for _, h := range p.How {
			fmt.Fprintf(&b, "- %s\n", h)
		}
		b.WriteString("\n| Figure | Measured | Spread | Note |\n| --- | --- | --- | --- |\n")
		for _, f := range p.Figures {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.What, f.Value, f.Spread, f.Note)
		}
		if len(p.Rounds) > 0 {
			b.WriteString("\nRounds:\n\n```\n")
			for _, line := range p.Rounds {
				b.WriteString(line + "\n")
			}
			b.WriteString("```\n")
		}
	}
	if len(r.Tools) > 0 {
		b.WriteString("\n## Programs compared\n\n")
		for _, t := range r.Tools {
			fmt.Fprintf(&b, "- %s\n", t)
		}
	}
	if err := os.MkdirAll(filepath.Dir(md), 0o755); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(strings.TrimSuffix(md, ".md")+".json", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(md, b.Bytes(), 0o644)
}

// atMost gives the figure of a spread of ratios or times against an upper limit.
func atMost(f figure, s spread, unit string, limit float64) figure {
	f.Value, f.Spread = text(s.median(), unit), text(s.low(), unit)+" – "+text(s.high(), unit)
	if limit > 0 {
		f.Target = "≤ " + text(limit, unit)
		switch v := s.median(); {
		case math.IsNaN(v):
			f.Value, f.Spread, f.Verdict = "–", "", "not measured"
		case v <= limit:
			f.Verdict = "met"
		default:
			f.Verdict = fmt.Sprintf("**missed** by %.0f %%", 100*(v/limit-1))
		}
	}
	return f
}

func text(v float64, unit string) string {
	if math.IsNaN(v) {
		return "–"
	}
	switch unit {
	case "×":
		return fmt.Sprintf("%.2f×", v)
	case "ms":
		return fmt.Sprintf("%.3g ms", v)
	case "MiB":
		return fmt.Sprintf("%.0f MiB", v)
	default:
		return strings.TrimSpace(fmt.Sprintf("%.3g %s", v, unit))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func bytesText(n int64) string {
	switch {
	case n >= 1e9:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e9), ".0") + " GB"
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
}

func pow(a, b float64) float64 { return math.Pow(a, b) }

func now() string { return time.Now().UTC().Format("2006-01-02 15:04 UTC") }
