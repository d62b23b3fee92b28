package web

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"zapis/internal/archive"
	"zapis/internal/copies"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// The JSON API: what the scripts of the pages ask for, described at /api/openapi.json. It is reached only through the routes in
// routes.go, which decide first; operations that are not declared there cannot be reached.

// Filter is the part of an address that narrows the archive. Repeated values of one field are alternatives. (It is exported because
// the API library reads embedded structs only then.)
type Filter struct {
	Accession  []string `query:"accession,explode" doc:"identifiers of accessions"`
	Kind       []string `query:"kind,explode" doc:"video, audio, image, document, unknown"`
	State      []string `query:"state,explode" doc:"sealed, browsable, ready, explained, quarantined"`
	Camera     []string `query:"camera,explode" doc:"labels of cameras; empty names items without one"`
	Difficulty []string `query:"difficulty,explode" doc:"0 to 3, -1 for not judged"`
	From       string   `query:"from" doc:"first day, 2020-07-27"`
	To         string   `query:"to" doc:"last day, included"`
	Text       string   `query:"q" doc:"beginning of a reference, such as Z3-0004"`
	Order      string   `query:"order" doc:"newest (default) or oldest"`
}

// maxValues is how many alternatives one field of a filter may have.
const maxValues = 200

// query turns the address into a question to the reading room. What is not well formed is refused, so that a filter is never
// silently wider than the person thinks.
func (f Filter) query(r *request) (reading.Query, error) {
	// An empty value is one too: items without a camera. The API library passes it over.
	f.Camera = r.URL.Query()["camera"]
	for _, all := range [][]string{f.Accession, f.Kind, f.State, f.Camera, f.Difficulty} {
		if len(all) > maxValues {
			return reading.Query{}, fmt.Errorf("%w: too many values of one field", archive.ErrInvalid)
		}
	}
	if len(f.Text) > 60 {
		return reading.Query{}, fmt.Errorf("%w: q", archive.ErrInvalid)
	}
	q := reading.Query{Accessions: f.Accession, Cameras: f.Camera, Text: strings.ToUpper(strings.TrimSpace(f.Text))}
	for _, id := range f.Accession {
		if archive.CheckID(archive.PrefixAccession, id) != nil {
			return q, fmt.Errorf("%w: accession", archive.ErrInvalid)
		}
	}
	for _, k := range f.Kind {
		q.Kinds = append(q.Kinds, archive.Kind(k))
	}
	for _, st := range f.State {
		q.States = append(q.States, archive.ItemState(st))
	}
	for _, d := range f.Difficulty {
		n, err := strconv.Atoi(d)
		if err != nil || n < -1 || n > 3 {
			return q, fmt.Errorf("%w: difficulty", archive.ErrInvalid)
		}
		q.Difficulties = append(q.Difficulties, n)
	}
	var err error
	if f.From != "" {
		if q.From, err = time.Parse(time.DateOnly, f.From); err != nil {
			return q, fmt.Errorf("%w: from", archive.ErrInvalid)
		}
	}
	if f.To != "" {
		to, err := time.Parse(time.DateOnly, f.To)
		if err != nil {
			return q, fmt.Errorf("%w: to", archive.ErrInvalid)
		}
		q.To = to.AddDate(0, 0, 1)
	}
	switch f.Order {
	case "", "newest":
		q.Order = reading.Newest
	case "oldest":
		q.Order = reading.Oldest
	default:
		return q, fmt.Errorf("%w: order", archive.ErrInvalid)
	}
	return q, nil
}

// A cursor is the time and the identifier of the last item of a page, joined by a tilde, so that it stays good when the item is
// given another time meanwhile. The identifier of any row is a cursor too, so that a script can turn round anywhere.

func cursorText(c reading.Cursor) *string {
	if c.IsZero() {
		return nil
	}
	text := moment(c.At) + "~" + c.ID
	return &text
}

// moment writes a time with as many decimals as it needs, so that it reads back the same.
func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z07:00") }

func parseCursor(text string) (reading.Cursor, error) {
	bad := fmt.Errorf("%w: cursor", archive.ErrInvalid)
	if archive.CheckID(archive.PrefixItem, text) == nil {
		return reading.Cursor{ID: text}, nil
	}
	at, id, ok := strings.Cut(text, "~")
	if !ok || archive.CheckID(archive.PrefixItem, id) != nil {
		return reading.Cursor{}, bad
	}
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return reading.Cursor{}, bad
	}
	return reading.Cursor{At: t.UTC(), ID: id}, nil
}

