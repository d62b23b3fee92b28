package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
)

// Who sees what of the catalogue is decided here and nowhere else. An entity is seen if its compartment is. A claim is seen if its entity is,
// and the claim's own compartment, and the entity and the item that its value names, and everything that it rests on: items by the rule of
// lists of items, those that two people agreed to erase not among them, and entities (documents, articles, testimony) by the rule of
// entities. The three functions below are spliced into every query.

// withinCatalogue narrows a column that holds a compartment.
func withinCatalogue(p *part, s archive.Scope, column string) {
	if s.AllCompartments {
		return
	}
	var seen []string
	if s.Sees(archive.Common) {
		seen = append(seen, archive.Common)
	}
	for _, c := range s.Compartments {
		if c != archive.CommonGrant && c != archive.Common && !slices.Contains(seen, c) {
			seen = append(seen, c)
		}
	}
	if len(seen) == 0 {
		p.add(" AND 1 = 0")
		return
	}
	in(p, column, seen)
}

// withinEntity narrows to rows whose column names an entity that is seen.
func withinEntity(p *part, s archive.Scope, column string) {
	if s.AllCompartments {
		return
	}
	p.add(" AND EXISTS (SELECT 1 FROM entity seen WHERE seen.id = " + column)
	withinCatalogue(p, s, "seen.compartment")
	p.add(")")
}

// withinItem narrows to rows whose column names an item that is seen.
func withinItem(p *part, s archive.Scope, column string) {
	p.add(" AND EXISTS (SELECT 1 FROM item held WHERE held.id = " + column)
	within(p, s, func(c string) string { return "held." + c })
	p.add(" AND NOT EXISTS (SELECT 1 FROM erasure gone WHERE gone.item_id = held.id AND gone.state = 'approved'))")
}

// withinClaims narrows to claims that are seen; c is the alias of the table claim.
func withinClaims(p *part, s archive.Scope, c string) {
	withinEntity(p, s, c+".entity_id")
	if !s.AllCompartments {
		p.add(" AND (" + c + ".compartment IS NULL OR (1 = 1")
		withinCatalogue(p, s, c+".compartment")
		p.add(")) AND (" + c + ".ref_id IS NULL OR (1 = 1")
		withinEntity(p, s, c+".ref_id")
		p.add("))")
	}
	p.add(" AND (" + c + ".item_id IS NULL OR (1 = 1")
	withinItem(p, s, c+".item_id")
	p.add(")) AND NOT EXISTS (SELECT 1 FROM claim_source rest WHERE rest.claim_id = " + c + ".id AND (rest.item_id IS NOT NULL AND NOT (1 = 1")
	withinItem(p, s, "rest.item_id")
	p.add(")")
	if !s.AllCompartments {
		p.add(" OR rest.entity_id IS NOT NULL AND NOT (1 = 1")
		withinEntity(p, s, "rest.entity_id")
		p.add(")")
	}
	p.add("))")
}

// NewEntity is an entity with the number in its code, 0 if the code was given by hand, and the import that made it, if one did.
type NewEntity struct {
	archive.Entity
	Number int64
	Import string
}

// Claim is a claim with what its value names and means.
type Claim struct {
	archive.Claim
	Kind       archive.EntityKind // of the entity; read only
	EntityCode string             // read only
	AuthorName string             // read only
	Ref        string             // entity that the value names
	Names      string             // item that the value names
	Earliest   *int64             // microseconds since 1970 that a date may mean; nil where it is open
	Latest     *int64
	Reason     string   // of the retraction; read only
	Keys       []string // folded words of a name, by which it is found; write only
	// Own says that Compartment is the claim's own and not the entity's.
	Own bool
}

const entityColumns = `e.id, e.kind, e.code, e.compartment, e.protected, COALESCE(e.merged_into, ''), e.created_at, e.created_by, e.changed_at`

func scanEntity(s scanner) (e archive.Entity, err error) {
	var protected int64
	err = s.Scan(&e.ID, &e.Kind, &e.Code, &e.Compartment, &protected, &e.Canonical, at{&e.CreatedAt}, &e.CreatedBy, at{&e.Changed})
	e.Protected, e.Label = protected != 0, e.Code
	return e, err
}

// NextNumber takes n numbers of codes of a kind in a compartment and gives the first. Whoever else wants some waits until the transaction ends.
func (tx *Tx) NextNumber(ctx context.Context, kind archive.EntityKind, compartment string, n int64) (int64, error) {
	next, err := one(ctx, tx, value[int64], `INSERT INTO entity_counter (kind, compartment, next) VALUES ($1, $2, $3)
		ON CONFLICT (kind, compartment) DO UPDATE SET next = entity_counter.next + excluded.next - 1 RETURNING next`, string(kind), compartment, n+1)
	if err != nil {
		return 0, fmt.Errorf("number entities: %w", err)
	}
	return next - n, nil
}

// PassNumber makes sure that a number is not given out any more.
func (tx *Tx) PassNumber(ctx context.Context, kind archive.EntityKind, compartment string, number int64) error {
	_, err := tx.exec(ctx, `INSERT INTO entity_counter (kind, compartment, next) VALUES ($1, $2, $3)
		ON CONFLICT (kind, compartment) DO UPDATE SET next = CASE WHEN entity_counter.next < excluded.next THEN excluded.next ELSE entity_counter.next END`,
		string(kind), compartment, number+1)
	return err
}

