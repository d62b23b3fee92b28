package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// This file is the stand-in for a decoder that a hostile file has taken over: the test's own executable, started
// inside the sandbox. It tries one thing after another and says which of them worked.

// prey is what the test has laid out for the stand-in to go for.
type prey struct {
	secret  string // a file that everybody may read and write
	folder  string // a folder that everybody may write to
	parent  int    // process number of the test
	tcp     int
	udp     int
	unix    string
	leaked  int // a descriptor of the test that was left open
	listens string
}

func (p prey) args() []string {
	return []string{p.secret, p.folder, strconv.Itoa(p.parent), strconv.Itoa(p.tcp), strconv.Itoa(p.udp), p.unix, strconv.Itoa(p.leaked), p.listens}
}

func preyOf(a []string) prey {
	n := func(i int) int { v, _ := strconv.Atoi(a[i]); return v }
	return prey{a[0], a[1], n(2), n(3), n(4), a[5], n(6), a[7]}
}

const standIn = "__stand-in"

// attempt gives nil when it worked, that is: when the sandbox failed.
type attempt func(p prey) error

func call6(n uintptr, a ...uintptr) error {
	for len(a) < 6 {
		a = append(a, 0)
	}
	_, _, e := syscall.Syscall6(n, a[0], a[1], a[2], a[3], a[4], a[5])
	return refusedOr(e)
}

var errOther = errors.New("went through and failed for another reason")

// refusedOr counts a call as having come through unless it was refused as such: the arguments here are often
// nonsense, and "invalid argument" would mean that the kernel looked at them.
func refusedOr(e syscall.Errno) error {
	if e == syscall.EPERM || e == syscall.EACCES || e == syscall.ENOSYS {
		return e
	}
	return nil
}

func ptr(b []byte) uintptr { return uintptr(unsafe.Pointer(&b[0])) }

func cstr(s string) uintptr { p, _ := syscall.BytePtrFromString(s); return uintptr(unsafe.Pointer(p)) }

func readable(path string) error {
	b, err := os.ReadFile(path)
	if err == nil && len(b) == 0 {
		return errors.New("empty")
	}
	return err
}

func listable(path string) error {
	e, err := os.ReadDir(path)
	if err == nil && len(e) == 0 {
		return errors.New("empty")
	}
	return err
}

func writable(path string, flags int) error {
	f, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("x")
	return errors.Join(err, f.Close())
}

// dial connects a socket and sends a byte. A refusal by the network counts as a refusal.
func dial(family, kind int, addr unix.Sockaddr) error {
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.Connect(fd, addr); err != nil {
		return err
	}
	if _, err = unix.Write(fd, []byte("x")); err == unix.EPIPE || err == unix.ECONNRESET {
		return nil // connected, and the other side has closed already
	}
	return err
}

func socket(family, kind, protocol int) error {
	fd, err := unix.Socket(family, kind, protocol)
	if err == nil {
		err = unix.Close(fd)
	}
	return err
}

var loop4 = [4]byte{127, 0, 0, 1}

