-- +goose Up
-- Testimony, consent, who stands behind a code, and what left the archive for which purpose.

-- A part of a testimony that can be cited. It is never changed: another one takes its place, and the earlier one stays to be read by
-- who cites it. item_id is the recording or scan that it was spoken or written in; when that is erased, what was taken from it goes,
-- too (text becomes empty, erased_at says when).
CREATE TABLE passage (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    testimony_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    ordinal BIGINT NOT NULL CHECK (ordinal > 0),
    heading TEXT COLLATE "C" NOT NULL,
    text TEXT COLLATE "C" NOT NULL,
    lang TEXT COLLATE "C" NOT NULL DEFAULT '',
    item_id TEXT COLLATE "C" REFERENCES item (id),
    from_us BIGINT NOT NULL DEFAULT 0 CHECK (from_us >= 0),
    to_us BIGINT NOT NULL DEFAULT 0 CHECK (to_us >= from_us),
    page BIGINT NOT NULL DEFAULT 0 CHECK (page >= 0),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    replaced TEXT COLLATE "C" REFERENCES passage (id) DEFERRABLE INITIALLY DEFERRED,
    removed_at BIGINT,
    removed_by TEXT COLLATE "C",
    erased_at BIGINT,
    CHECK (text <> '' OR erased_at IS NOT NULL),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL)),
    CHECK (replaced IS NULL OR removed_at IS NOT NULL)
);
CREATE UNIQUE INDEX passage_place ON passage (testimony_id, ordinal) WHERE removed_at IS NULL;
CREATE INDEX passage_of ON passage (testimony_id, ordinal, id);
CREATE INDEX passage_item ON passage (item_id) WHERE item_id IS NOT NULL;
CREATE INDEX passage_replaced ON passage (replaced) WHERE replaced IS NOT NULL;

-- What a person allowed to be done with their testimony: one purpose, one audience, until when. Taken back once and for all; what is
-- allowed again later is another row.
CREATE TABLE consent (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    testimony_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose <> ''),
    audience TEXT COLLATE "C" NOT NULL CHECK (audience <> ''),
    until_at BIGINT,
    how TEXT COLLATE "C" NOT NULL CHECK (how IN ('written', 'recorded', 'oral')),
    item_id TEXT COLLATE "C" REFERENCES item (id),
    note TEXT COLLATE "C" NOT NULL DEFAULT '',
    given_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    withdrawn_at BIGINT,
    withdrawn_by TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    CHECK (until_at IS NULL OR until_at > given_at),
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)),
    CHECK (withdrawn_at IS NOT NULL OR reason = '')
);
CREATE INDEX consent_of ON consent (testimony_id, purpose, audience);
CREATE INDEX consent_item ON consent (item_id) WHERE item_id IS NOT NULL;

-- Who stands behind a code, sealed under a key of its own: without the vault this table says nothing but that there is a record.
CREATE TABLE identity (
    entity_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES entity (id),
    sealed BYTEA NOT NULL CHECK (length(sealed) > 40),
    version BIGINT NOT NULL CHECK (version > 0),
    changed_at BIGINT NOT NULL,
    changed_by TEXT COLLATE "C" NOT NULL
);

-- Every act on an identity, with its sealed reason. The custody event says who and when; why is here, and goes with the identity,
-- since it may be about people.
CREATE TABLE identity_act (
    event_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    entity_id TEXT COLLATE "C" NOT NULL REFERENCES entity (id),
    act TEXT COLLATE "C" NOT NULL CHECK (act IN ('written', 'opened', 'erased')),
    reason BYTEA NOT NULL,
    at BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL
);
CREATE INDEX identity_act_of ON identity_act (entity_id, at, event_id);

-- The ledger of what left the archive, so that a consent taken back finds every copy that was handed out.
CREATE TABLE export (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    purpose TEXT COLLATE "C" NOT NULL CHECK (purpose <> ''),
    audience TEXT COLLATE "C" NOT NULL CHECK (audience <> ''),
    at BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    left_out BIGINT NOT NULL DEFAULT 0 CHECK (left_out >= 0)
);
CREATE INDEX export_at ON export (at, id);

