package web

import (
	"net/http"

	"zapis/internal/web/template"
)

// away serves GET /away: the calm page where there is no script. It knows nothing of the archive but the way back.
func (s *Server) away(w http.ResponseWriter, r *request) error {
	return s.page(w, r, "away", "", template.Away{Back: localPath(r.URL.Query().Get("back"), "/archive"), At: s.o.Now()})
}
