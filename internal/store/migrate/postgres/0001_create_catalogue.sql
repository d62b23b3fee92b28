-- +goose Up
CREATE TABLE catalogue (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    application TEXT COLLATE "C" NOT NULL CHECK (application = 'zapis'),
    vault_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    next_accession BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE setting (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT COLLATE "C" NOT NULL
);

-- What lies in the vault, as committed there.

CREATE TABLE envelope (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    sha256 BYTEA NOT NULL,
    size BIGINT NOT NULL,
    committed_at BIGINT NOT NULL
);

CREATE TABLE blob (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    envelope_id TEXT COLLATE "C" NOT NULL REFERENCES envelope (id),
    size BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    checked_at BIGINT,
    result TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX blob_envelope ON blob (envelope_id);

CREATE TABLE object (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    envelope_id TEXT COLLATE "C" NOT NULL REFERENCES envelope (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('original', 'derivative', 'manifest')),
    state TEXT COLLATE "C" NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'quarantined', 'erased')),
    size BIGINT NOT NULL CHECK (size >= 0),
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32)
);
CREATE INDEX object_envelope ON object (envelope_id);

CREATE TABLE segment (
    object_id TEXT COLLATE "C" NOT NULL REFERENCES object (id),
    number BIGINT NOT NULL,
    blob_name TEXT COLLATE "C" NOT NULL REFERENCES blob (name),
    starts_at BIGINT NOT NULL,
    sealed_size BIGINT NOT NULL,
    plain_size BIGINT NOT NULL,
    plain_sha256 BYTEA NOT NULL CHECK (length(plain_sha256) = 32),
    PRIMARY KEY (object_id, number)
);
CREATE INDEX segment_blob ON segment (blob_name);

-- What is held.

CREATE TABLE accession (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    title TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'closed')),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    closed_at BIGINT,
    found BIGINT NOT NULL DEFAULT 0,
    received BIGINT NOT NULL DEFAULT 0,
    duplicates BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    manifest_object TEXT COLLATE "C" NOT NULL DEFAULT '',
    manifest_envelope TEXT COLLATE "C" NOT NULL DEFAULT '',
    manifest_sha256 BYTEA,
    receipt BYTEA,
    next_item BIGINT NOT NULL DEFAULT 1
);

CREATE TABLE item (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    accession_id TEXT COLLATE "C" NOT NULL REFERENCES accession (id),
    accession_no BIGINT NOT NULL,
    number BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('video', 'audio', 'image', 'document', 'unknown')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('sealed', 'browsable', 'ready', 'explained', 'quarantined', 'erased')),
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    size BIGINT NOT NULL CHECK (size >= 0),
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    object_id TEXT COLLATE "C" NOT NULL REFERENCES object (id) DEFERRABLE INITIALLY DEFERRED,
    envelope_id TEXT COLLATE "C" NOT NULL,
    received_at BIGINT NOT NULL,
    recorded_at BIGINT,
    recorded_source TEXT COLLATE "C" NOT NULL DEFAULT '',
    duration BIGINT NOT NULL DEFAULT 0,
    width BIGINT NOT NULL DEFAULT 0,
    height BIGINT NOT NULL DEFAULT 0,
    frame_rate DOUBLE PRECISION NOT NULL DEFAULT 0,
    format TEXT COLLATE "C" NOT NULL DEFAULT '',
    codec TEXT COLLATE "C" NOT NULL DEFAULT '',
    camera TEXT COLLATE "C" NOT NULL DEFAULT '',
    micro BYTEA,
    anomalies BIGINT NOT NULL DEFAULT 0,
    difficulty BIGINT NOT NULL DEFAULT -1 CHECK (difficulty BETWEEN -1 AND 3),
    copies BIGINT NOT NULL DEFAULT 1,
    sort_at BIGINT NOT NULL, -- recorded_at, else received_at
    UNIQUE (accession_no, number)
);
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
    day BIGINT NOT NULL,
    accession_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    difficulty BIGINT NOT NULL,
    camera TEXT COLLATE "C" NOT NULL,
    n BIGINT NOT NULL,
    duration BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (day, accession_id, kind, state, difficulty, camera)
);
CREATE INDEX item_rollup_camera ON item_rollup (camera, day);

