package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
)

// Release is the row of a release.
type Release struct {
	ID        string
	Slug      string // unique; ID until it was first published
	Head      int    // newest version
	Number    int    // newest publication; 0: none
	Withdrawn bool
	DueAt     time.Time // somebody asked for it to be published then; zero: nobody did
	DueBy     string
	CreatedAt time.Time
	CreatedBy string
	ChangedAt time.Time
}

// ReleaseVersion is one version of what was written. Body is kept as it is.
type ReleaseVersion struct {
	Release     string
	Version     int // from 1, without holes
	Body        []byte
	SHA256      [32]byte
	Plan        string
	PlanVersion int
	Author      string
	At          time.Time
	Note        string
}

// Acts on a release.
const (
	ReleaseSigned    = "signed"
	ReleaseScheduled = "scheduled"
	ReleasePublished = "published"
	ReleaseCorrect   = "correct"
	ReleaseWithdrawn = "withdrawn"
)

// ReleaseAct is what somebody did with a release. ID is that of the custody event.
type ReleaseAct struct {
	ID      string
	Release string
	Version int
	Act     string
	Digest  []byte // of everything that was agreed to: 32 bytes for ReleaseSigned, nil otherwise
	At      time.Time
	Agent   string
	Note    string
}

// ReleasePublication is what went out.
type ReleasePublication struct {
	Release      string
	Number       int // from 1, without holes
	Version      int
	Clip         string
	Document     []byte // release.json
	Proof, Scope []byte // proof.json, scope.json
	SHA256       [32]byte
	At           time.Time
	Agent        string
	SignedBy     string
	Tombstone    []byte // release.json since it was withdrawn; nil before
	WithdrawnAt  time.Time
	WithdrawnBy  string
	PlacedAt     time.Time // zero while the folder does not hold what it should
}

const releaseColumns = `release.id, release.slug, release.head, release.number, release.withdrawn, release.due_at, release.due_by, release.created_at,
	release.created_by, release.changed_at`

func scanRelease(s scanner) (r Release, err error) {
	var withdrawn int64
	err = s.Scan(&r.ID, &r.Slug, &r.Head, &r.Number, &withdrawn, at{&r.DueAt}, str{&r.DueBy}, at{&r.CreatedAt}, &r.CreatedBy, at{&r.ChangedAt})
	r.Withdrawn = withdrawn != 0
	return r, err
}

// withinRelease narrows to releases of which every item lies within the scope. An item that was erased counts as it did before: a release of
// it must still be found, to be withdrawn.
func withinRelease(p *part, s archive.Scope) {
	p.add(` AND NOT EXISTS (SELECT 1 FROM release_item shown WHERE shown.release_id = release.id AND NOT EXISTS (SELECT 1 FROM item held WHERE held.id = shown.item_id`)
	within(p, s, func(c string) string {
		if c == "state" {
			return `(CASE WHEN held.state = 'erased' THEN 'ready' ELSE held.state END)`
		}
		return "held." + c
	})
	p.add(`))`)
}

// AddRelease adds a release with its first version; archive.ErrExists if the slug is taken.
func (tx *Tx) AddRelease(ctx context.Context, r Release, v ReleaseVersion, items []string) error {
	if err := archive.CheckID(archive.PrefixRelease, r.ID); err != nil {
		return err
	}
	if r.Slug == "" || v.Release != r.ID || v.Version != 1 {
		return fmt.Errorf("add release %s: %w: it needs a slug and a first version", r.ID, archive.ErrInvalid)
	}
	if err := tx.insert(ctx, "release", `id, slug, head, number, withdrawn, created_at, created_by, changed_at`,
		[][]any{{r.ID, r.Slug, 1, 0, 0, r.CreatedAt.UnixMicro(), r.CreatedBy, r.CreatedAt.UnixMicro()}}); err != nil {
		return fmt.Errorf("add release %s: %w", r.ID, err)
	}
	return tx.addReleaseVersion(ctx, v, items)
}

