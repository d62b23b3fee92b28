package note

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/catalogue/vocabulary"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
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

// Options of New. DB, Vault and Custody are needed.
type Options struct {
	DB      Database
	Vault   *vault.Vault // opens lists of frames
	Custody *custody.Recorder
	Jobs    Queue // nil: frames that are not listed yet are not asked for
	Logger  *slog.Logger
	Now     func() time.Time
	NewID   func(prefix string) string
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o Options

	mu    sync.Mutex
	lists map[string]media.Frames // by derivative
	order []string                // the oldest first
}

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: note lacks something it works with", archive.ErrInvalid)
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
	return &Service{o: o, lists: map[string]media.Frames{}}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Draft is what a person wants a note to say.
type Draft struct {
	// Key is drawn at random by whoever makes the note, 8 to 80 letters, digits and hyphens. The same key from the same author is the same
	// note.
	Key string
	// Frames of the original, counted from 0, the last one included. With FrameFrom below 0 the times count instead, and the frames shown at
	// them are taken.
	FrameFrom, FrameTo int64
	From, To           time.Duration // from the beginning of the item
	Region             archive.Region
	Page               int // of a document, from 1
	Body               string
	Tag                string // "vocabulary:code", or empty
	Lang               string // of Body, BCP 47
}

// Note is a note with what a page shows beside it.
type Note struct {
	archive.Note
	AuthorName string
	Mine       bool
}

// Page is all notes on an item.
type Page struct {
	Item     archive.Item
	Notes    []Note // by where they begin; those that were deleted are left out
	MayNote  bool
	Reaction time.Duration // of who asks
	Frames   int64         // of the original; 0 while they are not listed
	Tags     []archive.Term
}

// Bounds of a note.
const (
	MaxBody     = 8 << 10 // bytes
	MaxReaction = 2 * time.Second
	// DefaultReaction is how long after seeing something people press a key, unless they set their own: simple reactions to what is seen
	// take 200 to 300 ms, and choosing takes longer.
	DefaultReaction = 300 * time.Millisecond
	// maxFramesFile bounds a list of frames that is read whole, in bytes.
	maxFramesFile = 128 << 20
	// maxListed is how many lists of frames are kept in memory.
	maxListed = 8
)

// TagVocabulary is the vocabulary of tags.
const TagVocabulary = "tag"

