-- +goose Up
-- Releases that stay out although an item that they show was erased: a publisher decided so, and said why.
CREATE TABLE release_keep (
    id         TEXT    NOT NULL PRIMARY KEY, -- of the custody event
    release_id TEXT    NOT NULL REFERENCES release (id),
    item_id    TEXT    NOT NULL REFERENCES item (id),
    why        TEXT    NOT NULL CHECK (why <> ''),
    at         INTEGER NOT NULL,
    agent      TEXT    NOT NULL,
    UNIQUE (release_id, item_id)
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER release_keep_no_update BEFORE UPDATE ON release_keep
BEGIN
    SELECT RAISE(ABORT, 'release_keep is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_keep_no_delete BEFORE DELETE ON release_keep
BEGIN
    SELECT RAISE(ABORT, 'release_keep is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_keep_no_replace BEFORE INSERT ON release_keep
    WHEN EXISTS (SELECT 1 FROM release_keep WHERE id = NEW.id OR release_id = NEW.release_id AND item_id = NEW.item_id)
BEGIN
    SELECT RAISE(ABORT, 'release_keep holds this row already');
END;
-- +goose StatementEnd
