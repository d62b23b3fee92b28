package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNotOurs says that a place holds something that this program did not put there; it is left alone.
var ErrNotOurs = errors.New("the place holds something else")

// ErrBusy says that another process is building the site.
var ErrBusy = errors.New("another process is building the site")

// Names in the folder of a site. Two trees take turns: one is behind the link current, the other one is brought up to date beside it, with
// hard links for what stays. The list beside each tree says what is in it, and is there only while that is so. Behind the link is the site; the
// other tree holds what the site holds as well, and nothing else, since a text that was taken back must not stay on the disk either.
const (
	nameCurrent  = "current"
	nameMark     = ".zapis-site"
	nameHeld     = "held.json"
	nameManifest = "site-manifest.json"
)

var treeNames = []string{"tree-a", "tree-b"}

// entry is a file of a tree.
type entry struct {
	Key    string  `json:"key"`
	SHA256 string  `json:"sha256"`
	Size   int64   `json:"size"`
	Time   int64   `json:"time"` // of change that the file shows, in seconds: see work.time
	Gzip   *packed `json:"gzip,omitempty"`
}

// packed is the copy of a file beside it that ends in .gz.
type packed struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

type listing map[string]entry

// folder is the folder of a site, locked for this process.
type folder struct {
	dir  string
	lock *os.File
}

func openFolder(dir string) (*folder, error) {
	if dir == "" {
		return nil, fmt.Errorf("%w: no folder is named", ErrConfig)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	mark := filepath.Join(dir, nameMark)
	if _, err := os.Lstat(mark); errors.Is(err, fs.ErrNotExist) && len(entries) > 0 {
		return nil, ErrNotOurs
	}
	lock, err := os.OpenFile(mark, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrBusy
		}
		return nil, err
	}
	return &folder{dir: dir, lock: lock}, nil
}

func (f *folder) close() { _ = f.lock.Close() } // the lock goes with it

// kept is what one build leaves for the next one.
type kept struct {
	Version string  `json:"version"` // of the program that checked
	Bundles []*held `json:"bundles"`
}

// held gives what the build before kept of the bundles; nil if there is nothing of use. What another version of the program checked is checked
// anew: it may have let pass what this one does not.
func (f *folder) held(version string) map[string]*held {
	raw, err := os.ReadFile(filepath.Join(f.dir, nameHeld))
	if err != nil {
		return nil
	}
	var k kept
	if json.Unmarshal(raw, &k) != nil || k.Version != version {
		return nil
	}
	out := map[string]*held{}
	for _, h := range k.Bundles {
		if h != nil {
			out[h.Release.Slug] = h
		}
	}
	return out
}

// keep writes what the next build may use. Without it everything is read anew, so that an error does no harm.
func (f *folder) keep(version string, all []*held) {
	if raw, err := json.Marshal(kept{Version: version, Bundles: all}); err == nil {
		_ = writeFile(filepath.Join(f.dir, nameHeld), raw)
	}
}

// writeFile replaces a file in one step. No link is followed.
func writeFile(name string, data []byte) error {
	tmp := name + ".new"
	if err := create(tmp, bytes.NewReader(data)); err != nil {
		return err
	}
	return os.Rename(tmp, name)
}

func (f *folder) listName(tree string) string { return filepath.Join(f.dir, tree+".json") }

func (f *folder) list(tree string) listing {
	raw, err := os.ReadFile(f.listName(tree))
	if err != nil {
		return nil
	}
	var l listing
	if json.Unmarshal(raw, &l) != nil {
		return nil
	}
	return l
}

// current gives the tree behind the link; empty if there is none.
func (f *folder) current() string {
	to, err := os.Readlink(filepath.Join(f.dir, nameCurrent))
	if err != nil || !slices.Contains(treeNames, to) {
		return ""
	}
	return to
}

// work is one change of a tree.
type work struct {
	root     *os.Root // of the bundles
	s        *site
	now      string // folder of the current tree
	next     string // folder of the tree that is changed
	nowList  listing
	nextList listing
	dirs     sync.Map        // in which something was made
	cleared  map[string]bool // in which something was removed: their full names
	day      int64           // of the build, in seconds
	mu       sync.Mutex
	written  []string
	all      bool
}

