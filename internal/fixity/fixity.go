package fixity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"zapis/internal/archive"
	"zapis/internal/custody"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/vault"
)

// Options of a Service. DB, Vault and Custody are required.
type Options struct {
	DB      *store.DB
	Vault   *vault.Vault
	Custody *custody.Recorder
	Jobs    *job.Jobs // nil: healed items wait for their passes until somebody asks for them
	// Replica opens the copy of the vault from which damage is healed; nil, or a nil result: there is none.
	Replica func(context.Context) (vault.Backend, error)
	// Every and EveryScope are the schedule unless the archive has one of its own (SetSchedule); 0: never.
	Every      time.Duration
	EveryScope string
	Parallel   int // blobs checked at once; 0: one per processor, at least 2
	Logger     *slog.Logger
	Now        func() time.Time
}

// Service checks fixity. It is safe for concurrent use.
type Service struct{ o Options }

// New makes a service.
func New(o Options) (*Service, error) {
	if o.DB == nil || o.Vault == nil || o.Custody == nil {
		return nil, errors.New("fixity: an option is missing")
	}
	if o.Parallel <= 0 {
		o.Parallel = max(2, runtime.GOMAXPROCS(0))
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Service{o: o}, nil
}

// Scope is what a check looks at. Exactly one of All, Since and Sample is set.
type Scope struct {
	All    bool
	Since  time.Duration // blobs that were not checked for so long
	Sample float64       // share of all blobs, drawn at random: above 0, at most 1
	// Keyless compares sealed bytes only, at the speed of reading.
	Keyless bool
}

// ParseScope reads "all", "since 720h" and "sample 5%".
func ParseScope(text string) (Scope, error) {
	if text == "all" {
		return Scope{All: true}, nil
	}
	if d, ok := strings.CutPrefix(text, "since "); ok {
		since, err := time.ParseDuration(d)
		if err == nil && since > 0 {
			return Scope{Since: since}, nil
		}
	}
	if p, ok := strings.CutPrefix(text, "sample "); ok {
		if share, err := ParseShare(p); err == nil {
			return Scope{Sample: share}, nil
		}
	}
	return Scope{}, fmt.Errorf("%w: all, since 720h or sample 5%% was expected", archive.ErrInvalid)
}

// ParseShare reads "5%" or "0.05".
func ParseShare(text string) (float64, error) {
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if percent {
		n /= 100
	}
	if err != nil || !(n > 0 && n <= 1) { // the negation refuses NaN, too
		return 0, fmt.Errorf("%w: a share such as 5%% was expected", archive.ErrInvalid)
	}
	return n, nil
}

// String writes a scope as ParseScope reads it.
func (s Scope) String() string {
	switch {
	case s.All:
		return "all"
	case s.Since > 0:
		return "since " + s.Since.String()
	}
	return "sample " + strconv.FormatFloat(s.Sample*100, 'g', -1, 64) + "%"
}

func (s Scope) check() error {
	n := 0
	for _, set := range []bool{s.All, s.Since > 0, s.Sample > 0 && s.Sample <= 1} {
		if set {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%w: exactly one of all, since and sample", archive.ErrInvalid)
	}
	return nil
}

// Progress is how far a check has come. Totals are 0 where they are not known beforehand.
type Progress struct {
	Blobs, TotalBlobs int64
	Bytes, TotalBytes int64
	Failures          int64
}

// Failure is one thing that does not agree.
type Failure struct {
	Blob     string // identifier; empty for an envelope
	Object   string // identifier, where a single object is concerned
	Item     string // identifier, where the object is that of an item
	Envelope string
	Code     string // "missing", "size", "altered", "unreadable"
	Healed   bool   // the bytes agree again; it was recorded all the same
}

// ResultGood marks a blob whose latest check agreed; otherwise its mark is the code of the failure.
const ResultGood = "ok"

// Codes of failures.
const (
	CodeMissing    = "missing"
	CodeAltered    = "altered"
	CodeUnreadable = "unreadable"
)

// Report is what a check found.
type Report struct {
	Run      string
	Scope    string
	Keyless  bool
	Blobs    int64
	Objects  int64
	Bytes    int64
	Failures []Failure
	Restored int64 // open findings of former checks whose bytes agree again
	Elapsed  time.Duration
}

// OK says whether everything agreed.
func (r Report) OK() bool { return len(r.Failures) == 0 }

// pageSize is how many blobs are read from the catalogue, and marked in it, at once.
const pageSize = 64

// prefixRun is that of the identifiers of runs and findings.
const (
	prefixRun     = "fr"
	prefixFinding = "ff"
)

// check is one call of Check.
type check struct {
	s        *Service
	agent    string
	scope    Scope
	run      store.Run
	replica  vault.Backend
	open     map[string][]store.Finding // open findings by blob or envelope
	progress func(Progress)

	mu     sync.Mutex
	p      Progress
	report Report
	good   []string // blobs to be marked
}

// Check tests what the scope names. It acts on every mismatch as the package comment says; the error tells only that
// the check could not be done or was called off, and what was found until then is in the report all the same.
func (s *Service) Check(ctx context.Context, agent string, scope Scope, progress func(Progress)) (Report, error) {
	if err := scope.check(); err != nil {
		return Report{}, err
	}
	if progress == nil {
		progress = func(Progress) {}
	}
	began := s.now()
	c := &check{s: s, agent: agent, scope: scope, progress: progress, open: map[string][]store.Finding{}}
	c.run = store.Run{ID: archive.NewID(prefixRun), Scope: scope.String(), Agent: agent, Keyless: scope.Keyless, StartedAt: began}
	c.report = Report{Run: c.run.ID, Scope: c.run.Scope, Keyless: scope.Keyless}
	if s.o.Replica != nil {
		r, err := s.o.Replica(ctx)
		if err != nil {
			// Without the replica damage is still found; it stays in quarantine.
			s.o.Logger.WarnContext(ctx, "replica cannot be opened; nothing will be healed", "error", err)
		}
		c.replica = r
	}
	err := s.o.DB.Write(ctx, func(tx *store.Tx) error {
		open, err := tx.OpenFindings(ctx)
		if err != nil {
			return err
		}
		clear(c.open)
		for _, f := range open {
			c.open[f.Blob] = append(c.open[f.Blob], f)
		}
		c.p.TotalBlobs, c.p.TotalBytes, err = tx.BlobCount(ctx)
		if err != nil {
			return err
		}
		return tx.StartRun(ctx, c.run)
	})
	if err != nil {
		return c.report, fmt.Errorf("begin fixity check: %w", err)
	}
	if !scope.All {
		c.p.TotalBlobs, c.p.TotalBytes = 0, 0
	}
	// Envelopes come first: without its envelope an object does not open, and a healed envelope spares its objects.
	err = c.envelopes(ctx)
	if err == nil {
		err = c.blobs(ctx)
	}
	c.report.Elapsed = s.now().Sub(began)
	if ferr := c.finish(context.WithoutCancel(ctx), err); ferr != nil {
		err = errors.Join(err, ferr)
	}
	if err != nil {
		return c.report, fmt.Errorf("fixity check %s: %w", c.run.ID, err)
	}
	return c.report, nil
}

func (s *Service) now() time.Time { return s.o.Now().UTC().Truncate(time.Microsecond) }

// finish notes the end of a run that came to its end; one that was called off stays unfinished and vouches for nothing.
func (c *check) finish(ctx context.Context, cause error) error {
	if cause != nil {
		return nil
	}
	c.run.FinishedAt, c.run.Blobs, c.run.Objects, c.run.Bytes = c.s.now(), c.report.Blobs, c.report.Objects, c.report.Bytes
	c.run.Failures = int64(len(c.report.Failures))
	outcome := archive.Success
	if c.run.Failures > 0 {
		outcome = archive.Failure
	}
	c.run.Outcome = string(outcome)
	return c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		if err := tx.FinishRun(ctx, c.run); err != nil {
			return err
		}
		_, err := c.s.o.Custody.Record(ctx, tx, archive.Event{
			Type: archive.EventFixity, Agent: c.agent, Outcome: outcome,
			Subjects: []archive.Subject{{Role: custody.RoleAbout, Kind: custody.KindVault, ID: c.s.o.Vault.ID()}},
			Detail: map[string]string{
				"run": c.run.ID, "scope": c.run.Scope, "keyless": strconv.FormatBool(c.run.Keyless),
				"blobs": dec(c.run.Blobs), "objects": dec(c.run.Objects), "bytes": dec(c.run.Bytes), "failures": dec(c.run.Failures),
			},
		})
		return err
	})
}

