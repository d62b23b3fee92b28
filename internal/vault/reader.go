package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"filippo.io/age"

	"zapis/internal/archive"
)

// Ref is what the catalogue keeps of an object in order to find it.
type Ref struct {
	Object   string
	Envelope string
}

// openSegments is how many segments a Reader keeps open: a player jumps between a few places.
const openSegments = 4

// Reader reads one object. ReadAt and Size are safe for concurrent use; Read, Seek and WriteTo share a position and are
// not. Every byte was authenticated before it is returned; damage gives a CorruptError and none of the damaged
// chunk's bytes. Close it.
type Reader struct {
	ctx context.Context
	b   Backend
	obj Object
	id  *age.HybridIdentity
	seg int64 // plaintext bytes of every segment but the last

	mu    sync.Mutex
	open  []*openSegment // most recently used last
	ended bool

	pos   int64
	ahead []byte // bytes that follow pos, read in advance
	buf   buffer
	grow  int
}

type openSegment struct {
	index int
	uses  int
	stale bool // to be closed when the last use ends
	blob  BlobReader
	plain io.ReaderAt
}

// Reader opens an object: ErrErased, ErrNotFound, ErrCorrupt (the envelope does not open), ErrFormat, ErrForeign. The
// context is that of everything the Reader does.
func (v *Vault) Reader(ctx context.Context, ref Ref) (*Reader, error) {
	e, err := v.lookup(ctx, ref)
	if err != nil {
		return nil, err
	}
	id, err := e.key()
	if err != nil {
		return nil, err
	}
	return &Reader{ctx: ctx, b: v.b, obj: e.Object, id: id, seg: v.header().SegmentSize}, nil
}

func (v *Vault) lookup(ctx context.Context, ref Ref) (entry, error) {
	if err := archive.CheckID(archive.PrefixObject, ref.Object); err != nil {
		return entry{}, err
	}
	c, err := v.readEnvelope(ctx, ref.Envelope)
	if err != nil {
		return entry{}, fmt.Errorf("open object %s: %w", ref.Object, err)
	}
	e, ok := c.objects[ref.Object]
	if !ok {
		if c.erased[ref.Object] {
			return entry{}, fmt.Errorf("open object %s: %w", ref.Object, ErrErased)
		}
		return entry{}, fmt.Errorf("open object %s: envelope %s does not list it: %w", ref.Object, ref.Envelope, ErrNotFound)
	}
	return e, nil
}

// Object says what is being read.
func (r *Reader) Object() Object { return r.obj }

// Size is the plaintext length in bytes.
func (r *Reader) Size() int64 { return r.obj.Size }

// ReadAt reads len(p) bytes at off. It returns a nil error if all of them were read, also when they end exactly at the
// end; io.EOF if fewer are left.
func (r *Reader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read object %s: %w: negative offset", r.obj.ID, archive.ErrInvalid)
	}
	if len(p) == 0 {
		return 0, nil
	}
	if off >= r.obj.Size {
		return 0, io.EOF
	}
	short := int64(len(p)) > r.obj.Size-off
	if short {
		p = p[:r.obj.Size-off]
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		index := at / r.seg
		inside := at - index*r.seg
		seg := r.obj.Segments[index]
		n := min(int64(len(p)-done), seg.PlainLength-inside)
		if err := r.readSegment(int(index), p[done:done+int(n)], inside); err != nil {
			return done, err
		}
		done += int(n)
	}
	if short {
		return done, io.EOF
	}
	return done, nil
}

func (r *Reader) readSegment(index int, p []byte, off int64) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	s, err := r.acquire(index)
	if err != nil {
		return err
	}
	defer r.release(s)
	n, err := s.plain.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return r.damage(index, err)
}

// acquire gives the segment, opened. Opening authenticates the header, the length and the last chunk.
func (r *Reader) acquire(index int) (*openSegment, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil, fmt.Errorf("read object %s: reader is closed", r.obj.ID)
	}
	for i, s := range r.open {
		if s.index == index {
			r.open = append(append(r.open[:i:i], r.open[i+1:]...), s)
			s.uses++
			return s, nil
		}
	}
	// Opened under the lock: two ranges of one segment at once should not open it twice.
	s, err := r.openSegment(index)
	if err != nil {
		return nil, err
	}
	if len(r.open) == openSegments {
		old := r.open[0]
		r.open = r.open[1:]
		old.stale = true
		r.closeStale(old)
	}
	s.uses = 1
	r.open = append(r.open, s)
	return s, nil
}

func (r *Reader) release(s *openSegment) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.uses--
	r.closeStale(s)
}

func (r *Reader) closeStale(s *openSegment) {
	if s.stale && s.uses == 0 {
		_ = s.blob.Close() // only read: nothing can be lost
	}
}

func (r *Reader) openSegment(index int) (*openSegment, error) {
	seg := r.obj.Segments[index]
	blob, err := r.b.Open(r.ctx, BlobName(seg.Blob))
	if errors.Is(err, ErrNotFound) {
		return nil, r.corrupt(index, fmt.Errorf("the blob is missing: %w", err))
	}
	if err != nil {
		return nil, fmt.Errorf("read object %s segment %d: %w", r.obj.ID, index, err)
	}
	src := &watched{r: blob}
	if n := r.b.Properties().ReadBlock; n > 0 {
		src.r = &blockReader{r: blob, block: int64(n)}
	}
	part := io.NewSectionReader(src, seg.Offset, seg.Length)
	plain, n, err := age.DecryptReaderAt(part, seg.Length, r.id)
	if err == nil && n != seg.PlainLength {
		err = fmt.Errorf("%d bytes instead of %d", n, seg.PlainLength)
	}
	if err != nil {
		_ = blob.Close()
		if src.err != nil {
			err = src.err
		}
		return nil, r.damage(index, err)
	}
	src.opened = true
	return &openSegment{index: index, blob: blob, plain: plain}, nil
}

