package release

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/release/bundle"
)

// diskFile is an open file of a disk.
type diskFile interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// disk is the small part of a file system that a Folder uses: a port, so that a simulated one can take its place in tests. Names are
// slash-separated and relative to the folder.
type disk interface {
	OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error)
	Mkdir(name string, perm fs.FileMode) error
	Lstat(name string) (fs.FileInfo, error)
	ReadDir(name string) ([]fs.DirEntry, error)
	Remove(name string) error
	Rename(oldName, newName string) error
	SyncDir(name string) error
	// SetTime sets when a file or folder was last changed.
	SetTime(name string, at time.Time) error
}

// Folder is the folder of releases: <slug>/v<N>/ for each publication. What begins with a dot is being written or taken away, and is for
// nobody to read. It is for one process at a time; within it, it is safe for concurrent use.
type Folder struct {
	dir string

	mu   sync.Mutex
	disk disk // nil until it is first used
}

// FolderAt is the folder of releases at dir, which is made when something is first written. It is public: whoever may read the machine's files
// may read it.
func FolderAt(dir string) *Folder { return &Folder{dir: dir} }

// open opens the folder, and makes it if need be. The caller holds mu.
func (d *Folder) open() error {
	if d.disk != nil {
		return nil
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of releases: %w", pathless(err))
	}
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		return fmt.Errorf("open the folder of releases: %w", pathless(err))
	}
	d.disk = rootDisk{root}
	return nil
}

// pathless takes the path out of an error: paths may name people.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	var l *os.LinkError
	if errors.As(err, &l) {
		return l.Err
	}
	return err
}

// rootDisk is the real file system, confined to a folder.
type rootDisk struct{ root *os.Root }

func (d rootDisk) OpenFile(name string, flag int, perm fs.FileMode) (diskFile, error) {
	f, err := d.root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, pathless(err)
	}
	return f, nil
}
func (d rootDisk) Mkdir(name string, perm fs.FileMode) error {
	return pathless(d.root.Mkdir(name, perm))
}
func (d rootDisk) Lstat(name string) (fs.FileInfo, error) {
	info, err := d.root.Lstat(name)
	return info, pathless(err)
}
func (d rootDisk) ReadDir(name string) ([]fs.DirEntry, error) {
	list, err := fs.ReadDir(d.root.FS(), name)
	return list, pathless(err)
}
func (d rootDisk) Remove(name string) error     { return pathless(d.root.Remove(name)) }
func (d rootDisk) Rename(from, to string) error { return pathless(d.root.Rename(from, to)) }
func (d rootDisk) SetTime(name string, at time.Time) error {
	return pathless(d.root.Chtimes(name, at, at))
}
func (d rootDisk) SyncDir(name string) (err error) {
	f, err := d.root.Open(name)
	if err != nil {
		return pathless(err)
	}
	return pathless(errors.Join(f.Sync(), f.Close()))
}

// file is one file of a bundle before it is written.
type file struct {
	name string
	size int64
	sum  [32]byte
	open func() (io.ReadCloser, error)
}

// literal is a file whose bytes are at hand.
func literal(name string, b []byte) file {
	return file{name: name, size: int64(len(b)), sum: sha256.Sum256(b), open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }}
}

// withSums adds SHA256SUMS.
func withSums(files []file) []file {
	sums := bundle.Sums{}
	for _, f := range files {
		sums[f.name] = f.sum
	}
	return append(files[:len(files):len(files)], literal(bundle.FileSums, sums.Encode()))
}

// place makes <slug>/v<n>/ hold exactly these files, whatever it held before. Until the last rename the folder is as it was, after it it is as
// wanted. An interruption leaves no other state, and place ends what it left when it is called again. Every byte is read back from the disk before
// it counts. Files and folders get the time at, which release.json gives as well: when they were really written would say when somebody was at work.
func (d *Folder) place(ctx context.Context, slug string, n int, at time.Time, files []file) error {
	return d.put(ctx, slug, n, at, files, false)
}

// bury is place for a tombstone: what was there is taken away first. A disk that is full, or fails, must not keep out what is to go; until the
// tombstone is written there is nothing.
func (d *Folder) bury(ctx context.Context, slug string, n int, at time.Time, files []file) error {
	return d.put(ctx, slug, n, at, files, true)
}

