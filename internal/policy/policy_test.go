package policy

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"zapis/internal/archive"
)

var (
	roles     = []archive.Role{archive.RoleAdmin, archive.RoleArchivist, archive.RolePublisher, archive.RoleInvestigator, archive.RoleReviewer, "", "root", "ADMIN"}
	states    = []archive.ItemState{archive.ItemSealed, archive.ItemBrowsable, archive.ItemReady, archive.ItemExplained, archive.ItemQuarantined, archive.ItemErased, "", "new"}
	accStates = []archive.AccessionState{archive.AccessionOpen, archive.AccessionClosed, "", "reopened"}
)

const mine, theirs = "ac_mine", "ac_theirs"

// known is how many of roles, from the first, are roles.
const known = 5

// Compartments of the catalogue: the two that have a name, and the common one, which has none.
const inner, other = "cp_inner", "cp_other"

// The oracle: the same rules written down a second time, as sentences of a table and with no code of the product. "role"
// stands in front of what it may do.
var oracleMay = map[archive.Role]map[Action]bool{
	"": {Enter: true},
	archive.RoleReviewer: {
		Enter: true, ManageSelf: true, Browse: true, ViewItem: true, Look: true, ViewCustody: true, ListAccessions: true, ViewAccession: true,
		ViewCatalogue: true, Annotate: true, Search: true,
	},
	archive.RoleInvestigator: {
		Enter: true, ManageSelf: true, Browse: true, ViewItem: true, Look: true, ViewCustody: true, ListAccessions: true, ViewAccession: true,
		ViewCatalogue: true, Annotate: true, Search: true,
		EditCatalogue: true, ManageConsent: true, ViewIdentity: true, ManageVocabulary: true, DecideSuggestion: true, Grade: true, Import: true, Export: true,
		ViewPlan: true, EditPlan: true, ViewRelease: true, EditRelease: true, MatchClip: true,
	},
	archive.RolePublisher: {
		Enter: true, ManageSelf: true, Browse: true, ViewItem: true, Look: true, ViewCustody: true, ListAccessions: true, ViewAccession: true,
		ViewCatalogue: true, Annotate: true, Search: true,
		EditCatalogue: true, ManageConsent: true, ViewIdentity: true, ManageVocabulary: true, DecideSuggestion: true, Grade: true, Import: true, Export: true,
		ViewPlan: true, EditPlan: true, ViewRelease: true, EditRelease: true, MatchClip: true, ApprovePlan: true, ApproveRelease: true, Publish: true,
	},
	archive.RoleArchivist: {
		Enter: true, ManageSelf: true, Browse: true, ViewItem: true, Look: true, ViewCustody: true, ListAccessions: true, ViewAccession: true,
		ViewOrigin: true, Extract: true, ViewFailures: true, CreateAccession: true, Ingest: true, CloseAccession: true, RequestErasure: true, ApproveErasure: true, ViewJobs: true, ManageJobs: true,
		ViewHealth: true, CheckFixity: true,
		ViewCatalogue: true, Annotate: true, Search: true,
		EditCatalogue: true, ManageConsent: true, ViewIdentity: true, ManageVocabulary: true, DecideSuggestion: true, Grade: true, Import: true, Export: true,
		ViewPlan: true, EditPlan: true, ViewRelease: true, EditRelease: true, MatchClip: true, ApprovePlan: true, ApproveRelease: true, Publish: true,
	},
	archive.RoleAdmin: {
		Enter: true, ManageSelf: true, Browse: true, ViewItem: true, Look: true, ViewCustody: true, ListAccessions: true, ViewAccession: true,
		ViewOrigin: true, Extract: true, ViewFailures: true, CreateAccession: true, Ingest: true, CloseAccession: true, RequestErasure: true, ApproveErasure: true, ViewJobs: true, ManageJobs: true,
		ViewHealth: true, CheckFixity: true, ManagePeople: true,
		ViewCatalogue: true, Annotate: true, Search: true, ManageCompartment: true,
		EditCatalogue: true, ManageConsent: true, ViewIdentity: true, ManageVocabulary: true, DecideSuggestion: true, Grade: true, Import: true, Export: true,
		ViewPlan: true, EditPlan: true, ViewRelease: true, EditRelease: true, MatchClip: true, ApprovePlan: true, ApproveRelease: true, Publish: true,
	},
}

