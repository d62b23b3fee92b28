package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/grade"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// GradeRoom is what the pages ask of those who keep how hard items are to watch; *grade.Service. It asks policy itself.
type GradeRoom interface {
	Set(ctx context.Context, who policy.Subject, reason string, list ...grade.Judgement) (int, error)
}

// gradeForm is the form on the page of an item; nil for who may not judge it.
func (s *Server) gradeForm(r *request, it archive.Item) *template.GradeForm {
	if s.o.Grade == nil || !policy.Decide(r.reader.Subject, policy.Grade, policy.ItemObject(it)).Allow {
		return nil
	}
	return &template.GradeForm{Item: it.ID, Is: it.Difficulty, Chosen: strconv.Itoa(it.Difficulty)}
}

// levelIn reads a level that was chosen.
func levelIn(text string) (int, bool) {
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= archive.Unjudged && n <= archive.Hardest
}

// gradeProblem is the code of what is wrong with a judgement, as in the keys grade.error.*; empty for every other error.
func gradeProblem(err error) (status int, code string) {
	switch {
	case errors.Is(err, archive.ErrConflict):
		return http.StatusConflict, "late"
	case errors.Is(err, archive.ErrInvalid):
		return http.StatusBadRequest, "reason"
	}
	return 0, ""
}

// gradeItem serves POST /items/{item}/difficulty: level, from, reason.
func (s *Server) gradeItem(w http.ResponseWriter, r *request) error {
	if s.o.Grade == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	id, f := r.PathValue("item"), r.PostForm
	// Asked first, so that who may not see it is told nothing about what they sent.
	it, err := s.o.Reading.Peek(r.Context(), r.reader, id)
	if err != nil {
		return err
	}
	if err := policy.Decide(r.reader.Subject, policy.Grade, policy.ItemObject(it.Item)).Err(); err != nil {
		return err
	}
	to, ok := levelIn(f.Get("level"))
	from, ok2 := levelIn(f.Get("from"))
	status, code := http.StatusBadRequest, "level"
	if ok && ok2 {
		if _, err = s.o.Grade.Set(r.Context(), r.reader.Subject, f.Get("reason"), grade.Judgement{Item: id, From: from, To: to}); err == nil {
			if !policy.ScopeOf(r.reader.Subject).Watches(to) {
				return redirect(w, r, "/archive", "graded-away")
			}
			return redirect(w, r, "/items/"+id, "graded")
		}
		if status, code = gradeProblem(err); code == "" {
			return err
		}
	}
	return s.drawItem(w, r, status, &template.GradeForm{Chosen: f.Get("level"), Reason: f.Get("reason"), Error: code})
}

// gradeJSON is a judgement that a script or a program sends. From, if it is there, is what was shown to who judges.
type gradeJSON struct {
	Level  int    `json:"level" doc:"0 to 3; -1: not judged, which counts as the hardest"`
	From   *int   `json:"from,omitempty" doc:"what was said before; 409 if it is something else by now"`
	Reason string `json:"reason,omitempty" doc:"kept in the custody record; name no people"`
}

// gradeAPI serves POST /api/items/{item}/difficulty, and the same below /api/v1.
func (s *Server) gradeAPI(w http.ResponseWriter, r *request) error {
	if s.o.Grade == nil {
		return archive.ErrNotFound
	}
	if _, err := s.o.Reading.Peek(r.Context(), r.reader, r.PathValue("item")); err != nil {
		return err
	}
	var in gradeJSON
	if err := noteBody(r, &in); err != nil {
		return err
	}
	from := grade.Whatever
	if in.From != nil {
		if from = *in.From; from < archive.Unjudged {
			return archive.ErrInvalid
		}
	}
	if _, err := s.o.Grade.Set(r.Context(), r.reader.Subject, in.Reason, grade.Judgement{Item: r.PathValue("item"), From: from, To: in.Level}); err != nil {
		return err
	}
	return sendJSON(w, []byte(`{"ok":true}`))
}

// gradeRows is how many items a page of judgements has.
const gradeRows = 50

