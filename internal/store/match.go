package store

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
)

// ClipFingerprint is the fingerprint of a clip, by its file.
type ClipFingerprint struct {
	SHA256       [32]byte // of the file that it was made of
	Number       int64    // given by AddClipFingerprint; rises
	Clip         string   // identifier; empty for a file that this archive did not state
	Version      int      // of the recipe
	Milliseconds int64
	Runs, Print  []byte // sealed; both empty if there is nothing to be told again
	CreatedAt    time.Time
}

const (
	clipPrintColumns = `sha256, number, COALESCE(clip_id, ''), recipe_version, milliseconds, runs, created_at`
	releasedColumns  = `match_release.release_id, match_release.version, match_release.slug, match_release.footage, match_release.published_at, match_release.withdrawn`
)

// scanClipPrint reads all but the print, which is large.
func scanClipPrint(s scanner) (f ClipFingerprint, err error) {
	err = s.Scan(b32{&f.SHA256}, &f.Number, &f.Clip, &f.Version, &f.Milliseconds, &f.Runs, at{&f.CreatedAt})
	return f, err
}

// AddClipFingerprint keeps the fingerprint of a clip in the place of an earlier one of the same file, with the next number. Call it after
// the custody record was written to in the same transaction, as AddFingerprint. archive.ErrConflict if the file of the clip is no longer
// held.
func (tx *Tx) AddClipFingerprint(ctx context.Context, f ClipFingerprint) error {
	fail := func(err error) error { return fmt.Errorf("add fingerprint of a clip: %w", err) }
	var clip any
	if f.Clip != "" {
		clip = f.Clip
		n, err := one(ctx, tx, value[int64], `SELECT COUNT(*) FROM clip JOIN object ON object.id = clip.object_id WHERE clip.id = $1 AND object.state = 'held'`, f.Clip)
		if err == nil && n == 0 {
			err = archive.ErrConflict
		}
		if err != nil {
			return fail(err)
		}
	}
	last, err := one(ctx, tx, value[int64], `SELECT COALESCE(MAX(number), 0) FROM clip_fingerprint`)
	if err != nil {
		return fail(err)
	}
	if _, err := tx.exec(ctx, `DELETE FROM clip_fingerprint WHERE sha256 = $1`, f.SHA256[:]); err != nil {
		return fail(err)
	}
	if err := tx.insert(ctx, "clip_fingerprint", `sha256, number, clip_id, recipe_version, milliseconds, runs, print, created_at`,
		[][]any{{f.SHA256[:], last + 1, clip, f.Version, f.Milliseconds, append([]byte{}, f.Runs...), append([]byte{}, f.Print...), f.CreatedAt.UnixMicro()}}); err != nil {
		return fail(err)
	}
	return nil
}

// ClipFingerprints gives all fingerprints of clips by number, without their prints, whatever the scope: they are for the index, and what
// it finds must be held against what somebody may see.
func (tx *Tx) ClipFingerprints(ctx context.Context) ([]ClipFingerprint, error) {
	return all(ctx, tx, scanClipPrint, `SELECT `+clipPrintColumns+` FROM clip_fingerprint ORDER BY number`)
}

// ClipPrint gives the sealed print of a clip; archive.ErrNotFound.
func (tx *Tx) ClipPrint(ctx context.Context, sha256 [32]byte) ([]byte, error) {
	return one(ctx, tx, value[[]byte], `SELECT print FROM clip_fingerprint WHERE sha256 = $1`, sha256[:])
}

// ClipsWithoutFingerprint gives clips that have none of the given version and whose file is held, oldest first, at most limit.
func (tx *Tx) ClipsWithoutFingerprint(ctx context.Context, version, limit int) ([]Clip, error) {
	return all(ctx, tx, scanClip, `SELECT clip.id, clip.statement_id, clip.scope_statement_id, clip.number, clip.released_ms, clip.sha256, clip.bytes, clip.milliseconds,
		clip.object_id, clip.envelope_id, clip.created_at
		FROM clip JOIN object ON object.id = clip.object_id AND object.state = 'held'
		LEFT JOIN clip_fingerprint ON clip_fingerprint.sha256 = clip.sha256 AND clip_fingerprint.recipe_version = $1
		WHERE clip_fingerprint.sha256 IS NULL ORDER BY clip.created_at, clip.id LIMIT $2`, version, limit)
}

