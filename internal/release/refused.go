package release

import (
	"errors"
	"strings"

	"zapis/internal/archive"
)

// ErrWaiting: a statement is in no checkpoint of the log yet.
var ErrWaiting = errors.New("not in the log yet")

// Refused says which gates block. It is an archive.ErrConflict.
type Refused struct{ Gates []Gate }

func (r *Refused) Error() string {
	codes := make([]string, len(r.Gates))
	for i, g := range r.Gates {
		codes[i] = g.Code + " (" + g.Reason + ")"
	}
	return "gates are closed: " + strings.Join(codes, ", ")
}

// Unwrap gives archive.ErrConflict.
func (r *Refused) Unwrap() error { return archive.ErrConflict }
