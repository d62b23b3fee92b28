-- +goose Up
-- Redaction plans: versions, looks, decisions, what machines found, renderings.

-- A redaction plan: what of which items is shown, and what of that is covered. head is the newest version. When an item of it is erased, title
-- goes with what the versions say.
CREATE TABLE plan (
    id         TEXT    NOT NULL PRIMARY KEY,
    title      TEXT    NOT NULL,
    head       INTEGER NOT NULL CHECK (head > 0),
    created_at INTEGER NOT NULL,
    created_by TEXT    NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX plan_changed ON plan (changed_at, id);

-- What a plan says, as canonical bytes, and who said so. Never changed; empty once an item that it names is erased: a plan tells where the
-- faces were.
CREATE TABLE plan_version (
    plan_id    TEXT    NOT NULL REFERENCES plan (id),
    version    INTEGER NOT NULL CHECK (version > 0),
    body       BLOB    NOT NULL,
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
    note       TEXT    NOT NULL,
    author     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    erased_at  INTEGER,
    PRIMARY KEY (plan_id, version),
    CHECK (length(body) > 0 OR erased_at IS NOT NULL)
) STRICT;

-- The items that a version names, in its order.
CREATE TABLE plan_source (
    plan_id TEXT    NOT NULL,
    version INTEGER NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    item_id TEXT    NOT NULL REFERENCES item (id),
    PRIMARY KEY (plan_id, version, ordinal),
    UNIQUE (plan_id, version, item_id),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
) STRICT;
CREATE INDEX plan_source_item ON plan_source (item_id);

-- Somebody stepped through what a version shows. seconds is how long that took, steps how many places they looked at.
CREATE TABLE plan_look (
    plan_id TEXT    NOT NULL,
    version INTEGER NOT NULL,
    agent   TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    seconds INTEGER NOT NULL CHECK (seconds >= 0),
    steps   INTEGER NOT NULL CHECK (steps >= 0),
    PRIMARY KEY (plan_id, version, agent, at),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
) STRICT;

-- A version was approved, or sent back. What was sent back is never approved; what was approved can be sent back. why goes with an item that is
-- erased.
CREATE TABLE plan_decision (
    plan_id  TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    decision TEXT    NOT NULL CHECK (decision IN ('approved', 'rejected')),
    agent    TEXT    NOT NULL,
    why      TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (plan_id, version, decision),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
) STRICT;

-- What machines were asked about a version: to propose what to cover, or to look for gaps. recipe names the detectors; report is what they
-- could not judge, as JSON; sha256 is the digest of the version that was worked on.
CREATE TABLE plan_run (
    id       TEXT    NOT NULL PRIMARY KEY,
    plan_id  TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind IN ('detect', 'gap check')),
    state    TEXT    NOT NULL CHECK (state IN ('asked', 'done', 'failed')),
    asked_by TEXT    NOT NULL,
    asked_at INTEGER NOT NULL,
    done_at  INTEGER,
    frames   INTEGER NOT NULL DEFAULT 0 CHECK (frames >= 0),
    recipe   TEXT    NOT NULL DEFAULT '',
    reason   TEXT    NOT NULL DEFAULT '',
    report   BLOB,
    sha256   BLOB    CHECK (sha256 IS NULL OR length(sha256) = 32),
    UNIQUE (plan_id, version, kind),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version),
    CHECK ((state = 'asked') = (done_at IS NULL)),
    CHECK (state <> 'done' OR sha256 IS NOT NULL)
) STRICT;

-- What a gap check found. A person may dismiss it, with a reason, once.
CREATE TABLE plan_blocker (
    run_id       TEXT    NOT NULL REFERENCES plan_run (id),
    ordinal      INTEGER NOT NULL CHECK (ordinal >= 0),
    kind         TEXT    NOT NULL CHECK (kind <> ''),
    warning      INTEGER NOT NULL CHECK (warning IN (0, 1)),
    cut          INTEGER NOT NULL,
    source       INTEGER NOT NULL,
    from_us      INTEGER NOT NULL,
    to_us        INTEGER NOT NULL,
    at_us        INTEGER NOT NULL,
    box_x        INTEGER NOT NULL,
    box_y        INTEGER NOT NULL,
    box_w        INTEGER NOT NULL,
    box_h        INTEGER NOT NULL,
    thing        TEXT    NOT NULL,
    track        TEXT    NOT NULL,
    frames       INTEGER NOT NULL,
    score        INTEGER NOT NULL,
    why          TEXT    NOT NULL,
    dismissed_at INTEGER,
    dismissed_by TEXT,
    reason       TEXT    NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, ordinal),
    CHECK ((dismissed_at IS NULL) = (dismissed_by IS NULL)),
    CHECK (dismissed_at IS NULL OR reason <> '')
) STRICT;