// ItemsOfClip gives the items that a clip was cut from, by what the custody record says of it.
func (tx *Tx) ItemsOfClip(ctx context.Context, clip string) ([]string, error) {
	return all(ctx, tx, value[string], `SELECT DISTINCT cut.subject_id
		FROM clip JOIN custody_subject made ON made.kind = 'object' AND made.subject_id = clip.object_id
		JOIN custody_opening o ON o.position = made.position AND o.type = 'dissemination'
		JOIN custody_subject cut ON cut.position = made.position AND cut.kind = 'item' AND cut.role = 'source'
		WHERE clip.id = $1 ORDER BY 1`, clip)
}

// ReleasedVersion is a version of a release as it was let out.
type ReleasedVersion struct {
	Release   string
	Version   int
	Slug      string
	Footage   [32]byte // SHA-256 of the largest file of its clip
	Published time.Time
	Withdrawn bool
	Files     []ReleasedFile
}

// ReleasedFile is a file of a release bundle.
type ReleasedFile struct {
	Name   string
	SHA256 [32]byte
	Bytes  int64
}

func scanReleased(s scanner) (r ReleasedVersion, err error) {
	var withdrawn int64
	err = s.Scan(&r.Release, &r.Version, &r.Slug, b32{&r.Footage}, at{&r.Published}, &withdrawn)
	r.Withdrawn = withdrawn != 0
	return r, err
}

// AddReleasedVersion notes what was let out; archive.ErrExists if this version is known. What it held never changes.
func (tx *Tx) AddReleasedVersion(ctx context.Context, r ReleasedVersion) error {
	fail := func(err error) error {
		return fmt.Errorf("note version %d of release %s: %w", r.Version, r.Release, err)
	}
	if err := archive.CheckID(archive.PrefixRelease, r.Release); err != nil {
		return err
	}
	if err := tx.insert(ctx, "match_release", `release_id, version, slug, footage, published_at, withdrawn`,
		[][]any{{r.Release, r.Version, r.Slug, r.Footage[:], r.Published.UnixMicro(), flag(r.Withdrawn)}}); err != nil {
		return fail(err)
	}
	rows := make([][]any, len(r.Files))
	for i, f := range r.Files {
		rows[i] = []any{r.Release, r.Version, f.Name, f.SHA256[:], f.Bytes}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := tx.insert(ctx, "match_file", `release_id, version, name, sha256, bytes`, rows); err != nil {
		return fail(err)
	}
	return nil
}

// WithdrawReleased notes that a version of a release and those before it are withdrawn. A later one may still be out, with another clip.
func (tx *Tx) WithdrawReleased(ctx context.Context, release string, version int) error {
	_, err := tx.exec(ctx, `UPDATE match_release SET withdrawn = 1 WHERE release_id = $1 AND version <= $2 AND withdrawn = 0`, release, version)
	return err
}

// ReleasedVersions gives everything that was let out, without its files, by release and version.
func (tx *Tx) ReleasedVersions(ctx context.Context) ([]ReleasedVersion, error) {
	return all(ctx, tx, scanReleased, `SELECT `+releasedColumns+` FROM match_release ORDER BY release_id, version`)
}

// ReleasedFiles gives every file that was let out, as a version with that file alone, by release, version and name.
func (tx *Tx) ReleasedFiles(ctx context.Context) ([]ReleasedVersion, error) {
	return all(ctx, tx, func(s scanner) (r ReleasedVersion, err error) {
		var f ReleasedFile
		var withdrawn int64
		err = s.Scan(&r.Release, &r.Version, &r.Slug, b32{&r.Footage}, at{&r.Published}, &withdrawn, &f.Name, b32{&f.SHA256}, &f.Bytes)
		r.Withdrawn, r.Files = withdrawn != 0, []ReleasedFile{f}
		return r, err
	}, `SELECT `+releasedColumns+`, match_file.name, match_file.sha256, match_file.bytes
		FROM match_file JOIN match_release ON match_release.release_id = match_file.release_id AND match_release.version = match_file.version
		ORDER BY match_file.release_id, match_file.version, match_file.name`)
}

// eraseClipPrints destroys the fingerprints of clips that were cut from an item: they show it. What is out may be fingerprinted again
// from what is out.
func (tx *Tx) eraseClipPrints(ctx context.Context, item string) error {
	clips, err := tx.ClipsOfItems(ctx, item)
	if err != nil {
		return err
	}
	for _, c := range clips {
		if _, err := tx.exec(ctx, `DELETE FROM clip_fingerprint WHERE clip_id = $1 OR sha256 = $2`, c.ID, c.SHA256[:]); err != nil {
			return err
		}
	}
	return nil
}
