package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"zapis/internal/account"
	"zapis/internal/archive"
	"zapis/internal/knowledge"
	"zapis/internal/machine"
	"zapis/internal/policy"
)

// The JSON API for programs, under /api/v1: described at /api/v1/openapi.json, reached with a token (Authorization: Bearer zpt_…) or, from
// the workspace itself, with the session. What a token reaches is never more than its account may, nor than the token was made for.

// operation is one address of it, with what its description says.
type operation struct {
	method, path string
	action       policy.Action
	name, about  string
	query        []parameterDoc
	in, out      any // values of the types of the bodies; nil: none
	media        string
	handle       func(w http.ResponseWriter, r *request) error
}

type parameterDoc struct{ name, about string }

func (s *Server) operations() []operation {
	view, edit := policy.ViewCatalogue, policy.EditCatalogue
	page := []parameterDoc{{"limit", "entities of a page, 1 to 1,000; 100 by default"}, {"after", "the next of the page before"}, {"lang", "language of terms: en, ru, uk"}}
	lang := []parameterDoc{{"lang", "language of terms: en, ru, uk"}}
	return []operation{
		{"GET", "/api/v1/entities", view, "listEntities", "A page of entities", append([]parameterDoc{{"kind", "may be repeated"}, {"q", "beginning of a code or of a word of a name, in any script"},
			{"property", "with a claim about this property"}, {"value", "with property: of this value, in canonical form"}, {"refers", "those that refer to this entity"}, {"compartment", "filed in this one; empty: the common one"}}, page...),
			nil, entitiesJSON{}, "", s.apiEntities},
		{"POST", "/api/v1/entities", edit, "makeEntity", "Make an entity with its first claims", nil, entityDraftJSON{}, entityJSON{}, "", s.apiEntityNew},
		{"GET", "/api/v1/entities/{entity}", view, "entity", "An entity with everything that is said about it", lang, nil, entityViewJSON{}, "", s.apiEntity},
		{"POST", "/api/v1/entities/{entity}/claims", edit, "say", "Make claims about an entity", nil, claimDraftsJSON{}, claimsJSON{}, "", s.apiSay},
		{"POST", "/api/v1/entities/{entity}/findings", edit, "find", "Say which of rival claims is current, that none can be, or dissent", nil, findingDraftJSON{}, okJSON{}, "", s.apiFind},
		{"POST", "/api/v1/entities/{entity}/merges", edit, "merge", "Say that an entity is the same as another one", nil, mergeDraftJSON{}, mergeJSON{}, "", s.apiMerge},
		{"POST", "/api/v1/merges/{merge}/undo", edit, "unmerge", "Take a merge back", nil, nil, okJSON{}, "", s.apiUnmerge},
		{"POST", "/api/v1/claims/{claim}/replace", edit, "replaceClaim", "Put another claim in the place of one", nil, claimDraftJSON{}, claimJSON{}, "", s.apiReplace},
		{"POST", "/api/v1/claims/{claim}/retract", edit, "retractClaim", "Take a claim back", nil, reasonJSON{}, okJSON{}, "", s.apiRetract},
		{"POST", "/api/v1/claims/{claim}/restore", edit, "restoreClaim", "Put a claim back that was taken back", nil, nil, okJSON{}, "", s.apiRestore},
		{"GET", "/api/v1/compartments", view, "compartments", "Compartments that one sees", nil, nil, compartmentsJSON{}, "", s.apiCompartments},
		{"GET", "/api/v1/vocabularies/{vocabulary}", view, "vocabulary", "Terms of a vocabulary", nil, nil, termsJSON{}, "", s.apiVocabulary},
		{"GET", "/api/v1/testimonies", view, "listTestimonies", "A page of testimonies; never who stands behind one", page, nil, testimoniesJSON{}, "", s.apiTestimonies},
		{"GET", "/api/v1/testimonies/{testimony}", view, "testimony", "Passages and consents of a testimony; never who stands behind it", lang, nil, testimonyJSON{}, "", s.apiTestimony},
		{"GET", "/api/v1/items/{item}/claims", policy.ViewItem, "itemClaims", "Claims that rest on an item", lang, nil, claimsJSON{}, "", s.apiItemClaims},
		{"GET", "/api/v1/items/{item}/notes", policy.ViewItem, "itemNotes", "Notes on an item", nil, nil, nil, "application/json", s.itemNotes},
		{"POST", "/api/v1/items/{item}/notes", policy.Annotate, "addNote", "Make a note", nil, draftJSON{}, noteJSON{}, "", s.noteAdd},
		{"POST", "/api/v1/items/{item}/difficulty", policy.Grade, "gradeItem", "Say how hard an item is to watch", nil, gradeJSON{}, okJSON{}, "", s.gradeAPI},
		{"GET", "/api/v1/suggestions", policy.ViewItem, "listSuggestions", "What machines found", []parameterDoc{{"item", ""}, {"kind", ""}, {"state", "suggested, confirmed or dismissed"}, {"limit", ""}, {"after", ""}},
			nil, suggestionsJSON{}, "", s.apiSuggestions},
		{"POST", "/api/v1/suggestions/{suggestion}", policy.DecideSuggestion, "decide", "Confirm or dismiss what a machine found, or take that back", nil, decisionJSON{}, okJSON{}, "", s.apiDecide},
		{"POST", "/api/v1/search", policy.Search, "search", "Answer to a question", nil, questionJSON{}, searchOutJSON{}, "", s.searchAPI},

		{"GET", "/api/v1/imports", policy.Import, "listImports", "One's own imports", nil, nil, importsJSON{}, "", s.apiImports},
		{"POST", "/api/v1/imports", policy.Import, "import", "Take a file in; without run=yes it is a dry run", []parameterDoc{{"run", "yes: not a dry run"}, {"mapping", "JSON of the mapping, for tables; by default it is proposed, for dry runs only"},
			{"kind", "kind of entity of each row, for a proposed mapping"}, {"compartment", "where new entities are filed"}, {"encoding", ""}, {"separator", ""}, {"sheet", ""}, {"into", "yes: FollowTheMoney, file everything in compartment"},
			{"source", "FollowTheMoney: whose identifiers these are"}}, rawBody{}, importedJSON{}, "", s.apiImport},
		{"POST", "/api/v1/imports/{import}/undo", policy.Import, "undoImport", "Take back everything that an import said", nil, nil, undoneJSON{}, "", s.apiImportUndo},
		{"GET", "/api/v1/exports", policy.Export, "listExports", "What one has taken out", nil, nil, exportsJSON{}, "", s.apiExports},
		{"POST", "/api/v1/exports", policy.Export, "export", "Take the catalogue out, for a purpose and an audience. The header Zapis-Left-Out says how many things were left out", nil, askJSON{}, nil, "application/octet-stream", s.apiExport},
	}
}

