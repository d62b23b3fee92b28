package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/search"
	"zapis/internal/web/template"
)

// SearchRoom is what the pages ask of the search; *search.Service. It asks policy itself.
type SearchRoom interface {
	Find(ctx context.Context, who policy.Subject, r search.Request) (search.Results, error)
	Complete(ctx context.Context, who policy.Subject, query string) ([]search.Completion, error)
	Ask(who policy.Subject, query string) (string, error)
	Asked(who policy.Subject, id string) (string, error)
	Save(ctx context.Context, who policy.Subject, name, query string) (search.Saved, error)
	List(ctx context.Context, who policy.Subject) ([]search.Saved, error)
	Open(ctx context.Context, who policy.Subject, id string) (search.Saved, error)
	Delete(ctx context.Context, who policy.Subject, id string) error
	Restore(ctx context.Context, who policy.Subject, id string) error
}

// What people look for names people, so it stands in no address: a question is posted, kept for its asker under an identifier, and shown at
// the address of that identifier.

// searchPage serves GET /search: the box, and searches that are kept.
func (s *Server) searchPage(w http.ResponseWriter, r *request) error {
	return s.drawSearch(w, r, http.StatusOK, template.Search{})
}

func (s *Server) drawSearch(w http.ResponseWriter, r *request, status int, v template.Search) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	saved, err := s.o.Search.List(r.Context(), r.reader.Subject)
	if err != nil {
		return err
	}
	for _, x := range saved {
		v.Saved = append(v.Saved, template.SavedSearch{ID: x.ID, Name: x.Name, Query: x.Query, On: x.ID == v.SavedID})
	}
	if id := r.URL.Query().Get("undo"); r.Method == http.MethodGet && archive.CheckID(archive.PrefixSavedSearch, id) == nil {
		v.Undo = id
	}
	s.draw(w, r, status, "search", "search", v)
	return nil
}

// searchAsk serves POST /search. "add" narrows the question by one more field, "drop" takes one away.
func (s *Server) searchAsk(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	query := strings.TrimSpace(r.PostForm.Get("q"))
	if add := r.PostForm.Get("add"); add != "" {
		query = strings.TrimSpace(query + " " + add)
	}
	if drop := r.PostForm.Get("drop"); drop != "" {
		query = strings.TrimSpace(strings.Replace(" "+query+" ", " "+drop+" ", " ", 1))
	}
	if query == "" {
		return redirect(w, r, "/search", "")
	}
	id, err := s.o.Search.Ask(r.reader.Subject, query)
	if err != nil {
		return s.searchRefused(w, r, "", err)
	}
	to := "/search/" + id
	switch o := r.PostForm.Get("order"); o {
	case search.ByNewest, search.ByOldest:
		to += "?order=" + o
	}
	return redirect(w, r, to, "")
}

// searchRefused draws the page with the reason why a question is not answered.
func (s *Server) searchRefused(w http.ResponseWriter, r *request, query string, err error) error {
	var no *search.Refusal
	if !errors.As(err, &no) {
		return err
	}
	return s.drawSearch(w, r, http.StatusBadRequest, template.Search{Query: query, Refused: no.Code, What: no.What})
}

// searchResults serves GET /search/{question}.
func (s *Server) searchResults(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	query, err := s.o.Search.Asked(r.reader.Subject, r.PathValue("question"))
	if errors.Is(err, archive.ErrNotFound) {
		return s.drawSearch(w, r, http.StatusNotFound, template.Search{Refused: "gone"})
	}
	if err != nil {
		return err
	}
	return s.answer(w, r, query, template.Search{Address: "/search/" + r.PathValue("question")})
}

// searchSaved serves GET /search/saved/{search}.
func (s *Server) searchSaved(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	x, err := s.o.Search.Open(r.Context(), r.reader.Subject, r.PathValue("search"))
	if err != nil {
		return err
	}
	return s.answer(w, r, x.Query, template.Search{Address: "/search/saved/" + x.ID, SavedID: x.ID, SavedName: x.Name})
}

func (s *Server) answer(w http.ResponseWriter, r *request, query string, v template.Search) error {
	page, _ := strconv.Atoi(r.URL.Query().Get("page"))
	order := r.URL.Query().Get("order")
	if order != search.ByNewest && order != search.ByOldest {
		order = search.ByRank
	}
	res, err := s.o.Search.Find(r.Context(), r.reader.Subject, search.Request{Query: query, Order: order, Page: page})
	if err != nil {
		return s.searchRefused(w, r, query, err)
	}
	fillSearch(&v, res)
	return s.drawSearch(w, r, http.StatusOK, v)
}

