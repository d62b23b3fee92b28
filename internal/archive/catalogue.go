package archive

import (
	"cmp"
	"time"
)

// EntityKind says what an entity of the catalogue is. Which kinds there are, and what can be said about each, is the schema's
// (internal/catalogue).
type EntityKind string

// Entity is one thing that the catalogue speaks about: an incident, an act, a person, a facility. It has hardly anything of its own: whatever
// is said about it is a Claim.
type Entity struct {
	ID          string
	Kind        EntityKind
	Code        string // how people name it aloud: I-0093, P-203; unique, given when it is made
	Compartment string // Common or the identifier of a compartment
	Protected   bool   // of a person: known by the code alone; claims that would name them are refused
	CreatedAt   time.Time
	CreatedBy   string // agent
	// Canonical is the entity into which this one was merged; empty if it stands for itself.
	Canonical string
	Label     string // name or title by the current claims, else Code. Read only, kept by the catalogue
	Changed   time.Time
}

// Certainty says how sure its author is of a claim.
type Certainty string

// The certainties, everywhere the same words.
const (
	Established Certainty = "established"
	Probable    Certainty = "probable"
	Disputed    Certainty = "disputed"
	NotKnown    Certainty = "not known"
)

// Claim is one statement: of an entity, a property has a value, says somebody, on the strength of sources, with a certainty. Rival claims
// stand side by side; a Finding says which one is current. A claim is never changed: it is retracted, or replaced by another one.
type Claim struct {
	ID       string
	Entity   string
	Property string
	// Value in the canonical form of the property's type: text as typed (NFC), a date in EDTF, a term as "vocabulary:code", a place as
	// "latitude,longitude", a reference to an entity as its identifier.
	Value       string
	Lang        string // of text, BCP 47; empty if it has none
	Certainty   Certainty
	Note        string // the author's remark
	Compartment string // the entity's, or a narrower one
	Author      string // agent
	Origin      string // "person", or the identifier of the import or suggestion that it came from
	CreatedAt   time.Time
	Sources     []Source

	RetractedAt time.Time // zero while it stands
	RetractedBy string
	Replaced    string // the claim that took its place
}

// Stands says whether a claim has not been retracted.
func (c Claim) Stands() bool { return c.RetractedAt.IsZero() }

// Kinds of sources.
const (
	SourceItem     = "item"     // a span, region or page of an item
	SourcePassage  = "passage"  // of testimony
	SourceDocument = "document" // an entity of kind document
	SourceArticle  = "article"  // an entity of kind article
	SourceOther    = "other"    // in words; Note says which
)

// Source is what a claim rests on.
type Source struct {
	Kind    string
	Item    string        // SourceItem
	From    time.Duration // on the item's own clock, to the microsecond
	To      time.Duration // zero with From zero: the whole item; equal to From: a moment
	Region  Region        // part of the picture; zero: all of it
	Page    int           // of a document, from 1; 0: none
	Passage string        // SourcePassage: identifier of the passage
	Entity  string        // SourceDocument, SourceArticle, and of a passage its testimony
	Note    string
}

// Region is a part of a picture in millionths of its width and height, from the upper left corner.
type Region struct{ X, Y, W, H int }

// IsZero says whether the region is the whole picture.
func (r Region) IsZero() bool { return r == Region{} }

// Finding says which of rival claims about one property of an entity is the current one. The newest finding counts.
type Finding struct {
	ID       string
	Entity   string
	Property string
	Claim    string // empty: it cannot be determined
	Reason   string
	Author   string
	At       time.Time
	// Dissent: the author does not agree with the finding that stands; it changes nothing and is shown beside it.
	Dissent bool
}

// Merge says that two entities are one. Nothing is moved: undoing it gives back what was.
type Merge struct {
	ID       string
	From     string
	Into     string
	Reason   string
	Author   string
	At       time.Time
	UndoneAt time.Time
	UndoneBy string
}

// Compartment is a closed part of the catalogue.
type Compartment struct {
	ID        string
	Name      string
	CreatedAt time.Time
	CreatedBy string
}

