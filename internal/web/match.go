package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"zapis/internal/archive"
	"zapis/internal/match"
	"zapis/internal/policy"
	"zapis/internal/release"
	"zapis/internal/web/template"
)

// MatchRoom says which release a file is from; *match.Service. It asks policy itself.
type MatchRoom interface {
	Match(ctx context.Context, who policy.Subject, src match.Source, beat func(seconds float64)) (match.Result, error)
}

// matchTime is how long one question may take, decoding included.
const matchTime = 5 * time.Minute

// matchPage serves GET /match.
func (s *Server) matchPage(w http.ResponseWriter, r *request) error {
	if s.o.Match == nil {
		return s.drawMatch(w, r, http.StatusOK, template.Match{Error: "tools"})
	}
	return s.drawMatch(w, r, http.StatusOK, template.Match{})
}

func (s *Server) drawMatch(w http.ResponseWriter, r *request, status int, v template.Match) error {
	v.Limit = maxUpload
	s.draw(w, r, status, "match", "releases", v)
	return nil
}

// matchFile serves POST /match. The form is read part by part and the file is held in memory: the library would put a large one on disk. One
// file is looked at at a time, so that several people cannot fill the memory.
func (s *Server) matchFile(w http.ResponseWriter, r *request) error {
	if s.o.Match == nil {
		return s.drawMatch(w, r, http.StatusServiceUnavailable, template.Match{Error: "tools"})
	}
	select {
	case s.matching <- struct{}{}:
		defer func() { <-s.matching }()
	default:
		return s.drawMatch(w, r, http.StatusServiceUnavailable, template.Match{Error: "busy"})
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadRead)) // not known in tests
	parts, err := r.MultipartReader()
	if err != nil {
		return s.drawMatch(w, r, http.StatusBadRequest, template.Match{Error: "file"})
	}
	var raw []byte
	for len(raw) == 0 {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return s.drawMatch(w, r, http.StatusBadRequest, template.Match{Error: "file"})
		}
		if err == nil && p.FormName() == "file" {
			raw, err = io.ReadAll(p)
		}
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return s.drawMatch(w, r, http.StatusRequestEntityTooLarge, template.Match{Error: "large"})
		}
		if err != nil {
			return badForm(err)
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), matchTime)
	defer cancel()
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(matchTime + stallTimeout)) // not known in tests
	found, err := s.o.Match.Match(ctx, r.reader.Subject, bytes.NewReader(raw), nil)
	switch {
	case errors.Is(err, match.ErrEmpty):
		return s.drawMatch(w, r, http.StatusOK, template.Match{Asked: true, Empty: true})
	case errors.Is(err, match.ErrNoTool):
		return s.drawMatch(w, r, http.StatusServiceUnavailable, template.Match{Error: "tools"})
	case err != nil:
		return err
	}
	v := template.Match{Asked: true, Compared: string(found.Compared), Clips: int64(found.Clips), Alike: int64(found.LooksAlike), Length: found.Length}
	for _, h := range found.Hits {
		line := template.MatchFound{How: string(h.How), Clip: h.Clip, Length: h.Length, CoverFile: h.CoverFile / 10, CoverClip: h.CoverClip / 10}
		for _, x := range h.Releases {
			a := template.MatchRelease{Slug: x.Slug, Number: x.Version, Title: r.said(s, x.Title), Published: x.Published, State: string(release.StatePublished)}
			if archive.CheckID(archive.PrefixRelease, x.Release) == nil {
				a.ID = x.Release
			}
			if x.Withdrawn {
				a.State = string(release.StateWithdrawn)
			}
			line.Releases = append(line.Releases, a)
		}
		for _, sp := range h.Spans {
			line.Spans = append(line.Spans, template.MatchSpan{From: sp.Clip, To: sp.Clip + sp.Length, FileFrom: sp.File, FileTo: sp.File + sp.Length})
		}
		v.Found = append(v.Found, line)
	}
	return s.drawMatch(w, r, http.StatusOK, v)
}
