package web

import "zapis/internal/policy"

// copyRoutes are copies of footage.
func (s *Server) copyRoutes() []route {
	page := kindPage
	return []route{
		{"GET", "/copies", policy.Browse, page, "recordings that hold the same footage, by state", s.copiesPage},
		{"POST", "/copies/{link}/confirm", policy.DecideSuggestion, page, "confirm that two recordings hold the same footage", s.copyConfirm},
		{"POST", "/copies/{link}/dismiss", policy.DecideSuggestion, page, "say that two recordings do not hold the same footage", s.copyDismiss},
		{"POST", "/copies/{link}/undo", policy.DecideSuggestion, page, "take a decision on two recordings back", s.copyUndo},
	}
}
