// Package witness keeps the state of a witness, serves it, and asks witnesses for their cosignatures: the C2SP texts
// tlog-witness and tlog-cosignature (Ed25519).
//
// It guarantees that a witness never signs two trees of one log that contradict each other, whatever happens to
// power or disk: what it is about to sign is durable before the signature exists, and a state that is missing or
// damaged is refused, never made anew. It keeps every checkpoint it has accepted, so that a log that shows another tree
// is named, with both signed notes as evidence which a third party can check (CheckEvidence). A client believes a
// cosignature only when it verifies.
//
// It does not notice that its own folder was put back to an older copy as a whole, and not that a log shows different
// trees to people who never compare: for that, several witnesses have to be independent of each other. It reads no
// entries of a log; what a log means is not its matter. It is made for logs that grow by the hour or the day: the list
// of accepted checkpoints only grows.
package witness
