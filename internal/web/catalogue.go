package web

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/knowledge"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// Catalogue is what the pages ask of the room that keeps what is known; *knowledge.Service. It asks policy itself.
type Catalogue interface {
	Create(ctx context.Context, who policy.Subject, d knowledge.Draft) (archive.Entity, error)
	Say(ctx context.Context, who policy.Subject, entity string, drafts ...knowledge.ClaimDraft) ([]archive.Claim, error)
	Retract(ctx context.Context, who policy.Subject, claim, reason string) error
	Restore(ctx context.Context, who policy.Subject, claim string) error
	Replace(ctx context.Context, who policy.Subject, claim string, d knowledge.ClaimDraft) (archive.Claim, error)
	Find(ctx context.Context, who policy.Subject, f archive.Finding) error
	Merge(ctx context.Context, who policy.Subject, from, into, reason string) (archive.Merge, error)
	Unmerge(ctx context.Context, who policy.Subject, merge string) error
	File(ctx context.Context, who policy.Subject, entity, compartment string) error
	Entity(ctx context.Context, who policy.Subject, id string, lang ...string) (knowledge.View, error)
	List(ctx context.Context, who policy.Subject, q knowledge.Query) ([]knowledge.Summary, string, int, error)
	Incident(ctx context.Context, who policy.Subject, id string, lang ...string) (knowledge.Incident, error)
	Facility(ctx context.Context, who policy.Subject, id string, lang ...string) (knowledge.FacilityView, error)
	Person(ctx context.Context, who policy.Subject, id string, lang ...string) (knowledge.PersonView, error)
	Graph(ctx context.Context, who policy.Subject, id string, depth int, lang ...string) (knowledge.Graph, error)
	Compartments(ctx context.Context, who policy.Subject) ([]archive.Compartment, error)
	Vocabulary(ctx context.Context, name string) ([]archive.Term, error)
	ItemClaims(ctx context.Context, who policy.Subject, item string, lang ...string) ([]knowledge.Said, error)
}

// listSize is how many entities a page of a list shows.
const listSize = 60

// known gives the catalogue and who asks; archive.ErrNotFound where there is none.
func (s *Server) known(r *request) (Catalogue, policy.Subject, string, error) {
	if s.o.Catalogue == nil {
		return nil, policy.Subject{}, "", archive.ErrNotFound
	}
	return s.o.Catalogue, r.reader.Subject, cmp.Or(r.lang, s.language(r)), nil
}

// entityHref is the page of an entity.
func entityHref(kind archive.EntityKind, id string) string {
	switch kind {
	case catalogue.Incident:
		return "/incidents/" + id
	case catalogue.Person:
		return "/persons/" + id
	case catalogue.Facility:
		return "/places/" + id
	case catalogue.Testimony:
		return "/testimonies/" + id
	}
	return "/catalogue/" + id
}

// entitySection is the entry of the rail under which an entity stands.
func entitySection(kind archive.EntityKind) string {
	switch kind {
	case catalogue.Person, catalogue.Agency, catalogue.Posting:
		return "persons"
	case catalogue.Facility, catalogue.Location, catalogue.Room, catalogue.Camera:
		return "places"
	}
	return "incidents"
}

func entityLink(e archive.Entity, label string) template.EntityLink {
	return template.EntityLink{
		ID: e.ID, Code: e.Code, Label: cmp.Or(label, e.Label, e.Code), Kind: string(e.Kind), Href: entityHref(e.Kind, e.ID), Protected: e.Protected,
	}
}

func summaryLink(e knowledge.Summary) template.EntityLink { return entityLink(e.Entity, e.Label) }

// summaryLinkOrNil is nil for what is not said.
func summaryLinkOrNil(e knowledge.Summary) *template.EntityLink {
	if e.ID == "" {
		return nil
	}
	l := summaryLink(e)
	return &l
}

func entityRow(e knowledge.Summary) template.EntityRow {
	row := template.EntityRow{EntityLink: summaryLink(e), Changed: e.Changed}
	k, _ := catalogue.KindOf(e.Kind)
	for _, v := range e.Values {
		p, _ := k.Property(v.Property)
		row.Values = append(row.Values, template.EntityValue{Property: v.Property, Type: string(p.Type), Text: v.Text, Certainty: string(v.Certainty)})
	}
	return row
}

