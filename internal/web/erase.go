package web

import (
	"context"
	"errors"
	"net/http"

	"zapis/internal/archive"
	"zapis/internal/erase"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// Eraser is what the pages ask of those who erase; *erase.Service. It asks policy itself.
type Eraser interface {
	Request(ctx context.Context, who policy.Subject, item, reason string) (erase.Erasure, error)
	Approve(ctx context.Context, who policy.Subject, id string) error
	Withdraw(ctx context.Context, who policy.Subject, id string) error
	Erasure(ctx context.Context, who policy.Subject, id string) (erase.Erasure, error)
	List(ctx context.Context, who policy.Subject, openOnly bool) ([]erase.Erasure, error)
	OfItem(ctx context.Context, who policy.Subject, item string) (erase.Erasure, bool, error)
	Run(ctx context.Context, agent, id string, o erase.RunOptions) (erase.Report, error)
}

// erasuresPage serves GET /erasures.
func (s *Server) erasuresPage(w http.ResponseWriter, r *request) error {
	return s.drawErasures(w, r, http.StatusOK, "")
}

func (s *Server) drawErasures(w http.ResponseWriter, r *request, status int, problem string) error {
	v := template.Erasures{Error: problem}
	if s.o.Erase != nil {
		list, err := s.o.Erase.List(r.Context(), r.reader.Subject, false)
		if err != nil {
			return err
		}
		for i := len(list) - 1; i >= 0; i-- { // newest first
			e := erasureView(r, list[i])
			if e.State == erase.Requested || e.State == erase.Approved {
				v.Open = append(v.Open, e)
			} else {
				v.Past = append(v.Past, e)
			}
		}
	}
	s.draw(w, r, status, "erasures", "accessions", v)
	return nil
}

func erasureView(r *request, e erase.Erasure) template.Erasure {
	name := func(name, id string) string {
		if name == "" {
			return id
		}
		return name
	}
	var out []template.ReleaseRef
	for _, x := range e.Releases {
		if e.State != erase.Withdrawn {
			out = append(out, template.ReleaseRef{ID: x.ID, Slug: x.Slug})
		}
	}
	return template.Erasure{
		Releases: out, ID: e.ID, Item: e.Item, Ref: e.Reference, Reason: e.Reason, State: e.State, Mine: e.RequestedBy == r.account.ID,
		By: name(e.RequestedName, e.RequestedBy), ApprovedBy: name(e.ApprovedName, e.ApprovedBy), At: e.RequestedAt, ApprovedAt: e.ApprovedAt, EndsAt: e.EndsAt,
	}
}

// eraseForm is what the page of an item shows to who may ask for its erasure; nil for everybody else.
func (s *Server) eraseForm(r *request, it archive.Item) (*template.EraseForm, error) {
	if s.o.Erase == nil || !policy.Decide(r.reader.Subject, policy.RequestErasure, policy.ItemObject(it)).Allow {
		return nil, nil
	}
	e, there, err := s.o.Erase.OfItem(r.Context(), r.reader.Subject, it.ID)
	if err != nil {
		return nil, err
	}
	return &template.EraseForm{Asked: there, By: e.RequestedName, At: e.RequestedAt}, nil
}

// changing reads the form of an act that needs somebody who has proved lately who they are.
func (s *Server) changing(r *request) error {
	if s.o.Erase == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	return s.fresh(r)
}

// eraseRequest serves POST /items/{item}/erasure.
func (s *Server) eraseRequest(w http.ResponseWriter, r *request) error {
	if err := s.changing(r); err != nil {
		return err
	}
	item := r.PathValue("item")
	if archive.CheckID(archive.PrefixItem, item) != nil {
		return archive.ErrNotFound
	}
	switch _, err := s.o.Erase.Request(r.Context(), r.reader.Subject, item, r.PostForm.Get("reason")); {
	case errors.Is(err, archive.ErrInvalid):
		return s.drawErasures(w, r, http.StatusBadRequest, "reason")
	case errors.Is(err, archive.ErrExists):
		return s.drawErasures(w, r, http.StatusConflict, "asked")
	case err != nil:
		return err
	}
	return redirect(w, r, "/erasures", "erasure-asked")
}

// eraseWithdraw serves POST /erasures/{erasure}/withdraw.
func (s *Server) eraseWithdraw(w http.ResponseWriter, r *request) error {
	id, err := s.erasure(r)
	if err != nil {
		return err
	}
	switch err := s.o.Erase.Withdraw(r.Context(), r.reader.Subject, id); {
	case errors.Is(err, archive.ErrConflict):
		return s.drawErasures(w, r, http.StatusConflict, "late")
	case err != nil:
		return err
	}
	return redirect(w, r, "/erasures", "erasure-withdrawn")
}

// eraseApprove serves POST /erasures/{erasure}/approve: it agrees and carries the erasure out.
func (s *Server) eraseApprove(w http.ResponseWriter, r *request) error {
	id, err := s.erasure(r)
	if err != nil {
		return err
	}
	if r.PostForm.Get("sure") != "yes" {
		return s.drawErasures(w, r, http.StatusBadRequest, "sure")
	}
	switch err := s.o.Erase.Approve(r.Context(), r.reader.Subject, id); {
	case errors.Is(err, erase.ErrSamePerson):
		return s.drawErasures(w, r, http.StatusForbidden, "same")
	case errors.Is(err, erase.ErrOpen):
		return s.drawErasures(w, r, http.StatusConflict, "open")
	case errors.Is(err, archive.ErrConflict):
		return s.drawErasures(w, r, http.StatusConflict, "late")
	case err != nil:
		return err
	}
	return s.carryOut(w, r, id)
}

// eraseRun serves POST /erasures/{erasure}/run: it finishes what two people agreed to.
func (s *Server) eraseRun(w http.ResponseWriter, r *request) error {
	id, err := s.erasure(r)
	if err != nil {
		return err
	}
	return s.carryOut(w, r, id)
}

func (s *Server) carryOut(w http.ResponseWriter, r *request, id string) error {
	// A browser that goes away must not leave it half done.
	switch _, err := s.o.Erase.Run(context.WithoutCancel(r.Context()), r.account.ID, id, erase.RunOptions{}); {
	case errors.Is(err, erase.ErrOpen):
		return s.drawErasures(w, r, http.StatusConflict, "open")
	case errors.Is(err, archive.ErrConflict):
		return s.drawErasures(w, r, http.StatusConflict, "late")
	case errors.Is(err, erase.ErrFollow):
		s.o.Logger.ErrorContext(r.Context(), "erasure is not everywhere yet", "incident", r.id, "error", err)
		return s.drawErasures(w, r, http.StatusOK, "follow")
	case err != nil:
		s.o.Logger.ErrorContext(r.Context(), "erasure broke off", "incident", r.id, "error", err)
		return s.drawErasures(w, r, http.StatusServiceUnavailable, "broken-off")
	}
	return redirect(w, r, "/erasures", "erasure-done")
}

// erasure reads the form of an act on an erasure and finds out whether this person may know of it.
func (s *Server) erasure(r *request) (string, error) {
	if err := s.changing(r); err != nil {
		return "", err
	}
	id := r.PathValue("erasure")
	if archive.CheckID(archive.PrefixErasure, id) != nil {
		return "", archive.ErrNotFound
	}
	_, err := s.o.Erase.Erasure(r.Context(), r.reader.Subject, id)
	return id, err
}