// damage tells a storage that does not answer from bytes that do not agree.
func (r *Reader) damage(index int, err error) error {
	if f, ok := errors.AsType[*storageError](err); ok {
		return fmt.Errorf("read object %s segment %d: %w", r.obj.ID, index, f.err)
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return r.corrupt(index, err)
}

func (r *Reader) corrupt(index int, err error) error {
	return &CorruptError{Object: r.obj.ID, Segment: index, Blob: r.obj.Segments[index].Blob, Err: err}
}

// watched marks the errors of the storage, which age would otherwise mix with those of damaged bytes.
type watched struct {
	r      io.ReaderAt
	opened bool
	err    error // what was met while the segment was being opened, by one goroutine
}

type storageError struct{ err error }

func (e *storageError) Error() string { return e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &storageError{err}
		if !w.opened {
			w.err = err
		}
	}
	return n, err
}

// Read continues at the position. Reading on and on reads ahead in growing steps, up to 1 MiB.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if r.pos >= r.obj.Size {
		return 0, io.EOF
	}
	if len(r.ahead) == 0 {
		if len(p) >= bufferSize {
			n, err := r.ReadAt(p, r.pos)
			r.pos += int64(n)
			if n > 0 && errors.Is(err, io.EOF) {
				err = nil
			}
			return n, err
		}
		if r.buf == nil {
			r.buf = buffers.Get().(buffer)
		}
		r.grow = min(max(2*r.grow, chunkSize, len(p)), bufferSize)
		// Ends at a chunk's end, so that the next step opens no chunk twice.
		end := min(r.pos+int64(r.grow), r.obj.Size)
		if cut := end - end%chunkSize; end < r.obj.Size && cut > r.pos {
			end = cut
		}
		n, err := r.ReadAt(r.buf[:end-r.pos], r.pos)
		if n == 0 {
			return 0, err
		}
		// An error after good bytes comes back with the next Read.
		r.ahead = r.buf[:n]
	}
	n := copy(p, r.ahead)
	r.ahead = r.ahead[n:]
	r.pos += int64(n)
	return n, nil
}

// Seek moves the position of Read and WriteTo.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.pos
	case io.SeekEnd:
		offset += r.obj.Size
	case io.SeekStart:
	default:
		offset = -1
	}
	if offset < 0 {
		return 0, fmt.Errorf("seek object %s: %w", r.obj.ID, archive.ErrInvalid)
	}
	if skip := offset - r.pos; skip >= 0 && skip <= int64(len(r.ahead)) {
		r.ahead = r.ahead[skip:]
	} else {
		r.ahead, r.grow = nil, 0
	}
	r.pos = offset
	return offset, nil
}

// WriteTo writes everything from the position on, opening the next bytes while w takes the last ones.
func (r *Reader) WriteTo(w io.Writer) (int64, error) {
	start := min(r.pos, r.obj.Size)
	r.ahead, r.grow = nil, 0
	n, err := pump(r.ctx, r.obj.Size-start,
		func(p []byte, off int64) (int, error) { return r.ReadAt(p, start+off) },
		func(p []byte) error {
			n, err := w.Write(p)
			if err == nil && n < len(p) {
				err = io.ErrShortWrite
			}
			return err
		})
	r.pos = start + n
	return n, err
}

// Close lets go of the storage. Reads that are under way end first.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	for _, s := range r.open {
		s.stale = true
		r.closeStale(s)
	}
	r.open = nil
	if r.buf != nil {
		buffers.Put(r.buf)
		r.buf, r.ahead = nil, nil
	}
	return nil
}

// blockReader turns many small reads into few large ones, for storages where each costs a journey. It keeps the last
// blocks.
type blockReader struct {
	r     BlobReader
	block int64

	mu   sync.Mutex
	kept []keptBlock // most recently used last
}

type keptBlock struct {
	at   int64
	data []byte
}

const keptBlocks = 3

func (b *blockReader) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, archive.ErrInvalid
	}
	done := 0
	for done < len(p) {
		at := off + int64(done)
		if at >= b.r.Size() {
			return done, io.EOF
		}
		block, err := b.get(at / b.block)
		if err != nil {
			return done, err
		}
		done += copy(p[done:], block[at%b.block:])
	}
	return done, nil
}

func (b *blockReader) get(index int64) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, k := range b.kept {
		if k.at == index {
			b.kept = append(append(b.kept[:i:i], b.kept[i+1:]...), k)
			return k.data, nil
		}
	}
	start := index * b.block
	data := make([]byte, min(b.block, b.r.Size()-start))
	if err := readFullAt(b.r.ReadAt, data, start); err != nil {
		return nil, err
	}
	if len(b.kept) == keptBlocks {
		b.kept = b.kept[1:]
	}
	b.kept = append(b.kept, keptBlock{index, data})
	return data, nil
}
