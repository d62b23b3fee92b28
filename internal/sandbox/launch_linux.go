package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// marker is the first argument of a launcher; launcherName is its name. Both must fit.
const (
	marker       = "__sandbox"
	launcherName = "zapis-sandbox"
	// exitSetup is how a launcher ends that could not put up a wall or start the program.
	exitSetup = 125
)

// launcherRoom is address space beyond what the program may fill.
const launcherRoom = 3 << 30

// orders are what the launcher is told.
type orders struct {
	Keep       int      `json:"keep"` // descriptors from 3 that the program gets
	Memory     uint64   `json:"memory"`
	CPU        uint64   `json:"cpu"` // seconds
	Processes  uint64   `json:"processes"`
	Limits     bool     `json:"limits"`
	Privileges bool     `json:"privileges"`
	Landlock   int      `json:"landlock"` // the least interface version that must be there; 0: none
	ReadOnly   []string `json:"read_only,omitempty"`
	Seccomp    bool     `json:"seccomp"`
	Close      bool     `json:"close"`
	Clear      bool     `json:"clear"`
}

// A process that was started as a launcher must never become anything else: whatever program this package is
// linked into, it is taken over here, before main and before tests.
func init() { Main() }

// Main takes over when the process is the sandbox's own launcher, and then does not return. An initialiser of
// this package calls it; calling it first in main as well makes that plain to a reader.
func Main() {
	if len(os.Args) < 4 || os.Args[1] != marker ||
		(os.Args[0] != launcherName && !strings.HasPrefix(os.Args[0], "/proc/self/fd/")) {
		return
	}
	runtime.LockOSThread() // the walls stand around this thread, which is the one that executes the program
	err := launch(os.Args[2], os.Args[3:])
	fmt.Fprintf(os.Stderr, "sandbox: %v\n", err)
	os.Exit(exitSetup)
}

func launch(text string, argv []string) error {
	var o orders
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return errors.New("orders not readable")
	}
	if o.Limits {
		if err := setLimits(o); err != nil {
			return err
		}
	}
	// Without new privileges a set-user-id program gains nothing; Landlock and seccomp ask for it.
	if o.Privileges || o.Landlock > 0 || o.Seccomp {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("no new privileges: %w", err)
		}
	}
	if o.Landlock > 0 {
		if err := shutFiles(o, argv[0]); err != nil {
			return fmt.Errorf("landlock: %w", err)
		}
	}
	if o.Close {
		// The runtime's own descriptors close by themselves; this is for what was inherited.
		if err := unix.CloseRange(uint(3+o.Keep), ^uint(0)>>33, unix.CLOSE_RANGE_CLOEXEC); err != nil {
			return fmt.Errorf("close descriptors: %w", err)
		}
	}
	env := os.Environ()
	if o.Clear {
		// MALLOC_ARENA_MAX: each arena reserves address space, and there are eight a processor otherwise.
		// OMP_THREAD_LIMIT: small pictures are read faster by one thread than by several that wait for each other.
		env = []string{"PATH=/usr/bin", "HOME=/nonexistent", "LC_ALL=C.UTF-8", "MALLOC_ARENA_MAX=4", "OMP_THREAD_LIMIT=1"}
	}
	var calls []unix.SockFilter
	if o.Seccomp {
		var err error
		if calls, err = filter(); err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
	}
	if o.Seccomp {
		if err := loadFilter(calls); err != nil {
			return fmt.Errorf("seccomp: %w", err)
		}
	}
	if err := syscall.Exec(argv[0], argv, env); err != nil {
		return fmt.Errorf("start program: %w", err)
	}
	return nil
}

