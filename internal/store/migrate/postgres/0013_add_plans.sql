-- +goose Up
-- Redaction plans: versions, looks, decisions, what machines found, renderings.

-- A redaction plan: what of which items is shown, and what of that is covered. head is the newest version. When an item of it is erased, title
-- goes with what the versions say.
CREATE TABLE plan (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    title TEXT COLLATE "C" NOT NULL,
    head BIGINT NOT NULL CHECK (head > 0),
    created_at BIGINT NOT NULL,
    created_by TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX plan_changed ON plan (changed_at, id);

-- What a plan says, as canonical bytes, and who said so. Never changed; empty once an item that it names is erased: a plan tells where the
-- faces were.
CREATE TABLE plan_version (
    plan_id TEXT COLLATE "C" NOT NULL REFERENCES plan (id),
    version BIGINT NOT NULL CHECK (version > 0),
    body BYTEA NOT NULL,
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    note TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    erased_at BIGINT,
    PRIMARY KEY (plan_id, version),
    CHECK (length(body) > 0 OR erased_at IS NOT NULL)
);

-- The items that a version names, in its order.
CREATE TABLE plan_source (
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    item_id TEXT COLLATE "C" NOT NULL REFERENCES item (id),
    PRIMARY KEY (plan_id, version, ordinal),
    UNIQUE (plan_id, version, item_id),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
);
CREATE INDEX plan_source_item ON plan_source (item_id);

-- Somebody stepped through what a version shows. seconds is how long that took, steps how many places they looked at.
CREATE TABLE plan_look (
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    seconds BIGINT NOT NULL CHECK (seconds >= 0),
    steps BIGINT NOT NULL CHECK (steps >= 0),
    PRIMARY KEY (plan_id, version, agent, at),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
);

-- A version was approved, or sent back. What was sent back is never approved; what was approved can be sent back. why goes with an item that is
-- erased.
CREATE TABLE plan_decision (
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    decision TEXT COLLATE "C" NOT NULL CHECK (decision IN ('approved', 'rejected')),
    agent TEXT COLLATE "C" NOT NULL,
    why TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (plan_id, version, decision),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
);

-- What machines were asked about a version: to propose what to cover, or to look for gaps. recipe names the detectors; report is what they
-- could not judge, as JSON; sha256 is the digest of the version that was worked on.
CREATE TABLE plan_run (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('detect', 'gap check')),
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('asked', 'done', 'failed')),
    asked_by TEXT COLLATE "C" NOT NULL,
    asked_at BIGINT NOT NULL,
    done_at BIGINT,
    frames BIGINT NOT NULL DEFAULT 0 CHECK (frames >= 0),
    recipe TEXT COLLATE "C" NOT NULL DEFAULT '',
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    report BYTEA,
    sha256 BYTEA CHECK (sha256 IS NULL OR length(sha256) = 32),
    UNIQUE (plan_id, version, kind),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version),
    CHECK ((state = 'asked') = (done_at IS NULL)),
    CHECK (state <> 'done' OR sha256 IS NOT NULL)
);

-- What a gap check found. A person may dismiss it, with a reason, once.
CREATE TABLE plan_blocker (
    run_id TEXT COLLATE "C" NOT NULL REFERENCES plan_run (id),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    kind TEXT COLLATE "C" NOT NULL CHECK (kind <> ''),
    warning BIGINT NOT NULL CHECK (warning IN (0, 1)),
    cut BIGINT NOT NULL,
    source BIGINT NOT NULL,
    from_us BIGINT NOT NULL,
    to_us BIGINT NOT NULL,
    at_us BIGINT NOT NULL,
    box_x BIGINT NOT NULL,
    box_y BIGINT NOT NULL,
    box_w BIGINT NOT NULL,
    box_h BIGINT NOT NULL,
    thing TEXT COLLATE "C" NOT NULL,
    track TEXT COLLATE "C" NOT NULL,
    frames BIGINT NOT NULL,
    score BIGINT NOT NULL,
    why TEXT COLLATE "C" NOT NULL,
    dismissed_at BIGINT,
    dismissed_by TEXT COLLATE "C",
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, ordinal),
    CHECK ((dismissed_at IS NULL) = (dismissed_by IS NULL)),
    CHECK (dismissed_at IS NULL OR reason <> '')
);

-- A track that a machine proposes. It covers nothing until a person takes it into a version.
CREATE TABLE plan_proposal (
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run_id TEXT COLLATE "C" NOT NULL REFERENCES plan_run (id),
    plan_id TEXT COLLATE "C" NOT NULL REFERENCES plan (id),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    body BYTEA NOT NULL CHECK (length(body) > 0),
    score BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('suggested', 'confirmed', 'dismissed')),
    decided_at BIGINT,
    decided_by TEXT COLLATE "C",
    why TEXT COLLATE "C" NOT NULL DEFAULT '',
    UNIQUE (run_id, ordinal),
    CHECK ((state = 'suggested') = (decided_at IS NULL)),
    CHECK ((decided_at IS NULL) = (decided_by IS NULL))
);
CREATE INDEX plan_proposal_plan ON plan_proposal (plan_id, state);

