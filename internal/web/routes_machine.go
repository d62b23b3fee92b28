package web

import "zapis/internal/policy"

// machineRoutes are what machines found: clocks, coverage, transcripts.
func (s *Server) machineRoutes() []route {
	page := kindPage
	return []route{
		{"GET", "/coverage", policy.Browse, page, "what recordings cover on a day by camera, gaps, missing file numbers", s.coveragePage},
		{"GET", "/findings", policy.ViewItem, page, "what machines found, by state", s.findingsPage},
		{"POST", "/suggestions/{suggestion}/confirm", policy.DecideSuggestion, page, "confirm what a machine found; of a clock, sets when the recording began", s.suggestionConfirm},
		{"POST", "/suggestions/{suggestion}/dismiss", policy.DecideSuggestion, page, "dismiss what a machine found", s.suggestionDismiss},
		{"POST", "/suggestions/{suggestion}/undo", policy.DecideSuggestion, page, "take a decision back", s.suggestionUndo},
	}
}
