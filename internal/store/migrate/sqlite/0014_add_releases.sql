-- +goose Up
-- Releases: what is written about a clip, who agreed to it, and what went out.

CREATE TABLE release (
    id         TEXT    NOT NULL PRIMARY KEY,
    slug       TEXT    NOT NULL UNIQUE CHECK (slug <> ''),
    head       INTEGER NOT NULL CHECK (head > 0),
    number     INTEGER NOT NULL DEFAULT 0 CHECK (number >= 0), -- of the newest publication
    withdrawn  INTEGER NOT NULL DEFAULT 0 CHECK (withdrawn IN (0, 1)),
    due_at     INTEGER, -- a person asked for it to be published then
    due_by     TEXT,
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    CHECK ((due_at IS NULL) = (due_by IS NULL)),
    CHECK (withdrawn = 0 OR number > 0)
) STRICT;
CREATE INDEX release_due ON release (due_at) WHERE due_at IS NOT NULL;

-- What was written, as it was written. body is JSON.
CREATE TABLE release_version (
    release_id   TEXT    NOT NULL REFERENCES release (id) DEFERRABLE INITIALLY DEFERRED,
    version      INTEGER NOT NULL CHECK (version > 0),
    body         BLOB    NOT NULL,
    sha256       BLOB    NOT NULL CHECK (length(sha256) = 32),
    plan_id      TEXT    NOT NULL,
    plan_version INTEGER NOT NULL CHECK (plan_version > 0),
    author       TEXT    NOT NULL,
    at           INTEGER NOT NULL,
    note         TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (release_id, version)
) STRICT;
CREATE INDEX release_version_plan ON release_version (plan_id, plan_version);

-- The items that versions of a release show: who may not see one of them sees no release.
CREATE TABLE release_item (
    release_id TEXT NOT NULL REFERENCES release (id) DEFERRABLE INITIALLY DEFERRED,
    item_id    TEXT NOT NULL REFERENCES item (id),
    PRIMARY KEY (release_id, item_id)
) STRICT;
CREATE INDEX release_item_of ON release_item (item_id, release_id);

-- What people did with a release. id is that of the custody event. digest is of everything that was agreed to.
CREATE TABLE release_act (
    id         TEXT    NOT NULL PRIMARY KEY,
    release_id TEXT    NOT NULL REFERENCES release (id),
    version    INTEGER NOT NULL,
    act        TEXT    NOT NULL CHECK (act IN ('signed', 'scheduled', 'published', 'correct', 'withdrawn')),
    digest     BLOB,
    at         INTEGER NOT NULL,
    agent      TEXT    NOT NULL,
    note       TEXT    NOT NULL DEFAULT '',
    FOREIGN KEY (release_id, version) REFERENCES release_version (release_id, version),
    CHECK ((act = 'signed') = (digest IS NOT NULL)),
    CHECK (digest IS NULL OR length(digest) = 32)
) STRICT;
CREATE INDEX release_act_of ON release_act (release_id, version, act);

-- What went out. document is its release.json as published; tombstone is what stands in its place. placed_at is set while the folder of
-- releases holds what it should, and empty from the decision until that has been brought there.
CREATE TABLE release_publication (
    release_id   TEXT    NOT NULL REFERENCES release (id),
    number       INTEGER NOT NULL CHECK (number > 0),
    version      INTEGER NOT NULL,
    clip_id      TEXT    NOT NULL,
    document     BLOB    NOT NULL,
    proof        BLOB    NOT NULL,
    scope        BLOB    NOT NULL,
    sha256       BLOB    NOT NULL CHECK (length(sha256) = 32),
    at           INTEGER NOT NULL,
    agent        TEXT    NOT NULL,
    signed_by    TEXT    NOT NULL,
    tombstone    BLOB,
    withdrawn_at INTEGER,
    withdrawn_by TEXT,
    placed_at    INTEGER,
    PRIMARY KEY (release_id, number),
    FOREIGN KEY (release_id, version) REFERENCES release_version (release_id, version),
    CHECK ((tombstone IS NULL) = (withdrawn_at IS NULL)),
    CHECK ((tombstone IS NULL) = (withdrawn_by IS NULL))
) STRICT;
CREATE INDEX release_publication_unplaced ON release_publication (release_id, number) WHERE placed_at IS NULL;

-- +goose StatementBegin
CREATE TRIGGER release_version_no_update BEFORE UPDATE ON release_version
BEGIN
    SELECT RAISE(ABORT, 'release_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_version_no_delete BEFORE DELETE ON release_version
BEGIN
    SELECT RAISE(ABORT, 'release_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_version_no_replace BEFORE INSERT ON release_version
    WHEN EXISTS (SELECT 1 FROM release_version WHERE release_id = NEW.release_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'release_version holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_act_no_update BEFORE UPDATE ON release_act
BEGIN
    SELECT RAISE(ABORT, 'release_act is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_act_no_delete BEFORE DELETE ON release_act
BEGIN
    SELECT RAISE(ABORT, 'release_act is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_act_no_replace BEFORE INSERT ON release_act
    WHEN EXISTS (SELECT 1 FROM release_act WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'release_act holds this row already');
END;
-- +goose StatementEnd
-- Whoever wrote anything since the last publication does not sign.
-- +goose StatementBegin
CREATE TRIGGER release_act_four_eyes BEFORE INSERT ON release_act
    WHEN NEW.act = 'signed' AND EXISTS (SELECT 1 FROM release_version v WHERE v.release_id = NEW.release_id AND v.author = NEW.agent
        AND v.version > (SELECT COALESCE(MAX(p.version), 0) FROM release_publication p WHERE p.release_id = NEW.release_id))
BEGIN
    SELECT RAISE(ABORT, 'release_act is insert-only: an author does not sign');
END;
-- +goose StatementEnd
-- Nothing goes out that was not signed as it is.
-- +goose StatementBegin
CREATE TRIGGER release_publication_signed BEFORE INSERT ON release_publication
    WHEN NOT EXISTS (SELECT 1 FROM release_act a WHERE a.release_id = NEW.release_id AND a.version = NEW.version AND a.act = 'signed' AND a.agent = NEW.signed_by)
BEGIN
    SELECT RAISE(ABORT, 'release_publication is insert-only: nobody signed');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_publication_no_update BEFORE UPDATE ON release_publication
    WHEN NOT (NEW.release_id = OLD.release_id AND NEW.number = OLD.number AND NEW.version = OLD.version AND NEW.clip_id = OLD.clip_id AND NEW.document = OLD.document
        AND NEW.proof = OLD.proof AND NEW.scope = OLD.scope AND NEW.sha256 = OLD.sha256 AND NEW.at = OLD.at AND NEW.agent = OLD.agent AND NEW.signed_by = OLD.signed_by
        AND (OLD.tombstone IS NULL OR NEW.withdrawn_at IS NOT NULL))
BEGIN
    SELECT RAISE(ABORT, 'release_publication is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_publication_no_delete BEFORE DELETE ON release_publication
BEGIN
    SELECT RAISE(ABORT, 'release_publication is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER release_publication_no_replace BEFORE INSERT ON release_publication
    WHEN EXISTS (SELECT 1 FROM release_publication WHERE release_id = NEW.release_id AND number = NEW.number)
BEGIN
    SELECT RAISE(ABORT, 'release_publication holds this row already');
END;
-- +goose StatementEnd
