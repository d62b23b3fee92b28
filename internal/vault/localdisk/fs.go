package localdisk

import (
	"io"
	"io/fs"
	"os"
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

func (r rootFS) OpenFile(name string, flag int, perm fs.FileMode) (File, error) {
	f, err := r.root.OpenFile(name, flag|noFollow, perm)
	if err != nil {
		return nil, err
	}
	return rootFile{f}, nil
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