func fillSearch(v *template.Search, res search.Results) {
	v.Query, v.Order, v.Asked = res.Query, res.Order, !res.Empty
	v.Hits, v.Results, v.More, v.Page, v.Pages = int64(res.Hits), int64(res.Results), res.More, res.Page, res.Pages
	for _, x := range res.List {
		y := template.SearchResult{Ref: x.Reference, Kind: string(x.ItemKind), Camera: x.Camera, Difficulty: x.Difficulty, At: x.At, Hits: int64(x.Hits)}
		if x.Entity != "" {
			y.Entity, y.Ref, y.Kind, y.Label, y.Difficulty = true, x.Code, string(x.EntityKind), x.Label, -1
			y.Href = "/catalogue/" + x.Entity
		} else {
			y.Href = "/items/" + x.Item
		}
		for _, sn := range x.Snippets {
			z := template.SearchSnippet{Kind: sn.Kind, Property: sn.Property, Certainty: strings.ReplaceAll(string(sn.Certainty), " ", "-"), Lang: sn.Lang}
			for _, p := range sn.Pieces {
				z.Pieces = append(z.Pieces, template.SearchPiece(p))
			}
			if sn.HasPlace {
				z.Href, z.From, z.HasPlace = placeOf(sn.Item, sn.From), sn.From, true
			}
			y.Snippets = append(y.Snippets, z)
		}
		v.List = append(v.List, y)
	}
	for _, f := range res.Facets {
		g := template.SearchFacet{Field: f.Field}
		for _, x := range f.Values {
			token := f.Field + ":" + search.Quote(x.Value)
			g.Values = append(g.Values, template.SearchValue{Value: x.Value, Label: x.Label, Count: int64(x.Count), Token: token,
				On: strings.Contains(" "+res.Query+" ", " "+token+" ")})
		}
		v.Facets = append(v.Facets, g)
	}
	for _, m := range res.Spelling {
		v.Means = append(v.Means, template.SearchMeans{Word: m.Means, Query: m.Query})
	}
	for _, n := range res.Notes {
		v.Unknown = append(v.Unknown, n.What)
	}
}

// placeOf leads to a second of an item.
func placeOf(item string, at time.Duration) string {
	if at <= 0 {
		return "/items/" + item
	}
	return "/items/" + item + "#t=" + strconv.FormatFloat(at.Seconds(), 'f', -1, 64)
}

// searchSave serves POST /search/saved.
func (s *Server) searchSave(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	query := r.PostForm.Get("q")
	x, err := s.o.Search.Save(r.Context(), r.reader.Subject, r.PostForm.Get("name"), query)
	if errors.Is(err, archive.ErrInvalid) {
		if no := (*search.Refusal)(nil); errors.As(err, &no) {
			return s.searchRefused(w, r, query, err)
		}
		return s.drawSearch(w, r, http.StatusBadRequest, template.Search{Query: query, Refused: "name"})
	}
	if err != nil {
		return err
	}
	return redirect(w, r, "/search/saved/"+x.ID, "search-saved")
}

// searchDelete serves POST /search/saved/{search}/delete.
func (s *Server) searchDelete(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	id := r.PathValue("search")
	if err := s.o.Search.Delete(r.Context(), r.reader.Subject, id); err != nil {
		return err
	}
	return redirect(w, r, "/search?undo="+id, "")
}

// searchRestore serves POST /search/saved/{search}/restore.
func (s *Server) searchRestore(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	if err := s.o.Search.Restore(r.Context(), r.reader.Subject, r.PathValue("search")); err != nil {
		return err
	}
	return redirect(w, r, "/search", "search-restored")
}

// What scripts ask for. Questions are posted here, too.

type searchPieceJSON struct {
	Text  string `json:"text"`
	Found bool   `json:"found"`
}

type searchSnippetJSON struct {
	Kind      string            `json:"kind"`
	Ref       string            `json:"ref"`
	Property  string            `json:"property,omitempty"`
	Certainty string            `json:"certainty,omitempty"`
	Lang      string            `json:"lang,omitempty"`
	Pieces    []searchPieceJSON `json:"pieces"`
	Item      string            `json:"item,omitempty"`
	From      int64             `json:"from"` // microseconds; with item
	To        int64             `json:"to"`
	Href      string            `json:"href,omitempty"`
}

type searchResultJSON struct {
	Item       string              `json:"item,omitempty"`
	Ref        string              `json:"ref"` // reference of the item, code of the entity
	Entity     string              `json:"entity,omitempty"`
	Kind       string              `json:"kind"`
	Label      string              `json:"label,omitempty"`
	Accession  string              `json:"accession,omitempty"`
	Camera     string              `json:"camera,omitempty"`
	Difficulty int                 `json:"difficulty"`
	At         string              `json:"at,omitempty"`
	Hits       int                 `json:"hits"`
	Snippets   []searchSnippetJSON `json:"snippets"`
}

