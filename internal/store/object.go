package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
	"zapis/internal/vault"
)

// Kinds of objects.
const (
	ObjectOriginal   = "original"
	ObjectDerivative = "derivative"
	ObjectManifest   = "manifest"
	ObjectClip       = "clip"
)

// States of objects.
const (
	ObjectHeld        = "held"
	ObjectQuarantined = "quarantined"
	ObjectErased      = "erased"
)

// Envelope is a file of the vault that holds the keys of the objects committed together.
type Envelope struct {
	ID     string
	SHA256 []byte
	Size   int64
	At     time.Time
}

// Blob is a file of the vault that holds sealed segments.
type Blob struct {
	Name      string
	Envelope  string // of the commit that made it
	Size      int64
	SHA256    []byte // of the ciphertext
	CheckedAt time.Time
	Result    string // of the latest check: "", "ok" or a code
}

// Segment is a piece of an object.
type Segment struct {
	Index       int
	Blob        string
	Offset      int64
	Length      int64 // sealed
	PlainLength int64
	PlainSHA256 []byte
}

// Object is a sealed object of the vault.
type Object struct {
	ID       string
	Envelope string
	Kind     string
	State    string
	Size     int64
	SHA256   []byte
	Segments []Segment
}

const (
	envelopeColumns = `id, sha256, size, committed_at`
	blobColumns     = `name, envelope_id, size, sha256, checked_at, result`
	objectColumns   = `id, envelope_id, kind, state, size, sha256`
	segmentColumns  = `object_id, number, blob_name, starts_at, sealed_size, plain_size, plain_sha256`
)

func scanEnvelope(s scanner) (e Envelope, err error) {
	err = s.Scan(&e.ID, &e.SHA256, &e.Size, at{&e.At})
	return e, err
}

func scanBlob(s scanner) (b Blob, err error) {
	err = s.Scan(&b.Name, &b.Envelope, &b.Size, &b.SHA256, at{&b.CheckedAt}, &b.Result)
	return b, err
}

func scanObject(s scanner) (o Object, err error) {
	err = s.Scan(&o.ID, &o.Envelope, &o.Kind, &o.State, &o.Size, &o.SHA256)
	return o, err
}

type ownedSegment struct {
	object string
	Segment
}

func scanSegment(s scanner) (o ownedSegment, err error) {
	err = s.Scan(&o.object, &o.Index, &o.Blob, &o.Offset, &o.Length, &o.PlainLength, &o.PlainSHA256)
	return o, err
}

// AddCommit notes what a batch put into the vault: envelope, blobs, objects and their segments, all of one kind.
// archive.ErrExists if it is noted already.
func (tx *Tx) AddCommit(ctx context.Context, c vault.Commit, kind string) error {
	add := func(table, columns string, rows [][]any) error {
		if err := tx.insert(ctx, table, columns, rows); err != nil {
			return fmt.Errorf("note envelope %s: %w", c.Envelope, err)
		}
		return nil
	}
	if err := add("envelope", envelopeColumns, [][]any{{c.Envelope, c.EnvelopeSHA256[:], c.EnvelopeSize, tx.Now().UnixMicro()}}); err != nil {
		return err
	}
	var blobs, objects, segments [][]any
	for _, b := range c.Blobs {
		blobs = append(blobs, []any{b.Name, c.Envelope, b.Size, b.SHA256[:]})
	}
	for _, o := range c.Objects {
		objects = append(objects, []any{o.ID, c.Envelope, kind, ObjectHeld, o.Size, o.SHA256[:]})
		for _, s := range o.Segments {
			segments = append(segments, []any{o.ID, s.Index, s.Blob, s.Offset, s.Length, s.PlainLength, s.PlainSHA256[:]})
		}
	}
	if err := add("blob", "name, envelope_id, size, sha256", blobs); err != nil {
		return err
	}
	if err := add("object", objectColumns, objects); err != nil {
		return err
	}
	return add("segment", segmentColumns, segments)
}

