-- +goose Up
-- Proofs: commitments to items and accessions, the public log, statements, clips, erasure.

-- Clips are sealed in the vault like derivatives.
ALTER TABLE object DROP CONSTRAINT object_kind_check;
ALTER TABLE object ADD CONSTRAINT object_kind_check CHECK (kind IN ('original', 'derivative', 'manifest', 'clip'));

-- What is committed about each item when it is taken in: docs/design/proof-bundle.md. salt never leaves the archive and is
-- destroyed with the item.
CREATE TABLE item_seal (
    item_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED,
    salt BYTEA NOT NULL CHECK (length(salt) = 32),
    segment_size BIGINT NOT NULL CHECK (segment_size > 0),
    digests BYTEA NOT NULL CHECK (length(digests) > 0 AND length(digests) % 32 = 0),
    whole BYTEA NOT NULL CHECK (length(whole) = 32),
    segment_root BYTEA NOT NULL CHECK (length(segment_root) = 32)
);

-- Statements meant for everybody. position (of the tick) and place (within it) are set once.
CREATE TABLE statement (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    body BYTEA NOT NULL,
    salt BYTEA NOT NULL CHECK (length(salt) = 32),
    sha256 BYTEA NOT NULL UNIQUE CHECK (length(sha256) = 32),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    position BIGINT ,
    place BIGINT CHECK (place >= 0 AND place < 65536),
    CHECK ((position IS NULL) = (place IS NULL)),
    UNIQUE (position, place)
);
CREATE INDEX statement_kind ON statement (kind, created_at, id);
CREATE INDEX statement_open ON statement (id) WHERE position IS NULL;

CREATE TABLE accession_seal (
    accession_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES accession (id),
    root BYTEA NOT NULL UNIQUE CHECK (length(root) = 32),
    files BIGINT NOT NULL CHECK (files >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    milliseconds BIGINT NOT NULL CHECK (milliseconds >= 0),
    unmeasured BIGINT NOT NULL CHECK (unmeasured >= 0 AND unmeasured <= files),
    sealed_at BIGINT NOT NULL,
    statement_id TEXT COLLATE "C" NOT NULL REFERENCES statement (id) DEFERRABLE INITIALLY DEFERRED
);

CREATE TABLE accession_place (
    accession_id TEXT COLLATE "C" NOT NULL REFERENCES accession_seal (accession_id) DEFERRABLE INITIALLY DEFERRED,
    place BIGINT NOT NULL CHECK (place >= 0),
    item_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES item (id),
    leaf BYTEA NOT NULL CHECK (length(leaf) = 32),
    bytes_before BIGINT NOT NULL CHECK (bytes_before >= 0),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    ms_before BIGINT NOT NULL CHECK (ms_before >= 0),
    ms BIGINT NOT NULL CHECK (ms >= 0),
    PRIMARY KEY (accession_id, place)
);

-- The public log: one entry per tick of the calendar.
CREATE TABLE public_log (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    origin TEXT COLLATE "C" NOT NULL CHECK (origin <> ''),
    started_on BIGINT NOT NULL, -- days since 1970
    cadence_s BIGINT NOT NULL CHECK (cadence_s > 0),
    offset_s BIGINT NOT NULL CHECK (offset_s >= 0)
);

CREATE TABLE log_key (
    number BIGINT NOT NULL PRIMARY KEY CHECK (number > 0),
    vkey TEXT COLLATE "C" NOT NULL UNIQUE,
    endorsement TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL CHECK (since >= 0),
    at BIGINT NOT NULL
);

CREATE TABLE log_tick (
    position BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    due_at BIGINT NOT NULL UNIQUE,
    commitment BYTEA NOT NULL CHECK (length(commitment) = 32),
    blank BIGINT NOT NULL CHECK (blank IN (0, 1))
);

CREATE TABLE log_opening (
    position BIGINT NOT NULL PRIMARY KEY REFERENCES log_tick (position) DEFERRABLE INITIALLY DEFERRED,
    at BIGINT NOT NULL,
    salt BYTEA NOT NULL CHECK (length(salt) = 32),
    custody_size BIGINT NOT NULL CHECK (custody_size >= 0),
    custody_root BYTEA NOT NULL CHECK (length(custody_root) = 32),
    custody_veil BYTEA NOT NULL CHECK (length(custody_veil) = 32),
    statements_root BYTEA NOT NULL CHECK (length(statements_root) = 32),
    statements BIGINT NOT NULL CHECK (statements >= 0),
    statements_veil BYTEA NOT NULL CHECK (length(statements_veil) = 32)
);
CREATE INDEX log_opening_custody ON log_opening (custody_size, position);

CREATE TABLE log_hash (
    position BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    hash BYTEA NOT NULL CHECK (length(hash) = 32)
);

CREATE TABLE log_checkpoint (
    size BIGINT NOT NULL PRIMARY KEY CHECK (size > 0),
    root BYTEA NOT NULL CHECK (length(root) = 32),
    text BYTEA NOT NULL,
    at BIGINT NOT NULL
);

CREATE TABLE log_cosignature (
    size BIGINT NOT NULL REFERENCES log_checkpoint (size),
    witness TEXT COLLATE "C" NOT NULL,
    vkey TEXT COLLATE "C" NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (size, vkey)
);

CREATE TABLE log_stamp (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL REFERENCES log_checkpoint (size),
    kind TEXT COLLATE "C" NOT NULL,
    authority TEXT COLLATE "C" NOT NULL, -- the name in the configuration, not an address
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'confirmed', 'failed')),
    token BYTEA ,
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    stamped_at BIGINT ,
    asked_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CHECK (state <> 'confirmed' OR token IS NOT NULL)
);
CREATE INDEX log_stamp_size ON log_stamp (size, id);
CREATE INDEX log_stamp_pending ON log_stamp (id) WHERE state = 'pending';

