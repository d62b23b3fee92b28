package template

import "time"

// Words is the page of the words of an item, and, shorter, its part of the item's page.
type Words struct {
	Item, Ref, Kind string
	Tracks          []WordTrack
	Track           WordTrack // the one that is shown; without an identifier if there is none
	Lines           []WordLine
	Next            string // address of the sentences that follow; empty: none
	MayEdit         bool
	MayTake         bool
	MayAsk          bool
	SpeechOn        bool
	Timed           bool // a recording: sentences have times
	Error           string
	Report          *WordReport
	History         []WordVersion // of the sentence Sentence
	Sentence        string
}

// WordTrack is one transcript, or one reading of what is written.
type WordTrack struct {
	ID, Kind, Origin, State, Reason string
	Lang, Title, Author             string
	Recipe, Tool, Settings          string
	Current                         bool
	Count                           int
	Done                            time.Duration
	At                              time.Time
}

// WordLine is a sentence.
type WordLine struct {
	ID       string
	From, To time.Duration
	Href     string // to the second in the player; empty without times
	Page     int
	Text     string
	Lang     string
	Score    int // of 1,000; -1: none
	Version  int
	Author   string // of the correction; empty: as it was made
	At       time.Time
}

// WordVersion is what a sentence was.
type WordVersion struct {
	Version int
	Text    string
	Author  string
	At      time.Time
}

// WordReport says what became of a file.
type WordReport struct {
	Same     bool
	Kept     int
	Encoding string
	Faults   []WordFault
	More     int
}

// WordFault is something about a line of a file.
type WordFault struct {
	Line int
	Code string
	Lost bool
}
