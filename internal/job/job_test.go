package job_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"zapis/internal/archive"
	"zapis/internal/job"
	"zapis/internal/store"
	"zapis/internal/store/storetest"
)

// open makes a queue that beats and polls fast.
func open(t testing.TB, db *store.DB, change func(*job.Options)) *job.Jobs {
	t.Helper()
	o := job.Options{
		Workers: true, WorkerID: archive.NewID(archive.PrefixWorker), Parallel: 2, MaxAttempts: 3,
		Heartbeat: 100 * time.Millisecond, DeadAfter: 2 * time.Second, Poll: 30 * time.Millisecond, Retry: 20 * time.Millisecond,
	}
	if change != nil {
		change(&o)
	}
	j, err := job.New(db, o)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func enqueue(t testing.TB, db *store.DB, j *job.Jobs, o job.Opts, args ...job.Args) {
	t.Helper()
	storetest.Write(t, db, func(tx *store.Tx) error {
		for _, a := range args {
			if err := j.EnqueueTx(context.Background(), tx, a, o); err != nil {
				return err
			}
		}
		return nil
	})
}

func drain(t testing.TB, j *job.Jobs) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	if err := j.Drain(ctx, nil); err != nil {
		t.Fatal(err)
	}
}

func one(t testing.TB, j *job.Jobs) job.Info {
	t.Helper()
	list, err := j.List(context.Background(), job.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 {
		t.Fatalf("%d jobs, 1 wanted: %+v", len(list), list)
	}
	return list[0]
}

// until waits for something that happens in another goroutine or process.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 1200 {
		if ok() {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	t.Fatal("waited in vain for: " + what)
}

var errGiveUp = errors.New("given up")

func TestJobExistsWithItsTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j := open(t, db, nil)
		item := archive.NewID(archive.PrefixItem)
		err := db.Write(ctx, func(tx *store.Tx) error {
			if err := j.EnqueueTx(ctx, tx, job.Quick{Item: item}, job.Opts{}); err != nil {
				return err
			}
			return errGiveUp
		})
		if !errors.Is(err, errGiveUp) {
			t.Fatal(err)
		}
		if list, err := j.List(ctx, job.Filter{}); err != nil || len(list) != 0 {
			t.Fatalf("a job of a transaction given up is there: %v %v", list, err)
		}
		enqueue(t, db, j, job.Opts{}, job.Quick{Item: item})
		got := one(t, j)
		if got.Kind != "quick" || got.Item != item || got.State != job.Available || got.Priority != 1 || got.MaxAttempts != 3 {
			t.Errorf("%+v", got)
		}
	})
}

func TestQuickBeforeFull(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := open(t, db, func(o *job.Options) { o.Parallel = 1 })
		var order []string
		note := func(kind string) { order = append(order, kind) } // one at a time
		job.Register(j, func(_ context.Context, r job.Job[job.Full]) error { note(r.Args.Kind()); return nil })
		job.Register(j, func(_ context.Context, r job.Job[job.Quick]) error { note(r.Args.Kind()); return nil })
		job.Register(j, func(_ context.Context, r job.Job[job.Fixity]) error { note(r.Args.Kind()); return nil })
		id := archive.NewID(archive.PrefixItem)
		enqueue(t, db, j, job.Opts{}, job.Full{Item: id}, job.Fixity{Scope: "all"}, job.Quick{Item: id}, job.Full{Item: id}, job.Quick{Item: id})
		drain(t, j)
		if got := strings.Join(order, " "); got != "quick quick fixity full full" {
			t.Error(got)
		}
		counts, err := j.Counts(context.Background())
		if err != nil || counts[job.Completed] != 5 || counts[job.Available] != 0 {
			t.Errorf("%v %v", counts, err)
		}
	})
}

