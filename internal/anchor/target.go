package anchor

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"zapis/internal/archive"
	"zapis/internal/vault"
)

// Kinds of targets.
const (
	TargetDirectory = "directory"
	TargetS3        = "s3"
)

// Target is a place where the transparency log is published. Names are slash-separated and relative.
type Target interface {
	Kind() string
	// List gives the size of every file by its name; files of an interrupted Write are left out, and taken away if they can be.
	List(ctx context.Context) (map[string]int64, error)
	// Read gives a file of at most limit bytes: archive.ErrNotFound.
	Read(ctx context.Context, name string, limit int64) ([]byte, error)
	// Write puts a file in place of what is there, atomically; a reader sees the former bytes or the new ones. at is
	// the time that the file shows, where the place can be told.
	Write(ctx context.Context, name string, data []byte, at time.Time) error
	// Sync makes everything written durable; what comes after it cannot become visible before what came before it. at is
	// the time that changed folders show.
	Sync(ctx context.Context, at time.Time) error
}

// disk is the part of a file system that a Folder needs: a port, so that a simulated disk can take the place of the real one in
// tests.
type disk interface {
	OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error)
	Mkdir(name string, perm fs.FileMode) error
	ReadDir(name string) ([]fs.DirEntry, error)
	Rename(oldName, newName string) error
	Remove(name string) error
	SyncDir(name string) error
	// Show gives a file or folder the rights that everybody may read it, and a time.
	Show(name string, mode fs.FileMode, at time.Time) error
}

type diskFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
	Stat() (fs.FileInfo, error)
}

// Folder is a Target in a file system: what any web server or a stick can serve. Files may be read by everybody, whatever
// the process keeps private otherwise.
type Folder struct {
	d       disk
	changed map[string]bool // folders with unsynced names
	known   map[string]bool // folders that are there
	broken  error           // a failed sync is final
}

var _ Target = (*Folder)(nil)

// OpenFolder uses a folder and makes it if need be; its parent must exist. Close it.
func OpenFolder(name string) (*Folder, io.Closer, error) {
	made := false
	if err := os.Mkdir(name, 0o755); err == nil {
		made = true
	} else if !errors.Is(err, fs.ErrExist) {
		return nil, nil, fmt.Errorf("make folder of the transparency log: %w", bare(err))
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, nil, fmt.Errorf("open folder of the transparency log: %w", bare(err))
	}
	if made { // the process may have a mask
		if err := root.Chmod(".", 0o755); err != nil {
			_ = root.Close()
			return nil, nil, fmt.Errorf("open folder of the transparency log: %w", bare(err))
		}
	}
	return newFolder(rootDisk{root}), root, nil
}

func newFolder(d disk) *Folder {
	return &Folder{d: d, changed: map[string]bool{}, known: map[string]bool{".": true}}
}

// Kind implements Target.
func (f *Folder) Kind() string { return TargetDirectory }

// pendingMark begins the name of a file that is being written.
const pendingMark = ".new-"

// List implements Target.
func (f *Folder) List(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	var walk func(dir string) error
	walk = func(dir string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		entries, err := f.d.ReadDir(dir)
		if err != nil {
			return bare(err)
		}
		for _, e := range entries {
			name := path.Join(dir, e.Name())
			switch {
			case strings.HasPrefix(e.Name(), pendingMark):
				_ = f.d.Remove(name) // of a Write that was cut off
			case strings.HasPrefix(e.Name(), "."):
			case e.IsDir():
				f.known[name] = true
				if err := walk(name); err != nil {
					return err
				}
			case e.Type().IsRegular():
				info, err := e.Info()
				if err != nil {
					return bare(err)
				}
				out[name] = info.Size()
			default:
				return fmt.Errorf("%w: something in the folder is neither file nor folder", archive.ErrInvalid)
			}
		}
		return nil
	}
	return out, walk(".")
}

