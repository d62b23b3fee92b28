package fixity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Resolutions of findings.
const (
	resolvedHealed   = "healed"   // replaced by the replica's bytes
	resolvedRestored = "restored" // found to agree again by a later check
)

// ReasonSealBroken is the reason of an item that is quarantined because its sealed bytes do not agree.
const ReasonSealBroken = "seal-broken"

// everything is the scope of the archive's own acts.
var everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

// act quarantines what a damaged blob touches, tries to heal it, and notes the failure.
func (c *check) act(ctx context.Context, b store.Blob, code string, bad []store.Object) error {
	fails, err := c.quarantine(ctx, b, code, bad)
	if err != nil {
		return err
	}
	healed, err := c.heal(ctx, b, bad)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range fails {
		f.Healed = healed
		c.report.Failures = append(c.report.Failures, f)
	}
	c.p.Failures = int64(len(c.report.Failures))
	c.progress(c.p)
	return nil
}

// quarantine records a mismatch: finding, states and custody events in one transaction. A finding that is open already
// is not doubled.
func (c *check) quarantine(ctx context.Context, b store.Blob, code string, bad []store.Object) (fails []Failure, err error) {
	now := c.s.now()
	c.s.o.Logger.ErrorContext(ctx, "sealed bytes do not agree", slog.String("blob", b.Name), slog.String("code", code), slog.Int("objects", len(bad)))
	err = c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		fails = fails[:0]
		known, err := c.openOf(ctx, tx, b.Name)
		if err != nil {
			return err
		}
		var events []archive.Event
		note := func(f Failure) error {
			fails = append(fails, f)
			if known[f.Object] {
				return nil
			}
			return tx.AddFinding(ctx, store.Finding{
				ID: archive.NewID(prefixFinding), Run: c.run.ID, Blob: b.Name, Object: f.Object, Item: f.Item, Code: code, FoundAt: now,
			})
		}
		for _, o := range bad {
			it, isItem, err := tx.ItemOfObject(ctx, o.ID)
			if err != nil {
				return err
			}
			f := Failure{Blob: b.Name, Object: o.ID, Code: code}
			subjects := []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindObject, ID: o.ID}}
			detail := map[string]string{"blob": b.Name, "object": o.ID, "reason": ReasonSealBroken, "run": c.run.ID}
			moved := false
			if isItem {
				f.Item, detail["item"] = it.ID, it.ID
				subjects = append(subjects, archive.Subject{Role: custody.RoleAbout, Kind: custody.KindItem, ID: it.ID})
				if it.State != archive.ItemQuarantined && it.State != archive.ItemErased {
					if err := tx.MoveItem(ctx, it.ID, archive.ItemQuarantined, ReasonSealBroken); err != nil {
						return err
					}
					moved = true
				}
			}
			current, err := tx.Object(ctx, o.ID)
			if err != nil {
				return err
			}
			if current.State == store.ObjectHeld {
				if err := tx.SetObjectState(ctx, o.ID, store.ObjectQuarantined); err != nil {
					return err
				}
				moved = true
			}
			if moved {
				events = append(events, archive.Event{Type: archive.EventQuarantine, Agent: c.agent, Outcome: archive.Failure, Subjects: subjects, Detail: detail})
			}
			if err := note(f); err != nil {
				return err
			}
		}
		if len(bad) == 0 { // only bytes that belong to no object; the blob is damaged all the same
			if err := note(Failure{Blob: b.Name, Code: code}); err != nil {
				return err
			}
		}
		if err := tx.MarkBlob(ctx, b.Name, code, now); err != nil {
			return err
		}
		events = append([]archive.Event{{
			Type: archive.EventFixity, Agent: c.agent, Outcome: archive.Failure,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindBlob, ID: b.Name}},
			Detail:   map[string]string{"blob": b.Name, "code": code, "run": c.run.ID, "objects": dec(int64(len(bad)))},
		}}, events...)
		_, err = c.s.o.Custody.Record(ctx, tx, events...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("quarantine what lies in %s: %w", b.Name, err)
	}
	return fails, nil
}

// openOf gives the objects ("" for none) that have an open finding in a blob or envelope.
func (c *check) openOf(ctx context.Context, tx *store.Tx, place string) (map[string]bool, error) {
	open, err := tx.OpenFindings(ctx)
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, f := range open {
		if f.Blob == place {
			known[f.Object] = true
		}
	}
	return known, nil
}

