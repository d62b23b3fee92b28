// Package transcript is the room in which people work with the words of items: what machines heard and read, and what people bring in as
// SubRip (SRT) or WebVTT. They read it, choose which track is the current one, correct sentences, and take tracks out.
//
// It guarantees that what a machine made is always told from what a person wrote: by its origin, recipe, engine and settings; that a correction is a
// new version with its author, and that what it was is kept; that rival tracks stand side by side; that a file with
// faults is taken in as far as it can be read, with a report by line of what was not; that the same file brought in twice by
// the same person is one track. Each act is one transaction with one custody event, which holds identifiers and counts and no words. Every
// question asks package policy about the item first, so that words are never wider than their item.
//
// It does not listen or read itself, which package derive does, and does not judge what is right.
package transcript
