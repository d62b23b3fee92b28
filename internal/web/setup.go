package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/web/template"
)

// setupForm serves GET /setup.
func (s *Server) setupForm(w http.ResponseWriter, r *request) error {
	if r.account.Secured() {
		return redirect(w, r, "/me", "")
	}
	return s.drawSetup(w, r, http.StatusOK, r.account.Name, "")
}

func (s *Server) drawSetup(w http.ResponseWriter, r *request, status int, name, problem string) error {
	e, err := s.o.Account.Enrol(r.Context(), r.reader.Subject, r.reader.Session)
	if err != nil {
		return err
	}
	size, dark, err := e.Picture()
	if err != nil {
		return err
	}
	first, err := s.o.Account.FirstAdministrator(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	if first && name == account.FirstName {
		name = ""
	}
	w.Header().Set("Cache-Control", "no-store")
	s.draw(w, r, status, "setup", "", template.Setup{First: first, Name: name, Error: problem, Secret: e.Secret, QR: template.QR{Size: size, Path: qrPath(size, dark)}})
	return nil
}

// qrPath draws a code as runs of unit squares in SVG path data.
func qrPath(size int, dark func(x, y int) bool) string {
	var b strings.Builder
	for y := range size {
		for x := 0; x < size; x++ {
			if !dark(x, y) {
				continue
			}
			run := 1
			for x+run < size && dark(x+run, y) {
				run++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, run, run)
			x += run
		}
	}
	return b.String()
}

// setup serves POST /setup. The hidden field "secret" is not read: which second factor is being set up follows from the session.
func (s *Server) setup(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	if r.account.Secured() {
		return redirect(w, r, "/me", "")
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	name := r.PostForm.Get("name")
	again := func(err error) error {
		code := accountProblem(err)
		if code == "" {
			return err
		}
		return s.drawSetup(w, r, problemOf(err).status, name, code)
	}
	if r.PostForm.Get("password") != r.PostForm.Get("again") {
		return s.drawSetup(w, r, http.StatusBadRequest, name, "differs")
	}
	if err := account.CheckPassword(r.PostForm.Get("password")); err != nil {
		return again(err)
	}
	if err := s.o.Account.SetName(r.Context(), r.reader.Subject, name); err != nil {
		return again(err)
	}
	err := s.o.Account.SetPassword(r.Context(), r.reader.Subject, r.reader.Session, s.sessions.Token(r.Context()), r.PostForm.Get("password"), strings.ReplaceAll(r.PostForm.Get("code"), " ", ""))
	if err != nil {
		return again(err)
	}
	return redirect(w, r, "/archive", "")
}

// accountProblem gives the code of an error that a form shows beside itself; "" for an error that is not of that sort.
func accountProblem(err error) string {
	for _, c := range []struct {
		err  error
		code string
	}{
		{account.ErrName, "name"}, {account.ErrPasswordShort, "short"}, {account.ErrPasswordLong, "known"}, {account.ErrPasswordKnown, "known"},
		{account.ErrCode, "code"}, {account.ErrWait, "wrong"}, {account.ErrSignIn, "wrong"}, {account.ErrLastWay, "last-way"}, {account.ErrLastAdministrator, "last-admin"},
	} {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return ""
}

// notFoundIf hides why an identifier in a form is not good.
func notFoundIf(err error) error {
	if errors.Is(err, archive.ErrInvalid) {
		return archive.ErrNotFound
	}
	return err
}
