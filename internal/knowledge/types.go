package knowledge

import (
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
)

// ClaimDraft is a claim that is about to be made.
type ClaimDraft struct {
	Property string
	Value    string // as typed; a reference by identifier, code or, in Apply, "@n"
	Lang     string
	// Certainty must be given. NotKnown may go with an empty value.
	Certainty   archive.Certainty
	Note        string
	Compartment string // empty: the entity's
	Origin      string // empty: "person"
	Sources     []archive.Source
}

// Draft is an entity that is about to be made.
type Draft struct {
	Kind        archive.EntityKind
	Compartment string
	Protected   bool
	Code        string // empty: the next one of its kind
	Claims      []ClaimDraft
	// Entity says these things about an entity that is there, by identifier or code, instead of making one. Kind, Compartment, Protected and
	// Code are not read then.
	Entity string
}

// Said is a claim as it is shown.
type Said struct {
	archive.Claim
	Kind       archive.EntityKind // of the entity
	EntityCode string
	AuthorName string
	Text       string // of the value, for people: the label of a term in the language asked for, of a reference, the reference of an item
	RefLabel   string // of the entity referred to, as this reader sees it
	RefCode    string
	RefKind    archive.EntityKind
	RefID      string    // the entity that stands for the one referred to
	Earliest   time.Time // of a date; zero if open
	Latest     time.Time
	Current    bool // the one that counts
	Rival      bool // others say otherwise
	// Withdrawn: it rests on testimony of which a consent was taken back or has run out, and was not given again. See Service.lightUp.
	Withdrawn bool
}

// PropertyView is what is said of one property.
type PropertyView struct {
	Property catalogue.Property
	Claims   []Said // standing first, current first
	Finding  *archive.Finding
	Dissent  []archive.Finding
}

// Link is a claim of another entity that refers to this one.
type Link struct {
	Entity   Summary
	Property string
	Claim    Said
}

// View is an entity with all that the reader may see of it.
type View struct {
	archive.Entity
	Label      string
	Properties []PropertyView
	Incoming   []Link
	Merged     []archive.Merge // standing ones that brought others into it
	Members    []archive.Entity
	MayEdit    bool
}

// Query narrows a list.
type Query struct {
	Kinds       []archive.EntityKind
	Text        string // beginning of a code, or of a word of a name or alias in any script
	Property    string
	Value       string  // canonical; with Property
	Refers      string  // those that point to this entity
	Compartment *string // nil: all that the reader sees
	Limit       int     // 1 to 1,000; 0: 100
	After       string
	Lang        string // of labels of terms; empty: en
}

// Summary is an entity in a list.
type Summary struct {
	archive.Entity
	Label  string
	Values []Value // a few that tell it apart
}

// Value is a property with the text of its current claim.
type Value struct {
	Property, Text string
	Certainty      archive.Certainty
}
