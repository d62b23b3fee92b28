package copies

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/media"
	"zapis/internal/media/fingerprint"
	"zapis/internal/store"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Media is what is needed of package media to look for footage that is not in the archive; *media.Tools has it.
type Media interface {
	Probe(ctx context.Context, src media.Source) (media.Probe, error)
	Fingerprint(ctx context.Context, src media.Source, p media.Probe, w io.Writer, beat func(seconds float64)) ([]fingerprint.Run, media.Report, error)
}

// Queue is what the room needs of the jobs; *job.Jobs has it.
type Queue interface {
	EnqueueTx(ctx context.Context, tx *store.Tx, a job.Args, o job.Opts) error
	CompleteTx(ctx context.Context, tx *store.Tx, j interface{ Ref() int64 }) error
	Progress(ctx context.Context, j interface{ Ref() int64 }, step string, done, total int64)
}

// Options of New. DB, Vault, Sealer and Custody are needed.
type Options struct {
	DB      *store.DB
	Vault   *vault.Vault
	Sealer  *record.Sealer // opens the runs of fingerprints
	Custody *custody.Recorder
	Jobs    Queue                 // needed to work jobs and to put them in
	Media   func() (Media, error) // needed to look for files that are not in the archive
	Agent   string                // identifier of the software agent in whose name jobs are worked
	Logger  *slog.Logger          // nil: silent
	Now     func() time.Time
	NewID   func(prefix string) string
}

// Service is the room. It is safe for concurrent use.
type Service struct {
	o Options

	mu     sync.Mutex // held while the index is brought up to date
	index  *fingerprint.Index
	held   map[string]int64 // number of the fingerprint of each item that was looked at
	last   int64
	broken int // fingerprints that do not open
}

// New makes the room. The index is built when it is first asked.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Sealer == nil || o.Custody == nil {
		return nil, fmt.Errorf("%w: copies lacks something it works with", archive.ErrInvalid)
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
	return &Service{o: o, index: fingerprint.NewIndex(), held: map[string]int64{}}, nil
}

// Register makes the queue work match jobs with s.
func (s *Service) Register(j *job.Jobs) { job.Register(j, s.Match) }

// batch is how many fingerprints are read at a time.
const batch = 200

// Refresh brings the index up to the catalogue: fingerprints that came are added, those that were erased leave the memory. Every question
// does so by itself.
func (s *Service) Refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		var page []store.Fingerprint
		err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { page, err = tx.Fingerprints(ctx, s.last, batch); return err })
		if err != nil {
			return fmt.Errorf("read fingerprints: %w", err)
		}
		for _, f := range page {
			s.take(ctx, f)
		}
		if len(page) < batch {
			break
		}
	}
	var count int64
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { count, _, err = tx.FingerprintCount(ctx); return err }); err != nil {
		return fmt.Errorf("count fingerprints: %w", err)
	}
	if count == int64(len(s.held)) {
		return nil
	}
	var there []string
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { there, err = tx.FingerprintedItems(ctx); return err }); err != nil {
		return fmt.Errorf("list fingerprints: %w", err)
	}
	set := make(map[string]bool, len(there))
	for _, id := range there {
		set[id] = true
	}
	for id := range s.held {
		if !set[id] {
			s.index.Drop(id)
			delete(s.held, id)
		}
	}
	return nil
}

// take puts one fingerprint into the index. One that does not open is left out, and the operator learns of it: the others are worth
// searching without it.
func (s *Service) take(ctx context.Context, f store.Fingerprint) {
	s.last, s.held[f.Item] = f.Number, f.Number
	if f.Version != fingerprint.Version {
		s.index.Drop(f.Item)
		return
	}
	text, err := s.o.Sealer.Open(f.Derivative, f.Runs)
	var runs []fingerprint.Run
	if err == nil {
		runs, err = fingerprint.DecodeRuns(text)
	}
	if err != nil {
		s.broken++
		s.index.Drop(f.Item)
		s.o.Logger.ErrorContext(ctx, "fingerprint does not open", slog.String("item", f.Item), slog.Any("error", err))
		return
	}
	s.index.Add(f.Item, runs)
}

// Status is how large the index is.
type Status struct {
	Recordings, Runs int
	Bytes            int64 // of memory
	Broken           int   // fingerprints that do not open
}

// Status brings the index up to date and says how large it is.
func (s *Service) Status(ctx context.Context) (Status, error) {
	if err := s.Refresh(ctx); err != nil {
		return Status{}, err
	}
	var st Status
	st.Recordings, st.Runs, st.Bytes = s.index.Size()
	s.mu.Lock()
	st.Broken = s.broken
	s.mu.Unlock()
	return st, nil
}

// print opens the fingerprint of an item. Close the reader when it is no longer asked.
func (s *Service) print(ctx context.Context, scope archive.Scope, derivative string) (*fingerprint.Print, io.Closer, error) {
	var d archive.Derivative
	if err := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) { d, err = tx.Derivative(ctx, scope, derivative); return err }); err != nil {
		return nil, nil, fmt.Errorf("find fingerprint %s: %w", derivative, err)
	}
	r, err := s.o.Vault.Reader(ctx, vault.Ref(d.Object))
	if err != nil {
		return nil, nil, fmt.Errorf("open fingerprint %s: %w", derivative, err)
	}
	p, err := fingerprint.Open(r, r.Size())
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("read fingerprint %s: %w", derivative, err), r.Close())
	}
	return p, r, nil
}
