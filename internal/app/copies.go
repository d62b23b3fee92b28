package app

import (
	"fmt"

	"zapis/internal/copies"
	"zapis/internal/media"
)

// openCopies makes the room that finds copies of footage. Its index is built when it is first asked, and the outside programs are looked
// for when a file is first to be found: most commands need neither.
func (a *App) openCopies() (*copies.Service, error) {
	return copies.New(copies.Options{
		DB: a.DB, Vault: a.Vault, Sealer: a.Sealer, Custody: a.Custody, Jobs: a.Jobs, Agent: a.Program, Logger: a.Logger,
		Media: func() (copies.Media, error) {
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
