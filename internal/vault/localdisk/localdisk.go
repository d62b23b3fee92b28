// Package localdisk keeps a vault in a folder of a local file system.
//
// It guarantees that what Close, Sync, Replace and Overwrite report as durable was synced: bytes by fsync on the very
// descriptor that wrote them, names by fsync of every folder up to the vault's; that a failed fsync is never repeated
// and believed (vault.ErrBroken from then on, until the folder is opened anew); that files are made with O_EXCL, mode
// 0600, in folders of mode 0700; that no symbolic link is followed and nothing outside the folder is touched (os.Root).
//
// It does not guard against a device that lies about fsync, and not against another process that writes into the
// folder.
//
// # Operations
//
// The folder must exist or its parent must; the process needs to read, write and search it. A file system with honest
// fsync is needed: ext4, XFS, Btrfs, ZFS do; FAT and most network mounts do not. Space: what is sealed plus two percent
// for many small files. An interrupted replacement leaves a file whose name begins with a full stop; the next
// replacement of the same file removes it. Former bytes of replaced files are overwritten in place, which helps on
// disks that write in place and not on flash or copy-on-write file systems.
package localdisk

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"zapis/internal/vault"
)

const (
	dirMode  = 0o700
	fileMode = 0o600
	// Bytes after which the device is asked to begin, so that fsync at the end finds little left.
	startEvery     = 8 << 20
	overwriteLimit = 4 << 20 // only small files hold keys
	pendingMark    = "."     // first character of a file that waits to be renamed
)

// Disk is a folder as a vault.Backend.
type Disk struct {
	fs     FS
	broken atomic.Bool

	mu   sync.Mutex
	dirs map[string]bool // folders known to be there; true once durable
}

var (
	_ vault.Backend    = (*Disk)(nil)
	_ vault.ColdOpener = (*Disk)(nil)
)

// Open uses an existing folder: vault.ErrNotVault if it is not there. It changes nothing.
func Open(folder string) (*Disk, error) {
	root, err := os.OpenRoot(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, vault.ErrNotVault
	}
	if err != nil {
		return nil, fmt.Errorf("open vault folder: %w", bare(err))
	}
	return New(rootFS{root}), nil
}

// Create makes the folder, if need be, durably, and uses it. Its parent must exist.
func Create(folder string) (*Disk, error) {
	err := os.Mkdir(folder, dirMode)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("make vault folder: %w", bare(err))
	}
	parent, err := os.Open(parentOf(folder))
	if err != nil {
		return nil, fmt.Errorf("make vault folder: %w", bare(err))
	}
	err = parent.Sync()
	if e := parent.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, fmt.Errorf("make vault folder: %w", bare(err))
	}
	return Open(folder)
}

func parentOf(folder string) string {
	folder = strings.TrimRight(folder, "/")
	if at := strings.LastIndexByte(folder, '/'); at > 0 {
		return folder[:at]
	} else if at == 0 {
		return "/"
	}
	return "."
}

// New uses any FS: the real one through Open, a simulated one in tests.
func New(f FS) *Disk { return &Disk{fs: f, dirs: map[string]bool{".": true}} }

// Properties says what a local folder can do.
func (d *Disk) Properties() vault.Properties {
	return vault.Properties{Kind: "localdisk", Cold: runtime.GOOS == "linux"}
}

// Free gives the space of the file system.
func (d *Disk) Free(context.Context) (free, total uint64, known bool) { return d.fs.Free() }

func (d *Disk) ready(ctx context.Context) error {
	if d.broken.Load() {
		return vault.ErrBroken
	}
	return ctx.Err()
}

// fail ends all trust after a failed sync: the kernel reports a lost page once and then forgets it.
func (d *Disk) fail(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return translate(err) // only this file's bytes had no place
	}
	d.broken.Store(true)
	return fmt.Errorf("%w: %w", vault.ErrBroken, translate(err))
}

// Create implements vault.Backend.
func (d *Disk) Create(ctx context.Context, name string) (vault.BlobWriter, error) {
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	if err := d.makeDirs(path.Dir(name)); err != nil {
		return nil, err
	}
	f, err := d.fs.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, translate(err)
	}
	return &writer{d: d, ctx: ctx, f: f, at: name}, nil
}

// makeDirs makes the folders above a file, as far as they are missing. They become durable with Sync.
func (d *Disk) makeDirs(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.makeDirsLocked(dir)
}

