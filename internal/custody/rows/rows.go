// Package rows reads the custody record and the catalogue out of a database for verification, by plain SELECTs of its own.
//
// It guarantees that it passes on what the tables hold, in order of their numbers, from the snapshot of one
// transaction, without joining, repairing or leaving out: it shares no statement with the code that writes the record.
//
// It judges nothing; package custody/verify does.
package rows

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"zapis/internal/custody/verify"
)

// Source reads one snapshot. It is a verify.Source, a verify.Catalogue and a verify.Proofs.
type Source struct{ q queryer }

var (
	_ verify.Source    = (*Source)(nil)
	_ verify.Catalogue = (*Source)(nil)
)

// New makes a source of a transaction of the store; it lives as long as the transaction.
func New(tx interface{ Native() any }) (*Source, error) {
	q, err := native(tx.Native())
	if err != nil {
		return nil, err
	}
	return &Source{q}, nil
}

// Scanner is a row under the cursor.
type Scanner interface{ Scan(to ...any) error }

type scanner = Scanner

// queryer runs a SELECT and passes every row to each.
type queryer interface {
	query(ctx context.Context, sql string, args []any, each func(scanner) error) error
}

// Select runs a SELECT with $1… for its values and gives all rows. For checks that need another view of the catalogue.
func Select[T any](ctx context.Context, s *Source, sql string, args []any, scan func(Scanner, *T) error) ([]T, error) {
	return all(ctx, s.q, sql, args, scan)
}

func all[T any](ctx context.Context, q queryer, sql string, args []any, scan func(scanner, *T) error) ([]T, error) {
	var out []T
	err := q.query(ctx, sql, args, func(row scanner) error {
		var v T
		if err := scan(row, &v); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	})
	return out, err
}

// Head gives the size that the head row states.
func (s *Source) Head(ctx context.Context) (int64, error) {
	out, err := all(ctx, s.q, `SELECT size FROM custody_head WHERE id = 1`, nil, func(r scanner, n *int64) error { return r.Scan(n) })
	if err != nil {
		return 0, fmt.Errorf("read custody_head: %w", err)
	}
	if len(out) != 1 {
		return 0, fmt.Errorf("read custody_head: %d rows", len(out))
	}
	return out[0], nil
}

// Leaves lists the table of commitments.
func (s *Source) Leaves(ctx context.Context, from int64, limit int) ([]verify.Leaf, error) {
	out, err := all(ctx, s.q, `SELECT position, commitment FROM custody_leaf WHERE position >= $1 ORDER BY position LIMIT $2`,
		[]any{from, limit}, func(r scanner, l *verify.Leaf) error { return r.Scan(&l.Index, &l.Commitment) })
	if err != nil {
		return nil, fmt.Errorf("read custody_leaf: %w", err)
	}
	return out, nil
}