func TestUnique(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := open(t, db, nil)
		var ran atomic.Int64
		job.Register(j, func(context.Context, job.Job[job.Quick]) error { ran.Add(1); return nil })
		a, b := archive.NewID(archive.PrefixItem), archive.NewID(archive.PrefixItem)
		enqueue(t, db, j, job.Opts{Unique: true}, job.Quick{Item: a}, job.Quick{Item: a}, job.Quick{Item: b})
		enqueue(t, db, j, job.Opts{Unique: true}, job.Quick{Item: a})
		drain(t, j)
		if ran.Load() != 2 {
			t.Errorf("ran %d times, 2 wanted", ran.Load())
		}
		enqueue(t, db, j, job.Opts{Unique: true}, job.Quick{Item: a}) // the first has ended, so this is a new one
		drain(t, j)
		if ran.Load() != 3 {
			t.Errorf("ran %d times, 3 wanted", ran.Load())
		}
		list, err := j.List(context.Background(), job.Filter{Item: a})
		if err != nil || len(list) != 2 {
			t.Errorf("jobs of one item: %v %v", list, err)
		}
	})
}

func TestRetriesAreBoundedAndErrorsAreClean(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j := open(t, db, nil)
		var tries atomic.Int64
		job.Register(j, func(_ context.Context, r job.Job[job.Quick]) error {
			if n := tries.Add(1); int(n) != r.Attempt {
				t.Errorf("attempt %d says it is %d", n, r.Attempt)
			}
			_, err := os.Open("/home/olena/secret film.mp4")
			return fmt.Errorf("probe item %s: %w: name %q", r.Args.Item, err, "Ivanenko 2022")
		})
		item := archive.NewID(archive.PrefixItem)
		enqueue(t, db, j, job.Opts{}, job.Quick{Item: item})
		drain(t, j)
		got := one(t, j)
		if tries.Load() != 3 || got.State != job.Discarded || got.Errors != 3 {
			t.Errorf("%d tries, %+v", tries.Load(), got)
		}
		for _, leak := range []string{"olena", "film", "Ivanenko", "/home"} {
			if strings.Contains(got.Error, leak) {
				t.Errorf("%q is in the stored error: %s", leak, got.Error)
			}
		}
		if !strings.Contains(got.Error, item) {
			t.Errorf("the identifier is not in the stored error: %s", got.Error)
		}
		if err := j.Retry(ctx, got.ID); err != nil {
			t.Fatal(err)
		}
		if got := one(t, j); got.State != job.Available {
			t.Errorf("after retry: %+v", got)
		}
		drain(t, j)
		if tries.Load() != 4 {
			t.Errorf("%d tries after a person asked for one more", tries.Load())
		}
		if err := j.Retry(ctx, 1<<40); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("retry of no job: %v", err)
		}
	})
}

func TestWorkerMayCallOffAndPanic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := open(t, db, nil)
		job.Register(j, func(context.Context, job.Job[job.Quick]) error {
			return fmt.Errorf("no decoder: %w", job.ErrCancel)
		})
		job.Register(j, func(context.Context, job.Job[job.Full]) error { panic("Olena was here") })
		enqueue(t, db, j, job.Opts{}, job.Quick{Item: archive.NewID(archive.PrefixItem)}, job.Full{Item: archive.NewID(archive.PrefixItem)})
		drain(t, j)
		list, err := j.List(context.Background(), job.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			switch {
			case i.Kind == "quick" && (i.State != job.Cancelled || i.Attempt != 1):
				t.Errorf("called off: %+v", i)
			case i.Kind == "full" && (i.State != job.Discarded || !strings.Contains(i.Error, "panicked with string") || strings.Contains(i.Error, "Olena")):
				t.Errorf("panicked: %+v", i)
			}
		}
	})
}

// complete is a worker that makes its result and its completion in one transaction.
func complete(db *store.DB, j *job.Jobs, value string) func(context.Context, job.Job[job.Quick]) error {
	return func(ctx context.Context, r job.Job[job.Quick]) error {
		return db.Write(ctx, func(tx *store.Tx) error {
			if err := tx.SetSetting(ctx, r.Args.Item, value); err != nil {
				return err
			}
			return j.CompleteTx(ctx, tx, r)
		})
	}
}

