package store

import (
	"context"
	"time"
)

// Worker is a process that works on jobs.
type Worker struct {
	ID        string
	StartedAt time.Time
	SeenAt    time.Time
}

// Progress is how far a job has come.
type Progress struct {
	Job   int64
	Step  string // code
	Done  int64
	Total int64 // 0 if not known
	At    time.Time
}

// Heartbeat notes that a worker is alive at now.
func (tx *Tx) Heartbeat(ctx context.Context, worker string, now time.Time) error { return errLater }

// Workers gives all workers.
func (tx *Tx) Workers(ctx context.Context) ([]Worker, error) { return nil, errLater }

// DeadWorkers gives the workers not seen since a time.
func (tx *Tx) DeadWorkers(ctx context.Context, since time.Time) ([]Worker, error) {
	return nil, errLater
}

// RemoveWorker forgets a worker.
func (tx *Tx) RemoveWorker(ctx context.Context, id string) error { return errLater }

// SetProgress notes how far a job has come.
func (tx *Tx) SetProgress(ctx context.Context, p Progress) error { return errLater }

// ProgressOf gives the progress of the jobs that have one.
func (tx *Tx) ProgressOf(ctx context.Context, jobs []int64) (map[int64]Progress, error) {
	return nil, errLater
}

// ClearProgress forgets the progress of a job.
func (tx *Tx) ClearProgress(ctx context.Context, job int64) error { return errLater }
