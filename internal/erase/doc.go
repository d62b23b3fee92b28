// Package erase destroys an item for good, when two people agree: one asks with a reason, another one agrees, and then the
// keys of everything that was made of it are destroyed, with everything that could confirm a guess at its bytes.
//
// It guarantees that nothing is destroyed unless two different accounts said so; that an item which two people agreed to erase
// is shown to nobody from that moment on; that an erasure which breaks off at any point is finished by running it again, and is
// not called done before; and that the custody record, the transparency log and everything else that is held verify as before.
// docs/design/erasure.md says what is destroyed, in which order, and what stays.
//
// It does not withdraw what was published: the releases that show the item are named before it is agreed to and in the event of the agreement,
// and their desk holds them up until somebody withdraws them or decides to keep them. It does not reach what left the archive: receipts, clips and bundles that were handed out, copies of the vault that are not
// brought up to date, backups of the database, and what people remember. It does not check who somebody is: its callers do.
package erase