-- The rendering of an approved version. read is what of which original the decoder was given, as JSON.
CREATE TABLE plan_render (
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL CHECK (state IN ('asked', 'done', 'failed', 'destroyed')),
    asked_by TEXT COLLATE "C" NOT NULL,
    asked_at BIGINT NOT NULL,
    done_at BIGINT,
    reason TEXT COLLATE "C" NOT NULL DEFAULT '',
    clip_id TEXT COLLATE "C" REFERENCES clip (id),
    milliseconds BIGINT NOT NULL DEFAULT 0 CHECK (milliseconds >= 0),
    recipe TEXT COLLATE "C" NOT NULL DEFAULT '',
    recipe_version BIGINT NOT NULL DEFAULT 0,
    tool TEXT COLLATE "C" NOT NULL DEFAULT '',
    tool_version TEXT COLLATE "C" NOT NULL DEFAULT '',
    read BYTEA,
    PRIMARY KEY (plan_id, version),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version),
    CHECK ((state = 'asked') = (done_at IS NULL)),
    CHECK (state <> 'done' OR clip_id IS NOT NULL)
);
CREATE INDEX plan_render_clip ON plan_render (clip_id);

-- The files of a rendering: the clip in its sizes, stills, the drawing.
CREATE TABLE plan_rendition (
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    name TEXT COLLATE "C" NOT NULL CHECK (name <> ''),
    ordinal BIGINT NOT NULL CHECK (ordinal >= 0),
    object_id TEXT COLLATE "C" NOT NULL REFERENCES object (id),
    envelope_id TEXT COLLATE "C" NOT NULL,
    size BIGINT NOT NULL CHECK (size > 0),
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    media_type TEXT COLLATE "C" NOT NULL,
    width BIGINT NOT NULL,
    height BIGINT NOT NULL,
    PRIMARY KEY (plan_id, version, name),
    FOREIGN KEY (plan_id, version) REFERENCES plan_render (plan_id, version)
);
CREATE INDEX plan_rendition_object ON plan_rendition (object_id);

-- Insert-only, but for what the conditions allow.
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id = OLD.id AND NEW.created_at = OLD.created_at AND NEW.created_by = OLD.created_by AND NEW.head >= OLD.head AND NEW.head <= OLD.head + 1) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND NEW.sha256 = OLD.sha256 AND NEW.author = OLD.author AND NEW.created_at = OLD.created_at
        AND length(NEW.body) = 0 AND NEW.note = '' AND NEW.erased_at IS NOT NULL
        AND EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_decision_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND NEW.decision = OLD.decision AND NEW.agent = OLD.agent AND NEW.at = OLD.at AND NEW.why = ''
        AND EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_blocker_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.run_id = OLD.run_id AND NEW.ordinal = OLD.ordinal AND NEW.kind = OLD.kind AND NEW.warning = OLD.warning AND NEW.cut = OLD.cut AND NEW.source = OLD.source AND NEW.from_us = OLD.from_us AND NEW.to_us = OLD.to_us AND NEW.at_us = OLD.at_us AND NEW.box_x = OLD.box_x AND NEW.box_y = OLD.box_y AND NEW.box_w = OLD.box_w AND NEW.box_h = OLD.box_h AND NEW.thing = OLD.thing AND NEW.track = OLD.track AND NEW.frames = OLD.frames AND NEW.score = OLD.score AND NEW.why = OLD.why
        AND OLD.dismissed_at IS NULL AND NEW.dismissed_at IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_blocker_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (EXISTS (SELECT 1 FROM plan_run c JOIN plan_source s ON s.plan_id = c.plan_id AND s.version = c.version JOIN erasure e ON e.item_id = s.item_id WHERE c.id = OLD.run_id AND e.state = 'approved')) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_render_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND (OLD.state IN ('asked', 'failed')
            OR OLD.state = 'done' AND NEW.state = 'destroyed' AND NEW.clip_id = OLD.clip_id AND NEW.asked_by = OLD.asked_by)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_rendition_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.plan_id = OLD.plan_id AND NEW.version = OLD.version AND NEW.name = OLD.name AND NEW.ordinal = OLD.ordinal AND NEW.object_id = OLD.object_id
        AND NEW.envelope_id = OLD.envelope_id AND NEW.size = OLD.size
        AND EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved')) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NOT (NEW.decision = 'approved' AND (
        EXISTS (SELECT 1 FROM plan_version v WHERE v.plan_id = NEW.plan_id AND v.author = NEW.agent AND v.version <= NEW.version
            AND v.version > COALESCE((SELECT MAX(d.version) FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version < NEW.version AND d.decision = 'approved' AND NOT EXISTS (SELECT 1 FROM plan_decision r WHERE r.plan_id = d.plan_id AND r.version = d.version AND r.decision = 'rejected')), 0))
        OR EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version)
        OR NOT EXISTS (SELECT 1 FROM plan p WHERE p.id = NEW.plan_id AND p.head = NEW.version)
        OR NOT EXISTS (SELECT 1 FROM plan_look l WHERE l.plan_id = NEW.plan_id AND l.version = NEW.version AND l.agent = NEW.agent)
        OR NOT EXISTS (SELECT 1 FROM plan_run c JOIN plan_version v ON v.plan_id = c.plan_id AND v.version = c.version AND v.sha256 = c.sha256
            WHERE c.plan_id = NEW.plan_id AND c.version = NEW.version AND c.kind = 'gap check' AND c.state = 'done')
        OR EXISTS (SELECT 1 FROM plan_blocker b JOIN plan_run c ON c.id = b.run_id
            WHERE c.plan_id = NEW.plan_id AND c.version = NEW.version AND c.kind = 'gap check' AND b.warning = 0 AND b.dismissed_at IS NULL)))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% refuses this approval', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_look() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NOT (EXISTS (SELECT 1 FROM plan_version v WHERE v.plan_id = NEW.plan_id AND v.version = NEW.version AND v.author = NEW.agent))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% refuses the author', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_rendering() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NOT (NOT EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version AND d.decision = 'approved')
    OR EXISTS (SELECT 1 FROM plan_decision d WHERE d.plan_id = NEW.plan_id AND d.version = NEW.version AND d.decision = 'rejected'))) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% takes approved versions only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER plan_no_change BEFORE UPDATE ON plan FOR EACH ROW EXECUTE FUNCTION refuse_plan_change();
