// Package match says which release a file is from: by its digest if it is one of the files that were let out, and by what moves in it if it
// was encoded anew, cropped, cut or written over.
//
// It guarantees that it never says more than what was measured: the same file, the same footage (package fingerprint has the rule), or a
// similar event; what only looks alike is counted and not named. Nothing of the file that is asked about is kept, nor that it was asked. A
// clip that was rendered and not let out is named only to who may see everything that it was cut from. Fingerprints of clips lie sealed in
// the catalogue and in memory, and go when an item that the clip was cut from is erased. What was withdrawn is still known again.
//
// It does not say that a release is genuine (package verify does), who made a copy, or when. A finding of nothing means only that the file
// is from none of the clips that it was held against; see docs/design/match.md.
package match
