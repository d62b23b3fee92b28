package fsck

import (
	"context"

	"zapis/internal/custody/rows"
	"zapis/internal/store"
)

// statements are questions to the catalogue whose every answer is wrong.
var statements = []struct{ code, kind, text, sql string }{
	{"item-object", "item", "its object is gone, or has another digest, size, envelope or kind", `
		SELECT i.id FROM item i LEFT JOIN object o ON o.id = i.object_id
		WHERE o.id IS NULL OR o.sha256 <> i.sha256 OR o.size <> i.size OR o.envelope_id <> i.envelope_id OR o.kind <> 'original' ORDER BY i.id`},
	{"item-state", "item", "item and object disagree on being set apart or erased", `
		SELECT i.id FROM item i JOIN object o ON o.id = i.object_id
		WHERE (i.state = 'erased') <> (o.state = 'erased') OR (i.state = 'quarantined') <> (o.state = 'quarantined') ORDER BY i.id`},
	{"item-provenance", "item", "no line of its accession says where it came from", `
		SELECT i.id FROM item i WHERE NOT EXISTS (
			SELECT 1 FROM provenance p WHERE p.item_id = i.id AND p.accession_id = i.accession_id AND p.outcome = 'received') ORDER BY i.id`},
	{"item-copies", "item", "it does not count the files that were found with its bytes", `
		SELECT i.id FROM item i WHERE i.copies <> (
			SELECT COUNT(*) FROM provenance p WHERE p.item_id = i.id AND p.outcome IN ('received', 'duplicate')) ORDER BY i.id`},
	{"item-accession", "item", "its accession is gone or has another number", `
		SELECT i.id FROM item i LEFT JOIN accession a ON a.id = i.accession_id
		WHERE a.id IS NULL OR a.number <> i.accession_no OR i.number < 1 OR i.number >= a.next_item ORDER BY i.id`},
	{"provenance-item", "provenance", "received or duplicate without an item, or the other way round, or of another size", `
		SELECT p.id FROM provenance p LEFT JOIN item i ON i.id = p.item_id
		WHERE (p.outcome IN ('received', 'duplicate')) <> (i.id IS NOT NULL) OR (i.id IS NOT NULL AND i.size <> p.size) ORDER BY p.id`},
	{"provenance-twice", "item", "it is received more than once", `
		SELECT item_id FROM provenance WHERE outcome = 'received' GROUP BY item_id HAVING COUNT(*) > 1 ORDER BY item_id`},
	{"provenance-accession", "provenance", "its accession is gone", `
		SELECT p.id FROM provenance p LEFT JOIN accession a ON a.id = p.accession_id WHERE a.id IS NULL ORDER BY p.id`},
	{"derivative-item", "derivative", "its item is gone", `
		SELECT d.id FROM derivative d LEFT JOIN item i ON i.id = d.item_id WHERE i.id IS NULL ORDER BY d.id`},
	{"derivative-object", "derivative", "its object is gone, or has another digest, size, envelope or kind", `
		SELECT d.id FROM derivative d LEFT JOIN object o ON o.id = d.object_id
		WHERE o.id IS NULL OR o.sha256 <> d.sha256 OR o.size <> d.size OR o.envelope_id <> d.envelope_id OR o.kind <> 'derivative' ORDER BY d.id`},
	{"item-erased", "item", "it is called erased, and no approved erasure is of it", `
		SELECT i.id FROM item i WHERE i.state = 'erased' AND NOT EXISTS (
			SELECT 1 FROM erasure e WHERE e.item_id = i.id AND e.state IN ('approved', 'done')) ORDER BY i.id`},
	{"erasure-undone", "erasure", "it is called done, and something that could be linked to its item is still there", `
		SELECT e.id FROM erasure e JOIN item i ON i.id = e.item_id WHERE e.state = 'done' AND (i.state <> 'erased'
			OR EXISTS (SELECT 1 FROM item_seal s WHERE s.item_id = i.id)
			OR EXISTS (SELECT 1 FROM provenance p WHERE p.item_id = i.id AND length(p.sealed) > 0)
			OR EXISTS (SELECT 1 FROM object o WHERE o.state <> 'erased' AND (o.id = i.object_id
				OR o.id IN (SELECT d.object_id FROM derivative d WHERE d.item_id = i.id)))) ORDER BY e.id`},
	{"clip-object", "clip", "its object is gone, or has another digest, size, envelope or kind", `
		SELECT c.id FROM clip c LEFT JOIN object o ON o.id = c.object_id
		WHERE o.id IS NULL OR (o.state <> 'erased' AND o.sha256 <> c.sha256) OR o.size <> c.bytes OR o.envelope_id <> c.envelope_id OR o.kind <> 'clip' ORDER BY c.id`},
	{"rendition-object", "plan", "the object of a file that was rendered of it is gone, or has another digest, size or envelope", `
		SELECT DISTINCT r.plan_id FROM plan_rendition r LEFT JOIN object o ON o.id = r.object_id
		WHERE o.id IS NULL OR (o.state <> 'erased' AND o.sha256 <> r.sha256) OR o.size <> r.size OR o.envelope_id <> r.envelope_id ORDER BY r.plan_id`},
	{"object-unused", "object", "no item, derivative, manifest, clip or rendered file refers to it", `
		SELECT o.id FROM object o WHERE NOT EXISTS (SELECT 1 FROM item i WHERE i.object_id = o.id)
			AND NOT EXISTS (SELECT 1 FROM derivative d WHERE d.object_id = o.id)
			AND NOT EXISTS (SELECT 1 FROM clip c WHERE c.object_id = o.id)
			AND NOT EXISTS (SELECT 1 FROM plan_rendition r WHERE r.object_id = o.id)
			AND NOT EXISTS (SELECT 1 FROM accession a WHERE a.manifest_object = o.id) AND (o.kind <> 'manifest' OR o.state <> 'erased') ORDER BY o.id`},
	{"object-segments", "object", "its segments do not add up to its size, or are not counted from 0", `
		SELECT o.id FROM object o LEFT JOIN segment s ON s.object_id = o.id GROUP BY o.id, o.size
		HAVING COUNT(s.number) = 0 OR COALESCE(SUM(s.plain_size), 0) <> o.size OR MIN(s.number) <> 0 OR MAX(s.number) <> COUNT(s.number) - 1 ORDER BY o.id`},
	{"segment-blob", "object", "a segment lies outside its blob, or the blob is not in the catalogue", `
		SELECT DISTINCT s.object_id FROM segment s LEFT JOIN blob b ON b.name = s.blob_name
		WHERE b.name IS NULL OR s.starts_at < 0 OR s.starts_at + s.sealed_size > b.size ORDER BY s.object_id`},
	{"segment-object", "object", "segments are left of an object that is gone", `
		SELECT DISTINCT s.object_id FROM segment s LEFT JOIN object o ON o.id = s.object_id WHERE o.id IS NULL ORDER BY s.object_id`},
	{"blob-envelope", "blob", "its envelope is not in the catalogue", `
		SELECT b.name FROM blob b LEFT JOIN envelope e ON e.id = b.envelope_id WHERE e.id IS NULL ORDER BY b.name`},
	{"object-envelope", "object", "its envelope is not in the catalogue", `
		SELECT o.id FROM object o LEFT JOIN envelope e ON e.id = o.envelope_id WHERE e.id IS NULL ORDER BY o.id`},
	{"manifest-object", "accession", "the object of its manifest is gone, or has another digest, envelope or kind", `
		SELECT a.id FROM accession a LEFT JOIN object o ON o.id = a.manifest_object
		WHERE a.state = 'closed' AND (o.id IS NULL OR a.manifest_sha256 IS NULL OR o.sha256 <> a.manifest_sha256 OR o.envelope_id <> a.manifest_envelope OR o.kind <> 'manifest') ORDER BY a.id`},
	{"clip-statement", "clip", "its statement or that of its scope is gone or of another kind", `
		SELECT c.id FROM clip c LEFT JOIN statement s ON s.id = c.statement_id LEFT JOIN statement t ON t.id = c.scope_statement_id
		WHERE s.id IS NULL OR t.id IS NULL OR s.kind <> 'clip' OR t.kind <> 'scope' ORDER BY c.id`},
	{"accession-open", "accession", "it is open and has a manifest, a receipt or a closing time", `
		SELECT id FROM accession WHERE state = 'open' AND (manifest_object <> '' OR manifest_sha256 IS NOT NULL OR receipt IS NOT NULL OR closed_at IS NOT NULL) ORDER BY id`},
}

