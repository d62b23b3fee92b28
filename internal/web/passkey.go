package web

import (
	"encoding/json"
	"io"
	"net/http"

	"zapis/internal/archive"
)

// body reads a JSON body whole; the limit is set for every request.
func body(r *request) ([]byte, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badForm(err)
	}
	return b, nil
}

func sendJSON(w http.ResponseWriter, b []byte) error {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // the browser has gone: nothing to do about it
	return nil
}

// passkeyRegisterBegin serves POST /api/passkey/register/begin. At the set-up the body brings the name that was chosen.
func (s *Server) passkeyRegisterBegin(w http.ResponseWriter, r *request) error {
	if err := s.fresh(r); err != nil {
		return err
	}
	b, err := body(r)
	if err != nil {
		return err
	}
	var v struct {
		Name string `json:"name"`
	}
	if len(b) > 0 && json.Unmarshal(b, &v) != nil {
		return archive.ErrInvalid
	}
	if v.Name != "" && !r.account.Secured() {
		if err := s.o.Account.SetName(r.Context(), r.reader.Subject, v.Name); err != nil {
			return err
		}
	}
	options, err := s.o.Account.BeginPasskey(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	return sendJSON(w, options)
}

// passkeyRegisterFinish serves POST /api/passkey/register/finish.
func (s *Server) passkeyRegisterFinish(w http.ResponseWriter, r *request) error {
	if err := s.fresh(r); err != nil {
		return err
	}
	b, err := body(r)
	if err != nil {
		return err
	}
	// The day tells passkeys apart well enough; what maker and model it is, is not asked.
	label := "Passkey " + s.o.Now().UTC().Format("2006-01-02")
	if err := s.o.Account.FinishPasskey(r.Context(), r.reader.Subject, label, b); err != nil {
		return err
	}
	return sendJSON(w, []byte(`{"ok":true}`))
}

// passkeySignInBegin serves POST /api/passkey/sign-in/begin.
func (s *Server) passkeySignInBegin(w http.ResponseWriter, _ *request) error {
	options, err := s.o.Account.BeginSignIn()
	if err != nil {
		return err
	}
	return sendJSON(w, options)
}

// passkeySignInFinish serves POST /api/passkey/sign-in/finish.
func (s *Server) passkeySignInFinish(w http.ResponseWriter, r *request) error {
	b, err := body(r)
	if err != nil {
		return err
	}
	a, err := s.o.Account.FinishSignIn(r.Context(), b)
	if err != nil {
		return err
	}
	if err := s.begin(r, a); err != nil {
		return err
	}
	return sendJSON(w, []byte(`{"ok":true}`))
}