func setting(t testing.TB, db *store.DB, key string) (v string) {
	t.Helper()
	storetest.Read(t, db, func(tx *store.Tx) (err error) {
		v, _, err = tx.Setting(context.Background(), key)
		return err
	})
	return v
}

func TestCompletionSharesTheTransactionOfTheResult(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := open(t, db, nil)
		item := archive.NewID(archive.PrefixItem)
		var tries atomic.Int64
		job.Register(j, func(ctx context.Context, r job.Job[job.Quick]) error {
			if tries.Add(1) == 1 {
				err := db.Write(ctx, func(tx *store.Tx) error {
					if err := errors.Join(tx.SetSetting(ctx, r.Args.Item, "half"), j.CompleteTx(ctx, tx, r)); err != nil {
						return err
					}
					return errGiveUp
				})
				if setting(t, db, item) != "" || one(t, j).State != job.Running {
					t.Error("a transaction that was given up left something")
				}
				return err
			}
			return complete(db, j, "done")(ctx, r)
		})
		enqueue(t, db, j, job.Opts{}, job.Quick{Item: item})
		drain(t, j)
		if got := one(t, j); got.State != job.Completed || setting(t, db, item) != "done" || tries.Load() != 2 {
			t.Errorf("%+v %q, %d tries", got, setting(t, db, item), tries.Load())
		}
	})
}

func TestOnlyTheHolderCompletes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		j := open(t, db, nil)
		other := open(t, db, nil) // as if the job had been given to another worker
		item := archive.NewID(archive.PrefixItem)
		job.Register(j, func(ctx context.Context, r job.Job[job.Quick]) error {
			err := complete(db, other, "stolen")(ctx, r)
			if !errors.Is(err, job.ErrLeaseLost) || !errors.Is(err, archive.ErrConflict) {
				t.Errorf("another worker completed: %v", err)
			}
			late := r
			late.Attempt++
			if err := db.Write(ctx, func(tx *store.Tx) error { return j.CompleteTx(ctx, tx, late) }); !errors.Is(err, job.ErrLeaseLost) {
				t.Errorf("another attempt completed: %v", err)
			}
			return complete(db, j, "mine")(ctx, r)
		})
		enqueue(t, db, j, job.Opts{}, job.Quick{Item: item})
		drain(t, j)
		if v := setting(t, db, item); v != "mine" {
			t.Errorf("result %q", v)
		}
		done := one(t, j)
		err := db.Write(ctx, func(tx *store.Tx) error { return j.CompleteTx(ctx, tx, job.Job[job.Quick]{ID: done.ID, Attempt: 1}) })
		if !errors.Is(err, job.ErrLeaseLost) {
			t.Errorf("a job that has ended was completed again: %v", err)
		}
	})
}

func TestCancelReachesARunningJobOfAnotherProcess(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		j := open(t, db, nil)
		desk := open(t, db, func(o *job.Options) { o.Workers, o.WorkerID = false, "" })
		started := make(chan struct{})
		job.Register(j, func(ctx context.Context, r job.Job[job.Full]) error {
			j.Progress(ctx, r, "encode", 3, 10)
			close(started)
			<-ctx.Done()
			return ctx.Err()
		})
		enqueue(t, db, desk, job.Opts{}, job.Full{Item: archive.NewID(archive.PrefixItem)})
		if err := j.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer j.Stop(ctx)
		<-started
		running := one(t, desk)
		if running.State != job.Running || running.Progress.Step != "encode" || running.Progress.Done != 3 || running.Progress.Total != 10 {
			t.Errorf("%+v", running)
		}
		if err := desk.Retry(ctx, running.ID); !errors.Is(err, archive.ErrConflict) {
			t.Errorf("retry of a running job: %v", err)
		}
		if err := desk.Cancel(ctx, running.ID); err != nil {
			t.Fatal(err)
		}
		until(t, "the job to be cancelled", func() bool { return one(t, desk).State == job.Cancelled })
		if err := desk.Cancel(ctx, 1<<40); !errors.Is(err, archive.ErrNotFound) {
			t.Errorf("cancel of no job: %v", err)
		}
		if err := desk.Start(ctx); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("a queue without workers was started: %v", err)
		}
	})
}

