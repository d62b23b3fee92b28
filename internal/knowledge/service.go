package knowledge

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/store"
)

// Options of New. DB and Custody are needed.
type Options struct {
	DB      *store.DB
	Custody *custody.Recorder
	Now     func() time.Time           // nil: time.Now
	NewID   func(prefix string) string // nil: archive.NewID
	Logger  *slog.Logger               // nil: silent
}

// Service is the room. It is safe for concurrent use.
type Service struct{ o Options }

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Custody == nil {
		return nil, fmt.Errorf("knowledge: %w: database and custody are needed", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }
