// Package commit holds the formulas by which items, accessions, statements and ticks are committed to, and the trees
// that show neither their size nor anything else before they are opened.
//
// It guarantees the formulas of docs/design/proof-bundle.md, section "What is committed", byte for byte: every digest is
// SHA-256 over a tag that ends in a zero byte and fields of fixed length, so that no two kinds of input can be taken for
// each other; what could be guessed is under a salt or a key. A veiled tree of depth d is the tree of RFC 6962 over its
// filled places with keyed hashes in the empty ones; roots and proofs are made from the stored hashes of the filled part
// (internal/tlog numbers them) with one read.
//
// It keeps nothing, reads no file, makes no randomness and checks no proof: verifiers are written apart, from the page.
package commit
