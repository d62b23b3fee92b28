package template

import "time"

// Releases is page releases. The form posts plan to /releases.
type Releases struct {
	Groups  []ReleaseGroup // in the order of what happens to a release; those with nothing in them are said to be empty
	Total   int
	MayMake bool
	MayAsk  bool   // a clip can be checked here
	Error   string // "", or a code as in the keys release.error.*
	Text    string // of an error, in words of the room that refused
	Typed          // act "new"
}

// ReleaseGroup is releases in one state. Code is as in the keys release.group.*.
type ReleaseGroup struct {
	Code string
	List []ReleaseRow
}

// ReleaseRow is one release in a list.
type ReleaseRow struct {
	Concern         bool   // something is out that would be blocked today
	ID, Slug, Title string // Title in the language of the reader, or empty
	Version         int    // of the text
	By              string // who wrote it last
	Mine            bool
	Changed         time.Time
	Blocked         []ReleaseGate // what holds it up, the gravest first
	More            int           // gates that are not shown
	Embargo         time.Time
	Published       time.Time
	Withdrawn       time.Time
	Reason          string // of a withdrawal, or of a correction that is being written
}

// ReleaseGate is one line of the checklist.
type ReleaseGate struct {
	Code   string         // as in the keys gate.*
	State  string         // "ok", "blocked", "waiting", "warning"
	Reason string         // as in the keys gate.reason.*; empty: nothing to say
	Args   map[string]any // values of the message of Reason
	At     []ReleaseAt    // the places it speaks of, as people know them
	Mend   string         // where it can be put right; empty: nowhere
}

// ReleaseAt is a place in a release that a gate speaks of.
type ReleaseAt struct {
	Code string // as in the keys release.at.*
	N    int64
	Name string // of a language
	File string // name of a file of the bundle, in place of Code
	Href string
}

// Release is page release: the desk of one release. Forms post to /releases/ID/about, /follow, /sign, /publish, /correct.
type Release struct {
	ID, Slug, Title   string
	State             string // as in the keys release.state.*
	Version, Number   int    // of the text that is worked on; of the publication it will be, or was
	Out               int    // the publication that is out; 0: none
	Plan              string
	PlanVersion       int
	Authors           []string
	SignedBy          string
	SignedAt          time.Time
	SignedVersion     int
	PublishedBy       string
	PublishedAt       time.Time
	WithdrawnBy       string
	WithdrawnAt       time.Time
	Reason            string // of the withdrawal
	Why               string // of the correction that is being written
	Embargo           time.Time
	Gates             []ReleaseGate
	Blocked, Waiting  int
	Languages         []ReleaseLanguage
	About             ReleaseAbout
	Followed          []ReleaseFollowed
	Corrections       []ReleaseCorrection
	History           []ReleaseStep
	Wrote             bool        // the reader wrote it, or the plan
	SignBlocked       bool        // gates block that have nothing to do with who signs
	Concern           bool        // something is out that would be blocked today
	Erased            bool        // since an item that it shows was erased, and nobody decided about that
	Doubts            []ReleaseAt // places that may name somebody protected, for who is about to sign
	MayEdit           bool
	MaySign           bool // by role; that it is another person is for Wrote
	MayPublish        bool
	Editable          bool // its state allows a change of the text
	Signable, Letable bool // its state allows the step
	Today             string
	Error, Text       string
	Typed             // acts "follow", "correct", "keep"
}

// ReleaseLanguage is the text in one language, in short.
type ReleaseLanguage struct {
	Code, Name, Title string
	Sentences         int // with words in this language
	Of                int // sentences there are
	Warnings          int
	Captions          bool
	Complete          bool
}

// ReleaseAbout is what is the same in every language.
type ReleaseAbout struct {
	Slug, Languages, Related               string
	Fixed                                  bool // the slug cannot be changed any more
	Correcting, Replace                    bool
	Embargo                                string // 2026-11-22T10:00
	Facility, Country, Precision, Lat, Lon string
	Recorded                               string
	Names                                  []ReleaseNames // one per language
	Precisions                             []Choice
	Base                                   int
}

// ReleaseNames is how a place, a region, a facility and a date are called in one language.
type ReleaseNames struct {
	Code, Name                                    string
	Place, Region, Facility, Recorded, Correction string
}

