package web

import (
	"net/http"
	"slices"
	"strconv"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// peoplePage serves GET /people.
func (s *Server) peoplePage(w http.ResponseWriter, r *request) error {
	return s.drawPeople(w, r, http.StatusOK, template.People{})
}

func (s *Server) drawPeople(w http.ResponseWriter, r *request, status int, v template.People) error {
	all, err := s.o.Account.People(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	held, err := s.o.Reading.Accessions(r.Context(), r.reader)
	if err != nil {
		return err
	}
	v.May = sight("", archive.Scope{All: true, MaxDifficulty: -1}, held)
	for _, a := range all {
		v.List = append(v.List, template.Person{
			May: sight(a.ID, a.Scope, held),
			ID:  a.ID, Name: a.Name, Role: string(a.Role), Closed: a.Disabled, Myself: a.ID == r.account.ID, Waiting: a.SeenAt.IsZero(),
			Passkeys: len(a.Passkeys), Password: a.Password, SeenAt: a.SeenAt,
		})
	}
	s.draw(w, r, status, "people", "people", v)
	return nil
}

// sight describes a scope among the accessions that there are.
func sight(id string, sc archive.Scope, held []reading.Accession) template.Sight {
	v := template.Sight{ID: id, Everything: sc.All}
	for _, a := range held {
		chosen := !sc.All && slices.Contains(sc.Accessions, a.ID)
		if chosen {
			v.Chosen++
		}
		v.Accessions = append(v.Accessions, template.SightAccession{ID: a.ID, Ref: accessionRef(a.Number), Title: a.Title, Chosen: chosen})
	}
	if sc.MaxDifficulty >= 0 {
		v.Difficulty = strconv.Itoa(sc.MaxDifficulty)
	}
	return v
}

// people serves POST /people.
func (s *Server) people(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	ctx, by, get := r.Context(), r.reader.Subject, r.PostForm.Get
	var err error
	notice := ""
	switch get("act") {
	case "invite":
		scope, bad := scopeForm(r)
		if bad != nil {
			return bad
		}
		a, link, fault := s.o.Account.Invite(ctx, by, get("name"), archive.Role(get("role")), scope)
		if fault == nil {
			// The link is shown in this answer and nowhere else: a redirect would have to carry it.
			return s.drawPeople(w, r, http.StatusOK, template.People{Link: s.LinkURL(link.Token), For: a.Name, Until: link.ExpiresAt})
		}
		err = fault
	case "link":
		var link account.Link
		if link, err = s.o.Account.NewLink(ctx, by, get("account")); err == nil {
			a, fault := s.o.Account.Account(ctx, link.Account)
			if fault != nil {
				return fault
			}
			return s.drawPeople(w, r, http.StatusOK, template.People{Link: s.LinkURL(link.Token), For: a.Name, Until: link.ExpiresAt})
		}
	case "role":
		notice = "role"
		err = s.o.Account.SetRole(ctx, by, get("account"), archive.Role(get("role")))
	case "scope":
		notice = "saved"
		scope, bad := scopeForm(r)
		if bad != nil {
			return bad
		}
		err = s.o.Account.SetScope(ctx, by, get("account"), scope)
	case "close":
		notice = "closed"
		err = s.o.Account.Disable(ctx, by, get("account"))
	case "open":
		notice = "opened"
		err = s.o.Account.Enable(ctx, by, get("account"))
	default:
		return archive.ErrInvalid
	}
	if code := accountProblem(err); err != nil && slices.Contains([]string{"name", "last-admin"}, code) {
		return s.drawPeople(w, r, problemOf(err).status, template.People{Error: code})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/people", notice)
}

// scopeForm reads what somebody may see: which (all, or some: only the accessions that follow, perhaps none), accession
// (any number) and difficulty (0–3; empty: no limit). Without which nothing is granted: a form that lost a field must
// not open everything.
func scopeForm(r *request) (archive.Scope, error) {
	sc := archive.Scope{MaxDifficulty: -1}
	switch r.PostForm.Get("which") {
	case "all":
		sc.All = true
	case "some":
		sc.Accessions = r.PostForm["accession"]
	default:
		return sc, archive.ErrInvalid
	}
	for _, id := range sc.Accessions {
		if err := archive.CheckID(archive.PrefixAccession, id); err != nil {
			return sc, err
		}
	}
	if d := r.PostForm.Get("difficulty"); d != "" {
		n, err := strconv.Atoi(d)
		if err != nil || n < 0 || n > 3 {
			return sc, archive.ErrInvalid
		}
		sc.MaxDifficulty = n
	}
	return sc, nil
}
