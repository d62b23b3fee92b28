package derive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// keep commits what was made: first to the vault, then, in one transaction, to the catalogue, the custody record and the
// queue. If the second step does not happen, the sealed bytes are taken away again.
func (s *Service) keep(ctx context.Context, a *attempt, p pass, t *task, m *made) error {
	commit, err := t.batch.Commit(ctx)
	if err != nil {
		t.abandon(ctx)
		return fmt.Errorf("%s pass of %s: %w", p.name, t.item.ID, err)
	}
	t.batch = nil
	err = s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, t.item.ID); err != nil {
			return err
		}
		item, err := s.check(ctx, tx, p, t.item.ID)
		if err != nil {
			return err
		}
		if err := tx.AddCommit(ctx, commit, store.ObjectDerivative); err != nil {
			return err
		}
		for _, r := range p.recipes {
			if _, err := tx.ReplaceRecipe(ctx, item.ID, r.Name, s.o.Now()); err != nil {
				return err
			}
		}
		if err := tx.AddDerivative(ctx, m.derivatives...); err != nil {
			return err
		}
		state, reason, full := m.state, m.reason, m.full
		if p.beside {
			state, reason = item.State, item.Reason
		} else {
			facts := m.facts(store.FactsOf(item))
			facts.Camera = cmp.Or(facts.Camera, t.camera)
			if err := setFacts(ctx, tx, item, facts); err != nil {
				return err
			}
		}
		if p.name == quickPass.name && len(t.numbers) > 0 {
			if err := tx.SetFileNumbers(ctx, item.ID, t.numbers); err != nil {
				return err
			}
		}
		if full {
			standing, err := tx.Derivatives(ctx, item.ID)
			if err != nil {
				return err
			}
			if fullPass.complete(standing) { // a quick pass made anew takes nothing from a finished item
				state, reason, full = archive.ItemReady, "", false
			}
		}
		if item.State != state || item.Reason != reason {
			if err := tx.MoveItem(ctx, item.ID, state, reason); err != nil {
				return err
			}
		}
		if full {
			if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Full{Item: item.ID}, job.Opts{Unique: true}); err != nil {
				return err
			}
		}
		if m.frames {
			if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Frames{Item: item.ID}, job.Opts{Unique: true}); err != nil {
				return err
			}
			if p.name == fullPass.name {
				if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Fingerprint{Item: item.ID}, job.Opts{Unique: true}); err != nil {
					return err
				}
			}
			if s.o.Media.CanRead() {
				if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Clock{Item: item.ID}, job.Opts{Unique: true}); err != nil {
					return err
				}
			}
		}
		if m.written && s.o.Media.CanRead() {
			if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Read{Item: item.ID}, job.Opts{Unique: true}); err != nil {
				return err
			}
		}
		if m.heard && s.o.Speech != nil {
			if err := s.o.Jobs.EnqueueTx(ctx, tx, job.Transcribe{Item: item.ID}, job.Opts{Unique: true}); err != nil {
				return err
			}
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
			return err
		}
		events := make([]archive.Event, 0, len(m.derivatives)+1)
		for _, d := range m.derivatives {
			e := custody.Derivation(s.o.Agent, d)
			e.Detail["pass"], e.Detail["report_sha256"] = p.name, hexText(m.report)
			events = append(events, e)
		}
		if reason != "" && !p.beside {
			events = append(events, s.failure(p, item.ID, reason, a))
		}
		if _, err = s.o.Custody.Record(ctx, tx, events...); err != nil || m.after == nil {
			return err
		}
		return m.after(ctx, tx)
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrUnknownOutcome):
		// The set is there as a whole or not at all, so one derivative answers for all. What is answered "not there" may
		// still arrive, so the sealed bytes stay; fsck names them if they are never referred to.
		if there, rerr := s.isThere(ctx, m.derivatives[0]); rerr == nil && there {
			return nil
		}
		return fmt.Errorf("%s pass of %s: %w", p.name, t.item.ID, err)
	case errors.Is(err, errDone):
		s.discard(ctx, commit)
		return s.finish(ctx, a, p, t.item.ID)
	case errors.Is(err, errRefused), errors.Is(err, archive.ErrNotFound):
		s.discard(ctx, commit)
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, t.item.ID, job.ErrCancel, err)
	default:
		// The store says that it is not there; before keys are thrown away, it is asked once more.
		if there, rerr := s.isThere(ctx, m.derivatives[0]); rerr != nil {
			return fmt.Errorf("%s pass of %s: %w", p.name, t.item.ID, errors.Join(err, rerr))
		} else if there {
			return nil
		}
		s.discard(ctx, commit)
		return fmt.Errorf("%s pass of %s: %w", p.name, t.item.ID, err)
	}
}

// setFacts sets what a pass found out. When a person confirmed when the recording began, no pass changes it: what the pass thinks
// is kept for the day on which the confirmation is undone.
func setFacts(ctx context.Context, tx *store.Tx, item archive.Item, f store.Facts) error {
	if item.RecordedSource == archive.RecordedByClock {
		if f.RecordedSource != archive.RecordedByClock {
			if _, err := tx.NoteRecordingBefore(ctx, item.ID, f.RecordedAt, f.RecordedSource); err != nil {
				return err
			}
		}
		f.RecordedAt, f.RecordedSource = item.RecordedAt, item.RecordedSource
	}
	if err := tx.SetItemFacts(ctx, item.ID, f); err != nil {
		return err
	}
	return tx.IndexItems(ctx, item.ID)
}

