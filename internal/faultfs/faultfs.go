// Package faultfs is a simulated disk for tests of power cuts and of failing devices. It stands behind the file port of
// localdisk, so that a whole vault runs on it.
//
// It guarantees the least that POSIX promises, which is less than most disks do: after a cut a file has the bytes of its
// last Sync and a folder the entries of its last SyncDir; anything later is gone, or, with KeepSome, survives by chance:
// each unsynced page for itself, and of each folder's unsynced changes the first few. Operations are counted, and the
// k-th can fail, with or without having had its effect, or be the one at which the power goes. All chance comes from
// the seed.
//
// It is for tests only, keeps everything in memory, and knows no symbolic links.
package faultfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"zapis/internal/vault/localdisk"
)

// ErrCut is what every operation gives from the power cut on.
var ErrCut = errors.New("faultfs: the power is gone")

const pageSize = 4096

// FS is a simulated disk. It is safe for concurrent use.
type FS struct {
	mu       sync.Mutex
	rnd      *rand.Rand
	seed     uint64
	root     *node
	ops      int
	cutAt    int
	keepSome bool
	faults   map[int]fault
	cut      bool
	capacity int64 // 0: endless
	serial   uint64
	trace    func(op, name string)
}

type fault struct {
	err       error
	persisted bool
	short     bool
}

var _ localdisk.FS = (*FS)(nil)

// node is a file or a folder. What synced holds survives a cut.
type node struct {
	dir     bool
	mode    fs.FileMode
	version uint64

	data   []byte // file: as read
	synced []byte // file: as on the device
	dirty  map[int]bool

	entries map[string]*node // folder: as read
	durable map[string]*node // folder: as on the device
	pending []change         // folder: since the last SyncDir
}

// change is one unsynced change of a folder: a rename within it is a single change.
type change struct {
	add  string
	node *node
	drop string
}

func (c change) apply(entries map[string]*node) {
	if c.drop != "" {
		delete(entries, c.drop)
	}
	if c.add != "" {
		entries[c.add] = c.node
	}
}

func newDir() *node {
	return &node{dir: true, mode: fs.ModeDir | 0o700, entries: map[string]*node{}, durable: map[string]*node{}}
}

// New makes an empty disk.
func New(seed uint64) *FS {
	return &FS{rnd: rand.New(rand.NewPCG(seed, 77)), seed: seed, root: newDir(), faults: map[int]fault{}}
}

// CutAt lets the power go at the k-th operation from the beginning (the first is 1): it has no effect, nor has any
// later one.
func (f *FS) CutAt(k int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cutAt = k
}

// KeepSome lets a random share of what was not synced survive the cut.
func (f *FS) KeepSome(keep bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keepSome = keep
}

// FailAt lets the k-th operation fail with err; persisted says whether it has its effect all the same. A failed Sync that
// is not persisted loses its bytes for good: the next Sync of the same file reports success and changes nothing, as
// Linux does.
func (f *FS) FailAt(k int, err error, persisted bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[k] = fault{err: err, persisted: persisted}
}

// ShortWriteAt lets the k-th operation, if it is a write, write half of its bytes and fail with err.
func (f *FS) ShortWriteAt(k int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults[k] = fault{err: err, short: true}
}

// Capacity limits the bytes of all files; a write beyond gives syscall.ENOSPC.
func (f *FS) Capacity(n int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.capacity = n
}

// Trace is told every operation, in order, for tests that look at the order.
func (f *FS) Trace(t func(op, name string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.trace = t
}

// Ops is the number of operations so far.
func (f *FS) Ops() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ops
}

// Cut says whether the power is gone.
func (f *FS) Cut() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cut
}

// Reboot gives the disk as it is after a power cut now. The old one stays dark.
func (f *FS) Reboot() *FS {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cut = true
	after := New(f.seed + 1)
	made := map[*node]*node{}
	after.root = f.survive(f.root, made)
	after.capacity, after.keepSome, after.serial = f.capacity, f.keepSome, f.serial
	return after
}

func (f *FS) survive(n *node, made map[*node]*node) *node {
	if m, ok := made[n]; ok {
		return m
	}
	if !n.dir {
		data := bytes.Clone(n.synced)
		if f.keepSome {
			data = f.keepPages(n)
		}
		m := &node{mode: n.mode, data: data, synced: bytes.Clone(data), version: n.version}
		made[n] = m
		return m
	}
	m := newDir()
	made[n] = m
	entries := map[string]*node{}
	for name, child := range n.durable {
		entries[name] = child
	}
	if f.keepSome {
		for _, c := range n.pending[:f.rnd.IntN(len(n.pending)+1)] {
			c.apply(entries)
		}
	}
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names) // the same chance for the same seed
	for _, name := range names {
		c := f.survive(entries[name], made)
		m.entries[name], m.durable[name] = c, c
	}
	return m
}

