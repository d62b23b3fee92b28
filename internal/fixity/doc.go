// Package fixity tests that the bytes held are the bytes received, and acts on what does not agree.
//
// It guarantees that every mismatch is a finding that stays open until it is resolved, that the objects and items it
// touches are quarantined in the same transaction as the finding and its custody event, that healing from a replica
// replaces a blob only after the replica's bytes were checked, is followed by a new check, and is recorded; and that
// nothing is healed or passed over silently. A check that could not read something because the storage did not
// answer ends with an error and judges nothing.
//
// Three depths: with keys, every object is opened and compared with the digests of its plaintext; without keys but with
// the catalogue, the sealed bytes are compared with the digests that the catalogue holds; locked, a copy of a vault is
// compared with the sums that lie beside it, without key and without catalogue (package vault says what that finds).
//
// It does not check the catalogue or the custody record (fsck does) and takes nothing away.
package fixity
