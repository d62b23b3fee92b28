package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/reading"
	"zapis/internal/web/locale"
)

// freshFor is how long after proving who they are people may change how they sign in, and manage others.
const freshFor = 30 * time.Minute

// languageCookie keeps the language that was chosen before signing in. It says nothing else.
const languageCookie = "zapis-language"

func (s *Server) newSessions() *scs.SessionManager {
	m := scs.New()
	m.Store = s.o.Account.Sessions()
	m.Codec = account.SessionCodec{}
	m.Lifetime = account.SessionAbsolute
	// The idle limit is kept by the store, which does not write with every request.
	m.IdleTimeout = 0
	m.Cookie.Name = s.cookieName()
	m.Cookie.Path = "/"
	m.Cookie.HttpOnly = true
	m.Cookie.SameSite = http.SameSiteStrictMode
	m.Cookie.Secure = s.https
	m.Cookie.Persist = false // gone with the browser window
	m.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		s.o.Logger.ErrorContext(r.Context(), "session", "error", err)
		http.Error(w, "the session cannot be read or kept just now", http.StatusServiceUnavailable)
	}
	return m
}

// cookieName is bound to this host by its prefix where the transport allows it.
func (s *Server) cookieName() string {
	if s.https {
		return "__Host-zapis"
	}
	return "zapis"
}

// identify finds out who asks. A session whose account is gone or switched off is nobody's.
func (s *Server) identify(r *request) error {
	ctx := r.Context()
	if h := r.Header.Get("Authorization"); h != "" && strings.HasPrefix(r.route.Path, "/api/v1/") {
		return s.bear(r, h)
	}
	_, err := r.Cookie(s.cookieName())
	r.hadSession = err == nil
	if id := s.sessions.GetString(ctx, account.SessionAccount); id != "" {
		a, err := s.o.Account.Account(ctx, id)
		switch {
		case err == nil && !a.Disabled:
			r.account = a
			r.reader = reading.Reader{Subject: a.Subject(), Session: s.sessions.GetString(ctx, account.SessionID)}
			r.since, _ = time.Parse(time.RFC3339, s.sessions.GetString(ctx, account.SessionSince))
		case err != nil && problemOf(err).status != http.StatusNotFound:
			return err
		}
	}
	r.lang = s.language(r)
	return nil
}

// language chooses: what the person set, what was chosen before signing in, what the browser asks for.
func (s *Server) language(r *request) string {
	if l := r.account.Preferences.Language; knownLanguage(l) {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil && knownLanguage(c.Value) {
		return c.Value
	}
	return locale.Match(r.Header.Get("Accept-Language"))
}

func (s *Server) setLanguageCookie(w http.ResponseWriter, code string) {
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: code, Path: "/", HttpOnly: true, Secure: s.https, SameSite: http.SameSiteStrictMode})
}

// begin starts a session for an account under a new token.
func (s *Server) begin(r *request, a account.Account) error {
	ctx := r.Context()
	if err := s.sessions.RenewToken(ctx); err != nil {
		return err
	}
	s.sessions.Put(ctx, account.SessionAccount, a.ID)
	s.sessions.Put(ctx, account.SessionID, archive.NewIDFrom(archive.PrefixSession, s.o.Now(), randomSource))
	s.sessions.Put(ctx, account.SessionSince, s.o.Now().UTC().Format(time.RFC3339))
	return nil
}

// fresh refuses when it is too long ago that the person proved who they are.
func (s *Server) fresh(r *request) error {
	if s.o.Now().Sub(r.since) > freshFor {
		return errAgain
	}
	return nil
}