// parsePlace reads a day or a moment at which a list is to begin. A day is entered from the side that the list comes from.
func parsePlace(text string, order reading.Query) (reading.Cursor, error) {
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		if order.Order != reading.Oldest {
			t = t.AddDate(0, 0, 1).Add(-time.Microsecond)
		}
		return reading.Cursor{At: t}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return reading.Cursor{}, fmt.Errorf("%w: at", archive.ErrInvalid)
	}
	return reading.Cursor{At: t.UTC()}, nil
}

// rowJSON is an item in a list.
type rowJSON struct {
	ID         string `json:"id"`
	Ref        string `json:"ref" doc:"how people name it aloud"`
	Kind       string `json:"kind"`
	State      string `json:"state"`
	Reason     string `json:"reason" doc:"code, why nothing can be derived"`
	At         string `json:"at" doc:"when it was recorded, or received if that is not known"`
	Known      bool   `json:"known" doc:"at is when it was recorded"`
	Day        string `json:"day"`
	MS         int64  `json:"ms" doc:"length in milliseconds"`
	Bytes      int64  `json:"bytes"`
	Micro      string `json:"micro" doc:"16 by 9 grey points, base 64, or empty"`
	Accession  string `json:"acc"`
	Camera     string `json:"camera"`
	W          int    `json:"w"`
	H          int    `json:"h"`
	Copies     int    `json:"copies"`
	Difficulty int    `json:"difficulty"`
	Anomalies  int    `json:"anomalies"`

	Fold *foldJSON `json:"fold,omitempty" doc:"copies that are folded into this row"`
}

func row(it archive.Item) rowJSON {
	at := it.SortTime().UTC()
	return rowJSON{
		ID: it.ID, Ref: it.Reference(), Kind: string(it.Kind), State: string(it.State), Reason: it.Reason, At: moment(at), Known: !it.RecordedAt.IsZero(),
		Day: at.Format(time.DateOnly), MS: it.Duration.Milliseconds(), Bytes: it.Size, Micro: base64.StdEncoding.EncodeToString(it.Micro), Accession: it.Accession,
		Camera: it.Camera, W: it.Width, H: it.Height, Copies: it.Copies, Difficulty: it.Difficulty, Anomalies: it.Anomalies,
	}
}

type itemsIn struct {
	Filter
	At     string `query:"at" doc:"day or moment at which the list begins"`
	Cursor string `query:"cursor" doc:"the next of the page before, or the identifier of a row"`
	Fold   string `query:"fold" doc:"1: one row for recordings that are the same footage from end to end; a page may then be shorter than asked for"`
	Limit  string `query:"limit" doc:"items of the page, 1 to 200, of which 200 are the default"`
}

type itemsOut struct {
	Body struct {
		Items []rowJSON `json:"items"`
		Next  *string   `json:"next"`
	}
}

type daysOut struct {
	Body struct {
		Days  [][3]any `json:"days" doc:"day, items, milliseconds"`
		Total int64    `json:"total"`
		MS    int64    `json:"ms"`
		Bytes int64    `json:"bytes"`
	}
}

type facetsOut struct {
	Body struct {
		Kind       [][]any `json:"kind"`
		State      [][]any `json:"state"`
		Accession  [][]any `json:"accession" doc:"identifier, items, reference and title"`
		Camera     [][]any `json:"camera"`
		Difficulty [][]any `json:"difficulty"`
	}
}

type itemIn struct {
	Item string `path:"item"`
}

type itemJSON struct {
	rowJSON
	Received       string                `json:"received"`
	RecordedSource string                `json:"recordedSource"`
	FPS            float64               `json:"fps"`
	Format         string                `json:"format"`
	Codec          string                `json:"codec"`
	AccRef         string                `json:"accRef"`
	AccTitle       string                `json:"accTitle"`
	SHA256         string                `json:"sha256"`
	Derivatives    []template.Derivative `json:"derivatives"`
	Visit          string                `json:"visit" doc:"to be sent with every request for bytes of this item"`
}

type itemOut struct{ Body itemJSON }

type lanesOut struct{ Body json.RawMessage }

type accessionIn struct {
	Accession string `path:"accession"`
}

