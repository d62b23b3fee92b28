package exchange

import (
	"fmt"
	"log/slog"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/knowledge"
	"zapis/internal/store"
)

// Options of New. DB, Custody and Knowledge are needed.
type Options struct {
	DB        *store.DB
	Custody   *custody.Recorder
	Knowledge *knowledge.Service
	Now       func() time.Time           // nil: time.Now
	NewID     func(prefix string) string // nil: archive.NewID
	Logger    *slog.Logger               // nil: silent
	Batch     int                        // rows a transaction; 0: 2,000
	// BatchBytes is how much the rows of a transaction may hold, so that memory stays bounded whatever they hold: it ends with the row that goes
	// beyond. 0: 16 MB.
	BatchBytes int
}

// Service is the room. It is safe for concurrent use.
type Service struct{ o Options }

// New makes the room.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Custody == nil || o.Knowledge == nil {
		return nil, fmt.Errorf("exchange: %w: database, custody and the catalogue are needed", archive.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = archive.NewID
	}
	if o.Batch <= 0 {
		o.Batch = 2000
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = 16 << 20
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }
