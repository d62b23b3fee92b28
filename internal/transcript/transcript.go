package transcript

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Database is the catalogue; *store.DB is one.
type Database interface {
	Read(ctx context.Context, f func(*store.Tx) error) error
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// Queue is what is needed of the jobs; *job.Jobs has it.
type Queue interface {
	EnqueueTx(ctx context.Context, tx *store.Tx, a job.Args, o job.Opts) error
}

// Options of New. DB and Custody are needed.
type Options struct {
	DB      Database
	Custody *custody.Recorder
	Jobs    Queue // nil: nothing can be asked for
	Speech  bool  // an engine is configured
	Logger  *slog.Logger
	Now     func() time.Time
	NewID   func(prefix string) string
}

// Service is the room. It is safe for concurrent use.
type Service struct{ o Options }

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: transcript lacks something it works with", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// invalid is something that cannot be taken. Its public text is a code for the pages' catalogues of words.
func invalid(code, format string, a ...any) error {
	return archive.Explain(fmt.Errorf("%w: "+format, append([]any{archive.ErrInvalid}, a...)...), code, "")
}

// Track is a track with the name of who brought it in or chose it.
type Track struct {
	archive.TextTrack
	AuthorName string
	ChosenName string
}

// Line is a sentence with the name of who corrected it.
type Line struct {
	archive.TextLine
	AuthorName string
}

// Page is the words of an item.
type Page struct {
	Item     archive.Item
	Tracks   []Track // of each kind the current one first
	Track    Track   // the one whose sentences these are; without an identifier if there is none
	Lines    []Line
	More     bool // there are further ones after the last
	MayEdit  bool // import, choose, correct
	MayTake  bool // export
	MayAsk   bool // have the engine listen, or writing read
	SpeechOn bool
}

// look finds an item within the scope and asks policy about it.
func look(ctx context.Context, tx *store.Tx, who policy.Subject, id string, a policy.Action) (archive.Item, error) {
	if archive.CheckID(archive.PrefixItem, id) != nil {
		return archive.Item{}, archive.ErrNotFound
	}
	it, err := tx.Item(ctx, policy.ScopeOf(who), id)
	if err != nil {
		return archive.Item{}, fmt.Errorf("find item: %w", err)
	}
	return it, policy.Decide(who, a, policy.ItemObject(it)).Err()
}

// track finds a track whose item may be acted on.
func track(ctx context.Context, tx *store.Tx, who policy.Subject, id string, a policy.Action) (archive.TextTrack, archive.Item, error) {
	if archive.CheckID(archive.PrefixTextTrack, id) != nil {
		return archive.TextTrack{}, archive.Item{}, archive.ErrNotFound
	}
	t, err := tx.TextTrack(ctx, policy.ScopeOf(who), id)
	if err != nil {
		return t, archive.Item{}, fmt.Errorf("find text: %w", err)
	}
	it, err := look(ctx, tx, who, t.Item, a)
	return t, it, err
}

// Query says which words of an item are wanted.
type Query struct {
	Track string // empty: the current transcript, or else the current reading, or else the newest track
	Page  int    // of a paper; 0: all
	After int    // ordinal of the last sentence of the page before
	Limit int    // 0: 500; at most 5,000
}

// Words gives the tracks of an item and the sentences of one of them. archive.ErrNotFound if the reader may not see the item.
func (s *Service) Words(ctx context.Context, who policy.Subject, item string, q Query) (p Page, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = 500
	}
	limit = min(limit, 5000)
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		p = Page{SpeechOn: s.o.Speech}
		if p.Item, err = look(ctx, tx, who, item, policy.ViewItem); err != nil {
			return err
		}
		o := policy.ItemObject(p.Item)
		p.MayEdit = policy.Decide(who, policy.Annotate, o).Allow
		p.MayTake = policy.Could(who, policy.Export)
		p.MayAsk = s.o.Jobs != nil && policy.Decide(who, policy.ManageJobs, policy.Object{Difficulty: -1}).Allow
		tracks, err := tx.TextTracks(ctx, policy.ScopeOf(who), item)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, t := range tracks {
			one := Track{TextTrack: t}
			if one.AuthorName, err = name(ctx, tx, names, t.Author); err == nil {
				one.ChosenName, err = name(ctx, tx, names, t.ChosenBy)
			}
			if err != nil {
				return err
			}
			p.Tracks = append(p.Tracks, one)
			if t.ID == q.Track {
				p.Track = one
			}
		}
		if q.Track != "" && p.Track.ID == "" {
			return archive.ErrNotFound
		}
		if p.Track.ID == "" {
			p.Track = first(p.Tracks)
		}
		if p.Track.ID == "" {
			return nil
		}
		lines, err := tx.TextSpans(ctx, policy.ScopeOf(who), store.TextSpanQuery{Track: p.Track.ID, Page: q.Page, After: q.After, Limit: limit + 1})
		if err != nil {
			return err
		}
		if p.More = len(lines) > limit; p.More {
			lines = lines[:limit]
		}
		for _, l := range lines {
			n, err := name(ctx, tx, names, l.Author)
			if err != nil {
				return err
			}
			p.Lines = append(p.Lines, Line{TextLine: l, AuthorName: n})
		}
		return nil
	})
	if err != nil {
		return Page{}, fmt.Errorf("words of an item: %w", err)
	}
	return p, nil
}

