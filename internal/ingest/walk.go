package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"zapis/internal/archive"
)

// Reasons why a line of the manifest has no bytes. They are part of the manifest format.
const (
	ReasonSymlink    = "symlink"           // recorded with its target, never followed
	ReasonFIFO       = "fifo"              // named pipe, never opened
	ReasonSocket     = "socket"            // never opened
	ReasonBlock      = "block-device"      // never opened
	ReasonChar       = "char-device"       // never opened
	ReasonOtherType  = "other-type"        // a file type not known to this program
	ReasonEmpty      = "empty-folder"      // a folder with nothing in it
	ReasonOwn        = "own-folder"        // the home or the vault of this archive
	ReasonPseudo     = "pseudo-filesystem" // /proc and its like: made by the kernel, not stored
	ReasonLoop       = "folder-loop"       // a folder that lies inside itself through a mount
	ReasonTooDeep    = "too-deep"          // deeper than MaxDepth folders
	ReasonNoFolder   = "folder-unreadable" // a folder that could not be opened or listed to its end
	ReasonUnreadable = "unreadable"        // no right to read, or opening failed
	ReasonReadError  = "read-error"        // the medium failed while the file was read
	ReasonVanished   = "vanished"          // gone between being listed and being opened
	ReasonSwapped    = "swapped"           // something else under the same name, twice
	ReasonChanged    = "changed"           // changed while it was read, twice
)

// ReasonHeldDamaged marks a file whose bytes are held already, but the held copy was found damaged and waits to be
// healed. The file is not taken in, so that nothing is acknowledged that cannot be read; take it in again afterwards.
const ReasonHeldDamaged = "held-damaged"

// ReasonHardLink marks a line of outcome "duplicate" whose bytes were read under another name of the same file.
const ReasonHardLink = "hardlink"

// MaxDepth is how many folders deep a walk goes below the place named.
const MaxDepth = 512

// namesAtOnce bounds the memory of listing one folder: names are sorted within portions of this many.
const namesAtOnce = 100_000

// meta is what the file system says of one thing, times in nanoseconds since 1970.
type meta struct {
	Dev, Ino, Links     uint64
	Mode                uint32 // st_mode
	UID, GID            uint32
	Size                int64
	Blocks              int64 // of 512 bytes
	MTime, CTime, BTime int64 // BTime 0 where not known
	Type                fs.FileMode
}

// sameFile says whether two looks found the same file.
func (m meta) sameFile(o meta) bool { return m.Dev == o.Dev && m.Ino == o.Ino && m.Type == o.Type }

// unchanged says whether the bytes of one file cannot have changed between two looks. The change time moves with
// every write and cannot be set back by ordinary means.
func (m meta) unchanged(o meta) bool {
	return m.sameFile(o) && m.Size == o.Size && m.MTime == o.MTime && m.CTime == o.CTime
}

// found is one thing that a walk came upon.
type found struct {
	root   *root
	path   string // raw bytes below the root
	meta   meta
	known  bool            // meta is filled
	result archive.Outcome // "" for a regular file that is to be read; else skipped or failed
	reason string
	target string // of a symbolic link

	link  *linkState // a further name of a file that was found before
	first *linkState // the first name of a file that may have further ones
}

// root is one place named on the command line, held open for the length of the run.
type root struct {
	abs  string // absolute, parents resolved; raw bytes
	dir  *os.File
	only string // the one name to take, when a single file was named
}

func (r *root) close() error { return r.dir.Close() }

// inode identifies a folder on this machine while it is up.
type inode struct{ dev, ino uint64 }

// walker walks roots in the order of names' bytes and hands every thing found to emit.
type walker struct {
	own   map[inode]bool // folders never entered
	hooks *Hooks
	emit  func(*found) error
	// portion is how many names are read and sorted at once; 0: namesAtOnce.
	portion int
}

