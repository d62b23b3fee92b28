package knowledge

import (
	"context"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/policy"
)

// Merge says that two entities of one kind are one. Nothing is moved: what is said about the first counts for the second from now on, for
// whoever sees both. archive.ErrConflict if the first one was merged already, if the merge would close a circle, or if one of them is a
// protected person and the other is not.
func (s *Service) Merge(ctx context.Context, who policy.Subject, from, into, why string) (m archive.Merge, err error) {
	why, err = reason(why)
	if err == nil {
		err = s.act(ctx, who, func(w *writer) error {
			f, err := w.entity(ctx, from, false)
			if err != nil {
				return err
			}
			i, err := w.entity(ctx, into, true)
			if err != nil {
				return err
			}
			switch {
			case f.ID == i.ID:
				return fmt.Errorf("%w: they are one already", archive.ErrConflict)
			case f.Kind != i.Kind:
				return invalid("only things of one kind can be one")
			case f.Protected != i.Protected:
				return archive.Explain(fmt.Errorf("%w: one of them is protected", archive.ErrConflict), "A person known by a code alone is not merged with one who is named.",
					"Protect the other one first, or end the protection.")
			}
			m = archive.Merge{ID: w.o.NewID(archive.PrefixMerge), From: f.ID, Into: i.ID, Reason: why, Author: who.Agent, At: w.now}
			if err := w.tx.AddMerge(ctx, m); err != nil {
				return err
			}
			return w.record(ctx, "merge", []string{f.ID, i.ID}, nil, map[string]string{"merge": m.ID})
		})
	}
	if err != nil {
		return archive.Merge{}, fmt.Errorf("merge: %w", err)
	}
	return m, nil
}

// Unmerge takes a merge back; archive.ErrConflict if it was before.
func (s *Service) Unmerge(ctx context.Context, who policy.Subject, merge string) error {
	err := s.act(ctx, who, func(w *writer) error {
		m, err := w.tx.MergeByID(ctx, w.scope, merge)
		if err != nil {
			return err
		}
		if err := w.tx.UndoMerge(ctx, m.ID, who.Agent, w.now); err != nil {
			return err
		}
		return w.record(ctx, "unmerge", []string{m.From, m.Into}, nil, map[string]string{"merge": m.ID})
	})
	if err != nil {
		return fmt.Errorf("undo merge: %w", err)
	}
	return nil
}
