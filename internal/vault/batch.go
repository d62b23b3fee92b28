package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"sync/atomic"

	"filippo.io/age"

	"zapis/internal/archive"
)

// maxSinks bounds the blobs that are being finished while sealing goes on; with their buffers they are most of the
// memory of a batch.
const maxSinks = 3

// ringSize is how many buffers travel through the stages of Add.
const ringSize = 5

// Batch collects objects that are committed together: in one envelope, with few syncs. It is not safe for concurrent
// use; several batches of a vault at once are fine. Every batch ends with Commit or Abort.
//
// An error of Add that is ErrSource, and ErrFull foretold from ExpectSize, leave the batch usable; after any other error
// of the storage Add and Commit give ErrClosed and only Abort is left.
type Batch struct {
	v        *Vault
	ctx      context.Context
	envelope string
	cur      *sink
	sinks    []*sink
	slots    chan struct{}
	entries  []entry
	written  []string // names of what may exist beside the sinks' blobs
	err      error
	finished bool
}

// AddOptions of Batch.Add.
type AddOptions struct {
	// ExpectSize is how many bytes will come, if that is known (0: not known). It is used to refuse early what
	// cannot fit; it is not enforced.
	ExpectSize int64
	// Progress is told how many plaintext bytes were sealed since it was last called; from the goroutine of Add.
	Progress func(n int64)
	// Also is given the plaintext, in order, in pieces of at most 64 KiB, for digests of other kinds than the vault's own.
	// It runs beside the sealing, on a goroutine that has ended when Add returns, and on the caller's for what is small. It
	// must not keep what it is given. An error of it fails the object as one of the source does.
	Also io.Writer
}

// Commit is what a batch put into the vault, durable and read back.
type Commit struct {
	Envelope       string
	EnvelopeSHA256 [32]byte
	EnvelopeSize   int64
	Objects        []Object
	Blobs          []Blob
}

// Begin starts a batch. The context is that of the whole batch.
func (v *Vault) Begin(ctx context.Context) *Batch {
	return &Batch{v: v, ctx: ctx, envelope: v.newID(archive.PrefixEnvelope), slots: make(chan struct{}, maxSinks)}
}

// Envelope is the identifier that the batch's envelope will have.
func (b *Batch) Envelope() string { return b.envelope }

// Size gives the number of objects and of plaintext bytes that a Commit would make durable.
func (b *Batch) Size() (objects int, bytes int64) {
	for _, e := range b.entries {
		bytes += e.Size
	}
	return len(b.entries), bytes
}

// Add seals what r gives until io.EOF as one object. The object is not durable, and cannot be read, before Commit.
// Errors: ErrSource (r failed; the batch goes on without the object), ErrFull, ErrClosed, those of the storage.
func (b *Batch) Add(ctx context.Context, r io.Reader, o AddOptions) (Object, error) {
	if err := b.usable(); err != nil {
		return Object{}, fmt.Errorf("seal object: %w", err)
	}
	if o.ExpectSize > 0 {
		// Sealing adds 16 bytes to 64 KiB and 2 KB to each segment; leave room for the envelope, too.
		need := uint64(o.ExpectSize) + uint64(o.ExpectSize)/1024 + 1<<20
		if free, _, known := b.v.b.Free(ctx); known && free < need {
			return Object{}, fmt.Errorf("seal object: %w", ErrFull) // nothing was written: the batch can be committed
		}
	}
	if o.Progress == nil {
		o.Progress = func(int64) {}
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return Object{}, fmt.Errorf("seal object: %w", err)
	}
	e := entry{Object{ID: b.v.newID(archive.PrefixObject), Envelope: b.envelope}, id.String()}

	r = attentive{ctx, r}
	first := buffers.Get().(buffer)
	n, rerr := io.ReadFull(r, first[:])
	switch {
	case rerr == nil:
		err = b.addLarge(ctx, first, r, id, &e.Object, o)
	case errors.Is(rerr, io.EOF) || errors.Is(rerr, io.ErrUnexpectedEOF):
		err = b.addSmall(first[:n], id, &e.Object, o)
		buffers.Put(first)
	default:
		buffers.Put(first)
		err = &sourceError{rerr}
	}
	if err != nil {
		switch {
		case ctx.Err() != nil:
			err = ctx.Err() // the batch may go on: what was sealed so far is noise
		case !errors.Is(err, ErrSource):
			err = b.fail(err)
		}
		return Object{}, fmt.Errorf("seal object %s: %w", e.ID, err)
	}
	b.entries = append(b.entries, e)
	return e.Object, nil
}

// attentive is a source that ends when the context does, however slowly it gives.
type attentive struct {
	ctx context.Context
	r   io.Reader
}

func (a attentive) Read(p []byte) (int, error) {
	if err := a.ctx.Err(); err != nil {
		return 0, err
	}
	return a.r.Read(p)
}

