package job

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"zapis/internal/archive"
	"zapis/internal/store"
)

// Jobs is the queue. It is safe for concurrent use.
type Jobs struct {
	db      *store.DB
	o       Options
	workers *river.Workers
	put     queue // puts in, lists, cancels; works nothing

	mu      sync.Mutex
	work    queue // while started
	ended   chan struct{}
	end     context.CancelFunc
	holding map[int64]context.CancelCauseFunc // running jobs of this process
	noted   map[int64]time.Time               // when progress was last written
}

// New makes a queue over db. Register workers before Start.
func New(db *store.DB, o Options) (*Jobs, error) {
	if o.Workers {
		if err := archive.CheckID(archive.PrefixWorker, o.WorkerID); err != nil {
			return nil, fmt.Errorf("open job queue: %w", err)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	or := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	or(&o.Heartbeat, 5*time.Second)
	or(&o.DeadAfter, 20*time.Second)
	or(&o.Poll, 500*time.Millisecond)
	or(&o.Timeout, 12*time.Hour)
	or(&o.Retry, time.Second)
	if o.Parallel == 0 {
		o.Parallel = runtime.GOMAXPROCS(0)
	}
	if o.MaxAttempts == 0 {
		o.MaxAttempts = 5
	}
	if o.DeadAfter < 2*o.Heartbeat {
		return nil, fmt.Errorf("open job queue: %w: a worker would be taken for dead between two heartbeats", archive.ErrInvalid)
	}
	j := &Jobs{
		db: db, o: o, workers: river.NewWorkers(),
		holding: map[int64]context.CancelCauseFunc{}, noted: map[int64]time.Time{},
	}
	var err error
	j.put, err = j.open(&river.Config{Logger: o.Logger, MaxAttempts: o.MaxAttempts})
	return j, err
}

func (j *Jobs) open(c *river.Config) (queue, error) {
	if pool := j.db.Pool(); pool != nil {
		return newQueue(riverpgxv5.New(pool), c, func(ctx context.Context, tx pgx.Tx, id int64) error {
			_, err := tx.Exec(ctx, `SELECT 1 FROM river_job WHERE id = $1 FOR UPDATE`, id)
			return err
		})
	}
	// One writer at a time: nothing to lock.
	return newQueue[*sql.Tx](riversqlite.New(j.db.SQL()), c, nil)
}

// Register says how jobs of kind T are worked. An error that wraps ErrCancel calls the job off, every other one makes
// it be tried again. The context ends when the job is called off, its time is over, the queue stops, or this process
// could not say in time that it is alive.
func Register[T Args](j *Jobs, f func(ctx context.Context, job Job[T]) error) {
	river.AddWorker(j.workers, river.WorkFunc(func(ctx context.Context, r *river.Job[T]) (err error) {
		ctx, drop := j.hold(ctx, r.ID)
		defer drop()
		defer func() {
			if p := recover(); p != nil {
				// The value may quote anything; its type does not.
				j.o.Logger.ErrorContext(ctx, "job panicked", "job", r.ID, "kind", r.Kind, "type", fmt.Sprintf("%T", p))
				err = fmt.Errorf("worker panicked with %T", p)
			}
		}()
		err = f(ctx, Job[T]{ID: r.ID, Args: r.Args, Attempt: r.Attempt, MaxAttempts: r.MaxAttempts, PutInAt: r.CreatedAt.UTC()})
		if err == nil {
			return nil
		}
		if later, ok := errors.AsType[*Later](err); ok {
			return river.JobSnooze(min(max(later.Wait, time.Second), 24*time.Hour))
		}
		clean := errors.New(redact(err.Error()))
		if errors.Is(err, ErrCancel) || errors.Is(context.Cause(ctx), errCalledOff) {
			return river.JobCancel(clean)
		}
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			// River tells a stop of the queue from a failure by these.
			return &stopped{clean, err}
		}
		return clean
	}))
}

// errCalledOff is the cause of the context of a job that a person called off.
var errCalledOff = errors.New("job was called off")

// stopped is a clean text over the error that ended the context.
type stopped struct{ clean, cause error }

func (s *stopped) Error() string { return s.clean.Error() }
func (s *stopped) Unwrap() error { return s.cause }

// hold notes a running job, so that it can be told to stop.
func (j *Jobs) hold(ctx context.Context, id int64) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	j.mu.Lock()
	j.holding[id] = cancel
	j.mu.Unlock()
	return ctx, func() {
		cancel(nil)
		j.mu.Lock()
		_, noted := j.noted[id]
		delete(j.holding, id)
		delete(j.noted, id)
		j.mu.Unlock()
		if !noted {
			return // most jobs are over before there is anything to tell
		}
		// What a person sees of a job that ended is its state.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := j.db.Write(ctx, func(tx *store.Tx) error { return tx.ClearProgress(ctx, id) }); err != nil {
			j.o.Logger.WarnContext(ctx, "progress was not cleared", "job", id, "error", redact(err.Error()))
		}
	}
}

