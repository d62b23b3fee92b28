// Package anchor keeps the transparency log: it ticks, signs checkpoints, has them cosigned and stamped, and publishes them
// as static files in the layout of C2SP tlog-tiles.
//
// It guarantees one leaf for each tick of the calendar and never another one, whatever happened in the archive; that a tick
// vouches for nothing that contradicts what an earlier one vouched for (the stored tree, the latest checkpoint, the one kept
// outside the database, the custody record of the latest tick and its statements are all held against each other first, and
// a contradiction is archive.ErrIntegrity and stops the log); that no signature is believed before it was checked and no time
// is called confirmed before its token verifies against configured roots; that publishing never replaces a published byte of
// the tree (ErrFork) and puts the checkpoint last, so that a reader never meets a checkpoint without its tiles; and that names,
// sizes and times of what is published follow from the calendar, the keys, the witnesses and the authorities alone.
//
// Nothing outside is a condition of ticking: a witness or an authority that does not answer is a state with a reason, and is
// asked again.
//
// It does not hide when the machine was on: a checkpoint that was published late was published late, and a cosignature
// carries the hour of its witness. It does not make statements (package proof does), and deletes nothing that was published.
package anchor
