package anchor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"zapis/internal/archive"
	"zapis/internal/store"
)

// Step does what is due now: it ticks, gathers cosignatures and stamps, and publishes where a place is configured. It does
// nothing where there is no log. Errors of the steps are joined; a later step runs whatever an earlier one met, except that
// nothing leaves the machine while the log contradicts itself.
func (s *Service) Step(ctx context.Context, agent string) (Ticked, error) {
	made := false
	err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
		_, made, err = tx.PublicLog(ctx)
		return err
	})
	if err != nil || !made {
		return Ticked{}, err
	}
	t, err := s.tickAgainst(ctx, agent, false, s.seen(ctx))
	if err != nil {
		return t, err
	}
	if t.Size == 0 {
		return t, nil
	}
	// The word of a witness that it has seen another tree stops nothing, or any one of them could keep the log from being
	// published. It is a grave problem in the status, and a published place is looked at before it is written.
	_, gerr := s.Gather(ctx)
	var perr error
	if s.o.Publish != nil && ctx.Err() == nil {
		perr = s.PublishConfigured(ctx, agent)
	}
	return t, errors.Join(gerr, perr)
}

// seen reads the checkpoint at the configured place, so that a database that was put back, with its home folder, is found out
// before it signs. A place that cannot be read is no reason not to tick.
func (s *Service) seen(ctx context.Context) []byte {
	if s.o.Publish == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	t, release, err := s.o.Publish(ctx)
	if err != nil || t == nil {
		return nil
	}
	defer func() { _ = release() }()
	note, err := t.Read(ctx, nameCheckpoint, largestFile)
	if err != nil {
		return nil
	}
	return note
}

// PublishConfigured publishes to the configured place, if there is one and if anything changed since this process did so last.
func (s *Service) PublishConfigured(ctx context.Context, agent string) error {
	if s.o.Publish == nil {
		return nil
	}
	set, err := s.files(ctx)
	if err != nil {
		return fmt.Errorf("publish the transparency log: %w", err)
	}
	sum := set.sum()
	s.mu.Lock()
	same := s.published == sum
	s.mu.Unlock()
	if same {
		return nil
	}
	t, release, err := s.o.Publish(ctx)
	if errors.Is(err, archive.ErrBusy) {
		return nil // another process is at it
	}
	if err != nil || t == nil {
		return err
	}
	defer func() { _ = release() }()
	if _, err := s.Publish(ctx, agent, t); err != nil {
		return err
	}
	s.mu.Lock()
	s.published = sum
	s.mu.Unlock()
	return nil
}

// Retry times of Run.
const (
	lookEvery  = time.Minute
	retryAfter = 5 * time.Minute
)

// Run keeps the calendar until ctx ends: it looks once a minute, or as often as a shorter cadence asks for, whether a tick is
// due, and asks again those outside that did not answer. Several processes may run it.
func (s *Service) Run(ctx context.Context, agent string) {
	var asked time.Time
	for {
		wait := lookEvery
		t, due := s.due(ctx)
		if due || time.Since(asked) >= retryAfter {
			asked = time.Now()
			done, err := s.Step(ctx, agent)
			if err != nil && ctx.Err() == nil {
				s.o.Logger.ErrorContext(ctx, "transparency log", "error", err.Error())
			}
			if !done.Next.IsZero() {
				t = done.Next
			}
		}
		if !t.IsZero() {
			if until := time.Until(t); until < wait {
				wait = max(until, 200*time.Millisecond)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// due says when the next tick is, and whether one is due now.
func (s *Service) due(ctx context.Context) (next time.Time, due bool) {
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		l, made, err := tx.PublicLog(ctx)
		if err != nil || !made {
			return err
		}
		size, err := tx.LogSize(ctx, false)
		if err != nil {
			return err
		}
		cal := calendarOf(l)
		next, due = cal.At(size), cal.Due(s.now()) > size
		return nil
	})
	if err != nil {
		return time.Time{}, false
	}
	return next, due
}
