package store

import (
	"context"
	"fmt"
	"iter"
	"time"

	"zapis/internal/archive"
)

// ItemSeal is what was committed about an item when it was taken in.
type ItemSeal struct {
	Item        string
	Salt        [32]byte // never leaves the archive
	SegmentSize int64    // bytes of a proof segment
	Digests     []byte   // SHA-256 of every segment, 32 bytes each
	Whole       [32]byte
	SegmentRoot [32]byte
}

// AccessionSeal is the root under which all items of a closed accession were sealed, and the totals committed with it.
type AccessionSeal struct {
	Accession    string
	Root         [32]byte
	Files        int64
	Bytes        int64
	Milliseconds int64
	Unmeasured   int64 // files without a known duration
	SealedAt     time.Time
	Statement    string // identifier of the scope statement
}

// AccessionPlace is where an item stands in its sealed accession.
type AccessionPlace struct {
	Accession          string
	Place              int64 // from 0
	Item               string
	Leaf               [32]byte // leaf data
	BytesBefore        int64
	Bytes              int64
	MillisecondsBefore int64
	Milliseconds       int64
}

// SealableItem is an item with what sealing its accession needs.
type SealableItem struct {
	Item     string
	Kind     archive.Kind
	State    archive.ItemState
	Size     int64
	Duration time.Duration
	// Known says that Duration is a finding: of a picture or a document that there is none, of a recording how long it is.
	// A recording without a duration and an item of unknown kind are not known.
	Known bool
	// Sealed says that the item has a seal; the three below are zero if it has none (taken in by an older program).
	Sealed      bool
	Whole       [32]byte
	SegmentRoot [32]byte
	Salt        [32]byte
}

// b32 scans 32 bytes.
type b32 struct{ b *[32]byte }

func (h b32) Scan(src any) error {
	raw, ok := src.([]byte)
	if !ok || len(raw) != 32 {
		return fmt.Errorf("32 bytes are stored as %T: %w", src, archive.ErrIntegrity)
	}
	copy(h.b[:], raw)
	return nil
}

// maybe32 scans 32 bytes or NULL.
type maybe32 struct{ b *[32]byte }

func (h maybe32) Scan(src any) error {
	if src == nil {
		*h.b = [32]byte{}
		return nil
	}
	return b32(h).Scan(src)
}

const (
	itemSealColumns       = `item_id, salt, segment_size, digests, whole, segment_root`
	accessionSealColumns  = `accession_id, root, files, bytes, milliseconds, unmeasured, sealed_at, statement_id`
	accessionPlaceColumns = `accession_id, place, item_id, leaf, bytes_before, bytes, ms_before, ms`
)

func scanItemSeal(s scanner) (i ItemSeal, err error) {
	err = s.Scan(&i.Item, b32{&i.Salt}, &i.SegmentSize, &i.Digests, b32{&i.Whole}, b32{&i.SegmentRoot})
	return i, err
}

func scanAccessionSeal(s scanner) (a AccessionSeal, err error) {
	err = s.Scan(&a.Accession, b32{&a.Root}, &a.Files, &a.Bytes, &a.Milliseconds, &a.Unmeasured, at{&a.SealedAt}, &a.Statement)
	return a, err
}

func scanAccessionPlace(s scanner) (p AccessionPlace, err error) {
	err = s.Scan(&p.Accession, &p.Place, &p.Item, b32{&p.Leaf}, &p.BytesBefore, &p.Bytes, &p.MillisecondsBefore, &p.Milliseconds)
	return p, err
}

// AddItemSeal adds the seals of items; archive.ErrExists if one has its seal already.
func (tx *Tx) AddItemSeal(ctx context.Context, s ...ItemSeal) error {
	rows := make([][]any, len(s))
	for i, s := range s {
		rows[i] = []any{s.Item, s.Salt[:], s.SegmentSize, s.Digests, s.Whole[:], s.SegmentRoot[:]}
	}
	if err := tx.insert(ctx, "item_seal", itemSealColumns, rows); err != nil {
		return fmt.Errorf("seal items: %w", err)
	}
	return nil
}

// ItemSeal gives the seal of an item; archive.ErrNotFound.
func (tx *Tx) ItemSeal(ctx context.Context, item string) (ItemSeal, error) {
	return one(ctx, tx, scanItemSeal, `SELECT `+itemSealColumns+` FROM item_seal WHERE item_id = $1`, item)
}

// AllItemSeals gives every seal of an item in order of identifier. For checks only.
func (tx *Tx) AllItemSeals(ctx context.Context) iter.Seq2[ItemSeal, error] {
	return walk(func(last *ItemSeal) ([]ItemSeal, error) {
		after := ""
		if last != nil {
			after = last.Item
		}
		return all(ctx, tx, scanItemSeal, `SELECT `+itemSealColumns+` FROM item_seal WHERE item_id > $1 ORDER BY item_id LIMIT $2`, after, page)
	})
}

// UnsealedItems gives up to limit items after an identifier that have no seal, in order of identifier, erased ones
// excepted.
func (tx *Tx) UnsealedItems(ctx context.Context, after string, limit int) ([]archive.Item, error) {
	return all(ctx, tx, scanItem, `SELECT `+itemColumns+` FROM item WHERE id > $1 AND state <> 'erased'
		AND NOT EXISTS (SELECT 1 FROM item_seal WHERE item_seal.item_id = item.id) ORDER BY id LIMIT $2`, after, limit)
}

