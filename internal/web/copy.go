package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/copies"
	"zapis/internal/policy"
	"zapis/internal/reading"
	"zapis/internal/web/template"
)

// CopyRoom is what the pages ask of those who find copies; *copies.Service. It asks policy itself.
type CopyRoom interface {
	Links(ctx context.Context, who policy.Subject, item string) ([]copies.Link, error)
	List(ctx context.Context, who policy.Subject, q copies.Query) ([]copies.Link, string, copies.Counts, error)
	Confirm(ctx context.Context, who policy.Subject, link, why string) error
	Dismiss(ctx context.Context, who policy.Subject, link, why string) error
	Undo(ctx context.Context, who policy.Subject, link string) error
	Fold(ctx context.Context, who policy.Subject, q reading.Query, items []string) (map[string]copies.Fold, error)
}

// copyPanel is what the page of an item shows of other recordings of its footage; nil for what is no footage.
func (s *Server) copyPanel(r *request, it archive.Item) (*template.CopyPanel, error) {
	if s.o.Copies == nil || it.Kind != archive.KindVideo {
		return nil, nil
	}
	links, err := s.o.Copies.Links(r.Context(), r.reader.Subject, it.ID)
	if err != nil {
		return nil, err
	}
	v := &template.CopyPanel{Item: it.ID}
	for _, l := range links {
		v.Links = append(v.Links, copyView(l))
	}
	return v, nil
}

// overlayShown is from how much of the picture on a copy is said to have something laid over it, in thousandths. Less is the edge of a
// crop, or coding.
const overlayShown = 15

func copyView(l copies.Link) template.CopyLink {
	item := func(it archive.Item) template.CopyItem {
		return template.CopyItem{ID: it.ID, Ref: it.Reference(), Width: it.Width, Height: it.Height, Codec: it.Codec, Duration: it.Duration, Size: it.Size}
	}
	v := template.CopyLink{
		ID: l.ID, A: item(l.A), B: item(l.B), State: string(l.State), Score: l.Score, Offset: l.Offset, CoverA: l.CoverA / 10, CoverB: l.CoverB / 10,
		Mirrored: l.Mirrored, Cropped: l.CropA >= 50 || l.CropB >= 50, Overlay: l.Overlay >= overlayShown, Recipe: fmt.Sprintf("%s %d", l.Recipe, l.RecipeVersion),
		Tool: l.Tool, DecidedAt: l.DecidedAt, Why: l.Why, MayDecide: l.MayDecide,
	}
	switch {
	case l.Kind == copies.Similar:
		v.Relation = "similar"
	case l.Whole():
		v.Relation = "whole"
	case l.Contains():
		v.Relation = "contains"
	case l.Within():
		v.Relation = "within"
	default:
		v.Relation = "part"
	}
	for _, sp := range l.Spans {
		v.Spans = append(v.Spans, template.CopySpan{A: sp.A, B: sp.B, Length: sp.Length})
	}
	return v
}

// copiesPage serves GET /copies?state=…&before=….
func (s *Server) copiesPage(w http.ResponseWriter, r *request) error {
	q := r.URL.Query()
	v := template.Copies{State: q.Get("state")}
	switch archive.SuggestionState(v.State) {
	case archive.Suggested, archive.Confirmed, archive.Dismissed:
	default:
		v.State = string(archive.Suggested)
	}
	before := q.Get("before")
	if before != "" && archive.CheckID(archive.PrefixCopy, before) != nil {
		return archive.ErrNotFound
	}
	if s.o.Copies != nil {
		links, next, n, err := s.o.Copies.List(r.Context(), r.reader.Subject, copies.Query{State: archive.SuggestionState(v.State), After: before, Limit: 30})
		if err != nil {
			return err
		}
		v.Suggested, v.Confirmed, v.Dismissed = n.Suggested, n.Confirmed, n.Dismissed
		for _, l := range links {
			v.List = append(v.List, copyView(l))
		}
		if next != "" {
			v.Older = "/copies?state=" + v.State + "&before=" + next
		}
	}
	return s.page(w, r, "copies", "archive", v)
}

// copyAct reads the form of a decision and does it; back is the item whose page it came from, or empty.
func (s *Server) copyAct(w http.ResponseWriter, r *request, notice string, act func(id, why string) error) error {
	if s.o.Copies == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	id, item := r.PathValue("link"), r.PostForm.Get("item")
	if archive.CheckID(archive.PrefixCopy, id) != nil {
		return archive.ErrNotFound
	}
	to := "/copies"
	if item != "" {
		if archive.CheckID(archive.PrefixItem, item) != nil {
			return archive.ErrNotFound
		}
		to = "/items/" + item
	}
	switch err := act(id, strings.TrimSpace(r.PostForm.Get("why"))); {
	case errors.Is(err, archive.ErrConflict):
		return redirect(w, r, to, "copy-late")
	case err != nil:
		return err
	}
	return redirect(w, r, to, notice)
}

// copyConfirm serves POST /copies/{link}/confirm.
func (s *Server) copyConfirm(w http.ResponseWriter, r *request) error {
	return s.copyAct(w, r, "copy-confirmed", func(id, why string) error { return s.o.Copies.Confirm(r.Context(), r.reader.Subject, id, why) })
}

// copyDismiss serves POST /copies/{link}/dismiss.
func (s *Server) copyDismiss(w http.ResponseWriter, r *request) error {
	return s.copyAct(w, r, "copy-dismissed", func(id, why string) error { return s.o.Copies.Dismiss(r.Context(), r.reader.Subject, id, why) })
}

// copyUndo serves POST /copies/{link}/undo.
func (s *Server) copyUndo(w http.ResponseWriter, r *request) error {
	return s.copyAct(w, r, "copy-undone", func(id, _ string) error { return s.o.Copies.Undo(r.Context(), r.reader.Subject, id) })
}

// foldJSON says how many copies a row of the archive stands for.
type foldJSON struct {
	Recordings int `json:"recordings" doc:"items that are the same footage from end to end and are folded into this row, itself included"`
	Files      int `json:"files" doc:"files that were found with the bytes of these items"`
}

// mostFolded is how many pages are read for one page of rows, when nearly all of them are folded away.
const mostFolded = 10

// browseFolded gives a page of items without those for which another row stands. It may be shorter than asked for; as long as there is a
// next page, there may be more.
func (s *Server) browseFolded(r *request, q reading.Query, at reading.Cursor, limit int) (items []archive.Item, folds map[string]copies.Fold, next reading.Cursor, err error) {
	folds = map[string]copies.Fold{}
	next = at
	for range mostFolded {
		var page []archive.Item
		if page, next, err = s.o.Reading.Browse(r.Context(), r.reader, q, next, limit); err != nil {
			return nil, nil, next, err
		}
		ids := make([]string, len(page))
		for i, it := range page {
			ids[i] = it.ID
		}
		found, err := s.o.Copies.Fold(r.Context(), r.reader.Subject, q, ids)
		if err != nil {
			return nil, nil, next, err
		}
		for _, it := range page {
			f, ok := found[it.ID]
			if ok && f.Hidden(it.ID) {
				continue
			}
			if ok {
				folds[it.ID] = f
			}
			items = append(items, it)
		}
		if len(items) > 0 || next.IsZero() {
			break
		}
	}
	return items, folds, next, nil
}
