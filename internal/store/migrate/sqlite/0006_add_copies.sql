-- +goose Up
-- Fingerprints of footage and what they say about which recordings are the same.

-- number rises with every fingerprint, so that an index in memory knows what it lacks. runs is sealed with the key of the record:
-- it shows, coarsely, what the footage shows.
CREATE TABLE fingerprint (
    item_id        TEXT    NOT NULL PRIMARY KEY REFERENCES item (id),
    number         INTEGER NOT NULL UNIQUE CHECK (number > 0),
    derivative_id  TEXT    NOT NULL REFERENCES derivative (id) DEFERRABLE INITIALLY DEFERRED,
    recipe_version INTEGER NOT NULL CHECK (recipe_version > 0),
    runs           BLOB    NOT NULL
) STRICT;

-- Two recordings that hold the same footage, or a similar event. Nothing but a suggestion until a person decides.
CREATE TABLE copy_link (
    id             TEXT    NOT NULL PRIMARY KEY,
    item_a         TEXT    NOT NULL REFERENCES item (id),
    item_b         TEXT    NOT NULL REFERENCES item (id),
    kind           TEXT    NOT NULL CHECK (kind IN ('same', 'similar')),
    score          INTEGER NOT NULL CHECK (score BETWEEN 0 AND 1000),
    offset_us      INTEGER NOT NULL,
    cover_a        INTEGER NOT NULL CHECK (cover_a BETWEEN 0 AND 1000),
    cover_b        INTEGER NOT NULL CHECK (cover_b BETWEEN 0 AND 1000),
    detail         BLOB    NOT NULL,
    recipe         TEXT    NOT NULL CHECK (recipe <> ''),
    recipe_version INTEGER NOT NULL CHECK (recipe_version > 0),
    tool           TEXT    NOT NULL CHECK (tool <> ''),
    state          TEXT    NOT NULL DEFAULT 'suggested' CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    created_at     INTEGER NOT NULL,
    decided_at     INTEGER,
    decided_by     TEXT,
    why            TEXT    NOT NULL DEFAULT '',
    UNIQUE (item_a, item_b),
    CHECK (item_a < item_b),
    CHECK ((state = 'suggested') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL))
) STRICT;
CREATE INDEX copy_link_b ON copy_link (item_b, item_a);
CREATE INDEX copy_link_state ON copy_link (state, id);