// Term is one word of a vocabulary. Vocabularies are hierarchical, translated and grow without a change of the program.
type Term struct {
	Vocabulary string // "act", "role", "outcome"…
	Code       string // HURIDOCS micro-thesaurus code where there is one; digits, letters and hyphens
	Parent     string // code, empty at the top
	Order      int
	Retired    bool              // kept for what uses it, offered no more
	Labels     map[string]string // by language
	Notes      map[string]string // what it means, by language
}

// Label gives what a term is called in a language, else in English, else its code.
func (t Term) Label(lang string) string { return cmp.Or(t.Labels[lang], t.Labels["en"], t.Code) }

// Passage is a part of a testimony that can be cited.
type Passage struct {
	ID        string
	Testimony string // entity of kind testimony
	Ordinal   int    // from 1
	Heading   string // code of the interview's heading, see the vocabulary "interview"
	Text      string
	Lang      string
	Item      string        // recording or scan in the vault; empty: words only
	From, To  time.Duration // in the recording
	Page      int
	CreatedAt time.Time
	CreatedBy string
	Replaced  string // a passage is never changed: the one that took its place
	RemovedAt time.Time
}

// Consent is what a person allowed to be done with their testimony.
type Consent struct {
	ID        string
	Testimony string
	Purpose   string // code of the vocabulary "purpose": archive, analysis, court, publication, research
	Audience  string // code of the vocabulary "audience": team, partners, court, public
	Until     time.Time
	How       string // how it was given: written, recorded, oral
	Item      string // the paper or recording of it; may be empty
	Note      string
	GivenAt   time.Time
	Author    string
	// Withdrawn is when it was taken back; Reason is the person's own words or the author's.
	WithdrawnAt time.Time
	WithdrawnBy string
	Reason      string
}

// Holds says whether a consent stands at a moment.
func (c Consent) Holds(at time.Time) bool {
	return c.WithdrawnAt.IsZero() && !at.Before(c.GivenAt) && (c.Until.IsZero() || at.Before(c.Until))
}

// Note is what somebody marked on the timeline of an item, as in the Web Annotation model with a Media Fragments selector.
type Note struct {
	ID   string
	Item string
	// Frames of the original, counted from 0 in order of presentation; the truth of where the note lies. -1 where there are none
	// (sound, documents). FrameTo is included: equal to FrameFrom, the note is a mark.
	FrameFrom, FrameTo int64
	From, To           time.Duration // on the original's clock, presentation times of those frames
	Region             Region
	Page               int
	Body               string
	Tag                string // term as "vocabulary:code", or empty
	Lang               string
	Author             string
	CreatedAt          time.Time
	ChangedAt          time.Time
	Version            int // from 1; earlier ones are kept
	DeletedAt          time.Time
}

// SuggestionState is where a machine's finding stands.
type SuggestionState string

// States of suggestions.
const (
	Suggested SuggestionState = "suggested"
	Confirmed SuggestionState = "confirmed"
	Dismissed SuggestionState = "dismissed"
)

// Suggestion is what a machine read out of an item. It is nothing but that until a person confirms it.
type Suggestion struct {
	ID            string
	Item          string
	Kind          string // "clock", "sequence"…: what the value is
	Score         int    // 0 to 1,000, what it means is the recipe's
	Recipe        string
	RecipeVersion int
	Tool          string // program and version that it rests on
	Value         []byte // canonical JSON, by kind
	State         SuggestionState
	CreatedAt     time.Time
	DecidedAt     time.Time
	DecidedBy     string
	Why           string // of the one who decided
}

// TextSpan is a piece of text that belongs to a place in an item: a sentence of a transcript, a line read from a picture or page.
type TextSpan struct {
	ID            string
	Item          string
	Kind          string // "transcript" or "ocr"
	Track         string // which transcript: one recipe's, or one import's
	Ordinal       int
	From, To      time.Duration
	Page          int
	Region        Region
	Lang          string
	Text          string
	Score         int // 0 to 1,000; -1 not given
	Recipe        string
	RecipeVersion int
	Tool          string // program or engine, model and settings
}
