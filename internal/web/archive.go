package web

import (
	"net/http"

	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// archivePage serves GET /archive; everything that it shows comes through the API.
func (s *Server) archivePage(w http.ResponseWriter, r *request) error {
	sum, err := s.o.Reading.Count(r.Context(), r.reader, reading.Query{})
	if err != nil {
		return err
	}
	return s.page(w, r, "archive", "archive", template.Archive{Total: sum.Count, Grade: s.o.Grade != nil && policy.Could(r.reader.Subject, policy.Grade)})
}
