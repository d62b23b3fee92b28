package anchor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/store"
	"zapis/internal/tlog"
)

// The conditions of this package, for errors.Is.
var (
	// ErrNoLog: the archive has no transparency log yet.
	ErrNoLog = errors.New("no transparency log")
	// ErrClock: the clock is so far from the log that a tick would fill it with years; the log only ever grows.
	ErrClock = errors.New("the clock does not fit the transparency log")
	// ErrFork: a place holds another log of the same name, or more of this one than the database knows. An
	// archive.ErrIntegrity.
	ErrFork = fmt.Errorf("%w: another tree was published under this name", archive.ErrIntegrity)
	// ErrUnreachable: a witness or an authority did not answer.
	ErrUnreachable = errors.New("no answer")
	// ErrRefused: a witness or an authority answered, and not with what was asked for.
	ErrRefused = errors.New("refused")
)

// Secrets keeps the keys of the log; *vault.Vault does.
type Secrets interface {
	Secret(ctx context.Context, name string) ([]byte, error)
	PutSecret(ctx context.Context, name string, secret []byte) error
}

// Witness is somebody elsewhere who cosigns.
type Witness struct {
	Name        string // of its key
	VerifierKey string // algorithm 0x04
	URL         string
}

// Cosigner asks one witness. It verifies the line before it gives it: ErrUnreachable, ErrRefused, ErrFork. old is the
// largest size that the witness is known to have cosigned; proof gives consistency proofs between from and the size of
// the checkpoint.
type Cosigner interface {
	Cosign(ctx context.Context, w Witness, checkpoint []byte, old int64, proof func(from int64) ([]tlog.Hash, error)) (line string, at time.Time, err error)
}

// Kinds of stamps.
const (
	StampRFC3161        = "rfc3161"
	StampOpenTimestamps = "opentimestamps"
)

// States of a stamp, as they stand in the catalogue. A stamp that was never asked for has none.
const (
	StampPending   = store.StampPending
	StampConfirmed = store.StampConfirmed
	StampFailed    = store.StampFailed
)

// StampResult is what an authority gave. State is StampConfirmed only if Token verifies for the imprint against configured
// roots or headers.
type StampResult struct {
	State  string
	Token  []byte
	At     time.Time // when the thing existed by, if confirmed
	Reason string    // why not confirmed: a sentence without addresses
}

// Authority puts outside time on a digest.
type Authority interface {
	Name() string // in the configuration; no address
	Kind() string // StampRFC3161 or StampOpenTimestamps
	// Stamp asks for a stamp over imprint, or asks on with what an earlier call gave (nil at first).
	Stamp(ctx context.Context, imprint [32]byte, former []byte) (StampResult, error)
}

// Keeper holds the latest checkpoint outside the database, so that a database that is put back to an older state is found
// out before it signs another future.
type Keeper interface {
	Keep(note []byte) error
	Kept() ([]byte, error) // nil: none
}

// Options of a Service. DB, Secrets and Custody are required.
type Options struct {
	DB      *store.DB
	Secrets Secrets
	Custody *custody.Recorder

	Agent string // who acts where a call names nobody

	Every time.Duration // of a log that is made; 0: a day
	At    time.Duration // after midnight UTC, for the same

	Witnesses []Witness
	Quorum    int // how many of them are wanted; 0: all
	Cosigner  Cosigner
	// Authorities are asked for every checkpoint.
	Authorities []Authority

	Keeper Keeper
	// Publish opens the place where every checkpoint goes by itself, for this process alone; nil: there is none.
	Publish   func(ctx context.Context) (t Target, release func() error, err error)
	CheckPage []byte        // the check page, published beside the log; may be empty
	Timeout   time.Duration // of one question to somebody outside; 0: 30 s
	Logger    *slog.Logger
	Now       func() time.Time
	Rand      io.Reader
}

// Service keeps the transparency log. It is safe for concurrent use, also by several processes on one database.
type Service struct {
	o Options

	mu        sync.Mutex
	published [32]byte // sum of what this process published last to the configured place
}

// New makes a service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Secrets == nil || o.Custody == nil {
		return nil, errors.New("transparency log: an option is missing")
	}
	if o.Every == 0 {
		o.Every = 24 * time.Hour
	}
	if o.Every < time.Second || o.Every%time.Second != 0 || o.At < 0 || o.At >= 24*time.Hour {
		return nil, fmt.Errorf("transparency log: %w: the calendar", archive.ErrInvalid)
	}
	if o.Quorum < 0 || o.Quorum > len(o.Witnesses) {
		return nil, fmt.Errorf("transparency log: %w: %d of %d witnesses", archive.ErrInvalid, o.Quorum, len(o.Witnesses))
	}
	if o.Quorum == 0 {
		o.Quorum = len(o.Witnesses)
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

func (s *Service) agent(named string) string {
	if named == "" {
		return s.o.Agent
	}
	return named
}

func (s *Service) random() (out [32]byte, err error) {
	if _, err := io.ReadFull(s.o.Rand, out[:]); err != nil {
		return out, fmt.Errorf("read randomness: %w", err)
	}
	return out, nil
}
