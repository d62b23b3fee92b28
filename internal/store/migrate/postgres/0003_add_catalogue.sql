-- +goose Up
-- The catalogue: entities, claims and what they rest on, findings, merges, compartments, vocabularies. docs/design/catalogue.md.

-- Investigators may sign in.
ALTER TABLE account DROP CONSTRAINT account_role_check;
ALTER TABLE account ADD CONSTRAINT account_role_check CHECK (role IN ('admin', 'archivist', 'investigator', 'reviewer'));

-- A closed part of the catalogue. '' as a compartment is the common one, which has no row. tag stands in the codes of what is made in it, so
-- that numbers that are missing among the others tell nothing.
CREATE TABLE compartment (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (id <> ''),
    name TEXT COLLATE "C" NOT NULL UNIQUE CHECK (name <> ''),
    tag TEXT COLLATE "C" NOT NULL UNIQUE CHECK (tag <> ''),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL
);

-- merged_into is the entity into which this one was merged; nothing else of a merge is stored here, so that undoing it is taking it away.
CREATE TABLE entity (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    code TEXT COLLATE "C" NOT NULL CHECK (code <> ''),
    number BIGINT NOT NULL CHECK (number >= 0), -- in the code; 0 if it was given by hand
    compartment TEXT COLLATE "C" NOT NULL,
    protected BIGINT NOT NULL DEFAULT 0 CHECK (protected IN (0, 1)),
    merged_into TEXT COLLATE "C" REFERENCES entity (id) CHECK (merged_into <> id),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    UNIQUE (code, compartment)
);
CREATE INDEX entity_kind ON entity (kind, number, id);
CREATE INDEX entity_order ON entity (number, id);
CREATE INDEX entity_merged ON entity (merged_into) WHERE merged_into IS NOT NULL;

-- The next number of a code, by kind and compartment.
CREATE TABLE entity_counter (
    kind TEXT COLLATE "C" NOT NULL,
    compartment TEXT COLLATE "C" NOT NULL,
    next BIGINT NOT NULL CHECK (next > 0),
    PRIMARY KEY (kind, compartment)
);

-- compartment is NULL while it is that of the entity. ref_id and item_id are what the value names, if it names something; earliest and latest
-- are microseconds that a date may mean, NULL where it is open.
CREATE TABLE claim (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    entity_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    property TEXT COLLATE "C" NOT NULL CHECK (property <> ''),
    value TEXT COLLATE "C" NOT NULL,
    lang TEXT COLLATE "C" NOT NULL DEFAULT '',
    certainty TEXT COLLATE "C" NOT NULL CHECK (certainty IN ('established', 'probable', 'disputed', 'not known')),
    note TEXT COLLATE "C" NOT NULL DEFAULT '',
    compartment TEXT COLLATE "C",
    author TEXT COLLATE "C" NOT NULL CHECK (author <> ''),
    origin TEXT COLLATE "C" NOT NULL CHECK (origin <> ''),
    created_at BIGINT NOT NULL,
    ref_id TEXT COLLATE "C" REFERENCES entity (id),
    item_id TEXT COLLATE "C" REFERENCES item (id),
    earliest BIGINT,
    latest BIGINT,
    retracted_at BIGINT,
    retracted_by TEXT COLLATE "C" NOT NULL DEFAULT '',
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    replaced TEXT COLLATE "C" NOT NULL DEFAULT '',
    CHECK (retracted_at IS NOT NULL OR (retracted_by = '' AND replaced = ''))
);
CREATE INDEX claim_entity ON claim (entity_id, property, created_at, id);
CREATE INDEX claim_ref ON claim (ref_id, property) WHERE ref_id IS NOT NULL;
CREATE INDEX claim_item ON claim (item_id) WHERE item_id IS NOT NULL;
CREATE INDEX claim_value ON claim (property, value) WHERE length(value) <= 200; -- PostgreSQL indexes no long ones
CREATE INDEX claim_date ON claim (earliest, latest) WHERE earliest IS NOT NULL;
CREATE INDEX claim_origin ON claim (origin) WHERE origin <> 'person';

CREATE TABLE claim_source (
    claim_id TEXT COLLATE "C" NOT NULL REFERENCES claim (id),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('item', 'passage', 'document', 'article', 'other')),
    item_id TEXT COLLATE "C" REFERENCES item (id),
    from_us BIGINT NOT NULL DEFAULT 0 CHECK (from_us >= 0),
    to_us BIGINT NOT NULL DEFAULT 0 CHECK (to_us >= from_us),
    x BIGINT NOT NULL DEFAULT 0,
    y BIGINT NOT NULL DEFAULT 0,
    w BIGINT NOT NULL DEFAULT 0,
    h BIGINT NOT NULL DEFAULT 0,
    page BIGINT NOT NULL DEFAULT 0 CHECK (page >= 0),
    passage_id TEXT COLLATE "C",
    entity_id TEXT COLLATE "C" REFERENCES entity (id),
    note TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (claim_id, ordinal),
    CHECK (kind <> 'item' OR item_id IS NOT NULL),
    CHECK (kind <> 'passage' OR (passage_id IS NOT NULL AND entity_id IS NOT NULL)),
    CHECK (kind NOT IN ('document', 'article') OR entity_id IS NOT NULL)
);
CREATE INDEX claim_source_item ON claim_source (item_id, from_us) WHERE item_id IS NOT NULL;
CREATE INDEX claim_source_passage ON claim_source (passage_id) WHERE passage_id IS NOT NULL;
CREATE INDEX claim_source_entity ON claim_source (entity_id) WHERE entity_id IS NOT NULL;

