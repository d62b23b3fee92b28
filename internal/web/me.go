package web

import (
	"net/http"
	"slices"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/web/template"
)

// mePage serves GET /me.
func (s *Server) mePage(w http.ResponseWriter, r *request) error {
	return s.drawMe(w, r, http.StatusOK, "")
}

func (s *Server) drawMe(w http.ResponseWriter, r *request, status int, problem string) error {
	return s.drawMeWith(w, r, status, problem, template.Tokens{})
}

func (s *Server) drawMeWith(w http.ResponseWriter, r *request, status int, problem string, tokens template.Tokens) error {
	tokens, err := s.tokenView(r, tokens)
	if err != nil {
		return err
	}
	n, err := s.o.Account.SessionCount(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	v := template.MePage{Name: r.account.Name, Role: string(r.account.Role), HasPassword: r.account.Password, Sessions: n, Error: problem, Tokens: tokens}
	for _, k := range r.account.Passkeys {
		v.Passkeys = append(v.Passkeys, template.Passkey{ID: k.ID, Name: k.Label, CreatedAt: k.CreatedAt, UsedAt: k.UsedAt})
	}
	s.draw(w, r, status, "me", "me", v)
	return nil
}

// me serves POST /me.
func (s *Server) me(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	ctx, by, get := r.Context(), r.reader.Subject, r.PostForm.Get
	notice := "saved"
	var err error
	switch get("act") {
	case "look":
		p := r.account.Preferences
		if p.Language = get("lang"); p.Language != "" && !knownLanguage(p.Language) {
			return archive.ErrInvalid
		}
		if p.Scheme = get("scheme"); p.Scheme != "" && !slices.Contains([]string{"dark", "light", "system"}, p.Scheme) {
			return archive.ErrInvalid
		}
		if err = s.o.Account.SetPreferences(ctx, by, p); err == nil && p.Language != "" {
			s.setLanguageCookie(w, p.Language)
		}
	case "password":
		notice = "password"
		if get("password") != get("again") {
			return s.drawMe(w, r, http.StatusBadRequest, "differs")
		}
		err = s.o.Account.ChangePassword(ctx, by, s.sessions.Token(ctx), get("current"), get("password"), get("code"))
	case "passkey-remove":
		notice = "passkey-removed"
		if err = s.fresh(r); err == nil {
			err = notFoundIf(s.o.Account.RemovePasskey(ctx, by, get("passkey")))
		}
	case "recovery":
		return s.recoveryCodes(w, r)
	case "sessions-end":
		notice = "sessions"
		err = s.o.Account.SignOutEverywhere(ctx, by, s.sessions.Token(ctx))
	default:
		return archive.ErrInvalid
	}
	if code := accountProblem(err); err != nil && code != "" {
		return s.drawMe(w, r, problemOf(err).status, code)
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/me", notice)
}

// recoveryCodes hands fresh recovery codes over as a small text file, once: whoever gets it prints it or puts it away, and nothing of
// it stays in the browser.
func (s *Server) recoveryCodes(w http.ResponseWriter, r *request) error {
	if err := s.fresh(r); err != nil {
		return err
	}
	codes, err := s.o.Account.NewRecovery(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Security-Policy", dataPolicy)
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="zapis-recovery-codes.txt"`)
	_, _ = w.Write([]byte(strings.Join(codes, "\n") + "\n")) // the browser has gone: the person asks for new ones
	return nil
}
