-- +goose Up
-- The words of items: what machines hear and read, what people bring in, and every version of a sentence that a person corrected.

CREATE TABLE text_track (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('transcript', 'ocr')),
    origin TEXT COLLATE "C" NOT NULL CHECK (origin IN ('machine', 'import')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'partial', 'done')),
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    lang TEXT COLLATE "C" NOT NULL DEFAULT '',
    title TEXT COLLATE "C" NOT NULL DEFAULT '',
    author TEXT COLLATE "C" NOT NULL CHECK (author <> ''),
    recipe TEXT COLLATE "C" NOT NULL CHECK (recipe <> ''),
    recipe_version BIGINT NOT NULL CHECK (recipe_version > 0),
    tool TEXT COLLATE "C" NOT NULL CHECK (tool <> ''),
    settings TEXT COLLATE "C" NOT NULL DEFAULT '',
    sha256 BYTEA,
    spans BIGINT NOT NULL DEFAULT 0 CHECK (spans >= 0),
    pieces BIGINT NOT NULL DEFAULT 0 CHECK (pieces >= 0),
    done_us BIGINT NOT NULL DEFAULT 0 CHECK (done_us >= 0),
    created_at BIGINT NOT NULL,
    finished_at BIGINT,
    superseded_at BIGINT,
    chosen_at BIGINT,
    chosen_by TEXT COLLATE "C",
    CHECK ((state = 'done') = (finished_at IS NOT NULL)),
    CHECK ((chosen_at IS NULL) = (chosen_by IS NULL)),
    CHECK (chosen_at IS NULL OR (state = 'done' AND superseded_at IS NULL))
);
CREATE INDEX text_track_item ON text_track (item_id, kind);
-- One current track of each kind.
CREATE UNIQUE INDEX text_track_chosen ON text_track (item_id, kind) WHERE chosen_at IS NOT NULL;
-- One run at a time of a recipe with the same settings.
CREATE UNIQUE INDEX text_track_run ON text_track (item_id, kind, recipe, recipe_version, settings) WHERE origin = 'machine' AND superseded_at IS NULL;
-- The same file brought in twice is one track.
CREATE UNIQUE INDEX text_track_file ON text_track (item_id, author, sha256) WHERE sha256 IS NOT NULL;

CREATE TABLE text_piece (
    track_id TEXT COLLATE "C" NOT NULL REFERENCES text_track (id),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    from_us BIGINT NOT NULL CHECK (from_us >= 0),
    to_us BIGINT NOT NULL CHECK (to_us >= from_us),
    spans BIGINT NOT NULL CHECK (spans >= 0),
    made_at BIGINT NOT NULL,
    PRIMARY KEY (track_id, ordinal)
);

CREATE TABLE text_span (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    track_id TEXT COLLATE "C" NOT NULL REFERENCES text_track (id),
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    ordinal BIGINT NOT NULL CHECK (ordinal > 0),
    from_us BIGINT NOT NULL CHECK (from_us >= 0),
    to_us BIGINT NOT NULL CHECK (to_us >= from_us),
    page BIGINT NOT NULL CHECK (page >= 0),
    region_x BIGINT NOT NULL CHECK (region_x >= 0),
    region_y BIGINT NOT NULL CHECK (region_y >= 0),
    region_w BIGINT NOT NULL CHECK (region_w >= 0 AND region_x + region_w <= 1000000),
    region_h BIGINT NOT NULL CHECK (region_h >= 0 AND region_y + region_h <= 1000000),
    lang TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    score BIGINT NOT NULL CHECK (score BETWEEN -1 AND 1000),
    version BIGINT NOT NULL CHECK (version > 0),
    author TEXT COLLATE "C" NOT NULL DEFAULT '',
    changed_at BIGINT NOT NULL,
    UNIQUE (track_id, ordinal)
);
CREATE INDEX text_span_item ON text_span (item_id);

-- What a sentence was before a person corrected it, and each of its forms since. A sentence that nobody touched has no row here.
CREATE TABLE text_span_version (
    span_id TEXT COLLATE "C" NOT NULL REFERENCES text_span (id),
    version BIGINT NOT NULL CHECK (version > 0),
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    text TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (span_id, version)
);
CREATE INDEX text_span_version_item ON text_span_version (item_id);

-- Words stay as they were made; only with the item may they go, and only by a new version may they change.
-- +goose StatementBegin
CREATE FUNCTION refuse_text_track_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id = OLD.id AND NEW.item_id = OLD.item_id AND NEW.kind = OLD.kind AND NEW.origin = OLD.origin AND NEW.author = OLD.author
        AND NEW.recipe = OLD.recipe AND NEW.recipe_version = OLD.recipe_version AND NEW.settings = OLD.settings AND NEW.sha256 IS NOT DISTINCT FROM OLD.sha256
        AND NEW.created_at = OLD.created_at AND (OLD.finished_at IS NULL OR NEW.finished_at IS NOT DISTINCT FROM OLD.finished_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_text_span_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id = OLD.id AND NEW.track_id = OLD.track_id AND NEW.item_id = OLD.item_id AND NEW.ordinal = OLD.ordinal AND NEW.from_us = OLD.from_us
        AND NEW.to_us = OLD.to_us AND NEW.page = OLD.page AND NEW.region_x = OLD.region_x AND NEW.region_y = OLD.region_y AND NEW.region_w = OLD.region_w
        AND NEW.region_h = OLD.region_h AND NEW.score = OLD.score AND NEW.author <> '' AND NEW.version = OLD.version + 1 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER text_track_no_change BEFORE UPDATE ON text_track FOR EACH ROW EXECUTE FUNCTION refuse_text_track_change();
CREATE TRIGGER text_track_no_delete BEFORE DELETE ON text_track FOR EACH ROW EXECUTE FUNCTION refuse_seal_change();
CREATE TRIGGER text_track_no_truncate BEFORE TRUNCATE ON text_track FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_span_no_change BEFORE UPDATE ON text_span FOR EACH ROW EXECUTE FUNCTION refuse_text_span_change();
CREATE TRIGGER text_span_no_delete BEFORE DELETE ON text_span FOR EACH ROW EXECUTE FUNCTION refuse_seal_change();
CREATE TRIGGER text_span_no_truncate BEFORE TRUNCATE ON text_span FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER text_span_version_no_change BEFORE UPDATE OR DELETE ON text_span_version FOR EACH ROW EXECUTE FUNCTION refuse_seal_change();
CREATE TRIGGER text_span_version_no_truncate BEFORE TRUNCATE ON text_span_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
