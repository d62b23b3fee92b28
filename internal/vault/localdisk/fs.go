package localdisk

import (
	"io"
	"io/fs"
	"os"
	"syscall"
)

// FS is the small part of a file system that this package uses: a port, so that a simulated disk can take the place of
// the real one in tests. Names are slash-separated and relative to the vault's folder. Errors are those of package
// os (fs.ErrNotExist, fs.ErrExist, syscall.Errno inside).
type FS interface {
	// OpenFile opens or, with os.O_CREATE|os.O_EXCL, creates a file. A symbolic link is never followed.
	OpenFile(name string, flag int, perm fs.FileMode) (File, error)
	Mkdir(name string, perm fs.FileMode) error
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Remove(name string) error
	// Rename replaces newName atomically.
	Rename(oldName, newName string) error
	// SyncDir makes the entries of a folder durable; "." is the vault's folder itself.
	SyncDir(name string) error
	// Free gives free and total bytes.
	Free() (free, total uint64, known bool)
	// Version gives a text that changes when a file is replaced.
	Version(info fs.FileInfo) string
}

// File is an open file of an FS.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	// Sync makes the bytes durable. Its error is final: it must not be repeated and believed.
	Sync() error
	// StartWrite asks the device to begin writing a range, without waiting. Advisory.
	StartWrite(off, n int64)
	// DropCache lets go of the machine's cached copy of the (synced) bytes. Advisory.
	DropCache()
}

// rootFS is the real file system, confined to a folder.
type rootFS struct{ root *os.Root }

// OpenFile looks at each part of the name first: os.Root never leaves the folder, but follows links inside it, whatever
// the flags say, and a link from one file of a vault to another would let a harmless write hit the wrong one.
func (r rootFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	for at := range len(name) {
		if name[at] == '/' {
			if _, err := r.noLink(name[:at]); err != nil {
				return nil, err
			}
		}
	}
	if flag&os.O_EXCL != 0 {
		f, err := r.root.OpenFile(name, flag, perm) // follows nothing
		if err != nil {
			return nil, err
		}
		return rootFile{f}, nil
	}
	before, err := r.noLink(name)
	if err != nil {
		return nil, err
	}
	if !before.Mode().IsRegular() { // a pipe would wait for ever
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
	}
	f, err := r.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !os.SameFile(before, info) {
		_ = f.Close()
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
	}
	return rootFile{f}, nil
}

func (r rootFS) noLink(name string) (fs.FileInfo, error) {
	info, err := r.root.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
	}
	return info, err
}

func (r rootFS) Mkdir(name string, perm fs.FileMode) error  { return r.root.Mkdir(name, perm) }
func (r rootFS) Lstat(name string) (fs.FileInfo, error)     { return r.root.Lstat(name) }
func (r rootFS) Remove(name string) error                   { return r.root.Remove(name) }
func (r rootFS) Rename(oldName, newName string) error       { return r.root.Rename(oldName, newName) }
func (r rootFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.root.FS(), name) }
func (r rootFS) Version(info fs.FileInfo) string            { return fileVersion(info) }
func (r rootFS) Free() (free, total uint64, known bool)     { return freeSpace(r.root) }

func (r rootFS) SyncDir(name string) (err error) {
	d, err := r.root.Open(name)
	if err != nil {
		return err
	}
	defer func() {
		if e := d.Close(); err == nil {
			err = e
		}
	}()
	return d.Sync()
}

type rootFile struct{ *os.File }

func (f rootFile) StartWrite(off, n int64) { startWrite(f.File, off, n) }
func (f rootFile) DropCache()              { dropCache(f.File) }