// The lists. What is typed into their search box is sent in the body of a form and never stands in an address: it may be a name.

func (s *Server) incidentsPage(w http.ResponseWriter, r *request) error {
	return s.entityList(w, r, "incidents", "/incidents", catalogue.Incident)
}

func (s *Server) personsPage(w http.ResponseWriter, r *request) error {
	return s.entityList(w, r, "persons", "/persons", catalogue.Person)
}

func (s *Server) placesPage(w http.ResponseWriter, r *request) error {
	return s.entityList(w, r, "places", "/places", catalogue.Facility)
}

func (s *Server) entitiesPage(w http.ResponseWriter, r *request) error {
	return s.entityList(w, r, "entities", "/catalogue", "")
}

// entityList draws a list. kind, status and compartment come with the address, q with the form.
func (s *Server) entityList(w http.ResponseWriter, r *request, page, path string, kind archive.EntityKind) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	get := r.Form.Get
	v := template.EntityList{Path: path, Kind: string(kind), Q: r.PostForm.Get("q"), MayAdd: policy.Could(who, policy.EditCatalogue)}
	q := knowledge.Query{Text: v.Q, Limit: listSize, After: get("after"), Lang: lang}
	carry := url.Values{}
	if kind != "" {
		q.Kinds = []archive.EntityKind{kind}
	} else {
		for _, k := range catalogue.Kinds() {
			chosen := get("kind") == string(k.Kind)
			v.Kinds = append(v.Kinds, template.Choice{Value: string(k.Kind), Chosen: chosen})
			if chosen {
				q.Kinds, v.Kind, v.Filtered = []archive.EntityKind{k.Kind}, string(k.Kind), true
				carry.Set("kind", string(k.Kind))
			}
		}
	}
	if v.Statuses, v.StatusName, err = s.statusChoices(r, c, kind, lang, get("status")); err != nil {
		return err
	}
	for _, choice := range v.Statuses {
		if choice.Chosen {
			q.Property, q.Value, v.Filtered = v.StatusName, choice.Value, true
			carry.Set("status", choice.Value)
		}
	}
	cells, err := c.Compartments(r.Context(), who)
	if err != nil {
		return err
	}
	for _, cell := range append([]archive.Compartment{{ID: archive.CommonGrant}}, cells...) {
		chosen := get("compartment") == cell.ID
		if chosen {
			id := cell.ID
			if id == archive.CommonGrant {
				id = archive.Common
			}
			q.Compartment, v.Filtered = &id, true
			carry.Set("compartment", cell.ID)
		}
		if len(cells) > 0 {
			v.Compartments = append(v.Compartments, template.Choice{Value: cell.ID, Label: cell.Name, Chosen: chosen})
		}
	}
	v.Filtered = v.Filtered || v.Q != ""
	list, next, total, err := c.List(r.Context(), who, q)
	if err != nil {
		return err
	}
	v.Total = total
	for _, e := range list {
		v.List = append(v.List, entityRow(e))
	}
	if q.After != "" {
		v.First = withQuery(path, carry)
	}
	if next != "" {
		v.Next = next
	}
	section := page
	if page == "entities" {
		section = "incidents"
	}
	return s.page(w, r, page, section, v)
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// statusChoices gives the terms by which a list of a kind can be narrowed.
func (s *Server) statusChoices(r *request, c Catalogue, kind archive.EntityKind, lang, chosen string) ([]template.Choice, string, error) {
	name := map[archive.EntityKind]string{catalogue.Incident: "status", catalogue.Person: "status", catalogue.Facility: "type"}[kind]
	k, _ := catalogue.KindOf(kind)
	p, ok := k.Property(name)
	if !ok {
		return nil, "", nil
	}
	terms, err := s.terms(r, c, p.Vocabulary, lang, chosen)
	return terms, name, err
}

