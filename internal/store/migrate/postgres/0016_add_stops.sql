-- +goose Up
-- Which moments of a redaction plan its second person was shown.

-- A moment of a version that somebody who wrote none of it was shown, with its masks. sha256 is the digest of the version. It goes with an item
-- that is erased: it tells where to look.
CREATE TABLE plan_stop (
    plan_id TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    agent TEXT COLLATE "C" NOT NULL,
    source BIGINT NOT NULL CHECK (source >= 0),
    at_us BIGINT NOT NULL CHECK (at_us >= 0),
    sha256 BYTEA NOT NULL CHECK (length(sha256) = 32),
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (plan_id, version, agent, source, at_us),
    FOREIGN KEY (plan_id, version) REFERENCES plan_version (plan_id, version)
);

-- Insert-only, but for what is erased.
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_stop_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM plan_source s JOIN erasure e ON e.item_id = s.item_id WHERE s.plan_id = OLD.plan_id AND s.version = OLD.version AND e.state = 'approved') THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is insert-only', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd

-- Four eyes: what is noted is of exactly this version, of nobody who wrote it; a look claims no more moments than were shown; and an approval needs
-- such a look, also where a look is older than this table.
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_stop() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM plan_version v WHERE v.plan_id = NEW.plan_id AND v.version = NEW.version AND v.sha256 = NEW.sha256 AND v.author <> NEW.agent) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% refuses the author, and what is another version', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_look_stops() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.steps >= 1 AND NEW.steps <= (SELECT COUNT(*) FROM plan_stop s WHERE s.plan_id = NEW.plan_id AND s.version = NEW.version AND s.agent = NEW.agent) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% refuses more than was shown', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE FUNCTION refuse_plan_decision_stops() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.decision <> 'approved' OR EXISTS (SELECT 1 FROM plan_look l WHERE l.plan_id = NEW.plan_id AND l.version = NEW.version AND l.agent = NEW.agent AND l.steps >= 1
        AND l.steps <= (SELECT COUNT(*) FROM plan_stop s WHERE s.plan_id = l.plan_id AND s.version = l.version AND s.agent = l.agent)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% refuses this approval', TG_TABLE_NAME USING ERRCODE = 'ZA001';
END
$$;
-- +goose StatementEnd
CREATE TRIGGER plan_stop_no_change BEFORE UPDATE ON plan_stop FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_stop_no_delete BEFORE DELETE ON plan_stop FOR EACH ROW EXECUTE FUNCTION refuse_plan_stop_delete();
CREATE TRIGGER plan_stop_no_truncate BEFORE TRUNCATE ON plan_stop FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER plan_stop_four_eyes BEFORE INSERT ON plan_stop FOR EACH ROW EXECUTE FUNCTION refuse_plan_stop();
CREATE TRIGGER plan_look_stops BEFORE INSERT ON plan_look FOR EACH ROW EXECUTE FUNCTION refuse_plan_look_stops();
CREATE TRIGGER plan_decision_stops BEFORE INSERT ON plan_decision FOR EACH ROW EXECUTE FUNCTION refuse_plan_decision_stops();