func dec(n int64) string { return strconv.FormatInt(n, 10) }

// blobs goes through the blobs of the scope, page by page, several at once.
func (c *check) blobs(ctx context.Context) error {
	for after := ""; ; {
		var page []store.Blob
		err := c.s.o.DB.Read(ctx, func(tx *store.Tx) (err error) {
			page, err = tx.Blobs(ctx, after, pageSize)
			return err
		})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].Name
		chosen := slices.DeleteFunc(page, func(b store.Blob) bool { return !c.wants(b) })
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(c.s.o.Parallel)
		for _, b := range chosen {
			g.Go(func() error { return c.blob(gctx, b) })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := c.mark(ctx); err != nil {
			return err
		}
	}
}

// mark notes in the catalogue which blobs agreed.
func (c *check) mark(ctx context.Context) error {
	now := c.s.now()
	err := c.s.o.DB.Write(ctx, func(tx *store.Tx) error {
		for _, name := range c.good {
			if err := tx.MarkBlob(ctx, name, ResultGood, now); err != nil {
				return err
			}
		}
		return nil
	})
	c.good = c.good[:0]
	return err
}

func (c *check) wants(b store.Blob) bool {
	switch {
	case c.scope.All:
		return true
	case c.scope.Since > 0:
		return b.CheckedAt.Before(c.run.StartedAt.Add(-c.scope.Since))
	}
	return rand.Float64() < c.scope.Sample
}

// read counts bytes and tells progress.
func (c *check) read(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.p.Bytes += n
	c.report.Bytes += n
	c.progress(c.p)
}
