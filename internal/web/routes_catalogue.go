package web

import "zapis/internal/policy"

// catalogueRoutes are incidents, persons, places, maps and what is said of them.
func (s *Server) catalogueRoutes() []route {
	view, edit := policy.ViewCatalogue, policy.EditCatalogue
	return []route{
		{"GET", "/incidents", view, kindPage, "incidents", s.incidentsPage},
		{"POST", "/incidents", view, kindPage, "incidents, searched: the words stay out of the address", s.incidentsPage},
		{"GET", "/incidents/{entity}", view, kindPage, "incident desk", s.incidentPage},
		{"POST", "/incidents/{entity}/offset", edit, kindPage, "say how far a camera's clock is off", s.offsetSave},
		{"GET", "/persons", view, kindPage, "persons", s.personsPage},
		{"POST", "/persons", view, kindPage, "persons, searched", s.personsPage},
		{"GET", "/persons/{entity}", view, kindPage, "one person", s.personPage},
		{"GET", "/places", view, kindPage, "facilities", s.placesPage},
		{"POST", "/places", view, kindPage, "facilities, searched", s.placesPage},
		{"GET", "/places/{entity}", view, kindPage, "one facility: cameras, coverage, postings, incidents", s.facilityPage},
		{"GET", "/map", view, kindPage, "map of facilities and incidents", s.mapPage},
		{"GET", "/timeline", view, kindPage, "incidents and acts in time", s.timelinePage},
		{"GET", "/graph/{entity}", view, kindPage, "who and what is tied to an entity", s.graphPage},

		{"GET", "/catalogue", view, kindPage, "entities of every kind", s.entitiesPage},
		{"POST", "/catalogue", view, kindPage, "entities of every kind, searched", s.entitiesPage},
		{"GET", "/catalogue/new", edit, kindPage, "form for a new entity, or what to say on the strength of a source", s.newForm},
		{"POST", "/catalogue/new", edit, kindPage, "make an entity with its first claims", s.newEntity},
		{"POST", "/catalogue/choose", edit, kindPage, "find the entity about which something is to be said", s.chooseSearch},
		{"GET", "/catalogue/{entity}", view, kindPage, "everything that is said about an entity", s.entityPage},
		{"GET", "/catalogue/{entity}/say", edit, kindPage, "form for a claim", s.sayForm},
		{"POST", "/catalogue/{entity}/say", edit, kindPage, "make a claim, or put it in the place of another one", s.say},
		{"POST", "/catalogue/{entity}/claims/{claim}/retract", edit, kindPage, "take a claim back", s.claimRetract},
		{"POST", "/catalogue/{entity}/claims/{claim}/restore", edit, kindPage, "put a claim back that was taken back", s.claimRestore},
		{"GET", "/catalogue/{entity}/finding", edit, kindPage, "form for a finding about rival claims", s.findingForm},
		{"POST", "/catalogue/{entity}/finding", edit, kindPage, "say which claim is current, or dissent", s.finding},
		{"GET", "/catalogue/{entity}/merge", edit, kindPage, "compare two entities that may be one", s.mergeForm},
		{"POST", "/catalogue/{entity}/merge", edit, kindPage, "make another entity part of this one", s.merge},
		{"POST", "/catalogue/{entity}/merges/{merge}/undo", edit, kindPage, "split what was merged", s.mergeUndo},
		{"POST", "/catalogue/{entity}/file", edit, kindPage, "move an entity to another compartment", s.file},
	}
}
