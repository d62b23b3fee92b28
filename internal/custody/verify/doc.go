// Package verify checks a custody record from its bytes alone.
//
// It guarantees that it re-derives everything: each commitment from salt and event, each leaf, each stored hash, the
// root at each checkpoint, each signature, and, given the catalogue, that every item, derivative, accession and
// object has its event with the same digest and that everything an event names is held; and, given the tables of proofs,
// every seal, every tick of the public log and the root that the record had then, and every erasure. Whatever does not agree is
// a Failure with a code and the index or identifier it belongs to; a damaged place does not end the check.
//
// It shares no code with what writes the record: its Merkle tree, signed notes and canonical JSON are its own, over
// the standard library. It reads through Source, which an adapter fills with plain SELECTs (package rows).
//
// It does not prove what lies behind the last checkpoint (Report.Uncovered says how much that is), nor find a tail
// that was cut together with its checkpoints: give it a checkpoint that was kept elsewhere (Options.Outside).
package verify