// heal replaces a damaged blob from the replica and checks it anew. False means that it stays damaged.
func (c *check) heal(ctx context.Context, b store.Blob, bad []store.Object) (bool, error) {
	if c.replica == nil {
		return false, nil
	}
	err := c.s.o.Vault.Heal(ctx, vaultBlob(b), c.replica)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	if err == nil {
		var code string
		if code, err = c.sealed(ctx, b); err == nil && code != "" {
			err = vault.ErrCorrupt
		}
	}
	if err == nil {
		var still []store.Object
		if still, err = c.narrow(ctx, b, bad); err == nil && len(still) > 0 {
			err = vault.ErrCorrupt // the blob is as it was sealed and yet an object does not open: its envelope is damaged
		}
	}
	if err != nil {
		c.s.o.Logger.ErrorContext(ctx, "a blob could not be healed", slog.String("blob", b.Name), slog.Any("error", err))
		return false, c.event(ctx, archive.EventHealing, archive.Failure, custody.KindBlob, b.Name, map[string]string{"blob": b.Name, "run": c.run.ID})
	}
	return true, c.resolve(ctx, b, bad, resolvedHealed)
}

// agrees notes that a blob agrees. What was quarantined because of it comes back, if all its bytes agree.
func (c *check) agrees(ctx context.Context, b store.Blob, in []store.Object) error {
	var held []store.Object
	for _, o := range in {
		if o.State == store.ObjectQuarantined {
			held = append(held, o)
		}
	}
	if len(c.open[b.Name]) == 0 && len(held) == 0 {
		c.mu.Lock()
		c.good = append(c.good, b.Name)
		c.mu.Unlock()
		return nil
	}
	// Only what opens from its first byte to its last comes out of quarantine.
	var whole []store.Object
	for _, o := range held {
		code, err := c.opens(ctx, o)
		if err != nil {
			return err
		}
		if code == "" {
			whole = append(whole, o)
		}
	}
	if len(whole) < len(held) && len(c.open[b.Name]) == 0 {
		c.mu.Lock()
		c.good = append(c.good, b.Name)
		c.mu.Unlock()
		return nil
	}
	if len(whole) > 0 || len(c.open[b.Name]) > 0 {
		if err := c.resolve(ctx, b, whole, resolvedRestored); err != nil {
			return err
		}
		c.mu.Lock()
		c.report.Restored += int64(max(1, len(whole)))
		c.mu.Unlock()
	}
	return nil
}

// resolve closes the findings of a blob and takes objects out of quarantine that have no other open finding.
func (c *check) resolve(ctx context.Context, b store.Blob, objects []store.Object, how string) error {
	now := c.s.now()
	err := c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		open, err := tx.OpenFindings(ctx)
		if err != nil {
			return err
		}
		elsewhere := map[string]bool{} // objects that are damaged in another blob, too
		for _, f := range open {
			if f.Blob != b.Name {
				elsewhere[f.Object] = true
				continue
			}
			if err := tx.ResolveFinding(ctx, f.ID, how, now); err != nil {
				return err
			}
		}
		events := []archive.Event{{
			Type: archive.EventHealing, Agent: c.agent, Outcome: archive.Success,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindBlob, ID: b.Name}},
			Detail:   map[string]string{"blob": b.Name, "how": how, "run": c.run.ID},
		}}
		for _, o := range objects {
			if elsewhere[o.ID] {
				continue
			}
			subjects, err := c.release(ctx, tx, o.ID)
			if err != nil {
				return err
			}
			if subjects != nil {
				events = append(events, archive.Event{
					Type: archive.EventHealing, Agent: c.agent, Outcome: archive.Success, Subjects: subjects,
					Detail: map[string]string{"blob": b.Name, "object": o.ID, "how": how, "run": c.run.ID},
				})
			}
		}
		if err := tx.MarkBlob(ctx, b.Name, ResultGood, now); err != nil {
			return err
		}
		_, err = c.s.o.Custody.Record(ctx, tx, events...)
		return err
	})
	if err != nil {
		return fmt.Errorf("resolve findings of %s: %w", b.Name, err)
	}
	return nil
}

