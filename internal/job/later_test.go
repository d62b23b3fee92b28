package job_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// A job that is put off comes again, without that counting as an attempt that went wrong; and while a job waits for an engine that does not
// answer, all others are worked.
func TestLater(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	j := open(t, db, func(o *job.Options) { o.Parallel = 1 })
	item := archive.NewID(archive.PrefixItem)
	var calls atomic.Int32
	stuck, free, worked := make(chan struct{}), make(chan struct{}), make(chan struct{}, 3)
	job.Register(j, func(ctx context.Context, _ job.Job[job.Transcribe]) error {
		if calls.Add(1) == 1 {
			return &job.Later{Err: context.DeadlineExceeded}
		}
		close(stuck)
		select { // an engine that takes its time
		case <-free:
		case <-ctx.Done():
		}
		return nil
	})
	job.Register(j, func(context.Context, job.Job[job.Quick]) error { worked <- struct{}{}; return nil })
	enqueue(t, db, j, job.Opts{}, job.Transcribe{Item: item})
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	wait := func(what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-time.After(30 * time.Second):
			t.Fatal(what)
		}
	}
	wait("the job did not come again", stuck)
	enqueue(t, db, j, job.Opts{}, job.Quick{Item: item}, job.Quick{Item: item}, job.Quick{Item: item})
	for range 3 {
		wait("another job waits behind the engine", worked)
	}
	list, err := j.List(t.Context(), job.Filter{Kinds: []string{"transcribe"}})
	if err != nil || len(list) != 1 || list[0].State != job.Running || list[0].Errors != 0 || list[0].Item != item {
		t.Errorf("%+v, %v", list, err)
	}
	close(free)
	if err := j.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}
