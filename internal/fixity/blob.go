package fixity

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"syscall"

	"golang.org/x/sync/errgroup"

	"zapis/internal/store"
	"zapis/internal/vault"
)

// blob checks one blob and acts on what it finds.
//
// With keys the objects in it are opened and compared by their plaintext, so that nothing is read twice: sealed bytes
// that open and give the right plaintext are the right sealed bytes. What objects do not cover (the sealed bytes of
// files that turned out to be duplicates, objects that were erased) is compared by the digest of the blob. An object
// that fills several blobs is opened at its first one, in a check of everything, and vouches for them all; in a
// partial check the digest of the blob stands for its part of such an object.
func (c *check) blob(ctx context.Context, b store.Blob) error {
	in, err := c.objectsOf(ctx, b.Name)
	if err != nil {
		return err
	}
	if c.scope.Keyless {
		return c.bySum(ctx, b, in)
	}
	if len(in) == 1 && c.scope.All && spans(in[0]) && covers(in, b) {
		if in[0].Segments[0].Blob != b.Name {
			return nil // its first blob has it checked, and marks this one
		}
		return c.large(ctx, b, in[0])
	}
	var bad []store.Object
	code, opened := "", covers(in, b)
	for _, o := range in {
		if spans(o) || o.State == store.ObjectErased {
			opened = false
			continue
		}
		ocode, err := c.opens(ctx, o)
		if err != nil {
			return err
		}
		c.counted(0, 1)
		if ocode != "" {
			code, bad = ocode, append(bad, o)
		}
	}
	if code != "" {
		c.counted(1, 0)
		return c.act(ctx, b, code, bad)
	}
	if !opened {
		return c.bySum(ctx, b, in)
	}
	c.counted(1, 0)
	return c.agrees(ctx, b, in)
}

// bySum compares the sealed bytes of a blob with their digest.
func (c *check) bySum(ctx context.Context, b store.Blob, in []store.Object) error {
	code, err := c.sealed(ctx, b)
	if err != nil {
		return err
	}
	c.counted(1, 0)
	if code == "" {
		return c.agrees(ctx, b, in)
	}
	bad, err := c.narrow(ctx, b, in)
	if err != nil {
		return err
	}
	return c.act(ctx, b, code, bad)
}

// large checks an object that fills several blobs by itself.
func (c *check) large(ctx context.Context, b store.Blob, o store.Object) error {
	code, err := c.opens(ctx, o)
	if err != nil {
		return err
	}
	c.counted(0, 1)
	blobs, err := c.blobsOf(ctx, o)
	if err != nil {
		return err
	}
	if code == "" {
		for _, other := range blobs {
			in, err := c.objectsOf(ctx, other.Name)
			if err != nil {
				return err
			}
			if len(in) != 1 || !covers(in, other) {
				continue // it comes by itself
			}
			c.counted(1, 0)
			if err := c.agrees(ctx, other, in); err != nil {
				return err
			}
		}
		return nil
	}
	// Which blobs are damaged tells their digests.
	found := false
	for _, other := range blobs {
		c.counted(1, 0)
		sum, err := c.sealed(ctx, other)
		if err != nil {
			return err
		}
		if sum == "" {
			continue
		}
		found = true
		if err := c.act(ctx, other, sum, []store.Object{o}); err != nil {
			return err
		}
	}
	if !found {
		return c.act(ctx, b, code, []store.Object{o})
	}
	return nil
}

// spans says whether an object has segments in more than one blob.
func spans(o store.Object) bool {
	for _, s := range o.Segments {
		if s.Blob != o.Segments[0].Blob {
			return true
		}
	}
	return false
}

// covers says whether the segments of objects are all there is in a blob.
func covers(in []store.Object, b store.Blob) bool {
	n := int64(0)
	for _, o := range in {
		for _, s := range o.Segments {
			if s.Blob == b.Name {
				n += s.Length
			}
		}
	}
	return n == b.Size
}

func (c *check) objectsOf(ctx context.Context, blob string) (in []store.Object, err error) {
	err = c.s.o.DB.Read(ctx, func(tx *store.Tx) error {
		in, err = tx.ObjectsOfBlob(ctx, blob)
		return err
	})
	return in, err
}

func (c *check) blobsOf(ctx context.Context, o store.Object) (blobs []store.Blob, err error) {
	err = c.s.o.DB.Read(ctx, func(tx *store.Tx) error {
		blobs = blobs[:0]
		seen := map[string]bool{}
		for _, s := range o.Segments {
			if seen[s.Blob] {
				continue
			}
			seen[s.Blob] = true
			b, err := tx.Blob(ctx, s.Blob)
			if err != nil {
				return err
			}
			blobs = append(blobs, b)
		}
		return nil
	})
	return blobs, err
}

