-- +goose Up
-- Which entities an import made, which of them nothing is said about since it was undone, and which imports are being undone.

ALTER TABLE entity ADD COLUMN import_id TEXT COLLATE "C"; -- the import that made it; NULL: a person
ALTER TABLE entity ADD COLUMN emptied_at BIGINT; -- that import was undone and nothing else is said of it; NULL while it counts
CREATE INDEX entity_import ON entity (import_id, id) WHERE import_id IS NOT NULL;

ALTER TABLE import ADD COLUMN undo_at BIGINT; -- when undoing it began

-- A document of a claim is found by its reference, which is the claim.
DROP INDEX search_doc_claim;

-- What a claim took the place of is looked for when its import is undone.
CREATE INDEX claim_replaced ON claim (replaced) WHERE replaced <> '';