func TestStopGivesRunningJobsBack(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := open(t, db, nil)
		started := make(chan struct{}, 8)
		job.Register(j, func(ctx context.Context, r job.Job[job.Full]) error {
			started <- struct{}{}
			<-ctx.Done()
			return fmt.Errorf("encode: %w", ctx.Err())
		})
		enqueue(t, db, j, job.Opts{}, job.Full{Item: archive.NewID(archive.PrefixItem)})
		if err := j.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		<-started
		soon, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := j.Stop(soon); err != nil {
			t.Fatal(err)
		}
		if got := one(t, j); got.State != job.Available || got.Errors != 0 {
			t.Errorf("after stop: %+v", got)
		}
		storetest.Read(t, db, func(tx *store.Tx) error {
			left, err := tx.Workers(context.Background())
			if len(left) != 0 {
				t.Errorf("workers after stop: %v", left)
			}
			return err
		})
		if err := j.Stop(context.Background()); err != nil {
			t.Errorf("stop twice: %v", err)
		}
	})
}

func TestScheduleCountsFromTheLatestCheck(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		var ran atomic.Int64
		run := func(every time.Duration) *job.Jobs {
			j := open(t, db, func(o *job.Options) {
				o.Schedule = func(context.Context) (time.Duration, string) { return every, "all" }
			})
			job.Register(j, func(_ context.Context, r job.Job[job.Fixity]) error {
				if r.Args.Scope != "all" {
					t.Errorf("scope %q", r.Args.Scope)
				}
				ran.Add(1)
				return nil
			})
			if err := j.Start(ctx); err != nil {
				t.Fatal(err)
			}
			return j
		}
		j := run(time.Hour)
		until(t, "the first check", func() bool { return ran.Load() == 1 })
		if err := j.Stop(ctx); err != nil {
			t.Fatal(err)
		}
		j = run(time.Hour) // started again within the hour: nothing is due
		time.Sleep(300 * time.Millisecond)
		if err := j.Stop(ctx); err != nil || ran.Load() != 1 {
			t.Errorf("ran %d times: %v", ran.Load(), err)
		}
		j = run(time.Nanosecond)
		until(t, "the second check", func() bool { return ran.Load() == 2 })
		if err := j.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t, store.SQLite)
	for name, o := range map[string]job.Options{
		"no worker id":       {Workers: true},
		"dead between beats": {Workers: true, WorkerID: archive.NewID(archive.PrefixWorker), Heartbeat: time.Minute},
	} {
		if _, err := job.New(db, o); !errors.Is(err, archive.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	j := open(t, db, nil)
	if _, err := j.List(context.Background(), job.Filter{Limit: 5000}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("limit: %v", err)
	}
	if _, err := j.List(context.Background(), job.Filter{Item: "x' OR 1=1"}); !errors.Is(err, archive.ErrInvalid) {
		t.Errorf("item: %v", err)
	}
}

func TestListPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		j := open(t, db, nil)
		for range 7 {
			enqueue(t, db, j, job.Opts{}, job.Quick{Item: archive.NewID(archive.PrefixItem)})
		}
		enqueue(t, db, j, job.Opts{At: time.Now().Add(time.Hour)}, job.Fixity{Scope: "all"})
		seen := map[int64]bool{}
		f := job.Filter{Limit: 3, Kinds: []string{"quick"}, States: []job.State{job.Available}}
		for {
			page, err := j.List(context.Background(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range page {
				if seen[i.ID] || i.Kind != "quick" {
					t.Errorf("seen twice or of another kind: %+v", i)
				}
				seen[i.ID] = true
				f.After = i.ID
			}
			if len(page) < 3 {
				break
			}
		}
		if len(seen) != 7 {
			t.Errorf("%d jobs, 7 wanted", len(seen))
		}
		later, err := j.List(context.Background(), job.Filter{States: []job.State{job.Scheduled}})
		if err != nil || len(later) != 1 || later[0].NextAt.Before(time.Now()) {
			t.Errorf("%+v %v", later, err)
		}
	})
}

