package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/note"
	"zapis/internal/policy"
	"zapis/internal/web/template"
)

// NoteRoom is what the pages ask of those who keep notes; *note.Service. It asks policy itself.
type NoteRoom interface {
	Frames(ctx context.Context, who policy.Subject, item string) ([]byte, error)
	Notes(ctx context.Context, who policy.Subject, item string) (note.Page, error)
	Add(ctx context.Context, who policy.Subject, item string, d note.Draft) (note.Note, error)
	Change(ctx context.Context, who policy.Subject, id string, version int, d note.Draft) (note.Note, error)
	Delete(ctx context.Context, who policy.Subject, id string) error
	Restore(ctx context.Context, who policy.Subject, id string) (note.Note, error)
	Versions(ctx context.Context, who policy.Subject, id string) ([]note.Note, error)
	SetReaction(ctx context.Context, who policy.Subject, d time.Duration) error
	Export(ctx context.Context, who policy.Subject, item string, o note.ExportOptions) ([]byte, error)
}

// noteJSON is a note as scripts have it. Times are microseconds from the beginning of the item, regions millionths of the picture.
type noteJSON struct {
	ID         string  `json:"id"`
	FrameFrom  int64   `json:"frameFrom"` // -1: none
	FrameTo    int64   `json:"frameTo"`
	From       int64   `json:"from"`
	To         int64   `json:"to"`
	Region     *[4]int `json:"region"` // x, y, width, height; null: the whole picture
	Page       int     `json:"page"`
	Body       string  `json:"body"`
	Tag        string  `json:"tag"`
	Lang       string  `json:"lang"`
	Author     string  `json:"author"`
	AuthorName string  `json:"authorName"`
	Mine       bool    `json:"mine"`
	Version    int     `json:"version"`
	Created    string  `json:"created"`
	Changed    string  `json:"changed"`
}

func noteOf(n note.Note) noteJSON {
	out := noteJSON{
		ID: n.ID, FrameFrom: n.FrameFrom, FrameTo: n.FrameTo, From: n.From.Microseconds(), To: n.To.Microseconds(), Page: n.Page, Body: n.Body, Tag: n.Tag,
		Lang: n.Lang, Author: n.Author, AuthorName: n.AuthorName, Mine: n.Mine, Version: n.Version, Created: moment(n.CreatedAt), Changed: moment(n.ChangedAt),
	}
	if r := n.Region; !r.IsZero() {
		out.Region = &[4]int{r.X, r.Y, r.W, r.H}
	}
	return out
}

// draftJSON is what a script sends.
type draftJSON struct {
	Key       string  `json:"key"`
	Version   int     `json:"version"`
	FrameFrom *int64  `json:"frameFrom"`
	FrameTo   *int64  `json:"frameTo"`
	From      int64   `json:"from"`
	To        int64   `json:"to"`
	Region    *[4]int `json:"region"`
	Page      int     `json:"page"`
	Body      string  `json:"body"`
	Tag       string  `json:"tag"`
	Lang      string  `json:"lang"`
}

const maxMicros = int64(1<<53 - 1) // what a script can count to

func (d draftJSON) draft() (note.Draft, error) {
	out := note.Draft{Key: d.Key, FrameFrom: -1, FrameTo: -1, Page: d.Page, Body: d.Body, Tag: d.Tag, Lang: d.Lang}
	if d.From < 0 || d.To < 0 || d.From > maxMicros/1000 || d.To > maxMicros/1000 {
		return out, fmt.Errorf("%w: times of a note", archive.ErrInvalid)
	}
	out.From, out.To = time.Duration(d.From)*time.Microsecond, time.Duration(d.To)*time.Microsecond
	if d.FrameFrom != nil && d.FrameTo != nil {
		out.FrameFrom, out.FrameTo = *d.FrameFrom, *d.FrameTo
	}
	if r := d.Region; r != nil {
		out.Region = archive.Region{X: r[0], Y: r[1], W: r[2], H: r[3]}
		if out.Region.IsZero() {
			return out, fmt.Errorf("%w: region of a note", archive.ErrInvalid)
		}
	}
	return out, nil
}

// noteBody reads what a script sends.
func noteBody(r *request, v any) error {
	b, err := body(r)
	if err != nil {
		return err
	}
	return strictJSON(bytes.NewReader(b), v)
}

// noteDraft reads a note that a script sends, and the version that it takes the place of.
func noteDraft(r *request) (version int, d note.Draft, err error) {
	var v draftJSON
	if err := noteBody(r, &v); err != nil {
		return 0, d, err
	}
	d, err = v.draft()
	return v.Version, d, err
}

func (s *Server) sendValue(w http.ResponseWriter, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write answer: %w", err)
	}
	return sendJSON(w, b)
}

