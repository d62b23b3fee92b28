-- +goose Up
-- Tokens by which programs act for an account, and what was taken in from files.

CREATE TABLE api_token (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account_id   TEXT COLLATE "C" NOT NULL REFERENCES account (id) DEFERRABLE INITIALLY DEFERRED,
    hash         BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32), -- the token itself is nowhere
    label        TEXT COLLATE "C" NOT NULL,
    actions      TEXT COLLATE "C" NOT NULL CHECK (actions <> ''), -- read, write, export, separated by commas
    compartments TEXT COLLATE "C" NOT NULL, -- JSON list; null: whatever the account sees
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    used_on      BIGINT -- day since 1970, no finer: a token must not become a diary of its owner
);
CREATE INDEX api_token_account ON api_token (account_id, created_at);

-- One run over a file. Of the file nothing is kept but its digest: its name may name people.
CREATE TABLE import (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    format      TEXT COLLATE "C" NOT NULL CHECK (format IN ('table', 'ftm')),
    sha256      BYTEA NOT NULL CHECK (length(sha256) = 32),
    mapping     BYTEA NOT NULL, -- JSON
    compartment TEXT COLLATE "C" NOT NULL DEFAULT '',
    state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'done', 'undone')),
    next_row    BIGINT NOT NULL CHECK (next_row >= 0), -- where it goes on; rows before it are settled
    created     BIGINT NOT NULL DEFAULT 0 CHECK (created >= 0),
    updated     BIGINT NOT NULL DEFAULT 0 CHECK (updated >= 0),
    unchanged   BIGINT NOT NULL DEFAULT 0 CHECK (unchanged >= 0),
    refused     BIGINT NOT NULL DEFAULT 0 CHECK (refused >= 0),
    created_at  BIGINT NOT NULL,
    created_by  TEXT COLLATE "C" NOT NULL REFERENCES agent (id) DEFERRABLE INITIALLY DEFERRED,
    ended_at    BIGINT,
    undone_at   BIGINT,
    undone_by   TEXT
);
CREATE INDEX import_author ON import (created_by, created_at);
CREATE UNIQUE INDEX import_running ON import (created_by, sha256) WHERE state = 'running';

-- How somebody reads the columns of a kind of file; theirs alone.
CREATE TABLE import_mapping (
    agent_id   TEXT COLLATE "C" NOT NULL REFERENCES agent (id) DEFERRABLE INITIALLY DEFERRED,
    name       TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    mapping    BYTEA NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (agent_id, name)
);

-- What an entity is called in the files of others. One key may belong to several entities that not everybody sees, so it is not unique.
CREATE TABLE external_key (
    source    TEXT COLLATE "C" NOT NULL,
    key       TEXT COLLATE "C" NOT NULL CHECK (key <> ''),
    entity_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id) DEFERRABLE INITIALLY DEFERRED,
    PRIMARY KEY (source, key, entity_id)
);
CREATE INDEX external_key_entity ON external_key (entity_id);

-- Claims that kept the origin they had elsewhere, so that their import can still be undone.
CREATE TABLE import_claim (
    claim_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    import_id TEXT COLLATE "C" NOT NULL REFERENCES import (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX import_claim_import ON import_claim (import_id);

-- Where passages and papers of consent that came from elsewhere lie in items that this archive does not hold.
CREATE TABLE foreign_place (
    subject_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item TEXT COLLATE "C" NOT NULL CHECK (item <> ''),
    from_us BIGINT NOT NULL DEFAULT 0 CHECK (from_us >= 0),
    to_us BIGINT NOT NULL DEFAULT 0 CHECK (to_us >= from_us),
    page BIGINT NOT NULL DEFAULT 0 CHECK (page >= 0)
);

-- Agents who are known from the files of other archives only. Nobody acts in their name here.
CREATE TABLE foreign_agent (
    agent_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES agent (id) DEFERRABLE INITIALLY DEFERRED,
    import_id TEXT COLLATE "C" NOT NULL REFERENCES import (id) DEFERRABLE INITIALLY DEFERRED
);