CREATE TRIGGER plan_no_delete BEFORE DELETE ON plan FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_no_truncate BEFORE TRUNCATE ON plan FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_version_no_change BEFORE UPDATE ON plan_version FOR EACH ROW EXECUTE FUNCTION refuse_plan_version_change();
CREATE TRIGGER plan_version_no_delete BEFORE DELETE ON plan_version FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_version_no_truncate BEFORE TRUNCATE ON plan_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_decision_no_change BEFORE UPDATE ON plan_decision FOR EACH ROW EXECUTE FUNCTION refuse_plan_decision_change();
CREATE TRIGGER plan_decision_no_delete BEFORE DELETE ON plan_decision FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_decision_no_truncate BEFORE TRUNCATE ON plan_decision FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_blocker_no_change BEFORE UPDATE ON plan_blocker FOR EACH ROW EXECUTE FUNCTION refuse_plan_blocker_change();
CREATE TRIGGER plan_blocker_no_delete BEFORE DELETE ON plan_blocker FOR EACH ROW EXECUTE FUNCTION refuse_plan_blocker_delete();
CREATE TRIGGER plan_blocker_no_truncate BEFORE TRUNCATE ON plan_blocker FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_render_no_change BEFORE UPDATE ON plan_render FOR EACH ROW EXECUTE FUNCTION refuse_plan_render_change();
CREATE TRIGGER plan_render_no_delete BEFORE DELETE ON plan_render FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_render_no_truncate BEFORE TRUNCATE ON plan_render FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_rendition_no_change BEFORE UPDATE ON plan_rendition FOR EACH ROW EXECUTE FUNCTION refuse_plan_rendition_change();
CREATE TRIGGER plan_rendition_no_delete BEFORE DELETE ON plan_rendition FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_rendition_no_truncate BEFORE TRUNCATE ON plan_rendition FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_source_no_change BEFORE UPDATE OR DELETE ON plan_source FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_source_no_truncate BEFORE TRUNCATE ON plan_source FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_look_no_change BEFORE UPDATE OR DELETE ON plan_look FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_look_no_truncate BEFORE TRUNCATE ON plan_look FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Four eyes.
CREATE TRIGGER plan_decision_four_eyes BEFORE INSERT ON plan_decision FOR EACH ROW EXECUTE FUNCTION refuse_plan_approval();
CREATE TRIGGER plan_look_four_eyes BEFORE INSERT ON plan_look FOR EACH ROW EXECUTE FUNCTION refuse_plan_look();
CREATE TRIGGER plan_render_approved BEFORE INSERT ON plan_render FOR EACH ROW EXECUTE FUNCTION refuse_plan_rendering();
CREATE TRIGGER plan_rendition_approved BEFORE INSERT ON plan_rendition FOR EACH ROW EXECUTE FUNCTION refuse_plan_rendering();