CREATE TABLE clip (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    statement_id TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES statement (id),
    scope_statement_id TEXT COLLATE "C" NOT NULL REFERENCES statement (id),
    number BIGINT NOT NULL CHECK (number > 0),
    released_ms BIGINT NOT NULL CHECK (released_ms >= 0),
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    bytes BIGINT NOT NULL CHECK (bytes >= 0),
    milliseconds BIGINT NOT NULL CHECK (milliseconds >= 0),
    object_id TEXT COLLATE "C" NOT NULL REFERENCES object (id) DEFERRABLE INITIALLY DEFERRED,
    envelope_id TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (scope_statement_id, number)
);
CREATE INDEX clip_object ON clip (object_id);

CREATE TABLE log_publication (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('directory', 's3')),
    size BIGINT NOT NULL,
    outcome TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL DEFAULT ''
);
CREATE INDEX log_publication_at ON log_publication (at, id);

-- Erasure takes two people and one step after the other: requested, approved by somebody else, done.
CREATE TABLE erasure (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    reason TEXT COLLATE "C" NOT NULL CHECK (reason <> ''),
    requested_by TEXT COLLATE "C" NOT NULL CHECK (requested_by <> ''),
    requested_at BIGINT NOT NULL,
    approved_by TEXT COLLATE "C" CHECK (approved_by <> requested_by AND approved_by <> ''),
    approved_at BIGINT ,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('requested', 'approved', 'done', 'withdrawn')),
    finished_at BIGINT ,
    CHECK (state NOT IN ('approved', 'done') OR (approved_by IS NOT NULL AND approved_at IS NOT NULL)),
    CHECK (state <> 'done' OR finished_at IS NOT NULL)
);
CREATE UNIQUE INDEX erasure_open ON erasure (item_id) WHERE state IN ('requested', 'approved');
CREATE INDEX erasure_requested ON erasure (requested_at, id);

CREATE TABLE custody_erased (
    position BIGINT NOT NULL PRIMARY KEY,
    erasure_id TEXT COLLATE "C" NOT NULL REFERENCES erasure (id)
);
CREATE INDEX custody_erased_of ON custody_erased (erasure_id, position);

