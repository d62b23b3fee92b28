-- +goose Up
-- The catalogue: entities, claims and what they rest on, findings, merges, compartments, vocabularies. docs/design/catalogue.md.

-- Investigators may sign in. The rows are put aside and come back as in 0002.
PRAGMA defer_foreign_keys = ON;
CREATE TEMPORARY TABLE account_aside AS SELECT id, login, role, scope, disabled, user_handle, password, factor, factor_step, preferences, created_at, created_by, seen_at FROM account;
DROP TABLE account;
CREATE TABLE account (
    id          TEXT    NOT NULL PRIMARY KEY REFERENCES agent (id),
    login       TEXT    NOT NULL UNIQUE,
    role        TEXT    NOT NULL CHECK (role IN ('admin', 'archivist', 'investigator', 'reviewer')),
    scope       TEXT    NOT NULL, -- JSON of archive.Scope
    disabled    INTEGER NOT NULL DEFAULT 0,
    user_handle BLOB    NOT NULL UNIQUE,
    password    TEXT    NOT NULL DEFAULT '',
    factor      BLOB,
    factor_step INTEGER NOT NULL DEFAULT 0,
    preferences BLOB,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    seen_at     INTEGER
) STRICT;
INSERT INTO account SELECT id, login, role, scope, disabled, user_handle, password, factor, factor_step, preferences, created_at, created_by, seen_at FROM account_aside ORDER BY id;
DROP TABLE account_aside;

-- A closed part of the catalogue. '' as a compartment is the common one, which has no row. tag stands in the codes of what is made in it, so
-- that numbers that are missing among the others tell nothing.
CREATE TABLE compartment (
    id         TEXT    NOT NULL PRIMARY KEY CHECK (id <> ''),
    name       TEXT    NOT NULL UNIQUE CHECK (name <> ''),
    tag        TEXT    NOT NULL UNIQUE CHECK (tag <> ''),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL
) STRICT;

-- merged_into is the entity into which this one was merged; nothing else of a merge is stored here, so that undoing it is taking it away.
CREATE TABLE entity (
    id          TEXT    NOT NULL PRIMARY KEY,
    kind        TEXT    NOT NULL CHECK (kind <> ''),
    code        TEXT    NOT NULL CHECK (code <> ''),
    number      INTEGER NOT NULL CHECK (number >= 0), -- in the code; 0 if it was given by hand
    compartment TEXT    NOT NULL,
    protected   INTEGER NOT NULL DEFAULT 0 CHECK (protected IN (0, 1)),
    merged_into TEXT    REFERENCES entity (id) CHECK (merged_into <> id),
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    changed_at  INTEGER NOT NULL,
    UNIQUE (code, compartment)
) STRICT;
CREATE INDEX entity_kind ON entity (kind, number, id);
CREATE INDEX entity_order ON entity (number, id);
CREATE INDEX entity_merged ON entity (merged_into) WHERE merged_into IS NOT NULL;

-- The next number of a code, by kind and compartment.
CREATE TABLE entity_counter (
    kind        TEXT    NOT NULL,
    compartment TEXT    NOT NULL,
    next        INTEGER NOT NULL CHECK (next > 0),
    PRIMARY KEY (kind, compartment)
) STRICT, WITHOUT ROWID;

