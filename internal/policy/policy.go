// Package policy decides who may do what to which material.
//
// It guarantees that every decision is a pure function of subject, action and object: no input or output, no clock, no
// state. What no rule allows is refused: an unknown role, an unknown action and an object whose state is not known
// are all answered with no. The same rules give the scope that lists are drawn with, so that a list never shows what
// a single request would refuse.
//
// It does not know routes, sessions or rows. Whether a thing exists is for the caller; a decision only says whether a
// refusal must look like absence (Hide).
package policy

import (
	"slices"

	"zapis/internal/archive"
)

// Action is one thing that a person or a program may want to do.
type Action string

// The actions. Every route and every activity names one of them.
const (
	// Anyone, signed in or not: the sign-in pages, the assets, the step-away page.
	Enter Action = "enter"

	// One's own account: settings, passkeys, second factor, signing out.
	ManageSelf Action = "manage self"

	// The archive within the scope.
	Browse      Action = "browse"       // lists, days, facets
	ViewItem    Action = "view item"    // facts, derivatives by name, micro-thumbnail
	Look        Action = "look"         // the bytes of a derivative: a still, a proxy, lanes
	ViewOrigin  Action = "view origin"  // where a file came from and what is written in it: both may name people
	ViewCustody Action = "view custody" // what was done to a thing
	Extract     Action = "extract"      // the original in the clear

	// Accessions.
	ListAccessions  Action = "list accessions"
	ViewAccession   Action = "view accession"
	ViewFailures    Action = "view failures" // which files could not be read; names of files may name people
	CreateAccession Action = "create accession"
	Ingest          Action = "ingest"
	CloseAccession  Action = "close accession"

	// Erasing takes two people: one asks, another one agrees. That they are two is for who does it.
	RequestErasure Action = "request erasure"
	ApproveErasure Action = "approve erasure"

	// The catalogue, within the compartments of the scope.
	ViewCatalogue     Action = "view catalogue"     // entities, claims, testimony without identity
	EditCatalogue     Action = "edit catalogue"     // entities, claims, findings, passages, merges
	ManageConsent     Action = "manage consent"     // record and withdraw consent
	ViewIdentity      Action = "view identity"      // who stands behind a code; needs the grant, a reason, and is recorded
	ManageVocabulary  Action = "manage vocabulary"  // terms and their translations
	ManageCompartment Action = "manage compartment" // make and rename compartments
	Annotate          Action = "annotate"           // notes on an item
	Grade             Action = "grade"              // say how hard an item is to watch
	Search            Action = "search"
	DecideSuggestion  Action = "decide suggestion" // confirm or dismiss what a machine found
	Import            Action = "import"
	Export            Action = "export"

	// What is published, of items within the scope. That author, approver and publisher are different people is for who does it.
	ViewPlan       Action = "view plan"       // redaction plans
	EditPlan       Action = "edit plan"       // make and change a redaction plan
	ApprovePlan    Action = "approve plan"    // step through a plan and agree to it; render
	ViewRelease    Action = "view release"    // drafts and what is out
	EditRelease    Action = "edit release"    // text, findings, captions of a draft
	ApproveRelease Action = "approve release" // sign what goes out
	Publish        Action = "publish"         // let out what was signed; correct and withdraw it
	MatchClip      Action = "match clip"      // ask which release a file is from

	// The machine room.
	ViewJobs    Action = "view jobs"
	ManageJobs  Action = "manage jobs"
	ViewHealth  Action = "view health"
	CheckFixity Action = "check fixity"

	// Other people's accounts.
	ManagePeople Action = "manage people"
)

// Actions lists every action, in the order of the documentation.
func Actions() []Action {
	return []Action{
		Enter, ManageSelf, Browse, ViewItem, Look, ViewOrigin, ViewCustody, Extract, ListAccessions, ViewAccession, ViewFailures,
		CreateAccession, Ingest, CloseAccession, RequestErasure, ApproveErasure, ViewCatalogue, EditCatalogue, ManageConsent, ViewIdentity, ManageVocabulary, ManageCompartment, Annotate, Grade, Search,
		DecideSuggestion, Import, Export, ViewPlan, EditPlan, ApprovePlan, ViewRelease, EditRelease, ApproveRelease, Publish, MatchClip, ViewJobs, ManageJobs, ViewHealth, CheckFixity, ManagePeople,
	}
}

