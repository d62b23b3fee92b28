-- +goose Up
-- What machines read out of items: suggestions, numbers in the names of files, recording times that a confirmed clock set.

-- A suggestion is nothing but that until a person decides. Those of an item that are not decided give way to newer ones of the
-- same kind and recipe.
CREATE TABLE suggestion (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    score BIGINT NOT NULL CHECK (score BETWEEN 0 AND 1000),
    recipe TEXT COLLATE "C" NOT NULL CHECK (recipe <> ''),
    recipe_version BIGINT NOT NULL CHECK (recipe_version > 0),
    tool TEXT COLLATE "C" NOT NULL CHECK (tool <> ''),
    value BYTEA NOT NULL,
    state TEXT COLLATE "C" NOT NULL DEFAULT 'suggested' CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT COLLATE "C",
    why TEXT COLLATE "C" NOT NULL DEFAULT '',
    CHECK ((state = 'suggested') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX suggestion_item ON suggestion (item_id, kind, recipe);
CREATE INDEX suggestion_open ON suggestion (kind, state, id);

-- What was known of the beginning of a recording before a confirmed suggestion said better, so that confirming can be undone.
CREATE TABLE recording_before (
    item_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES item (id),
    suggestion_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES suggestion (id),
    recorded_at BIGINT,
    recorded_source TEXT COLLATE "C" NOT NULL
);

-- Numbers that recorders gave their files. series is a keyed hash of everything else in the name and of its folder, so that
-- nothing of a name leaves its seal but the number.
CREATE TABLE file_number (
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    series BYTEA NOT NULL CHECK (length(series) = 32),
    number BIGINT NOT NULL CHECK (number >= 0),
    PRIMARY KEY (item_id, series, number)
);
CREATE INDEX file_number_series ON file_number (series, number);
