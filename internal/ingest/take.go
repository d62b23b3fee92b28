package ingest

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"zapis/internal/archive"
	"zapis/internal/commit"
	"zapis/internal/vault"
)

// line is one line of the manifest in the making.
type line struct {
	f       *found
	outcome archive.Outcome
	reason  string
	sparse  bool
	object  *vault.Object // sealed in the batch of the line's group, and wanted
	sha256  [32]byte      // with outcomes that have bytes
	size    int64
	pieces  []byte // SHA-256 of each proof segment, 32 bytes each; with object
	item    string // of the item held already, for duplicates
}

// folders opens the folders of files, one name at a time and never through a link, and keeps the latest one open:
// neighbours are read one after the other.
type folders struct {
	root *root
	path string
	dir  *os.File
}

func (o *folders) close() {
	if o.dir != nil {
		_ = o.dir.Close()
		o.dir = nil
	}
}

// of opens the folder that holds f. The folder stays the property of o.
func (o *folders) of(f *found) (*os.File, string, error) {
	at := strings.LastIndexByte(f.path, '/')
	dir, name := "", f.path
	if at >= 0 {
		dir, name = f.path[:at], f.path[at+1:]
	}
	if o.dir != nil && o.root == f.root && o.path == dir {
		return o.dir, name, nil
	}
	o.close()
	d, err := reopenFolder(f.root.dir)
	if err != nil {
		return nil, "", err
	}
	for part := range strings.SplitSeq(dir, "/") {
		if part == "" {
			continue
		}
		next, err := openFolderAt(d, part)
		_ = d.Close()
		if err != nil {
			return nil, "", err
		}
		d = next
	}
	o.root, o.path, o.dir = f.root, dir, d
	return d, name, nil
}

// source reads one file up to one byte beyond the size it had, so that a file that grows without end cannot hold up the
// run, and counts.
type source struct {
	f     *os.File
	ctx   context.Context
	limit int64
	n     int64
	path  string
	hook  func(string, int64)
	count func(int64)
}

func (s *source) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	left := s.limit - s.n
	if left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	n, err := s.f.Read(p)
	s.n += int64(n)
	s.count(int64(n))
	if s.hook != nil {
		s.hook(s.path, int64(n))
	}
	return n, flattenRead(err)
}

func flattenRead(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return flatten(err)
}

// takeTries is how often a file is read when it changed, was swapped or failed while it was read.
const takeTries = 2

// take seals one regular file into the batch. The error is one that ends the run (the vault, the context); whatever is
// wrong with the file is the outcome of the line.
func (r *run) take(ctx context.Context, b *vault.Batch, dirs *folders, f *found) (line, error) {
	l := line{f: f, outcome: archive.OutcomeFailed}
	for try := range takeTries {
		reason, err := r.takeOnce(ctx, b, dirs, &l, try > 0)
		if err != nil {
			return l, err
		}
		if reason == "" {
			l.outcome, l.reason = archive.OutcomeReceived, ""
			return l, nil
		}
		l.reason = reason
		if reason == ReasonUnreadable {
			break // no right to read does not come by asking twice
		}
	}
	return l, nil
}

// takeOnce gives the reason why the file could not be taken in, or "".
func (r *run) takeOnce(ctx context.Context, b *vault.Batch, dirs *folders, l *line, again bool) (reason string, err error) {
	f := l.f
	r.s.o.FS.open(f.path)
	d, name, err := dirs.of(f)
	if exhausted(err) {
		return "", err
	}
	if err != nil {
		return openReason(err, true), nil
	}
	if again {
		// Look anew: an editor that puts a new file in the place of the old one does nothing wrong.
		dirs.close()
		if d, name, err = dirs.of(f); err != nil {
			return openReason(err, true), nil
		}
		m, err := statAt(d, name)
		if err != nil {
			return openReason(err, false), nil
		}
		if m.Type != 0 {
			return ReasonSwapped, nil
		}
		f.meta = m
	}
	file, err := openFile(d, name)
	if exhausted(err) {
		return "", err
	}
	if err != nil {
		return openReason(err, false), nil
	}
	defer file.Close()
	before, err := statFile(file)
	if err != nil {
		return ReasonReadError, nil
	}
	if !before.sameFile(f.meta) {
		return ReasonSwapped, nil
	}
	f.meta = before
	l.sparse = hasHole(file, before)

	counted := int64(0)
	src := &source{
		f: file, ctx: ctx, limit: before.Size + 1, path: f.path, hook: r.s.o.FS.Read,
		count: func(n int64) { counted += n; r.report.read(n) },
	}
	// The digest of what fits into one proof segment is that of the whole; larger files are hashed a second time, in
	// segments, while they are sealed.
	var segments *commit.Segments
	opts := vault.AddOptions{ExpectSize: before.Size}
	if before.Size > commit.SegmentSize {
		segments = &commit.Segments{}
		opts.Also = segments
	}
	o, err := b.Add(ctx, src, opts)
	if err != nil {
		r.report.read(-counted)
		if cerr := ctx.Err(); cerr != nil {
			return "", cerr
		}
		if errors.Is(err, vault.ErrSource) {
			return ReasonReadError, nil
		}
		return "", err
	}
	after, err := statFile(file)
	if err != nil || src.n != before.Size || o.Size != before.Size || !before.unchanged(after) {
		b.Drop(o.ID)
		r.report.read(-counted)
		return ReasonChanged, nil
	}
	if before.Size >= 1<<20 {
		forget(file)
	}
	l.object, l.sha256, l.size, l.pieces = &o, o.SHA256, o.Size, o.SHA256[:]
	if segments != nil {
		l.pieces = segments.Digests()
	}
	return "", nil
}

