package template

import (
	"encoding/json"
	"slices"
	"time"
)

// View is what every page gets.
type View struct {
	Lang   string // code of the language, "en", "ru", "uk"; another one is drawn in the first language
	Scheme string // "dark", "light" or "system"; anything else is dark
	// Path is the address of this page, beginning with one slash, for "step away" and the language links. It holds
	// identifiers and filters only.
	Path    string
	Me      *Me      // nil when nobody is signed in
	Nav     []string // the sections that policy allows: "archive", "accessions", "proof", "jobs", "health", "people"
	Section string   // the one that this page belongs to; "me" for the own account
	Notice  string   // code of a message to show once after a redirect, as in the keys notice.*; empty for none
	Page    any      // one of the types below
}

// Me is the person who is signed in.
type Me struct {
	Name string
	Role string // "admin", "archivist", "reviewer"
}

// SignIn is page sign_in. The form posts name, password, code; the passkey island posts to
// /api/passkey/sign-in/begin and /api/passkey/sign-in/finish.
type SignIn struct {
	Error string // "", "wrong" (never says which field), "slow" (too many attempts), "ended" (session over)
	Name  string // what was typed
	Next  string // local path to go to afterwards; a hidden field "next"
	Away  bool   // show the note that the session was ended on purpose
}

// SignInLink is page sign_in_link: the landing of a one-time link. The form posts nothing but the button.
type SignInLink struct {
	Token string // for the form's address
	Dead  bool   // used, expired or never there: all look the same
}

// Setup is page setup: the first sign-in of an account, which chooses how to sign in from now on. The form posts name,
// password, again, secret, code; the passkey island posts to /api/passkey/register/begin and …/finish.
type Setup struct {
	First  bool // the first administrator of this archive
	Name   string
	Error  string // "", "name", "short" (password under 12 characters), "known" (in the list of bad ones), "differs", "code"
	Secret string // of the one-time codes, base 32, for typing; given back as a hidden field
	QR     QR
}

// QR is a code drawn as one path of unit squares.
type QR struct {
	Size int    // modules on a side, with the quiet zone
	Path string // SVG path data
}

// Typed is what somebody typed into a form that was not taken, by field. Act says which form of the page it is; a page that says why not fills it in again.
type Typed struct {
	Act    string
	Fields map[string]string
}

// Was gives what was typed into a field of the form of an act; empty if it was another form.
func (t Typed) Was(act, field string) string {
	if act != t.Act {
		return ""
	}
	return t.Fields[field]
}

// AccessionLink names an accession.
type AccessionLink struct {
	ID, Ref, Title string // Ref as "Z1"
}

// Archive is page archive; everything else comes through /api.
type Archive struct {
	Total int64 // items that this reader may see; 0 draws the empty state
	Grade bool  // they may say how hard items are to watch
}

// Item is page item.
type Item struct {
	ID, Ref, Kind, State string
	Reason               string // code, when explained or quarantined
	Redact               bool   // a plan can be made of it
	Accession            AccessionLink
	RecordedAt           time.Time // zero: not known
	RecordedSource       string    // "container", "recorder", "exif", "file-time"
	ReceivedAt           time.Time
	Day                  string // 2020-07-27: where the archive shows it
	Duration             time.Duration
	Size                 int64
	Width, Height        int
	FrameRate            float64
	Format, Codec        string
	Camera               string
	Difficulty           int    // 0–3; -1 not judged
	SHA256               string // hex
	Micro                []byte // 144 grey bytes or nil
	Anomalies            []Anomaly
	Copies               []Copy
	Derivatives          []Derivative
	Chain                []Step      // oldest first; runs of the same act folded
	ChainMore            int         // acts not shown here
	Visit                string      // identifier of this visit, which every request for bytes carries
	Seal                 *Seal       // of its accession, if it was sealed with it
	Erase                *EraseForm  // nil: the person may not ask for its erasure
	Grade                *GradeForm  // nil: the person may not say how hard it is to watch
	Claims               *ItemClaims // what the catalogue says on the strength of it; nil: there is no catalogue for this reader
	Clock                *ClockPanel // nil: none was read
	Words                *Words      // what is said and written in it; nil: not for this reader
	Same                 *CopyPanel  // other recordings of the footage; nil for what is none
}

// Anomaly is something odd about an item: a code as in the keys anomaly.*, and figures.
type Anomaly struct {
	Code   string
	Detail string
}