func (b *Batch) usable() error {
	if b.finished {
		return ErrClosed
	}
	if b.err != nil {
		return fmt.Errorf("%w: %w", ErrClosed, b.err)
	}
	return b.ctx.Err()
}

// fail makes an error of the storage final for the batch. errSink stands for what a sink's goroutine met; that is
// fetched here.
func (b *Batch) fail(err error) error {
	if errors.Is(err, errSink) {
		b.closeCurrent()
		for _, s := range b.sinks {
			<-s.done
			if s.err != nil {
				err = s.err
				break
			}
		}
	}
	if b.err == nil {
		b.err = err
	}
	return err
}

func (b *Batch) closeCurrent() {
	if b.cur != nil {
		b.cur.close()
		b.cur = nil
	}
}

// place gives the blob that the next segment goes to.
func (b *Batch) place() (*sink, error) {
	if b.cur != nil && b.cur.size >= b.v.header().SegmentSize {
		b.closeCurrent()
	}
	for _, s := range b.sinks {
		if s.failed.Load() {
			return nil, errSink
		}
	}
	if b.cur == nil {
		id := b.v.newID(archive.PrefixBlob)
		s, err := b.v.newSink(b.ctx, id, b.slots)
		if err != nil {
			b.written = append(b.written, BlobName(id)) // it may be there all the same
			return nil, err
		}
		b.cur, b.sinks = s, append(b.sinks, s)
	}
	return b.cur, nil
}

// sealing is one segment under way.
type sealing struct {
	w    io.WriteCloser
	seg  Segment
	into *sink
}

func (b *Batch) beginSegment(index int, id *age.HybridIdentity) (*sealing, error) {
	s, err := b.place()
	if err != nil {
		return nil, err
	}
	seg := Segment{Index: index, Blob: s.id, Offset: s.size}
	w, err := age.Encrypt(s, id.Recipient())
	if err != nil {
		return nil, fmt.Errorf("segment %d: %w", index, err)
	}
	return &sealing{w, seg, s}, nil
}

func (s *sealing) end() (Segment, error) {
	if err := s.w.Close(); err != nil {
		return Segment{}, fmt.Errorf("segment %d: %w", s.seg.Index, err)
	}
	s.seg.Length = s.into.size - s.seg.Offset
	return s.seg, nil
}

// addSmall seals what fits into one buffer without handing it to another goroutine.
func (b *Batch) addSmall(p []byte, id *age.HybridIdentity, o *Object, opts AddOptions) error {
	if err := feed(opts.Also, p); err != nil {
		return err
	}
	limit := b.v.header().SegmentSize
	s := sealer{b: b, id: id, limit: limit}
	err := s.write(p)
	if err != nil {
		return err
	}
	if o.Segments, err = s.end(); err != nil {
		return err
	}
	d := segmentDigests{limit: limit, h: sha256.New()}
	d.write(p)
	sums := d.sums()
	if len(sums) != len(o.Segments) {
		return errHashSeal
	}
	o.SHA256, o.Size = sums[len(sums)-1], int64(len(p))
	for i := range o.Segments {
		o.Segments[i].PlainSHA256 = sums[i]
	}
	opts.Progress(int64(len(p)))
	return nil
}

// feed gives p to a writer beside the vault.
func feed(w io.Writer, p []byte) error {
	if w == nil {
		return nil
	}
	if err := writeCalmly(w, p); err != nil {
		return &sourceError{err}
	}
	return nil
}

// ring is the set of buffers that travel through the stages of one Add.
type ring struct {
	free chan *ringBuffer
}

// ringBuffer goes back to the reader when the hash, the seal and the writer beside them are done with it.
type ringBuffer struct {
	data buffer
	n    int
	err  error // of the source; nothing follows
	uses atomic.Int32
}

func (r *ring) done(b *ringBuffer) {
	if b.uses.Add(-1) == 0 {
		r.free <- b // never blocks: there is room for all
	}
}

