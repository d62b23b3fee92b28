package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
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
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// sourceParams are the parameters by which another page hands over a source: /catalogue/new?item=…&from=12.5&to=14&region=x,y,w,h&page=3, or
// passage=….
var sourceParams = []string{"item", "from", "to", "region", "page", "passage", "testimony"}

// optionLimit is how many entities a form offers to choose from; others are named by their code.
const optionLimit = 300

// newForm serves GET /catalogue/new: without kind it asks what is to be said, with kind it draws the form.
func (s *Server) newForm(w http.ResponseWriter, r *request) error {
	if kind := r.URL.Query().Get("kind"); kind != "" {
		return s.drawNew(w, r, http.StatusOK, kind, r.URL.Query(), "", "")
	}
	return s.choose(w, r, r.URL.Query())
}

// chooseSearch serves POST /catalogue/choose: the same question with a search, whose words stay out of the address.
func (s *Server) chooseSearch(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	return s.choose(w, r, r.PostForm)
}

func (s *Server) choose(w http.ResponseWriter, r *request, in url.Values) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	v := template.EntityEdit{Act: "choose", Back: localPath(in.Get("back"), "/incidents"), Q: in.Get("q"), Carry: map[string]string{}}
	if v.Source, err = s.sourceForm(r, c, in); err != nil {
		return err
	}
	for _, p := range sourceParams {
		if x := in.Get(p); x != "" {
			v.Carry[p] = x
		}
	}
	for _, k := range catalogue.Kinds() {
		v.Kinds = append(v.Kinds, template.Choice{Value: string(k.Kind)})
	}
	list, _, _, err := c.List(r.Context(), who, knowledge.Query{Text: v.Q, Limit: 20, Lang: lang})
	if err != nil {
		return err
	}
	for _, e := range list {
		v.Found = append(v.Found, entityRow(e))
	}
	return s.page(w, r, "entity_edit", "incidents", v)
}

func (s *Server) drawNew(w http.ResponseWriter, r *request, status int, kind string, in url.Values, problem, detail string) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	k, ok := catalogue.KindOf(archive.EntityKind(kind))
	if !ok {
		return archive.ErrNotFound
	}
	v := template.EntityEdit{
		Act: "new", Kind: kind, Post: "/catalogue/new", Back: localPath(in.Get("back"), ""), Code: in.Get("code"), Protected: in.Get("protected") == "yes",
		Compartment: in.Get("compartment"), Error: problem, Detail: detail,
	}
	if v.Source, err = s.sourceForm(r, c, in); err != nil {
		return err
	}
	for _, p := range k.Properties {
		f, err := s.field(r, c, p, lang, in)
		if err != nil {
			return err
		}
		f.Required = slices.Contains(k.Required, p.Name)
		v.Fields = append(v.Fields, f)
	}
	if v.Compartments, err = s.compartmentChoices(r, c, who, v.Compartment); err != nil {
		return err
	}
	s.draw(w, r, status, "entity_edit", entitySection(k.Kind), v)
	return nil
}

func (s *Server) compartmentChoices(r *request, c Catalogue, who policy.Subject, chosen string) ([]template.Choice, error) {
	cells, err := c.Compartments(r.Context(), who)
	if err != nil || len(cells) == 0 {
		return nil, err
	}
	var out []template.Choice
	if policy.ScopeOf(who).Sees(archive.Common) {
		out = append(out, template.Choice{Chosen: chosen == archive.Common})
	}
	for _, cell := range cells {
		out = append(out, template.Choice{Value: cell.ID, Label: cell.Name, Chosen: chosen == cell.ID})
	}
	return out, nil
}

// field draws one property of a form. Inputs are named v.PROPERTY (value), c.PROPERTY (certainty), l.PROPERTY (language).
func (s *Server) field(r *request, c Catalogue, p catalogue.Property, lang string, in url.Values) (template.EntityField, error) {
	f := template.EntityField{
		Name: p.Name, Type: string(p.Type), Property: p.Name, Value: in.Get("v." + p.Name), Lang: in.Get("l." + p.Name), Certainty: cmp.Or(in.Get("c."+p.Name), string(archive.Probable)), Many: p.Many,
	}
	var err error
	switch p.Type {
	case catalogue.TypeTerm:
		f.Terms, err = s.terms(r, c, p.Vocabulary, lang, f.Value)
	case catalogue.TypeRef:
		f.Options, err = s.options(r, c, p.Refers, lang)
		f.Undetermined = slices.Contains(p.Refers, catalogue.Location)
	}
	return f, err
}