func oracle(s Subject, a Action, o Object) bool {
	role := s.Role
	if s.Agent == "" || oracleMay[role] == nil {
		role = "" // nobody, or a role that nobody has heard of
	}
	if !oracleMay[role][a] {
		return false
	}
	if a == Enter {
		return true
	}
	reach := role == archive.RoleAdmin || s.Scope.All
	for _, id := range s.Scope.Accessions {
		if id == o.Accession && id != "" {
			reach = true
		}
	}
	hardest := 3
	if role != archive.RoleAdmin && s.Scope.MaxDifficulty >= 0 {
		hardest = s.Scope.MaxDifficulty
	}
	difficulty := o.Difficulty
	if difficulty < 0 {
		difficulty = 3 // nobody has looked: it may be the worst
	}
	// Which compartments: an administrator has all of them; the common one belongs to whoever sees the whole archive.
	inside := role == archive.RoleAdmin || s.Scope.AllCompartments
	for _, c := range s.Scope.Compartments {
		if c == "common" && o.Compartment == "" || c == o.Compartment && c != "" {
			inside = true
		}
	}
	if o.Compartment == "" && s.Scope.All {
		inside = true
	}
	switch a {
	case ManageSelf:
		return o.Owner == s.Agent
	case ViewCatalogue, EditCatalogue, ManageConsent:
		return inside || !o.Catalogued
	case ViewIdentity:
		// By no role: who has not been granted it by name does not learn who stands behind a code.
		return (inside || !o.Catalogued) && s.Scope.Identities
	case ViewAccession, ViewFailures:
		return reach
	case Ingest, CloseAccession:
		return reach && o.AccessionState == "open"
	case DecideSuggestion:
		if o.ItemState == "" {
			return true
		}
	case ViewPlan, EditPlan, ApprovePlan, ViewRelease, EditRelease, ApproveRelease, Publish:
		if o.ItemState == "" && o.Accession == "" {
			return true // of no item in particular
		}
	}
	switch a {
	case ViewPlan, EditPlan, ApprovePlan, ViewRelease, EditRelease, ApproveRelease, Publish, DecideSuggestion, Annotate, Grade, ViewItem, ViewCustody, ViewOrigin, Look, Extract, RequestErasure, ApproveErasure:
		if o.Erasing {
			return false
		}
		if !reach || difficulty > hardest && !(role == archive.RoleAdmin) {
			return false
		}
		switch o.ItemState {
		case "sealed", "browsable", "ready", "explained":
			return true
		case "quarantined":
			return role != archive.RoleReviewer && role != archive.RoleInvestigator && role != archive.RolePublisher &&
				a != Look && a != Extract && a != Grade && a != EditPlan && a != ApprovePlan && a != ApproveRelease && a != Publish
		}
		return false
	}
	return true
}

func TestEveryRoleActionState(t *testing.T) {
	t.Parallel()
	n := 0
	for _, agent := range []string{"ag_1", ""} {
		for _, role := range roles {
			for _, scope := range []archive.Scope{{}, {All: true, MaxDifficulty: -1, Identities: true}, {All: true}, {Accessions: []string{mine}, MaxDifficulty: 1}, {Accessions: []string{""}, MaxDifficulty: -1}} {
				s := Subject{Agent: agent, Role: role, Scope: scope}
				for _, a := range append(Actions(), "", "unheard of") {
					for _, acc := range []string{mine, theirs, ""} {
						for _, st := range states {
							for _, as := range accStates {
								for _, d := range []int{-1, 0, 1, 2, 3} {
									for _, owner := range []string{"ag_1", "ag_2", ""} {
										o := Object{Accession: acc, ItemState: st, AccessionState: as, Difficulty: d, Owner: owner, Erasing: n%3 == 2}
										got := Decide(s, a, o)
										if got.Allow != oracle(s, a, o) {
											t.Fatalf("%+v %q %+v: policy says %v (%s), the oracle the opposite", s, a, o, got.Allow, got.Reason)
										}
										if got.Allow && !Could(s, a) {
											t.Fatalf("%+v %q: allowed here and nowhere at once", s, a)
										}
										if !got.Allow && got.Reason == "" {
											t.Fatalf("%+v %q %+v: refused without a reason", s, a, o)
										}
										n++
									}
								}
							}
						}
					}
				}
			}
		}
	}
	if n < 100_000 {
		t.Fatalf("only %d cases", n)
	}
}

