package search

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zapis/internal/archive"
	"zapis/internal/language"
	"zapis/internal/store"
)

// Tally says how much can be found.
type Tally struct {
	Docs int64
	Old  int64 // documents whose words another version of the analyzer made
}

// Tally counts the documents of the whole archive; for the operator.
func (s *Service) Tally(ctx context.Context) (t Tally, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		n, err := tx.SearchTally(ctx, language.Version)
		t = Tally{Docs: n.Docs, Old: n.Old}
		return err
	})
	return t, err
}

// Rebuild makes the words of every document anew, and documents of items that have none. report is told how many are done, more than once;
// it may be nil.
func (s *Service) Rebuild(ctx context.Context, report func(done int64)) (Tally, error) {
	if _, err := s.Backfill(ctx, ""); err != nil {
		return Tally{}, err
	}
	if err := s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.ReindexAll(ctx, report) }); err != nil {
		return Tally{}, fmt.Errorf("rebuild search: %w", err)
	}
	return s.Tally(ctx)
}

// batch is how many items are looked at in one transaction, so that whoever else writes does not wait long.
const batch = 200

// Backfill makes the facts of items findable that are not yet, from an identifier on, and gives the identifier up to which it came.
func (s *Service) Backfill(ctx context.Context, after string) (string, error) {
	for {
		var ids []string
		var next string
		err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
			ids, next, err = tx.ItemsToIndex(ctx, after, batch)
			return err
		})
		if err == nil && len(ids) > 0 {
			err = s.o.DB.Write(ctx, func(tx *store.Tx) error { return tx.IndexItems(ctx, ids...) })
			if err == nil {
				after = ids[len(ids)-1]
			}
		}
		if err != nil {
			return after, fmt.Errorf("index items: %w", err)
		}
		if next == "" {
			return after, nil
		}
		after = next
	}
}

// Keep indexes what is new until the context ends: first everything, then every interval what came since. An index made by another version
// of the analyzer is made anew first.
func (s *Service) Keep(ctx context.Context, every time.Duration) {
	after := ""
	begun := false
	for {
		if !begun {
			t, err := s.Tally(ctx)
			if err == nil && t.Old > 0 {
				_, err = s.Rebuild(ctx, nil)
			}
			begun = err == nil
			s.tell(ctx, err)
		}
		reached, err := s.Backfill(ctx, after)
		s.tell(ctx, err)
		if err == nil {
			after = before(reached)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

func (s *Service) tell(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		s.o.Logger.WarnContext(ctx, "search index is behind", "error", err)
	}
}

// before gives an identifier of an hour before one: identifiers begin with the time, but several processes give them and commit later.
func before(id string) string {
	rest, ok := strings.CutPrefix(id, archive.PrefixItem+"_")
	if !ok || len(rest) < 10 {
		return ""
	}
	// Ten digits of base 32 hold the 48 bits of the time.
	var ms int64
	for _, r := range rest[:10] {
		ms = ms<<5 | int64(strings.IndexRune("0123456789abcdefghjkmnpqrstvwxyz", r)&31)
	}
	return archive.NewIDFrom(archive.PrefixItem, time.UnixMilli(ms).Add(-time.Hour), zeros{})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
