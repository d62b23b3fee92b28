package search

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Saved is a search that an account keeps under a name. Nobody else sees it.
type Saved struct {
	ID        string
	Name      string
	Query     string
	CreatedAt time.Time
}

// Limits of saved searches.
const (
	MostSaved = 200
	MostName  = 80 // characters
)

func allowed(who policy.Subject) error {
	return policy.Decide(who, policy.Search, policy.Object{Difficulty: -1}).Err()
}

// Save keeps a search; *Refusal if the query is not one, archive.ErrInvalid for a name that is empty or too long or if there are too many.
func (s *Service) Save(ctx context.Context, who policy.Subject, name, query string) (Saved, error) {
	if err := allowed(who); err != nil {
		return Saved{}, err
	}
	if _, err := Parse(query); err != nil {
		return Saved{}, err
	}
	name, query = strings.Join(strings.Fields(plain(strings.ToValidUTF8(name, ""))), " "), strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(query, " "), "\x00", " "))
	if name == "" || utf8.RuneCountInString(name) > MostName || query == "" {
		return Saved{}, fmt.Errorf("save search: %w: name", archive.ErrInvalid)
	}
	out := Saved{ID: s.o.NewID(archive.PrefixSavedSearch), Name: name, Query: query, CreatedAt: s.now()}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		have, err := tx.SavedSearches(ctx, who.Agent)
		if err != nil {
			return err
		}
		if len(have) >= MostSaved {
			return fmt.Errorf("%w: more than %d saved searches", archive.ErrInvalid, MostSaved)
		}
		return tx.AddSavedSearch(ctx, store.SavedSearch{ID: out.ID, Account: who.Agent, Name: out.Name, Query: out.Query, CreatedAt: out.CreatedAt})
	})
	if err != nil {
		return Saved{}, fmt.Errorf("save search: %w", err)
	}
	return out, nil
}

// List gives the searches that an account keeps, newest first.
func (s *Service) List(ctx context.Context, who policy.Subject) (out []Saved, err error) {
	if err := allowed(who); err != nil {
		return nil, err
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		have, err := tx.SavedSearches(ctx, who.Agent)
		for _, h := range have {
			out = append(out, Saved{ID: h.ID, Name: h.Name, Query: h.Query, CreatedAt: h.CreatedAt})
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list saved searches: %w", err)
	}
	return out, nil
}

// Open gives one search that the account keeps; archive.ErrNotFound.
func (s *Service) Open(ctx context.Context, who policy.Subject, id string) (Saved, error) {
	list, err := s.List(ctx, who)
	if err != nil {
		return Saved{}, err
	}
	for _, x := range list {
		if x.ID == id {
			return x, nil
		}
	}
	return Saved{}, archive.ErrNotFound
}

// undoFor is how long a search that was deleted can be brought back; then its words go.
const undoFor = 24 * time.Hour

// Delete forgets a search of the account, which can be undone for a day; archive.ErrNotFound.
func (s *Service) Delete(ctx context.Context, who policy.Subject, id string) error {
	return s.mark(ctx, who, id, s.now())
}

// Restore brings back a search that was deleted; archive.ErrNotFound.
func (s *Service) Restore(ctx context.Context, who policy.Subject, id string) error {
	return s.mark(ctx, who, id, time.Time{})
}

func (s *Service) mark(ctx context.Context, who policy.Subject, id string, at time.Time) error {
	if err := allowed(who); err != nil {
		return err
	}
	if archive.CheckID(archive.PrefixSavedSearch, id) != nil {
		return archive.ErrNotFound
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.ForgetSavedSearches(ctx, s.now().Add(-undoFor)); err != nil {
			return err
		}
		return tx.MarkSavedSearch(ctx, who.Agent, id, at)
	})
}
