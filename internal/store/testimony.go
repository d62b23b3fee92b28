package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
)

const passageColumns = `passage.id, passage.testimony_id, passage.ordinal, passage.heading, passage.text, passage.lang, passage.item_id, passage.from_us, passage.to_us,
	passage.page, passage.created_at, passage.created_by, passage.replaced, passage.removed_at`

func scanPassage(s scanner) (p archive.Passage, err error) {
	var from, to int64
	err = s.Scan(&p.ID, &p.Testimony, &p.Ordinal, &p.Heading, &p.Text, &p.Lang, str{&p.Item}, &from, &to, &p.Page, at{&p.CreatedAt}, &p.CreatedBy,
		str{&p.Replaced}, at{&p.RemovedAt})
	p.From, p.To = time.Duration(from)*time.Microsecond, time.Duration(to)*time.Microsecond
	return p, err
}

const consentColumns = `consent.id, consent.testimony_id, consent.purpose, consent.audience, consent.until_at, consent.how, consent.item_id, consent.note,
	consent.given_at, consent.author, consent.withdrawn_at, consent.withdrawn_by, consent.reason`

func scanConsent(s scanner) (c archive.Consent, err error) {
	err = s.Scan(&c.ID, &c.Testimony, &c.Purpose, &c.Audience, at{&c.Until}, &c.How, str{&c.Item}, &c.Note, at{&c.GivenAt}, &c.Author,
		at{&c.WithdrawnAt}, str{&c.WithdrawnBy}, &c.Reason)
	return c, err
}

// ofTestimony adds the access rule to a query over rows that hang on a testimony: the testimony is seen. table names the rows.
func ofTestimony(p *part, s archive.Scope, table string) {
	p.add(` AND EXISTS (SELECT 1 FROM entity WHERE entity.id = ` + table + `.testimony_id AND entity.kind = 'testimony'`)
	withinCatalogue(p, s, "entity.compartment")
	p.add(`)`)
}

// seenItem adds that the item a row names lies within the scope, or that it names none.
func seenItem(p *part, s archive.Scope, column string) {
	p.add(` AND (` + column + ` IS NULL OR (1 = 1`)
	withinItem(p, s, column)
	p.add(`))`)
}

// AddPassages adds passages as they are; archive.ErrExists if a testimony has one at that ordinal. Whether the testimony may be written
// to is for the caller.
func (tx *Tx) AddPassages(ctx context.Context, passages ...archive.Passage) error {
	rows := make([][]any, 0, len(passages))
	for _, p := range passages {
		if err := archive.CheckID(archive.PrefixPassage, p.ID); err != nil {
			return err
		}
		if strings.TrimSpace(p.Text) == "" || p.Ordinal < 1 || p.From < 0 || p.To < p.From || p.Page < 0 {
			return fmt.Errorf("add passage %s: %w: it needs words, a place and a span that goes forward", p.ID, archive.ErrInvalid)
		}
		rows = append(rows, []any{p.ID, p.Testimony, p.Ordinal, p.Heading, p.Text, p.Lang, text(p.Item), p.From.Microseconds(), p.To.Microseconds(), p.Page,
			p.CreatedAt.UnixMicro(), p.CreatedBy})
	}
	if err := tx.insert(ctx, "passage", `id, testimony_id, ordinal, heading, text, lang, item_id, from_us, to_us, page, created_at, created_by`, rows); err != nil {
		return fmt.Errorf("add passages: %w", err)
	}
	return nil
}

// NextPassage is the ordinal of the next passage of a testimony. Ordinals of passages that were set aside are not given again.
func (tx *Tx) NextPassage(ctx context.Context, testimony string) (int, error) {
	n, err := one(ctx, tx, value[int64], `SELECT COALESCE(MAX(ordinal), 0) + 1 FROM passage WHERE testimony_id = $1`, testimony)
	return int(n), err
}

// Passages gives the passages of testimonies that a reader sees, by their place; with past also those that were replaced or set aside.
func (tx *Tx) Passages(ctx context.Context, s archive.Scope, past bool, testimonies ...string) ([]archive.Passage, error) {
	if len(testimonies) == 0 {
		return nil, nil
	}
	var p part
	p.add(`SELECT `+passageColumns+` FROM passage WHERE erased_at IS NULL`).addIf(!past, ` AND removed_at IS NULL`)
	in(&p, "passage.testimony_id", testimonies)
	ofTestimony(&p, s, "passage")
	seenItem(&p, s, "passage.item_id")
	p.add(` ORDER BY passage.testimony_id, passage.ordinal, passage.created_at, passage.id`)
	return all(ctx, tx, scanPassage, p.text.String(), p.args...)
}

// PassagesByID gives those of the passages that a reader sees, replaced ones too, in no order.
func (tx *Tx) PassagesByID(ctx context.Context, s archive.Scope, ids ...string) ([]archive.Passage, error) {
	var out []archive.Passage
	for chunk := range slices.Chunk(ids, 250) {
		var p part
		p.add(`SELECT ` + passageColumns + ` FROM passage WHERE erased_at IS NULL`)
		in(&p, "passage.id", chunk)
		ofTestimony(&p, s, "passage")
		seenItem(&p, s, "passage.item_id")
		found, err := all(ctx, tx, scanPassage, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

// Passage gives one passage that a reader sees; archive.ErrNotFound.
func (tx *Tx) Passage(ctx context.Context, s archive.Scope, id string) (archive.Passage, error) {
	found, err := tx.PassagesByID(ctx, s, id)
	if err == nil && len(found) == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return archive.Passage{}, err
	}
	return found[0], nil
}

// RemovePassage sets a passage aside; it stays for those who cite it. With replaced, that passage takes its place: add it afterwards, in
// the same transaction. archive.ErrConflict if it was set aside before.
func (tx *Tx) RemovePassage(ctx context.Context, id, replaced, by string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE passage SET removed_at = $1, removed_by = $2, replaced = $3 WHERE id = $4 AND removed_at IS NULL`, us(when), by, text(replaced), id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("set passage %s aside: %w", id, err)
	}
	return nil
}

// AddConsents adds consents that stand. Author wrote them down at written.
func (tx *Tx) AddConsents(ctx context.Context, written time.Time, consents ...archive.Consent) error {
	rows := make([][]any, 0, len(consents))
	for _, c := range consents {
		if err := archive.CheckID(archive.PrefixConsent, c.ID); err != nil {
			return err
		}
		if c.Purpose == "" || c.Audience == "" || c.GivenAt.IsZero() || !c.WithdrawnAt.IsZero() || !c.Until.IsZero() && !c.Until.After(c.GivenAt) {
			return fmt.Errorf("add consent %s: %w: it needs a purpose, an audience, a time and an end after that", c.ID, archive.ErrInvalid)
		}
		rows = append(rows, []any{c.ID, c.Testimony, c.Purpose, c.Audience, us(c.Until), c.How, text(c.Item), c.Note, c.GivenAt.UnixMicro(), written.UnixMicro(), c.Author})
	}
	if err := tx.insert(ctx, "consent", `id, testimony_id, purpose, audience, until_at, how, item_id, note, given_at, created_at, author`, rows); err != nil {
		return fmt.Errorf("add consents: %w", err)
	}
	return nil
}

// Consents gives the consents of testimonies that a reader sees, those taken back too, in the order in which they were given. The paper or
// recording of one is named only if it lies within the scope.
func (tx *Tx) Consents(ctx context.Context, s archive.Scope, testimonies ...string) ([]archive.Consent, error) {
	var out []archive.Consent
	for chunk := range slices.Chunk(testimonies, 250) {
		var p part
		p.add(`SELECT ` + consentColumns + ` FROM consent WHERE 1 = 1`)
		in(&p, "consent.testimony_id", chunk)
		ofTestimony(&p, s, "consent")
		p.add(` ORDER BY consent.testimony_id, consent.given_at, consent.id`)
		found, err := all(ctx, tx, scanConsent, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	var items []string
	for _, c := range out {
		if c.Item != "" {
			items = append(items, c.Item)
		}
	}
	seen, err := tx.seenItems(ctx, s, items)
	if err != nil {
		return nil, err
	}
	for i, c := range out {
		if !seen[c.Item] {
			out[i].Item = ""
		}
	}
	return out, nil
}

// seenItems says which of some items a reader sees.
func (tx *Tx) seenItems(ctx context.Context, s archive.Scope, items []string) (map[string]bool, error) {
	out := map[string]bool{}
	for chunk := range slices.Chunk(items, 250) {
		var p part
		p.add(`SELECT wanted.id FROM item wanted WHERE 1 = 1`)
		in(&p, "wanted.id", chunk)
		seenItem(&p, s, "wanted.id")
		found, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			out[id] = true
		}
	}
	return out, nil
}

// AllConsents gives every consent of testimonies, whoever asks: for deciding what may leave the archive, and never for showing.
func (tx *Tx) AllConsents(ctx context.Context, testimonies ...string) ([]archive.Consent, error) {
	return tx.Consents(ctx, archive.Scope{AllCompartments: true}, testimonies...)
}

// WithdrawConsents takes consents back; archive.ErrConflict if one was taken back before, and then none is.
func (tx *Tx) WithdrawConsents(ctx context.Context, ids []string, by, reason string, when time.Time) error {
	var p part
	p.add(`UPDATE consent SET withdrawn_at = ?, withdrawn_by = ?, reason = ? WHERE withdrawn_at IS NULL`, us(when), by, reason)
	in(&p, "id", ids)
	p.addIf(len(ids) == 0, " AND 1 = 0")
	n, err := tx.exec(ctx, p.text.String(), p.args...)
	if err == nil && n != int64(len(ids)) {
		err = tx.fail(fmt.Errorf("%w: taken back before", archive.ErrConflict))
	}
	if err != nil {
		return fmt.Errorf("withdraw consents: %w", err)
	}
	return nil
}

// Identity is the sealed record of who stands behind an entity.
type Identity struct {
	Entity    string
	Sealed    []byte
	Version   int64 // from 1; it is sealed for this one
	ChangedAt time.Time
	ChangedBy string
}

// Identity gives the sealed record of an entity; archive.ErrNotFound.
func (tx *Tx) Identity(ctx context.Context, entity string) (Identity, error) {
	return one(ctx, tx, func(s scanner) (i Identity, err error) {
		err = s.Scan(&i.Entity, &i.Sealed, &i.Version, at{&i.ChangedAt}, &i.ChangedBy)
		return i, err
	}, `SELECT entity_id, sealed, version, changed_at, changed_by FROM identity WHERE entity_id = $1`, entity)
}

// CountIdentities is how many records there are.
func (tx *Tx) CountIdentities(ctx context.Context) (int64, error) {
	return one(ctx, tx, value[int64], `SELECT COUNT(*) FROM identity`)
}

// PutIdentity adds the record of an entity (Version 1) or puts it in the place of the one before (Version); archive.ErrConflict if
// somebody else did meanwhile.
func (tx *Tx) PutIdentity(ctx context.Context, i Identity) error {
	var n int64
	var err error
	if i.Version == 1 {
		n, err = tx.exec(ctx, `INSERT INTO identity (entity_id, sealed, version, changed_at, changed_by) VALUES ($1, $2, 1, $3, $4) ON CONFLICT (entity_id) DO NOTHING`,
			i.Entity, i.Sealed, us(i.ChangedAt), i.ChangedBy)
	} else {
		n, err = tx.exec(ctx, `UPDATE identity SET sealed = $1, version = $2, changed_at = $3, changed_by = $4 WHERE entity_id = $5 AND version = $6`,
			i.Sealed, i.Version, us(i.ChangedAt), i.ChangedBy, i.Entity, i.Version-1)
	}
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("keep identity of %s: %w", i.Entity, err)
	}
	return nil
}

// DropIdentity destroys the record of an entity and the reasons of everything that was done with it; archive.ErrNotFound. Purge makes
// it leave the files of the database.
func (tx *Tx) DropIdentity(ctx context.Context, entity string) error {
	n, err := tx.exec(ctx, `DELETE FROM identity WHERE entity_id = $1`, entity)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err == nil {
		_, err = tx.exec(ctx, `UPDATE identity_act SET reason = $1 WHERE entity_id = $2`, []byte{}, entity)
	}
	if err != nil {
		return fmt.Errorf("erase identity of %s: %w", entity, err)
	}
	return nil
}

// Acts on identities.
const (
	IdentityWritten = "written"
	IdentityOpened  = "opened"
	IdentityErased  = "erased"
)

// IdentityAct is one act on the identity of an entity. Reason is sealed for Event.
type IdentityAct struct {
	Event  string // of the custody record
	Entity string
	Act    string
	Reason []byte
	At     time.Time
	Agent  string
}

// AddIdentityAct notes an act.
func (tx *Tx) AddIdentityAct(ctx context.Context, a IdentityAct) error {
	err := tx.insert(ctx, "identity_act", `event_id, entity_id, act, reason, at, agent`, [][]any{{a.Event, a.Entity, a.Act, some(a.Reason), us(a.At), a.Agent}})
	if err != nil {
		return fmt.Errorf("note act on identity of %s: %w", a.Entity, err)
	}
	return nil
}

// IdentityActs gives what was done with the identity of an entity, oldest first.
func (tx *Tx) IdentityActs(ctx context.Context, entity string) ([]IdentityAct, error) {
	return all(ctx, tx, func(s scanner) (a IdentityAct, err error) {
		err = s.Scan(&a.Event, &a.Entity, &a.Act, &a.Reason, at{&a.At}, &a.Agent)
		return a, err
	}, `SELECT event_id, entity_id, act, reason, at, agent FROM identity_act WHERE entity_id = $1 ORDER BY at, event_id`, entity)
}

// Export is one thing that left the archive.
type Export struct {
	ID       string
	Kind     string // "ftm", "huridocs", "geojson"…
	Purpose  string
	Audience string
	At       time.Time
	By       string // agent
	LeftOut  int64  // how many things were left out for want of consent
	Entries  []ExportEntry
}

// ExportEntry is one thing that an export contains.
type ExportEntry struct{ Kind, ID string }

// Kinds of entries.
const (
	EntryEntity  = "entity"
	EntryClaim   = "claim"
	EntryPassage = "passage"
	EntryItem    = "item"
	EntryClip    = "clip"
	EntryNote    = "note"
)

// AddExport writes an export into the ledger, with everything that it contains. An entry given twice counts once.
func (tx *Tx) AddExport(ctx context.Context, e Export) error {
	fail := func(err error) error { return fmt.Errorf("note export %s: %w", e.ID, err) }
	if err := archive.CheckID(archive.PrefixExport, e.ID); err != nil {
		return fail(err)
	}
	if e.Kind == "" || e.Purpose == "" || e.Audience == "" || e.By == "" || e.At.IsZero() {
		return fail(fmt.Errorf("%w: kind, purpose, audience, time and agent are needed", archive.ErrInvalid))
	}
	if err := tx.insert(ctx, "export", `id, kind, purpose, audience, at, agent, left_out`, [][]any{{e.ID, e.Kind, e.Purpose, e.Audience, us(e.At), e.By, e.LeftOut}}); err != nil {
		return fail(err)
	}
	entries := slices.Clone(e.Entries)
	slices.SortFunc(entries, func(a, b ExportEntry) int {
		return strings.Compare(a.Kind+"\x00"+a.ID, b.Kind+"\x00"+b.ID)
	})
	entries = slices.Compact(entries)
	rows := make([][]any, len(entries))
	for i, x := range entries {
		rows[i] = []any{e.ID, x.Kind, x.ID}
	}
	if err := tx.insert(ctx, "export_entry", `export_id, kind, ref`, rows); err != nil {
		return fail(err)
	}
	return nil
}

// ExportsWith gives the exports that contain one of some things, oldest first, each with those of the things that it contains.
func (tx *Tx) ExportsWith(ctx context.Context, refs ...string) ([]Export, error) {
	found := map[string]*Export{}
	for chunk := range slices.Chunk(refs, 250) {
		var p part
		p.add(`SELECT export.id, export.kind, export.purpose, export.audience, export.at, export.agent, export.left_out, export_entry.kind, export_entry.ref
			FROM export_entry JOIN export ON export.id = export_entry.export_id WHERE 1 = 1`)
		in(&p, "export_entry.ref", chunk)
		rows, err := all(ctx, tx, func(s scanner) (e Export, err error) {
			e.Entries = make([]ExportEntry, 1)
			err = s.Scan(&e.ID, &e.Kind, &e.Purpose, &e.Audience, at{&e.At}, &e.By, &e.LeftOut, &e.Entries[0].Kind, &e.Entries[0].ID)
			return e, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, e := range rows {
			if f := found[e.ID]; f != nil {
				f.Entries = append(f.Entries, e.Entries...)
				continue
			}
			found[e.ID] = &e
		}
	}
	out := make([]Export, 0, len(found))
	for _, e := range found {
		slices.SortFunc(e.Entries, func(a, b ExportEntry) int { return strings.Compare(a.Kind+"\x00"+a.ID, b.Kind+"\x00"+b.ID) })
		out = append(out, *e)
	}
	slices.SortFunc(out, func(a, b Export) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// eraseTestimonyOfItem takes out of testimony what came from an item: the words of passages that were spoken or written in it, and where
// the paper of a consent lies. The consent itself stays: that it was given is not the item's. What search knows of the passages goes with
// everything else that it knows of the item.
func (tx *Tx) eraseTestimonyOfItem(ctx context.Context, item string) error {
	if _, err := tx.exec(ctx, `UPDATE passage SET text = '', item_id = NULL, from_us = 0, to_us = 0, page = 0, erased_at = $1 WHERE item_id = $2`,
		tx.Now().UnixMicro(), item); err != nil {
		return err
	}
	_, err := tx.exec(ctx, `UPDATE consent SET item_id = NULL WHERE item_id = $1`, item)
	return err
}

// Together gives the testimonies that are one with a testimony by merges, itself among them, sorted. Only those that the reader sees count,
// and a way that leads through one that is not seen ends there.
func (tx *Tx) Together(ctx context.Context, s archive.Scope, id string) ([]string, error) {
	found := []string{id}
	for i := 0; i < len(found); i++ {
		var p part
		p.add(`SELECT entity.id FROM entity WHERE (entity.merged_into = ? OR entity.id = (SELECT merged_into FROM entity me WHERE me.id = ?))`, found[i], found[i])
		withinCatalogue(&p, s, "entity.compartment")
		next, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, n := range next {
			if !slices.Contains(found, n) {
				found = append(found, n)
			}
		}
	}
	slices.Sort(found)
	return found, nil
}

// TestimoniesOfItems gives for each item the testimonies that were spoken or written in it, whoever may see them.
func (tx *Tx) TestimoniesOfItems(ctx context.Context, items ...string) (map[string][]string, error) {
	out := map[string][]string{}
	for chunk := range slices.Chunk(items, 250) {
		var p part
		p.add(`SELECT DISTINCT passage.item_id, passage.testimony_id FROM passage WHERE passage.item_id IS NOT NULL`)
		in(&p, "passage.item_id", chunk)
		p.add(` ORDER BY 1, 2`)
		found, err := all(ctx, tx, pair, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			out[f[0]] = append(out[f[0]], f[1])
		}
	}
	return out, nil
}

// TestimoniesOfPassages gives for each passage the testimony that it belongs to, whoever may see it.
func (tx *Tx) TestimoniesOfPassages(ctx context.Context, passages ...string) (map[string]string, error) {
	out := map[string]string{}
	for chunk := range slices.Chunk(passages, 250) {
		var p part
		p.add(`SELECT passage.id, passage.testimony_id FROM passage WHERE 1 = 1`)
		in(&p, "passage.id", chunk)
		found, err := all(ctx, tx, pair, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			out[f[0]] = f[1]
		}
	}
	return out, nil
}

// AreTestimonies says which of some entities are testimonies, whoever may see them.
func (tx *Tx) AreTestimonies(ctx context.Context, entities ...string) (map[string]bool, error) {
	out := map[string]bool{}
	for chunk := range slices.Chunk(entities, 250) {
		var p part
		p.add(`SELECT entity.id FROM entity WHERE entity.kind = 'testimony'`)
		in(&p, "entity.id", chunk)
		found, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			out[id] = true
		}
	}
	return out, nil
}

// ItemsOfTestimonies gives the items that passages of testimonies were spoken or written in, set aside or not, as far as a reader sees them.
func (tx *Tx) ItemsOfTestimonies(ctx context.Context, s archive.Scope, testimonies ...string) ([]string, error) {
	if len(testimonies) == 0 {
		return nil, nil
	}
	var p part
	p.add(`SELECT DISTINCT passage.item_id FROM passage WHERE passage.item_id IS NOT NULL`)
	in(&p, "passage.testimony_id", testimonies)
	ofTestimony(&p, s, "passage")
	seenItem(&p, s, "passage.item_id")
	p.add(` ORDER BY 1`)
	return all(ctx, tx, value[string], p.text.String(), p.args...)
}

// ClipOfItem is a clip with an item that it was cut from.
type ClipOfItem struct {
	Clip
	Item string
}

// ClipsOfItems gives the clips that were cut from items, oldest first, by what the custody record says of each.
func (tx *Tx) ClipsOfItems(ctx context.Context, items ...string) ([]ClipOfItem, error) {
	var out []ClipOfItem
	for chunk := range slices.Chunk(items, 250) {
		var p part
		p.add(`SELECT DISTINCT clip.id, clip.statement_id, clip.scope_statement_id, clip.number, clip.released_ms, clip.sha256, clip.bytes, clip.milliseconds,
			clip.object_id, clip.envelope_id, clip.created_at, cut.subject_id
			FROM custody_subject cut JOIN custody_opening o ON o.position = cut.position AND o.type = 'dissemination'
			JOIN custody_subject made ON made.position = cut.position AND made.kind = 'object' JOIN clip ON clip.object_id = made.subject_id
			WHERE cut.kind = 'item' AND cut.role = 'source'`)
		in(&p, "cut.subject_id", chunk)
		p.add(` ORDER BY clip.created_at, clip.id, cut.subject_id`)
		found, err := all(ctx, tx, func(s scanner) (c ClipOfItem, err error) {
			err = s.Scan(&c.ID, &c.Statement, &c.Scope, &c.Number, &c.ReleasedMS, b32{&c.SHA256}, &c.Bytes, &c.Milliseconds,
				&c.Object.Object, &c.Object.Envelope, at{&c.CreatedAt}, &c.Item)
			return c, err
		}, p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return out, nil
}

func pair(s scanner) (p [2]string, err error) {
	err = s.Scan(&p[0], &p[1])
	return p, err
}
