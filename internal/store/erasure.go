package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
)

// States of erasures: requested → approved → done, or withdrawn from one of the first two.
const (
	ErasureRequested = "requested"
	ErasureApproved  = "approved"
	ErasureDone      = "done"
	ErasureWithdrawn = "withdrawn"
)

// Erasure is the wish of one person, and the agreement of another one, that an item be erased.
type Erasure struct {
	ID          string
	Item        string
	Reason      string
	RequestedBy string
	ApprovedBy  string // empty until approved
	State       string
	RequestedAt time.Time
	ApprovedAt  time.Time
	FinishedAt  time.Time // done or withdrawn
}

const erasureColumns = `id, item_id, reason, requested_by, requested_at, approved_by, approved_at, state, finished_at`

func scanErasure(s scanner) (e Erasure, err error) {
	err = s.Scan(&e.ID, &e.Item, &e.Reason, &e.RequestedBy, at{&e.RequestedAt}, str{&e.ApprovedBy}, at{&e.ApprovedAt}, &e.State, at{&e.FinishedAt})
	return e, err
}

// AddErasure adds a request, whatever State says; archive.ErrExists if one is open for the item, archive.ErrConflict if
// the item is erased already.
func (tx *Tx) AddErasure(ctx context.Context, e Erasure) error {
	fail := func(err error) error { return fmt.Errorf("request erasure %s: %w", e.ID, err) }
	if err := archive.CheckID(archive.PrefixErasure, e.ID); err != nil {
		return fail(err)
	}
	if e.Reason == "" || e.RequestedBy == "" {
		return fail(fmt.Errorf("%w: a reason and a person are needed", archive.ErrInvalid))
	}
	i, err := tx.lockItem(ctx, e.Item)
	if err == nil && i.State == archive.ItemErased {
		err = archive.ErrConflict
	}
	if err == nil {
		err = tx.insert(ctx, "erasure", `id, item_id, reason, requested_by, requested_at, state`,
			[][]any{{e.ID, e.Item, e.Reason, e.RequestedBy, e.RequestedAt.UnixMicro(), ErasureRequested}})
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// Erasure gives one erasure; archive.ErrNotFound.
func (tx *Tx) Erasure(ctx context.Context, id string) (Erasure, error) {
	return one(ctx, tx, scanErasure, `SELECT `+erasureColumns+` FROM erasure WHERE id = $1`, id)
}

// Erasures gives erasures, oldest first; with openOnly those that are neither done nor withdrawn.
func (tx *Tx) Erasures(ctx context.Context, openOnly bool) ([]Erasure, error) {
	var p part
	p.add(`SELECT `+erasureColumns+` FROM erasure WHERE 1 = 1`).addIf(openOnly, ` AND state IN ('requested', 'approved')`).add(` ORDER BY requested_at, id`)
	return all(ctx, tx, scanErasure, p.text.String(), p.args...)
}

// moved says why an erasure did not move.
func (tx *Tx) moved(ctx context.Context, what, id string, n int64, err error) error {
	if err == nil && n == 0 {
		if _, err = tx.Erasure(ctx, id); err == nil {
			err = archive.ErrConflict
		}
	}
	if err != nil {
		return fmt.Errorf("%s erasure %s: %w", what, id, err)
	}
	return nil
}

// ApproveErasure notes that a second person agrees; archive.ErrForbidden if it is the one who asked, archive.ErrConflict
// if the erasure is not waiting for that.
func (tx *Tx) ApproveErasure(ctx context.Context, id, by string, when time.Time) error {
	e, err := tx.Erasure(ctx, id)
	if err == nil && (by == "" || by == e.RequestedBy) {
		err = archive.ErrForbidden
	}
	if err != nil {
		return fmt.Errorf("approve erasure %s: %w", id, err)
	}
	n, err := tx.exec(ctx, `UPDATE erasure SET state = 'approved', approved_by = $1, approved_at = $2 WHERE id = $3 AND state = 'requested'`,
		by, us(when), id)
	return tx.moved(ctx, "approve", id, n, err)
}

// WithdrawErasure ends an erasure that has not begun; archive.ErrConflict if it has, or is done.
func (tx *Tx) WithdrawErasure(ctx context.Context, id string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE erasure SET state = 'withdrawn', finished_at = $1 WHERE id = $2 AND state IN ('requested', 'approved')
		AND NOT EXISTS (SELECT 1 FROM custody_erased WHERE erasure_id = $3)`, us(when), id, id)
	return tx.moved(ctx, "withdraw", id, n, err)
}

// FinishErasure notes that an approved erasure was carried out; archive.ErrConflict if it is not approved, or if the rows
// of its item are still there.
func (tx *Tx) FinishErasure(ctx context.Context, id string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE erasure SET state = 'done', finished_at = $1 WHERE id = $2 AND state = 'approved'
		AND EXISTS (SELECT 1 FROM item WHERE item.id = erasure.item_id AND item.state = 'erased')
		AND NOT EXISTS (SELECT 1 FROM item_seal WHERE item_seal.item_id = erasure.item_id)`, us(when), id)
	return tx.moved(ctx, "finish", id, n, err)
}

// ErasableItem gives an item whatever its state, erased ones included, for those who erase; archive.ErrNotFound.
func (tx *Tx) ErasableItem(ctx context.Context, id string) (archive.Item, error) {
	return one(ctx, tx, scanItem, `SELECT `+itemColumns+` FROM item WHERE id = $1`, id)
}

// LockItem holds an item until the end of the transaction, so that no pass over it commits beside; archive.ErrNotFound.
func (tx *Tx) LockItem(ctx context.Context, id string) error {
	_, err := tx.lockItem(ctx, id)
	return err
}

// ObjectsOfItem gives the sealed objects of an item: the original, every derivative that ever stood, and every file that was rendered of a
// redaction plan which names the item, by identifier.
func (tx *Tx) ObjectsOfItem(ctx context.Context, item string) ([]archive.ObjectRef, error) {
	return all(ctx, tx, scanRef, `SELECT object_id, envelope_id FROM item WHERE id = $1
		UNION SELECT object_id, envelope_id FROM derivative WHERE item_id = $2
		UNION SELECT r.object_id, r.envelope_id FROM plan_rendition r JOIN plan_source s ON s.plan_id = r.plan_id AND s.version = r.version WHERE s.item_id = $3
		ORDER BY 1`, item, item, item)
}

func scanRef(s scanner) (r archive.ObjectRef, err error) {
	err = s.Scan(&r.Object, &r.Envelope)
	return r, err
}

// AccessionsOfItem gives the accessions in which the bytes of an item were found, by number.
func (tx *Tx) AccessionsOfItem(ctx context.Context, item string) ([]archive.Accession, error) {
	return all(ctx, tx, scanAccession, `SELECT `+accessionColumns+` FROM accession
		WHERE id IN (SELECT accession_id FROM provenance WHERE item_id = $1) ORDER BY number`, item)
}

// EventsOfType gives the openings of a type that name a subject, in order.
func (tx *Tx) EventsOfType(ctx context.Context, kind, id, eventType string) ([]Opening, error) {
	at, err := all(ctx, tx, value[int64], `SELECT DISTINCT s.position FROM custody_subject s JOIN custody_opening o ON o.position = s.position
		WHERE s.subject_id = $1 AND s.kind = $2 AND o.type = $3 ORDER BY 1`, id, kind, eventType)
	if err != nil {
		return nil, err
	}
	out := make([]Opening, len(at))
	for i, p := range at {
		if out[i], err = tx.Opening(ctx, p); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ReplaceManifest puts another manifest and another receipt in the place of those of a closed accession, and takes what the
// catalogue knows of the bytes of the former manifest away. archive.ErrConflict unless an erasure of an item that was found in
// the accession is approved.
func (tx *Tx) ReplaceManifest(ctx context.Context, accession string, manifest archive.ObjectRef, sha256, receipt []byte) error {
	fail := func(err error) error { return fmt.Errorf("replace manifest of %s: %w", accession, err) }
	was, err := tx.Accession(ctx, accession)
	if err != nil {
		return fail(err)
	}
	n, err := tx.exec(ctx, `UPDATE accession SET manifest_object = $1, manifest_envelope = $2, manifest_sha256 = $3, receipt = $4
		WHERE id = $5 AND state = 'closed' AND EXISTS (SELECT 1 FROM provenance p JOIN erasure e ON e.item_id = p.item_id
			WHERE p.accession_id = accession.id AND e.state = 'approved')`, manifest.Object, manifest.Envelope, sha256, receipt, accession)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fail(err)
	}
	none := make([]byte, 32)
	if _, err := tx.exec(ctx, `UPDATE segment SET plain_sha256 = $1 WHERE object_id = $2`, none, was.Manifest.Object); err != nil {
		return fail(err)
	}
	if _, err := tx.exec(ctx, `UPDATE object SET sha256 = $1, state = 'erased' WHERE id = $2`, none, was.Manifest.Object); err != nil {
		return fail(err)
	}
	return nil
}

// ErasablePositions gives the indexes of the events of the custody record that name an item, its derivatives or their
// objects and whose openings are still there, in order.
func (tx *Tx) ErasablePositions(ctx context.Context, item string) ([]int64, error) {
	return all(ctx, tx, value[int64], `SELECT position FROM custody_subject WHERE subject_id = $1
		UNION SELECT s.position FROM item i JOIN custody_subject s ON s.subject_id = i.object_id WHERE i.id = $2
		UNION SELECT s.position FROM derivative d JOIN custody_subject s ON s.subject_id = d.id WHERE d.item_id = $3
		UNION SELECT s.position FROM derivative d JOIN custody_subject s ON s.subject_id = d.object_id WHERE d.item_id = $4
		ORDER BY 1`, item, item, item, item)
}

// EraseOpenings removes the openings and subjects of events under an approved erasure; their commitments stay, so the tree
// still verifies. Every one must name the item, a derivative of it or an object of theirs: ErrInsertOnly if the database
// refuses. Positions that this erasure has removed before are passed over.
func (tx *Tx) EraseOpenings(ctx context.Context, erasure string, positions []int64) error {
	fail := func(err error) error { return fmt.Errorf("erase openings under %s: %w", erasure, err) }
	positions = slices.Clone(positions)
	slices.Sort(positions)
	positions = slices.Compact(positions)
	for chunk := range slices.Chunk(positions, 250) {
		var p part
		p.add(`SELECT position FROM custody_erased WHERE erasure_id = ?`, erasure)
		in(&p, "position", chunk)
		gone, err := all(ctx, tx, value[int64], p.text.String(), p.args...)
		if err != nil {
			return fail(err)
		}
		var rows [][]any
		var fresh []int64
		for _, position := range chunk {
			if !slices.Contains(gone, position) {
				rows = append(rows, []any{position, erasure})
				fresh = append(fresh, position)
			}
		}
		if len(fresh) == 0 {
			continue
		}
		if err := tx.insert(ctx, "custody_erased", "position, erasure_id", rows); err != nil {
			return fail(err)
		}
		for _, table := range []string{"custody_subject", "custody_opening"} {
			var p part
			p.add(`DELETE FROM ` + table + ` WHERE 1 = 1`)
			in(&p, "position", fresh)
			if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
				return fail(err)
			}
		}
	}
	return nil
}

// ErasedOpenings gives the indexes of the custody record whose openings were erased, each with its erasure.
func (tx *Tx) ErasedOpenings(ctx context.Context) (map[int64]string, error) {
	type row struct {
		position int64
		erasure  string
	}
	found, err := all(ctx, tx, func(s scanner) (r row, err error) { err = s.Scan(&r.position, &r.erasure); return r, err },
		`SELECT position, erasure_id FROM custody_erased ORDER BY position`)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]string, len(found))
	for _, r := range found {
		out[r.position] = r.erasure
	}
	return out, nil
}