// Openings lists the table of openings, each with its rows of the table of subjects. Subjects without an opening come
// as an opening of their own, without salt and event, so that they are not passed over.
func (s *Source) Openings(ctx context.Context, from int64, limit int) ([]verify.Opening, error) {
	out, err := all(ctx, s.q, `SELECT position, event_id, type, at, agent, salt, event FROM custody_opening
		WHERE position >= $1 ORDER BY position LIMIT $2`, []any{from, limit}, func(r scanner, o *verify.Opening) error {
		return r.Scan(&o.Index, &o.EventID, &o.Type, &o.Time, &o.Agent, &o.Salt, &o.Event)
	})
	if err != nil {
		return nil, fmt.Errorf("read custody_opening: %w", err)
	}
	last := int64(math.MaxInt64)
	if len(out) == limit {
		last = out[len(out)-1].Index
	}
	place := make(map[int64]int, len(out))
	for i, o := range out {
		place[o.Index] = i
	}
	whole := len(out)
	err = s.q.query(ctx, `SELECT position, role, kind, subject_id FROM custody_subject
		WHERE position >= $1 AND position <= $2 ORDER BY position, ordinal`, []any{from, last}, func(r scanner) error {
		var position int64
		var sub verify.Subject
		if err := r.Scan(&position, &sub.Role, &sub.Kind, &sub.ID); err != nil {
			return err
		}
		i, ok := place[position]
		if !ok {
			i = len(out)
			place[position] = i
			out = append(out, verify.Opening{Index: position})
		}
		out[i].Subjects = append(out[i].Subjects, sub)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read custody_subject: %w", err)
	}
	if len(out) > whole {
		slices.SortStableFunc(out, func(a, b verify.Opening) int {
			switch {
			case a.Index < b.Index:
				return -1
			case a.Index > b.Index:
				return 1
			}
			return 0
		})
	}
	return out, nil
}

// Hashes lists the table of stored hashes.
func (s *Source) Hashes(ctx context.Context, from int64, limit int) ([]verify.StoredHash, error) {
	out, err := all(ctx, s.q, `SELECT position, hash FROM custody_hash WHERE position >= $1 ORDER BY position LIMIT $2`,
		[]any{from, limit}, func(r scanner, h *verify.StoredHash) error { return r.Scan(&h.Position, &h.Hash) })
	if err != nil {
		return nil, fmt.Errorf("read custody_hash: %w", err)
	}
	return out, nil
}

// Checkpoints lists the table of checkpoints.
func (s *Source) Checkpoints(ctx context.Context) ([]verify.Checkpoint, error) {
	out, err := all(ctx, s.q, `SELECT size, root, note FROM checkpoint ORDER BY size, note`, nil,
		func(r scanner, c *verify.Checkpoint) error { return r.Scan(&c.Size, &c.Root, &c.Note) })
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	return out, nil
}

// things names, for each kind, the columns of a verify.Thing.
var things = map[string]string{
	verify.KindAccession:  `SELECT t.id, t.manifest_sha256, -1, t.manifest_object, 0, '', 0 FROM accession t`,
	verify.KindDerivative: `SELECT t.id, t.sha256, t.size, t.object_id, CASE WHEN i.state = 'erased' THEN 1 ELSE 0 END, t.item_id, 0 FROM derivative t LEFT JOIN item i ON i.id = t.item_id`,
	verify.KindItem:       `SELECT t.id, t.sha256, t.size, t.object_id, CASE WHEN t.state = 'erased' THEN 1 ELSE 0 END, t.id, 0 FROM item t`,
	verify.KindObject: `SELECT t.id, t.sha256, t.size, '', CASE WHEN t.state = 'erased' THEN 1 ELSE 0 END,
		COALESCE((SELECT MIN(i.id) FROM item i WHERE i.object_id = t.id), (SELECT MIN(d.item_id) FROM derivative d WHERE d.object_id = t.id), ''),
		CASE WHEN t.kind = 'clip' THEN 1 ELSE 0 END FROM object t`,
}

// Things gives those of the ids that the catalogue has.
func (s *Source) Things(ctx context.Context, kind string, ids []string) ([]verify.Thing, error) {
	sql, ok := things[kind]
	if !ok {
		return nil, fmt.Errorf("read %s: no such kind of thing", kind)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	out, err := all(ctx, s.q, sql+` WHERE t.id IN (`+places(1, len(ids))+`)`, args, func(r scanner, t *verify.Thing) error {
		var digest []byte
		var item *string
		var erased, clip int64
		if err := r.Scan(&t.ID, &digest, &t.Size, &t.Object, &erased, &item, &clip); err != nil {
			return err
		}
		t.SHA256, t.Erased, t.Clip = hex.EncodeToString(digest), erased != 0, clip != 0
		if item != nil {
			t.Item = *item
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	return out, nil
}

// Unrecorded gives things that no event of the types names as its outcome.
func (s *Source) Unrecorded(ctx context.Context, kind string, types []string, after string, limit int) ([]string, error) {
	table, subject, where, role := kind, kind, "", " AND s.role = 'outcome'"
	switch kind {
	case verify.KindAccession, verify.KindDerivative, verify.KindItem, verify.KindObject:
	case verify.KindClosing:
		table, subject, where, role = "accession", "accession", " AND t.state = 'closed'", ""
	default:
		return nil, fmt.Errorf("read %s: no such kind of thing", kind)
	}
	// SQLite counts places in the order of the text, whatever number they bear: LIMIT comes last.
	args := []any{after}
	for _, t := range types {
		args = append(args, t)
	}
	args = append(args, limit)
	sql := `SELECT t.id FROM ` + table + ` t WHERE t.id > $1` + where + ` AND NOT EXISTS (
		SELECT 1 FROM custody_subject s JOIN custody_opening o ON o.position = s.position
		WHERE s.subject_id = t.id AND s.kind = '` + subject + `'` + role + ` AND o.type IN (` + places(2, len(types)) + `))
		ORDER BY t.id LIMIT ` + places(len(args), 1)
	out, err := all(ctx, s.q, sql, args, func(r scanner, id *string) error { return r.Scan(id) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kind, err)
	}
	return out, nil
}

// places writes n numbered placeholders from the first on.
func places(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", first+i)
	}
	return b.String()
}
