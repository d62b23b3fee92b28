-- +goose Up
CREATE TABLE catalogue (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    application    TEXT    NOT NULL CHECK (application = 'zapis'),
    vault_id       TEXT    NOT NULL,
    created_at     INTEGER NOT NULL,
    next_accession INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- What lies in the vault, as committed there.

CREATE TABLE envelope (
    id           TEXT    NOT NULL PRIMARY KEY,
    sha256       BLOB    NOT NULL,
    size         INTEGER NOT NULL,
    committed_at INTEGER NOT NULL
) STRICT;

CREATE TABLE blob (
    name        TEXT    NOT NULL PRIMARY KEY,
    envelope_id TEXT    NOT NULL REFERENCES envelope (id),
    size        INTEGER NOT NULL,
    sha256      BLOB    NOT NULL,
    checked_at  INTEGER,
    result      TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX blob_envelope ON blob (envelope_id);

CREATE TABLE object (
    id          TEXT    NOT NULL PRIMARY KEY,
    envelope_id TEXT    NOT NULL REFERENCES envelope (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('original', 'derivative', 'manifest')),
    state       TEXT    NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'quarantined', 'erased')),
    size        INTEGER NOT NULL CHECK (size >= 0),
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32)
) STRICT;
CREATE INDEX object_envelope ON object (envelope_id);

CREATE TABLE segment (
    object_id    TEXT    NOT NULL REFERENCES object (id),
    number       INTEGER NOT NULL,
    blob_name    TEXT    NOT NULL REFERENCES blob (name),
    starts_at    INTEGER NOT NULL,
    sealed_size  INTEGER NOT NULL,
    plain_size   INTEGER NOT NULL,
    plain_sha256 BLOB    NOT NULL CHECK (length(plain_sha256) = 32),
    PRIMARY KEY (object_id, number)
) STRICT;
CREATE INDEX segment_blob ON segment (blob_name);

-- What is held.

