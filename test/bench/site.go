package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"zapis/internal/site/sitetest"
)

// site measures the public site: making it from nothing and after one change, how heavy its pages are, and how fast a stock nginx gives
// them out.
func (b *bench) site() (part, error) {
	at, err := b.fresh("site")
	if err != nil {
		return part{}, err
	}
	v, err := sitetest.Load(filepath.Join("verify", "testdata"))
	if err != nil {
		return part{}, err
	}
	n := b.sizes.releases
	releases, out := filepath.Join(at, "releases"), filepath.Join(at, "site")
	if err := v.Fill(releases, n); err != nil {
		return part{}, err
	}
	p := part{Title: fmt.Sprintf("Public site with %d releases", n), How: []string{
		"made-up bundles with proofs that hold, texts in three languages, clips of a kilobyte; `zapis site build` with three languages, from nothing, with nothing changed, and with one release more, the newest",
		"a change is measured after two builds, when both trees are there; every build brings its files to the disk before it ends",
	}}
	build := func() (sample, error) {
		return do(b.ctx, command{args: []string{b.bin, "site", "build", "--releases", releases, "--out", out, "--name", "Night Shift Archive", "--url", "https://night.example/"}})
	}
	var cold, same, one, coldCPU, oneCPU spread
	for round := range b.sizes.rounds {
		if err := os.RemoveAll(out); err != nil {
			return part{}, err
		}
		for i, into := range []*spread{&cold, nil, &same, &one} {
			if i == 3 {
				extra, err := v.Make(n + round)
				if err != nil {
					return part{}, err
				}
				extra.Release.FirstPublished, extra.Release.Published = fmt.Sprintf("2026-11-2%dT09:00:00Z", round%10), fmt.Sprintf("2026-11-2%dT09:00:00Z", round%10)
				if err := extra.Write(releases); err != nil {
					return part{}, err
				}
			}
			s, err := build()
			if err != nil {
				return part{}, err
			}
			if into != nil {
				*into = append(*into, s.Wall.Seconds())
			}
			switch i {
			case 0:
				coldCPU = append(coldCPU, s.CPU.Seconds())
			case 3:
				oneCPU = append(oneCPU, s.CPU.Seconds())
			}
		}
		p.Rounds = append(p.Rounds, fmt.Sprintf("cold %.2f s, nothing changed %.2f s, one release more %.2f s", cold[round], same[round], one[round]))
	}
	p.Figures = append(p.Figures,
		atMost(figure{What: fmt.Sprintf("site of %d releases, from nothing", n), Target: "≤ 20 s"}, cold, "s", 20),
		figure{What: "the same with nothing changed", Value: text(same.median(), "s")},
		atMost(figure{What: "the same with one release more", Target: "≤ 1 s"}, one, "s", 1),
		figure{What: "processor time of these two, which stands when the machine is busy", Value: text(coldCPU.median(), "s") + "; " + text(oneCPU.median(), "s")},
	)
	heaviest, css, err := weights(out)
	if err != nil {
		return part{}, err
	}
	p.Figures = append(p.Figures,
		atMost(figure{What: "heaviest page, packed", Target: "≤ 15 KB"}, spread{heaviest / 1024}, "KB", 15),
		atMost(figure{What: "style sheet, packed", Target: "≤ 6 KB"}, spread{css / 1024}, "KB", 6))
	f, how, err := b.requests(at, out)
	if err != nil {
		return part{}, err
	}
	p.Figures, p.How = append(p.Figures, f), append(p.How, how)
	return p, os.RemoveAll(at)
}

// weights gives the bytes of the heaviest packed page and of the packed style sheet.
func weights(out string) (page, css float64, err error) {
	root, err := filepath.EvalSymlinks(filepath.Join(out, "current"))
	if err != nil {
		return 0, 0, err
	}
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "check.html.gz" {
			return err
		}
		info, err := d.Info()
		switch {
		case err != nil:
		case strings.HasSuffix(name, ".html.gz"):
			page = max(page, float64(info.Size()))
		case strings.HasSuffix(name, ".css.gz"):
			css = float64(info.Size())
		}
		return err
	})
	return page, css, err
}

var nginxInGuide = regexp.MustCompile("(?s)```nginx\n(.*?)```")

