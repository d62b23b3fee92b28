package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/tlog"
	"zapis/internal/vault"
	"zapis/internal/vault/record"
)

// Options of a Service. DB, Vault, Record, Custody, Jobs, Signer, Verifier, Tool and LockDir are required.
type Options struct {
	DB       *store.DB
	Vault    *vault.Vault
	Record   *record.Sealer
	Custody  *custody.Recorder
	Jobs     *job.Jobs
	Signer   tlog.Signer // signs receipts; the checkpoint key
	Verifier string      // verifier key text of Signer
	Tool     string      // program and version, for receipts
	LockDir  string      // one lock file for each accession
	Own      []string    // folders never entered: the home, the vault
	Reserve  uint64      // bytes kept free on the vault's storage; 0: 1 GiB
	InFlight int         // groups of files sealed and committed at once; 0: 3
	Logger   *slog.Logger
	Now      func() time.Time
	// FS lets tests race with whoever writes at the source; nil is the operating system alone.
	FS *Hooks
}

// Hooks are called while a source is read; nil ones do nothing. They are for tests.
type Hooks struct {
	Listed func(path string)          // a name was listed and is looked at next
	Open   func(path string)          // a file is opened next
	Read   func(path string, n int64) // n more bytes of a file were read
	Sealed func(group int64)          // a group of files is sealed and will be committed
	Stored func(group int64)          // a group is durable in the vault and will be recorded
}

func (h *Hooks) listed(path string) {
	if h.Listed != nil {
		h.Listed(path)
	}
}

func (h *Hooks) open(path string) {
	if h.Open != nil {
		h.Open(path)
	}
}

func (h *Hooks) sealed(group int64) {
	if h.Sealed != nil {
		h.Sealed(group)
	}
}

func (h *Hooks) stored(group int64) {
	if h.Stored != nil {
		h.Stored(group)
	}
}

// Service takes material into custody. It is safe for concurrent use; two runs on one accession exclude each other.
type Service struct {
	o Options
	// write is DB.Write; tests of faults put themselves in between.
	write func(context.Context, func(*store.Tx) error) error
	// groupTime is how long a group is sealed before what there is of it is recorded.
	groupTime time.Duration
}

// DefaultReserve is what is kept free on the vault's storage, so that the database can always be written.
const DefaultReserve = 1 << 30

// New makes a service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Record == nil || o.Custody == nil || o.Jobs == nil || o.Signer == nil || o.Verifier == "" || o.Tool == "" || o.LockDir == "" {
		return nil, errors.New("ingest: an option is missing")
	}
	if o.Reserve == 0 {
		o.Reserve = DefaultReserve
	}
	if o.InFlight <= 0 {
		o.InFlight = 3
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.FS == nil {
		o.FS = &Hooks{}
	}
	return &Service{o: o, write: o.DB.Write, groupTime: groupTime}, nil
}

// now is the present to the microsecond, which is what the database and the custody record keep.
func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// NewAccession begins an accession.
func (s *Service) NewAccession(ctx context.Context, agent, title string) (archive.Accession, error) {
	if err := archive.CheckTitle(title); err != nil {
		return archive.Accession{}, err
	}
	a := archive.Accession{
		ID: archive.NewID(archive.PrefixAccession), Title: title, State: archive.AccessionOpen, CreatedAt: s.now(), CreatedBy: agent,
	}
	var out archive.Accession
	err := s.write(ctx, func(tx *store.Tx) (err error) {
		if out, err = tx.AddAccession(ctx, a); err != nil {
			return err
		}
		_, err = s.o.Custody.Record(ctx, tx, custody.AccessionOpened(agent, a.ID))
		return err
	})
	if errors.Is(err, store.ErrUnknownOutcome) {
		// Ask for what was written; the identifier is ours, so finding it means that it was this transaction.
		rerr := s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
			out, err = tx.Accession(ctx, a.ID)
			return err
		})
		if rerr == nil {
			err = nil
		}
	}
	if err != nil {
		return archive.Accession{}, fmt.Errorf("open accession: %w", err)
	}
	return out, nil
}

