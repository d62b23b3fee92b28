package release

import (
	"time"

	"zapis/internal/archive"
	"zapis/internal/release/bundle"
)

// Words is one text in several languages, by language tag.
type Words = bundle.Words

// Draft is everything about a release that people write. A version of a release is one draft, kept as it was.
type Draft struct {
	Slug        string     `json:"slug"` // in addresses; lower-case letters, digits and hyphens; wanted until the release is published, fixed then
	Plan        string     `json:"plan"` // redaction plan whose rendering is shown
	PlanVersion int        `json:"plan_version"`
	Languages   []string   `json:"languages"` // in the order to offer them
	Title       Words      `json:"title"`
	Summary     Words      `json:"summary"`
	Shows       Words      `json:"shows"` // what is to be seen, in words; an empty line parts paragraphs
	Credit      Words      `json:"credit"`
	Sentences   []Sentence `json:"sentences"`
	Warnings    []Warning  `json:"warnings"`
	Captions    Words      `json:"captions"` // WebVTT files
	Facility    Facility   `json:"facility"`
	Place       Place      `json:"place"`
	Recorded    Recorded   `json:"recorded"`
	Embargo     time.Time  `json:"embargo"` // not before; zero: none
	Related     []string   `json:"related"` // slugs
	Followed    []Followed `json:"followed"`
	// Correction says in public what this version changes about the one that is out. Needed when anything but Followed, Related or Embargo
	// changed since.
	Correction Words `json:"correction"`
	// Replace takes the texts of the earlier publications away, too: they said what must not stay public. Their media go whenever the clip is
	// another one.
	Replace bool `json:"replace"`
}

// Sentence is one finding with what it rests on.
type Sentence struct {
	Text      Words             `json:"text"`
	Certainty archive.Certainty `json:"certainty"` // must be given
	Claims    []string          `json:"claims"`    // of the catalogue
}

// Warning says what is hard to watch in a stretch of the clip.
type Warning struct {
	FromMS int64 `json:"from_ms"`
	ToMS   int64 `json:"to_ms"`
	Text   Words `json:"text"`
}

// Facility is the institution as it is shown. With empty Name none is.
type Facility struct {
	Code string `json:"code"`
	Name Words  `json:"name"`
}

// Place is where it was recorded, as it is shown. With empty Precision nothing is said.
type Place struct {
	Name      Words           `json:"name"`
	Region    Words           `json:"region"`
	Country   string          `json:"country"`
	Lat       *bundle.Degrees `json:"lat"`
	Lon       *bundle.Degrees `json:"lon"`
	Precision string          `json:"precision"` // one of bundle.Precisions
}

// Recorded is when, as it is shown. With empty EDTF nothing is said.
type Recorded struct {
	EDTF string `json:"edtf"`
	Text Words  `json:"text"`
}

// Followed is something that happened after it was out.
type Followed struct {
	Date string `json:"date"` // 2026-11-22
	Kind string `json:"kind"` // one of bundle.FollowedKinds
	Text Words  `json:"text"`
	URL  string `json:"url"`
}

// State says where a release stands.
type State string

// States of a release.
const (
	StateDraft     State = "draft"     // nobody has signed the newest version; nothing is out
	StateSigned    State = "signed"    // somebody else signed the newest version
	StateScheduled State = "scheduled" // to be published when its embargo ends
	StatePublished State = "published" // the newest version is out
	StateRevising  State = "revising"  // something is out, and a newer version is being written, signed or waits
	StateWithdrawn State = "withdrawn"
)

// Release is one release in short.
type Release struct {
	ID          string
	Slug        string
	State       State
	Title       Words // of the newest version
	Head        int   // number of the newest version
	Out         int   // number of the newest publication; 0: none
	Plan        string
	PlanVersion int
	Authors     []string // agents who wrote versions since the last publication
	SignedBy    string   // of the newest version; empty: nobody
	SignedAt    time.Time
	Embargo     time.Time
	PublishedAt time.Time // of the newest publication
	CreatedAt   time.Time
	CreatedBy   string
	ChangedAt   time.Time
	// Concern is as in View, but in a list nobody looks for names in the texts again.
	Concern bool
}

// Version is one version of a release.
type Version struct {
	Number  int
	Draft   Draft
	SHA256  [32]byte // of the draft as it is kept
	Author  string
	At      time.Time
	Note    string // why, for colleagues; not published
	Current bool   // the newest one
}

// Acts on a release.
const (
	ActSigned    = "signed"
	ActScheduled = "scheduled" // publish when the embargo ends
	ActPublished = "published"
	ActCorrect   = "correct" // a correction was begun
	ActWithdrawn = "withdrawn"
	ActKept      = "kept" // it stays out although an item was erased
)

// Act is one act on a release.
type Act struct {
	Event   string // of the custody record
	Act     string
	Version int
	By      string
	At      time.Time
	Note    string
}

// Publication is what went out.
type Publication struct {
	Number      int // 1, 2, …
	Version     int
	At          time.Time
	By          string
	SignedBy    string
	Clip        string
	SHA256      [32]byte // of its release.json
	WithdrawnAt time.Time
	WithdrawnBy string
	Placed      bool // the folder holds what it should

	release string
}

// View is a release with all that whoever may see it sees.
type View struct {
	Release
	Version      Version   // the newest
	Versions     []Version // all, oldest first, without drafts
	Acts         []Act     // oldest first
	Publications []Publication
	// Concerns say why something that is out would not pass the gates now, as after a consent was withdrawn, whatever is being written:
	// ConcernErased, or codes of gates. Concern says that there are any.
	Concerns []string
}

// Gate is one line of the checklist.
type Gate struct {
	Code  string // GateFourEyes…
	State GateState
	// Reason is a code that a page has words for, as "plan-not-approved"; empty: nothing to say. The key of the words is gate.CODE.REASON.
	Reason string
	// Args are pairs of a name and a value for those words: texts and numbers. Never names of people, of files or of places in the archive.
	Args []any
	// At are what in the draft it is about, as "text.ru", "sentence.3", "cut.1", where that is known.
	At []string
}

// GateState says whether a gate lets a release pass.
type GateState string

// States of a gate.
const (
	OK      GateState = "ok"
	Blocked GateState = "blocked"
	Waiting GateState = "waiting" // opens by itself, in time
	Warn    GateState = "warning" // lets pass; whoever signs takes it on themselves
)