// queueSpeech holds what waits for a speech engine: one at a time, beside everything else.
const queueSpeech = "speech"

func (j *Jobs) options(a Args, o Opts) *river.InsertOpts {
	out := &river.InsertOpts{Priority: o.Priority, MaxAttempts: j.o.MaxAttempts, ScheduledAt: o.At}
	if out.Priority == 0 {
		// A whole accession is to be browsable before the first item gets its working copy.
		out.Priority = map[string]int{Quick{}.Kind(): 1, Fixity{}.Kind(): 2, Frames{}.Kind(): 2, Clock{}.Kind(): 4, Fingerprint{}.Kind(): 4, Match{}.Kind(): 4, Read{}.Kind(): 4, Transcribe{}.Kind(): 4,
			Detect{}.Kind(): 2, GapCheck{}.Kind(): 1, RenderPlan{}.Kind(): 1}[a.Kind()]
		if out.Priority == 0 {
			out.Priority = 3
		}
	}
	switch v := a.(type) {
	case Quick:
		out.Tags = []string{v.Item}
	case Full:
		out.Tags = []string{v.Item}
	case Frames:
		out.Tags = []string{v.Item}
	case Clock:
		out.Tags = []string{v.Item}
	case Fingerprint:
		out.Tags = []string{v.Item}
	case Match:
		out.Tags = []string{v.Item}
	case Read:
		out.Tags = []string{v.Item}
	case Detect:
		out.Tags = []string{v.Plan}
	case GapCheck:
		out.Tags = []string{v.Plan}
	case RenderPlan:
		out.Tags = []string{v.Plan}
	case Transcribe:
		out.Tags, out.Queue = []string{v.Item}, queueSpeech
	}
	if o.Unique {
		out.UniqueOpts = river.UniqueOpts{ByArgs: true, ByState: waiting}
	}
	return out
}

// EnqueueTx puts a job in with tx: it exists if and only if tx is committed.
func (j *Jobs) EnqueueTx(ctx context.Context, tx *store.Tx, a Args, o Opts) error {
	if err := j.put.insertTx(ctx, tx.Native(), a, j.options(a, o)); err != nil {
		return fmt.Errorf("put in a job of kind %s: %w", a.Kind(), err)
	}
	return nil
}

// CompleteTx marks a running job as completed with tx, so that result and completion are one. The worker must then
// return nil. It reports ErrLeaseLost (an archive.ErrConflict) if the job is no longer this worker's, in which case tx
// must be given up: somebody else makes the result.
func (j *Jobs) CompleteTx(ctx context.Context, tx *store.Tx, job interface{ Ref() int64 }) error {
	id := job.Ref()
	row, err := j.put.lease(ctx, tx.Native(), id)
	if err != nil {
		return fmt.Errorf("complete job %d: %w", id, err)
	}
	attempt := row.Attempt
	if a, ok := job.(interface{ attempt() int }); ok {
		attempt = a.attempt()
	}
	if row.State != rivertype.JobStateRunning || holder(row) != j.o.WorkerID || row.Attempt != attempt {
		return fmt.Errorf("complete job %d: %w", id, ErrLeaseLost)
	}
	if err := j.put.settle(ctx, tx.Native(), riverdriver.JobSetStateCompleted(id, time.Now(), nil)); err != nil {
		return fmt.Errorf("complete job %d: %w", id, err)
	}
	return nil
}

