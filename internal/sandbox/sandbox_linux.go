package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// Names of the layers.
const (
	layerLandlock    = "landlock"
	layerNamespaces  = "namespaces"
	layerSeccomp     = "seccomp"
	layerLimits      = "limits"
	layerPrivileges  = "no-new-privileges"
	layerUser        = "own-user"
	layerEnvironment = "empty-environment"
	layerDescriptors = "closed-descriptors"
	layerWatchdog    = "watchdog"
	layerGroup       = "killed-as-a-group"
	layerOutput      = "output-caps"
)

// Sandbox runs programs. Safe for use by several goroutines.
type Sandbox struct {
	bwrap    string // empty: not used
	landlock int    // interface version; 0: not used
	readOnly []string
	logger   *slog.Logger
	layers   []Layer
	without  map[string]bool // layers taken out, by tests only
	users    *atomic.Uint32  // gives each run of a privileged server its own user
}

// firstUser begins the range of user numbers that runs of a server started as root take turns in. No
// distribution gives these out.
const (
	firstUser = 2_000_000_000
	userCount = 1 << 16
)

// New tries every layer on a program that does nothing and keeps those that work. Without isolation of the file
// system it gives ErrNoIsolation, unless the operator allowed that.
func New(o Options) (*Sandbox, error) { return newSandbox(o, ll.LandlockGetABIVersion) }

func newSandbox(o Options, landlockVersion func() (int, error)) (*Sandbox, error) {
	s := &Sandbox{readOnly: o.ReadOnly, logger: o.Logger, users: new(atomic.Uint32)}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	probe := func(t *Sandbox) error {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, err := t.Run(ctx, Command{Path: "/usr/bin/true"})
		return err
	}
	// The layers that every Linux has come first: without them there is nothing to build on.
	if err := probe(s); err != nil {
		return nil, fmt.Errorf("try sandbox: %w: %w", ErrNoIsolation, err)
	}
	var landlockDetail, namespaceDetail string
	if version, err := landlockVersion(); err != nil || version < 1 {
		landlockDetail = "not in this kernel, or switched off"
	} else {
		t := *s
		t.landlock = version
		if err := probe(&t); err != nil {
			landlockDetail = "does not work here: " + err.Error()
		} else {
			s.landlock = version
			landlockDetail = "interface version " + strconv.Itoa(version)
			if version < 4 {
				landlockDetail += "; network rules need version 4"
			}
		}
	}
	bwrap := o.Bubblewrap
	for _, p := range []string{"/usr/bin/bwrap", "/usr/local/bin/bwrap"} {
		if _, err := os.Stat(p); bwrap == "" && err == nil {
			bwrap = p
		}
	}
	if bwrap == "" {
		namespaceDetail = "bubblewrap is not installed"
	} else {
		t := *s
		t.bwrap = bwrap
		if err := probe(&t); err != nil {
			namespaceDetail = "bubblewrap does not work here: " + err.Error()
		} else {
			s.bwrap = bwrap
			namespaceDetail = "bubblewrap: own file tree, processes, network, names"
		}
	}
	if s.bwrap == "" && s.landlock == 0 && !o.AllowUnisolated {
		return nil, fmt.Errorf("%w: landlock: %s; namespaces: %s", ErrNoIsolation, landlockDetail, namespaceDetail)
	}
	files := Layer{Name: "file-system", Active: s.bwrap != "" || s.landlock > 0, Detail: "isolated"}
	if !files.Active {
		files.Detail = "NOT isolated: the operator allowed it. A hostile file can read what this server can read"
	}
	user := Layer{Name: layerUser, Active: os.Geteuid() == 0, Detail: "each run has a user number of its own"}
	if !user.Active {
		user.Detail = "runs as the server's user; start the server as root for one user a run (not needed)"
	}
	swap := Layer{Name: "no-swap", Active: true, Detail: "nothing held in memory can reach a disk"}
	if b, err := os.ReadFile("/proc/swaps"); err != nil {
		swap.Active, swap.Detail = false, "not known"
	} else if strings.Count(strings.TrimSpace(string(b)), "\n") > 0 {
		swap.Active, swap.Detail = false, "swap is on: decoded pictures may be written to it; switch it off or encrypt it"
	}
	s.layers = []Layer{
		files,
		{layerLandlock, s.landlock > 0, landlockDetail},
		{layerNamespaces, s.bwrap != "", namespaceDetail},
		{layerSeccomp, true, "no sockets, no processes, no tracing, no mounts; foreign binary interfaces end the process"},
		{layerLimits, true, "memory, processor time, descriptors, no files written, no core file"},
		{layerPrivileges, true, "no new privileges"},
		user,
		{layerEnvironment, true, "nothing of the server's environment"},
		{layerDescriptors, true, "only the descriptors handed over"},
		{layerWatchdog, true, "wall clock and standstill"},
		{layerGroup, true, "ended as a group; nothing outlives a run"},
		{layerOutput, true, "bytes out are counted and capped"},
		swap,
	}
	return s, nil
}

