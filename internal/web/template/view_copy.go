package template

import "time"

// CopyItem is one of two recordings.
type CopyItem struct {
	ID, Ref       string
	Width, Height int
	Codec         string
	Duration      time.Duration
	Size          int64
}

// CopyLink is what was found about two recordings, seen from A.
type CopyLink struct {
	ID        string
	A, B      CopyItem
	Relation  string // "whole", "contains", "within", "part" or "similar"
	State     string // "suggested", "confirmed", "dismissed"
	Score     int    // of 1,000
	Offset    time.Duration
	Before    bool // B begins before A: Offset is how much
	CoverA    int  // per cent of A that is in B
	CoverB    int
	Spans     []CopySpan
	Mirrored  bool
	Cropped   bool
	Overlay   bool
	Recipe    string
	Tool      string
	DecidedAt time.Time
	Why       string
	MayDecide bool
}

// CopySpan is a stretch that both recordings hold.
type CopySpan struct{ A, B, Length time.Duration }

// AtA is the second at which the stretch begins in A.
func (s CopySpan) AtA() int64 { return int64(s.A / time.Second) }

// AtB is the second at which the stretch begins in B.
func (s CopySpan) AtB() int64 { return int64(s.B / time.Second) }

// CopyPanel is what the page of an item shows of its copies.
type CopyPanel struct {
	Item  string
	Links []CopyLink
}

// Copies is the page of all that was found.
type Copies struct {
	State                           string // "suggested", "confirmed", "dismissed"
	List                            []CopyLink
	Suggested, Confirmed, Dismissed int64
	Older                           string
}