// AddEntities adds entities; archive.ErrExists if one of the codes is taken in its compartment.
func (tx *Tx) AddEntities(ctx context.Context, entities ...NewEntity) error {
	rows := make([][]any, len(entities))
	for i, e := range entities {
		if err := archive.CheckID(archive.PrefixEntity, e.ID); err != nil {
			return err
		}
		rows[i] = []any{e.ID, string(e.Kind), e.Code, e.Number, e.Compartment, flag(e.Protected), e.CreatedAt.UnixMicro(), e.CreatedBy, e.CreatedAt.UnixMicro(), text(e.Import)}
	}
	if err := tx.insert(ctx, "entity", "id, kind, code, number, compartment, protected, created_at, created_by, changed_at, import_id", rows); err != nil {
		return fmt.Errorf("add entities: %w", err)
	}
	return nil
}

// AddClaims adds claims with their sources and the words by which they are found, and marks their entities as changed.
func (tx *Tx) AddClaims(ctx context.Context, claims ...Claim) error {
	if len(claims) == 0 {
		return nil
	}
	var rows, sources, words [][]any
	var entities, named []string
	for _, c := range claims {
		if err := archive.CheckID(archive.PrefixClaim, c.ID); err != nil {
			return err
		}
		var own any
		if c.Own {
			own = c.Compartment
		}
		rows = append(rows, []any{c.ID, c.Entity, c.Property, c.Value, c.Lang, string(c.Certainty), c.Note, own, c.Author, c.Origin, c.CreatedAt.UnixMicro(),
			text(c.Ref), text(c.Names), number(c.Earliest), number(c.Latest)})
		for i, s := range c.Sources {
			sources = append(sources, []any{c.ID, i, s.Kind, text(s.Item), s.From.Microseconds(), s.To.Microseconds(), s.Region.X, s.Region.Y, s.Region.W, s.Region.H,
				s.Page, text(s.Passage), text(s.Entity), s.Note})
		}
		keys := slices.Clone(c.Keys)
		slices.Sort(keys)
		for _, k := range slices.Compact(keys) {
			if k != "" && len(k) <= 400 {
				words = append(words, []any{k, c.ID})
			}
		}
		entities = append(entities, c.Entity)
		named = append(named, c.Ref)
		for _, s := range c.Sources {
			named = append(named, s.Entity)
		}
	}
	if err := tx.revive(ctx, named); err != nil {
		return fmt.Errorf("add claims: %w", err)
	}
	if err := tx.insert(ctx, "claim", `id, entity_id, property, value, lang, certainty, note, compartment, author, origin, created_at, ref_id, item_id, earliest, latest`, rows); err != nil {
		return fmt.Errorf("add claims: %w", err)
	}
	if err := tx.insert(ctx, "claim_source", `claim_id, ordinal, kind, item_id, from_us, to_us, x, y, w, h, page, passage_id, entity_id, note`, sources); err != nil {
		return fmt.Errorf("add sources of claims: %w", err)
	}
	sortRows(words)
	if err := tx.insert(ctx, "claim_key", `word, claim_id`, words); err != nil {
		return fmt.Errorf("add words of claims: %w", err)
	}
	return tx.TouchEntities(ctx, claims[0].CreatedAt, entities...)
}

