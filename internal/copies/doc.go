// Package copies finds recordings that hold the same footage: re-encoded, cropped, with a logo over it, cut shorter. It keeps what was
// found as suggestions, lets people confirm or dismiss them, and folds copies in lists.
//
// It guarantees that a reader learns of a copy only if they may see both recordings: results, counts and folds are made of what lies
// within their scope and of nothing else. It never says more than what was measured: recordings of one fixed camera look alike, and are
// called that and no copies (package fingerprint has the rule). What a machine found is a suggestion until a person decides, every
// decision is an event of the custody record and can be undone. Folding hides no footage: only recordings that are the same from end to
// end fold, and one of them that answers the reader's question is always shown. Fingerprints are opened in memory and never lie on a
// disk in the clear.
//
// It does not make fingerprints of items (derive does), does not merge or delete anything, and says nothing about which of two copies is
// the earlier one. It looks at no pictures and papers. The index is in the memory of the process, 108 bytes for each stretch that looks
// the same; see docs/design/fingerprint.md.
package copies