func (tx *Tx) addReleaseVersion(ctx context.Context, v ReleaseVersion, items []string) error {
	fail := func(err error) error { return fmt.Errorf("add version %d of %s: %w", v.Version, v.Release, err) }
	if err := tx.insert(ctx, "release_version", `release_id, version, body, sha256, plan_id, plan_version, author, at, note`,
		[][]any{{v.Release, v.Version, v.Body, v.SHA256[:], v.Plan, v.PlanVersion, v.Author, v.At.UnixMicro(), v.Note}}); err != nil {
		return fail(err)
	}
	for _, item := range distinct(items) {
		if _, err := tx.exec(ctx, `INSERT INTO release_item (release_id, item_id) VALUES ($1, $2) ON CONFLICT (release_id, item_id) DO NOTHING`, v.Release, item); err != nil {
			return fail(err)
		}
	}
	return nil
}

// AddReleaseVersion adds the next version of a release; archive.ErrConflict if it is not the next one. What was to be published by itself is
// not any more.
func (tx *Tx) AddReleaseVersion(ctx context.Context, v ReleaseVersion, items []string) error {
	n, err := tx.exec(ctx, `UPDATE release SET head = $1, due_at = NULL, due_by = NULL, changed_at = $2 WHERE id = $3 AND head = $4 AND withdrawn = 0`,
		v.Version, us(v.At), v.Release, v.Version-1)
	if err == nil && n == 0 {
		err = tx.fail(archive.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("add version %d of %s: %w", v.Version, v.Release, err)
	}
	return tx.addReleaseVersion(ctx, v, items)
}

// SlugTaken says whether another release that was ever published has a name. What was not published has none that others could run into: else
// whoever chose one would learn what they may not see.
func (tx *Tx) SlugTaken(ctx context.Context, id, slug string) (bool, error) {
	n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM release WHERE slug = $1 AND id <> $2 AND number > 0`, slug, id)
	return n > 0, err
}

// NameRelease gives a release that is about to be published its name; archive.ErrExists if another one that was published has it.
func (tx *Tx) NameRelease(ctx context.Context, id, slug string) error {
	// Rows of earlier versions of the program had their names as drafts.
	_, err := tx.exec(ctx, `UPDATE release SET slug = id WHERE slug = $1 AND id <> $2 AND number = 0`, slug, id)
	var n int64
	if err == nil {
		n, err = tx.exec(ctx, `UPDATE release SET slug = $1 WHERE id = $2 AND number = 0`, slug, id)
	}
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("name release %s: %w", id, err)
	}
	return nil
}

// Release gives a release by identifier or slug that a reader sees; archive.ErrNotFound.
func (tx *Tx) Release(ctx context.Context, s archive.Scope, id string) (Release, error) {
	if seesNothing(s) {
		return Release{}, archive.ErrNotFound
	}
	var p part
	p.add(`SELECT `+releaseColumns+` FROM release WHERE (release.id = ? OR release.slug = ?)`, id, id)
	withinRelease(&p, s)
	return one(ctx, tx, scanRelease, p.text.String(), p.args...)
}

// LockRelease holds a release until the transaction ends, so that two people do not decide about it at the same time; archive.ErrNotFound.
func (tx *Tx) LockRelease(ctx context.Context, id string) error {
	n, err := tx.exec(ctx, `UPDATE release SET changed_at = changed_at WHERE id = $1`, id)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("hold release %s: %w", id, err)
	}
	return nil
}

// Releases gives all releases that a reader sees, the last changed first.
func (tx *Tx) Releases(ctx context.Context, s archive.Scope) ([]Release, error) {
	if seesNothing(s) {
		return nil, nil
	}
	var p part
	p.add(`SELECT ` + releaseColumns + ` FROM release WHERE 1 = 1`)
	withinRelease(&p, s)
	p.add(` ORDER BY release.changed_at DESC, release.id`)
	return all(ctx, tx, scanRelease, p.text.String(), p.args...)
}

// DueReleases gives the releases that somebody asked to be published by when.
func (tx *Tx) DueReleases(ctx context.Context, when time.Time) ([]Release, error) {
	return all(ctx, tx, scanRelease, `SELECT `+releaseColumns+` FROM release WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at, id`, us(when))
}

// SetReleaseDue asks for a release to be published at a moment, or, with a zero one, not any more; archive.ErrNotFound.
func (tx *Tx) SetReleaseDue(ctx context.Context, id string, due time.Time, by string, when time.Time) error {
	if due.IsZero() {
		by = ""
	}
	n, err := tx.exec(ctx, `UPDATE release SET due_at = $1, due_by = $2, changed_at = $3 WHERE id = $4`, us(due), text(by), us(when), id)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("set release %s due: %w", id, err)
	}
	return nil
}

// ReleaseItems gives the items that versions of a release show.
func (tx *Tx) ReleaseItems(ctx context.Context, id string) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT item_id FROM release_item WHERE release_id = $1 ORDER BY item_id`, id)
}