// requests asks a stock nginx, one worker, configured as the guide says but for TLS, for the page of a release over 32 lasting connections, and counts
// the processor time of the worker: so many requests a core gives out, however busy the machine is with asking.
func (b *bench) requests(at, out string) (figure, string, error) {
	f := figure{What: "requests a second for each core of nginx", Target: "≥ 20,000 /s"}
	how := "nginx: one worker, configured as in docs/guide/site.md without TLS, the packed page of a release, 32 lasting connections from this machine, 5 s; requests divided by the processor time (user and system) of the worker, so that the asking, which shares the machine, does not count"
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(nginx); err != nil {
		f.Value, f.Verdict = "–", "not measured: nginx is not installed"
		return f, how, nil
	}
	guide, err := os.ReadFile(filepath.Join("docs", "guide", "site.md"))
	if err != nil {
		return f, how, err
	}
	m := nginxInGuide.FindSubmatch(guide)
	if m == nil {
		return f, how, errors.New("the guide shows no configuration of nginx")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return f, how, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		return f, how, err
	}
	conf := strings.ReplaceAll(strings.ReplaceAll(string(m[1]), "listen 443 ssl;", "listen "+addr+";"), "/srv/zapis/site/current", filepath.Join(out, "current"))
	conf = regexp.MustCompile(`(?m)^\s*(ssl_certificate|ssl_certificate_key|server_name) .*\n`).ReplaceAllString(conf, "")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // the folder is closed to others
	}
	name := filepath.Join(at, "nginx.conf")
	whole := fmt.Sprintf("%sdaemon off;\nworker_processes 1;\npid %s/pid;\nerror_log %s/error crit;\nevents {}\nhttp {\ninclude /etc/nginx/mime.types;\nkeepalive_requests 10000000;\n%s\n}\n", user, at, at, conf)
	if err := os.WriteFile(name, []byte(whole), 0o600); err != nil {
		return f, how, err
	}
	cmd := exec.CommandContext(b.ctx, nginx, "-e", filepath.Join(at, "error"), "-c", name)
	if err := cmd.Start(); err != nil {
		return f, how, err
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait() // it was told to stop
	}()
	worker, err := childOf(b.ctx, cmd.Process.Pid)
	if err != nil {
		return f, how, err
	}
	before, err := cpuSeconds(worker)
	if err != nil {
		return f, how, err
	}
	begun := time.Now()
	n, err := ask(b.ctx, addr, 32, 5*time.Second)
	if err != nil {
		return f, how, err
	}
	wall := time.Since(begun).Seconds()
	after, err := cpuSeconds(worker)
	if err != nil {
		return f, how, err
	}
	rate := float64(n) / (after - before)
	f.Value, f.Note, f.Verdict = fmt.Sprintf("%.0f /s", rate), fmt.Sprintf("%d requests in %.1f s of the clock, %.2f s of the worker", n, wall, after-before), "met"
	if rate < 20000 {
		f.Verdict = "**missed**"
	}
	return f, how, nil
}

// childOf waits for the worker of nginx.
func childOf(ctx context.Context, pid int) (int, error) {
	for range 100 {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err == nil && len(strings.Fields(string(raw))) == 1 {
			return strconv.Atoi(strings.Fields(string(raw))[0])
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return 0, errors.New("nginx has no worker")
}

// cpuSeconds is the processor time of a process of one thread, as the scheduler counts it, in nanoseconds.
func cpuSeconds(pid int) (float64, error) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return 0, err
	}
	ran, _, _ := strings.Cut(string(raw), " ")
	n, err := strconv.ParseFloat(ran, 64)
	return n / 1e9, err
}

// ask sends requests over lasting connections, one after another on each, and counts the answers, each of which must be the whole packed page.
func ask(ctx context.Context, addr string, connections int, long time.Duration) (int64, error) {
	var total atomic.Int64
	var wait sync.WaitGroup
	errs := make([]error, connections)
	end := time.Now().Add(long)
	for i := range connections {
		wait.Go(func() {
			errs[i] = func() error {
				c, err := net.Dial("tcp", addr)
				if err != nil {
					return err
				}
				defer c.Close() // only asked
				r := bufio.NewReader(c)
				line := []byte("GET /en/r/corridor-0001.html HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n")
				for ctx.Err() == nil && time.Now().Before(end) {
					if _, err := c.Write(line); err != nil {
						return err
					}
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						return err
					}
					if n, err := io.Copy(io.Discard, res.Body); err != nil || n < 1000 || res.StatusCode != http.StatusOK {
						return errors.Join(err, fmt.Errorf("answer %d of %d bytes", res.StatusCode, n))
					}
					total.Add(1)
				}
				return ctx.Err()
			}()
		})
	}
	wait.Wait()
	return total.Load(), errors.Join(errs...)
}