// Report tells which layers are active.
func (s *Sandbox) Report() []Layer { return append([]Layer(nil), s.layers...) }

func (s *Sandbox) has(layer string) bool { return !s.without[layer] }

func (l Limits) orDefault() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&l.CPU, 6*time.Hour)
	set(&l.Wall, 12*time.Hour)
	set(&l.Stall, time.Minute)
	if l.Memory == 0 {
		l.Memory = 4 << 30
	}
	if l.Stderr == 0 {
		l.Stderr = 64 << 10
	}
	if l.Channels == 0 {
		l.Channels = 64 << 30
	}
	return l
}

// command builds the process: [bwrap …] launcher orders program arguments.
func (s *Sandbox) command(c Command, l Limits) (*exec.Cmd, []*os.File, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, nil, fmt.Errorf("%w: own executable: %w", ErrSetup, err)
	}
	o := orders{
		Keep: len(c.Channels), Memory: uint64(l.Memory), CPU: uint64((l.CPU + time.Second - 1) / time.Second),
		Limits: s.has(layerLimits), Privileges: s.has(layerPrivileges), Seccomp: s.has(layerSeccomp),
		Close: s.has(layerDescriptors), Clear: s.has(layerEnvironment), ReadOnly: s.readOnly,
	}
	if s.has(layerLandlock) {
		o.Landlock = s.landlock
	}
	root := os.Geteuid() == 0 && s.has(layerUser)
	namespaces := s.bwrap != "" && s.has(layerNamespaces)
	if namespaces || root {
		o.Processes = 256 // threads; counted for the run alone in these two cases only
	}
	text, err := json.Marshal(o)
	if err != nil {
		return nil, nil, errors.Join(err, self.Close())
	}
	fd := "/proc/self/fd/" + strconv.Itoa(3+len(c.Channels))
	tail := append([]string{marker, string(text), c.Path}, c.Args...)
	cmd := &exec.Cmd{Path: fd, Args: append([]string{launcherName}, tail...), Env: []string{}}
	if !s.has(layerEnvironment) {
		cmd.Env = os.Environ()
	}
	if namespaces {
		cmd.Path = s.bwrap
		cmd.Args = append(append([]string{"bwrap"}, s.tree(c.Path)...), append([]string{"--", fd}, tail...)...)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if root {
		n := firstUser + s.users.Add(1)%userCount
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: n, Gid: n, Groups: []uint32{}}
	}
	return cmd, []*os.File{self}, nil
}

// tree gives bubblewrap's options: a file tree of the libraries only, and new namespaces of every sort.
func (s *Sandbox) tree(program string) []string {
	a := []string{"--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534"}
	if s.has(layerEnvironment) {
		a = append(a, "--clearenv")
	}
	a = append(a, "--ro-bind", "/usr", "/usr")
	for _, dir := range []string{"/lib", "/lib64", "/bin", "/sbin"} {
		if to, err := os.Readlink(dir); err == nil {
			a = append(a, "--symlink", to, dir)
		} else if _, err := os.Stat(dir); err == nil {
			a = append(a, "--ro-bind", dir, dir)
		}
	}
	for _, f := range []string{"/etc/alternatives", "/etc/fonts", "/etc/ld.so.cache"} {
		a = append(a, "--ro-bind-try", f, f)
	}
	for _, dir := range s.readOnly {
		a = append(a, "--ro-bind-try", dir, dir)
	}
	// A program outside the libraries' folders; one named by a descriptor comes with it.
	if !strings.HasPrefix(program, "/usr/") && !strings.HasPrefix(program, "/proc/self/fd/") {
		a = append(a, "--ro-bind-try", program, program)
	}
	a = append(a, "--proc", "/proc", "--dir", "/dev")
	for _, f := range []string{"/dev/null", "/dev/zero", "/dev/urandom"} {
		a = append(a, "--dev-bind-try", f, f)
	}
	return append(a, "--remount-ro", "/")
}