func (f *FS) keepPages(n *node) []byte {
	n = &node{data: n.data, synced: bytes.Clone(n.synced), dirty: n.dirty}
	pages := make([]int, 0, len(n.dirty))
	for p := range n.dirty {
		pages = append(pages, p)
	}
	slices.Sort(pages)
	for _, p := range pages {
		if f.rnd.IntN(2) == 0 {
			continue
		}
		n.flush(p)
	}
	return n.synced
}

// Flip inverts one bit of a stored file, as rot does: for tests of detection.
func (f *FS) Flip(name string, bit int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.find(name)
	if err != nil || n.dir {
		panic("faultfs: flip: no such file")
	}
	n.data[bit/8] ^= 1 << (bit % 8)
	n.synced = bytes.Clone(n.data)
}

// begin counts one operation. skip says that it must have no effect, err what it must return at its end.
func (f *FS) begin(op, name string) (flt fault, skip bool, err error) {
	f.ops++
	if f.trace != nil {
		f.trace(op, name)
	}
	if f.cut || (f.cutAt > 0 && f.ops >= f.cutAt) {
		f.cut = true
		return fault{}, true, &fs.PathError{Op: op, Path: name, Err: ErrCut}
	}
	flt, ok := f.faults[f.ops]
	if !ok {
		return fault{}, false, nil
	}
	return flt, !flt.persisted, &fs.PathError{Op: op, Path: name, Err: flt.err}
}

func (f *FS) find(name string) (*node, error) {
	n := f.root
	if name == "." || name == "" {
		return n, nil
	}
	for part := range strings.SplitSeq(name, "/") {
		if !n.dir {
			return nil, fs.ErrNotExist
		}
		c, ok := n.entries[part]
		if !ok {
			return nil, fs.ErrNotExist
		}
		n = c
	}
	return n, nil
}

func (f *FS) parent(name string) (*node, string, error) {
	d, err := f.find(path.Dir(name))
	if err != nil {
		return nil, "", err
	}
	if !d.dir {
		return nil, "", fs.ErrNotExist
	}
	return d, path.Base(name), nil
}

func (d *node) change(c change) {
	c.apply(d.entries)
	d.pending = append(d.pending, c)
}

func wrap(op, name string, err error) error { return &fs.PathError{Op: op, Path: name, Err: err} }

// OpenFile implements localdisk.FS.
func (f *FS) OpenFile(name string, flag int, perm fs.FileMode) (localdisk.File, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	_, skip, fail := f.begin(op, name)
	if skip {
		return nil, fail
	}
	n, err := f.find(name)
	switch {
	case err == nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, wrap(op, name, fs.ErrExist)
	case err != nil && flag&os.O_CREATE == 0:
		return nil, wrap(op, name, fs.ErrNotExist)
	case err != nil:
		d, base, err := f.parent(name)
		if err != nil {
			return nil, wrap(op, name, err)
		}
		f.serial++
		n = &node{mode: perm, dirty: map[int]bool{}, version: f.serial}
		d.change(change{add: base, node: n})
	}
	if fail != nil {
		return nil, fail // the file is there, but the caller is told otherwise
	}
	return &file{fs: f, n: n, name: name}, nil
}

// Mkdir implements localdisk.FS.
func (f *FS) Mkdir(name string, _ fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, skip, fail := f.begin("mkdir", name)
	if skip {
		return fail
	}
	d, base, err := f.parent(name)
	if err != nil {
		return wrap("mkdir", name, err)
	}
	if _, there := d.entries[base]; there {
		return wrap("mkdir", name, fs.ErrExist)
	}
	d.change(change{add: base, node: newDir()})
	return fail
}

// Lstat implements localdisk.FS.
func (f *FS) Lstat(name string) (fs.FileInfo, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, _, fail := f.begin("stat", name); fail != nil {
		return nil, fail
	}
	n, err := f.find(name)
	if err != nil {
		return nil, wrap("stat", name, err)
	}
	return info{path.Base(name), int64(len(n.data)), n.mode, n.version}, nil
}

// ReadDir implements localdisk.FS.
func (f *FS) ReadDir(name string) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, _, fail := f.begin("readdir", name); fail != nil {
		return nil, fail
	}
	n, err := f.find(name)
	if err != nil || !n.dir {
		return nil, wrap("readdir", name, fs.ErrNotExist)
	}
	var out []fs.DirEntry
	for base, c := range n.entries {
		out = append(out, fs.FileInfoToDirEntry(info{base, int64(len(c.data)), c.mode, c.version}))
	}
	slices.SortFunc(out, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return out, nil
}

// Remove implements localdisk.FS.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, skip, fail := f.begin("remove", name)
	if skip {
		return fail
	}
	d, base, err := f.parent(name)
	if err != nil {
		return wrap("remove", name, err)
	}
	n, ok := d.entries[base]
	if !ok {
		return wrap("remove", name, fs.ErrNotExist)
	}
	if n.dir && len(n.entries) > 0 {
		return wrap("remove", name, errors.New("folder is not empty"))
	}
	d.change(change{drop: base})
	return fail
}

