package app

import (
	"fmt"

	"zapis/internal/note"
)

// openNote makes the room in which people mark what they see on items.
func (a *App) openNote() error {
	s, err := note.New(note.Options{DB: a.DB, Vault: a.Vault, Custody: a.Custody, Jobs: a.Jobs, Logger: a.Logger})
	if err != nil {
		return fmt.Errorf("open notes: %w", err)
	}
	a.Note = s
	return nil
}