// Result is what one run did. Files that a former run had finished are in Passed only.
type Result struct {
	Accession string
	Tally     archive.Tally // lines added to the manifest by this run
	Passed    int64         // things that a former run had finished
	Again     int64         // things that failed as they did in a former run, and have a line already
	Elapsed   time.Duration
	// Odd names the places that were named and hold no bytes to take in, by their number from 1: a symbolic link, a
	// device. Whoever named a disk's device or a link to a folder has most likely meant something else.
	Odd map[int]string
}

// Failed counts the things that this run could not take in.
func (r Result) Failed() int64 { return r.Tally.Failed + r.Again }

// Ingest takes in everything below paths, in the order given. A run that ends with an error or through ctx leaves what
// was recorded before; run it again to go on. progress may be nil; it is called from one goroutine at a time.
//
// Errors: archive.ErrBusy (another run on this accession), archive.ErrConflict (the accession is closed),
// archive.ErrNotFound, archive.ErrInvalid (a place that cannot be opened or lies inside the archive itself),
// vault.ErrFull (no space left: nothing half-written is kept), and the context's.
func (s *Service) Ingest(ctx context.Context, agent, accession string, paths []string, progress func(Progress)) (Result, error) {
	res := Result{Accession: accession}
	if err := archive.CheckID(archive.PrefixAccession, accession); err != nil {
		return res, err
	}
	l, err := lock(s.o.LockDir, accession)
	if err != nil {
		return res, err
	}
	defer l.Close()
	roots, err := openRoots(paths)
	if err != nil {
		return res, fmt.Errorf("ingest into %s: %w", accession, err)
	}
	defer func() {
		for _, r := range roots {
			_ = r.close()
		}
	}()
	own, err := ownFolders(append([]string{s.o.LockDir}, s.o.Own...))
	if err != nil {
		return res, err
	}
	for i, r := range roots {
		if reason := oddlyNamed(r); reason != "" {
			if res.Odd == nil {
				res.Odd = map[int]string{}
			}
			res.Odd[i+1] = reason
		}
		if err := checkOutside(r, own); err != nil {
			return res, fmt.Errorf("place %d: %w", i+1, err)
		}
	}
	r, err := s.newRun(ctx, agent, accession, roots, own, progress)
	if err != nil {
		return res, fmt.Errorf("ingest into %s: %w", accession, err)
	}
	began := s.o.Now()
	err = r.work(ctx)
	res.Tally, res.Passed, res.Again = r.report.p.Tally, r.report.p.Passed, r.again
	res.Elapsed = s.o.Now().Sub(began)
	if err != nil {
		return res, fmt.Errorf("ingest into %s: %w", accession, err)
	}
	return res, nil
}

// Accession gives one accession.
func (s *Service) Accession(ctx context.Context, id string) (a archive.Accession, err error) {
	err = s.o.DB.Read(ctx, func(tx *store.Tx) error {
		a, err = tx.Accession(ctx, id)
		return err
	})
	return a, err
}

// Failures calls f for every line of an accession whose outcome is "failed", in order, with the name of the file.
// Names may name people: they are for the screen of whoever may know them, and for nothing else.
func (s *Service) Failures(ctx context.Context, accession string, f func(Failure) error) error {
	return s.o.DB.Read(ctx, func(tx *store.Tx) error {
		for p, err := range tx.Manifest(ctx, accession) {
			if err != nil {
				return err
			}
			if p.Outcome != archive.OutcomeFailed {
				continue
			}
			name, err := s.nameOf(p)
			if err != nil {
				return err
			}
			if err := f(Failure{Provenance: p.ID, Reason: p.Reason, Name: name}); err != nil {
				return err
			}
		}
		return nil
	})
}
