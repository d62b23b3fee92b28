package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zapis/internal/archive"
)

// States of imports.
const (
	ImportRunning = "running"
	ImportDone    = "done"
	ImportUndone  = "undone"
)

// Import is one run over a file. Of the file nothing is kept but its digest.
type Import struct {
	ID          string
	Format      string // "table" or "ftm"
	SHA256      [32]byte
	Mapping     []byte // JSON
	Compartment string
	State       string
	NextRow     int64 // rows before it are settled
	Created     int64
	Updated     int64
	Unchanged   int64
	Refused     int64
	CreatedAt   time.Time
	CreatedBy   string
	EndedAt     time.Time
	UndoAt      time.Time // when undoing it began; it may have broken off
	UndoneAt    time.Time
	UndoneBy    string
}

// Mapping is how somebody reads the columns of a kind of file.
type Mapping struct {
	Agent, Name string
	Mapping     []byte // JSON
	ChangedAt   time.Time
}

// ExternalKey is what an entity is called in the files of others.
type ExternalKey struct{ Source, Key, Entity string }

const (
	importColumns = `id, format, sha256, mapping, compartment, state, next_row, created, updated, unchanged, refused, created_at, created_by,
		ended_at, undo_at, undone_at, undone_by`
	mappingColumns = `agent_id, name, mapping, changed_at`
)

func scanImport(s scanner) (i Import, err error) {
	err = s.Scan(&i.ID, &i.Format, b32{&i.SHA256}, &i.Mapping, &i.Compartment, &i.State, &i.NextRow, &i.Created, &i.Updated, &i.Unchanged, &i.Refused,
		at{&i.CreatedAt}, &i.CreatedBy, at{&i.EndedAt}, at{&i.UndoAt}, at{&i.UndoneAt}, str{&i.UndoneBy})
	return i, err
}

func scanMapping(s scanner) (m Mapping, err error) {
	err = s.Scan(&m.Agent, &m.Name, &m.Mapping, at{&m.ChangedAt})
	return m, err
}

// AddImport begins an import; archive.ErrExists if its author has one of the same file under way.
func (tx *Tx) AddImport(ctx context.Context, i Import) error {
	if err := archive.CheckID(archive.PrefixImport, i.ID); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `INSERT INTO import (id, format, sha256, mapping, compartment, state, next_row, created_at, created_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		i.ID, i.Format, i.SHA256[:], some(i.Mapping), i.Compartment, ImportRunning, i.NextRow, i.CreatedAt.UnixMicro(), i.CreatedBy)
	if err != nil {
		return fmt.Errorf("add import %s: %w", i.ID, err)
	}
	return nil
}

// SetImport keeps how far an import has come; archive.ErrConflict if it is not under way. A state other than running ends it.
func (tx *Tx) SetImport(ctx context.Context, i Import) error {
	n, err := tx.exec(ctx, `UPDATE import SET state = $1, next_row = $2, created = $3, updated = $4, unchanged = $5, refused = $6, ended_at = $7
		WHERE id = $8 AND state = 'running'`, i.State, i.NextRow, i.Created, i.Updated, i.Unchanged, i.Refused, us(i.EndedAt), i.ID)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("set import %s: %w", i.ID, err)
	}
	return nil
}

// BeginUndo notes that an import is being undone. One that is under way ends by it, so that nothing more comes from it; archive.ErrConflict if
// it was undone before. Once begun it may be begun again.
func (tx *Tx) BeginUndo(ctx context.Context, id string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE import SET undo_at = COALESCE(undo_at, $1), ended_at = COALESCE(ended_at, $2), state = 'done' WHERE id = $3 AND state <> 'undone'`,
		when.UnixMicro(), when.UnixMicro(), id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("begin undoing import %s: %w", id, err)
	}
	return nil
}