func first(tracks []Track) (out Track) {
	for _, t := range tracks {
		switch {
		case t.Chosen() && t.Kind == archive.TextTranscript:
			return t
		case out.ID == "", t.Chosen() && !out.Chosen():
			out = t
		}
	}
	return out
}

func name(ctx context.Context, tx *store.Tx, known map[string]string, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	if n, ok := known[id]; ok {
		return n, nil
	}
	a, err := tx.Agent(ctx, id)
	if err != nil && !errors.Is(err, archive.ErrNotFound) {
		return "", err
	}
	known[id] = a.Name
	return a.Name, nil
}

// Draft is a file of subtitles that somebody brings in.
type Draft struct {
	File  []byte
	Title string // what it is, such as "translation"; may be empty. Never the name of the file, which may name people
	Lang  string // BCP 47; empty: as the file says
	Use   bool   // makes it the current one
}

// Report is what became of a file.
type Report struct {
	Track  archive.TextTrack
	Same   bool // it was brought in before; nothing was changed
	Parsed Parsed
	Kept   int
}

// maxTitle is how many characters a title has at most.
const maxTitle = 120

// Import brings a transcript in as SubRip or WebVTT. What cannot be read is in the report.
func (s *Service) Import(ctx context.Context, who policy.Subject, item string, d Draft) (rep Report, err error) {
	fail := func(err error) (Report, error) { return Report{}, fmt.Errorf("import transcript: %w", err) }
	title := norm.NFC.String(strings.TrimSpace(d.Title))
	if !utf8.ValidString(d.Title) || utf8.RuneCountInString(title) > maxTitle || strings.ContainsFunc(title, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fail(invalid("transcript-title", "a title has at most %d characters", maxTitle))
	}
	parsed, err := Parse(d.File)
	if err != nil {
		return fail(err)
	}
	lang := d.Lang
	if lang == "" {
		lang = parsed.Lang
	}
	if lang != "" {
		t, err := language.Parse(lang)
		if err != nil || len(lang) > 35 {
			if d.Lang != "" {
				return fail(invalid("transcript-lang", "language of a transcript"))
			}
			lang = ""
		} else {
			lang = t.String()
		}
	}
	sum := sha256.Sum256(d.File)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		rep = Report{Parsed: parsed}
		if _, err := look(ctx, tx, who, item, policy.Annotate); err != nil {
			return err
		}
		if err := tx.LockItem(ctx, item); err != nil {
			return err
		}
		it, err := look(ctx, tx, who, item, policy.Annotate)
		if err != nil {
			return err
		}
		if it.Kind != archive.KindVideo && it.Kind != archive.KindAudio {
			return invalid("transcript-kind", "only recordings have a transcript")
		}
		tracks, err := tx.TextTracks(ctx, policy.ScopeOf(who), item)
		if err != nil {
			return err
		}
		for _, t := range tracks {
			if t.Author == who.Agent && string(t.SHA256) == string(sum[:]) {
				rep.Track, rep.Same, rep.Kept = t, true, t.Spans
				return nil
			}
		}
		var spans []archive.TextSpan
		for _, c := range parsed.Cues {
			if it.Duration > 0 && c.From > it.Duration+time.Second { // what containers state is a little off
				rep.Parsed.fault(c.Line, FaultLate, true)
				continue
			}
			spans = append(spans, archive.TextSpan{ID: s.o.NewID(archive.PrefixTextSpan), Item: item, From: c.From, To: c.To, Lang: lang, Text: c.Text, Score: -1})
		}
		if len(spans) == 0 {
			return invalid("transcript-empty", "no sentence in it lies within the recording")
		}
		now := s.now()
		rep.Kept = len(spans)
		rep.Track = archive.TextTrack{
			ID: s.o.NewID(archive.PrefixTextTrack), Item: item, Kind: archive.TextTranscript, Origin: archive.TextImported, State: archive.TextDone, Lang: lang, Title: title,
			Author: who.Agent, Recipe: "import", RecipeVersion: 1, Tool: string(parsed.Format), SHA256: sum[:], Spans: len(spans), CreatedAt: now, FinishedAt: now,
		}
		if err := tx.AddTextTrack(ctx, rep.Track); err != nil {
			return err
		}
		if err := tx.AddTextSpans(ctx, rep.Track.ID, spans...); err != nil {
			return err
		}
		if d.Use || !chosen(tracks) {
			if err := tx.ChooseTextTrack(ctx, rep.Track.ID, who.Agent, now); err != nil {
				return err
			}
			rep.Track.ChosenAt, rep.Track.ChosenBy = now, who.Agent
		}
		return s.record(ctx, tx, who, archive.EventDescription, rep.Track, "", map[string]string{
			"act": "transcript imported", "format": string(parsed.Format), "sentences": strconv.Itoa(len(spans)), "faults": strconv.Itoa(len(rep.Parsed.Faults) + rep.Parsed.More),
			"chosen": strconv.FormatBool(rep.Track.Chosen()),
		})
	})
	if err != nil {
		return fail(err)
	}
	return rep, nil
}