// Progress notes how far a job has come, at most once a second; it never fails the job.
func (j *Jobs) Progress(ctx context.Context, job interface{ Ref() int64 }, step string, done, total int64) {
	id, now := job.Ref(), time.Now()
	j.mu.Lock()
	last, _ := j.noted[id]
	due := now.Sub(last) >= time.Second
	if due {
		j.noted[id] = now
	}
	j.mu.Unlock()
	if !due {
		return
	}
	err := j.db.Write(ctx, func(tx *store.Tx) error {
		return tx.SetProgress(ctx, store.Progress{Job: id, Step: step, Done: done, Total: total, At: now})
	})
	if err != nil && ctx.Err() == nil {
		j.o.Logger.WarnContext(ctx, "progress was not written", "job", id, "error", redact(err.Error()))
	}
}

// retries waits longer before each attempt.
type retries struct{ first time.Duration }

func (r retries) NextRetry(row *rivertype.JobRow) time.Time {
	wait := r.first
	for range min(row.Attempt-1, 6) {
		wait *= 4
	}
	return time.Now().Add(min(wait, 10*time.Minute))
}

// Start begins to work and to watch for dead workers. The context ends everything at once; Stop ends it in order.
func (j *Jobs) Start(ctx context.Context) error {
	if !j.o.Workers {
		return fmt.Errorf("start jobs: %w: this queue only puts in", archive.ErrInvalid)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.work != nil {
		return fmt.Errorf("start jobs: %w: started already", archive.ErrConflict)
	}
	q, err := j.open(&river.Config{
		ID: j.o.WorkerID, Logger: j.o.Logger, Workers: j.workers, MaxAttempts: j.o.MaxAttempts,
		Queues:        map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: j.o.Parallel}, queueSpeech: {MaxWorkers: 1}},
		FetchCooldown: min(100*time.Millisecond, j.o.Poll), FetchPollInterval: j.o.Poll,
		JobTimeout: j.o.Timeout, RescueStuckJobsAfter: j.o.Timeout + time.Hour, RetryPolicy: retries{j.o.Retry},
		// What went wrong stays until a person looks at it.
		CancelledJobRetentionPeriod: -1, DiscardedJobRetentionPeriod: -1, CompletedJobRetentionPeriod: 48 * time.Hour,
		// On SQLite River would ask for notes twenty times a second, on the one connection that writes.
		PollOnly: j.db.Engine() == store.SQLite,
	})
	if err != nil {
		return err
	}
	// Seen before it takes its first job: a job whose holder was never seen is taken for dead.
	if err := j.beat(ctx); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	if err := q.start(ctx); err != nil {
		return fmt.Errorf("start jobs: %w", err)
	}
	watch, end := context.WithCancel(context.WithoutCancel(ctx))
	j.work, j.end, j.ended = q, end, make(chan struct{})
	go j.watch(watch, j.ended)
	return nil
}

// Stop lets running jobs finish until ctx ends, then cancels them; they are worked again later, and that attempt does
// not count. It does nothing if the queue is not started.
func (j *Jobs) Stop(ctx context.Context) error {
	j.mu.Lock()
	q, end, ended := j.work, j.end, j.ended
	j.work = nil
	j.mu.Unlock()
	if q == nil {
		return nil
	}
	err := q.stop(ctx)
	if err != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
		err = q.stopAndCancel(hard)
		cancel()
	}
	// The heart beats until the last job is put down.
	end()
	<-ended
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if werr := j.db.Write(bye, func(tx *store.Tx) error { return tx.RemoveWorker(bye, j.o.WorkerID) }); err == nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}

