-- +goose Up
-- Search: what can be found, in which place it stands, and the words it was reduced to.

CREATE SEQUENCE search_doc_n;
CREATE TABLE search_doc (
    n BIGINT NOT NULL PRIMARY KEY, -- the order in which documents were added
    kind BIGINT NOT NULL CHECK (kind BETWEEN 1 AND 7),
    ref TEXT COLLATE "C" NOT NULL CHECK (ref <> ''),
    part BIGINT NOT NULL CHECK (part >= 0),
    accession_no BIGINT NOT NULL, -- the item, by its two numbers; 0: of none
    item_no BIGINT NOT NULL,
    entity_id TEXT COLLATE "C" NOT NULL,
    claim_id TEXT COLLATE "C" NOT NULL,
    compartment TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    from_us BIGINT NOT NULL,
    to_us BIGINT NOT NULL,
    lang TEXT COLLATE "C" NOT NULL,
    name BIGINT NOT NULL CHECK (name IN (0, 1)),
    analyzer BIGINT NOT NULL, -- version of the analyzer that made its words
    UNIQUE (ref, kind, part),
    CHECK ((accession_no > 0) = (item_no > 0)),
    CHECK (accession_no > 0 OR entity_id <> '')
);
CREATE INDEX search_doc_item ON search_doc (accession_no, item_no) WHERE accession_no > 0;
CREATE INDEX search_doc_entity ON search_doc (entity_id) WHERE entity_id <> '';
CREATE INDEX search_doc_claim ON search_doc (claim_id) WHERE claim_id <> '';

CREATE TABLE search_text (
    n BIGINT NOT NULL PRIMARY KEY REFERENCES search_doc (n),
    text TEXT COLLATE "C" NOT NULL
);
-- The server keeps samples of columns for its planner; no sample of what was written is kept.
ALTER TABLE search_text ALTER COLUMN text SET STATISTICS 0;

CREATE TABLE search_index (
    n BIGINT NOT NULL PRIMARY KEY REFERENCES search_doc (n),
    tokens TSVECTOR NOT NULL
);
CREATE INDEX search_index_tokens ON search_index USING gin (tokens);

-- The words that stand in any document, and what they sound like.
CREATE TABLE search_term (
    term TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
ALTER TABLE search_term ALTER COLUMN term SET STATISTICS 0;
CREATE TABLE search_fold (
    fold TEXT COLLATE "C" NOT NULL,
    term TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (fold, term)
);
ALTER TABLE search_fold ALTER COLUMN fold SET STATISTICS 0;
ALTER TABLE search_fold ALTER COLUMN term SET STATISTICS 0;

-- Names, by the keys of their words.
CREATE TABLE search_name (
    name_key TEXT COLLATE "C" NOT NULL,
    n BIGINT NOT NULL REFERENCES search_doc (n),
    PRIMARY KEY (name_key, n)
);
ALTER TABLE search_name ALTER COLUMN name_key SET STATISTICS 0;
CREATE INDEX search_name_doc ON search_name (n);

CREATE TABLE saved_search (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (id),
    name TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    query TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    deleted_at BIGINT
);
ALTER TABLE saved_search ALTER COLUMN name SET STATISTICS 0;
ALTER TABLE saved_search ALTER COLUMN query SET STATISTICS 0;
CREATE INDEX saved_search_account ON saved_search (account_id, id);