// grants are scopes as far as the catalogue is concerned.
func grants() []archive.Scope {
	var out []archive.Scope
	for _, all := range []bool{false, true} {
		for _, every := range []bool{false, true} {
			for _, identities := range []bool{false, true} {
				for _, c := range [][]string{nil, {archive.CommonGrant}, {inner}, {inner, archive.CommonGrant}, {inner, other}, {""}} {
					out = append(out, archive.Scope{All: all, MaxDifficulty: -1, Compartments: c, AllCompartments: every, Identities: identities})
				}
			}
		}
	}
	return out
}

func TestEveryRoleActionCompartment(t *testing.T) {
	t.Parallel()
	n := 0
	for _, agent := range []string{"ag_1", ""} {
		for _, role := range roles {
			for _, scope := range grants() {
				s := Subject{Agent: agent, Role: role, Scope: scope}
				for _, a := range append(Actions(), "", "unheard of") {
					for _, compartment := range []string{"", inner, other} {
						for _, catalogued := range []bool{false, true} {
							for _, st := range []archive.ItemState{"", archive.ItemReady, archive.ItemErased} {
								o := Object{Accession: mine, ItemState: st, Difficulty: -1, Catalogued: catalogued, Compartment: compartment}
								got := Decide(s, a, o)
								if got.Allow != oracle(s, a, o) {
									t.Fatalf("%+v %q %+v: policy says %v (%s), the oracle the opposite", s, a, o, got.Allow, got.Reason)
								}
								if !got.Allow && s.SignedIn() && catalogued && !errors.Is(got.Err(), archive.ErrNotFound) && st != archive.ItemQuarantined && a != Ingest && a != CloseAccession {
									t.Fatalf("%+v %q %+v: the refusal tells that it is there: %v", s, a, o, got.Err())
								}
								n++
							}
						}
					}
				}
			}
		}
	}
	if n < 100_000 {
		t.Fatalf("only %d cases", n)
	}
}

// How lists read a scope must agree with the decision about one entity, and a role alone opens no compartment and no identity.
func TestCompartmentsAgreeWithDecisions(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		for _, granted := range grants() {
			s := Subject{Agent: "ag_1", Role: role, Scope: granted}
			sc := ScopeOf(s)
			for _, compartment := range []string{archive.Common, inner, other} {
				if listed, got := sc.Sees(compartment), Decide(s, ViewCatalogue, CatalogueObject(compartment)).Allow; listed != got {
					t.Fatalf("%s %+v %q: a list shows it: %v, a request: %v", role, granted, compartment, listed, got)
				}
			}
			if sc.Identities && !granted.Identities {
				t.Fatalf("%s has identities that nobody granted", role)
			}
			if Decide(s, ViewIdentity, CatalogueObject(archive.Common)).Allow && !granted.Identities {
				t.Fatalf("%s opens identities without the grant", role)
			}
		}
	}
}