func (d *Disk) makeDirsLocked(dir string) error {
	if _, known := d.dirs[dir]; known {
		return nil
	}
	if err := d.makeDirsLocked(path.Dir(dir)); err != nil {
		return err
	}
	if err := d.fs.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return translate(err)
	}
	info, err := d.fs.Lstat(dir)
	if err != nil {
		return translate(err)
	}
	if !info.IsDir() {
		return fmt.Errorf("%w: a folder of the vault is something else", vault.ErrFormat)
	}
	// It may have been there, made by a process that ended before it was durable.
	d.dirs[dir] = false
	return nil
}

// Sync implements vault.Backend: each folder of the names once, and the folders above that are not durable yet.
func (d *Disk) Sync(ctx context.Context, names ...string) error {
	seen := make(map[string]bool)
	var dirs []string
	for _, name := range names {
		dir := path.Dir(name)
		if !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, dir)
		}
		for !d.durable(dir) {
			dir = path.Dir(dir)
			if !seen[dir] {
				seen[dir] = true
				dirs = append(dirs, dir)
			}
		}
	}
	for _, dir := range dirs {
		if err := d.ready(ctx); err != nil {
			return err
		}
		if err := d.fs.SyncDir(dir); err != nil {
			return d.fail(err)
		}
	}
	// A folder is durable when the one above it was synced.
	d.mu.Lock()
	defer d.mu.Unlock()
	for dir := range d.dirs {
		if seen[path.Dir(dir)] {
			d.dirs[dir] = true
		}
	}
	return nil
}

func (d *Disk) durable(dir string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return dir == "." || d.dirs[dir]
}

// writer appends to a new file.
type writer struct {
	d       *Disk
	ctx     context.Context
	f       File
	at      string // where the bytes are
	as      string // the name to take at Close; empty: at is the name
	off     int64
	started int64
	ended   bool
	err     error
}

func (w *writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.f.WriteAt(p, w.off)
	w.off += int64(n)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		w.err = translate(err)
		return n, w.err
	}
	if w.off-w.started >= startEvery {
		w.f.StartWrite(w.started, w.off-w.started)
		w.started = w.off
	}
	return n, nil
}

// Close syncs on the descriptor that wrote: another one might miss the error of a page that was lost.
func (w *writer) Close() error {
	if w.ended {
		return w.err
	}
	w.ended = true
	err := w.err
	if err == nil {
		err = w.d.ready(w.ctx)
	}
	if err == nil {
		if err = w.f.Sync(); err != nil {
			err = w.d.fail(err)
		}
	}
	if e := w.f.Close(); err == nil && e != nil {
		err = translate(e)
	}
	if err == nil && w.as != "" {
		err = w.d.takeName(w.ctx, w.at, w.as)
	}
	if err != nil {
		w.err = err
		w.ended = false // Abort takes the file away
	}
	return err
}

func (w *writer) Abort() error {
	if w.ended {
		return nil
	}
	w.ended = true
	if w.err == nil {
		w.err = errors.New("aborted")
	}
	_ = w.f.Close() // its bytes are given up
	if err := w.d.fs.Remove(w.at); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return translate(err)
	}
	return nil
}

// Overwrite implements vault.Backend: a pending file, synced, renamed at Close.
func (d *Disk) Overwrite(ctx context.Context, name string) (vault.BlobWriter, error) {
	if err := d.ready(ctx); err != nil {
		return nil, err
	}
	if err := d.makeDirs(path.Dir(name)); err != nil {
		return nil, err
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	at := pendingName(name) + hex.EncodeToString(random[:])
	f, err := d.fs.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return nil, translate(err)
	}
	return &writer{d: d, ctx: ctx, f: f, at: at, as: name}, nil
}

func pendingName(name string) string {
	return path.Join(path.Dir(name), pendingMark+path.Base(name)+".")
}

// takeName gives the pending file its name, durably, then overwrites the bytes that had the name before and removes
// what interrupted replacements of the same name left: each may hold keys that were to be destroyed.
func (d *Disk) takeName(ctx context.Context, at, name string) error {
	former, err := d.fs.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		former = nil // mostly: there was none
	} else {
		defer former.Close() // nothing of worth is written through it
	}
	if err := d.fs.Rename(at, name); err != nil {
		return translate(err)
	}
	if err := d.Sync(ctx, name); err != nil {
		return err
	}
	if former != nil {
		blank(former)
	}
	entries, err := d.fs.ReadDir(path.Dir(name))
	if err != nil {
		return nil // the replacement itself is done
	}
	for _, e := range entries {
		left := path.Join(path.Dir(name), e.Name())
		if strings.HasPrefix(left, pendingName(name)) {
			if f, err := d.fs.OpenFile(left, os.O_WRONLY, 0); err == nil {
				blank(f)
				_ = f.Close()
			}
			_ = d.fs.Remove(left)
		}
	}
	return nil
}

