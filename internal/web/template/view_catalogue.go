package template

import "time"

// EntityLink names an entity of the catalogue as this reader sees it.
type EntityLink struct {
	ID, Code, Label string
	Kind            string // as in the keys entity.*
	Href            string
	Protected       bool // of a person: known by the code alone
}

// Named says whether the label says more than the code.
func (e EntityLink) Named() bool { return e.Label != "" && e.Label != e.Code }

// EntityValue is a property with the text of its current claim.
type EntityValue struct {
	Property  string // as in the keys prop.*
	Type      string // "date" is written in words
	Text      string
	Certainty string // as in the keys certainty.*
}

// EntityRow is an entity in a list.
type EntityRow struct {
	EntityLink
	Values  []EntityValue
	Changed time.Time
}

// Choice is an entry of a list to choose from.
type Choice struct {
	Value, Label string
	Depth        int // of terms: how far below the top
	Chosen       bool
}

// EntityList is pages incidents, persons, places and entities. The form sends q, and kind, status, compartment where there are choices.
type EntityList struct {
	Path         string // of this list, "/incidents"
	Kind         string // what the list holds; empty on page entities: several
	Kinds        []Choice
	Statuses     []Choice // filter by a term
	StatusName   string   // the property that Statuses are of
	Compartments []Choice
	Q            string
	Filtered     bool
	List         []EntityRow
	Total        int
	Next         string // address of the next page
	First        string // address of the first page, when this is another one
	MayAdd       bool
}

// SourceChip is a source of a claim.
type SourceChip struct {
	Kind  string // as in the keys cat.source.*
	Href  string // empty: nowhere to go
	Text  string // a reference, a code
	From  time.Duration
	To    time.Duration
	Timed bool
	Page  int
	Part  bool // of the picture only
	Note  string
}

// Claim is one statement.
type Claim struct {
	ID, Entity, Property string
	Type                 string // as catalogue.Type
	Text                 string // for people; of a date its EDTF
	Ref                  *EntityLink
	Undetermined         bool // a place that cannot be determined
	Lang                 string
	Certainty            string
	Note                 string
	Author               string
	At                   time.Time
	Sources              []SourceChip
	Compartment          string // name, if it is narrower than the entity's
	Current, Rival       bool
	Withdrawn            bool // rests on testimony that was taken back
	Machine              bool // came from an import or a suggestion
	RetractedAt          time.Time
	Replaced             bool
	Foreign              *EntityLink // said of an entity that was merged into this one
}

// Stands says whether it was not taken back.
func (c Claim) Stands() bool { return c.RetractedAt.IsZero() }

// FindingView is what was decided about rival claims.
type FindingView struct {
	Claim, Text, Type string // of the claim; Text as Claim.Text
	Undetermined      bool
	Reason, Author    string
	At                time.Time
}

// PropertyView is all that is said of one property.
type PropertyView struct {
	Entity     string
	Name, Type string
	Claims     []Claim // standing ones, current first
	Gone       []Claim // taken back
	Finding    *FindingView
	Dissent    []FindingView
	Rivals     bool // more than one standing claim, and they cannot all be true
	MayEdit    bool
}

// Current gives the claim that counts, or the first one.
func (p PropertyView) Current() *Claim {
	for i := range p.Claims {
		if p.Claims[i].Current {
			return &p.Claims[i]
		}
	}
	if len(p.Claims) > 0 {
		return &p.Claims[0]
	}
	return nil
}

// MergeView is a merge that stands.
type MergeView struct {
	ID             string
	From           EntityLink
	Reason, Author string
	At             time.Time
}

// Incoming is an entity that refers to this one.
type Incoming struct {
	EntityLink
	Property, Certainty string
}

// EntityHead is what every page about one entity begins with.
type EntityHead struct {
	EntityLink
	Compartment   string // name; empty: the common one
	CompartmentID string
	MayEdit       bool
	Changed       time.Time
	Undo          string // claim that was taken back just now: offer to put it back
}