// addLarge runs three stages beside the caller's, four with a writer beside the vault: one reads, one hashes, that writer's,
// the blob's own writes; the caller's goroutine seals.
func (b *Batch) addLarge(ctx context.Context, first buffer, r io.Reader, id *age.HybridIdentity, o *Object, opts AddOptions) error {
	var (
		limit   = b.v.header().SegmentSize
		pool    = ring{make(chan *ringBuffer, ringSize)}
		read    = make(chan *ringBuffer, ringSize+1)
		tohash  = make(chan *ringBuffer, ringSize)
		digests = make(chan *segmentDigests, 1)
		tofeed  = make(chan *ringBuffer, ringSize)
		fed     = make(chan error, 1)
		uses    = int32(2)
		stop    = make(chan struct{})
	)
	for range ringSize - 1 {
		pool.free <- &ringBuffer{data: buffers.Get().(buffer)}
	}
	read <- &ringBuffer{data: first, n: bufferSize}
	go func() { // reads
		defer close(read)
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				read <- &ringBuffer{err: ctx.Err()}
				return
			case buf := <-pool.free:
				n, err := io.ReadFull(r, buf.data[:])
				last := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
				if err != nil && !last {
					buf.err = &sourceError{err}
				}
				buf.n = n
				read <- buf
				if err != nil {
					return
				}
			}
		}
	}()
	go func() { // hashes
		d := &segmentDigests{limit: limit, h: sha256.New()}
		for p := range tohash {
			d.write(p.data[:p.n])
			pool.done(p)
		}
		digests <- d
	}()
	if opts.Also != nil {
		uses = 3
		go func() { // feeds
			var err error
			for p := range tofeed {
				if err == nil {
					err = feed(opts.Also, p.data[:p.n])
				}
				pool.done(p)
			}
			fed <- err
		}()
	} else {
		fed <- nil
	}

	s := sealer{b: b, id: id, limit: limit}
	var err error
	for p := range read {
		if err = p.err; err != nil {
			break
		}
		n := p.n
		p.uses.Store(uses)
		tohash <- p
		if uses == 3 {
			tofeed <- p
		}
		err = s.write(p.data[:n])
		pool.done(p)
		if err != nil {
			break
		}
		o.Size += int64(n)
		opts.Progress(int64(n))
	}
	close(stop)
	close(tohash)
	close(tofeed)
	for range read { // the source belongs to the caller again when we return, so the reading has to be over
	}
	d := <-digests
	if ferr := <-fed; err == nil {
		err = ferr
	}
	for len(pool.free) > 0 {
		buffers.Put((<-pool.free).data)
	}
	if err != nil {
		return err
	}
	if o.Segments, err = s.end(); err != nil {
		return err
	}
	sums := d.sums()
	if len(sums) != len(o.Segments) {
		return errHashSeal
	}
	o.SHA256 = sums[len(sums)-1]
	for i := range o.Segments {
		o.Segments[i].PlainSHA256 = sums[i]
	}
	return nil
}

// errHashSeal cannot happen; if it does, nothing is acknowledged.
var errHashSeal = errors.New("hash and seal disagree on the number of segments")

// sealer cuts a stream into segments and seals each.
type sealer struct {
	b     *Batch
	id    *age.HybridIdentity
	limit int64
	cur   *sealing
	n     int64 // bytes in the current segment
	done  []Segment
}

func (s *sealer) write(p []byte) error {
	for len(p) > 0 {
		if s.cur != nil && s.n == s.limit {
			if err := s.closeSegment(); err != nil {
				return err
			}
		}
		if s.cur == nil {
			cur, err := s.b.beginSegment(len(s.done), s.id)
			if err != nil {
				return err
			}
			s.cur, s.n = cur, 0
		}
		n := min(int64(len(p)), s.limit-s.n)
		if _, err := s.cur.w.Write(p[:n]); err != nil {
			return fmt.Errorf("segment %d: %w", s.cur.seg.Index, err)
		}
		s.n, p = s.n+n, p[n:]
	}
	return nil
}

func (s *sealer) closeSegment() error {
	seg, err := s.cur.end()
	if err != nil {
		return err
	}
	seg.PlainLength = s.n
	s.done, s.cur = append(s.done, seg), nil
	return nil
}

// end closes the last segment; an empty stream has one, empty, segment.
func (s *sealer) end() ([]Segment, error) {
	if s.cur == nil && len(s.done) == 0 {
		cur, err := s.b.beginSegment(0, s.id)
		if err != nil {
			return nil, err
		}
		s.cur, s.n = cur, 0
	}
	if s.cur != nil {
		if err := s.closeSegment(); err != nil {
			return nil, err
		}
	}
	return s.done, nil
}

// segmentDigests hashes a stream once and notes the digest at the end of each segment: of everything up to there. One pass
// over the bytes gives the digest of the object and a place to look for damage.
type segmentDigests struct {
	limit int64
	h     hash.Hash
	n     int64 // bytes in the current segment
	done  [][32]byte
}

func (d *segmentDigests) write(p []byte) {
	for len(p) > 0 {
		if d.n == d.limit {
			d.closeSegment()
		}
		n := min(int64(len(p)), d.limit-d.n)
		digestInto(d.h, p[:n])
		d.n += n
		p = p[n:]
	}
}

func (d *segmentDigests) closeSegment() {
	d.done = append(d.done, [32]byte(d.h.Sum(nil)))
	d.n = 0
}

// sums ends the stream: a digest for each segment, one for an empty stream, too. The last is that of the object.
func (d *segmentDigests) sums() [][32]byte {
	if d.n > 0 || len(d.done) == 0 {
		d.closeSegment()
	}
	return d.done
}