// terms gives the terms of a vocabulary to choose from; retired ones only while they are chosen.
func (s *Server) terms(r *request, c Catalogue, vocabulary, lang, chosen string) ([]template.Choice, error) {
	all, err := c.Vocabulary(r.Context(), vocabulary)
	if err != nil {
		return nil, err
	}
	depth := map[string]int{}
	var out []template.Choice
	for _, t := range all {
		if t.Parent != "" {
			depth[t.Code] = depth[t.Parent] + 1
		}
		value := t.Vocabulary + ":" + t.Code
		if t.Retired && value != chosen {
			continue
		}
		out = append(out, template.Choice{Value: value, Label: t.Label(lang), Depth: depth[t.Code], Chosen: value == chosen})
	}
	return out, nil
}

// entityPage serves GET /catalogue/{entity}: everything that is said about anything.
func (s *Server) entityPage(w http.ResponseWriter, r *request) error {
	return s.drawEntity(w, r, http.StatusOK, r.PathValue("entity"))
}

func (s *Server) drawEntity(w http.ResponseWriter, r *request, status int, id string) error {
	c, who, lang, err := s.known(r)
	if err != nil {
		return err
	}
	e, err := c.Entity(r.Context(), who, id, lang)
	if err != nil {
		return err
	}
	d := s.describe(r, c)
	v := template.Entity{EntityHead: d.head(e)}
	v.Properties, v.Silent = d.properties(e)
	for _, in := range e.Incoming {
		v.Incoming = append(v.Incoming, template.Incoming{EntityLink: summaryLink(in.Entity), Property: in.Property, Certainty: string(in.Claim.Certainty)})
	}
	members := map[string]archive.Entity{}
	for _, m := range e.Members {
		members[m.ID] = m
	}
	for _, m := range e.Merged {
		from := members[m.From]
		if from.ID == "" {
			continue // filed where this reader does not see it
		}
		l := entityLink(from, "")
		l.Href = ""
		v.Merged = append(v.Merged, template.MergeView{ID: m.ID, From: l, Reason: m.Reason, Author: d.author(m.Author, ""), At: m.At})
	}
	if e.MayEdit {
		for _, cell := range append([]archive.Compartment{{}}, d.cells...) {
			if len(d.cells) > 0 {
				v.Compartments = append(v.Compartments, template.Choice{Value: cell.ID, Label: cell.Name, Chosen: cell.ID == e.Compartment})
			}
		}
		v.AddAbout = additions(e.Kind, e.Code, e.ID)
	}
	if v.Map, err = s.entityMap(r, e); err != nil {
		return err
	}
	s.draw(w, r, status, "entity", entitySection(e.Kind), v)
	return nil
}

// additions are the kinds of entities that can refer to one, with the form that makes them.
func additions(kind archive.EntityKind, code, id string) (out []template.Add) {
	for _, k := range catalogue.Kinds() {
		for _, p := range k.References() {
			if len(p.Refers) > 0 && slices.Contains(p.Refers, kind) {
				q := url.Values{"kind": {string(k.Kind)}, "v." + p.Name: {code}, "back": {entityHref(kind, id)}}
				out = append(out, template.Add{Kind: string(k.Kind), Href: "/catalogue/new?" + q.Encode()})
				break
			}
		}
	}
	return out
}

// describer turns what the catalogue says into what a page shows, asking for each item and compartment only once.
type describer struct {
	authors map[string]string // names of those who said something, by identifier
	s       *Server
	r       *request
	items   map[string]*archive.Item // nil: not for this reader
	cells   []archive.Compartment
	names   map[string]string
	terms   map[string]map[string]string // vocabulary, term
}

// term writes a term in words; what is no term of a vocabulary stays as it is.
func (d *describer) term(value string) string {
	vocabulary, _, ok := strings.Cut(value, ":")
	if !ok {
		return value
	}
	if d.terms == nil {
		d.terms = map[string]map[string]string{}
	}
	if d.terms[vocabulary] == nil {
		d.terms[vocabulary] = map[string]string{}
		lang := cmp.Or(d.r.lang, d.s.language(d.r))
		all, err := d.s.o.Catalogue.Vocabulary(d.r.Context(), vocabulary)
		for _, t := range all {
			if err == nil {
				d.terms[vocabulary][t.Vocabulary+":"+t.Code] = cmp.Or(t.Labels[lang], t.Labels["en"])
			}
		}
	}
	return cmp.Or(d.terms[vocabulary][value], value)
}