-- Words of names, folded, by which entities are found as one types.
CREATE TABLE claim_key (
    word TEXT COLLATE "C" NOT NULL,
    claim_id TEXT COLLATE "C" NOT NULL REFERENCES claim (id),
    PRIMARY KEY (word, claim_id)
);
CREATE INDEX claim_key_claim ON claim_key (claim_id);

CREATE TABLE finding (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    entity_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    property TEXT COLLATE "C" NOT NULL,
    claim_id TEXT COLLATE "C" REFERENCES claim (id),
    reason TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL CHECK (author <> ''),
    at BIGINT NOT NULL,
    dissent BIGINT NOT NULL CHECK (dissent IN (0, 1))
);
CREATE INDEX finding_entity ON finding (entity_id, property, at, id);
CREATE INDEX finding_claim ON finding (claim_id) WHERE claim_id IS NOT NULL;

CREATE TABLE merge (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    from_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    into_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    reason TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL CHECK (author <> ''),
    at BIGINT NOT NULL,
    undone_at BIGINT,
    undone_by TEXT COLLATE "C" NOT NULL DEFAULT '',
    CHECK (from_id <> into_id)
);
CREATE UNIQUE INDEX merge_standing ON merge (from_id) WHERE undone_at IS NULL;
CREATE INDEX merge_into ON merge (into_id);

-- Terms that this archive added or changed; they come before those of the program.
CREATE TABLE term (
    vocabulary TEXT COLLATE "C" NOT NULL CHECK (vocabulary <> ''),
    code TEXT COLLATE "C" NOT NULL CHECK (code <> ''),
    parent TEXT COLLATE "C" NOT NULL DEFAULT '',
    ordinal BIGINT NOT NULL DEFAULT 0,
    retired BIGINT NOT NULL DEFAULT 0 CHECK (retired IN (0, 1)),
    labels TEXT COLLATE "C" NOT NULL, -- JSON by language
    notes TEXT COLLATE "C" NOT NULL, -- JSON by language
    changed_at BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (vocabulary, code)
);

-- What was said stays as it was said: a claim is taken back or replaced. Only with an item that it rests on may its words go.
-- +goose StatementBegin
CREATE FUNCTION refuse_claim_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.id = OLD.id AND NEW.entity_id = OLD.entity_id AND NEW.property = OLD.property AND NEW.value = OLD.value AND NEW.lang = OLD.lang
        AND NEW.certainty = OLD.certainty AND NEW.note = OLD.note AND NEW.author = OLD.author AND NEW.origin = OLD.origin AND NEW.created_at = OLD.created_at
        AND NEW.ref_id IS NOT DISTINCT FROM OLD.ref_id AND NEW.item_id IS NOT DISTINCT FROM OLD.item_id
        AND NEW.earliest IS NOT DISTINCT FROM OLD.earliest AND NEW.latest IS NOT DISTINCT FROM OLD.latest THEN
        RETURN NEW;
    END IF;
    IF NEW.id = OLD.id AND NEW.entity_id = OLD.entity_id AND NEW.property = OLD.property AND NEW.value = '' AND NEW.note = '' AND NEW.retracted_at IS NOT NULL
        AND EXISTS (SELECT 1 FROM erasure e WHERE e.state IN ('approved', 'done')
            AND (e.item_id = OLD.item_id OR EXISTS (SELECT 1 FROM claim_source s WHERE s.claim_id = OLD.id AND s.item_id = e.item_id))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_claim_source_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state IN ('approved', 'done')) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_finding_loss() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM claim c JOIN claim_source s ON s.claim_id = c.id JOIN erasure e ON e.item_id = s.item_id
        WHERE c.entity_id = OLD.entity_id AND c.property = OLD.property AND e.state IN ('approved', 'done')) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_merge_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.undone_at IS NULL AND NEW.undone_at IS NOT NULL AND NEW.id = OLD.id AND NEW.from_id = OLD.from_id AND NEW.into_id = OLD.into_id
        AND NEW.reason = OLD.reason AND NEW.author = OLD.author AND NEW.at = OLD.at THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER claim_no_update BEFORE UPDATE ON claim FOR EACH ROW EXECUTE FUNCTION refuse_claim_change();
CREATE TRIGGER claim_no_delete BEFORE DELETE ON claim FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER claim_no_truncate BEFORE TRUNCATE ON claim FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER claim_source_no_update BEFORE UPDATE ON claim_source FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER claim_source_no_delete BEFORE DELETE ON claim_source FOR EACH ROW EXECUTE FUNCTION refuse_claim_source_loss();
CREATE TRIGGER claim_source_no_truncate BEFORE TRUNCATE ON claim_source FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER finding_no_update BEFORE UPDATE ON finding FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER finding_no_delete BEFORE DELETE ON finding FOR EACH ROW EXECUTE FUNCTION refuse_finding_loss();
CREATE TRIGGER finding_no_truncate BEFORE TRUNCATE ON finding FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER merge_no_update BEFORE UPDATE ON merge FOR EACH ROW EXECUTE FUNCTION refuse_merge_change();
CREATE TRIGGER merge_no_delete BEFORE DELETE ON merge FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER merge_no_truncate BEFORE TRUNCATE ON merge FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
