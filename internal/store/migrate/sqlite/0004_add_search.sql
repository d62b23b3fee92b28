-- +goose Up
-- Search: what can be found, in which place it stands, and the words it was reduced to.

CREATE TABLE search_doc (
    n            INTEGER NOT NULL PRIMARY KEY, -- the order in which documents were added
    kind         INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 7),
    ref          TEXT    NOT NULL CHECK (ref <> ''),
    part         INTEGER NOT NULL CHECK (part >= 0),
    accession_no INTEGER NOT NULL, -- the item, by its two numbers; 0: of none
    item_no      INTEGER NOT NULL,
    entity_id    TEXT    NOT NULL,
    claim_id     TEXT    NOT NULL,
    compartment  TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    from_us      INTEGER NOT NULL,
    to_us        INTEGER NOT NULL,
    lang         TEXT    NOT NULL,
    name         INTEGER NOT NULL CHECK (name IN (0, 1)),
    analyzer     INTEGER NOT NULL, -- version of the analyzer that made its words
    UNIQUE (ref, kind, part),
    CHECK ((accession_no > 0) = (item_no > 0)),
    CHECK (accession_no > 0 OR entity_id <> '')
) STRICT;
CREATE INDEX search_doc_item   ON search_doc (accession_no, item_no) WHERE accession_no > 0;
CREATE INDEX search_doc_entity ON search_doc (entity_id) WHERE entity_id <> '';
CREATE INDEX search_doc_claim  ON search_doc (claim_id) WHERE claim_id <> '';

CREATE TABLE search_text (
    n    INTEGER NOT NULL PRIMARY KEY REFERENCES search_doc (n),
    text TEXT    NOT NULL
) STRICT;

-- Words only, no text. What is deleted is overwritten at once.
CREATE VIRTUAL TABLE search_index USING fts5 (tokens, content = '', tokenize = 'zapis');
INSERT INTO search_index (search_index, rank) VALUES ('secure-delete', 1);

-- The words that stand in any document, and what they sound like.
CREATE TABLE search_term (
    term TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
CREATE TABLE search_fold (
    fold TEXT NOT NULL,
    term TEXT NOT NULL,
    PRIMARY KEY (fold, term)
) STRICT, WITHOUT ROWID;

-- Names, by the keys of their words.
CREATE TABLE search_name (
    name_key TEXT    NOT NULL,
    n        INTEGER NOT NULL REFERENCES search_doc (n),
    PRIMARY KEY (name_key, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX search_name_doc ON search_name (n);

CREATE TABLE saved_search (
    id         TEXT    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES account (id),
    name       TEXT    NOT NULL CHECK (name <> ''),
    query      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT;
CREATE INDEX saved_search_account ON saved_search (account_id, id);