func (s *Server) describe(r *request, c Catalogue) *describer {
	d := &describer{s: s, r: r, items: map[string]*archive.Item{}, names: map[string]string{}}
	// Without their names compartments are shown by their identifier: nothing is lost.
	d.cells, _ = c.Compartments(r.Context(), r.reader.Subject)
	for _, cell := range d.cells {
		d.names[cell.ID] = cell.Name
	}
	return d
}

func (d *describer) compartment(id string) string {
	if id == archive.Common {
		return ""
	}
	return cmp.Or(d.names[id], id)
}

// author gives the name of somebody who said or found something: as it came with the claim, or as an account or another claim has it.
func (d *describer) author(id, name string) string {
	if d.authors == nil {
		d.authors = map[string]string{d.r.account.ID: d.r.account.Name}
	}
	if name == "" && d.authors[id] == "" && archive.CheckID(archive.PrefixAgent, id) == nil {
		if a, err := d.s.o.Account.Account(d.r.Context(), id); err == nil {
			name = a.Name
		}
	}
	if name != "" {
		d.authors[id] = name
	}
	return cmp.Or(name, d.authors[id], id)
}

func (d *describer) head(e knowledge.View) template.EntityHead {
	h := template.EntityHead{EntityLink: entityLink(e.Entity, e.Label), Compartment: d.compartment(e.Compartment), CompartmentID: e.Compartment, MayEdit: e.MayEdit, Changed: e.Changed}
	if u := d.r.URL.Query().Get("undo"); archive.CheckID(archive.PrefixClaim, u) == nil {
		h.Undo = u
	}
	return h
}

// item gives the facts of an item that a source names; nil if this reader may not see it.
func (d *describer) item(id string) *archive.Item {
	if it, ok := d.items[id]; ok {
		return it
	}
	var found *archive.Item
	if p, err := d.s.o.Reading.Peek(d.r.Context(), d.r.reader, id); err == nil {
		found = &p.Item
	}
	d.items[id] = found
	return found
}

// properties gives what is said, and the properties of which nothing is.
func (d *describer) properties(e knowledge.View) (said []template.PropertyView, silent []string) {
	k, _ := catalogue.KindOf(e.Kind)
	has := map[string]bool{}
	for _, p := range e.Properties {
		v := d.property(e, p)
		if len(v.Claims)+len(v.Gone) > 0 || v.Finding != nil {
			said = append(said, v)
			has[v.Name] = len(v.Claims) > 0 || v.Finding != nil
		}
	}
	for _, p := range k.Properties {
		if !has[p.Name] && !(e.Protected && p.Identifies) {
			silent = append(silent, p.Name)
		}
	}
	return said, silent
}

func (d *describer) property(e knowledge.View, p knowledge.PropertyView) template.PropertyView {
	v := template.PropertyView{Entity: e.ID, Name: p.Property.Name, Type: string(p.Property.Type), MayEdit: e.MayEdit}
	texts := map[string]string{}
	standing := 0
	for _, c := range p.Claims {
		claim := d.claim(c, p.Property)
		if c.Entity != e.ID {
			for _, m := range e.Members {
				if m.ID == c.Entity {
					l := entityLink(m, m.Code)
					claim.Foreign = &l
				}
			}
		}
		if !e.Protected && claim.Compartment == d.compartment(e.Compartment) {
			claim.Compartment = ""
		}
		texts[c.ID] = claim.Text
		if claim.Stands() {
			standing++
			v.Claims = append(v.Claims, claim)
		} else {
			v.Gone = append(v.Gone, claim)
		}
	}
	v.Rivals = standing > 1 && !p.Property.Many
	finding := func(f archive.Finding) template.FindingView {
		return template.FindingView{
			Claim: f.Claim, Text: texts[f.Claim], Type: v.Type, Undetermined: f.Claim == "", Reason: f.Reason, Author: d.author(f.Author, ""), At: f.At,
		}
	}
	if p.Finding != nil {
		f := finding(*p.Finding)
		v.Finding = &f
	}
	for _, f := range p.Dissent {
		v.Dissent = append(v.Dissent, finding(f))
	}
	return v
}