// Rename implements localdisk.FS, within one folder.
func (f *FS) Rename(oldName, newName string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, skip, fail := f.begin("rename", newName)
	if skip {
		return fail
	}
	d, oldBase, err := f.parent(oldName)
	if err != nil {
		return wrap("rename", oldName, err)
	}
	if path.Dir(oldName) != path.Dir(newName) {
		return wrap("rename", newName, errors.New("faultfs renames within one folder only"))
	}
	n, ok := d.entries[oldBase]
	if !ok {
		return wrap("rename", oldName, fs.ErrNotExist)
	}
	d.change(change{add: path.Base(newName), node: n, drop: oldBase})
	return fail
}

// SyncDir implements localdisk.FS.
func (f *FS) SyncDir(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, skip, fail := f.begin("syncdir", name)
	n, err := f.find(name)
	if f.cut {
		return fail
	}
	if err != nil || !n.dir {
		return wrap("syncdir", name, fs.ErrNotExist)
	}
	if !skip {
		for _, c := range n.pending {
			c.apply(n.durable)
		}
	}
	// Also after a failure: what was lost is not tried again.
	n.pending = nil
	return fail
}

// Free implements localdisk.FS.
func (f *FS) Free() (free, total uint64, known bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.capacity == 0 {
		return 0, 0, false
	}
	used := f.used(f.root)
	return uint64(max(0, f.capacity-used)), uint64(f.capacity), true
}

func (f *FS) used(n *node) int64 {
	total := int64(len(n.data))
	for _, c := range n.entries {
		total += f.used(c)
	}
	return total
}

// Version implements localdisk.FS.
func (f *FS) Version(i fs.FileInfo) string { return fmt.Sprint(i.(info).version, ".", i.Size()) }

type info struct {
	name    string
	size    int64
	mode    fs.FileMode
	version uint64
}

func (i info) Name() string       { return i.name }
func (i info) Size() int64        { return i.size }
func (i info) Mode() fs.FileMode  { return i.mode }
func (i info) ModTime() time.Time { return time.Time{} }
func (i info) IsDir() bool        { return i.mode.IsDir() }
func (i info) Sys() any           { return nil }

type file struct {
	fs     *FS
	n      *node
	name   string
	closed bool
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, _, fail := f.fs.begin("read", f.name); fail != nil {
		return 0, fail
	}
	if off < 0 {
		return 0, wrap("read", f.name, fs.ErrInvalid)
	}
	if off >= int64(len(f.n.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) WriteAt(p []byte, off int64) (int, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	flt, skip, fail := f.fs.begin("write", f.name)
	if skip && !flt.short {
		return 0, fail
	}
	if flt.short {
		p = p[:len(p)/2]
	}
	if grow := off + int64(len(p)) - int64(len(f.n.data)); grow > 0 {
		if f.fs.capacity > 0 && f.fs.used(f.fs.root)+grow > f.fs.capacity {
			return 0, wrap("write", f.name, syscall.ENOSPC)
		}
		f.n.data = append(f.n.data, make([]byte, grow)...)
	}
	copy(f.n.data[off:], p)
	if len(p) > 0 {
		if f.n.dirty == nil {
			f.n.dirty = map[int]bool{}
		}
		for page := off / pageSize; page <= (off+int64(len(p))-1)/pageSize; page++ {
			f.n.dirty[int(page)] = true
		}
	}
	return len(p), fail
}

func (f *file) Sync() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	_, skip, fail := f.fs.begin("sync", f.name)
	if f.fs.cut {
		return fail
	}
	if !skip {
		for page := range f.n.dirty {
			f.n.flush(page)
		}
	}
	f.n.dirty = nil // also after a failure: the pages count as clean, and are lost
	return fail
}

// flush brings one page to the device.
func (n *node) flush(page int) {
	from, to := page*pageSize, min((page+1)*pageSize, len(n.data))
	if len(n.synced) < to {
		n.synced = append(n.synced, make([]byte, to-len(n.synced))...)
	}
	copy(n.synced[from:to], n.data[from:to])
}

func (f *file) Stat() (fs.FileInfo, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if _, _, fail := f.fs.begin("stat", f.name); fail != nil {
		return nil, fail
	}
	return info{path.Base(f.name), int64(len(f.n.data)), f.n.mode, f.n.version}, nil
}

func (f *file) Close() error {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if f.closed {
		return wrap("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	_, _, fail := f.fs.begin("close", f.name)
	return fail
}

func (f *file) StartWrite(int64, int64) {}

// DropCache shows what is on the device. Pages that were not synced stay.
func (f *file) DropCache() {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if len(f.n.dirty) > 0 {
		return
	}
	data := make([]byte, len(f.n.data))
	copy(data, f.n.synced)
	f.n.data = data
}