// Run runs one program to its end and gives an error unless it ended by itself with code 0 and every channel was
// read without one. The result is filled in either way, as far as known.
func (s *Sandbox) Run(ctx context.Context, c Command) (Result, error) {
	if !filepath.IsAbs(c.Path) {
		return Result{}, fmt.Errorf("%w: the program's path is not absolute", ErrSetup)
	}
	l := c.Limits.orDefault()
	// The death signal is tied to the thread that starts the process, so that thread must last as long.
	type outcome struct {
		result Result
		err    error
	}
	done := make(chan outcome, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		r, err := s.run(ctx, c, l)
		done <- outcome{r, err}
	}()
	o := <-done
	return o.result, o.err
}

func (s *Sandbox) run(ctx context.Context, c Command, l Limits) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	cmd, extra, err := s.command(c, l)
	if err != nil {
		return Result{}, err
	}
	r := &running{sandbox: s, limits: l, cmd: cmd}
	// theirs are the program's ends of the pipes: closed here as soon as it has them
	theirs := extra
	closeAll := func(files []*os.File) {
		for _, f := range files {
			_ = f.Close() // nothing was written to them by us
		}
	}
	pipe := func(read bool) (*os.File, *os.File, error) {
		a, b, err := os.Pipe()
		if err != nil {
			return nil, nil, fmt.Errorf("%w: pipe: %w", ErrSetup, err)
		}
		if read {
			a, b = b, a
		}
		theirs = append(theirs, a)
		r.ours = append(r.ours, b)
		return a, b, nil
	}
	fail := func(err error) (Result, error) {
		closeAll(theirs)
		closeAll(r.ours)
		return Result{}, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fail(fmt.Errorf("%w: %w", ErrSetup, err))
	}
	theirs = append(theirs, null)
	cmd.Stdin = null
	// reading: what the program writes
	read := func(f func(io.Reader) error) (*os.File, error) {
		w, rd, err := pipe(true)
		if err != nil {
			return nil, err
		}
		r.readers = append(r.readers, reader{rd, f})
		return w, nil
	}
	cmd.Stdout = null
	if c.Stdout != nil {
		w, err := read(c.Stdout)
		if err != nil {
			return fail(err)
		}
		cmd.Stdout = w
	}
	ew, er, err := pipe(true)
	if err != nil {
		return fail(err)
	}
	cmd.Stderr = ew
	for i, ch := range c.Channels {
		switch {
		case ch.File != nil:
			cmd.ExtraFiles = append(cmd.ExtraFiles, ch.File)
		case ch.Out != nil:
			w, err := read(ch.Out)
			if err != nil {
				return fail(err)
			}
			cmd.ExtraFiles = append(cmd.ExtraFiles, w)
		case ch.In != nil:
			rd, w, err := pipe(false)
			if err != nil {
				return fail(err)
			}
			r.writers = append(r.writers, writer{w, ch.In})
			cmd.ExtraFiles = append(cmd.ExtraFiles, rd)
		default:
			return fail(fmt.Errorf("%w: channel %d is empty", ErrSetup, i))
		}
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, extra[0])
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return fail(fmt.Errorf("%w: %w", ErrSetup, err))
	}
	closeAll(theirs)
	return r.wait(ctx, er, start)
}

type reader struct {
	file *os.File
	use  func(io.Reader) error
}

type writer struct {
	file *os.File
	use  func(io.Writer) error
}

