package machine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media/clock"
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
	Jobs    Queue // nil: nothing can be asked to be read
	Logger  *slog.Logger
	Now     func() time.Time
}

// Service is the room. It is safe for concurrent use.
type Service struct{ o Options }

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: machine lacks something it works with", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// Suggestion is a finding with its item.
type Suggestion struct {
	archive.Suggestion
	Reference string // of the item, as Z3-000412
	MayDecide bool
	// Clock is the value of a clock; nil of other kinds, or if it does not read.
	Clock *clock.Value
}

// Query narrows a list of suggestions. Empty fields do not narrow.
type Query struct {
	Item, Kind string
	State      archive.SuggestionState
	Limit      int    // 0: 50; at most 500
	After      string // where the next page begins
}

// List gives suggestions about items that a reader may see, newest first, and where the next page begins.
func (s *Service) List(ctx context.Context, who policy.Subject, q Query) (list []Suggestion, next string, err error) {
	if !policy.Could(who, policy.ViewItem) {
		return nil, "", archive.ErrNotFound
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 50
	}
	limit = min(limit, 500)
	scope := policy.ScopeOf(who)
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		list, next = nil, ""
		found, err := tx.Suggestions(ctx, scope, store.SuggestionQuery{Item: q.Item, Kind: q.Kind, State: q.State, Limit: limit + 1, After: q.After})
		if err != nil {
			return err
		}
		if len(found) > limit {
			found = found[:limit]
			next = found[limit-1].ID
		}
		for _, g := range found {
			one, err := s.with(ctx, tx, who, g)
			if err != nil {
				return err
			}
			list = append(list, one)
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list suggestions: %w", err)
	}
	return list, next, nil
}

// OfItem gives the suggestions about one item, newest first; archive.ErrNotFound if the reader may not see it.
func (s *Service) OfItem(ctx context.Context, who policy.Subject, item string) ([]Suggestion, error) {
	if archive.CheckID(archive.PrefixItem, item) != nil {
		return nil, archive.ErrNotFound
	}
	list, _, err := s.List(ctx, who, Query{Item: item, Limit: 500})
	return list, err
}

func (s *Service) with(ctx context.Context, tx *store.Tx, who policy.Subject, g archive.Suggestion) (Suggestion, error) {
	it, err := tx.Item(ctx, policy.ScopeOf(who), g.Item)
	if err != nil {
		return Suggestion{}, err
	}
	out := Suggestion{Suggestion: g, Reference: it.Reference(), MayDecide: policy.Decide(who, policy.DecideSuggestion, policy.ItemObject(it)).Allow}
	if g.Kind == clock.Kind {
		if v, err := clock.Decode(g.Value); err == nil {
			out.Clock = &v
		}
	}
	return out, nil
}

// maxWhy bounds the remark of who decides.
const maxWhy = 500

// Decision is what somebody decides about a suggestion.
type Decision struct {
	Why string // a remark; may be empty
	// Day is the date of the first day on a clock, 2006-01-02. Empty: as it was read, which must then be decided.
	Day string
}

// Confirm confirms a suggestion and writes what it means: of a clock, when the recording of the item began, with the source
// archive.RecordedByClock. archive.ErrInvalid if a clock has no date or its order is open and Day is empty, or if the recording
// would begin after it was received; archive.ErrConflict if it is decided already, or another clock of the item is confirmed.
func (s *Service) Confirm(ctx context.Context, who policy.Subject, id string, d Decision) error {
	return s.decide(ctx, who, id, d.Why, "confirm suggestion", func(tx *store.Tx, g archive.Suggestion, it archive.Item, detail map[string]string) error {
		if err := tx.DecideSuggestion(ctx, g.ID, archive.Confirmed, who.Agent, d.Why, s.now()); err != nil {
			return err
		}
		if g.Kind != clock.Kind {
			return nil
		}
		v, err := clock.Decode(g.Value)
		if err != nil {
			return err
		}
		day := d.Day
		detail["day"] = "as read"
		switch {
		case day == "" && (v.Day == "" || v.OrderBy == clock.ByNobody):
			return fmt.Errorf("%w: the day of the clock has to be given", archive.ErrInvalid)
		case day == "":
			day = v.Day
		case day != v.Day:
			detail["day"] = "given"
		}
		began, err := v.Began(day)
		if err != nil {
			return err
		}
		if began.After(it.ReceivedAt.Add(24 * time.Hour)) {
			return fmt.Errorf("%w: the recording would have begun after it was received", archive.ErrInvalid)
		}
		return tx.SetRecording(ctx, it.ID, g.ID, began, archive.RecordedByClock)
	})
}

