package reading

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Query, Cursor, Day, Totals, Facet and Facets are those of the catalogue, for adapters that must not know the catalogue.
type (
	Query  = store.Query
	Cursor = store.Cursor
	Day    = store.Day
	Totals = store.Totals
	Facet  = store.Facet
	Facets = store.Facets
)

// Orders of a list.
const (
	Newest = store.Newest
	Oldest = store.Oldest
)

// Reader is who reads: the person, and the session in which they do.
type Reader struct {
	policy.Subject
	Session string // identifier of the session, not its token
}

// Options of New. DB, Vault, Custody, Sealer and VisitKey are needed.
type Options struct {
	DB       *store.DB
	Vault    *vault.Vault
	Custody  *custody.Recorder
	Sealer   *record.Sealer // opens where files came from
	Jobs     *job.Jobs      // nil: the job pages are empty
	VisitKey []byte         // 32 bytes, from which identifiers of visits are derived; the vault secret "session"

	Machine Machine // what the health page shows beside the database

	Logger *slog.Logger     // nil: silent
	Now    func() time.Time // nil: time.Now
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o Options

	mu   sync.Mutex
	seen map[string]time.Time // visits and things whose event is committed
	// ticks are stretches of the custody record that one tick of the transparency log took in first, by where they end.
	ticks []stretch
}

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil || o.Sealer == nil || len(o.VisitKey) < 32 {
		return nil, fmt.Errorf("reading: %w: database, vault, custody, sealer and visit key are needed", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o: o, seen: map[string]time.Time{}}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC() }

// VisitLength is how long looking at one item in one session is one visit.
const VisitLength = 30 * time.Minute

// visit gives the identifier of the visit of a reader to an item that runs at t. It is derived and not drawn, so that every
// request of a visit finds the same one; it cannot be guessed without the key.
func (s *Service) visit(r Reader, item string, t time.Time) string {
	start := t.Truncate(VisitLength)
	m := hmac.New(sha256.New, s.o.VisitKey)
	fmt.Fprintf(m, "zapis visit v1\x00%s\x00%s\x00%s\x00%d", r.Agent, r.Session, item, start.Unix())
	return archive.NewIDFrom(archive.PrefixVisit, start, &sumReader{m.Sum(nil)})
}

type sumReader struct{ b []byte }

func (r *sumReader) Read(p []byte) (int, error) {
	n := copy(p, r.b)
	r.b = r.b[n:]
	if n < len(p) {
		return n, errors.New("reading: sum is used up")
	}
	return n, nil
}

// currentVisit gives the visit that a request belongs to: the one it names if that is this reader's present or last visit to
// the item, so that a film that is being watched is not cut in two; otherwise the present one.
func (s *Service) currentVisit(r Reader, item, named string) (visit string, start time.Time) {
	now := s.now()
	if last := s.visit(r, item, now.Add(-VisitLength)); named == last {
		return last, now.Add(-VisitLength).Truncate(VisitLength)
	}
	return s.visit(r, item, now), now.Truncate(VisitLength)
}

// displayed makes sure that the record says that this reader saw a thing of an item in this visit. It returns when the event
// is committed, or was before; after an error nothing may be shown.
func (s *Service) displayed(ctx context.Context, r Reader, item, derivative, what, named string) (visit string, err error) {
	visit, start := s.currentVisit(r, item, named)
	key := visit + "\x00" + what
	if s.wasSeen(key) {
		return visit, nil
	}
	err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
		// The head is locked before looking, so that two requests of one visit do not both find nothing.
		if _, err := tx.Head(ctx, true); err != nil {
			return fmt.Errorf("lock the custody record: %w", err)
		}
		done, err := alreadyDisplayed(ctx, tx, item, visit, what, start)
		if err != nil || done {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, custody.Displaying(r.Agent, item, derivative, visit, what))
		return err
	})
	if errors.Is(err, store.ErrUnknownOutcome) {
		err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
			done, err := alreadyDisplayed(ctx, tx, item, visit, what, start)
			if err == nil && !done {
				err = fmt.Errorf("record displaying of %s: %w", item, store.ErrUnknownOutcome)
			}
			return err
		})
	}
	if err != nil {
		return "", fmt.Errorf("record displaying of %s: %w", item, err)
	}
	s.setSeen(key)
	return visit, nil
}

// alreadyDisplayed looks for the event of a visit among the latest events of an item.
func alreadyDisplayed(ctx context.Context, tx *store.Tx, item, visit, what string, since time.Time) (bool, error) {
	indexes, err := tx.EventsOf(ctx, custody.KindItem, item)
	if err != nil {
		return false, fmt.Errorf("find events of %s: %w", item, err)
	}
	for i := len(indexes) - 1; i >= 0; i-- {
		o, err := tx.Opening(ctx, indexes[i])
		if err != nil {
			return false, fmt.Errorf("read event %d: %w", indexes[i], err)
		}
		if o.Time.Before(since) {
			return false, nil
		}
		if o.Type != archive.EventDisplaying {
			continue
		}
		e, err := archive.ParseEvent(o.Event)
		if err != nil {
			return false, fmt.Errorf("read event %d: %w", indexes[i], archive.ErrIntegrity)
		}
		if e.Detail["visit"] == visit && e.Detail["what"] == what {
			return true, nil
		}
	}
	return false, nil
}

const maxSeen = 1 << 14

func (s *Service) wasSeen(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.seen[key]
	return ok
}

// setSeen remembers what needs no look into the database again. It is only a shortcut: forgetting costs a query.
func (s *Service) setSeen(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if len(s.seen) >= maxSeen {
		for k, at := range s.seen {
			if now.Sub(at) > 2*VisitLength {
				delete(s.seen, k)
			}
		}
		if len(s.seen) >= maxSeen {
			clear(s.seen)
		}
	}
	s.seen[key] = now
}

// allowed asks policy about something that belongs to no accession.
func allowed(r Reader, a policy.Action) error {
	return policy.Decide(r.Subject, a, policy.Object{Difficulty: -1}).Err()
}

// item finds an item within the reader's scope and asks policy about it.
func (s *Service) item(ctx context.Context, tx *store.Tx, r Reader, id string, a policy.Action) (archive.Item, error) {
	if archive.CheckID(archive.PrefixItem, id) != nil {
		return archive.Item{}, archive.ErrNotFound
	}
	it, err := tx.Item(ctx, policy.ScopeOf(r.Subject), id)
	if err != nil {
		return archive.Item{}, fmt.Errorf("find item: %w", err)
	}
	if err := policy.Decide(r.Subject, a, policy.ItemObject(it)).Err(); err != nil {
		return archive.Item{}, err
	}
	return it, nil
}