// rawBody stands for a body that is a file.
type rawBody struct{}

type (
	okJSON struct {
		OK bool `json:"ok"`
	}
	reasonJSON struct {
		Reason string `json:"reason"`
	}
	entityJSON struct {
		ID          string `json:"id"`
		Kind        string `json:"kind"`
		Code        string `json:"code"`
		Label       string `json:"label"`
		Compartment string `json:"compartment" doc:"empty: the common one"`
		Protected   bool   `json:"protected,omitempty"`
		Canonical   string `json:"canonical,omitempty" doc:"the entity into which it was merged"`
		Created     string `json:"created"`
		Changed     string `json:"changed"`
	}
	entitiesJSON struct {
		Entities []entityJSON `json:"entities"`
		Next     string       `json:"next"`
		Total    int          `json:"total"`
	}
	sourceJSON struct {
		Kind    string  `json:"kind" doc:"item, passage, document, article, other"`
		Item    string  `json:"item,omitempty"`
		From    float64 `json:"from,omitempty" doc:"seconds, to the microsecond"`
		To      float64 `json:"to,omitempty"`
		Region  *[4]int `json:"region,omitempty" doc:"x, y, width, height in millionths"`
		Page    int     `json:"page,omitempty"`
		Passage string  `json:"passage,omitempty"`
		Entity  string  `json:"entity,omitempty"`
		Note    string  `json:"note,omitempty"`
	}
	claimJSON struct {
		ID          string       `json:"id"`
		Entity      string       `json:"entity"`
		Property    string       `json:"property"`
		Value       string       `json:"value"`
		Text        string       `json:"text,omitempty" doc:"for people"`
		Lang        string       `json:"lang,omitempty"`
		Certainty   string       `json:"certainty"`
		Note        string       `json:"note,omitempty"`
		Compartment string       `json:"compartment"`
		Author      string       `json:"author"`
		Origin      string       `json:"origin"`
		At          string       `json:"at"`
		Sources     []sourceJSON `json:"sources,omitempty"`
		Current     bool         `json:"current"`
		Rival       bool         `json:"rival,omitempty"`
		Withdrawn   bool         `json:"withdrawn,omitempty" doc:"it rests on testimony of which a consent was taken back or has run out"`
		Retracted   string       `json:"retracted,omitempty"`
		Replaced    string       `json:"replaced,omitempty"`
	}
	claimsJSON struct {
		Claims []claimJSON `json:"claims"`
	}
	findingJSON struct {
		ID      string `json:"id"`
		Claim   string `json:"claim" doc:"empty: it cannot be determined"`
		Reason  string `json:"reason"`
		Author  string `json:"author"`
		At      string `json:"at"`
		Dissent bool   `json:"dissent,omitempty"`
	}
	propertyJSON struct {
		Property string        `json:"property"`
		Type     string        `json:"type"`
		Claims   []claimJSON   `json:"claims"`
		Finding  *findingJSON  `json:"finding,omitempty"`
		Dissent  []findingJSON `json:"dissent,omitempty"`
	}
	linkJSON struct {
		Entity   entityJSON `json:"entity"`
		Property string     `json:"property"`
		Claim    string     `json:"claim"`
	}
	mergeJSON struct {
		ID     string `json:"id"`
		From   string `json:"from"`
		Into   string `json:"into"`
		Reason string `json:"reason"`
		Author string `json:"author"`
		At     string `json:"at"`
	}
	entityViewJSON struct {
		entityJSON
		Properties []propertyJSON `json:"properties"`
		Incoming   []linkJSON     `json:"incoming"`
		Merged     []mergeJSON    `json:"merged"`
		MayEdit    bool           `json:"mayEdit"`
	}
	claimDraftJSON struct {
		Property    string       `json:"property"`
		Value       string       `json:"value"`
		Lang        string       `json:"lang,omitempty"`
		Certainty   string       `json:"certainty" doc:"established, probable, disputed, not known"`
		Note        string       `json:"note,omitempty"`
		Compartment string       `json:"compartment,omitempty" doc:"a narrower one than the entity's"`
		Sources     []sourceJSON `json:"sources,omitempty"`
	}
	claimDraftsJSON struct {
		Claims []claimDraftJSON `json:"claims"`
	}
	entityDraftJSON struct {
		Kind        string           `json:"kind"`
		Compartment string           `json:"compartment,omitempty"`
		Protected   bool             `json:"protected,omitempty"`
		Code        string           `json:"code,omitempty"`
		Claims      []claimDraftJSON `json:"claims"`
	}
	findingDraftJSON struct {
		Property string `json:"property"`
		Claim    string `json:"claim" doc:"empty: it cannot be determined"`
		Reason   string `json:"reason"`
		Dissent  bool   `json:"dissent,omitempty"`
	}
	mergeDraftJSON struct {
		Into   string `json:"into"`
		Reason string `json:"reason"`
	}
	compartmentJSON struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	compartmentsJSON struct {
		Compartments []compartmentJSON `json:"compartments"`
	}
	termJSON struct {
		Code    string            `json:"code"`
		Parent  string            `json:"parent,omitempty"`
		Labels  map[string]string `json:"labels"`
		Retired bool              `json:"retired,omitempty"`
	}
	termsJSON struct {
		Terms []termJSON `json:"terms"`
	}
	passageJSON struct {
		ID        string  `json:"id"`
		Cite      string  `json:"cite"`
		Heading   string  `json:"heading"`
		Text      string  `json:"text"`
		Lang      string  `json:"lang,omitempty"`
		Item      string  `json:"item,omitempty"`
		From      float64 `json:"from,omitempty"`
		To        float64 `json:"to,omitempty"`
		Page      int     `json:"page,omitempty"`
		Withdrawn bool    `json:"withdrawn,omitempty"`
		Cited     int     `json:"cited"`
	}
	consentJSON struct {
		ID        string `json:"id"`
		Purpose   string `json:"purpose"`
		Audience  string `json:"audience"`
		Until     string `json:"until,omitempty"`
		How       string `json:"how"`
		Given     string `json:"given"`
		Withdrawn string `json:"withdrawn,omitempty"`
	}
	testimonySummaryJSON struct {
		entityJSON
		State    string `json:"state"`
		Passages int    `json:"passages"`
	}
	testimoniesJSON struct {
		Testimonies []testimonySummaryJSON `json:"testimonies"`
		Next        string                 `json:"next"`
		Total       int                    `json:"total"`
	}
	testimonyJSON struct {
		entityJSON
		State    string        `json:"state"`
		Passages []passageJSON `json:"passages"`
		Consents []consentJSON `json:"consents"`
	}
	suggestionJSON struct {
		ID      string          `json:"id"`
		Item    string          `json:"item"`
		Ref     string          `json:"ref"`
		Kind    string          `json:"kind"`
		Score   int             `json:"score"`
		Recipe  string          `json:"recipe"`
		Version int             `json:"version"`
		Tool    string          `json:"tool"`
		State   string          `json:"state"`
		Value   json.RawMessage `json:"value"`
		At      string          `json:"at"`
	}
	suggestionsJSON struct {
		Suggestions []suggestionJSON `json:"suggestions"`
		Next        string           `json:"next"`
	}
	decisionJSON struct {
		Decision string `json:"decision" doc:"confirm, dismiss or undo"`
		Why      string `json:"why,omitempty"`
		Day      string `json:"day,omitempty" doc:"of a clock without a date: 2020-07-27"`
	}
)

