package proof

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/media"
	"zapis/internal/policy"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/vault"
)

// The conditions of this package, for errors.Is.
var (
	// ErrNoLog: the archive has no transparency log, so there is nowhere to state anything.
	ErrNoLog = errors.New("no transparency log")
	// ErrOpen: an accession is still open.
	ErrOpen = errors.New("accession is open")
	// ErrUnmeasured: some items have not been looked at, so that their length is not known.
	ErrUnmeasured = errors.New("items are not measured")
	// ErrUnsealed: an item has no commitments of its own, or its accession is in no scope.
	ErrUnsealed = errors.New("not sealed")
	// ErrPending: it was stated, and no checkpoint of the log contains it yet.
	ErrPending = errors.New("not in the log yet")
	// ErrUnproved: what was built does not verify. Nothing was written. An archive.ErrIntegrity.
	ErrUnproved = fmt.Errorf("%w: bundle does not verify", archive.ErrIntegrity)
)

// Media is what this package needs of package media; *media.Tools has it.
type Media interface {
	Probe(ctx context.Context, src media.Source) (media.Probe, error)
	Clip(ctx context.Context, cuts []media.Cut, o media.ClipOptions) (media.Clip, error)
}

// Database is the catalogue; *store.DB is one.
type Database interface {
	Read(ctx context.Context, f func(*store.Tx) error) error
	Write(ctx context.Context, f func(*store.Tx) error) error
}

// Options of a Service. DB, Vault and Custody are needed, Media for clips.
type Options struct {
	DB      Database
	Vault   *vault.Vault
	Custody *custody.Recorder
	// Media finds the programs; it is asked when a clip is made and not before.
	Media func() (Media, error)
	// Quorum is how many cosignatures a checkpoint should have to be put into a bundle; where none has so many, the one
	// with the most is taken.
	Quorum int
	Logger *slog.Logger
	Now    func() time.Time
	NewID  func(prefix string) string
	Rand   io.Reader
}

// Service seals, states and proves. It is safe for concurrent use.
type Service struct{ o Options }

// New makes a service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: proof lacks something it works with", archive.ErrInvalid)
	}
	if o.Media == nil {
		o.Media = func() (Media, error) { return nil, media.ErrNoTool }
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
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return &Service{o: o}, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// today is the date that stands in statements: the archive's own word.
func (s *Service) today() string { return s.now().Format(time.DateOnly) }

func (s *Service) random() (out [32]byte, err error) {
	if _, err := io.ReadFull(s.o.Rand, out[:]); err != nil {
		return out, fmt.Errorf("read randomness: %w", err)
	}
	return out, nil
}

// everything is the scope of what is computed; who may ask is decided before.
var everything = archive.Scope{All: true, MaxDifficulty: -1, Quarantined: true}

// publisher says whether somebody may state things about the archive as a whole.
func publisher(who policy.Subject) error {
	if !who.SignedIn() || !policy.AtLeast(who.Role, archive.RoleArchivist) {
		return archive.ErrForbidden
	}
	return nil
}

// releaser says whether somebody may see and give out the proofs of what was stated: they are for everybody, once it is out.
func releaser(who policy.Subject) error {
	if !policy.Could(who, policy.Publish) {
		return archive.ErrForbidden
	}
	return nil
}

// maxReason is how long a reason may be, in bytes; the custody record keeps it for ever.
const maxReason = 500

func cleanReason(reason string) (string, error) {
	reason = strings.Join(strings.Fields(reason), " ")
	if reason == "" || len(reason) > maxReason || !utf8.ValidString(reason) {
		return "", archive.Explain(fmt.Errorf("%w: a reason of at most %d bytes is needed", archive.ErrInvalid, maxReason), "reason-missing", "")
	}
	return reason, nil
}

// publicLog reads the log: ErrNoLog.
func publicLog(ctx context.Context, tx *store.Tx) (store.PublicLog, error) {
	l, there, err := tx.PublicLog(ctx)
	if err == nil && !there {
		err = archive.Explain(ErrNoLog, "This archive has no transparency log yet.", "Make it with: zapis log init --origin NAME")
	}
	return l, err
}

func logHashes(ctx context.Context, tx *store.Tx) tlog.HashReader {
	return hashReader(ctx, tx.LogHashes)
}

func custodyHashes(ctx context.Context, tx *store.Tx) tlog.HashReader {
	return hashReader(ctx, tx.Hashes)
}

// hashReader turns a missing hash into what it is: a hole in a tree.
func hashReader(ctx context.Context, read func(context.Context, []int64) ([]tlog.Hash, error)) tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out, err := read(ctx, at)
		if errors.Is(err, archive.ErrNotFound) {
			err = fmt.Errorf("%w: %v", archive.ErrIntegrity, err)
		}
		return out, err
	})
}

// list writes hashes of the trees as package verify wants them.
func list(in []tlog.Hash) [][32]byte {
	out := make([][32]byte, len(in))
	for i, h := range in {
		out[i] = [32]byte(h)
	}
	return out
}