// What a refusal tells: to somebody who is signed in, whether the thing exists is told only where they may see the thing itself.
func TestRefusalsHide(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := Subject{Agent: "ag_1", Role: rapid.SampledFrom(roles[:known]).Draw(t, "role"), Scope: archive.Scope{
			All: rapid.Bool().Draw(t, "all"), Accessions: rapid.SliceOf(rapid.SampledFrom([]string{mine, "ac_other"})).Draw(t, "accessions"), MaxDifficulty: rapid.IntRange(-1, 3).Draw(t, "max"),
		}}
		o := Object{
			Accession: rapid.SampledFrom([]string{mine, theirs}).Draw(t, "acc"), ItemState: rapid.SampledFrom(states).Draw(t, "state"),
			AccessionState: rapid.SampledFrom(accStates[:2]).Draw(t, "acc state"), Difficulty: rapid.IntRange(-1, 3).Draw(t, "difficulty"),
		}
		a := rapid.SampledFrom([]Action{ViewItem, Look, ViewOrigin, ViewCustody, Extract, RequestErasure, ApproveErasure, ViewAccession, ViewFailures, Ingest, CloseAccession}).Draw(t, "action")
		d := Decide(s, a, o)
		if d.Allow {
			if d.Err() != nil {
				t.Fatal("allowed with an error")
			}
			return
		}
		see := Decide(s, ViewItem, o).Allow
		if a == Ingest || a == CloseAccession || a == ViewAccession || a == ViewFailures {
			see = Decide(s, ViewAccession, o).Allow
		}
		if !see && !errors.Is(d.Err(), archive.ErrNotFound) {
			t.Fatalf("%v %v %+v: refused with %v although the thing may not be known", s, a, o, d.Err())
		}
	})
}

// The scope of lists and the decision about one item must agree.
func TestScopeAgreesWithDecisions(t *testing.T) {
	t.Parallel()
	for _, role := range roles {
		for _, granted := range []archive.Scope{{}, {All: true, MaxDifficulty: -1, Quarantined: true}, {All: true, MaxDifficulty: 1}, {Accessions: []string{mine}, MaxDifficulty: 2, Quarantined: true}} {
			s := Subject{Agent: "ag_1", Role: role, Scope: granted}
			sc := ScopeOf(s)
			for _, acc := range []string{mine, theirs} {
				for _, st := range states {
					for d := -1; d <= 3; d++ {
						// How a list reads a scope (internal/store).
						listed := (sc.All || slices.Contains(sc.Accessions, acc)) && st != archive.ItemErased && (sc.Quarantined || st != archive.ItemQuarantined) &&
							(sc.MaxDifficulty < 0 || sc.MaxDifficulty == 3 || d >= 0 && d <= sc.MaxDifficulty)
						known := slices.Contains(states[:6], st)
						got := Decide(s, ViewItem, Object{Accession: acc, ItemState: st, Difficulty: d}).Allow
						if known && listed != got {
							t.Fatalf("%s %+v %s %s V%d: a list shows it: %v, a request: %v", role, granted, acc, st, d, listed, got)
						}
						if !known && got {
							t.Fatalf("an item in the unknown state %q is shown", st)
						}
					}
				}
			}
		}
	}
}

func TestScopeIsACopy(t *testing.T) {
	t.Parallel()
	s := Subject{Agent: "ag_1", Role: archive.RoleReviewer, Scope: archive.Scope{Accessions: []string{mine}}}
	ScopeOf(s).Accessions[0] = theirs
	if s.Scope.Accessions[0] != mine {
		t.Fatal("a caller can widen the granted scope through the one it was given")
	}
}

func TestEveryActionIsListed(t *testing.T) {
	t.Parallel()
	if len(Actions()) != len(need) {
		t.Fatalf("%d actions are listed and %d have a rule", len(Actions()), len(need))
	}
	for _, a := range Actions() {
		if _, ok := need[a]; !ok {
			t.Errorf("no rule for %q", a)
		}
	}
	for _, r := range roles[:known] {
		if !AtLeast(r, archive.RoleReviewer) || AtLeast("", r) || AtLeast(r, "root") {
			t.Errorf("the order of roles is wrong at %q", r)
		}
	}
}

func ExampleDecide() {
	reviewer := Subject{Agent: "ag_1", Role: archive.RoleReviewer, Scope: archive.Scope{Accessions: []string{"ac_1"}, MaxDifficulty: 2}}
	item := Object{Accession: "ac_1", ItemState: archive.ItemReady, Difficulty: 3}
	fmt.Println(Decide(reviewer, Look, item).Err())
	// Output: not found
}
