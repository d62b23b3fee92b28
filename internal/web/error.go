package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/web/template"
)

// errSignIn: the request needs somebody who is signed in.
var errSignIn = errors.New("sign-in is needed")

// errAgain: the act needs somebody who has proved lately who they are.
var errAgain = errors.New("fresh sign-in is needed")

// problem is what an error means to the one who asked.
type problem struct {
	status int
	code   string // stable, for scripts
	// secret says that the answer must be the same as for every other one of this status: no incident, no words.
	secret bool
}

// problemOf classifies an error. Forbidden and absent are one.
func problemOf(err error) problem {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errSignIn):
		return problem{http.StatusUnauthorized, "sign-in", true}
	case errors.Is(err, errAgain):
		return problem{http.StatusUnauthorized, "sign-in-again", true}
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrForbidden):
		return problem{http.StatusNotFound, "not-found", true}
	case errors.Is(err, account.ErrWait):
		return problem{http.StatusTooManyRequests, "wait", false}
	case errors.Is(err, account.ErrSignIn):
		return problem{http.StatusForbidden, "refused", false}
	case errors.As(err, &tooLarge):
		return problem{http.StatusRequestEntityTooLarge, "too-large", false}
	case errors.Is(err, archive.ErrIntegrity):
		return problem{http.StatusInternalServerError, "integrity", false}
	case errors.Is(err, archive.ErrInvalid):
		return problem{http.StatusBadRequest, "invalid", false}
	case errors.Is(err, archive.ErrConflict), errors.Is(err, archive.ErrExists):
		return problem{http.StatusConflict, "conflict", false}
	case errors.Is(err, archive.ErrBusy):
		return problem{http.StatusServiceUnavailable, "busy", false}
	case errors.Is(err, context.Canceled):
		return problem{499, "gone", true} // nobody is there to read it
	}
	return problem{http.StatusInternalServerError, "error", false}
}

// fail is the one place where an error becomes an answer.
func (s *Server) fail(w http.ResponseWriter, r *request, err error) {
	p := problemOf(err)
	incident := ""
	if p.status >= 500 {
		incident = r.id
		s.o.Logger.ErrorContext(r.Context(), "request failed", "incident", r.id, "route", r.route.pattern(), "error", err)
	}
	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Range", "Content-Disposition", "Content-Encoding", "Accept-Ranges", "ETag", "Last-Modified", "Zapis-Visit"} {
		h.Del(name)
	}
	h.Set("Cache-Control", "no-store")
	if p.status == http.StatusUnauthorized && r.route.Kind == kindPage {
		next := ""
		if r.Method == http.MethodGet {
			next = r.URL.RequestURI()
		}
		target := "/sign-in"
		if next = localPath(next, ""); next != "" {
			target += "?next=" + urlQuery(next)
		}
		if p.code == "sign-in-again" || r.account.ID == "" && r.hadSession {
			target += sep(target) + "ended=1"
		}
		http.Redirect(w, r.Request, target, http.StatusSeeOther)
		return
	}
	if r.route.Kind != kindPage {
		h.Set("Content-Security-Policy", dataPolicy)
		h.Set("Content-Type", "application/problem+json")
		var wait *account.WaitError
		if errors.As(err, &wait) {
			h.Set("Retry-After", strconv.Itoa(int(wait.For.Seconds())+1))
		}
		if p.status == http.StatusUnauthorized && strings.HasPrefix(r.route.Path, "/api/v1/") {
			h.Set("WWW-Authenticate", "Bearer")
		}
		w.WriteHeader(p.status)
		body := map[string]any{"status": p.status, "title": http.StatusText(p.status), "code": p.code}
		if incident != "" {
			body["incident"] = incident
		}
		_ = json.NewEncoder(w).Encode(body) // the browser has gone: nothing to do about it
		return
	}
	h.Set("Content-Security-Policy", pagePolicy)
	view := template.Error{Status: p.status, Incident: incident}
	if !p.secret {
		var public *archive.Public
		if errors.As(err, &public) {
			view.Text, view.Hint = public.Text, public.Hint
		}
	}
	s.draw(w, r, p.status, "error", "", view)
}

func sep(target string) string {
	if strings.Contains(target, "?") {
		return "&"
	}
	return "?"
}

// recovered turns a panic of a handler into an answer, and tells the operator where it was, without the value, which could
// hold anything.
func (s *Server) recovered(w http.ResponseWriter, r *request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	s.o.Logger.ErrorContext(r.Context(), "handler panicked", "incident", r.id, "route", r.route.pattern(), "stack", string(debug.Stack()))
	s.fail(w, r, errors.New("handler panicked"))
}
