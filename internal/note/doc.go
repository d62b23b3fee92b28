// Package note is the room in which people mark what they see on the timeline of an item: a moment, a span, a part of the picture, with a
// word of a vocabulary and a text. Notes are in the form of the Web Annotation model with Media Fragments selectors, and leave the archive
// as JSON-LD, WebVTT and JSON.
//
// It guarantees that a note lies on frames of the original wherever the original has any: what a browser counted in a working copy is
// looked up in the list of frames, and refused if there is no such frame. Every version of a note is kept; what was deleted can be brought
// back; only its author changes a note. A note that is sent twice stands once. Each act is one transaction with one custody event, which
// holds identifiers and no text. Every question asks package policy about the item first, so that notes are never wider than their item.
//
// It does not judge what a note says, makes no claim of it (the catalogue does, when a person says so), and does not hide one reviewer's
// notes from another. docs/design/notes.md says how frames are counted and what the forms look like.
package note