// openRoots opens the places named. Nothing has been read or written when it fails. A symbolic link that is named
// itself stays a link (and becomes a line of the manifest); the folders above it are resolved.
func openRoots(paths []string) (roots []*root, err error) {
	defer func() {
		if err != nil {
			for _, r := range roots {
				_ = r.close()
			}
			roots = nil
		}
	}()
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: name at least one folder or file", archive.ErrInvalid)
	}
	for i, p := range paths {
		r, err := openRoot(p)
		if err != nil {
			return roots, fmt.Errorf("place %d: %w", i+1, flatten(err))
		}
		roots = append(roots, r)
	}
	return roots, nil
}

func openRoot(p string) (*root, error) {
	if p == "" {
		return nil, fmt.Errorf("%w: an empty path", archive.ErrInvalid)
	}
	follow := p[len(p)-1] == filepath.Separator // "link/" names the folder behind the link, as everywhere else
	abs, err := filepath.Abs(p)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(abs)
	if err != nil {
		return nil, err
	}
	if follow || info.IsDir() {
		if abs, err = filepath.EvalSymlinks(abs); err != nil {
			return nil, err
		}
		d, err := openFolder(abs)
		if err != nil {
			return nil, err
		}
		return &root{abs: abs, dir: d}, nil
	}
	parent, err := filepath.EvalSymlinks(filepath.Dir(abs))
	if err != nil {
		return nil, err
	}
	d, err := openFolder(parent)
	if err != nil {
		return nil, err
	}
	return &root{abs: parent, dir: d, only: filepath.Base(abs)}, nil
}

// flatten drops the path that errors of package os carry: errors hold no names.
func flatten(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Op, pe.Err)
	}
	var se *os.SyscallError
	if errors.As(err, &se) {
		return fmt.Errorf("%s: %w", se.Syscall, se.Err)
	}
	return err
}

// walk goes through one root.
func (w *walker) walk(ctx context.Context, r *root) error {
	if r.only != "" {
		_, err := w.name(ctx, r, r.dir, "", r.only, nil)
		return err
	}
	m, err := statFile(r.dir)
	if err != nil {
		return w.emit(&found{root: r, result: archive.OutcomeFailed, reason: ReasonNoFolder})
	}
	if w.own[inode{m.Dev, m.Ino}] {
		return w.emit(&found{root: r, meta: m, known: true, result: archive.OutcomeSkipped, reason: ReasonOwn})
	}
	if isPseudo(r.dir) {
		return w.emit(&found{root: r, meta: m, known: true, result: archive.OutcomeSkipped, reason: ReasonPseudo})
	}
	// A second handle, so that listing does not move the one that files are opened by.
	d, err := reopenFolder(r.dir)
	if err != nil {
		return w.emit(&found{root: r, meta: m, known: true, result: archive.OutcomeFailed, reason: ReasonNoFolder})
	}
	defer d.Close()
	return w.folder(ctx, r, d, "", m, nil)
}

