// Package grade is the room in which people say how hard an item is to watch, from V0 to V3, so that nobody meets the worst unprepared.
//
// It guarantees that only who may judge an item within their scope does; that what somebody else said in the meantime is never overwritten unseen;
// that several items are judged together or not at all; and that each judgement is one transaction with its custody event, which says what was said
// before, what is said now, by whom, and why if a reason was given.
//
// It does not look into items, and no machine judges: what nobody has judged counts as the hardest wherever somebody is limited.
package grade
