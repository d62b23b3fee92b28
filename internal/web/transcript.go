package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/transcript"
	"zapis/internal/web/template"
)

// TranscriptRoom is what the pages ask of those who keep the words of items; *transcript.Service. It asks policy itself.
type TranscriptRoom interface {
	Words(ctx context.Context, who policy.Subject, item string, q transcript.Query) (transcript.Page, error)
	Import(ctx context.Context, who policy.Subject, item string, d transcript.Draft) (transcript.Report, error)
	Choose(ctx context.Context, who policy.Subject, track string) (item string, err error)
	Correct(ctx context.Context, who policy.Subject, sentence string, version int, text string) (archive.TextLine, error)
	Versions(ctx context.Context, who policy.Subject, sentence string) ([]transcript.Version, error)
	Export(ctx context.Context, who policy.Subject, track string, f transcript.Format) ([]byte, archive.TextTrack, error)
	Ask(ctx context.Context, who policy.Subject, item, kind string) error
}

// How many sentences the page of an item, and that of its words, show at once.
const (
	wordsBeside = 200
	wordsOnPage = 300
)

// wordsPanel is what the page of an item shows of its words; nil if it has none and the reader could not bring any in.
func (s *Server) wordsPanel(r *request, it archive.Item) (*template.Words, error) {
	if s.o.Transcript == nil || it.State == archive.ItemErased || it.State == archive.ItemQuarantined {
		return nil, nil
	}
	p, err := s.o.Transcript.Words(r.Context(), r.reader.Subject, it.ID, transcript.Query{Limit: wordsBeside})
	if errors.Is(err, archive.ErrNotFound) || errors.Is(err, archive.ErrForbidden) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := wordsView(p, true)
	if p.More {
		v.Next = "/items/" + it.ID + "/words?track=" + p.Track.ID + "&after=" + strconv.Itoa(p.Lines[len(p.Lines)-1].Ordinal)
	}
	return &v, nil
}

func wordsView(p transcript.Page, beside bool) template.Words {
	v := template.Words{
		Item: p.Item.ID, Ref: p.Item.Reference(), Kind: string(p.Item.Kind), MayEdit: p.MayEdit, MayTake: p.MayTake, MayAsk: p.MayAsk, SpeechOn: p.SpeechOn,
		Timed: p.Item.Kind == archive.KindVideo || p.Item.Kind == archive.KindAudio, Track: trackView(p.Track),
	}
	for _, t := range p.Tracks {
		v.Tracks = append(v.Tracks, trackView(t))
	}
	for _, l := range p.Lines {
		one := template.WordLine{ID: l.ID, From: l.From, To: l.To, Page: l.Page, Text: l.Text, Lang: l.Lang, Score: l.Score, Version: l.Version, Author: l.AuthorName}
		if l.Version > 1 {
			one.At = l.ChangedAt
		}
		if v.Timed {
			one.Href = "#t=" + fragmentSeconds(l.From)
			if l.To > l.From {
				one.Href += "," + fragmentSeconds(l.To)
			}
			if !beside {
				one.Href = "/items/" + p.Item.ID + one.Href
			}
		}
		v.Lines = append(v.Lines, one)
	}
	return v
}

func fragmentSeconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func trackView(t transcript.Track) template.WordTrack {
	return template.WordTrack{
		ID: t.ID, Kind: t.Kind, Origin: t.Origin, State: t.State, Reason: t.Reason, Lang: t.Lang, Title: t.Title, Author: t.AuthorName,
		Recipe: fmt.Sprintf("%s %d", t.Recipe, t.RecipeVersion), Tool: t.Tool, Settings: t.Settings, Current: t.Chosen(), Count: t.Spans, Done: t.Done, At: t.CreatedAt,
	}
}

// wordsPage serves GET /items/{item}/words?track=…&after=…&page=…&sentence=….
func (s *Server) wordsPage(w http.ResponseWriter, r *request) error {
	return s.drawWords(w, r, http.StatusOK, r.PathValue("item"), r.URL.Query(), nil)
}

func (s *Server) drawWords(w http.ResponseWriter, r *request, status int, item string, q url.Values, change func(*template.Words)) error {
	if s.o.Transcript == nil {
		return archive.ErrNotFound
	}
	number := func(name string) (int, error) {
		if q.Get(name) == "" {
			return 0, nil
		}
		n, err := strconv.Atoi(q.Get(name))
		if err != nil || n < 0 {
			return 0, archive.ErrNotFound
		}
		return n, nil
	}
	ask := transcript.Query{Track: q.Get("track"), Limit: wordsOnPage}
	var err error
	if ask.After, err = number("after"); err != nil {
		return err
	}
	if ask.Page, err = number("page"); err != nil {
		return err
	}
	p, err := s.o.Transcript.Words(r.Context(), r.reader.Subject, item, ask)
	if err != nil {
		return err
	}
	v := wordsView(p, false)
	if p.More {
		v.Next = "/items/" + p.Item.ID + "/words?track=" + p.Track.ID + "&after=" + strconv.Itoa(p.Lines[len(p.Lines)-1].Ordinal)
		if ask.Page > 0 {
			v.Next += "&page=" + strconv.Itoa(ask.Page)
		}
	}
	if v.Sentence = q.Get("sentence"); v.Sentence != "" {
		versions, err := s.o.Transcript.Versions(r.Context(), r.reader.Subject, v.Sentence)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, l := range p.Lines {
			names[l.Author] = l.AuthorName
		}
		for _, x := range versions {
			v.History = append(v.History, template.WordVersion{Version: x.Version, Text: x.Text, Author: names[x.Author], At: x.ChangedAt})
		}
	}
	if change != nil {
		change(&v)
	}
	s.draw(w, r, status, "words", "archive", v)
	return nil
}