// ReleaseFollowed is something that followed.
type ReleaseFollowed struct {
	N               int
	Date, Kind, URL string
	Text            string
}

// ReleaseCorrection is a correction that is out.
type ReleaseCorrection struct {
	At     time.Time
	Number int
	Text   string
}

// ReleaseStep is one act on a release.
type ReleaseStep struct {
	Act     string // as in the keys release.act.*
	Version int
	By      string
	At      time.Time
	Note    string
}

// ReleaseText is page release-text: the text in one language. The form posts to /releases/ID/text; captions to /releases/ID/captions.
type ReleaseText struct {
	ID, Slug, Title string
	Lang, LangName  string
	Dir             string
	Languages       []Choice
	Base            int
	MayEdit         bool
	Head            string // title of the text
	Summary         string
	Shows           string // paragraphs with an empty line between them
	Credit          string
	Sentences       []ReleaseSentence // and empty ones to write in
	Warnings        []ReleaseWarning
	Captions        string
	Certainties     []string
	Error, Text     string
}

// ReleaseSentence is one sentence with what it rests on.
type ReleaseSentence struct {
	N         int // from 0
	Ordinal   int // as people count
	Text      string
	Other     string // its words in another language, to translate from
	OtherLang string
	Certainty string
	Claims    []ReleaseClaim
	New       bool
}

// ReleaseClaim is a claim that a sentence rests on.
type ReleaseClaim struct {
	ID, Href, Code, Property, Type, Text, Certainty string
	Hidden                                          bool // the reader may not see it
	Withdrawn                                       bool // rests on testimony that was taken back
	Chosen                                          bool
}

// ReleaseWarning is a warning ahead of a stretch of the clip.
type ReleaseWarning struct {
	N        int    // from 0
	Ordinal  int    // as people count
	From, To string // 0:12
	Text     string
	New      bool
}

// ReleaseClaims is page release-claims: which claims a sentence rests on. The form posts act=find q, act=show entity, act=set claim….
type ReleaseClaims struct {
	ID, Slug    string
	Sentence    int
	Base        int
	Words       string
	Q           string
	Found       []EntityLink
	Searched    bool
	Entity      *EntityLink
	Offered     []ReleaseClaim
	Chosen      []ReleaseClaim
	MayEdit     bool
	Error, Text string
}

// ReleasePreview is page release-preview: the texts exactly as they will stand in the folder.
type ReleasePreview struct {
	ID, Slug string
	Version  int
	Files    []PreviewFile
	Gates    []ReleaseGate // that block the making of it
	Error    string
	Text     string
}

// PreviewFile is one file as it will be published.
type PreviewFile struct {
	Name, Text, Lang string
	Bytes            int64
}

// ReleaseWithdraw is page release-withdraw: what happens, before it does. The form posts sure and reason.* to /releases/ID/withdraw.
type ReleaseWithdraw struct {
	ID, Slug, Title string
	Number          int
	Published       time.Time
	Languages       []WithdrawReason
	Error, Text     string
}

// WithdrawReason is the public reason in one language.
type WithdrawReason struct{ Code, Name, Text string }

// Match is page match: which release a file is from. The form posts file to /match.
type Match struct {
	Asked       bool
	Empty       bool // nothing was let out, so there was nothing to compare with
	Found       []MatchFound
	Compared    string // as in the keys match.compared.*
	Clips       int64  // that it was held against
	Alike       int64  // that look like it, of which nothing more can be said
	Length      time.Duration
	Limit       int64 // bytes of a file that is taken
	Error, Text string
}

// MatchFound is a clip that a file is from.
type MatchFound struct {
	How                  string // as in the keys match.sure.*
	Releases             []MatchRelease
	Clip                 string // identifier of a clip that was not let out
	Length               time.Duration
	CoverFile, CoverClip int // percent
	Spans                []MatchSpan
}

// MatchRelease is a release that shows a clip.
type MatchRelease struct {
	ID, Slug, Title string // ID empty: not of this archive
	Number          int
	State           string
	Published       time.Time
}

// MatchSpan is a stretch of the clip and where it lies in the file.
type MatchSpan struct{ From, To, FileFrom, FileTo time.Duration }

// ReleaseRef is a release to be led to.
type ReleaseRef struct{ ID, Slug string }
