-- +goose Up
-- Releases: what is written about a clip, who agreed to it, and what went out.

CREATE TABLE release (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    slug TEXT COLLATE "C" NOT NULL UNIQUE CHECK (slug <> ''),
    head BIGINT NOT NULL CHECK (head > 0),
    number BIGINT NOT NULL DEFAULT 0 CHECK (number >= 0), -- of the newest publication
    withdrawn BIGINT NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    due_at BIGINT, -- a person asked for it to be published then
    due_by TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL,
    CHECK ((due_at IS NULL) = (due_by IS NULL)),
    CHECK (withdrawn = 0 OR number > 0)
);
CREATE INDEX release_due ON release (due_at) WHERE due_at IS NOT NULL;

-- What was written, as it was written. body is JSON.
CREATE TABLE release_version (
    release_id TEXT COLLATE "C" NOT NULL REFERENCES release (id) DEFERRABLE INITIALLY DEFERRED,
    version BIGINT NOT NULL CHECK (version > 0),
    body BYTEA NOT NULL,
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    plan_id TEXT COLLATE "C" NOT NULL,
    plan_version BIGINT NOT NULL CHECK (plan_version > 0),
    author TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    note TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (release_id, version)
);
CREATE INDEX release_version_plan ON release_version (plan_id, plan_version);

-- The items that versions of a release show: who may not see one of them sees no release.
CREATE TABLE release_item (
    release_id TEXT COLLATE "C" NOT NULL REFERENCES release (id) DEFERRABLE INITIALLY DEFERRED,
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    PRIMARY KEY (release_id, item_id)
);
CREATE INDEX release_item_of ON release_item (item_id, release_id);

-- What people did with a release. id is that of the custody event. digest is of everything that was agreed to.
CREATE TABLE release_act (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    release_id TEXT COLLATE "C" NOT NULL REFERENCES release (id),
    version BIGINT NOT NULL,
    act TEXT COLLATE "C" NOT NULL CHECK (act IN ('signed', 'scheduled', 'published', 'correct', 'withdrawn')),
    digest BYTEA,
    at BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    note TEXT COLLATE "C" NOT NULL DEFAULT '',
    FOREIGN KEY (release_id, version) REFERENCES release_version (release_id, version),
    CHECK ((act = 'signed') = (digest IS NOT NULL)),
    CHECK (digest IS NULL OR length(digest) = 32)
);
CREATE INDEX release_act_of ON release_act (release_id, version, act);

-- What went out. document is its release.json as published; tombstone is what stands in its place. placed_at is set while the folder of
-- releases holds what it should, and empty from the decision until that has been brought there.
CREATE TABLE release_publication (
    release_id TEXT COLLATE "C" NOT NULL REFERENCES release (id),
    number BIGINT NOT NULL CHECK (number > 0),
    version BIGINT NOT NULL,
    clip_id TEXT COLLATE "C" NOT NULL,
    document BYTEA NOT NULL,
    proof BYTEA NOT NULL,
    scope BYTEA NOT NULL,
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    at BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    signed_by TEXT COLLATE "C" NOT NULL,
    tombstone BYTEA,
    withdrawn_at BIGINT,
    withdrawn_by TEXT COLLATE "C",
    placed_at BIGINT,
    PRIMARY KEY (release_id, number),
    FOREIGN KEY (release_id, version) REFERENCES release_version (release_id, version),
    CHECK ((tombstone IS NULL) = (withdrawn_at IS NULL)),
    CHECK ((tombstone IS NULL) = (withdrawn_by IS NULL))
);
CREATE INDEX release_publication_unplaced ON release_publication (release_id, number) WHERE placed_at IS NULL;

-- Whoever wrote anything since the last publication does not sign.
-- +goose StatementBegin
CREATE FUNCTION refuse_author_signs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.act = 'signed' AND EXISTS (SELECT 1 FROM release_version v WHERE v.release_id = NEW.release_id AND v.author = NEW.agent
        AND v.version > (SELECT COALESCE(MAX(p.version), 0) FROM release_publication p WHERE p.release_id = NEW.release_id)) THEN
        RAISE EXCEPTION '% is insert-only: an author does not sign', TG_TABLE_NAME USING ERRCODE = 'ZA001';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
-- Nothing goes out that was not signed as it is.
-- +goose StatementBegin
CREATE FUNCTION refuse_unsigned() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM release_act a WHERE a.release_id = NEW.release_id AND a.version = NEW.version AND a.act = 'signed' AND a.agent = NEW.signed_by) THEN
        RAISE EXCEPTION '% is insert-only: nobody signed', TG_TABLE_NAME USING ERRCODE = 'ZA001';
    END IF;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_publication_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.release_id = OLD.release_id AND NEW.number = OLD.number AND NEW.version = OLD.version AND NEW.clip_id = OLD.clip_id AND NEW.document = OLD.document
        AND NEW.proof = OLD.proof AND NEW.scope = OLD.scope AND NEW.sha256 = OLD.sha256 AND NEW.at = OLD.at AND NEW.agent = OLD.agent AND NEW.signed_by = OLD.signed_by
        AND (OLD.tombstone IS NULL OR NEW.withdrawn_at IS NOT NULL)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER release_version_no_change BEFORE UPDATE OR DELETE ON release_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_version_no_truncate BEFORE TRUNCATE ON release_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_act_no_change BEFORE UPDATE OR DELETE ON release_act FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_act_no_truncate BEFORE TRUNCATE ON release_act FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_act_four_eyes BEFORE INSERT ON release_act FOR EACH ROW EXECUTE FUNCTION refuse_author_signs();
CREATE TRIGGER release_publication_signed BEFORE INSERT ON release_publication FOR EACH ROW EXECUTE FUNCTION refuse_unsigned();
CREATE TRIGGER release_publication_no_change BEFORE UPDATE ON release_publication FOR EACH ROW EXECUTE FUNCTION refuse_publication_change();
CREATE TRIGGER release_publication_no_delete BEFORE DELETE ON release_publication FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER release_publication_no_truncate BEFORE TRUNCATE ON release_publication FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
