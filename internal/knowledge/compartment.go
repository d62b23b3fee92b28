package knowledge

import (
	"context"
	"fmt"
	"strings"

	"zapis/internal/archive"
	"zapis/internal/catalogue"
	"zapis/internal/custody"
	"zapis/internal/policy"
	"zapis/internal/store"
)

// Compartments gives those that the asker sees, the common one not among them.
func (s *Service) Compartments(ctx context.Context, who policy.Subject) (out []archive.Compartment, err error) {
	if err := policy.Decide(who, policy.ViewCatalogue, policy.Object{Difficulty: -1}).Err(); err != nil {
		return nil, fmt.Errorf("compartments: %w", err)
	}
	err = s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { out, err = tx.Compartments(ctx, policy.ScopeOf(who)); return err })
	if err != nil {
		return nil, fmt.Errorf("compartments: %w", err)
	}
	return out, nil
}

// AddCompartment makes one. Its name is seen by who sees it; nobody does at first but administrators.
func (s *Service) AddCompartment(ctx context.Context, who policy.Subject, name string) (c archive.Compartment, err error) {
	if err := policy.Decide(who, policy.ManageCompartment, policy.Object{Difficulty: -1}).Err(); err != nil {
		return c, fmt.Errorf("add compartment: %w", err)
	}
	name, err = catalogue.Name(name)
	if err == nil {
		err = s.o.DB.Write(ctx, func(tx *store.Tx) error {
			w := s.writer(tx, who)
			c = archive.Compartment{ID: s.o.NewID(archive.PrefixCompartment), Name: name, CreatedAt: w.now, CreatedBy: who.Agent}
			// The end of the identifier is random: four characters of it are the tag.
			if err := tx.AddCompartment(ctx, c, strings.ToUpper(c.ID[len(c.ID)-4:])); err != nil {
				return err
			}
			_, err := s.o.Custody.Record(ctx, tx, archive.Event{Type: archive.EventDescription, Agent: who.Agent, Outcome: archive.Success,
				Subjects: []archive.Subject{{Role: custody.RoleOutcome, Kind: custody.KindCompartment, ID: c.ID}}, Detail: map[string]string{"act": "compartment"}})
			return err
		})
	}
	if err != nil {
		return archive.Compartment{}, fmt.Errorf("add compartment: %w", err)
	}
	return c, nil
}
