package copies

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"zapis/internal/archive"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Fold says how a row of a list stands among its copies.
type Fold struct {
	// Leader is the item of the group that is shown: of those that answer the question, the one with the largest picture, then the one
	// received first. It may be the item itself.
	Leader string
	// Recordings is how many items of the group answer the question; Files how many files were found with the bytes of these.
	Recordings, Files int
}

// Hidden says that another row stands for the item.
func (f Fold) Hidden(item string) bool { return f.Leader != item }

// maxGroup is how many copies of one recording are folded into one row.
const maxGroup = 200

// Fold says for each of some items of a list that was asked for with q how it folds; items without copies are left out. Only recordings
// that are the same from end to end fold, confirmed or beyond doubt, and only among those that the reader may see and that answer q.
func (s *Service) Fold(ctx context.Context, who policy.Subject, q store.Query, items []string) (map[string]Fold, error) {
	if !policy.Could(who, policy.Browse) {
		return nil, archive.ErrNotFound
	}
	scope := policy.ScopeOf(who)
	out := map[string]Fold{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		clear(out)
		// Groups are what hangs together by links, whoever of it is on this page.
		group := map[string]string{} // item to some item of its group
		var find func(id string) string
		find = func(id string) string {
			if group[id] != id {
				group[id] = find(group[id])
			}
			return group[id]
		}
		seen := map[string]bool{}
		for ask := items; len(ask) > 0 && len(seen) < maxGroup*max(len(items), 1); {
			links, err := tx.FoldLinks(ctx, scope, ask)
			if err != nil {
				return err
			}
			for _, id := range ask {
				seen[id] = true
			}
			ask = nil
			for _, l := range links {
				for _, id := range []string{l.A, l.B} {
					if _, ok := group[id]; !ok {
						group[id] = id
					}
					if !seen[id] && !slices.Contains(ask, id) {
						ask = append(ask, id)
					}
				}
				group[find(l.A)] = find(l.B)
			}
		}
		if len(group) == 0 {
			return nil
		}
		ids := make([]string, 0, len(group))
		for id := range group {
			ids = append(ids, id)
		}
		slices.Sort(ids)
		found, err := tx.Matching(ctx, scope, q, ids)
		if err != nil {
			return err
		}
		members := map[string][]archive.Item{}
		for _, it := range found {
			root := find(it.ID)
			members[root] = append(members[root], it)
		}
		for _, id := range items {
			if _, ok := group[id]; !ok {
				continue
			}
			m := members[find(id)]
			if len(m) < 2 || !slices.ContainsFunc(m, func(it archive.Item) bool { return it.ID == id }) {
				continue
			}
			best := slices.MinFunc(m, func(a, b archive.Item) int {
				return cmp.Or(cmp.Compare(b.Width*b.Height, a.Width*a.Height), a.ReceivedAt.Compare(b.ReceivedAt), cmp.Compare(a.ID, b.ID))
			})
			f := Fold{Leader: best.ID, Recordings: len(m)}
			for _, it := range m {
				f.Files += max(it.Copies, 1)
			}
			out[id] = f
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("fold copies: %w", err)
	}
	return out, nil
}
