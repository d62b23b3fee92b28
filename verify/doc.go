// Package verify checks proof bundles and transparency logs offline, with nothing but the standard library.
//
// It guarantees that a bundle it accepts is spelled in the one way docs/design/proof-bundle.md allows, that every
// signature, proof and sum in it holds, and that a report never says more than was checked: a key that was not compared
// with one from elsewhere, a time authority without a given root and a file that was not at hand stay open. Parsing and
// checking are bounded by the size of the input (16 MiB at most), which is treated as hostile; a file beside the bundle is read
// once as a stream. Nothing of Zapis is imported, so that whoever reviews the checks reads this package alone.
//
// It does not say that footage is true, does not fetch anything, and does not decide whom to trust: verifier keys and
// root certificates come from the caller, who has them from somewhere else than the bundle.
package verify
