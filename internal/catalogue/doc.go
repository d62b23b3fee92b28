// Package catalogue says what the catalogue can say: the kinds of entities, the properties that each may have, the types of their values,
// and the one form in which a value is kept.
//
// It guarantees that a value that passed Canonical has exactly one spelling, is valid UTF-8 in NFC without control characters or marks that
// turn the direction of writing, and stays so when it goes through Canonical again. The schema follows the HURIDOCS events formats (event,
// act, involvement, information, intervention) and names for each kind and property the one of FollowTheMoney that it is exchanged as.
//
// It does not keep anything, does not know who may see what, and does not know which terms or entities there are: whoever stores a value
// looks those up.
package catalogue
