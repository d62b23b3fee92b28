-- +goose Up
-- The index of words is tuned on SQLite here. PostgreSQL's collects what is new in a list of its own (fastupdate).
SELECT 1;