// refusedWords shows why something was not taken, with the page that it came from.
func (s *Server) refusedWords(w http.ResponseWriter, r *request, item string, err error) error {
	public, ok := errors.AsType[*archive.Public](err)
	if !ok || !errors.Is(err, archive.ErrInvalid) || !strings.HasPrefix(public.Text, "transcript-") {
		return err
	}
	code := strings.TrimPrefix(public.Text, "transcript-")
	return s.drawWords(w, r, http.StatusBadRequest, item, url.Values{}, func(v *template.Words) { v.Error = code })
}

// wordsImport serves POST /items/{item}/words. The form is read part by part: the library would put a large file on disk.
func (s *Server) wordsImport(w http.ResponseWriter, r *request) error {
	if s.o.Transcript == nil {
		return archive.ErrNotFound
	}
	item := r.PathValue("item")
	if archive.CheckID(archive.PrefixItem, item) != nil {
		return archive.ErrNotFound
	}
	parts, err := r.MultipartReader()
	if err != nil {
		return fmt.Errorf("%w: a form with a file was expected", archive.ErrInvalid)
	}
	d := transcript.Draft{}
	for {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return badForm(err)
		}
		limit := int64(2 << 10)
		if p.FormName() == "file" {
			limit = transcript.MaxImport + 1
		}
		raw, err := io.ReadAll(io.LimitReader(p, limit))
		if err != nil {
			return badForm(err)
		}
		switch p.FormName() { // the name of the file is not looked at: it may name people
		case "file":
			d.File = raw
		case "title":
			d.Title = string(raw)
		case "lang":
			d.Lang = strings.TrimSpace(string(raw))
		case "use":
			d.Use = string(raw) == "1"
		}
	}
	rep, err := s.o.Transcript.Import(r.Context(), r.reader.Subject, item, d)
	if err != nil {
		return s.refusedWords(w, r, item, err)
	}
	return s.drawWords(w, r, http.StatusOK, item, url.Values{"track": {rep.Track.ID}}, func(v *template.Words) {
		v.Report = &template.WordReport{Same: rep.Same, Kept: rep.Kept, Encoding: rep.Parsed.Encoding, More: rep.Parsed.More}
		for _, f := range rep.Parsed.Faults {
			v.Report.Faults = append(v.Report.Faults, template.WordFault{Line: f.Line, Code: f.Code, Lost: f.Lost})
		}
	})
}

// wordsAsk serves POST /items/{item}/words/ask.
func (s *Server) wordsAsk(w http.ResponseWriter, r *request) error {
	if s.o.Transcript == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	item := r.PathValue("item")
	if err := s.o.Transcript.Ask(r.Context(), r.reader.Subject, item, r.PostForm.Get("kind")); err != nil {
		return s.refusedWords(w, r, item, err)
	}
	return redirect(w, r, "/items/"+item+"/words", "words-asked")
}

// wordsChoose serves POST /words/{track}/choose.
func (s *Server) wordsChoose(w http.ResponseWriter, r *request) error {
	if s.o.Transcript == nil {
		return archive.ErrNotFound
	}
	item, err := s.o.Transcript.Choose(r.Context(), r.reader.Subject, r.PathValue("track"))
	if err != nil {
		return err
	}
	return redirect(w, r, "/items/"+item+"/words?track="+r.PathValue("track"), "words-chosen")
}

// wordsCorrect serves POST /sentences/{sentence}.
func (s *Server) wordsCorrect(w http.ResponseWriter, r *request) error {
	if s.o.Transcript == nil {
		return archive.ErrNotFound
	}
	if err := form(r); err != nil {
		return badForm(err)
	}
	version, err := strconv.Atoi(r.PostForm.Get("version"))
	item := r.PostForm.Get("item")
	if err != nil || archive.CheckID(archive.PrefixItem, item) != nil {
		return fmt.Errorf("%w: version of a sentence", archive.ErrInvalid)
	}
	l, err := s.o.Transcript.Correct(r.Context(), r.reader.Subject, r.PathValue("sentence"), version, r.PostForm.Get("text"))
	switch {
	case errors.Is(err, archive.ErrConflict):
		return redirect(w, r, "/items/"+item+"/words", "words-late")
	case err != nil:
		return s.refusedWords(w, r, item, err)
	}
	to := "/items/" + l.Item + "/words?track=" + l.Track + "&sentence=" + l.ID
	if l.Ordinal > 3 {
		to += "&after=" + strconv.Itoa(l.Ordinal-3)
	}
	return redirect(w, r, to, "words-corrected")
}

// wordsExport serves GET /words/{track}/export/{format}.
func (s *Server) wordsExport(w http.ResponseWriter, r *request) error {
	f := transcript.Format(r.PathValue("format"))
	t, ok := transcript.MediaTypes[f]
	if s.o.Transcript == nil || !ok {
		return archive.ErrNotFound
	}
	b, track, err := s.o.Transcript.Export(r.Context(), r.reader.Subject, r.PathValue("track"), f)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", t)
	h.Set("Content-Disposition", `attachment; filename="transcript-`+strings.TrimPrefix(track.ID, archive.PrefixTextTrack+"_")+"."+string(f)+`"`)
	h.Set("Cache-Control", "no-store")
	_, _ = w.Write(b) // the browser has gone: nothing to do about it
	return nil
}