// gradeQuery reads which items an address asks for, as the archive's address does, and where its page begins.
func gradeQuery(r *request) (q reading.Query, at reading.Cursor, kept url.Values, err error) {
	in := r.URL.Query()
	f := Filter{Accession: in["accession"], Kind: in["kind"], State: in["state"], Difficulty: in["difficulty"], From: in.Get("from"), To: in.Get("to"), Text: in.Get("q"), Order: in.Get("order")}
	if q, err = f.query(r); err != nil {
		return q, at, nil, err
	}
	if c := in.Get("cursor"); c != "" {
		if at, err = parseCursor(c); err != nil {
			return q, at, nil, err
		}
	}
	kept = url.Values{}
	for _, name := range []string{"accession", "kind", "state", "camera", "difficulty", "from", "to", "q", "order"} {
		if v := in[name]; len(v) > 0 && !slices.Equal(v, []string{""}) {
			kept[name] = v
		}
	}
	return q, at, kept, nil
}

// gradesPage serves GET /difficulty with the filters of the archive, and cursor.
func (s *Server) gradesPage(w http.ResponseWriter, r *request) error {
	return s.drawGrades(w, r, http.StatusOK, template.Grades{})
}

func (s *Server) drawGrades(w http.ResponseWriter, r *request, status int, v template.Grades) error {
	if s.o.Grade == nil {
		return archive.ErrNotFound
	}
	q, at, kept, err := gradeQuery(r)
	if err != nil {
		return err
	}
	list, next, err := s.o.Reading.Browse(r.Context(), r.reader, q, at, gradeRows)
	if err != nil {
		return err
	}
	address := func(change func(url.Values)) string {
		to := url.Values{}
		for k, x := range kept {
			to[k] = x
		}
		change(to)
		if len(to) == 0 {
			return "/difficulty"
		}
		return "/difficulty?" + to.Encode()
	}
	cursor := r.URL.Query().Get("cursor")
	v.Here = address(func(to url.Values) {
		if cursor != "" {
			to.Set("cursor", cursor)
		}
	})
	v.Every = address(func(to url.Values) { to.Del("difficulty") })
	now := strings.Join(kept["difficulty"], ",")
	v.All = now == ""
	for n := archive.Unjudged; n <= archive.Hardest; n++ {
		text := strconv.Itoa(n)
		v.Levels = append(v.Levels, template.GradeLevel{N: n, Chosen: now == text, Href: address(func(to url.Values) { to["difficulty"] = []string{text} })})
	}
	if c := cursorText(next); c != nil {
		v.More = address(func(to url.Values) { to.Set("cursor", *c) })
	}
	for _, it := range list {
		row := template.GradeRow{ID: it.ID, Ref: it.Reference(), Kind: string(it.Kind), Camera: it.Camera, At: it.SortTime(), Known: !it.RecordedAt.IsZero(), Duration: it.Duration, Is: it.Difficulty,
			May: policy.Decide(r.reader.Subject, policy.Grade, policy.ItemObject(it)).Allow}
		row.Chosen = row.May && slices.Contains(v.Chosen, it.ID)
		v.Rows = append(v.Rows, row)
	}
	s.draw(w, r, status, "grades", "archive", v)
	return nil
}

// grades serves POST /difficulty with the address of the list: level, reason, item (any number), and from.ID of each.
func (s *Server) grades(w http.ResponseWriter, r *request) error {
	if s.o.Grade == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	f := r.PostForm
	v := template.Grades{Chosen: f["item"], Level: f.Get("level"), Reason: f.Get("reason")}
	again := func(status int, code string) error {
		v.Error = code
		return s.drawGrades(w, r, status, v)
	}
	to, ok := levelIn(v.Level)
	if !ok {
		return again(http.StatusBadRequest, "level")
	}
	if len(v.Chosen) == 0 || len(v.Chosen) > gradeRows {
		return again(http.StatusBadRequest, "none")
	}
	var list []grade.Judgement
	for _, id := range v.Chosen {
		from, ok := levelIn(f.Get("from." + id))
		if !ok {
			return again(http.StatusBadRequest, "none")
		}
		list = append(list, grade.Judgement{Item: id, From: from, To: to})
	}
	_, err := s.o.Grade.Set(r.Context(), r.reader.Subject, v.Reason, list...)
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
		err = archive.ErrConflict // one of them is not there any more, or not for this person: the list drawn anew shows which
	}
	if status, code := gradeProblem(err); code != "" {
		return again(status, code)
	}
	if err != nil {
		return err
	}
	_, _, kept, err := gradeQuery(r)
	if err != nil {
		return err
	}
	back := "/difficulty"
	if len(kept) > 0 {
		back += "?" + kept.Encode()
	}
	return redirect(w, r, back, "graded")
}