// withSegments fills in the segments of objects.
func (tx *Tx) withSegments(ctx context.Context, objects []Object) ([]Object, error) {
	for chunk := range slices.Chunk(objects, 500) {
		var p part
		p.add(`SELECT ` + segmentColumns + ` FROM segment WHERE 1 = 1`)
		place := make(map[string]int, len(chunk))
		ids := make([]string, len(chunk))
		for i, o := range chunk {
			place[o.ID], ids[i] = i, o.ID
		}
		in(&p, "object_id", ids)
		p.add(` ORDER BY object_id, number`)
		segments, err := all(ctx, tx, scanSegment, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, s := range segments {
			o := &chunk[place[s.object]]
			o.Segments = append(o.Segments, s.Segment)
		}
	}
	return objects, nil
}

// Object gives one object with its segments; archive.ErrNotFound.
func (tx *Tx) Object(ctx context.Context, id string) (Object, error) {
	o, err := one(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM object WHERE id = $1`, id)
	if err != nil {
		return Object{}, err
	}
	with, err := tx.withSegments(ctx, []Object{o})
	if err != nil {
		return Object{}, err
	}
	return with[0], nil
}

// ObjectsOfBlob gives the objects with a segment in a blob.
func (tx *Tx) ObjectsOfBlob(ctx context.Context, name string) ([]Object, error) {
	objects, err := all(ctx, tx, scanObject, `SELECT `+objectColumns+` FROM object
		WHERE id IN (SELECT object_id FROM segment WHERE blob_name = $1) ORDER BY id`, name)
	if err != nil {
		return nil, err
	}
	return tx.withSegments(ctx, objects)
}

// Envelope gives one envelope; archive.ErrNotFound.
func (tx *Tx) Envelope(ctx context.Context, id string) (Envelope, error) {
	return one(ctx, tx, scanEnvelope, `SELECT `+envelopeColumns+` FROM envelope WHERE id = $1`, id)
}

// SetEnvelope notes the new digest and size of an envelope that was written again, after an erasure or a change of the
// vault key; archive.ErrNotFound.
func (tx *Tx) SetEnvelope(ctx context.Context, id string, sha256 []byte, size int64) error {
	n, err := tx.exec(ctx, `UPDATE envelope SET sha256 = $1, size = $2 WHERE id = $3`, sha256, size, id)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("note envelope %s: %w", id, err)
	}
	return nil
}

// Blob gives one blob; archive.ErrNotFound.
func (tx *Tx) Blob(ctx context.Context, name string) (Blob, error) {
	return one(ctx, tx, scanBlob, `SELECT `+blobColumns+` FROM blob WHERE name = $1`, name)
}

// Blobs gives up to limit blobs after a name, in order of name.
func (tx *Tx) Blobs(ctx context.Context, after string, limit int) ([]Blob, error) {
	return all(ctx, tx, scanBlob, `SELECT `+blobColumns+` FROM blob WHERE name > $1 ORDER BY name LIMIT $2`, after, limit)
}

// BlobCount gives the number of blobs and their bytes.
func (tx *Tx) BlobCount(ctx context.Context) (n, bytes int64, err error) {
	type sum struct{ n, bytes int64 }
	s, err := one(ctx, tx, func(r scanner) (s sum, err error) { err = r.Scan(&s.n, &s.bytes); return s, err },
		`SELECT COUNT(*), CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM blob`)
	return s.n, s.bytes, err
}

// MarkBlob notes the result of a check; archive.ErrNotFound.
func (tx *Tx) MarkBlob(ctx context.Context, name, result string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE blob SET result = $1, checked_at = $2 WHERE name = $3`, result, us(when), name)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("mark blob %s: %w", name, err)
	}
	return nil
}

// SetObjectState moves an object; archive.ErrNotFound, archive.ErrConflict if it is erased.
func (tx *Tx) SetObjectState(ctx context.Context, id, state string) error {
	n, err := tx.exec(ctx, `UPDATE object SET state = $1 WHERE id = $2 AND (state <> 'erased' OR $3 = 'erased')`, state, id, state)
	if err == nil && n == 0 {
		if _, err = tx.Object(ctx, id); err == nil {
			err = archive.ErrConflict
		}
	}
	if err != nil {
		return fmt.Errorf("move object %s: %w", id, err)
	}
	return nil
}