// release takes an object and its item out of quarantine, and puts in the passes that are missing; nil if the object
// was not in quarantine.
func (c *check) release(ctx context.Context, tx *store.Tx, object string) ([]archive.Subject, error) {
	it, isItem, err := tx.ItemOfObject(ctx, object)
	if err != nil {
		return nil, err
	}
	if isItem && it.State == archive.ItemQuarantined {
		derived, err := tx.Derivatives(ctx, it.ID)
		if err != nil {
			return nil, err
		}
		to, again := archive.ItemBrowsable, job.Args(job.Quick{Item: it.ID})
		for _, d := range derived {
			switch d.Kind {
			case archive.DerivativeProxy, archive.DerivativeLanes:
				to, again = archive.ItemReady, nil
			default:
				if to != archive.ItemReady {
					again = job.Full{Item: it.ID}
				}
			}
		}
		if err := tx.MoveItem(ctx, it.ID, to, ""); err != nil {
			return nil, err
		}
		if again != nil && c.s.o.Jobs != nil {
			if err := c.s.o.Jobs.EnqueueTx(ctx, tx, again, job.Opts{Unique: true}); err != nil {
				return nil, err
			}
		}
	}
	o, err := tx.Object(ctx, object)
	if err != nil {
		return nil, err
	}
	if o.State != store.ObjectQuarantined {
		return nil, nil
	}
	if err := tx.SetObjectState(ctx, object, store.ObjectHeld); err != nil {
		return nil, err
	}
	subjects := []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindObject, ID: object}}
	if isItem {
		subjects = append(subjects, archive.Subject{Role: custody.RoleAbout, Kind: custody.KindItem, ID: it.ID})
	}
	return subjects, nil
}

// actEnvelope records a damaged envelope and tries to heal it.
func (c *check) actEnvelope(ctx context.Context, e store.Envelope, code string) error {
	now := c.s.now()
	c.s.o.Logger.ErrorContext(ctx, "an envelope does not agree", slog.String("envelope", e.ID), slog.String("code", code))
	err := c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		known, err := c.openOf(ctx, tx, e.ID)
		if err != nil {
			return err
		}
		if !known[""] {
			f := store.Finding{ID: archive.NewID(prefixFinding), Run: c.run.ID, Blob: e.ID, Code: code, FoundAt: now}
			if err := tx.AddFinding(ctx, f); err != nil {
				return err
			}
		}
		_, err = c.s.o.Custody.Record(ctx, tx, c.vaultEvent(archive.EventFixity, archive.Failure, map[string]string{"envelope": e.ID, "code": code, "run": c.run.ID}))
		return err
	})
	if err != nil {
		return fmt.Errorf("record damage of %s: %w", e.ID, err)
	}
	healed := false
	if c.replica != nil {
		herr := c.s.o.Vault.HealEnvelope(ctx, e.ID, [sha256.Size]byte(e.SHA256), c.replica)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if herr == nil {
			herr = sameEnvelope(ctx, c.s.o.Vault.Backend(), e)
		}
		if herr == nil {
			if err := c.envelopeAgrees(ctx, e, resolvedHealed); err != nil {
				return err
			}
			healed = true
		} else {
			c.s.o.Logger.ErrorContext(ctx, "an envelope could not be healed", slog.String("envelope", e.ID), slog.Any("error", herr))
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Failures = append(c.report.Failures, Failure{Envelope: e.ID, Code: code, Healed: healed})
	c.p.Failures = int64(len(c.report.Failures))
	return nil
}

func (c *check) envelopeAgrees(ctx context.Context, e store.Envelope, how string) error {
	now := c.s.now()
	err := c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		open, err := tx.OpenFindings(ctx)
		if err != nil {
			return err
		}
		for _, f := range open {
			if f.Blob != e.ID {
				continue
			}
			if err := tx.ResolveFinding(ctx, f.ID, how, now); err != nil {
				return err
			}
		}
		_, err = c.s.o.Custody.Record(ctx, tx, c.vaultEvent(archive.EventHealing, archive.Success, map[string]string{"envelope": e.ID, "how": how, "run": c.run.ID}))
		return err
	})
	if err != nil {
		return fmt.Errorf("resolve findings of %s: %w", e.ID, err)
	}
	if how == resolvedRestored {
		c.mu.Lock()
		c.report.Restored++
		c.mu.Unlock()
	}
	return nil
}

func (c *check) vaultEvent(kind string, outcome archive.EventOutcome, detail map[string]string) archive.Event {
	return archive.Event{
		Type: kind, Agent: c.agent, Outcome: outcome, Detail: detail,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindVault, ID: c.s.o.Vault.ID()}},
	}
}

// event records one event by itself.
func (c *check) event(ctx context.Context, kind string, outcome archive.EventOutcome, subject, id string, detail map[string]string) error {
	e := archive.Event{
		Type: kind, Agent: c.agent, Outcome: outcome, Detail: detail,
		Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: subject, ID: id}},
	}
	return c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		_, err := c.s.o.Custody.Record(ctx, tx, e)
		return err
	})
}