var (
	keyForm = regexp.MustCompile(`^[0-9A-Za-z-]{8,80}$`)
	tagForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}:[0-9A-Za-z][0-9A-Za-z-]{0,59}$`)
)

// invalid is a draft that cannot become a note. Its public text is a code for the pages' catalogues of words.
func invalid(code, format string, a ...any) error {
	return archive.Explain(fmt.Errorf("%w: "+format, append([]any{archive.ErrInvalid}, a...)...), code, "")
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

// find finds a note whose item may be worked on.
func find(ctx context.Context, tx *store.Tx, who policy.Subject, id string, a policy.Action) (archive.Note, archive.Item, error) {
	if archive.CheckID(archive.PrefixNote, id) != nil {
		return archive.Note{}, archive.Item{}, archive.ErrNotFound
	}
	n, err := tx.Note(ctx, policy.ScopeOf(who), id)
	if err != nil {
		return archive.Note{}, archive.Item{}, fmt.Errorf("find note: %w", err)
	}
	it, err := look(ctx, tx, who, n.Item, a)
	return n, it, err
}

// hold finds a note to be changed, and holds its item until the transaction ends, so that an erasure cannot pass between. Only the author
// changes a note; for everybody else there is none to change.
func hold(ctx context.Context, tx *store.Tx, who policy.Subject, id string) (archive.Note, archive.Item, error) {
	n, _, err := find(ctx, tx, who, id, policy.Annotate)
	if err != nil {
		return n, archive.Item{}, err
	}
	if err := tx.LockItem(ctx, n.Item); err != nil {
		return n, archive.Item{}, err
	}
	n, it, err := find(ctx, tx, who, id, policy.Annotate)
	if err == nil && n.Author != who.Agent {
		err = archive.ErrForbidden
	}
	return n, it, err
}

// Frames gives when each frame of an item is shown, as media.Frames encodes it. archive.ErrNotFound while that is not known; then it is
// asked for.
func (s *Service) Frames(ctx context.Context, who policy.Subject, item string) ([]byte, error) {
	var it archive.Item
	var d archive.Derivative
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		if it, err = look(ctx, tx, who, item, policy.Look); err != nil {
			return err
		}
		d, err = framesOf(ctx, tx, it)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("frames: %w", err)
	}
	if d.ID != "" {
		f, err := s.list(ctx, d)
		if err != nil {
			return nil, fmt.Errorf("frames of %s: %w", it.ID, err)
		}
		return f.Encode(), nil
	}
	// Items that became ready before frames were listed get theirs when somebody asks.
	if s.o.Jobs != nil && it.Kind == archive.KindVideo && it.State == archive.ItemReady {
		err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
			failed, err := tx.EventsOfType(ctx, custody.KindItem, it.ID, archive.EventDerivation)
			if err != nil {
				return err
			}
			for _, o := range failed {
				if e, err := archive.ParseEvent(o.Event); err == nil && e.Outcome == archive.Failure && e.Detail["pass"] == "frames" {
					return nil // it was tried, and the material gives none
				}
			}
			return s.o.Jobs.EnqueueTx(ctx, tx, job.Frames{Item: it.ID}, job.Opts{Unique: true})
		})
		if err != nil {
			return nil, fmt.Errorf("ask for frames of %s: %w", it.ID, err)
		}
	}
	return nil, fmt.Errorf("frames of %s: %w", it.ID, archive.ErrNotFound)
}

// framesOf gives the standing list of frames, without an identifier if there is none.
func framesOf(ctx context.Context, tx *store.Tx, it archive.Item) (archive.Derivative, error) {
	if it.Kind != archive.KindVideo {
		return archive.Derivative{}, nil
	}
	all, err := tx.Derivatives(ctx, it.ID)
	if err != nil {
		return archive.Derivative{}, fmt.Errorf("list derivatives of %s: %w", it.ID, err)
	}
	for _, d := range all {
		if d.Kind == archive.DerivativeFrames {
			return d, nil
		}
	}
	return archive.Derivative{}, nil
}

// list reads a list of frames from the vault, or remembers it.
func (s *Service) list(ctx context.Context, d archive.Derivative) (media.Frames, error) {
	s.mu.Lock()
	f, ok := s.lists[d.ID]
	s.mu.Unlock()
	if ok {
		return f, nil
	}
	if d.Size > maxFramesFile {
		return media.Frames{}, fmt.Errorf("read %s: %w: too large", d.ID, archive.ErrInvalid)
	}
	r, err := s.o.Vault.Reader(ctx, vault.Ref(d.Object))
	if err != nil {
		return media.Frames{}, fmt.Errorf("open %s: %w", d.ID, err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxFramesFile))
	if err != nil {
		return media.Frames{}, fmt.Errorf("read %s: %w", d.ID, err)
	}
	if f, err = media.ParseFrames(b); err != nil {
		return media.Frames{}, fmt.Errorf("read %s: %w: %w", d.ID, archive.ErrIntegrity, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.lists[d.ID]; !ok {
		if len(s.order) >= maxListed {
			delete(s.lists, s.order[0])
			s.order = s.order[1:]
		}
		s.lists[d.ID], s.order = f, append(s.order, d.ID)
	}
	return f, nil
}

// known gives the list of frames of an item for the use of a note, or false if there is none. What cannot be read now must not cost
// somebody their note: it is kept with times alone.
func (s *Service) known(ctx context.Context, tx *store.Tx, it archive.Item) (media.Frames, bool, error) {
	d, err := framesOf(ctx, tx, it)
	if err != nil || d.ID == "" {
		return media.Frames{}, false, err
	}
	f, err := s.list(ctx, d)
	if err != nil {
		s.o.Logger.WarnContext(ctx, "list of frames not read", "item", it.ID, "error", err)
		return media.Frames{}, false, nil
	}
	return f, len(f.Ticks) > 0, nil
}

// fill writes a draft into a note, and refuses what cannot be.
func fill(n *archive.Note, d Draft, it archive.Item, f media.Frames, listed bool) error {
	body := norm.NFC.String(strings.TrimSpace(strings.ReplaceAll(d.Body, "\r\n", "\n")))
	switch {
	case !utf8.ValidString(d.Body) || strings.ContainsFunc(body, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == 0xfeff }):
		return invalid("note-text", "text of a note")
	case len(body) > MaxBody:
		return invalid("note-long", "a note has at most %d bytes", MaxBody)
	case d.Tag != "" && !tagForm.MatchString(d.Tag):
		return invalid("note-tag", "a tag is a term as vocabulary:code")
	}
	lang := ""
	if d.Lang != "" {
		t, err := language.Parse(d.Lang)
		if err != nil || len(d.Lang) > 35 {
			return invalid("note-lang", "language of a note")
		}
		lang = t.String()
	}
	r := d.Region
	if !r.IsZero() && (r.X < 0 || r.Y < 0 || r.W <= 0 || r.H <= 0 || r.X > million-r.W || r.Y > million-r.H) {
		return invalid("note-region", "a region lies within the picture, in millionths of it")
	}
	if it.Kind == archive.KindAudio && !r.IsZero() {
		return invalid("note-region", "sound has no picture")
	}
	if d.Page < 0 || d.Page > 1_000_000 || d.Page > 0 && it.Kind != archive.KindDocument {
		return invalid("note-page", "page of a note")
	}
	n.Body, n.Tag, n.Lang, n.Region, n.Page = body, d.Tag, lang, r, d.Page
	n.FrameFrom, n.FrameTo, n.From, n.To = -1, -1, 0, 0
	if it.Kind != archive.KindVideo && it.Kind != archive.KindAudio {
		return nil // nothing passes in a picture or a paper
	}
	from, to := d.From.Truncate(time.Microsecond), d.To.Truncate(time.Microsecond)
	switch {
	case d.FrameFrom >= 0 && !listed:
		// Frames that nobody can check are no truth. The times that came along say nearly the same.
	case d.FrameFrom >= 0:
		if d.FrameTo < d.FrameFrom || d.FrameTo >= int64(len(f.Ticks)) {
			return invalid("note-frame", "frames %d to %d of %d", d.FrameFrom, d.FrameTo, len(f.Ticks))
		}
		n.FrameFrom, n.FrameTo = d.FrameFrom, d.FrameTo
		n.From, n.To = f.Time(n.FrameFrom), f.Time(n.FrameTo)
		return nil
	}
	end := it.Duration + time.Second // what containers state is a little off
	if listed {
		end = max(end, f.Time(int64(len(f.Ticks)))+time.Second)
	}
	if from < 0 || to < from || it.Duration > 0 && to > end || to > 1000*time.Hour {
		return invalid("note-time", "times of a note")
	}
	if listed {
		n.FrameFrom, n.FrameTo = f.At(from), f.At(to)
		from, to = f.Time(n.FrameFrom), f.Time(n.FrameTo)
	}
	n.From, n.To = from, to
	return nil
}

const million = 1_000_000

// tagged refuses a tag that the vocabulary does not have, or has retired.
func tagged(ctx context.Context, tx *store.Tx, tag string) error {
	name, code, ok := strings.Cut(tag, ":")
	if !ok {
		return nil
	}
	all, err := terms(ctx, tx, name)
	if err != nil {
		return err
	}
	for _, t := range all {
		if t.Code == code && !t.Retired {
			return nil
		}
	}
	return invalid("note-tag", "no such tag")
}

// terms gives a vocabulary: what an archive begins with, and what this one added or changed, which comes first.
func terms(ctx context.Context, tx *store.Tx, name string) ([]archive.Term, error) {
	own, err := tx.Terms(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read vocabulary: %w", err)
	}
	mine := map[string]int{}
	for i, t := range own {
		mine[t.Code] = i
	}
	var out []archive.Term
	taken := map[string]bool{}
	for _, t := range vocabulary.Terms(name) {
		if i, ok := mine[t.Code]; ok {
			t = own[i]
		}
		taken[t.Code] = true
		out = append(out, t)
	}
	for _, t := range own {
		if !taken[t.Code] {
			out = append(out, t)
		}
	}
	return out, nil
}

func event(who, act string, n archive.Note) archive.Event {
	return archive.Event{
		Type: archive.EventDescription, Agent: who, Outcome: archive.Success,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: n.Item}, {Role: custody.RoleOutcome, Kind: custody.KindNote, ID: n.ID}},
		Detail:   map[string]string{"act": act, "version": strconv.Itoa(n.Version)},
	}
}

// index lets a note be found by its words, or, when it has none or is deleted, no longer.
func index(ctx context.Context, tx *store.Tx, notes ...archive.Note) error {
	var docs []store.Doc
	var gone []string
	for _, n := range notes {
		if n.Body == "" || !n.DeletedAt.IsZero() {
			gone = append(gone, n.ID)
			continue
		}
		docs = append(docs, store.Doc{Kind: store.DocNote, Ref: n.ID, Item: n.Item, From: n.From, To: n.To, Lang: n.Lang, Text: n.Body})
	}
	if len(gone) > 0 {
		if err := tx.DropDocs(ctx, store.DocNote, gone...); err != nil {
			return fmt.Errorf("take notes out of the search: %w", err)
		}
	}
	if len(docs) > 0 {
		if err := tx.IndexDocs(ctx, docs...); err != nil {
			return fmt.Errorf("put notes into the search: %w", err)
		}
	}
	return nil
}

// Add makes a note on an item. Sent again with the same key it gives the note that stands, whatever else the draft says. Errors:
// archive.ErrNotFound and archive.ErrForbidden as policy says; archive.ErrInvalid with a code as public text; archive.ErrConflict if the key
// was used on another item.
func (s *Service) Add(ctx context.Context, who policy.Subject, item string, d Draft) (Note, error) {
	var out Note
	if !keyForm.MatchString(d.Key) {
		return out, fmt.Errorf("add note: %w", invalid("note-key", "key of a note"))
	}
	id := s.o.NewID(archive.PrefixNote)
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		it, err := look(ctx, tx, who, item, policy.Annotate)
		if err != nil {
			return err
		}
		// Held, so that two requests with one key, or an erasure, do not pass each other.
		if err := tx.LockItem(ctx, it.ID); err != nil {
			return err
		}
		if it, err = look(ctx, tx, who, item, policy.Annotate); err != nil {
			return err
		}
		switch was, err := tx.NoteByKey(ctx, policy.ScopeOf(who), who.Agent, d.Key); {
		case err == nil && was.Item != it.ID:
			return fmt.Errorf("%w: the key is of a note on another item", archive.ErrConflict)
		case err == nil:
			out, err = view(ctx, tx, who, was, nil)
			return err
		case !errors.Is(err, archive.ErrNotFound):
			return err
		}
		f, listed, err := s.known(ctx, tx, it)
		if err != nil {
			return err
		}
		n := archive.Note{ID: id, Item: it.ID, Author: who.Agent, CreatedAt: s.now(), Version: 1}
		n.ChangedAt = n.CreatedAt
		if err := fill(&n, d, it, f, listed); err != nil {
			return err
		}
		if err := tagged(ctx, tx, n.Tag); err != nil {
			return err
		}
		if err := tx.AddNotes(ctx, store.NewNote{Note: n, Key: d.Key}); err != nil {
			return err
		}
		if err := index(ctx, tx, n); err != nil {
			return err
		}
		if _, err = s.o.Custody.Record(ctx, tx, event(who.Agent, "note made", n)); err != nil {
			return err
		}
		out, err = view(ctx, tx, who, n, nil)
		return err
	})
	if err != nil {
		return Note{}, fmt.Errorf("add note: %w", err)
	}
	return out, nil
}

// Change puts another version in the place of version of a note. Errors: archive.ErrConflict if that is not the newest one or the note is
// deleted; archive.ErrForbidden to anybody but the author; else as of Add.
func (s *Service) Change(ctx context.Context, who policy.Subject, id string, version int, d Draft) (Note, error) {
	var out Note
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		n, it, err := hold(ctx, tx, who, id)
		if err != nil {
			return err
		}
		f, listed, err := s.known(ctx, tx, it)
		if err != nil {
			return err
		}
		was := n
		if err := fill(&n, d, it, f, listed); err != nil {
			return err
		}
		if n.Tag != was.Tag { // a tag that was retired meanwhile may stay
			if err := tagged(ctx, tx, n.Tag); err != nil {
				return err
			}
		}
		n.Version, n.ChangedAt = version, s.now()
		if n, err = tx.ChangeNote(ctx, n); err != nil {
			return err
		}
		if err := index(ctx, tx, n); err != nil {
			return err
		}
		if _, err = s.o.Custody.Record(ctx, tx, event(who.Agent, "note changed", n)); err != nil {
			return err
		}
		out, err = view(ctx, tx, who, n, nil)
		return err
	})
	if err != nil {
		return Note{}, fmt.Errorf("change note: %w", err)
	}
	return out, nil
}

// Delete takes a note out of sight. Its versions stay, and Restore brings it back. Doing it again changes nothing.
func (s *Service) Delete(ctx context.Context, who policy.Subject, id string) error {
	if err := s.mark(ctx, who, id, s.now(), "note deleted"); err != nil {
		return fmt.Errorf("delete note: %w", err)
	}
	return nil
}

// Restore undoes Delete.
func (s *Service) Restore(ctx context.Context, who policy.Subject, id string) (Note, error) {
	if err := s.mark(ctx, who, id, time.Time{}, "note restored"); err != nil {
		return Note{}, fmt.Errorf("restore note: %w", err)
	}
	var out Note
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		n, _, err := find(ctx, tx, who, id, policy.ViewItem)
		if err != nil {
			return err
		}
		out, err = view(ctx, tx, who, n, nil)
		return err
	})
	if err != nil {
		return Note{}, fmt.Errorf("restore note: %w", err)
	}
	return out, nil
}

func (s *Service) mark(ctx context.Context, who policy.Subject, id string, when time.Time, act string) error {
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		n, _, err := hold(ctx, tx, who, id)
		if err != nil {
			return err
		}
		moved, err := tx.DeleteNote(ctx, id, when)
		if err != nil || !moved {
			return err
		}
		n.DeletedAt = when
		if err := index(ctx, tx, n); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, event(who.Agent, act, n))
		return err
	})
}

// view adds what a page shows. names remembers names between calls; nil: nothing is remembered.
func view(ctx context.Context, tx *store.Tx, who policy.Subject, n archive.Note, names map[string]string) (Note, error) {
	name, ok := names[n.Author]
	if !ok {
		a, err := tx.Agent(ctx, n.Author)
		if err != nil && !errors.Is(err, archive.ErrNotFound) {
			return Note{}, fmt.Errorf("read agent: %w", err)
		}
		name = a.Name
		if names != nil {
			names[n.Author] = name
		}
	}
	return Note{Note: n, AuthorName: name, Mine: n.Author == who.Agent}, nil
}

// Notes gives all notes on an item. It shows no picture and records nothing: the page that shows them was recorded.
func (s *Service) Notes(ctx context.Context, who policy.Subject, item string) (Page, error) {
	var p Page
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		p = Page{}
		if p.Item, err = look(ctx, tx, who, item, policy.ViewItem); err != nil {
			return err
		}
		p.MayNote = policy.Decide(who, policy.Annotate, policy.ItemObject(p.Item)).Allow
		if p.Notes, err = s.read(ctx, tx, who, p.Item); err != nil {
			return err
		}
		if f, listed, err := s.known(ctx, tx, p.Item); err != nil {
			return err
		} else if listed {
			p.Frames = int64(len(f.Ticks))
		}
		if p.Tags, err = terms(ctx, tx, TagVocabulary); err != nil {
			return err
		}
		p.Reaction, err = reaction(ctx, tx, who)
		return err
	})
	if err != nil {
		return Page{}, fmt.Errorf("notes: %w", err)
	}
	return p, nil
}

// read gives the notes that stand. Notes that were made before the frames were listed get theirs here, since the times say which.
func (s *Service) read(ctx context.Context, tx *store.Tx, who policy.Subject, it archive.Item) ([]Note, error) {
	all, err := tx.Notes(ctx, policy.ScopeOf(who), it.ID)
	if err != nil {
		return nil, fmt.Errorf("list notes: %w", err)
	}
	f, listed, err := s.known(ctx, tx, it)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	var out []Note
	for _, n := range all {
		if !n.DeletedAt.IsZero() {
			continue
		}
		if n.FrameFrom < 0 && listed {
			n.FrameFrom, n.FrameTo = f.At(n.From), f.At(n.To)
		}
		v, err := view(ctx, tx, who, n, names)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Versions gives every version of a note, the first one first. Of a deleted one to its author alone.
func (s *Service) Versions(ctx context.Context, who policy.Subject, id string) ([]Note, error) {
	var out []Note
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		out = nil
		n, _, err := find(ctx, tx, who, id, policy.ViewItem)
		if err != nil {
			return err
		}
		if !n.DeletedAt.IsZero() && n.Author != who.Agent {
			return archive.ErrNotFound
		}
		all, err := tx.NoteVersions(ctx, policy.ScopeOf(who), id)
		if err != nil {
			return err
		}
		names := map[string]string{}
		for _, n := range all {
			v, err := view(ctx, tx, who, n, names)
			if err != nil {
				return err
			}
			out = append(out, v)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("versions of note: %w", err)
	}
	return out, nil
}

func reaction(ctx context.Context, tx *store.Tx, who policy.Subject) (time.Duration, error) {
	d, err := tx.Reaction(ctx, who.Agent)
	if errors.Is(err, archive.ErrNotFound) {
		return DefaultReaction, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read reaction time: %w", err)
	}
	return d, nil
}

// SetReaction sets how long after seeing something this person presses a key; 0 to MaxReaction.
func (s *Service) SetReaction(ctx context.Context, who policy.Subject, d time.Duration) error {
	if err := policy.Decide(who, policy.ManageSelf, policy.Object{Owner: who.Agent, Difficulty: -1}).Err(); err != nil {
		return fmt.Errorf("set reaction time: %w", err)
	}
	if d < 0 || d > MaxReaction {
		return fmt.Errorf("set reaction time: %w", invalid("note-reaction", "0 to %v", MaxReaction))
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.SetReaction(ctx, who.Agent, d, s.now()) })
}