func chosen(tracks []archive.TextTrack) bool {
	for _, t := range tracks {
		if t.Kind == archive.TextTranscript && t.Chosen() {
			return true
		}
	}
	return false
}

func (s *Service) record(ctx context.Context, tx *store.Tx, who policy.Subject, kind string, t archive.TextTrack, span string, detail map[string]string) error {
	e := archive.Event{
		Type: kind, Agent: who.Agent, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: t.Item}, {Role: custody.RoleAbout, Kind: custody.KindTextTrack, ID: t.ID}},
		Detail:   detail,
	}
	if span != "" {
		e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleOutcome, Kind: custody.KindTextSpan, ID: span})
	}
	_, err := s.o.Custody.Record(ctx, tx, e)
	return err
}

// hold finds a track to be changed and holds its item until the transaction ends, so that no erasure comes between.
func hold(ctx context.Context, tx *store.Tx, who policy.Subject, id string) (archive.TextTrack, error) {
	t, _, err := track(ctx, tx, who, id, policy.Annotate)
	if err != nil {
		return t, err
	}
	if err := tx.LockItem(ctx, t.Item); err != nil {
		return t, err
	}
	t, _, err = track(ctx, tx, who, id, policy.Annotate)
	return t, err
}

// Choose makes a track the current one of its kind; archive.ErrConflict if it is not finished.
func (s *Service) Choose(ctx context.Context, who policy.Subject, id string) (item string, err error) {
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		t, err := hold(ctx, tx, who, id)
		if err != nil {
			return err
		}
		item = t.Item
		if err := tx.ChooseTextTrack(ctx, id, who.Agent, s.now()); err != nil {
			return err
		}
		return s.record(ctx, tx, who, archive.EventDescription, t, "", map[string]string{"act": "text chosen", "kind": t.Kind})
	})
	if err != nil {
		return "", fmt.Errorf("choose text: %w", err)
	}
	return item, nil
}

