package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"sync/atomic"
)

// sink writes one blob. Write only collects; a goroutine of its own hashes and writes whole buffers, and after close
// makes the blob durable and reads it back, while the batch goes on with the next blob.
type sink struct {
	id   string
	size int64 // bytes taken so far, also those not written yet

	buf  buffer
	fill int
	ch   chan chunk
	b    Backend

	failed atomic.Bool   // set before done, so that writing stops early
	done   chan struct{} // closed when everything below is final
	w      BlobWriter
	blob   Blob
	err    error
}

type chunk struct {
	buf buffer
	n   int
}

// sinkDepth is how many full buffers wait for the device.
const sinkDepth = 3

func (v *Vault) newSink(ctx context.Context, id string, slots chan struct{}) (*sink, error) {
	select {
	case slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	w, err := v.b.Create(ctx, BlobName(id))
	if err != nil {
		<-slots
		return nil, fmt.Errorf("begin blob %s: %w", id, err)
	}
	s := &sink{id: id, ch: make(chan chunk, sinkDepth), b: v.b, done: make(chan struct{}), w: w}
	go func() {
		defer func() {
			<-slots
			close(s.done)
		}()
		s.blob, s.err = s.run(ctx)
		if s.err != nil {
			s.failed.Store(true)
			for c := range s.ch { // let the batch notice by itself
				buffers.Put(c.buf)
			}
		}
	}()
	return s, nil
}

// Write collects; it fails once the blob has failed.
func (s *sink) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		if s.failed.Load() {
			return 0, errSink
		}
		if s.buf == nil {
			s.buf, s.fill = buffers.Get().(buffer), 0
		}
		n := copy(s.buf[s.fill:], p)
		s.fill += n
		s.size += int64(n)
		p = p[n:]
		if s.fill == bufferSize {
			s.flush()
		}
	}
	return total, nil
}

// errSink stands for the error that the sink's goroutine holds.
var errSink = errors.New("blob could not be written")

func (s *sink) flush() {
	if s.buf != nil {
		s.ch <- chunk{s.buf, s.fill}
		s.buf = nil
	}
}

// close begins to finish the blob; done tells when that is over.
func (s *sink) close() {
	s.flush()
	close(s.ch)
}

func (s *sink) run(ctx context.Context) (Blob, error) {
	digest := sha256.New()
	seed := maphash.MakeSeed()
	var marks []uint64 // of every whole buffer and of the rest
	var size int64
	// A piece is hashed while it is written.
	pieces, written := make(chan []byte), make(chan error, 1)
	go func() {
		for p := range pieces {
			_, err := s.w.Write(p)
			written <- err
		}
	}()
	defer close(pieces)
	for c := range s.ch {
		pieces <- c.buf[:c.n]
		digestInto(digest, c.buf[:c.n])
		marks = append(marks, maphash.Bytes(seed, c.buf[:c.n]))
		err := <-written
		buffers.Put(c.buf)
		if err != nil {
			return Blob{}, fmt.Errorf("write blob %s: %w", s.id, err)
		}
		size += int64(c.n)
	}
	if err := s.w.Close(); err != nil {
		return Blob{}, fmt.Errorf("sync blob %s: %w", s.id, err)
	}
	blob := Blob{Name: s.id, Size: size, SHA256: [32]byte(digest.Sum(nil))}
	if err := s.readBack(ctx, blob, seed, marks); err != nil {
		return Blob{}, fmt.Errorf("read back: %w", err)
	}
	return blob, nil
}

// readBack reads the blob from the device and compares it with what was written. The SHA-256 was taken from the very
// buffers that the marks were taken from; the marks are keyed with a seed that never leaves this process, 64 bits for
// each mebibyte, so that bytes that differ pass with a probability of 2^-64, at a tenth of the cost of a second
// SHA-256. What a storage that streams gives is compared by SHA-256.
func (s *sink) readBack(ctx context.Context, blob Blob, seed maphash.Seed, marks []uint64) error {
	r, err := openCold(ctx, s.b, BlobName(blob.Name))
	if err != nil {
		return fmt.Errorf("blob %s: %w", blob.Name, err)
	}
	if _, streams := r.(io.WriterTo); streams {
		_ = r.Close()
		return checkBlob(ctx, s.b, blob, true, nil)
	}
	if r.Size() != blob.Size {
		_ = r.Close()
		return corrupt("blob %s has %d bytes instead of %d", blob.Name, r.Size(), blob.Size)
	}
	_, err = pump(ctx, r.Size(), r.ReadAt, func(p []byte) error {
		if len(marks) == 0 || maphash.Bytes(seed, p) != marks[0] {
			return corrupt("blob %s differs from what was written", blob.Name)
		}
		marks = marks[1:]
		return nil
	})
	if e := r.Close(); err == nil {
		err = e
	}
	if err == nil && len(marks) > 0 {
		err = corrupt("blob %s is shorter than what was written", blob.Name)
	}
	return err
}