// itemFrames serves GET /api/items/{item}/frames.
func (s *Server) itemFrames(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	f, err := s.o.Note.Frames(r.Context(), r.reader.Subject, r.PathValue("item"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/vnd.zapis.frames")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(f) // the browser has gone: nothing to do about it
	return nil
}

// itemNotes serves GET /api/items/{item}/notes.
func (s *Server) itemNotes(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	p, err := s.o.Note.Notes(r.Context(), r.reader.Subject, r.PathValue("item"))
	if err != nil {
		return err
	}
	type tagJSON struct {
		Tag    string `json:"tag"`
		Label  string `json:"label"`
		Parent string `json:"parent"`
	}
	out := struct {
		Notes    []noteJSON `json:"notes"`
		Tags     []tagJSON  `json:"tags"`
		Me       string     `json:"me"`
		May      bool       `json:"may"`
		Evidence bool       `json:"evidence"` // may make claims of notes
		Export   bool       `json:"export"`
		Reaction int64      `json:"reaction"` // milliseconds
		Frames   int64      `json:"frames"`
	}{
		Notes: []noteJSON{}, Tags: []tagJSON{}, Me: r.account.ID, May: p.MayNote, Reaction: p.Reaction.Milliseconds(), Frames: p.Frames,
		Evidence: policy.Could(r.reader.Subject, policy.EditCatalogue), Export: policy.Could(r.reader.Subject, policy.Export),
	}
	for _, n := range p.Notes {
		out.Notes = append(out.Notes, noteOf(n))
	}
	for _, t := range p.Tags {
		if t.Retired {
			continue
		}
		out.Tags = append(out.Tags, tagJSON{Tag: t.Vocabulary + ":" + t.Code, Label: t.Label(r.lang), Parent: t.Parent})
	}
	return s.sendValue(w, out)
}

// noteAdd serves POST /api/items/{item}/notes.
func (s *Server) noteAdd(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	_, d, err := noteDraft(r)
	if err != nil {
		return err
	}
	n, err := s.o.Note.Add(r.Context(), r.reader.Subject, r.PathValue("item"), d)
	if err != nil {
		return err
	}
	return s.sendValue(w, noteOf(n))
}

// noteChange serves POST /api/notes/{note}.
func (s *Server) noteChange(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	version, d, err := noteDraft(r)
	if err != nil {
		return err
	}
	n, err := s.o.Note.Change(r.Context(), r.reader.Subject, r.PathValue("note"), version, d)
	if err != nil {
		return err
	}
	return s.sendValue(w, noteOf(n))
}

// noteDelete serves POST /api/notes/{note}/delete.
func (s *Server) noteDelete(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	if err := s.o.Note.Delete(r.Context(), r.reader.Subject, r.PathValue("note")); err != nil {
		return err
	}
	return sendJSON(w, []byte(`{"ok":true}`))
}

// noteRestore serves POST /api/notes/{note}/restore.
func (s *Server) noteRestore(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	n, err := s.o.Note.Restore(r.Context(), r.reader.Subject, r.PathValue("note"))
	if err != nil {
		return err
	}
	return s.sendValue(w, noteOf(n))
}

// noteVersions serves GET /api/notes/{note}/versions.
func (s *Server) noteVersions(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	all, err := s.o.Note.Versions(r.Context(), r.reader.Subject, r.PathValue("note"))
	if err != nil {
		return err
	}
	out := make([]noteJSON, 0, len(all))
	for _, n := range all {
		out = append(out, noteOf(n))
	}
	return s.sendValue(w, map[string]any{"versions": out})
}

// noteReaction serves POST /api/me/marking.
func (s *Server) noteReaction(w http.ResponseWriter, r *request) error {
	if s.o.Note == nil {
		return archive.ErrNotFound
	}
	var v struct {
		Reaction int64 `json:"reaction"`
	}
	if err := noteBody(r, &v); err != nil {
		return err
	}
	if v.Reaction < 0 || v.Reaction > note.MaxReaction.Milliseconds() {
		return fmt.Errorf("%w: reaction time", archive.ErrInvalid)
	}
	if err := s.o.Note.SetReaction(r.Context(), r.reader.Subject, time.Duration(v.Reaction)*time.Millisecond); err != nil {
		return err
	}
	return sendJSON(w, []byte(`{"reaction":`+strconv.FormatInt(v.Reaction, 10)+`}`))
}

// claimsOn gives what the catalogue says on the strength of an item, for its page; nil for who may not see the catalogue.
func (s *Server) claimsOn(r *request, it archive.Item) (*template.ItemClaims, error) {
	if s.o.Catalogue == nil || !policy.Could(r.reader.Subject, policy.ViewCatalogue) || it.State == archive.ItemErased {
		return nil, nil
	}
	said, err := s.o.Catalogue.ItemClaims(r.Context(), r.reader.Subject, it.ID, r.lang)
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
		return nil, nil // outside what this person may see of the catalogue
	}
	if err != nil {
		return nil, fmt.Errorf("claims on %s: %w", it.ID, err)
	}
	out := &template.ItemClaims{Item: it.ID, May: policy.Could(r.reader.Subject, policy.EditCatalogue)}
	d := s.describe(r, s.o.Catalogue)
	for _, c := range said {
		k, _ := catalogue.KindOf(c.Kind)
		p, _ := k.Property(c.Property)
		about := template.EntityLink{ID: c.Entity, Code: c.EntityCode, Label: c.EntityCode, Kind: string(c.Kind), Href: entityHref(c.Kind, c.Entity)}
		out.List = append(out.List, template.ItemClaim{About: about, Claim: d.claim(c, p)})
	}
	return out, nil
}

// noteExport serves GET /items/{item}/notes/{format}?author=ID&tag=TERM.
func (s *Server) noteExport(w http.ResponseWriter, r *request) error {
	item, format := r.PathValue("item"), r.PathValue("format")
	if s.o.Note == nil || archive.CheckID(archive.PrefixItem, item) != nil {
		return archive.ErrNotFound
	}
	t, ok := note.MediaTypes[note.Format(format)]
	if !ok {
		return archive.ErrNotFound
	}
	q := r.URL.Query()
	b, err := s.o.Note.Export(r.Context(), r.reader.Subject, item, note.ExportOptions{Format: note.Format(format), Author: q.Get("author"), Tag: q.Get("tag"), Lang: r.lang})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", t)
	h.Set("Content-Disposition", `attachment; filename="notes-`+strings.TrimPrefix(item, "it_")+"."+format+`"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the browser has gone: nothing to do about it
	return nil
}