func setLimits(o orders) error {
	for _, l := range []struct {
		what  int
		value uint64
	}{
		{unix.RLIMIT_CORE, 0},  // a core file would hold the picture
		{unix.RLIMIT_FSIZE, 0}, // pipes only: no file grows by a byte
		{unix.RLIMIT_NOFILE, 64},
		{unix.RLIMIT_MSGQUEUE, 0},
		{unix.RLIMIT_MEMLOCK, 64 << 10},
		{unix.RLIMIT_NPROC, o.Processes},
		{unix.RLIMIT_CPU, o.CPU},
		// What a program can write to is limited as asked. Its address space gets room on top, because the limits hold
		// for this launcher, too, whose runtime has reserved, unused, more than some programs may fill; without the room
		// the launcher would now and then die of a limit that is meant for the program.
		{unix.RLIMIT_DATA, o.Memory},
		{unix.RLIMIT_AS, o.Memory + launcherRoom},
	} {
		if l.what == unix.RLIMIT_NPROC && l.value == 0 {
			continue
		}
		// Through syscall and not unix: the runtime keeps the old limit of open files for what it executes, and
		// only the syscall package tells it.
		if err := setLimit(l.what, l.value); err != nil {
			return err
		}
	}
	return nil
}

func setLimit(what int, value uint64) error {
	if err := syscall.Setrlimit(what, &syscall.Rlimit{Cur: value, Max: value}); err != nil {
		return fmt.Errorf("limit %d: %w", what, err)
	}
	return nil
}

// libraries are what programs of the distribution need to start.
var libraries = []string{"/usr", "/lib", "/lib64", "/etc/alternatives", "/etc/fonts"}

// shutFiles leaves the libraries to be read, the program and its loader to be executed, and nothing else. The
// input is an unnamed file in memory, to which Landlock does not apply.
func shutFiles(o orders, program string) error {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		return err
	}
	if version < o.Landlock {
		return fmt.Errorf("interface version %d, was %d", version, o.Landlock)
	}
	const (
		readFile = ll.AccessFSReadFile
		readDir  = ll.AccessFSReadDir
		execute  = ll.AccessFSExecute
	)
	attr := ll.RulesetAttr{HandledAccessFS: 1<<13 - 1}
	if version >= 2 {
		attr.HandledAccessFS |= ll.AccessFSRefer
	}
	if version >= 3 {
		attr.HandledAccessFS |= ll.AccessFSTruncate
	}
	if version >= 4 {
		attr.HandledAccessNet = ll.AccessNetBindTCP | ll.AccessNetConnectTCP
	}
	if version >= 5 {
		attr.HandledAccessFS |= ll.AccessFSIoctlDev
	}
	if version >= 6 {
		attr.Scoped = 3 // abstract sockets and signals end at this domain
	}
	set, err := ll.LandlockCreateRuleset(&attr, 0)
	if err != nil {
		return fmt.Errorf("create: %w", err)
	}
	defer unix.Close(set)
	allow := func(path string, rights uint64, must bool) error {
		fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			if must {
				return err
			}
			return nil
		}
		defer unix.Close(fd)
		return ll.LandlockAddPathBeneathRule(set, &ll.PathBeneathAttr{ParentFd: fd, AllowedAccess: rights}, 0)
	}
	for _, dir := range append(libraries[:len(libraries):len(libraries)], o.ReadOnly...) {
		if err := allow(dir, readFile|readDir, false); err != nil {
			return fmt.Errorf("folder: %w", err)
		}
	}
	for _, file := range []string{"/etc/ld.so.cache", "/dev/urandom", "/dev/zero"} {
		if err := allow(file, readFile, false); err != nil {
			return fmt.Errorf("file: %w", err)
		}
	}
	if err := allow("/dev/null", readFile|ll.AccessFSWriteFile, false); err != nil {
		return fmt.Errorf("null: %w", err)
	}
	if err := allow(program, readFile|execute, true); err != nil {
		return fmt.Errorf("program: %w", err)
	}
	for _, pattern := range []string{"/lib64/ld-linux*.so*", "/lib/ld-linux*.so*", "/lib/ld-musl*.so*", "/lib/*/ld-linux*.so*"} {
		loaders, _ := filepath.Glob(pattern)
		for _, l := range loaders {
			if err := allow(l, readFile|execute, false); err != nil {
				return fmt.Errorf("loader: %w", err)
			}
		}
	}
	return ll.LandlockRestrictSelf(set, 0)
}
