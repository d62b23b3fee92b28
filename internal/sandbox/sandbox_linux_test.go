package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == standIn {
		runStandIn(os.Args[2:])
		os.Exit(0)
	}
	os.Setenv("SANDBOX_TEST_SECRET", "secret")
	os.Exit(m.Run())
}

// box gives a sandbox with all layers, or skips where the machine has none: CI must have them.
var box = sync.OnceValues(func() (*Sandbox, error) { return New(Options{}) })

func needBox(t *testing.T, layers ...string) *Sandbox {
	t.Helper()
	s, err := box()
	if err != nil {
		if os.Getenv("ZAPIS_TEST_REQUIRE") == "1" {
			t.Fatalf("sandbox: %v", err)
		}
		t.Skipf("sandbox: %v", err)
	}
	for _, l := range layers {
		if l == layerLandlock && s.landlock == 0 || l == layerNamespaces && s.bwrap == "" || l == layerUser && os.Geteuid() != 0 {
			t.Skipf("this machine has no layer %q", l)
		}
	}
	return s
}

// without gives a sandbox with layers taken out.
func (s *Sandbox) minus(layers ...string) *Sandbox {
	t := *s
	t.without = map[string]bool{}
	for _, l := range layers {
		t.without[l] = true
	}
	return &t
}

// lay puts out what the stand-in goes for.
func lay(t *testing.T) prey {
	t.Helper()
	// not below the test's own folder, which other users cannot enter
	dir, err := os.MkdirTemp("/tmp", "sandbox-prey-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := prey{secret: filepath.Join(dir, "secret"), folder: filepath.Join(dir, "open"), parent: os.Getpid(), unix: filepath.Join(dir, "socket")}
	for _, err := range []error{
		os.Chmod(dir, 0o755), os.Mkdir(p.folder, 0o777), os.Chmod(p.folder, 0o777),
		os.WriteFile(p.secret, []byte("secret of the host"), 0o666), os.Chmod(p.secret, 0o666),
		os.WriteFile(p.secret+".own", []byte("secret of the server"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	answer := func(l net.Listener) {
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.Close()
			}
		}()
	}
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answer(tcp)
	p.tcp = tcp.Addr().(*net.TCPAddr).Port
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	p.udp = udp.LocalAddr().(*net.UDPAddr).Port
	local, err := net.Listen("unix", p.unix)
	if err != nil {
		t.Fatal(err)
	}
	answer(local)
	if err := os.Chmod(p.unix, 0o777); err != nil {
		t.Fatal(err)
	}
	p.listens = filepath.Base(dir)
	abstract, err := net.Listen("unix", "@"+p.listens)
	if err != nil {
		t.Fatal(err)
	}
	answer(abstract)
	// a descriptor that was left open by mistake: without the flag that closes it
	fd, err := unix.Open(p.secret, unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD, 40)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(high) })
	p.leaked = high
	return p
}

// sealed gives unnamed memory as inputs are handed over.
func sealed(t *testing.T) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("input", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "input")
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(make([]byte, 8192)); err != nil {
		t.Fatal(err)
	}
	_ = unix.Fchmod(fd, 0o444)
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SEAL|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_WRITE); err != nil {
		t.Fatal(err)
	}
	return f
}

// attack runs the stand-in. Its lines come back by the name of the attempt.
func attack(t *testing.T, s *Sandbox, p prey, l Limits, names ...string) (map[string]string, Result, error) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	var out bytes.Buffer
	r, err := s.Run(context.Background(), Command{
		Path: "/proc/self/fd/3", Args: append(append([]string{standIn}, p.args()...), names...),
		Channels: []Channel{{File: self}, {File: sealed(t)}, {Out: func(r io.Reader) error { _, err := io.Copy(&out, r); return err }}},
		Limits:   l,
	})
	lines := map[string]string{}
	for line := range strings.Lines(out.String()) {
		f := strings.SplitN(strings.TrimSpace(line), "\t", 3)
		if len(f) >= 2 {
			lines[f[1]] = f[0]
			if len(f) == 3 {
				lines[f[1]] += " " + f[2]
			}
		} else if strings.HasPrefix(line, "child ") {
			lines["child"] = strings.TrimSpace(line[6:])
		}
	}
	return lines, r, err
}

