package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// Testimonies is what the pages of testimony ask of the catalogue; *knowledge.Service. It asks policy itself.
type Testimonies interface {
	Create(ctx context.Context, who policy.Subject, d knowledge.Draft) (archive.Entity, error)
	Testimonies(ctx context.Context, who policy.Subject, q knowledge.Query) ([]knowledge.TestimonySummary, string, int, error)
	Testimony(ctx context.Context, who policy.Subject, id string, lang ...string) (knowledge.Testimony, error)
	Passage(ctx context.Context, who policy.Subject, id string, lang ...string) (knowledge.PassageView, error)
	AddPassages(ctx context.Context, who policy.Subject, testimony string, drafts ...knowledge.PassageDraft) ([]archive.Passage, error)
	ReplacePassage(ctx context.Context, who policy.Subject, passage string, d knowledge.PassageDraft) (archive.Passage, error)
	RemovePassage(ctx context.Context, who policy.Subject, passage string) error
	AddConsent(ctx context.Context, who policy.Subject, testimony string, d knowledge.ConsentDraft) (archive.Consent, error)
	Withdraw(ctx context.Context, who policy.Subject, testimony, consent, reason string) (knowledge.Withdrawal, error)
	WouldWithdraw(ctx context.Context, who policy.Subject, testimony, consent string) (taken, stay []archive.Consent, err error)
	Vocabulary(ctx context.Context, name string) ([]archive.Term, error)
	Compartments(ctx context.Context, who policy.Subject) ([]archive.Compartment, error)
}

// Identities is who stands behind codes; *knowledge.Identities. It asks policy itself.
type Identities interface {
	Has(ctx context.Context, who policy.Subject, id string) (bool, error)
	Open(ctx context.Context, who policy.Subject, id, reason string) (knowledge.Identity, error)
	Put(ctx context.Context, who policy.Subject, id string, i knowledge.Identity, reason string) error
	Erase(ctx context.Context, who policy.Subject, id, reason string) error
	Acts(ctx context.Context, who policy.Subject, id string) ([]knowledge.IdentityAct, error)
	About(ctx context.Context, who policy.Subject, id string) (archive.Entity, error)
}

// identityFor is how long an identity that was opened stays on the screen.
const identityFor = 60 * time.Second

func (r *request) language(s *Server) string { return cmp.Or(r.lang, s.language(r)) }

// testimoniesPage serves GET /testimonies.
func (s *Server) testimoniesPage(w http.ResponseWriter, r *request) error {
	return s.drawTestimonies(w, r, http.StatusOK, template.Testimonies{})
}

func (s *Server) drawTestimonies(w http.ResponseWriter, r *request, status int, v template.Testimonies) error {
	who := r.reader.Subject
	if s.o.Testimony != nil {
		after := r.URL.Query().Get("after")
		list, next, total, err := s.o.Testimony.Testimonies(r.Context(), who, knowledge.Query{Limit: listSize, After: after, Lang: r.language(s)})
		if err != nil {
			return err
		}
		v.Total, v.MayAdd = total, policy.Could(who, policy.EditCatalogue)
		if after != "" {
			v.First = "/testimonies"
		}
		if next != "" {
			v.Next = "/testimonies?after=" + urlQuery(next)
		}
		for _, t := range list {
			row := template.TestimonyRow{ID: t.ID, Code: t.Code, State: string(t.State), Passages: int64(t.Passages), Changed: t.Changed}
			if t.Label != t.Code {
				row.Label = t.Label
			}
			for _, c := range t.Withdrawn {
				row.Withdrawn = append(row.Withdrawn, c.PurposeAs+", "+c.AudienceAs)
			}
			v.List = append(v.List, row)
		}
		if v.MayAdd {
			held, err := s.o.Testimony.Compartments(r.Context(), who)
			if err != nil {
				return err
			}
			if policy.ScopeOf(who).Sees(archive.Common) {
				v.Compartments = append(v.Compartments, template.Choice{})
			}
			for _, c := range held {
				v.Compartments = append(v.Compartments, template.Choice{Value: c.ID, Label: c.Name})
			}
		}
	}
	s.draw(w, r, status, "testimonies", "testimonies", v)
	return nil
}

