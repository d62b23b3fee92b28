-- +goose Up
-- The index of words collects a whole transaction of documents in memory before it writes, and merges what it wrote: fewer
-- and larger pieces, written fewer times over. What is deleted is overwritten as before.
INSERT INTO search_index (search_index, rank) VALUES ('hashsize', 16777216);
INSERT INTO search_index (search_index, rank) VALUES ('automerge', 6);
