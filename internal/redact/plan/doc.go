// Package plan is the redaction plan as data: which stretches of which items are shown, what is covered in them, when and where, and
// what is heard.
//
// It guarantees that a plan has one sequence of canonical bytes and so one digest; that Parse takes nothing it does not understand,
// whatever is sent (unknown, missing and doubled keys, fractions, boxes without area, times that run backwards, lists beyond their
// bounds), and says at which place of the plan which rule is broken; that the boxes of a moment are a pure function of the plan, in
// integers, rounded outwards, so that the editor, the gap check and the rendering cover the same.
//
// It does not know pictures, does not find anything by itself, and does not say whether a plan covers enough: that is for the gap check and
// for the person who looks. It reads and writes nothing. The format is described in docs/design/redaction.md.
package plan
