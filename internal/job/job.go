package job

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"zapis/internal/archive"
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

// Frames lists the frames of one item.
type Frames struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Frames) Kind() string { return "frames" }

// Clock reads the burned-in clock of one item.
type Clock struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Clock) Kind() string { return "clock" }

// Fingerprint makes the fingerprint of the footage of one item.
type Fingerprint struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Fingerprint) Kind() string { return "fingerprint" }

// Match looks for other recordings of the footage of one item, by its fingerprint.
type Match struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Match) Kind() string { return "match" }

// Read reads the writing in one item: a picture, a paper, the stills of footage.
type Read struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Read) Kind() string { return "read" }

// Transcribe has a speech engine say what is said in one item. Jobs of this kind have a place of their own, so that an engine that is slow, or away,
// keeps nothing else waiting.
type Transcribe struct {
	Item string `json:"item"`
}

// Kind implements Args.
func (Transcribe) Kind() string { return "transcribe" }

// Detect proposes what to cover in a version of a redaction plan.
type Detect struct {
	Plan    string `json:"plan"`
	Version int    `json:"version"`
}

// Kind implements Args.
func (Detect) Kind() string { return "detect" }

// GapCheck walks every frame of a version of a redaction plan and says what is not covered.
type GapCheck struct {
	Plan    string `json:"plan"`
	Version int    `json:"version"`
}

// Kind implements Args.
func (GapCheck) Kind() string { return "gap-check" }

// RenderPlan renders an approved version of a redaction plan.
type RenderPlan struct {
	Plan    string `json:"plan"`
	Version int    `json:"version"`
}

// Kind implements Args.
func (RenderPlan) Kind() string { return "render-plan" }

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

// ErrCancel, wrapped by the error of a worker, makes trying again pointless: the job is cancelled with it.
var ErrCancel = errors.New("job is called off")

// Later, as the error of a worker, puts a job off: something outside of this program that it needs is away. It is tried again after
// Wait, as often as it takes, and that counts neither as an attempt nor as an error.
type Later struct {
	Wait time.Duration
	Err  error // why
}

// Error implements error.
func (l *Later) Error() string { return "put off: " + l.Err.Error() }

// Unwrap gives why.
func (l *Later) Unwrap() error { return l.Err }

// ErrLeaseLost: the job is no longer this worker's to complete. It was called off, or taken for dead and given to
// another worker. It is an archive.ErrConflict.
var ErrLeaseLost = fmt.Errorf("%w: the job was given to another worker", archive.ErrConflict)

// Options says how jobs are kept and worked.
type Options struct {
	Workers     bool             // work jobs in this process; otherwise only put them in
	WorkerID    string           // archive.NewID("wo") of this process; needed with Workers
	Parallel    int              // jobs at once; 0: one per processor
	MaxAttempts int              // 0: 5
	Logger      *slog.Logger     // nil: silent
	Now         func() time.Time // for heartbeats; nil: time.Now
	Heartbeat   time.Duration    // 0: 5 s
	DeadAfter   time.Duration    // 0: 20 s; a worker not seen for so long is dead
	Poll        time.Duration    // 0: 500 ms
	Timeout     time.Duration    // of one attempt; 0: 12 h
	Retry       time.Duration    // wait before the second attempt, four times as long before each next one; 0: 1 s
	// Schedule, asked every minute while workers run, says how often a fixity check is due and of what. A check is put
	// in when the latest one is older; 0: never. The interval survives restarts, since it is counted from the job.
	Schedule func(ctx context.Context) (every time.Duration, scope string)
}

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

func (j Job[T]) attempt() int { return j.Attempt }

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
	Plan   string
	After  int64 // identifier of the last job of the page before
	Limit  int   // 0: 100
}