// sealed compares the sealed bytes of a blob with size and digest of the catalogue.
func (c *check) sealed(ctx context.Context, b store.Blob) (code string, err error) {
	return c.judge(ctx, func() error {
		return vault.CheckBlob(ctx, c.s.o.Vault.Backend(), vaultBlob(b), c.read)
	})
}

func vaultBlob(b store.Blob) vault.Blob {
	return vault.Blob{Name: b.Name, Size: b.Size, SHA256: [sha256.Size]byte(b.SHA256)}
}

// opens opens an object and compares the digests of its plaintext.
func (c *check) opens(ctx context.Context, o store.Object) (code string, err error) {
	return c.judge(ctx, func() error {
		return c.s.o.Vault.CheckObject(ctx, vault.Ref{Object: o.ID, Envelope: o.Envelope}, c.read)
	})
}

// judge tells damage (a code) from a check that could not be done (an error). What could not be read is tried twice:
// a storage that does not answer says nothing about the bytes, but a disk that gives an error of its own, twice, does.
func (c *check) judge(ctx context.Context, f func() error) (code string, err error) {
	for range 2 {
		err = f()
		switch {
		case err == nil:
			return "", nil
		case ctx.Err() != nil:
			return "", ctx.Err()
		case errors.Is(err, vault.ErrNotFound):
			return CodeMissing, nil
		case errors.Is(err, vault.ErrErased):
			return CodeMissing, nil // the catalogue says that it is held
		case errors.Is(err, vault.ErrCorrupt):
			return CodeAltered, nil
		}
	}
	if errors.Is(err, syscall.EIO) {
		return CodeUnreadable, nil
	}
	return "", err
}

// narrow gives those objects whose bytes in a damaged blob do not open.
func (c *check) narrow(ctx context.Context, b store.Blob, in []store.Object) (bad []store.Object, err error) {
	for _, o := range in {
		if o.State == store.ObjectErased {
			continue
		}
		code, err := c.judge(ctx, func() error { return c.partOpens(ctx, b, o) })
		if err != nil {
			return nil, err
		}
		if code != "" {
			bad = append(bad, o)
		}
	}
	return bad, nil
}

// partOpens reads what an object has in one blob. Every byte is authenticated on the way.
func (c *check) partOpens(ctx context.Context, b store.Blob, o store.Object) error {
	r, err := c.s.o.Vault.Reader(ctx, vault.Ref{Object: o.ID, Envelope: o.Envelope})
	if err != nil {
		return err
	}
	defer r.Close()
	at := int64(0)
	for _, s := range o.Segments {
		if s.Blob == b.Name {
			if s.PlainLength == 0 {
				return c.s.o.Vault.CheckObject(ctx, vault.Ref{Object: o.ID, Envelope: o.Envelope}, nil)
			}
			if _, err := io.Copy(io.Discard, io.NewSectionReader(r, at, s.PlainLength)); err != nil {
				return err
			}
		}
		at += s.PlainLength
	}
	return nil
}

func (c *check) counted(blobs, objects int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Blobs += blobs
	c.report.Objects += objects
	c.p.Blobs += blobs
	c.progress(c.p)
}

// envelopes compares the envelopes with the digests in the catalogue. They are small; a partial check looks at all.
func (c *check) envelopes(ctx context.Context) error {
	var all []store.Envelope
	err := c.s.o.DB.Read(ctx, func(tx *store.Tx) error {
		all = all[:0]
		for e, err := range tx.AllEnvelopes(ctx) {
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(c.s.o.Parallel)
	for _, e := range all {
		g.Go(func() error { return c.envelope(gctx, e) })
	}
	return g.Wait()
}

func (c *check) envelope(ctx context.Context, e store.Envelope) error {
	code, err := c.judge(ctx, func() error { return sameEnvelope(ctx, c.s.o.Vault.Backend(), e) })
	if err != nil {
		return err
	}
	if code == "" {
		if len(c.open[e.ID]) > 0 {
			return c.envelopeAgrees(ctx, e, resolvedRestored)
		}
		return nil
	}
	return c.actEnvelope(ctx, e, code)
}

var envelopeBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// sameEnvelope compares the sealed bytes of an envelope with size and digest of the catalogue.
func sameEnvelope(ctx context.Context, b vault.Backend, e store.Envelope) error {
	r, err := b.Open(ctx, vault.EnvelopeName(e.ID))
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Size() != e.Size {
		return vault.ErrCorrupt
	}
	h := sha256.New()
	buf := envelopeBuffers.Get().(*[]byte)
	defer envelopeBuffers.Put(buf)
	if _, err := io.CopyBuffer(h, io.NewSectionReader(r, 0, e.Size), *buf); err != nil {
		return err
	}
	if string(h.Sum(nil)) != string(e.SHA256) {
		return vault.ErrCorrupt
	}
	return nil
}
