-- +goose Up
-- Testimony, consent, who stands behind a code, and what left the archive for which purpose.

-- A part of a testimony that can be cited. It is never changed: another one takes its place, and the earlier one stays to be read by
-- who cites it. item_id is the recording or scan that it was spoken or written in; when that is erased, what was taken from it goes,
-- too (text becomes empty, erased_at says when).
CREATE TABLE passage (
    id           TEXT    NOT NULL PRIMARY KEY,
    testimony_id TEXT    NOT NULL REFERENCES entity (id),
    ordinal      INTEGER NOT NULL CHECK (ordinal > 0),
    heading      TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    lang         TEXT    NOT NULL DEFAULT '',
    item_id      TEXT    REFERENCES item (id),
    from_us      INTEGER NOT NULL DEFAULT 0 CHECK (from_us >= 0),
    to_us        INTEGER NOT NULL DEFAULT 0 CHECK (to_us >= from_us),
    page         INTEGER NOT NULL DEFAULT 0 CHECK (page >= 0),
    created_at   INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    replaced     TEXT    REFERENCES passage (id) DEFERRABLE INITIALLY DEFERRED,
    removed_at   INTEGER,
    removed_by   TEXT,
    erased_at    INTEGER,
    CHECK (text <> '' OR erased_at IS NOT NULL),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL)),
    CHECK (replaced IS NULL OR removed_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX passage_place ON passage (testimony_id, ordinal) WHERE removed_at IS NULL;
CREATE INDEX passage_of ON passage (testimony_id, ordinal, id);
CREATE INDEX passage_item ON passage (item_id) WHERE item_id IS NOT NULL;
CREATE INDEX passage_replaced ON passage (replaced) WHERE replaced IS NOT NULL;

-- What a person allowed to be done with their testimony: one purpose, one audience, until when. Taken back once and for all; what is
-- allowed again later is another row.
CREATE TABLE consent (
    id            TEXT    NOT NULL PRIMARY KEY,
    testimony_id  TEXT    NOT NULL REFERENCES entity (id),
    purpose       TEXT    NOT NULL CHECK (purpose <> ''),
    audience      TEXT    NOT NULL CHECK (audience <> ''),
    until_at      INTEGER,
    how           TEXT    NOT NULL CHECK (how IN ('written', 'recorded', 'oral')),
    item_id       TEXT    REFERENCES item (id),
    note          TEXT    NOT NULL DEFAULT '',
    given_at      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    author        TEXT    NOT NULL,
    withdrawn_at  INTEGER,
    withdrawn_by  TEXT,
    reason        TEXT    NOT NULL DEFAULT '',
    CHECK (until_at IS NULL OR until_at > given_at),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)),
    CHECK (withdrawn_at IS NOT NULL OR reason = '')
) STRICT;
CREATE INDEX consent_of ON consent (testimony_id, purpose, audience);
CREATE INDEX consent_item ON consent (item_id) WHERE item_id IS NOT NULL;

-- Who stands behind a code, sealed under a key of its own: without the vault this table says nothing but that there is a record.
CREATE TABLE identity (
    entity_id  TEXT    NOT NULL PRIMARY KEY REFERENCES entity (id),
    sealed     BLOB    NOT NULL CHECK (length(sealed) > 40),
    version    INTEGER NOT NULL CHECK (version > 0),
    changed_at INTEGER NOT NULL,
    changed_by TEXT    NOT NULL
) STRICT;

-- Every act on an identity, with its sealed reason. The custody event says who and when; why is here, and goes with the identity,
-- since it may be about people.
CREATE TABLE identity_act (
    event_id  TEXT    NOT NULL PRIMARY KEY,
    entity_id TEXT    NOT NULL REFERENCES entity (id),
    act       TEXT    NOT NULL CHECK (act IN ('written', 'opened', 'erased')),
    reason    BLOB    NOT NULL,
    at        INTEGER NOT NULL,
    agent     TEXT    NOT NULL
) STRICT;
CREATE INDEX identity_act_of ON identity_act (entity_id, at, event_id);

-- The ledger of what left the archive, so that a consent taken back finds every copy that was handed out.
CREATE TABLE export (
    id       TEXT    NOT NULL PRIMARY KEY,
    kind     TEXT    NOT NULL CHECK (kind <> ''),
    purpose  TEXT    NOT NULL CHECK (purpose <> ''),
    audience TEXT    NOT NULL CHECK (audience <> ''),
    at       INTEGER NOT NULL,
    agent    TEXT    NOT NULL,
    left_out INTEGER NOT NULL DEFAULT 0 CHECK (left_out >= 0)
) STRICT;
CREATE INDEX export_at ON export (at, id);

CREATE TABLE export_entry (
    export_id TEXT    NOT NULL REFERENCES export (id),
    kind      TEXT    NOT NULL CHECK (kind <> ''),
    ref       TEXT    NOT NULL CHECK (ref <> ''),
    PRIMARY KEY (export_id, kind, ref)
) STRICT;
CREATE INDEX export_entry_ref ON export_entry (ref, export_id);

