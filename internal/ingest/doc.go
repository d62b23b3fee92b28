// Package ingest takes material into custody: it walks folders and whole disks, and for every file found computes
// the SHA-256, seals the bytes into the vault, and records item, provenance, custody event and follow-up work.
//
// It guarantees that every thing found is one line of the accession's manifest, failures and things that hold no
// bytes included; that a file counts as received only after its sealed bytes and their key are on disk, have been
// read back, and the transaction that names them is committed; that the same transaction commits, under a salt of its
// own, to the item and to each of its proof segments; that exact duplicates are held once and recorded each
// time; that a run which was cut short (Ctrl-C, full disk, loss of power) leaves nothing half-written that counts,
// and that the next run passes over finished files without reading them. Symbolic links are never followed, pipes,
// sockets and devices never opened, and every open is relative to a folder that is held open, so that a folder
// swapped for a link while a run is under way cannot lead out of the place that was named.
//
// It does not judge what the bytes are (derive does), does not change, move or delete anything at the source, and
// does not write a name or a path anywhere but into sealed provenance. Names of files that failed are handed to the
// caller's progress function, for the eyes of the person at the terminal; they never reach the logger.
package ingest