// Copy is one file found with the bytes of an item.
type Copy struct {
	Accession  AccessionLink
	Seq        int64
	Outcome    string // "received", "duplicate"
	FoundAt    time.Time
	Name       string // cleaned path; empty when this reader may not see it
	ModifiedAt time.Time
	Owner      string // empty as Name
}

// Derivative is a working copy of an item.
type Derivative struct {
	ID          string          `json:"id"`
	Kind        string          `json:"kind"` // technical, still, storyboard, proxy, lanes, page
	Ordinal     int             `json:"ordinal"`
	Recipe      string          `json:"recipe"`
	Version     int             `json:"version"`
	Tool        string          `json:"tool"`
	ToolVersion string          `json:"toolVersion"`
	Size        int64           `json:"size"`
	SHA256      string          `json:"-"`
	MediaType   string          `json:"mediaType"`
	Meta        json.RawMessage `json:"meta"` // storyboard: columns, rows, tile_width, tile_height, times; proxy: rate_num, rate_den, frames, duration
	CreatedAt   time.Time       `json:"-"`
}

// Step is one act, or a run of the same act, in the custody chain.
type Step struct {
	Type       string // event type, as in archive.Event*
	Outcome    string // "success", "failure", "warning"
	At, Until  time.Time
	Count      int    // 1 or more; how many acts are folded
	Agent      string // what colleagues call them, or the identifier
	Tool       string
	Index      int64 // in the custody record; the first one of a run
	Checked    bool  // the leaf was re-derived just now
	Checkpoint int64 // size of the signed checkpoint that covers it; 0 not yet
	Event      string
	Reach      Reach // of a run: of its last act, which has got the least far
}

// Custody is page custody: the whole chain of one item.
type Custody struct {
	Item  string
	Ref   string
	Steps []Step // newest first, not folded
	Older string // address of older ones
}

// Accessions is page accessions.
type Accessions struct {
	List []Accession // newest first
	// MayCreate shows how to take material in.
	MayCreate bool
}

// Accession is page accession and a row of page accessions.
type Accession struct {
	ID, Ref, Title, State                        string // State "open", "closed"
	CreatedAt, ClosedAt                          time.Time
	CreatedBy                                    string
	Found, Received, Duplicates, Skipped, Failed int64
	Bytes                                        int64
	Items                                        int64
	Browsable, Ready, Explained, Waiting         int64  // of the items; Waiting: sealed, nothing derived yet
	ManifestSHA256, Receipt                      string // Receipt is the address, empty while open
	Troubles                                     []Trouble
	TroublesMore                                 int64
	Seal                                         *Seal // nil while it is not sealed
	MaySeal                                      bool  // show how
	Jobs                                         JobCounts
}

// Trouble is a line of the manifest that is not an item, with its reason.
type Trouble struct {
	Seq     int64
	Outcome string // "skipped", "failed"
	Reason  string // code as in the keys trouble.*
	Name    string // cleaned path; empty when this reader may not see it
	Size    int64
}

// JobCounts count jobs by state.
type JobCounts struct {
	Available, Running, Retryable, Scheduled, Completed, Discarded, Cancelled int64
}

// Jobs is page jobs.
type Jobs struct {
	Counts JobCounts
	State  string // the filter, or ""
	List   []Job
	Older  string // address of older ones
	May    bool   // retry and cancel
}

// Job is one job.
type Job struct {
	ID          int64
	Kind        string // "quick", "full", "fixity"
	State       string
	Item, Ref   string // Item may be empty
	Attempt     int
	MaxAttempts int
	Progress    int // 0–100, -1 not known
	Error       string
	At          time.Time // when it was created
	Next        time.Time // when it is tried again
	Worker      string
}

// Health is page health. Level of a line: "good", "old" (in red words, with a date), "bad" (in red words), "info".
type Health struct {
	Lines    []HealthLine
	Fixity   Fixity
	Findings []Finding
	Disks    []Disk
	Replicas []Replica
	Layers   []Layer
	Workers  []Worker
	Record   Record
	Log      *LogHealth // nil: this server does not know of one
	Version  string
	At       time.Time
}

// LogHealth is the transparency log in short.
type LogHealth struct {
	Level    string
	UpTo     time.Time // zero: no checkpoint yet
	Problems []Problem
}

// HealthLine is one plain statement: code as in the keys health.line.*, with a figure.
type HealthLine struct {
	Code   string // "vault", "database", "web", "record", "sandbox", "workers"
	Level  string
	Detail string
}

// Fixity is the last check.
type Fixity struct {
	Level                    string
	At                       time.Time // zero: never
	Scope                    string    // "all", "since", "sample"
	Objects, Bytes           int64
	Bad, Healed, Quarantined int64
	NextAt                   time.Time
}

