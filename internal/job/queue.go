package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"

	"zapis/internal/archive"
)

// queue is a River client without the type of its transactions, which differs between the engines.
type queue interface {
	insertTx(ctx context.Context, native any, a Args, o *river.InsertOpts) error
	insert(ctx context.Context, a Args, o *river.InsertOpts) error
	get(ctx context.Context, id int64) (*rivertype.JobRow, error)
	list(ctx context.Context, p *river.JobListParams) ([]*rivertype.JobRow, error)
	retry(ctx context.Context, id int64) error
	cancel(ctx context.Context, id int64) error
	// lease gives a job and, where the engine has row locks, holds it until the end of the transaction.
	lease(ctx context.Context, native any, id int64) (*rivertype.JobRow, error)
	// settle moves a job that is running.
	settle(ctx context.Context, native any, p *riverdriver.JobSetStateIfRunningParams) error
	start(ctx context.Context) error
	stop(ctx context.Context) error
	stopAndCancel(ctx context.Context) error
}

type queueOf[TTx any] struct {
	client *river.Client[TTx]
	driver riverdriver.Driver[TTx]
	lock   func(ctx context.Context, tx TTx, id int64) error
}

func newQueue[TTx any](d riverdriver.Driver[TTx], c *river.Config, lock func(context.Context, TTx, int64) error) (queue, error) {
	client, err := river.NewClient(d, c)
	if err != nil {
		return nil, fmt.Errorf("open job queue: %w", err)
	}
	return &queueOf[TTx]{client: client, driver: d, lock: lock}, nil
}

// native gives the transaction of the engine.
func (q *queueOf[TTx]) native(tx any) (TTx, error) {
	t, ok := tx.(TTx)
	if !ok {
		return t, fmt.Errorf("%w: a transaction of another database", archive.ErrInvalid)
	}
	return t, nil
}

func (q *queueOf[TTx]) insertTx(ctx context.Context, native any, a Args, o *river.InsertOpts) error {
	t, err := q.native(native)
	if err != nil {
		return err
	}
	_, err = q.client.InsertTx(ctx, t, a, o)
	return err
}

func (q *queueOf[TTx]) insert(ctx context.Context, a Args, o *river.InsertOpts) error {
	_, err := q.client.Insert(ctx, a, o)
	return err
}

func (q *queueOf[TTx]) get(ctx context.Context, id int64) (*rivertype.JobRow, error) {
	return known(q.client.JobGet(ctx, id))
}

// known turns River's word for a missing job into ours.
func known(row *rivertype.JobRow, err error) (*rivertype.JobRow, error) {
	if errors.Is(err, rivertype.ErrNotFound) {
		return nil, archive.ErrNotFound
	}
	return row, err
}

func (q *queueOf[TTx]) list(ctx context.Context, p *river.JobListParams) ([]*rivertype.JobRow, error) {
	r, err := q.client.JobList(ctx, p)
	if err != nil {
		return nil, err
	}
	return r.Jobs, nil
}

func (q *queueOf[TTx]) retry(ctx context.Context, id int64) error {
	_, err := known(q.client.JobRetry(ctx, id))
	return err
}

func (q *queueOf[TTx]) cancel(ctx context.Context, id int64) error {
	_, err := known(q.client.JobCancel(ctx, id))
	return err
}

func (q *queueOf[TTx]) lease(ctx context.Context, native any, id int64) (*rivertype.JobRow, error) {
	t, err := q.native(native)
	if err != nil {
		return nil, err
	}
	if q.lock != nil {
		if err := q.lock(ctx, t, id); err != nil {
			return nil, err
		}
	}
	return known(q.client.JobGetTx(ctx, t, id))
}

func (q *queueOf[TTx]) settle(ctx context.Context, native any, p *riverdriver.JobSetStateIfRunningParams) error {
	t, err := q.native(native)
	if err != nil {
		return err
	}
	rows, err := q.driver.UnwrapExecutor(t).JobSetStateIfRunningMany(ctx, &riverdriver.JobSetStateIfRunningManyParams{
		ID: []int64{p.ID}, Attempt: []*int{p.Attempt}, ErrData: [][]byte{p.ErrData}, FinalizedAt: []*time.Time{p.FinalizedAt},
		MetadataDoMerge: []bool{p.MetadataDoMerge}, MetadataUpdates: [][]byte{p.MetadataUpdates},
		ScheduledAt: []*time.Time{p.ScheduledAt}, State: []rivertype.JobState{p.State},
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 || rows[0].State != p.State {
		return ErrLeaseLost
	}
	return nil
}

func (q *queueOf[TTx]) start(ctx context.Context) error         { return q.client.Start(ctx) }
func (q *queueOf[TTx]) stop(ctx context.Context) error          { return q.client.Stop(ctx) }
func (q *queueOf[TTx]) stopAndCancel(ctx context.Context) error { return q.client.StopAndCancel(ctx) }

// holder is the worker that has a job.
func holder(row *rivertype.JobRow) string {
	if len(row.AttemptedBy) == 0 {
		return ""
	}
	return row.AttemptedBy[len(row.AttemptedBy)-1]
}

// subject is the item of a job, if it is about one.
func subject(row *rivertype.JobRow) string {
	var a struct {
		Item string `json:"item"`
	}
	_ = json.Unmarshal(row.EncodedArgs, &a) // a kind without an item has none
	return a.Item
}

// waiting are the states in which a job will still run.
var waiting = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateRetryable, rivertype.JobStateScheduled,
}

func stateOf(s rivertype.JobState) State {
	if s == rivertype.JobStatePending {
		return Scheduled
	}
	return State(s)
}

func info(row *rivertype.JobRow) Info {
	i := Info{
		ID: row.ID, Kind: row.Kind, Item: subject(row), State: stateOf(row.State), Attempt: row.Attempt, MaxAttempts: row.MaxAttempts,
		Priority: row.Priority, Errors: len(row.Errors), Worker: holder(row), PutInAt: row.CreatedAt.UTC(),
	}
	if n := len(row.Errors); n > 0 {
		last := slices.MaxFunc(row.Errors, func(a, b rivertype.AttemptError) int { return a.At.Compare(b.At) })
		i.Error = last.Error
	}
	if row.AttemptedAt != nil {
		i.StartedAt = row.AttemptedAt.UTC()
	}
	if row.FinalizedAt != nil {
		i.FinishedAt = row.FinalizedAt.UTC()
	}
	if !i.State.Done() && i.State != Running {
		i.NextAt = row.ScheduledAt.UTC()
	}
	return i
}