// UndoImport marks an import as undone; archive.ErrConflict if it was before.
func (tx *Tx) UndoImport(ctx context.Context, id, by string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE import SET state = 'undone', undone_at = $1, undone_by = $2 WHERE id = $3 AND state <> 'undone'`, when.UnixMicro(), by, id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("undo import %s: %w", id, err)
	}
	return nil
}

// Import gives an import of an author; archive.ErrNotFound.
func (tx *Tx) Import(ctx context.Context, by, id string) (Import, error) {
	return one(ctx, tx, scanImport, `SELECT `+importColumns+` FROM import WHERE id = $1 AND created_by = $2`, id, by)
}

// RunningImport gives the import of a file that its author has under way; archive.ErrNotFound.
func (tx *Tx) RunningImport(ctx context.Context, by string, sha256 [32]byte) (Import, error) {
	return one(ctx, tx, scanImport, `SELECT `+importColumns+` FROM import WHERE created_by = $1 AND sha256 = $2 AND state = 'running'`, by, sha256[:])
}

// Imports gives the imports of an author, the newest first.
func (tx *Tx) Imports(ctx context.Context, by string, limit int) ([]Import, error) {
	return all(ctx, tx, scanImport, `SELECT `+importColumns+` FROM import WHERE created_by = $1 ORDER BY created_at DESC, id DESC LIMIT $2`, by, limit)
}

// AddImportClaims ties claims that keep an origin of their own to the import that brought them.
func (tx *Tx) AddImportClaims(ctx context.Context, id string, claims []string) error {
	rows := make([][]any, len(claims))
	for i, c := range claims {
		rows[i] = []any{c, id}
	}
	if err := tx.insert(ctx, "import_claim", "claim_id, import_id", rows); err != nil {
		return fmt.Errorf("tie claims to import %s: %w", id, err)
	}
	return nil
}

// ImportedClaims gives a page of the standing claims that an import brought, by identifier, after one.
func (tx *Tx) ImportedClaims(ctx context.Context, id, after string, limit int) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT id FROM claim WHERE origin = $1 AND retracted_at IS NULL AND id > $2
		UNION SELECT claim.id FROM claim JOIN import_claim ON import_claim.claim_id = claim.id
			WHERE import_claim.import_id = $3 AND claim.retracted_at IS NULL AND claim.id > $4
		ORDER BY 1 LIMIT $5`, id, after, id, after, limit)
}