// folder lists one open folder and goes through its names.
func (w *walker) folder(ctx context.Context, r *root, d *os.File, path string, self meta, above []inode) error {
	above = append(above, inode{self.Dev, self.Ino})
	any := false
	for {
		names, err := d.Readdirnames(cmp.Or(w.portion, namesAtOnce))
		slices.Sort(names)
		for _, name := range names {
			any = true
			if _, err := w.name(ctx, r, d, path, name, above); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || (err == nil && len(names) == 0) {
			break
		}
		if err != nil {
			// Part of the folder may be missing from the manifest: that is a failure and a line.
			return w.emit(&found{root: r, path: path, meta: self, known: true, result: archive.OutcomeFailed, reason: ReasonNoFolder})
		}
	}
	if !any {
		return w.emit(&found{root: r, path: path, meta: self, known: true, result: archive.OutcomeSkipped, reason: ReasonEmpty})
	}
	return nil
}

// name looks at one name in an open folder and goes into it when it is a folder.
func (w *walker) name(ctx context.Context, r *root, d *os.File, dir, name string, above []inode) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	path := name
	if dir != "" {
		path = dir + "/" + name
	}
	w.hooks.listed(path)
	f := &found{root: r, path: path}
	m, err := statAt(d, name)
	if err != nil {
		f.result, f.reason = archive.OutcomeFailed, ReasonUnreadable
		if errors.Is(err, fs.ErrNotExist) {
			f.reason = ReasonVanished
		}
		return true, w.emit(f)
	}
	f.meta, f.known = m, true
	skip := func(reason string) (bool, error) {
		f.result, f.reason = archive.OutcomeSkipped, reason
		return true, w.emit(f)
	}
	fail := func(reason string) (bool, error) {
		f.result, f.reason = archive.OutcomeFailed, reason
		return true, w.emit(f)
	}
	switch m.Type {
	case 0:
		return true, w.emit(f)
	case fs.ModeSymlink:
		f.target, _ = readLinkAt(d, name) // a link that cannot be read is still a link
		return skip(ReasonSymlink)
	case fs.ModeNamedPipe:
		return skip(ReasonFIFO)
	case fs.ModeSocket:
		return skip(ReasonSocket)
	case fs.ModeDevice:
		return skip(ReasonBlock)
	case fs.ModeDevice | fs.ModeCharDevice:
		return skip(ReasonChar)
	case fs.ModeDir:
	default:
		return skip(ReasonOtherType)
	}
	here := inode{m.Dev, m.Ino}
	switch {
	case w.own[here]:
		return skip(ReasonOwn)
	case slices.Contains(above, here):
		return skip(ReasonLoop)
	case len(above) >= MaxDepth:
		return fail(ReasonTooDeep)
	}
	sub, err := openFolderAt(d, name)
	if err != nil {
		if exhausted(err) {
			return false, err
		}
		if errors.Is(err, fs.ErrNotExist) {
			return fail(ReasonVanished)
		}
		return fail(ReasonNoFolder)
	}
	defer sub.Close()
	now, err := statFile(sub)
	if err != nil {
		return fail(ReasonNoFolder)
	}
	if now.Dev != m.Dev || now.Ino != m.Ino {
		return fail(ReasonSwapped)
	}
	if isPseudo(sub) {
		return skip(ReasonPseudo)
	}
	return true, w.folder(ctx, r, sub, path, m, above)
}

// ownFolders gives the identity of folders that a walk never enters. A folder that does not exist (yet) cannot be
// walked into and is left out.
func ownFolders(paths []string) (map[inode]bool, error) {
	own := map[inode]bool{}
	for _, p := range paths {
		d, err := openFolder(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("look at own folder: %w", flatten(err))
		}
		m, err := statFile(d)
		_ = d.Close()
		if err != nil {
			return nil, fmt.Errorf("look at own folder: %w", flatten(err))
		}
		own[inode{m.Dev, m.Ino}] = true
	}
	return own, nil
}

// oddlyNamed says what a place is that was named by itself and holds no bytes to take in; "" for folders and files.
func oddlyNamed(r *root) string {
	if r.only == "" {
		return ""
	}
	m, err := statAt(r.dir, r.only)
	switch {
	case err != nil || m.Type == 0:
		return ""
	case m.Type == fs.ModeSymlink:
		return ReasonSymlink
	case m.Type == fs.ModeDevice:
		return ReasonBlock
	}
	return ReasonOtherType
}

// checkOutside refuses a root that lies inside one of the own folders.
func checkOutside(r *root, own map[inode]bool) error {
	for p := r.abs; ; p = filepath.Dir(p) {
		d, err := openFolder(p)
		if err == nil {
			m, err := statFile(d)
			_ = d.Close()
			if err == nil && own[inode{m.Dev, m.Ino}] {
				return fmt.Errorf("%w: the place lies inside this archive's own folder", archive.ErrInvalid)
			}
		}
		if p == filepath.Dir(p) {
			return nil
		}
	}
}