// AddAccessionSeal adds the seal of a closed accession with the places of its items: archive.ErrExists if it is sealed
// already, archive.ErrConflict if it is open, archive.ErrInvalid if the places are not 0 to Files-1 or do not add up.
func (tx *Tx) AddAccessionSeal(ctx context.Context, s AccessionSeal, places []AccessionPlace) error {
	fail := func(err error) error { return fmt.Errorf("seal accession %s: %w", s.Accession, err) }
	state, err := one(ctx, tx, value[string], `SELECT state FROM accession WHERE id = $1`+tx.db.eng.lock(), s.Accession)
	if err == nil && state != string(archive.AccessionClosed) {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	if s.Files != int64(len(places)) {
		return fail(fmt.Errorf("%w: %d places for %d files", archive.ErrInvalid, len(places), s.Files))
	}
	rows := make([][]any, len(places))
	var bytes, ms int64
	for i, p := range places {
		if p.Accession != s.Accession || p.Place != int64(i) || p.BytesBefore != bytes || p.MillisecondsBefore != ms || p.Bytes < 0 || p.Milliseconds < 0 {
			return fail(fmt.Errorf("%w: place %d does not follow", archive.ErrInvalid, i))
		}
		bytes += p.Bytes
		ms += p.Milliseconds
		rows[i] = []any{p.Accession, p.Place, p.Item, p.Leaf[:], p.BytesBefore, p.Bytes, p.MillisecondsBefore, p.Milliseconds}
	}
	if bytes != s.Bytes || ms != s.Milliseconds {
		return fail(fmt.Errorf("%w: the places do not add up to the totals", archive.ErrInvalid))
	}
	if err := tx.insert(ctx, "accession_seal", accessionSealColumns, [][]any{{s.Accession, s.Root[:], s.Files, s.Bytes, s.Milliseconds,
		s.Unmeasured, s.SealedAt.UnixMicro(), s.Statement}}); err != nil {
		return fail(err)
	}
	if err := tx.insert(ctx, "accession_place", accessionPlaceColumns, rows); err != nil {
		return fail(err)
	}
	return nil
}

// AccessionSeal says whether an accession is sealed, and how.
func (tx *Tx) AccessionSeal(ctx context.Context, accession string) (AccessionSeal, bool, error) {
	return maybe(one(ctx, tx, scanAccessionSeal, `SELECT `+accessionSealColumns+` FROM accession_seal WHERE accession_id = $1`, accession))
}

// AccessionSeals gives all seals of accessions in the order in which they were made.
func (tx *Tx) AccessionSeals(ctx context.Context) ([]AccessionSeal, error) {
	return all(ctx, tx, scanAccessionSeal, `SELECT `+accessionSealColumns+` FROM accession_seal ORDER BY sealed_at, accession_id`)
}

// AccessionLeaves gives the leaf data of the items of a sealed accession by place; archive.ErrIntegrity if one is missing
// in between. The last leaf of its tree, the totals, is not among them.
func (tx *Tx) AccessionLeaves(ctx context.Context, accession string) ([][32]byte, error) {
	type leaf struct {
		place int64
		data  [32]byte
	}
	found, err := all(ctx, tx, func(s scanner) (l leaf, err error) { err = s.Scan(&l.place, b32{&l.data}); return l, err },
		`SELECT place, leaf FROM accession_place WHERE accession_id = $1 ORDER BY place`, accession)
	if err != nil {
		return nil, err
	}
	out := make([][32]byte, len(found))
	for i, l := range found {
		if l.place != int64(i) {
			return nil, fmt.Errorf("place %d of accession %s is missing: %w", i, accession, archive.ErrIntegrity)
		}
		out[i] = l.data
	}
	return out, nil
}

// AccessionPlaces gives the places of a sealed accession in order.
func (tx *Tx) AccessionPlaces(ctx context.Context, accession string) iter.Seq2[AccessionPlace, error] {
	return walk(func(last *AccessionPlace) ([]AccessionPlace, error) {
		after := int64(-1)
		if last != nil {
			after = last.Place
		}
		return all(ctx, tx, scanAccessionPlace, `SELECT `+accessionPlaceColumns+` FROM accession_place
			WHERE accession_id = $1 AND place > $2 ORDER BY place LIMIT $3`, accession, after, page)
	})
}

// PlaceOf says where an item stands in its sealed accession, if that is sealed and the item was part of it.
func (tx *Tx) PlaceOf(ctx context.Context, item string) (AccessionPlace, bool, error) {
	return maybe(one(ctx, tx, scanAccessionPlace, `SELECT `+accessionPlaceColumns+` FROM accession_place WHERE item_id = $1`, item))
}

// SealableItems gives the items of an accession in order of identifier, erased ones excepted, with what is needed to seal
// them. Some may have no seal of their own yet, or may not have been looked at: see Sealed and State.
func (tx *Tx) SealableItems(ctx context.Context, accession string) iter.Seq2[SealableItem, error] {
	return walk(func(last *SealableItem) ([]SealableItem, error) {
		after := ""
		if last != nil {
			after = last.Item
		}
		return all(ctx, tx, scanSealable, `SELECT item.id, item.kind, item.state, item.size, item.duration,
			item_seal.whole, item_seal.segment_root, item_seal.salt
			FROM item LEFT JOIN item_seal ON item_seal.item_id = item.id
			WHERE item.accession_id = $1 AND item.state <> 'erased' AND item.id > $2 ORDER BY item.id LIMIT $3`, accession, after, page)
	})
}

func scanSealable(s scanner) (i SealableItem, err error) {
	var micros int64
	err = s.Scan(&i.Item, &i.Kind, &i.State, &i.Size, &micros, maybe32{&i.Whole}, maybe32{&i.SegmentRoot}, maybe32{&i.Salt})
	i.Duration = time.Duration(micros) * time.Microsecond
	i.Known = i.Duration > 0 || i.Kind == archive.KindImage || i.Kind == archive.KindDocument
	i.Sealed = i.Salt != [32]byte{}
	return i, err
}