CREATE TABLE item_rollup_day (
    day BIGINT NOT NULL,
    accession_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    difficulty BIGINT NOT NULL,
    n BIGINT NOT NULL,
    duration BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (day, accession_id, kind, state, difficulty)
);

CREATE TABLE item_rollup_block (
    block BIGINT NOT NULL,
    accession_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    difficulty BIGINT NOT NULL,
    camera TEXT COLLATE "C" NOT NULL,
    n BIGINT NOT NULL,
    duration BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (block, accession_id, kind, state, difficulty, camera)
);

CREATE TABLE item_rollup_total (
    accession_id TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    difficulty BIGINT NOT NULL,
    camera TEXT COLLATE "C" NOT NULL,
    n BIGINT NOT NULL,
    duration BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    PRIMARY KEY (accession_id, kind, state, difficulty, camera)
);

CREATE TABLE provenance (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    accession_id TEXT COLLATE "C" NOT NULL REFERENCES accession (id),
    seq BIGINT NOT NULL CHECK (seq > 0),
    item_id TEXT COLLATE "C" REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED,
    outcome TEXT COLLATE "C" NOT NULL CHECK (outcome IN ('received', 'duplicate', 'skipped', 'failed')),
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    size BIGINT NOT NULL,
    fingerprint BYTEA NOT NULL,
    sealed BYTEA NOT NULL,
    found_at BIGINT NOT NULL,
    UNIQUE (accession_id, seq)
);
CREATE INDEX provenance_fingerprint ON provenance (accession_id, fingerprint);
CREATE INDEX provenance_item ON provenance (item_id);

CREATE TABLE derivative (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    kind TEXT COLLATE "C" NOT NULL,
    ordinal BIGINT NOT NULL,
    recipe TEXT COLLATE "C" NOT NULL,
    recipe_version BIGINT NOT NULL,
    tool TEXT COLLATE "C" NOT NULL,
    tool_version TEXT COLLATE "C" NOT NULL,
    object_id TEXT COLLATE "C" NOT NULL REFERENCES object (id) DEFERRABLE INITIALLY DEFERRED,
    envelope_id TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL,
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    media_type TEXT COLLATE "C" NOT NULL,
    meta BYTEA,
    created_at BIGINT NOT NULL,
    superseded_at BIGINT
);
CREATE UNIQUE INDEX derivative_standing ON derivative (item_id, recipe, kind, ordinal) WHERE superseded_at IS NULL;
CREATE INDEX derivative_item ON derivative (item_id);
CREATE INDEX derivative_object ON derivative (object_id);

-- The custody record.

CREATE TABLE custody_leaf (
    position BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    commitment BYTEA NOT NULL CHECK (length(commitment) = 32)
);

CREATE TABLE custody_opening (
    position BIGINT NOT NULL PRIMARY KEY,
    event_id TEXT COLLATE "C" NOT NULL UNIQUE,
    type TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    salt BYTEA NOT NULL CHECK (length(salt) = 32),
    event BYTEA NOT NULL
);

CREATE TABLE custody_subject (
    position BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    subject_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (position, ordinal)
);
CREATE INDEX custody_subject_of ON custody_subject (subject_id, kind, position);

CREATE TABLE custody_hash (
    position BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    hash BYTEA NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE custody_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    size BIGINT NOT NULL
);
INSERT INTO custody_head (id, size) VALUES (1, 0);

CREATE TABLE checkpoint (
    size BIGINT NOT NULL,
    note BYTEA NOT NULL,
    root BYTEA NOT NULL CHECK (length(root) = 32),
    at BIGINT NOT NULL,
    PRIMARY KEY (size, note)
);