// Drop forgets an object of this batch, as when its source changed while it was read. Its sealed bytes may stay in a
// blob that others share; its key is never written.
func (b *Batch) Drop(object string) {
	b.entries = slices.DeleteFunc(b.entries, func(e entry) bool { return e.ID == object })
}

// Commit makes the batch durable: the blobs first, then the envelope, then the sums, each synced with its folder and
// read back from the device. Only when it returns nil is anything acknowledged. After an error nothing is; call
// Abort. A batch without objects leaves nothing behind.
func (b *Batch) Commit(ctx context.Context) (Commit, error) {
	if err := b.usable(); err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", b.envelope, err)
	}
	c, err := b.commit(ctx)
	if err != nil {
		return Commit{}, fmt.Errorf("commit %s: %w", b.envelope, b.fail(err))
	}
	b.finished = true
	return c, nil
}

func (b *Batch) commit(ctx context.Context) (Commit, error) {
	b.closeCurrent()
	live := make(map[string]bool)
	for _, e := range b.entries {
		for _, s := range e.Segments {
			live[s.Blob] = true
		}
	}
	env := &envelope{id: b.envelope, entries: b.entries}
	var names, noise []string
	for _, s := range b.sinks {
		select {
		case <-s.done:
		case <-ctx.Done():
			return Commit{}, ctx.Err()
		}
		if s.err != nil {
			return Commit{}, s.err
		}
		if live[s.id] {
			env.blobs = append(env.blobs, s.blob)
			names = append(names, BlobName(s.id))
		} else {
			noise = append(noise, BlobName(s.id))
		}
	}
	// What only dropped objects used is not worth keeping: it can be tens of gigabytes.
	for _, name := range noise {
		if err := b.v.b.Remove(ctx, name); err != nil {
			return Commit{}, err
		}
	}
	if len(b.entries) == 0 {
		return Commit{}, nil
	}
	if err := b.v.b.Sync(ctx, names...); err != nil {
		return Commit{}, fmt.Errorf("sync blobs: %w", err)
	}

	// From here on: an envelope exists only when its blobs are durable, and sums only when their envelope is.
	plain := env.encode(b.v.ID())
	sealed, err := seal(plain, b.v.recipient())
	clear(plain)
	if err != nil {
		return Commit{}, err
	}
	if len(sealed) > maxEnvelope {
		return Commit{}, fmt.Errorf("%w: too many objects for one envelope", archive.ErrInvalid)
	}
	sum := sha256.Sum256(sealed)
	envName, sumsName := EnvelopeName(b.envelope), SumsName(b.envelope)
	sums := envelopeSums(env.blobs, b.envelope, sum)
	for _, file := range []struct {
		name string
		data []byte
	}{{envName, sealed}, {sumsName, sums}} {
		b.written = append(b.written, file.name)
		// Replace, although there is nothing to replace: a crash never leaves half an envelope under its name.
		if err := b.v.b.Replace(ctx, file.name, file.data); err != nil {
			return Commit{}, fmt.Errorf("write %s: %w", file.name, err)
		}
		if err := readBackSmall(ctx, b.v.b, file.name, file.data); err != nil {
			return Commit{}, fmt.Errorf("%s: %w", file.name, err)
		}
	}
	if err := b.v.checkRecipient(ctx); err != nil {
		return Commit{}, err
	}
	// The bytes are those that were written; this proves that they also open.
	if _, err := b.v.unsealEnvelope(b.envelope, sealed); err != nil {
		return Commit{}, fmt.Errorf("read back: %w", err)
	}
	c := Commit{Envelope: b.envelope, EnvelopeSHA256: sum, EnvelopeSize: int64(len(sealed)), Blobs: env.blobs}
	for _, e := range b.entries {
		c.Objects = append(c.Objects, e.Object)
	}
	return c, nil
}

// Abort ends the batch and takes away what it wrote. After a successful Commit it does nothing. It works with a
// context that is still alive even if the batch's own has ended; what cannot be taken away stays as noise that
// nothing refers to.
func (b *Batch) Abort(ctx context.Context) error {
	if b.finished {
		return nil
	}
	b.finished = true
	b.closeCurrent()
	var errs []error
	// The sums first, so that no sums ever list what is gone.
	for _, name := range slices.Backward(b.written) {
		errs = append(errs, b.v.b.Remove(ctx, name))
	}
	for _, s := range b.sinks {
		<-s.done
		if s.err != nil {
			errs = append(errs, s.w.Abort())
		}
		errs = append(errs, b.v.b.Remove(ctx, BlobName(s.id)))
	}
	b.entries = nil
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("abort %s: %w", b.envelope, err)
	}
	return nil
}