func (s *Server) options(r *request, c Catalogue, kinds []archive.EntityKind, lang string) ([]template.EntityLink, error) {
	list, _, _, err := c.List(r.Context(), r.reader.Subject, knowledge.Query{Kinds: kinds, Limit: optionLimit, Lang: lang})
	var out []template.EntityLink
	for _, e := range list {
		out = append(out, summaryLink(e))
	}
	return out, err
}

// sourceForm fills in the part of a form that names the source, from an address or from what was sent.
func (s *Server) sourceForm(r *request, c Catalogue, in url.Values) (template.SourceForm, error) {
	v := template.SourceForm{
		Item: in.Get("item"), From: in.Get("from"), To: in.Get("to"), Region: in.Get("region"), Page: in.Get("page"), Passage: in.Get("passage"), Entity: in.Get("document"), Words: in.Get("words"),
	}
	if v.Item != "" {
		it, err := s.itemNamed(r, v.Item)
		switch {
		case err == nil:
			v.ItemRef, v.Known = it.Reference(), true
		case !errors.Is(err, archive.ErrNotFound) && !errors.Is(err, archive.ErrInvalid):
			return v, err
		}
	}
	if v.Passage != "" && archive.CheckID(archive.PrefixPassage, v.Passage) == nil {
		v.Known = true
		if t := in.Get("testimony"); t != "" {
			if e, err := c.Entity(r.Context(), r.reader.Subject, t); err == nil {
				v.PassageLabel = e.Code
			}
		}
	}
	var err error
	v.Documents, err = s.options(r, c, []archive.EntityKind{catalogue.Document, catalogue.Article}, s.language(r))
	return v, err
}

// itemNamed finds an item by identifier or reference.
func (s *Server) itemNamed(r *request, name string) (archive.Item, error) {
	if archive.CheckID(archive.PrefixItem, name) == nil {
		p, err := s.o.Reading.Peek(r.Context(), r.reader, name)
		return p.Item, err
	}
	ref := strings.ToUpper(strings.TrimSpace(name))
	items, _, err := s.o.Reading.Browse(r.Context(), r.reader, reading.Query{Text: ref}, reading.Cursor{}, 1)
	if err != nil {
		return archive.Item{}, err
	}
	if len(items) != 1 || items[0].Reference() != ref {
		return archive.Item{}, archive.ErrNotFound
	}
	return items[0], nil
}

// errSource says which part of a source could not be read.
type errSource string

func (e errSource) Error() string { return "source: " + string(e) }
func (e errSource) Unwrap() error { return archive.ErrInvalid }

// sources reads what a form gives as sources; none is allowed.
func (s *Server) sources(r *request, c Catalogue) ([]archive.Source, error) {
	get := func(name string) string { return strings.TrimSpace(r.PostForm.Get(name)) }
	var out []archive.Source
	if name := get("item"); name != "" {
		it, err := s.itemNamed(r, name)
		if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrInvalid) {
			return nil, errSource("item")
		} else if err != nil {
			return nil, err
		}
		src := archive.Source{Kind: archive.SourceItem, Item: it.ID}
		var err1, err2 error
		src.From, err1 = playerTime(get("from"))
		src.To, err2 = playerTime(cmp.Or(get("to"), get("from")))
		if err1 != nil || err2 != nil || src.To < src.From {
			return nil, errSource("span")
		}
		if it.Duration > 0 && src.To > it.Duration {
			return nil, errSource("beyond")
		}
		if src.Region, err = region(get("region")); err != nil {
			return nil, errSource("region")
		}
		if p := get("page"); p != "" {
			if src.Page, err = strconv.Atoi(p); err != nil || src.Page < 1 || src.Page > 1_000_000 {
				return nil, errSource("page")
			}
		}
		out = append(out, src)
	} else if get("from")+get("to")+get("region")+get("page") != "" {
		return nil, errSource("item")
	}
	if p := get("passage"); p != "" {
		if archive.CheckID(archive.PrefixPassage, p) != nil {
			return nil, errSource("passage")
		}
		src := archive.Source{Kind: archive.SourcePassage, Passage: p}
		if t := get("testimony"); t != "" {
			e, err := c.Entity(r.Context(), r.reader.Subject, t)
			if err != nil {
				return nil, errSource("passage")
			}
			src.Entity = e.ID
		}
		out = append(out, src)
	}
	if name := get("document"); name != "" {
		e, err := c.Entity(r.Context(), r.reader.Subject, name)
		if err != nil || e.Kind != catalogue.Document && e.Kind != catalogue.Article {
			return nil, errSource("document")
		}
		src := archive.Source{Kind: archive.SourceDocument, Entity: e.ID}
		if e.Kind == catalogue.Article {
			src.Kind = archive.SourceArticle
		}
		out = append(out, src)
	}
	if words := get("words"); words != "" {
		out = append(out, archive.Source{Kind: archive.SourceOther, Note: words})
	}
	return out, nil
}