// tallyJSON is how far an accession has come.
type tallyJSON struct {
	ID         string `json:"id"`
	Ref        string `json:"ref"`
	Title      string `json:"title"`
	State      string `json:"state"`
	Found      int64  `json:"found"`
	Received   int64  `json:"received"`
	Duplicates int64  `json:"duplicates"`
	Skipped    int64  `json:"skipped"`
	Failed     int64  `json:"failed"`
	Bytes      int64  `json:"bytes"`
	Items      int64  `json:"items"`
	Waiting    int64  `json:"waiting"`
	Browsable  int64  `json:"browsable"`
	Ready      int64  `json:"ready"`
	Explained  int64  `json:"explained"`
}

func tally(a reading.Accession) tallyJSON {
	return tallyJSON{
		ID: a.ID, Ref: accessionRef(a.Number), Title: a.Title, State: string(a.State), Found: a.Tally.Found, Received: a.Tally.Received,
		Duplicates: a.Tally.Duplicates, Skipped: a.Tally.Skipped, Failed: a.Tally.Failed, Bytes: a.Tally.Bytes, Items: a.Items,
		Waiting: a.States[archive.ItemSealed], Browsable: a.States[archive.ItemBrowsable], Ready: a.States[archive.ItemReady], Explained: a.States[archive.ItemExplained],
	}
}

type accessionOut struct{ Body tallyJSON }

// apiProblem is an error as the API answers it: the same bytes as fail writes.
type apiProblem struct {
	Code     string `json:"code" doc:"stable code"`
	Incident string `json:"incident,omitempty" doc:"for the administrator"`
	Status   int    `json:"status"`
	Title    string `json:"title"`
}

func (p *apiProblem) Error() string             { return p.Code }
func (p *apiProblem) GetStatus() int            { return p.Status }
func (p *apiProblem) ContentType(string) string { return "application/problem+json" }

// operate registers one operation. Parameters are texts that the operation itself reads, so that every refusal is one of ours.
func operate[I, O any](s *Server, api huma.API, path, name, about string, f func(ctx context.Context, r *request, in *I) (*O, error)) {
	problem := api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[apiProblem](), true, "Problem")
	huma.Register(api, huma.Operation{
		OperationID: name, Method: http.MethodGet, Path: path, Summary: about, SkipValidateParams: true,
		Responses: map[string]*huma.Response{
			"default": {Description: "What went wrong: 400, 401, 404 or 500. What may not be seen is 404.", Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}},
		},
	},
		func(ctx context.Context, in *I) (*O, error) {
			r := requestOf(ctx)
			if r == nil {
				return nil, &apiProblem{Code: "error", Status: http.StatusInternalServerError, Title: http.StatusText(http.StatusInternalServerError)}
			}
			out, err := f(ctx, r, in)
			if err != nil {
				return nil, s.apiProblem(r, err)
			}
			return out, nil
		})
}

func (s *Server) apiProblem(r *request, err error) error {
	p := problemOf(err)
	out := &apiProblem{Code: p.code, Status: p.status, Title: http.StatusText(p.status)}
	if p.status >= 500 {
		out.Incident = r.id
		s.o.Logger.ErrorContext(r.Context(), "request failed", "incident", r.id, "route", r.route.pattern(), "error", err)
	}
	return out
}

