-- +goose Up
-- Which moments of a redaction plan its second person was shown.

-- A moment of a version that somebody who wrote none of it was shown, with its masks. sha256 is the digest of the version. It goes with an item
-- that is erased: it tells where to look.
CREATE TABLE plan_stop (
    plan_id TEXT    NOT NULL,
    version INTEGER NOT NULL,
    agent   TEXT    NOT NULL,
    source  INTEGER NOT NULL CHECK (source >= 0),
    at_us   INTEGER NOT NULL CHECK (at_us >= 0),
    sha256  BLOB    NOT NULL CHECK (length(sha256) = 32),
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (plan_id, version, agent, source, at_us),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
) STRICT;

-- Insert-only, but for what is erased.
-- +goose StatementBegin
CREATE TRIGGER plan_stop_no_update BEFORE UPDATE ON plan_stop
BEGIN
    SELECT RAISE(ABORT, 'plan_stop is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_stop_no_delete BEFORE DELETE ON plan_stop
    WHEN NOT EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved')
BEGIN
    SELECT RAISE(ABORT, 'plan_stop is insert-only');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_stop_no_replace BEFORE INSERT ON plan_stop
    WHEN EXISTS (SELECT 1 FROM plan_stop WHERE plan_id = NEW.plan_id AND version = NEW.version AND agent = NEW.agent AND source = NEW.source AND at_us = NEW.at_us)
BEGIN
    SELECT RAISE(ABORT, 'plan_stop holds this row already');
END;
-- +goose StatementEnd

-- Four eyes: what is noted is of exactly this version, of nobody who wrote it; a look claims no more moments than were shown; and an approval needs
-- such a look, also where a look is older than this table.
-- +goose StatementBegin
CREATE TRIGGER plan_stop_four_eyes BEFORE INSERT ON plan_stop
    WHEN NOT EXISTS (SELECT 1 FROM plan_version v WHERE v.plan_id = NEW.plan_id AND v.version = NEW.version AND v.sha256 = NEW.sha256 AND v.author <> NEW.agent)
BEGIN
    SELECT RAISE(ABORT, 'plan_stop refuses the author, and what is another version');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_look_stops BEFORE INSERT ON plan_look
    WHEN NEW.steps < 1 OR NEW.steps > (SELECT COUNT(*) FROM plan_stop s WHERE s.plan_id = NEW.plan_id AND s.version = NEW.version AND s.agent = NEW.agent)
BEGIN
    SELECT RAISE(ABORT, 'plan_look refuses more than was shown');
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER plan_decision_stops BEFORE INSERT ON plan_decision
    WHEN NEW.decision = 'approved' AND NOT EXISTS (SELECT 1 FROM plan_look l WHERE l.plan_id = NEW.plan_id AND l.version = NEW.version AND l.agent = NEW.agent AND l.steps >= 1
        AND l.steps <= (SELECT COUNT(*) FROM plan_stop s WHERE s.plan_id = l.plan_id AND s.version = l.version AND s.agent = l.agent))
BEGIN
    SELECT RAISE(ABORT, 'plan_decision refuses this approval');
END;
-- +goose StatementEnd