// playerTime reads 12.5, 3:20 or 1:02:03.25. Empty is 0.
func playerTime(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	parts := strings.Split(text, ":")
	if len(parts) > 3 {
		return 0, archive.ErrInvalid
	}
	var total float64
	for i, p := range parts {
		f, err := strconv.ParseFloat(p, 64)
		last := i == len(parts)-1
		if err != nil || !(f >= 0) || f > 1e7 || !last && f != float64(int64(f)) || i > 0 && f >= 60 {
			return 0, archive.ErrInvalid
		}
		total = total*60 + f
	}
	return time.Duration(math.Round(total*1e6)) * time.Microsecond, nil
}

// region reads x,y,w,h in millionths.
func region(text string) (archive.Region, error) {
	var g archive.Region
	if text == "" {
		return g, nil
	}
	parts := strings.Split(text, ",")
	if len(parts) != 4 {
		return g, archive.ErrInvalid
	}
	for i, to := range []*int{&g.X, &g.Y, &g.W, &g.H} {
		n, err := strconv.Atoi(strings.TrimSpace(parts[i]))
		if err != nil || n < 0 || n > 1_000_000 {
			return g, archive.ErrInvalid
		}
		*to = n
	}
	if g.W == 0 || g.H == 0 || g.X+g.W > 1_000_000 || g.Y+g.H > 1_000_000 {
		return archive.Region{}, archive.ErrInvalid
	}
	return g, nil
}