-- Insert-only: whatever program holds the database open, a row of the custody record is neither changed nor removed.
-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- The head is one row that only grows.
-- +goose StatementBegin
CREATE FUNCTION refuse_shrinking() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.size < OLD.size OR NEW.id <> OLD.id THEN
        RAISE EXCEPTION '% never shrinks', TG_TABLE_NAME USING ERRCODE = 'ZA001';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER custody_leaf_no_change BEFORE UPDATE OR DELETE ON custody_leaf FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_leaf_no_truncate BEFORE TRUNCATE ON custody_leaf FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_opening_no_change BEFORE UPDATE OR DELETE ON custody_opening FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_opening_no_truncate BEFORE TRUNCATE ON custody_opening FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_subject_no_change BEFORE UPDATE OR DELETE ON custody_subject FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_subject_no_truncate BEFORE TRUNCATE ON custody_subject FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_hash_no_change BEFORE UPDATE OR DELETE ON custody_hash FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_hash_no_truncate BEFORE TRUNCATE ON custody_hash FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoint_no_change BEFORE UPDATE OR DELETE ON checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_head_no_shrink BEFORE UPDATE ON custody_head FOR EACH ROW EXECUTE FUNCTION refuse_shrinking();
CREATE TRIGGER custody_head_no_delete BEFORE DELETE ON custody_head FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_head_no_truncate BEFORE TRUNCATE ON custody_head FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Fixity.

CREATE TABLE fixity_run (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    scope TEXT COLLATE "C" NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    keyless BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    finished_at BIGINT,
    blobs BIGINT NOT NULL DEFAULT 0,
    objects BIGINT NOT NULL DEFAULT 0,
    bytes BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    outcome TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX fixity_run_started ON fixity_run (started_at, id);

CREATE TABLE fixity_finding (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES fixity_run (id),
    blob TEXT COLLATE "C" NOT NULL DEFAULT '',
    object TEXT COLLATE "C" NOT NULL DEFAULT '',
    item TEXT COLLATE "C" NOT NULL DEFAULT '',
    code TEXT COLLATE "C" NOT NULL,
    found_at BIGINT NOT NULL,
    resolved_at BIGINT,
    resolution TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX fixity_finding_open ON fixity_finding (found_at, id) WHERE resolved_at IS NULL;

-- People.

CREATE TABLE agent (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('person', 'software')),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE account (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES agent (id),
    login TEXT COLLATE "C" NOT NULL UNIQUE,
    role TEXT COLLATE "C" NOT NULL CHECK (role IN ('admin', 'archivist', 'reviewer')),
    scope TEXT COLLATE "C" NOT NULL, -- JSON of archive.Scope
    disabled BIGINT NOT NULL DEFAULT 0,
    user_handle BYTEA NOT NULL UNIQUE,
    password TEXT COLLATE "C" NOT NULL DEFAULT '',
    factor BYTEA,
    factor_step BIGINT NOT NULL DEFAULT 0,
    preferences BYTEA,
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT
);

CREATE TABLE credential (
    id BYTEA NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (id),
    data BYTEA NOT NULL,
    label TEXT COLLATE "C" NOT NULL DEFAULT '',
    uses BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX credential_account ON credential (account_id);

CREATE TABLE recovery (
    account_id TEXT COLLATE "C" NOT NULL REFERENCES account (id),
    hash BYTEA NOT NULL,
    used_at BIGINT,
    PRIMARY KEY (account_id, hash)
);

CREATE TABLE session (
    token_hash BYTEA NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" REFERENCES account (id),
    data BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE sign_in_link (
    hash BYTEA NOT NULL PRIMARY KEY,
    account_id TEXT COLLATE "C" REFERENCES account (id),
    role TEXT COLLATE "C" NOT NULL DEFAULT '',
    purpose TEXT COLLATE "C" NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE attempt (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name BYTEA NOT NULL, -- keyed hash of what was tried
    at BIGINT NOT NULL
);
CREATE INDEX attempt_name ON attempt (name, at);

-- Workers.

CREATE TABLE worker (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    started_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);

CREATE TABLE job_progress (
    job BIGINT NOT NULL PRIMARY KEY,
    step TEXT COLLATE "C" NOT NULL,
    done BIGINT NOT NULL,
    total BIGINT NOT NULL,
    at BIGINT NOT NULL
);