-- compartment is NULL while it is that of the entity. ref_id and item_id are what the value names, if it names something; earliest and latest
-- are microseconds that a date may mean, NULL where it is open.
CREATE TABLE claim (
    id           TEXT    NOT NULL PRIMARY KEY,
    entity_id    TEXT    NOT NULL REFERENCES entity (id),
    property     TEXT    NOT NULL CHECK (property <> ''),
    value        TEXT    NOT NULL,
    lang         TEXT    NOT NULL DEFAULT '',
    certainty    TEXT    NOT NULL CHECK (certainty IN ('established', 'probable', 'disputed', 'not known')),
    note         TEXT    NOT NULL DEFAULT '',
    compartment  TEXT,
    author       TEXT    NOT NULL CHECK (author <> ''),
    origin       TEXT    NOT NULL CHECK (origin <> ''),
    created_at   INTEGER NOT NULL,
    ref_id       TEXT    REFERENCES entity (id),
    item_id      TEXT    REFERENCES item (id),
    earliest     INTEGER,
    latest       INTEGER,
    retracted_at INTEGER,
    retracted_by TEXT    NOT NULL DEFAULT '',
    reason       TEXT    NOT NULL DEFAULT '',
    replaced     TEXT    NOT NULL DEFAULT '',
    CHECK (retracted_at IS NOT NULL OR (retracted_by = '' AND replaced = ''))
) STRICT;
CREATE INDEX claim_entity ON claim (entity_id, property, created_at, id);
CREATE INDEX claim_ref ON claim (ref_id, property) WHERE ref_id IS NOT NULL;
CREATE INDEX claim_item ON claim (item_id) WHERE item_id IS NOT NULL;
CREATE INDEX claim_value ON claim (property, value) WHERE length(value) <= 200; -- PostgreSQL indexes no long ones
CREATE INDEX claim_date ON claim (earliest, latest) WHERE earliest IS NOT NULL;
CREATE INDEX claim_origin ON claim (origin) WHERE origin <> 'person';

CREATE TABLE claim_source (
    claim_id   TEXT    NOT NULL REFERENCES claim (id),
    ordinal    INTEGER NOT NULL CHECK (ordinal >= 0),
    kind       TEXT    NOT NULL CHECK (kind IN ('item', 'passage', 'document', 'article', 'other')),
    item_id    TEXT    REFERENCES item (id),
    from_us    INTEGER NOT NULL DEFAULT 0 CHECK (from_us >= 0),
    to_us      INTEGER NOT NULL DEFAULT 0 CHECK (to_us >= from_us),
    x          INTEGER NOT NULL DEFAULT 0,
    y          INTEGER NOT NULL DEFAULT 0,
    w          INTEGER NOT NULL DEFAULT 0,
    h          INTEGER NOT NULL DEFAULT 0,
    page       INTEGER NOT NULL DEFAULT 0 CHECK (page >= 0),
    passage_id TEXT,
    entity_id  TEXT    REFERENCES entity (id),
    note       TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (claim_id, ordinal),
    CHECK (kind <> 'item' OR item_id IS NOT NULL),
    CHECK (kind <> 'passage' OR (passage_id IS NOT NULL AND entity_id IS NOT NULL)),
    CHECK (kind NOT IN ('document', 'article') OR entity_id IS NOT NULL)
) STRICT;
CREATE INDEX claim_source_item ON claim_source (item_id, from_us) WHERE item_id IS NOT NULL;
CREATE INDEX claim_source_passage ON claim_source (passage_id) WHERE passage_id IS NOT NULL;
CREATE INDEX claim_source_entity ON claim_source (entity_id) WHERE entity_id IS NOT NULL;

-- Words of names, folded, by which entities are found as one types.
CREATE TABLE claim_key (
    word     TEXT NOT NULL,
    claim_id TEXT NOT NULL REFERENCES claim (id),
    PRIMARY KEY (word, claim_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX claim_key_claim ON claim_key (claim_id);

CREATE TABLE finding (
    id        TEXT    NOT NULL PRIMARY KEY,
    entity_id TEXT    NOT NULL REFERENCES entity (id),
    property  TEXT    NOT NULL,
    claim_id  TEXT    REFERENCES claim (id),
    reason    TEXT    NOT NULL,
    author    TEXT    NOT NULL CHECK (author <> ''),
    at        INTEGER NOT NULL,
    dissent   INTEGER NOT NULL CHECK (dissent IN (0, 1))
) STRICT;
CREATE INDEX finding_entity ON finding (entity_id, property, at, id);
CREATE INDEX finding_claim ON finding (claim_id) WHERE claim_id IS NOT NULL;

CREATE TABLE merge (
    id        TEXT    NOT NULL PRIMARY KEY,
    from_id   TEXT    NOT NULL REFERENCES entity (id),
    into_id   TEXT    NOT NULL REFERENCES entity (id),
    reason    TEXT    NOT NULL,
    author    TEXT    NOT NULL CHECK (author <> ''),
    at        INTEGER NOT NULL,
    undone_at INTEGER,
    undone_by TEXT    NOT NULL DEFAULT '',
    CHECK (from_id <> into_id)
) STRICT;
CREATE UNIQUE INDEX merge_standing ON merge (from_id) WHERE undone_at IS NULL;
CREATE INDEX merge_into ON merge (into_id);

-- Terms that this archive added or changed; they come before those of the program.
CREATE TABLE term (
    vocabulary TEXT    NOT NULL CHECK (vocabulary <> ''),
    code       TEXT    NOT NULL CHECK (code <> ''),
    parent     TEXT    NOT NULL DEFAULT '',
    ordinal    INTEGER NOT NULL DEFAULT 0,
    retired    INTEGER NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)),
    labels     TEXT    NOT NULL, -- JSON by language
    notes      TEXT    NOT NULL, -- JSON by language
    changed_at INTEGER NOT NULL,
    changed_by TEXT    NOT NULL,
    PRIMARY KEY (vocabulary, code)
) STRICT;