func trimZeros(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// draft reads one property of a form; false when nothing is said of it.
func draft(in url.Values, p catalogue.Property, sources []archive.Source) (knowledge.ClaimDraft, bool) {
	d := knowledge.ClaimDraft{
		Property: p.Name, Value: strings.TrimSpace(in.Get("v." + p.Name)), Certainty: archive.Certainty(in.Get("c." + p.Name)), Lang: in.Get("l." + p.Name), Note: strings.TrimSpace(in.Get("note")),
		Compartment: in.Get("claim-compartment"), Sources: sources,
	}
	if in.Get("u."+p.Name) == "yes" {
		d.Value = catalogue.Undetermined
	}
	if p.Type == catalogue.TypeGeo {
		d.Value = strings.Join(strings.Fields(d.Value), "")
	}
	return d, d.Value != "" || d.Certainty == archive.NotKnown
}

// newEntity serves POST /catalogue/new.
func (s *Server) newEntity(w http.ResponseWriter, r *request) error {
	if err := form(r); err != nil {
		return badForm(err)
	}
	c, who, _, err := s.known(r)
	if err != nil {
		return err
	}
	in := r.PostForm
	k, ok := catalogue.KindOf(archive.EntityKind(in.Get("kind")))
	if !ok {
		return archive.ErrInvalid
	}
	again := func(code, detail string) error {
		return s.drawNew(w, r, http.StatusBadRequest, string(k.Kind), in, code, detail)
	}
	sources, err := s.sources(r, c)
	var bad errSource
	if errors.As(err, &bad) {
		return again("source-"+string(bad), "")
	} else if err != nil {
		return err
	}
	d := knowledge.Draft{Kind: k.Kind, Compartment: in.Get("compartment"), Protected: in.Get("protected") == "yes", Code: strings.TrimSpace(in.Get("code"))}
	for _, p := range k.Properties {
		if claim, said := draft(in, p, sources); said {
			d.Claims = append(d.Claims, claim)
		}
	}
	if len(d.Claims) == 0 && !d.Protected {
		return again("nothing", "")
	}
	e, err := c.Create(r.Context(), who, d)
	if err != nil {
		if errors.Is(err, archive.ErrNotFound) { // of something that the form refers to, or the compartment
			return again("reference", "")
		}
		if code, detail, ok := reasonOf(err); ok {
			return again(code, detail)
		}
		return err
	}
	to := entityHref(e.Kind, e.ID)
	if k.Relation || slices.Contains([]archive.EntityKind{catalogue.Act, catalogue.Outcome, catalogue.Room, catalogue.Camera}, k.Kind) {
		to = localPath(in.Get("back"), to)
	}
	return redirect(w, r, to, "entity-made")
}

// sayForm serves GET /catalogue/{entity}/say?property=…: the form for one more claim. replace=CLAIM puts it in the place of another one.
func (s *Server) sayForm(w http.ResponseWriter, r *request) error {
	return s.drawSay(w, r, http.StatusOK, r.URL.Query(), "", "")
}

func (s *Server) drawSay(w http.ResponseWriter, r *request, status int, in url.Values, problem, detail string) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	e, err := c.Entity(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	if !e.MayEdit {
		return archive.ErrNotFound
	}
	k, _ := catalogue.KindOf(e.Kind)
	self := entityLink(e.Entity, e.Label)
	v := template.EntityEdit{Act: "say", Kind: string(e.Kind), Entity: &self, Post: "/catalogue/" + e.ID + "/say", Back: localPath(in.Get("back"), self.Href), Error: problem, Detail: detail, Carry: map[string]string{}}
	d := s.describe(r, c)
	if id := in.Get("replace"); id != "" {
		prop, claim := find(e, id)
		if claim == nil || !claim.Stands() {
			return archive.ErrNotFound
		}
		shown := d.claim(*claim, prop)
		v.Act, v.Claim = "replace", &shown
		if in.Get("c."+prop.Name) == "" {
			in = restate(in, *claim)
		}
		in.Set("property", prop.Name)
	}
	if v.Source, err = s.sourceForm(r, c, in); err != nil {
		return err
	}
	for _, p := range sourceParams {
		if x := in.Get(p); x != "" {
			v.Carry[p] = x
		}
	}
	p, ok := k.Property(in.Get("property"))
	if !ok {
		// First which property; then the form for it.
		for _, p := range k.Properties {
			if !(e.Protected && p.Identifies) {
				v.Kinds = append(v.Kinds, template.Choice{Value: p.Name})
			}
		}
		s.draw(w, r, status, "entity_edit", entitySection(e.Kind), v)
		return nil
	}
	f, err := s.field(r, c, p, lang, in)
	if err != nil {
		return err
	}
	f.Required = true
	v.Fields = []template.EntityField{f}
	v.Compartment = in.Get("claim-compartment")
	if v.Compartments, err = s.compartmentChoices(r, c, who, v.Compartment); err != nil {
		return err
	}
	prop := d.propertyOf(e, p.Name)
	v.Property = &prop
	s.draw(w, r, status, "entity_edit", entitySection(e.Kind), v)
	return nil
}

// restate fills in a form with a claim that is to be replaced.
func restate(in url.Values, c knowledge.Said) url.Values {
	out := url.Values{"replace": {c.ID}, "back": in["back"]}
	value := c.Value
	if c.RefCode != "" {
		value = c.RefCode
	}
	if c.Value == catalogue.Undetermined {
		out.Set("u."+c.Property, "yes")
		value = ""
	}
	out.Set("v."+c.Property, value)
	out.Set("c."+c.Property, string(c.Certainty))
	out.Set("l."+c.Property, c.Lang)
	for _, src := range c.Sources { // the first of each kind; the form has room for one of each
		switch {
		case src.Kind == archive.SourceItem && out.Get("item") == "":
			out.Set("item", src.Item)
			if src.From != 0 || src.To != 0 {
				out.Set("from", seconds(src.From))
				out.Set("to", seconds(src.To))
			}
			if !src.Region.IsZero() {
				out.Set("region", fmt.Sprintf("%d,%d,%d,%d", src.Region.X, src.Region.Y, src.Region.W, src.Region.H))
			}
			if src.Page > 0 {
				out.Set("page", strconv.Itoa(src.Page))
			}
		case src.Kind == archive.SourcePassage && out.Get("passage") == "":
			out.Set("passage", src.Passage)
			out.Set("testimony", src.Entity)
		case (src.Kind == archive.SourceDocument || src.Kind == archive.SourceArticle) && out.Get("document") == "":
			out.Set("document", src.Entity)
		case src.Kind == archive.SourceOther && out.Get("words") == "":
			out.Set("words", src.Note)
		}
	}
	return out
}

// find gives a claim of an entity by its identifier.
func find(e knowledge.View, id string) (catalogue.Property, *knowledge.Said) {
	for _, p := range e.Properties {
		for i := range p.Claims {
			if p.Claims[i].ID == id {
				return p.Property, &p.Claims[i]
			}
		}
	}
	return catalogue.Property{}, nil
}

// say serves POST /catalogue/{entity}/say.
func (s *Server) say(w http.ResponseWriter, r *request) error {
	c, who, e, err := s.entityForm(r)
	if err != nil {
		return err
	}
	in := r.PostForm
	again := func(code, detail string) error {
		return s.drawSay(w, r, http.StatusBadRequest, in, code, detail)
	}
	k, _ := catalogue.KindOf(e.Kind)
	p, ok := k.Property(in.Get("property"))
	if !ok {
		return archive.ErrInvalid
	}
	sources, err := s.sources(r, c)
	var bad errSource
	if errors.As(err, &bad) {
		return again("source-"+string(bad), "")
	} else if err != nil {
		return err
	}
	d, said := draft(in, p, sources)
	if !said {
		return again("nothing", "")
	}
	if former := in.Get("replace"); former != "" {
		if _, claim := find(e, former); claim == nil {
			return archive.ErrNotFound
		}
		_, err = c.Replace(r.Context(), who, former, d)
	} else {
		_, err = c.Say(r.Context(), who, e.ID, d)
	}
	if err != nil {
		if errors.Is(err, archive.ErrNotFound) {
			return again("reference", "")
		}
		if code, detail, ok := reasonOf(err); ok {
			return again(code, detail)
		}
		return err
	}
	return redirect(w, r, localPath(in.Get("back"), entityHref(e.Kind, e.ID)), "claim-made")
}

// onClaim finds the entity of a claim, which the form names, and makes sure that the claim is one of it.
func (s *Server) onClaim(r *request) (Catalogue, policy.Subject, knowledge.View, *knowledge.Said, error) {
	c, who, e, err := s.entityForm(r)
	if err != nil {
		return nil, who, e, nil, err
	}
	_, claim := find(e, r.PathValue("claim"))
	if claim == nil {
		return nil, who, e, nil, archive.ErrNotFound
	}
	return c, who, e, claim, nil
}

// claimRetract serves POST /catalogue/{entity}/claims/{claim}/retract.
func (s *Server) claimRetract(w http.ResponseWriter, r *request) error {
	c, who, e, claim, err := s.onClaim(r)
	if err != nil {
		return err
	}
	if err := c.Retract(r.Context(), who, claim.ID, strings.TrimSpace(r.PostForm.Get("reason"))); err != nil {
		return err
	}
	to, fragment, _ := strings.Cut(localPath(r.PostForm.Get("back"), "/catalogue/"+e.ID), "#")
	to += sep(to) + "undo=" + claim.ID
	if fragment != "" {
		return redirect(w, r, to, "claim-retracted")
	}
	return redirect(w, r, to, "claim-retracted")
}

// claimRestore serves POST /catalogue/{entity}/claims/{claim}/restore.
func (s *Server) claimRestore(w http.ResponseWriter, r *request) error {
	c, who, e, claim, err := s.onClaim(r)
	if err != nil {
		return err
	}
	if err := c.Restore(r.Context(), who, claim.ID); err != nil {
		return err
	}
	return redirect(w, r, localPath(r.PostForm.Get("back"), "/catalogue/"+e.ID), "claim-restored")
}

// findingForm serves GET /catalogue/{entity}/finding?property=….
func (s *Server) findingForm(w http.ResponseWriter, r *request) error {
	return s.drawFinding(w, r, http.StatusOK, r.URL.Query().Get("property"), r.URL.Query().Get("back"), "", "")
}

func (s *Server) drawFinding(w http.ResponseWriter, r *request, status int, property, back, problem, detail string) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	e, err := c.Entity(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	k, _ := catalogue.KindOf(e.Kind)
	if _, ok := k.Property(property); !ok || !e.MayEdit {
		return archive.ErrNotFound
	}
	self := entityLink(e.Entity, e.Label)
	p := s.describe(r, c).propertyOf(e, property)
	v := template.EntityEdit{
		Act: "finding", Kind: string(e.Kind), Entity: &self, Post: "/catalogue/" + e.ID + "/finding", Back: localPath(back, self.Href), Property: &p, Error: problem, Detail: detail,
	}
	s.draw(w, r, status, "entity_edit", entitySection(e.Kind), v)
	return nil
}

// entityForm reads a form about the entity in the address.
func (s *Server) entityForm(r *request) (Catalogue, policy.Subject, knowledge.View, error) {
	c, who, _, err := s.known(r)
	if err != nil {
		return nil, who, knowledge.View{}, err
	}
	if err := form(r); err != nil {
		return nil, who, knowledge.View{}, badForm(err)
	}
	e, err := c.Entity(r.Context(), who, r.PathValue("entity"))
	return c, who, e, err
}

// finding serves POST /catalogue/{entity}/finding.
func (s *Server) finding(w http.ResponseWriter, r *request) error {
	c, who, e, err := s.entityForm(r)
	if err != nil {
		return err
	}
	in := r.PostForm
	f := archive.Finding{Entity: e.ID, Property: in.Get("property"), Claim: in.Get("claim"), Reason: strings.TrimSpace(in.Get("reason")), Dissent: in.Get("dissent") == "yes"}
	if f.Claim == "none" {
		f.Claim = ""
	} else if p, claim := find(e, f.Claim); claim == nil || p.Name != f.Property {
		return s.drawFinding(w, r, http.StatusBadRequest, f.Property, in.Get("back"), "choice", "")
	}
	if f.Reason == "" {
		return s.drawFinding(w, r, http.StatusBadRequest, f.Property, in.Get("back"), "reason", "")
	}
	if err := c.Find(r.Context(), who, f); err != nil {
		if code, detail, ok := reasonOf(err); ok {
			return s.drawFinding(w, r, http.StatusBadRequest, f.Property, in.Get("back"), code, detail)
		}
		return err
	}
	notice := "finding-made"
	if f.Dissent {
		notice = "dissent-made"
	}
	return redirect(w, r, localPath(in.Get("back"), entityHref(e.Kind, e.ID)), notice)
}

// mergeForm serves GET /catalogue/{entity}/merge?with=CODE: it asks for the other one, then shows both side by side.
func (s *Server) mergeForm(w http.ResponseWriter, r *request) error {
	return s.drawMerge(w, r, http.StatusOK, strings.TrimSpace(r.URL.Query().Get("with")), "", "")
}

func (s *Server) drawMerge(w http.ResponseWriter, r *request, status int, with, problem, detail string) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	e, err := c.Entity(r.Context(), who, r.PathValue("entity"), lang)
	if err != nil {
		return err
	}
	if !e.MayEdit {
		return archive.ErrNotFound
	}
	self := entityLink(e.Entity, e.Label)
	v := template.EntityEdit{Act: "merge", Kind: string(e.Kind), Entity: &self, Post: "/catalogue/" + e.ID + "/merge", Back: "/catalogue/" + e.ID, Error: problem, Detail: detail}
	if with != "" {
		other, err := c.Entity(r.Context(), who, with, lang)
		switch {
		case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrForbidden), errors.Is(err, archive.ErrInvalid):
			v.Error, status = "reference", http.StatusBadRequest
		case err != nil:
			return err
		case other.ID == e.ID:
			v.Error, status = "same", http.StatusBadRequest
		case other.Kind != e.Kind:
			v.Error, status = "kind", http.StatusBadRequest
		default:
			l := entityLink(other.Entity, other.Label)
			v.Other, v.Gains = &l, len(other.Incoming)
			v.Preview = s.mergePreview(s.describe(r, c), e, other)
		}
	}
	if v.Other == nil {
		f, err := s.options(r, c, []archive.EntityKind{e.Kind}, lang)
		if err != nil {
			return err
		}
		v.Fields = []template.EntityField{{Name: "with", Type: "ref", Options: slices.DeleteFunc(f, func(l template.EntityLink) bool { return l.ID == e.ID }), Required: true}}
	}
	s.draw(w, r, status, "entity_edit", entitySection(e.Kind), v)
	return nil
}

