package derive

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/clock"
	"zapis/internal/store"
)

// clockPass reads the burned-in clock of footage. It makes no derivative and says nothing about the item: what it finds is a
// suggestion, and becomes a fact when a person confirms it.
var clockPass = pass{name: "clock", beside: true}

// finding is what a pass that only suggests came to.
type finding struct {
	kind        string
	recipe      media.Recipe
	tool        string // programs and versions that it rests on
	suggestions []archive.Suggestion
}

// Clock works a clock job. Results are as of Quick; that no clock was found is a result, too.
func (s *Service) Clock(ctx context.Context, j job.Job[job.Clock]) error {
	return s.suggest(ctx, clockPass, j.Args.Item, &attempt{ref: j, n: j.Attempt, limit: j.MaxAttempts, step: "clock"}, s.readClock)
}

// suggest leads one attempt of a pass that only suggests from the item to the committed result.
func (s *Service) suggest(ctx context.Context, p pass, item string, a *attempt, look func(context.Context, *attempt, *task) (finding, error)) error {
	return s.beside(ctx, p, item, a, func(ctx context.Context, a *attempt, t *task) (commit, error) {
		found, err := look(ctx, a, t)
		return func() error { return s.keepFinding(ctx, a, p, t, found) }, err
	})
}

// commit ends a pass: it makes what was found visible, and the job done.
type commit func() error

// beside leads one attempt of a pass that seals nothing and says nothing about the item from the item to the committed result. What was
// found is committed only if every byte of the original that was asked for could be read.
func (s *Service) beside(ctx context.Context, p pass, item string, a *attempt, look func(context.Context, *attempt, *task) (commit, error)) error {
	if err := archive.CheckID(archive.PrefixItem, item); err != nil {
		return fmt.Errorf("%s pass: %w: %w", p.name, job.ErrCancel, err)
	}
	logger := s.o.Logger.With(slog.String("item", item), slog.String("pass", p.name))
	t, err := s.open(ctx, p, item)
	switch {
	case errors.Is(err, archive.ErrNotFound), errors.Is(err, errRefused):
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, item, job.ErrCancel, err)
	case errors.Is(err, archive.ErrIntegrity):
		return s.quarantine(ctx, a, t, item, err)
	case err != nil:
		return fmt.Errorf("%s pass of %s: %w", p.name, item, err)
	}
	defer t.close(ctx)
	t.abandon(ctx) // nothing will be sealed
	keep, err := look(ctx, a, t)
	if broken := t.source.problem(); broken != nil {
		if errors.Is(broken, archive.ErrIntegrity) {
			return s.quarantine(ctx, a, t, item, broken)
		}
		return fmt.Errorf("%s pass of %s: read the original: %w", p.name, item, broken)
	}
	if err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s pass of %s: %w", p.name, item, context.Cause(ctx))
		}
		reason := media.Reason(err)
		if reason == "" && errors.Is(err, media.ErrNoReport) && a.n >= min(patience, max(a.limit, 1)) {
			reason = ReasonDamaged
		}
		if reason == "" {
			return fmt.Errorf("%s pass of %s: %w", p.name, item, err)
		}
		logger.InfoContext(ctx, "nothing read", slog.String("reason", reason))
		return s.passOver(ctx, a, p, t, reason)
	}
	return keep()
}

// keepFinding commits suggestions, the event and the end of the job as one.
func (s *Service) keepFinding(ctx context.Context, a *attempt, p pass, t *task, f finding) error {
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, t.item.ID); err != nil {
			return err
		}
		if _, err := s.check(ctx, tx, p, t.item.ID); err != nil {
			return err
		}
		if err := tx.DropSuggestions(ctx, t.item.ID, f.kind, f.recipe.Name); err != nil {
			return err
		}
		if err := tx.AddSuggestions(ctx, f.suggestions...); err != nil {
			return err
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
			return err
		}
		e := archive.Event{
			Type: archive.EventAnalysis, Agent: s.o.Agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: t.item.ID}},
			Detail: map[string]string{
				"item": t.item.ID, "pass": p.name, "kind": f.kind, "recipe": f.recipe.Name, "recipe_version": strconv.Itoa(f.recipe.Version),
				"derive_tool": f.tool, "found": strconv.Itoa(len(f.suggestions)),
			},
		}
		for _, g := range f.suggestions {
			e.Subjects = append(e.Subjects, archive.Subject{Role: custody.RoleOutcome, Kind: custody.KindSuggestion, ID: g.ID})
		}
		_, err := s.o.Custody.Record(ctx, tx, e)
		return err
	})
	switch {
	case errors.Is(err, errRefused), errors.Is(err, archive.ErrNotFound):
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, t.item.ID, job.ErrCancel, err)
	case err != nil:
		// Also after an unknown outcome: doing it again replaces what nobody has decided on.
		return fmt.Errorf("%s pass of %s: %w", p.name, t.item.ID, err)
	}
	return nil
}

// otherClocks is how many clocks of the same accession are asked for their order of day and month.
const otherClocks = 50

func (s *Service) readClock(ctx context.Context, a *attempt, t *task) (finding, error) {
	v, err := s.look(ctx, t)
	if err != nil {
		return finding{}, err
	}
	if v.probe.Reason != "" {
		return finding{}, reasonError(v.probe.Reason)
	}
	known, err := s.knownOrder(ctx, t.item.Accession)
	if err != nil {
		return finding{}, err
	}
	c, err := s.o.Media.Clock(ctx, t.source, v.probe, media.ClockOptions{
		Known: known, Latest: t.item.ReceivedAt.Add(24 * time.Hour), Beat: func(part float64) { s.progress(ctx, a, part) },
	})
	if err != nil {
		return finding{}, err
	}
	f := finding{kind: clock.Kind, recipe: media.RecipeClock, tool: toolText(c.Report.Tool) + ", " + toolText(c.Reader)}
	if c.Found {
		f.suggestions = []archive.Suggestion{{
			ID: s.o.NewID(archive.PrefixSuggestion), Item: t.item.ID, Kind: clock.Kind, Score: c.Value.Score(), Recipe: media.RecipeClock.Name,
			RecipeVersion: media.RecipeClock.Version, Tool: f.tool, Value: c.Value.Encode(), CreatedAt: s.o.Now().UTC(),
		}}
	}
	return f, nil
}

func toolText(t media.Tool) string {
	if t.Name == "" {
		return "none"
	}
	return t.Name + " " + t.Version
}

// knownOrder is the order of dates that other clocks of an accession have, where their spelling or values decide it; empty if
// they do not agree.
func (s *Service) knownOrder(ctx context.Context, accession string) (clock.Order, error) {
	votes := map[clock.Order]int{}
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		values, err := tx.SuggestionValues(ctx, accession, clock.Kind, otherClocks)
		for _, b := range values {
			if v, err := clock.Decode(b); err == nil && (v.OrderBy == clock.BySpelling || v.OrderBy == clock.ByValues) {
				votes[v.Order]++
			}
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("ask other clocks: %w", err)
	}
	var best clock.Order
	all := 0
	for o, n := range votes {
		all += n
		if n > votes[best] {
			best = o
		}
	}
	if votes[best]*4 < all*3 {
		return "", nil
	}
	return best, nil
}