// blank overwrites a small file that nobody will read again. Best effort: whether the device writes in place is not for
// us to know.
func blank(f File) {
	info, err := f.Stat()
	if err != nil || info.Size() > overwriteLimit {
		return
	}
	zero := make([]byte, 64<<10)
	for off := int64(0); off < info.Size(); off += int64(len(zero)) {
		if _, err := f.WriteAt(zero[:min(int64(len(zero)), info.Size()-off)], off); err != nil {
			return
		}
	}
	_ = f.Sync()
}

// Replace implements vault.Backend.
func (d *Disk) Replace(ctx context.Context, name string, data []byte) error {
	w, err := d.Overwrite(ctx, name)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return nil
}

// Remove implements vault.Backend.
func (d *Disk) Remove(ctx context.Context, name string) error {
	if err := d.ready(ctx); err != nil {
		return err
	}
	if f, err := d.fs.OpenFile(name, os.O_WRONLY, 0); err == nil {
		defer f.Close()
		// Only small files hold keys, and only those under key/ and envelope/ are worth the write.
		if !strings.HasPrefix(name, "blob/") {
			defer blank(f)
		}
	}
	err := d.fs.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		// Perhaps removed, but not durably, by a step that is being repeated.
		if _, e := d.fs.Lstat(path.Dir(name)); e != nil {
			return nil
		}
	} else if err != nil {
		return translate(err)
	}
	return d.Sync(ctx, name)
}

// Open implements vault.Backend.
func (d *Disk) Open(ctx context.Context, name string) (vault.BlobReader, error) {
	return d.open(ctx, name, false)
}

// OpenCold implements vault.ColdOpener.
func (d *Disk) OpenCold(ctx context.Context, name string) (vault.BlobReader, error) {
	return d.open(ctx, name, true)
}

func (d *Disk) open(ctx context.Context, name string, cold bool) (vault.BlobReader, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f, err := d.fs.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, translate(err)
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		_ = f.Close()
		if err == nil {
			err = fmt.Errorf("%w: not a regular file", vault.ErrFormat)
		}
		return nil, translate(err)
	}
	if cold {
		f.DropCache()
	}
	return &reader{f, info.Size()}, nil
}

type reader struct {
	f    File
	size int64
}

func (r *reader) Size() int64 { return r.size }

func (r *reader) Close() error { return translate(r.f.Close()) }

func (r *reader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.f.ReadAt(p, off)
	if err == io.EOF { // the bare one, as io.ReaderAt wants it
		return n, io.EOF
	}
	return n, translate(err)
}

// Stat implements vault.Backend.
func (d *Disk) Stat(ctx context.Context, name string) (vault.Info, error) {
	if err := ctx.Err(); err != nil {
		return vault.Info{}, err
	}
	info, err := d.fs.Lstat(name)
	if err != nil {
		return vault.Info{}, translate(err)
	}
	if !info.Mode().IsRegular() {
		return vault.Info{}, fmt.Errorf("%w: not a regular file", vault.ErrFormat)
	}
	return vault.Info{Name: name, Size: info.Size(), Version: d.fs.Version(info)}, nil
}

// List implements vault.Backend.
func (d *Disk) List(ctx context.Context, prefix string) iter.Seq2[vault.Info, error] {
	return func(yield func(vault.Info, error) bool) {
		d.walk(ctx, ".", prefix, yield)
	}
}

// walk yields the regular files under dir whose name begins with prefix. Anything that is neither file nor folder has no
// place in a vault, and is reported, not skipped.
func (d *Disk) walk(ctx context.Context, dir, prefix string, yield func(vault.Info, error) bool) bool {
	if err := ctx.Err(); err != nil {
		yield(vault.Info{}, err)
		return false
	}
	entries, err := d.fs.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		yield(vault.Info{}, translate(err))
		return false
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), pendingMark) {
			continue
		}
		if e.IsDir() {
			below := name + "/"
			if (strings.HasPrefix(below, prefix) || strings.HasPrefix(prefix, below)) && !d.walk(ctx, name, prefix, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		info, err := d.Stat(ctx, name)
		if errors.Is(err, vault.ErrNotFound) {
			continue // removed meanwhile
		}
		if !yield(info, err) || err != nil {
			return false
		}
	}
	return true
}

// translate turns the errors of the file system into those of the port and takes names of folders out of them.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return vault.ErrNotFound
	case errors.Is(err, fs.ErrExist):
		return vault.ErrExists
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", vault.ErrFull, bare(err))
	case errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("%w: a link, or something that is no regular file, in the vault", vault.ErrFormat)
	}
	return bare(err)
}

// bare takes the path out of an error.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}