// readJSON reads a body that must be one JSON object of known fields.
func readJSON(r *request, v any) error {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		// A form of another site could not send this type without asking first.
		return archive.Explain(fmt.Errorf("%w: content type", archive.ErrInvalid), "A body of type application/json was expected.", "")
	}
	return strictJSON(r.Body, v)
}

// strictJSON reads one JSON value and nothing after it. Unknown fields are refused, so that nothing that somebody meant is passed over.
func strictJSON(from io.Reader, v any) error {
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	err := d.Decode(v)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case err != nil:
		return fmt.Errorf("%w: body of the request", archive.ErrInvalid) // the cause could quote it
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: body of the request", archive.ErrInvalid)
	}
	return nil
}

// reply sends a value, or that it has not changed since the asker saw it.
func (s *Server) reply(w http.ResponseWriter, r *request, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	if r.Method == http.MethodGet {
		sum := sha256.Sum256(b.Bytes())
		tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`
		w.Header().Set("ETag", tag)
		if slices.Contains(strings.Split(strings.ReplaceAll(r.Header.Get("If-None-Match"), " ", ""), ","), tag) {
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	return sendJSON(w, b.Bytes())
}

func entityOf(e archive.Entity, label string) entityJSON {
	if label == "" {
		label = e.Code
	}
	return entityJSON{ID: e.ID, Kind: string(e.Kind), Code: e.Code, Label: label, Compartment: e.Compartment, Protected: e.Protected, Canonical: e.Canonical, Created: moment(e.CreatedAt), Changed: moment(e.Changed)}
}

func sourcesOf(list []archive.Source) (out []sourceJSON) {
	for _, x := range list {
		y := sourceJSON{Kind: x.Kind, Item: x.Item, From: x.From.Seconds(), To: x.To.Seconds(), Page: x.Page, Passage: x.Passage, Entity: x.Entity, Note: x.Note}
		if !x.Region.IsZero() {
			y.Region = &[4]int{x.Region.X, x.Region.Y, x.Region.W, x.Region.H}
		}
		out = append(out, y)
	}
	return out
}

func plainClaim(c archive.Claim) claimJSON {
	out := claimJSON{ID: c.ID, Entity: c.Entity, Property: c.Property, Value: c.Value, Lang: c.Lang, Certainty: string(c.Certainty), Note: c.Note, Compartment: c.Compartment, Author: c.Author,
		Origin: c.Origin, At: moment(c.CreatedAt), Sources: sourcesOf(c.Sources), Replaced: c.Replaced}
	if !c.Stands() {
		out.Retracted = moment(c.RetractedAt)
	}
	return out
}

func saidOf(c knowledge.Said) claimJSON {
	out := plainClaim(c.Claim)
	out.Text, out.Current, out.Rival, out.Withdrawn = c.Text, c.Current, c.Rival, c.Withdrawn
	return out
}

// lengthOf gives a length of time from seconds, to the microsecond.
func lengthOf(f float64) (time.Duration, error) {
	if math.IsNaN(f) || f < 0 || f > 1e7 {
		return 0, fmt.Errorf("%w: seconds", archive.ErrInvalid)
	}
	return time.Duration(math.Round(f*1e6)) * time.Microsecond, nil
}

func (c claimDraftJSON) draft() (knowledge.ClaimDraft, error) {
	d := knowledge.ClaimDraft{Property: c.Property, Value: c.Value, Lang: c.Lang, Certainty: archive.Certainty(c.Certainty), Note: c.Note, Compartment: c.Compartment}
	for _, x := range c.Sources {
		src := archive.Source{Kind: x.Kind, Item: x.Item, Page: x.Page, Passage: x.Passage, Entity: x.Entity, Note: x.Note}
		var err error
		if src.From, err = lengthOf(x.From); err != nil {
			return d, err
		}
		if src.To, err = lengthOf(x.To); err != nil {
			return d, err
		}
		if x.Region != nil {
			src.Region = archive.Region{X: x.Region[0], Y: x.Region[1], W: x.Region[2], H: x.Region[3]}
		}
		d.Sources = append(d.Sources, src)
	}
	return d, nil
}

func claimDrafts(list []claimDraftJSON) (out []knowledge.ClaimDraft, err error) {
	for _, c := range list {
		d, err := c.draft()
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

// pageOf reads limit and after.
func pageOf(r *request, q *knowledge.Query) error {
	get := r.URL.Query().Get
	q.After, q.Lang = get("after"), get("lang")
	if l := get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > 1000 {
			return fmt.Errorf("%w: limit", archive.ErrInvalid)
		}
		q.Limit = n
	}
	return nil
}

// apiEntities serves GET /api/v1/entities.
func (s *Server) apiEntities(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	v := r.URL.Query()
	q := knowledge.Query{Text: v.Get("q"), Property: v.Get("property"), Value: v.Get("value"), Refers: v.Get("refers")}
	for _, k := range v["kind"] {
		q.Kinds = append(q.Kinds, archive.EntityKind(k))
	}
	if len(q.Kinds) > 50 {
		return fmt.Errorf("%w: kind", archive.ErrInvalid)
	}
	if v.Has("compartment") {
		c := v.Get("compartment")
		q.Compartment = &c
	}
	if err := pageOf(r, &q); err != nil {
		return err
	}
	list, next, total, err := s.o.Catalogue.List(r.Context(), r.reader.Subject, q)
	if err != nil {
		return err
	}
	out := entitiesJSON{Entities: []entityJSON{}, Next: next, Total: total}
	for _, e := range list {
		out.Entities = append(out.Entities, entityOf(e.Entity, e.Label))
	}
	return s.reply(w, r, out)
}

// apiEntityNew serves POST /api/v1/entities.
func (s *Server) apiEntityNew(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	var in entityDraftJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	claims, err := claimDrafts(in.Claims)
	if err != nil {
		return err
	}
	e, err := s.o.Catalogue.Create(r.Context(), r.reader.Subject, knowledge.Draft{Kind: archive.EntityKind(in.Kind), Compartment: in.Compartment, Protected: in.Protected, Code: in.Code, Claims: claims})
	if err != nil {
		return err
	}
	return s.reply(w, r, entityOf(e, e.Label))
}

// apiEntity serves GET /api/v1/entities/{entity}.
func (s *Server) apiEntity(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	v, err := s.o.Catalogue.Entity(r.Context(), r.reader.Subject, r.PathValue("entity"), r.URL.Query().Get("lang"))
	if err != nil {
		return err
	}
	out := entityViewJSON{entityJSON: entityOf(v.Entity, v.Label), Properties: []propertyJSON{}, Incoming: []linkJSON{}, Merged: []mergeJSON{}, MayEdit: v.MayEdit && r.may(policy.EditCatalogue)}
	for _, p := range v.Properties {
		x := propertyJSON{Property: p.Property.Name, Type: string(p.Property.Type), Claims: []claimJSON{}}
		for _, c := range p.Claims {
			x.Claims = append(x.Claims, saidOf(c))
		}
		if p.Finding != nil {
			f := findingOf(*p.Finding)
			x.Finding = &f
		}
		for _, f := range p.Dissent {
			x.Dissent = append(x.Dissent, findingOf(f))
		}
		out.Properties = append(out.Properties, x)
	}
	for _, l := range v.Incoming {
		out.Incoming = append(out.Incoming, linkJSON{Entity: entityOf(l.Entity.Entity, l.Entity.Label), Property: l.Property, Claim: l.Claim.ID})
	}
	for _, m := range v.Merged {
		out.Merged = append(out.Merged, mergeOf(m))
	}
	return s.reply(w, r, out)
}

func findingOf(f archive.Finding) findingJSON {
	return findingJSON{ID: f.ID, Claim: f.Claim, Reason: f.Reason, Author: f.Author, At: moment(f.At), Dissent: f.Dissent}
}

func mergeOf(m archive.Merge) mergeJSON {
	return mergeJSON{ID: m.ID, From: m.From, Into: m.Into, Reason: m.Reason, Author: m.Author, At: moment(m.At)}
}

// apiSay serves POST /api/v1/entities/{entity}/claims.
func (s *Server) apiSay(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	var in claimDraftsJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	drafts, err := claimDrafts(in.Claims)
	if err != nil {
		return err
	}
	made, err := s.o.Catalogue.Say(r.Context(), r.reader.Subject, r.PathValue("entity"), drafts...)
	if err != nil {
		return err
	}
	out := claimsJSON{Claims: []claimJSON{}}
	for _, c := range made {
		out.Claims = append(out.Claims, plainClaim(c))
	}
	return s.reply(w, r, out)
}

// apiFind serves POST /api/v1/entities/{entity}/findings.
func (s *Server) apiFind(w http.ResponseWriter, r *request) error {
	var in findingDraftJSON
	return s.apiAct(w, r, &in, func(ctx context.Context, c Catalogue, who policy.Subject) error {
		return c.Find(ctx, who, archive.Finding{Entity: r.PathValue("entity"), Property: in.Property, Claim: in.Claim, Reason: in.Reason, Dissent: in.Dissent})
	})
}

// apiMerge serves POST /api/v1/entities/{entity}/merges.
func (s *Server) apiMerge(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	var in mergeDraftJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	m, err := s.o.Catalogue.Merge(r.Context(), r.reader.Subject, r.PathValue("entity"), in.Into, in.Reason)
	if err != nil {
		return err
	}
	return s.reply(w, r, mergeOf(m))
}

// apiUnmerge serves POST /api/v1/merges/{merge}/undo.
func (s *Server) apiUnmerge(w http.ResponseWriter, r *request) error {
	return s.apiAct(w, r, nil, func(ctx context.Context, c Catalogue, who policy.Subject) error {
		return c.Unmerge(ctx, who, r.PathValue("merge"))
	})
}

// apiRetract serves POST /api/v1/claims/{claim}/retract.
func (s *Server) apiRetract(w http.ResponseWriter, r *request) error {
	var in reasonJSON
	return s.apiAct(w, r, &in, func(ctx context.Context, c Catalogue, who policy.Subject) error {
		return c.Retract(ctx, who, r.PathValue("claim"), in.Reason)
	})
}

// apiRestore serves POST /api/v1/claims/{claim}/restore.
func (s *Server) apiRestore(w http.ResponseWriter, r *request) error {
	return s.apiAct(w, r, nil, func(ctx context.Context, c Catalogue, who policy.Subject) error {
		return c.Restore(ctx, who, r.PathValue("claim"))
	})
}

// apiAct does something that answers with nothing but that it was done.
func (s *Server) apiAct(w http.ResponseWriter, r *request, in any, f func(ctx context.Context, c Catalogue, who policy.Subject) error) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	if in != nil {
		if err := readJSON(r, in); err != nil {
			return err
		}
	}
	if err := f(r.Context(), s.o.Catalogue, r.reader.Subject); err != nil {
		return err
	}
	return s.reply(w, r, okJSON{true})
}

// apiReplace serves POST /api/v1/claims/{claim}/replace.
func (s *Server) apiReplace(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	var in claimDraftJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	d, err := in.draft()
	if err != nil {
		return err
	}
	c, err := s.o.Catalogue.Replace(r.Context(), r.reader.Subject, r.PathValue("claim"), d)
	if err != nil {
		return err
	}
	return s.reply(w, r, plainClaim(c))
}

// apiCompartments serves GET /api/v1/compartments.
func (s *Server) apiCompartments(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	list, err := s.o.Catalogue.Compartments(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	out := compartmentsJSON{Compartments: []compartmentJSON{}}
	for _, c := range list {
		out.Compartments = append(out.Compartments, compartmentJSON{c.ID, c.Name})
	}
	return s.reply(w, r, out)
}

// apiVocabulary serves GET /api/v1/vocabularies/{vocabulary}.
func (s *Server) apiVocabulary(w http.ResponseWriter, r *request) error {
	if s.o.Catalogue == nil {
		return archive.ErrNotFound
	}
	list, err := s.o.Catalogue.Vocabulary(r.Context(), r.PathValue("vocabulary"))
	if err != nil {
		return err
	}
	out := termsJSON{Terms: []termJSON{}}
	for _, t := range list {
		out.Terms = append(out.Terms, termJSON{Code: t.Code, Parent: t.Parent, Labels: maps.Clone(t.Labels), Retired: t.Retired})
	}
	return s.reply(w, r, out)
}

// apiTestimonies serves GET /api/v1/testimonies.
func (s *Server) apiTestimonies(w http.ResponseWriter, r *request) error {
	if s.o.Testimony == nil {
		return archive.ErrNotFound
	}
	var q knowledge.Query
	if err := pageOf(r, &q); err != nil {
		return err
	}
	list, next, total, err := s.o.Testimony.Testimonies(r.Context(), r.reader.Subject, q)
	if err != nil {
		return err
	}
	out := testimoniesJSON{Testimonies: []testimonySummaryJSON{}, Next: next, Total: total}
	for _, t := range list {
		out.Testimonies = append(out.Testimonies, testimonySummaryJSON{entityOf(t.Entity, t.Label), string(t.State), t.Passages})
	}
	return s.reply(w, r, out)
}

// apiTestimony serves GET /api/v1/testimonies/{testimony}.
func (s *Server) apiTestimony(w http.ResponseWriter, r *request) error {
	if s.o.Testimony == nil {
		return archive.ErrNotFound
	}
	t, err := s.o.Testimony.Testimony(r.Context(), r.reader.Subject, r.PathValue("testimony"), r.URL.Query().Get("lang"))
	if err != nil {
		return err
	}
	out := testimonyJSON{entityJSON: entityOf(t.Entity, t.Label), State: string(t.State), Passages: []passageJSON{}, Consents: []consentJSON{}}
	for _, h := range t.Headings {
		for _, p := range h.Passages {
			out.Passages = append(out.Passages, passageJSON{ID: p.ID, Cite: p.Cite, Heading: p.Heading, Text: p.Text, Lang: p.Lang, Item: p.Item, From: p.From.Seconds(), To: p.To.Seconds(), Page: p.Page,
				Withdrawn: p.Withdrawn, Cited: p.Cited})
		}
	}
	for _, c := range t.Consents {
		x := consentJSON{ID: c.ID, Purpose: c.Purpose, Audience: c.Audience, How: c.How, Given: moment(c.GivenAt)}
		if !c.Until.IsZero() {
			x.Until = moment(c.Until)
		}
		if !c.WithdrawnAt.IsZero() {
			x.Withdrawn = moment(c.WithdrawnAt)
		}
		out.Consents = append(out.Consents, x)
	}
	return s.reply(w, r, out)
}

// itemTeller is a catalogue that knows what rests on an item.
type itemTeller interface {
	ItemClaims(ctx context.Context, who policy.Subject, item string, lang ...string) ([]knowledge.Said, error)
}

// apiItemClaims serves GET /api/v1/items/{item}/claims.
func (s *Server) apiItemClaims(w http.ResponseWriter, r *request) error {
	teller, ok := s.o.Catalogue.(itemTeller)
	if !ok {
		return archive.ErrNotFound
	}
	list, err := teller.ItemClaims(r.Context(), r.reader.Subject, r.PathValue("item"), r.URL.Query().Get("lang"))
	if err != nil {
		return err
	}
	out := claimsJSON{Claims: []claimJSON{}}
	for _, c := range list {
		out.Claims = append(out.Claims, saidOf(c))
	}
	return s.reply(w, r, out)
}

// apiSuggestions serves GET /api/v1/suggestions.
func (s *Server) apiSuggestions(w http.ResponseWriter, r *request) error {
	if s.o.Machine == nil {
		return archive.ErrNotFound
	}
	get := r.URL.Query().Get
	q := machine.Query{Item: get("item"), Kind: get("kind"), State: archive.SuggestionState(get("state")), After: get("after")}
	if l := get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 || n > 500 {
			return fmt.Errorf("%w: limit", archive.ErrInvalid)
		}
		q.Limit = n
	}
	list, next, err := s.o.Machine.List(r.Context(), r.reader.Subject, q)
	if err != nil {
		return err
	}
	out := suggestionsJSON{Suggestions: []suggestionJSON{}, Next: next}
	for _, x := range list {
		y := suggestionJSON{ID: x.ID, Item: x.Item, Ref: x.Reference, Kind: x.Kind, Score: x.Score, Recipe: x.Recipe, Version: x.RecipeVersion, Tool: x.Tool, State: string(x.State), Value: x.Value, At: moment(x.CreatedAt)}
		if !json.Valid(y.Value) {
			y.Value = json.RawMessage("null")
		}
		out.Suggestions = append(out.Suggestions, y)
	}
	return s.reply(w, r, out)
}

// apiDecide serves POST /api/v1/suggestions/{suggestion}.
func (s *Server) apiDecide(w http.ResponseWriter, r *request) error {
	if s.o.Machine == nil {
		return archive.ErrNotFound
	}
	var in decisionJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	ctx, who, id := r.Context(), r.reader.Subject, r.PathValue("suggestion")
	var err error
	switch in.Decision {
	case "confirm":
		err = s.o.Machine.Confirm(ctx, who, id, machine.Decision{Why: in.Why, Day: in.Day})
	case "dismiss":
		err = s.o.Machine.Dismiss(ctx, who, id, in.Why)
	case "undo":
		err = s.o.Machine.Undo(ctx, who, id)
	default:
		err = fmt.Errorf("%w: decision", archive.ErrInvalid)
	}
	if err != nil {
		return err
	}
	return s.reply(w, r, okJSON{true})
}

// describeAPI writes the description of the API: OpenAPI 3.1.
func (s *Server) describeAPI() ([]byte, error) {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{Title: "Zapis for programs", Version: s.o.Version, Description: "Everything that the catalogue holds, within what both the account and the token reach. What is outside it is not found. " +
			"A token is made on the page of one's own account; 20 requests a second are answered, more wait (429). Times are RFC 3339 in UTC. Answers to GET carry an ETag."},
		Components: &huma.Components{Schemas: registry, SecuritySchemes: map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", BearerFormat: "zpt_…"}}},
		Security:   []map[string][]string{{"token": {}}},
	}
	problem := registry.Schema(reflect.TypeFor[apiProblem](), true, "Problem")
	for _, op := range s.operations() {
		o := &huma.Operation{
			OperationID: op.name, Method: op.method, Path: op.path, Summary: op.about, Description: "Asks for: " + string(op.action) + ".",
			Responses: map[string]*huma.Response{"default": {Description: "What went wrong. What may not be seen is 404.", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}},
		}
		rest := op.path
		for {
			_, after, ok := strings.Cut(rest, "{")
			if !ok {
				break
			}
			name, tail, _ := strings.Cut(after, "}")
			o.Parameters = append(o.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: "string"}})
			rest = tail
		}
		for _, q := range op.query {
			o.Parameters = append(o.Parameters, &huma.Param{Name: q.name, In: "query", Description: q.about, Schema: &huma.Schema{Type: "string"}})
		}
		if _, raw := op.in.(rawBody); raw {
			o.RequestBody = &huma.RequestBody{Required: true, Description: "the file: CSV, XLSX or FollowTheMoney", Content: map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: "string", Format: "binary"}}}}
		} else if op.in != nil {
			o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: registry.Schema(reflect.TypeOf(op.in), true, op.name+"In")}}}
		}
		ok := &huma.Response{Description: "OK", Content: map[string]*huma.MediaType{}}
		if op.out != nil {
			ok.Content["application/json"] = &huma.MediaType{Schema: registry.Schema(reflect.TypeOf(op.out), true, op.name+"Out")}
		} else {
			ok.Content[op.media] = &huma.MediaType{}
		}
		o.Responses["200"] = ok
		doc.AddOperation(o)
	}
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return nil, fmt.Errorf("describe the api: %w", err)
	}
	return text, nil
}

// apiDescription serves GET /api/v1/openapi.json.
func (s *Server) apiDescription(w http.ResponseWriter, _ *request) error {
	text, err := s.describeAPI()
	if err != nil {
		return err
	}
	return sendJSON(w, text)
}

// Requests that one token may make: so many a second, and so many at once before that.
const (
	tokenRate  = 20
	tokenBurst = 60
)

// paces keeps for each token how many requests it may make just now.
type paces struct {
	sync.Mutex
	left map[string]pace
}

type pace struct {
	left float64
	at   time.Time
}

// take lets one request of a token through, or says how long it has to wait.
func (p *paces) take(token string, now time.Time) time.Duration {
	p.Lock()
	defer p.Unlock()
	if p.left == nil || len(p.left) > 10_000 {
		p.left = map[string]pace{} // tokens are few; whoever has so many may as well begin anew
	}
	x, ok := p.left[token]
	if !ok {
		x = pace{tokenBurst, now}
	}
	x.left = min(tokenBurst, x.left+now.Sub(x.at).Seconds()*tokenRate)
	x.at = now
	wait := time.Duration(0)
	if x.left < 1 {
		wait = time.Duration((1 - x.left) / tokenRate * float64(time.Second))
	} else {
		x.left--
	}
	p.left[token] = x
	return wait
}

// bear finds out who asks with a token. With one, cookies count for nothing.
func (s *Server) bear(r *request, header string) error {
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "bearer") {
		return errSignIn
	}
	b, err := s.o.Account.Bear(r.Context(), strings.TrimSpace(token))
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return errSignIn
	case err != nil:
		return err
	}
	if wait := s.paces.take(b.Token, s.o.Now()); wait > 0 {
		return &account.WaitError{For: wait}
	}
	r.bearer, r.account = &b, b.Account
	r.reader.Subject = b.Subject
	r.lang = "en"
	return nil
}

// may says whether the one who asks could do something at all: their role, and the token if they came with one.
func (r *request) may(a policy.Action) bool {
	if r.bearer != nil {
		return r.bearer.May(a)
	}
	return policy.Could(r.reader.Subject, a)
}