// running is one run under way.
type running struct {
	sandbox *Sandbox
	limits  Limits
	cmd     *exec.Cmd
	ours    []*os.File
	readers []reader
	writers []writer

	in, out  atomic.Int64
	lastMove atomic.Int64 // of the monotonic clock, ns since start

	mu    sync.Mutex
	cause error // why it is being ended, the first reason
	read  bool  // that reason came from reading what it wrote
	stop  chan struct{}
	once  sync.Once
}

// end asks for the program to be ended, for the first reason given.
func (r *running) end(cause error) {
	r.mu.Lock()
	if r.cause == nil {
		r.cause = cause
	}
	r.mu.Unlock()
	r.once.Do(func() { close(r.stop) })
}

// endRead is end for what a reader found.
func (r *running) endRead(cause error) {
	r.mu.Lock()
	r.read = r.read || r.cause == nil
	r.mu.Unlock()
	r.end(cause)
}

func (r *running) wait(ctx context.Context, stderr *os.File, start time.Time) (Result, error) {
	r.stop = make(chan struct{})
	moved := func() { r.lastMove.Store(int64(time.Since(start))) }
	var channels sync.WaitGroup
	for _, rd := range r.readers {
		channels.Go(func() {
			counted := &countingReader{r: rd.file, total: &r.out, moved: moved, left: r.limits.Channels, capped: r.sandbox.has(layerOutput)}
			err := rd.use(counted)
			if counted.over {
				err = ErrOutput
			}
			if err != nil {
				r.endRead(fmt.Errorf("read channel: %w", err))
			}
			// What nobody wants must still flow, or the program blocks before it can end.
			_, _ = io.Copy(io.Discard, counted)
			_ = rd.file.Close()
		})
	}
	for _, w := range r.writers {
		channels.Go(func() {
			counted := &countingWriter{w: w.file, total: &r.in, moved: moved}
			err := w.use(counted)
			if counted.closed {
				err = nil // the program has read enough
			}
			if err != nil {
				r.end(fmt.Errorf("feed: %w", err))
			}
			_ = w.file.Close()
		})
	}
	kept := &head{limit: r.limits.Stderr}
	channels.Go(func() {
		_, _ = io.Copy(kept, stderr)
		_ = stderr.Close()
	})

	dead := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() { r.watch(ctx, start, dead) })

	// Wait for the end without reaping: as long as the leader is there, its group's number cannot be given to
	// somebody else, and the rest of the group can be ended safely.
	pid := r.cmd.Process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if r.sandbox.has(layerGroup) {
		_ = unix.Kill(-pid, unix.SIGKILL) // usually nobody is left
	}
	close(dead)
	watch.Wait()
	waitErr := r.cmd.Wait()

	drained := make(chan struct{})
	go func() { channels.Wait(); close(drained) }()
	select {
	case <-drained:
	case <-time.After(10 * time.Second):
		// Something holds our pipes. Nothing that came through them counts.
		r.end(fmt.Errorf("%w: channels stayed open", ErrStalled))
		for _, f := range r.ours {
			_ = f.Close()
		}
		<-drained
	}

	result := Result{
		Stderr: kept.b, StderrLost: kept.lost, BytesIn: r.in.Load(), BytesOut: r.out.Load(), Wall: time.Since(start),
	}
	if state := r.cmd.ProcessState; state != nil {
		result.CPU = state.SystemTime() + state.UserTime()
		if u, ok := state.SysUsage().(*syscall.Rusage); ok {
			result.MaxMemory = u.Maxrss << 10
		}
		status := state.Sys().(syscall.WaitStatus)
		result.ExitCode = status.ExitStatus()
		switch {
		case status.Signaled():
			result.ExitCode, result.Signal = -1, unix.SignalName(status.Signal())
		case result.ExitCode > 128 && result.ExitCode < 128+65 && r.sandbox.bwrap != "":
			result.Signal = unix.SignalName(syscall.Signal(result.ExitCode - 128)) // as bubblewrap passes it on
		}
	}
	r.mu.Lock()
	cause, read := r.cause, r.read
	r.mu.Unlock()
	// A program that gives up leaves its output short, so that the reader complains before the code is known. Both
	// are told. (255 is how ffmpeg ends when it is asked to.)
	gaveUp := result.Signal == "" && result.ExitCode > 0 && result.ExitCode != exitSetup && result.ExitCode != 255
	switch {
	case cause != nil && read && gaveUp:
		return result, fmt.Errorf("%w %d: %w", ErrExit, result.ExitCode, cause)
	case cause != nil:
		return result, cause
	case result.Signal != "":
		return result, fmt.Errorf("%w %s", ErrKilled, result.Signal)
	case result.ExitCode == exitSetup:
		return result, fmt.Errorf("%w: %s", ErrSetup, strings.TrimSpace(string(kept.b)))
	case launcherDied(result.ExitCode, kept.b):
		return result, fmt.Errorf("%w: the launcher died", ErrSetup)
	case result.ExitCode != 0:
		return result, fmt.Errorf("%w %d", ErrExit, result.ExitCode)
	case waitErr != nil:
		return result, fmt.Errorf("wait: %w", waitErr)
	}
	return result, nil
}

