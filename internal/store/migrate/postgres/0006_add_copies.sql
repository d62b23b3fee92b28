-- +goose Up
-- Fingerprints of footage and what they say about which recordings are the same.

-- number rises with every fingerprint, so that an index in memory knows what it lacks. runs is sealed with the key of the record:
-- it shows, coarsely, what the footage shows.
CREATE TABLE fingerprint (
    item_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES item (id),
    number BIGINT NOT NULL UNIQUE CHECK (number > 0),
    derivative_id TEXT COLLATE "C" NOT NULL REFERENCES derivative (id) DEFERRABLE INITIALLY DEFERRED,
    recipe_version BIGINT NOT NULL CHECK (recipe_version > 0),
    runs BYTEA NOT NULL
);

-- Two recordings that hold the same footage, or a similar event. Nothing but a suggestion until a person decides.
CREATE TABLE copy_link (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item_a TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    item_b TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('same', 'similar')),
    score BIGINT NOT NULL CHECK (score BETWEEN 0 AND 1000),
    offset_us BIGINT NOT NULL,
    cover_a BIGINT NOT NULL CHECK (cover_a BETWEEN 0 AND 1000),
    cover_b BIGINT NOT NULL CHECK (cover_b BETWEEN 0 AND 1000),
    detail BYTEA NOT NULL,
    recipe TEXT COLLATE "C" NOT NULL CHECK (recipe <> ''),
    recipe_version BIGINT NOT NULL CHECK (recipe_version > 0),
    tool TEXT COLLATE "C" NOT NULL CHECK (tool <> ''),
    state TEXT COLLATE "C" NOT NULL DEFAULT 'suggested' CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT COLLATE "C",
    why TEXT COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (item_a, item_b),
    CHECK (item_a < item_b),
    CHECK ((state = 'suggested') = (decided_at IS NULL) AND (decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX copy_link_b ON copy_link (item_b, item_a);
CREATE INDEX copy_link_state ON copy_link (state, id);