// number is a number that may not be there.
func number(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

// TouchEntities notes when entities changed. Those that an undone import had left empty count again.
func (tx *Tx) TouchEntities(ctx context.Context, when time.Time, ids ...string) error {
	if err := tx.revive(ctx, ids); err != nil {
		return fmt.Errorf("touch entities: %w", err)
	}
	ids = slices.Clone(ids)
	slices.Sort(ids) // one order of locks
	for chunk := range slices.Chunk(slices.Compact(ids), 500) {
		var p part
		p.add(`UPDATE entity SET changed_at = ? WHERE changed_at < ?`, when.UnixMicro(), when.UnixMicro())
		in(&p, "id", chunk)
		if _, err := tx.exec(ctx, p.text.String(), p.args...); err != nil {
			return fmt.Errorf("touch entities: %w", err)
		}
	}
	return nil
}

// Entity gives an entity of the scope by identifier or code; archive.ErrNotFound. A code may stand for several things in several compartments:
// the common one comes first, then the oldest.
func (tx *Tx) Entity(ctx context.Context, s archive.Scope, id string) (archive.Entity, error) {
	var p part
	if archive.CheckID(archive.PrefixEntity, id) == nil {
		p.add(`SELECT `+entityColumns+` FROM entity e WHERE e.id = ?`, id)
	} else {
		p.add(`SELECT `+entityColumns+` FROM entity e WHERE e.code = ?`, strings.ToUpper(strings.TrimSpace(id)))
	}
	withinCatalogue(&p, s, "e.compartment")
	p.add(` ORDER BY CASE WHEN e.compartment = '' THEN 0 ELSE 1 END, e.created_at, e.id LIMIT 1`)
	return one(ctx, tx, scanEntity, p.text.String(), p.args...)
}

// Entities gives those of the entities that lie within the scope, by identifier.
func (tx *Tx) Entities(ctx context.Context, s archive.Scope, ids ...string) (map[string]archive.Entity, error) {
	out := make(map[string]archive.Entity, len(ids))
	for chunk := range slices.Chunk(distinct(ids), 500) {
		var p part
		p.add(`SELECT ` + entityColumns + ` FROM entity e WHERE 1 = 1`)
		in(&p, "e.id", chunk)
		withinCatalogue(&p, s, "e.compartment")
		found, err := all(ctx, tx, scanEntity, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("read entities: %w", err)
		}
		for _, e := range found {
			out[e.ID] = e
		}
	}
	return out, nil
}

// EntitiesByCode gives the entities of the scope that carry one of the codes, by code, as Entity chooses them.
func (tx *Tx) EntitiesByCode(ctx context.Context, s archive.Scope, codes ...string) (map[string]archive.Entity, error) {
	out := make(map[string]archive.Entity, len(codes))
	for chunk := range slices.Chunk(distinct(codes), 500) {
		var p part
		p.add(`SELECT ` + entityColumns + ` FROM entity e WHERE 1 = 1`)
		in(&p, "e.code", chunk)
		withinCatalogue(&p, s, "e.compartment")
		p.add(` ORDER BY CASE WHEN e.compartment = '' THEN 0 ELSE 1 END, e.created_at, e.id`)
		found, err := all(ctx, tx, scanEntity, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("read entities by code: %w", err)
		}
		for _, e := range found {
			if _, ok := out[e.Code]; !ok {
				out[e.Code] = e
			}
		}
	}
	return out, nil
}

func distinct(ids []string) []string {
	out := slices.DeleteFunc(slices.Clone(ids), func(s string) bool { return s == "" })
	slices.Sort(out)
	return slices.Compact(out)
}

// Canonical gives for each entity of the scope the one that stands for it: pointers are followed as long as the reader sees where they lead.
// Entities outside the scope are not in the answer. The second map holds every entity that was met.
func (tx *Tx) Canonical(ctx context.Context, s archive.Scope, ids ...string) (map[string]string, map[string]archive.Entity, error) {
	met := map[string]archive.Entity{}
	asked := map[string]bool{}
	for next := distinct(ids); len(next) > 0; {
		found, err := tx.Entities(ctx, s, next...)
		if err != nil {
			return nil, nil, err
		}
		for _, id := range next {
			asked[id] = true
		}
		next = nil
		for id, e := range found {
			met[id] = e
			if e.Canonical != "" && !asked[e.Canonical] {
				next = append(next, e.Canonical)
			}
		}
		next = distinct(next)
	}
	out := map[string]string{}
	for _, id := range ids {
		e, ok := met[id]
		if !ok {
			continue
		}
		for range len(met) { // pointers never run in a circle; if they did, this would end
			up, seen := met[e.Canonical]
			if e.Canonical == "" || !seen {
				break
			}
			e = up
		}
		out[id] = e.ID
	}
	return out, met, nil
}

// Members gives for each entity those that the reader sees as one with it: itself first, then what was merged into it, and into that.
func (tx *Tx) Members(ctx context.Context, s archive.Scope, ids ...string) (map[string][]archive.Entity, error) {
	out := make(map[string][]archive.Entity, len(ids))
	found, err := tx.Entities(ctx, s, ids...)
	if err != nil {
		return nil, err
	}
	roots := map[string][]string{} // which of the entities asked for an entity belongs to
	var frontier []string
	for _, id := range distinct(ids) {
		if e, ok := found[id]; ok {
			out[id] = []archive.Entity{e}
			roots[id] = []string{id}
			frontier = append(frontier, id)
		}
	}
	for len(frontier) > 0 {
		var next []string
		for chunk := range slices.Chunk(frontier, 500) {
			var p part
			p.add(`SELECT ` + entityColumns + ` FROM entity e WHERE e.merged_into IS NOT NULL`)
			in(&p, "e.merged_into", chunk)
			withinCatalogue(&p, s, "e.compartment")
			p.add(` ORDER BY e.id`)
			children, err := all(ctx, tx, scanEntity, p.text.String(), p.args...)
			if err != nil {
				return nil, fmt.Errorf("read merged entities: %w", err)
			}
			for _, e := range children {
				for _, root := range roots[e.Canonical] {
					if !slices.ContainsFunc(out[root], func(m archive.Entity) bool { return m.ID == e.ID }) {
						out[root] = append(out[root], e)
						roots[e.ID] = append(roots[e.ID], root)
						next = append(next, e.ID)
					}
				}
			}
		}
		frontier = distinct(next)
	}
	return out, nil
}

// EntityQuery narrows a list of entities. Those that an undone import left empty are not listed. Those that were merged into one that the reader sees are not listed; what is said about them counts
// for the one that stands for them.
type EntityQuery struct {
	Kinds       []archive.EntityKind
	Code        string     // its beginning; or
	Words       [][]string // beginnings of folded words of names: of each group one, and all groups
	Property    string
	Value       string   // with Property
	Refers      []string // those of which a claim (of Property, if given) names one of these
	Compartment *string
	AfterNumber int64 // the last entity of the page before
	AfterID     string
	Limit       int
}

// climb adds "AND e.id IN (…)": the entities that base gives, all of which the reader must see, and those that stand for them.
func climb(p *part, s archive.Scope, base func()) {
	p.add(` AND e.id IN (WITH RECURSIVE up(id) AS (`)
	base()
	p.add(` UNION SELECT t.id FROM up JOIN entity m ON m.id = up.id JOIN entity t ON t.id = m.merged_into WHERE 1 = 1`)
	withinCatalogue(p, s, "t.compartment")
	p.add(`) SELECT id FROM up)`)
}

// beyond is behind every text that begins with prefix, in the order of bytes.
func beyond(prefix string) string { return prefix + "\U0010ffff" }

func (q EntityQuery) narrow(p *part, s archive.Scope) {
	p.add(` FROM entity e WHERE e.emptied_at IS NULL AND (e.merged_into IS NULL`)
	if !s.AllCompartments {
		p.add(` OR NOT EXISTS (SELECT 1 FROM entity t WHERE t.id = e.merged_into`)
		withinCatalogue(p, s, "t.compartment")
		p.add(`)`)
	}
	p.add(`)`)
	withinCatalogue(p, s, "e.compartment")
	in(p, "e.kind", texts(q.Kinds))
	if q.Compartment != nil {
		p.add(` AND e.compartment = ?`, *q.Compartment)
	}
	codes := func() {
		p.add(`SELECT n.id FROM entity n WHERE n.code >= ? AND n.code < ?`, q.Code, beyond(q.Code))
		withinCatalogue(p, s, "n.compartment")
	}
	word := func(group []string) func() {
		return func() {
			p.add(`SELECT c.entity_id FROM claim_key k JOIN claim c ON c.id = k.claim_id WHERE (1 = 0`)
			for _, w := range group {
				p.add(` OR k.word >= ? AND k.word < ?`, w, beyond(w))
			}
			p.add(`) AND c.retracted_at IS NULL`)
			withinClaims(p, s, "c")
		}
	}
	switch {
	case q.Code != "" && len(q.Words) > 0:
		climb(p, s, func() {
			codes()
			p.add(` UNION SELECT h.entity_id FROM claim h WHERE 1 = 1`)
			for _, w := range q.Words {
				p.add(` AND h.entity_id IN (`)
				word(w)()
				p.add(`)`)
			}
		})
	case q.Code != "":
		climb(p, s, codes)
	default:
		for _, w := range q.Words {
			climb(p, s, word(w))
		}
	}
	if q.Property != "" || len(q.Refers) > 0 {
		climb(p, s, func() {
			p.add(`SELECT c.entity_id FROM claim c WHERE c.retracted_at IS NULL`)
			p.addIf(q.Property != "", ` AND c.property = ?`, q.Property)
			p.addIf(q.Value != "", ` AND length(c.value) <= 200 AND c.value = ?`, q.Value)
			if len(q.Refers) > 0 {
				p.add(` AND c.ref_id IS NOT NULL`)
				in(p, "c.ref_id", q.Refers)
			}
			withinClaims(p, s, "c")
		})
	}
}

// Listed is an entity in a list with the number it is ordered by.
type Listed struct {
	archive.Entity
	Number int64
}

// ListEntities gives a page of entities in the order of their numbers, and how many there are in all.
func (tx *Tx) ListEntities(ctx context.Context, s archive.Scope, q EntityQuery) ([]Listed, int, error) {
	if q.Limit < 1 || q.Limit > 1001 || len(q.Words) > 12 || len(q.Refers) > 1000 {
		return nil, 0, fmt.Errorf("list entities: %w", archive.ErrInvalid)
	}
	var c part
	c.add(`SELECT COUNT(*)`)
	q.narrow(&c, s)
	total, err := one(ctx, tx, value[int64], c.text.String(), c.args...)
	if err != nil {
		return nil, 0, fmt.Errorf("count entities: %w", err)
	}
	var p part
	p.add(`SELECT e.number, ` + entityColumns)
	q.narrow(&p, s)
	p.addIf(q.AfterID != "", ` AND (e.number > ? OR e.number = ? AND e.id > ?)`, q.AfterNumber, q.AfterNumber, q.AfterID)
	p.add(` ORDER BY e.number, e.id LIMIT ?`, q.Limit)
	found, err := all(ctx, tx, func(r scanner) (l Listed, err error) {
		var protected int64
		err = r.Scan(&l.Number, &l.ID, &l.Kind, &l.Code, &l.Compartment, &protected, &l.Canonical, at{&l.CreatedAt}, &l.CreatedBy, at{&l.Changed})
		l.Protected, l.Label = protected != 0, l.Code
		return l, err
	}, p.text.String(), p.args...)
	if err != nil {
		return nil, 0, fmt.Errorf("list entities: %w", err)
	}
	return found, int(total), nil
}

// ClaimQuery narrows a list of claims. Every field that is not empty narrows; values of one field are alternatives.
type ClaimQuery struct {
	IDs        []string
	Entities   []string
	Properties []string
	Refs       []string // entities that the value names
	Item       string   // rests on it, or names it
	Passages   []string // rests on one of them
	Documents  []string // rests on one of these entities
	Origin     string
	Standing   bool // not those taken back
	After      string
	Limit      int // 0: all
}

const claimColumns = `c.id, c.entity_id, e.kind, e.code, c.property, c.value, c.lang, c.certainty, c.note, COALESCE(c.compartment, e.compartment),
	CASE WHEN c.compartment IS NULL THEN 0 ELSE 1 END, c.author, COALESCE(g.name, ''), c.origin, c.created_at, COALESCE(c.ref_id, ''), COALESCE(c.item_id, ''),
	c.earliest, c.latest, c.retracted_at, c.retracted_by, c.reason, c.replaced`

func scanClaim(s scanner) (c Claim, err error) {
	var own int64
	err = s.Scan(&c.ID, &c.Entity, &c.Kind, &c.EntityCode, &c.Property, &c.Value, &c.Lang, &c.Certainty, &c.Note, &c.Compartment, &own, &c.Author, &c.AuthorName,
		&c.Origin, at{&c.CreatedAt}, &c.Ref, &c.Names, &c.Earliest, &c.Latest, at{&c.RetractedAt}, &c.RetractedBy, &c.Reason, &c.Replaced)
	c.Own = own != 0
	return c, err
}

// Claims gives the claims of the scope in the order in which they were made, with their sources.
func (tx *Tx) Claims(ctx context.Context, s archive.Scope, q ClaimQuery) ([]Claim, error) {
	type field struct {
		column string
		values []string
	}
	fields := []field{{"c.id", q.IDs}, {"c.entity_id", q.Entities}, {"c.ref_id", q.Refs}}
	long := -1
	for i, f := range fields {
		if len(f.values) > 500 {
			if long >= 0 || q.Limit > 0 {
				return nil, fmt.Errorf("list claims: %w: too many values", archive.ErrInvalid)
			}
			long = i
		}
	}
	chunks := [][]string{nil}
	if long >= 0 {
		chunks = slices.Collect(slices.Chunk(distinct(fields[long].values), 500))
	}
	var out []Claim
	for _, chunk := range chunks {
		var p part
		p.add(`SELECT ` + claimColumns + ` FROM claim c JOIN entity e ON e.id = c.entity_id LEFT JOIN agent g ON g.id = c.author WHERE 1 = 1`)
		for i, f := range fields {
			values := f.values
			if i == long {
				values = chunk
			}
			in(&p, f.column, values)
		}
		in(&p, "c.property", q.Properties)
		p.addIf(q.Item != "", ` AND (c.item_id = ? OR c.id IN (SELECT u.claim_id FROM claim_source u WHERE u.item_id = ?))`, q.Item, q.Item)
		if len(q.Passages) > 0 {
			p.add(` AND c.id IN (SELECT u.claim_id FROM claim_source u WHERE u.passage_id IS NOT NULL`)
			in(&p, "u.passage_id", q.Passages)
			p.add(`)`)
		}
		if len(q.Documents) > 0 {
			p.add(` AND c.id IN (SELECT u.claim_id FROM claim_source u WHERE u.entity_id IS NOT NULL`)
			in(&p, "u.entity_id", q.Documents)
			p.add(`)`)
		}
		p.addIf(q.Origin != "", ` AND c.origin = ?`, q.Origin)
		p.addIf(q.Standing, ` AND c.retracted_at IS NULL`)
		p.addIf(q.After != "", ` AND c.id > ?`, q.After)
		withinClaims(&p, s, "c")
		if q.Limit > 0 {
			p.add(` ORDER BY c.id LIMIT ?`, q.Limit)
		} else {
			p.add(` ORDER BY c.created_at, c.id`)
		}
		found, err := all(ctx, tx, scanClaim, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("list claims: %w", err)
		}
		out = append(out, found...)
	}
	if err := tx.sources(ctx, out); err != nil {
		return nil, err
	}
	return out, nil
}

// LastSaid gives for each of these entities when a claim within the scope was last made about it or taken back. It stands in for changed_at
// where somebody reads: that something was said which they do not see must not show.
func (tx *Tx) LastSaid(ctx context.Context, s archive.Scope, entities ...string) (map[string]time.Time, error) {
	out := map[string]time.Time{}
	for chunk := range slices.Chunk(entities, 500) {
		var p part
		p.add(`SELECT c.entity_id, MAX(c.created_at), MAX(COALESCE(c.retracted_at, c.created_at)) FROM claim c WHERE 1 = 1`)
		in(&p, "c.entity_id", chunk)
		withinClaims(&p, s, "c")
		p.add(` GROUP BY c.entity_id`)
		type last struct {
			id              string
			made, retracted int64
		}
		found, err := all(ctx, tx, func(r scanner) (l last, err error) { err = r.Scan(&l.id, &l.made, &l.retracted); return l, err }, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("when was last said: %w", err)
		}
		for _, l := range found {
			out[l.id] = time.UnixMicro(max(l.made, l.retracted)).UTC()
		}
	}
	return out, nil
}

// Claim gives one claim of the scope; archive.ErrNotFound.
func (tx *Tx) Claim(ctx context.Context, s archive.Scope, id string) (Claim, error) {
	found, err := tx.Claims(ctx, s, ClaimQuery{IDs: []string{id}})
	switch {
	case err != nil:
		return Claim{}, err
	case len(found) == 0 || id == "":
		return Claim{}, archive.ErrNotFound
	}
	return found[0], nil
}

// sources fills in what claims rest on.
func (tx *Tx) sources(ctx context.Context, claims []Claim) error {
	place := make(map[string]int, len(claims))
	ids := make([]string, len(claims))
	for i, c := range claims {
		place[c.ID], ids[i] = i, c.ID
	}
	type row struct {
		claim string
		s     archive.Source
	}
	for chunk := range slices.Chunk(ids, 500) {
		var p part
		p.add(`SELECT claim_id, kind, COALESCE(item_id, ''), from_us, to_us, x, y, w, h, page, COALESCE(passage_id, ''), COALESCE(entity_id, ''), note FROM claim_source WHERE 1 = 1`)
		in(&p, "claim_id", chunk)
		p.add(` ORDER BY claim_id, ordinal`)
		rows, err := all(ctx, tx, func(sc scanner) (r row, err error) {
			var from, to int64
			err = sc.Scan(&r.claim, &r.s.Kind, &r.s.Item, &from, &to, &r.s.Region.X, &r.s.Region.Y, &r.s.Region.W, &r.s.Region.H, &r.s.Page, &r.s.Passage, &r.s.Entity, &r.s.Note)
			r.s.From, r.s.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
			return r, err
		}, p.text.String(), p.args...)
		if err != nil {
			return fmt.Errorf("read sources of claims: %w", err)
		}
		for _, r := range rows {
			c := &claims[place[r.claim]]
			c.Sources = append(c.Sources, r.s)
		}
	}
	return nil
}

// RetractClaims takes claims back; archive.ErrConflict if one of them was before. The scope is the caller's business.
func (tx *Tx) RetractClaims(ctx context.Context, when time.Time, by, reason, replaced string, ids ...string) error {
	for chunk := range slices.Chunk(distinct(ids), 500) {
		var p part
		p.add(`UPDATE claim SET retracted_at = ?, retracted_by = ?, reason = ?, replaced = ? WHERE retracted_at IS NULL`, when.UnixMicro(), by, reason, replaced)
		in(&p, "id", chunk)
		n, err := tx.exec(ctx, p.text.String(), p.args...)
		if err == nil && n != int64(len(chunk)) {
			err = archive.ErrConflict
		}
		if err != nil && len(ids) == 1 {
			return fmt.Errorf("retract claim %s: %w", ids[0], err)
		}
		if err != nil {
			return fmt.Errorf("retract %d claims: %w", len(ids), err)
		}
	}
	return nil
}

// RestoreClaim takes a retraction back; archive.ErrConflict if the claim stands or its words are gone.
func (tx *Tx) RestoreClaim(ctx context.Context, id string) error {
	n, err := tx.exec(ctx, `UPDATE claim SET retracted_at = NULL, retracted_by = '', reason = '', replaced = '' WHERE id = $1 AND retracted_at IS NOT NULL
		AND retracted_by <> ''`, id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("restore claim %s: %w", id, err)
	}
	return nil
}

// RestoreClaims takes many retractions back and gives those that it did; the others stand, or their words are gone.
func (tx *Tx) RestoreClaims(ctx context.Context, ids []string) ([]string, error) {
	var out []string
	for chunk := range slices.Chunk(distinct(ids), 500) {
		var p part
		p.add(`UPDATE claim SET retracted_at = NULL, retracted_by = '', reason = '', replaced = '' WHERE retracted_at IS NOT NULL AND retracted_by <> ''`)
		in(&p, "id", chunk)
		p.add(` RETURNING id`)
		did, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("restore %d claims: %w", len(ids), err)
		}
		out = append(out, did...)
	}
	return out, nil
}