// TestEscape is the promise: a decoder that has been taken over does nothing.
func TestEscape(t *testing.T) {
	t.Parallel()
	s := needBox(t)
	if len(attempts)+len(lethal) < 60 {
		t.Fatalf("only %d attempts", len(attempts)+len(lethal))
	}
	for _, way := range []struct {
		name    string
		without []string
		needs   string
	}{
		{"all layers", nil, ""},
		{"without bubblewrap", []string{layerNamespaces}, layerLandlock},
		{"without landlock", []string{layerLandlock}, layerNamespaces},
	} {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			if way.needs != "" {
				needBox(t, way.needs)
			}
			p := lay(t)
			got, r, err := attack(t, s.minus(way.without...), p, Limits{}, "all")
			if err != nil {
				t.Fatalf("stand-in: %v (%s)", err, r.Stderr)
			}
			for name := range attempts {
				switch {
				case got[name] == "":
					t.Errorf("%s: not tried", name)
				case got[name] == "WORKED" && !known(way.name, name):
					t.Errorf("%s: worked", name)
				}
			}
			if b, err := os.ReadFile(p.secret); err != nil || string(b) != "secret of the host" {
				t.Errorf("the file of the host was touched: %q %v", b, err)
			}
			if e, err := os.ReadDir(p.folder); err != nil || len(e) > 0 {
				t.Errorf("the folder of the host was touched: %v %v", e, err)
			}
		})
	}
}

// known are things that one of two walls alone does not stop and that do no harm by themselves: the reader of this
// list should find it short. With all layers it is empty.
func known(way, name string) bool {
	if way == "without landlock" {
		switch name {
		case "read the first process's descriptors", // bubblewrap's own, three pipes of this run
			"read the mount table": // that of the run's own tree
			return true
		}
	}
	return false
}

// TestLayers takes each wall away and sees a named thing happen that it alone prevents.
func TestLayers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		layer   string
		others  []string // that would prevent it too
		attempt string
		limits  Limits
		err     error // of the run, when it is prevented by ending the program
	}{
		{layer: layerLandlock, others: []string{layerNamespaces}, attempt: "read a file of the host"},
		{layer: layerNamespaces, others: []string{layerLandlock}, attempt: "read a file of the host"},
		{layer: layerNamespaces, others: []string{layerLandlock}, attempt: "read the server's command line"},
		{layer: layerNamespaces, others: []string{layerLandlock, layerSeccomp}, attempt: "connect by TCP"},
		{layer: layerLandlock, others: []string{layerNamespaces, layerSeccomp}, attempt: "connect by TCP"},
		{layer: layerSeccomp, others: []string{layerNamespaces, layerLandlock}, attempt: "send by UDP"},
		{layer: layerSeccomp, others: []string{layerNamespaces, layerLandlock}, attempt: "connect to a local service"},
		{layer: layerSeccomp, others: []string{layerNamespaces, layerLandlock}, attempt: "fork"},
		{layer: layerSeccomp, attempt: "leave name spaces"},
		{layer: layerSeccomp, attempt: "be traced"},
		{layer: layerSeccomp, attempt: "make an unnamed executable"},
		{layer: layerSeccomp, attempt: "set up a ring"},
		{layer: layerSeccomp, attempt: "use another binary interface", err: ErrKilled},
		{layer: layerLimits, attempt: "take eight gigabytes"},
		{layer: layerLimits, attempt: "hold many descriptors"},
		{layer: layerLimits, attempt: "leave a core file"},
		{layer: layerLimits, attempt: "spin", limits: Limits{CPU: time.Second, Stall: -1}, err: ErrKilled},
		{layer: layerLimits, others: []string{layerNamespaces, layerLandlock}, attempt: "fill a file"},
		{layer: layerPrivileges, others: []string{layerNamespaces, layerLandlock, layerSeccomp}, attempt: "gain privileges by a program"},
		{layer: layerEnvironment, attempt: "read the server's environment in the own"},
		{layer: layerDescriptors, attempt: "use a descriptor that was left open"},
		{layer: layerWatchdog, attempt: "sleep", limits: Limits{Stall: 300 * time.Millisecond}, err: ErrStalled},
		{layer: layerWatchdog, attempt: "sleep", limits: Limits{Wall: 300 * time.Millisecond}, err: ErrTime},
		{layer: layerOutput, attempt: "flood", limits: Limits{Channels: 1 << 20}, err: ErrOutput},
		{layer: layerUser, others: []string{layerNamespaces, layerLandlock}, attempt: "read a file of the server's user only"},
	} {
		t.Run(c.layer+"/"+c.attempt, func(t *testing.T) {
			t.Parallel()
			s := needBox(t, c.layer)
			if c.attempt == "use another binary interface" && runtime.GOARCH != "amd64" {
				t.Skip("for this processor there is no other interface to try")
			}
			// The address space of the test itself is bounded only by the limit tried here.
			got, r, err := attack(t, s.minus(c.others...), lay(t), c.limits, c.attempt)
			if got[c.attempt] == "WORKED" {
				t.Errorf("with the layer: worked")
			}
			if c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("with the layer: error %v, want %v", err, c.err)
			}
			if c.err == nil && err != nil && !errors.Is(err, ErrKilled) {
				t.Errorf("with the layer: %v (%s)", err, r.Stderr)
			}
			got, r, err = attack(t, s.minus(append(c.others[:len(c.others):len(c.others)], c.layer)...), lay(t), c.limits, c.attempt)
			if got[c.attempt] != "WORKED" {
				t.Errorf("without the layer it should work, or this test shows nothing: %v, %v (%s)", got, err, r.Stderr)
			}
		})
	}
}

