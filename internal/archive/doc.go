// Package archive holds the nouns of Zapis and their rules: accession, item, derivative, provenance, custody event, agent.
//
// It guarantees that identifiers are well formed, that states move only along the ways written here, and that an
// event has exactly one sequence of bytes (canonical.go), which is what the custody record commits to.
//
// It does no input or output and imports nothing but the standard library.
package archive