// Finding is an open mismatch.
type Finding struct {
	At         time.Time
	Item, Ref  string
	Object     string
	Reason     string // code as in the keys finding.*
	Healed     bool
	ResolvedAt time.Time
}

// Disk is room on a disk.
type Disk struct {
	What     string // "vault", "database", "scratch"
	Free     int64
	Total    int64
	DaysLeft int // at the pace of the last 30 days; -1 not known
	Level    string
}

// Replica is one copy of the vault.
type Replica struct {
	Name   string
	Level  string
	SeenAt time.Time
	Behind int64
}

// Layer is one layer of the sandbox.
type Layer struct {
	Name   string
	Active bool
	Detail string
}

// Worker is a process that works jobs off.
type Worker struct {
	ID     string
	SeenAt time.Time
	Alive  bool
	Job    string // kind and reference, or empty
}

// Record is the custody record.
type Record struct {
	Size         int64
	CheckpointAt time.Time
	Checkpoint   int64
	VerifiedAt   time.Time
	Level        string
}

// EraseForm asks for the erasure of an item, or says that it was asked for.
type EraseForm struct {
	Asked bool
	By    string
	At    time.Time
}

// Erasures is page erasures, newest first.
type Erasures struct {
	Open, Past []Erasure
	Error      string // "", or a code as in the keys erase.error.*
}

// Erasure is one of them.
type Erasure struct {
	ID, Item, Ref, Reason  string
	State                  string // "requested", "approved", "done", "withdrawn"
	By, ApprovedBy         string
	Mine                   bool // whoever looks at it has asked for it
	At, ApprovedAt, EndsAt time.Time
	Releases               []ReleaseRef // that are out and show the item
}

// People is page people. Forms post to /people: act=invite name role, with what may be seen; act=scope account, with
// what may be seen; act=role account role; act=link account; act=close account; act=open account; act=compartment name. What may be
// seen is which=all, which=some or (identities only) which=keep, accession (any number), difficulty (0–3 or empty), compartment (any number; "common" is the part
// without a name), compartments=all, identities=yes.
type People struct {
	List  []Person
	May   Sight  // what the invitation proposes
	Link  string // a new one-time link, shown once; the whole address
	For   string // whom it is for
	Until time.Time
	Error string // "", "name", "last-admin", "own-identities", "compartment"
	// Compartments that there are, when the catalogue is open.
	Compartments []SightCompartment
	Catalogue    bool // whether it is
}

// Person is one account.
type Person struct {
	ID, Name, Role string
	Closed, Myself bool
	Waiting        bool // has never signed in
	Passkeys       int
	Password       bool
	SeenAt         time.Time
	May            Sight
}

// Sight is what somebody may see, as a form.
type Sight struct {
	ID         string // of the account; makes the form's names in the page unique
	Everything bool
	Accessions []SightAccession // all there are
	Chosen     int
	Difficulty string // "", "0" … "3"

	Admin            bool // sees everything by role; only identities are granted
	Compartments     []SightCompartment
	Inside           int  // of the compartments, granted by name
	Common           bool // the part of the catalogue without a name, granted by name
	EveryCompartment bool
	Identities       bool // may open who stands behind a code
}

// SightCompartment is one compartment of the catalogue in such a form.
type SightCompartment struct {
	ID, Name string
	Chosen   bool
}

// SightAccession is one accession in such a form.
type SightAccession struct {
	ID, Ref, Title string
	Chosen         bool
}

// MePage is page me. Forms post to /me: act=look lang scheme; act=password current password again code;
// act=passkey-remove passkey; act=sessions-end.
type MePage struct {
	Name, Role  string
	Passkeys    []Passkey
	HasPassword bool
	Sessions    int
	Error       string // "", "wrong", "short", "known", "differs", "code", "last-way"
	Tokens      Tokens
}

// Passkey is one passkey of the person.
type Passkey struct {
	ID, Name          string
	CreatedAt, UsedAt time.Time
}

// Away is page away: the calm page without script.
type Away struct {
	Back string // local path
	At   time.Time
}

// Error is page error. Status 403 and 404 look the same.
type Error struct {
	Status   int
	Incident string // identifier for the operator; empty for 404
	Text     string // a public sentence, already in the language; may be empty
	Hint     string
}

// Reach is how far one act has got: five steps, in the order recorded, checkpoint, log, signed, stamped.
type Reach struct {
	Steps  []ReachStep
	Broken bool // the line of the transparency log does not open to what it should hold
}