-- A track that a machine proposes. It covers nothing until a person takes it into a version.
CREATE TABLE plan_proposal (
    id         TEXT    NOT NULL PRIMARY KEY,
    run_id     TEXT    NOT NULL REFERENCES plan_run (id),
    plan_id    TEXT    NOT NULL REFERENCES plan (id),
    ordinal    INTEGER NOT NULL CHECK (ordinal >= 0),
    body       BLOB    NOT NULL CHECK (length(body) > 0),
    score      INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    decided_at INTEGER,
    decided_by TEXT,
    why        TEXT    NOT NULL DEFAULT '',
    UNIQUE (run_id, ordinal),
    CHECK ((state = 'suggested') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
) STRICT;
CREATE INDEX plan_proposal_plan ON plan_proposal (plan_id, state);

-- The rendering of an approved version. read is what of which original the decoder was given, as JSON.
CREATE TABLE plan_render (
    plan_id        TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('asked', 'done', 'failed', 'destroyed')),
    asked_by       TEXT    NOT NULL,
    asked_at       INTEGER NOT NULL,
    done_at        INTEGER,
    reason         TEXT    NOT NULL DEFAULT '',
    clip_id        TEXT    REFERENCES clip (id),
    milliseconds   INTEGER NOT NULL DEFAULT 0 CHECK (milliseconds >= 0),
    recipe         TEXT    NOT NULL DEFAULT '',
    recipe_version INTEGER NOT NULL DEFAULT 0,
    tool           TEXT    NOT NULL DEFAULT '',
    tool_version   TEXT    NOT NULL DEFAULT '',
    read           BLOB,
    PRIMARY KEY (plan_id, version),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version),
    CHECK ((state = 'asked') = (done_at IS NULL)),
    CHECK (state <> 'done' OR clip_id IS NOT NULL)
) STRICT;
CREATE INDEX plan_render_clip ON plan_render (clip_id);

-- The files of a rendering: the clip in its sizes, stills, the drawing.
CREATE TABLE plan_rendition (
    plan_id     TEXT    NOT NULL,
    version     INTEGER NOT NULL,
    name        TEXT    NOT NULL CHECK (name <> ''),
    ordinal     INTEGER NOT NULL CHECK (ordinal >= 0),
    object_id   TEXT    NOT NULL REFERENCES object (id),
    envelope_id TEXT    NOT NULL,
    size        INTEGER NOT NULL CHECK (size > 0),
    sha256      BLOB    NOT NULL CHECK (length(sha256) = 32),
    media_type  TEXT    NOT NULL,
    width       INTEGER NOT NULL,
    height      INTEGER NOT NULL,
    PRIMARY KEY (plan_id, version, name),
    FOREIGN KEY (plan_id, version) REFERENCES plan_render (plan_id, version)
) STRICT;
CREATE INDEX plan_rendition_object ON plan_rendition (object_id);