// Correct puts other words in place of version `version` of a sentence; empty words say that nothing is said there. archive.ErrConflict if somebody
// else corrected it meanwhile.
func (s *Service) Correct(ctx context.Context, who policy.Subject, id string, version int, text string) (l archive.TextLine, err error) {
	fail := func(err error) (archive.TextLine, error) {
		return archive.TextLine{}, fmt.Errorf("correct sentence: %w", err)
	}
	if archive.CheckID(archive.PrefixTextSpan, id) != nil {
		return fail(archive.ErrNotFound)
	}
	text = norm.NFC.String(strings.Join(strings.Fields(text), " "))
	if !utf8.ValidString(text) || len(text) > MaxText || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0xfeff }) {
		return fail(invalid("transcript-text", "a sentence has at most %d bytes", MaxText))
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		was, err := tx.TextSpan(ctx, policy.ScopeOf(who), id)
		if err != nil {
			return err
		}
		t, err := hold(ctx, tx, who, was.Track)
		if err != nil {
			return err
		}
		if was.Text == text && was.Version == version {
			l = was
			return nil
		}
		if l, err = tx.CorrectTextSpan(ctx, id, version, text, who.Agent, s.now()); err != nil {
			return err
		}
		return s.record(ctx, tx, who, archive.EventDescription, t, id, map[string]string{"act": "sentence corrected", "version": strconv.Itoa(l.Version)})
	})
	if err != nil {
		return fail(err)
	}
	return l, nil
}

// Version is what a sentence was.
type Version = store.TextVersion

// Versions gives every form of a sentence, first one first; none of one that nobody corrected.
func (s *Service) Versions(ctx context.Context, who policy.Subject, id string) (out []Version, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		if archive.CheckID(archive.PrefixTextSpan, id) != nil {
			return archive.ErrNotFound
		}
		l, err := tx.TextSpan(ctx, policy.ScopeOf(who), id)
		if err != nil {
			return err
		}
		if _, err := look(ctx, tx, who, l.Item, policy.ViewItem); err != nil {
			return err
		}
		out, err = tx.TextSpanVersions(ctx, policy.ScopeOf(who), id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("versions of a sentence: %w", err)
	}
	return out, nil
}

// Export writes a track as subtitles. It is recorded, with the digest of what was written, before it is given out. WebVTT says where the words come from.
func (s *Service) Export(ctx context.Context, who policy.Subject, id string, f Format) ([]byte, archive.TextTrack, error) {
	fail := func(err error) ([]byte, archive.TextTrack, error) {
		return nil, archive.TextTrack{}, fmt.Errorf("export transcript: %w", err)
	}
	if _, ok := MediaTypes[f]; !ok {
		return fail(fmt.Errorf("%w: format of an export", archive.ErrInvalid))
	}
	if err := policy.Decide(who, policy.Export, policy.Object{Difficulty: -1}).Err(); err != nil {
		return fail(err)
	}
	var t archive.TextTrack
	var b []byte
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		var it archive.Item
		var err error
		if t, it, err = track(ctx, tx, who, id, policy.ViewItem); err != nil {
			return err
		}
		if t.Kind != archive.TextTranscript {
			return fmt.Errorf("%w: only transcripts have times", archive.ErrInvalid)
		}
		var cues []Cue
		corrected := 0
		for after := 0; ; {
			lines, err := tx.TextSpans(ctx, policy.ScopeOf(who), store.TextSpanQuery{Track: id, After: after, Limit: 2000})
			if err != nil {
				return err
			}
			for _, l := range lines {
				cues = append(cues, Cue{From: l.From, To: l.To, Text: l.Text})
				after = l.Ordinal
				if l.Version > 1 {
					corrected++
				}
			}
			if len(lines) < 2000 {
				break
			}
		}
		head := []string{"Item " + it.ID + " (" + it.Reference() + "), text " + t.ID + "."}
		if t.Origin == archive.TextByMachine {
			head = append(head, "Made by a machine: "+t.Tool+"; "+t.Settings+". Nobody vouches for it.")
		} else {
			head = append(head, "Brought in by "+t.Author+".")
		}
		if t.State != archive.TextDone {
			head = append(head, "Not finished: what has been heard so far.")
		}
		if corrected > 0 {
			head = append(head, strconv.Itoa(corrected)+" sentences were corrected by people.")
		}
		b = write(f, t.Lang, head, cues)
		return nil
	})
	if err != nil {
		return fail(err)
	}
	sum := sha256.Sum256(b)
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if _, _, err := track(ctx, tx, who, id, policy.ViewItem); err != nil { // it may be on its way out meanwhile
			return err
		}
		return s.record(ctx, tx, who, archive.EventExport, t, "", map[string]string{"act": "transcript exported", "format": string(f), "sha256": hex.EncodeToString(sum[:])})
	})
	if err != nil {
		return fail(err)
	}
	return b, t, nil
}

