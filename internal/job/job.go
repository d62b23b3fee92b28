package job

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"zapis/internal/store"
)

// Args says what a job is about. It is written as JSON and holds identifiers only.
type Args interface{ Kind() string }

// Quick is the quick pass over one item.
type Quick struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Quick) Kind() string { return "quick" }

// Full is the full pass over one item.
type Full struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Full) Kind() string { return "full" }

// Fixity is a fixity check.
type Fixity struct {
	Scope string `json:"scope"`
}

// Kind implements Args.
func (Fixity) Kind() string { return "fixity" }

// State is where a job stands; see docs/design/lifecycle.md.
type State string

// The states of a job.
const (
	Available State = "available" // to be worked
	Scheduled State = "scheduled" // to be worked later
	Running   State = "running"   // a worker has it
	Retryable State = "retryable" // went wrong, will be tried again
	Completed State = "completed" // done
	Cancelled State = "cancelled" // called off by a person or by its worker
	Discarded State = "discarded" // went wrong as often as is allowed
)

// Done says whether a job in this state will never run again by itself.
func (s State) Done() bool { return s == Completed || s == Cancelled || s == Discarded }

// ErrCancel wraps an error that makes trying again pointless: the job is cancelled with it.
var ErrCancel = errors.New("job is called off")

// Options says how jobs are kept and worked.
type Options struct {
	Workers     bool         // work jobs in this process; otherwise only put them in
	WorkerID    string       // archive.NewID("wo") of this process; needed with Workers
	Parallel    int          // jobs at once; 0: one per processor
	MaxAttempts int          // 0: 5
	Logger      *slog.Logger // nil: silent
	Now         func() time.Time
	Heartbeat   time.Duration // 0: 5 s
	DeadAfter   time.Duration // 0: 20 s; a worker not seen for so long is dead
	Poll        time.Duration // 0: 500 ms
	Timeout     time.Duration // of one attempt; 0: 12 h
	// Fixity is how often a fixity job is put in by itself while workers run; 0: never.
	Fixity      time.Duration
	FixityScope string // of those jobs
}

// Jobs is the queue. It is safe for concurrent use.
type Jobs struct{}

// Opts changes how one job is put in.
type Opts struct {
	Priority int       // 1 (first) to 4; 0: the one of the kind (quick 1, fixity 2, full 3)
	Unique   bool      // pass over it if the same job is waiting or running
	At       time.Time // not before
}

// Job is one attempt at a job.
type Job[T Args] struct {
	ID          int64
	Args        T
	Attempt     int // from 1
	MaxAttempts int
	PutInAt     time.Time
}

// Ref names a job towards [Jobs.CompleteTx].
func (j Job[T]) Ref() int64 { return j.ID }

// Info is what a person sees of a job.
type Info struct {
	ID          int64
	Kind        string
	Item        string // or empty
	State       State
	Attempt     int
	MaxAttempts int
	Priority    int
	Error       string // of the latest attempt that went wrong; identifiers only
	Errors      int
	Worker      string
	PutInAt     time.Time
	StartedAt   time.Time
	FinishedAt  time.Time
	NextAt      time.Time
	Progress    store.Progress
}

// Filter narrows a list of jobs.
type Filter struct {
	States []State
	Kinds  []string
	Item   string
	After  int64 // identifier of the last job of the page before
	Limit  int   // 0: 100
}

var errLater = errors.New("job: being built")

// New makes a queue over db. Register workers before Start.
func New(db *store.DB, o Options) (*Jobs, error) { return nil, errLater }

// Register says how jobs of kind T are worked.
func Register[T Args](j *Jobs, f func(ctx context.Context, job Job[T]) error) {}

// EnqueueTx puts a job in with tx.
func (j *Jobs) EnqueueTx(ctx context.Context, tx *store.Tx, a Args, o Opts) error { return errLater }

// CompleteTx marks a running job as completed with tx, so that result and completion are one. The worker must then
// return nil. It reports archive.ErrConflict if the job is no longer running, in which case tx must be given up.
func (j *Jobs) CompleteTx(ctx context.Context, tx *store.Tx, job interface{ Ref() int64 }) error {
	return errLater
}

// Progress notes how far a job has come, at most once a second; it never fails the job.
func (j *Jobs) Progress(ctx context.Context, job interface{ Ref() int64 }, step string, done, total int64) {
}

// Start begins to work and to watch for dead workers.
func (j *Jobs) Start(ctx context.Context) error { return errLater }

// Stop lets running jobs finish until ctx ends, then cancels them; they are worked again later.
func (j *Jobs) Stop(ctx context.Context) error { return errLater }

// Drain works until no job is left that will run by itself, retries included; jobs of other workers are waited for.
// It starts and stops the queue by itself.
func (j *Jobs) Drain(ctx context.Context, progress func(map[State]int64)) error { return errLater }

// List gives jobs, newest first.
func (j *Jobs) List(ctx context.Context, f Filter) ([]Info, error) { return nil, errLater }

// Counts gives the number of jobs per state.
func (j *Jobs) Counts(ctx context.Context) (map[State]int64, error) { return nil, errLater }

// Retry makes a job available now, whatever its state; archive.ErrNotFound, archive.ErrConflict if it is running.
func (j *Jobs) Retry(ctx context.Context, id int64) error { return errLater }

// Cancel calls a job off; a running one is told through its context. archive.ErrNotFound.
func (j *Jobs) Cancel(ctx context.Context, id int64) error { return errLater }
