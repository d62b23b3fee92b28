package witness

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"zapis/internal/archive"
)

// folder is the small part of a file system that a witness uses: a port, so that a simulated disk can take its place
// in tests. Names are slash-separated and relative to the folder of the witness.
type folder interface {
	OpenFile(name string, flag int, perm fs.FileMode) (file, error)
	Mkdir(name string, perm fs.FileMode) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Remove(name string) error
	Rename(oldName, newName string) error
	// SyncDir makes the entries of a folder durable; "." is the folder itself.
	SyncDir(name string) error
}

// file is an open file of a folder.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Stat() (fs.FileInfo, error)
	Sync() error
}

const (
	dirMode  = 0o700
	fileMode = 0o600
	// maxFile bounds what is read of one file: some hundred thousand accepted checkpoints.
	maxFile = 256 << 20
)

// rootFolder is a real folder; nothing outside it is touched.
type rootFolder struct{ root *os.Root }

func (r rootFolder) OpenFile(name string, flag int, perm fs.FileMode) (file, error) {
	info, err := r.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() { // a link would lead elsewhere, a pipe would wait for ever
		return nil, fmt.Errorf("%w: not a regular file", ErrDamaged)
	}
	f, err := r.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func (r rootFolder) Mkdir(name string, perm fs.FileMode) error  { return r.root.Mkdir(name, perm) }
func (r rootFolder) Remove(name string) error                   { return r.root.Remove(name) }
func (r rootFolder) Rename(oldName, newName string) error       { return r.root.Rename(oldName, newName) }
func (r rootFolder) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.root.FS(), name) }

func (r rootFolder) SyncDir(name string) (err error) {
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

// lock takes the folder for this process alone; the kernel gives it back when the process ends, however it ends.
func (r rootFolder) lock() (io.Closer, error) {
	f, err := r.root.OpenFile("lock", os.O_RDWR|os.O_CREATE, fileMode)
	if err != nil {
		return nil, fmt.Errorf("lock witness folder: %w", bare(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = archive.ErrBusy
		}
		return nil, fmt.Errorf("lock witness folder: %w", err)
	}
	return f, nil
}

// bare takes the path out of an error of package os.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}

// read gives the bytes of a file.
func read(d folder, name string) (data []byte, err error) {
	f, err := d.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("%w: too long", ErrDamaged)
	}
	data = make([]byte, info.Size())
	if n, err := f.ReadAt(data, 0); err != nil && (!errors.Is(err, io.EOF) || n < len(data)) {
		return nil, err
	}
	return data, nil
}

// replace gives a file new bytes: after it returns they are durable, and a power cut at any moment leaves either the
// former bytes or these.
func replace(d folder, name string, data []byte) error {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	at := path.Join(path.Dir(name), "."+path.Base(name)+"."+hex.EncodeToString(random[:]))
	f, err := d.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync() // on the descriptor that wrote: another one might miss the error of a lost page
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = d.Rename(at, name)
	}
	if err != nil {
		_ = d.Remove(at) // sweep takes it away otherwise
		return err
	}
	return d.SyncDir(path.Dir(name))
}

// extend appends to a file, durably.
func extend(d folder, name string, at int64, data []byte) error {
	f, err := d.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, at)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// sweep removes what interrupted replacements left.
func sweep(d folder, dir string) error {
	entries, err := d.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			if err := d.Remove(path.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// line spells a record: the SHA-256 of its JSON, the JSON, a line feed.
func line(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	return append(append(hex.AppendEncode(nil, sum[:]), ' '), append(text, '\n')...), nil
}

// unline reads one record; false if it is torn or changed.
func unline(raw []byte, v any) bool {
	const digest = 2 * sha256.Size
	if len(raw) < digest+2 || raw[digest] != ' ' || raw[len(raw)-1] != '\n' {
		return false
	}
	text := raw[digest+1 : len(raw)-1]
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]) == string(raw[:digest]) && json.Unmarshal(text, v) == nil
}
