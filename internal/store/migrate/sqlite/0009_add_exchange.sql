-- +goose Up
-- Tokens by which programs act for an account, and what was taken in from files.

CREATE TABLE api_token (
    id           TEXT    NOT NULL PRIMARY KEY,
    account_id   TEXT    NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED,
    hash         BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32), -- the token itself is nowhere
    label        TEXT    NOT NULL,
    actions      TEXT    NOT NULL CHECK (actions <> ''), -- read, write, export, separated by commas
    compartments TEXT    NOT NULL, -- JSON list; null: whatever the account sees
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    used_on      INTEGER -- day since 1970, no finer: a token must not become a diary of its owner
) STRICT;
CREATE INDEX api_token_account ON api_token (account_id, created_at);

-- One run over a file. Of the file nothing is kept but its digest: its name may name people.
CREATE TABLE import (
    id          TEXT    NOT NULL PRIMARY KEY,
    format      TEXT    NOT NULL CHECK (format IN ('table', 'ftm')),
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    mapping     BLOB    NOT NULL, -- JSON
    compartment TEXT    NOT NULL DEFAULT '',
    state       TEXT    NOT NULL CHECK (state IN ('running', 'done', 'undone')),
    next_row    INTEGER NOT NULL CHECK (next_row >= 0), -- where it goes on; rows before it are settled
    created     INTEGER NOT NULL DEFAULT 0 CHECK (created >= 0),
    updated     INTEGER NOT NULL DEFAULT 0 CHECK (updated >= 0),
    unchanged   INTEGER NOT NULL DEFAULT 0 CHECK (unchanged >= 0),
    refused     INTEGER NOT NULL DEFAULT 0 CHECK (refused >= 0),
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL REFERENCES agent (id) DEFERRABLE INITIALLY DEFERRED,
    ended_at    INTEGER,
    undone_at   INTEGER,
    undone_by   TEXT
) STRICT;
CREATE INDEX import_author ON import (created_by, created_at);
CREATE UNIQUE INDEX import_running ON import (created_by, sha256) WHERE state = 'running';

-- How somebody reads the columns of a kind of file; theirs alone.
CREATE TABLE import_mapping (
    agent_id   TEXT    NOT NULL REFERENCES agent (id) DEFERRABLE INITIALLY DEFERRED,
    name       TEXT    NOT NULL CHECK (name <> ''),
    mapping    BLOB    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, name)
) STRICT;

-- What an entity is called in the files of others. One key may belong to several entities that not everybody sees, so it is not unique.
CREATE TABLE external_key (
    source    TEXT NOT NULL,
    key       TEXT NOT NULL CHECK (key <> ''),
    entity_id TEXT NOT NULL REFERENCES entity (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (source, key, entity_id)
) STRICT;
CREATE INDEX external_key_entity ON external_key (entity_id);

-- Claims that kept the origin they had elsewhere, so that their import can still be undone.
CREATE TABLE import_claim (
    claim_id  TEXT NOT NULL PRIMARY KEY,
    import_id TEXT NOT NULL REFERENCES import (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
CREATE INDEX import_claim_import ON import_claim (import_id);

-- Where passages and papers of consent that came from elsewhere lie in items that this archive does not hold.
CREATE TABLE foreign_place (
    subject_id TEXT NOT NULL PRIMARY KEY,
    item TEXT NOT NULL CHECK (item <> ''),
    from_us INTEGER NOT NULL DEFAULT 0 CHECK (from_us >= 0),
    to_us INTEGER NOT NULL DEFAULT 0 CHECK (to_us >= from_us),
    page INTEGER NOT NULL DEFAULT 0 CHECK (page >= 0)
) STRICT;

-- Agents who are known from the files of other archives only. Nobody acts in their name here.
CREATE TABLE foreign_agent (
    agent_id TEXT NOT NULL PRIMARY KEY REFERENCES agent (id) DEFERRABLE INITIALLY DEFERRED,
    import_id TEXT NOT NULL REFERENCES import (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;
