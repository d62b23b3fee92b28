package reading

import (
	"context"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Entry is one act in the history of a thing, with the state of its proof.
type Entry struct {
	Index int64
	archive.Event
	Name       string // what colleagues call the agent; empty if it has no name
	Proved     bool   // the leaf was derived anew from the event just now and agrees
	Checkpoint int64  // size of the earliest signed checkpoint that covers it; 0 if none does yet
	Problem    string // what does not agree, when not Proved
	Outside    Outside
}

// window is a transaction that shows a part of the events of a thing.
type window struct {
	*store.Tx
	indexes []int64
}

// EventsOf implements custody.ReadTx.
func (w window) EventsOf(context.Context, string, string) ([]int64, error) { return w.indexes, nil }

// chain gives up to limit events of a thing that come before index before (-1: the latest), oldest first, and how many older
// ones there are.
func (s *Service) chain(ctx context.Context, tx *store.Tx, kind, id string, before int64, limit int) ([]Entry, int, error) {
	all, err := tx.EventsOf(ctx, kind, id)
	if err != nil {
		return nil, 0, fmt.Errorf("find events of %s: %w", id, err)
	}
	end := len(all)
	for before >= 0 && end > 0 && all[end-1] >= before {
		end--
	}
	start := max(0, end-limit)
	entries, err := s.o.Custody.Show(ctx, window{tx, all[start:end]}, kind, id)
	if err != nil {
		return nil, 0, fmt.Errorf("show events of %s: %w", id, err)
	}
	names, err := s.names(ctx, tx)
	if err != nil {
		return nil, 0, err
	}
	far, err := s.outside(ctx, tx, all[start:end])
	if err != nil {
		return nil, 0, err
	}
	out := make([]Entry, 0, len(entries))
	for _, e := range entries {
		one := Entry{
			Index: e.Index, Event: e.Event, Name: names[e.Event.Agent], Proved: e.Proof != custody.Broken, Checkpoint: e.Checkpoint, Problem: e.Problem,
		}
		if one.Proved { // what does not match here is not vouched for by anything outside
			one.Outside = far[e.Index]
		}
		out = append(out, one)
	}
	return out, start, nil
}

// Custody gives up to limit acts on an item before an index (-1: the latest), oldest first, and how many older ones there are.
func (s *Service) Custody(ctx context.Context, r Reader, item string, before int64, limit int) (it archive.Item, entries []Entry, older int, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		var err error
		if it, err = s.item(ctx, tx, r, item, policy.ViewCustody); err != nil {
			return err
		}
		entries, older, err = s.chain(ctx, tx, custody.KindItem, it.ID, before, min(max(limit, 1), 200))
		return err
	})
	if err != nil {
		return archive.Item{}, nil, 0, err
	}
	return it, entries, older, nil
}
