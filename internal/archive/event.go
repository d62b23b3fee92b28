package archive

import (
	"fmt"
	"time"
)

// Event types. Where the PREMIS event-type vocabulary has a word it is used.
const (
	EventVaultCreation    = "vault creation"
	EventAccession        = "accession"
	EventAccessionClosing = "accession closing"
	EventIngestion        = "ingestion"
	EventReplication      = "replication"
	EventDerivation       = "migration" // PREMIS: a copy made in another form
	EventDisplaying       = "displaying"
	EventExtraction       = "decryption" // an original left the vault in the clear
	EventFixity           = "fixity check"
	EventQuarantine       = "quarantine"
	EventHealing          = "recovery"
	EventExport           = "exporting"
	EventErasure          = "deletion"
	EventKeyChange        = "key change"
	EventAccount          = "account change"
	EventAdministration   = "administration"
	EventDigest           = "message digest calculation"
	EventSealing          = "information package creation" // an accession was sealed
	EventDissemination    = "dissemination"                // a clip was stated
	EventDescription      = "metadata modification"        // something was said in the catalogue, taken back, merged, decided
	EventAnalysis         = "metadata extraction"          // a machine read something out of an item
	EventConsent          = "policy assignment"            // consent given, narrowed, withdrawn
	EventSignature        = "digital signature generation" // a tick of the transparency log, or another key of it
)

// EventOutcome says how an act ended.
type EventOutcome string

// Outcomes of acts.
const (
	Success EventOutcome = "success"
	Failure EventOutcome = "failure"
	Warning EventOutcome = "warning"
)

// Subject is one thing that an act was done on or that came out of it.
type Subject struct {
	Role string // "source", "outcome" or "about"
	Kind string // "accession", "item", "derivative", "object", "blob", "account", "vault"
	ID   string
}

// Event is one act on the material: who, what, when, on what, with which tool, outcome.
//
// Detail values are text; digests in lower-case hex under a key that ends in "sha256". Nothing that names a
// person, a path or an address belongs in Detail.
type Event struct {
	ID       string
	Type     string
	Time     time.Time // UTC, to the microsecond
	Agent    string
	Tool     string // program and version that did it
	Outcome  EventOutcome
	Subjects []Subject
	Detail   map[string]string
}

// Canonical gives the one sequence of bytes of an event: JSON as in RFC 8785 (JCS) restricted to objects,
// arrays and strings, so that no number formatting can differ between programs. Keys are sorted by their
// UTF-16 code units; all keys are ASCII here, which makes that byte order.
func (e Event) Canonical() ([]byte, error) {
	if e.ID == "" || e.Type == "" || e.Agent == "" || e.Tool == "" || e.Outcome == "" || e.Time.IsZero() {
		return nil, fmt.Errorf("%w: event lacks a field", ErrInvalid)
	}
	w := canonWriter{}
	w.open('{')
	w.key("agent")
	w.str(e.Agent)
	w.key("detail")
	w.strMap(e.Detail)
	w.key("id")
	w.str(e.ID)
	w.key("outcome")
	w.str(string(e.Outcome))
	w.key("subjects")
	w.open('[')
	for _, s := range e.Subjects {
		w.comma()
		w.open('{')
		w.key("id")
		w.str(s.ID)
		w.key("kind")
		w.str(s.Kind)
		w.key("role")
		w.str(s.Role)
		w.close('}')
	}
	w.close(']')
	w.key("time")
	w.str(FormatTime(e.Time))
	w.key("tool")
	w.str(e.Tool)
	w.key("type")
	w.str(e.Type)
	w.key("version")
	w.str("1")
	w.close('}')
	return w.bytes()
}

// TimeFormat is how a moment is written in canonical bytes: RFC 3339, UTC, six decimals.
const TimeFormat = "2006-01-02T15:04:05.000000Z"

// FormatTime writes t in TimeFormat.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeFormat) }
