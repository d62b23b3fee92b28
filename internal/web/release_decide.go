package web

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"zapis/internal/archive"
	"zapis/internal/release"
	"zapis/internal/web/template"
)

// signHavingRead signs with what the form says was looked at.
func (s *Server) signHavingRead(r *request, x release.View) error {
	places, err := strconv.Atoi(r.PostForm.Get("read"))
	if err != nil || r.PostForm.Get("looked") != "yes" {
		places = 0
	}
	return s.o.Release.SignHavingRead(r.Context(), r.reader.Subject, x.ID, x.Head, places)
}

// doubtful draws the desk with the places that whoever signs has to look at, if they are all that is in the way.
func (s *Server) doubtful(w http.ResponseWriter, r *request, x release.View, err error) (error, bool) {
	refused, ok := errors.AsType[*release.Refused](err)
	if !ok || slices.ContainsFunc(refused.Gates, func(g release.Gate) bool {
		return g.Code != release.GatePeople || g.Reason != release.ReasonNotLookedAt
	}) {
		return nil, false
	}
	var doubts []template.ReleaseAt
	for _, g := range refused.Gates {
		for _, at := range g.At {
			doubts = append(doubts, releasePlace(x, at))
		}
	}
	return s.drawDesk(w, r, http.StatusConflict, x, nil, "look", "", doubts), true
}

// releaseKeep serves POST /releases/{release}/keep.
func (s *Server) releaseKeep(w http.ResponseWriter, r *request) error {
	if err := s.releasing(r); err != nil {
		return err
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	x, err := s.theRelease(r)
	if err != nil {
		return err
	}
	switch err := s.o.Release.Keep(r.Context(), r.reader.Subject, x.ID, r.PostForm.Get("why")); {
	case errors.Is(err, archive.ErrInvalid):
		return s.drawRelease(w, r, http.StatusBadRequest, x, nil, "keep", "")
	case errors.Is(err, archive.ErrConflict):
		return s.drawRelease(w, r, http.StatusConflict, x, nil, "state", "")
	case err != nil:
		return err
	}
	return redirect(w, r, "/releases/"+x.ID, "release-kept")
}
