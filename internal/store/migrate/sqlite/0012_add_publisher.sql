-- +goose Up
-- Publishers may sign in. The rows are put aside and come back as in 0002.
PRAGMA defer_foreign_keys = ON;
CREATE TEMPORARY TABLE account_aside AS SELECT id, login, role, scope, disabled, user_handle, password, factor, factor_step, preferences, created_at, created_by, seen_at FROM account;
DROP TABLE account;
CREATE TABLE account (
    id          TEXT    NOT NULL PRIMARY KEY REFERENCES agent (id),
    login       TEXT    NOT NULL UNIQUE,
    role        TEXT    NOT NULL CHECK (role IN ('admin', 'archivist', 'publisher', 'investigator', 'reviewer')),
    scope       TEXT    NOT NULL, -- JSON of archive.Scope
    disabled    INTEGER NOT NULL DEFAULT 0,
    user_handle BLOB    NOT NULL UNIQUE,
    password    TEXT    NOT NULL DEFAULT '',
    factor      BLOB,
    factor_step INTEGER NOT NULL DEFAULT 0,
    preferences BLOB,
    created_at  INTEGER NOT NULL,
    created_by  TEXT    NOT NULL,
    seen_at     INTEGER
) STRICT;
INSERT INTO account SELECT id, login, role, scope, disabled, user_handle, password, factor, factor_step, preferences, created_at, created_by, seen_at FROM account_aside ORDER BY id;
DROP TABLE account_aside;
