package fixity

import (
	"context"
	"fmt"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/store"
)

// Keys of the settings that hold the archive's own schedule.
const (
	settingEvery = "fixity.every"
	settingScope = "fixity.scope"
)

// Schedule says how often a check is due by itself, and of what; 0: never. A schedule that cannot be read is as
// the options have it: checks do not stop because a setting is damaged.
func (s *Service) Schedule(ctx context.Context) (every time.Duration, scope string) {
	every, scope = s.o.Every, s.o.EveryScope
	err := s.o.DB.Read(ctx, func(tx *store.Tx) error {
		text, ok, err := tx.Setting(ctx, settingEvery)
		if err != nil || !ok {
			return err
		}
		own, err := time.ParseDuration(text)
		if err != nil {
			return err
		}
		what, _, err := tx.Setting(ctx, settingScope)
		if err != nil {
			return err
		}
		if _, err := ParseScope(what); err != nil {
			return err
		}
		every, scope = own, what
		return nil
	})
	if err != nil {
		s.o.Logger.WarnContext(ctx, "the schedule of fixity checks cannot be read; the configured one holds", "error", err)
	}
	return every, scope
}

// SetSchedule gives the archive a schedule of its own: every at least a minute, or 0 for never.
func (s *Service) SetSchedule(ctx context.Context, every time.Duration, scope Scope) error {
	if err := scope.check(); err != nil {
		return err
	}
	if every < 0 || every > 0 && every < time.Minute {
		return fmt.Errorf("%w: at least a minute, or 0", archive.ErrInvalid)
	}
	return s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.SetSetting(ctx, settingEvery, every.String()); err != nil {
			return err
		}
		return tx.SetSetting(ctx, settingScope, scope.String())
	})
}

// Register makes the queue work fixity jobs with s, in the name of agent. Call it before the queue is started.
//
// A job ends well when the check could be done, whatever it found: what it found is in the findings, in the custody
// record and on the health page, and doing it again would not change it.
func (s *Service) Register(j *job.Jobs, agent string) {
	job.Register(j, func(ctx context.Context, jb job.Job[job.Fixity]) error {
		scope, err := ParseScope(jb.Args.Scope)
		if err != nil {
			return fmt.Errorf("%w: %w", job.ErrCancel, err)
		}
		// The vault is open and the machine has other work: sealed bytes are compared, at the speed of reading.
		scope.Keyless = true
		_, err = s.Check(ctx, agent, scope, func(p Progress) {
			j.Progress(ctx, jb, "fixity", p.Bytes, p.TotalBytes)
		})
		return err
	})
}