// apply brings the tree that nobody reads up to the tasks, and puts it behind the link.
func (f *folder) apply(ctx context.Context, s *site, tasks []task) (Built, error) {
	o := s.o
	seen := map[string]bool{}
	for _, t := range tasks {
		if seen[t.path] || strings.HasSuffix(t.path, ".gz") {
			return Built{}, errors.New("two files would have one name")
		}
		seen[t.path] = true
	}
	root, err := os.OpenRoot(o.Releases)
	if err != nil {
		return Built{}, err
	}
	defer root.Close() // only read
	now := f.current()
	next := treeNames[0]
	if now == next {
		next = treeNames[1]
	}
	w := &work{root: root, s: s, next: filepath.Join(f.dir, next), nextList: f.list(next), all: o.All, cleared: map[string]bool{}, day: int64(day(s.day)) * 86400}
	if now != "" {
		w.now, w.nowList = filepath.Join(f.dir, now), f.list(now)
	}
	// From here on the other tree is not whole. That has to be on the disk before anything in the tree is: a list that came back after a power cut
	// would not know what was begun, and nobody would ever remove that.
	if err := removeIfThere(f.listName(next)); err != nil {
		return Built{}, err
	}
	if !o.NoSync {
		if err := syncOne(f.dir); err != nil {
			return Built{}, err
		}
	}
	if info, err := os.Lstat(w.next); w.nextList == nil || o.All || err != nil || !info.IsDir() {
		if err := os.RemoveAll(w.next); err != nil {
			return Built{}, err
		}
		w.nextList = listing{}
	}
	if err := w.mkdir("."); err != nil {
		return Built{}, err
	}
	list, err := w.do(ctx, tasks)
	if err != nil {
		return Built{}, err
	}
	b := Built{Tree: w.next, Files: len(list), Written: len(w.written)}
	if b.Digest, err = w.finish(list); err != nil {
		return Built{}, err
	}
	if err := f.turn(next, list); err != nil {
		return Built{}, err
	}
	// What was withdrawn or changed must not stay in the tree that was read before either.
	if now != "" {
		from, err := f.prune(now, w.nowList, list)
		if err != nil {
			return Built{}, err
		}
		if !o.NoSync { // what was removed must not come back after a power cut
			return b, syncDirs(f.dir, from)
		}
	}
	return b, nil
}