// Subject is who asks. The zero value is somebody who has not signed in.
type Subject struct {
	Agent string       // identifier of the agent
	Role  archive.Role // empty when nobody is signed in
	// Scope is what the account was granted. It narrows archivists and reviewers; an administrator sees all.
	Scope archive.Scope
}

// SignedIn says whether somebody is signed in with a known role.
func (s Subject) SignedIn() bool { return s.Agent != "" && rank(s.Role) > 0 }

// Object is what is asked about. The zero value is the archive as a whole.
type Object struct {
	// Accession to which the thing belongs; empty for things that belong to none.
	Accession string
	// Set for an item and what is made from it.
	ItemState  archive.ItemState
	Erasing    bool // two people agreed to erase it
	Difficulty int  // 0–3; -1 not judged
	// Set for an accession.
	AccessionState archive.AccessionState
	// Set for an entity of the catalogue and what hangs on it. Catalogued says so, since the common compartment has no name.
	Catalogued  bool
	Compartment string
	// Owner of a thing that belongs to one person, such as a passkey.
	Owner string
}

// ItemObject gives the object of an item.
func ItemObject(i archive.Item) Object {
	return Object{Accession: i.Accession, ItemState: i.State, Erasing: i.Erasing, Difficulty: i.Difficulty}
}

// AccessionObject gives the object of an accession.
func AccessionObject(a archive.Accession) Object {
	return Object{Accession: a.ID, AccessionState: a.State, Difficulty: -1}
}

// Decision is the answer.
type Decision struct {
	Allow bool
	// Hide says that the refusal must not be told from absence.
	Hide bool
	// Reason is a code for tests and the operator's logger, never for the screen.
	Reason string
}

// Err gives the error of a refusal: archive.ErrNotFound where it must look like absence, archive.ErrForbidden
// otherwise, nil when allowed.
func (d Decision) Err() error {
	switch {
	case d.Allow:
		return nil
	case d.Hide:
		return archive.ErrNotFound
	}
	return archive.ErrForbidden
}

// rank orders the roles; 0 is no role.
func rank(r archive.Role) int {
	switch r {
	case archive.RoleAdmin:
		return 5
	case archive.RoleArchivist:
		return 4
	case archive.RolePublisher:
		return 3
	case archive.RoleInvestigator:
		return 2
	case archive.RoleReviewer:
		return 1
	}
	return 0
}

// need is the lowest rank that an action asks for; -1 is anybody at all. An action that is not here is refused.
var need = map[Action]int{
	Enter:           -1,
	ManageSelf:      1,
	Browse:          1,
	ViewItem:        1,
	Look:            1,
	ViewOrigin:      4,
	ViewCustody:     1,
	ListAccessions:  1,
	ViewAccession:   1,
	ViewFailures:    4,
	CreateAccession: 4,
	Ingest:          4,
	CloseAccession:  4,
	RequestErasure:  4,
	ApproveErasure:  4,
	Extract:         4,
	ViewJobs:        4,
	ManageJobs:      4,
	ViewHealth:      4,
	CheckFixity:     4,
	ManagePeople:    5,

	ViewCatalogue:     1,
	EditCatalogue:     2,
	ManageConsent:     2,
	ViewIdentity:      2,
	ManageVocabulary:  2,
	ManageCompartment: 5,
	Annotate:          1,
	Grade:             2,
	Search:            1,
	DecideSuggestion:  2,
	Import:            2,
	Export:            2,

	ViewPlan:       2,
	EditPlan:       2,
	ApprovePlan:    3,
	ViewRelease:    2,
	EditRelease:    2,
	ApproveRelease: 3,
	Publish:        3,
	MatchClip:      2,
}

// AtLeast says whether role r may do what role other may.
func AtLeast(r, other archive.Role) bool { return rank(other) > 0 && rank(r) >= rank(other) }

// Could says whether s may do a to anything at all. It is what a route asks before it knows the thing; Decide is asked
// again about the thing itself.
func Could(s Subject, a Action) bool {
	n, known := need[a]
	return known && (n < 0 || s.SignedIn() && rank(s.Role) >= n)
}

// ScopeOf gives what lists of this subject may show. It is the list form of Decide with ViewItem.
func ScopeOf(s Subject) archive.Scope {
	if !s.SignedIn() {
		return archive.Scope{}
	}
	switch s.Role {
	case archive.RoleAdmin:
		return archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true, AllCompartments: true, Identities: s.Scope.Identities}
	case archive.RoleArchivist:
		// Archivists watch fixity, so they see what is quarantined within what they were granted.
		return granted(s.Scope, true)
	case archive.RolePublisher, archive.RoleInvestigator, archive.RoleReviewer:
		return granted(s.Scope, false)
	}
	return archive.Scope{}
}