-- Insert-only, but for what the conditions allow.
-- +goose StatementBegin
CREATE TRIGGER passage_no_update BEFORE UPDATE ON passage
    WHEN NOT (NEW.id = OLD.id AND NEW.testimony_id = OLD.testimony_id AND NEW.ordinal = OLD.ordinal AND NEW.heading = OLD.heading AND NEW.lang = OLD.lang
        AND NEW.created_at = OLD.created_at AND NEW.created_by = OLD.created_by
        AND (OLD.removed_at IS NULL OR (NEW.removed_at IS NOT DISTINCT FROM OLD.removed_at AND NEW.removed_by IS NOT DISTINCT FROM OLD.removed_by AND NEW.replaced IS NOT DISTINCT FROM OLD.replaced))
        AND (NEW.text = OLD.text AND NEW.item_id IS NOT DISTINCT FROM OLD.item_id AND NEW.from_us = OLD.from_us AND NEW.to_us = OLD.to_us AND NEW.page = OLD.page
                AND NEW.erased_at IS NOT DISTINCT FROM OLD.erased_at
            OR NEW.text = '' AND NEW.erased_at IS NOT NULL AND NEW.item_id IS NULL
                AND EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = OLD.item_id AND erasure.state = 'approved')))
BEGIN
    SELECT RAISE(ABORT, 'passage is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER passage_no_delete BEFORE DELETE ON passage
BEGIN
    SELECT RAISE(ABORT, 'passage is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER passage_no_replace BEFORE INSERT ON passage
    WHEN EXISTS (SELECT 1 FROM passage WHERE id = NEW.id OR (testimony_id = NEW.testimony_id AND ordinal = NEW.ordinal AND removed_at IS NULL AND NEW.removed_at IS NULL))
BEGIN
    SELECT RAISE(ABORT, 'passage holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_no_update BEFORE UPDATE ON consent
    WHEN NOT (NEW.id = OLD.id AND NEW.testimony_id = OLD.testimony_id AND NEW.purpose = OLD.purpose AND NEW.audience = OLD.audience AND NEW.until_at IS NOT DISTINCT FROM OLD.until_at
        AND NEW.how = OLD.how AND NEW.note = OLD.note AND NEW.given_at = OLD.given_at AND NEW.created_at = OLD.created_at AND NEW.author = OLD.author
        AND (OLD.withdrawn_at IS NULL OR (NEW.withdrawn_at IS NOT DISTINCT FROM OLD.withdrawn_at AND NEW.withdrawn_by IS NOT DISTINCT FROM OLD.withdrawn_by AND NEW.reason = OLD.reason))
        AND (NEW.item_id IS NOT DISTINCT FROM OLD.item_id
            OR NEW.item_id IS NULL AND EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = OLD.item_id AND erasure.state = 'approved')))
BEGIN
    SELECT RAISE(ABORT, 'consent is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_no_delete BEFORE DELETE ON consent
BEGIN
    SELECT RAISE(ABORT, 'consent is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER consent_no_replace BEFORE INSERT ON consent
    WHEN EXISTS (SELECT 1 FROM consent WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'consent holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER identity_act_no_update BEFORE UPDATE ON identity_act
    WHEN NOT (NEW.event_id = OLD.event_id AND NEW.entity_id = OLD.entity_id AND NEW.act = OLD.act AND NEW.at = OLD.at AND NEW.agent = OLD.agent
        AND length(NEW.reason) = 0 AND NOT EXISTS (SELECT 1 FROM identity WHERE identity.entity_id = OLD.entity_id))
BEGIN
    SELECT RAISE(ABORT, 'identity_act is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER identity_act_no_delete BEFORE DELETE ON identity_act
BEGIN
    SELECT RAISE(ABORT, 'identity_act is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER identity_act_no_replace BEFORE INSERT ON identity_act
    WHEN EXISTS (SELECT 1 FROM identity_act WHERE event_id = NEW.event_id)
BEGIN
    SELECT RAISE(ABORT, 'identity_act holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER export_no_update BEFORE UPDATE ON export
BEGIN
    SELECT RAISE(ABORT, 'export is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER export_no_delete BEFORE DELETE ON export
BEGIN
    SELECT RAISE(ABORT, 'export is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER export_no_replace BEFORE INSERT ON export
    WHEN EXISTS (SELECT 1 FROM export WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'export holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER export_entry_no_update BEFORE UPDATE ON export_entry
BEGIN
    SELECT RAISE(ABORT, 'export_entry is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER export_entry_no_delete BEFORE DELETE ON export_entry
BEGIN
    SELECT RAISE(ABORT, 'export_entry is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER export_entry_no_replace BEFORE INSERT ON export_entry
    WHEN EXISTS (SELECT 1 FROM export_entry WHERE export_id = NEW.export_id AND kind = NEW.kind AND ref = NEW.ref)
BEGIN
    SELECT RAISE(ABORT, 'export_entry holds this row already');
END;
-- +goose StatementEnd
