package archive

import "time"

// Kinds of text that belongs to an item.
const (
	TextTranscript = "transcript" // what is said in it
	TextRead       = "ocr"        // what is written in it
)

// Origins of a track of text.
const (
	TextByMachine = "machine" // made by a program: a suggestion of what is said or written
	TextImported  = "import"  // brought in by a person
)

// States of a track of text.
const (
	TextWaiting = "waiting" // nothing of it is there yet; Reason says why
	TextPartial = "partial" // what has been done so far is there
	TextDone    = "done"
)

// TextTrack is one version of the words of an item: what one machine made of it with one set of settings, or what one person brought
// in. Rival tracks stand side by side; at most one of each kind is chosen as the current one.
type TextTrack struct {
	ID            string
	Item          string
	Kind          string // TextTranscript, TextRead
	Origin        string // TextByMachine, TextImported
	State         string
	Reason        string // a code: why it waits; empty otherwise
	Lang          string // BCP 47; empty: not known
	Title         string // given by the person who brought it in; may be empty
	Author        string // agent who brought it in or asked for it
	Recipe        string
	RecipeVersion int
	Tool          string // program or engine with its version
	Settings      string // model and what else was set, as text
	SHA256        []byte // of the file that was brought in; nil of others
	Spans         int
	Done          time.Duration // how far a machine has come
	Pieces        int           // of those done
	CreatedAt     time.Time
	FinishedAt    time.Time // zero until it is done
	SupersededAt  time.Time // a newer run of the same recipe took its place
	ChosenAt      time.Time // zero: not the current one
	ChosenBy      string
}

// Chosen says whether a person chose the track, or a machine's came first.
func (t TextTrack) Chosen() bool { return !t.ChosenAt.IsZero() }

// TextLine is a span of text as it stands now, with who changed it last.
type TextLine struct {
	TextSpan
	Version   int    // from 1; earlier ones are kept
	Author    string // of a correction; empty: as the machine or the file had it
	ChangedAt time.Time
}

// TextPiece is a stretch of sound whose words are known, so that a machine goes on where it was interrupted.
type TextPiece struct {
	Track    string
	Ordinal  int
	From, To time.Duration
	Spans    int
}