// launcherDied tells the death of the launcher's own Go runtime from a program that gives up: it must never pass for
// a statement about the material. A program that pretends to be a dying launcher gains a retry.
func launcherDied(code int, stderr []byte) bool {
	return code == 2 && bytes.Contains(stderr, []byte("fatal error: ")) && bytes.Contains(stderr, []byte("\nruntime"))
}

// watch ends the program when it is cancelled, out of time or at a standstill: SIGTERM to the group, SIGKILL
// three seconds later.
func (r *running) watch(ctx context.Context, start time.Time, dead <-chan struct{}) {
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	pid := r.cmd.Process.Pid
	var terminated, asked time.Time
	cancelled, stopped := ctx.Done(), (<-chan struct{})(r.stop)
	terminate := func() {
		if terminated.IsZero() {
			terminated = time.Now()
			_ = unix.Kill(-pid, unix.SIGTERM)
		}
	}
	for {
		select {
		case <-dead:
			return
		case <-cancelled:
			cancelled = nil
			r.end(context.Cause(ctx))
			terminate()
		case <-stopped:
			stopped = nil
			asked = time.Now()
			r.mu.Lock()
			if !r.read {
				terminate()
			}
			r.mu.Unlock()
		case <-tick.C:
		}
		// A reader that complains has often seen a program's last words: leave it the time to end by itself, so
		// that its code is known.
		if !asked.IsZero() && time.Since(asked) > 500*time.Millisecond {
			terminate()
		}
		if !terminated.IsZero() && time.Since(terminated) > 3*time.Second {
			_ = unix.Kill(-pid, unix.SIGKILL)
		}
		if !r.sandbox.has(layerWatchdog) {
			continue
		}
		since := time.Since(start)
		if since > r.limits.Wall {
			r.end(fmt.Errorf("%w: %v", ErrTime, r.limits.Wall))
		}
		if r.limits.Stall > 0 && since-time.Duration(r.lastMove.Load()) > r.limits.Stall {
			r.end(fmt.Errorf("%w for %v", ErrStalled, r.limits.Stall))
		}
	}
}

// countingReader counts and caps what comes out.
type countingReader struct {
	r      io.Reader
	total  *atomic.Int64
	moved  func()
	left   int64
	capped bool
	over   bool
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.total.Add(int64(n))
		c.moved()
		if c.left -= int64(n); c.left < 0 && c.capped && !c.over {
			c.over = true
			return 0, ErrOutput
		}
	}
	if errors.Is(err, os.ErrClosed) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// countingWriter counts what goes in, and notices when the program does not want more.
type countingWriter struct {
	w      io.Writer
	total  *atomic.Int64
	moved  func()
	closed bool
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if n > 0 {
		c.total.Add(int64(n))
		c.moved()
	}
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrClosed) {
		c.closed = true
	}
	return n, err
}

// head keeps the first bytes and counts the rest.
type head struct {
	b     []byte
	limit int
	lost  int64
}

func (h *head) Write(p []byte) (int, error) {
	k := min(h.limit-len(h.b), len(p))
	h.b = append(h.b, p[:k]...)
	h.lost += int64(len(p) - k)
	return len(p), nil
}