// openReason says why opening failed; folder is set when a folder on the way did.
func openReason(err error, folder bool) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ReasonVanished
	case errors.Is(err, unix.ELOOP), errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENOTDIR), folder && errors.Is(err, unix.EMLINK):
		return ReasonSwapped
	case errors.Is(err, unix.EIO):
		return ReasonReadError
	}
	return ReasonUnreadable
}

// fingerprint is the keyed hash by which the next run knows what this one has finished: absolute path, type, size, time
// of modification and of change. The number of the device is left out, since it differs after every mount, and so is
// the number of the inode, which some file systems make up anew; the time of change moves whenever a file is
// written, replaced or renamed into place, and cannot be set back by ordinary means.
//
// Of things that are skipped whatever they hold, only the path and the reason count.
func (r *run) fingerprint(f *found) []byte {
	path := []byte(f.root.abs + "/" + f.path)
	if !f.known || f.reason == ReasonOwn || f.reason == ReasonPseudo || f.reason == ReasonLoop {
		return r.s.o.Record.Fingerprint([]byte("zapis.origin.v1"), path, []byte(f.reason))
	}
	var b [28]byte
	binary.BigEndian.PutUint32(b[0:], uint32(f.meta.Type))
	binary.BigEndian.PutUint64(b[4:], uint64(f.meta.Size))
	binary.BigEndian.PutUint64(b[12:], uint64(f.meta.MTime))
	binary.BigEndian.PutUint64(b[20:], uint64(f.meta.CTime))
	return r.s.o.Record.Fingerprint([]byte("zapis.origin.v1"), path, b[:])
}

// origin gives the bytes that are sealed into provenance.
func (r *run) origin(f *found, sparse bool) []byte {
	o := archive.Origin{
		Root: []byte(f.root.abs), Path: []byte(f.path), Name: cleanName(f.path), Extension: extension(f.path), Target: []byte(f.target),
	}
	if f.known {
		m := f.meta
		o.Mode, o.UID, o.GID, o.Owner = m.Mode, int64(m.UID), int64(m.GID), r.about.owner(m.UID)
		o.Device, o.Inode, o.Links, o.Sparse = r.about.device(m.Dev), m.Ino, m.Links, sparse
		o.ModifiedAt, o.ChangedAt, o.BornAt = micros(m.MTime), micros(m.CTime), micros(m.BTime)
	}
	return encodeOrigin(o)
}

// micros rounds down, as the past before 1970 asks for.
func micros(ns int64) int64 {
	us := ns / 1000
	if ns%1000 < 0 {
		us--
	}
	return us
}

// surroundings remembers what this machine says of owners and devices.
type surroundings struct {
	mu      sync.Mutex
	owners  map[uint32]string
	devices map[uint64]string
}

// owner is the name that this machine has for a user number; on a disk from elsewhere it may be another person's.
func (a *surroundings) owner(uid uint32) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	name, ok := a.owners[uid]
	if !ok {
		if u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
			name = cleanName(u.Username)
		}
		a.owners[uid] = name
	}
	return name
}

func (a *surroundings) device(dev uint64) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, ok := a.devices[dev]
	if !ok {
		d = describeDevice(dev)
		a.devices[dev] = d
	}
	return d
}

// nameOf opens provenance and gives the cleaned name in it.
func (s *Service) nameOf(p archive.Provenance) (string, error) {
	o, err := s.openOrigin(p)
	return o.Name, err
}

func (s *Service) openOrigin(p archive.Provenance) (archive.Origin, error) {
	text, err := s.o.Record.Open(p.ID, p.Sealed)
	if err != nil {
		return archive.Origin{}, err
	}
	return decodeOrigin(text)
}
