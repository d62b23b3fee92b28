package app

import (
	"fmt"

	"zapis/internal/match"
	"zapis/internal/media"
)

// openMatch makes the room that says which release a file is from. Nothing is read, and no program looked for, until it is first asked.
func (a *App) openMatch() (err error) {
	a.Match, err = match.New(match.Options{
		DB: a.DB, Vault: a.Vault, Sealer: a.Sealer, Custody: a.Custody, Agent: a.Program, Logger: a.Logger, Releases: a.ReleasesDir(),
		Media: func() (match.Media, error) {
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
