// Package derive makes the working copies of items: what a machine can say about a file, stills, a storyboard, a proxy
// for the player, the lanes below it, the pages of a paper.
//
// It guarantees that an original is only ever opened through the vault, in memory, and never changed; that every
// derivative is sealed in the vault before the catalogue knows of it; that derivatives, facts, state, custody events and
// the end of the job become visible in one transaction or not at all; that doing the same job twice leaves one set; that
// derivatives made by an older recipe are superseded and kept, not replaced; and that nothing is accepted without a
// complete decode report. An item of which nothing can be derived says why, with a code (Reasons). An item whose sealed
// bytes turn out damaged while they are read is quarantined and never shown as damaged material.
//
// It also reads burned-in clocks and the numbers in the names of files; a clock becomes a suggestion and nothing else.
//
// It does not judge what is seen, does not look for faces, and does not decide who may look: that is reading's.
// A quarantined or erased item is refused. A derivative is not evidence: it is re-encoded.
//
// The steps and what happens when each of them fails are in docs/design/derive.md.
package derive