// testimonyNew serves POST /testimonies.
func (s *Server) testimonyNew(w http.ResponseWriter, r *request) error {
	if err := s.testifying(r); err != nil {
		return err
	}
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	d := knowledge.Draft{Kind: catalogue.Testimony, Compartment: get("compartment")}
	for _, p := range []string{"title", "date", "interviewer", "language"} {
		if v := get(p); v != "" {
			d.Claims = append(d.Claims, knowledge.ClaimDraft{Property: p, Value: v, Certainty: archive.Established})
		}
	}
	e, err := s.o.Testimony.Create(r.Context(), r.reader.Subject, d)
	if errors.Is(err, archive.ErrInvalid) {
		return s.drawTestimonies(w, r, http.StatusBadRequest, template.Testimonies{Error: "new", Text: publicText(err)})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/testimonies/"+e.ID, "saved")
}

// publicText is the sentence for people that an error carries, if it carries one.
func publicText(err error) string {
	if p, ok := errors.AsType[*archive.Public](err); ok && strings.Contains(p.Text, " ") {
		return p.Text
	}
	return ""
}

// testifying reads the form of an act on testimony.
func (s *Server) testifying(r *request) error {
	if s.o.Testimony == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	return nil
}

// testimonyPage serves GET /testimonies/{testimony}.
func (s *Server) testimonyPage(w http.ResponseWriter, r *request) error {
	return s.drawTestimony(w, r, http.StatusOK, template.Testimony{})
}

func (s *Server) drawTestimony(w http.ResponseWriter, r *request, status int, v template.Testimony) error {
	if s.o.Testimony == nil {
		return archive.ErrNotFound
	}
	ctx, who, lang := r.Context(), r.reader.Subject, r.language(s)
	t, err := s.o.Testimony.Testimony(ctx, who, r.PathValue("testimony"), lang)
	if err != nil {
		return err
	}
	v.ID, v.Code, v.State = t.ID, t.Code, string(t.State)
	if t.Label != t.Code {
		v.Label = t.Label
	}
	v.MayEdit, v.MayConsent, v.MayIdentity = t.MayEdit, t.MayConsent, t.MayIdentity && s.o.Identity != nil
	v.Today = s.o.Now().UTC().Format(time.DateOnly)
	if t.Compartment != archive.Common {
		held, err := s.o.Testimony.Compartments(ctx, who)
		if err != nil {
			return err
		}
		for _, c := range held {
			if c.ID == t.Compartment {
				v.Compartment = c.Name
			}
		}
	}
	for _, p := range t.Properties {
		for _, c := range p.Claims {
			if c.Stands() && (c.Current || p.Property.Many) {
				v.Facts = append(v.Facts, template.Fact{Property: p.Property.Name, Text: c.Text, Type: string(p.Property.Type), Certainty: string(c.Certainty), Withdrawn: c.Withdrawn})
			}
		}
	}
	for _, m := range t.Members {
		if m.ID != t.ID {
			v.Merged = append(v.Merged, entityLink(m, m.Code))
		}
	}
	for _, h := range t.Headings {
		out := template.InterviewHeading{Code: h.Code, Label: h.Label, Note: h.Note}
		for _, p := range h.Passages {
			out.Passages = append(out.Passages, passageView(p))
		}
		v.Headings = append(v.Headings, out)
	}
	for _, p := range t.Past {
		v.Past = append(v.Past, passageView(p))
	}
	for _, c := range t.Consents {
		v.Consents = append(v.Consents, consentView(c))
	}
	for _, o := range t.Originals {
		v.Originals = append(v.Originals, template.Original{ID: o.ID, Ref: o.Reference, Kind: string(o.Kind), Length: o.Duration})
	}
	w2, err := s.testimonyWords(ctx, lang)
	if err != nil {
		return err
	}
	v.Interview, v.Purposes, v.Audiences = w2["interview"], w2["purpose"], w2["audience"]
	v.Depends = s.dependsView(t.Dependents, w2)
	s.draw(w, r, status, "testimony", "testimonies", v)
	return nil
}

// testimonyWords gives the vocabularies of testimony, to choose from and to say things with.
func (s *Server) testimonyWords(ctx context.Context, lang string) (map[string][]template.Choice, error) {
	out := map[string][]template.Choice{}
	for _, name := range []string{"interview", "purpose", "audience"} {
		terms, err := s.o.Testimony.Vocabulary(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, t := range terms {
			if !t.Retired {
				out[name] = append(out[name], template.Choice{Value: t.Code, Label: t.Label(lang)})
			}
		}
	}
	return out, nil
}

func say(words []template.Choice, code string) string {
	if i := slices.IndexFunc(words, func(c template.Choice) bool { return c.Value == code }); i >= 0 {
		return words[i].Label
	}
	return code
}

func passageView(p knowledge.PassageView) template.Passage {
	return template.Passage{
		ID: p.ID, Cite: p.Cite, Text: p.Text, Lang: p.Lang, Heading: p.Heading, Item: p.Item, Ref: p.Reference, From: p.From, To: p.To,
		Timed: p.Reference != "" && p.Page == 0 && (p.From > 0 || p.To > 0), Page: p.Page, Cited: p.Cited, Withdrawn: p.Withdrawn, Replaced: p.Replaced, RemovedAt: p.RemovedAt,
	}
}

func consentView(c knowledge.ConsentView) template.Consent {
	v := template.Consent{
		ID: c.ID, Purpose: c.PurposeAs, Audience: c.AudienceAs, How: c.How, State: "stands", GivenAt: c.GivenAt, Until: c.Until, By: c.AuthorName, Note: c.Note,
		Item: c.Item, Ref: c.Reference, WithdrawnAt: c.WithdrawnAt, WithdrawnBy: c.WithdrawnByName, Reason: c.Reason,
	}
	switch {
	case c.Stands:
	case !c.WithdrawnAt.IsZero():
		v.State = "withdrawn"
	case c.Expired:
		v.State = "expired"
	default:
		v.State = "ended"
	}
	return v
}

func (s *Server) dependsView(d knowledge.Dependents, words map[string][]template.Choice) template.Depends {
	v := template.Depends{Count: d.Count()}
	for _, c := range d.Claims {
		k, _ := catalogue.KindOf(c.Kind)
		p, _ := k.Property(c.Property)
		claim := template.DependentClaim{ID: c.ID, Href: entityHref(c.Kind, c.Entity) + "#" + c.ID, Code: c.EntityCode, Property: c.Property, Type: string(p.Type),
			Certainty: string(c.Certainty), Withdrawn: c.Withdrawn}
		if p.Type != catalogue.TypeRef && p.Type != catalogue.TypeItem && p.Type != catalogue.TypeTerm {
			claim.Text = c.Value
		}
		v.Claims = append(v.Claims, claim)
	}
	for _, f := range d.Findings {
		v.Findings = append(v.Findings, template.Dependent{ID: f.ID, Href: "/catalogue/" + f.Entity, Text: f.Property, At: f.At})
	}
	for _, e := range d.Exports {
		v.Exports = append(v.Exports, template.DependentExport{ID: e.ID, Kind: e.Kind, Purpose: say(words["purpose"], e.Purpose), Audience: say(words["audience"], e.Audience),
			By: e.By, At: e.At, Things: len(e.Entries)})
	}
	for _, x := range d.Clips {
		v.Clips = append(v.Clips, template.Dependent{ID: x.ID, Href: "/items/" + x.Item, Text: cmp.Or(x.Code, x.Item), At: x.At})
	}
	for _, x := range d.Documents {
		v.Documents = append(v.Documents, template.Dependent{ID: x.ID, Href: "/catalogue/" + x.ID, Text: x.Code, At: x.At})
	}
	for _, x := range d.Notes {
		v.Notes = append(v.Notes, template.Dependent{ID: x.ID, Href: "/items/" + x.Item, Text: cmp.Or(x.Code, x.Item), At: x.At})
	}
	return v
}

// recordingTime reads a place in a recording: seconds, or minutes and hours before them: 12:30.5.
func recordingTime(text string) (time.Duration, error) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil
	}
	var total float64
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, archive.ErrInvalid
	}
	for i, p := range parts {
		n, err := strconv.ParseFloat(strings.ReplaceAll(p, ",", "."), 64)
		if err != nil || !(n >= 0 && n < 1e6) || i > 0 && n >= 60 || i < len(parts)-1 && n != float64(int(n)) {
			return 0, archive.ErrInvalid
		}
		total = total*60 + n
	}
	return time.Duration(total*1e6+0.5) * time.Microsecond, nil
}

