package template

import "time"

// ClockPanel is what a machine read from the clock in the picture of an item.
type ClockPanel struct {
	ID, State string // "suggested", "confirmed", "dismissed"
	MayDecide bool
	Start     time.Time // of the recording by the clock; zero: no date was read
	TimeOfDay string    // of the start, 14:02:33
	Order     string    // "ymd", "dmy", "mdy" or empty
	OrderBy   string    // "spelling", "values", "folder", "open" or empty
	Choices   []ClockChoice
	NeedDay   bool // no date, or an order that nothing decides: a person must say
	Twelve    bool
	Right, Of int // readings that agree with the line, and all
	Score     int // of 1,000
	Drift     int64
	Even      bool // no drift was measured
	Jumps     []ClockJump
	Recipe    string
	Tool      string
	DecidedAt time.Time
	Why       string
	Plot      ClockPlot
	Others    int // further suggestions of the item, not shown
}

// ClockChoice is a day that the writing can mean.
type ClockChoice struct {
	Day   string // 2020-07-27
	Order string
	At    time.Time
}

// ClockJump is a place where the clock does not run evenly.
type ClockJump struct {
	Kind          string        // "missing", "back", "freeze"
	At            time.Duration // in the recording
	By            time.Duration // length, never negative
	Confirmed     bool
	Before, After string // 14:02:33
}

// ClockPlot is the run of the clock (upwards) over the recording (to the end of the line), in units of the view box 0 0 360 170.
type ClockPlot struct {
	Dots, Odd, Lines, Jumps string // path data
	X, Y                    []ClockTick
}

// ClockTick is a mark on an axis.
type ClockTick struct {
	At   int
	Text string
}

// Coverage is the page of what recordings cover.
type Coverage struct {
	Day, Before, After      string // 2020-07-27; Before and After empty at the ends
	DayTime                 time.Time
	First, Last             string
	Accession, AccessionRef string // narrowed to one
	Accessions              []AccessionLink
	Cameras                 []CoverageCamera
	Gaps                    int
	Truncated, Narrow       bool
	Error                   string // "day"
	Series                  []CoverageSeries
	SeriesCut               bool
	Hours                   []ClockTick // on the width of 8,640
}

// CoverageCamera is a camera on that day.
type CoverageCamera struct {
	Name    string
	Covered time.Duration
	Strips  []CoverageStrip
	Gaps    []CoverageGap
}

// CoverageStrip is a recording; X and W are on the width of 8,640, ten seconds each.
type CoverageStrip struct {
	Item, Ref, Source string
	From, To          string // 14:02:33
	Length            time.Duration
	X, W              int
	Weak              bool // known from the time of the file only
}

// CoverageGap is nothing between two times.
type CoverageGap struct {
	From, To           string // 14:02:33; 24:00:00 at the end of the day
	Length             time.Duration
	Before, BeforeItem string
	After, AfterItem   string
	X, W               int
	Inside             bool // inside one recording
}

// CoverageSeries is a run of numbers in names of files.
type CoverageSeries struct {
	Camera      string
	First, Last int64
	Files       int
	Missing     int64
	Gaps        []CoverageNumbers
	More        int
}

// CoverageNumbers is numbers without a file.
type CoverageNumbers struct {
	From, To           int64
	Before, BeforeItem string
	After, AfterItem   string
}

// MachineFindings is the page of suggestions.
type MachineFindings struct {
	State string // which are listed
	List  []MachineFinding
	Older string // address of the next page
}

// MachineFinding is a suggestion in the list.
type MachineFinding struct {
	ID, Item, Ref, Kind, State string
	At                         time.Time
	Start                      time.Time // of a clock
	TimeOfDay                  string
	NeedDay                    bool
	Jumps                      int
	Score                      int
	Recipe                     string
}
