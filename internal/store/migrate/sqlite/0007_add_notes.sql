-- +goose Up
-- Notes on the timeline of items, every version of them, and how fast people are at marking.

-- The newest version of each note. author_key is drawn by the author's browser or taken from an imported note, so that what is sent twice
-- stands once. A frame is -1 where there are none; times are microseconds on the item's own clock.
CREATE TABLE note (
    id         TEXT    NOT NULL PRIMARY KEY,
    item_id    TEXT    NOT NULL REFERENCES item (id),
    author     TEXT    NOT NULL CHECK (author <> ''),
    author_key TEXT    NOT NULL CHECK (author_key <> ''),
    version    INTEGER NOT NULL CHECK (version > 0),
    frame_from INTEGER NOT NULL CHECK (frame_from >= -1),
    frame_to   INTEGER NOT NULL CHECK (frame_to >= frame_from),
    from_us    INTEGER NOT NULL,
    to_us      INTEGER NOT NULL CHECK (to_us >= from_us),
    region_x   INTEGER NOT NULL CHECK (region_x >= 0),
    region_y   INTEGER NOT NULL CHECK (region_y >= 0),
    region_w   INTEGER NOT NULL CHECK (region_w >= 0 AND region_x + region_w <= 1000000),
    region_h   INTEGER NOT NULL CHECK (region_h >= 0 AND region_y + region_h <= 1000000),
    page       INTEGER NOT NULL CHECK (page >= 0),
    body       TEXT    NOT NULL,
    tag        TEXT    NOT NULL,
    lang       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    UNIQUE (author, author_key)
) STRICT;
CREATE INDEX note_item ON note (item_id, from_us, id);
CREATE INDEX note_tag ON note (tag, item_id) WHERE tag <> '';

CREATE TABLE note_version (
    note_id    TEXT    NOT NULL REFERENCES note (id),
    version    INTEGER NOT NULL CHECK (version > 0),
    item_id    TEXT    NOT NULL,
    frame_from INTEGER NOT NULL,
    frame_to   INTEGER NOT NULL,
    from_us    INTEGER NOT NULL,
    to_us      INTEGER NOT NULL,
    region_x   INTEGER NOT NULL,
    region_y   INTEGER NOT NULL,
    region_w   INTEGER NOT NULL,
    region_h   INTEGER NOT NULL,
    page       INTEGER NOT NULL,
    body       TEXT    NOT NULL,
    tag        TEXT    NOT NULL,
    lang       TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (note_id, version)
) STRICT;

-- How long after seeing something a person presses the key, by their own setting.
CREATE TABLE note_person (
    agent_id   TEXT    NOT NULL PRIMARY KEY,
    reaction   INTEGER NOT NULL CHECK (reaction BETWEEN 0 AND 2000000),
    changed_at INTEGER NOT NULL
) STRICT;

-- What somebody wrote stays as it was; only with the item may it go.
-- +goose StatementBegin
CREATE TRIGGER note_no_delete BEFORE DELETE ON note
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'note is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER note_no_change BEFORE UPDATE ON note
    WHEN NOT (NEW.id = OLD.id AND NEW.item_id = OLD.item_id AND NEW.author = OLD.author AND NEW.author_key = OLD.author_key AND NEW.created_at = OLD.created_at
        AND NEW.version IN (OLD.version, OLD.version + 1))
BEGIN
    SELECT RAISE(ABORT, 'note is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER note_version_no_update BEFORE UPDATE ON note_version
BEGIN
    SELECT RAISE(ABORT, 'note_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER note_version_no_delete BEFORE DELETE ON note_version
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'note_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER note_version_no_replace BEFORE INSERT ON note_version
    WHEN EXISTS (SELECT 1 FROM note_version WHERE note_id = NEW.note_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'note_version holds this row already');
END;
-- +goose StatementEnd
