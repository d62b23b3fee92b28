package app

import (
	"context"
	"errors"
	"fmt"

	"zapis/internal/archive"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/proof"
	"zapis/internal/redact"
	"zapis/internal/store"
)

// openRedact makes the room of redaction plans. The outside programs are looked for when they are first needed: most commands need none.
func (a *App) openRedact() (err error) {
	a.Redact, err = redact.New(redact.Options{
		DB: a.DB, Vault: a.Vault, Custody: a.Custody, Jobs: a.Jobs, Agent: a.Program, Logger: a.Logger, Clips: statedClips{a.Proof}, Subject: a.subject,
		Media: func() (redact.Media, error) {
			if a.Media != nil {
				return a.Media, nil
			}
			tools, err := media.Find(media.Options{AllowUnisolated: a.Config.Unisolated, Logger: a.Logger})
			if err != nil {
				return nil, fmt.Errorf("outside media programs: %w", err)
			}
			return tools, nil
		},
	})
	return err
}

// subject gives what an agent may do now, for work that is done later in their name: by their account, or, for who only ever acted at the
// command line, everything, as at the command line. Somebody whose account is switched off may do nothing.
func (a *App) subject(ctx context.Context, agent string) (who policy.Subject, err error) {
	err = a.DB.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.Account(ctx, agent)
		switch {
		case errors.Is(err, archive.ErrNotFound):
			ag, err := tx.Agent(ctx, agent)
			if err != nil {
				return err
			}
			foreign, err := tx.ForeignAgent(ctx, agent)
			if err != nil {
				return err
			}
			if ag.Kind != "person" || foreign {
				return archive.ErrForbidden
			}
			who = policy.Subject{Agent: agent, Role: archive.RoleAdmin, Scope: archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}}
			return nil
		case err != nil:
			return err
		case row.Disabled:
			return archive.ErrForbidden
		}
		who = policy.Subject{Agent: row.ID, Role: row.Role, Scope: row.Scope}
		return nil
	})
	if err != nil {
		return policy.Subject{}, fmt.Errorf("agent %s: %w", agent, err)
	}
	return who, nil
}

// statedClips lets plans state their clips in the transparency log.
type statedClips struct{ p *proof.Service }

func (s statedClips) StateClip(ctx context.Context, who policy.Subject, c redact.StatedClip, in func(tx *store.Tx, clip string) error) error {
	r := proof.StateClip{
		Object: c.Object, Others: c.Others, Milliseconds: c.Milliseconds, Read: c.Read, Masks: c.Masks, Scope: c.Scope, Reason: c.Reason, Recipe: c.Recipe, Tool: c.Tool,
	}
	for _, x := range c.Cuts {
		r.Cuts = append(r.Cuts, proof.CutOf{Item: x.Item, From: x.From, To: x.To})
	}
	_, err := s.p.StateClip(ctx, who, r, func(tx *store.Tx, clip proof.Clip) error { return in(tx, clip.ID) })
	return err
}
