package fsck

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"zapis/internal/archive"
	"zapis/internal/custody/rows"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// envelope, object, segment and blob are rows as the tables have them.
type envelopeRow struct {
	id     string
	sha256 []byte
	size   int64
}

type objectRow struct {
	id, state string
	size      int64
	sha256    []byte
}

type segmentRow struct {
	object                    string
	number                    int
	blob                      string
	at, sealedSize, plainSize int64
	plainSHA256               []byte
}

type blobRow struct {
	name, envelope string
	size           int64
	sha256         []byte
}

const page = 500

// vault holds envelopes, objects, segments and blobs of the database against those of the vault.
func (c *checker) vault(ctx context.Context, _ *store.Tx) error {
	present := map[string]int64{} // blobs in the vault and their sizes
	for b, err := range c.d.Vault.Blobs(ctx) {
		if err != nil {
			c.r.fail("vault-unreadable", "vault", "its blobs cannot be listed: %v", err)
			break
		}
		present[b.Name] = b.Size
	}
	envelopes := map[string]bool{} // in the vault and not yet met in the database
	for id, err := range c.d.Vault.Envelopes(ctx) {
		if err != nil {
			c.r.fail("vault-unreadable", "vault", "its envelopes cannot be listed: %v", err)
			break
		}
		envelopes[id] = true
	}
	if err := c.envelopes(ctx, envelopes); err != nil {
		return err
	}
	if err := c.blobs(ctx, present); err != nil {
		return err
	}
	recent := c.hourAgo()
	for id := range envelopes {
		// An envelope in the vault alone: the batch was committed there and the transaction was lost, or is under way.
		if suffix(id) >= suffix(recent) {
			continue
		}
		size := int64(0)
		if info, err := c.d.Vault.Backend().Stat(ctx, vault.EnvelopeName(id)); err == nil {
			size = info.Size
		}
		c.r.add(Finding{Warning, "envelope-orphan", id, "the vault has it, the catalogue does not: its act was broken off before it was acknowledged", size})
	}
	for name, size := range present {
		if suffix(name) >= suffix(recent) {
			continue
		}
		c.r.Orphans++
		c.r.OrphanBytes += size
		c.r.add(Finding{Warning, "blob-orphan", name, "nothing in the catalogue refers to it: left by an act that was broken off", size})
	}
	return nil
}

// suffix is the part of an identifier that orders by time.
func suffix(id string) string { return id[len("xx_"):] }

func (c *checker) envelopes(ctx context.Context, present map[string]bool) error {
	for after := ""; ; {
		list, err := rows.Select(ctx, c.rows, `SELECT id, sha256, size FROM envelope WHERE id > $1 ORDER BY id LIMIT $2`, []any{after, page},
			func(r rows.Scanner, e *envelopeRow) error { return r.Scan(&e.id, &e.sha256, &e.size) })
		if err != nil {
			return fmt.Errorf("read envelopes: %w", err)
		}
		for _, e := range list {
			c.r.Envelopes++
			c.o.Progress(Progress{Step: "vault", Done: c.r.Envelopes})
			if err := c.envelope(ctx, e, present[e.id]); err != nil {
				return err
			}
			delete(present, e.id)
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].id
	}
}

// envelope holds one envelope against its rows.
func (c *checker) envelope(ctx context.Context, e envelopeRow, present bool) error {
	objects, err := rows.Select(ctx, c.rows, `SELECT id, state, size, sha256 FROM object WHERE envelope_id = $1 ORDER BY id`, []any{e.id},
		func(r rows.Scanner, o *objectRow) error { return r.Scan(&o.id, &o.state, &o.size, &o.sha256) })
	if err != nil {
		return fmt.Errorf("read objects of %s: %w", e.id, err)
	}
	segments, err := rows.Select(ctx, c.rows, `SELECT s.object_id, s.number, s.blob_name, s.starts_at, s.sealed_size, s.plain_size, s.plain_sha256
		FROM segment s JOIN object o ON o.id = s.object_id WHERE o.envelope_id = $1 ORDER BY s.object_id, s.number`, []any{e.id},
		func(r rows.Scanner, s *segmentRow) error {
			return r.Scan(&s.object, &s.number, &s.blob, &s.at, &s.sealedSize, &s.plainSize, &s.plainSHA256)
		})
	if err != nil {
		return fmt.Errorf("read segments of %s: %w", e.id, err)
	}
	c.r.Objects += int64(len(objects))
	if !present {
		held := 0
		for _, o := range objects {
			if o.state != store.ObjectErased {
				held++
			}
		}
		if held > 0 {
			c.r.fail("envelope-missing", e.id, "the vault does not have it: %d objects cannot be opened", held)
		}
		return nil
	}
	sealed, err := c.d.Vault.DescribeCommit(ctx, e.id)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.r.fail("envelope-damaged", e.id, "it does not open: %d objects cannot be read", len(objects))
		return nil
	}
	if !bytes.Equal(sealed.EnvelopeSHA256[:], e.sha256) || sealed.EnvelopeSize != e.size {
		c.r.fail("envelope-differs", e.id, "its digest or size is not the one in the catalogue")
	}
	if err := c.d.Vault.CheckEnvelope(ctx, e.id); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.r.fail("sums-differ", e.id, "its sums file is missing or does not agree with it")
	}
	there := make(map[string]vault.Object, len(sealed.Objects))
	for _, o := range sealed.Objects {
		there[o.ID] = o
	}
	parts := map[string][]segmentRow{}
	for _, s := range segments {
		parts[s.object] = append(parts[s.object], s)
	}
	for _, o := range objects {
		v, ok := there[o.id]
		delete(there, o.id)
		switch {
		case o.state == store.ObjectErased && ok:
			c.r.fail("object-not-erased", o.id, "the catalogue says erased, its key is still in %s", e.id)
		case o.state == store.ObjectErased:
		case !ok:
			c.r.fail("object-missing", o.id, "its key is not in %s: it cannot be opened", e.id)
		case v.Size != o.size || !bytes.Equal(v.SHA256[:], o.sha256):
			c.r.fail("object-differs", o.id, "size or digest in the vault is not the one in the catalogue")
		default:
			if at := layout(v.Segments, parts[o.id]); at >= 0 {
				c.r.fail("segment-differs", fmt.Sprintf("%s segment %d", o.id, at), "where it lies or its digest is not what the vault says")
			}
		}
		if o.state == store.ObjectQuarantined {
			c.r.add(Finding{Warning, "object-quarantined", o.id, "its bytes did not match a fixity check; it is set apart", o.size})
		}
	}
	for id, o := range there {
		c.r.add(Finding{Warning, "object-unlisted", id, "the vault can open it, the catalogue does not know it", o.Size})
	}
	return nil
}

