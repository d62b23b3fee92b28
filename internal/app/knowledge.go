package app

import "zapis/internal/knowledge"

// openKnowledge makes the room in which the catalogue is built and read.
func (a *App) openKnowledge() (err error) {
	a.Knowledge, err = knowledge.New(knowledge.Options{DB: a.DB, Custody: a.Custody, Logger: a.Logger})
	return err
}
