package web

import "zapis/internal/policy"

// exchangeRoutes are import, export and tokens for programs.
func (s *Server) exchangeRoutes() []route {
	out := []route{
		{"GET", "/import", policy.Import, kindPage, "files that were taken in, and a form for another one", s.importPage},
		{"POST", "/import", policy.Import, kindPage, "hold a file in memory, to be looked at before it is taken in", s.importUpload},
		{"GET", "/import/{upload}", policy.Import, kindPage, "what a file holds and how it is read; what became of it", s.importShow},
		{"POST", "/import/{upload}", policy.Import, kindPage, "try a file, or take it in", s.importRun},
		{"GET", "/import/{upload}/report", policy.Import, kindData, "what became of each row, CSV", s.importReport},
		{"POST", "/imports/{import}/undo", policy.Import, kindPage, "take back everything that an import said; needs a fresh sign-in", s.importUndo},
		{"GET", "/export", policy.Export, kindPage, "what one has taken out, and a form for another export", s.exportPage},
		{"POST", "/export", policy.Export, kindPage, "take the catalogue out; recorded before the first byte; needs a fresh sign-in", s.exportSend},
		{"POST", "/me/tokens", policy.ManageSelf, kindPage, "make or end a token for programs; needs a fresh sign-in", s.tokens},
		{"GET", "/api/v1/openapi.json", policy.ViewCatalogue, kindAPI, "description of the API for programs, OpenAPI 3.1", s.apiDescription},
	}
	for _, op := range s.operations() {
		out = append(out, route{op.method, op.path, op.action, kindAPI, op.about, op.handle})
	}
	return out
}
