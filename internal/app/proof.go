package app

import (
	"fmt"

	"zapis/internal/media"
	"zapis/internal/proof"
)

// openProof makes the room that seals, states and proves. The outside programs are looked for when the first clip is made:
// most commands need none.
func (a *App) openProof() (*proof.Service, error) {
	witnesses, err := a.Config.LogWitnesses()
	if err != nil {
		return nil, err
	}
	quorum := a.Config.Quorum
	if quorum == 0 {
		quorum = len(witnesses)
	}
	return proof.New(proof.Options{
		DB: a.DB, Vault: a.Vault, Custody: a.Custody, Quorum: quorum, Logger: a.Logger,
		Media: func() (proof.Media, error) {
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
}