func (d *Folder) put(ctx context.Context, slug string, n int, when time.Time, files []file, bury bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fail := func(err error) error { return fmt.Errorf("place release: %w", err) }
	if !bundle.IsSlug(slug) || n < 1 || len(files) == 0 {
		return fail(fmt.Errorf("%w: a name", archive.ErrInvalid))
	}
	for _, f := range files {
		if !bundle.IsName(f.name) {
			return fail(fmt.Errorf("%w: a file that does not belong into a bundle", archive.ErrInvalid))
		}
	}
	if err := d.open(); err != nil {
		return fail(err)
	}
	if err := d.disk.Mkdir(slug, 0o755); err == nil {
		if err := d.disk.SyncDir("."); err != nil {
			return fail(err)
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return fail(err)
	} else if err := d.disk.SyncDir("."); err != nil { // it may have been made just before the power went
		return fail(err)
	}
	// Whatever an interruption left, such as a bundle that gave way to a tombstone.
	if err := d.sweep(slug, n); err != nil {
		return fail(err)
	}
	name := fmt.Sprintf("v%d", n)
	there, err := d.holds(path.Join(slug, name), files)
	if err != nil {
		return fail(err)
	}
	if there {
		return nil
	}
	at, fresh, stale := path.Join(slug, name), path.Join(slug, ".new-"+name), path.Join(slug, ".old-"+name)
	away := func() error {
		_, err := d.disk.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return d.disk.Rename(at, stale)
	}
	if bury {
		if err := away(); err != nil {
			return fail(err)
		}
		if err := d.disk.SyncDir(slug); err != nil {
			return fail(err)
		}
		if err := d.sweep(slug, n); err != nil {
			return fail(err)
		}
	}
	if err := d.disk.Mkdir(fresh, 0o755); err != nil {
		return fail(err)
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		if err := d.write(path.Join(fresh, f.name), f); err != nil {
			return fail(fmt.Errorf("write %s: %w", f.name, err))
		}
		if err := d.disk.SetTime(path.Join(fresh, f.name), when); err != nil {
			return fail(err)
		}
	}
	if err := d.disk.SyncDir(fresh); err != nil {
		return fail(err)
	}
	if ok, err := d.holds(fresh, files); err != nil {
		return fail(err)
	} else if !ok {
		return fail(fmt.Errorf("%w: what was written reads otherwise", archive.ErrIntegrity))
	}
	if err := d.disk.SetTime(fresh, when); err != nil {
		return fail(err)
	}
	if err := away(); err != nil {
		return fail(err)
	}
	if err := d.disk.Rename(fresh, at); err != nil {
		return fail(err)
	}
	if err := d.disk.SyncDir(slug); err != nil {
		return fail(err)
	}
	if err := d.sweep(slug, n); err != nil {
		return fail(err)
	}
	for _, dir := range []string{slug, "."} {
		if err := d.disk.SetTime(dir, when); err != nil {
			return fail(err)
		}
	}
	return nil
}

func (d *Folder) write(name string, f file) (err error) {
	src, err := f.open()
	if err != nil {
		return err
	}
	defer src.Close() // only read
	out, err := d.disk.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	h := sha256.New()
	n, err := io.Copy(io.NewOffsetWriter(out, 0), io.TeeReader(io.LimitReader(src, f.size+1), h))
	if err != nil {
		return pathless(err)
	}
	if n != f.size || [32]byte(h.Sum(nil)) != f.sum {
		return fmt.Errorf("%w: it is not what was agreed to", archive.ErrIntegrity)
	}
	return pathless(out.Sync())
}

// holds says whether a folder holds exactly these files.
func (d *Folder) holds(dir string, files []file) (bool, error) {
	list, err := d.disk.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want := map[string]file{}
	for _, f := range files {
		want[f.name] = f
	}
	if len(list) != len(want) {
		return false, nil
	}
	for _, e := range list {
		f, there := want[e.Name()]
		if !there || !e.Type().IsRegular() {
			return false, nil
		}
		sum, n, err := d.digest(path.Join(dir, e.Name()))
		if err != nil {
			return false, err
		}
		if n != f.size || sum != f.sum {
			return false, nil
		}
	}
	return true, nil
}

func (d *Folder) digest(name string) (sum [32]byte, n int64, err error) {
	f, err := d.disk.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return sum, 0, err
	}
	defer f.Close() // only read
	h := sha256.New()
	if n, err = io.Copy(h, io.NewSectionReader(f, 0, 1<<62)); err != nil {
		return sum, 0, pathless(err)
	}
	return [32]byte(h.Sum(nil)), n, nil
}

// sweep takes away what is on its way in or out of one publication.
func (d *Folder) sweep(slug string, n int) error {
	gone := false
	for _, kind := range []string{".new-", ".old-"} {
		dir := path.Join(slug, fmt.Sprintf("%sv%d", kind, n))
		list, err := d.disk.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := d.disk.Remove(path.Join(dir, e.Name())); err != nil {
				return err
			}
		}
		if err := d.disk.Remove(dir); err != nil {
			return err
		}
		gone = true
	}
	if gone {
		return d.disk.SyncDir(slug)
	}
	return nil
}
