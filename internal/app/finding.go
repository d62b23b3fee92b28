package app

import (
	"fmt"

	"zapis/internal/machine"
)

// openMachine makes the room in which people decide on what machines found.
func (a *App) openMachine() error {
	s, err := machine.New(machine.Options{DB: a.DB, Custody: a.Custody, Jobs: a.Jobs, Logger: a.Logger})
	if err != nil {
		return fmt.Errorf("open findings: %w", err)
	}
	a.Machine = s
	return nil
}
