package archive

import (
	"slices"
	"time"
)

// Role is what a person may do, at the coarsest.
type Role string

// The roles. Every role may do what the next one may.
const (
	RoleAdmin        Role = "admin"
	RoleArchivist    Role = "archivist"
	RolePublisher    Role = "publisher"    // redacts, approves what others redacted, releases
	RoleInvestigator Role = "investigator" // builds the catalogue
	RoleReviewer     Role = "reviewer"
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
	// MaxDifficulty hides items judged harder; -1 means no limit. Items not judged count as the hardest: Watches.
	MaxDifficulty int
	Quarantined   bool // may see quarantined items

	// Compartments of the catalogue that the reader was let into, by identifier; "" is the common one, which Sees grants with All.
	Compartments    []string `json:",omitempty"`
	AllCompartments bool     `json:",omitempty"` // every compartment
	// Identities: may open who stands behind a code, with a reason. Nobody has it by role, not even an administrator.
	Identities bool `json:",omitempty"`
}

// How hard items are to watch: from 0 to Hardest, or not judged yet.
const (
	Hardest  = 3
	Unjudged = -1
)

// Watches says whether items of a difficulty lie within the scope. What nobody has judged may show anything, so it counts as the hardest.
func (s Scope) Watches(difficulty int) bool {
	if difficulty < 0 {
		difficulty = Hardest
	}
	return s.MaxDifficulty < 0 || difficulty <= s.MaxDifficulty
}

// Common is the compartment of what everybody may see who sees the whole archive.
const Common = ""

// Sees says whether what is filed in a compartment of the catalogue lies within the scope. Somebody who is limited to some accessions sees
// the common compartment only if it was granted by name, as CommonGrant.
func (s Scope) Sees(compartment string) bool {
	if s.AllCompartments {
		return true
	}
	if compartment == Common {
		return s.All || slices.Contains(s.Compartments, CommonGrant)
	}
	return slices.Contains(s.Compartments, compartment)
}

// CommonGrant stands in Scope.Compartments for the common compartment.
const CommonGrant = "common"