// checkBlob reads a whole blob and compares size and digest.
func checkBlob(ctx context.Context, b Backend, blob Blob, cold bool, progress func(int64)) error {
	open := b.Open
	if cold {
		open = func(ctx context.Context, name string) (BlobReader, error) { return openCold(ctx, b, name) }
	}
	r, err := open(ctx, BlobName(blob.Name))
	if errors.Is(err, ErrNotFound) {
		return fmt.Errorf("%w: blob %s is missing: %w", ErrCorrupt, blob.Name, err)
	}
	if err != nil {
		return fmt.Errorf("blob %s: %w", blob.Name, err)
	}
	sum, n, err := digestOf(ctx, r, progress)
	if e := r.Close(); err == nil && e != nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("blob %s: %w", blob.Name, err)
	}
	if n != blob.Size {
		return corrupt("blob %s has %d bytes instead of %d", blob.Name, n, blob.Size)
	}
	if sum != blob.SHA256 {
		return corrupt("blob %s has another digest", blob.Name)
	}
	return nil
}

// digestOf reads a file from end to end: two buffers, so that reading and hashing overlap.
func digestOf(ctx context.Context, r BlobReader, progress func(int64)) (sum [32]byte, n int64, err error) {
	digest := sha256.New()
	n, err = streamTo(ctx, r, func(p []byte) error {
		digestInto(digest, p)
		if progress != nil {
			progress(int64(len(p)))
		}
		return nil
	})
	return [32]byte(digest.Sum(nil)), n, err
}

// streamTo hands the bytes of r to use, in order, while the next ones are being read.
func streamTo(ctx context.Context, r BlobReader, use func([]byte) error) (int64, error) {
	if w, ok := r.(io.WriterTo); ok {
		return w.WriteTo(writerFunc(func(p []byte) (int, error) {
			if err := ctx.Err(); err != nil {
				return 0, err
			}
			return len(p), use(p)
		}))
	}
	return pump(ctx, r.Size(), r.ReadAt, use)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// pump reads size bytes through read, a buffer ahead of use. Short sources give io.ErrUnexpectedEOF.
func pump(ctx context.Context, size int64, read func([]byte, int64) (int, error), use func([]byte) error) (int64, error) {
	if size <= bufferSize/4 { // not worth a goroutine
		p := make([]byte, size)
		if err := readFullAt(read, p, 0); err != nil {
			return 0, err
		}
		return size, use(p)
	}
	type part struct {
		p   []byte
		err error
	}
	free, full := make(chan []byte, 2), make(chan part, 2)
	for range cap(free) {
		buf := buffers.Get().(buffer)
		defer buffers.Put(buf)
		free <- buf[:]
	}
	go func() {
		defer close(full)
		for off := int64(0); off < size; {
			p, ok := <-free
			if !ok {
				return
			}
			p = p[:min(bufferSize, size-off)]
			err := ctx.Err()
			if err == nil {
				err = readFullAt(read, p, off)
			}
			full <- part{p, err}
			if err != nil {
				return
			}
			off += int64(len(p))
		}
	}()
	var n int64
	var err error
	for part := range full {
		if err == nil {
			err = part.err
		}
		if err == nil {
			if err = use(part.p); err == nil {
				n += int64(len(part.p))
				free <- part.p[:bufferSize]
				continue
			}
		}
		// Ends the reading goroutine, which then still holds one buffer at most.
		close(free)
		for range full {
		}
		break
	}
	return n, err
}

func readFullAt(read func([]byte, int64) (int, error), p []byte, off int64) error {
	n, err := read(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
