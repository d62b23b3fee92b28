-- +goose Up
-- What machines read out of items: suggestions, numbers in the names of files, recording times that a confirmed clock set.

-- A suggestion is nothing but that until a person decides. Those of an item that are not decided give way to newer ones of the
-- same kind and recipe.
CREATE TABLE suggestion (
    id             TEXT    NOT NULL PRIMARY KEY,
    item_id        TEXT    NOT NULL REFERENCES item (id),
    kind           TEXT    NOT NULL CHECK (kind <> ''),
    score          INTEGER NOT NULL CHECK (score BETWEEN 0 AND 1000),
    recipe         TEXT    NOT NULL CHECK (recipe <> ''),
    recipe_version INTEGER NOT NULL CHECK (recipe_version > 0),
    tool           TEXT    NOT NULL CHECK (tool <> ''),
    value          BLOB    NOT NULL,
    state          TEXT    NOT NULL DEFAULT 'suggested' CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    created_at     INTEGER NOT NULL,
    decided_at     INTEGER,
    decided_by     TEXT,
    why            TEXT    NOT NULL DEFAULT '',
    CHECK ((state = 'suggested') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL))
) STRICT;
CREATE INDEX suggestion_item ON suggestion (item_id, kind, recipe);
CREATE INDEX suggestion_open ON suggestion (kind, state, id);

-- What was known of the beginning of a recording before a confirmed suggestion said better, so that confirming can be undone.
CREATE TABLE recording_before (
    item_id         TEXT    NOT NULL PRIMARY KEY REFERENCES item (id),
    suggestion_id   TEXT    NOT NULL UNIQUE REFERENCES suggestion (id),
    recorded_at     INTEGER,
    recorded_source TEXT    NOT NULL
) STRICT;

-- Numbers that recorders gave their files. series is a keyed hash of everything else in the name and of its folder, so that
-- nothing of a name leaves its seal but the number.
CREATE TABLE file_number (
    item_id TEXT    NOT NULL REFERENCES item (id),
    series  BLOB    NOT NULL CHECK (length(series) = 32),
    number  INTEGER NOT NULL CHECK (number >= 0),
    PRIMARY KEY (item_id, series, number)
) STRICT;
CREATE INDEX file_number_series ON file_number (series, number);
