package knowledge

import (
	"context"
	"errors"

	"zapis/internal/policy"
)

var errBuilding = errors.New("knowledge: not built yet")

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