// attempts are made one after another in one process; each leaves it alive.
var attempts = map[string]attempt{
	// files
	"read a file of the host":               func(p prey) error { return readable(p.secret) },
	"read the list of users":                func(p prey) error { return readable("/etc/passwd") },
	"read the passwords":                    func(p prey) error { return readable("/etc/shadow") },
	"read the host's name":                  func(p prey) error { return readable("/etc/hostname") },
	"list the administrator's folder":       func(p prey) error { return listable("/root") },
	"list homes":                            func(p prey) error { return listable("/home") },
	"list the temporary folder":             func(p prey) error { return listable("/tmp") },
	"list variable data":                    func(p prey) error { return listable("/var") },
	"list the kernel's tree":                func(p prey) error { return listable("/sys") },
	"list devices of disks":                 func(p prey) error { return listable("/dev/disk") },
	"read the first process's environment":  func(p prey) error { return readable("/proc/1/environ") },
	"read the first process's descriptors":  func(p prey) error { return listable("/proc/1/fd") },
	"read the server's environment":         func(p prey) error { return readable(fmt.Sprintf("/proc/%d/environ", p.parent)) },
	"read the server's command line":        func(p prey) error { return readable(fmt.Sprintf("/proc/%d/cmdline", p.parent)) },
	"list the server's descriptors":         func(p prey) error { return listable(fmt.Sprintf("/proc/%d/fd", p.parent)) },
	"open the server's memory":              func(p prey) error { return writable(fmt.Sprintf("/proc/%d/mem", p.parent), os.O_RDWR) },
	"go through the server's root":          func(p prey) error { return readable(fmt.Sprintf("/proc/%d/root%s", p.parent, p.secret)) },
	"go through the own root":               func(p prey) error { return readable("/proc/self/root" + p.secret) },
	"go through the first process's root":   func(p prey) error { return readable("/proc/1/root" + p.secret) },
	"climb out of the working folder":       func(p prey) error { return readable("../../../../../../.." + p.secret) },
	"read the mount table":                  func(p prey) error { return readable("/proc/self/mounts") },
	"read the kernel's messages":            func(p prey) error { return readable("/dev/kmsg") },
	"open physical memory":                  func(p prey) error { return writable("/dev/mem", os.O_RDWR) },
	"open the terminal":                     func(p prey) error { return writable("/dev/tty", os.O_RDWR) },
	"open the file system in user space":    func(p prey) error { return writable("/dev/fuse", os.O_RDWR) },
	"create a file in the temporary folder": func(p prey) error { return writable("/tmp/x", os.O_CREATE|os.O_WRONLY) },
	"create a file at the root":             func(p prey) error { return writable("/x", os.O_CREATE|os.O_WRONLY) },
	"create a file in shared memory":        func(p prey) error { return writable("/dev/shm/x", os.O_CREATE|os.O_WRONLY) },
	"create a file among the libraries":     func(p prey) error { return writable("/usr/lib/x", os.O_CREATE|os.O_WRONLY) },
	"create a file of the host":             func(p prey) error { return writable(p.folder+"/x", os.O_CREATE|os.O_WRONLY) },
	"write to a file of the host":           func(p prey) error { return writable(p.secret, os.O_WRONLY|os.O_APPEND) },
	"change the kernel's settings":          func(p prey) error { return writable("/proc/sys/kernel/core_pattern", os.O_WRONLY) },
	"press the kernel's key":                func(p prey) error { return writable("/proc/sysrq-trigger", os.O_WRONLY) },
	"truncate a file":                       func(p prey) error { return os.Truncate(p.secret, 0) },
	"remove a file":                         func(p prey) error { return os.Remove(p.secret) },
	"rename a file":                         func(p prey) error { return os.Rename(p.secret, p.folder+"/y") },
	"make a hard link":                      func(p prey) error { return os.Link(p.secret, p.folder+"/z") },
	"make a symbolic link":                  func(p prey) error { return os.Symlink(p.secret, p.folder+"/l") },
	"make a symbolic link in the own tree":  func(p prey) error { return os.Symlink(p.secret, "/tmp/l") },
	"make a folder":                         func(p prey) error { return os.Mkdir(p.folder+"/d", 0o700) },
	"make a named pipe":                     func(p prey) error { return unix.Mknod(p.folder+"/p", unix.S_IFIFO|0o600, 0) },
	"make a device":                         func(p prey) error { return unix.Mknod("/dev/x", unix.S_IFCHR|0o600, 1<<8|1) },
	"change the mode of a file":             func(p prey) error { return os.Chmod(p.secret, 0o777) },
	"change the owner of a file":            func(p prey) error { return os.Chown(p.secret, os.Getuid(), -1) },
	"set an attribute of a file":            func(p prey) error { return unix.Setxattr(p.secret, "user.x", []byte("x"), 0) },
	"change the times of a file":            func(p prey) error { return os.Chtimes(p.secret, time.Now(), time.Now()) },
	"open by handle": func(p prey) error {
		b := make([]byte, 128)
		return call6(unix.SYS_OPEN_BY_HANDLE_AT, ^uintptr(0), ptr(b), 0)
	},
	"ask for a handle": func(p prey) error {
		_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, "/", 0)
		return err
	},
	"watch the whole file system": func(p prey) error { return call6(unix.SYS_FANOTIFY_INIT, 0, 0) },

	// the input
	"open the input for writing": func(p prey) error { return writable("/proc/self/fd/4", os.O_RDWR) },
	"write to the input": func(p prey) error {
		_, err := unix.Pwrite(4, []byte("x"), 0)
		return err
	},
	"shorten the input": func(p prey) error { return unix.Ftruncate(4, 0) },
	"map the input for writing": func(p prey) error {
		_, err := unix.Mmap(4, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
		return err
	},
	"take the seal off the input": func(p prey) error {
		_, err := unix.FcntlInt(4, unix.F_ADD_SEALS, 0)
		return err
	},

	// network
	"connect by TCP": func(p prey) error {
		return dial(unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: p.tcp, Addr: loop4})
	},
	"connect by TCP, v6": func(p prey) error {
		return dial(unix.AF_INET6, unix.SOCK_STREAM, &unix.SockaddrInet6{Port: p.tcp, Addr: [16]byte{15: 1}})
	},
	"send by UDP": func(p prey) error {
		return dial(unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: p.udp, Addr: loop4})
	},
	"send a packet outside": func(p prey) error {
		return dial(unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{192, 0, 2, 1}})
	},
	"connect to a local service": func(p prey) error { return dial(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: p.unix}) },
	"connect to an abstract name": func(p prey) error {
		return dial(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: "@" + p.listens})
	},
	"open a socket of the kernel":  func(p prey) error { return socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE) },
	"open a packet socket":         func(p prey) error { return socket(unix.AF_PACKET, unix.SOCK_RAW, 0) },
	"open a socket to the host":    func(p prey) error { return socket(unix.AF_VSOCK, unix.SOCK_STREAM, 0) },
	"open a socket of the ciphers": func(p prey) error { return socket(unix.AF_ALG, unix.SOCK_SEQPACKET, 0) },
	"open a radio socket":          func(p prey) error { return socket(unix.AF_BLUETOOTH, unix.SOCK_RAW, 0) },
	"open a pair of sockets": func(p prey) error {
		_, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return err
	},

	// processes
	"fork": func(p prey) error { return fork(0) },
	"fork a child that leaves the group": func(p prey) error {
		_, err := syscall.ForkExec("/usr/bin/true", []string{"true"}, &syscall.ProcAttr{Sys: &syscall.SysProcAttr{Setsid: true}})
		return err
	},
	"clone with a new user space": func(p prey) error { return fork(unix.CLONE_NEWUSER) },
	"clone a thread with new mounts": func(p prey) error {
		return fork(unix.CLONE_THREAD | unix.CLONE_SIGHAND | unix.CLONE_VM | unix.CLONE_NEWNS)
	},
	"clone by the new call": func(p prey) error { return call6(unix.SYS_CLONE3, 0, 0) },
	"leave the session":     func(p prey) error { return call6(unix.SYS_SETSID) },
	"leave the group":       func(p prey) error { return call6(unix.SYS_SETPGID, 0, 0) },
	"trace the server":      func(p prey) error { return call6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(p.parent)) },
	"be traced":             func(p prey) error { return call6(unix.SYS_PTRACE, unix.PTRACE_TRACEME) },
	"read the server's memory": func(p prey) error {
		b := make([]byte, 16)
		v := unix.Iovec{Base: &b[0], Len: 16}
		return call6(unix.SYS_PROCESS_VM_READV, uintptr(p.parent), uintptr(unsafe.Pointer(&v)), 1, uintptr(unsafe.Pointer(&v)), 1)
	},
	"write the server's memory": func(p prey) error {
		b := make([]byte, 16)
		v := unix.Iovec{Base: &b[0], Len: 16}
		return call6(unix.SYS_PROCESS_VM_WRITEV, uintptr(p.parent), uintptr(unsafe.Pointer(&v)), 1, uintptr(unsafe.Pointer(&v)), 1)
	},
	"signal the server":               func(p prey) error { return unix.Kill(p.parent, 0) },
	"signal everybody":                func(p prey) error { return unix.Kill(-1, 0) },
	"signal the first process":        func(p prey) error { return unix.Kill(1, 0) },
	"signal a thread of the server":   func(p prey) error { return unix.Tgkill(p.parent, p.parent, 0) },
	"queue a signal":                  func(p prey) error { return call6(unix.SYS_RT_SIGQUEUEINFO, uintptr(p.parent), 0, 0) },
	"hold the server":                 func(p prey) error { return call6(unix.SYS_PIDFD_OPEN, uintptr(p.parent), 0) },
	"take a descriptor of the server": func(p prey) error { return call6(unix.SYS_PIDFD_GETFD, ^uintptr(0), 0, 0) },
	"compare with the server":         func(p prey) error { return call6(unix.SYS_KCMP, uintptr(p.parent), uintptr(os.Getpid()), 0, 0, 0) },
	"change the server's limits": func(p prey) error {
		return unix.Prlimit(p.parent, unix.RLIMIT_CORE, nil, &unix.Rlimit{})
	},
	"raise the own limits": func(p prey) error {
		return unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY})
	},
	"change the server's priority": func(p prey) error { return unix.Setpriority(unix.PRIO_PROCESS, p.parent, 5) },

	// privileges and the kernel
	"become the administrator":       func(p prey) error { return call6(unix.SYS_SETUID, 0) },
	"drop into other groups":         func(p prey) error { return call6(unix.SYS_SETGROUPS, 0, 0) },
	"set capabilities":               func(p prey) error { return call6(unix.SYS_CAPSET, 0, 0) },
	"change the root":                func(p prey) error { return unix.Chroot("/usr") },
	"mount":                          func(p prey) error { return unix.Mount("none", "/usr", "tmpfs", 0, "") },
	"unmount":                        func(p prey) error { return unix.Unmount("/usr", unix.MNT_DETACH) },
	"open a tree of mounts":          func(p prey) error { return call6(unix.SYS_OPEN_TREE, ^uintptr(99), cstr("/"), 1) },
	"open a file system":             func(p prey) error { return call6(unix.SYS_FSOPEN, cstr("tmpfs"), 0) },
	"swap roots":                     func(p prey) error { return unix.PivotRoot("/usr", "/usr") },
	"leave name spaces":              func(p prey) error { return call6(unix.SYS_UNSHARE, unix.CLONE_NEWUSER) },
	"enter name spaces":              func(p prey) error { return call6(unix.SYS_SETNS, ^uintptr(0), 0) },
	"change the personality":         func(p prey) error { return call6(unix.SYS_PERSONALITY, 0x0400000) },
	"load a program into the kernel": func(p prey) error { return call6(unix.SYS_BPF, 0, 0, 0) },
	"count events of the processor":  func(p prey) error { return call6(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0) },
	"use the key ring":               func(p prey) error { return call6(unix.SYS_KEYCTL, 0, ^uintptr(3), 1) },
	"add a key":                      func(p prey) error { return call6(unix.SYS_ADD_KEY, cstr("user"), cstr("x"), cstr("y"), 1, ^uintptr(3)) },
	"request a key":                  func(p prey) error { return call6(unix.SYS_REQUEST_KEY, cstr("user"), cstr("x"), 0, 0) },
	"handle page faults":             func(p prey) error { return call6(unix.SYS_USERFAULTFD, unix.O_CLOEXEC) },
	"set up a ring":                  func(p prey) error { b := make([]byte, 256); return call6(unix.SYS_IO_URING_SETUP, 4, ptr(b)) },
	"enter a ring":                   func(p prey) error { return call6(unix.SYS_IO_URING_ENTER, ^uintptr(0), 0, 0, 0, 0, 0) },
	"set up asynchronous input":      func(p prey) error { var x uint64; return call6(unix.SYS_IO_SETUP, 1, uintptr(unsafe.Pointer(&x))) },
	"make an unnamed executable": func(p prey) error {
		_, err := unix.MemfdCreate("x", 0)
		return err
	},
	"execute a descriptor":     func(p prey) error { return call6(unix.SYS_EXECVEAT, ^uintptr(0), cstr(""), 0, 0, unix.AT_EMPTY_PATH) },
	"load a module":            func(p prey) error { return call6(unix.SYS_FINIT_MODULE, ^uintptr(0), cstr(""), 0) },
	"load another kernel":      func(p prey) error { return call6(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0) },
	"restart the machine":      func(p prey) error { return call6(unix.SYS_REBOOT, 1, 2, 3) },
	"set the clock":            func(p prey) error { return call6(unix.SYS_CLOCK_SETTIME, 0, 0) },
	"name the machine":         func(p prey) error { return unix.Sethostname([]byte("x")) },
	"keep accounts":            func(p prey) error { return call6(unix.SYS_ACCT, 0) },
	"use quotas":               func(p prey) error { return call6(unix.SYS_QUOTACTL, 0, 0, 0, 0) },
	"use swap":                 func(p prey) error { return call6(unix.SYS_SWAPOFF, cstr("/x")) },
	"read the kernel's log":    func(p prey) error { return call6(unix.SYS_SYSLOG, 10, 0, 0) },
	"share memory":             func(p prey) error { return call6(unix.SYS_SHMGET, 0, 4096, 0o1600) },
	"share a message queue":    func(p prey) error { return call6(unix.SYS_MSGGET, 0, 0o1600) },
	"share a semaphore":        func(p prey) error { return call6(unix.SYS_SEMGET, 0, 1, 0o1600) },
	"open a named queue":       func(p prey) error { return call6(unix.SYS_MQ_OPEN, cstr("x"), unix.O_CREAT|unix.O_RDWR, 0o600, 0) },
	"answer for the filter":    func(p prey) error { return call6(unix.SYS_SECCOMP, 1, 8, 0) },
	"type into the terminal":   func(p prey) error { b := []byte("x"); return call6(unix.SYS_IOCTL, 0, unix.TIOCSTI, ptr(b)) },
	"splice pages of memory":   func(p prey) error { return call6(unix.SYS_VMSPLICE, ^uintptr(0), 0, 0, 0) },
	"set the scheduler":        func(p prey) error { return call6(unix.SYS_SCHED_SETSCHEDULER, uintptr(p.parent), 0, 0) },
	"move pages of the server": func(p prey) error { return call6(unix.SYS_MIGRATE_PAGES, uintptr(p.parent), 0, 0, 0) },
	"advise on the server":     func(p prey) error { return call6(unix.SYS_PROCESS_MADVISE, ^uintptr(0), 0, 0, 0, 0) },

	// what was left lying about
	"use a descriptor that was left open": func(p prey) error {
		b := make([]byte, 64)
		for fd := 6; fd < 1024; fd++ {
			if n, err := unix.Pread(fd, b, 0); err == nil && bytes.Contains(b[:n], []byte("secret")) {
				return nil
			}
		}
		return errors.New("none")
	},
	"read the server's environment in the own": func(p prey) error {
		for _, e := range os.Environ() {
			if strings.HasPrefix(e, "SANDBOX_TEST_SECRET=") {
				return nil
			}
		}
		return errors.New("not there")
	},
	"gain privileges by a program": func(p prey) error {
		if v, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err != nil || v == 1 {
			return errors.New("no new privileges")
		}
		return nil
	},
	"read a file of the server's user only": func(p prey) error { return readable(p.secret + ".own") },
	"hold many descriptors": func(p prey) error {
		var held []int
		defer func() {
			for _, fd := range held {
				_ = unix.Close(fd)
			}
		}()
		for range 1000 {
			fd, err := unix.Dup(5)
			if err != nil {
				return err
			}
			held = append(held, fd)
		}
		return nil
	},
	"leave a core file": func(p prey) error {
		var l unix.Rlimit
		if err := unix.Getrlimit(unix.RLIMIT_CORE, &l); err != nil || l.Max == 0 {
			return errors.New("none allowed")
		}
		return nil
	},
}