-- What was said stays as it was said: a claim is taken back or replaced. Only with an item that it rests on may its words go.
-- +goose StatementBegin
CREATE TRIGGER claim_no_update BEFORE UPDATE ON claim
    WHEN NOT (NEW.id = OLD.id AND NEW.entity_id = OLD.entity_id AND NEW.property = OLD.property AND NEW.value = OLD.value AND NEW.lang = OLD.lang
        AND NEW.certainty = OLD.certainty AND NEW.note = OLD.note AND NEW.author = OLD.author AND NEW.origin = OLD.origin AND NEW.created_at = OLD.created_at
        AND NEW.ref_id IS OLD.ref_id AND NEW.item_id IS OLD.item_id AND NEW.earliest IS OLD.earliest AND NEW.latest IS OLD.latest)
    AND NOT (NEW.id = OLD.id AND NEW.entity_id = OLD.entity_id AND NEW.property = OLD.property AND NEW.value = '' AND NEW.note = '' AND NEW.retracted_at IS NOT NULL
        AND EXISTS (SELECT 1 FROM erasure e WHERE e.state IN ('approved', 'done')
            AND (e.item_id = OLD.item_id OR EXISTS (SELECT 1 FROM claim_source s WHERE s.claim_id = OLD.id AND s.item_id = e.item_id))))
BEGIN
    SELECT RAISE(ABORT, 'claim is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER claim_no_delete BEFORE DELETE ON claim
BEGIN
    SELECT RAISE(ABORT, 'claim is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER claim_no_replace BEFORE INSERT ON claim
    WHEN EXISTS (SELECT 1 FROM claim WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'claim holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER claim_source_no_update BEFORE UPDATE ON claim_source
BEGIN
    SELECT RAISE(ABORT, 'claim_source is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER claim_source_no_delete BEFORE DELETE ON claim_source
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state IN ('approved', 'done'))
BEGIN
    SELECT RAISE(ABORT, 'claim_source is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER finding_no_update BEFORE UPDATE ON finding
BEGIN
    SELECT RAISE(ABORT, 'finding is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER finding_no_delete BEFORE DELETE ON finding
    WHEN NOT EXISTS (SELECT 1 FROM claim c JOIN claim_source s ON s.claim_id = c.id JOIN erasure e ON e.item_id = s.item_id
        WHERE c.entity_id = OLD.entity_id AND c.property = OLD.property AND e.state IN ('approved', 'done'))
BEGIN
    SELECT RAISE(ABORT, 'finding is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER merge_no_update BEFORE UPDATE ON merge
    WHEN NOT (OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL AND NEW.id = OLD.id AND NEW.from_id = OLD.from_id AND NEW.into_id = OLD.into_id
        AND NEW.reason = OLD.reason AND NEW.author = OLD.author AND NEW.at = OLD.at)
BEGIN
    SELECT RAISE(ABORT, 'merge is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER merge_no_delete BEFORE DELETE ON merge
BEGIN
    SELECT RAISE(ABORT, 'merge is insert-only');
END;
-- +goose StatementEnd