func (s *Server) mergePreview(d *describer, into, from knowledge.View) (out []template.MergeLine) {
	k, _ := catalogue.KindOf(into.Kind)
	for _, p := range k.Properties {
		mine, theirs := d.propertyOf(into, p.Name), d.propertyOf(from, p.Name)
		if len(mine.Claims)+len(theirs.Claims) == 0 {
			continue
		}
		line := template.MergeLine{Property: p.Name, Type: string(p.Type), Mine: mine.Claims, Theirs: theirs.Claims}
		if !p.Many && len(mine.Claims) > 0 {
			for _, t := range theirs.Claims {
				line.Rival = line.Rival || !slices.ContainsFunc(mine.Claims, func(m template.Claim) bool { return m.Text == t.Text })
			}
		}
		out = append(out, line)
	}
	return out
}

// merge serves POST /catalogue/{entity}/merge: the other one becomes part of this one.
func (s *Server) merge(w http.ResponseWriter, r *request) error {
	c, who, e, err := s.entityForm(r)
	if err != nil {
		return err
	}
	in := r.PostForm
	other, err := c.Entity(r.Context(), who, in.Get("with"))
	if err != nil {
		return err
	}
	reason := strings.TrimSpace(in.Get("reason"))
	if reason == "" {
		return s.drawMerge(w, r, http.StatusBadRequest, other.ID, "reason", "")
	}
	if _, err := c.Merge(r.Context(), who, other.ID, e.ID, reason); err != nil {
		if code, detail, ok := reasonOf(err); ok {
			return s.drawMerge(w, r, http.StatusBadRequest, other.ID, code, detail)
		}
		return err
	}
	return redirect(w, r, "/catalogue/"+e.ID, "merge-made")
}