// Entity is page entity: everything said about one entity.
type Entity struct {
	EntityHead
	Properties   []PropertyView
	Silent       []string // properties of which nothing is said
	Incoming     []Incoming
	Merged       []MergeView
	Into         *EntityLink // it was merged into this one
	Compartments []Choice    // to which it could be moved
	AddAbout     []Add
	Map          *MapPicture
}

// Add leads to a form that makes an entity which refers to this one.
type Add struct {
	Kind, Href string
}

// EntityField is one property in a form.
type EntityField struct {
	Name, Type, Property string // Name of the input
	Value, Lang          string
	Certainty            string
	Terms                []Choice
	Options              []EntityLink // to choose a reference from
	Undetermined         bool         // the place may be said to be impossible to determine
	Required             bool
	Many                 bool
	Error                string // text for people
}

// SourceForm is the source that a form gives to what it says.
type SourceForm struct {
	Item, ItemRef         string // identifier or reference as typed; reference of the item that is meant
	From, To              string // seconds
	Region                string // x,y,w,h in millionths
	Page                  string
	Passage, PassageLabel string
	Entity, Words         string // code of a document or article; in words
	Documents             []EntityLink
	Error                 string
	Known                 bool // it came with the address: shown, not asked for
}

// EntityEdit is page entity_edit: a new entity, a claim, a finding or a merge.
type EntityEdit struct {
	Act          string // "choose", "new", "say", "replace", "finding", "merge"
	Kind         string
	Kinds        []Choice
	Entity       *EntityLink // about which something is said
	Post         string      // address of the form
	Back         string
	Fields       []EntityField
	Source       SourceForm
	Code         string
	Protected    bool
	Compartment  string
	Compartments []Choice
	Error        string // code as in the keys cat.error.*
	Detail       string // what was expected, from the schema
	// Of act choose: entities to which a claim could be added, and the search for them.
	Q     string
	Found []EntityRow
	Carry map[string]string // hidden fields that keep the source
	// Of act replace: the claim; of act finding: the property.
	Claim    *Claim
	Property *PropertyView
	// Of act merge.
	Other   *EntityLink
	Preview []MergeLine
	Gains   int // entities that refer to the other one
}

// MergeLine is one property of two entities side by side.
type MergeLine struct {
	Property, Type string
	Mine, Theirs   []Claim
	Rival          bool // they will be rivals
}

// MapPicture is a map as paths, in units of Width × Height.
type MapPicture struct {
	Width, Height                 float64
	Land, Borders, Uncertain, Net string
	Areas                         []MapArea
	Labels                        []MapLabel
	Marks                         []MapMark
	Kilometres, ScaleBar          float64
	Inset                         bool // small, beside other things
}

// MapArea is an area whose status is disputed, with words under map.dispute.KEY.
type MapArea struct {
	Key, Path string
	X, Y      float64
	Small     bool
}

// MapLabel is the name of a country.
type MapLabel struct {
	X, Y float64
	Text string
}

// MapMark is one place, or several that lie too near to each other to be told apart.
type MapMark struct {
	X, Y   float64
	Circle string // path of how exactly it is known; empty: to a hundred metres or so
	Kind   string // "facility", "incident", "mixed"
	Links  []EntityLink
	Href   string // where a click leads: the entity, or a closer view
	Chosen bool
}

// MapRow is a place in the table beside the map.
type MapRow struct {
	EntityLink
	Place        *EntityLink // location
	Lat, Lon     string
	Precision    string // in words
	Kilometres   float64
	Undetermined bool
	Around       string // address of a closer view
	OutOfSight   bool
}

// MapPage is page map.
type MapPage struct {
	Picture  MapPicture
	Views    []Choice // Value is the address, Label a code as in the keys map.view.*
	Rows     []MapRow
	Nowhere  []MapRow // without coordinates
	Focus    *EntityLink
	More     int
	Disputes []string // of those in sight
	Others   []string // those out of sight
	Unmarked []string // as in the keys map.unmarked.*
}

