// Package search finds what the archive holds: facts of items, notes, transcripts, read text, claims, testimony and names, in one question.
//
// It guarantees that everything it answers with (hits, counts, values to narrow by, completions, corrections of spelling) comes from what
// the reader may see, decided by the rules of package store in the query itself; that the same question gives the same hits on both
// engines; and that a question that is not understood, too long or too wide is refused in words and not answered in part. What is cut off
// is said: counts end at 2,000, the newest, of which a thousand are ranked.
//
// Words that people look for name people: they stand in no address, no error and no logger. A question lives under a random identifier in the
// memory of the process for some hours, and for its asker only.
//
// It does not decide who sees what, keeps no history of what was asked, and records no events: looking for something is not looking at it.
package search
