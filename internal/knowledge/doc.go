// Package knowledge is the room in which the catalogue is built and read: entities, the claims about them, findings between rival claims,
// merges and the views that are drawn from them.
//
// It guarantees that every act is one transaction with one event in the custody record, which names identifiers and never values; that a
// claim is not changed but retracted or replaced; that a merge moves nothing and can be taken back; that a protected person is known by the
// code alone; and that a reader is shown, told the number of, or offered nothing that lies outside their compartments or rests on items
// outside their scope: one rule, in the store, decides.
//
// It does not read footage, does not search texts and does not draw pages.
package knowledge
