// Package proof says what the archive holds so that anybody can check it, and says of what was published where it came from:
// it seals accessions under one root with their totals, states scopes and clips in the transparency log, renders clips, and
// writes the bundles of docs/design/proof-bundle.md.
//
// It guarantees that an accession is sealed once, closed and measured, each item at one place, in a random order, and that the
// same seal stands in every later statement; that a clip is stated in the transaction that records it, and that no byte of it
// leaves before; that a clip names the segments whose bytes the decoder was given, and no others were within its reach; that
// a bundle is written only after it was checked by package verify, as anybody would check it; and that opening an item shows
// that item only, and is recorded with a reason first.
//
// It does not tick, cosign or stamp (package anchor does), does not judge what a clip shows, and does not blur anything. It
// cannot show that an archive holds nothing else, nor that footage is true; docs/design/proofs.md says what is shown and what
// is not.
package proof