// newAPI builds the operations and their description.
func (s *Server) newAPI() (http.Handler, []byte, error) {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("Zapis", s.o.Version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "", "", "" // served by routes of ours, or not at all
	cfg.CreateHooks = nil                                       // no links to schemas in answers
	cfg.Info.Description = "What the scripts of the workspace ask for, within the scope of who is signed in. What is outside it is not found."
	api := humago.New(mux, cfg)

	operate(s, api, "/api/items", "items", "A page of items", func(ctx context.Context, r *request, in *itemsIn) (*itemsOut, error) {
		q, err := in.query(r)
		if err != nil {
			return nil, err
		}
		var at reading.Cursor
		switch {
		case in.Cursor != "":
			at, err = parseCursor(in.Cursor)
		case in.At != "":
			at, err = parsePlace(in.At, q)
		}
		if err != nil {
			return nil, err
		}
		limit := reading.MaxPage
		if in.Limit != "" {
			if limit, err = strconv.Atoi(in.Limit); err != nil || limit < 1 || limit > reading.MaxPage {
				return nil, fmt.Errorf("%w: limit", archive.ErrInvalid)
			}
		}
		var items []archive.Item
		var next reading.Cursor
		var folds map[string]copies.Fold
		switch {
		case in.Fold != "" && in.Fold != "0" && in.Fold != "1":
			return nil, fmt.Errorf("%w: fold", archive.ErrInvalid)
		case in.Fold == "1" && s.o.Copies != nil:
			items, folds, next, err = s.browseFolded(r, q, at, limit)
		default:
			items, next, err = s.o.Reading.Browse(ctx, r.reader, q, at, limit)
		}
		if err != nil {
			return nil, err
		}
		out := &itemsOut{}
		out.Body.Items = make([]rowJSON, 0, len(items))
		for _, it := range items {
			one := row(it)
			if f, ok := folds[it.ID]; ok {
				one.Fold = &foldJSON{Recordings: f.Recordings, Files: f.Files}
			}
			out.Body.Items = append(out.Body.Items, one)
		}
		out.Body.Next = cursorText(next)
		return out, nil
	})
	operate(s, api, "/api/days", "days", "Items per day", func(ctx context.Context, r *request, in *Filter) (*daysOut, error) {
		q, err := in.query(r)
		if err != nil {
			return nil, err
		}
		days, sum, err := s.o.Reading.Days(ctx, r.reader, q)
		if err != nil {
			return nil, err
		}
		out := &daysOut{}
		out.Body.Days = make([][3]any, 0, len(days))
		for _, d := range days {
			out.Body.Days = append(out.Body.Days, [3]any{d.Day, d.Count, d.Duration.Milliseconds()})
		}
		out.Body.Total, out.Body.MS, out.Body.Bytes = sum.Count, sum.Duration.Milliseconds(), sum.Bytes
		return out, nil
	})
	operate(s, api, "/api/facets", "facets", "Items per value of each filter", func(ctx context.Context, r *request, in *Filter) (*facetsOut, error) {
		q, err := in.query(r)
		if err != nil {
			return nil, err
		}
		f, titles, err := s.o.Reading.Facets(ctx, r.reader, q)
		if err != nil {
			return nil, err
		}
		out := &facetsOut{}
		out.Body.Kind, out.Body.State, out.Body.Camera, out.Body.Difficulty = facet(f.Kinds), facet(f.States), facet(f.Cameras), facet(f.Difficulties)
		out.Body.Accession = make([][]any, 0, len(f.Accessions))
		for _, v := range f.Accessions {
			a := titles[v.Value]
			out.Body.Accession = append(out.Body.Accession, []any{v.Value, v.Count, accessionRef(a.Number) + " " + a.Title})
		}
		return out, nil
	})
	operate(s, api, "/api/items/{item}", "item", "Facts and working copies of one item", func(ctx context.Context, r *request, in *itemIn) (*itemOut, error) {
		it, err := s.o.Reading.Peek(ctx, r.reader, in.Item)
		if err != nil {
			return nil, err
		}
		return &itemOut{Body: itemJSON{
			rowJSON: row(it.Item), Received: moment(it.ReceivedAt), RecordedSource: it.RecordedSource, FPS: it.FrameRate, Format: it.Format, Codec: it.Codec,
			AccRef: accessionRef(it.Held.Number), AccTitle: it.Held.Title, SHA256: fmt.Sprintf("%x", it.SHA256), Derivatives: derivatives(it.Derivatives), Visit: it.Visit,
		}}, nil
	})
	operate(s, api, "/api/items/{item}/lanes", "lanes", "Scenes, motion, sound, black and silence over time", func(ctx context.Context, r *request, in *itemIn) (*lanesOut, error) {
		b, err := s.o.Reading.Lanes(ctx, r.reader, in.Item)
		if err != nil {
			return nil, err
		}
		return &lanesOut{Body: b}, nil
	})
	operate(s, api, "/api/accessions/{accession}", "accession", "How far an accession has come", func(ctx context.Context, r *request, in *accessionIn) (*accessionOut, error) {
		a, err := s.o.Reading.Accession(ctx, r.reader, in.Accession, false)
		if err != nil {
			return nil, err
		}
		return &accessionOut{Body: tally(a)}, nil
	})
	text, err := json.MarshalIndent(api.OpenAPI(), "", " ")
	if err != nil {
		return nil, nil, fmt.Errorf("describe the api: %w", err)
	}
	return mux, text, nil
}

func facet(all []reading.Facet) [][]any {
	out := make([][]any, 0, len(all))
	for _, v := range all {
		out = append(out, []any{v.Value, v.Count})
	}
	return out
}

// viaAPI hands a request that has been decided about to the API.
func (s *Server) viaAPI(w http.ResponseWriter, r *request) error {
	s.api.ServeHTTP(w, r.Request)
	return nil
}

// openAPI serves GET /api/openapi.json.
func (s *Server) openAPI(w http.ResponseWriter, _ *request) error { return sendJSON(w, s.openapi) }
