// Package fsck cross-checks the database, the vault and the custody record.
//
// It guarantees that it reads everything that the three say about each other, from one snapshot of the database, by
// statements of its own, and that each disagreement is a Finding with a code and the identifier it belongs to. It goes
// on after a finding. Nothing is repaired; Options.Clean removes only sealed bytes that nothing refers to and whose keys
// were never written, and only if no error was found.
//
// It does not judge what lies outside: whether the files on a source were these, whether an event tells the truth. It
// re-reads the sealed bytes only with Options.Deep; without it a flipped byte in a blob is for the fixity check to find.
//
// Operations: it needs the opened vault and read access to the database. A whole check reads every row, every envelope
// and the names of all blobs; with Deep every blob. Memory holds the names of the blobs (some 200 bytes for 64 MiB of
// material) and little else.
package fsck
