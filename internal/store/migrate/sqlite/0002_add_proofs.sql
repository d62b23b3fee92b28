-- +goose Up
-- Proofs: commitments to items and accessions, the public log, statements, clips, erasure.

-- Clips are sealed in the vault like derivatives. SQLite changes a constraint only with its table: the rows are put aside and
-- come back into the new table before the transaction ends, which is when references are checked.
PRAGMA defer_foreign_keys = ON;
CREATE TEMPORARY TABLE object_aside AS SELECT id, envelope_id, kind, state, size, sha256 FROM object;
DROP TABLE object;
CREATE TABLE object (
    id          TEXT    NOT NULL PRIMARY KEY,
    envelope_id TEXT    NOT NULL REFERENCES envelope (id),
    kind        TEXT    NOT NULL CHECK (kind IN ('original', 'derivative', 'manifest', 'clip')),
    state       TEXT    NOT NULL DEFAULT 'held' CHECK (state IN ('held', 'quarantined', 'erased')),
    size        INTEGER NOT NULL CHECK (size >= 0),
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32)
) STRICT;
INSERT INTO object SELECT id, envelope_id, kind, state, size, sha256 FROM object_aside ORDER BY id;
DROP TABLE object_aside;
CREATE INDEX object_envelope ON object (envelope_id);

-- What is committed about each item when it is taken in: docs/design/proof-bundle.md. salt never leaves the archive and is
-- destroyed with the item.
CREATE TABLE item_seal (
    item_id      TEXT    NOT NULL PRIMARY KEY REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED,
    salt         BLOB    NOT NULL CHECK (length(salt) = 32),
    segment_size INTEGER NOT NULL CHECK (segment_size > 0),
    digests      BLOB    NOT NULL CHECK (length(digests) > 0 AND length(digests) % 32 = 0),
    whole        BLOB    NOT NULL CHECK (length(whole) = 32),
    segment_root BLOB    NOT NULL CHECK (length(segment_root) = 32)
) STRICT;

-- Statements meant for everybody. position (of the tick) and place (within it) are set once.
CREATE TABLE statement (
    id         TEXT    NOT NULL PRIMARY KEY,
    kind       TEXT    NOT NULL,
    body       BLOB    NOT NULL,
    salt       BLOB    NOT NULL CHECK (length(salt) = 32),
    sha256     BLOB    NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    position   INTEGER,
    place      INTEGER CHECK (place >= 0 AND place < 65536),
    CHECK ((position IS NULL) = (place IS NULL)),
    UNIQUE (position, place)
) STRICT;
CREATE INDEX statement_kind ON statement (kind, created_at, id);
CREATE INDEX statement_open ON statement (id) WHERE position IS NULL;

CREATE TABLE accession_seal (
    accession_id TEXT    NOT NULL PRIMARY KEY REFERENCES accession (id),
    root         BLOB    NOT NULL UNIQUE CHECK (length(root) = 32),
    files        INTEGER NOT NULL CHECK (files >= 0),
    bytes        INTEGER NOT NULL CHECK (bytes >= 0),
    milliseconds INTEGER NOT NULL CHECK (milliseconds >= 0),
    unmeasured   INTEGER NOT NULL CHECK (unmeasured >= 0 AND unmeasured <= files),
    sealed_at    INTEGER NOT NULL,
    statement_id TEXT    NOT NULL REFERENCES statement (id) DEFERRABLE INITIALLY DEFERRED
) STRICT;

CREATE TABLE accession_place (
    accession_id TEXT    NOT NULL REFERENCES accession_seal (accession_id) DEFERRABLE INITIALLY DEFERRED,
    place        INTEGER NOT NULL CHECK (place >= 0),
    item_id      TEXT    NOT NULL UNIQUE REFERENCES item (id),
    leaf         BLOB    NOT NULL CHECK (length(leaf) = 32),
    bytes_before INTEGER NOT NULL CHECK (bytes_before >= 0),
    bytes        INTEGER NOT NULL CHECK (bytes >= 0),
    ms_before    INTEGER NOT NULL CHECK (ms_before >= 0),
    ms           INTEGER NOT NULL CHECK (ms >= 0),
    PRIMARY KEY (accession_id, place)
) STRICT;

