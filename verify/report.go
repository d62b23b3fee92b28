package verify

import (
	"crypto/x509"
	"io"
	"time"
)

// States of a step.
const (
	StateOK     = "ok"     // holds
	StateOpen   = "open"   // nothing is wrong, but what it would take to say more was not at hand
	StateFailed = "failed" // refused
)

// Steps of a check, in order. Lineage belongs to clips, event to items, statements and totals to clips and scopes.
const (
	StepFormat      = "format"
	StepKeys        = "keys"
	StepSignature   = "signature"
	StepCheckpoints = "checkpoints"
	StepWitnesses   = "witnesses"
	StepTime        = "time"
	StepLog         = "log"
	StepStatements  = "statements"
	StepTotals      = "totals"
	StepLineage     = "lineage"
	StepEvent       = "event"
	StepFile        = "file"
)

// Options are what the checker has from elsewhere than the bundle. The zero value checks the bundle against itself.
type Options struct {
	Keys      []string       // verifier keys of the log: each has to be one of the bundle's
	Witnesses []string       // verifier keys of witnesses one trusts
	Quorum    int            // how many of Witnesses must have signed each checkpoint; 0: all of them
	Roots     *x509.CertPool // roots of time authorities; nil: no authority counts as checked
	File      io.Reader      // the clip or the item, read once from front to end; nil: not at hand
}

// Report is the outcome of a check. The first four are the same for every verifier; docs/design/proof-bundle.md,
// "Report", fixes their JSON form. Facts are set only as far as the steps that prove them hold.
type Report struct {
	OK     bool   `json:"ok"`
	Kind   string `json:"kind"`   // empty if the bundle could not be read
	Failed string `json:"failed"` // name of the step that failed; empty if OK
	Steps  []Step `json:"steps"`  // in order, up to the one that failed

	Facts *Facts `json:"facts,omitempty"` // nil unless OK
}

// Step is one step of a check. Text is for people and not fixed.
type Step struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Text  string `json:"text"`
}

// Facts is what an accepted bundle shows.
type Facts struct {
	Origin      string           `json:"origin"`
	Keys        []KeyFact        `json:"keys"`      // of the log, the first one first
	Witnesses   []WitnessFact    `json:"witnesses"` // of the bundle
	Quorum      int              `json:"quorum"`    // how many of the witnesses given had to sign; 0 if none was given
	Checkpoints []CheckpointFact `json:"checkpoints"`
	Existed     []ExistenceFact  `json:"existed"` // scope and clip, or item
	Scope       *ScopeFact       `json:"scope,omitempty"`
	Clip        *ClipFact        `json:"clip,omitempty"`
	Item        *ItemFact        `json:"item,omitempty"`
	File        string           `json:"file"` // "checked" or "absent"
}

// KeyFact is one key of the log.
type KeyFact struct {
	VerifierKey string `json:"vkey"`
	Fingerprint string `json:"fingerprint"` // hexadecimal SHA-256 of the verifier key text
	Since       int64  `json:"since"`       // size of the log from which it signs
	Given       bool   `json:"given"`       // it was compared with one from elsewhere
}

// WitnessFact is one witness of the bundle.
type WitnessFact struct {
	Name        string `json:"name"`
	VerifierKey string `json:"vkey"`
	Given       bool   `json:"given"` // the caller trusts it
}

// CheckpointFact is one checkpoint with who has seen it and when.
type CheckpointFact struct {
	Size         int64             `json:"size"`
	Root         string            `json:"root"` // hexadecimal
	Key          int               `json:"key"`  // place in Facts.Keys
	Cosignatures []CosignatureFact `json:"cosignatures"`
	Stamps       []StampFact       `json:"stamps"`
}

// CosignatureFact is one cosignature that holds.
type CosignatureFact struct {
	Witness int       `json:"witness"` // place in Facts.Witnesses
	Time    time.Time `json:"time"`
}

// StampFact is one stamp that holds.
type StampFact struct {
	Kind      string    `json:"kind"`
	Authority string    `json:"authority,omitempty"`
	Time      time.Time `json:"time,omitzero"`
	Checked   bool      `json:"checked"`
	Pending   bool      `json:"pending,omitempty"`
	Block     int64     `json:"block,omitempty"`
	Root      string    `json:"root,omitempty"`
	Note      string    `json:"note,omitempty"`
}

// ExistenceFact says by when a thing was in the log. By is zero and Who is empty if nobody outside who was given says so.
type ExistenceFact struct {
	What string    `json:"what"` // "scope", "clip" or "item"
	By   time.Time `json:"by,omitzero"`
	Who  string    `json:"who"` // "witnesses", or the name in an authority's certificate
}

// ScopeFact is the scope statement.
type ScopeFact struct {
	Statement    string `json:"statement"` // hexadecimal digest
	SealedOn     string `json:"sealed_on"` // in the words of the archive
	Accessions   int    `json:"accessions"`
	Files        int64  `json:"files"`
	Bytes        int64  `json:"bytes"`
	Milliseconds int64  `json:"milliseconds"`
	Unmeasured   int64  `json:"unmeasured"`
}

// ClipFact is the clip statement.
type ClipFact struct {
	Statement string `json:"statement"` // hexadecimal digest
	StatedOn  string `json:"stated_on"` // in the words of the archive
	SHA256    string `json:"sha256"`
	Bytes     int64  `json:"bytes"`
	// Files were made with the clip in one rendering, and stated with it: smaller sizes and stills, by ascending digest.
	Files        []FileFact `json:"files,omitempty"`
	Milliseconds int64      `json:"milliseconds"`
	CutMS        int64      `json:"cut_ms"` // sum of the cuts
	Number       int64      `json:"number"`
	ReleasedMS   int64      `json:"released_ms"`
	Sources      int        `json:"sources"`
	Segments     int        `json:"segments"`
	Masks        int        `json:"masks"`
	Share        float64    `json:"share"`          // cut_ms of the scope's milliseconds; 0 if those are 0
	Released     float64    `json:"released_share"` // released_ms likewise
}

// FileFact is a published file.
type FileFact struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// ItemFact is the opened ingestion event.
type ItemFact struct {
	SHA256   string `json:"sha256"`
	Size     int64  `json:"size"`
	Event    string `json:"event"`    // identifier
	Time     string `json:"time"`     // of the event, in the words of the archive
	Place    int64  `json:"place"`    // index in the custody record
	Segments int    `json:"segments"` // opened
}
