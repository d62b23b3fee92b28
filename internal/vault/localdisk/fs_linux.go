package localdisk

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

func startWrite(f *os.File, off, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE)
}

func dropCache(f *os.File) { _ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED) }

func freeSpace(root *os.Root) (free, total uint64, known bool) {
	d, err := root.Open(".")
	if err != nil {
		return 0, 0, false
	}
	defer d.Close()
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil {
		return 0, 0, false
	}
	return st.Bavail * uint64(st.Bsize), st.Blocks * uint64(st.Bsize), true
}

func fileVersion(info fs.FileInfo) string {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return fmt.Sprintf("%d.%d.%d.%d", st.Ino, st.Size, st.Ctim.Sec, st.Ctim.Nsec)
	}
	return fmt.Sprintf("%d.%d", info.Size(), info.ModTime().UnixNano())
}
