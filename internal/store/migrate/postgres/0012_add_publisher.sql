-- +goose Up
-- Publishers may sign in.
ALTER TABLE account DROP CONSTRAINT account_role_check;
ALTER TABLE account ADD CONSTRAINT account_role_check CHECK (role IN ('admin', 'archivist', 'publisher', 'investigator', 'reviewer'));