// EraseItemRows takes out of the catalogue what could be linked to the bytes of an item or to where it came from: its
// digest (32 zero bytes stand in its place), its facts, its seal with the salt, the sealed lines and fingerprints of the
// manifest, the digests of its derivatives, of their objects and of the segments of all these, and what redaction plans say that name it. Size, times of receiving
// and identifiers stay. The item becomes erased and its objects too. archive.ErrConflict if no erasure of it is approved;
// doing it again changes nothing.
func (tx *Tx) EraseItemRows(ctx context.Context, item string) error {
	fail := func(err error) error { return fmt.Errorf("erase rows of item %s: %w", item, err) }
	i, err := tx.lockItem(ctx, item)
	if err != nil {
		return fail(err)
	}
	approved, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM erasure WHERE item_id = $1 AND state = 'approved'`, item)
	if err != nil {
		return fail(err)
	}
	if approved == 0 {
		return fail(fmt.Errorf("%w: no erasure of it is approved", archive.ErrConflict))
	}
	// First, while the catalogue still knows what was claimed on the strength of the item.
	if err := tx.DropDocsOfItem(ctx, item); err != nil {
		return fail(err)
	}
	none := make([]byte, 32)
	objects := `(SELECT object_id FROM item WHERE id = $2 UNION SELECT object_id FROM derivative WHERE item_id = $3 UNION ` + renditionsOf + `$4)`
	for _, s := range []struct {
		text string
		args []any
	}{
		{`DELETE FROM item_seal WHERE item_id = $1`, []any{item}},
		{`DELETE FROM note_version WHERE item_id = $1`, []any{item}},
		{`DELETE FROM note WHERE item_id = $1`, []any{item}},
		{`UPDATE segment SET plain_sha256 = $1 WHERE object_id IN ` + objects, []any{none, item, item, item}},
		{`UPDATE object SET sha256 = $1, state = 'erased' WHERE id IN ` + objects, []any{none, item, item, item}},
		{`UPDATE derivative SET sha256 = $1, meta = NULL, superseded_at = COALESCE(superseded_at, $2) WHERE item_id = $3`,
			[]any{none, tx.Now().UnixMicro(), item}},
		{`UPDATE provenance SET sealed = $1, fingerprint = $2 WHERE item_id = $3`, []any{[]byte{}, []byte{}, item}},
		{`UPDATE item SET state = 'erased', kind = 'unknown', sha256 = $1, recorded_at = NULL, recorded_source = '', duration = 0, width = 0, height = 0,
			frame_rate = 0, format = '', codec = '', camera = '', micro = NULL, anomalies = 0, difficulty = -1, sort_at = received_at WHERE id = $2`,
			[]any{none, item}},
	} {
		if _, err := tx.exec(ctx, s.text, s.args...); err != nil {
			return fail(err)
		}
	}
	if err := tx.eraseCopies(ctx, item); err != nil {
		return fail(err)
	}
	if err := tx.eraseClipPrints(ctx, item); err != nil {
		return fail(err)
	}
	if err := tx.eraseSuggestions(ctx, item); err != nil {
		return fail(err)
	}
	if err := tx.eraseTexts(ctx, item); err != nil {
		return fail(err)
	}
	if err := tx.erasePlans(ctx, item); err != nil {
		return fail(err)
	}
	if err := tx.eraseTestimonyOfItem(ctx, item); err != nil {
		return fail(err)
	}
	wordless, err := tx.eraseClaims(ctx, item)
	if err == nil && len(wordless) > 0 {
		err = tx.DropDocs(ctx, "claim", wordless...)
	}
	if err != nil {
		return fail(err)
	}
	tx.count(i, -1) // nothing if it was erased already
	return nil
}

// Purge lets what was erased leave the files of the database as far as the engine can, after the transaction that erased it.
// SQLite: freed bytes were overwritten with zeros already; here the write-ahead file, which may hold pages as they were, is
// moved into the database and cut to nothing. archive.ErrBusy if somebody reads an old snapshot just now: try again.
// PostgreSQL: dead rows are vacuumed; the server's own write-ahead files keep them until they are recycled. Copies that were
// made before, and what a disk keeps of overwritten blocks, are out of reach; on SQLite all of it is encrypted.
func (db *DB) Purge(ctx context.Context) error {
	if db.sqlite == nil {
		_, err := db.postgre.pool.Exec(ctx, `VACUUM plan, plan_version, plan_decision, plan_stop, plan_run, plan_blocker, plan_proposal, plan_render, plan_rendition, text_track, text_piece, text_span, text_span_version, fingerprint, copy_link, claim, claim_source, claim_key, finding, passage, consent, identity, identity_act, suggestion, recording_before, file_number, item_seal, note, note_version, custody_opening, custody_subject, provenance, segment, object, derivative, item, search_doc, search_text, search_index, search_term, search_fold, search_name`)
		if err == nil {
			err = db.purgeSearch(ctx)
		}
		if err != nil {
			return fmt.Errorf("purge database: %w", db.eng.translate(err))
		}
		return nil
	}
	var busy, frames, moved int64
	if err := db.sqlite.w.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &frames, &moved); err != nil {
		return fmt.Errorf("purge database: %w", db.eng.translate(err))
	}
	if busy != 0 {
		return fmt.Errorf("purge database: the write-ahead file is being read: %w", archive.ErrBusy)
	}
	return nil
}
