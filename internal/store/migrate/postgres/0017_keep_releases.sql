-- +goose Up
-- Releases that stay out although an item that they show was erased: a publisher decided so, and said why.
CREATE TABLE release_keep (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY, -- of the custody event
    release_id TEXT COLLATE "C" NOT NULL REFERENCES release (id),
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    why TEXT COLLATE "C" NOT NULL CHECK (why <> ''),
    at BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    UNIQUE (release_id, item_id)
);
CREATE TRIGGER release_keep_no_change BEFORE UPDATE OR DELETE ON release_keep FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_keep_no_truncate BEFORE TRUNCATE ON release_keep FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
