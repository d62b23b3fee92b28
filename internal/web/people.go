package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/policy"
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
	var compartments []archive.Compartment
	if s.o.Compartments != nil {
		if compartments, err = s.o.Compartments.Compartments(r.Context(), r.reader.Subject); err != nil {
			return err
		}
		v.Catalogue = true
	}
	v.May = sight("", archive.Scope{All: true, MaxDifficulty: -1}, held, compartments)
	v.Compartments = v.May.Compartments
	for _, a := range all {
		may := sight(a.ID, a.Scope, held, compartments)
		may.Admin = a.Role == archive.RoleAdmin
		v.List = append(v.List, template.Person{
			May: may,
			ID:  a.ID, Name: a.Name, Role: string(a.Role), Closed: a.Disabled, Myself: a.ID == r.account.ID, Waiting: a.SeenAt.IsZero(),
			Passkeys: len(a.Passkeys), Password: a.Password, SeenAt: a.SeenAt,
		})
	}
	s.draw(w, r, status, "people", "people", v)
	return nil
}

// Compartments is what the page of accounts asks of the catalogue; *knowledge.Service. It asks policy itself.
type Compartments interface {
	Compartments(ctx context.Context, who policy.Subject) ([]archive.Compartment, error)
	AddCompartment(ctx context.Context, who policy.Subject, name string) (archive.Compartment, error)
}

// sight describes a scope among the accessions and compartments that there are.
func sight(id string, sc archive.Scope, held []reading.Accession, compartments []archive.Compartment) template.Sight {
	v := template.Sight{ID: id, Everything: sc.All, EveryCompartment: sc.AllCompartments, Identities: sc.Identities, Common: slices.Contains(sc.Compartments, archive.CommonGrant)}
	for _, c := range compartments {
		chosen := slices.Contains(sc.Compartments, c.ID)
		if chosen {
			v.Inside++
		}
		v.Compartments = append(v.Compartments, template.SightCompartment{ID: c.ID, Name: c.Name, Chosen: chosen})
	}
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
		if r.PostForm.Get("which") == "keep" {
			// Of an administrator, who sees everything by role, only identities are granted; the rest stays for when the role goes.
			a, fault := s.o.Account.Account(ctx, get("account"))
			if fault != nil {
				return fault
			}
			scope, bad = a.Scope, nil
			scope.Identities = get("identities") == "yes"
		}
		if bad != nil {
			return bad
		}
		err = s.o.Account.SetScope(ctx, by, get("account"), scope)
	case "compartment":
		notice = "saved"
		if s.o.Compartments == nil {
			return archive.ErrNotFound
		}
		switch _, err = s.o.Compartments.AddCompartment(ctx, by, get("name")); {
		case errors.Is(err, archive.ErrInvalid), errors.Is(err, archive.ErrExists):
			return s.drawPeople(w, r, problemOf(err).status, template.People{Error: "compartment"})
		}
	case "close":
		notice = "closed"
		err = s.o.Account.Disable(ctx, by, get("account"))
	case "open":
		notice = "opened"
		err = s.o.Account.Enable(ctx, by, get("account"))
	default:
		return archive.ErrInvalid
	}
	if errors.Is(err, account.ErrOwnIdentities) {
		return s.drawPeople(w, r, http.StatusForbidden, template.People{Error: "own-identities"})
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
// (any number) and difficulty (0–3; empty: no limit), compartment (any number), compartments (all) and identities (yes).
// Without which nothing is granted: a form that lost a field must not open everything.
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
	sc.Compartments = r.PostForm["compartment"]
	for _, id := range sc.Compartments {
		if id == archive.CommonGrant {
			continue
		}
		if err := archive.CheckID(archive.PrefixCompartment, id); err != nil {
			return sc, err
		}
	}
	sc.AllCompartments = r.PostForm.Get("compartments") == "all"
	sc.Identities = r.PostForm.Get("identities") == "yes"
	if d := r.PostForm.Get("difficulty"); d != "" {
		n, err := strconv.Atoi(d)
		if err != nil || n < 0 || n > 3 {
			return sc, archive.ErrInvalid
		}
		sc.MaxDifficulty = n
	}
	return sc, nil
}
