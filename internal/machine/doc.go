// Package machine is the room in which people look at what machines found in the material, and decide.
//
// It guarantees that a finding is a suggestion until a person who may decide confirms it; that confirming writes what the finding
// means (a clock: when the recording began) in one transaction with the decision and its custody event; that a decision can be
// undone and then leaves what was known before; that no machine overwrites a decision; and that what recordings cover, and what
// they leave out, is computed from nothing but items that the reader may see, which every answer says.
//
// It does not look into material, which package derive does, and does not judge whether a finding is right.
package machine