// lockItem keeps other passes over the item waiting until the transaction ends, so that what check then reads is the
// last word: a worker that was thought dead may come back beside the one that took its job over.
func lockItem(ctx context.Context, tx *store.Tx, id string) error { return tx.AddCopy(ctx, id, 0) }

// write runs f in a transaction that outlives a cancelled job only as long as its commit.
func (s *Service) write(ctx context.Context, f func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return s.o.DB.Write(ctx, f)
}

func (s *Service) isThere(ctx context.Context, d archive.Derivative) (there bool, err error) {
	err = s.o.DB.Read(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		_, err := tx.Derivative(ctx, everything, d.ID)
		there = err == nil
		if errors.Is(err, archive.ErrNotFound) {
			return nil
		}
		return err
	})
	return there, err
}

// discard takes sealed bytes away that the catalogue will never name. Nobody but this attempt knows of them.
func (s *Service) discard(ctx context.Context, c vault.Commit) {
	ctx = context.WithoutCancel(ctx)
	if err := s.o.Vault.Discard(ctx, c); err != nil {
		s.o.Logger.WarnContext(ctx, "sealed bytes without an owner stay in the vault", slog.String("envelope", c.Envelope), slog.Any("error", err))
	}
}

// failure is the event of a pass that came to nothing.
func (s *Service) failure(p pass, item, reason string, a *attempt) archive.Event {
	return archive.Event{
		Type: archive.EventDerivation, Agent: s.o.Agent, Outcome: archive.Failure,
		Subjects: []archive.Subject{{Role: custody.RoleSource, Kind: custody.KindItem, ID: item}},
		Detail:   map[string]string{"item": item, "pass": p.name, "reason": reason, "attempt": strconv.Itoa(a.n)},
	}
}

// explain ends a job of which nothing came, for a reason that lies in the material. An item that could be looked at before
// stays so, with the reason beside it.
func (s *Service) explain(ctx context.Context, a *attempt, p pass, t *task, reason string) error {
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, t.item.ID); err != nil {
			return err
		}
		item, err := s.check(ctx, tx, p, t.item.ID)
		if err != nil {
			return err
		}
		state := archive.ItemExplained
		if item.State == archive.ItemBrowsable || item.State == archive.ItemReady {
			state = item.State
		}
		told := item.State == state && item.Reason == reason
		if !told {
			if err := tx.MoveItem(ctx, item.ID, state, reason); err != nil {
				return err
			}
		}
		if err := s.o.Jobs.CompleteTx(ctx, tx, a.ref); err != nil {
			return err
		}
		if told {
			return nil
		}
		_, err = s.o.Custody.Record(ctx, tx, s.failure(p, item.ID, reason, a))
		return err
	})
	switch {
	case errors.Is(err, errDone):
		return s.finish(ctx, a, p, t.item.ID)
	case errors.Is(err, errRefused), errors.Is(err, archive.ErrNotFound):
		return fmt.Errorf("%s pass of %s: %w: %w", p.name, t.item.ID, job.ErrCancel, err)
	case err != nil:
		// Also after an unknown outcome: doing it again finds the reason told already.
		return fmt.Errorf("explain %s: %w", t.item.ID, err)
	}
	return nil
}

// quarantine sets an item apart whose sealed bytes did not open as they were sealed. It is not a matter of the material,
// so nothing is said about that; fixity heals it from a replica where there is one.
func (s *Service) quarantine(ctx context.Context, a *attempt, t *task, id string, cause error) error {
	s.o.Logger.ErrorContext(ctx, "sealed bytes are damaged", slog.String("item", id), slog.Any("error", cause))
	err := s.write(ctx, func(tx *store.Tx) error {
		if err := lockItem(ctx, tx, id); err != nil {
			return err
		}
		item, err := tx.Item(ctx, everything, id)
		if err != nil {
			return err
		}
		if item.State == archive.ItemErased {
			return errRefused
		}
		if item.State == archive.ItemQuarantined {
			return nil
		}
		if err := tx.MoveItem(ctx, id, archive.ItemQuarantined, ReasonSealBroken); err != nil {
			return err
		}
		if err := tx.SetObjectState(ctx, item.Object.Object, store.ObjectQuarantined); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventQuarantine, Agent: s.o.Agent, Outcome: archive.Failure,
			Subjects: []archive.Subject{
				{Role: custody.RoleAbout, Kind: custody.KindItem, ID: id},
				{Role: custody.RoleAbout, Kind: custody.KindObject, ID: item.Object.Object},
			},
			Detail: map[string]string{"item": id, "object": item.Object.Object, "reason": ReasonSealBroken},
		})
		return err
	})
	if err != nil && !errors.Is(err, errRefused) {
		return fmt.Errorf("quarantine %s: %w", id, errors.Join(err, cause))
	}
	// The job ends visibly as called off: trying again before the object is healed is pointless.
	return fmt.Errorf("%w: %w", job.ErrCancel, cause)
}

// finish ends a job whose work is there already.
func (s *Service) finish(ctx context.Context, a *attempt, p pass, item string) error {
	err := s.write(ctx, func(tx *store.Tx) error { return s.o.Jobs.CompleteTx(ctx, tx, a.ref) })
	if err != nil {
		return fmt.Errorf("finish %s pass of %s: %w", p.name, item, err)
	}
	return nil
}