// Ask puts in a job for one item: to have the engine listen to a recording, or to have writing read. ErrNoEngine if none is configured.
func (s *Service) Ask(ctx context.Context, who policy.Subject, item, kind string) error {
	fail := func(err error) error { return fmt.Errorf("ask for text: %w", err) }
	if s.o.Jobs == nil {
		return fail(fmt.Errorf("%w: there is no queue", archive.ErrInvalid))
	}
	if err := policy.Decide(who, policy.ManageJobs, policy.Object{Difficulty: -1}).Err(); err != nil {
		return fail(err)
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		it, err := look(ctx, tx, who, item, policy.ViewItem)
		if err != nil {
			return err
		}
		a, err := s.args(it, kind)
		if err != nil {
			return err
		}
		return s.o.Jobs.EnqueueTx(ctx, tx, a, job.Opts{Unique: true})
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// ErrNoEngine: no speech engine is configured.
var ErrNoEngine = fmt.Errorf("%w: no speech engine is configured", archive.ErrInvalid)

func (s *Service) args(it archive.Item, kind string) (job.Args, error) {
	sound := it.Kind == archive.KindVideo || it.Kind == archive.KindAudio
	switch {
	case kind == archive.TextTranscript && sound:
		if !s.o.Speech {
			return nil, archive.Explain(ErrNoEngine, "transcript-engine", "")
		}
		return job.Transcribe{Item: it.ID}, nil
	case kind == archive.TextRead && it.Kind != archive.KindAudio && it.Kind != archive.KindUnknown:
		return job.Read{Item: it.ID}, nil
	}
	return nil, invalid("transcript-kind", "items of this kind have no such text")
}

// AskAll puts in jobs for every item of which there is no finished text of a kind by the current recipe, whatever its settings; it returns how many.
func (s *Service) AskAll(ctx context.Context, who policy.Subject, kind string) (int, error) {
	fail := func(n int, err error) (int, error) { return n, fmt.Errorf("ask for text: %w", err) }
	if s.o.Jobs == nil {
		return fail(0, fmt.Errorf("%w: there is no queue", archive.ErrInvalid))
	}
	if err := policy.Decide(who, policy.ManageJobs, policy.Object{Difficulty: -1}).Err(); err != nil {
		return fail(0, err)
	}
	kinds := []archive.Kind{archive.KindVideo, archive.KindAudio}
	if kind == archive.TextRead {
		kinds = []archive.Kind{archive.KindImage, archive.KindDocument}
	}
	const page = 500
	n, after := 0, ""
	for {
		var ids []string
		err := s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
			if ids, err = tx.WithoutText(ctx, kinds, kind, after, page); err != nil {
				return err
			}
			for _, id := range ids {
				a, err := s.args(archive.Item{ID: id, Kind: kinds[0]}, kind)
				if err != nil {
					return err
				}
				if err := s.o.Jobs.EnqueueTx(ctx, tx, a, job.Opts{Unique: true}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fail(n, err)
		}
		n += len(ids)
		if len(ids) < page {
			return n, nil
		}
		after = ids[len(ids)-1]
	}
}