// fork makes a child by the plain call; the child ends at once.
func fork(flags uintptr) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE, flags|uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
	if e == 0 && pid == 0 {
		syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
	}
	return refusedOr(e)
}

// lethal attempts end the process, or its run, when they are refused. Each has a run of its own.
var lethal = map[string]attempt{
	"take eight gigabytes": func(p prey) error {
		for range 64 {
			b, err := unix.Mmap(-1, 0, 128<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
			if err != nil {
				return err
			}
			b[0] = 1
		}
		return nil
	},
	"spin": func(p prey) error {
		// of the processor's time, since the machine may be busy
		for end := time.Now().Add(5 * time.Minute); time.Now().Before(end); {
			var u unix.Rusage
			if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil || u.Utime.Sec >= 2 {
				return err
			}
		}
		return nil
	},
	"read a little":  func(p prey) error { _, err := unix.Read(4, make([]byte, 10)); return err },
	"sleep":          func(p prey) error { time.Sleep(2 * time.Second); return nil },
	"sleep for long": func(p prey) error { time.Sleep(time.Minute); return nil },
	"flood": func(p prey) error {
		b := make([]byte, 1<<20)
		for range 8 {
			if _, err := os.NewFile(5, "out").Write(b); err != nil {
				return err
			}
		}
		_, err := os.NewFile(5, "out").Write([]byte("\n"))
		return err
	},
	"fill a file": func(p prey) error { return writable(p.folder+"/fill", os.O_CREATE|os.O_WRONLY) },
	"use another binary interface": func(p prey) error {
		code, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON)
		if err != nil {
			return err
		}
		// mov $20,%eax (getpid of the 32-bit interface); int $0x80; ret
		copy(code, []byte{0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3})
		entry := &code[0]
		f := unsafe.Pointer(&entry)
		(*(*func())(unsafe.Pointer(&f)))()
		return nil
	},
	"outlive the run": func(p prey) error {
		// a child in the same group that lets go of everything
		pid, _, e := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		if e != 0 {
			return e
		}
		if pid == 0 {
			syscall.RawSyscall(unix.SYS_CLOSE_RANGE, 0, 1<<20, 0)
			ts := syscall.Timespec{Sec: 30}
			syscall.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
			syscall.RawSyscall(unix.SYS_EXIT, 0, 0, 0)
		}
		_, err := fmt.Fprintf(os.NewFile(5, "out"), "child %d\n", pid)
		return err
	},
}

// runStandIn makes the attempts named by arguments, all of the harmless ones for "all", and writes a line each.
func runStandIn(args []string) {
	p := preyOf(args)
	out := os.NewFile(5, "out")
	try := func(name string, a attempt) {
		if err := a(p); err != nil {
			fmt.Fprintf(out, "refused\t%s\t%v\n", name, err) // the reason is for whoever reads a failing test
		} else {
			fmt.Fprintf(out, "WORKED\t%s\n", name)
		}
	}
	for _, name := range args[8:] {
		if name == "all" {
			for n, a := range attempts {
				try(n, a)
			}
		} else if a, ok := attempts[name]; ok {
			try(name, a)
		} else if a, ok := lethal[name]; ok {
			try(name, a)
		}
	}
}
