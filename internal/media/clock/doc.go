// Package clock reads the clock that a recorder burned into a picture: where it stands, what it says, and what its run says about
// the recording.
//
// It guarantees that a clock is found by its ticking alone (one small place that changes once a second, and at one phase of the
// second) and not by what somebody hopes to read; that each reading is kept as it was read, with whether it agrees with the line
// through its neighbours; that a jump which a single misread digit would explain is marked as not confirmed unless a second way of
// reading agrees; and that an order of day and month that nothing decides stays open.
//
// It does not decode, does not recognise characters (package media does both, in the sandbox), does not know time zones, and
// does not decide anything: what it gives is a suggestion. The method and its figures are in docs/design/clock.md.
package clock