type searchValueJSON struct {
	Value string `json:"value"`
	Label string `json:"label,omitempty"`
	Count int    `json:"count"`
}

type searchFacetJSON struct {
	Field  string            `json:"field"`
	Values []searchValueJSON `json:"values"`
}

type searchOutJSON struct {
	Hits    int                `json:"hits"`
	More    bool               `json:"more"` // there are more; numbers are of the newest documents
	Results int                `json:"results"`
	Page    int                `json:"page"`
	Pages   int                `json:"pages"`
	List    []searchResultJSON `json:"list"`
	Facets  []searchFacetJSON  `json:"facets"`
	Means   []string           `json:"means"`
	Unknown []string           `json:"unknown"`
}

// questionJSON is what a script posts.
type questionJSON struct {
	Query string `json:"query"`
	Order string `json:"order"`
	Page  int    `json:"page"`
}

func readQuestion(r *request) (q questionJSON, err error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4*search.MostBytes))
	if err != nil {
		return q, err
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return q, fmt.Errorf("%w: a question in JSON was expected", archive.ErrInvalid)
	}
	return q, nil
}

// searchAPI serves POST /api/search.
func (s *Server) searchAPI(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	q, err := readQuestion(r)
	if err != nil {
		return err
	}
	res, err := s.o.Search.Find(r.Context(), r.reader.Subject, search.Request{Query: q.Query, Order: q.Order, Page: q.Page})
	if err != nil {
		return err
	}
	out := searchOutJSON{Hits: res.Hits, More: res.More, Results: res.Results, Page: res.Page, Pages: res.Pages, List: []searchResultJSON{}, Facets: []searchFacetJSON{},
		Means: []string{}, Unknown: []string{}}
	for _, x := range res.List {
		y := searchResultJSON{Item: x.Item, Ref: x.Reference, Kind: string(x.ItemKind), Accession: x.Accession, Camera: x.Camera, Difficulty: x.Difficulty, Hits: x.Hits,
			Snippets: []searchSnippetJSON{}}
		if x.Entity != "" {
			y.Entity, y.Ref, y.Kind, y.Label, y.Difficulty = x.Entity, x.Code, string(x.EntityKind), x.Label, -1
		}
		if !x.At.IsZero() {
			y.At = moment(x.At)
		}
		for _, sn := range x.Snippets {
			z := searchSnippetJSON{Kind: sn.Kind, Ref: sn.Ref, Property: sn.Property, Certainty: string(sn.Certainty), Lang: sn.Lang}
			for _, p := range sn.Pieces {
				z.Pieces = append(z.Pieces, searchPieceJSON(p))
			}
			if sn.HasPlace {
				z.Item, z.From, z.To, z.Href = sn.Item, sn.From.Microseconds(), sn.To.Microseconds(), placeOf(sn.Item, sn.From)
			}
			y.Snippets = append(y.Snippets, z)
		}
		out.List = append(out.List, y)
	}
	for _, f := range res.Facets {
		g := searchFacetJSON{Field: f.Field, Values: []searchValueJSON{}}
		for _, v := range f.Values {
			g.Values = append(g.Values, searchValueJSON(v))
		}
		out.Facets = append(out.Facets, g)
	}
	for _, m := range res.Spelling {
		out.Means = append(out.Means, m.Query)
	}
	for _, n := range res.Notes {
		out.Unknown = append(out.Unknown, n.What)
	}
	return replyJSON(w, out)
}

// searchComplete serves POST /api/search/complete.
func (s *Server) searchComplete(w http.ResponseWriter, r *request) error {
	if s.o.Search == nil {
		return archive.ErrNotFound
	}
	q, err := readQuestion(r)
	if err != nil {
		return err
	}
	found, err := s.o.Search.Complete(r.Context(), r.reader.Subject, q.Query)
	if err != nil {
		return err
	}
	type completion struct {
		Insert string `json:"insert"`
		Label  string `json:"label,omitempty"`
		Kind   string `json:"kind"`
		Entity string `json:"entity,omitempty"`
	}
	out := struct {
		List []completion `json:"list"`
	}{[]completion{}}
	for _, c := range found {
		out.List = append(out.List, completion{c.Insert, c.Label, c.Kind, string(c.Entity)})
	}
	return replyJSON(w, out)
}

func replyJSON(w http.ResponseWriter, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return sendJSON(w, text)
}
