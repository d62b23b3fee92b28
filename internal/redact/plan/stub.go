package plan

import "crypto/sha256"

// Parse reads a plan; an *Invalid says what is wrong with it.
func Parse(b []byte) (Plan, error) { return Plan{}, &Invalid{} }

// Canonical gives the one sequence of bytes of a plan.
func (p Plan) Canonical() []byte { return nil }

// Digest is the SHA-256 of the canonical bytes.
func (p Plan) Digest() [32]byte { return sha256.Sum256(p.Canonical()) }

// Digest is the salted SHA-256 of a track.
func (t Track) Digest(salt string) [32]byte { return [32]byte{} }

// Check holds a plan against its sources.
func (p Plan) Check(sources []SourceFacts) []Problem { return nil }

// At gives the boxes of a moment.
func (p Plan) At(source int, us int64) []Box { return p.Index().At(source, us, nil) }

// Index makes a plan fit for asking about many moments.
type Index struct{}

// Index gives the index of a plan.
func (p Plan) Index() *Index { return &Index{} }

// At appends the boxes of a moment.
func (x *Index) At(source int, us int64, into []Box) []Box { return into }

// Change is one difference between two plans.
type Change struct {
	What     string // code: "track added", "track removed", "track moved", "track changed", "cut added", …
	Track    string // identifier of the track it is about
	Index    int    // of the cut or span it is about
	Field    string
	Was, Now string
}

// Diff says how b differs from a.
func Diff(a, b Plan) []Change { return nil }