// mergeUndo serves POST /catalogue/{entity}/merges/{merge}/undo.
func (s *Server) mergeUndo(w http.ResponseWriter, r *request) error {
	return s.entityAct(w, r, "merge-undone", func(ctx context.Context, c Catalogue, who policy.Subject, e knowledge.View) error {
		id := r.PathValue("merge")
		if !slices.ContainsFunc(e.Merged, func(m archive.Merge) bool { return m.ID == id }) {
			return archive.ErrNotFound
		}
		return c.Unmerge(ctx, who, id)
	})
}

// file serves POST /catalogue/{entity}/file: it moves an entity to another compartment.
func (s *Server) file(w http.ResponseWriter, r *request) error {
	return s.entityAct(w, r, "entity-filed", func(ctx context.Context, c Catalogue, who policy.Subject, e knowledge.View) error {
		if r.PostForm.Get("sure") != "yes" {
			return archive.ErrInvalid
		}
		return c.File(ctx, who, e.ID, r.PostForm.Get("compartment"))
	})
}

func (s *Server) entityAct(w http.ResponseWriter, r *request, notice string, act func(context.Context, Catalogue, policy.Subject, knowledge.View) error) error {
	c, who, e, err := s.entityForm(r)
	if err != nil {
		return err
	}
	if err := act(r.Context(), c, who, e); err != nil {
		return err
	}
	return redirect(w, r, "/catalogue/"+e.ID, notice)
}