// CountImported counts the standing claims that an import brought.
func (tx *Tx) CountImported(ctx context.Context, id string) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COUNT(*) FROM (SELECT id FROM claim WHERE origin = $1 AND retracted_at IS NULL
		UNION SELECT claim.id FROM claim JOIN import_claim ON import_claim.claim_id = claim.id WHERE import_claim.import_id = $2 AND claim.retracted_at IS NULL) AS brought`, id, id)
}

// EmptyEntities goes through a page of the entities that an import made, by identifier, after one: those of which nothing is said any more,
// on which nothing rests and which nobody worked on are marked as empty and not listed any more; their documents are the caller's
// business. It gives them, and the last one of the page, which is "" at the end. They come back by themselves, with what search finds them
// by, when something is said of them.
func (tx *Tx) EmptyEntities(ctx context.Context, id, after string, limit int, when time.Time) (empty []string, last string, err error) {
	type row struct {
		id    string
		holds int64
	}
	page, err := all(ctx, tx, func(s scanner) (r row, err error) { err = s.Scan(&r.id, &r.holds); return r, err }, `SELECT e.id, CASE WHEN e.merged_into IS NOT NULL
			OR EXISTS (SELECT 1 FROM claim c WHERE c.entity_id = e.id AND c.retracted_at IS NULL)
			OR EXISTS (SELECT 1 FROM claim c WHERE c.ref_id = e.id AND c.retracted_at IS NULL)
			OR EXISTS (SELECT 1 FROM claim_source s JOIN claim c ON c.id = s.claim_id WHERE s.entity_id = e.id AND c.retracted_at IS NULL)
			OR EXISTS (SELECT 1 FROM entity m WHERE m.merged_into = e.id)
			OR EXISTS (SELECT 1 FROM finding f WHERE f.entity_id = e.id)
			OR EXISTS (SELECT 1 FROM passage p WHERE p.testimony_id = e.id)
			OR EXISTS (SELECT 1 FROM consent o WHERE o.testimony_id = e.id)
			OR EXISTS (SELECT 1 FROM identity i WHERE i.entity_id = e.id)
			THEN 1 ELSE 0 END FROM entity e WHERE e.import_id = $1 AND e.id > $2 AND e.emptied_at IS NULL ORDER BY e.id LIMIT $3`, id, after, limit)
	for _, r := range page {
		if last = r.id; r.holds == 0 {
			empty = append(empty, r.id)
		}
	}
	for chunk := range slices.Chunk(empty, 500) {
		if err != nil {
			break
		}
		var p part
		p.add(`UPDATE entity SET emptied_at = ?, changed_at = ? WHERE 1 = 1`, when.UnixMicro(), when.UnixMicro())
		in(&p, "id", chunk)
		_, err = tx.exec(ctx, p.text.String(), p.args...)
	}
	if err != nil {
		return nil, "", fmt.Errorf("empty entities of import %s: %w", id, err)
	}
	return empty, last, nil
}

// revive lets entities count again that an undone import had left empty.
func (tx *Tx) revive(ctx context.Context, ids []string) error {
	for chunk := range slices.Chunk(distinct(ids), 500) {
		var p part
		p.add(`SELECT ` + entityColumns + ` FROM entity e WHERE e.emptied_at IS NOT NULL`)
		in(&p, "e.id", chunk)
		found, err := all(ctx, tx, scanEntity, p.text.String(), p.args...)
		if err != nil || len(found) == 0 {
			if err != nil {
				return err
			}
			continue
		}
		var docs []Doc
		for _, e := range found {
			if _, err := tx.exec(ctx, `UPDATE entity SET emptied_at = NULL WHERE id = $1`, e.ID); err != nil {
				return err
			}
			docs = append(docs, DocOfEntity(e))
		}
		if err := tx.IndexDocs(ctx, docs...); err != nil {
			return err
		}
	}
	return nil
}

// DocOfEntity is what search finds an entity itself by, whatever is said of it: its code.
func DocOfEntity(e archive.Entity) Doc {
	return Doc{Kind: DocEntity, Ref: e.ID, Entity: e.ID, Compartment: e.Compartment, At: e.CreatedAt, Text: e.Code}
}

// Emptied says which of some entities an undone import left empty.
func (tx *Tx) Emptied(ctx context.Context, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	for chunk := range slices.Chunk(distinct(ids), 500) {
		var p part
		p.add(`SELECT id FROM entity WHERE emptied_at IS NOT NULL`)
		in(&p, "id", chunk)
		found, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("read empty entities: %w", err)
		}
		for _, id := range found {
			out[id] = true
		}
	}
	return out, nil
}

// ReplacedByImport gives, of claims that an import brought, those they took the place of and that it did not bring itself.
func (tx *Tx) ReplacedByImport(ctx context.Context, id string, claims []string) ([]string, error) {
	var out []string
	for chunk := range slices.Chunk(distinct(claims), 500) {
		var p part
		p.add(`SELECT claim.id FROM claim WHERE claim.origin <> ? AND claim.replaced <> ''`, id)
		in(&p, "claim.replaced", chunk)
		p.add(` AND NOT EXISTS (SELECT 1 FROM import_claim WHERE import_claim.claim_id = claim.id AND import_claim.import_id = ?) ORDER BY claim.id`, id)
		found, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("read what import %s replaced: %w", id, err)
		}
		out = append(out, found...)
	}
	return out, nil
}

// SetMapping keeps how somebody reads the columns of a kind of file; an empty mapping removes it.
func (tx *Tx) SetMapping(ctx context.Context, m Mapping) error {
	text, args := `INSERT INTO import_mapping (agent_id, name, mapping, changed_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (agent_id, name) DO UPDATE SET mapping = excluded.mapping, changed_at = excluded.changed_at`,
		[]any{m.Agent, m.Name, m.Mapping, m.ChangedAt.UnixMicro()}
	if len(m.Mapping) == 0 {
		text, args = `DELETE FROM import_mapping WHERE agent_id = $1 AND name = $2`, []any{m.Agent, m.Name}
	}
	if _, err := tx.exec(ctx, text, args...); err != nil {
		return fmt.Errorf("set mapping: %w", err)
	}
	return nil
}

// Mappings gives somebody's mappings by name.
func (tx *Tx) Mappings(ctx context.Context, agent string) ([]Mapping, error) {
	return all(ctx, tx, scanMapping, `SELECT `+mappingColumns+` FROM import_mapping WHERE agent_id = $1 ORDER BY name`, agent)
}

// AddExternalKeys says what entities are called in the files of others; what was said before is passed over.
func (tx *Tx) AddExternalKeys(ctx context.Context, keys []ExternalKey) error {
	rows := make([][]any, len(keys))
	for i, k := range keys {
		rows[i] = []any{k.Source, k.Key, k.Entity}
	}
	if err := tx.insertOr(ctx, "external_key", "source, key, entity_id", " ON CONFLICT (source, key, entity_id) DO NOTHING", rows); err != nil {
		return fmt.Errorf("add external keys: %w", err)
	}
	return nil
}

// ExternalKeys finds entities of a compartment by what a source calls them. The compartment is the caller's to decide about: what lies in
// another one is not found, so that a key tells nothing about it. A merged entity is given as itself.
func (tx *Tx) ExternalKeys(ctx context.Context, compartment, source string, keys []string) ([]ExternalKey, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	var p part
	p.add(`SELECT external_key.source, external_key.key, external_key.entity_id FROM external_key
		JOIN entity ON entity.id = external_key.entity_id WHERE external_key.source = ? AND entity.compartment = ?`, source, compartment)
	in(&p, "external_key.key", keys)
	p.add(` ORDER BY external_key.key, external_key.entity_id`)
	return all(ctx, tx, func(s scanner) (k ExternalKey, err error) { err = s.Scan(&k.Source, &k.Key, &k.Entity); return k, err }, p.text.String(), p.args...)
}

// KeysOf gives what others call entities.
func (tx *Tx) KeysOf(ctx context.Context, entities []string) ([]ExternalKey, error) {
	if len(entities) == 0 {
		return nil, nil
	}
	var p part
	p.add(`SELECT source, key, entity_id FROM external_key WHERE 1 = 1`)
	in(&p, "entity_id", entities)
	p.add(` ORDER BY entity_id, source, key`)
	return all(ctx, tx, func(s scanner) (k ExternalKey, err error) { err = s.Scan(&k.Source, &k.Key, &k.Entity); return k, err }, p.text.String(), p.args...)
}

// ForeignPlace is where a passage or the paper of a consent lies in an item that this archive does not hold.
type ForeignPlace struct {
	Subject  string // passage or consent
	Item     string
	From, To time.Duration
	Page     int
}

// AddForeignPlaces adds such places.
func (tx *Tx) AddForeignPlaces(ctx context.Context, places []ForeignPlace) error {
	rows := make([][]any, len(places))
	for i, p := range places {
		rows[i] = []any{p.Subject, p.Item, p.From.Microseconds(), p.To.Microseconds(), p.Page}
	}
	if err := tx.insert(ctx, "foreign_place", "subject_id, item, from_us, to_us, page", rows); err != nil {
		return fmt.Errorf("add foreign places: %w", err)
	}
	return nil
}

// ForeignPlaces gives such places by subject.
func (tx *Tx) ForeignPlaces(ctx context.Context, subjects []string) (map[string]ForeignPlace, error) {
	out := map[string]ForeignPlace{}
	for chunk := range slices.Chunk(subjects, 500) {
		var p part
		p.add(`SELECT subject_id, item, from_us, to_us, page FROM foreign_place WHERE 1 = 1`)
		in(&p, "subject_id", chunk)
		found, err := all(ctx, tx, func(s scanner) (f ForeignPlace, err error) {
			var from, to int64
			err = s.Scan(&f.Subject, &f.Item, &from, &to, &f.Page)
			f.From, f.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
			return f, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("read foreign places: %w", err)
		}
		for _, f := range found {
			out[f.Subject] = f
		}
	}
	return out, nil
}

// EntitiesAfter gives a page of the entities of the scope by identifier, those among them that were merged into others, without those
// that an undone import left empty.
func (tx *Tx) EntitiesAfter(ctx context.Context, s archive.Scope, kinds []archive.EntityKind, compartment *string, after string, limit int) ([]archive.Entity, error) {
	var p part
	p.add(`SELECT `+entityColumns+` FROM entity e WHERE e.emptied_at IS NULL AND e.id > ?`, after)
	in(&p, "e.kind", kinds)
	p.addIf(compartment != nil, ` AND e.compartment = ?`, deref(compartment))
	withinCatalogue(&p, s, "e.compartment")
	p.add(` ORDER BY e.id LIMIT ?`, limit)
	return all(ctx, tx, scanEntity, p.text.String(), p.args...)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// HeldItems says which of some items lie within a scope.
func (tx *Tx) HeldItems(ctx context.Context, s archive.Scope, items []string) (map[string]bool, error) {
	return tx.seenItems(ctx, s, items)
}

// TakenIDs says which of some identifiers belong to something said in the catalogue, whoever may see it.
func (tx *Tx) TakenIDs(ctx context.Context, ids []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, table := range []string{"claim", "finding", "merge", "passage", "consent"} {
		for chunk := range slices.Chunk(ids, 500) {
			var p part
			p.add(`SELECT id FROM ` + table + ` WHERE 1 = 1`)
			in(&p, "id", chunk)
			found, err := all(ctx, tx, value[string], p.text.String(), p.args...)
			if err != nil {
				return nil, fmt.Errorf("look up identifiers: %w", err)
			}
			for _, id := range found {
				out[id] = true
			}
		}
	}
	return out, nil
}

// Exports gives the exports of an agent, the newest first, without what they contain.
func (tx *Tx) Exports(ctx context.Context, by string, limit int) ([]Export, error) {
	return all(ctx, tx, func(s scanner) (e Export, err error) {
		err = s.Scan(&e.ID, &e.Kind, &e.Purpose, &e.Audience, at{&e.At}, &e.By, &e.LeftOut)
		return e, err
	}, `SELECT id, kind, purpose, audience, at, agent, left_out FROM export WHERE agent = $1 ORDER BY at DESC, id DESC LIMIT $2`, by, limit)
}

// KeyedEntities finds entities of the scope by what a source calls them, by key. Of several the oldest is given.
func (tx *Tx) KeyedEntities(ctx context.Context, s archive.Scope, source string, keys []string) (map[string]archive.Entity, error) {
	type row struct {
		key string
		e   archive.Entity
	}
	out := map[string]archive.Entity{}
	for chunk := range slices.Chunk(distinct(keys), 500) {
		var p part
		p.add(`SELECT k.key, `+entityColumns+` FROM external_key k JOIN entity e ON e.id = k.entity_id WHERE k.source = ?`, source)
		in(&p, "k.key", chunk)
		withinCatalogue(&p, s, "e.compartment")
		p.add(` ORDER BY k.key, e.id DESC`)
		found, err := all(ctx, tx, func(r scanner) (x row, err error) {
			var protected int64
			err = r.Scan(&x.key, &x.e.ID, &x.e.Kind, &x.e.Code, &x.e.Compartment, &protected, &x.e.Canonical, at{&x.e.CreatedAt}, &x.e.CreatedBy, at{&x.e.Changed})
			x.e.Protected, x.e.Label = protected != 0, x.e.Code
			return x, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("find entities by key: %w", err)
		}
		for _, x := range found {
			out[x.key] = x.e
		}
	}
	return out, nil
}

// AddForeignAgent adds somebody who is known from the files of another archive only.
func (tx *Tx) AddForeignAgent(ctx context.Context, a archive.Agent, imported string) error {
	if err := archive.CheckID(archive.PrefixAgent, a.ID); err != nil {
		return err
	}
	err := tx.insert(ctx, "agent", agentColumns, [][]any{{a.ID, a.Kind, a.Name, a.CreatedAt.UnixMicro()}})
	if err == nil {
		err = tx.insert(ctx, "foreign_agent", "agent_id, import_id", [][]any{{a.ID, imported}})
	}
	if err != nil {
		return fmt.Errorf("add agent %s: %w", a.ID, err)
	}
	return nil
}

// ForeignAgent says whether an agent is known from the files of another archive only.
func (tx *Tx) ForeignAgent(ctx context.Context, id string) (bool, error) {
	n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM foreign_agent WHERE agent_id = $1`, id)
	return n > 0, err
}