// PlaceLine is a place of an incident or act.
type PlaceLine struct {
	Place        *EntityLink
	Precision    string
	Undetermined bool
	HasGeo       bool
	Claim        Claim
}

// InvolvedLine is somebody's part in an act.
type InvolvedLine struct {
	ID, Href     string
	Person       *EntityLink
	Role, Degree string
	Certainty    string
	Sources      []SourceChip
	Withdrawn    bool
	Act          *EntityLink // on a person's page
	Incident     *EntityLink
	Date         string
}

// OrderLine is an order.
type OrderLine struct {
	ID, Href    string
	Giver       *EntityLink
	Receivers   []EntityLink
	Type, Words string
	Date        string
	Certainty   string
	Sources     []SourceChip
	Withdrawn   bool
	Act         *EntityLink
}

// OutcomeLine is what an act led to.
type OutcomeLine struct {
	ID, Href    string
	Person      *EntityLink
	Type        string
	Date        string
	DaysLater   int // after the act; -1: not known to the day
	Description string
	Certainty   string
	Sources     []SourceChip
	Withdrawn   bool
}

// ActDesk is one act on the incident desk.
type ActDesk struct {
	EntityHead
	Type        string
	Method      []string
	Description PropertyView
	Date        PropertyView
	Places      []PlaceLine
	Involved    []InvolvedLine
	Orders      []OrderLine
	Outcomes    []OutcomeLine
	Chain       []ChainLink
	AddAbout    []Add
}

// ChainLink is a step of the chain of command: who ordered it of whom; Depth counts from the top.
type ChainLink struct {
	Depth int
	EntityLink
	Certainty string // of the order that reached them; empty at the top
	Acted     bool   // they have a part in the act itself
}

// QuestionLine is something open, with words under cat.question.REASON.
type QuestionLine struct {
	Entity   EntityLink
	Property string
	Reason   string
	Href     string // a form to answer it; empty for those who may not
}

// ContradictionLine is what cannot all be true, with words under cat.contradiction.REASON.
type ContradictionLine struct {
	Entity   EntityLink
	Property string
	Reason   string
	Others   []EntityLink
	Href     string // where it is settled
}

// Tick is a mark on an axis.
type Tick struct {
	X     float64
	Label string
}

// StripBar is a stretch of time in a lane.
type StripBar struct {
	X, W     float64
	Href     string
	Ref      string
	At       time.Time // on the common clock
	From, To time.Duration
	Property string // of the claim that rests on it; empty: the whole recording
	Moment   string // address of this page at that moment
}

// StripLane is one camera.
type StripLane struct {
	Y       float64
	Name    string      // label that the items carry
	Camera  *EntityLink // in the catalogue
	Offset  time.Duration
	Tried   bool // Offset is only being tried out
	Items   []StripBar
	Spans   []StripBar
	HereRef string // item that shows the chosen moment
	Here    string // its address at that second
	HereAt  time.Duration
}

// Strips are the recordings of several cameras on one clock.
type Strips struct {
	Width, Height float64
	From, To      time.Time
	Ticks         []Tick
	Lanes         []StripLane
	Untimed       []StripBar // recordings of which nobody knows when they were made
	Moment        time.Time  // chosen; zero: none
	MomentX       float64
	Zoomed        bool // only the minutes around the moment are in sight
	Offsets       []OffsetForm
}

// OffsetForm sets how far a camera's clock is off.
type OffsetForm struct {
	Camera    EntityLink
	Seconds   string // shown in the field
	Saved     time.Duration
	Tried     bool
	Nudges    []Nudge
	MayEdit   bool
	Certainty string
}

// Nudge leads to the strips with an offset a little larger or smaller.
type Nudge struct {
	Label, Href string
}

// IncidentDesk is page incident.
type IncidentDesk struct {
	EntityHead
	Summary        PropertyView
	Date           PropertyView
	Status         string
	Places         []PlaceLine
	Facilities     []EntityLink
	Acts           []ActDesk
	Strips         *Strips
	Documents      []EntityLink
	Testimonies    []EntityLink
	Questions      []QuestionLine
	Contradictions []ContradictionLine
	Map            *MapPicture
	AddAbout       []Add
}