// TestNothingOutlivesARun: with the walls that prevent a child taken away, the group still ends with its leader.
func TestNothingOutlivesARun(t *testing.T) {
	t.Parallel()
	s := needBox(t)
	others := []string{layerNamespaces, layerSeccomp, layerLandlock}
	alive := func(without ...string) bool {
		got, r, err := attack(t, s.minus(without...), lay(t), Limits{}, "outlive the run")
		if err != nil || got["child"] == "" {
			t.Fatalf("no child: %v %v (%s)", got, err, r.Stderr)
		}
		var pid int
		fmt.Sscan(got["child"], &pid)
		time.Sleep(50 * time.Millisecond) // for init to reap it
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") {
			return false
		}
		_ = unix.Kill(pid, unix.SIGKILL)
		return true
	}
	if alive(others...) {
		t.Error("a child outlived its run")
	}
	if !alive(append(others, layerGroup)...) {
		t.Error("without the layer it should outlive the run, or this test shows nothing")
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := needBox(t)
	for _, without := range [][]string{nil, {layerNamespaces}} {
		if without != nil && s.landlock == 0 {
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		self, err := os.Open("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		defer self.Close()
		started := make(chan struct{})
		go func() { <-started; cancel() }()
		_, err = s.minus(without...).Run(ctx, Command{
			Path: "/proc/self/fd/3", Args: append(append([]string{standIn}, lay(t).args()...), "read a file of the host", "sleep for long"),
			Channels: []Channel{{File: self}, {File: sealed(t)}, {Out: func(r io.Reader) error {
				b := make([]byte, 1)
				_, err := r.Read(b)
				close(started)
				return err
			}}},
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want cancelled", err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Run(ctx, Command{Path: "/usr/bin/true"}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want cancelled before the start", err)
	}
}

func TestRunErrors(t *testing.T) {
	t.Parallel()
	s := needBox(t)
	ctx := context.Background()
	for _, c := range []struct {
		name string
		cmd  Command
		want error
	}{
		{"exit code", Command{Path: "/usr/bin/false"}, ErrExit},
		{"no program", Command{Path: "/usr/bin/no-such-program"}, ErrSetup},
		{"relative path", Command{Path: "true"}, ErrSetup},
		{"empty channel", Command{Path: "/usr/bin/true", Channels: []Channel{{}}}, ErrSetup},
		{"reader's error", Command{Path: "/usr/bin/yes", Stdout: func(io.Reader) error { return io.ErrNoProgress }}, io.ErrNoProgress},
		{"feeder's error", Command{Path: "/usr/bin/cat", Args: []string{"/proc/self/fd/3"}, Channels: []Channel{{In: func(io.Writer) error { return io.ErrClosedPipe }}}}, io.ErrClosedPipe},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := s.Run(ctx, c.cmd); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
		})
	}
	t.Run("a program that has read enough", func(t *testing.T) {
		t.Parallel()
		self, err := os.Open("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		defer self.Close()
		var out bytes.Buffer
		_, err = s.Run(ctx, Command{
			Path: "/proc/self/fd/3", Args: append(append([]string{standIn}, lay(t).args()...), "read a little"),
			Channels: []Channel{
				{File: self},
				{In: func(w io.Writer) error { _, err := io.Copy(w, io.LimitReader(zeros{}, 64<<20)); return err }},
				{Out: func(r io.Reader) error { _, err := io.Copy(&out, r); return err }},
			},
		})
		if err != nil || !strings.Contains(out.String(), "WORKED") {
			t.Errorf("%v, %q", err, out.String())
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestNoIsolationIsRefused: neither wall around the files means no sandbox, unless the operator allowed it, and
// then the report says so.
func TestNoIsolationIsRefused(t *testing.T) {
	t.Parallel()
	needBox(t)
	try := func(allow bool) (*Sandbox, error) {
		return newSandbox(Options{AllowUnisolated: allow, Bubblewrap: "/usr/bin/false"}, func() (int, error) { return 0, unix.ENOSYS })
	}
	if s, err := try(false); !errors.Is(err, ErrNoIsolation) || s != nil {
		t.Fatalf("error %v, want %v", err, ErrNoIsolation)
	}
	s, err := try(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range s.Report() {
		if l.Name == "file-system" && (l.Active || !strings.Contains(l.Detail, "NOT")) {
			t.Errorf("the report does not say it: %+v", l)
		}
	}
}

// TestLandlockMayNotVanish: a wall that stood at the start and cannot be put up later stops the run.
func TestLandlockMayNotVanish(t *testing.T) {
	t.Parallel()
	s := *needBox(t, layerLandlock)
	s.landlock = 1000
	if _, err := s.Run(context.Background(), Command{Path: "/usr/bin/true"}); !errors.Is(err, ErrSetup) {
		t.Errorf("error %v, want %v", err, ErrSetup)
	}
}

// TestFilterKnowsItsNames guards against misspelt system calls, which would be passed over in silence.
func TestFilterKnowsItsNames(t *testing.T) {
	t.Parallel()
	if runtime.GOARCH != "amd64" {
		t.Skip("names differ by processor; they are checked on one")
	}
	unknown := unknownCalls()
	// of other processors, and newer than the table
	for _, n := range []string{"socketcall", "umount", "fchmodat2"} {
		delete(unknown, n)
	}
	if len(unknown) > 0 {
		t.Errorf("no such system calls: %v", unknown)
	}
}

func unknownCalls() map[string]bool {
	info, err := arch.GetInfo("")
	if err != nil {
		panic(err)
	}
	out := map[string]bool{}
	for _, n := range append(denied[:len(denied):len(denied)], absent...) {
		if _, ok := info.SyscallNames[n]; !ok {
			out[n] = true
		}
	}
	return out
}

// A program may get less memory than the launcher has reserved address space; the launcher must live long enough to start
// it, every time.
func TestSmallMemoryDoesNotKillTheLauncher(t *testing.T) {
	t.Parallel()
	s, err := box()
	if err != nil {
		t.Skip(err)
	}
	for range 40 {
		if _, err := s.Run(context.Background(), Command{Path: "/usr/bin/true", Limits: Limits{Memory: 256 << 20}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestDeathOfTheLauncherIsNoStatementAboutTheMaterial(t *testing.T) {
	t.Parallel()
	crash := []byte("fatal error: runtime: cannot allocate memory\n\nruntime stack:\nruntime.throw\n")
	for _, c := range []struct {
		code   int
		stderr []byte
		want   bool
	}{{2, crash, true}, {1, crash, false}, {2, []byte("Syntax Error: fatal error: no pages"), false}, {2, nil, false}} {
		if got := launcherDied(c.code, c.stderr); got != c.want {
			t.Errorf("launcherDied(%d, %q) = %v", c.code, c.stderr, got)
		}
	}
}