// ReleasesOfItems gives the identifiers of the releases that show one of some items, whoever may see them.
func (tx *Tx) ReleasesOfItems(ctx context.Context, items ...string) ([]string, error) {
	var out []string
	for chunk := range slices.Chunk(items, 250) {
		var p part
		p.add(`SELECT DISTINCT release_id FROM release_item WHERE 1 = 1`)
		in(&p, "item_id", chunk)
		p.add(` ORDER BY release_id`)
		found, err := all(ctx, tx, value[string], p.text.String(), p.args...)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	return distinct(out), nil
}

func scanReleaseVersion(s scanner) (v ReleaseVersion, err error) {
	var sum []byte
	err = s.Scan(&v.Release, &v.Version, &v.Body, &sum, &v.Plan, &v.PlanVersion, &v.Author, at{&v.At}, &v.Note)
	copy(v.SHA256[:], sum)
	return v, err
}

// ReleaseVersions gives the versions of a release, oldest first. Whether it is seen is for the caller.
func (tx *Tx) ReleaseVersions(ctx context.Context, id string) ([]ReleaseVersion, error) {
	return all(ctx, tx, scanReleaseVersion, `SELECT release_id, version, body, sha256, plan_id, plan_version, author, at, note FROM release_version
		WHERE release_id = $1 ORDER BY version`, id)
}

// ReleaseVersion gives one version; archive.ErrNotFound.
func (tx *Tx) ReleaseVersion(ctx context.Context, id string, version int) (ReleaseVersion, error) {
	return one(ctx, tx, scanReleaseVersion, `SELECT release_id, version, body, sha256, plan_id, plan_version, author, at, note FROM release_version
		WHERE release_id = $1 AND version = $2`, id, version)
}

// AddReleaseAct adds an act: ErrInsertOnly if an author would sign.
func (tx *Tx) AddReleaseAct(ctx context.Context, a ReleaseAct) error {
	var digest any
	if a.Digest != nil {
		digest = a.Digest
	}
	if err := tx.insert(ctx, "release_act", `id, release_id, version, act, digest, at, agent, note`,
		[][]any{{a.ID, a.Release, a.Version, a.Act, digest, a.At.UnixMicro(), a.Agent, a.Note}}); err != nil {
		return fmt.Errorf("note what was done with %s: %w", a.Release, err)
	}
	_, err := tx.exec(ctx, `UPDATE release SET changed_at = $1 WHERE id = $2 AND changed_at < $3`, us(a.At), a.Release, us(a.At))
	return err
}

// ReleaseActs gives the acts on a release, oldest first.
func (tx *Tx) ReleaseActs(ctx context.Context, id string) ([]ReleaseAct, error) {
	return all(ctx, tx, func(s scanner) (a ReleaseAct, err error) {
		err = s.Scan(&a.ID, &a.Release, &a.Version, &a.Act, &a.Digest, at{&a.At}, &a.Agent, &a.Note)
		return a, err
	}, `SELECT id, release_id, version, act, digest, at, agent, note FROM release_act WHERE release_id = $1 ORDER BY at, id`, id)
}

const releasePublicationColumns = `release_id, number, version, clip_id, document, proof, scope, sha256, at, agent, signed_by, tombstone, withdrawn_at, withdrawn_by, placed_at`

func scanReleasePublication(s scanner) (p ReleasePublication, err error) {
	var sum []byte
	err = s.Scan(&p.Release, &p.Number, &p.Version, &p.Clip, &p.Document, &p.Proof, &p.Scope, &sum, at{&p.At}, &p.Agent, &p.SignedBy, &p.Tombstone,
		at{&p.WithdrawnAt}, str{&p.WithdrawnBy}, at{&p.PlacedAt})
	copy(p.SHA256[:], sum)
	return p, err
}

// AddReleasePublication adds the next publication of a release; archive.ErrConflict if it is not the next one, ErrInsertOnly if nobody signed
// its version.
func (tx *Tx) AddReleasePublication(ctx context.Context, p ReleasePublication) error {
	fail := func(err error) error { return fmt.Errorf("note publication %d of %s: %w", p.Number, p.Release, err) }
	if err := tx.insert(ctx, "release_publication", `release_id, number, version, clip_id, document, proof, scope, sha256, at, agent, signed_by`,
		[][]any{{p.Release, p.Number, p.Version, p.Clip, p.Document, p.Proof, p.Scope, p.SHA256[:], p.At.UnixMicro(), p.Agent, p.SignedBy}}); err != nil {
		return fail(err)
	}
	n, err := tx.exec(ctx, `UPDATE release SET number = $1, due_at = NULL, due_by = NULL, changed_at = $2 WHERE id = $3 AND number = $4 AND withdrawn = 0`,
		p.Number, us(p.At), p.Release, p.Number-1)
	if err == nil && n == 0 {
		err = tx.fail(archive.ErrConflict)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// BuryReleasePublication puts a tombstone in the place of a publication, also of an earlier tombstone; archive.ErrNotFound.
func (tx *Tx) BuryReleasePublication(ctx context.Context, id string, number int, tombstone []byte, by string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE release_publication SET tombstone = $1, withdrawn_at = $2, withdrawn_by = $3, placed_at = NULL WHERE release_id = $4 AND number = $5`,
		tombstone, us(when), by, id, number)
	if err == nil && n == 0 {
		err = archive.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("withdraw publication %d of %s: %w", number, id, err)
	}
	return nil
}

// WithdrawRelease says that nothing more comes of a release; archive.ErrConflict if nothing was out, or it was withdrawn before.
func (tx *Tx) WithdrawRelease(ctx context.Context, id string, when time.Time) error {
	n, err := tx.exec(ctx, `UPDATE release SET withdrawn = 1, due_at = NULL, due_by = NULL, changed_at = $1 WHERE id = $2 AND withdrawn = 0 AND number > 0`, us(when), id)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("withdraw release %s: %w", id, err)
	}
	return nil
}

// ReleasePublications gives what went out of a release, oldest first, without the proofs, which may be large.
func (tx *Tx) ReleasePublications(ctx context.Context, id string) ([]ReleasePublication, error) {
	return all(ctx, tx, scanReleasePublication, `SELECT `+strings.Replace(releasePublicationColumns, "proof, scope", "NULL, NULL", 1)+` FROM release_publication WHERE release_id = $1 ORDER BY number`, id)
}

// UnplacedPublications gives the publications that the folder of releases does not hold as it should, oldest first, without the proofs.
func (tx *Tx) UnplacedPublications(ctx context.Context) ([]ReleasePublication, error) {
	return all(ctx, tx, scanReleasePublication, `SELECT `+strings.Replace(releasePublicationColumns, "proof, scope", "NULL, NULL", 1)+
		` FROM release_publication WHERE placed_at IS NULL ORDER BY at, release_id, number`)
}

// ReleasePublication gives one publication with its proofs; archive.ErrNotFound.
func (tx *Tx) ReleasePublication(ctx context.Context, id string, number int) (ReleasePublication, error) {
	return one(ctx, tx, scanReleasePublication, `SELECT `+releasePublicationColumns+` FROM release_publication WHERE release_id = $1 AND number = $2`, id, number)
}

// PlacedPublication says that the folder holds a publication, with its tombstone if it was withdrawn by then; archive.ErrConflict if it was
// withdrawn or placed meanwhile.
func (tx *Tx) PlacedPublication(ctx context.Context, id string, number int, buried bool, when time.Time) error {
	var p part
	p.add(`UPDATE release_publication SET placed_at = ? WHERE release_id = ? AND number = ? AND placed_at IS NULL`, us(when), id, number)
	p.addIf(buried, ` AND tombstone IS NOT NULL`).addIf(!buried, ` AND tombstone IS NULL`)
	n, err := tx.exec(ctx, p.text.String(), p.args...)
	if err == nil && n == 0 {
		err = archive.ErrConflict
	}
	if err != nil {
		return fmt.Errorf("note that publication %d of %s is placed: %w", number, id, err)
	}
	return nil
}

// OutClips gives the clips of all publications that are out and were not withdrawn, but for those of one release.
func (tx *Tx) OutClips(ctx context.Context, except string) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT DISTINCT clip_id FROM release_publication WHERE tombstone IS NULL AND release_id <> $1 ORDER BY clip_id`, except)
}

// Identities gives all sealed records, for a machine that decides what may leave the archive, and never for showing.
func (tx *Tx) Identities(ctx context.Context) ([]Identity, error) {
	return all(ctx, tx, func(s scanner) (i Identity, err error) {
		err = s.Scan(&i.Entity, &i.Sealed, &i.Version, at{&i.ChangedAt}, &i.ChangedBy)
		return i, err
	}, `SELECT entity_id, sealed, version, changed_at, changed_by FROM identity ORDER BY entity_id`)
}

// showing is what a publication that is out shows: every source of the plan's version that was rendered for it.
const showing = ` FROM release_publication p JOIN release_version v ON v.release_id = p.release_id AND v.version = p.version
	JOIN plan_source s ON s.plan_id = v.plan_id AND s.version = v.plan_version`

// ReleasesResting gives the releases of which something is out that shows an item, whoever may see them, by identifier.
func (tx *Tx) ReleasesResting(ctx context.Context, item string) ([]Release, error) {
	return all(ctx, tx, scanRelease, `SELECT `+releaseColumns+` FROM release WHERE release.id IN (SELECT p.release_id`+showing+
		` WHERE p.tombstone IS NULL AND s.item_id = $1) ORDER BY release.id`, item)
}

// ReleaseErased gives the items that something which is out of a release shows, and that were erased or that two people agreed to erase. With
// undecided those for which nobody decided to keep the release.
func (tx *Tx) ReleaseErased(ctx context.Context, id string, undecided bool) ([]string, error) {
	var p part
	p.add(`SELECT DISTINCT i.id`+showing+` JOIN item i ON i.id = s.item_id WHERE p.release_id = ? AND p.tombstone IS NULL
		AND (i.state = 'erased' OR EXISTS (SELECT 1 FROM erasure e WHERE e.item_id = i.id AND e.state = 'approved'))`, id)
	p.addIf(undecided, ` AND NOT EXISTS (SELECT 1 FROM release_keep k WHERE k.release_id = p.release_id AND k.item_id = i.id)`)
	p.add(` ORDER BY i.id`)
	return all(ctx, tx, value[string], p.text.String(), p.args...)
}

// ReleaseKeep says that a release stays out although an item that it shows was erased. ID is that of the custody event.
type ReleaseKeep struct {
	ID, Release, Item string
	Why               string
	At                time.Time
	Agent             string
}

// AddReleaseKeep adds a decision; archive.ErrExists if there is one about this item.
func (tx *Tx) AddReleaseKeep(ctx context.Context, k ReleaseKeep) error {
	if err := tx.insert(ctx, "release_keep", `id, release_id, item_id, why, at, agent`, [][]any{{k.ID, k.Release, k.Item, k.Why, k.At.UnixMicro(), k.Agent}}); err != nil {
		return fmt.Errorf("keep release %s: %w", k.Release, err)
	}
	return nil
}

// ReleaseKeeps gives the decisions to keep a release, oldest first.
func (tx *Tx) ReleaseKeeps(ctx context.Context, id string) ([]ReleaseKeep, error) {
	return all(ctx, tx, func(s scanner) (k ReleaseKeep, err error) {
		err = s.Scan(&k.ID, &k.Release, &k.Item, &k.Why, at{&k.At}, &k.Agent)
		return k, err
	}, `SELECT id, release_id, item_id, why, at, agent FROM release_keep WHERE release_id = $1 ORDER BY at, id`, id)
}
