package knowledge

import (
	"time"

	"zapis/internal/archive"
)

// Incident is the whole desk of one incident.
type Incident struct {
	View
	Acts           []ActView
	Locations      []PlaceView
	Facilities     []Summary
	Footage        []Span // by recording time, then item
	Documents      []Summary
	Testimonies    []Summary
	Questions      []Question
	Contradictions []Contradiction
}

// ActView is one act of an incident.
type ActView struct {
	View
	Involved []InvolvementView
	Orders   []OrderView
	Outcomes []OutcomeView
	Places   []PlaceView
}

// InvolvementView is one person or agency in an act.
type InvolvementView struct {
	View
	Person       Summary // zero if not said
	Role, Degree string  // terms
}

// OrderView is an order that led to an act.
type OrderView struct {
	View
	Giver     Summary
	Receivers []Summary
	Words     string
	Date      string
}

// OutcomeView is what an act led to.
type OutcomeView struct {
	View
	Person Summary
	Type   string
	Date   string
}

// PlaceView is a location with its place on the map. Undetermined: somebody says that it cannot be determined.
type PlaceView struct {
	Summary
	Latitude, Longitude float64
	HasGeo              bool
	Precision           string // term
	Undetermined        bool
	Claim               Said // which says that it happened there
}

// Span is a stretch of an item that claims rest on.
type Span struct {
	Item     archive.Item // within the reader's scope
	From, To time.Duration
	Region   archive.Region
	Page     int
	Claim    string
	Entity   string
	Property string
	Camera   string // entity of kind camera that carries this label, if there is exactly one
	// ClockOffset is what to add to the time that the recording claims, by the camera's current claim.
	ClockOffset time.Duration
}

// Reasons of questions.
const (
	QuestionNotKnown     = "not known"    // somebody says that it is not known
	QuestionUndetermined = "undetermined" // a finding says that it cannot be determined
	QuestionMissing      = "missing"      // nothing is said
)

// Question is something that is open.
type Question struct {
	Entity   Summary
	Property string
	Reason   string
	Claim    string // of QuestionNotKnown
}

// Reasons of contradictions.
const (
	ContradictionRivals  = "rivals"         // rival claims and no finding
	ContradictionDates   = "dates"          // an act outside the time of its incident
	ContradictionPlaces  = "two places"     // a person involved at two places at the same time
	ContradictionPosting = "posting"        // a person involved at one facility while posted to another one
	ContradictionOrder   = "effect first"   // an outcome before its act
	ContradictionCommand = "order too late" // an order after its act
	ContradictionEnd     = "end first"      // something ends before it begins
)

// Contradiction is two or more claims that cannot all be true, or cannot easily.
type Contradiction struct {
	Entity   Summary
	Property string
	Reason   string
	Claims   []string
	Others   []Summary // the other entities that take part
}

// Graph is the neighbourhood of one entity.
type Graph struct {
	Nodes []Node
	Edges []Edge
	// Cut says that there is more than is shown.
	Cut bool
}

// Node is an entity in a graph.
type Node struct {
	Summary
	Depth int // from the one asked for, which has 0
}

// Edge is one reference, or one entity of a relation kind that ties two others.
type Edge struct {
	From, To  string // entities
	Property  string // of a plain reference; of a relation the two properties as "person-act"
	Entity    string // of the relation; empty for a plain reference
	Label     string // role, position or type, for people
	Certainty archive.Certainty
	Claim     string
}

// FacilityView is all about one facility.
type FacilityView struct {
	View
	Cameras   []CameraView
	Rooms     []Summary
	Postings  []PostingView // by the beginning
	Incidents []Summary
	Locations []PlaceView
	Agency    Summary
	Questions []Question
	// Contradictions among what is said of it and of the postings there.
	Contradictions []Contradiction
}

// CameraView is a camera with the labels that items carry.
type CameraView struct {
	Summary
	Labels      []string
	Room        Summary
	ClockOffset time.Duration
}

// PostingView is an official at a place for a time.
type PostingView struct {
	View
	Person           Summary
	Facility, Agency Summary
	Position, Rank   string
	From, To         string    // EDTF
	Start, End       time.Time // zero: open
}

// PersonView is all about one person.
type PersonView struct {
	View
	Names       []Said // names, aliases, code names
	Involved    []PersonInvolvement
	Postings    []PostingView
	Given       []PersonOrder
	Received    []PersonOrder
	Outcomes    []OutcomeView
	Relations   []RelationView
	Testimonies []Summary // that claims about the person rest on
	Questions   []Question
	// Contradictions among what is said of the person, their involvements and postings.
	Contradictions []Contradiction
}

// PersonInvolvement is one act that a person has a part in.
type PersonInvolvement struct {
	InvolvementView
	Act      Summary
	Incident Summary
	Date     string
}

// PersonOrder is an order and the act that it led to.
type PersonOrder struct {
	OrderView
	Act Summary
}

// RelationView is how two entities belong together.
type RelationView struct {
	View
	From, To Summary
	Type     string
	Since    string
	Until    string
}
