package template

import "time"

// Testimonies is page testimonies. The form posts to /testimonies: title, date, language, interviewer, compartment.
type Testimonies struct {
	List         []TestimonyRow
	Total        int
	First, Next  string // addresses; empty: there is none
	MayAdd       bool
	Compartments []Choice // to file a new one in
	Error        string   // "", or a code as in the keys testimony.error.*
	Text         string   // of an error, in words of the room that refused
}

// TestimonyRow is one testimony in a list.
type TestimonyRow struct {
	ID, Code, Label string // Label empty: it has no title
	State           string // as in the keys consent.state.*
	Passages        int64
	Withdrawn       []string // purposes and audiences in words
	Changed         time.Time
}

// Testimony is page testimony. Forms post to /testimonies/ID/passages: act=add heading text lang item from to page; act=replace passage, with the
// same; act=remove passage; and to /testimonies/ID/consents: purpose audience how given until item note.
type Testimony struct {
	ID, Code, Label, Compartment string
	State                        string
	Facts                        []Fact
	Headings                     []InterviewHeading
	Past                         []Passage
	Consents                     []Consent
	Depends                      Depends
	Originals                    []Original
	Merged                       []EntityLink
	MayEdit, MayConsent          bool
	MayIdentity                  bool
	Interview                    []Choice
	Purposes, Audiences          []Choice
	Today                        string // 2026-11-22
	Draft                        PassageForm
	Given                        ConsentForm
	Error                        string // "", or a code as in the keys testimony.error.*
	Text                         string // of an error, in words of the room that refused
}

// PassageForm and ConsentForm are what was typed, to show again after an error.
type PassageForm struct{ Heading, Text, Lang, Item, From, To, Page string }

// ConsentForm is what was typed about a consent.
type ConsentForm struct{ Purpose, Audience, How, Given, Until, Item, Note string }

// Fact is one thing that is said, in words.
type Fact struct {
	Property, Text, Type, Certainty string
	Withdrawn                       bool
}

// InterviewHeading is one heading of an interview.
type InterviewHeading struct {
	Code, Label, Note string
	Passages          []Passage
}

// Passage is one passage.
type Passage struct {
	ID, Cite, Text, Lang string
	Heading              string
	Item, Ref            string // recording or scan; empty: words only
	From, To             time.Duration
	Timed                bool
	Page                 int
	Cited                int
	Withdrawn            bool
	Replaced             string // the one that took its place
	RemovedAt            time.Time
}

// Consent is one consent. Depends is filled on page withdraw only.
type Consent struct {
	ID, Purpose, Audience, How string // Purpose and Audience in words
	State                      string // "stands", "withdrawn", "expired", "ended"
	GivenAt, Until             time.Time
	By, Note                   string
	Item, Ref                  string
	WithdrawnAt                time.Time
	WithdrawnBy, Reason        string
}

// Original is an item that passages were spoken or written in.
type Original struct {
	ID, Ref, Kind string
	Length        time.Duration
}

// Depends is everything that rests on a testimony.
type Depends struct {
	Claims    []DependentClaim
	Findings  []Dependent
	Clips     []Dependent
	Exports   []DependentExport
	Documents []Dependent
	Notes     []Dependent
	Count     int
}

// DependentClaim is a claim that rests on a testimony.
type DependentClaim struct {
	ID, Href, Code, Property, Type, Text, Certainty string
	Withdrawn                                       bool
}

// Dependent is anything else that does.
type Dependent struct {
	ID, Href, Text string
	At             time.Time
}

// DependentExport is an export that contained something of it.
type DependentExport struct {
	ID, Kind, Purpose, Audience, By string
	At                              time.Time
	Things                          int
}

// Withdraw is page withdraw: what will be taken back and what depends on it, before it is. The form posts consent and reason to
// /testimonies/ID/withdraw.
type Withdraw struct {
	ID, Code string
	Consent  string    // empty: all
	Taken    []Consent // that go
	Stay     []Consent // that stand and stay
	Depends  Depends
	Error    string // "", "reason"
	Reason   string
}

// Identity is page identity: who stands behind a code. Forms post to /identities/ID: act=open reason; act=write name born contact kin note reason;
// act=erase sure reason.
type Identity struct {
	ID, Code, Kind, Back string
	Has                  bool
	NoKey                bool // the archive has no key for identities
	Opened               *Opened
	Seconds              int // after which what was opened goes from the screen
	Acts                 []IdentityAct
	Error                string // "", or a code as in the keys identity.error.*
}

// Opened is an identity that was opened just now.
type Opened struct{ Name, Born, Contact, Kin, Note string }

// IdentityAct is one act on an identity.
type IdentityAct struct {
	Act, By, Reason string // Act as in the keys identity.act.*
	At              time.Time
}
