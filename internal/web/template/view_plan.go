package template

import "time"

// PlanRow is a line of the list of redaction plans.
type PlanRow struct {
	ID, Title string
	Version   int
	State     string // draft, checking, blocked, waiting, approved, rejected, rendering, rendered, destroyed
	Open      int64  // blockers
	Wait      string // what it waits for: check, checking, blockers, approval, rework, render, rendering, nothing
	Who       string // who wrote the newest version
	At        time.Time
}

// PlanNew is the form that makes a plan.
type PlanNew struct {
	Item, Ref string // empty: asked for
	Title     string
	From, To  string // as they were typed
}

// Plans is the list.
type Plans struct {
	List    []PlanRow
	Item    string // of which recording; empty: of all
	Ref     string
	MayMake bool
	New     PlanNew
	Error   string // code
	Text    string // in words, where no code says it
	Older   string
}

// PlanSource is a recording of a plan.
type PlanSource struct {
	N         int // from 1
	Item, Ref string
	Duration  time.Duration
}

// PlanCut is a stretch that is shown.
type PlanCut struct {
	N        int // from 1
	Ref      string
	From, To string // as on a player, to the thousandth of a second
}

// PlanTrack is a mask, or a region that is shown.
type PlanTrack struct {
	N        int // from 1
	ID, Ref  string
	Kind     string
	Reveal   bool
	Reason   string
	Protects string // code
	From, To string
	UntilEnd bool
	Keys     int
	Origin   string
}

// PlanSpan is a stretch of sound to which something is done.
type PlanSpan struct {
	N            int // from 1
	Ref          string
	From, To, Do string
	Reason       string
	Protects     string
}

// PlanBlocker is something that a gap check found.
type PlanBlocker struct {
	N        int
	Kind     string
	Thing    string
	Warning  bool
	Ref      string // empty: the plan as a whole
	From, To string
	Reason   string // why it was dismissed
	By       string
	Done     bool
}

// PlanRun is what machines were asked.
type PlanRun struct {
	ID      string
	State   string // asked, done, failed
	Percent int
	Recipe  string
	Frames  int64
	Reason  string // code
}

// PlanProposal is a track that a machine proposes.
type PlanProposal struct {
	ID, Ref, Reason, From, To, Detector string
	Percent                             int
}

// PlanVersion is a version in a list.
type PlanVersion struct {
	N     int
	By    string
	At    time.Time
	Note  string
	State string // "", approved, rejected
	DoneBy,
	Why string
}

// PlanLook is that somebody stepped through a version.
type PlanLook struct {
	By string
	At time.Time
}

// PlanProblem is a rule that a plan breaks, or something that a person should know of.
type PlanProblem struct{ Path, Code, Text string }

// PlanFile is a file of what was rendered.
type PlanFile struct {
	Name   string
	Height int
	Bytes  int64
	SHA256 string
}

// PlanRender is what was rendered of a version.
type PlanRender struct {
	State  string // asked, done, failed, destroyed
	Reason string // code of why it failed; of one that is asked for: it broke off and begins again
	Files  []PlanFile
}

// Plan is the page of a redaction plan.
type Plan struct {
	PlanRow
	By        string // who made it
	Made      time.Time
	Sources   []PlanSource
	Cuts      []PlanCut
	Hide      bool
	Tracks    []PlanTrack
	Sound     string // mute, keep
	Spans     []PlanSpan
	Check     *PlanRun
	Blockers  []PlanBlocker
	Proposed  *PlanRun
	Proposals []PlanProposal
	Versions  []PlanVersion // newest first
	Looks     []PlanLook
	Notes     []PlanProblem // what stops nothing
	A, B      int           // versions that are compared; 0: none
	Changes   []string
	Render    *PlanRender
	Reasons,
	SoundReasons []string
	MayEdit, MayApprove, MayRender, MayRelease bool
	Own                                        bool // the reader wrote a part of it, so another person must look
	Why                                        string
	Error                                      string // code
	Text                                       string // in words
	Problems                                   []PlanProblem
	Boot                                       any
	Typed
}

// PlanStop is a moment at which the second person looks.
type PlanStop struct {
	N          int // from 1
	Key        string
	Cut        int // from 1
	Ref, At    string
	Why        string // cut, end, key, blocker, middle, between
	Seen, Here bool
}

// PlanStep is the page of the second person's look.
type PlanStep struct {
	ID, Title  string
	Version    int
	Who        string
	Stops      []PlanStop
	Left       int
	Here       *PlanStop // whose frame is shown
	Prev, Next string
	Checked    bool
	Own        bool
	MayDecide  bool   // what was asked of the second person is done but for the stops
	Why        string // code of what is missing besides
	Error      string
	Text       string
	Boot       any
	Typed
}
