package archive

import "time"

// Role is what a person may do, at the coarsest.
type Role string

// The roles. Every role may do what the next one may.
const (
	RoleAdmin     Role = "admin"
	RoleArchivist Role = "archivist"
	RoleReviewer  Role = "reviewer"
)

// Agent is a person or a program that acts.
type Agent struct {
	ID        string
	Kind      string // "person" or "software"
	Name      string // what colleagues see; never in the custody record
	CreatedAt time.Time
}

// Scope is what a reader may see. Every list takes one; the zero value sees nothing.
type Scope struct {
	All        bool     // everything that is not erased
	Accessions []string // otherwise only these
	// MaxDifficulty hides items judged harder; -1 means no limit. Items not judged count as 0.
	MaxDifficulty int
	Quarantined   bool // may see quarantined items
}