// TestMain is also the worker that gets killed: with ZAPIS_TEST_WORKER set this program works until then.
func TestMain(m *testing.M) {
	if os.Getenv("ZAPIS_TEST_WORKER") != "" {
		childWorker()
		return
	}
	os.Exit(m.Run())
}

func childWorker() {
	ctx := context.Background()
	key := []byte(os.Getenv("ZAPIS_TEST_KEY"))
	db, err := store.Open(ctx, store.Options{URL: os.Getenv("ZAPIS_TEST_DATABASE"), Key: key})
	if err != nil {
		fmt.Println("open:", err)
		os.Exit(1)
	}
	j, err := job.New(db, job.Options{
		Workers: true, WorkerID: os.Getenv("ZAPIS_TEST_WORKER"), Parallel: 2,
		Heartbeat: 100 * time.Millisecond, DeadAfter: 2 * time.Second, Poll: 30 * time.Millisecond,
	})
	if err != nil {
		fmt.Println("jobs:", err)
		os.Exit(1)
	}
	var once sync.Once
	job.Register(j, func(ctx context.Context, r job.Job[job.Quick]) error {
		once.Do(func() { fmt.Println("working") })
		<-ctx.Done()
		return ctx.Err()
	})
	if err := j.Start(ctx); err != nil {
		fmt.Println("start:", err)
		os.Exit(1)
	}
	select {}
}

// A worker that is killed with SIGKILL loses no job, and its death does not use up an attempt.
func TestKilledWorkerLosesNoJob(t *testing.T) {
	t.Parallel()
	storetest.EachEngine(t, func(t *testing.T, engine string) {
		db, o := storetest.OpenWith(t, engine, func(o *store.Options) {
			if o.Key != nil {
				o.Key = []byte("0123456789abcdef0123456789abcdef") // goes through the environment
			}
		})
		j := open(t, db, func(o *job.Options) { o.MaxAttempts = 1 })
		var items []job.Args
		for range 5 {
			items = append(items, job.Quick{Item: archive.NewID(archive.PrefixItem)})
		}
		enqueue(t, db, j, job.Opts{}, items...)

		victim := archive.NewID(archive.PrefixWorker)
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), "ZAPIS_TEST_WORKER="+victim, "ZAPIS_TEST_DATABASE="+o.URL, "ZAPIS_TEST_KEY="+string(o.Key))
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		said := make([]byte, 256)
		n, err := out.Read(said)
		if err != nil || !strings.HasPrefix(string(said[:n]), "working") {
			t.Fatalf("the worker did not start: %q %v", said[:n], err)
		}
		until(t, "two jobs to run", func() bool {
			counts, err := j.Counts(context.Background())
			return err == nil && counts[job.Running] == 2
		})
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = child.Wait() // killed, as it should be

		var ran sync.Map
		job.Register(j, func(ctx context.Context, r job.Job[job.Quick]) error {
			ran.Store(r.Args.Item, true)
			return complete(db, j, "done")(ctx, r)
		})
		drain(t, j)
		for _, a := range items {
			if _, ok := ran.Load(a.(job.Quick).Item); !ok {
				t.Errorf("job for %s was lost", a.(job.Quick).Item)
			}
		}
		list, err := j.List(context.Background(), job.Filter{})
		if err != nil {
			t.Fatal(err)
		}
		orphans := 0
		for _, i := range list {
			if i.State != job.Completed || i.Attempt != 1 {
				t.Errorf("%+v", i)
			}
			if strings.Contains(i.Error, victim) {
				orphans++
			}
		}
		if orphans != 2 {
			t.Errorf("%d jobs tell of the dead worker, 2 wanted", orphans)
		}
	})
}