CREATE TABLE export_entry (
    export_id TEXT COLLATE "C" NOT NULL REFERENCES export (id),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    ref TEXT COLLATE "C" NOT NULL CHECK (ref <> ''),
    PRIMARY KEY (export_id, kind, ref)
);
CREATE INDEX export_entry_ref ON export_entry (ref, export_id);

-- Insert-only, but for what the conditions allow.
-- +goose StatementBegin
CREATE FUNCTION refuse_passage_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id = OLD.id AND NEW.testimony_id = OLD.testimony_id AND NEW.ordinal = OLD.ordinal AND NEW.heading = OLD.heading AND NEW.lang = OLD.lang
        AND NEW.created_at = OLD.created_at AND NEW.created_by = OLD.created_by
        AND (OLD.removed_at IS NULL OR (NEW.removed_at IS NOT DISTINCT FROM OLD.removed_at AND NEW.removed_by IS NOT DISTINCT FROM OLD.removed_by AND NEW.replaced IS NOT DISTINCT FROM OLD.replaced))
        AND (NEW.text = OLD.text AND NEW.item_id IS NOT DISTINCT FROM OLD.item_id AND NEW.from_us = OLD.from_us AND NEW.to_us = OLD.to_us AND NEW.page = OLD.page
                AND NEW.erased_at IS NOT DISTINCT FROM OLD.erased_at
            OR NEW.text = '' AND NEW.erased_at IS NOT NULL AND NEW.item_id IS NULL
                AND EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = OLD.item_id AND erasure.state = 'approved'))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_consent_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id = OLD.id AND NEW.testimony_id = OLD.testimony_id AND NEW.purpose = OLD.purpose AND NEW.audience = OLD.audience AND NEW.until_at IS NOT DISTINCT FROM OLD.until_at
        AND NEW.how = OLD.how AND NEW.note = OLD.note AND NEW.given_at = OLD.given_at AND NEW.created_at = OLD.created_at AND NEW.author = OLD.author
        AND (OLD.withdrawn_at IS NULL OR (NEW.withdrawn_at IS NOT DISTINCT FROM OLD.withdrawn_at AND NEW.withdrawn_by IS NOT DISTINCT FROM OLD.withdrawn_by AND NEW.reason = OLD.reason))
        AND (NEW.item_id IS NOT DISTINCT FROM OLD.item_id
            OR NEW.item_id IS NULL AND EXISTS (SELECT 1 FROM erasure WHERE erasure.item_id = OLD.item_id AND erasure.state = 'approved'))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_identity_act_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.event_id = OLD.event_id AND NEW.entity_id = OLD.entity_id AND NEW.act = OLD.act AND NEW.at = OLD.at AND NEW.agent = OLD.agent
        AND length(NEW.reason) = 0 AND NOT EXISTS (SELECT 1 FROM identity WHERE identity.entity_id = OLD.entity_id)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER passage_no_change BEFORE UPDATE ON passage FOR EACH ROW EXECUTE FUNCTION refuse_passage_change();
CREATE TRIGGER passage_no_delete BEFORE DELETE ON passage FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER passage_no_truncate BEFORE TRUNCATE ON passage FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER consent_no_change BEFORE UPDATE ON consent FOR EACH ROW EXECUTE FUNCTION refuse_consent_change();
CREATE TRIGGER consent_no_delete BEFORE DELETE ON consent FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER consent_no_truncate BEFORE TRUNCATE ON consent FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER identity_act_no_change BEFORE UPDATE ON identity_act FOR EACH ROW EXECUTE FUNCTION refuse_identity_act_change();
CREATE TRIGGER identity_act_no_delete BEFORE DELETE ON identity_act FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER identity_act_no_truncate BEFORE TRUNCATE ON identity_act FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER export_no_change BEFORE UPDATE OR DELETE ON export FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER export_no_truncate BEFORE TRUNCATE ON export FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER export_entry_no_change BEFORE UPDATE OR DELETE ON export_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER export_entry_no_truncate BEFORE TRUNCATE ON export_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
