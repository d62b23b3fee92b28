package sandbox

import (
	"fmt"
	"unsafe"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// denied are the system calls that a decoder has no use for. They answer EPERM. Names that a processor lacks are
// passed over. The test of the escape attempts goes through this list.
var denied = []string{
	// sockets of every family: no network, no talking to services of the machine
	"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "sendto", "sendmsg", "sendmmsg",
	"recvfrom", "recvmsg", "recvmmsg", "getsockname", "getpeername", "setsockopt", "getsockopt", "shutdown",
	"socketcall",
	// other processes
	"ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "process_mrelease", "kcmp",
	"pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kill", "tkill", "tgkill", "rt_sigqueueinfo",
	"rt_tgsigqueueinfo", "fork", "vfork", "setsid", "setpgid", "execveat", "setpriority", "ioprio_set",
	"sched_setscheduler", "sched_setattr", "migrate_pages", "move_pages",
	// namespaces, mounts, roots
	"mount", "umount", "umount2", "pivot_root", "chroot", "unshare", "setns", "fsopen", "fsconfig", "fsmount",
	"fspick", "move_mount", "open_tree", "mount_setattr", "swapon", "swapoff", "name_to_handle_at",
	"open_by_handle_at", "quotactl", "quotactl_fd", "fanotify_init", "fanotify_mark",
	// identity
	"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups",
	"capset", "personality",
	// parts of the kernel with a history
	"bpf", "perf_event_open", "keyctl", "add_key", "request_key", "userfaultfd", "io_setup", "io_submit",
	"vmsplice", "lookup_dcookie", "uselib", "ustat", "sysfs", "_sysctl", "nfsservctl", "modify_ldt",
	"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp",
	// the machine
	"init_module", "finit_module", "delete_module", "create_module", "kexec_load", "kexec_file_load", "reboot",
	"syslog", "acct", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
	"setdomainname", "iopl", "ioperm", "vhangup", "get_kernel_syms", "query_module",
	// memory and queues shared with others, and files without a name that could be executed
	"shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd",
	"msgrcv", "msgctl", "mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr",
	"memfd_create", "memfd_secret",
	// the file tree: nothing in it is the program's to change
	"link", "linkat", "symlink", "symlinkat", "mknod", "mknodat", "rename", "renameat", "renameat2", "mkdir",
	"mkdirat", "rmdir", "unlink", "unlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown",
	"lchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr",
	"truncate", "utime", "utimes", "utimensat", "futimesat", "creat",
}

// absent answer ENOSYS, so that libraries fall back to what can be looked at: the flags of clone3 and the path of
// openat2 lie in memory, where a filter cannot see them.
var absent = []string{"clone3", "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register"}

const (
	namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
		unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME
	x32Bit    = 0x40000000
	tiocsti   = 0x5412
	tioclinux = 0x541c

	offNumber = 0
	offArch   = 4
	offArgs   = 16 // six of eight bytes; the low half comes first on the processors supported
)

func statement(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func jump(code uint16, k uint32, yes, no uint8) unix.SockFilter {
	return unix.SockFilter{Code: code, Jt: yes, Jf: no, K: k}
}

// filter assembles the program. The library's own assembler is not used because its filter lets calls of a
// foreign binary interface through (the default action answers them); here they end the process.
func filter() ([]unix.SockFilter, error) {
	info, err := arch.GetInfo("")
	if err != nil {
		return nil, fmt.Errorf("system call table: %w", err)
	}
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		ge    = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		set   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		ret   = unix.BPF_RET | unix.BPF_K

		eperm  = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	)
	f := []unix.SockFilter{
		statement(load, offArch),
		jump(equal, uint32(info.ID), 1, 0),
		statement(ret, unix.SECCOMP_RET_KILL_PROCESS),
		statement(load, offNumber),
	}
	if info.ID == arch.X86_64.ID {
		f = append(f, jump(ge, x32Bit, 0, 1), statement(ret, unix.SECCOMP_RET_KILL_PROCESS))
	}
	add := func(names []string, answer uint32) {
		for _, name := range names {
			if n, ok := info.SyscallNames[name]; ok {
				f = append(f, jump(equal, uint32(n), 0, 1), statement(ret, answer))
			}
		}
	}
	add(denied, eperm)
	add(absent, enosys)
	// with an argument: each block ends in an answer, so that what is in the accumulator does not matter after it
	argument := func(name string, block ...unix.SockFilter) {
		if n, ok := info.SyscallNames[name]; ok {
			f = append(f, jump(equal, uint32(n), 0, uint8(len(block))))
			f = append(f, block...)
		}
	}
	// threads yes, processes and namespaces no
	argument("clone",
		statement(load, offArgs),
		jump(set, uint32(namespaceFlags), 2, 0),
		jump(set, unix.CLONE_THREAD, 0, 1),
		statement(ret, unix.SECCOMP_RET_ALLOW),
		statement(ret, eperm))
	// typing into a terminal
	argument("ioctl",
		statement(load, offArgs+8),
		jump(equal, tiocsti, 2, 0),
		jump(equal, tioclinux, 1, 0),
		statement(ret, unix.SECCOMP_RET_ALLOW),
		statement(ret, eperm))
	// limits of others
	argument("prlimit64",
		statement(load, offArgs),
		jump(equal, 0, 0, 1),
		statement(ret, unix.SECCOMP_RET_ALLOW),
		statement(ret, eperm))
	return append(f, statement(ret, unix.SECCOMP_RET_ALLOW)), nil
}

// loadFilter puts the filter on the calling thread.
func loadFilter(f []unix.SockFilter) error {
	prog := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}