// granted is what an account was given, copied so that nobody changes it through a list.
func granted(sc archive.Scope, quarantined bool) archive.Scope {
	return archive.Scope{
		All: sc.All, Accessions: slices.Clone(sc.Accessions), MaxDifficulty: sc.MaxDifficulty, Quarantined: quarantined,
		Compartments: slices.Clone(sc.Compartments), AllCompartments: sc.AllCompartments, Identities: sc.Identities,
	}
}

// CatalogueObject gives the object of an entity of the catalogue that is filed in a compartment.
func CatalogueObject(compartment string) Object {
	return Object{Catalogued: true, Compartment: compartment, Difficulty: -1}
}

// inScope says whether an accession lies within the scope.
func inScope(sc archive.Scope, accession string) bool {
	return sc.All || (accession != "" && slices.Contains(sc.Accessions, accession))
}

// Decide says whether s may do a to o. Every refusal to somebody who is signed in hides the thing: forbidden and
// absent look alike. Only a missing sign-in is told apart, because it says nothing about any thing.
func Decide(s Subject, a Action, o Object) Decision {
	n, known := need[a]
	switch {
	case !known:
		return Decision{Hide: true, Reason: "unknown action"}
	case n < 0:
		return Decision{Allow: true}
	case !s.SignedIn():
		return Decision{Reason: "not signed in"}
	case rank(s.Role) < n:
		return Decision{Hide: true, Reason: "role"}
	}
	sc := ScopeOf(s)
	switch a {
	case ManageSelf:
		if o.Owner != s.Agent {
			return Decision{Hide: true, Reason: "not the owner"}
		}
	case ViewItem, ViewOrigin, ViewCustody, Look, Extract, RequestErasure, ApproveErasure, Annotate, Grade:
		return decideItem(sc, a, o)
	case ViewPlan, EditPlan, ApprovePlan, ViewRelease, EditRelease, ApproveRelease, Publish:
		// A plan and a release are asked about with each item that they show.
		if o.ItemState != "" || o.Accession != "" {
			return decideItem(sc, a, o)
		}
	case ViewCatalogue, EditCatalogue, ManageConsent, ViewIdentity:
		if o.Catalogued && !sc.Sees(o.Compartment) {
			return Decision{Hide: true, Reason: "outside the compartment"}
		}
		if a == ViewIdentity && !sc.Identities {
			return Decision{Hide: true, Reason: "identities not granted"}
		}
	case DecideSuggestion:
		if o.ItemState != "" {
			return decideItem(sc, a, o)
		}
	case ViewAccession, ViewFailures:
		if !inScope(sc, o.Accession) {
			return Decision{Hide: true, Reason: "outside the scope"}
		}
	case Ingest, CloseAccession:
		if !inScope(sc, o.Accession) {
			return Decision{Hide: true, Reason: "outside the scope"}
		}
		if o.AccessionState != archive.AccessionOpen {
			// The asker may see the accession, so this refusal need not hide.
			return Decision{Reason: "accession is not open"}
		}
	}
	return Decision{Allow: true}
}

// decideItem decides about an item, what is made from it, and what was done to it.
func decideItem(sc archive.Scope, a Action, o Object) Decision {
	if !inScope(sc, o.Accession) {
		return Decision{Hide: true, Reason: "outside the scope"}
	}
	if !sc.Watches(o.Difficulty) {
		return Decision{Hide: true, Reason: "harder than granted"}
	}
	if o.Erasing {
		return Decision{Hide: true, Reason: "being erased"}
	}
	switch o.ItemState {
	case archive.ItemSealed, archive.ItemBrowsable, archive.ItemReady, archive.ItemExplained:
		return Decision{Allow: true}
	case archive.ItemQuarantined:
		if !sc.Quarantined {
			return Decision{Hide: true, Reason: "quarantined"}
		}
		// Held apart: its facts and its history may be read, its bytes may not, so nobody can judge them either.
		if slices.Contains([]Action{Look, Extract, Grade, EditPlan, ApprovePlan, ApproveRelease, Publish}, a) {
			return Decision{Reason: "quarantined"}
		}
		return Decision{Allow: true}
	}
	// Erased, or a state this build does not know.
	return Decision{Hide: true, Reason: "state"}
}
