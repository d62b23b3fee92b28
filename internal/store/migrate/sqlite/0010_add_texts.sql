-- +goose Up
-- The words of items: what machines hear and read, what people bring in, and every version of a sentence that a person corrected.

CREATE TABLE text_track (
    id             TEXT    NOT NULL PRIMARY KEY,
    item_id        TEXT    NOT NULL REFERENCES item (id),
    kind           TEXT    NOT NULL CHECK (kind IN ('transcript', 'ocr')),
    origin         TEXT    NOT NULL CHECK (origin IN ('machine', 'import')),
    state          TEXT    NOT NULL CHECK (state IN ('waiting', 'partial', 'done')),
    reason         TEXT    NOT NULL DEFAULT '',
    lang           TEXT    NOT NULL DEFAULT '',
    title          TEXT    NOT NULL DEFAULT '',
    author         TEXT    NOT NULL CHECK (author <> ''),
    recipe         TEXT    NOT NULL CHECK (recipe <> ''),
    recipe_version INTEGER NOT NULL CHECK (recipe_version > 0),
    tool           TEXT    NOT NULL CHECK (tool <> ''),
    settings       TEXT    NOT NULL DEFAULT '',
    sha256         BLOB,
    spans          INTEGER NOT NULL DEFAULT 0 CHECK (spans >= 0),
    pieces         INTEGER NOT NULL DEFAULT 0 CHECK (pieces >= 0),
    done_us        INTEGER NOT NULL DEFAULT 0 CHECK (done_us >= 0),
    created_at     INTEGER NOT NULL,
    finished_at    INTEGER,
    superseded_at  INTEGER,
    chosen_at      INTEGER,
    chosen_by      TEXT,
    CHECK ((state = 'done') = (finished_at IS NOT NULL)),
    CHECK ((chosen_at IS NULL) = (chosen_by IS NULL)),
    CHECK (chosen_at IS NULL OR (state = 'done' AND superseded_at IS NULL))
) STRICT;
CREATE INDEX text_track_item ON text_track (item_id, kind);
-- One current track of each kind.
CREATE UNIQUE INDEX text_track_chosen ON text_track (item_id, kind) WHERE chosen_at IS NOT NULL;
-- One run at a time of a recipe with the same settings.
CREATE UNIQUE INDEX text_track_run ON text_track (item_id, kind, recipe, recipe_version, settings) WHERE origin = 'machine' AND superseded_at IS NULL;
-- The same file brought in twice is one track.
CREATE UNIQUE INDEX text_track_file ON text_track (item_id, author, sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE text_piece (
    track_id TEXT    NOT NULL REFERENCES text_track (id),
    ordinal  INTEGER NOT NULL CHECK (ordinal >= 0),
    item_id  TEXT    NOT NULL REFERENCES item (id),
    from_us  INTEGER NOT NULL CHECK (from_us >= 0),
    to_us    INTEGER NOT NULL CHECK (to_us >= from_us),
    spans    INTEGER NOT NULL CHECK (spans >= 0),
    made_at  INTEGER NOT NULL,
    PRIMARY KEY (track_id, ordinal)
) STRICT;

CREATE TABLE text_span (
    id         TEXT    NOT NULL PRIMARY KEY,
    track_id   TEXT    NOT NULL REFERENCES text_track (id),
    item_id    TEXT    NOT NULL REFERENCES item (id),
    ordinal    INTEGER NOT NULL CHECK (ordinal > 0),
    from_us    INTEGER NOT NULL CHECK (from_us >= 0),
    to_us      INTEGER NOT NULL CHECK (to_us >= from_us),
    page       INTEGER NOT NULL CHECK (page >= 0),
    region_x   INTEGER NOT NULL CHECK (region_x >= 0),
    region_y   INTEGER NOT NULL CHECK (region_y >= 0),
    region_w   INTEGER NOT NULL CHECK (region_w >= 0 AND region_x + region_w <= 1000000),
    region_h   INTEGER NOT NULL CHECK (region_h >= 0 AND region_y + region_h <= 1000000),
    lang       TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    score      INTEGER NOT NULL CHECK (score BETWEEN -1 AND 1000),
    version    INTEGER NOT NULL CHECK (version > 0),
    author     TEXT    NOT NULL DEFAULT '',
    changed_at INTEGER NOT NULL,
    UNIQUE (track_id, ordinal)
) STRICT;
CREATE INDEX text_span_item ON text_span (item_id);

-- What a sentence was before a person corrected it, and each of its forms since. A sentence that nobody touched has no row here.
CREATE TABLE text_span_version (
    span_id    TEXT    NOT NULL REFERENCES text_span (id),
    version    INTEGER NOT NULL CHECK (version > 0),
    item_id    TEXT    NOT NULL REFERENCES item (id),
    text       TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (span_id, version)
) STRICT;
CREATE INDEX text_span_version_item ON text_span_version (item_id);

-- Words stay as they were made; only with the item may they go, and only by a new version may they change.
-- +goose StatementBegin
CREATE TRIGGER text_track_no_delete BEFORE DELETE ON text_track
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'text_track is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_track_no_change BEFORE UPDATE ON text_track
    WHEN NOT (NEW.id = OLD.id AND NEW.item_id = OLD.item_id AND NEW.kind = OLD.kind AND NEW.origin = OLD.origin AND NEW.author = OLD.author
        AND NEW.recipe = OLD.recipe AND NEW.recipe_version = OLD.recipe_version AND NEW.settings = OLD.settings AND NEW.sha256 IS OLD.sha256
        AND NEW.created_at = OLD.created_at AND (OLD.finished_at IS NULL OR NEW.finished_at IS OLD.finished_at))
BEGIN
    SELECT RAISE(ABORT, 'text_track is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_span_no_delete BEFORE DELETE ON text_span
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'text_span is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_span_no_change BEFORE UPDATE ON text_span
    WHEN NOT (NEW.id = OLD.id AND NEW.track_id = OLD.track_id AND NEW.item_id = OLD.item_id AND NEW.ordinal = OLD.ordinal AND NEW.from_us = OLD.from_us
        AND NEW.to_us = OLD.to_us AND NEW.page = OLD.page AND NEW.region_x = OLD.region_x AND NEW.region_y = OLD.region_y AND NEW.region_w = OLD.region_w
        AND NEW.region_h = OLD.region_h AND NEW.score = OLD.score AND NEW.author <> '' AND NEW.version = OLD.version + 1)
BEGIN
    SELECT RAISE(ABORT, 'text_span is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_span_version_no_update BEFORE UPDATE ON text_span_version
BEGIN
    SELECT RAISE(ABORT, 'text_span_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_span_version_no_delete BEFORE DELETE ON text_span_version
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'text_span_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER text_span_version_no_replace BEFORE INSERT ON text_span_version
    WHEN EXISTS (SELECT 1 FROM text_span_version WHERE span_id = NEW.span_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'text_span_version holds this row already');
END;
-- +goose StatementEnd