// syncDirs brings folders to the disk; those that are gone went with the one above them.
func syncDirs(top string, dirs map[string]bool) error {
	if len(dirs) > syncFew {
		return syncAll(top)
	}
	for dir := range dirs {
		if err := syncOne(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return syncOne(top)
}

// do makes every task true in the next tree and removes what belongs to none.
func (w *work) do(ctx context.Context, tasks []task) (listing, error) {
	entries, errs := make([]entry, len(tasks)), make([]error, len(tasks))
	list := make(listing, len(tasks)+1)
	for _, t := range tasks {
		list[t.path] = entry{}
	}
	for name, e := range w.nextList {
		if _, stays := list[name]; !stays {
			if err := removeFile(w.next, name, e); err != nil {
				return nil, err
			}
			above(w.next, name, w.cleared)
		}
	}
	var failed atomic.Bool
	parallel(len(tasks), func(i int) {
		if failed.Load() {
			return
		}
		if errs[i] = ctx.Err(); errs[i] == nil {
			entries[i], errs[i] = w.one(tasks[i])
		}
		if errs[i] != nil {
			failed.Store(true)
		}
	})
	for i, t := range tasks {
		if errs[i] != nil {
			return nil, errs[i]
		}
		list[t.path] = entries[i]
	}
	return list, nil
}

// one makes one file.
func (w *work) one(t task) (entry, error) {
	if e, ok := w.nextList[t.path]; ok && e.Key == t.key && untouched(w.next, t.path, e) {
		return e, nil
	}
	if err := w.mkdir(path.Dir(t.path)); err != nil {
		return entry{}, err
	}
	if e, ok := w.nextList[t.path]; ok {
		// The folder stays, even if it was the only file in it: it is written again at once.
		if err := removeNames(w.next, t.path, e); err != nil {
			return entry{}, err
		}
	}
	if e, ok := w.nowList[t.path]; ok && e.Key == t.key && !w.all && untouched(w.now, t.path, e) {
		err := link(w.now, w.next, t.path, e)
		if err == nil {
			return e, nil
		}
		if !errors.Is(err, fs.ErrNotExist) { // somebody removed it: make it anew
			return entry{}, err
		}
	}
	w.mu.Lock()
	w.written = append(w.written, t.path)
	w.mu.Unlock()
	e, err := w.fresh(t)
	if err != nil {
		return entry{}, err
	}
	e.Key, e.Time = t.key, w.time(t.path)
	return e, stamp(w.next, t.path, e)
}

// fresh makes a file anew.
func (w *work) fresh(t task) (entry, error) {
	switch {
	case t.from != "":
		return entry{SHA256: t.sum, Size: t.size}, w.take(t)
	case t.kit != nil:
		return w.kit(t)
	}
	b, err := t.make()
	if err != nil {
		return entry{}, err
	}
	e := entry{SHA256: hexSum(b), Size: int64(len(b))}
	at := filepath.Join(w.next, filepath.FromSlash(t.path))
	if err := create(at, bytes.NewReader(b)); err != nil {
		return entry{}, err
	}
	if packs(t.path) {
		z, err := pack(b)
		if err != nil {
			return entry{}, err
		}
		e.Gzip = &packed{SHA256: hexSum(z), Bytes: int64(len(z))}
		return e, create(at+".gz", bytes.NewReader(z))
	}
	return e, nil
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// time is the time of change that a new file shows, which web servers tell everybody: the day of the build, and one second more than the file
// that it replaces, so that what readers keep is found to be old. The hour at which somebody works is nobody's affair.
func (w *work) time(name string) int64 {
	at := w.day
	for _, l := range []listing{w.nowList, w.nextList} {
		if e, ok := l[name]; ok {
			at = max(at, e.Time+1)
		}
	}
	return at
}

// each calls f for a file of a tree and for its packed copy.
func each(tree, name string, e entry, f func(at string, size int64) error) error {
	at := filepath.Join(tree, filepath.FromSlash(name))
	if e.Gzip != nil {
		if err := f(at+".gz", e.Gzip.Bytes); err != nil {
			return err
		}
	}
	return f(at, e.Size)
}

func stamp(tree, name string, e entry) error {
	t := time.Unix(e.Time, 0)
	return each(tree, name, e, func(at string, _ int64) error { return os.Chtimes(at, t, t) })
}

var errTouched = errors.New("somebody changed a file of the site")

// untouched says whether a file still looks as a build left it.
func untouched(tree, name string, e entry) bool {
	return each(tree, name, e, func(at string, size int64) error {
		info, err := os.Lstat(at)
		if err == nil && (!info.Mode().IsRegular() || info.Size() != size || info.ModTime().Unix() != e.Time) {
			err = errTouched
		}
		return err
	}) == nil
}

func packs(name string) bool {
	switch path.Ext(name) {
	case ".html", ".css", ".svg", ".atom", ".json", ".xml", ".txt", ".csv":
		return true
	}
	return false
}

var packers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(io.Discard, 6) // the level is one that there is
	return z
}}

func pack(b []byte) ([]byte, error) {
	z := packers.Get().(*gzip.Writer)
	defer packers.Put(z)
	var out bytes.Buffer
	z.Reset(&out)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err := z.Close()
	return out.Bytes(), err
}

func (w *work) mkdir(dir string) error {
	if _, there := w.dirs.Load(dir); there {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(w.next, filepath.FromSlash(dir)), 0o755); err != nil {
		return err
	}
	for ; ; dir = path.Dir(dir) { // those above may be new as well
		// A site is for everybody, whatever the habits of this machine are with new files.
		if err := os.Chmod(filepath.Join(w.next, filepath.FromSlash(dir)), 0o755); err != nil {
			return err
		}
		w.dirs.Store(dir, true)
		if dir == "." {
			return nil
		}
	}
}

// create writes a file that is not there. Files of a tree are never written again: another tree may share them. No link is followed.
func create(name string, from io.Reader) error {
	return createWith(name, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}

func createWith(name string, write func(w io.Writer) error) (err error) {
	if err := removeIfThere(name); err != nil { // left by a build that was cut short
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	if err := f.Chmod(0o644); err != nil { // whatever the habits of this machine are
		return err
	}
	return write(f)
}

// take copies a file of a bundle, and compares its digest once more. It is a copy, not a link: a bundle is readable by its owner, a site by
// the web server.
func (w *work) take(t task) error {
	f, err := w.root.Open(t.from)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	sum := sha256.New()
	if err := create(filepath.Join(w.next, filepath.FromSlash(t.path)), io.TeeReader(f, sum)); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != t.sum {
		return refuse("a file changed while the site was built")
	}
	return nil
}

func (w *work) kit(t task) (entry, error) {
	sum := sha256.New()
	err := createWith(filepath.Join(w.next, filepath.FromSlash(t.path)), func(to io.Writer) error {
		return w.s.writeKit(io.MultiWriter(to, sum), w.root, t.kit)
	})
	return entry{SHA256: hex.EncodeToString(sum.Sum(nil)), Size: w.s.kitSize(t.kit)}, err
}

func link(from, to, name string, e entry) error {
	return each("", name, e, func(n string, _ int64) error {
		err := os.Link(filepath.Join(from, n), filepath.Join(to, n))
		if errors.Is(err, fs.ErrExist) { // left by a build that was cut short
			if err = os.Remove(filepath.Join(to, n)); err == nil {
				err = os.Link(filepath.Join(from, n), filepath.Join(to, n))
			}
		}
		return err
	})
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// removeNames removes a file of a tree.
func removeNames(tree, name string, e entry) error {
	return each(tree, name, e, func(at string, _ int64) error { return removeIfThere(at) })
}

// removeFile removes a file of a tree, and folders that become empty.
func removeFile(tree, name string, e entry) error {
	if err := removeNames(tree, name, e); err != nil {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if os.Remove(filepath.Join(tree, filepath.FromSlash(dir))) != nil {
			break // not empty
		}
	}
	return nil
}

// manifest is what stands in site-manifest.json, so that a copy of a site can be compared with the site.
type manifest struct {
	Format string              `json:"format"`
	Files  map[string]fileName `json:"files"`
	Packed map[string]fileName `json:"packed,omitempty"` // the copies that end in .gz, where there are any: not in a bucket
}

type fileName = packed

const manifestFormat = "zapis site 1"

// finish writes the public list of files and gives the digest of the site.
func (w *work) finish(list listing) (string, error) {
	m := manifest{Format: manifestFormat, Files: make(map[string]fileName, len(list))}
	m.Packed = map[string]fileName{}
	for name, e := range list {
		m.Files[name] = fileName{e.SHA256, e.Size}
		if e.Gzip != nil {
			m.Packed[name+".gz"] = *e.Gzip
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	digest := hexSum(raw)
	e := entry{Key: "-", SHA256: digest, Size: int64(len(raw)), Time: w.time(nameManifest)}
	at := filepath.Join(w.next, nameManifest)
	if err := removeIfThere(at); err != nil {
		return "", err
	}
	if err := create(at, bytes.NewReader(raw)); err != nil {
		return "", err
	}
	if err := stamp(w.next, nameManifest, e); err != nil {
		return "", err
	}
	w.written = append(w.written, nameManifest)
	list[nameManifest] = e
	if w.s.o.NoSync {
		return digest, nil
	}
	return digest, w.sync(list)
}

// syncFew is up to how many new files are brought to the disk one by one; for more the whole disk is asked.
const syncFew = 200

func (w *work) sync(list listing) error {
	if len(w.written) > syncFew {
		return syncAll(w.next)
	}
	for _, name := range w.written {
		if err := each(w.next, name, list[name], func(at string, _ int64) error { return syncOne(at) }); err != nil {
			return err
		}
	}
	// Also of folders in which there is nothing new but a link.
	var err error
	w.dirs.Range(func(dir, _ any) bool {
		err = syncOne(filepath.Join(w.next, filepath.FromSlash(dir.(string))))
		return err == nil
	})
	return errors.Join(err, syncDirs(w.next, w.cleared))
}

// syncAll brings everything of a disk to it.
func syncAll(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = unix.Syncfs(int(d.Fd()))
	return errors.Join(err, d.Close())
}

func syncOne(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// turn puts a tree behind the link: its list first, then the link in one step.
func (f *folder) turn(tree string, list listing) error {
	raw, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := writeFile(f.listName(tree), raw); err != nil {
		return err
	}
	if f.current() == tree {
		return nil
	}
	at := filepath.Join(f.dir, nameCurrent)
	if err := removeIfThere(at + ".new"); err != nil {
		return err
	}
	if err := os.Symlink(tree, at+".new"); err != nil {
		return err
	}
	if err := os.Rename(at+".new", at); err != nil {
		return err
	}
	return syncOne(f.dir)
}

// above notes the folders above a file of a tree.
func above(tree, name string, to map[string]bool) {
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		to[filepath.Join(tree, filepath.FromSlash(dir))] = true
		if dir == "." {
			return
		}
	}
}

// prune removes from a tree whatever the site does not hold as well: files that are gone, and those that changed. Its list says what stays. It gives
// the folders in which something went.
func (f *folder) prune(tree string, had, has listing) (from map[string]bool, err error) {
	if err := removeIfThere(f.listName(tree)); err != nil {
		return nil, err
	}
	at := filepath.Join(f.dir, tree)
	if had == nil { // nobody knows what is in it
		return nil, os.RemoveAll(at)
	}
	stay := listing{}
	from = map[string]bool{}
	for name, e := range had {
		if now, stays := has[name]; stays && now.SHA256 == e.SHA256 && now.Key == e.Key {
			stay[name] = e
			continue
		}
		if err := removeFile(at, name, e); err != nil {
			return nil, err
		}
		above(at, name, from)
	}
	raw, err := json.Marshal(stay)
	if err != nil {
		return nil, err
	}
	return from, writeFile(f.listName(tree), raw)
}
