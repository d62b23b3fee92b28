// Package reading is the reading room: the only way in which a person sees records, items or working copies.
//
// It guarantees that every question is asked within the scope that package policy gives its asker, in the query itself and
// again on what came back; that what lies outside is not told from what does not exist; that no byte of a still, a
// storyboard, a page or a proxy leaves before the custody record says that this person saw it ("displaying", once for
// each visit and kind of thing, where a visit is one session, one item and half an hour); and that an original leaves
// only after the event that names the reason for it is committed.
//
// What needs no event: lists with their facts and the grey micro-thumbnails of 16 by 9 points in them, from which no
// person can be made out; the lanes below the player, which are curves. Opening an item's page is an event of its own.
//
// It does not know how a page looks. It changes nothing but the custody record and, for who may, the state of a job.
package reading
