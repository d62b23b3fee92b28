package web

import (
	"net/http"
	"time"

	"zapis/internal/archive"
	"zapis/internal/reading"
)

// shown are the types of bytes that a browser may show in place; everything else is handed over as a file.
var shown = map[string]bool{
	"image/jpeg": true, "image/png": true, "video/mp4": true, "audio/mp4": true, "audio/x-m4a": true, "application/json": true,
}

// derivative serves GET /d/{derivative}?v=VISIT.
func (s *Server) derivative(w http.ResponseWriter, r *request) error {
	c, err := s.o.Reading.OpenDerivative(r.Context(), r.reader, r.PathValue("derivative"), r.URL.Query().Get("v"))
	if err != nil {
		return err
	}
	return s.bytes(w, r, c)
}

// look serves GET /i/{item}/look?v=VISIT.
func (s *Server) look(w http.ResponseWriter, r *request) error {
	c, err := s.o.Reading.Look(r.Context(), r.reader, r.PathValue("item"), r.URL.Query().Get("v"))
	if err != nil {
		return err
	}
	return s.bytes(w, r, c)
}

// bytes serves a working copy in ranges (RFC 9110 section 14), straight from the vault. The entity tag is the identifier of the
// derivative: its bytes never change, and a digest would confirm to its holder what file this is.
func (s *Server) bytes(w http.ResponseWriter, r *request, c *reading.Content) error {
	defer c.Close()
	h := w.Header()
	t := c.MediaType
	if !shown[t] {
		t = "application/octet-stream"
		h.Set("Content-Disposition", "attachment")
	}
	h.Set("Content-Type", t)
	h.Set("ETag", `"`+c.Derivative.ID+`"`)
	h.Set("Cache-Control", "no-store")
	h.Set("Zapis-Visit", c.Visit)
	src := &failing{Content: c}
	http.ServeContent(w, r.Request, "", time.Time{}, src)
	return src.err
}

// failing remembers why reading broke off, which http.ServeContent keeps to itself.
type failing struct {
	*reading.Content
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.Content.Read(p)
	if err != nil && err.Error() != "EOF" {
		f.err = err
	}
	return n, err
}

// receipt serves GET /accessions/{accession}/receipt.
func (s *Server) receipt(w http.ResponseWriter, r *request) error {
	id := r.PathValue("accession")
	b, err := s.o.Reading.Receipt(r.Context(), r.reader, id)
	if err != nil {
		return err
	}
	if archive.CheckID(archive.PrefixAccession, id) != nil {
		return archive.ErrNotFound
	}
	w.Header().Set("Content-Disposition", `attachment; filename="receipt-`+id+`.json"`)
	return sendJSON(w, b)
}