// propertyOf gives what is said of one property; the zero value if nothing is.
func (d *describer) propertyOf(e knowledge.View, name string) template.PropertyView {
	for _, p := range e.Properties {
		if p.Property.Name == name {
			return d.property(e, p)
		}
	}
	k, _ := catalogue.KindOf(e.Kind)
	p, _ := k.Property(name)
	return template.PropertyView{Entity: e.ID, Name: name, Type: string(p.Type), MayEdit: e.MayEdit}
}

func (d *describer) claim(c knowledge.Said, p catalogue.Property) template.Claim {
	v := template.Claim{
		ID: c.ID, Entity: c.Entity, Property: c.Property, Type: string(p.Type), Text: cmp.Or(c.Text, c.Value), Lang: c.Lang, Certainty: string(c.Certainty), Note: c.Note,
		Author: d.author(c.Author, c.AuthorName), At: c.CreatedAt, Compartment: d.compartment(c.Compartment), Current: c.Current, Rival: c.Rival, Withdrawn: c.Withdrawn,
		Machine: c.Origin != "" && c.Origin != "person", RetractedAt: c.RetractedAt, Replaced: c.Replaced != "",
	}
	switch {
	case c.Value == catalogue.Undetermined:
		v.Undetermined = true
	case c.RefID != "":
		v.Ref = &template.EntityLink{ID: c.RefID, Code: c.RefCode, Label: cmp.Or(c.RefLabel, c.RefCode), Kind: string(c.RefKind), Href: entityHref(c.RefKind, c.RefID)}
		v.Text = v.Ref.Label
	case p.Type == catalogue.TypeItem:
		if it := d.item(c.Value); it != nil {
			v.Ref = &template.EntityLink{ID: it.ID, Code: it.Reference(), Label: it.Reference(), Kind: "item", Href: "/items/" + it.ID}
		}
	}
	for _, src := range c.Sources {
		v.Sources = append(v.Sources, d.source(src))
	}
	return v
}

func (d *describer) source(src archive.Source) template.SourceChip {
	v := template.SourceChip{Kind: src.Kind, Note: src.Note, Page: src.Page, Part: !src.Region.IsZero()}
	switch src.Kind {
	case archive.SourceItem:
		it := d.item(src.Item)
		if it == nil {
			// The claim would not be shown if its item were out of sight; between two questions it may have gone.
			return v
		}
		v.Text, v.Href = it.Reference(), "/items/"+it.ID
		if src.From != 0 || src.To != 0 {
			v.Timed, v.From, v.To = true, src.From, src.To
			v.Href += "#t=" + seconds(src.From)
		}
	case archive.SourcePassage:
		v.Href = entityHref(catalogue.Testimony, src.Entity) + "#" + src.Passage
		v.Text = d.code(src.Entity)
	case archive.SourceDocument, archive.SourceArticle:
		v.Href = entityHref(archive.EntityKind(src.Kind), src.Entity)
		v.Text = d.code(src.Entity)
	}
	return v
}

// code names an entity that a source refers to.
func (d *describer) code(id string) string {
	if name, ok := d.names[id]; ok {
		return name
	}
	name := ""
	if e, err := d.s.o.Catalogue.Entity(d.r.Context(), d.r.reader.Subject, id); err == nil {
		name = e.Code
	}
	d.names[id] = name
	return name
}

// seconds writes a time for an address: 12.5.
func seconds(t time.Duration) string { return trimZeros(t.Seconds()) }

// reasonOf gives the code of an error that a form shows beside what was typed; false for what is not the asker's to mend.
func reasonOf(err error) (code, detail string, ok bool) {
	var public *archive.Public
	if errors.As(err, &public) {
		detail = public.Text
	}
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, archive.ErrForbidden):
		return "", "", false
	case errors.Is(err, archive.ErrInvalid):
		return "invalid", detail, true
	case errors.Is(err, archive.ErrConflict):
		return "conflict", detail, true
	case errors.Is(err, archive.ErrExists):
		return "exists", detail, true
	}
	return "", "", false
}