// Dismiss says that a suggestion is wrong or of no use; archive.ErrConflict if it is decided already.
func (s *Service) Dismiss(ctx context.Context, who policy.Subject, id, why string) error {
	return s.decide(ctx, who, id, why, "dismiss suggestion", func(tx *store.Tx, g archive.Suggestion, _ archive.Item, _ map[string]string) error {
		return tx.DecideSuggestion(ctx, g.ID, archive.Dismissed, who.Agent, why, s.now())
	})
}

// Undo takes a decision back; a clock that was confirmed leaves the recording time as it was known before. archive.ErrConflict if
// nothing was decided.
func (s *Service) Undo(ctx context.Context, who policy.Subject, id string) error {
	return s.decide(ctx, who, id, "", "undo decision", func(tx *store.Tx, g archive.Suggestion, it archive.Item, detail map[string]string) error {
		detail["was"] = string(g.State)
		if err := tx.DecideSuggestion(ctx, g.ID, archive.Suggested, who.Agent, "", s.now()); err != nil {
			return err
		}
		if g.Kind == clock.Kind && g.State == archive.Confirmed {
			return tx.UndoRecording(ctx, it.ID, g.ID)
		}
		return nil
	})
}

// decide leads one decision from the suggestion to the event, in one transaction.
func (s *Service) decide(ctx context.Context, who policy.Subject, id, why, act string, f func(*store.Tx, archive.Suggestion, archive.Item, map[string]string) error) error {
	fail := func(err error) error { return fmt.Errorf("%s: %w", act, err) }
	if archive.CheckID(archive.PrefixSuggestion, id) != nil {
		return fail(archive.ErrNotFound)
	}
	if !utf8.ValidString(why) || utf8.RuneCountInString(why) > maxWhy || strings.ContainsRune(why, 0) {
		return fail(fmt.Errorf("%w: a remark has %d characters at most", archive.ErrInvalid, maxWhy))
	}
	scope := policy.ScopeOf(who)
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		g, err := tx.Suggestion(ctx, scope, id)
		if err != nil {
			return err
		}
		// No pass and no erasure comes between what is looked at and what is written.
		if err := tx.AddCopy(ctx, g.Item, 0); err != nil {
			return err
		}
		it, err := tx.Item(ctx, scope, g.Item)
		if err != nil {
			return err
		}
		if err := policy.Decide(who, policy.DecideSuggestion, policy.ItemObject(it)).Err(); err != nil {
			return err
		}
		detail := map[string]string{"act": act, "kind": g.Kind, "recipe": g.Recipe}
		if err := f(tx, g, it, detail); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventDescription, Agent: who.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{
				{Role: custody.RoleAbout, Kind: custody.KindItem, ID: it.ID},
				{Role: custody.RoleAbout, Kind: custody.KindSuggestion, ID: g.ID},
			},
			Detail: detail,
		})
		return err
	})
	if err != nil {
		return fail(err)
	}
	return nil
}

// ReadClocks asks for the clock of every piece of footage in which none was found yet to be read; it returns how many.
func (s *Service) ReadClocks(ctx context.Context, who policy.Subject) (int, error) {
	if s.o.Jobs == nil {
		return 0, fmt.Errorf("read clocks: %w: there is no queue", archive.ErrInvalid)
	}
	if err := policy.Decide(who, policy.ManageJobs, policy.Object{Difficulty: -1}).Err(); err != nil {
		return 0, err
	}
	const page = 500
	n, after := 0, ""
	for {
		var ids []string
		err := s.o.DB.Write(ctx, func(tx *store.Tx) (err error) {
			if ids, err = tx.WithoutSuggestion(ctx, clock.Kind, after, page); err != nil {
				return err
			}
			for _, id := range ids {
				if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Clock{Item: id}, job.Opts{Unique: true}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, fmt.Errorf("read clocks: %w", err)
		}
		n += len(ids)
		if len(ids) < page {
			return n, nil
		}
		after = ids[len(ids)-1]
	}
}

// What a clock says, for who draws it.
type (
	Clock        = clock.Value
	ClockStretch = clock.Stretch
)

// KindClock is the kind of suggestions that are clocks; OrderOpen says that nothing decides which figure of a date is the day.
const (
	KindClock = clock.Kind
	OrderOpen = clock.ByNobody
)
