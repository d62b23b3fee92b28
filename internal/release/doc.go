// Package release takes redacted clips out of the archive: texts, gates, signatures, publication, correction, withdrawal.
//
// It guarantees that nothing is published unless every gate is open at that moment: each gate is a function of its own and is asked again in
// the transaction that publishes. Whoever wrote a word or drew a mask does not sign it; one person alone never publishes. What lies in the
// folder of releases is written whole or not at all, and what the database says is out is brought there again after any interruption. No byte
// of a bundle gives a digest or a name of an original, a place in the archive, or a person who worked on it.
//
// It does not render, does not state, and does not decide what is true. It does not know plans, proofs or the catalogue: it asks for what it
// needs through small ports. What was fetched by others before a withdrawal stays with them.
package release
