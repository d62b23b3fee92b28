package anchor

import "time"

// States of a witness towards a checkpoint.
const (
	WitnessAbsent      = "absent"      // not asked yet, or no longer configured
	WitnessSigned      = "signed"      // cosigned
	WitnessUnreachable = "unreachable" // did not answer
	WitnessRefused     = "refused"     // answered with a refusal
	WitnessFork        = "fork"        // says that it has seen another tree under this name
)

// Status is what a person has to know of the transparency log.
type Status struct {
	Made        bool // false: nothing below is filled, except Problems
	Origin      string
	VerifierKey string // of the key that signs now
	Keys        []KeyStatus
	Every       time.Duration
	Size        int64     // ticks in the log
	Due         int64     // ticks that should be
	Latest      time.Time // when the latest tick was due
	Next        time.Time // when the next one is
	Witnesses   []Witness
	Quorum      int
	Authorities []string          // names in the configuration
	Checkpoints []CheckpointState // newest first
	Open        int               // statements that wait for the next tick
	Published   Publication
	Problems    []Problem // the gravest first
}

// KeyStatus is one key of the log.
type KeyStatus struct {
	Number      int64
	VerifierKey string
	Fingerprint string // hexadecimal SHA-256 of the verifier key text, as verify.Fingerprint
	Since       int64  // the size from which it signs
	At          time.Time
	Current     bool
}

// CheckpointState is one checkpoint with what others said to it.
type CheckpointState struct {
	Size         int64
	Root         string // base 64
	Due          time.Time
	At           time.Time // when it was signed
	Cosignatures []CosignatureState
	Signed       int // how many configured witnesses have cosigned
	QuorumMet    bool
	Stamps       []StampState
	Published    bool // at least once
	Note         string
}

// CosignatureState is what one witness said to one checkpoint; absent ones are listed, too.
type CosignatureState struct {
	Witness string
	State   string // WitnessSigned, …
	At      time.Time
	Reason  string
}

// StampState is one stamp over one checkpoint.
type StampState struct {
	ID        string
	Kind      string
	Authority string
	State     string // none, pending, confirmed, failed
	Reason    string
	At        time.Time // by when the checkpoint existed, if confirmed
	AskedAt   time.Time
}

// StampNone is the state of a stamp that was never asked for.
const StampNone = "none"

// Publication is the latest one. It is zero if there was none.
type Publication struct {
	At      time.Time
	Kind    string // directory, s3
	Size    int64
	OK      bool
	Reason  string
	Current bool // it is of the latest checkpoint
}

// Codes of problems.
const (
	ProblemNoLog          = "no-log"
	ProblemIntegrity      = "integrity"
	ProblemClock          = "clock"
	ProblemBehind         = "behind"
	ProblemFork           = "fork"
	ProblemNoWitness      = "no-witness"
	ProblemQuorum         = "quorum"
	ProblemWitness        = "witness"
	ProblemNoAuthority    = "no-authority"
	ProblemStamp          = "stamp"
	ProblemNeverPublished = "never-published"
	ProblemNotPublished   = "not-published"
	ProblemNotKept        = "not-kept"
)

// Problem is something missing, and what to do about it.
type Problem struct {
	Code   string
	Grave  bool   // the log must not be trusted until it is cleared up
	Name   string // of the witness or authority concerned, or empty
	Text   string // one sentence
	Advice string // what to do
}