// PostingLine is an official at a place for a time.
type PostingLine struct {
	ID, Href         string
	Person           *EntityLink
	Facility, Agency *EntityLink
	Position, Rank   string
	Short            string // position, as far as there is room
	From, To         string
	Certainty        string
	Sources          []SourceChip
	X, W, Y          float64 // of the bar
	OpenFrom, OpenTo bool
}

// PostingPicture is postings over time.
type PostingPicture struct {
	Width, Height float64
	Ticks         []Tick
	Lines         []PostingLine
}

// HeatCell is a month of a camera.
type HeatCell struct {
	X     float64
	Level int // 0 nothing, 1–4
	Label string
	Items int
	Hours float64
	Href  string
}

// HeatRow is the coverage of one camera.
type HeatRow struct {
	Camera EntityLink
	Labels []string
	Room   *EntityLink
	Offset time.Duration
	Y      float64
	Cells  []HeatCell
	Items  int64
	Length time.Duration
	Empty  []string // months between the first and the last one in which there is nothing
}

// Heat is the coverage of a facility.
type Heat struct {
	Width, Height, Cell float64
	Ticks               []Tick
	Rows                []HeatRow
}

// FacilityDesk is page facility.
type FacilityDesk struct {
	EntityHead
	Properties     []PropertyView
	Agency         *EntityLink
	Locations      []PlaceLine
	Heat           Heat
	Rooms          []EntityLink
	Postings       PostingPicture
	Incidents      []EntityRow
	Contradictions []ContradictionLine
	Questions      []QuestionLine
	Map            *MapPicture
	AddAbout       []Add
}

// PersonDesk is page person.
type PersonDesk struct {
	EntityHead
	Names          []Claim
	Properties     []PropertyView
	Involved       []InvolvedLine
	Given          []OrderLine
	Received       []OrderLine
	Outcomes       []OutcomeLine
	Postings       PostingPicture
	Relations      []RelationLine
	Testimonies    []EntityLink
	Contradictions []ContradictionLine
	Questions      []QuestionLine
	Graph          *GraphPicture
	AddAbout       []Add
}

// RelationLine is how two entities belong together.
type RelationLine struct {
	ID, Href     string
	Other        *EntityLink
	Type         string
	Since, Until string
	Sources      []SourceChip
}

// GraphNode is an entity in a graph.
type GraphNode struct {
	EntityLink
	X, Y, W float64
	Lines   []string // of the label
	Depth   int
	Fold    int // stands for so many that are not drawn
}

// GraphEdge is a tie in a graph.
type GraphEdge struct {
	Path      string
	X, Y      float64 // of the label
	From, To  EntityLink
	Label     string // in words, or
	Property  string // as in the keys prop.*
	Certainty string
	Href      string // of the claim or relation
}

// GraphPicture is a relation graph.
type GraphPicture struct {
	Width, Height float64
	Nodes         []GraphNode
	Edges         []GraphEdge
	Folded        int  // nodes that are not drawn one by one
	Cut           bool // there is more than was asked for
}

// GraphPage is page graph.
type GraphPage struct {
	EntityHead
	Picture GraphPicture
	Depths  []Choice // Value is the address, Label the number
}

// TimelineRow is an incident or act in time.
type TimelineRow struct {
	EntityLink
	Short            string // label, as far as there is room
	Date             string // EDTF
	Certainty        string
	X, W, Y          float64
	OpenFrom, OpenTo bool
	Sure             bool // known to the day: drawn as a point
	Act              bool
}

// Timeline is page timeline.
type Timeline struct {
	Width, Height float64
	Ticks         []Tick
	Rows          []TimelineRow
	Undated       []EntityLink
	Years         []Choice // Value is the address, Label the year
	Year          string
	More          int
}