// layout gives the first segment that differs, or -1.
func layout(sealed []vault.Segment, listed []segmentRow) int {
	for i := range max(len(sealed), len(listed)) {
		if i >= len(sealed) || i >= len(listed) {
			return i
		}
		s, l := sealed[i], listed[i]
		if l.number != s.Index || l.blob != s.Blob || l.at != s.Offset || l.sealedSize != s.Length || l.plainSize != s.PlainLength ||
			!bytes.Equal(l.plainSHA256, s.PlainSHA256[:]) {
			return i
		}
	}
	return -1
}

// blobs holds the blobs of the database against those present, takes them out of present, and with Deep notes them for
// reading, which can take hours and must not hold the snapshot of the database for so long.
func (c *checker) blobs(ctx context.Context, present map[string]int64) error {
	for after := ""; ; {
		list, err := rows.Select(ctx, c.rows, `SELECT name, envelope_id, size, sha256 FROM blob WHERE name > $1 ORDER BY name LIMIT $2`, []any{after, page},
			func(r rows.Scanner, b *blobRow) error { return r.Scan(&b.name, &b.envelope, &b.size, &b.sha256) })
		if err != nil {
			return fmt.Errorf("read blobs: %w", err)
		}
		var whole []blobRow
		for _, b := range list {
			c.r.Blobs++
			c.r.Bytes += b.size
			size, ok := present[b.name]
			delete(present, b.name)
			switch {
			case !ok:
				c.r.fail("blob-missing", b.name, "the vault does not have it: %d sealed bytes are lost", b.size)
			case size != b.size:
				c.r.fail("blob-size", b.name, "it has %d bytes, the catalogue says %d", size, b.size)
			case len(b.sha256) != 32:
				c.r.fail("blob-differs", b.name, "the catalogue has no digest of it")
			default:
				whole = append(whole, b)
			}
		}
		c.o.Progress(Progress{Step: "vault", Done: c.r.Envelopes + c.r.Blobs})
		if c.o.Deep {
			c.whole = append(c.whole, whole...)
		}
		if len(list) < page {
			return nil
		}
		after = list[len(list)-1].name
	}
}

// read compares blobs with their digests, two at a time.
func (c *checker) read(ctx context.Context, list []blobRow) error {
	type result struct {
		blob blobRow
		err  error
	}
	work, results := make(chan blobRow), make(chan result)
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for b := range work {
				results <- result{b, vault.CheckBlob(ctx, c.d.Vault.Backend(), vault.Blob{Name: b.name, Size: b.size, SHA256: [32]byte(b.sha256)}, nil)}
			}
		})
	}
	go func() {
		defer close(results)
		defer readers.Wait()
		defer close(work)
		for _, b := range list {
			select {
			case work <- b:
			case <-ctx.Done():
				return
			}
		}
	}()
	done := int64(0)
	for r := range results {
		done++
		c.o.Progress(Progress{Step: "blobs", Done: done, Total: int64(len(list))})
		switch {
		case r.err == nil || ctx.Err() != nil:
		case errors.Is(r.err, archive.ErrIntegrity):
			c.r.fail("blob-damaged", r.blob.name, "its bytes do not have the digest in the catalogue")
		default:
			c.r.fail("blob-unreadable", r.blob.name, "it cannot be read: %v", r.err)
		}
	}
	return ctx.Err()
}