// Read implements Target.
func (f *Folder) Read(_ context.Context, name string, limit int64) ([]byte, error) {
	file, err := f.d.OpenFile(name, os.O_RDONLY, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, archive.ErrNotFound
	}
	if err != nil {
		return nil, bare(err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%w: a file is none, or larger than it can be", archive.ErrInvalid)
	}
	out := make([]byte, info.Size())
	if n, err := file.ReadAt(out, 0); n != len(out) {
		return nil, bare(err)
	}
	return out, nil
}

// Write implements Target: a file beside it, its bytes synced, then renamed.
func (f *Folder) Write(ctx context.Context, name string, data []byte, at time.Time) (err error) {
	if err := errors.Join(f.broken, ctx.Err()); err != nil {
		return err
	}
	dir := path.Dir(name)
	if err := f.mkdir(dir); err != nil {
		return err
	}
	var tail [8]byte
	if _, err := rand.Read(tail[:]); err != nil {
		return err
	}
	pending := path.Join(dir, pendingMark+hex.EncodeToString(tail[:]))
	file, err := f.d.OpenFile(pending, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return bare(err)
	}
	defer func() {
		if err != nil {
			_ = f.d.Remove(pending)
		}
	}()
	_, err = file.WriteAt(data, 0)
	if err == nil {
		if err = file.Sync(); err != nil {
			f.broken = fmt.Errorf("%w: a sync did not succeed", vault.ErrBroken)
			err = f.broken
		}
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = f.d.Show(pending, 0o644, at)
	}
	if err == nil {
		err = f.d.Rename(pending, name)
	}
	if err != nil {
		return bare(err)
	}
	f.changed[dir] = true
	return nil
}

func (f *Folder) mkdir(dir string) error {
	if f.known[dir] {
		return nil
	}
	if err := f.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	err := f.d.Mkdir(dir, 0o755)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return bare(err)
	}
	f.known[dir] = true
	f.changed[dir], f.changed[path.Dir(dir)] = true, true
	return nil
}

// Sync implements Target. Folders are synced from the deepest up, so that a name is durable before the folder that leads to
// it.
func (f *Folder) Sync(_ context.Context, at time.Time) error {
	if f.broken != nil {
		return f.broken
	}
	var dirs []string
	for d := range f.changed {
		dirs = append(dirs, d)
	}
	slices.SortFunc(dirs, func(a, b string) int {
		if n := strings.Count(b, "/") - strings.Count(a, "/"); n != 0 {
			return n
		}
		if a == "." {
			return 1
		}
		if b == "." {
			return -1
		}
		return strings.Compare(a, b)
	})
	for _, d := range dirs {
		if err := f.d.Show(d, 0o755, at); err != nil && d != "." {
			return bare(err) // the folder itself may be another's
		}
		if err := f.d.SyncDir(d); err != nil {
			f.broken = fmt.Errorf("%w: a sync did not succeed", vault.ErrBroken)
			return f.broken
		}
		delete(f.changed, d)
	}
	return nil
}

// bare takes the path out of an error: it can name a person.
func bare(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}

// rootDisk is the real file system, confined to a folder.
type rootDisk struct{ root *os.Root }

func (r rootDisk) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	// Without O_NONBLOCK a pipe under the name would wait for ever; on files it does nothing.
	f, err := r.root.OpenFile(name, flag|syscall.O_NONBLOCK, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}
func (r rootDisk) Mkdir(name string, perm fs.FileMode) error  { return r.root.Mkdir(name, perm) }
func (r rootDisk) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(r.root.FS(), name) }
func (r rootDisk) Rename(oldName, newName string) error       { return r.root.Rename(oldName, newName) }
func (r rootDisk) Remove(name string) error                   { return r.root.Remove(name) }

func (r rootDisk) SyncDir(name string) error {
	d, err := r.root.Open(name)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}

func (r rootDisk) Show(name string, mode fs.FileMode, at time.Time) error {
	if err := r.root.Chmod(name, mode); err != nil {
		return err
	}
	return r.root.Chtimes(name, at, at)
}

// Bucket is a Target on any storage of package vault, such as S3. Such a storage dates its files itself.
type Bucket struct{ b vault.Backend }

var _ Target = Bucket{}

// NewBucket uses a storage that holds nothing else.
func NewBucket(b vault.Backend) Bucket { return Bucket{b} }

// Kind implements Target.
func (b Bucket) Kind() string { return TargetS3 }

// List implements Target.
func (b Bucket) List(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	for info, err := range b.b.List(ctx, "") {
		if err != nil {
			return nil, err
		}
		out[info.Name] = info.Size
	}
	return out, nil
}

// Read implements Target.
func (b Bucket) Read(ctx context.Context, name string, limit int64) ([]byte, error) {
	r, err := b.b.Open(ctx, name)
	if err != nil {
		return nil, err // vault.ErrNotFound is an archive.ErrNotFound
	}
	defer r.Close()
	if r.Size() > limit {
		return nil, fmt.Errorf("%w: a file is larger than it can be", archive.ErrInvalid)
	}
	out := make([]byte, r.Size())
	if n, err := r.ReadAt(out, 0); n != len(out) {
		return nil, err
	}
	return out, nil
}

// Write implements Target.
func (b Bucket) Write(ctx context.Context, name string, data []byte, _ time.Time) error {
	return b.b.Replace(ctx, name, data)
}

// Sync implements Target; Replace is durable.
func (b Bucket) Sync(ctx context.Context, _ time.Time) error { return b.b.Sync(ctx) }