// AddClaimFinding adds a finding between rival claims.
func (tx *Tx) AddClaimFinding(ctx context.Context, f archive.Finding) error {
	if err := archive.CheckID(archive.PrefixFinding, f.ID); err != nil {
		return err
	}
	err := tx.insert(ctx, "finding", "id, entity_id, property, claim_id, reason, author, at, dissent",
		[][]any{{f.ID, f.Entity, f.Property, text(f.Claim), f.Reason, f.Author, f.At.UnixMicro(), flag(f.Dissent)}})
	if err != nil {
		return fmt.Errorf("add finding %s: %w", f.ID, err)
	}
	return nil
}

// Findings gives the findings about entities of the scope, oldest first. A finding is seen by who sees every claim that it may speak about: those
// of its property, about its entity or what was merged into it, that were there when it was made.
func (tx *Tx) Findings(ctx context.Context, s archive.Scope, entities ...string) ([]archive.Finding, error) {
	var out []archive.Finding
	for chunk := range slices.Chunk(distinct(entities), 500) {
		var p part
		p.add(`SELECT f.id, f.entity_id, f.property, COALESCE(f.claim_id, ''), f.reason, f.author, f.at, f.dissent FROM finding f WHERE 1 = 1`)
		in(&p, "f.entity_id", chunk)
		withinEntity(&p, s, "f.entity_id")
		p.add(` AND (f.claim_id IS NULL OR EXISTS (SELECT 1 FROM claim named WHERE named.id = f.claim_id`)
		withinClaims(&p, s, "named")
		p.add(`)) AND NOT EXISTS (SELECT 1 FROM claim c WHERE c.entity_id IN (WITH RECURSIVE g(id) AS (SELECT f.entity_id UNION SELECT m.id FROM g JOIN entity m ON m.merged_into = g.id) SELECT id FROM g)
			AND c.property = f.property AND c.created_at <= f.at AND NOT (1 = 1`)
		withinClaims(&p, s, "c")
		p.add(`)) ORDER BY f.at, f.id`)
		found, err := all(ctx, tx, func(s scanner) (f archive.Finding, err error) {
			var dissent int64
			err = s.Scan(&f.ID, &f.Entity, &f.Property, &f.Claim, &f.Reason, &f.Author, at{&f.At}, &dissent)
			f.Dissent = dissent != 0
			return f, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, fmt.Errorf("list findings: %w", err)
		}
		out = append(out, found...)
	}
	return out, nil
}

const mergeColumns = `m.id, m.from_id, m.into_id, m.reason, m.author, m.at, m.undone_at, m.undone_by`

func scanMerge(s scanner) (m archive.Merge, err error) {
	err = s.Scan(&m.ID, &m.From, &m.Into, &m.Reason, &m.Author, at{&m.At}, at{&m.UndoneAt}, &m.UndoneBy)
	return m, err
}

// AddMerge notes a merge and sets the pointer. archive.ErrConflict if the entity was merged before or the merge would close a circle. One merge at
// a time: others wait until the transaction ends.
func (tx *Tx) AddMerge(ctx context.Context, m archive.Merge) error {
	fail := func(err error) error { return fmt.Errorf("merge %s: %w", m.ID, err) }
	if err := archive.CheckID(archive.PrefixMerge, m.ID); err != nil {
		return err
	}
	if _, err := tx.exec(ctx, `INSERT INTO entity_counter (kind, compartment, next) VALUES ('merge', '', 1) ON CONFLICT (kind, compartment) DO UPDATE SET next = 1`); err != nil {
		return fail(err)
	}
	circle, err := one(ctx, tx, value[int64], `WITH RECURSIVE up(id) AS (SELECT CAST($1 AS TEXT) COLLATE `+tx.bytewise()+` UNION SELECT e.merged_into FROM up JOIN entity e ON e.id = up.id WHERE e.merged_into IS NOT NULL)
		SELECT COUNT(*) FROM up WHERE id = $2`, m.Into, m.From)
	if err != nil {
		return fail(err)
	}
	if circle > 0 {
		return fail(fmt.Errorf("%w: they are merged the other way round", archive.ErrConflict))
	}
	n, err := tx.exec(ctx, `UPDATE entity SET merged_into = $1, changed_at = $2 WHERE id = $3 AND merged_into IS NULL`, m.Into, m.At.UnixMicro(), m.From)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: it is merged already", archive.ErrConflict)
	}
	if err != nil {
		return fail(err)
	}
	if err := tx.insert(ctx, "merge", "id, from_id, into_id, reason, author, at", [][]any{{m.ID, m.From, m.Into, m.Reason, m.Author, m.At.UnixMicro()}}); err != nil {
		return fail(err)
	}
	return tx.TouchEntities(ctx, m.At, m.Into)
}