-- The public log: one entry per tick of the calendar.
CREATE TABLE public_log (
    id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    origin     TEXT    NOT NULL CHECK (origin <> ''),
    started_on INTEGER NOT NULL, -- days since 1970
    cadence_s  INTEGER NOT NULL CHECK (cadence_s > 0),
    offset_s   INTEGER NOT NULL CHECK (offset_s >= 0)
) STRICT;

CREATE TABLE log_key (
    number      INTEGER NOT NULL PRIMARY KEY CHECK (number > 0),
    vkey        TEXT    NOT NULL UNIQUE,
    endorsement TEXT    NOT NULL,
    since       INTEGER NOT NULL CHECK (since >= 0),
    at          INTEGER NOT NULL
) STRICT;

CREATE TABLE log_tick (
    position   INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    due_at     INTEGER NOT NULL UNIQUE,
    commitment BLOB    NOT NULL CHECK (length(commitment) = 32),
    blank      INTEGER NOT NULL CHECK (blank IN (0, 1))
) STRICT;

CREATE TABLE log_opening (
    position        INTEGER NOT NULL PRIMARY KEY REFERENCES log_tick (position) DEFERRABLE INITIALLY DEFERRED,
    at              INTEGER NOT NULL,
    salt            BLOB    NOT NULL CHECK (length(salt) = 32),
    custody_size    INTEGER NOT NULL CHECK (custody_size >= 0),
    custody_root    BLOB    NOT NULL CHECK (length(custody_root) = 32),
    custody_veil    BLOB    NOT NULL CHECK (length(custody_veil) = 32),
    statements_root BLOB    NOT NULL CHECK (length(statements_root) = 32),
    statements      INTEGER NOT NULL CHECK (statements >= 0),
    statements_veil BLOB    NOT NULL CHECK (length(statements_veil) = 32)
) STRICT;
CREATE INDEX log_opening_custody ON log_opening (custody_size, position);