// passages serves POST /testimonies/{testimony}/passages.
func (s *Server) passages(w http.ResponseWriter, r *request) error {
	if err := s.testifying(r); err != nil {
		return err
	}
	ctx, who, get, testimony := r.Context(), r.reader.Subject, r.PostForm.Get, r.PathValue("testimony")
	back := "/testimonies/" + testimony
	var err error
	at := ""
	switch get("act") {
	case "remove", "replace":
		// The passage must be one of this testimony: a form that was mixed up must not put words into somebody else's mouth.
		p, perr := s.o.Testimony.Passage(ctx, who, get("passage"))
		if perr != nil {
			return perr
		}
		if p.Testimony.ID != testimony && p.Passage.Testimony != testimony {
			if t, terr := s.o.Testimony.Testimony(ctx, who, testimony); terr != nil || !slices.ContainsFunc(t.Members, func(m archive.Entity) bool { return m.ID == p.Passage.Testimony }) {
				return archive.ErrNotFound
			}
		}
		if get("act") == "remove" {
			err = s.o.Testimony.RemovePassage(ctx, who, p.ID)
			break
		}
		var d knowledge.PassageDraft
		if d, err = passageForm(r); err == nil {
			var made archive.Passage
			if made, err = s.o.Testimony.ReplacePassage(ctx, who, p.ID, d); err == nil {
				at = "#" + made.ID
			}
		}
	case "add":
		var d knowledge.PassageDraft
		if d, err = passageForm(r); err == nil {
			var made []archive.Passage
			if made, err = s.o.Testimony.AddPassages(ctx, who, testimony, d); err == nil {
				at = "#" + made[0].ID
			}
		}
	default:
		return archive.ErrInvalid
	}
	switch {
	case errors.Is(err, archive.ErrInvalid):
		return s.drawTestimony(w, r, http.StatusBadRequest, template.Testimony{Error: "passage", Text: publicText(err), Draft: template.PassageForm{
			Heading: get("heading"), Text: get("text"), Lang: get("lang"), Item: get("item"), From: get("from"), To: get("to"), Page: get("page")}})
	case errors.Is(err, archive.ErrConflict):
		return s.drawTestimony(w, r, http.StatusConflict, template.Testimony{Error: "meanwhile"})
	case err != nil:
		return err
	}
	return redirect(w, r, back+"?done=saved"+at, "")
}

