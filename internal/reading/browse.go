package reading

import (
	"context"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// MaxPage is how many items one page may have.
const MaxPage = 200

// within runs f in one snapshot for a reader who may do a.
func (s *Service) within(ctx context.Context, r Reader, a policy.Action, f func(*store.Tx, archive.Scope) error) error {
	if err := allowed(r, a); err != nil {
		return err
	}
	return s.o.DB.Read(ctx, func(tx *store.Tx) error { return f(tx, policy.ScopeOf(r.Subject)) })
}

// Browse gives up to limit items (at most MaxPage) of a query and where the next page begins; a zero cursor says that
// there is none. A cursor with an identifier and no time begins after that item, wherever it stands now.
func (s *Service) Browse(ctx context.Context, r Reader, q Query, at Cursor, limit int) (items []archive.Item, next Cursor, err error) {
	limit = min(max(limit, 1), MaxPage)
	err = s.within(ctx, r, policy.Browse, func(tx *store.Tx, sc archive.Scope) error {
		if at.ID != "" && at.At.IsZero() {
			it, err := s.item(ctx, tx, r, at.ID, policy.ViewItem)
			if err != nil {
				return err
			}
			at.At = it.SortTime()
		}
		found, n, err := tx.Items(ctx, sc, q, at, limit)
		if err != nil {
			return fmt.Errorf("list items: %w", err)
		}
		items, next = items[:0], n
		for _, it := range found {
			// The query is drawn with the scope; this is the second lock on the same door.
			if policy.Decide(r.Subject, policy.ViewItem, policy.ItemObject(it)).Allow {
				items = append(items, it)
			}
		}
		return nil
	})
	return items, next, err
}

// Days counts the items of a query per day, with their sum.
func (s *Service) Days(ctx context.Context, r Reader, q Query) (days []Day, sum Totals, err error) {
	err = s.within(ctx, r, policy.Browse, func(tx *store.Tx, sc archive.Scope) error {
		if days, err = tx.Days(ctx, sc, q); err != nil {
			return fmt.Errorf("count days: %w", err)
		}
		if sum, err = tx.Count(ctx, sc, q); err != nil {
			return fmt.Errorf("count items: %w", err)
		}
		return nil
	})
	return days, sum, err
}

// Count sums up the items of a query.
func (s *Service) Count(ctx context.Context, r Reader, q Query) (sum Totals, err error) {
	err = s.within(ctx, r, policy.Browse, func(tx *store.Tx, sc archive.Scope) error {
		if sum, err = tx.Count(ctx, sc, q); err != nil {
			return fmt.Errorf("count items: %w", err)
		}
		return nil
	})
	return sum, err
}

// Facets counts the items of a query per value of each dimension. Titles gives the accessions among them by identifier.
func (s *Service) Facets(ctx context.Context, r Reader, q Query) (f Facets, titles map[string]archive.Accession, err error) {
	err = s.within(ctx, r, policy.Browse, func(tx *store.Tx, sc archive.Scope) error {
		if f, err = tx.Facets(ctx, sc, q); err != nil {
			return fmt.Errorf("count facets: %w", err)
		}
		all, err := tx.Accessions(ctx, sc)
		if err != nil {
			return fmt.Errorf("list accessions: %w", err)
		}
		titles = make(map[string]archive.Accession, len(all))
		for _, a := range all {
			titles[a.ID] = a
		}
		return nil
	})
	return f, titles, err
}

// names gives the names that colleagues see, by identifier of the agent. Somebody without a name is not in it.
func (s *Service) names(ctx context.Context, tx *store.Tx) (map[string]string, error) {
	agents, err := tx.Agents(ctx)
	if err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	out := make(map[string]string, len(agents))
	for _, a := range agents {
		out[a.ID] = a.Name
	}
	return out, nil
}
