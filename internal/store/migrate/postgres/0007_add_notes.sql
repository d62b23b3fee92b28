-- +goose Up
-- Notes on the timeline of items, every version of them, and how fast people are at marking.

-- The newest version of each note. author_key is drawn by the author's browser or taken from an imported note, so that what is sent twice
-- stands once. A frame is -1 where there are none; times are microseconds on the item's own clock.
CREATE TABLE note (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    author TEXT COLLATE "C" NOT NULL CHECK (author <> ''),
    author_key TEXT COLLATE "C" NOT NULL CHECK (author_key <> ''),
    version BIGINT NOT NULL CHECK (version > 0),
    frame_from BIGINT NOT NULL CHECK (frame_from >= -1),
    frame_to BIGINT NOT NULL CHECK (frame_to >= frame_from),
    from_us BIGINT NOT NULL,
    to_us BIGINT NOT NULL CHECK (to_us >= from_us),
    region_x BIGINT NOT NULL CHECK (region_x >= 0),
    region_y BIGINT NOT NULL CHECK (region_y >= 0),
    region_w BIGINT NOT NULL CHECK (region_w >= 0 AND region_x + region_w <= 1000000),
    region_h BIGINT NOT NULL CHECK (region_h >= 0 AND region_y + region_h <= 1000000),
    page BIGINT NOT NULL CHECK (page >= 0),
    body TEXT COLLATE "C" NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    lang TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    deleted_at BIGINT,
    UNIQUE (author, author_key)
);
CREATE INDEX note_item ON note (item_id, from_us, id);
CREATE INDEX note_tag ON note (tag, item_id) WHERE tag <> '';

CREATE TABLE note_version (
    note_id TEXT COLLATE "C" NOT NULL REFERENCES note (id),
    version BIGINT NOT NULL CHECK (version > 0),
    item_id TEXT COLLATE "C" NOT NULL,
    frame_from BIGINT NOT NULL,
    frame_to BIGINT NOT NULL,
    from_us BIGINT NOT NULL,
    to_us BIGINT NOT NULL,
    region_x BIGINT NOT NULL,
    region_y BIGINT NOT NULL,
    region_w BIGINT NOT NULL,
    region_h BIGINT NOT NULL,
    page BIGINT NOT NULL,
    body TEXT COLLATE "C" NOT NULL,
    tag TEXT COLLATE "C" NOT NULL,
    lang TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (note_id, version)
);

-- How long after seeing something a person presses the key, by their own setting.
CREATE TABLE note_person (
    agent_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    reaction BIGINT NOT NULL CHECK (reaction BETWEEN 0 AND 2000000),
    changed_at BIGINT NOT NULL
);

-- What somebody wrote stays as it was; only with the item may it go.
-- +goose StatementBegin
CREATE FUNCTION refuse_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id = OLD.id AND NEW.item_id = OLD.item_id AND NEW.author = OLD.author AND NEW.author_key = OLD.author_key AND NEW.created_at = OLD.created_at
        AND NEW.version IN (OLD.version, OLD.version + 1) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER note_no_change BEFORE UPDATE ON note FOR EACH ROW EXECUTE FUNCTION refuse_note_change();
CREATE TRIGGER note_no_delete BEFORE DELETE ON note FOR EACH ROW EXECUTE FUNCTION refuse_seal_change();
CREATE TRIGGER note_no_truncate BEFORE TRUNCATE ON note FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER note_version_no_change BEFORE UPDATE OR DELETE ON note_version FOR EACH ROW EXECUTE FUNCTION refuse_seal_change();
CREATE TRIGGER note_version_no_truncate BEFORE TRUNCATE ON note_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