// bytewise is the collation that compares bytes.
func (tx *Tx) bytewise() string {
	if tx.db.sqlite != nil {
		return "BINARY"
	}
	return `"C"`
}

// UndoMerge takes a merge back; archive.ErrConflict if it was before.
func (tx *Tx) UndoMerge(ctx context.Context, id, by string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE merge SET undone_at = $1, undone_by = $2 WHERE id = $3 AND undone_at IS NULL`, when.UnixMicro(), by, id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE entity SET merged_into = NULL, changed_at = $1 WHERE id = (SELECT from_id FROM merge WHERE id = $2)`, when.UnixMicro(), id)
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE entity SET changed_at = $1 WHERE id = (SELECT into_id FROM merge WHERE id = $2)`, when.UnixMicro(), id)
	}
	if err != nil {
		return fmt.Errorf("undo merge %s: %w", id, err)
	}
	return nil
}

// MergesOf gives the merges of which one of the entities was a part and of which the reader sees both, oldest first; those taken back too, if
// undone is set.
func (tx *Tx) MergesOf(ctx context.Context, s archive.Scope, undone bool, entities ...string) ([]archive.Merge, error) {
	if len(entities) == 0 {
		return nil, nil
	}
	var p part
	p.add(`SELECT ` + mergeColumns + ` FROM merge m WHERE (1 = 0 OR (1 = 1`)
	in(&p, "m.from_id", entities)
	p.add(`) OR (1 = 1`)
	in(&p, "m.into_id", entities)
	p.add(`))`)
	p.addIf(!undone, ` AND m.undone_at IS NULL`)
	withinEntity(&p, s, "m.from_id")
	withinEntity(&p, s, "m.into_id")
	p.add(` ORDER BY m.at, m.id`)
	return all(ctx, tx, scanMerge, p.text.String(), p.args...)
}

// MergeByID gives a merge of which the reader sees both entities; archive.ErrNotFound.
func (tx *Tx) MergeByID(ctx context.Context, s archive.Scope, id string) (archive.Merge, error) {
	var p part
	p.add(`SELECT `+mergeColumns+` FROM merge m WHERE m.id = ?`, id)
	withinEntity(&p, s, "m.from_id")
	withinEntity(&p, s, "m.into_id")
	return one(ctx, tx, scanMerge, p.text.String(), p.args...)
}

// FileEntity moves an entity to another compartment; claims that have none of their own go with it. archive.ErrExists if its code is taken there.
func (tx *Tx) FileEntity(ctx context.Context, id, compartment string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE entity SET compartment = $1, changed_at = $2 WHERE id = $3`, compartment, when.UnixMicro(), id)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("file entity %s: %w", id, err)
	}
	return nil
}

