package knowledge

import (
	"context"

	"zapis/internal/archive"
	"zapis/internal/policy"
)

// Create makes an entity with its first claims.
func (s *Service) Create(ctx context.Context, who policy.Subject, d Draft) (archive.Entity, error) {
	return archive.Entity{}, errBuilding
}

// Apply makes many entities in one transaction with one event, whose detail begins with what is given. A reference between drafts is "@n",
// the index of a draft in the slice. Entities come back in the order of the drafts.
func (s *Service) Apply(ctx context.Context, who policy.Subject, drafts []Draft, detail map[string]string) ([]archive.Entity, error) {
	return nil, errBuilding
}

// Say adds claims about an entity.
func (s *Service) Say(ctx context.Context, who policy.Subject, entity string, drafts ...ClaimDraft) ([]archive.Claim, error) {
	return nil, errBuilding
}

// Retract takes a claim back; it stays in the record. archive.ErrConflict if it was taken back before.
func (s *Service) Retract(ctx context.Context, who policy.Subject, claim, reason string) error {
	return errBuilding
}

// Restore takes a retraction back.
func (s *Service) Restore(ctx context.Context, who policy.Subject, claim string) error {
	return errBuilding
}

// Replace puts another claim in the place of one. Its property is that of the former one.
func (s *Service) Replace(ctx context.Context, who policy.Subject, claim string, d ClaimDraft) (archive.Claim, error) {
	return archive.Claim{}, errBuilding
}

// Find says which of rival claims is current, that none can be, or that the author dissents. ID, Author and At are filled in.
func (s *Service) Find(ctx context.Context, who policy.Subject, f archive.Finding) error {
	return errBuilding
}

// Merge says that two entities of one kind are one. Nothing is moved.
func (s *Service) Merge(ctx context.Context, who policy.Subject, from, into, reason string) (archive.Merge, error) {
	return archive.Merge{}, errBuilding
}

// Unmerge takes a merge back.
func (s *Service) Unmerge(ctx context.Context, who policy.Subject, merge string) error {
	return errBuilding
}

// File moves an entity to another compartment; both must be within the scope.
func (s *Service) File(ctx context.Context, who policy.Subject, entity, compartment string) error {
	return errBuilding
}

// Entity gives an entity by identifier or code, with all that is said about it and about those merged into it. lang is the language of terms
// ("" is English).
func (s *Service) Entity(ctx context.Context, who policy.Subject, id string, lang ...string) (View, error) {
	return View{}, errBuilding
}

// List gives a page of entities, where the next page begins ("" at the end) and how many there are in all.
func (s *Service) List(ctx context.Context, who policy.Subject, q Query) (entities []Summary, next string, total int, err error) {
	return nil, "", 0, errBuilding
}

// ItemClaims gives the claims that rest on an item, by their place in it.
func (s *Service) ItemClaims(ctx context.Context, who policy.Subject, item string, lang ...string) ([]Said, error) {
	return nil, errBuilding
}

// Incident gives the desk of an incident.
func (s *Service) Incident(ctx context.Context, who policy.Subject, id string, lang ...string) (Incident, error) {
	return Incident{}, errBuilding
}

// Facility gives the page of a facility.
func (s *Service) Facility(ctx context.Context, who policy.Subject, id string, lang ...string) (FacilityView, error) {
	return FacilityView{}, errBuilding
}

// Person gives the page of a person.
func (s *Service) Person(ctx context.Context, who policy.Subject, id string, lang ...string) (PersonView, error) {
	return PersonView{}, errBuilding
}

// Graph gives what lies within depth (1 to 4) references of an entity.
func (s *Service) Graph(ctx context.Context, who policy.Subject, id string, depth int, lang ...string) (Graph, error) {
	return Graph{}, errBuilding
}

// Compartments gives those that the asker sees, the common one not among them.
func (s *Service) Compartments(ctx context.Context, who policy.Subject) ([]archive.Compartment, error) {
	return nil, errBuilding
}

// AddCompartment makes one.
func (s *Service) AddCompartment(ctx context.Context, who policy.Subject, name string) (archive.Compartment, error) {
	return archive.Compartment{}, errBuilding
}

// Vocabulary gives the terms of a vocabulary in their order, parents first.
func (s *Service) Vocabulary(ctx context.Context, name string) ([]archive.Term, error) {
	return nil, errBuilding
}

// PutTerm adds a term or changes one.
func (s *Service) PutTerm(ctx context.Context, who policy.Subject, t archive.Term) error {
	return errBuilding
}
