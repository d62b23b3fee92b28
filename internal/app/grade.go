package app

import (
	"fmt"

	"zapis/internal/grade"
)

// openGrade makes the room in which people say how hard items are to watch.
func (a *App) openGrade() error {
	s, err := grade.New(grade.Options{DB: a.DB, Custody: a.Custody})
	if err != nil {
		return fmt.Errorf("open grades: %w", err)
	}
	a.Grade = s
	return nil
}