func passageForm(r *request) (d knowledge.PassageDraft, err error) {
	get := r.PostForm.Get
	d = knowledge.PassageDraft{Heading: get("heading"), Text: get("text"), Lang: strings.TrimSpace(get("lang")), Item: strings.TrimSpace(get("item"))}
	if d.From, err = recordingTime(get("from")); err != nil {
		return d, archive.Explain(err, "A time looks like 12:30.", "")
	}
	if d.To, err = recordingTime(get("to")); err != nil {
		return d, archive.Explain(err, "A time looks like 12:30.", "")
	}
	if d.To == 0 {
		d.To = d.From
	}
	if p := strings.TrimSpace(get("page")); p != "" {
		if d.Page, err = strconv.Atoi(p); err != nil || d.Page < 1 {
			return d, archive.Explain(archive.ErrInvalid, "A page is a number.", "")
		}
	}
	return d, nil
}

// consentAdd serves POST /testimonies/{testimony}/consents.
func (s *Server) consentAdd(w http.ResponseWriter, r *request) error {
	if err := s.testifying(r); err != nil {
		return err
	}
	get := r.PostForm.Get
	d := knowledge.ConsentDraft{Purpose: get("purpose"), Audience: get("audience"), How: get("how"), Item: strings.TrimSpace(get("item")), Note: get("note")}
	var err error
	for _, f := range []struct {
		name string
		to   *time.Time
	}{{"given", &d.GivenAt}, {"until", &d.Until}} {
		if v := get(f.name); v != "" && err == nil {
			if *f.to, err = time.Parse(time.DateOnly, v); err != nil {
				err = archive.ErrInvalid
			}
		}
	}
	if err == nil && d.GivenAt.Format(time.DateOnly) == s.o.Now().UTC().Format(time.DateOnly) {
		d.GivenAt = time.Time{} // today is now: what was taken back this morning can be given again
	}
	if err == nil {
		_, err = s.o.Testimony.AddConsent(r.Context(), r.reader.Subject, r.PathValue("testimony"), d)
	}
	if errors.Is(err, archive.ErrInvalid) || errors.Is(err, archive.ErrConflict) {
		return s.drawTestimony(w, r, problemOf(err).status, template.Testimony{Error: "consent", Text: publicText(err), Given: template.ConsentForm{
			Purpose: d.Purpose, Audience: d.Audience, How: d.How, Given: get("given"), Until: get("until"), Item: d.Item, Note: d.Note}})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/testimonies/"+url.PathEscape(r.PathValue("testimony")), "saved")
}

// withdrawPage serves GET /testimonies/{testimony}/withdraw.
func (s *Server) withdrawPage(w http.ResponseWriter, r *request) error {
	return s.drawWithdraw(w, r, http.StatusOK, template.Withdraw{Consent: r.URL.Query().Get("consent")})
}

func (s *Server) drawWithdraw(w http.ResponseWriter, r *request, status int, v template.Withdraw) error {
	if s.o.Testimony == nil {
		return archive.ErrNotFound
	}
	ctx, who, lang := r.Context(), r.reader.Subject, r.language(s)
	taken, stay, err := s.o.Testimony.WouldWithdraw(ctx, who, r.PathValue("testimony"), v.Consent)
	if err != nil {
		return err
	}
	t, err := s.o.Testimony.Testimony(ctx, who, r.PathValue("testimony"), lang)
	if err != nil {
		return err
	}
	words, err := s.testimonyWords(ctx, lang)
	if err != nil {
		return err
	}
	v.ID, v.Code, v.Depends = t.ID, t.Code, s.dependsView(t.Dependents, words)
	for _, c := range t.Consents {
		if slices.ContainsFunc(taken, func(x archive.Consent) bool { return x.ID == c.ID }) {
			v.Taken = append(v.Taken, consentView(c))
		} else if slices.ContainsFunc(stay, func(x archive.Consent) bool { return x.ID == c.ID }) {
			v.Stay = append(v.Stay, consentView(c))
		}
	}
	s.draw(w, r, status, "withdraw", "testimonies", v)
	return nil
}

// withdraw serves POST /testimonies/{testimony}/withdraw.
func (s *Server) withdraw(w http.ResponseWriter, r *request) error {
	if err := s.testifying(r); err != nil {
		return err
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	consent, reason := r.PostForm.Get("consent"), r.PostForm.Get("reason")
	switch _, err := s.o.Testimony.Withdraw(r.Context(), r.reader.Subject, r.PathValue("testimony"), consent, reason); {
	case errors.Is(err, archive.ErrInvalid):
		return s.drawWithdraw(w, r, http.StatusBadRequest, template.Withdraw{Consent: consent, Reason: reason, Error: "reason"})
	case errors.Is(err, archive.ErrConflict):
		return s.drawWithdraw(w, r, http.StatusConflict, template.Withdraw{Consent: consent, Error: "meanwhile"})
	case err != nil:
		return err
	}
	return redirect(w, r, "/testimonies/"+url.PathEscape(r.PathValue("testimony"))+"?done=withdrawn#depends", "")
}

// passage serves GET /passages/{passage}: citations lead here.
func (s *Server) passage(w http.ResponseWriter, r *request) error {
	if s.o.Testimony == nil {
		return archive.ErrNotFound
	}
	p, err := s.o.Testimony.Passage(r.Context(), r.reader.Subject, r.PathValue("passage"))
	if err != nil {
		return err
	}
	return redirect(w, r, "/testimonies/"+p.Passage.Testimony+"#"+p.ID, "")
}

// identityPage serves GET /identities/{entity}.
func (s *Server) identityPage(w http.ResponseWriter, r *request) error {
	return s.drawIdentity(w, r, http.StatusOK, template.Identity{})
}

func (s *Server) drawIdentity(w http.ResponseWriter, r *request, status int, v template.Identity) error {
	if s.o.Identity == nil {
		return archive.ErrNotFound
	}
	ctx, who := r.Context(), r.reader.Subject
	e, err := s.o.Identity.About(ctx, who, r.PathValue("entity"))
	if err != nil {
		return err
	}
	v.ID, v.Code, v.Kind, v.Back, v.Seconds = e.ID, e.Code, string(e.Kind), entityHref(e.Kind, e.ID), int(identityFor.Seconds())
	if v.Has, err = s.o.Identity.Has(ctx, who, e.ID); err != nil {
		return err
	}
	acts, err := s.o.Identity.Acts(ctx, who, e.ID)
	if errors.Is(err, knowledge.ErrNoIdentityKey) {
		v.NoKey, err = true, nil
	}
	if err != nil {
		return err
	}
	for i := len(acts) - 1; i >= 0; i-- { // newest first
		a := acts[i]
		v.Acts = append(v.Acts, template.IdentityAct{Act: a.Act, By: a.Agent, Reason: a.Reason, At: a.At})
	}
	s.draw(w, r, status, "identity", entitySection(e.Kind), v)
	return nil
}

// identity serves POST /identities/{entity}. What is opened stands in this answer and nowhere else; after a minute the browser leaves it.
func (s *Server) identity(w http.ResponseWriter, r *request) error {
	if s.o.Identity == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	if err := s.fresh(r); err != nil {
		return err
	}
	ctx, who, get, id := r.Context(), r.reader.Subject, r.PostForm.Get, r.PathValue("entity")
	var err error
	notice := ""
	act := get("act")
	switch act {
	case "open":
		var i knowledge.Identity
		if i, err = s.o.Identity.Open(ctx, who, id, get("reason")); err == nil {
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("Refresh", strconv.Itoa(int(identityFor.Seconds()))+"; url=/identities/"+url.PathEscape(id))
			return s.drawIdentity(w, r, http.StatusOK, template.Identity{Opened: &template.Opened{Name: i.Name, Born: i.Born, Contact: i.Contact, Kin: i.Kin, Note: i.Note}})
		}
	case "write":
		notice = "saved"
		err = s.o.Identity.Put(ctx, who, id, knowledge.Identity{Name: get("name"), Born: get("born"), Contact: get("contact"), Kin: get("kin"), Note: get("note")}, get("reason"))
	case "erase":
		notice = "identity-erased"
		if get("sure") != "yes" {
			return s.drawIdentity(w, r, http.StatusBadRequest, template.Identity{Error: "sure"})
		}
		err = s.o.Identity.Erase(ctx, who, id, get("reason"))
	default:
		return archive.ErrInvalid
	}
	switch {
	case errors.Is(err, knowledge.ErrNoIdentityKey):
		return s.drawIdentity(w, r, http.StatusConflict, template.Identity{NoKey: true})
	case errors.Is(err, archive.ErrInvalid) && act == "write":
		return s.drawIdentity(w, r, http.StatusBadRequest, template.Identity{Error: "write"})
	case errors.Is(err, archive.ErrInvalid):
		return s.drawIdentity(w, r, http.StatusBadRequest, template.Identity{Error: "reason"})
	case errors.Is(err, archive.ErrConflict):
		return s.drawIdentity(w, r, http.StatusConflict, template.Identity{Error: "meanwhile"})
	case err != nil:
		return err
	}
	return redirect(w, r, "/identities/"+url.PathEscape(id), notice)
}