// ProtectEntity lets a person be known by the code alone, or ends it.
func (tx *Tx) ProtectEntity(ctx context.Context, id string, protected bool, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE entity SET protected = $1, changed_at = $2 WHERE id = $3`, flag(protected), when.UnixMicro(), id)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("protect entity %s: %w", id, err)
	}
	return nil
}

// AddCompartment adds a compartment; archive.ErrExists if the name or the tag is taken.
func (tx *Tx) AddCompartment(ctx context.Context, c archive.Compartment, tag string) error {
	if err := archive.CheckID(archive.PrefixCompartment, c.ID); err != nil {
		return err
	}
	err := tx.insert(ctx, "compartment", "id, name, tag, created_at, created_by", [][]any{{c.ID, c.Name, tag, c.CreatedAt.UnixMicro(), c.CreatedBy}})
	if err != nil {
		return fmt.Errorf("add compartment %s: %w", c.ID, err)
	}
	return nil
}

// Compartments gives the compartments of the scope by name.
func (tx *Tx) Compartments(ctx context.Context, s archive.Scope) ([]archive.Compartment, error) {
	var p part
	p.add(`SELECT id, name, created_at, created_by FROM compartment WHERE 1 = 1`)
	withinCatalogue(&p, s, "id")
	p.add(` ORDER BY name, id`)
	return all(ctx, tx, func(s scanner) (c archive.Compartment, err error) {
		err = s.Scan(&c.ID, &c.Name, at{&c.CreatedAt}, &c.CreatedBy)
		return c, err
	}, p.text.String(), p.args...)
}

// CompartmentTag gives what stands in the codes of a compartment, "" for the common one; archive.ErrNotFound. It does not ask who may know.
func (tx *Tx) CompartmentTag(ctx context.Context, id string) (string, error) {
	if id == archive.Common {
		return "", nil
	}
	return one(ctx, tx, value[string], `SELECT tag FROM compartment WHERE id = $1`, id)
}

// Terms gives the terms that this archive added or changed; all vocabularies if the name is empty.
func (tx *Tx) Terms(ctx context.Context, vocabulary string) ([]archive.Term, error) {
	var p part
	p.add(`SELECT vocabulary, code, parent, ordinal, retired, labels, notes FROM term WHERE 1 = 1`).addIf(vocabulary != "", ` AND vocabulary = ?`, vocabulary)
	p.add(` ORDER BY vocabulary, ordinal, code`)
	return all(ctx, tx, func(s scanner) (t archive.Term, err error) {
		var retired int64
		var labels, notes string
		if err = s.Scan(&t.Vocabulary, &t.Code, &t.Parent, &t.Order, &retired, &labels, &notes); err != nil {
			return t, err
		}
		t.Retired = retired != 0
		if json.Unmarshal([]byte(labels), &t.Labels) != nil || json.Unmarshal([]byte(notes), &t.Notes) != nil {
			return t, fmt.Errorf("term %s: %w", t.Code, archive.ErrIntegrity)
		}
		return t, nil
	}, p.text.String(), p.args...)
}

// PutTerm adds a term or changes it.
func (tx *Tx) PutTerm(ctx context.Context, t archive.Term, by string, when time.Time) error {
	labels, err := json.Marshal(t.Labels)
	notes, nerr := json.Marshal(t.Notes)
	if err := errors.Join(err, nerr); err != nil {
		return fmt.Errorf("put term: %w", err)
	}
	_, err = tx.exec(ctx, `INSERT INTO term (vocabulary, code, parent, ordinal, retired, labels, notes, changed_at, changed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (vocabulary, code) DO UPDATE SET parent = excluded.parent, ordinal = excluded.ordinal, retired = excluded.retired, labels = excluded.labels,
		notes = excluded.notes, changed_at = excluded.changed_at, changed_by = excluded.changed_by`,
		t.Vocabulary, t.Code, t.Parent, t.Order, flag(t.Retired), string(labels), string(notes), when.UnixMicro(), by)
	if err != nil {
		return fmt.Errorf("put term: %w", err)
	}
	return nil
}

// eraseClaims takes out what was said on the strength of an item. A claim that rests on it alone, or names it, loses its words and counts as
// taken back by nobody, so that it cannot come again; one that rests on other things too loses this source, with the place in the item.
// Findings about the same property of the same entity may quote it, so they go. Returns the claims that lost their words.
func (tx *Tx) eraseClaims(ctx context.Context, item string) ([]string, error) {
	const alone = `SELECT c.id FROM claim c WHERE c.item_id = $1 OR EXISTS (SELECT 1 FROM claim_source s WHERE s.claim_id = c.id AND s.item_id = $2)
		AND NOT EXISTS (SELECT 1 FROM claim_source o WHERE o.claim_id = c.id AND (o.item_id IS NULL OR o.item_id <> $3)) ORDER BY c.id`
	gone, err := all(ctx, tx, value[string], alone, item, item, item)
	if err != nil {
		return nil, err
	}
	touched := `SELECT claim_id FROM claim_source WHERE item_id = $1`
	if _, err := tx.exec(ctx, `DELETE FROM finding WHERE EXISTS (SELECT 1 FROM claim c WHERE c.entity_id = finding.entity_id AND c.property = finding.property AND c.id IN (`+touched+`))`, item); err != nil {
		return nil, err
	}
	for _, id := range gone {
		if _, err := tx.exec(ctx, `DELETE FROM claim_key WHERE claim_id = $1`, id); err != nil {
			return nil, err
		}
		_, err := tx.exec(ctx, `UPDATE claim SET value = '', lang = '', note = '', reason = '', ref_id = NULL, item_id = NULL, earliest = NULL, latest = NULL,
			retracted_at = COALESCE(retracted_at, $1), retracted_by = '', replaced = '' WHERE id = $2`, tx.Now().UnixMicro(), id)
		if err != nil {
			return nil, err
		}
	}
	if _, err := tx.exec(ctx, `DELETE FROM claim_source WHERE item_id = $1`, item); err != nil {
		return nil, err
	}
	return gone, nil
}
