package web

import "zapis/internal/policy"

// searchRoutes are search and saved searches. Questions name people, so they are posted and stand in no address.
func (s *Server) searchRoutes() []route {
	return []route{
		{"GET", "/search", policy.Search, kindPage, "search box and saved searches", s.searchPage},
		{"POST", "/search", policy.Search, kindPage, "ask; the question is kept in memory under an identifier and answered there", s.searchAsk},
		{"GET", "/search/{question}", policy.Search, kindPage, "answer to a question that was asked", s.searchResults},
		{"POST", "/search/saved", policy.Search, kindPage, "save a search under a name", s.searchSave},
		{"GET", "/search/saved/{search}", policy.Search, kindPage, "answer to a saved search", s.searchSaved},
		{"POST", "/search/saved/{search}/delete", policy.Search, kindPage, "delete a saved search, which can be undone for a day", s.searchDelete},
		{"POST", "/search/saved/{search}/restore", policy.Search, kindPage, "bring a deleted saved search back", s.searchRestore},
		{"POST", "/api/search", policy.Search, kindAPI, "answer to a question in JSON", s.searchAPI},
		{"POST", "/api/search/complete", policy.Search, kindAPI, "ways to go on with the last word of a question", s.searchComplete},
	}
}
