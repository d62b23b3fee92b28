package ingest

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The calls below take a folder's descriptor and one name, never a path, and never follow a link.

func openFolder(path string) (*os.File, error) {
	return retry("open", func() (int, error) {
		return unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	})
}

func openFolderAt(d *os.File, name string) (*os.File, error) {
	return retry("openat", func() (int, error) {
		return unix.Openat(int(d.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
}

func reopenFolder(d *os.File) (*os.File, error) { return openFolderAt(d, ".") }

func retry(op string, f func() (int, error)) (*os.File, error) {
	for {
		fd, err := f()
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, &os.SyscallError{Syscall: op, Err: err}
		}
		return os.NewFile(uintptr(fd), ""), nil // no name: errors of package os then carry none
	}
}

// openFile opens one regular file for reading without following a link, without waiting (a pipe put in its place
// cannot stop the run) and, where allowed, without moving its access time.
func openFile(d *os.File, name string) (*os.File, error) {
	flags := unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC | unix.O_NOCTTY
	f, err := retry("openat", func() (int, error) {
		fd, err := unix.Openat(int(d.Fd()), name, flags|unix.O_NOATIME, 0)
		if err == unix.EPERM { // only the owner may ask for it
			fd, err = unix.Openat(int(d.Fd()), name, flags, 0)
		}
		return fd, err
	})
	if err == nil {
		// Read ahead and do not keep what was read: a disk of evidence is read once.
		_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	}
	return f, err
}

// forget tells the kernel that the pages of f are not needed again.
func forget(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }

const statMask = unix.STATX_BASIC_STATS | unix.STATX_BTIME

func statAt(d *os.File, name string) (meta, error) {
	return stat(int(d.Fd()), name, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
}

func statFile(f *os.File) (meta, error) { return stat(int(f.Fd()), "", unix.AT_EMPTY_PATH) }

func stat(fd int, name string, flags int) (meta, error) {
	var s unix.Statx_t
	for {
		err := unix.Statx(fd, name, flags, statMask, &s)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return meta{}, &os.SyscallError{Syscall: "statx", Err: err}
		}
		break
	}
	m := meta{
		Dev: unix.Mkdev(s.Dev_major, s.Dev_minor), Ino: s.Ino, Links: uint64(s.Nlink),
		Mode: uint32(s.Mode), UID: s.Uid, GID: s.Gid, Size: int64(s.Size), Blocks: int64(s.Blocks),
		MTime: nanos(s.Mtime), CTime: nanos(s.Ctime),
	}
	if s.Mask&unix.STATX_BTIME != 0 {
		m.BTime = nanos(s.Btime)
	}
	switch s.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFDIR:
		m.Type = fs.ModeDir
	case unix.S_IFLNK:
		m.Type = fs.ModeSymlink
	case unix.S_IFIFO:
		m.Type = fs.ModeNamedPipe
	case unix.S_IFSOCK:
		m.Type = fs.ModeSocket
	case unix.S_IFBLK:
		m.Type = fs.ModeDevice
	case unix.S_IFCHR:
		m.Type = fs.ModeDevice | fs.ModeCharDevice
	default:
		m.Type = fs.ModeIrregular
	}
	return m, nil
}

// nanos keeps what fits: years outside 1678 to 2262, which broken media do carry, are cut to the ends.
func nanos(t unix.StatxTimestamp) int64 {
	const end = int64(1<<63-1) / int64(time.Second)
	switch {
	case t.Sec >= end:
		return 1<<63 - 1
	case t.Sec <= -end:
		return -1 << 63
	}
	return t.Sec*int64(time.Second) + int64(t.Nsec)
}

func readLinkAt(d *os.File, name string) (string, error) {
	b := make([]byte, 4096)
	n, err := unix.Readlinkat(int(d.Fd()), name, b)
	if err != nil {
		return "", &os.SyscallError{Syscall: "readlinkat", Err: err}
	}
	return string(b[:n]), nil
}

// isPseudo says whether a folder belongs to a file system that the kernel makes up as it is read: it holds nothing
// stored, some of its files never end, and reading some of them acts on the machine.
func isPseudo(d *os.File) bool {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &s); err != nil {
		return false
	}
	switch int64(s.Type) {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEVPTS_SUPER_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.SELINUX_MAGIC, unix.PSTOREFS_MAGIC,
		unix.EFIVARFS_MAGIC, unix.NSFS_MAGIC, unix.SOCKFS_MAGIC, unix.BINFMTFS_MAGIC, unix.AUTOFS_SUPER_MAGIC:
		return true
	}
	return false
}

// trustsInodes says whether the file system under d gives one number to one file and never to two. Elsewhere
// (network, FAT, user-space file systems) every name is read by itself: a duplicate costs time, a wrong guess
// would cost a file.
func trustsInodes(d *os.File) bool {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &s); err != nil {
		return false
	}
	switch int64(s.Type) {
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC:
		return true
	}
	return false
}

// hasHole says whether a file has a hole before its end. It moves the offset of f and sets it back to the start.
func hasHole(f *os.File, m meta) bool {
	if m.Blocks*512 >= m.Size {
		return false
	}
	at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_HOLE)
	_, _ = unix.Seek(int(f.Fd()), 0, 0)
	return err == nil && at < m.Size
}

// describeDevice says what is known of the medium behind a device number: file system type, identifiers of the
// file system, model and serial number of the disk. Every part may be missing. It goes into sealed provenance only.
func describeDevice(dev uint64) string {
	num := devNumber(dev)
	parts := []string{"dev=" + num}
	if b, err := os.ReadFile("/proc/self/mountinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 7 || f[2] != num {
				continue
			}
			for i := 6; i < len(f)-1; i++ {
				if f[i] == "-" {
					parts = append(parts, "type="+f[i+1])
					break
				}
			}
			break
		}
	}
	for _, by := range []string{"uuid", "label"} {
		names, _ := os.ReadDir("/dev/disk/by-" + by)
		for _, n := range names {
			var s unix.Stat_t
			if unix.Stat("/dev/disk/by-"+by+"/"+n.Name(), &s) == nil && s.Rdev == dev {
				parts = append(parts, by+"="+n.Name())
				break
			}
		}
	}
	for _, at := range []string{"/sys/dev/block/" + num + "/device/", "/sys/dev/block/" + num + "/../device/"} {
		for _, name := range []string{"model", "serial"} {
			if b, err := os.ReadFile(at + name); err == nil && strings.TrimSpace(string(b)) != "" {
				parts = append(parts, name+"="+strings.Join(strings.Fields(string(b)), "_"))
			}
		}
	}
	return cleanName(strings.Join(parts, " "))
}

func devNumber(dev uint64) string {
	return strconv.FormatUint(uint64(unix.Major(dev)), 10) + ":" + strconv.FormatUint(uint64(unix.Minor(dev)), 10)
}
