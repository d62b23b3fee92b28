package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sample is one timed act: a program from start to exit, or a function.
type sample struct {
	Wall time.Duration
	CPU  time.Duration // user and system
	Peak int64         // highest resident memory of one process, bytes; 0 if not taken
}

func (s sample) add(o sample) sample {
	return sample{Wall: s.Wall + o.Wall, CPU: s.CPU + o.CPU, Peak: max(s.Peak, o.Peak)}
}

// command is a program to be timed.
type command struct {
	dir    string
	env    []string
	stdin  io.Reader
	stdout io.Writer
	args   []string
	okExit []int // exit codes beside 0 that count as done
}

// do runs a program to its end and times it. Resident memory is the kernel's own high-water mark (VmHWM), read until
// the process is gone, because ru_maxrss of a child started by vfork also counts its parent.
func do(ctx context.Context, c command) (sample, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir = c.dir
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdin, cmd.Stdout = c.stdin, c.stdout
	var problems bytes.Buffer
	cmd.Stderr = &tail{b: &problems}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return sample{}, fmt.Errorf("start %s: %w", filepath.Base(c.args[0]), err)
	}
	var peak int64
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			peak = max(peak, highWater(cmd.Process.Pid))
			select {
			case <-stop:
				return
			case <-tick.C:
			}
		}
	})
	err := cmd.Wait()
	wall := time.Since(start)
	close(stop)
	watch.Wait()
	s := sample{Wall: wall, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Peak: peak}
	if err != nil && !slices.Contains(c.okExit, cmd.ProcessState.ExitCode()) {
		return s, fmt.Errorf("%s %s: %w: %s", filepath.Base(c.args[0]), firstWord(c.args), err, strings.TrimSpace(problems.String()))
	}
	return s, nil
}

func firstWord(args []string) string {
	for _, a := range args[1:] {
		if !strings.HasPrefix(a, "-") {
			return a
		}
	}
	return ""
}

// tail keeps the last few kilobytes of what a program says.
type tail struct{ b *bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	t.b.Write(p)
	if over := t.b.Len() - 4096; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

// highWater gives VmHWM of a process in bytes, 0 when it is gone.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(status), "VmHWM:")
	if !ok {
		return 0
	}
	n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return n << 10
}

// dropCaches empties the page cache so that every contender reads from the disk. It reports whether it could.
func dropCaches() bool {
	_ = exec.Command("sync").Run()
	return os.WriteFile("/proc/sys/vm/drop_caches", []byte("3\n"), 0o200) == nil
}

// timed runs fn as a sample.
func timed(fn func() error) (sample, error) {
	start := time.Now()
	err := fn()
	return sample{Wall: time.Since(start)}, err
}

// spread is a set of like figures.
type spread []float64

func (s spread) at(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	c := slices.Sorted(slices.Values(s))
	return c[min(len(c)-1, int(q*float64(len(c))))]
}

func (s spread) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	c := slices.Sorted(slices.Values(s))
	if n := len(c); n%2 == 0 {
		return (c[n/2-1] + c[n/2]) / 2
	}
	return c[len(c)/2]
}

func (s spread) low() float64  { return s.at(0) }
func (s spread) high() float64 { return s.at(1) }

var errMissing = errors.New("not installed")

// version gives the first line a program says about itself.
func version(name string, args ...string) string {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil && len(out) == 0 {
		return "?"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return line
}

func have(name string) bool { _, err := exec.LookPath(name); return err == nil }