CREATE TABLE log_hash (
    position INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    hash     BLOB    NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE log_checkpoint (
    size INTEGER NOT NULL PRIMARY KEY CHECK (size > 0),
    root BLOB    NOT NULL CHECK (length(root) = 32),
    text BLOB    NOT NULL,
    at   INTEGER NOT NULL
) STRICT;

CREATE TABLE log_cosignature (
    size    INTEGER NOT NULL REFERENCES log_checkpoint (size),
    witness TEXT    NOT NULL,
    vkey    TEXT    NOT NULL,
    line    TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (size, vkey)
) STRICT;

CREATE TABLE log_stamp (
    id         TEXT    NOT NULL PRIMARY KEY,
    size       INTEGER NOT NULL REFERENCES log_checkpoint (size),
    kind       TEXT    NOT NULL,
    authority  TEXT    NOT NULL, -- the name in the configuration, not an address
    state      TEXT    NOT NULL CHECK (state IN ('pending', 'confirmed', 'failed')),
    token      BLOB,
    reason     TEXT    NOT NULL DEFAULT '',
    stamped_at INTEGER,
    asked_at   INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (state <> 'confirmed' OR token IS NOT NULL)
) STRICT;
CREATE INDEX log_stamp_size ON log_stamp (size, id);
CREATE INDEX log_stamp_pending ON log_stamp (id) WHERE state = 'pending';

CREATE TABLE clip (
    id                 TEXT    NOT NULL PRIMARY KEY,
    statement_id       TEXT    NOT NULL UNIQUE REFERENCES statement (id),
    scope_statement_id TEXT    NOT NULL REFERENCES statement (id),
    number             INTEGER NOT NULL CHECK (number > 0),
    released_ms        INTEGER NOT NULL CHECK (released_ms >= 0),
    sha256             BLOB    NOT NULL CHECK (length(sha256) = 32),
    bytes              INTEGER NOT NULL CHECK (bytes >= 0),
    milliseconds       INTEGER NOT NULL CHECK (milliseconds >= 0),
    object_id          TEXT    NOT NULL REFERENCES object (id) DEFERRABLE INITIALLY DEFERRED,
    envelope_id        TEXT    NOT NULL,
    created_at         INTEGER NOT NULL,
    UNIQUE (scope_statement_id, number)
) STRICT;
CREATE INDEX clip_object ON clip (object_id);

CREATE TABLE log_publication (
    id      TEXT    NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL CHECK (kind IN ('directory', 's3')),
    size    INTEGER NOT NULL,
    outcome TEXT    NOT NULL,
    reason  TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX log_publication_at ON log_publication (at, id);

-- Erasure takes two people and one step after the other: requested, approved by somebody else, done.
CREATE TABLE erasure (
    id           TEXT    NOT NULL PRIMARY KEY,
    item_id      TEXT    NOT NULL REFERENCES item (id),
    reason       TEXT    NOT NULL CHECK (reason <> ''),
    requested_by TEXT    NOT NULL CHECK (requested_by <> ''),
    requested_at INTEGER NOT NULL,
    approved_by  TEXT    CHECK (approved_by <> requested_by AND approved_by <> ''),
    approved_at  INTEGER,
    state        TEXT    NOT NULL CHECK (state IN ('requested', 'approved', 'done', 'withdrawn')),
    finished_at  INTEGER,
    CHECK (state NOT IN ('approved', 'done') OR (approved_by IS NOT NULL AND approved_at IS NOT NULL)),
    CHECK (state <> 'done' OR finished_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX erasure_open ON erasure (item_id) WHERE state IN ('requested', 'approved');
CREATE INDEX erasure_requested ON erasure (requested_at, id);

CREATE TABLE custody_erased (
    position   INTEGER NOT NULL PRIMARY KEY,
    erasure_id TEXT    NOT NULL REFERENCES erasure (id)
) STRICT;
CREATE INDEX custody_erased_of ON custody_erased (erasure_id, position);

-- Insert-only, as the custody record. What may change is said in the condition of the trigger.
-- +goose StatementBegin
CREATE TRIGGER item_seal_no_update BEFORE UPDATE ON item_seal
BEGIN
    SELECT RAISE(ABORT, 'item_seal is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER item_seal_no_delete BEFORE DELETE ON item_seal
    WHEN NOT EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'item_seal is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER item_seal_no_replace BEFORE INSERT ON item_seal
    WHEN EXISTS (SELECT 1 FROM item_seal WHERE item_id = NEW.item_id)
BEGIN
    SELECT RAISE(ABORT, 'item_seal holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER statement_no_update BEFORE UPDATE ON statement
    WHEN NOT (OLD.position IS NULL AND NEW.position IS NOT NULL AND NEW.id = OLD.id AND NEW.kind = OLD.kind AND NEW.body = OLD.body AND NEW.salt = OLD.salt AND NEW.sha256 = OLD.sha256 AND NEW.created_at = OLD.created_at AND NEW.created_by = OLD.created_by)
BEGIN
    SELECT RAISE(ABORT, 'statement is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER statement_no_delete BEFORE DELETE ON statement
BEGIN
    SELECT RAISE(ABORT, 'statement is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER statement_no_replace BEFORE INSERT ON statement
    WHEN EXISTS (SELECT 1 FROM statement WHERE id = NEW.id OR sha256 = NEW.sha256 OR (position = NEW.position AND place = NEW.place))
BEGIN
    SELECT RAISE(ABORT, 'statement holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accession_seal_no_update BEFORE UPDATE ON accession_seal
BEGIN
    SELECT RAISE(ABORT, 'accession_seal is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accession_seal_no_delete BEFORE DELETE ON accession_seal
BEGIN
    SELECT RAISE(ABORT, 'accession_seal is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accession_seal_no_replace BEFORE INSERT ON accession_seal
    WHEN EXISTS (SELECT 1 FROM accession_seal WHERE accession_id = NEW.accession_id OR root = NEW.root)
BEGIN
    SELECT RAISE(ABORT, 'accession_seal holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accession_place_no_update BEFORE UPDATE ON accession_place
BEGIN
    SELECT RAISE(ABORT, 'accession_place is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accession_place_no_delete BEFORE DELETE ON accession_place
BEGIN
    SELECT RAISE(ABORT, 'accession_place is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER accession_place_no_replace BEFORE INSERT ON accession_place
    WHEN EXISTS (SELECT 1 FROM accession_place WHERE (accession_id = NEW.accession_id AND place = NEW.place) OR item_id = NEW.item_id)
BEGIN
    SELECT RAISE(ABORT, 'accession_place holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER public_log_no_update BEFORE UPDATE ON public_log
BEGIN
    SELECT RAISE(ABORT, 'public_log is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER public_log_no_delete BEFORE DELETE ON public_log
BEGIN
    SELECT RAISE(ABORT, 'public_log is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER public_log_no_replace BEFORE INSERT ON public_log
    WHEN EXISTS (SELECT 1 FROM public_log)
BEGIN
    SELECT RAISE(ABORT, 'public_log holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_key_no_update BEFORE UPDATE ON log_key
BEGIN
    SELECT RAISE(ABORT, 'log_key is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_key_no_delete BEFORE DELETE ON log_key
BEGIN
    SELECT RAISE(ABORT, 'log_key is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_key_no_replace BEFORE INSERT ON log_key
    WHEN EXISTS (SELECT 1 FROM log_key WHERE number = NEW.number OR vkey = NEW.vkey)
BEGIN
    SELECT RAISE(ABORT, 'log_key holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_tick_no_update BEFORE UPDATE ON log_tick
BEGIN
    SELECT RAISE(ABORT, 'log_tick is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_tick_no_delete BEFORE DELETE ON log_tick
BEGIN
    SELECT RAISE(ABORT, 'log_tick is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_tick_no_replace BEFORE INSERT ON log_tick
    WHEN EXISTS (SELECT 1 FROM log_tick WHERE position = NEW.position OR due_at = NEW.due_at)
BEGIN
    SELECT RAISE(ABORT, 'log_tick holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_opening_no_update BEFORE UPDATE ON log_opening
BEGIN
    SELECT RAISE(ABORT, 'log_opening is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_opening_no_delete BEFORE DELETE ON log_opening
BEGIN
    SELECT RAISE(ABORT, 'log_opening is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_opening_no_replace BEFORE INSERT ON log_opening
    WHEN EXISTS (SELECT 1 FROM log_opening WHERE position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'log_opening holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hash_no_update BEFORE UPDATE ON log_hash
BEGIN
    SELECT RAISE(ABORT, 'log_hash is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hash_no_delete BEFORE DELETE ON log_hash
BEGIN
    SELECT RAISE(ABORT, 'log_hash is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_hash_no_replace BEFORE INSERT ON log_hash
    WHEN EXISTS (SELECT 1 FROM log_hash WHERE position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'log_hash holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_checkpoint_no_update BEFORE UPDATE ON log_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'log_checkpoint is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_checkpoint_no_delete BEFORE DELETE ON log_checkpoint
BEGIN
    SELECT RAISE(ABORT, 'log_checkpoint is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_checkpoint_no_replace BEFORE INSERT ON log_checkpoint
    WHEN EXISTS (SELECT 1 FROM log_checkpoint WHERE size = NEW.size)
BEGIN
    SELECT RAISE(ABORT, 'log_checkpoint holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_cosignature_no_update BEFORE UPDATE ON log_cosignature
BEGIN
    SELECT RAISE(ABORT, 'log_cosignature is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_cosignature_no_delete BEFORE DELETE ON log_cosignature
BEGIN
    SELECT RAISE(ABORT, 'log_cosignature is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_cosignature_no_replace BEFORE INSERT ON log_cosignature
    WHEN EXISTS (SELECT 1 FROM log_cosignature WHERE size = NEW.size AND vkey = NEW.vkey)
BEGIN
    SELECT RAISE(ABORT, 'log_cosignature holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER clip_no_update BEFORE UPDATE ON clip
BEGIN
    SELECT RAISE(ABORT, 'clip is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER clip_no_delete BEFORE DELETE ON clip
BEGIN
    SELECT RAISE(ABORT, 'clip is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER clip_no_replace BEFORE INSERT ON clip
    WHEN EXISTS (SELECT 1 FROM clip WHERE id = NEW.id OR statement_id = NEW.statement_id OR (scope_statement_id = NEW.scope_statement_id AND number = NEW.number))
BEGIN
    SELECT RAISE(ABORT, 'clip holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_publication_no_update BEFORE UPDATE ON log_publication
BEGIN
    SELECT RAISE(ABORT, 'log_publication is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_publication_no_delete BEFORE DELETE ON log_publication
BEGIN
    SELECT RAISE(ABORT, 'log_publication is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER log_publication_no_replace BEFORE INSERT ON log_publication
    WHEN EXISTS (SELECT 1 FROM log_publication WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'log_publication holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER erasure_no_update BEFORE UPDATE ON erasure
    WHEN NOT (NEW.id = OLD.id AND NEW.item_id = OLD.item_id AND NEW.reason = OLD.reason AND NEW.requested_by = OLD.requested_by AND NEW.requested_at = OLD.requested_at
        AND (OLD.state = 'requested' AND NEW.state = 'approved' AND NEW.finished_at IS NULL
          OR OLD.state = 'approved' AND NEW.state = 'done' AND NEW.approved_by = OLD.approved_by AND NEW.approved_at = OLD.approved_at
          OR OLD.state = 'requested' AND NEW.state = 'withdrawn' AND NEW.approved_by IS NULL
          OR OLD.state = 'approved' AND NEW.state = 'withdrawn' AND NEW.approved_by = OLD.approved_by
            AND NOT EXISTS (SELECT 1 FROM custody_erased WHERE erasure_id = OLD.id)))
BEGIN
    SELECT RAISE(ABORT, 'erasure is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER erasure_no_delete BEFORE DELETE ON erasure
BEGIN
    SELECT RAISE(ABORT, 'erasure is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER erasure_no_replace BEFORE INSERT ON erasure
    WHEN EXISTS (SELECT 1 FROM erasure WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'erasure holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_erased_no_update BEFORE UPDATE ON custody_erased
BEGIN
    SELECT RAISE(ABORT, 'custody_erased is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_erased_no_delete BEFORE DELETE ON custody_erased
BEGIN
    SELECT RAISE(ABORT, 'custody_erased is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_erased_no_replace BEFORE INSERT ON custody_erased
    WHEN EXISTS (SELECT 1 FROM custody_erased WHERE position = NEW.position)
BEGIN
    SELECT RAISE(ABORT, 'custody_erased holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER erasure_no_shortcut BEFORE INSERT ON erasure
    WHEN NOT (NEW.state = 'requested' AND NEW.approved_by IS NULL AND NEW.approved_at IS NULL AND NEW.finished_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'erasure begins with a request');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_erased_no_stranger BEFORE INSERT ON custody_erased
    WHEN NOT EXISTS (
        SELECT 1 FROM erasure e JOIN item i ON i.id = e.item_id JOIN custody_subject s ON s.position = NEW.position
        WHERE e.id = NEW.erasure_id AND e.state = 'approved' AND (s.subject_id = i.id OR s.subject_id = i.object_id
            OR EXISTS (SELECT 1 FROM derivative d WHERE d.item_id = i.id AND (d.id = s.subject_id OR d.object_id = s.subject_id))
            OR EXISTS (SELECT 1 FROM provenance p JOIN custody_opening o ON o.position = NEW.position
                WHERE p.item_id = i.id AND p.accession_id = s.subject_id AND o.type = 'accession closing')))
BEGIN
    SELECT RAISE(ABORT, 'custody_erased takes what an approved erasure covers');
END;
-- +goose StatementEnd

-- Openings and subjects of events about an erased item may go, and nothing else of the custody record.
DROP TRIGGER custody_opening_no_delete;
DROP TRIGGER custody_subject_no_delete;
-- +goose StatementBegin
CREATE TRIGGER custody_opening_no_delete BEFORE DELETE ON custody_opening
    WHEN NOT EXISTS (SELECT 1 FROM custody_erased WHERE position = OLD.position)
BEGIN
    SELECT RAISE(ABORT, 'custody_opening is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER custody_subject_no_delete BEFORE DELETE ON custody_subject
    WHEN NOT EXISTS (SELECT 1 FROM custody_erased WHERE position = OLD.position)
BEGIN
    SELECT RAISE(ABORT, 'custody_subject is insert-only');
END;
-- +goose StatementEnd
