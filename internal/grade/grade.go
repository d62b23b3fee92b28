package grade

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Database is the catalogue; *store.DB is one.
type Database interface {
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// Options of New. All are needed.
type Options struct {
	DB      Database
	Custody *custody.Recorder
}

// Service is the room. It is safe for concurrent use.
type Service struct{ o Options }

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: grade lacks something it works with", archive.ErrInvalid)
	}
	return &Service{o}, nil
}

// Bounds of a judgement.
const (
	MaxItems  = 200 // at once
	MaxReason = 500 // characters
	maxBytes  = 1000
)

// Whatever stands in From where it does not matter what was said before.
const Whatever = -2

// Judgement is what somebody says of an item.
type Judgement struct {
	Item string
	// To is from 0 to archive.Hardest; archive.Unjudged takes back what was said.
	To int
	// From is what was shown to who judges, or Whatever.
	From int
}

// What, as it stands in the custody record.
const what = "difficulty"

func (j Judgement) check() error {
	if archive.CheckID(archive.PrefixItem, j.Item) != nil {
		return archive.ErrNotFound
	}
	if j.To < archive.Unjudged || j.To > archive.Hardest || j.From < Whatever || j.From > archive.Hardest {
		return fmt.Errorf("%w: difficulty", archive.ErrInvalid)
	}
	return nil
}

// level writes a difficulty for the record.
func level(difficulty int) string {
	if difficulty < 0 {
		return "none"
	}
	return "V" + strconv.Itoa(difficulty)
}

// Set says how hard items are to watch, all of them or none, and gives how many it changed; what is as it was is no act. The reason may be empty; it is
// kept in the custody record as it is, so it must not name anybody. Asks for policy.Grade on every item. Errors: archive.ErrNotFound, archive.ErrForbidden,
// archive.ErrInvalid; archive.ErrConflict if somebody said something else since.
func (s *Service) Set(ctx context.Context, who policy.Subject, reason string, list ...Judgement) (changed int, err error) {
	fail := func(err error) (int, error) { return 0, fmt.Errorf("grade items: %w", err) }
	if !policy.Could(who, policy.Grade) {
		return fail(archive.ErrForbidden)
	}
	reason = strings.TrimSpace(norm.NFC.String(reason))
	control := strings.ContainsFunc(reason, func(r rune) bool { return r < ' ' || r == 0x7f })
	if !utf8.ValidString(reason) || control || utf8.RuneCountInString(reason) > MaxReason || len(reason) > maxBytes {
		return fail(fmt.Errorf("%w: reason", archive.ErrInvalid))
	}
	if len(list) == 0 || len(list) > MaxItems {
		return fail(fmt.Errorf("%w: 1 to %d items", archive.ErrInvalid, MaxItems))
	}
	// In one order, so that two who judge the same items do not wait for each other.
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Judgement) int { return strings.Compare(a.Item, b.Item) })
	for i, j := range list {
		if err := j.check(); err != nil {
			return fail(err)
		}
		if i > 0 && list[i-1].Item == j.Item {
			return fail(fmt.Errorf("%w: an item twice", archive.ErrInvalid))
		}
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		changed = 0
		var events []archive.Event
		for _, j := range list {
			it, err := tx.Item(ctx, policy.ScopeOf(who), j.Item)
			if err != nil {
				return fmt.Errorf("item %s: %w", j.Item, err)
			}
			if err := policy.Decide(who, policy.Grade, policy.ItemObject(it)).Err(); err != nil {
				return fmt.Errorf("item %s: %w", j.Item, err)
			}
			was, err := tx.GradeItem(ctx, j.Item, j.To)
			if err != nil {
				return err
			}
			// Between reading and locking somebody may have judged it: what they said may be none of who judges now.
			if was != it.Difficulty || j.From != Whatever && j.From != was {
				return fmt.Errorf("item %s: %w: somebody else judged it", j.Item, archive.ErrConflict)
			}
			if was == j.To {
				continue
			}
			changed++
			e := archive.Event{Type: archive.EventDescription, Agent: who.Agent, Outcome: archive.Success,
				Detail:   map[string]string{"what": what, "from": level(was), "to": level(j.To)},
				Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindItem, ID: j.Item}}}
			if reason != "" {
				e.Detail["reason"] = reason
			}
			events = append(events, e)
		}
		if len(events) == 0 {
			return nil
		}
		_, err := s.o.Custody.Record(ctx, tx, events...)
		return err
	})
	if err != nil {
		return fail(err)
	}
	return changed, nil
}