// ReachStep is one of the five.
type ReachStep struct {
	Code  string    // as in the keys reach.*
	State string    // "yes", "wait", "none" (not set up), "failed"
	At    time.Time // by when, or zero
	K, N  int64     // signed: how many of how many; checkpoint: K is its size
	By    string    // stamped: name of the authority
	Asked bool      // stamped: an authority was asked
}

// Far counts the steps that are reached.
func (r Reach) Far() (n int) {
	for _, s := range r.Steps {
		if s.State == "yes" {
			n++
		}
	}
	return n
}

// Furthest is the last step that is reached.
func (r Reach) Furthest() (last ReachStep) {
	for _, s := range r.Steps {
		if s.State == "yes" {
			last = s
		}
	}
	return last
}

// Seal is how an accession was sealed.
type Seal struct {
	Root                     string // hex
	Files, Bytes, Unmeasured int64
	Length                   time.Duration
	At                       time.Time
	Statement                string
	Tick                     time.Time // zero: the statement waits for the next one
}

// Proof is page proof: how the transparency log stands.
type Proof struct {
	Made        bool // false: only Problems
	Sound       bool // nothing grave
	Origin      string
	UpTo        time.Time // of the latest checkpoint; zero: none yet
	Signed      int       // witnesses of that checkpoint
	Witnesses   int       // who could have signed it: those configured, and those of former days who did
	Quorum      bool      // enough did
	Daily       bool      // a tick a day; else the marks carry the hour
	Confirmed   int       // time authorities
	ConfirmedAt time.Time // the latest of them, which holds for all
	WholeTo     time.Time // of the latest one that is signed and timestamped, if that is an earlier one
	Next        time.Time
	Open        int // statements that wait
	Problems    []Problem
	Marks       []Mark
	Checkpoints []LogCheckpoint // newest first
	Keys        []LogKey
	Published   Publication
	Scopes      []Scope
	Clips       []Clip
	ClipsMore   int
	// StatementsBroken says that what was stated does not agree with what was sealed; scopes and clips are then empty.
	StatementsBroken bool
}

// States lists the states that the picture shows, in a fixed order, for its legend.
func (p Proof) States() (out []string) {
	for _, state := range []string{"full", "time", "signed", "log", "missed", "due"} {
		if slices.ContainsFunc(p.Marks, func(m Mark) bool { return m.State == state }) {
			out = append(out, state)
		}
	}
	return out
}

// Problem is something missing, with words under proof.problem.CODE and proof.advice.CODE.
type Problem struct {
	Code     string
	Grave    bool
	Name     string // of a witness or authority
	Reason   string // as it was noted; in English unless proof.reason.* has it
	N, Of    int64
	Command  string // to type
	Setting  string // in zapis.toml
	Text     string // only with code other
	Solution string // only with code other
}

// Mark is one tick in the picture: a state as in the keys proof.mark.*.
type Mark struct {
	State string
	At    time.Time
}

// LogCheckpoint is one checkpoint of the transparency log.
type LogCheckpoint struct {
	Size      int64
	Due       time.Time
	State     string // as Mark
	Witnesses []Witness
	Signed    int
	Stamps    []Stamp
	Published bool
}

// Witness is what one witness said.
type Witness struct {
	Name, State, Reason string // State as in the keys proof.witness.*
}

// Stamp is what one time authority said.
type Stamp struct {
	Name, State, Reason string // State as in the keys proof.stamp.*
	At                  time.Time
}

// LogKey is a key of the transparency log.
type LogKey struct {
	Number, Since            int64
	Fingerprint, VerifierKey string
	At                       time.Time
	Current                  bool
}

// Publication is the latest one; zero if there was none.
type Publication struct {
	At          time.Time
	Kind        string // "directory", "s3"
	Size        int64
	OK, Current bool
	Reason      string
}

// Scope is one statement of how much there is.
type Scope struct {
	ID                       string
	SealedOn                 time.Time
	Accessions               []AccessionLink // that the reader may see
	More                     int             // that they may not
	Files, Bytes, Unmeasured int64
	Length, Released         time.Duration
	Share                    float64   // of the length, in per cent, rounded up; 0 when nothing was released
	Tick                     time.Time // zero: waits
}

// Clip is one clip that was stated.
type Clip struct {
	ID, Scope string
	Number    int64
	StatedOn  time.Time
	Length    time.Duration
	Bytes     int64
	SHA256    string
	Tick      time.Time
}
