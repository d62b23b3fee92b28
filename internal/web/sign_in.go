package web

import (
	"errors"
	"net/http"
	"net/url"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/web/template"
)

// home serves GET /.
func (s *Server) home(w http.ResponseWriter, r *request) error {
	return redirect(w, r, "/archive", "")
}

// arrive leads somebody who has just come in to where they wanted to go, or to the set-up if they could not come back
// another time.
func arrive(w http.ResponseWriter, r *request, a account.Account, next string) error {
	if !a.Secured() {
		return redirect(w, r, "/setup", "")
	}
	return redirect(w, r, localPath(next, "/archive"), "")
}

// signInForm serves GET /sign-in.
func (s *Server) signInForm(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	if l := q.Get("lang"); knownLanguage(l) {
		s.setLanguageCookie(w, l)
		r.lang = l
	}
	if r.signedIn() && q.Get("ended") == "" {
		return arrive(w, r, r.account, q.Get("next"))
	}
	v := template.SignIn{Next: localPath(q.Get("next"), ""), Away: q.Get("away") != ""}
	if q.Get("ended") != "" {
		v.Error = "ended"
	}
	return s.page(w, r, "sign_in", "", v)
}

// signIn serves POST /sign-in.
func (s *Server) signIn(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	a, err := s.o.Account.SignIn(r.Context(), r.PostForm.Get("name"), r.PostForm.Get("password"), r.PostForm.Get("code"))
	v := template.SignIn{Name: r.PostForm.Get("name"), Next: localPath(r.PostForm.Get("next"), "")}
	switch {
	case errors.Is(err, account.ErrWait):
		v.Error = "slow"
		s.draw(w, r, http.StatusTooManyRequests, "sign_in", "", v)
		return nil
	case errors.Is(err, account.ErrSignIn):
		v.Error = "wrong"
		s.draw(w, r, http.StatusForbidden, "sign_in", "", v)
		return nil
	case err != nil:
		return err
	}
	if err := s.begin(r, a); err != nil {
		return err
	}
	return arrive(w, r, a, v.Next)
}

// badForm makes an unreadable body the caller's fault.
func badForm(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	return archive.ErrInvalid // the cause could quote the body
}

// linkForm serves GET /sign-in/link/{token}. It uses nothing up: previews and mail scanners open addresses too.
func (s *Server) linkForm(w http.ResponseWriter, r *request) error {
	token := r.PathValue("token")
	_, err := s.o.Account.CheckLink(r.Context(), token)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return err
	}
	return s.drawLink(w, r, token, err != nil)
}

// drawLink draws the landing of a link. Its address never goes into the page's own links.
func (s *Server) drawLink(w http.ResponseWriter, r *request, token string, dead bool) error {
	status := http.StatusOK
	v := template.SignInLink{Dead: dead}
	if dead {
		status = http.StatusNotFound
	} else {
		v.Token = url.PathEscape(token)
	}
	r.URL = &url.URL{Path: "/sign-in"}
	s.draw(w, r, status, "sign_in_link", "", v)
	return nil
}

// linkUse serves POST /sign-in/link/{token}.
func (s *Server) linkUse(w http.ResponseWriter, r *request) error {
	a, err := s.o.Account.UseLink(r.Context(), r.PathValue("token"))
	if errors.Is(err, archive.ErrNotFound) {
		return s.drawLink(w, r, "", true)
	}
	if err != nil {
		return err
	}
	if err := s.begin(r, a); err != nil {
		return err
	}
	return arrive(w, r, a, "")
}

// signOut serves POST /sign-out.
func (s *Server) signOut(w http.ResponseWriter, r *request) error {
	if r.signedIn() {
		if err := s.o.Account.SignedOut(r.Context(), r.reader.Subject); err != nil && !errors.Is(err, archive.ErrNotFound) {
			return err
		}
	}
	if err := s.sessions.Destroy(r.Context()); err != nil {
		return err
	}
	return redirect(w, r, "/sign-in?away=1", "")
}