-- Insert-only, but for what the conditions allow.
-- +goose StatementBegin
CREATE TRIGGER plan_version_no_update BEFORE UPDATE ON plan_version
    WHEN NOT (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND NEW.sha256 = OLD.sha256 AND NEW.author = OLD.author AND NEW.created_at = OLD.created_at
        AND length(NEW.body) = 0 AND NEW.note = '' AND NEW.erased_at IS NOT NULL
        AND EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved'))
BEGIN
    SELECT RAISE(ABORT, 'plan_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_no_delete BEFORE DELETE ON plan
BEGIN
    SELECT RAISE(ABORT, 'plan is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_version_no_delete BEFORE DELETE ON plan_version
BEGIN
    SELECT RAISE(ABORT, 'plan_version is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_source_no_delete BEFORE DELETE ON plan_source
BEGIN
    SELECT RAISE(ABORT, 'plan_source is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_look_no_delete BEFORE DELETE ON plan_look
BEGIN
    SELECT RAISE(ABORT, 'plan_look is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_decision_no_delete BEFORE DELETE ON plan_decision
BEGIN
    SELECT RAISE(ABORT, 'plan_decision is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_render_no_delete BEFORE DELETE ON plan_render
BEGIN
    SELECT RAISE(ABORT, 'plan_render is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_rendition_no_delete BEFORE DELETE ON plan_rendition
BEGIN
    SELECT RAISE(ABORT, 'plan_rendition is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_source_no_update BEFORE UPDATE ON plan_source
BEGIN
    SELECT RAISE(ABORT, 'plan_source is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_look_no_update BEFORE UPDATE ON plan_look
BEGIN
    SELECT RAISE(ABORT, 'plan_look is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_decision_no_update BEFORE UPDATE ON plan_decision
    WHEN NOT (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND NEW.decision = OLD.decision AND NEW.agent = OLD.agent AND NEW.at = OLD.at AND NEW.why = ''
        AND EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved'))
BEGIN
    SELECT RAISE(ABORT, 'plan_decision is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_no_update BEFORE UPDATE ON plan
    WHEN NOT (NEW.id = OLD.id AND NEW.created_at = OLD.created_at AND NEW.created_by = OLD.created_by AND NEW.head >= OLD.head AND NEW.head <= OLD.head + 1)
BEGIN
    SELECT RAISE(ABORT, 'plan is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_blocker_no_update BEFORE UPDATE ON plan_blocker
    WHEN NOT (NEW.run_id = OLD.run_id AND NEW.ordinal = OLD.ordinal AND NEW.kind = OLD.kind AND NEW.warning = OLD.warning AND NEW.cut = OLD.cut AND NEW.source = OLD.source AND NEW.from_us = OLD.from_us AND NEW.to_us = OLD.to_us AND NEW.at_us = OLD.at_us AND NEW.box_x = OLD.box_x AND NEW.box_y = OLD.box_y AND NEW.box_w = OLD.box_w AND NEW.box_h = OLD.box_h AND NEW.thing = OLD.thing AND NEW.track = OLD.track AND NEW.frames = OLD.frames AND NEW.score = OLD.score AND NEW.why = OLD.why
        AND OLD.dismissed_at IS NULL AND NEW.dismissed_at IS NOT NULL)
BEGIN
    SELECT RAISE(ABORT, 'plan_blocker is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_blocker_no_delete BEFORE DELETE ON plan_blocker
    WHEN NOT EXISTS (SELECT 1 FROM plan_run c JOIN plan_source s ON s.plan_id = c.plan_id AND s.version = c.version JOIN erasure e ON e.item_id = s.item_id WHERE c.id = OLD.run_id AND e.state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'plan_blocker is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_render_no_update BEFORE UPDATE ON plan_render
    WHEN NOT (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND (OLD.state IN ('asked', 'failed')
            OR OLD.state = 'done' AND NEW.state = 'destroyed' AND NEW.clip_id = OLD.clip_id AND NEW.asked_by = OLD.asked_by))
BEGIN
    SELECT RAISE(ABORT, 'plan_render is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_rendition_no_update BEFORE UPDATE ON plan_rendition
    WHEN NOT (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND NEW.name = OLD.name AND NEW.ordinal = OLD.ordinal AND NEW.object_id = OLD.object_id
        AND NEW.envelope_id = OLD.envelope_id AND NEW.size = OLD.size
        AND EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved'))
BEGIN
    SELECT RAISE(ABORT, 'plan_rendition is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_no_replace BEFORE INSERT ON plan
    WHEN EXISTS (SELECT 1 FROM plan WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'plan holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_version_no_replace BEFORE INSERT ON plan_version
    WHEN EXISTS (SELECT 1 FROM plan_version WHERE plan_id = NEW.plan_id AND version = NEW.version)
BEGIN
    SELECT RAISE(ABORT, 'plan_version holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_source_no_replace BEFORE INSERT ON plan_source
    WHEN EXISTS (SELECT 1 FROM plan_source WHERE plan_id = NEW.plan_id AND version = NEW.version AND (ordinal = NEW.ordinal OR item_id = NEW.item_id))
BEGIN
    SELECT RAISE(ABORT, 'plan_source holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_look_no_replace BEFORE INSERT ON plan_look
    WHEN EXISTS (SELECT 1 FROM plan_look WHERE plan_id = NEW.plan_id AND version = NEW.version AND agent = NEW.agent AND at = NEW.at)
BEGIN
    SELECT RAISE(ABORT, 'plan_look holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_decision_no_replace BEFORE INSERT ON plan_decision
    WHEN EXISTS (SELECT 1 FROM plan_decision WHERE plan_id = NEW.plan_id AND version = NEW.version AND decision = NEW.decision)
BEGIN
    SELECT RAISE(ABORT, 'plan_decision holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_blocker_no_replace BEFORE INSERT ON plan_blocker
    WHEN EXISTS (SELECT 1 FROM plan_blocker WHERE run_id = NEW.run_id AND ordinal = NEW.ordinal)
BEGIN
    SELECT RAISE(ABORT, 'plan_blocker holds this row already');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_rendition_no_replace BEFORE INSERT ON plan_rendition
    WHEN EXISTS (SELECT 1 FROM plan_rendition WHERE plan_id = NEW.plan_id AND version = NEW.version AND name = NEW.name)
BEGIN
    SELECT RAISE(ABORT, 'plan_rendition holds this row already');
END;
-- +goose StatementEnd

-- Four eyes.
-- +goose StatementBegin
CREATE TRIGGER plan_decision_four_eyes BEFORE INSERT ON plan_decision
    WHEN NEW.decision = 'approved' AND (
        EXISTS (SELECT 1 FROM plan_version v WHERE v.plan_id = NEW.plan_id AND v.author = NEW.agent AND v.version <= NEW.version
            AND v.version > COALESCE((SELECT MAX(d.version) FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version < NEW.version AND d.decision = 'approved' AND NOT EXISTS (SELECT 1 FROM plan_decision r WHERE r.plan_id = d.plan_id AND r.version = d.version AND r.decision = 'rejected')), 0))
        OR EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version)
        OR NOT EXISTS (SELECT 1 FROM plan p WHERE p.id = NEW.plan_id AND p.head = NEW.version)
        OR NOT EXISTS (SELECT 1 FROM plan_look l WHERE l.plan_id = NEW.plan_id AND l.version = NEW.version AND l.agent = NEW.agent)
        OR NOT EXISTS (SELECT 1 FROM plan_run c JOIN plan_version v ON v.plan_id = c.plan_id AND v.version = c.version AND v.sha256 = c.sha256
            WHERE c.plan_id = NEW.plan_id AND c.version = NEW.version AND c.kind = 'gap check' AND c.state = 'done')
        OR EXISTS (SELECT 1 FROM plan_blocker b JOIN plan_run c ON c.id = b.run_id
            WHERE c.plan_id = NEW.plan_id AND c.version = NEW.version AND c.kind = 'gap check' AND b.warning = 0 AND b.dismissed_at IS NULL))
BEGIN
    SELECT RAISE(ABORT, 'plan_decision refuses this approval');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_look_four_eyes BEFORE INSERT ON plan_look
    WHEN EXISTS (SELECT 1 FROM plan_version v WHERE v.plan_id = NEW.plan_id AND v.version = NEW.version AND v.author = NEW.agent)
BEGIN
    SELECT RAISE(ABORT, 'plan_look refuses the author');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_render_approved BEFORE INSERT ON plan_render
    WHEN NOT EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version AND d.decision = 'approved')
    OR EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version AND d.decision = 'rejected')
BEGIN
    SELECT RAISE(ABORT, 'plan_render takes approved versions only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_rendition_approved BEFORE INSERT ON plan_rendition
    WHEN NOT EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version AND d.decision = 'approved')
    OR EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version AND d.decision = 'rejected')
BEGIN
    SELECT RAISE(ABORT, 'plan_render takes approved versions only');
END;
-- +goose StatementEnd