func (j *Jobs) beat(ctx context.Context) error {
	return j.db.Write(ctx, func(tx *store.Tx) error { return tx.Heartbeat(ctx, j.o.WorkerID, j.o.Now()) })
}

// watch beats, gives the jobs of dead workers back, and puts in what is due by schedule.
func (j *Jobs) watch(ctx context.Context, ended chan<- struct{}) {
	defer close(ended)
	tick := time.NewTicker(j.o.Heartbeat)
	defer tick.Stop()
	beaten := time.Now()
	var scheduled time.Time
	for {
		if err := j.beat(ctx); err == nil {
			beaten = time.Now()
		} else if ctx.Err() == nil {
			j.o.Logger.WarnContext(ctx, "heartbeat was not written", "worker", j.o.WorkerID, "error", redact(err.Error()))
		}
		if time.Since(beaten) > j.o.DeadAfter*3/4 {
			// Others are about to take over, so this process must have stopped by then.
			j.letGo()
		}
		if err := j.reap(ctx); err != nil && ctx.Err() == nil {
			j.o.Logger.WarnContext(ctx, "dead workers were not looked for", "error", redact(err.Error()))
		}
		if j.o.Schedule != nil && time.Since(scheduled) >= time.Minute {
			scheduled = time.Now()
			if err := j.schedule(ctx); err != nil && ctx.Err() == nil {
				j.o.Logger.WarnContext(ctx, "fixity check was not scheduled", "error", redact(err.Error()))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// letGo tells every running job of this process to stop.
func (j *Jobs) letGo() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, cancel := range j.holding {
		cancel(ErrLeaseLost)
	}
}

// calledOff says whether a person called a running job off. River tells its holder by a note on PostgreSQL, and not at
// all on SQLite, so every process also looks at its own jobs with each heartbeat.
func calledOff(row *rivertype.JobRow) bool {
	var meta struct {
		At string `json:"cancel_attempted_at"`
	}
	return json.Unmarshal(row.Metadata, &meta) == nil && meta.At != ""
}

// callOff tells a job of this process to stop for good.
func (j *Jobs) callOff(id int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if cancel := j.holding[id]; cancel != nil {
		cancel(errCalledOff)
	}
}

// mostDeaths is how often a job may lose its worker before that counts as its own failure. A machine that is switched
// off is not the job's fault; a job that kills every worker is.
const mostDeaths = 20

// reap makes the running jobs of dead workers available again. Every process does it, whoever leads the queue.
func (j *Jobs) reap(ctx context.Context) error {
	rows, err := j.put.list(ctx, river.NewJobListParams().States(rivertype.JobStateRunning).OrderBy(river.JobListOrderByID, river.SortOrderAsc).First(10_000))
	if err != nil {
		return fmt.Errorf("list running jobs: %w", err)
	}
	since := j.o.Now().Add(-j.o.DeadAfter)
	alive := map[string]bool{}
	err = j.db.Read(ctx, func(tx *store.Tx) error {
		all, err := tx.Workers(ctx)
		for _, w := range all {
			alive[w.ID] = !w.SeenAt.Before(since)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list workers: %w", err)
	}
	for _, row := range rows {
		if holder(row) == j.o.WorkerID && calledOff(row) {
			j.callOff(row.ID)
		}
		if alive[holder(row)] {
			continue
		}
		if _, seen := alive[holder(row)]; !seen && row.AttemptedAt != nil && row.AttemptedAt.After(since) {
			continue // a worker removes its heartbeat a moment after its last job
		}
		if err := j.giveBack(ctx, row.ID, holder(row)); err != nil && !errors.Is(err, archive.ErrConflict) {
			return err
		}
	}
	for id, live := range alive {
		if !live {
			if err := j.db.Write(ctx, func(tx *store.Tx) error { return tx.RemoveWorker(ctx, id) }); err != nil {
				return err
			}
		}
	}
	return nil
}

// giveBack makes one job of a dead worker available.
func (j *Jobs) giveBack(ctx context.Context, id int64, dead string) error {
	return j.db.Write(ctx, func(tx *store.Tx) error {
		row, err := j.put.lease(ctx, tx.Native(), id)
		if err != nil {
			return fmt.Errorf("give job %d back: %w", id, err)
		}
		if row.State != rivertype.JobStateRunning || holder(row) != dead {
			return nil // it ended meanwhile, or another process was faster
		}
		now := time.Now()
		var meta struct {
			Deaths int `json:"deaths"`
		}
		_ = json.Unmarshal(row.Metadata, &meta) // absent: none
		meta.Deaths++
		data, err := json.Marshal(meta)
		if err != nil {
			return fmt.Errorf("give job %d back: %w", id, err)
		}
		note, err := json.Marshal(rivertype.AttemptError{At: now.UTC(), Attempt: row.Attempt, Error: "worker " + dead + " died"})
		if err != nil {
			return fmt.Errorf("give job %d back: %w", id, err)
		}
		p := riverdriver.JobSetStateErrorAvailable(id, now, note, data)
		if attempt := max(row.Attempt-1, 0); meta.Deaths <= mostDeaths {
			p.Attempt = &attempt
		} else if row.Attempt >= row.MaxAttempts {
			p = riverdriver.JobSetStateDiscarded(id, now, note, data)
		}
		j.o.Logger.WarnContext(ctx, "job of a dead worker was given back", "job", id, "kind", row.Kind, "worker", dead)
		if err := j.put.settle(ctx, tx.Native(), p); err != nil {
			return fmt.Errorf("give job %d back: %w", id, err)
		}
		return tx.ClearProgress(ctx, id)
	})
}

// schedule puts in a fixity check if the latest one is older than it should be.
func (j *Jobs) schedule(ctx context.Context) error {
	every, scope := j.o.Schedule(ctx)
	if every <= 0 {
		return nil
	}
	rows, err := j.put.list(ctx, river.NewJobListParams().Kinds(Fixity{}.Kind()).OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(1))
	if err != nil {
		return err
	}
	if len(rows) > 0 && (slices.Contains(waiting, rows[0].State) || j.o.Now().Sub(rows[0].CreatedAt) < every) {
		return nil
	}
	a := Fixity{Scope: scope}
	return j.put.insert(ctx, a, j.options(a, Opts{Unique: true}))
}

// Drain works until no job, of those kinds or of all, is left that will run by itself within ten minutes, retries included; jobs of other workers
// are waited for. It starts and stops the queue by itself and calls progress with the counts about once a second.
func (j *Jobs) Drain(ctx context.Context, progress func(map[State]int64), kinds ...string) error {
	if err := j.Start(ctx); err != nil {
		return err
	}
	err := j.drain(ctx, progress, kinds)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if serr := j.Stop(stop); err == nil {
		err = serr
	}
	return err
}

func (j *Jobs) drain(ctx context.Context, progress func(map[State]int64), kinds []string) error {
	for beat := 0; ; beat++ {
		counts, err := j.Counts(ctx, kinds...)
		if err != nil {
			return err
		}
		if progress != nil && beat%5 == 0 {
			progress(counts)
		}
		left := counts[Available] + counts[Running] + counts[Retryable]
		if left == 0 && counts[Scheduled] > 0 {
			soon, err := j.put.list(ctx, river.NewJobListParams().States(rivertype.JobStateScheduled, rivertype.JobStatePending).Kinds(kinds...).
				OrderBy(river.JobListOrderByScheduledAt, river.SortOrderAsc).First(1))
			if err != nil {
				return fmt.Errorf("list jobs: %w", err)
			}
			if len(soon) > 0 && time.Until(soon[0].ScheduledAt) < 10*time.Minute {
				left = 1
			}
		}
		if left == 0 {
			if progress != nil {
				progress(counts)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// List gives jobs, newest first.
func (j *Jobs) List(ctx context.Context, f Filter) ([]Info, error) {
	if f.Limit == 0 {
		f.Limit = 100
	}
	if f.Limit < 0 || f.Limit > 1000 {
		return nil, fmt.Errorf("list jobs: %w: between 1 and 1,000 at a time", archive.ErrInvalid)
	}
	p := river.NewJobListParams().OrderBy(river.JobListOrderByID, river.SortOrderDesc).First(f.Limit)
	if len(f.States) > 0 {
		var states []rivertype.JobState
		for _, s := range f.States {
			states = append(states, rivertype.JobState(s))
			if s == Scheduled {
				states = append(states, rivertype.JobStatePending)
			}
		}
		p = p.States(states...)
	}
	if len(f.Kinds) > 0 {
		p = p.Kinds(f.Kinds...)
	}
	if f.Item != "" {
		if err := archive.CheckID(archive.PrefixItem, f.Item); err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		p = p.TagsAll(f.Item)
	}
	if f.Plan != "" {
		if err := archive.CheckID(archive.PrefixPlan, f.Plan); err != nil {
			return nil, fmt.Errorf("list jobs: %w", err)
		}
		p = p.TagsAll(f.Plan)
	}
	if f.After > 0 {
		p = p.After(river.JobListCursorFromJob(&rivertype.JobRow{ID: f.After}))
	}
	rows, err := j.put.list(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("list jobs: %w", err)
	}
	out, ids := make([]Info, len(rows)), make([]int64, len(rows))
	for i, r := range rows {
		out[i], ids[i] = info(r), r.ID
	}
	err = j.db.Read(ctx, func(tx *store.Tx) error {
		progress, err := tx.ProgressOf(ctx, ids)
		for i := range out {
			out[i].Progress = progress[out[i].ID]
		}
		return err
	})
	return out, err
}

// Get gives one job; archive.ErrNotFound.
func (j *Jobs) Get(ctx context.Context, id int64) (Info, error) {
	row, err := j.put.get(ctx, id)
	if err != nil {
		return Info{}, fmt.Errorf("job %d: %w", id, err)
	}
	out := info(row)
	err = j.db.Read(ctx, func(tx *store.Tx) error {
		progress, err := tx.ProgressOf(ctx, []int64{id})
		out.Progress = progress[id]
		return err
	})
	return out, err
}

// Counts gives the number of jobs per state.
func (j *Jobs) Counts(ctx context.Context, kinds ...string) (map[State]int64, error) {
	out := map[State]int64{}
	err := j.db.Read(ctx, func(tx *store.Tx) error {
		counts, err := tx.JobCounts(ctx, kinds...)
		for s, n := range counts {
			out[stateOf(rivertype.JobState(s))] += n
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count jobs: %w", err)
	}
	return out, nil
}

// Retry makes a job available now, whatever its state, with at least one more attempt; archive.ErrNotFound,
// archive.ErrConflict if it is running.
func (j *Jobs) Retry(ctx context.Context, id int64) error {
	row, err := j.put.get(ctx, id)
	if err == nil && row.State == rivertype.JobStateRunning {
		err = archive.ErrConflict
	}
	if err == nil {
		err = j.put.retry(ctx, id)
	}
	if err != nil {
		return fmt.Errorf("retry job %d: %w", id, err)
	}
	return nil
}

// Cancel calls a job off; a running one is told through its context, in whatever process it runs, and ends as
// cancelled. A job that has ended stays as it is. archive.ErrNotFound.
func (j *Jobs) Cancel(ctx context.Context, id int64) error {
	if err := j.put.cancel(ctx, id); err != nil {
		return fmt.Errorf("cancel job %d: %w", id, err)
	}
	j.callOff(id) // at once if it runs here; other processes see it with their next heartbeat
	return nil
}