// warnings are questions whose answers are not wrong, but want something done.
var warnings = []struct{ code, kind, text, sql string }{
	{"item-unsealed", "item", "it was taken in before items were sealed: no proof can be made of it until it is", `
		SELECT i.id FROM item i WHERE i.state <> 'erased' AND NOT EXISTS (SELECT 1 FROM item_seal s WHERE s.item_id = i.id) ORDER BY i.id`},
	{"erasure-unfinished", "erasure", "two people agreed to it, and it is not carried out or not finished: run it", `
		SELECT e.id FROM erasure e WHERE e.state = 'approved' ORDER BY e.id`},
}

// items asks the catalogue about itself.
func (c *checker) items(ctx context.Context, _ *store.Tx) error {
	n, err := rows.Select(ctx, c.rows, `SELECT COUNT(*) FROM item`, nil, func(r rows.Scanner, n *int64) error { return r.Scan(n) })
	if err != nil {
		return err
	}
	c.r.Items = n[0]
	for i, s := range statements {
		c.o.Progress(Progress{Step: "items", Done: int64(i), Total: int64(len(statements))})
		if err := c.each(ctx, s.code, s.kind, s.text, s.sql); err != nil {
			return err
		}
	}
	for _, s := range warnings {
		ids, err := c.ids(ctx, s.code, s.sql)
		if err != nil {
			return err
		}
		for _, id := range ids {
			c.r.add(Finding{Severity: Warning, Code: s.code, Subject: s.kind + " " + id, Text: s.text})
		}
	}
	return nil
}
