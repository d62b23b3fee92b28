// Package custody keeps the custody record: every act on the material, written in the transaction of the act itself.
//
// It guarantees that an event and its act are both there or both absent; that every event is a leaf of one Merkle tree
// that only grows (package tlog); that a leaf is a salted commitment, so that whoever sees only leaves, hashes and
// checkpoints learns how many acts there were and nothing about them; and that a checkpoint is signed only over a
// tree that still contains every tree signed before. The format of leaf, event, checkpoint and export is
// docs/design/custody-record.md, with test vectors in testdata.
//
// It does not prove that an event tells the truth, nor that no act went unrecorded: it proves that what was recorded
// has not been altered, reordered or cut since the checkpoint that covers it. Events after the last checkpoint, and a
// record whose every checkpoint lies on the same machine, are protected only against those who cannot rewrite the
// database. A checkpoint has to leave the machine; receipts carry one for that reason.
//
// Verification is package custody/verify, which shares no code with this one.
package custody