CREATE TABLE accession (
    id                TEXT    NOT NULL PRIMARY KEY,
    number            INTEGER NOT NULL UNIQUE,
    title             TEXT    NOT NULL,
    state             TEXT    NOT NULL CHECK (state IN ('open', 'closed')),
    created_at        INTEGER NOT NULL,
    created_by        TEXT    NOT NULL,
    closed_at         INTEGER,
    found             INTEGER NOT NULL DEFAULT 0,
    received          INTEGER NOT NULL DEFAULT 0,
    duplicates        INTEGER NOT NULL DEFAULT 0,
    skipped           INTEGER NOT NULL DEFAULT 0,
    failed            INTEGER NOT NULL DEFAULT 0,
    bytes             INTEGER NOT NULL DEFAULT 0,
    manifest_object   TEXT    NOT NULL DEFAULT '',
    manifest_envelope TEXT    NOT NULL DEFAULT '',
    manifest_sha256   BLOB,
    receipt           BLOB,
    next_item         INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE TABLE item (
    id              TEXT    NOT NULL PRIMARY KEY,
    accession_id    TEXT    NOT NULL REFERENCES accession (id),
    accession_no    INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    kind            TEXT    NOT NULL CHECK (kind IN ('video', 'audio', 'image', 'document', 'unknown')),
    state           TEXT    NOT NULL CHECK (state IN ('sealed', 'browsable', 'ready', 'explained', 'quarantined', 'erased')),
    reason          TEXT    NOT NULL DEFAULT '',
    size            INTEGER NOT NULL CHECK (size >= 0),
    sha256          BLOB    NOT NULL CHECK (length(sha256) = 32),
    object_id       TEXT    NOT NULL REFERENCES object (id) DEFERRABLE INITIALLY DEFERRED,
    envelope_id     TEXT    NOT NULL,
    received_at     INTEGER NOT NULL,
    recorded_at     INTEGER,
    recorded_source TEXT    NOT NULL DEFAULT '',
    duration        INTEGER NOT NULL DEFAULT 0,
    width           INTEGER NOT NULL DEFAULT 0,
    height          INTEGER NOT NULL DEFAULT 0,
    frame_rate      REAL    NOT NULL DEFAULT 0,
    format          TEXT    NOT NULL DEFAULT '',
    codec           TEXT    NOT NULL DEFAULT '',
    camera          TEXT    NOT NULL DEFAULT '',
    micro           BLOB,
    anomalies       INTEGER NOT NULL DEFAULT 0,
    difficulty      INTEGER NOT NULL DEFAULT -1 CHECK (difficulty BETWEEN -1 AND 3),
    copies          INTEGER NOT NULL DEFAULT 1,
    sort_at         INTEGER NOT NULL, -- recorded_at, else received_at
    UNIQUE (accession_no, number)
) STRICT;
-- Bytes are held once; after erasure the same bytes may come again as a new item.
CREATE UNIQUE INDEX item_sha256 ON item (sha256) WHERE state <> 'erased';
CREATE INDEX item_object ON item (object_id);
-- A list walks one of these in order of time and filters within the index; the row is fetched only for a hit.
CREATE INDEX item_time       ON item (sort_at, id, accession_id, kind, state, difficulty, camera);
CREATE INDEX item_accession  ON item (accession_id, sort_at, id, kind, state, difficulty, camera);
CREATE INDEX item_kind       ON item (kind, sort_at, id, accession_id, state, difficulty, camera);
CREATE INDEX item_state      ON item (state, sort_at, id, accession_id, kind, difficulty, camera);
CREATE INDEX item_difficulty ON item (difficulty, sort_at, id, accession_id, kind, state, camera) WHERE difficulty >= 0;
CREATE INDEX item_camera     ON item (camera, sort_at, id, accession_id, kind, state, difficulty) WHERE camera <> '';

-- How many items there are, kept by the transaction that changes the items: per day (UTC, days since 1970) with and
-- without the camera, per block of 32 days, and over all days. Erased items are not counted.
CREATE TABLE item_rollup (
    day          INTEGER NOT NULL,
    accession_id TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    difficulty   INTEGER NOT NULL,
    camera       TEXT    NOT NULL,
    n            INTEGER NOT NULL,
    duration     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (day, accession_id, kind, state, difficulty, camera)
) STRICT, WITHOUT ROWID;
CREATE INDEX item_rollup_camera ON item_rollup (camera, day);

CREATE TABLE item_rollup_day (
    day          INTEGER NOT NULL,
    accession_id TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    difficulty   INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    duration     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (day, accession_id, kind, state, difficulty)
) STRICT, WITHOUT ROWID;

CREATE TABLE item_rollup_block (
    block        INTEGER NOT NULL,
    accession_id TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    difficulty   INTEGER NOT NULL,
    camera       TEXT    NOT NULL,
    n            INTEGER NOT NULL,
    duration     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (block, accession_id, kind, state, difficulty, camera)
) STRICT, WITHOUT ROWID;

CREATE TABLE item_rollup_total (
    accession_id TEXT    NOT NULL,
    kind         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    difficulty   INTEGER NOT NULL,
    camera       TEXT    NOT NULL,
    n            INTEGER NOT NULL,
    duration     INTEGER NOT NULL,
    bytes        INTEGER NOT NULL,
    PRIMARY KEY (accession_id, kind, state, difficulty, camera)
) STRICT, WITHOUT ROWID;

CREATE TABLE provenance (
    id           TEXT    NOT NULL PRIMARY KEY,
    accession_id TEXT    NOT NULL REFERENCES accession (id),
    seq          INTEGER NOT NULL CHECK (seq > 0),
    item_id      TEXT    REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED,
    outcome      TEXT    NOT NULL CHECK (outcome IN ('received', 'duplicate', 'skipped', 'failed')),
    reason       TEXT    NOT NULL DEFAULT '',
    size         INTEGER NOT NULL,
    fingerprint  BLOB    NOT NULL,
    sealed       BLOB    NOT NULL,
    found_at     INTEGER NOT NULL,
    UNIQUE (accession_id, seq)
) STRICT;
CREATE INDEX provenance_fingerprint ON provenance (accession_id, fingerprint);
CREATE INDEX provenance_item ON provenance (item_id);

CREATE TABLE derivative (
    id             TEXT    NOT NULL PRIMARY KEY,
    item_id        TEXT    NOT NULL REFERENCES item (id),
    kind           TEXT    NOT NULL,
    ordinal        INTEGER NOT NULL,
    recipe         TEXT    NOT NULL,
    recipe_version INTEGER NOT NULL,
    tool           TEXT    NOT NULL,
    tool_version   TEXT    NOT NULL,
    object_id      TEXT    NOT NULL REFERENCES object (id) DEFERRABLE INITIALLY DEFERRED,
    envelope_id    TEXT    NOT NULL,
    size           INTEGER NOT NULL,
    sha256         BLOB    NOT NULL CHECK (length(sha256) = 32),
    media_type     TEXT    NOT NULL,
    meta           BLOB,
    created_at     INTEGER NOT NULL,
    superseded_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX derivative_standing ON derivative (item_id, recipe, kind, ordinal) WHERE superseded_at IS NULL;
CREATE INDEX derivative_item ON derivative (item_id);
CREATE INDEX derivative_object ON derivative (object_id);

-- The custody record.

CREATE TABLE custody_leaf (
    position   INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32)
) STRICT;

CREATE TABLE custody_opening (
    position INTEGER NOT NULL PRIMARY KEY,
    event_id TEXT    NOT NULL UNIQUE,
    type     TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    agent    TEXT    NOT NULL,
    salt     BLOB    NOT NULL CHECK (length(salt) = 32),
    event    BLOB    NOT NULL
) STRICT;

CREATE TABLE custody_subject (
    position   INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    role       TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    subject_id TEXT    NOT NULL,
    PRIMARY KEY (position, ordinal)
) STRICT;
CREATE INDEX custody_subject_of ON custody_subject (subject_id, kind, position);

CREATE TABLE custody_hash (
    position INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE custody_head (
    id   INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    size INTEGER NOT NULL
) STRICT;
INSERT INTO custody_head (id, size) VALUES (1, 0);

CREATE TABLE checkpoint (
    size INTEGER NOT NULL,
    note BLOB    NOT NULL,
    root BLOB    NOT NULL CHECK (length(root) = 32),
    at   INTEGER NOT NULL,
    PRIMARY KEY (size, note)
) STRICT;

-- Insert-only: whatever program holds the database open, a row of the custody record is neither changed nor removed.
-- The third trigger of each table stands against INSERT OR REPLACE, which removes rows without asking the second.
-- +goose StatementBegin
CREATE TRIGGER custody_leaf_no_update BEFORE UPDATE ON custody_leaf
BEGIN
    SELECT RAISE(ABORT, 'custody_leaf is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_leaf_no_delete BEFORE DELETE ON custody_leaf
BEGIN
    SELECT RAISE(ABORT, 'custody_leaf is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_leaf_no_replace BEFORE INSERT ON custody_leaf
    WHEN EXISTS (SELECT 1 FROM custody_leaf WHERE position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'custody_leaf holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_opening_no_update BEFORE UPDATE ON custody_opening
BEGIN
    SELECT RAISE(ABORT, 'custody_opening is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_opening_no_delete BEFORE DELETE ON custody_opening
BEGIN
    SELECT RAISE(ABORT, 'custody_opening is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_opening_no_replace BEFORE INSERT ON custody_opening
    WHEN EXISTS (SELECT 1 FROM custody_opening WHERE position = NEW.position OR event_id = NEW.event_id)
BEGIN
    SELECT RAISE(ABORT, 'custody_opening holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_subject_no_update BEFORE UPDATE ON custody_subject
BEGIN
    SELECT RAISE(ABORT, 'custody_subject is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_subject_no_delete BEFORE DELETE ON custody_subject
BEGIN
    SELECT RAISE(ABORT, 'custody_subject is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_subject_no_replace BEFORE INSERT ON custody_subject
    WHEN EXISTS (SELECT 1 FROM custody_subject WHERE position = NEW.position AND ordinal = NEW.ordinal)
BEGIN
    SELECT RAISE(ABORT, 'custody_subject holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_hash_no_update BEFORE UPDATE ON custody_hash
BEGIN
    SELECT RAISE(ABORT, 'custody_hash is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_hash_no_delete BEFORE DELETE ON custody_hash
BEGIN
    SELECT RAISE(ABORT, 'custody_hash is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_hash_no_replace BEFORE INSERT ON custody_hash
    WHEN EXISTS (SELECT 1 FROM custody_hash WHERE position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'custody_hash holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint
BEGIN
    SELECT RAISE(ABORT, 'checkpoint is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint
BEGIN
    SELECT RAISE(ABORT, 'checkpoint is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER checkpoint_no_replace BEFORE INSERT ON checkpoint
    WHEN EXISTS (SELECT 1 FROM checkpoint WHERE size = NEW.size AND note = NEW.note)
BEGIN
    SELECT RAISE(ABORT, 'checkpoint holds this row already');
END;
-- +goose StatementEnd
-- The head is one row that only grows.
-- +goose StatementBegin
CREATE TRIGGER custody_head_no_shrink BEFORE UPDATE ON custody_head
    WHEN NEW.size < OLD.size OR NEW.id <> OLD.id
BEGIN
    SELECT RAISE(ABORT, 'custody_head never shrinks');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_head_no_delete BEFORE DELETE ON custody_head
BEGIN
    SELECT RAISE(ABORT, 'custody_head never shrinks');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_head_no_replace BEFORE INSERT ON custody_head
    WHEN EXISTS (SELECT 1 FROM custody_head)
BEGIN
    SELECT RAISE(ABORT, 'custody_head never shrinks');
END;
-- +goose StatementEnd

-- Fixity.

CREATE TABLE fixity_run (
    id          TEXT    NOT NULL PRIMARY KEY,
    scope       TEXT    NOT NULL,
    agent       TEXT    NOT NULL,
    keyless     INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    finished_at INTEGER,
    blobs       INTEGER NOT NULL DEFAULT 0,
    objects     INTEGER NOT NULL DEFAULT 0,
    bytes       INTEGER NOT NULL DEFAULT 0,
    failures    INTEGER NOT NULL DEFAULT 0,
    outcome     TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX fixity_run_started ON fixity_run (started_at, id);

CREATE TABLE fixity_finding (
    id          TEXT    NOT NULL PRIMARY KEY,
    run_id      TEXT    NOT NULL REFERENCES fixity_run (id),
    blob        TEXT    NOT NULL DEFAULT '',
    object      TEXT    NOT NULL DEFAULT '',
    item        TEXT    NOT NULL DEFAULT '',
    code        TEXT    NOT NULL,
    found_at    INTEGER NOT NULL,
    resolved_at INTEGER,
    resolution  TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX fixity_finding_open ON fixity_finding (found_at, id) WHERE resolved_at IS NULL;

-- People.

CREATE TABLE agent (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL CHECK (kind IN ('person', 'software')),
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE account (
    id          TEXT    NOT NULL PRIMARY KEY REFERENCES agent (id),
    login       TEXT    NOT NULL UNIQUE,
    role        TEXT    NOT NULL CHECK (role IN ('admin', 'archivist', 'reviewer')),
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

CREATE TABLE credential (
    id         BLOB    NOT NULL PRIMARY KEY,
    account_id TEXT    NOT NULL REFERENCES account (id),
    data       BLOB    NOT NULL,
    label      TEXT    NOT NULL DEFAULT '',
    uses       INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;
CREATE INDEX credential_account ON credential (account_id);

CREATE TABLE recovery (
    account_id TEXT    NOT NULL REFERENCES account (id),
    hash       BLOB    NOT NULL,
    used_at    INTEGER,
    PRIMARY KEY (account_id, hash)
) STRICT;

CREATE TABLE session (
    token_hash BLOB    NOT NULL PRIMARY KEY,
    account_id TEXT    REFERENCES account (id),
    data       BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE sign_in_link (
    hash       BLOB    NOT NULL PRIMARY KEY,
    account_id TEXT    REFERENCES account (id),
    role       TEXT    NOT NULL DEFAULT '',
    purpose    TEXT    NOT NULL,
    created_by TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE TABLE attempt (
    id   TEXT    NOT NULL PRIMARY KEY,
    name BLOB    NOT NULL, -- keyed hash of what was tried
    at   INTEGER NOT NULL
) STRICT;
CREATE INDEX attempt_name ON attempt (name, at);

-- Workers.

CREATE TABLE worker (
    id         TEXT    NOT NULL PRIMARY KEY,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT;

CREATE TABLE job_progress (
    job   INTEGER NOT NULL PRIMARY KEY,
    step  TEXT    NOT NULL,
    done  INTEGER NOT NULL,
    total INTEGER NOT NULL,
    at    INTEGER NOT NULL
) STRICT;