-- Insert-only, as the custody record. What may change is said in the functions.
-- +goose StatementBegin
CREATE FUNCTION refuse_seal_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM erasure WHERE item_id = OLD.item_id AND state = 'approved') THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_opening_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM custody_erased WHERE position = OLD.position) THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_statement_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.position IS NULL AND NEW.position IS NOT NULL AND NEW.id = OLD.id AND NEW.kind = OLD.kind AND NEW.body = OLD.body AND NEW.salt = OLD.salt AND NEW.sha256 = OLD.sha256 AND NEW.created_at = OLD.created_at AND NEW.created_by = OLD.created_by) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_erasure_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id = OLD.id AND NEW.item_id = OLD.item_id AND NEW.reason = OLD.reason AND NEW.requested_by = OLD.requested_by AND NEW.requested_at = OLD.requested_at
        AND (OLD.state = 'requested' AND NEW.state = 'approved' AND NEW.finished_at IS NULL
          OR OLD.state = 'approved' AND NEW.state = 'done' AND NEW.approved_by = OLD.approved_by AND NEW.approved_at = OLD.approved_at
          OR OLD.state = 'requested' AND NEW.state = 'withdrawn' AND NEW.approved_by IS NULL
          OR OLD.state = 'approved' AND NEW.state = 'withdrawn' AND NEW.approved_by = OLD.approved_by
            AND NOT EXISTS (SELECT 1 FROM custody_erased WHERE erasure_id = OLD.id))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_erasure_shortcut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.state = 'requested' AND NEW.approved_by IS NULL AND NEW.approved_at IS NULL AND NEW.finished_at IS NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_erasure_stranger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM erasure e JOIN item i ON i.id = e.item_id JOIN custody_subject s ON s.position = NEW.position
        WHERE e.id = NEW.erasure_id AND e.state = 'approved' AND (s.subject_id = i.id OR s.subject_id = i.object_id
            OR EXISTS (SELECT 1 FROM derivative d WHERE d.item_id = i.id AND (d.id = s.subject_id OR d.object_id = s.subject_id))
            OR EXISTS (SELECT 1 FROM provenance p JOIN custody_opening o ON o.position = NEW.position
                WHERE p.item_id = i.id AND p.accession_id = s.subject_id AND o.type = 'accession closing'))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER item_seal_no_change BEFORE UPDATE OR DELETE ON item_seal FOR EACH ROW EXECUTE FUNCTION refuse_seal_change();
CREATE TRIGGER item_seal_no_truncate BEFORE TRUNCATE ON item_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_no_change BEFORE UPDATE ON statement FOR EACH ROW EXECUTE FUNCTION refuse_statement_change();
CREATE TRIGGER statement_no_delete BEFORE DELETE ON statement FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER statement_no_truncate BEFORE TRUNCATE ON statement FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accession_seal_no_change BEFORE UPDATE OR DELETE ON accession_seal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accession_seal_no_truncate BEFORE TRUNCATE ON accession_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accession_place_no_change BEFORE UPDATE OR DELETE ON accession_place FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accession_place_no_truncate BEFORE TRUNCATE ON accession_place FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER public_log_no_change BEFORE UPDATE OR DELETE ON public_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER public_log_no_truncate BEFORE TRUNCATE ON public_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_key_no_change BEFORE UPDATE OR DELETE ON log_key FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_key_no_truncate BEFORE TRUNCATE ON log_key FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tick_no_change BEFORE UPDATE OR DELETE ON log_tick FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_tick_no_truncate BEFORE TRUNCATE ON log_tick FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_opening_no_change BEFORE UPDATE OR DELETE ON log_opening FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_opening_no_truncate BEFORE TRUNCATE ON log_opening FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_hash_no_change BEFORE UPDATE OR DELETE ON log_hash FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_hash_no_truncate BEFORE TRUNCATE ON log_hash FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_no_change BEFORE UPDATE OR DELETE ON log_checkpoint FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_checkpoint_no_truncate BEFORE TRUNCATE ON log_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_cosignature_no_change BEFORE UPDATE OR DELETE ON log_cosignature FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_cosignature_no_truncate BEFORE TRUNCATE ON log_cosignature FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clip_no_change BEFORE UPDATE OR DELETE ON clip FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER clip_no_truncate BEFORE TRUNCATE ON clip FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_publication_no_change BEFORE UPDATE OR DELETE ON log_publication FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER log_publication_no_truncate BEFORE TRUNCATE ON log_publication FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasure_no_change BEFORE UPDATE ON erasure FOR EACH ROW EXECUTE FUNCTION refuse_erasure_change();
CREATE TRIGGER erasure_no_delete BEFORE DELETE ON erasure FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasure_no_truncate BEFORE TRUNCATE ON erasure FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_erased_no_change BEFORE UPDATE OR DELETE ON custody_erased FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER custody_erased_no_truncate BEFORE TRUNCATE ON custody_erased FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER erasure_no_shortcut BEFORE INSERT ON erasure FOR EACH ROW EXECUTE FUNCTION refuse_erasure_shortcut();
CREATE TRIGGER custody_erased_no_stranger BEFORE INSERT ON custody_erased FOR EACH ROW EXECUTE FUNCTION refuse_erasure_stranger();

-- Openings and subjects of events about an erased item may go, and nothing else of the custody record.
DROP TRIGGER custody_opening_no_change ON custody_opening;
DROP TRIGGER custody_subject_no_change ON custody_subject;
CREATE TRIGGER custody_opening_no_change BEFORE UPDATE OR DELETE ON custody_opening FOR EACH ROW EXECUTE FUNCTION refuse_opening_change();
CREATE TRIGGER custody_subject_no_change BEFORE UPDATE OR DELETE ON custody_subject FOR EACH ROW EXECUTE FUNCTION refuse_opening_change();
