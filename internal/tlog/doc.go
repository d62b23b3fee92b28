// Package tlog is the Merkle tree beneath the custody record: leaf hashes, stored hashes, roots, proofs and signed
// checkpoints.
//
// It guarantees the tree of RFC 6962 section 2.1 (SHA-256, 0x00 before a leaf, 0x01 before a node), checkpoints as
// in the C2SP texts tlog-checkpoint and signed-note (Ed25519), cosignatures of witnesses as in C2SP tlog-cosignature
// (Ed25519), and tile names as in C2SP tlog-tiles. The arithmetic is golang.org/x/mod/sumdb/tlog and note; only this
// package and package witness below it import them.
//
// Every hash of a complete subtree is stored once under a number (StoredIndex) in a table that only grows. The
// numbers follow the order in which the hashes come to exist: after leaf n come the hashes of the subtrees that it
// completes, smallest first. A root or a proof is then a handful of rows, and appending k leaves reads only the
// right edge of the tree (at most one hash per bit of its size).
//
// It keeps nothing, does no input or output of its own, and does not know what a leaf means. It does not make a
// tree safe against the one who signs it: for that a checkpoint has to leave the machine.
package tlog
