package template

import "time"

// Import is page import. Form: POST /import with file; POST /imports/ID/undo.
type Import struct {
	List  []ImportRow
	Error string // "", "file" or "refused"
	Text  string // of refused, in words of the room that refused
	Hint  string
}

// ImportRow is one import in a list.
type ImportRow struct {
	ID, Format, State                    string // state as in the keys import.state.*
	At                                   time.Time
	Created, Updated, Unchanged, Refused int64
	// Of one that is being undone: claims taken back, claims in all, claims a second, minutes left; 0 while it is not known.
	Taken, Claims, Pace, Left int64
}

// ImportFile is page import_file. Form: POST /import/ID with act (kind, dry, run), kind, means.N, key, key_by, key_source, update, certainty, lang,
// source, dates, compartment; of FollowTheMoney ftm_source, ftm_certainty, into.
type ImportFile struct {
	ID          string
	FtM         bool
	Size        int64
	Format      string
	Encoding    string
	Guessed     bool
	Separator   string
	Sheet       string
	Kind        string
	Kinds       []string
	Properties  []string
	Coordinates bool
	Columns     []ImportColumn

	Key, KeyBy, KeySource           string
	Certainty, Source, Lang, Update string
	Compartments                    []Choice
	Problem                         string // of the mapping, in words

	Running  bool
	Done     bool
	Dry      bool
	Import   string
	Others   int64
	Counts   ImportCounts
	Fault    string // "-": no words for it
	Refusals []ImportRefusal
	Cut      bool
}

// ImportCounts are the outcomes of rows.
type ImportCounts struct{ Created, Updated, Unchanged, Refused int64 }

// ImportColumn is a column with what it means and a few of its cells.
type ImportColumn struct {
	Name, Means string
	Examples    []string
}

// ImportRefusal is a row that was refused.
type ImportRefusal struct {
	Row                  int64
	Column, Reason, Text string
}

// Export is page export. Form: POST /export with format, purpose, audience.
type Export struct {
	List                      []ExportRow
	Formats                   []string
	Purposes, Audiences       []Choice
	Format, Purpose, Audience string
	Error                     bool
}

// ExportRow is one export in a list.
type ExportRow struct {
	ID, Format, Purpose, Audience string
	At                            time.Time
	LeftOut                       int64
}

// Tokens is what page me shows of tokens. Form: POST /me/tokens with act (make, revoke), label, allow, days, which (all, some), compartment, token.
type Tokens struct {
	List         []Token
	Actions      []string
	Compartments []Choice
	Common       bool
	Secret       string // shown once
	Until        time.Time
	Error        string // "", "allow" or "many"
}

// Token is one token.
type Token struct {
	ID, Label, State string // state as in the keys token.state.*
	Actions          []string
	Some             bool // some compartments only
	Until, UsedOn    time.Time
}
